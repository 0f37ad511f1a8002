// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "bench/kme/kme.h"

#define WAIT_MS	 60000
#define LOOK_NS	 1000000 /* how often to look at the level */
#define NS_PER_S 1000000000ULL

struct kernel {
	struct store store;
	int fd;
};

static bool failed(const char *what, int err)
{
	return kme_failed(what, strerror(-err));
}

static bool kernel_lookup(struct store *store, const uint8_t id[QKD_KEY_ID_LEN], uint64_t *nsec)
{
	struct kernel *kernel = (struct kernel *)store;
	const uint64_t begin = kme_now();
	struct qkd_key key;
	int ret = qkd_get_key_by_id(kernel->fd, id, WAIT_MS, &key);

	*nsec = kme_now() - begin;
	qkd_key_wipe(&key);
	if (!ret)
		ret = qkd_commit(kernel->fd, id);
	return !ret || failed("a key by its ID", ret);
}

/* Until @info tells what is wanted of it: @keys outbound ones, and that the link is up */
static bool wait_level(struct kernel *kernel, uint32_t keys)
{
	const struct timespec pause = { .tv_nsec = LOOK_NS };
	const uint64_t end = kme_now() + WAIT_MS / 1000 * NS_PER_S;
	struct qkd_info info;
	int ret;

	while (kme_now() < end) {
		ret = qkd_info(kernel->fd, &info);
		if (ret)
			return failed("the link's level", ret);
		if (info.outbound_fresh >= keys && info.state == QKD_LINK_UP)
			return true;
		nanosleep(&pause, NULL);
	}
	return kme_failed(KME_LINK, "has not been filled in time");
}

static bool kernel_fill(struct store *store, uint32_t keys, uint64_t *nsec)
{
	struct kernel *kernel = (struct kernel *)store;
	struct qkd_key key;
	uint64_t begin;
	int ret;

	do {
		ret = qkd_get_key(kernel->fd, 0, &key);
		qkd_key_wipe(&key);
	} while (!ret);
	begin = kme_now();
	if (ret != -EAGAIN)
		return failed("a key", ret);
	if (!wait_level(kernel, keys))
		return false;
	*nsec = kme_now() - begin;
	return true;
}

static void kernel_free(struct store *store)
{
	struct kernel *kernel = (struct kernel *)store;

	close(kernel->fd);
	free(kernel);
}

bool kernel_new(struct store **out)
{
	struct kernel *kernel = calloc(1, sizeof(*kernel));

	if (!kernel)
		return failed("a link", -ENOMEM);
	kernel->store = (struct store){
		.where = "guest",
		.lookup = kernel_lookup,
		.fill = kernel_fill,
		.free = kernel_free,
	};
	kernel->fd = qkd_open(KME_LINK, 0);
	if (kernel->fd < 0) {
		failed(KME_LINK, kernel->fd);
		free(kernel);
		return false;
	}
	*out = &kernel->store;
	return wait_level(kernel, 0);
}
