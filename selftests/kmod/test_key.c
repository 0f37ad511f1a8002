// SPDX-License-Identifier: GPL-2.0-or-later
/* Keys: taken once, reserved, committed, released, waited for, withdrawn. */
#include "qkd_test.h"

#include <pthread.h>
#include <sys/time.h>

#define LINK	    "alpha"
#define RATE_SLOW   QKD_SIM_RATE_MIN /* a key every two seconds, once the first ones are gone */
#define THREADS_MAX 1024
#define STACK_LEN   65536

/* The two ends of one link, each in its namespace */
FIXTURE(key)
{
	struct end a, b;
};

FIXTURE_SETUP(key)
{
	const struct link_spec a = { .name = LINK, .role = QKD_ROLE_A, .seed = 's' };
	const struct link_spec b = { .name = LINK, .role = QKD_ROLE_B, .seed = 's' };

	ASSERT_EQ(0, end_open(&self->a, &a));
	ASSERT_EQ(0, end_open(&self->b, &b));
}

FIXTURE_TEARDOWN(key)
{
	end_close(&self->a);
	end_close(&self->b);
}

TEST_F(key, is_taken_once)
{
	struct qkd_key_get seen[64];

	for (size_t i = 0; i < 64; i++) {
		ASSERT_EQ(0, get_key(self->a.fd, DEADLINE_MS, &seen[i]));
		EXPECT_EQ(32, seen[i].key_len);
		EXPECT_FALSE(all_zero(seen[i].key_id, sizeof(seen[i].key_id)));
		EXPECT_FALSE(all_zero(seen[i].key, seen[i].key_len));
		EXPECT_TRUE(all_zero(seen[i].key + 32, sizeof(seen[i].key) - 32));
		for (size_t j = 0; j < i; j++) {
			EXPECT_NE(0, memcmp(seen[i].key_id, seen[j].key_id, QKD_KEY_ID_LEN));
			EXPECT_NE(0, memcmp(seen[i].key, seen[j].key, QKD_KEY_LEN_MAX));
		}
	}
}

TEST_F(key, is_the_same_at_both_ends)
{
	struct qkd_key_get out, in;

	for (int i = 0; i < 40; i++) {
		ASSERT_EQ(0, get_key(self->a.fd, DEADLINE_MS, &out));
		ASSERT_EQ(0, get_by_id(self->b.fd, out.key_id, DEADLINE_MS, &in));
		EXPECT_TRUE(same_key(&out, &in));
		EXPECT_EQ(0, commit(self->b.fd, out.key_id));
		ASSERT_EQ(0, get_key(self->b.fd, DEADLINE_MS, &out));
		ASSERT_EQ(0, get_by_id(self->a.fd, out.key_id, DEADLINE_MS, &in));
		EXPECT_TRUE(same_key(&out, &in));
		EXPECT_EQ(0, commit(self->a.fd, out.key_id));
	}
}

TEST_F(key, asked_for_twice_is_revoked)
{
	struct qkd_key_get out, in;

	ASSERT_EQ(0, get_key(self->a.fd, DEADLINE_MS, &out));
	ASSERT_EQ(0, get_by_id(self->b.fd, out.key_id, DEADLINE_MS, &in));
	ASSERT_EQ(0, commit(self->b.fd, out.key_id));
	EXPECT_EQ(-EKEYREVOKED, get_by_id(self->b.fd, out.key_id, 0, &in));
	EXPECT_EQ(-EKEYREVOKED, get_by_id(self->b.fd, out.key_id, SHORT_MS, &in));
	EXPECT_TRUE(all_zero(in.key, sizeof(in.key)));
	EXPECT_EQ(-ENOKEY, commit(self->b.fd, out.key_id));
	EXPECT_EQ(-ENOKEY, release(self->b.fd, out.key_id));
	EXPECT_EQ(2, stat_of(self->b.nl, LINK, QKD_A_STATS_REPLAYED));
}

