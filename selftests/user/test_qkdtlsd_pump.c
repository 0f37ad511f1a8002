// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The tunnel's state machine over socket pairs, by the mechanism for the kernel's TLS: where the "TLS"
 * socket is a plain one, every byte that splice() moves can be seen, and an end without close_notify is
 * what a cut-off peer looks like. What only the kernel's TLS can show is in selftests/e2e.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <cmocka.h>

#include "qkdtlsd/tunnel/pump.h"
#include "qkdtlsd/tunnel/pump_spare.h"
#include "tls/internal.h"
#include "site.h"

#define MESSAGE	   "eight by"
#define BULK	   (4 * 1024 * 1024)
#define MANY	   200
#define STEPS_MAX  100000
#define ALERT_WARN 1

/* @near are the pump's sockets, @far the ends that the test plays, @lb has a connection whose keys are gone. */
struct tunnel {
	struct loopback lb;
	struct pump pump;
	int near[2];
	int far[2];
};

static void connect_both(struct pki *pki, struct loopback *lb,
			 const struct qkdtls_key_limits *limits)
{
	static const struct site_options plain;
	const struct site_options limited = { .key_limits = limits };
	struct qkdtls_traffic_key tx, rx;

	site_link(pki, lb, &plain, &limited);
	assert_true(loopback_run(lb));
	assert_int_equal(qkdtls_take_traffic_keys(lb->end[QKDTLS_SERVER], &tx, &rx), 0);
}

static int set_up_limited(void **state, const struct qkdtls_key_limits *limits)
{
	struct tunnel *tunnel = calloc(1, sizeof(*tunnel));

	assert_non_null(tunnel);
	connect_both(*state, &tunnel->lb, limits);
	for (int side = 0; side < 2; side++) {
		int pair[2];

		assert_int_equal(
			socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair),
			0);
		tunnel->near[side] = pair[0];
		tunnel->far[side] = pair[1];
	}
	pump_init(&tunnel->pump, tunnel->lb.end[QKDTLS_SERVER], tunnel->near[PUMP_TLS],
		  tunnel->near[PUMP_PLAIN], PUMP_KERNEL);
	*state = tunnel;
	return 0;
}

static int set_up(void **state)
{
	return set_up_limited(state, NULL);
}

static int set_up_worn(void **state)
{
	static const struct qkdtls_key_limits limits = { .records = 200 };

	return set_up_limited(state, &limits);
}

static int tear_down(void **state)
{
	struct tunnel *tunnel = *state;

	pump_release(&tunnel->pump);
	loopback_free(&tunnel->lb);
	for (int side = 0; side < 2; side++) {
		close(tunnel->near[side]);
		if (tunnel->far[side] >= 0)
			close(tunnel->far[side]);
	}
	free(tunnel);
	return 0;
}

static void put(struct tunnel *tunnel, enum pump_side side)
{
	assert_int_equal(write(tunnel->far[side], MESSAGE, sizeof(MESSAGE)), sizeof(MESSAGE));
}

static void got(struct tunnel *tunnel, enum pump_side side)
{
	char text[2 * sizeof(MESSAGE)];

	assert_int_equal(read(tunnel->far[side], text, sizeof(text)), sizeof(MESSAGE));
	assert_string_equal(text, MESSAGE);
}

/* As if both sockets were ready */
static enum pump_end turn(struct tunnel *tunnel)
{
	pump_wake(&tunnel->pump, PUMP_TLS);
	pump_wake(&tunnel->pump, PUMP_PLAIN);
	return pump_step(&tunnel->pump);
}

static void moves_both_ways(void **state)
{
	struct tunnel *tunnel = *state;

	put(tunnel, PUMP_PLAIN);
	put(tunnel, PUMP_TLS);
	assert_int_equal(turn(tunnel), PUMP_RUNNING);
	got(tunnel, PUMP_TLS);
	got(tunnel, PUMP_PLAIN);
	assert_int_equal(tunnel->pump.out.bytes, sizeof(MESSAGE));
	assert_int_equal(tunnel->pump.in.bytes, sizeof(MESSAGE));
	assert_int_equal(pump_interest(&tunnel->pump, PUMP_TLS), EPOLLIN);
	assert_int_equal(pump_interest(&tunnel->pump, PUMP_PLAIN), EPOLLIN);
}

static void holds(struct tunnel *tunnel, enum pump_side side)
{
	char byte;

	assert_int_equal(recv(tunnel->far[side], &byte, 1, MSG_PEEK), -1);
	assert_int_equal(errno, EAGAIN);
}

