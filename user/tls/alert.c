// SPDX-License-Identifier: GPL-2.0-or-later
/* Alerts: their names, reading one, queueing one. */
#include <stdio.h>

#include "tls/internal.h"

static const struct {
	enum qkdtls_alert alert;
	const char *name;
} alert_names[] = {
	{ QKDTLS_ALERT_CLOSE_NOTIFY, "close_notify" },
	{ QKDTLS_ALERT_UNEXPECTED_MESSAGE, "unexpected_message" },
	{ QKDTLS_ALERT_BAD_RECORD_MAC, "bad_record_mac" },
	{ QKDTLS_ALERT_RECORD_OVERFLOW, "record_overflow" },
	{ QKDTLS_ALERT_HANDSHAKE_FAILURE, "handshake_failure" },
	{ QKDTLS_ALERT_BAD_CERTIFICATE, "bad_certificate" },
	{ QKDTLS_ALERT_UNSUPPORTED_CERTIFICATE, "unsupported_certificate" },
	{ QKDTLS_ALERT_CERTIFICATE_REVOKED, "certificate_revoked" },
	{ QKDTLS_ALERT_CERTIFICATE_EXPIRED, "certificate_expired" },
	{ QKDTLS_ALERT_CERTIFICATE_UNKNOWN, "certificate_unknown" },
	{ QKDTLS_ALERT_ILLEGAL_PARAMETER, "illegal_parameter" },
	{ QKDTLS_ALERT_UNKNOWN_CA, "unknown_ca" },
	{ QKDTLS_ALERT_ACCESS_DENIED, "access_denied" },
	{ QKDTLS_ALERT_DECODE_ERROR, "decode_error" },
	{ QKDTLS_ALERT_DECRYPT_ERROR, "decrypt_error" },
	{ QKDTLS_ALERT_PROTOCOL_VERSION, "protocol_version" },
	{ QKDTLS_ALERT_INSUFFICIENT_SECURITY, "insufficient_security" },
	{ QKDTLS_ALERT_INTERNAL_ERROR, "internal_error" },
	{ QKDTLS_ALERT_USER_CANCELED, "user_canceled" },
	{ QKDTLS_ALERT_MISSING_EXTENSION, "missing_extension" },
	{ QKDTLS_ALERT_UNSUPPORTED_EXTENSION, "unsupported_extension" },
	{ QKDTLS_ALERT_UNRECOGNIZED_NAME, "unrecognized_name" },
	{ QKDTLS_ALERT_BAD_CERTIFICATE_STATUS_RESPONSE, "bad_certificate_status_response" },
	{ QKDTLS_ALERT_UNKNOWN_PSK_IDENTITY, "unknown_psk_identity" },
	{ QKDTLS_ALERT_CERTIFICATE_REQUIRED, "certificate_required" },
	{ QKDTLS_ALERT_GENERAL_ERROR, "general_error" },
	{ QKDTLS_ALERT_NO_APPLICATION_PROTOCOL, "no_application_protocol" },
	{ QKDTLS_ALERT_NONE, "none" },
};

const char *qkdtls_alert_name(enum qkdtls_alert alert)
{
	static _Thread_local char unknown[16];

	for (size_t i = 0; i < ARRAY_SIZE(alert_names); i++)
		if (alert_names[i].alert == alert)
			return alert_names[i].name;
	snprintf(unknown, sizeof(unknown), "alert %u", (unsigned int)alert & 0xff);
	return unknown;
}

#define ALERT_WARNING 1
#define ALERT_FATAL   2

void qkdtls_alert_write(enum qkdtls_alert alert, uint8_t body[QKDTLS_ALERT_LEN])
{
	const bool warning =
		alert == QKDTLS_ALERT_CLOSE_NOTIFY || alert == QKDTLS_ALERT_USER_CANCELED;

	body[0] = warning ? ALERT_WARNING : ALERT_FATAL;
	body[1] = (uint8_t)alert;
}

int qkdtls_alert_queue(struct qkdtls_conn *conn, enum qkdtls_alert alert)
{
	uint8_t body[QKDTLS_ALERT_LEN];

	qkdtls_alert_write(alert, body);
	return qkdtls_record_write(&conn->writer, QKDTLS_CONTENT_ALERT, body, sizeof(body),
				   &conn->out);
}

/* The level says nothing in TLS 1.3: all but these two are fatal (RFC 9846 section 6). */
int qkdtls_alert_recv(struct qkdtls_conn *conn, const uint8_t *data, size_t len)
{
	enum qkdtls_alert alert;

	if (len != QKDTLS_ALERT_LEN)
		return qkdtls_fail(conn, QKDTLS_ALERT_DECODE_ERROR, "malformed alert");
	alert = data[1];
	if (conn->messages.len &&
	    (alert == QKDTLS_ALERT_CLOSE_NOTIFY || alert == QKDTLS_ALERT_USER_CANCELED))
		return qkdtls_fail(conn, QKDTLS_ALERT_UNEXPECTED_MESSAGE,
				   "alert inside a handshake message");
	if (alert == QKDTLS_ALERT_USER_CANCELED)
		return 0;
	if (alert == QKDTLS_ALERT_CLOSE_NOTIFY && conn->state == QKDTLS_UP) {
		conn->peer_closed = true;
		return 0;
	}
	return qkdtls_fail_received(conn, alert, "the peer sent an alert");
}
