/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The driver's private header.
 *
 * Who does what: interrupts, the core's callbacks and the passing of time make the device's one work run (life.c), which
 * looks at everything: commands wait for their answer in it. So a callback that may not wait for the device only leaves
 * a note (find.c).
 *
 * Locks: @lock of the device covers all of it that changes, but for what says otherwise, and it is held while a
 * command waits for its answer, six seconds at most. @finds_lock and @vectors_lock are taken inside of it.
 */
#ifndef _QKD_PCI_H
#define _QKD_PCI_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/spinlock.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <linux/qkd_provider.h>
#include <uapi/linux/qkd_netlink.h>

#include "regs.h"

#define QKD_PCI_NAME_LEN  32
#define QKD_PCI_BLOCK_MAX (1ULL << 61) /* so that none after it wraps */

struct qkd_pci;

/* What was checked of the registers; nothing of it is read again until the next reset. */
struct qkd_pci_geometry {
	u32 key_len;
	u32 entries;
	u32 ring_at[2];
	u32 health_at;
};

struct qkd_pci_ring {
	enum qkd_direction dir;
	u32 consumer;
	u64 next; /* lower blocks are past */
	u64 deliver_from; /* lower ones are taken and given up: the peer is past them */
	unsigned int looks; /* at an entry that is wrong */
	unsigned int wrong; /* entries in a row */
};

/* An interrupt vector. @masked, @retry and what follows are covered by @vectors_lock. */
struct qkd_pci_irq {
	struct qkd_pci *pci;
	int irq;
	unsigned long since; /* start of the time in which @count interrupts came; jiffies */
	unsigned int count;
	bool masked;
	unsigned int retry; /* seconds for which it is masked, the next time */
	unsigned long until;
};

/* A measurement, as it was checked; in the units of the provider API */
struct qkd_pci_measure {
	bool works;
	u32 qber;
	u32 rate;
};

/**
 * struct qkd_pci - a device
 * @pdev: it
 * @doorbell, @window: its BARs
 * @window_len: bytes of @window
 * @ops: of its provider, whose name has its address
 * @name: the provider's name
 * @geometry: as it was checked last
 * @wq: for @work
 * @work: looks at everything
 * @answered: woken by the interrupt that ends a command
 * @vectors: interrupts
 * @gone: the device has been pulled, or the bus is down; ends waits; set without a lock
 * @finds: key IDs to be looked for, and the lock of the list
 * @lock: of what follows
 * @asleep: suspended, being reset, or the driver leaves: it is not touched
 * @broken: it needs a reset, at @retry_at; the next one after that waits @backoff seconds
 * @number: of the last command
 * @generation: after the last reset
 * @link: that it feeds, or NULL
 * @rings: even and odd blocks
 * @beat: of the health page, seen first at @beat_at (jiffies)
 * @measure: the page's content
 */
struct qkd_pci {
	struct pci_dev *pdev;
	void __iomem *doorbell;
	void __iomem *window;
	size_t window_len;
	struct qkd_provider_ops ops;
	char name[QKD_PCI_NAME_LEN];
	struct qkd_pci_geometry geometry;
	struct workqueue_struct *wq;
	struct delayed_work work;
	wait_queue_head_t answered;
	spinlock_t vectors_lock;
	struct qkd_pci_irq vectors[QKD_PCI_VECTORS];
	bool gone;

	spinlock_t finds_lock;
	struct list_head finds;
	unsigned int find_count;

	struct mutex lock;
	bool asleep;
	bool broken;
	unsigned int backoff;
	unsigned long retry_at;
	u32 number;
	u32 generation;
	struct qkd_link *link;
	struct qkd_pci_ring rings[2];
	u32 beat;
	unsigned long beat_at;
	struct qkd_pci_measure measure;
};

/* window.c: registers, and whether they say what can be */
u32 qkd_pci_read(const struct qkd_pci *pci, unsigned int reg);
u64 qkd_pci_read64(const struct qkd_pci *pci, unsigned int reg);
void qkd_pci_write(const struct qkd_pci *pci, unsigned int reg, u32 value);
void qkd_pci_write64(const struct qkd_pci *pci, unsigned int reg, u64 value);
void qkd_pci_ring_bell(const struct qkd_pci *pci);
bool qkd_pci_answers(const struct qkd_pci *pci);
int qkd_pci_check_geometry(const struct qkd_pci *pci, struct qkd_pci_geometry *geometry);
bool qkd_pci_check_is_right(const void *data, size_t len, __le32 check);

/*
 * command.c: one at a time, with its arguments in place. 0; -ENOENT (FIND: no such key); -ENODEV (it is gone),
 * -ETIMEDOUT, -EPROTO, -EIO: it needs a reset.
 */
int qkd_pci_command(struct qkd_pci *pci, enum qkd_pci_command command);
int qkd_pci_find(struct qkd_pci *pci, const u8 id[QKD_KEY_ID_LEN], u64 *block);
int qkd_pci_advance(struct qkd_pci *pci, unsigned int ring, u64 block);

/* ring.c: takes what has come. Jiffies until there is something to do again; less than 0: it needs a reset. */
long qkd_pci_rings_take(struct qkd_pci *pci);

/* health.c: -ETIMEDOUT: no beat for so long that it needs a reset. */
int qkd_pci_health_look(struct qkd_pci *pci);
void qkd_pci_health_reset(struct qkd_pci *pci);
void qkd_pci_report(struct qkd_pci *pci, bool up);

/* irq.c */
int qkd_pci_irqs_init(struct qkd_pci *pci);
bool qkd_pci_irqs_look(struct qkd_pci *pci); /* true: one is masked, so look often */

/* find.c: the inbound key of an ID that the peer sent */
int qkd_pci_find_note(struct qkd_pci *pci, const u8 id[QKD_KEY_ID_LEN]);
int qkd_pci_finds_begin(struct qkd_pci *pci); /* 0, or an error of a command */
void qkd_pci_finds_end(struct qkd_pci *pci); /* those whose block has been passed */
void qkd_pci_finds_drop(struct qkd_pci *pci);

/* life.c: from reset to reset */
void qkd_pci_work(struct work_struct *work);
void qkd_pci_kick(struct qkd_pci *pci); /* have the work run now; any context */
int qkd_pci_reset(struct qkd_pci *pci);
void qkd_pci_fail(struct qkd_pci *pci, const char *why);
void qkd_pci_distrust(struct qkd_pci *pci); /* it is to be reset before it is used again */
void qkd_pci_sleep(struct qkd_pci *pci, bool stop);
void qkd_pci_wake(struct qkd_pci *pci);

/* link.c: the provider's operations */
void qkd_pci_ops_init(struct qkd_pci *pci);

static inline bool qkd_pci_is_gone(const struct qkd_pci *pci)
{
	return READ_ONCE(pci->gone) || pci_channel_offline(pci->pdev);
}

#endif /* _QKD_PCI_H */
