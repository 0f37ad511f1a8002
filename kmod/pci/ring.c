// SPDX-License-Identifier: GPL-2.0-only
/*
 * Taking entries. An entry is copied once, and what was checked is the copy. It counts as consumed before its key is
 * handed on: a machine that goes down in between loses the key, and never has it twice.
 */
#include <linux/io.h>
#include <linux/jiffies.h>
#include <linux/string.h>

#include "pci.h"

#define BATCH_MAX   256 /* entries of a ring in one go */
#define LOOKS_MAX   10 /* at an entry that is wrong: the device may be writing it still */
#define WRONG_MAX   8 /* entries in a row, then it is the device */
#define LOOK_DELAY  (msecs_to_jiffies(10) + 1)
#define STALL_DELAY msecs_to_jiffies(100) /* how often a full direction is looked at */

static void __iomem *entry_at(const struct qkd_pci *pci, unsigned int nr, u32 index)
{
	const size_t offset = (index & (pci->geometry.entries - 1)) * sizeof(struct qkd_pci_entry);

	return pci->window + pci->geometry.ring_at[nr] + offset;
}

static bool is_right(const struct qkd_pci *pci, unsigned int nr, const struct qkd_pci_entry *entry)
{
	const struct qkd_pci_ring *ring = &pci->rings[nr];
	const u32 key_len = pci->geometry.key_len;
	const u64 block = le64_to_cpu(entry->block);

	return qkd_pci_check_is_right(entry, offsetof(struct qkd_pci_entry, check), entry->check) &&
	       le64_to_cpu(entry->sequence) == ((u64)pci->generation << 32 | ring->consumer) &&
	       le32_to_cpu(entry->length) == key_len &&
	       !memchr_inv(entry->key + key_len, 0, sizeof(entry->key) - key_len) &&
	       !memchr_inv(entry->reserved, 0, sizeof(entry->reserved)) && block % 2 == nr &&
	       block >= ring->next && block <= QKD_PCI_BLOCK_MAX;
}

static void consume(struct qkd_pci *pci, unsigned int nr)
{
	struct qkd_pci_ring *ring = &pci->rings[nr];

	memset_io(entry_at(pci, nr, ring->consumer), 0, sizeof(struct qkd_pci_entry));
	ring->consumer++;
	qkd_pci_write(pci, QKD_PCI_CONSUMER(nr), ring->consumer);
}

static void deliver(struct qkd_pci *pci, struct qkd_pci_ring *ring,
		    const struct qkd_pci_entry *entry)
{
	const u64 block = le64_to_cpu(entry->block);

	ring->next = block + 2;
	ring->wrong = 0;
	pci->backoff = 0; /* it works */
	/* What the core refuses or drops it counts. */
	if (block >= ring->deliver_from)
		qkd_link_deliver(pci->link, ring->dir, entry->id, entry->key,
				 pci->geometry.key_len);
}

/* An entry that stays wrong is skipped. False: look again later. */
static bool skip(struct qkd_pci *pci, unsigned int nr)
{
	struct qkd_pci_ring *ring = &pci->rings[nr];

	if (++ring->looks < LOOKS_MAX)
		return false;
	ring->looks = 0;
	ring->wrong++;
	dev_warn_ratelimited(&pci->pdev->dev, "an entry of ring %u is wrong: skipped\n", nr);
	consume(pci, nr);
	return true;
}

/* False: the next entry is not to be taken yet. */
static bool take_one(struct qkd_pci *pci, unsigned int nr)
{
	struct qkd_pci_ring *ring = &pci->rings[nr];
	struct qkd_pci_entry entry;
	bool taken;

	memcpy_fromio(&entry, entry_at(pci, nr, ring->consumer), sizeof(entry));
	taken = is_right(pci, nr, &entry);
	if (taken) {
		ring->looks = 0;
		consume(pci, nr);
		deliver(pci, ring, &entry);
	}
	memzero_explicit(&entry, sizeof(entry));
	return taken || skip(pci, nr);
}

static long take(struct qkd_pci *pci, unsigned int nr)
{
	struct qkd_pci_ring *ring = &pci->rings[nr];
	u32 there = qkd_pci_read(pci, QKD_PCI_PRODUCER(nr)) - ring->consumer;
	unsigned int budget = BATCH_MAX;

	if (there > pci->geometry.entries)
		return -EPROTO;
	for (; there; there--) {
		/* What the peer is past takes no room. */
		if (ring->next >= ring->deliver_from && !qkd_link_room(pci->link, ring->dir))
			return STALL_DELAY;
		if (!budget--)
			return 0;
		if (!take_one(pci, nr))
			return LOOK_DELAY;
		if (ring->wrong >= WRONG_MAX)
			return -EPROTO;
	}
	return MAX_JIFFY_OFFSET;
}

long qkd_pci_rings_take(struct qkd_pci *pci)
{
	u32 before = pci->rings[0].consumer + pci->rings[1].consumer;
	long delay = MAX_JIFFY_OFFSET;
	unsigned int nr;

	for (nr = 0; nr < ARRAY_SIZE(pci->rings) && delay >= 0; nr++)
		delay = min(delay, take(pci, nr));
	if (pci->rings[0].consumer + pci->rings[1].consumer != before)
		qkd_pci_ring_bell(pci);
	return delay;
}
