// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Faults of the simulator's equipment: which blocks are hit depends on the seed alone, so that a run can be
 * had again. What an end without faults gets shows what the other one lacks.
 */
#include "qkd_test.h"

#define LINK  "alpha"
#define KEYS  200
#define HALF  (QKD_PPM / 2)
#define TENTH (QKD_PPM / 10)

#define NO_END                     \
	{                          \
		.ns = -1, .fd = -1 \
	}

/* What an end has taken, in order */
struct keys {
	struct qkd_key_get key[KEYS];
};

FIXTURE(faults)
{
	struct keys *good, *bad, *again;
};

FIXTURE_SETUP(faults)
{
	self->good = calloc(1, sizeof(*self->good));
	self->bad = calloc(1, sizeof(*self->bad));
	self->again = calloc(1, sizeof(*self->again));
	ASSERT_TRUE(self->good && self->bad && self->again);
}

FIXTURE_TEARDOWN(faults)
{
	free(self->good);
	free(self->bad);
	free(self->again);
}

/* An end of the stream of seed @seed that has this fault from its first block on */
static int open_faulty(struct end *end, char seed, uint8_t role, int attr, uint32_t ppm)
{
	struct qkd_sim_settings sim = { 0 };
	const struct link_spec spec = { .name = LINK, .role = role, .seed = seed, .sim = &sim };

	qkd_sim_give(&sim, attr, ppm);
	return end_open(end, &spec);
}

static int take_keys(const struct end *end, struct keys *keys)
{
	int ret = 0;

	for (int i = 0; i < KEYS && !ret; i++)
		ret = get_key(end->fd, DEADLINE_MS, &keys->key[i]);
	return ret;
}

/* The first keys outbound at an end of role a */
static int keys_of(char seed, int attr, uint32_t ppm, struct keys *keys)
{
	struct end end = NO_END;
	int ret = open_faulty(&end, seed, QKD_ROLE_A, attr, ppm);

	if (!ret)
		ret = take_keys(&end, keys);
	end_close(&end);
	return ret;
}

/* The same run three times: without the fault, with it, and with it again. */
static int take_thrice(FIXTURE_DATA(faults) * self, int attr, uint32_t ppm)
{
	int ret = keys_of('s', attr, 0, self->good);

	if (!ret)
		ret = keys_of('s', attr, ppm, self->bad);
	return ret ? ret : keys_of('s', attr, ppm, self->again);
}

static bool same_keys(const struct keys *one, const struct keys *other)
{
	for (int i = 0; i < KEYS; i++)
		if (!same_key(&one->key[i], &other->key[i]))
			return false;
	return true;
}

static bool same_id(const struct qkd_key_get *one, const struct qkd_key_get *other)
{
	return !memcmp(one->key_id, other->key_id, sizeof(one->key_id));
}

/* Lost ones are left out; what comes comes in order, and is right. */
TEST_F(faults, lost_blocks_are_the_same_each_time)
{
	int lost = 0, found = 0;

	ASSERT_EQ(0, take_thrice(self, QKD_A_SIM_LOSS, TENTH));
	for (int i = 0; i < KEYS; i++) {
		if (same_key(&self->good->key[i], &self->bad->key[found]))
			found++;
		else
			lost++;
	}
	EXPECT_EQ(KEYS, found + lost);
	EXPECT_LT(5, lost);
	EXPECT_GT(50, lost);
	EXPECT_TRUE(same_keys(self->bad, self->again));
	/* More of them are lost at a higher rate, and others with another seed. */
	ASSERT_EQ(0, keys_of('s', QKD_A_SIM_LOSS, HALF, self->again));
	EXPECT_FALSE(same_keys(self->bad, self->again));
}

/* Looks up at @to what @from sends: bit by bit, which of them were found there. */
static int look_up(const struct end *from, const struct end *to, uint8_t found[KEYS])
{
	struct qkd_key_get out, in;
	int ret = 0;

	for (int i = 0; i < KEYS && !ret; i++) {
		ret = get_key(from->fd, DEADLINE_MS, &out);
		found[i] = !ret && !get_by_id(to->fd, out.key_id, 0, &in);
		if (found[i])
			ret = same_key(&out, &in) ? commit(to->fd, in.key_id) : -EIO;
	}
	return ret;
}

