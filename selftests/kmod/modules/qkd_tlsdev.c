// SPDX-License-Identifier: GPL-2.0-only
/*
 * For tests: while it is loaded, the loopback device of its loader's network namespace says that it protects TLS records
 * itself, and takes every key. "taken" (/sys/module/qkd_tlsdev/parameters) tells how many. It cannot be unloaded before
 * the last is given back.
 */
#include <linux/module.h>
#include <linux/netdevice.h>
#include <linux/nsproxy.h>
#include <linux/rtnetlink.h>
#include <linux/sched.h>
#include <net/net_namespace.h>
#include <net/tls.h>

#define FEATURES (NETIF_F_HW_TLS_TX | NETIF_F_HW_TLS_RX)

static unsigned int taken;
module_param(taken, uint, 0444);

#ifdef CONFIG_TLS_DEVICE
static struct net *net;

static int add(struct net_device *dev, struct sock *sk, enum tls_offload_ctx_dir direction,
	       struct tls_crypto_info *info, u32 tcp_seq)
{
	__module_get(THIS_MODULE);
	taken++;
	return 0;
}

static void del(struct net_device *dev, struct tls_context *ctx, enum tls_offload_ctx_dir direction)
{
	module_put(THIS_MODULE);
}

static int resync(struct net_device *dev, struct sock *sk, u32 seq, u8 *rcd_sn,
		  enum tls_offload_ctx_dir direction)
{
	return 0;
}

static const struct tlsdev_ops ops = {
	.tls_dev_add = add,
	.tls_dev_del = del,
	.tls_dev_resync = resync,
};

static void tell(const struct tlsdev_ops *new_ops, netdev_features_t set, netdev_features_t clear)
{
	struct net_device *dev = net->loopback_dev;

	rtnl_lock();
	dev->tlsdev_ops = new_ops;
	dev->features = (dev->features & ~clear) | set;
	rtnl_unlock();
}

static int __init tlsdev_init(void)
{
	net = get_net(current->nsproxy->net_ns);
	tell(&ops, FEATURES, 0);
	return 0;
}

static void __exit tlsdev_exit(void)
{
	tell(NULL, 0, FEATURES);
	put_net(net);
}
#else
static int __init tlsdev_init(void)
{
	return -EOPNOTSUPP;
}

static void __exit tlsdev_exit(void)
{
}
#endif

module_init(tlsdev_init);
module_exit(tlsdev_exit);
MODULE_DESCRIPTION("A device that protects TLS records, for tests");
MODULE_LICENSE("GPL");
