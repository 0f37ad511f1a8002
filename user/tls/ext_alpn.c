// SPDX-License-Identifier: GPL-2.0-or-later
/* Application protocols (RFC 7301): the configuration's list, the client's offer, the server's choice */
#include <errno.h>
#include <string.h>

#include "tls/internal.h"

/* ---- The configuration's list, kept as it goes over the wire: each name behind its length ---- */

static bool next_name(struct qkdtls_cursor *list, struct qkdtls_cursor *name)
{
	return qkdtls_get_vec8(list, 1, UINT8_MAX, name);
}

static bool has_name(struct qkdtls_cursor list, struct qkdtls_cursor wanted)
{
	const size_t len = qkdtls_cursor_left(&wanted);
	struct qkdtls_cursor name;

	while (next_name(&list, &name))
		if (qkdtls_cursor_left(&name) == len && !memcmp(name.pos, wanted.pos, len))
			return true;
	return false;
}

int qkdtls_alpn_parse(struct qkdtls_alpn *alpn, const char *names)
{
	struct qkdtls_writer w;
	struct qkdtls_mark mark;
	size_t len;

	qkdtls_writer_init(&w, alpn->list, sizeof(alpn->list));
	for (;; names += len + 1) {
		len = strcspn(names, ",");
		if (!len || len > UINT8_MAX ||
		    has_name(qkdtls_cursor(w.data, w.len),
			     qkdtls_cursor((const uint8_t *)names, len)))
			return -EINVAL;
		mark = qkdtls_put_open(&w, 1);
		qkdtls_put_bytes(&w, names, len);
		qkdtls_put_close(&w, mark);
		if (!qkdtls_writer_ok(&w))
			return -EINVAL;
		if (!names[len])
			break;
	}
	alpn->len = w.len;
	return 0;
}

static struct qkdtls_cursor own_names(const struct qkdtls_conn *conn)
{
	return qkdtls_cursor(conn->config->alpn.list, conn->config->alpn.len);
}

/* It is one of ours, so it came from a string: no NUL is in it. */
static void take_name(struct qkdtls_conn *conn, struct qkdtls_cursor name)
{
	const size_t len = qkdtls_cursor_left(&name);

	memcpy(conn->info.alpn, name.pos, len);
	conn->info.alpn[len] = '\0';
}

/* ---- Reading ---- */

static int malformed(struct qkdtls_conn *conn)
{
	return qkdtls_fail(conn, QKDTLS_ALERT_DECODE_ERROR,
			   "malformed application_layer_protocol_negotiation");
}

static int answer_read(struct qkdtls_conn *conn, struct qkdtls_cursor list)
{
	struct qkdtls_cursor name;

	(void)next_name(&list, &name);
	if (!qkdtls_cursor_empty(&list) || !has_name(own_names(conn), name))
		return qkdtls_fail(conn, QKDTLS_ALERT_ILLEGAL_PARAMETER,
				   "the server chose an application protocol that was not offered");
	take_name(conn, name);
	return 0;
}

static int alpn_read(struct qkdtls_conn *conn, enum qkdtls_ext_place place,
		     struct qkdtls_cursor *body)
{
	struct qkdtls_cursor list, rest, name;

	if (!qkdtls_get_vec16(body, 2, UINT16_MAX, &list))
		return malformed(conn);
	for (rest = list; !qkdtls_cursor_empty(&rest);)
		if (!next_name(&rest, &name))
			return malformed(conn);
	if (place == QKDTLS_IN_EE)
		return answer_read(conn, list);
	conn->hs->hello.protocols = list;
	return 0;
}

int qkdtls_alpn_select(struct qkdtls_conn *conn)
{
	const struct qkdtls_hello *hello = &conn->hs->hello;
	struct qkdtls_cursor list = own_names(conn), name;

	if (qkdtls_cursor_empty(&list) || !qkdtls_ext_seen(hello, QKDTLS_EXT_ALPN))
		return 0;
	while (next_name(&list, &name)) {
		if (!has_name(hello->protocols, name))
			continue;
		take_name(conn, name);
		return 0;
	}
	return qkdtls_fail(conn, QKDTLS_ALERT_NO_APPLICATION_PROTOCOL,
			   "no common application protocol");
}

/* ---- Writing ---- */

static bool alpn_want(const struct qkdtls_conn *conn, enum qkdtls_ext_place place)
{
	return (place == QKDTLS_IN_CH && conn->config->alpn.len) ||
	       (place == QKDTLS_IN_EE && conn->info.alpn[0]);
}

static void alpn_write(struct qkdtls_conn *conn, enum qkdtls_ext_place place,
		       struct qkdtls_writer *w)
{
	const struct qkdtls_mark list = qkdtls_put_open(w, 2);
	struct qkdtls_mark name;

	if (place == QKDTLS_IN_CH) {
		qkdtls_put_bytes(w, conn->config->alpn.list, conn->config->alpn.len);
	} else {
		name = qkdtls_put_open(w, 1);
		qkdtls_put_bytes(w, conn->info.alpn, strlen(conn->info.alpn));
		qkdtls_put_close(w, name);
	}
	qkdtls_put_close(w, list);
}

const struct qkdtls_ext_ops qkdtls_ext_alpn = {
	.read = alpn_read,
	.want = alpn_want,
	.write = alpn_write,
};
