// SPDX-License-Identifier: GPL-2.0-or-later
/* Configurations: what is refused says why, and changes nothing */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "site.h"

/* The refusal's errno, and a part of its message */
static void assert_refused(struct qkdtls_config *config, int ret, int error, const char *part)
{
	assert_int_equal(ret, error);
	if (!strstr(qkdtls_config_message(config), part))
		print_message("# \"%s\" lacks \"%s\"\n", qkdtls_config_message(config), part);
	assert_non_null(strstr(qkdtls_config_message(config), part));
}

static void certificate_files_are_checked(void **state)
{
	struct qkdtls_config *config = qkdtls_config_new();
	struct pki *pki = *state;
	const char *chain = pki_path(pki, "server.pem"), *key = pki_path(pki, "server.key");
	const char *empty = pki_write(pki, "empty", "", 0600);
	const char *rubbish = pki_write(pki, "rubbish", "-----BEGIN RUBBISH-----\n", 0600);

	assert_int_equal(qkdtls_config_set_certificate(config, chain, key), 0);
	assert_string_equal(qkdtls_config_message(config), "");
	assert_refused(config, qkdtls_config_set_certificate(config, "/nowhere", key), -EINVAL,
		       "/nowhere: No such file");
	assert_refused(config, qkdtls_config_set_certificate(config, chain, "/nowhere"), -EINVAL,
		       "/nowhere: No such file");
	assert_refused(config, qkdtls_config_set_certificate(config, empty, key), -EINVAL,
		       "/empty: ");
	assert_refused(config, qkdtls_config_set_certificate(config, chain, empty), -EINVAL,
		       "/empty: ");
	assert_refused(config, qkdtls_config_set_certificate(config, rubbish, key), -EINVAL,
		       "/rubbish: ");
	assert_refused(config, qkdtls_config_set_certificate(config, chain, rubbish), -EINVAL,
		       "/rubbish: ");
	assert_refused(config, qkdtls_config_set_certificate(config, key, key), -EINVAL,
		       "/server.key: ");
	assert_refused(config,
		       qkdtls_config_set_certificate(config, chain, pki_path(pki, "client.key")),
		       -EINVAL, "client.key: ");
	assert_refused(config,
		       qkdtls_config_set_certificate(config, pki_path(pki, "nosign.pem"),
						     pki_path(pki, "nosign.key")),
		       -EINVAL, "nosign.pem: ");
	assert_refused(config,
		       qkdtls_config_set_certificate(config, pki_path(pki, "p521.pem"),
						     pki_path(pki, "p521.key")),
		       -EOPNOTSUPP, "p521.key: ");
	qkdtls_config_unref(config);
}

static void key_files_open_to_others_are_refused(void **state)
{
	static const mode_t modes[] = { 0640, 0604, 0620, 0602, 0610, 0601 };
	struct qkdtls_config *config = qkdtls_config_new();
	struct pki *pki = *state;
	const char *chain = pki_path(pki, "client.pem"), *key = pki_path(pki, "client.key");

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		assert_int_equal(chmod(key, modes[i]), 0);
		assert_refused(config, qkdtls_config_set_certificate(config, chain, key), -EPERM,
			       "client.key: ");
	}
	assert_int_equal(chmod(key, 0600), 0);
	assert_int_equal(qkdtls_config_set_certificate(config, chain, key), 0);
	qkdtls_config_unref(config);
}

static void trust_files_are_checked(void **state)
{
	struct qkdtls_config *config = qkdtls_config_new();
	struct pki *pki = *state;

	assert_int_equal(qkdtls_config_set_trust(config, pki_path(pki, "ca.pem")), 0);
	assert_refused(config, qkdtls_config_set_trust(config, "/nowhere"), -EINVAL,
		       "/nowhere: No such file");
	assert_refused(config, qkdtls_config_set_trust(config, pki_path(pki, "server.key")),
		       -EINVAL, "server.key: ");
	assert_refused(config, qkdtls_config_set_trust(config, "/"), -EINVAL, "/: ");
	qkdtls_config_unref(config);
}

static void groups_are_checked(void **state)
{
	struct qkdtls_config *config = qkdtls_config_new();

	assert_refused(config, qkdtls_config_set_groups(config, "x25519", false), -EPERM,
		       "groups: x25519 has no post-quantum part");
	assert_int_equal(qkdtls_config_set_groups(config, "x25519", true), 0);
	assert_string_equal(qkdtls_config_message(config), "");
	assert_refused(config, qkdtls_config_set_groups(config, "", true), -EINVAL, "groups: ");
	assert_refused(config, qkdtls_config_set_groups(config, "x448", true), -EINVAL,
		       "groups: \"x448\"");
	assert_refused(config, qkdtls_config_set_groups(config, "x25519:x25519", true), -EINVAL,
		       "groups: \"x25519\"");
	assert_refused(config, qkdtls_config_set_groups(config, "x25519:", true), -EINVAL,
		       "groups: \"\"");
	if (!site_has_group(SITE_HYBRID))
		assert_refused(config, qkdtls_config_set_groups(config, SITE_HYBRID, false),
			       -EOPNOTSUPP, "this libcrypto lacks X25519MLKEM768");
	else
		assert_int_equal(qkdtls_config_set_groups(config, SITE_HYBRID, false), 0);
	qkdtls_config_unref(config);
}

