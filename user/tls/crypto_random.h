/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Random bytes, comparison in constant time, wiping. */
#ifndef QKDTLS_CRYPTO_RANDOM_H
#define QKDTLS_CRYPTO_RANDOM_H

#include <stdbool.h>
#include <stddef.h>

int qkdtls_random(void *out, size_t len); /* 0 or -EIO */
bool qkdtls_equal(const void *a, const void *b, size_t len);
void qkdtls_wipe(void *data, size_t len);

#endif /* QKDTLS_CRYPTO_RANDOM_H */
