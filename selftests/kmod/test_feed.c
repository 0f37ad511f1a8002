// SPDX-License-Identifier: GPL-2.0-or-later
/* A process as a link's provider: what it is told, what it may say, and what becomes of it. */
#include "feed.h"

#include <stdio.h>
#include <sys/time.h>

/* What is asked of a feed */

TEST_F(feed, is_told_of_room_for_outbound_keys_once)
{
	EXPECT_TRUE(asks_nothing(self->feed));
	ASSERT_EQ(0, put_keys(self->feed, QKD_DIR_OUTBOUND, 0, LOW + 2));
	EXPECT_TRUE(asks_nothing(self->feed));
}

TEST_F(feed, is_told_again_when_few_keys_are_left)
{
	struct qkd_key_get get;

	ASSERT_EQ(0, put_keys(self->feed, QKD_DIR_OUTBOUND, 0, LOW + 2));
	for (unsigned int nr = 0; nr < 2; nr++) {
		ASSERT_EQ(0, get_key(self->fd, 0, &get));
		EXPECT_TRUE(is_key(&get, nr));
	}
	EXPECT_TRUE(asks_nothing(self->feed));
	ASSERT_EQ(0, get_key(self->fd, 0, &get));
	EXPECT_TRUE(asks_keys(self->feed, CAPACITY - LOW + 1));
	/* It knows until there are none. */
	ASSERT_EQ(0, get_key(self->fd, 0, &get));
	EXPECT_TRUE(asks_nothing(self->feed));
	for (unsigned int left = LOW - 2; left; left--)
		ASSERT_EQ(0, get_key(self->fd, 0, &get));
	EXPECT_TRUE(asks_keys(self->feed, CAPACITY));
	EXPECT_TRUE(asks_nothing(self->feed));
	EXPECT_TRUE(balances(self, LOW + 2));
}

TEST_F(feed, is_told_of_the_room_there_is_when_it_reads)
{
	struct qkd_key_get get;

	ASSERT_EQ(0, put_key(self->feed, QKD_DIR_OUTBOUND, 0));
	ASSERT_EQ(0, get_key(self->fd, 0, &get));
	ASSERT_TRUE(poll_until(self->feed, POLLIN));
	ASSERT_EQ(0, put_keys(self->feed, QKD_DIR_OUTBOUND, 1, 3));
	EXPECT_TRUE(asks_keys(self->feed, CAPACITY - 3));
	ASSERT_EQ(0, get_key(self->fd, 0, &get));
	ASSERT_EQ(0, get_key(self->fd, 0, &get));
	ASSERT_EQ(0, get_key(self->fd, 0, &get));
	ASSERT_TRUE(poll_until(self->feed, POLLIN));
	/* Where there is none nothing is asked. */
	ASSERT_EQ(0, put_keys(self->feed, QKD_DIR_OUTBOUND, 4, CAPACITY));
	EXPECT_TRUE(asks_nothing(self->feed));
}

TEST_F(feed, is_told_of_keys_that_were_purged)
{
	ASSERT_EQ(0, put_keys(self->feed, QKD_DIR_OUTBOUND, 0, CAPACITY));
	ASSERT_EQ(0, qkd_nl_link_purge(self->nl, LINK));
	EXPECT_TRUE(asks_keys(self->feed, CAPACITY));
	EXPECT_TRUE(balances(self, CAPACITY));
	EXPECT_EQ(CAPACITY, stat_now(self, QKD_A_STATS_PURGED));
}

TEST_F(feed, is_told_of_a_mark_that_was_raised)
{
	const uint32_t low = CAPACITY;
	const struct qkd_link_change change = { .name = LINK, .low = &low };

	ASSERT_EQ(0, put_keys(self->feed, QKD_DIR_OUTBOUND, 0, LOW + 2));
	ASSERT_EQ(0, qkd_nl_link_set(self->nl, &change));
	EXPECT_TRUE(asks_keys(self->feed, CAPACITY - LOW - 2));
}

