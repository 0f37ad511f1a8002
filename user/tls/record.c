// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <string.h>
#include "tls/crypto_random.h"
#include "tls/record.h"
#include "tls/suite.h"

#define VERSION_TLS12 0x0303

/* ---- One direction's protection ---- */

static void protection_free(struct qkdtls_protection *p)
{
	qkdtls_aead_free(p->key);
	qkdtls_wipe(p, sizeof(*p));
}

static void protection_start(struct qkdtls_protection *p, const struct qkdtls_suite *suite)
{
	protection_free(p);
	p->suite = suite;
	p->limit = suite->record_limit;
}

static int protection_set(struct qkdtls_protection *p, const struct qkdtls_traffic_key *key)
{
	const struct qkdtls_suite *suite = qkdtls_suite_find(key->suite);
	struct qkdtls_aead_key *aead_key;
	int err;

	if (!suite || key->key_len != qkdtls_aead_key_len(suite->aead))
		return -EINVAL;
	err = qkdtls_aead_new(&aead_key, suite->aead, key->key);
	if (err)
		return err;
	protection_start(p, suite);
	p->key = aead_key;
	memcpy(p->iv, key->iv, sizeof(p->iv));
	p->seq = key->seq;
	return 0;
}

static void protection_set_from(struct qkdtls_protection *p, const struct qkdtls_suite *suite,
				qkdtls_key_source source, void *arg)
{
	protection_start(p, suite);
	p->source = source;
	p->source_arg = arg;
}

/* Before each record: the first is the one that needs a key to be fetched. */
static int protection_fetch(struct qkdtls_protection *p)
{
	struct qkdtls_traffic_key key;
	int err;

	if (p->key)
		return 0;
	err = p->source(p->source_arg, &key);
	if (!err)
		err = qkdtls_aead_new(&p->key, p->suite->aead, key.key);
	if (!err)
		memcpy(p->iv, key.iv, sizeof(p->iv));
	qkdtls_wipe(&key, sizeof(key));
	return err;
}

/* RFC 9846 section 5.3: the IV with the record's number in its last 8 bytes */
static void make_nonce(const struct qkdtls_protection *p, uint8_t nonce[QKDTLS_AEAD_NONCE_LEN])
{
	uint64_t seq = p->seq;
	size_t i;

	memcpy(nonce, p->iv, QKDTLS_AEAD_NONCE_LEN);
	for (i = QKDTLS_AEAD_NONCE_LEN; i > QKDTLS_AEAD_NONCE_LEN - 8; i--) {
		nonce[i - 1] ^= (uint8_t)seq;
		seq >>= 8;
	}
}

/* ---- Reader ---- */

void qkdtls_record_reader_init(struct qkdtls_record_reader *reader)
{
	*reader = (struct qkdtls_record_reader){ .inner_max = QKDTLS_RECORD_INNER_MAX };
	qkdtls_buf_init(&reader->body, QKDTLS_RECORD_HEADER + QKDTLS_RECORD_BODY_MAX);
}

void qkdtls_record_reader_free(struct qkdtls_record_reader *reader)
{
	protection_free(&reader->protection);
	qkdtls_buf_free(&reader->body);
	qkdtls_record_reader_init(reader);
}

bool qkdtls_record_reader_busy(const struct qkdtls_record_reader *reader)
{
	return reader->body.len > reader->given;
}

int qkdtls_record_reader_key(struct qkdtls_record_reader *reader,
			     const struct qkdtls_traffic_key *key)
{
	if (qkdtls_record_reader_busy(reader))
		return -EBUSY;
	return protection_set(&reader->protection, key);
}

int qkdtls_record_reader_key_from(struct qkdtls_record_reader *reader,
				  const struct qkdtls_suite *suite, qkdtls_key_source source,
				  void *arg)
{
	if (qkdtls_record_reader_busy(reader))
		return -EBUSY;
	protection_set_from(&reader->protection, suite, source, arg);
	return 0;
}

