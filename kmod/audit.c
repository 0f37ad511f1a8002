// SPDX-License-Identifier: GPL-2.0-only
/*
 * What became of each key, told to whoever listens. A record is made under the link's lock, where
 * the key changes hands, into a ring; the provider's workqueue sends it. What finds the ring full,
 * or no memory for a message, is missed by its number, which counts on, listener or not.
 */
#include <linux/cred.h>
#include <linux/pid_namespace.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/timekeeping.h>

#include "qkd.h"
#include "trace.h"

#define RING_LEN  1024 /* records of a link that wait to be sent */
#define BATCH_LEN 32 /* records in a message */

static_assert(QKD_DIR_OUTBOUND == (int)QKD_OUTBOUND && QKD_DIR_INBOUND == (int)QKD_INBOUND);

/* @pid and @uid are who did it, where @by_task says that somebody did. */
struct qkd_audit_record {
	u64 seq;
	u64 time; /* real-time clock, ns */
	kuid_t uid;
	pid_t pid;
	bool by_task;
	u8 dir;
	u8 outcome;
	u8 id[QKD_KEY_ID_LEN];
	char comm[TASK_COMM_LEN];
};

/* The machine's administrators know processes by the machine's numbers, guests by their own. */
static pid_t actor_pid(const struct qkd_link *link)
{
	return link->guest ? task_tgid_vnr(current) : task_tgid_nr(current);
}

static void fill(struct qkd_audit_record *rec, const struct qkd_link *link,
		 const struct qkd_key *key, enum qkd_audit_outcome outcome)
{
	rec->seq = link->audit.seq;
	rec->time = ktime_get_real_ns();
	rec->dir = key->dir;
	rec->outcome = outcome;
	memcpy(rec->id, key->id, sizeof(rec->id));
	rec->by_task = outcome <= QKD_AUDIT_RELEASED;
	if (!rec->by_task)
		return;
	rec->uid = current_euid();
	rec->pid = actor_pid(link);
	/* Not get_task_comm(): up to 6.12 it takes a lock that is not for hard interrupts, as the link's is. */
	strscpy(rec->comm, current->comm, sizeof(rec->comm));
}

static void trace(const struct qkd_link *link, const struct qkd_key *key,
		  enum qkd_audit_outcome outcome)
{
	switch (outcome) {
	case QKD_AUDIT_TAKEN:
		trace_key_take(link, key->id, key->dir, 0);
		break;
	case QKD_AUDIT_RESERVED:
		trace_key_reserve(link, key->id, key->dir, 0);
		break;
	case QKD_AUDIT_COMMITTED:
		trace_key_commit(link, key->id, key->dir, 0);
		break;
	case QKD_AUDIT_RELEASED:
		trace_key_release(link, key->id, key->dir, 0);
		break;
	default:
		trace_key_gone(link, key->id, key->dir, outcome);
		break;
	}
}

/* With the link's lock held. Up to QKD_AUDIT_RELEASED by the task that does it. */
void qkd_audit_note(struct qkd_link *link, const struct qkd_key *key,
		    enum qkd_audit_outcome outcome)
{
	struct qkd_audit *audit = &link->audit;

	lockdep_assert_held(&link->lock);
	trace(link, key, outcome);
	audit->seq++;
	if (!qkd_netlink_audited(link->net->net) || audit->count == RING_LEN)
		return;
	fill(&audit->ring[(audit->first + audit->count++) % RING_LEN], link, key, outcome);
	if (!link->dead)
		queue_work(link->provider->wq, &audit->work);
}

/* Moves the oldest records to @batch. Return: how many. */
static unsigned int take_batch(struct qkd_link *link, struct qkd_audit_record *batch)
{
	struct qkd_audit *audit = &link->audit;
	unsigned int n;

	spin_lock_irq(&link->lock);
	for (n = 0; n < BATCH_LEN && audit->count; n++) {
		batch[n] = audit->ring[audit->first];
		audit->first = (audit->first + 1) % RING_LEN;
		audit->count--;
	}
	spin_unlock_irq(&link->lock);
	return n;
}