TEST_F(key, never_seen_is_none)
{
	uint8_t id[QKD_KEY_ID_LEN] = { 1, 2, 3 };
	struct qkd_key_get in;

	EXPECT_EQ(-ENOKEY, get_by_id(self->b.fd, id, 0, &in));
	EXPECT_EQ(-ENOKEY, get_by_id(self->b.fd, id, SHORT_MS, &in));
	EXPECT_EQ(-ENOKEY, commit(self->b.fd, id));
	EXPECT_EQ(-ENOKEY, release(self->b.fd, id));
	EXPECT_EQ(2, stat_of(self->b.nl, LINK, QKD_A_STATS_UNKNOWN));
}

/* A client's hello that is sent back to it must find nothing. */
TEST_F(key, of_the_other_direction_is_none)
{
	struct qkd_key_get out, in;

	ASSERT_EQ(0, get_key(self->a.fd, DEADLINE_MS, &out));
	EXPECT_EQ(-ENOKEY, get_by_id(self->a.fd, out.key_id, 0, &in));
	EXPECT_EQ(-ENOKEY, get_by_id(self->a.fd, out.key_id, SHORT_MS, &in));
	EXPECT_TRUE(all_zero(in.key, sizeof(in.key)));
}

TEST_F(key, reserved_is_for_its_file_only)
{
	int other = end_file(&self->b, 0);
	struct qkd_key_get out, in;

	ASSERT_LE(0, other);
	ASSERT_EQ(0, get_key(self->a.fd, DEADLINE_MS, &out));
	ASSERT_EQ(0, get_by_id(self->b.fd, out.key_id, DEADLINE_MS, &in));
	EXPECT_EQ(1, stat_of(self->b.nl, LINK, QKD_A_STATS_INBOUND_RESERVED));
	EXPECT_EQ(-EBUSY, get_by_id(other, out.key_id, 0, &in));
	EXPECT_EQ(-EBUSY, get_by_id(other, out.key_id, SHORT_MS, &in));
	EXPECT_EQ(-ENOKEY, commit(other, out.key_id));
	EXPECT_EQ(-ENOKEY, release(other, out.key_id));
	EXPECT_EQ(0, commit(self->b.fd, out.key_id));
	close(other);
}

TEST_F(key, released_comes_back)
{
	int other = end_file(&self->b, 0);
	struct qkd_key_get out, in;

	ASSERT_LE(0, other);
	ASSERT_EQ(0, get_key(self->a.fd, DEADLINE_MS, &out));
	ASSERT_EQ(0, get_by_id(self->b.fd, out.key_id, DEADLINE_MS, &in));
	ASSERT_EQ(0, release(self->b.fd, out.key_id));
	EXPECT_EQ(-ENOKEY, release(self->b.fd, out.key_id));
	EXPECT_EQ(-ENOKEY, commit(self->b.fd, out.key_id));
	EXPECT_EQ(1, stat_of(self->b.nl, LINK, QKD_A_STATS_RELEASED));
	ASSERT_EQ(0, get_by_id(other, out.key_id, 0, &in));
	EXPECT_TRUE(same_key(&out, &in));
	EXPECT_EQ(0, commit(other, out.key_id));
	close(other);
}

TEST_F(key, of_a_closed_file_comes_back)
{
	int other = end_file(&self->b, 0);
	struct qkd_key_get out, in;

	ASSERT_LE(0, other);
	ASSERT_EQ(0, get_key(self->a.fd, DEADLINE_MS, &out));
	ASSERT_EQ(0, get_by_id(other, out.key_id, DEADLINE_MS, &in));
	ASSERT_EQ(-EBUSY, get_by_id(self->b.fd, out.key_id, 0, &in));
	close(other);
	ASSERT_EQ(0, get_by_id(self->b.fd, out.key_id, 0, &in));
	EXPECT_TRUE(same_key(&out, &in));
}

/* A process that reserves @id, tells so by a byte on @ready, and waits to be killed. */
static pid_t start_holder(const struct end *end, const uint8_t *id, int ready)
{
	pid_t pid = fork();
	struct qkd_key_get in;
	int fd;

	if (pid)
		return pid;
	fd = end_file(end, 0);
	if (fd < 0 || get_by_id(fd, id, DEADLINE_MS, &in) || write(ready, "r", 1) != 1)
		_exit(1);
	for (;;)
		pause();
}

