// SPDX-License-Identifier: GPL-2.0-or-later
/* The command line of qkdtls */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <getopt.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/log.h"
#include "qkdtls/options.h"

#define ARGS_MAX 64

static enum options_result parse(const char *line, struct options *options)
{
	static char copy[512];
	char *argv[ARGS_MAX + 1] = { (char *)"qkdtls" };
	char *save, *word;
	int argc = 1;

	snprintf(copy, sizeof(copy), "%s", line);
	for (word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save)) {
		assert_true(argc < ARGS_MAX);
		argv[argc++] = word;
	}
	optind = 0; /* glibc: start anew */
	return options_parse(argc, argv, options);
}

static void full_client_is_understood(void **state)
{
	struct options o;

	assert_int_equal(
		parse("client zurich.example:443 --keys k --local-sae a --peer-sae b "
		      "--ca ca.pem --crl l.pem --ocsp-staple o.der --ocsp-required --cert c.pem --key c.key --name n --policy prefer "
		      "--groups x25519 --allow-classical-groups --ciphers c "
		      "--signatures ed25519 --chain-signatures mldsa65 "
		      "--timeout 600 --records own --keylog log --alpn a,b --record-size-limit 64 "
		      "--key-update-records 16776192 --key-update-bytes 18446744073709551615 "
		      "--key-update-seconds 31536000 --spare-key",
		      &o),
		OPTIONS_RUN);
	assert_int_equal(o.role, QKDTLS_CLIENT);
	assert_string_equal(o.address.host, "zurich.example");
	assert_string_equal(o.keys, "k");
	assert_string_equal(o.local_sae, "a");
	assert_string_equal(o.peer_sae, "b");
	assert_string_equal(o.ca, "ca.pem");
	assert_string_equal(o.crl, "l.pem");
	assert_string_equal(o.ocsp_staple, "o.der");
	assert_true(o.ocsp_required);
	assert_string_equal(o.cert, "c.pem");
	assert_string_equal(o.key, "c.key");
	assert_string_equal(o.name, "n");
	assert_string_equal(o.groups, "x25519");
	assert_string_equal(o.ciphers, "c");
	assert_string_equal(o.signatures, "ed25519");
	assert_string_equal(o.chain_signatures, "mldsa65");
	assert_string_equal(o.keylog, "log");
	assert_string_equal(o.alpn, "a,b");
	assert_int_equal(o.record_size_limit, 64);
	assert_int_equal(o.key_records, 16776192);
	assert_true(o.key_bytes == UINT64_MAX);
	assert_int_equal(o.key_seconds, 31536000);
	assert_true(o.spare_key);
	assert_int_equal(o.policy, QKDTLS_PREFER);
	assert_int_equal(o.psk_mode, PSK_MODE_IMPORTED);
	assert_int_equal(o.timeout_s, 600);
	assert_int_equal(o.records, RECORDS_OWN);
	assert_true(o.allow_classical);
	assert_false(o.verify_client || o.echo || o.once);
}

static void defaults_are_the_strict_ones(void **state)
{
	struct options o;

	assert_int_equal(parse("server :4433 --link l --cert c --key k", &o), OPTIONS_RUN);
	assert_int_equal(o.role, QKDTLS_SERVER);
	assert_int_equal(o.policy, QKDTLS_REQUIRE);
	assert_int_equal(o.psk_mode, PSK_MODE_IMPORTED);
	assert_int_equal(o.records, RECORDS_AUTO);
	assert_int_equal(o.timeout_s, 10);
	assert_false(o.allow_classical || o.verify_client || o.echo || o.once || o.psk_sha384);
	assert_null(o.keylog);
	assert_null(o.alpn);
	assert_int_equal(o.record_size_limit | o.key_records | o.key_bytes | o.key_seconds, 0);
	assert_false(o.spare_key);
}

static void psk_file_is_external_unless_imported(void **state)
{
	struct options o;

	assert_int_equal(parse("client h:1 --policy psk-only --psk-file f --psk-identity i", &o),
			 OPTIONS_RUN);
	assert_int_equal(o.psk_mode, PSK_MODE_EXTERNAL);
	assert_int_equal(parse("client h:1 --policy psk-only --psk-file f --psk-identity i "
			       "--psk-hash sha384",
			       &o),
			 OPTIONS_RUN);
	assert_true(o.psk_sha384);
	assert_int_equal(parse("client h:1 --policy psk-only --psk-file f --psk-identity i "
			       "--psk-mode imported --local-sae a --peer-sae b",
			       &o),
			 OPTIONS_RUN);
	assert_int_equal(o.psk_mode, PSK_MODE_IMPORTED);
}

