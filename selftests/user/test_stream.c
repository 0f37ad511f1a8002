// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * After the handshake: the engine's own records, and what the kernel hands up. The rows are in
 * Documentation/conformance.md.
 */
#include "rows.h"

#include <errno.h>
#include <string.h>

#include "site.h"
#include "tls/internal.h"

#define ALERT(name) QKDTLS_ALERT_##name

static void connect_both(struct pki *pki, struct loopback *lb)
{
	static const struct site_options plain;

	site_link(pki, lb, &plain, &plain);
	assert_true(loopback_run(lb));
	assert_int_equal(lb->want[QKDTLS_CLIENT], QKDTLS_DONE);
	assert_int_equal(lb->want[QKDTLS_SERVER], QKDTLS_DONE);
	/* What only the handshake needed is gone. */
	assert_null(lb->end[QKDTLS_CLIENT]->hs);
	assert_null(lb->end[QKDTLS_SERVER]->hs);
}

/* A record that the engine itself would not send */
static void send_raw(struct loopback *lb, enum qkdtls_role from, uint8_t type, const void *data,
		     size_t len)
{
	struct qkdtls_conn *conn = lb->end[from];

	assert_int_equal(qkdtls_record_write(&conn->writer, type, data, len, &conn->out), 0);
}

struct post_message {
	const char *what;
	enum qkdtls_role to;
	enum qkdtls_alert alert; /* NONE: ignored */
	uint8_t type;
	size_t len;
	uint8_t data[40];
};

#define HS	     22
#define ALERT_RECORD 21
#define AT_CLIENT    QKDTLS_CLIENT
#define AT_SERVER    QKDTLS_SERVER