TEST_F(key, of_a_killed_process_comes_back)
{
	struct qkd_key_get out, in;
	int ready[2], status;
	pid_t pid;

	ASSERT_EQ(0, pipe(ready));
	ASSERT_EQ(0, get_key(self->a.fd, DEADLINE_MS, &out));
	pid = start_holder(&self->b, out.key_id, ready[1]);
	ASSERT_LT(0, pid);
	ASSERT_TRUE(poll_until(ready[0], POLLIN));
	EXPECT_EQ(-EBUSY, get_by_id(self->b.fd, out.key_id, 0, &in));
	ASSERT_EQ(0, kill(pid, SIGKILL));
	status = await(pid);
	EXPECT_TRUE(WIFSIGNALED(status));
	ASSERT_EQ(0, get_by_id(self->b.fd, out.key_id, 0, &in));
	EXPECT_TRUE(same_key(&out, &in));
}

TEST_F(key, of_a_shared_file_is_held_until_the_last_close)
{
	int file = end_file(&self->b, 0);
	struct qkd_key_get out, in;
	pid_t pid;
	int copy;

	ASSERT_LE(0, file);
	ASSERT_EQ(0, get_key(self->a.fd, DEADLINE_MS, &out));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(get_by_id(file, out.key_id, DEADLINE_MS, &in) ? 1 : 0);
	ASSERT_TRUE(exited_with_0(await(pid)));
	EXPECT_EQ(-EBUSY, get_by_id(self->b.fd, out.key_id, 0, &in));
	copy = dup(file);
	ASSERT_LE(0, copy);
	close(file);
	EXPECT_EQ(-EBUSY, get_by_id(self->b.fd, out.key_id, 0, &in));
	EXPECT_EQ(0, commit(copy, out.key_id));
	EXPECT_EQ(-EKEYREVOKED, get_by_id(self->b.fd, out.key_id, 0, &in));
	close(copy);
}

TEST_F(key, that_could_not_be_written_is_put_back)
{
	const long page = sysconf(_SC_PAGESIZE);
	struct qkd_key_get *get =
		mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct qkd_key_get out, in;

	ASSERT_NE(MAP_FAILED, get);
	ASSERT_EQ(0, get_key(self->a.fd, DEADLINE_MS, &out));
	*get = (struct qkd_key_get){ .size = sizeof(*get), .timeout_ms = DEADLINE_MS };
	memcpy(get->key_id, out.key_id, sizeof(get->key_id));
	ASSERT_EQ(0, mprotect(get, page, PROT_READ));
	ASSERT_EQ(-EFAULT, call(self->b.fd, QKD_IOC_GET_KEY_BY_ID, get));
	EXPECT_TRUE(all_zero(get->key, sizeof(get->key)));
	EXPECT_EQ(-ENOKEY, commit(self->b.fd, out.key_id));
	ASSERT_EQ(0, get_by_id(self->b.fd, out.key_id, 0, &in));
	EXPECT_TRUE(same_key(&out, &in));
}

/* Reading */

TEST_F(key, is_read_as_a_record)
{
	struct qkd_record records[4];
	struct qkd_key_get in;
	char extra[2 * sizeof(records[0]) + 8];

	ASSERT_SOON(stat_of(self->a.nl, LINK, QKD_A_STATS_OUTBOUND_FRESH) >= 8);
	memset(records, 0xa5, sizeof(records));
	ASSERT_EQ(sizeof(records), read(self->a.fd, records, sizeof(records)));
	for (int i = 0; i < 4; i++) {
		EXPECT_EQ(32, records[i].key_len);
		EXPECT_EQ(0, records[i].reserved);
		EXPECT_TRUE(all_zero(records[i].key + 32, sizeof(records[i].key) - 32));
		ASSERT_EQ(0, get_by_id(self->b.fd, records[i].key_id, DEADLINE_MS, &in));
		EXPECT_EQ(0, memcmp(in.key, records[i].key, sizeof(in.key)));
	}
	EXPECT_EQ(2 * sizeof(records[0]), read(self->a.fd, extra, sizeof(extra)));
	EXPECT_EQ(6, stat_of(self->a.nl, LINK, QKD_A_STATS_OUTBOUND_SPENT));
}

