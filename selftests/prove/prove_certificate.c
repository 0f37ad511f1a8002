// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SOURCES: tls/cert.c tls/buf.c stand_engine.c stand_conn.c stand_ext.c stand_pki.c
 * UNWIND: 17
 * FLAGS: --unwindset read_chain.0:8
 * BOUND: Certificate of up to 48 bytes, which may have 6 entries
 */
#include <time.h>
#include "prove.h"

struct qkdtls_chain *qkdtls_known_find(struct qkdtls_known *known, enum qkdtls_role sender,
				       struct qkdtls_cursor list, time_t when)
{
	check(sound(&list), "a list is a sound cursor");
	return nondet_bool() ? (struct qkdtls_chain *)any_bytes(1) : NULL;
}

void qkdtls_known_add(struct qkdtls_known *known, enum qkdtls_role sender,
		      struct qkdtls_cursor list, time_t when, struct qkdtls_chain *chain)
{
	check(sound(&list), "a list is a sound cursor");
}

time_t time(time_t *when)
{
	return (time_t)nondet_u64();
}

void harness(void)
{
	struct qkdtls_conn *conn = any_conn();
	const struct qkdtls_incoming msg = any_message(48);

	conn->hs->status = qkdtls_cursor(NULL, 0);
	if (qkdtls_certificate_recv(conn, &msg))
		return;
	REACHED(!qkdtls_cursor_empty(&conn->hs->status), "a Certificate is read and taken");
	REACHED(!conn->hs->status.pos, "a known one is taken");
}
