// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A feed in little more than a hundred lines: keys that a courier has brought to both ends, in a file.
 *
 *	cc feed.c -lqkd -o feed
 *	qkdctl link add zh provider feed local geneva.example remote zurich.example low 64
 *	./feed zh a FILE
 *
 * FILE has records of an ID (16 bytes) and a key (32), the same at both ends. End "a" sends with the even ones, "b" with
 * the odd ones. A key is wiped from the file before it is given out: none is used twice, even if this program is killed
 * and started again. With equipment in the place of the file, take_next() and take_by_id() are what changes.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <qkd/libqkd.h>

struct record {
	uint8_t id[QKD_KEY_ID_LEN];
	uint8_t key[QKD_FEED_KEY_LEN];
};

static const uint8_t wiped[QKD_FEED_KEY_LEN];
static int file, feed;
static off_t next_out; /* the number of the next record to send with */

/* Record number @nr, if it has its key still, which the file then has no more. */
static bool take(off_t nr, struct record *record, const uint8_t *id)
{
	const off_t place = nr * (off_t)sizeof(*record);

	if (pread(file, record, sizeof(*record), place) != (ssize_t)sizeof(*record) ||
	    !memcmp(record->key, wiped, sizeof(wiped)) ||
	    (id && memcmp(record->id, id, sizeof(record->id))))
		return false;
	return pwrite(file, wiped, sizeof(wiped), place + (off_t)sizeof(record->id)) ==
		       (ssize_t)sizeof(wiped) &&
	       !fdatasync(file);
}

static off_t count_records(void)
{
	return lseek(file, 0, SEEK_END) / (off_t)sizeof(struct record);
}

static bool take_next(struct record *record)
{
	for (; next_out < count_records(); next_out += 2)
		if (take(next_out, record, NULL))
			return true;
	return false;
}

static bool take_by_id(const uint8_t *id, struct record *record)
{
	for (off_t nr = next_out % 2 ? 0 : 1; nr < count_records(); nr += 2)
		if (take(nr, record, id))
			return true;
	return false;
}

/* @count outbound keys are wanted. When the file has no more, the link is down. */
static int send_keys(uint32_t count)
{
	struct record record;
	int ret = 0;

	while (!ret && count--) {
		if (!take_next(&record)) {
			fputs("feed: all keys are used\n", stderr);
			return qkd_feed_report(feed, QKD_LINK_DOWN, QKD_UNKNOWN, QKD_UNKNOWN);
		}
		ret = qkd_feed_key(feed, QKD_DIR_OUTBOUND, record.id, record.key,
				   sizeof(record.key));
	}
	explicit_bzero(&record, sizeof(record));
	return ret == -ENOSPC ? 0 : ret; /* full after all: it says so when it wants more */
}

/* Somebody here waits for the key that the other end has sent with. */
static int answer_id(const uint8_t *id)
{
	struct record record;
	int ret;

	if (take_by_id(id, &record))
		ret = qkd_feed_key(feed, QKD_DIR_INBOUND, record.id, record.key,
				   sizeof(record.key));
	else
		ret = qkd_feed_refuse(feed, id, ENOKEY);
	explicit_bzero(&record, sizeof(record));
	return ret == -ENOENT ? 0 : ret; /* he has left meanwhile */
}

static int answer(const struct qkd_feed_request *request)
{
	if (request->type == QKD_FEED_KEYS)
		return send_keys(request->count);
	if (request->type == QKD_FEED_ID)
		return answer_id(request->key_id);
	return 0; /* QKD_FEED_CLOSE: the next read says the same; or of a later version */
}

int main(int argc, char **argv)
{
	struct qkd_feed_request request;
	int device, ret;

	if (argc != 4 || (strcmp(argv[2], "a") && strcmp(argv[2], "b"))) {
		fputs("usage: feed LINK a|b FILE\n", stderr);
		return 2;
	}
	next_out = *argv[2] == 'a' ? 0 : 1;
	file = open(argv[3], O_RDWR | O_CLOEXEC);
	device = qkd_open(argv[1], 0);
	feed = device < 0 ? device : qkd_feed_open(device, 0);
	if (file < 0 || feed < 0) {
		fprintf(stderr, "feed: %s\n", strerror(file < 0 ? errno : -feed));
		return 1;
	}
	ret = qkd_feed_report(feed, QKD_LINK_UP, QKD_UNKNOWN, QKD_UNKNOWN);
	while (!ret && (ret = qkd_feed_read(feed, &request, 1)) > 0)
		ret = answer(&request);
	if (ret && ret != -ENODEV) /* which says that the link has gone, as does 0 */
		fprintf(stderr, "feed: %s\n", strerror(-ret));
	return ret && ret != -ENODEV;
}