TEST_F(key, is_not_read_into_a_short_buffer)
{
	char buffer[sizeof(struct qkd_record) - 1];

	ASSERT_TRUE(poll_until(self->a.fd, POLLIN));
	EXPECT_EQ(-1, read(self->a.fd, buffer, sizeof(buffer)));
	EXPECT_EQ(EMSGSIZE, errno);
	EXPECT_EQ(-1, read(self->a.fd, buffer, 0));
	EXPECT_EQ(EMSGSIZE, errno);
	EXPECT_EQ(0, stat_of(self->a.nl, LINK, QKD_A_STATS_OUTBOUND_SPENT));
}

TEST_F(key, is_not_read_into_no_memory)
{
	void *volatile nowhere = NULL;

	ASSERT_TRUE(poll_until(self->a.fd, POLLIN));
	EXPECT_EQ(-1, read(self->a.fd, nowhere, sizeof(struct qkd_record)));
	EXPECT_EQ(EFAULT, errno);
	EXPECT_EQ(1, stat_of(self->a.nl, LINK, QKD_A_STATS_OUTBOUND_SPENT));
}

TEST_F(key, is_not_written_and_has_no_position)
{
	char byte = 0;

	EXPECT_EQ(-1, write(self->a.fd, &byte, 1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, pread(self->a.fd, &byte, 1, 0));
	EXPECT_EQ(ESPIPE, errno);
}

/* Withdrawing */

TEST_F(key, purged_is_revoked)
{
	struct qkd_key_get out[2], in;

	ASSERT_EQ(0, get_key(self->a.fd, DEADLINE_MS, &out[0]));
	ASSERT_EQ(0, get_key(self->a.fd, DEADLINE_MS, &out[1]));
	ASSERT_EQ(0, get_by_id(self->b.fd, out[0].key_id, DEADLINE_MS, &in));
	ASSERT_EQ(0, get_by_id(self->b.fd, out[1].key_id, DEADLINE_MS, &in));
	ASSERT_EQ(0, release(self->b.fd, out[1].key_id));
	ASSERT_EQ(0, qkd_nl_link_purge(self->b.nl, LINK));
	EXPECT_EQ(-EKEYREVOKED, commit(self->b.fd, out[0].key_id));
	EXPECT_EQ(-ENOKEY, commit(self->b.fd, out[0].key_id));
	EXPECT_EQ(-EKEYREVOKED, get_by_id(self->b.fd, out[0].key_id, 0, &in));
	EXPECT_EQ(-EKEYREVOKED, get_by_id(self->b.fd, out[1].key_id, 0, &in));
	EXPECT_LE(2, stat_of(self->b.nl, LINK, QKD_A_STATS_PURGED));
	ASSERT_EQ(0, get_key(self->b.fd, DEADLINE_MS, &out[0]));
}

TEST_F(key, purged_does_not_come_back_by_release)
{
	struct qkd_key_get out, in;

	ASSERT_EQ(0, get_key(self->a.fd, DEADLINE_MS, &out));
	ASSERT_EQ(0, get_by_id(self->b.fd, out.key_id, DEADLINE_MS, &in));
	ASSERT_EQ(0, qkd_nl_link_purge(self->b.nl, LINK));
	EXPECT_EQ(-EKEYREVOKED, get_by_id(self->b.fd, out.key_id, 0, &in));
	EXPECT_EQ(0, release(self->b.fd, out.key_id));
	EXPECT_EQ(-EKEYREVOKED, get_by_id(self->b.fd, out.key_id, 0, &in));
}

TEST_F(key, goes_with_its_link)
{
	const struct link_spec again = { .name = LINK, .role = QKD_ROLE_B, .seed = 's' };
	struct qkd_info info = { .size = sizeof(info) };
	struct qkd_key_get out, in;
	struct qkd_record record;
	int fd;

	ASSERT_EQ(0, get_key(self->a.fd, DEADLINE_MS, &out));
	ASSERT_EQ(0, get_by_id(self->b.fd, out.key_id, DEADLINE_MS, &in));
	ASSERT_EQ(0, qkd_nl_link_delete(self->b.nl, LINK));
	ASSERT_EQ(0, add_link(self->b.nl, &again));
	EXPECT_EQ(-ENODEV, commit(self->b.fd, out.key_id));
	EXPECT_EQ(-ENODEV, release(self->b.fd, out.key_id));
	EXPECT_EQ(-ENODEV, get_key(self->b.fd, SHORT_MS, &in));
	EXPECT_EQ(-ENODEV, get_by_id(self->b.fd, out.key_id, SHORT_MS, &in));
	EXPECT_EQ(-ENODEV, call(self->b.fd, QKD_IOC_GET_INFO, &info));
	EXPECT_EQ(-1, read(self->b.fd, &record, sizeof(record)));
	EXPECT_EQ(ENODEV, errno);
	EXPECT_TRUE(poll_now(self->b.fd) & POLLHUP);
	fd = end_file(&self->b, 0);
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, get_key(fd, DEADLINE_MS, &in));
	close(fd);
}

