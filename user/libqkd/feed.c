// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <qkd/libqkd.h>

_Static_assert(QKD_UNKNOWN == QKD_FEED_UNKNOWN, "one value for what is not measured");

int qkd_feed_open(int fd, unsigned int flags)
{
	struct qkd_feed_open args = { .size = sizeof(args), .flags = flags };
	int feed = ioctl(fd, QKD_IOC_OPEN_FEED, &args);

	return feed < 0 ? -errno : feed;
}

int qkd_feed_read(int feed, struct qkd_feed_request *requests, size_t max)
{
	const size_t size = sizeof(*requests);
	ssize_t len;

	if (max > INT_MAX / size)
		max = INT_MAX / size;
	len = read(feed, requests, max * size);
	if (len < 0)
		return -errno;
	if ((size_t)len % size)
		return -EPROTO;
	return (int)((size_t)len / size);
}

static int say(int feed, const struct qkd_feed_message *message)
{
	ssize_t len = write(feed, message, sizeof(*message));

	if (len < 0)
		return -errno;
	return len == (ssize_t)sizeof(*message) ? 0 : -EPROTO;
}

int qkd_feed_key(int feed, uint8_t direction, const uint8_t id[QKD_KEY_ID_LEN], const uint8_t *key,
		 size_t len)
{
	struct qkd_feed_message message = {
		.type = QKD_FEED_KEY,
		.direction = direction,
	};
	int ret;

	if (len > sizeof(message.key))
		return -EINVAL;
	message.len = (uint32_t)len;
	memcpy(message.key_id, id, sizeof(message.key_id));
	memcpy(message.key, key, len);
	ret = say(feed, &message);
	explicit_bzero(&message, sizeof(message));
	return ret;
}

int qkd_feed_refuse(int feed, const uint8_t id[QKD_KEY_ID_LEN], int err)
{
	struct qkd_feed_message message = { .type = QKD_FEED_REFUSE, .value = (uint32_t)err };

	memcpy(message.key_id, id, sizeof(message.key_id));
	return say(feed, &message);
}

int qkd_feed_report(int feed, uint32_t state, uint32_t qber, uint32_t rate)
{
	const struct qkd_feed_message message = {
		.type = QKD_FEED_REPORT,
		.value = state,
		.report = { .qber = qber, .rate = rate },
	};

	return say(feed, &message);
}
