// SPDX-License-Identifier: GPL-2.0-only
/* A link's life: made, opened by its provider, published, withdrawn, closed, freed. */
#include <linux/ctype.h>
#include <linux/export.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/user_namespace.h>
#include <linux/wait_bit.h>

#include "qkd.h"
#include "trace.h"

static bool is_name(const char *name)
{
	size_t len = strnlen(name, QKD_LINK_NAME_LEN);

	if (!len || len == QKD_LINK_NAME_LEN)
		return false;
	for (; *name; name++) {
		if (!isascii(*name) || (!isalnum(*name) && !strchr("._-", *name)))
			return false;
	}
	return true;
}

static bool is_sae(const char *sae)
{
	size_t len = strnlen(sae, QKD_SAE_ID_LEN_MAX + 1);

	if (!len || len > QKD_SAE_ID_LEN_MAX)
		return false;
	for (; *sae; sae++) {
		if (*sae < 0x20 || *sae > 0x7e)
			return false;
	}
	return true;
}

/* -EINVAL, with the reason in @extack; @attrs are the request's, NULL without one. */
int qkd_link_params_check(const struct qkd_link_params *params, struct user_namespace *user_ns,
			  struct nlattr **attrs, struct netlink_ext_ack *extack)
{
	struct qkd_link_settings settings;

	if (!is_name(params->name)) {
		NL_SET_ERR_MSG(extack, "a link's name is 1 to 31 of A-Z a-z 0-9 . _ -");
		return qkd_settings_refuse(attrs, QKD_A_LINK_NAME, extack);
	}
	if (!is_sae(params->local_sae)) {
		NL_SET_ERR_MSG(extack, "a SAE ID is 1 to 255 printable ASCII characters");
		return qkd_settings_refuse(attrs, QKD_A_LINK_LOCAL_SAE, extack);
	}
	if (!is_sae(params->remote_sae)) {
		NL_SET_ERR_MSG(extack, "a SAE ID is 1 to 255 printable ASCII characters");
		return qkd_settings_refuse(attrs, QKD_A_LINK_REMOTE_SAE, extack);
	}
	if (!strcmp(params->local_sae, params->remote_sae)) {
		NL_SET_ERR_MSG(extack, "the two ends need different SAE IDs");
		return qkd_settings_refuse(attrs, QKD_A_LINK_REMOTE_SAE, extack);
	}
	if (params->role > QKD_ROLE_B) {
		NL_SET_ERR_MSG(extack, "no such role");
		return qkd_settings_refuse(attrs, QKD_A_LINK_ROLE, extack);
	}
	if (params->capacity > QKD_CAPACITY_MAX) {
		NL_SET_ERR_MSG(extack, "capacity out of range");
		return qkd_settings_refuse(attrs, QKD_A_LINK_CAPACITY, extack);
	}
	qkd_settings_init(&settings, params);
	qkd_settings_apply(&settings, attrs);
	return qkd_settings_check(&settings, params->capacity ?: QKD_CAPACITY_DEFAULT, user_ns,
				  attrs, extack);
}

struct qkd_link *qkd_link_get(struct qkd_link *link)
{
	refcount_inc(&link->ref);
	return link;
}

void qkd_link_put(struct qkd_link *link)
{
	if (!refcount_dec_and_test(&link->ref))
		return;
	qkd_audit_destroy(link);
	qkd_store_destroy(&link->store);
	qkd_quota_destroy(&link->quota);
	put_user_ns(link->user_ns);
	qkd_net_put(link->net);
	kfree(link);
}

static struct qkd_link *link_alloc(struct qkd_net *qn, struct qkd_provider *provider,
				   const struct qkd_link_params *params, struct nlattr **attrs,
				   void *priv)
{
	struct qkd_link *link = kzalloc(sizeof(*link), GFP_KERNEL_ACCOUNT);
	struct qkd_link_settings settings;

	if (!link)
		return NULL;
	refcount_set(&link->ref, 1);
	link->provider = provider;
	strscpy(link->name, params->name, sizeof(link->name));
	strscpy(link->provider_name, provider->ops->name, sizeof(link->provider_name));
	strscpy(link->local_sae, params->local_sae, sizeof(link->local_sae));
	strscpy(link->remote_sae, params->remote_sae, sizeof(link->remote_sae));
	link->role = params->role;
	link->flags = provider->ops->flags;
	link->key_len = provider->ops->key_len;
	link->capacity = params->capacity ?: QKD_CAPACITY_DEFAULT;
	link->guest = qn->net->user_ns != &init_user_ns;
	link->priv = priv;
	mutex_init(&link->ops_lock);
	init_rwsem(&link->fetch_sem);
	link->closed = true;
	INIT_LIST_HEAD(&link->net_node);
	INIT_LIST_HEAD(&link->provider_node);
	if (qkd_store_init(&link->store, link->capacity))
		goto err_link;
	link->store.link = link;
	qkd_settings_init(&settings, params);
	qkd_settings_apply(&settings, attrs);
	if (settings.quota_rate && qkd_quota_prepare(&link->quota))
		goto err_store;
	if (qkd_audit_init(link))
		goto err_quota;
	link->user_ns = get_user_ns(qn->net->user_ns);
	qkd_flow_init(link, &settings);
	link->net = qkd_net_get(qn);
	return link;

err_quota:
	qkd_quota_destroy(&link->quota);
err_store:
	qkd_store_destroy(&link->store);
err_link:
	kfree(link);
	return NULL;
}

