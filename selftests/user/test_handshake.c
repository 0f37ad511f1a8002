// SPDX-License-Identifier: GPL-2.0-or-later
/* Client against server in memory: what must work */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "site.h"

#define AES_128 "TLS_AES_128_GCM_SHA256"
#define AES_256 "TLS_AES_256_GCM_SHA384"

/**
 * struct mode - one way to shake hands
 * @client, @server: options of each end
 * @suite, @group: that must come out
 * @retried: by a HelloRetryRequest
 * @no_psk: without a PSK
 */
struct mode {
	struct site_options client, server;
	uint16_t suite, group;
	bool retried;
	bool no_psk;
};

static bool mode_has_groups(const struct mode *mode)
{
	return (!mode->client.groups || site_has_group(mode->client.groups)) &&
	       (!mode->server.groups || site_has_group(mode->server.groups));
}

static void assert_no_error(const struct loopback *lb)
{
	for (int role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++) {
		const struct qkdtls_error *error = qkdtls_error(lb->end[role]);

		assert_string_equal(error->reason, "");
		assert_int_equal(error->sent, QKDTLS_ALERT_NONE);
		assert_int_equal(error->received, QKDTLS_ALERT_NONE);
		assert_int_equal(qkdtls_to_errno(lb->end[role]), 0);
		assert_int_equal(lb->want[role], QKDTLS_DONE);
	}
}

static void assert_info(const struct loopback *lb, const struct mode *mode)
{
	const bool psk_only = mode->client.policy == QKDTLS_PSK_ONLY;

	for (int role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++) {
		const struct qkdtls_info *info = qkdtls_info(lb->end[role]);

		assert_int_equal(info->suite, mode->suite);
		assert_int_equal(info->group, mode->group);
		assert_int_equal(info->retried, mode->retried);
		assert_int_equal(info->psk, !mode->no_psk);
		assert_int_equal(info->certificate, !psk_only);
		assert_int_equal(info->imported,
				 !mode->no_psk && mode->client.psk == SITE_IMPORTED);
		assert_int_equal(info->signature, psk_only ? 0 : QKDTLS_SIG_ECDSA_P256_SHA256);
		if (!mode->no_psk) {
			assert_int_equal(info->psk_id_len, 16);
			assert_memory_equal(info->psk_id, lb->ring[0].key[0].id, 16);
		}
	}
	assert_string_equal(qkdtls_info(lb->end[QKDTLS_CLIENT])->peer,
			    psk_only ? "" : "CN=" PKI_SERVER_NAME);
	assert_string_equal(qkdtls_info(lb->end[QKDTLS_SERVER])->peer,
			    mode->server.verify_client ? "CN=" PKI_CLIENT_NAME : "");
}

static void assert_one_key_spent(const struct loopback *lb, const struct mode *mode)
{
	const struct keyring *server = &lb->ring[QKDTLS_SERVER];

	assert_int_equal(lb->ring[QKDTLS_CLIENT].taken, mode->client.psk == SITE_NO_PSK ? 0 : 1);
	assert_int_equal(server->found, mode->no_psk ? 0 : 1);
	assert_int_equal(server->committed, mode->no_psk ? 0 : 1);
	assert_int_equal(server->released, 0);
	assert_false(server->misused);
}

static void assert_exporters_agree(const struct loopback *lb)
{
	uint8_t a[64], b[64], other[64];

	assert_int_equal(qkdtls_export(lb->end[0], "test", "context", 7, a, sizeof(a)), 0);
	assert_int_equal(qkdtls_export(lb->end[1], "test", "context", 7, b, sizeof(b)), 0);
	assert_memory_equal(a, b, sizeof(a));
	assert_int_equal(qkdtls_export(lb->end[1], "test", "Context", 7, other, sizeof(other)), 0);
	assert_memory_not_equal(a, other, sizeof(a));
}

static bool contains(const struct wire *wire, const uint8_t *bytes, size_t len)
{
	return memmem(wire->data, wire->len, bytes, len);
}

