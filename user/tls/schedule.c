// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include "tls/crypto_random.h"
#include "tls/schedule.h"

enum stage {
	STAGE_NEW,
	STAGE_EARLY,
	STAGE_HANDSHAKE,
	STAGE_APPLICATION,
	STAGE_COMPLETE,
	STAGE_HANDED_OVER,
};

/* In user space: the secrets are here. Which of them are set follows from the stage. */
struct qkdtls_schedule {
	enum qkdtls_hash hash;
	struct qkdtls_hkdf *hkdf;
	struct qkdtls_seal *seal; /* then only those of the handshake are */
	uint16_t suite;
	enum stage stage;
	bool has_psk;
	bool has_derived;
	uint8_t early[QKDTLS_HASH_MAX]; /* early */
	uint8_t derived[QKDTLS_HASH_MAX]; /* early: where it leads to, once there was a binder */
	uint8_t main[QKDTLS_HASH_MAX]; /* handshake */
	uint8_t handshake[2][QKDTLS_HASH_MAX]; /* handshake, application; by role */
	uint8_t application[2][QKDTLS_HASH_MAX]; /* application, complete; by role */
	uint8_t exporter[QKDTLS_HASH_MAX]; /* application, complete */
};

static const char *const handshake_labels[] = {
	[QKDTLS_CLIENT] = "c hs traffic",
	[QKDTLS_SERVER] = "s hs traffic",
};

static const char *const application_labels[] = {
	[QKDTLS_CLIENT] = "c ap traffic",
	[QKDTLS_SERVER] = "s ap traffic",
};

static const char *const binder_labels[] = {
	[QKDTLS_BINDER_EXTERNAL] = "ext binder",
	[QKDTLS_BINDER_IMPORTED] = "imp binder",
};

/* The secret that those below derive from */
static int derive_from(const struct qkdtls_schedule *s, const uint8_t *secret)
{
	return qkdtls_hkdf_set_prk(s->hkdf, secret, qkdtls_hash_len(s->hash));
}

/* Derive-Secret, with the transcript hash given */
static int derive(const struct qkdtls_schedule *s, const char *label,
		  const uint8_t *transcript_hash, uint8_t *out)
{
	size_t len = qkdtls_hash_len(s->hash);

	return qkdtls_hkdf_expand_label(s->hkdf, label, transcript_hash, len, out, len);
}

/* Derive-Secret of no messages */
static int derive_empty(const struct qkdtls_schedule *s, const char *label, uint8_t *out)
{
	return derive(s, label, qkdtls_hash_empty(s->hash), out);
}

/* The step from one secret to the next: Extract(Derive-Secret(secret, "derived", ""), ikm) */
static int next_secret(const struct qkdtls_schedule *s, const uint8_t *ikm, size_t ikm_len,
		       uint8_t *out)
{
	uint8_t salt[QKDTLS_HASH_MAX];
	int err;

	err = derive_empty(s, "derived", salt);
	if (!err)
		err = qkdtls_hkdf_extract(s->hkdf, salt, qkdtls_hash_len(s->hash), ikm, ikm_len,
					  out);
	qkdtls_wipe(salt, sizeof(salt));
	return err;
}

int qkdtls_schedule_new(struct qkdtls_schedule **schedule, enum qkdtls_hash hash)
{
	struct qkdtls_schedule *s = calloc(1, sizeof(*s));
	int err;

	if (!s)
		return -ENOMEM;
	err = qkdtls_hkdf_new(&s->hkdf, hash);
	if (err) {
		free(s);
		return err;
	}
	s->hash = hash;
	*schedule = s;
	return 0;
}

void qkdtls_schedule_free(struct qkdtls_schedule *schedule)
{
	if (!schedule)
		return;
	qkdtls_hkdf_free(schedule->hkdf);
	qkdtls_seal_unref(schedule->seal);
	qkdtls_wipe(schedule, sizeof(*schedule));
	free(schedule);
}

