// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The tunnel over the kernel's TLS: splice() through one pipe for each direction, no byte in user space
 * but those of control records. A pipe is filled only when it is empty, so that EAGAIN while filling
 * always speaks of the socket and never of the pipe.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "qkdtlsd/tunnel/pump.h"

#define SPLICE_MAX (64 * 1024)

/* Takes any record whole. */
#define RECORD_MAX 16384

static ssize_t move(int from, int to, size_t len)
{
	ssize_t n = splice(from, NULL, to, NULL, len, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

	if (n >= 0)
		return n;
	return errno == EINTR ? -EAGAIN : -errno;
}

static ssize_t out_fill(struct pump *pump)
{
	return move(pump->fd[PUMP_PLAIN], pump->out.pipe[1], SPLICE_MAX);
}

static ssize_t out_drain(struct pump *pump)
{
	ssize_t n = pump_tls(pump, qkdtls_sock_flush(pump->conn, pump->fd[PUMP_TLS]));

	if (n)
		return n;
	n = move(pump->out.pipe[0], pump->fd[PUMP_TLS], pump->out.held);
	if (n > 0)
		qkdtls_sock_sent(pump->conn, pump->fd[PUMP_TLS], (size_t)n);
	return n ? n : -EIO;
}

/* The next record is not one that splice() takes: a control record, an empty one, or the end. */
static ssize_t in_record(struct pump *pump)
{
	uint8_t record[RECORD_MAX];
	int room = fcntl(pump->in.pipe[1], F_GETPIPE_SZ);
	ssize_t n;

	if (room < 0)
		return -errno;
	/* Pipes are smaller than a record for a user who has very many of them. */
	n = pump_tls(pump, qkdtls_sock_recv(pump->conn, pump->fd[PUMP_TLS], record,
					    (size_t)room < sizeof(record) ? (size_t)room
									  : sizeof(record)));
	if (n <= 0)
		return n;
	return write(pump->in.pipe[1], record, (size_t)n) == n ? n : -EIO;
}

static ssize_t in_fill(struct pump *pump)
{
	ssize_t n = move(pump->fd[PUMP_TLS], pump->in.pipe[1], SPLICE_MAX);
	int ret;

	if (n == -EAGAIN)
		return n;
	if (n <= 0)
		return in_record(pump);
	ret = qkdtls_sock_received(pump->conn, pump->fd[PUMP_TLS], (size_t)n);
	return ret ? pump_tls(pump, ret) : n;
}

static ssize_t in_drain(struct pump *pump)
{
	ssize_t n = move(pump->in.pipe[0], pump->fd[PUMP_PLAIN], pump->in.held);

	return n ? n : -EIO;
}

const struct flow_ops pump_kernel_out = {
	.fill = out_fill,
	.drain = out_drain,
	.finish = pump_tls_finish,
};

const struct flow_ops pump_kernel_in = {
	.fill = in_fill,
	.drain = in_drain,
	.finish = pump_plain_finish,
};
