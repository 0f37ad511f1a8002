// SPDX-License-Identifier: GPL-2.0-or-later
/* Order, limits and wiping of the key schedule and the transcript; their values are in test_kat_*. */
#include <errno.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "hkdf.h"
#include "tls/schedule.h"
#include "tls/transcript.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define HASH	 QKDTLS_SHA256
#define HASH_LEN 32

static const uint8_t psk[32] = { 1 };
static const uint8_t kex[64] = { 2 };
static const uint8_t hello_hash[HASH_LEN] = { 3 };
static const uint8_t finished_hash[HASH_LEN] = { 4 };

static const struct qkdtls_suite *suite(void)
{
	return qkdtls_suite_find(QKDTLS_AES_128_GCM_SHA256);
}

/* ---- Order ---- */

static int do_early(struct qkdtls_schedule *s)
{
	return qkdtls_schedule_early(s, psk, sizeof(psk));
}

static int do_import(struct qkdtls_schedule *s)
{
	return qkdtls_schedule_import(s, HASH, psk, sizeof(psk), (const uint8_t *)"id", 2);
}

static int do_binder(struct qkdtls_schedule *s)
{
	uint8_t out[HASH_LEN];

	return qkdtls_schedule_binder(s, QKDTLS_BINDER_IMPORTED, hello_hash, out);
}

static int do_check_binder(struct qkdtls_schedule *s)
{
	uint8_t out[HASH_LEN] = { 0 };

	return qkdtls_schedule_check_binder(s, QKDTLS_BINDER_IMPORTED, hello_hash, out,
					    sizeof(out));
}

static int do_handshake(struct qkdtls_schedule *s)
{
	return qkdtls_schedule_handshake(s, kex, sizeof(kex), hello_hash);
}

static int do_application(struct qkdtls_schedule *s)
{
	return qkdtls_schedule_application(s, finished_hash);
}

static int do_complete(struct qkdtls_schedule *s)
{
	return qkdtls_schedule_complete(s);
}

static int do_hand_over(struct qkdtls_schedule *s)
{
	return qkdtls_schedule_hand_over(s);
}

static int do_finished(struct qkdtls_schedule *s)
{
	uint8_t out[HASH_LEN];

	return qkdtls_schedule_finished(s, QKDTLS_CLIENT, hello_hash, out);
}

static int do_check_finished(struct qkdtls_schedule *s)
{
	uint8_t out[HASH_LEN] = { 0 };

	return qkdtls_schedule_check_finished(s, QKDTLS_SERVER, hello_hash, out, sizeof(out));
}

static int do_handshake_key(struct qkdtls_schedule *s)
{
	struct qkdtls_traffic_key key;

	return qkdtls_schedule_traffic_key(s, QKDTLS_EPOCH_HANDSHAKE, QKDTLS_CLIENT, suite(), &key);
}

static int do_application_key(struct qkdtls_schedule *s)
{
	struct qkdtls_traffic_key key;

	return qkdtls_schedule_traffic_key(s, QKDTLS_EPOCH_APPLICATION, QKDTLS_CLIENT, suite(),
					   &key);
}

static int do_update(struct qkdtls_schedule *s)
{
	return qkdtls_schedule_update(s, QKDTLS_SERVER);
}

static int do_export(struct qkdtls_schedule *s)
{
	uint8_t out[16];

	return qkdtls_schedule_export(s, "label", NULL, 0, out, sizeof(out));
}

static int do_reveal(struct qkdtls_schedule *s)
{
	uint8_t out[HASH_LEN];

	return qkdtls_schedule_reveal(s, QKDTLS_EPOCH_APPLICATION, QKDTLS_SERVER, out);
}

static int do_reveal_exporter(struct qkdtls_schedule *s)
{
	uint8_t out[HASH_LEN];

	return qkdtls_schedule_reveal_exporter(s, out);
}

