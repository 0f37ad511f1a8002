// SPDX-License-Identifier: GPL-2.0-or-later
/* The simulator as a laboratory: what can be set of a quantum channel, and what comes of it. */
#include "qkd_test.h"

#define LINK "to-b"
#define SOME 200 /* keys */

/* What happened to LINK, of all links of the namespace */
struct seen {
	unsigned int count[256];
};

static int note_event(const struct qkd_event *event, void *arg)
{
	struct seen *seen = arg;

	if (!strcmp(event->link, LINK))
		seen->count[event->type]++;
	return 0;
}

FIXTURE(lab)
{
	struct end a;
	struct qkd_nl *events;
	struct seen seen;
};

FIXTURE_SETUP(lab)
{
	const struct link_spec a = { .name = LINK, .role = QKD_ROLE_A, .seed = 's' };

	ASSERT_EQ(0, end_open(&self->a, &a));
	ASSERT_EQ(0, qkd_nl_open(&self->events));
	ASSERT_EQ(0, qkd_nl_event_subscribe(self->events));
}

FIXTURE_TEARDOWN(lab)
{
	qkd_nl_close(self->events);
	end_close(&self->a);
}

/* How often an event of this type has come so far */
static unsigned int seen(FIXTURE_DATA(lab) * self, uint8_t type)
{
	if (qkd_nl_event_read(self->events, note_event, &self->seen))
		return UINT32_MAX;
	return self->seen.count[type];
}

static int sim_set(struct qkd_nl *nl, int attr, uint64_t value)
{
	struct qkd_link_change change = { .name = LINK };

	qkd_sim_give(&change.sim, attr, value);
	return qkd_nl_link_set(nl, &change);
}

static int set_qber_max(struct qkd_nl *nl, uint32_t qber_max)
{
	const struct qkd_link_change change = { .name = LINK, .qber_max = &qber_max };

	return qkd_nl_link_set(nl, &change);
}

static uint64_t delivered(struct qkd_nl *nl, const char *link)
{
	return stat_of(nl, link, QKD_A_STATS_DELIVERED);
}

/* Whether LINK, which has room, delivers nothing while another link of its rate beside it delivers many. */
static bool stands_still(const struct end *end)
{
	const struct link_spec clock = { .name = "clock", .role = QKD_ROLE_A, .seed = 'c' };
	const uint64_t before = delivered(end->nl, LINK);
	const int64_t deadline = now_ms() + DEADLINE_MS;

	if (add_link(end->nl, &clock))
		return false;
	while (delivered(end->nl, "clock") < SOME && now_ms() < deadline)
		poll(NULL, 0, TICK_MS);
	return !qkd_nl_link_delete(end->nl, "clock") && now_ms() < deadline &&
	       delivered(end->nl, LINK) == before;
}

/* Takes every key that is ready. */
static void drain(const struct end *end)
{
	struct qkd_key_get get;

	while (!get_key(end->fd, 0, &get))
		;
}

/* QBER and its alarm */

TEST_F(lab, a_link_shows_what_its_provider_measures)
{
	struct qkd_link_info info;

	ASSERT_EQ(0, qkd_nl_link_get(self->a.nl, LINK, &info));
	EXPECT_EQ(QKD_QBER_MAX_DEFAULT, info.qber_max);
	EXPECT_EQ(QKD_SIM_QBER_DEFAULT, info.qber);
	EXPECT_EQ(RATE_FAST, info.rate);
	ASSERT_EQ(0, sim_set(self->a.nl, QKD_A_SIM_QBER, 34567));
	ASSERT_EQ(0, sim_set(self->a.nl, QKD_A_SIM_RATE, 54321));
	ASSERT_EQ(0, set_qber_max(self->a.nl, 45678));
	ASSERT_EQ(0, qkd_nl_link_get(self->a.nl, LINK, &info));
	EXPECT_EQ(45678, info.qber_max);
	EXPECT_EQ(34567, info.qber);
	EXPECT_EQ(54321, info.rate);
	EXPECT_EQ(34567, info.sim.value[QKD_A_SIM_QBER]);
	EXPECT_EQ(QKD_LINK_UP, info.state);
}

