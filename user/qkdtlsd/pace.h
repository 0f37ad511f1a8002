/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How many lines about strangers the log takes: PACE_BURST at once, then PACE_PER_S. What it does not take is counted. */
#ifndef QKDTLSD_PACE_H
#define QKDTLSD_PACE_H

#include <stdbool.h>
#include <stdint.h>

#define PACE_BURST 100
#define PACE_PER_S 10

/**
 * struct pace - begins as zeros
 * @spent: lines that have not been given back by time, in milliseconds of it
 * @since_ms: when that was so
 * @withheld: lines since the last one that the log took
 */
struct pace {
	uint64_t spent;
	uint64_t since_ms;
	uint64_t withheld;
};

/* Whether the log takes a line now (CLOCK_MONOTONIC, which does not go back) */
bool pace_allows(struct pace *pace, uint64_t now_ms);

/* How many were withheld; from now on none */
uint64_t pace_withheld(struct pace *pace);

#endif /* QKDTLSD_PACE_H */
