// SPDX-License-Identifier: GPL-2.0-only
/* What an administrator sets of a simulated link, and sees. */
#include <linux/capability.h>
#include <linux/stddef.h>
#include <net/netlink.h>

#include "sim.h"

/* Not const: the policies of 6.1 want them so. */
static struct netlink_range_validation rate_range = {
	.min = QKD_SIM_RATE_MIN,
	.max = QKD_SIM_RATE_MAX,
};

static struct netlink_range_validation qber_range = {
	.max = QKD_SIM_QBER_MAX,
};

const struct nla_policy qkd_sim_policy[QKD_A_SIM_MAX + 1] = {
	[QKD_A_SIM_SEED_FD] = NLA_POLICY_MIN(NLA_S32, 0),
	[QKD_A_SIM_RATE] = NLA_POLICY_FULL_RANGE(NLA_U32, &rate_range),
	[QKD_A_SIM_QBER] = NLA_POLICY_FULL_RANGE(NLA_U32, &qber_range),
};

#define KNOB(member)                                                               \
	{                                                                          \
		.there = true, .offset = offsetof(struct qkd_sim_settings, member) \
	}

static const struct knob {
	bool there;
	size_t offset;
} knobs[QKD_A_SIM_MAX + 1] = {
	[QKD_A_SIM_RATE] = KNOB(rate),
	[QKD_A_SIM_QBER] = KNOB(qber),
};

const struct qkd_sim_settings qkd_sim_defaults = {
	.rate = QKD_SIM_RATE_DEFAULT,
	.qber = QKD_SIM_QBER_DEFAULT,
};

/* A rate is processor time, of which any user could have as much as he likes in namespaces of his own. */
static int check_rate(struct nlattr *attr, struct netlink_ext_ack *extack)
{
	if (!attr || nla_get_u32(attr) <= QKD_SIM_RATE_DEFAULT || capable(CAP_NET_ADMIN))
		return 0;
	NL_SET_ERR_MSG_ATTR(extack, attr,
			    "a rate above the default is for the machine's administrator");
	return -EPERM;
}

/* What is not among @attrs stays as it is in @settings. */
int qkd_sim_settings_read(struct nlattr **attrs, struct qkd_sim_settings *settings,
			  struct netlink_ext_ack *extack)
{
	int err = check_rate(attrs[QKD_A_SIM_RATE], extack);
	int attr;

	if (err)
		return err;
	for (attr = 0; attr <= QKD_A_SIM_MAX; attr++) {
		u32 *value = (void *)settings + knobs[attr].offset;

		if (knobs[attr].there && attrs[attr])
			*value = nla_get_u32(attrs[attr]);
	}
	return 0;
}

int qkd_sim_settings_fill(const struct qkd_sim_settings *settings, struct sk_buff *skb)
{
	int attr;

	for (attr = 0; attr <= QKD_A_SIM_MAX; attr++) {
		const u32 *value = (const void *)settings + knobs[attr].offset;

		if (knobs[attr].there && nla_put_u32(skb, attr, *value))
			return -EMSGSIZE;
	}
	return 0;
}
