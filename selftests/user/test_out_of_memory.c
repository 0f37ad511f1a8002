// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory that is not there: each allocation of the engine and of libcrypto fails once, in every kind of handshake,
 * and never is anything worse the result than a connection that has failed on its own.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/ocsp.h>

#include "authority.h"
#include "memory.h"
#include "site.h"
#include "tls/internal.h"

/* ---- Handshakes ---- */

/**
 * struct kind - of handshake
 * @client, @server: options of each end
 * @crl, @staple: files; either end has the certificate that they are about, and insists on both
 * @pinned: either end trusts a bare key
 * @spare: two keys are on offer, and the server has the second one only
 * @other_secret: the two ends hold different bytes under one ID
 * @refused: it must fail, whatever else does
 */
struct kind {
	const char *name;
	struct site_options client, server;
	const char *crl, *staple;
	bool pinned;
	bool spare;
	bool other_secret;
	bool refused;
};

#define WITH_CLIENT_CERT .verify_client = true

static const struct kind kinds[] = {
	{ "PSK and certificate", { .groups = "x25519" }, { .groups = "x25519" } },
	{ "hybrid group", { .groups = SITE_HYBRID }, { .groups = SITE_HYBRID } },
	{ "HelloRetryRequest", { .groups = "x25519:secp256r1" }, { .groups = "secp256r1" } },
	{ "client certificate",
	  { .groups = "x25519", WITH_CLIENT_CERT },
	  { .groups = "x25519", WITH_CLIENT_CERT } },
	{ "PSK alone",
	  { .groups = "x25519", .policy = QKDTLS_PSK_ONLY },
	  { .groups = "x25519", .policy = QKDTLS_PSK_ONLY } },
	{ "certificate alone",
	  { .groups = SITE_HYBRID, .policy = QKDTLS_PREFER, .psk = SITE_NO_PSK },
	  { .groups = SITE_HYBRID, .policy = QKDTLS_PREFER, .psk = SITE_NO_PSK } },
	{ "list and staple",
	  { .groups = "x25519", WITH_CLIENT_CERT },
	  { .groups = "x25519", WITH_CLIENT_CERT },
	  .crl = "oom.crl",
	  .staple = "oom.ocsp" },
	{ "pinned keys",
	  { .groups = "x25519", WITH_CLIENT_CERT },
	  { .groups = "x25519", WITH_CLIENT_CERT },
	  .pinned = true },
	{ "spare key, protocol, small records",
	  { .groups = "x25519", .alpn = "a,b", .record_limit = 64 },
	  { .groups = "x25519", .alpn = "b", .record_limit = 64 },
	  .spare = true },

	{ "revoked by a list",
	  { .groups = "x25519", WITH_CLIENT_CERT },
	  { .groups = "x25519", WITH_CLIENT_CERT },
	  .crl = "oom-revoked.crl",
	  .staple = "oom.ocsp",
	  .refused = true },
	{ "revoked by a response",
	  { .groups = "x25519", WITH_CLIENT_CERT },
	  { .groups = "x25519", WITH_CLIENT_CERT },
	  .crl = "oom.crl",
	  .staple = "oom-revoked.ocsp",
	  .refused = true },
	{ "other CA", { .groups = "x25519" }, { .certificate = "stranger" }, .refused = true },
	{ "other name", { .peer_name = "basel.example" }, { .groups = "x25519" }, .refused = true },
	{ "outdated", { .groups = "x25519" }, { .certificate = "expired" }, .refused = true },
	{ "wrong binder",
	  { .groups = "x25519" },
	  { .groups = "x25519" },
	  .other_secret = true,
	  .refused = true },
};

/* @fresh: chains that were good before are forgotten before each handshake. */
struct ends {
	struct qkdtls_config *config[2];
	const struct kind *kind;
	bool fresh;
};

