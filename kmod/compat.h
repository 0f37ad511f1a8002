/* SPDX-License-Identifier: GPL-2.0-only */
/* What differs between the kernels this builds on: the only place that asks for a version. */
#ifndef _QKD_COMPAT_H
#define _QKD_COMPAT_H

#include <linux/slab.h>
#include <linux/version.h>
#include <net/genetlink.h>

/* The attributes of a dump request, by number. */
static inline struct nlattr **qkd_dump_attrs(struct netlink_callback *cb)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 7, 0)
	return genl_dumpit_info(cb)->info.attrs;
#else
	return genl_dumpit_info(cb)->attrs;
#endif
}

/* Before 6.5 there is no asking for a cache of one's own. */
#ifndef SLAB_NO_MERGE
#define SLAB_NO_MERGE 0
#endif

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 12, 0)
#include <linux/unaligned.h>
#else
#include <asm/unaligned.h>
#endif

#endif /* _QKD_COMPAT_H */
