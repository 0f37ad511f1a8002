// SPDX-License-Identifier: GPL-2.0-or-later
/* record_size_limit (RFC 8449): each end keeps to what the other takes. Rows are in Documentation/conformance.md. */
#include "rows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "stage.h"
#include "tls/internal.h"

#define ALERT(name) QKDTLS_ALERT_##name
#define LIMIT	    QKDTLS_EXT_RECORD_SIZE_LIMIT

static void limits_are_checked(void **state)
{
	static const struct {
		unsigned int limit;
		int ret;
	} rows[] = {
		{ 0, -EINVAL }, { 63, -EINVAL },    { 64, 0 },
		{ 16385, 0 },	{ 16386, -EINVAL }, { 65536 + 64, -EINVAL },
	};
	struct qkdtls_config *config = qkdtls_config_new();

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
		assert_int_equal(qkdtls_config_set_record_size_limit(config, rows[i].limit),
				 rows[i].ret);
	qkdtls_config_unref(config);
}

/* ---- What goes over the wire ---- */

/* The largest protected record that @wire carries, without header and tag */
static size_t largest_record(const struct wire *wire)
{
	size_t largest = 0, at = 0, len;

	while (at + QKDTLS_RECORD_HEADER <= wire->len) {
		len = (size_t)wire->data[at + 3] << 8 | wire->data[at + 4];
		if (wire->data[at] == QKDTLS_CONTENT_DATA && len - QKDTLS_AEAD_TAG_LEN > largest)
			largest = len - QKDTLS_AEAD_TAG_LEN;
		at += QKDTLS_RECORD_HEADER + len;
	}
	assert_int_equal(at, wire->len);
	return largest;
}

static const struct limits {
	const char *what;
	enum qkdtls_alert alert;
	unsigned int limit[2]; /* of each role; 0: default */
	size_t largest[2]; /* record that each role sends */
} negotiations[] = {
	{ "none asked", ALERT(NONE), { 0, 0 }, { 16385, 16385 } },
	{ "the client asks", ALERT(NONE), { 64, 0 }, { 16385, 64 } },
	{ "only the server would ask", ALERT(NONE), { 0, 64 }, { 16385, 16385 } },
	{ "both ask", ALERT(NONE), { 512, 64 }, { 64, 512 } },
	{ "one less than the default", ALERT(NONE), { 16384, 16385 }, { 16385, 16384 } },
};

static void keeps_limits(void **state)
{
	static uint8_t data[40000];
	const struct limits *limits = *state;
	const struct site_options client = { .record_limit = limits->limit[QKDTLS_CLIENT],
					     .verify_client = true };
	const struct site_options server = { .record_limit = limits->limit[QKDTLS_SERVER],
					     .verify_client = true };
	struct loopback lb;

	site_link(rows_pki(), &lb, &client, &server);
	assert_true(loopback_run(&lb));
	assert_int_equal(lb.want[QKDTLS_CLIENT], QKDTLS_DONE);
	assert_int_equal(lb.want[QKDTLS_SERVER], QKDTLS_DONE);
	/* The certificates of both ends have been cut up already. */
	assert_in_range(largest_record(&lb.wire[QKDTLS_SERVER]), 64,
			limits->largest[QKDTLS_SERVER]);
	assert_in_range(largest_record(&lb.wire[QKDTLS_CLIENT]), 64,
			limits->largest[QKDTLS_CLIENT]);
	for (int role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++) {
		assert_true(loopback_echo(&lb, role, data, sizeof(data)));
		assert_int_equal(largest_record(&lb.wire[role]), limits->largest[role]);
	}
	loopback_free(&lb);
}

/* Also where a HelloRetryRequest comes between */
static void limits_hold_behind_a_retry(void **state)
{
	static const struct site_options client = { .record_limit = 100,
						    .groups = "x25519:secp256r1" };
	static const struct site_options server = { .record_limit = 200, .groups = "secp256r1" };
	struct loopback lb;

	site_link(*state, &lb, &client, &server);
	assert_true(loopback_run(&lb));
	assert_true(qkdtls_info(lb.end[QKDTLS_CLIENT])->retried);
	assert_int_equal(largest_record(&lb.wire[QKDTLS_SERVER]), 100);
	loopback_free(&lb);
}

/* ---- Reading ---- */

