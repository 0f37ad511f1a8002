// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * PSK identities as a server reads them (RFC 9258 section 5.1, RFC 9973 section 5.1): ours to the last byte,
 * or passed over. Hellos are made with right binders, so that only the identity decides.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "forge.h"
#include "site.h"
#include "tls/internal.h"

#define OFFER_MAX 4
#define ID_LEN	  16

/* What an ImportedIdentity says; normal() is what the server expects. */
struct identity {
	uint8_t id[ID_LEN];
	size_t id_len;
	uint8_t context[QKDTLS_LINK_CONTEXT_LEN + 1];
	size_t context_len;
	uint16_t protocol;
	uint16_t kdf;
	size_t behind; /* bytes behind its end */
	bool foreign; /* a ticket of some other server, say */
	uint32_t age;
	bool wrong_binder;
};

struct offer {
	struct identity identity[OFFER_MAX];
	size_t count;
};

static struct identity normal(const struct loopback *lb)
{
	struct identity identity = {
		.id_len = ID_LEN,
		.context_len = QKDTLS_LINK_CONTEXT_LEN,
		.protocol = 0x0304,
		.kdf = 1,
	};

	memcpy(identity.id, lb->ring[QKDTLS_SERVER].key[0].id, ID_LEN);
	assert_int_equal(qkdtls_link_context("geneva", "zurich", identity.context), 0);
	return identity;
}

static void put_identity(struct qkdtls_writer *w, const struct identity *identity)
{
	static const uint8_t behind[4];
	struct qkdtls_mark mark;

	if (identity->foreign) {
		qkdtls_put_bytes(w, "a ticket", 8);
		return;
	}
	mark = qkdtls_put_open(w, 2);
	qkdtls_put_bytes(w, identity->id, identity->id_len);
	qkdtls_put_close(w, mark);
	mark = qkdtls_put_open(w, 2);
	qkdtls_put_bytes(w, identity->context, identity->context_len);
	qkdtls_put_close(w, mark);
	qkdtls_put_u16(w, identity->protocol);
	qkdtls_put_u16(w, identity->kdf);
	qkdtls_put_bytes(w, behind, identity->behind);
}

static size_t binders_len(const struct offer *offer)
{
	return 2 + offer->count * (1 + 32);
}

/* The extension with zeros for binders */
static size_t write_offer(const struct offer *offer, uint8_t *bytes, size_t size)
{
	static const uint8_t zeros[32];
	struct qkdtls_mark list, mark;
	struct qkdtls_writer w;

	qkdtls_writer_init(&w, bytes, size);
	list = qkdtls_put_open(&w, 2);
	for (size_t i = 0; i < offer->count; i++) {
		mark = qkdtls_put_open(&w, 2);
		put_identity(&w, &offer->identity[i]);
		qkdtls_put_close(&w, mark);
		qkdtls_put_u32(&w, offer->identity[i].age);
	}
	qkdtls_put_close(&w, list);
	list = qkdtls_put_open(&w, 2);
	for (size_t i = 0; i < offer->count; i++) {
		mark = qkdtls_put_open(&w, 1);
		qkdtls_put_bytes(&w, zeros, sizeof(zeros));
		qkdtls_put_close(&w, mark);
	}
	qkdtls_put_close(&w, list);
	assert_true(qkdtls_writer_ok(&w));
	return w.len;
}

static void compute_binder(const struct qkdtls_psk *key, const struct identity *identity,
			   const uint8_t *hash, uint8_t *binder)
{
	struct qkdtls_schedule *schedule;
	struct qkdtls_writer w;
	uint8_t bytes[128];

	qkdtls_writer_init(&w, bytes, sizeof(bytes));
	put_identity(&w, identity);
	assert_int_equal(qkdtls_schedule_new(&schedule, QKDTLS_SHA256), 0);
	assert_int_equal(qkdtls_schedule_import(schedule, QKDTLS_SHA256, key->secret,
						key->secret_len, bytes, w.len),
			 0);
	assert_int_equal(qkdtls_schedule_binder(schedule, QKDTLS_BINDER_IMPORTED, hash, binder), 0);
	qkdtls_schedule_free(schedule);
	if (identity->wrong_binder)
		binder[31] ^= 1;
}

static void bind_offer(const struct loopback *lb, const struct offer *offer,
		       struct forged_message *hello)
{
	static uint8_t raw[FORGE_MESSAGE_MAX + 4];
	const size_t truncated = hello->len - binders_len(offer);
	struct qkdtls_transcript transcript;
	uint8_t hash[QKDTLS_HASH_MAX];
	uint8_t *binder = hello->body + truncated + 2;