static int lost_on_the_way(char seed, uint8_t found[KEYS])
{
	struct end from = NO_END, to = NO_END;
	int ret = open_faulty(&from, seed, QKD_ROLE_A, QKD_A_SIM_LOSS, 0);

	if (!ret)
		ret = open_faulty(&to, seed, QKD_ROLE_B, QKD_A_SIM_LOSS, TENTH);
	if (!ret)
		ret = look_up(&from, &to, found);
	end_close(&from);
	end_close(&to);
	return ret;
}

/* Here by looking ahead, there by waiting for the stream: the same ones. */
TEST_F(faults, a_look_up_does_not_find_what_was_lost)
{
	uint8_t found[KEYS], again[KEYS], other[KEYS];
	int sum = 0;

	ASSERT_EQ(0, lost_on_the_way('s', found));
	ASSERT_EQ(0, lost_on_the_way('s', again));
	ASSERT_EQ(0, lost_on_the_way('t', other));
	for (int i = 0; i < KEYS; i++)
		sum += found[i];
	EXPECT_GT(KEYS - 5, sum);
	EXPECT_LT(KEYS - 50, sum);
	EXPECT_EQ(0, memcmp(found, again, sizeof(found)));
	EXPECT_NE(0, memcmp(found, other, sizeof(found)));
}

static int bits_that_differ(const struct qkd_key_get *one, const struct qkd_key_get *other)
{
	int bits = 0;

	for (size_t i = 0; i < sizeof(one->key); i++)
		bits += __builtin_popcount(one->key[i] ^ other->key[i]);
	return bits;
}

TEST_F(faults, a_flipped_key_has_one_bit_wrong)
{
	int flipped = 0;

	ASSERT_EQ(0, take_thrice(self, QKD_A_SIM_FLIP, TENTH));
	for (int i = 0; i < KEYS; i++) {
		int bits = bits_that_differ(&self->good->key[i], &self->bad->key[i]);

		ASSERT_TRUE(same_id(&self->good->key[i], &self->bad->key[i]));
		ASSERT_GE(1, bits);
		flipped += bits;
	}
	EXPECT_LT(5, flipped);
	EXPECT_GT(50, flipped);
	EXPECT_TRUE(same_keys(self->bad, self->again));
}

TEST_F(faults, all_may_be_flipped)
{
	ASSERT_EQ(0, take_thrice(self, QKD_A_SIM_FLIP, QKD_PPM));
	for (int i = 0; i < KEYS; i++)
		EXPECT_EQ(1, bits_that_differ(&self->good->key[i], &self->bad->key[i]));
}

/* Pairs, the first and second key, third and fourth, and so on: some of them the wrong way round */
TEST_F(faults, reordered_blocks_change_places_by_pairs)
{
	int swapped = 0;

	ASSERT_EQ(0, take_thrice(self, QKD_A_SIM_REORDER, TENTH));
	for (int i = 0; i < KEYS; i += 2) {
		bool is = !same_key(&self->good->key[i], &self->bad->key[i]);

		ASSERT_TRUE(same_key(&self->good->key[i], &self->bad->key[i + is]));
		ASSERT_TRUE(same_key(&self->good->key[i + 1], &self->bad->key[i + 1 - is]));
		swapped += is;
	}
	EXPECT_LT(2, swapped);
	EXPECT_GT(30, swapped);
	EXPECT_TRUE(same_keys(self->bad, self->again));
}

