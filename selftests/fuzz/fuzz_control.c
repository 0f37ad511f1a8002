// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What the kernel hands up of records that are not data, after it has taken the keys.
 *
 *	SCENE ROLE, then records: TYPE, a length in two bytes, content
 */
#include <string.h>

#include "puppet.h"

#define RECORDS_MAX 200

static bool take_keys(struct qkdtls_conn *conn)
{
	struct qkdtls_traffic_key tx, rx;

	if (qkdtls_take_traffic_keys(conn, &tx, &rx))
		return false;
	FUZZ_CHECK(tx.key_len == rx.key_len && memcmp(tx.key, rx.key, tx.key_len));
	FUZZ_CHECK(qkdtls_take_traffic_keys(conn, &tx, &rx) && !qkdtls_wanted(conn));
	return true;
}

static void check_answer(struct qkdtls_conn *conn, enum qkdtls_control answer, uint8_t type)
{
	switch (answer) {
	case QKDTLS_CONTROL_FAILED:
		FUZZ_CHECK(conn->failed);
		break;
	case QKDTLS_CONTROL_CLOSE:
		FUZZ_CHECK(conn->peer_closed);
		break;
	case QKDTLS_CONTROL_KEY_UPDATE:
		FUZZ_CHECK(type == QKDTLS_CONTENT_HANDSHAKE);
		break;
	default:
		FUZZ_CHECK(answer == QKDTLS_CONTROL_IGNORE);
	}
	/* Without its keys the engine sends and receives nothing. */
	FUZZ_CHECK(qkdtls_send(conn, "data", 4) < 0 && qkdtls_receive(conn, &type, 1) < 0);
	fuzz_check_conn(conn);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = fuzz_begin(data, size);
	const uint8_t scene = fuzz_u8(&in);
	const uint8_t *bytes;
	struct puppet p;
	uint8_t type;
	size_t len;

	puppet_init(&p, scene, fuzz_u8(&in) & 1);
	puppet_finish(&p);
	if (p.victim->state == QKDTLS_UP && take_keys(p.victim)) {
		for (int i = 0; i < RECORDS_MAX && in.left && !p.victim->failed; i++) {
			type = fuzz_u8(&in);
			bytes = fuzz_vec(&in, &len);
			check_answer(p.victim, qkdtls_control(p.victim, type, bytes, len), type);
		}
	}
	puppet_free(&p);
	return 0;
}
