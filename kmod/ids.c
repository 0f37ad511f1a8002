// SPDX-License-Identifier: GPL-2.0-only
/*
 * The IDs of one link: those of the keys that its store holds, and a bounded memory of those that
 * are gone. Nothing here sleeps or allocates after qkd_ids_init().
 *
 * An ID keeps its entry, and its place in the chains, from the key's coming until it is forgotten,
 * so a key that goes costs nothing but a mark on an entry which lies beside that of the key before
 * it. What takes time, forgetting the oldest, is done when a key comes.
 *
 * IDs come from the network, so the chains are hashed with a secret. Of an ID that is gone only the
 * 64 bits of its hash are kept. That another one has the same, and is therefore refused, is less
 * likely than one in 10^12 for a link that remembers four million of them.
 */
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/random.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "compat.h"
#include "qkd.h"

#define KEYS_PER_CAPACITY   2 /* one for each direction */
#define GONE_PER_CAPACITY   4 /* IDs remembered at the least */
#define CHAINS_PER_CAPACITY 4

/* Fails rather than have the memory group's processes killed: it may be 160 MB. */
#define TABLE_GFP (GFP_KERNEL_ACCOUNT | __GFP_RETRY_MAYFAIL | __GFP_NOWARN)

int qkd_ids_init(struct qkd_ids *ids, u32 capacity)
{
	u32 chains = roundup_pow_of_two(CHAINS_PER_CAPACITY * capacity);

	memset(ids, 0, sizeof(*ids));
	get_random_bytes(&ids->secret, sizeof(ids->secret));
	ids->mask = chains - 1;
	ids->size = (KEYS_PER_CAPACITY + GONE_PER_CAPACITY) * capacity;
	/* 0 is none */
	ids->entries = kvcalloc(ids->size + 1, sizeof(*ids->entries), TABLE_GFP);
	ids->chains = kvcalloc(chains, sizeof(*ids->chains), TABLE_GFP);
	if (ids->entries && ids->chains)
		return 0;
	qkd_ids_destroy(ids);
	return -ENOMEM;
}

void qkd_ids_destroy(struct qkd_ids *ids)
{
	kvfree(ids->entries);
	kvfree(ids->chains);
	memzero_explicit(&ids->secret, sizeof(ids->secret));
}

u64 qkd_ids_hash(const struct qkd_ids *ids, const u8 *id)
{
	BUILD_BUG_ON(QKD_KEY_ID_LEN != 2 * sizeof(u64));
	return siphash_2u64(get_unaligned_le64(id), get_unaligned_le64(id + sizeof(u64)),
			    &ids->secret);
}

static bool is_of(const struct qkd_id *entry, u64 hash, const u8 *id)
{
	if (entry->hash != hash)
		return false;
	return entry->fate != QKD_FATE_NONE || !memcmp(entry->key->id, id, QKD_KEY_ID_LEN);
}

/* The entry of @id, whose hash is @hash, or NULL. */
const struct qkd_id *qkd_ids_find(const struct qkd_ids *ids, u64 hash, const u8 *id)
{
	u32 at;

	for (at = ids->chains[hash & ids->mask]; at; at = ids->entries[at].next) {
		if (is_of(&ids->entries[at], hash, id))
			return &ids->entries[at];
	}
	return NULL;
}

/* Forgets the ID that went first. Return: its entry. */
static u32 forget_oldest(struct qkd_ids *ids)
{
	u32 at = ids->oldest;
	struct qkd_id *entry = &ids->entries[at];
	u32 *link = &ids->chains[entry->hash & ids->mask];

	while (*link != at)
		link = &ids->entries[*link].next;
	*link = entry->next;
	ids->oldest = entry->younger;
	if (!ids->oldest)
		ids->youngest = 0;
	return at;
}

/*
 * Takes in the ID of a key that has room in the store: then no more than the keys' part of the
 * entries is theirs, and when all are in use there is one to forget.
 */
void qkd_ids_add(struct qkd_ids *ids, u64 hash, struct qkd_key *key)
{
	u32 at = ids->used < ids->size ? ++ids->used : forget_oldest(ids);
	u32 *chain = &ids->chains[hash & ids->mask];

	ids->entries[at] = (struct qkd_id){
		.hash = hash,
		.key = key,
		.next = *chain,
		.fate = QKD_FATE_NONE,
		.dir = key->dir,
	};
	*chain = at;
	key->entry = at;
}

/* The key goes, and the store must not touch it any more; its ID is remembered, as the youngest. */
void qkd_ids_retire(struct qkd_ids *ids, const struct qkd_key *key, enum qkd_fate fate)
{
	struct qkd_id *entry = &ids->entries[key->entry];

	entry->fate = fate;
	entry->younger = 0;
	if (ids->youngest)
		ids->entries[ids->youngest].younger = key->entry;
	else
		ids->oldest = key->entry;
	ids->youngest = key->entry;
}
