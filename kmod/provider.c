// SPDX-License-Identifier: GPL-2.0-only
/* Which providers there are. */
#include <linux/device.h>
#include <linux/export.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/wait_bit.h>

#include "qkd.h"
#include "trace.h"

/* Covers the lists of providers, namespaces' links and providers' links, and who is published. */
DEFINE_MUTEX(qkd_registry);

static LIST_HEAD(providers);
static u32 generation = 1;
static u64 last_serial;

static int check_ops(const struct qkd_provider_ops *ops)
{
	size_t len;

	if (!ops || !ops->name || !ops->link_open || !ops->link_close)
		return -EINVAL;
	len = strnlen(ops->name, QKD_LINK_NAME_LEN);
	if (!len || len == QKD_LINK_NAME_LEN)
		return -EINVAL;
	if (ops->key_len < QKD_KEY_LEN_MIN || ops->key_len > QKD_KEY_LEN_MAX)
		return -EINVAL;
	if (ops->flags & ~QKD_LINK_F_SIMULATED || !ops->config_policy != !ops->config_max)
		return -EINVAL;
	return 0;
}

struct qkd_provider *qkd_provider_find(const char *name)
{
	struct qkd_provider *provider;

	lockdep_assert_held(&qkd_registry);
	list_for_each_entry(provider, &providers, node) {
		if (!strcmp(provider->ops->name, name))
			return provider;
	}
	return NULL;
}

/* The first provider registered after the one of this serial number, or NULL. */
struct qkd_provider *qkd_provider_next(u64 serial)
{
	struct qkd_provider *provider;

	lockdep_assert_held(&qkd_registry);
	list_for_each_entry(provider, &providers, node) {
		if (provider->serial > serial)
			return provider;
	}
	return NULL;
}

u32 qkd_provider_generation(void)
{
	lockdep_assert_held(&qkd_registry);
	return generation;
}

unsigned int qkd_provider_links(const struct qkd_provider *provider, const struct qkd_net *qn)
{
	const struct qkd_link *link;
	unsigned int n = 0;

	lockdep_assert_held(&qkd_registry);
	list_for_each_entry(link, &provider->links, provider_node)
		n += link->published && link->net == qn;
	return n;
}

static void provider_free(struct qkd_provider *provider)
{
	if (provider->wq)
		destroy_workqueue(provider->wq);
	kfree(provider);
}

static int enlist(struct qkd_provider *provider)
{
	int err = 0;

	mutex_lock(&qkd_registry);
	if (qkd_provider_find(provider->ops->name)) {
		err = -EEXIST;
	} else {
		provider->serial = ++last_serial;
		list_add_tail(&provider->node, &providers);
		generation++;
	}
	mutex_unlock(&qkd_registry);
	return err;
}

struct qkd_provider *qkd_provider_register(const struct qkd_provider_ops *ops)
{
	struct qkd_provider *provider;
	int err = check_ops(ops);

	if (err)
		return ERR_PTR(err);
	provider = kzalloc(sizeof(*provider), GFP_KERNEL);
	if (!provider)
		return ERR_PTR(-ENOMEM);
	provider->ops = ops;
	INIT_LIST_HEAD(&provider->links);
	provider->wq = alloc_workqueue("qkd_%s", WQ_UNBOUND, 0, ops->name);
	err = provider->wq ? enlist(provider) : -ENOMEM;
	trace_provider_register(ops->name, err);
	if (!err)
		return provider;
	provider_free(provider);
	return ERR_PTR(err);
}
EXPORT_SYMBOL_GPL(qkd_provider_register);

static void unregister(void *provider)
{
	qkd_provider_unregister(provider);
}

struct qkd_provider *devm_qkd_provider_register(struct device *dev,
						const struct qkd_provider_ops *ops)
{
	struct qkd_provider *provider = qkd_provider_register(ops);
	int err;

	if (IS_ERR(provider))
		return provider;
	err = devm_add_action_or_reset(dev, unregister, provider);
	return err ? ERR_PTR(err) : provider;
}
EXPORT_SYMBOL_GPL(devm_qkd_provider_register);

void qkd_provider_unregister(struct qkd_provider *provider)
{
	struct qkd_link *link, *next;
	LIST_HEAD(doomed);

	if (IS_ERR_OR_NULL(provider))
		return;
	mutex_lock(&qkd_registry);
	provider->dying = true;
	list_del(&provider->node);
	generation++;
	list_for_each_entry_safe(link, next, &provider->links, provider_node) {
		if (!link->published)
			continue;
		qkd_event_provider_gone(link);
		qkd_link_withdraw_locked(link, &doomed);
	}
	mutex_unlock(&qkd_registry);

	qkd_link_close_list(&doomed);
	/* Links that others are opening or closing right now; an opener sees that we are dying. */
	wait_var_event(&provider->users, !atomic_read(&provider->users));
	trace_provider_unregister(provider->ops->name, 0);
	provider_free(provider);
}
EXPORT_SYMBOL_GPL(qkd_provider_unregister);

/* Keeps a provider until qkd_provider_unpin(), whatever happens to it. */
struct qkd_provider *qkd_provider_pin(const char *name)
{
	struct qkd_provider *provider;

	mutex_lock(&qkd_registry);
	provider = qkd_provider_find(name);
	if (provider)
		atomic_inc(&provider->users);
	mutex_unlock(&qkd_registry);
	return provider;
}

/* The same for a caller that knows it registered. */
int qkd_provider_pin_registered(struct qkd_provider *provider)
{
	int err = 0;

	mutex_lock(&qkd_registry);
	if (provider->dying)
		err = -ENODEV;
	else
		atomic_inc(&provider->users);
	mutex_unlock(&qkd_registry);
	return err;
}

void qkd_provider_unpin(struct qkd_provider *provider)
{
	/* The provider may be freed as soon as the count is 0: only its address is used then. */
	if (atomic_dec_and_test(&provider->users))
		wake_up_var(&provider->users);
}

/* Wipes every key of every link. */
void qkd_provider_purge_all(void)
{
	struct qkd_provider *provider;
	struct qkd_link *link;

	mutex_lock(&qkd_registry);
	list_for_each_entry(provider, &providers, node) {
		list_for_each_entry(link, &provider->links, provider_node)
			qkd_link_purge(link);
	}
	mutex_unlock(&qkd_registry);
}
