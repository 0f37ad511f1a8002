// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include "tls/crypto_lib.h"
#include "tls/crypto_x509.h"

/* A wrong file is noticed instead of loaded. */
#define LISTS_MAX 100

struct qkdtls_crls {
	STACK_OF(X509_CRL) * list;
};

static int say(char message[QKDTLS_PKI_MESSAGE_MAX], int err, const char *file, const char *what)
{
	snprintf(message, QKDTLS_PKI_MESSAGE_MAX, "%s: %s", file, what);
	return qkdtls_lib_error(err);
}

/*
 * Lists that say less than all about their issuer's certificates, or more, or for ever. libcrypto asks for no
 * strength of a list's signature.
 */
static const char *unsupported(const X509_CRL *crl)
{
	const X509_ALGOR *algorithm;
	ISSUING_DIST_POINT *scope;
	bool indirect, partial;

	X509_CRL_get0_signature(crl, NULL, &algorithm);
	if (!qkdtls_x509_is_strong(algorithm))
		return "a CRL that is signed with a weak or unknown algorithm";
	if (!X509_CRL_get0_nextUpdate(crl))
		return "a CRL without an end (nextUpdate)";
	if (X509_CRL_get_ext_by_NID(crl, NID_delta_crl, -1) >= 0)
		return "a delta CRL, which is not supported";
	scope = X509_CRL_get_ext_d2i(crl, NID_issuing_distribution_point, NULL, NULL);
	if (!scope)
		return NULL;
	indirect = scope->indirectCRL > 0;
	partial = scope->onlysomereasons;
	ISSUING_DIST_POINT_free(scope);
	if (indirect)
		return "an indirect CRL, which is not supported";
	return partial ? "a CRL for some reasons only, which is not supported" : NULL;
}

static int add_list(struct qkdtls_crls *crls, X509_CRL *crl, const char *file,
		    char message[QKDTLS_PKI_MESSAGE_MAX])
{
	const char *what = unsupported(crl);

	if (what)
		return say(message, -EOPNOTSUPP, file, what);
	if (sk_X509_CRL_num(crls->list) >= LISTS_MAX)
		return say(message, -EINVAL, file, "too many CRLs");
	if (!sk_X509_CRL_push(crls->list, crl))
		return say(message, -ENOMEM, file, "out of memory");
	return 0;
}

static int read_lists(struct qkdtls_crls *crls, BIO *bio, const char *file,
		      char message[QKDTLS_PKI_MESSAGE_MAX])
{
	unsigned long why;
	X509_CRL *crl;
	int err;

	while ((crl = PEM_read_bio_X509_CRL(bio, NULL, NULL, NULL))) {
		err = add_list(crls, crl, file, message);
		if (err) {
			X509_CRL_free(crl);
			return err;
		}
	}
	why = ERR_peek_last_error();
	if (ERR_GET_LIB(why) != ERR_LIB_PEM || ERR_GET_REASON(why) != PEM_R_NO_START_LINE)
		return say(message, -EINVAL, file, "a CRL in it cannot be read");
	if (!sk_X509_CRL_num(crls->list))
		return say(message, -EINVAL, file, "contains no CRL");
	return qkdtls_lib_error(0);
}

int qkdtls_crls_load(struct qkdtls_crls **crls, const char *file,
		     char message[QKDTLS_PKI_MESSAGE_MAX])
{
	struct qkdtls_crls *c = calloc(1, sizeof(*c));
	BIO *bio;
	int err;

	if (c)
		c->list = sk_X509_CRL_new_null();
	if (!c || !c->list) {
		free(c);
		return say(message, -ENOMEM, file, "out of memory");
	}
	errno = 0;
	bio = BIO_new_file(file, "r");
	if (bio)
		err = read_lists(c, bio, file, message);
	else
		err = say(message, -EINVAL, file, errno ? strerror(errno) : "cannot be opened");
	BIO_free(bio);
	if (err) {
		qkdtls_crls_free(c);
		return err;
	}
	*crls = c;
	return 0;
}

void qkdtls_crls_free(struct qkdtls_crls *crls)
{
	if (!crls)
		return;
	sk_X509_CRL_pop_free(crls->list, X509_CRL_free);
	free(crls);
}

/* What may be amiss with a list, or with there being none */
static bool is_about_lists(int code)
{
	static const int codes[] = {
		X509_V_ERR_UNABLE_TO_GET_CRL,
		X509_V_ERR_UNABLE_TO_GET_CRL_ISSUER,
		X509_V_ERR_UNABLE_TO_DECRYPT_CRL_SIGNATURE,
		X509_V_ERR_CRL_SIGNATURE_FAILURE,
		X509_V_ERR_CRL_NOT_YET_VALID,
		X509_V_ERR_CRL_HAS_EXPIRED,
		X509_V_ERR_ERROR_IN_CRL_LAST_UPDATE_FIELD,
		X509_V_ERR_ERROR_IN_CRL_NEXT_UPDATE_FIELD,
		X509_V_ERR_KEYUSAGE_NO_CRL_SIGN,
		X509_V_ERR_UNHANDLED_CRITICAL_CRL_EXTENSION,
		X509_V_ERR_DIFFERENT_CRL_SCOPE,
		X509_V_ERR_CRL_PATH_VALIDATION_ERROR,
		X509_V_ERR_CERT_REVOKED,
	};

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (codes[i] == code)
			return true;
	return false;
}

/* Whoever trusts an anchor no more takes it out of the trust file: no list is asked about it. */
static int spare_anchor(int ok, X509_STORE_CTX *ctx)
{
	const int anchor = sk_X509_num(X509_STORE_CTX_get0_chain(ctx)) - 1;

	if (ok || X509_STORE_CTX_get_error_depth(ctx) != anchor)
		return ok;
	return is_about_lists(X509_STORE_CTX_get_error(ctx));
}

int qkdtls_crls_apply(const struct qkdtls_crls *crls, X509_STORE_CTX *ctx)
{
	const unsigned long flags = X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL;

	X509_STORE_CTX_set0_crls(ctx, crls->list);
	X509_STORE_CTX_set_verify_cb(ctx, spare_anchor);
	return X509_VERIFY_PARAM_set_flags(X509_STORE_CTX_get0_param(ctx), flags) == 1 ? 0 : -EIO;
}
