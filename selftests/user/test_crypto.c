// SPDX-License-Identifier: GPL-2.0-or-later
/* Hash and AEAD wrappers, key exchange, tables of suites and groups */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <openssl/evp.h>
#include <cmocka.h>
#include "hkdf.h"
#include "qkd/qkdtls.h"
#include "tls/crypto_aead.h"
#include "tls/crypto_hash.h"
#include "tls/crypto_random.h"
#include "tls/kex.h"
#include "tls/suite.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define ILLEGAL QKDTLS_ALERT_ILLEGAL_PARAMETER

/* ---- Hash, HKDF ---- */

static void digest_goes_on_after_a_peek(void **state)
{
	uint8_t want[QKDTLS_HASH_MAX], got[QKDTLS_HASH_MAX];
	struct qkdtls_digest *digest;
	int hash;

	for (hash = QKDTLS_SHA256; hash <= QKDTLS_SHA384; hash++) {
		assert_int_equal(qkdtls_digest_new(&digest, hash), 0);
		assert_int_equal(qkdtls_digest_peek(digest, got), 0);
		assert_int_equal(qkdtls_hash(hash, "", 0, want), 0);
		assert_memory_equal(got, want, qkdtls_hash_len(hash));
		assert_int_equal(qkdtls_digest_add(digest, "ab", 2), 0);
		assert_int_equal(qkdtls_digest_peek(digest, got), 0);
		assert_int_equal(qkdtls_digest_add(digest, "c", 1), 0);
		assert_int_equal(qkdtls_digest_peek(digest, got), 0);
		assert_int_equal(qkdtls_hash(hash, "abc", 3, want), 0);
		assert_memory_equal(got, want, qkdtls_hash_len(hash));
		qkdtls_digest_free(digest);
	}
}

static void expand_label_keeps_its_lengths(void **state)
{
	static const struct {
		size_t label, context, out;
		int err;
	} rows[] = {
		{ 1, 0, 1, 0 },		 { 0, 0, 1, -EINVAL },
		{ 249, 255, 32, 0 },	 { 250, 0, 32, -EINVAL },
		{ 1, 256, 32, -EINVAL }, { 1, 0, 0, -EINVAL },
		{ 1, 0, 255 * 32, 0 },	 { 1, 0, 255 * 32 + 1, -EINVAL },
	};
	static uint8_t secret[32], context[256], out[255 * 32 + 1];
	char label[256];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		memset(label, 'l', sizeof(label));
		label[rows[i].label] = '\0';
		assert_int_equal(hkdf_expand_label(QKDTLS_SHA256, secret, label, context,
						   rows[i].context, out, rows[i].out),
				 rows[i].err);
	}
	assert_int_equal(hkdf_expand(QKDTLS_SHA384, secret, 32, NULL, 0, out, 32), -EINVAL);
}

/* A PRK serves any number of expansions, and no other key does. */
static void expansions_need_a_prk(void **state)
{
	uint8_t prk[48], first[100], again[100];
	struct qkdtls_hkdf *hkdf;

	memset(prk, 0x70, sizeof(prk));
	assert_int_equal(qkdtls_hkdf_new(&hkdf, QKDTLS_SHA384), 0);
	assert_int_equal(qkdtls_hkdf_expand(hkdf, first, 1, again, 1), -EINVAL);
	assert_int_equal(qkdtls_hkdf_set_prk(hkdf, prk, sizeof(prk)), 0);
	assert_int_equal(qkdtls_hkdf_expand_label(hkdf, "l", NULL, 0, first, sizeof(first)), 0);
	assert_int_equal(qkdtls_hkdf_expand_label(hkdf, "m", NULL, 0, again, sizeof(again)), 0);
	assert_memory_not_equal(again, first, sizeof(first));
	assert_int_equal(qkdtls_hkdf_expand_label(hkdf, "l", NULL, 0, again, sizeof(again)), 0);
	assert_memory_equal(again, first, sizeof(first));
	assert_int_equal(qkdtls_hmac(hkdf, prk, sizeof(prk), "x", 1, again), 0);
	assert_int_equal(qkdtls_hkdf_expand(hkdf, first, 1, again, 1), -EINVAL);
	assert_int_equal(qkdtls_hkdf_set_prk(hkdf, prk, sizeof(prk)), 0);
	assert_int_equal(qkdtls_hkdf_forget(hkdf), 0);
	assert_int_equal(qkdtls_hkdf_expand(hkdf, first, 1, again, 1), -EINVAL);
	assert_int_equal(qkdtls_hkdf_set_prk(hkdf, prk, sizeof(prk) - 1), -EINVAL);
	qkdtls_hkdf_free(hkdf);
}

