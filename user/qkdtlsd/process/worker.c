// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>

#include "common/log.h"
#include "common/number.h"
#include "common/process.h"
#include "common/signals.h"
#include "qkdtlsd/agent/job.h"
#include "qkdtlsd/confine/sandbox.h"
#include "qkdtlsd/process/worker.h"

#define US_PER_S 1000000ULL

/* Two sockets, two pipes, and the key device during the handshake */
#define FILES_PER_CONNECTION 7
#define FILES_OF_WORKER	     64

/**
 * struct worker - this process
 * @daemon: what it serves
 * @event: its loop
 * @signing: its way to the private keys
 * @jobs: where the kernel's handshakes come from
 * @drain: timer of the drain
 * @retired: no new connections; ends with the last one
 * @draining: told to stop, too
 */
struct worker {
	struct daemon *daemon;
	sd_event *event;
	struct signing signing;
	struct jobs jobs;
	sd_event_source *drain;
	bool retired;
	bool draining;
};

/* ---- Stopping ---- */

static void on_service_idle(void *arg)
{
	struct worker *worker = arg;

	if (worker->retired && !daemon_open(worker->daemon))
		sd_event_exit(worker->event, 0);
}

static void retire(struct worker *worker)
{
	worker->retired = true;
	for (struct service *s = worker->daemon->services; s; s = s->next)
		service_stop_listening(s);
	jobs_end(&worker->jobs);
	on_service_idle(worker);
}

static void stop_now(struct worker *worker)
{
	for (struct service *s = worker->daemon->services; s; s = s->next)
		service_stop(s);
	sd_event_exit(worker->event, 0);
}

static int on_drain_timeout(sd_event_source *source, uint64_t usec, void *arg)
{
	log_warning("drain-timeout has passed: what is still open is ended");
	stop_now(arg);
	return 0;
}

static int on_stop(sd_event_source *source, const struct signalfd_siginfo *info, void *arg)
{
	struct worker *worker = arg;

	if (worker->draining) {
		stop_now(worker);
		return 0;
	}
	worker->draining = true;
	if (sd_event_add_time_relative(worker->event, &worker->drain, CLOCK_MONOTONIC,
				       worker->daemon->config->drain_timeout_s * US_PER_S, 0,
				       on_drain_timeout, worker) < 0)
		stop_now(worker);
	retire(worker);
	return 0;
}

static int on_retire(sd_event_source *source, const struct signalfd_siginfo *info, void *arg)
{
	retire(arg);
	return 0;
}

/* ---- Starting ---- */

/* As many files as the connections that are allowed may need */
static void raise_file_limit(const struct daemon *daemon)
{
	uint64_t need = FILES_OF_WORKER, allowed;

	for (const struct service *s = daemon->services; s; s = s->next)
		need += (uint64_t)s->config->max_connections * FILES_PER_CONNECTION;
	allowed = process_allow_files(need);
	if (allowed < need)
		log_warning("max-connections may need %" PRIu64 " open files, the limit is %" PRIu64
			    ": raise LimitNOFILE= or lower max-connections",
			    need, allowed);
}

static int begin(struct worker *worker, int signing, int jobs, unsigned int number)
{
	static const struct signal_event signals[] = {
		{ SIGTERM, on_stop },
		{ WORKER_RETIRE, on_retire },
	};
	int ret = sd_event_new(&worker->event);

	if (ret >= 0)
		ret = signals_add(worker->event, signals, sizeof(signals) / sizeof(signals[0]),
				  worker);
	if (ret >= 0)
		ret = signing_begin(&worker->signing, signing, worker->event);
	for (struct service *s = worker->daemon->services; s && ret >= 0; s = s->next) {
		s->on_idle = on_service_idle;
		s->on_idle_arg = worker;
		ret = service_serve(s, worker->event, &worker->signing, number);
	}
	if (ret >= 0)
		ret = jobs_begin(&worker->jobs, jobs, worker->daemon->services, worker->event);
	return ret < 0 ? ret : 0;
}

/* Connections go to the services' ports and to no other. */
static int confine(const struct daemon *daemon)
{
	uint16_t ports[COUNTED_SERVICES_MAX];
	size_t count = 0;
	uint32_t port;

	for (const struct service *s = daemon->services; s && count < COUNTED_SERVICES_MAX;
	     s = s->next) {
		if (!number_parse(s->config->connect.port, 1, UINT16_MAX, &port))
			ports[count++] = (uint16_t)port;
	}
	return sandbox_enter_worker(ports, count);
}

int worker_run(struct daemon *daemon, int signing, int jobs, unsigned int number)
{
	struct worker worker = { .daemon = daemon, .signing.fd = -1, .jobs.fd = -1 };
	int ret;

	raise_file_limit(daemon);
	ret = begin(&worker, signing, jobs, number);
	if (!ret)
		ret = confine(daemon);
	if (!ret)
		ret = sd_event_loop(worker.event);
	if (ret)
		log_error("worker %u does not serve: %s", number, strerror(-ret));
	jobs_end(&worker.jobs);
	daemon_release(daemon);
	signing_end(&worker.signing);
	sd_event_source_disable_unref(worker.drain);
	sd_event_unref(worker.event);
	return ret;
}
