// SPDX-License-Identifier: GPL-2.0-only
/* Generic netlink requests, answers and events. <uapi/linux/qkd_netlink.h> is their reference. */
#include <net/genetlink.h>
#include <net/sock.h>

#include "compat.h"
#include "qkd.h"

/* Where a dump goes on: after the object of this serial number. */
struct dump_pos {
	u64 serial;
};

static struct dump_pos *dump_pos(struct netlink_callback *cb)
{
	BUILD_BUG_ON(sizeof(struct dump_pos) > sizeof(cb->ctx));
	return (struct dump_pos *)cb->ctx;
}

/* A dump has everything: a name, which would choose, belongs into a do request. */
static int dump_refuse_attr(struct netlink_callback *cb, unsigned int attr)
{
	struct nlattr **attrs = qkd_dump_attrs(cb);

	if (!attrs || !attrs[attr])
		return 0;
	NL_SET_ERR_MSG_ATTR(cb->extack, attrs[attr], "a dump takes no name");
	return -EINVAL;
}

static int put_provider(struct sk_buff *skb, const struct qkd_provider *provider,
			const struct qkd_net *qn)
{
	if (nla_put_string(skb, QKD_A_PROVIDER_NAME, provider->ops->name) ||
	    nla_put_u32(skb, QKD_A_PROVIDER_FLAGS, provider->ops->flags) ||
	    nla_put_u32(skb, QKD_A_PROVIDER_LINKS, qkd_provider_links(provider, qn)))
		return -EMSGSIZE;
	return 0;
}

int qkd_netlink_provider_get(struct sk_buff *skb, struct genl_info *info)
{
	const struct qkd_net *qn = qkd_net_of(genl_info_net(info));
	const struct qkd_provider *provider;
	struct sk_buff *reply;
	int err = -ENODEV;
	void *hdr;

	if (GENL_REQ_ATTR_CHECK(info, QKD_A_PROVIDER_NAME))
		return -EINVAL;
	reply = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!reply)
		return -ENOMEM;
	hdr = genlmsg_put_reply(reply, info, &qkd_family, 0, QKD_CMD_PROVIDER_GET);
	if (!hdr) {
		nlmsg_free(reply);
		return -EMSGSIZE;
	}

	mutex_lock(&qkd_registry);
	provider = qkd_provider_find(nla_data(info->attrs[QKD_A_PROVIDER_NAME]));
	if (provider)
		err = put_provider(reply, provider, qn);
	mutex_unlock(&qkd_registry);
	if (err) {
		if (err == -ENODEV)
			NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[QKD_A_PROVIDER_NAME],
					    "no such provider");
		nlmsg_free(reply);
		return err;
	}
	genlmsg_end(reply, hdr);
	return genlmsg_reply(reply, info);
}

static int dump_provider(struct sk_buff *skb, struct netlink_callback *cb,
			 const struct qkd_provider *provider, const struct qkd_net *qn)
{
	void *hdr = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq, &qkd_family,
				NLM_F_MULTI, QKD_CMD_PROVIDER_GET);

	if (!hdr)
		return -EMSGSIZE;
	genl_dump_check_consistent(cb, hdr);
	if (put_provider(skb, provider, qn)) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

int qkd_netlink_provider_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	const struct qkd_net *qn = qkd_net_of(sock_net(skb->sk));
	struct dump_pos *pos = dump_pos(cb);
	const struct qkd_provider *provider;
	int err = dump_refuse_attr(cb, QKD_A_PROVIDER_NAME);

	if (err)
		return err;
	mutex_lock(&qkd_registry);
	cb->seq = qkd_provider_generation();
	while ((provider = qkd_provider_next(pos->serial))) {
		err = dump_provider(skb, cb, provider, qn);
		if (err)
			break;
		pos->serial = provider->serial;
	}
	mutex_unlock(&qkd_registry);
	return skb->len ?: err;
}

static int put_stats(struct sk_buff *skb, int type, struct qkd_levels *levels)
{
	struct nlattr *nest = nla_nest_start(skb, type);
	int attr;

	if (!nest)
		return -EMSGSIZE;
	levels->stats[QKD_A_STATS_OUTBOUND_FRESH] = levels->outbound_fresh;
	levels->stats[QKD_A_STATS_INBOUND_FRESH] = levels->inbound_fresh;
	levels->stats[QKD_A_STATS_INBOUND_RESERVED] = levels->inbound_reserved;
	levels->stats[QKD_A_STATS_WAITERS] = levels->waiters;
	for (attr = QKD_A_STATS_OUTBOUND_FRESH; attr <= QKD_A_STATS_MAX; attr++) {
		if (nla_put_u64_64bit(skb, attr, levels->stats[attr], QKD_A_STATS_PAD)) {
			nla_nest_cancel(skb, nest);
			return -EMSGSIZE;
		}
	}
	nla_nest_end(skb, nest);
	return 0;
}

