// SPDX-License-Identifier: GPL-2.0-or-later
/* ServerHello, and the form that it shares with HelloRetryRequest */
#include <errno.h>
#include <string.h>

#include "tls/crypto_random.h"
#include "tls/internal.h"

int qkdtls_server_hello_write(struct qkdtls_conn *conn, enum qkdtls_ext_place place,
			      const uint8_t random[QKDTLS_RANDOM_LEN])
{
	const struct qkdtls_handshake *hs = conn->hs;
	struct qkdtls_mark message, session_id;
	struct qkdtls_writer w;
	int ret;

	message = qkdtls_message_begin(conn, &w, QKDTLS_MSG_SERVER_HELLO);
	qkdtls_put_u16(&w, QKDTLS_LEGACY_VERSION);
	qkdtls_put_bytes(&w, random, QKDTLS_RANDOM_LEN);
	session_id = qkdtls_put_open(&w, 1);
	qkdtls_put_bytes(&w, hs->session_id, hs->session_id_len);
	qkdtls_put_close(&w, session_id);
	qkdtls_put_u16(&w, hs->suite->number);
	qkdtls_put_u8(&w, 0);
	qkdtls_ext_write(conn, place, &w);
	ret = qkdtls_message_end(conn, &w, message);
	if (!ret)
		ret = qkdtls_message_send(conn, &w);
	/* Middleboxes see it right behind the server's first message. */
	return ret ? ret : qkdtls_message_ccs(conn);
}

/* Key and share have been found; all that is still to be answered is in these two. */
static void forget_client_hello(struct qkdtls_handshake *hs)
{
	hs->hello = (struct qkdtls_hello){
		.seen = hs->hello.seen,
		.record_limit = hs->hello.record_limit,
	};
	hs->candidate_count = 0;
	qkdtls_buf_free(&hs->hello_raw);
}

int qkdtls_server_hello_send(struct qkdtls_conn *conn)
{
	struct qkdtls_handshake *hs = conn->hs;

	forget_client_hello(hs);
	if (qkdtls_random(hs->random, sizeof(hs->random)))
		return qkdtls_fail_code(conn, -EIO, "no randomness");
	conn->reader.allow_plain_alert = true;
	return qkdtls_server_hello_write(conn, QKDTLS_IN_SH, hs->random);
}

/* A server that chose an older version: RFC 9846 section 4.2.3 marks what an attacker may have done. */
static int refuse_version(struct qkdtls_conn *conn)
{
	static const uint8_t downgrade[] = { 'D', 'O', 'W', 'N', 'G', 'R', 'D' };
	const uint8_t *mark = conn->hs->hello.random + QKDTLS_RANDOM_LEN - sizeof(downgrade) - 1;

	if (!memcmp(mark, downgrade, sizeof(downgrade)) && mark[sizeof(downgrade)] <= 1)
		return qkdtls_fail(conn, QKDTLS_ALERT_ILLEGAL_PARAMETER,
				   "downgraded to an older version");
	return qkdtls_fail(conn, QKDTLS_ALERT_PROTOCOL_VERSION, "the server lacks TLS 1.3");
}

static bool echoes_session_id(const struct qkdtls_handshake *hs)
{
	const struct qkdtls_cursor *echo = &hs->hello.session_id;

	return qkdtls_cursor_left(echo) == hs->session_id_len &&
	       (!hs->session_id_len || !memcmp(echo->pos, hs->session_id, hs->session_id_len));
}

int qkdtls_server_hello_read(struct qkdtls_conn *conn, enum qkdtls_ext_place place,
			     struct qkdtls_cursor body)
{
	struct qkdtls_hello *hello = &conn->hs->hello;
	uint16_t version;
	uint8_t compression;
	int ret = 0;

	memset(hello, 0, sizeof(*hello));
	if (!qkdtls_get_u16(&body, &version) ||
	    !qkdtls_get_bytes(&body, QKDTLS_RANDOM_LEN, &hello->random) ||
	    !qkdtls_get_vec8(&body, 0, QKDTLS_SESSION_ID_LEN, &hello->session_id) ||
	    !qkdtls_get_u16(&body, &hello->suite) || !qkdtls_get_u8(&body, &compression))
		return qkdtls_fail(conn, QKDTLS_ALERT_DECODE_ERROR, "malformed ServerHello");
	if (!qkdtls_cursor_empty(&body))
		ret = qkdtls_ext_read(conn, place, &body);
	if (ret)
		return ret;
	if (!qkdtls_cursor_empty(&body))
		return qkdtls_fail(conn, QKDTLS_ALERT_DECODE_ERROR,
				   "bytes behind the end of ServerHello");
	if (!hello->tls13)
		return refuse_version(conn);
	if (version != QKDTLS_LEGACY_VERSION)
		return qkdtls_fail(conn, QKDTLS_ALERT_PROTOCOL_VERSION, "wrong legacy_version");
	if (!echoes_session_id(conn->hs))
		return qkdtls_fail(conn, QKDTLS_ALERT_ILLEGAL_PARAMETER, "wrong session ID echo");
	if (compression)
		return qkdtls_fail(conn, QKDTLS_ALERT_ILLEGAL_PARAMETER, "compression chosen");
	if (!qkdtls_suite_list_find(&conn->hs->suites, hello->suite))
		return qkdtls_fail(conn, QKDTLS_ALERT_ILLEGAL_PARAMETER,
				   "cipher suite that was not offered");
	return 0;
}

