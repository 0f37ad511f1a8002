// SPDX-License-Identifier: GPL-2.0-or-later
/* A program's side of <qkd/handover.h>. It knows the daemon by that alone. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <qkd/handover.h>

#include "tls/internal.h"
#include "tls/ktls.h"

union descriptor_cmsg {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int))];
};

/* The daemon, whose time begins a little later, tells by itself that it is up. */
#define LATE_MS 1000

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

/* The socket to the daemon, or a negative errno */
static int reach(const char *path)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	const size_t len = strlen(path);
	int fd, ret;

	if (!len || len >= sizeof(sa.sun_path))
		return -EINVAL;
	memcpy(sa.sun_path, path, len);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	/* A full queue is an answer, too: nobody accepts. */
	if (!connect(fd, (struct sockaddr *)&sa, sizeof(sa)))
		return fd;
	ret = errno == EAGAIN ? -EBUSY : -errno;
	close(fd);
	return ret;
}

static int ask(int daemon, int fd, unsigned int timeout_ms)
{
	struct qkdtls_handover_request request = { .version = QKDTLS_HANDOVER_VERSION,
						   .timeout_ms = timeout_ms };
	struct iovec iov = { .iov_base = &request, .iov_len = sizeof(request) };
	union descriptor_cmsg control = { 0 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
	ssize_t n;

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(sizeof(fd));
	memcpy(CMSG_DATA(cmsg), &fd, sizeof(fd));
	do {
		n = sendmsg(daemon, &msg, MSG_NOSIGNAL);
	} while (n < 0 && errno == EINTR);
	/* Who hangs up at once may have said why. */
	if (n < 0)
		return errno == EPIPE || errno == ECONNRESET ? 0 : -errno;
	return n == sizeof(request) ? 0 : -EIO;
}

/* 0: there is something to read */
static int wait_for(int daemon, uint64_t timeout_ms)
{
	const int64_t end = now_ms() + (int64_t)timeout_ms;
	struct pollfd pollfd = { .fd = daemon, .events = POLLIN };

	for (;;) {
		const int64_t left = timeout_ms ? end - now_ms() : -1;
		const int n = poll(&pollfd, 1, left > INT_MAX ? INT_MAX : (int)left);

		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (timeout_ms && now_ms() >= end)
			return -ETIMEDOUT;
	}
}

/* The reply, and the descriptor that came with it, or -1: there is room for one only, so that none is lost. */
static int hear(int daemon, struct qkdtls_handover_reply *reply, int *session)
{
	struct iovec iov = { .iov_base = reply, .iov_len = sizeof(*reply) };
	union descriptor_cmsg control = { 0 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = CMSG_LEN(sizeof(int)),
	};
	ssize_t n = recvmsg(daemon, &msg, MSG_CMSG_CLOEXEC);
	const struct cmsghdr *cmsg;

	/* That the request was not read is told before an answer that has come. */
	if (n < 0 && errno == ECONNRESET)
		n = recvmsg(daemon, &msg, MSG_CMSG_CLOEXEC);
	if (n < 0)
		return errno == ECONNRESET ? -ECONNABORTED : -errno;
	cmsg = CMSG_FIRSTHDR(&msg);
	if (cmsg && cmsg->cmsg_level == SOL_SOCKET && cmsg->cmsg_type == SCM_RIGHTS &&
	    cmsg->cmsg_len == CMSG_LEN(sizeof(int)))
		memcpy(session, CMSG_DATA(cmsg), sizeof(int));
	if (!n)
		return -ECONNABORTED;
	if (n >= (ssize_t)(2 * sizeof(uint32_t)) && reply->version != QKDTLS_HANDOVER_VERSION)
		return -EPROTONOSUPPORT;
	if (n != sizeof(*reply) || (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) ||
	    reply->error > INT_MAX)
		return -EBADMSG;
	return -(int)reply->error;
}

static void copy_text(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%.*s", QKDTLS_HANDOVER_TEXT_LEN - 1, from);
}

static void tell(const struct qkdtls_handover_reply *reply, struct qkdtls_handover_info *info)
{
	static const uint8_t none[QKDTLS_HANDOVER_KEY_LEN];

	info->role = reply->flags & QKDTLS_HANDOVER_F_SERVER ? QKDTLS_SERVER : QKDTLS_CLIENT;
	info->tls.suite = reply->suite;
	info->tls.group = reply->group;
	info->tls.signature = reply->signature;
	info->tls.psk = reply->flags & QKDTLS_HANDOVER_F_QKD;
	info->tls.imported = info->tls.psk;
	info->tls.sealed = reply->flags & QKDTLS_HANDOVER_F_SEALED;
	info->tls.certificate = !reply->error; /* the daemon has no other servers */
	if (memcmp(reply->key_id, none, sizeof(none))) {
		memcpy(info->tls.psk_id, reply->key_id, sizeof(reply->key_id));
		info->tls.psk_id_len = sizeof(reply->key_id);
	}
	copy_text(info->tls.alpn, sizeof(info->tls.alpn), reply->alpn);
	copy_text(info->tls.peer, sizeof(info->tls.peer), reply->subject);
	copy_text(info->peer, sizeof(info->peer), reply->peer);
	copy_text(info->sae, sizeof(info->sae), reply->sae);
	copy_text(info->reason, sizeof(info->reason), reply->reason);
	info->sent = reply->alert_sent;
	info->received = reply->alert_received;
}

int qkdtls_handover(const char *path, int fd, unsigned int timeout_ms,
		    struct qkdtls_handover_info *info)
{
	struct qkdtls_handover_info unwanted;
	struct qkdtls_handover_reply reply = { 0 };
	int daemon = fcntl(fd, F_GETFD) < 0 ? -errno : reach(path);
	int session = -1, ret;
	bool asked;

	if (!info)
		info = &unwanted;
	*info = (struct qkdtls_handover_info){
		.sent = QKDTLS_ALERT_NONE,
		.received = QKDTLS_ALERT_NONE,
		.session = -1,
	};
	if (daemon < 0)
		return daemon;
	ret = ask(daemon, fd, timeout_ms);
	asked = !ret;
	if (!ret)
		ret = wait_for(daemon, timeout_ms ? timeout_ms + (uint64_t)LATE_MS : 0);
	if (!ret)
		ret = hear(daemon, &reply, &session);
	close(daemon);
	if (reply.version == QKDTLS_HANDOVER_VERSION)
		tell(&reply, info);
	/* The daemon, which would have done it, may be no more: nothing must go over it in the clear. */
	else if (asked && ret)
		shutdown(fd, SHUT_RDWR);
	if (session >= 0 && (ret || info == &unwanted))
		close(session);
	else
		info->session = session;
	return ret;
}

/* Takes the session over, if there is one. */
static int resume(struct qkdtls_conn *conn, struct qkdtls_handover_info *info)
{
	struct qkdtls_seal *seal;
	int ret;

	if (info->session < 0)
		return 0;
	seal = qkdtls_qkd_seal(info->session, info->role);
	if (!seal)
		return -ENOMEM;
	ret = qkdtls_schedule_resume(&conn->schedule, conn->suite->hash, seal);
	if (ret) {
		free(seal);
		return ret;
	}
	qkdtls_seal_unref(seal);
	info->session = -1;
	conn->kernel.rekeys = true;
	return 0;
}

struct qkdtls_conn *qkdtls_handover_conn(struct qkdtls_config *config, int fd,
					 struct qkdtls_handover_info *info)
{
	const struct qkdtls_suite *suite = qkdtls_suite_find(info->tls.suite);
	struct qkdtls_config *limits = config ? qkdtls_config_ref(config) : qkdtls_config_new();
	const bool is_up = suite && info->tls.certificate;
	struct qkdtls_conn *conn = is_up && limits ? qkdtls_conn_alloc(limits, info->role) : NULL;

	qkdtls_config_unref(limits);
	if (!conn)
		return NULL;
	conn->suite = suite;
	conn->info = info->tls;
	conn->state = QKDTLS_UP;
	conn->keys_taken = true;
	conn->kernel.payload_max = qkdtls_ktls_payload_max(fd);
	qkdtls_key_age_start(conn);
	if (!resume(conn, info))
		return conn;
	qkdtls_conn_free(conn);
	return NULL;
}
