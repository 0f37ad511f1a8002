// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Complete handshakes captured between foreign implementations: RFC 9973 with certificate and external
 * PSK (one after a HelloRetryRequest), certificate only, and RFC 9258 imported PSKs. Every secret, binder
 * and Finished is derived anew and every record opened and made again.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "hkdf.h"
#include "qkd/qkdtls.h"
#include "tls/crypto_pki.h"
#include "tls/record.h"
#include "tls/schedule.h"
#include "tls/transcript.h"
#include "vectors.h"

#define PLAIN_MAX 4096

struct handshake {
	struct json_object *json;
	const struct qkdtls_suite *suite;
	enum qkdtls_hash hash;
	size_t hash_len;
	struct qkdtls_transcript transcript;
	struct qkdtls_schedule *schedule;
};

static size_t array_len(struct handshake *h, const char *key)
{
	return json_object_array_length(vectors_get(h->json, key));
}

static struct blob item(struct handshake *h, const char *key, size_t index)
{
	return vectors_item_blob(vectors_get(h->json, key), index);
}

static void assert_named(struct handshake *h, const char *key, const uint8_t *secret)
{
	assert_blob(vectors_blob(h->json, key), secret, h->hash_len);
}

static void setup(struct handshake *h, const char *name)
{
	h->json = vectors_open(name);
	h->suite = qkdtls_suite_find((uint16_t)strtoul(vectors_text(h->json, "suite"), NULL, 16));
	assert_non_null(h->suite);
	h->hash = h->suite->hash;
	h->hash_len = qkdtls_hash_len(h->hash);
	qkdtls_transcript_init(&h->transcript);
	assert_int_equal(qkdtls_schedule_new(&h->schedule, h->hash), 0);
}

static void teardown(struct handshake *h)
{
	qkdtls_schedule_free(h->schedule);
	qkdtls_transcript_free(&h->transcript);
	vectors_close();
}

/* A schedule with the PSK that one of the offered identities stands for */
static struct qkdtls_schedule *offered(struct handshake *h, size_t index)
{
	struct json_object *importer, *imported;
	struct qkdtls_schedule *s;
	struct blob psk, identity;
	enum qkdtls_hash hash = h->hash;

	if (!vectors_has(h->json, "importer")) {
		psk = vectors_blob(h->json, "psk");
		assert_int_equal(qkdtls_schedule_new(&s, hash), 0);
		assert_int_equal(qkdtls_schedule_early(s, psk.data, psk.len), 0);
		return s;
	}
	importer = vectors_get(h->json, "importer");
	imported = vectors_item(vectors_get(importer, "imported"), index);
	hash = strtoul(vectors_text(imported, "target_kdf"), NULL, 16) == 1 ? QKDTLS_SHA256
									    : QKDTLS_SHA384;
	psk = vectors_blob(importer, "epsk");
	identity = vectors_blob(imported, "imported_identity");
	assert_int_equal(qkdtls_schedule_new(&s, hash), 0);
	assert_int_equal(qkdtls_schedule_import(s, vectors_hash(importer, "epsk_hash"), psk.data,
						psk.len, identity.data, identity.len),
			 0);
	return s;
}

static enum qkdtls_binder label(struct handshake *h)
{
	return strcmp(vectors_text(h->json, "binder_label"), "imp binder") ? QKDTLS_BINDER_EXTERNAL
									   : QKDTLS_BINDER_IMPORTED;
}

/* One binder of a hello, over the hello cut before its binders list; a flipped bit spoils it. */
static void check_binder(struct handshake *h, struct blob hello, size_t truncated, size_t index,
			 struct blob binder)
{
	struct qkdtls_schedule *s = offered(h, index);
	uint8_t spoiled[QKDTLS_HASH_MAX], hash[QKDTLS_HASH_MAX], got[QKDTLS_HASH_MAX];
	enum qkdtls_binder wrong = label(h) == QKDTLS_BINDER_EXTERNAL ? QKDTLS_BINDER_IMPORTED
								      : QKDTLS_BINDER_EXTERNAL;

