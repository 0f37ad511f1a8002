/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What taking keys costs beside getrandom(2), with links that hold few keys and many */
#ifndef QKD_BENCH_KEYS_H
#define QKD_BENCH_KEYS_H

#include <stdbool.h>
#include <stdint.h>
#include <qkd/libqkd.h>

#define KEYS_THREADS 2 /* the most that measure at once */
#define KEYS_BATCH   100 /* operations of one thread in one go */

/* ---- pool.c: links full of keys ---- */

/**
 * struct pool - a simulated link, filled before each measurement and left alone by its provider during it
 * @size: its capacity, so the outbound keys it holds, and the inbound ones
 * @name: the link
 * @peer: the other end of it, which tells the IDs of its inbound keys
 * @peer_fd: /dev/qkd, bound to @peer
 * @ids: of the inbound keys it holds, in no order
 * @count: how many of them
 */
struct pool {
	uint32_t size;
	char name[QKD_LINK_NAME_LEN];
	char peer[QKD_LINK_NAME_LEN];
	int peer_fd;
	uint8_t (*ids)[QKD_KEY_ID_LEN];
	uint32_t count;
};

/* All return false after they have said on standard error what went wrong. */
bool pool_make_peer(struct qkd_nl *nl, struct pool *pool, uint32_t size);
bool pool_make(struct qkd_nl *nl, struct pool *pool);
bool pool_fill(struct qkd_nl *nl, struct pool *pool);
/* Takes @count IDs out of @pool, from anywhere in it. */
void pool_draw(struct pool *pool, uint8_t (*ids)[QKD_KEY_ID_LEN], uint32_t count);

/* ---- measure.c: one operation, many times ---- */

enum keys_op {
	KEYS_GETRANDOM, /* 32 bytes, by the system call itself */
	KEYS_UNKNOWN, /* an ioctl that the device does not know */
	KEYS_REFUSED, /* GET_KEY with a flag that it does not know: the structure is copied in */
	KEYS_GET, /* GET_KEY */
	KEYS_BY_ID, /* GET_KEY_BY_ID, COMMIT */
	KEYS_OPS,
};

/* Nanoseconds of one operation, while each of @threads does KEYS_BATCH of them, each with its own file. */
bool measure(enum keys_op op, struct pool *pool, unsigned int threads, double *nsec);

/* ---- memory.c ---- */

/* Bytes that are free, in all */
bool memory_free(uint64_t *bytes);

/* From a list of caches with their objects' bytes, what concerns us, to standard output */
void memory_print_caches(void);

#endif /* QKD_BENCH_KEYS_H */
