// SPDX-License-Identifier: GPL-2.0-or-later
/* A handshake over sockets: nothing too much is read, and every way a transport ends is told. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/handshake_io.h"
#include "site.h"

#define STEPS_MAX 1000

struct ends {
	struct loopback lb; /* for its connections and keys */
	struct handshake_io io[2];
	enum qkdtls_want want[2];
};

static void ends_open(void **state, struct ends *ends, const struct site_options *client,
		      const struct site_options *server)
{
	int fd[2];

	memset(ends, 0, sizeof(*ends));
	site_link(*state, &ends->lb, client, server);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	for (int i = 0; i < 2; i++) {
		ends->io[i].conn = ends->lb.end[i];
		ends->io[i].fd = fd[i];
		ends->want[i] = QKDTLS_WANT_READ;
	}
}

static void ends_close(struct ends *ends)
{
	for (int i = 0; i < 2; i++) {
		if (ends->io[i].fd >= 0)
			close(ends->io[i].fd);
	}
	loopback_free(&ends->lb);
}

static bool over(enum qkdtls_want want)
{
	return want == QKDTLS_DONE || want == QKDTLS_FAILED;
}

static void step(struct ends *ends, enum qkdtls_role role)
{
	if (!over(ends->want[role]))
		ends->want[role] = handshake_io_step(&ends->io[role]);
}

static void ends_run(struct ends *ends)
{
	for (int i = 0; i < STEPS_MAX; i++) {
		step(ends, QKDTLS_CLIENT);
		step(ends, QKDTLS_SERVER);
		if (over(ends->want[0]) && over(ends->want[1]))
			return;
	}
	fail_msg("neither end can go on");
}

static const struct site_options plain = { .psk = SITE_IMPORTED };

static void both_ends_are_done(void **state)
{
	struct ends ends;

	ends_open(state, &ends, &plain, &plain);
	ends_run(&ends);
	assert_int_equal(ends.want[QKDTLS_CLIENT], QKDTLS_DONE);
	assert_int_equal(ends.want[QKDTLS_SERVER], QKDTLS_DONE);
	assert_int_equal(ends.io[QKDTLS_CLIENT].error, 0);
	assert_true(qkdtls_info(ends.io[QKDTLS_SERVER].conn)->psk);
	ends_close(&ends);
}

/* What the client sends behind its Finished is for whoever protects the records. */
static void next_record_stays_in_the_socket(void **state)
{
	static const char next[] = "the kernel's";
	char buf[64];
	struct ends ends;

	ends_open(state, &ends, &plain, &plain);
	step(&ends, QKDTLS_CLIENT);
	step(&ends, QKDTLS_SERVER);
	step(&ends, QKDTLS_CLIENT);
	assert_int_equal(ends.want[QKDTLS_CLIENT], QKDTLS_DONE);
	assert_int_equal(send(ends.io[QKDTLS_CLIENT].fd, next, sizeof(next), 0), sizeof(next));
	step(&ends, QKDTLS_SERVER);
	assert_int_equal(ends.want[QKDTLS_SERVER], QKDTLS_DONE);
	assert_int_equal(recv(ends.io[QKDTLS_SERVER].fd, buf, sizeof(buf), 0), sizeof(next));
	assert_string_equal(buf, next);
	ends_close(&ends);
}

static void full_socket_is_waited_for(void **state)
{
	char junk[4096] = { 0 };
	struct ends ends;
	int fd;

	ends_open(state, &ends, &plain, &plain);
	fd = ends.io[QKDTLS_CLIENT].fd;
	while (send(fd, junk, sizeof(junk), 0) > 0)
		;
	step(&ends, QKDTLS_CLIENT);
	assert_int_equal(ends.want[QKDTLS_CLIENT], QKDTLS_WANT_WRITE);
	while (recv(ends.io[QKDTLS_SERVER].fd, junk, sizeof(junk), 0) > 0)
		;
	ends_run(&ends);
	assert_int_equal(ends.want[QKDTLS_CLIENT], QKDTLS_DONE);
	ends_close(&ends);
}

static void pending_key_is_passed_on(void **state)
{
	struct ends ends;

	ends_open(state, &ends, &plain, &plain);
	ends.lb.ring[QKDTLS_SERVER].pending = 1;
	step(&ends, QKDTLS_CLIENT);
	step(&ends, QKDTLS_SERVER);
	assert_int_equal(ends.want[QKDTLS_SERVER], QKDTLS_WANT_PSK);
	ends_run(&ends);
	assert_int_equal(ends.want[QKDTLS_SERVER], QKDTLS_DONE);
	ends_close(&ends);
}

