// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "common/address.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/process.h"
#include "common/signals.h"
#include "qkdtlsd/agent/agent.h"
#include "qkdtlsd/agent/choice.h"
#include "qkdtlsd/agent/job.h"
#include "qkdtlsd/agent/keyring.h"
#include "qkdtlsd/pace.h"
#include "qkdtlsd/agent/upcall.h"
#include "qkdtlsd/agent/watch.h"
#include "qkdtlsd/process/worker.h"

#define MS_PER_S  1000ULL
#define US_PER_MS 1000ULL

/* Handshakes at a time. The kernel lets more wait, or refuses them by itself. */
#define HANDSHAKES_MAX 256

/* Requests taken before others have their turn */
#define ACCEPT_BATCH 16

#define FILES_OF_AGENT 320 /* those to all workers, too */

/* After a handshake's own time, for the worker to say so */
#define WORKER_LATE_MS 2000

struct agent;

/**
 * struct handshake - one that a worker does
 * @next: in the agent's list
 * @agent: the owner
 * @service: by whose configuration
 * @fd: the kernel's socket
 * @reply: where the worker will tell the result
 * @io: event source of @reply
 * @deadline: when the worker is not waited for any more
 */
struct handshake {
	struct handshake *next;
	struct agent *agent;
	struct service *service;
	int fd;
	int reply;
	sd_event_source *io;
	sd_event_source *deadline;
};

/**
 * struct agent - this process
 * @daemon: what it serves
 * @event: its loop
 * @upcall: its way to the kernel
 * @news: event source of @upcall
 * @workers: sockets to the @count workers
 * @turn: whose turn it is
 * @handshakes: under way, @busy of them
 * @watch: connections that the kernel uses
 * @more: to go on with requests when others have had their turn
 * @pace: of lines about requests that were refused
 * @retired: takes no more requests; ends with the last connection
 * @stopping: ends with the last handshake
 */
struct agent {
	struct daemon *daemon;
	sd_event *event;
	struct upcall *upcall;
	sd_event_source *news;
	const int *workers;
	size_t count;
	size_t turn;
	struct handshake *handshakes;
	unsigned int busy;
	struct watch watch;
	sd_event_source *more;
	struct pace pace;
	bool retired;
	bool stopping;
};

static void accept_all(struct agent *agent);

/* ---- The end of a handshake ---- */

static void leave_if_idle(struct agent *agent)
{
	if ((agent->retired || agent->stopping) && !agent->handshakes &&
	    (agent->stopping || watch_is_empty(&agent->watch)))
		sd_event_exit(agent->event, 0);
}

static void on_watch_empty(void *arg)
{
	leave_if_idle(arg);
}

/* Tells the kernel. false: it does not want the socket any more. */
static bool done(struct agent *agent, int fd, int error, int32_t peer)
{
	const int ret = upcall_done(agent->upcall, fd, error, peer);

	/* EBUSY: whoever wanted the connection has given it up. */
	if (ret && ret != -EBUSY)
		log_error("the kernel was not told of a handshake's end: %s", strerror(-ret));
	return !ret;
}

static void handshake_free(struct handshake *handshake)
{
	struct agent *agent = handshake->agent;
	struct handshake **place = &agent->handshakes;

	while (*place != handshake)
		place = &(*place)->next;
	*place = handshake->next;
	agent->busy--;
	sd_event_source_disable_unref(handshake->io);
	sd_event_source_disable_unref(handshake->deadline);
	if (handshake->reply >= 0)
		close(handshake->reply);
	if (handshake->fd >= 0)
		close(handshake->fd);
	free(handshake);
}

/* Room for another one */
static void next(struct agent *agent)
{
	if (!agent->retired && !agent->stopping)
		accept_all(agent);
	leave_if_idle(agent);
}

/* A socket on which something has been said must not go on in the clear, even if the kernel's user forgets to look. */
static void fail(struct handshake *handshake, int error)
{
	struct agent *agent = handshake->agent;

	shutdown(handshake->fd, SHUT_RDWR);
	done(agent, handshake->fd, error, 0);
	handshake_free(handshake);
	next(agent);
}

