// SPDX-License-Identifier: GPL-2.0-only
/* What an administrator sets of a simulated link, and sees. */
#include <linux/capability.h>
#include <linux/stddef.h>
#include <linux/string.h>
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

static struct netlink_range_validation ppm_range = {
	.max = QKD_PPM,
};

static struct netlink_range_validation delay_range = {
	.max = QKD_SIM_DELAY_MAX,
};

const struct nla_policy qkd_sim_policy[QKD_A_SIM_MAX + 1] = {
	[QKD_A_SIM_SEED_FD] = NLA_POLICY_MIN(NLA_S32, 0),
	[QKD_A_SIM_RATE] = NLA_POLICY_FULL_RANGE(NLA_U32, &rate_range),
	[QKD_A_SIM_QBER] = NLA_POLICY_FULL_RANGE(NLA_U32, &qber_range),
	[QKD_A_SIM_OUTAGE] = NLA_POLICY_MAX(NLA_U8, 1),
	[QKD_A_SIM_EAVESDROPPER] = NLA_POLICY_MAX(NLA_U8, 1),
	[QKD_A_SIM_JITTER] = NLA_POLICY_FULL_RANGE(NLA_U32, &delay_range),
	[QKD_A_SIM_FETCH_DELAY] = NLA_POLICY_FULL_RANGE(NLA_U32, &delay_range),
	[QKD_A_SIM_LOSS] = NLA_POLICY_FULL_RANGE(NLA_U32, &ppm_range),
	[QKD_A_SIM_DUPLICATE] = NLA_POLICY_FULL_RANGE(NLA_U32, &ppm_range),
	[QKD_A_SIM_REORDER] = NLA_POLICY_FULL_RANGE(NLA_U32, &ppm_range),
	[QKD_A_SIM_FLIP] = NLA_POLICY_FULL_RANGE(NLA_U32, &ppm_range),
	[QKD_A_SIM_UNPLUG] = { .type = NLA_FLAG },
};

#define KNOB(member)                                                       \
	{                                                                  \
		.offset = offsetof(struct qkd_sim_settings, member),       \
		.size = sizeof(((struct qkd_sim_settings *)NULL)->member), \
	}

/* Where a setting is; what has no size is none. */
static const struct knob {
	size_t offset;
	size_t size;
} knobs[QKD_A_SIM_MAX + 1] = {
	[QKD_A_SIM_RATE] = KNOB(rate),	     [QKD_A_SIM_QBER] = KNOB(qber),
	[QKD_A_SIM_OUTAGE] = KNOB(outage),   [QKD_A_SIM_EAVESDROPPER] = KNOB(eavesdropper),
	[QKD_A_SIM_JITTER] = KNOB(jitter),   [QKD_A_SIM_FETCH_DELAY] = KNOB(fetch_delay),
	[QKD_A_SIM_LOSS] = KNOB(loss),	     [QKD_A_SIM_DUPLICATE] = KNOB(duplicate),
	[QKD_A_SIM_REORDER] = KNOB(reorder), [QKD_A_SIM_FLIP] = KNOB(flip),
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
	/* The policy has seen to it that an attribute has the width of its setting. */
	for (attr = 0; attr <= QKD_A_SIM_MAX; attr++) {
		if (knobs[attr].size && attrs[attr])
			memcpy((void *)settings + knobs[attr].offset, nla_data(attrs[attr]),
			       knobs[attr].size);
	}
	return 0;
}

int qkd_sim_settings_fill(const struct qkd_sim_settings *settings, struct sk_buff *skb)
{
	int attr;

	for (attr = 0; attr <= QKD_A_SIM_MAX; attr++) {
		if (knobs[attr].size && nla_put(skb, attr, knobs[attr].size,
						(const void *)settings + knobs[attr].offset))
			return -EMSGSIZE;
	}
	return 0;
}
