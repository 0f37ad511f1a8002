// SPDX-License-Identifier: GPL-2.0-or-later
/* What a link tells of itself: its settings, statistics and events. */
#include "qkd_test.h"

#define LINK "alpha"

FIXTURE(link)
{
	struct qkd_nl *nl;
};

FIXTURE_SETUP(link)
{
	ASSERT_EQ(0, new_namespace(&self->nl));
}

FIXTURE_TEARDOWN(link)
{
	qkd_nl_close(self->nl);
}

TEST_F(link, a_link_is_shown_as_it_was_added)
{
	const struct link_spec spec = { .name = LINK,
					.role = QKD_ROLE_B,
					.seed = 's',
					.rate = 12345,
					.capacity = 77,
					.ttl_s = 88,
					.low = 9 };
	struct qkd_link_info info;

	ASSERT_EQ(0, add_link(self->nl, &spec));
	ASSERT_EQ(0, qkd_nl_link_get(self->nl, LINK, &info));
	EXPECT_STREQ(LINK, info.name);
	EXPECT_STREQ("sim", info.provider);
	EXPECT_STREQ(SITE_B, info.local_sae);
	EXPECT_STREQ(SITE_A, info.remote_sae);
	EXPECT_EQ(QKD_ROLE_B, info.role);
	EXPECT_EQ(QKD_LINK_UP, info.state);
	EXPECT_EQ(QKD_LINK_F_SIMULATED, info.flags);
	EXPECT_EQ(32, info.key_len);
	EXPECT_EQ(77, info.capacity);
	EXPECT_EQ(88, info.ttl_s);
	EXPECT_EQ(9, info.low);
	EXPECT_TRUE(qkd_sim_has(&info.sim, QKD_A_SIM_RATE));
	EXPECT_EQ(12345, info.sim.value[QKD_A_SIM_RATE]);
}

/* Settings that change */

static int set_link(struct qkd_nl *nl, const uint32_t *ttl_s, const uint32_t *low,
		    const uint32_t *rate)
{
	struct qkd_link_change change = { .name = LINK, .ttl_s = ttl_s, .low = low };

	if (rate)
		qkd_sim_give(&change.sim, QKD_A_SIM_RATE, *rate);
	return qkd_nl_link_set(nl, &change);
}

TEST_F(link, what_is_set_is_shown_and_the_rest_stays)
{
	const struct link_spec spec = {
		.name = LINK, .role = QKD_ROLE_A, .seed = 's', .rate = 12345, .ttl_s = 88, .low = 9
	};
	const uint32_t ttl_s = 99, low = 3, rate = 54321;
	struct qkd_link_info info;

	ASSERT_EQ(0, add_link(self->nl, &spec));
	ASSERT_EQ(0, set_link(self->nl, &ttl_s, NULL, NULL));
	ASSERT_EQ(0, qkd_nl_link_get(self->nl, LINK, &info));
	EXPECT_EQ(99, info.ttl_s);
	EXPECT_EQ(9, info.low);
	EXPECT_EQ(12345, info.sim.value[QKD_A_SIM_RATE]);
	ASSERT_EQ(0, set_link(self->nl, NULL, &low, &rate));
	ASSERT_EQ(0, qkd_nl_link_get(self->nl, LINK, &info));
	EXPECT_EQ(99, info.ttl_s);
	EXPECT_EQ(3, info.low);
	EXPECT_EQ(54321, info.sim.value[QKD_A_SIM_RATE]);
}

static uint64_t level(struct qkd_nl *nl)
{
	return stat_of(nl, LINK, QKD_A_STATS_OUTBOUND_FRESH);
}

TEST_F(link, a_shorter_ttl_holds_for_keys_that_wait)
{
	const struct link_spec spec = {
		.name = LINK, .role = QKD_ROLE_A, .seed = 's', .rate = QKD_SIM_RATE_MIN
	};
	const uint32_t ttl_s = 1;

	ASSERT_EQ(0, add_link(self->nl, &spec));
	ASSERT_SOON(level(self->nl) >= 32);
	ASSERT_EQ(0, set_link(self->nl, &ttl_s, NULL, NULL));
	ASSERT_SOON(stat_of(self->nl, LINK, QKD_A_STATS_EXPIRED) >= 64);
}

/* Six seconds a key at first */
TEST_F(link, a_higher_rate_holds_at_once)
{
	const struct link_spec spec = {
		.name = LINK, .role = QKD_ROLE_A, .seed = 's', .rate = QKD_SIM_RATE_MIN
	};
	const uint32_t rate = RATE_FAST;

	ASSERT_EQ(0, add_link(self->nl, &spec));
	ASSERT_EQ(0, set_link(self->nl, NULL, NULL, &rate));
	ASSERT_SOON(level(self->nl) > 500);
}

