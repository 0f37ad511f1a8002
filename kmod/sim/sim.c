// SPDX-License-Identifier: GPL-2.0-only
/*
 * Provider "sim": links without QKD equipment. Whoever knows the seed knows every key, so each link
 * of it is marked as simulated.
 */
#include <linux/capability.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/random.h>
#include <net/net_namespace.h>

#include "sim.h"

#define DEMO_A "demo-a"
#define DEMO_B "demo-b"

static bool demo;
module_param(demo, bool, 0444);
MODULE_PARM_DESC(demo, "make the pair of links " DEMO_A " and " DEMO_B " with a random seed");

struct workqueue_struct *qkd_sim_wq;

static struct qkd_provider *provider;

/* What a link is made of; on the stack of who reads it, wiped there. */
struct sim_config {
	u8 seed[QKD_SIM_SEED_LEN_MAX];
	size_t seed_len;
	u32 rate;
};

/* Not const: the policies of 6.1 want it so. */
static struct netlink_range_validation rate_range = {
	.min = QKD_SIM_RATE_MIN,
	.max = QKD_SIM_RATE_MAX,
};

static const struct nla_policy sim_policy[QKD_A_SIM_MAX + 1] = {
	[QKD_A_SIM_SEED_FD] = NLA_POLICY_MIN(NLA_S32, 0),
	[QKD_A_SIM_RATE] = NLA_POLICY_FULL_RANGE(NLA_U32, &rate_range),
};

/*
 * Files in memory only, a memfd or on tmpfs: reading must end, and wait for nobody. Any user may ask,
 * and generic netlink's families cannot change meanwhile, so a daemon of his own behind the file
 * (FUSE), or a server that is gone (NFS), would hold up the machine.
 */
static bool is_seed_file(const struct file *file)
{
	const struct inode *inode = file_inode(file);

	return S_ISREG(inode->i_mode) && inode->i_sb->s_magic == TMPFS_MAGIC &&
	       file->f_mode & FMODE_READ;
}

static int read_seed_file(struct file *file, struct sim_config *config,
			  struct netlink_ext_ack *extack)
{
	u8 buf[QKD_SIM_SEED_LEN_MAX + 1];
	loff_t pos = 0;
	ssize_t len;

	if (!is_seed_file(file)) {
		NL_SET_ERR_MSG(extack, "the seed must be a memfd, or on tmpfs, open for reading");
		return -EINVAL;
	}
	len = kernel_read(file, buf, sizeof(buf), &pos);
	if (len >= QKD_SIM_SEED_LEN_MIN && len <= QKD_SIM_SEED_LEN_MAX) {
		memcpy(config->seed, buf, len);
		config->seed_len = len;
	}
	memzero_explicit(buf, sizeof(buf));
	if (len < 0) {
		NL_SET_ERR_MSG(extack, "cannot read the seed");
		return len;
	}
	if (!config->seed_len) {
		NL_SET_ERR_MSG(extack, "a seed is 32 to 64 bytes");
		return -EINVAL;
	}
	return 0;
}

static int read_seed(struct nlattr *attr, struct sim_config *config, struct netlink_ext_ack *extack)
{
	struct file *file;
	int err;

	if (!attr) {
		NL_SET_ERR_MSG(extack, "a simulated link needs a seed");
		return -EINVAL;
	}
	file = fget(nla_get_s32(attr));
	if (!file) {
		NL_SET_ERR_MSG_ATTR(extack, attr, "the seed's file descriptor is not open");
		return -EBADF;
	}
	err = read_seed_file(file, config, extack);
	fput(file);
	if (err)
		NL_SET_BAD_ATTR(extack, attr);
	return err;
}

/* A rate is processor time, of which any user could have as much as he likes in namespaces of his own. */
static int read_rate(struct nlattr *attr, struct sim_config *config, struct netlink_ext_ack *extack)
{
	config->rate = attr ? nla_get_u32(attr) : QKD_SIM_RATE_DEFAULT;
	if (config->rate <= QKD_SIM_RATE_DEFAULT || capable(CAP_NET_ADMIN))
		return 0;
	NL_SET_ERR_MSG_ATTR(extack, attr,
			    "a rate above the default is for the machine's administrator");
	return -EPERM;
}

static int parse_config(struct nlattr **attrs, struct sim_config *config,
			struct netlink_ext_ack *extack)
{
	int err = read_rate(attrs[QKD_A_SIM_RATE], config, extack);

