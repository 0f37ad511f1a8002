// SPDX-License-Identifier: GPL-2.0-or-later
#include "hkdf.h"
#include "forge.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tls/internal.h"

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "forge: %s failed\n", what);
	abort();
}

/* ---- Hellos ---- */

#define SESSION_ID_AT 34 /* its length */

struct forged_ext {
	uint16_t type;
	uint8_t body[6000];
	size_t len;
};

struct forged_hello {
	uint8_t head[1024];
	size_t head_len;
	struct forged_ext ext[FORGE_EXT_MAX];
	size_t count;
	bool no_block;
	const struct forge *behind;
};

static void put_body(struct forged_ext *ext, size_t at, const uint8_t *bytes, size_t len)
{
	must(at + len <= sizeof(ext->body), "extension fits");
	if (len)
		memcpy(ext->body + at, bytes, len);
	ext->len = at + len;
}

static void insert_ext(struct forged_hello *hello, size_t at, uint16_t type, const uint8_t *bytes,
		       size_t len)
{
	must(hello->count < FORGE_EXT_MAX, "room for an extension");
	memmove(&hello->ext[at + 1], &hello->ext[at], (hello->count - at) * sizeof(hello->ext[0]));
	hello->count++;
	hello->ext[at].type = type;
	put_body(&hello->ext[at], 0, bytes, len);
}

static void take_apart(const struct forged_message *message, struct forged_hello *hello)
{
	struct qkdtls_cursor c = qkdtls_cursor(message->body, message->len), part, block;
	uint16_t number;

	memset(hello, 0, sizeof(*hello));
	must(qkdtls_get_sub(&c, 34, &part) && qkdtls_get_vec8(&c, 0, 32, &part), "hello");
	if (message->type == QKDTLS_MSG_CLIENT_HELLO)
		must(qkdtls_get_vec16(&c, 2, 100, &part) && qkdtls_get_vec8(&c, 1, 1, &part),
		     "client hello");
	else
		must(qkdtls_get_sub(&c, 3, &part), "server hello");
	hello->head_len = (size_t)(c.pos - message->body);
	memcpy(hello->head, message->body, hello->head_len);
	must(qkdtls_get_vec16(&c, 0, UINT16_MAX, &block) && qkdtls_cursor_empty(&c), "extensions");
	while (!qkdtls_cursor_empty(&block)) {
		must(qkdtls_get_u16(&block, &number) &&
			     qkdtls_get_vec16(&block, 0, UINT16_MAX, &part),
		     "extension");
		insert_ext(hello, hello->count, number, part.pos, qkdtls_cursor_left(&part));
	}
}

static void put_together(const struct forged_hello *hello, struct forged_message *message)
{
	struct qkdtls_mark block, body;
	struct qkdtls_writer w;

	qkdtls_writer_init(&w, message->body, sizeof(message->body));
	qkdtls_put_bytes(&w, hello->head, hello->head_len);
	if (!hello->no_block) {
		block = qkdtls_put_open(&w, 2);
		for (size_t i = 0; i < hello->count; i++) {
			qkdtls_put_u16(&w, hello->ext[i].type);
			body = qkdtls_put_open(&w, 2);
			qkdtls_put_bytes(&w, hello->ext[i].body, hello->ext[i].len);
			qkdtls_put_close(&w, body);
		}
		qkdtls_put_close(&w, block);
	}
	if (hello->behind)
		qkdtls_put_bytes(&w, hello->behind->bytes, hello->behind->len);
	must(qkdtls_writer_ok(&w), "hello fits");
	message->len = w.len;
}

static struct forged_ext *find_ext(struct forged_hello *hello, uint16_t type)
{
	for (size_t i = 0; i < hello->count; i++)
		if (hello->ext[i].type == type)
			return &hello->ext[i];
	must(false, "extension to change is there");
	return NULL;
}

static void drop_ext(struct forged_hello *hello, struct forged_ext *ext)
{
	hello->count--;
	memmove(ext, ext + 1, (size_t)(hello->ext + hello->count - ext) * sizeof(*ext));
}

static void apply_to_ext(struct forged_hello *hello, const struct forge *f)
{
	struct forged_ext *ext = find_ext(hello, f->type);
	struct forged_ext copy = *ext;

	switch (f->op) {
	case FORGE_DROP:
		drop_ext(hello, ext);
		break;
	case FORGE_SET:
		put_body(ext, 0, f->bytes, f->len);
		break;
	case FORGE_GROW:
		put_body(ext, ext->len, f->bytes, f->len);
		break;
	case FORGE_CUT:
		must(f->at <= ext->len, "cut");
		ext->len -= f->at;
		break;
	default:
		insert_ext(hello, 0, copy.type, copy.body, copy.len);
	}
}