static int put_actor(struct sk_buff *skb, const struct qkd_audit_record *rec,
		     struct user_namespace *ns)
{
	if (!rec->by_task)
		return 0;
	return nla_put_u32(skb, QKD_A_RECORD_UID, from_kuid_munged(ns, rec->uid)) ?:
	       nla_put_u32(skb, QKD_A_RECORD_PID, rec->pid) ?:
	       nla_put_string(skb, QKD_A_RECORD_COMM, rec->comm);
}

static int put_record(struct sk_buff *skb, const struct qkd_audit_record *rec,
		      struct user_namespace *ns)
{
	struct nlattr *nest = nla_nest_start(skb, QKD_A_AUDIT_RECORD);

	if (!nest || nla_put_u64_64bit(skb, QKD_A_RECORD_SEQ, rec->seq, QKD_A_RECORD_PAD) ||
	    nla_put_u64_64bit(skb, QKD_A_RECORD_TIME, rec->time, QKD_A_RECORD_PAD) ||
	    nla_put(skb, QKD_A_RECORD_ID, sizeof(rec->id), rec->id) ||
	    nla_put_u8(skb, QKD_A_RECORD_DIRECTION, rec->dir) ||
	    nla_put_u8(skb, QKD_A_RECORD_OUTCOME, rec->outcome) || put_actor(skb, rec, ns))
		return -EMSGSIZE;
	nla_nest_end(skb, nest);
	return 0;
}

static size_t message_size(unsigned int records)
{
	const size_t record = nla_total_size(0) + 2 * nla_total_size_64bit(sizeof(u64)) +
			      nla_total_size(QKD_KEY_ID_LEN) + 2 * nla_total_size(sizeof(u8)) +
			      2 * nla_total_size(sizeof(u32)) + nla_total_size(TASK_COMM_LEN);

	return nla_total_size(QKD_LINK_NAME_LEN) + nla_total_size_64bit(sizeof(u64)) +
	       records * record;
}

static void send_batch(struct qkd_link *link, const struct qkd_audit_record *batch, unsigned int n)
{
	struct net *net = link->net->net;
	struct sk_buff *skb = genlmsg_new(message_size(n), GFP_KERNEL);
	unsigned int i;
	void *hdr;

	if (!skb)
		return;
	hdr = genlmsg_put(skb, 0, 0, &qkd_family, 0, QKD_CMD_AUDIT);
	if (!hdr || nla_put_string(skb, QKD_A_AUDIT_LINK, link->name) ||
	    nla_put_u64_64bit(skb, QKD_A_AUDIT_SERIAL, link->serial, QKD_A_AUDIT_PAD))
		goto err_free;
	for (i = 0; i < n; i++) {
		if (put_record(skb, &batch[i], net->user_ns))
			goto err_free;
	}
	genlmsg_end(skb, hdr);
	qkd_netlink_send_audit(net, skb);
	return;

err_free:
	nlmsg_free(skb);
}

/* Sends what there is. May sleep; not after the link has been closed. */
void qkd_audit_flush(struct qkd_link *link)
{
	struct qkd_audit *audit = &link->audit;
	unsigned int n;

	mutex_lock(&audit->lock);
	while ((n = take_batch(link, audit->batch)))
		send_batch(link, audit->batch, n);
	mutex_unlock(&audit->lock);
}

static void audit_work(struct work_struct *work)
{
	qkd_audit_flush(container_of(work, struct qkd_link, audit.work));
}

int qkd_audit_init(struct qkd_link *link)
{
	struct qkd_audit *audit = &link->audit;

	mutex_init(&audit->lock);
	INIT_WORK(&audit->work, audit_work);
	audit->ring = kvcalloc(RING_LEN + BATCH_LEN, sizeof(*audit->ring), GFP_KERNEL_ACCOUNT);
	if (!audit->ring)
		return -ENOMEM;
	audit->batch = audit->ring + RING_LEN;
	return 0;
}

/* The link is dead, its store empty: what is still to be told is told now. */
void qkd_audit_end(struct qkd_link *link)
{
	cancel_work_sync(&link->audit.work);
	qkd_audit_flush(link);
}

void qkd_audit_destroy(struct qkd_link *link)
{
	kvfree(link->audit.ring);
}
