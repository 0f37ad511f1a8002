// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * After the handshake: the peer's records, each protected as it should be or not at all, between calls of the
 * user.
 *
 *	SCENE ROLE, then operations until the input ends
 */
#include "puppet.h"

#define OPERATIONS_MAX 200

enum operation {
	RECORD,
	MESSAGE,
	DATA,
	BYTES,
	SEND,
	UPDATE,
	CLOSE,
	END,
	ABORT,
	EXPORT,
	OPERATIONS,
};

static void send_some(struct puppet *p, struct fuzz_input *in)
{
	static const uint8_t zeros[QKDTLS_RECORD_PLAIN_MAX];
	const size_t len = fuzz_u16(in) % (sizeof(zeros) + 1);
	const ssize_t ret = qkdtls_send(p->victim, zeros, len);

	FUZZ_CHECK(ret <= (ssize_t)len);
}

static void export_some(struct puppet *p, struct fuzz_input *in)
{
	uint8_t out[255];
	const size_t len = fuzz_u8(in);

	(void)qkdtls_export(p->victim, "test", "", 0, out, len);
}

static void give(struct puppet *p, struct fuzz_input *in, enum operation op)
{
	static const uint8_t key_update[] = { QKDTLS_MSG_KEY_UPDATE, 0, 0, 1, 0 };
	uint8_t type = op == DATA ? QKDTLS_CONTENT_DATA : QKDTLS_CONTENT_HANDSHAKE, padding = 0;
	const uint8_t *bytes;
	size_t len;

	if (op == RECORD) {
		type = fuzz_u8(in);
		padding = fuzz_u8(in);
	}
	bytes = fuzz_vec(in, &len);
	if (op == MESSAGE && !len) {
		bytes = key_update;
		len = sizeof(key_update);
	}
	puppet_give_record(p, type, bytes, len, padding);
}

/* internal_error is left to the engine, which must have no reason for it. */
static void abort_some(struct puppet *p, struct fuzz_input *in)
{
	const uint8_t alert = fuzz_u8(in);

	if (alert != QKDTLS_ALERT_INTERNAL_ERROR)
		qkdtls_abort(p->victim, (enum qkdtls_alert)alert, "the input says so");
}

static void operate(struct puppet *p, struct fuzz_input *in, enum operation op)
{
	const uint8_t *bytes;
	size_t len;

	switch (op) {
	case BYTES:
		bytes = fuzz_vec(in, &len);
		puppet_give_bytes(p, bytes, len);
		break;
	case SEND:
		send_some(p, in);
		break;
	case UPDATE:
		(void)qkdtls_key_update(p->victim, fuzz_u8(in) & 1);
		break;
	case CLOSE:
		(void)qkdtls_close(p->victim);
		break;
	case END:
		qkdtls_input_eof(p->victim);
		break;
	case ABORT:
		abort_some(p, in);
		break;
	case EXPORT:
		export_some(p, in);
		break;
	default:
		give(p, in, op);
	}
	puppet_run(p);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = fuzz_begin(data, size);
	const uint8_t scene = fuzz_u8(&in);
	struct puppet p;

	puppet_init(&p, scene, fuzz_u8(&in) & 1);
	puppet_finish(&p);
	for (int i = 0; i < OPERATIONS_MAX && in.left && p.victim->state == QKDTLS_UP; i++)
		operate(&p, &in, fuzz_u8(&in) % OPERATIONS);
	puppet_free(&p);
	return 0;
}
