// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keys and IDs. With prf(label, x) = HMAC-SHA-256, keyed by the seed, over
 *
 *	"qkd-sim v1 block" | len(A) | A | len(B) | B | label | x
 *
 * where A and B are the SAE IDs of the ends with role a and b, lengths are one byte, labels four
 * and x eight, block n, big-endian, has
 *
 *	key = prf("key ", n)
 *	ID  = tag | (n xor mask), where tag = the first 8 bytes of prf("id  ", n) and
 *	      mask = the first 8 bytes of prf("mask", tag)
 *
 * with the version and variant bits of a UUID of version 8 put into the tag and the masked number.
 * What befalls it is drawn likewise, each fault with a label of its own (faults.c).
 * So whoever has the seed can tell the block of an ID and that the ID is genuine, at the same cost
 * for any block; to anybody else IDs are random.
 */
#include <crypto/algapi.h>
#include <crypto/sha2.h>
#include <linux/error-injection.h>
#include <linux/string.h>

#include "sim.h"

#define DOMAIN	   "qkd-sim v1 block"
#define TAG_LEN	   8
#define NUMBER_MAX (U64_MAX >> 2) /* the variant takes two bits */

static void put_number(u64 number, u8 p[8])
{
	__be64 be = cpu_to_be64(number);

	memcpy(p, &be, sizeof(be));
}

static u64 get_number(const u8 p[8])
{
	__be64 be;

	memcpy(&be, p, sizeof(be));
	return be64_to_cpu(be);
}

static u8 *put_sae(u8 *p, const char *sae)
{
	size_t len = strlen(sae);

	*p++ = len;
	memcpy(p, sae, len);
	return p + len;
}

int qkd_sim_prf_init(struct qkd_sim_prf *prf, const struct qkd_sim_seed *seed, const char *sae_a,
		     const char *sae_b)
{
	u8 *p = prf->msg;
	int err;

	memcpy(p, DOMAIN, strlen(DOMAIN));
	p = put_sae(p + strlen(DOMAIN), sae_a);
	p = put_sae(p, sae_b);
	prf->prefix_len = p - prf->msg;

	prf->hmac = crypto_alloc_shash("hmac(sha256)", 0, 0);
	if (IS_ERR(prf->hmac))
		return PTR_ERR(prf->hmac);
	err = crypto_shash_setkey(prf->hmac, seed->bytes, seed->len);
	if (err)
		crypto_free_shash(prf->hmac);
	return err;
}

/* Freeing the transform wipes what it made of the seed. */
void qkd_sim_prf_exit(struct qkd_sim_prf *prf)
{
	crypto_free_shash(prf->hmac);
}

static int prf_run(struct qkd_sim_prf *prf, const char label[QKD_SIM_LABEL_LEN], const u8 x[8],
		   u8 out[SHA256_DIGEST_SIZE])
{
	u8 *p = prf->msg + prf->prefix_len;

	memcpy(p, label, QKD_SIM_LABEL_LEN);
	memcpy(p + QKD_SIM_LABEL_LEN, x, 8);
	return crypto_shash_tfm_digest(prf->hmac, prf->msg, prf->prefix_len + QKD_SIM_LABEL_LEN + 8,
				       out);
}

int qkd_sim_prf_key(struct qkd_sim_prf *prf, u64 block, u8 key[QKD_SIM_KEY_LEN])
{
	u8 x[8];

	BUILD_BUG_ON(QKD_SIM_KEY_LEN != SHA256_DIGEST_SIZE);
	put_number(block, x);
	return prf_run(prf, "key ", x, key);
}
ALLOW_ERROR_INJECTION(qkd_sim_prf_key, ERRNO);

/* A number that looks random and is the same whenever it is drawn. */
int qkd_sim_prf_draw(struct qkd_sim_prf *prf, const char label[QKD_SIM_LABEL_LEN], u64 block,
		     u64 *draw)
{
	u8 digest[SHA256_DIGEST_SIZE];
	u8 x[8];
	int err;

	put_number(block, x);
	err = prf_run(prf, label, x, digest);
	*draw = get_number(digest);
	return err;
}

static int make_tag(struct qkd_sim_prf *prf, u64 block, u8 tag[TAG_LEN])
{
	u8 digest[SHA256_DIGEST_SIZE];
	u8 x[8];
	int err;

	put_number(block, x);
	err = prf_run(prf, "id  ", x, digest);
	memcpy(tag, digest, TAG_LEN);
	tag[6] = (tag[6] & 0x0f) | 0x80;
	return err;
}

static int make_mask(struct qkd_sim_prf *prf, const u8 tag[TAG_LEN], u64 *mask)
{
	u8 digest[SHA256_DIGEST_SIZE];
	int err = prf_run(prf, "mask", tag, digest);

	*mask = get_number(digest) & NUMBER_MAX;
	return err;
}

int qkd_sim_prf_id(struct qkd_sim_prf *prf, u64 block, u8 id[QKD_KEY_ID_LEN])
{
	u64 mask;
	int err;

	err = make_tag(prf, block, id);
	if (!err)
		err = make_mask(prf, id, &mask);
	if (!err)
		put_number((block ^ mask) | BIT_ULL(63), id + TAG_LEN);
	return err;
}
ALLOW_ERROR_INJECTION(qkd_sim_prf_id, ERRNO);

/* The block of an ID; -ENOKEY if the ID is not one that this seed makes. */
int qkd_sim_prf_block(struct qkd_sim_prf *prf, const u8 id[QKD_KEY_ID_LEN], u64 *block)
{
	u64 number = get_number(id + TAG_LEN);
	u8 tag[TAG_LEN];
	u64 mask;
	int err;

	if (number >> 62 != 2)
		return -ENOKEY;
	err = make_mask(prf, id, &mask);
	if (err)
		return err;
	*block = (number & NUMBER_MAX) ^ mask;
	err = make_tag(prf, *block, tag);
	if (err)
		return err;
	return crypto_memneq(tag, id, TAG_LEN) ? -ENOKEY : 0;
}
