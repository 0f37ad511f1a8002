// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>

#include "qkdtlsd/tunnel/pump.h"
#include "qkdtlsd/tunnel/pump_spare.h"

/* Kept of each kind: a worker fills one tunnel at a time, and others have theirs only while somebody does not read. */
#define KEPT_MAX 8

static struct pump_pipe pipes[KEPT_MAX];
static size_t pipe_count;

static uint8_t *buffers[KEPT_MAX];
static size_t buffer_count;

size_t pump_page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

int pump_pipe_take(struct pump_pipe *pipe)
{
	int size;

	if (pipe_count) {
		*pipe = pipes[--pipe_count];
		return 0;
	}
	*pipe = PUMP_NO_PIPE;
	if (pipe2(pipe->end, O_CLOEXEC | O_NONBLOCK))
		return -errno;
	size = fcntl(pipe->end[0], F_GETPIPE_SZ);
	pipe->pages = size < 0 ? 1 : (unsigned int)((size_t)size / pump_page_size());
	return 0;
}

void pump_pipe_close(struct pump_pipe *pipe)
{
	for (int i = 0; i < 2; i++) {
		if (pipe->end[i] >= 0)
			close(pipe->end[i]);
	}
	*pipe = PUMP_NO_PIPE;
}

void pump_pipe_give(struct pump_pipe *pipe)
{
	int left;

	/* Whatever the callers believe: a byte that was left would go to somebody else. */
	if (pipe_count == KEPT_MAX || ioctl(pipe->end[0], FIONREAD, &left) || left) {
		pump_pipe_close(pipe);
		return;
	}
	pipes[pipe_count++] = *pipe;
	*pipe = PUMP_NO_PIPE;
}

uint8_t *pump_buffer_take(void)
{
	return buffer_count ? buffers[--buffer_count] : malloc(PUMP_BUFFER_SIZE);
}

void pump_buffer_give(uint8_t *buffer, size_t used)
{
	if (!buffer)
		return;
	explicit_bzero(buffer, used);
	if (buffer_count < KEPT_MAX)
		buffers[buffer_count++] = buffer;
	else
		free(buffer);
}
