// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SOURCES: tls/key_update.c tls/buf.c stand_engine.c stand_conn.c stand_crypto.c stand_record.c
 * UNWIND: 17
 * BOUND: KeyUpdate of up to 64 bytes, any state
 */
#include "prove.h"

int qkdtls_keys_set_application(struct qkdtls_conn *conn, enum qkdtls_role sender)
{
	return nondet_bool() ? 0 : QKDTLS_ERROR;
}

void harness(void)
{
	struct qkdtls_conn *conn = any_conn();
	const struct qkdtls_incoming msg = any_message(64);

	conn->hs = NULL;
	REACHED(!qkdtls_key_update_recv(conn, &msg), "a KeyUpdate is taken");
}