static void assert_not_on_wire(const struct loopback *lb, const uint8_t *bytes, size_t len)
{
	assert_false(contains(&lb->wire[QKDTLS_CLIENT], bytes, len));
	assert_false(contains(&lb->wire[QKDTLS_SERVER], bytes, len));
}

static void assert_keys_agree(struct loopback *lb)
{
	struct qkdtls_traffic_key tx[2], rx[2];

	for (int role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++) {
		assert_int_equal(qkdtls_take_traffic_keys(lb->end[role], &tx[role], &rx[role]), 0);
		assert_int_equal(tx[role].suite, qkdtls_info(lb->end[role])->suite);
		assert_int_equal(tx[role].key_len,
				 tx[role].suite == QKDTLS_AES_128_GCM_SHA256 ? 16 : 32);
		assert_not_on_wire(lb, tx[role].key, tx[role].key_len);
		assert_int_equal(qkdtls_take_traffic_keys(lb->end[role], &tx[role], &rx[role]),
				 -EPERM);
		assert_int_equal(qkdtls_send(lb->end[role], "x", 1), -EPERM);
		assert_int_equal(qkdtls_wanted(lb->end[role]), 0);
	}
	for (int role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++) {
		assert_memory_equal(tx[role].key, rx[!role].key, tx[role].key_len);
		assert_memory_equal(tx[role].iv, rx[!role].iv, sizeof(tx[role].iv));
		assert_int_equal(tx[role].seq, rx[!role].seq);
	}
	assert_memory_not_equal(tx[0].key, tx[1].key, tx[0].key_len);
}

/* Nothing but records with a type and version of TLS 1.3, to the last byte */
static void assert_only_records(const struct wire *wire)
{
	size_t at = 0;

	while (at < wire->len) {
		assert_true(wire->len - at >= 5);
		assert_in_range(wire->data[at], 20, 23);
		assert_int_equal(wire->data[at + 1], 3);
		assert_in_range(wire->data[at + 2], at ? 3 : 1, 3);
		at += 5 + (size_t)(wire->data[at + 3] << 8 | wire->data[at + 4]);
	}
	assert_int_equal(at, wire->len);
}

static void shake_hands(struct pki *pki, const struct mode *mode, size_t chunk)
{
	static uint8_t data[40000];
	struct loopback lb;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * i >> 3);
	site_link(pki, &lb, &mode->client, &mode->server);
	lb.chunk = chunk;
	assert_true(loopback_run(&lb));
	assert_no_error(&lb);
	assert_info(&lb, mode);
	assert_one_key_spent(&lb, mode);
	assert_exporters_agree(&lb);
	assert_not_on_wire(&lb, lb.ring[0].key[0].secret, lb.ring[0].key[0].secret_len);
	assert_true(loopback_echo(&lb, QKDTLS_CLIENT, data, sizeof(data)));
	assert_true(loopback_echo(&lb, QKDTLS_SERVER, data, sizeof(data)));
	assert_not_on_wire(&lb, data, 64);
	assert_only_records(&lb.wire[0]);
	assert_only_records(&lb.wire[1]);
	assert_keys_agree(&lb);
	loopback_free(&lb);
}

#define A128	 .ciphers = AES_128
#define A256	 .ciphers = AES_256
#define BOTH	 AES_256 ":" AES_128
#define GROUP(g) .groups = g
#define X25519	 QKDTLS_GROUP_X25519
#define HYBRID	 QKDTLS_GROUP_X25519MLKEM768
#define S128	 QKDTLS_AES_128_GCM_SHA256
#define S256	 QKDTLS_AES_256_GCM_SHA384