/* A record of @inner bytes of content and type, whatever the reader takes */
static void send_inner(struct qkdtls_conn *conn, size_t inner)
{
	static uint8_t data[QKDTLS_RECORD_PLAIN_MAX];

	qkdtls_record_writer_limit(&conn->writer, QKDTLS_RECORD_INNER_MAX);
	assert_int_equal(qkdtls_record_write(&conn->writer, QKDTLS_CONTENT_DATA, data, inner - 1,
					     &conn->out),
			 0);
}

/* The same size, most of it padding */
static void send_padded(struct qkdtls_conn *conn, size_t inner)
{
	qkdtls_record_writer_limit(&conn->writer, QKDTLS_RECORD_INNER_MAX);
	assert_int_equal(qkdtls_record_write_padded(&conn->writer, QKDTLS_CONTENT_DATA, "x", 1,
						    inner - 2, &conn->out),
			 0);
}

static void records_are_refused_above_the_limit(void **state)
{
	void (*const ways[])(struct qkdtls_conn *, size_t) = { send_inner, send_padded };
	static const struct site_options options = { .record_limit = 1000 };
	struct loopback lb;
	uint8_t buf[1000];

	for (size_t way = 0; way < ARRAY_SIZE(ways); way++) {
		for (int to = QKDTLS_CLIENT; to <= QKDTLS_SERVER; to++) {
			site_link(*state, &lb, &options, &options);
			assert_true(loopback_run(&lb));
			ways[way](lb.end[!to], 1000);
			assert_int_equal(loopback_deliver(&lb, !to, buf, sizeof(buf)),
					 way ? 1 : 999);
			ways[way](lb.end[!to], 1001);
			assert_int_equal(loopback_deliver(&lb, !to, buf, sizeof(buf)), -EPROTO);
			assert_int_equal(qkdtls_error(lb.end[to])->sent, ALERT(RECORD_OVERFLOW));
			loopback_free(&lb);
		}
	}
}

/* A peer that does not know the extension cannot keep what it was not told. */
static void a_peer_without_it_is_not_held_to_it(void **state)
{
	static const struct site_options limited = { .record_limit = 64 }, plain;
	static uint8_t data[16384];
	struct loopback lb;

	site_link(*state, &lb, &plain, &limited);
	assert_true(loopback_run(&lb));
	assert_true(loopback_echo(&lb, QKDTLS_CLIENT, data, sizeof(data)));
	loopback_free(&lb);
}

/* What the kernel must be told: see test_ktls.c */
static void the_writer_knows_what_the_peer_takes(void **state)
{
	static const struct site_options limited = { .record_limit = 64 }, plain;
	struct loopback lb;

	site_link(*state, &lb, &limited, &plain);
	assert_true(loopback_run(&lb));
	assert_int_equal(
		qkdtls_record_writer_max(&lb.end[QKDTLS_SERVER]->writer, QKDTLS_CONTENT_DATA), 63);
	assert_int_equal(
		qkdtls_record_writer_max(&lb.end[QKDTLS_CLIENT]->writer, QKDTLS_CONTENT_DATA),
		16384);
	loopback_free(&lb);
}

/* ---- The extension, at a server ---- */

static const struct bad_offer {
	const char *what;
	enum qkdtls_alert alert;
	struct forge change;
	size_t max; /* content that the server then sends in a record */
} bad_offers[] = {
	{ "63", ALERT(ILLEGAL_PARAMETER), SET(LIMIT, 0, 63), 0 },
	{ "0", ALERT(ILLEGAL_PARAMETER), SET(LIMIT, 0, 0), 0 },
	{ "64", ALERT(NONE), SET(LIMIT, 0, 64), 63 },
	{ "16385", ALERT(NONE), SET(LIMIT, 0x40, 1), 16384 },
	{ "16386", ALERT(NONE), SET(LIMIT, 0x40, 2), 16384 },
	{ "65535", ALERT(NONE), SET(LIMIT, 255, 255), 16384 },
	{ "empty", ALERT(DECODE_ERROR), SET(LIMIT, ), 0 },
	{ "one byte", ALERT(DECODE_ERROR), SET(LIMIT, 64), 0 },
	{ "three bytes", ALERT(DECODE_ERROR), SET(LIMIT, 0, 64, 0), 0 },
	{ "twice", ALERT(ILLEGAL_PARAMETER), TWICE(LIMIT), 0 },
};