	raw[0] = hello->type;
	raw[1] = 0;
	raw[2] = (uint8_t)(hello->len >> 8);
	raw[3] = (uint8_t)hello->len;
	memcpy(raw + 4, hello->body, hello->len);
	qkdtls_transcript_init(&transcript);
	assert_int_equal(
		qkdtls_transcript_binder(&transcript, QKDTLS_SHA256, raw, 4 + truncated, hash), 0);
	qkdtls_transcript_free(&transcript);
	for (size_t i = 0; i < offer->count; i++, binder += 33)
		compute_binder(&lb->ring[QKDTLS_SERVER].key[0], &offer->identity[i], hash,
			       binder + 1);
}

/* One suite, so that a client's own offer would have one identity. */
static const struct site_options options = { .ciphers = "TLS_AES_128_GCM_SHA256" };

/* The client's hello with this offer instead of its own, to the server, whose answer stays where it is */
static enum qkdtls_want take_offer(const struct loopback *lb, const struct offer *offer)
{
	static struct forged_message hello;
	static uint8_t bytes[1024];
	struct forge changes[] = {
		{ .op = FORGE_DROP, .type = QKDTLS_EXT_PRE_SHARED_KEY },
		{ .op = FORGE_LAST, .type = QKDTLS_EXT_PRE_SHARED_KEY, .bytes = bytes },
	};
	const uint8_t *data;
	size_t len;

	assert_int_equal(qkdtls_handshake(lb->end[QKDTLS_CLIENT]), QKDTLS_WANT_WRITE);
	data = qkdtls_output(lb->end[QKDTLS_CLIENT], &len);
	forge_read_plain(data, len, &hello);
	changes[1].len = write_offer(offer, bytes, sizeof(bytes));
	forge_hello(&hello, changes, 2);
	bind_offer(lb, offer, &hello);
	qkdtls_output_sent(lb->end[QKDTLS_CLIENT], len);
	forge_feed_record(lb->end[QKDTLS_SERVER], &hello);
	return qkdtls_handshake(lb->end[QKDTLS_SERVER]);
}

static enum qkdtls_want feed_offer(const struct loopback *lb, const struct offer *offer)
{
	enum qkdtls_want want = take_offer(lb, offer);
	size_t len;

	while (want == QKDTLS_WANT_WRITE) {
		(void)qkdtls_output(lb->end[QKDTLS_SERVER], &len);
		qkdtls_output_sent(lb->end[QKDTLS_SERVER], len);
		want = qkdtls_handshake(lb->end[QKDTLS_SERVER]);
	}
	return want;
}

static void assert_accepted(const struct loopback *lb, const struct offer *offer)
{
	assert_int_equal(feed_offer(lb, offer), QKDTLS_WANT_READ);
	assert_int_equal(lb->ring[QKDTLS_SERVER].asked, 1);
	assert_int_equal(lb->ring[QKDTLS_SERVER].committed, 1);
	assert_true(qkdtls_info(lb->end[QKDTLS_SERVER])->psk);
}

static void a_right_identity_is_accepted(void **state)
{
	struct offer offer = { .count = 1 };
	struct loopback lb;

	site_link(*state, &lb, &options, &options);
	offer.identity[0] = normal(&lb);
	assert_accepted(&lb, &offer);
	loopback_free(&lb);
}

static void its_age_is_ignored(void **state)
{
	struct offer offer = { .count = 1 };
	struct loopback lb;

	site_link(*state, &lb, &options, &options);
	offer.identity[0] = normal(&lb);
	offer.identity[0].age = 0xdeadbeef;
	assert_accepted(&lb, &offer);
	loopback_free(&lb);
}

/* Only the binder of the identity in use is looked at. */
static void others_are_passed_over(void **state)
{
	struct offer offer = { .count = 4 };
	struct loopback lb;

	site_link(*state, &lb, &options, &options);
	offer.identity[0] = (struct identity){ .foreign = true, .wrong_binder = true };
	offer.identity[1] = normal(&lb);
	offer.identity[1].kdf = 2;
	offer.identity[2] = normal(&lb);
	offer.identity[3] = (struct identity){ .foreign = true, .wrong_binder = true };
	assert_accepted(&lb, &offer);
	assert_int_equal(lb.end[QKDTLS_SERVER]->hs->psk_index, 2);
	loopback_free(&lb);
}

