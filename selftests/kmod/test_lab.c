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

/* The other end of a link, with this setting from its first block on */
static int other_end(struct end *end, uint8_t role, int attr, uint64_t value)
{
	struct qkd_sim_settings sim = { 0 };
	const struct link_spec spec = { .name = LINK, .role = role, .seed = 's', .sim = &sim };

	qkd_sim_give(&sim, attr, value);
	return end_open(end, &spec);
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
	unsigned int ups;

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
	ups = seen(self, QKD_EVENT_LINK_UP); /* the link's coming, which may have been seen */
	ASSERT_EQ(0, sim_set(self->a.nl, QKD_A_SIM_QBER, QKD_SIM_QBER_ABORT));
	ASSERT_SOON(seen(self, QKD_EVENT_LINK_UP) == ups + 1);
	EXPECT_EQ(0, get_key(self->a.fd, DEADLINE_MS, &get));
}

/* Outage and eavesdropper */

TEST_F(lab, in_an_outage_nothing_comes_and_nothing_is_measured)
{
	struct qkd_link_info info;
	struct qkd_key_get get;
	unsigned int ups;

	ASSERT_EQ(0, sim_set(self->a.nl, QKD_A_SIM_OUTAGE, 1));
	ASSERT_SOON(seen(self, QKD_EVENT_LINK_DOWN) == 1);
	ups = seen(self, QKD_EVENT_LINK_UP); /* the link's coming, which may have been seen */
	drain(&self->a);
	EXPECT_TRUE(stands_still(&self->a));
	ASSERT_EQ(0, qkd_nl_link_get(self->a.nl, LINK, &info));
	EXPECT_EQ(QKD_LINK_DOWN, info.state);
	EXPECT_EQ(QKD_UNKNOWN, info.qber);
	EXPECT_EQ(0, info.rate);
	EXPECT_EQ(1, info.sim.value[QKD_A_SIM_OUTAGE]);
	EXPECT_EQ(0, seen(self, QKD_EVENT_QBER_ALARM));
	ASSERT_EQ(0, sim_set(self->a.nl, QKD_A_SIM_OUTAGE, 0));
	ASSERT_SOON(seen(self, QKD_EVENT_LINK_UP) == ups + 1);
	EXPECT_EQ(0, get_key(self->a.fd, DEADLINE_MS, &get));
}

/* The other end goes on; what it takes meanwhile is found when this end works again. */
TEST_F(lab, in_an_outage_look_ups_ahead_fail)
{
	struct qkd_key_get out, in;
	struct end end;

	ASSERT_EQ(0, other_end(&end, QKD_ROLE_B, QKD_A_SIM_OUTAGE, 1));
	for (int i = 0; i < SOME; i++)
		ASSERT_EQ(0, get_key(self->a.fd, DEADLINE_MS, &out));
	EXPECT_EQ(-ENOKEY, get_by_id(end.fd, out.key_id, DEADLINE_MS, &in));
	EXPECT_EQ(0, delivered(end.nl, LINK));
	ASSERT_EQ(0, sim_set(end.nl, QKD_A_SIM_OUTAGE, 0));
	EXPECT_EQ(0, get_by_id(end.fd, out.key_id, DEADLINE_MS, &in));
	EXPECT_TRUE(same_key(&out, &in));
	end_close(&end);
}

