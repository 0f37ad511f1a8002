// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/signalfd.h>
#include <time.h>
#include <unistd.h>

#include "common/log.h"
#include "qkdctl/args.h"
#include "qkdctl/audit.h"
#include "qkdctl/chain.h"
#include "qkdctl/output.h"
#include "qkdctl/qkdctl.h"

#define NS_PER_S UINT64_C(1000000000)

/**
 * struct monitor - what is listened to
 * @events: events of links
 * @audit: what becomes of keys, or NULL
 * @path: where that goes
 * @chain: the same, open
 * @stop: signals that end it
 * @json: -j
 */
struct monitor {
	struct qkd_nl *events, *audit;
	const char *path;
	struct chain chain;
	int stop;
	bool json;
};

static int print_text(const struct qkd_event *event, void *arg)
{
	output_event(event);
	return output_end() ? -EPIPE : 0;
}

static int print_json(const struct qkd_event *event, void *arg)
{
	return output_json(output_event_json(event)) ? -EPIPE : 0;
}

static int stop_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -errno;
	return signalfd(-1, &set, SFD_CLOEXEC);
}

/* An exit status, or -1 to go on */
static int read_events(struct monitor *monitor)
{
	int ret = qkd_nl_event_read(monitor->events, monitor->json ? print_json : print_text, NULL);

	if (ret == -ENOBUFS)
		log_warning("events came faster than they were read, some are lost");
	else if (ret == -EPIPE)
		return EXIT_FAILED;
	else if (ret)
		return fail(TRY_EVENTS, NULL, ret, NULL);
	return -1;
}

static int append(const struct qkd_audit_record *record, void *arg)
{
	struct monitor *monitor = arg;
	char line[CHAIN_LINE_MAX];
	int ret = audit_line(record, monitor->json, line);

	return ret ? ret : chain_append(&monitor->chain, line, monitor->json);
}

static int append_note(struct monitor *monitor, const char *what)
{
	char line[CHAIN_LINE_MAX];
	struct timespec now;
	int ret;

	clock_gettime(CLOCK_REALTIME, &now);
	ret = audit_note(what, (uint64_t)now.tv_sec * NS_PER_S + (uint64_t)now.tv_nsec,
			 monitor->json, line);
	return ret ? ret : chain_append(&monitor->chain, line, monitor->json);
}

/*
 * All that waits is on the disk before more is read. An exit status, or -1 to go on: keys that go unrecorded are
 * not what was asked for, so a file that takes no more ends it.
 */
static int read_audit(struct monitor *monitor)
{
	int ret = qkd_nl_audit_read(monitor->audit, append, monitor), written;

	if (ret == -ENOBUFS) {
		log_warning("keys were used faster than records were written, some are lost");
		ret = append_note(monitor, "records lost");
	}
	written = chain_flush(&monitor->chain);
	if (!ret)
		ret = written;
	return ret ? fail(TRY_AUDIT_FILE, monitor->path, ret, NULL) : -1;
}

static int watch(struct monitor *monitor)
{
	struct pollfd fds[] = {
		{ .fd = monitor->stop, .events = POLLIN },
		{ .fd = qkd_nl_fd(monitor->events), .events = POLLIN },
		{ .fd = monitor->audit ? qkd_nl_fd(monitor->audit) : -1, .events = POLLIN },
	};
	int ret = -1;

	while (ret < 0) {
		if (poll(fds, 3, -1) < 0) {
			if (errno == EINTR)
				continue;
			return fail(TRY_EVENTS, NULL, -errno, NULL);
		}
		/* Before the signal: what had happened by then is on record. */
		if (fds[2].revents)
			ret = read_audit(monitor);
		if (ret < 0 && fds[1].revents)
			ret = read_events(monitor);
		if (ret < 0 && fds[0].revents)
			ret = EXIT_OK;
	}
	return ret;
}

static int run(struct monitor *monitor)
{
	int ret = qkd_nl_event_subscribe(monitor->events);

	if (ret)
		return fail(TRY_EVENTS, NULL, ret, monitor->events);
	monitor->stop = stop_signals();
	if (monitor->stop < 0)
		return fail(TRY_EVENTS, NULL, -errno, NULL);
	ret = watch(monitor);
	close(monitor->stop);
	return ret;
}

static int open_chain(struct monitor *monitor)
{
	int ret = chain_open(&monitor->chain, monitor->path);

	if (ret)
		return ret;
	ret = append_note(monitor, "recording begins");
	return ret ? ret : chain_flush(&monitor->chain);
}

/* Listening begins before the file says so. */
static int run_with_audit(struct monitor *monitor)
{
	int ret = qkd_nl_open(&monitor->audit);

	if (ret)
		return fail(TRY_NETLINK, NULL, ret, NULL);
	ret = qkd_nl_audit_subscribe(monitor->audit);
	if (ret) {
		ret = fail(TRY_AUDIT, NULL, ret, monitor->audit);
	} else {
		ret = open_chain(monitor);
		ret = ret ? fail(TRY_AUDIT_FILE, monitor->path, ret, NULL) : run(monitor);
		chain_close(&monitor->chain);
	}
	qkd_nl_close(monitor->audit);
	return ret;
}

int cmd_monitor(const struct options *options, int argc, char **argv)
{
	static struct monitor monitor;
	struct word audit = { .name = "audit" };
	char problem[PROBLEM_LEN];
	int ret;

	if (args_words(argc, argv, &audit, 1, problem))
		return fail_usage(problem);
	monitor = (struct monitor){ .path = audit.text, .chain.fd = -1, .json = options->json };
	ret = qkd_nl_open(&monitor.events);
	if (ret)
		return fail(TRY_NETLINK, NULL, ret, NULL);
	ret = audit.text ? run_with_audit(&monitor) : run(&monitor);
	qkd_nl_close(monitor.events);
	return ret;
}