enum qkdtls_hash qkdtls_schedule_hash(const struct qkdtls_schedule *schedule)
{
	return schedule->hash;
}

int qkdtls_schedule_early(struct qkdtls_schedule *s, const uint8_t *psk, size_t len)
{
	static const uint8_t zeros[QKDTLS_HASH_MAX];
	size_t hash_len = qkdtls_hash_len(s->hash);
	int err;

	if (s->stage != STAGE_NEW || !psk != !len)
		return -EINVAL;
	err = qkdtls_hkdf_extract(s->hkdf, NULL, 0, psk ? psk : zeros, psk ? len : hash_len,
				  s->early);
	if (err)
		return err;
	s->has_psk = psk;
	s->stage = STAGE_EARLY;
	return 0;
}

/* RFC 9258 section 4.1: @target_len bytes of the key for one identity, all under the EPSK's hash */
static int import_psk(enum qkdtls_hash hash, const uint8_t *epsk, size_t epsk_len,
		      const uint8_t *identity, size_t identity_len, uint8_t *ipskx,
		      size_t target_len)
{
	uint8_t epskx[QKDTLS_HASH_MAX], hashed[QKDTLS_HASH_MAX];
	struct qkdtls_hkdf *hkdf;
	int err;

	err = qkdtls_hkdf_new(&hkdf, hash);
	if (err)
		return err;
	err = qkdtls_hkdf_extract(hkdf, NULL, 0, epsk, epsk_len, epskx);
	if (!err)
		err = qkdtls_hash(hash, identity, identity_len, hashed);
	if (!err)
		err = qkdtls_hkdf_set_prk(hkdf, epskx, qkdtls_hash_len(hash));
	if (!err)
		err = qkdtls_hkdf_expand_label(hkdf, "derived psk", hashed, qkdtls_hash_len(hash),
					       ipskx, target_len);
	qkdtls_hkdf_free(hkdf);
	qkdtls_wipe(epskx, sizeof(epskx));
	return err;
}

int qkdtls_schedule_import(struct qkdtls_schedule *s, enum qkdtls_hash epsk_hash,
			   const uint8_t *epsk, size_t epsk_len, const uint8_t *identity,
			   size_t identity_len)
{
	size_t target_len = qkdtls_hash_len(s->hash);
	uint8_t ipskx[QKDTLS_HASH_MAX];
	int err;

	if (s->stage != STAGE_NEW || !epsk_len)
		return -EINVAL;
	err = import_psk(epsk_hash, epsk, epsk_len, identity, identity_len, ipskx, target_len);
	if (!err)
		err = qkdtls_schedule_early(s, ipskx, target_len);
	qkdtls_wipe(ipskx, sizeof(ipskx));
	return err;
}

int qkdtls_schedule_seal(struct qkdtls_schedule *s, struct qkdtls_seal *seal)
{
	if (s->stage != STAGE_NEW)
		return -EINVAL;
	s->seal = qkdtls_seal_ref(seal);
	s->has_psk = true;
	s->stage = STAGE_EARLY;
	return 0;
}

int qkdtls_schedule_resume(struct qkdtls_schedule **schedule, enum qkdtls_hash hash,
			   struct qkdtls_seal *seal)
{
	const int ret = qkdtls_schedule_new(schedule, hash);

	if (ret)
		return ret;
	(*schedule)->seal = qkdtls_seal_ref(seal);
	(*schedule)->has_psk = true;
	(*schedule)->stage = STAGE_COMPLETE;
	return 0;
}

struct qkdtls_seal *qkdtls_schedule_sealed_by(const struct qkdtls_schedule *s)
{
	return s ? s->seal : NULL;
}

void qkdtls_schedule_suite(struct qkdtls_schedule *s, const struct qkdtls_suite *suite)
{
	s->suite = suite->number;
}

