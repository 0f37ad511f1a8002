/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What holds a direction's bytes on their way: a pipe or a buffer, taken when there is something to hold and given back when it is
 * empty, so that a tunnel that rests has neither. A few of each are kept for the next. For one thread, as a worker is.
 */
#ifndef QKDTLSD_PUMP_SPARE_H
#define QKDTLSD_PUMP_SPARE_H

#include <stddef.h>
#include <stdint.h>

/* An empty pipe that does not block: 0, or a negative errno and -1 twice */
int pump_pipe_take(int pipe[2]);

/* @pipe, which becomes -1 twice, is empty; should it not be, it is closed. */
void pump_pipe_give(int pipe[2]);

/* The same, but it may hold something, which nobody gets to see. -1 twice does nothing. */
void pump_pipe_close(int pipe[2]);

/* PUMP_BUFFER_SIZE bytes, or NULL: no memory */
uint8_t *pump_buffer_take(void);

/* Wipes the first @used bytes, more than which have never been written. NULL does nothing. */
void pump_buffer_give(uint8_t *buffer, size_t used);

#endif /* QKDTLSD_PUMP_SPARE_H */