/* Looking at a socket that is not ready is a system call for nothing. */
static void looks_only_where_something_is(void **state)
{
	struct tunnel *tunnel = *state;

	assert_int_equal(turn(tunnel), PUMP_RUNNING);
	put(tunnel, PUMP_PLAIN);
	put(tunnel, PUMP_TLS);
	assert_int_equal(pump_step(&tunnel->pump), PUMP_RUNNING);
	holds(tunnel, PUMP_TLS);
	holds(tunnel, PUMP_PLAIN);
	pump_wake(&tunnel->pump, PUMP_PLAIN);
	assert_int_equal(pump_step(&tunnel->pump), PUMP_RUNNING);
	got(tunnel, PUMP_TLS);
	holds(tunnel, PUMP_PLAIN);
	pump_wake(&tunnel->pump, PUMP_TLS);
	assert_int_equal(pump_step(&tunnel->pump), PUMP_RUNNING);
	got(tunnel, PUMP_PLAIN);
}

/* Until it would block; returns bytes written */
static size_t fill_up(int fd, uint8_t *data, size_t len)
{
	size_t sent = 0;
	ssize_t n;

	while (sent < len && (n = write(fd, data + sent, len - sent)) > 0)
		sent += n;
	return sent;
}

static void a_slow_reader_stops_the_writer(void **state)
{
	struct tunnel *tunnel = *state;
	uint8_t *data = calloc(1, BULK);
	size_t sent = 0, before, n;

	assert_non_null(data);
	do {
		before = sent;
		n = fill_up(tunnel->far[PUMP_PLAIN], data, BULK - sent);
		sent += n;
		assert_int_equal(turn(tunnel), PUMP_RUNNING);
	} while (sent != before);
	/* Nobody read: what was taken is what buffers hold, and the pump waits for room only. */
	assert_true(sent < BULK);
	assert_int_equal(pump_interest(&tunnel->pump, PUMP_TLS), EPOLLOUT | EPOLLIN);
	assert_int_equal(pump_interest(&tunnel->pump, PUMP_PLAIN), 0);
	/* The other direction is not held up. */
	put(tunnel, PUMP_TLS);
	assert_int_equal(turn(tunnel), PUMP_RUNNING);
	got(tunnel, PUMP_PLAIN);
	free(data);
}

static void arrives_unchanged(struct tunnel *tunnel)
{
	uint8_t *data = malloc(BULK), *copy = malloc(BULK);
	size_t sent = 0, received = 0;
	ssize_t n;

	assert_non_null(data);
	assert_non_null(copy);
	for (size_t i = 0; i < BULK; i++)
		data[i] = (uint8_t)(i * 7 + (i >> 8) * 13 + (i >> 16));
	for (int step = 0; received < BULK && step < STEPS_MAX; step++) {
		sent += fill_up(tunnel->far[PUMP_TLS], data + sent, BULK - sent);
		assert_int_equal(turn(tunnel), PUMP_RUNNING);
		while ((n = read(tunnel->far[PUMP_PLAIN], copy + received, BULK - received)) > 0)
			received += n;
	}
	assert_int_equal(received, BULK);
	assert_memory_equal(data, copy, BULK);
	assert_int_equal(tunnel->pump.in.bytes, BULK);
	free(data);
	free(copy);
}

static void bulk_arrives_unchanged(void **state)
{
	arrives_unchanged(*state);
}

/* As for a user who has very many of them: no record has room there. */
static void so_it_does_through_a_small_pipe(void **state)
{
	struct pump_pipe pipe;

	while (!pump_pipe_take(&pipe) && pipe.pages == 1)
		pump_pipe_close(&pipe);
	assert_true(pipe.end[0] >= 0);
	assert_int_equal(fcntl(pipe.end[0], F_SETPIPE_SZ, pump_page_size()), pump_page_size());
	pipe.pages = 1;
	pump_pipe_give(&pipe);
	arrives_unchanged(*state);
}

static void one_call_is_bounded(void **state)
{
	struct tunnel *tunnel = *state;
	const uint8_t byte = 0;
	int steps = 1;

	/* Each byte takes a place in the pipe, so that one call cannot move them all. */
	for (int i = 0; i < MANY; i++)
		assert_int_equal(write(tunnel->far[PUMP_TLS], &byte, 1), 1);
	assert_int_equal(turn(tunnel), PUMP_RUNNING);
	assert_true(tunnel->pump.in.bytes < MANY);
	assert_int_equal(pump_interest(&tunnel->pump, PUMP_TLS), EPOLLIN);
	while (tunnel->pump.in.bytes < MANY && steps < MANY) {
		assert_int_equal(turn(tunnel), PUMP_RUNNING);
		steps++;
	}
	assert_int_equal(tunnel->pump.in.bytes, MANY);
}

