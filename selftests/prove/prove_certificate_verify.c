// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SOURCES: tls/cert_verify.c tls/buf.c stand_lists.c stand_list.c stand_engine.c stand_conn.c stand_crypto.c stand_pki.c
 * UNWIND: 17
 * BOUND: CertificateVerify of up to 96 bytes; schemes of up to 48
 * VARIANTS: take choose
 */
#include "prove.h"

static bool take(struct qkdtls_conn *conn)
{
	const struct qkdtls_incoming msg = any_message(96);

	return !qkdtls_certificate_verify_recv(conn, &msg);
}

static bool choose(struct qkdtls_conn *conn)
{
	return qkdtls_certificate_scheme(conn, any_input(48));
}

void harness(void)
{
	REACHED(VARIANT(any_conn()), "a signature is taken, or a scheme");
}
