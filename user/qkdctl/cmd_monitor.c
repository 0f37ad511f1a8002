// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/log.h"
#include "qkdctl/output.h"
#include "qkdctl/qkdctl.h"

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

static int watch(struct qkd_nl *nl, int stop, bool json)
{
	struct pollfd fds[] = {
		{ .fd = qkd_nl_fd(nl), .events = POLLIN },
		{ .fd = stop, .events = POLLIN },
	};

	for (;;) {
		int ret;

		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			return fail(TRY_EVENTS, NULL, -errno, NULL);
		if (fds[1].revents)
			return EXIT_OK;
		ret = qkd_nl_event_read(nl, json ? print_json : print_text, NULL);
		if (ret == -ENOBUFS)
			log_warning("events came faster than they were read, some are lost");
		else if (ret == -EPIPE)
			return EXIT_FAILED;
		else if (ret)
			return fail(TRY_EVENTS, NULL, ret, NULL);
	}
}

static int monitor(struct qkd_nl *nl, bool json)
{
	int ret, stop;

	ret = qkd_nl_event_subscribe(nl);
	if (ret)
		return fail(TRY_EVENTS, NULL, ret, nl);
	stop = stop_signals();
	if (stop < 0)
		return fail(TRY_EVENTS, NULL, -errno, NULL);
	ret = watch(nl, stop, json);
	close(stop);
	return ret;
}

int cmd_monitor(const struct options *options, int argc, char **argv)
{
	return run_bare(options, argc, argv, monitor);
}
