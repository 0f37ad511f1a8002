// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>
#include <openssl/bio.h>
#include <openssl/pem.h>
#include "tls/crypto_lib.h"
#include "tls/crypto_random.h"
#include "tls/crypto_x509.h"

#define KEY_FILE_MAX (64 * 1024)

struct der {
	uint8_t *data;
	size_t len;
};

/* Prepared once, copied for each signature: what the provider is asked is the same each time. NULL without private key */
struct signer {
	const struct qkdtls_scheme *scheme;
	EVP_MD_CTX *ctx;
};

struct qkdtls_identity {
	EVP_PKEY *key; /* or its public half */
	bool is_private;
	struct signer signers[QKDTLS_LIST_MAX];
	size_t signer_count;
	struct der certs[QKDTLS_CHAIN_MAX];
	size_t count;
};

/* A library does not ask for passwords. */
static int no_password(char *buf, int size, int rwflag, void *arg)
{
	return -1;
}

static int say(char message[QKDTLS_PKI_MESSAGE_MAX], int err, const char *file, const char *what)
{
	snprintf(message, QKDTLS_PKI_MESSAGE_MAX, "%s: %s", file, what);
	return err;
}

/* The whole file into @pem; its length, or a negative errno */
static ssize_t read_fully(int fd, char *pem, size_t size)
{
	size_t have = 0;
	ssize_t n;

	for (;;) {
		n = read(fd, pem + have, size - have);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		have += (size_t)n;
		if (have == size)
			return -EFBIG;
	}
	return n < 0 ? -errno : (ssize_t)have;
}

static int check_key_file(int fd, const char *file, char message[QKDTLS_PKI_MESSAGE_MAX])
{
	struct stat st;

	if (fstat(fd, &st))
		return say(message, -EINVAL, file, strerror(errno));
	if (!S_ISREG(st.st_mode))
		return say(message, -EINVAL, file, "not a regular file");
	if (st.st_mode & (S_IRWXG | S_IRWXO))
		return say(message, -EPERM, file,
			   "a private key that group or others may access; chmod 600 it");
	return 0;
}

static int parse_key(EVP_PKEY **key, const char *pem, size_t len, const char *file,
		     char message[QKDTLS_PKI_MESSAGE_MAX])
{
	BIO *bio = BIO_new_mem_buf(pem, (int)len);

	if (!bio)
		return say(message, qkdtls_lib_error(-ENOMEM), file, "out of memory");
	*key = PEM_read_bio_PrivateKey(bio, NULL, no_password, NULL);
	BIO_free(bio);
	if (!*key)
		return say(message, qkdtls_lib_error(-EINVAL), file,
			   "no private key in PEM without a password");
	return 0;
}

static int load_key(EVP_PKEY **key, const char *file, char message[QKDTLS_PKI_MESSAGE_MAX])
{
	char *pem = NULL;
	ssize_t len;
	int fd, err;

	fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	if (fd < 0)
		return say(message, -EINVAL, file, strerror(errno));
	err = check_key_file(fd, file, message);
	if (err)
		goto out_fd;
	pem = malloc(KEY_FILE_MAX);
	if (!pem) {
		err = say(message, -ENOMEM, file, "out of memory");
		goto out_fd;
	}
	len = read_fully(fd, pem, KEY_FILE_MAX);
	if (len < 0)
		err = say(message, -EINVAL, file, strerror((int)-len));
	else
		err = parse_key(key, pem, (size_t)len, file, message);
	qkdtls_wipe(pem, KEY_FILE_MAX);
	free(pem);
out_fd:
	close(fd);
	return err;
}

static int add_signer(struct qkdtls_identity *identity, const struct qkdtls_scheme *scheme)
{
	struct signer *signer = &identity->signers[identity->signer_count];

	signer->scheme = scheme;
	identity->signer_count++;
	if (!identity->is_private)
		return 0;
	signer->ctx = EVP_MD_CTX_new();
	if (!signer->ctx)
		return qkdtls_lib_error(-ENOMEM);
	if (EVP_DigestSignInit_ex(signer->ctx, NULL, scheme->digest, NULL, NULL, identity->key,
				  qkdtls_x509_signature_params(scheme)) != 1)
		return qkdtls_lib_error(-EIO);
	return 0;
}

/* One for each scheme that fits the key */
static int make_signers(struct qkdtls_identity *identity, const char *file,
			char message[QKDTLS_PKI_MESSAGE_MAX])
{
	struct qkdtls_scheme_list list;
	int err = 0;
	size_t i;

	qkdtls_scheme_list_default(&list);
	for (i = 0; !err && i < list.count; i++) {
		if (qkdtls_x509_key_fits(identity->key, list.item[i]))
			err = add_signer(identity, list.item[i]);
	}
	if (err)
		return say(message, err, file, "libcrypto cannot sign with this key");
	if (!identity->signer_count)
		return say(message, -EOPNOTSUPP, file,
			   "no signature scheme of this build fits this type of key");
	return 0;
}

static const struct signer *find_signer(const struct qkdtls_identity *identity,
					const struct qkdtls_scheme *scheme)
{
	size_t i;

	for (i = 0; i < identity->signer_count; i++) {
		if (identity->signers[i].scheme == scheme)
			return &identity->signers[i];
	}
	return NULL;
}