#define NEW	    (1 << 0)
#define EARLY	    (1 << 1)
#define HANDSHAKE   (1 << 2)
#define APPLICATION (1 << 3)
#define COMPLETE    (1 << 4)
#define HANDED_OVER (1 << 5)
#define STAGES	    6

/* In which stages each call is allowed, and what it answers then */
static const struct {
	int (*call)(struct qkdtls_schedule *s);
	unsigned int stages;
	int answer;
} calls[] = {
	{ do_early, NEW, 0 },
	{ do_import, NEW, 0 },
	{ do_binder, EARLY, 0 },
	{ do_check_binder, EARLY, -EBADMSG },
	{ do_handshake, EARLY, 0 },
	{ do_application, HANDSHAKE, 0 },
	{ do_complete, APPLICATION, 0 },
	{ do_finished, HANDSHAKE | APPLICATION, 0 },
	{ do_check_finished, HANDSHAKE | APPLICATION, -EBADMSG },
	{ do_handshake_key, HANDSHAKE | APPLICATION, 0 },
	{ do_application_key, APPLICATION | COMPLETE, 0 },
	{ do_reveal, APPLICATION | COMPLETE, 0 },
	{ do_reveal_exporter, APPLICATION | COMPLETE | HANDED_OVER, 0 },
	{ do_update, COMPLETE, 0 },
	{ do_hand_over, COMPLETE, 0 },
	{ do_export, COMPLETE | HANDED_OVER, 0 },
};

static struct qkdtls_schedule *at_stage(unsigned int stage)
{
	static int (*const steps[])(struct qkdtls_schedule *) = {
		do_early, do_handshake, do_application, do_complete, do_hand_over,
	};
	struct qkdtls_schedule *s;
	unsigned int i;

	assert_int_equal(qkdtls_schedule_new(&s, HASH), 0);
	for (i = 0; i < stage; i++)
		assert_int_equal(steps[i](s), 0);
	return s;
}

static void out_of_order_is_refused_and_changes_nothing(void **state)
{
	struct qkdtls_schedule *s = at_stage(0);
	size_t size = malloc_usable_size(s), i;
	unsigned int stage;
	void *before;

	qkdtls_schedule_free(s);
	for (stage = 0; stage < STAGES; stage++) {
		for (i = 0; i < ARRAY_SIZE(calls); i++) {
			bool allowed = calls[i].stages & 1u << stage;

			s = at_stage(stage);
			before = malloc(size);
			memcpy(before, s, size);
			assert_int_equal(calls[i].call(s), allowed ? calls[i].answer : -EINVAL);
			if (!allowed)
				assert_memory_equal(s, before, size);
			free(before);
			qkdtls_schedule_free(s);
		}
	}
}

static void lengths_that_cannot_be_are_refused(void **state)
{
	struct qkdtls_traffic_key key;
	struct qkdtls_schedule *s = at_stage(0);
	uint8_t out[255 * HASH_LEN + 1];
	char label[251];

	assert_int_equal(qkdtls_schedule_early(s, psk, 0), -EINVAL);
	assert_int_equal(qkdtls_schedule_early(s, NULL, 32), -EINVAL);
	assert_int_equal(qkdtls_schedule_import(s, HASH, psk, 0, psk, 32), -EINVAL);
	assert_int_equal(do_early(s), 0);
	assert_int_equal(qkdtls_schedule_handshake(s, kex, 0, hello_hash), -EINVAL);
	qkdtls_schedule_free(s);

	s = at_stage(4);
	assert_int_equal(qkdtls_schedule_export(s, "label", NULL, 0, out, 255 * HASH_LEN), 0);
	assert_int_equal(qkdtls_schedule_export(s, "label", NULL, 0, out, sizeof(out)), -EINVAL);
	assert_int_equal(qkdtls_schedule_export(s, "label", NULL, 0, out, 0), -EINVAL);
	assert_int_equal(qkdtls_schedule_export(s, "", NULL, 0, out, 32), -EINVAL);
	memset(label, 'x', sizeof(label));
	label[250] = '\0';
	assert_int_equal(qkdtls_schedule_export(s, label, NULL, 0, out, 32), -EINVAL);
	label[249] = '\0';
	assert_int_equal(qkdtls_schedule_export(s, label, NULL, 0, out, 32), 0);
	assert_int_equal(qkdtls_schedule_traffic_key(s, QKDTLS_EPOCH_APPLICATION, QKDTLS_CLIENT,
						     qkdtls_suite_find(QKDTLS_AES_256_GCM_SHA384),
						     &key),
			 -EINVAL);
	qkdtls_schedule_free(s);
}

