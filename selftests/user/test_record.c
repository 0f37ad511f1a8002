// SPDX-License-Identifier: GPL-2.0-or-later
/* The record layer alone (RFC 9846 section 5). Its rows are in Documentation/conformance.md. */
#include "rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tls/crypto_aead.h"
#include "tls/record.h"
#include "tls/suite.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define HEADER	  QKDTLS_RECORD_HEADER
#define PLAIN_MAX QKDTLS_RECORD_PLAIN_MAX
#define BODY_MAX  QKDTLS_RECORD_BODY_MAX
#define TAG	  QKDTLS_AEAD_TAG_LEN

#define UNEXPECTED QKDTLS_ALERT_UNEXPECTED_MESSAGE
#define OVERFLOW   QKDTLS_ALERT_RECORD_OVERFLOW
#define BAD_MAC	   QKDTLS_ALERT_BAD_RECORD_MAC

static struct qkdtls_traffic_key a_key(uint16_t suite, uint64_t seq)
{
	struct qkdtls_traffic_key key = {
		.suite = suite,
		.key = { 1, 2, 3 },
		.key_len = suite == QKDTLS_AES_256_GCM_SHA384 ? 32 : 16,
		.iv = { 4, 5, 6 },
		.seq = seq,
	};

	return key;
}

static struct qkdtls_record_writer a_writer(uint64_t seq)
{
	struct qkdtls_traffic_key key = a_key(QKDTLS_AES_128_GCM_SHA256, seq);
	struct qkdtls_record_writer writer;

	qkdtls_record_writer_init(&writer);
	assert_int_equal(qkdtls_record_writer_key(&writer, &key), 0);
	return writer;
}

static struct qkdtls_record_reader a_reader(uint64_t seq)
{
	struct qkdtls_traffic_key key = a_key(QKDTLS_AES_128_GCM_SHA256, seq);
	struct qkdtls_record_reader reader;

	qkdtls_record_reader_init(&reader);
	assert_int_equal(qkdtls_record_reader_key(&reader, &key), 0);
	return reader;
}

/* A source that counts, and fails @failures times first */
struct source {
	int failures;
	int asked;
};

static int ask_source(void *arg, struct qkdtls_traffic_key *key)
{
	struct source *source = arg;

	source->asked++;
	if (source->asked <= source->failures)
		return -ENOMEM;
	*key = a_key(QKDTLS_AES_128_GCM_SHA256, 0);
	return 0;
}

/* Feeds at most @step bytes at a time, exactly what is wanted, until a verdict; how many went by @used */
static int feed(struct qkdtls_record_reader *reader, const uint8_t *bytes, size_t len, size_t step,
		size_t *used, struct qkdtls_record *record)
{
	int err = -EAGAIN;
	size_t now;

	*used = 0;
	while (err == -EAGAIN && *used < len) {
		now = qkdtls_record_reader_wanted(reader);
		now = now < step ? now : step;
		now = now < len - *used ? now : len - *used;
		assert_int_not_equal(now, 0);
		assert_int_equal(qkdtls_record_reader_input(reader, bytes + *used, now), 0);
		*used += now;
		err = qkdtls_record_reader_next(reader, record);
	}
	return err;
}

/* ---- What is written can be read ---- */

static void round_trip(uint16_t suite, size_t len, size_t step)
{
	struct qkdtls_traffic_key key = a_key(suite, 7);
	uint8_t *data = malloc(len + 1), *got = malloc(len + 1);
	struct qkdtls_record_writer writer;
	struct qkdtls_record_reader reader;
	struct qkdtls_record record;
	size_t at = 0, used, have = 0, records = 0;
	struct qkdtls_buf out;

	for (used = 0; used < len; used++)
		data[used] = (uint8_t)(used * 7);
	qkdtls_buf_init(&out, 1 << 20);
	qkdtls_record_writer_init(&writer);
	qkdtls_record_reader_init(&reader);
	assert_int_equal(qkdtls_record_writer_key(&writer, &key), 0);
	assert_int_equal(qkdtls_record_reader_key(&reader, &key), 0);
	assert_int_equal(qkdtls_record_write(&writer, QKDTLS_CONTENT_DATA, data, len, &out), 0);
	while (at < out.len) {
		assert_int_equal(feed(&reader, qkdtls_buf_data(&out) + at, out.len - at, step,
				      &used, &record),
				 0);
		assert_int_equal(record.type, QKDTLS_CONTENT_DATA);
		assert_true(record.len <= len - have);
		if (record.len)
			memcpy(got + have, record.data, record.len);
		have += record.len;
		at += used;
		records++;
		assert_false(qkdtls_record_reader_busy(&reader));
	}
	assert_int_equal(have, len);
	assert_memory_equal(got, data, len);
	assert_int_equal(records, len ? (len + PLAIN_MAX - 1) / PLAIN_MAX : 1);
	assert_int_equal(out.len, len + records * (HEADER + 1 + TAG));
	assert_int_equal(writer.protection.seq, 7 + records);
	assert_int_equal(reader.protection.seq, 7 + records);
	qkdtls_record_writer_free(&writer);
	qkdtls_record_reader_free(&reader);
	qkdtls_buf_free(&out);
	free(data);
	free(got);
}

