// SPDX-License-Identifier: GPL-2.0-or-later
#include "qkdkmed/pool.h"

void pool_fill(struct pool *pool, size_t fresh, size_t room)
{
	size_t missing = pool->high > fresh ? pool->high - fresh : 0;

	if (missing > room)
		missing = room;
	pool->wanted = missing > pool->asked ? missing - pool->asked : 0;
}

size_t pool_take(struct pool *pool, size_t limit)
{
	size_t number = pool->wanted < limit ? pool->wanted : limit;

	pool->wanted -= number;
	pool->asked += number;
	return number;
}

void pool_done(struct pool *pool, size_t asked, size_t delivered, int full)
{
	pool->asked -= asked;
	if (full)
		pool->wanted = 0;
	else if (delivered < asked)
		pool->wanted += asked - delivered;
}