TEST_F(feed, is_asked_for_the_key_that_somebody_waits_for)
{
	struct waiter waiter;
	int ms;

	ASSERT_EQ(0, start_waiter(&waiter, self->fd, 7, DEADLINE_MS));
	ms = asks_id(self->feed, 7);
	EXPECT_LT(0, ms);
	EXPECT_GE(DEADLINE_MS + 20, ms);
	EXPECT_TRUE(asks_nothing(self->feed));
	ASSERT_EQ(0, put_key(self->feed, QKD_DIR_INBOUND, 7));
	ASSERT_EQ(0, end_waiter(&waiter));
	EXPECT_TRUE(is_key(&waiter.get, 7));
	EXPECT_EQ(0, commit(self->fd, waiter.get.key_id));
	EXPECT_EQ(1, stat_now(self, QKD_A_STATS_INBOUND_SPENT));
	EXPECT_TRUE(balances(self, 1));
	EXPECT_TRUE(asks_nothing(self->feed));
}

TEST_F(feed, is_asked_once_for_an_id_that_many_wait_for)
{
	struct waiter waiters[8];
	int got = 0, busy = 0;

	for (int i = 0; i < 8; i++)
		ASSERT_EQ(0, start_waiter(&waiters[i], self->fd, 7, DEADLINE_MS));
	EXPECT_LT(0, asks_id(self->feed, 7));
	ASSERT_SOON(stat_now(self, QKD_A_STATS_WAITERS) == 8);
	EXPECT_TRUE(asks_nothing(self->feed));
	ASSERT_EQ(0, put_key(self->feed, QKD_DIR_INBOUND, 7));
	for (int i = 0; i < 8; i++) {
		int ret = end_waiter(&waiters[i]);

		got += !ret;
		busy += ret == -EBUSY;
	}
	EXPECT_EQ(1, got);
	EXPECT_EQ(7, busy);
}

/* Who may not wait finds the key when he asks again. */
TEST_F(feed, is_asked_by_who_may_not_wait_too)
{
	struct qkd_key_get get;
	int ms;

	ASSERT_EQ(-ENOKEY, ask_once(self->fd, 7, &get));
	ms = asks_id(self->feed, 7);
	EXPECT_LT(0, ms);
	EXPECT_GE(QKD_FEED_LINGER_MS + 20, ms);
	EXPECT_EQ(-ENOKEY, ask_once(self->fd, 7, &get));
	EXPECT_TRUE(asks_nothing(self->feed));
	ASSERT_EQ(0, put_key(self->feed, QKD_DIR_INBOUND, 7));
	ASSERT_EQ(0, ask_once(self->fd, 7, &get));
	EXPECT_TRUE(is_key(&get, 7));
}

/* Whoever asks again and again for what is on its way uses up nobody's look-ups; nor does one that is refused. */
TEST_F(feed, look_ups_count_once_for_each_id)
{
	struct qkd_key_get get;

	for (int i = 0; i < 3000; i++)
		ASSERT_EQ(-ENOKEY, ask_once(self->fd, 7, &get));
	EXPECT_LT(0, asks_id(self->feed, 7));
	ASSERT_EQ(0, refuse(self->feed, 7, ENOKEY));
	for (int i = 0; i < 3000; i++)
		ASSERT_EQ(-ENOKEY, ask_once(self->fd, 7, &get));
	EXPECT_EQ(0, stat_now(self, QKD_A_STATS_LIMITED));
	EXPECT_EQ(6000, stat_now(self, QKD_A_STATS_UNKNOWN));
	/* Others do. */
	for (unsigned int nr = 100; nr < 20100; nr++)
		ask_once(self->fd, nr, &get);
	EXPECT_LT(0, stat_now(self, QKD_A_STATS_LIMITED));
}

