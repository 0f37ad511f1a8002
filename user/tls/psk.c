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
	qkdtls_wipe(&conn->hs->psk, sizeof(conn->hs->psk));
}

bool qkdtls_psk_well_formed(const struct qkdtls_psk *psk)
{
	return psk->secret_len >= QKDTLS_PSK_LEN_MIN && psk->secret_len <= QKDTLS_PSK_LEN_MAX &&
	       psk->id_len && psk->id_len <= QKDTLS_PSK_ID_MAX;
}

void qkdtls_psk_note(struct qkdtls_conn *conn, const uint8_t *id, size_t len)
{
	memcpy(conn->info.psk_id, id, len);
	conn->info.psk_id_len = len;
}

int qkdtls_psk_schedule(const struct qkdtls_conn *conn, enum qkdtls_hash hash,
			const struct qkdtls_psk *psk, const uint8_t *identity, size_t identity_len,
			struct qkdtls_schedule **schedule)
{
	int ret = qkdtls_schedule_new(schedule, hash);

	if (ret)
		return ret;
	if (conn->config->psk_mode == QKDTLS_PSK_MODE_IMPORTED)
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
