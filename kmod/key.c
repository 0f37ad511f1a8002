// SPDX-License-Identifier: GPL-2.0-only
/* One key: its memory, counted against the limit of all links together, and its wiping. */
#include <linux/moduleparam.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "compat.h"
#include "qkd.h"

static unsigned int max_keys = 262144;
module_param(max_keys, uint, 0644);
MODULE_PARM_DESC(max_keys, "most keys kept by all links together");

/*
 * Guests are links in namespaces that belong to another user namespace than the machine's, where
 * any user may be administrator. Together they get this part of the limit, so they cannot starve
 * others.
 */
#define GUEST_PART 4

/*
 * Keys of up to 32 bytes, the usual, and others. The caches are not merged with any other, so that
 * where a key lay nothing comes to lie but a key; and they have no window for copies to or from
 * user space.
 */
#define SMALL_ROOM 32
#define LARGE_ROOM QKD_KEY_LEN_MAX

static struct kmem_cache *small_cache;
static struct kmem_cache *large_cache;

static atomic_t key_total = ATOMIC_INIT(0);
static atomic_t guest_total = ATOMIC_INIT(0);

static struct kmem_cache *cache_of(size_t len)
{
	return len <= SMALL_ROOM ? small_cache : large_cache;
}

static struct kmem_cache *make_cache(const char *name, unsigned int room)
{
	return kmem_cache_create(name, offsetof(struct qkd_key, material) + room, 0, SLAB_NO_MERGE,
				 NULL);
}

int qkd_key_init(void)
{
	small_cache = make_cache("qkd_key_32", SMALL_ROOM);
	large_cache = make_cache("qkd_key_64", LARGE_ROOM);
	if (small_cache && large_cache)
		return 0;
	qkd_key_exit();
	return -ENOMEM;
}

void qkd_key_exit(void)
{
	kmem_cache_destroy(small_cache);
	kmem_cache_destroy(large_cache);
}

static void uncharge(bool guest)
{
	if (guest)
		atomic_dec(&guest_total);
	atomic_dec(&key_total);
}

static bool charge(bool guest)
{
	unsigned int max = READ_ONCE(max_keys);
	bool fits = (unsigned int)atomic_inc_return(&key_total) <= max;

	if (guest && (unsigned int)atomic_inc_return(&guest_total) > max / GUEST_PART)
		fits = false;
	if (!fits)
		uncharge(guest);
	return fits;
}

/*
 * In the memory of @spare, of a key of the same length, unless that is NULL. From any context.
 * ERR_PTR(-ENOSPC) over the limit, ERR_PTR(-ENOMEM).
 */
struct qkd_key *qkd_key_alloc(enum qkd_direction dir, const u8 *id, const u8 *material, size_t len,
			      bool guest, struct qkd_key *spare)
{
	struct qkd_key *key = spare;

	if (!charge(guest))
		return ERR_PTR(-ENOSPC);
	if (!key)
		key = kmem_cache_alloc(cache_of(len), GFP_ATOMIC | __GFP_NOWARN);
	if (!key) {
		uncharge(guest);
		return ERR_PTR(-ENOMEM);
	}
	*key = (struct qkd_key){
		.node = LIST_HEAD_INIT(key->node),
		.held = LIST_HEAD_INIT(key->held),
		.lease = LIST_HEAD_INIT(key->lease),
		.dir = dir,
		.state = QKD_KEY_FRESH,
		.len = len,
		.guest = guest,
	};
	memcpy(key->id, id, sizeof(key->id));
	qkd_key_wipe(key); /* what follows a shorter one is zero */
	memcpy(key->material, material, len);
	return key;
}

/* The material, and zeroes up to the longest. */
void qkd_key_copy(const struct qkd_key *key, u8 material[QKD_KEY_LEN_MAX])
{
	if (key->len <= SMALL_ROOM) {
		memcpy(material, key->material, SMALL_ROOM);
		memset(material + SMALL_ROOM, 0, LARGE_ROOM - SMALL_ROOM);
	} else {
		memcpy(material, key->material, LARGE_ROOM);
	}
}

/* The lengths are known when this is compiled, so no function is called. IDs are no secret. */
void qkd_key_wipe(struct qkd_key *key)
{
	if (key->len <= SMALL_ROOM)
		memzero_explicit(key->material, SMALL_ROOM);
	else
		memzero_explicit(key->material, LARGE_ROOM);
}

/* Leaves of a key its memory. */
void qkd_key_clear(struct qkd_key *key)
{
	uncharge(key->guest);
	qkd_key_wipe(key);
	key->state = QKD_KEY_SPARE;
}

void qkd_key_free(struct qkd_key *key)
{
	if (key->state != QKD_KEY_SPARE)
		qkd_key_clear(key);
	kmem_cache_free(cache_of(key->len), key);
}

void qkd_key_free_list(struct list_head *keys)
{
	struct qkd_key *key, *next;

	list_for_each_entry_safe(key, next, keys, node) {
		list_del(&key->node);
		qkd_key_free(key);
	}
}
