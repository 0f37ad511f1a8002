/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Chains of peers that were found good, so that a peer that comes again need not have its certificates decoded
 * and their signatures checked again. Why that is sound:
 *
 * - A chain is known by all the bytes of the certificate_list in its Certificate message and by its sender's
 *   role, compared in full.
 * - The list belongs to one configuration, and is emptied when anything in that is set: trust anchors, name,
 *   schemes and all else that a chain is checked for are those of the check that it passed.
 * - The time is what may still change: a chain is known only as long as all of it, the anchor included, is
 *   within its validity at the time of the check, now or the configured one.
 * - A chain whose check is about revocation lists or an OCSP response, too, is never put in: these are checked
 *   anew each time.
 * - What a peer proves by CertificateVerify it proves in each handshake.
 *
 * A configuration is shared by threads, so that a lock guards the list; a chain is never changed after its check.
 */
#ifndef QKDTLS_KNOWN_H
#define QKDTLS_KNOWN_H

#include <pthread.h>
#include <qkd/qkdtls.h>
#include "tls/buf.h"
#include "tls/crypto_pki.h"

#define QKDTLS_KNOWN_MAX      4
#define QKDTLS_KNOWN_LIST_MAX 32768 /* longer ones are checked each time */

struct qkdtls_known {
	pthread_mutex_t lock; /* of all below */
	struct qkdtls_known_chain {
		enum qkdtls_role sender;
		uint8_t *list;
		size_t len;
		struct qkdtls_chain *chain; /* NULL: a free place */
	} chain[QKDTLS_KNOWN_MAX];
	unsigned int oldest;
};

void qkdtls_known_init(struct qkdtls_known *known);
void qkdtls_known_free(struct qkdtls_known *known);
void qkdtls_known_clear(struct qkdtls_known *known);

/* A reference; NULL: not known, or not valid at @when */
struct qkdtls_chain *qkdtls_known_find(struct qkdtls_known *known, enum qkdtls_role sender,
				       struct qkdtls_cursor list, time_t when);

/*
 * @chain was made of @list. Nothing happens unless it was found good and qkdtls_chain_valid_at(@when); otherwise
 * takes a reference, and the place of the oldest if all are taken.
 */
void qkdtls_known_add(struct qkdtls_known *known, enum qkdtls_role sender,
		      struct qkdtls_cursor list, time_t when, struct qkdtls_chain *chain);

#endif /* QKDTLS_KNOWN_H */
