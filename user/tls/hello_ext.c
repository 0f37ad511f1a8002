// SPDX-License-Identifier: GPL-2.0-or-later
/* EncryptedExtensions */
#include "tls/internal.h"

int qkdtls_encrypted_extensions_send(struct qkdtls_conn *conn)
{
	struct qkdtls_mark message;
	struct qkdtls_writer w;
	int ret;

	message = qkdtls_message_begin(conn, &w, QKDTLS_MSG_ENCRYPTED_EXTENSIONS);
	qkdtls_ext_write(conn, QKDTLS_IN_EE, &w);
	ret = qkdtls_message_end(conn, &w, message);
	if (!ret)
		ret = qkdtls_message_send(conn, &w);
	return ret ? ret : qkdtls_record_limits_start(conn);
}

int qkdtls_encrypted_extensions_recv(struct qkdtls_conn *conn, const struct qkdtls_incoming *msg)
{
	struct qkdtls_cursor body = msg->body;
	int ret = qkdtls_ext_read(conn, QKDTLS_IN_EE, &body);

	if (!ret && !qkdtls_cursor_empty(&body))
		ret = qkdtls_fail(conn, QKDTLS_ALERT_DECODE_ERROR,
				  "bytes behind the end of EncryptedExtensions");
	return ret ? ret : qkdtls_record_limits_start(conn);
}
