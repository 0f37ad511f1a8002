// SPDX-License-Identifier: GPL-2.0-or-later
/* OCSP responses (RFC 6960): our own, to be stapled, and what a peer stapled */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <openssl/ocsp.h>
#include <openssl/x509v3.h>
#include "qkd/qkdtls.h"
#include "tls/crypto_lib.h"
#include "tls/crypto_x509.h"

/* Delegates that are looked at in one response: each costs a verification. */
#define DELEGATES_MAX 4
/* A responder's clock may be ahead by so much. */
#define CLOCK_SKEW    300

static OCSP_BASICRESP *parse(const uint8_t *der, size_t len)
{
	const uint8_t *pos = der;
	OCSP_RESPONSE *response;
	OCSP_BASICRESP *basic = NULL;

	if (len > QKDTLS_STAPLE_MAX)
		return NULL;
	response = d2i_OCSP_RESPONSE(NULL, &pos, (long)len);
	if (response && pos == der + len &&
	    OCSP_response_status(response) == OCSP_RESPONSE_STATUS_SUCCESSFUL)
		basic = OCSP_response_get1_basic(response);
	OCSP_RESPONSE_free(response);
	return basic;
}

/* Does the response's certificate ID mean this leaf? Without its issuer only name and number tell. */
static bool is_about(OCSP_SINGLERESP *single, const X509 *leaf, const X509 *issuer)
{
	OCSP_CERTID *id = (OCSP_CERTID *)OCSP_SINGLERESP_get0_id(single), *want;
	uint8_t hash[EVP_MAX_MD_SIZE];
	ASN1_OCTET_STRING *name;
	ASN1_INTEGER *serial;
	ASN1_OBJECT *algorithm;
	const EVP_MD *md;
	unsigned int len;
	bool same;

	if (OCSP_id_get0_info(&name, &algorithm, NULL, &serial, id) != 1)
		return false;
	md = EVP_get_digestbyobj(algorithm);
	if (!md)
		return false;
	if (issuer) {
		want = OCSP_cert_to_id(md, leaf, issuer);
		same = want && !OCSP_id_cmp(want, id);
		OCSP_CERTID_free(want);
		return same;
	}
	return !ASN1_INTEGER_cmp(serial, X509_get0_serialNumber(leaf)) &&
	       X509_NAME_digest(X509_get_issuer_name(leaf), md, hash, &len) == 1 &&
	       (int)len == ASN1_STRING_length(name) &&
	       !memcmp(hash, ASN1_STRING_get0_data(name), len);
}

static OCSP_SINGLERESP *find_single(OCSP_BASICRESP *basic, const X509 *leaf, const X509 *issuer)
{
	OCSP_SINGLERESP *single;

	for (int i = 0; i < OCSP_resp_count(basic); i++) {
		single = OCSP_resp_get0(basic, i);
		if (is_about(single, leaf, issuer))
			return single;
	}
	return NULL;
}

/* ---- Our own ---- */

struct qkdtls_staple {
	size_t len;
	uint8_t der[QKDTLS_STAPLE_MAX];
};

static int say(char message[QKDTLS_PKI_MESSAGE_MAX], int err, const char *file, const char *what)
{
	snprintf(message, QKDTLS_PKI_MESSAGE_MAX, "%s: %s", file, what);
	return qkdtls_lib_error(err);
}

static const char *read_staple(struct qkdtls_staple *staple, const char *file)
{
	FILE *in = fopen(file, "re");
	const char *what = NULL;

	if (!in)
		return strerror(errno);
	staple->len = fread(staple->der, 1, sizeof(staple->der), in);
	if (ferror(in))
		what = "cannot be read";
	else if (fgetc(in) != EOF)
		what = "too large for an OCSP response";
	fclose(in);
	return what;
}

static X509 *own_certificate(const struct qkdtls_identity *identity, size_t index)
{
	const uint8_t *der;
	size_t len;

	der = qkdtls_identity_certificate(identity, index, &len);
	return der ? d2i_X509(NULL, &der, (long)len) : NULL;
}

static const char *check_staple(const struct qkdtls_staple *staple,
				const struct qkdtls_identity *identity)
{
	OCSP_BASICRESP *basic = parse(staple->der, staple->len);
	X509 *leaf = own_certificate(identity, 0), *issuer = own_certificate(identity, 1);
	const char *what = NULL;

	if (!basic)
		what = "not a successful OCSP response in DER";
	else if (!leaf || !find_single(basic, leaf, issuer))
		what = "an OCSP response about another certificate";
	X509_free(leaf);
	X509_free(issuer);
	OCSP_BASICRESP_free(basic);
	return what;
}

int qkdtls_staple_load(struct qkdtls_staple **staple, const char *file,
		       const struct qkdtls_identity *identity, char message[QKDTLS_PKI_MESSAGE_MAX])
{
	struct qkdtls_staple *s = calloc(1, sizeof(*s));
	const char *what;

	if (!s)
		return say(message, -ENOMEM, file, "out of memory");
	what = read_staple(s, file);
	if (!what)
		what = check_staple(s, identity);
	if (what) {
		free(s);
		return say(message, -EINVAL, file, what);
	}
	message[0] = '\0';
	*staple = s;
	return qkdtls_lib_error(0);
}

void qkdtls_staple_free(struct qkdtls_staple *staple)
{
	free(staple);
}

