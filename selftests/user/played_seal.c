// SPDX-License-Identifier: GPL-2.0-or-later
#include "played_seal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tls/buf.h"
#include "tls/internal.h"
#include "tls/schedule.h"

struct played {
	struct keyring *ring;
	bool server;
	bool decided; /* server: spent or given back */
	struct qkdtls_psk key;
	struct qkdtls_schedule *schedule[2]; /* by hash */
	struct qkdtls_schedule *chosen;
	const struct qkdtls_suite *suite;
};

static enum qkdtls_hash hash_of(size_t len)
{
	return len == 32 ? QKDTLS_SHA256 : QKDTLS_SHA384;
}

static size_t write_identity(const struct played *played, enum qkdtls_hash hash, uint8_t *identity,
			     size_t size)
{
	uint8_t context[QKDTLS_LINK_CONTEXT_LEN];
	struct qkdtls_writer w;

	if (qkdtls_link_context("geneva", "zurich", context))
		abort();
	qkdtls_writer_init(&w, identity, size);
	qkdtls_put_u16(&w, (uint16_t)played->key.id_len);
	qkdtls_put_bytes(&w, played->key.id, played->key.id_len);
	qkdtls_put_u16(&w, sizeof(context));
	qkdtls_put_bytes(&w, context, sizeof(context));
	qkdtls_put_u16(&w, QKDTLS_TLS13);
	qkdtls_put_u16(&w, qkdtls_psk_kdf(hash));
	return w.len;
}

static struct qkdtls_schedule *schedule_for(struct played *played, size_t hash_len)
{
	const enum qkdtls_hash hash = hash_of(hash_len);
	struct qkdtls_schedule **schedule = &played->schedule[hash == QKDTLS_SHA384];
	uint8_t identity[QKDTLS_IDENTITY_MAX];

	if (*schedule)
		return *schedule;
	if (qkdtls_schedule_new(schedule, hash))
		return NULL;
	if (qkdtls_schedule_import(*schedule, QKDTLS_SHA256, played->key.secret,
				   played->key.secret_len, identity,
				   write_identity(played, hash, identity, sizeof(identity))))
		return NULL;
	return *schedule;
}

static int played_binder(void *seal, size_t hash_len, const uint8_t *transcript_hash,
			 uint8_t *binder)
{
	struct qkdtls_schedule *schedule = schedule_for(seal, hash_len);

	return schedule ? qkdtls_schedule_binder(schedule, QKDTLS_BINDER_IMPORTED, transcript_hash,
						 binder)
			: -ENOMEM;
}

static int played_check_binder(void *seal, size_t hash_len, const uint8_t *transcript_hash,
			       const uint8_t *binder)
{
	struct qkdtls_schedule *schedule = schedule_for(seal, hash_len);
	struct played *played = seal;
	int ret;

	if (!schedule)
		return -ENOMEM;
	ret = qkdtls_schedule_check_binder(schedule, QKDTLS_BINDER_IMPORTED, transcript_hash,
					   binder, hash_len);
	if (ret && ret != -EBADMSG)
		return ret;
	played->decided = true;
	if (!ret)
		return keyring_ops.commit(played->ring, played->key.id, played->key.id_len)
			       ? -EKEYREVOKED
			       : 0;
	keyring_ops.release(played->ring, played->key.id, played->key.id_len, QKDTLS_PSK_MISMATCH);
	return ret;
}

static int played_handshake(void *seal, uint16_t suite, size_t hash_len, const uint8_t *kex_secret,
			    size_t kex_len, const uint8_t *transcript_hash, uint8_t *client_secret,
			    uint8_t *server_secret)
{
	struct played *played = seal;
	int ret;

	played->suite = qkdtls_suite_find(suite);
	played->chosen = played->schedule[hash_of(hash_len) == QKDTLS_SHA384];
	if (!played->suite || !played->chosen)
		return -EINVAL;
	ret = qkdtls_schedule_handshake(played->chosen, kex_secret, kex_len, transcript_hash);
	if (!ret)
		ret = qkdtls_schedule_reveal(played->chosen, QKDTLS_EPOCH_HANDSHAKE, QKDTLS_CLIENT,
					     client_secret);
	return ret ? ret
		   : qkdtls_schedule_reveal(played->chosen, QKDTLS_EPOCH_HANDSHAKE, QKDTLS_SERVER,
					    server_secret);
}

static int played_application(void *seal, size_t hash_len, const uint8_t *transcript_hash)
{
	struct played *played = seal;

	return qkdtls_schedule_application(played->chosen, transcript_hash);
}

static int played_update(void *seal, int sender)
{
	struct played *played = seal;

	/* Updates come behind the handshake. */
	(void)qkdtls_schedule_complete(played->chosen);
	return qkdtls_schedule_update(played->chosen, (enum qkdtls_role)sender);
}

static int played_install(void *seal, int fd, uint16_t group, const char *peer)
{
	return -ENOENT;
}

/* As qkdtls_schedule_export(), the context's hash given */
static int played_export(void *seal, const char *label, size_t hash_len,
			 const uint8_t *context_hash, uint8_t *out, size_t len)
{
	const enum qkdtls_hash hash = hash_of(hash_len);
	uint8_t secret[QKDTLS_HASH_MAX];
	struct played *played = seal;
	struct qkdtls_hkdf *hkdf;
	int ret = qkdtls_hkdf_new(&hkdf, hash);

	if (ret)
		return ret;
	ret = qkdtls_schedule_reveal_exporter(played->chosen, secret);
	if (!ret)
		ret = qkdtls_hkdf_set_prk(hkdf, secret, hash_len);
	if (!ret)
		ret = qkdtls_hkdf_expand_label(hkdf, label, qkdtls_hash_empty(hash), hash_len,
					       secret, hash_len);
	if (!ret)
		ret = qkdtls_hkdf_set_prk(hkdf, secret, hash_len);
	if (!ret)
		ret = qkdtls_hkdf_expand_label(hkdf, "exporter", context_hash, hash_len, out, len);
	qkdtls_hkdf_free(hkdf);
	return ret;
}

static int played_traffic_key(void *seal, int sender, struct qkdtls_traffic_key *key)
{
	struct played *played = seal;

	return qkdtls_schedule_traffic_key(played->chosen, QKDTLS_EPOCH_APPLICATION,
					   (enum qkdtls_role)sender, played->suite, key);
}

static void played_close(void *seal)
{
	struct played *played = seal;

	if (played->server && !played->decided)
		keyring_ops.release(played->ring, played->key.id, played->key.id_len,
				    QKDTLS_PSK_UNUSED);
	for (int i = 0; i < 2; i++)
		qkdtls_schedule_free(played->schedule[i]);
	free(played);
}

static const struct qkdtls_seal_ops played_ops = {
	.binder = played_binder,
	.check_binder = played_check_binder,
	.handshake = played_handshake,
	.application = played_application,
	.install = played_install,
	.update = played_update,
	.exporter = played_export,
	.traffic_key = played_traffic_key,
	.close = played_close,
};

void played_seal(struct keyring *ring, bool server, struct qkdtls_psk *psk)
{
	struct played *played;

	/* What is no key cannot be sealed. */
	if (psk->secret_len < QKDTLS_PSK_LEN_MIN || psk->secret_len > QKDTLS_PSK_LEN_MAX)
		return;
	played = calloc(1, sizeof(*played));
	if (!played)
		abort();
	played->ring = ring;
	played->server = server;
	played->key = *psk;
	explicit_bzero(psk->secret, sizeof(psk->secret));
	psk->secret_len = 0;
	psk->seal_ops = &played_ops;
	psk->seal = played;
}
