// SPDX-License-Identifier: GPL-2.0-or-later
#include "pki.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/ec.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

#define PKI_DAY 86400L

struct pki_ca {
	X509 *cert;
	EVP_PKEY *key;
};

struct pki {
	char *dir;
	char path[8][256];
	unsigned int next_path;
	long serial;
	struct pki_ca ca, other;
};

/* A test that cannot make its certificates has nothing to say. */
static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "pki: %s failed\n", what);
	abort();
}

const char *pki_path(struct pki *pki, const char *file)
{
	char *path = pki->path[pki->next_path++ % 8];
	int len = snprintf(path, sizeof(pki->path[0]), "%s/%s", pki->dir, file);

	must(len > 0 && (size_t)len < sizeof(pki->path[0]), "name a file");
	return path;
}

static FILE *pki_create(struct pki *pki, const char *name, const char *suffix, int mode)
{
	char file[128];
	FILE *out;
	int fd;

	snprintf(file, sizeof(file), "%s%s", name, suffix);
	fd = open(pki_path(pki, file), O_WRONLY | O_CREAT | O_TRUNC, mode);
	must(fd >= 0 && fchmod(fd, mode) == 0, "create file");
	out = fdopen(fd, "w");
	must(out, "fdopen");
	return out;
}

const char *pki_write(struct pki *pki, const char *file, const char *text, int mode)
{
	FILE *out = pki_create(pki, file, "", mode);

	must(fputs(text, out) >= 0 && fclose(out) == 0, "write file");
	return pki_path(pki, file);
}

static void pki_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
	X509V3_CTX ctx;
	X509_EXTENSION *ext;

	X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	must(ext && X509_add_ext(cert, ext, -1), value);
	X509_EXTENSION_free(ext);
}

static X509 *pki_cert(struct pki *pki, EVP_PKEY *key, const char *name, long not_before,
		      long not_after)
{
	X509 *cert = X509_new();
	X509_NAME *subject;

	must(cert && X509_set_version(cert, X509_VERSION_3), "X509_new");
	must(ASN1_INTEGER_set(X509_get_serialNumber(cert), ++pki->serial), "serial");
	must(X509_gmtime_adj(X509_getm_notBefore(cert), not_before) &&
		     X509_gmtime_adj(X509_getm_notAfter(cert), not_after),
	     "validity");
	subject = X509_get_subject_name(cert);
	must(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const uint8_t *)name, -1, -1,
					0),
	     "subject");
	must(X509_set_pubkey(cert, key), "public key");
	return cert;
}

#define PKI_RSA_BITS 2048

static EVP_PKEY *pki_key(const char *type)
{
	if (!strncmp(type, "P-", 2))
		return EVP_EC_gen(type);
	if (!strncmp(type, "RSA", 3))
		return EVP_RSA_gen(type[3] ? (unsigned int)atoi(type + 4) : PKI_RSA_BITS);
	return EVP_PKEY_Q_keygen(NULL, NULL, type);
}

/* Algorithms with a digest of their own take none. */
static void pki_sign(X509 *cert, EVP_PKEY *key, const struct pki_leaf *leaf)
{
	const bool classic = EVP_PKEY_is_a(key, "EC") || EVP_PKEY_is_a(key, "RSA");
	const EVP_MD *digest = EVP_get_digestbyname(leaf->digest ? leaf->digest : "SHA256");
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	EVP_PKEY_CTX *params;

	must(ctx && EVP_DigestSignInit(ctx, &params, classic ? digest : NULL, NULL, key) == 1,
	     "start a signature");
	if (leaf->pss)
		must(EVP_PKEY_CTX_set_rsa_padding(params, RSA_PKCS1_PSS_PADDING) == 1 &&
			     EVP_PKEY_CTX_set_rsa_pss_saltlen(
				     params,
				     leaf->pss_salt ? leaf->pss_salt : RSA_PSS_SALTLEN_DIGEST) == 1,
		     "RSASSA-PSS");
	must(X509_sign_ctx(cert, ctx), "sign");
	EVP_MD_CTX_free(ctx);
}

static void pki_make_ca(struct pki *pki, struct pki_ca *ca, const char *type, const char *file,
			const char *name)
{
	FILE *out;

	ca->key = pki_key(type);
	must(ca->key, "CA key");
	ca->cert = pki_cert(pki, ca->key, name, -PKI_DAY, 365 * PKI_DAY);
	must(X509_set_issuer_name(ca->cert, X509_get_subject_name(ca->cert)), "issuer");
	pki_extension(ca->cert, ca->cert, NID_basic_constraints, "critical,CA:TRUE");
	pki_extension(ca->cert, ca->cert, NID_key_usage, "critical,keyCertSign");
	pki_extension(ca->cert, ca->cert, NID_subject_key_identifier, "hash");
	pki_sign(ca->cert, ca->key, &(struct pki_leaf){ 0 });
	out = pki_create(pki, file, ".pem", 0644);
	must(PEM_write_X509(out, ca->cert) && fclose(out) == 0, "write CA");
}

bool pki_has_type(const char *type)
{
	EVP_PKEY_CTX *ctx;

	if (!strncmp(type, "P-", 2) || !strncmp(type, "RSA", 3))
		return true;
	ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	EVP_PKEY_CTX_free(ctx);
	return ctx;
}

