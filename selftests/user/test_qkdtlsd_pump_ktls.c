// SPDX-License-Identifier: GPL-2.0-or-later
/* The tunnel over the kernel's TLS, where its keys can be changed: it never waits for what no event tells */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <cmocka.h>

#include "qkdtlsd/tunnel/pump.h"
#include "site.h"
#include "tcp_pair.h"

#define RECORDS_MAX 200 /* more than a turn takes, of the smallest */
#define PATIENCE_MS 20000

/* The test is the TLS client and the application; between them is the tunnel of the server. */
struct tunnel {
	struct loopback lb;
	struct pump pump;
	int client;
	int application;
};

/* 0, or -EOPNOTSUPP: this kernel has no TLS */
static int open_tunnel(struct tunnel *tunnel, struct pki *pki)
{
	const struct site_options plain = {};
	int tls[2], app[2], ret;

	site_link(pki, &tunnel->lb, &plain, &plain);
	assert_true(loopback_run(&tunnel->lb));
	tcp_pair(tls);
	assert_int_equal(fcntl(tls[1], F_SETFL, O_NONBLOCK), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, app), 0);
	tunnel->client = tls[0];
	tunnel->application = app[0];
	pump_init(&tunnel->pump, tunnel->lb.end[QKDTLS_SERVER], tls[1], app[1], PUMP_KERNEL);
	ret = qkdtls_ktls_install(tunnel->lb.end[QKDTLS_CLIENT], tunnel->client);
	if (!ret)
		ret = qkdtls_ktls_install(tunnel->lb.end[QKDTLS_SERVER], tls[1]);
	return ret;
}

static void close_tunnel(struct tunnel *tunnel)
{
	pump_release(&tunnel->pump);
	loopback_free(&tunnel->lb);
	close(tunnel->client);
	close(tunnel->application);
	for (int side = 0; side < 2; side++)
		close(tunnel->pump.fd[side]);
}

static void send_record(struct tunnel *tunnel)
{
	assert_int_equal(qkdtls_sock_send(tunnel->lb.end[QKDTLS_CLIENT], tunnel->client, "x", 1),
			 1);
}

/* As the daemon does it: one turn, when an event says so */
static void turn(struct tunnel *tunnel)
{
	struct pump *pump = &tunnel->pump;
	struct pollfd fds[2];

	for (int side = 0; side < 2; side++)
		fds[side] = (struct pollfd){
			.fd = pump->fd[side],
			.events = (short)pump_interest(pump, side),
		};
	/* 0: it stands still. */
	assert_in_range(poll(fds, 2, PATIENCE_MS), 1, 2);
	for (int side = 0; side < 2; side++) {
		if (fds[side].revents)
			pump_wake(pump, side);
	}
	assert_int_equal(pump_step(pump), PUMP_RUNNING);
}

static void all_arrive(struct tunnel *tunnel, size_t count)
{
	char data[2 * RECORDS_MAX];

	tunnel->pump.in.bytes = 0;
	while (tunnel->pump.in.bytes < count)
		turn(tunnel);
	assert_int_equal(tunnel->pump.in.bytes, count);
	assert_int_equal(read(tunnel->application, data, sizeof(data)), count);
}

/* Wherever in a turn the peer's new key comes */
static void goes_on_behind_a_new_key(void **state)
{
	struct tunnel tunnel = {};
	int ret;

	if (getenv("QKDTLS_TEST_SEALED"))
		site_skip("of a key schedule that a test plays no key is in the kernel");
	ret = open_tunnel(&tunnel, *state);
	for (size_t before = 0; !ret && before < RECORDS_MAX; before++) {
		for (size_t i = 0; i < before; i++)
			send_record(&tunnel);
		ret = qkdtls_sock_update(tunnel.lb.end[QKDTLS_CLIENT], tunnel.client, false);
		if (!ret) {
			send_record(&tunnel);
			all_arrive(&tunnel, before + 1);
		}
	}
	close_tunnel(&tunnel);
	if (ret == -EOPNOTSUPP)
		site_skip("this kernel has no TLS whose keys can be changed");
	assert_int_equal(ret, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(goes_on_behind_a_new_key),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("qkdtlsd_pump_ktls", tests, site_setup, site_teardown);
}
