// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keys that the peer has and this end has not: it was started later, or is full of keys that the peer took for
 * connections that never arrived. The device tells the block of an ID; the ring it is in jumps there.
 */
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "pci.h"

#define FINDS_MAX 256
#define JUMP_MAX  256 /* blocks delivered for one look-up: connections overtake each other */
#define PATIENCE  (10 * HZ) /* with somebody who does not wait: he asks again */

/* Added under @finds_lock by anybody, changed and removed under it by who holds the device's lock. */
struct find {
	struct list_head node;
	u8 id[QKD_KEY_ID_LEN];
	bool asked;
	bool found;
	u64 block;
	unsigned long since;
};

static bool is_noted(const struct qkd_pci *pci, const u8 *id)
{
	const struct find *find;

	list_for_each_entry(find, &pci->finds, node) {
		if (!memcmp(find->id, id, QKD_KEY_ID_LEN))
			return true;
	}
	return false;
}

/* As the fetch operation of a provider answers. */
int qkd_pci_find_note(struct qkd_pci *pci, const u8 id[QKD_KEY_ID_LEN])
{
	struct find *find = kzalloc(sizeof(*find), GFP_KERNEL);
	int ret = 0;

	if (!find)
		return 0; /* the one who waits finds that it does not come */
	memcpy(find->id, id, QKD_KEY_ID_LEN);
	find->since = jiffies;
	spin_lock(&pci->finds_lock);
	if (is_noted(pci, id))
		ret = 1;
	else if (pci->find_count >= FINDS_MAX)
		ret = -ENOKEY;
	if (!ret) {
		list_add_tail(&find->node, &pci->finds);
		pci->find_count++;
	}
	spin_unlock(&pci->finds_lock);
	if (ret)
		kfree(find);
	else
		qkd_pci_kick(pci);
	return ret;
}

static void forget(struct qkd_pci *pci, struct find *find)
{
	spin_lock(&pci->finds_lock);
	list_del(&find->node);
	pci->find_count--;
	spin_unlock(&pci->finds_lock);
	kfree(find);
}

static void refuse(struct qkd_pci *pci, struct find *find)
{
	qkd_link_refuse(pci->link, find->id, -ENOKEY);
	forget(pci, find);
}

/* 0: it will come; -ENOKEY; or the error of a command. */
static int jump_to(struct qkd_pci *pci, struct qkd_pci_ring *ring, u64 block)
{
	const u64 ahead = (block - ring->next) / 2 + 1;
	unsigned int want = min_t(u64, ahead, JUMP_MAX);
	u64 from;
	int err;

	want = min(want, qkd_link_make_room(pci->link, want));
	if (!want)
		return -ENOKEY;
	from = block - 2 * (u64)(want - 1);
	if (from <= ring->next)
		return 0;
	err = qkd_pci_advance(pci, ring - pci->rings, from);
	if (!err)
		ring->deliver_from = max(ring->deliver_from, from);
	return err;
}

/* The same. */
static int seek(struct qkd_pci *pci, struct find *find)
{
	struct qkd_pci_ring *ring;
	u64 block;
	int err = qkd_pci_find(pci, find->id, &block);

	if (err)
		return err == -ENOENT ? -ENOKEY : err;
	ring = &pci->rings[block % 2];
	if (block > QKD_PCI_BLOCK_MAX || ring->dir != QKD_INBOUND || block < ring->next)
		return -ENOKEY;
	err = jump_to(pci, ring, block);
	if (err)
		return err;
	find->block = block;
	find->found = true;
	return 0;
}

static struct find *next_to_ask(struct qkd_pci *pci)
{
	struct find *find, *next = NULL;

	spin_lock(&pci->finds_lock);
	list_for_each_entry(find, &pci->finds, node) {
		if (!find->asked) {
			next = find;
			break;
		}
	}
	spin_unlock(&pci->finds_lock);
	return next;
}

int qkd_pci_finds_begin(struct qkd_pci *pci)
{
	struct find *find;
	int err;

	while ((find = next_to_ask(pci))) {
		err = seek(pci, find);
		if (err && err != -ENOKEY)
			return err;
		find->asked = true;
		if (err)
			refuse(pci, find);
	}
	return 0;
}

/* The block has been passed, or nobody waits any more. */
static bool is_over(const struct qkd_pci *pci, const struct find *find)
{
	if (find->found && find->block < pci->rings[find->block % 2].next)
		return true;
	return time_after(jiffies, find->since + PATIENCE) &&
	       qkd_link_wanted(pci->link, find->id) <= 0;
}

/* A key that has come is no longer waited for, one that was missing is refused. */
void qkd_pci_finds_end(struct qkd_pci *pci)
{
	struct find *find, *next;
	LIST_HEAD(over);

	spin_lock(&pci->finds_lock);
	list_for_each_entry_safe(find, next, &pci->finds, node) {
		if (is_over(pci, find))
			list_move_tail(&find->node, &over);
	}
	spin_unlock(&pci->finds_lock);
	list_for_each_entry_safe(find, next, &over, node)
		refuse(pci, find);
}

/* Before the link goes, whose waiters the core tells. */
void qkd_pci_finds_drop(struct qkd_pci *pci)
{
	struct find *find;

	while ((find = list_first_entry_or_null(&pci->finds, struct find, node)))
		forget(pci, find);
}
