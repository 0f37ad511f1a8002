// SPDX-License-Identifier: GPL-2.0-only
/* The key schedule of TLS 1.3 (RFC 9846 section 7.1) that begins with a QKD key, imported by RFC 9258. */
#include <linux/string.h>

#include "../compat.h"
#include "sealed.h"

#define TLS13 0x0304

/* struct ImportedIdentity of RFC 9258 section 3.1, as on the wire */
struct identity {
	__be16 id_len;
	u8 id[QKD_KEY_ID_LEN];
	__be16 context_len;
	u8 context[QKD_CONTEXT_LEN];
	__be16 protocol;
	__be16 kdf;
} __packed;

/* Derive-Secret(secret, label, messages), whose hash is given */
static int derive(struct qkd_schedule *schedule, const u8 *secret, const char *label,
		  const u8 *transcript_hash, u8 *out)
{
	struct qkd_hkdf *hkdf = &schedule->hkdf;

	return qkd_hkdf_expand_label(hkdf, secret, label, transcript_hash, hkdf->len, out,
				     hkdf->len);
}

/* Derive-Secret(secret, label, "") */
static int derive_empty(struct qkd_schedule *schedule, const u8 *secret, const char *label, u8 *out)
{
	u8 hash[QKD_HASH_LEN_MAX];

	return qkd_hkdf_hash(&schedule->hkdf, "", 0, hash)
		       ?: derive(schedule, secret, label, hash, out);
}

/* From one secret of the schedule to the next */
static int next_secret(struct qkd_schedule *schedule, const u8 *secret, const u8 *ikm, size_t len,
		       u8 *next)
{
	u8 salt[QKD_HASH_LEN_MAX];
	int err = derive_empty(schedule, secret, "derived", salt)
			  ?: qkd_hkdf_extract(&schedule->hkdf, salt, ikm, len, next);

	memzero_explicit(salt, sizeof(salt));
	return err;
}

int qkd_schedule_init(struct qkd_schedule *schedule, unsigned int kdf)
{
	return qkd_hkdf_init(&schedule->hkdf, kdf);
}

/* Wipes; also of a schedule that is none. */
void qkd_schedule_exit(struct qkd_schedule *schedule)
{
	if (schedule->hkdf.hmac)
		qkd_hkdf_exit(&schedule->hkdf);
	memzero_explicit(schedule, sizeof(*schedule));
}

/* The PSK of one hash: @len bytes of the key's, whose own hash is SHA-256 */
static int import_key(const u8 *epsk, size_t epsk_len, const void *identity, size_t identity_len,
		      u8 *psk, size_t len)
{
	u8 epskx[QKD_HASH_LEN_MAX], hash[QKD_HASH_LEN_MAX];
	struct qkd_hkdf hkdf;
	int err = qkd_hkdf_init(&hkdf, QKD_KDF_SHA256);

	if (err)
		return err;
	err = qkd_hkdf_extract(&hkdf, NULL, epsk, epsk_len, epskx) ?:
	      qkd_hkdf_hash(&hkdf, identity, identity_len, hash) ?:
	      qkd_hkdf_expand_label(&hkdf, epskx, "derived psk", hash, hkdf.len, psk, len);
	qkd_hkdf_exit(&hkdf);
	memzero_explicit(epskx, sizeof(epskx));
	return err;
}

/* The Early Secret, of a key in this ImportedIdentity */
int qkd_schedule_import(struct qkd_schedule *schedule, const u8 *epsk, size_t epsk_len,
			const void *identity, size_t identity_len)
{
	u8 psk[QKD_HASH_LEN_MAX];
	int err = import_key(epsk, epsk_len, identity, identity_len, psk, schedule->hkdf.len)
			  ?: qkd_hkdf_extract(&schedule->hkdf, NULL, psk, schedule->hkdf.len,
					      schedule->early);

	memzero_explicit(psk, sizeof(psk));
	return err;
}

/* The same, of a QKD key. @kdf: that which the schedule was made for */
int qkd_schedule_begin(struct qkd_schedule *schedule, unsigned int kdf,
		       const struct qkd_record *key, const u8 context[QKD_CONTEXT_LEN])
{
	struct identity identity = {
		.id_len = cpu_to_be16(QKD_KEY_ID_LEN),
		.context_len = cpu_to_be16(QKD_CONTEXT_LEN),
		.protocol = cpu_to_be16(TLS13),
		.kdf = cpu_to_be16(kdf),
	};

	memcpy(identity.id, key->key_id, sizeof(identity.id));
	memcpy(identity.context, context, sizeof(identity.context));
	return qkd_schedule_import(schedule, key->key, key->key_len, &identity, sizeof(identity));
}

