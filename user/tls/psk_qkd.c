// SPDX-License-Identifier: GPL-2.0-or-later
/* PSKs from /dev/qkd: the only file of the engine that knows libqkd */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <qkd/libqkd.h>
#include <qkd/qkdtls.h>

#include "tls/internal.h"

static bool may_wait(const struct qkdtls_qkd *qkd)
{
	struct timespec now;

	if (!qkd->deadline_ms)
		return false;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000 < qkd->deadline_ms;
}

/* What the engine is to make of a refusal of the device */
static int refused(struct qkdtls_qkd *qkd, int ret)
{
	qkd->error = -ret;
	switch (ret) {
	case -EAGAIN:
	case -ETIMEDOUT:
	case -ENOKEY: /* the two ends need not get a key at the same moment */
	case -EBUSY: /* reserved by a handshake that may yet give it back */
	case -EDQUOT: /* poll() says when there may be more */
	case -EINTR:
		return may_wait(qkd) ? QKDTLS_PSK_PENDING : QKDTLS_PSK_NONE;
	case -EKEYREVOKED:
	case -EKEYEXPIRED:
		return QKDTLS_PSK_NONE;
	default:
		return ret;
	}
}

static int psk_set(struct qkdtls_psk *psk, struct qkd_key *key)
{
	memcpy(psk->id, key->id, sizeof(key->id));
	psk->id_len = sizeof(key->id);
	memcpy(psk->secret, key->bytes, key->len);
	psk->secret_len = key->len;
	qkd_key_wipe(key);
	return QKDTLS_PSK_FOUND;
}

/* ---- Sealed: the schedule is a session of the kernel's, and its descriptor what the engine holds ---- */

#define KDFS (1U << QKD_KDF_SHA256 | 1U << QKD_KDF_SHA384)

/* A pointer that is none has room for both. */
static void *as_seal(int session, enum qkdtls_role role)
{
	return (void *)((intptr_t)session << 1 | (role == QKDTLS_SERVER));
}

static int session_of(void *seal)
{
	return (int)((intptr_t)seal >> 1);
}

static int role_of(void *seal)
{
	return (intptr_t)seal & 1 ? QKDTLS_SERVER : QKDTLS_CLIENT;
}

static unsigned int kdf_of(size_t hash_len)
{
	return hash_len == qkd_kdf_len(QKD_KDF_SHA256) ? QKD_KDF_SHA256 : QKD_KDF_SHA384;
}

static int seal_binder(void *seal, size_t hash_len, const uint8_t *transcript_hash, uint8_t *binder)
{
	return qkd_session_binder(session_of(seal), kdf_of(hash_len), transcript_hash, binder);
}

static int seal_check_binder(void *seal, size_t hash_len, const uint8_t *transcript_hash,
			     const uint8_t *binder)
{
	return qkd_session_check_binder(session_of(seal), kdf_of(hash_len), transcript_hash,
					binder);
}

static int seal_handshake(void *seal, uint16_t suite, size_t hash_len, const uint8_t *kex_secret,
			  size_t kex_len, const uint8_t *transcript_hash, uint8_t *client_secret,
			  uint8_t *server_secret)
{
	return qkd_session_handshake(session_of(seal), suite, hash_len, kex_secret, kex_len,
				     transcript_hash, client_secret, server_secret);
}

static int seal_application(void *seal, size_t hash_len, const uint8_t *transcript_hash)
{
	return qkd_session_application(session_of(seal), hash_len, transcript_hash);
}

static int seal_install(void *seal, int fd, uint16_t group, const char *peer)
{
	return qkd_session_install(session_of(seal), fd, group, peer);
}

static int seal_update(void *seal, int sender)
{
	return qkd_session_update(session_of(seal),
				  sender == role_of(seal) ? QKD_UPDATE_F_TX : QKD_UPDATE_F_RX);
}

static int seal_export(void *seal, const char *label, size_t hash_len, const uint8_t *context_hash,
		       uint8_t *out, size_t len)
{
	return qkd_session_export(session_of(seal), label, hash_len, context_hash, out, len);
}

static void seal_close(void *seal)
{
	close(session_of(seal));
}