static const struct post_message post_messages[] = {
	{ "ticket", AT_CLIENT, ALERT(NONE), HS, 20, { 4, 0, 0, 16, 0, 0, 0, 9, 1, 2,
						      3, 4, 1, 7,  0, 2, 8, 8, 0, 0 } },
	{ "ticket with an unknown extension",
	  AT_CLIENT,
	  ALERT(NONE),
	  HS,
	  24,
	  { 4, 0, 0, 20, 0, 0, 0, 9, 1, 2, 3, 4, 1, 7, 0, 2, 8, 8, 0, 4, 0x2a, 0x2a, 0, 0 } },
	{ "ticket with early_data", AT_CLIENT, ALERT(NONE), HS, 28, { 4,  0, 0, 24, 0, 0, 0,
								      9,  1, 2, 3,  4, 1, 7,
								      0,  2, 8, 8,  0, 8, 0,
								      42, 0, 4, 0,  0, 1, 0 } },
	{ "ticket with extension 33",
	  AT_CLIENT,
	  ALERT(ILLEGAL_PARAMETER),
	  HS,
	  24,
	  { 4, 0, 0, 20, 0, 0, 0, 9, 1, 2, 3, 4, 1, 7, 0, 2, 8, 8, 0, 4, 0, 33, 0, 0 } },
	{ "ticket with a doubled extension",
	  AT_CLIENT,
	  ALERT(ILLEGAL_PARAMETER),
	  HS,
	  28,
	  { 4, 0, 0, 24, 0, 0, 0, 9,	1,    2, 3, 4,	  1,
	    7, 0, 2, 8,	 8, 0, 8, 0x2a, 0x2a, 0, 0, 0x2a, 0x2a } },
	{ "empty ticket",
	  AT_CLIENT,
	  ALERT(DECODE_ERROR),
	  HS,
	  18,
	  { 4, 0, 0, 14, 0, 0, 0, 9, 1, 2, 3, 4, 1, 7, 0, 0, 0, 0 } },
	{ "a byte behind a ticket",
	  AT_CLIENT,
	  ALERT(DECODE_ERROR),
	  HS,
	  21,
	  { 4, 0, 0, 17, 0, 0, 0, 9, 1, 2, 3, 4, 1, 7, 0, 2, 8, 8, 0, 0, 0 } },
	{ "ticket at a server", AT_SERVER, ALERT(UNEXPECTED_MESSAGE), HS, 20, { 4, 0, 0, 16, 0,
										0, 0, 9, 1,  2,
										3, 4, 1, 7,  0,
										2, 8, 8, 0,  0 } },
	{ "KeyUpdate that asks for 2",
	  AT_CLIENT,
	  ALERT(ILLEGAL_PARAMETER),
	  HS,
	  5,
	  { 24, 0, 0, 1, 2 } },
	{ "KeyUpdate of no byte", AT_SERVER, ALERT(DECODE_ERROR), HS, 4, { 24, 0, 0, 0 } },
	{ "KeyUpdate of two bytes", AT_SERVER, ALERT(DECODE_ERROR), HS, 6, { 24, 0, 0, 2, 0, 0 } },
	{ "KeyUpdate that does not end its record",
	  AT_CLIENT,
	  ALERT(UNEXPECTED_MESSAGE),
	  HS,
	  10,
	  { 24, 0, 0, 1, 0, 24, 0, 0, 1, 0 } },
	{ "KeyUpdate that asks for 255",
	  AT_SERVER,
	  ALERT(ILLEGAL_PARAMETER),
	  HS,
	  5,
	  { 24, 0, 0, 1, 255 } },
	{ "KeyUpdate of no byte at the client",
	  AT_CLIENT,
	  ALERT(DECODE_ERROR),
	  HS,
	  4,
	  { 24, 0, 0, 0 } },
	{ "KeyUpdate of two bytes at the client",
	  AT_CLIENT,
	  ALERT(DECODE_ERROR),
	  HS,
	  6,
	  { 24, 0, 0, 2, 0, 0 } },
	{ "KeyUpdate before another message in its record",
	  AT_CLIENT,
	  ALERT(UNEXPECTED_MESSAGE),
	  HS,
	  10,
	  { 24, 0, 0, 1, 1, 4, 0, 0, 1, 0 } },
	{ "Certificate", AT_SERVER, ALERT(UNEXPECTED_MESSAGE), HS, 8, { 11, 0, 0, 4, 0, 0, 0, 0 } },
	{ "CertificateVerify",
	  AT_SERVER,
	  ALERT(UNEXPECTED_MESSAGE),
	  HS,
	  8,
	  { 15, 0, 0, 4, 4, 3, 0, 0 } },
	{ "Finished at the server",
	  AT_SERVER,
	  ALERT(UNEXPECTED_MESSAGE),
	  HS,
	  5,
	  { 20, 0, 0, 1, 0 } },
	{ "ClientHello at the client",
	  AT_CLIENT,
	  ALERT(UNEXPECTED_MESSAGE),
	  HS,
	  6,
	  { 1, 0, 0, 2, 3, 3 } },
	{ "ServerHello", AT_CLIENT, ALERT(UNEXPECTED_MESSAGE), HS, 6, { 2, 0, 0, 2, 3, 3 } },
	{ "EncryptedExtensions",
	  AT_CLIENT,
	  ALERT(UNEXPECTED_MESSAGE),
	  HS,
	  6,
	  { 8, 0, 0, 2, 0, 0 } },
	{ "EndOfEarlyData", AT_SERVER, ALERT(UNEXPECTED_MESSAGE), HS, 4, { 5, 0, 0, 0 } },
	{ "message_hash", AT_SERVER, ALERT(UNEXPECTED_MESSAGE), HS, 4, { 254, 0, 0, 0 } },
	{ "CertificateRequest",
	  AT_CLIENT,
	  ALERT(UNEXPECTED_MESSAGE),
	  HS,
	  15,
	  { 13, 0, 0, 11, 0, 0, 8, 0, 13, 0, 4, 0, 2, 4, 3 } },
	{ "ClientHello", AT_SERVER, ALERT(UNEXPECTED_MESSAGE), HS, 6, { 1, 0, 0, 2, 3, 3 } },
	{ "HelloRequest", AT_CLIENT, ALERT(UNEXPECTED_MESSAGE), HS, 4, { 0, 0, 0, 0 } },
	{ "Finished", AT_CLIENT, ALERT(UNEXPECTED_MESSAGE), HS, 5, { 20, 0, 0, 1, 0 } },
	{ "ticket for more than a week", AT_CLIENT, ALERT(NONE), HS, 20, { 4,	0,   0,	  16, 255,
									   255, 255, 255, 1,  2,
									   3,	4,   1,	  7,  0,
									   2,	8,   8,	  0,  0 } },
	{ "ticket with key_share",
	  AT_CLIENT,
	  ALERT(ILLEGAL_PARAMETER),
	  HS,
	  24,
	  { 4, 0, 0, 20, 0, 0, 0, 9, 1, 2, 3, 4, 1, 7, 0, 2, 8, 8, 0, 4, 0, 51, 0, 0 } },
	{ "truncated ticket",
	  AT_CLIENT,
	  ALERT(DECODE_ERROR),
	  HS,
	  19,
	  { 4, 0, 0, 15, 0, 0, 0, 9, 1, 2, 3, 4, 1, 7, 0, 2, 8, 8, 0 } },
	{ "ticket of 16 MiB", AT_CLIENT, ALERT(DECODE_ERROR), HS, 4, { 4, 255, 255, 255 } },
	{ "alert of one byte", AT_CLIENT, ALERT(DECODE_ERROR), ALERT_RECORD, 1, { 2 } },
	{ "alert of three bytes", AT_SERVER, ALERT(DECODE_ERROR), ALERT_RECORD, 3, { 1, 0, 0 } },
	{ "two alerts", AT_SERVER, ALERT(DECODE_ERROR), ALERT_RECORD, 4, { 2, 40, 2, 40 } },
	{ "user_canceled", AT_CLIENT, ALERT(NONE), ALERT_RECORD, 2, { 1, 90 } },
	{ "an unknown type of record", AT_SERVER, ALERT(UNEXPECTED_MESSAGE), 25, 1, { 0 } },

	/* The same at the other end */
	{ "KeyUpdate that asks for 2 at the server",
	  AT_SERVER,
	  ALERT(ILLEGAL_PARAMETER),
	  HS,
	  5,
	  { 24, 0, 0, 1, 2 } },
	{ "KeyUpdate that does not end its record at the server",
	  AT_SERVER,
	  ALERT(UNEXPECTED_MESSAGE),
	  HS,
	  10,
	  { 24, 0, 0, 1, 0, 24, 0, 0, 1, 0 } },
	{ "Certificate at the client",
	  AT_CLIENT,
	  ALERT(UNEXPECTED_MESSAGE),
	  HS,
	  8,
	  { 11, 0, 0, 4, 0, 0, 0, 0 } },
	{ "CertificateVerify at the client",
	  AT_CLIENT,
	  ALERT(UNEXPECTED_MESSAGE),
	  HS,
	  8,
	  { 15, 0, 0, 4, 4, 3, 0, 0 } },
	{ "ServerHello at the server",
	  AT_SERVER,
	  ALERT(UNEXPECTED_MESSAGE),
	  HS,
	  6,
	  { 2, 0, 0, 2, 3, 3 } },
	{ "EncryptedExtensions at the server",
	  AT_SERVER,
	  ALERT(UNEXPECTED_MESSAGE),
	  HS,
	  6,
	  { 8, 0, 0, 2, 0, 0 } },
	{ "EndOfEarlyData at the client",
	  AT_CLIENT,
	  ALERT(UNEXPECTED_MESSAGE),
	  HS,
	  4,
	  { 5, 0, 0, 0 } },
	{ "message_hash at the client",
	  AT_CLIENT,
	  ALERT(UNEXPECTED_MESSAGE),
	  HS,
	  4,
	  { 254, 0, 0, 0 } },
	{ "HelloRequest at the server",
	  AT_SERVER,
	  ALERT(UNEXPECTED_MESSAGE),
	  HS,
	  4,
	  { 0, 0, 0, 0 } },
	{ "CertificateRequest at the server",
	  AT_SERVER,
	  ALERT(UNEXPECTED_MESSAGE),
	  HS,
	  15,
	  { 13, 0, 0, 11, 0, 0, 8, 0, 13, 0, 4, 0, 2, 4, 3 } },
	{ "alert of one byte at the server",
	  AT_SERVER,
	  ALERT(DECODE_ERROR),
	  ALERT_RECORD,
	  1,
	  { 2 } },
	{ "two alerts at the client",
	  AT_CLIENT,
	  ALERT(DECODE_ERROR),
	  ALERT_RECORD,
	  4,
	  { 2, 40, 2, 40 } },
	{ "user_canceled at the server", AT_SERVER, ALERT(NONE), ALERT_RECORD, 2, { 1, 90 } },
	{ "an unknown type of record at the client",
	  AT_CLIENT,
	  ALERT(UNEXPECTED_MESSAGE),
	  25,
	  1,
	  { 0 } },
	{ "KeyUpdate of 16 MiB at the server",
	  AT_SERVER,
	  ALERT(DECODE_ERROR),
	  HS,
	  4,
	  { 24, 255, 255, 255 } },
};

