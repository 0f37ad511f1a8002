// SPDX-License-Identifier: GPL-2.0-or-later
#include "puppet.h"

#include <errno.h>
#include <string.h>

#include "tls/crypto_hash.h"
#include "tls/crypto_random.h"

#define WIRE_MAX (1U << 20)

/* ---- Two connections that go on ---- */

/* What @conn writes goes to @out, or nowhere. */
static enum qkdtls_want run(struct qkdtls_conn *conn, struct qkdtls_buf *out)
{
	enum qkdtls_want want;
	const uint8_t *data;
	size_t len;

	while ((want = qkdtls_handshake(conn)) == QKDTLS_WANT_WRITE || want == QKDTLS_WANT_PSK) {
		data = qkdtls_output(conn, &len);
		FUZZ_CHECK(want == QKDTLS_WANT_PSK || len);
		if (len && out)
			(void)qkdtls_buf_add(out, data, len);
		qkdtls_output_sent(conn, len);
	}
	return want;
}

/* Reads what has come after the handshake; false: nothing more will */
static bool receive(struct qkdtls_conn *conn)
{
	static uint8_t plain[QKDTLS_RECORD_PLAIN_MAX];
	ssize_t ret;

	while ((ret = qkdtls_receive(conn, plain, sizeof(plain))) > 0)
		;
	return !ret;
}

static void feed(struct qkdtls_conn *conn, const uint8_t *data, size_t len, struct qkdtls_buf *out)
{
	enum qkdtls_want want = run(conn, out);
	size_t wanted;

	while (len) {
		if (want == QKDTLS_DONE ? !receive(conn) : want != QKDTLS_WANT_READ)
			return;
		wanted = qkdtls_wanted(conn);
		FUZZ_CHECK(wanted);
		if (wanted > len)
			wanted = len;
		if (qkdtls_input(conn, data, wanted))
			FUZZ_CHECK(conn->failed);
		data += wanted;
		len -= wanted;
		want = run(conn, out);
	}
	if (want == QKDTLS_DONE) {
		(void)receive(conn);
		(void)run(conn, out);
	}
}

/* Once the peer has keys, all that a client writes is protected, and all of a server behind its hello. */
static void open_key(struct puppet *p)
{
	const enum qkdtls_role sender = p->peer->role;
	struct qkdtls_traffic_key key;

	if (p->reader.protection.key || !fuzz_secrets(sender)->known || !p->peer->suite ||
	    qkdtls_record_reader_busy(&p->reader))
		return;
	forge_traffic_key(p->peer->suite, fuzz_secrets(sender)->handshake[sender], &key);
	FUZZ_CHECK(!qkdtls_record_reader_key(&p->reader, &key));
}

/* Opens what the peer has written, as far as it can be. */
static void open_wire(struct puppet *p)
{
	struct qkdtls_record record;
	size_t wanted;
	int ret = 0;

	if (p->peer->role == QKDTLS_CLIENT)
		open_key(p);
	while (p->wire.len && (!ret || ret == -EAGAIN)) {
		wanted = qkdtls_record_reader_wanted(&p->reader);
		if (!wanted || wanted > p->wire.len)
			wanted = p->wire.len;
		if (qkdtls_record_reader_input(&p->reader, qkdtls_buf_data(&p->wire), wanted))
			break;
		qkdtls_buf_drop(&p->wire, wanted);
		ret = qkdtls_record_reader_next(&p->reader, &record);
		if (!ret && record.type == QKDTLS_CONTENT_HANDSHAKE) {
			(void)qkdtls_buf_add(&p->genuine, record.data, record.len);
			open_key(p);
		}
	}
	qkdtls_buf_drop(&p->wire, p->wire.len);
}

void puppet_run(struct puppet *p)
{
	struct qkdtls_buf answer;

	qkdtls_buf_init(&answer, WIRE_MAX);
	(void)run(p->peer, &p->wire);
	(void)run(p->victim, &answer);
	if (answer.len)
		feed(p->peer, qkdtls_buf_data(&answer), answer.len, &p->wire);
	qkdtls_buf_free(&answer);
	open_wire(p);
	fuzz_check_conn(p->victim);
	fuzz_check_keys(&p->lb);
}

