/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What holds a direction's bytes on their way: a pipe or a buffer, taken when there is something to hold and given back when it is
 * empty, so that a tunnel that rests has neither. A few of each are kept for the next. For one thread, as a worker is.
 */
#ifndef QKDTLSD_PUMP_SPARE_H
#define QKDTLSD_PUMP_SPARE_H

#include <stddef.h>
#include <stdint.h>

/**
 * struct pump_pipe - a pipe that does not block
 * @end: the ends to read from and to write to, or -1 twice: there is none
 * @pages: how many it holds at most; fewer than usual for a user who has very many pipes
 */
struct pump_pipe {
	int end[2];
	unsigned int pages;
};

#define PUMP_NO_PIPE ((struct pump_pipe){ .end = { -1, -1 } })

/* An empty pipe: 0, or a negative errno and none */
int pump_pipe_take(struct pump_pipe *pipe);

/* @pipe, of which there is none afterwards, is empty; should it not be, it is closed. */
void pump_pipe_give(struct pump_pipe *pipe);

/* The same, but it may hold something, which nobody gets to see. None does nothing. */
void pump_pipe_close(struct pump_pipe *pipe);

/* Bytes of a page */
size_t pump_page_size(void);

/* PUMP_BUFFER_SIZE bytes, or NULL: no memory */
uint8_t *pump_buffer_take(void);

/* Wipes the first @used bytes, more than which have never been written. NULL does nothing. */
void pump_buffer_give(uint8_t *buffer, size_t used);

#endif /* QKDTLSD_PUMP_SPARE_H */
