// SPDX-License-Identifier: GPL-2.0-or-later
/* HelloRetryRequest, and what the second ClientHello owes to the first (RFC 9846 section 4.2.2) */
#include <string.h>

#include "tls/internal.h"

#define REORDERED_MAX 64

/* SHA-256 of "HelloRetryRequest" */
static const uint8_t retry_random[QKDTLS_RANDOM_LEN] = {
	0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c,
	0x02, 0x1e, 0x65, 0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb,
	0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
};

bool qkdtls_hello_is_retry(const uint8_t *random)
{
	return !memcmp(random, retry_random, sizeof(retry_random));
}

static int forget_first_hello(struct qkdtls_conn *conn)
{
	const int ret = qkdtls_transcript_retry(&conn->hs->transcript, conn->hs->suite->hash);

	if (ret)
		return qkdtls_fail_code(conn, ret, "cannot restart the transcript");
	conn->info.retried = true;
	return 0;
}

/* ---- Server ---- */

int qkdtls_hello_retry_send(struct qkdtls_conn *conn)
{
	int ret = forget_first_hello(conn);

	if (!ret)
		ret = qkdtls_server_hello_write(conn, QKDTLS_IN_HRR, retry_random);
	return ret ? ret : qkdtls_message_flush(conn);
}

/* May it differ? */
static bool changes(uint16_t type)
{
	switch (type) {
	case QKDTLS_EXT_KEY_SHARE:
	case QKDTLS_EXT_PRE_SHARED_KEY:
	case QKDTLS_EXT_EARLY_DATA:
	case QKDTLS_EXT_COOKIE:
	case QKDTLS_EXT_PADDING:
		return true;
	default:
		return false;
	}
}

static bool next_constant(struct qkdtls_cursor *list, uint16_t *type, struct qkdtls_cursor *body)
{
	while (qkdtls_get_u16(list, type) && qkdtls_get_vec16(list, 0, UINT16_MAX, body))
		if (!changes(*type))
			return true;
	return false;
}

static bool same(const struct qkdtls_cursor *a, const struct qkdtls_cursor *b)
{
	const size_t len = qkdtls_cursor_left(a);

	return len == qkdtls_cursor_left(b) && (!len || !memcmp(a->pos, b->pos, len));
}

static bool has_extension(struct qkdtls_cursor list, uint16_t wanted,
			  const struct qkdtls_cursor *body)
{
	struct qkdtls_cursor other;
	uint16_t type;

	while (next_constant(&list, &type, &other))
		if (type == wanted)
			return same(body, &other);
	return false;
}

/*
 * The order says nothing (RFC 9846 section 4.3), and wolfSSL changes it. No type is there twice, so as many, each
 * found in the other, are the same. Real hellos have some twenty: the bound is on what a hostile one costs.
 */
static bool same_extensions(struct qkdtls_cursor a, struct qkdtls_cursor b)
{
	const struct qkdtls_cursor all_b = b;
	struct qkdtls_cursor body_a, body_b;
	unsigned int count = 0;
	uint16_t type_a, type_b;
	bool in_order = true;

	while (next_constant(&a, &type_a, &body_a)) {
		if (!next_constant(&b, &type_b, &body_b))
			return false;
		in_order = in_order && type_a == type_b && same(&body_a, &body_b);
		if (!in_order &&
		    (++count > REORDERED_MAX || !has_extension(all_b, type_a, &body_a)))
			return false;
	}
	return !next_constant(&b, &type_b, &body_b);
}

/* Those left are those of before, in the same order. */
static bool keeps_identities(struct qkdtls_cursor before, struct qkdtls_cursor after)
{
	struct qkdtls_cursor a, b;

	while (qkdtls_identity_next(&after, &b)) {
		do {
			if (!qkdtls_identity_next(&before, &a))
				return false;
		} while (!same(&a, &b));
	}
	return true;
}

