/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the command line describes, set up: the engine's configuration and the source of keys. */
#ifndef _QKDTLS_ENDPOINT_H
#define _QKDTLS_ENDPOINT_H

#include <stdio.h>
#include <qkd/qkdtls.h>

#include "qkdtls/options.h"

struct keys_file;
struct static_psk;

/**
 * struct endpoint - one end; owns what it points to but @options
 * @options: the command line
 * @config: engine configuration
 * @ops: PSK source, or NULL: none (only under prefer)
 * @keys: the source is this key file, or NULL
 * @psk: the source is this single key, or NULL
 * @link: the source is the kernel's link; @fd is open during a connection only
 * @keylog: where secrets go on request, or NULL
 */
struct endpoint {
	const struct options *options;
	struct qkdtls_config *config;
	const struct qkdtls_psk_ops *ops;
	struct keys_file *keys;
	struct static_psk *psk;
	struct qkdtls_qkd link;
	FILE *keylog;
};

/* 0, or -1: standard error says why. endpoint_close() in any case. */
int endpoint_open(struct endpoint *endpoint, const struct options *options);
void endpoint_close(struct endpoint *endpoint);

/*
 * A connection, or NULL: out of memory. A key is waited for until @key_deadline_ms. When it has been freed,
 * endpoint_release().
 */
struct qkdtls_conn *endpoint_connection(struct endpoint *endpoint, uint64_t key_deadline_ms);
void endpoint_release(struct endpoint *endpoint);

/* Tells the kernel, for qkdctl session, that the handshake on the socket @fd was made with a key of its link. */
void endpoint_tell(const struct endpoint *endpoint, const struct qkdtls_info *info, int fd);

/* What the source of keys had to say last, as "no key is left", or NULL */
const char *endpoint_key_problem(const struct endpoint *endpoint);

#endif /* _QKDTLS_ENDPOINT_H */
