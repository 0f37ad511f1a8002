// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include "tls/crypto_lib.h"
#include "tls/crypto_x509.h"

struct qkdtls_trust {
	STACK_OF(X509) * certs;
	struct qkdtls_pins *pins;
};

int qkdtls_trust_load(struct qkdtls_trust **trust, const char *file,
		      char message[QKDTLS_PKI_MESSAGE_MAX])
{
	struct qkdtls_trust *t = calloc(1, sizeof(*t));
	int err;

	if (!t) {
		snprintf(message, QKDTLS_PKI_MESSAGE_MAX, "%s: out of memory", file);
		return -ENOMEM;
	}
	err = qkdtls_x509_read(&t->certs, file, message);
	if (!err)
		err = qkdtls_pins_read(&t->pins, file, message);
	if (!err && !sk_X509_num(t->certs) && !qkdtls_pins_count(t->pins)) {
		snprintf(message, QKDTLS_PKI_MESSAGE_MAX,
			 "%s: contains no certificate and no public key", file);
		err = -EINVAL;
	}
	if (err) {
		qkdtls_trust_free(t);
		return err;
	}
	*trust = t;
	return 0;
}

void qkdtls_trust_free(struct qkdtls_trust *trust)
{
	if (!trust)
		return;
	sk_X509_pop_free(trust->certs, X509_free);
	qkdtls_pins_free(trust->pins);
	free(trust);
}

static X509 *find_listed(const struct qkdtls_trust *trust, const X509 *cert)
{
	for (int i = 0; i < sk_X509_num(trust->certs); i++)
		if (!X509_cmp(sk_X509_value(trust->certs, i), cert))
			return sk_X509_value(trust->certs, i);
	return NULL;
}

static X509 *find_leaf(const struct qkdtls_trust *trust, X509 *leaf)
{
	X509 *listed = find_listed(trust, leaf);

	if (listed)
		return listed;
	return qkdtls_pins_have(trust->pins, leaf) ? leaf : NULL;
}

static bool add_pinned(const struct qkdtls_trust *trust, const STACK_OF(X509) * chain,
		       STACK_OF(X509) * anchors)
{
	for (int i = 1; i < sk_X509_num(chain); i++) {
		X509 *cert = sk_X509_value(chain, i);

		if (qkdtls_pins_have(trust->pins, cert) && !sk_X509_push(anchors, cert))
			return false;
	}
	return true;
}

int qkdtls_trust_anchors(const struct qkdtls_trust *trust, const STACK_OF(X509) * chain,
			 STACK_OF(X509) * *anchors, bool *leaf_is_anchor)
{
	X509 *leaf = find_leaf(trust, sk_X509_value(chain, 0));
	bool ok;

	*leaf_is_anchor = leaf;
	*anchors = leaf ? sk_X509_new_null() : sk_X509_dup(trust->certs);
	if (!*anchors)
		return qkdtls_lib_error(-ENOMEM);
	ok = leaf ? sk_X509_push(*anchors, leaf) > 0 : add_pinned(trust, chain, *anchors);
	if (ok)
		return 0;
	sk_X509_free(*anchors);
	return qkdtls_lib_error(-ENOMEM);
}
