// SPDX-License-Identifier: GPL-2.0-only
/* Interrupts; a vector that storms is masked, and the device looked at without it. */
#include <linux/interrupt.h>
#include <linux/jiffies.h>
#include <linux/minmax.h>

#include "pci.h"

#define STORM	    1000 /* interrupts in STORM_TIME */
#define STORM_TIME  (HZ / 10)
#define RETRY_MAX_S 60U
#define CALM	    (60 * HZ) /* after which a storm is the first again */

static const char *const names[QKD_PCI_VECTORS] = {
	[QKD_PCI_VECTOR_KEYS] = "keys",
	[QKD_PCI_VECTOR_HEALTH] = "health",
	[QKD_PCI_VECTOR_COMMAND] = "command",
};

/* True: one too many */
static bool storms(struct qkd_pci_irq *vector)
{
	if (time_after(jiffies, vector->since + STORM_TIME)) {
		vector->since = jiffies;
		vector->count = 0;
	}
	return ++vector->count > STORM;
}

static void mask(struct qkd_pci_irq *vector)
{
	vector->masked = true;
	vector->retry = clamp(2 * vector->retry, 1U, RETRY_MAX_S);
	vector->until = jiffies + vector->retry * HZ;
	disable_irq_nosync(vector->irq);
	dev_warn_ratelimited(&vector->pci->pdev->dev, "a storm of interrupts: %u s without\n",
			     vector->retry);
}

static irqreturn_t on_interrupt(int irq, void *arg)
{
	struct qkd_pci_irq *vector = arg;
	struct qkd_pci *pci = vector->pci;
	unsigned long flags;

	spin_lock_irqsave(&pci->vectors_lock, flags);
	if (!vector->masked && storms(vector))
		mask(vector);
	spin_unlock_irqrestore(&pci->vectors_lock, flags);
	if (vector == &pci->vectors[QKD_PCI_VECTOR_COMMAND])
		wake_up(&pci->answered);
	else
		qkd_pci_kick(pci);
	return IRQ_HANDLED;
}

/* Unmasks what has been masked for long enough. */
bool qkd_pci_irqs_look(struct qkd_pci *pci)
{
	bool any_masked = false;
	unsigned long flags;
	int i;

	spin_lock_irqsave(&pci->vectors_lock, flags);
	for (i = 0; i < QKD_PCI_VECTORS; i++) {
		struct qkd_pci_irq *vector = &pci->vectors[i];

		if (vector->masked && time_after(jiffies, vector->until)) {
			vector->masked = false;
			vector->since = jiffies;
			vector->count = 0;
			enable_irq(vector->irq);
		} else if (!vector->masked && time_after(jiffies, vector->until + CALM)) {
			vector->retry = 0;
		}
		any_masked |= vector->masked;
	}
	spin_unlock_irqrestore(&pci->vectors_lock, flags);
	return any_masked;
}

static void free_vectors(void *pdev)
{
	pci_free_irq_vectors(pdev);
}

/* All that this takes goes with the device. */
int qkd_pci_irqs_init(struct qkd_pci *pci)
{
	struct device *dev = &pci->pdev->dev;
	int err, i;

	spin_lock_init(&pci->vectors_lock);
	err = pci_alloc_irq_vectors(pci->pdev, QKD_PCI_VECTORS, QKD_PCI_VECTORS, PCI_IRQ_MSIX);
	if (err < 0)
		return dev_err_probe(dev, err, "needs %d MSI-X vectors\n", QKD_PCI_VECTORS);
	err = devm_add_action_or_reset(dev, free_vectors, pci->pdev);
	for (i = 0; !err && i < QKD_PCI_VECTORS; i++) {
		struct qkd_pci_irq *vector = &pci->vectors[i];

		vector->pci = pci;
		vector->irq = pci_irq_vector(pci->pdev, i);
		err = devm_request_irq(
			dev, vector->irq, on_interrupt, 0,
			devm_kasprintf(dev, GFP_KERNEL, "%s-%s", pci->name, names[i]), vector);
	}
	return err;
}
