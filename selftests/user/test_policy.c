// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Client against server in memory: what must be refused, by whom and how. All are in
 * Documentation/conformance.md.
 */
#include "rows.h"

#include <errno.h>
#include <string.h>

#include "site.h"

#define ALERT(name) QKDTLS_ALERT_##name

/**
 * struct refusal - a handshake that must not succeed
 * @refuser: who finds out
 * @alert: that it sends and the other end receives
 * @error: its qkdtls_to_errno()
 * @hybrid: needs ML-KEM
 * @released: keys found and put back, of which
 * @mismatched: since the binder was wrong
 */
struct refusal {
	const char *what;
	struct site_options client, server;
	enum qkdtls_role refuser;
	enum qkdtls_alert alert;
	int error;
	bool hybrid;
	unsigned int released, mismatched;
	void (*prepare)(struct loopback *lb);
};

static void other_secret(struct loopback *lb)
{
	lb->ring[QKDTLS_SERVER].key[0].secret[31] ^= 1;
}

static void unknown_key(struct loopback *lb)
{
	lb->ring[QKDTLS_SERVER].key[0].id[15] ^= 1;
}

static void source_fails(struct loopback *lb)
{
	lb->ring[QKDTLS_SERVER].answer = -EIO;
}

static void revoked_at_commit(struct loopback *lb)
{
	lb->ring[QKDTLS_SERVER].commit_answer = -EKEYREVOKED;
}

static void secret_too_short(struct loopback *lb)
{
	lb->ring[QKDTLS_SERVER].key[0].secret_len = QKDTLS_PSK_LEN_MIN - 1;
}

static void secret_too_long(struct loopback *lb)
{
	lb->ring[QKDTLS_SERVER].key[0].secret_len = QKDTLS_PSK_LEN_MAX + 1;
}

#define ASKED	.verify_client = true
#define PREFERS .policy = QKDTLS_PREFER
#define HYBRID	.groups = SITE_HYBRID
#define BARE	.policy = QKDTLS_PREFER, .psk = SITE_NO_PSK

