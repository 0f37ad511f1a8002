// SPDX-License-Identifier: GPL-2.0-or-later
/* Reservations whose holder takes too long: the key goes back, and the holder is told. */
#include "qkd_test.h"

#define LINK "alpha"

/* Two ends, and two files of the end that reserves */
FIXTURE(lease)
{
	struct end a, b;
	int other;
	struct qkd_key_get out, in;
};

static int begin(FIXTURE_DATA(lease) * self, uint32_t lease_s, uint32_t ttl_s)
{
	const struct link_spec a = { .name = LINK, .role = QKD_ROLE_A, .seed = 's' };
	const struct link_spec b = {
		.name = LINK, .role = QKD_ROLE_B, .seed = 's', .lease_s = lease_s, .ttl_s = ttl_s
	};
	int ret = end_open(&self->a, &a);

	if (!ret)
		ret = end_open(&self->b, &b);
	if (ret)
		return ret;
	self->other = end_file(&self->b, 0);
	ret = self->other < 0 ? self->other : get_key(self->a.fd, DEADLINE_MS, &self->out);
	return ret ? ret : get_by_id(self->b.fd, self->out.key_id, DEADLINE_MS, &self->in);
}

FIXTURE_SETUP(lease)
{
}

FIXTURE_TEARDOWN(lease)
{
	close(self->other);
	end_close(&self->a);
	end_close(&self->b);
}

static uint64_t stat_here(FIXTURE_DATA(lease) * self, int stat)
{
	return stat_of(self->b.nl, LINK, stat);
}

static bool is_accounted_for(FIXTURE_DATA(lease) * self)
{
	struct qkd_link_info info;

	return !qkd_nl_link_get(self->b.nl, LINK, &info) &&
	       accounted(&info) == info.stats.value[QKD_A_STATS_DELIVERED];
}

TEST_F(lease, over_gives_the_key_to_the_next)
{
	ASSERT_EQ(0, begin(self, 1, 0));
	EXPECT_EQ(-EBUSY, get_by_id(self->other, self->out.key_id, 0, &self->in));
	ASSERT_SOON(!get_by_id(self->other, self->out.key_id, 0, &self->in));
	EXPECT_TRUE(same_key(&self->out, &self->in));
	EXPECT_EQ(-ENOKEY, commit(self->b.fd, self->out.key_id));
	EXPECT_EQ(-ENOKEY, release(self->b.fd, self->out.key_id));
	EXPECT_EQ(1, stat_here(self, QKD_A_STATS_LAPSED));
	EXPECT_EQ(0, stat_here(self, QKD_A_STATS_RELEASED));
	EXPECT_EQ(0, commit(self->other, self->out.key_id));
	EXPECT_EQ(1, stat_here(self, QKD_A_STATS_INBOUND_SPENT));
	EXPECT_TRUE(is_accounted_for(self));
}

TEST_F(lease, over_is_over_for_its_holder_too)
{
	ASSERT_EQ(0, begin(self, 1, 0));
	ASSERT_SOON(!stat_here(self, QKD_A_STATS_INBOUND_RESERVED));
	EXPECT_EQ(1, stat_here(self, QKD_A_STATS_LAPSED));
	EXPECT_EQ(-ENOKEY, release(self->b.fd, self->out.key_id));
	EXPECT_EQ(-ENOKEY, commit(self->b.fd, self->out.key_id));
	EXPECT_TRUE(is_accounted_for(self));
	ASSERT_EQ(0, get_by_id(self->b.fd, self->out.key_id, 0, &self->in));
	EXPECT_TRUE(same_key(&self->out, &self->in));
	EXPECT_EQ(0, commit(self->b.fd, self->out.key_id));
}

/* No call looks at the link between: only its own work can have ended the lease. */
TEST_F(lease, ends_when_nobody_looks)
{
	struct qkd_key_get late;
	int64_t begun;

	ASSERT_EQ(0, begin(self, 1, 0));
	begun = now_ms();
	ASSERT_SOON(now_ms() > begun + 1500);
	ASSERT_EQ(0, get_key(self->a.fd, DEADLINE_MS, &late));
	ASSERT_EQ(0, get_by_id(self->b.fd, late.key_id, DEADLINE_MS, &late));
	EXPECT_EQ(1, stat_here(self, QKD_A_STATS_LAPSED));
	EXPECT_EQ(1, stat_here(self, QKD_A_STATS_INBOUND_RESERVED));
}