/* A hello makes the source look up two keys at most, whatever it offers. */
static void only_two_keys_are_looked_up(void **state)
{
	struct offer offer = { .count = 4 };
	struct loopback lb;

	site_link(*state, &lb, &options, &options);
	for (size_t i = 0; i < offer.count; i++) {
		offer.identity[i] = normal(&lb);
		offer.identity[i].id[0] ^= (uint8_t)(3 - i);
	}
	assert_int_equal(feed_offer(&lb, &offer), QKDTLS_FAILED);
	assert_int_equal(qkdtls_error(lb.end[QKDTLS_SERVER])->sent, QKDTLS_ALERT_DECRYPT_ERROR);
	assert_int_equal(lb.ring[QKDTLS_SERVER].asked, 2);
	assert_int_equal(lb.ring[QKDTLS_SERVER].found, 0);
	loopback_free(&lb);
}

/* The same key again is no second key. */
static void a_key_is_looked_up_once(void **state)
{
	struct offer offer = { .count = 3 };
	struct loopback lb;

	site_link(*state, &lb, &options, &options);
	for (size_t i = 0; i < offer.count; i++) {
		offer.identity[i] = normal(&lb);
		offer.identity[i].id[0] ^= 1;
	}
	assert_int_equal(feed_offer(&lb, &offer), QKDTLS_FAILED);
	assert_int_equal(lb.ring[QKDTLS_SERVER].asked, 1);
	loopback_free(&lb);
}

/* A wrong binder is an attack or a broken link, not a reason to try the next key. */
static void a_wrong_binder_is_final(void **state)
{
	struct offer offer = { .count = 2 };
	struct loopback lb;

	site_link(*state, &lb, &options, &options);
	keyring_add(&lb.ring[QKDTLS_SERVER], 77, 16);
	offer.identity[0] = normal(&lb);
	offer.identity[0].wrong_binder = true;
	offer.identity[1] = normal(&lb);
	memcpy(offer.identity[1].id, lb.ring[QKDTLS_SERVER].key[1].id, 16);
	assert_int_equal(feed_offer(&lb, &offer), QKDTLS_FAILED);
	assert_int_equal(qkdtls_error(lb.end[QKDTLS_SERVER])->sent, QKDTLS_ALERT_DECRYPT_ERROR);
	assert_int_equal(qkdtls_to_errno(lb.end[QKDTLS_SERVER]), -EKEYREJECTED);
	assert_int_equal(lb.ring[QKDTLS_SERVER].asked, 1);
	assert_int_equal(lb.ring[QKDTLS_SERVER].released, 1);
	assert_int_equal(lb.ring[QKDTLS_SERVER].committed, 0);
	loopback_free(&lb);
}

/*
 * The two ends hold different bytes under one ID, and yet the binder was right: a peer that computes it from something
 * else, say. Nothing that either sends can be read by the other.
 */
static void keys_that_differ_behind_a_right_binder_show(void **state)
{
	struct offer offer = { .count = 1 };
	struct loopback lb;
	const uint8_t *data;
	size_t len;

	for (int differ = 0; differ <= 1; differ++) {
		site_link(*state, &lb, &options, &options);
		lb.ring[QKDTLS_CLIENT].key[0].secret[0] ^= (uint8_t)differ;
		offer.identity[0] = normal(&lb);
		assert_int_equal(take_offer(&lb, &offer), QKDTLS_WANT_WRITE);
		assert_int_equal(lb.ring[QKDTLS_SERVER].committed, 1);
		data = qkdtls_output(lb.end[QKDTLS_SERVER], &len);
		assert_int_equal(forge_feed(lb.end[QKDTLS_CLIENT], data, len), len);
		(void)qkdtls_handshake(lb.end[QKDTLS_CLIENT]);
		assert_int_equal(qkdtls_error(lb.end[QKDTLS_CLIENT])->sent,
				 differ ? QKDTLS_ALERT_BAD_RECORD_MAC : QKDTLS_ALERT_NONE);
		loopback_free(&lb);
	}
}

static void no_id(struct identity *identity)
{
	identity->id_len = 0;
}

static void other_context(struct identity *identity)
{
	identity->context[31] ^= 1;
}

static void short_context(struct identity *identity)
{
	identity->context_len--;
}

static void long_context(struct identity *identity)
{
	identity->context_len++;
}

static void no_context(struct identity *identity)
{
	identity->context_len = 0;
}

static void dtls(struct identity *identity)
{
	identity->protocol = 0xfefc;
}

static void tls12(struct identity *identity)
{
	identity->protocol = 0x0303;
}