bool qkdtls_record_reader_limit(struct qkdtls_record_reader *reader, size_t limit)
{
	reader->inner_max = limit;
	return reader->inner_seen <= limit;
}

/* Length of the body that the header in hand announces */
static size_t body_len(const struct qkdtls_record_reader *reader)
{
	const uint8_t *header = qkdtls_buf_data(&reader->body);

	return (size_t)header[3] << 8 | header[4];
}

size_t qkdtls_record_reader_wanted(const struct qkdtls_record_reader *reader)
{
	size_t have = reader->body.len;

	if (reader->given)
		return QKDTLS_RECORD_HEADER;
	if (have < QKDTLS_RECORD_HEADER)
		return QKDTLS_RECORD_HEADER - have;
	return QKDTLS_RECORD_HEADER + body_len(reader) - have;
}

static void drop_given(struct qkdtls_record_reader *reader)
{
	qkdtls_buf_drop(&reader->body, reader->given);
	reader->given = 0;
}

int qkdtls_record_reader_input(struct qkdtls_record_reader *reader, const void *data, size_t len)
{
	if (len > qkdtls_record_reader_wanted(reader))
		return -EMSGSIZE;
	drop_given(reader);
	return qkdtls_buf_add(&reader->body, data, len);
}

/* May a record with this header come now? 0 or an alert. Its version is ignored (RFC 9846 5.1). */
static int check_header(const struct qkdtls_record_reader *reader)
{
	bool protected = reader->protection.suite;
	uint8_t type = qkdtls_buf_data(&reader->body)[0];
	size_t len = body_len(reader);
	bool allowed;

	switch (type) {
	case QKDTLS_CONTENT_CCS:
		allowed = reader->allow_ccs && len == 1;
		break;
	case QKDTLS_CONTENT_ALERT:
		allowed = len && (!protected || reader->allow_plain_alert);
		break;
	case QKDTLS_CONTENT_HANDSHAKE:
		allowed = len && !protected;
		break;
	case QKDTLS_CONTENT_DATA:
		allowed = protected;
		break;
	default:
		allowed = false;
	}
	if (!allowed)
		return QKDTLS_ALERT_UNEXPECTED_MESSAGE;
	if (len > (type == QKDTLS_CONTENT_DATA ? QKDTLS_RECORD_BODY_MAX : QKDTLS_RECORD_PLAIN_MAX))
		return QKDTLS_ALERT_RECORD_OVERFLOW;
	return 0;
}

/* TLSInnerPlaintext: content, its type, zeros */
static int strip_padding(struct qkdtls_record_reader *reader, const uint8_t *inner, size_t len,
			 struct qkdtls_record *record)
{
	if (len > reader->inner_max)
		return QKDTLS_ALERT_RECORD_OVERFLOW;
	if (len > reader->inner_seen)
		reader->inner_seen = len;
	while (len && !inner[len - 1])
		len--;
	if (!len)
		return QKDTLS_ALERT_UNEXPECTED_MESSAGE;
	*record = (struct qkdtls_record){
		.type = inner[len - 1],
		.data = inner,
		.len = len - 1,
	};
	switch (record->type) {
	case QKDTLS_CONTENT_DATA:
		return 0;
	case QKDTLS_CONTENT_ALERT:
	case QKDTLS_CONTENT_HANDSHAKE:
		return record->len ? 0 : QKDTLS_ALERT_UNEXPECTED_MESSAGE;
	default:
		return QKDTLS_ALERT_UNEXPECTED_MESSAGE;
	}
}

