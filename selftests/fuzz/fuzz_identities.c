// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What a server makes of a client's list of keys: a genuine hello with other identities.
 *
 *	SCENE, then for each identity: KIND, and as KIND says a length and bytes or changes of the genuine one;
 *	behind them LEFT: binders left out or too many.
 */
#include <string.h>

#include "puppet.h"

#define IDENTITIES_MAX 16
#define PRE_SHARED_KEY 41

enum kind {
	GENUINE,
	GENUINE_CHANGED,
	FOREIGN,
	IMPORTED, /* well formed, of another context, hash or key */
	END,
	KINDS,
};

static size_t changed(struct fuzz_input *in, const struct qkdtls_offer *offer, uint8_t *identity)
{
	memcpy(identity, offer->identity, offer->identity_len);
	identity[fuzz_u8(in) % offer->identity_len] ^= fuzz_u8(in);
	return offer->identity_len;
}

static size_t imported(struct fuzz_input *in, uint8_t *identity, size_t size)
{
	struct qkdtls_writer w;
	struct qkdtls_mark mark;
	const uint8_t *bytes;
	size_t len;

	qkdtls_writer_init(&w, identity, size);
	for (int part = 0; part < 2; part++) {
		mark = qkdtls_put_open(&w, 2);
		bytes = fuzz_bytes(in, fuzz_u8(in), &len);
		qkdtls_put_bytes(&w, bytes, len);
		qkdtls_put_close(&w, mark);
	}
	qkdtls_put_u16(&w, fuzz_u16(in));
	qkdtls_put_u16(&w, fuzz_u16(in));
	return w.len;
}

static const uint8_t *next_identity(struct fuzz_input *in, const struct puppet *p, enum kind kind,
				    size_t *len)
{
	static uint8_t identity[1024];
	const struct qkdtls_handshake *hs = p->peer->hs;
	const struct qkdtls_offer *offer;

	*len = 0;
	if (kind == FOREIGN)
		return fuzz_vec(in, len);
	if (kind == IMPORTED) {
		*len = imported(in, identity, sizeof(identity));
		return identity;
	}
	if (!hs || !hs->offer_count)
		return identity;
	offer = &hs->offers[fuzz_u8(in) % hs->offer_count];
	if (kind == GENUINE_CHANGED) {
		*len = changed(in, offer, identity);
		return identity;
	}
	*len = offer->identity_len;
	return offer->identity;
}

/* The extension's content */
static size_t write_list(struct fuzz_input *in, const struct puppet *p, uint8_t *out, size_t size)
{
	struct qkdtls_mark list, one;
	struct qkdtls_writer w;
	unsigned int count = 0;
	const uint8_t *bytes;
	enum kind kind;
	size_t len;

	qkdtls_writer_init(&w, out, size);
	list = qkdtls_put_open(&w, 2);
	while (count < IDENTITIES_MAX && (kind = fuzz_u8(in) % KINDS) != END) {
		bytes = next_identity(in, p, kind, &len);
		one = qkdtls_put_open(&w, 2);
		qkdtls_put_bytes(&w, bytes, len);
		qkdtls_put_close(&w, one);
		qkdtls_put_u32(&w, kind == FOREIGN ? fuzz_u8(in) : 0);
		count++;
	}
	qkdtls_put_close(&w, list);
	count += (unsigned int)(int8_t)fuzz_u8(in) % 3;
	list = qkdtls_put_open(&w, 2);
	for (unsigned int i = 0; i < count; i++) {
		len = in->left ? fuzz_u8(in) : 32;
		qkdtls_put_u8(&w, (uint8_t)len);
		for (size_t at = 0; at < len; at++)
			qkdtls_put_u8(&w, (uint8_t)at);
	}
	qkdtls_put_close(&w, list);
	return qkdtls_writer_ok(&w) ? w.len : 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct forged_message message;
	static uint8_t list[4096];
	struct fuzz_input in = fuzz_begin(data, size);
	struct forge forge = { .op = FORGE_SET, .type = PRE_SHARED_KEY, .bytes = list };
	struct puppet p;

	puppet_init(&p, fuzz_u8(&in), QKDTLS_SERVER);
	forge.len = write_list(&in, &p, list, sizeof(list));
	if (p.peer->hs && p.peer->hs->offer_count && puppet_next(&p, &message)) {
		forge_hello(&message, &forge, 1);
		/* Binders that are where they were are made right. */
		puppet_prove(&p, &message);
		puppet_give_message(&p, &message, QKDTLS_RECORD_PLAIN_MAX);
		puppet_finish(&p);
	}
	puppet_free(&p);
	return 0;
}
