// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What GET_KEY, and GET_KEY_BY_ID with COMMIT, cost beside getrandom(2) of as many bytes, by one thread and by
 * two on one link, for links of several sizes. All take turns in short rounds, so that they meet the same
 * machine, and the median of the rounds counts. See Documentation/performance.md.
 *
 *	bench-keys [-c] [KEYS]...
 *
 * KEYS are sizes of links, ascending; 1000 to 1000000 by default. With -c the machine's clocks count
 * instructions (tools/vm/run -c), those of all its processors, so one thread must do.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "bench/bench.h"
#include "bench/keys/keys.h"
#include "common/number.h"

#define ROUNDS	     60
#define NSEC_PER_SEC 1e9
#define SETS_MAX     4

static uint32_t sizes[SETS_MAX] = { 1000, 10000, 100000, 1000000 };
static size_t sets = SETS_MAX;
static bool counted;
static unsigned int threads_max = KEYS_THREADS;

struct series {
	double nsec[ROUNDS];
};

/* @alone: what concerns no pool; @of: KEYS_GET and KEYS_BY_ID */
struct results {
	struct series alone[KEYS_THREADS][KEYS_OPS];
	struct series of[KEYS_THREADS][SETS_MAX][KEYS_OPS];
	double bytes_per_key;
};

static double median(struct series *series)
{
	return bench_median(series->nsec, ROUNDS);
}

/* ---- Measuring ---- */

/* Each time with full pools. */
static bool measure_full(struct qkd_nl *nl, struct results *results, struct pool *pool, size_t set,
			 unsigned int threads, int round)
{
	enum keys_op op;

	for (op = KEYS_GET; op <= KEYS_BY_ID; op++)
		if (!pool_fill(nl, pool) ||
		    !measure(op, pool, threads, &results->of[threads - 1][set][op].nsec[round]))
			return false;
	return true;
}

static bool run_round(struct qkd_nl *nl, struct results *results, struct pool pools[SETS_MAX],
		      unsigned int threads, int round)
{
	enum keys_op op;
	size_t i;

	for (op = KEYS_GETRANDOM; op <= KEYS_REFUSED; op++)
		if (!measure(op, &pools[0], threads, &results->alone[threads - 1][op].nsec[round]))
			return false;
	for (i = 0; i < sets; i++)
		if (!measure_full(nl, results, &pools[i], i, threads, round))
			return false;
	return true;
}

static bool run_all(struct qkd_nl *nl, struct results *results, struct pool pools[SETS_MAX])
{
	unsigned int threads;
	int round;

	for (round = 0; round < ROUNDS; round++)
		for (threads = 1; threads <= threads_max; threads++)
			if (!run_round(nl, results, pools, threads, round))
				return false;
	return true;
}

/* The largest pool is made last: what is free before and after tells what its keys, tables and all, take. */
static bool make_pools(struct qkd_nl *nl, struct results *results, struct pool pools[SETS_MAX])
{
	uint64_t before = 0, after = 0;
	size_t i;

	for (i = 0; i < sets; i++)
		if (!pool_make_peer(nl, &pools[i], sizes[i]))
			return false;
	for (i = 0; i < sets; i++) {
		fprintf(stderr, "bench: filling a link of %u keys in each direction\n", sizes[i]);
		if (!memory_free(&before) || !pool_make(nl, &pools[i]) ||
		    !pool_fill(nl, &pools[i]) || !memory_free(&after))
			return false;
	}
	results->bytes_per_key = ((double)before - (double)after) / (2.0 * sizes[sets - 1]);
	return true;
}

/* ---- Report ---- */

static const char *const names[KEYS_OPS] = {
	[KEYS_GETRANDOM] = "getrandom(32)",	 [KEYS_UNKNOWN] = "ioctl, unknown",
	[KEYS_REFUSED] = "GET_KEY, refused",	 [KEYS_GET] = "GET_KEY",
	[KEYS_BY_ID] = "GET_KEY_BY_ID + COMMIT",
};

static const char *const figures[KEYS_OPS] = {
	[KEYS_UNKNOWN] = "floor.ioctl",
	[KEYS_REFUSED] = "floor.copy",
	[KEYS_GET] = "get_key",
	[KEYS_BY_ID] = "by_id",
};

/* By thread count less one. */
static const char *const threads_names[KEYS_THREADS] = { "", ".two" };

struct medians {
	double alone[KEYS_THREADS][KEYS_OPS];
	double of[KEYS_THREADS][SETS_MAX][KEYS_OPS];
};

