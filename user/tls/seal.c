// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>

#include "tls/seal.h"

struct qkdtls_seal *qkdtls_seal_new(const struct qkdtls_seal_ops *ops, void *arg)
{
	struct qkdtls_seal *seal = malloc(sizeof(*seal));

	if (!seal)
		return NULL;
	*seal = (struct qkdtls_seal){ .refs = 1, .ops = ops, .arg = arg };
	return seal;
}

struct qkdtls_seal *qkdtls_seal_ref(struct qkdtls_seal *seal)
{
	seal->refs++;
	return seal;
}

void qkdtls_seal_unref(struct qkdtls_seal *seal)
{
	if (!seal || --seal->refs)
		return;
	seal->ops->close(seal->arg);
	free(seal);
}
