/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Certificates: our own with its key, trust anchors, the chain a peer sends. */
#ifndef QKDTLS_CRYPTO_PKI_H
#define QKDTLS_CRYPTO_PKI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include "tls/suite.h"

#define QKDTLS_PKI_MESSAGE_MAX 256 /* room for the text of a failure */
#define QKDTLS_CHAIN_MAX       10 /* certificates in a chain */

/* ---- Own certificate ---- */

struct qkdtls_identity;

/*
 * 0; -EPERM: the key file is open to group or others; -EINVAL: unreadable, empty, not PEM, key and
 * leaf do not belong together, leaf may not sign (keyUsage); -EOPNOTSUPP: no scheme for this key;
 * -ENOMEM.
 * @message then says what and names the file. @key_file may be NULL: then it knows what kind of key it is, but cannot sign.
 */
int qkdtls_identity_load(struct qkdtls_identity **identity, const char *chain_file,
			 const char *key_file, char message[QKDTLS_PKI_MESSAGE_MAX]);
void qkdtls_identity_free(struct qkdtls_identity *identity);

size_t qkdtls_identity_count(const struct qkdtls_identity *identity); /* certificates, leaf first */
const uint8_t *qkdtls_identity_certificate(const struct qkdtls_identity *identity, size_t index,
					   size_t *len); /* DER */

bool qkdtls_identity_signs(const struct qkdtls_identity *identity); /* It has its private key. */

/* Is its key one for this scheme? */
bool qkdtls_identity_fits(const struct qkdtls_identity *identity,
			  const struct qkdtls_scheme *scheme);

/* @size in: room; @len out. 0, -EINVAL (scheme does not fit, no private key), -EMSGSIZE, -EIO, -ENOMEM. Thread-safe
 */
int qkdtls_identity_sign(const struct qkdtls_identity *identity, const struct qkdtls_scheme *scheme,
			 const uint8_t *data, size_t data_len, uint8_t *signature, size_t size,
			 size_t *len);

/* ---- Trust anchors: certificates and bare public keys ---- */

struct qkdtls_trust;

/*
 * 0; -EINVAL: unreadable, empty, neither certificates nor public keys in PEM; -EOPNOTSUPP: a bare key of an
 * algorithm that this libcrypto lacks; -ENOMEM; with @message
 */
int qkdtls_trust_load(struct qkdtls_trust **trust, const char *file,
		      char message[QKDTLS_PKI_MESSAGE_MAX]);
void qkdtls_trust_free(struct qkdtls_trust *trust);

/* ---- Certificate revocation lists ---- */

struct qkdtls_crls;

/*
 * 0; -EINVAL: unreadable, empty, not PEM; -EOPNOTSUPP: a delta CRL, an indirect one, one for some reasons only;
 * -ENOMEM; with @message
 */
int qkdtls_crls_load(struct qkdtls_crls **crls, const char *file,
		     char message[QKDTLS_PKI_MESSAGE_MAX]);
void qkdtls_crls_free(struct qkdtls_crls *crls);

/* ---- Own OCSP response ---- */

#define QKDTLS_STAPLE_MAX 16384

struct qkdtls_staple;

/* 0; -EINVAL: unreadable, no successful response, not about the leaf of @identity; -ENOMEM; with @message */
int qkdtls_staple_load(struct qkdtls_staple **staple, const char *file,
		       const struct qkdtls_identity *identity,
		       char message[QKDTLS_PKI_MESSAGE_MAX]);
void qkdtls_staple_free(struct qkdtls_staple *staple);
const uint8_t *qkdtls_staple_der(const struct qkdtls_staple *staple, size_t *len);

/* ---- A peer's chain ---- */

struct qkdtls_chain;

int qkdtls_chain_new(struct qkdtls_chain **chain); /* one reference */
struct qkdtls_chain *qkdtls_chain_ref(struct qkdtls_chain *chain);
void qkdtls_chain_free(struct qkdtls_chain *chain); /* gives one up */

/*
 * The next certificate, leaf first, copied. 0; alert bad_certificate: not one DER certificate, or
 * more than QKDTLS_CHAIN_MAX; -ENOMEM
 */
int qkdtls_chain_add(struct qkdtls_chain *chain, const uint8_t *der, size_t len);
size_t qkdtls_chain_count(const struct qkdtls_chain *chain);

/**
 * struct qkdtls_chain_check - what a peer's chain must be
 * @trust: the anchors
 * @name: dNSName of the leaf's subjectAltName, byte for byte but ASCII case: no wildcards, no
 * common name; NULL: any (a server that knows its clients only by their issuer)
 * @server: the leaf is a server's (extendedKeyUsage serverAuth, if it has any), else a client's
 * @schemes: how each certificate but the anchor must be signed; NULL: anyhow
 * @crls: each certificate but the anchor needs a list; NULL: none does
 * @status_required: a good OCSP response about the leaf must have come
 * @status, @status_len: that response in DER
 * @when: checked at this time; NULL: now
 */
struct qkdtls_chain_check {
	const struct qkdtls_trust *trust;
	const char *name;
	bool server;
	const struct qkdtls_scheme_list *schemes;
	const struct qkdtls_crls *crls;
	bool status_required;
	const uint8_t *status;
	size_t status_len;
	const time_t *when;
};

/*
 * 0; an alert (positive): unknown_ca, certificate_expired, bad_certificate,
 * unsupported_certificate, certificate_revoked, certificate_unknown,
 * bad_certificate_status_response, with the reason (a constant text); or -EIO, -ENOMEM.
 */
int qkdtls_chain_verify(struct qkdtls_chain *chain, const struct qkdtls_chain_check *check,
			const char **reason);

/*
 * It was found good, and is every certificate of its path, the anchor included, valid at @when? Never if the check
 * was about revocation lists or an OCSP response, too, which count at the time of each check.
 */
bool qkdtls_chain_valid_at(const struct qkdtls_chain *chain, time_t when);

/*
 * The leaf signed @data? 0; alert illegal_parameter: its key is not one of @scheme; alert
 * decrypt_error: the signature is wrong; -EIO, -ENOMEM
 */
int qkdtls_chain_verify_signature(const struct qkdtls_chain *chain,
				  const struct qkdtls_scheme *scheme, const uint8_t *data,
				  size_t data_len, const uint8_t *signature, size_t signature_len);

const uint8_t *qkdtls_chain_leaf(const struct qkdtls_chain *chain,
				 size_t *len); /* DER; NULL if empty */

/* The leaf's subject by RFC 2253, cut to @size. 0, -ENOENT (no leaf), -ENOMEM */
int qkdtls_chain_subject(const struct qkdtls_chain *chain, char *out, size_t size);

#endif /* QKDTLS_CRYPTO_PKI_H */
