// SPDX-License-Identifier: GPL-2.0-or-later
/* PSKs from /dev/qkd: the only file of the engine that knows libqkd */
#include <errno.h>
#include <string.h>
#include <time.h>
#include <qkd/libqkd.h>
#include <qkd/qkdtls.h>

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

static int qkd_take(void *arg, struct qkdtls_psk *psk)
{
	struct qkdtls_qkd *qkd = arg;
	struct qkd_key key;
	int ret = qkd->fd < 0 ? qkd->fd : qkd_get_key(qkd->fd, 0, &key);

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
