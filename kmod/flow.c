// SPDX-License-Identifier: GPL-2.0-only
/*
 * Keys on their way through a link: delivered by its provider, waited for and taken by files,
 * withdrawn by time, by purges and with the link.
 */
#include <linux/capability.h>
#include <linux/cred.h>
#include <linux/export.h>
#include <linux/jiffies.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/string.h>
#include <linux/timekeeping.h>
#include <linux/user_namespace.h>

#include "qkd.h"
#include "trace.h"

#define REAP_BATCH   128 /* keys handled per holding of a link's lock */
#define DRIVER_REAP  16 /* the same in a provider's call, which may be in a hard interrupt */
/*
 * Look-ups of IDs never seen, each of which makes the provider work, a second and at a time. A peer
 * that is ahead of this end makes one for each of its connections; more is a stranger's doing.
 */
#define LOOKUP_RATE  256
#define LOOKUP_BURST 1024

#define EVICT_BATCH 1024 /* keys looked at to make room */

/* No key is taken in while the machine is about to sleep or to end. */
static bool flow_is_shut;

void qkd_flow_shut(bool shut)
{
	WRITE_ONCE(flow_is_shut, shut);
}

/* With the link's lock held, when outbound keys may have come or gone, or their mark may have moved. */
static void tell_level(struct qkd_link *link)
{
	qkd_event_level(link);
	qkd_demand_note(link);
}

/* Has the next key that grows too old wiped, the next lease ended, in time; later ones then. */
static void arm_reaper(struct qkd_link *link)
{
	u64 next = qkd_store_next_end(&link->store);
	u64 now;

	if (!next || link->dead || (link->reap_at && link->reap_at <= next))
		return;
	now = ktime_get_coarse_boottime_ns();
	link->reap_at = next;
	mod_delayed_work(link->provider->wq, &link->reap_work,
			 nsecs_to_jiffies(next > now ? next - now : 0) + 1);
}

/*
 * Locks a link in whose store nothing is withdrawn or overdue. After a purge that may take a while,
 * of which the lock is held for a batch at a time.
 */
static void lock_reaped(struct qkd_link *link, struct list_head *gone) __acquires(&link->lock)
{
	spin_lock_irq(&link->lock);
	while (qkd_store_reap(&link->store, REAP_BATCH, gone)) {
		spin_unlock_irq(&link->lock);
		spin_lock_irq(&link->lock);
	}
}

static bool reap_some(struct qkd_link *link)
{
	LIST_HEAD(gone);
	bool more;

	spin_lock_irq(&link->lock);
	more = qkd_store_reap(&link->store, REAP_BATCH, &gone);
	tell_level(link);
	link->reap_at = 0;
	if (!more)
		arm_reaper(link);
	spin_unlock_irq(&link->lock);
	qkd_key_free_list(&gone);
	qkd_audit_flush(link);
	return more;
}

static void reap_work(struct work_struct *work)
{
	struct qkd_link *link = container_of(to_delayed_work(work), struct qkd_link, reap_work);

	while (reap_some(link))
		cond_resched();
}

/* Those who were told to wait for their quota look again. */
static void wake_work(struct work_struct *work)
{
	struct qkd_link *link = container_of(to_delayed_work(work), struct qkd_link, wake_work);

	spin_lock_irq(&link->lock);
	link->wake_at = 0;
	spin_unlock_irq(&link->lock);
	wake_up_interruptible_poll(&link->outbound_wq, EPOLLIN | EPOLLRDNORM);
}

static void wake_in(struct qkd_link *link, u64 now, u64 delay)
{
	if (link->dead || (link->wake_at && link->wake_at <= now + delay))
		return;
	link->wake_at = now + delay;
	mod_delayed_work(link->provider->wq, &link->wake_work, nsecs_to_jiffies(delay) + 1);
}

static void apply_settings(struct qkd_link *link, const struct qkd_link_settings *settings)
{
	link->settings = *settings;
	qkd_store_set_ttl(&link->store, (u64)settings->ttl_s * NSEC_PER_SEC);
	link->store.lease_ns = (u64)settings->lease_s * NSEC_PER_SEC;
	WRITE_ONCE(link->raw, settings->raw);
	link->priority_gid = make_kgid(link->user_ns, settings->priority_gid);
	qkd_quota_set(&link->quota, settings->quota_rate, settings->quota_burst);
}

