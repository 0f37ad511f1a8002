/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a connection takes of the limits of its service: one of its connections, of its handshakes until that is over, and of
 * those of its source address. All limits are of all workers together.
 *
 * A worker first counts the connection and then looks at the sum: two workers at once may both refuse the last one that there
 * would have been room for, but never both let it in.
 */
#ifndef QKDTLSD_CLAIM_H
#define QKDTLSD_CLAIM_H

#include <stdbool.h>

#include "qkdtlsd/counters.h"

struct service;
struct source;

/**
 * struct claim - part of a connection
 * @service: whose limits; NULL: nothing was claimed
 * @source: where it comes from; NULL: is not counted, since there is no limit for that
 * @shaking: counted among the handshakes
 */
struct claim {
	struct service *service;
	struct source *source;
	bool shaking;
};

/**
 * struct refusal - why a connection may not be
 * @reason: for the counters
 * @text: for the log
 */
struct refusal {
	enum end_reason reason;
	const char *text;
};

/*
 * For the connection of the socket @fd, which is counted by its service already. NULL: it may begin. A refusal is a constant;
 * claim_drop() is due either way.
 */
const struct refusal *claim_take(struct claim *claim, struct service *service, int fd);

/* The handshake is over. */
void claim_shaken(struct claim *claim);

/* The connection is. */
void claim_drop(struct claim *claim);

#endif /* QKDTLSD_CLAIM_H */