/* Links of guests, of all their namespaces. Covered by qkd_registry. */
static unsigned int guest_links;

static int check_place(const struct qkd_link *link, struct netlink_ext_ack *extack)
{
	const struct qkd_net *qn = link->net;
	const struct qkd_link *other;

	if (qn->dead || link->provider->dying)
		return -ENODEV;
	list_for_each_entry(other, &qn->links, net_node) {
		if (!strcmp(other->name, link->name)) {
			NL_SET_ERR_MSG(extack, "a link of this name exists");
			return -EEXIST;
		}
	}
	if (qn->count >= QKD_LINKS_MAX) {
		NL_SET_ERR_MSG(extack, "too many links in this namespace");
		return -ENOSPC;
	}
	if (link->guest && guest_links >= QKD_GUEST_LINKS_MAX) {
		NL_SET_ERR_MSG(extack, "too many links in users' own namespaces");
		return -ENOSPC;
	}
	return 0;
}

/* Takes the name, without showing the link yet. */
static int enlist(struct qkd_link *link, struct netlink_ext_ack *extack)
{
	static u64 last_serial;
	struct qkd_net *qn = link->net;
	int err;

	mutex_lock(&qkd_registry);
	err = check_place(link, extack);
	if (!err) {
		link->serial = ++last_serial;
		list_add_tail(&link->net_node, &qn->links);
		list_add_tail(&link->provider_node, &link->provider->links);
		qn->count++;
		guest_links += link->guest;
		atomic_inc(&qn->users);
	}
	mutex_unlock(&qkd_registry);
	return err;
}

/*
 * Nobody finds the link any more. The caller closes it, and with it goes the lists' reference; until
 * then it keeps its place in its namespace, so that its name is free only when its end is known.
 */
void qkd_link_withdraw_locked(struct qkd_link *link, struct list_head *doomed)
{
	lockdep_assert_held(&qkd_registry);
	link->published = false;
	list_move_tail(&link->provider_node, doomed);
	link->net->generation++;
}

static void give_up_place(struct qkd_link *link)
{
	mutex_lock(&qkd_registry);
	list_del_init(&link->net_node);
	link->net->count--;
	guest_links -= link->guest;
	mutex_unlock(&qkd_registry);
}

static int open_link(struct qkd_link *link, struct nlattr **config, struct netlink_ext_ack *extack)
{
	const struct qkd_provider_ops *ops = link->provider->ops;
	int err;

	if (!try_module_get(ops->owner))
		return -ENODEV;
	mutex_lock(&link->ops_lock);
	err = ops->link_open(link, config, extack);
	if (!err) {
		down_write(&link->fetch_sem);
		link->closed = false;
		up_write(&link->fetch_sem);
	}
	mutex_unlock(&link->ops_lock);
	module_put(ops->owner);
	return err;
}

static void close_link(struct qkd_link *link)
{
	mutex_lock(&link->ops_lock);
	if (!link->closed) {
		down_write(&link->fetch_sem);
		link->closed = true;
		up_write(&link->fetch_sem);
		link->provider->ops->link_close(link);
	}
	mutex_unlock(&link->ops_lock);
}

/* A provider's nest, which may be absent, by number; freed by the caller. Or ERR_PTR */
static struct nlattr **parse_config(const struct qkd_provider_ops *ops, struct nlattr *nest,
				    struct netlink_ext_ack *extack)
{
	struct nlattr **config = kcalloc(ops->config_max + 1, sizeof(*config), GFP_KERNEL);
	int err = 0;

	if (!config)
		return ERR_PTR(-ENOMEM);
	if (nest)
		err = nla_parse_nested(config, ops->config_max, nest, ops->config_policy, extack);
	if (!err)
		return config;
	kfree(config);
	return ERR_PTR(err);
}

/* @attrs is NULL for a link of the provider's own. */
static int open_with_config(struct qkd_link *link, struct nlattr **attrs,
			    struct netlink_ext_ack *extack)
{
	const struct qkd_provider_ops *ops = link->provider->ops;
	struct nlattr *nest = attrs ? attrs[QKD_A_LINK_CONFIG] : NULL;
	struct nlattr **config;
	int err;

