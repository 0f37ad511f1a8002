/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * The core's private header.
 *
 * Locks, outermost first:
 *   qkd_registry	mutex: which providers and links there are. Never held over a callback.
 *   link->ops_lock	mutex: serialises the provider's callbacks of one link, but fetch and demand.
 *   link->fetch_sem	held for reading by fetch and demand, for writing to end them.
 *   feed->lock		mutex, of provider "feed" (feed.c): what is wanted of a process. Not held while user
 *			memory is touched, which may take for ever.
 *   link->lock		spinlock, for hard interrupts too: a link's keys, counters, state.
 */
#ifndef _QKD_CORE_H
#define _QKD_CORE_H

#include <linux/atomic.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/refcount.h>
#include <linux/rwsem.h>
#include <linux/siphash.h>
#include <linux/spinlock.h>
#include <linux/types.h>
#include <linux/uidgid.h>
#include <linux/wait.h>
#include <linux/workqueue.h>
#include <net/genetlink.h>
#include <linux/qkd_provider.h>
#include <uapi/linux/qkd_netlink.h>

#define QKD_LINKS_MAX	    64 /* links of one namespace */
#define QKD_GUEST_LINKS_MAX 64 /* links of all namespaces that other user namespaces own */
#define QKD_WAITERS_MAX	    256 /* callers waiting for keys of one direction of a link */

/**
 * enum qkd_key_state - where a key that the store holds is in its life
 * @QKD_KEY_FRESH: may be taken or reserved
 * @QKD_KEY_RESERVED: handed out to a holder that has yet to commit or release it
 * @QKD_KEY_WITHDRAWN: was purged while reserved; wiped, waiting for its holder to be told
 * @QKD_KEY_SPARE: none any more; wiped memory for one to come
 *
 * Spent and expired keys have left the store: only their IDs are remembered (ids.c).
 */
enum qkd_key_state {
	QKD_KEY_FRESH,
	QKD_KEY_RESERVED,
	QKD_KEY_WITHDRAWN,
	QKD_KEY_SPARE,
};

/* How many outbound keys there are, as events tell it. */
enum qkd_level {
	QKD_LEVEL_PLENTY,
	QKD_LEVEL_LOW,
	QKD_LEVEL_EMPTY,
};

#define QKD_LEVELS (QKD_LEVEL_EMPTY + 1)

/* How badly outbound keys are wanted: what providers are told of when it gets worse. */
enum qkd_scarcity {
	QKD_SCARCITY_FULL,
	QKD_SCARCITY_ROOM,
	QKD_SCARCITY_LOW,
	QKD_SCARCITY_EMPTY,
};

/*
 * Who waits for an inbound key; on its stack, and in the link's list under whose lock @err is written:
 * that the key will not come.
 */
struct qkd_asker {
	struct list_head node;
	const u8 *id;
	unsigned long until; /* jiffies */
	int err;
};

/* How a key left the store, if it did. */
enum qkd_fate {
	QKD_FATE_NONE,
	QKD_FATE_SPENT,
	QKD_FATE_EXPIRED,
};

/* Who may hold reservations: an open file. The list is covered by the link's lock. */
struct qkd_holder {
	struct list_head keys;
};

/*
 * A key. One owner at a time: the caller that allocated it, a store, or a list of keys on their way
 * out, and the owner frees it with qkd_key_free() or qkd_key_free_list(), which wipe it. In a store
 * all fields but the ID, direction and length are covered by the link's lock.
 */
struct qkd_key {
	struct list_head node; /* the store's fifo or limbo, or a list of keys to free */
	struct list_head held; /* its holder's keys */
	struct list_head lease; /* the store's reservations */
	struct qkd_holder *holder;
	u64 born; /* boot-time clock, ns; likewise below */
	u64 reserved;
	u32 entry; /* of its ID in the store's */
	u32 generation;
	u8 dir;
	u8 state;
	u8 len;
	bool guest; /* counted against the guests' limit too */
	u8 id[QKD_KEY_ID_LEN];
	u8 material[]; /* of the cache that @len tells, see key.c */
};

/* What is known of an ID. Entries are named by their number, 0 for none. */
struct qkd_id {
	u64 hash;
	union {
		struct qkd_key *key; /* QKD_FATE_NONE: the store has it */
		u32 younger; /* otherwise: the ID that went next */
	};
	u32 next; /* in its chain */
	u8 fate;
	u8 dir;
};

