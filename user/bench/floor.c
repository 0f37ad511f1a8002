// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The floor, from `openssl speed -mr`: lines "+F4:..:BITS:SIGNS:VERIFIES" (ECDSA), "+F5:..:BITS:RATE:SECONDS"
 * (ECDH), "+F9:..:KEYGENS:ENCAPS:DECAPS" (KEM) and "+F10:..:KEYGENS:SIGNS:VERIFIES", in operations per
 * second. One algorithm a run, so that no table index has to be known.
 */
#include <stdio.h>
#include <string.h>
#include "bench/bench.h"

#define USEC_PER_SEC 1e6
#define NONE	     BENCH_OPS

static const struct speed_run {
	const char *algorithm;
	const char *line; /* of the result, behind it two fields that do not count */
	unsigned int skip; /* fields */
	enum bench_op op[3]; /* of the fields after those */
} runs[] = {
	{ "X25519", "+F9", 1, { BENCH_X25519_KEYGEN, NONE, NONE } },
	{ "ecdhx25519", "+F5", 2, { BENCH_X25519_DERIVE, NONE, NONE } },
	{ "ML-KEM-768", "+F9", 1, { BENCH_MLKEM_KEYGEN, BENCH_MLKEM_ENCAP, BENCH_MLKEM_DECAP } },
	{ "ecdsap256", "+F4", 2, { BENCH_ECDSA_SIGN, BENCH_ECDSA_VERIFY, NONE } },
	{ "ML-DSA-65", "+F10", 1, { NONE, BENCH_MLDSA_SIGN, BENCH_MLDSA_VERIFY } },
};

static const char *const names[] = {
	[BENCH_X25519_KEYGEN] = "X25519 keygen",     [BENCH_X25519_DERIVE] = "X25519 derive",
	[BENCH_MLKEM_KEYGEN] = "ML-KEM-768 keygen",  [BENCH_MLKEM_ENCAP] = "ML-KEM-768 encaps",
	[BENCH_MLKEM_DECAP] = "ML-KEM-768 decaps",   [BENCH_ECDSA_SIGN] = "ECDSA P-256 sign",
	[BENCH_ECDSA_VERIFY] = "ECDSA P-256 verify", [BENCH_MLDSA_SIGN] = "ML-DSA-65 sign",
	[BENCH_MLDSA_VERIFY] = "ML-DSA-65 verify",
};

const char *bench_op_name(enum bench_op op)
{
	return names[op];
}

/* The lower of all measurements: what else the machine does only adds. */
static void note(double *usec, double measured)
{
	if (!*usec || measured < *usec)
		*usec = measured;
}

static void read_line(const struct speed_run *run, char *line, struct bench_floor *floor)
{
	char *save = NULL, *field = strtok_r(line, ":\n", &save);
	unsigned int i;
	double rate;

	if (!field || strcmp(field, run->line))
		return;
	for (i = 0; field && i < run->skip; i++)
		field = strtok_r(NULL, ":\n", &save);
	for (i = 0; field && i < 3; i++) {
		field = strtok_r(NULL, ":\n", &save);
		if (field && run->op[i] != NONE && sscanf(field, "%lf", &rate) == 1 && rate > 0)
			note(&floor->usec[run->op[i]], USEC_PER_SEC / rate);
	}
}

bool bench_floor_measure(struct bench_floor *floor)
{
	char command[128], line[256];
	bool ok = true;
	FILE *tool;
	size_t i;

	for (i = 0; i < sizeof(runs) / sizeof(runs[0]); i++) {
		snprintf(command, sizeof(command), "openssl speed -mr -seconds 1 %s 2>/dev/null",
			 runs[i].algorithm);
		tool = popen(command, "r");
		if (!tool)
			return false;
		while (fgets(line, sizeof(line), tool))
			read_line(&runs[i], line, floor);
		ok &= pclose(tool) == 0;
	}
	return ok;
}
