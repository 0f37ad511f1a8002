// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <openssl/x509_vfy.h>
#include "qkd/qkdtls.h"
#include "tls/crypto_lib.h"
#include "tls/crypto_x509.h"

/* 112 bits: no SHA-1 signatures, no RSA keys under 2048 bits, in any certificate of the chain */
#define SECURITY_LEVEL 2

struct qkdtls_chain {
	unsigned int refs; /* atomic */
	STACK_OF(X509) * certs;
	uint8_t *leaf;
	size_t leaf_len;
	/* Once it was found good, by itself alone: when all of it, the anchor included, is valid */
	time_t valid_from;
	time_t valid_until; /* no more */
};

/* What libcrypto's verdicts say to the peer; the rest is certificate_unknown. */
static const struct verdict {
	int code;
	enum qkdtls_alert alert;
} verdicts[] = {
	{ X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT, QKDTLS_ALERT_UNKNOWN_CA },
	{ X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY, QKDTLS_ALERT_UNKNOWN_CA },
	{ X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE, QKDTLS_ALERT_UNKNOWN_CA },
	{ X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT, QKDTLS_ALERT_UNKNOWN_CA },
	{ X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN, QKDTLS_ALERT_UNKNOWN_CA },
	{ X509_V_ERR_CERT_CHAIN_TOO_LONG, QKDTLS_ALERT_UNKNOWN_CA },
	{ X509_V_ERR_CERT_UNTRUSTED, QKDTLS_ALERT_UNKNOWN_CA },
	{ X509_V_ERR_INVALID_CA, QKDTLS_ALERT_UNKNOWN_CA },
	{ X509_V_ERR_PATH_LENGTH_EXCEEDED, QKDTLS_ALERT_UNKNOWN_CA },
	{ X509_V_ERR_CERT_HAS_EXPIRED, QKDTLS_ALERT_CERTIFICATE_EXPIRED },
	{ X509_V_ERR_CERT_NOT_YET_VALID, QKDTLS_ALERT_CERTIFICATE_EXPIRED },
	{ X509_V_ERR_CERT_REVOKED, QKDTLS_ALERT_CERTIFICATE_REVOKED },
	{ X509_V_ERR_INVALID_PURPOSE, QKDTLS_ALERT_UNSUPPORTED_CERTIFICATE },
	{ X509_V_ERR_UNHANDLED_CRITICAL_EXTENSION, QKDTLS_ALERT_UNSUPPORTED_CERTIFICATE },
	{ X509_V_ERR_CERT_SIGNATURE_FAILURE, QKDTLS_ALERT_BAD_CERTIFICATE },
	{ X509_V_ERR_UNABLE_TO_DECRYPT_CERT_SIGNATURE, QKDTLS_ALERT_BAD_CERTIFICATE },
	{ X509_V_ERR_UNABLE_TO_DECODE_ISSUER_PUBLIC_KEY, QKDTLS_ALERT_BAD_CERTIFICATE },
	{ X509_V_ERR_ERROR_IN_CERT_NOT_BEFORE_FIELD, QKDTLS_ALERT_BAD_CERTIFICATE },
	{ X509_V_ERR_ERROR_IN_CERT_NOT_AFTER_FIELD, QKDTLS_ALERT_BAD_CERTIFICATE },
	{ X509_V_ERR_INVALID_EXTENSION, QKDTLS_ALERT_BAD_CERTIFICATE },
	{ X509_V_ERR_HOSTNAME_MISMATCH, QKDTLS_ALERT_BAD_CERTIFICATE },
	{ X509_V_ERR_PERMITTED_VIOLATION, QKDTLS_ALERT_BAD_CERTIFICATE },
	{ X509_V_ERR_EXCLUDED_VIOLATION, QKDTLS_ALERT_BAD_CERTIFICATE },
	{ X509_V_ERR_EE_KEY_TOO_SMALL, QKDTLS_ALERT_BAD_CERTIFICATE },
	{ X509_V_ERR_CA_KEY_TOO_SMALL, QKDTLS_ALERT_BAD_CERTIFICATE },
	{ X509_V_ERR_CA_MD_TOO_WEAK, QKDTLS_ALERT_BAD_CERTIFICATE },
	{ X509_V_ERR_EC_KEY_EXPLICIT_PARAMS, QKDTLS_ALERT_BAD_CERTIFICATE },
};