static void judges_message_after_the_handshake(void **state)
{
	const struct post_message *post = *state;
	const enum qkdtls_role from = !post->to;
	struct loopback lb;
	uint8_t buf[8];

	connect_both(rows_pki(), &lb);
	send_raw(&lb, from, post->type, post->data, post->len);
	if (post->alert == QKDTLS_ALERT_NONE) {
		assert_int_equal(loopback_deliver(&lb, from, buf, sizeof(buf)), 0);
		assert_true(loopback_echo(&lb, from, "onward", 6));
	} else {
		assert_int_equal(loopback_deliver(&lb, from, buf, sizeof(buf)), -EPROTO);
		assert_int_equal(qkdtls_error(lb.end[post->to])->sent, post->alert);
		/* The other end hears of it under the keys of the stream. */
		assert_int_equal(loopback_deliver(&lb, post->to, buf, sizeof(buf)), -ECONNRESET);
		assert_int_equal(qkdtls_error(lb.end[from])->received, post->alert);
	}
	loopback_free(&lb);
}

/* ---- Between the parts of a message (RFC 9846 section 5.1); all but an error alert is out of place there ---- */

struct between {
	const char *what;
	enum qkdtls_alert alert; /* NONE: it is taken for what it says */
	uint8_t type;
	size_t len;
	uint8_t data[2];
};

