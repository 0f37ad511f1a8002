// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Files of certificates and keys: WHICH, then the file; for a certificate with its key a length in two bytes and
 * the key first. What is refused says why.
 */
#include <string.h>

#include "fuzz.h"

static int load(struct qkdtls_config *config, uint8_t which, struct fuzz_input *in)
{
	const char *chain, *key;
	const uint8_t *bytes;
	size_t len;

	switch (which % 6) {
	case 0:
		return qkdtls_config_set_trust(config, fuzz_file("fuzzed.pem", in->pos, in->left));
	case 1:
		bytes = fuzz_vec(in, &len);
		key = fuzz_file("fuzzed.key", bytes, len);
		chain = fuzz_file("fuzzed.pem", in->pos, in->left);
		return qkdtls_config_set_certificate(config, chain, key);
	case 2:
		chain = fuzz_file("fuzzed.pem", in->pos, in->left);
		return qkdtls_config_set_certificate(config, chain,
						     pki_path(fuzz_pki(), "server.key"));
	case 3:
		return qkdtls_config_set_crl(config, fuzz_file("fuzzed.pem", in->pos, in->left));
	case 4:
		FUZZ_CHECK(!qkdtls_config_set_certificate(config,
							  pki_path(fuzz_pki(), "stapled.pem"),
							  pki_path(fuzz_pki(), "stapled.key")));
		return qkdtls_config_set_ocsp_staple(config,
						     fuzz_file("fuzzed.der", in->pos, in->left));
	default:
		key = fuzz_file("fuzzed.key", in->pos, in->left);
		chain = pki_path(fuzz_pki(), "server.pem");
		return qkdtls_config_set_certificate(config, chain, key);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = fuzz_begin(data, size);
	const uint8_t which = fuzz_u8(&in);
	struct qkdtls_config *config = qkdtls_config_new();
	int ret;

	FUZZ_CHECK(config);
	ret = load(config, which, &in);
	FUZZ_CHECK(ret <= 0 && !ret == !qkdtls_config_message(config)[0]);
	qkdtls_config_unref(config);
	return 0;
}
