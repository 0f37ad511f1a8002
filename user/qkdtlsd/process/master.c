// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/signals.h"
#include "common/unix_socket.h"
#include "qkdtlsd/activation.h"
#include "qkdtlsd/counters.h"
#include "qkdtlsd/door.h"
#include "qkdtlsd/process/generation.h"
#include "qkdtlsd/process/master.h"
#include "qkdtlsd/confine/sandbox.h"
#include "qkdtlsd/stats.h"
#include "qkdtlsd/process/worker.h"

/* Without a signer there are no handshakes: another is tried for after as long. */
#define RELOAD_AGAIN_US 1000000

#define US_PER_MS 1000ULL

/**
 * struct master
 * @file: the configuration
 * @user: whom the others become, or NULL
 * @event: its loop
 * @generations: the present one, then those before it that have connections yet
 * @stats: who asks for the counters; NULL: nobody can
 * @again: when to try to reload once more
 * @stopping: ends with the last worker
 */
struct master {
	const char *file;
	const char *user;
	sd_event *event;
	struct generation *generations;
	struct stats *stats;
	sd_event_source *again;
	bool stopping;
};

/* ---- Generations ---- */

static void on_change(struct generation *generation, struct child *child, void *arg);

static int add_generation(struct master *master, struct generation *generation)
{
	struct generation *old = master->generations;
	int ret;

	generation->on_change = on_change;
	generation->arg = master;
	ret = generation_start(generation, old, master->event);
	if (ret) {
		doors_withdraw(&generation->daemon, old ? &old->daemon : NULL);
		generation_free(generation);
		return ret;
	}
	generation->next = old;
	master->generations = generation;
	return 0;
}

/* ---- Counters ---- */

static const struct daemon *current(void *arg)
{
	const struct master *master = arg;

	return &master->generations->daemon;
}

/* As configured, or else in the directory that systemd has made for this service; NULL: nowhere */
static const char *stats_place(const struct config *config, char buf[UNIX_PATH_MAX + 1])
{
	const char *dir = getenv("RUNTIME_DIRECTORY");
	int n;

	if (config->stats || !dir || strchr(dir, ':'))
		return config->stats;
	n = snprintf(buf, UNIX_PATH_MAX + 1, "%s/stats", dir);
	return n > 0 && (size_t)n <= UNIX_PATH_MAX ? buf : NULL;
}

/* Where the present configuration wants it. If that cannot be had, it stays where it is. */
static int place_stats(struct master *master)
{
	char buf[UNIX_PATH_MAX + 1];
	const char *path = stats_place(master->generations->daemon.config, buf);
	struct stats *stats = NULL;
	int ret;

	if (path && master->stats && !strcmp(path, stats_path(master->stats)))
		return 0;
	ret = path ? stats_begin(&stats, path, master->event, current, master) : 0;
	if (ret)
		return ret;
	stats_end(master->stats);
	master->stats = stats;
	return 0;
}

/* ---- The end of generations ---- */

/* Those whose last worker has ended are over. */
static void sweep(struct master *master)
{
	struct generation **place = &master->generations;

	while (*place) {
		struct generation *generation = *place;

		if (!generation->retired || generation_lives(generation)) {
			place = &generation->next;
			continue;
		}
		*place = generation->next;
		generation_free(generation);
	}
}

static bool any_lives(const struct master *master)
{
	for (const struct generation *g = master->generations; g; g = g->next) {
		if (generation_lives(g))
			return true;
	}
	return false;
}

static void tidy(struct master *master)
{
	if (!master->stopping)
		sweep(master);
	else if (!any_lives(master))
		sd_event_exit(master->event, 0);
}

static void reload(struct master *master);

static int on_again(sd_event_source *source, uint64_t usec, void *arg)
{
	struct master *master = arg;

	master->again = sd_event_source_disable_unref(master->again);
	reload(master);
	return 0;
}

static int on_tidy(sd_event_source *source, void *arg)
{
	tidy(arg);
	return 0;
}