TEST_F(feed, is_asked_again_when_somebody_outlasts_what_was_said)
{
	struct waiter first, second;

	ASSERT_EQ(0, start_waiter(&first, self->fd, 7, 4 * SHORT_MS));
	EXPECT_LT(0, asks_id(self->feed, 7));
	ASSERT_EQ(0, start_waiter(&second, self->fd, 7, DEADLINE_MS));
	EXPECT_EQ(-ENOKEY, end_waiter(&first));
	EXPECT_LT(4 * SHORT_MS, asks_id(self->feed, 7));
	ASSERT_EQ(0, put_key(self->feed, QKD_DIR_INBOUND, 7));
	EXPECT_EQ(0, end_waiter(&second));
}

/* A zero key is refused in any case, by another errno once nobody wants the ID. */
static int put_zeros(int feed, unsigned int nr)
{
	struct qkd_feed_message message = make_key(QKD_DIR_INBOUND, nr);

	memset(message.key, 0, sizeof(message.key));
	return put_all(feed, &message, 1);
}

TEST_F(feed, may_forget_an_id_when_its_time_is_over)
{
	struct qkd_key_get get;
	struct waiter waiter;

	ASSERT_EQ(0, start_waiter(&waiter, self->fd, 7, SHORT_MS));
	EXPECT_LT(0, asks_id(self->feed, 7));
	EXPECT_EQ(-ENOKEY, end_waiter(&waiter));
	EXPECT_EQ(-ENOENT, put_key(self->feed, QKD_DIR_INBOUND, 7));

	ASSERT_EQ(-ENOKEY, ask_once(self->fd, 8, &get));
	EXPECT_LT(0, asks_id(self->feed, 8));
	EXPECT_EQ(-EINVAL, put_zeros(self->feed, 8));
	ASSERT_SOON(put_zeros(self->feed, 8) == -ENOENT);
	EXPECT_EQ(-ENOENT, put_key(self->feed, QKD_DIR_INBOUND, 8));
	EXPECT_EQ(-ENOENT, refuse(self->feed, 8, ENOKEY));
	EXPECT_TRUE(asks_nothing(self->feed));
	EXPECT_TRUE(balances(self, 0));
}

/* Who is killed while he waits wants nothing any more. */
TEST_F(feed, is_not_asked_for_the_dead)
{
	struct qkd_key_get get;
	uint8_t id[QKD_KEY_ID_LEN];
	pid_t pid = fork();

	if (!pid) {
		make_id(7, id);
		get_by_id(self->fd, id, DEADLINE_MS, &get);
		_exit(0);
	}
	ASSERT_LT(0, pid);
	ASSERT_TRUE(poll_until(self->feed, POLLIN));
	ASSERT_EQ(0, kill(pid, SIGKILL));
	ASSERT_TRUE(WIFSIGNALED(await(pid)));
	EXPECT_TRUE(asks_nothing(self->feed));
	EXPECT_EQ(-ENOENT, put_key(self->feed, QKD_DIR_INBOUND, 7));
}

TEST_F(feed, is_not_asked_for_a_key_that_is_here_or_was)
{
	struct qkd_key_get get;

	ASSERT_EQ(-ENOKEY, ask_once(self->fd, 7, &get));
	ASSERT_EQ(0, put_key(self->feed, QKD_DIR_INBOUND, 7));
	EXPECT_TRUE(asks_nothing(self->feed));
	ASSERT_EQ(0, ask_once(self->fd, 7, &get));
	ASSERT_EQ(0, commit(self->fd, get.key_id));
	EXPECT_EQ(-EKEYREVOKED, ask_once(self->fd, 7, &get));
	EXPECT_TRUE(asks_nothing(self->feed));
	EXPECT_EQ(-EEXIST, put_key(self->feed, QKD_DIR_INBOUND, 7));
}