/* 0: the peer has proved nothing. */
static int32_t peer_key(const struct handshake *handshake, const struct job_result *result,
			size_t certificate_len)
{
	const char *name = handshake->service->config->name;
	int32_t serial;

	if (!certificate_len)
		return 0;
	serial = keyring_put_certificate(name, result->certificate, certificate_len);
	if (serial < 0)
		log_error("service=%s no key for the peer's certificate: %s", name,
			  strerror(-serial));
	return serial;
}

/* Whether the kernel's TLS protects the socket, whatever a worker says, which may have been taken over */
static bool is_protected(int fd, uint16_t suite)
{
	return qkdtls_ktls_count(fd, suite, true) != UINT64_MAX &&
	       qkdtls_ktls_count(fd, suite, false) != UINT64_MAX;
}

static void succeed(struct handshake *handshake, const struct job_result *result,
		    size_t certificate_len)
{
	struct agent *agent = handshake->agent;
	int32_t peer;

	if (!is_protected(handshake->fd, result->suite)) {
		log_error("service=%s a worker says that a socket has keys, which has none",
			  handshake->service->config->name);
		fail(handshake, -EACCES);
		return;
	}
	peer = peer_key(handshake, result, certificate_len);
	/* What nobody watches is not used. The kernel's user may try again when there is room. */
	if (peer < 0 ||
	    watch_add(&agent->watch, handshake->service, handshake->fd, result->suite)) {
		fail(handshake, -ETIMEDOUT);
		return;
	}
	if (!done(agent, handshake->fd, 0, peer))
		shutdown(handshake->fd, SHUT_RDWR);
	handshake->fd = -1; /* the watch's */
	handshake_free(handshake);
	next(agent);
}

static int on_result(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	static struct job_result result;
	struct handshake *handshake = arg;
	size_t certificate_len;
	const int ret = job_take_result(fd, &result, &certificate_len);

	if (ret == -EAGAIN)
		return 0;
	if (ret) {
		log_error("service=%s a worker has left a handshake without a result: %s",
			  handshake->service->config->name, strerror(-ret));
		fail(handshake, -ETIMEDOUT);
	} else if (result.error) {
		fail(handshake, result.error);
	} else {
		succeed(handshake, &result, certificate_len);
	}
	return 0;
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *arg)
{
	struct handshake *handshake = arg;

	log_error("service=%s no worker has done a handshake in time",
		  handshake->service->config->name);
	fail(handshake, -ETIMEDOUT);
	return 0;
}

/* ---- Its beginning ---- */

static uint64_t timeout_of(const struct service *service, const struct upcall_request *request)
{
	const uint64_t most = service->config->handshake_timeout_s * MS_PER_S;

	return request->timeout_ms && request->timeout_ms < most ? request->timeout_ms : most;
}

/* To the worker whose turn it is, or the next one that takes it. */
static int give(struct agent *agent, const struct job *job, int fd)
{
	int ret = -EAGAIN;

	for (size_t i = 0; i < agent->count && ret < 0; i++) {
		ret = job_give(agent->workers[agent->turn], job, fd);
		agent->turn = (agent->turn + 1) % agent->count;
	}
	return ret;
}

static int begin(struct handshake *handshake, uint64_t timeout_ms)
{
	struct agent *agent = handshake->agent;
	const struct job job = {
		.service = handshake->service->place,
		.timeout_ms = (uint32_t)timeout_ms,
	};
	int ret = sd_event_add_time_relative(agent->event, &handshake->deadline, CLOCK_MONOTONIC,
					     (timeout_ms + WORKER_LATE_MS) * US_PER_MS, 0,
					     on_deadline, handshake);

	if (ret < 0)
		return ret;
	handshake->reply = give(agent, &job, handshake->fd);
	if (handshake->reply < 0)
		return handshake->reply;
	ret = sd_event_add_io(agent->event, &handshake->io, handshake->reply, EPOLLIN, on_result,
			      handshake);
	return ret < 0 ? ret : 0;
}

static struct handshake *handshake_new(struct agent *agent, struct service *service, int fd)
{
	struct handshake *handshake = calloc(1, sizeof(*handshake));