static void only_prefer_goes_without_key(void **state)
{
	struct options o;

	assert_int_equal(parse("client h:1 --ca c --policy prefer", &o), OPTIONS_RUN);
	assert_int_equal(parse("client h:1 --ca c --policy require", &o), OPTIONS_USAGE);
	assert_int_equal(parse("client h:1 --ca c", &o), OPTIONS_USAGE);
	assert_int_equal(parse("client h:1 --policy psk-only", &o), OPTIONS_USAGE);
}

static void wrong_usage_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"client",
		"peer h:1 --link l --ca c",
		"client h:1 extra --link l --ca c",
		"client h --link l --ca c",
		"client :1 --link l --ca c",
		"client h:1 --link l --ca c --unknown",
		"client h:1 --link l --ca c --policy none",
		"client h:1 --link l --ca c --policy",
		"client h:1 --link l --ca c --records kernel,own",
		"client h:1 --link l --ca c --timeout 0",
		"client h:1 --link l --ca c --timeout 601",
		"client h:1 --link l --ca c --timeout 1s",
		"client h:1 --link l --ca c --record-size-limit 63",
		"client h:1 --link l --ca c --record-size-limit 16386",
		"client h:1 --link l --ca c --key-update-records 0",
		"client h:1 --link l --ca c --key-update-records 16776193",
		"client h:1 --link l --ca c --key-update-bytes 16383",
		"client h:1 --link l --ca c --key-update-bytes 18446744073709551616",
		"client h:1 --link l --ca c --key-update-seconds 0",
		"client h:1 --link l --ca c --key-update-seconds 31536001",
		"client h:1 --link l --ca c --alpn=",
		"server :1 --link l --cert c --key k --spare-key",
		"client h:1 --ca c --psk-file f --psk-identity i --spare-key",
		"client h:1 --link l --ca=",
		"client h:1 --link l",
		"client h:1 --link l --ca c --cert c",
		"client h:1 --link l --ca c --key k",
		"client h:1 --link l --ca c --echo",
		"client h:1 --link l --ca c --once",
		"client h:1 --link l --ca c --verify-client",
		"client h:1 --link l --keys k --ca c",
		"client h:1 --keys k --ca c",
		"client h:1 --keys k --local-sae a --ca c",
		"client h:1 --link l --ca c --psk-identity i",
		"client h:1 --ca c --psk-file f",
		"client h:1 --link l --ca c --psk-mode external",
		"client h:1 --link l --ca c --psk-hash sha384",
		"client h:1 --link l --ca c --allow-classical-groups",
		"server :1 --link l",
		"server :1 --link l --cert c --key k --verify-client",
		"server :1 --policy psk-only --psk-file f --psk-identity i --verify-client --ca c",
		"client h:1 --link l --ca c --ocsp-staple o",
		"server :1 --link l --cert c --key k --crl l",
		"server :1 --link l --cert c --key k --ocsp-required",
		"client h:1 --policy psk-only --psk-file f --psk-identity i --crl l",
		"client h:1 --policy psk-only --psk-file f --psk-identity i --ocsp-required",
	};
	struct options o;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		if (parse(bad[i], &o) != OPTIONS_USAGE)
			fail_msg("accepted: %s", bad[i]);
	}
}

/* What --help prints would pass for test results, so it is sent elsewhere. */
static void help_and_version_are_answers(void **state)
{
	int saved = dup(STDOUT_FILENO), null = open("/dev/null", O_WRONLY);
	enum options_result results[3];
	struct options o;

	assert_true(saved >= 0 && null >= 0);
	fflush(stdout);
	dup2(null, STDOUT_FILENO);
	results[0] = parse("--help", &o);
	results[1] = parse("client -h", &o);
	results[2] = parse("--version", &o);
	fflush(stdout);
	dup2(saved, STDOUT_FILENO);
	close(saved);
	close(null);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(results[i], OPTIONS_ANSWERED);
}

static int group_setup(void **state)
{
	log_init("qkdtls");
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(full_client_is_understood),
		cmocka_unit_test(defaults_are_the_strict_ones),
		cmocka_unit_test(psk_file_is_external_unless_imported),
		cmocka_unit_test(only_prefer_goes_without_key),
		cmocka_unit_test(wrong_usage_is_refused),
		cmocka_unit_test(help_and_version_are_answers),
	};

	return cmocka_run_group_tests_name("qkdtls_options", tests, group_setup, NULL);
}