static const struct between between_parts[] = {
	{ "application data", ALERT(UNEXPECTED_MESSAGE), 23, 1, { 'x' } },
	{ "empty application data", ALERT(UNEXPECTED_MESSAGE), 23, 0, { 0 } },
	{ "close_notify", ALERT(UNEXPECTED_MESSAGE), ALERT_RECORD, 2, { 1, 0 } },
	{ "user_canceled", ALERT(UNEXPECTED_MESSAGE), ALERT_RECORD, 2, { 1, 90 } },
	{ "error alert", ALERT(NONE), ALERT_RECORD, 2, { 2, 80 } },
};

static void judges_record_between_parts(void **state)
{
	static const uint8_t part[] = { 24, 0, 0 };
	const struct between *row = *state;
	struct loopback lb;
	uint8_t buf[8];

	for (int to = QKDTLS_CLIENT; to <= QKDTLS_SERVER; to++) {
		const struct qkdtls_error *error;

		connect_both(rows_pki(), &lb);
		error = qkdtls_error(lb.end[to]);
		send_raw(&lb, !to, HS, part, sizeof(part));
		assert_int_equal(loopback_deliver(&lb, !to, buf, sizeof(buf)), 0);
		send_raw(&lb, !to, row->type, row->data, row->len);
		assert_int_equal(loopback_deliver(&lb, !to, buf, sizeof(buf)),
				 row->alert == ALERT(NONE) ? -ECONNRESET : -EPROTO);
		assert_int_equal(error->sent, row->alert);
		assert_int_equal(error->received,
				 row->alert == ALERT(NONE) ? row->data[1] : ALERT(NONE));
		loopback_free(&lb);
	}
}

/* Bytes that anybody on the way can put between two records */
static void plain_alerts_are_refused_under_protection(void **state)
{
	static const uint8_t close_notify[] = { ALERT_RECORD, 3, 3, 0, 2, 1, 0 };
	struct loopback lb;
	uint8_t buf[8];

	for (int to = 0; to < 2; to++) {
		connect_both(*state, &lb);
		assert_int_equal(qkdtls_input(lb.end[to], close_notify, 5), 0);
		assert_int_equal(qkdtls_receive(lb.end[to], buf, sizeof(buf)), -EPROTO);
		assert_int_equal(qkdtls_error(lb.end[to])->sent, ALERT(UNEXPECTED_MESSAGE));
		loopback_free(&lb);
	}
}

/* Giving nothing takes nothing away, not even from a record that has been read in part. */
static void empty_input_changes_nothing(void **state)
{
	struct loopback lb;
	uint8_t buf[8] = { 0 };

	connect_both(*state, &lb);
	assert_int_equal(qkdtls_send(lb.end[QKDTLS_CLIENT], "ABCDEF", 6), 6);
	assert_int_equal(loopback_deliver(&lb, QKDTLS_CLIENT, buf, 3), 3);
	assert_int_equal(qkdtls_input(lb.end[QKDTLS_SERVER], buf, 0), 0);
	assert_int_equal(qkdtls_receive(lb.end[QKDTLS_SERVER], buf, sizeof(buf)), 3);
	assert_memory_equal(buf, "DEF", 3);
	loopback_free(&lb);
}

