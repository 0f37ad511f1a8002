// SPDX-License-Identifier: GPL-2.0-or-later
/* How many lines about strangers the log takes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "qkdtlsd/pace.h"

#define NOW 123456789ULL

static unsigned int lines(struct pace *pace, uint64_t now_ms, unsigned int asked)
{
	unsigned int taken = 0;

	for (unsigned int i = 0; i < asked; i++)
		taken += pace_allows(pace, now_ms);
	return taken;
}

static void a_burst_is_taken(void **state)
{
	struct pace pace = { 0 };

	assert_int_equal(lines(&pace, NOW, 2 * PACE_BURST), PACE_BURST);
	assert_int_equal(pace_withheld(&pace), PACE_BURST);
	assert_int_equal(pace_withheld(&pace), 0);
}

static void time_gives_lines_back(void **state)
{
	struct pace pace = { 0 };

	lines(&pace, NOW, PACE_BURST);
	assert_int_equal(lines(&pace, NOW + 1000 / PACE_PER_S - 1, 1), 0);
	assert_int_equal(lines(&pace, NOW + 1000 / PACE_PER_S, 2), 1);
	assert_int_equal(lines(&pace, NOW + 1000 / PACE_PER_S + 1000, 100), PACE_PER_S);
	/* But no more than a burst, however long it was quiet */
	assert_int_equal(lines(&pace, NOW + 1000000000, 2 * PACE_BURST), PACE_BURST);
}

/* Hours of it: as many as there is time for, and not one is lost from the count. */
static void a_flood_is_counted(void **state)
{
	const unsigned int seconds = 3600, each_ms = 10;
	struct pace pace = { 0 };
	unsigned int taken = 0;

	for (uint64_t ms = 0; ms < seconds * 1000; ms++)
		taken += lines(&pace, NOW + ms, each_ms);
	assert_in_range(taken, PACE_PER_S * seconds, PACE_PER_S * seconds + PACE_BURST);
	assert_int_equal(taken + pace_withheld(&pace), seconds * 1000 * each_ms);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_burst_is_taken),
		cmocka_unit_test(time_gives_lines_back),
		cmocka_unit_test(a_flood_is_counted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
