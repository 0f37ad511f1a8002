// SPDX-License-Identifier: GPL-2.0-or-later
/* Links whose ends do not hold the same keys: counted, degraded, told of, and well again. */
#include "qkd_test.h"

#define LINK  "alpha"
#define AFTER QKD_DEGRADE_AFTER_DEFAULT
#define BURST 8

FIXTURE(health)
{
	struct end a, b;
	struct qkd_nl *events;
};

FIXTURE_SETUP(health)
{
	const struct link_spec a = { .name = LINK, .role = QKD_ROLE_A, .seed = 's' };
	const struct link_spec b = { .name = LINK, .role = QKD_ROLE_B, .seed = 's' };

	ASSERT_EQ(0, end_open(&self->a, &a));
	ASSERT_EQ(0, new_namespace(&self->b.nl));
	ASSERT_EQ(0, qkd_nl_open(&self->events));
	ASSERT_EQ(0, qkd_nl_event_subscribe(self->events));
	ASSERT_EQ(0, add_link(self->b.nl, &b));
	self->b.ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	ASSERT_LE(0, self->b.ns);
	self->b.fd = qkd_open(NULL, 0);
	ASSERT_LE(0, self->b.fd);
}

FIXTURE_TEARDOWN(health)
{
	qkd_nl_close(self->events);
	end_close(&self->a);
	end_close(&self->b);
}

static int release_as(int fd, const uint8_t *id, uint32_t flags)
{
	struct qkd_key_ref ref = { .size = sizeof(ref), .flags = flags };

	memcpy(ref.key_id, id, sizeof(ref.key_id));
	return call(fd, QKD_IOC_RELEASE, &ref);
}

/* The peer takes a key, this end holds it, and it comes to this. */
static int use(FIXTURE_DATA(health) * self, bool match, uint32_t flags)
{
	struct qkd_key_get get;
	int ret = get_key(self->a.fd, DEADLINE_MS, &get);

	if (!ret)
		ret = get_by_id(self->b.fd, get.key_id, DEADLINE_MS, &get);
	if (ret)
		return ret;
	return match ? commit(self->b.fd, get.key_id) : release_as(self->b.fd, get.key_id, flags);
}

static int fail(FIXTURE_DATA(health) * self, int times)
{
	int ret = 0;

	while (!ret && times--)
		ret = use(self, false, QKD_RELEASE_F_MISMATCH);
	return ret;
}

static int state(FIXTURE_DATA(health) * self)
{
	struct qkd_link_info info;
	struct qkd_info other;

	if (qkd_nl_link_get(self->b.nl, LINK, &info) || qkd_info(self->b.fd, &other))
		return -1;
	return info.state == other.state ? info.state : -2;
}

/* Events by type, since the start */
struct heard {
	unsigned int count[QKD_EVENT_MAX + 1];
	uint8_t last_state;
	char states[16]; /* in their order: U, D, G for degraded */
};

static void note_state(struct heard *heard, uint8_t type, char letter)
{
	const size_t n = strlen(heard->states);

	heard->last_state = type;
	if (n + 1 < sizeof(heard->states))
		heard->states[n] = letter;
}

static int note(const struct qkd_event *event, void *arg)
{
	struct heard *heard = arg;

	if (event->type > QKD_EVENT_MAX)
		return -EINVAL;
	heard->count[event->type]++;
	if (event->type == QKD_EVENT_LINK_UP)
		note_state(heard, event->type, 'U');
	else if (event->type == QKD_EVENT_LINK_DOWN)
		note_state(heard, event->type, 'D');
	else if (event->type == QKD_EVENT_LINK_DEGRADED)
		note_state(heard, event->type, 'G');
	return 0;
}

static bool listen_until(FIXTURE_DATA(health) * self, struct heard *heard, uint8_t type)
{
	return !qkd_nl_event_read(self->events, note, heard) && heard->count[type];
}

TEST_F(health, failures_in_a_row_degrade_and_a_match_restores)
{
	struct heard heard = { .last_state = 0 };

	ASSERT_EQ(0, fail(self, AFTER - 1));
	EXPECT_EQ(QKD_LINK_UP, state(self));
	ASSERT_EQ(0, fail(self, 1));
	EXPECT_EQ(QKD_LINK_DEGRADED, state(self));
	EXPECT_EQ(AFTER, stat_of(self->b.nl, LINK, QKD_A_STATS_MISMATCHED));
	ASSERT_SOON(listen_until(self, &heard, QKD_EVENT_LINK_DEGRADED));
	ASSERT_EQ(0, use(self, true, 0));
	EXPECT_EQ(QKD_LINK_UP, state(self));
	ASSERT_SOON(listen_until(self, &heard, QKD_EVENT_LINK_UP) &&
		    heard.last_state == QKD_EVENT_LINK_UP);
	EXPECT_EQ(1, heard.count[QKD_EVENT_LINK_DEGRADED]);
	EXPECT_EQ(0, heard.count[QKD_EVENT_LINK_DOWN]);
	EXPECT_EQ(0, heard.count[QKD_EVENT_BINDER_FAILURES]);
	EXPECT_EQ(AFTER, stat_of(self->b.nl, LINK, QKD_A_STATS_MISMATCHED));
}