void qkd_flow_init(struct qkd_link *link, const struct qkd_link_settings *settings)
{
	spin_lock_init(&link->lock);
	qkd_quota_init(&link->quota);
	apply_settings(link, settings);
	qkd_rate_set(&link->lookup_rate, LOOKUP_RATE, LOOKUP_BURST);
	qkd_bucket_fill_up(&link->lookups, &link->lookup_rate, ktime_get_coarse_boottime_ns());
	init_waitqueue_head(&link->outbound_wq);
	init_waitqueue_head(&link->inbound_wq);
	INIT_DELAYED_WORK(&link->reap_work, reap_work);
	INIT_DELAYED_WORK(&link->wake_work, wake_work);
	link->report = (struct qkd_link_report){
		.state = QKD_LINK_UP,
		.qber = QKD_REPORT_UNKNOWN,
		.rate = QKD_REPORT_UNKNOWN,
	};
	qkd_event_init(link);
	qkd_demand_init(link);
}

/* Under the link's ops_lock, while it is open. */
void qkd_link_settle(struct qkd_link *link, const struct qkd_link_settings *settings)
{
	lockdep_assert_held(&link->ops_lock);
	spin_lock_irq(&link->lock);
	apply_settings(link, settings);
	qkd_health_settle(link);
	tell_level(link);
	qkd_event_qber(link);
	spin_unlock_irq(&link->lock);
	/* What grows too old, or has been held too long, sooner than it would have. */
	mod_delayed_work(link->provider->wq, &link->reap_work, 0);
	/* A reserve or quota that let them have none may let them now. */
	wake_up_interruptible_poll(&link->outbound_wq, EPOLLIN | EPOLLRDNORM);
}

/* The link is dead from here on: waiters and files are told, keys wiped. */
void qkd_flow_end(struct qkd_link *link)
{
	LIST_HEAD(gone);
	bool more;

	do {
		spin_lock_irq(&link->lock);
		link->dead = true;
		more = qkd_store_drain(&link->store, REAP_BATCH, &gone);
		spin_unlock_irq(&link->lock);
		qkd_key_free_list(&gone);
		qkd_audit_flush(link);
		cond_resched();
	} while (more);
	wake_up_all(&link->outbound_wq);
	wake_up_all(&link->inbound_wq);
}

/* A key of zeros is no key but a sign that something is broken. */
static bool is_sound(const struct qkd_link *link, enum qkd_direction dir, const u8 *key, size_t len)
{
	return (dir == QKD_OUTBOUND || dir == QKD_INBOUND) && len == link->key_len &&
	       memchr_inv(key, 0, len);
}

/* A new key for the store, or ERR_PTR: -EINVAL, -ENOSPC, -ENOMEM; then it is counted. */
static struct qkd_key *new_key(struct qkd_link *link, enum qkd_direction dir, const u8 *key_id,
			       const u8 *material, size_t len)
{
	struct qkd_store *store = &link->store;
	struct qkd_key *key = ERR_PTR(-ENOSPC);

	if (!is_sound(link, dir, material, len)) {
		store->stats[QKD_A_STATS_REFUSED]++;
		return ERR_PTR(-EINVAL);
	}
	if (!READ_ONCE(flow_is_shut))
		key = qkd_store_alloc(store, dir, key_id, material, len, link->guest);
	if (IS_ERR(key))
		store->stats[QKD_A_STATS_DROPPED]++;
	return key;
}

static int deliver(struct qkd_link *link, struct qkd_key *key, struct list_head *gone)
{
	int err;

	qkd_store_reap(&link->store, DRIVER_REAP, gone);
	err = qkd_store_add(&link->store, key);
	if (err)
		list_add(&key->node, gone);
	tell_level(link);
	arm_reaper(link);
	return err;
}