static enum qkdtls_alert verdict_alert(int code)
{
	size_t i;

	for (i = 0; i < sizeof(verdicts) / sizeof(verdicts[0]); i++) {
		if (verdicts[i].code == code)
			return verdicts[i].alert;
	}
	return QKDTLS_ALERT_CERTIFICATE_UNKNOWN;
}

int qkdtls_chain_new(struct qkdtls_chain **chain)
{
	struct qkdtls_chain *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->certs = sk_X509_new_null();
	if (!c->certs) {
		free(c);
		return qkdtls_lib_error(-ENOMEM);
	}
	c->refs = 1;
	*chain = c;
	return 0;
}

struct qkdtls_chain *qkdtls_chain_ref(struct qkdtls_chain *chain)
{
	__atomic_fetch_add(&chain->refs, 1, __ATOMIC_RELAXED);
	return chain;
}

void qkdtls_chain_free(struct qkdtls_chain *chain)
{
	if (!chain || __atomic_sub_fetch(&chain->refs, 1, __ATOMIC_ACQ_REL))
		return;
	sk_X509_pop_free(chain->certs, X509_free);
	free(chain->leaf);
	free(chain);
}

int qkdtls_chain_add(struct qkdtls_chain *chain, const uint8_t *der, size_t len)
{
	const uint8_t *pos = der;
	uint8_t *leaf = NULL;
	X509 *cert;

	if (qkdtls_chain_count(chain) >= QKDTLS_CHAIN_MAX || len > LONG_MAX)
		return QKDTLS_ALERT_BAD_CERTIFICATE;
	cert = d2i_X509(NULL, &pos, (long)len);
	if (!cert || pos != der + len) {
		X509_free(cert);
		return qkdtls_lib_error(QKDTLS_ALERT_BAD_CERTIFICATE);
	}
	if (!chain->leaf) {
		leaf = malloc(len);
		if (!leaf)
			goto err_cert;
		memcpy(leaf, der, len);
	}
	if (!sk_X509_push(chain->certs, cert))
		goto err_leaf;
	if (leaf) {
		chain->leaf = leaf;
		chain->leaf_len = len;
	}
	return 0;

err_leaf:
	free(leaf);
err_cert:
	X509_free(cert);
	return qkdtls_lib_error(-ENOMEM);
}

size_t qkdtls_chain_count(const struct qkdtls_chain *chain)
{
	return (size_t)sk_X509_num(chain->certs);
}

/* A path from @leaf by way of @untrusted to one of @anchors, be that a root, an intermediate or a leaf */
static int prepare(X509_STORE_CTX *ctx, X509 *leaf, STACK_OF(X509) * untrusted,
		   STACK_OF(X509) * anchors, const time_t *when)
{
	X509_VERIFY_PARAM *param;

	if (X509_STORE_CTX_init(ctx, NULL, leaf, untrusted) != 1)
		return -ENOMEM;
	X509_STORE_CTX_set0_trusted_stack(ctx, anchors);
	param = X509_STORE_CTX_get0_param(ctx);
	if (X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN) != 1)
		return -EIO;
	X509_VERIFY_PARAM_set_auth_level(param, SECURITY_LEVEL);
	X509_VERIFY_PARAM_set_depth(param, QKDTLS_CHAIN_MAX);
	if (when)
		X509_VERIFY_PARAM_set_time(param, *when);
	return 0;
}

bool qkdtls_x509_issued(X509 *issuer, X509 *cert, const time_t *when)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	STACK_OF(X509) *anchors = sk_X509_new_null();
	bool issued;

	issued = ctx && anchors && sk_X509_push(anchors, issuer) &&
		 !prepare(ctx, cert, NULL, anchors, when) && X509_verify_cert(ctx) == 1 &&
		 sk_X509_num(X509_STORE_CTX_get0_chain(ctx)) == 2;
	X509_STORE_CTX_free(ctx);
	sk_X509_free(anchors);
	return qkdtls_lib_error(issued);
}

