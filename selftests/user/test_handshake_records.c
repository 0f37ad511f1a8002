// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Records at each point of a handshake, each with the alert it must get (RFC 9846 sections 5 and 6). All are
 * in Documentation/conformance.md.
 */
#include "rows.h"

#include <errno.h>
#include <string.h>

#include "stage.h"
#include "tls/internal.h"

#define ALERT(name) QKDTLS_ALERT_##name
#define CCS	    20
#define AL	    21
#define HS	    22
#define DATA	    23

static const struct site_options plain;

/* Where the handshake is when the record comes */
enum point {
	SERVER_START, /* nothing has come */
	CLIENT_HELLO_SENT,
	SERVER_FLIGHT_SENT, /* reads under the client's handshake key */
	CLIENT_HAS_HELLO, /* reads under the server's handshake key */
	CLIENT_DONE,
	SERVER_DONE,
};

static enum qkdtls_role role_at(enum point point)
{
	return point == SERVER_START || point == SERVER_FLIGHT_SENT || point == SERVER_DONE
		       ? QKDTLS_SERVER
		       : QKDTLS_CLIENT;
}

static void go_to(struct stage *stage, enum point point)
{
	const struct qkdtls_conn *client;
	size_t len;

	switch (point) {
	case SERVER_START:
	case CLIENT_HELLO_SENT:
		site_link(rows_pki(), &stage->lb, &plain, &plain);
		client = stage->lb.end[QKDTLS_CLIENT];
		assert_int_equal(qkdtls_handshake(stage->lb.end[QKDTLS_CLIENT]), QKDTLS_WANT_WRITE);
		(void)qkdtls_output(client, &len);
		qkdtls_output_sent(stage->lb.end[QKDTLS_CLIENT], len);
		return;
	case SERVER_FLIGHT_SENT:
		stage_client_flight(rows_pki(), stage, &plain);
		return;
	case CLIENT_HAS_HELLO:
		stage_server_flight(rows_pki(), stage, &plain);
		return;
	default:
		site_link(rows_pki(), &stage->lb, &plain, &plain);
		assert_true(loopback_run(&stage->lb));
		assert_int_equal(stage->lb.want[QKDTLS_SERVER], QKDTLS_DONE);
	}
}

/* A finished connection takes its input by qkdtls_receive(). */
static void feed(struct qkdtls_conn *conn, const uint8_t *data, size_t len)
{
	uint8_t byte;
	size_t wanted;
	ssize_t ret = 0;

	if (conn->state != QKDTLS_UP) {
		forge_feed(conn, data, len);
		(void)qkdtls_handshake(conn);
		return;
	}
	for (size_t at = 0; at < len && !ret; at += wanted) {
		wanted = qkdtls_wanted(conn) < len - at ? qkdtls_wanted(conn) : len - at;
		assert_int_equal(qkdtls_input(conn, data + at, wanted), 0);
		ret = qkdtls_receive(conn, &byte, sizeof(byte));
	}
}

/* @received: the alert that the peer is understood to have sent, with @alert NONE */
struct record_row {
	const char *what;
	enum qkdtls_alert alert;
	enum point point;
	enum qkdtls_alert received;
	size_t len;
	uint8_t bytes[16];
};

static void judge(const struct qkdtls_conn *conn, enum qkdtls_alert alert,
		  enum qkdtls_alert received)
{
	const struct qkdtls_error *error = qkdtls_error(conn);

	if (error->sent != alert)
		print_message("# %s (%s)\n", qkdtls_alert_name(error->sent), error->reason);
	assert_int_equal(error->sent, alert);
	assert_int_equal(error->received, received);
	if (alert == QKDTLS_ALERT_NONE)
		assert_int_equal(conn->failed, received != QKDTLS_ALERT_NONE);
}

#define RECORD(...) .len = sizeof((const uint8_t[]){ __VA_ARGS__ }), .bytes = { __VA_ARGS__ }
#define QUIET	    .received = ALERT(NONE)

