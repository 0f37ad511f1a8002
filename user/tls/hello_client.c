// SPDX-License-Identifier: GPL-2.0-or-later
/* ClientHello: writing, reading, and what each alone must hold (RFC 9846 section 4.2.2) */
#include <errno.h>
#include <string.h>

#include "tls/crypto_random.h"
#include "tls/internal.h"

#define MESSAGE_HEADER_LEN 4
#define FIRST_RECORD	   0x0301

/* ---- Writing ---- */

static int hello_start(struct qkdtls_conn *conn)
{
	struct qkdtls_handshake *hs = conn->hs;
	uint8_t both[QKDTLS_RANDOM_LEN +
		     QKDTLS_SESSION_ID_LEN]; /* a call costs more than its bytes */

	hs->group = hs->groups.item[0];
	hs->session_id_len = sizeof(hs->session_id);
	if (qkdtls_random(both, sizeof(both)))
		return qkdtls_fail_code(conn, -EIO, "no randomness");
	memcpy(hs->random, both, sizeof(hs->random));
	memcpy(hs->session_id, both + sizeof(hs->random), sizeof(hs->session_id));
	memcpy(hs->client_random, hs->random, sizeof(hs->client_random));
	return 0;
}

static int hello_share(struct qkdtls_conn *conn)
{
	struct qkdtls_handshake *hs = conn->hs;
	int ret;

	if (hs->kex && qkdtls_kex_group(hs->kex) == hs->group)
		return 0;
	qkdtls_kex_free(hs->kex);
	hs->kex = NULL;
	ret = qkdtls_kex_new(&hs->kex, hs->group);
	if (!ret)
		ret = qkdtls_kex_share(hs->kex, hs->share);
	return ret ? qkdtls_fail_code(conn, ret, "cannot make a key share") : 0;
}

static int hello_write(struct qkdtls_conn *conn, struct qkdtls_writer *w)
{
	const struct qkdtls_handshake *hs = conn->hs;
	const struct qkdtls_mark message = qkdtls_message_begin(conn, w, QKDTLS_MSG_CLIENT_HELLO);
	struct qkdtls_mark list;

	qkdtls_put_u16(w, QKDTLS_LEGACY_VERSION);
	qkdtls_put_bytes(w, hs->random, sizeof(hs->random));
	list = qkdtls_put_open(w, 1);
	qkdtls_put_bytes(w, hs->session_id, hs->session_id_len);
	qkdtls_put_close(w, list);
	list = qkdtls_put_open(w, 2);
	for (size_t i = 0; i < hs->suites.count; i++)
		qkdtls_put_u16(w, hs->suites.item[i]->number);
	qkdtls_put_close(w, list);
	qkdtls_put_u8(w, 1); /* one compression method: none */
	qkdtls_put_u8(w, 0);
	qkdtls_ext_write(conn, QKDTLS_IN_CH, w);
	return qkdtls_message_end(conn, w, message);
}

/* The first and, after a HelloRetryRequest, the second */
int qkdtls_client_hello_send(struct qkdtls_conn *conn)
{
	const bool first = conn->state == QKDTLS_C_HELLO;
	struct qkdtls_writer w;
	int ret = first ? hello_start(conn) : qkdtls_message_ccs(conn);

	if (!ret)
		ret = hello_share(conn);
	if (!ret)
		ret = hello_write(conn, &w);
	if (!ret && conn->hs->offer_count)
		ret = qkdtls_psk_write_binders(conn, &w);
	if (!ret)
		ret = qkdtls_message_send(conn, &w);
	if (ret)
		return ret;
	conn->writer.version = first ? FIRST_RECORD : QKDTLS_LEGACY_VERSION;
	ret = qkdtls_message_flush(conn);
	conn->writer.version = QKDTLS_LEGACY_VERSION;
	conn->reader.allow_ccs = true;
	return ret;
}

/* ---- Reading ---- */

struct hello_legacy {
	uint16_t version;
	struct qkdtls_cursor compression;
};

