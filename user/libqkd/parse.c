// SPDX-License-Identifier: GPL-2.0-or-later
/* Messages of the kernel into structures. A message that breaks the contract is refused whole. */
#include <errno.h>
#include <string.h>
#include <netlink/attr.h>
#include <netlink/genl/genl.h>
#include "private.h"

/* Lengths are exact: a wider integer is another contract, not a longer version of this one. */
#define EXACT(T, LEN)                                         \
	{                                                     \
		.type = (T), .minlen = (LEN), .maxlen = (LEN) \
	}
#define NAME                                                                 \
	{                                                                    \
		.type = NLA_STRING, .minlen = 2, .maxlen = QKD_LINK_NAME_LEN \
	}
#define SAE                                                                       \
	{                                                                         \
		.type = NLA_STRING, .minlen = 2, .maxlen = QKD_SAE_ID_LEN_MAX + 1 \
	}
#define COPY(FIELD, ATTR) memcpy((FIELD), nla_data(ATTR), nla_len(ATTR))

static struct nla_policy provider_policy[QKD_A_PROVIDER_MAX + 1] = {
	[QKD_A_PROVIDER_NAME] = NAME,
	[QKD_A_PROVIDER_FLAGS] = EXACT(NLA_U32, 4),
	[QKD_A_PROVIDER_LINKS] = EXACT(NLA_U32, 4),
};

static struct nla_policy link_policy[QKD_A_LINK_MAX + 1] = {
	[QKD_A_LINK_NAME] = NAME,
	[QKD_A_LINK_PROVIDER] = NAME,
	[QKD_A_LINK_LOCAL_SAE] = SAE,
	[QKD_A_LINK_REMOTE_SAE] = SAE,
	[QKD_A_LINK_ROLE] = EXACT(NLA_U8, 1),
	[QKD_A_LINK_CAPACITY] = EXACT(NLA_U32, 4),
	[QKD_A_LINK_TTL] = EXACT(NLA_U32, 4),
	[QKD_A_LINK_LOW] = EXACT(NLA_U32, 4),
	[QKD_A_LINK_STATE] = EXACT(NLA_U8, 1),
	[QKD_A_LINK_FLAGS] = EXACT(NLA_U32, 4),
	[QKD_A_LINK_KEY_LEN] = EXACT(NLA_U32, 4),
	[QKD_A_LINK_STATS] = { .type = NLA_NESTED },
	[QKD_A_LINK_CONFIG] = { .type = NLA_NESTED },
	[QKD_A_LINK_QBER_MAX] = EXACT(NLA_U32, 4),
	[QKD_A_LINK_QBER] = EXACT(NLA_U32, 4),
	[QKD_A_LINK_RATE] = EXACT(NLA_U32, 4),
};

static struct nla_policy event_policy[QKD_A_EVENT_MAX + 1] = {
	[QKD_A_EVENT_TYPE] = EXACT(NLA_U8, 1),
	[QKD_A_EVENT_LINK] = NAME,
	[QKD_A_EVENT_OUTBOUND] = EXACT(NLA_U32, 4),
	[QKD_A_EVENT_STATS] = { .type = NLA_NESTED },
};

static bool parse(struct nlmsghdr *hdr, uint8_t cmd, struct nlattr **attrs, int max,
		  struct nla_policy *policy)
{
	if (!genlmsg_valid_hdr(hdr, 0) || genlmsg_hdr(hdr)->cmd != cmd)
		return false;
	return genlmsg_parse(hdr, 0, attrs, max, policy) == 0;
}

int qkd_parse_provider(struct nlmsghdr *hdr, struct qkd_provider_info *info)
{
	struct nlattr *attrs[QKD_A_PROVIDER_MAX + 1];

	memset(info, 0, sizeof(*info));
	if (!parse(hdr, QKD_CMD_PROVIDER_GET, attrs, QKD_A_PROVIDER_MAX, provider_policy))
		return -EPROTO;
	if (!attrs[QKD_A_PROVIDER_NAME] || !attrs[QKD_A_PROVIDER_FLAGS] ||
	    !attrs[QKD_A_PROVIDER_LINKS])
		return -EPROTO;
	COPY(info->name, attrs[QKD_A_PROVIDER_NAME]);
	info->flags = nla_get_u32(attrs[QKD_A_PROVIDER_FLAGS]);
	info->links = nla_get_u32(attrs[QKD_A_PROVIDER_LINKS]);
	return 0;
}

