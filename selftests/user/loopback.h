/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A client and a server of the engine with a wire in memory between them, and keys for both */
#ifndef _QKD_SELFTESTS_LOOPBACK_H
#define _QKD_SELFTESTS_LOOPBACK_H

#include <qkd/qkdtls.h>

/* ---- Keys: one ring for both ends, or one for each ---- */

#define KEYRING_MAX 4

struct keyring {
	struct qkdtls_psk key[KEYRING_MAX];
	size_t count;
	int answer; /* instead of FOUND */
	unsigned int pending; /* so many times PENDING before anything else */
	int commit_answer;
	unsigned int taken, asked, found, committed, released;
	unsigned int mismatched; /* of the released */
	bool misused; /* commit or release of what was not found */
	bool held;
	bool seals; /* its keys are sealed */
};

extern const struct qkdtls_psk_ops keyring_ops;

/* @seed makes ID (of @id_len bytes) and secret. */
void keyring_add(struct keyring *ring, uint8_t seed, size_t id_len);

/* ---- The wire ---- */

struct wire {
	uint8_t *data; /* all that was ever written */
	size_t len, size;
	size_t taken; /* by the reader */
	bool ended;
};

struct loopback {
	struct qkdtls_conn *end[2]; /* by role */
	struct wire wire[2]; /* by writer */
	struct keyring ring[2];
	size_t chunk; /* bytes moved at a time; 0: as many as wanted */
	enum qkdtls_want want[2];

	/* Byte @flip_at of what @flip_from writes arrives XORed with @flip; 0: none */
	uint8_t flip;
	enum qkdtls_role flip_from;
	size_t flip_at;
	/* @cut_from ends its stream after @cut_at bytes, if @cut. */
	bool cut;
	enum qkdtls_role cut_from;
	size_t cut_at;
	/* The client sends this as soon as it is done. */
	const char *early_data;
};

/* Connections of these configurations; both rings get the same key with an ID of 16 bytes. */
void loopback_init(struct loopback *lb, struct qkdtls_config *client, struct qkdtls_config *server);
void loopback_free(struct loopback *lb);

/* Until both are done or have failed. false: neither can go on (a hang) */
bool loopback_run(struct loopback *lb);

/* Sends @len bytes from one end to the other and compares. */
bool loopback_echo(struct loopback *lb, enum qkdtls_role from, const void *data, size_t len);

/*
 * Moves all output of one end to the other and reads there; the last answer of qkdtls_receive(). Aborts if the other
 * end does not want it.
 */
ssize_t loopback_deliver(struct loopback *lb, enum qkdtls_role from, void *buf, size_t size);

#endif /* _QKD_SELFTESTS_LOOPBACK_H */