static void end_of_the_application_becomes_close_notify(void **state)
{
	static const uint8_t expected[] = MESSAGE "\0\1";
	struct tunnel *tunnel = *state;
	uint8_t record[2 * sizeof(expected)];

	put(tunnel, PUMP_PLAIN);
	assert_int_equal(shutdown(tunnel->far[PUMP_PLAIN], SHUT_WR), 0);
	/* The message, then the end */
	assert_int_equal(turn(tunnel), PUMP_RUNNING);
	assert_int_equal(turn(tunnel), PUMP_RUNNING);
	/* The message with its NUL, then level warning, close_notify */
	assert_int_equal(read(tunnel->far[PUMP_TLS], record, sizeof(record)), sizeof(expected));
	assert_memory_equal(record, expected, sizeof(expected));
	assert_int_equal(tunnel->pump.out.state, FLOW_DONE);
	assert_int_equal(pump_interest(&tunnel->pump, PUMP_PLAIN), 0);
	/* The other direction goes on. */
	put(tunnel, PUMP_TLS);
	assert_int_equal(turn(tunnel), PUMP_RUNNING);
	got(tunnel, PUMP_PLAIN);
}

static void end_without_close_notify_is_truncation(void **state)
{
	struct tunnel *tunnel = *state;

	put(tunnel, PUMP_TLS);
	assert_int_equal(shutdown(tunnel->far[PUMP_TLS], SHUT_WR), 0);
	assert_int_equal(turn(tunnel), PUMP_TRUNCATED);
	/* What came before is delivered; the end is not. */
	got(tunnel, PUMP_PLAIN);
	holds(tunnel, PUMP_PLAIN);
}

static void tells_whose_fault_it_was(void **state)
{
	struct tunnel *tunnel = *state;

	put(tunnel, PUMP_PLAIN);
	assert_int_equal(shutdown(tunnel->far[PUMP_TLS], SHUT_RD), 0);
	assert_int_equal(turn(tunnel), PUMP_TLS_ERROR);
	assert_int_equal(tunnel->pump.error, EPIPE);
}

static void tells_that_the_application_has_gone(void **state)
{
	struct tunnel *tunnel = *state;

	put(tunnel, PUMP_TLS);
	close(tunnel->far[PUMP_PLAIN]);
	tunnel->far[PUMP_PLAIN] = -1;
	assert_int_equal(turn(tunnel), PUMP_PLAIN_ERROR);
	assert_int_equal(tunnel->pump.error, EPIPE);
}

static void stops_before_the_key_is_worn_out(void **state)
{
	static const uint8_t close_notify[] = { ALERT_WARN, QKDTLS_ALERT_CLOSE_NOTIFY };
	struct tunnel *tunnel = *state;
	uint8_t record[8];
	int steps = 0;

	while (turn(tunnel) == PUMP_RUNNING && steps < 200) {
		put(tunnel, PUMP_PLAIN);
		if (turn(tunnel) == PUMP_RUNNING)
			got(tunnel, PUMP_TLS);
		steps++;
	}
	assert_int_equal(tunnel->pump.end, PUMP_LIMIT);
	assert_true(steps <= 100);
	assert_int_equal(read(tunnel->far[PUMP_TLS], record, sizeof(record)), sizeof(close_notify));
	assert_memory_equal(record, close_notify, sizeof(close_notify));
}

static void counts_received_records_too(void **state)
{
	struct tunnel *tunnel = *state;
	int steps = 0;

	/* Each byte may be a record. */
	tunnel->pump.conn->kernel.received = QKDTLS_KEY_RECORDS_MAX - 100 * (1 + sizeof(MESSAGE));
	while (tunnel->pump.end == PUMP_RUNNING && steps < 200) {
		put(tunnel, PUMP_TLS);
		turn(tunnel);
		steps++;
	}
	assert_int_equal(tunnel->pump.end, PUMP_LIMIT);
	assert_true(steps <= 100);
}

/* The engine hears of data as well: there is none in the middle of a handshake message. */
static void data_out_of_place_is_not_passed_on(void **state)
{
	static const uint8_t part[] = { 24, 0, 0 };
	struct tunnel *tunnel = *state;

	assert_int_equal(qkdtls_control(tunnel->pump.conn, 22, part, sizeof(part)),
			 QKDTLS_CONTROL_IGNORE);
	put(tunnel, PUMP_TLS);
	assert_int_equal(turn(tunnel), PUMP_FAILED);
	assert_int_equal(qkdtls_error(tunnel->pump.conn)->sent, QKDTLS_ALERT_UNEXPECTED_MESSAGE);
	holds(tunnel, PUMP_PLAIN);
}

