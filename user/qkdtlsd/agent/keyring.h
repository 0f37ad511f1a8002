/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Peers' certificates as keys of the kernel, by whose serial numbers in-kernel users of TLS know who a peer is. */
#ifndef QKDTLSD_KEYRING_H
#define QKDTLSD_KEYRING_H

#include <stddef.h>
#include <stdint.h>

/*
 * The serial number, which is positive, of a key with the certificate @der in this process's keyring, where it takes the place
 * of the one of the same @name; or a negative errno. It is of the type "asymmetric" where the kernel can read the certificate,
 * else, as with ML-DSA, of the type "user", with only the end of it.
 */
int32_t keyring_put_certificate(const char *name, const uint8_t *der, size_t len);

#endif /* QKDTLSD_KEYRING_H */