	if (err)
		return err;
	return read_seed(attrs[QKD_A_SIM_SEED_FD], config, extack);
}

/* Without attributes it is a link of our own, whose private pointer is its configuration. */
static int sim_link_open(struct qkd_link *link, struct nlattr **attrs,
			 struct netlink_ext_ack *extack)
{
	struct sim_config config = {};
	struct qkd_sim_link *sim;
	int err = 0;

	if (attrs)
		err = parse_config(attrs, &config, extack);
	else
		memcpy(&config, qkd_link_priv(link), sizeof(config));
	if (!err) {
		sim = qkd_sim_link_start(link, config.seed, config.seed_len, config.rate);
		err = PTR_ERR_OR_ZERO(sim);
	}
	memzero_explicit(&config, sizeof(config));
	if (err)
		return err;
	qkd_link_set_priv(link, sim);
	pr_warn_once("qkd_sim: simulated keys are no secret: for tests and demonstrations only\n");
	return 0;
}

static int sim_configure(struct qkd_link *link, struct nlattr **attrs,
			 struct netlink_ext_ack *extack)
{
	struct sim_config config;
	int err;

	if (attrs[QKD_A_SIM_SEED_FD]) {
		NL_SET_ERR_MSG_ATTR(extack, attrs[QKD_A_SIM_SEED_FD],
				    "a link keeps its seed: another one needs another link");
		return -EINVAL;
	}
	if (!attrs[QKD_A_SIM_RATE])
		return 0;
	err = read_rate(attrs[QKD_A_SIM_RATE], &config, extack);
	if (!err)
		qkd_sim_link_set_rate(qkd_link_priv(link), config.rate);
	return err;
}

static void sim_link_close(struct qkd_link *link)
{
	qkd_sim_link_stop(qkd_link_priv(link));
}

static int sim_fill_config(struct qkd_link *link, struct sk_buff *skb)
{
	return nla_put_u32(skb, QKD_A_SIM_RATE, qkd_sim_link_rate(qkd_link_priv(link)));
}

static int sim_fetch(struct qkd_link *link, const u8 key_id[QKD_KEY_ID_LEN])
{
	return qkd_sim_link_seek(qkd_link_priv(link), key_id);
}

static const struct qkd_provider_ops sim_ops = {
	.owner = THIS_MODULE,
	.name = "sim",
	.flags = QKD_LINK_F_SIMULATED,
	.key_len = QKD_SIM_KEY_LEN,
	.config_policy = sim_policy,
	.config_max = QKD_A_SIM_MAX,
	.link_open = sim_link_open,
	.link_close = sim_link_close,
	.configure = sim_configure,
	.fill_config = sim_fill_config,
	.fetch = sim_fetch,
};

static int __init add_demo_links(void)
{
	const struct qkd_link_params params[] = {
		{ .name = DEMO_A, .local_sae = DEMO_A, .remote_sae = DEMO_B, .role = QKD_ROLE_A },
		{ .name = DEMO_B, .local_sae = DEMO_B, .remote_sae = DEMO_A, .role = QKD_ROLE_B },
	};
	struct sim_config config = {
		.seed_len = QKD_SIM_SEED_LEN_MIN,
		.rate = QKD_SIM_RATE_DEFAULT,
	};
	int err = 0;
	int i;

	get_random_bytes(config.seed, config.seed_len);
	for (i = 0; !err && i < ARRAY_SIZE(params); i++)
		err = qkd_link_add(&init_net, provider, &params[i], &config);
	memzero_explicit(&config, sizeof(config));
	return err;
}

static int __init qkd_sim_init(void)
{
	int err;

	qkd_sim_wq = alloc_workqueue("qkd_sim", WQ_UNBOUND, 0);
	if (!qkd_sim_wq)
		return -ENOMEM;
	provider = qkd_provider_register(&sim_ops);
	err = PTR_ERR_OR_ZERO(provider);
	if (!err && demo)
		err = add_demo_links();
	if (err) {
		qkd_provider_unregister(provider);
		destroy_workqueue(qkd_sim_wq);
	}
	return err;
}

static void __exit qkd_sim_exit(void)
{
	qkd_provider_unregister(provider);
	destroy_workqueue(qkd_sim_wq);
}

module_init(qkd_sim_init);
module_exit(qkd_sim_exit);

MODULE_DESCRIPTION("Simulated quantum-key-distribution links");
MODULE_LICENSE("GPL");
MODULE_SOFTDEP("pre: hmac sha256");
