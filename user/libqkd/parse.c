// SPDX-License-Identifier: GPL-2.0-or-later
/* Messages of the kernel into structures. A message that breaks the contract is refused whole. */
#include <errno.h>
#include <stddef.h>
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
	[QKD_A_LINK_LEASE] = EXACT(NLA_U32, 4),
	[QKD_A_LINK_DEGRADE_AFTER] = EXACT(NLA_U32, 4),
	[QKD_A_LINK_QUOTA_RATE] = EXACT(NLA_U32, 4),
	[QKD_A_LINK_QUOTA_BURST] = EXACT(NLA_U32, 4),
	[QKD_A_LINK_RESERVE] = EXACT(NLA_U32, 4),
	[QKD_A_LINK_PRIORITY_GID] = EXACT(NLA_U32, 4),
	[QKD_A_LINK_RAW] = EXACT(NLA_U32, 4),
};

/* Settings that came later than the rest: a kernel that does not know one does not send it. */
static const struct {
	int attr;
	size_t at; /* of a uint32_t in struct qkd_link_info */
} late_settings[] = {
	{ QKD_A_LINK_LEASE, offsetof(struct qkd_link_info, lease_s) },
	{ QKD_A_LINK_DEGRADE_AFTER, offsetof(struct qkd_link_info, degrade_after) },
	{ QKD_A_LINK_QUOTA_RATE, offsetof(struct qkd_link_info, quota_rate) },
	{ QKD_A_LINK_QUOTA_BURST, offsetof(struct qkd_link_info, quota_burst) },
	{ QKD_A_LINK_RESERVE, offsetof(struct qkd_link_info, reserve) },
	{ QKD_A_LINK_PRIORITY_GID, offsetof(struct qkd_link_info, priority_gid) },
	{ QKD_A_LINK_RAW, offsetof(struct qkd_link_info, raw) },
};

static struct nla_policy event_policy[QKD_A_EVENT_MAX + 1] = {
	[QKD_A_EVENT_TYPE] = EXACT(NLA_U8, 1),
	[QKD_A_EVENT_LINK] = NAME,
	[QKD_A_EVENT_OUTBOUND] = EXACT(NLA_U32, 4),
	[QKD_A_EVENT_STATS] = { .type = NLA_NESTED },
};

static struct nla_policy audit_policy[QKD_A_AUDIT_MAX + 1] = {
	[QKD_A_AUDIT_LINK] = NAME,
	[QKD_A_AUDIT_SERIAL] = EXACT(NLA_U64, 8),
	[QKD_A_AUDIT_RECORD] = { .type = NLA_NESTED },
};

static struct nla_policy record_policy[QKD_A_RECORD_MAX + 1] = {
	[QKD_A_RECORD_SEQ] = EXACT(NLA_U64, 8),
	[QKD_A_RECORD_TIME] = EXACT(NLA_U64, 8),
	[QKD_A_RECORD_ID] = EXACT(NLA_UNSPEC, QKD_KEY_ID_LEN),
	[QKD_A_RECORD_DIRECTION] = EXACT(NLA_U8, 1),
	[QKD_A_RECORD_OUTCOME] = EXACT(NLA_U8, 1),
	[QKD_A_RECORD_UID] = EXACT(NLA_U32, 4),
	[QKD_A_RECORD_PID] = EXACT(NLA_U32, 4),
	[QKD_A_RECORD_COMM] = { .type = NLA_STRING,
				.minlen = 1,
				.maxlen = sizeof(((struct qkd_audit_record *)NULL)->comm) },
};

#define ADDRESS                                            \
	{                                                  \
		.minlen = 4, .maxlen = QKD_ADDRESS_LEN_MAX \
	}