/* As many IDs are remembered as may be waited for, and none of those that are waited for is forgotten. */
TEST_F(feed, is_asked_for_no_more_ids_than_may_be_waited_for)
{
	struct qkd_feed_request requests[300];
	struct qkd_key_get get;
	struct waiter waiter;
	int n;

	ASSERT_EQ(0, start_waiter(&waiter, self->fd, 7, DEADLINE_MS));
	ASSERT_SOON(stat_now(self, QKD_A_STATS_WAITERS) == 1 && poll_now(self->feed) & POLLIN);
	for (unsigned int nr = 100; nr < 700; nr++)
		ASSERT_EQ(-ENOKEY, ask_once(self->fd, nr, &get));
	n = qkd_feed_read(self->feed, requests, 300);
	EXPECT_LT(0, n);
	EXPECT_GE(256, n);
	EXPECT_TRUE(asks_nothing(self->feed));
	ASSERT_EQ(0, put_key(self->feed, QKD_DIR_INBOUND, 7));
	ASSERT_EQ(0, end_waiter(&waiter));
	EXPECT_TRUE(is_key(&waiter.get, 7));
}

TEST_F(feed, is_asked_for_ids_first)
{
	struct qkd_feed_request requests[4];
	struct qkd_key_get get;

	ASSERT_EQ(0, put_key(self->feed, QKD_DIR_OUTBOUND, 0));
	ASSERT_EQ(0, get_key(self->fd, 0, &get));
	ASSERT_TRUE(poll_until(self->feed, POLLIN));
	ASSERT_EQ(-ENOKEY, ask_once(self->fd, 7, &get));
	ASSERT_EQ(-ENOKEY, ask_once(self->fd, 8, &get));
	ASSERT_EQ(3, qkd_feed_read(self->feed, requests, 4));
	EXPECT_EQ(QKD_FEED_ID, requests[0].type);
	EXPECT_EQ(0, memcmp(requests[0].key_id, &(unsigned int){ 7 }, 4));
	EXPECT_EQ(QKD_FEED_ID, requests[1].type);
	EXPECT_EQ(0, memcmp(requests[1].key_id, &(unsigned int){ 8 }, 4));
	EXPECT_EQ(QKD_FEED_KEYS, requests[2].type);
}

/* Reading */

TEST_F(feed, read_takes_whole_requests_only)
{
	struct qkd_key_get get;
	char bytes[2 * REQUEST];

	ASSERT_EQ(-ENOKEY, ask_once(self->fd, 7, &get));
	ASSERT_EQ(-ENOKEY, ask_once(self->fd, 8, &get));
	for (size_t len = 0; len < REQUEST; len++) {
		ASSERT_EQ(-1, read(self->feed, bytes, len));
		ASSERT_EQ(EMSGSIZE, errno);
	}
	ASSERT_EQ(REQUEST, read(self->feed, bytes, sizeof(bytes) - 1));
	EXPECT_LT(0, asks_id(self->feed, 8));
}

TEST_F(feed, a_request_that_could_not_be_written_waits_still)
{
	long page = sysconf(_SC_PAGESIZE);
	char *pages =
		mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct qkd_key_get get;

	ASSERT_NE(MAP_FAILED, pages);
	ASSERT_EQ(0, mprotect(pages + page, page, PROT_NONE));
	ASSERT_EQ(0, put_key(self->feed, QKD_DIR_OUTBOUND, 0));
	ASSERT_EQ(0, get_key(self->fd, 0, &get));
	ASSERT_TRUE(poll_until(self->feed, POLLIN));
	ASSERT_EQ(-1, read(self->feed, pages + page - 1, REQUEST));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_TRUE(asks_keys(self->feed, CAPACITY));

	ASSERT_EQ(-ENOKEY, ask_once(self->fd, 7, &get));
	ASSERT_EQ(-ENOKEY, ask_once(self->fd, 8, &get));
	/* The first of two fits before the hole. */
	ASSERT_EQ(REQUEST, read(self->feed, pages + page - REQUEST, 2 * REQUEST));
	ASSERT_EQ(-1, read(self->feed, pages + page - 1, REQUEST));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_LT(0, asks_id(self->feed, 8));

	ASSERT_EQ(0, qkd_nl_link_delete(self->nl, LINK));
	ASSERT_EQ(-1, read(self->feed, pages + page - 1, REQUEST));
	EXPECT_EQ(EFAULT, errno);
	ASSERT_EQ(REQUEST, read(self->feed, pages, REQUEST));
	EXPECT_EQ(QKD_FEED_CLOSE, ((struct qkd_feed_request *)pages)->type);
	munmap(pages, 2 * page);
}