static int hello_parse(struct qkdtls_conn *conn, struct hello_legacy *legacy)
{
	struct qkdtls_hello *hello = &conn->hs->hello;
	struct qkdtls_cursor c =
		qkdtls_cursor(qkdtls_buf_data(&conn->hs->hello_raw), conn->hs->hello_raw.len);
	const uint8_t *header;
	int ret;

	memset(hello, 0, sizeof(*hello));
	if (!qkdtls_get_bytes(&c, MESSAGE_HEADER_LEN, &header) ||
	    !qkdtls_get_u16(&c, &legacy->version) ||
	    !qkdtls_get_bytes(&c, QKDTLS_RANDOM_LEN, &hello->random) ||
	    !qkdtls_get_vec8(&c, 0, QKDTLS_SESSION_ID_LEN, &hello->session_id) ||
	    !qkdtls_get_vec16(&c, 2, UINT16_MAX - 1, &hello->suites) ||
	    qkdtls_cursor_left(&hello->suites) % 2 ||
	    !qkdtls_get_vec8(&c, 1, UINT8_MAX, &legacy->compression))
		return qkdtls_fail(conn, QKDTLS_ALERT_DECODE_ERROR, "malformed ClientHello");
	if (qkdtls_cursor_empty(&c))
		return 0; /* as before TLS 1.2 had extensions */
	ret = qkdtls_ext_read(conn, QKDTLS_IN_CH, &c);
	if (!ret && !qkdtls_cursor_empty(&c))
		ret = qkdtls_fail(conn, QKDTLS_ALERT_DECODE_ERROR,
				  "bytes behind the end of ClientHello");
	return ret;
}

static int hello_check_legacy(struct qkdtls_conn *conn, const struct hello_legacy *legacy)
{
	if (!conn->hs->hello.tls13)
		return qkdtls_fail(conn, QKDTLS_ALERT_PROTOCOL_VERSION, "no TLS 1.3 on offer");
	if (legacy->version != QKDTLS_LEGACY_VERSION)
		return qkdtls_fail(conn, QKDTLS_ALERT_PROTOCOL_VERSION, "wrong legacy_version");
	if (qkdtls_cursor_left(&legacy->compression) != 1 || *legacy->compression.pos)
		return qkdtls_fail(conn, QKDTLS_ALERT_ILLEGAL_PARAMETER, "compression on offer");
	return 0;
}

/* Extensions that need each other (RFC 9846 section 9.2; RFC 9973 sections 4 and 5) */
static int hello_check_together(struct qkdtls_conn *conn)
{
	const struct qkdtls_hello *hello = &conn->hs->hello;
	const bool psk = qkdtls_ext_seen(hello, QKDTLS_EXT_PRE_SHARED_KEY);
	const bool both = qkdtls_ext_seen(hello, QKDTLS_EXT_CERT_WITH_EXTERN_PSK);

	/* Nobody is served without key exchange, so these two are always needed. */
	if (!qkdtls_ext_seen(hello, QKDTLS_EXT_KEY_SHARE) ||
	    !qkdtls_ext_seen(hello, QKDTLS_EXT_SUPPORTED_GROUPS))
		return qkdtls_fail(conn, QKDTLS_ALERT_MISSING_EXTENSION,
				   "no key_share or no supported_groups");
	if ((both || !psk) && !qkdtls_ext_seen(hello, QKDTLS_EXT_SIGNATURE_ALGORITHMS))
		return qkdtls_fail(conn, QKDTLS_ALERT_MISSING_EXTENSION, "no signature_algorithms");
	if (both && !psk)
		return qkdtls_fail(conn, QKDTLS_ALERT_MISSING_EXTENSION, "no pre_shared_key");
	if (psk && !qkdtls_ext_seen(hello, QKDTLS_EXT_PSK_KEY_EXCHANGE_MODES))
		return qkdtls_fail(conn, QKDTLS_ALERT_MISSING_EXTENSION,
				   "no psk_key_exchange_modes");
	if (both && !hello->psk_dhe_ke)
		return qkdtls_fail(conn, QKDTLS_ALERT_ILLEGAL_PARAMETER,
				   "a PSK with certificate but without key exchange");
	return 0;
}