static const struct mode plain_modes[] = {
	{ .suite = S256, .group = X25519 },
	{ .client = { A128 }, .suite = S128, .group = X25519 },
	{ .server = { A128 }, .suite = S128, .group = X25519 },
	{ .client = { .verify_client = true },
	  .server = { .verify_client = true },
	  .suite = S256,
	  .group = X25519 },
	{ .client = { .policy = QKDTLS_PREFER },
	  .server = { .policy = QKDTLS_PREFER },
	  .suite = S256,
	  .group = X25519 },
	{ .client = { .policy = QKDTLS_PREFER }, .suite = S256, .group = X25519 },
	{ .server = { .policy = QKDTLS_PREFER }, .suite = S256, .group = X25519 },
	{ .client = { .policy = QKDTLS_PSK_ONLY },
	  .server = { .policy = QKDTLS_PSK_ONLY },
	  .suite = S256,
	  .group = X25519 },
	/* A key with a hash of its own decides on the suite, whatever the server likes best. */
	{ .client = { .psk = SITE_EXTERNAL },
	  .server = { .psk = SITE_EXTERNAL },
	  .suite = S128,
	  .group = X25519 },
	{ .client = { .psk = SITE_EXTERNAL, .policy = QKDTLS_PREFER },
	  .server = { .psk = SITE_EXTERNAL, .policy = QKDTLS_PREFER },
	  .suite = S128,
	  .group = X25519 },
	{ .client = { .psk = SITE_EXTERNAL_SHA384 },
	  .server = { .psk = SITE_EXTERNAL_SHA384, .ciphers = AES_128 ":" AES_256 },
	  .suite = S256,
	  .group = X25519 },
	{ .client = { .psk = SITE_EXTERNAL, .policy = QKDTLS_PSK_ONLY },
	  .server = { .psk = SITE_EXTERNAL, .policy = QKDTLS_PSK_ONLY },
	  .suite = S128,
	  .group = X25519 },
};

static const struct mode hybrid_modes[] = {
	{ .client = { GROUP(SITE_HYBRID) },
	  .server = { GROUP(SITE_HYBRID) },
	  .suite = S256,
	  .group = HYBRID },
	{ .client = { GROUP(SITE_HYBRID), .verify_client = true },
	  .server = { GROUP(SITE_HYBRID), .verify_client = true },
	  .suite = S256,
	  .group = HYBRID },
	{ .client = { GROUP(SITE_HYBRID), .policy = QKDTLS_PSK_ONLY },
	  .server = { GROUP(SITE_HYBRID), .policy = QKDTLS_PSK_ONLY },
	  .suite = S256,
	  .group = HYBRID },
	/* Without a PSK on one side or both */
	{ .client = { GROUP(SITE_HYBRID), .policy = QKDTLS_PREFER, .psk = SITE_NO_PSK },
	  .server = { GROUP(SITE_HYBRID), .policy = QKDTLS_PREFER },
	  .suite = S256,
	  .group = HYBRID,
	  .no_psk = true },
	{ .client = { GROUP(SITE_HYBRID), .policy = QKDTLS_PREFER },
	  .server = { GROUP(SITE_HYBRID), .policy = QKDTLS_PREFER, .psk = SITE_NO_PSK },
	  .suite = S256,
	  .group = HYBRID,
	  .no_psk = true },
	{ .client = { GROUP(SITE_HYBRID), .policy = QKDTLS_PREFER, .psk = SITE_NO_PSK,
		      .verify_client = true },
	  .server = { GROUP(SITE_HYBRID), .policy = QKDTLS_PREFER, .verify_client = true },
	  .suite = S256,
	  .group = HYBRID,
	  .no_psk = true },
};

#define CLASSICAL_FIRST GROUP("x25519:X25519MLKEM768")
#define HYBRID_FIRST	GROUP("X25519MLKEM768:x25519")

