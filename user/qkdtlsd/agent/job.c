// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "common/log.h"
#include "qkdtlsd/tunnel/connection.h"
#include "qkdtlsd/agent/job.h"

/* The kernel's socket, and where the result goes */
#define JOB_FDS 2

/* Jobs taken before others have their turn */
#define JOB_BATCH 16

union job_control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(JOB_FDS * sizeof(int))];
};

/* The kernel's errors are no greater. */
#define ERRNO_MAX 4095

static int last_errno(void)
{
	return errno == EWOULDBLOCK || errno == EINTR ? -EAGAIN : -errno;
}

/* ---- The agent's side ---- */

static int send_job(int worker, const struct job *job, const int fds[JOB_FDS])
{
	union job_control control = { 0 };
	struct iovec iov = { .iov_base = (void *)job, .iov_len = sizeof(*job) };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_SOCKET;
	cmsg->cmsg_type = SCM_RIGHTS;
	cmsg->cmsg_len = CMSG_LEN(JOB_FDS * sizeof(int));
	memcpy(CMSG_DATA(cmsg), fds, JOB_FDS * sizeof(int));
	return sendmsg(worker, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? last_errno() : 0;
}

int job_give(int worker, const struct job *job, int fd)
{
	int pair[2], ret;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair))
		return -errno;
	ret = send_job(worker, job, (int[JOB_FDS]){ fd, pair[1] });
	close(pair[1]);
	if (!ret)
		return pair[0];
	close(pair[0]);
	return ret;
}

int job_take_result(int reply, struct job_result *result, size_t *certificate_len)
{
	const ssize_t n = recv(reply, result, sizeof(*result), MSG_DONTWAIT | MSG_TRUNC);

	if (n < 0)
		return errno == ECONNRESET ? -EPIPE : last_errno();
	if (!n)
		return -EPIPE;
	if ((size_t)n < JOB_RESULT_HEAD || (size_t)n > sizeof(*result) || result->error > 0 ||
	    result->error < -ERRNO_MAX)
		return -EBADMSG;
	*certificate_len = (size_t)n - JOB_RESULT_HEAD;
	return 0;
}

/* ---- The worker's side ---- */

/*
 * What the kernel's user is told. It gives up after EACCES, and tries again, as long as it has to, after ETIMEDOUT: NFS that
 * is mounted "hard" then waits for keys as it waits for a server.
 */
static int32_t outcome(const struct report *report)
{
	switch (report->end) {
	case END_HANDED_OVER:
		return 0;
	case END_BUSY:
	case END_HANDSHAKES:
	case END_SOURCE:
	case END_TIMEOUT:
	case END_NO_LINK:
	case END_NO_KEY:
	case END_RESET:
	case END_STOPPED:
		return -ETIMEDOUT;
	case END_PEER_ALERT:
		/* So a server that requires a key says that it has none, or not this one. */
		return report->received == QKDTLS_ALERT_DECRYPT_ERROR ? -ETIMEDOUT : -EACCES;
	case END_KTLS:
	case END_INTERNAL:
		return -EIO;
	default:
		return -EACCES;
	}
}

static void tell(int reply, const struct job_result *result, const uint8_t *certificate,
		 size_t certificate_len)
{
	struct iovec iov[] = {
		{ .iov_base = (void *)result, .iov_len = JOB_RESULT_HEAD },
		{ .iov_base = (void *)certificate, .iov_len = certificate_len },
	};
	const struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };

	/* If the agent has gone, the kernel knows it. */
	(void)sendmsg(reply, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void on_end(void *arg, struct connection *connection)
{
	static struct job_result result; /* only its head is used */
	const uint8_t *certificate = NULL;
	const int reply = (int)(intptr_t)arg;
	size_t len = 0;

	memset(&result, 0, JOB_RESULT_HEAD);
	result.error = connection ? outcome(&connection->report) : -ENOMEM;
	if (!result.error) {
		result.suite = connection->report.suite;
		certificate = qkdtls_peer_certificate(connection->handshake.conn, &len);
	}
	tell(reply, &result, certificate, certificate ? len : 0);
	close(reply);
}

static const struct connection_use use = { .on_end = on_end };

static struct service *find_service(const struct jobs *jobs, uint32_t place)
{
	struct service *service = jobs->services;

	while (service && service->place != place)
		service = service->next;
	return service && service->config->from == FROM_KERNEL ? service : NULL;
}

static void do_job(const struct jobs *jobs, const struct job *job, const int fds[JOB_FDS])
{
	struct service *service = find_service(jobs, job->service);
	const struct brought brought = {
		.fd = fds[0],
		.by = "kernel",
		.timeout_ms = job->timeout_ms,
		.use = &use,
		.arg = (void *)(intptr_t)fds[1],
	};

	if (service) {
		connection_bring(service, &brought);
		return;
	}
	log_error("a job from the agent is for no service");
	close(fds[0]);
	close(fds[1]);
}

/* The descriptors of a message, of which there must be two. What else came is closed. */
static int take_fds(struct msghdr *msg, int fds[JOB_FDS])
{
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg);
	size_t count;

	if (!cmsg || cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
		return -EBADMSG;
	count = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
	if (count > JOB_FDS)
		return -EBADMSG;
	memcpy(fds, CMSG_DATA(cmsg), count * sizeof(int));
	if (count == JOB_FDS)
		return 0;
	while (count)
		close(fds[--count]);
	return -EBADMSG;
}

/* 0; -EAGAIN: there is none; or another negative errno */
static int take_job(int fd, struct job *job, int fds[JOB_FDS])
{
	union job_control control;
	struct iovec iov = { .iov_base = job, .iov_len = sizeof(*job) };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	const ssize_t n = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	int ret;

	if (n < 0)
		return last_errno();
	if (!n)
		return -EPIPE;
	ret = take_fds(&msg, fds);
	if (ret || (size_t)n == sizeof(*job))
		return ret;
	close(fds[0]);
	close(fds[1]);
	return -EBADMSG;
}

static bool serve_one(const struct jobs *jobs)
{
	struct job job;
	int fds[JOB_FDS];
	const int ret = take_job(jobs->fd, &job, fds);

	if (!ret)
		do_job(jobs, &job, fds);
	else if (ret != -EAGAIN)
		log_error("a job from the agent cannot be taken: %s", strerror(-ret));
	return !ret;
}

static int on_job(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	const struct jobs *jobs = arg;

	for (int i = 0; i < JOB_BATCH && serve_one(jobs); i++)
		;
	/* The agent that comes after this one has the same socket: only the master can end it. */
	if (events & EPOLLHUP)
		sd_event_source_set_enabled(source, SD_EVENT_OFF);
	return 0;
}

int jobs_begin(struct jobs *jobs, int fd, struct service *services, sd_event *event)
{
	int ret;

	*jobs = (struct jobs){ .fd = fd, .services = services };
	if (fd < 0)
		return 0;
	ret = sd_event_add_io(event, &jobs->io, fd, EPOLLIN, on_job, jobs);
	return ret < 0 ? ret : 0;
}

void jobs_end(struct jobs *jobs)
{
	if (jobs->fd < 0)
		return;
	while (serve_one(jobs))
		;
	sd_event_source_disable_unref(jobs->io);
	close(jobs->fd);
	*jobs = (struct jobs){ .fd = -1 };
}
