// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdint.h>
#include <string.h>
#include <unistd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <qkd/qkdtls.h>

#include "qkdtlsd/handover/brought.h"

/* Linux 5.14; older headers lack it. */
#ifndef SO_NETNS_COOKIE
#define SO_NETNS_COOKIE 71
#endif

/* One, and room to see that there are more: what does not fit the kernel keeps, and says so. */
#define DESCRIPTORS 2

union descriptors_cmsg {
	struct cmsghdr align;
	char bytes[CMSG_LEN(DESCRIPTORS * sizeof(int))];
};

void brought_do_not_linger(int fd)
{
	const struct linger off = { 0 };

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &off, sizeof(off)); /* closed either way */
}

void brought_close(int fd)
{
	brought_do_not_linger(fd);
	close(fd);
}

/* How many there are in @fds, which has room for all that @msg has */
static size_t descriptors(struct msghdr *msg, int fds[DESCRIPTORS])
{
	size_t count = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c; c = CMSG_NXTHDR(msg, c)) {
		const size_t len = c->cmsg_len - CMSG_LEN(0);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < len / sizeof(int) && count < DESCRIPTORS; i++)
			memcpy(&fds[count++], CMSG_DATA(c) + i * sizeof(int), sizeof(int));
	}
	return count;
}

static int judge(const struct qkdtls_handover_request *request, const struct msghdr *msg, ssize_t n,
		 size_t count)
{
	/* Who speaks another version may have another length. */
	if (n >= (ssize_t)sizeof(request->version) && request->version != QKDTLS_HANDOVER_VERSION)
		return -EPROTONOSUPPORT;
	if (n != sizeof(*request) || (msg->msg_flags & MSG_TRUNC))
		return -EBADMSG;
	if (request->flags || request->reserved)
		return -EINVAL;
	return count == 1 && !(msg->msg_flags & MSG_CTRUNC) ? 0 : -EBADF;
}

int brought_receive(int fd, struct qkdtls_handover_request *request, int *brought)
{
	struct iovec iov = { .iov_base = request, .iov_len = sizeof(*request) };
	union descriptors_cmsg control = { 0 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	const ssize_t n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	int fds[DESCRIPTORS], ret;
	size_t count;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? -EAGAIN : -EPIPE;
	count = descriptors(&msg, fds);
	/* An empty message may bring some, too. */
	ret = n || count || (msg.msg_flags & MSG_CTRUNC) ? judge(request, &msg, n, count) : -EPIPE;
	if (!ret) {
		*brought = fds[0];
		return 0;
	}
	while (count)
		brought_close(fds[--count]);
	return ret;
}

static int option(int fd, int name)
{
	socklen_t len = sizeof(int);
	int value = 0;

	return getsockopt(fd, SOL_SOCKET, name, &value, &len) ? -errno : value;
}

static bool is_tcp(int fd)
{
	const int domain = option(fd, SO_DOMAIN);

	return (domain == AF_INET || domain == AF_INET6) && option(fd, SO_TYPE) == SOCK_STREAM &&
	       option(fd, SO_PROTOCOL) == IPPROTO_TCP;
}

static bool is_established(int fd)
{
	struct tcp_info info = { 0 };
	socklen_t len = sizeof(info);

	return !getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &len) &&
	       info.tcpi_state == TCP_ESTABLISHED;
}

/* Its namespace, or 0 where the kernel does not tell */
static uint64_t namespace_of(int fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	return getsockopt(fd, SOL_SOCKET, SO_NETNS_COOKIE, &cookie, &len) ? 0 : cookie;
}

static int check_namespace(int fd)
{
	const int ours = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
	bool same;

	if (ours < 0)
		return -errno;
	same = namespace_of(fd) == namespace_of(ours);
	close(ours);
	return same ? 0 : -EXDEV;
}

int brought_check(int fd)
{
	const int listens = option(fd, SO_ACCEPTCONN);
	int ret;

	if (listens < 0)
		return listens == -ENOTSOCK || listens == -EBADF ? -ENOTSOCK : -EPROTOTYPE;
	if (!is_tcp(fd))
		return -EPROTOTYPE;
	if (listens)
		return -EINVAL;
	if (!is_established(fd))
		return -ENOTCONN;
	ret = check_namespace(fd);
	return ret ? ret : qkdtls_ktls_check(fd);
}

const char *brought_problem(int error)
{
	switch (error) {
	case -EPROTONOSUPPORT:
		return "the program speaks another version of <qkd/handover.h>";
	case -EBADMSG:
		return "what the program sent is no request";
	case -EINVAL:
		return "flags that are unknown, or a socket that listens";
	case -EBADF:
		return "the program brought no socket, or several";
	case -ENOTSOCK:
		return "what the program brought is no socket";
	case -EPROTOTYPE:
		return "the socket is not a TCP one";
	case -ENOTCONN:
		return "the socket is not connected";
	case -EEXIST:
		return "the socket has an upper-layer protocol already";
	case -EXDEV:
		return "the socket is of another network namespace";
	case -EOPNOTSUPP:
		return "no TLS in this kernel (modprobe tls)";
	case -EPIPE:
		return "the program has gone without a request";
	default:
		return strerror(-error);
	}
}
