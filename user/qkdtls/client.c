// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/tcp.h"
#include "qkdtls/client.h"
#include "qkdtls/session.h"

/* Waits for a connection that has been started: 0 or a negative errno, -EINTR: told to stop */
static int connect_wait(int fd, int stop_fd, uint64_t deadline)
{
	struct pollfd pfds[] = {
		{ .fd = stop_fd, .events = POLLIN },
		{ .fd = fd, .events = POLLOUT },
	};
	int n;

	do {
		n = poll(pfds, 2, clock_left_ms(deadline));
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	if (pfds[0].revents)
		return -EINTR;
	return n ? tcp_connect_result(fd) : -ETIMEDOUT;
}

/* A connected socket, or a negative errno: that of the last address tried */
static int connect_any(const struct addrinfo *list, int stop_fd, uint64_t deadline)
{
	int ret = -EADDRNOTAVAIL;

	for (const struct addrinfo *ai = list; ai; ai = ai->ai_next) {
		int fd = tcp_connect(ai);

		ret = fd < 0 ? fd : connect_wait(fd, stop_fd, deadline);
		if (!ret)
			return fd;
		if (fd >= 0)
			close(fd);
		if (ret == -EINTR || ret == -ETIMEDOUT)
			break;
	}
	return ret;
}

int client_run(struct endpoint *endpoint, int stop_fd)
{
	const struct options *o = endpoint->options;
	enum session_result result;
	struct addrinfo *list;
	int ret, fd;

	ret = address_resolve(&o->address, false, &list);
	if (ret) {
		log_error("%s: %s", o->address.host, gai_strerror(ret));
		return EXIT_FAILURE;
	}
	fd = connect_any(list, stop_fd, clock_ms() + o->timeout_s * 1000);
	freeaddrinfo(list);
	if (fd < 0) {
		log_error("%s port %s: %s", o->address.host, o->address.port, strerror(-fd));
		return EXIT_FAILURE;
	}
	result = session_run(endpoint, fd, stop_fd);
	close(fd);
	return result == SESSION_ENDED ? EXIT_SUCCESS : EXIT_FAILURE;
}