static void pki_make_intermediate(struct pki *pki, struct pki_ca *ca, const char *type)
{
	char name[64];

	snprintf(name, sizeof(name), "Test CA %s", type);
	ca->key = pki_key(type);
	must(ca->key, "intermediate CA key");
	ca->cert = pki_cert(pki, ca->key, name, -PKI_DAY, 365 * PKI_DAY);
	must(X509_set_issuer_name(ca->cert, X509_get_subject_name(pki->ca.cert)), "issuer");
	pki_extension(ca->cert, pki->ca.cert, NID_basic_constraints, "critical,CA:TRUE");
	pki_extension(ca->cert, pki->ca.cert, NID_key_usage, "critical,keyCertSign");
	pki_sign(ca->cert, pki->ca.key, &(struct pki_leaf){ 0 });
}

void pki_issue(struct pki *pki, const struct pki_leaf *leaf)
{
	struct pki_ca own = { NULL, NULL };
	const struct pki_ca *ca = leaf->other_ca ? &pki->other : &pki->ca;
	struct pki_ca between = { NULL, NULL };
	EVP_PKEY *key = pki_key(leaf->type ? leaf->type : "P-256");
	char san[128], ca_file[64];
	X509 *cert;
	FILE *out;

	must(key, "leaf key");
	if (leaf->issuer_type) {
		pki_make_intermediate(pki, &between, leaf->issuer_type);
		ca = &between;
	}
	if (leaf->ca_type) {
		snprintf(ca_file, sizeof(ca_file), "%s-ca", leaf->file);
		pki_make_ca(pki, &own, leaf->ca_type, ca_file, ca_file);
		ca = &own;
	}
	cert = pki_cert(pki, key, leaf->name, leaf->not_before, leaf->not_after);
	must(X509_set_issuer_name(cert, X509_get_subject_name(ca->cert)), "issuer");
	snprintf(san, sizeof(san), "DNS:%s", leaf->name);
	pki_extension(cert, ca->cert, NID_subject_alt_name, san);
	pki_extension(cert, ca->cert, NID_basic_constraints, "critical,CA:FALSE");
	pki_extension(cert, ca->cert, NID_key_usage,
		      leaf->no_sign ? "critical,keyAgreement" : "critical,digitalSignature");
	pki_extension(cert, ca->cert, NID_ext_key_usage,
		      leaf->client_only ? "clientAuth" : "serverAuth,clientAuth");
	pki_sign(cert, ca->key, leaf);

	out = pki_create(pki, leaf->file, ".pem", 0644);
	must(PEM_write_X509(out, cert), "write leaf");
	must((!between.cert || PEM_write_X509(out, between.cert)) && fclose(out) == 0,
	     "write chain");
	out = pki_create(pki, leaf->file, ".key", 0600);
	must(PEM_write_PKCS8PrivateKey(out, key, NULL, NULL, 0, NULL, NULL) && fclose(out) == 0,
	     "write key");
	X509_free(cert);
	X509_free(between.cert);
	EVP_PKEY_free(between.key);
	EVP_PKEY_free(key);
	X509_free(own.cert);
	EVP_PKEY_free(own.key);
}

#define PKI_VALID .not_before = -PKI_DAY, .not_after = PKI_DAY

static const struct pki_leaf pki_leaves[] = {
	{ .file = "server", .name = PKI_SERVER_NAME, PKI_VALID },
	{ .file = "client", .name = PKI_CLIENT_NAME, PKI_VALID },
	{ .file = "expired",
	  .name = PKI_SERVER_NAME,
	  .not_before = -9 * PKI_DAY,
	  .not_after = -PKI_DAY },
	{ .file = "early",
	  .name = PKI_SERVER_NAME,
	  .not_before = PKI_DAY,
	  .not_after = 9 * PKI_DAY },
	{ .file = "stranger", .name = PKI_SERVER_NAME, .other_ca = true, PKI_VALID },
	{ .file = "nosign", .name = PKI_SERVER_NAME, .no_sign = true, PKI_VALID },
	{ .file = "client-only", .name = PKI_SERVER_NAME, .client_only = true, PKI_VALID },
	{ .file = "p521", .name = PKI_SERVER_NAME, .type = "P-521", PKI_VALID },
};

struct pki *pki_new(void)
{
	struct pki *pki = calloc(1, sizeof(*pki));

	must(pki, "calloc");
	pki->dir = strdup("/tmp/qkdtls-pki-XXXXXX");
	must(pki->dir && mkdtemp(pki->dir), "mkdtemp");
	pki_make_ca(pki, &pki->ca, "P-256", "ca", "Test CA");
	pki_make_ca(pki, &pki->other, "P-256", "other-ca", "Other CA");
	for (size_t i = 0; i < sizeof(pki_leaves) / sizeof(pki_leaves[0]); i++)
		pki_issue(pki, &pki_leaves[i]);
	return pki;
}

static void pki_remove_dir(struct pki *pki)
{
	DIR *dir = opendir(pki->dir);
	struct dirent *entry;

	must(dir, "opendir");
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.')
			must(unlink(pki_path(pki, entry->d_name)) == 0, "unlink");
	closedir(dir);
	must(rmdir(pki->dir) == 0, "rmdir");
}

void pki_free(struct pki *pki)
{
	if (!pki)
		return;
	pki_remove_dir(pki);
	X509_free(pki->ca.cert);
	EVP_PKEY_free(pki->ca.key);
	X509_free(pki->other.cert);
	EVP_PKEY_free(pki->other.key);
	free(pki->dir);
	free(pki);
}
