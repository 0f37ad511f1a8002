// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/process.h"
#include "qkdtlsd/agent/agent.h"
#include "qkdtlsd/process/generation.h"
#include "qkdtlsd/confine/privileges.h"
#include "qkdtlsd/confine/sandbox.h"
#include "qkdtlsd/tunnel/sources.h"
#include "qkdtlsd/process/signer.h"
#include "qkdtlsd/process/worker.h"

/* A worker that lived no longer is started again only after as long. */
#define SHORT_LIFE_MS 1000
#define US_PER_MS     1000ULL

static bool numbers[WORKERS_MAX]; /* that are taken */

static int take_number(void)
{
	for (int i = 0; i < WORKERS_MAX; i++) {
		if (!numbers[i]) {
			numbers[i] = true;
			return i;
		}
	}
	return -1;
}

static void give_number_back(unsigned int number)
{
	numbers[number] = false;
}

/* What a worker that is no more has counted as its own */
static void forget(unsigned int number)
{
	counters_forget(number);
	sources_forget(number);
}

static unsigned int processors(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set))
		return 1;
	return CPU_COUNT(&set) < CONFIG_WORKERS_MAX ? (unsigned int)CPU_COUNT(&set)
						    : CONFIG_WORKERS_MAX;
}

/* ---- In a child ---- */

/*
 * Becomes a process of its own, that ends with the master, and has what @drop leaves it. 0 or a negative errno, after a message
 * in the log
 */
static int become_child(pid_t master, const char *name, const char *user,
			int (*drop)(const char *user))
{
	int ret = process_harden(); /* locks on memory are not inherited */

	if (ret)
		log_error("cannot protect the process's memory: %s", strerror(-ret));
	else
		ret = drop(user);
	(void)prctl(PR_SET_NAME, name, 0, 0, 0); /* for ps(1) */
	/* After the user has changed, which would take it back */
	if (!ret && (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) || getppid() != master))
		ret = -ECHILD;
	return ret;
}

static int by_number(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

/* All that the master has open is none of a child's business, but for these, which are sorted, and the standard three. */
static void keep_open(int *fds, size_t count)
{
	unsigned int from = STDERR_FILENO + 1;

	qsort(fds, count, sizeof(*fds), by_number);
	for (size_t i = 0; i < count; i++) {
		if ((unsigned int)fds[i] > from)
			close_range(from, (unsigned int)fds[i] - 1, 0);
		from = (unsigned int)fds[i] + 1;
	}
	close_range(from, ~0U, 0);
}

/* ---- The signer ---- */

/* Says by @told whether it has all keys: nothing, or what is wrong. */
static _Noreturn void be_signer(struct generation *generation, const int *fds, int told,
				pid_t master)
{
	char message[SETTINGS_MESSAGE_LEN] = "";
	struct signer *signer = signer_new(generation->daemon.config, message);
	int kept[WORKERS_MAX + 1] = { told };
	ssize_t n;
	int ret = signer ? become_child(master, "qkdtlsd-signer", generation->user, privileges_drop)
			 : -EINVAL;

	memcpy(kept + 1, fds, generation->count * sizeof(*fds));
	keep_open(kept, generation->count + 1);
	if (!ret)
		ret = sandbox_enter_signer();
	if (signer && ret)
		snprintf(message, sizeof(message), "cannot give privileges up");
	n = write(told, message, strlen(message) + 1);
	close(told);
	if (!ret && n > 0)
		ret = signer_run(signer, fds, generation->count);
	signer_free(signer);
	_exit(ret ? 1 : 0);
}

/*
 * What a process tells about its start, @who for short: 0 or a negative errno after a message in the log that begins with
 * @subject
 */
static int hear(int told, const char *subject, const char *who)
{
	char message[SETTINGS_MESSAGE_LEN];
	ssize_t n;

	do {
		n = read(told, message, sizeof(message) - 1);
	} while (n < 0 && errno == EINTR);
	if (n == 1 && !message[0])
		return 0;
	message[n > 0 ? n : 0] = '\0';
	if (n > 0)
		log_error("%s: %s", subject, message);
	else
		log_error("%s: %s died", subject, who);
	return -EINVAL;
}

/* @fds: the signer's ends, which are closed here */
static int start_signer(struct generation *generation, int *fds, const char *file)
{
	const pid_t master = getpid();
	int told[2], ret;

	if (pipe(told)) {
		ret = -errno;
		log_error("no pipe to the process that signs: %s", strerror(-ret));
		return ret;
	}
	generation->signer.pid = fork();
	if (!generation->signer.pid) {
		close(told[0]);
		be_signer(generation, fds, told[1], master);
	}
	ret = generation->signer.pid < 0 ? -errno : 0;
	close(told[1]);
	if (ret)
		log_error("no process that signs: %s", strerror(-ret));
	else
		ret = hear(told[0], file, "the process that reads private keys");
	close(told[0]);
	return ret;
}

/* A pair of sockets for each worker, and the process at their other ends */
static int prepare_signing(struct generation *generation, const char *file)
{
	int fds[WORKERS_MAX], pair[2], ret = 0;
	unsigned int made;

	for (made = 0; made < generation->count && !ret; made++) {
		if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) {
			ret = -errno;
			break;
		}
		generation->workers[made].signing = pair[0];
		fds[made] = pair[1];
	}
	if (ret)
		log_error("no sockets to the process that signs: %s", strerror(-ret));
	else
		ret = start_signer(generation, fds, file);
	while (made)
		close(fds[--made]);
	return ret;
}