int qkd_link_deliver(struct qkd_link *link, enum qkd_direction dir, const u8 key_id[QKD_KEY_ID_LEN],
		     const u8 *key, size_t len)
{
	struct qkd_key *new = ERR_PTR(-ENODEV);
	unsigned long irq;
	LIST_HEAD(gone);
	int err;

	spin_lock_irqsave(&link->lock, irq);
	if (!link->dead)
		new = new_key(link, dir, key_id, key, len);
	err = IS_ERR(new) ? PTR_ERR(new) : deliver(link, new, &gone);
	spin_unlock_irqrestore(&link->lock, irq);

	qkd_key_free_list(&gone);
	trace_key_deliver(link, key_id, dir, err);
	if (!err)
		wake_up_interruptible_poll(dir == QKD_OUTBOUND ? &link->outbound_wq
							       : &link->inbound_wq,
					   EPOLLIN | EPOLLRDNORM);
	return err;
}
EXPORT_SYMBOL_GPL(qkd_link_deliver);

/* What is still withdrawn or overdue after it is seen to by the link's own work. */
static void reap_for_driver(struct qkd_link *link, struct list_head *gone)
{
	qkd_store_reap(&link->store, DRIVER_REAP, gone);
	tell_level(link);
}

unsigned int qkd_link_room(struct qkd_link *link, enum qkd_direction dir)
{
	unsigned int room = 0;
	unsigned long irq;
	LIST_HEAD(gone);

	spin_lock_irqsave(&link->lock, irq);
	if (!link->dead) {
		reap_for_driver(link, &gone);
		room = qkd_store_room(&link->store, dir);
	}
	spin_unlock_irqrestore(&link->lock, irq);
	qkd_key_free_list(&gone);
	return room;
}
EXPORT_SYMBOL_GPL(qkd_link_room);

unsigned int qkd_link_make_room(struct qkd_link *link, unsigned int want)
{
	unsigned int room = 0;
	unsigned long irq;
	LIST_HEAD(gone);

	spin_lock_irqsave(&link->lock, irq);
	if (!link->dead) {
		reap_for_driver(link, &gone);
		qkd_store_evict(&link->store, want, EVICT_BATCH, &gone);
		room = qkd_store_room(&link->store, QKD_INBOUND);
	}
	spin_unlock_irqrestore(&link->lock, irq);
	qkd_key_free_list(&gone);
	return room;
}
EXPORT_SYMBOL_GPL(qkd_link_make_room);

void qkd_link_report(struct qkd_link *link, const struct qkd_link_report *report)
{
	u32 state = report->state == QKD_LINK_UP ? QKD_LINK_UP : QKD_LINK_DOWN;
	unsigned long irq;

	spin_lock_irqsave(&link->lock, irq);
	link->report = *report;
	link->report.state = state;
	qkd_health_settle(link);
	qkd_event_qber(link);
	spin_unlock_irqrestore(&link->lock, irq);
}
EXPORT_SYMBOL_GPL(qkd_link_report);

static void fill_record(struct qkd_record *rec, const struct qkd_key *key)
{
	memcpy(rec->key_id, key->id, sizeof(rec->key_id));
	rec->key_len = key->len;
	rec->reserved = 0;
	qkd_key_copy(key, rec->key);
}

/* @asker: who waits for an inbound key; NULL of an outbound one. Each direction has its own bound. */
static int enter_wait(struct qkd_link *link, struct qkd_asker *asker)
{
	unsigned int *waiters = &link->waiters[asker ? QKD_INBOUND : QKD_OUTBOUND];
	int err = 0;

	spin_lock_irq(&link->lock);
	if (*waiters >= QKD_WAITERS_MAX) {
		err = -EBUSY;
	} else {
		++*waiters;
		if (asker)
			list_add_tail(&asker->node, &link->askers);
	}
	spin_unlock_irq(&link->lock);
	return err;
}

static void leave_wait(struct qkd_link *link, struct qkd_asker *asker)
{
	spin_lock_irq(&link->lock);
	link->waiters[asker ? QKD_INBOUND : QKD_OUTBOUND]--;
	if (asker)
		list_del(&asker->node);
	spin_unlock_irq(&link->lock);
}

/*
 * Who takes an outbound key: the user who calls, not the one who opened the file, since it is his doing
 * that keys get fewer and he whom a reserve is to hold back: a daemon opens the file and hands it to
 * workers with fewer rights. By his real user ID: a program that changes its effective one goes on at the
 * expense of who started it.
 */
struct taker {
	struct qkd_spent *spent; /* where to note it; NULL of who only looks */
	kuid_t uid;
	bool priority;
	bool kept_back; /* there are keys, and it takes priority to get one */
};