	hello.data[truncated / 2] ^= 1;
	assert_int_equal(qkdtls_transcript_binder(&h->transcript, qkdtls_schedule_hash(s),
						  hello.data, truncated, spoiled),
			 0);
	hello.data[truncated / 2] ^= 1;
	/* The last, since the transcript goes on from it */
	assert_int_equal(qkdtls_transcript_binder(&h->transcript, qkdtls_schedule_hash(s),
						  hello.data, truncated, hash),
			 0);
	assert_int_equal(qkdtls_schedule_binder(s, label(h), hash, got), 0);
	assert_blob(binder, got, qkdtls_hash_len(qkdtls_schedule_hash(s)));
	assert_int_equal(qkdtls_schedule_check_binder(s, label(h), hash, binder.data, binder.len),
			 0);
	assert_int_equal(qkdtls_schedule_check_binder(s, wrong, hash, binder.data, binder.len),
			 -EBADMSG);
	assert_int_equal(
		qkdtls_schedule_check_binder(s, label(h), hash, binder.data, binder.len - 1),
		-EBADMSG);
	assert_int_equal(
		qkdtls_schedule_check_binder(s, label(h), spoiled, binder.data, binder.len),
		-EBADMSG);
	qkdtls_schedule_free(s);
}

/* The binders list stands at the very end of a hello; those of the first of two are not listed apart. */
static void check_binders(struct handshake *h, struct blob hello, bool last)
{
	size_t count, truncated = hello.len - 2, i;
	struct qkdtls_cursor tail, list, entry;

	if (!vectors_has(h->json, "binders"))
		return;
	count = array_len(h, "binders");
	for (i = 0; i < count; i++)
		truncated -= 1 + item(h, "binders", i).len;
	tail = qkdtls_cursor(hello.data + truncated, hello.len - truncated);
	assert_true(qkdtls_get_vec16(&tail, 33, 0xffff, &list) && qkdtls_cursor_empty(&tail));
	for (i = 0; i < count; i++) {
		struct blob binder;

		assert_true(qkdtls_get_vec8(&list, 32, 255, &entry));
		binder = (struct blob){ (uint8_t *)entry.pos, qkdtls_cursor_left(&entry) };
		if (last)
			assert_blob(item(h, "binders", i), binder.data, binder.len);
		check_binder(h, hello, truncated, i, binder);
	}
	assert_true(qkdtls_cursor_empty(&list));
}

static void add(struct handshake *h, struct blob message)
{
	assert_int_equal(qkdtls_transcript_add(&h->transcript, message.data, message.len), 0);
}

static void hellos(struct handshake *h)
{
	size_t count = array_len(h, "client_hellos"), i;
	struct blob hello;

	assert_int_equal(array_len(h, "server_hellos"), count);
	for (i = 0; i < count; i++) {
		hello = item(h, "client_hellos", i);
		check_binders(h, hello, i + 1 == count);
		add(h, hello);
		if (i + 1 < count)
			assert_int_equal(qkdtls_transcript_retry(&h->transcript, h->hash), 0);
		add(h, item(h, "server_hellos", i));
	}
	assert_int_equal(qkdtls_transcript_start(&h->transcript, h->hash), 0);
}

/* The secrets that the schedule keeps to itself, by the primitives */
static void inner_secrets(struct handshake *h)
{
	static const uint8_t zeros[QKDTLS_HASH_MAX];
	struct blob psk = vectors_blob(h->json, "psk"), dhe = vectors_blob(h->json, "dhe_shared");
	bool none = !vectors_has(h->json, "binders");
	uint8_t secret[QKDTLS_HASH_MAX], empty[QKDTLS_HASH_MAX], salt[QKDTLS_HASH_MAX];

	assert_int_equal(qkdtls_hash(h->hash, "", 0, empty), 0);
	assert_int_equal(hkdf_extract(h->hash, NULL, 0, none ? zeros : psk.data,
				      none ? h->hash_len : psk.len, secret),
			 0);
	assert_named(h, "early_secret", secret);
	assert_int_equal(hkdf_expand_label(h->hash, secret, "derived", empty, h->hash_len, salt,
					   h->hash_len),
			 0);
	assert_int_equal(hkdf_extract(h->hash, salt, h->hash_len, dhe.data, dhe.len, secret), 0);
	assert_named(h, "handshake_secret", secret);
	assert_int_equal(hkdf_expand_label(h->hash, secret, "derived", empty, h->hash_len, salt,
					   h->hash_len),
			 0);
	assert_int_equal(hkdf_extract(h->hash, salt, h->hash_len, zeros, h->hash_len, secret), 0);
	assert_named(h, "main_secret", secret);
}