	if (nest && !ops->config_policy) {
		NL_SET_ERR_MSG_ATTR(extack, nest, "the provider takes no configuration");
		return -EINVAL;
	}
	if (!attrs || !ops->config_policy)
		return open_link(link, NULL, extack);

	config = parse_config(ops, nest, extack);
	if (IS_ERR(config))
		return PTR_ERR(config);
	err = open_link(link, config, extack);
	kfree(config);
	return err;
}

static int configure(struct qkd_link *link, struct nlattr *nest, struct netlink_ext_ack *extack)
{
	const struct qkd_provider_ops *ops = link->provider->ops;
	struct nlattr **config;
	int err;

	if (!ops->configure) {
		NL_SET_ERR_MSG_ATTR(extack, nest, "the provider's settings cannot change");
		return -EOPNOTSUPP;
	}
	config = parse_config(ops, nest, extack);
	if (IS_ERR(config))
		return PTR_ERR(config);
	err = ops->configure(link, config, extack);
	kfree(config);
	return err;
}

/* The provider, which may refuse, is asked first; what follows cannot fail. */
static int set_locked(struct qkd_link *link, struct nlattr **attrs, struct netlink_ext_ack *extack)
{
	struct qkd_link_settings settings = link->settings;
	int err;

	qkd_settings_apply(&settings, attrs);
	err = qkd_settings_check(&settings, link->capacity, link->user_ns, attrs, extack);
	if (!err && settings.quota_rate)
		err = qkd_quota_prepare(&link->quota);
	if (!err && attrs[QKD_A_LINK_CONFIG])
		err = configure(link, attrs[QKD_A_LINK_CONFIG], extack);
	if (!err)
		qkd_link_settle(link, &settings);
	return err;
}

/* -ENODEV, -EINVAL, -EOPNOTSUPP, -ENOMEM, or what the provider says; then nothing has changed. */
int qkd_link_set(struct qkd_link *link, struct nlattr **attrs, struct netlink_ext_ack *extack)
{
	int err = -ENODEV;

	mutex_lock(&link->ops_lock);
	if (!link->closed)
		err = set_locked(link, attrs, extack);
	mutex_unlock(&link->ops_lock);
	return err;
}

/* -ENODEV, -EOPNOTSUPP, or what the provider says; then nothing has changed. */
int qkd_link_resync(struct qkd_link *link, u64 block, struct netlink_ext_ack *extack)
{
	const struct qkd_provider_ops *ops;
	int err = -ENODEV;

	mutex_lock(&link->ops_lock);
	if (!link->closed) {
		ops = link->provider->ops;
		err = ops->resync ? ops->resync(link, block, extack) : -EOPNOTSUPP;
		if (!ops->resync)
			NL_SET_ERR_MSG(extack, "the provider's keys are not numbered");
	}
	mutex_unlock(&link->ops_lock);
	return err;
}

/* Ends a link that is dead. May sleep; when it returns no callback of the link runs. */
static void end_link(struct qkd_link *link)
{
	struct qkd_net *qn = qkd_net_get(link->net);
	struct qkd_levels last;

	close_link(link);
	cancel_delayed_work_sync(&link->reap_work);
	cancel_delayed_work_sync(&link->wake_work);
	qkd_demand_end(link);
	qkd_link_last_levels(link, &last);
	qkd_audit_end(link);
	qkd_event_end(link, &last);
	trace_link_delete(link, 0);
	give_up_place(link);
	qkd_provider_unpin(link->provider);
	qkd_link_put(link);
	if (atomic_dec_and_test(&qn->users))
		wake_up_var(&qn->users);
	qkd_net_put(qn);
}

/* Ends links that have been withdrawn. No key waits for a provider that takes its time to close another link. */
void qkd_link_close_list(struct list_head *doomed)
{
	struct qkd_link *link, *next;

	list_for_each_entry(link, doomed, provider_node)
		qkd_flow_end(link);
	list_for_each_entry_safe(link, next, doomed, provider_node) {
		list_del_init(&link->provider_node);
		end_link(link);
	}
}

static void withdraw_and_end(struct qkd_link *link)
{
	LIST_HEAD(doomed);

	mutex_lock(&qkd_registry);
	qkd_link_withdraw_locked(link, &doomed);
	mutex_unlock(&qkd_registry);
	qkd_link_close_list(&doomed);
}

static int publish(struct qkd_link *link)
{
	int err = 0;

	mutex_lock(&qkd_registry);
	if (link->provider->dying || link->net->dead) {
		err = -ENODEV;
	} else {
		link->published = true;
		link->net->generation++;
		qkd_event_announce(link);
	}
	mutex_unlock(&qkd_registry);
	return err;
}

