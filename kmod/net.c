// SPDX-License-Identifier: GPL-2.0-only
/* The links of each network namespace. */
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/wait_bit.h>
#include <net/net_namespace.h>
#include <net/netns/generic.h>

#include "qkd.h"

static unsigned int net_id;

/* Valid while the caller keeps the namespace. */
struct qkd_net *qkd_net_of(struct net *net)
{
	return *(struct qkd_net **)net_generic(net, net_id);
}

struct qkd_net *qkd_net_get(struct qkd_net *qn)
{
	refcount_inc(&qn->ref);
	return qn;
}

void qkd_net_put(struct qkd_net *qn)
{
	if (refcount_dec_and_test(&qn->ref))
		kfree(qn);
}

/* All three return a link with a reference, or NULL or an ERR_PTR. */
struct qkd_link *qkd_net_get_link(struct qkd_net *qn, const char *name)
{
	struct qkd_link *link, *found = NULL;

	mutex_lock(&qkd_registry);
	list_for_each_entry(link, &qn->links, net_node) {
		if (link->published && !strcmp(link->name, name)) {
			found = qkd_link_get(link);
			break;
		}
	}
	mutex_unlock(&qkd_registry);
	return found;
}

struct qkd_link *qkd_net_get_only_link(struct qkd_net *qn)
{
	struct qkd_link *link, *found = NULL;
	unsigned int n = 0;

	mutex_lock(&qkd_registry);
	list_for_each_entry(link, &qn->links, net_node) {
		if (link->published) {
			found = link;
			n++;
		}
	}
	if (n == 1)
		qkd_link_get(found);
	mutex_unlock(&qkd_registry);
	if (n == 1)
		return found;
	return ERR_PTR(n ? -EDESTADDRREQ : -ENODEV);
}

/* The first link published after the one of this serial number. */
struct qkd_link *qkd_net_get_next_link(struct qkd_net *qn, u64 serial, u32 *generation)
{
	struct qkd_link *link, *found = NULL;

	mutex_lock(&qkd_registry);
	*generation = qn->generation;
	list_for_each_entry(link, &qn->links, net_node) {
		if (link->published && link->serial > serial) {
			found = qkd_link_get(link);
			break;
		}
	}
	mutex_unlock(&qkd_registry);
	return found;
}

static int __net_init init_one(struct net *net)
{
	struct qkd_net **slot = net_generic(net, net_id);
	struct qkd_net *qn = kzalloc(sizeof(*qn), GFP_KERNEL);

	if (!qn)
		return -ENOMEM;
	refcount_set(&qn->ref, 1);
	qn->net = net;
	qn->generation = 1;
	INIT_LIST_HEAD(&qn->links);
	qkd_sessions_init(&qn->sessions);
	*slot = qn;
	return 0;
}

/* By now no task is in the namespace, so no link of it is being added. */
static void __net_exit exit_one(struct net *net)
{
	struct qkd_net *qn = qkd_net_of(net);
	struct qkd_link *link, *next;
	LIST_HEAD(doomed);

	mutex_lock(&qkd_registry);
	qn->dead = true;
	list_for_each_entry_safe(link, next, &qn->links, net_node) {
		if (link->published)
			qkd_link_withdraw_locked(link, &doomed);
	}
	mutex_unlock(&qkd_registry);

	qkd_sessions_end(&qn->sessions);
	qkd_link_close_list(&doomed);
	wait_var_event(&qn->users, !atomic_read(&qn->users));
	qkd_net_put(qn);
}

static struct pernet_operations net_ops = {
	.init = init_one,
	.exit = exit_one,
	.id = &net_id,
	.size = sizeof(struct qkd_net *),
};

int qkd_net_init(void)
{
	return register_pernet_subsys(&net_ops);
}

void qkd_net_exit(void)
{
	unregister_pernet_subsys(&net_ops);
}
