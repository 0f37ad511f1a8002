// SPDX-License-Identifier: GPL-2.0-or-later
/* Contents of supported_groups and key_share */
#include "tls/internal.h"

/* ---- supported_groups ---- */

static int groups_read(struct qkdtls_conn *conn, enum qkdtls_ext_place place,
		       struct qkdtls_cursor *body)
{
	struct qkdtls_cursor list;

	if (!qkdtls_get_vec16(body, 2, UINT16_MAX - 1, &list) || qkdtls_cursor_left(&list) % 2)
		return qkdtls_fail(conn, QKDTLS_ALERT_DECODE_ERROR, "malformed supported_groups");
	/* In EncryptedExtensions it is a hint for later connections, of no use here. */
	if (place == QKDTLS_IN_CH)
		conn->hs->hello.groups = list;
	return 0;
}

static bool groups_want(const struct qkdtls_conn *conn, enum qkdtls_ext_place place)
{
	return place == QKDTLS_IN_CH;
}

static void groups_write(struct qkdtls_conn *conn, enum qkdtls_ext_place place,
			 struct qkdtls_writer *w)
{
	const struct qkdtls_group_list *groups = &conn->hs->groups;
	const struct qkdtls_mark list = qkdtls_put_open(w, 2);

	for (size_t i = 0; i < groups->count; i++)
		qkdtls_put_u16(w, groups->item[i]->number);
	qkdtls_put_close(w, list);
}

const struct qkdtls_ext_ops qkdtls_ext_supported_groups = {
	.read = groups_read,
	.want = groups_want,
	.write = groups_write,
};

/* ---- key_share ---- */

static bool share_next(struct qkdtls_cursor *list, uint16_t *group, struct qkdtls_cursor *share)
{
	return qkdtls_get_u16(list, group) && qkdtls_get_vec16(list, 1, UINT16_MAX, share);
}

bool qkdtls_share_find(const struct qkdtls_hello *hello, uint16_t group,
		       struct qkdtls_cursor *share)
{
	struct qkdtls_cursor list = hello->shares;
	uint16_t number;

	while (share_next(&list, &number, share))
		if (number == group)
			return true;
	return false;
}

/* What supported_groups says to it is checked when the whole hello has been read. */
static int client_shares_read(struct qkdtls_conn *conn, struct qkdtls_cursor *body)
{
	struct qkdtls_cursor list, share;
	struct qkdtls_u16_set groups;
	uint16_t group;

	if (!qkdtls_get_vec16(body, 0, UINT16_MAX, &list))
		return qkdtls_fail(conn, QKDTLS_ALERT_DECODE_ERROR, "malformed key_share");
	conn->hs->hello.shares = list;
	qkdtls_u16_set_init(&groups);
	while (!qkdtls_cursor_empty(&list)) {
		if (!share_next(&list, &group, &share))
			return qkdtls_fail(conn, QKDTLS_ALERT_DECODE_ERROR, "malformed key_share");
		if (!qkdtls_u16_set_add(&groups, group))
			return qkdtls_fail(conn, QKDTLS_ALERT_ILLEGAL_PARAMETER,
					   "two key shares of one group");
	}
	return 0;
}

static int key_share_read(struct qkdtls_conn *conn, enum qkdtls_ext_place place,
			  struct qkdtls_cursor *body)
{
	struct qkdtls_hello *hello = &conn->hs->hello;

	if (place == QKDTLS_IN_CH)
		return client_shares_read(conn, body);
	if (!qkdtls_get_u16(body, &hello->share_group) ||
	    (place == QKDTLS_IN_SH && !qkdtls_get_vec16(body, 1, UINT16_MAX, &hello->share)))
		return qkdtls_fail(conn, QKDTLS_ALERT_DECODE_ERROR, "malformed key_share");
	return 0;
}

static bool key_share_want(const struct qkdtls_conn *conn, enum qkdtls_ext_place place)
{
	return true;
}

static void key_share_write(struct qkdtls_conn *conn, enum qkdtls_ext_place place,
			    struct qkdtls_writer *w)
{
	const struct qkdtls_handshake *hs = conn->hs;
	const bool client = place == QKDTLS_IN_CH;
	struct qkdtls_mark list = { 0 }, share;

	if (client)
		list = qkdtls_put_open(w, 2);
	qkdtls_put_u16(w, hs->group->number);
	if (place != QKDTLS_IN_HRR) {
		share = qkdtls_put_open(w, 2);
		qkdtls_put_bytes(w, hs->share,
				 client ? hs->group->client_share : hs->group->server_share);
		qkdtls_put_close(w, share);
	}
	if (client)
		qkdtls_put_close(w, list);
}

const struct qkdtls_ext_ops qkdtls_ext_key_share = {
	.read = key_share_read,
	.want = key_share_want,
	.write = key_share_write,
};
