// SPDX-License-Identifier: GPL-2.0-or-later
/* KeyUpdate: when this end changes its key, and what it makes of the peer's */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "site.h"
#include "tls/internal.h"

#define FULL_RECORD 16384

/* A client with these limits and a server with none of its own */
static void connect_limited(struct pki *pki, struct loopback *lb,
			    const struct qkdtls_key_limits *limits)
{
	static const struct site_options plain;
	struct qkdtls_config *client = site_config(pki, QKDTLS_CLIENT, &plain);
	struct qkdtls_config *server = site_config(pki, QKDTLS_SERVER, &plain);

	if (limits)
		assert_int_equal(qkdtls_config_set_key_limits(client, limits), 0);
	loopback_init(lb, client, server);
	qkdtls_config_unref(client);
	qkdtls_config_unref(server);
	assert_true(loopback_run(lb));
	assert_int_equal(lb->want[QKDTLS_CLIENT], QKDTLS_DONE);
	assert_int_equal(lb->want[QKDTLS_SERVER], QKDTLS_DONE);
}

/* The key that @conn sends under */
static void own_key(const struct qkdtls_conn *conn, struct qkdtls_traffic_key *key)
{
	assert_int_equal(qkdtls_schedule_traffic_key(conn->schedule, QKDTLS_EPOCH_APPLICATION,
						     conn->role, conn->suite, key),
			 0);
}

/* Sends @len bytes; did the key change before them? */
static bool key_changes(struct loopback *lb, size_t len)
{
	static uint8_t data[FULL_RECORD], got[FULL_RECORD];
	struct qkdtls_traffic_key before, after;

	own_key(lb->end[QKDTLS_CLIENT], &before);
	assert_int_equal(qkdtls_send(lb->end[QKDTLS_CLIENT], data, len), len);
	own_key(lb->end[QKDTLS_CLIENT], &after);
	assert_int_equal(loopback_deliver(lb, QKDTLS_CLIENT, got, sizeof(got)), len);
	return memcmp(before.key, after.key, sizeof(before.key));
}

static void keys_change_by_number_of_records(void **state)
{
	static const struct qkdtls_key_limits limits = { .records = 3 };
	struct loopback lb;

	connect_limited(*state, &lb, &limits);
	for (int i = 0; i < 4; i++) {
		assert_int_equal(key_changes(&lb, 1), i > 0);
		assert_false(key_changes(&lb, 1));
		assert_false(key_changes(&lb, 1));
	}
	assert_true(loopback_echo(&lb, QKDTLS_SERVER, "back", 4));
	loopback_free(&lb);
}

static void keys_change_by_volume(void **state)
{
	static const struct qkdtls_key_limits limits = { .records = 1000,
							 .bytes = 2 * FULL_RECORD };
	struct loopback lb;

	connect_limited(*state, &lb, &limits);
	assert_false(key_changes(&lb, FULL_RECORD));
	assert_false(key_changes(&lb, FULL_RECORD));
	assert_true(key_changes(&lb, 1));
	assert_false(key_changes(&lb, FULL_RECORD));
	assert_false(key_changes(&lb, FULL_RECORD - 1));
	assert_true(key_changes(&lb, 1));
	loopback_free(&lb);
}

static void keys_change_by_age(void **state)
{
	static const struct qkdtls_key_limits limits = { .records = 1000, .seconds = 3600 };
	struct loopback lb;

	connect_limited(*state, &lb, &limits);
	assert_false(key_changes(&lb, 1));
	lb.end[QKDTLS_CLIENT]->key_age.since -= 3600;
	assert_true(key_changes(&lb, 1));
	assert_false(key_changes(&lb, 1));
	loopback_free(&lb);
}

static void keys_stay_without_a_limit_in_reach(void **state)
{
	struct loopback lb;

	connect_limited(*state, &lb, NULL);
	for (int i = 0; i < 100; i++)
		assert_false(key_changes(&lb, FULL_RECORD));
	/* The default comes into effect before AES-GCM's limit. */
	lb.end[QKDTLS_CLIENT]->writer.protection.seq = (1 << 24) - 1025;
	lb.end[QKDTLS_SERVER]->reader.protection.seq = (1 << 24) - 1025;
	assert_false(key_changes(&lb, 1));
	assert_true(key_changes(&lb, 1));
	loopback_free(&lb);
}

static void limits_are_checked(void **state)
{
	static const struct {
		struct qkdtls_key_limits limits;
		int ret;
	} rows[] = {
		{ { .records = 0 }, -EINVAL },
		{ { .records = 1 }, 0 },
		{ { .records = (1 << 24) - 1024 }, 0 },
		{ { .records = (1 << 24) - 1023 }, -EINVAL },
		{ { .records = 1, .bytes = FULL_RECORD - 1 }, -EINVAL },
		{ { .records = 1, .bytes = FULL_RECORD, .seconds = 1 }, 0 },
	};
	struct qkdtls_config *config = qkdtls_config_new();

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(qkdtls_config_set_key_limits(config, &rows[i].limits),
				 rows[i].ret);
		assert_int_equal(qkdtls_config_message(config)[0] != 0, rows[i].ret != 0);
	}
	qkdtls_config_unref(config);
}