static void ciphers_are_checked(void **state)
{
	struct qkdtls_config *config = qkdtls_config_new();

	assert_int_equal(qkdtls_config_set_ciphers(config, "TLS_AES_128_GCM_SHA256"), 0);
	assert_refused(config, qkdtls_config_set_ciphers(config, "TLS_AES_128_CCM_8_SHA256"),
		       -EINVAL, "ciphers: \"TLS_AES_128_CCM_8_SHA256\"");
	assert_refused(config, qkdtls_config_set_ciphers(config, ":"), -EINVAL, "ciphers: ");
	qkdtls_config_unref(config);
}

static void peer_names_are_checked(void **state)
{
	struct qkdtls_config *config = qkdtls_config_new();
	char longest[255];

	memset(longest, 'a', sizeof(longest));
	longest[254] = '\0';
	assert_refused(config, qkdtls_config_set_peer_name(config, longest), -EINVAL,
		       "1 to 253 characters");
	longest[253] = '\0';
	assert_int_equal(qkdtls_config_set_peer_name(config, longest), 0);
	assert_refused(config, qkdtls_config_set_peer_name(config, ""), -EINVAL,
		       "1 to 253 characters");
	assert_refused(config, qkdtls_config_set_peer_name(config, "*.example"), -EINVAL,
		       "character 1 ");
	assert_refused(config, qkdtls_config_set_peer_name(config, "a b"), -EINVAL, "character 2 ");
	assert_refused(config, qkdtls_config_set_peer_name(config, "z\xc3\xbcrich"), -EINVAL,
		       "character 2 ");
	qkdtls_config_unref(config);
}

static void policies_are_checked(void **state)
{
	struct qkdtls_config *config = qkdtls_config_new();

	assert_refused(config, qkdtls_config_set_policy(config, (enum qkdtls_policy)3), -EINVAL,
		       "policy: 3");
	qkdtls_config_unref(config);
}

/* What a role still lacks, step by step */
static void incomplete_configurations_say_what_is_missing(void **state)
{
	struct qkdtls_config *config = qkdtls_config_new();
	uint8_t context[QKDTLS_LINK_CONTEXT_LEN] = { 0 };
	struct pki *pki = *state;

	if (!site_has_group(SITE_HYBRID))
		assert_refused(config, qkdtls_config_check(config, QKDTLS_CLIENT), -EINVAL,
			       "no ML-KEM");
	assert_int_equal(qkdtls_config_set_groups(config, "x25519", true), 0);
	assert_refused(config, qkdtls_config_check(config, QKDTLS_CLIENT), -EINVAL,
		       "needs PSKs and none are set up");
	assert_null(qkdtls_conn_new(config, QKDTLS_CLIENT, &keyring_ops, NULL));
	assert_int_equal(qkdtls_config_set_psk_imported(config, context), 0);
	assert_refused(config, qkdtls_config_check(config, QKDTLS_SERVER), -EINVAL,
		       "a server needs a certificate");
	assert_refused(config, qkdtls_config_check(config, QKDTLS_CLIENT), -EINVAL,
		       "a client needs a peer name");
	assert_int_equal(qkdtls_config_set_peer_name(config, "zurich"), 0);
	assert_refused(config, qkdtls_config_check(config, QKDTLS_CLIENT), -EINVAL,
		       "trust anchors are needed");
	assert_int_equal(qkdtls_config_set_certificate(config, pki_path(pki, "server.pem"),
						       pki_path(pki, "server.key")),
			 0);
	assert_int_equal(qkdtls_config_check(config, QKDTLS_SERVER), 0);
	assert_int_equal(qkdtls_config_set_verify_client(config, true), 0);
	assert_refused(config, qkdtls_config_check(config, QKDTLS_SERVER), -EINVAL,
		       "trust anchors are needed");
	assert_int_equal(qkdtls_config_set_trust(config, pki_path(pki, "ca.pem")), 0);
	assert_int_equal(qkdtls_config_check(config, QKDTLS_SERVER), 0);
	assert_int_equal(qkdtls_config_check(config, QKDTLS_CLIENT), 0);
	assert_string_equal(qkdtls_config_message(config), "");
	assert_int_equal(qkdtls_config_set_policy(config, QKDTLS_PSK_ONLY), 0);
	assert_refused(config, qkdtls_config_check(config, QKDTLS_SERVER), -EINVAL,
		       "cannot be asked for under policy psk-only");
	qkdtls_config_unref(config);
}