/* The IDs of one link, of keys that are there and of keys that are gone; covered by its lock. */
struct qkd_ids {
	siphash_key_t secret;
	struct qkd_id *entries;
	u32 *chains;
	u32 mask; /* of the number of chains */
	u32 size; /* entries, not counting that of number 0 */
	u32 used; /* entries that have ever been used: the first ones */
	u32 oldest; /* of those that are gone: forgotten first */
	u32 youngest;
};

/*
 * The keys of one link, embedded in it and covered by its lock. What leaves is put on a list that
 * the caller frees, and thereby wipes, after it has dropped the lock.
 */
struct qkd_store {
	struct qkd_link *link; /* that is told what becomes of keys; a test's store has none */
	struct qkd_ids ids;
	u32 capacity;
	/* By direction; a purge starts a new one, and older keys are withdrawn. */
	u32 generation[2];
	u64 ttl_ns;
	u64 lease_ns;
	struct list_head leases; /* reserved and withdrawn keys, the longest held first */
	struct list_head fifo[2]; /* by direction, oldest first, one generation after the other */
	struct list_head limbo; /* reserved keys that grew too old or were withdrawn */
	struct list_head spares; /* memory that spent keys have left */
	u32 spare_count;
	u32 count[2]; /* by direction, all that the tables hold */
	u32 withdrawn; /* outbound ones of them that a purge has withdrawn and that are yet to be wiped */
	u32 reserved; /* inbound keys reserved or withdrawn */
	u64 stats[QKD_A_STATS_MAX + 1];
};

/*
 * What became of a link's keys and has yet to be told. @lock, taken before the link's, covers @batch and
 * keeps messages in order; the link's lock covers the rest.
 */
struct qkd_audit {
	struct qkd_audit_record *ring;
	u32 first;
	u32 count;
	u64 seq; /* of the last record, sent or not */
	struct work_struct work;
	struct mutex lock;
	struct qkd_audit_record *batch;
};

/* The keys that a file has spent last, any of which it may yet tell a socket of. Covered by the link's lock. */
#define QKD_SPENT_MAX 8

struct qkd_spent {
	unsigned int next;
	struct {
		u8 id[QKD_KEY_ID_LEN];
		u8 dir;
		bool set;
	} keys[QKD_SPENT_MAX];
};

/* The connections of a namespace that keys went into, the oldest first. @lock covers all of it. */
struct qkd_sessions {
	struct mutex lock;
	struct list_head list;
	unsigned int count;
	u64 last_serial;
	bool ended;
	struct delayed_work work;
};

/*
 * What the core knows of a network namespace. References: the namespace, until it ends, and every
 * open file and link of it. @links, @count, @generation and @dead are covered by qkd_registry; @net
 * is valid until @dead is set and, for a link's own work, until that link has been closed. @users
 * counts links not yet closed, which the end of the namespace waits for.
 */
struct qkd_net {
	refcount_t ref;
	struct net *net;
	struct list_head links;
	unsigned int count;
	u32 generation;
	bool dead;
	atomic_t users;
	struct qkd_sessions sessions;
};

/*
 * A provider. Owned by the registry from register to unregister, which waits until @users, the
 * links that may still call @ops, has come down to 0. @wq has the work of its links and of nobody
 * else's: whoever makes links slow, by purges or by events without end, has his own provider's wait.
 * The rest is covered by qkd_registry.
 */
struct qkd_provider {
	const struct qkd_provider_ops *ops;
	struct workqueue_struct *wq;
	struct list_head node;
	struct list_head links;
	u64 serial;
	bool dying;
	atomic_t users;
};

/* What an administrator may change of a link. */
struct qkd_link_settings {
	u32 ttl_s;
	u32 low;
	u32 qber_max; /* parts per million */
	u32 lease_s;
	u32 degrade_after;
	u32 quota_rate;
	u32 quota_burst;
	u32 reserve;
	u32 priority_gid;
	u32 raw;
};

#define QKD_ALARM_FAILURES 8 /* binder failures in a short time that raise an alarm */

/* How many tokens a second a bucket gets, and how many it holds: quota.c has the units. */
struct qkd_rate {
	u32 per_second;
	u64 full;
	u64 fill_time; /* ns */
};

struct qkd_bucket {
	u64 level;
	u64 seen; /* boot-time clock, ns */
};

