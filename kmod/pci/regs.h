/* SPDX-License-Identifier: GPL-2.0-only */
/* The window of a QKD device, as Documentation/pci-interface.md has it. Little-endian. */
#ifndef _QKD_PCI_REGS_H
#define _QKD_PCI_REGS_H

#include <linux/build_bug.h>
#include <linux/types.h>
#include <uapi/linux/qkd.h>

#define QKD_PCI_BAR_DOORBELL 0
#define QKD_PCI_BAR_WINDOW   2
#define QKD_PCI_WINDOW_MIN   (64U << 10)
#define QKD_PCI_WINDOW_MAX   (16U << 20)

#define QKD_PCI_DOORBELL 0x0c /* in BAR 0 */

/* Written by the device */
#define QKD_PCI_MAGIC		  0x000
#define QKD_PCI_VERSION		  0x004
#define QKD_PCI_STATE		  0x008
#define QKD_PCI_FAULT		  0x00c
#define QKD_PCI_GENERATION	  0x010
#define QKD_PCI_KEY_LEN		  0x014
#define QKD_PCI_RING_ENTRIES	  0x018
#define QKD_PCI_RING_OFFSET(ring) (0x01c + 4 * (ring))
#define QKD_PCI_HEALTH_OFFSET	  0x024
#define QKD_PCI_PRODUCER(ring)	  (0x028 + 4 * (ring))
#define QKD_PCI_DONE		  0x030
#define QKD_PCI_RESULT		  0x034
#define QKD_PCI_RESULT_BLOCK	  0x038

/* Written by the driver */
#define QKD_PCI_COMMAND	       0x800
#define QKD_PCI_RING	       0x804
#define QKD_PCI_BLOCK	       0x808
#define QKD_PCI_KEY_ID	       0x810
#define QKD_PCI_NUMBER	       0x820
#define QKD_PCI_CONSUMER(ring) (0x824 + 4 * (ring))

#define QKD_PCI_REGS_LEN 0x1000

#define QKD_PCI_MAGIC_VALUE   0x31444b51
#define QKD_PCI_VERSION_MAJOR 1
#define QKD_PCI_GONE	      U32_MAX /* what a device that is not there reads as */
#define QKD_PCI_ENTRIES_MIN   8
#define QKD_PCI_ENTRIES_MAX   32768
#define QKD_PCI_ALIGN	      128

enum qkd_pci_state {
	QKD_PCI_STOPPED = 1,
	QKD_PCI_RUNNING,
	QKD_PCI_FAULTY,
};

enum qkd_pci_command {
	QKD_PCI_RESET = 1,
	QKD_PCI_START,
	QKD_PCI_STOP,
	QKD_PCI_FIND,
	QKD_PCI_ADVANCE,
};

enum qkd_pci_result {
	QKD_PCI_OK,
	QKD_PCI_UNKNOWN,
	QKD_PCI_WRONG,
	QKD_PCI_NOT_FOUND,
	QKD_PCI_NOT_NOW,
};

enum qkd_pci_vector {
	QKD_PCI_VECTOR_KEYS,
	QKD_PCI_VECTOR_HEALTH,
	QKD_PCI_VECTOR_COMMAND,
	QKD_PCI_VECTORS,
};

struct qkd_pci_entry {
	__le64 sequence;
	__le64 block;
	u8 id[QKD_KEY_ID_LEN];
	u8 key[QKD_KEY_LEN_MAX];
	__le32 length;
	u8 reserved[24];
	__le32 check;
};

struct qkd_pci_health {
	__le32 beat;
	__le32 channel;
	__le32 qber;
	__le32 rate;
	__le64 next[2];
	__le32 lost[2];
	u8 reserved[20];
	__le32 check;
};

static_assert(sizeof(struct qkd_pci_entry) == 128);
static_assert(sizeof(struct qkd_pci_health) == 64);

#endif /* _QKD_PCI_REGS_H */
