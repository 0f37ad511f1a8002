// SPDX-License-Identifier: GPL-2.0-or-later
#include "loopback.h"
#include "played_seal.h"
#include "tls/internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "loopback: %s failed\n", what);
	abort();
}

/* ---- Keys ---- */

void keyring_add(struct keyring *ring, uint8_t seed, size_t id_len)
{
	struct qkdtls_psk *key = &ring->key[ring->count++];

	must(ring->count <= KEYRING_MAX && id_len <= sizeof(key->id), "keyring_add");
	key->id_len = id_len;
	key->secret_len = 32;
	for (size_t i = 0; i < id_len; i++)
		key->id[i] = (uint8_t)(seed + i);
	for (size_t i = 0; i < key->secret_len; i++)
		key->secret[i] = (uint8_t)(0x5a ^ (seed + 7 * i));
}

static int keyring_answer(struct keyring *ring, const struct qkdtls_psk *key,
			  struct qkdtls_psk *psk)
{
	if (ring->pending) {
		ring->pending--;
		return QKDTLS_PSK_PENDING;
	}
	if (ring->answer != QKDTLS_PSK_FOUND)
		return ring->answer;
	if (!key)
		return QKDTLS_PSK_NONE;
	*psk = *key;
	return QKDTLS_PSK_FOUND;
}

static int keyring_take(void *arg, struct qkdtls_psk *psk)
{
	struct keyring *ring = arg;
	int ret = keyring_answer(ring, ring->taken < ring->count ? &ring->key[ring->taken] : NULL,
				 psk);

	if (ret == QKDTLS_PSK_FOUND)
		ring->taken++;
	if (ret == QKDTLS_PSK_FOUND && ring->seals)
		played_seal(ring, false, psk);
	return ret;
}

static int keyring_find(void *arg, const uint8_t *id, size_t id_len, struct qkdtls_psk *psk)
{
	struct keyring *ring = arg;
	const struct qkdtls_psk *key = NULL;
	int ret;

	ring->asked++;
	for (size_t i = 0; i < ring->count; i++)
		if (ring->key[i].id_len == id_len && !memcmp(ring->key[i].id, id, id_len))
			key = &ring->key[i];
	ret = keyring_answer(ring, key, psk);
	if (ret != QKDTLS_PSK_FOUND)
		return ret;
	ring->misused |= ring->held;
	ring->held = true;
	ring->found++;
	if (ring->seals)
		played_seal(ring, true, psk);
	return ret;
}

static int keyring_commit(void *arg, const uint8_t *id, size_t id_len)
{
	struct keyring *ring = arg;

	ring->misused |= !ring->held;
	ring->held = false;
	ring->committed++;
	return ring->commit_answer;
}

static void keyring_release(void *arg, const uint8_t *id, size_t id_len,
			    enum qkdtls_psk_release why)
{
	struct keyring *ring = arg;

	ring->misused |= !ring->held;
	ring->held = false;
	ring->released++;
	ring->mismatched += why == QKDTLS_PSK_MISMATCH;
}

const struct qkdtls_psk_ops keyring_ops = {
	.take = keyring_take,
	.find = keyring_find,
	.commit = keyring_commit,
	.release = keyring_release,
};

/* ---- The wire ---- */

static void wire_write(struct wire *wire, const uint8_t *data, size_t len)
{
	if (wire->len + len > wire->size) {
		wire->size = 2 * (wire->len + len);
		wire->data = realloc(wire->data, wire->size);
		must(wire->data, "realloc");
	}
	memcpy(wire->data + wire->len, data, len);
	wire->len += len;
}

void loopback_init(struct loopback *lb, struct qkdtls_config *client, struct qkdtls_config *server)
{
	struct qkdtls_config *configs[] = { client, server };

	memset(lb, 0, sizeof(*lb));
	for (int role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++) {
		keyring_add(&lb->ring[role], 1, 16);
		if (!configs[role])
			continue;
		lb->end[role] = qkdtls_conn_new(configs[role], role, &keyring_ops, &lb->ring[role]);
		if (!lb->end[role]) {
			qkdtls_config_check(configs[role], role);
			fprintf(stderr, "%s\n", qkdtls_config_message(configs[role]));
		}
		must(lb->end[role], "qkdtls_conn_new");
		lb->ring[role].seals = getenv("QKDTLS_TEST_SEALED") &&
				       configs[role]->psk_mode == QKDTLS_PSK_MODE_IMPORTED;
	}
}

void loopback_free(struct loopback *lb)
{
	for (int role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++) {
		qkdtls_conn_free(lb->end[role]);
		free(lb->wire[role].data);
	}
	memset(lb, 0, sizeof(*lb));
}

static bool end_write(struct loopback *lb, enum qkdtls_role role)
{
	const uint8_t *data;
	size_t len;

	data = qkdtls_output(lb->end[role], &len);
	if (!len)
		return false;
	if (lb->chunk && len > lb->chunk)
		len = lb->chunk;
	wire_write(&lb->wire[role], data, len);
	qkdtls_output_sent(lb->end[role], len);
	return true;
}

