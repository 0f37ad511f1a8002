// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How long a handshake takes with a key that waits in the kernel, beside one without any: both ends, one after the
 * other, as if the wire took no time. Modes take turns in short rounds, so that they meet the same machine, and the
 * median of the rounds counts. See Documentation/performance.md.
 *
 *	bench-warm [-c] ROUNDS [CLIENT-LINK SERVER-LINK]
 *
 * The links are the two ends of one that holds a key for each handshake; without them every key is at hand, and no kernel
 * is asked. With -c the machine's clocks count instructions (tools/vm/run -c).
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "../../selftests/user/pki.h"
#include "bench/bench.h"

#define PER_ROUND 5

struct mode {
	const char *name;
	bool libssl;
	bool at_hand;
	struct bench_ours ours;
	struct bench_stack *stack;
	double usec[BENCH_ROUNDS_MAX];
};

#define KEY    .policy = QKDTLS_REQUIRE, .taken = true
#define NO_KEY .policy = QKDTLS_PREFER, .taken = true

enum {
	WITH,
	WITHOUT,
	AT_HAND,
	LIBSSL,
	WITH_ALL,
	WITHOUT_ALL,
	WITH_MUTUAL,
	WITHOUT_MUTUAL,
	WITH_DEFAULT,
	WITHOUT_DEFAULT,
	MODES,
};

static struct mode modes[MODES] = {
	[WITH] = { "key", .ours = { KEY } },
	[WITHOUT] = { "no key", .ours = { NO_KEY } },
	[AT_HAND] = { "key at hand", .at_hand = true, .ours = { KEY } },
	[LIBSSL] = { "libssl, no key", .libssl = true, .ours = { NO_KEY } },
	[WITH_ALL] = { "key, all suites", .ours = { KEY, .suites = true } },
	[WITHOUT_ALL] = { "no key, all suites", .ours = { NO_KEY, .suites = true } },
	[WITH_MUTUAL] = { "key, mutual", .ours = { KEY, .mutual = true } },
	[WITHOUT_MUTUAL] = { "no key, mutual", .ours = { NO_KEY, .mutual = true } },
	[WITH_DEFAULT] = { "key, both", .ours = { KEY, .mutual = true, .suites = true } },
	[WITHOUT_DEFAULT] = { "no key, both", .ours = { NO_KEY, .mutual = true, .suites = true } },
};

/* What is compared with what */
static const struct pair {
	const char *figure;
	size_t with, without;
} pairs[] = {
	{ "ratio", WITH, WITHOUT },
	{ "all_suites.ratio", WITH_ALL, WITHOUT_ALL },
	{ "mutual.ratio", WITH_MUTUAL, WITHOUT_MUTUAL },
	{ "mutual.all_suites.ratio", WITH_DEFAULT, WITHOUT_DEFAULT },
	{ "at_hand.ratio", AT_HAND, WITHOUT },
	{ "libssl.ratio", WITH, LIBSSL },
};

#define PAIRS (sizeof(pairs) / sizeof(pairs[0]))

uint64_t bench_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static bool run_round(struct mode *mode, uint32_t round)
{
	struct bench_cost cost = { .nsec = { 0, 0 } };

	for (int i = 0; i < PER_ROUND; i++) {
		if (mode->stack->shake(mode->stack, &cost))
			continue;
		fprintf(stderr, "bench: %s: handshake failed\n", mode->name);
		return false;
	}
	mode->usec[round] = (double)(cost.nsec[0] + cost.nsec[1]) / 1e3 / PER_ROUND;
	return true;
}

static bool run_all(uint32_t rounds)
{
	for (uint32_t round = 0; round < rounds; round++)
		for (size_t i = 0; i < MODES; i++)
			if (!run_round(&modes[i], round))
				return false;
	return true;
}

static void report(uint32_t rounds, bool counted, bool native)
{
	const char *unit = counted ? "instructions." : native ? "native." : "";
	double ratios[PAIRS];

	for (size_t i = 0; i < PAIRS; i++)
		ratios[i] = bench_ratio(modes[pairs[i].with].usec, modes[pairs[i].without].usec,
					rounds);
	printf("%-22s %12s\n", "handshake, both ends",
	       counted ? "thousands of instructions" : "microseconds");
	for (size_t i = 0; i < MODES; i++)
		printf("%-22s %12.0f\n", modes[i].name, bench_median(modes[i].usec, rounds));
	for (size_t i = 0; i < PAIRS; i++)
		printf("bench kme.handshake.%s%s %.4f\n", unit, pairs[i].figure, ratios[i]);
}

static bool set_up(struct mode *mode, struct pki *pki, char **links)
{
	const struct bench_files files = bench_files_of(pki);

	if (!mode->at_hand && links[0]) {
		mode->ours.links[QKDTLS_CLIENT] = links[0];
		mode->ours.links[QKDTLS_SERVER] = links[1];
	}
	mode->stack = mode->libssl ? bench_libssl_new(&files, mode->ours.mutual)
				   : bench_ours_new(&files, &mode->ours);
	return mode->stack;
}

static bool run(char **links, uint32_t rounds, bool counted)
{
	struct pki *pki = pki_new();
	bool ok = true;

	for (size_t i = 0; ok && i < MODES; i++)
		ok = set_up(&modes[i], pki, links);
	ok = ok && run_all(rounds);
	if (ok)
		report(rounds, counted, !links[0]);
	for (size_t i = 0; i < MODES; i++)
		if (modes[i].stack)
			modes[i].stack->free(modes[i].stack);
	pki_free(pki);
	return ok;
}

int main(int argc, char **argv)
{
	struct bench_rounds rounds;
	const int ret = bench_rounds_begin(argc, argv, false, &rounds);

	if (ret)
		return ret;
	return run(rounds.links, rounds.count, rounds.counted) ? 0 : 1;
}
