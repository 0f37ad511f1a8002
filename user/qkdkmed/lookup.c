// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <string.h>

#include "qkdkmed/lookup.h"

static struct wanted_key *find(struct lookup *lookup, const uint8_t *id)
{
	for (size_t i = 0; i < lookup->count; i++) {
		if (!memcmp(lookup->keys[i].id, id, QKD_KEY_ID_LEN))
			return &lookup->keys[i];
	}
	return NULL;
}

/* Order is kept: who came first is asked for first. */
static void forget(struct lookup *lookup, struct wanted_key *key)
{
	const size_t index = (size_t)(key - lookup->keys);

	lookup->count--;
	memmove(key, key + 1, (lookup->count - index) * sizeof(*key));
}

int lookup_add(struct lookup *lookup, const uint8_t id[QKD_KEY_ID_LEN], uint64_t deadline_ms)
{
	struct wanted_key *key = find(lookup, id);

	if (key) {
		key->deadline_ms = deadline_ms;
		return 0;
	}
	if (lookup->count == LOOKUP_MAX)
		return -ENOSPC;
	key = &lookup->keys[lookup->count++];
	*key = (struct wanted_key){ .deadline_ms = deadline_ms };
	memcpy(key->id, id, QKD_KEY_ID_LEN);
	return 0;
}

void lookup_expire(struct lookup *lookup, uint64_t now_ms)
{
	for (size_t i = lookup->count; i-- > 0;) {
		struct wanted_key *key = &lookup->keys[i];

		if (!key->asked && key->deadline_ms <= now_ms)
			forget(lookup, key);
	}
}

static void gather(struct lookup *lookup, const struct wanted_key *first, size_t max,
		   struct lookup_batch *batch)
{
	const unsigned int denied = first->denied;
	const size_t together = first->together;

	if (together && together < max)
		max = together;
	batch->count = 0;
	batch->deadline_ms = 0;
	for (size_t i = 0; i < lookup->count && batch->count < max; i++) {
		struct wanted_key *key = &lookup->keys[i];

		if (key->asked || key->denied != denied || key->together != together)
			continue;
		key->asked = true;
		memcpy(batch->ids[batch->count++], key->id, QKD_KEY_ID_LEN);
		if (key->deadline_ms > batch->deadline_ms)
			batch->deadline_ms = key->deadline_ms;
	}
	lookup->flights++;
}

bool lookup_take(struct lookup *lookup, const struct failover *failover, size_t max,
		 uint64_t now_ms, struct lookup_batch *batch, uint64_t *when_ms)
{
	int source;

	if (lookup->flights == LOOKUP_FLIGHTS)
		return false;
	for (size_t i = 0; i < lookup->count; i++) {
		const struct wanted_key *key = &lookup->keys[i];

		if (key->asked)
			continue;
		source = failover_pick(failover, ETSI014_DEC_KEYS, now_ms, key->denied, when_ms);
		if (source == FAILOVER_NONE)
			continue;
		batch->source = (size_t)source;
		max = failover_limit(failover, batch->source, max < LOOKUP_MAX ? max : LOOKUP_MAX);
		gather(lookup, key, max, batch);
		return true;
	}
	return false;
}

void lookup_landed(struct lookup *lookup)
{
	lookup->flights--;
}

void lookup_found(struct lookup *lookup, const uint8_t id[QKD_KEY_ID_LEN])
{
	struct wanted_key *key = find(lookup, id);

	if (key)
		forget(lookup, key);
}

void lookup_again(struct lookup *lookup, const struct lookup_batch *batch)
{
	for (size_t i = 0; i < batch->count; i++) {
		struct wanted_key *key = find(lookup, batch->ids[i]);

		if (key)
			key->asked = false;
	}
}

void lookup_split(struct lookup *lookup, const struct lookup_batch *batch)
{
	for (size_t i = 0; i < batch->count; i++) {
		struct wanted_key *key = find(lookup, batch->ids[i]);

		if (!key)
			continue;
		key->asked = false;
		key->together = (batch->count + 1) / 2;
	}
}

int lookup_refused(struct lookup *lookup, const uint8_t id[QKD_KEY_ID_LEN], size_t source,
		   bool access, unsigned int all)
{
	struct wanted_key *key = find(lookup, id);

	if (!key)
		return 0;
	key->asked = false;
	key->denied |= 1U << source;
	key->access |= access;
	if ((key->denied & all) != all)
		return 0;
	access = key->access;
	forget(lookup, key);
	return access ? EACCES : ENOKEY;
}

void lookup_reset(struct lookup *lookup)
{
	for (size_t i = 0; i < lookup->count; i++) {
		lookup->keys[i].denied = 0;
		lookup->keys[i].access = false;
		lookup->keys[i].together = 0;
	}
}

uint64_t lookup_next(const struct lookup *lookup)
{
	uint64_t next = UINT64_MAX;

	for (size_t i = 0; i < lookup->count; i++) {
		if (!lookup->keys[i].asked && lookup->keys[i].deadline_ms < next)
			next = lookup->keys[i].deadline_ms;
	}
	return next;
}
