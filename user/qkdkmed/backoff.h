/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When to try again: twice as late after each failure, up to a bound, and never at the same time as others. */
#ifndef QKDKMED_BACKOFF_H
#define QKDKMED_BACKOFF_H

#include <stdbool.h>
#include <stdint.h>

#define BACKOFF_FIRST_MS 200

/**
 * struct backoff - all zero: nothing has failed
 * @failures: in a row
 * @until_ms: no try before this time
 */
struct backoff {
	unsigned int failures;
	uint64_t until_ms;
};

/*
 * A failure at @now_ms: the next try is due after half to all of the delay, by @random (any 32 bits). The delay is
 * BACKOFF_FIRST_MS, doubled by each failure, at most @max_ms.
 */
void backoff_fail(struct backoff *backoff, uint64_t now_ms, uint32_t max_ms, uint32_t random);

/* One that no second try soon can mend: the longest delay at once */
void backoff_fail_long(struct backoff *backoff, uint64_t now_ms, uint32_t max_ms, uint32_t random);

static inline void backoff_reset(struct backoff *backoff)
{
	*backoff = (struct backoff){ 0 };
}

static inline bool backoff_due(const struct backoff *backoff, uint64_t now_ms)
{
	return backoff->until_ms <= now_ms;
}

#endif /* QKDKMED_BACKOFF_H */
