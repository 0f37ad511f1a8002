// SPDX-License-Identifier: GPL-2.0-or-later
/* Calls on a feed with each of their chances to fail, one after the other, as test_faults has it for the rest. */
#include "faults.h"
#include "feed.h"

#define TIMEOUT_S 600

typedef int (*call_fn)(FIXTURE_DATA(feed) * self);
typedef bool (*check_fn)(FIXTURE_DATA(feed) * self, int ret);

static unsigned int errors[4096]; /* how often a call answered each errno */
static unsigned int nr; /* of the key that is at hand */

/*
 * @check looks at what came of each, with the answer, and makes all ready for the next. Return: how many chances
 * there were, or -1 if something was wrong.
 */
static int sweep(FIXTURE_DATA(feed) * self, call_fn fn, check_fn check)
{
	memset(errors, 0, sizeof(errors));
	nth_file = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	if (nth_file < 0 || prepare_faults())
		return -1;
	for (unsigned int nth = 1; nth < NTH_MAX; nth++) {
		bool injected;
		int ret;

		if (set_nth(nth))
			return -1;
		ret = fn(self);
		injected = was_injected();
		disarm();
		if (ret < 0)
			errors[-ret]++;
		if (!check(self, ret)) {
			printf("# chance %u: answer %d, and then not as it should be\n", nth, ret);
			return -1;
		}
		if (!injected)
			return (int)nth - 1;
	}
	return -1;
}

static int do_open(FIXTURE_DATA(feed) * self)
{
	self->feed = qkd_feed_open(self->fd, QKD_FEED_F_NONBLOCK);
	return self->feed;
}

/* One that failed has left the link to the next. */
static bool check_open(FIXTURE_DATA(feed) * self, int ret)
{
	if (ret < 0 && ret != -ENOMEM && ret != -ENFILE && ret != -EMFILE && ret != -EFAULT)
		return false;
	if (ret < 0 && do_open(self) < 0)
		return false;
	if (!asks_keys(self->feed, CAPACITY))
		return false;
	return !close(self->feed);
}

TEST_F_TIMEOUT(feed, is_opened, TIMEOUT_S)
{
	close(self->feed);
	EXPECT_LT(0, sweep(self, do_open, check_open));
	EXPECT_LT(0, errors[ENOMEM] + errors[ENFILE]);
	EXPECT_LT(0, errors[EFAULT]);
	ASSERT_LE(0, do_open(self));
}

static int do_put(FIXTURE_DATA(feed) * self)
{
	return put_key(self->feed, QKD_DIR_OUTBOUND, nr);
}

/* It is there, or can be brought again. */
static bool check_put(FIXTURE_DATA(feed) * self, int ret)
{
	struct qkd_key_get get;

	if (ret && ret != -EFAULT && ret != -ENOMEM)
		return false;
	if (ret && do_put(self))
		return false;
	return !get_key(self->fd, 0, &get) && is_key(&get, nr++);
}

TEST_F_TIMEOUT(feed, brings_outbound_keys, TIMEOUT_S)
{
	nr = 0;
	EXPECT_LT(0, sweep(self, do_put, check_put));
	EXPECT_LT(0, errors[EFAULT]);
	EXPECT_TRUE(balances(self, nr));
}

static int do_answer(FIXTURE_DATA(feed) * self)
{
	return put_key(self->feed, QKD_DIR_INBOUND, nr);
}

/* The next is wanted then. */
static bool check_answer(FIXTURE_DATA(feed) * self, int ret)
{
	struct qkd_key_get get;

	if (ret && ret != -EFAULT && ret != -ENOMEM)
		return false;
	if (ret && do_answer(self))
		return false;
	return !ask_once(self->fd, nr, &get) && is_key(&get, nr) && !commit(self->fd, get.key_id) &&
	       ask_once(self->fd, ++nr, &get) == -ENOKEY && asks_id(self->feed, nr) > 0;
}

TEST_F_TIMEOUT(feed, answers, TIMEOUT_S)
{
	struct qkd_key_get get;

	nr = 100;
	ASSERT_EQ(-ENOKEY, ask_once(self->fd, nr, &get));
	ASSERT_LT(0, asks_id(self->feed, nr));
	EXPECT_LT(0, sweep(self, do_answer, check_answer));
	EXPECT_LT(0, errors[EFAULT]);
	EXPECT_TRUE(balances(self, nr - 100));
}

static int do_read(FIXTURE_DATA(feed) * self)
{
	struct qkd_feed_request request;

	return qkd_feed_read(self->feed, &request, 1);
}

/* One that could not be read is read next. */
static bool check_read(FIXTURE_DATA(feed) * self, int ret)
{
	struct qkd_key_get get;

	if (ret != 1 && (ret != -EFAULT || do_read(self) != 1))
		return false;
	return asks_nothing(self->feed) && ask_once(self->fd, ++nr, &get) == -ENOKEY;
}

TEST_F_TIMEOUT(feed, reads, TIMEOUT_S)
{
	struct qkd_key_get get;

	nr = 200;
	ASSERT_EQ(-ENOKEY, ask_once(self->fd, nr, &get));
	EXPECT_LT(0, sweep(self, do_read, check_read));
	EXPECT_LT(0, errors[EFAULT]);
}

/* A netlink handle of its own for each try: an answer may be left in the socket, and the link may be there. */
static int do_add(FIXTURE_DATA(feed) * self)
{
	return add_feed_link(self->nl, "beta", CAPACITY, LOW);
}

static bool check_add(FIXTURE_DATA(feed) * self, int ret)
{
	qkd_nl_close(self->nl);
	if (qkd_nl_open(&self->nl))
		return false;
	ret = do_add(self);
	return (!ret || ret == -EEXIST) && !qkd_nl_link_delete(self->nl, "beta");
}

TEST_F_TIMEOUT(feed, has_links_added, TIMEOUT_S)
{
	EXPECT_LT(0, sweep(self, do_add, check_add));
	EXPECT_LT(0, errors[ENOMEM] + errors[ENOBUFS]);
}

TEST_HARNESS_MAIN
