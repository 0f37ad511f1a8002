// SPDX-License-Identifier: GPL-2.0-or-later
/* What a provider may do wrong, or at a bad moment: a clear error or a counted drop, and no key lost or doubled. */
#include <pthread.h>
#include <stdio.h>
#include <sys/syscall.h>

#include "qkd_test.h"

#define LINK	"alpha"
#define PUPPET	"/sys/kernel/debug/qkd_puppet/"
#define KEY_LEN 32
#define OWN	1 /* the key that each link of the puppet delivers as it opens, outbound */
#define ROUNDS	20

/* Has the puppet do something. Its answer, which is the core's */
static int order(const char *format, ...)
{
	char line[256];
	va_list args;
	int fd = open(PUPPET "do", O_WRONLY | O_CLOEXEC);
	int len, ret;

	if (fd < 0)
		return -EBADF;
	va_start(args, format);
	len = vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	ret = write(fd, line, (size_t)len) == len ? 0 : -errno;
	close(fd);
	return ret;
}

static int answer(const char *file)
{
	char path[128], text[16] = "";
	ssize_t got;
	int fd;

	snprintf(path, sizeof(path), PUPPET "%s", file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
	close(fd);
	return got > 0 ? atoi(text) : -1;
}

/* ID number @nr of those that the tests use */
static const char *id_text(unsigned int nr)
{
	static char text[33];

	snprintf(text, sizeof(text), "a1b2c3d4e5f60718293a4b5c%08x", nr);
	return text;
}

static void id_bytes(unsigned int nr, uint8_t *id)
{
	for (int i = 0; i < QKD_KEY_ID_LEN; i++)
		sscanf(id_text(nr) + 2 * i, "%2hhx", &id[i]);
}

static int deliver(const char *dir, const char *context, unsigned int nr, unsigned int count)
{
	return order("deliver " LINK " %s %s %s %d 5a %u", dir, context, id_text(nr), KEY_LEN,
		     count);
}

static int add_puppet(struct qkd_nl *nl, const char *name, uint32_t capacity)
{
	const struct qkd_link_request request = {
		.name = name,
		.provider = "puppet",
		.local_sae = SITE_A,
		.remote_sae = SITE_B,
		.role = QKD_ROLE_A,
		.capacity = capacity ? &capacity : NULL,
		.sim_seed_fd = -1,
	};

	return qkd_nl_link_add(nl, &request);
}

FIXTURE(provider)
{
	struct qkd_nl *nl;
	int fd;
};

FIXTURE_SETUP(provider)
{
	ASSERT_EQ(0, new_namespace(&self->nl));
	ASSERT_EQ(0, load_module("qkd_puppet", NULL));
	ASSERT_EQ(0, add_puppet(self->nl, LINK, 64));
	self->fd = qkd_open(LINK, 0);
	ASSERT_LE(0, self->fd);
}

FIXTURE_TEARDOWN(provider)
{
	close(self->fd);
	qkd_nl_close(self->nl);
	ASSERT_SOON(!unload_module("qkd_puppet"));
}

static uint64_t stat_now(FIXTURE_DATA(provider) * self, int stat)
{
	return stat_of(self->nl, LINK, stat);
}

/* Takes one outbound key and looks whether it is number @nr. */
static bool next_is(FIXTURE_DATA(provider) * self, unsigned int nr)
{
	uint8_t id[QKD_KEY_ID_LEN];
	struct qkd_key_get get;

	id_bytes(nr, id);
	return !get_key(self->fd, 0, &get) && !memcmp(get.key_id, id, sizeof(id)) &&
	       get.key_len == KEY_LEN && get.key[0] == 0x5a;
}

static bool skip_own(FIXTURE_DATA(provider) * self)
{
	struct qkd_key_get get;

	return !get_key(self->fd, 0, &get) && get.key_id[0] == 0xee;
}

TEST_F(provider, without_numbered_blocks_cannot_be_resynced)
{
	EXPECT_EQ(-EOPNOTSUPP, qkd_nl_link_resync(self->nl, LINK, 1000));
	EXPECT_STRNE("", qkd_nl_message(self->nl));
}

TEST_F(provider, a_known_id_is_refused_and_counted)
{
	ASSERT_EQ(0, deliver("out", "task", 1, 1));
	EXPECT_EQ(-EEXIST, deliver("out", "task", 1, 1));
	EXPECT_EQ(-EEXIST, deliver("in", "task", 1, 1));
	EXPECT_EQ(2, stat_now(self, QKD_A_STATS_REFUSED));
	ASSERT_TRUE(skip_own(self));
	EXPECT_TRUE(next_is(self, 1));
	/* Nor does it come back when it is spent. */
	EXPECT_EQ(-EEXIST, deliver("out", "task", 1, 1));
	EXPECT_EQ(-EEXIST, deliver("in", "task", 1, 1));
	EXPECT_EQ(4, stat_now(self, QKD_A_STATS_REFUSED));
	EXPECT_EQ(0, stat_now(self, QKD_A_STATS_OUTBOUND_FRESH));
	EXPECT_EQ(0, stat_now(self, QKD_A_STATS_INBOUND_FRESH));
}

TEST_F(provider, a_key_of_another_length_is_refused_and_counted)
{
	static const int lengths[] = { 0,
				       1,
				       QKD_KEY_LEN_MIN,
				       KEY_LEN - 1,
				       KEY_LEN + 1,
				       QKD_KEY_LEN_MAX,
				       QKD_KEY_LEN_MAX + 1,
				       128 };
	const int n = sizeof(lengths) / sizeof(lengths[0]);

	for (int i = 0; i < n; i++)
		EXPECT_EQ(-EINVAL, order("deliver " LINK " out task %s %d 5a 1",
					 id_text((unsigned int)i), lengths[i]));
	EXPECT_EQ(n, stat_now(self, QKD_A_STATS_REFUSED));
	EXPECT_EQ(OWN, stat_now(self, QKD_A_STATS_DELIVERED));
	/* The ID is not used up by that. */
	EXPECT_EQ(0, deliver("out", "task", 0, 1));
}

TEST_F(provider, a_key_of_zeros_is_refused_and_counted)
{
	EXPECT_EQ(-EINVAL, order("deliver " LINK " out task %s %d 0 1", id_text(1), KEY_LEN));
	EXPECT_EQ(-EINVAL, order("deliver " LINK " in hardirq %s %d 0 1", id_text(2), KEY_LEN));
	EXPECT_EQ(2, stat_now(self, QKD_A_STATS_REFUSED));
	EXPECT_EQ(OWN, stat_now(self, QKD_A_STATS_DELIVERED));
}

TEST_F(provider, keys_come_from_any_context)
{
	static const char *const contexts[] = { "task", "softirq", "hardirq" };

	ASSERT_TRUE(skip_own(self));
	for (unsigned int i = 0; i < 3; i++) {
		EXPECT_EQ(0, deliver("out", contexts[i], 10 * i, 10));
		EXPECT_EQ(0, deliver("in", contexts[i], 100 + 10 * i, 10));
		EXPECT_EQ(-EEXIST, deliver("in", contexts[i], 100 + 10 * i, 1));
	}
	for (unsigned int i = 0; i < 30; i++)
		EXPECT_TRUE(next_is(self, i));
	for (unsigned int i = 100; i < 130; i++) {
		uint8_t id[QKD_KEY_ID_LEN];
		struct qkd_key_get get;

		id_bytes(i, id);
		EXPECT_EQ(0, get_by_id(self->fd, id, 0, &get));
		EXPECT_EQ(0, commit(self->fd, id));
	}
}

TEST_F(provider, a_waiter_is_woken_from_any_context)
{
	static const char *const contexts[] = { "task", "softirq", "hardirq" };

	ASSERT_TRUE(skip_own(self));
	for (unsigned int i = 0; i < 3; i++) {
		struct qkd_key_get get;
		pid_t pid = fork();

		ASSERT_LE(0, pid);
		if (!pid)
			_exit(-get_key(self->fd, DEADLINE_MS, &get));
		ASSERT_SOON(stat_now(self, QKD_A_STATS_WAITERS) == 1);
		ASSERT_EQ(0, deliver("out", contexts[i], i, 1));
		EXPECT_EQ(0, await(pid));
	}
}

/* More than there is room for: what was taken in is there, what was not is counted. */
TEST_F(provider, a_flood_is_dropped_and_counted)
{
	static const char *const contexts[] = { "task", "softirq", "hardirq" };

	ASSERT_TRUE(skip_own(self));
	for (unsigned int i = 0; i < 3; i++) {
		const uint64_t dropped = stat_now(self, QKD_A_STATS_DROPPED);

		EXPECT_EQ(-ENOSPC, order("again " LINK " out %s %s %d 5a 1000", contexts[i],
					 id_text(1000 * i), KEY_LEN));
		EXPECT_EQ(64, answer("accepted"));
		EXPECT_EQ(dropped + 1000 - 64, stat_now(self, QKD_A_STATS_DROPPED));
		for (unsigned int j = 0; j < 64; j++)
			EXPECT_TRUE(next_is(self, 1000 * i + j));
		/* What was dropped may come again. */
		EXPECT_EQ(0, deliver("out", contexts[i], 1000 * i + 64, 1));
		EXPECT_TRUE(next_is(self, 1000 * i + 64));
	}
}

TEST_F(provider, a_key_for_a_link_that_closes_is_refused)
{
	ASSERT_EQ(0, qkd_nl_link_delete(self->nl, LINK));
	EXPECT_EQ(ENODEV, answer("parting"));
	EXPECT_EQ(-ENXIO, deliver("out", "task", 1, 1));
}

TEST_F(provider, a_key_delivered_while_it_opens_is_there)
{
	EXPECT_EQ(OWN, stat_now(self, QKD_A_STATS_OUTBOUND_FRESH));
	EXPECT_TRUE(skip_own(self));
}

/* What the provider says reaches the administrator, and nothing is left behind. */
TEST_F(provider, an_open_that_fails_leaves_no_link)
{
	struct qkd_link_info info;

	ASSERT_EQ(0, order("open %d", EIO));
	EXPECT_EQ(-EIO, add_puppet(self->nl, "beta", 0));
	EXPECT_STREQ("as told", qkd_nl_message(self->nl));
	EXPECT_EQ(-ENODEV, qkd_nl_link_get(self->nl, "beta", &info));
	ASSERT_EQ(0, order("open 0"));
	EXPECT_EQ(0, add_puppet(self->nl, "beta", 0));
}

/* Fetching */

TEST_F(provider, fetch_brings_a_key_at_once)
{
	uint8_t id[QKD_KEY_ID_LEN];
	struct qkd_key_get get;

	id_bytes(7, id);
	ASSERT_EQ(0, order("fetch deliver"));
	EXPECT_EQ(0, get_by_id(self->fd, id, 0, &get));
	EXPECT_EQ(0xfe, get.key[0]);
	EXPECT_EQ(0, commit(self->fd, id));
	EXPECT_EQ(-EKEYREVOKED, get_by_id(self->fd, id, 0, &get));
	ASSERT_EQ(0, order("fetch none"));
}

TEST_F(provider, fetch_that_brings_another_key_brings_none)
{
	uint8_t id[QKD_KEY_ID_LEN];
	struct qkd_key_get get;

	id_bytes(7, id);
	ASSERT_EQ(0, order("fetch other"));
	EXPECT_EQ(-ENOKEY, get_by_id(self->fd, id, 0, &get));
	EXPECT_EQ(1, stat_now(self, QKD_A_STATS_INBOUND_FRESH));
	id[0] ^= 1;
	EXPECT_EQ(0, get_by_id(self->fd, id, 0, &get));
	ASSERT_EQ(0, order("fetch none"));
}

TEST_F(provider, fetch_that_knows_of_no_key_ends_the_wait)
{
	const int64_t begin = now_ms();
	uint8_t id[QKD_KEY_ID_LEN];
	struct qkd_key_get get;

	id_bytes(7, id);
	ASSERT_EQ(0, order("fetch error"));
	EXPECT_EQ(-ENOKEY, get_by_id(self->fd, id, QKD_TIMEOUT_MS_MAX, &get));
	EXPECT_GT(QKD_TIMEOUT_MS_MAX, now_ms() - begin);
	ASSERT_EQ(0, order("fetch none"));
}

TEST_F(provider, fetch_that_may_not_have_a_key_says_so)
{
	uint8_t id[QKD_KEY_ID_LEN];
	struct qkd_key_get get;

	id_bytes(7, id);
	ASSERT_EQ(0, order("fetch denied"));
	EXPECT_EQ(-EACCES, get_by_id(self->fd, id, 0, &get));
	EXPECT_EQ(-EACCES, get_by_id(self->fd, id, QKD_TIMEOUT_MS_MAX, &get));
	EXPECT_EQ(2, stat_now(self, QKD_A_STATS_UNKNOWN));
	ASSERT_EQ(0, order("fetch none"));
}

static pid_t look_up(FIXTURE_DATA(provider) * self, unsigned int nr)
{
	pid_t pid = fork();
	uint8_t id[QKD_KEY_ID_LEN];
	struct qkd_key_get get;

	if (pid)
		return pid;
	id_bytes(nr, id);
	_exit(-get_by_id(self->fd, id, DEADLINE_MS, &get));
}

TEST_F(provider, a_refusal_ends_the_wait_from_any_context)
{
	static const char *const contexts[] = { "task", "softirq", "hardirq" };
	static const int errors[] = { ENOKEY, EACCES, ENOKEY };

	for (unsigned int i = 0; i < 3; i++) {
		const pid_t one = look_up(self, 7), same = look_up(self, 7),
			    other = look_up(self, 8);

		ASSERT_SOON(stat_now(self, QKD_A_STATS_WAITERS) == 3);
		EXPECT_EQ(0, order("refuse " LINK " %s %s %d", contexts[i], id_text(7), errors[i]));
		EXPECT_EQ(errors[i], WEXITSTATUS(await(one)));
		EXPECT_EQ(errors[i], WEXITSTATUS(await(same)));
		EXPECT_EQ(1, stat_now(self, QKD_A_STATS_WAITERS));
		EXPECT_EQ(0, order("refuse " LINK " %s %s %d", contexts[i], id_text(8), ENOKEY));
		EXPECT_EQ(ENOKEY, WEXITSTATUS(await(other)));
	}
	EXPECT_EQ(-ENOENT, order("refuse " LINK " task %s %d", id_text(7), ENOKEY));
	EXPECT_EQ(-EINVAL, order("refuse " LINK " task %s %d", id_text(7), ENOENT));
	EXPECT_EQ(-EINVAL, order("refuse " LINK " task %s %d", id_text(7), EKEYREVOKED));
}

TEST_F(provider, is_told_how_long_a_key_is_wanted)
{
	pid_t pid;

	EXPECT_EQ(0, order("wanted " LINK " %s", id_text(7)));
	EXPECT_EQ(0, answer("wanted"));
	pid = look_up(self, 7);
	ASSERT_SOON(!order("wanted " LINK " %s", id_text(7)) && answer("wanted") > 0);
	EXPECT_GE(DEADLINE_MS + 20, answer("wanted"));
	EXPECT_EQ(0, order("wanted " LINK " %s", id_text(8)));
	EXPECT_EQ(0, answer("wanted"));
	EXPECT_EQ(0, deliver("in", "task", 7, 1));
	EXPECT_EQ(-EEXIST, order("wanted " LINK " %s", id_text(7)));
	EXPECT_EQ(0, await(pid));
}

TEST_F(provider, is_told_when_outbound_keys_are_wanted)
{
	const struct qkd_link_change change = { .name = LINK, .low = &(uint32_t){ 8 } };
	const int demanded = answer("demanded"), ran_low = answer("ran_low");
	unsigned int nr = 0;

	ASSERT_EQ(0, deliver("out", "task", 0, 64 - OWN));
	ASSERT_EQ(0, qkd_nl_link_set(self->nl, &change));
	EXPECT_TRUE(skip_own(self));
	/* It was full and is no more. */
	ASSERT_SOON(answer("demanded") == demanded + 1);
	EXPECT_EQ(ran_low, answer("ran_low"));
	while (nr < 64 - OWN - 8)
		ASSERT_TRUE(next_is(self, nr++));
	ASSERT_TRUE(next_is(self, nr++));
	ASSERT_SOON(answer("ran_low") == ran_low + 1);
	EXPECT_EQ(demanded + 2, answer("demanded"));
	while (nr < 64 - OWN)
		ASSERT_TRUE(next_is(self, nr++));
	ASSERT_SOON(answer("ran_low") == ran_low + 2);
	EXPECT_EQ(demanded + 3, answer("demanded"));
}

/* Slow callbacks hold up who asked, and nobody else. */

TEST_F(provider, a_slow_fetch_holds_up_nobody_else)
{
	pid_t pid;

	ASSERT_EQ(0, order("fetch deliver"));
	ASSERT_EQ(0, order("slow fetch 1000"));
	pid = look_up(self, 7);
	ASSERT_LT(0, pid);
	ASSERT_SOON(stat_now(self, QKD_A_STATS_WAITERS) == 1);
	EXPECT_EQ(0, deliver("out", "task", 1, 1));
	EXPECT_TRUE(skip_own(self));
	EXPECT_TRUE(next_is(self, 1));
	EXPECT_EQ(0, add_puppet(self->nl, "beta", 0));
	EXPECT_EQ(1, stat_now(self, QKD_A_STATS_WAITERS));
	EXPECT_EQ(0, await(pid));
	ASSERT_EQ(0, order("slow fetch 0"));
	ASSERT_EQ(0, order("fetch none"));
}

/* Closing waits for a fetch that is under way, and whoever waited is told. */
struct stranger {
	int fd;
	uint8_t id[QKD_KEY_ID_LEN];
	pthread_t thread;
	int ret;
};

static void *ask_for_what_never_comes(void *arg)
{
	struct stranger *stranger = arg;
	struct qkd_key_get get;

	stranger->ret = get_by_id(stranger->fd, stranger->id, QKD_TIMEOUT_MS_MAX, &get);
	return NULL;
}

/* A peer may name any ID, and have this end wait for it: that is no reason not to wait for one's own key. */
TEST_F_TIMEOUT(provider, strangers_ids_keep_nobody_from_waiting_for_a_key, 120)
{
	static struct stranger strangers[256];
	struct qkd_key_get get;
	pthread_attr_t small;

	ASSERT_TRUE(skip_own(self));
	ASSERT_EQ(0, order("fetch none"));
	ASSERT_EQ(0, pthread_attr_init(&small));
	ASSERT_EQ(0, pthread_attr_setstacksize(&small, 65536));
	for (unsigned int i = 0; i < 256; i++) {
		strangers[i].fd = self->fd;
		id_bytes(1000 + i, strangers[i].id);
		ASSERT_EQ(0, pthread_create(&strangers[i].thread, &small, ask_for_what_never_comes,
					    &strangers[i]));
	}
	ASSERT_SOON(stat_now(self, QKD_A_STATS_WAITERS) == 256);
	id_bytes(1, get.key_id);
	EXPECT_EQ(-EBUSY, get_by_id(self->fd, get.key_id, SHORT_MS, &get));
	EXPECT_EQ(-ETIMEDOUT, get_key(self->fd, SHORT_MS, &get));
	ASSERT_EQ(0, qkd_nl_link_delete(self->nl, LINK));
	for (int i = 0; i < 256; i++) {
		ASSERT_EQ(0, pthread_join(strangers[i].thread, NULL));
		EXPECT_EQ(-ENODEV, strangers[i].ret);
	}
}

TEST_F(provider, a_link_goes_during_a_slow_fetch)
{
	int status;
	pid_t pid;

	ASSERT_EQ(0, order("fetch deliver"));
	ASSERT_EQ(0, order("slow fetch 500"));
	pid = look_up(self, 7);
	ASSERT_LT(0, pid);
	ASSERT_SOON(stat_now(self, QKD_A_STATS_WAITERS) == 1);
	ASSERT_EQ(0, qkd_nl_link_delete(self->nl, LINK));
	status = await(pid);
	ASSERT_TRUE(WIFEXITED(status));
	EXPECT_EQ(ENODEV, WEXITSTATUS(status));
	ASSERT_EQ(0, order("slow fetch 0"));
	ASSERT_EQ(0, order("fetch none"));
}

static pid_t add_in_child(const char *name)
{
	pid_t pid = fork();
	struct qkd_nl *nl;

	if (!pid)
		_exit(qkd_nl_open(&nl) ? 255 : -add_puppet(nl, name, 0));
	return pid;
}

/* It opens while its provider goes: it comes to nothing, one way or the other. */
TEST_F(provider, unplugged_while_a_link_opens)
{
	const int opened = answer("opened");
	struct qkd_link_info info;
	int status;
	pid_t pid;

	ASSERT_EQ(0, order("slow open 1000"));
	pid = add_in_child("beta");
	ASSERT_LT(0, pid);
	ASSERT_SOON(answer("opened") > opened);
	/* It has its name already, but is not shown. */
	EXPECT_EQ(-EEXIST, add_puppet(self->nl, "beta", 0));
	EXPECT_EQ(-ENODEV, qkd_nl_link_get(self->nl, "beta", &info));
	ASSERT_EQ(0, order("unregister"));
	status = await(pid);
	ASSERT_TRUE(WIFEXITED(status));
	EXPECT_EQ(ENODEV, WEXITSTATUS(status));
	EXPECT_TRUE(poll_now(self->fd) & POLLHUP);
	ASSERT_EQ(0, order("slow open 0"));
	ASSERT_EQ(0, order("register"));
}

TEST_F(provider, unplugged_while_a_link_closes)
{
	pid_t pid;

	ASSERT_EQ(0, order("slow close 500"));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid) {
		struct qkd_nl *nl;

		_exit(qkd_nl_open(&nl) ? 255 : -qkd_nl_link_delete(nl, LINK));
	}
	ASSERT_SOON(poll_now(self->fd) & POLLHUP);
	/* Its name is taken until it has closed. */
	EXPECT_EQ(-EEXIST, add_puppet(self->nl, LINK, 0));
	ASSERT_EQ(0, order("unregister"));
	EXPECT_EQ(0, await(pid));
	ASSERT_EQ(0, order("slow close 0"));
	ASSERT_EQ(0, order("register"));
}