/* The key share and what it must agree with */
static int check_share(struct qkdtls_conn *conn, bool psk, bool both)
{
	const struct qkdtls_hello *hello = &conn->hs->hello;

	if (both && !psk)
		return qkdtls_fail(conn, QKDTLS_ALERT_ILLEGAL_PARAMETER,
				   "tls_cert_with_extern_psk without pre_shared_key");
	if (!qkdtls_ext_seen(hello, QKDTLS_EXT_KEY_SHARE))
		return qkdtls_fail(
			conn, psk ? QKDTLS_ALERT_ILLEGAL_PARAMETER : QKDTLS_ALERT_MISSING_EXTENSION,
			"no key share");
	if (hello->share_group != conn->hs->group->number)
		return qkdtls_fail(conn, QKDTLS_ALERT_ILLEGAL_PARAMETER,
				   "key share of another group");
	return 0;
}

static int check_psk(struct qkdtls_conn *conn)
{
	const struct qkdtls_handshake *hs = conn->hs;
	const size_t index = hs->hello.selected_identity;

	if (index >= hs->offer_count)
		return qkdtls_fail(conn, QKDTLS_ALERT_ILLEGAL_PARAMETER,
				   "PSK identity that was not offered");
	if (qkdtls_schedule_hash(hs->offers[index].schedule) != hs->suite->hash)
		return qkdtls_fail(conn, QKDTLS_ALERT_ILLEGAL_PARAMETER,
				   "cipher suite of another hash than the PSK's");
	return 0;
}

/* What the server made of the offer, against what the policy asks for */
static int check_policy(struct qkdtls_conn *conn, bool psk, bool both)
{
	const enum qkdtls_policy policy = conn->config->policy;

	if (!psk && policy != QKDTLS_PREFER)
		return qkdtls_fail(conn, QKDTLS_ALERT_HANDSHAKE_FAILURE,
				   "the server dropped the PSK: downgrade refused");
	if (psk && !both && policy != QKDTLS_PSK_ONLY)
		return qkdtls_fail(conn, QKDTLS_ALERT_HANDSHAKE_FAILURE,
				   "the server dropped its certificate: downgrade refused");
	if (!psk && !conn->hs->group->hybrid)
		return qkdtls_fail(conn, QKDTLS_ALERT_HANDSHAKE_FAILURE,
				   "neither a PSK nor a hybrid group: downgrade refused");
	return 0;
}

static int take_choice(struct qkdtls_conn *conn, bool psk)
{
	struct qkdtls_handshake *hs = conn->hs;
	int ret;

	ret = qkdtls_kex_finish(hs->kex, hs->hello.share.pos, qkdtls_cursor_left(&hs->hello.share),
				hs->kex_secret);
	if (ret)
		return qkdtls_fail_code(conn, ret, "key exchange failed");
	conn->info.psk = psk;
	conn->info.imported = psk && conn->config->psk_mode == QKDTLS_PSK_MODE_IMPORTED;
	conn->info.certificate = conn->config->policy != QKDTLS_PSK_ONLY;
	return qkdtls_psk_chosen(conn, !psk, hs->hello.selected_identity);
}

int qkdtls_server_hello_recv(struct qkdtls_conn *conn, const struct qkdtls_incoming *msg)
{
	struct qkdtls_handshake *hs = conn->hs;
	bool psk, both;
	int ret = qkdtls_server_hello_read(conn, QKDTLS_IN_SH, msg->body);

	if (ret)
		return ret;
	if (hs->suite && hs->suite->number != hs->hello.suite)
		return qkdtls_fail(conn, QKDTLS_ALERT_ILLEGAL_PARAMETER,
				   "cipher suite of HelloRetryRequest changed");
	hs->suite = qkdtls_suite_list_find(&hs->suites, hs->hello.suite);
	psk = qkdtls_ext_seen(&hs->hello, QKDTLS_EXT_PRE_SHARED_KEY);
	both = qkdtls_ext_seen(&hs->hello, QKDTLS_EXT_CERT_WITH_EXTERN_PSK);
	ret = check_share(conn, psk, both);
	if (!ret && psk)
		ret = check_psk(conn);
	if (!ret)
		ret = check_policy(conn, psk, both);
	return ret ? ret : take_choice(conn, psk);
}