#define QKD_USERS_BITS 8
#define QKD_USERS_MAX  (1 << QKD_USERS_BITS)

/* What each user may take of a link. */
struct qkd_quota {
	bool on;
	struct qkd_rate rate;
	struct qkd_user *users; /* QKD_USERS_MAX of them, or NULL before there was a quota */
	u32 count;
	struct list_head by_use; /* who has not asked for longest first */
	struct hlist_head chains[QKD_USERS_MAX];
	struct qkd_bucket rest; /* shared by all for whom there is no room */
};

/* What is known of a link's use. Times are of the boot-time clock, ns, 0 for never. */
struct qkd_health {
	u32 in_a_row; /* binder failures since a key was committed */
	u64 failures[QKD_ALARM_FAILURES]; /* a ring: when the last ones were */
	unsigned int next;
	u64 alarmed;
};

/*
 * A link. References: its namespace's list until it is closed, every file bound to it, and callers
 * in passing. It is published last and withdrawn first: whoever withdraws it (delete, the
 * provider's or the namespace's end) closes it, which wipes its keys; a file that still refers to
 * it finds it dead.
 *
 * Const after allocation: the fields above @lock. @lock covers the fields from @store to @wake_at;
 * @settings is written under @ops_lock too, so whoever holds either may read it.
 * qkd_registry covers @net_node, @provider_node and @published. @closed is written under both
 * @ops_lock and @fetch_sem.
 */
struct qkd_link {
	refcount_t ref;
	struct qkd_net *net;
	struct qkd_provider *provider; /* valid until the link has been closed */
	u64 serial;
	char name[QKD_LINK_NAME_LEN];
	char provider_name[QKD_LINK_NAME_LEN];
	char local_sae[QKD_SAE_ID_LEN_MAX + 1];
	char remote_sae[QKD_SAE_ID_LEN_MAX + 1];
	u8 role;
	u32 flags;
	u32 key_len;
	u32 capacity;
	bool guest; /* the namespace is not the machine's own */
	struct user_namespace *user_ns; /* its namespace's: who may do what */
	void *priv; /* the provider's */

	spinlock_t lock; /* taken in hard interrupts too */
	struct qkd_store store;
	struct qkd_audit audit;
	struct qkd_link_settings settings;
	bool announced;
	bool dead;
	bool is_noisy; /* the alarm has been raised and is not due again */
	struct qkd_link_report report; /* the provider's */
	struct qkd_quota quota;
	struct qkd_rate lookup_rate;
	struct qkd_bucket lookups; /* of IDs never seen */
	kgid_t priority_gid;
	bool raw; /* read without the lock: may a program have its keys? */
	struct qkd_health health;
	u32 state;
	unsigned long events; /* bit per enum qkd_event_type, yet to be sent */
	enum qkd_level level;
	enum qkd_level level_worst; /* since the last was told */
	enum qkd_level level_told;
	unsigned long level_told_at; /* jiffies */
	u32 level_left[QKD_LEVELS]; /* keys there were when each was reached last */
	u64 expired_told; /* keys that had expired when it was told */
	u64 expired_told_at; /* boot-time clock, ns */
	unsigned int waiters[2]; /* by direction: strangers' look-ups must not keep takers out */
	struct list_head askers; /* those of them who wait for an inbound key */
	enum qkd_scarcity scarcity;
	bool demand_low; /* yet to be told to the provider */
	u64 reap_at; /* boot-time clock, ns, that @reap_work is armed for; 0 for none */
	u64 wake_at; /* the same for @wake_work */

	wait_queue_head_t outbound_wq;
	wait_queue_head_t inbound_wq;
	struct delayed_work event_work;
	struct delayed_work reap_work;
	struct delayed_work wake_work;
	struct work_struct demand_work;

	struct mutex ops_lock; /* one callback at a time, but fetch and demand */
	struct rw_semaphore fetch_sem;
	bool closed;

	struct list_head net_node;
	struct list_head provider_node;
	bool published;
};

/* Levels of a link at one moment. */
struct qkd_levels {
	struct qkd_link_settings settings;
	struct qkd_link_report report; /* the provider's */
	u32 state;
	u32 outbound_fresh;
	u32 inbound_fresh;
	u32 inbound_reserved;
	u32 waiters;
	u64 stats[QKD_A_STATS_MAX + 1];
};

