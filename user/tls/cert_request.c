// SPDX-License-Identifier: GPL-2.0-or-later
/* CertificateRequest in the handshake, which RFC 9973 section 5.2 allows beside a PSK */
#include "tls/internal.h"

int qkdtls_certificate_request_send(struct qkdtls_conn *conn)
{
	struct qkdtls_mark message;
	struct qkdtls_writer w;
	int ret;

	message = qkdtls_message_begin(conn, &w, QKDTLS_MSG_CERTIFICATE_REQUEST);
	qkdtls_put_u8(&w, 0); /* no context */
	qkdtls_ext_write(conn, QKDTLS_IN_CR, &w);
	ret = qkdtls_message_end(conn, &w, message);
	return ret ? ret : qkdtls_message_send(conn, &w);
}

int qkdtls_certificate_request_recv(struct qkdtls_conn *conn, const struct qkdtls_incoming *msg)
{
	struct qkdtls_cursor body = msg->body, context;
	int ret;

	if (!qkdtls_get_vec8(&body, 0, UINT8_MAX, &context))
		return qkdtls_fail(conn, QKDTLS_ALERT_DECODE_ERROR, "malformed CertificateRequest");
	if (!qkdtls_cursor_empty(&context))
		return qkdtls_fail(conn, QKDTLS_ALERT_ILLEGAL_PARAMETER,
				   "CertificateRequest with a context");
	ret = qkdtls_ext_read(conn, QKDTLS_IN_CR, &body);
	if (ret)
		return ret;
	if (!qkdtls_cursor_empty(&body))
		return qkdtls_fail(conn, QKDTLS_ALERT_DECODE_ERROR,
				   "bytes behind the end of CertificateRequest");
	if (!qkdtls_ext_seen(&conn->hs->hello, QKDTLS_EXT_SIGNATURE_ALGORITHMS))
		return qkdtls_fail(conn, QKDTLS_ALERT_MISSING_EXTENSION, "no signature_algorithms");
	conn->hs->cert_requested = true;
	conn->hs->scheme = qkdtls_certificate_scheme(conn, conn->hs->hello.schemes);
	return 0;
}
