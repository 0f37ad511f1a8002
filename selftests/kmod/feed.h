/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tests of feeds share: links of provider "feed", messages, and who asks for an ID in a thread. */
#ifndef _QKD_TEST_FEED_H
#define _QKD_TEST_FEED_H

#include <pthread.h>

#include "qkd_test.h"

#define LINK	 "alpha"
#define CAPACITY 16
#define LOW	 4
#define MESSAGE	 sizeof(struct qkd_feed_message)
#define REQUEST	 sizeof(struct qkd_feed_request)

static inline int add_feed_link(struct qkd_nl *nl, const char *name, uint32_t capacity,
				uint32_t low)
{
	const struct qkd_link_request request = {
		.name = name,
		.provider = "feed",
		.local_sae = SITE_A,
		.remote_sae = SITE_B,
		.capacity = capacity ? &capacity : NULL,
		.low = low ? &low : NULL,
		.sim_seed_fd = -1,
	};

	return qkd_nl_link_add(nl, &request);
}

/* ID and key number @nr, which differ from any other's. */
static inline void make_id(unsigned int nr, uint8_t *id)
{
	memset(id, 0xfd, QKD_KEY_ID_LEN);
	memcpy(id, &nr, sizeof(nr));
}

static inline struct qkd_feed_message make_key(uint8_t direction, unsigned int nr)
{
	struct qkd_feed_message message = {
		.type = QKD_FEED_KEY,
		.direction = direction,
		.len = QKD_FEED_KEY_LEN,
	};

	make_id(nr, message.key_id);
	memset(message.key, 0x5a, QKD_FEED_KEY_LEN);
	memcpy(message.key, &nr, sizeof(nr));
	return message;
}

/* What write() says of @messages: how many were taken, or a negative errno */
static inline int put_all(int feed, const struct qkd_feed_message *messages, size_t n)
{
	ssize_t len = write(feed, messages, n * MESSAGE);

	return len < 0 ? -errno : (int)((size_t)len / MESSAGE);
}

static inline int put_key(int feed, uint8_t direction, unsigned int nr)
{
	struct qkd_feed_message message = make_key(direction, nr);

	return qkd_feed_key(feed, direction, message.key_id, message.key, message.len);
}

static inline int put_keys(int feed, uint8_t direction, unsigned int nr, unsigned int count)
{
	int ret = 0;

	for (unsigned int i = 0; !ret && i < count; i++)
		ret = put_key(feed, direction, nr + i);
	return ret;
}

static inline int refuse(int feed, unsigned int nr, int err)
{
	uint8_t id[QKD_KEY_ID_LEN];

	make_id(nr, id);
	return qkd_feed_refuse(feed, id, err);
}

static inline bool is_key(const struct qkd_key_get *get, unsigned int nr)
{
	const struct qkd_feed_message want = make_key(QKD_DIR_OUTBOUND, nr);

	return get->key_len == want.len && !memcmp(get->key_id, want.key_id, sizeof(get->key_id)) &&
	       !memcmp(get->key, want.key, sizeof(get->key));
}

/* The next request, within the deadline even of a feed that does not wait: 1, 0 at the end, or an error */
static inline int next_request(int feed, struct qkd_feed_request *request)
{
	poll_until(feed, POLLIN);
	return qkd_feed_read(feed, request, 1);
}

static inline bool asks_keys(int feed, uint32_t count)
{
	struct qkd_feed_request request;

	return next_request(feed, &request) == 1 && request.type == QKD_FEED_KEYS &&
	       request.count == count && !request.timeout_ms && !request.reserved &&
	       all_zero(request.key_id, sizeof(request.key_id));
}

/* That the next request is for ID number @nr. For how long it is wanted, or -1 */
static inline int asks_id(int feed, unsigned int nr)
{
	struct qkd_feed_request request;
	uint8_t id[QKD_KEY_ID_LEN];

	make_id(nr, id);
	if (next_request(feed, &request) != 1 || request.type != QKD_FEED_ID || request.count ||
	    request.reserved || memcmp(request.key_id, id, sizeof(id)))
		return -1;
	return (int)request.timeout_ms;
}

/* Nothing is wanted of a feed that does not wait. */
static inline bool asks_nothing(int feed)
{
	struct qkd_feed_request request;

	return !(poll_now(feed) & POLLIN) && qkd_feed_read(feed, &request, 1) == -EAGAIN;
}

static inline int ask_once(int fd, unsigned int nr, struct qkd_key_get *get)
{
	uint8_t id[QKD_KEY_ID_LEN];

	make_id(nr, id);
	return get_by_id(fd, id, 0, get);
}

/* Somebody who waits for an inbound key, in a thread */
struct waiter {
	pthread_t thread;
	int fd;
	unsigned int nr;
	uint32_t timeout_ms;
	int ret;
	struct qkd_key_get get;
};

static inline void *wait_for_key(void *arg)
{
	struct waiter *waiter = arg;
	uint8_t id[QKD_KEY_ID_LEN];

	make_id(waiter->nr, id);
	waiter->ret = get_by_id(waiter->fd, id, waiter->timeout_ms, &waiter->get);
	return NULL;
}

static inline int start_waiter(struct waiter *waiter, int fd, unsigned int nr, uint32_t timeout_ms)
{
	pthread_attr_t attr;
	int ret;

	*waiter = (struct waiter){ .fd = fd, .nr = nr, .timeout_ms = timeout_ms };
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, 65536);
	ret = pthread_create(&waiter->thread, &attr, wait_for_key, waiter);
	pthread_attr_destroy(&attr);
	return -ret;
}

/* What the waiter was told */
static inline int end_waiter(struct waiter *waiter)
{
	struct timespec end;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_sec += DEADLINE_MS / 1000;
	if (pthread_timedjoin_np(waiter->thread, NULL, &end))
		return -ETIMEDOUT;
	return waiter->ret;
}

/* A link of this provider alone in a network namespace, a file, and a feed that does not wait */
FIXTURE(feed)
{
	struct qkd_nl *nl;
	int fd, feed;
};

FIXTURE_SETUP(feed)
{
	ASSERT_EQ(0, new_namespace(&self->nl));
	ASSERT_EQ(0, add_feed_link(self->nl, LINK, CAPACITY, LOW));
	self->fd = qkd_open(LINK, 0);
	ASSERT_LE(0, self->fd);
	self->feed = qkd_feed_open(self->fd, QKD_FEED_F_NONBLOCK);
	ASSERT_LE(0, self->feed);
	ASSERT_TRUE(asks_keys(self->feed, CAPACITY));
}

FIXTURE_TEARDOWN(feed)
{
	close(self->feed);
	close(self->fd);
	qkd_nl_close(self->nl);
}

static inline uint64_t stat_now(const FIXTURE_DATA(feed) * self, int stat)
{
	return stat_of(self->nl, LINK, stat);
}

/* Every key that was delivered is somewhere. */
static inline bool balances(const FIXTURE_DATA(feed) * self, uint64_t delivered)
{
	struct qkd_link_info info;

	return !qkd_nl_link_get(self->nl, LINK, &info) &&
	       info.stats.value[QKD_A_STATS_DELIVERED] == delivered &&
	       accounted(&info) == delivered;
}

#endif /* _QKD_TEST_FEED_H */
