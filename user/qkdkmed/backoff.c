// SPDX-License-Identifier: GPL-2.0-or-later
#include <limits.h>

#include "qkdkmed/backoff.h"

static void wait_for(struct backoff *backoff, uint64_t now_ms, uint64_t delay, uint32_t random)
{
	uint64_t half = delay / 2;

	if (backoff->failures < UINT_MAX)
		backoff->failures++;
	backoff->until_ms = now_ms + half + random % (delay - half + 1);
}

void backoff_fail(struct backoff *backoff, uint64_t now_ms, uint32_t max_ms, uint32_t random)
{
	uint64_t delay = BACKOFF_FIRST_MS;

	for (unsigned int i = 0; i < backoff->failures && delay < max_ms; i++)
		delay *= 2;
	wait_for(backoff, now_ms, delay < max_ms ? delay : max_ms, random);
}

void backoff_fail_long(struct backoff *backoff, uint64_t now_ms, uint32_t max_ms, uint32_t random)
{
	wait_for(backoff, now_ms, max_ms, random);
}
