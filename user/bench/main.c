// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a handshake with a QKD key costs each end, beside libssl's without one and beside the operations of
 * which both are made. Modes take turns in short rounds, so that they meet the same machine, and the median
 * of the rounds counts. See Documentation/performance.md.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include "../../selftests/user/pki.h"
#include "../../selftests/user/site.h"
#include "bench/bench.h"

#define ROUNDS	     80
#define PER_ROUND    10
#define USEC_PER_SEC 1e6
#define HEAP_KEPT    (256 * 1024 * 1024)
#define HEAP_PAD     (1024 * 1024)

struct mode {
	const char *name;
	bool libssl;
	const char *ca, *certificate;
	struct bench_ours ours;
	struct bench_stack *stack;
	double usec[2][ROUNDS]; /* by role */
};

#define P256  .ca = "ca", .certificate = "server"
#define MLDSA .ca = "mldsa-ca", .certificate = "mldsa"

static struct mode modes[] = {
	{ "key", P256 },
	{ "libssl, no key", P256, .libssl = true },
	{ "key, ML-DSA-65", MLDSA },
	{ "libssl, no key, ML-DSA-65", MLDSA, .libssl = true },
	{ "no key", P256, .ours = { .policy = QKDTLS_PREFER } },
	{ "key, mutual", P256, .ours = { .mutual = true } },
	{ "libssl, no key, mutual", P256, .libssl = true, .ours = { .mutual = true } },
	{ "key alone", P256, .ours = { .policy = QKDTLS_PSK_ONLY } },
	{ "key, for the kernel", P256, .ours = { .taken = true } },
};

#define FOR_KERNEL (MODES - 1) /* the last */

/* What is compared with what, and with which floor */
static const struct pair {
	const char *name;
	size_t ours, libssl;
	enum bench_op sign, verify;
} pairs[] = {
	{ "handshake", 0, 1, BENCH_ECDSA_SIGN, BENCH_ECDSA_VERIFY },
	{ "handshake.mldsa65", 2, 3, BENCH_MLDSA_SIGN, BENCH_MLDSA_VERIFY },
};

static const struct pki_leaf mldsa_leaf = {
	.file = "mldsa",
	.name = PKI_SERVER_NAME,
	.not_before = -3600,
	.not_after = 3600,
	.ca_type = "ML-DSA-65",
	.type = "ML-DSA-65",
};

