/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel self-tests share: links in network namespaces of their own, raw calls on /dev/qkd (so
 * that bad structures can be handed in), and waiting with a deadline.
 *
 * The harness runs each test in a process of its own, so a test may change namespaces, user IDs and
 * limits as it likes. Helpers return 0 or a negative errno.
 */
#ifndef _QKD_TEST_H
#define _QKD_TEST_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <qkd/libqkd.h>

#include "kselftest_harness.h"

/* Seconds. A machine that does something else beside the debug kernel's test takes longer than the harness's 30. */
#undef TEST_TIMEOUT_DEFAULT
#define TEST_TIMEOUT_DEFAULT 120

#define DEADLINE_MS 20000 /* nothing that is waited for takes so long on any machine */
#define TICK_MS	    5
#define SHORT_MS    50 /* a wait that is meant to end by its timeout */
#define SEED_LEN    32
#define RATE_FAST   1000000
#define SITE_A	    "site-a"
#define SITE_B	    "site-b"

static inline int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

/* Asserts that @condition, which may be evaluated often, comes true. */
#define ASSERT_SOON(condition)                                        \
	do {                                                          \
		const int64_t end_ = now_ms() + DEADLINE_MS;          \
		bool held_ = (condition);                             \
		while (!held_ && now_ms() < end_) {                   \
			poll(NULL, 0, TICK_MS);                       \
			held_ = (condition);                          \
		}                                                     \
		ASSERT_TRUE(held_)                                    \
		{                                                     \
			TH_LOG("waited in vain for: %s", #condition); \
		}                                                     \
	} while (0)

/* Processes */

/* How @pid ended, as waitpid() tells it; it is killed if it does not within the deadline. */
static inline int await(pid_t pid)
{
	const int64_t end = now_ms() + DEADLINE_MS;
	int status = -1;
	pid_t ret;

	while (!(ret = waitpid(pid, &status, WNOHANG)) && now_ms() < end)
		poll(NULL, 0, TICK_MS);
	if (!ret) {
		kill(pid, SIGKILL);
		waitpid(pid, &status, 0);
		return -1;
	}
	return ret < 0 ? -1 : status;
}

static inline bool exited_with_0(int status)
{
	return status >= 0 && WIFEXITED(status) && !WEXITSTATUS(status);
}

/* Links */

/* What is zero is left to the kernel; of the rate, to RATE_FAST. */
struct link_spec {
	const char *name;
	uint8_t role;
	char seed; /* SEED_LEN times this */
	int seed_fd; /* or what this file has, if it is no 0 */
	uint32_t rate, capacity, ttl_s, low, lease_s;
	const struct qkd_sim_settings *sim;
};

/* A file in memory with @len bytes of @byte, open for reading and writing. */
static inline int memory_file(char byte, size_t len)
{
	int fd = memfd_create("seed", MFD_CLOEXEC);
	char bytes[128];

	memset(bytes, byte, sizeof(bytes));
	if (fd >= 0 && (len > sizeof(bytes) || write(fd, bytes, len) != (ssize_t)len)) {
		close(fd);
		return -1;
	}
	return fd;
}

static inline int add_link(struct qkd_nl *nl, const struct link_spec *spec)
{
	const bool is_a = spec->role == QKD_ROLE_A;
	const uint32_t rate = spec->rate ? spec->rate : RATE_FAST;
	struct qkd_link_request request = {
		.name = spec->name,
		.provider = "sim",
		.local_sae = is_a ? SITE_A : SITE_B,
		.remote_sae = is_a ? SITE_B : SITE_A,
		.role = spec->role,
		.capacity = spec->capacity ? &spec->capacity : NULL,
		.ttl_s = spec->ttl_s ? &spec->ttl_s : NULL,
		.low = spec->low ? &spec->low : NULL,
		.lease_s = spec->lease_s ? &spec->lease_s : NULL,
		.sim_seed_fd =
			spec->seed_fd ? dup(spec->seed_fd) : memory_file(spec->seed, SEED_LEN),
		.sim_rate = &rate,
		.sim = spec->sim,
	};
	int ret;

	if (request.sim_seed_fd < 0)
		return -errno;
	ret = qkd_nl_link_add(nl, &request);
	close(request.sim_seed_fd);
	return ret;
}

/* @parameter, as "name=value", may be NULL. */
static inline int load_module(const char *module, const char *parameter)
{
	pid_t pid = fork();

	if (!pid) {
		execlp("modprobe", "modprobe", module, parameter, NULL);
		_exit(127);
	}
	return pid > 0 && exited_with_0(await(pid)) ? 0 : -ENOENT;
}

static inline int unload_module(const char *module)
{
	return syscall(SYS_delete_module, module, O_NONBLOCK) ? -errno : 0;
}

/* Puts this process into a new network namespace, without any link. */
static inline int new_namespace(struct qkd_nl **nl)
{
	if (access("/sys/module/qkd_sim", F_OK) && load_module("qkd_sim", NULL))
		return -ENOENT;
	if (unshare(CLONE_NEWNET))
		return -errno;
	return qkd_nl_open(nl);
}

/**
 * struct end - one end of a link, alone in its network namespace
 * @ns: the namespace, open
 * @nl: a netlink handle in it
 * @fd: /dev/qkd, opened in it
 */
struct end {
	int ns;
	struct qkd_nl *nl;
	int fd;
};

static inline int end_open(struct end *end, const struct link_spec *spec)
{
	int ret = new_namespace(&end->nl);

	if (!ret)
		ret = add_link(end->nl, spec);
	if (ret)
		return ret;
	end->ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (end->ns < 0)
		return -errno;
	end->fd = qkd_open(NULL, 0);
	return end->fd < 0 ? end->fd : 0;
}

static inline void end_close(struct end *end)
{
	close(end->fd);
	close(end->ns);
	qkd_nl_close(end->nl);
}

/* Another open file of the same end */
static inline int end_file(const struct end *end, int flags)
{
	if (setns(end->ns, CLONE_NEWNET))
		return -errno;
	return qkd_open(NULL, flags);
}

static inline uint64_t stat_of(struct qkd_nl *nl, const char *link, int stat)
{
	struct qkd_link_info info;

	return qkd_nl_link_get(nl, link, &info) ? UINT64_MAX : info.stats.value[stat];
}

/* Where keys are that a link has been given: all of them together */
static inline uint64_t accounted(const struct qkd_link_info *info)
{
	static const int where[] = {
		QKD_A_STATS_OUTBOUND_FRESH, QKD_A_STATS_INBOUND_FRESH, QKD_A_STATS_INBOUND_RESERVED,
		QKD_A_STATS_OUTBOUND_SPENT, QKD_A_STATS_INBOUND_SPENT, QKD_A_STATS_EXPIRED,
		QKD_A_STATS_PURGED,
	};
	uint64_t sum = 0;

	for (size_t i = 0; i < sizeof(where) / sizeof(where[0]); i++)
		sum += info->stats.value[where[i]];
	return sum;
}

/* Calls; an ID may be that of the structure to be filled */

static inline int call(int fd, unsigned long request, void *arg)
{
	return ioctl(fd, request, arg) < 0 ? -errno : 0;
}

static inline int get_key(int fd, uint32_t timeout_ms, struct qkd_key_get *get)
{
	*get = (struct qkd_key_get){ .size = sizeof(*get), .timeout_ms = timeout_ms };
	return call(fd, QKD_IOC_GET_KEY, get);
}

static inline int get_by_id(int fd, const uint8_t *id, uint32_t timeout_ms, struct qkd_key_get *get)
{
	struct qkd_key_get args = { .size = sizeof(args), .timeout_ms = timeout_ms };

	memcpy(args.key_id, id, sizeof(args.key_id));
	*get = args;
	return call(fd, QKD_IOC_GET_KEY_BY_ID, get);
}

static inline int commit(int fd, const uint8_t *id)
{
	struct qkd_key_ref ref = { .size = sizeof(ref) };

	memcpy(ref.key_id, id, sizeof(ref.key_id));
	return call(fd, QKD_IOC_COMMIT, &ref);
}

static inline int release(int fd, const uint8_t *id)
{
	struct qkd_key_ref ref = { .size = sizeof(ref) };

	memcpy(ref.key_id, id, sizeof(ref.key_id));
	return call(fd, QKD_IOC_RELEASE, &ref);
}

static inline bool all_zero(const void *bytes, size_t len)
{
	const uint8_t *p = bytes;

	while (len && !*p) {
		p++;
		len--;
	}
	return !len;
}

static inline bool same_key(const struct qkd_key_get *one, const struct qkd_key_get *other)
{
	return one->key_len == other->key_len &&
	       !memcmp(one->key_id, other->key_id, sizeof(one->key_id)) &&
	       !memcmp(one->key, other->key, sizeof(one->key));
}

/* The ID of an inbound key of the end of role a with this seed, by another end, which is gone again. */
static inline int inbound_id(char seed, uint8_t id[QKD_KEY_ID_LEN])
{
	const struct link_spec spec = { .name = "other", .role = QKD_ROLE_B, .seed = seed };
	int here = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	struct qkd_key_get get;
	struct end b;
	int ret = end_open(&b, &spec);

	memset(&get, 0, sizeof(get));
	if (!ret)
		ret = get_key(b.fd, DEADLINE_MS, &get);
	memcpy(id, get.key_id, QKD_KEY_ID_LEN);
	end_close(&b);
	if (setns(here, CLONE_NEWNET))
		ret = -EIO;
	close(here);
	return ret;
}

/* What poll() says of @fd now */
static inline short poll_now(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	return poll(&pfd, 1, 0) < 0 ? POLLNVAL : pfd.revents;
}

/* Whether poll() says any of @events within the deadline */
static inline bool poll_until(int fd, short events)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	const int64_t end = now_ms() + DEADLINE_MS;

	do {
		if (poll(&pfd, 1, DEADLINE_MS) < 0 && errno != EINTR)
			return false;
	} while (!(pfd.revents & events) && now_ms() < end);
	return pfd.revents & events;
}

#endif /* _QKD_TEST_H */