/* Which of two is closed first is not said: neither waits for the other. */
TEST_F(provider, unplugged_ends_all_links_before_it_closes_any)
{
	int64_t begun;
	pid_t pid;
	int fd;

	ASSERT_EQ(0, add_puppet(self->nl, "beta", 0));
	fd = qkd_open("beta", 0);
	ASSERT_LE(0, fd);
	ASSERT_TRUE(poll_now(fd) & POLLIN);
	ASSERT_EQ(0, order("slow close 3000"));
	pid = fork();
	ASSERT_LE(0, pid);
	begun = now_ms();
	if (!pid)
		_exit(-order("unregister"));
	ASSERT_SOON(poll_now(self->fd) & POLLHUP);
	ASSERT_SOON(poll_now(fd) & POLLHUP);
	EXPECT_GT(begun + 3000, now_ms());
	EXPECT_EQ(0, await(pid));
	close(fd);
	ASSERT_EQ(0, order("slow close 0"));
	ASSERT_EQ(0, order("register"));
}

/* Of a device: devm_qkd_provider_register() */

/* Has the driver core bind or unbind the puppet's device, as an administrator may. */
static int tell_driver(const char *what)
{
	static const char device[] = "qkd_puppet";
	char path[128];
	int fd, ret;

	snprintf(path, sizeof(path), "/sys/bus/platform/drivers/qkd_puppet/%s", what);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	ret = write(fd, device, strlen(device)) < 0 ? -errno : 0;
	close(fd);
	return ret;
}