static const struct site_options asks = { .record_limit = 1000 };

static void judges_offer(void **state)
{
	static struct forged_message hello;
	const struct bad_offer *bad = *state;
	struct qkdtls_conn *client, *server;
	struct loopback lb;
	const uint8_t *data;
	size_t len;

	site_link(rows_pki(), &lb, &asks, &asks);
	client = lb.end[QKDTLS_CLIENT];
	server = lb.end[QKDTLS_SERVER];
	assert_int_equal(qkdtls_handshake(client), QKDTLS_WANT_WRITE);
	data = qkdtls_output(client, &len);
	forge_read_plain(data, len, &hello);
	forge_hello(&hello, &bad->change, 1);
	forge_bind(&hello, client, server);
	assert_int_equal(forge_feed_plain(server, &hello),
			 bad->alert == QKDTLS_ALERT_NONE ? QKDTLS_WANT_READ : QKDTLS_FAILED);
	assert_int_equal(qkdtls_error(server)->sent, bad->alert);
	if (bad->alert == QKDTLS_ALERT_NONE)
		assert_int_equal(qkdtls_record_writer_max(&server->writer, QKDTLS_CONTENT_DATA),
				 bad->max);
	loopback_free(&lb);
}

/* ---- The extension, at a client ---- */

#define EXTENSIONS(...) .change = { .op = REPLACE, .type = EE, FORGE_BYTES(__VA_ARGS__) }

static const struct bad_answer {
	const char *what;
	enum qkdtls_alert alert;
	struct change change;
	bool unasked;
	bool one_record;
} bad_answers[] = {
	{ "63", ALERT(ILLEGAL_PARAMETER), EXTENSIONS(0, 6, 0, 28, 0, 2, 0, 63) },
	{ "empty", ALERT(DECODE_ERROR), EXTENSIONS(0, 4, 0, 28, 0, 0) },
	{ "one byte", ALERT(DECODE_ERROR), EXTENSIONS(0, 5, 0, 28, 0, 1, 64) },
	{ "three bytes", ALERT(DECODE_ERROR), EXTENSIONS(0, 7, 0, 28, 0, 3, 0, 64, 0) },
	{ "twice", ALERT(ILLEGAL_PARAMETER),
	  EXTENSIONS(0, 12, 0, 28, 0, 2, 0, 64, 0, 28, 0, 2, 0, 64) },
	{ "unasked", ALERT(UNSUPPORTED_EXTENSION), EXTENSIONS(0, 6, 0, 28, 0, 2, 0, 64),
	  .unasked = true },
	{ "in Certificate", ALERT(ILLEGAL_PARAMETER),
	  .change = { .op = EXTEND, .type = CT, FORGE_BYTES(0, 28, 0, 2, 0, 64) } },
	/* The limit holds from the record on that says that it does. */
	{ "in too large a record", ALERT(RECORD_OVERFLOW), .one_record = true },
};

static void judges_answer(void **state)
{
	static const struct site_options silent, little = { .record_limit = 64 };
	const struct bad_answer *bad = *state;
	const struct site_options *options = bad->one_record ? &little : &asks;
	struct stage stage;

	stage_server_flight(rows_pki(), &stage, bad->unasked ? &silent : options);
	stage_change(&stage.flight, &bad->change);
	assert_int_equal(forge_feed_flight(stage.lb.end[QKDTLS_CLIENT], stage.suite,
					   stage.secrets.server, &stage.flight, bad->one_record),
			 QKDTLS_FAILED);
	assert_int_equal(qkdtls_error(stage.lb.end[QKDTLS_CLIENT])->sent, bad->alert);
	loopback_free(&stage.lb);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(limits_are_checked),
		cmocka_unit_test(limits_hold_behind_a_retry),
		cmocka_unit_test(records_are_refused_above_the_limit),
		cmocka_unit_test(a_peer_without_it_is_not_held_to_it),
		cmocka_unit_test(the_writer_knows_what_the_peer_takes),
	};

	ROWS(keeps_limits, negotiations);
	ROWS(judges_offer, bad_offers);
	ROWS(judges_answer, bad_answers);
	return rows_run(tests, sizeof(tests) / sizeof(tests[0]));
}