/* Asking again tells nothing but that the key is reserved, and lengthens nothing. */
TEST_F(lease, is_not_lengthened_by_asking)
{
	ASSERT_EQ(0, begin(self, 1, 0));
	ASSERT_SOON(get_by_id(self->b.fd, self->out.key_id, 0, &self->in) != -EBUSY);
	EXPECT_EQ(1, stat_here(self, QKD_A_STATS_LAPSED));
}

TEST_F(lease, that_is_made_shorter_ends_those_that_run)
{
	const uint32_t lease_s = 1;
	const struct qkd_link_change change = { .name = LINK, .lease_s = &lease_s };

	ASSERT_EQ(0, begin(self, QKD_LEASE_MAX, 0));
	EXPECT_EQ(-EBUSY, get_by_id(self->other, self->out.key_id, 0, &self->in));
	ASSERT_EQ(0, qkd_nl_link_set(self->b.nl, &change));
	ASSERT_SOON(!stat_here(self, QKD_A_STATS_INBOUND_RESERVED));
	EXPECT_EQ(1, stat_here(self, QKD_A_STATS_LAPSED));
	EXPECT_EQ(-ENOKEY, commit(self->b.fd, self->out.key_id));
}

TEST_F(lease, over_on_a_key_that_grew_too_old_ends_the_key)
{
	ASSERT_EQ(0, begin(self, 3, 1));
	ASSERT_SOON(stat_here(self, QKD_A_STATS_LAPSED));
	EXPECT_EQ(-EKEYEXPIRED, get_by_id(self->other, self->out.key_id, 0, &self->in));
	EXPECT_EQ(-ENOKEY, commit(self->b.fd, self->out.key_id));
	EXPECT_TRUE(is_accounted_for(self));
}

TEST_F(lease, over_on_a_purged_key_ends_the_key)
{
	ASSERT_EQ(0, begin(self, 2, 0));
	ASSERT_EQ(0, qkd_nl_link_purge(self->b.nl, LINK));
	EXPECT_EQ(1, stat_here(self, QKD_A_STATS_INBOUND_RESERVED));
	ASSERT_SOON(!stat_here(self, QKD_A_STATS_INBOUND_RESERVED));
	EXPECT_EQ(1, stat_here(self, QKD_A_STATS_LAPSED));
	EXPECT_EQ(-ENOKEY, commit(self->b.fd, self->out.key_id));
	EXPECT_EQ(-EKEYREVOKED, get_by_id(self->other, self->out.key_id, 0, &self->in));
	EXPECT_TRUE(is_accounted_for(self));
}

/* Leases end in the order in which they began, whatever became of others. */
TEST_F(lease, ends_each_in_its_turn)
{
	struct qkd_key_get out[8];

	ASSERT_EQ(0, begin(self, 2, 0));
	for (int i = 0; i < 8; i++) {
		ASSERT_EQ(0, get_key(self->a.fd, DEADLINE_MS, &out[i]));
		ASSERT_EQ(0, get_by_id(self->b.fd, out[i].key_id, DEADLINE_MS, &self->in));
	}
	ASSERT_EQ(0, commit(self->b.fd, out[0].key_id));
	ASSERT_EQ(0, release(self->b.fd, out[3].key_id));
	ASSERT_EQ(0, get_by_id(self->other, out[3].key_id, 0, &self->in));
	ASSERT_EQ(0, commit(self->b.fd, out[7].key_id));
	ASSERT_SOON(!stat_here(self, QKD_A_STATS_INBOUND_RESERVED));
	EXPECT_EQ(7, stat_here(self, QKD_A_STATS_LAPSED));
	EXPECT_EQ(2, stat_here(self, QKD_A_STATS_INBOUND_SPENT));
	EXPECT_EQ(1, stat_here(self, QKD_A_STATS_RELEASED));
	EXPECT_TRUE(is_accounted_for(self));
}

TEST_F(lease, is_sixty_seconds_unless_set)
{
	struct qkd_link_info info;

	ASSERT_EQ(0, begin(self, 0, 0));
	ASSERT_EQ(0, qkd_nl_link_get(self->b.nl, LINK, &info));
	EXPECT_EQ(QKD_LEASE_DEFAULT, info.lease_s);
}

TEST_HARNESS_MAIN
