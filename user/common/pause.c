// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdint.h>

#include "common/pause.h"

#define PAUSE_US 200000

bool pause_helps(int error)
{
	return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

static int on_over(sd_event_source *source, uint64_t usec, void *io)
{
	return sd_event_source_set_enabled(io, SD_EVENT_ON);
}

void pause_listener(sd_event_source *io, sd_event_source **pause)
{
	*pause = sd_event_source_disable_unref(*pause);
	if (sd_event_source_set_enabled(io, SD_EVENT_OFF) >= 0 &&
	    sd_event_add_time_relative(sd_event_source_get_event(io), pause, CLOCK_MONOTONIC,
				       PAUSE_US, 0, on_over, io) < 0)
		sd_event_source_set_enabled(io, SD_EVENT_ON);
}