static const struct record_row records[] = {
	{ "server: change_cipher_spec before ClientHello", ALERT(UNEXPECTED_MESSAGE), SERVER_START,
	  QUIET, RECORD(CCS, 3, 3, 0, 1, 1) },
	{ "server: application data before ClientHello", ALERT(UNEXPECTED_MESSAGE), SERVER_START,
	  QUIET, RECORD(DATA, 3, 3, 0, 1, 0) },
	{ "server: empty handshake record", ALERT(UNEXPECTED_MESSAGE), SERVER_START, QUIET,
	  RECORD(HS, 3, 3, 0, 0) },
	{ "server: empty alert", ALERT(UNEXPECTED_MESSAGE), SERVER_START, QUIET,
	  RECORD(AL, 3, 3, 0, 0) },
	{ "server: heartbeat", ALERT(UNEXPECTED_MESSAGE), SERVER_START, QUIET,
	  RECORD(24, 3, 3, 0, 1, 0) },
	{ "server: a hello of SSL 2", ALERT(UNEXPECTED_MESSAGE), SERVER_START, QUIET,
	  RECORD(0x80, 0x2e, 1, 0, 2, 0) },
	{ "server: HTTP", ALERT(UNEXPECTED_MESSAGE), SERVER_START, QUIET,
	  RECORD('G', 'E', 'T', ' ', '/') },
	{ "server: the longest record", ALERT(NONE), SERVER_START, QUIET,
	  RECORD(HS, 3, 1, 0x40, 0, 1, 0, 0, 9) },
	{ "server: a record one too long", ALERT(RECORD_OVERFLOW), SERVER_START, QUIET,
	  RECORD(HS, 3, 1, 0x40, 1) },
	{ "server: a record of SSL 3", ALERT(NONE), SERVER_START, QUIET,
	  RECORD(HS, 3, 0, 0, 4, 1, 0, 0, 9) },
	{ "server: a record of no version", ALERT(NONE), SERVER_START, QUIET,
	  RECORD(HS, 0x7f, 0xff, 0, 4, 1, 0, 0, 9) },
	{ "server: a message of 16 MiB", ALERT(DECODE_ERROR), SERVER_START, QUIET,
	  RECORD(HS, 3, 1, 0, 4, 1, 0xff, 0xff, 0xff) },
	{ "server: fatal alert", ALERT(NONE), SERVER_START, ALERT(HANDSHAKE_FAILURE),
	  RECORD(AL, 3, 3, 0, 2, 2, 40) },
	{ "server: error alert called a warning", ALERT(NONE), SERVER_START,
	  ALERT(HANDSHAKE_FAILURE), RECORD(AL, 3, 3, 0, 2, 1, 40) },
	{ "server: unknown alert", ALERT(NONE), SERVER_START, 200, RECORD(AL, 3, 3, 0, 2, 1, 200) },
	{ "server: close_notify", ALERT(NONE), SERVER_START, ALERT(CLOSE_NOTIFY),
	  RECORD(AL, 3, 3, 0, 2, 1, 0) },
	{ "server: user_canceled", ALERT(NONE), SERVER_START, QUIET,
	  RECORD(AL, 3, 3, 0, 2, 1, 90) },
	{ "server: alert of one byte", ALERT(DECODE_ERROR), SERVER_START, QUIET,
	  RECORD(AL, 3, 3, 0, 1, 2) },
	{ "server: alert in two records", ALERT(DECODE_ERROR), SERVER_START, QUIET,
	  RECORD(AL, 3, 3, 0, 1, 2, AL, 3, 3, 0, 1, 40) },
	{ "server: two alerts in one record", ALERT(DECODE_ERROR), SERVER_START, QUIET,
	  RECORD(AL, 3, 3, 0, 4, 2, 40, 2, 40) },

	{ "client: change_cipher_spec", ALERT(NONE), CLIENT_HELLO_SENT, QUIET,
	  RECORD(CCS, 3, 3, 0, 1, 1) },
	{ "client: two change_cipher_spec", ALERT(NONE), CLIENT_HELLO_SENT, QUIET,
	  RECORD(CCS, 3, 3, 0, 1, 1, CCS, 3, 3, 0, 1, 1) },
	{ "client: change_cipher_spec of 2", ALERT(UNEXPECTED_MESSAGE), CLIENT_HELLO_SENT, QUIET,
	  RECORD(CCS, 3, 3, 0, 1, 2) },
	{ "client: change_cipher_spec of two bytes", ALERT(UNEXPECTED_MESSAGE), CLIENT_HELLO_SENT,
	  QUIET, RECORD(CCS, 3, 3, 0, 2, 1, 1) },
	{ "client: empty change_cipher_spec", ALERT(UNEXPECTED_MESSAGE), CLIENT_HELLO_SENT, QUIET,
	  RECORD(CCS, 3, 3, 0, 0) },
	{ "client: application data before ServerHello", ALERT(UNEXPECTED_MESSAGE),
	  CLIENT_HELLO_SENT, QUIET, RECORD(DATA, 3, 3, 0, 1, 0) },
	{ "client: empty handshake record", ALERT(UNEXPECTED_MESSAGE), CLIENT_HELLO_SENT, QUIET,
	  RECORD(HS, 3, 3, 0, 0) },
	{ "client: a record one too long", ALERT(RECORD_OVERFLOW), CLIENT_HELLO_SENT, QUIET,
	  RECORD(HS, 3, 3, 0x40, 1) },
	{ "client: a message of 16 MiB", ALERT(DECODE_ERROR), CLIENT_HELLO_SENT, QUIET,
	  RECORD(HS, 3, 3, 0, 4, 2, 0xff, 0xff, 0xff) },
	{ "client: HelloRequest", ALERT(UNEXPECTED_MESSAGE), CLIENT_HELLO_SENT, QUIET,
	  RECORD(HS, 3, 3, 0, 4, 0, 0, 0, 0) },
	{ "client: EncryptedExtensions in plain text", ALERT(UNEXPECTED_MESSAGE), CLIENT_HELLO_SENT,
	  QUIET, RECORD(HS, 3, 3, 0, 6, 8, 0, 0, 2, 0, 0) },
	{ "client: ClientHello", ALERT(UNEXPECTED_MESSAGE), CLIENT_HELLO_SENT, QUIET,
	  RECORD(HS, 3, 3, 0, 4, 1, 0, 0, 9) },
	{ "client: fatal alert", ALERT(NONE), CLIENT_HELLO_SENT, ALERT(HANDSHAKE_FAILURE),
	  RECORD(AL, 3, 3, 0, 2, 2, 40) },
	{ "client: error alert called a warning", ALERT(NONE), CLIENT_HELLO_SENT,
	  ALERT(HANDSHAKE_FAILURE), RECORD(AL, 3, 3, 0, 2, 1, 40) },
	{ "client: unknown alert", ALERT(NONE), CLIENT_HELLO_SENT, 200,
	  RECORD(AL, 3, 3, 0, 2, 0, 200) },
	{ "client: close_notify", ALERT(NONE), CLIENT_HELLO_SENT, ALERT(CLOSE_NOTIFY),
	  RECORD(AL, 3, 3, 0, 2, 1, 0) },
	{ "client: alert of one byte", ALERT(DECODE_ERROR), CLIENT_HELLO_SENT, QUIET,
	  RECORD(AL, 3, 3, 0, 1, 2) },
	{ "client: two alerts in one record", ALERT(DECODE_ERROR), CLIENT_HELLO_SENT, QUIET,
	  RECORD(AL, 3, 3, 0, 4, 2, 40, 2, 40) },

	{ "server under key: change_cipher_spec", ALERT(NONE), SERVER_FLIGHT_SENT, QUIET,
	  RECORD(CCS, 3, 3, 0, 1, 1) },
	{ "server under key: change_cipher_spec of 2", ALERT(UNEXPECTED_MESSAGE),
	  SERVER_FLIGHT_SENT, QUIET, RECORD(CCS, 3, 3, 0, 1, 2) },
	{ "server under key: plain handshake", ALERT(UNEXPECTED_MESSAGE), SERVER_FLIGHT_SENT, QUIET,
	  RECORD(HS, 3, 3, 0, 4, 20, 0, 0, 0) },
	{ "server under key: shorter than a tag", ALERT(BAD_RECORD_MAC), SERVER_FLIGHT_SENT, QUIET,
	  RECORD(DATA, 3, 3, 0, 1, 0) },
	{ "server under key: a record one too long", ALERT(RECORD_OVERFLOW), SERVER_FLIGHT_SENT,
	  QUIET, RECORD(DATA, 3, 3, 0x41, 1) },
	{ "client under key: change_cipher_spec", ALERT(NONE), CLIENT_HAS_HELLO, QUIET,
	  RECORD(CCS, 3, 3, 0, 1, 1) },
	{ "client under key: change_cipher_spec of 2", ALERT(UNEXPECTED_MESSAGE), CLIENT_HAS_HELLO,
	  QUIET, RECORD(CCS, 3, 3, 0, 1, 2) },
	{ "client under key: plain handshake", ALERT(UNEXPECTED_MESSAGE), CLIENT_HAS_HELLO, QUIET,
	  RECORD(HS, 3, 3, 0, 4, 8, 0, 0, 0) },
	{ "client under key: plain alert", ALERT(UNEXPECTED_MESSAGE), CLIENT_HAS_HELLO, QUIET,
	  RECORD(AL, 3, 3, 0, 2, 2, 40) },
	{ "client under key: shorter than a tag", ALERT(BAD_RECORD_MAC), CLIENT_HAS_HELLO, QUIET,
	  RECORD(DATA, 3, 3, 0, 1, 0) },
	{ "client under key: a record one too long", ALERT(RECORD_OVERFLOW), CLIENT_HAS_HELLO,
	  QUIET, RECORD(DATA, 3, 3, 0x41, 1) },

	{ "server done: change_cipher_spec", ALERT(UNEXPECTED_MESSAGE), SERVER_DONE, QUIET,
	  RECORD(CCS, 3, 3, 0, 1, 1) },
	{ "server done: plain handshake", ALERT(UNEXPECTED_MESSAGE), SERVER_DONE, QUIET,
	  RECORD(HS, 3, 3, 0, 4, 24, 0, 0, 1) },
	{ "server done: plain alert", ALERT(UNEXPECTED_MESSAGE), SERVER_DONE, QUIET,
	  RECORD(AL, 3, 3, 0, 2, 1, 0) },
	{ "server done: a record one too long", ALERT(RECORD_OVERFLOW), SERVER_DONE, QUIET,
	  RECORD(DATA, 3, 3, 0x41, 1) },
	{ "server done: shorter than a tag", ALERT(BAD_RECORD_MAC), SERVER_DONE, QUIET,
	  RECORD(DATA, 3, 3, 0, 1, 0) },
	{ "client done: change_cipher_spec", ALERT(UNEXPECTED_MESSAGE), CLIENT_DONE, QUIET,
	  RECORD(CCS, 3, 3, 0, 1, 1) },
	{ "client done: plain handshake", ALERT(UNEXPECTED_MESSAGE), CLIENT_DONE, QUIET,
	  RECORD(HS, 3, 3, 0, 4, 4, 0, 0, 1) },
	{ "client done: plain alert", ALERT(UNEXPECTED_MESSAGE), CLIENT_DONE, QUIET,
	  RECORD(AL, 3, 3, 0, 2, 1, 0) },
	{ "client done: a record one too long", ALERT(RECORD_OVERFLOW), CLIENT_DONE, QUIET,
	  RECORD(DATA, 3, 3, 0x41, 1) },
	{ "client done: shorter than a tag", ALERT(BAD_RECORD_MAC), CLIENT_DONE, QUIET,
	  RECORD(DATA, 3, 3, 0, 1, 0) },
};

