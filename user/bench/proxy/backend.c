// SPDX-License-Identifier: GPL-2.0-or-later
/* The server behind the proxies, and beside them, where it has TLS itself */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/proxy/proxy.h"

#define EVENTS_MAX 64
#define CHUNK	   (64 * 1024)

/**
 * struct peer - one connection
 * @request: that is being answered, of which @have bytes have come; what is left of it
 */
struct peer {
	struct end end;
	struct request request;
	size_t have;
};

/**
 * struct backend
 * @listener: plain and with TLS, which @config is for
 */
struct backend {
	int epoll;
	int listener[2];
	struct qkdtls_config *config;
};

static ssize_t receive_more(struct peer *peer, uint8_t *data)
{
	const size_t left = sizeof(peer->request) - peer->have;
	ssize_t n;

	if (left) {
		n = end_recv(&peer->end, (uint8_t *)&peer->request + peer->have, left);
		if (n > 0)
			peer->have += (size_t)n;
		return n;
	}
	n = end_recv(&peer->end, data, peer->request.up < CHUNK ? peer->request.up : CHUNK);
	if (n > 0)
		peer->request.up -= (uint64_t)n;
	return n;
}

static ssize_t send_more(struct peer *peer, const uint8_t *data)
{
	const uint64_t left = peer->request.down;
	const ssize_t n = end_send(&peer->end, data, left < CHUNK ? left : CHUNK);

	if (n > 0)
		peer->request.down -= (uint64_t)n;
	if (!peer->request.down)
		peer->have = 0;
	return n;
}

static void peer_end(struct peer *peer)
{
	if (peer->end.tls)
		(void)qkdtls_sock_close(peer->end.tls, peer->end.fd);
	end_free(&peer->end);
	free(peer);
}

/* Goes on until it would block. */
static void peer_advance(struct peer *peer)
{
	static uint8_t data[CHUNK];
	ssize_t n;

	if (peer->end.tls)
		(void)qkdtls_sock_flush(peer->end.tls, peer->end.fd);
	do {
		if (peer->have < sizeof(peer->request) || peer->request.up)
			n = receive_more(peer, data);
		else if (peer->request.down)
			n = send_more(peer, data);
		else
			n = (ssize_t)(peer->have = 0) + 1;
	} while (n > 0);
	if (n != -EAGAIN)
		peer_end(peer);
}

static void accept_one(struct backend *backend, bool secure)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLOUT | EPOLLET };
	struct peer *peer = calloc(1, sizeof(*peer));
	const int on = 1;

	if (!peer)
		abort();
	peer->end.qkd.fd = -1;
	peer->end.fd = accept4(backend->listener[secure], NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	event.data.ptr = peer;
	if (peer->end.fd < 0 ||
	    setsockopt(peer->end.fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) ||
	    (secure && !end_accept(&peer->end, backend->config)) ||
	    epoll_ctl(backend->epoll, EPOLL_CTL_ADD, peer->end.fd, &event))
		peer_end(peer);
}

static void serve(struct backend *backend)
{
	struct epoll_event events[EVENTS_MAX];

	for (;;) {
		const int n = epoll_wait(backend->epoll, events, EVENTS_MAX, -1);

		for (int i = 0; i < n; i++) {
			const int *listener = events[i].data.ptr;

			if (listener == &backend->listener[0] || listener == &backend->listener[1])
				accept_one(backend, listener == &backend->listener[1]);
			else
				peer_advance(events[i].data.ptr);
		}
	}
}

static bool prepare(struct backend *backend, const uint16_t ports[2])
{
	backend->epoll = epoll_create1(EPOLL_CLOEXEC);
	backend->config = end_config(QKDTLS_SERVER, false);
	for (int i = 0; i < 2; i++) {
		struct epoll_event event = { .events = EPOLLIN, .data.ptr = &backend->listener[i] };

		backend->listener[i] = end_listen(ports[i]);
		if (backend->listener[i] < 0 ||
		    epoll_ctl(backend->epoll, EPOLL_CTL_ADD, backend->listener[i], &event))
			return false;
	}
	return backend->config;
}

pid_t backend_start(uint16_t plain, uint16_t tls)
{
	const uint16_t ports[] = { plain, tls };
	struct backend backend;
	pid_t pid;

	if (!prepare(&backend, ports))
		return -1;
	pid = fork();
	if (!pid) {
		if (!prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0))
			serve(&backend);
		_exit(1);
	}
	if (pid < 0)
		perror("bench: fork");
	close(backend.listener[0]);
	close(backend.listener[1]);
	close(backend.epoll);
	qkdtls_config_unref(backend.config);
	return pid;
}
