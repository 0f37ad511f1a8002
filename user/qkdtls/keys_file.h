/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A PSK source out of a file, for machines without the kernel module: lines "UUID HEX", comments after #,
 * closed to group and others. Keys are offered in the order of the file; each is used once, also across
 * runs: see spent_file.h. The other end has its own copy of the file.
 */
#ifndef _QKDTLS_KEYS_FILE_H
#define _QKDTLS_KEYS_FILE_H

#include <qkd/qkdtls.h>

struct keys_file;

/* NULL: standard error says why. keys_file_close() wipes. */
struct keys_file *keys_file_open(const char *path);
void keys_file_close(struct keys_file *keys);

/* The argument is the struct keys_file. */
extern const struct qkdtls_psk_ops keys_file_ops;

/* Why the last call found no key or failed, as a negative errno, or 0 */
int keys_file_error(const struct keys_file *keys);

#endif /* _QKDTLS_KEYS_FILE_H */