/* A provider that does not deliver is worse than keys that do not match. */

/* Are these the states there have been? */
static bool states_are(FIXTURE_DATA(health) * self, struct heard *heard, const char *states)
{
	return !qkd_nl_event_read(self->events, note, heard) && !strcmp(heard->states, states);
}

/* The fibre of this end is cut, or whole again; keys that have come stay. */
static int cut(FIXTURE_DATA(health) * self, uint32_t outage)
{
	struct qkd_link_change change = { .name = LINK };

	qkd_sim_give(&change.sim, QKD_A_SIM_OUTAGE, outage);
	return qkd_nl_link_set(self->b.nl, &change);
}

/* This end holds all that is used while nothing comes. */
static bool has_some(FIXTURE_DATA(health) * self)
{
	return stat_of(self->b.nl, LINK, QKD_A_STATS_INBOUND_FRESH) > 4 * AFTER;
}

TEST_F(health, a_degraded_link_that_is_down_is_down_until_it_comes_up_degraded)
{
	struct heard heard = { .last_state = 0 };

	ASSERT_SOON(states_are(self, &heard, "U")); /* else the next one replaces it */
	ASSERT_EQ(0, fail(self, AFTER));
	ASSERT_SOON(states_are(self, &heard, "UG"));
	ASSERT_SOON(has_some(self));
	ASSERT_EQ(0, cut(self, 1));
	EXPECT_EQ(QKD_LINK_DOWN, state(self));
	ASSERT_SOON(states_are(self, &heard, "UGD"));
	/* One more failure does not make it any better. */
	ASSERT_EQ(0, fail(self, 1));
	EXPECT_EQ(QKD_LINK_DOWN, state(self));
	ASSERT_EQ(0, cut(self, 0));
	EXPECT_EQ(QKD_LINK_DEGRADED, state(self));
	ASSERT_SOON(states_are(self, &heard, "UGDG"));
	ASSERT_EQ(0, use(self, true, 0));
	EXPECT_EQ(QKD_LINK_UP, state(self));
	ASSERT_SOON(states_are(self, &heard, "UGDGU"));
}

TEST_F(health, failures_while_it_is_down_degrade_it_when_it_comes_up)
{
	struct heard heard = { .last_state = 0 };

	ASSERT_SOON(states_are(self, &heard, "U")); /* else the next one replaces it */
	ASSERT_SOON(has_some(self));
	ASSERT_EQ(0, cut(self, 1));
	ASSERT_SOON(states_are(self, &heard, "UD"));
	ASSERT_EQ(0, fail(self, AFTER));
	EXPECT_EQ(QKD_LINK_DOWN, state(self));
	ASSERT_EQ(0, cut(self, 0));
	EXPECT_EQ(QKD_LINK_DEGRADED, state(self));
	ASSERT_SOON(states_are(self, &heard, "UDG"));
}

/* Neither a match nor another limit says that keys come again. */
TEST_F(health, what_mends_a_link_that_is_down_shows_when_it_comes_up)
{
	const uint32_t never = 0, after = AFTER;
	struct qkd_link_change change = { .name = LINK, .degrade_after = &never };
	struct heard heard = { .last_state = 0 };

	ASSERT_SOON(states_are(self, &heard, "U")); /* else the next one replaces it */
	ASSERT_EQ(0, fail(self, AFTER));
	ASSERT_SOON(states_are(self, &heard, "UG"));
	ASSERT_SOON(has_some(self));
	ASSERT_EQ(0, cut(self, 1));
	ASSERT_SOON(states_are(self, &heard, "UGD"));
	ASSERT_EQ(0, qkd_nl_link_set(self->b.nl, &change));
	EXPECT_EQ(QKD_LINK_DOWN, state(self));
	change.degrade_after = &after;
	ASSERT_EQ(0, qkd_nl_link_set(self->b.nl, &change));
	EXPECT_EQ(QKD_LINK_DOWN, state(self));
	ASSERT_EQ(0, use(self, true, 0));
	EXPECT_EQ(QKD_LINK_DOWN, state(self));
	ASSERT_EQ(0, cut(self, 0));
	EXPECT_EQ(QKD_LINK_UP, state(self));
	ASSERT_SOON(states_are(self, &heard, "UGDU"));
}