/* The same, as the kernel hands records up, when the engine has no keys any more */
static void control_records_are_judged(void **state)
{
	struct qkdtls_traffic_key tx, rx;
	struct loopback lb;
	size_t len;

	for (size_t i = 0; i < sizeof(post_messages) / sizeof(post_messages[0]); i++) {
		const struct post_message *post = &post_messages[i];
		struct qkdtls_conn *conn;

		connect_both(*state, &lb);
		conn = lb.end[post->to];
		assert_int_equal(qkdtls_take_traffic_keys(conn, &tx, &rx), 0);
		assert_int_equal(qkdtls_control(conn, post->type, post->data, post->len),
				 post->alert == QKDTLS_ALERT_NONE ? QKDTLS_CONTROL_IGNORE
								  : QKDTLS_CONTROL_FAILED);
		assert_int_equal(qkdtls_error(conn)->sent, post->alert);
		assert_null(qkdtls_output(conn, &len)); /* it has no key to send one */
		loopback_free(&lb);
	}
}

static void control_tells_close_and_key_update(void **state)
{
	static const uint8_t update[] = { 24, 0, 0, 1, 1 }, close[] = { 1, 0 }, fatal[] = { 2, 80 };
	struct qkdtls_traffic_key tx, rx;
	struct qkdtls_conn *conn;
	struct loopback lb;

	connect_both(*state, &lb);
	conn = lb.end[QKDTLS_CLIENT];
	assert_int_equal(qkdtls_take_traffic_keys(conn, &tx, &rx), 0);
	assert_int_equal(qkdtls_control(conn, HS, update, 3), QKDTLS_CONTROL_IGNORE);
	assert_int_equal(qkdtls_control(conn, HS, update + 3, 2), QKDTLS_CONTROL_KEY_UPDATE);
	assert_int_equal(qkdtls_control(conn, ALERT_RECORD, close, 2), QKDTLS_CONTROL_CLOSE);
	loopback_free(&lb);

	connect_both(*state, &lb);
	conn = lb.end[QKDTLS_CLIENT];
	assert_int_equal(qkdtls_take_traffic_keys(conn, &tx, &rx), 0);
	assert_int_equal(qkdtls_control(conn, ALERT_RECORD, fatal, 2), QKDTLS_CONTROL_FAILED);
	assert_int_equal(qkdtls_error(conn)->received, 80);
	assert_int_equal(qkdtls_to_errno(conn), -ECONNRESET);
	assert_int_equal(qkdtls_control(conn, ALERT_RECORD, close, 2), QKDTLS_CONTROL_FAILED);
	loopback_free(&lb);
}

/* The kernel's records are bounded like the engine's own: so many in a row without data, and no data in a message. */
static void control_counts_records_without_data(void **state)
{
	static const uint8_t canceled[] = { 1, 90 }, part[] = { 24, 0, 0 };
	struct qkdtls_traffic_key tx, rx;
	struct loopback lb;

	for (int role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++) {
		struct qkdtls_conn *conn;

		connect_both(*state, &lb);
		conn = lb.end[role];
		assert_int_equal(qkdtls_take_traffic_keys(conn, &tx, &rx), 0);
		for (int i = 0; i < 100; i++) {
			assert_int_equal(qkdtls_control(conn, i & 1 ? 23 : ALERT_RECORD, canceled,
							i & 1 ? 0 : 2),
					 QKDTLS_CONTROL_IGNORE);
			if (i % 32 == 31)
				assert_int_equal(qkdtls_control(conn, 23, NULL, 70000),
						 QKDTLS_CONTROL_IGNORE);
		}
		for (int i = 4; i < 32; i++)
			assert_int_equal(qkdtls_control(conn, 23, NULL, 0), QKDTLS_CONTROL_IGNORE);
		assert_int_equal(qkdtls_control(conn, 23, NULL, 0), QKDTLS_CONTROL_FAILED);
		assert_int_equal(qkdtls_error(conn)->sent, ALERT(UNEXPECTED_MESSAGE));
		loopback_free(&lb);

		connect_both(*state, &lb);
		conn = lb.end[role];
		assert_int_equal(qkdtls_take_traffic_keys(conn, &tx, &rx), 0);
		assert_int_equal(qkdtls_control(conn, HS, part, 3), QKDTLS_CONTROL_IGNORE);
		assert_int_equal(qkdtls_control(conn, 23, NULL, 5), QKDTLS_CONTROL_FAILED);
		assert_int_equal(qkdtls_error(conn)->sent, ALERT(UNEXPECTED_MESSAGE));
		loopback_free(&lb);
	}
}

