// SPDX-License-Identifier: GPL-2.0-only
/* A device's life: from reset to reset, with all that is to be looked at in between. */
#include <linux/jiffies.h>
#include <linux/minmax.h>

#include "pci.h"

#define LOOK_DELAY    HZ /* when nothing is to be expected: an interrupt may be missing */
#define POLL_DELAY    (msecs_to_jiffies(10) + 1) /* while a vector is masked */
#define BACKOFF_MAX_S 60U

void qkd_pci_kick(struct qkd_pci *pci)
{
	mod_delayed_work(pci->wq, &pci->work, 0);
}

static void reset_rings(struct qkd_pci *pci)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(pci->rings); i++) {
		struct qkd_pci_ring *ring = &pci->rings[i];

		ring->consumer = qkd_pci_read(pci, QKD_PCI_PRODUCER(i));
		ring->looks = 0;
		ring->wrong = 0;
		qkd_pci_write(pci, QKD_PCI_CONSUMER(i), ring->consumer);
	}
}

/* The registers are believed from here to the next reset. */
int qkd_pci_reset(struct qkd_pci *pci)
{
	struct qkd_pci_geometry geometry;
	u32 before;
	int err;

	if (qkd_pci_is_gone(pci))
		return -ENODEV;
	before = qkd_pci_read(pci, QKD_PCI_GENERATION);
	err = qkd_pci_command(pci, QKD_PCI_RESET);
	if (!err)
		err = qkd_pci_check_geometry(pci, &geometry);
	if (err)
		return err;
	pci->generation = qkd_pci_read(pci, QKD_PCI_GENERATION);
	if (!pci->generation || pci->generation == before)
		return -EPROTO;
	/* The provider has told the core how long its keys are. */
	if (pci->ops.key_len && geometry.key_len != pci->ops.key_len) {
		dev_err_ratelimited(&pci->pdev->dev, "KEY_LEN is %u now: bind the driver anew\n",
				    geometry.key_len);
		return -EPROTO;
	}
	pci->geometry = geometry;
	reset_rings(pci);
	qkd_pci_health_reset(pci);
	return 0;
}

/* At once the first time, then later and later, until a key has come. */
void qkd_pci_fail(struct qkd_pci *pci, const char *why)
{
	dev_warn_ratelimited(&pci->pdev->dev, "%s: reset in %u s\n", why, pci->backoff);
	pci->broken = true;
	pci->retry_at = jiffies + pci->backoff * HZ;
	pci->backoff = clamp(2 * pci->backoff, 1U, BACKOFF_MAX_S);
	qkd_pci_report(pci, false);
}

void qkd_pci_distrust(struct qkd_pci *pci)
{
	pci->broken = true;
	pci->backoff = 0;
	pci->retry_at = jiffies;
}

static const char *recover(struct qkd_pci *pci)
{
	if (!qkd_pci_answers(pci))
		return "does not answer";
	if (qkd_pci_reset(pci))
		return "cannot be reset";
	if (qkd_pci_command(pci, QKD_PCI_START))
		return "does not start";
	pci->broken = false;
	return NULL;
}

static const char *look_at_device(struct qkd_pci *pci)
{
	if (!qkd_pci_answers(pci))
		return "does not answer";
	if (qkd_pci_read(pci, QKD_PCI_STATE) == QKD_PCI_FAULTY) {
		dev_warn_ratelimited(&pci->pdev->dev, "fault %#x\n",
				     qkd_pci_read(pci, QKD_PCI_FAULT));
		return "reports a fault";
	}
	if (qkd_pci_health_look(pci))
		return "gives no sign of life";
	if (qkd_pci_finds_begin(pci))
		return "does not do what it is told";
	return NULL;
}

/* Jiffies until it is to be looked at again; MAX_JIFFY_OFFSET: when it is told so */
static unsigned long look(struct qkd_pci *pci)
{
	const char *problem;
	long delay = 0;
	bool polled;

	/* Without a link the interrupts may have been given back already. */
	if (pci->asleep || !pci->link)
		return MAX_JIFFY_OFFSET;
	polled = qkd_pci_irqs_look(pci);
	if (pci->broken && time_before(jiffies, pci->retry_at))
		return pci->retry_at - jiffies;
	problem = pci->broken ? recover(pci) : look_at_device(pci);
	if (!problem && !pci->broken) {
		delay = qkd_pci_rings_take(pci);
		qkd_pci_finds_end(pci);
		if (delay < 0)
			problem = "puts into its rings what cannot be";
	}
	if (problem) {
		qkd_pci_fail(pci, problem);
		return pci->retry_at - jiffies;
	}
	return min_t(unsigned long, delay, polled ? POLL_DELAY : LOOK_DELAY);
}

void qkd_pci_work(struct work_struct *work)
{
	struct qkd_pci *pci = container_of(to_delayed_work(work), struct qkd_pci, work);
	unsigned long delay;

	mutex_lock(&pci->lock);
	delay = look(pci);
	mutex_unlock(&pci->lock);
	/* Not later than whoever kicked it meanwhile wants. */
	if (delay != MAX_JIFFY_OFFSET)
		queue_delayed_work(pci->wq, &pci->work, delay);
}

/* From now on it is not touched. */
void qkd_pci_sleep(struct qkd_pci *pci, bool stop)
{
	mutex_lock(&pci->lock);
	if (stop && !pci->asleep && !pci->broken && pci->link && qkd_pci_command(pci, QKD_PCI_STOP))
		dev_warn(&pci->pdev->dev, "does not stop\n");
	pci->asleep = true;
	mutex_unlock(&pci->lock);
	cancel_delayed_work_sync(&pci->work);
}

/* What became of it meanwhile nobody knows. */
void qkd_pci_wake(struct qkd_pci *pci)
{
	mutex_lock(&pci->lock);
	pci->asleep = false;
	qkd_pci_distrust(pci);
	mutex_unlock(&pci->lock);
	qkd_pci_kick(pci);
}
