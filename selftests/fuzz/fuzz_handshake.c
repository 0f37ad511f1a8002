// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Either role in every state: the input says what becomes of each message of a genuine peer before it arrives.
 *
 *	SCENE ROLE, then operations until the input ends; what is left of the handshake goes on by itself.
 */
#include <string.h>

#include "puppet.h"

#define OPERATIONS_MAX 48

static struct forged_message message;

/* Takes @cut bytes at @at out and puts others there. */
static void splice(size_t at, size_t cut, const uint8_t *bytes, size_t len)
{
	at = at < message.len ? at : message.len;
	cut = cut < message.len - at ? cut : message.len - at;
	if (message.len - cut + len > sizeof(message.body))
		return;
	memmove(message.body + at + len, message.body + at + cut, message.len - at - cut);
	memcpy(message.body + at, bytes, len);
	message.len = message.len - cut + len;
}

static void put_u16(size_t at, size_t value)
{
	message.body[at] = (uint8_t)(value >> 8);
	message.body[at + 1] = (uint8_t)value;
}

/* Where the block of extensions (its length) starts; false: not in this message, or it is not well formed */
static bool find_block(size_t *at)
{
	struct qkdtls_cursor c = qkdtls_cursor(message.body, message.len), part;
	bool ok = true;

	switch (message.type) {
	case QKDTLS_MSG_CLIENT_HELLO:
		ok = qkdtls_get_sub(&c, 34, &part) && qkdtls_get_vec8(&c, 0, 32, &part) &&
		     qkdtls_get_vec16(&c, 0, UINT16_MAX, &part) &&
		     qkdtls_get_vec8(&c, 0, UINT8_MAX, &part);
		break;
	case QKDTLS_MSG_SERVER_HELLO:
		ok = qkdtls_get_sub(&c, 34, &part) && qkdtls_get_vec8(&c, 0, 32, &part) &&
		     qkdtls_get_sub(&c, 3, &part);
		break;
	case QKDTLS_MSG_ENCRYPTED_EXTENSIONS:
		break;
	case QKDTLS_MSG_CERTIFICATE:
		/* Those of the first entry */
		ok = qkdtls_get_vec8(&c, 0, UINT8_MAX, &part) && qkdtls_get_sub(&c, 3, &part) &&
		     qkdtls_get_vec24(&c, 0, UINT16_MAX, &part);
		break;
	case QKDTLS_MSG_CERTIFICATE_REQUEST:
		ok = qkdtls_get_vec8(&c, 0, UINT8_MAX, &part);
		break;
	default:
		ok = false;
	}
	*at = (size_t)(c.pos - message.body);
	return ok && message.len >= *at + 2;
}

/* An extension other, gone, or a new one in front of it, with all lengths right */
static void change_extension(struct fuzz_input *in)
{
	const uint8_t how = fuzz_u8(in);
	unsigned int index = how >> 2;
	const size_t before = message.len;
	struct qkdtls_cursor c, body;
	size_t block, at, len, cut = 0;
	const uint8_t *bytes;
	uint16_t type;

	if (!find_block(&block))
		return;
	c = qkdtls_cursor(message.body + block + 2, message.len - block - 2);
	do {
		at = (size_t)(c.pos - message.body);
	} while (qkdtls_get_u16(&c, &type) && qkdtls_get_vec16(&c, 0, UINT16_MAX, &body) &&
		 index--);
	if (how & 1 || c.pos == message.body + at)
		type = fuzz_u16(in);
	else
		cut = (size_t)(c.pos - message.body) - at;
	bytes = fuzz_vec(in, &len);
	if (message.len - cut + 4 + len > sizeof(message.body))
		return;
	if (how & 2) {
		splice(at, cut, bytes, 0);
	} else {
		splice(at, cut, bytes, len);
		splice(at, 0,
		       (const uint8_t[]){ (uint8_t)(type >> 8), (uint8_t)type, (uint8_t)(len >> 8),
					  (uint8_t)len },
		       4);
	}
	len = (size_t)(message.body[block] << 8 | message.body[block + 1]);
	put_u16(block, len + message.len - before);
	if (message.type == QKDTLS_MSG_CERTIFICATE)
		put_u16(2 + message.body[0], message.len - 4 - message.body[0]);
}

