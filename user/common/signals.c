// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <signal.h>

#include "common/signals.h"

int signals_add(sd_event *event, const struct signal_event *signals, size_t count, void *arg)
{
	sigset_t set;
	int ret = 0;

	sigemptyset(&set);
	for (size_t i = 0; i < count; i++)
		sigaddset(&set, signals[i].number);
	if (sigprocmask(SIG_BLOCK, &set, NULL))
		return -errno;
	for (size_t i = 0; i < count && ret >= 0; i++)
		ret = sd_event_add_signal(event, NULL, signals[i].number, signals[i].handler, arg);
	return ret < 0 ? ret : 0;
}