static void no_psk_no_binder(void **state)
{
	struct qkdtls_schedule *s = at_stage(0);

	assert_int_equal(qkdtls_schedule_early(s, NULL, 0), 0);
	assert_int_equal(do_binder(s), -EINVAL);
	assert_int_equal(do_check_binder(s), -EINVAL);
	assert_int_equal(do_handshake(s), 0);
	qkdtls_schedule_free(s);
}

/* ---- Values ---- */

static void finished_checks_each_bit_and_the_length(void **state)
{
	struct qkdtls_schedule *s = at_stage(2);
	uint8_t mac[HASH_LEN + 1] = { 0 };
	size_t bit;

	assert_int_equal(qkdtls_schedule_finished(s, QKDTLS_CLIENT, hello_hash, mac), 0);
	assert_int_equal(
		qkdtls_schedule_check_finished(s, QKDTLS_CLIENT, hello_hash, mac, HASH_LEN), 0);
	for (bit = 0; bit < 8 * HASH_LEN; bit++) {
		mac[bit / 8] ^= (uint8_t)(1 << bit % 8);
		assert_int_equal(
			qkdtls_schedule_check_finished(s, QKDTLS_CLIENT, hello_hash, mac, HASH_LEN),
			-EBADMSG);
		mac[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	assert_int_equal(qkdtls_schedule_check_finished(s, QKDTLS_CLIENT, hello_hash, mac, 0),
			 -EBADMSG);
	assert_int_equal(
		qkdtls_schedule_check_finished(s, QKDTLS_CLIENT, hello_hash, mac, HASH_LEN - 1),
		-EBADMSG);
	assert_int_equal(
		qkdtls_schedule_check_finished(s, QKDTLS_CLIENT, hello_hash, mac, HASH_LEN + 1),
		-EBADMSG);
	assert_int_equal(
		qkdtls_schedule_check_finished(s, QKDTLS_CLIENT, finished_hash, mac, HASH_LEN),
		-EBADMSG);
	qkdtls_schedule_free(s);
}

/* The four traffic secrets and the exporter's that follow from these inputs */
static void all_secrets(const uint8_t *p, const uint8_t *k, const uint8_t *h, const uint8_t *f,
			uint8_t out[5][HASH_LEN])
{
	struct qkdtls_schedule *s = at_stage(0);
	int i;

	assert_int_equal(qkdtls_schedule_early(s, p, sizeof(psk)), 0);
	assert_int_equal(qkdtls_schedule_handshake(s, k, sizeof(kex), h), 0);
	assert_int_equal(qkdtls_schedule_application(s, f), 0);
	for (i = 0; i < 4; i++)
		assert_int_equal(qkdtls_schedule_reveal(
					 s,
					 i < 2 ? QKDTLS_EPOCH_HANDSHAKE : QKDTLS_EPOCH_APPLICATION,
					 i % 2 ? QKDTLS_SERVER : QKDTLS_CLIENT, out[i]),
				 0);
	assert_int_equal(qkdtls_schedule_reveal_exporter(s, out[4]), 0);
	qkdtls_schedule_free(s);
}

static void each_input_changes_what_depends_on_it(void **state)
{
	uint8_t inputs[4][64] = { { 0 } }, want[5][HASH_LEN], got[5][HASH_LEN];
	static const size_t lens[4] = { sizeof(psk), sizeof(kex), HASH_LEN, HASH_LEN };
	/* A handshake secret does not depend on the Finished hash, an application one not on the hellos. */
	static const bool depends[4][5] = {
		{ true, true, true, true, true },
		{ true, true, true, true, true },
		{ true, true, false, false, false },
		{ false, false, true, true, true },
	};
	size_t i, at, j;

	all_secrets(inputs[0], inputs[1], inputs[2], inputs[3], want);
	for (i = 0; i < 4; i++) {
		for (at = 0; at < lens[i]; at++) {
			inputs[i][at] ^= 0x10;
			all_secrets(inputs[0], inputs[1], inputs[2], inputs[3], got);
			inputs[i][at] ^= 0x10;
			for (j = 0; j < 5; j++)
				assert_int_equal(!!memcmp(got[j], want[j], HASH_LEN),
						 depends[i][j]);
		}
	}
}

static void update_moves_one_side(void **state)
{
	struct qkdtls_schedule *s = at_stage(4);
	uint8_t before[2][HASH_LEN], after[2][HASH_LEN], want[HASH_LEN];
	int i;

	for (i = 0; i < 2; i++)
		assert_int_equal(qkdtls_schedule_reveal(s, QKDTLS_EPOCH_APPLICATION, i, before[i]),
				 0);
	assert_int_equal(hkdf_expand_label(HASH, before[QKDTLS_SERVER], "traffic upd", NULL, 0,
					   want, HASH_LEN),
			 0);
	assert_int_equal(qkdtls_schedule_update(s, QKDTLS_SERVER), 0);
	for (i = 0; i < 2; i++)
		assert_int_equal(qkdtls_schedule_reveal(s, QKDTLS_EPOCH_APPLICATION, i, after[i]),
				 0);
	assert_memory_equal(after[QKDTLS_CLIENT], before[QKDTLS_CLIENT], HASH_LEN);
	assert_memory_equal(after[QKDTLS_SERVER], want, HASH_LEN);
	qkdtls_schedule_free(s);
}

static void exporter_is_that_of_rfc_9846(void **state)
{
	struct qkdtls_schedule *s = at_stage(4);
	uint8_t secret[HASH_LEN], empty[HASH_LEN], context[HASH_LEN], want[80], got[80];

	assert_int_equal(qkdtls_schedule_reveal_exporter(s, secret), 0);
	assert_int_equal(qkdtls_hash(HASH, "", 0, empty), 0);
	assert_int_equal(qkdtls_hash(HASH, "context", 7, context), 0);
	assert_int_equal(
		hkdf_expand_label(HASH, secret, "EXPORTER-test", empty, HASH_LEN, secret, HASH_LEN),
		0);
	assert_int_equal(
		hkdf_expand_label(HASH, secret, "exporter", context, HASH_LEN, want, sizeof(want)),
		0);
	assert_int_equal(qkdtls_schedule_export(s, "EXPORTER-test", (const uint8_t *)"context", 7,
						got, sizeof(got)),
			 0);
	assert_memory_equal(got, want, sizeof(want));
	assert_int_equal(qkdtls_schedule_export(s, "EXPORTER-test", NULL, 0, got, sizeof(got)), 0);
	assert_memory_not_equal(got, want, sizeof(want));
	assert_int_equal(qkdtls_schedule_export(s, "EXPORTER-test", (const uint8_t *)"", 0, want,
						sizeof(want)),
			 0);
	assert_memory_equal(got, want, sizeof(want));
	qkdtls_schedule_free(s);
}

/* ---- Wiping ---- */

static bool holds(const struct qkdtls_schedule *s, const uint8_t *secret)
{
	return memmem(s, malloc_usable_size((void *)s), secret, HASH_LEN);
}

static void secrets_go_when_the_next_exist(void **state)
{
	static const uint8_t zeros[HASH_LEN];
	uint8_t early[HASH_LEN], salt[HASH_LEN], empty[HASH_LEN], handshake[HASH_LEN];
	uint8_t main_secret[HASH_LEN], traffic[HASH_LEN];
	struct qkdtls_schedule *s = at_stage(1);

	assert_int_equal(qkdtls_hash(HASH, "", 0, empty), 0);
	hkdf_extract(HASH, NULL, 0, psk, sizeof(psk), early);
	hkdf_expand_label(HASH, early, "derived", empty, HASH_LEN, salt, HASH_LEN);
	hkdf_extract(HASH, salt, HASH_LEN, kex, sizeof(kex), handshake);
	hkdf_expand_label(HASH, handshake, "derived", empty, HASH_LEN, salt, HASH_LEN);
	hkdf_extract(HASH, salt, HASH_LEN, zeros, HASH_LEN, main_secret);

	assert_true(holds(s, early));
	assert_int_equal(do_handshake(s), 0);
	assert_false(holds(s, early));
	assert_false(holds(s, handshake));
	assert_true(holds(s, main_secret));
	assert_int_equal(do_application(s), 0);
	assert_false(holds(s, main_secret));
	qkdtls_schedule_reveal(s, QKDTLS_EPOCH_HANDSHAKE, QKDTLS_CLIENT, traffic);
	assert_true(holds(s, traffic));
	assert_int_equal(do_complete(s), 0);
	assert_false(holds(s, traffic));
	qkdtls_schedule_reveal(s, QKDTLS_EPOCH_APPLICATION, QKDTLS_SERVER, traffic);
	assert_true(holds(s, traffic));
	assert_int_equal(do_update(s), 0);
	assert_false(holds(s, traffic));
	qkdtls_schedule_reveal(s, QKDTLS_EPOCH_APPLICATION, QKDTLS_SERVER, traffic);
	assert_true(holds(s, traffic));
	assert_int_equal(do_hand_over(s), 0);
	assert_false(holds(s, traffic));
	qkdtls_schedule_free(s);
}

/* ---- Transcript ---- */

static void transcript_keeps_its_order(void **state)
{
	struct qkdtls_transcript t;
	uint8_t out[HASH_LEN];

	qkdtls_transcript_init(&t);
	assert_int_equal(qkdtls_transcript_start(&t, HASH), -EINVAL);
	assert_int_equal(qkdtls_transcript_retry(&t, HASH), -EINVAL);
	assert_int_equal(qkdtls_transcript_hash(&t, out), -EINVAL);
	assert_int_equal(qkdtls_transcript_add(&t, "hello", 5), 0);
	assert_int_equal(qkdtls_transcript_retry(&t, HASH), 0);
	assert_int_equal(qkdtls_transcript_retry(&t, HASH), -EINVAL);
	assert_int_equal(qkdtls_transcript_start(&t, QKDTLS_SHA384), -EINVAL);
	assert_int_equal(qkdtls_transcript_start(&t, HASH), 0);
	assert_int_equal(qkdtls_transcript_start(&t, HASH), -EINVAL);
	assert_int_equal(qkdtls_transcript_retry(&t, HASH), -EINVAL);
	assert_int_equal(qkdtls_transcript_binder(&t, HASH, "x", 1, out), -EINVAL);
	assert_int_equal(qkdtls_transcript_hash(&t, out), 0);
	qkdtls_transcript_free(&t);
}

static void transcript_is_bounded_before_the_suite_is_known(void **state)
{
	struct qkdtls_transcript t;
	uint8_t message[16384] = { 0 };
	int i;

	qkdtls_transcript_init(&t);
	for (i = 0; i < 4; i++)
		assert_int_equal(qkdtls_transcript_add(&t, message, sizeof(message)), 0);
	assert_int_equal(qkdtls_transcript_add(&t, message, 1), -ENOBUFS);
	assert_int_equal(qkdtls_transcript_start(&t, HASH), 0);
	assert_int_equal(qkdtls_transcript_add(&t, message, sizeof(message)), 0);
	qkdtls_transcript_free(&t);
}

/* RFC 9846 point 5: after a retry the binder has the PSK's hash, message_hash the negotiated one. */
static void binder_after_a_retry_has_two_hashes(void **state)
{
	uint8_t flat[4 + HASH_LEN + 3 + 5] = { 254, 0, 0, HASH_LEN }, want[48], got[48];
	struct qkdtls_transcript t;

	assert_int_equal(qkdtls_hash(HASH, "hello", 5, flat + 4), 0);
	memcpy(flat + 4 + HASH_LEN, "hrrtrunc", 8);
	assert_int_equal(qkdtls_hash(QKDTLS_SHA384, flat, sizeof(flat), want), 0);
	qkdtls_transcript_init(&t);
	assert_int_equal(qkdtls_transcript_add(&t, "hello", 5), 0);
	assert_int_equal(qkdtls_transcript_retry(&t, HASH), 0);
	assert_int_equal(qkdtls_transcript_add(&t, "hrr", 3), 0);
	assert_int_equal(qkdtls_transcript_binder(&t, QKDTLS_SHA384, "trunc", 5, got), 0);
	assert_memory_equal(got, want, sizeof(want));
	qkdtls_transcript_free(&t);
}

/* What a binder's hash has seen is not hashed again: nothing of the transcript may depend on that. */
static void transcript_is_the_same_behind_any_binder(void **state)
{
	static const struct {
		int binder; /* hash, -1: none */
		size_t len; /* of "hello", that it covers */
		bool retry;
	} rows[] = {
		{ -1, 0, false },	    { HASH, 0, false },		 { HASH, 3, false },
		{ HASH, 5, false },	    { QKDTLS_SHA384, 3, false }, { HASH, 3, true },
		{ QKDTLS_SHA384, 3, true },
	};
	uint8_t flat[4 + HASH_LEN + 5] = { 254, 0, 0, HASH_LEN }, want[HASH_LEN], got[48];
	struct qkdtls_transcript t;
	size_t i;

	assert_int_equal(qkdtls_hash(HASH, "first", 5, flat + 4), 0);
	memcpy(flat + 4 + HASH_LEN, "hello", 5);
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		if (rows[i].retry)
			assert_int_equal(qkdtls_hash(HASH, flat, sizeof(flat), want), 0);
		else
			assert_int_equal(qkdtls_hash(HASH, "hello", 5, want), 0);
		qkdtls_transcript_init(&t);
		if (rows[i].retry) {
			assert_int_equal(qkdtls_transcript_binder(&t, HASH, "fir", 3, got), 0);
			assert_int_equal(qkdtls_transcript_add(&t, "first", 5), 0);
			assert_int_equal(qkdtls_transcript_retry(&t, HASH), 0);
		}
		if (rows[i].binder >= 0)
			assert_int_equal(qkdtls_transcript_binder(&t, rows[i].binder, "hello",
								  rows[i].len, got),
					 0);
		assert_int_equal(qkdtls_transcript_add(&t, "hello", 5), 0);
		assert_int_equal(qkdtls_transcript_start(&t, HASH), 0);
		assert_int_equal(qkdtls_transcript_hash(&t, got), 0);
		assert_memory_equal(got, want, sizeof(want));
		qkdtls_transcript_free(&t);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(out_of_order_is_refused_and_changes_nothing),
		cmocka_unit_test(lengths_that_cannot_be_are_refused),
		cmocka_unit_test(no_psk_no_binder),
		cmocka_unit_test(finished_checks_each_bit_and_the_length),
		cmocka_unit_test(each_input_changes_what_depends_on_it),
		cmocka_unit_test(update_moves_one_side),
		cmocka_unit_test(exporter_is_that_of_rfc_9846),
		cmocka_unit_test(secrets_go_when_the_next_exist),
		cmocka_unit_test(transcript_keeps_its_order),
		cmocka_unit_test(transcript_is_bounded_before_the_suite_is_known),
		cmocka_unit_test(binder_after_a_retry_has_two_hashes),
		cmocka_unit_test(transcript_is_the_same_behind_any_binder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