struct names {
	unsigned int count;
	bool seen[32];
};

static int note_name(const struct qkd_link_info *info, void *arg)
{
	struct names *names = arg;
	unsigned int i;

	if (sscanf(info->name, "link-%u", &i) != 1 || i >= 32 || names->seen[i])
		return -EINVAL;
	names->seen[i] = true;
	names->count++;
	return 0;
}

/* More than fits into one message */
TEST_F(link, a_dump_has_every_link_once)
{
	struct link_spec spec = { .role = QKD_ROLE_A, .seed = 's', .rate = QKD_SIM_RATE_MIN };
	struct names names = { 0 };
	char name[QKD_LINK_NAME_LEN];

	for (int i = 0; i < 32; i++) {
		snprintf(name, sizeof(name), "link-%d", i);
		spec.name = name;
		ASSERT_EQ(0, add_link(self->nl, &spec));
	}
	ASSERT_EQ(0, qkd_nl_link_list(self->nl, note_name, &names));
	EXPECT_EQ(32, names.count);
}

/* Statistics */

TEST_F(link, statistics_add_up)
{
	const struct link_spec a = { .name = LINK, .role = QKD_ROLE_A, .seed = 's' };
	const struct link_spec b = { .name = "beta", .role = QKD_ROLE_B, .seed = 's' };
	uint8_t unknown[QKD_KEY_ID_LEN] = { 1 };
	struct qkd_link_info info;
	struct qkd_key_get get;
	int fd_a, fd_b;

	ASSERT_EQ(0, add_link(self->nl, &a));
	ASSERT_EQ(0, add_link(self->nl, &b));
	fd_a = qkd_open(LINK, 0);
	fd_b = qkd_open("beta", 0);
	ASSERT_LE(0, fd_a);
	ASSERT_LE(0, fd_b);
	for (int i = 0; i < 6; i++) {
		ASSERT_EQ(0, get_key(fd_a, DEADLINE_MS, &get));
		ASSERT_EQ(0, get_by_id(fd_b, get.key_id, DEADLINE_MS, &get));
		if (i < 3) {
			ASSERT_EQ(0, commit(fd_b, get.key_id));
		} else if (i < 5) {
			ASSERT_EQ(0, release(fd_b, get.key_id));
		}
	}
	EXPECT_EQ(-ENOKEY, get_by_id(fd_b, unknown, 0, &get));

	ASSERT_EQ(0, qkd_nl_link_get(self->nl, "beta", &info));
	EXPECT_EQ(3, info.stats.value[QKD_A_STATS_INBOUND_SPENT]);
	EXPECT_EQ(2, info.stats.value[QKD_A_STATS_RELEASED]);
	EXPECT_EQ(1, info.stats.value[QKD_A_STATS_INBOUND_RESERVED]);
	EXPECT_EQ(1, info.stats.value[QKD_A_STATS_UNKNOWN]);
	EXPECT_EQ(0, info.stats.value[QKD_A_STATS_OUTBOUND_SPENT]);
	EXPECT_EQ(info.stats.value[QKD_A_STATS_DELIVERED], accounted(&info));
	ASSERT_EQ(0, qkd_nl_link_get(self->nl, LINK, &info));
	EXPECT_EQ(6, info.stats.value[QKD_A_STATS_OUTBOUND_SPENT]);
	EXPECT_EQ(info.stats.value[QKD_A_STATS_DELIVERED], accounted(&info));
	ASSERT_EQ(0, qkd_nl_link_purge(self->nl, LINK));
	ASSERT_EQ(0, qkd_nl_link_get(self->nl, LINK, &info));
	EXPECT_LT(0, info.stats.value[QKD_A_STATS_PURGED]);
	EXPECT_EQ(info.stats.value[QKD_A_STATS_DELIVERED], accounted(&info));
	close(fd_a);
	close(fd_b);
}

/* Events */

#define EVENTS (QKD_EVENT_MAX + 1)

struct seen {
	const char *link;
	unsigned int count[EVENTS];
	uint32_t outbound[EVENTS];
	bool strange;
	bool provider_first; /* its end came before the link's */
	struct qkd_link_info last; /* the closing account, if any came */
};