static void assert_traffic(struct handshake *h, enum qkdtls_epoch epoch, enum qkdtls_role sender,
			   const char *key)
{
	uint8_t secret[QKDTLS_HASH_MAX];

	assert_int_equal(qkdtls_schedule_reveal(h->schedule, epoch, sender, secret), 0);
	assert_named(h, key, secret);
}

static void handshake_secrets(struct handshake *h)
{
	struct blob dhe = vectors_blob(h->json, "dhe_shared");
	uint8_t hash[QKDTLS_HASH_MAX];

	qkdtls_schedule_free(h->schedule);
	if (vectors_has(h->json, "binders")) {
		h->schedule = offered(
			h, (size_t)json_object_get_int(vectors_get(h->json, "selected_identity")));
	} else {
		assert_int_equal(qkdtls_schedule_new(&h->schedule, h->hash), 0);
		assert_int_equal(qkdtls_schedule_early(h->schedule, NULL, 0), 0);
	}
	assert_int_equal(qkdtls_transcript_hash(&h->transcript, hash), 0);
	assert_int_equal(qkdtls_schedule_handshake(h->schedule, dhe.data, dhe.len, hash), 0);
	assert_traffic(h, QKDTLS_EPOCH_HANDSHAKE, QKDTLS_CLIENT, "client_handshake_traffic_secret");
	assert_traffic(h, QKDTLS_EPOCH_HANDSHAKE, QKDTLS_SERVER, "server_handshake_traffic_secret");
}

/* Opens one record and makes it again from what was in it. */
static struct qkdtls_record reopen(struct qkdtls_record_reader *reader,
				   struct qkdtls_record_writer *writer, struct blob bytes)
{
	struct qkdtls_record record;
	struct qkdtls_buf out;

	assert_int_equal(qkdtls_record_reader_input(reader, bytes.data, QKDTLS_RECORD_HEADER), 0);
	assert_int_equal(qkdtls_record_reader_next(reader, &record), -EAGAIN);
	assert_int_equal(qkdtls_record_reader_wanted(reader), bytes.len - QKDTLS_RECORD_HEADER);
	assert_int_equal(qkdtls_record_reader_input(reader, bytes.data + QKDTLS_RECORD_HEADER,
						    bytes.len - QKDTLS_RECORD_HEADER),
			 0);
	assert_int_equal(qkdtls_record_reader_next(reader, &record), 0);
	qkdtls_buf_init(&out, 1 << 16);
	assert_int_equal(qkdtls_record_write(writer, record.type, record.data, record.len, &out),
			 0);
	assert_blob(bytes, qkdtls_buf_data(&out), out.len);
	qkdtls_buf_free(&out);
	return record;
}