const uint8_t *qkdtls_staple_der(const struct qkdtls_staple *staple, size_t *len)
{
	*len = staple->len;
	return staple->der;
}

/* ---- A peer's ---- */

static bool may_sign_ocsp(X509 *cert)
{
	/* Without the extension libcrypto says that all uses are allowed. */
	return X509_get_extension_flags(cert) & EXFLAG_XKUSAGE &&
	       X509_get_extended_key_usage(cert) & XKU_OCSP_SIGN && qkdtls_x509_may_sign(cert);
}

/*
 * The issuer, and those certificates of the response that the issuer itself signed for this use (RFC 6960
 * section 4.2.2.2). Nobody else may answer for it, whatever else the trust file holds.
 */
static STACK_OF(X509) * find_signers(OCSP_BASICRESP *basic, X509 *issuer, const time_t *when)
{
	const STACK_OF(X509) *certs = OCSP_resp_get0_certs(basic);
	STACK_OF(X509) *signers = sk_X509_new_null();
	int i;

	if (!signers || !sk_X509_push(signers, issuer))
		goto err;
	for (i = 0; i < sk_X509_num(certs) && i < DELEGATES_MAX; i++) {
		X509 *cert = sk_X509_value(certs, i);

		if (!may_sign_ocsp(cert) || !qkdtls_x509_issued(issuer, cert, when))
			continue;
		if (!sk_X509_push(signers, cert))
			goto err;
	}
	return signers;
err:
	sk_X509_free(signers);
	return NULL;
}

static const char *check_signature(OCSP_BASICRESP *basic, X509 *issuer, const time_t *when)
{
	STACK_OF(X509) * signers;
	bool good;

	if (!qkdtls_x509_is_strong(OCSP_resp_get0_tbs_sigalg(basic)))
		return "the OCSP response is signed with a weak or unknown algorithm";
	signers = find_signers(basic, issuer, when);
	if (!signers)
		return "no memory for an OCSP response";
	/* Looks for the responder among @signers only, and checks nothing but its signature. */
	good = OCSP_basic_verify(basic, signers, NULL, OCSP_TRUSTOTHER | OCSP_NOINTERN) == 1;
	sk_X509_free(signers);
	return good ? NULL : "the OCSP response is not signed by the issuer or its delegate";
}

static const char *check_times(const ASN1_GENERALIZEDTIME *from, const ASN1_GENERALIZEDTIME *until,
			       time_t now)
{
	int before, after;

	if (!until)
		return "the OCSP response has no end";
	before = ASN1_TIME_cmp_time_t(from, now + CLOCK_SKEW);
	after = ASN1_TIME_cmp_time_t(until, now);
	if (before == -2 || after == -2)
		return "the OCSP response has a malformed time";
	if (before > 0)
		return "the OCSP response is of the future";
	return after < 0 ? "the OCSP response is outdated" : NULL;
}

static int judge(OCSP_BASICRESP *basic, const struct qkdtls_status_check *check,
		 const char **reason)
{
	OCSP_SINGLERESP *single = find_single(basic, check->leaf, check->issuer);
	ASN1_GENERALIZEDTIME *from, *until;
	int status;

	*reason = "the OCSP response is about another certificate";
	if (!single)
		return QKDTLS_ALERT_BAD_CERTIFICATE_STATUS_RESPONSE;
	*reason = "the OCSP response has an unknown critical extension";
	if (OCSP_BASICRESP_get_ext_by_critical(basic, 1, -1) >= 0 ||
	    OCSP_SINGLERESP_get_ext_by_critical(single, 1, -1) >= 0)
		return QKDTLS_ALERT_BAD_CERTIFICATE_STATUS_RESPONSE;
	*reason = check_signature(basic, check->issuer, check->when);
	if (*reason)
		return QKDTLS_ALERT_BAD_CERTIFICATE_STATUS_RESPONSE;
	status = OCSP_single_get0_status(single, NULL, NULL, &from, &until);
	*reason = check_times(from, until, check->when ? *check->when : time(NULL));
	if (*reason)
		return QKDTLS_ALERT_BAD_CERTIFICATE_STATUS_RESPONSE;
	*reason = "the OCSP response says that the certificate is revoked";
	if (status == V_OCSP_CERTSTATUS_REVOKED)
		return QKDTLS_ALERT_CERTIFICATE_REVOKED;
	*reason = "the OCSP responder does not know the certificate";
	return status == V_OCSP_CERTSTATUS_GOOD ? 0 : QKDTLS_ALERT_BAD_CERTIFICATE_STATUS_RESPONSE;
}

int qkdtls_status_verify(const struct qkdtls_status_check *check, const char **reason)
{
	OCSP_BASICRESP *basic;
	int ret;

	*reason = "no OCSP response";
	if (!check->len)
		return QKDTLS_ALERT_BAD_CERTIFICATE_STATUS_RESPONSE;
	*reason = "the certificate is an anchor itself: nobody can answer for it by OCSP";
	if (!check->issuer)
		return QKDTLS_ALERT_BAD_CERTIFICATE_STATUS_RESPONSE;
	*reason = "not a successful OCSP response";
	basic = parse(check->der, check->len);
	if (!basic)
		return qkdtls_lib_error(QKDTLS_ALERT_BAD_CERTIFICATE_STATUS_RESPONSE);
	ret = judge(basic, check, reason);
	OCSP_BASICRESP_free(basic);
	return qkdtls_lib_error(ret);
}