static int note_event(const struct qkd_event *event, void *arg)
{
	struct seen *seen = arg;

	if (strcmp(event->link, seen->link) || event->type >= EVENTS) {
		seen->strange = true;
		return 0;
	}
	if (event->type == QKD_EVENT_LINK_GONE)
		seen->provider_first = seen->count[QKD_EVENT_PROVIDER_GONE];
	seen->count[event->type]++;
	seen->outbound[event->type] = event->outbound;
	if (event->has_stats)
		seen->last.stats = event->stats;
	return 0;
}

static bool saw(struct qkd_nl *events, struct seen *seen, uint8_t type)
{
	return !qkd_nl_event_read(events, note_event, seen) && seen->count[type];
}

TEST_F(link, links_come_and_go_with_events)
{
	const struct link_spec spec = { .name = LINK, .role = QKD_ROLE_A, .seed = 's' };
	struct seen seen = { .link = LINK };
	struct qkd_nl *events;

	ASSERT_EQ(0, qkd_nl_open(&events));
	ASSERT_EQ(0, qkd_nl_event_subscribe(events));
	ASSERT_EQ(0, add_link(self->nl, &spec));
	ASSERT_SOON(saw(events, &seen, QKD_EVENT_LINK_UP));
	EXPECT_EQ(0, seen.count[QKD_EVENT_LINK_GONE]);
	ASSERT_EQ(0, qkd_nl_link_delete(self->nl, LINK));
	ASSERT_SOON(saw(events, &seen, QKD_EVENT_LINK_GONE));
	EXPECT_EQ(1, seen.count[QKD_EVENT_LINK_UP]);
	EXPECT_EQ(1, seen.count[QKD_EVENT_LINK_GONE]);
	EXPECT_EQ(0, seen.count[QKD_EVENT_LINK_DOWN]);
	EXPECT_FALSE(seen.strange);
	qkd_nl_close(events);
}

/* Keys of each fate, and some that are fresh or reserved when the link ends */
TEST_F(link, the_last_event_accounts_for_every_key)
{
	const struct link_spec spec = { .name = LINK, .role = QKD_ROLE_A, .seed = 's' };
	const uint64_t *last;
	struct seen seen = { .link = LINK };
	struct qkd_nl *events;
	struct qkd_key_get get;
	int fd;

	ASSERT_EQ(0, qkd_nl_open(&events));
	ASSERT_EQ(0, qkd_nl_event_subscribe(events));
	ASSERT_EQ(0, add_link(self->nl, &spec));
	fd = qkd_open(LINK, 0);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, get_key(fd, DEADLINE_MS, &get));
	ASSERT_EQ(0, qkd_nl_link_purge(self->nl, LINK));
	ASSERT_EQ(0, get_key(fd, DEADLINE_MS, &get));
	ASSERT_SOON(poll_until(fd, POLLIN));
	ASSERT_EQ(0, qkd_nl_link_delete(self->nl, LINK));
	ASSERT_SOON(saw(events, &seen, QKD_EVENT_LINK_GONE));
	last = seen.last.stats.value;
	EXPECT_EQ(2, last[QKD_A_STATS_OUTBOUND_SPENT]);
	EXPECT_LT(0, last[QKD_A_STATS_PURGED]);
	EXPECT_EQ(0, last[QKD_A_STATS_OUTBOUND_FRESH]);
	EXPECT_EQ(0, last[QKD_A_STATS_INBOUND_FRESH]);
	EXPECT_EQ(last[QKD_A_STATS_DELIVERED], accounted(&seen.last));
	close(fd);
	qkd_nl_close(events);
}

TEST_F(link, few_keys_raise_an_event_and_many_another)
{
	const struct link_spec spec = {
		.name = LINK, .role = QKD_ROLE_A, .seed = 's', .rate = 4096, .low = 8
	};
	struct seen seen = { .link = LINK };
	struct qkd_nl *events;
	struct qkd_key_get get;
	int fd;

	ASSERT_EQ(0, qkd_nl_open(&events));
	ASSERT_EQ(0, qkd_nl_event_subscribe(events));
	ASSERT_EQ(0, add_link(self->nl, &spec));
	ASSERT_SOON(saw(events, &seen, QKD_EVENT_KEY_AVAILABLE));
	seen = (struct seen){ .link = LINK };
	fd = qkd_open(LINK, 0);
	ASSERT_LE(0, fd);
	while (!get_key(fd, 0, &get))
		;
	ASSERT_SOON(saw(events, &seen, QKD_EVENT_KEY_LOW));
	ASSERT_SOON(saw(events, &seen, QKD_EVENT_KEY_AVAILABLE));
	EXPECT_GT(8, seen.outbound[QKD_EVENT_KEY_LOW]);
	EXPECT_EQ(0, seen.count[QKD_EVENT_LINK_UP]);
	EXPECT_FALSE(seen.strange);
	close(fd);
	qkd_nl_close(events);
}

