/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A handshake up to the flight in question. The test knows the traffic secrets by the key log, opens a real
 * flight, changes it and seals it again.
 */
#ifndef _QKD_SELFTESTS_STAGE_H
#define _QKD_SELFTESTS_STAGE_H

#include "forge.h"
#include "site.h"

/* Handshake messages */
#define CH   1
#define SH   2
#define NST  4
#define EOED 5
#define EE   8
#define CT   11
#define CR   13
#define CV   15
#define FIN  20
#define KU   24

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

/* ---- Changes to a flight ---- */

enum change_op {
	KEEP,
	TAKE_OUT, /* message @type */
	DOUBLE, /* send it twice */
	BEFORE, /* put message @other with @bytes before it */
	AFTER, /* and behind it */
	REPLACE, /* its body by @bytes */
	APPEND, /* @bytes to its body */
	CUT_OFF, /* the last @at bytes */
	EXTEND, /* the only entry of a Certificate gets @bytes as its extensions */
	FLIP, /* a bit of byte @at; from the end if negative */
};

struct change {
	enum change_op op;
	uint8_t type;
	uint8_t other;
	long at;
	const uint8_t *bytes;
	size_t len;
};

/* Where a message of this type is; fails the test if it is not there */
size_t stage_find(const struct forged_flight *flight, uint8_t type);
void stage_change(struct forged_flight *flight, const struct change *change);

#endif /* _QKD_SELFTESTS_STAGE_H */
