// SPDX-License-Identifier: GPL-2.0-or-later
/* Stands for crypto_chain.c and crypto_identity.c: they read what they are given, and may refuse it. */
#include "prove.h"

bool qkdtls_identity_fits(const struct qkdtls_identity *identity,
			  const struct qkdtls_scheme *scheme)
{
	check(identity && __CPROVER_r_ok(scheme, sizeof(*scheme)), "there is what is to fit");
	return nondet_bool();
}

int qkdtls_chain_new(struct qkdtls_chain **chain)
{
	*chain = NULL;
	return nondet_int();
}

struct qkdtls_chain *qkdtls_chain_ref(struct qkdtls_chain *chain)
{
	check(chain, "there is a chain");
	return chain;
}

void qkdtls_chain_free(struct qkdtls_chain *chain)
{
}

bool qkdtls_chain_valid_at(const struct qkdtls_chain *chain, time_t when)
{
	check(chain, "there is a chain");
	return nondet_bool();
}

int qkdtls_chain_add(struct qkdtls_chain *chain, const uint8_t *der, size_t len)
{
	check(len && __CPROVER_r_ok(der, len), "a certificate is there");
	return nondet_int();
}

size_t qkdtls_chain_count(const struct qkdtls_chain *chain)
{
	return nondet_size();
}

int qkdtls_chain_verify(struct qkdtls_chain *chain, const struct qkdtls_chain_check *check,
			const char **reason)
{
	check(__CPROVER_r_ok(check->status, check->status_len), "an OCSP response is there");
	return nondet_int();
}

int qkdtls_chain_subject(const struct qkdtls_chain *chain, char *out, size_t size)
{
	check(__CPROVER_w_ok(out, size), "there is room for a name");
	return nondet_int();
}

int qkdtls_chain_verify_signature(const struct qkdtls_chain *chain,
				  const struct qkdtls_scheme *scheme, const uint8_t *data,
				  size_t data_len, const uint8_t *signature, size_t signature_len)
{
	check(__CPROVER_r_ok(data, data_len), "what is signed is there");
	check(__CPROVER_r_ok(signature, signature_len), "a signature is there");
	check(__CPROVER_r_ok(scheme, sizeof(*scheme)), "there is a scheme");
	return nondet_int();
}