static int parse_stats(struct nlattr *nest, struct qkd_link_stats *stats)
{
	struct nlattr *attrs[QKD_A_STATS_MAX + 1];

	if (nla_parse_nested(attrs, QKD_A_STATS_MAX, nest, NULL) < 0)
		return -EPROTO;
	for (int i = QKD_A_STATS_PAD + 1; i <= QKD_A_STATS_MAX; i++) {
		if (!attrs[i])
			continue;
		if (nla_len(attrs[i]) != sizeof(uint64_t))
			return -EPROTO;
		stats->value[i] = nla_get_u64(attrs[i]);
	}
	return 0;
}

static int parse_config(struct nlattr *nest, struct qkd_link_info *info)
{
	/* The nest is the provider's own: another provider's numbers mean something else. */
	return strcmp(info->provider, "sim") ? 0 : qkd_sim_parse(nest, &info->sim);
}

static uint32_t measured(struct nlattr *attr)
{
	return attr ? nla_get_u32(attr) : QKD_UNKNOWN;
}

static bool all_present(struct nlattr **attrs, int first, int last)
{
	for (int i = first; i <= last; i++)
		if (!attrs[i])
			return false;
	return true;
}

int qkd_parse_link(struct nlmsghdr *hdr, struct qkd_link_info *info)
{
	struct nlattr *attrs[QKD_A_LINK_MAX + 1];
	int ret;

	memset(info, 0, sizeof(*info));
	if (!parse(hdr, QKD_CMD_LINK_GET, attrs, QKD_A_LINK_MAX, link_policy))
		return -EPROTO;
	if (!all_present(attrs, QKD_A_LINK_NAME, QKD_A_LINK_STATS) || !attrs[QKD_A_LINK_QBER_MAX])
		return -EPROTO;
	COPY(info->name, attrs[QKD_A_LINK_NAME]);
	COPY(info->provider, attrs[QKD_A_LINK_PROVIDER]);
	COPY(info->local_sae, attrs[QKD_A_LINK_LOCAL_SAE]);
	COPY(info->remote_sae, attrs[QKD_A_LINK_REMOTE_SAE]);
	info->role = nla_get_u8(attrs[QKD_A_LINK_ROLE]);
	info->state = nla_get_u8(attrs[QKD_A_LINK_STATE]);
	info->flags = nla_get_u32(attrs[QKD_A_LINK_FLAGS]);
	info->key_len = nla_get_u32(attrs[QKD_A_LINK_KEY_LEN]);
	info->capacity = nla_get_u32(attrs[QKD_A_LINK_CAPACITY]);
	info->ttl_s = nla_get_u32(attrs[QKD_A_LINK_TTL]);
	info->low = nla_get_u32(attrs[QKD_A_LINK_LOW]);
	info->qber_max = nla_get_u32(attrs[QKD_A_LINK_QBER_MAX]);
	info->qber = measured(attrs[QKD_A_LINK_QBER]);
	info->rate = measured(attrs[QKD_A_LINK_RATE]);
	ret = parse_stats(attrs[QKD_A_LINK_STATS], &info->stats);
	if (!ret && attrs[QKD_A_LINK_CONFIG])
		ret = parse_config(attrs[QKD_A_LINK_CONFIG], info);
	return ret;
}

int qkd_parse_event(struct nlmsghdr *hdr, struct qkd_event *event)
{
	struct nlattr *attrs[QKD_A_EVENT_MAX + 1];

	memset(event, 0, sizeof(*event));
	if (!parse(hdr, QKD_CMD_EVENT, attrs, QKD_A_EVENT_MAX, event_policy))
		return -EPROTO;
	if (!all_present(attrs, QKD_A_EVENT_TYPE, QKD_A_EVENT_OUTBOUND))
		return -EPROTO;
	event->type = nla_get_u8(attrs[QKD_A_EVENT_TYPE]);
	COPY(event->link, attrs[QKD_A_EVENT_LINK]);
	event->outbound = nla_get_u32(attrs[QKD_A_EVENT_OUTBOUND]);
	event->has_stats = attrs[QKD_A_EVENT_STATS];
	return event->has_stats ? parse_stats(attrs[QKD_A_EVENT_STATS], &event->stats) : 0;
}