/* Waiting: a link that has given all its keys and brings one every two seconds. */
FIXTURE(wait)
{
	struct end end;
};

FIXTURE_SETUP(wait)
{
	const struct link_spec spec = {
		.name = LINK, .role = QKD_ROLE_A, .seed = 's', .rate = RATE_SLOW
	};
	struct qkd_key_get get;

	ASSERT_EQ(0, end_open(&self->end, &spec));
	ASSERT_TRUE(poll_until(self->end.fd, POLLIN));
	/* The keys of the start come one by one: a moment without any is not yet their end. */
	while (!get_key(self->end.fd, 10 * SHORT_MS, &get))
		;
}

FIXTURE_TEARDOWN(wait)
{
	end_close(&self->end);
}

/* A key may come just now, but not every time. */
static int without_a_key(int fd, uint32_t timeout_ms)
{
	struct qkd_key_get get;
	int ret = 0;

	for (int i = 0; i < 5 && !ret; i++)
		ret = get_key(fd, timeout_ms, &get);
	return ret;
}

TEST_F(wait, is_not_asked_for)
{
	EXPECT_EQ(-EAGAIN, without_a_key(self->end.fd, 0));
}

TEST_F(wait, ends_by_its_timeout)
{
	EXPECT_EQ(-ETIMEDOUT, without_a_key(self->end.fd, SHORT_MS));
	EXPECT_EQ(0, stat_of(self->end.nl, LINK, QKD_A_STATS_WAITERS));
}

TEST_F(wait, is_not_for_a_file_that_does_not_block)
{
	int fd = end_file(&self->end, O_NONBLOCK);
	struct qkd_record record;
	ssize_t len = 0;

	ASSERT_LE(0, fd);
	EXPECT_EQ(-EAGAIN, without_a_key(fd, DEADLINE_MS));
	for (int i = 0; i < 5 && len >= 0; i++)
		len = read(fd, &record, sizeof(record));
	EXPECT_EQ(-1, len);
	EXPECT_EQ(EAGAIN, errno);
	close(fd);
}

TEST_F(wait, ends_with_a_key)
{
	struct qkd_record record;
	struct qkd_key_get get;

	EXPECT_EQ(0, get_key(self->end.fd, DEADLINE_MS, &get));
	EXPECT_EQ(sizeof(record), read(self->end.fd, &record, sizeof(record)));
	EXPECT_NE(0, memcmp(get.key_id, record.key_id, QKD_KEY_ID_LEN));
}

TEST_F(wait, by_poll_ends_with_a_key)
{
	struct qkd_key_get get;

	while (poll_now(self->end.fd))
		get_key(self->end.fd, 0, &get);
	EXPECT_TRUE(poll_until(self->end.fd, POLLIN));
	EXPECT_EQ(0, get_key(self->end.fd, 0, &get));
}

