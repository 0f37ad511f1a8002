// SPDX-License-Identifier: GPL-2.0-only
/*
 * The keys of one link: two queues by direction, and their IDs (ids.c). Nothing here sleeps or
 * allocates after qkd_store_init().
 */
#include <linux/sched.h>
#include <linux/string.h>
#include <linux/timekeeping.h>

#include "qkd.h"

#define SPARES_MAX 256 /* keys whose memory a link keeps */

int qkd_store_init(struct qkd_store *store, u32 capacity)
{
	memset(store, 0, sizeof(*store));
	store->capacity = capacity;
	INIT_LIST_HEAD(&store->fifo[QKD_OUTBOUND]);
	INIT_LIST_HEAD(&store->fifo[QKD_INBOUND]);
	INIT_LIST_HEAD(&store->limbo);
	INIT_LIST_HEAD(&store->spares);
	INIT_LIST_HEAD(&store->leases);
	store->lease_ns = QKD_LEASE_DEFAULT * NSEC_PER_SEC;
	return qkd_ids_init(&store->ids, capacity);
}

/* The store must be drained. */
void qkd_store_destroy(struct qkd_store *store)
{
	qkd_ids_destroy(&store->ids);
}

static const struct qkd_id *find_id(const struct qkd_store *store, const u8 *id)
{
	return qkd_ids_find(&store->ids, qkd_ids_hash(&store->ids, id), id);
}

/* Is there a key of this ID, or was there one not long ago? */
bool qkd_store_knows(const struct qkd_store *store, const u8 *id)
{
	return find_id(store, id);
}

static void note(struct qkd_store *store, const struct qkd_key *key, enum qkd_audit_outcome outcome)
{
	if (store->link)
		qkd_audit_note(store->link, key, outcome);
}

/* Its holder knows the key no more. */
static void end_hold(struct qkd_store *store, struct qkd_key *key)
{
	store->reserved--;
	list_del_init(&key->held);
	list_del_init(&key->lease);
	key->holder = NULL;
}

static bool is_withdrawn(const struct qkd_store *store, const struct qkd_key *key)
{
	return key->generation != store->generation[key->dir];
}

/* A key leaves for good, and its ID is remembered. */
static void retire(struct qkd_store *store, struct qkd_key *key, enum qkd_fate fate,
		   struct list_head *gone)
{
	qkd_ids_retire(&store->ids, key, fate);
	store->count[key->dir]--;
	if (key->dir == QKD_OUTBOUND && is_withdrawn(store, key))
		store->withdrawn--;
	if (key->state != QKD_KEY_FRESH)
		end_hold(store, key);
	list_move_tail(&key->node, gone);
}

/* The clock is not looked at where no key grows too old and none is reserved. */
static u64 time_of(const struct qkd_store *store)
{
	bool timed = store->ttl_ns || !list_empty(&store->leases);

	return timed ? ktime_get_coarse_boottime_ns() : 0;
}

static bool is_overdue(const struct qkd_store *store, const struct qkd_key *key, u64 now)
{
	return store->ttl_ns && now >= key->born + store->ttl_ns;
}

/* Purged while reserved: the bytes go now, the rest when its holder has been told. */
static void withdraw(struct qkd_store *store, struct qkd_key *key)
{
	if (key->state == QKD_KEY_WITHDRAWN)
		return;
	key->state = QKD_KEY_WITHDRAWN;
	qkd_key_wipe(key);
	store->stats[QKD_A_STATS_PURGED]++;
	note(store, key, QKD_AUDIT_PURGED);
}

/* Takes a key that is withdrawn, or else too old, off its queue. */
static void reap_key(struct qkd_store *store, struct qkd_key *key, struct list_head *gone)
{
	bool withdrawn = is_withdrawn(store, key);

	if (key->state == QKD_KEY_FRESH) {
		store->stats[withdrawn ? QKD_A_STATS_PURGED : QKD_A_STATS_EXPIRED]++;
		note(store, key, withdrawn ? QKD_AUDIT_PURGED : QKD_AUDIT_EXPIRED);
		retire(store, key, withdrawn ? QKD_FATE_SPENT : QKD_FATE_EXPIRED, gone);
		return;
	}
	if (withdrawn)
		withdraw(store, key);
	list_move_tail(&key->node, &store->limbo);
}

/* A reservation ends, and the key with it if it was withdrawn or grew too old meanwhile. */
static void put_back(struct qkd_store *store, struct qkd_key *key, enum qkd_audit_outcome outcome,
		     struct list_head *gone)
{
	if (is_withdrawn(store, key)) {
		withdraw(store, key);
		retire(store, key, QKD_FATE_SPENT, gone);
		return;
	}
	end_hold(store, key);
	key->state = QKD_KEY_FRESH;
	note(store, key, outcome);
	if (is_overdue(store, key, ktime_get_coarse_boottime_ns()))
		reap_key(store, key, gone);
}

