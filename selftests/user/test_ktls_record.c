// SPDX-License-Identifier: GPL-2.0-or-later
/* Traffic keys on real sockets, and the records on them, where the kernel has TLS */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "tls/internal.h"
#include "tls/ktls.h"
#include "tcp_pair.h"

static struct {
	int fd[2];
	uint16_t suite;
	bool second; /* keys are being taken for fd[1] */
} pair;

static int take(struct qkdtls_conn *conn, struct qkdtls_traffic_key *tx,
		struct qkdtls_traffic_key *rx)
{
	struct qkdtls_traffic_key *keys[] = { pair.second ? rx : tx, pair.second ? tx : rx };

	for (int i = 0; i < 2; i++) {
		keys[i]->suite = pair.suite;
		keys[i]->key_len = pair.suite == QKDTLS_AES_128_GCM_SHA256 ? 16 : 32;
		memset(keys[i]->key, 0x11 + i, keys[i]->key_len);
		memset(keys[i]->iv, 0x22 + i, sizeof(keys[i]->iv));
		keys[i]->seq = 7 + (uint64_t)i;
	}
	return 0;
}

static const struct ktls_calls real_calls = {
	.setsockopt = setsockopt,
	.shutdown = shutdown,
	.take_keys = take,
};

/* setsockopt() as it is, but the transmit key is one that the kernel refuses */
static int setsockopt_short(int fd, int level, int option, const void *value, socklen_t len)
{
	return setsockopt(fd, level, option, value, level == IPPROTO_TCP ? len : len - 1);
}

static int install(int i, const struct ktls_calls *calls)
{
	pair.second = i == 1;
	return qkdtls_ktls_install_by(NULL, pair.suite, QKDTLS_RECORD_PLAIN_MAX, pair.fd[i], calls);
}

static int setup(void **state)
{
	tcp_pair(pair.fd);
	pair.suite = QKDTLS_AES_256_GCM_SHA384;
	return 0;
}

static int teardown(void **state)
{
	close(pair.fd[0]);
	close(pair.fd[1]);
	return 0;
}

static void install_both(uint16_t suite)
{
	pair.suite = suite;
	assert_int_equal(install(0, &real_calls), 0);
	assert_int_equal(install(1, &real_calls), 0);
}

static void socket_without_ktls_still_works(void **state)
{
	char c;

	assert_int_equal(install(0, &real_calls), -EOPNOTSUPP);
	assert_int_equal(send(pair.fd[0], "x", 1, 0), 1);
	assert_int_equal(recv(pair.fd[1], &c, 1, 0), 1);
	assert_int_equal(c, 'x');
}

static ssize_t receive_record(int fd, void *buf, size_t len, uint8_t *type)
{
	struct iovec iov = { .iov_base = buf, .iov_len = len };

	return qkdtls_ktls_receive(fd, &iov, 1, type);
}

static void exchange(uint16_t suite)
{
	char buf[QKDTLS_RECORD_PLAIN_MAX];
	uint8_t type = 0;

	install_both(suite);
	assert_int_equal(send(pair.fd[0], "there", 5, 0), 5);
	assert_int_equal(receive_record(pair.fd[1], buf, sizeof(buf), &type), 5);
	assert_int_equal(type, QKDTLS_CONTENT_DATA);
	assert_memory_equal(buf, "there", 5);
	assert_int_equal(send(pair.fd[1], "and back", 8, 0), 8);
	assert_int_equal(receive_record(pair.fd[0], buf, sizeof(buf), &type), 8);
	assert_memory_equal(buf, "and back", 8);
}

static void data_goes_both_ways_aes_128(void **state)
{
	exchange(QKDTLS_AES_128_GCM_SHA256);
}

static void data_goes_both_ways_aes_256(void **state)
{
	exchange(QKDTLS_AES_256_GCM_SHA384);
}

static void data_goes_both_ways_chacha20(void **state)
{
	exchange(QKDTLS_CHACHA20_POLY1305_SHA256);
}

static void alert_comes_as_alert(void **state)
{
	char buf[QKDTLS_RECORD_PLAIN_MAX];
	uint8_t type = 0;

	install_both(QKDTLS_AES_256_GCM_SHA384);
	assert_int_equal(qkdtls_ktls_send_alert(pair.fd[0], QKDTLS_ALERT_CLOSE_NOTIFY), 0);
	assert_int_equal(receive_record(pair.fd[1], buf, sizeof(buf), &type), 2);
	assert_int_equal(type, QKDTLS_CONTENT_ALERT);
	assert_memory_equal(buf, "\1\0", 2);
	assert_int_equal(qkdtls_ktls_send_alert(pair.fd[1], QKDTLS_ALERT_DECRYPT_ERROR), 0);
	assert_int_equal(receive_record(pair.fd[0], buf, sizeof(buf), &type), 2);
	assert_memory_equal(buf, "\2\x33", 2);
}

static void end_of_stream_is_no_record(void **state)
{
	char buf[QKDTLS_RECORD_PLAIN_MAX];
	uint8_t type = 1;

	install_both(QKDTLS_AES_256_GCM_SHA384);
	assert_int_equal(shutdown(pair.fd[0], SHUT_WR), 0);
	assert_int_equal(receive_record(pair.fd[1], buf, sizeof(buf), &type), 0);
	assert_int_equal(type, 0);
}

static void garbage_is_a_forged_record(void **state)
{
	static const char record[] = "\x17\x03\x03\x00\x20"
				     "0123456789abcdef0123456789abcdef";
	char buf[QKDTLS_RECORD_PLAIN_MAX];
	uint8_t type = 0;

	assert_int_equal(install(1, &real_calls), 0);
	assert_int_equal(send(pair.fd[0], record, sizeof(record) - 1, 0), sizeof(record) - 1);
	assert_int_equal(receive_record(pair.fd[1], buf, sizeof(buf), &type), -EBADMSG);
}

/* The trap: with the ULP but without a key the kernel sends plain text. */
static void socket_of_a_failed_key_sends_nothing(void **state)
{
	const struct ktls_calls refusing = {
		.setsockopt = setsockopt_short,
		.shutdown = shutdown,
		.take_keys = take,
	};
	char c;

	assert_true(install(0, &refusing) < 0);
	assert_int_equal(send(pair.fd[0], "secret", 6, MSG_NOSIGNAL), -1);
	assert_int_equal(errno, EPIPE);
	assert_int_equal(recv(pair.fd[1], &c, 1, 0), 0);
}

static bool kernel_has_tls(void)
{
	int fd[2];
	bool has;

	tcp_pair(fd);
	has = !setsockopt(fd[0], IPPROTO_TCP, TCP_ULP, "tls", 3);
	close(fd[0]);
	close(fd[1]);
	return has;
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest without[] = {
		TEST(socket_without_ktls_still_works),
	};
	const struct CMUnitTest with[] = {
		TEST(data_goes_both_ways_aes_128),	    TEST(data_goes_both_ways_aes_256),
		TEST(data_goes_both_ways_chacha20),	    TEST(alert_comes_as_alert),
		TEST(end_of_stream_is_no_record),	    TEST(garbage_is_a_forged_record),
		TEST(socket_of_a_failed_key_sends_nothing),
	};

	if (kernel_has_tls())
		return cmocka_run_group_tests_name("ktls_record", with, NULL, NULL);
	/* cmocka would report a skipped test as "not ok". */
	printf("1..0 # SKIP this kernel has no TLS\n");
	fflush(stdout);
	return cmocka_run_group_tests_name("ktls_record without kTLS", without, NULL, NULL);
}
