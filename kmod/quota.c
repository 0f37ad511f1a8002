// SPDX-License-Identifier: GPL-2.0-only
/*
 * How fast: token buckets, and one for each user that takes keys of a link.
 *
 * A bucket is in billionths of a token, so that what a nanosecond brings is the rate itself, to the
 * last one. Rate and burst are at most 2^20 and the time that counts is what fills a bucket, so the
 * product is no more than 2^51 whatever the clock says.
 *
 * Users are remembered QKD_USERS_MAX at a time. Who has not been seen for so long that his bucket is full
 * may be forgotten for another; while there is no such user the rest share a bucket of their own.
 */
#include <linux/hash.h>
#include <linux/math64.h>
#include <linux/minmax.h>
#include <linux/slab.h>
#include <linux/uidgid.h>

#include "qkd.h"

#define TOKEN ((u64)NSEC_PER_SEC)

static_assert(QKD_QUOTA_RATE_MAX <= 1 << 20 && QKD_QUOTA_BURST_MAX <= 1 << 20);

/* @rate tokens a second, at least one; @burst at a time, at least one */
void qkd_rate_set(struct qkd_rate *rate, u32 per_second, u32 burst)
{
	rate->per_second = per_second;
	rate->full = burst * TOKEN;
	rate->fill_time = div_u64(rate->full, per_second) + 1;
}

void qkd_bucket_fill_up(struct qkd_bucket *bucket, const struct qkd_rate *rate, u64 now)
{
	bucket->level = rate->full;
	bucket->seen = now;
}

/* Nanoseconds until there is a token, 0 if there is one. */
u64 qkd_bucket_wait(struct qkd_bucket *bucket, const struct qkd_rate *rate, u64 now)
{
	u64 earned = min(now - bucket->seen, rate->fill_time) * rate->per_second;

	bucket->level = min(bucket->level + earned, rate->full);
	bucket->seen = now;
	if (bucket->level >= TOKEN)
		return 0;
	return div_u64(TOKEN - bucket->level, rate->per_second) + 1;
}

/* After a wait of 0 */
void qkd_bucket_take(struct qkd_bucket *bucket)
{
	bucket->level -= TOKEN;
}

/* What a token was taken for was not done. */
void qkd_bucket_put_back(struct qkd_bucket *bucket, const struct qkd_rate *rate)
{
	bucket->level = min(bucket->level + TOKEN, rate->full);
}

/* One user's */
struct qkd_user {
	struct hlist_node hash;
	struct list_head node;
	kuid_t uid;
	struct qkd_bucket bucket;
};

/* May sleep. Makes room for users, once; 0 or -ENOMEM. */
int qkd_quota_prepare(struct qkd_quota *quota)
{
	if (!quota->users)
		quota->users = kvcalloc(QKD_USERS_MAX, sizeof(*quota->users), GFP_KERNEL_ACCOUNT);
	return quota->users ? 0 : -ENOMEM;
}

void qkd_quota_init(struct qkd_quota *quota)
{
	INIT_LIST_HEAD(&quota->by_use);
}

void qkd_quota_destroy(struct qkd_quota *quota)
{
	kvfree(quota->users);
}

/*
 * The rest are with the link's lock held. @per_second is 0 for no quota, else there is room for users;
 * @burst is 0 for what a second brings.
 */
void qkd_quota_set(struct qkd_quota *quota, u32 per_second, u32 burst)
{
	quota->on = per_second;
	if (per_second)
		qkd_rate_set(&quota->rate, per_second, burst ?: per_second);
}

static struct hlist_head *chain_of(struct qkd_quota *quota, kuid_t uid)
{
	return &quota->chains[hash_32(__kuid_val(uid), QKD_USERS_BITS)];
}

/* A place for a user who is not remembered, or NULL. */
static struct qkd_user *free_place(struct qkd_quota *quota, u64 now)
{
	struct qkd_user *oldest;

	if (quota->count < QKD_USERS_MAX)
		return &quota->users[quota->count++];
	oldest = list_first_entry(&quota->by_use, struct qkd_user, node);
	if (now - oldest->bucket.seen < quota->rate.fill_time)
		return NULL;
	hlist_del(&oldest->hash);
	list_del(&oldest->node);
	return oldest;
}

static struct qkd_bucket *add_user(struct qkd_quota *quota, kuid_t uid, u64 now)
{
	struct qkd_user *user = free_place(quota, now);

	if (!user)
		return &quota->rest;
	user->uid = uid;
	qkd_bucket_fill_up(&user->bucket, &quota->rate, now);
	hlist_add_head(&user->hash, chain_of(quota, uid));
	list_add_tail(&user->node, &quota->by_use);
	return &user->bucket;
}

/* The bucket that a user's keys come out of, while there is a quota. */
struct qkd_bucket *qkd_quota_bucket(struct qkd_quota *quota, kuid_t uid, u64 now)
{
	struct qkd_user *user;

	hlist_for_each_entry(user, chain_of(quota, uid), hash) {
		if (uid_eq(user->uid, uid)) {
			list_move_tail(&user->node, &quota->by_use);
			return &user->bucket;
		}
	}
	return add_user(quota, uid, now);
}