static void external_keys_need_a_suite_of_their_hash(void **state)
{
	struct qkdtls_config *config = qkdtls_config_new();

	assert_int_equal(qkdtls_config_set_groups(config, "x25519", true), 0);
	assert_int_equal(qkdtls_config_set_policy(config, QKDTLS_PSK_ONLY), 0);
	assert_int_equal(qkdtls_config_set_psk_external(config, true), 0);
	assert_int_equal(qkdtls_config_check(config, QKDTLS_CLIENT), 0);
	assert_int_equal(qkdtls_config_set_ciphers(config, "TLS_AES_128_GCM_SHA256"), 0);
	assert_refused(config, qkdtls_config_check(config, QKDTLS_CLIENT), -EINVAL,
		       "no cipher suite has the hash of the PSKs");
	qkdtls_config_unref(config);
}

static void connections_need_a_source_of_keys(void **state)
{
	static const struct qkdtls_psk_ops none;
	const struct site_options requires = { 0 }, prefers = { .policy = QKDTLS_PREFER };
	struct qkdtls_config *config = site_config(*state, QKDTLS_CLIENT, &requires);
	struct qkdtls_conn *conn;

	assert_null(qkdtls_conn_new(config, QKDTLS_CLIENT, NULL, NULL));
	assert_null(qkdtls_conn_new(config, QKDTLS_CLIENT, &none, NULL));
	qkdtls_config_unref(config);
	config = site_config(*state, QKDTLS_SERVER, &prefers);
	assert_null(qkdtls_conn_new(config, QKDTLS_SERVER, &none, NULL));
	conn = qkdtls_conn_new(config, QKDTLS_SERVER, NULL, NULL);
	assert_non_null(conn);
	qkdtls_config_unref(config);
	qkdtls_conn_free(conn);
	qkdtls_conn_free(NULL);
	qkdtls_config_unref(NULL);
}

/* Computed by other means: sha256(b"qkd-tls link v1" + b"\x06geneva" + b"\x06zurich") in Python */
static void link_contexts_are_the_designed_hash(void **state)
{
	static const uint8_t expected[QKDTLS_LINK_CONTEXT_LEN] = {
		0xd1, 0x18, 0x90, 0xfa, 0x52, 0xa8, 0xe4, 0xe7, 0xcd, 0xc1, 0x83,
		0x8b, 0x9e, 0x76, 0xd2, 0x1e, 0xcf, 0xe8, 0x88, 0x3f, 0x79, 0x12,
		0x79, 0x27, 0xc5, 0xcb, 0x77, 0xae, 0x00, 0x2d, 0xfe, 0xae
	};
	uint8_t context[QKDTLS_LINK_CONTEXT_LEN], other[QKDTLS_LINK_CONTEXT_LEN];
	char longest[257];

	assert_int_equal(qkdtls_link_context("geneva", "zurich", context), 0);
	assert_memory_equal(context, expected, sizeof(expected));
	assert_int_equal(qkdtls_link_context("zurich", "geneva", other), 0);
	assert_memory_not_equal(context, other, sizeof(context));
	memset(longest, 'a', sizeof(longest));
	longest[256] = '\0';
	assert_int_equal(qkdtls_link_context(longest, "zurich", context), -EINVAL);
	assert_int_equal(qkdtls_link_context("geneva", longest, context), -EINVAL);
	longest[255] = '\0';
	assert_int_equal(qkdtls_link_context(longest, longest, context), 0);
	assert_int_equal(qkdtls_link_context("", "zurich", context), -EINVAL);
	assert_int_equal(qkdtls_link_context("geneva", "", context), -EINVAL);
}

static void names_are_iana_names(void **state)
{
	assert_string_equal(qkdtls_alert_name(QKDTLS_ALERT_DECRYPT_ERROR), "decrypt_error");
	assert_string_equal(qkdtls_alert_name(QKDTLS_ALERT_NONE), "none");
	assert_string_equal(qkdtls_alert_name((enum qkdtls_alert)200), "alert 200");
	assert_string_equal(qkdtls_suite_name(0x1302), "TLS_AES_256_GCM_SHA384");
	assert_string_equal(qkdtls_suite_name(0), "unknown");
	assert_string_equal(qkdtls_group_name(0x11ec), "X25519MLKEM768");
	assert_string_equal(qkdtls_signature_name(0x0403), "ecdsa_secp256r1_sha256");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(certificate_files_are_checked),
		cmocka_unit_test(key_files_open_to_others_are_refused),
		cmocka_unit_test(trust_files_are_checked),
		cmocka_unit_test(groups_are_checked),
		cmocka_unit_test(ciphers_are_checked),
		cmocka_unit_test(peer_names_are_checked),
		cmocka_unit_test(policies_are_checked),
		cmocka_unit_test(incomplete_configurations_say_what_is_missing),
		cmocka_unit_test(external_keys_need_a_suite_of_their_hash),
		cmocka_unit_test(connections_need_a_source_of_keys),
		cmocka_unit_test(link_contexts_are_the_designed_hash),
		cmocka_unit_test(names_are_iana_names),
	};

	return cmocka_run_group_tests(tests, site_setup, site_teardown);
}