/* HMAC under the finished key of @base: a Finished's or a binder's value */
static int finished_mac(const struct qkdtls_schedule *s, const uint8_t *base,
			const uint8_t *transcript_hash, uint8_t *mac)
{
	size_t len = qkdtls_hash_len(s->hash);
	uint8_t key[QKDTLS_HASH_MAX];
	int err;

	err = derive_from(s, base);
	if (!err)
		err = qkdtls_hkdf_expand_label(s->hkdf, "finished", NULL, 0, key, len);
	if (!err)
		err = qkdtls_hmac(s->hkdf, key, len, transcript_hash, len, mac);
	qkdtls_wipe(key, sizeof(key));
	return err;
}

static int check_mac(const struct qkdtls_schedule *s, const uint8_t *expected, const uint8_t *mac,
		     size_t len)
{
	if (len != qkdtls_hash_len(s->hash) || !qkdtls_equal(expected, mac, len))
		return -EBADMSG;
	return 0;
}

int qkdtls_schedule_binder(struct qkdtls_schedule *s, enum qkdtls_binder label,
			   const uint8_t *transcript_hash, uint8_t *binder)
{
	uint8_t key[QKDTLS_HASH_MAX];
	int err;

	if (s->stage != STAGE_EARLY || !s->has_psk)
		return -EINVAL;
	if (s->seal)
		return label == QKDTLS_BINDER_IMPORTED
			       ? s->seal->ops->binder(s->seal->arg, qkdtls_hash_len(s->hash),
						      transcript_hash, binder)
			       : -EINVAL;
	err = derive_from(s, s->early);
	if (!err)
		err = derive_empty(s, binder_labels[label], key);
	/* What else comes from it: set as a key once more, it would cost as much again. */
	if (!err && !s->has_derived) {
		err = derive_empty(s, "derived", s->derived);
		s->has_derived = !err;
	}
	if (!err)
		err = finished_mac(s, key, transcript_hash, binder);
	qkdtls_wipe(key, sizeof(key));
	return err;
}

int qkdtls_schedule_check_binder(struct qkdtls_schedule *s, enum qkdtls_binder label,
				 const uint8_t *transcript_hash, const uint8_t *binder, size_t len)
{
	uint8_t expected[QKDTLS_HASH_MAX];
	int err;

	if (s->seal && s->stage == STAGE_EARLY && label == QKDTLS_BINDER_IMPORTED)
		return len == qkdtls_hash_len(s->hash)
			       ? s->seal->ops->check_binder(s->seal->arg, len, transcript_hash,
							    binder)
			       : -EBADMSG;
	err = qkdtls_schedule_binder(s, label, transcript_hash, expected);
	if (!err)
		err = check_mac(s, expected, binder, len);
	qkdtls_wipe(expected, sizeof(expected));
	return err;
}

static int handshake_secret(const struct qkdtls_schedule *s, const uint8_t *kex_secret, size_t len,
			    uint8_t *secret)
{
	int err;

	if (s->has_derived)
		return qkdtls_hkdf_extract(s->hkdf, s->derived, qkdtls_hash_len(s->hash),
					   kex_secret, len, secret);
	err = derive_from(s, s->early);
	return err ? err : next_secret(s, kex_secret, len, secret);
}

static int sealed_handshake(struct qkdtls_schedule *s, const uint8_t *kex_secret, size_t len,
			    const uint8_t *transcript_hash)
{
	const int err = s->seal->ops->handshake(
		s->seal->arg, s->suite, qkdtls_hash_len(s->hash), kex_secret, len, transcript_hash,
		s->handshake[QKDTLS_CLIENT], s->handshake[QKDTLS_SERVER]);

	if (!err)
		s->stage = STAGE_HANDSHAKE;
	return err;
}

