// SPDX-License-Identifier: GPL-2.0-or-later
/* Contents of status_request: an OCSP response beside a certificate (RFC 9846 section 4.5.2.1) */
#include "tls/internal.h"

#define STATUS_OCSP 1

static int malformed(struct qkdtls_conn *conn)
{
	return qkdtls_fail(conn, QKDTLS_ALERT_DECODE_ERROR, "malformed status_request");
}

/* A CertificateStatusRequest (RFC 6066 section 8). Of another type than OCSP nothing is known, not even its form. */
static int read_request(struct qkdtls_conn *conn, struct qkdtls_cursor *body)
{
	struct qkdtls_cursor responders, id, extensions;
	const uint8_t *rest;
	uint8_t type;

	if (!qkdtls_get_u8(body, &type))
		return malformed(conn);
	if (type != STATUS_OCSP) {
		qkdtls_get_bytes(body, qkdtls_cursor_left(body), &rest);
		return 0;
	}
	if (!qkdtls_get_vec16(body, 0, UINT16_MAX, &responders) ||
	    !qkdtls_get_vec16(body, 0, UINT16_MAX, &extensions))
		return malformed(conn);
	while (!qkdtls_cursor_empty(&responders))
		if (!qkdtls_get_vec16(&responders, 1, UINT16_MAX, &id))
			return malformed(conn);
	conn->hs->status_asked = true;
	return 0;
}

/* The leaf's comes first; those of other certificates must be well formed all the same. */
static int read_response(struct qkdtls_conn *conn, struct qkdtls_cursor *body)
{
	struct qkdtls_cursor response;
	uint8_t type;

	if (!qkdtls_get_u8(body, &type) || type != STATUS_OCSP ||
	    !qkdtls_get_vec24(body, 1, QKDTLS_MESSAGE_MAX, &response))
		return malformed(conn);
	if (qkdtls_chain_count(conn->chain) == 1)
		conn->hs->status = response;
	return 0;
}

static int status_read(struct qkdtls_conn *conn, enum qkdtls_ext_place place,
		       struct qkdtls_cursor *body)
{
	if (place == QKDTLS_IN_CT)
		return read_response(conn, body);
	/* RFC 9846 has a server ask by an empty extension; a whole request is taken too. */
	if (place == QKDTLS_IN_CR && qkdtls_cursor_empty(body)) {
		conn->hs->status_asked = true;
		return 0;
	}
	return read_request(conn, body);
}

static bool status_want(const struct qkdtls_conn *conn, enum qkdtls_ext_place place)
{
	const struct qkdtls_config *config = conn->config;

	if (place == QKDTLS_IN_CT)
		return conn->hs->status_asked && config->staple;
	return config->ocsp_required && config->policy != QKDTLS_PSK_ONLY;
}

static void write_response(const struct qkdtls_staple *staple, struct qkdtls_writer *w)
{
	struct qkdtls_mark response;
	const uint8_t *der;
	size_t len;

	der = qkdtls_staple_der(staple, &len);
	qkdtls_put_u8(w, STATUS_OCSP);
	response = qkdtls_put_open(w, 3);
	qkdtls_put_bytes(w, der, len);
	qkdtls_put_close(w, response);
}

static void status_write(struct qkdtls_conn *conn, enum qkdtls_ext_place place,
			 struct qkdtls_writer *w)
{
	if (place == QKDTLS_IN_CT) {
		write_response(conn->config->staple, w);
	} else if (place == QKDTLS_IN_CH) {
		qkdtls_put_u8(w, STATUS_OCSP);
		qkdtls_put_u16(w, 0); /* any responder */
		qkdtls_put_u16(w, 0); /* no extensions */
	}
}

const struct qkdtls_ext_ops qkdtls_ext_status_request = {
	.read = status_read,
	.want = status_want,
	.write = status_write,
};
