// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>
#include "bench/keys/keys.h"

#define RANDOM_LEN   32
#define UNKNOWN_IOC  _IO(QKD_IOC_MAGIC, 255)
#define UNKNOWN_FLAG (1U << 31)

/* One thread's part. @error is an errno, 0 when all went well. */
struct worker {
	enum keys_op op;
	int fd;
	int cpu;
	uint8_t ids[KEYS_BATCH][QKD_KEY_ID_LEN];
	atomic_uint *ready;
	unsigned int threads;
	uint64_t nsec;
	int error;
};

static int do_getrandom(struct worker *worker, int i)
{
	uint8_t buf[RANDOM_LEN];

	return syscall(SYS_getrandom, buf, sizeof(buf), 0) == sizeof(buf) ? 0 : errno;
}

static int do_unknown(struct worker *worker, int i)
{
	return ioctl(worker->fd, UNKNOWN_IOC, NULL) && errno == ENOTTY ? 0 : EPROTO;
}

static int do_refused(struct worker *worker, int i)
{
	struct qkd_key_get get = { .size = sizeof(get), .flags = UNKNOWN_FLAG };

	return ioctl(worker->fd, QKD_IOC_GET_KEY, &get) && errno == EOPNOTSUPP ? 0 : EPROTO;
}

/* What a user does besides, wiping, is no part of the call's price, as it is none of getrandom's. */
static int do_get(struct worker *worker, int i)
{
	struct qkd_key_get get = { .size = sizeof(get) };

	return ioctl(worker->fd, QKD_IOC_GET_KEY, &get) ? errno : 0;
}

static int do_by_id(struct worker *worker, int i)
{
	struct qkd_key_get get = { .size = sizeof(get) };
	struct qkd_key_ref ref = { .size = sizeof(ref) };

	memcpy(get.key_id, worker->ids[i], sizeof(get.key_id));
	memcpy(ref.key_id, worker->ids[i], sizeof(ref.key_id));
	if (ioctl(worker->fd, QKD_IOC_GET_KEY_BY_ID, &get))
		return errno;
	return ioctl(worker->fd, QKD_IOC_COMMIT, &ref) ? errno : 0;
}

static int (*const does[KEYS_OPS])(struct worker *worker, int i) = {
	[KEYS_GETRANDOM] = do_getrandom, [KEYS_UNKNOWN] = do_unknown,
	[KEYS_REFUSED] = do_refused,	 [KEYS_GET] = do_get,
	[KEYS_BY_ID] = do_by_id,
};

static uint64_t now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* Starts when all are there, which each sees at once: none sleeps. */
static void *work(void *arg)
{
	struct worker *worker = arg;
	cpu_set_t cpus;
	uint64_t begin;
	int i;

	CPU_ZERO(&cpus);
	CPU_SET(worker->cpu, &cpus);
	if (sched_setaffinity(0, sizeof(cpus), &cpus))
		worker->error = errno;
	atomic_fetch_add(worker->ready, 1);
	while (atomic_load(worker->ready) < worker->threads)
		;
	begin = now();
	for (i = 0; !worker->error && i < KEYS_BATCH; i++)
		worker->error = does[worker->op](worker, i);
	worker->nsec = now() - begin;
	return NULL;
}

static bool failed(const char *what, int error)
{
	fprintf(stderr, "bench: %s: %s\n", what, strerror(error));
	return false;
}

static bool prepare(struct worker *worker, struct pool *pool)
{
	worker->fd = qkd_open(pool->name, 0);
	if (worker->fd < 0)
		return failed(pool->name, -worker->fd);
	if (worker->op == KEYS_BY_ID)
		pool_draw(pool, worker->ids, KEYS_BATCH);
	return true;
}

static bool run(struct worker workers[KEYS_THREADS], unsigned int threads)
{
	pthread_t ids[KEYS_THREADS];
	unsigned int i, started;
	int error = 0;

	for (started = 0; !error && started < threads; started++)
		error = pthread_create(&ids[started], NULL, work, &workers[started]);
	if (error) { /* the others wait for one that will not come */
		failed("a thread", error);
		_exit(1);
	}
	for (i = 0; i < threads; i++)
		pthread_join(ids[i], NULL);
	for (i = 0; i < threads; i++)
		if (workers[i].error)
			return failed("an operation", workers[i].error);
	return true;
}

bool measure(enum keys_op op, struct pool *pool, unsigned int threads, double *nsec)
{
	struct worker workers[KEYS_THREADS];
	atomic_uint ready = 0;
	unsigned int i;
	bool ok = true;

	memset(workers, 0, sizeof(workers));
	*nsec = 0;
	for (i = 0; i < threads; i++) {
		workers[i].op = op;
		workers[i].cpu = (int)i;
		workers[i].threads = threads;
		workers[i].ready = &ready;
		workers[i].fd = -1;
	}
	for (i = 0; ok && i < threads; i++)
		ok = prepare(&workers[i], pool);
	ok = ok && run(workers, threads);
	for (i = 0; i < threads; i++) {
		*nsec += (double)workers[i].nsec / KEYS_BATCH / threads;
		if (workers[i].fd >= 0)
			close(workers[i].fd);
	}
	return ok;
}
