// SPDX-License-Identifier: GPL-2.0-or-later
/* The simulator's own settings. */
#include <errno.h>
#include <netlink/attr.h>
#include <netlink/genl/genl.h>
#include "private.h"

/* Bytes of each; 0: not shown, or not for everybody to set. */
static const int widths[QKD_A_SIM_MAX + 1] = {
	[QKD_A_SIM_RATE] = 4,	      [QKD_A_SIM_QBER] = 4,	 [QKD_A_SIM_OUTAGE] = 1,
	[QKD_A_SIM_EAVESDROPPER] = 1, [QKD_A_SIM_JITTER] = 4,	 [QKD_A_SIM_FETCH_DELAY] = 4,
	[QKD_A_SIM_LOSS] = 4,	      [QKD_A_SIM_DUPLICATE] = 4, [QKD_A_SIM_REORDER] = 4,
	[QKD_A_SIM_FLIP] = 4,	      [QKD_A_SIM_BLOCK] = 8,
};

static uint64_t get_one(struct nlattr *attr)
{
	switch (nla_len(attr)) {
	case 8:
		return nla_get_u64(attr);
	case 4:
		return nla_get_u32(attr);
	default:
		return nla_get_u8(attr);
	}
}

int qkd_sim_parse(struct nlattr *nest, struct qkd_sim_settings *sim)
{
	struct nlattr *attrs[QKD_A_SIM_MAX + 1];

	if (nla_parse_nested(attrs, QKD_A_SIM_MAX, nest, NULL) < 0)
		return -EPROTO;
	for (int i = 0; i <= QKD_A_SIM_MAX; i++) {
		if (!attrs[i] || !widths[i])
			continue;
		if (nla_len(attrs[i]) != widths[i])
			return -EPROTO;
		qkd_sim_give(sim, i, get_one(attrs[i]));
	}
	return 0;
}

static int put_one(struct nl_msg *msg, int attr, uint64_t value)
{
	if (attr == QKD_A_SIM_UNPLUG)
		return value ? nla_put_flag(msg, attr) : 0;
	if (widths[attr] == 8)
		return nla_put_u64(msg, attr, value);
	return widths[attr] == 4 ? nla_put_u32(msg, attr, (uint32_t)value)
				 : nla_put_u8(msg, attr, (uint8_t)value);
}

int qkd_sim_put(struct nl_msg *msg, int seed_fd, const struct qkd_sim_settings *sim)
{
	struct nlattr *nest;

	if (seed_fd < 0 && !sim->given)
		return 0;
	nest = nla_nest_start(msg, QKD_A_LINK_CONFIG | NLA_F_NESTED);
	if (!nest)
		return -EMSGSIZE;
	if (seed_fd >= 0 && nla_put_s32(msg, QKD_A_SIM_SEED_FD, seed_fd) < 0)
		return -EMSGSIZE;
	for (int i = 0; i <= QKD_A_SIM_MAX; i++)
		if (qkd_sim_has(sim, i) && put_one(msg, i, sim->value[i]) < 0)
			return -EMSGSIZE;
	return nla_nest_end(msg, nest) < 0 ? -EMSGSIZE : 0;
}