/* ---- Starting again what has ended ---- */

static int start_again(struct child *child);

static int on_restart(sd_event_source *source, uint64_t usec, void *arg)
{
	struct child *child = arg;

	child->restart = sd_event_source_disable_unref(child->restart);
	return start_again(child);
}

static void name_child(const struct child *child, char *name, size_t size)
{
	if (child == &child->generation->signer)
		snprintf(name, size, "the signer");
	else if (child == &child->generation->agent)
		snprintf(name, size, "the agent");
	else
		snprintf(name, size, "worker %u", child->number);
}

static void say_end(const struct child *child, const siginfo_t *info)
{
	char who[32];

	name_child(child, who, sizeof(who));
	if (info->si_code == CLD_EXITED && info->si_status)
		log_error("%s ended with status %d", who, info->si_status);
	else if (info->si_code != CLD_EXITED)
		log_error("%s was killed by signal %d (%s)", who, info->si_status,
			  strsignal(info->si_status));
	if (info->si_code != CLD_EXITED && info->si_status == SIGSYS)
		sandbox_explain(who);
}

static void plan_restart(struct child *child)
{
	const bool soon = clock_ms() - child->started < SHORT_LIFE_MS;
	char who[32];

	if (sd_event_add_time_relative(child->generation->event, &child->restart, CLOCK_MONOTONIC,
				       soon ? SHORT_LIFE_MS * US_PER_MS : 0, 0, on_restart,
				       child) >= 0)
		return;
	name_child(child, who, sizeof(who));
	log_error("%s cannot be started again", who);
}

static void close_sockets(struct child *child)
{
	int *const fds[] = { &child->signing, &child->jobs, &child->agent_jobs };

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++) {
		if (*fds[i] >= 0)
			close(*fds[i]);
		*fds[i] = -1;
	}
}

/* Nobody comes after it: the signer and the agent see that it has gone, and others may have its number. */
static void retire_worker(struct child *child)
{
	close_sockets(child);
	give_number_back(child->number);
	child->is_over = true;
}

static int on_exit_of(sd_event_source *source, const siginfo_t *info, void *arg)
{
	struct child *child = arg;
	struct generation *generation = child->generation;

	say_end(child, info);
	child->exit = sd_event_source_disable_unref(child->exit);
	child->pid = 0;
	if (child != &generation->signer && child != &generation->agent) {
		forget(child->number);
		if (generation->retired)
			retire_worker(child);
	}
	if (child != &generation->signer && !generation->retired)
		plan_restart(child);
	generation->on_change(generation, child, generation->arg);
	return 0;
}