static bool has_only_the_share(const struct qkdtls_handshake *hs, const struct qkdtls_hello *hello)
{
	struct qkdtls_cursor list = hello->shares, share;
	uint16_t group;

	return qkdtls_get_u16(&list, &group) && group == hs->group->number &&
	       qkdtls_get_vec16(&list, 1, UINT16_MAX, &share) && qkdtls_cursor_empty(&list);
}

int qkdtls_hello_compare(struct qkdtls_conn *conn, const struct qkdtls_hello *first,
			 const struct qkdtls_hello *second)
{
	if (memcmp(first->random, second->random, QKDTLS_RANDOM_LEN) ||
	    !same(&first->session_id, &second->session_id) ||
	    !same(&first->suites, &second->suites) ||
	    !same_extensions(first->extensions, second->extensions))
		return qkdtls_fail(conn, QKDTLS_ALERT_ILLEGAL_PARAMETER,
				   "the second ClientHello differs from the first");
	/* It may go: a client drops the PSKs that do not fit the suite (RFC 9846 section 4.2.2). */
	if ((qkdtls_ext_seen(second, QKDTLS_EXT_PRE_SHARED_KEY) &&
	     !qkdtls_ext_seen(first, QKDTLS_EXT_PRE_SHARED_KEY)) ||
	    !keeps_identities(first->identities, second->identities))
		return qkdtls_fail(conn, QKDTLS_ALERT_ILLEGAL_PARAMETER,
				   "the second ClientHello offers other PSKs");
	if (!has_only_the_share(conn->hs, second))
		return qkdtls_fail(conn, QKDTLS_ALERT_ILLEGAL_PARAMETER,
				   "the second ClientHello has not the key share asked for");
	return 0;
}

/* ---- Client ---- */

static int take_group(struct qkdtls_conn *conn)
{
	struct qkdtls_handshake *hs = conn->hs;
	const struct qkdtls_group *group;

	if (!qkdtls_ext_seen(&hs->hello, QKDTLS_EXT_KEY_SHARE)) {
		if (qkdtls_ext_seen(&hs->hello, QKDTLS_EXT_COOKIE))
			return 0;
		return qkdtls_fail(conn, QKDTLS_ALERT_ILLEGAL_PARAMETER,
				   "HelloRetryRequest that changes nothing");
	}
	group = qkdtls_group_list_find(&hs->groups, hs->hello.share_group);
	if (!group || group == hs->group)
		return qkdtls_fail(conn, QKDTLS_ALERT_ILLEGAL_PARAMETER,
				   "HelloRetryRequest for a group not offered or already sent");
	hs->group = group;
	return 0;
}

static int take_cookie(struct qkdtls_conn *conn)
{
	const struct qkdtls_cursor *cookie = &conn->hs->hello.cookie;

	if (!qkdtls_ext_seen(&conn->hs->hello, QKDTLS_EXT_COOKIE))
		return 0;
	if (qkdtls_buf_add(&conn->hs->cookie, cookie->pos, qkdtls_cursor_left(cookie)))
		return qkdtls_fail(conn, QKDTLS_ALERT_HANDSHAKE_FAILURE, "cookie too long");
	return 0;
}

int qkdtls_hello_retry_recv(struct qkdtls_conn *conn, const struct qkdtls_incoming *msg)
{
	struct qkdtls_handshake *hs = conn->hs;
	int ret = qkdtls_server_hello_read(conn, QKDTLS_IN_HRR, msg->body);

	if (!ret)
		ret = take_group(conn);
	if (!ret)
		ret = take_cookie(conn);
	if (ret)
		return ret;
	hs->suite = qkdtls_suite_list_find(&hs->suites, hs->hello.suite);
	if (hs->offer_count) {
		qkdtls_psk_keep_hash(conn, hs->suite->hash);
		if (!hs->offer_count)
			return qkdtls_fail(conn, QKDTLS_ALERT_HANDSHAKE_FAILURE,
					   "HelloRetryRequest with a suite that fits no PSK");
	}
	return forget_first_hello(conn);
}