static void drop_session_id(struct forged_hello *hello)
{
	uint8_t *len = hello->head + SESSION_ID_AT;

	hello->head_len -= *len;
	memmove(len + 1, len + 1 + *len, hello->head_len - SESSION_ID_AT - 1);
	*len = 0;
}

static void apply(struct forged_hello *hello, const struct forge *f)
{
	switch (f->op) {
	case FORGE_NOTHING:
	case FORGE_SHORT:
		break;
	case FORGE_FIRST:
		insert_ext(hello, 0, f->type, f->bytes, f->len);
		break;
	case FORGE_LAST:
		insert_ext(hello, hello->count, f->type, f->bytes, f->len);
		break;
	case FORGE_NO_EXTENSIONS:
		hello->no_block = true;
		break;
	case FORGE_HEAD:
		must(f->at + f->len <= hello->head_len, "head");
		memcpy(hello->head + f->at, f->bytes, f->len);
		break;
	case FORGE_TAIL:
		must(f->at <= hello->head_len, "tail");
		hello->head_len -= f->at;
		memcpy(hello->head + hello->head_len, f->bytes, f->len);
		hello->head_len += f->len;
		break;
	case FORGE_BEHIND:
		hello->behind = f;
		break;
	case FORGE_NO_SESSION_ID:
		drop_session_id(hello);
		break;
	default:
		apply_to_ext(hello, f);
	}
}

void forge_hello(struct forged_message *message, const struct forge *changes, size_t count)
{
	static struct forged_hello hello;

	take_apart(message, &hello);
	for (size_t i = 0; i < count; i++)
		apply(&hello, &changes[i]);
	put_together(&hello, message);
	for (size_t i = 0; i < count; i++)
		if (changes[i].op == FORGE_SHORT)
			message->len -= changes[i].at;
}

void forge_bind(struct forged_message *hello, const struct qkdtls_conn *client,
		const struct qkdtls_conn *server)
{
	static uint8_t raw[FORGE_MESSAGE_MAX + 4];
	const struct qkdtls_handshake *hs = client->hs;
	const enum qkdtls_binder label = client->config->psk_mode == QKDTLS_PSK_MODE_IMPORTED
						 ? QKDTLS_BINDER_IMPORTED
						 : QKDTLS_BINDER_EXTERNAL;
	uint8_t hash[QKDTLS_HASH_MAX];
	size_t truncated = hello->len - 2;
	uint8_t *binder;

	for (size_t i = 0; i < hs->offer_count; i++)
		truncated -= 1 + qkdtls_hash_len(qkdtls_schedule_hash(hs->offers[i].schedule));
	binder = hello->body + truncated + 2;
	memcpy(raw, (uint8_t[]){ hello->type, 0, (uint8_t)(hello->len >> 8), (uint8_t)hello->len },
	       4);
	memcpy(raw + 4, hello->body, truncated);
	for (size_t i = 0; i < hs->offer_count; i++) {
		const enum qkdtls_hash algorithm = qkdtls_schedule_hash(hs->offers[i].schedule);

		must(!qkdtls_transcript_binder(&server->hs->transcript, algorithm, raw,
					       4 + truncated, hash),
		     "binder's hash");
		must(*binder == qkdtls_hash_len(algorithm) &&
			     !qkdtls_schedule_binder(hs->offers[i].schedule, label, hash,
						     binder + 1),
		     "binder");
		binder += 1 + *binder;
	}
}

/* ---- Messages and records ---- */

static size_t read_message(struct qkdtls_cursor *c, struct forged_message *message)
{
	const uint8_t *start = c->pos;
	struct qkdtls_cursor body;

	must(qkdtls_get_u8(c, &message->type) &&
		     qkdtls_get_vec24(c, 0, sizeof(message->body), &body),
	     "message");
	message->len = qkdtls_cursor_left(&body);
	must(qkdtls_get_copy(&body, message->len, message->body), "message body");
	return (size_t)(c->pos - start);
}

