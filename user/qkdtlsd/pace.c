// SPDX-License-Identifier: GPL-2.0-or-later
#include "qkdtlsd/pace.h"

#define LINE_MS (1000 / PACE_PER_S)

bool pace_allows(struct pace *pace, uint64_t now_ms)
{
	const uint64_t passed = now_ms - pace->since_ms;

	pace->spent = passed < pace->spent ? pace->spent - passed : 0;
	pace->since_ms = now_ms;
	if (pace->spent + LINE_MS > PACE_BURST * LINE_MS) {
		pace->withheld++;
		return false;
	}
	pace->spent += LINE_MS;
	return true;
}

uint64_t pace_withheld(struct pace *pace)
{
	const uint64_t withheld = pace->withheld;

	pace->withheld = 0;
	return withheld;
}
