// SPDX-License-Identifier: GPL-2.0-or-later
/* The tunnel where the kernel has no TLS: the engine protects records, bytes are copied. */
#include <errno.h>
#include <sys/socket.h>

#include "qkdtlsd/pump.h"

static ssize_t socket_read(int fd, void *buf, size_t len)
{
	ssize_t n = recv(fd, buf, len, MSG_DONTWAIT);

	if (n >= 0)
		return n;
	return errno == EINTR ? -EAGAIN : -errno;
}

static ssize_t socket_write(int fd, const void *buf, size_t len)
{
	ssize_t n = send(fd, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n >= 0)
		return n;
	return errno == EINTR ? -EAGAIN : -errno;
}

bool pump_own_pending(const struct pump *pump)
{
	size_t len;

	return qkdtls_output(pump->conn, &len) && len;
}

int pump_own_flush(struct pump *pump)
{
	const uint8_t *data;
	size_t len;
	ssize_t n;

	while ((data = qkdtls_output(pump->conn, &len)) && len) {
		n = socket_write(pump->fd[PUMP_TLS], data, len);
		if (n < 0)
			return n;
		qkdtls_output_sent(pump->conn, n);
	}
	return 0;
}

static ssize_t out_fill(struct pump *pump)
{
	return socket_read(pump->fd[PUMP_PLAIN], pump->out.buffer, PUMP_BUFFER_SIZE);
}

static ssize_t out_drain(struct pump *pump)
{
	struct flow *flow = &pump->out;
	int ret = pump_own_flush(pump);
	ssize_t n;

	if (ret)
		return ret;
	n = qkdtls_send(pump->conn, flow->buffer + flow->offset, flow->held);
	if (n <= 0)
		return n ? n : -EAGAIN;
	ret = pump_own_flush(pump);
	return ret && ret != -EAGAIN ? ret : n;
}

static int out_finish(struct pump *pump)
{
	int ret;

	if (!pump->out.close_sent) {
		ret = qkdtls_close(pump->conn);
		if (ret)
			return ret;
		pump->out.close_sent = true;
	}
	return pump_own_flush(pump);
}

/* More of the record in hand: 0, or a negative errno */
static int in_feed(struct pump *pump)
{
	uint8_t data[4096];
	size_t wanted = qkdtls_wanted(pump->conn);
	ssize_t n;

	n = socket_read(pump->fd[PUMP_TLS], data, wanted < sizeof(data) ? wanted : sizeof(data));
	if (n < 0)
		return n;
	if (n)
		return qkdtls_input(pump->conn, data, n);
	qkdtls_input_eof(pump->conn);
	return pump_fail(pump, PUMP_TRUNCATED);
}

static ssize_t in_fill(struct pump *pump)
{
	ssize_t n;
	int ret;

	for (;;) {
		n = qkdtls_receive(pump->conn, pump->in.buffer, PUMP_BUFFER_SIZE);
		if (n > 0)
			return n;
		if (n == -ENODATA)
			return 0;
		if (n < 0)
			return pump_fail(pump, PUMP_ALERT);
		ret = in_feed(pump);
		if (ret)
			return ret;
	}
}

static ssize_t in_drain(struct pump *pump)
{
	struct flow *flow = &pump->in;

	return socket_write(pump->fd[PUMP_PLAIN], flow->buffer + flow->offset, flow->held);
}

const struct flow_ops pump_own_out = {
	.fill = out_fill,
	.drain = out_drain,
	.finish = out_finish,
};

const struct flow_ops pump_own_in = {
	.fill = in_fill,
	.drain = in_drain,
	.finish = pump_plain_finish,
};