static int open_record(struct qkdtls_record_reader *reader, struct qkdtls_record *record)
{
	struct qkdtls_protection *p = &reader->protection;
	uint8_t *header = reader->body.data + reader->body.start;
	uint8_t *body = header + QKDTLS_RECORD_HEADER;
	uint8_t nonce[QKDTLS_AEAD_NONCE_LEN];
	size_t len = body_len(reader);
	int err;

	if (p->seq == UINT64_MAX)
		return -EOVERFLOW;
	err = protection_fetch(p);
	if (err)
		return err;
	make_nonce(p, nonce);
	err = qkdtls_aead_open(p->key, nonce, header, QKDTLS_RECORD_HEADER, body, len, body);
	if (err == -EBADMSG)
		return QKDTLS_ALERT_BAD_RECORD_MAC;
	if (err)
		return err;
	p->seq++;
	/* The peer has keys: its alerts come protected from here on. */
	reader->allow_plain_alert = false;
	return strip_padding(reader, body, len - QKDTLS_AEAD_TAG_LEN, record);
}

int qkdtls_record_reader_next(struct qkdtls_record_reader *reader, struct qkdtls_record *record)
{
	const uint8_t *header;
	int err;

	drop_given(reader);
	if (reader->body.len < QKDTLS_RECORD_HEADER)
		return -EAGAIN;
	err = check_header(reader);
	if (err)
		return err;
	if (qkdtls_record_reader_wanted(reader))
		return -EAGAIN;
	header = qkdtls_buf_data(&reader->body);
	if (header[0] == QKDTLS_CONTENT_CCS) {
		if (header[QKDTLS_RECORD_HEADER] != 1)
			return QKDTLS_ALERT_UNEXPECTED_MESSAGE;
		qkdtls_buf_drop(&reader->body, reader->body.len);
		return -EAGAIN;
	}
	if (header[0] == QKDTLS_CONTENT_DATA) {
		err = open_record(reader, record);
		if (err)
			return err;
	} else {
		*record = (struct qkdtls_record){
			.type = header[0],
			.data = header + QKDTLS_RECORD_HEADER,
			.len = body_len(reader),
		};
	}
	reader->given = reader->body.len;
	return 0;
}

/* ---- Writer ---- */

void qkdtls_record_writer_init(struct qkdtls_record_writer *writer)
{
	*writer = (struct qkdtls_record_writer){
		.inner_max = QKDTLS_RECORD_INNER_MAX,
		.version = VERSION_TLS12,
	};
}

void qkdtls_record_writer_free(struct qkdtls_record_writer *writer)
{
	protection_free(&writer->protection);
	qkdtls_record_writer_init(writer);
}

int qkdtls_record_writer_key(struct qkdtls_record_writer *writer,
			     const struct qkdtls_traffic_key *key)
{
	return protection_set(&writer->protection, key);
}

void qkdtls_record_writer_key_from(struct qkdtls_record_writer *writer,
				   const struct qkdtls_suite *suite, qkdtls_key_source source,
				   void *arg)
{
	protection_set_from(&writer->protection, suite, source, arg);
}

uint64_t qkdtls_record_writer_left(const struct qkdtls_record_writer *writer)
{
	const struct qkdtls_protection *p = &writer->protection;

	if (!p->suite)
		return UINT64_MAX;
	return p->seq < p->limit ? p->limit - p->seq : 0;
}

void qkdtls_record_writer_limit(struct qkdtls_record_writer *writer, size_t limit)
{
	writer->inner_max = limit;
}

static bool is_protected(const struct qkdtls_record_writer *writer, uint8_t type)
{
	return writer->protection.suite && type != QKDTLS_CONTENT_CCS;
}

size_t qkdtls_record_writer_max(const struct qkdtls_record_writer *writer, uint8_t type)
{
	return is_protected(writer, type) ? writer->inner_max - 1 : QKDTLS_RECORD_PLAIN_MAX;
}

