// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The record reader alone: FLAGS, then operations: a record sealed with the right key, or bytes as they are, in
 * pieces. It never gives what it should not, never wants past a record, and what was sealed comes out as it was.
 */
#include <errno.h>
#include <string.h>

#include "fuzz.h"

#define PROTECTED   0x01
#define CCS	    0x02
#define PLAIN_ALERT 0x04
#define SUITE_SHIFT 4
#define RECORDS_MAX 64
#define OUT_MAX	    (1U << 18)

static void set_keys(struct qkdtls_record_reader *reader, struct qkdtls_record_writer *writer,
		     uint8_t flags)
{
	static const uint16_t suites[] = { QKDTLS_AES_128_GCM_SHA256, QKDTLS_AES_256_GCM_SHA384,
					   QKDTLS_CHACHA20_POLY1305_SHA256 };
	struct qkdtls_traffic_key key = { .suite = suites[(flags >> SUITE_SHIFT) % 3],
					  .iv = { 1, 2, 3 } };

	key.key_len = qkdtls_aead_key_len(qkdtls_suite_find(key.suite)->aead);
	FUZZ_CHECK(!qkdtls_record_reader_key(reader, &key));
	FUZZ_CHECK(!qkdtls_record_writer_key(writer, &key));
}

static void check_record(const struct qkdtls_record_reader *reader,
			 const struct qkdtls_record *record)
{
	FUZZ_CHECK(record->type >= QKDTLS_CONTENT_ALERT && record->type <= QKDTLS_CONTENT_DATA);
	FUZZ_CHECK(record->len <= QKDTLS_RECORD_PLAIN_MAX);
	FUZZ_CHECK(record->len || record->type == QKDTLS_CONTENT_DATA);
	FUZZ_CHECK(reader->protection.key || record->type != QKDTLS_CONTENT_DATA);
	FUZZ_CHECK(!qkdtls_record_reader_busy(reader));
}

/* false: the reader has refused something */
static bool feed(struct qkdtls_record_reader *reader, const uint8_t *data, size_t len, size_t piece,
		 struct qkdtls_record *last)
{
	size_t now;
	int ret;

	while (len) {
		now = qkdtls_record_reader_wanted(reader);
		FUZZ_CHECK(now && now <= QKDTLS_RECORD_HEADER + QKDTLS_RECORD_BODY_MAX);
		now = now < len ? now : len;
		now = now < piece ? now : piece;
		FUZZ_CHECK(!qkdtls_record_reader_input(reader, data, now));
		data += now;
		len -= now;
		ret = qkdtls_record_reader_next(reader, last);
		if (ret && ret != -EAGAIN) {
			FUZZ_CHECK(ret > 0);
			return false;
		}
		if (!ret)
			check_record(reader, last);
		else
			last->type = 0;
	}
	return true;
}

static bool sealed(struct fuzz_input *in, struct qkdtls_record_reader *reader,
		   struct qkdtls_record_writer *writer)
{
	const uint8_t type = fuzz_u8(in);
	const size_t padding = fuzz_u16(in);
	struct qkdtls_record record = { 0 };
	struct qkdtls_buf out;
	const uint8_t *bytes;
	size_t len;
	bool whole, ok = true;

	bytes = fuzz_vec(in, &len);
	whole = !qkdtls_record_reader_busy(reader);
	qkdtls_buf_init(&out, OUT_MAX);
	if (!qkdtls_record_write_padded(writer, type, bytes, len, padding, &out)) {
		/* A type of 0 is padding of what it stands for. */
		ok = feed(reader, qkdtls_buf_data(&out), out.len, SIZE_MAX, &record);
		if (ok && whole && type >= QKDTLS_CONTENT_ALERT && type <= QKDTLS_CONTENT_DATA)
			FUZZ_CHECK(record.type == type && record.len == len &&
				   !memcmp(record.data, bytes, len));
	}
	qkdtls_buf_free(&out);
	return ok;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = fuzz_begin(data, size);
	const uint8_t flags = fuzz_u8(&in);
	struct qkdtls_record_reader reader;
	struct qkdtls_record_writer writer;
	struct qkdtls_record record;
	bool ok = true;

	qkdtls_record_reader_init(&reader);
	qkdtls_record_writer_init(&writer);
	reader.allow_ccs = flags & CCS;
	reader.allow_plain_alert = flags & PLAIN_ALERT;
	if (flags & PROTECTED)
		set_keys(&reader, &writer, flags);
	for (int i = 0; ok && in.left && i < RECORDS_MAX; i++) {
		const uint8_t piece = fuzz_u8(&in);
		const uint8_t *bytes;
		size_t len;

		if (piece & 1) {
			ok = sealed(&in, &reader, &writer);
			continue;
		}
		bytes = fuzz_vec(&in, &len);
		ok = feed(&reader, bytes, len, piece ? piece : SIZE_MAX, &record);
	}
	qkdtls_record_reader_free(&reader);
	qkdtls_record_writer_free(&writer);
	return 0;
}
