/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What qkdkmed adds to the time that a KME takes: a link it fills and serves, beside a plain client of the same KME */
#ifndef QKD_BENCH_KME_H
#define QKD_BENCH_KME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <qkd/libqkd.h>

/* The link, and whose keys it carries; certificates are SAE.pem, SAE.key and ca.pem in the current folder. */
#define KME_LINK   "bench"
#define KME_LOCAL  "geneva"
#define KME_REMOTE "zurich"

#define KME_BATCH_MAX 1024
#define KME_KEYS_MAX  65536

/* ---- main.c ---- */

uint64_t kme_now(void); /* nanoseconds */

/* Always false, after it has said on standard error what went wrong. */
bool kme_failed(const char *what, const char *why);

/* ---- client.c: libcurl as plain as can be, with one connection that stays. All return false as kme_failed(). ---- */

struct client;

bool client_new(struct client **client, const char *url, const char *own, const char *peer);
void client_free(struct client *client);

/* enc_keys and dec_keys: nanoseconds from the request to the answer's last byte, which is not looked at. */
bool client_draw(struct client *client, size_t number, uint64_t *nsec);
bool client_fetch(struct client *client, const uint8_t id[QKD_KEY_ID_LEN], uint64_t *nsec);

/* enc_keys: the IDs */
bool client_ids(struct client *client, size_t number, uint8_t (*ids)[QKD_KEY_ID_LEN]);

/* ---- kernel.c, played.c: where qkdkmed brings keys. All return false as kme_failed(). ---- */

/**
 * struct store
 * @where: in the names of figures
 * @lookup: from the question for an inbound key to the key
 * @fill: takes all outbound keys; from then until there are @keys. NULL: a played kernel has no store
 */
struct store {
	const char *where;
	bool (*lookup)(struct store *store, const uint8_t id[QKD_KEY_ID_LEN], uint64_t *nsec);
	bool (*fill)(struct store *store, uint32_t keys, uint64_t *nsec);
	void (*free)(struct store *store);
};

/* The link of the kernel; it waits until it is up. */
bool kernel_new(struct store **store);

/* A link whose kernel is played, at the socket @folder/KME_LINK, for a qkdkmed that is linked with selftests/kmed/feed.c. */
bool played_new(struct store **store, const char *folder);

#endif /* QKD_BENCH_KME_H */