/* May sleep. May the caller take the last keys? */
static bool has_priority(struct qkd_link *link)
{
	kgid_t gid;

	spin_lock_irq(&link->lock);
	gid = link->priority_gid;
	spin_unlock_irq(&link->lock);
	return (gid_valid(gid) && in_group_p(gid)) ||
	       ns_capable_noaudit(link->user_ns, CAP_NET_ADMIN);
}

/* His bucket, NULL if there is no quota; @wait: nanoseconds until he may take a key. */
static struct qkd_bucket *look_at_quota(struct qkd_link *link, const struct taker *taker, u64 *wait)
{
	struct qkd_bucket *bucket;
	u64 now;

	*wait = 0;
	if (!link->quota.on)
		return NULL;
	now = ktime_get_boottime_ns();
	bucket = qkd_quota_bucket(&link->quota, taker->uid, now);
	*wait = qkd_bucket_wait(bucket, &link->quota.rate, now);
	return bucket;
}

/* Is there an outbound key for him? */
static bool has_key(struct qkd_link *link, struct taker *taker)
{
	u32 left = qkd_store_outbound(&link->store);

	taker->kept_back = left && left <= link->settings.reserve && !taker->priority;
	return left && !taker->kept_back;
}

static int take_locked(struct qkd_link *link, struct taker *taker, struct qkd_record *rec,
		       struct list_head *gone)
{
	struct qkd_bucket *bucket;
	struct qkd_key *key;
	u64 wait;

	bucket = look_at_quota(link, taker, &wait);
	if (wait) {
		link->store.stats[QKD_A_STATS_OVER_QUOTA]++;
		return -EDQUOT;
	}
	if (!has_key(link, taker))
		return -EAGAIN;
	key = qkd_store_take(&link->store, gone);
	fill_record(rec, key);
	qkd_spent_note(taker->spent, key->id, QKD_OUTBOUND);
	qkd_store_recycle(&link->store, key);
	if (bucket)
		qkd_bucket_take(bucket);
	return 0;
}

/* Also the condition of a wait, so called with the task marked as sleeping: must not sleep. */
static int take_now(struct qkd_link *link, struct taker *taker, struct qkd_record *rec)
{
	LIST_HEAD(gone);
	int err = -ENODEV;

	lock_reaped(link, &gone);
	if (!link->dead)
		err = take_locked(link, taker, rec, &gone);
	tell_level(link);
	spin_unlock_irq(&link->lock);
	if (!list_empty(&gone))
		qkd_key_free_list(&gone);
	return err;
}

/*
 * Spends the next outbound key. @timeout in jiffies, 0 for none. -EAGAIN, -ETIMEDOUT, -EINTR,
 * -EBUSY, -EDQUOT, -ENODEV. Every waiter is woken by a key and all but one go back to sleep: with the
 * bound on their number that is cheap enough, and no wake-up can be lost with a waiter that leaves.
 */
static int take_or_wait(struct qkd_link *link, struct qkd_spent *spent, long timeout,
			struct qkd_record *rec)
{
	struct taker taker = { .spent = spent, .uid = current_uid() };
	int err = take_now(link, &taker, rec);
	long left;

	if (err == -EAGAIN && (timeout || taker.kept_back)) {
		taker.priority = has_priority(link);
		err = take_now(link, &taker, rec);
	}
	if (err != -EAGAIN || !timeout)
		return err;
	err = enter_wait(link, NULL);
	if (err)
		return err;
	left = wait_event_interruptible_timeout(
		link->outbound_wq, (err = take_now(link, &taker, rec)) != -EAGAIN, timeout);
	leave_wait(link, NULL);
	if (err != -EAGAIN)
		return err;
	return left < 0 ? -EINTR : -ETIMEDOUT;
}

int qkd_link_take(struct qkd_link *link, struct qkd_spent *spent, long timeout,
		  struct qkd_record *rec)
{
	int err = take_or_wait(link, spent, timeout, rec);

	if (err)
		trace_key_take(link, NULL, QKD_OUTBOUND, err);
	return err;
}

