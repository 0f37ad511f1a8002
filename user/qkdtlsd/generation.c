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
#include "qkdtlsd/generation.h"
#include "qkdtlsd/privileges.h"
#include "qkdtlsd/signer.h"
#include "qkdtlsd/worker.h"

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

static unsigned int processors(void)
{
	cpu_set_t set;

	if (sched_getaffinity(0, sizeof(set), &set))
		return 1;
	return (unsigned int)CPU_COUNT(&set);
}

/* ---- In a child ---- */

/* Becomes a process of its own, that ends with the master. 0 or a negative errno, after a message in the log */
static int become_child(pid_t master, const char *name, const char *user)
{
	int ret = process_harden(); /* locks on memory are not inherited */

	if (ret)
		log_error("cannot protect the process's memory: %s", strerror(-ret));
	else
		ret = privileges_drop(user);
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
	int ret = signer ? become_child(master, "qkdtlsd-signer", generation->user) : -EINVAL;

	if (signer && ret)
		snprintf(message, sizeof(message), "cannot give privileges up");
	memcpy(kept + 1, fds, generation->count * sizeof(*fds));
	keep_open(kept, generation->count + 1);
	n = write(told, message, strlen(message) + 1);
	close(told);
	if (!ret && n > 0)
		ret = signer_run(signer, fds, generation->count);
	signer_free(signer);
	_exit(ret ? 1 : 0);
}

/* What the signer tells: 0 or a negative errno after a message in the log */
static int hear_signer(int told, const char *file)
{
	char message[SETTINGS_MESSAGE_LEN];
	ssize_t n;

	do {
		n = read(told, message, sizeof(message) - 1);
	} while (n < 0 && errno == EINTR);
	if (n == 1 && !message[0])
		return 0;
	message[n > 0 ? n : 0] = '\0';
	log_error("%s: %s", file, n > 0 ? message : "the process that reads private keys died");
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
		ret = hear_signer(told[0], file);
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

/* ---- Workers ---- */

static _Noreturn void be_worker(struct child *child, pid_t master)
{
	struct generation *generation = child->generation;
	int kept[LISTENERS_MAX + 1] = { child->signing };
	int ret = become_child(master, "qkdtlsd-worker", generation->user);

	keep_open(kept, 1 + daemon_sockets(&generation->daemon, kept + 1));
	if (!ret)
		ret = worker_run(&generation->daemon, child->signing, child->number);
	_exit(ret ? 1 : 0);
}

static int start_worker(struct child *child);

static int on_restart(sd_event_source *source, uint64_t usec, void *arg)
{
	struct child *child = arg;

	child->restart = sd_event_source_disable_unref(child->restart);
	return start_worker(child);
}

static void say_end(const struct child *child, const siginfo_t *info)
{
	const bool signer = child == &child->generation->signer;
	char who[32];

	snprintf(who, sizeof(who), signer ? "the signer" : "worker %u", child->number);
	if (info->si_code == CLD_EXITED && info->si_status)
		log_error("%s ended with status %d", who, info->si_status);
	else if (info->si_code != CLD_EXITED)
		log_error("%s was killed by signal %d (%s)", who, info->si_status,
			  strsignal(info->si_status));
}

static void plan_restart(struct child *child)
{
	const bool soon = clock_ms() - child->started < SHORT_LIFE_MS;

	if (sd_event_add_time_relative(child->generation->event, &child->restart, CLOCK_MONOTONIC,
				       soon ? SHORT_LIFE_MS * US_PER_MS : 0, 0, on_restart,
				       child) < 0)
		log_error("worker %u cannot be started again", child->number);
}

static int on_exit_of(sd_event_source *source, const siginfo_t *info, void *arg)
{
	struct child *child = arg;
	struct generation *generation = child->generation;

	say_end(child, info);
	child->exit = sd_event_source_disable_unref(child->exit);
	child->pid = 0;
	if (child != &generation->signer) {
		counters_forget(child->number);
		if (!generation->retired)
			plan_restart(child);
	}
	generation->on_change(generation, child, generation->arg);
	return 0;
}

static int watch(struct child *child)
{
	const int ret = sd_event_add_child(child->generation->event, &child->exit, child->pid,
					   WEXITED, on_exit_of, child);

	return ret < 0 ? ret : 0;
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
		};
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
	generation->signer = (struct child){ .generation = generation, .signing = -1 };
	ret = daemon_load(&generation->daemon, file);
	if (!ret)
		ret = prepare_workers(generation);
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
	return ret;
}

bool generation_lives(const struct generation *generation)
{
	for (unsigned int i = 0; i < generation->count; i++) {
		if (generation->workers[i].pid || generation->workers[i].restart)
			return true;
	}
	return false;
}

void generation_end(struct generation *generation, int signal)
{
	generation->retired = true;
	for (struct service *s = generation->daemon.services; s; s = s->next)
		service_stop_listening(s);
	for (unsigned int i = 0; i < generation->count; i++) {
		struct child *child = &generation->workers[i];

		child->restart = sd_event_source_disable_unref(child->restart);
		if (child->pid)
			kill(child->pid, signal);
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
	if (child->signing >= 0)
		close(child->signing);
}

void generation_free(struct generation *generation)
{
	for (unsigned int i = 0; i < generation->count; i++) {
		end_child(&generation->workers[i]);
		counters_forget(generation->workers[i].number);
		give_number_back(generation->workers[i].number);
	}
	end_child(&generation->signer);
	free(generation->workers);
	daemon_release(&generation->daemon);
	free(generation);
}
