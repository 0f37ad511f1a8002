// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include "qkd/qkdtls.h"
#include "tls/crypto_kex.h"
#include "tls/crypto_lib.h"
#include "tls/crypto_random.h"

struct qkdtls_kex_key {
	const struct qkdtls_kex_part *part;
	EVP_PKEY *pkey;
};

const struct qkdtls_kex_part qkdtls_part_x25519 = {
	.key_type = "X25519",
	.client_share = 32,
	.server_share = 32,
	.secret = 32,
};

const struct qkdtls_kex_part qkdtls_part_p256 = {
	.key_type = "EC",
	.curve = "P-256",
	.client_share = 65,
	.server_share = 65,
	.secret = 32,
};

const struct qkdtls_kex_part qkdtls_part_p384 = {
	.key_type = "EC",
	.curve = "P-384",
	.client_share = 97,
	.server_share = 97,
	.secret = 48,
};

const struct qkdtls_kex_part qkdtls_part_mlkem768 = {
	.key_type = "ML-KEM-768",
	.kem = true,
	.client_share = 1184,
	.server_share = 1088,
	.secret = 32,
};

const struct qkdtls_kex_part qkdtls_part_mlkem1024 = {
	.key_type = "ML-KEM-1024",
	.kem = true,
	.client_share = 1568,
	.server_share = 1568,
	.secret = 32,
};

#define POINT_UNCOMPRESSED 4

/* The bytes of an own key that go into a share; points of a curve are uncompressed as they are made. */
static int raw_public(const struct qkdtls_kex_part *part, const EVP_PKEY *pkey, uint8_t *out,
		      size_t len)
{
	size_t n = len;
	bool ok;

	if (part->curve)
		ok = EVP_PKEY_get_octet_string_param(pkey, OSSL_PKEY_PARAM_PUB_KEY, out, len, &n) ==
		     1;
	else
		ok = EVP_PKEY_get_raw_public_key(pkey, out, &n) == 1;
	return ok && n == len ? 0 : qkdtls_lib_error(-EIO);
}

/*
 * A point that is not on its curve is refused by libcrypto. That is all there is to check: these curves have a prime
 * order, and the encoding has no point at infinity (RFC 9846 section 4.3.8.2).
 */
static EVP_PKEY *peer_point(const struct qkdtls_kex_part *part, const uint8_t *share, size_t len)
{
	OSSL_PARAM params[] = { OSSL_PARAM_END, OSSL_PARAM_END, OSSL_PARAM_END };
	EVP_PKEY_CTX *ctx;
	EVP_PKEY *pkey = NULL;

	if (share[0] != POINT_UNCOMPRESSED)
		return NULL;
	params[0] = OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME,
						     (char *)part->curve, 0);
	params[1] = OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, (void *)share, len);
	ctx = EVP_PKEY_CTX_new_from_name(NULL, part->key_type, NULL);
	if (!ctx || EVP_PKEY_fromdata_init(ctx) != 1 ||
	    EVP_PKEY_fromdata(ctx, &pkey, EVP_PKEY_PUBLIC_KEY, params) != 1)
		pkey = NULL;
	EVP_PKEY_CTX_free(ctx);
	return pkey;
}

/* A peer's public key; libcrypto refuses an ML-KEM one with coefficients out of range (FIPS 203 7.2). */
static int peer_key(const struct qkdtls_kex_part *part, const uint8_t *share, size_t len,
		    EVP_PKEY **pkey)
{
	*pkey = part->curve
			? peer_point(part, share, len)
			: EVP_PKEY_new_raw_public_key_ex(NULL, part->key_type, NULL, share, len);
	if (*pkey)
		return 0;
	return qkdtls_lib_error(qkdtls_lib_has_key_type(part->key_type)
					? (int)QKDTLS_ALERT_ILLEGAL_PARAMETER
					: -EOPNOTSUPP);
}

/*
 * libcrypto itself fails on an all-zero X25519 result; a build that does not is caught by our own look. No
 * honest ECDH on a NIST curve gives an x of zero either.
 */
static int check_derived(bool derived, const uint8_t *secret, size_t len)
{
	uint8_t any = 0;
	size_t i;

	for (i = 0; derived && i < len; i++)
		any |= secret[i];
	return any ? 0 : qkdtls_lib_error(QKDTLS_ALERT_ILLEGAL_PARAMETER);
}