static void what_is_written_is_read(void **state)
{
	static const size_t lens[] = {
		0, 1, 100, PLAIN_MAX - 1, PLAIN_MAX, PLAIN_MAX + 1, 3 * PLAIN_MAX
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(lens); i++) {
		round_trip(QKDTLS_AES_128_GCM_SHA256, lens[i], SIZE_MAX);
		round_trip(QKDTLS_AES_256_GCM_SHA384, lens[i], 1000);
	}
	round_trip(QKDTLS_AES_128_GCM_SHA256, 100, 1);
}

static void padding_is_added_and_taken_off(void **state)
{
	static const uint8_t too_long[PLAIN_MAX + 1];
	struct qkdtls_record_writer writer = a_writer(0);
	struct qkdtls_record_reader reader = a_reader(0);
	struct qkdtls_record record;
	struct qkdtls_buf out;
	size_t used;

	qkdtls_buf_init(&out, 1 << 20);
	/* Content that itself ends in zeros, so that padding must stop at the type */
	assert_int_equal(qkdtls_record_write_padded(&writer, QKDTLS_CONTENT_HANDSHAKE, "a\0\0", 3,
						    PLAIN_MAX - 3, &out),
			 0);
	assert_int_equal(out.len, HEADER + PLAIN_MAX + 1 + TAG);
	assert_int_equal(feed(&reader, qkdtls_buf_data(&out), out.len, SIZE_MAX, &used, &record),
			 0);
	assert_int_equal(record.type, QKDTLS_CONTENT_HANDSHAKE);
	assert_int_equal(record.len, 3);
	assert_memory_equal(record.data, "a\0\0", 3);
	assert_int_equal(qkdtls_record_write_padded(&writer, QKDTLS_CONTENT_HANDSHAKE, "abc", 3,
						    PLAIN_MAX - 2, &out),
			 -EMSGSIZE);
	assert_int_equal(
		qkdtls_record_write_padded(&writer, QKDTLS_CONTENT_DATA, "abc", 3, SIZE_MAX, &out),
		-EMSGSIZE);
	assert_int_equal(qkdtls_record_write_padded(&writer, QKDTLS_CONTENT_DATA, too_long,
						    sizeof(too_long), 0, &out),
			 -EMSGSIZE);
	qkdtls_record_writer_free(&writer);
	qkdtls_record_reader_free(&reader);
	qkdtls_buf_free(&out);
}

static void plain_records_carry_the_version_asked_for(void **state)
{
	static const uint8_t hello[] = { 22, 3, 1, 0, 2, 'h', 'i' };
	static const uint8_t ccs[] = { 20, 3, 3, 0, 1, 1 };
	struct qkdtls_record_writer writer;
	struct qkdtls_buf out;

	qkdtls_buf_init(&out, 100);
	qkdtls_record_writer_init(&writer);
	writer.version = 0x0301;
	assert_int_equal(qkdtls_record_write(&writer, QKDTLS_CONTENT_HANDSHAKE, "hi", 2, &out), 0);
	assert_int_equal(out.len, sizeof(hello));
	assert_memory_equal(qkdtls_buf_data(&out), hello, sizeof(hello));
	qkdtls_buf_free(&out);

	/* change_cipher_spec stays plain under a key and takes no number. */
	writer = a_writer(0);
	assert_int_equal(qkdtls_record_write(&writer, QKDTLS_CONTENT_CCS, "\1", 1, &out), 0);
	assert_int_equal(out.len, sizeof(ccs));
	assert_memory_equal(qkdtls_buf_data(&out), ccs, sizeof(ccs));
	assert_int_equal(writer.protection.seq, 0);
	/* What is plain cannot be padded. */
	assert_int_equal(qkdtls_record_write_padded(&writer, QKDTLS_CONTENT_CCS, "\1", 1, 1, &out),
			 -EINVAL);
	qkdtls_record_writer_free(&writer);
	qkdtls_buf_free(&out);
}

