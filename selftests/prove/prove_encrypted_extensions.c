// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SOURCES: tls/hello_ext.c tls/buf.c stand_engine.c stand_conn.c stand_ext.c stand_limits.c
 * UNWIND: 17
 * BOUND: EncryptedExtensions of up to 64 bytes
 */
#include "prove.h"

void harness(void)
{
	struct qkdtls_conn *conn = any_conn();
	const struct qkdtls_incoming msg = any_message(64);

	REACHED(!qkdtls_encrypted_extensions_recv(conn, &msg), "EncryptedExtensions are taken");
}