static void on_alarm(int signal)
{
}

TEST_F(feed, a_signal_ends_a_read_that_waits)
{
	const struct sigaction action = { .sa_handler = on_alarm };
	const struct itimerval soon = { .it_value.tv_usec = 20000, .it_interval.tv_usec = 20000 };
	struct qkd_feed_request request;

	ASSERT_EQ(0, sigaction(SIGALRM, &action, NULL));
	ASSERT_EQ(0, fcntl(self->feed, F_SETFL, 0));
	ASSERT_EQ(0, setitimer(ITIMER_REAL, &soon, NULL));
	EXPECT_EQ(-EINTR, qkd_feed_read(self->feed, &request, 1));
}

/* Writing */

TEST_F(feed, malformed_messages_are_refused)
{
	const struct qkd_feed_message key = make_key(QKD_DIR_OUTBOUND, 1);
	const struct qkd_feed_message refusal = { .type = QKD_FEED_REFUSE, .value = ENOKEY };
	const struct qkd_feed_message report = { .type = QKD_FEED_REPORT, .value = QKD_LINK_UP };
	static const uint32_t types[] = { 0, 4, 5, 255, 256, 0x80000000, UINT32_MAX };
	static const uint32_t lens[] = {
		0, 1, 16, 31, 33, 64, 65, 96, 4096, 0x80000000, UINT32_MAX
	};
	static const uint32_t refusals[] = { 0, 1, ENOENT, EAGAIN, 4095, (uint32_t)-ENOKEY };
	struct qkd_feed_message bad;

#define EXPECT_BAD(from, change)                                  \
	do {                                                      \
		bad = from;                                       \
		change;                                           \
		EXPECT_EQ(-EINVAL, put_all(self->feed, &bad, 1)); \
	} while (0)
	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		EXPECT_BAD(key, bad.type = types[i]);
	for (size_t i = 0; i < sizeof(lens) / sizeof(lens[0]); i++)
		EXPECT_BAD(key, bad.len = lens[i]);
	EXPECT_BAD(key, bad.value = 1);
	EXPECT_BAD(key, bad.direction = 2);
	EXPECT_BAD(key, bad.direction = UINT32_MAX);
	EXPECT_BAD(key, bad.key[QKD_FEED_KEY_LEN] = 1);
	EXPECT_BAD(key, bad.key[QKD_KEY_LEN_MAX - 1] = 1);
	EXPECT_BAD(key, memset(bad.key, 0, sizeof(bad.key)));
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++)
		EXPECT_BAD(refusal, bad.value = refusals[i]);
	EXPECT_BAD(refusal, bad.direction = 1);
	EXPECT_BAD(refusal, bad.len = 1);
	EXPECT_BAD(refusal, bad.key[0] = 1);
	EXPECT_BAD(refusal, bad.key[63] = 1);
	EXPECT_BAD(report, bad.value = QKD_LINK_DEGRADED);
	EXPECT_BAD(report, bad.value = UINT32_MAX);
	EXPECT_BAD(report, bad.direction = 1);
	EXPECT_BAD(report, bad.len = 1);
	EXPECT_BAD(report, bad.key_id[15] = 1);
	EXPECT_BAD(report, bad.key[8] = 1);
	EXPECT_BAD(report, bad.key[63] = 1);
	EXPECT_BAD(report, bad.report.qber = 1000001);
	EXPECT_EQ(1, put_all(self->feed, &key, 1));
	EXPECT_TRUE(balances(self, 1));
}

TEST_F(feed, write_takes_whole_messages_only)
{
	struct qkd_feed_message messages[3] = {
		make_key(QKD_DIR_OUTBOUND, 1),
		make_key(QKD_DIR_OUTBOUND, 2),
		make_key(QKD_DIR_OUTBOUND, 3),
	};

	for (size_t len = 0; len < MESSAGE; len++) {
		ASSERT_EQ(-1, write(self->feed, messages, len));
		ASSERT_EQ(EINVAL, errno);
	}
	EXPECT_EQ(MESSAGE, write(self->feed, messages, 2 * MESSAGE - 1));
	EXPECT_EQ(2, put_all(self->feed, &messages[1], 2));
	EXPECT_TRUE(balances(self, 3));
}