static bool open_ends(struct loopback *lb, const struct ends *ends)
{
	loopback_init(lb, NULL, NULL);
	keyring_add(&lb->ring[QKDTLS_CLIENT], 50, 16);
	if (ends->kind->spare)
		lb->ring[QKDTLS_SERVER].key[0] = lb->ring[QKDTLS_CLIENT].key[1];
	if (ends->kind->other_secret)
		lb->ring[QKDTLS_SERVER].key[0].secret[0] ^= 1;
	for (int role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++) {
		lb->end[role] =
			qkdtls_conn_new(ends->config[role], role, &keyring_ops, &lb->ring[role]);
		if (!lb->end[role])
			return false;
	}
	return true;
}

/* What went well may be used, under keys that both have. */
static void assert_agreed(struct loopback *lb)
{
	uint8_t a[32], b[32];

	assert_int_equal(qkdtls_export(lb->end[0], "test", NULL, 0, a, sizeof(a)), 0);
	assert_int_equal(qkdtls_export(lb->end[1], "test", NULL, 0, b, sizeof(b)), 0);
	assert_memory_equal(a, b, sizeof(a));
	assert_true(loopback_echo(lb, QKDTLS_CLIENT, "there", 5));
	assert_true(loopback_echo(lb, QKDTLS_SERVER, "back", 4));
}

static void assert_sound(struct loopback *lb)
{
	const struct keyring *ring = &lb->ring[QKDTLS_SERVER];

	for (int role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++) {
		assert_in_set(lb->want[role],
			      ((const uintmax_t[]){ QKDTLS_DONE, QKDTLS_FAILED, QKDTLS_WANT_READ }),
			      3);
		if (lb->want[role] == QKDTLS_FAILED)
			assert_true(qkdtls_to_errno(lb->end[role]) < 0);
	}
	assert_false(ring->misused);
	assert_int_equal(ring->found, ring->committed + ring->released);
	/* A lack of memory is nobody's wrong binder. */
	assert_true(!ring->mismatched || qkdtls_to_errno(lb->end[QKDTLS_SERVER]) == -EKEYREJECTED);
	if (lb->want[QKDTLS_CLIENT] == QKDTLS_DONE && lb->want[QKDTLS_SERVER] == QKDTLS_DONE)
		assert_agreed(lb);
}

/* An end that has no memory for its alert says nothing: the other hears of it by the end of the stream. */
static void end_streams(struct loopback *lb)
{
	assert_true(lb->want[QKDTLS_CLIENT] == QKDTLS_FAILED ||
		    lb->want[QKDTLS_SERVER] == QKDTLS_FAILED);
	for (int role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++) {
		if (lb->want[role] == QKDTLS_FAILED)
			continue;
		qkdtls_input_eof(lb->end[role]);
		lb->want[role] = qkdtls_handshake(lb->end[role]);
		assert_int_equal(lb->want[role], QKDTLS_FAILED);
	}
}

static void forget_known(const struct ends *ends)
{
	for (int role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++)
		qkdtls_known_clear(&ends->config[role]->known);
}

/* With the @n-th allocation failing; true: there are not so many, or none failed and all is well */
static bool run_failing(const struct ends *ends, unsigned long n)
{
	struct loopback lb;
	bool opened, over;

	if (ends->fresh)
		forget_known(ends);
	memory_countdown = n;
	opened = open_ends(&lb, ends);
	if (opened && !loopback_run(&lb))
		end_streams(&lb);
	over = memory_countdown;
	memory_countdown = 0;
	if (opened)
		assert_sound(&lb);
	for (int role = QKDTLS_CLIENT; role <= QKDTLS_SERVER && opened; role++) {
		if (ends->kind->refused)
			assert_int_not_equal(lb.want[role], QKDTLS_DONE);
		else if (over)
			assert_int_equal(lb.want[role], QKDTLS_DONE);
	}
	loopback_free(&lb);
	return over;
}

