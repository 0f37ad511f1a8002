// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A peer's chain: FLAGS, then certificates: WHICH of the genuine ones, with changes, or bytes as they are. Only the
 * genuine leaf is ever good, and only for its name.
 */
#include <string.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "fuzz.h"
#include "tls/crypto_pki.h"

#define CERTIFICATES_MAX 12
#define ITS_NAME	 0x01
#define OTHER_NAME	 0x02
#define SERVER		 0x04
#define STAPLE		 0x08

static const char *const files[] = { "server.pem", "ca.pem",	      "client.pem",  "other-ca.pem",
				     "nosign.pem", "client-only.pem", "expired.pem", "p521.pem" };

struct genuine {
	uint8_t *der;
	size_t len;
};

static struct genuine genuine[ARRAY_SIZE(files)];
static struct qkdtls_trust *trust;

static void free_all(void)
{
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		OPENSSL_free(genuine[i].der);
	qkdtls_trust_free(trust);
}

static void load(void)
{
	char message[QKDTLS_PKI_MESSAGE_MAX];

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		FILE *file = fopen(pki_path(fuzz_pki(), files[i]), "re");
		X509 *cert = file ? PEM_read_X509(file, NULL, NULL, NULL) : NULL;
		const int len = i2d_X509(cert, &genuine[i].der);

		FUZZ_CHECK(len > 0);
		genuine[i].len = (size_t)len;
		X509_free(cert);
		fclose(file);
	}
	FUZZ_CHECK(!qkdtls_trust_load(&trust, pki_path(fuzz_pki(), "ca.pem"), message));
	atexit(free_all);
}

static int add(struct fuzz_input *in, struct qkdtls_chain *chain)
{
	static uint8_t der[4096];
	const uint8_t which = fuzz_u8(in);
	unsigned int changes = which >> 4;
	const struct genuine *from;
	const uint8_t *bytes;
	size_t len, cut;

	if ((which & 0x0f) >= ARRAY_SIZE(files)) {
		bytes = fuzz_vec(in, &len);
		return qkdtls_chain_add(chain, bytes, len);
	}
	from = &genuine[which & 0x0f];
	FUZZ_CHECK(from->len <= sizeof(der));
	memcpy(der, from->der, from->len);
	for (cut = changes == 15 ? fuzz_u8(in) : 0; changes && changes < 15; changes--) {
		const size_t at = fuzz_u16(in) % from->len;

		der[at] ^= fuzz_u8(in);
	}
	return qkdtls_chain_add(chain, der, from->len - (cut < from->len ? cut : 0));
}

static bool is_genuine(const struct qkdtls_chain *chain)
{
	const uint8_t *der;
	size_t len;

	der = qkdtls_chain_leaf(chain, &len);
	for (size_t i = 0; i < ARRAY_SIZE(files); i++)
		if (len == genuine[i].len && !memcmp(der, genuine[i].der, len))
			return true;
	return false;
}

static void verify(struct fuzz_input *in, struct qkdtls_chain *chain, uint8_t flags)
{
	const bool server = flags & SERVER;
	const char *reason = NULL, *name = server ? PKI_SERVER_NAME : PKI_CLIENT_NAME;
	struct qkdtls_chain_check check = { .trust = trust, .server = server };
	char subject[256], *other = NULL;
	int ret;

	if (flags & ITS_NAME)
		check.name = name;
	else if (flags & OTHER_NAME)
		check.name = other = fuzz_text(in);
	if (flags & STAPLE && !other) {
		check.status_required = true;
		check.status = fuzz_vec(in, &check.status_len);
	}
	ret = qkdtls_chain_verify(chain, &check, &reason);
	FUZZ_CHECK(ret >= 0 && (!ret || reason));
	if (!ret)
		FUZZ_CHECK(is_genuine(chain) && !check.status_required &&
			   (!other || strchr(other, '.')));
	(void)qkdtls_chain_subject(chain, subject, sizeof(subject));
	free(other);
}

static void verify_signature(struct fuzz_input *in, const struct qkdtls_chain *chain)
{
	const struct qkdtls_scheme *scheme = qkdtls_scheme_find(fuzz_u16(in));
	const uint8_t *signature;
	size_t len;

	signature = fuzz_vec(in, &len);
	if (scheme)
		FUZZ_CHECK(qkdtls_chain_verify_signature(chain, scheme, (const uint8_t *)"data", 4,
							 signature, len) > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = fuzz_begin(data, size);
	const uint8_t flags = fuzz_u8(&in);
	struct qkdtls_chain *chain;
	unsigned int count = 1 + fuzz_u8(&in) % CERTIFICATES_MAX;
	int ret = 0;

	if (!trust)
		load();
	FUZZ_CHECK(!qkdtls_chain_new(&chain));
	while (count-- && !ret)
		ret = add(&in, chain);
	FUZZ_CHECK(ret >= 0);
	if (!ret) {
		verify_signature(&in, chain);
		verify(&in, chain, flags);
	}
	qkdtls_chain_free(chain);
	return 0;
}