/* What poll() says to who calls now: EPOLLIN if he could take a key. Over his quota he is woken later. */
__poll_t qkd_link_poll(struct qkd_link *link)
{
	struct taker taker = { .uid = current_uid() };
	__poll_t mask = EPOLLHUP;
	LIST_HEAD(gone);
	u64 wait;

	lock_reaped(link, &gone);
	tell_level(link);
	if (!link->dead) {
		mask = has_key(link, &taker) || taker.kept_back ? EPOLLIN | EPOLLRDNORM : 0;
		look_at_quota(link, &taker, &wait);
		if (wait && mask) {
			mask = 0;
			wake_in(link, ktime_get_boottime_ns(), wait);
		}
	}
	spin_unlock_irq(&link->lock);
	qkd_key_free_list(&gone);
	return mask && taker.kept_back && !has_priority(link) ? 0 : mask;
}

/* As take_now(), for one inbound key. -ENOENT if the ID was never seen. */
static int reserve_now(struct qkd_link *link, struct qkd_holder *holder, const u8 *id,
		       struct qkd_record *rec)
{
	struct qkd_key *key;
	LIST_HEAD(gone);
	int err = -ENODEV;

	spin_lock_irq(&link->lock);
	if (!link->dead) {
		err = qkd_store_reserve(&link->store, id, holder, &key, &gone);
		if (!err) {
			fill_record(rec, key);
			arm_reaper(link);
		}
	}
	spin_unlock_irq(&link->lock);
	qkd_key_free_list(&gone);
	return err;
}

/*
 * An ID that is in no table of keys costs the provider work: only so many are asked for. Keys that are
 * here are found however many others are asked for.
 */
static int charge_lookup(struct qkd_link *link)
{
	u64 now = ktime_get_boottime_ns();
	int err = 0;

	spin_lock_irq(&link->lock);
	if (qkd_bucket_wait(&link->lookups, &link->lookup_rate, now)) {
		link->store.stats[QKD_A_STATS_LIMITED]++;
		err = -EBUSY;
	} else {
		qkd_bucket_take(&link->lookups);
	}
	spin_unlock_irq(&link->lock);
	return err;
}

/* The provider has been asked for this one already: that made it no work. */
static void refund_lookup(struct qkd_link *link)
{
	spin_lock_irq(&link->lock);
	qkd_bucket_put_back(&link->lookups, &link->lookup_rate);
	spin_unlock_irq(&link->lock);
}

static int reserve_wait(struct qkd_link *link, struct qkd_holder *holder, const u8 *id,
			long timeout, struct qkd_record *rec)
{
	struct qkd_asker asker = { .id = id, .until = jiffies + timeout };
	int fetched, err;
	long left;

	err = charge_lookup(link);
	if (!err)
		err = enter_wait(link, &asker);
	if (err)
		return err;
	fetched = qkd_link_fetch(link, id);
	if (fetched > 0)
		refund_lookup(link);
	/*
	 * Looks again even if the provider says that the key will not come: it may have delivered it
	 * after the first look and before it was asked.
	 */
	left = wait_event_interruptible_timeout(
		link->inbound_wq,
		(err = reserve_now(link, holder, id, rec)) != -ENOENT || READ_ONCE(asker.err),
		fetched < 0 ? 0 : timeout);
	leave_wait(link, &asker);
	if (err != -ENOENT)
		return err;
	if (fetched < 0)
		return fetched;
	return asker.err ?: left < 0 ? -EINTR : -ENOKEY;
}

/*
 * Reserves the inbound key of an ID for @holder. @timeout in jiffies, 0 for none; the provider is
 * asked in any case. -ENOKEY, -EACCES, -EKEYREVOKED, -EKEYEXPIRED, -EBUSY, -EINTR, -ENODEV.
 */
static int reserve_or_wait(struct qkd_link *link, struct qkd_holder *holder, const u8 *id,
			   long timeout, struct qkd_record *rec)
{
	int err = reserve_now(link, holder, id, rec);

	if (err == -ENOENT)
		err = reserve_wait(link, holder, id, timeout, rec);
	if (err == -ENOKEY || err == -EACCES)
		qkd_link_count(link, QKD_A_STATS_UNKNOWN);
	return err;
}

int qkd_link_reserve(struct qkd_link *link, struct qkd_holder *holder, const u8 *id, long timeout,
		     struct qkd_record *rec)
{
	int err = reserve_or_wait(link, holder, id, timeout, rec);

	if (err)
		trace_key_reserve(link, id, QKD_INBOUND, err);
	return err;
}