/* All of one side's protected records of the handshake, their content one behind the other */
static size_t open_flight(struct handshake *h, enum qkdtls_role side, uint8_t *plain)
{
	struct json_object *records = vectors_get(h->json, "records");
	struct qkdtls_record_reader reader;
	struct qkdtls_record_writer writer;
	struct qkdtls_traffic_key key;
	struct qkdtls_record record;
	const char *sender;
	size_t len = 0, i;

	qkdtls_record_reader_init(&reader);
	qkdtls_record_writer_init(&writer);
	assert_int_equal(qkdtls_schedule_traffic_key(h->schedule, QKDTLS_EPOCH_HANDSHAKE, side,
						     h->suite, &key),
			 0);
	assert_int_equal(qkdtls_record_reader_key(&reader, &key), 0);
	assert_int_equal(qkdtls_record_writer_key(&writer, &key), 0);
	for (i = 0; i < json_object_array_length(records); i++) {
		struct blob bytes = vectors_pair_blob(records, i, &sender);

		if (strcmp(sender, side == QKDTLS_CLIENT ? "client" : "server") ||
		    bytes.data[0] != QKDTLS_CONTENT_DATA)
			continue;
		record = reopen(&reader, &writer, bytes);
		assert_int_equal(record.type, QKDTLS_CONTENT_HANDSHAKE);
		assert_in_range(record.len, 1, PLAIN_MAX - len);
		memcpy(plain + len, record.data, record.len);
		len += record.len;
	}
	qkdtls_record_reader_free(&reader);
	qkdtls_record_writer_free(&writer);
	return len;
}

static void check_finished(struct handshake *h, enum qkdtls_role sender, struct blob message)
{
	uint8_t hash[QKDTLS_HASH_MAX];

	assert_int_equal(message.len, 4 + h->hash_len);
	assert_int_equal(qkdtls_transcript_hash(&h->transcript, hash), 0);
	assert_int_equal(qkdtls_schedule_check_finished(h->schedule, sender, hash, message.data + 4,
							message.len - 4),
			 0);
	assert_int_equal(qkdtls_schedule_check_finished(h->schedule, 1 - sender, hash,
							message.data + 4, message.len - 4),
			 -EBADMSG);
	message.data[message.len - 1] ^= 1;
	assert_int_equal(qkdtls_schedule_check_finished(h->schedule, sender, hash, message.data + 4,
							message.len - 4),
			 -EBADMSG);
	message.data[message.len - 1] ^= 1;
}

/* Certificate and what comes before it are in the transcript; the leaf signed that. */
static void check_signature(struct handshake *h, struct qkdtls_chain *chain, struct blob message)
{
	static const char context[] = "TLS 1.3, server CertificateVerify";
	uint8_t content[64 + sizeof(context) + QKDTLS_HASH_MAX];
	size_t len = 64 + sizeof(context) + h->hash_len;
	struct qkdtls_cursor c = qkdtls_cursor(message.data, message.len), signature;
	const struct qkdtls_scheme *scheme;
	uint32_t header = 0;
	uint16_t number = 0;

	assert_true(qkdtls_get_u32(&c, &header) && qkdtls_get_u16(&c, &number) &&
		    qkdtls_get_vec16(&c, 0, 0xffff, &signature) && qkdtls_cursor_empty(&c));
	assert_int_equal(number,
			 strtoul(vectors_text(h->json, "server_signature_scheme"), NULL, 16));
	scheme = qkdtls_scheme_find(number);
	assert_non_null(scheme);
	memset(content, ' ', 64);
	memcpy(content + 64, context, sizeof(context));
	assert_int_equal(qkdtls_transcript_hash(&h->transcript, content + 64 + sizeof(context)), 0);
	assert_int_equal(qkdtls_chain_verify_signature(chain, scheme, content, len, signature.pos,
						       qkdtls_cursor_left(&signature)),
			 0);
	content[len - 1] ^= 1;
	assert_int_equal(qkdtls_chain_verify_signature(chain, scheme, content, len, signature.pos,
						       qkdtls_cursor_left(&signature)),
			 QKDTLS_ALERT_DECRYPT_ERROR);
}

static void read_certificate(struct qkdtls_chain *chain, struct blob message)
{
	struct qkdtls_cursor c = qkdtls_cursor(message.data, message.len), list, der, extensions;
	uint32_t header = 0;
	uint8_t context = 0;

	assert_true(qkdtls_get_u32(&c, &header) && qkdtls_get_u8(&c, &context) &&
		    qkdtls_get_vec24(&c, 1, 0xffffff, &list) && qkdtls_cursor_empty(&c));
	while (!qkdtls_cursor_empty(&list)) {
		assert_true(qkdtls_get_vec24(&list, 1, 0xffffff, &der) &&
			    qkdtls_get_vec16(&list, 0, 0xffff, &extensions));
		assert_int_equal(qkdtls_chain_add(chain, der.pos, qkdtls_cursor_left(&der)), 0);
	}
	assert_int_not_equal(qkdtls_chain_count(chain), 0);
}