static void judges_record(void **state)
{
	const struct record_row *row = *state;
	static struct stage stage;

	go_to(&stage, row->point);
	feed(stage.lb.end[role_at(row->point)], row->bytes, row->len);
	judge(stage.lb.end[role_at(row->point)], row->alert, row->received);
	loopback_free(&stage.lb);
}

/* ---- Under the handshake keys: content of @len bytes that starts with @content, @type, zeros ---- */

struct sealed_row {
	const char *what;
	enum qkdtls_alert alert;
	enum qkdtls_alert received;
	uint8_t content[4];
	size_t len;
	uint8_t type;
	size_t padding;
};

static const struct sealed_row sealed[] = {
	{ "zeros alone", ALERT(UNEXPECTED_MESSAGE), QUIET, { 0 }, 5, 0, 0 },
	{ "zeros alone, the most", ALERT(UNEXPECTED_MESSAGE), QUIET, { 0 }, 16384, 0, 0 },
	{ "content one too long", ALERT(RECORD_OVERFLOW), QUIET, { 20 }, 16385, HS, 0 },
	{ "padding one too long", ALERT(RECORD_OVERFLOW), QUIET, { 1, 90 }, 2, AL, 16383 },
	{ "the most padding", ALERT(NONE), QUIET, { 1, 90 }, 2, AL, 16382 },
	{ "change_cipher_spec", ALERT(UNEXPECTED_MESSAGE), QUIET, { 1 }, 1, CCS, 0 },
	{ "heartbeat", ALERT(UNEXPECTED_MESSAGE), QUIET, { 1 }, 1, 24, 0 },
	{ "application data before Finished", ALERT(UNEXPECTED_MESSAGE), QUIET, { 1 }, 1, DATA, 0 },
	{ "empty application data before Finished",
	  ALERT(UNEXPECTED_MESSAGE),
	  QUIET,
	  { 0 },
	  0,
	  DATA,
	  0 },
	{ "empty handshake record", ALERT(UNEXPECTED_MESSAGE), QUIET, { 0 }, 0, HS, 0 },
	{ "empty handshake record with padding",
	  ALERT(UNEXPECTED_MESSAGE),
	  QUIET,
	  { 0 },
	  0,
	  HS,
	  9 },
	{ "empty alert", ALERT(UNEXPECTED_MESSAGE), QUIET, { 0 }, 0, AL, 0 },
	{ "empty alert with padding", ALERT(UNEXPECTED_MESSAGE), QUIET, { 0 }, 0, AL, 9 },
	{ "alert of one byte", ALERT(DECODE_ERROR), QUIET, { 2 }, 1, AL, 0 },
	{ "two alerts", ALERT(DECODE_ERROR), QUIET, { 2, 40, 2, 40 }, 4, AL, 0 },
	{ "fatal alert", ALERT(NONE), ALERT(BAD_CERTIFICATE), { 2, 42 }, 2, AL, 0 },
	{ "error alert called a warning",
	  ALERT(NONE),
	  ALERT(BAD_CERTIFICATE),
	  { 1, 42 },
	  2,
	  AL,
	  0 },
	{ "unknown alert", ALERT(NONE), 200, { 1, 200 }, 2, AL, 0 },
	{ "close_notify before Finished", ALERT(NONE), ALERT(CLOSE_NOTIFY), { 1, 0 }, 2, AL, 0 },
	{ "user_canceled", ALERT(NONE), QUIET, { 1, 90 }, 2, AL, 0 },
	{ "a message of 16 MiB", ALERT(DECODE_ERROR), QUIET, { 0, 255, 255, 255 }, 4, HS, 0 },
};

