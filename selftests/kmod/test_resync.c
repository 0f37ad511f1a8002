// SPDX-License-Identifier: GPL-2.0-or-later
/* Two ends that are out of step, and how they come together again: at a block that both are told. */
#include "qkd_test.h"

#define LINK	 "alpha"
#define KEYS	 64
#define CAPACITY 128

FIXTURE(resync)
{
	struct end a, b;
};

FIXTURE_SETUP(resync)
{
	const struct link_spec a = {
		.name = LINK, .role = QKD_ROLE_A, .seed = 's', .capacity = CAPACITY
	};
	const struct link_spec b = {
		.name = LINK, .role = QKD_ROLE_B, .seed = 's', .capacity = CAPACITY
	};

	ASSERT_EQ(0, end_open(&self->a, &a));
	ASSERT_EQ(0, end_open(&self->b, &b));
	ASSERT_SOON(stat_of(self->a.nl, LINK, QKD_A_STATS_OUTBOUND_FRESH) == CAPACITY);
	ASSERT_SOON(stat_of(self->b.nl, LINK, QKD_A_STATS_INBOUND_FRESH) == CAPACITY);
	ASSERT_SOON(stat_of(self->b.nl, LINK, QKD_A_STATS_OUTBOUND_FRESH) == CAPACITY);
	ASSERT_SOON(stat_of(self->a.nl, LINK, QKD_A_STATS_INBOUND_FRESH) == CAPACITY);
}

FIXTURE_TEARDOWN(resync)
{
	end_close(&self->a);
	end_close(&self->b);
}

/* Takes @keys at @from and looks each up at @to. How many were found there, or -1 if one differs */
static int found(const struct end *from, const struct end *to, int keys)
{
	struct qkd_key_get out, in;
	int found = 0;

	while (keys--) {
		if (get_key(from->fd, DEADLINE_MS, &out))
			return -1;
		if (get_by_id(to->fd, out.key_id, 0, &in))
			continue;
		if (!same_key(&out, &in) || commit(to->fd, out.key_id))
			return -1;
		found++;
	}
	return found;
}

/* The block from which on an end has made none */
static uint64_t block_of(const struct end *end)
{
	struct qkd_link_info info;

	if (qkd_nl_link_get(end->nl, LINK, &info) || !qkd_sim_has(&info.sim, QKD_A_SIM_BLOCK))
		return UINT64_MAX;
	return info.sim.value[QKD_A_SIM_BLOCK];
}

/* A block that neither end has made, nor will before it is told */
static uint64_t agree(const struct end *one, const struct end *other)
{
	const uint64_t a = block_of(one), b = block_of(other);

	return (a > b ? a : b) + 1001;
}

TEST_F(resync, brings_ends_in_step_again)
{
	uint64_t block;

	ASSERT_EQ(0, qkd_nl_link_purge(self->b.nl, LINK));
	EXPECT_EQ(0, found(&self->a, &self->b, KEYS));
	block = agree(&self->a, &self->b);
	ASSERT_EQ(0, qkd_nl_link_resync(self->a.nl, LINK, block));
	ASSERT_EQ(0, qkd_nl_link_resync(self->b.nl, LINK, block));
	EXPECT_EQ(2 * KEYS, found(&self->a, &self->b, 2 * KEYS));
	EXPECT_EQ(2 * KEYS, found(&self->b, &self->a, 2 * KEYS));
	EXPECT_LE(block, block_of(&self->a));
	EXPECT_LE(block, block_of(&self->b));
}

TEST_F(resync, gives_up_what_was_before)
{
	struct qkd_link_info info;
	struct qkd_key_get out, in;

	ASSERT_EQ(0, get_key(self->a.fd, DEADLINE_MS, &out));
	ASSERT_EQ(0, get_by_id(self->b.fd, out.key_id, DEADLINE_MS, &in));
	ASSERT_EQ(0, qkd_nl_link_resync(self->b.nl, LINK, agree(&self->a, &self->b)));
	EXPECT_EQ(-EKEYREVOKED, commit(self->b.fd, out.key_id));
	EXPECT_EQ(-EKEYREVOKED, get_by_id(self->b.fd, out.key_id, 0, &in));
	ASSERT_EQ(0, qkd_nl_link_get(self->b.nl, LINK, &info));
	EXPECT_EQ(2 * CAPACITY, info.stats.value[QKD_A_STATS_PURGED]);
	EXPECT_EQ(info.stats.value[QKD_A_STATS_DELIVERED], accounted(&info));
}