/* ---- Refusals of the reader ---- */

struct header_row {
	const char *what;
	uint8_t type;
	size_t len;
	bool key;
	bool ccs;
	bool plain_alert;
	int alert; /* on the header alone; -EAGAIN: the body is wanted */
};

static const struct header_row header_rows[] = {
	/* Without a key */
	{ "a handshake record", QKDTLS_CONTENT_HANDSHAKE, 1, false, false, false, -EAGAIN },
	{ "the longest plain record", QKDTLS_CONTENT_HANDSHAKE, PLAIN_MAX, false, false, false,
	  -EAGAIN },
	{ "a plain record one too long", QKDTLS_CONTENT_HANDSHAKE, PLAIN_MAX + 1, false, false,
	  false, OVERFLOW },
	{ "the longest length", QKDTLS_CONTENT_HANDSHAKE, 0xffff, false, false, false, OVERFLOW },
	{ "empty handshake record", QKDTLS_CONTENT_HANDSHAKE, 0, false, false, false, UNEXPECTED },
	{ "plain alert", QKDTLS_CONTENT_ALERT, 2, false, false, false, -EAGAIN },
	{ "empty alert", QKDTLS_CONTENT_ALERT, 0, false, false, false, UNEXPECTED },
	{ "alert one too long", QKDTLS_CONTENT_ALERT, PLAIN_MAX + 1, false, false, false,
	  OVERFLOW },
	{ "application data without a key", QKDTLS_CONTENT_DATA, 100, false, false, false,
	  UNEXPECTED },
	{ "change_cipher_spec before a hello", QKDTLS_CONTENT_CCS, 1, false, false, false,
	  UNEXPECTED },
	{ "change_cipher_spec", QKDTLS_CONTENT_CCS, 1, false, true, false, -EAGAIN },
	{ "empty change_cipher_spec", QKDTLS_CONTENT_CCS, 0, false, true, false, UNEXPECTED },
	{ "change_cipher_spec of two bytes", QKDTLS_CONTENT_CCS, 2, false, true, false,
	  UNEXPECTED },
	{ "type 0", 0, 1, false, true, true, UNEXPECTED },
	{ "type 19", 19, 1, false, true, true, UNEXPECTED },
	{ "heartbeat", 24, 1, false, true, true, UNEXPECTED },
	{ "HTTP", 'G', 0x2f20, false, true, true, UNEXPECTED },
	/* With one */
	{ "protected record", QKDTLS_CONTENT_DATA, TAG + 1, true, false, false, -EAGAIN },
	{ "the longest protected record", QKDTLS_CONTENT_DATA, BODY_MAX, true, false, false,
	  -EAGAIN },
	{ "a protected record one too long", QKDTLS_CONTENT_DATA, BODY_MAX + 1, true, false, false,
	  OVERFLOW },
	{ "plain handshake record under a key", QKDTLS_CONTENT_HANDSHAKE, 10, true, true, true,
	  UNEXPECTED },
	{ "plain alert under a key", QKDTLS_CONTENT_ALERT, 2, true, true, false, UNEXPECTED },
	{ "plain alert behind ServerHello", QKDTLS_CONTENT_ALERT, 2, true, false, true, -EAGAIN },
	{ "change_cipher_spec at its end", QKDTLS_CONTENT_CCS, 1, true, false, false, UNEXPECTED },
	{ "change_cipher_spec under a key", QKDTLS_CONTENT_CCS, 1, true, true, false, -EAGAIN },
	{ "heartbeat under a key", 24, 100, true, true, true, UNEXPECTED },
};

/* A header is judged before its body is there. */
static void judges_header(void **state)
{
	const struct header_row *row = *state;
	uint8_t header[] = { row->type, 3, 3, (uint8_t)(row->len >> 8), (uint8_t)row->len };
	struct qkdtls_record_reader reader;
	struct qkdtls_record record;
	size_t used;

	if (row->key)
		reader = a_reader(0);
	else
		qkdtls_record_reader_init(&reader);
	reader.allow_ccs = row->ccs;
	reader.allow_plain_alert = row->plain_alert;
	assert_int_equal(feed(&reader, header, HEADER, SIZE_MAX, &used, &record), row->alert);
	assert_int_equal(used, HEADER);
	if (row->alert == -EAGAIN)
		assert_int_equal(qkdtls_record_reader_wanted(&reader), row->len);
	qkdtls_record_reader_free(&reader);
}