int qkdtls_schedule_handshake(struct qkdtls_schedule *s, const uint8_t *kex_secret, size_t len,
			      const uint8_t *transcript_hash)
{
	static const uint8_t zeros[QKDTLS_HASH_MAX];
	uint8_t secret[QKDTLS_HASH_MAX];
	int err, role;

	if (s->stage != STAGE_EARLY || !len)
		return -EINVAL;
	if (s->seal)
		return sealed_handshake(s, kex_secret, len, transcript_hash);
	err = handshake_secret(s, kex_secret, len, secret);
	if (!err)
		err = derive_from(s, secret);
	for (role = QKDTLS_CLIENT; !err && role <= QKDTLS_SERVER; role++)
		err = derive(s, handshake_labels[role], transcript_hash, s->handshake[role]);
	if (!err)
		err = next_secret(s, zeros, qkdtls_hash_len(s->hash), s->main);
	qkdtls_wipe(secret, sizeof(secret));
	if (err)
		return err;
	qkdtls_wipe(s->early, sizeof(s->early));
	qkdtls_wipe(s->derived, sizeof(s->derived));
	s->has_derived = false;
	s->stage = STAGE_HANDSHAKE;
	return 0;
}

int qkdtls_schedule_application(struct qkdtls_schedule *s, const uint8_t *transcript_hash)
{
	int err, role;

	if (s->stage != STAGE_HANDSHAKE)
		return -EINVAL;
	if (s->seal) {
		err = s->seal->ops->application(s->seal->arg, qkdtls_hash_len(s->hash),
						transcript_hash);
		if (!err)
			s->stage = STAGE_APPLICATION;
		return err;
	}
	err = derive_from(s, s->main);
	for (role = QKDTLS_CLIENT; !err && role <= QKDTLS_SERVER; role++)
		err = derive(s, application_labels[role], transcript_hash, s->application[role]);
	if (!err)
		err = derive(s, "exp master", transcript_hash, s->exporter);
	if (err)
		return err;
	qkdtls_wipe(s->main, sizeof(s->main));
	s->stage = STAGE_APPLICATION;
	return 0; /* libcrypto knows main until the handshake is complete: as long as what comes from it */
}

int qkdtls_schedule_complete(struct qkdtls_schedule *s)
{
	if (s->stage != STAGE_APPLICATION)
		return -EINVAL;
	qkdtls_wipe(s->handshake, sizeof(s->handshake));
	s->stage = STAGE_COMPLETE;
	return qkdtls_hkdf_forget(s->hkdf);
}

/* The traffic secret of one side, or NULL while (or since) there is none */
static const uint8_t *traffic_secret(const struct qkdtls_schedule *s, enum qkdtls_epoch epoch,
				     enum qkdtls_role sender)
{
	if (epoch == QKDTLS_EPOCH_HANDSHAKE)
		return s->stage == STAGE_HANDSHAKE || s->stage == STAGE_APPLICATION
			       ? s->handshake[sender]
			       : NULL;
	return s->stage == STAGE_APPLICATION || s->stage == STAGE_COMPLETE ? s->application[sender]
									   : NULL;
}

int qkdtls_schedule_finished(const struct qkdtls_schedule *s, enum qkdtls_role sender,
			     const uint8_t *transcript_hash, uint8_t *mac)
{
	const uint8_t *secret = traffic_secret(s, QKDTLS_EPOCH_HANDSHAKE, sender);

	return secret ? finished_mac(s, secret, transcript_hash, mac) : -EINVAL;
}

int qkdtls_schedule_check_finished(const struct qkdtls_schedule *s, enum qkdtls_role sender,
				   const uint8_t *transcript_hash, const uint8_t *mac, size_t len)
{
	uint8_t expected[QKDTLS_HASH_MAX];
	int err;

	err = qkdtls_schedule_finished(s, sender, transcript_hash, expected);
	if (!err)
		err = check_mac(s, expected, mac, len);
	qkdtls_wipe(expected, sizeof(expected));
	return err;
}

int qkdtls_schedule_traffic_key(const struct qkdtls_schedule *s, enum qkdtls_epoch epoch,
				enum qkdtls_role sender, const struct qkdtls_suite *suite,
				struct qkdtls_traffic_key *key)
{
	const uint8_t *secret = traffic_secret(s, epoch, sender);
	int err;

