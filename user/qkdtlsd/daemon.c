// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/resource.h>
#include <systemd/sd-daemon.h>

#include "common/log.h"
#include "common/signals.h"
#include "qkdtlsd/daemon.h"

#define US_PER_S 1000000ULL

/* Two sockets, two pipes, and the key device during the handshake */
#define FILES_PER_CONNECTION 7
#define FILES_OF_DAEMON	     64

static void report_all(const struct daemon *daemon)
{
	for (const struct service *s = daemon->services; s; s = s->next)
		report_counters(&s->counters, s->config->name, s->open);
}

static int load_services(struct daemon *daemon, const char *file)
{
	struct service **last = &daemon->services;
	char message[SETTINGS_MESSAGE_LEN];

	for (const struct service_config *c = daemon->config->services; c; c = c->next) {
		*last = service_new(c, message);
		if (!*last) {
			log_error("%s: %s", file, message);
			return -EINVAL;
		}
		last = &(*last)->next;
	}
	return 0;
}

int daemon_load(struct daemon *daemon, const char *file)
{
	char message[SETTINGS_MESSAGE_LEN];
	int ret = config_load(file, &daemon->config, message);

	if (!ret)
		return load_services(daemon, file);
	log_error("%s", message);
	return ret;
}

/* Stopping */

static void on_service_idle(void *arg)
{
	struct daemon *daemon = arg;

	if (!daemon->draining)
		return;
	for (const struct service *s = daemon->services; s; s = s->next) {
		if (s->open)
			return;
	}
	sd_event_exit(daemon->event, 0);
}

static void stop_now(struct daemon *daemon)
{
	for (struct service *s = daemon->services; s; s = s->next)
		service_stop(s);
	sd_event_exit(daemon->event, 0);
}

static int on_drain_timeout(sd_event_source *source, uint64_t usec, void *arg)
{
	log_warning("drain-timeout has passed: what is still open is ended");
	stop_now(arg);
	return 0;
}

static int on_stop(sd_event_source *source, const struct signalfd_siginfo *info, void *arg)
{
	struct daemon *daemon = arg;

	if (daemon->draining) {
		stop_now(daemon);
		return 0;
	}
	daemon->draining = true;
	(void)sd_notify(0, "STOPPING=1"); /* nobody may listen */
	log_info("stopping: no new connections, those open may finish");
	for (struct service *s = daemon->services; s; s = s->next)
		service_stop_listening(s);
	if (sd_event_add_time_relative(daemon->event, &daemon->drain, CLOCK_MONOTONIC,
				       daemon->config->drain_timeout_s * US_PER_S, 0,
				       on_drain_timeout, daemon) < 0)
		stop_now(daemon);
	on_service_idle(daemon);
	return 0;
}

static int on_report(sd_event_source *source, const struct signalfd_siginfo *info, void *arg)
{
	report_all(arg);
	return 0;
}

/* Starting */

static int add_signals(struct daemon *daemon)
{
	static const struct signal_event signals[] = {
		{ SIGTERM, on_stop },
		{ SIGINT, on_stop },
		{ SIGUSR1, on_report },
	};

	return signals_add(daemon->event, signals, sizeof(signals) / sizeof(signals[0]), daemon);
}

/* As many files as the connections that are allowed may need, if the hard limit lets us. */
static void raise_file_limit(const struct daemon *daemon)
{
	struct rlimit limit;
	rlim_t need = FILES_OF_DAEMON;

	for (const struct service *s = daemon->services; s; s = s->next)
		need += (rlim_t)s->config->max_connections * FILES_PER_CONNECTION;
	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= need)
		return;
	limit.rlim_cur = need < limit.rlim_max ? need : limit.rlim_max;
	if (setrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur < need)
		log_warning("max-connections may need %llu open files, the limit is %llu: raise "
			    "LimitNOFILE= or lower max-connections",
			    (unsigned long long)need, (unsigned long long)limit.rlim_cur);
}

int daemon_listen(struct daemon *daemon)
{
	int ret;

	raise_file_limit(daemon);
	ret = sd_event_default(&daemon->event);
	if (ret >= 0)
		ret = add_signals(daemon);
	if (ret < 0) {
		log_error("cannot set up the event loop: %s", strerror(-ret));
		return ret;
	}
	for (struct service *s = daemon->services; s; s = s->next) {
		s->on_idle = on_service_idle;
		s->on_idle_arg = daemon;
		ret = service_listen(s, daemon->event);
		if (ret)
			return ret;
	}
	return 0;
}

int daemon_run(struct daemon *daemon)
{
	int ret;

	(void)sd_notify(0, "READY=1"); /* nobody may listen */
	ret = sd_event_loop(daemon->event);
	if (ret)
		log_error("the event loop failed: %s", strerror(-ret));
	report_all(daemon);
	return ret;
}

void daemon_release(struct daemon *daemon)
{
	struct service *next;

	for (struct service *s = daemon->services; s; s = next) {
		next = s->next;
		s->on_idle = NULL;
		service_free(s);
	}
	config_free(daemon->config);
	sd_event_source_disable_unref(daemon->drain);
	sd_event_unref(daemon->event);
	*daemon = (struct daemon){ 0 };
}
