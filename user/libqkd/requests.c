// SPDX-License-Identifier: GPL-2.0-or-later
/* The family's commands: providers and links. */
#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <netlink/attr.h>
#include <netlink/genl/genl.h>
#include "private.h"

/* A link that comes or goes during a dump spoils it; more often than this is an attack. */
#define DUMP_ATTEMPTS 16

/**
 * struct list - what a dump brought, kept until it is known to be whole
 * @parse: one message into one item
 * @item_size: its size
 * @items: the items
 * @count: how many
 */
struct list {
	int (*parse)(struct nlmsghdr *hdr, void *item);
	size_t item_size;
	char *items;
	size_t count;
};

static int list_append(struct nlmsghdr *hdr, void *arg)
{
	struct list *list = arg;
	char *items;
	int ret;

	items = reallocarray(list->items, list->count + 1, list->item_size);
	if (!items)
		return -ENOMEM;
	list->items = items;
	ret = list->parse(hdr, items + list->count * list->item_size);
	if (!ret)
		list->count++;
	return ret;
}

static int dump(struct qkd_nl *nl, uint8_t cmd, struct list *list)
{
	int ret = -EINTR;

	for (int i = 0; i < DUMP_ATTEMPTS && ret == -EINTR; i++) {
		struct nl_msg *msg = qkd_nl_request(nl, cmd, NLM_F_DUMP);

		if (!msg)
			return -ENOMEM;
		list->count = 0;
		ret = qkd_nl_run(nl, msg, list_append, list);
	}
	return ret == -EINTR ? -EAGAIN : ret;
}

static int parse_provider(struct nlmsghdr *hdr, void *item)
{
	return qkd_parse_provider(hdr, item);
}

static int parse_link(struct nlmsghdr *hdr, void *item)
{
	return qkd_parse_link(hdr, item);
}

int qkd_nl_provider_list(struct qkd_nl *nl, qkd_provider_cb cb, void *arg)
{
	struct list list = { .parse = parse_provider,
			     .item_size = sizeof(struct qkd_provider_info) };
	int ret = dump(nl, QKD_CMD_PROVIDER_GET, &list);

	for (size_t i = 0; i < list.count && !ret; i++)
		ret = cb((struct qkd_provider_info *)list.items + i, arg);
	free(list.items);
	return ret;
}

int qkd_nl_link_list(struct qkd_nl *nl, qkd_link_cb cb, void *arg)
{
	struct list list = { .parse = parse_link, .item_size = sizeof(struct qkd_link_info) };
	int ret = dump(nl, QKD_CMD_LINK_GET, &list);

	for (size_t i = 0; i < list.count && !ret; i++)
		ret = cb((struct qkd_link_info *)list.items + i, arg);
	free(list.items);
	return ret;
}

static int parse_session(struct nlmsghdr *hdr, void *item)
{
	return qkd_parse_session(hdr, item);
}

int qkd_nl_session_list(struct qkd_nl *nl, qkd_session_cb cb, void *arg)
{
	struct list list = { .parse = parse_session, .item_size = sizeof(struct qkd_session_info) };
	int ret = dump(nl, QKD_CMD_SESSION_GET, &list);

	for (size_t i = 0; i < list.count && !ret; i++)
		ret = cb((struct qkd_session_info *)list.items + i, arg);
	free(list.items);
	return ret;
}

/* A request about one link, @parse and @item as in qkd_nl_run(). */
static int link_command(struct qkd_nl *nl, uint8_t cmd, int flags, const char *name,
			qkd_nl_answer_cb parse, void *item)
{
	struct nl_msg *msg = qkd_nl_request(nl, cmd, flags);

	if (!msg)
		return -ENOMEM;
	if (nla_put_string(msg, QKD_A_LINK_NAME, name) < 0) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	return qkd_nl_run(nl, msg, parse, item);
}

int qkd_nl_link_get(struct qkd_nl *nl, const char *name, struct qkd_link_info *info)
{
	int ret;

	memset(info, 0, sizeof(*info));
	ret = link_command(nl, QKD_CMD_LINK_GET, NLM_F_ACK, name, parse_link, info);
	if (!ret && strcmp(info->name, name))
		return -EPROTO;
	return ret;
}

int qkd_nl_link_delete(struct qkd_nl *nl, const char *name)
{
	return link_command(nl, QKD_CMD_LINK_DEL, NLM_F_ACK, name, NULL, NULL);
}

int qkd_nl_link_purge(struct qkd_nl *nl, const char *name)
{
	return link_command(nl, QKD_CMD_LINK_PURGE, NLM_F_ACK, name, NULL, NULL);
}

int qkd_nl_link_resync(struct qkd_nl *nl, const char *name, uint64_t block)
{
	struct nl_msg *msg = qkd_nl_request(nl, QKD_CMD_LINK_RESYNC, NLM_F_ACK);

	if (!msg)
		return -ENOMEM;
	if (nla_put_string(msg, QKD_A_LINK_NAME, name) < 0 ||
	    nla_put_u64(msg, QKD_A_LINK_BLOCK, block) < 0) {
		nlmsg_free(msg);
		return -EMSGSIZE;
	}
	return qkd_nl_run(nl, msg, NULL, NULL);
}

