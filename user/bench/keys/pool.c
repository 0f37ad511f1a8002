// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "bench/keys/keys.h"

#define PEER_CAPACITY 4096
#define WAIT_MS	      60000 /* for one key; nothing takes so long */
#define TICK_MS	      5
#define SEED_LEN      32

static bool failed(const struct pool *pool, const char *what, int err)
{
	fprintf(stderr, "bench: %s: %s: %s\n", pool->name, what, strerror(-err));
	return false;
}

static int seed_file(uint32_t size)
{
	uint8_t seed[SEED_LEN] = { 0 };
	int fd = memfd_create("seed", MFD_CLOEXEC);

	memcpy(seed, &size, sizeof(size));
	if (fd >= 0 && write(fd, seed, sizeof(seed)) != sizeof(seed)) {
		close(fd);
		return -1;
	}
	return fd;
}

static int add_link(struct qkd_nl *nl, const struct pool *pool, bool is_peer, uint32_t capacity)
{
	const uint32_t rate = QKD_SIM_RATE_MIN;
	struct qkd_link_request request = {
		.name = is_peer ? pool->peer : pool->name,
		.provider = "sim",
		.local_sae = is_peer ? pool->peer : pool->name,
		.remote_sae = is_peer ? pool->name : pool->peer,
		.role = is_peer ? QKD_ROLE_B : QKD_ROLE_A,
		.capacity = &capacity,
		.sim_rate = &rate,
		.sim_seed_fd = seed_file(pool->size),
	};
	int err;

	if (request.sim_seed_fd < 0)
		return -errno;
	err = qkd_nl_link_add(nl, &request);
	close(request.sim_seed_fd);
	return err;
}

bool pool_make_peer(struct qkd_nl *nl, struct pool *pool, uint32_t size)
{
	size_t bytes = size * sizeof(pool->ids[0]);
	int err;

	pool->size = size;
	snprintf(pool->name, sizeof(pool->name), "pool-%u", size);
	snprintf(pool->peer, sizeof(pool->peer), "peer-%u", size);
	pool->ids = malloc(bytes);
	if (!pool->ids)
		return failed(pool, "IDs", -ENOMEM);
	memset(pool->ids, 0, bytes); /* so that it counts before the keys are counted */
	err = add_link(nl, pool, true, size < PEER_CAPACITY ? size : PEER_CAPACITY);
	if (err)
		return failed(pool, pool->peer, err);
	pool->peer_fd = qkd_open(pool->peer, 0);
	return pool->peer_fd >= 0 || failed(pool, pool->peer, pool->peer_fd);
}

bool pool_make(struct qkd_nl *nl, struct pool *pool)
{
	int err = add_link(nl, pool, false, pool->size);

	return !err || failed(pool, "link add", err);
}

static int set_rate(struct qkd_nl *nl, const struct pool *pool, uint32_t rate)
{
	struct qkd_link_change change = { .name = pool->name };
	int err;

	qkd_sim_give(&change.sim, QKD_A_SIM_RATE, rate);
	err = qkd_nl_link_set(nl, &change);
	if (err)
		return err;
	change.name = pool->peer;
	return qkd_nl_link_set(nl, &change);
}

/* Both ends see the same blocks in the same order, so what the peer takes is what comes in here. */
static int collect(struct pool *pool)
{
	struct qkd_key key;
	int err = 0;

	while (!err && pool->count < pool->size) {
		err = qkd_get_key(pool->peer_fd, WAIT_MS, &key);
		if (!err)
			memcpy(pool->ids[pool->count++], key.id, QKD_KEY_ID_LEN);
		qkd_key_wipe(&key);
	}
	return err;
}

static int wait_full(struct pool *pool)
{
	struct qkd_info info;
	int fd = qkd_open(pool->name, 0);
	int err = fd < 0 ? fd : 0;

	while (!err) {
		err = qkd_info(fd, &info);
		if (info.outbound_fresh == pool->size && info.inbound_fresh == pool->size)
			break;
		poll(NULL, 0, TICK_MS);
	}
	if (fd >= 0)
		close(fd);
	return err;
}

bool pool_fill(struct qkd_nl *nl, struct pool *pool)
{
	int err = set_rate(nl, pool, QKD_SIM_RATE_MAX);

	if (!err)
		err = collect(pool);
	if (!err)
		err = wait_full(pool);
	if (!err)
		err = set_rate(nl, pool, QKD_SIM_RATE_MIN);
	return !err || failed(pool, "filling", err);
}

void pool_draw(struct pool *pool, uint8_t (*ids)[QKD_KEY_ID_LEN], uint32_t count)
{
	uint32_t i, at;

	for (i = 0; i < count; i++) {
		at = (uint32_t)random() % pool->count;
		memcpy(ids[i], pool->ids[at], sizeof(ids[i]));
		memcpy(pool->ids[at], pool->ids[--pool->count], sizeof(ids[i]));
	}
}