/* provider.c */
extern struct mutex qkd_registry;
struct qkd_provider *qkd_provider_pin(const char *name);
int qkd_provider_pin_registered(struct qkd_provider *provider);
void qkd_provider_unpin(struct qkd_provider *provider);
struct qkd_provider *qkd_provider_find(const char *name);
struct qkd_provider *qkd_provider_next(u64 serial);
u32 qkd_provider_generation(void);
unsigned int qkd_provider_links(const struct qkd_provider *provider, const struct qkd_net *qn);
void qkd_provider_purge_all(void);

/* net.c */
int qkd_net_init(void);
void qkd_net_exit(void);
struct qkd_net *qkd_net_of(struct net *net);
struct qkd_net *qkd_net_get(struct qkd_net *qn);
void qkd_net_put(struct qkd_net *qn);
struct qkd_link *qkd_net_get_link(struct qkd_net *qn, const char *name);
struct qkd_link *qkd_net_get_only_link(struct qkd_net *qn);
struct qkd_link *qkd_net_get_next_link(struct qkd_net *qn, u64 serial, u32 *generation);

/* link.c */
int qkd_link_params_check(const struct qkd_link_params *params, struct user_namespace *user_ns,
			  struct nlattr **attrs, struct netlink_ext_ack *extack);
int qkd_link_create(struct qkd_net *qn, struct qkd_provider *provider,
		    const struct qkd_link_params *params, struct nlattr **attrs, void *priv,
		    struct netlink_ext_ack *extack);
int qkd_link_delete(struct qkd_net *qn, const char *name);
int qkd_link_set(struct qkd_link *link, struct nlattr **attrs, struct netlink_ext_ack *extack);
int qkd_link_resync(struct qkd_link *link, u64 block, struct netlink_ext_ack *extack);
void qkd_link_withdraw_locked(struct qkd_link *link, struct list_head *doomed);
void qkd_link_close_list(struct list_head *doomed);
struct qkd_link *qkd_link_get(struct qkd_link *link);
void qkd_link_put(struct qkd_link *link);
int qkd_link_fetch(struct qkd_link *link, const u8 *id);
int qkd_link_fill_config(struct qkd_link *link, struct sk_buff *skb);

/* settings.c */
void qkd_settings_init(struct qkd_link_settings *settings, const struct qkd_link_params *params);
void qkd_settings_apply(struct qkd_link_settings *settings, struct nlattr **attrs);
bool qkd_settings_named(struct nlattr **attrs);
int qkd_settings_refuse(struct nlattr **attrs, unsigned int attr, struct netlink_ext_ack *extack);
int qkd_settings_check(const struct qkd_link_settings *settings, u32 capacity,
		       struct user_namespace *user_ns, struct nlattr **attrs,
		       struct netlink_ext_ack *extack);
int qkd_settings_put(const struct qkd_link_settings *settings, struct sk_buff *skb);

/* flow.c */
void qkd_flow_init(struct qkd_link *link, const struct qkd_link_settings *settings);
void qkd_flow_end(struct qkd_link *link);
void qkd_flow_shut(bool shut);
int qkd_link_take(struct qkd_link *link, struct qkd_spent *spent, long timeout,
		  struct qkd_record *rec);
__poll_t qkd_link_poll(struct qkd_link *link);
int qkd_link_reserve(struct qkd_link *link, struct qkd_holder *holder, const u8 *id, long timeout,
		     struct qkd_record *rec);
int qkd_link_commit(struct qkd_link *link, struct qkd_holder *holder, struct qkd_spent *spent,
		    const u8 *id);
int qkd_link_release(struct qkd_link *link, struct qkd_holder *holder, const u8 *id, bool mismatch);
void qkd_link_release_all(struct qkd_link *link, struct qkd_holder *holder);
void qkd_link_purge(struct qkd_link *link);
void qkd_link_count(struct qkd_link *link, unsigned int stat);
void qkd_link_settle(struct qkd_link *link, const struct qkd_link_settings *settings);
int qkd_link_levels(struct qkd_link *link, struct qkd_levels *levels);
void qkd_link_last_levels(struct qkd_link *link, struct qkd_levels *levels);

/* demand.c: qkd_demand_note() with the link's lock held */
void qkd_demand_init(struct qkd_link *link);
void qkd_demand_end(struct qkd_link *link);
void qkd_demand_note(struct qkd_link *link);

/* feed.c */
int qkd_feed_init(void);
void qkd_feed_exit(void);
int qkd_feed_open(struct qkd_link *link, unsigned int flags);