TEST_F(feed, write_stops_at_what_it_refuses)
{
	struct qkd_feed_message messages[3] = {
		make_key(QKD_DIR_OUTBOUND, 1),
		make_key(QKD_DIR_OUTBOUND, 1),
		make_key(QKD_DIR_OUTBOUND, 2),
	};
	struct qkd_key_get get;

	EXPECT_EQ(1, put_all(self->feed, messages, 3));
	EXPECT_EQ(-EEXIST, put_all(self->feed, &messages[1], 2));
	EXPECT_EQ(1, put_all(self->feed, &messages[2], 1));
	ASSERT_EQ(0, get_key(self->fd, 0, &get));
	EXPECT_TRUE(is_key(&get, 1));
	ASSERT_EQ(0, get_key(self->fd, 0, &get));
	EXPECT_TRUE(is_key(&get, 2));
	EXPECT_EQ(-EEXIST, put_key(self->feed, QKD_DIR_OUTBOUND, 1));
	EXPECT_EQ(3, stat_now(self, QKD_A_STATS_REFUSED));
	EXPECT_TRUE(balances(self, 2));
}

TEST_F(feed, what_cannot_be_read_is_not_taken)
{
	long page = sysconf(_SC_PAGESIZE);
	struct qkd_feed_message messages[2] = {
		make_key(QKD_DIR_OUTBOUND, 1),
		make_key(QKD_DIR_OUTBOUND, 2),
	};
	char *pages =
		mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, pages);
	ASSERT_EQ(0, mprotect(pages + page, page, PROT_NONE));
	for (size_t split = 0; split < MESSAGE; split++) {
		char *place = pages + page - split;

		memcpy(place, messages, split);
		ASSERT_EQ(-1, write(self->feed, place, MESSAGE));
		ASSERT_EQ(EFAULT, errno);
	}
	EXPECT_TRUE(balances(self, 0));
	memcpy(pages + page - MESSAGE - 1, messages, MESSAGE + 1);
	EXPECT_EQ(MESSAGE, write(self->feed, pages + page - MESSAGE - 1, 2 * MESSAGE));
	EXPECT_TRUE(balances(self, 1));
	munmap(pages, 2 * page);
}

static bool has_room(int feed)
{
	struct pollfd pfd = { .fd = feed, .events = POLLOUT };

	return poll(&pfd, 1, 0) == 1 && pfd.revents & POLLOUT;
}

TEST_F(feed, waits_until_there_is_room)
{
	struct pollfd pfd = { .fd = self->feed, .events = POLLOUT };
	struct qkd_feed_message messages[CAPACITY + 2];
	struct qkd_key_get get;
	pid_t pid;

	for (unsigned int i = 0; i < CAPACITY + 2; i++)
		messages[i] = make_key(QKD_DIR_OUTBOUND, i);
	EXPECT_TRUE(has_room(self->feed));
	EXPECT_EQ(CAPACITY, put_all(self->feed, messages, CAPACITY + 2));
	EXPECT_FALSE(has_room(self->feed));
	EXPECT_EQ(-ENOSPC, put_all(self->feed, &messages[CAPACITY], 2));
	EXPECT_EQ(2, stat_now(self, QKD_A_STATS_DROPPED));
	/* Who polls is woken. */
	pid = fork();
	if (!pid) {
		poll(NULL, 0, SHORT_MS);
		_exit(get_key(self->fd, 0, &get));
	}
	ASSERT_LT(0, pid);
	EXPECT_EQ(1, poll(&pfd, 1, DEADLINE_MS));
	EXPECT_EQ(0, await(pid));
	EXPECT_EQ(1, put_all(self->feed, &messages[CAPACITY], 2));
	EXPECT_FALSE(has_room(self->feed));
	EXPECT_TRUE(balances(self, CAPACITY + 1));
}

