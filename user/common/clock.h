/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Deadlines on CLOCK_MONOTONIC, in milliseconds. */
#ifndef _QKD_COMMON_CLOCK_H
#define _QKD_COMMON_CLOCK_H

#include <stdint.h>

#define CLOCK_NEVER UINT64_MAX /* the deadline of something that may take for ever */

uint64_t clock_ms(void);

/* For poll(): what is left until @deadline_ms, 0 if it has passed, -1 for CLOCK_NEVER. */
int clock_left_ms(uint64_t deadline_ms);

#endif /* _QKD_COMMON_CLOCK_H */