void puppet_init(struct puppet *p, unsigned int scene, enum qkdtls_role victim)
{
	memset(p, 0, sizeof(*p));
	fuzz_link(&p->lb, scene);
	p->victim = p->lb.end[victim];
	p->peer = p->lb.end[!victim];
	qkdtls_record_reader_init(&p->reader);
	p->reader.allow_ccs = true;
	qkdtls_buf_init(&p->wire, WIRE_MAX);
	qkdtls_buf_init(&p->genuine, WIRE_MAX);
	qkdtls_buf_init(&p->record, WIRE_MAX);
	puppet_run(p);
}

void puppet_free(struct puppet *p)
{
	fuzz_unlink(&p->lb);
	qkdtls_record_reader_free(&p->reader);
	qkdtls_buf_free(&p->wire);
	qkdtls_buf_free(&p->genuine);
	qkdtls_buf_free(&p->record);
}

bool puppet_next(struct puppet *p, struct forged_message *message)
{
	struct qkdtls_cursor c = qkdtls_cursor(qkdtls_buf_data(&p->genuine), p->genuine.len);
	struct qkdtls_cursor body;

	if (!qkdtls_get_u8(&c, &message->type) ||
	    !qkdtls_get_vec24(&c, 0, sizeof(message->body), &body))
		return false;
	message->len = qkdtls_cursor_left(&body);
	(void)qkdtls_get_copy(&body, message->len, message->body);
	qkdtls_buf_drop(&p->genuine, 4 + message->len);
	return true;
}

/* ---- Proofs ---- */

/* The list of binders must be where the peer's own hello has it, and of the same lengths. */
static void prove_hello(struct puppet *p, struct forged_message *message)
{
	const struct qkdtls_handshake *hs = p->peer->hs;
	size_t len = 0, at;

	if (!hs || !p->victim->hs || p->peer->role != QKDTLS_CLIENT || !hs->offer_count)
		return;
	for (size_t i = 0; i < hs->offer_count; i++)
		len += 1 + qkdtls_hash_len(qkdtls_schedule_hash(hs->offers[i].schedule));
	if (message->len < len + 2 || message->len > QKDTLS_CLIENT_HELLO_MAX)
		return;
	at = message->len - len;
	if ((size_t)(message->body[at - 2] << 8 | message->body[at - 1]) != len)
		return;
	for (size_t i = 0; i < hs->offer_count; i++) {
		if (message->body[at] !=
		    qkdtls_hash_len(qkdtls_schedule_hash(hs->offers[i].schedule)))
			return;
		at += 1 + message->body[at];
	}
	forge_bind(message, p->peer, p->victim);
}

static void prove_finished(struct puppet *p, struct forged_message *message)
{
	const struct qkdtls_conn *victim = p->victim;
	uint8_t hash[QKDTLS_HASH_MAX];

	if (qkdtls_transcript_hash(&victim->hs->transcript, hash) ||
	    qkdtls_schedule_finished(victim->schedule, p->peer->role, hash, message->body))
		return;
	message->len = qkdtls_hash_len(victim->suite->hash);
}

