// SPDX-License-Identifier: GPL-2.0-only
/* The device's registers, and whether what they say of its geometry can be. */
#include <linux/crc32.h>
#include <linux/io.h>
#include <linux/log2.h>

#include "pci.h"

u32 qkd_pci_read(const struct qkd_pci *pci, unsigned int reg)
{
	return readl(pci->window + reg);
}

u64 qkd_pci_read64(const struct qkd_pci *pci, unsigned int reg)
{
	u32 low = qkd_pci_read(pci, reg);

	return low | (u64)qkd_pci_read(pci, reg + 4) << 32;
}

void qkd_pci_write(const struct qkd_pci *pci, unsigned int reg, u32 value)
{
	writel(value, pci->window + reg);
}

void qkd_pci_write64(const struct qkd_pci *pci, unsigned int reg, u64 value)
{
	qkd_pci_write(pci, reg, lower_32_bits(value));
	qkd_pci_write(pci, reg + 4, upper_32_bits(value));
}

void qkd_pci_ring_bell(const struct qkd_pci *pci)
{
	writel(0, pci->doorbell + QKD_PCI_DOORBELL);
}

bool qkd_pci_answers(const struct qkd_pci *pci)
{
	return !qkd_pci_is_gone(pci) && qkd_pci_read(pci, QKD_PCI_MAGIC) != QKD_PCI_GONE;
}

/* CHECK of an entry or a page, over the @len bytes before it */
bool qkd_pci_check_is_right(const void *data, size_t len, __le32 check)
{
	return le32_to_cpu(check) == ~crc32_le(~0, data, len);
}

static int wrong(const struct qkd_pci *pci, const char *name, u32 value)
{
	dev_err_ratelimited(&pci->pdev->dev, "register %s is %#x, which cannot be\n", name, value);
	return -EPROTO;
}

static bool overlap(u32 a, size_t a_len, u32 b, size_t b_len)
{
	return a < b + b_len && b < a + a_len;
}

/* The offsets are aligned, and what they are of lies in the window, behind the registers. */
static int check_place(const struct qkd_pci *pci, const char *name, u32 at, size_t len)
{
	if (at % QKD_PCI_ALIGN || at < QKD_PCI_REGS_LEN || at > pci->window_len ||
	    len > pci->window_len - at)
		return wrong(pci, name, at);
	return 0;
}

static int check_places(const struct qkd_pci *pci, const struct qkd_pci_geometry *geometry)
{
	const size_t len = geometry->entries * sizeof(struct qkd_pci_entry);
	int err = check_place(pci, "RING_OFFSET0", geometry->ring_at[0], len);

	if (!err)
		err = check_place(pci, "RING_OFFSET1", geometry->ring_at[1], len);
	if (!err)
		err = check_place(pci, "HEALTH_OFFSET", geometry->health_at,
				  sizeof(struct qkd_pci_health));
	if (err)
		return err;
	if (overlap(geometry->ring_at[0], len, geometry->ring_at[1], len))
		return wrong(pci, "RING_OFFSET1", geometry->ring_at[1]);
	if (overlap(geometry->health_at, sizeof(struct qkd_pci_health), geometry->ring_at[0],
		    len) ||
	    overlap(geometry->health_at, sizeof(struct qkd_pci_health), geometry->ring_at[1], len))
		return wrong(pci, "HEALTH_OFFSET", geometry->health_at);
	return 0;
}

/* Each register is read once. -ENODEV: it does not answer; -EPROTO, said in the log. */
int qkd_pci_check_geometry(const struct qkd_pci *pci, struct qkd_pci_geometry *geometry)
{
	const u32 magic = qkd_pci_read(pci, QKD_PCI_MAGIC);
	const u32 version = qkd_pci_read(pci, QKD_PCI_VERSION);
	int i;

	if (magic == QKD_PCI_GONE)
		return -ENODEV;
	if (magic != QKD_PCI_MAGIC_VALUE)
		return wrong(pci, "MAGIC", magic);
	if (version >> 16 != QKD_PCI_VERSION_MAJOR)
		return wrong(pci, "VERSION", version);
	geometry->key_len = qkd_pci_read(pci, QKD_PCI_KEY_LEN);
	if (geometry->key_len < QKD_KEY_LEN_MIN || geometry->key_len > QKD_KEY_LEN_MAX)
		return wrong(pci, "KEY_LEN", geometry->key_len);
	geometry->entries = qkd_pci_read(pci, QKD_PCI_RING_ENTRIES);
	if (!is_power_of_2(geometry->entries) || geometry->entries < QKD_PCI_ENTRIES_MIN ||
	    geometry->entries > QKD_PCI_ENTRIES_MAX)
		return wrong(pci, "RING_ENTRIES", geometry->entries);
	for (i = 0; i < ARRAY_SIZE(geometry->ring_at); i++)
		geometry->ring_at[i] = qkd_pci_read(pci, QKD_PCI_RING_OFFSET(i));
	geometry->health_at = qkd_pci_read(pci, QKD_PCI_HEALTH_OFFSET);
	return check_places(pci, geometry);
}
