// SPDX-License-Identifier: GPL-2.0-or-later
/* Events of levels: none is missed, none is said without need, and the last is true. */
#include <stdio.h>

#include "qkd_test.h"

#define LINK	 "alpha"
#define LOW	 8
#define HIGH	 10 /* LOW and a quarter */
#define CAPACITY 64
#define ROUNDS	 3
#define BURST	 32 /* keys that a link of the simulator begins with, at once */
#define MANY	 20
#define SOME_MS	 4000 /* long enough to see what comes once a second */
#define SLACK	 3 /* seconds that a busy machine may add */

FIXTURE(level)
{
	struct end end;
	struct qkd_nl *events;
};

/* Events since the last look, as letters: L, E, A, and ? for others */
struct heard {
	char words[256];
	size_t count;
	uint32_t outbound[256];
};

static int begin(FIXTURE_DATA(level) * self, uint32_t rate, uint32_t low)
{
	const struct link_spec spec = { .name = LINK,
					.role = QKD_ROLE_A,
					.seed = 's',
					.rate = rate,
					.capacity = CAPACITY,
					.low = low };
	int ret = new_namespace(&self->end.nl);

	if (!ret)
		ret = qkd_nl_open(&self->events);
	if (!ret)
		ret = qkd_nl_event_subscribe(self->events);
	if (!ret)
		ret = add_link(self->end.nl, &spec);
	if (ret)
		return ret;
	self->end.ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	self->end.fd = qkd_open(NULL, 0);
	return self->end.fd < 0 ? self->end.fd : 0;
}

FIXTURE_SETUP(level)
{
}

FIXTURE_TEARDOWN(level)
{
	qkd_nl_close(self->events);
	end_close(&self->end);
}

static char letter(uint8_t type)
{
	switch (type) {
	case QKD_EVENT_KEY_LOW:
		return 'L';
	case QKD_EVENT_KEY_EMPTY:
		return 'E';
	case QKD_EVENT_KEY_AVAILABLE:
		return 'A';
	default:
		return '?';
	}
}

static int note(const struct qkd_event *event, void *arg)
{
	struct heard *heard = arg;

	if (event->type == QKD_EVENT_LINK_UP)
		return 0;
	if (heard->count == sizeof(heard->words) - 1)
		return -ENOSPC;
	heard->outbound[heard->count] = event->outbound;
	heard->words[heard->count++] = letter(event->type);
	heard->words[heard->count] = '\0';
	return 0;
}

/* Has the last word of all that was heard been @last? */
static bool ends_in(FIXTURE_DATA(level) * self, struct heard *heard, char last)
{
	if (qkd_nl_event_read(self->events, note, heard))
		return false;
	return heard->count && heard->words[heard->count - 1] == last;
}

static int drain(int fd)
{
	struct qkd_key_get get;
	int ret = 0;

	while (!ret)
		ret = get_key(fd, 0, &get);
	return ret;
}

TEST_F(level, says_each_mark_it_crosses)
{
	struct heard heard = { .count = 0 };

	ASSERT_EQ(0, begin(self, 8192, LOW));
	ASSERT_SOON(ends_in(self, &heard, 'A'));
	EXPECT_STREQ("A", heard.words);
	for (int i = 0; i < ROUNDS; i++) {
		heard.count = 0;
		ASSERT_EQ(-EAGAIN, drain(self->end.fd));
		ASSERT_SOON(ends_in(self, &heard, 'A'));
		EXPECT_STREQ("LEA", heard.words);
		EXPECT_EQ(LOW - 1, heard.outbound[0]);
		EXPECT_EQ(0, heard.outbound[1]);
		EXPECT_EQ(HIGH, heard.outbound[2]);
	}
}

/* Where it lives from hand to mouth it crosses both marks with every key. */
TEST_F(level, that_flaps_is_told_of_now_and_then)
{
	struct heard heard = { .count = 0 };
	struct qkd_key_get get;
	unsigned int taken = 0, most;
	int64_t begun;

	ASSERT_EQ(0, begin(self, 32768, 0));
	drain(self->end.fd);
	begun = now_ms();
	while (now_ms() < begun + SOME_MS) {
		ASSERT_EQ(0, get_key(self->end.fd, DEADLINE_MS, &get));
		taken++;
	}
	ASSERT_EQ(0, qkd_nl_event_read(self->events, note, &heard));
	most = 2 * ((now_ms() - begun) / 1000 + SLACK);
	EXPECT_LT(2 * most, taken);
	EXPECT_LE(heard.count, most)
	{
		TH_LOG("%zu events: %s", heard.count, heard.words);
	}
	EXPECT_NE(NULL, strchr(heard.words, 'E'));
	ASSERT_SOON(ends_in(self, &heard, 'A'));
	ASSERT_SOON(stat_of(self->end.nl, LINK, QKD_A_STATS_OUTBOUND_FRESH) == CAPACITY);
	EXPECT_TRUE(ends_in(self, &heard, 'A'));
}

