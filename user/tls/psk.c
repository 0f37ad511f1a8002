// SPDX-License-Identifier: GPL-2.0-or-later
/* What offering and accepting a pre-shared key have in common */
#include <errno.h>
#include <string.h>

#include "tls/crypto_random.h"
#include "tls/internal.h"

/* TLS KDF identifiers (RFC 9258 section 4) */
#define KDF_HKDF_SHA256 1
#define KDF_HKDF_SHA384 2

uint16_t qkdtls_psk_kdf(enum qkdtls_hash hash)
{
	return hash == QKDTLS_SHA256 ? KDF_HKDF_SHA256 : KDF_HKDF_SHA384;
}

enum qkdtls_binder qkdtls_psk_label(const struct qkdtls_conn *conn)
{
	return conn->config->psk_mode == QKDTLS_PSK_MODE_IMPORTED ? QKDTLS_BINDER_IMPORTED
								  : QKDTLS_BINDER_EXTERNAL;
}

void qkdtls_psk_wipe(struct qkdtls_conn *conn)
{
	struct qkdtls_handshake *hs = conn->hs;

	if (hs->psk.seal_ops && !hs->seal)
		hs->psk.seal_ops->close(hs->psk.seal);
	qkdtls_seal_unref(hs->seal);
	hs->seal = NULL;
	qkdtls_wipe(&hs->psk, sizeof(hs->psk));
}

bool qkdtls_psk_well_formed(const struct qkdtls_conn *conn)
{
	const struct qkdtls_psk *psk = &conn->hs->psk;

	if (!psk->id_len || psk->id_len > QKDTLS_PSK_ID_MAX)
		return false;
	if (psk->seal_ops)
		return !psk->secret_len && conn->config->psk_mode == QKDTLS_PSK_MODE_IMPORTED;
	return psk->secret_len >= QKDTLS_PSK_LEN_MIN && psk->secret_len <= QKDTLS_PSK_LEN_MAX;
}

void qkdtls_psk_note(struct qkdtls_conn *conn, const uint8_t *id, size_t len)
{
	memcpy(conn->info.psk_id, id, len);
	conn->info.psk_id_len = len;
}

static int seal_schedule(struct qkdtls_handshake *hs, struct qkdtls_schedule *schedule)
{
	if (!hs->seal)
		hs->seal = qkdtls_seal_new(hs->psk.seal_ops, hs->psk.seal);
	return hs->seal ? qkdtls_schedule_seal(schedule, hs->seal) : -ENOMEM;
}

int qkdtls_psk_schedule(struct qkdtls_conn *conn, enum qkdtls_hash hash, const uint8_t *identity,
			size_t identity_len, struct qkdtls_schedule **schedule)
{
	const struct qkdtls_psk *psk = &conn->hs->psk;
	int ret = qkdtls_schedule_new(schedule, hash);

	if (ret)
		return ret;
	if (psk->seal_ops)
		ret = seal_schedule(conn->hs, *schedule);
	else if (conn->config->psk_mode == QKDTLS_PSK_MODE_IMPORTED)
		ret = qkdtls_schedule_import(*schedule, QKDTLS_SHA256, psk->secret, psk->secret_len,
					     identity, identity_len);
	else
		ret = qkdtls_schedule_early(*schedule, psk->secret, psk->secret_len);
	if (ret) {
		qkdtls_schedule_free(*schedule);
		*schedule = NULL;
	}
	return ret;
}
