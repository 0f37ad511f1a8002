/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Outbound keys, which the kernel keeps: it says when there are fewer than its link's `low`, and this counts how many
 * to fetch until there are `high`. No key is asked of a KME that the kernel has no room for.
 */
#ifndef QKDKMED_POOL_H
#define QKDKMED_POOL_H

#include <stddef.h>
#include <stdint.h>

/**
 * struct pool
 * @high: fill up to so many
 * @wanted: keys still to be asked for
 * @asked: keys asked for that have not come yet
 */
struct pool {
	size_t high;
	size_t wanted;
	size_t asked;
};

/* The kernel has @fresh keys and room for @room more: what is on its way counts as there. */
void pool_fill(struct pool *pool, size_t fresh, size_t room);

/* The keys of the next request, at most @limit; 0: none are wanted. They count as asked for. */
size_t pool_take(struct pool *pool, size_t limit);

/* A request for @asked keys has ended: the kernel took @delivered; @full: and has no room */
void pool_done(struct pool *pool, size_t asked, size_t delivered, int full);

#endif /* QKDKMED_POOL_H */
