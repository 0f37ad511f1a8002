// SPDX-License-Identifier: GPL-2.0-or-later
/* A process of the torture: its threads use whatever links there are until they are told to stop. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <signal.h>
#include <unistd.h>
#include "torture.h"

#define HELD 16 /* reservations of a file that are remembered, the oldest forgotten first */

/* A file, and what is reserved by it */
struct desk {
	pthread_mutex_t lock; /* covers @held and @next */
	int fd; /* -1: none */
	int life;
	uint8_t held[HELD][QKD_KEY_ID_LEN];
	unsigned int next;
};

struct worker {
	struct board *board;
	struct flight *flight;
	unsigned int seed;
	bool waits; /* its files are not O_NONBLOCK */
	struct desk own[PAIRS][2];
};

/* The files that the threads of this process share. They stay until the process is killed. */
static struct desk shared[PAIRS][2];

static unsigned int roll(struct worker *w, unsigned int n)
{
	return (unsigned int)rand_r(&w->seed) % n;
}

static void desk_open(struct board *board, struct desk *desk, int pair, int end, int flags)
{
	desk->fd = open_at(board, pair, end, flags, &desk->life);
}

static void desk_close(struct worker *w, struct desk *desk)
{
	atomic_fetch_add(&w->board->ops[OP_CLOSE], 1);
	close(desk->fd);
	desk->fd = -1;
}

static void takes_off(struct worker *w, const struct desk *desk, int end, int takes, int commits)
{
	atomic_store(&w->flight->life, desk->life);
	atomic_store(&w->flight->end, end);
	atomic_store(&w->flight->takes, takes);
	atomic_store(&w->flight->commits, commits);
}

static void lands(struct worker *w)
{
	atomic_store(&w->flight->takes, 0);
	atomic_store(&w->flight->commits, 0);
}

static int take(struct worker *w, struct desk *desk, int pair, int end)
{
	struct qkd_key_get get = { .size = sizeof(get), .timeout_ms = roll(w, 2) * 5 };
	int ret;

	takes_off(w, desk, end, 1, 0);
	ret = ioctl(desk->fd, QKD_IOC_GET_KEY, &get) ? -errno : 0;
	if (!ret) {
		board_spend(w->board, desk->life, end, get.key_id, false);
		board_post(w->board, pair, end, desk->life, get.key_id, get.key);
	}
	lands(w);
	return NOTE(w->board, OP_TAKE, ret, EAGAIN, ETIMEDOUT, EBUSY, ENODEV);
}

static int read_keys(struct worker *w, struct desk *desk, int pair, int end)
{
	struct qkd_record records[BATCH];
	ssize_t got;

	takes_off(w, desk, end, BATCH, 0);
	got = read(desk->fd, records, sizeof(records));
	if (got < 0)
		got = -errno;
	for (ssize_t i = 0; i < got / (ssize_t)sizeof(records[0]); i++) {
		board_spend(w->board, desk->life, end, records[i].key_id, false);
		board_post(w->board, pair, end, desk->life, records[i].key_id, records[i].key);
	}
	lands(w);
	return NOTE(w->board, OP_READ, (int)got, EAGAIN, ENODEV);
}

static int commit(struct worker *w, struct desk *desk, int end, const uint8_t *id)
{
	int ret;

	takes_off(w, desk, end, 0, 1);
	ret = qkd_commit(desk->fd, id);
	if (!ret)
		board_spend(w->board, desk->life, end, id, true);
	lands(w);
	return NOTE(w->board, OP_COMMIT, ret, ENOKEY, EKEYREVOKED, EKEYEXPIRED, ENODEV);
}

static int give_back(struct worker *w, struct desk *desk, const uint8_t *id)
{
	return NOTE(w->board, OP_RELEASE, qkd_release(desk->fd, id, 0), ENOKEY, ENODEV);
}

static void hold(struct desk *desk, const uint8_t *id)
{
	pthread_mutex_lock(&desk->lock);
	memcpy(desk->held[desk->next++ % HELD], id, QKD_KEY_ID_LEN);
	pthread_mutex_unlock(&desk->lock);
}

/* Ends a reservation of the desk's file, which another thread may be ending too. */
static void end_one(struct worker *w, struct desk *desk, int end)
{
	uint8_t id[QKD_KEY_ID_LEN];

	pthread_mutex_lock(&desk->lock);
	memcpy(id, desk->held[roll(w, HELD)], sizeof(id));
	pthread_mutex_unlock(&desk->lock);
	if (roll(w, 2))
		commit(w, desk, end, id);
	else
		give_back(w, desk, id);
}