static void equal_and_random(void **state)
{
	uint8_t a[32] = { 0 }, b[32] = { 0 };

	assert_true(qkdtls_equal(a, b, sizeof(a)));
	b[31] = 1;
	assert_false(qkdtls_equal(a, b, sizeof(a)));
	assert_true(qkdtls_equal(a, b, 31));
	assert_int_equal(qkdtls_random(a, sizeof(a)), 0);
	assert_int_equal(qkdtls_random(b, sizeof(b)), 0);
	assert_memory_not_equal(a, b, sizeof(a));
	qkdtls_wipe(a, sizeof(a));
	qkdtls_wipe(b, sizeof(b));
	assert_memory_equal(a, b, sizeof(a));
	qkdtls_wipe(NULL, 0);
}

/* ---- AEAD ---- */

static void aead_opens_only_what_was_sealed(void **state)
{
	static const uint8_t key[32] = { 9 }, nonce[12] = { 8 }, aad[5] = { 7 };
	static const uint8_t text[37] = "thirty-six characters of plain text";
	uint8_t sealed[sizeof(text) + QKDTLS_AEAD_TAG_LEN], out[sizeof(text)], bad[sizeof(sealed)];
	uint8_t other_nonce[12] = { 9 }, other_aad[5] = { 0 };
	struct qkdtls_aead_key *k, *other;
	int aead;
	size_t i;

	for (aead = QKDTLS_AES_128_GCM; aead <= QKDTLS_AES_256_GCM; aead++) {
		assert_int_equal(qkdtls_aead_new(&k, aead, key), 0);
		assert_int_equal(qkdtls_aead_new(&other, aead, text), 0);
		assert_int_equal(qkdtls_aead_seal(k, nonce, aad, 5, text, sizeof(text), sealed), 0);
		assert_int_equal(qkdtls_aead_open(k, nonce, aad, 5, sealed, sizeof(sealed), out),
				 0);
		assert_memory_equal(out, text, sizeof(text));
		for (i = 0; i < sizeof(sealed); i++) {
			memcpy(bad, sealed, sizeof(bad));
			bad[i] ^= 0x80;
			assert_int_equal(qkdtls_aead_open(k, nonce, aad, 5, bad, sizeof(bad), bad),
					 -EBADMSG);
		}
		assert_int_equal(
			qkdtls_aead_open(k, other_nonce, aad, 5, sealed, sizeof(sealed), out),
			-EBADMSG);
		assert_int_equal(
			qkdtls_aead_open(k, nonce, other_aad, 5, sealed, sizeof(sealed), out),
			-EBADMSG);
		assert_int_equal(
			qkdtls_aead_open(other, nonce, aad, 5, sealed, sizeof(sealed), out),
			-EBADMSG);
		for (i = 0; i < sizeof(sealed); i++)
			assert_int_equal(qkdtls_aead_open(k, nonce, aad, 5, sealed, i, out),
					 -EBADMSG);
		/* In place, and after all these failures, it still works. */
		assert_int_equal(qkdtls_aead_open(k, nonce, aad, 5, sealed, sizeof(sealed), sealed),
				 0);
		assert_memory_equal(sealed, text, sizeof(text));
		qkdtls_aead_free(k);
		qkdtls_aead_free(other);
	}
}

static void aead_leaves_no_forged_plain_text(void **state)
{
	static const uint8_t key[16] = { 9 }, nonce[12] = { 8 }, zeros[32];
	uint8_t bytes[32 + QKDTLS_AEAD_TAG_LEN];
	struct qkdtls_aead_key *k;

	assert_int_equal(qkdtls_aead_new(&k, QKDTLS_AES_128_GCM, key), 0);
	memset(bytes, 'x', 32);
	assert_int_equal(qkdtls_aead_seal(k, nonce, NULL, 0, bytes, 32, bytes), 0);
	bytes[sizeof(bytes) - 1] ^= 1;
	assert_int_equal(qkdtls_aead_open(k, nonce, NULL, 0, bytes, sizeof(bytes), bytes),
			 -EBADMSG);
	assert_memory_equal(bytes, zeros, 32);
	qkdtls_aead_free(k);
}