	if (!handshake)
		return NULL;
	handshake->agent = agent;
	handshake->service = service;
	handshake->fd = fd;
	handshake->reply = -1;
	handshake->next = agent->handshakes;
	agent->handshakes = handshake;
	agent->busy++;
	return handshake;
}

static unsigned int under_way(const struct agent *agent, const struct service *service)
{
	unsigned int count = 0;

	for (const struct handshake *h = agent->handshakes; h; h = h->next)
		count += h->service == service;
	return count;
}

/* Nothing has been said on the socket yet. */
static void refuse(struct agent *agent, const struct upcall_request *request, int error,
		   const char *reason)
{
	char peer[ADDRESS_TEXT_LEN];

	address_format_peer(request->fd, peer);
	if (pace_allows(&agent->pace, clock_ms()))
		log_warning("kernel: peer=%s name=%s refused: %s not-logged=%" PRIu64, peer,
			    request->name[0] ? request->name : "unknown", reason,
			    pace_withheld(&agent->pace));
	done(agent, request->fd, error, 0);
	close(request->fd);
}

static void serve(struct agent *agent, const struct upcall_request *request)
{
	struct choice choice;
	struct handshake *handshake;
	int ret;

	choose(agent->daemon->services, request, &choice);
	if (!choice.service) {
		refuse(agent, request, choice.error, choice.reason);
		return;
	}
	/* Without the kernel's TLS a key would be spent for nothing. */
	ret = qkdtls_ktls_check(request->fd);
	if (ret) {
		refuse(agent, request, ret,
		       ret == -EOPNOTSUPP ? "no TLS in this kernel (modprobe tls)"
					  : strerror(-ret));
		return;
	}
	if (under_way(agent, choice.service) + watch_count(&agent->watch, choice.service) >=
	    choice.service->config->max_connections) {
		choice.service->counters->accepted++;
		choice.service->counters->ends[END_BUSY]++;
		refuse(agent, request, -ETIMEDOUT, "as many connections as max-connections allows");
		return;
	}
	handshake = handshake_new(agent, choice.service, request->fd);
	if (!handshake) {
		refuse(agent, request, -ETIMEDOUT, "out of memory");
		return;
	}
	ret = begin(handshake, timeout_of(choice.service, request));
	if (!ret)
		return;
	handshake->fd = -1;
	handshake_free(handshake);
	choice.service->counters->accepted++;
	choice.service->counters->ends[END_INTERNAL]++;
	refuse(agent, request, -ETIMEDOUT, ret == -EAGAIN ? "no worker takes it" : strerror(-ret));
}

/* One request. 0, or a negative errno: there is none, or nothing more can be had */
static int accept_one(struct agent *agent)
{
	struct upcall_request request;
	const int ret = upcall_accept(agent->upcall, &request);

	if (!ret) {
		serve(agent, &request);
		return 0;
	}
	if (request.fd >= 0) {
		refuse(agent, &request, -EINVAL, "what the kernel wants is not understood");
		return 0;
	}
	if (!request.given_up)
		return ret;
	if (pace_allows(&agent->pace, clock_ms()))
		log_warning("kernel: a request cannot be taken: %s", strerror(-ret));
	return 0;
}

/* As many as there are, and as may be under way; results and signals are not to wait for all of them. */
static void accept_all(struct agent *agent)
{
	int ret = 0;

	for (int i = 0; i < ACCEPT_BATCH && !ret && agent->busy < HANDSHAKES_MAX; i++)
		ret = accept_one(agent);
	if (!ret && agent->busy < HANDSHAKES_MAX)
		ret = sd_event_source_set_enabled(agent->more, SD_EVENT_ONESHOT);
	if (ret >= 0 || ret == -EAGAIN)
		return;
	log_error("the kernel's requests for handshakes cannot be had: %s", strerror(-ret));
	sd_event_exit(agent->event, ret);
}

static int on_more(sd_event_source *source, void *arg)
{
	struct agent *agent = arg;

	if (!agent->retired && !agent->stopping)
		accept_all(agent);
	return 0;
}