/* ---- By the caller, and the peer's part ---- */

static void update_can_ask_the_peer_once_at_a_time(void **state)
{
	struct qkdtls_traffic_key before, after;
	struct qkdtls_conn *client, *server;
	struct loopback lb;
	uint8_t buf[8];

	connect_limited(*state, &lb, NULL);
	client = lb.end[QKDTLS_CLIENT];
	server = lb.end[QKDTLS_SERVER];
	own_key(server, &before);
	assert_int_equal(qkdtls_key_update(client, true), 0);
	assert_true(client->update_asked);
	assert_int_equal(qkdtls_key_update(client, true), 0); /* does not ask again */
	assert_int_equal(loopback_deliver(&lb, QKDTLS_CLIENT, buf, sizeof(buf)), 0);
	own_key(server, &after);
	assert_memory_not_equal(before.key, after.key, sizeof(before.key));
	assert_int_equal(server->writer.protection.seq, 0);
	assert_int_equal(loopback_deliver(&lb, QKDTLS_SERVER, buf, sizeof(buf)), 0);
	assert_false(client->update_asked);
	own_key(server, &before);
	assert_int_equal(qkdtls_key_update(client, true), 0);
	assert_int_equal(loopback_deliver(&lb, QKDTLS_CLIENT, buf, sizeof(buf)), 0);
	own_key(server, &after);
	assert_memory_not_equal(before.key, after.key, sizeof(before.key));
	assert_int_equal(loopback_deliver(&lb, QKDTLS_SERVER, buf, sizeof(buf)), 0);
	assert_true(loopback_echo(&lb, QKDTLS_CLIENT, "forth", 5));
	assert_true(loopback_echo(&lb, QKDTLS_SERVER, "back", 4));
	loopback_free(&lb);
}

/* A peer that asks again and again without reading makes this end write one answer. */
static void requests_before_the_answer_has_left_get_one_answer(void **state)
{
	struct qkdtls_conn *client, *server;
	size_t one, many;
	struct loopback lb;
	uint8_t buf[8];

	connect_limited(*state, &lb, NULL);
	client = lb.end[QKDTLS_CLIENT];
	server = lb.end[QKDTLS_SERVER];
	for (int i = 0; i < 20; i++) {
		client->update_asked = false; /* as no peer of good manners would */
		assert_int_equal(qkdtls_key_update(client, true), 0);
		assert_int_equal(loopback_deliver(&lb, QKDTLS_CLIENT, buf, sizeof(buf)), 0);
		(void)qkdtls_output(server, i ? &many : &one);
	}
	assert_int_equal(one, many);
	assert_int_equal(loopback_deliver(&lb, QKDTLS_SERVER, buf, sizeof(buf)), 0);
	assert_true(loopback_echo(&lb, QKDTLS_SERVER, "back", 4));
	loopback_free(&lb);
}

/* Where only one end has something to say, the other's answers are all that it sends. */
static void answers_are_not_idle(void **state)
{
	struct loopback lb;
	uint8_t buf[8];

	connect_limited(*state, &lb, NULL);
	for (int i = 0; i < 100; i++) {
		assert_int_equal(qkdtls_key_update(lb.end[QKDTLS_CLIENT], true), 0);
		assert_int_equal(qkdtls_send(lb.end[QKDTLS_CLIENT], "data", 4), 4);
		assert_int_equal(loopback_deliver(&lb, QKDTLS_CLIENT, buf, sizeof(buf)), 4);
		assert_int_equal(loopback_deliver(&lb, QKDTLS_SERVER, buf, sizeof(buf)), 0);
		assert_false(lb.end[QKDTLS_CLIENT]->update_asked);
	}
	loopback_free(&lb);
}

/* An answer has left when its bytes have, not when there is nothing else to write. */
static void each_request_is_answered_by_a_busy_sender(void **state)
{
	struct qkdtls_conn *client, *server;
	struct qkdtls_traffic_key before, after;
	static uint8_t data[1000];
	struct loopback lb;
	uint8_t buf[8];
	size_t len;

	connect_limited(*state, &lb, NULL);
	client = lb.end[QKDTLS_CLIENT];
	server = lb.end[QKDTLS_SERVER];
	assert_int_equal(qkdtls_send(server, data, sizeof(data)), sizeof(data));
	for (int i = 0; i < 3; i++) {
		own_key(server, &before);
		client->update_asked = false;
		assert_int_equal(qkdtls_key_update(client, true), 0);
		assert_int_equal(loopback_deliver(&lb, QKDTLS_CLIENT, buf, sizeof(buf)), 0);
		own_key(server, &after);
		assert_memory_not_equal(before.key, after.key, sizeof(before.key));
		(void)qkdtls_output(server, &len);
		assert_int_equal(qkdtls_send(server, data, sizeof(data)), sizeof(data));
		qkdtls_output_sent(server, len);
	}
	loopback_free(&lb);
}

