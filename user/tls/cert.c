// SPDX-License-Identifier: GPL-2.0-or-later
/* Certificate, of both sides */
#include <errno.h>
#include <time.h>

#include "tls/internal.h"

/* ---- Sending ---- */

static void write_chain(struct qkdtls_conn *conn, struct qkdtls_writer *w)
{
	const struct qkdtls_identity *identity = conn->config->identity;
	struct qkdtls_mark entry;
	const uint8_t *der;
	size_t len;

	for (size_t i = 0; i < qkdtls_identity_count(identity); i++) {
		der = qkdtls_identity_certificate(identity, i, &len);
		entry = qkdtls_put_open(w, 3);
		qkdtls_put_bytes(w, der, len);
		qkdtls_put_close(w, entry);
		if (i == 0)
			qkdtls_ext_write(conn, QKDTLS_IN_CT, w); /* about the leaf */
		else
			qkdtls_put_u16(w, 0); /* no extensions */
	}
}

/* A client without a fitting certificate sends an empty list. */
int qkdtls_certificate_send(struct qkdtls_conn *conn)
{
	struct qkdtls_mark message, list;
	struct qkdtls_writer w;
	int ret = conn->role == QKDTLS_CLIENT ? qkdtls_message_ccs(conn) : 0;

	if (ret)
		return ret;
	message = qkdtls_message_begin(conn, &w, QKDTLS_MSG_CERTIFICATE);
	qkdtls_put_u8(&w, 0); /* no context */
	list = qkdtls_put_open(&w, 3);
	if (conn->hs->scheme) {
		write_chain(conn, &w);
		conn->hs->cert_sent = true;
	}
	qkdtls_put_close(&w, list);
	ret = qkdtls_message_end(conn, &w, message);
	return ret ? ret : qkdtls_message_send(conn, &w);
}

/* ---- Receiving ---- */

static int read_chain(struct qkdtls_conn *conn, struct qkdtls_cursor list)
{
	struct qkdtls_cursor der;
	int ret = qkdtls_chain_new(&conn->chain);

	if (ret)
		return qkdtls_fail_code(conn, ret, "no memory for a certificate chain");
	while (!qkdtls_cursor_empty(&list)) {
		if (!qkdtls_get_vec24(&list, 1, QKDTLS_MESSAGE_MAX, &der))
			return qkdtls_fail(conn, QKDTLS_ALERT_DECODE_ERROR,
					   "malformed Certificate");
		ret = qkdtls_chain_add(conn->chain, der.pos, qkdtls_cursor_left(&der));
		if (ret)
			return qkdtls_fail_code(conn, ret, "bad certificate");
		ret = qkdtls_ext_read(conn, QKDTLS_IN_CT, &list);
		if (ret)
			return ret;
	}
	return 0;
}

static int check_chain(struct qkdtls_conn *conn)
{
	const struct qkdtls_config *config = conn->config;
	const struct qkdtls_chain_check check = {
		.trust = config->trust,
		.name = config->peer_name[0] ? config->peer_name : NULL,
		.server = conn->role == QKDTLS_CLIENT,
		.schemes = config->chain_schemes.count ? &config->chain_schemes : NULL,
		.crls = config->crls,
		.status_required = config->ocsp_required,
		.status = conn->hs->status.pos,
		.status_len = qkdtls_cursor_left(&conn->hs->status),
		.when = config->has_time ? &config->time : NULL,
	};
	const char *reason = "cannot check a certificate chain";
	int ret = qkdtls_chain_verify(conn->chain, &check, &reason);

	return ret ? qkdtls_fail_code(conn, ret, reason) : 0;
}

static time_t time_of(const struct qkdtls_config *config)
{
	return config->has_time ? config->time : time(NULL);
}

/* A chain that was good for this configuration, and is still in its time; known.h says why that is enough. */
static bool find_known(struct qkdtls_conn *conn, struct qkdtls_cursor list)
{
	struct qkdtls_config *config = conn->config;

	conn->chain =
		qkdtls_known_find(&config->known, qkdtls_peer_of(conn), list, time_of(config));
	return conn->chain;
}

static int check_new(struct qkdtls_conn *conn, struct qkdtls_cursor list)
{
	int ret = read_chain(conn, list);

	if (!ret)
		ret = check_chain(conn);
	if (!ret)
		qkdtls_known_add(&conn->config->known, qkdtls_peer_of(conn), list,
				 time_of(conn->config), conn->chain);
	return ret;
}

int qkdtls_certificate_recv(struct qkdtls_conn *conn, const struct qkdtls_incoming *msg)
{
	struct qkdtls_cursor body = msg->body, context, list;
	int ret;

	if (!qkdtls_get_vec8(&body, 0, UINT8_MAX, &context) ||
	    !qkdtls_get_vec24(&body, 0, QKDTLS_MESSAGE_MAX, &list) || !qkdtls_cursor_empty(&body))
		return qkdtls_fail(conn, QKDTLS_ALERT_DECODE_ERROR, "malformed Certificate");
	if (!qkdtls_cursor_empty(&context))
		return qkdtls_fail(conn, QKDTLS_ALERT_ILLEGAL_PARAMETER,
				   "certificate for another request");
	if (qkdtls_cursor_empty(&list))
		return conn->role == QKDTLS_CLIENT
			       ? qkdtls_fail(conn, QKDTLS_ALERT_DECODE_ERROR,
					     "the server sent no certificate")
			       : qkdtls_fail(conn, QKDTLS_ALERT_CERTIFICATE_REQUIRED,
					     "the client sent no certificate");
	ret = find_known(conn, list) ? 0 : check_new(conn, list);
	if (ret)
		return ret;
	ret = qkdtls_chain_subject(conn->chain, conn->info.peer, sizeof(conn->info.peer));
	return ret ? qkdtls_fail_code(conn, ret, "cannot read a certificate's subject") : 0;
}
