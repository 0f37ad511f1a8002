// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SOURCES: tls/record.c tls/buf.c stand_engine.c stand_crypto.c
 * UNWIND: 21
 * FLAGS: --arrays-uf-always
 * BOUND: a reader in any state, up to 40 bytes of a record of any length in hand; input of up to 8 more
 * VARIANTS: input next
 */
#include <errno.h>
#include "prove.h"
#include "tls/suite.h"

#define HAVE_MAX 40

/* Input never takes more than the record, and what was given away is all of it. */
static bool reader_sound(const struct qkdtls_record_reader *reader)
{
	const uint8_t *have = qkdtls_buf_data(&reader->body);
	const size_t len = reader->body.len;

	return (!reader->given || reader->given == len) &&
	       (len < QKDTLS_RECORD_HEADER ||
		len - QKDTLS_RECORD_HEADER <= ((size_t)have[3] << 8 | have[4]));
}

static int any_key(void *arg, struct qkdtls_traffic_key *key)
{
	return nondet_bool() ? -ENOMEM : 0;
}

/* Plain, with a key, or with one to come */
static struct qkdtls_protection any_protection(void)
{
	static const struct qkdtls_suite suite;
	struct qkdtls_protection p = { .seq = nondet_u64() };

	if (nondet_bool())
		return p;
	p.suite = &suite;
	p.source = any_key;
	p.key = nondet_bool() ? (struct qkdtls_aead_key *)any_bytes(1) : NULL;
	return p;
}

static struct qkdtls_record_reader any_reader(void)
{
	const struct qkdtls_cursor have = any_input(HAVE_MAX);
	struct qkdtls_record_reader reader;

	qkdtls_record_reader_init(&reader);
	reader.allow_ccs = nondet_bool();
	reader.allow_plain_alert = nondet_bool();
	reader.protection = any_protection();
	reader.inner_max = nondet_size();
	reader.inner_seen = nondet_size();
	reader.body.len = qkdtls_cursor_left(&have);
	reader.body.start = HAVE_MAX - reader.body.len;
	reader.body.size = HAVE_MAX;
	reader.body.data = (uint8_t *)have.pos - reader.body.start;
	reader.given = nondet_size();
	assume(reader_sound(&reader));
	return reader;
}

static void input(struct qkdtls_record_reader *reader)
{
	const struct qkdtls_cursor more = any_input(8);

	REACHED(!qkdtls_record_reader_input(reader, more.pos, qkdtls_cursor_left(&more)),
		"input is taken");
}

static void next(struct qkdtls_record_reader *reader)
{
	const bool protected = reader->protection.suite;
	struct qkdtls_record record;

	if (qkdtls_record_reader_next(reader, &record))
		return;
	check(__CPROVER_r_ok(record.data, record.len), "a record's bytes are there");
	check(record.len <= QKDTLS_RECORD_PLAIN_MAX, "a record is not too long");
	REACHED(protected && record.type == QKDTLS_CONTENT_DATA, "a protected record");
	REACHED(!protected && record.type == QKDTLS_CONTENT_HANDSHAKE, "a plain one");
}

void harness(void)
{
	struct qkdtls_record_reader reader = any_reader();

	VARIANT(&reader);
	check(reader_sound(&reader), "the reader stays as it must be");
}