static void on_change(struct generation *generation, struct child *child, void *arg)
{
	struct master *master = arg;

	if (child == &generation->signer && !generation->retired && !master->again) {
		log_warning("reading the configuration again for another signer");
		if (sd_event_add_time_relative(master->event, &master->again, CLOCK_MONOTONIC, 0, 0,
					       on_again, master) < 0)
			sd_event_exit(master->event, -ENOMEM);
	}
	/* Not from within the child's own event */
	if (sd_event_add_defer(master->event, NULL, on_tidy, master) < 0)
		sd_event_exit(master->event, -ENOMEM);
}

/* The new one serves what comes, the old one what is there. */
static void reload(struct master *master)
{
	struct generation *old = master->generations;
	struct generation *generation = generation_load(master->file, master->user);

	master->again = sd_event_source_disable_unref(master->again);
	if (generation && !add_generation(master, generation)) {
		generation_end(old, WORKER_RETIRE);
		doors_remove(&old->daemon, &generation->daemon);
		(void)place_stats(master); /* its log says what is wrong */
		log_info("reloaded: new connections by the new configuration");
		tidy(master);
		return;
	}
	log_error("not reloaded: the configuration before goes on");
	/* It cannot go on without a signer. */
	if (!old->signer.pid &&
	    sd_event_add_time_relative(master->event, &master->again, CLOCK_MONOTONIC,
				       RELOAD_AGAIN_US, 0, on_again, master) < 0)
		sd_event_exit(master->event, -ENOMEM);
}

/* ---- Signals ---- */

static int on_stop(sd_event_source *source, const struct signalfd_siginfo *info, void *arg)
{
	struct master *master = arg;

	if (!master->stopping) {
		(void)sd_notify(0, "STOPPING=1"); /* nobody may listen */
		log_info("stopping: no new connections, those open may finish");
	}
	master->stopping = true;
	master->again = sd_event_source_disable_unref(master->again);
	for (struct generation *g = master->generations; g; g = g->next)
		generation_end(g, SIGTERM);
	tidy(master);
	return 0;
}

static int on_reload(sd_event_source *source, const struct signalfd_siginfo *info, void *arg)
{
	struct master *master = arg;

	if (master->stopping)
		return 0;
	/* Nobody may listen to these. */
	(void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%llu", clock_ms() * US_PER_MS);
	reload(master);
	(void)sd_notify(0, "READY=1");
	return 0;
}

static int on_report(sd_event_source *source, const struct signalfd_siginfo *info, void *arg)
{
	const struct master *master = arg;

	daemon_report(&master->generations->daemon);
	return 0;
}

static int begin(struct master *master)
{
	static const struct signal_event signals[] = {
		{ SIGTERM, on_stop },
		{ SIGINT, on_stop },
		{ SIGHUP, on_reload },
		{ SIGUSR1, on_report },
	};
	sigset_t children;
	int ret = sd_event_new(&master->event);

	sigemptyset(&children);
	sigaddset(&children, SIGCHLD);
	if (ret >= 0 && sigprocmask(SIG_BLOCK, &children, NULL))
		ret = -errno;
	if (ret >= 0)
		ret = signals_add(master->event, signals, sizeof(signals) / sizeof(signals[0]),
				  master);
	if (ret < 0)
		log_error("cannot set up the event loop: %s", strerror(-ret));
	return ret < 0 ? ret : 0;
}

int master_run(const char *file, const char *user)
{
	struct master master = { .file = file, .user = user };
	struct generation *first, *next;
	int ret = sandbox_check();

	if (!ret)
		ret = begin(&master);
	if (!ret)
		ret = activation_take();
	first = ret ? NULL : generation_load(file, user);
	if (!ret)
		ret = first ? add_generation(&master, first) : -EINVAL;
	if (!ret)
		ret = place_stats(&master);
	if (!ret) {
		(void)sd_notify(0, "READY=1"); /* nobody may listen */
		ret = sd_event_loop(master.event);
		if (ret)
			log_error("the event loop failed: %s", strerror(-ret));
		daemon_report(&master.generations->daemon);
	}
	if (master.generations)
		doors_remove(&master.generations->daemon, NULL);
	sd_event_source_disable_unref(master.again);
	stats_end(master.stats);
	for (struct generation *g = master.generations; g; g = next) {
		next = g->next;
		generation_free(g);
	}
	sd_event_unref(master.event);
	return ret;
}