static int derive(const struct qkdtls_kex_part *part, EVP_PKEY *own, const uint8_t *peer_share,
		  size_t share_len, uint8_t *secret)
{
	size_t len = part->secret;
	EVP_PKEY_CTX *ctx = NULL;
	EVP_PKEY *peer;
	int err;

	err = peer_key(part, peer_share, share_len, &peer);
	if (err)
		return err;
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);
	if (!ctx || EVP_PKEY_derive_init(ctx) != 1 ||
	    EVP_PKEY_derive_set_peer_ex(ctx, peer, false) != 1)
		err = qkdtls_lib_error(-EIO);
	else
		err = check_derived(EVP_PKEY_derive(ctx, secret, &len) == 1 && len == part->secret,
				    secret, part->secret);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(peer);
	return err;
}

static int encapsulate(const struct qkdtls_kex_part *part, const uint8_t *client_share,
		       uint8_t *ciphertext, uint8_t *secret)
{
	size_t ct_len = part->server_share, len = part->secret;
	EVP_PKEY_CTX *ctx;
	EVP_PKEY *peer;
	int err;

	err = peer_key(part, client_share, part->client_share, &peer);
	if (err)
		return err;
	ctx = EVP_PKEY_CTX_new_from_pkey(NULL, peer, NULL);
	if (!ctx || EVP_PKEY_encapsulate_init(ctx, NULL) != 1 ||
	    EVP_PKEY_encapsulate(ctx, ciphertext, &ct_len, secret, &len) != 1 ||
	    ct_len != part->server_share || len != part->secret)
		err = qkdtls_lib_error(-EIO);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(peer);
	return err;
}

/* A ciphertext of the right length always gives a secret; a false one shows as a bad record later. */
static int decapsulate(const struct qkdtls_kex_part *part, EVP_PKEY *own, const uint8_t *ciphertext,
		       uint8_t *secret)
{
	size_t len = part->secret;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_pkey(NULL, own, NULL);
	int err = 0;

	if (!ctx || EVP_PKEY_decapsulate_init(ctx, NULL) != 1 ||
	    EVP_PKEY_decapsulate(ctx, secret, &len, ciphertext, part->server_share) != 1 ||
	    len != part->secret)
		err = qkdtls_lib_error(-EIO);
	EVP_PKEY_CTX_free(ctx);
	return err;
}

static int respond_derived(const struct qkdtls_kex_part *part, const uint8_t *client_share,
			   uint8_t *server_share, uint8_t *secret)
{
	struct qkdtls_kex_key *key;
	int err;

	err = qkdtls_kex_key_new(&key, part);
	if (err)
		return err;
	err = raw_public(part, key->pkey, server_share, part->server_share);
	if (!err)
		err = derive(part, key->pkey, client_share, part->client_share, secret);
	qkdtls_kex_key_free(key);
	return err;
}

int qkdtls_kex_part_respond(const struct qkdtls_kex_part *part, const uint8_t *client_share,
			    uint8_t *server_share, uint8_t *secret)
{
	int err;

	if (part->kem)
		err = encapsulate(part, client_share, server_share, secret);
	else
		err = respond_derived(part, client_share, server_share, secret);
	if (err)
		qkdtls_wipe(secret, part->secret);
	return err;
}

int qkdtls_kex_key_new(struct qkdtls_kex_key **key, const struct qkdtls_kex_part *part)
{
	struct qkdtls_kex_key *k = malloc(sizeof(*k));

	if (!k)
		return -ENOMEM;
	k->part = part;
	k->pkey = part->curve ? EVP_PKEY_Q_keygen(NULL, NULL, part->key_type, part->curve)
			      : EVP_PKEY_Q_keygen(NULL, NULL, part->key_type);
	if (!k->pkey) {
		free(k);
		return qkdtls_lib_error(qkdtls_lib_has_key_type(part->key_type) ? -EIO
										: -EOPNOTSUPP);
	}
	*key = k;
	return 0;
}

void qkdtls_kex_key_free(struct qkdtls_kex_key *key)
{
	if (!key)
		return;
	EVP_PKEY_free(key->pkey);
	free(key);
}

int qkdtls_kex_key_share(const struct qkdtls_kex_key *key, uint8_t *client_share)
{
	return raw_public(key->part, key->pkey, client_share, key->part->client_share);
}

int qkdtls_kex_key_finish(const struct qkdtls_kex_key *key, const uint8_t *server_share,
			  uint8_t *secret)
{
	const struct qkdtls_kex_part *part = key->part;
	int err;

	if (part->kem)
		err = decapsulate(part, key->pkey, server_share, secret);
	else
		err = derive(part, key->pkey, server_share, part->server_share, secret);
	if (err)
		qkdtls_wipe(secret, part->secret);
	return err;
}
