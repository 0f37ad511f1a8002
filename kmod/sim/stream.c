// SPDX-License-Identifier: GPL-2.0-only
/*
 * The two streams of a simulated link: even and odd blocks, one outbound and one inbound here, each
 * at half the link's rate.
 *
 * How two ends agree on every key without talking:
 *  - A stream makes its blocks in order, each once, and stalls while its direction is full here. So
 *    an end never throws away a block that the other end may still use.
 *  - An ID that the peer sends tells its block (prf.c). If that is beyond the inbound stream's
 *    position, the peer has it already, so the stream jumps there at once: this end was started
 *    later, or is full of keys that the peer took for connections that never arrived. The oldest of
 *    those make room. Of a long jump only the last JUMP_MAX blocks are made; connections that
 *    overtake each other by more than that find no key.
 *  - A block before the position is never made again, so no key is ever delivered twice (but by a
 *    fault that was asked for).
 *
 * A block that has been made is on its way (flight.c) until it is due, which is at once but for delays that
 * were asked for, and until there is room for it.
 */
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/timekeeping.h>

#include "sim.h"

#define KEY_BITS    (8ULL * QKD_SIM_KEY_LEN)
#define BURST_MIN   32 /* keys in hand at the start, or after a stall */
#define JUMP_MAX    256 /* blocks made for one look-up */
#define BATCH_MAX   512 /* blocks made in one go */
#define FLIGHT_MAX  4096 /* blocks on their way, in each direction */
#define BLOCK_MAX   (1ULL << 61) /* leaves as many before the numbers that an ID has room for end */
#define STALL_DELAY msecs_to_jiffies(100) /* how often a full direction is looked at */

/* One key costs its bits at half the link's rate: the unit is bits of the link's rate times ns. */
#define KEY_COST    (2 * KEY_BITS * NSEC_PER_SEC)
#define ELAPSED_MAX (10ULL * NSEC_PER_SEC) /* times the highest rate still fits in 64 bits */

/* Covered by the link's lock. */
struct stream {
	enum qkd_direction dir;
	u64 next; /* block, always of this stream's parity */
	u64 credit;
	bool stalled;
	struct qkd_sim_flight flight;
};

/*
 * Owned by the link, from link_open to link_close. @lock covers all that changes; @settings are written
 * in the core's callbacks only, which are serialised, so another of them may read without it.
 */
struct qkd_sim_link {
	struct qkd_link *link;
	struct qkd_sim_settings settings;
	u64 credit_max;
	struct mutex lock; /* work and look-ups meet here */
	struct qkd_sim_prf prf;
	struct stream streams[2];
	u64 last; /* boot-time clock, ns, of the last crediting */
	struct delayed_work work;
};

static int deliver_block(struct qkd_sim_link *sim, enum qkd_direction dir,
			 const struct qkd_sim_block *block)
{
	const struct qkd_sim_fate *fate = &block->fate;
	u8 id[QKD_KEY_ID_LEN];
	u8 key[QKD_SIM_KEY_LEN];
	int err;

	err = qkd_sim_prf_id(&sim->prf, block->number, id);
	if (!err)
		err = qkd_sim_prf_key(&sim->prf, block->number, key);
	if (!err) {
		if (fate->flipped)
			key[fate->bit / 8] ^= 1 << fate->bit % 8;
		err = qkd_link_deliver(sim->link, dir, id, key, sizeof(key));
	}
	/* The core refuses the second one, and that is the point of it. */
	if (!err && fate->twice)
		qkd_link_deliver(sim->link, dir, id, key, sizeof(key));
	memzero_explicit(key, sizeof(key));
	return err;
}

/* Delivers what is due. A block that the link does not take stays first and comes again later. */
static void deliver_due(struct qkd_sim_link *sim, struct stream *stream)
{
	unsigned int room = qkd_link_room(sim->link, stream->dir);
	u64 now = ktime_get_boottime_ns();
	struct qkd_sim_block *block;
	int err;

	while ((block = qkd_sim_flight_first(&stream->flight)) && block->due <= now) {
		err = room ? deliver_block(sim, stream->dir, block) : -ENOSPC;
		/* What the core knows already it will not take later either. */
		if (err && err != -EEXIST) {
			stream->stalled = true;
			break;
		}
		qkd_sim_flight_drop_first(&stream->flight);
		room--;
		cond_resched();
	}
}

/* Makes the stream's next block, to be delivered in @delay ns or later. */
static int make_block(struct qkd_sim_link *sim, struct stream *stream, u64 delay)
{
	u64 due = ktime_get_boottime_ns() + delay;
	struct qkd_sim_fate fate;
	int err;

	err = qkd_sim_fate(&sim->prf, &sim->settings, stream->next, &fate);
	if (!err)
		err = qkd_sim_flight_add(&stream->flight, stream->next, due + fate.delay, &fate);
	if (!err)
		stream->next += 2;
	return err;
}