/* event.c */
void qkd_event_init(struct qkd_link *link);
void qkd_event_announce(struct qkd_link *link);
void qkd_event_end(struct qkd_link *link, struct qkd_levels *last);
void qkd_event_raise(struct qkd_link *link, enum qkd_event_type type);
void qkd_event_state(struct qkd_link *link, u32 state);
void qkd_event_level(struct qkd_link *link);
void qkd_event_provider_gone(struct qkd_link *link);
void qkd_event_qber(struct qkd_link *link);

/* quota.c */
void qkd_rate_set(struct qkd_rate *rate, u32 per_second, u32 burst);
void qkd_bucket_fill_up(struct qkd_bucket *bucket, const struct qkd_rate *rate, u64 now);
u64 qkd_bucket_wait(struct qkd_bucket *bucket, const struct qkd_rate *rate, u64 now);
void qkd_bucket_take(struct qkd_bucket *bucket);
void qkd_bucket_put_back(struct qkd_bucket *bucket, const struct qkd_rate *rate);
int qkd_quota_prepare(struct qkd_quota *quota);
void qkd_quota_init(struct qkd_quota *quota);
void qkd_quota_destroy(struct qkd_quota *quota);
void qkd_quota_set(struct qkd_quota *quota, u32 per_second, u32 burst);
struct qkd_bucket *qkd_quota_bucket(struct qkd_quota *quota, kuid_t uid, u64 now);

/* health.c */
void qkd_health_settle(struct qkd_link *link);
void qkd_health_match(struct qkd_link *link);
void qkd_health_mismatch(struct qkd_link *link);

/* key.c */
int qkd_key_init(void);
void qkd_key_exit(void);
struct qkd_key *qkd_key_alloc(enum qkd_direction dir, const u8 *id, const u8 *material, size_t len,
			      bool guest, struct qkd_key *spare);
void qkd_key_copy(const struct qkd_key *key, u8 material[QKD_KEY_LEN_MAX]);
void qkd_key_wipe(struct qkd_key *key);
void qkd_key_clear(struct qkd_key *key);
void qkd_key_free(struct qkd_key *key);
void qkd_key_free_list(struct list_head *keys);

/* ids.c: with the link's lock held, but init and destroy */
int qkd_ids_init(struct qkd_ids *ids, u32 capacity);
void qkd_ids_destroy(struct qkd_ids *ids);
u64 qkd_ids_hash(const struct qkd_ids *ids, const u8 *id);
const struct qkd_id *qkd_ids_find(const struct qkd_ids *ids, u64 hash, const u8 *id);
void qkd_ids_add(struct qkd_ids *ids, u64 hash, struct qkd_key *key);
void qkd_ids_retire(struct qkd_ids *ids, const struct qkd_key *key, enum qkd_fate fate);

/* store.c: with the link's lock held, but init and destroy */
int qkd_store_init(struct qkd_store *store, u32 capacity);
void qkd_store_destroy(struct qkd_store *store);
struct qkd_key *qkd_store_alloc(struct qkd_store *store, enum qkd_direction dir, const u8 *id,
				const u8 *material, size_t len, bool guest);
int qkd_store_add(struct qkd_store *store, struct qkd_key *key);
struct qkd_key *qkd_store_take(struct qkd_store *store, struct list_head *gone);
void qkd_store_recycle(struct qkd_store *store, struct qkd_key *key);
int qkd_store_reserve(struct qkd_store *store, const u8 *id, struct qkd_holder *holder,
		      struct qkd_key **keyp, struct list_head *gone);
int qkd_store_commit(struct qkd_store *store, const u8 *id, struct qkd_holder *holder,
		     struct list_head *gone);
int qkd_store_release(struct qkd_store *store, const u8 *id, struct qkd_holder *holder,
		      struct list_head *gone);
bool qkd_store_release_all(struct qkd_store *store, struct qkd_holder *holder, unsigned int budget,
			   struct list_head *gone);
void qkd_store_new_generation(struct qkd_store *store, enum qkd_direction dir);
void qkd_store_set_ttl(struct qkd_store *store, u64 ttl_ns);
bool qkd_store_reap(struct qkd_store *store, unsigned int budget, struct list_head *gone);
void qkd_store_evict(struct qkd_store *store, unsigned int want, unsigned int budget,
		     struct list_head *gone);