static bool is_bound(void)
{
	return !access("/sys/bus/platform/drivers/qkd_puppet/qkd_puppet", F_OK);
}

/* The device's provider instead of the one that is of no device, with a link and one who waits for its second key. */
static pid_t plug_and_wait(FIXTURE_DATA(provider) * self)
{
	struct qkd_key_get get;
	pid_t pid;

	if (order("unregister") || order("plug") || !is_bound() || add_puppet(self->nl, LINK, 0))
		return -1;
	close(self->fd);
	self->fd = qkd_open(LINK, 0);
	if (!skip_own(self))
		return -1;
	pid = fork();
	if (!pid)
		_exit(-get_key(self->fd, DEADLINE_MS, &get));
	return pid;
}

/* All its links have ended, those who waited have been told, and nobody finds it. */
static bool is_gone(FIXTURE_DATA(provider) * self, pid_t waiter)
{
	const int status = await(waiter);
	struct qkd_link_info info;

	return WIFEXITED(status) && WEXITSTATUS(status) == ENODEV && poll_now(self->fd) & POLLHUP &&
	       answer("parting") == ENODEV && answer("left") == 0 &&
	       qkd_nl_link_get(self->nl, LINK, &info) == -ENODEV &&
	       add_puppet(self->nl, LINK, 0) == -ENODEV;
}