/* Once, and again only after the QBER was an eighth below: 43750 here. */
TEST_F(lab, a_qber_above_the_threshold_raises_an_alarm)
{
	static const uint32_t quiet[] = { 50000, 60000, 45000, 50001, 43751, 60000 };

	ASSERT_EQ(0, set_qber_max(self->a.nl, 50000));
	ASSERT_EQ(0, sim_set(self->a.nl, QKD_A_SIM_QBER, 50000));
	ASSERT_EQ(0, sim_set(self->a.nl, QKD_A_SIM_QBER, 50001));
	ASSERT_SOON(seen(self, QKD_EVENT_QBER_ALARM) == 1);
	for (size_t i = 0; i < sizeof(quiet) / sizeof(quiet[0]); i++)
		ASSERT_EQ(0, sim_set(self->a.nl, QKD_A_SIM_QBER, quiet[i]));
	ASSERT_EQ(0, sim_set(self->a.nl, QKD_A_SIM_QBER, 43750));
	/* A work that has yet to send the quiet ones' alarm, were there one, has been waited for with LINK_DOWN. */
	ASSERT_EQ(0, sim_set(self->a.nl, QKD_A_SIM_QBER, QKD_SIM_QBER_MAX));
	ASSERT_SOON(seen(self, QKD_EVENT_LINK_DOWN) == 1);
	ASSERT_SOON(seen(self, QKD_EVENT_QBER_ALARM) == 2);
	ASSERT_EQ(0, qkd_nl_link_delete(self->a.nl, LINK));
	ASSERT_SOON(seen(self, QKD_EVENT_LINK_GONE) == 1);
	EXPECT_EQ(2, seen(self, QKD_EVENT_QBER_ALARM));
}

TEST_F(lab, a_threshold_below_the_qber_raises_the_alarm_too)
{
	ASSERT_EQ(0, set_qber_max(self->a.nl, QKD_SIM_QBER_DEFAULT - 1));
	ASSERT_SOON(seen(self, QKD_EVENT_QBER_ALARM) == 1);
	EXPECT_EQ(0, seen(self, QKD_EVENT_LINK_DOWN));
}

TEST_F(lab, above_the_abort_threshold_no_keys_come)
{
	struct qkd_link_info info;
	struct qkd_key_get get;

	ASSERT_EQ(0, sim_set(self->a.nl, QKD_A_SIM_QBER, QKD_SIM_QBER_ABORT + 1));
	drain(&self->a);
	EXPECT_TRUE(stands_still(&self->a));
	EXPECT_EQ(-EAGAIN, get_key(self->a.fd, 0, &get));
	ASSERT_EQ(0, qkd_nl_link_get(self->a.nl, LINK, &info));
	EXPECT_EQ(QKD_LINK_DOWN, info.state);
	EXPECT_EQ(QKD_SIM_QBER_ABORT + 1, info.qber);
	EXPECT_EQ(0, info.rate);
	ASSERT_SOON(seen(self, QKD_EVENT_LINK_DOWN) == 1);
	ASSERT_SOON(seen(self, QKD_EVENT_QBER_ALARM) == 1);
	ASSERT_EQ(0, sim_set(self->a.nl, QKD_A_SIM_QBER, QKD_SIM_QBER_ABORT));
	ASSERT_SOON(seen(self, QKD_EVENT_LINK_UP) == 1);
	EXPECT_EQ(0, get_key(self->a.fd, DEADLINE_MS, &get));
}

TEST_F(lab, values_out_of_range_are_refused)
{
	static const struct {
		int attr;
		uint32_t value;
	} cases[] = {
		{ QKD_A_SIM_RATE, QKD_SIM_RATE_MIN - 1 },
		{ QKD_A_SIM_RATE, QKD_SIM_RATE_MAX + 1 },
		{ QKD_A_SIM_QBER, QKD_SIM_QBER_MAX + 1 },
		{ QKD_A_SIM_QBER, UINT32_MAX },
	};
	struct qkd_link_info before, after;

	ASSERT_EQ(0, qkd_nl_link_get(self->a.nl, LINK, &before));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		EXPECT_EQ(-ERANGE, sim_set(self->a.nl, cases[i].attr, cases[i].value));
	EXPECT_EQ(-ERANGE, set_qber_max(self->a.nl, 0));
	EXPECT_EQ(-ERANGE, set_qber_max(self->a.nl, QKD_PPM + 1));
	ASSERT_EQ(0, qkd_nl_link_get(self->a.nl, LINK, &after));
	EXPECT_EQ(0, memcmp(&before.sim, &after.sim, sizeof(after.sim)));
	EXPECT_EQ(before.qber_max, after.qber_max);
}

TEST_HARNESS_MAIN