bool qkd_store_drain(struct qkd_store *store, unsigned int budget, struct list_head *gone);
bool qkd_store_knows(const struct qkd_store *store, const u8 *id);
bool qkd_store_is_settled(const struct qkd_store *store);
u32 qkd_store_outbound(const struct qkd_store *store);
unsigned int qkd_store_room(const struct qkd_store *store, enum qkd_direction dir);
u64 qkd_store_next_end(struct qkd_store *store);

/* chardev.c */
int qkd_copy_in(void *arg, size_t size, size_t min, const void __user *uarg);
int qkd_chardev_init(void);
void qkd_chardev_exit(void);

/* session.c */
/**
 * struct qkd_session_about - what is told of a connection
 * @id: of its key
 * @dir: the key's direction
 * @suite: TLS cipher suite
 * @sealed: the kernel has its keys, and nobody else
 * @group: of the key exchange, 0 if it was not told
 * @peer: the peer's name, or NULL
 */
struct qkd_session_about {
	const u8 *id;
	enum qkd_direction dir;
	u16 suite;
	bool sealed;
	u16 group;
	const char *peer;
};

struct qkd_session;

struct qkd_session *qkd_session_new(const struct qkd_link *link, struct socket *sock,
				    const struct qkd_session_about *about);
void qkd_session_put(struct qkd_session *session);
void qkd_session_add(struct qkd_link *link, struct qkd_session *session);
struct sock *qkd_session_sock(const struct qkd_session *session);
void qkd_session_updated(struct qkd_session *session, bool tx);
void qkd_spent_note(struct qkd_spent *spent, const u8 *id, enum qkd_direction dir);
int qkd_session_commit(struct qkd_link *link, struct qkd_holder *holder, struct qkd_spent *spent,
		       const struct qkd_key_ref *ref);
void qkd_sessions_init(struct qkd_sessions *sessions);
void qkd_sessions_end(struct qkd_sessions *sessions);
int qkd_netlink_session_dump(struct sk_buff *skb, struct netlink_callback *cb);

/* audit.c */
int qkd_audit_init(struct qkd_link *link);
void qkd_audit_note(struct qkd_link *link, const struct qkd_key *key,
		    enum qkd_audit_outcome outcome);
void qkd_audit_flush(struct qkd_link *link);
void qkd_audit_end(struct qkd_link *link);
void qkd_audit_destroy(struct qkd_link *link);

/* netlink.c */
bool qkd_netlink_audited(struct net *net);
void qkd_netlink_send_audit(struct net *net, struct sk_buff *skb);
void qkd_netlink_event(struct net *net, const char *link, enum qkd_event_type type, u32 outbound);
void qkd_netlink_link_gone(struct net *net, const char *link, struct qkd_levels *levels);
int qkd_netlink_provider_get(struct sk_buff *skb, struct genl_info *info);
int qkd_netlink_provider_dump(struct sk_buff *skb, struct netlink_callback *cb);
int qkd_netlink_link_get(struct sk_buff *skb, struct genl_info *info);
int qkd_netlink_link_dump(struct sk_buff *skb, struct netlink_callback *cb);
int qkd_netlink_link_new(struct sk_buff *skb, struct genl_info *info);
int qkd_netlink_link_del(struct sk_buff *skb, struct genl_info *info);
int qkd_netlink_link_set(struct sk_buff *skb, struct genl_info *info);
int qkd_netlink_link_purge(struct sk_buff *skb, struct genl_info *info);
int qkd_netlink_link_resync(struct sk_buff *skb, struct genl_info *info);

/* policy.c */
enum qkd_group {
	QKD_GROUP_EVENTS,
	QKD_GROUP_AUDIT,
};
extern struct genl_family qkd_family;

/* power.c */
int qkd_power_init(void);
void qkd_power_exit(void);

/* sealed/file.c */
int qkd_sealed_check(const struct qkd_session_open *open);
int qkd_sealed_open(struct qkd_link *link, struct qkd_session_open *open, long timeout,
		    void __user *uarg);

/* selftest/store.c, selftest/schedule.c */
#ifdef QKD_SELFTEST
int qkd_selftest(void);
int qkd_schedule_selftest(void);
#else
static inline int qkd_selftest(void)
{
	return 0;
}

static inline int qkd_schedule_selftest(void)
{
	return 0;
}
#endif

#endif /* _QKD_CORE_H */
