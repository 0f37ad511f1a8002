// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Events, and what becomes of keys. Read by recvmsg() and not through libnl, which folds ENOBUFS (events were lost) into
 * "out of memory".
 */
#include <errno.h>
#include <sys/socket.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>
#include "private.h"

#define EVENT_BUFFER_LEN 8192

/* Bytes of records that may wait for their reader: some 80,000. Fewer where the kernel allows no more. */
#define AUDIT_QUEUE_LEN (16 << 20)

static int subscribe(struct qkd_nl *nl, const char *name)
{
	int group;

	nl->message[0] = '\0';
	group = genl_ctrl_resolve_grp(nl->sock, QKD_GENL_NAME, name);
	if (group == -NLE_OBJ_NOTFOUND)
		return -EOPNOTSUPP;
	if (group < 0)
		return qkd_nl_errno(group);
	if (setsockopt(nl_socket_get_fd(nl->sock), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP, &group,
		       sizeof(group)) < 0)
		return -errno;
	return 0;
}

int qkd_nl_event_subscribe(struct qkd_nl *nl)
{
	return subscribe(nl, QKD_GENL_MCGRP_EVENTS);
}

int qkd_nl_audit_subscribe(struct qkd_nl *nl)
{
	int fd = nl_socket_get_fd(nl->sock), len = AUDIT_QUEUE_LEN;

	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &len, sizeof(len)) < 0)
		(void)setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &len, sizeof(len));
	return subscribe(nl, QKD_GENL_MCGRP_AUDIT);
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

/**
 * struct reader - whom messages go to
 * @event: for events, or NULL
 * @audit: for records, or NULL
 * @arg: their argument
 */
struct reader {
	qkd_event_cb event;
	qkd_audit_cb audit;
	void *arg;
};

static int deliver_one(struct nlmsghdr *hdr, const struct reader *reader)
{
	struct qkd_event event;
	int ret;

	if (reader->audit)
		return qkd_parse_audit(hdr, reader->audit, reader->arg);
	ret = qkd_parse_event(hdr, &event);
	return ret ? ret : reader->event(&event, reader->arg);
}

static int deliver(const struct qkd_nl *nl, char *buffer, int len, const struct reader *reader)
{
	struct nlmsghdr *hdr;
	int ret;

	for (hdr = (struct nlmsghdr *)buffer; nlmsg_ok(hdr, len); hdr = nlmsg_next(hdr, &len)) {
		if (hdr->nlmsg_type != nl->family)
			continue;
		ret = deliver_one(hdr, reader);
		if (ret)
			return ret;
	}
	return 0;
}

static int read_all(struct qkd_nl *nl, const struct reader *reader)
{
	_Alignas(struct nlmsghdr) char buffer[EVENT_BUFFER_LEN];

	for (;;) {
		int ret = receive(nl_socket_get_fd(nl->sock), buffer, sizeof(buffer));

		if (ret == -EAGAIN)
			return 0;
		if (ret > 0)
			ret = deliver(nl, buffer, ret, reader);
		if (ret)
			return ret;
	}
}

int qkd_nl_event_read(struct qkd_nl *nl, qkd_event_cb cb, void *arg)
{
	const struct reader reader = { .event = cb, .arg = arg };

	return read_all(nl, &reader);
}

int qkd_nl_audit_read(struct qkd_nl *nl, qkd_audit_cb cb, void *arg)
{
	const struct reader reader = { .audit = cb, .arg = arg };

	return read_all(nl, &reader);
}