static const struct mode retry_modes[] = {
	{ .client = { CLASSICAL_FIRST },
	  .server = { HYBRID_FIRST },
	  .suite = S256,
	  .group = HYBRID,
	  .retried = true },
	{ .client = { HYBRID_FIRST },
	  .server = { GROUP("x25519") },
	  .suite = S256,
	  .group = X25519,
	  .retried = true },
	{ .client = { CLASSICAL_FIRST },
	  .server = { HYBRID_FIRST, A128 },
	  .suite = S128,
	  .group = HYBRID,
	  .retried = true },
	{ .client = { CLASSICAL_FIRST, .verify_client = true },
	  .server = { HYBRID_FIRST, .verify_client = true },
	  .suite = S256,
	  .group = HYBRID,
	  .retried = true },
	{ .client = { CLASSICAL_FIRST, .psk = SITE_EXTERNAL },
	  .server = { HYBRID_FIRST, .psk = SITE_EXTERNAL },
	  .suite = S128,
	  .group = HYBRID,
	  .retried = true },
	{ .client = { CLASSICAL_FIRST, .policy = QKDTLS_PSK_ONLY },
	  .server = { HYBRID_FIRST, .policy = QKDTLS_PSK_ONLY },
	  .suite = S256,
	  .group = HYBRID,
	  .retried = true },
	{ .client = { CLASSICAL_FIRST, .policy = QKDTLS_PREFER },
	  .server = { HYBRID_FIRST, .policy = QKDTLS_PREFER, .psk = SITE_NO_PSK },
	  .suite = S256,
	  .group = HYBRID,
	  .retried = true,
	  .no_psk = true },
};

static void run_modes(struct pki *pki, const struct mode *modes, size_t count)
{
	static const size_t chunks[] = { 0, 1, 7, 1000 };

	for (size_t i = 0; i < count; i++) {
		if (!mode_has_groups(&modes[i]))
			site_skip("this libcrypto has no ML-KEM");
		for (size_t j = 0; j < sizeof(chunks) / sizeof(chunks[0]); j++)
			shake_hands(pki, &modes[i], chunks[j]);
	}
}

#define RUN_MODES(state, modes) run_modes(*(state), modes, sizeof(modes) / sizeof((modes)[0]))

static void every_classical_mode_completes(void **state)
{
	RUN_MODES(state, plain_modes);
}

static void every_hybrid_mode_completes(void **state)
{
	RUN_MODES(state, hybrid_modes);
}

static void every_retried_mode_completes(void **state)
{
	RUN_MODES(state, retry_modes);
}

static void pending_keys_are_waited_for(void **state)
{
	const struct site_options options = { 0 };
	const struct mode mode = { .suite = S256, .group = X25519 };
	struct loopback lb;

	site_link(*state, &lb, &options, &options);
	lb.ring[QKDTLS_CLIENT].pending = 3;
	lb.ring[QKDTLS_SERVER].pending = 3;
	assert_int_equal(qkdtls_handshake(lb.end[QKDTLS_CLIENT]), QKDTLS_WANT_PSK);
	assert_int_equal(qkdtls_wanted(lb.end[QKDTLS_CLIENT]), 0);
	assert_true(loopback_run(&lb));
	assert_no_error(&lb);
	assert_one_key_spent(&lb, &mode);
	loopback_free(&lb);
}

/* Whatever is still on the wire after the last record of the handshake belongs to the kernel. */
static void nothing_behind_the_handshake_is_asked_for(void **state)
{
	const struct site_options options = { .verify_client = true };
	struct loopback lb;
	size_t len;

	/* The client's data follow its Finished at once, before the server has read that. */
	site_link(*state, &lb, &options, &options);
	lb.early_data = "early";
	assert_true(loopback_run(&lb));
	assert_no_error(&lb);
	len = lb.wire[QKDTLS_CLIENT].len - lb.wire[QKDTLS_CLIENT].taken;
	assert_int_equal(len, 5 + strlen("early") + 1 + 16);
	assert_int_equal(qkdtls_wanted(lb.end[QKDTLS_SERVER]), 5);
	loopback_free(&lb);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_classical_mode_completes),
		cmocka_unit_test(every_hybrid_mode_completes),
		cmocka_unit_test(every_retried_mode_completes),
		cmocka_unit_test(pending_keys_are_waited_for),
		cmocka_unit_test(nothing_behind_the_handshake_is_asked_for),
	};

	return cmocka_run_group_tests(tests, site_setup, site_teardown);
}
