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
#include <linux/hex.h>
#include <linux/unaligned.h>
#else
#include <asm/unaligned.h>
#include <linux/kernel.h>
#endif

/* From 6.14 on receiving stops behind a KeyUpdate. With the socket's lock held. */
struct sock;
struct tls_sw_context_rx;

#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 14, 0)
#include <net/tls.h>
static inline void qkd_tls_rx_goes_on(struct sock *sk, struct tls_sw_context_rx *rx)
{
	WRITE_ONCE(rx->key_update_pending, false);
	/* Who polls has been told that there is nothing. */
	rx->saved_data_ready(sk);
}
#else
static inline void qkd_tls_rx_goes_on(struct sock *sk, struct tls_sw_context_rx *rx)
{
}
#endif

#endif /* _QKD_COMPAT_H */
