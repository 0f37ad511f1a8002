// SPDX-License-Identifier: GPL-2.0-or-later
/* Handshakes whose keys go to the kernel's TLS: both ends, one after the other, as if the wire took no time */
#include <stdio.h>
#include "bench/sealed/sealed.h"

#define PER_ROUND 5

#define KEY .policy = QKDTLS_REQUIRE

enum {
	SEALED,
	UNSEALED,
	SEALED_ONE,
	UNSEALED_ONE,
	MODES,
};

static struct mode {
	const char *name;
	struct bench_ours ours;
	struct bench_stack *stack;
	double usec[BENCH_ROUNDS_MAX];
} modes[MODES] = {
	[SEALED] = { "sealed", .ours = { KEY, .sealed = true, .mutual = true, .suites = true } },
	[UNSEALED] = { "not sealed", .ours = { KEY, .mutual = true, .suites = true } },
	[SEALED_ONE] = { "sealed, server's certificate, one suite",
			 .ours = { KEY, .sealed = true } },
	[UNSEALED_ONE] = { "not sealed, the same", .ours = { KEY } },
};

static bool run_one(struct mode *mode, struct bench_cost *cost)
{
	struct qkdtls_conn *conn[2];
	bool ok = false;
	int fd[2];

	if (!sealed_sockets(fd))
		return false;
	ok = bench_ours_connect(mode->stack, fd, conn, cost);
	if (!ok)
		fprintf(stderr, "bench: %s: handshake failed\n", mode->name);
	bench_ours_end(mode->stack, conn, cost);
	sealed_sockets_close(fd);
	return ok;
}

static bool run_round(struct mode *mode, uint32_t round)
{
	struct bench_cost cost = { .nsec = { 0, 0 } };

	for (int i = 0; i < PER_ROUND; i++)
		if (!run_one(mode, &cost))
			return false;
	mode->usec[round] = (double)(cost.nsec[0] + cost.nsec[1]) / 1e3 / PER_ROUND;
	return true;
}

static bool run_all(uint32_t rounds)
{
	/* What comes first in a process costs more. */
	for (size_t i = 0; i < MODES; i++)
		if (!run_round(&modes[i], 0))
			return false;
	for (uint32_t round = 0; round < rounds; round++)
		for (size_t i = 0; i < MODES; i++)
			if (!run_round(&modes[i], round))
				return false;
	return true;
}

static void report(uint32_t rounds, bool counted)
{
	const char *unit = counted ? "instructions." : "";
	const double all = bench_ratio(modes[SEALED].usec, modes[UNSEALED].usec, rounds);
	const double one = bench_ratio(modes[SEALED_ONE].usec, modes[UNSEALED_ONE].usec, rounds);

	printf("%-42s %12s\n", "handshake, both ends",
	       counted ? "thousands of instructions" : "microseconds of CPU");
	for (size_t i = 0; i < MODES; i++)
		printf("%-42s %12.0f\n", modes[i].name, bench_median(modes[i].usec, rounds));
	printf("bench sealed.cpu.%sratio %.4f\n", unit, all);
	printf("bench sealed.cpu.one_suite.%sratio %.4f\n", unit, one);
}

bool sealed_handshakes(const struct bench_files *files, const struct bench_rounds *rounds)
{
	bool ok = true;

	for (size_t i = 0; ok && i < MODES; i++) {
		modes[i].ours.links[QKDTLS_CLIENT] = rounds->links[0];
		modes[i].ours.links[QKDTLS_SERVER] = rounds->links[1];
		modes[i].stack = bench_ours_new(files, &modes[i].ours);
		ok = modes[i].stack;
	}
	ok = ok && run_all(rounds->count);
	if (ok)
		report(rounds->count, rounds->counted);
	for (size_t i = 0; i < MODES; i++)
		if (modes[i].stack)
			modes[i].stack->free(modes[i].stack);
	return ok;
}
