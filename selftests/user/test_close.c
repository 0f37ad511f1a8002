// SPDX-License-Identifier: GPL-2.0-or-later
/* How a stream ends: one direction at a time, in order, or cut off (RFC 9846 section 6.1) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

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
}

static void assert_no_output(const struct qkdtls_conn *conn)
{
	size_t len;

	assert_null(qkdtls_output(conn, &len));
	assert_int_equal(len, 0);
}

static void each_direction_ends_by_itself(void **state)
{
	struct loopback lb;
	uint8_t buf[8];

	for (int first = QKDTLS_CLIENT; first <= QKDTLS_SERVER; first++) {
		connect_both(*state, &lb);
		assert_int_equal(qkdtls_close(lb.end[first]), 0);
		assert_int_equal(loopback_deliver(&lb, first, buf, sizeof(buf)), -ENODATA);
		/* The other direction goes on for as long as its end likes, with new keys too. */
		assert_true(loopback_echo(&lb, !first, "rest", 4));
		assert_int_equal(qkdtls_key_update(lb.end[!first], true), 0);
		assert_true(loopback_echo(&lb, !first, "more", 4));
		assert_no_output(lb.end[first]);
		assert_int_equal(qkdtls_close(lb.end[!first]), 0);
		assert_int_equal(loopback_deliver(&lb, !first, buf, sizeof(buf)), -ENODATA);
		for (int role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++) {
			assert_int_equal(qkdtls_close(lb.end[role]), 0); /* once is enough */
			assert_int_equal(qkdtls_send(lb.end[role], "x", 1), -EPIPE);
			assert_int_equal(qkdtls_to_errno(lb.end[role]), 0);
			assert_no_output(lb.end[role]);
		}
		loopback_free(&lb);
	}
}

static void nothing_is_delivered_behind_close_notify(void **state)
{
	struct loopback lb;
	uint8_t buf[8];
	size_t len;

	for (int from = QKDTLS_CLIENT; from <= QKDTLS_SERVER; from++) {
		struct qkdtls_conn *to;

		connect_both(*state, &lb);
		to = lb.end[!from];
		assert_int_equal(qkdtls_close(lb.end[from]), 0);
		assert_int_equal(loopback_deliver(&lb, from, buf, sizeof(buf)), -ENODATA);
		/* A peer that goes on all the same */
		lb.end[from]->closed = false;
		assert_int_equal(qkdtls_send(lb.end[from], "late", 4), 4);
		assert_non_null(qkdtls_output(lb.end[from], &len));
		assert_int_equal(qkdtls_wanted(to), 0);
		assert_int_equal(qkdtls_input(to, qkdtls_output(lb.end[from], &len), len),
				 -EMSGSIZE);
		assert_int_equal(qkdtls_receive(to, buf, sizeof(buf)), -ENODATA);
		loopback_free(&lb);
	}
}

/* Data that came before it is not lost to it. */
static void all_before_close_notify_is_delivered(void **state)
{
	struct loopback lb;
	uint8_t buf[8];

	connect_both(*state, &lb);
	assert_int_equal(qkdtls_send(lb.end[QKDTLS_CLIENT], "last", 4), 4);
	assert_int_equal(loopback_deliver(&lb, QKDTLS_CLIENT, buf, 2), 2);
	assert_int_equal(qkdtls_close(lb.end[QKDTLS_CLIENT]), 0);
	assert_int_equal(qkdtls_receive(lb.end[QKDTLS_SERVER], buf + 2, 2), 2);
	assert_memory_equal(buf, "last", 4);
	assert_int_equal(loopback_deliver(&lb, QKDTLS_CLIENT, buf, sizeof(buf)), -ENODATA);
	loopback_free(&lb);
}

/* ---- Cut off ---- */

static void assert_cut_off(struct qkdtls_conn *conn)
{
	uint8_t buf[8];

	assert_int_equal(qkdtls_receive(conn, buf, sizeof(buf)), -ECONNRESET);
	assert_int_equal(qkdtls_to_errno(conn), -ECONNRESET);
	assert_int_equal(qkdtls_error(conn)->received, ALERT(NONE));
	assert_int_equal(qkdtls_error(conn)->sent, ALERT(NONE));
	assert_int_equal(qkdtls_send(conn, "x", 1), -ECONNRESET);
	assert_int_equal(qkdtls_close(conn), -ECONNRESET);
	assert_no_output(conn);
}