TEST_F(provider, of_a_device_goes_when_it_is_unbound)
{
	struct qkd_key_get get;
	pid_t pid;
	int fd;

	pid = plug_and_wait(self);
	ASSERT_LT(0, pid);
	ASSERT_SOON(stat_now(self, QKD_A_STATS_WAITERS) == 1);
	ASSERT_EQ(0, tell_driver("unbind"));
	EXPECT_TRUE(is_gone(self, pid));
	EXPECT_EQ(-ENODEV, tell_driver("unbind"));
	/* It comes back with the device, empty. */
	ASSERT_EQ(0, tell_driver("bind"));
	EXPECT_EQ(-EEXIST, order("register"));
	ASSERT_EQ(0, add_puppet(self->nl, LINK, 0));
	fd = qkd_open(LINK, 0);
	EXPECT_EQ(0, get_key(fd, 0, &get));
	EXPECT_EQ(-EAGAIN, get_key(fd, 0, &get));
	close(fd);
	EXPECT_EQ(0, order("unplug"));
}

TEST_F(provider, of_a_device_goes_with_it)
{
	pid_t pid;

	pid = plug_and_wait(self);
	ASSERT_LT(0, pid);
	ASSERT_SOON(stat_now(self, QKD_A_STATS_WAITERS) == 1);
	ASSERT_EQ(0, order("unplug"));
	EXPECT_TRUE(is_gone(self, pid));
	/* Its name is free for one that is of no device. */
	EXPECT_EQ(0, order("register"));
	EXPECT_EQ(0, add_puppet(self->nl, LINK, 0));
}

