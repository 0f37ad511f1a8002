// SPDX-License-Identifier: GPL-2.0-or-later
/* CertificateVerify, of both sides (RFC 9846 section 4.5.3) */
#include <errno.h>
#include <string.h>

#include "tls/internal.h"

#define PADDING_LEN 64
#define CONTEXT_LEN 33

struct signed_content {
	uint8_t bytes[PADDING_LEN + CONTEXT_LEN + 1 + QKDTLS_HASH_MAX];
	size_t len;
};

static int make_content(struct qkdtls_conn *conn, enum qkdtls_role signer,
			struct signed_content *content)
{
	static const char context[][CONTEXT_LEN + 1] = {
		[QKDTLS_CLIENT] = "TLS 1.3, client CertificateVerify",
		[QKDTLS_SERVER] = "TLS 1.3, server CertificateVerify",
	};
	const size_t hash_at = PADDING_LEN + sizeof(context[0]); /* with its NUL, the separator */
	int ret;

	memset(content->bytes, 0x20, PADDING_LEN);
	memcpy(content->bytes + PADDING_LEN, context[signer], sizeof(context[0]));
	ret = qkdtls_transcript_hash(&conn->hs->transcript, content->bytes + hash_at);
	if (ret)
		return qkdtls_fail_code(conn, ret, "cannot hash the handshake");
	content->len = hash_at + qkdtls_hash_len(conn->suite->hash);
	return 0;
}

const struct qkdtls_scheme *qkdtls_certificate_scheme(const struct qkdtls_conn *conn,
						      struct qkdtls_cursor peer_schemes)
{
	const struct qkdtls_config *config = conn->config;

	if (!config->identity)
		return NULL;
	for (size_t i = 0; i < config->schemes.count; i++)
		if (qkdtls_list_has(peer_schemes, config->schemes.item[i]->number) &&
		    qkdtls_identity_fits(config->identity, config->schemes.item[i]))
			return config->schemes.item[i];
	return NULL;
}

int qkdtls_certificate_verify_send(struct qkdtls_conn *conn)
{
	const struct qkdtls_scheme *scheme = conn->hs->scheme;
	uint8_t signature[QKDTLS_SIGNATURE_MAX];
	struct signed_content content;
	struct qkdtls_mark message, mark;
	struct qkdtls_writer w;
	size_t len;
	int ret = make_content(conn, conn->role, &content);

	if (ret)
		return ret;
	ret = qkdtls_identity_sign(conn->config->identity, scheme, content.bytes, content.len,
				   signature, sizeof(signature), &len);
	if (ret)
		return qkdtls_fail_code(conn, ret, "cannot sign the handshake");
	if (conn->role == QKDTLS_SERVER)
		conn->info.signature = scheme->number;
	message = qkdtls_message_begin(conn, &w, QKDTLS_MSG_CERTIFICATE_VERIFY);
	qkdtls_put_u16(&w, scheme->number);
	mark = qkdtls_put_open(&w, 2);
	qkdtls_put_bytes(&w, signature, len);
	qkdtls_put_close(&w, mark);
	ret = qkdtls_message_end(conn, &w, message);
	return ret ? ret : qkdtls_message_send(conn, &w);
}

int qkdtls_certificate_verify_recv(struct qkdtls_conn *conn, const struct qkdtls_incoming *msg)
{
	const enum qkdtls_role peer = conn->role == QKDTLS_CLIENT ? QKDTLS_SERVER : QKDTLS_CLIENT;
	struct qkdtls_cursor body = msg->body, signature;
	const struct qkdtls_scheme *scheme;
	struct signed_content content;
	uint16_t number;
	int ret;

	if (!qkdtls_get_u16(&body, &number) ||
	    !qkdtls_get_vec16(&body, 0, QKDTLS_SIGNATURE_MAX, &signature) ||
	    !qkdtls_cursor_empty(&body))
		return qkdtls_fail(conn, QKDTLS_ALERT_DECODE_ERROR, "malformed CertificateVerify");
	scheme = qkdtls_scheme_list_find(&conn->config->schemes, number);
	if (!scheme)
		return qkdtls_fail(conn, QKDTLS_ALERT_ILLEGAL_PARAMETER,
				   "signature scheme that was not offered");
	ret = make_content(conn, peer, &content);
	if (ret)
		return ret;
	ret = qkdtls_chain_verify_signature(conn->chain, scheme, content.bytes, content.len,
					    signature.pos, qkdtls_cursor_left(&signature));
	if (ret)
		return qkdtls_fail_code(conn, ret, "the peer's signature is not good");
	conn->info.signature = number;
	return 0;
}
