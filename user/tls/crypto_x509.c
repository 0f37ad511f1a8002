// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include "tls/crypto_lib.h"
#include "tls/crypto_x509.h"

/* More than any chain or set of anchors of ours: a wrong file is noticed instead of loaded. */
#define FILE_CERTIFICATES_MAX 1000

/* A hash of 512 bits and as much salt must fit too. */
#define RSA_BITS_MIN 2048

/* 112 bits against collisions */
#define DIGEST_LEN_MIN 28

/* Certificates up to the end; false: something else stands in between, or memory */
static bool read_all(BIO *bio, STACK_OF(X509) * certs)
{
	unsigned long why;
	X509 *cert;

	while ((cert = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
		if (sk_X509_num(certs) >= FILE_CERTIFICATES_MAX || !sk_X509_push(certs, cert)) {
			X509_free(cert);
			return false;
		}
	}
	why = ERR_peek_last_error();
	ERR_clear_error();
	return ERR_GET_LIB(why) == ERR_LIB_PEM && ERR_GET_REASON(why) == PEM_R_NO_START_LINE;
}

int qkdtls_x509_read(STACK_OF(X509) * *certs, const char *file,
		     char message[QKDTLS_PKI_MESSAGE_MAX])
{
	STACK_OF(X509) *list = sk_X509_new_null();
	BIO *bio = NULL;
	const char *what;
	bool ok;

	if (!list) {
		snprintf(message, QKDTLS_PKI_MESSAGE_MAX, "%s: out of memory", file);
		return qkdtls_lib_error(-ENOMEM);
	}
	errno = 0;
	bio = BIO_new_file(file, "r");
	if (!bio) {
		what = errno ? strerror(errno) : "cannot be opened";
		goto err_list;
	}
	ok = read_all(bio, list);
	BIO_free(bio);
	what = "a certificate in it cannot be read";
	if (!ok)
		goto err_list;
	*certs = list;
	message[0] = '\0';
	return 0;

err_list:
	snprintf(message, QKDTLS_PKI_MESSAGE_MAX, "%s: %s", file, what);
	sk_X509_pop_free(list, X509_free);
	return qkdtls_lib_error(-EINVAL);
}

const OSSL_PARAM *qkdtls_x509_signature_params(const struct qkdtls_scheme *scheme)
{
	/* libcrypto takes MGF1's digest from the signature's. */
	static const OSSL_PARAM pss[] = {
		{ OSSL_SIGNATURE_PARAM_PAD_MODE, OSSL_PARAM_UTF8_STRING,
		  (char *)OSSL_PKEY_RSA_PAD_MODE_PSS, sizeof(OSSL_PKEY_RSA_PAD_MODE_PSS) - 1, 0 },
		{ OSSL_SIGNATURE_PARAM_PSS_SALTLEN, OSSL_PARAM_UTF8_STRING,
		  (char *)OSSL_PKEY_RSA_PSS_SALT_LEN_DIGEST,
		  sizeof(OSSL_PKEY_RSA_PSS_SALT_LEN_DIGEST) - 1, 0 },
		{ NULL, 0, NULL, 0, 0 },
	};

	return scheme->pss ? pss : NULL;
}

static bool key_is_of(const EVP_PKEY *key, const struct qkdtls_scheme *scheme)
{
	char curve[64];
	size_t len;

	if (!EVP_PKEY_is_a(key, scheme->key_type))
		return false;
	if (!strcmp(scheme->key_type, "RSA"))
		return EVP_PKEY_get_bits(key) >= RSA_BITS_MIN;
	if (!scheme->curve)
		return true;
	if (EVP_PKEY_get_group_name(key, curve, sizeof(curve), &len) != 1)
		return qkdtls_lib_error(false);
	return !strcmp(curve, scheme->curve);
}

bool qkdtls_x509_key_fits(const EVP_PKEY *key, const struct qkdtls_scheme *scheme)
{
	return !scheme->chain_only && key_is_of(key, scheme);
}

/* RSASSA-PSS has its hashes and its salt in parameters; libcrypto says if they are those of TLS. */
static bool pss_fits(X509 *cert, const struct qkdtls_scheme *scheme)
{
	const EVP_MD *digest;
	uint32_t flags;
	int nid;

	if (X509_get_signature_info(cert, &nid, NULL, NULL, &flags) != 1)
		return false;
	digest = EVP_get_digestbynid(nid);
	return flags & X509_SIG_INFO_TLS && digest && EVP_MD_is_a(digest, scheme->digest);
}

static bool signed_so(X509 *cert, X509 *issuer, const struct qkdtls_scheme *scheme)
{
	const int algorithm = OBJ_txt2nid(scheme->x509);
	const EVP_PKEY *key = X509_get0_pubkey(issuer);

	return algorithm != NID_undef && algorithm == X509_get_signature_nid(cert) && key &&
	       key_is_of(key, scheme) && (!scheme->pss || pss_fits(cert, scheme));
}

bool qkdtls_x509_signed_by(const STACK_OF(X509) * path, const struct qkdtls_scheme_list *schemes)
{
	size_t j;
	int i;

	for (i = 0; i + 1 < sk_X509_num(path); i++) {
		for (j = 0; j < schemes->count; j++) {
			if (signed_so(sk_X509_value(path, i), sk_X509_value(path, i + 1),
				      schemes->item[j]))
				break;
		}
		if (j == schemes->count)
			return qkdtls_lib_error(false);
	}
	return true;
}

bool qkdtls_x509_may_sign(X509 *cert)
{
	/* All bits are set if the extension is absent, none if it cannot be read. */
	return X509_get_key_usage(cert) & KU_DIGITAL_SIGNATURE;
}

static bool digest_is_strong(int nid)
{
	const EVP_MD *md = EVP_get_digestbynid(nid);

	return md && EVP_MD_get_size(md) >= DIGEST_LEN_MIN;
}

/* RSASSA-PSS has its hash in parameters; without them it is SHA-1. */
static bool pss_is_strong(const X509_ALGOR *algorithm)
{
	RSA_PSS_PARAMS *pss;
	bool strong;

	pss = ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(RSA_PSS_PARAMS), algorithm->parameter);
	strong = pss && pss->hashAlgorithm &&
		 digest_is_strong(OBJ_obj2nid(pss->hashAlgorithm->algorithm));
	RSA_PSS_PARAMS_free(pss);
	return qkdtls_lib_error(strong);
}

bool qkdtls_x509_is_strong(const X509_ALGOR *algorithm)
{
	const ASN1_OBJECT *object;
	int digest, key;

	X509_ALGOR_get0(&object, NULL, NULL, algorithm);
	if (OBJ_find_sigid_algs(OBJ_obj2nid(object), &digest, &key) != 1)
		return false;
	if (digest != NID_undef)
		return digest_is_strong(digest);
	return key != NID_rsassaPss || pss_is_strong(algorithm);
}