static void other_kdf(struct identity *identity)
{
	identity->kdf = 2;
}

static void unknown_kdf(struct identity *identity)
{
	identity->kdf = 0xff00;
}

static void a_byte_behind(struct identity *identity)
{
	identity->behind = 1;
}

/* Nobody is asked for a key by an identity that is not wholly of this link, protocol and hash. */
static void identities_match_to_the_last_byte(void **state)
{
	void (*const changes[])(struct identity *) = {
		no_id, other_context, short_context, long_context, no_context,
		dtls,  tls12,	      other_kdf,     unknown_kdf,  a_byte_behind,
	};
	struct offer offer = { .count = 1 };
	struct loopback lb;

	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		site_link(*state, &lb, &options, &options);
		offer.identity[0] = normal(&lb);
		changes[i](&offer.identity[0]);
		assert_int_equal(feed_offer(&lb, &offer), QKDTLS_FAILED);
		assert_int_equal(qkdtls_error(lb.end[QKDTLS_SERVER])->sent,
				 QKDTLS_ALERT_DECRYPT_ERROR);
		assert_int_equal(qkdtls_to_errno(lb.end[QKDTLS_SERVER]), -ENOKEY);
		assert_int_equal(lb.ring[QKDTLS_SERVER].asked, 0);
		loopback_free(&lb);
	}
}

/* The same hello again: its key is spent, and the second server says no more than to a wrong one. */
static void a_replayed_hello_finds_nothing(void **state)
{
	static struct forged_message hello;
	struct loopback lb, again;
	const uint8_t *data;
	size_t len;

	site_link(*state, &lb, &options, &options);
	assert_int_equal(qkdtls_handshake(lb.end[QKDTLS_CLIENT]), QKDTLS_WANT_WRITE);
	data = qkdtls_output(lb.end[QKDTLS_CLIENT], &len);
	forge_read_plain(data, len, &hello);
	assert_int_equal(forge_feed_plain(lb.end[QKDTLS_SERVER], &hello), QKDTLS_WANT_READ);
	loopback_free(&lb);
	site_link(*state, &again, &options, &options);
	again.ring[QKDTLS_SERVER].answer = -EKEYREVOKED;
	assert_int_equal(forge_feed_plain(again.end[QKDTLS_SERVER], &hello), QKDTLS_FAILED);
	assert_int_equal(qkdtls_error(again.end[QKDTLS_SERVER])->sent, QKDTLS_ALERT_DECRYPT_ERROR);
	loopback_free(&again);
}

/* A client's own hello sent back to a server of the same site names a link in the other direction. */
static void a_reflected_hello_is_of_another_link(void **state)
{
	struct qkdtls_config *server = site_config(*state, QKDTLS_SERVER, &options);
	uint8_t context[QKDTLS_LINK_CONTEXT_LEN];
	struct offer offer = { .count = 1 };
	struct loopback lb;

	assert_int_equal(qkdtls_link_context("zurich", "geneva", context), 0);
	assert_int_equal(qkdtls_config_set_psk_imported(server, context), 0);
	site_link(*state, &lb, &options, &options);
	qkdtls_conn_free(lb.end[QKDTLS_SERVER]);
	lb.end[QKDTLS_SERVER] =
		qkdtls_conn_new(server, QKDTLS_SERVER, &keyring_ops, &lb.ring[QKDTLS_SERVER]);
	qkdtls_config_unref(server);
	offer.identity[0] = normal(&lb);
	assert_int_equal(feed_offer(&lb, &offer), QKDTLS_FAILED);
	assert_int_equal(qkdtls_error(lb.end[QKDTLS_SERVER])->sent, QKDTLS_ALERT_DECRYPT_ERROR);
	assert_int_equal(lb.ring[QKDTLS_SERVER].asked, 0);
	loopback_free(&lb);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_right_identity_is_accepted),
		cmocka_unit_test(its_age_is_ignored),
		cmocka_unit_test(others_are_passed_over),
		cmocka_unit_test(only_two_keys_are_looked_up),
		cmocka_unit_test(a_key_is_looked_up_once),
		cmocka_unit_test(a_wrong_binder_is_final),
		cmocka_unit_test(keys_that_differ_behind_a_right_binder_show),
		cmocka_unit_test(identities_match_to_the_last_byte),
		cmocka_unit_test(a_replayed_hello_finds_nothing),
		cmocka_unit_test(a_reflected_hello_is_of_another_link),
	};

	return cmocka_run_group_tests(tests, site_setup, site_teardown);
}
