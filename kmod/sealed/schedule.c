// SPDX-License-Identifier: GPL-2.0-only
/* The key schedule of TLS 1.3 (RFC 9846 section 7.1) that begins with a QKD key, imported by RFC 9258. */
#include <linux/string.h>

#include "../compat.h"
#include "sealed.h"

#define TLS13	   0x0304
#define SHA256_LEN 32

/* struct ImportedIdentity of RFC 9258 section 3.1, as on the wire */
struct identity {
	__be16 id_len;
	u8 id[QKD_KEY_ID_LEN];
	__be16 context_len;
	u8 context[QKD_CONTEXT_LEN];
	__be16 protocol;
	__be16 kdf;
} __packed;

/* Derive-Secret(secret, label, messages), whose hash is given, of the secret that is the present key */
static int derive(struct qkd_hkdf *hkdf, const char *label, const u8 *transcript_hash, u8 *out)
{
	return qkd_hkdf_expand_label(hkdf, label, transcript_hash, hkdf->len, out, hkdf->len);
}

/* From one secret of the schedule, the present key, to the next */
static int next_secret(struct qkd_hkdf *hkdf, const u8 *ikm, size_t len, u8 *next)
{
	u8 salt[QKD_HASH_LEN_MAX];
	int err = derive(hkdf, "derived", hkdf->empty, salt)
			  ?: qkd_hkdf_extract(hkdf, salt, ikm, len, next);

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

/* The PSK of one hash: @len bytes of the key's, whose own hash is that of @hkdf */
static int import_by(struct qkd_hkdf *hkdf, const u8 *epsk, size_t epsk_len, const void *identity,
		     size_t identity_len, u8 *psk, size_t len)
{
	u8 epskx[QKD_HASH_LEN_MAX], hash[QKD_HASH_LEN_MAX];
	int err = qkd_hkdf_extract(hkdf, NULL, epsk, epsk_len, epskx) ?:
		  qkd_hkdf_hash(hkdf, identity, identity_len, hash) ?:
		  qkd_hkdf_key(hkdf, epskx) ?:
		  qkd_hkdf_expand_label(hkdf, "derived psk", hash, hkdf->len, psk, len);

	memzero_explicit(epskx, sizeof(epskx));
	return err;
}

/* A key's own hash is SHA-256. */
static int import_key(struct qkd_schedule *schedule, const u8 *epsk, size_t epsk_len,
		      const void *identity, size_t identity_len, u8 *psk)
{
	const unsigned int len = schedule->hkdf.len;
	struct qkd_hkdf sha256;
	int err;

	if (len == SHA256_LEN)
		return import_by(&schedule->hkdf, epsk, epsk_len, identity, identity_len, psk, len);
	err = qkd_hkdf_init(&sha256, QKD_KDF_SHA256);
	if (err)
		return err;
	err = import_by(&sha256, epsk, epsk_len, identity, identity_len, psk, len);
	qkd_hkdf_exit(&sha256);
	return err;
}

/* The Early Secret, of a key in this ImportedIdentity */
int qkd_schedule_import(struct qkd_schedule *schedule, const u8 *epsk, size_t epsk_len,
			const void *identity, size_t identity_len)
{
	u8 psk[QKD_HASH_LEN_MAX];
	int err = import_key(schedule, epsk, epsk_len, identity, identity_len, psk)
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
	int err = qkd_hkdf_key(hkdf, schedule->early) ?:
		  derive(hkdf, "imp binder", hkdf->empty, base) ?:
		  qkd_hkdf_key(hkdf, base) ?:
		  qkd_hkdf_expand_label(hkdf, "finished", NULL, 0, key, hkdf->len) ?:
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
	struct qkd_hkdf *hkdf = &schedule->hkdf;
	u8 secret[QKD_HASH_LEN_MAX];
	int err = qkd_hkdf_key(hkdf, schedule->early) ?:
		  next_secret(hkdf, kex_secret, len, secret) ?:
		  qkd_hkdf_key(hkdf, secret) ?:
		  derive(hkdf, "c hs traffic", transcript_hash, client_secret) ?:
		  derive(hkdf, "s hs traffic", transcript_hash, server_secret) ?:
		  next_secret(hkdf, zeros, hkdf->len, schedule->main);

	memzero_explicit(secret, sizeof(secret));
	if (!err)
		memzero_explicit(schedule->early, sizeof(schedule->early));
	return err;
}

/* From here on there are the application secrets and the exporter's instead of the Main Secret. */
int qkd_schedule_application(struct qkd_schedule *schedule, const u8 *transcript_hash)
{
	u8(*application)[QKD_HASH_LEN_MAX] = schedule->application;
	struct qkd_hkdf *hkdf = &schedule->hkdf;
	int err = qkd_hkdf_key(hkdf, schedule->main) ?:
		  derive(hkdf, "c ap traffic", transcript_hash, application[QKD_SENDER_CLIENT]) ?:
		  derive(hkdf, "s ap traffic", transcript_hash, application[QKD_SENDER_SERVER]) ?:
		  derive(hkdf, "exp master", transcript_hash, schedule->exporter);

	if (err)
		return err;
	memzero_explicit(schedule->main, sizeof(schedule->main));
	qkd_hkdf_forget(hkdf);
	return 0;
}

static int traffic_key(struct qkd_hkdf *hkdf, const u8 *secret, unsigned int key_len,
		       struct qkd_traffic_key *key)
{
	int err = qkd_hkdf_key(hkdf, secret) ?:
		  qkd_hkdf_expand_label(hkdf, "key", NULL, 0, key->key, key_len) ?:
		  qkd_hkdf_expand_label(hkdf, "iv", NULL, 0, key->iv, sizeof(key->iv));

	if (err)
		memzero_explicit(key, sizeof(*key));
	return err;
}

int qkd_schedule_traffic_key(struct qkd_schedule *schedule, enum qkd_sender sender,
			     unsigned int key_len, struct qkd_traffic_key *key)
{
	return traffic_key(&schedule->hkdf, schedule->application[sender], key_len, key);
}

/* @next: the secret of @sender behind a KeyUpdate, and the key that goes with it; for qkd_schedule_advance() */
int qkd_schedule_next(struct qkd_schedule *schedule, enum qkd_sender sender, unsigned int key_len,
		      u8 *next, struct qkd_traffic_key *key)
{
	struct qkd_hkdf *hkdf = &schedule->hkdf;

	return qkd_hkdf_key(hkdf, schedule->application[sender]) ?:
	       qkd_hkdf_expand_label(hkdf, "traffic upd", NULL, 0, next, hkdf->len) ?:
	       traffic_key(hkdf, next, key_len, key);
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
	int err = qkd_hkdf_key(hkdf, schedule->exporter) ?:
		  derive(hkdf, label, hkdf->empty, secret) ?:
		  qkd_hkdf_key(hkdf, secret) ?:
		  qkd_hkdf_expand_label(hkdf, "exporter", context_hash, hkdf->len, out, len);

	memzero_explicit(secret, sizeof(secret));
	return err;
}
