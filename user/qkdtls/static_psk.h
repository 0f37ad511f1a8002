/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A PSK source of one key with a name, for foreign peers; unlike a QKD key it may be used again. */
#ifndef _QKDTLS_STATIC_PSK_H
#define _QKDTLS_STATIC_PSK_H

#include <qkd/qkdtls.h>

struct static_psk;

/* @path holds the key in hexadecimal. NULL: standard error says why. static_psk_close() wipes. */
struct static_psk *static_psk_open(const char *path, const char *identity);
void static_psk_close(struct static_psk *psk);

/* The argument is the struct static_psk. */
extern const struct qkdtls_psk_ops static_psk_ops;

#endif /* _QKDTLS_STATIC_PSK_H */