static void an_end_without_close_notify_is_an_error(void **state)
{
	struct loopback lb;

	for (int role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++) {
		connect_both(*state, &lb);
		qkdtls_input_eof(lb.end[role]);
		assert_cut_off(lb.end[role]);
		loopback_free(&lb);
	}
}

/* Half of a close_notify is none. */
static void an_end_inside_a_record_is_an_error(void **state)
{
	struct loopback lb;
	const uint8_t *data;
	uint8_t buf[8];
	size_t len;

	connect_both(*state, &lb);
	assert_int_equal(qkdtls_close(lb.end[QKDTLS_CLIENT]), 0);
	data = qkdtls_output(lb.end[QKDTLS_CLIENT], &len);
	assert_int_equal(qkdtls_input(lb.end[QKDTLS_SERVER], data, QKDTLS_RECORD_HEADER), 0);
	assert_int_equal(qkdtls_receive(lb.end[QKDTLS_SERVER], buf, sizeof(buf)), 0);
	assert_int_equal(qkdtls_wanted(lb.end[QKDTLS_SERVER]), len - QKDTLS_RECORD_HEADER);
	assert_int_equal(qkdtls_input(lb.end[QKDTLS_SERVER], data + QKDTLS_RECORD_HEADER,
				      len - QKDTLS_RECORD_HEADER - 1),
			 0);
	qkdtls_input_eof(lb.end[QKDTLS_SERVER]);
	assert_cut_off(lb.end[QKDTLS_SERVER]);
	loopback_free(&lb);
}

/* Our own close_notify does not make the peer's end an orderly one. */
static void closing_first_does_not_hide_a_cut(void **state)
{
	struct loopback lb;
	uint8_t buf[8];

	connect_both(*state, &lb);
	assert_int_equal(qkdtls_close(lb.end[QKDTLS_CLIENT]), 0);
	assert_int_equal(loopback_deliver(&lb, QKDTLS_CLIENT, buf, sizeof(buf)), -ENODATA);
	qkdtls_input_eof(lb.end[QKDTLS_CLIENT]);
	assert_cut_off(lb.end[QKDTLS_CLIENT]);
	loopback_free(&lb);
}

static void the_transport_may_end_behind_close_notify(void **state)
{
	struct loopback lb;
	uint8_t buf[8];

	connect_both(*state, &lb);
	assert_int_equal(qkdtls_close(lb.end[QKDTLS_CLIENT]), 0);
	assert_int_equal(loopback_deliver(&lb, QKDTLS_CLIENT, buf, sizeof(buf)), -ENODATA);
	qkdtls_input_eof(lb.end[QKDTLS_SERVER]);
	assert_int_equal(qkdtls_receive(lb.end[QKDTLS_SERVER], buf, sizeof(buf)), -ENODATA);
	assert_int_equal(qkdtls_send(lb.end[QKDTLS_SERVER], "x", 1), 1);
	assert_int_equal(qkdtls_to_errno(lb.end[QKDTLS_SERVER]), 0);
	loopback_free(&lb);
}

/* ---- Alerts ---- */

static void no_alert_follows_our_close_notify(void **state)
{
	static const uint8_t forged[5 + 32] = { 23, 3, 3, 0, 32 };
	struct loopback lb;
	uint8_t buf[8];

	connect_both(*state, &lb);
	assert_int_equal(qkdtls_close(lb.end[QKDTLS_CLIENT]), 0);
	assert_int_equal(loopback_deliver(&lb, QKDTLS_CLIENT, buf, sizeof(buf)), -ENODATA);
	assert_int_equal(qkdtls_input(lb.end[QKDTLS_CLIENT], forged, 5), 0);
	assert_int_equal(qkdtls_receive(lb.end[QKDTLS_CLIENT], buf, sizeof(buf)), 0);
	assert_int_equal(qkdtls_input(lb.end[QKDTLS_CLIENT], forged + 5, 32), 0);
	assert_int_equal(qkdtls_receive(lb.end[QKDTLS_CLIENT], buf, sizeof(buf)), -EPROTO);
	assert_int_equal(qkdtls_error(lb.end[QKDTLS_CLIENT])->sent, ALERT(BAD_RECORD_MAC));
	assert_no_output(lb.end[QKDTLS_CLIENT]);
	loopback_free(&lb);
}

