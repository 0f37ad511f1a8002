// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A wire that lies: every byte of a handshake changed, every length of it cut off. Whatever happens, both
 * ends must come to an end, agree if both succeed, and account for every key.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "site.h"

#define HEADER_LEN 5

/* What is not over waits for bytes that do not come: then the transport ends. */
static void run_to_the_end(struct loopback *lb)
{
	if (loopback_run(lb))
		return;
	lb->wire[QKDTLS_CLIENT].ended = true;
	lb->wire[QKDTLS_SERVER].ended = true;
	assert_true(loopback_run(lb));
}

static bool both_done(const struct loopback *lb)
{
	return lb->want[QKDTLS_CLIENT] == QKDTLS_DONE && lb->want[QKDTLS_SERVER] == QKDTLS_DONE;
}

static void assert_keys_accounted_for(const struct loopback *lb)
{
	const struct keyring *ring = &lb->ring[QKDTLS_SERVER];

	assert_false(ring->misused);
	assert_false(ring->held);
	assert_int_equal(ring->found, ring->committed + ring->released);
	assert_in_range(ring->found, 0, 1);
	assert_int_equal(lb->ring[QKDTLS_CLIENT].taken, 1);
}

/* At most one alert, as the last record */
static void assert_only_records(const struct wire *wire, size_t len)
{
	uint8_t type;
	size_t at = 0;

	while (at < len) {
		type = wire->data[at];
		assert_in_range(type, 20, 23);
		assert_true(len - at > HEADER_LEN);
		at += HEADER_LEN + (size_t)(wire->data[at + 3] << 8 | wire->data[at + 4]);
		if (type == 21)
			assert_int_equal(at, len);
	}
	assert_int_equal(at, len);
}

static void assert_secret_stays_secret(const struct loopback *lb)
{
	const struct qkdtls_psk *key = &lb->ring[QKDTLS_CLIENT].key[0];

	for (int role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++)
		if (lb->wire[role].len)
			assert_null(memmem(lb->wire[role].data, lb->wire[role].len, key->secret,
					   key->secret_len));
}

static void assert_agreement(const struct loopback *lb)
{
	uint8_t a[32], b[32];

	assert_int_equal(qkdtls_export(lb->end[0], "test", "", 0, a, sizeof(a)), 0);
	assert_int_equal(qkdtls_export(lb->end[1], "test", "", 0, b, sizeof(b)), 0);
	assert_memory_equal(a, b, sizeof(a));
}

/* Only legacy_record_version of a plain record says nothing (RFC 9846 section 5.1). */
static bool says_nothing(const struct wire *wire, size_t offset)
{
	size_t at = 0;

	while (at + HEADER_LEN <= wire->len) {
		const size_t len = (size_t)(wire->data[at + 3] << 8 | wire->data[at + 4]);

		if (offset < at + HEADER_LEN + len)
			return wire->data[at] != 23 && (offset == at + 1 || offset == at + 2);
		at += HEADER_LEN + len;
	}
	return false;
}

/* Configurations last for thousands of handshakes. */
struct scene {
	struct qkdtls_config *client, *server;
};

static struct scene scene_make(struct pki *pki, const struct site_options *client,
			       const struct site_options *server)
{
	return (struct scene){ site_config(pki, QKDTLS_CLIENT, client),
			       site_config(pki, QKDTLS_SERVER, server) };
}

static void scene_drop(struct scene *scene)
{
	qkdtls_config_unref(scene->client);
	qkdtls_config_unref(scene->server);
}

static void flip_one(const struct scene *scene, enum qkdtls_role from, size_t at, uint8_t flip)
{
	struct loopback lb;
	bool harmless;

	loopback_init(&lb, scene->client, scene->server);
	lb.flip_from = from;
	lb.flip_at = at;
	lb.flip = flip;
	run_to_the_end(&lb);
	/* Put back what the wire changed, to look at what was sent. */
	assert_true(at < lb.wire[from].len);
	if (at < lb.wire[from].taken)
		lb.wire[from].data[at] ^= flip;
	harmless = says_nothing(&lb.wire[from], at);
	if (both_done(&lb) != harmless)
		print_message("# byte %zu of role %d, flip %02x\n", at, from, flip);
	assert_int_equal(both_done(&lb), harmless);
	if (harmless)
		assert_agreement(&lb);
	assert_keys_accounted_for(&lb);
	assert_only_records(&lb.wire[QKDTLS_CLIENT], lb.wire[QKDTLS_CLIENT].len);
	assert_only_records(&lb.wire[QKDTLS_SERVER], lb.wire[QKDTLS_SERVER].len);
	assert_secret_stays_secret(&lb);
	loopback_free(&lb);
}