static void change_cipher_spec_is_dropped_or_refused(void **state)
{
	uint8_t bytes[] = { 20, 3, 3, 0, 1, 1, 22, 3, 3, 0, 1, 9 };
	struct qkdtls_record_reader reader;
	struct qkdtls_record record;
	size_t used;

	qkdtls_record_reader_init(&reader);
	reader.allow_ccs = true;
	assert_int_equal(feed(&reader, bytes, sizeof(bytes), SIZE_MAX, &used, &record), 0);
	assert_int_equal(used, sizeof(bytes));
	assert_int_equal(record.type, QKDTLS_CONTENT_HANDSHAKE);
	bytes[5] = 2;
	assert_int_equal(feed(&reader, bytes, sizeof(bytes), SIZE_MAX, &used, &record), UNEXPECTED);
	assert_int_equal(used, 6);
	qkdtls_record_reader_free(&reader);
}

/* A protected record with this inner plaintext, made without the writer's checks; its length */
static size_t craft(const uint8_t *inner, size_t len, uint8_t *out)
{
	struct qkdtls_traffic_key key = a_key(QKDTLS_AES_128_GCM_SHA256, 0);
	struct qkdtls_aead_key *aead;
	size_t body = len + TAG;

	memcpy(out, (uint8_t[]){ 23, 3, 3, (uint8_t)(body >> 8), (uint8_t)body }, HEADER);
	assert_int_equal(qkdtls_aead_new(&aead, QKDTLS_AES_128_GCM, key.key), 0);
	assert_int_equal(qkdtls_aead_seal(aead, key.iv, out, HEADER, inner, len, out + HEADER), 0);
	qkdtls_aead_free(aead);
	return HEADER + body;
}

struct inner_row {
	const char *what;
	uint8_t content; /* first byte, if there is content */
	size_t len;
	uint8_t type;
	size_t padding;
	int alert; /* 0: none */
};

static const struct inner_row inner_rows[] = {
	{ "a handshake message", 1, 1, QKDTLS_CONTENT_HANDSHAKE, 0, 0 },
	{ "the longest content", 1, PLAIN_MAX, QKDTLS_CONTENT_DATA, 0, 0 },
	{ "the longest content and padding", 1, PLAIN_MAX, QKDTLS_CONTENT_DATA, 1, OVERFLOW },
	{ "content one too long", 1, PLAIN_MAX + 1, QKDTLS_CONTENT_DATA, 0, OVERFLOW },
	{ "padding one too long", 1, 1, QKDTLS_CONTENT_DATA, PLAIN_MAX, OVERFLOW },
	{ "empty data", 0, 0, QKDTLS_CONTENT_DATA, 0, 0 },
	{ "empty data with padding", 0, 0, QKDTLS_CONTENT_DATA, 10, 0 },
	{ "empty handshake", 0, 0, QKDTLS_CONTENT_HANDSHAKE, 0, UNEXPECTED },
	{ "empty handshake with padding", 0, 0, QKDTLS_CONTENT_HANDSHAKE, 10, UNEXPECTED },
	{ "empty alert", 0, 0, QKDTLS_CONTENT_ALERT, 0, UNEXPECTED },
	{ "empty alert with padding", 0, 0, QKDTLS_CONTENT_ALERT, 3, UNEXPECTED },
	{ "change_cipher_spec inside", 1, 1, QKDTLS_CONTENT_CCS, 0, UNEXPECTED },
	{ "heartbeat inside", 1, 1, 24, 0, UNEXPECTED },
	{ "type 255 inside", 1, 1, 255, 5, UNEXPECTED },
	{ "a zero", 0, 0, 0, 0, UNEXPECTED },
	{ "zeros alone, the most", 0, 0, 0, PLAIN_MAX, UNEXPECTED },
	{ "a hundred zeros", 0, 100, 0, 0, UNEXPECTED },
};

