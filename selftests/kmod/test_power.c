// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Before the machine's memory is saved, or handed to a kernel that was: all keys are wiped, and none comes until it is
 * over. Whoever opens /dev/snapshot announces the one (for reading) or the other (for writing).
 */
#include "qkd_test.h"

#define LINK "alpha"

FIXTURE(power)
{
	struct end a, b;
	int snapshot;
};

FIXTURE_SETUP(power)
{
	const struct link_spec a = { .name = LINK, .role = QKD_ROLE_A, .seed = 's' };
	const struct link_spec b = { .name = LINK, .role = QKD_ROLE_B, .seed = 's' };

	self->snapshot = -1;
	if (access("/dev/snapshot", F_OK))
		SKIP(return, "no hibernation in this kernel");
	ASSERT_EQ(0, end_open(&self->a, &a));
	ASSERT_EQ(0, end_open(&self->b, &b));
	ASSERT_TRUE(poll_until(self->b.fd, POLLIN));
}

FIXTURE_TEARDOWN(power)
{
	if (self->snapshot >= 0)
		close(self->snapshot);
	end_close(&self->a);
	end_close(&self->b);
}

static int announce(FIXTURE_DATA(power) * self, int flags)
{
	self->snapshot = open("/dev/snapshot", flags | O_CLOEXEC);
	return self->snapshot < 0 ? -errno : 0;
}

static void call_off(FIXTURE_DATA(power) * self)
{
	close(self->snapshot);
	self->snapshot = -1;
}

static void sleep_and_wake(struct __test_metadata *_metadata, FIXTURE_DATA(power) * self, int flags)
{
	struct qkd_key_get out, in, late;
	struct qkd_link_info info;

	ASSERT_EQ(0, get_key(self->a.fd, DEADLINE_MS, &out));
	ASSERT_EQ(0, get_by_id(self->b.fd, out.key_id, DEADLINE_MS, &in));
	ASSERT_EQ(0, announce(self, flags));
	ASSERT_EQ(0, qkd_nl_link_get(self->b.nl, LINK, &info));
	EXPECT_EQ(0, info.stats.value[QKD_A_STATS_OUTBOUND_FRESH]);
	EXPECT_EQ(0, info.stats.value[QKD_A_STATS_INBOUND_FRESH]);
	EXPECT_LT(0, info.stats.value[QKD_A_STATS_PURGED]);
	EXPECT_EQ(-EKEYREVOKED, commit(self->b.fd, out.key_id));
	ASSERT_EQ(0, qkd_nl_link_get(self->b.nl, LINK, &info));
	EXPECT_EQ(info.stats.value[QKD_A_STATS_DELIVERED], accounted(&info));
	EXPECT_EQ(-ETIMEDOUT, get_key(self->b.fd, 10 * SHORT_MS, &late));
	call_off(self);
	EXPECT_EQ(0, get_key(self->b.fd, DEADLINE_MS, &late));
}

TEST_F(power, hibernation_finds_no_key)
{
	sleep_and_wake(_metadata, self, O_RDONLY);
}

TEST_F(power, a_hibernated_kernel_finds_no_key)
{
	sleep_and_wake(_metadata, self, O_WRONLY);
}

TEST_HARNESS_MAIN
