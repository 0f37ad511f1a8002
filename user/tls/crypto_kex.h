/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The single algorithms of which key-exchange groups are made. Return values as in kex.h.
 */
#ifndef QKDTLS_CRYPTO_KEX_H
#define QKDTLS_CRYPTO_KEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct qkdtls_kex_part - an algorithm
 * @key_type: libcrypto's name of the key type
 * @curve: libcrypto's name of an EC key's curve, or NULL
 * @kem: the server encapsulates to the client's key, else both ends derive (ECDH)
 * @client_share: bytes the client sends
 * @server_share: bytes the server sends
 * @secret: bytes of the shared secret
 */
struct qkdtls_kex_part {
	const char *key_type;
	const char *curve;
	bool kem;
	size_t client_share;
	size_t server_share;
	size_t secret;
};

extern const struct qkdtls_kex_part qkdtls_part_x25519;
extern const struct qkdtls_kex_part qkdtls_part_p256;
extern const struct qkdtls_kex_part qkdtls_part_p384;
extern const struct qkdtls_kex_part qkdtls_part_mlkem768;
extern const struct qkdtls_kex_part qkdtls_part_mlkem1024;

/* The client's key pair */
struct qkdtls_kex_key;

int qkdtls_kex_key_new(struct qkdtls_kex_key **key, const struct qkdtls_kex_part *part);
void qkdtls_kex_key_free(struct qkdtls_kex_key *key); /* wipes; NULL does nothing */
int qkdtls_kex_key_share(const struct qkdtls_kex_key *key, uint8_t *client_share);
int qkdtls_kex_key_finish(const struct qkdtls_kex_key *key, const uint8_t *server_share,
			  uint8_t *secret);

/* The server's half */
int qkdtls_kex_part_respond(const struct qkdtls_kex_part *part, const uint8_t *client_share,
			    uint8_t *server_share, uint8_t *secret);

#endif /* QKDTLS_CRYPTO_KEX_H */