static void user_canceled_is_followed_by_close_notify(void **state)
{
	struct loopback lb;
	uint8_t buf[8];

	connect_both(*state, &lb);
	assert_int_equal(qkdtls_alert_queue(lb.end[QKDTLS_SERVER], ALERT(USER_CANCELED)), 0);
	assert_int_equal(loopback_deliver(&lb, QKDTLS_SERVER, buf, sizeof(buf)), 0);
	assert_true(loopback_echo(&lb, QKDTLS_CLIENT, "still", 5));
	assert_int_equal(qkdtls_close(lb.end[QKDTLS_SERVER]), 0);
	assert_int_equal(loopback_deliver(&lb, QKDTLS_SERVER, buf, sizeof(buf)), -ENODATA);
	loopback_free(&lb);
}

/* Who cancels a handshake says so twice (RFC 9846 section 6.1): the first is passed over, the second ends it. */
static void canceling_is_followed_by_close_notify(void **state)
{
	static const uint8_t plain_alerts[] = { 21, 3, 3, 0, 2, 1, 90, 21, 3, 3, 0, 2, 1, 0 };
	static const struct site_options plain;
	struct loopback lb;
	const uint8_t *data;
	size_t len;

	site_link(*state, &lb, &plain, &plain);
	assert_int_equal(qkdtls_handshake(lb.end[QKDTLS_CLIENT]), QKDTLS_WANT_WRITE);
	(void)qkdtls_output(lb.end[QKDTLS_CLIENT], &len);
	qkdtls_output_sent(lb.end[QKDTLS_CLIENT], len);
	for (int role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++) {
		qkdtls_abort(lb.end[role], ALERT(USER_CANCELED), "tired");
		data = qkdtls_output(lb.end[role], &len);
		assert_int_equal(len, sizeof(plain_alerts));
		assert_memory_equal(data, plain_alerts, len);
		assert_int_equal(qkdtls_error(lb.end[role])->sent, ALERT(USER_CANCELED));
		assert_int_equal(qkdtls_to_errno(lb.end[role]), -ECANCELED);
	}
	loopback_free(&lb);
}

static void close_notify_ends_a_handshake(void **state)
{
	static const uint8_t close_notify[] = { 21, 3, 3, 0, 2, 1, 0 };
	static const struct site_options plain;
	struct loopback lb;
	size_t len;

	site_link(*state, &lb, &plain, &plain);
	assert_int_equal(qkdtls_handshake(lb.end[QKDTLS_CLIENT]), QKDTLS_WANT_WRITE);
	(void)qkdtls_output(lb.end[QKDTLS_CLIENT], &len);
	qkdtls_output_sent(lb.end[QKDTLS_CLIENT], len);
	for (int role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++) {
		struct qkdtls_conn *conn = lb.end[role];

		assert_int_equal(qkdtls_handshake(conn), QKDTLS_WANT_READ);
		assert_int_equal(qkdtls_input(conn, close_notify, 5), 0);
		assert_int_equal(qkdtls_handshake(conn), QKDTLS_WANT_READ);
		assert_int_equal(qkdtls_input(conn, close_notify + 5, 2), 0);
		assert_int_equal(qkdtls_handshake(conn), QKDTLS_FAILED);
		assert_int_equal(qkdtls_error(conn)->received, ALERT(CLOSE_NOTIFY));
		assert_int_equal(qkdtls_to_errno(conn), -ECONNRESET);
	}
	loopback_free(&lb);
}

static void there_is_nothing_to_close_before_the_end_of_the_handshake(void **state)
{
	static const struct site_options plain;
	struct loopback lb;

	site_link(*state, &lb, &plain, &plain);
	assert_int_equal(qkdtls_close(lb.end[QKDTLS_CLIENT]), -EPERM);
	assert_no_output(lb.end[QKDTLS_CLIENT]);
	loopback_free(&lb);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_direction_ends_by_itself),
		cmocka_unit_test(nothing_is_delivered_behind_close_notify),
		cmocka_unit_test(all_before_close_notify_is_delivered),
		cmocka_unit_test(an_end_without_close_notify_is_an_error),
		cmocka_unit_test(an_end_inside_a_record_is_an_error),
		cmocka_unit_test(closing_first_does_not_hide_a_cut),
		cmocka_unit_test(the_transport_may_end_behind_close_notify),
		cmocka_unit_test(no_alert_follows_our_close_notify),
		cmocka_unit_test(user_canceled_is_followed_by_close_notify),
		cmocka_unit_test(canceling_is_followed_by_close_notify),
		cmocka_unit_test(close_notify_ends_a_handshake),
		cmocka_unit_test(there_is_nothing_to_close_before_the_end_of_the_handshake),
	};

	return cmocka_run_group_tests(tests, site_setup, site_teardown);
}
