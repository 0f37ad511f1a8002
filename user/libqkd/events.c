// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Events. Read by recvmsg() and not through libnl, which folds ENOBUFS (events were lost) into
 * "out of memory".
 */
#include <errno.h>
#include <sys/socket.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>
#include "private.h"

#define EVENT_BUFFER_LEN 8192

int qkd_nl_event_subscribe(struct qkd_nl *nl)
{
	int group;

	nl->message[0] = '\0';
	group = genl_ctrl_resolve_grp(nl->sock, QKD_GENL_NAME, QKD_GENL_MCGRP_EVENTS);
	if (group == -NLE_OBJ_NOTFOUND)
		return -EOPNOTSUPP;
	if (group < 0)
		return qkd_nl_errno(group);
	if (setsockopt(nl_socket_get_fd(nl->sock), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group,
		       sizeof(group)) < 0)
		return -errno;
	return 0;
}

/* Bytes of one datagram of the kernel, 0 for another sender's, or a negative errno. */
static int receive(int fd, char *buffer, size_t size)
{
	struct sockaddr_nl from = { 0 };
	struct iovec iov = { .iov_base = buffer, .iov_len = size };
	struct msghdr msg = {
		.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &iov,
		.msg_iovlen = 1,
	};
	ssize_t len = recvmsg(fd, &msg, MSG_DONTWAIT);

	if (len < 0)
		return -errno;
	if (from.nl_pid)
		return 0;
	return msg.msg_flags & MSG_TRUNC ? -EPROTO : (int)len;
}

static int deliver(const struct qkd_nl *nl, char *buffer, int len, qkd_event_cb cb, void *arg)
{
	struct nlmsghdr *hdr;
	struct qkd_event event;
	int ret;

	for (hdr = (struct nlmsghdr *)buffer; nlmsg_ok(hdr, len); hdr = nlmsg_next(hdr, &len)) {
		if (hdr->nlmsg_type != nl->family)
			continue;
		ret = qkd_parse_event(hdr, &event);
		if (!ret)
			ret = cb(&event, arg);
		if (ret)
			return ret;
	}
	return 0;
}

int qkd_nl_event_read(struct qkd_nl *nl, qkd_event_cb cb, void *arg)
{
	_Alignas(struct nlmsghdr) char buffer[EVENT_BUFFER_LEN];

	for (;;) {
		int ret = receive(nl_socket_get_fd(nl->sock), buffer, sizeof(buffer));

		if (ret == -EAGAIN)
			return 0;
		if (ret > 0)
			ret = deliver(nl, buffer, ret, cb, arg);
		if (ret)
			return ret;
	}
}