TEST_F(lab, an_eavesdropper_is_noticed)
{
	struct qkd_link_info info;
	struct qkd_key_get get;
	unsigned int ups;

	ASSERT_EQ(0, sim_set(self->a.nl, QKD_A_SIM_EAVESDROPPER, 1));
	ASSERT_SOON(seen(self, QKD_EVENT_QBER_ALARM) == 1);
	ASSERT_SOON(seen(self, QKD_EVENT_LINK_DOWN) == 1);
	ups = seen(self, QKD_EVENT_LINK_UP); /* the link's coming, which may have been seen */
	drain(&self->a);
	EXPECT_TRUE(stands_still(&self->a));
	ASSERT_EQ(0, qkd_nl_link_get(self->a.nl, LINK, &info));
	EXPECT_EQ(QKD_LINK_DOWN, info.state);
	EXPECT_EQ(250000 + QKD_SIM_QBER_DEFAULT / 2, info.qber);
	EXPECT_EQ(QKD_SIM_QBER_DEFAULT, info.sim.value[QKD_A_SIM_QBER]);
	ASSERT_EQ(0, sim_set(self->a.nl, QKD_A_SIM_EAVESDROPPER, 0));
	ASSERT_SOON(seen(self, QKD_EVENT_LINK_UP) == ups + 1);
	EXPECT_EQ(0, get_key(self->a.fd, DEADLINE_MS, &get));
	ASSERT_EQ(0, sim_set(self->a.nl, QKD_A_SIM_EAVESDROPPER, 1));
	ASSERT_SOON(seen(self, QKD_EVENT_QBER_ALARM) == 2);
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
		{ QKD_A_SIM_OUTAGE, 2 },
		{ QKD_A_SIM_EAVESDROPPER, 2 },
		{ QKD_A_SIM_JITTER, QKD_SIM_DELAY_MAX + 1 },
		{ QKD_A_SIM_FETCH_DELAY, QKD_SIM_DELAY_MAX + 1 },
		{ QKD_A_SIM_LOSS, QKD_PPM + 1 },
		{ QKD_A_SIM_DUPLICATE, QKD_PPM + 1 },
		{ QKD_A_SIM_REORDER, QKD_PPM + 1 },
		{ QKD_A_SIM_FLIP, QKD_PPM + 1 },
	};
	struct qkd_link_info before, after;

	ASSERT_EQ(0, qkd_nl_link_get(self->a.nl, LINK, &before));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		EXPECT_EQ(-ERANGE, sim_set(self->a.nl, cases[i].attr, cases[i].value));
	EXPECT_EQ(-ERANGE, set_qber_max(self->a.nl, 0));
	EXPECT_EQ(-ERANGE, set_qber_max(self->a.nl, QKD_PPM + 1));
	ASSERT_EQ(0, qkd_nl_link_get(self->a.nl, LINK, &after));
	EXPECT_EQ(before.sim.given, after.sim.given);
	for (int i = 0; i <= QKD_A_SIM_MAX; i++)
		if (i != QKD_A_SIM_BLOCK) /* goes on by itself */
			EXPECT_EQ(before.sim.value[i], after.sim.value[i]);
	EXPECT_EQ(before.qber_max, after.qber_max);
}

TEST_F(lab, what_is_set_is_shown)
{
	struct qkd_link_change change = { .name = LINK };
	struct qkd_link_info info;

	qkd_sim_give(&change.sim, QKD_A_SIM_RATE, 12345);
	qkd_sim_give(&change.sim, QKD_A_SIM_QBER, 1);
	qkd_sim_give(&change.sim, QKD_A_SIM_OUTAGE, 1);
	qkd_sim_give(&change.sim, QKD_A_SIM_EAVESDROPPER, 1);
	qkd_sim_give(&change.sim, QKD_A_SIM_JITTER, 2);
	qkd_sim_give(&change.sim, QKD_A_SIM_FETCH_DELAY, 3);
	qkd_sim_give(&change.sim, QKD_A_SIM_LOSS, 4);
	qkd_sim_give(&change.sim, QKD_A_SIM_DUPLICATE, 5);
	qkd_sim_give(&change.sim, QKD_A_SIM_REORDER, 6);
	qkd_sim_give(&change.sim, QKD_A_SIM_FLIP, 7);
	ASSERT_EQ(0, qkd_nl_link_set(self->a.nl, &change));
	ASSERT_EQ(0, qkd_nl_link_get(self->a.nl, LINK, &info));
	EXPECT_EQ(change.sim.given, info.sim.given & change.sim.given);
	for (int i = 0; i <= QKD_A_SIM_MAX; i++)
		if (qkd_sim_has(&change.sim, i))
			EXPECT_EQ(change.sim.value[i], info.sim.value[i]);
	/* One of them alone leaves the others. */
	ASSERT_EQ(0, sim_set(self->a.nl, QKD_A_SIM_LOSS, 40));
	ASSERT_EQ(0, qkd_nl_link_get(self->a.nl, LINK, &info));
	EXPECT_EQ(40, info.sim.value[QKD_A_SIM_LOSS]);
	EXPECT_EQ(7, info.sim.value[QKD_A_SIM_FLIP]);
	EXPECT_EQ(1, info.sim.value[QKD_A_SIM_OUTAGE]);
}