/* The module goes, and with it the driver, while the device is bound. */
TEST_F(provider, of_a_device_goes_with_its_driver)
{
	ASSERT_EQ(0, order("unregister"));
	ASSERT_EQ(0, order("plug"));
	ASSERT_EQ(0, add_puppet(self->nl, "beta", 0));
	ASSERT_EQ(0, unload_module("qkd_puppet"));
	EXPECT_EQ(-ENODEV, add_puppet(self->nl, "gamma", 0));
	ASSERT_EQ(0, load_module("qkd_puppet", NULL));
	EXPECT_EQ(0, add_puppet(self->nl, "beta", 0));
}

/* Probing fails, and who had the name before notices nothing. */
TEST_F(provider, of_a_device_does_not_take_anothers_name)
{
	const uint64_t delivered = stat_now(self, QKD_A_STATS_DELIVERED);

	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(-EEXIST, order("plug"));
		EXPECT_FALSE(is_bound());
		/* What the driver had before has been given back; the link is the other's. */
		EXPECT_EQ(1, answer("left"));
		EXPECT_EQ(0, order("unplug"));
	}
	ASSERT_TRUE(skip_own(self));
	EXPECT_EQ(0, deliver("out", "task", 1, 1));
	EXPECT_TRUE(next_is(self, 1));
	EXPECT_EQ(delivered + 1, stat_now(self, QKD_A_STATS_DELIVERED));
}

