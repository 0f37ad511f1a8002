// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SOURCES: tls/cert_verify.c tls/buf.c stand_lists.c stand_engine.c stand_conn.c stand_crypto.c stand_pki.c
 * UNWIND: 17
 * BOUND: CertificateVerify of up to 96 bytes
 */
#include "prove.h"

void harness(void)
{
	struct qkdtls_conn *conn = any_conn();
	const struct qkdtls_incoming msg = any_message(96);

	REACHED(!qkdtls_certificate_verify_recv(conn, &msg), "a CertificateVerify is taken");
}

bool qkdtls_list_has(struct qkdtls_cursor list, uint16_t number)
{
	return nondet_bool();
}