static void judge_sealed(const struct sealed_row *row, enum point point, uint8_t first)
{
	static uint8_t inner[17000], record[17100];
	static struct stage stage;
	size_t len;

	go_to(&stage, point);
	memset(inner, 0, sizeof(inner));
	memcpy(inner, row->content, sizeof(row->content));
	if (row->type == HS && row->len == 4)
		inner[0] = first;
	inner[row->len] = row->type;
	len = forge_seal(stage.suite,
			 point == CLIENT_HAS_HELLO ? stage.secrets.server : stage.secrets.client,
			 inner, row->len + 1 + row->padding, record);
	feed(stage.lb.end[role_at(point)], record, len);
	judge(stage.lb.end[role_at(point)], row->alert, row->received);
	loopback_free(&stage.lb);
}

/* The same for both ends; a message's header must be of one that is awaited. */
static void judges_sealed_record(void **state)
{
	judge_sealed(*state, CLIENT_HAS_HELLO, EE);
	judge_sealed(*state, SERVER_FLIGHT_SENT, FIN);
}

/* ---- Messages that must end their record, because keys change behind them ---- */

/* @message as one record, with @extra behind it in the same */
static void feed_with_extra(struct qkdtls_conn *conn, const struct forged_message *message)
{
	static const uint8_t extra[] = { EE, 0, 0, 2, 0, 0 };
	static uint8_t record[FORGE_MESSAGE_MAX];
	const size_t len = 4 + message->len + sizeof(extra);

	assert_in_range(len, 0, sizeof(record) - 5);
	memcpy(record, (uint8_t[]){ HS, 3, 3, (uint8_t)(len >> 8), (uint8_t)len }, 5);
	memcpy(record + 5,
	       (uint8_t[]){ message->type, 0, (uint8_t)(message->len >> 8), (uint8_t)message->len },
	       4);
	memcpy(record + 9, message->body, message->len);
	memcpy(record + 9 + message->len, extra, sizeof(extra));
	feed(conn, record, 5 + len);
	judge(conn, ALERT(UNEXPECTED_MESSAGE), ALERT(NONE));
}