/* Makes up to @budget blocks that the credit and the room allow, and delivers what is due. */
static void run_stream(struct qkd_sim_link *sim, struct stream *stream, unsigned int budget)
{
	unsigned int room = min_t(unsigned int, qkd_link_room(sim->link, stream->dir), FLIGHT_MAX);

	stream->stalled = false;
	while (budget-- && stream->credit >= KEY_COST) {
		if (stream->flight.count >= room || make_block(sim, stream, 0)) {
			stream->stalled = true;
			break;
		}
		stream->credit -= KEY_COST;
	}
	deliver_due(sim, stream);
}

static void add_credit(struct qkd_sim_link *sim)
{
	u64 now = ktime_get_boottime_ns();
	u64 earned = min(now - sim->last, ELAPSED_MAX) * sim->settings.rate;
	int i;

	sim->last = now;
	if (!qkd_sim_channel_works(&sim->settings))
		return;
	for (i = 0; i < ARRAY_SIZE(sim->streams); i++)
		sim->streams[i].credit = min(sim->streams[i].credit + earned, sim->credit_max);
}

/* Jiffies until a block can be made, or looked for room again. */
static unsigned long making_delay(const struct qkd_sim_link *sim, const struct stream *stream)
{
	if (stream->stalled)
		return STALL_DELAY;
	if (stream->credit >= KEY_COST)
		return 0;
	return nsecs_to_jiffies(div_u64(KEY_COST - stream->credit, sim->settings.rate)) + 1;
}

/* Jiffies until a stream has something to do. */
static unsigned long stream_delay(const struct qkd_sim_link *sim, struct stream *stream)
{
	struct qkd_sim_block *first = qkd_sim_flight_first(&stream->flight);
	unsigned long delay = making_delay(sim, stream);
	u64 now = ktime_get_boottime_ns();

	if (first && first->due > now)
		delay = min(delay, nsecs_to_jiffies(first->due - now) + 1);
	return delay;
}

static void stream_work(struct work_struct *work)
{
	struct qkd_sim_link *sim = container_of(to_delayed_work(work), struct qkd_sim_link, work);
	unsigned long delay = MAX_JIFFY_OFFSET;
	int i;

	mutex_lock(&sim->lock);
	add_credit(sim);
	for (i = 0; qkd_sim_channel_works(&sim->settings) && i < ARRAY_SIZE(sim->streams); i++) {
		run_stream(sim, &sim->streams[i], BATCH_MAX);
		delay = min(delay, stream_delay(sim, &sim->streams[i]));
	}
	mutex_unlock(&sim->lock);
	queue_delayed_work(qkd_sim_wq, &sim->work, delay);
}

static void apply_settings(struct qkd_sim_link *sim, const struct qkd_sim_settings *settings)
{
	sim->settings = *settings;
	sim->credit_max = max_t(u64, BURST_MIN, settings->rate / (4 * 2 * KEY_BITS)) * KEY_COST;
	qkd_sim_channel_report(sim->link, settings);
}

static void init_streams(struct qkd_sim_link *sim)
{
	u64 block;

	for (block = 0; block < ARRAY_SIZE(sim->streams); block++) {
		sim->streams[block].dir = qkd_link_block_direction(sim->link, block);
		sim->streams[block].next = block;
		sim->streams[block].credit = BURST_MIN * KEY_COST;
		qkd_sim_flight_init(&sim->streams[block].flight);
	}
	sim->last = ktime_get_boottime_ns();
}

struct qkd_sim_link *qkd_sim_link_start(struct qkd_link *link, const struct qkd_sim_seed *seed,
					const struct qkd_sim_settings *settings)
{
	bool is_a = qkd_link_role(link) == QKD_ROLE_A;
	const char *local = qkd_link_local_sae(link);
	const char *remote = qkd_link_remote_sae(link);
	struct qkd_sim_link *sim = kzalloc(sizeof(*sim), GFP_KERNEL_ACCOUNT);
	int err;

	if (!sim)
		return ERR_PTR(-ENOMEM);
	err = qkd_sim_prf_init(&sim->prf, seed, is_a ? local : remote, is_a ? remote : local);
	if (err) {
		kfree(sim);
		return ERR_PTR(err);
	}
	sim->link = link;
	apply_settings(sim, settings);
	mutex_init(&sim->lock);
	init_streams(sim);
	INIT_DELAYED_WORK(&sim->work, stream_work);
	queue_delayed_work(qkd_sim_wq, &sim->work, 0);
	return sim;
}

void qkd_sim_link_stop(struct qkd_sim_link *sim)
{
	int i;

	cancel_delayed_work_sync(&sim->work);
	for (i = 0; i < ARRAY_SIZE(sim->streams); i++)
		qkd_sim_flight_exit(&sim->streams[i].flight);
	qkd_sim_prf_exit(&sim->prf);
	kfree(sim);
}

