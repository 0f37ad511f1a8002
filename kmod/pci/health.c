// SPDX-License-Identifier: GPL-2.0-only
/* The health page: what the device measures, and whether it lives. */
#include <linux/io.h>
#include <linux/jiffies.h>

#include "pci.h"

#define READS	     3 /* of a page that is being written */
#define SILENT_AFTER (5 * HZ)
#define DEAD_AFTER   (30 * HZ)

static bool is_whole(const struct qkd_pci_health *page)
{
	return !(le32_to_cpu(page->beat) & 1) &&
	       qkd_pci_check_is_right(page, offsetof(struct qkd_pci_health, check), page->check);
}

/* A copy, made at once and only then looked at */
static bool read_page(const struct qkd_pci *pci, struct qkd_pci_health *page)
{
	int i;

	for (i = 0; i < READS; i++) {
		memcpy_fromio(page, pci->window + pci->geometry.health_at, sizeof(*page));
		if (is_whole(page))
			return true;
	}
	return false;
}

void qkd_pci_report(struct qkd_pci *pci, bool up)
{
	const struct qkd_pci_measure *measure = &pci->measure;
	const struct qkd_link_report report = {
		.state = up && measure->works ? QKD_LINK_UP : QKD_LINK_DOWN,
		.qber = up ? measure->qber : QKD_REPORT_UNKNOWN,
		.rate = up ? measure->rate : QKD_REPORT_UNKNOWN,
	};

	if (pci->link)
		qkd_link_report(pci->link, &report);
}

/* The device has just been reset: it has as long as ever to give a sign of life. */
void qkd_pci_health_reset(struct qkd_pci *pci)
{
	pci->beat = QKD_PCI_GONE;
	pci->beat_at = jiffies;
}

static void believe(struct qkd_pci *pci, const struct qkd_pci_health *page)
{
	pci->beat = le32_to_cpu(page->beat);
	pci->beat_at = jiffies;
	pci->measure.works = le32_to_cpu(page->channel) == 1;
	pci->measure.qber = le32_to_cpu(page->qber);
	/* More than everything wrong cannot be. */
	if (pci->measure.qber > QKD_PPM)
		pci->measure.qber = QKD_REPORT_UNKNOWN;
	pci->measure.rate = le32_to_cpu(page->rate);
	qkd_pci_report(pci, true);
}

int qkd_pci_health_look(struct qkd_pci *pci)
{
	struct qkd_pci_health page;

	if (read_page(pci, &page) && le32_to_cpu(page.beat) != pci->beat) {
		believe(pci, &page);
		return 0;
	}
	if (time_after(jiffies, pci->beat_at + DEAD_AFTER))
		return -ETIMEDOUT;
	if (time_after(jiffies, pci->beat_at + SILENT_AFTER))
		qkd_pci_report(pci, false);
	return 0;
}