static int hello_check_early_data(struct qkdtls_conn *conn)
{
	const struct qkdtls_hello *hello = &conn->hs->hello;

	if (!qkdtls_ext_seen(hello, QKDTLS_EXT_EARLY_DATA))
		return 0;
	if (qkdtls_ext_seen(hello, QKDTLS_EXT_CERT_WITH_EXTERN_PSK) ||
	    !qkdtls_ext_seen(hello, QKDTLS_EXT_PRE_SHARED_KEY) || conn->hs->retry)
		return qkdtls_fail(conn, QKDTLS_ALERT_ILLEGAL_PARAMETER, "misplaced early_data");
	/* No ticket or key of this server's ever allowed it. */
	return qkdtls_fail(conn, QKDTLS_ALERT_HANDSHAKE_FAILURE, "early data on offer");
}

static int hello_check_shares(struct qkdtls_conn *conn)
{
	const struct qkdtls_hello *hello = &conn->hs->hello;
	struct qkdtls_cursor groups = hello->groups, shares = hello->shares, share;
	struct qkdtls_u16_set supported;
	uint16_t group;

	qkdtls_u16_set_init(&supported);
	while (qkdtls_get_u16(&groups, &group))
		if (!qkdtls_u16_set_add(&supported, group))
			return qkdtls_fail(conn, QKDTLS_ALERT_ILLEGAL_PARAMETER,
					   "supported_groups names a group twice");
	while (qkdtls_get_u16(&shares, &group) && qkdtls_get_vec16(&shares, 1, UINT16_MAX, &share))
		if (!qkdtls_u16_set_has(&supported, group))
			return qkdtls_fail(conn, QKDTLS_ALERT_ILLEGAL_PARAMETER,
					   "key share of a group that is not supported");
	return 0;
}

static int hello_read(struct qkdtls_conn *conn, const struct qkdtls_incoming *msg)
{
	struct hello_legacy legacy;
	int ret;

	/* Kept: the cursors into it are needed until a key has been found. */
	ret = qkdtls_buf_add(&conn->hs->hello_raw, msg->raw, msg->raw_len);
	if (ret)
		return qkdtls_fail_code(conn, ret, "no room for a ClientHello");
	ret = hello_parse(conn, &legacy);
	if (!ret)
		ret = hello_check_legacy(conn, &legacy);
	if (!ret)
		ret = hello_check_early_data(conn);
	if (!ret)
		ret = hello_check_together(conn);
	if (!ret)
		ret = hello_check_shares(conn);
	return ret;
}

int qkdtls_client_hello_recv(struct qkdtls_conn *conn, const struct qkdtls_incoming *msg)
{
	struct qkdtls_handshake *hs = conn->hs;
	int ret = hello_read(conn, msg);

	if (ret)
		return ret;
	memcpy(hs->client_random, hs->hello.random, sizeof(hs->client_random));
	hs->session_id_len = qkdtls_cursor_left(&hs->hello.session_id);
	if (hs->session_id_len)
		memcpy(hs->session_id, hs->hello.session_id.pos, hs->session_id_len);
	conn->reader.allow_ccs = true;
	return qkdtls_hello_select(conn);
}

int qkdtls_second_hello_recv(struct qkdtls_conn *conn, const struct qkdtls_incoming *msg)
{
	struct qkdtls_handshake *hs = conn->hs;
	int ret;

	hs->first = hs->hello;
	hs->first_raw = hs->hello_raw;
	qkdtls_buf_init(&hs->hello_raw, hs->first_raw.limit);
	ret = hello_read(conn, msg);
	if (!ret)
		ret = qkdtls_hello_compare(conn, &hs->first, &hs->hello);
	qkdtls_buf_free(&hs->first_raw);
	return ret ? ret : qkdtls_hello_select(conn);
}