static int on_news(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct agent *agent = arg;

	upcall_heard(agent->upcall);
	accept_all(agent);
	return 0;
}

/* ---- Stopping ---- */

static void take_no_more(struct agent *agent)
{
	agent->news = sd_event_source_disable_unref(agent->news);
	leave_if_idle(agent);
}

static int on_retire(sd_event_source *source, const struct signalfd_siginfo *info, void *arg)
{
	struct agent *agent = arg;

	agent->retired = true;
	take_no_more(agent);
	return 0;
}

static int on_stop(sd_event_source *source, const struct signalfd_siginfo *info, void *arg)
{
	struct agent *agent = arg;

	if (agent->stopping)
		sd_event_exit(agent->event, 0);
	agent->stopping = true;
	take_no_more(agent);
	return 0;
}

static void release(struct agent *agent)
{
	while (agent->handshakes) {
		struct handshake *handshake = agent->handshakes;

		shutdown(handshake->fd, SHUT_RDWR);
		done(agent, handshake->fd, -ETIMEDOUT, 0);
		handshake_free(handshake);
	}
	watch_end(&agent->watch);
	sd_event_source_disable_unref(agent->news);
	sd_event_source_disable_unref(agent->more);
	upcall_close(agent->upcall);
	sd_event_unref(agent->event);
}

/* ---- Starting ---- */

/* A socket for each connection that is watched, and two for a handshake */
static void raise_file_limit(const struct daemon *daemon)
{
	uint64_t need = FILES_OF_AGENT + 2 * HANDSHAKES_MAX;

	for (const struct service *s = daemon->services; s; s = s->next) {
		if (s->config->from == FROM_KERNEL)
			need += s->config->max_connections;
	}
	if (process_allow_files(need) < need)
		log_warning("max-connections of services for the kernel may need %" PRIu64
			    " open files: raise LimitNOFILE= or lower max-connections",
			    need);
}

static int set_up(struct agent *agent)
{
	static const struct signal_event signals[] = {
		{ SIGTERM, on_stop },
		{ WORKER_RETIRE, on_retire },
	};
	int ret = upcall_open(&agent->upcall);

	if (!ret)
		ret = sd_event_new(&agent->event);
	if (ret >= 0)
		ret = signals_add(agent->event, signals, sizeof(signals) / sizeof(signals[0]),
				  agent);
	if (ret >= 0)
		ret = sd_event_add_defer(agent->event, &agent->more, on_more, agent);
	if (ret >= 0)
		ret = sd_event_source_set_enabled(agent->more, SD_EVENT_OFF);
	if (ret >= 0)
		ret = watch_begin(&agent->watch, agent->event, on_watch_empty, agent);
	if (ret >= 0)
		ret = sd_event_add_io(agent->event, &agent->news, upcall_fd(agent->upcall), EPOLLIN,
				      on_news, agent);
	return ret < 0 ? ret : 0;
}

static const char *problem(int error)
{
	switch (error) {
	case 0:
		return "";
	case -EOPNOTSUPP:
		return "\"handshake-agent = yes\": this kernel asks nobody for handshakes "
		       "(CONFIG_NET_HANDSHAKE, from Linux 6.4 on)";
	case -EPERM:
		return "\"handshake-agent = yes\" needs CAP_NET_ADMIN";
	default:
		return strerror(-error);
	}
}

int agent_run(struct daemon *daemon, const int *workers, size_t count, int told)
{
	struct agent agent = { .daemon = daemon, .workers = workers, .count = count };
	int ret = set_up(&agent);
	const char *said = problem(ret);

	/* Who does not listen has gone, and this process with him. */
	if (write(told, said, strlen(said) + 1) < 0 && !ret)
		ret = -errno;
	close(told);
	if (!ret) {
		raise_file_limit(daemon);
		/* What was asked for before, while there was another agent or none */
		accept_all(&agent);
		ret = sd_event_loop(agent.event);
	}
	if (ret)
		log_error("the agent of the kernel's handshakes ends: %s", strerror(-ret));
	release(&agent);
	return ret;
}