/* What B has been led to by A's keys it keeps when its turn comes, and its own keys move. */
TEST_F(resync, may_be_done_at_one_end_after_the_other)
{
	const uint64_t block = agree(&self->a, &self->b);

	ASSERT_EQ(0, qkd_nl_link_resync(self->a.nl, LINK, block));
	EXPECT_EQ(KEYS, found(&self->a, &self->b, KEYS));
	ASSERT_EQ(0, qkd_nl_link_resync(self->b.nl, LINK, block));
	EXPECT_EQ(KEYS, found(&self->a, &self->b, KEYS));
	EXPECT_EQ(KEYS, found(&self->b, &self->a, KEYS));
	EXPECT_EQ(0, stat_of(self->b.nl, LINK, QKD_A_STATS_REFUSED));
	EXPECT_EQ(0, stat_of(self->a.nl, LINK, QKD_A_STATS_REFUSED));
}

static int set_jitter(const struct end *end, uint32_t ms)
{
	struct qkd_link_change change = { .name = LINK };

	qkd_sim_give(&change.sim, QKD_A_SIM_JITTER, ms);
	return qkd_nl_link_set(end->nl, &change);
}

/* What was late before is given up, and nothing has to wait for it any more. */
TEST_F(resync, does_not_wait_for_what_was_late)
{
	const uint64_t last = block_of(&self->a);

	ASSERT_EQ(0, set_jitter(&self->a, QKD_SIM_DELAY_MAX));
	ASSERT_EQ(0, qkd_nl_link_purge(self->a.nl, LINK));
	ASSERT_SOON(block_of(&self->a) >= last + CAPACITY);
	ASSERT_EQ(0, set_jitter(&self->a, 0));
	ASSERT_EQ(0, qkd_nl_link_resync(self->a.nl, LINK, agree(&self->a, &self->b)));
	ASSERT_SOON(stat_of(self->a.nl, LINK, QKD_A_STATS_OUTBOUND_FRESH) == CAPACITY);
	ASSERT_SOON(stat_of(self->a.nl, LINK, QKD_A_STATS_INBOUND_FRESH) == CAPACITY);
}

TEST_F(resync, never_goes_back)
{
	const uint64_t block = block_of(&self->a);

	ASSERT_LT(3, block);
	EXPECT_EQ(-EINVAL, qkd_nl_link_resync(self->a.nl, LINK, 0));
	EXPECT_EQ(-EINVAL, qkd_nl_link_resync(self->a.nl, LINK, block - 3));
	EXPECT_NE(NULL, strstr(qkd_nl_message(self->a.nl), "never made twice"));
	EXPECT_EQ(-EINVAL, qkd_nl_link_resync(self->a.nl, LINK, UINT64_MAX));
	EXPECT_EQ(0, stat_of(self->a.nl, LINK, QKD_A_STATS_PURGED));
	EXPECT_EQ(block, block_of(&self->a));
	EXPECT_EQ(KEYS, found(&self->a, &self->b, KEYS));
}

/* The number that is shown is the least that is taken. */
TEST_F(resync, goes_on_at_the_block_that_is_shown)
{
	const uint64_t block = block_of(&self->a);

	ASSERT_EQ(block, block_of(&self->b));
	ASSERT_EQ(0, qkd_nl_link_resync(self->a.nl, LINK, block));
	ASSERT_EQ(0, qkd_nl_link_resync(self->b.nl, LINK, block));
	EXPECT_EQ(KEYS, found(&self->a, &self->b, KEYS));
	EXPECT_EQ(KEYS, found(&self->b, &self->a, KEYS));
}

TEST_F(resync, takes_the_largest_number_there_may_be)
{
	const uint64_t most = (uint64_t)1 << 61;

	EXPECT_EQ(-EINVAL, qkd_nl_link_resync(self->a.nl, LINK, most + 1));
	ASSERT_EQ(0, qkd_nl_link_resync(self->a.nl, LINK, most));
	ASSERT_EQ(0, qkd_nl_link_resync(self->b.nl, LINK, most));
	EXPECT_EQ(KEYS, found(&self->a, &self->b, KEYS));
	EXPECT_EQ(KEYS, found(&self->b, &self->a, KEYS));
}

static int try_as_user(struct qkd_nl *nl)
{
	return setresuid(1000, 1000, 1000) || qkd_nl_link_resync(nl, LINK, 1000000) != -EPERM;
}

TEST_F(resync, is_for_the_administrator)
{
	struct qkd_nl *nl;
	pid_t pid = fork();

	ASSERT_LE(0, pid);
	if (!pid)
		_exit(qkd_nl_open(&nl) || try_as_user(nl));
	EXPECT_TRUE(exited_with_0(await(pid)));
	EXPECT_EQ(-ENODEV, qkd_nl_link_resync(self->b.nl, "nobody", 1000000));
}

TEST_HARNESS_MAIN