static const struct qkdtls_seal_ops seal_ops = {
	.binder = seal_binder,
	.check_binder = seal_check_binder,
	.handshake = seal_handshake,
	.application = seal_application,
	.install = seal_install,
	.update = seal_update,
	.exporter = seal_export,
	.close = seal_close,
};

int qkdtls_qkd_session(const struct qkdtls_conn *conn)
{
	const struct qkdtls_seal *seal = qkdtls_schedule_sealed_by(conn->schedule);

	return seal && seal->ops == &seal_ops ? session_of(seal->arg) : -ENOENT;
}

struct qkdtls_seal *qkdtls_qkd_seal(int session, enum qkdtls_role role)
{
	return qkdtls_seal_new(&seal_ops, as_seal(session, role));
}

static int psk_set_sealed(struct qkdtls_psk *psk, const uint8_t id[QKD_KEY_ID_LEN], void *seal)
{
	memcpy(psk->id, id, QKD_KEY_ID_LEN);
	psk->id_len = QKD_KEY_ID_LEN;
	psk->seal_ops = &seal_ops;
	psk->seal = seal;
	return QKDTLS_PSK_FOUND;
}

static int take_sealed(struct qkdtls_qkd *qkd, struct qkdtls_psk *psk)
{
	uint8_t id[QKD_KEY_ID_LEN];
	const int session = qkd_session_open_client(qkd->fd, KDFS, qkd->context, 0, id);

	return session < 0 ? refused(qkd, session)
			   : psk_set_sealed(psk, id, as_seal(session, QKDTLS_CLIENT));
}

static int find_sealed(struct qkdtls_qkd *qkd, const uint8_t *id, struct qkdtls_psk *psk)
{
	const int session = qkd_session_open_server(qkd->fd, KDFS, qkd->context, id, 0);

	return session < 0 ? refused(qkd, session)
			   : psk_set_sealed(psk, id, as_seal(session, QKDTLS_SERVER));
}

/* ---- What the engine asks ---- */

static int qkd_take(void *arg, struct qkdtls_psk *psk)
{
	struct qkdtls_qkd *qkd = arg;
	struct qkd_key key;
	int ret;

	if (qkd->sealed && qkd->fd >= 0)
		return take_sealed(qkd, psk);
	ret = qkd->fd < 0 ? qkd->fd : qkd_get_key(qkd->fd, 0, &key);
	return ret ? refused(qkd, ret) : psk_set(psk, &key);
}

static int qkd_find(void *arg, const uint8_t *id, size_t id_len, struct qkdtls_psk *psk)
{
	struct qkdtls_qkd *qkd = arg;
	struct qkd_key key;
	int ret;

	if (id_len != QKD_KEY_ID_LEN) {
		qkd->error = ENOKEY;
		return QKDTLS_PSK_NONE;
	}
	if (qkd->sealed && qkd->fd >= 0)
		return find_sealed(qkd, id, psk);
	ret = qkd->fd < 0 ? qkd->fd : qkd_get_key_by_id(qkd->fd, id, 0, &key);
	return ret ? refused(qkd, ret) : psk_set(psk, &key);
}

static int qkd_spend(void *arg, const uint8_t *id, size_t id_len)
{
	struct qkdtls_qkd *qkd = arg;
	int ret = id_len == QKD_KEY_ID_LEN ? qkd_commit(qkd->fd, id) : -EINVAL;

	if (ret)
		qkd->error = -ret;
	return ret;
}

static void qkd_put_back(void *arg, const uint8_t *id, size_t id_len, enum qkdtls_psk_release why)
{
	const uint32_t flags = why == QKDTLS_PSK_MISMATCH ? QKD_RELEASE_F_MISMATCH : 0;
	struct qkdtls_qkd *qkd = arg;
	int ret = id_len == QKD_KEY_ID_LEN ? qkd_release(qkd->fd, id, flags) : -EINVAL;

	/* The reservation is over in any case; closing the file would have ended it too. */
	if (ret)
		qkd->error = -ret;
}

const struct qkdtls_psk_ops qkdtls_qkd_ops = {
	.take = qkd_take,
	.find = qkd_find,
	.commit = qkd_spend,
	.release = qkd_put_back,
};