/* Signatures vary by a few bytes, so a handshake is measured at its shortest. */
static void measure(const struct scene *scene, size_t len[2])
{
	struct loopback lb;

	len[0] = len[1] = SIZE_MAX;
	for (int i = 0; i < 8; i++) {
		loopback_init(&lb, scene->client, scene->server);
		assert_true(loopback_run(&lb));
		assert_true(both_done(&lb));
		for (int role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++)
			if (lb.wire[role].len < len[role])
				len[role] = lb.wire[role].len;
		loopback_free(&lb);
	}
}

static void flip_all(const struct scene *scene, uint8_t flip)
{
	size_t len[2];

	measure(scene, len);
	for (int role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++)
		for (size_t at = 0; at + 4 < len[role]; at++)
			flip_one(scene, role, at, flip);
}

static void cut_one(const struct scene *scene, enum qkdtls_role from, size_t at)
{
	struct loopback lb;

	loopback_init(&lb, scene->client, scene->server);
	lb.cut = true;
	lb.cut_from = from;
	lb.cut_at = at;
	run_to_the_end(&lb);
	/* Who was cut off knows; who had all it needed before the cut may be done. */
	assert_int_equal(lb.want[!from], QKDTLS_FAILED);
	assert_int_equal(qkdtls_to_errno(lb.end[!from]), -ECONNRESET);
	assert_int_equal(qkdtls_error(lb.end[!from])->sent, QKDTLS_ALERT_NONE);
	assert_keys_accounted_for(&lb);
	loopback_free(&lb);
}

static void cut_all(const struct scene *scene)
{
	size_t len[2];

	measure(scene, len);
	for (int role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++)
		for (size_t at = 0; at + 4 < len[role]; at++)
			cut_one(scene, role, at);
}

static const struct site_options plain;
static const struct site_options certified = { .verify_client = true };
static const struct site_options uncertified = {
	.policy = QKDTLS_PSK_ONLY,
	.psk = SITE_EXTERNAL,
};
static const struct site_options retrying_client = {
	.groups = "x25519:X25519MLKEM768",
	.policy = QKDTLS_PSK_ONLY,
};
static const struct site_options retrying_server = {
	.groups = "X25519MLKEM768:x25519",
	.policy = QKDTLS_PSK_ONLY,
};

static void every_flipped_byte_is_noticed(void **state)
{
	struct scene scene = scene_make(*state, &plain, &plain);

	flip_all(&scene, 0x01);
	scene_drop(&scene);
}

static void every_flipped_byte_is_noticed_with_client_certificate(void **state)
{
	struct scene scene = scene_make(*state, &certified, &certified);

	flip_all(&scene, 0xff);
	scene_drop(&scene);
}

static void every_flipped_byte_is_noticed_without_certificate(void **state)
{
	struct scene scene = scene_make(*state, &uncertified, &uncertified);

	flip_all(&scene, 0x80);
	flip_all(&scene, 0x04);
	scene_drop(&scene);
}

static void every_flipped_byte_is_noticed_after_a_retry(void **state)
{
	struct scene scene;

	if (!site_has_group(SITE_HYBRID))
		site_skip("this libcrypto has no ML-KEM");
	scene = scene_make(*state, &retrying_client, &retrying_server);
	flip_all(&scene, 0x20);
	scene_drop(&scene);
}

static void every_cut_is_noticed(void **state)
{
	struct scene scene = scene_make(*state, &certified, &certified);

	cut_all(&scene);
	scene_drop(&scene);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_flipped_byte_is_noticed),
		cmocka_unit_test(every_flipped_byte_is_noticed_with_client_certificate),
		cmocka_unit_test(every_flipped_byte_is_noticed_without_certificate),
		cmocka_unit_test(every_flipped_byte_is_noticed_after_a_retry),
		cmocka_unit_test(every_cut_is_noticed),
	};

	return cmocka_run_group_tests(tests, site_setup, site_teardown);
}
