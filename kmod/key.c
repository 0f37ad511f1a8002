// SPDX-License-Identifier: GPL-2.0-only
/* One key: its memory, counted against the limit of all links together, and its wiping. */
#include <linux/moduleparam.h>
#include <linux/slab.h>

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

static atomic_t key_total = ATOMIC_INIT(0);
static atomic_t guest_total = ATOMIC_INIT(0);

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

/* From any context. ERR_PTR(-ENOSPC) over the limit, ERR_PTR(-ENOMEM). */
struct qkd_key *qkd_key_alloc(enum qkd_direction dir, const u8 *id, const u8 *material, size_t len,
			      bool guest)
{
	struct qkd_key *key;

	if (!charge(guest))
		return ERR_PTR(-ENOSPC);
	key = kzalloc(sizeof(*key), GFP_ATOMIC | __GFP_NOWARN);
	if (!key) {
		uncharge(guest);
		return ERR_PTR(-ENOMEM);
	}
	key->guest = guest;
	INIT_LIST_HEAD(&key->node);
	INIT_LIST_HEAD(&key->held);
	key->dir = dir;
	key->state = QKD_KEY_FRESH;
	key->len = len;
	memcpy(key->id, id, sizeof(key->id));
	memcpy(key->material, material, len);
	return key;
}

void qkd_key_free(struct qkd_key *key)
{
	uncharge(key->guest);
	kfree_sensitive(key);
}

void qkd_key_free_list(struct list_head *keys)
{
	struct qkd_key *key, *next;

	list_for_each_entry_safe(key, next, keys, node) {
		list_del(&key->node);
		qkd_key_free(key);
	}
}