/* Up and down between the marks is no news. */
TEST_F(level, between_the_marks_is_not_told_of)
{
	struct heard heard = { .count = 0 };
	const uint32_t low = CAPACITY - 1, less = CAPACITY - 2;
	struct qkd_link_change change = { .name = LINK, .low = &low };
	struct qkd_key_get get;

	ASSERT_EQ(0, begin(self, RATE_FAST, 0));
	ASSERT_SOON(stat_of(self->end.nl, LINK, QKD_A_STATS_OUTBOUND_FRESH) == CAPACITY);
	ASSERT_SOON(ends_in(self, &heard, 'A'));
	heard = (struct heard){ .count = 0 };
	/* One below the capacity is not below low. */
	ASSERT_EQ(0, qkd_nl_link_set(self->end.nl, &change));
	for (int i = 0; i < 20; i++) {
		ASSERT_EQ(0, get_key(self->end.fd, DEADLINE_MS, &get));
		ASSERT_SOON(stat_of(self->end.nl, LINK, QKD_A_STATS_OUTBOUND_FRESH) == CAPACITY);
	}
	change.low = &less;
	ASSERT_EQ(0, qkd_nl_link_set(self->end.nl, &change));
	ASSERT_EQ(0, qkd_nl_event_read(self->events, note, &heard));
	EXPECT_EQ(0, heard.count);
}

/* With the highest mark there is: the capacity bounds what is well above it. */
TEST_F(level, of_a_full_link_is_never_low)
{
	struct heard heard = { .count = 0 };
	struct qkd_key_get get;

	ASSERT_EQ(0, begin(self, RATE_FAST, CAPACITY));
	ASSERT_SOON(ends_in(self, &heard, 'A'));
	EXPECT_EQ(CAPACITY, heard.outbound[heard.count - 1]);
	ASSERT_EQ(0, get_key(self->end.fd, DEADLINE_MS, &get));
	ASSERT_SOON(ends_in(self, &heard, 'A') && heard.count > 1);
	EXPECT_STREQ("ALA", heard.words);
	EXPECT_EQ(CAPACITY - 1, heard.outbound[1]);
}

/* Have these been the first words, whatever followed? */
static bool begins_with(FIXTURE_DATA(level) * self, struct heard *heard, const char *words)
{
	return !qkd_nl_event_read(self->events, note, heard) &&
	       !strncmp(heard->words, words, strlen(words));
}

/*
 * That there are keys has to be heard first: of those that come and go before that is told nothing is told, since the last
 * that was told, that there are none, is true again.
 */
TEST_F(level, falls_by_a_purge_too)
{
	struct heard heard = { .count = 0 };

	ASSERT_EQ(0, begin(self, QKD_SIM_RATE_MIN, LOW));
	ASSERT_SOON(begins_with(self, &heard, "A"));
	ASSERT_EQ(0, qkd_nl_link_purge(self->end.nl, LINK));
	ASSERT_SOON(begins_with(self, &heard, "ALE"));
	EXPECT_EQ(0, heard.outbound[1]);
	EXPECT_EQ(0, heard.outbound[2]);
}

/* Events of many links, by their numbers, which are their names */
static int note_many(const struct qkd_event *event, void *arg)
{
	struct heard *heard = arg;
	const int nr = atoi(event->link);

	return strcmp(event->link, LINK) && nr < MANY ? note(event, &heard[nr]) : 0;
}

static bool well_told(FIXTURE_DATA(level) * self, const char *name, const struct heard *heard)
{
	const uint64_t left = stat_of(self->end.nl, name, QKD_A_STATS_OUTBOUND_FRESH);

	/* A machine that stood still for long may have plenty again. */
	if (heard->count && heard->words[heard->count - 1] == 'A')
		return left >= HIGH;
	return !strcmp(heard->words, "") || !strcmp(heard->words, "ALE");
}

/* Keys are purged as soon as they are seen: some before it is told that they have come, some after. */
TEST_F(level, rises_and_falls_by_a_purge_or_stays)
{
	struct link_spec spec = { .role = QKD_ROLE_A, .seed = 's', .rate = QKD_SIM_RATE_MIN };
	struct heard *heard = calloc(MANY, sizeof(*heard));
	char name[MANY][8];
	int64_t end;

	ASSERT_NE(NULL, heard);
	ASSERT_EQ(0, begin(self, QKD_SIM_RATE_MIN, LOW));
	spec.low = LOW;
	for (int i = 0; i < MANY; i++) {
		snprintf(name[i], sizeof(name[i]), "%d", i);
		spec.name = name[i];
		ASSERT_EQ(0, add_link(self->end.nl, &spec));
		ASSERT_SOON(stat_of(self->end.nl, name[i], QKD_A_STATS_OUTBOUND_FRESH) >= BURST);
		ASSERT_EQ(0, qkd_nl_link_purge(self->end.nl, name[i]));
		ASSERT_EQ(0, qkd_nl_event_read(self->events, note_many, heard));
	}
	for (end = now_ms() + SOME_MS; now_ms() < end; poll(NULL, 0, TICK_MS))
		ASSERT_EQ(0, qkd_nl_event_read(self->events, note_many, heard));
	for (int i = 0; i < MANY; i++) {
		EXPECT_TRUE(well_told(self, name[i], &heard[i]))
		{
			TH_LOG("link %d: %s", i, heard[i].words);
		}
	}
	free(heard);
}

TEST_HARNESS_MAIN