static void key_updates_are_followed_and_answered(void **state)
{
	static const uint8_t asks[] = { 24, 0, 0, 1, 1 };
	struct loopback lb;
	uint8_t buf[8];

	connect_both(*state, &lb);
	for (int i = 0; i < 3; i++) {
		send_raw(&lb, QKDTLS_CLIENT, HS, asks, sizeof(asks));
		/* The record went under the old key; what follows goes under the next. */
		assert_int_equal(
			qkdtls_schedule_update(lb.end[QKDTLS_CLIENT]->schedule, QKDTLS_CLIENT), 0);
		assert_int_equal(qkdtls_keys_set_application(lb.end[QKDTLS_CLIENT], QKDTLS_CLIENT),
				 0);
		assert_int_equal(loopback_deliver(&lb, QKDTLS_CLIENT, buf, sizeof(buf)), 0);
		assert_int_equal(lb.end[QKDTLS_SERVER]->writer.protection.seq, 0);
		assert_int_equal(loopback_deliver(&lb, QKDTLS_SERVER, buf, sizeof(buf)), 0);
		assert_true(loopback_echo(&lb, QKDTLS_CLIENT, "forth", 5));
		assert_true(loopback_echo(&lb, QKDTLS_SERVER, "back", 4));
	}
	loopback_free(&lb);
}

/* The exporter does not change with the traffic keys, and they go on from where the stream is. */
static void keys_can_be_taken_from_a_running_stream(void **state)
{
	struct qkdtls_traffic_key tx[2], rx[2];
	struct loopback lb;

	connect_both(*state, &lb);
	assert_int_equal(qkdtls_key_update(lb.end[QKDTLS_CLIENT], false), 0);
	assert_int_equal(qkdtls_take_traffic_keys(lb.end[QKDTLS_CLIENT], &tx[0], &rx[0]), -EAGAIN);
	assert_true(loopback_echo(&lb, QKDTLS_CLIENT, "one", 3));
	assert_true(loopback_echo(&lb, QKDTLS_CLIENT, "two", 3));
	for (int role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++)
		assert_int_equal(qkdtls_take_traffic_keys(lb.end[role], &tx[role], &rx[role]), 0);
	assert_int_equal(tx[QKDTLS_CLIENT].seq, 2);
	assert_int_equal(rx[QKDTLS_SERVER].seq, 2);
	assert_memory_equal(tx[QKDTLS_CLIENT].key, rx[QKDTLS_SERVER].key, 32);
	loopback_free(&lb);
}

static void keys_are_not_given_while_bytes_are_in_hand(void **state)
{
	struct qkdtls_traffic_key tx, rx;
	struct loopback lb;
	uint8_t buf[4];

	connect_both(*state, &lb);
	assert_int_equal(qkdtls_send(lb.end[QKDTLS_CLIENT], "data", 4), 4);
	assert_int_equal(loopback_deliver(&lb, QKDTLS_CLIENT, buf, 1), 1);
	assert_int_equal(qkdtls_take_traffic_keys(lb.end[QKDTLS_SERVER], &tx, &rx), -EAGAIN);
	assert_int_equal(qkdtls_receive(lb.end[QKDTLS_SERVER], buf, sizeof(buf)), 3);
	assert_int_equal(qkdtls_input(lb.end[QKDTLS_SERVER], "\x17", 1), 0);
	assert_int_equal(qkdtls_take_traffic_keys(lb.end[QKDTLS_SERVER], &tx, &rx), -EAGAIN);
	loopback_free(&lb);
}

