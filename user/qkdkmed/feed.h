/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A link's feed: the kernel's, or in tests one that needs no kernel module (selftests/kmed/feed.c is linked in place of
 * feed.c). Functions return 0, or what is said, or a negative errno, as libqkd's of the same names.
 */
#ifndef QKDKMED_FEED_H
#define QKDKMED_FEED_H

#include <stddef.h>
#include <qkd/libqkd.h>

/**
 * struct feed
 * @device: the file bound to the link, or -1
 * @fd: for poll(), or -1: not open
 */
struct feed {
	int device;
	int fd;
};

#define FEED_CLOSED ((struct feed){ .device = -1, .fd = -1 })

/* Becomes the provider of @link. */
int feed_open(struct feed *feed, const char *link);
void feed_close(struct feed *feed);

int feed_info(struct feed *feed, struct qkd_info *info);

/* How many were read, at most @max; 0: the link has gone; -EAGAIN: none waits */
int feed_read(struct feed *feed, struct qkd_feed_request *requests, size_t max);
int feed_key(struct feed *feed, uint8_t direction, const struct qkd_key *key);
int feed_refuse(struct feed *feed, const uint8_t id[QKD_KEY_ID_LEN], int err);
int feed_report(struct feed *feed, uint32_t state);

#endif /* QKDKMED_FEED_H */
