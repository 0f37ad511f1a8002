// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Two tunnels back to back over the engine's own records: application, client's pump, TLS, server's pump,
 * application. And the words in which the log tells it.
 */
#include <errno.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <cmocka.h>

#include "qkdtlsd/tunnel/pump.h"
#include "qkdtlsd/tunnel/report.h"
#include "site.h"

#define BULK	  (1024 * 1024)
#define STEPS_MAX 100000

struct rig {
	struct loopback lb;
	struct pump pump[2]; /* by role */
	int tls[2];
	int app[2]; /* the pumps' ends */
	int far[2]; /* the test's ends */
};

static void make_pair(int *one, int *other)
{
	int pair[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair),
			 0);
	*one = pair[0];
	*other = pair[1];
}

/* Both ends with these limits of a key's life, and of a record's size unless 0 */
static void link_limited(struct pki *pki, struct loopback *lb,
			 const struct qkdtls_key_limits *limits, unsigned int record_limit)
{
	const struct site_options options = { .record_limit = record_limit };
	struct qkdtls_config *config[2];

	for (int role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++) {
		config[role] = site_config(pki, role, &options);
		assert_int_equal(qkdtls_config_set_key_limits(config[role], limits), 0);
	}
	loopback_init(lb, config[QKDTLS_CLIENT], config[QKDTLS_SERVER]);
	for (int role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++)
		qkdtls_config_unref(config[role]);
}

static struct rig *rig_new_limited(void **state, const struct qkdtls_key_limits *limits,
				   unsigned int record_limit)
{
	struct rig *rig = calloc(1, sizeof(*rig));

	assert_non_null(rig);
	link_limited(*state, &rig->lb, limits, record_limit);
	assert_true(loopback_run(&rig->lb));
	assert_int_equal(rig->lb.want[QKDTLS_CLIENT], QKDTLS_DONE);
	assert_int_equal(rig->lb.want[QKDTLS_SERVER], QKDTLS_DONE);
	make_pair(&rig->tls[0], &rig->tls[1]);
	for (int i = 0; i < 2; i++) {
		make_pair(&rig->app[i], &rig->far[i]);
		pump_init(&rig->pump[i], rig->lb.end[i], rig->tls[i], rig->app[i], PUMP_OWN);
	}
	return rig;
}

static struct rig *rig_new(void **state)
{
	static const struct qkdtls_key_limits none = { .records = QKDTLS_KEY_RECORDS_MAX };

	return rig_new_limited(state, &none, 0);
}

static void rig_free(struct rig *rig)
{
	for (int i = 0; i < 2; i++) {
		pump_release(&rig->pump[i]);
		close(rig->tls[i]);
		close(rig->app[i]);
		close(rig->far[i]);
	}
	loopback_free(&rig->lb);
	free(rig);
}

static void wake_if_ready(struct pump *pump, enum pump_side side)
{
	struct pollfd pollfd = { .fd = pump->fd[side], .events = (short)pump_interest(pump, side) };

	if (poll(&pollfd, 1, 0) == 1)
		pump_wake(pump, side);
}

/* As the daemon does it: nobody looks at a socket that is not ready. */
static void step(struct rig *rig)
{
	for (int i = 0; i < 2; i++) {
		if (rig->pump[i].end != PUMP_RUNNING)
			continue;
		wake_if_ready(&rig->pump[i], PUMP_TLS);
		wake_if_ready(&rig->pump[i], PUMP_PLAIN);
		pump_step(&rig->pump[i]);
	}
}

/* One of the two directions of a test's traffic */
struct traffic {
	uint8_t *data;
	uint8_t *copy;
	size_t sent, received;
};

static void traffic_init(struct traffic *traffic, uint8_t seed)
{
	*traffic = (struct traffic){ .data = malloc(BULK), .copy = malloc(BULK) };
	assert_non_null(traffic->data);
	assert_non_null(traffic->copy);
	for (size_t i = 0; i < BULK; i++)
		traffic->data[i] = (uint8_t)(seed + i * 7 + (i >> 8) * 13 + (i >> 16));
}

static void traffic_move(struct traffic *traffic, int from, int to)
{
	ssize_t n;

	while (traffic->sent < BULK &&
	       (n = write(from, traffic->data + traffic->sent, BULK - traffic->sent)) > 0)
		traffic->sent += n;
	while (traffic->received < BULK &&
	       (n = read(to, traffic->copy + traffic->received, BULK - traffic->received)) > 0)
		traffic->received += n;
}

static void traffic_check(struct traffic *traffic)
{
	assert_int_equal(traffic->received, BULK);
	assert_memory_equal(traffic->data, traffic->copy, BULK);
	free(traffic->data);
	free(traffic->copy);
}

static void run_both_directions(struct rig *rig)
{
	struct traffic out, in;

	traffic_init(&out, 1);
	traffic_init(&in, 2);
	for (int i = 0; i < STEPS_MAX && (out.received < BULK || in.received < BULK); i++) {
		traffic_move(&out, rig->far[0], rig->far[1]);
		traffic_move(&in, rig->far[1], rig->far[0]);
		step(rig);
		assert_int_equal(rig->pump[0].end, PUMP_RUNNING);
		assert_int_equal(rig->pump[1].end, PUMP_RUNNING);
	}
	traffic_check(&out);
	traffic_check(&in);
	assert_int_equal(rig->pump[0].out.bytes, BULK);
	assert_int_equal(rig->pump[0].in.bytes, BULK);
	assert_int_equal(rig->pump[1].out.bytes, BULK);
	rig_free(rig);
}

static void both_directions_at_once(void **state)
{
	run_both_directions(rig_new(state));
}

