// SPDX-License-Identifier: GPL-2.0-or-later
/* Bare public keys as trust anchors: which certificates carry them */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/err.h>
#include <openssl/objects.h>
#include <openssl/pem.h>
#include "tls/crypto_lib.h"
#include "tls/crypto_x509.h"

/* A wrong file is noticed instead of loaded. */
#define PINS_MAX 100

struct qkdtls_pins {
	X509_PUBKEY *key[PINS_MAX];
	size_t count;
};

static int say(char message[QKDTLS_PKI_MESSAGE_MAX], int err, const char *file, const char *what)
{
	snprintf(message, QKDTLS_PKI_MESSAGE_MAX, "%s: %s", file, what);
	return qkdtls_lib_error(err);
}

static bool algorithm_is_known(const X509_PUBKEY *key)
{
	ASN1_OBJECT *algorithm;
	char number[80];

	if (X509_PUBKEY_get0_param(&algorithm, NULL, NULL, NULL, key) != 1 ||
	    OBJ_obj2txt(number, sizeof(number), algorithm, 1) <= 0)
		return false;
	return qkdtls_lib_has_key_type(number);
}

static int add_key(struct qkdtls_pins *pins, const uint8_t *der, long len, const char *file,
		   char message[QKDTLS_PKI_MESSAGE_MAX])
{
	const uint8_t *pos = der;
	X509_PUBKEY *key = d2i_X509_PUBKEY(NULL, &pos, len);
	bool known;

	if (!key || pos != der + len) {
		X509_PUBKEY_free(key);
		return say(message, -EINVAL, file, "a public key in it cannot be read");
	}
	if (!X509_PUBKEY_get0(key)) {
		known = algorithm_is_known(key);
		X509_PUBKEY_free(key);
		return known ? say(message, -EINVAL, file, "a public key in it cannot be read")
			     : say(message, -EOPNOTSUPP, file,
				   "a public key of an algorithm that this libcrypto lacks");
	}
	if (pins->count == PINS_MAX) {
		X509_PUBKEY_free(key);
		return say(message, -EINVAL, file, "too many public keys");
	}
	pins->key[pins->count++] = key;
	return 0;
}

static int read_keys(struct qkdtls_pins *pins, BIO *bio, const char *file,
		     char message[QKDTLS_PKI_MESSAGE_MAX])
{
	char *name, *header;
	unsigned long why;
	uint8_t *data;
	long len;
	int err = 0;

	while (!err && PEM_read_bio(bio, &name, &header, &data, &len)) {
		if (!strcmp(name, PEM_STRING_PUBLIC))
			err = add_key(pins, data, len, file, message);
		OPENSSL_free(name);
		OPENSSL_free(header);
		/* Whatever else stands in the file may be a private key. */
		OPENSSL_clear_free(data, (size_t)len);
	}
	if (err)
		return err;
	why = ERR_peek_last_error();
	if (ERR_GET_LIB(why) != ERR_LIB_PEM || ERR_GET_REASON(why) != PEM_R_NO_START_LINE)
		return say(message, -EINVAL, file, "a public key in it cannot be read");
	return qkdtls_lib_error(0);
}

int qkdtls_pins_read(struct qkdtls_pins **pins, const char *file,
		     char message[QKDTLS_PKI_MESSAGE_MAX])
{
	struct qkdtls_pins *p = calloc(1, sizeof(*p));
	BIO *bio;
	int err;

	if (!p)
		return say(message, -ENOMEM, file, "out of memory");
	errno = 0;
	bio = BIO_new_file(file, "r");
	if (bio)
		err = read_keys(p, bio, file, message);
	else
		err = say(message, -EINVAL, file, errno ? strerror(errno) : "cannot be opened");
	BIO_free(bio);
	if (err) {
		qkdtls_pins_free(p);
		return err;
	}
	*pins = p;
	return 0;
}

void qkdtls_pins_free(struct qkdtls_pins *pins)
{
	if (!pins)
		return;
	for (size_t i = 0; i < pins->count; i++)
		X509_PUBKEY_free(pins->key[i]);
	free(pins);
}

size_t qkdtls_pins_count(const struct qkdtls_pins *pins)
{
	return pins->count;
}

/* Algorithm, parameters and bits: a key in another form (a compressed point) is another key. */
static bool same_key(const X509_PUBKEY *a, const X509_PUBKEY *b)
{
	X509_ALGOR *algorithm[2];
	const uint8_t *bits[2];
	int len[2];

	return X509_PUBKEY_get0_param(NULL, &bits[0], &len[0], &algorithm[0], a) == 1 &&
	       X509_PUBKEY_get0_param(NULL, &bits[1], &len[1], &algorithm[1], b) == 1 &&
	       len[0] == len[1] && !memcmp(bits[0], bits[1], (size_t)len[0]) &&
	       !X509_ALGOR_cmp(algorithm[0], algorithm[1]);
}

bool qkdtls_pins_have(const struct qkdtls_pins *pins, const X509 *cert)
{
	for (size_t i = 0; i < pins->count; i++)
		if (same_key(pins->key[i], X509_get_X509_PUBKEY(cert)))
			return true;
	return false;
}