/* Half a message, or a side that has been closed, is nothing to hand over either. */
static void keys_are_not_given_in_between(void **state)
{
	static const uint8_t part[] = { 24, 0, 0 };
	struct qkdtls_traffic_key tx, rx;
	struct loopback lb;
	uint8_t buf[4];

	for (int role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++) {
		connect_both(*state, &lb);
		send_raw(&lb, !role, HS, part, sizeof(part));
		assert_int_equal(loopback_deliver(&lb, !role, buf, sizeof(buf)), 0);
		assert_int_equal(qkdtls_take_traffic_keys(lb.end[role], &tx, &rx), -EAGAIN);
		loopback_free(&lb);

		connect_both(*state, &lb);
		assert_int_equal(qkdtls_close(lb.end[role]), 0);
		assert_int_equal(loopback_deliver(&lb, role, buf, sizeof(buf)), -ENODATA);
		for (int end = QKDTLS_CLIENT; end <= QKDTLS_SERVER; end++)
			assert_int_equal(qkdtls_take_traffic_keys(lb.end[end], &tx, &rx), -EPERM);
		loopback_free(&lb);
	}
}

/* A connection that has failed has no secrets to give, not even before its caller knows. */
static void a_failed_connection_gives_nothing(void **state)
{
	struct qkdtls_traffic_key tx, rx;
	struct loopback lb;
	uint8_t out[16];

	connect_both(*state, &lb);
	qkdtls_input_eof(lb.end[QKDTLS_CLIENT]);
	assert_int_equal(qkdtls_export(lb.end[QKDTLS_CLIENT], "x", "", 0, out, sizeof(out)),
			 -EINVAL);
	assert_int_equal(qkdtls_take_traffic_keys(lb.end[QKDTLS_CLIENT], &tx, &rx), -EPERM);
	loopback_free(&lb);
}

static void keys_are_not_given_before_the_end(void **state)
{
	static const struct site_options plain;
	struct qkdtls_traffic_key tx, rx;
	struct loopback lb;
	uint8_t buf[4];

	site_link(*state, &lb, &plain, &plain);
	assert_int_equal(qkdtls_take_traffic_keys(lb.end[QKDTLS_CLIENT], &tx, &rx), -EPERM);
	assert_int_equal(qkdtls_send(lb.end[QKDTLS_CLIENT], "x", 1), -EPERM);
	assert_int_equal(qkdtls_receive(lb.end[QKDTLS_CLIENT], buf, sizeof(buf)), -EPERM);
	assert_int_equal(qkdtls_close(lb.end[QKDTLS_CLIENT]), -EPERM);
	assert_int_equal(qkdtls_control(lb.end[QKDTLS_CLIENT], HS, "", 0), QKDTLS_CONTROL_FAILED);
	assert_int_equal(qkdtls_export(lb.end[QKDTLS_CLIENT], "x", "", 0, buf, sizeof(buf)),
			 -EINVAL);
	assert_int_equal(qkdtls_input(lb.end[QKDTLS_CLIENT], "x", 1), -EMSGSIZE);
	loopback_free(&lb);
}

/* A key is renewed before its records run out (RFC 9846 section 5.5). */
static void write_key_is_renewed_before_its_limit(void **state)
{
	const uint64_t almost = (UINT64_C(1) << 24) - 1100;
	struct loopback lb;

	connect_both(*state, &lb);
	lb.end[QKDTLS_CLIENT]->writer.protection.seq = almost;
	lb.end[QKDTLS_SERVER]->reader.protection.seq = almost;
	for (int i = 0; i < 200; i++)
		assert_true(loopback_echo(&lb, QKDTLS_CLIENT, "x", 1));
	assert_in_range(lb.end[QKDTLS_CLIENT]->writer.protection.seq, 100, 199);
	loopback_free(&lb);
}

static void a_flood_without_data_is_refused(void **state)
{
	static const uint8_t canceled[] = { 1, 90 };
	struct loopback lb;
	uint8_t buf[8];

	connect_both(*state, &lb);
	for (int i = 0; i < 32; i++)
		send_raw(&lb, QKDTLS_SERVER, ALERT_RECORD, canceled, 2);
	assert_int_equal(loopback_deliver(&lb, QKDTLS_SERVER, buf, sizeof(buf)), 0);
	assert_true(loopback_echo(&lb, QKDTLS_CLIENT, "fine", 4));
	send_raw(&lb, QKDTLS_SERVER, 23, "", 0);
	assert_int_equal(loopback_deliver(&lb, QKDTLS_SERVER, buf, sizeof(buf)), -EPROTO);
	assert_int_equal(qkdtls_error(lb.end[QKDTLS_CLIENT])->sent, ALERT(UNEXPECTED_MESSAGE));
	loopback_free(&lb);
}

