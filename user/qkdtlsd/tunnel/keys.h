/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One connection's way to the kernel's keys. The link may not exist yet, may go and come back: so the
 * device is opened for each handshake, and "no link" is a state like "no key", not a failure of the
 * daemon.
 */
#ifndef QKDTLSD_KEYS_H
#define QKDTLSD_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <qkd/libqkd.h>
#include <qkd/qkdtls.h>

#include "qkdtlsd/config.h"

/**
 * struct keys - part of a connection
 * @qkd: the engine's source; @qkd.fd is negative while there is no usable link: then the engine
 *	answers the peer as it answers to an unknown key
 * @problem: why there is none, for the log; NULL if there is
 * @error: negative errno that belongs to it, or 0
 * @context: names the link to the peer; set if there is one
 */
struct keys {
	struct qkdtls_qkd qkd;
	const char *problem;
	int error;
	uint8_t context[QKDTLS_LINK_CONTEXT_LEN];
};

/*
 * Opens the link of @service; a key is waited for until @deadline_ms (CLOCK_MONOTONIC). Then @keys->qkd is what
 * qkdtls_qkd_ops takes, link or not.
 */
void keys_open(struct keys *keys, const struct service_config *service, uint64_t deadline_ms);

/* No key comes from here any more: @problem, a constant, says why. */
void keys_refuse(struct keys *keys, const char *problem);

/* Tells the kernel, for qkdctl session, that the handshake on the socket @fd was made with the key that @info names. */
void keys_tell(const struct keys *keys, const struct qkdtls_info *info, int fd);

/* Why a connection got no key: a sentence */
void keys_describe(const struct keys *keys, char *text, size_t size);

/* The SAE ID of the other end, of keys that have not been closed; "" if the link does not tell */
void keys_peer_sae(const struct keys *keys, const struct service_config *service, char *text,
		   size_t size);

/* No key is asked for any more. */
void keys_close(struct keys *keys);

#endif /* QKDTLSD_KEYS_H */
