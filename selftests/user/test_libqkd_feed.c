// SPDX-License-Identifier: GPL-2.0-or-later
/* What libqkd says to a feed, and makes of what it reads there: a socket is in the kernel's place. */
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
#include <qkd/libqkd.h>

/* @feed is the library's end, @kernel the other. Records keep their ends. */
struct pair {
	int feed, kernel;
};

static const uint8_t id[QKD_KEY_ID_LEN] = "sixteen bytes id";
static const uint8_t key[QKD_FEED_KEY_LEN] = "thirty-two bytes that are a key";

static int setup(void **state)
{
	static struct pair pair;
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds))
		return -1;
	pair = (struct pair){ .feed = fds[0], .kernel = fds[1] };
	*state = &pair;
	return 0;
}

static int teardown(void **state)
{
	const struct pair *pair = *state;

	close(pair->feed);
	close(pair->kernel);
	return 0;
}

static void expect_message(const struct pair *pair, const struct qkd_feed_message *want)
{
	struct qkd_feed_message got;
	uint8_t more;

	assert_int_equal(read(pair->kernel, &got, sizeof(got)), sizeof(got));
	assert_memory_equal(&got, want, sizeof(got));
	assert_int_equal(read(pair->kernel, &more, 1), -1);
}

static void a_key_is_one_message(void **state)
{
	const struct pair *pair = *state;
	struct qkd_feed_message want = {
		.type = QKD_FEED_KEY,
		.direction = QKD_DIR_INBOUND,
		.len = sizeof(key),
	};

	memcpy(want.key_id, id, sizeof(id));
	memcpy(want.key, key, sizeof(key));
	assert_int_equal(qkd_feed_key(pair->feed, QKD_DIR_INBOUND, id, key, sizeof(key)), 0);
	expect_message(pair, &want);
}

/* What the kernel is to refuse gets there; what does not fit a message does not. */
static void a_key_of_another_length_is_the_kernels_to_refuse(void **state)
{
	const uint8_t longer[QKD_KEY_LEN_MAX + 1] = { 1 };
	const struct pair *pair = *state;
	struct qkd_feed_message want = { .type = QKD_FEED_KEY,
					 .len = QKD_KEY_LEN_MAX,
					 .key = { 1 } };

	memcpy(want.key_id, id, sizeof(id));
	assert_int_equal(qkd_feed_key(pair->feed, QKD_DIR_OUTBOUND, id, longer, QKD_KEY_LEN_MAX),
			 0);
	expect_message(pair, &want);
	assert_int_equal(qkd_feed_key(pair->feed, QKD_DIR_OUTBOUND, id, longer, sizeof(longer)),
			 -EINVAL);
	assert_int_equal(qkd_feed_key(pair->feed, QKD_DIR_OUTBOUND, id, longer, SIZE_MAX), -EINVAL);
}

static void a_refusal_is_one_message(void **state)
{
	const struct pair *pair = *state;
	struct qkd_feed_message want = { .type = QKD_FEED_REFUSE, .value = EACCES };

	memcpy(want.key_id, id, sizeof(id));
	assert_int_equal(qkd_feed_refuse(pair->feed, id, EACCES), 0);
	expect_message(pair, &want);
}

static void a_report_is_one_message(void **state)
{
	const struct pair *pair = *state;
	const struct qkd_feed_message want = {
		.type = QKD_FEED_REPORT,
		.value = QKD_LINK_DOWN,
		.report = { .qber = 12345, .rate = QKD_FEED_UNKNOWN },
	};

	assert_int_equal(qkd_feed_report(pair->feed, QKD_LINK_DOWN, 12345, QKD_UNKNOWN), 0);
	expect_message(pair, &want);
}

static void requests_are_counted(void **state)
{
	const struct qkd_feed_request sent[2] = {
		{ .type = QKD_FEED_ID, .timeout_ms = 7, .key_id = { 9 } },
		{ .type = QKD_FEED_KEYS, .count = 3 },
	};
	const struct pair *pair = *state;
	struct qkd_feed_request got[4];

	assert_int_equal(qkd_feed_read(pair->feed, got, 4), -EAGAIN);
	assert_int_equal(write(pair->kernel, sent, sizeof(sent)), sizeof(sent));
	assert_int_equal(qkd_feed_read(pair->feed, got, 4), 2);
	assert_memory_equal(got, sent, sizeof(sent));
	assert_int_equal(write(pair->kernel, sent, sizeof(sent)), sizeof(sent));
	assert_int_equal(qkd_feed_read(pair->feed, got, 1), 1);
	assert_int_equal(shutdown(pair->kernel, SHUT_WR), 0);
	assert_int_equal(qkd_feed_read(pair->feed, got, 4), 0);
}

static void half_a_request_is_none(void **state)
{
	const struct pair *pair = *state;
	struct qkd_feed_request got[2] = {};

	assert_int_equal(write(pair->kernel, got, sizeof(got[0]) + 1), sizeof(got[0]) + 1);
	assert_int_equal(qkd_feed_read(pair->feed, got, 2), -EPROTO);
	assert_int_equal(write(pair->kernel, got, sizeof(got[0]) - 1), sizeof(got[0]) - 1);
	assert_int_equal(qkd_feed_read(pair->feed, got, 2), -EPROTO);
}

static void what_is_no_feed_says_so(void **state)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	assert_int_equal(qkd_feed_open(null, 0), -ENOTTY);
	close(null);
	assert_int_equal(qkd_feed_open(-1, 0), -EBADF);
	assert_int_equal(qkd_feed_key(-1, QKD_DIR_OUTBOUND, id, key, sizeof(key)), -EBADF);
	assert_int_equal(qkd_feed_refuse(-1, id, ENOKEY), -EBADF);
	assert_int_equal(qkd_feed_report(-1, QKD_LINK_UP, 0, 0), -EBADF);
	assert_int_equal(qkd_feed_read(-1, &(struct qkd_feed_request){ 0 }, 1), -EBADF);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_key_is_one_message, setup, teardown),
		cmocka_unit_test_setup_teardown(a_key_of_another_length_is_the_kernels_to_refuse,
						setup, teardown),
		cmocka_unit_test_setup_teardown(a_refusal_is_one_message, setup, teardown),
		cmocka_unit_test_setup_teardown(a_report_is_one_message, setup, teardown),
		cmocka_unit_test_setup_teardown(requests_are_counted, setup, teardown),
		cmocka_unit_test_setup_teardown(half_a_request_is_none, setup, teardown),
		cmocka_unit_test(what_is_no_feed_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