	if (!secret || suite->hash != s->hash)
		return -EINVAL;
	if (s->seal && epoch == QKDTLS_EPOCH_APPLICATION)
		return s->seal->ops->traffic_key
			       ? s->seal->ops->traffic_key(s->seal->arg, sender, key)
			       : -EPERM;
	*key = (struct qkdtls_traffic_key){
		.suite = suite->number,
		.key_len = qkdtls_aead_key_len(suite->aead),
	};
	err = derive_from(s, secret);
	if (!err)
		err = qkdtls_hkdf_expand_label(s->hkdf, "key", NULL, 0, key->key, key->key_len);
	if (!err)
		err = qkdtls_hkdf_expand_label(s->hkdf, "iv", NULL, 0, key->iv, sizeof(key->iv));
	if (err)
		qkdtls_wipe(key, sizeof(*key));
	return err;
}

int qkdtls_schedule_update(struct qkdtls_schedule *s, enum qkdtls_role sender)
{
	size_t len = qkdtls_hash_len(s->hash);
	uint8_t next[QKDTLS_HASH_MAX];
	int err;

	if (s->stage != STAGE_COMPLETE)
		return -EINVAL;
	if (s->seal)
		return s->seal->ops->update(s->seal->arg, sender);
	err = derive_from(s, s->application[sender]);
	if (!err)
		err = qkdtls_hkdf_expand_label(s->hkdf, "traffic upd", NULL, 0, next, len);
	if (!err)
		memcpy(s->application[sender], next, len);
	qkdtls_wipe(next, sizeof(next));
	return err ? err : qkdtls_hkdf_forget(s->hkdf);
}

int qkdtls_schedule_hand_over(struct qkdtls_schedule *s)
{
	if (s->stage != STAGE_COMPLETE)
		return -EINVAL;
	qkdtls_wipe(s->application, sizeof(s->application));
	s->stage = STAGE_HANDED_OVER;
	return qkdtls_hkdf_forget(s->hkdf);
}

int qkdtls_schedule_export(const struct qkdtls_schedule *s, const char *label,
			   const uint8_t *context, size_t context_len, uint8_t *out, size_t out_len)
{
	uint8_t secret[QKDTLS_HASH_MAX], hashed[QKDTLS_HASH_MAX];
	int err;

	if (s->stage < STAGE_COMPLETE)
		return -EINVAL;
	err = qkdtls_hash(s->hash, context_len ? (const void *)context : "", context_len, hashed);
	if (s->seal)
		return err ? err
			   : s->seal->ops->exporter(s->seal->arg, label, qkdtls_hash_len(s->hash),
						    hashed, out, out_len);
	if (!err)
		err = derive_from(s, s->exporter);
	if (!err)
		err = derive_empty(s, label, secret);
	if (!err)
		err = derive_from(s, secret);
	if (!err)
		err = qkdtls_hkdf_expand_label(s->hkdf, "exporter", hashed,
					       qkdtls_hash_len(s->hash), out, out_len);
	qkdtls_wipe(secret, sizeof(secret));
	return err;
}

int qkdtls_schedule_reveal(const struct qkdtls_schedule *s, enum qkdtls_epoch epoch,
			   enum qkdtls_role sender, uint8_t *secret)
{
	const uint8_t *from = traffic_secret(s, epoch, sender);

	if (!from)
		return -EINVAL;
	if (s->seal && epoch == QKDTLS_EPOCH_APPLICATION)
		return -EPERM;
	memcpy(secret, from, qkdtls_hash_len(s->hash));
	return 0;
}

int qkdtls_schedule_reveal_exporter(const struct qkdtls_schedule *s, uint8_t *secret)
{
	if (s->stage < STAGE_APPLICATION)
		return -EINVAL;
	if (s->seal)
		return -EPERM;
	memcpy(secret, s->exporter, qkdtls_hash_len(s->hash));
	return 0;
}