TEST_F(link, a_higher_low_raises_its_event)
{
	const struct link_spec spec = {
		.name = LINK, .role = QKD_ROLE_A, .seed = 's', .rate = QKD_SIM_RATE_MIN
	};
	const uint32_t low = 1000;
	struct seen seen = { .link = LINK };
	struct qkd_nl *events;

	ASSERT_EQ(0, add_link(self->nl, &spec));
	ASSERT_SOON(level(self->nl) >= 32);
	ASSERT_EQ(0, qkd_nl_open(&events));
	ASSERT_EQ(0, qkd_nl_event_subscribe(events));
	ASSERT_EQ(0, set_link(self->nl, NULL, &low, NULL));
	ASSERT_SOON(saw(events, &seen, QKD_EVENT_KEY_LOW));
	EXPECT_FALSE(seen.strange);
	qkd_nl_close(events);
}

TEST_F(link, keys_that_nobody_takes_are_told_of_in_bulk)
{
	const struct link_spec spec = { .name = LINK, .role = QKD_ROLE_A, .seed = 's', .ttl_s = 1 };
	struct seen seen = { .link = LINK };
	struct qkd_nl *events;
	uint64_t expired;

	ASSERT_EQ(0, qkd_nl_open(&events));
	ASSERT_EQ(0, qkd_nl_event_subscribe(events));
	ASSERT_EQ(0, add_link(self->nl, &spec));
	ASSERT_SOON(saw(events, &seen, QKD_EVENT_KEYS_EXPIRED));
	expired = stat_of(self->nl, LINK, QKD_A_STATS_EXPIRED);
	EXPECT_LE(16, expired);
	/* Many more at once, within ten seconds, are not told of again. */
	ASSERT_SOON(stat_of(self->nl, LINK, QKD_A_STATS_EXPIRED) > expired + 32);
	ASSERT_EQ(0, qkd_nl_link_delete(self->nl, LINK));
	ASSERT_SOON(saw(events, &seen, QKD_EVENT_LINK_GONE));
	EXPECT_EQ(1, seen.count[QKD_EVENT_KEYS_EXPIRED]);
	EXPECT_EQ(0, seen.count[QKD_EVENT_PROVIDER_GONE]);
	qkd_nl_close(events);
}

TEST_F(link, a_provider_that_goes_is_told_of_before_its_links)
{
	const struct link_spec spec = { .name = LINK, .role = QKD_ROLE_A, .seed = 's' };
	struct qkd_link_change change = { .name = LINK };
	struct seen seen = { .link = LINK };
	struct qkd_nl *events;

	ASSERT_EQ(0, qkd_nl_open(&events));
	ASSERT_EQ(0, qkd_nl_event_subscribe(events));
	ASSERT_EQ(0, add_link(self->nl, &spec));
	qkd_sim_give(&change.sim, QKD_A_SIM_UNPLUG, 1);
	ASSERT_EQ(0, qkd_nl_link_set(self->nl, &change));
	ASSERT_SOON(saw(events, &seen, QKD_EVENT_LINK_GONE));
	EXPECT_EQ(1, seen.count[QKD_EVENT_PROVIDER_GONE]);
	EXPECT_TRUE(seen.provider_first);
	EXPECT_FALSE(seen.strange);
	qkd_nl_close(events);
	ASSERT_SOON(!add_link(self->nl, &spec)); /* it has been plugged in again */
}

TEST_F(link, events_stay_in_their_namespace)
{
	const struct link_spec spec = { .name = LINK, .role = QKD_ROLE_A, .seed = 's' };
	const struct link_spec mark = { .name = "mark", .role = QKD_ROLE_A, .seed = 's' };
	struct seen seen = { .link = "mark" };
	struct qkd_nl *events, *other;

	ASSERT_EQ(0, qkd_nl_open(&events));
	ASSERT_EQ(0, qkd_nl_event_subscribe(events));
	ASSERT_EQ(0, new_namespace(&other));
	ASSERT_EQ(0, add_link(other, &spec));
	ASSERT_EQ(0, qkd_nl_link_delete(other, LINK));
	ASSERT_EQ(0, add_link(self->nl, &mark));
	ASSERT_SOON(saw(events, &seen, QKD_EVENT_LINK_UP));
	EXPECT_FALSE(seen.strange);
	qkd_nl_close(events);
	qkd_nl_close(other);
}

TEST_HARNESS_MAIN