static void judges_inner_plaintext(void **state)
{
	static uint8_t inner[BODY_MAX], bytes[HEADER + BODY_MAX];
	const struct inner_row *row = *state;
	struct qkdtls_record_reader reader;
	struct qkdtls_record record;
	size_t len, used;

	memset(inner, 0, sizeof(inner));
	inner[0] = row->content;
	inner[row->len] = row->type;
	len = craft(inner, row->len + 1 + row->padding, bytes);
	reader = a_reader(0);
	assert_int_equal(feed(&reader, bytes, len, SIZE_MAX, &used, &record), row->alert);
	if (!row->alert) {
		assert_int_equal(record.type, row->type);
		assert_int_equal(record.len, row->len);
	}
	qkdtls_record_reader_free(&reader);
}

/* legacy_record_version says nothing, but it is part of what is authenticated. */
static void the_version_of_a_record_is_ignored(void **state)
{
	uint8_t bytes[] = { 22, 0x7f, 0xff, 0, 1, 9 };
	struct qkdtls_record_reader reader;
	struct qkdtls_record record;
	size_t used;

	qkdtls_record_reader_init(&reader);
	assert_int_equal(feed(&reader, bytes, sizeof(bytes), SIZE_MAX, &used, &record), 0);
	assert_int_equal(record.type, QKDTLS_CONTENT_HANDSHAKE);
	qkdtls_record_reader_free(&reader);
}

static void records_without_content_type_or_tag_are_refused(void **state)
{
	uint8_t bytes[HEADER + TAG + 1] = { 0 };
	struct qkdtls_record_reader reader;
	struct qkdtls_record record;
	size_t used, len;

	/* An empty inner plaintext is authentic, but has no type. */
	len = craft(bytes, 0, bytes);
	reader = a_reader(0);
	assert_int_equal(feed(&reader, bytes, len, SIZE_MAX, &used, &record), UNEXPECTED);
	qkdtls_record_reader_free(&reader);

	for (len = 0; len <= TAG; len++) {
		memset(bytes, 0, sizeof(bytes));
		memcpy(bytes, (uint8_t[]){ 23, 3, 3, 0, (uint8_t)len }, HEADER);
		reader = a_reader(0);
		assert_int_equal(feed(&reader, bytes, HEADER + len, SIZE_MAX, &used, &record),
				 BAD_MAC);
		qkdtls_record_reader_free(&reader);
	}
}

static void every_flipped_bit_is_refused(void **state)
{
	struct qkdtls_record_writer writer = a_writer(0);
	struct qkdtls_record_reader reader;
	struct qkdtls_record record;
	uint8_t bytes[HEADER + 20 + 1 + TAG];
	struct qkdtls_buf out;
	size_t bit, used;
	int verdict;

	qkdtls_buf_init(&out, 1000);
	assert_int_equal(
		qkdtls_record_write(&writer, QKDTLS_CONTENT_DATA, "twenty bytes of text", 20, &out),
		0);
	assert_int_equal(out.len, sizeof(bytes));
	for (bit = 0; bit < 8 * sizeof(bytes); bit++) {
		memcpy(bytes, qkdtls_buf_data(&out), sizeof(bytes));
		bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
		reader = a_reader(0);
		reader.allow_ccs = true;
		reader.allow_plain_alert = true;
		verdict = feed(&reader, bytes, sizeof(bytes), SIZE_MAX, &used, &record);
		/* A longer length waits for bytes; a plain alert type is let through as what it is. */
		if (bit / 8 == 3 || bit / 8 == 4)
			assert_true(verdict == -EAGAIN || verdict > 0);
		else if (bytes[0] == QKDTLS_CONTENT_ALERT)
			assert_int_equal(record.type, QKDTLS_CONTENT_ALERT);
		else
			assert_int_equal(verdict, bit < 8 ? UNEXPECTED : BAD_MAC);
		qkdtls_record_reader_free(&reader);
	}
	qkdtls_record_writer_free(&writer);
	qkdtls_buf_free(&out);
}