static void updates_without_data_are_bounded(void **state)
{
	struct loopback lb;
	uint8_t buf[8];
	ssize_t ret = 0;
	int i;

	connect_limited(*state, &lb, NULL);
	for (i = 0; i < 1000 && !ret; i++) {
		assert_int_equal(qkdtls_key_update(lb.end[QKDTLS_CLIENT], false), 0);
		ret = loopback_deliver(&lb, QKDTLS_CLIENT, buf, sizeof(buf));
	}
	assert_int_equal(ret, -EPROTO);
	assert_int_equal(i, 33);
	assert_int_equal(qkdtls_error(lb.end[QKDTLS_SERVER])->sent,
			 QKDTLS_ALERT_UNEXPECTED_MESSAGE);
	loopback_free(&lb);
}

static void nothing_is_updated_behind_close_notify(void **state)
{
	struct qkdtls_conn *client, *server;
	struct loopback lb;
	uint8_t buf[8];
	size_t len;

	connect_limited(*state, &lb, NULL);
	client = lb.end[QKDTLS_CLIENT];
	server = lb.end[QKDTLS_SERVER];
	assert_int_equal(qkdtls_close(client), 0);
	assert_int_equal(qkdtls_key_update(client, true), -EPIPE);
	assert_int_equal(loopback_deliver(&lb, QKDTLS_CLIENT, buf, sizeof(buf)), -ENODATA);
	/* The server may go on, under new keys too; whoever has closed cannot be asked for one. */
	assert_int_equal(qkdtls_key_update(server, true), 0);
	assert_false(server->update_asked);
	assert_int_equal(qkdtls_send(server, "last", 4), 4);
	assert_int_equal(loopback_deliver(&lb, QKDTLS_SERVER, buf, sizeof(buf)), 4);
	assert_null(qkdtls_output(client, &len));
	/* Asked all the same, it has nothing to say any more. */
	server->peer_closed = false;
	assert_int_equal(qkdtls_key_update(server, true), 0);
	assert_true(server->update_asked);
	assert_int_equal(loopback_deliver(&lb, QKDTLS_SERVER, buf, sizeof(buf)), 0);
	assert_null(qkdtls_output(client, &len));
	assert_int_equal(qkdtls_to_errno(client), 0);
	loopback_free(&lb);
}

static void updates_need_a_stream(void **state)
{
	static const struct site_options plain;
	struct qkdtls_traffic_key tx, rx;
	struct loopback lb;

	site_link(*state, &lb, &plain, &plain);
	assert_int_equal(qkdtls_key_update(lb.end[QKDTLS_CLIENT], false), -EPERM);
	assert_true(loopback_run(&lb));
	assert_int_equal(qkdtls_take_traffic_keys(lb.end[QKDTLS_CLIENT], &tx, &rx), 0);
	assert_int_equal(qkdtls_key_update(lb.end[QKDTLS_CLIENT], false), -EPERM);
	loopback_free(&lb);
}

static void updates_wait_for_the_output_to_be_written(void **state)
{
	struct loopback lb;
	int ret = 0, count;

	connect_limited(*state, &lb, NULL);
	for (count = 0; !ret && count < 100000; count++)
		ret = qkdtls_key_update(lb.end[QKDTLS_CLIENT], false);
	assert_int_equal(ret, -EAGAIN);
	assert_int_equal(qkdtls_to_errno(lb.end[QKDTLS_CLIENT]), 0);
	loopback_free(&lb);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keys_change_by_number_of_records),
		cmocka_unit_test(keys_change_by_volume),
		cmocka_unit_test(keys_change_by_age),
		cmocka_unit_test(keys_stay_without_a_limit_in_reach),
		cmocka_unit_test(limits_are_checked),
		cmocka_unit_test(update_can_ask_the_peer_once_at_a_time),
		cmocka_unit_test(requests_before_the_answer_has_left_get_one_answer),
		cmocka_unit_test(answers_are_not_idle),
		cmocka_unit_test(each_request_is_answered_by_a_busy_sender),
		cmocka_unit_test(updates_without_data_are_bounded),
		cmocka_unit_test(nothing_is_updated_behind_close_notify),
		cmocka_unit_test(updates_need_a_stream),
		cmocka_unit_test(updates_wait_for_the_output_to_be_written),
	};

	return cmocka_run_group_tests(tests, site_setup, site_teardown);
}