static int put_optional_u32(struct nl_msg *msg, int type, const uint32_t *value)
{
	return value ? nla_put_u32(msg, type, *value) : 0;
}

/* Settings that both the adding and the changing of a link may name: where each has a pointer. */
static const struct {
	int attr;
	size_t request, change;
} settings[] = {
	{ QKD_A_LINK_TTL, offsetof(struct qkd_link_request, ttl_s),
	  offsetof(struct qkd_link_change, ttl_s) },
	{ QKD_A_LINK_LOW, offsetof(struct qkd_link_request, low),
	  offsetof(struct qkd_link_change, low) },
	{ QKD_A_LINK_QBER_MAX, offsetof(struct qkd_link_request, qber_max),
	  offsetof(struct qkd_link_change, qber_max) },
	{ QKD_A_LINK_LEASE, offsetof(struct qkd_link_request, lease_s),
	  offsetof(struct qkd_link_change, lease_s) },
	{ QKD_A_LINK_DEGRADE_AFTER, offsetof(struct qkd_link_request, degrade_after),
	  offsetof(struct qkd_link_change, degrade_after) },
	{ QKD_A_LINK_QUOTA_RATE, offsetof(struct qkd_link_request, quota_rate),
	  offsetof(struct qkd_link_change, quota_rate) },
	{ QKD_A_LINK_QUOTA_BURST, offsetof(struct qkd_link_request, quota_burst),
	  offsetof(struct qkd_link_change, quota_burst) },
	{ QKD_A_LINK_RESERVE, offsetof(struct qkd_link_request, reserve),
	  offsetof(struct qkd_link_change, reserve) },
	{ QKD_A_LINK_PRIORITY_GID, offsetof(struct qkd_link_request, priority_gid),
	  offsetof(struct qkd_link_change, priority_gid) },
	{ QKD_A_LINK_RAW, offsetof(struct qkd_link_request, raw),
	  offsetof(struct qkd_link_change, raw) },
};

#define SETTINGS (sizeof(settings) / sizeof(settings[0]))

static const uint32_t *pointer_at(const void *from, size_t at)
{
	return *(const uint32_t *const *)((const char *)from + at);
}

static int put_link(struct nl_msg *msg, const struct qkd_link_request *request)
{
	struct qkd_sim_settings sim = { 0 };

	if (request->sim)
		sim = *request->sim;

	if (nla_put_string(msg, QKD_A_LINK_NAME, request->name) < 0 ||
	    nla_put_string(msg, QKD_A_LINK_PROVIDER, request->provider) < 0 ||
	    nla_put_string(msg, QKD_A_LINK_LOCAL_SAE, request->local_sae) < 0 ||
	    nla_put_string(msg, QKD_A_LINK_REMOTE_SAE, request->remote_sae) < 0 ||
	    nla_put_u8(msg, QKD_A_LINK_ROLE, request->role) < 0 ||
	    put_optional_u32(msg, QKD_A_LINK_CAPACITY, request->capacity) < 0)
		return -EMSGSIZE;
	for (size_t i = 0; i < SETTINGS; i++)
		if (put_optional_u32(msg, settings[i].attr,
				     pointer_at(request, settings[i].request)) < 0)
			return -EMSGSIZE;
	if (request->sim_rate)
		qkd_sim_give(&sim, QKD_A_SIM_RATE, *request->sim_rate);
	return qkd_sim_put(msg, request->sim_seed_fd, &sim);
}

static int put_change(struct nl_msg *msg, const struct qkd_link_change *change)
{
	if (nla_put_string(msg, QKD_A_LINK_NAME, change->name) < 0)
		return -EMSGSIZE;
	for (size_t i = 0; i < SETTINGS; i++)
		if (put_optional_u32(msg, settings[i].attr,
				     pointer_at(change, settings[i].change)) < 0)
			return -EMSGSIZE;
	return qkd_sim_put(msg, -1, &change->sim);
}

/* Sends @msg if @put, which filled it, was well. */
static int send_filled(struct qkd_nl *nl, struct nl_msg *msg, int put)
{
	if (!put)
		return qkd_nl_run(nl, msg, NULL, NULL);
	nlmsg_free(msg);
	return put;
}

int qkd_nl_link_add(struct qkd_nl *nl, const struct qkd_link_request *request)
{
	struct nl_msg *msg;

	if (!request->name || !request->provider || !request->local_sae || !request->remote_sae)
		return -EINVAL;
	msg = qkd_nl_request(nl, QKD_CMD_LINK_NEW, NLM_F_ACK);
	return msg ? send_filled(nl, msg, put_link(msg, request)) : -ENOMEM;
}

int qkd_nl_link_set(struct qkd_nl *nl, const struct qkd_link_change *change)
{
	struct nl_msg *msg;

	if (!change->name)
		return -EINVAL;
	msg = qkd_nl_request(nl, QKD_CMD_LINK_SET, NLM_F_ACK);
	return msg ? send_filled(nl, msg, put_change(msg, change)) : -ENOMEM;
}
