/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Inbound keys that the kernel waits for, by ID. Each is asked for at once; those that come while requests are under
 * way go into one request together. KMEs answer "not found" and "not yours" for a request as a whole: one that
 * names several IDs and is refused is asked again in halves, so that a foreign ID cannot keep others from their keys.
 * An ID is given up when every KME has refused it, or when nobody waits any more.
 */
#ifndef QKDKMED_LOOKUP_H
#define QKDKMED_LOOKUP_H

#include "qkdkmed/failover.h"

#define LOOKUP_MAX     256 /* IDs wanted at once */
#define LOOKUP_FLIGHTS 4 /* requests of a link at once */

/**
 * struct wanted_key
 * @id: the key
 * @deadline_ms: nobody waits for it after this
 * @denied: KMEs that said no, by bit
 * @access: one of them said that it may not be had
 * @asked: a request for it is under way
 * @together: most IDs in a request with it; 0: any number
 */
struct wanted_key {
	uint8_t id[QKD_KEY_ID_LEN];
	uint64_t deadline_ms;
	unsigned int denied;
	bool access;
	bool asked;
	size_t together;
};

struct lookup {
	struct wanted_key keys[LOOKUP_MAX];
	size_t count;
	size_t flights;
};

/**
 * struct lookup_batch - one request
 * @source: whom to ask
 * @count: IDs
 * @ids: which
 * @deadline_ms: the latest of theirs
 */
struct lookup_batch {
	size_t source;
	size_t count;
	uint64_t deadline_ms;
	uint8_t ids[LOOKUP_MAX][QKD_KEY_ID_LEN];
};

/* The kernel asks. An ID that is there already has its deadline moved. 0, or -ENOSPC. */
int lookup_add(struct lookup *lookup, const uint8_t id[QKD_KEY_ID_LEN], uint64_t deadline_ms);

/* Drops what nobody waits for any more, but not what is under way. */
void lookup_expire(struct lookup *lookup, uint64_t now_ms);

/*
 * The next request, of at most @max IDs; true if there is one. Otherwise *@when_ms is moved to the time
 * at which to ask again, if that is earlier.
 */
bool lookup_take(struct lookup *lookup, const struct failover *failover, size_t max,
		 uint64_t now_ms, struct lookup_batch *batch, uint64_t *when_ms);

/* A request has ended; what becomes of its IDs is told by the calls below, for each or for all. */
void lookup_landed(struct lookup *lookup);

/* It is with the kernel now, or the kernel does not want it. */
void lookup_found(struct lookup *lookup, const uint8_t id[QKD_KEY_ID_LEN]);

/* To be asked again. */
void lookup_again(struct lookup *lookup, const struct lookup_batch *batch);

/* The KME refused the request as a whole. Of one ID: lookup_refused(). Of several: they are asked again in halves. */
void lookup_split(struct lookup *lookup, const struct lookup_batch *batch);

/*
 * KME @source does not have it, or (@access) does not give it. 0: others may; or the errno to tell who waits, ENOKEY or
 * EACCES, and it is forgotten.
 */
int lookup_refused(struct lookup *lookup, const uint8_t id[QKD_KEY_ID_LEN], size_t source,
		   bool access, unsigned int all);

/* The KMEs are others now: nobody has refused anything. */
void lookup_reset(struct lookup *lookup);

/* The earliest deadline of what waits, or UINT64_MAX */
uint64_t lookup_next(const struct lookup *lookup);

#endif /* QKDKMED_LOOKUP_H */
