// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A feed that is killed at any moment and started again. Its keys follow from their IDs, and these from life, end
 * and number, so that the feeds of both ends have the same without having spoken.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>
#include "torture.h"

#define REQUESTS 16
#define TICK_MS	 20

/* The board's tags need the last bits for themselves. */
struct name {
	uint32_t life, end;
	uint64_t number;
};
#define NUMBERED(NR) ((NR) << 8)

_Static_assert(sizeof(struct name) == QKD_KEY_ID_LEN, "an ID is a name");

struct feeder {
	struct board *board;
	unsigned int seed;
	int end, life, feed;
};

static unsigned int roll(struct feeder *f, unsigned int n)
{
	return (unsigned int)rand_r(&f->seed) % n;
}

static int put(struct feeder *f, uint8_t direction, const struct name *name)
{
	uint8_t id[QKD_KEY_ID_LEN], key[QKD_FEED_KEY_LEN];

	memcpy(id, name, sizeof(id));
	for (size_t i = 0; i < sizeof(key); i++)
		key[i] = (uint8_t)(id[i % sizeof(id)] * 31 + i);
	return qkd_feed_key(f->feed, direction, id, key, sizeof(key));
}

/* A number is used up before its key is given out, whatever becomes of this process. */
static int send_keys(struct feeder *f, uint32_t count)
{
	struct life *life = &f->board->lives[f->life];
	int ret = 0;

	while (!ret && count--) {
		const struct name name = {
			.life = (uint32_t)f->life,
			.end = (uint32_t)f->end,
			.number = NUMBERED(atomic_fetch_add(&life->fed[f->end], 1)),
		};

		ret = NOTE(f->board, OP_FEED, put(f, QKD_DIR_OUTBOUND, &name), ENOSPC, ENODEV);
	}
	return ret == -ENODEV ? ret : 0;
}

/* What the other end's feeds have made is given out here once; all else there is not. */
static int answer_id(struct feeder *f, const uint8_t *id)
{
	struct life *life = &f->board->lives[f->life];
	struct name name;
	int ret;

	memcpy(&name, id, sizeof(name));
	if (name.life == (uint32_t)f->life && name.end == (uint32_t)!f->end &&
	    name.number < NUMBERED(atomic_load(&life->fed[!f->end])) &&
	    board_once(f->board, f->end, id))
		ret = put(f, QKD_DIR_INBOUND, &name);
	else
		ret = qkd_feed_refuse(f->feed, id, roll(f, 2) ? ENOKEY : EACCES);
	NOTE(f->board, OP_ANSWER, ret, ENOENT, ENOSPC, ENODEV);
	return ret == -ENODEV ? ret : 0;
}

static int answer(struct feeder *f, const struct qkd_feed_request *request)
{
	switch (request->type) {
	case QKD_FEED_KEYS:
		return send_keys(f, request->count);
	case QKD_FEED_ID:
		return answer_id(f, request->key_id);
	default:
		return 0;
	}
}

static int answer_all(struct feeder *f)
{
	struct qkd_feed_request requests[REQUESTS];
	int n = qkd_feed_read(f->feed, requests, REQUESTS), ret = 0;

	if (n == -EAGAIN)
		return 0;
	for (int i = 0; !ret && i < n; i++)
		ret = answer(f, &requests[i]);
	return n <= 0 ? -ENODEV : ret;
}

static bool open_feed(struct feeder *f)
{
	int fd = open_at(f->board, FED, f->end, 0, &f->life);

	if (fd < 0)
		return false;
	f->feed = qkd_feed_open(fd, QKD_FEED_F_NONBLOCK);
	close(fd);
	NOTE(f->board, OP_OPEN, f->feed, ENODEV);
	return f->feed >= 0;
}

void feeder_run(struct board *board, int end, unsigned int seed)
{
	struct feeder f = { .board = board, .seed = seed, .end = end };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close_range(3, ~0U, 0);
	if (open_home())
		_exit(1);
	while (!atomic_load(&board->stop)) {
		struct pollfd pfd = { .events = POLLIN };

		if (!open_feed(&f)) {
			poll(NULL, 0, 1);
			continue;
		}
		pfd.fd = f.feed;
		while (!atomic_load(&board->stop) && roll(&f, 100)) {
			poll(&pfd, 1, TICK_MS);
			if (!roll(&f, 8))
				qkd_feed_report(f.feed, roll(&f, 2), roll(&f, 1000000),
						roll(&f, 1000));
			if (answer_all(&f))
				break;
		}
		close(f.feed);
	}
	_exit(0);
}
