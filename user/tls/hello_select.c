// SPDX-License-Identifier: GPL-2.0-or-later
/* Server: what to answer to a ClientHello that is in order. No key is touched here. */
#include <errno.h>

#include "tls/crypto_random.h"
#include "tls/internal.h"

/* Does the hello offer a PSK in the way that the policy accepts? */
static bool offers_fitting_psk(const struct qkdtls_conn *conn)
{
	const struct qkdtls_hello *hello = &conn->hs->hello;

	if (conn->config->psk_mode == QKDTLS_PSK_MODE_NONE || !conn->psk_ops ||
	    !qkdtls_ext_seen(hello, QKDTLS_EXT_PRE_SHARED_KEY) || !hello->psk_dhe_ke)
		return false;
	return conn->config->policy == QKDTLS_PSK_ONLY ||
	       qkdtls_ext_seen(hello, QKDTLS_EXT_CERT_WITH_EXTERN_PSK);
}

static bool suite_on_offer(const struct qkdtls_conn *conn, const struct qkdtls_suite *suite)
{
	return qkdtls_list_has(conn->hs->hello.suites, suite->number);
}

/* The first that both have and for which there is a PSK identity; without any such, the first both have */
static int select_suite(struct qkdtls_conn *conn)
{
	struct qkdtls_handshake *hs = conn->hs;
	const struct qkdtls_suite_list *suites = &hs->suites;
	const struct qkdtls_suite *first = NULL;

	for (size_t i = 0; i < suites->count; i++) {
		if (!suite_on_offer(conn, suites->item[i]))
			continue;
		if (!first)
			first = suites->item[i];
		if (hs->psk_tried && qkdtls_psk_match(conn, suites->item[i]->hash)) {
			first = suites->item[i];
			break;
		}
	}
	if (!first)
		return qkdtls_fail(conn, QKDTLS_ALERT_HANDSHAKE_FAILURE, "no common cipher suite");
	hs->suite = first;
	conn->info.suite = first->number;
	return 0;
}

/* Our preference decides, even if it costs a HelloRetryRequest; without a PSK only hybrid groups count. */
static int select_group(struct qkdtls_conn *conn)
{
	struct qkdtls_handshake *hs = conn->hs;
	const bool with_psk = hs->candidate_count || conn->config->policy != QKDTLS_PREFER;
	struct qkdtls_cursor share;

	for (size_t i = 0; i < hs->groups.count && !hs->group; i++)
		if (qkdtls_list_has(hs->hello.groups, hs->groups.item[i]->number) &&
		    (with_psk || hs->groups.item[i]->hybrid))
			hs->group = hs->groups.item[i];
	if (!hs->group)
		return qkdtls_fail(conn, QKDTLS_ALERT_INSUFFICIENT_SECURITY,
				   "no common key-exchange group that is good enough");
	hs->retry = !qkdtls_share_find(&hs->hello, hs->group->number, &share);
	conn->info.group = hs->group->number;
	return 0;
}

static int select_certificate(struct qkdtls_conn *conn)
{
	struct qkdtls_handshake *hs = conn->hs;

	conn->info.certificate = conn->config->policy != QKDTLS_PSK_ONLY;
	if (!conn->info.certificate)
		return 0;
	if (!qkdtls_ext_seen(&hs->hello, QKDTLS_EXT_SIGNATURE_ALGORITHMS))
		return qkdtls_fail(conn, QKDTLS_ALERT_MISSING_EXTENSION, "no signature_algorithms");
	hs->scheme = qkdtls_certificate_scheme(conn, hs->hello.schemes);
	if (!hs->scheme)
		return qkdtls_fail(conn, QKDTLS_ALERT_HANDSHAKE_FAILURE,
				   "no common signature scheme");
	return 0;
}

/* Its binder covers this hello up to the binders, and all before; so it is hashed before it is added. */
static int hash_for_binder(struct qkdtls_conn *conn)
{
	struct qkdtls_handshake *hs = conn->hs;
	int ret;

	if (!hs->psk_tried || hs->retry)
		return 0;
	ret = qkdtls_transcript_binder(&hs->transcript, hs->suite->hash,
				       qkdtls_buf_data(&hs->hello_raw),
				       hs->hello_raw.len - hs->hello.binders_len, hs->binder_hash);
	return ret ? qkdtls_fail_code(conn, ret, "cannot hash a ClientHello") : 0;
}

/* After a HelloRetryRequest suite and group stay what they were. */
static void pin_suite(struct qkdtls_handshake *hs)
{
	hs->suites.item[0] = hs->suite;
	hs->suites.count = 1;
}

int qkdtls_hello_select(struct qkdtls_conn *conn)
{
	struct qkdtls_handshake *hs = conn->hs;
	int ret;

	hs->psk_tried = offers_fitting_psk(conn);
	hs->candidate_count = 0;
	if (!hs->psk_tried && conn->config->policy != QKDTLS_PREFER)
		return qkdtls_fail(conn, QKDTLS_ALERT_INSUFFICIENT_SECURITY,
				   conn->config->policy == QKDTLS_PSK_ONLY
					   ? "the client offers no PSK"
					   : "the client offers no PSK beside a certificate");
	if (hs->retry)
		pin_suite(hs);
	ret = select_suite(conn);
	if (!ret)
		ret = select_group(conn);
	if (!ret)
		ret = select_certificate(conn);
	if (!ret)
		ret = qkdtls_alpn_select(conn);
	return ret ? ret : hash_for_binder(conn);
}

/* Before any key is looked up: a share that is no good must not cost one. */
int qkdtls_kex_accept(struct qkdtls_conn *conn)
{
	struct qkdtls_handshake *hs = conn->hs;
	struct qkdtls_cursor share;
	int ret = -EINVAL;

	if (qkdtls_share_find(&hs->hello, hs->group->number, &share))
		ret = qkdtls_kex_respond(hs->group, share.pos, qkdtls_cursor_left(&share),
					 hs->share, hs->kex_secret);
	return ret ? qkdtls_fail_code(conn, ret, "bad key share") : 0;
}