static void change_bytes(struct fuzz_input *in)
{
	const unsigned int count = fuzz_u8(in) % 8;

	for (unsigned int i = 0; i <= count && message.len; i++) {
		const size_t at = fuzz_u16(in) % message.len;

		message.body[at] ^= fuzz_u8(in);
	}
}

enum operation {
	PASS,
	CHANGE_BYTES,
	SPLICE,
	CHANGE_EXTENSION,
	FRAGMENT,
	LOSE,
	TWICE,
	OWN_MESSAGE,
	RECORD,
	BYTES,
	UNPROVEN,
	END,
	ABORT,
	SEND,
	UPDATE,
	OPERATIONS,
};

static void change_message(struct puppet *p, struct fuzz_input *in, enum operation op)
{
	size_t size = QKDTLS_RECORD_PLAIN_MAX, at, cut, len;
	const uint8_t *bytes;

	if (!puppet_next(p, &message) || op == LOSE)
		return;
	if (op == CHANGE_BYTES || op == UNPROVEN) {
		change_bytes(in);
	} else if (op == SPLICE) {
		at = fuzz_u16(in);
		cut = fuzz_u8(in);
		bytes = fuzz_vec(in, &len);
		splice(at, cut, bytes, len);
	} else if (op == CHANGE_EXTENSION) {
		for (unsigned int count = fuzz_u8(in) % 4 + 1; count; count--)
			change_extension(in);
	} else if (op == FRAGMENT) {
		size = 1U + fuzz_u8(in);
	}
	if (op != UNPROVEN)
		puppet_prove(p, &message);
	puppet_give_message(p, &message, size);
	if (op == TWICE)
		puppet_give_message(p, &message, size);
}

static void own_message(struct puppet *p, struct fuzz_input *in)
{
	const uint8_t *bytes;

	message.type = fuzz_u8(in);
	bytes = fuzz_vec(in, &message.len);
	if (message.len > sizeof(message.body))
		return;
	memcpy(message.body, bytes, message.len);
	puppet_prove(p, &message);
	puppet_give_message(p, &message, QKDTLS_RECORD_PLAIN_MAX);
}

static void operate(struct puppet *p, struct fuzz_input *in, enum operation op)
{
	const uint8_t *bytes;
	uint8_t type, padding;
	size_t len;

	switch (op) {
	case OWN_MESSAGE:
		own_message(p, in);
		break;
	case RECORD:
		type = fuzz_u8(in);
		padding = fuzz_u8(in);
		bytes = fuzz_vec(in, &len);
		puppet_give_record(p, type, bytes, len, padding);
		break;
	case BYTES:
		bytes = fuzz_vec(in, &len);
		puppet_give_bytes(p, bytes, len);
		break;
	case END:
		qkdtls_input_eof(p->victim);
		break;
	case ABORT:
		qkdtls_abort(p->victim, QKDTLS_ALERT_USER_CANCELED, "the input says so");
		break;
	case SEND:
		(void)qkdtls_send(p->victim, "data", 4);
		puppet_run(p);
		break;
	case UPDATE:
		(void)qkdtls_key_update(p->victim, fuzz_u8(in) & 1);
		puppet_run(p);
		break;
	default:
		change_message(p, in, op);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = fuzz_begin(data, size);
	const uint8_t scene = fuzz_u8(&in);
	struct puppet p;

	puppet_init(&p, scene, fuzz_u8(&in) & 1);
	for (int i = 0; i < OPERATIONS_MAX && in.left && !p.victim->failed; i++)
		operate(&p, &in, fuzz_u8(&in) % OPERATIONS);
	puppet_finish(&p);
	/* Both are genuine: what nobody touched comes to its end. */
	if (size <= 2 && fuzz_scene_completes(scene))
		FUZZ_CHECK(p.victim->state == QKDTLS_UP);
	puppet_free(&p);
	return 0;
}
