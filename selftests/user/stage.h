/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A handshake up to the flight in question. The test knows the traffic secrets by the key log, opens a real
 * flight, changes it and seals it again.
 */
#ifndef _QKD_SELFTESTS_STAGE_H
#define _QKD_SELFTESTS_STAGE_H

#include "forge.h"
#include "site.h"

struct secrets {
	uint8_t client[QKDTLS_HASH_MAX];
	uint8_t server[QKDTLS_HASH_MAX];
};

struct stage {
	struct loopback lb;
	struct secrets secrets;
	const struct qkdtls_suite *suite;
	struct forged_flight flight;
	uint8_t before[16384]; /* all messages before the flight */
	size_t before_len;
};

/* Adds a message to what came before. */
void stage_note(struct stage *stage, const struct forged_message *message);

/* All that one end has to say, to the other */
void stage_move(struct qkdtls_conn *from, struct qkdtls_conn *to);

/* The client has the ServerHello; the server's flight behind it is in stage->flight. */
void stage_server_flight(struct pki *pki, struct stage *stage, const struct site_options *options);

/* The server waits for the client's flight, which is in stage->flight. */
void stage_client_flight(struct pki *pki, struct stage *stage, const struct site_options *options);

#endif /* _QKD_SELFTESTS_STAGE_H */
