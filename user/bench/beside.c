// SPDX-License-Identifier: GPL-2.0-or-later
/* By libcrypto's own calls, in tight loops: as low as they get */
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include "bench/bench.h"

#define BATCHES	  40
#define PER_BATCH 100

struct subject {
	EVP_PKEY *key;
	EVP_MD *md;
	EVP_MAC_CTX *mac;
	uint8_t share[1184];
	uint8_t data[BENCH_TRANSCRIPT];
	uint8_t out[EVP_MAX_MD_SIZE];
};

static bool import_key(struct subject *s)
{
	EVP_PKEY *key = EVP_PKEY_new_raw_public_key_ex(NULL, "ML-KEM-768", NULL, s->share,
						       sizeof(s->share));

	EVP_PKEY_free(key);
	return key;
}

static bool short_hmac(struct subject *s)
{
	size_t len = 48;

	return EVP_MAC_init(s->mac, s->data, len, NULL) == 1 &&
	       EVP_MAC_update(s->mac, s->data, 64) == 1 &&
	       EVP_MAC_final(s->mac, s->out, &len, sizeof(s->out)) == 1;
}

static bool hash_transcript(struct subject *s)
{
	return EVP_Digest(s->data, sizeof(s->data), s->out, NULL, s->md, NULL) == 1;
}

/* The lowest batch counts: what else the machine does only adds. */
static bool measure(bool (*op)(struct subject *s), struct subject *s, double *usec)
{
	uint64_t start, best = UINT64_MAX, took;
	int batch, i;

	for (batch = 0; batch < BATCHES; batch++) {
		start = bench_clock();
		for (i = 0; i < PER_BATCH; i++)
			if (!op(s))
				return false;
		took = bench_clock() - start;
		best = took < best ? took : best;
	}
	*usec = (double)best / 1e3 / PER_BATCH;
	return true;
}

bool bench_beside_measure(struct bench_beside *beside)
{
	const OSSL_PARAM digest[] = {
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, (char *)"SHA2-384", 0),
		OSSL_PARAM_END,
	};
	static struct subject s;
	size_t len = sizeof(s.share);
	EVP_MAC *hmac = EVP_MAC_fetch(NULL, "HMAC", NULL);
	bool ok;

	s.key = EVP_PKEY_Q_keygen(NULL, NULL, "ML-KEM-768");
	s.md = EVP_MD_fetch(NULL, "SHA2-384", NULL);
	s.mac = hmac ? EVP_MAC_CTX_new(hmac) : NULL;
	ok = s.key && s.md && s.mac && EVP_MAC_CTX_set_params(s.mac, digest) == 1 &&
	     EVP_PKEY_get_raw_public_key(s.key, s.share, &len) == 1 && len == sizeof(s.share) &&
	     measure(import_key, &s, &beside->mlkem_import) &&
	     measure(short_hmac, &s, &beside->hmac) &&
	     measure(hash_transcript, &s, &beside->transcript);
	EVP_MAC_CTX_free(s.mac);
	EVP_MAC_free(hmac);
	EVP_MD_free(s.md);
	EVP_PKEY_free(s.key);
	return ok;
}