static bool has_lapsed(const struct qkd_store *store, const struct qkd_key *key, u64 now)
{
	return key->holder && now >= key->reserved + store->lease_ns;
}

/* Its holder took too long: whoever asks next finds the key as if it had been released. */
static void lapse(struct qkd_store *store, struct qkd_key *key, struct list_head *gone)
{
	store->stats[QKD_A_STATS_LAPSED]++;
	put_back(store, key, QKD_AUDIT_LAPSED, gone);
}

/*
 * Ends reservations whose lease is over, of which the list has the longest held first.
 * Return: whether there is more.
 */
static bool end_leases(struct qkd_store *store, u64 now, unsigned int *budget,
		       struct list_head *gone)
{
	struct qkd_key *key;

	while ((key = list_first_entry_or_null(&store->leases, struct qkd_key, lease))) {
		if (!has_lapsed(store, key, now))
			return false;
		if (!*budget)
			return true;
		--*budget;
		lapse(store, key, gone);
	}
	return false;
}

/*
 * Wipes what is withdrawn or overdue and ends leases, up to @budget keys. Both queues are in order of
 * birth and of generation, so only their heads need looking at, and each key is passed once.
 * Return: whether there is more.
 */
bool qkd_store_reap(struct qkd_store *store, unsigned int budget, struct list_head *gone)
{
	u64 now = time_of(store);
	struct qkd_key *key;
	int dir;

	if (end_leases(store, now, &budget, gone))
		return true;
	for (dir = QKD_OUTBOUND; dir <= QKD_INBOUND; dir++) {
		while ((key = list_first_entry_or_null(&store->fifo[dir], struct qkd_key, node))) {
			if (!is_withdrawn(store, key) && !is_overdue(store, key, now))
				break;
			if (!budget--)
				return true;
			reap_key(store, key, gone);
		}
	}
	return false;
}

/* Boot-time clock of the next key to grow too old or lease to end, 0 for none. */
u64 qkd_store_next_end(struct qkd_store *store)
{
	const struct qkd_key *key;
	u64 next = 0;
	int dir;

	key = list_first_entry_or_null(&store->leases, struct qkd_key, lease);
	if (key)
		next = key->reserved + store->lease_ns;
	if (!store->ttl_ns)
		return next;
	for (dir = QKD_OUTBOUND; dir <= QKD_INBOUND; dir++) {
		key = list_first_entry_or_null(&store->fifo[dir], struct qkd_key, node);
		if (key && (!next || key->born + store->ttl_ns < next))
			next = key->born + store->ttl_ns;
	}
	return next;
}

/*
 * For qkd_store_reap() to look at anew, which sends back whom it has to. All of them are older than what
 * is in the queue, and of no later generation, so its order holds.
 */
static void empty_limbo(struct qkd_store *store)
{
	list_splice_init(&store->limbo, &store->fifo[QKD_INBOUND]);
}

/* Withdraws every key of a direction; qkd_store_reap() then wipes them, those in limbo too. */
void qkd_store_new_generation(struct qkd_store *store, enum qkd_direction dir)
{
	store->generation[dir]++;
	if (dir == QKD_OUTBOUND)
		store->withdrawn = store->count[QKD_OUTBOUND];
	else
		empty_limbo(store);
}

/* With a longer time, keys in limbo may no longer be too old: once they are put back they age again. */
void qkd_store_set_ttl(struct qkd_store *store, u64 ttl_ns)
{
	store->ttl_ns = ttl_ns;
	empty_limbo(store);
}

/* Outbound keys that may be taken: those that a purge has withdrawn are none, even before they are wiped. */
u32 qkd_store_outbound(const struct qkd_store *store)
{
	return store->count[QKD_OUTBOUND] - store->withdrawn;
}

unsigned int qkd_store_room(const struct qkd_store *store, enum qkd_direction dir)
{
	return store->capacity - store->count[dir];
}

/* As qkd_key_alloc(), in memory that a spent key has left if there is any. */
struct qkd_key *qkd_store_alloc(struct qkd_store *store, enum qkd_direction dir, const u8 *id,
				const u8 *material, size_t len, bool guest)
{
	struct qkd_key *spare = list_first_entry_or_null(&store->spares, struct qkd_key, node);
	struct qkd_key *key;

	if (spare)
		list_del(&spare->node);
	key = qkd_key_alloc(dir, id, material, len, guest, spare);
	if (!spare)
		return key;
	if (IS_ERR(key))
		list_add(&spare->node, &store->spares);
	else
		store->spare_count--;
	return key;
}