/* Delays */

/* Late, but in the order of the stream, which this end, that is not late, shows. */
TEST_F(lab, jitter_makes_ends_differ_for_a_while)
{
	struct qkd_key_get out, in;
	unsigned int late = 0;
	struct end end;

	ASSERT_EQ(0, other_end(&end, QKD_ROLE_B, QKD_A_SIM_JITTER, 10000));
	for (int i = 0; i < 20; i++) {
		ASSERT_EQ(0, get_key(self->a.fd, DEADLINE_MS, &out));
		if (get_by_id(end.fd, out.key_id, 0, &in) == -ENOKEY) {
			late++;
			ASSERT_EQ(0, get_by_id(end.fd, out.key_id, DEADLINE_MS, &in));
		}
		EXPECT_TRUE(same_key(&out, &in));
		ASSERT_EQ(0, commit(end.fd, in.key_id));
	}
	EXPECT_LT(0, late);
	end_close(&end);
}

TEST_F(lab, jitter_keeps_the_order)
{
	struct qkd_key_get late, early;
	struct end end;

	ASSERT_EQ(0, other_end(&end, QKD_ROLE_A, QKD_A_SIM_JITTER, 5000));
	for (int i = 0; i < SOME; i++) {
		ASSERT_EQ(0, get_key(end.fd, DEADLINE_MS, &late));
		ASSERT_EQ(0, get_key(self->a.fd, DEADLINE_MS, &early));
		ASSERT_TRUE(same_key(&late, &early));
	}
	end_close(&end);
}

/* Its own stream is far behind. */
TEST_F(lab, a_key_that_is_fetched_may_come_late)
{
	struct qkd_sim_settings sim = { 0 };
	const struct link_spec b = {
		.name = LINK, .role = QKD_ROLE_B, .seed = 's', .rate = QKD_SIM_RATE_MIN, .sim = &sim
	};
	struct qkd_key_get out, in;
	struct end end;
	int64_t asked;

	for (int i = 0; i < 2 * SOME; i++)
		ASSERT_EQ(0, get_key(self->a.fd, DEADLINE_MS, &out));
	qkd_sim_give(&sim, QKD_A_SIM_FETCH_DELAY, 3000);
	ASSERT_EQ(0, end_open(&end, &b));
	asked = now_ms();
	EXPECT_EQ(-ENOKEY, get_by_id(end.fd, out.key_id, 0, &in));
	EXPECT_EQ(0, get_by_id(end.fd, out.key_id, DEADLINE_MS, &in));
	EXPECT_LE(3000, now_ms() - asked);
	EXPECT_TRUE(same_key(&out, &in));
	end_close(&end);
}

/* Unplugged */

static int note_sim(const struct qkd_provider_info *info, void *arg)
{
	*(bool *)arg |= !strcmp(info->name, "sim");
	return 0;
}

static bool provider_is_there(struct qkd_nl *nl)
{
	bool there = false;

	return !qkd_nl_provider_list(nl, note_sim, &there) && there;
}

/* A process that waits for a key of this end that does not come; it ends with 0 if it is told ENODEV. */
static pid_t waiter(const struct end *end)
{
	struct qkd_key_get get;
	pid_t pid = fork();

	if (!pid)
		_exit(get_key(end->fd, QKD_TIMEOUT_MS_MAX, &get) == -ENODEV ? 0 : 1);
	return pid;
}