/* The first plain message that one end has to say */
static void take_message(struct qkdtls_conn *conn, struct forged_message *message)
{
	const uint8_t *data;
	size_t len, ccs;

	assert_int_equal(qkdtls_handshake(conn), QKDTLS_WANT_WRITE);
	data = qkdtls_output(conn, &len);
	ccs = data[0] == CCS ? 6 : 0;
	forge_read_plain(data + ccs, len - ccs, message);
}

static void client_hello_must_end_its_record(void **state)
{
	static struct forged_message hello;
	struct loopback lb;

	site_link(*state, &lb, &plain, &plain);
	take_message(lb.end[QKDTLS_CLIENT], &hello);
	feed_with_extra(lb.end[QKDTLS_SERVER], &hello);
	assert_int_equal(lb.ring[QKDTLS_SERVER].found, 0);
	loopback_free(&lb);
}

static void server_hello_must_end_its_record(void **state)
{
	static struct forged_message hello;
	struct loopback lb;

	site_link(*state, &lb, &plain, &plain);
	stage_move(lb.end[QKDTLS_CLIENT], lb.end[QKDTLS_SERVER]);
	take_message(lb.end[QKDTLS_SERVER], &hello);
	feed_with_extra(lb.end[QKDTLS_CLIENT], &hello);
	loopback_free(&lb);
}