static void on_alarm(int signal)
{
}

/* Alarms go on, so one that comes before the wait has begun is no matter. */
static int start_alarms(void)
{
	const struct sigaction action = { .sa_handler = on_alarm };
	const struct itimerval often = { { 0, 20000 }, { 0, 20000 } };

	return sigaction(SIGALRM, &action, NULL) || setitimer(ITIMER_REAL, &often, NULL);
}

TEST_F(wait, ends_by_a_signal)
{
	struct qkd_record record;
	ssize_t len = 0;

	ASSERT_EQ(0, start_alarms());
	EXPECT_EQ(-EINTR, without_a_key(self->end.fd, DEADLINE_MS));
	for (int i = 0; i < 5 && len >= 0; i++)
		len = read(self->end.fd, &record, sizeof(record));
	EXPECT_EQ(-1, len);
	EXPECT_EQ(EINTR, errno);
	EXPECT_EQ(0, stat_of(self->end.nl, LINK, QKD_A_STATS_WAITERS));
}

/* Waits over and over until something else than a key comes, which it exits with. */
static pid_t start_waiter(const struct end *end)
{
	pid_t pid = fork();
	struct qkd_key_get get;
	int ret = 0;

	if (pid)
		return pid;
	while (!ret)
		ret = get_key(end->fd, QKD_TIMEOUT_MS_MAX, &get);
	_exit(-ret);
}

TEST_F(wait, ends_with_its_link)
{
	pid_t pid = start_waiter(&self->end);
	int status;

	ASSERT_LT(0, pid);
	ASSERT_SOON(stat_of(self->end.nl, LINK, QKD_A_STATS_WAITERS) == 1);
	ASSERT_EQ(0, qkd_nl_link_delete(self->end.nl, LINK));
	status = await(pid);
	ASSERT_TRUE(WIFEXITED(status));
	EXPECT_EQ(ENODEV, WEXITSTATUS(status));
}

TEST_F(wait, ends_by_a_kill)
{
	pid_t pid = start_waiter(&self->end);
	int status;

	ASSERT_LT(0, pid);
	ASSERT_SOON(stat_of(self->end.nl, LINK, QKD_A_STATS_WAITERS) == 1);
	ASSERT_EQ(0, kill(pid, SIGKILL));
	status = await(pid);
	EXPECT_TRUE(WIFSIGNALED(status));
	EXPECT_EQ(0, stat_of(self->end.nl, LINK, QKD_A_STATS_WAITERS));
}

TEST_F(wait, by_poll_ends_with_its_link)
{
	struct qkd_key_get get;
	pid_t pid;

	while (poll_now(self->end.fd))
		get_key(self->end.fd, 0, &get);
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		while (!(poll_until(self->end.fd, POLLIN | POLLHUP) &&
			 poll_now(self->end.fd) & POLLHUP))
			get_key(self->end.fd, 0, &get);
		_exit(0);
	}
	ASSERT_EQ(0, qkd_nl_link_delete(self->end.nl, LINK));
	EXPECT_TRUE(exited_with_0(await(pid)));
}

struct crowd {
	int fd;
	int refused;
};

static void *wait_in_crowd(void *arg)
{
	struct crowd *crowd = arg;
	struct qkd_key_get get;
	int ret = 0;

	while (!ret)
		ret = get_key(crowd->fd, QKD_TIMEOUT_MS_MAX, &get);
	if (ret == -EBUSY)
		__atomic_store_n(&crowd->refused, 1, __ATOMIC_RELEASE);
	return NULL;
}