TEST_F(lab, an_unplugged_device_leaves_nobody_waiting)
{
	const struct link_spec again = { .name = LINK, .role = QKD_ROLE_A, .seed = 't' };
	struct qkd_key_get out, in;
	struct end end;
	pid_t pid;

	ASSERT_EQ(0, other_end(&end, QKD_ROLE_B, QKD_A_SIM_LOSS, 0));
	ASSERT_EQ(0, get_key(self->a.fd, DEADLINE_MS, &out));
	ASSERT_EQ(0, get_by_id(end.fd, out.key_id, DEADLINE_MS, &in));
	ASSERT_EQ(0, sim_set(self->a.nl, QKD_A_SIM_OUTAGE, 1));
	drain(&self->a);
	pid = waiter(&self->a);
	ASSERT_LT(0, pid);
	ASSERT_SOON(stat_of(self->a.nl, LINK, QKD_A_STATS_WAITERS) == 1);

	ASSERT_EQ(0, sim_set(self->a.nl, QKD_A_SIM_UNPLUG, 1));
	EXPECT_TRUE(exited_with_0(await(pid)));
	EXPECT_TRUE(poll_until(self->a.fd, POLLHUP));
	EXPECT_TRUE(poll_until(end.fd, POLLHUP));
	EXPECT_EQ(-ENODEV, get_key(self->a.fd, 0, &out));
	EXPECT_EQ(-ENODEV, commit(end.fd, in.key_id));
	ASSERT_SOON(seen(self, QKD_EVENT_LINK_GONE) == 1);
	ASSERT_SOON(stat_of(end.nl, LINK, QKD_A_STATS_DELIVERED) == UINT64_MAX);
	ASSERT_SOON(provider_is_there(self->a.nl));
	EXPECT_EQ(0, add_link(self->a.nl, &again));
	end_close(&end);
}

/* While blocks are on their way, and as fast as it goes */
TEST_F(lab, a_device_may_be_pulled_again_and_again)
{
	struct qkd_sim_settings sim = { 0 };
	const struct link_spec spec = {
		.name = LINK, .role = QKD_ROLE_A, .seed = 's', .sim = &sim
	};

	qkd_sim_give(&sim, QKD_A_SIM_JITTER, 100);
	qkd_sim_give(&sim, QKD_A_SIM_REORDER, QKD_PPM / 2);
	for (int i = 0; i < 30; i++) {
		int ret = sim_set(self->a.nl, QKD_A_SIM_UNPLUG, 1);

		ASSERT_TRUE(!ret || ret == -ENODEV);
		ASSERT_SOON(!add_link(self->a.nl, &spec));
	}
	ASSERT_SOON(delivered(self->a.nl, LINK) > 0);
}

static int unplug_as_a_guest(void)
{
	const struct link_spec spec = {
		.name = LINK, .role = QKD_ROLE_A, .seed = 's', .rate = QKD_SIM_RATE_DEFAULT
	};
	struct qkd_link_info info;
	struct qkd_nl *nl;
	int ret;

	if (unshare(CLONE_NEWUSER | CLONE_NEWNET) || qkd_nl_open(&nl) || add_link(nl, &spec))
		return -EIO;
	ret = sim_set(nl, QKD_A_SIM_UNPLUG, 1);
	if (qkd_nl_link_get(nl, LINK, &info))
		ret = -EIO;
	qkd_nl_close(nl);
	return ret;
}

TEST_F(lab, only_the_administrator_pulls_the_device)
{
	struct qkd_sim_settings sim = { 0 };
	const struct link_spec spec = {
		.name = "other", .role = QKD_ROLE_A, .seed = 's', .sim = &sim
	};
	pid_t pid = fork();

	if (!pid)
		_exit(unplug_as_a_guest() == -EPERM ? 0 : 1);
	ASSERT_LT(0, pid);
	EXPECT_TRUE(exited_with_0(await(pid)));
	/* Nor is it a property of a new link. */
	qkd_sim_give(&sim, QKD_A_SIM_UNPLUG, 1);
	EXPECT_EQ(-EINVAL, add_link(self->a.nl, &spec));
	EXPECT_LT(0, stat_of(self->a.nl, LINK, QKD_A_STATS_DELIVERED));
	EXPECT_EQ(0, seen(self, QKD_EVENT_LINK_GONE));
}

TEST_HARNESS_MAIN
