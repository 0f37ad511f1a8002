// SPDX-License-Identifier: GPL-2.0-or-later
/* Session tickets, of no use here (RFC 9846 section 4.7.1) */
#include "tls/internal.h"

/* A client that resumes nothing ignores what it says, if it is well formed. */
int qkdtls_ticket_recv(struct qkdtls_conn *conn, const struct qkdtls_incoming *msg)
{
	struct qkdtls_cursor body = msg->body, nonce, ticket;
	uint32_t lifetime, age_add;
	int ret;

	if (!qkdtls_get_u32(&body, &lifetime) || !qkdtls_get_u32(&body, &age_add) ||
	    !qkdtls_get_vec8(&body, 0, UINT8_MAX, &nonce) ||
	    !qkdtls_get_vec16(&body, 1, UINT16_MAX, &ticket))
		return qkdtls_fail(conn, QKDTLS_ALERT_DECODE_ERROR, "malformed NewSessionTicket");
	ret = qkdtls_ext_read(conn, QKDTLS_IN_NST, &body);
	if (!ret && !qkdtls_cursor_empty(&body))
		ret = qkdtls_fail(conn, QKDTLS_ALERT_DECODE_ERROR,
				  "bytes behind the end of NewSessionTicket");
	return ret;
}
