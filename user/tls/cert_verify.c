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

/* What stands before the hash; with its NUL, the separator */
#define HASH_AT (PADDING_LEN + CONTEXT_LEN + 1)

static void put_prefix(enum qkdtls_role signer, uint8_t bytes[HASH_AT])
{
	static const char context[][CONTEXT_LEN + 1] = {
		[QKDTLS_CLIENT] = "TLS 1.3, client CertificateVerify",
		[QKDTLS_SERVER] = "TLS 1.3, server CertificateVerify",
	};

	memset(bytes, 0x20, PADDING_LEN);
	memcpy(bytes + PADDING_LEN, context[signer], sizeof(context[0]));
}

static int make_content(struct qkdtls_conn *conn, enum qkdtls_role signer,
			struct signed_content *content)
{
	int ret;

	put_prefix(signer, content->bytes);
	ret = qkdtls_transcript_hash(&conn->hs->transcript, content->bytes + HASH_AT);
	if (ret)
		return qkdtls_fail_code(conn, ret, "cannot hash the handshake");
	content->len = HASH_AT + qkdtls_hash_len(conn->suite->hash);
	return 0;
}

/* Whoever asks for signatures must not get any other out of it. */
static bool is_content(enum qkdtls_role signer, const uint8_t *data, size_t len)
{
	uint8_t prefix[HASH_AT];

	put_prefix(signer, prefix);
	return (len == HASH_AT + qkdtls_hash_len(QKDTLS_SHA256) ||
		len == HASH_AT + qkdtls_hash_len(QKDTLS_SHA384)) &&
	       !memcmp(data, prefix, sizeof(prefix));
}

int qkdtls_config_sign(const struct qkdtls_config *config, enum qkdtls_role role, uint16_t scheme,
		       const uint8_t *data, size_t data_len, uint8_t *signature, size_t *len)
{
	const struct qkdtls_scheme *known = qkdtls_scheme_list_find(&config->schemes, scheme);

	if (!config->identity || !known || !is_content(role, data, data_len))
		return -EINVAL;
	return qkdtls_identity_sign(config->identity, known, data, data_len, signature, *len, len);
}

/* 0, QKDTLS_PENDING or QKDTLS_ERROR */
static int sign(struct qkdtls_conn *conn, const struct signed_content *content, uint8_t *signature,
		size_t *len)
{
	const struct qkdtls_scheme *scheme = conn->hs->scheme;
	int ret;

	*len = QKDTLS_SIGNATURE_MAX;
	if (conn->sign)
		ret = conn->sign(conn->sign_arg, scheme->number, content->bytes, content->len,
				 signature, len);
	else
		ret = qkdtls_identity_sign(conn->config->identity, scheme, content->bytes,
					   content->len, signature, *len, len);
	if (ret == QKDTLS_SIGN_PENDING)
		return QKDTLS_PENDING;
	if (!ret && (!*len || *len > QKDTLS_SIGNATURE_MAX))
		ret = -EIO;
	if (ret)
		return qkdtls_fail_code(conn, ret > 0 ? -EIO : ret, "cannot sign the handshake");
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
	ret = sign(conn, &content, signature, &len);
	if (ret)
		return ret;
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
	const enum qkdtls_role peer = qkdtls_peer_of(conn);
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
