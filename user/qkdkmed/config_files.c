// SPDX-License-Identifier: GPL-2.0-or-later
/* The files that a configuration names, read before a connection needs them. */
#include <errno.h>
#include <stdio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "common/file.h"
#include "qkdkmed/config.h"

#define PEM_MAX (1U << 20)

/* What a KME's files hold; NULL where there is none */
struct credentials {
	X509 *certificate;
	EVP_PKEY *private_key;
	X509 *trust;
};

struct file_use {
	const char *setting;
	const char *path;
	const char *content;
	bool (*parse)(BIO *pem, struct credentials *credentials);
	bool secret;
};

static bool parse_certificate(BIO *pem, struct credentials *credentials)
{
	credentials->certificate = PEM_read_bio_X509(pem, NULL, NULL, NULL);
	return credentials->certificate;
}

static bool parse_trust(BIO *pem, struct credentials *credentials)
{
	credentials->trust = PEM_read_bio_X509(pem, NULL, NULL, NULL);
	return credentials->trust;
}

/* A daemon has nobody to ask. */
static int no_passphrase(char *buf, int size, int rwflag, void *arg)
{
	return -1;
}

static bool parse_private_key(BIO *pem, struct credentials *credentials)
{
	credentials->private_key = PEM_read_bio_PrivateKey(pem, NULL, no_passphrase, NULL);
	return credentials->private_key;
}

static int complain(const struct kme_config *kme, const struct file_use *use, const char *file,
		    const char *problem, const char *object, char *message)
{
	snprintf(message, SETTINGS_MESSAGE_LEN, "%s:%u: kme \"%s\": \"%s\": %s: %s%s", file,
		 kme->line, kme->name, use->setting, use->path, problem, object);
	return -EINVAL;
}

static int read_use(const struct kme_config *kme, const struct file_use *use, const char *file,
		    struct credentials *credentials, char *message)
{
	char *text = NULL;
	bool parsed = false;
	size_t len = 0;
	BIO *pem;
	int ret;

	ret = use->secret ? file_read_secret(use->path, PEM_MAX, &text, &len)
			  : file_read(use->path, PEM_MAX, &text, &len);
	if (ret) {
		complain(kme, use, file, file_problem(ret), "", message);
		return ret;
	}
	pem = BIO_new_mem_buf(text, (int)len);
	if (pem)
		parsed = use->parse(pem, credentials);
	BIO_free(pem);
	file_free(text, len);
	ERR_clear_error();
	if (parsed)
		return 0;
	return complain(kme, use, file, "holds no ", use->content, message);
}

static void credentials_free(struct credentials *credentials)
{
	X509_free(credentials->certificate);
	EVP_PKEY_free(credentials->private_key);
	X509_free(credentials->trust);
}

static int check_kme(const struct kme_config *kme, const char *file, char *message)
{
	enum { CERTIFICATE, PRIVATE_KEY, TRUST, USES };
	const struct file_use uses[USES] = {
		[CERTIFICATE] = { "certificate", kme->certificate, "certificate in PEM",
				  parse_certificate },
		[PRIVATE_KEY] = { "private-key", kme->private_key,
				  "private key in PEM without a passphrase", parse_private_key,
				  true },
		[TRUST] = { "trust", kme->trust, "certificate in PEM", parse_trust },
	};
	struct credentials credentials = {};
	int ret = 0;

	for (int i = 0; !ret && i < USES; i++) {
		if (uses[i].path)
			ret = read_use(kme, &uses[i], file, &credentials, message);
	}
	if (!ret && X509_check_private_key(credentials.certificate, credentials.private_key) != 1)
		ret = complain(kme, &uses[PRIVATE_KEY], file, "does not belong to the certificate ",
			       kme->certificate, message);
	ERR_clear_error();
	credentials_free(&credentials);
	return ret;
}

int config_check_files(const struct config *config, const char *file,
		       char message[SETTINGS_MESSAGE_LEN])
{
	int ret = 0;

	for (const struct kme_config *kme = config->kmes; kme && !ret; kme = kme->next)
		ret = check_kme(kme, file, message);
	return ret;
}
