// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * In place of user/qkdkmed/feed.c: a feed whose kernel is played by a test, at the UNIX socket $QKDKMED_FEEDS/LINK
 * (SOCK_SEQPACKET). Each link has two connections. The first, opened with the word "call", takes one packet a
 * call and answers with one: "info" with struct qkd_info; struct qkd_feed_message with an errno, 0 or negative, as does the
 * opening. The second, opened with the word "feed", brings requests, one a packet, and ends when the link has gone.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "qkdkmed/feed.h"

static int dial(const char *link, const char *word)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *folder = getenv("QKDKMED_FEEDS");
	int fd;

	if (!folder)
		return -ENOENT;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s", folder, link);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) ||
	    send(fd, word, strlen(word), 0) < 0) {
		close(fd);
		return -ENODEV;
	}
	return fd;
}

static int result(int fd)
{
	int ret;

	return recv(fd, &ret, sizeof(ret), 0) == sizeof(ret) ? ret : -ENODEV;
}

static int call(struct feed *feed, struct qkd_feed_message *message)
{
	ssize_t n = send(feed->device, message, sizeof(*message), MSG_NOSIGNAL);

	explicit_bzero(message, sizeof(*message));
	return n < 0 ? -ENODEV : result(feed->device);
}

int feed_open(struct feed *feed, const char *link)
{
	int ret;

	*feed = FEED_CLOSED;
	feed->device = dial(link, "call");
	if (feed->device < 0)
		return feed->device;
	ret = result(feed->device);
	if (!ret) {
		feed->fd = dial(link, "feed");
		ret = feed->fd < 0 ? feed->fd : 0;
	}
	if (ret)
		feed_close(feed);
	return ret;
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
	if (send(feed->device, "info", 4, MSG_NOSIGNAL) < 0 ||
	    recv(feed->device, info, sizeof(*info), 0) != sizeof(*info))
		return -ENODEV;
	return 0;
}

int feed_read(struct feed *feed, struct qkd_feed_request *requests, size_t max)
{
	size_t count = 0;
	ssize_t n = 1;

	while (count < max && n > 0) {
		n = recv(feed->fd, &requests[count], sizeof(*requests), MSG_DONTWAIT);
		if (n == sizeof(*requests))
			count++;
	}
	if (count)
		return (int)count;
	return n < 0 ? -errno : 0;
}

int feed_key(struct feed *feed, uint8_t direction, const struct qkd_key *key)
{
	struct qkd_feed_message message = {
		.type = QKD_FEED_KEY,
		.direction = direction,
		.len = (uint32_t)key->len,
	};

	memcpy(message.key_id, key->id, sizeof(message.key_id));
	memcpy(message.key, key->bytes, key->len);
	return call(feed, &message);
}

int feed_refuse(struct feed *feed, const uint8_t id[QKD_KEY_ID_LEN], int err)
{
	struct qkd_feed_message message = { .type = QKD_FEED_REFUSE, .value = (uint32_t)err };

	memcpy(message.key_id, id, sizeof(message.key_id));
	return call(feed, &message);
}

int feed_report(struct feed *feed, uint32_t state)
{
	struct qkd_feed_message message = { .type = QKD_FEED_REPORT, .value = state };

	return call(feed, &message);
}
