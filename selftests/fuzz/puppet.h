/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A puppet: a genuine peer between whose messages and the connection under attack the input stands. What arrives is
 * protected as that connection expects, in whatever state it is, and proofs (binders, CertificateVerify, Finished)
 * are made anew over what it has seen, so that changes reach the code behind them.
 */
#ifndef _QKD_SELFTESTS_FUZZ_PUPPET_H
#define _QKD_SELFTESTS_FUZZ_PUPPET_H

#include "../user/forge.h"
#include "fuzz.h"

struct puppet {
	struct loopback lb;
	struct qkdtls_conn *victim, *peer;
	struct qkdtls_record_reader reader; /* of what the peer wrote */
	struct qkdtls_buf wire; /* that */
	struct qkdtls_buf genuine; /* its handshake messages, not given yet */
	struct qkdtls_buf record; /* being given */
};

void puppet_init(struct puppet *p, unsigned int scene, enum qkdtls_role victim);
void puppet_free(struct puppet *p);

/* Both go on as far as they can. */
void puppet_run(struct puppet *p);

/* The peer's next message; false: it has none */
bool puppet_next(struct puppet *p, struct forged_message *message);
/* Makes the proof in a message right for what the victim has seen. */
void puppet_prove(struct puppet *p, struct forged_message *message);
/* Gives it, in records of at most @size bytes. */
void puppet_give_message(struct puppet *p, const struct forged_message *message, size_t size);
/* One record of this inner type, protected if the victim has keys */
void puppet_give_record(struct puppet *p, uint8_t type, const uint8_t *data, size_t len,
			size_t padding);
void puppet_give_bytes(struct puppet *p, const uint8_t *data, size_t len);

/* All that the peer has left to say: the handshake goes on. */
void puppet_finish(struct puppet *p);

#endif /* _QKD_SELFTESTS_FUZZ_PUPPET_H */