TEST_F(health, a_match_between_starts_the_row_anew)
{
	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, fail(self, AFTER - 1));
		ASSERT_EQ(0, use(self, true, 0));
	}
	EXPECT_EQ(QKD_LINK_UP, state(self));
	EXPECT_EQ(3 * (AFTER - 1), stat_of(self->b.nl, LINK, QKD_A_STATS_MISMATCHED));
}

TEST_F(health, keys_given_back_for_other_reasons_do_not_count)
{
	for (int i = 0; i < 2 * BURST; i++)
		ASSERT_EQ(0, use(self, false, 0));
	EXPECT_EQ(QKD_LINK_UP, state(self));
	EXPECT_EQ(0, stat_of(self->b.nl, LINK, QKD_A_STATS_MISMATCHED));
	EXPECT_EQ(2 * BURST, stat_of(self->b.nl, LINK, QKD_A_STATS_RELEASED));
}

TEST_F(health, a_key_that_is_not_held_does_not_count)
{
	struct qkd_key_get get;

	ASSERT_EQ(0, get_key(self->a.fd, DEADLINE_MS, &get));
	for (int i = 0; i < AFTER; i++)
		EXPECT_EQ(-ENOKEY, release_as(self->b.fd, get.key_id, QKD_RELEASE_F_MISMATCH));
	EXPECT_EQ(0, stat_of(self->b.nl, LINK, QKD_A_STATS_MISMATCHED));
	EXPECT_EQ(QKD_LINK_UP, state(self));
}

TEST_F(health, how_many_degrade_is_a_setting)
{
	const uint32_t never = 0, many = 6;
	struct qkd_link_change change = { .name = LINK, .degrade_after = &never };

	ASSERT_EQ(0, qkd_nl_link_set(self->b.nl, &change));
	ASSERT_EQ(0, fail(self, 5));
	EXPECT_EQ(QKD_LINK_UP, state(self));
	change.degrade_after = &many;
	ASSERT_EQ(0, qkd_nl_link_set(self->b.nl, &change));
	EXPECT_EQ(QKD_LINK_UP, state(self));
	ASSERT_EQ(0, fail(self, 1));
	EXPECT_EQ(QKD_LINK_DEGRADED, state(self));
	change.degrade_after = &never;
	ASSERT_EQ(0, qkd_nl_link_set(self->b.nl, &change));
	EXPECT_EQ(QKD_LINK_UP, state(self));
}

/* Matches between make no difference: it is how many there are that alarms. */
TEST_F(health, a_burst_alarms_once)
{
	struct heard heard = { .last_state = 0 };

	for (int i = 0; i < BURST - 1; i++) {
		ASSERT_EQ(0, fail(self, 1));
		ASSERT_EQ(0, use(self, true, 0));
	}
	EXPECT_FALSE(listen_until(self, &heard, QKD_EVENT_BINDER_FAILURES));
	ASSERT_EQ(0, fail(self, 1));
	ASSERT_SOON(listen_until(self, &heard, QKD_EVENT_BINDER_FAILURES));
	ASSERT_EQ(0, fail(self, 2 * BURST));
	/* All that it had to say comes before its end. */
	ASSERT_EQ(0, qkd_nl_link_delete(self->b.nl, LINK));
	ASSERT_SOON(listen_until(self, &heard, QKD_EVENT_LINK_GONE));
	EXPECT_EQ(1, heard.count[QKD_EVENT_BINDER_FAILURES]);
}

TEST_F(health, unknown_flags_are_refused_and_end_nothing)
{
	struct qkd_key_get get;
	struct qkd_key_ref ref = { .size = sizeof(ref) };

	ASSERT_EQ(0, get_key(self->a.fd, DEADLINE_MS, &get));
	ASSERT_EQ(0, get_by_id(self->b.fd, get.key_id, DEADLINE_MS, &get));
	memcpy(ref.key_id, get.key_id, sizeof(ref.key_id));
	for (int bit = 0; bit < 32; bit++) {
		ref.flags = 1U << bit;
		if (ref.flags == QKD_RELEASE_F_MISMATCH)
			continue;
		EXPECT_EQ(-EOPNOTSUPP, call(self->b.fd, QKD_IOC_RELEASE, &ref));
		ref.flags |= QKD_RELEASE_F_MISMATCH;
		EXPECT_EQ(-EOPNOTSUPP, call(self->b.fd, QKD_IOC_RELEASE, &ref));
	}
	ref.flags = QKD_RELEASE_F_MISMATCH;
	EXPECT_EQ(-EOPNOTSUPP, call(self->b.fd, QKD_IOC_COMMIT, &ref));
	EXPECT_EQ(0, stat_of(self->b.nl, LINK, QKD_A_STATS_MISMATCHED));
	EXPECT_EQ(0, commit(self->b.fd, get.key_id));
}

TEST_HARNESS_MAIN