static void is_empty_handed(const struct flow *flow)
{
	assert_int_equal(flow->pipe.end[0], -1);
	assert_int_equal(flow->pipe.end[1], -1);
	assert_int_equal(flow->held, 0);
}

/* Ten thousand tunnels that rest would have twenty thousand pipes. */
static void a_tunnel_at_rest_has_no_pipe(void **state)
{
	struct tunnel *tunnel = *state;

	assert_int_equal(turn(tunnel), PUMP_RUNNING);
	is_empty_handed(&tunnel->pump.out);
	is_empty_handed(&tunnel->pump.in);
	put(tunnel, PUMP_TLS);
	assert_int_equal(turn(tunnel), PUMP_RUNNING);
	got(tunnel, PUMP_PLAIN);
	is_empty_handed(&tunnel->pump.in);
}

/* More than sockets hold, from the application, while the peer does not read; how much was left in the pipe */
static size_t stall(struct tunnel *tunnel)
{
	uint8_t *data = calloc(1, BULK);

	assert_non_null(data);
	while (fill_up(tunnel->far[PUMP_PLAIN], data, BULK))
		assert_int_equal(turn(tunnel), PUMP_RUNNING);
	free(data);
	return tunnel->pump.out.held;
}

static void nobody_gets_what_another_left(void **state)
{
	struct tunnel *tunnel = *state;
	struct pump_pipe pipe;
	char byte;

	assert_true(stall(tunnel) > 0);
	pump_release(&tunnel->pump);
	/* A mistake in its counting would not change that. */
	assert_int_equal(pump_pipe_take(&pipe), 0);
	assert_int_equal(write(pipe.end[1], MESSAGE, sizeof(MESSAGE)), sizeof(MESSAGE));
	pump_pipe_give(&pipe);
	assert_int_equal(pipe.end[0], -1);
	for (int i = 0; i < MANY; i++) {
		assert_int_equal(pump_pipe_take(&pipe), 0);
		assert_int_equal(read(pipe.end[0], &byte, 1), -1);
		assert_int_equal(errno, EAGAIN);
		pump_pipe_close(&pipe);
	}
}

static void waits_for_a_pipe(void **state)
{
	struct tunnel *tunnel = *state;
	struct rlimit before, none;
	struct pump_pipe pipes[MANY];
	size_t taken = 0;

	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	none = (struct rlimit){ .rlim_max = before.rlim_max };
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	while (taken < MANY && !pump_pipe_take(&pipes[taken]))
		taken++;
	assert_true(taken < MANY);
	put(tunnel, PUMP_TLS);
	assert_int_equal(turn(tunnel), PUMP_RUNNING);
	assert_true(pump_is_starved(&tunnel->pump));
	/* Its sockets are ready all the time: nobody is to be woken for that. */
	assert_int_equal(pump_interest(&tunnel->pump, PUMP_TLS), 0);
	assert_int_equal(pump_interest(&tunnel->pump, PUMP_PLAIN), 0);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
	while (taken)
		pump_pipe_close(&pipes[--taken]);
	assert_int_equal(turn(tunnel), PUMP_RUNNING);
	holds(tunnel, PUMP_PLAIN);
	pump_feed(&tunnel->pump);
	assert_int_equal(pump_step(&tunnel->pump), PUMP_RUNNING);
	assert_false(pump_is_starved(&tunnel->pump));
	got(tunnel, PUMP_PLAIN);
}

#define PUMP_TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		PUMP_TEST(moves_both_ways),
		PUMP_TEST(looks_only_where_something_is),
		PUMP_TEST(a_slow_reader_stops_the_writer),
		PUMP_TEST(bulk_arrives_unchanged),
		PUMP_TEST(so_it_does_through_a_small_pipe),
		PUMP_TEST(one_call_is_bounded),
		PUMP_TEST(end_of_the_application_becomes_close_notify),
		PUMP_TEST(end_without_close_notify_is_truncation),
		PUMP_TEST(tells_whose_fault_it_was),
		PUMP_TEST(tells_that_the_application_has_gone),
		cmocka_unit_test_setup_teardown(stops_before_the_key_is_worn_out, set_up_worn,
						tear_down),
		PUMP_TEST(counts_received_records_too),
		PUMP_TEST(data_out_of_place_is_not_passed_on),
		PUMP_TEST(a_tunnel_at_rest_has_no_pipe),
		PUMP_TEST(nobody_gets_what_another_left),
		PUMP_TEST(waits_for_a_pipe),
	};

	/* The daemon ignores it too: splice() to a closed socket is an error, not a signal. */
	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("qkdtlsd_pump", tests, site_setup, site_teardown);
}
