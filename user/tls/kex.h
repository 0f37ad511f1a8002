/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ephemeral key exchange of one group, hybrid or not.
 *
 * Functions return 0; an alert (positive, enum qkdtls_alert): the peer's share is at fault; or a
 * negative errno: this end is (-EOPNOTSUPP, -EIO, -ENOMEM). Secrets are wiped on failure.
 */
#ifndef QKDTLS_KEX_H
#define QKDTLS_KEX_H

#include <stddef.h>
#include <stdint.h>
#include "tls/suite.h"

struct qkdtls_kex;

/* Client: a fresh key pair (or two), its share (group->client_share bytes), and what the answer
 * gives */
int qkdtls_kex_new(struct qkdtls_kex **kex, const struct qkdtls_group *group);
void qkdtls_kex_free(struct qkdtls_kex *kex); /* wipes; NULL does nothing */
const struct qkdtls_group *qkdtls_kex_group(const struct qkdtls_kex *kex);
int qkdtls_kex_share(const struct qkdtls_kex *kex, uint8_t *share);
int qkdtls_kex_finish(const struct qkdtls_kex *kex, const uint8_t *server_share, size_t len,
		      uint8_t *secret);

/* Server: @server_share (group->server_share bytes) and @secret (group->secret bytes) from a
 * client's */
int qkdtls_kex_respond(const struct qkdtls_group *group, const uint8_t *client_share, size_t len,
		       uint8_t *server_share, uint8_t *secret);

#endif /* QKDTLS_KEX_H */
