/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The process that has the services' private keys, and signs with them for the workers, which parse what strangers send and
 * have none. It signs nothing but CertificateVerify, for the role of the service that is named.
 */
#ifndef QKDTLSD_SIGNER_H
#define QKDTLSD_SIGNER_H

#include <stddef.h>
#include <stdint.h>
#include <qkd/qkdtls.h>

#include "qkdtlsd/config.h"

/* One packet each way over a socket of type SOCK_SEQPACKET. @id is the worker's own affair. */
struct sign_request {
	uint64_t id;
	uint32_t service; /* its place in the configuration, from 0 */
	uint16_t scheme;
	uint16_t len;
	uint8_t data[QKDTLS_SIGNED_MAX];
};

struct sign_reply {
	uint64_t id;
	int32_t error; /* 0 or a negative errno */
	uint32_t len; /* of what is sent of @signature */
	uint8_t signature[QKDTLS_SIGNATURE_MAX];
};

#define SIGN_REPLY_HEAD offsetof(struct sign_reply, signature)

struct signer;

/*
 * Reads the private keys of all services and checks that they belong to the certificates. NULL: failed, and @message, of
 * SETTINGS_MESSAGE_LEN characters, says why in one line.
 */
struct signer *signer_new(const struct config *config, char *message);
void signer_free(struct signer *signer); /* NULL does nothing */

/* Serves these sockets until the last has been closed at the other end. 0 or a negative errno */
int signer_run(struct signer *signer, const int *fds, size_t count);

#endif /* QKDTLSD_SIGNER_H */