/* A direction of one place has no room for a pair. */
TEST_F(faults, reordering_does_not_stop_a_small_link)
{
	struct qkd_sim_settings sim = { 0 };
	const struct link_spec spec = {
		.name = LINK, .role = QKD_ROLE_A, .seed = 's', .capacity = 1, .sim = &sim
	};
	struct end end = NO_END;

	qkd_sim_give(&sim, QKD_A_SIM_REORDER, QKD_PPM);
	ASSERT_EQ(0, end_open(&end, &spec));
	ASSERT_EQ(0, keys_of('s', QKD_A_SIM_REORDER, QKD_PPM, self->good));
	for (int i = 0; i < 10; i++) {
		ASSERT_EQ(0, get_key(end.fd, DEADLINE_MS, &self->bad->key[i]));
		EXPECT_TRUE(same_key(&self->good->key[i], &self->bad->key[i]));
	}
	end_close(&end);
}

/* How often the core refused a block of a link that has filled up since it began. */
static uint64_t duplicates(uint32_t ppm)
{
	struct qkd_sim_settings sim = { 0 };
	const struct link_spec spec = {
		.name = LINK, .role = QKD_ROLE_A, .seed = 's', .capacity = KEYS, .sim = &sim
	};
	const int64_t deadline = now_ms() + DEADLINE_MS;
	uint64_t refused;
	struct end end = NO_END;

	qkd_sim_give(&sim, QKD_A_SIM_DUPLICATE, ppm);
	if (end_open(&end, &spec))
		return UINT64_MAX;
	while (stat_of(end.nl, LINK, QKD_A_STATS_DELIVERED) < 2 * KEYS && now_ms() < deadline)
		poll(NULL, 0, TICK_MS);
	/* The last one's twin comes while no answer is given. */
	refused = stat_of(end.nl, LINK, QKD_A_STATS_REFUSED);
	end_close(&end);
	return refused;
}

TEST_F(faults, a_block_that_comes_twice_is_refused_once)
{
	ASSERT_EQ(0, take_thrice(self, QKD_A_SIM_DUPLICATE, HALF));
	EXPECT_TRUE(same_keys(self->good, self->bad));
	EXPECT_EQ(0, duplicates(0));
	ASSERT_SOON(duplicates(QKD_PPM) == 2 * KEYS);
	EXPECT_LT(5, duplicates(TENTH));
	EXPECT_GT(100, duplicates(TENTH));
}

/* What is set while the link is in use holds for the blocks made from then on. */
TEST_F(faults, a_fault_may_come_and_go)
{
	struct qkd_sim_settings sim = { 0 };
	const struct link_spec spec = {
		.name = LINK, .role = QKD_ROLE_B, .seed = 's', .rate = QKD_SIM_RATE_MIN, .sim = &sim
	};
	struct qkd_link_change change = { .name = LINK };
	struct end from = NO_END, to = NO_END;
	struct qkd_key_get out, in;

	ASSERT_EQ(0, open_faulty(&from, 's', QKD_ROLE_A, QKD_A_SIM_LOSS, 0));
	qkd_sim_give(&sim, QKD_A_SIM_LOSS, QKD_PPM);
	ASSERT_EQ(0, end_open(&to, &spec));
	for (int i = 0; i < KEYS; i++) {
		ASSERT_EQ(0, get_key(from.fd, DEADLINE_MS, &out));
		EXPECT_EQ(-ENOKEY, get_by_id(to.fd, out.key_id, 0, &in));
	}
	EXPECT_EQ(0, stat_of(to.nl, LINK, QKD_A_STATS_DELIVERED));
	qkd_sim_give(&change.sim, QKD_A_SIM_LOSS, 0);
	ASSERT_EQ(0, qkd_nl_link_set(to.nl, &change));
	/* Its own stream, a block in two seconds, may have lost the next few already. */
	for (int i = 0; i < 10; i++)
		ASSERT_EQ(0, get_key(from.fd, DEADLINE_MS, &out));
	for (int i = 0; i < KEYS; i++) {
		ASSERT_EQ(0, get_key(from.fd, DEADLINE_MS, &out));
		ASSERT_EQ(0, get_by_id(to.fd, out.key_id, 0, &in));
		ASSERT_TRUE(same_key(&out, &in));
		ASSERT_EQ(0, commit(to.fd, in.key_id));
	}
	end_close(&from);
	end_close(&to);
}

TEST_HARNESS_MAIN