/* ---- Key exchange ---- */

struct exchange {
	const struct qkdtls_group *group;
	struct qkdtls_kex *kex;
	uint8_t client_share[QKDTLS_KEX_SHARE_MAX];
	uint8_t server_share[QKDTLS_KEX_SHARE_MAX];
	uint8_t client_secret[QKDTLS_KEX_SECRET_MAX];
	uint8_t server_secret[QKDTLS_KEX_SECRET_MAX];
};

static void start(struct exchange *x, uint16_t number)
{
	*x = (struct exchange){ .group = qkdtls_group_find(number) };
	assert_non_null(x->group);
	if (!qkdtls_group_available(x->group)) {
		print_message("# skip: this libcrypto has no %s\n", x->group->name);
		skip();
	}
	assert_int_equal(qkdtls_kex_new(&x->kex, x->group), 0);
	assert_ptr_equal(qkdtls_kex_group(x->kex), x->group);
	assert_int_equal(qkdtls_kex_share(x->kex, x->client_share), 0);
}

static int respond(struct exchange *x)
{
	return qkdtls_kex_respond(x->group, x->client_share, x->group->client_share,
				  x->server_share, x->server_secret);
}

static int finish(struct exchange *x)
{
	return qkdtls_kex_finish(x->kex, x->server_share, x->group->server_share, x->client_secret);
}

static void both_ends_agree(uint16_t number)
{
	static const uint8_t zeros[QKDTLS_KEX_SECRET_MAX];
	struct exchange x, y;

	start(&x, number);
	start(&y, number);
	assert_memory_not_equal(x.client_share, y.client_share, x.group->client_share);
	assert_int_equal(respond(&x), 0);
	assert_int_equal(finish(&x), 0);
	assert_memory_equal(x.client_secret, x.server_secret, x.group->secret);
	assert_memory_not_equal(x.client_secret, zeros, x.group->secret);
	/* Nothing was written past what the group says. */
	assert_memory_equal(x.client_secret + x.group->secret, zeros,
			    sizeof(zeros) - x.group->secret);
	assert_int_equal(
		qkdtls_kex_finish(y.kex, x.server_share, x.group->server_share, y.client_secret),
		0);
	assert_memory_not_equal(y.client_secret, x.server_secret, x.group->secret);
	qkdtls_kex_free(x.kex);
	qkdtls_kex_free(y.kex);
}

static void wrong_lengths_are_illegal(uint16_t number)
{
	struct exchange x;
	size_t len;

	start(&x, number);
	assert_int_equal(respond(&x), 0);
	for (len = 0; len <= x.group->client_share + 1; len++) {
		if (len != x.group->client_share)
			assert_int_equal(qkdtls_kex_respond(x.group, x.client_share, len,
							    x.server_share, x.server_secret),
					 ILLEGAL);
	}
	for (len = 0; len <= x.group->server_share + 1; len++) {
		if (len != x.group->server_share)
			assert_int_equal(
				qkdtls_kex_finish(x.kex, x.server_share, len, x.client_secret),
				ILLEGAL);
	}
	qkdtls_kex_free(x.kex);
}

static void x25519_both_ends_agree(void **state)
{
	both_ends_agree(QKDTLS_GROUP_X25519);
}

static void hybrid_both_ends_agree(void **state)
{
	both_ends_agree(QKDTLS_GROUP_X25519MLKEM768);
}

static void x25519_wrong_lengths(void **state)
{
	wrong_lengths_are_illegal(QKDTLS_GROUP_X25519);
}

static void hybrid_wrong_lengths(void **state)
{
	wrong_lengths_are_illegal(QKDTLS_GROUP_X25519MLKEM768);
}