/*
 * The inbound stream jumps so that @block, which is ahead of it, is the last it has made. What was on its way
 * goes before, and comes when it is due.
 */
static int jump_to(struct qkd_sim_link *sim, struct stream *stream, u64 block)
{
	u64 delay = (u64)sim->settings.fetch_delay * NSEC_PER_MSEC;
	u64 ahead = (block - stream->next) / 2 + 1;
	unsigned int want = min_t(u64, ahead, JUMP_MAX);
	unsigned int flying, room;
	int err = 0;

	qkd_sim_flight_unhold(&stream->flight);
	flying = stream->flight.count;
	room = qkd_link_make_room(sim->link, flying + want);
	if (room <= flying || flying >= FLIGHT_MAX)
		return -ENOKEY;
	want = min(want, room - flying);
	stream->next = block - 2 * (u64)(want - 1);
	while (!err && stream->next <= block)
		err = make_block(sim, stream, delay);
	/* Who looks the last one up does not wait for another to overtake it. */
	qkd_sim_flight_unhold(&stream->flight);
	deliver_due(sim, stream);
	/* When what comes is due the work does not know yet. */
	if (stream->flight.count)
		mod_delayed_work(qkd_sim_wq, &sim->work, 0);
	return err;
}

/* 0 if the key of @block comes, or has come just now. */
static int seek_block(struct qkd_sim_link *sim, struct stream *stream, u64 block)
{
	struct qkd_sim_fate fate;
	int err;

	if (stream->dir != QKD_INBOUND || !qkd_sim_channel_works(&sim->settings))
		return -ENOKEY;
	if (block < stream->next) {
		if (!qkd_sim_flight_has(&stream->flight, block))
			return -ENOKEY;
		/* It may have found no room when it was due, and find some now. */
		deliver_due(sim, stream);
		return 0;
	}
	err = jump_to(sim, stream, block);
	if (!err)
		err = qkd_sim_fate(&sim->prf, &sim->settings, block, &fate);
	return err || fate.lost ? -ENOKEY : 0;
}

/* The peer has sent this ID: brings its key if the inbound stream has not made it yet. */
int qkd_sim_link_seek(struct qkd_sim_link *sim, const u8 id[QKD_KEY_ID_LEN])
{
	u64 block;
	int err;

	mutex_lock(&sim->lock);
	err = qkd_sim_prf_block(&sim->prf, id, &block);
	if (!err)
		err = seek_block(sim, &sim->streams[block & 1], block);
	mutex_unlock(&sim->lock);
	return err ? -ENOKEY : 0;
}

/* The first block of the stream of parity @parity, @block or after it */
static u64 first_of(u64 block, unsigned int parity)
{
	return block + ((block ^ parity) & 1);
}

static void move_stream(struct qkd_sim_link *sim, struct stream *stream, u64 next)
{
	qkd_sim_flight_exit(&stream->flight);
	qkd_link_discard(sim->link, stream->dir);
	stream->next = next;
}

/* -EINVAL: too large, or all blocks from @block on have been made. */
int qkd_sim_link_resync(struct qkd_sim_link *sim, u64 block, struct netlink_ext_ack *extack)
{
	int err = -EINVAL;
	int i;

	if (block > BLOCK_MAX) {
		NL_SET_ERR_MSG(extack, "no block has so large a number");
		return -EINVAL;
	}
	mutex_lock(&sim->lock);
	for (i = 0; i < ARRAY_SIZE(sim->streams); i++) {
		if (first_of(block, i) < sim->streams[i].next)
			continue;
		move_stream(sim, &sim->streams[i], first_of(block, i));
		err = 0;
	}
	mutex_unlock(&sim->lock);
	if (err)
		NL_SET_ERR_MSG(extack, "a block is never made twice: take one that is yet to come");
	else
		mod_delayed_work(qkd_sim_wq, &sim->work, 0);
	return err;
}

/* The block from which on none has been made */
u64 qkd_sim_link_block(struct qkd_sim_link *sim)
{
	u64 block;

	mutex_lock(&sim->lock);
	block = max(sim->streams[0].next, sim->streams[1].next);
	mutex_unlock(&sim->lock);
	return block;
}

/* What has been earned was earned at the old rate. */
void qkd_sim_link_set(struct qkd_sim_link *sim, const struct qkd_sim_settings *settings)
{
	mutex_lock(&sim->lock);
	add_credit(sim);
	apply_settings(sim, settings);
	mutex_unlock(&sim->lock);
	mod_delayed_work(qkd_sim_wq, &sim->work, 0);
}

const struct qkd_sim_settings *qkd_sim_link_settings(const struct qkd_sim_link *sim)
{
	return &sim->settings;
}