static int watch(struct child *child)
{
	const int ret = sd_event_add_child(child->generation->event, &child->exit, child->pid,
					   WEXITED, on_exit_of, child);

	return ret < 0 ? ret : 0;
}

/* ---- Workers ---- */

static _Noreturn void be_worker(struct child *child, pid_t master)
{
	struct generation *generation = child->generation;
	int kept[LISTENERS_MAX + 2] = { child->signing };
	size_t count = 1;
	int ret = become_child(master, "qkdtlsd-worker", generation->user, privileges_drop);

	if (child->jobs >= 0)
		kept[count++] = child->jobs;
	keep_open(kept, count + daemon_sockets(&generation->daemon, kept + count));
	if (!ret)
		ret = worker_run(&generation->daemon, child->signing, child->jobs, child->number);
	_exit(ret ? 1 : 0);
}

static int start_worker(struct child *child)
{
	const pid_t master = getpid();

	child->started = clock_ms();
	child->pid = fork();
	if (!child->pid)
		be_worker(child, master);
	if (child->pid > 0)
		return watch(child);
	child->pid = 0;
	log_error("worker %u cannot be started: %s", child->number, strerror(errno));
	plan_restart(child);
	return 0;
}

/* ---- The agent ---- */

static _Noreturn void be_agent(struct generation *generation, int told, pid_t master)
{
	int ends[WORKERS_MAX], kept[WORKERS_MAX + 1] = { told };
	int ret = become_child(master, "qkdtlsd-agent", generation->user,
			       privileges_drop_but_net_admin);

	for (unsigned int i = 0; i < generation->count; i++)
		kept[i + 1] = ends[i] = generation->workers[i].agent_jobs;
	keep_open(kept, generation->count + 1);
	if (!ret)
		ret = agent_run(&generation->daemon, ends, generation->count, told);
	_exit(ret ? 1 : 0);
}

/* The kernel asks it when this has returned 0. */
static int start_agent(struct generation *generation)
{
	struct child *child = &generation->agent;
	const pid_t master = getpid();
	int told[2], ret;

	child->started = clock_ms();
	if (pipe(told))
		return -errno;
	child->pid = fork();
	if (!child->pid) {
		close(told[0]);
		be_agent(generation, told[1], master);
	}
	ret = child->pid < 0 ? -errno : 0;
	close(told[1]);
	if (ret) {
		child->pid = 0;
		log_error("no agent for the kernel's handshakes: %s", strerror(-ret));
	} else {
		ret = hear(told[0], "the kernel's handshakes", "the agent (has it CAP_NET_ADMIN?)");
	}
	close(told[0]);
	return ret;
}

static void announce(const struct generation *generation)
{
	for (const struct service *s = generation->daemon.services; s; s = s->next)
		if (s->config->from == FROM_KERNEL)
			log_info("service=%s listening=kernel", s->config->name);
}

static int start_first_agent(struct generation *generation)
{
	int ret;

	if (!generation->daemon.config->handshake_agent)
		return 0;
	ret = start_agent(generation);
	if (!ret)
		ret = watch(&generation->agent);
	if (!ret)
		announce(generation);
	return ret;
}

static int start_again(struct child *child)
{
	if (child != &child->generation->agent)
		return start_worker(child);
	/* One that has started badly is watched, too: its end is what plans the next. */
	if (start_agent(child->generation) && !child->pid)
		plan_restart(child);
	return child->pid ? watch(child) : 0;
}

/* ---- All of it ---- */

