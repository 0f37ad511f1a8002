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

static int pipes[KEPT_MAX][2];
static size_t pipe_count;

static uint8_t *buffers[KEPT_MAX];
static size_t buffer_count;

int pump_pipe_take(int pipe[2])
{
	if (pipe_count) {
		memcpy(pipe, pipes[--pipe_count], sizeof(pipes[0]));
		return 0;
	}
	if (!pipe2(pipe, O_CLOEXEC | O_NONBLOCK))
		return 0;
	pipe[0] = pipe[1] = -1;
	return -errno;
}

void pump_pipe_close(int pipe[2])
{
	for (int i = 0; i < 2; i++) {
		if (pipe[i] >= 0)
			close(pipe[i]);
		pipe[i] = -1;
	}
}

void pump_pipe_give(int pipe[2])
{
	int left;

	/* Whatever the callers believe: a byte that was left would go to somebody else. */
	if (pipe_count == KEPT_MAX || ioctl(pipe[0], FIONREAD, &left) || left) {
		pump_pipe_close(pipe);
		return;
	}
	memcpy(pipes[pipe_count++], pipe, sizeof(pipes[0]));
	pipe[0] = pipe[1] = -1;
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
