// SPDX-License-Identifier: GPL-2.0-or-later
/* How a connection fails: once, with at most one alert. */
#include <errno.h>

#include "tls/internal.h"

static int alert_to_errno(enum qkdtls_alert alert)
{
	switch (alert) {
	case QKDTLS_ALERT_BAD_CERTIFICATE:
	case QKDTLS_ALERT_UNSUPPORTED_CERTIFICATE:
	case QKDTLS_ALERT_CERTIFICATE_REVOKED:
	case QKDTLS_ALERT_CERTIFICATE_EXPIRED:
	case QKDTLS_ALERT_CERTIFICATE_UNKNOWN:
	case QKDTLS_ALERT_UNKNOWN_CA:
	case QKDTLS_ALERT_ACCESS_DENIED:
	case QKDTLS_ALERT_BAD_CERTIFICATE_STATUS_RESPONSE:
	case QKDTLS_ALERT_CERTIFICATE_REQUIRED:
		return -EACCES;
	case QKDTLS_ALERT_INTERNAL_ERROR:
		return -EIO;
	default:
		return -EPROTO;
	}
}

int qkdtls_fail_errno(struct qkdtls_conn *conn, enum qkdtls_alert alert, int failure,
		      const char *reason)
{
	if (conn->failed)
		return QKDTLS_ERROR;
	conn->failed = true;
	conn->failure = failure;
	conn->error.sent = alert;
	conn->error.reason = reason;
	qkdtls_buf_free(&conn->flight);
	/*
	 * An alert that finds no room is lost; the connection has failed all the same. Behind our close_notify
	 * nothing may come.
	 */
	if (alert != QKDTLS_ALERT_NONE && !conn->keys_taken && !conn->closed) {
		struct qkdtls_seal *seal = qkdtls_schedule_sealed_by(conn->schedule);

		/* This end has no key for it: see qkdtls_ktls_alert(). */
		if (qkdtls_alert_queue(conn, alert) == -EPERM && seal)
			conn->late_seal = qkdtls_seal_ref(seal);
		/* A peer passes user_canceled over: it is this that ends the connection (RFC 9846 section 6.1). */
		if (alert == QKDTLS_ALERT_USER_CANCELED)
			(void)qkdtls_alert_queue(conn, QKDTLS_ALERT_CLOSE_NOTIFY);
	}
	return QKDTLS_ERROR;
}

int qkdtls_fail(struct qkdtls_conn *conn, enum qkdtls_alert alert, const char *reason)
{
	return qkdtls_fail_errno(conn, alert, alert_to_errno(alert), reason);
}

int qkdtls_fail_code(struct qkdtls_conn *conn, int code, const char *reason)
{
	if (code > 0)
		return qkdtls_fail(conn, (enum qkdtls_alert)code, reason);
	return qkdtls_fail_errno(conn, QKDTLS_ALERT_INTERNAL_ERROR, code, reason);
}

int qkdtls_fail_received(struct qkdtls_conn *conn, enum qkdtls_alert alert, const char *reason)
{
	if (conn->failed)
		return QKDTLS_ERROR;
	conn->error.received = alert;
	return qkdtls_fail_errno(conn, QKDTLS_ALERT_NONE, -ECONNRESET, reason);
}

const struct qkdtls_error *qkdtls_error(const struct qkdtls_conn *conn)
{
	return &conn->error;
}

int qkdtls_to_errno(const struct qkdtls_conn *conn)
{
	return conn->failure;
}