/* One record into @out, which has room for it; its whole length by @written */
static int write_record(struct qkdtls_record_writer *writer, uint8_t type, const uint8_t *data,
			size_t len, size_t padding, uint8_t *out, size_t *written)
{
	bool protected = is_protected(writer, type);
	size_t body = protected ? len + 1 + padding + QKDTLS_AEAD_TAG_LEN : len;
	struct qkdtls_protection *p = &writer->protection;
	uint8_t nonce[QKDTLS_AEAD_NONCE_LEN];
	struct qkdtls_writer w;
	uint8_t *inner;
	int err;

	if (protected) {
		err = protection_fetch(p);
		if (err)
			return err;
	}
	qkdtls_writer_init(&w, out, QKDTLS_RECORD_HEADER + body);
	qkdtls_put_u8(&w, protected ? QKDTLS_CONTENT_DATA : type);
	qkdtls_put_u16(&w, protected ? VERSION_TLS12 : writer->version);
	qkdtls_put_u16(&w, (uint16_t)body);
	inner = qkdtls_put_room(&w, body);
	if (!inner)
		return -EINVAL;
	*written = w.len;
	if (len)
		memcpy(inner, data, len);
	if (!protected)
		return 0;
	inner[len] = type;
	memset(inner + len + 1, 0, padding);
	make_nonce(p, nonce);
	/* Whatever becomes of this record, its number is never used again. */
	p->seq++;
	return qkdtls_aead_seal(p->key, nonce, out, QKDTLS_RECORD_HEADER, inner, len + 1 + padding,
				inner);
}

int qkdtls_record_write_padded(struct qkdtls_record_writer *writer, uint8_t type, const void *data,
			       size_t len, size_t padding, struct qkdtls_buf *out)
{
	size_t size = QKDTLS_RECORD_HEADER + len + padding + 1 + QKDTLS_AEAD_TAG_LEN;
	const size_t max = qkdtls_record_writer_max(writer, type);
	size_t written;
	uint8_t *room;
	int err;

	if (len > max || padding > max - len)
		return -EMSGSIZE;
	if ((!len && type != QKDTLS_CONTENT_DATA) || (padding && !is_protected(writer, type)))
		return -EINVAL;
	if (!qkdtls_record_writer_left(writer) && type != QKDTLS_CONTENT_CCS)
		return -EKEYEXPIRED;
	if (!is_protected(writer, type))
		size = QKDTLS_RECORD_HEADER + len;
	if (size > out->limit - out->len)
		return -ENOBUFS;
	room = qkdtls_buf_room(out, size);
	if (!room)
		return -ENOMEM;
	err = write_record(writer, type, data, len, padding, room, &written);
	if (!err)
		qkdtls_buf_added(out, written);
	return err;
}

/* Bytes that @len bytes of content take as records of one type */
static size_t written_size(const struct qkdtls_record_writer *writer, uint8_t type, size_t len,
			   size_t *records)
{
	const size_t max = qkdtls_record_writer_max(writer, type);
	size_t overhead = QKDTLS_RECORD_HEADER;

	if (is_protected(writer, type))
		overhead += 1 + QKDTLS_AEAD_TAG_LEN;
	*records = len ? (len - 1) / max + 1 : 1;
	return len + *records * overhead;
}

int qkdtls_record_write(struct qkdtls_record_writer *writer, uint8_t type, const void *data,
			size_t len, struct qkdtls_buf *out)
{
	const size_t max = qkdtls_record_writer_max(writer, type);
	size_t now, records, size, at = 0, before = out->len;
	const uint8_t *from = data;
	int err;

	if (len > out->limit)
		return -ENOBUFS;
	size = written_size(writer, type, len, &records);
	if (size > out->limit - out->len)
		return -ENOBUFS;
	if (is_protected(writer, type) && records > qkdtls_record_writer_left(writer))
		return -EKEYEXPIRED;
	if (!qkdtls_buf_room(out, size))
		return -ENOMEM;
	do {
		now = len - at < max ? len - at : max;
		err = qkdtls_record_write_padded(writer, type, now ? from + at : NULL, now, 0, out);
		at += now;
	} while (!err && at < len);
	if (err)
		out->len = before;
	return err;
}