static int copy_certs(struct qkdtls_identity *identity, const STACK_OF(X509) * certs)
{
	int i, len;

	for (i = 0; i < sk_X509_num(certs); i++) {
		struct der *der = &identity->certs[i];

		len = i2d_X509(sk_X509_value(certs, i), &der->data);
		if (len <= 0)
			return qkdtls_lib_error(-ENOMEM);
		der->len = (size_t)len;
		identity->count++;
	}
	return 0;
}

static int check_chain(const STACK_OF(X509) * certs, const char *chain_file,
		       char message[QKDTLS_PKI_MESSAGE_MAX])
{
	X509 *leaf = sk_X509_value(certs, 0);

	if (!leaf)
		return say(message, -EINVAL, chain_file, "contains no certificate");
	if (sk_X509_num(certs) > QKDTLS_CHAIN_MAX)
		return say(message, -EINVAL, chain_file, "too many certificates for a chain");
	if (!qkdtls_x509_may_sign(leaf))
		return say(message, -EINVAL, chain_file,
			   "the first certificate's keyUsage lacks digitalSignature");
	return 0;
}

static int take_private_key(struct qkdtls_identity *identity, X509 *leaf, const char *key_file,
			    char message[QKDTLS_PKI_MESSAGE_MAX])
{
	int err = load_key(&identity->key, key_file, message);

	identity->is_private = true;
	if (!err && X509_check_private_key(leaf, identity->key) != 1)
		err = say(message, qkdtls_lib_error(-EINVAL), key_file,
			  "not the key of the first certificate of the chain");
	return err ? err : make_signers(identity, key_file, message);
}

static int take_public_key(struct qkdtls_identity *identity, X509 *leaf, const char *chain_file,
			   char message[QKDTLS_PKI_MESSAGE_MAX])
{
	identity->key = X509_get_pubkey(leaf);
	if (!identity->key)
		return say(message, qkdtls_lib_error(-EOPNOTSUPP), chain_file,
			   "a key of a type that this libcrypto lacks");
	return make_signers(identity, chain_file, message);
}

int qkdtls_identity_load(struct qkdtls_identity **identity, const char *chain_file,
			 const char *key_file, char message[QKDTLS_PKI_MESSAGE_MAX])
{
	struct qkdtls_identity *id = NULL;
	STACK_OF(X509) * certs;
	int err;

	err = qkdtls_x509_read(&certs, chain_file, message);
	if (err)
		return err;
	id = calloc(1, sizeof(*id));
	if (!id) {
		err = say(message, -ENOMEM, chain_file, "out of memory");
		goto out;
	}
	err = check_chain(certs, chain_file, message);
	if (!err && key_file)
		err = take_private_key(id, sk_X509_value(certs, 0), key_file, message);
	else if (!err)
		err = take_public_key(id, sk_X509_value(certs, 0), chain_file, message);
	if (!err && copy_certs(id, certs))
		err = say(message, -ENOMEM, chain_file, "out of memory");
out:
	sk_X509_pop_free(certs, X509_free);
	if (err) {
		qkdtls_identity_free(id);
		return err;
	}
	*identity = id;
	return 0;
}

void qkdtls_identity_free(struct qkdtls_identity *identity)
{
	size_t i;

	if (!identity)
		return;
	for (i = 0; i < identity->count; i++)
		OPENSSL_free(identity->certs[i].data);
	for (i = 0; i < identity->signer_count; i++)
		EVP_MD_CTX_free(identity->signers[i].ctx);
	EVP_PKEY_free(identity->key);
	free(identity);
}

size_t qkdtls_identity_count(const struct qkdtls_identity *identity)
{
	return identity->count;
}

const uint8_t *qkdtls_identity_certificate(const struct qkdtls_identity *identity, size_t index,
					   size_t *len)
{
	if (index >= identity->count)
		return NULL;
	*len = identity->certs[index].len;
	return identity->certs[index].data;
}

bool qkdtls_identity_signs(const struct qkdtls_identity *identity)
{
	return identity->is_private;
}

bool qkdtls_identity_fits(const struct qkdtls_identity *identity,
			  const struct qkdtls_scheme *scheme)
{
	return find_signer(identity, scheme);
}

int qkdtls_identity_sign(const struct qkdtls_identity *identity, const struct qkdtls_scheme *scheme,
			 const uint8_t *data, size_t data_len, uint8_t *signature, size_t size,
			 size_t *len)
{
	const struct signer *signer = find_signer(identity, scheme);
	const int most = EVP_PKEY_get_size(identity->key);
	EVP_MD_CTX *ctx;
	int err = 0;

	if (!signer || !signer->ctx)
		return -EINVAL;
	if (most <= 0 || (size_t)most > size)
		return -EMSGSIZE;
	ctx = EVP_MD_CTX_new();
	if (!ctx)
		return qkdtls_lib_error(-ENOMEM);
	*len = size;
	/* libcrypto is not asked for the length first: ML-DSA would sign for it. */
	if (EVP_MD_CTX_copy_ex(ctx, signer->ctx) != 1 ||
	    EVP_DigestSign(ctx, signature, len, data, data_len) != 1)
		err = qkdtls_lib_error(-EIO);
	EVP_MD_CTX_free(ctx);
	return err;
}
