// SPDX-License-Identifier: GPL-2.0-or-later
#include <unistd.h>

#include "qkdkmed/feed.h"

int feed_open(struct feed *feed, const char *link)
{
	int device = qkd_open(link, 0), fd;

	*feed = FEED_CLOSED;
	if (device < 0)
		return device;
	fd = qkd_feed_open(device, QKD_FEED_F_NONBLOCK);
	if (fd < 0) {
		close(device);
		return fd;
	}
	feed->device = device;
	feed->fd = fd;
	return 0;
}

void feed_close(struct feed *feed)
{
	if (feed->fd >= 0)
		close(feed->fd);
	if (feed->device >= 0)
		close(feed->device);
	*feed = FEED_CLOSED;
}

int feed_info(struct feed *feed, struct qkd_info *info)
{
	return qkd_info(feed->device, info);
}

int feed_read(struct feed *feed, struct qkd_feed_request *requests, size_t max)
{
	return qkd_feed_read(feed->fd, requests, max);
}

int feed_key(struct feed *feed, uint8_t direction, const struct qkd_key *key)
{
	return qkd_feed_key(feed->fd, direction, key->id, key->bytes, key->len);
}

int feed_refuse(struct feed *feed, const uint8_t id[QKD_KEY_ID_LEN], int err)
{
	return qkd_feed_refuse(feed->fd, id, err);
}

int feed_report(struct feed *feed, uint32_t state)
{
	return qkd_feed_report(feed->fd, state, QKD_FEED_UNKNOWN, QKD_FEED_UNKNOWN);
}