/* How far @wire's reader may read now; the end of the stream is told once. */
static size_t wire_readable(struct loopback *lb, enum qkdtls_role from)
{
	struct wire *wire = &lb->wire[from];
	size_t end = wire->len;

	if (lb->cut && lb->cut_from == from && end >= lb->cut_at) {
		end = lb->cut_at;
		wire->ended = true;
	}
	return end > wire->taken ? end - wire->taken : 0;
}

static bool end_read(struct loopback *lb, enum qkdtls_role role)
{
	const enum qkdtls_role peer = !role;
	struct wire *wire = &lb->wire[peer];
	size_t len = wire_readable(lb, peer);
	uint8_t *data;
	size_t wanted = qkdtls_wanted(lb->end[role]);

	if (!len) {
		if (!wire->ended)
			return false;
		qkdtls_input_eof(lb->end[role]);
		return true;
	}
	must(wanted, "qkdtls_wanted");
	data = wire->data + wire->taken;
	if (len > wanted)
		len = wanted;
	if (lb->chunk && len > lb->chunk)
		len = lb->chunk;
	if (lb->flip && lb->flip_from == peer && lb->flip_at >= wire->taken &&
	    lb->flip_at < wire->taken + len)
		wire->data[lb->flip_at] ^= lb->flip;
	(void)qkdtls_input(lb->end[role], data, len); /* a refusal is seen by qkdtls_handshake() */
	wire->taken += len;
	return true;
}

static bool send_early(struct loopback *lb)
{
	const char *data = lb->early_data;

	lb->early_data = NULL;
	return data && qkdtls_send(lb->end[QKDTLS_CLIENT], data, strlen(data)) > 0;
}

/* One step of one end; false if it can do nothing */
static bool end_step(struct loopback *lb, enum qkdtls_role role)
{
	if (!lb->end[role])
		return false;
	lb->want[role] = qkdtls_handshake(lb->end[role]);
	switch (lb->want[role]) {
	case QKDTLS_WANT_WRITE:
		return end_write(lb, role);
	case QKDTLS_WANT_READ:
		return end_read(lb, role);
	case QKDTLS_WANT_PSK:
		return lb->ring[role].answer != QKDTLS_PSK_PENDING;
	case QKDTLS_WANT_SIGNATURE:
		return false;
	case QKDTLS_FAILED:
		lb->wire[role].ended = true;
		return false;
	default:
		return role == QKDTLS_CLIENT && send_early(lb);
	}
}

static bool over(enum qkdtls_want want)
{
	return want == QKDTLS_DONE || want == QKDTLS_FAILED;
}

bool loopback_run(struct loopback *lb)
{
	bool moved;

	do {
		moved = end_step(lb, QKDTLS_CLIENT);
		moved |= end_step(lb, QKDTLS_SERVER);
	} while (moved);
	return (!lb->end[QKDTLS_CLIENT] || over(lb->want[QKDTLS_CLIENT])) &&
	       (!lb->end[QKDTLS_SERVER] || over(lb->want[QKDTLS_SERVER]));
}

static bool end_receive(struct loopback *lb, enum qkdtls_role role, uint8_t *buf, size_t len)
{
	size_t got = 0;
	ssize_t ret;

	while (got < len) {
		ret = qkdtls_receive(lb->end[role], buf + got, len - got);
		if (ret < 0)
			return false;
		got += (size_t)ret;
		if (!ret && !end_read(lb, role))
			return false;
	}
	return true;
}

bool loopback_echo(struct loopback *lb, enum qkdtls_role from, const void *data, size_t len)
{
	const enum qkdtls_role to = !from;
	uint8_t *buf = malloc(len + 1);
	size_t sent = 0;
	ssize_t ret = 0;
	bool same;

	must(buf, "malloc");
	while (sent < len && ret >= 0) {
		ret = qkdtls_send(lb->end[from], (const uint8_t *)data + sent, len - sent);
		if (ret > 0)
			sent += (size_t)ret;
		while (end_write(lb, from))
			;
	}
	same = ret >= 0 && end_receive(lb, to, buf, len) && !memcmp(buf, data, len);
	free(buf);
	return same;
}

ssize_t loopback_deliver(struct loopback *lb, enum qkdtls_role from, void *buf, size_t size)
{
	struct qkdtls_conn *to = lb->end[!from];
	const uint8_t *data;
	size_t len, wanted;
	ssize_t ret = 0;

	data = qkdtls_output(lb->end[from], &len);
	for (size_t at = 0; at < len && !ret; at += wanted) {
		wanted = qkdtls_wanted(to);
		if (!wanted || wanted > len - at || qkdtls_input(to, data + at, wanted))
			abort();
		ret = qkdtls_receive(to, buf, size);
	}
	qkdtls_output_sent(lb->end[from], len);
	return ret;
}