/* Something fails after it has been registered: the driver core takes it back. */
TEST_F(provider, of_a_device_that_cannot_be_probed_is_none)
{
	ASSERT_EQ(0, order("unregister"));
	ASSERT_EQ(0, order("probe %d", EIO));
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(-EIO, order("plug"));
		EXPECT_FALSE(is_bound());
		EXPECT_EQ(0, answer("left"));
		EXPECT_EQ(-ENODEV, add_puppet(self->nl, LINK, 0));
		EXPECT_EQ(0, order("unplug"));
	}
	ASSERT_EQ(0, order("probe 0"));
	ASSERT_EQ(0, order("plug"));
	EXPECT_EQ(0, add_puppet(self->nl, LINK, 0));
	EXPECT_EQ(0, order("unplug"));
	EXPECT_EQ(0, order("register"));
}

/* At any moment: somebody takes, looks up and adds links all the time. */
static int use_puppet(void)
{
	static const int fine[] = { 0,		-ENODEV, -EEXIST,      -EAGAIN,
				    -ETIMEDOUT, -ENOKEY, -EKEYREVOKED, -EBUSY };
	struct qkd_nl *nl;

	if (qkd_nl_open(&nl))
		return 1;
	for (unsigned int i = 0;; i++) {
		int rets[3] = { add_puppet(nl, LINK, 0) }, fd = qkd_open(LINK, 0);
		uint8_t id[QKD_KEY_ID_LEN];
		struct qkd_key_get get;

		id_bytes(i, id);
		if (fd >= 0) {
			rets[1] = get_key(fd, 5, &get);
			rets[2] = get_by_id(fd, id, 5, &get);
			close(fd);
		}
		for (int j = 0; j < 3; j++) {
			bool known = false;

			for (size_t k = 0; k < sizeof(fine) / sizeof(fine[0]); k++)
				known |= rets[j] == fine[k];
			if (!known)
				return 2;
		}
	}
}