static void replayed_and_reordered_records_are_refused(void **state)
{
	struct qkdtls_record_writer writer = a_writer(0);
	struct qkdtls_record_reader reader = a_reader(0);
	struct qkdtls_record record;
	struct qkdtls_buf first, second;
	size_t used;

	qkdtls_buf_init(&first, 1000);
	qkdtls_buf_init(&second, 1000);
	assert_int_equal(qkdtls_record_write(&writer, QKDTLS_CONTENT_DATA, "1", 1, &first), 0);
	assert_int_equal(qkdtls_record_write(&writer, QKDTLS_CONTENT_DATA, "2", 1, &second), 0);
	assert_int_equal(
		feed(&reader, qkdtls_buf_data(&second), second.len, SIZE_MAX, &used, &record),
		BAD_MAC);
	qkdtls_record_reader_free(&reader);
	reader = a_reader(0);
	assert_int_equal(
		feed(&reader, qkdtls_buf_data(&first), first.len, SIZE_MAX, &used, &record), 0);
	assert_int_equal(
		feed(&reader, qkdtls_buf_data(&first), first.len, SIZE_MAX, &used, &record),
		BAD_MAC);
	qkdtls_record_reader_free(&reader);
	qkdtls_record_writer_free(&writer);
	qkdtls_buf_free(&first);
	qkdtls_buf_free(&second);
}

static void reader_takes_no_byte_beyond_the_record(void **state)
{
	static const uint8_t bytes[] = { 22, 3, 1, 0, 3, 'a', 'b', 'c', 22 };
	struct qkdtls_traffic_key key = a_key(QKDTLS_AES_128_GCM_SHA256, 0);
	struct qkdtls_record_reader reader;
	struct qkdtls_record record;

	qkdtls_record_reader_init(&reader);
	assert_int_equal(qkdtls_record_reader_wanted(&reader), HEADER);
	assert_int_equal(qkdtls_record_reader_input(&reader, bytes, HEADER + 1), -EMSGSIZE);
	assert_false(qkdtls_record_reader_busy(&reader));
	assert_int_equal(qkdtls_record_reader_next(&reader, &record), -EAGAIN);
	assert_int_equal(qkdtls_record_reader_input(&reader, bytes, 3), 0);
	assert_true(qkdtls_record_reader_busy(&reader));
	assert_int_equal(qkdtls_record_reader_key(&reader, &key), -EBUSY);
	assert_int_equal(qkdtls_record_reader_key_from(&reader, qkdtls_suite_find(key.suite),
						       ask_source, NULL),
			 -EBUSY);
	assert_int_equal(qkdtls_record_reader_wanted(&reader), 2);
	assert_int_equal(qkdtls_record_reader_input(&reader, bytes + 3, 2), 0);
	assert_int_equal(qkdtls_record_reader_wanted(&reader), 3);
	assert_int_equal(qkdtls_record_reader_input(&reader, bytes + 5, 4), -EMSGSIZE);
	assert_int_equal(qkdtls_record_reader_input(&reader, bytes + 5, 3), 0);
	assert_int_equal(qkdtls_record_reader_next(&reader, &record), 0);
	assert_memory_equal(record.data, "abc", 3);
	assert_false(qkdtls_record_reader_busy(&reader));
	assert_int_equal(qkdtls_record_reader_wanted(&reader), HEADER);
	assert_int_equal(qkdtls_record_reader_key(&reader, &key), 0);
	assert_int_equal(qkdtls_record_reader_next(&reader, &record), -EAGAIN);
	qkdtls_record_reader_free(&reader);
}

/* ---- Limits ---- */

static void writer_stops_at_the_limit_of_its_key(void **state)
{
	const uint64_t limit = UINT64_C(1) << 24;
	struct qkdtls_traffic_key next = a_key(QKDTLS_AES_128_GCM_SHA256, 0);
	struct qkdtls_record_writer writer = a_writer(limit - 2);
	uint8_t data[PLAIN_MAX + 1] = { 0 };
	struct qkdtls_buf out;

	qkdtls_buf_init(&out, 1 << 20);
	assert_int_equal(qkdtls_record_writer_left(&writer), 2);
	assert_int_equal(qkdtls_record_write(&writer, QKDTLS_CONTENT_DATA, "x", 1, &out), 0);
	assert_int_equal(qkdtls_record_writer_left(&writer), 1);
	/* Two records do not fit any more, and then none is written. */
	assert_int_equal(
		qkdtls_record_write(&writer, QKDTLS_CONTENT_DATA, data, sizeof(data), &out),
		-EKEYEXPIRED);
	assert_int_equal(out.len, HEADER + 1 + 1 + TAG);
	assert_int_equal(qkdtls_record_write(&writer, QKDTLS_CONTENT_HANDSHAKE, "x", 1, &out), 0);
	assert_int_equal(qkdtls_record_writer_left(&writer), 0);
	assert_int_equal(qkdtls_record_write(&writer, QKDTLS_CONTENT_ALERT, "x", 1, &out),
			 -EKEYEXPIRED);
	assert_int_equal(qkdtls_record_write_padded(&writer, QKDTLS_CONTENT_DATA, "x", 1, 9, &out),
			 -EKEYEXPIRED);
	/* That takes no number, so it is no matter of the key. */
	assert_int_equal(qkdtls_record_write(&writer, QKDTLS_CONTENT_CCS, "\1", 1, &out), 0);
	assert_int_equal(qkdtls_record_writer_key(&writer, &next), 0);
	assert_int_equal(qkdtls_record_writer_left(&writer), limit);
	assert_int_equal(qkdtls_record_write(&writer, QKDTLS_CONTENT_DATA, "x", 1, &out), 0);
	qkdtls_record_writer_free(&writer);

	writer = a_writer(UINT64_MAX);
	assert_int_equal(qkdtls_record_write(&writer, QKDTLS_CONTENT_DATA, "x", 1, &out),
			 -EKEYEXPIRED);
	qkdtls_record_writer_free(&writer);
	qkdtls_buf_free(&out);
}

