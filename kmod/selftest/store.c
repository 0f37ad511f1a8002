// SPDX-License-Identifier: GPL-2.0-only
/*
 * The life of a key, without a link around it: each state, what may be asked of it there, and what comes of that.
 * In debug builds only, at load.
 */
#include <linux/errno.h>
#include <linux/printk.h>
#include <linux/slab.h>
#include <linux/string.h>

#include "../qkd.h"

#define CAPACITY 4
#define BUDGET	 1000

#define CHECK(CONDITION) check(s, (CONDITION), __func__, #CONDITION)

/* A store, and two files that hold keys of it */
struct scene {
	struct qkd_store store;
	struct qkd_holder one, other;
	struct list_head gone;
	bool failed;
};

static void check(struct scene *s, bool held, const char *test, const char *what)
{
	if (held)
		return;
	pr_err("qkd: selftest: %s: not so: %s\n", test, what);
	s->failed = true;
}

static void make_id(u8 *id, u8 nr)
{
	memset(id, 0, QKD_KEY_ID_LEN);
	id[0] = nr;
}

static int add(struct scene *s, enum qkd_direction dir, u8 nr)
{
	u8 id[QKD_KEY_ID_LEN], bytes[QKD_KEY_LEN_MIN];
	struct qkd_key *key;
	int err;

	make_id(id, nr);
	memset(bytes, nr, sizeof(bytes));
	key = qkd_store_alloc(&s->store, dir, id, bytes, sizeof(bytes), false);
	if (IS_ERR(key))
		return PTR_ERR(key);
	err = qkd_store_add(&s->store, key);
	if (err)
		list_add(&key->node, &s->gone);
	return err;
}

static int take(struct scene *s)
{
	struct qkd_key *key = qkd_store_take(&s->store, &s->gone);

	return key ? key->id[0] : -EAGAIN;
}

static int reserve(struct scene *s, struct qkd_holder *holder, u8 nr)
{
	u8 id[QKD_KEY_ID_LEN];
	struct qkd_key *key;
	int err;

	make_id(id, nr);
	err = qkd_store_reserve(&s->store, id, holder, &key, &s->gone);
	if (!err && (key->material[0] != nr || key->state != QKD_KEY_RESERVED))
		return -EBADMSG;
	return err;
}

static int commit(struct scene *s, struct qkd_holder *holder, u8 nr)
{
	u8 id[QKD_KEY_ID_LEN];

	make_id(id, nr);
	return qkd_store_commit(&s->store, id, holder, &s->gone);
}

static int release(struct scene *s, struct qkd_holder *holder, u8 nr)
{
	u8 id[QKD_KEY_ID_LEN];

	make_id(id, nr);
	return qkd_store_release(&s->store, id, holder, &s->gone);
}

static void outbound_is_spent_once_and_in_order(struct scene *s)
{
	CHECK(!add(s, QKD_OUTBOUND, 1) && !add(s, QKD_OUTBOUND, 2));
	CHECK(add(s, QKD_OUTBOUND, 1) == -EEXIST && add(s, QKD_INBOUND, 2) == -EEXIST);
	CHECK(reserve(s, &s->one, 1) == -ENOKEY);
	CHECK(take(s) == 1 && take(s) == 2 && take(s) == -EAGAIN);
	CHECK(add(s, QKD_OUTBOUND, 1) == -EEXIST);
	CHECK(reserve(s, &s->one, 1) == -ENOKEY);
	CHECK(s->store.stats[QKD_A_STATS_OUTBOUND_SPENT] == 2);
	CHECK(s->store.stats[QKD_A_STATS_REFUSED] == 3);
}

static void inbound_is_reserved_then_spent_or_fresh(struct scene *s)
{
	CHECK(reserve(s, &s->one, 1) == -ENOENT);
	CHECK(!add(s, QKD_INBOUND, 1));
	CHECK(commit(s, &s->one, 1) == -ENOKEY && release(s, &s->one, 1) == -ENOKEY);
	CHECK(!reserve(s, &s->one, 1) && s->store.reserved == 1);
	CHECK(reserve(s, &s->one, 1) == -EBUSY && reserve(s, &s->other, 1) == -EBUSY);
	CHECK(commit(s, &s->other, 1) == -ENOKEY && release(s, &s->other, 1) == -ENOKEY);
	CHECK(!release(s, &s->one, 1) && !s->store.reserved);
	CHECK(!reserve(s, &s->other, 1) && !commit(s, &s->other, 1));
	CHECK(commit(s, &s->other, 1) == -ENOKEY);
	CHECK(reserve(s, &s->one, 1) == -EKEYREVOKED);
	CHECK(take(s) == -EAGAIN);
	CHECK(s->store.stats[QKD_A_STATS_INBOUND_SPENT] == 1);
}

