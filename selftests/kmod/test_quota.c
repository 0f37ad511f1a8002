// SPDX-License-Identifier: GPL-2.0-or-later
/* Who may take how many keys how fast, and how often a stranger may ask for keys that are not here. */
#include <grp.h>

#include "qkd_test.h"

#define LINK	   "alpha"
#define BURST	   5
#define RESERVE	   10
#define USER	   1000
#define GROUP	   4242
#define MANY	   400 /* users, more than are remembered */
#define REMEMBERED 256

FIXTURE(quota)
{
	struct end end;
};

FIXTURE_SETUP(quota)
{
	const struct link_spec spec = { .name = LINK, .role = QKD_ROLE_A, .seed = 's' };

	ASSERT_EQ(0, end_open(&self->end, &spec));
	ASSERT_SOON(stat_of(self->end.nl, LINK, QKD_A_STATS_OUTBOUND_FRESH) > MANY);
}

FIXTURE_TEARDOWN(quota)
{
	end_close(&self->end);
}

static int set_quota(const struct end *end, uint32_t rate, uint32_t burst)
{
	const struct qkd_link_change change = { .name = LINK,
						.quota_rate = &rate,
						.quota_burst = &burst };

	return qkd_nl_link_set(end->nl, &change);
}

static int set_reserve(const struct end *end, uint32_t reserve, uint32_t gid)
{
	const struct qkd_link_change change = { .name = LINK,
						.reserve = &reserve,
						.priority_gid = &gid };

	return qkd_nl_link_set(end->nl, &change);
}

/* Only whose process it is: its rights stay. */
static int become(uid_t uid)
{
	return setresuid(uid, 0, 0) ? -errno : 0;
}

/* How many keys come before something else, which goes to @end */
static int take_all(int fd, int *end)
{
	struct qkd_key_get get;
	int taken = 0;

	while (!(*end = get_key(fd, 0, &get)))
		taken++;
	return taken;
}

TEST_F(quota, is_a_burst_and_then_a_rate)
{
	struct qkd_key_get get;
	int64_t begun = now_ms();
	int taken, end;

	ASSERT_EQ(0, set_quota(&self->end, 1, BURST));
	ASSERT_EQ(0, become(USER));
	taken = take_all(self->end.fd, &end);
	EXPECT_EQ(-EDQUOT, end);
	EXPECT_LE(BURST, taken);
	EXPECT_GE(BURST + 1 + (now_ms() - begun) / 1000, taken);
	ASSERT_SOON(!get_key(self->end.fd, 0, &get));
	EXPECT_LE(1, stat_of(self->end.nl, LINK, QKD_A_STATS_OVER_QUOTA));
}

TEST_F(quota, is_told_at_once_whatever_the_timeout)
{
	struct qkd_key_get get;
	int64_t begun;
	int end;

	/* One key in so many seconds that none comes meanwhile is no rate: so of each second the rest. */
	ASSERT_EQ(0, set_quota(&self->end, 1, 1));
	ASSERT_EQ(0, become(USER));
	take_all(self->end.fd, &end);
	begun = now_ms();
	while (!get_key(self->end.fd, QKD_TIMEOUT_MS_MAX, &get))
		begun = now_ms();
	EXPECT_GT(DEADLINE_MS, now_ms() - begun);
}

TEST_F(quota, is_each_users_own)
{
	int end;

	ASSERT_EQ(0, set_quota(&self->end, 1, BURST));
	for (uid_t uid = USER; uid < USER + 4; uid++) {
		ASSERT_EQ(0, become(uid));
		EXPECT_LE(BURST, take_all(self->end.fd, &end));
		EXPECT_EQ(-EDQUOT, end);
	}
}

TEST_F(quota, holds_for_reading_too)
{
	struct qkd_record records[2 * BURST];
	ssize_t len;

	ASSERT_EQ(0, set_quota(&self->end, 1, BURST));
	ASSERT_EQ(0, become(USER));
	len = read(self->end.fd, records, sizeof(records));
	EXPECT_LE((ssize_t)(BURST * sizeof(records[0])), len);
	EXPECT_GT((ssize_t)sizeof(records), len);
	for (int i = 0; i < 5 && len > 0; i++)
		len = read(self->end.fd, records, sizeof(records));
	EXPECT_EQ(-1, len);
	EXPECT_EQ(EDQUOT, errno);
}

