// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a handshake with a QKD key costs each end, beside libssl's without one and beside the operations of
 * which both are made. Modes take turns in short rounds, so that they meet the same machine, and the median
 * of the rounds counts. See Documentation/performance.md.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "../../selftests/user/pki.h"
#include "../../selftests/user/site.h"
#include "bench/bench.h"

#define ROUNDS	     80
#define PER_ROUND    10
#define USEC_PER_SEC 1e6

struct mode {
	const char *name;
	bool libssl;
	const char *certificate;
	struct bench_ours ours;
	struct bench_stack *stack;
	double usec[2][ROUNDS]; /* by role */
};

static struct mode modes[] = {
	{ .name = "ours, key", .certificate = "server" },
	{ .name = "libssl, no key", .certificate = "server", .libssl = true },
	{ .name = "ours, no key", .certificate = "server", .ours = { .policy = QKDTLS_PREFER } },
	{ .name = "ours, key, mutual", .certificate = "server", .ours = { .mutual = true } },
	{ .name = "libssl, no key, mutual",
	  .certificate = "server",
	  .libssl = true,
	  .ours = { .mutual = true } },
	{ .name = "ours, key only",
	  .certificate = "server",
	  .ours = { .policy = QKDTLS_PSK_ONLY } },
};

enum {
	OURS,
	LIBSSL,
};

#define MODES (sizeof(modes) / sizeof(modes[0]))

/* ---- Measuring ---- */

uint64_t bench_clock(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static bool set_up(struct mode *mode, struct pki *pki)
{
	struct bench_files files;
	char chain[64], key[64];

	snprintf(chain, sizeof(chain), "%s.pem", mode->certificate);
	snprintf(key, sizeof(key), "%s.key", mode->certificate);
	files = (struct bench_files){
		.ca = pki_path(pki, "ca.pem"),
		.chain = pki_path(pki, chain),
		.key = pki_path(pki, key),
	};
	mode->stack = mode->libssl ? bench_libssl_new(&files, mode->ours.mutual)
				   : bench_ours_new(&files, &mode->ours);
	return mode->stack;
}

static bool run_round(struct mode *mode, int round)
{
	struct bench_cost cost = { .nsec = { 0, 0 } };
	int i, role;

	for (i = 0; i < PER_ROUND; i++) {
		if (mode->stack->shake(mode->stack, &cost))
			continue;
		fprintf(stderr, "bench: %s: handshake failed\n", mode->name);
		return false;
	}
	for (role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++)
		mode->usec[role][round] = (double)cost.nsec[role] / 1e3 / PER_ROUND;
	return true;
}

static bool run_all(void)
{
	int round;
	size_t i;

	for (round = 0; round < ROUNDS; round++) {
		for (i = 0; i < MODES; i++) {
			if (!run_round(&modes[i], round))
				return false;
		}
	}
	return true;
}

static int by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Sorts what it looks at. */
static double median(double values[ROUNDS])
{
	qsort(values, ROUNDS, sizeof(values[0]), by_value);
	return (values[ROUNDS / 2 - 1] + values[ROUNDS / 2]) / 2;
}

/* ---- Floors ---- */

/* What an end has to do, beside hashing; a client knows the chain from an earlier handshake. */
static const struct floor_sum {
	enum bench_op op[5];
	size_t count;
} sums[] = {
	[QKDTLS_CLIENT] = { { BENCH_X25519_KEYGEN, BENCH_X25519_DERIVE, BENCH_MLKEM_KEYGEN,
			      BENCH_MLKEM_DECAP, BENCH_ECDSA_VERIFY },
			    5 },
	[QKDTLS_SERVER] = { { BENCH_X25519_KEYGEN, BENCH_X25519_DERIVE, BENCH_MLKEM_ENCAP,
			      BENCH_ECDSA_SIGN },
			    4 },
};

static double sum_floor(const struct bench_floor *floor, int role)
{
	double usec = 0;
	size_t i;

	for (i = 0; i < sums[role].count; i++)
		usec += floor->usec[sums[role].op[i]];
	return usec;
}

static void print_floor(const struct bench_floor *floor)
{
	int op, role;
	size_t i;

	printf("\n%-24s %12s\n", "openssl speed", "microseconds");
	for (op = 0; op < BENCH_OPS; op++)
		printf("%-24s %12.1f\n", bench_op_name(op), floor->usec[op]);
	for (role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++) {
		printf("floor of the %s: %.1f =", role == QKDTLS_CLIENT ? "client" : "server",
		       sum_floor(floor, role));
		for (i = 0; i < sums[role].count; i++)
			printf("%s %s", i ? " +" : "", bench_op_name(sums[role].op[i]));
		printf("\n");
	}
}

/* ---- Report ---- */

static void print_modes(double usec[MODES][2])
{
	size_t i;

	printf("%-24s %12s %12s %12s %12s\n", "handshake", "client usec", "server usec", "client/s",
	       "server/s");
	for (i = 0; i < MODES; i++)
		printf("%-24s %12.1f %12.1f %12.0f %12.0f\n", modes[i].name, usec[i][QKDTLS_CLIENT],
		       usec[i][QKDTLS_SERVER], USEC_PER_SEC / usec[i][QKDTLS_CLIENT],
		       USEC_PER_SEC / usec[i][QKDTLS_SERVER]);
}

static void print_figures(double usec[MODES][2], const struct bench_floor *floor)
{
	static const char *const ends[] = {
		[QKDTLS_CLIENT] = "client", [QKDTLS_SERVER] = "server"
	};
	int role;

	for (role = QKDTLS_SERVER; role >= QKDTLS_CLIENT; role--) {
		printf("bench handshake.%s.usec %.1f\n", ends[role], usec[OURS][role]);
		printf("bench handshake.%s.libssl.usec %.1f\n", ends[role], usec[LIBSSL][role]);
		printf("bench handshake.%s.ratio %.3f\n", ends[role],
		       usec[OURS][role] / usec[LIBSSL][role]);
		printf("bench handshake.%s.floor.usec %.1f\n", ends[role], sum_floor(floor, role));
		printf("bench handshake.%s.floor.ratio %.3f\n", ends[role],
		       usec[OURS][role] / sum_floor(floor, role));
	}
}

static void report(const struct bench_floor *floor)
{
	double usec[MODES][2];
	size_t i;
	int role;

	for (i = 0; i < MODES; i++)
		for (role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++)
			usec[i][role] = median(modes[i].usec[role]);
	print_modes(usec);
	print_floor(floor);
	printf("\n");
	print_figures(usec, floor);
}

int main(void)
{
	struct pki *pki = pki_new();
	struct bench_floor floor;
	bool ok = true;
	size_t i;

	if (!site_has_group(SITE_HYBRID)) {
		fprintf(stderr, "bench: this libcrypto has no X25519MLKEM768\n");
		ok = false;
	}
	for (i = 0; ok && i < MODES; i++)
		ok = set_up(&modes[i], pki);
	ok = ok && run_all() && bench_floor_measure(&floor);
	if (ok)
		report(&floor);
	for (i = 0; i < MODES; i++)
		if (modes[i].stack)
			modes[i].stack->free(modes[i].stack);
	pki_free(pki);
	return ok ? 0 : 1;
}