/* RFC 7748 section 6.1: Alice's key against our share, by libcrypto alone */
static void x25519_is_that_of_rfc_7748(void **state)
{
	static const uint8_t alice[32] = {
		0x77, 0x07, 0x6d, 0x0a, 0x73, 0x18, 0xa5, 0x7d, 0x3c, 0x16, 0xc1,
		0x72, 0x51, 0xb2, 0x66, 0x45, 0xdf, 0x4c, 0x2f, 0x87, 0xeb, 0xc0,
		0x99, 0x2a, 0xb1, 0x77, 0xfb, 0xa5, 0x1d, 0xb9, 0x2c, 0x2a,
	};
	static const uint8_t alice_public[32] = {
		0x85, 0x20, 0xf0, 0x09, 0x89, 0x30, 0xa7, 0x54, 0x74, 0x8b, 0x7d,
		0xdc, 0xb4, 0x3e, 0xf7, 0x5a, 0x0d, 0xbf, 0x3a, 0x0d, 0x26, 0x38,
		0x1a, 0xf4, 0xeb, 0xa4, 0xa9, 0x8e, 0xaa, 0x9b, 0x4e, 0x6a,
	};
	const struct qkdtls_group *group = qkdtls_group_find(QKDTLS_GROUP_X25519);
	uint8_t share[32], secret[32], want[32];
	EVP_PKEY *own = EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, NULL, alice, 32), *peer;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new(own, NULL);
	size_t len = sizeof(want);

	assert_int_equal(qkdtls_kex_respond(group, alice_public, 32, share, secret), 0);
	peer = EVP_PKEY_new_raw_public_key(EVP_PKEY_X25519, NULL, share, 32);
	assert_int_equal(EVP_PKEY_derive_init(ctx), 1);
	assert_int_equal(EVP_PKEY_derive_set_peer(ctx, peer), 1);
	assert_int_equal(EVP_PKEY_derive(ctx, want, &len), 1);
	assert_memory_equal(secret, want, 32);
	EVP_PKEY_CTX_free(ctx);
	EVP_PKEY_free(own);
	EVP_PKEY_free(peer);
}

/* Points of small order, whose secret is zero whatever the other key */
static const uint8_t small_order[][32] = {
	{ 0 },
	{ 1 },
	{ 0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3,
	  0xfa, 0xf1, 0x9f, 0xc4, 0x6a, 0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32,
	  0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00 },
	{ 0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1,
	  0x55, 0x9c, 0x83, 0xef, 0x5b, 0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c,
	  0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57 },
	{ 0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
	  0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f },
};

static void zero_secrets_are_illegal(uint16_t number)
{
	static const uint8_t zeros[QKDTLS_KEX_SECRET_MAX];
	struct exchange x;
	size_t i;

	start(&x, number);
	for (i = 0; i < ARRAY_SIZE(small_order); i++) {
		assert_int_equal(qkdtls_kex_share(x.kex, x.client_share), 0);
		assert_int_equal(respond(&x), 0);
		memcpy(x.server_share + x.group->server_share - 32, small_order[i], 32);
		assert_int_equal(finish(&x), ILLEGAL);
		assert_memory_equal(x.client_secret, zeros, sizeof(zeros));
		memcpy(x.client_share + x.group->client_share - 32, small_order[i], 32);
		assert_int_equal(respond(&x), ILLEGAL);
		assert_memory_equal(x.server_secret, zeros, sizeof(zeros));
	}
	qkdtls_kex_free(x.kex);
}

static void x25519_zero_secrets(void **state)
{
	zero_secrets_are_illegal(QKDTLS_GROUP_X25519);
}

static void hybrid_zero_secrets(void **state)
{
	zero_secrets_are_illegal(QKDTLS_GROUP_X25519MLKEM768);
}

/* FIPS 203 section 7.2: a coefficient of 3329 or more is no encapsulation key. */
static void hybrid_checks_the_encapsulation_key(void **state)
{
	struct exchange x;
	size_t i;

	start(&x, QKDTLS_GROUP_X25519MLKEM768);
	for (i = 0; i < 1152; i += 3) {
		uint8_t kept[3];

		memcpy(kept, x.client_share + i, 3);
		memcpy(x.client_share + i, "\x01\x0d\x00", 3); /* 0xd01 = 3329, then 0 */
		assert_int_equal(respond(&x), ILLEGAL);
		memcpy(x.client_share + i, kept, 3);
	}
	assert_int_equal(respond(&x), 0);
	assert_int_equal(finish(&x), 0);
	assert_memory_equal(x.client_secret, x.server_secret, 64);
	qkdtls_kex_free(x.kex);
}