/* All that one end has to say to the other, whose own output stays where it is */
static void give(struct qkdtls_conn *from, struct qkdtls_conn *to)
{
	const uint8_t *data;
	size_t len, wanted;

	assert_int_equal(qkdtls_handshake(from), QKDTLS_WANT_WRITE);
	data = qkdtls_output(from, &len);
	for (size_t at = 0; at < len; at += wanted) {
		wanted = qkdtls_wanted(to);
		assert_in_range(wanted, 1, len - at);
		assert_int_equal(qkdtls_input(to, data + at, wanted), 0);
		(void)qkdtls_handshake(to);
	}
	qkdtls_output_sent(from, len);
}

static const struct site_options p256_first = { .groups = "secp256r1:x25519" };
static const struct site_options p256_last = { .groups = "x25519:secp256r1" };

static void retry_and_second_hello_must_end_their_records(void **state)
{
	static struct forged_message hello;
	struct loopback lb;

	site_link(*state, &lb, &p256_first, &p256_last);
	give(lb.end[QKDTLS_CLIENT], lb.end[QKDTLS_SERVER]);
	take_message(lb.end[QKDTLS_SERVER], &hello);
	feed_with_extra(lb.end[QKDTLS_CLIENT], &hello);
	loopback_free(&lb);

	site_link(*state, &lb, &p256_first, &p256_last);
	give(lb.end[QKDTLS_CLIENT], lb.end[QKDTLS_SERVER]);
	give(lb.end[QKDTLS_SERVER], lb.end[QKDTLS_CLIENT]);
	take_message(lb.end[QKDTLS_CLIENT], &hello);
	feed_with_extra(lb.end[QKDTLS_SERVER], &hello);
	loopback_free(&lb);
}

