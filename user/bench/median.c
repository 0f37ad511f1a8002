// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>
#include "bench/bench.h"

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

void bench_sort(double *values, size_t count)
{
	qsort(values, count, sizeof(values[0]), by_value);
}

double bench_median(double *values, size_t count)
{
	bench_sort(values, count);
	return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

double bench_ratio(const double *with, const double *without, size_t count)
{
	double ratios[BENCH_ROUNDS_MAX];

	for (size_t i = 0; i < count; i++)
		ratios[i] = with[i] / without[i];
	return bench_median(ratios, count);
}