static void peer_that_goes_away_is_a_failure(void **state)
{
	char text[256];
	struct ends ends;

	ends_open(state, &ends, &plain, &plain);
	step(&ends, QKDTLS_CLIENT);
	step(&ends, QKDTLS_SERVER);
	close(ends.io[QKDTLS_CLIENT].fd);
	ends.io[QKDTLS_CLIENT].fd = -1;
	step(&ends, QKDTLS_SERVER);
	assert_int_equal(ends.want[QKDTLS_SERVER], QKDTLS_FAILED);
	handshake_io_describe(&ends.io[QKDTLS_SERVER], text, sizeof(text));
	assert_string_not_equal(text, "");
	ends_close(&ends);
}

static void refusal_is_told_with_its_alert(void **state)
{
	const struct site_options wrong = { .psk = SITE_IMPORTED, .peer_name = "basel.example" };
	char text[256];
	struct ends ends;

	ends_open(state, &ends, &wrong, &plain);
	ends_run(&ends);
	assert_int_equal(ends.want[QKDTLS_CLIENT], QKDTLS_FAILED);
	assert_int_equal(ends.want[QKDTLS_SERVER], QKDTLS_FAILED);
	handshake_io_describe(&ends.io[QKDTLS_CLIENT], text, sizeof(text));
	assert_non_null(strstr(text, "(alert bad_certificate sent)"));
	handshake_io_describe(&ends.io[QKDTLS_SERVER], text, sizeof(text));
	assert_non_null(strstr(text, "(alert bad_certificate received)"));
	ends_close(&ends);
}

/* The server has refused and gone; the client, which can write no more, still finds out why. */
static void alert_behind_a_broken_way_out_is_read(void **state)
{
	static const uint8_t alert[] = { 21, 3, 3, 0, 2, 2, QKDTLS_ALERT_HANDSHAKE_FAILURE };
	char text[256];
	struct ends ends;

	ends_open(state, &ends, &plain, &plain);
	assert_int_equal(send(ends.io[QKDTLS_SERVER].fd, alert, sizeof(alert), 0), sizeof(alert));
	close(ends.io[QKDTLS_SERVER].fd);
	ends.io[QKDTLS_SERVER].fd = -1;
	step(&ends, QKDTLS_CLIENT);
	assert_int_equal(ends.want[QKDTLS_CLIENT], QKDTLS_FAILED);
	assert_int_equal(ends.io[QKDTLS_CLIENT].error, EPIPE);
	handshake_io_describe(&ends.io[QKDTLS_CLIENT], text, sizeof(text));
	assert_non_null(strstr(text, "(alert handshake_failure received)"));
	ends_close(&ends);
}

/* What could not be written was not sent, so nothing is done. */
static void last_flight_that_is_lost_is_a_failure(void **state)
{
	char text[256];
	struct ends ends;

	ends_open(state, &ends, &plain, &plain);
	step(&ends, QKDTLS_CLIENT);
	step(&ends, QKDTLS_SERVER);
	assert_int_equal(shutdown(ends.io[QKDTLS_CLIENT].fd, SHUT_WR), 0);
	step(&ends, QKDTLS_CLIENT);
	assert_int_equal(ends.want[QKDTLS_CLIENT], QKDTLS_FAILED);
	handshake_io_describe(&ends.io[QKDTLS_CLIENT], text, sizeof(text));
	assert_string_equal(text, "Broken pipe");
	ends_close(&ends);
}

static void giving_up_is_told_to_the_peer(void **state)
{
	char text[256];
	struct ends ends;

	ends_open(state, &ends, &plain, &plain);
	step(&ends, QKDTLS_CLIENT);
	step(&ends, QKDTLS_SERVER);
	handshake_io_abort(&ends.io[QKDTLS_SERVER], QKDTLS_ALERT_USER_CANCELED, "no more time");
	assert_int_equal(handshake_io_step(&ends.io[QKDTLS_SERVER]), QKDTLS_FAILED);
	handshake_io_describe(&ends.io[QKDTLS_SERVER], text, sizeof(text));
	assert_string_equal(text, "no more time (alert user_canceled sent)");
	ends_close(&ends);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_ends_are_done),
		cmocka_unit_test(next_record_stays_in_the_socket),
		cmocka_unit_test(full_socket_is_waited_for),
		cmocka_unit_test(pending_key_is_passed_on),
		cmocka_unit_test(peer_that_goes_away_is_a_failure),
		cmocka_unit_test(refusal_is_told_with_its_alert),
		cmocka_unit_test(alert_behind_a_broken_way_out_is_read),
		cmocka_unit_test(last_flight_that_is_lost_is_a_failure),
		cmocka_unit_test(giving_up_is_told_to_the_peer),
	};

	return cmocka_run_group_tests_name("handshake_io", tests, site_setup, site_teardown);
}
