// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SOURCES: tls/kex.c stand_kex.c stand_engine.c
 * UNWIND: 3
 * BOUND: shares of any length up to 2^32 bytes, any group of one or two algorithms
 * VARIANTS: finish respond
 */
#include "prove.h"
#include "tls/crypto_kex.h"

#define SHARE_MAX (UINT64_C(1) << 32)

/* As suite.c has them: a group's lengths are the sums of those of its parts. */
static struct qkdtls_group any_group(const struct qkdtls_kex_part *first,
				     const struct qkdtls_kex_part *second)
{
	assume(first->client_share <= SHARE_MAX && second->client_share <= SHARE_MAX);
	assume(first->server_share <= SHARE_MAX && second->server_share <= SHARE_MAX);
	assume(first->secret <= SHARE_MAX && second->secret <= SHARE_MAX);
	if (nondet_bool())
		return (struct qkdtls_group){
			.client_share = first->client_share,
			.server_share = first->server_share,
			.secret = first->secret,
			.parts = { first },
		};
	return (struct qkdtls_group){
		.client_share = first->client_share + second->client_share,
		.server_share = first->server_share + second->server_share,
		.secret = first->secret + second->secret,
		.parts = { first, second },
	};
}

static int finish(const struct qkdtls_group *group, const uint8_t *share, size_t len)
{
	struct qkdtls_kex *kex;
	int ret;

	if (qkdtls_kex_new(&kex, group))
		return -1;
	ret = qkdtls_kex_finish(kex, share, len, any_bytes(group->secret));
	qkdtls_kex_free(kex);
	return ret;
}

static int respond(const struct qkdtls_group *group, const uint8_t *share, size_t len)
{
	return qkdtls_kex_respond(group, share, len, any_bytes(group->server_share),
				  any_bytes(group->secret));
}

void harness(void)
{
	struct qkdtls_kex_part first, second;
	const struct qkdtls_group group = any_group(&first, &second);
	const size_t len = nondet_size();

	assume(len <= 2 * SHARE_MAX);
	REACHED(!VARIANT(&group, any_bytes(len), len) && group.parts[1], "a hybrid share is taken");
}
