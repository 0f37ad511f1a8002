// SPDX-License-Identifier: GPL-2.0-or-later
/* Pairs come and go: by netlink, with their provider, with their namespaces. */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include "sites.h"

#define RATE	     100000000
#define SEED_LEN     32
#define EVENT_BUFFER (8 << 20)

void sites_expect(struct sites *sites, bool held, const char *what)
{
	if (held)
		return;
	if (!sites->failures++)
		printf("# the controller: %s (%s)\n", what, strerror(errno));
}

int unload_module(const char *module)
{
	return syscall(SYS_delete_module, module, O_NONBLOCK) ? -errno : 0;
}

void provider_load(struct sites *sites)
{
	int status = -1;
	pid_t pid = fork();

	if (!pid) {
		execlp("modprobe", "modprobe", "qkd_sim", NULL);
		_exit(127);
	}
	if (pid > 0)
		waitpid(pid, &status, 0);
	sites->provider = status == 0;
	sites_expect(sites, sites->provider, "cannot load qkd_sim");
}

static int site_open(struct site *site)
{
	const int size = EVENT_BUFFER;

	site->ns = -1;
	site->nl = site->events = NULL;
	if (unshare(CLONE_NEWNET))
		return -errno;
	site->ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (site->ns < 0 || qkd_nl_open(&site->nl) || qkd_nl_open(&site->events) ||
	    qkd_nl_event_subscribe(site->events) ||
	    setsockopt(qkd_nl_fd(site->events), SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		return -1;
	return 0;
}

static void pair_found(struct sites *sites, int pair)
{
	for (int end = 0; end < 2; end++) {
		struct site *site = &sites->site[pair][end];

		sites_expect(sites, !site_open(site), "cannot make a namespace");
		atomic_store(&sites->board->pairs[pair].ns[end], site->ns);
	}
	sites_expect(sites, !setns(sites->home, CLONE_NEWNET), "cannot go home");
}

int sites_open(struct sites *sites, struct board *board)
{
	*sites = (struct sites){ .board = board };
	sites->home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (sites->home < 0)
		return -errno;
	provider_load(sites);
	for (int pair = 0; pair < PAIRS; pair++)
		pair_found(sites, pair);
	return sites->failures ? -1 : 0;
}

static void pair_abandon(struct sites *sites, int pair)
{
	for (int end = 0; end < 2; end++) {
		struct site *site = &sites->site[pair][end];

		qkd_nl_close(site->nl);
		qkd_nl_close(site->events);
		close(site->ns);
	}
}

void sites_close(struct sites *sites)
{
	for (int pair = 0; pair < PAIRS; pair++)
		pair_abandon(sites, pair);
	close(sites->home);
}

/* A file with a seed that no other life of this run has */
static int seed_of(int life)
{
	int fd = memfd_create("seed", MFD_CLOEXEC);
	char seed[SEED_LEN] = "torture";

	memcpy(seed + sizeof(seed) - sizeof(life), &life, sizeof(life));
	if (fd >= 0 && write(fd, seed, sizeof(seed)) != sizeof(seed)) {
		close(fd);
		return -1;
	}
	return fd;
}

static int add(struct site *site, bool fed, int end, int life, uint32_t capacity)
{
	const uint32_t rate = RATE;
	const struct qkd_link_request request = {
		.name = LINK,
		.provider = fed ? "feed" : "sim",
		.local_sae = end ? "site-b" : "site-a",
		.remote_sae = end ? "site-a" : "site-b",
		.role = end ? QKD_ROLE_B : QKD_ROLE_A,
		.capacity = &capacity,
		.sim_seed_fd = fed ? -1 : seed_of(life),
		.sim_rate = fed ? NULL : &rate,
	};
	int ret = qkd_nl_link_add(site->nl, &request);

	if (!fed)
		close(request.sim_seed_fd);
	return ret;
}

void pair_begin(struct sites *sites, int pair, uint32_t capacity)
{
	const int life = sites->lives++;

	for (int end = 0; end < 2; end++) {
		int ret = add(&sites->site[pair][end], pair == FED, end, life, capacity);

		errno = -ret;
		sites_expect(sites, !ret, "cannot add a link");
	}
	atomic_store(&sites->board->pairs[pair].life, life);
}

static int on_event(const struct qkd_event *event, void *arg)
{
	struct account *account = arg;

	if (event->type != QKD_EVENT_LINK_GONE || !event->has_stats)
		return 0;
	memcpy(account->last, event->stats.value, sizeof(account->last));
	account->closed = true;
	return 0;
}

/* Reads the events of a pair whose life is or was @life. */
static void listen_to(struct sites *sites, int pair, int life)
{
	for (int end = 0; end < 2; end++) {
		struct account *account = &sites->board->lives[life].end[end];
		int ret = qkd_nl_event_read(sites->site[pair][end].events, on_event, account);

		errno = -ret;
		sites_expect(sites, !ret, "cannot read events");
	}
}

void sites_listen(struct sites *sites)
{
	for (int pair = 0; pair < PAIRS; pair++) {
		const int life = atomic_load(&sites->board->pairs[pair].life);

		if (life >= 0)
			listen_to(sites, pair, life);
	}
}

/* Deletes both links, that of end @first first. */
void pair_end(struct sites *sites, int pair, bool first)
{
	const int life = atomic_exchange(&sites->board->pairs[pair].life, -1);

	for (int i = 0; i < 2; i++) {
		int ret = qkd_nl_link_delete(sites->site[pair][i ? !first : first].nl, LINK);

		errno = -ret;
		sites_expect(sites, !ret, "cannot delete a link");
	}
	listen_to(sites, pair, life);
}

/* The links go with their namespaces; new namespaces follow, without links. */
void pair_destroy(struct sites *sites, int pair)
{
	const int life = atomic_exchange(&sites->board->pairs[pair].life, -1);

	sites->board->lives[life].destroyed = true;
	pair_abandon(sites, pair);
	pair_found(sites, pair);
}

/* Every simulated link goes with its provider. */
void provider_unload(struct sites *sites)
{
	int lives[FED], ret;

	for (int pair = 0; pair < FED; pair++)
		lives[pair] = atomic_exchange(&sites->board->pairs[pair].life, -1);
	do {
		ret = unload_module("qkd_sim");
	} while (ret == -EAGAIN); /* one of its callbacks is at work */
	errno = -ret;
	sites_expect(sites, !ret, "cannot unload qkd_sim");
	sites->provider = false;
	for (int pair = 0; pair < FED; pair++)
		if (lives[pair] >= 0)
			listen_to(sites, pair, lives[pair]);
}