/* ML-KEM's part comes first in shares and secret, and each part stands for itself. */
static void hybrid_parts_are_in_the_order_of_rfc_10024(void **state)
{
	struct exchange x;

	start(&x, QKDTLS_GROUP_X25519MLKEM768);
	assert_int_equal(x.group->client_share, 1216);
	assert_int_equal(x.group->server_share, 1120);
	assert_int_equal(x.group->secret, 64);
	assert_int_equal(respond(&x), 0);
	x.server_share[1087] ^= 1;
	assert_int_equal(finish(&x), 0);
	assert_memory_not_equal(x.client_secret, x.server_secret, 32);
	assert_memory_equal(x.client_secret + 32, x.server_secret + 32, 32);
	x.server_share[1087] ^= 1;
	x.server_share[1088] ^= 1;
	assert_int_equal(finish(&x), 0);
	assert_memory_equal(x.client_secret, x.server_secret, 32);
	assert_memory_not_equal(x.client_secret + 32, x.server_secret + 32, 32);
	qkdtls_kex_free(x.kex);
}

static void a_missing_algorithm_says_so(void **state)
{
	const struct qkdtls_group *hybrid = qkdtls_group_find(QKDTLS_GROUP_X25519MLKEM768);
	static uint8_t share[QKDTLS_KEX_SHARE_MAX], secret[QKDTLS_KEX_SECRET_MAX];
	struct qkdtls_group_list list;
	char bad[QKDTLS_NAME_MAX];
	struct qkdtls_kex *kex;

	if (qkdtls_group_available(hybrid)) {
		print_message("# skip: this libcrypto has %s\n", hybrid->name);
		skip();
	}
	assert_int_equal(qkdtls_kex_new(&kex, hybrid), -EOPNOTSUPP);
	assert_int_equal(qkdtls_kex_respond(hybrid, share, hybrid->client_share, share, secret),
			 -EOPNOTSUPP);
	assert_int_equal(qkdtls_group_list_parse(&list, "x25519:X25519MLKEM768", true, bad),
			 -EOPNOTSUPP);
	assert_string_equal(bad, "X25519MLKEM768");
	assert_int_equal(list.count, 0);
	qkdtls_group_list_default(&list);
	assert_int_equal(list.count, 0);
}

/* ---- Tables and lists ---- */

static void tables_answer_by_number(void **state)
{
	const struct qkdtls_suite *suite = qkdtls_suite_find(QKDTLS_AES_256_GCM_SHA384);

	assert_int_equal(suite->hash, QKDTLS_SHA384);
	assert_int_equal(suite->aead, QKDTLS_AES_256_GCM);
	assert_true(qkdtls_suite_available(suite));
	assert_null(qkdtls_suite_find(0x1300));
	assert_null(qkdtls_group_find(0));
	assert_null(qkdtls_scheme_find(0x0203));
	assert_true(qkdtls_group_find(QKDTLS_GROUP_X25519MLKEM768)->hybrid);
	assert_false(qkdtls_group_find(QKDTLS_GROUP_X25519)->hybrid);
	assert_string_equal(qkdtls_suite_name(QKDTLS_AES_128_GCM_SHA256), "TLS_AES_128_GCM_SHA256");
	assert_string_equal(qkdtls_group_name(QKDTLS_GROUP_X25519), "x25519");
	assert_string_equal(qkdtls_signature_name(QKDTLS_SIG_ECDSA_P256_SHA256),
			    "ecdsa_secp256r1_sha256");
	assert_string_equal(qkdtls_suite_name(0), "unknown");
	assert_string_equal(qkdtls_group_name(0), "unknown");
	assert_string_equal(qkdtls_signature_name(0), "unknown");
}