static void run_whole(const struct ends *ends)
{
	const enum qkdtls_want want = ends->kind->refused ? QKDTLS_FAILED : QKDTLS_DONE;
	struct loopback lb;

	assert_true(open_ends(&lb, ends));
	assert_true(loopback_run(&lb));
	assert_int_equal(lb.want[QKDTLS_CLIENT], want);
	assert_int_equal(lb.want[QKDTLS_SERVER], want);
	loopback_free(&lb);
}

static bool has_groups(const struct kind *kind)
{
	return (!kind->client.groups || site_has_group(kind->client.groups)) &&
	       (!kind->server.groups || site_has_group(kind->server.groups));
}

/* One leaf for both ends, its CA, and what may be said about it */
static void make_files(struct pki *pki)
{
	struct authority ca = authority_make_ca("Oom", NULL);
	struct authority leaf = authority_make_leaf("Leaf", &ca);
	struct authority_answer answer = { .about = &leaf, .issuer = &ca };
	struct authority_list list = { .issuer = &ca };
	const X509 *chain[] = { leaf.cert, ca.cert };

	authority_write_chain(pki, "oom.pem", chain, 2, false);
	authority_write_key(pki, "oom.key", &leaf);
	authority_write_chain(pki, "oom-ca.pem", &chain[1], 1, false);
	authority_write_pin(pki, "oom.pin", &leaf, false);
	authority_write_list(pki, "oom.crl", &list, false);
	authority_write_answer(pki, "oom.ocsp", &answer);
	list.revoked[0] = &leaf;
	authority_write_list(pki, "oom-revoked.crl", &list, false);
	answer.status = V_OCSP_CERTSTATUS_REVOKED;
	authority_write_answer(pki, "oom-revoked.ocsp", &answer);
	authority_free(&leaf);
	authority_free(&ca);
}

static int set_certificate(struct qkdtls_config *config, struct pki *pki)
{
	return qkdtls_config_set_certificate(config, pki_path(pki, "oom.pem"),
					     pki_path(pki, "oom.key"));
}

static int set_trust(struct qkdtls_config *config, struct pki *pki)
{
	return qkdtls_config_set_trust(config, pki_path(pki, "oom-ca.pem"));
}

static int set_pins(struct qkdtls_config *config, struct pki *pki)
{
	return qkdtls_config_set_trust(config, pki_path(pki, "oom.pin"));
}

static int set_crl(struct qkdtls_config *config, struct pki *pki)
{
	return qkdtls_config_set_crl(config, pki_path(pki, "oom.crl"));
}

static int set_staple(struct qkdtls_config *config, struct pki *pki)
{
	return qkdtls_config_set_ocsp_staple(config, pki_path(pki, "oom.ocsp"));
}

static void set_revocation(struct qkdtls_config *config, struct pki *pki, const struct kind *kind)
{
	assert_int_equal(set_trust(config, pki), 0);
	assert_int_equal(qkdtls_config_set_crl(config, pki_path(pki, kind->crl)), 0);
	assert_int_equal(qkdtls_config_set_ocsp_staple(config, pki_path(pki, kind->staple)), 0);
	assert_int_equal(qkdtls_config_set_ocsp_required(config, true), 0);
}

static struct ends make_ends(struct pki *pki, const struct kind *kind)
{
	struct ends ends = {
		.config = { site_config(pki, QKDTLS_CLIENT, &kind->client),
			    site_config(pki, QKDTLS_SERVER, &kind->server) },
		.kind = kind,
	};

	for (int role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++) {
		struct qkdtls_config *config = ends.config[role];

		assert_int_equal(qkdtls_config_set_spare_key(config, kind->spare), 0);
		if (kind->pinned || kind->crl)
			assert_int_equal(set_certificate(config, pki), 0);
		if (kind->pinned)
			assert_int_equal(set_pins(config, pki), 0);
		if (kind->crl)
			set_revocation(config, pki, kind);
	}
	return ends;
}

