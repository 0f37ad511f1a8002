// SPDX-License-Identifier: GPL-2.0-or-later
/* The tunnel where the kernel has no TLS: the engine protects records, bytes are copied. */
#include <errno.h>
#include <sys/socket.h>

#include "qkdtlsd/tunnel/pump.h"

static ssize_t result(ssize_t n)
{
	if (n >= 0)
		return n;
	return errno == EINTR ? -EAGAIN : -errno;
}

static ssize_t out_fill(struct pump *pump)
{
	const ssize_t n = result(
		recv(pump->fd[PUMP_PLAIN], pump->out.buffer, PUMP_BUFFER_SIZE, MSG_DONTWAIT));

	pump->out.dry = n < PUMP_BUFFER_SIZE;
	return n;
}

static ssize_t out_drain(struct pump *pump)
{
	const struct flow *flow = &pump->out;

	return pump_tls(pump, qkdtls_sock_send(pump->conn, pump->fd[PUMP_TLS],
					       flow->buffer + flow->offset, flow->held));
}

static ssize_t in_fill(struct pump *pump)
{
	return pump_tls(pump, qkdtls_sock_recv(pump->conn, pump->fd[PUMP_TLS], pump->in.buffer,
					       PUMP_BUFFER_SIZE));
}

static ssize_t in_drain(struct pump *pump)
{
	const struct flow *flow = &pump->in;

	return result(send(pump->fd[PUMP_PLAIN], flow->buffer + flow->offset, flow->held,
			   MSG_DONTWAIT | MSG_NOSIGNAL));
}

const struct flow_ops pump_own_out = {
	.fill = out_fill,
	.drain = out_drain,
	.finish = pump_tls_finish,
};

const struct flow_ops pump_own_in = {
	.fill = in_fill,
	.drain = in_drain,
	.finish = pump_plain_finish,
};