static int put_config(struct sk_buff *skb, struct qkd_link *link)
{
	struct nlattr *nest = nla_nest_start(skb, QKD_A_LINK_CONFIG);

	if (!nest)
		return -EMSGSIZE;
	if (qkd_link_fill_config(link, skb)) {
		nla_nest_cancel(skb, nest);
		return -EMSGSIZE;
	}
	nla_nest_end(skb, nest);
	return 0;
}

static int put_report(struct sk_buff *skb, const struct qkd_link_report *report)
{
	if (report->qber != QKD_REPORT_UNKNOWN && nla_put_u32(skb, QKD_A_LINK_QBER, report->qber))
		return -EMSGSIZE;
	if (report->rate != QKD_REPORT_UNKNOWN && nla_put_u32(skb, QKD_A_LINK_RATE, report->rate))
		return -EMSGSIZE;
	return 0;
}

/* -ENODEV: the link has gone meanwhile. */
static int put_link(struct sk_buff *skb, struct qkd_link *link)
{
	struct qkd_levels levels;
	int err = qkd_link_levels(link, &levels);

	if (err)
		return err;
	if (nla_put_string(skb, QKD_A_LINK_NAME, link->name) ||
	    nla_put_string(skb, QKD_A_LINK_PROVIDER, link->provider_name) ||
	    nla_put_string(skb, QKD_A_LINK_LOCAL_SAE, link->local_sae) ||
	    nla_put_string(skb, QKD_A_LINK_REMOTE_SAE, link->remote_sae) ||
	    nla_put_u8(skb, QKD_A_LINK_ROLE, link->role) ||
	    nla_put_u32(skb, QKD_A_LINK_CAPACITY, link->capacity) ||
	    qkd_settings_put(&levels.settings, skb) || put_report(skb, &levels.report) ||
	    nla_put_u8(skb, QKD_A_LINK_STATE, levels.state) ||
	    nla_put_u32(skb, QKD_A_LINK_FLAGS, link->flags) ||
	    nla_put_u32(skb, QKD_A_LINK_KEY_LEN, link->key_len))
		return -EMSGSIZE;
	return put_stats(skb, QKD_A_LINK_STATS, &levels) ?: put_config(skb, link);
}

int qkd_netlink_link_get(struct sk_buff *skb, struct genl_info *info)
{
	struct sk_buff *reply;
	struct qkd_link *link;
	int err = -EMSGSIZE;
	void *hdr;

	if (GENL_REQ_ATTR_CHECK(info, QKD_A_LINK_NAME))
		return -EINVAL;
	reply = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	if (!reply)
		return -ENOMEM;
	hdr = genlmsg_put_reply(reply, info, &qkd_family, 0, QKD_CMD_LINK_GET);
	if (!hdr)
		goto err_free;
	link = qkd_net_get_link(qkd_net_of(genl_info_net(info)),
				nla_data(info->attrs[QKD_A_LINK_NAME]));
	err = link ? put_link(reply, link) : -ENODEV;
	if (link)
		qkd_link_put(link);
	if (err == -ENODEV)
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[QKD_A_LINK_NAME], "no such link");
	if (err)
		goto err_free;
	genlmsg_end(reply, hdr);
	return genlmsg_reply(reply, info);

err_free:
	nlmsg_free(reply);
	return err;
}

/* A link that goes while it is looked at is left out; the next round finds that out. */
static int dump_link(struct sk_buff *skb, struct netlink_callback *cb, struct qkd_link *link)
{
	void *hdr = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq, &qkd_family,
				NLM_F_MULTI, QKD_CMD_LINK_GET);
	int err;

	if (!hdr)
		return -EMSGSIZE;
	genl_dump_check_consistent(cb, hdr);
	err = put_link(skb, link);
	if (err) {
		genlmsg_cancel(skb, hdr);
		return err == -ENODEV ? 0 : err;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

int qkd_netlink_link_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct qkd_net *qn = qkd_net_of(sock_net(skb->sk));
	struct dump_pos *pos = dump_pos(cb);
	struct qkd_link *link;
	u32 generation;
	int err = dump_refuse_attr(cb, QKD_A_LINK_NAME);

	while (!err && (link = qkd_net_get_next_link(qn, pos->serial, &generation))) {
		cb->seq = generation;
		err = dump_link(skb, cb, link);
		if (!err)
			pos->serial = link->serial;
		qkd_link_put(link);
	}
	if (!err)
		cb->seq = generation;
	return skb->len ?: err;
}

