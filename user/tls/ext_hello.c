// SPDX-License-Identifier: GPL-2.0-or-later
/* Contents of supported_versions, server_name, signature_algorithms(_cert) and cookie */
#include <string.h>

#include "tls/internal.h"

static int malformed(struct qkdtls_conn *conn, const char *reason)
{
	return qkdtls_fail(conn, QKDTLS_ALERT_DECODE_ERROR, reason);
}

bool qkdtls_list_has(struct qkdtls_cursor list, uint16_t number)
{
	uint16_t value;

	while (qkdtls_get_u16(&list, &value))
		if (value == number)
			return true;
	return false;
}

static bool in_hello(const struct qkdtls_conn *conn, enum qkdtls_ext_place place)
{
	return place & (QKDTLS_IN_CH | QKDTLS_IN_SH | QKDTLS_IN_HRR);
}

/* ---- supported_versions ---- */

static int versions_read(struct qkdtls_conn *conn, enum qkdtls_ext_place place,
			 struct qkdtls_cursor *body)
{
	struct qkdtls_cursor list;
	uint16_t version;

	if (place == QKDTLS_IN_CH) {
		if (!qkdtls_get_vec8(body, 2, 254, &list) || qkdtls_cursor_left(&list) % 2)
			return malformed(conn, "malformed supported_versions");
		conn->hs->hello.tls13 = qkdtls_list_has(list, QKDTLS_TLS13);
		return 0;
	}
	if (!qkdtls_get_u16(body, &version))
		return malformed(conn, "malformed supported_versions");
	if (version != QKDTLS_TLS13)
		return qkdtls_fail(conn, QKDTLS_ALERT_ILLEGAL_PARAMETER,
				   "the server chose a version that was not offered");
	conn->hs->hello.tls13 = true;
	return 0;
}

static void versions_write(struct qkdtls_conn *conn, enum qkdtls_ext_place place,
			   struct qkdtls_writer *w)
{
	if (place == QKDTLS_IN_CH)
		qkdtls_put_u8(w, sizeof(uint16_t));
	qkdtls_put_u16(w, QKDTLS_TLS13);
}

const struct qkdtls_ext_ops qkdtls_ext_supported_versions = {
	.read = versions_read,
	.want = in_hello,
	.write = versions_write,
};

/* ---- server_name ---- */

#define NAME_TYPE_HOST 0

static int server_name_read(struct qkdtls_conn *conn, enum qkdtls_ext_place place,
			    struct qkdtls_cursor *body)
{
	struct qkdtls_cursor list, name;
	uint8_t type;

	if (place == QKDTLS_IN_EE)
		return 0; /* an empty acknowledgement: the table refuses more */
	/* Whom this end serves is its configuration's business; the list must be well formed all the same. */
	if (!qkdtls_get_vec16(body, 1, UINT16_MAX, &list) || !qkdtls_get_u8(&list, &type) ||
	    type != NAME_TYPE_HOST || !qkdtls_get_vec16(&list, 1, UINT16_MAX, &name) ||
	    !qkdtls_cursor_empty(&list))
		return malformed(conn, "malformed server_name");
	return 0;
}

