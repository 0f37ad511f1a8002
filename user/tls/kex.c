// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include "qkd/qkdtls.h"
#include "tls/crypto_kex.h"
#include "tls/crypto_random.h"
#include "tls/kex.h"

/* A hybrid's shares and secrets are those of its parts, one behind the other. */
struct qkdtls_kex {
	const struct qkdtls_group *group;
	struct qkdtls_kex_key *keys[QKDTLS_KEX_PARTS_MAX];
};

static const struct qkdtls_kex_part *group_part(const struct qkdtls_group *group, size_t i)
{
	return i < QKDTLS_KEX_PARTS_MAX ? group->parts[i] : NULL;
}

int qkdtls_kex_new(struct qkdtls_kex **kex, const struct qkdtls_group *group)
{
	struct qkdtls_kex *k = calloc(1, sizeof(*k));
	int err = 0;
	size_t i;

	if (!k)
		return -ENOMEM;
	k->group = group;
	for (i = 0; !err && group_part(group, i); i++)
		err = qkdtls_kex_key_new(&k->keys[i], group->parts[i]);
	if (err) {
		qkdtls_kex_free(k);
		return err;
	}
	*kex = k;
	return 0;
}

void qkdtls_kex_free(struct qkdtls_kex *kex)
{
	size_t i;

	if (!kex)
		return;
	for (i = 0; i < QKDTLS_KEX_PARTS_MAX; i++)
		qkdtls_kex_key_free(kex->keys[i]);
	free(kex);
}

const struct qkdtls_group *qkdtls_kex_group(const struct qkdtls_kex *kex)
{
	return kex->group;
}

int qkdtls_kex_share(const struct qkdtls_kex *kex, uint8_t *share)
{
	const struct qkdtls_kex_part *part;
	int err = 0;
	size_t i;

	for (i = 0; !err && (part = group_part(kex->group, i)); i++) {
		err = qkdtls_kex_key_share(kex->keys[i], share);
		share += part->client_share;
	}
	return err;
}

int qkdtls_kex_finish(const struct qkdtls_kex *kex, const uint8_t *server_share, size_t len,
		      uint8_t *secret)
{
	const struct qkdtls_group *group = kex->group;
	const struct qkdtls_kex_part *part;
	uint8_t *at = secret;
	int err = 0;
	size_t i;

	if (len != group->server_share)
		return QKDTLS_ALERT_ILLEGAL_PARAMETER;
	for (i = 0; !err && (part = group_part(group, i)); i++) {
		err = qkdtls_kex_key_finish(kex->keys[i], server_share, at);
		server_share += part->server_share;
		at += part->secret;
	}
	if (err)
		qkdtls_wipe(secret, group->secret);
	return err;
}

int qkdtls_kex_respond(const struct qkdtls_group *group, const uint8_t *client_share, size_t len,
		       uint8_t *server_share, uint8_t *secret)
{
	const struct qkdtls_kex_part *part;
	uint8_t *at = secret;
	int err = 0;
	size_t i;

	if (len != group->client_share)
		return QKDTLS_ALERT_ILLEGAL_PARAMETER;
	for (i = 0; !err && (part = group_part(group, i)); i++) {
		err = qkdtls_kex_part_respond(part, client_share, server_share, at);
		client_share += part->client_share;
		server_share += part->server_share;
		at += part->secret;
	}
	if (err)
		qkdtls_wipe(secret, group->secret);
	return err;
}