static void reader_does_not_let_its_number_wrap(void **state)
{
	struct qkdtls_record_reader reader = a_reader(UINT64_MAX);
	uint8_t inner[] = { 'x', QKDTLS_CONTENT_DATA };
	uint8_t bytes[HEADER + sizeof(inner) + TAG];
	struct qkdtls_record record;
	size_t used;

	craft(inner, sizeof(inner), bytes);
	assert_int_equal(feed(&reader, bytes, sizeof(bytes), SIZE_MAX, &used, &record), -EOVERFLOW);
	qkdtls_record_reader_free(&reader);
}

static void writer_is_all_or_nothing(void **state)
{
	struct qkdtls_record_writer writer = a_writer(0);
	uint8_t data[2 * PLAIN_MAX] = { 0 };
	struct qkdtls_buf out;

	qkdtls_buf_init(&out, sizeof(data) + 2 * (HEADER + 1 + TAG) - 1);
	assert_int_equal(
		qkdtls_record_write(&writer, QKDTLS_CONTENT_DATA, data, sizeof(data), &out),
		-ENOBUFS);
	assert_int_equal(qkdtls_record_write(&writer, QKDTLS_CONTENT_DATA, data, SIZE_MAX, &out),
			 -ENOBUFS);
	assert_int_equal(out.len, 0);
	assert_int_equal(writer.protection.seq, 0);
	assert_int_equal(
		qkdtls_record_write(&writer, QKDTLS_CONTENT_DATA, data, sizeof(data) - 1, &out), 0);
	qkdtls_buf_free(&out);
	assert_int_equal(qkdtls_record_write(&writer, QKDTLS_CONTENT_HANDSHAKE, NULL, 0, &out),
			 -EINVAL);
	assert_int_equal(qkdtls_record_write(&writer, QKDTLS_CONTENT_ALERT, NULL, 0, &out),
			 -EINVAL);
	qkdtls_record_writer_free(&writer);
	qkdtls_buf_free(&out);
}

static void a_key_is_asked_for_by_its_first_record(void **state)
{
	const struct qkdtls_suite *suite = qkdtls_suite_find(QKDTLS_AES_128_GCM_SHA256);
	struct source ours = { .failures = 0 }, theirs = { .failures = 0 };
	struct qkdtls_record_writer writer;
	struct qkdtls_record_reader reader;
	struct qkdtls_record record;
	struct qkdtls_buf out;
	size_t used;

	qkdtls_buf_init(&out, 1000);
	qkdtls_record_writer_init(&writer);
	qkdtls_record_reader_init(&reader);
	qkdtls_record_writer_key_from(&writer, suite, ask_source, &ours);
	assert_int_equal(qkdtls_record_reader_key_from(&reader, suite, ask_source, &theirs), 0);
	/* What hangs on being protected does not wait for the key. */
	assert_int_equal(qkdtls_record_writer_left(&writer), suite->record_limit);
	assert_int_equal(qkdtls_record_writer_max(&writer, QKDTLS_CONTENT_DATA), 16384);
	assert_int_equal(ours.asked + theirs.asked, 0);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(qkdtls_record_write(&writer, QKDTLS_CONTENT_DATA, "text", 4, &out),
				 0);
		assert_int_equal(qkdtls_buf_data(&out)[0], QKDTLS_CONTENT_DATA);
		assert_int_equal(feed(&reader, qkdtls_buf_data(&out), out.len, 1, &used, &record),
				 0);
		assert_int_equal(record.len, 4);
		assert_memory_equal(record.data, "text", 4);
		qkdtls_buf_drop(&out, out.len);
		assert_int_equal(ours.asked, 1);
		assert_int_equal(theirs.asked, 1);
	}
	assert_int_equal(writer.protection.seq, 2);
	assert_int_equal(reader.protection.seq, 2);
	qkdtls_record_writer_free(&writer);
	qkdtls_record_reader_free(&reader);
	qkdtls_buf_free(&out);
}

