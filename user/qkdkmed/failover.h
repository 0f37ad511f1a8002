/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A link's KMEs in the order of the configuration, and which of them is asked next: the first that does not wait
 * after failures. So the preferred one is gone back to as soon as it works again. A KME may have no keys to
 * give and still know those that it is asked for by ID: each kind of request has failures of its own.
 */
#ifndef QKDKMED_FAILOVER_H
#define QKDKMED_FAILOVER_H

#include "qkdkmed/backoff.h"
#include "qkdkmed/config.h"
#include "qkdkmed/etsi014.h"

#define FAILOVER_KINDS 3 /* one for each enum etsi014_call */
#define FAILOVER_NONE  (-1)

/**
 * struct source - one KME as one link sees it
 * @kme: its settings
 * @backoff: by enum etsi014_call
 * @status: what it said last
 * @status_known: it has said something
 * @status_due_ms: when to ask again
 * @status_asked: a request is under way
 */
struct source {
	const struct kme_config *kme;
	struct backoff backoff[FAILOVER_KINDS];
	struct etsi014_status status;
	bool status_known;
	uint64_t status_due_ms;
	bool status_asked;
};

/**
 * struct failover
 * @sources: in order of preference
 * @count: how many
 * @retry_max_ms: longest wait after failures
 * @random: 32 random bits
 */
struct failover {
	struct source sources[CONFIG_KMES_MAX];
	size_t count;
	uint32_t retry_max_ms;
	uint32_t (*random)(void);
};

void failover_init(struct failover *failover, const struct link_config *config,
		   uint32_t (*random)(void));

/*
 * The number of the source to ask, none of those in @but (bit 1 << number), or FAILOVER_NONE and in
 * *@when_ms, unless it is earlier already, the time at which there will be one. It is not moved where that
 * hangs on an answer that is under way.
 */
int failover_pick(const struct failover *failover, enum etsi014_call call, uint64_t now_ms,
		  unsigned int but, uint64_t *when_ms);

/* A KME that could not be reached, or refused, or was refused: @lasting if trying again soon is idle */
void failover_failed(struct failover *failover, size_t source, enum etsi014_call call,
		     uint64_t now_ms, bool lasting);
void failover_worked(struct failover *failover, size_t source, enum etsi014_call call);

enum failover_state {
	FAILOVER_UP, /* one has answered last time it was asked for its status */
	FAILOVER_DOWN, /* none has */
	FAILOVER_UNKNOWN, /* none has, but not all have been asked */
};

enum failover_state failover_state(const struct failover *failover);

/* Most keys to ask @source for at once: @batch, or what it allows if that is less */
size_t failover_limit(const struct failover *failover, size_t source, size_t batch);

static inline unsigned int failover_all(const struct failover *failover)
{
	return (1U << failover->count) - 1;
}

#endif /* QKDKMED_FAILOVER_H */
