// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The tunnel over the kernel's TLS: splice() through one pipe for each direction, no byte in user space
 * but those of control records. A pipe is filled only when it has room, so that EAGAIN while filling
 * always speaks of the socket and never of the pipe.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "qkdtlsd/tunnel/pump.h"

#define SPLICE_MAX   (64 * 1024)
/* Who reads less has read all, most likely; if not, the socket says at once that there is more. */
#define SPLICE_SHORT 4096

#define RECORD_HEADER 5
#define RECORD_MAX    16384

static ssize_t move(int from, int to, size_t len)
{
	ssize_t n = splice(from, NULL, to, NULL, len, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

	if (n >= 0)
		return n;
	return errno == EINTR ? -EAGAIN : -errno;
}

static ssize_t out_fill(struct pump *pump)
{
	const ssize_t n = move(pump->fd[PUMP_PLAIN], pump->out.pipe.end[1], SPLICE_MAX);

	pump->out.dry = n < SPLICE_SHORT;
	return n;
}

static ssize_t out_drain(struct pump *pump)
{
	ssize_t n = pump_tls(pump, qkdtls_sock_flush(pump->conn, pump->fd[PUMP_TLS]));

	if (n)
		return n;
	n = move(pump->out.pipe.end[0], pump->fd[PUMP_TLS], pump->out.held);
	if (n > 0)
		qkdtls_sock_sent(pump->conn, pump->fd[PUMP_TLS], (size_t)n);
	return n ? n : -EIO;
}

/* The next record is not one that splice() takes: a control record, an empty one, the end, or it may have no room. */
static ssize_t in_record(struct pump *pump)
{
	uint8_t record[RECORD_MAX];
	const size_t room = pump->in.pipe.pages * pump_page_size();
	const ssize_t n =
		pump_tls(pump, qkdtls_sock_recv(pump->conn, pump->fd[PUMP_TLS], record,
						room < sizeof(record) ? room : sizeof(record)));

	ssize_t written;

	if (n <= 0)
		return n;
	written = write(pump->in.pipe.end[1], record, (size_t)n);
	explicit_bzero(record, (size_t)n);
	return written == n ? n : -EIO;
}

/* Pages of the pipe that a record of so many bytes may take: the kernel has its header before it. */
static size_t record_pages(size_t len)
{
	return (RECORD_HEADER + len) / pump_page_size() + 1;
}

/*
 * A record, by splice(), only where it has room whatever its length: EAGAIN then speaks of the socket, and older kernels
 * lose what did not fit.
 */
static ssize_t in_splice(struct pump *pump, size_t pages)
{
	if (pages + record_pages(RECORD_MAX) > pump->in.pipe.pages)
		return 0;
	return move(pump->fd[PUMP_TLS], pump->in.pipe.end[1], SPLICE_MAX);
}

/*
 * What is there behind the first record goes with it, for each write to the application wakes it. What is no data waits
 * until they are delivered, and of that poll() may say nothing: not of a KeyUpdate that has been looked at.
 */
static ssize_t in_fill(struct pump *pump)
{
	size_t held = 0, pages = 0;
	ssize_t n;
	int ret;

	while ((n = in_splice(pump, pages)) > 0) {
		held += (size_t)n;
		pages += record_pages((size_t)n);
	}
	if (!held)
		return n == -EAGAIN ? n : in_record(pump);
	pump->in.dry = n == -EAGAIN;
	pump->in.untold = n < 0 && !pump->in.dry;
	ret = qkdtls_sock_received(pump->conn, pump->fd[PUMP_TLS], held);
	return ret ? pump_tls(pump, ret) : (ssize_t)held;
}

static ssize_t in_drain(struct pump *pump)
{
	ssize_t n = move(pump->in.pipe.end[0], pump->fd[PUMP_PLAIN], pump->in.held);

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
