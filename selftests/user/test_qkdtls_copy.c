// SPDX-License-Identifier: GPL-2.0-or-later
/* What a peer gets to hear when its data is refused */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "qkdtls/copy.h"
#include "site.h"

/* This end is the server; the peer is what the test makes of the client. */
struct ends {
	struct loopback lb;
	int near;
	int peer;
};

static void ends_open(void **state, struct ends *ends)
{
	static const struct site_options plain;
	int fd[2];

	memset(ends, 0, sizeof(*ends));
	site_link(*state, &ends->lb, &plain, &plain);
	assert_true(loopback_run(&ends->lb));
	assert_int_equal(ends->lb.want[QKDTLS_SERVER], QKDTLS_DONE);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fd), 0);
	ends->near = fd[0];
	ends->peer = fd[1];
}

static void ends_close(struct ends *ends)
{
	close(ends->near);
	close(ends->peer);
	loopback_free(&ends->lb);
}

/* What the peer makes of all that was sent to it */
static ssize_t peer_hears(struct ends *ends)
{
	struct qkdtls_conn *conn = ends->lb.end[QKDTLS_CLIENT];
	uint8_t buf[64];
	ssize_t n, ret;

	for (;;) {
		ret = qkdtls_receive(conn, buf, sizeof(buf));
		if (ret)
			return ret;
		n = recv(ends->peer, buf,
			 qkdtls_wanted(conn) < sizeof(buf) ? qkdtls_wanted(conn) : sizeof(buf), 0);
		if (n <= 0)
			return 0;
		assert_int_equal(qkdtls_input(conn, buf, (size_t)n), 0);
	}
}

static enum qkdtls_alert peer_received(const struct ends *ends)
{
	return qkdtls_error(ends->lb.end[QKDTLS_CLIENT])->received;
}

/* A stop that never comes */
static int quiet_fd(void)
{
	int fd[2];

	assert_int_equal(pipe(fd), 0);
	return fd[0];
}

static void a_forged_record_is_answered(void **state)
{
	static const uint8_t forged[5 + 32] = { 23, 3, 3, 0, 32 };
	struct copy_result result;
	struct ends ends;
	int stop = quiet_fd();

	ends_open(state, &ends);
	assert_int_equal(send(ends.peer, forged, sizeof(forged), 0), sizeof(forged));
	result = copy_run(ends.lb.end[QKDTLS_SERVER], ends.near, true, stop);
	assert_int_equal(result.error, -EPROTO);
	assert_int_equal(peer_hears(&ends), -ECONNRESET);
	assert_int_equal(peer_received(&ends), QKDTLS_ALERT_BAD_RECORD_MAC);
	close(stop);
	ends_close(&ends);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_forged_record_is_answered),
	};

	return cmocka_run_group_tests(tests, site_setup, site_teardown);
}