/* X509_check_host() takes an empty name for no check and a leading dot for a domain. */
static bool name_matches(X509 *leaf, const char *name)
{
	const unsigned int flags =
		X509_CHECK_FLAG_NO_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT;

	if (!name[0] || name[0] == '.')
		return false;
	return X509_check_host(leaf, name, strlen(name), flags, NULL) == 1;
}

/* Revocation lists are part of the path: they count at the time of each check. */
static int prepare_path(X509_STORE_CTX *ctx, const struct qkdtls_chain *chain,
			const struct qkdtls_chain_check *check, STACK_OF(X509) * anchors,
			bool leaf_is_anchor)
{
	const int purpose = check->server ? X509_PURPOSE_SSL_SERVER : X509_PURPOSE_SSL_CLIENT;
	int err = prepare(ctx, sk_X509_value(chain->certs, 0), leaf_is_anchor ? NULL : chain->certs,
			  anchors, check->when);

	if (err)
		return err;
	if (X509_VERIFY_PARAM_set_purpose(X509_STORE_CTX_get0_param(ctx), purpose) != 1)
		return -EIO;
	return check->crls ? qkdtls_crls_apply(check->crls, ctx) : 0;
}

static bool to_time(const ASN1_TIME *asn1, time_t *when)
{
	struct tm tm;

	if (ASN1_TIME_to_tm(asn1, &tm) != 1)
		return false;
	*when = timegm(&tm);
	return true;
}

/* What all certificates of a path have in common; nothing if one cannot be read. */
static void note_validity(struct qkdtls_chain *chain, const STACK_OF(X509) * path)
{
	time_t from, until;
	int i;

	chain->valid_from = 0;
	chain->valid_until = 0;
	for (i = 0; i < sk_X509_num(path); i++) {
		const X509 *cert = sk_X509_value(path, i);

		if (!to_time(X509_get0_notBefore(cert), &from) ||
		    !to_time(X509_get0_notAfter(cert), &until)) {
			chain->valid_until = chain->valid_from;
			return;
		}
		if (!i || from > chain->valid_from)
			chain->valid_from = from;
		if (!i || until < chain->valid_until)
			chain->valid_until = until;
	}
}

/* @issuer, a reference: who signed the leaf; NULL if the leaf is an anchor */
static int verify_path(struct qkdtls_chain *chain, const struct qkdtls_chain_check *check,
		       X509 **issuer, const char **reason)
{
	X509_STORE_CTX *ctx = X509_STORE_CTX_new();
	STACK_OF(X509) *anchors = NULL;
	bool leaf_is_anchor;
	int err, code;

	if (!ctx)
		return -ENOMEM;
	err = qkdtls_trust_anchors(check->trust, chain->certs, &anchors, &leaf_is_anchor);
	if (err)
		goto out;
	err = prepare_path(ctx, chain, check, anchors, leaf_is_anchor);
	if (!err && X509_verify_cert(ctx) != 1) {
		code = X509_STORE_CTX_get_error(ctx);
		*reason = X509_verify_cert_error_string(code);
		err = code == X509_V_ERR_OUT_OF_MEM ? -ENOMEM : (int)verdict_alert(code);
	}
	if (!err && check->schemes &&
	    !qkdtls_x509_signed_by(X509_STORE_CTX_get0_chain(ctx), check->schemes)) {
		*reason = "a certificate is signed in a way that is not allowed";
		err = QKDTLS_ALERT_UNSUPPORTED_CERTIFICATE;
	}
	if (!err && !leaf_is_anchor) {
		*issuer = sk_X509_value(X509_STORE_CTX_get0_chain(ctx), 1);
		if (*issuer)
			X509_up_ref(*issuer);
	}
	/* Lists and responses count at the time of each check, so that this one says nothing about later. */
	if (!err && !check->crls && !check->status_required)
		note_validity(chain, X509_STORE_CTX_get0_chain(ctx));
	sk_X509_free(anchors);
out:
	X509_STORE_CTX_free(ctx);
	return err;
}