static void close_ends_one_direction(void **state)
{
	struct loopback lb;
	uint8_t buf[8];

	connect_both(*state, &lb);
	assert_int_equal(qkdtls_close(lb.end[QKDTLS_CLIENT]), 0);
	assert_int_equal(qkdtls_close(lb.end[QKDTLS_CLIENT]), 0); /* once is enough */
	assert_int_equal(qkdtls_send(lb.end[QKDTLS_CLIENT], "x", 1), -EPIPE);
	assert_int_equal(loopback_deliver(&lb, QKDTLS_CLIENT, buf, sizeof(buf)), -ENODATA);
	assert_int_equal(qkdtls_wanted(lb.end[QKDTLS_SERVER]), 0);
	qkdtls_input_eof(lb.end[QKDTLS_SERVER]); /* as it should be */
	assert_int_equal(qkdtls_receive(lb.end[QKDTLS_SERVER], buf, sizeof(buf)), -ENODATA);
	assert_int_equal(qkdtls_to_errno(lb.end[QKDTLS_SERVER]), 0);
	assert_true(loopback_echo(&lb, QKDTLS_SERVER, "rest", 4));
	loopback_free(&lb);
}

static void a_stream_that_is_cut_off_is_an_error(void **state)
{
	struct loopback lb;
	uint8_t buf[8];

	connect_both(*state, &lb);
	qkdtls_input_eof(lb.end[QKDTLS_SERVER]);
	assert_int_equal(qkdtls_receive(lb.end[QKDTLS_SERVER], buf, sizeof(buf)), -ECONNRESET);
	assert_int_equal(qkdtls_send(lb.end[QKDTLS_SERVER], "x", 1), -ECONNRESET);
	loopback_free(&lb);
}

static void a_flipped_bit_in_the_stream_is_noticed(void **state)
{
	struct loopback lb;
	uint8_t buf[8];

	connect_both(*state, &lb);
	assert_int_equal(qkdtls_send(lb.end[QKDTLS_CLIENT], "data", 4), 4);
	lb.end[QKDTLS_CLIENT]->out.data[lb.end[QKDTLS_CLIENT]->out.start + 6] ^= 1;
	assert_int_equal(loopback_deliver(&lb, QKDTLS_CLIENT, buf, sizeof(buf)), -EPROTO);
	assert_int_equal(qkdtls_error(lb.end[QKDTLS_SERVER])->sent, ALERT(BAD_RECORD_MAC));
	loopback_free(&lb);
}

/* What is not written does not pile up. */
static void output_is_bounded(void **state)
{
	static uint8_t data[20000];
	struct loopback lb;
	size_t len, sent = 0;
	ssize_t ret;

	connect_both(*state, &lb);
	while ((ret = qkdtls_send(lb.end[QKDTLS_CLIENT], data, sizeof(data))) > 0)
		sent += (size_t)ret;
	assert_int_equal(ret, 0);
	assert_non_null(qkdtls_output(lb.end[QKDTLS_CLIENT], &len));
	assert_in_range(len, sent, 100000);
	assert_int_equal(qkdtls_send(lb.end[QKDTLS_CLIENT], data, 0), 0);
	loopback_free(&lb);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_alerts_are_refused_under_protection),
		cmocka_unit_test(empty_input_changes_nothing),
		cmocka_unit_test(control_records_are_judged),
		cmocka_unit_test(control_tells_close_and_key_update),
		cmocka_unit_test(control_counts_records_without_data),
		cmocka_unit_test(key_updates_are_followed_and_answered),
		cmocka_unit_test(keys_can_be_taken_from_a_running_stream),
		cmocka_unit_test(keys_are_not_given_while_bytes_are_in_hand),
		cmocka_unit_test(keys_are_not_given_before_the_end),
		cmocka_unit_test(keys_are_not_given_in_between),
		cmocka_unit_test(a_failed_connection_gives_nothing),
		cmocka_unit_test(write_key_is_renewed_before_its_limit),
		cmocka_unit_test(a_flood_without_data_is_refused),
		cmocka_unit_test(close_ends_one_direction),
		cmocka_unit_test(a_stream_that_is_cut_off_is_an_error),
		cmocka_unit_test(a_flipped_bit_in_the_stream_is_noticed),
		cmocka_unit_test(output_is_bounded),
	};

	ROWS(judges_message_after_the_handshake, post_messages);
	ROWS(judges_record_between_parts, between_parts);
	return rows_run(tests, sizeof(tests) / sizeof(tests[0]));
}