int qkd_schedule_binder(struct qkd_schedule *schedule, const u8 *transcript_hash, u8 *binder)
{
	struct qkd_hkdf *hkdf = &schedule->hkdf;
	u8 base[QKD_HASH_LEN_MAX], key[QKD_HASH_LEN_MAX];
	int err = derive_empty(schedule, schedule->early, "imp binder", base) ?:
		  qkd_hkdf_expand_label(hkdf, base, "finished", NULL, 0, key, hkdf->len) ?:
		  qkd_hkdf_mac(hkdf, key, transcript_hash, hkdf->len, binder);

	memzero_explicit(base, sizeof(base));
	memzero_explicit(key, sizeof(key));
	return err;
}

/* The traffic secrets of the handshake, which are not kept; from here on there is the Main Secret instead of the Early. */
int qkd_schedule_handshake(struct qkd_schedule *schedule, const u8 *kex_secret, size_t len,
			   const u8 *transcript_hash, u8 *client_secret, u8 *server_secret)
{
	static const u8 zeros[QKD_HASH_LEN_MAX];
	u8 secret[QKD_HASH_LEN_MAX];
	int err = next_secret(schedule, schedule->early, kex_secret, len, secret) ?:
		  derive(schedule, secret, "c hs traffic", transcript_hash, client_secret) ?:
		  derive(schedule, secret, "s hs traffic", transcript_hash, server_secret) ?:
		  next_secret(schedule, secret, zeros, schedule->hkdf.len, schedule->main);

	memzero_explicit(secret, sizeof(secret));
	if (!err)
		memzero_explicit(schedule->early, sizeof(schedule->early));
	return err;
}

/* From here on there are the application secrets and the exporter's instead of the Main Secret. */
int qkd_schedule_application(struct qkd_schedule *schedule, const u8 *transcript_hash)
{
	u8(*application)[QKD_HASH_LEN_MAX] = schedule->application;
	const u8 *main = schedule->main;
	int err = derive(schedule, main, "c ap traffic", transcript_hash,
			 application[QKD_SENDER_CLIENT]) ?:
		  derive(schedule, main, "s ap traffic", transcript_hash,
			 application[QKD_SENDER_SERVER]) ?:
		  derive(schedule, main, "exp master", transcript_hash, schedule->exporter);

	if (err)
		return err;
	memzero_explicit(schedule->main, sizeof(schedule->main));
	qkd_hkdf_forget(&schedule->hkdf);
	return 0;
}

static int traffic_key(struct qkd_schedule *schedule, const u8 *secret, unsigned int key_len,
		       struct qkd_traffic_key *key)
{
	struct qkd_hkdf *hkdf = &schedule->hkdf;
	int err = qkd_hkdf_expand_label(hkdf, secret, "key", NULL, 0, key->key, key_len)
			  ?: qkd_hkdf_expand_label(hkdf, secret, "iv", NULL, 0, key->iv,
						   sizeof(key->iv));

	qkd_hkdf_forget(hkdf);
	if (err)
		memzero_explicit(key, sizeof(*key));
	return err;
}

int qkd_schedule_traffic_key(struct qkd_schedule *schedule, enum qkd_sender sender,
			     unsigned int key_len, struct qkd_traffic_key *key)
{
	return traffic_key(schedule, schedule->application[sender], key_len, key);
}

/* @next: the secret of @sender behind a KeyUpdate, and the key that goes with it; for qkd_schedule_advance() */
int qkd_schedule_next(struct qkd_schedule *schedule, enum qkd_sender sender, unsigned int key_len,
		      u8 *next, struct qkd_traffic_key *key)
{
	struct qkd_hkdf *hkdf = &schedule->hkdf;
	int err = qkd_hkdf_expand_label(hkdf, schedule->application[sender], "traffic upd", NULL, 0,
					next, hkdf->len);

	if (!err)
		err = traffic_key(schedule, next, key_len, key);
	qkd_hkdf_forget(hkdf);
	return err;
}

void qkd_schedule_advance(struct qkd_schedule *schedule, enum qkd_sender sender, const u8 *next)
{
	memcpy(schedule->application[sender], next, schedule->hkdf.len);
}

/* RFC 9846 section 7.5, the context's hash given */
int qkd_schedule_export(struct qkd_schedule *schedule, const char *label, const u8 *context_hash,
			u8 *out, size_t len)
{
	struct qkd_hkdf *hkdf = &schedule->hkdf;
	u8 secret[QKD_HASH_LEN_MAX];
	int err = derive_empty(schedule, schedule->exporter, label, secret)
			  ?: qkd_hkdf_expand_label(hkdf, secret, "exporter", context_hash,
						   hkdf->len, out, len);

	qkd_hkdf_forget(hkdf);
	memzero_explicit(secret, sizeof(secret));
	return err;
}
