/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a handshake costs each of its ends: ours and libssl's, in one process, without any socket */
#ifndef QKD_BENCH_H
#define QKD_BENCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <qkd/qkdtls.h>

/* ---- main.c, warm/main.c, sealed/main.c ---- */

/* Nanoseconds, by enum qkdtls_role */
struct bench_cost {
	uint64_t nsec[2];
};

/* CPU time of this thread; in warm/ it is time */
uint64_t bench_clock(void);

/* ---- median.c; the first two sort what they look at ---- */

void bench_sort(double *values, size_t count);
double bench_median(double *values, size_t count);

#define BENCH_ROUNDS_MAX 1000

/* The median of what one mode takes over another in @count rounds, in each of which they took turns: before they are sorted */
double bench_ratio(const double *with, const double *without, size_t count);

/* ---- ours.c, libssl.c: what shakes hands ---- */

struct bench_files {
	const char *ca;
	const char *chain;
	const char *key;
};

/* ---- rounds.c: programs for a machine that may count instructions, whose modes take turns in rounds ---- */

struct pki;

/**
 * struct bench_rounds - [-c] ROUNDS [CLIENT-LINK SERVER-LINK]
 * @count: how many
 * @counted: the machine's clocks count instructions (tools/vm/run -c)
 * @links: two names, or NULL in the place of the first
 */
struct bench_rounds {
	uint32_t count;
	bool counted;
	char **links;
};

/* 0; or the exit status, when standard error has the reason */
int bench_rounds_begin(int argc, char **argv, bool needs_links, struct bench_rounds *rounds);

struct bench_files bench_files_of(struct pki *pki);

/**
 * struct bench_stack - a TLS implementation, set up as for one mode
 * @shake: one handshake, from new connections to freed ones; adds to @cost; false: it failed
 */
struct bench_stack {
	bool (*shake)(struct bench_stack *stack, struct bench_cost *cost);
	void (*free)(struct bench_stack *stack);
};

/**
 * struct bench_ours - how the engine is set up
 * @policy: require and psk-only with a key, prefer without
 * @mutual: the client has the certificate, too
 * @taken: both ends take their traffic keys at the end, as for the kernel
 * @suites: all that there are are offered, as by default
 * @links: where keys come from, by role, as a daemon takes them: /dev/qkd is opened for each connection. NULL: a key
 *	is always at hand
 * @sealed: with @links: the kernel has the key schedule
 * @limits: of each end's traffic keys; NULL: the default
 */
struct bench_ours {
	enum qkdtls_policy policy;
	bool mutual;
	bool taken;
	bool suites;
	const char *links[2];
	bool sealed;
	const struct qkdtls_key_limits *limits;
};

/* NULL: standard error has the reason. Both: X25519MLKEM768, TLS_AES_256_GCM_SHA384 unless @how says otherwise. */
struct bench_stack *bench_ours_new(const struct bench_files *files, const struct bench_ours *how);
struct bench_stack *bench_libssl_new(const struct bench_files *files, bool mutual);

/*
 * The two halves of the engine's shake: connections, by role, and their end. @fd, if not NULL, are connected sockets by role,
 * whose kernel gets the keys, although none of the handshake goes over them. The end is due either way.
 */
bool bench_ours_connect(struct bench_stack *stack, const int *fd, struct qkdtls_conn **conn,
			struct bench_cost *cost);
void bench_ours_end(struct bench_stack *stack, struct qkdtls_conn **conn, struct bench_cost *cost);

/* ---- floor.c: what the tool `openssl speed` says of libcrypto's own operations ---- */

enum bench_op {
	BENCH_X25519_KEYGEN,
	BENCH_X25519_DERIVE,
	BENCH_MLKEM_KEYGEN,
	BENCH_MLKEM_ENCAP,
	BENCH_MLKEM_DECAP,
	BENCH_ECDSA_SIGN,
	BENCH_ECDSA_VERIFY,
	BENCH_MLDSA_SIGN,
	BENCH_MLDSA_VERIFY,
	BENCH_OPS,
};

struct bench_floor {
	double usec[BENCH_OPS]; /* 0: the tool does not know it */
};

/* Lowers what @floor has from earlier calls. false: the tool cannot be run */
bool bench_floor_measure(struct bench_floor *floor);
const char *bench_op_name(enum bench_op op);

/* ---- beside.c: what no implementation on libcrypto does without, and the tool does not measure ---- */

struct bench_beside {
	double mlkem_import; /* microseconds: the peer's ML-KEM-768 key from its bytes */
	double hmac; /* a short HMAC-SHA384 under a new key */
	double transcript; /* SHA-384 of BENCH_TRANSCRIPT bytes */
};

/* Binder 3, import 2, early secret 1, the two steps behind it 4, traffic secrets 5, handshake keys 4, Finished 4 */
#define BENCH_HMACS	 23
#define BENCH_TRANSCRIPT 3600 /* hellos 1.5 + 1.2 KB, a P-256 certificate and all else 0.9 KB */

/* false: libcrypto failed */
bool bench_beside_measure(struct bench_beside *beside);

#endif /* QKD_BENCH_H */