static void take_medians(struct results *results, struct medians *medians)
{
	enum keys_op op;
	size_t t, i;

	for (t = 0; t < threads_max; t++) {
		for (op = KEYS_GETRANDOM; op <= KEYS_REFUSED; op++)
			medians->alone[t][op] = median(&results->alone[t][op]);
		for (i = 0; i < sets; i++)
			for (op = KEYS_GET; op <= KEYS_BY_ID; op++)
				medians->of[t][i][op] = median(&results->of[t][i][op]);
	}
}

static void print_row(const char *name, const char *keys, size_t t, double nsec, double getrandom)
{
	printf("%-24s %8s %8zu %12.0f", name, keys, t + 1, nsec);
	if (!counted)
		printf(" %12.0f", (double)(t + 1) * NSEC_PER_SEC / nsec);
	printf(" %8.2f\n", nsec / getrandom);
}

static void print_table(const struct medians *medians)
{
	char keys[16];
	enum keys_op op;
	size_t t, i;

	if (counted)
		printf("%-24s %8s %8s %12s %8s\n", "operation", "keys", "threads", "instructions",
		       "ratio");
	else
		printf("%-24s %8s %8s %12s %12s %8s\n", "operation", "keys", "threads",
		       "nanoseconds", "per second", "ratio");
	for (t = 0; t < threads_max; t++) {
		const double base = medians->alone[t][KEYS_GETRANDOM];

		for (op = KEYS_GETRANDOM; op <= KEYS_REFUSED; op++)
			print_row(names[op], "", t, medians->alone[t][op], base);
		for (op = KEYS_GET; op <= KEYS_BY_ID; op++)
			for (i = 0; i < sets; i++) {
				snprintf(keys, sizeof(keys), "%u", sizes[i]);
				print_row(names[op], keys, t, medians->of[t][i][op], base);
			}
	}
}

static void print_figures(const struct medians *medians, double bytes_per_key)
{
	const char *unit = counted ? "keys.instructions" : "keys";
	enum keys_op op;
	size_t t, i;

	for (t = 0; t < threads_max; t++) {
		const double base = medians->alone[t][KEYS_GETRANDOM];
		const char *suffix = threads_names[t];

		printf("bench %s.getrandom%s %.0f\n", unit, suffix, base);
		for (op = KEYS_UNKNOWN; op <= KEYS_REFUSED; op++)
			printf("bench %s.%s%s.ratio %.3f\n", unit, figures[op], suffix,
			       medians->alone[t][op] / base);
		for (op = KEYS_GET; op <= KEYS_BY_ID; op++)
			for (i = 0; i < sets; i++)
				printf("bench %s.%s%s.ratio.%u %.3f\n", unit, figures[op], suffix,
				       sizes[i], medians->of[t][i][op] / base);
	}
	if (!counted)
		printf("bench keys.memory.bytes %.0f\n", bytes_per_key);
}

static void report(struct results *results)
{
	struct medians medians;

	take_medians(results, &medians);
	print_table(&medians);
	printf("\n");
	memory_print_caches();
	printf("\n");
	print_figures(&medians, results->bytes_per_key);
}

/* A pool must outlast a measurement. */
static bool parse(int argc, char **argv)
{
	int i, given = 0;

	for (i = 1; i < argc; i++) {
		if (i == 1 && !strcmp(argv[i], "-c")) {
			counted = true;
			threads_max = 1;
			continue;
		}
		if (given == SETS_MAX || number_parse(argv[i], 2 * KEYS_THREADS * KEYS_BATCH,
						      QKD_CAPACITY_MAX, &sizes[given]))
			return false;
		given++;
	}
	if (given)
		sets = (size_t)given;
	return true;
}

int main(int argc, char **argv)
{
	static struct results results;
	static struct pool pools[SETS_MAX];
	struct qkd_nl *nl = NULL;
	bool ok;
	int err;

	if (!parse(argc, argv)) {
		fprintf(stderr, "usage: bench-keys [-c] [KEYS]...\n");
		return 2;
	}
	err = qkd_nl_open(&nl);
	ok = !err;
	if (err)
		fprintf(stderr, "bench: no qkd module: %s\n", strerror(-err));
	ok = ok && make_pools(nl, &results, pools) && run_all(nl, &results, pools);
	if (ok)
		report(&results);
	if (nl)
		qkd_nl_close(nl);
	return ok ? 0 : 1;
}