TEST_F_TIMEOUT(wait, is_for_a_bounded_crowd, 120)
{
	struct crowd crowd = { .fd = self->end.fd };
	static pthread_t threads[THREADS_MAX];
	pthread_attr_t small;
	int n = 0;

	ASSERT_EQ(0, pthread_attr_init(&small));
	ASSERT_EQ(0, pthread_attr_setstacksize(&small, STACK_LEN));
	while (n < THREADS_MAX && !__atomic_load_n(&crowd.refused, __ATOMIC_ACQUIRE)) {
		ASSERT_EQ(0, pthread_create(&threads[n], &small, wait_in_crowd, &crowd));
		n++;
	}
	EXPECT_TRUE(__atomic_load_n(&crowd.refused, __ATOMIC_ACQUIRE));
	ASSERT_EQ(0, qkd_nl_link_delete(self->end.nl, LINK));
	for (int i = 0; i < n; i++)
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
}

/* Age */

static uint64_t expired(const struct end *end)
{
	return stat_of(end->nl, LINK, QKD_A_STATS_EXPIRED);
}

FIXTURE(age)
{
	struct end a, b;
};

FIXTURE_SETUP(age)
{
	const struct link_spec a = {
		.name = LINK, .role = QKD_ROLE_A, .seed = 's', .rate = RATE_SLOW
	};
	const struct link_spec b = {
		.name = LINK, .role = QKD_ROLE_B, .seed = 's', .rate = RATE_SLOW, .ttl_s = 2
	};

	ASSERT_EQ(0, end_open(&self->a, &a));
	ASSERT_EQ(0, end_open(&self->b, &b));
}

FIXTURE_TEARDOWN(age)
{
	end_close(&self->a);
	end_close(&self->b);
}

TEST_F(age, ends_a_key)
{
	struct qkd_key_get out, in;

	ASSERT_EQ(0, get_key(self->a.fd, DEADLINE_MS, &out));
	ASSERT_SOON(expired(&self->b) >= 32);
	EXPECT_EQ(-EKEYEXPIRED, get_by_id(self->b.fd, out.key_id, 0, &in));
	EXPECT_TRUE(all_zero(in.key, sizeof(in.key)));
}

TEST_F(age, does_not_end_a_reservation)
{
	struct qkd_key_get out[2], in;

	ASSERT_EQ(0, get_key(self->a.fd, DEADLINE_MS, &out[0]));
	ASSERT_EQ(0, get_key(self->a.fd, DEADLINE_MS, &out[1]));
	ASSERT_EQ(0, get_by_id(self->b.fd, out[0].key_id, DEADLINE_MS, &in));
	ASSERT_EQ(0, get_by_id(self->b.fd, out[1].key_id, DEADLINE_MS, &in));
	ASSERT_SOON(expired(&self->b) >= 32);
	EXPECT_EQ(0, commit(self->b.fd, out[0].key_id));
	EXPECT_EQ(0, release(self->b.fd, out[1].key_id));
	EXPECT_EQ(-EKEYREVOKED, get_by_id(self->b.fd, out[0].key_id, 0, &in));
	EXPECT_EQ(-EKEYEXPIRED, get_by_id(self->b.fd, out[1].key_id, 0, &in));
}

static int set_ttl(const struct end *end, uint32_t ttl_s)
{
	const struct qkd_link_change change = { .name = LINK, .ttl_s = &ttl_s };

	return qkd_nl_link_set(end->nl, &change);
}

TEST_F(age, made_longer_still_ends_a_key_that_was_held_past_the_old_one)
{
	struct qkd_key_get out, in;

	ASSERT_EQ(0, get_key(self->a.fd, DEADLINE_MS, &out));
	ASSERT_EQ(0, get_by_id(self->b.fd, out.key_id, DEADLINE_MS, &in));
	ASSERT_SOON(expired(&self->b) >= 32);
	ASSERT_EQ(0, set_ttl(&self->b, QKD_TTL_MAX));
	ASSERT_EQ(0, release(self->b.fd, out.key_id));
	EXPECT_LT(0, stat_of(self->b.nl, LINK, QKD_A_STATS_INBOUND_FRESH));
	ASSERT_EQ(0, set_ttl(&self->b, 1));
	ASSERT_SOON(!stat_of(self->b.nl, LINK, QKD_A_STATS_INBOUND_FRESH));
}

TEST_HARNESS_MAIN
