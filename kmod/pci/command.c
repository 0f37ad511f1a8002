// SPDX-License-Identifier: GPL-2.0-only
/* Commands to the device, and waiting for their end. */
#include <linux/jiffies.h>

#include "pci.h"

#define LIMIT	    HZ
#define RESET_LIMIT (5 * HZ)
#define LOOK	    msecs_to_jiffies(10) /* an interrupt may be missing */

static bool ended(const struct qkd_pci *pci)
{
	return qkd_pci_is_gone(pci) || qkd_pci_read(pci, QKD_PCI_DONE) == pci->number;
}

static int wait_for_end(struct qkd_pci *pci, unsigned long limit)
{
	const unsigned long deadline = jiffies + limit;

	while (!wait_event_timeout(pci->answered, ended(pci), LOOK)) {
		if (!qkd_pci_answers(pci))
			return -ENODEV;
		if (time_after(jiffies, deadline))
			return -ETIMEDOUT;
	}
	return qkd_pci_is_gone(pci) ? -ENODEV : 0;
}

/* Neither that of the last command, which may have been another driver's, nor of the last that was carried out */
static void next_number(struct qkd_pci *pci)
{
	pci->number = qkd_pci_read(pci, QKD_PCI_NUMBER) + 1;
	if (pci->number == qkd_pci_read(pci, QKD_PCI_DONE))
		pci->number++;
}

int qkd_pci_command(struct qkd_pci *pci, enum qkd_pci_command command)
{
	u32 result;
	int err;

	if (!qkd_pci_answers(pci))
		return -ENODEV;
	next_number(pci);
	qkd_pci_write(pci, QKD_PCI_COMMAND, command);
	qkd_pci_write(pci, QKD_PCI_NUMBER, pci->number);
	qkd_pci_ring_bell(pci);
	err = wait_for_end(pci, command == QKD_PCI_RESET ? RESET_LIMIT : LIMIT);
	if (err)
		return err;
	result = qkd_pci_read(pci, QKD_PCI_RESULT);
	if (result == QKD_PCI_OK)
		return 0;
	if (result == QKD_PCI_NOT_FOUND && command == QKD_PCI_FIND)
		return -ENOENT;
	dev_warn_ratelimited(&pci->pdev->dev, "command %d: result %#x\n", command, result);
	return result <= QKD_PCI_NOT_NOW ? -EIO : -EPROTO;
}

int qkd_pci_find(struct qkd_pci *pci, const u8 id[QKD_KEY_ID_LEN], u64 *block)
{
	int err;

	memcpy_toio(pci->window + QKD_PCI_KEY_ID, id, QKD_KEY_ID_LEN);
	err = qkd_pci_command(pci, QKD_PCI_FIND);
	if (!err)
		*block = qkd_pci_read64(pci, QKD_PCI_RESULT_BLOCK);
	return err;
}

int qkd_pci_advance(struct qkd_pci *pci, unsigned int ring, u64 block)
{
	qkd_pci_write(pci, QKD_PCI_RING, ring);
	qkd_pci_write64(pci, QKD_PCI_BLOCK, block);
	return qkd_pci_command(pci, QKD_PCI_ADVANCE);
}