/* Without its key nothing is written, and nothing plain is read in place of what should be protected. */
static void without_its_key_nothing_goes_in_the_clear(void **state)
{
	static const uint8_t plain[] = { QKDTLS_CONTENT_HANDSHAKE, 3, 3, 0, 1, 'x' };
	const struct qkdtls_suite *suite = qkdtls_suite_find(QKDTLS_AES_128_GCM_SHA256);
	struct source ours = { .failures = 1 }, theirs = { .failures = 1 };
	struct qkdtls_record_writer writer;
	struct qkdtls_record_reader reader;
	struct qkdtls_record record;
	struct qkdtls_buf out;
	size_t used;

	qkdtls_buf_init(&out, 1000);
	qkdtls_record_writer_init(&writer);
	qkdtls_record_reader_init(&reader);
	qkdtls_record_writer_key_from(&writer, suite, ask_source, &ours);
	assert_int_equal(qkdtls_record_reader_key_from(&reader, suite, ask_source, &theirs), 0);
	assert_int_equal(qkdtls_record_write(&writer, QKDTLS_CONTENT_DATA, "text", 4, &out),
			 -ENOMEM);
	assert_int_equal(out.len, 0);
	assert_int_equal(feed(&reader, plain, sizeof(plain), 1, &used, &record), UNEXPECTED);
	assert_int_equal(theirs.asked, 0);
	qkdtls_record_reader_free(&reader);
	assert_int_equal(qkdtls_record_reader_key_from(&reader, suite, ask_source, &theirs), 0);
	assert_int_equal(qkdtls_record_write(&writer, QKDTLS_CONTENT_DATA, "text", 4, &out), 0);
	assert_int_equal(feed(&reader, qkdtls_buf_data(&out), out.len, SIZE_MAX, &used, &record),
			 -ENOMEM);
	qkdtls_record_writer_free(&writer);
	qkdtls_record_reader_free(&reader);
	qkdtls_buf_free(&out);
}

static void keys_that_do_not_fit_are_refused(void **state)
{
	struct qkdtls_traffic_key key = a_key(QKDTLS_AES_128_GCM_SHA256, 0);
	struct qkdtls_record_writer writer;

	qkdtls_record_writer_init(&writer);
	key.key_len = 32;
	assert_int_equal(qkdtls_record_writer_key(&writer, &key), -EINVAL);
	key.key_len = 16;
	key.suite = 0x1399;
	assert_int_equal(qkdtls_record_writer_key(&writer, &key), -EINVAL);
	assert_int_equal(qkdtls_record_writer_left(&writer), UINT64_MAX);
	qkdtls_record_writer_free(&writer);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_written_is_read),
		cmocka_unit_test(padding_is_added_and_taken_off),
		cmocka_unit_test(plain_records_carry_the_version_asked_for),
		cmocka_unit_test(change_cipher_spec_is_dropped_or_refused),
		cmocka_unit_test(the_version_of_a_record_is_ignored),
		cmocka_unit_test(records_without_content_type_or_tag_are_refused),
		cmocka_unit_test(every_flipped_bit_is_refused),
		cmocka_unit_test(replayed_and_reordered_records_are_refused),
		cmocka_unit_test(reader_takes_no_byte_beyond_the_record),
		cmocka_unit_test(writer_stops_at_the_limit_of_its_key),
		cmocka_unit_test(reader_does_not_let_its_number_wrap),
		cmocka_unit_test(writer_is_all_or_nothing),
		cmocka_unit_test(a_key_is_asked_for_by_its_first_record),
		cmocka_unit_test(without_its_key_nothing_goes_in_the_clear),
		cmocka_unit_test(keys_that_do_not_fit_are_refused),
	};

	ROWS(judges_header, header_rows);
	ROWS(judges_inner_plaintext, inner_rows);
	return rows_run(tests, ARRAY_SIZE(tests));
}
