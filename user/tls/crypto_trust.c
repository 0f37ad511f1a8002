// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "tls/crypto_lib.h"
#include "tls/crypto_x509.h"

struct qkdtls_trust {
	X509_STORE *store;
};

static int fill_store(X509_STORE *store, const STACK_OF(X509) * certs)
{
	int i;

	for (i = 0; i < sk_X509_num(certs); i++) {
		if (X509_STORE_add_cert(store, sk_X509_value(certs, i)) != 1)
			return qkdtls_lib_error(-ENOMEM);
	}
	return 0;
}

int qkdtls_trust_load(struct qkdtls_trust **trust, const char *file,
		      char message[QKDTLS_PKI_MESSAGE_MAX])
{
	struct qkdtls_trust *t;
	STACK_OF(X509) * certs;
	int err;

	err = qkdtls_x509_read(&certs, file, message);
	if (err)
		return err;
	t = calloc(1, sizeof(*t));
	if (t)
		t->store = X509_STORE_new();
	err = t && t->store ? fill_store(t->store, certs) : -ENOMEM;
	sk_X509_pop_free(certs, X509_free);
	if (err) {
		snprintf(message, QKDTLS_PKI_MESSAGE_MAX, "%s: out of memory", file);
		qkdtls_trust_free(t);
		return qkdtls_lib_error(err);
	}
	*trust = t;
	return 0;
}

void qkdtls_trust_free(struct qkdtls_trust *trust)
{
	if (!trust)
		return;
	X509_STORE_free(trust->store);
	free(trust);
}

X509_STORE *qkdtls_trust_store(const struct qkdtls_trust *trust)
{
	return trust->store;
}