static void capacity_is_by_direction(struct scene *s)
{
	u8 nr;

	for (nr = 0; nr < CAPACITY; nr++)
		CHECK(!add(s, QKD_OUTBOUND, nr) && !add(s, QKD_INBOUND, 100 + nr));
	CHECK(!qkd_store_room(&s->store, QKD_OUTBOUND) && !qkd_store_room(&s->store, QKD_INBOUND));
	CHECK(add(s, QKD_OUTBOUND, 50) == -ENOSPC && add(s, QKD_INBOUND, 50) == -ENOSPC);
	/* A reserved key keeps its place, a spent one does not. */
	CHECK(!reserve(s, &s->one, 100) && add(s, QKD_INBOUND, 50) == -ENOSPC);
	CHECK(!commit(s, &s->one, 100) && !add(s, QKD_INBOUND, 50));
	CHECK(take(s) == 0 && !add(s, QKD_OUTBOUND, 51));
	CHECK(s->store.stats[QKD_A_STATS_DROPPED] == 3);
}

static void eviction_spares_what_is_reserved(struct scene *s)
{
	u8 nr;

	for (nr = 0; nr < CAPACITY; nr++)
		CHECK(!add(s, QKD_INBOUND, nr));
	CHECK(!reserve(s, &s->one, 0));
	qkd_store_evict(&s->store, 2, BUDGET, &s->gone);
	CHECK(qkd_store_room(&s->store, QKD_INBOUND) == 2);
	CHECK(reserve(s, &s->other, 1) == -EKEYEXPIRED && reserve(s, &s->other, 2) == -EKEYEXPIRED);
	CHECK(!reserve(s, &s->other, 3) && !commit(s, &s->one, 0));
	qkd_store_evict(&s->store, CAPACITY, BUDGET, &s->gone);
	CHECK(qkd_store_room(&s->store, QKD_INBOUND) == CAPACITY - 1);
}

/* Born long ago, by hand */
static void make_old(struct scene *s)
{
	struct qkd_key *key;
	int dir;

	s->store.ttl_ns = NSEC_PER_SEC;
	for (dir = QKD_OUTBOUND; dir <= QKD_INBOUND; dir++) {
		list_for_each_entry(key, &s->store.fifo[dir], node)
			key->born -= 2 * NSEC_PER_SEC;
	}
}

static void old_keys_expire_unless_reserved(struct scene *s)
{
	CHECK(!add(s, QKD_OUTBOUND, 1) && !add(s, QKD_INBOUND, 2) && !add(s, QKD_INBOUND, 3) &&
	      !add(s, QKD_INBOUND, 4));
	CHECK(!qkd_store_next_end(&s->store));
	CHECK(!reserve(s, &s->one, 2) && !reserve(s, &s->one, 3));
	make_old(s);
	CHECK(qkd_store_next_end(&s->store));
	CHECK(reserve(s, &s->other, 4) == -EKEYEXPIRED);
	CHECK(!qkd_store_reap(&s->store, BUDGET, &s->gone));
	CHECK(take(s) == -EAGAIN && s->store.stats[QKD_A_STATS_EXPIRED] == 2);
	CHECK(!commit(s, &s->one, 2));
	CHECK(!release(s, &s->one, 3) && reserve(s, &s->other, 3) == -EKEYEXPIRED);
	CHECK(s->store.stats[QKD_A_STATS_EXPIRED] == 3);
}

/* Held past its time, and put back when there is more time: it is as if it had never been too old. */
static void keys_age_again_that_a_longer_time_spares(struct scene *s)
{
	CHECK(!add(s, QKD_INBOUND, 1) && !add(s, QKD_INBOUND, 2) && !reserve(s, &s->one, 1));
	make_old(s);
	CHECK(!qkd_store_reap(&s->store, BUDGET, &s->gone));
	CHECK(s->store.stats[QKD_A_STATS_EXPIRED] == 1);
	qkd_store_set_ttl(&s->store, 60 * NSEC_PER_SEC);
	CHECK(!qkd_store_reap(&s->store, BUDGET, &s->gone));
	CHECK(!add(s, QKD_INBOUND, 3));
	CHECK(!release(s, &s->one, 1) && s->store.stats[QKD_A_STATS_EXPIRED] == 1);
	CHECK(qkd_store_next_end(&s->store));
	qkd_store_set_ttl(&s->store, NSEC_PER_SEC);
	CHECK(!qkd_store_reap(&s->store, BUDGET, &s->gone));
	CHECK(s->store.stats[QKD_A_STATS_EXPIRED] == 2 && reserve(s, &s->one, 1) == -EKEYEXPIRED);
	CHECK(!reserve(s, &s->one, 3));
}