static const struct refusal refusals[] = {
	/* Certificates */
	{ "wrong name", .client = { .peer_name = "basel.example" }, .alert = ALERT(BAD_CERTIFICATE),
	  .error = -EACCES },
	{ "expired", .server = { .certificate = "expired" }, .alert = ALERT(CERTIFICATE_EXPIRED),
	  .error = -EACCES },
	{ "not yet valid", .server = { .certificate = "early" },
	  .alert = ALERT(CERTIFICATE_EXPIRED), .error = -EACCES },
	{ "other CA", .server = { .certificate = "stranger" }, .alert = ALERT(UNKNOWN_CA),
	  .error = -EACCES },
	{ "not for servers", .server = { .certificate = "client-only" },
	  .alert = ALERT(UNSUPPORTED_CERTIFICATE), .error = -EACCES },
	{ "client: other CA", .client = { ASKED, .client_certificate = "stranger" },
	  .server = { ASKED }, .refuser = QKDTLS_SERVER, .alert = ALERT(UNKNOWN_CA),
	  .error = -EACCES },
	{ "client: wrong name", .client = { ASKED, .client_certificate = "server" },
	  .server = { ASKED }, .refuser = QKDTLS_SERVER, .alert = ALERT(BAD_CERTIFICATE),
	  .error = -EACCES },
	{ "client: none", .client = { ASKED, .bare_client = true }, .server = { ASKED },
	  .refuser = QKDTLS_SERVER, .alert = ALERT(CERTIFICATE_REQUIRED), .error = -EACCES },

	/* Keys */
	{ "other secret", .refuser = QKDTLS_SERVER, .alert = ALERT(DECRYPT_ERROR),
	  .error = -EKEYREJECTED, .released = 1, .mismatched = 1, .prepare = other_secret },
	{ "other secret, server prefers", .server = { PREFERS }, .refuser = QKDTLS_SERVER,
	  .alert = ALERT(DECRYPT_ERROR), .error = -EKEYREJECTED, .released = 1, .mismatched = 1,
	  .prepare = other_secret },
	{ "other secret, without certificate", .client = { .policy = QKDTLS_PSK_ONLY },
	  .server = { .policy = QKDTLS_PSK_ONLY }, .refuser = QKDTLS_SERVER,
	  .alert = ALERT(DECRYPT_ERROR), .error = -EKEYREJECTED, .released = 1, .mismatched = 1,
	  .prepare = other_secret },
	{ "unknown key", .refuser = QKDTLS_SERVER, .alert = ALERT(DECRYPT_ERROR), .error = -ENOKEY,
	  .prepare = unknown_key },
	{ "unknown key, without certificate", .client = { .policy = QKDTLS_PSK_ONLY },
	  .server = { .policy = QKDTLS_PSK_ONLY }, .refuser = QKDTLS_SERVER,
	  .alert = ALERT(DECRYPT_ERROR), .error = -ENOKEY, .prepare = unknown_key },
	{ "external for imported", .client = { .psk = SITE_EXTERNAL }, .refuser = QKDTLS_SERVER,
	  .alert = ALERT(DECRYPT_ERROR), .error = -ENOKEY },
	{ "imported for external", .server = { .psk = SITE_EXTERNAL }, .refuser = QKDTLS_SERVER,
	  .alert = ALERT(DECRYPT_ERROR), .error = -ENOKEY },
	{ "failing source", .refuser = QKDTLS_SERVER, .alert = ALERT(DECRYPT_ERROR),
	  .error = -ENOKEY, .prepare = source_fails },
	{ "revoked at commit", .refuser = QKDTLS_SERVER, .alert = ALERT(DECRYPT_ERROR),
	  .error = -ENOKEY, .prepare = revoked_at_commit },
	{ "source with a short secret", .refuser = QKDTLS_SERVER, .alert = ALERT(DECRYPT_ERROR),
	  .error = -ENOKEY, .released = 1, .prepare = secret_too_short },
	{ "source with a long secret", .refuser = QKDTLS_SERVER, .alert = ALERT(DECRYPT_ERROR),
	  .error = -ENOKEY, .released = 1, .prepare = secret_too_long },

	/* Policies that do not meet */
	{ "client without PSK", .client = { BARE, HYBRID }, .server = { HYBRID },
	  .refuser = QKDTLS_SERVER, .alert = ALERT(INSUFFICIENT_SECURITY), .error = -EPROTO,
	  .hybrid = true },
	{ "client without certificate", .client = { .policy = QKDTLS_PSK_ONLY },
	  .refuser = QKDTLS_SERVER, .alert = ALERT(INSUFFICIENT_SECURITY), .error = -EPROTO },
	{ "client without certificate, server prefers",
	  .client = { .policy = QKDTLS_PSK_ONLY, HYBRID }, .server = { PREFERS, HYBRID },
	  .refuser = QKDTLS_SERVER, .alert = ALERT(MISSING_EXTENSION), .error = -EPROTO,
	  .hybrid = true },
	{ "server without certificate", .server = { .policy = QKDTLS_PSK_ONLY },
	  .alert = ALERT(HANDSHAKE_FAILURE), .error = -EPROTO },
	{ "server without certificate, client prefers", .client = { PREFERS },
	  .server = { .policy = QKDTLS_PSK_ONLY }, .alert = ALERT(HANDSHAKE_FAILURE),
	  .error = -EPROTO },
	{ "server without PSK", .client = { HYBRID }, .server = { BARE, HYBRID },
	  .alert = ALERT(HANDSHAKE_FAILURE), .error = -EPROTO, .hybrid = true },
	{ "server does not know the key and prefers, client requires", .client = { HYBRID },
	  .server = { PREFERS, HYBRID }, .alert = ALERT(HANDSHAKE_FAILURE), .error = -EPROTO,
	  .hybrid = true, .prepare = unknown_key },
	/* Without a key a classical group is not enough, even if it is allowed with one. */
	{ "no common hybrid group to fall back on", .client = { PREFERS }, .server = { BARE },
	  .refuser = QKDTLS_SERVER, .alert = ALERT(INSUFFICIENT_SECURITY), .error = -EPROTO },
	{ "unknown key, no hybrid group to fall back on", .client = { PREFERS },
	  .server = { PREFERS }, .refuser = QKDTLS_SERVER, .alert = ALERT(INSUFFICIENT_SECURITY),
	  .error = -EPROTO, .prepare = unknown_key },

	/* Nothing in common */
	{ "no common suite", .client = { .ciphers = "TLS_AES_128_GCM_SHA256" },
	  .server = { .ciphers = "TLS_AES_256_GCM_SHA384" }, .refuser = QKDTLS_SERVER,
	  .alert = ALERT(HANDSHAKE_FAILURE), .error = -EPROTO },
	{ "no common group", .client = { .groups = SITE_CLASSICAL }, .server = { HYBRID },
	  .refuser = QKDTLS_SERVER, .alert = ALERT(INSUFFICIENT_SECURITY), .error = -EPROTO,
	  .hybrid = true },
};