/* No POLLIN while the answer would be EDQUOT, and one as soon as it would not. */
TEST_F(quota, is_waited_for_by_poll)
{
	struct qkd_key_get get;
	short said = POLLIN;
	int end;

	ASSERT_EQ(0, set_quota(&self->end, 1, 1));
	ASSERT_EQ(0, become(USER));
	for (int i = 0; i < 5 && said; i++) {
		take_all(self->end.fd, &end);
		EXPECT_EQ(-EDQUOT, end);
		said = poll_now(self->end.fd);
	}
	EXPECT_EQ(0, said);
	ASSERT_TRUE(poll_until(self->end.fd, POLLIN));
	EXPECT_EQ(0, get_key(self->end.fd, 0, &get));
}

TEST_F(quota, taken_away_is_none)
{
	struct qkd_key_get get;

	ASSERT_EQ(0, set_quota(&self->end, 1, 1));
	ASSERT_EQ(0, set_quota(&self->end, 0, 1));
	for (int i = 0; i < 4 * BURST; i++)
		ASSERT_EQ(0, get_key(self->end.fd, DEADLINE_MS, &get));
}

/* Refusals among @users, each of whom takes a key */
static int refused(const struct end *end, int users, int *others)
{
	struct qkd_key_get get;
	int refused = 0, ret;

	*others = 0;
	for (int i = 0; i < users; i++) {
		if (become(USER + i))
			return -1;
		ret = get_key(end->fd, DEADLINE_MS, &get);
		refused += ret == -EDQUOT;
		*others += ret && ret != -EDQUOT;
	}
	return refused;
}

/* Who comes when all places are taken shares what one user may have. */
TEST_F(quota, remembers_so_many_users)
{
	int others;

	ASSERT_EQ(0, set_quota(&self->end, 1, 30));
	EXPECT_LT(0, refused(&self->end, MANY, &others));
	EXPECT_EQ(0, others);
	ASSERT_EQ(0, set_quota(&self->end, 0, 0));
}

TEST_F(quota, remembers_the_first_of_them)
{
	int others;

	ASSERT_EQ(0, set_quota(&self->end, 1, 30));
	EXPECT_EQ(0, refused(&self->end, REMEMBERED, &others));
	EXPECT_EQ(0, others);
}

TEST_F(quota, forgets_whose_bucket_is_full)
{
	int others;

	ASSERT_EQ(0, set_quota(&self->end, 100000, 1));
	EXPECT_EQ(0, refused(&self->end, MANY, &others));
	EXPECT_EQ(0, others);
}

/* The last keys */

FIXTURE(reserve)
{
	struct end end;
};

FIXTURE_SETUP(reserve)
{
	const struct link_spec spec = {
		.name = LINK, .role = QKD_ROLE_A, .seed = 's', .rate = QKD_SIM_RATE_MIN
	};

	ASSERT_EQ(0, end_open(&self->end, &spec));
	ASSERT_SOON(stat_of(self->end.nl, LINK, QKD_A_STATS_OUTBOUND_FRESH) >= 32);
	ASSERT_EQ(0, set_reserve(&self->end, RESERVE, GROUP));
}

FIXTURE_TEARDOWN(reserve)
{
	end_close(&self->end);
}

/* Runs @run in a process of a user who has no rights but those of @gid. Its exit status */
static int as_user(const struct end *end, gid_t gid, int (*run)(int fd))
{
	pid_t pid = fork();

	if (!pid) {
		if (setgroups(1, &gid) || setresgid(USER, USER, USER) ||
		    setresuid(USER, USER, USER))
			_exit(100);
		_exit(run(end->fd));
	}
	return await(pid);
}

static uint64_t left(const struct end *end)
{
	return stat_of(end->nl, LINK, QKD_A_STATS_OUTBOUND_FRESH);
}

/* A key that comes meanwhile is above the reserve: it may be taken. */
static int drain_all(int fd)
{
	struct qkd_key_get get;
	int end;

	take_all(fd, &end);
	if (end != -EAGAIN)
		return 1;
	if (poll_now(fd) && get_key(fd, 0, &get))
		return 2;
	return 0;
}