static int prepare_workers(struct generation *generation)
{
	const struct config *config = generation->daemon.config;
	const unsigned int wanted = config->workers ? config->workers : processors();

	generation->workers = calloc(wanted, sizeof(*generation->workers));
	if (!generation->workers)
		return -ENOMEM;
	while (generation->count < wanted) {
		const int number = take_number();

		if (number < 0) {
			log_error("too many workers have not ended yet; try again later");
			return -EAGAIN;
		}
		generation->workers[generation->count++] = (struct child){
			.generation = generation,
			.number = (unsigned int)number,
			.signing = -1,
			.jobs = -1,
			.agent_jobs = -1,
		};
	}
	return 0;
}

/* A pair of sockets for each worker: the agent has one end of each. */
static int prepare_jobs(struct generation *generation)
{
	int pair[2];

	for (unsigned int i = 0; i < generation->count; i++) {
		if (!generation->daemon.config->handshake_agent)
			break;
		if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair)) {
			log_error("no sockets from the agent to workers: %s", strerror(errno));
			return -errno;
		}
		generation->workers[i].jobs = pair[0];
		generation->workers[i].agent_jobs = pair[1];
	}
	return 0;
}

struct generation *generation_load(const char *file, const char *user)
{
	struct generation *generation = calloc(1, sizeof(*generation));
	int ret;

	if (!generation) {
		log_error("out of memory");
		return NULL;
	}
	generation->user = user;
	generation->signer = (struct child){
		.generation = generation,
		.signing = -1,
		.jobs = -1,
		.agent_jobs = -1,
	};
	generation->agent = generation->signer;
	ret = daemon_load(&generation->daemon, file);
	if (!ret)
		ret = prepare_workers(generation);
	if (!ret)
		ret = prepare_jobs(generation);
	if (!ret)
		ret = prepare_signing(generation, file);
	if (!ret)
		return generation;
	generation_free(generation);
	return NULL;
}

int generation_start(struct generation *generation, const struct generation *old, sd_event *event)
{
	int ret = daemon_bind(&generation->daemon, old ? &old->daemon : NULL);

	generation->event = event;
	if (!ret)
		ret = watch(&generation->signer);
	for (unsigned int i = 0; i < generation->count && !ret; i++)
		ret = start_worker(&generation->workers[i]);
	return ret ? ret : start_first_agent(generation);
}

bool generation_lives(const struct generation *generation)
{
	if (generation->agent.pid || generation->agent.restart)
		return true;
	for (unsigned int i = 0; i < generation->count; i++) {
		if (generation->workers[i].pid || generation->workers[i].restart)
			return true;
	}
	return false;
}

static void signal_child(struct child *child, int signal)
{
	child->restart = sd_event_source_disable_unref(child->restart);
	if (child->pid)
		kill(child->pid, signal);
}

void generation_end(struct generation *generation, int signal)
{
	generation->retired = true;
	for (struct service *s = generation->daemon.services; s; s = s->next)
		service_stop_listening(s);
	signal_child(&generation->agent, signal); /* before those that it gives work to */
	for (unsigned int i = 0; i < generation->count; i++) {
		struct child *child = &generation->workers[i];

		signal_child(child, signal);
		/* With it jobs would wait that no worker takes any more. */
		if (child->jobs >= 0)
			close(child->jobs);
		child->jobs = -1;
		if (!child->pid && !child->is_over)
			retire_worker(child);
	}
}

static void end_child(struct child *child)
{
	sd_event_source_disable_unref(child->exit);
	sd_event_source_disable_unref(child->restart);
	if (child->pid > 0) {
		kill(child->pid, SIGKILL);
		waitpid(child->pid, NULL, 0);
	}
	close_sockets(child);
}

void generation_free(struct generation *generation)
{
	end_child(&generation->agent);
	for (unsigned int i = 0; i < generation->count; i++) {
		end_child(&generation->workers[i]);
		if (generation->workers[i].is_over)
			continue;
		forget(generation->workers[i].number);
		give_number_back(generation->workers[i].number);
	}
	end_child(&generation->signer);
	free(generation->workers);
	daemon_release(&generation->daemon);
	free(generation);
}