static void a_purge_withdraws_all_there_is(struct scene *s)
{
	struct qkd_key *key;

	CHECK(!add(s, QKD_OUTBOUND, 1) && !add(s, QKD_INBOUND, 2) && !add(s, QKD_INBOUND, 3) &&
	      !add(s, QKD_INBOUND, 4));
	CHECK(!reserve(s, &s->one, 2) && !reserve(s, &s->one, 3));
	CHECK(qkd_store_outbound(&s->store) == 1);
	qkd_store_new_generation(&s->store, QKD_OUTBOUND);
	qkd_store_new_generation(&s->store, QKD_INBOUND);
	CHECK(!qkd_store_outbound(&s->store));
	CHECK(!add(s, QKD_INBOUND, 5) && !add(s, QKD_OUTBOUND, 6));
	CHECK(qkd_store_outbound(&s->store) == 1);
	/* A second purge before the first has been seen to */
	qkd_store_new_generation(&s->store, QKD_OUTBOUND);
	CHECK(!qkd_store_outbound(&s->store) && !add(s, QKD_OUTBOUND, 7));
	CHECK(!qkd_store_reap(&s->store, BUDGET, &s->gone));
	CHECK(qkd_store_outbound(&s->store) == 1 && take(s) == 7);
	/* Whoever holds one is told; its bytes are gone already. */
	CHECK(s->store.reserved == 2 && s->store.stats[QKD_A_STATS_PURGED] == 5);
	list_for_each_entry(key, &s->one.keys, held)
		CHECK(key->state == QKD_KEY_WITHDRAWN &&
		      !memchr_inv(key->material, 0, QKD_KEY_LEN_MIN));
	CHECK(commit(s, &s->one, 2) == -EKEYREVOKED && !release(s, &s->one, 3));
	CHECK(reserve(s, &s->one, 3) == -EKEYREVOKED && reserve(s, &s->one, 4) == -EKEYREVOKED);
	CHECK(!s->store.reserved && s->store.stats[QKD_A_STATS_PURGED] == 5);
	CHECK(take(s) == -EAGAIN && !reserve(s, &s->one, 5));
}

static void a_holder_that_goes_gives_all_back(struct scene *s)
{
	u8 nr;

	for (nr = 0; nr < CAPACITY; nr++)
		CHECK(!add(s, QKD_INBOUND, nr) && !reserve(s, &s->one, nr));
	CHECK(qkd_store_release_all(&s->store, &s->one, 1, &s->gone));
	CHECK(s->store.reserved == CAPACITY - 1);
	CHECK(!qkd_store_release_all(&s->store, &s->one, BUDGET, &s->gone));
	CHECK(!s->store.reserved && s->store.stats[QKD_A_STATS_RELEASED] == CAPACITY);
	for (nr = 0; nr < CAPACITY; nr++)
		CHECK(!reserve(s, &s->other, nr));
}

/* Of the IDs that are gone, the last four times CAPACITY at least are remembered, and not all. */
static void ids_are_remembered_for_long_but_not_for_ever(struct scene *s)
{
	u8 nr;

	for (nr = 0; nr < 100; nr++)
		CHECK(!add(s, QKD_OUTBOUND, nr) && take(s) == nr);
	for (nr = 100 - 4 * CAPACITY; nr < 100; nr++)
		CHECK(add(s, QKD_OUTBOUND, nr) == -EEXIST);
	CHECK(!add(s, QKD_OUTBOUND, 0));
}

static void (*const tests[])(struct scene *s) = {
	outbound_is_spent_once_and_in_order,
	inbound_is_reserved_then_spent_or_fresh,
	capacity_is_by_direction,
	eviction_spares_what_is_reserved,
	old_keys_expire_unless_reserved,
	keys_age_again_that_a_longer_time_spares,
	a_purge_withdraws_all_there_is,
	a_holder_that_goes_gives_all_back,
	ids_are_remembered_for_long_but_not_for_ever,
};

/* Whatever a test leaves, an end accounts for every key. */
static void check_end(struct scene *s)
{
	CHECK(!qkd_store_drain(&s->store, BUDGET, &s->gone));
	CHECK(qkd_store_is_settled(&s->store));
	CHECK(list_empty(&s->one.keys) && list_empty(&s->other.keys));
}

static int run(void (*test)(struct scene *s), struct scene *s)
{
	int err;

	INIT_LIST_HEAD(&s->one.keys);
	INIT_LIST_HEAD(&s->other.keys);
	INIT_LIST_HEAD(&s->gone);
	err = qkd_store_init(&s->store, CAPACITY);
	if (err)
		return err;
	test(s);
	check_end(s);
	qkd_key_free_list(&s->gone);
	qkd_store_destroy(&s->store);
	return s->failed ? -EBADMSG : 0;
}

int qkd_selftest(void)
{
	struct scene *s = kzalloc(sizeof(*s), GFP_KERNEL);
	int err = s ? 0 : -ENOMEM;
	int i;

	for (i = 0; !err && i < ARRAY_SIZE(tests); i++)
		err = run(tests[i], s);
	kfree(s);
	return err;
}
