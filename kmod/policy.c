// SPDX-License-Identifier: GPL-2.0-only
/* The netlink family: data only. */
#include <linux/module.h>
#include <net/genetlink.h>

#include "qkd.h"

/* Not const: the policies of 6.1 want them so. */
static struct netlink_range_validation capacity_range = {
	.min = 1,
	.max = QKD_CAPACITY_MAX,
};

static struct netlink_range_validation ttl_range = {
	.max = QKD_TTL_MAX,
};

static struct netlink_range_validation qber_range = {
	.min = 1,
	.max = QKD_PPM,
};

static struct netlink_range_validation lease_range = {
	.min = 1,
	.max = QKD_LEASE_MAX,
};

static struct netlink_range_validation quota_rate_range = {
	.max = QKD_QUOTA_RATE_MAX,
};

static struct netlink_range_validation quota_burst_range = {
	.max = QKD_QUOTA_BURST_MAX,
};

static const struct nla_policy provider_policy[QKD_A_PROVIDER_NAME + 1] = {
	[QKD_A_PROVIDER_NAME] = { .type = NLA_NUL_STRING, .len = QKD_LINK_NAME_LEN - 1 },
};

static const struct nla_policy link_name_policy[QKD_A_LINK_NAME + 1] = {
	[QKD_A_LINK_NAME] = { .type = NLA_NUL_STRING, .len = QKD_LINK_NAME_LEN - 1 },
};

/* What is not listed is refused: state, flags, key length, statistics are the kernel's to say. */
static const struct nla_policy link_new_policy[QKD_A_LINK_MAX + 1] = {
	[QKD_A_LINK_NAME] = { .type = NLA_NUL_STRING, .len = QKD_LINK_NAME_LEN - 1 },
	[QKD_A_LINK_PROVIDER] = { .type = NLA_NUL_STRING, .len = QKD_LINK_NAME_LEN - 1 },
	[QKD_A_LINK_LOCAL_SAE] = { .type = NLA_NUL_STRING, .len = QKD_SAE_ID_LEN_MAX },
	[QKD_A_LINK_REMOTE_SAE] = { .type = NLA_NUL_STRING, .len = QKD_SAE_ID_LEN_MAX },
	[QKD_A_LINK_ROLE] = NLA_POLICY_MAX(NLA_U8, QKD_ROLE_B),
	[QKD_A_LINK_CAPACITY] = NLA_POLICY_FULL_RANGE(NLA_U32, &capacity_range),
	[QKD_A_LINK_TTL] = NLA_POLICY_FULL_RANGE(NLA_U32, &ttl_range),
	[QKD_A_LINK_LOW] = { .type = NLA_U32 },
	[QKD_A_LINK_QBER_MAX] = NLA_POLICY_FULL_RANGE(NLA_U32, &qber_range),
	[QKD_A_LINK_LEASE] = NLA_POLICY_FULL_RANGE(NLA_U32, &lease_range),
	[QKD_A_LINK_DEGRADE_AFTER] = { .type = NLA_U32 },
	[QKD_A_LINK_QUOTA_RATE] = NLA_POLICY_FULL_RANGE(NLA_U32, &quota_rate_range),
	[QKD_A_LINK_QUOTA_BURST] = NLA_POLICY_FULL_RANGE(NLA_U32, &quota_burst_range),
	[QKD_A_LINK_RESERVE] = { .type = NLA_U32 },
	[QKD_A_LINK_PRIORITY_GID] = { .type = NLA_U32 },
	[QKD_A_LINK_RAW] = NLA_POLICY_MAX(NLA_U32, 1),
	[QKD_A_LINK_CONFIG] = { .type = NLA_NESTED },
};

