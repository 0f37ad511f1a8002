/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One reading of the configuration, with the processes that serve it: a signer, which has the private keys, workers, and an
 * agent for what the kernel wants, if it is to be served. The master's.
 */
#ifndef QKDTLSD_GENERATION_H
#define QKDTLSD_GENERATION_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

#include "qkdtlsd/daemon.h"

struct generation;

/**
 * struct child - a process of the generation
 * @generation: the owner
 * @pid: 0: it does not run
 * @exit: event source of its end
 * @restart: when it is to be started again
 * @number: of a worker: which one it is of all that run, less than WORKERS_MAX
 * @signing: its end of the socket to the signer, which the worker after it has, too
 * @jobs: likewise its end of the socket to the agent, or -1
 * @agent_jobs: the agent's end of that
 * @started: CLOCK_MONOTONIC in milliseconds
 * @is_over: a worker of a retired generation that has ended: the three sockets are closed, and its number may be another's
 */
struct child {
	struct generation *generation;
	pid_t pid;
	sd_event_source *exit;
	sd_event_source *restart;
	unsigned int number;
	int signing;
	int jobs;
	int agent_jobs;
	uint64_t started;
	bool is_over;
};

/**
 * struct generation
 * @next: an older one
 * @daemon: what it serves
 * @user: whom its processes become, or NULL
 * @event: the master's loop
 * @on_change: called with @arg when a child has ended
 * @signer: the process with the keys
 * @agent: the process that the kernel asks; its pid is 0 without "handshake-agent = yes", too
 * @workers: @count of them
 * @retired: its workers end with their connections
 */
struct generation {
	struct generation *next;
	struct daemon daemon;
	const char *user;
	sd_event *event;
	void (*on_change)(struct generation *generation, struct child *child, void *arg);
	void *arg;
	struct child signer;
	struct child agent;
	struct child *workers;
	unsigned int count;
	bool retired;
};

/* Reads @file, and has a signer read the private keys. NULL after a message in the log */
struct generation *generation_load(const char *file, const char *user);

/*
 * Binds, with what @old, which may be NULL, has bound, and starts the workers. 0, or a negative errno after a message in the
 * log.
 */
int generation_start(struct generation *generation, const struct generation *old, sd_event *event);

/* Is any worker of it, or its agent, alive or to be started again? */
bool generation_lives(const struct generation *generation);

/* To all workers and the agent; none is started again. WORKER_RETIRE or SIGTERM */
void generation_end(struct generation *generation, int signal);

/* Ends what is left of it. */
void generation_free(struct generation *generation);

#endif /* QKDTLSD_GENERATION_H */
