// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include "common/tcp.h"

#define LISTEN_BACKLOG 128

static int set_on(int fd, int level, int option)
{
	const int on = 1;

	return setsockopt(fd, level, option, &on, sizeof(on)) ? -errno : 0;
}

static int tcp_socket(const struct addrinfo *ai)
{
	int fd = socket(ai->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, ai->ai_protocol);

	return fd < 0 ? -errno : fd;
}

int tcp_listen(const struct addrinfo *ai)
{
	int fd = tcp_socket(ai);
	int ret;

	if (fd < 0)
		return fd;
	ret = set_on(fd, SOL_SOCKET, SO_REUSEADDR);
	if (!ret && ai->ai_family == AF_INET6)
		ret = set_on(fd, IPPROTO_IPV6, IPV6_V6ONLY);
	if (!ret && (bind(fd, ai->ai_addr, ai->ai_addrlen) || listen(fd, LISTEN_BACKLOG)))
		ret = -errno;
	if (!ret)
		return fd;
	close(fd);
	return ret;
}

int tcp_accept(int listener)
{
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	int ret;

	if (fd < 0)
		return -errno;
	ret = set_on(fd, IPPROTO_TCP, TCP_NODELAY);
	if (!ret)
		return fd;
	close(fd);
	return ret;
}

int tcp_connect(const struct addrinfo *ai)
{
	int fd = tcp_socket(ai);
	int ret;

	if (fd < 0)
		return fd;
	ret = set_on(fd, IPPROTO_TCP, TCP_NODELAY);
	if (!ret && connect(fd, ai->ai_addr, ai->ai_addrlen) && errno != EINPROGRESS)
		ret = -errno;
	if (!ret)
		return fd;
	close(fd);
	return ret;
}

int tcp_connect_result(int fd)
{
	socklen_t len = sizeof(int);
	int error = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len))
		return -errno;
	return -error;
}