/* A byte in each record */
static void a_hello_in_many_records_is_put_together(void **state)
{
	struct loopback lb;
	const uint8_t *data;
	size_t len;

	site_link(*state, &lb, &plain, &plain);
	assert_int_equal(qkdtls_handshake(lb.end[QKDTLS_CLIENT]), QKDTLS_WANT_WRITE);
	data = qkdtls_output(lb.end[QKDTLS_CLIENT], &len);
	for (size_t i = 5; i < len; i++) {
		const uint8_t record[] = { HS, 3, 1, 0, 1, data[i] };

		assert_int_equal(forge_feed(lb.end[QKDTLS_SERVER], record, sizeof(record)),
				 sizeof(record));
	}
	assert_int_equal(qkdtls_handshake(lb.end[QKDTLS_SERVER]), QKDTLS_WANT_WRITE);
	judge(lb.end[QKDTLS_SERVER], ALERT(NONE), ALERT(NONE));
	assert_int_equal(lb.ring[QKDTLS_SERVER].committed, 1);
	loopback_free(&lb);
}

/* ---- What this end sends ---- */

/* Types and versions of the records in an output: "16:0301 14:0303 ..." as numbers */
static size_t list_records(const struct qkdtls_conn *conn, uint32_t *list, size_t max)
{
	const uint8_t *data;
	size_t len, count = 0;

	data = qkdtls_output(conn, &len);
	for (size_t at = 0; at < len; at += 5 + (size_t)(data[at + 3] << 8 | data[at + 4])) {
		assert_in_range(count, 0, max - 1);
		list[count++] =
			(uint32_t)data[at] << 16 | (uint32_t)(data[at + 1] << 8 | data[at + 2]);
	}
	return count;
}

#define RECORDS_MAX 8
#define PLAIN(type) ((uint32_t)(type) << 16 | 0x0303)

/* Middlebox compatibility (RFC 9846 appendix E.4), and the version of each record (section 5.1) */
static void records_are_sent_in_their_order(void **state)
{
	uint32_t list[RECORDS_MAX];
	struct loopback lb;

	site_link(*state, &lb, &p256_first, &p256_last);
	assert_int_equal(qkdtls_handshake(lb.end[QKDTLS_CLIENT]), QKDTLS_WANT_WRITE);
	assert_int_equal(list_records(lb.end[QKDTLS_CLIENT], list, RECORDS_MAX), 1);
	assert_int_equal(list[0], HS << 16 | 0x0301);
	give(lb.end[QKDTLS_CLIENT], lb.end[QKDTLS_SERVER]);

	/* HelloRetryRequest and, once, change_cipher_spec */
	assert_int_equal(qkdtls_handshake(lb.end[QKDTLS_SERVER]), QKDTLS_WANT_WRITE);
	assert_int_equal(list_records(lb.end[QKDTLS_SERVER], list, RECORDS_MAX), 2);
	assert_int_equal(list[0], PLAIN(HS));
	assert_int_equal(list[1], PLAIN(CCS));
	give(lb.end[QKDTLS_SERVER], lb.end[QKDTLS_CLIENT]);

	assert_int_equal(qkdtls_handshake(lb.end[QKDTLS_CLIENT]), QKDTLS_WANT_WRITE);
	assert_int_equal(list_records(lb.end[QKDTLS_CLIENT], list, RECORDS_MAX), 2);
	assert_int_equal(list[0], PLAIN(CCS));
	assert_int_equal(list[1], PLAIN(HS));
	give(lb.end[QKDTLS_CLIENT], lb.end[QKDTLS_SERVER]);

	assert_int_equal(qkdtls_handshake(lb.end[QKDTLS_SERVER]), QKDTLS_WANT_WRITE);
	assert_int_equal(list_records(lb.end[QKDTLS_SERVER], list, RECORDS_MAX), 2);
	assert_int_equal(list[0], PLAIN(HS));
	assert_int_equal(list[1], PLAIN(DATA));
	give(lb.end[QKDTLS_SERVER], lb.end[QKDTLS_CLIENT]);

	assert_int_equal(qkdtls_handshake(lb.end[QKDTLS_CLIENT]), QKDTLS_WANT_WRITE);
	assert_int_equal(list_records(lb.end[QKDTLS_CLIENT], list, RECORDS_MAX), 1);
	assert_int_equal(list[0], PLAIN(DATA));
	loopback_free(&lb);
}