static void dispose(struct worker *w, struct desk *desk, int end, const uint8_t *id)
{
	switch (roll(w, 8)) {
	case 0 ... 2:
		if (!commit(w, desk, end, id) && !commit(w, desk, end, id))
			atomic_fetch_add(&w->board->twice, 1);
		break;
	case 3 ... 5:
		give_back(w, desk, id);
		break;
	default:
		hold(desk, id);
	}
}

/* Looks up what was taken at the other end. */
static int reserve(struct worker *w, struct desk *desk, int pair, int end)
{
	struct qkd_key_get get = { .size = sizeof(get), .timeout_ms = roll(w, 2) * 5 };
	struct letter letter;
	int ret;

	if (!board_letter(w->board, pair, !end, roll(w, LETTERS), &letter) ||
	    letter.life != desk->life)
		return 0;
	memcpy(get.key_id, letter.id, sizeof(get.key_id));
	ret = ioctl(desk->fd, QKD_IOC_GET_KEY_BY_ID, &get) ? -errno : 0;
	NOTE(w->board, OP_RESERVE, ret, ENOKEY, EACCES, EKEYREVOKED, EKEYEXPIRED, EBUSY, ENODEV);
	if (ret)
		return ret;
	if (memcmp(get.key, letter.key, sizeof(get.key)))
		atomic_fetch_add(&w->board->mixed_up, 1);
	dispose(w, desk, end, letter.id);
	return 0;
}

static int look(struct worker *w, struct desk *desk)
{
	struct pollfd pfd = { .fd = desk->fd, .events = POLLIN };
	uint8_t id[QKD_KEY_ID_LEN];
	struct qkd_info info;
	struct qkd_key key;
	int ret;

	poll(&pfd, 1, 0);
	ret = NOTE(w->board, OP_LOOK, qkd_info(desk->fd, &info), ENODEV);
	for (size_t i = 0; i < sizeof(id); i++)
		id[i] = (uint8_t)roll(w, 256);
	if (!ret && !roll(w, 8) && !qkd_get_key_by_id(desk->fd, id, 1, &key))
		atomic_fetch_add(&w->board->mixed_up, 1);
	return ret;
}

static int use(struct worker *w, struct desk *desk, int pair, int end)
{
	switch (roll(w, 16)) {
	case 0 ... 3:
		return take(w, desk, pair, end);
	case 4:
		return w->waits ? 0 : read_keys(w, desk, pair, end);
	case 5:
		return look(w, desk);
	case 6 ... 8:
		end_one(w, desk, end);
		return 0;
	default:
		return reserve(w, desk, pair, end);
	}
}

static void use_own(struct worker *w, int pair, int end)
{
	struct desk *desk = &w->own[pair][end];

	if (desk->fd < 0) {
		desk_open(w->board, desk, pair, end, w->waits ? 0 : O_NONBLOCK);
		if (desk->fd < 0) {
			poll(NULL, 0, 1); /* the pair is on its way out, or in */
			return;
		}
		NOTE(w->board, OP_OPEN, 0, ENODEV);
	}
	if (use(w, desk, pair, end) == -ENODEV || !roll(w, 100))
		desk_close(w, desk);
}

static void *thread_run(void *arg)
{
	struct worker *w = arg;

	while (!atomic_load(&w->board->stop)) {
		const int pair = (int)roll(w, PAIRS), end = (int)roll(w, 2);

		if (roll(w, 4))
			use_own(w, pair, end);
		else if (shared[pair][end].fd >= 0)
			use(w, &shared[pair][end], pair, end);
	}
	return NULL;
}

static void init_desks(struct desk desks[PAIRS][2])
{
	for (int i = 0; i < 2 * PAIRS; i++) {
		pthread_mutex_init(&desks[i / 2][i % 2].lock, NULL);
		desks[i / 2][i % 2].fd = -1;
	}
}

void worker_run(struct board *board, int process, unsigned int seed)
{
	static struct worker workers[THREADS];
	pthread_t threads[THREADS];

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	close_range(3, ~0U, 0); /* the controller's, which would keep namespaces alive */
	if (open_home())
		_exit(1);
	init_desks(shared);
	for (int i = 0; i < 2 * PAIRS; i++)
		desk_open(board, &shared[i / 2][i % 2], i / 2, i % 2, O_NONBLOCK);
	for (int i = 0; i < THREADS; i++) {
		workers[i].board = board;
		workers[i].flight = &board->flights[process][i];
		workers[i].seed = seed + (unsigned int)i;
		workers[i].waits = i % 2;
		init_desks(workers[i].own);
		if (pthread_create(&threads[i], NULL, thread_run, &workers[i]))
			_exit(2);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	_exit(0);
}
