// SPDX-License-Identifier: GPL-2.0-only
/* The provider's operations: one device has one link. */
#include <linux/jiffies.h>
#include <linux/module.h>

#include "pci.h"

static void begin(struct qkd_pci *pci, struct qkd_link *link)
{
	int i;

	pci->link = link;
	for (i = 0; i < ARRAY_SIZE(pci->rings); i++) {
		pci->rings[i].dir = qkd_link_block_direction(link, i);
		pci->rings[i].deliver_from = 0;
	}
	qkd_pci_health_reset(pci);
	/* Until it has said something else */
	qkd_pci_report(pci, false);
	if (!pci->broken && !pci->asleep && qkd_pci_command(pci, QKD_PCI_START))
		qkd_pci_fail(pci, "does not start");
}

static int pci_link_open(struct qkd_link *link, struct nlattr **config,
			 struct netlink_ext_ack *extack)
{
	const struct qkd_provider_ops *ops = qkd_link_ops(link);
	struct qkd_pci *pci = container_of(ops, struct qkd_pci, ops);
	int err = 0;

	mutex_lock(&pci->lock);
	if (pci->link) {
		NL_SET_ERR_MSG(extack, "the device has a link already");
		err = -EBUSY;
	} else {
		qkd_link_set_priv(link, pci);
		begin(pci, link);
	}
	mutex_unlock(&pci->lock);
	if (!err)
		qkd_pci_kick(pci);
	return err;
}

static void pci_link_close(struct qkd_link *link)
{
	struct qkd_pci *pci = qkd_link_priv(link);

	mutex_lock(&pci->lock);
	if (!pci->broken && !pci->asleep && qkd_pci_command(pci, QKD_PCI_STOP))
		qkd_pci_distrust(pci);
	qkd_pci_finds_drop(pci);
	pci->link = NULL;
	mutex_unlock(&pci->lock);
}

static int pci_fetch(struct qkd_link *link, const u8 key_id[QKD_KEY_ID_LEN])
{
	return qkd_pci_find_note(qkd_link_priv(link), key_id);
}

static void pci_demand(struct qkd_link *link, bool low)
{
	qkd_pci_kick(qkd_link_priv(link));
}

static u64 first_of(u64 block, unsigned int ring)
{
	return block + ((block ^ ring) & 1);
}

static int move_rings(struct qkd_pci *pci, u64 block, struct netlink_ext_ack *extack)
{
	int ret = -EINVAL;
	int i;

	for (i = 0; i < ARRAY_SIZE(pci->rings); i++) {
		struct qkd_pci_ring *ring = &pci->rings[i];
		const u64 first = first_of(block, i);

		if (first < ring->next)
			continue;
		if (qkd_pci_advance(pci, i, first)) {
			NL_SET_ERR_MSG(extack, "the device does not do what it is told");
			return -EIO;
		}
		qkd_link_discard(pci->link, ring->dir);
		ring->deliver_from = first;
		ret = 0;
	}
	if (ret)
		NL_SET_ERR_MSG(extack, "a block is never made twice: take one that is yet to come");
	return ret;
}

static int pci_resync(struct qkd_link *link, u64 block, struct netlink_ext_ack *extack)
{
	struct qkd_pci *pci = qkd_link_priv(link);
	int err;

	if (block > QKD_PCI_BLOCK_MAX) {
		NL_SET_ERR_MSG(extack, "no block has so large a number");
		return -EINVAL;
	}
	mutex_lock(&pci->lock);
	if (pci->broken || pci->asleep) {
		NL_SET_ERR_MSG(extack, "the device is out of order");
		err = -EIO;
	} else {
		err = move_rings(pci, block, extack);
	}
	mutex_unlock(&pci->lock);
	qkd_pci_kick(pci);
	return err;
}

void qkd_pci_ops_init(struct qkd_pci *pci)
{
	pci->ops = (struct qkd_provider_ops){
		.owner = THIS_MODULE,
		.name = pci->name,
		.key_len = pci->geometry.key_len,
		.link_open = pci_link_open,
		.link_close = pci_link_close,
		.resync = pci_resync,
		.fetch = pci_fetch,
		.demand = pci_demand,
	};
}