static void assert_refused(const struct loopback *lb, const struct refusal *refusal)
{
	const struct qkdtls_conn *refuser = lb->end[refusal->refuser];
	const struct qkdtls_conn *peer = lb->end[!refusal->refuser];

	assert_int_equal(lb->want[refusal->refuser], QKDTLS_FAILED);
	assert_int_equal(qkdtls_error(refuser)->sent, refusal->alert);
	assert_int_equal(qkdtls_error(refuser)->received, QKDTLS_ALERT_NONE);
	assert_string_not_equal(qkdtls_error(refuser)->reason, "");
	assert_int_equal(qkdtls_to_errno(refuser), refusal->error);
	if (lb->want[!refusal->refuser] == QKDTLS_DONE)
		return; /* it hears of it in its stream */
	assert_int_equal(qkdtls_error(peer)->sent, QKDTLS_ALERT_NONE);
	assert_int_equal(qkdtls_error(peer)->received, refusal->alert);
	assert_int_equal(qkdtls_to_errno(peer), -ECONNRESET);
}

/* A client that was done before the server refused its certificate must learn why. */
static void assert_told_later(struct loopback *lb, const struct refusal *refusal)
{
	uint8_t byte;
	ssize_t ret = 0;
	size_t len;

	if (lb->want[!refusal->refuser] != QKDTLS_DONE)
		return;
	while (!ret) {
		struct wire *wire = &lb->wire[refusal->refuser];

		ret = qkdtls_receive(lb->end[!refusal->refuser], &byte, 1);
		len = qkdtls_wanted(lb->end[!refusal->refuser]);
		if (ret || wire->len - wire->taken < len)
			break;
		assert_int_equal(
			qkdtls_input(lb->end[!refusal->refuser], wire->data + wire->taken, len), 0);
		wire->taken += len;
	}
	assert_int_equal(ret, -ECONNRESET);
	assert_int_equal(qkdtls_error(lb->end[!refusal->refuser])->received, refusal->alert);
}

static void refuses(void **state)
{
	const struct refusal *refusal = *state;
	struct loopback lb;
	uint8_t out[32];

	if (refusal->hybrid && !site_has_group(SITE_HYBRID))
		site_skip("this libcrypto has no ML-KEM");
	site_link(rows_pki(), &lb, &refusal->client, &refusal->server);
	if (refusal->prepare)
		refusal->prepare(&lb);
	assert_true(loopback_run(&lb));
	assert_refused(&lb, refusal);
	assert_told_later(&lb, refusal);
	assert_int_equal(lb.ring[QKDTLS_SERVER].released, refusal->released);
	assert_int_equal(lb.ring[QKDTLS_SERVER].mismatched, refusal->mismatched);
	assert_int_equal(lb.ring[QKDTLS_SERVER].found,
			 lb.ring[QKDTLS_SERVER].committed + lb.ring[QKDTLS_SERVER].released);
	assert_false(lb.ring[QKDTLS_SERVER].misused);
	assert_int_equal(qkdtls_export(lb.end[refusal->refuser], "test", "", 0, out, sizeof(out)),
			 -EINVAL);
	assert_int_equal(qkdtls_wanted(lb.end[refusal->refuser]), 0);
	loopback_free(&lb);
}

/* A client without a key says nothing at all: there is no hello to take an alert. */
static void client_without_key_sends_nothing(void **state)
{
	static const int answers[] = { QKDTLS_PSK_NONE, -EIO };
	/* A hybrid group is a way out for who prefers a key, not for who requires it. */
	static const struct site_options options[] = {
		{ .policy = QKDTLS_REQUIRE },
		{ .policy = QKDTLS_REQUIRE, HYBRID },
		{ .policy = QKDTLS_PSK_ONLY, HYBRID },
		{ PREFERS },
	};
	struct loopback lb;

	for (size_t i = 0; i < 2 * sizeof(options) / sizeof(options[0]); i++) {
		if (options[i / 2].groups && !site_has_group(SITE_HYBRID))
			continue;
		site_link(*state, &lb, &options[i / 2], &options[i / 2]);
		lb.ring[QKDTLS_CLIENT].answer = answers[i % 2];
		assert_int_equal(qkdtls_handshake(lb.end[QKDTLS_CLIENT]), QKDTLS_FAILED);
		assert_int_equal(qkdtls_to_errno(lb.end[QKDTLS_CLIENT]), -ENOKEY);
		assert_int_equal(qkdtls_error(lb.end[QKDTLS_CLIENT])->sent, QKDTLS_ALERT_NONE);
		assert_int_equal(lb.wire[QKDTLS_CLIENT].len, 0);
		loopback_free(&lb);
	}
}

