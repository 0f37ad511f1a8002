// SPDX-License-Identifier: GPL-2.0-or-later
/* What is counted of each source address, by several workers at once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/wait.h>
#include <cmocka.h>

#include "qkdtlsd/counters.h"
#include "qkdtlsd/tunnel/sources.h"

#define WEB  0
#define MAIL 1

/* As many as a worker may have connections, each from elsewhere */
#define CROWD 10000

static struct sockaddr_storage address(const char *text)
{
	struct sockaddr_storage sa = { 0 };
	struct sockaddr_in *in = (void *)&sa;
	struct sockaddr_in6 *in6 = (void *)&sa;

	if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
	} else {
		assert_int_equal(inet_pton(AF_INET6, text, &in6->sin6_addr), 1);
		in6->sin6_family = AF_INET6;
	}
	return sa;
}

static struct source *enter(unsigned int worker, uint32_t service, const char *text)
{
	const struct sockaddr_storage sa = address(text);
	struct source *source = source_enter(worker, service, &sa);

	assert_non_null(source);
	return source;
}

static void has(const struct source *source, uint32_t connections, uint32_t handshakes)
{
	const struct source_counts counts = source_counts(source);

	assert_int_equal(counts.connections, connections);
	assert_int_equal(counts.handshakes, handshakes);
}

static void counts_over_all_workers(void **state)
{
	struct source *a = enter(0, WEB, "192.0.2.1"), *b = enter(5, WEB, "192.0.2.1");

	has(a, 2, 2);
	has(b, 2, 2);
	source_shaken(a);
	has(b, 2, 1);
	source_leave(b, true);
	has(a, 1, 0);
	source_leave(a, false);
}

static void tells_addresses_and_services_apart(void **state)
{
	struct source *a = enter(0, WEB, "192.0.2.1"), *b = enter(0, WEB, "192.0.2.2");
	struct source *c = enter(1, MAIL, "192.0.2.1");

	has(a, 1, 1);
	has(b, 1, 1);
	has(c, 1, 1);
	source_leave(a, true);
	source_leave(b, true);
	source_leave(c, true);
}

/* One customer of a provider has a whole /64. */
static void an_ipv6_source_is_a_network(void **state)
{
	struct source *a = enter(0, WEB, "2001:db8:1:2::1");
	struct source *b = enter(0, WEB, "2001:db8:1:2:ffff:ffff:ffff:ffff");
	struct source *c = enter(0, WEB, "2001:db8:1:3::1");

	has(a, 2, 2);
	has(c, 1, 1);
	source_leave(a, true);
	source_leave(b, true);
	source_leave(c, true);
}

/* A listener for both families says the same address in another way. */
static void a_mapped_address_is_the_same(void **state)
{
	struct source *a = enter(0, WEB, "192.0.2.1"), *b = enter(0, WEB, "::ffff:192.0.2.1");
	struct source *c = enter(0, WEB, "::1");

	has(a, 2, 2);
	has(c, 1, 1);
	source_leave(a, true);
	source_leave(b, true);
	source_leave(c, true);
}

static void what_is_no_internet_address_is_not_counted(void **state)
{
	struct sockaddr_storage sa = { .ss_family = AF_UNIX };

	assert_null(source_enter(0, WEB, &sa));
}

static void a_dead_workers_are_forgotten(void **state)
{
	struct source *a = enter(0, WEB, "192.0.2.1");

	enter(7, WEB, "192.0.2.1");
	enter(7, WEB, "192.0.2.1");
	has(a, 3, 3);
	sources_forget(7);
	has(a, 1, 1);
	source_leave(a, true);
}

/* There is room for each of as many as may come, and each is told from the others. */
static void a_crowd_has_room(void **state)
{
	struct source **crowd = calloc(CROWD, sizeof(*crowd));
	struct sockaddr_storage sa = address("10.0.0.0");
	struct sockaddr_in *in = (void *)&sa;

	assert_non_null(crowd);
	for (uint32_t i = 0; i < CROWD; i++) {
		in->sin_addr.s_addr = htonl(0x0a000000 + i);
		crowd[i] = source_enter(3, WEB, &sa);
		assert_non_null(crowd[i]);
	}
	for (uint32_t i = 0; i < CROWD; i++)
		has(crowd[i], 1, 1);
	for (uint32_t i = 0; i < CROWD; i++)
		source_leave(crowd[i], true);
	/* Places are used again. */
	for (uint32_t i = 0; i < CROWD; i++) {
		in->sin_addr.s_addr = htonl(0xc0000000 + i * 256);
		crowd[i] = source_enter(3, WEB, &sa);
		assert_non_null(crowd[i]);
		has(crowd[i], 1, 1);
	}
	for (uint32_t i = 0; i < CROWD; i++)
		source_leave(crowd[i], true);
	free(crowd);
}

#define ROUNDS	 20000
#define TOGETHER 4

/*
 * Workers come and go with a few addresses as fast as they can, so that places change hands under each other's eyes: none
 * ever sees more than there can be, nor less than its own.
 */
static void be_busy(unsigned int worker)
{
	struct source_counts counts;
	struct source *source;
	struct sockaddr_storage sa = address("198.51.100.0");
	struct sockaddr_in *in = (void *)&sa;

	for (uint32_t i = 0; i < ROUNDS; i++) {
		in->sin_addr.s_addr = htonl(0xc6336400 + (i * 7 + worker) % 5);
		source = source_enter(worker, WEB, &sa);
		if (!source)
			_exit(1);
		counts = source_counts(source);
		if (!counts.connections || counts.connections > TOGETHER)
			_exit(2);
		source_leave(source, true);
	}
	_exit(0);
}

static void workers_do_not_disturb_each_other(void **state)
{
	pid_t pids[TOGETHER];
	int status;

	for (unsigned int i = 0; i < TOGETHER; i++) {
		pids[i] = fork();
		assert_true(pids[i] >= 0);
		if (!pids[i])
			be_busy(10 + i);
	}
	for (unsigned int i = 0; i < TOGETHER; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(counts_over_all_workers),
		cmocka_unit_test(tells_addresses_and_services_apart),
		cmocka_unit_test(an_ipv6_source_is_a_network),
		cmocka_unit_test(a_mapped_address_is_the_same),
		cmocka_unit_test(what_is_no_internet_address_is_not_counted),
		cmocka_unit_test(a_dead_workers_are_forgotten),
		cmocka_unit_test(a_crowd_has_room),
		cmocka_unit_test(workers_do_not_disturb_each_other),
	};

	if (sources_init())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