TEST_F_TIMEOUT(provider, unplugged_at_any_moment, 120)
{
	pid_t pids[2];

	ASSERT_EQ(0, order("fetch deliver"));
	for (int i = 0; i < 2; i++) {
		pids[i] = fork();
		ASSERT_LE(0, pids[i]);
		if (!pids[i])
			_exit(use_puppet());
	}
	for (int i = 0; i < ROUNDS; i++) {
		EXPECT_EQ(0, order("unregister"));
		EXPECT_EQ(0, order("register"));
		poll(NULL, 0, i % 5 * 10);
	}
	for (int i = 0; i < 2; i++) {
		EXPECT_EQ(0, waitpid(pids[i], NULL, WNOHANG));
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
	ASSERT_EQ(0, order("fetch none"));
}

/* Who may use what */

static int add_as_a_guest(void)
{
	struct qkd_nl *nl;

	if (unshare(CLONE_NEWUSER) || new_namespace(&nl))
		return 255;
	return -add_puppet(nl, LINK, 0);
}

TEST_F(provider, equipment_is_for_the_machines_administrator)
{
	int status;
	pid_t pid = fork();

	ASSERT_LE(0, pid);
	if (!pid)
		_exit(add_as_a_guest());
	status = await(pid);
	ASSERT_TRUE(WIFEXITED(status));
	EXPECT_EQ(EPERM, WEXITSTATUS(status));
}

TEST_F(provider, a_name_that_is_taken_is_refused)
{
	EXPECT_EQ(-EEXIST, order("register"));
}

TEST_HARNESS_MAIN