int qkd_link_commit(struct qkd_link *link, struct qkd_holder *holder, struct qkd_spent *spent,
		    const u8 *id)
{
	LIST_HEAD(gone);
	int err = -ENODEV;

	spin_lock_irq(&link->lock);
	if (!link->dead)
		err = qkd_store_commit(&link->store, id, holder, &gone);
	if (!err)
		qkd_health_match(link);
	if (!err && spent)
		qkd_spent_note(spent, id, QKD_INBOUND);
	spin_unlock_irq(&link->lock);
	qkd_key_free_list(&gone);
	if (err)
		trace_key_commit(link, id, QKD_INBOUND, err);
	return err;
}

/* @mismatch: the peer has proved nothing with it */
int qkd_link_release(struct qkd_link *link, struct qkd_holder *holder, const u8 *id, bool mismatch)
{
	LIST_HEAD(gone);
	int err = -ENODEV;

	spin_lock_irq(&link->lock);
	if (!link->dead)
		err = qkd_store_release(&link->store, id, holder, &gone);
	if (!err && mismatch)
		qkd_health_mismatch(link);
	spin_unlock_irq(&link->lock);
	qkd_key_free_list(&gone);
	if (err)
		trace_key_release(link, id, QKD_INBOUND, err);
	return err;
}

/* The holder goes. A dead link's keys are being wiped, or have been, and their holder forgotten. */
void qkd_link_release_all(struct qkd_link *link, struct qkd_holder *holder)
{
	LIST_HEAD(gone);
	bool more;

	do {
		spin_lock_irq(&link->lock);
		more = qkd_store_release_all(&link->store, holder, REAP_BATCH, &gone);
		spin_unlock_irq(&link->lock);
		qkd_key_free_list(&gone);
		cond_resched();
	} while (more);
}

void qkd_link_discard(struct qkd_link *link, enum qkd_direction dir)
{
	spin_lock_irq(&link->lock);
	qkd_store_new_generation(&link->store, dir);
	qkd_event_level(link);
	spin_unlock_irq(&link->lock);
	while (reap_some(link))
		cond_resched();
}
EXPORT_SYMBOL_GPL(qkd_link_discard);

/* Withdraws every key the link holds at this moment and wipes them. */
void qkd_link_purge(struct qkd_link *link)
{
	spin_lock_irq(&link->lock);
	qkd_store_new_generation(&link->store, QKD_OUTBOUND);
	qkd_store_new_generation(&link->store, QKD_INBOUND);
	qkd_event_level(link);
	spin_unlock_irq(&link->lock);
	while (reap_some(link))
		cond_resched();
}

void qkd_link_count(struct qkd_link *link, unsigned int stat)
{
	spin_lock_irq(&link->lock);
	link->store.stats[stat]++;
	spin_unlock_irq(&link->lock);
}

static void read_levels(const struct qkd_link *link, struct qkd_levels *levels)
{
	const struct qkd_store *store = &link->store;

	lockdep_assert_held(&link->lock);
	levels->settings = link->settings;
	levels->report = link->report;
	levels->state = link->state;
	levels->outbound_fresh = qkd_store_outbound(store);
	levels->inbound_fresh = store->count[QKD_INBOUND] - store->reserved;
	levels->inbound_reserved = store->reserved;
	levels->waiters = link->waiters[QKD_OUTBOUND] + link->waiters[QKD_INBOUND];
	memcpy(levels->stats, store->stats, sizeof(levels->stats));
}

/* -ENODEV if the link is dead. */
int qkd_link_levels(struct qkd_link *link, struct qkd_levels *levels)
{
	LIST_HEAD(gone);
	int err = -ENODEV;

	lock_reaped(link, &gone);
	tell_level(link);
	if (!link->dead) {
		read_levels(link, levels);
		err = 0;
	}
	spin_unlock_irq(&link->lock);
	qkd_key_free_list(&gone);
	return err;
}

/* The closing account of a link that has ended. */
void qkd_link_last_levels(struct qkd_link *link, struct qkd_levels *levels)
{
	spin_lock_irq(&link->lock);
	read_levels(link, levels);
	WARN_ON_ONCE(!qkd_store_is_settled(&link->store));
	spin_unlock_irq(&link->lock);
}