/* The application notices nothing of it. */
static void both_directions_in_small_records_under_many_keys(void **state)
{
	static const struct qkdtls_key_limits limits = { .records = 100, .bytes = 16384 };
	struct rig *rig = rig_new_limited(state, &limits, 1000);

	run_both_directions(rig);
}

static void half_close_goes_through(void **state)
{
	struct rig *rig = rig_new(state);
	char byte;

	assert_int_equal(shutdown(rig->far[0], SHUT_WR), 0);
	for (int i = 0; i < 4; i++)
		step(rig);
	assert_int_equal(read(rig->far[1], &byte, 1), 0);
	assert_int_equal(rig->pump[0].end, PUMP_RUNNING);
	/* The answer still comes, and its end closes both in order. */
	assert_int_equal(write(rig->far[1], "x", 1), 1);
	assert_int_equal(shutdown(rig->far[1], SHUT_WR), 0);
	for (int i = 0; i < 8; i++)
		step(rig);
	assert_int_equal(read(rig->far[0], &byte, 1), 1);
	assert_int_equal(byte, 'x');
	assert_int_equal(read(rig->far[0], &byte, 1), 0);
	assert_int_equal(rig->pump[0].end, PUMP_CLOSED);
	assert_int_equal(rig->pump[1].end, PUMP_CLOSED);
	rig_free(rig);
}

static void cut_off_stream_is_not_ended(void **state)
{
	struct rig *rig = rig_new(state);
	char byte;

	assert_int_equal(shutdown(rig->tls[1], SHUT_WR), 0);
	for (int i = 0; i < 4; i++)
		step(rig);
	assert_int_equal(rig->pump[0].end, PUMP_TRUNCATED);
	assert_int_equal(read(rig->far[0], &byte, 1), -1);
	assert_int_equal(errno, EAGAIN);
	rig_free(rig);
}

static void forged_record_ends_with_an_alert(void **state)
{
	static const uint8_t forged[5 + 32] = { 23, 3, 3, 0, 32 };
	struct rig *rig = rig_new(state);

	assert_int_equal(write(rig->tls[0], forged, sizeof(forged)), sizeof(forged));
	for (int i = 0; i < 4; i++)
		step(rig);
	assert_int_equal(rig->pump[1].end, PUMP_FAILED);
	assert_int_equal(qkdtls_error(rig->pump[1].conn)->sent, QKDTLS_ALERT_BAD_RECORD_MAC);
	for (int i = 0; i < 4; i++)
		step(rig);
	assert_int_equal(rig->pump[0].end, PUMP_FAILED);
	assert_int_equal(qkdtls_error(rig->pump[0].conn)->received, QKDTLS_ALERT_BAD_RECORD_MAC);
	rig_free(rig);
}

static void report_of_a_refusal(void **state)
{
	char text[512], small[16];
	struct report report;

	report_init(&report);
	report.end = END_NO_KEY;
	report.sent = QKDTLS_ALERT_DECRYPT_ERROR;
	strcpy(report.peer, "192.0.2.1:5");
	strcpy(report.text, "no key came in time");
	report_end_text(&report, "web", text, sizeof(text));
	assert_string_equal(text,
			    "service=web peer=192.0.2.1:5 app=unknown end=no-key outcome=refused "
			    "alert-sent=decrypt_error reason=\"no key came in time\"");
	report_end_text(&report, "web", small, sizeof(small));
	assert_string_equal(small, "service=web pee");
}

static void report_of_a_connection(void **state)
{
	struct qkdtls_info info = {
		.suite = QKDTLS_AES_128_GCM_SHA256,
		.group = QKDTLS_GROUP_X25519MLKEM768,
		.signature = QKDTLS_SIG_ECDSA_P256_SHA256,
		.psk = true,
		.psk_id = { 1, 2, 3 },
		.psk_id_len = QKD_KEY_ID_LEN,
	};
	struct report report;
	char text[512];

	report_init(&report);
	report_negotiated(&report, &info);
	report.end = END_CLOSED;
	report.established = true;
	report.records = PUMP_KERNEL;
	report.bytes_out = 1;
	report.bytes_in = 1ULL << 40;
	report_end_text(&report, "web", text, sizeof(text));
	assert_string_equal(text, "service=web peer=unknown app=unknown end=closed outcome=qkd "
				  "suite=TLS_AES_128_GCM_SHA256 group=X25519MLKEM768 "
				  "authentication=ecdsa_secp256r1_sha256 records=kernel out=1 "
				  "in=1099511627776 key=01020300-0000-0000-0000-000000000000");
	report.keyed = false;
	report_end_text(&report, "web", text, sizeof(text));
	assert_non_null(strstr(text, "outcome=fallback"));
	assert_non_null(strstr(text, " unused-key=01020300"));
}

static void counters_name_only_what_has_happened(void **state)
{
	struct counters counters = { .accepted = 3, .keyed = 1, .ends = { [END_NO_LINK] = 2 } };
	char text[512];

	report_counters_text(&counters, "web", 1, text, sizeof(text));
	assert_string_equal(text,
			    "service=web accepted=3 open=1 qkd=1 fallback=0 closed=0 no-link=2");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_directions_at_once),
		cmocka_unit_test(both_directions_in_small_records_under_many_keys),
		cmocka_unit_test(half_close_goes_through),
		cmocka_unit_test(cut_off_stream_is_not_ended),
		cmocka_unit_test(forged_record_ends_with_an_alert),
		cmocka_unit_test(report_of_a_refusal),
		cmocka_unit_test(report_of_a_connection),
		cmocka_unit_test(counters_name_only_what_has_happened),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("qkdtlsd_tunnel", tests, site_setup, site_teardown);
}