/*
 * Adds a link, checked parameters given. Takes over the caller's pin on @provider, on failure too.
 * -EEXIST, -ENODEV, -ENOSPC, -ENOMEM, -EINVAL, or what the provider says.
 */
int qkd_link_create(struct qkd_net *qn, struct qkd_provider *provider,
		    const struct qkd_link_params *params, struct nlattr **attrs, void *priv,
		    struct netlink_ext_ack *extack)
{
	struct qkd_link *link;
	int err = -ENOMEM;

	link = link_alloc(qn, provider, params, attrs, priv);
	if (!link)
		goto err_unpin;
	err = enlist(link, extack);
	if (err)
		goto err_put;

	qkd_link_get(link); /* once it is published somebody else may end it */
	err = open_with_config(link, attrs, extack);
	if (!err)
		err = publish(link);
	trace_link_add(link, err);
	if (err)
		withdraw_and_end(link);
	qkd_link_put(link);
	return err;

err_put:
	qkd_link_put(link);
err_unpin:
	qkd_provider_unpin(provider);
	return err;
}

int qkd_link_add(struct net *net, struct qkd_provider *provider,
		 const struct qkd_link_params *params, void *priv)
{
	int err;

	err = qkd_link_params_check(params, net->user_ns, NULL, NULL);
	if (err)
		return err;
	err = qkd_provider_pin_registered(provider);
	if (err)
		return err;
	return qkd_link_create(qkd_net_of(net), provider, params, NULL, priv, NULL);
}
EXPORT_SYMBOL_GPL(qkd_link_add);

/* -ENODEV: no such link. When it returns 0 the link has been closed. */
int qkd_link_delete(struct qkd_net *qn, const char *name)
{
	struct qkd_link *link;
	LIST_HEAD(doomed);

	mutex_lock(&qkd_registry);
	list_for_each_entry(link, &qn->links, net_node) {
		if (link->published && !strcmp(link->name, name)) {
			qkd_link_withdraw_locked(link, &doomed);
			break;
		}
	}
	mutex_unlock(&qkd_registry);
	if (list_empty(&doomed))
		return -ENODEV;
	qkd_link_close_list(&doomed);
	return 0;
}

/*
 * Asks the provider for an inbound key. 0; 1, it had been asked already; or if it will not come -ENOKEY or -EACCES;
 * -ENODEV.
 */
int qkd_link_fetch(struct qkd_link *link, const u8 *id)
{
	int err = -ENODEV;

	down_read(&link->fetch_sem);
	if (!link->closed) {
		const struct qkd_provider_ops *ops = link->provider->ops;

		err = ops->fetch ? ops->fetch(link, id) : 0;
		trace_provider_fetch(link, id, QKD_INBOUND, min(err, 0));
		if (err < 0 && err != -EACCES)
			err = -ENOKEY;
	}
	up_read(&link->fetch_sem);
	return err;
}

/* 0 or -EMSGSIZE; a provider that has nothing to tell, or has gone, adds nothing. */
int qkd_link_fill_config(struct qkd_link *link, struct sk_buff *skb)
{
	int err = 0;

	mutex_lock(&link->ops_lock);
	if (!link->closed && link->provider->ops->fill_config)
		err = link->provider->ops->fill_config(link, skb);
	mutex_unlock(&link->ops_lock);
	return err ? -EMSGSIZE : 0;
}

enum qkd_direction qkd_link_block_direction(const struct qkd_link *link, u64 block)
{
	bool odd = block & 1;

	return odd == (link->role == QKD_ROLE_B) ? QKD_OUTBOUND : QKD_INBOUND;
}
EXPORT_SYMBOL_GPL(qkd_link_block_direction);

void *qkd_link_priv(const struct qkd_link *link)
{
	return link->priv;
}
EXPORT_SYMBOL_GPL(qkd_link_priv);

void qkd_link_set_priv(struct qkd_link *link, void *priv)
{
	link->priv = priv;
}
EXPORT_SYMBOL_GPL(qkd_link_set_priv);

const struct qkd_provider_ops *qkd_link_ops(const struct qkd_link *link)
{
	return link->provider->ops;
}
EXPORT_SYMBOL_GPL(qkd_link_ops);

const char *qkd_link_name(const struct qkd_link *link)
{
	return link->name;
}
EXPORT_SYMBOL_GPL(qkd_link_name);

const char *qkd_link_local_sae(const struct qkd_link *link)
{
	return link->local_sae;
}
EXPORT_SYMBOL_GPL(qkd_link_local_sae);

const char *qkd_link_remote_sae(const struct qkd_link *link)
{
	return link->remote_sae;
}
EXPORT_SYMBOL_GPL(qkd_link_remote_sae);

u8 qkd_link_role(const struct qkd_link *link)
{
	return link->role;
}
EXPORT_SYMBOL_GPL(qkd_link_role);