TEST_F(reserve, is_not_there_for_others)
{
	EXPECT_TRUE(exited_with_0(as_user(&self->end, USER, drain_all)));
	EXPECT_LE(RESERVE, left(&self->end));
	EXPECT_GT(32, left(&self->end));
}

TEST_F(reserve, is_there_for_the_group)
{
	EXPECT_TRUE(exited_with_0(as_user(&self->end, GROUP, drain_all)));
	EXPECT_GT(RESERVE, left(&self->end));
}

TEST_F(reserve, is_there_for_the_administrator)
{
	EXPECT_EQ(0, drain_all(self->end.fd));
	EXPECT_GT(RESERVE, left(&self->end));
}

TEST_F(reserve, without_a_group_is_there_for_nobody_else)
{
	ASSERT_EQ(0, set_reserve(&self->end, RESERVE, QKD_GID_NONE));
	EXPECT_TRUE(exited_with_0(as_user(&self->end, GROUP, drain_all)));
	EXPECT_LE(RESERVE, left(&self->end));
}

/* All that come by themselves, then none within a short time, now and then. */
static int times_out(int fd)
{
	struct qkd_key_get get;
	int ret = 0, end;

	take_all(fd, &end);
	for (int i = 0; i < 5 && !ret; i++)
		ret = get_key(fd, SHORT_MS, &get);
	return ret == -ETIMEDOUT ? 0 : 1;
}

TEST_F(reserve, is_waited_for_like_no_key)
{
	EXPECT_TRUE(exited_with_0(as_user(&self->end, USER, times_out)));
	EXPECT_LE(RESERVE, left(&self->end));
}

/* Many keys at once are more than come by themselves. */
static int takes_many(int fd)
{
	struct qkd_key_get get;

	for (int i = 0; i < 32; i++)
		if (get_key(fd, DEADLINE_MS, &get))
			return 1;
	return 0;
}

TEST_F(reserve, that_is_given_up_wakes_who_waits)
{
	const uint32_t rate = RATE_FAST;
	struct qkd_link_change faster = { .name = LINK };
	pid_t pid = fork();

	ASSERT_LE(0, pid);
	if (!pid)
		_exit(as_user(&self->end, USER, takes_many) ? 1 : 0);
	qkd_sim_give(&faster.sim, QKD_A_SIM_RATE, rate);
	ASSERT_SOON(stat_of(self->end.nl, LINK, QKD_A_STATS_WAITERS) == 1);
	ASSERT_EQ(0, set_reserve(&self->end, 0, QKD_GID_NONE));
	ASSERT_EQ(0, qkd_nl_link_set(self->end.nl, &faster));
	EXPECT_TRUE(exited_with_0(await(pid)));
}

TEST_F(reserve, above_the_capacity_is_refused)
{
	EXPECT_EQ(-EINVAL, set_reserve(&self->end, QKD_CAPACITY_DEFAULT + 1, GROUP));
	EXPECT_EQ(0, set_reserve(&self->end, QKD_CAPACITY_DEFAULT, GROUP));
}

/* Of a guest, whose user namespace has no group but his own */
static int name_a_foreign_group(void)
{
	const struct link_spec spec = {
		.name = LINK, .role = QKD_ROLE_A, .seed = 's', .rate = QKD_SIM_RATE_MIN
	};
	const int64_t end = now_ms() + DEADLINE_MS;
	const uint32_t gid = GROUP;
	const struct qkd_link_change change = { .name = LINK, .priority_gid = &gid };
	struct qkd_nl *nl;
	int ret;

	if (unshare(CLONE_NEWUSER) || new_namespace(&nl))
		return 1;
	/* Guests' namespaces that are still going may hold all the links there can be. */
	while ((ret = add_link(nl, &spec)) == -ENOSPC && now_ms() < end)
		poll(NULL, 0, TICK_MS);
	if (ret)
		return 2;
	return qkd_nl_link_set(nl, &change) == -EINVAL ? 0 : 3;
}

TEST_F(reserve, is_for_a_group_that_there_is)
{
	pid_t pid = fork();

	ASSERT_LE(0, pid);
	if (!pid)
		_exit(name_a_foreign_group());
	EXPECT_TRUE(exited_with_0(await(pid)));
}