size_t forge_read_plain(const uint8_t *record, size_t len, struct forged_message *message)
{
	struct qkdtls_cursor c = qkdtls_cursor(record, len), header, body;

	must(qkdtls_get_sub(&c, 3, &header) && header.pos[0] == QKDTLS_CONTENT_HANDSHAKE &&
		     qkdtls_get_vec16(&c, 4, QKDTLS_RECORD_PLAIN_MAX, &body),
	     "plain record");
	read_message(&body, message);
	return (size_t)(c.pos - record);
}

static void add_message(struct qkdtls_buf *buf, const struct forged_message *message)
{
	const uint8_t header[] = { message->type, (uint8_t)(message->len >> 16),
				   (uint8_t)(message->len >> 8), (uint8_t)message->len };

	must(!qkdtls_buf_add(buf, header, sizeof(header)) &&
		     !qkdtls_buf_add(buf, message->body, message->len),
	     "buffer");
}

/* Like a transport: output goes nowhere, input comes as wanted. */
static enum qkdtls_want drain(struct qkdtls_conn *conn)
{
	enum qkdtls_want want;
	size_t len;

	while ((want = qkdtls_handshake(conn)) == QKDTLS_WANT_WRITE) {
		(void)qkdtls_output(conn, &len);
		qkdtls_output_sent(conn, len);
	}
	return want;
}

size_t forge_feed(struct qkdtls_conn *conn, const uint8_t *data, size_t len)
{
	size_t done = 0, wanted;

	while (done < len && drain(conn) == QKDTLS_WANT_READ) {
		wanted = qkdtls_wanted(conn);
		if (wanted > len - done)
			wanted = len - done;
		if (qkdtls_input(conn, data + done, wanted))
			break;
		done += wanted;
	}
	return done;
}

static void seal(struct qkdtls_record_writer *writer, const struct qkdtls_buf *messages,
		 struct qkdtls_buf *records)
{
	must(!qkdtls_record_write(writer, QKDTLS_CONTENT_HANDSHAKE, qkdtls_buf_data(messages),
				  messages->len, records),
	     "record");
}

void forge_feed_record(struct qkdtls_conn *conn, const struct forged_message *message)
{
	struct qkdtls_record_writer writer;
	struct qkdtls_buf messages, records;

	qkdtls_record_writer_init(&writer);
	qkdtls_buf_init(&messages, 4 * FORGE_MESSAGE_MAX);
	qkdtls_buf_init(&records, 4 * FORGE_MESSAGE_MAX);
	add_message(&messages, message);
	seal(&writer, &messages, &records);
	forge_feed(conn, qkdtls_buf_data(&records), records.len);
	qkdtls_buf_free(&messages);
	qkdtls_buf_free(&records);
	qkdtls_record_writer_free(&writer);
}

enum qkdtls_want forge_feed_plain(struct qkdtls_conn *conn, const struct forged_message *message)
{
	forge_feed_record(conn, message);
	return drain(conn);
}

/* ---- Flights ---- */

void forge_traffic_key(const struct qkdtls_suite *suite, const uint8_t *secret,
		       struct qkdtls_traffic_key *key)
{
	memset(key, 0, sizeof(*key));
	key->suite = suite->number;
	key->key_len = qkdtls_aead_key_len(suite->aead);
	must(!hkdf_expand_label(suite->hash, secret, "key", NULL, 0, key->key, key->key_len) &&
		     !hkdf_expand_label(suite->hash, secret, "iv", NULL, 0, key->iv,
					sizeof(key->iv)),
	     "traffic key");
}

size_t forge_seal(const struct qkdtls_suite *suite, const uint8_t *secret, const uint8_t *inner,
		  size_t len, uint8_t *record)
{
	const size_t body = len + QKDTLS_AEAD_TAG_LEN;
	struct qkdtls_traffic_key key;
	struct qkdtls_aead_key *aead;

	forge_traffic_key(suite, secret, &key);
	memcpy(record, (uint8_t[]){ 23, 3, 3, (uint8_t)(body >> 8), (uint8_t)body },
	       QKDTLS_RECORD_HEADER);
	must(!qkdtls_aead_new(&aead, suite->aead, key.key) &&
		     !qkdtls_aead_seal(aead, key.iv, record, QKDTLS_RECORD_HEADER, inner, len,
				       record + QKDTLS_RECORD_HEADER),
	     "seal");
	qkdtls_aead_free(aead);
	return QKDTLS_RECORD_HEADER + body;
}