static bool is_alnum(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

/* A DNS name (labels of letters, digits and inner hyphens) that is not an IPv4 address */
static bool is_host_name(const char *name)
{
	bool letter = false;

	for (size_t at = 0, label; name[at]; at += label) {
		if (at && name[at++] != '.')
			return false;
		label = strcspn(name + at, ".");
		if (!label || label > 63 || !is_alnum(name[at]) || !is_alnum(name[at + label - 1]))
			return false;
		for (size_t i = 0; i < label; i++) {
			if (!is_alnum(name[at + i]) && name[at + i] != '-')
				return false;
			letter |= name[at + i] > '9';
		}
	}
	return letter;
}

static bool server_name_want(const struct qkdtls_conn *conn, enum qkdtls_ext_place place)
{
	return place == QKDTLS_IN_CH && is_host_name(conn->config->peer_name);
}

static void server_name_write(struct qkdtls_conn *conn, enum qkdtls_ext_place place,
			      struct qkdtls_writer *w)
{
	const struct qkdtls_mark list = qkdtls_put_open(w, 2);
	struct qkdtls_mark name;

	qkdtls_put_u8(w, NAME_TYPE_HOST);
	name = qkdtls_put_open(w, 2);
	qkdtls_put_bytes(w, conn->config->peer_name, strlen(conn->config->peer_name));
	qkdtls_put_close(w, name);
	qkdtls_put_close(w, list);
}

const struct qkdtls_ext_ops qkdtls_ext_server_name = {
	.read = server_name_read,
	.want = server_name_want,
	.write = server_name_write,
};

/* ---- signature_algorithms ---- */

static int schemes_read(struct qkdtls_conn *conn, enum qkdtls_ext_place place,
			struct qkdtls_cursor *body)
{
	struct qkdtls_cursor *list = &conn->hs->hello.schemes;

	if (!qkdtls_get_vec16(body, 2, UINT16_MAX - 1, list) || qkdtls_cursor_left(list) % 2)
		return malformed(conn, "malformed signature_algorithms");
	return 0;
}

/* Without it a server cannot answer with a certificate, and under psk-only it must not. */
static bool schemes_want(const struct qkdtls_conn *conn, enum qkdtls_ext_place place)
{
	return conn->config->policy != QKDTLS_PSK_ONLY;
}

static void write_list(const struct qkdtls_scheme_list *schemes, struct qkdtls_writer *w)
{
	const struct qkdtls_mark list = qkdtls_put_open(w, 2);

	for (size_t i = 0; i < schemes->count; i++)
		qkdtls_put_u16(w, schemes->item[i]->number);
	qkdtls_put_close(w, list);
}

static void schemes_write(struct qkdtls_conn *conn, enum qkdtls_ext_place place,
			  struct qkdtls_writer *w)
{
	write_list(&conn->config->schemes, w);
}

const struct qkdtls_ext_ops qkdtls_ext_signature_algorithms = {
	.read = schemes_read,
	.want = schemes_want,
	.write = schemes_write,
};

/* ---- signature_algorithms_cert ---- */

/* This end has one chain: if the peer does not list how it is signed, it is sent all the same (RFC 9846 section 4.5.2). */
static int chain_schemes_read(struct qkdtls_conn *conn, enum qkdtls_ext_place place,
			      struct qkdtls_cursor *body)
{
	struct qkdtls_cursor list;

	if (!qkdtls_get_vec16(body, 2, UINT16_MAX - 1, &list) || qkdtls_cursor_left(&list) % 2)
		return malformed(conn, "malformed signature_algorithms_cert");
	return 0;
}

static bool chain_schemes_want(const struct qkdtls_conn *conn, enum qkdtls_ext_place place)
{
	return conn->config->chain_schemes.count && schemes_want(conn, place);
}

static void chain_schemes_write(struct qkdtls_conn *conn, enum qkdtls_ext_place place,
				struct qkdtls_writer *w)
{
	write_list(&conn->config->chain_schemes, w);
}

const struct qkdtls_ext_ops qkdtls_ext_signature_algorithms_cert = {
	.read = chain_schemes_read,
	.want = chain_schemes_want,
	.write = chain_schemes_write,
};

/* ---- cookie ---- */

static int cookie_read(struct qkdtls_conn *conn, enum qkdtls_ext_place place,
		       struct qkdtls_cursor *body)
{
	if (place == QKDTLS_IN_CH)
		return qkdtls_fail(conn, QKDTLS_ALERT_ILLEGAL_PARAMETER,
				   "cookie that this server never gave");
	if (!qkdtls_get_vec16(body, 1, UINT16_MAX, &conn->hs->hello.cookie))
		return malformed(conn, "malformed cookie");
	return 0;
}

static bool cookie_want(const struct qkdtls_conn *conn, enum qkdtls_ext_place place)
{
	return place == QKDTLS_IN_CH && conn->hs->cookie.len;
}

static void cookie_write(struct qkdtls_conn *conn, enum qkdtls_ext_place place,
			 struct qkdtls_writer *w)
{
	const struct qkdtls_mark mark = qkdtls_put_open(w, 2);

	qkdtls_put_bytes(w, qkdtls_buf_data(&conn->hs->cookie), conn->hs->cookie.len);
	qkdtls_put_close(w, mark);
}

const struct qkdtls_ext_ops qkdtls_ext_cookie = {
	.read = cookie_read,
	.want = cookie_want,
	.write = cookie_write,
};
