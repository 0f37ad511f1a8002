// SPDX-License-Identifier: GPL-2.0-only
/* One key: its memory, counted against the limit of all links together, and its wiping. */
#include <linux/moduleparam.h>
#include <linux/slab.h>

#include "qkd.h"

static unsigned int max_keys = 262144;
module_param(max_keys, uint, 0644);
MODULE_PARM_DESC(max_keys, "most keys kept by all links together");

static atomic_t key_total = ATOMIC_INIT(0);

/* From any context. ERR_PTR(-ENOSPC) over the limit, ERR_PTR(-ENOMEM). */
struct qkd_key *qkd_key_alloc(enum qkd_direction dir, const u8 *id, const u8 *material, size_t len)
{
	struct qkd_key *key;

	if ((unsigned int)atomic_inc_return(&key_total) > READ_ONCE(max_keys)) {
		atomic_dec(&key_total);
		return ERR_PTR(-ENOSPC);
	}
	key = kzalloc(sizeof(*key), GFP_ATOMIC | __GFP_NOWARN);
	if (!key) {
		atomic_dec(&key_total);
		return ERR_PTR(-ENOMEM);
	}
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
	kfree_sensitive(key);
	atomic_dec(&key_total);
}

void qkd_key_free_list(struct list_head *keys)
{
	struct qkd_key *key, *next;

	list_for_each_entry_safe(key, next, keys, node) {
		list_del(&key->node);
		qkd_key_free(key);
	}
}