/* The flight as it was opened is the list of messages in the vectors; each is checked in its place. */
static void check_flight(struct handshake *h, const char *key, enum qkdtls_role sender)
{
	struct json_object *flight = vectors_get(h->json, key);
	uint8_t plain[PLAIN_MAX];
	size_t len = open_flight(h, sender, plain), at = 0, i;
	struct qkdtls_chain *chain;
	const char *name = "";

	assert_int_equal(qkdtls_chain_new(&chain), 0);
	for (i = 0; i < json_object_array_length(flight); i++) {
		struct blob message = vectors_pair_blob(flight, i, &name);

		assert_in_range(message.len, 4, len - at);
		assert_memory_equal(message.data, plain + at, message.len);
		at += message.len;
		if (!strcmp(name, "finished"))
			check_finished(h, sender, message);
		else if (!strcmp(name, "certificate"))
			read_certificate(chain, message);
		else if (!strcmp(name, "certificate_verify"))
			check_signature(h, chain, message);
		add(h, message);
	}
	assert_int_equal(at, len);
	assert_string_equal(name, "finished");
	qkdtls_chain_free(chain);
}

static void application_secrets(struct handshake *h)
{
	uint8_t hash[QKDTLS_HASH_MAX], secret[QKDTLS_HASH_MAX];

	assert_int_equal(qkdtls_transcript_hash(&h->transcript, hash), 0);
	assert_int_equal(qkdtls_schedule_application(h->schedule, hash), 0);
	assert_traffic(h, QKDTLS_EPOCH_APPLICATION, QKDTLS_CLIENT,
		       "client_application_traffic_secret_0");
	assert_traffic(h, QKDTLS_EPOCH_APPLICATION, QKDTLS_SERVER,
		       "server_application_traffic_secret_0");
	assert_int_equal(qkdtls_schedule_reveal_exporter(h->schedule, secret), 0);
	assert_named(h, "exporter_secret", secret);
}

/* Not ours to use, but it shows that the client's Finished is in the transcript. */
static void resumption_secret(struct handshake *h)
{
	struct blob main_secret = vectors_blob(h->json, "main_secret");
	uint8_t hash[QKDTLS_HASH_MAX], secret[QKDTLS_HASH_MAX];

	assert_int_equal(qkdtls_transcript_hash(&h->transcript, hash), 0);
	assert_int_equal(hkdf_expand_label(h->hash, main_secret.data, "res master", hash,
					   h->hash_len, secret, h->hash_len),
			 0);
	assert_named(h, "resumption_secret", secret);
}

static void check_handshake(void **state)
{
	struct handshake h;

	setup(&h, *state);
	hellos(&h);
	inner_secrets(&h);
	handshake_secrets(&h);
	check_flight(&h, "server_flight", QKDTLS_SERVER);
	application_secrets(&h);
	check_flight(&h, "client_flight", QKDTLS_CLIENT);
	resumption_secret(&h);
	assert_int_equal(qkdtls_schedule_complete(h.schedule), 0);
	teardown(&h);
}

#define HANDSHAKE(name)                                           \
	{                                                         \
		name, check_handshake, NULL, NULL, (void *)(name) \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HANDSHAKE("wolf-cert-aes128-p256"),	  HANDSHAKE("wolf-9973-aes128-p256"),
		HANDSHAKE("wolf-9973-aes256sha384-p256"), HANDSHAKE("wolf-9973-hrr-aes128-p256"),
		HANDSHAKE("bssl-9258-epsk256-kdf256"),	  HANDSHAKE("bssl-9258-epsk256-kdf384"),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
