// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SOURCES: tls/hello_select.c tls/ext_share.c tls/buf.c stand_engine.c stand_conn.c stand_crypto.c stand_ext.c stand_list.c
 * UNWIND: 17
 * BOUND: key shares of up to 40 bytes, which may be 8, in a hello of up to 96
 * VARIANTS: choose take_share
 */
#include "prove.h"

bool qkdtls_psk_match(struct qkdtls_conn *conn, enum qkdtls_hash hash)
{
	struct qkdtls_handshake *hs = conn->hs;

	check(sound(&hs->hello.identities) && sound(&hs->hello.binders), "the offer is sound");
	hs->candidate_count = nondet_bool() ? 0 : 1;
	return hs->candidate_count;
}

const struct qkdtls_scheme *qkdtls_certificate_scheme(const struct qkdtls_conn *conn,
						      struct qkdtls_cursor peer_schemes)
{
	check(sound(&peer_schemes), "schemes are a sound cursor");
	return nondet_bool() ? NULL : conn->config->schemes.item[0];
}

int qkdtls_alpn_select(struct qkdtls_conn *conn)
{
	check(sound(&conn->hs->hello.protocols), "protocols are a sound cursor");
	return nondet_bool() ? 0 : QKDTLS_ERROR;
}

static void choose(struct qkdtls_conn *conn)
{
	struct qkdtls_handshake *hs = conn->hs;
	const struct qkdtls_cursor raw = any_input(96);

	/* What ext_read() and the parser of ClientHello leave behind */
	hs->hello_raw.len = qkdtls_cursor_left(&raw);
	hs->hello_raw.data = (uint8_t *)raw.pos;
	hs->hello.binders_len = nondet_size();
	assume(hs->hello_raw.len && hs->hello.binders_len <= hs->hello_raw.len);
	hs->hello.psk_dhe_ke = nondet_bool();
	if (nondet_bool())
		hs->group = NULL;
	if (qkdtls_hello_select(conn))
		return;
	check(hs->suite && hs->group, "suite and group are chosen");
	REACHED(hs->retry, "a hello is answered by a retry");
	REACHED(hs->psk_tried && !hs->retry, "a hello with a PSK is taken");
}

/* Shares are looked up by the group that was chosen. */
static void take_share(struct qkdtls_conn *conn)
{
	REACHED(!qkdtls_kex_accept(conn), "a share is taken");
}

void harness(void)
{
	struct qkdtls_conn *conn = any_conn();

	conn->hs->hello.shares = any_input(40);
	VARIANT(conn);
}