static void open_records(struct qkdtls_record_reader *reader, const uint8_t *data, size_t len,
			 struct qkdtls_buf *plain)
{
	struct qkdtls_record record;
	size_t wanted;
	int ret;

	while (len) {
		wanted = qkdtls_record_reader_wanted(reader);
		must(wanted && wanted <= len && !qkdtls_record_reader_input(reader, data, wanted),
		     "record input");
		data += wanted;
		len -= wanted;
		ret = qkdtls_record_reader_next(reader, &record);
		must(!ret || ret == -EAGAIN, "record opens");
		if (!ret && record.type == QKDTLS_CONTENT_HANDSHAKE)
			must(!qkdtls_buf_add(plain, record.data, record.len), "buffer");
	}
}

void forge_open_flight(const struct qkdtls_suite *suite, const uint8_t *secret, const uint8_t *data,
		       size_t len, struct forged_flight *flight)
{
	struct qkdtls_record_reader reader;
	struct qkdtls_traffic_key key;
	struct qkdtls_cursor c;
	struct qkdtls_buf plain;

	forge_traffic_key(suite, secret, &key);
	qkdtls_record_reader_init(&reader);
	qkdtls_buf_init(&plain, 4 * FORGE_MESSAGE_MAX);
	reader.allow_ccs = true;
	must(!qkdtls_record_reader_key(&reader, &key), "reader key");
	open_records(&reader, data, len, &plain);
	c = qkdtls_cursor(qkdtls_buf_data(&plain), plain.len);
	for (flight->count = 0; !qkdtls_cursor_empty(&c); flight->count++) {
		must(flight->count < FORGE_FLIGHT_MAX, "flight fits");
		read_message(&c, &flight->message[flight->count]);
	}
	qkdtls_buf_free(&plain);
	qkdtls_record_reader_free(&reader);
}

/* What seals under a traffic secret, and what it has sealed */
struct sealer {
	struct qkdtls_record_writer writer;
	struct qkdtls_buf messages, records;
};

static void sealer_init(struct sealer *sealer, const struct qkdtls_suite *suite,
			const uint8_t *secret)
{
	struct qkdtls_traffic_key key;

	forge_traffic_key(suite, secret, &key);
	qkdtls_record_writer_init(&sealer->writer);
	qkdtls_buf_init(&sealer->messages, 8 * FORGE_MESSAGE_MAX);
	qkdtls_buf_init(&sealer->records, 8 * FORGE_MESSAGE_MAX);
	must(!qkdtls_record_writer_key(&sealer->writer, &key), "writer key");
}

static enum qkdtls_want sealer_feed(struct sealer *sealer, struct qkdtls_conn *conn)
{
	forge_feed(conn, qkdtls_buf_data(&sealer->records), sealer->records.len);
	qkdtls_buf_free(&sealer->messages);
	qkdtls_buf_free(&sealer->records);
	qkdtls_record_writer_free(&sealer->writer);
	return drain(conn);
}

enum qkdtls_want forge_feed_flight(struct qkdtls_conn *conn, const struct qkdtls_suite *suite,
				   const uint8_t *secret, const struct forged_flight *flight,
				   bool one_record)
{
	struct sealer sealer;

	sealer_init(&sealer, suite, secret);
	for (size_t i = 0; i < flight->count; i++) {
		add_message(&sealer.messages, &flight->message[i]);
		if (one_record && i + 1 < flight->count)
			continue;
		seal(&sealer.writer, &sealer.messages, &sealer.records);
		qkdtls_buf_drop(&sealer.messages, sealer.messages.len);
	}
	return sealer_feed(&sealer, conn);
}

enum qkdtls_want forge_feed_fragments(struct qkdtls_conn *conn, const struct qkdtls_suite *suite,
				      const uint8_t *secret, const struct forged_flight *flight,
				      size_t size)
{
	struct sealer sealer;
	size_t len;

	sealer_init(&sealer, suite, secret);
	for (size_t i = 0; i < flight->count; i++)
		add_message(&sealer.messages, &flight->message[i]);
	while (sealer.messages.len) {
		len = sealer.messages.len < size ? sealer.messages.len : size;
		must(!qkdtls_record_write(&sealer.writer, QKDTLS_CONTENT_HANDSHAKE,
					  qkdtls_buf_data(&sealer.messages), len, &sealer.records),
		     "record");
		qkdtls_buf_drop(&sealer.messages, len);
	}
	return sealer_feed(&sealer, conn);
}