static struct nla_policy session_policy[QKD_A_SESSION_MAX + 1] = {
	[QKD_A_SESSION_LINK] = NAME,
	[QKD_A_SESSION_ID] = EXACT(NLA_UNSPEC, QKD_KEY_ID_LEN),
	[QKD_A_SESSION_DIRECTION] = EXACT(NLA_U8, 1),
	[QKD_A_SESSION_SUITE] = EXACT(NLA_U16, 2),
	[QKD_A_SESSION_AGE] = EXACT(NLA_U64, 8),
	[QKD_A_SESSION_COOKIE] = EXACT(NLA_U64, 8),
	[QKD_A_SESSION_LOCAL_ADDR] = ADDRESS,
	[QKD_A_SESSION_LOCAL_PORT] = EXACT(NLA_U16, 2),
	[QKD_A_SESSION_REMOTE_ADDR] = ADDRESS,
	[QKD_A_SESSION_REMOTE_PORT] = EXACT(NLA_U16, 2),
	[QKD_A_SESSION_SEALED] = EXACT(NLA_FLAG, 0),
	[QKD_A_SESSION_GROUP] = EXACT(NLA_U16, 2),
	[QKD_A_SESSION_PEER] = { .type = NLA_STRING, .minlen = 1, .maxlen = QKD_PEER_LEN_MAX + 1 },
	[QKD_A_SESSION_TX_GENERATION] = EXACT(NLA_U32, 4),
	[QKD_A_SESSION_RX_GENERATION] = EXACT(NLA_U32, 4),
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

static void parse_late_settings(struct nlattr **attrs, struct qkd_link_info *info)
{
	for (size_t i = 0; i < sizeof(late_settings) / sizeof(late_settings[0]); i++) {
		const struct nlattr *attr = attrs[late_settings[i].attr];

		if (attr)
			*(uint32_t *)((char *)info + late_settings[i].at) = nla_get_u32(attr);
	}
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
	info->priority_gid = QKD_GID_NONE;
	info->raw = 1;
	parse_late_settings(attrs, info);
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

static int parse_record(struct nlattr *nest, struct qkd_audit_record *record)
{
	struct nlattr *attrs[QKD_A_RECORD_MAX + 1];

	if (nla_parse_nested(attrs, QKD_A_RECORD_MAX, nest, record_policy) < 0 ||
	    !all_present(attrs, QKD_A_RECORD_SEQ, QKD_A_RECORD_OUTCOME))
		return -EPROTO;
	record->seq = nla_get_u64(attrs[QKD_A_RECORD_SEQ]);
	record->time_ns = nla_get_u64(attrs[QKD_A_RECORD_TIME]);
	COPY(record->id, attrs[QKD_A_RECORD_ID]);
	record->direction = nla_get_u8(attrs[QKD_A_RECORD_DIRECTION]);
	record->outcome = nla_get_u8(attrs[QKD_A_RECORD_OUTCOME]);
	record->by_process = all_present(attrs, QKD_A_RECORD_UID, QKD_A_RECORD_COMM);
	memset(record->comm, 0, sizeof(record->comm));
	if (!record->by_process)
		return attrs[QKD_A_RECORD_UID] || attrs[QKD_A_RECORD_PID] ||
				       attrs[QKD_A_RECORD_COMM]
			       ? -EPROTO
			       : 0;
	record->uid = nla_get_u32(attrs[QKD_A_RECORD_UID]);
	record->pid = nla_get_u32(attrs[QKD_A_RECORD_PID]);
	COPY(record->comm, attrs[QKD_A_RECORD_COMM]);
	return 0;
}

/* All of the message's records, with @cb or, to see that they are well, without. */
static int each_record(struct nlmsghdr *hdr, struct qkd_audit_record *record, qkd_audit_cb cb,
		       void *arg)
{
	struct nlattr *attr;
	int left, ret;

	for (attr = genlmsg_attrdata(genlmsg_hdr(hdr), 0),
	    left = genlmsg_attrlen(genlmsg_hdr(hdr), 0);
	     nla_ok(attr, left); attr = nla_next(attr, &left)) {
		if (nla_type(attr) != QKD_A_AUDIT_RECORD)
			continue;
		ret = parse_record(attr, record);
		if (!ret && cb)
			ret = cb(record, arg);
		if (ret)
			return ret;
	}
	return 0;
}

int qkd_parse_audit(struct nlmsghdr *hdr, qkd_audit_cb cb, void *arg)
{
	struct nlattr *attrs[QKD_A_AUDIT_MAX + 1];
	struct qkd_audit_record record = { 0 };
	int ret;

	if (!parse(hdr, QKD_CMD_AUDIT, attrs, QKD_A_AUDIT_MAX, audit_policy))
		return -EPROTO;
	if (!all_present(attrs, QKD_A_AUDIT_LINK, QKD_A_AUDIT_MAX))
		return -EPROTO;
	COPY(record.link, attrs[QKD_A_AUDIT_LINK]);
	record.serial = nla_get_u64(attrs[QKD_A_AUDIT_SERIAL]);
	ret = each_record(hdr, &record, NULL, NULL);
	return ret ? ret : each_record(hdr, &record, cb, arg);
}

/* What only the kernel's own sessions have */
static int parse_sealed(struct nlattr **attrs, struct qkd_session_info *info)
{
	if (!attrs[QKD_A_SESSION_SEALED])
		return 0;
	if (!all_present(attrs, QKD_A_SESSION_SEALED, QKD_A_SESSION_RX_GENERATION))
		return -EPROTO;
	info->sealed = true;
	info->group = nla_get_u16(attrs[QKD_A_SESSION_GROUP]);
	COPY(info->peer, attrs[QKD_A_SESSION_PEER]);
	info->tx_generation = nla_get_u32(attrs[QKD_A_SESSION_TX_GENERATION]);
	info->rx_generation = nla_get_u32(attrs[QKD_A_SESSION_RX_GENERATION]);
	return 0;
}

int qkd_parse_session(struct nlmsghdr *hdr, struct qkd_session_info *info)
{
	struct nlattr *attrs[QKD_A_SESSION_MAX + 1];

	memset(info, 0, sizeof(*info));
	if (!parse(hdr, QKD_CMD_SESSION_GET, attrs, QKD_A_SESSION_MAX, session_policy) ||
	    !all_present(attrs, QKD_A_SESSION_LINK, QKD_A_SESSION_REMOTE_PORT))
		return -EPROTO;
	info->address_len = (size_t)nla_len(attrs[QKD_A_SESSION_LOCAL_ADDR]);
	if ((info->address_len != 4 && info->address_len != QKD_ADDRESS_LEN_MAX) ||
	    (size_t)nla_len(attrs[QKD_A_SESSION_REMOTE_ADDR]) != info->address_len)
		return -EPROTO;
	COPY(info->link, attrs[QKD_A_SESSION_LINK]);
	COPY(info->id, attrs[QKD_A_SESSION_ID]);
	info->direction = nla_get_u8(attrs[QKD_A_SESSION_DIRECTION]);
	info->suite = nla_get_u16(attrs[QKD_A_SESSION_SUITE]);
	info->age_ms = nla_get_u64(attrs[QKD_A_SESSION_AGE]);
	info->cookie = nla_get_u64(attrs[QKD_A_SESSION_COOKIE]);
	COPY(info->local, attrs[QKD_A_SESSION_LOCAL_ADDR]);
	COPY(info->remote, attrs[QKD_A_SESSION_REMOTE_ADDR]);
	info->local_port = nla_get_u16(attrs[QKD_A_SESSION_LOCAL_PORT]);
	info->remote_port = nla_get_u16(attrs[QKD_A_SESSION_REMOTE_PORT]);
	return parse_sealed(attrs, info);
}