/* A response counts at the time of each check, like a list. */
static int verify_status(X509 *leaf, X509 *issuer, const struct qkdtls_chain_check *check,
			 const char **reason)
{
	const struct qkdtls_status_check status = {
		.der = check->status,
		.len = check->status_len,
		.leaf = leaf,
		.issuer = issuer,
		.when = check->when,
	};

	return check->status_required ? qkdtls_status_verify(&status, reason) : 0;
}

int qkdtls_chain_verify(struct qkdtls_chain *chain, const struct qkdtls_chain_check *check,
			const char **reason)
{
	X509 *leaf = sk_X509_value(chain->certs, 0), *issuer = NULL;
	int err;

	*reason = "no certificate";
	if (!leaf)
		return QKDTLS_ALERT_BAD_CERTIFICATE;
	*reason = "libcrypto failed";
	err = verify_path(chain, check, &issuer, reason);
	if (err)
		return qkdtls_lib_error(err);
	err = QKDTLS_ALERT_UNSUPPORTED_CERTIFICATE;
	*reason = "the certificate's keyUsage lacks digitalSignature";
	if (!qkdtls_x509_may_sign(leaf))
		goto out;
	err = QKDTLS_ALERT_BAD_CERTIFICATE;
	*reason = "the certificate is for another name";
	if (check->name && !name_matches(leaf, check->name))
		goto out;
	err = verify_status(leaf, issuer, check, reason);
	if (!err)
		*reason = "";
out:
	X509_free(issuer);
	return qkdtls_lib_error(err);
}

bool qkdtls_chain_valid_at(const struct qkdtls_chain *chain, time_t when)
{
	return when >= chain->valid_from && when < chain->valid_until;
}

int qkdtls_chain_verify_signature(const struct qkdtls_chain *chain,
				  const struct qkdtls_scheme *scheme, const uint8_t *data,
				  size_t data_len, const uint8_t *signature, size_t signature_len)
{
	X509 *leaf = sk_X509_value(chain->certs, 0);
	EVP_PKEY *key = leaf ? X509_get0_pubkey(leaf) : NULL;
	EVP_MD_CTX *ctx;
	int err = 0;

	if (!key || !qkdtls_x509_key_fits(key, scheme))
		return qkdtls_lib_error(QKDTLS_ALERT_ILLEGAL_PARAMETER);
	ctx = EVP_MD_CTX_new();
	if (!ctx)
		return qkdtls_lib_error(-ENOMEM);
	if (EVP_DigestVerifyInit_ex(ctx, NULL, scheme->digest, NULL, NULL, key,
				    qkdtls_x509_signature_params(scheme)) != 1)
		err = -EIO;
	else if (EVP_DigestVerify(ctx, signature, signature_len, data, data_len) != 1)
		err = QKDTLS_ALERT_DECRYPT_ERROR;
	EVP_MD_CTX_free(ctx);
	return qkdtls_lib_error(err);
}

const uint8_t *qkdtls_chain_leaf(const struct qkdtls_chain *chain, size_t *len)
{
	*len = chain->leaf_len;
	return chain->leaf;
}

int qkdtls_chain_subject(const struct qkdtls_chain *chain, char *out, size_t size)
{
	const X509 *leaf = sk_X509_value(chain->certs, 0);
	int err = -ENOMEM;
	const char *text;
	long len;
	BIO *bio;

	if (!leaf || !size)
		return -ENOENT;
	bio = BIO_new(BIO_s_mem());
	if (bio && X509_NAME_print_ex(bio, X509_get_subject_name(leaf), 0, XN_FLAG_RFC2253) >= 0) {
		len = BIO_get_mem_data(bio, &text);
		if ((size_t)len > size - 1)
			len = (long)size - 1;
		if (len > 0)
			memcpy(out, text, (size_t)len);
		out[len] = '\0';
		err = 0;
	}
	BIO_free(bio);
	return qkdtls_lib_error(err);
}