static const unsigned int link_new_required[] = {
	QKD_A_LINK_NAME,       QKD_A_LINK_PROVIDER, QKD_A_LINK_LOCAL_SAE,
	QKD_A_LINK_REMOTE_SAE, QKD_A_LINK_ROLE,
};

/* Any user is administrator of namespaces of his own; equipment is for the machine's. */
static struct qkd_provider *pin_provider(const struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *name = info->attrs[QKD_A_LINK_PROVIDER];
	struct qkd_provider *provider = qkd_provider_pin(nla_data(name));

	if (!provider) {
		NL_SET_ERR_MSG_ATTR(info->extack, name, "no such provider");
		return ERR_PTR(-ENODEV);
	}
	if (provider->ops->flags & QKD_LINK_F_SIMULATED || netlink_capable(skb, CAP_NET_ADMIN))
		return provider;
	qkd_provider_unpin(provider);
	NL_SET_ERR_MSG_ATTR(info->extack, name, "only the machine's administrator may use it");
	return ERR_PTR(-EPERM);
}

/* Memory for IDs is taken when the link is made, whether or not keys ever come. */
static int check_capacity(const struct sk_buff *skb, struct genl_info *info, u32 capacity)
{
	if (capacity <= QKD_CAPACITY_USER_MAX || netlink_capable(skb, CAP_NET_ADMIN))
		return 0;
	NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[QKD_A_LINK_CAPACITY],
			    "a capacity above 65536 is for the machine's administrator");
	return -EPERM;
}

/*
 * A provider asks what rights its caller has. Whoever has the machine's must have opened the socket too: else
 * anybody could open one and borrow the rights of a program that he has write to it.
 */
static int check_opener(const struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr *config = info->attrs[QKD_A_LINK_CONFIG];

	if (!config || !ns_capable_noaudit(&init_user_ns, CAP_NET_ADMIN) ||
	    netlink_capable(skb, CAP_NET_ADMIN))
		return 0;
	NL_SET_ERR_MSG_ATTR(info->extack, config, "somebody with fewer rights opened the socket");
	return -EPERM;
}

int qkd_netlink_link_new(struct sk_buff *skb, struct genl_info *info)
{
	struct qkd_link_params params;
	struct nlattr **attrs = info->attrs;
	struct qkd_provider *provider;
	int err;
	int i;

	for (i = 0; i < ARRAY_SIZE(link_new_required); i++) {
		if (GENL_REQ_ATTR_CHECK(info, link_new_required[i]))
			return -EINVAL;
	}
	params = (struct qkd_link_params){
		.name = nla_data(attrs[QKD_A_LINK_NAME]),
		.local_sae = nla_data(attrs[QKD_A_LINK_LOCAL_SAE]),
		.remote_sae = nla_data(attrs[QKD_A_LINK_REMOTE_SAE]),
		.role = nla_get_u8(attrs[QKD_A_LINK_ROLE]),
	};
	if (attrs[QKD_A_LINK_CAPACITY])
		params.capacity = nla_get_u32(attrs[QKD_A_LINK_CAPACITY]);
	err = qkd_link_params_check(&params, genl_info_net(info)->user_ns, attrs, info->extack);
	if (!err)
		err = check_capacity(skb, info, params.capacity);
	if (!err)
		err = check_opener(skb, info);
	if (err)
		return err;

	provider = pin_provider(skb, info);
	if (IS_ERR(provider))
		return PTR_ERR(provider);
	return qkd_link_create(qkd_net_of(genl_info_net(info)), provider, &params, attrs, NULL,
			       info->extack);
}

int qkd_netlink_link_del(struct sk_buff *skb, struct genl_info *info)
{
	int err;

	if (GENL_REQ_ATTR_CHECK(info, QKD_A_LINK_NAME))
		return -EINVAL;
	err = qkd_link_delete(qkd_net_of(genl_info_net(info)),
			      nla_data(info->attrs[QKD_A_LINK_NAME]));
	if (err)
		NL_SET_ERR_MSG_ATTR(info->extack, info->attrs[QKD_A_LINK_NAME], "no such link");
	return err;
}

