// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>
#include <string.h>
#include "tls/known.h"

void qkdtls_known_init(struct qkdtls_known *known)
{
	memset(known, 0, sizeof(*known));
	pthread_mutex_init(&known->lock, NULL); /* cannot fail without attributes */
}

static void forget(struct qkdtls_known_chain *place)
{
	qkdtls_chain_free(place->chain);
	free(place->list);
	*place = (struct qkdtls_known_chain){ .chain = NULL };
}

void qkdtls_known_clear(struct qkdtls_known *known)
{
	size_t i;

	pthread_mutex_lock(&known->lock);
	for (i = 0; i < QKDTLS_KNOWN_MAX; i++)
		forget(&known->chain[i]);
	pthread_mutex_unlock(&known->lock);
}

void qkdtls_known_free(struct qkdtls_known *known)
{
	qkdtls_known_clear(known);
	pthread_mutex_destroy(&known->lock);
}

/* Its place; the caller holds the lock. */
static struct qkdtls_known_chain *find(struct qkdtls_known *known, enum qkdtls_role sender,
				       struct qkdtls_cursor list)
{
	const size_t len = qkdtls_cursor_left(&list);
	struct qkdtls_known_chain *place;
	size_t i;

	for (i = 0; i < QKDTLS_KNOWN_MAX; i++) {
		place = &known->chain[i];
		if (place->chain && place->sender == sender && place->len == len &&
		    !memcmp(place->list, list.pos, len))
			return place;
	}
	return NULL;
}

struct qkdtls_chain *qkdtls_known_find(struct qkdtls_known *known, enum qkdtls_role sender,
				       struct qkdtls_cursor list, time_t when)
{
	const struct qkdtls_known_chain *place;
	struct qkdtls_chain *chain = NULL;

	pthread_mutex_lock(&known->lock);
	place = find(known, sender, list);
	if (place && qkdtls_chain_valid_at(place->chain, when))
		chain = qkdtls_chain_ref(place->chain);
	pthread_mutex_unlock(&known->lock);
	return chain;
}

void qkdtls_known_add(struct qkdtls_known *known, enum qkdtls_role sender,
		      struct qkdtls_cursor list, time_t when, struct qkdtls_chain *chain)
{
	const size_t len = qkdtls_cursor_left(&list);
	struct qkdtls_known_chain *place;
	uint8_t *copy;

	if (len > QKDTLS_KNOWN_LIST_MAX || !qkdtls_chain_valid_at(chain, when))
		return;
	copy = malloc(len);
	if (!copy)
		return; /* it is checked again next time */
	memcpy(copy, list.pos, len);
	pthread_mutex_lock(&known->lock);
	place = find(known, sender, list);
	if (!place) {
		place = &known->chain[known->oldest];
		known->oldest = (known->oldest + 1) % QKDTLS_KNOWN_MAX;
	}
	forget(place);
	*place = (struct qkdtls_known_chain){
		.sender = sender,
		.list = copy,
		.len = len,
		.chain = qkdtls_chain_ref(chain),
	};
	pthread_mutex_unlock(&known->lock);
}