#define PAIRS (sizeof(pairs) / sizeof(pairs[0]))
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
	char ca[64], chain[64], key[64];

	snprintf(ca, sizeof(ca), "%s.pem", mode->ca);
	snprintf(chain, sizeof(chain), "%s.pem", mode->certificate);
	snprintf(key, sizeof(key), "%s.key", mode->certificate);
	files = (struct bench_files){
		.ca = pki_path(pki, ca),
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

/* ---- Floors ---- */

#define FLOOR_OPS 5

/* What an end has to do, beside hashing; a client knows the chain from an earlier handshake. */
static size_t floor_ops(const struct pair *pair, int role, enum bench_op ops[FLOOR_OPS])
{
	size_t count = 0;

	ops[count++] = BENCH_X25519_KEYGEN;
	ops[count++] = BENCH_X25519_DERIVE;
	if (role == QKDTLS_CLIENT) {
		ops[count++] = BENCH_MLKEM_KEYGEN;
		ops[count++] = BENCH_MLKEM_DECAP;
		ops[count++] = pair->verify;
	} else {
		ops[count++] = BENCH_MLKEM_ENCAP;
		ops[count++] = pair->sign;
	}
	return count;
}

static double sum_floor(const struct bench_floor *floor, const struct pair *pair, int role)
{
	enum bench_op ops[FLOOR_OPS];
	size_t count = floor_ops(pair, role, ops), i;
	double usec = 0;

	for (i = 0; i < count; i++)
		usec += floor->usec[ops[i]];
	return usec;
}

/* ---- Report ---- */

static const char *const ends[] = {
	[QKDTLS_CLIENT] = "client",
	[QKDTLS_SERVER] = "server",
};

static void print_floor(const struct bench_floor *floor, const struct pair *pair, int role)
{
	enum bench_op ops[FLOOR_OPS];
	size_t count = floor_ops(pair, role, ops), i;

	printf("%s.%s.floor: %.1f =", pair->name, ends[role], sum_floor(floor, pair, role));
	for (i = 0; i < count; i++)
		printf("%s %s", i ? " +" : "", bench_op_name(ops[i]));
	printf("\n");
}

static void print_floors(const struct bench_floor *floor)
{
	int op, role;
	size_t i;

	printf("\n%-26s %12s\n", "openssl speed", "microseconds");
	for (op = 0; op < BENCH_OPS; op++)
		printf("%-26s %12.1f\n", bench_op_name(op), floor->usec[op]);
	for (i = 0; i < PAIRS; i++) {
		for (role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++)
			print_floor(floor, &pairs[i], role);
	}
}

static double sum_beside(const struct bench_beside *beside, int role)
{
	return (role == QKDTLS_SERVER ? beside->mlkem_import : 0) + BENCH_HMACS * beside->hmac +
	       beside->transcript;
}

static void print_beside(const struct bench_beside *beside)
{
	printf("\n%-26s %12s\n", "beside it", "microseconds");
	printf("%-26s %12.1f\n", "ML-KEM-768 key import", beside->mlkem_import);
	printf("%-26s %12.2f\n", "HMAC-SHA384", beside->hmac);
	printf("%-26s %12.1f\n", "SHA-384 of a transcript", beside->transcript);
	printf("client.beside: %.1f = %d HMAC-SHA384 + transcript\n",
	       sum_beside(beside, QKDTLS_CLIENT), BENCH_HMACS);
	printf("server.beside: %.1f = %d HMAC-SHA384 + transcript + ML-KEM-768 key import\n",
	       sum_beside(beside, QKDTLS_SERVER), BENCH_HMACS);
}

static void print_modes(double usec[MODES][2])
{
	size_t i;

	printf("%-26s %12s %12s %12s %12s\n", "handshake", "client usec", "server usec", "client/s",
	       "server/s");
	for (i = 0; i < MODES; i++)
		printf("%-26s %12.1f %12.1f %12.0f %12.0f\n", modes[i].name, usec[i][QKDTLS_CLIENT],
		       usec[i][QKDTLS_SERVER], USEC_PER_SEC / usec[i][QKDTLS_CLIENT],
		       USEC_PER_SEC / usec[i][QKDTLS_SERVER]);
}

static void print_figures(const struct pair *pair, int role, double usec[MODES][2], double floor,
			  double beside)
{
	const double ours = usec[pair->ours][role], libssl = usec[pair->libssl][role];

	printf("bench %s.%s.usec %.1f\n", pair->name, ends[role], ours);
	printf("bench %s.%s.libssl.usec %.1f\n", pair->name, ends[role], libssl);
	printf("bench %s.%s.floor.usec %.1f\n", pair->name, ends[role], floor);
	printf("bench %s.%s.ratio %.3f\n", pair->name, ends[role], ours / libssl);
	printf("bench %s.%s.floor.ratio %.3f\n", pair->name, ends[role], ours / floor);
	printf("bench %s.%s.beside.ratio %.3f\n", pair->name, ends[role], ours / (floor + beside));
}

static void report(const struct bench_floor *floor, const struct bench_beside *beside)
{
	double usec[MODES][2];
	size_t i;
	int role;

	for (i = 0; i < MODES; i++)
		for (role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++)
			usec[i][role] = bench_median(modes[i].usec[role], ROUNDS);
	print_modes(usec);
	print_floors(floor);
	print_beside(beside);
	printf("\n");
	for (role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++)
		printf("bench handshake.kernel.%s.ratio %.3f\n", ends[role],
		       usec[FOR_KERNEL][role] / usec[pairs[0].libssl][role]);
	for (i = 0; i < PAIRS; i++) {
		for (role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++)
			print_figures(&pairs[i], role, usec, sum_floor(floor, &pairs[i], role),
				      sum_beside(beside, role));
	}
}

int main(void)
{
	struct pki *pki = pki_new();
	struct bench_floor floor = { .usec = { 0 } };
	struct bench_beside beside;
	bool ok = true;
	size_t i;

	/*
	 * Memory at the heap's end that goes back to the kernel and comes again costs either stack as much as
	 * a signature, as chance places it. A server of many connections does not see that.
	 */
	mallopt(M_TRIM_THRESHOLD, HEAP_KEPT);
	mallopt(M_TOP_PAD, HEAP_PAD);
	if (site_has_group(SITE_HYBRID) && pki_has_type(mldsa_leaf.type)) {
		pki_issue(pki, &mldsa_leaf);
	} else {
		fprintf(stderr, "bench: this libcrypto has no ML-KEM or no ML-DSA\n");
		ok = false;
	}
	for (i = 0; ok && i < MODES; i++)
		ok = set_up(&modes[i], pki);
	/* Before and after: the machine may be busier during one of them. */
	ok = ok && bench_floor_measure(&floor) && run_all() && bench_floor_measure(&floor) &&
	     bench_beside_measure(&beside);
	if (ok)
		report(&floor, &beside);
	for (i = 0; i < MODES; i++)
		if (modes[i].stack)
			modes[i].stack->free(modes[i].stack);
	pki_free(pki);
	return ok ? 0 : 1;
}
