// SPDX-License-Identifier: GPL-2.0-or-later
/* The simulator: two ends that share a seed share every key, and others share none. */
#include "qkd_test.h"

#define KEYS	 64
#define CAPACITY 4

FIXTURE(sim)
{
	struct end a;
};

FIXTURE_SETUP(sim)
{
	const struct link_spec a = { .name = "to-b", .role = QKD_ROLE_A, .seed = 's' };

	ASSERT_EQ(0, end_open(&self->a, &a));
}

FIXTURE_TEARDOWN(sim)
{
	end_close(&self->a);
}

/* Takes keys at @from and looks each up at @to. The number found there, or -1 if one differs. */
static int found_at(const struct end *from, const struct end *to)
{
	struct qkd_key_get out, in;
	int found = 0;

	for (int i = 0; i < KEYS; i++) {
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

TEST_F(sim, ends_with_one_seed_agree)
{
	const struct link_spec b = { .name = "named-otherwise", .role = QKD_ROLE_B, .seed = 's' };
	struct end end;

	ASSERT_EQ(0, end_open(&end, &b));
	EXPECT_EQ(KEYS, found_at(&self->a, &end));
	EXPECT_EQ(KEYS, found_at(&end, &self->a));
	end_close(&end);
}

TEST_F(sim, ends_with_two_seeds_do_not)
{
	const struct link_spec b = { .name = "to-a", .role = QKD_ROLE_B, .seed = 't' };
	struct end end;

	ASSERT_EQ(0, end_open(&end, &b));
	EXPECT_EQ(0, found_at(&self->a, &end));
	EXPECT_EQ(0, found_at(&end, &self->a));
	end_close(&end);
}

/* Also with the names of its own end, so that only the role is wrong */
TEST_F(sim, ends_with_one_role_do_not)
{
	const struct link_spec b = { .name = "to-a", .role = QKD_ROLE_A, .seed = 's' };
	struct end end;

	ASSERT_EQ(0, end_open(&end, &b));
	EXPECT_EQ(0, found_at(&self->a, &end));
	EXPECT_EQ(0, found_at(&end, &self->a));
	end_close(&end);
}

static int add_for_other_site(struct qkd_nl *nl, const char *name)
{
	struct qkd_link_request request = {
		.name = name,
		.provider = "sim",
		.local_sae = "site-c",
		.remote_sae = SITE_A,
		.role = QKD_ROLE_B,
		.sim_seed_fd = memory_file('s', SEED_LEN),
	};
	int ret = qkd_nl_link_add(nl, &request);

	close(request.sim_seed_fd);
	return ret;
}

TEST_F(sim, ends_that_name_other_sites_do_not)
{
	struct end end = { .ns = -1 };

	ASSERT_EQ(0, new_namespace(&end.nl));
	ASSERT_EQ(0, add_for_other_site(end.nl, "to-a"));
	end.fd = qkd_open("to-a", 0);
	ASSERT_LE(0, end.fd);
	EXPECT_EQ(0, found_at(&self->a, &end));
	EXPECT_EQ(0, found_at(&end, &self->a));
	end_close(&end);
}

/* The other end was away while this one took keys. */
TEST_F(sim, an_end_that_starts_later_catches_up)
{
	const struct link_spec b = { .name = "to-a", .role = QKD_ROLE_B, .seed = 's' };
	struct qkd_key_get out, in;
	struct end end;

	for (int i = 0; i < 10 * KEYS; i++)
		ASSERT_EQ(0, get_key(self->a.fd, DEADLINE_MS, &out));
	ASSERT_EQ(0, end_open(&end, &b));
	EXPECT_EQ(0, get_by_id(end.fd, out.key_id, DEADLINE_MS, &in));
	EXPECT_TRUE(same_key(&out, &in));
	EXPECT_EQ(KEYS, found_at(&self->a, &end));
	end_close(&end);
}

/* Each key is looked up about when the other end's own stream, which is behind, comes to it. */
TEST_F(sim, a_look_up_and_the_stream_do_not_miss_each_other)
{
	const struct link_spec a = {
		.name = "fast", .role = QKD_ROLE_A, .seed = 'f', .rate = 20 * RATE_FAST
	};
	const struct link_spec b = {
		.name = "fast", .role = QKD_ROLE_B, .seed = 'f', .rate = 20 * RATE_FAST
	};
	struct end from, to;

	ASSERT_EQ(0, end_open(&from, &a));
	ASSERT_SOON(stat_of(from.nl, "fast", QKD_A_STATS_OUTBOUND_FRESH) == QKD_CAPACITY_DEFAULT);
	ASSERT_EQ(0, end_open(&to, &b));
	for (int i = 0; i < 15; i++)
		EXPECT_EQ(KEYS, found_at(&from, &to));
	end_close(&from);
	end_close(&to);
}

/* Keys that never arrive fill the other end's store; the link goes on all the same. */
TEST_F(sim, keys_that_are_never_asked_for_do_not_stop_it)
{
	const struct link_spec b = {
		.name = "to-a", .role = QKD_ROLE_B, .seed = 's', .capacity = CAPACITY
	};
	struct qkd_key_get out;
	struct end end;

	ASSERT_EQ(0, end_open(&end, &b));
	for (int i = 0; i < 10 * CAPACITY; i++)
		ASSERT_EQ(0, get_key(self->a.fd, DEADLINE_MS, &out));
	EXPECT_EQ(KEYS, found_at(&self->a, &end));
	EXPECT_EQ(KEYS, found_at(&end, &self->a));
	end_close(&end);
}

/* How far a full link would have come is told by another one of the same rate beside it. */
TEST_F(sim, a_store_holds_no_more_than_its_capacity)
{
	const struct link_spec full = {
		.name = "full", .role = QKD_ROLE_A, .seed = 's', .capacity = CAPACITY
	};
	struct qkd_info info;
	int fd;

	ASSERT_EQ(0, add_link(self->a.nl, &full));
	fd = qkd_open("full", 0);
	ASSERT_LE(0, fd);
	ASSERT_SOON(stat_of(self->a.nl, "to-b", QKD_A_STATS_DELIVERED) >= 40 * CAPACITY);
	ASSERT_EQ(0, qkd_info(fd, &info));
	EXPECT_EQ(CAPACITY, info.outbound_fresh);
	EXPECT_EQ(CAPACITY, info.inbound_fresh);
	EXPECT_EQ(2 * CAPACITY, stat_of(self->a.nl, "full", QKD_A_STATS_DELIVERED));
	close(fd);
}

/* What a key costs is given back: in the long run the rate is what was asked for. */
TEST_F(sim, a_faster_link_has_more_keys)
{
	const struct link_spec slow = {
		.name = "slow", .role = QKD_ROLE_A, .seed = 's', .rate = QKD_SIM_RATE_MIN
	};

	ASSERT_EQ(0, add_link(self->a.nl, &slow));
	ASSERT_SOON(stat_of(self->a.nl, "to-b", QKD_A_STATS_DELIVERED) >= 500);
	EXPECT_GT(250, stat_of(self->a.nl, "slow", QKD_A_STATS_DELIVERED));
}

TEST_F(sim, ids_are_uuids_of_version_8)
{
	struct qkd_key_get get;

	for (int i = 0; i < KEYS; i++) {
		ASSERT_EQ(0, get_key(self->a.fd, DEADLINE_MS, &get));
		EXPECT_EQ(0x80, get.key_id[6] & 0xf0);
		EXPECT_EQ(0x80, get.key_id[8] & 0xc0);
	}
}

/* One bit off a good ID is no ID, and moves nothing. */
TEST_F(sim, a_forged_id_finds_nothing)
{
	const struct link_spec b = { .name = "to-a", .role = QKD_ROLE_B, .seed = 's' };
	struct qkd_key_get out, in;
	struct end end;

	ASSERT_EQ(0, end_open(&end, &b));
	ASSERT_EQ(0, get_key(self->a.fd, DEADLINE_MS, &out));
	for (int bit = 0; bit < 8 * QKD_KEY_ID_LEN; bit++) {
		out.key_id[bit / 8] ^= 1 << bit % 8;
		EXPECT_EQ(-ENOKEY, get_by_id(end.fd, out.key_id, 0, &in));
		out.key_id[bit / 8] ^= 1 << bit % 8;
	}
	EXPECT_EQ(0, get_by_id(end.fd, out.key_id, DEADLINE_MS, &in));
	EXPECT_TRUE(same_key(&out, &in));
	EXPECT_EQ(0, stat_of(end.nl, "to-a", QKD_A_STATS_EXPIRED));
	end_close(&end);
}

TEST_HARNESS_MAIN