/* Without a session ID there is no middlebox to please. */
static void without_a_session_id_there_is_no_change_cipher_spec(void **state)
{
	static const struct forge change = NO_SESSION_ID;
	static struct forged_message hello;
	uint32_t list[RECORDS_MAX];
	struct loopback lb;

	site_link(*state, &lb, &plain, &plain);
	take_message(lb.end[QKDTLS_CLIENT], &hello);
	forge_hello(&hello, &change, 1);
	forge_bind(&hello, lb.end[QKDTLS_CLIENT], lb.end[QKDTLS_SERVER]);
	forge_feed_record(lb.end[QKDTLS_SERVER], &hello);
	assert_int_equal(qkdtls_handshake(lb.end[QKDTLS_SERVER]), QKDTLS_WANT_WRITE);
	assert_int_equal(list_records(lb.end[QKDTLS_SERVER], list, RECORDS_MAX), 2);
	assert_int_equal(list[0], PLAIN(HS));
	assert_int_equal(list[1], PLAIN(DATA));
	take_message(lb.end[QKDTLS_SERVER], &hello);
	assert_int_equal(hello.body[34], 0); /* the echo */
	loopback_free(&lb);
}

/* Under the next key before a KeyUpdate has said so: what was cut out between must be noticed. */
static void a_key_does_not_change_unsaid(void **state)
{
	struct loopback lb;
	const uint8_t *data;
	size_t len;

	for (int from = QKDTLS_CLIENT; from <= QKDTLS_SERVER; from++) {
		struct qkdtls_conn *sender;

		site_link(*state, &lb, &plain, &plain);
		assert_true(loopback_run(&lb));
		sender = lb.end[from];
		assert_int_equal(qkdtls_schedule_update(sender->schedule, from), 0);
		assert_int_equal(qkdtls_keys_set_application(sender, from), 0);
		assert_int_equal(qkdtls_send(sender, "data", 4), 4);
		data = qkdtls_output(sender, &len);
		feed(lb.end[!from], data, len);
		judge(lb.end[!from], ALERT(BAD_RECORD_MAC), ALERT(NONE));
		loopback_free(&lb);
	}
}

/* Data of the handshake is not for the application, and none of its goes out early. */
static void no_data_goes_before_finished(void **state)
{
	static struct stage stage;

	stage_server_flight(*state, &stage, &plain);
	assert_int_equal(qkdtls_send(stage.lb.end[QKDTLS_CLIENT], "early", 5), -EPERM);
	assert_int_equal(qkdtls_send(stage.lb.end[QKDTLS_SERVER], "early", 5), -EPERM);
	loopback_free(&stage.lb);
}

static void every_alert_has_its_name(void **state)
{
	static const int alerts[] = { 0,  10, 20, 22, 40, 42,  43,  44,	 45,  46,  47,	48,  49, 50,
				      51, 70, 71, 80, 90, 109, 110, 112, 113, 115, 116, 117, 120 };

	for (size_t i = 0; i < sizeof(alerts) / sizeof(alerts[0]); i++)
		if (!strncmp(qkdtls_alert_name(alerts[i]), "alert ", 6))
			fail_msg("alert %d has no name", alerts[i]);
	assert_string_equal(qkdtls_alert_name(200), "alert 200");
	assert_string_equal(qkdtls_alert_name(QKDTLS_ALERT_NONE), "none");
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(client_hello_must_end_its_record),
		cmocka_unit_test(server_hello_must_end_its_record),
		cmocka_unit_test(retry_and_second_hello_must_end_their_records),
		cmocka_unit_test(a_hello_in_many_records_is_put_together),
		cmocka_unit_test(records_are_sent_in_their_order),
		cmocka_unit_test(without_a_session_id_there_is_no_change_cipher_spec),
		cmocka_unit_test(a_key_does_not_change_unsaid),
		cmocka_unit_test(no_data_goes_before_finished),
		cmocka_unit_test(every_alert_has_its_name),
	};

	ROWS(judges_record, records);
	ROWS(judges_sealed_record, sealed);
	return rows_run(tests, sizeof(tests) / sizeof(tests[0]));
}