/* Inbound keys that nobody came for do not keep out one that somebody waits for; held ones do. */
TEST_F(feed, a_wanted_key_takes_the_place_of_one_that_is_not)
{
	struct qkd_key_get get;

	for (unsigned int nr = 0; nr < CAPACITY; nr++) {
		ASSERT_EQ(-ENOKEY, ask_once(self->fd, nr, &get));
		ASSERT_EQ(0, put_key(self->feed, QKD_DIR_INBOUND, nr));
	}
	ASSERT_EQ(0, ask_once(self->fd, 0, &get));
	ASSERT_EQ(-ENOKEY, ask_once(self->fd, 100, &get));
	ASSERT_EQ(0, put_key(self->feed, QKD_DIR_INBOUND, 100));
	EXPECT_EQ(-EKEYEXPIRED, ask_once(self->fd, 1, &get));
	ASSERT_EQ(0, ask_once(self->fd, 100, &get));
	EXPECT_TRUE(is_key(&get, 100));
	for (unsigned int nr = 2; nr < CAPACITY; nr++)
		ASSERT_EQ(0, ask_once(self->fd, nr, &get));
	EXPECT_EQ(CAPACITY, stat_now(self, QKD_A_STATS_INBOUND_RESERVED));
	ASSERT_EQ(-ENOKEY, ask_once(self->fd, 101, &get));
	EXPECT_EQ(-ENOSPC, put_key(self->feed, QKD_DIR_INBOUND, 101));
	/* It is wanted still. */
	close(self->fd);
	EXPECT_EQ(0, put_key(self->feed, QKD_DIR_INBOUND, 101));
	self->fd = qkd_open(LINK, 0);
	EXPECT_EQ(0, ask_once(self->fd, 101, &get));
	EXPECT_EQ(2, stat_now(self, QKD_A_STATS_EXPIRED));
	EXPECT_TRUE(balances(self, CAPACITY + 2));
}

TEST_F(feed, keys_that_nobody_asked_for_are_refused)
{
	EXPECT_EQ(-ENOENT, put_key(self->feed, QKD_DIR_INBOUND, 7));
	EXPECT_EQ(-ENOENT, refuse(self->feed, 7, ENOKEY));
	EXPECT_EQ(-ENOENT, refuse(self->feed, 7, EACCES));
	EXPECT_EQ(1, stat_now(self, QKD_A_STATS_REFUSED));
	ASSERT_EQ(0, put_key(self->feed, QKD_DIR_OUTBOUND, 8));
	EXPECT_EQ(-EEXIST, put_key(self->feed, QKD_DIR_INBOUND, 8));
	EXPECT_EQ(-ENOENT, refuse(self->feed, 8, ENOKEY));
	EXPECT_TRUE(balances(self, 1));
}

/* Refuses ID 7, and asks for it while the refusal is an answer to that, unless this machine is too slow. */
static int refuse_and_ask(const FIXTURE_DATA(feed) * self, int err)
{
	const int64_t before = now_ms();
	struct qkd_key_get get;
	int ret = refuse(self->feed, 7, err);

	if (!ret)
		ret = ask_once(self->fd, 7, &get);
	return now_ms() - before < QKD_FEED_REFUSED_MS ? ret : -err;
}

static void refuse_with(struct __test_metadata *const _metadata, FIXTURE_DATA(feed) * self, int err)
{
	struct qkd_key_get get;
	struct waiter waiters[4];

	for (int i = 0; i < 4; i++)
		ASSERT_EQ(0, start_waiter(&waiters[i], self->fd, 7, DEADLINE_MS));
	ASSERT_SOON(stat_now(self, QKD_A_STATS_WAITERS) == 4);
	EXPECT_LT(0, asks_id(self->feed, 7));
	ASSERT_EQ(-err, refuse_and_ask(self, err));
	for (int i = 0; i < 4; i++)
		EXPECT_EQ(-err, end_waiter(&waiters[i]));
	EXPECT_EQ(5, stat_now(self, QKD_A_STATS_UNKNOWN));
	EXPECT_EQ(-ENOENT, put_key(self->feed, QKD_DIR_INBOUND, 7));
	/* Later it is asked again, and who did not wait is told when he asks again. */
	ASSERT_SOON(ask_once(self->fd, 7, &get) == -ENOKEY && poll_now(self->feed) & POLLIN);
	EXPECT_LT(0, asks_id(self->feed, 7));
	EXPECT_EQ(-err, refuse_and_ask(self, err));
	EXPECT_TRUE(balances(self, 0));
}

