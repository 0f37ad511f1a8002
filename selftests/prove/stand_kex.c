// SPDX-License-Identifier: GPL-2.0-or-later
/* Stands for crypto_kex.c: an algorithm reads its share, writes its own and its secret, and may fail. */
#include "prove.h"
#include "tls/crypto_kex.h"

struct qkdtls_kex_key {
	const struct qkdtls_kex_part *part;
};

int qkdtls_kex_key_new(struct qkdtls_kex_key **key, const struct qkdtls_kex_part *part)
{
	if (nondet_bool())
		return nondet_int() | 1;
	*key = malloc(sizeof(**key));
	assume(*key);
	(*key)->part = part;
	return 0;
}

void qkdtls_kex_key_free(struct qkdtls_kex_key *key)
{
	free(key);
}

int qkdtls_kex_key_finish(const struct qkdtls_kex_key *key, const uint8_t *server_share,
			  uint8_t *secret)
{
	check(__CPROVER_r_ok(server_share, key->part->server_share), "a share is there");
	check(__CPROVER_w_ok(secret, key->part->secret), "there is room for a secret");
	return nondet_int();
}

int qkdtls_kex_part_respond(const struct qkdtls_kex_part *part, const uint8_t *client_share,
			    uint8_t *server_share, uint8_t *secret)
{
	check(__CPROVER_r_ok(client_share, part->client_share), "a share is there");
	check(__CPROVER_w_ok(server_share, part->server_share), "there is room for a share");
	check(__CPROVER_w_ok(secret, part->secret), "there is room for a secret");
	return nondet_int();
}
