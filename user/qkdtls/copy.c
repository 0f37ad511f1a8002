// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>
#include <openssl/crypto.h>

#include "qkdtls/copy.h"

/* Takes any record whole. */
#define COPY_CHUNK 16384

struct buffer {
	char data[COPY_CHUNK];
	size_t start;
	size_t end;
};

/*
 * From the peer data goes into @in, and from @out to the peer. When echoing @out is @in; otherwise
 * standard input fills @out and standard output empties @in.
 */
struct copy {
	struct qkdtls_conn *conn;
	int fd;
	bool echo;
	struct buffer in;
	struct buffer from_stdin;
	struct buffer *out;
	bool in_open; /* no close_notify from the peer yet */
	bool source_open; /* more may come into @out */
	bool out_open; /* our close_notify has not gone yet */
	const char *where;
};

static bool empty(const struct buffer *b)
{
	return b->start == b->end;
}

static void buffer_took(struct buffer *b, size_t n)
{
	b->start += n;
	if (empty(b))
		b->start = b->end = 0;
}

/* Steps on the connection: 1 if something moved, 0 if it would block, or a negative errno */
static int peer_to_in(struct copy *c)
{
	ssize_t n;

	if (!c->in_open || !empty(&c->in))
		return 0;
	n = qkdtls_sock_recv(c->conn, c->fd, c->in.data, sizeof(c->in.data));
	if (n == -EAGAIN)
		return 0;
	if (!n) {
		c->in_open = false;
		if (c->echo)
			c->source_open = false;
		return 1;
	}
	if (n < 0)
		return (int)n;
	c->in.end = (size_t)n;
	return 1;
}

static int out_to_peer(struct copy *c)
{
	ssize_t n;

	if (empty(c->out) && c->source_open) {
		n = qkdtls_sock_flush(c->conn, c->fd);
		return n == -EAGAIN ? 0 : (int)n;
	}
	if (!c->out_open)
		return 0;
	if (empty(c->out)) {
		n = qkdtls_sock_close(c->conn, c->fd);
		if (!n)
			c->out_open = false;
	} else {
		n = qkdtls_sock_send(c->conn, c->fd, c->out->data + c->out->start,
				     c->out->end - c->out->start);
		if (n > 0)
			buffer_took(c->out, (size_t)n);
	}
	if (n == -EAGAIN)
		return 0;
	return n < 0 ? (int)n : 1;
}

/* Steps on standard input and output, which poll() must have found ready: 0 or a negative errno */
static int stdin_to_out(struct copy *c)
{
	ssize_t n = read(STDIN_FILENO, c->out->data, sizeof(c->out->data));

	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : -errno;
	c->out->end = (size_t)n;
	c->source_open = n > 0;
	return 0;
}

static int in_to_stdout(struct copy *c)
{
	size_t len = c->in.end - c->in.start;
	/* A pipe that poll() finds writable takes this much without blocking. */
	ssize_t n = write(STDOUT_FILENO, c->in.data + c->in.start, len < PIPE_BUF ? len : PIPE_BUF);

	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : -errno;
	buffer_took(&c->in, (size_t)n);
	return 0;
}

static int peer_steps(struct copy *c)
{
	int in, out;

	do {
		in = peer_to_in(c);
		if (in < 0)
			return in;
		out = out_to_peer(c);
		if (out < 0)
			return out;
	} while (in || out);
	return 0;
}

static bool finished(const struct copy *c)
{
	return !c->in_open && !c->out_open && empty(&c->in);
}

enum {
	POLL_STOP,
	POLL_PEER,
	POLL_STDIN,
	POLL_STDOUT,
	POLL_COUNT,
};

static short peer_events(const struct copy *c)
{
	bool closing = c->out_open && !c->source_open;
	short events = 0;

	if (c->in_open && empty(&c->in))
		events |= POLLIN;
	if (!empty(c->out) || closing || qkdtls_sock_pending(c->conn))
		events |= POLLOUT;
	return events;
}

static int copy_wait(struct copy *c, int stop_fd, struct pollfd pfds[POLL_COUNT])
{
	short events = peer_events(c);
	bool idle = !events && c->out_open && empty(&c->in); /* only standard input is waited for */

	pfds[POLL_STOP] = (struct pollfd){ .fd = stop_fd, .events = POLLIN };
	pfds[POLL_PEER] = (struct pollfd){
		.fd = events || idle ? c->fd : -1,
		.events = events,
	};
	pfds[POLL_STDIN] = (struct pollfd){
		.fd = !c->echo && c->source_open && empty(c->out) ? STDIN_FILENO : -1,
		.events = POLLIN,
	};
	pfds[POLL_STDOUT] = (struct pollfd){
		.fd = !c->echo && !empty(&c->in) ? STDOUT_FILENO : -1,
		.events = POLLOUT,
	};
	if (poll(pfds, POLL_COUNT, -1) < 0 && errno != EINTR)
		return -errno;
	if (idle && pfds[POLL_PEER].revents & (POLLHUP | POLLERR))
		return -ECONNRESET;
	return pfds[POLL_STOP].revents ? -EINTR : 0;
}

static int failed_at(struct copy *c, const char *where, int error)
{
	c->where = where;
	return error;
}

static int copy_loop(struct copy *c, int stop_fd)
{
	for (;;) {
		struct pollfd pfds[POLL_COUNT] = { 0 };
		int ret = peer_steps(c);

		if (ret || finished(c))
			return ret;
		ret = copy_wait(c, stop_fd, pfds);
		if (ret)
			return ret;
		if (pfds[POLL_STDIN].revents) {
			ret = stdin_to_out(c);
			if (ret)
				return failed_at(c, "standard input", ret);
		}
		if (pfds[POLL_STDOUT].revents) {
			ret = in_to_stdout(c);
			if (ret)
				return failed_at(c, "standard output", ret);
		}
	}
}

#define ALERT_SEARCH_MAX 256 /* records: a peer that never stops sending is not followed */

/* After a write failed: an alert that says why may be waiting behind data. */
static void look_for_alert(struct copy *c)
{
	for (int i = 0; i < ALERT_SEARCH_MAX; i++) {
		if (qkdtls_sock_recv(c->conn, c->fd, c->in.data, sizeof(c->in.data)) <= 0)
			return;
	}
}

/* Tells the peer, if it can still be told, that the copy ended before its time. */
static void copy_failed(struct copy *c, int error, bool own_end)
{
	if (own_end)
		qkdtls_sock_abort(c->conn, c->fd, QKDTLS_ALERT_INTERNAL_ERROR, "given up");
	else if (error == -EPIPE || (error == -ECONNRESET && c->in_open))
		look_for_alert(c);
	else if (error == -EINTR && c->out_open)
		(void)qkdtls_sock_close(c->conn, c->fd);
}

struct copy_result copy_run(struct qkdtls_conn *conn, int fd, bool echo, int stop_fd)
{
	static const char connection[] = "connection";
	struct copy_result result;
	struct copy c = {
		.conn = conn,
		.fd = fd,
		.echo = echo,
		.in_open = true,
		.source_open = true,
		.out_open = true,
		.where = connection,
	};

	c.out = echo ? &c.in : &c.from_stdin;
	result.error = copy_loop(&c, stop_fd);
	result.where = c.where;
	if (result.error)
		copy_failed(&c, result.error, c.where != connection);
	OPENSSL_cleanse(&c, sizeof(c));
	return result;
}