/* With the scheme that the message names, if the peer's certificate can */
static void prove_certificate(struct puppet *p, struct forged_message *message)
{
	static const char context[][34] = { "TLS 1.3, client CertificateVerify",
					    "TLS 1.3, server CertificateVerify" };
	const struct qkdtls_identity *identity = p->peer->config->identity;
	uint8_t content[64 + sizeof(context[0]) + QKDTLS_HASH_MAX];
	const struct qkdtls_scheme *scheme;
	size_t len;

	if (!identity || message->len < 4)
		return;
	scheme = qkdtls_scheme_find((uint16_t)(message->body[0] << 8 | message->body[1]));
	if (!scheme || !qkdtls_identity_fits(identity, scheme))
		return;
	memset(content, 0x20, 64);
	memcpy(content + 64, context[p->peer->role], sizeof(context[0]));
	if (qkdtls_transcript_hash(&p->victim->hs->transcript, content + 64 + sizeof(context[0])))
		return;
	if (qkdtls_identity_sign(identity, scheme, content,
				 64 + sizeof(context[0]) + qkdtls_hash_len(p->victim->suite->hash),
				 message->body + 4, QKDTLS_SIGNATURE_MAX, &len))
		return;
	message->body[2] = (uint8_t)(len >> 8);
	message->body[3] = (uint8_t)len;
	message->len = 4 + len;
}

void puppet_prove(struct puppet *p, struct forged_message *message)
{
	const struct qkdtls_conn *victim = p->victim;

	if (message->type == QKDTLS_MSG_CLIENT_HELLO) {
		prove_hello(p, message);
		return;
	}
	if (!victim->hs || !victim->suite || !victim->schedule)
		return;
	if (message->type == QKDTLS_MSG_FINISHED)
		prove_finished(p, message);
	else if (message->type == QKDTLS_MSG_CERTIFICATE_VERIFY)
		prove_certificate(p, message);
}

/* ---- What is given ---- */

void puppet_give_bytes(struct puppet *p, const uint8_t *data, size_t len)
{
	struct qkdtls_buf answer;

	qkdtls_buf_init(&answer, WIRE_MAX);
	feed(p->victim, data, len, &answer);
	if (answer.len)
		feed(p->peer, qkdtls_buf_data(&answer), answer.len, &p->wire);
	qkdtls_buf_free(&answer);
	puppet_run(p);
}

/* The key under which the victim reads, at its present number */
static bool writer_for(const struct puppet *p, struct qkdtls_record_writer *writer)
{
	const struct qkdtls_conn *victim = p->victim;
	struct qkdtls_traffic_key key;

	qkdtls_record_writer_init(writer);
	if (!victim->reader.protection.key)
		return true;
	if (qkdtls_schedule_traffic_key(victim->schedule,
					victim->state == QKDTLS_UP ? QKDTLS_EPOCH_APPLICATION
								   : QKDTLS_EPOCH_HANDSHAKE,
					p->peer->role, victim->suite, &key))
		return false;
	key.seq = victim->reader.protection.seq;
	return !qkdtls_record_writer_key(writer, &key);
}

void puppet_give_record(struct puppet *p, uint8_t type, const uint8_t *data, size_t len,
			size_t padding)
{
	struct qkdtls_record_writer writer;

	if (p->victim->failed || !writer_for(p, &writer))
		return;
	qkdtls_buf_drop(&p->record, p->record.len);
	if (!writer.protection.key)
		padding = 0;
	if (!qkdtls_record_write_padded(&writer, type, data, len, padding, &p->record))
		puppet_give_bytes(p, qkdtls_buf_data(&p->record), p->record.len);
	qkdtls_record_writer_free(&writer);
}

void puppet_give_message(struct puppet *p, const struct forged_message *message, size_t size)
{
	static uint8_t raw[4 + FORGE_MESSAGE_MAX];
	const size_t len = 4 + message->len;
	size_t now;

	memcpy(raw,
	       (uint8_t[]){ message->type, 0, (uint8_t)(message->len >> 8), (uint8_t)message->len },
	       4);
	memcpy(raw + 4, message->body, message->len);
	for (size_t at = 0; at < len; at += now) {
		now = len - at < size ? len - at : size;
		puppet_give_record(p, QKDTLS_CONTENT_HANDSHAKE, raw + at, now, 0);
	}
}

void puppet_finish(struct puppet *p)
{
	static struct forged_message message;

	while (!p->victim->failed && puppet_next(p, &message)) {
		puppet_prove(p, &message);
		puppet_give_message(p, &message, QKDTLS_RECORD_PLAIN_MAX);
	}
}