/*
 * Wipes a spent key, which is on a list of keys on their way out, and keeps its memory for the next
 * that comes: where keys come and go one by one, the allocator costs as much as all the rest.
 */
void qkd_store_recycle(struct qkd_store *store, struct qkd_key *key)
{
	if (store->spare_count == SPARES_MAX)
		return;
	store->spare_count++;
	list_move(&key->node, &store->spares);
	qkd_key_clear(key);
}

/* Takes the key over if it answers 0: -EEXIST, -ENOSPC otherwise. */
int qkd_store_add(struct qkd_store *store, struct qkd_key *key)
{
	u64 hash = qkd_ids_hash(&store->ids, key->id);

	if (qkd_ids_find(&store->ids, hash, key->id)) {
		store->stats[QKD_A_STATS_REFUSED]++;
		return -EEXIST;
	}
	if (!qkd_store_room(store, key->dir)) {
		store->stats[QKD_A_STATS_DROPPED]++;
		return -ENOSPC;
	}
	key->born = ktime_get_coarse_boottime_ns();
	key->generation = store->generation[key->dir];
	qkd_ids_add(&store->ids, hash, key);
	list_add_tail(&key->node, &store->fifo[key->dir]);
	store->count[key->dir]++;
	store->stats[QKD_A_STATS_DELIVERED]++;
	return 0;
}

/* Spends the oldest outbound key of a store that was reaped. Return: it, last on @gone, or NULL. */
struct qkd_key *qkd_store_take(struct qkd_store *store, struct list_head *gone)
{
	struct qkd_key *key;

	key = list_first_entry_or_null(&store->fifo[QKD_OUTBOUND], struct qkd_key, node);
	if (!key)
		return NULL;
	store->stats[QKD_A_STATS_OUTBOUND_SPENT]++;
	note(store, key, QKD_AUDIT_TAKEN);
	retire(store, key, QKD_FATE_SPENT, gone);
	return key;
}

static int revoked(struct qkd_store *store)
{
	store->stats[QKD_A_STATS_REPLAYED]++;
	return -EKEYREVOKED;
}

/* The inbound key of an ID; or ERR_PTR: why it cannot be had, -ENOENT if it was never seen. */
static struct qkd_key *find_inbound(struct qkd_store *store, const u8 *id)
{
	const struct qkd_id *entry = find_id(store, id);

	if (!entry)
		return ERR_PTR(-ENOENT);
	if (entry->dir != QKD_INBOUND)
		return ERR_PTR(-ENOKEY);
	switch (entry->fate) {
	case QKD_FATE_NONE:
		return entry->key;
	case QKD_FATE_EXPIRED:
		return ERR_PTR(-EKEYEXPIRED);
	default:
		return ERR_PTR(revoked(store));
	}
}

/*
 * Reserves an inbound key for @holder. 0 and the key in @keyp; -ENOENT, the ID was never seen and a
 * provider may have it; -ENOKEY, it is no inbound key's; -EBUSY, -EKEYEXPIRED, -EKEYREVOKED.
 */
int qkd_store_reserve(struct qkd_store *store, const u8 *id, struct qkd_holder *holder,
		      struct qkd_key **keyp, struct list_head *gone)
{
	u64 now = ktime_get_coarse_boottime_ns();
	struct qkd_key *key = find_inbound(store, id);

	if (!IS_ERR(key) && has_lapsed(store, key, now)) {
		lapse(store, key, gone);
		key = find_inbound(store, id); /* which may have gone with its reservation */
	}
	if (IS_ERR(key))
		return PTR_ERR(key);
	if (is_withdrawn(store, key)) {
		reap_key(store, key, gone);
		return revoked(store);
	}
	if (key->state == QKD_KEY_RESERVED)
		return -EBUSY;
	if (is_overdue(store, key, now)) {
		reap_key(store, key, gone);
		return -EKEYEXPIRED;
	}
	key->state = QKD_KEY_RESERVED;
	key->holder = holder;
	key->reserved = now;
	list_add(&key->held, &holder->keys);
	list_add_tail(&key->lease, &store->leases);
	store->reserved++;
	note(store, key, QKD_AUDIT_RESERVED);
	*keyp = key;
	return 0;
}

/*
 * A key that @holder still holds, or NULL. Mostly it is the one reserved last, which is found without a
 * look at the table. The end of a lease is not waited for to be seen to.
 */
