// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SOURCES: tls/cert_request.c tls/buf.c stand_engine.c stand_conn.c stand_ext.c
 * UNWIND: 17
 * BOUND: CertificateRequest of up to 64 bytes
 */
#include "prove.h"

const struct qkdtls_scheme *qkdtls_certificate_scheme(const struct qkdtls_conn *conn,
						      struct qkdtls_cursor peer_schemes)
{
	check(sound(&peer_schemes), "schemes are a sound cursor");
	return NULL;
}

void harness(void)
{
	struct qkdtls_conn *conn = any_conn();
	const struct qkdtls_incoming msg = any_message(64);

	REACHED(!qkdtls_certificate_request_recv(conn, &msg), "a CertificateRequest is taken");
}
