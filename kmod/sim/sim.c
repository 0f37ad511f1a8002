// SPDX-License-Identifier: GPL-2.0-only
/*
 * Provider "sim": links without QKD equipment. Whoever knows the seed knows every key, so each link
 * of it is marked as simulated.
 */
#include <linux/capability.h>
#include <linux/module.h>
#include <linux/moduleparam.h>
#include <linux/mutex.h>
#include <linux/random.h>
#include <net/net_namespace.h>

#include "sim.h"

#define DEMO_A "demo-a"
#define DEMO_B "demo-b"

static bool demo;
module_param(demo, bool, 0444);
MODULE_PARM_DESC(demo, "make the pair of links " DEMO_A " and " DEMO_B " with a random seed");

struct workqueue_struct *qkd_sim_wq;

/* Covers what follows. */
static DEFINE_MUTEX(plug_lock);
static struct qkd_provider *provider;
static bool leaving; /* the module ends */

static void replug(struct work_struct *work);
static DECLARE_WORK(replug_work, replug);

/* What a link is made of; on the stack of who reads it, wiped there. */
struct sim_config {
	struct qkd_sim_seed seed;
	struct qkd_sim_settings settings;
};

static int parse_config(struct nlattr **attrs, struct sim_config *config,
			struct netlink_ext_ack *extack)
{
	int err;

	if (attrs[QKD_A_SIM_UNPLUG]) {
		NL_SET_ERR_MSG_ATTR(extack, attrs[QKD_A_SIM_UNPLUG], "there is no link yet");
		return -EINVAL;
	}
	err = qkd_sim_settings_read(attrs, &config->settings, extack);

	if (err)
		return err;
	return qkd_sim_seed_read(attrs[QKD_A_SIM_SEED_FD], &config->seed, extack);
}

/* Without attributes it is a link of our own, whose private pointer is its configuration. */
static int sim_link_open(struct qkd_link *link, struct nlattr **attrs,
			 struct netlink_ext_ack *extack)
{
	struct sim_config config = { .settings = qkd_sim_defaults };
	struct qkd_sim_link *sim;
	int err = 0;

	if (attrs)
		err = parse_config(attrs, &config, extack);
	else
		memcpy(&config, qkd_link_priv(link), sizeof(config));
	if (!err) {
		sim = qkd_sim_link_start(link, &config.seed, &config.settings);
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
	struct qkd_sim_link *sim = qkd_link_priv(link);
	struct qkd_sim_settings settings = *qkd_sim_link_settings(sim);
	int err;

	if (attrs[QKD_A_SIM_SEED_FD]) {
		NL_SET_ERR_MSG_ATTR(extack, attrs[QKD_A_SIM_SEED_FD],
				    "a link keeps its seed: another one needs another link");
		return -EINVAL;
	}
	if (attrs[QKD_A_SIM_UNPLUG] && !capable(CAP_NET_ADMIN)) {
		NL_SET_ERR_MSG_ATTR(extack, attrs[QKD_A_SIM_UNPLUG],
				    "others' links end too: it is for the machine's administrator");
		return -EPERM;
	}
	err = qkd_sim_settings_read(attrs, &settings, extack);
	if (err)
		return err;
	qkd_sim_link_set(sim, &settings);
	/* By a work: a provider cannot go while one of its callbacks runs. */
	if (attrs[QKD_A_SIM_UNPLUG])
		queue_work(qkd_sim_wq, &replug_work);
	return 0;
}

static void sim_link_close(struct qkd_link *link)
{
	qkd_sim_link_stop(qkd_link_priv(link));
}

static int sim_resync(struct qkd_link *link, u64 block, struct netlink_ext_ack *extack)
{
	return qkd_sim_link_resync(qkd_link_priv(link), block, extack);
}

static int sim_fill_config(struct qkd_link *link, struct sk_buff *skb)
{
	struct qkd_sim_link *sim = qkd_link_priv(link);

	if (nla_put_u64_64bit(skb, QKD_A_SIM_BLOCK, qkd_sim_link_block(sim), QKD_A_SIM_PAD))
		return -EMSGSIZE;
	return qkd_sim_settings_fill(qkd_sim_link_settings(sim), skb);
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
	.config_policy = qkd_sim_policy,
	.config_max = QKD_A_SIM_MAX,
	.link_open = sim_link_open,
	.link_close = sim_link_close,
	.configure = sim_configure,
	.resync = sim_resync,
	.fill_config = sim_fill_config,
	.fetch = sim_fetch,
};

/* As if the device were pulled, at whatever moment, and another one plugged in. */
static void replug(struct work_struct *work)
{
	mutex_lock(&plug_lock);
	if (!leaving) {
		qkd_provider_unregister(provider);
		provider = qkd_provider_register(&sim_ops);
		if (IS_ERR(provider))
			pr_err("qkd_sim: not plugged in again: error %ld\n", PTR_ERR(provider));
	}
	mutex_unlock(&plug_lock);
}

static int __init add_demo_links(void)
{
	const struct qkd_link_params params[] = {
		{ .name = DEMO_A, .local_sae = DEMO_A, .remote_sae = DEMO_B, .role = QKD_ROLE_A },
		{ .name = DEMO_B, .local_sae = DEMO_B, .remote_sae = DEMO_A, .role = QKD_ROLE_B },
	};
	struct sim_config config = {
		.seed.len = QKD_SIM_SEED_LEN_MIN,
		.settings = qkd_sim_defaults,
	};
	int err = 0;
	int i;

	get_random_bytes(config.seed.bytes, config.seed.len);
	for (i = 0; !err && i < ARRAY_SIZE(params); i++)
		err = qkd_link_add(&init_net, provider, &params[i], &config);
	memzero_explicit(&config, sizeof(config));
	return err;
}

/* Also when the start fails half-way: a link that was added at once may have asked for replug(). */
static void unplug_for_good(void)
{
	mutex_lock(&plug_lock);
	leaving = true;
	mutex_unlock(&plug_lock);
	qkd_provider_unregister(provider);
	destroy_workqueue(qkd_sim_wq);
}

static int __init qkd_sim_init(void)
{
	int err = qkd_sim_selftest();

	if (err)
		return err;
	qkd_sim_wq = alloc_workqueue("qkd_sim", WQ_UNBOUND, 0);
	if (!qkd_sim_wq)
		return -ENOMEM;
	mutex_lock(&plug_lock);
	provider = qkd_provider_register(&sim_ops);
	err = PTR_ERR_OR_ZERO(provider);
	if (!err && demo)
		err = add_demo_links();
	mutex_unlock(&plug_lock);
	if (err)
		unplug_for_good();
	return err;
}

static void __exit qkd_sim_exit(void)
{
	unplug_for_good();
}

module_init(qkd_sim_init);
module_exit(qkd_sim_exit);

MODULE_DESCRIPTION("Simulated quantum-key-distribution links");
MODULE_LICENSE("GPL");
MODULE_SOFTDEP("pre: hmac sha256");