/* prefer: any reason not to have the key gives the hybrid handshake. */
static void prefer_falls_back(void **state)
{
	const struct site_options options = { PREFERS, HYBRID };
	void (*const reasons[])(struct loopback *) = { unknown_key, source_fails };
	struct loopback lb;

	if (!site_has_group(SITE_HYBRID))
		site_skip("this libcrypto has no ML-KEM");
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++) {
		site_link(*state, &lb, &options, &options);
		reasons[i](&lb);
		assert_true(loopback_run(&lb));
		assert_int_equal(lb.want[QKDTLS_CLIENT], QKDTLS_DONE);
		assert_int_equal(lb.want[QKDTLS_SERVER], QKDTLS_DONE);
		assert_false(qkdtls_info(lb.end[QKDTLS_CLIENT])->psk);
		assert_false(qkdtls_info(lb.end[QKDTLS_SERVER])->psk);
		assert_true(qkdtls_info(lb.end[QKDTLS_CLIENT])->certificate);
		assert_int_equal(qkdtls_info(lb.end[QKDTLS_CLIENT])->group,
				 QKDTLS_GROUP_X25519MLKEM768);
		loopback_free(&lb);
	}
}

/* The server likes x25519 best, and the client sent a share of it: but without a key it will not do. */
static void fallback_is_not_to_the_group_that_a_key_would_allow(void **state)
{
	static const char both[] = "x25519:" SITE_HYBRID;
	const struct site_options options = { PREFERS, .groups = both };
	struct qkdtls_config *client, *server;
	uint8_t context[QKDTLS_LINK_CONTEXT_LEN];
	struct loopback lb;

	if (!site_has_group(SITE_HYBRID))
		site_skip("this libcrypto has no ML-KEM");
	client = site_config(*state, QKDTLS_CLIENT, &options);
	server = site_config(*state, QKDTLS_SERVER, &options);
	/* Of another link, so that what is on offer is no key here */
	assert_int_equal(qkdtls_link_context("basel", "zurich", context), 0);
	assert_int_equal(qkdtls_config_set_psk_imported(server, context), 0);
	loopback_init(&lb, client, server);
	qkdtls_config_unref(client);
	qkdtls_config_unref(server);
	assert_true(loopback_run(&lb));
	for (int role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++) {
		const struct qkdtls_info *info = qkdtls_info(lb.end[role]);

		assert_int_equal(lb.want[role], QKDTLS_DONE);
		assert_false(info->psk);
		assert_true(info->retried);
		assert_int_equal(info->group, QKDTLS_GROUP_X25519MLKEM768);
	}
	loopback_free(&lb);
}

/* A deadline while the key is waited for */
static void abort_sends_its_alert(void **state)
{
	const struct site_options options = { 0 };
	struct loopback lb;
	size_t len;

	site_link(*state, &lb, &options, &options);
	lb.ring[QKDTLS_SERVER].answer = QKDTLS_PSK_PENDING;
	(void)loopback_run(&lb);
	assert_int_equal(lb.want[QKDTLS_SERVER], QKDTLS_WANT_PSK);
	qkdtls_abort(lb.end[QKDTLS_SERVER], QKDTLS_ALERT_HANDSHAKE_FAILURE, "deadline");
	assert_int_equal(qkdtls_handshake(lb.end[QKDTLS_SERVER]), QKDTLS_WANT_WRITE);
	assert_non_null(qkdtls_output(lb.end[QKDTLS_SERVER], &len));
	assert_int_equal(len, 7);
	assert_string_equal(qkdtls_error(lb.end[QKDTLS_SERVER])->reason, "deadline");
	assert_int_equal(qkdtls_to_errno(lb.end[QKDTLS_SERVER]), -ECANCELED);
	/* Only the first failure counts. */
	qkdtls_abort(lb.end[QKDTLS_SERVER], QKDTLS_ALERT_INTERNAL_ERROR, "again");
	assert_string_equal(qkdtls_error(lb.end[QKDTLS_SERVER])->reason, "deadline");
	(void)loopback_run(&lb);
	assert_int_equal(qkdtls_error(lb.end[QKDTLS_CLIENT])->received,
			 QKDTLS_ALERT_HANDSHAKE_FAILURE);
	assert_int_equal(lb.ring[QKDTLS_SERVER].found, 0);
	loopback_free(&lb);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(client_without_key_sends_nothing),
		cmocka_unit_test(prefer_falls_back),
		cmocka_unit_test(fallback_is_not_to_the_group_that_a_key_would_allow),
		cmocka_unit_test(abort_sends_its_alert),
	};

	ROWS(refuses, refusals);
	return rows_run(tests, sizeof(tests) / sizeof(tests[0]));
}