static struct qkd_key *find_held(struct qkd_store *store, const u8 *id, struct qkd_holder *holder,
				 struct list_head *gone)
{
	struct qkd_key *key = list_first_entry_or_null(&holder->keys, struct qkd_key, held);
	const struct qkd_id *entry;

	if (!key || memcmp(key->id, id, QKD_KEY_ID_LEN)) {
		entry = find_id(store, id);
		if (!entry || entry->fate != QKD_FATE_NONE || entry->key->holder != holder)
			return NULL;
		key = entry->key;
	}
	if (!has_lapsed(store, key, ktime_get_coarse_boottime_ns()))
		return key;
	lapse(store, key, gone);
	return NULL;
}

/* Ends a reservation by spending the key. -ENOKEY, -EKEYREVOKED. */
int qkd_store_commit(struct qkd_store *store, const u8 *id, struct qkd_holder *holder,
		     struct list_head *gone)
{
	struct qkd_key *key = find_held(store, id, holder, gone);
	bool withdrawn;

	if (!key)
		return -ENOKEY;
	withdrawn = is_withdrawn(store, key);
	if (withdrawn) {
		withdraw(store, key);
	} else {
		store->stats[QKD_A_STATS_INBOUND_SPENT]++;
		note(store, key, QKD_AUDIT_COMMITTED);
	}
	retire(store, key, QKD_FATE_SPENT, gone);
	qkd_store_recycle(store, key);
	return withdrawn ? -EKEYREVOKED : 0;
}

static void give_back(struct qkd_store *store, struct qkd_key *key, struct list_head *gone)
{
	bool withdrawn = is_withdrawn(store, key);

	put_back(store, key, QKD_AUDIT_RELEASED, gone);
	if (!withdrawn)
		store->stats[QKD_A_STATS_RELEASED]++;
}

/* Ends a reservation by giving the key back. -ENOKEY. */
int qkd_store_release(struct qkd_store *store, const u8 *id, struct qkd_holder *holder,
		      struct list_head *gone)
{
	struct qkd_key *key = find_held(store, id, holder, gone);

	if (!key)
		return -ENOKEY;
	give_back(store, key, gone);
	return 0;
}

/* Ends up to @budget reservations of a holder. Return: whether there are more. */
bool qkd_store_release_all(struct qkd_store *store, struct qkd_holder *holder, unsigned int budget,
			   struct list_head *gone)
{
	struct qkd_key *key;

	while ((key = list_first_entry_or_null(&holder->keys, struct qkd_key, held))) {
		if (!budget--)
			return true;
		give_back(store, key, gone);
	}
	return false;
}

/*
 * Gives up the oldest fresh inbound keys until @want more have room, or @budget keys, reserved ones
 * too, have been looked at.
 */
void qkd_store_evict(struct qkd_store *store, unsigned int want, unsigned int budget,
		     struct list_head *gone)
{
	struct qkd_key *key, *next;

	list_for_each_entry_safe(key, next, &store->fifo[QKD_INBOUND], node) {
		if (qkd_store_room(store, QKD_INBOUND) >= want || !budget--)
			return;
		if (key->state == QKD_KEY_FRESH)
			reap_key(store, key, gone);
	}
}

/*
 * Empties the store of a link that is dead, up to @budget keys, which count as purged. Return: whether
 * there is more.
 */
bool qkd_store_drain(struct qkd_store *store, unsigned int budget, struct list_head *gone)
{
	struct list_head *lists[] = {
		&store->fifo[QKD_OUTBOUND],
		&store->fifo[QKD_INBOUND],
		&store->limbo,
	};
	struct qkd_key *key;
	int i;

	for (i = 0; i < ARRAY_SIZE(lists); i++) {
		while ((key = list_first_entry_or_null(lists[i], struct qkd_key, node))) {
			if (!budget--)
				return true;
			if (key->state != QKD_KEY_WITHDRAWN) {
				store->stats[QKD_A_STATS_PURGED]++;
				note(store, key, QKD_AUDIT_WIPED);
			}
			retire(store, key, QKD_FATE_SPENT, gone);
		}
	}
	list_splice_init(&store->spares, gone);
	store->spare_count = 0;
	return false;
}

/* Whether every key that a drained store ever took has left it in one of the ways there are. */
bool qkd_store_is_settled(const struct qkd_store *store)
{
	const u64 *stats = store->stats;

	return !store->count[QKD_OUTBOUND] && !store->count[QKD_INBOUND] && !store->reserved &&
	       stats[QKD_A_STATS_DELIVERED] ==
		       stats[QKD_A_STATS_OUTBOUND_SPENT] + stats[QKD_A_STATS_INBOUND_SPENT] +
			       stats[QKD_A_STATS_EXPIRED] + stats[QKD_A_STATS_PURGED];
}
