/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For listeners that cannot accept for want of descriptors or memory. That goes on for a while, in which a level-triggered
 * source would spin.
 */
#ifndef _QKD_COMMON_PAUSE_H
#define _QKD_COMMON_PAUSE_H

#include <stdbool.h>
#include <systemd/sd-event.h>

/* Whether this errno of accept() is such a want */
bool pause_helps(int error);

/* Switches @io off for a while. @pause is the timer's place, the caller's to give back before @io. */
void pause_listener(sd_event_source *io, sd_event_source **pause);

#endif /* _QKD_COMMON_PAUSE_H */
