// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "common/address.h"
#include "common/clock.h"
#include "common/handshake_io.h"
#include "common/log.h"
#include "qkdtls/copy.h"
#include "qkdtls/report.h"
#include "qkdtls/session.h"

/* How long, and how much, a peer's last bytes are awaited after a failure */
#define LINGER_MS    1000
#define LINGER_BYTES (256 << 10)

struct session {
	struct endpoint *endpoint;
	struct handshake_io io;
	char address[ADDRESS_TEXT_LEN];
	uint64_t deadline;
	int stop_fd;
};

/*
 * Closing a socket with unread input resets the connection, and a reset may overtake the alert that says why.
 * So: end our side, and read what the peer has still under way.
 */
static void linger(int fd)
{
	uint64_t deadline = clock_ms() + LINGER_MS;
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	size_t total = 0;
	char buf[4096];

	shutdown(fd, SHUT_WR);
	while (total < LINGER_BYTES && poll(&pfd, 1, clock_left_ms(deadline)) > 0) {
		ssize_t n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);

		if (n <= 0)
			return;
		total += (size_t)n;
	}
}

/* Until the handshake can go on. 0, -ETIMEDOUT, -EINTR (told to stop), or another errno */
static int handshake_wait(struct session *s, enum qkdtls_want want)
{
	struct pollfd pfds[] = {
		{ .fd = s->stop_fd, .events = POLLIN },
		{ .fd = s->io.fd, .events = want == QKDTLS_WANT_READ ? POLLIN : POLLOUT },
	};
	int timeout = clock_left_ms(s->deadline);

	if (!timeout)
		return -ETIMEDOUT;
	if (want == QKDTLS_WANT_PSK) {
		bool client = s->endpoint->options->role == QKDTLS_CLIENT;

		/* The device tells of keys to take, not of one key's arrival. */
		pfds[1] = (struct pollfd){
			.fd = client ? s->endpoint->link.fd : -1,
			.events = POLLIN,
		};
		if (!client && timeout > HANDSHAKE_PSK_RETRY_MS)
			timeout = HANDSHAKE_PSK_RETRY_MS;
	}
	/* The source of keys has a deadline of its own, which comes before ours. */
	if (want == QKDTLS_WANT_PSK && clock_left_ms(s->endpoint->link.deadline_ms) < timeout)
		timeout = clock_left_ms(s->endpoint->link.deadline_ms);
	if (poll(pfds, 2, timeout) < 0 && errno != EINTR)
		return -errno;
	return pfds[0].revents ? -EINTR : 0;
}

/* 0, or a negative errno: -EPROTO if the engine says why */
static int handshake(struct session *s)
{
	enum qkdtls_want want;
	int ret = 0;

	while ((want = handshake_io_step(&s->io)) != QKDTLS_DONE) {
		if (want == QKDTLS_FAILED)
			return -EPROTO;
		ret = handshake_wait(s, want);
		if (ret)
			break;
	}
	if (ret == -ETIMEDOUT)
		handshake_io_abort(&s->io, QKDTLS_ALERT_USER_CANCELED,
				   "the peer did not finish the handshake in time");
	else if (ret)
		handshake_io_abort(&s->io, QKDTLS_ALERT_USER_CANCELED, strerror(-ret));
	return ret;
}

static enum session_result handshake_failed(struct session *s, int error)
{
	const char *key_problem = endpoint_key_problem(s->endpoint);
	char reason[512];

	handshake_io_describe(&s->io, reason, sizeof(reason));
	report_failure("handshake failed", reason, qkdtls_error(s->io.conn));
	if (key_problem)
		log_error("key: %s", key_problem);
	linger(s->io.fd);
	return error == -EINTR ? SESSION_STOPPED : SESSION_FAILED;
}

/* Decides who protects the records: 0 or -1 */
static int records_start(struct session *s)
{
	enum records records = s->endpoint->options->records;
	int ret = -EOPNOTSUPP;

	if (records != RECORDS_OWN)
		ret = qkdtls_ktls_install(s->io.conn, s->io.fd);
	if (!ret || (ret == -EOPNOTSUPP && records != RECORDS_KERNEL)) {
		report_records(!ret);
		return 0;
	}
	if (ret == -EOPNOTSUPP)
		log_error(
			"this kernel has no TLS (modprobe tls), lacks the cipher, or cannot keep the "
			"peer's record size limit: --records own does without");
	else
		log_error("the kernel did not take the traffic keys: %s; connection closed",
			  strerror(-ret));
	return -1;
}

static const char *copy_problem(const struct qkdtls_error *error, int code)
{
	switch (code) {
	case -EOPNOTSUPP:
		return "the peer changed its key (KeyUpdate), which this kernel cannot follow; "
		       "closed. Use --records own";
	case -EOVERFLOW:
		return "a key is worn out, which this kernel cannot change; closed. Use --records "
		       "own";
	case -ECONNRESET:
		return error->received != QKDTLS_ALERT_NONE
			       ? "the peer ended it with an alert"
			       : "cut off without close_notify: data may be missing";
	case -EPROTO:
		return error->reason ? error->reason : "protocol error";
	default:
		return strerror(-code);
	}
}

static enum session_result copy(struct session *s)
{
	struct copy_result result;

	if (records_start(s))
		return SESSION_FAILED;
	result = copy_run(s->io.conn, s->io.fd, s->endpoint->options->echo, s->stop_fd);
	if (!result.error)
		return SESSION_ENDED;
	if (result.error == -EINTR) {
		log_info("stopped by a signal");
		return SESSION_STOPPED;
	}
	report_failure(result.where, copy_problem(qkdtls_error(s->io.conn), result.error),
		       qkdtls_error(s->io.conn));
	linger(s->io.fd);
	return SESSION_FAILED;
}

enum session_result session_run(struct endpoint *endpoint, int fd, int stop_fd)
{
	uint64_t now = clock_ms(), limit = endpoint->options->timeout_s * 1000;
	struct session s = {
		.endpoint = endpoint,
		.io.fd = fd,
		.deadline = now + limit,
		.stop_fd = stop_fd,
	};
	enum session_result result;
	int ret;

	address_format_peer(fd, s.address);
	/* Half the time for the key: the other half is left for going on without, where that is allowed. */
	s.io.conn = endpoint_connection(endpoint, now + limit / 2);
	if (!s.io.conn) {
		log_error("out of memory");
		endpoint_release(endpoint);
		return SESSION_FAILED;
	}
	ret = handshake(&s);
	if (ret) {
		log_info("connection with %s", s.address);
		result = handshake_failed(&s, ret);
	} else {
		report_negotiated(qkdtls_info(s.io.conn), endpoint->options->policy, s.address,
				  !endpoint->psk);
		endpoint_tell(endpoint, qkdtls_info(s.io.conn), fd);
		result = copy(&s);
	}
	qkdtls_conn_free(s.io.conn);
	endpoint_release(endpoint);
	return result;
}