/* The link that a request names, with a reference, or ERR_PTR: -EINVAL, -ENODEV. */
static struct qkd_link *named_link(struct genl_info *info)
{
	struct nlattr *name = info->attrs[QKD_A_LINK_NAME];
	struct qkd_link *link;

	if (GENL_REQ_ATTR_CHECK(info, QKD_A_LINK_NAME))
		return ERR_PTR(-EINVAL);
	link = qkd_net_get_link(qkd_net_of(genl_info_net(info)), nla_data(name));
	if (link)
		return link;
	NL_SET_ERR_MSG_ATTR(info->extack, name, "no such link");
	return ERR_PTR(-ENODEV);
}

int qkd_netlink_link_set(struct sk_buff *skb, struct genl_info *info)
{
	struct nlattr **attrs = info->attrs;
	struct qkd_link *link;
	int err;

	if (!qkd_settings_named(attrs) && !attrs[QKD_A_LINK_CONFIG]) {
		NL_SET_ERR_MSG(info->extack, "nothing to change");
		return -EINVAL;
	}
	err = check_opener(skb, info);
	if (err)
		return err;
	link = named_link(info);
	if (IS_ERR(link))
		return PTR_ERR(link);
	err = qkd_link_set(link, attrs, info->extack);
	qkd_link_put(link);
	return err;
}

int qkd_netlink_link_purge(struct sk_buff *skb, struct genl_info *info)
{
	struct qkd_link *link = named_link(info);

	if (IS_ERR(link))
		return PTR_ERR(link);
	qkd_link_purge(link);
	qkd_link_put(link);
	return 0;
}

int qkd_netlink_link_resync(struct sk_buff *skb, struct genl_info *info)
{
	struct qkd_link *link;
	int err;

	if (GENL_REQ_ATTR_CHECK(info, QKD_A_LINK_BLOCK))
		return -EINVAL;
	link = named_link(info);
	if (IS_ERR(link))
		return PTR_ERR(link);
	err = qkd_link_resync(link, nla_get_u64(info->attrs[QKD_A_LINK_BLOCK]), info->extack);
	qkd_link_put(link);
	return err;
}

/*
 * @last is a link's closing account, or NULL. An event that finds no memory, or a listener's queue
 * full, is lost.
 */
static void send_event(struct net *net, const char *link, enum qkd_event_type type, u32 outbound,
		       struct qkd_levels *last)
{
	struct sk_buff *skb = genlmsg_new(GENLMSG_DEFAULT_SIZE, GFP_KERNEL);
	void *hdr;

	if (!skb)
		return;
	hdr = genlmsg_put(skb, 0, 0, &qkd_family, 0, QKD_CMD_EVENT);
	if (!hdr || nla_put_u8(skb, QKD_A_EVENT_TYPE, type) ||
	    nla_put_string(skb, QKD_A_EVENT_LINK, link) ||
	    nla_put_u32(skb, QKD_A_EVENT_OUTBOUND, outbound) ||
	    (last && put_stats(skb, QKD_A_EVENT_STATS, last))) {
		nlmsg_free(skb);
		return;
	}
	genlmsg_end(skb, hdr);
	genlmsg_multicast_netns(&qkd_family, net, skb, 0, QKD_GROUP_EVENTS, GFP_KERNEL);
}

/* Whether anybody in the namespace listens to what becomes of keys. From any context. */
bool qkd_netlink_audited(struct net *net)
{
	return genl_has_listeners(&qkd_family, net, QKD_GROUP_AUDIT);
}

/* Takes @skb over. May sleep. */
void qkd_netlink_send_audit(struct net *net, struct sk_buff *skb)
{
	genlmsg_multicast_netns(&qkd_family, net, skb, 0, QKD_GROUP_AUDIT, GFP_KERNEL);
}

/* Both may sleep. */
void qkd_netlink_event(struct net *net, const char *link, enum qkd_event_type type, u32 outbound)
{
	send_event(net, link, type, outbound, NULL);
}

void qkd_netlink_link_gone(struct net *net, const char *link, struct qkd_levels *levels)
{
	send_event(net, link, QKD_EVENT_LINK_GONE, 0, levels);
}