TEST_F(feed, tells_who_waits_that_there_is_no_key)
{
	refuse_with(_metadata, self, ENOKEY);
}

TEST_F(feed, tells_who_waits_that_the_key_is_not_for_him)
{
	refuse_with(_metadata, self, EACCES);
}

/* A limit of all links together: the feed has nothing to wait for but time. */
TEST_F(feed, is_asked_again_where_keys_find_no_room_elsewhere)
{
	FILE *file = fopen("/sys/module/qkd/parameters/max_keys", "r+");
	unsigned int max;

	ASSERT_NE(NULL, file);
	ASSERT_EQ(1, fscanf(file, "%u", &max));
	rewind(file);
	ASSERT_LT(0, fprintf(file, "0\n"));
	ASSERT_EQ(0, fflush(file));
	EXPECT_EQ(-ENOSPC, put_key(self->feed, QKD_DIR_OUTBOUND, 1));
	EXPECT_FALSE(has_room(self->feed));
	rewind(file);
	ASSERT_LT(0, fprintf(file, "%u\n", max));
	ASSERT_EQ(0, fclose(file));
	EXPECT_TRUE(asks_keys(self->feed, CAPACITY));
	EXPECT_TRUE(has_room(self->feed));
	EXPECT_EQ(0, put_key(self->feed, QKD_DIR_OUTBOUND, 1));
}

/* Reports */

TEST_F(feed, reports_how_its_equipment_fares)
{
	struct qkd_link_info info;

	ASSERT_EQ(0, qkd_nl_link_get(self->nl, LINK, &info));
	EXPECT_EQ(QKD_LINK_DOWN, info.state);
	ASSERT_EQ(0, qkd_feed_report(self->feed, QKD_LINK_UP, 21000, 4096));
	ASSERT_EQ(0, qkd_nl_link_get(self->nl, LINK, &info));
	EXPECT_EQ(QKD_LINK_UP, info.state);
	EXPECT_EQ(21000, info.qber);
	EXPECT_EQ(4096, info.rate);
	ASSERT_EQ(0, qkd_feed_report(self->feed, QKD_LINK_DOWN, 1000000, QKD_UNKNOWN));
	ASSERT_EQ(0, qkd_nl_link_get(self->nl, LINK, &info));
	EXPECT_EQ(QKD_LINK_DOWN, info.state);
	EXPECT_EQ(1000000, info.qber);
	EXPECT_EQ(QKD_UNKNOWN, info.rate);
	ASSERT_EQ(0, qkd_feed_report(self->feed, QKD_LINK_UP, QKD_UNKNOWN, 0));
	close(self->feed);
	ASSERT_EQ(0, qkd_nl_link_get(self->nl, LINK, &info));
	EXPECT_EQ(QKD_LINK_DOWN, info.state);
	EXPECT_EQ(QKD_UNKNOWN, info.qber);
	EXPECT_EQ(QKD_UNKNOWN, info.rate);
	self->feed = -1;
}

TEST_F(feed, has_links_of_usual_keys)
{
	struct qkd_info info;

	ASSERT_EQ(0, qkd_info(self->fd, &info));
	EXPECT_STREQ("feed", info.provider);
	EXPECT_EQ(QKD_FEED_KEY_LEN, info.key_len);
	EXPECT_EQ(0, info.flags);
	EXPECT_EQ(-EOPNOTSUPP, qkd_nl_link_resync(self->nl, LINK, 1));
}

TEST_HARNESS_MAIN