/* Look-ups */

#define LOOKUPS_TRIED 1000000

FIXTURE(lookup)
{
	struct end a, b;
};

FIXTURE_SETUP(lookup)
{
	const struct link_spec a = { .name = LINK, .role = QKD_ROLE_A, .seed = 's' };
	const struct link_spec b = {
		.name = LINK, .role = QKD_ROLE_B, .seed = 's', .capacity = 64
	};

	ASSERT_EQ(0, end_open(&self->a, &a));
	ASSERT_EQ(0, end_open(&self->b, &b));
	ASSERT_SOON(stat_of(self->b.nl, LINK, QKD_A_STATS_INBOUND_FRESH) == 64);
}

FIXTURE_TEARDOWN(lookup)
{
	end_close(&self->a);
	end_close(&self->b);
}

/* Asks for keys there are not until that is too much. How often, or -1 */
static int ask_in_vain(int fd)
{
	uint8_t id[QKD_KEY_ID_LEN] = { 1 };
	struct qkd_key_get in;

	for (int i = 0; i < LOOKUPS_TRIED; i++) {
		int ret;

		memcpy(id + 4, &i, sizeof(i));
		ret = get_by_id(fd, id, 0, &in);
		if (ret == -EBUSY)
			return i;
		if (ret != -ENOKEY)
			return -1;
	}
	return -1;
}

TEST_F(lookup, of_nothing_is_limited)
{
	const uint64_t fresh = stat_of(self->b.nl, LINK, QKD_A_STATS_INBOUND_FRESH);
	int asked = ask_in_vain(self->b.fd);

	EXPECT_LE(1024, asked);
	EXPECT_EQ(asked, stat_of(self->b.nl, LINK, QKD_A_STATS_UNKNOWN));
	EXPECT_EQ(1, stat_of(self->b.nl, LINK, QKD_A_STATS_LIMITED));
	EXPECT_EQ(fresh, stat_of(self->b.nl, LINK, QKD_A_STATS_INBOUND_FRESH));
	EXPECT_EQ(0, stat_of(self->b.nl, LINK, QKD_A_STATS_EXPIRED));
	EXPECT_EQ(0, stat_of(self->b.nl, LINK, QKD_A_STATS_WAITERS));
}

TEST_F(lookup, of_a_key_that_is_here_is_not_limited)
{
	struct qkd_key_get out[2], in;

	ASSERT_EQ(0, get_key(self->a.fd, DEADLINE_MS, &out[0]));
	ASSERT_EQ(0, get_key(self->a.fd, DEADLINE_MS, &out[1]));
	ASSERT_EQ(0, get_by_id(self->b.fd, out[0].key_id, 0, &in));
	ASSERT_EQ(0, commit(self->b.fd, out[0].key_id));
	for (int i = 0; i < 100; i++) {
		ASSERT_LE(0, ask_in_vain(self->b.fd));
		EXPECT_EQ(-EKEYREVOKED, get_by_id(self->b.fd, out[0].key_id, 0, &in));
		ASSERT_EQ(0, get_by_id(self->b.fd, out[1].key_id, 0, &in));
		EXPECT_TRUE(same_key(&out[1], &in));
		ASSERT_EQ(0, release(self->b.fd, out[1].key_id));
	}
}

/* A peer that is ahead is asked to come again, and no waiting is begun. */
TEST_F(lookup, of_a_key_that_is_to_come_is_put_off)
{
	struct qkd_key_get out, in;
	int ret = 0, tries;

	for (int i = 0; i < 100; i++)
		ASSERT_EQ(0, get_key(self->a.fd, DEADLINE_MS, &out));
	for (tries = 0; tries < 100 && ret != -EBUSY; tries++) {
		ASSERT_LE(0, ask_in_vain(self->b.fd));
		ret = get_by_id(self->b.fd, out.key_id, DEADLINE_MS, &in);
		if (!ret)
			ASSERT_EQ(0, get_key(self->a.fd, DEADLINE_MS, &out));
	}
	EXPECT_EQ(-EBUSY, ret);
	ASSERT_SOON(!get_by_id(self->b.fd, out.key_id, 0, &in));
	EXPECT_TRUE(same_key(&out, &in));
}

TEST_HARNESS_MAIN