static void suite_lists(void **state)
{
	static const struct {
		const char *names;
		int err;
		const char *bad;
	} rows[] = {
		{ "TLS_AES_128_GCM_SHA256", 0, "" },
		{ "tls_aes_128_gcm_sha256:TLS_AES_256_GCM_SHA384", 0, "" },
		{ "", -EINVAL, "" },
		{ ":", -EINVAL, "" },
		{ "TLS_AES_128_GCM_SHA256:", -EINVAL, "" },
		{ ":TLS_AES_128_GCM_SHA256", -EINVAL, "" },
		{ "TLS_AES_128_GCM_SHA256:TLS_AES_128_GCM_SHA256", -EINVAL,
		  "TLS_AES_128_GCM_SHA256" },
		{ "TLS_AES_128_GCM_SHA25", -EINVAL, "TLS_AES_128_GCM_SHA25" },
		{ "TLS_AES_128_GCM_SHA2567", -EINVAL, "TLS_AES_128_GCM_SHA2567" },
		{ "TLS_AES_128_GCM_SHA256 ", -EINVAL, "TLS_AES_128_GCM_SHA256 " },
		{ "0123456789012345678901234567890123456789012345678901234567890123456789", -EINVAL,
		  "012345678901234567890123456789012345678901234567890123456789012" },
	};
	struct qkdtls_suite_list list;
	char bad[QKDTLS_NAME_MAX];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		assert_int_equal(qkdtls_suite_list_parse(&list, rows[i].names, bad), rows[i].err);
		assert_string_equal(bad, rows[i].bad);
		assert_int_equal(list.count > 0, !rows[i].err);
	}
	assert_int_equal(qkdtls_suite_list_parse(
				 &list, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384", bad),
			 0);
	assert_int_equal(list.count, 2);
	assert_int_equal(list.item[0]->number, QKDTLS_AES_128_GCM_SHA256);
	assert_int_equal(list.item[1]->number, QKDTLS_AES_256_GCM_SHA384);
	assert_ptr_equal(qkdtls_suite_list_find(&list, QKDTLS_AES_256_GCM_SHA384), list.item[1]);
	assert_null(qkdtls_suite_list_find(&list, QKDTLS_CHACHA20_POLY1305_SHA256));
	qkdtls_suite_list_default(&list);
	assert_int_equal(list.count, 3);
	assert_int_equal(list.item[0]->number, QKDTLS_AES_256_GCM_SHA384);
}

static void classical_groups_need_leave(void **state)
{
	struct qkdtls_scheme_list schemes;
	struct qkdtls_group_list list;
	char bad[QKDTLS_NAME_MAX];

	assert_int_equal(qkdtls_group_list_parse(&list, "x25519", false, bad), -EPERM);
	assert_string_equal(bad, "x25519");
	assert_int_equal(list.count, 0);
	assert_int_equal(qkdtls_group_list_parse(&list, "X25519", true, bad), 0);
	assert_int_equal(list.count, 1);
	assert_ptr_equal(qkdtls_group_list_find(&list, QKDTLS_GROUP_X25519), list.item[0]);
	assert_null(qkdtls_group_list_find(&list, QKDTLS_GROUP_X25519MLKEM768));
	assert_int_equal(qkdtls_group_list_parse(&list, "secp521r1", true, bad), -EINVAL);
	assert_int_equal(qkdtls_group_list_parse(&list, "secp256r1", false, bad), -EPERM);
	assert_int_equal(qkdtls_group_list_parse(&list, "secp384r1", false, bad), -EPERM);
	qkdtls_scheme_list_default(&schemes);
	assert_non_null(qkdtls_scheme_list_find(&schemes, QKDTLS_SIG_ECDSA_P256_SHA256));
	assert_null(qkdtls_scheme_list_find(&schemes, 0x0401));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(digest_goes_on_after_a_peek),
		cmocka_unit_test(expand_label_keeps_its_lengths),
		cmocka_unit_test(expansions_need_a_prk),
		cmocka_unit_test(equal_and_random),
		cmocka_unit_test(aead_opens_only_what_was_sealed),
		cmocka_unit_test(aead_leaves_no_forged_plain_text),
		cmocka_unit_test(x25519_both_ends_agree),
		cmocka_unit_test(x25519_wrong_lengths),
		cmocka_unit_test(x25519_zero_secrets),
		cmocka_unit_test(x25519_is_that_of_rfc_7748),
		cmocka_unit_test(hybrid_both_ends_agree),
		cmocka_unit_test(hybrid_wrong_lengths),
		cmocka_unit_test(hybrid_zero_secrets),
		cmocka_unit_test(hybrid_checks_the_encapsulation_key),
		cmocka_unit_test(hybrid_parts_are_in_the_order_of_rfc_10024),
		cmocka_unit_test(a_missing_algorithm_says_so),
		cmocka_unit_test(tables_answer_by_number),
		cmocka_unit_test(suite_lists),
		cmocka_unit_test(classical_groups_need_leave),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