/* All else that a link has stays as it was added. */
static const struct nla_policy link_set_policy[QKD_A_LINK_MAX + 1] = {
	[QKD_A_LINK_NAME] = { .type = NLA_NUL_STRING, .len = QKD_LINK_NAME_LEN - 1 },
	[QKD_A_LINK_TTL] = NLA_POLICY_FULL_RANGE(NLA_U32, &ttl_range),
	[QKD_A_LINK_LOW] = { .type = NLA_U32 },
	[QKD_A_LINK_QBER_MAX] = NLA_POLICY_FULL_RANGE(NLA_U32, &qber_range),
	[QKD_A_LINK_LEASE] = NLA_POLICY_FULL_RANGE(NLA_U32, &lease_range),
	[QKD_A_LINK_DEGRADE_AFTER] = { .type = NLA_U32 },
	[QKD_A_LINK_QUOTA_RATE] = NLA_POLICY_FULL_RANGE(NLA_U32, &quota_rate_range),
	[QKD_A_LINK_QUOTA_BURST] = NLA_POLICY_FULL_RANGE(NLA_U32, &quota_burst_range),
	[QKD_A_LINK_RESERVE] = { .type = NLA_U32 },
	[QKD_A_LINK_PRIORITY_GID] = { .type = NLA_U32 },
	[QKD_A_LINK_RAW] = NLA_POLICY_MAX(NLA_U32, 1),
	[QKD_A_LINK_CONFIG] = { .type = NLA_NESTED },
};

/* A dump of sessions has them all: no attribute chooses. Without a highest one, any would be let pass. */
static const struct nla_policy session_policy[QKD_A_SESSION_PAD + 1];

static const struct nla_policy link_resync_policy[QKD_A_LINK_MAX + 1] = {
	[QKD_A_LINK_NAME] = { .type = NLA_NUL_STRING, .len = QKD_LINK_NAME_LEN - 1 },
	[QKD_A_LINK_BLOCK] = { .type = NLA_U64 },
};

static const struct genl_ops ops[] = {
	{
		.cmd = QKD_CMD_PROVIDER_GET,
		.doit = qkd_netlink_provider_get,
		.dumpit = qkd_netlink_provider_dump,
		.policy = provider_policy,
		.maxattr = QKD_A_PROVIDER_NAME,
	},
	{
		.cmd = QKD_CMD_LINK_GET,
		.doit = qkd_netlink_link_get,
		.dumpit = qkd_netlink_link_dump,
		.policy = link_name_policy,
		.maxattr = QKD_A_LINK_NAME,
	},
	{
		.cmd = QKD_CMD_SESSION_GET,
		.dumpit = qkd_netlink_session_dump,
		.policy = session_policy,
		.maxattr = QKD_A_SESSION_PAD,
	},
	{
		.cmd = QKD_CMD_LINK_NEW,
		.doit = qkd_netlink_link_new,
		.policy = link_new_policy,
		.maxattr = QKD_A_LINK_MAX,
		.flags = GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd = QKD_CMD_LINK_SET,
		.doit = qkd_netlink_link_set,
		.policy = link_set_policy,
		.maxattr = QKD_A_LINK_MAX,
		.flags = GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd = QKD_CMD_LINK_DEL,
		.doit = qkd_netlink_link_del,
		.policy = link_name_policy,
		.maxattr = QKD_A_LINK_NAME,
		.flags = GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd = QKD_CMD_LINK_RESYNC,
		.doit = qkd_netlink_link_resync,
		.policy = link_resync_policy,
		.maxattr = QKD_A_LINK_MAX,
		.flags = GENL_UNS_ADMIN_PERM,
	},
	{
		.cmd = QKD_CMD_LINK_PURGE,
		.doit = qkd_netlink_link_purge,
		.policy = link_name_policy,
		.maxattr = QKD_A_LINK_NAME,
		.flags = GENL_UNS_ADMIN_PERM,
	},
};

static const struct genl_multicast_group groups[] = {
	[QKD_GROUP_EVENTS] = { .name = QKD_GENL_MCGRP_EVENTS },
	[QKD_GROUP_AUDIT] = { .name = QKD_GENL_MCGRP_AUDIT, .flags = GENL_MCAST_CAP_NET_ADMIN },
};

/*
 * parallel_ops: a provider's callback may take its time, which must not be generic netlink's.
 * resv_start_op: the first command, so every one of them is checked strictly.
 */
struct genl_family qkd_family = {
	.name = QKD_GENL_NAME,
	.version = QKD_GENL_VERSION,
	.netnsok = true,
	.parallel_ops = true,
	.module = THIS_MODULE,
	.ops = ops,
	.n_ops = ARRAY_SIZE(ops),
	.mcgrps = groups,
	.n_mcgrps = ARRAY_SIZE(groups),
	.resv_start_op = QKD_CMD_PROVIDER_GET,
};