static void free_ends(struct ends *ends)
{
	qkdtls_config_unref(ends->config[QKDTLS_CLIENT]);
	qkdtls_config_unref(ends->config[QKDTLS_SERVER]);
}

/* Handshakes of a kind until none has an allocation left that could fail */
static void fail_each(const struct ends *ends, const char *name)
{
	unsigned long n;

	for (n = 1; !run_failing(ends, n); n++)
		assert_true(n < 100000);
	print_message("# %s, the peer's chain %s: %lu allocations\n", name,
		      ends->fresh ? "new" : "known", n - 1);
}

static void every_failed_allocation_ends_in_an_error(void **state)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct ends ends;

		if (!has_groups(&kinds[i])) {
			print_message("# this libcrypto lacks the group of: %s\n", kinds[i].name);
			continue;
		}
		ends = make_ends(*state, &kinds[i]);
		run_whole(&ends); /* what is fetched once is fetched */
		/* What was refused, or is about revocation, is never known. */
		if (!kinds[i].refused && !kinds[i].crl)
			fail_each(&ends, kinds[i].name);
		ends.fresh = true;
		fail_each(&ends, kinds[i].name);
		free_ends(&ends);
	}
}

/* ---- Configurations ---- */

static void settings_fail_without_memory(void **state)
{
	int (*const settings[])(struct qkdtls_config * config, struct pki * pki) = {
		set_certificate, set_trust, set_pins, set_crl, set_staple,
	};

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		struct qkdtls_config *config = qkdtls_config_new();
		bool over = false;

		assert_int_equal(set_certificate(config, *state), 0);
		for (unsigned long n = 1; !over; n++) {
			int ret;

			memory_countdown = n;
			ret = settings[i](config, *state);
			over = memory_countdown;
			memory_countdown = 0;
			/* libcrypto gets over some of its failures itself. */
			assert_int_equal(qkdtls_config_message(config)[0] != 0, ret != 0);
			if (over)
				assert_int_equal(ret, 0);
		}
		qkdtls_config_unref(config);
	}
}

/* ---- The stream ---- */

/* Data both ways, new keys and the end; 0 or the first error */
static ssize_t use_stream(struct loopback *lb)
{
	uint8_t buf[8];
	ssize_t ret = 0;

	for (int role = QKDTLS_CLIENT; role <= QKDTLS_SERVER && ret >= 0; role++) {
		ret = qkdtls_send(lb->end[role], "data", 4);
		if (ret == 4)
			ret = qkdtls_key_update(lb->end[role], true);
		if (!ret)
			ret = loopback_deliver(lb, role, buf, sizeof(buf));
		if (ret == 4)
			ret = loopback_deliver(lb, role, buf, sizeof(buf));
	}
	if (ret >= 0)
		ret = qkdtls_close(lb->end[QKDTLS_CLIENT]);
	return ret;
}

static void streams_fail_without_memory(void **state)
{
	struct ends ends = make_ends(*state, &kinds[0]);
	bool over = false;

	for (unsigned long n = 1; !over; n++) {
		struct loopback lb;
		ssize_t ret;

		assert_true(open_ends(&lb, &ends));
		assert_true(loopback_run(&lb));
		memory_countdown = n;
		ret = use_stream(&lb);
		over = memory_countdown;
		memory_countdown = 0;
		if (over)
			assert_int_equal(ret, 0);
		loopback_free(&lb);
	}
	free_ends(&ends);
}

static int setup(void **state)
{
	const int ret = site_setup(state);

	make_files(*state);
	return ret;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_failed_allocation_ends_in_an_error),
		cmocka_unit_test(settings_fail_without_memory),
		cmocka_unit_test(streams_fail_without_memory),
	};

	if (!memory_init())
		return 1;
	return cmocka_run_group_tests(tests, setup, site_teardown);
}
