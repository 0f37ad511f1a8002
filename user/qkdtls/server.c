// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/tcp.h"
#include "qkdtls/server.h"
#include "qkdtls/session.h"

#define LISTENERS_MAX 8

/* How long a server without file descriptors or memory waits before it accepts again */
#define SHORTAGE_MS 100

struct server {
	struct endpoint *endpoint;
	int stop_fd;
	struct pollfd pfds[1 + LISTENERS_MAX]; /* the first is stop_fd */
	nfds_t count;
};

static void listening_line(int fd)
{
	struct sockaddr_storage sa = { 0 };
	socklen_t len = sizeof(sa);
	char text[ADDRESS_TEXT_LEN];

	if (getsockname(fd, (struct sockaddr *)&sa, &len))
		len = 0;
	address_format(&sa, len, text);
	fprintf(stderr, "listening: %s\n", text);
}

static int server_listen(struct server *s)
{
	const struct address *address = &s->endpoint->options->address;
	struct addrinfo *list;
	int error = -EADDRNOTAVAIL;
	int ret = address_resolve(address, true, &list);

	if (ret) {
		log_error("%s: %s", address->host, gai_strerror(ret));
		return -1;
	}
	for (struct addrinfo *ai = list; ai && s->count <= LISTENERS_MAX; ai = ai->ai_next) {
		int fd = tcp_listen(ai);

		if (fd < 0) {
			error = fd;
			continue;
		}
		s->pfds[s->count++] = (struct pollfd){ .fd = fd, .events = POLLIN };
		listening_line(fd);
	}
	freeaddrinfo(list);
	if (s->count > 1)
		return 0;
	log_error("cannot listen on port %s: %s", address->port, strerror(-error));
	return -1;
}

/* A connection, or a negative errno: -EINTR: told to stop */
static int server_next(struct server *s)
{
	for (;;) {
		if (poll(s->pfds, s->count, -1) < 0 && errno != EINTR)
			return -errno;
		if (s->pfds[0].revents)
			return -EINTR;
		for (nfds_t i = 1; i < s->count; i++) {
			int fd = s->pfds[i].revents ? tcp_accept(s->pfds[i].fd) : -EAGAIN;

			if (fd >= 0)
				return fd;
			/* These do not go away by asking again at once; others concern one peer. */
			if (fd == -EMFILE || fd == -ENFILE || fd == -ENOMEM || fd == -ENOBUFS) {
				log_warning("cannot accept: %s", strerror(-fd));
				poll(s->pfds, 1, SHORTAGE_MS);
			}
		}
	}
}

static int server_loop(struct server *s)
{
	for (;;) {
		enum session_result result;
		int fd = server_next(s);

		if (fd == -EINTR)
			return EXIT_SUCCESS;
		if (fd < 0) {
			log_error("%s", strerror(-fd));
			return EXIT_FAILURE;
		}
		result = session_run(s->endpoint, fd, s->stop_fd);
		close(fd);
		if (result == SESSION_STOPPED)
			return EXIT_SUCCESS;
		if (s->endpoint->options->once)
			return result == SESSION_ENDED ? EXIT_SUCCESS : EXIT_FAILURE;
	}
}

int server_run(struct endpoint *endpoint, int stop_fd)
{
	struct server s = {
		.endpoint = endpoint,
		.stop_fd = stop_fd,
		.pfds[0] = { .fd = stop_fd, .events = POLLIN },
		.count = 1,
	};
	int status = server_listen(&s) ? EXIT_FAILURE : server_loop(&s);

	while (s.count > 1)
		close(s.pfds[--s.count].fd);
	return status;
}
