// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "common/log.h"
#include "qkdtlsd/handover/brought.h"
#include "qkdtlsd/tunnel/connection.h"
#include "qkdtlsd/handover/handover.h"
#include "qkdtlsd/service.h"

#define MS_PER_S 1000ULL
#define US_PER_S 1000000ULL

/**
 * struct handover - one program that brings a socket; owned by its service's list
 * @prev: in the list, as @next
 * @next: see @prev
 * @service: outlives it
 * @fd: the UNIX socket
 * @io: its event source
 * @deadline: until the request has come
 * @connection: the handshake on its socket, while there is one; this ends with it
 * @by: who it is
 */
struct handover {
	struct handover *prev;
	struct handover *next;
	struct service *service;
	int fd;
	sd_event_source *io;
	sd_event_source *deadline;
	struct connection *connection;
	char by[ADDRESS_TEXT_LEN];
};

union descriptor_cmsg {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(int))];
};

struct handover *handover_next(const struct handover *handover)
{
	return handover->next;
}

/* ---- Its life ---- */

static void link_in(struct handover *handover)
{
	struct service *service = handover->service;

	handover->next = service->handovers;
	if (handover->next)
		handover->next->prev = handover;
	service->handovers = handover;
	service->handover_count++;
}

static void release(struct handover *handover)
{
	struct service *service = handover->service;

	if (handover->prev)
		handover->prev->next = handover->next;
	else
		service->handovers = handover->next;
	if (handover->next)
		handover->next->prev = handover->prev;
	service->handover_count--;
	sd_event_source_disable_unref(handover->io);
	sd_event_source_disable_unref(handover->deadline);
	close(handover->fd);
	free(handover);
	service_idle(service);
}

/* ---- The answer ---- */

/* It always fits: nothing else is ever sent. 0 or a negative errno */
static int reply_send(int fd, const struct qkdtls_handover_reply *reply, int session)
{
	struct iovec iov = { .iov_base = (void *)reply, .iov_len = sizeof(*reply) };
	union descriptor_cmsg control = { 0 };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg;

	if (session >= 0) {
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(session));
		memcpy(CMSG_DATA(cmsg), &session, sizeof(session));
	}
	return sendmsg(fd, &msg, MSG_NOSIGNAL | MSG_DONTWAIT) < 0 ? -errno : 0;
}

static int error_of(const struct connection *connection)
{
	switch (connection->report.end) {
	case END_HANDED_OVER:
		return 0;
	case END_BUSY:
	case END_HANDSHAKES:
	case END_SOURCE:
		return EBUSY;
	case END_TIMEOUT:
		return ETIMEDOUT;
	case END_NO_LINK:
		return ENODEV;
	case END_NO_KEY:
		return ENOKEY;
	case END_KEY_REJECTED:
		return EKEYREJECTED;
	case END_CERTIFICATE:
		return EACCES;
	case END_PROTOCOL:
		return EPROTO;
	case END_PEER_ALERT:
	case END_RESET:
		return ECONNRESET;
	case END_KTLS:
		return EOPNOTSUPP;
	case END_STOPPED:
		return ECANCELED;
	default:
		return EIO;
	}
}

static void tell_negotiated(const struct connection *connection,
			    struct qkdtls_handover_reply *reply)
{
	const struct qkdtls_info *info = qkdtls_info(connection->handshake.conn);

	reply->suite = info->suite;
	reply->group = info->group;
	reply->signature = info->signature;
	if (info->psk_id_len == sizeof(reply->key_id))
		memcpy(reply->key_id, info->psk_id, sizeof(reply->key_id));
}

/* Who the peer is: of a handshake that was completed */
static void tell_peer(const struct connection *connection, struct qkdtls_handover_reply *reply)
{
	const struct qkdtls_info *info = qkdtls_info(connection->handshake.conn);
	const struct service_config *config = connection->service->config;

	if (info->psk)
		reply->flags |= QKDTLS_HANDOVER_F_QKD;
	if (info->sealed)
		reply->flags |= QKDTLS_HANDOVER_F_SEALED;
	if (info->peer[0] && config->peer_name)
		snprintf(reply->peer, sizeof(reply->peer), "%s", config->peer_name);
	snprintf(reply->subject, sizeof(reply->subject), "%s", info->peer);
	snprintf(reply->alpn, sizeof(reply->alpn), "%s", info->alpn);
	if (info->psk)
		keys_peer_sae(&connection->keys, config, reply->sae, sizeof(reply->sae));
	/* The one that was offered and not used is no part of it. */
	else
		memset(reply->key_id, 0, sizeof(reply->key_id));
}

static void reply_init(struct qkdtls_handover_reply *reply, const struct service *service,
		       int error, const char *reason)
{
	*reply = (struct qkdtls_handover_reply){
		.version = QKDTLS_HANDOVER_VERSION,
		.error = (uint32_t)error,
		.flags = service->config->mode == QKDTLS_SERVER ? QKDTLS_HANDOVER_F_SERVER : 0,
		.alert_sent = QKDTLS_ALERT_NONE,
		.alert_received = QKDTLS_ALERT_NONE,
	};
	snprintf(reply->reason, sizeof(reply->reason), "%s", reason);
}

/* close() with a request unread would cost the program its answer. */
static void discard_request(int fd)
{
	struct qkdtls_handover_request request;
	int brought;

	if (!brought_receive(fd, &request, &brought))
		brought_close(brought);
}

/* No handshake was begun. A program that has gone is not answered. */
static void refuse(struct handover *handover, enum end_reason end, int error, const char *reason)
{
	struct service *service = handover->service;
	struct qkdtls_handover_reply reply;
	struct report report;

	report_init(&report);
	report.end = end;
	snprintf(report.app, sizeof(report.app), "%s", handover->by);
	snprintf(report.text, sizeof(report.text), "%s", reason);
	reply_init(&reply, service, error, reason);
	discard_request(handover->fd);
	(void)reply_send(handover->fd, &reply, -1); /* it may have gone */
	service->counters->accepted++;
	service->counters->ends[end]++;
	service_report_end(service, &report);
	release(handover);
}

static void on_end(void *arg, struct connection *connection)
{
	struct handover *handover = arg;
	struct qkdtls_handover_reply reply;
	struct report *report = connection ? &connection->report : NULL;
	int session = -1, ret;

	if (!report) {
		reply_init(&reply, handover->service, ENOMEM, "out of memory");
	} else {
		reply_init(&reply, handover->service, error_of(connection), report->text);
		reply.alert_sent = (uint16_t)report->sent;
		reply.alert_received = (uint16_t)report->received;
	}
	if (connection && connection->handshake.conn)
		tell_negotiated(connection, &reply);
	if (report && report->end == END_HANDED_OVER) {
		tell_peer(connection, &reply);
		session = qkdtls_qkd_session(connection->handshake.conn);
		if (session >= 0)
			reply.flags |= QKDTLS_HANDOVER_F_SESSION;
	}
	ret = reply_send(handover->fd, &reply, session);
	if (ret && report && report->end == END_HANDED_OVER) {
		report->end = END_RESET;
		snprintf(report->text, sizeof(report->text), "the program has gone: %s",
			 strerror(-ret));
	}
	release(handover);
}

static const struct connection_use use = { .on_end = on_end };

/* ---- The request ---- */

static void begin(struct handover *handover, const struct qkdtls_handover_request *request, int fd)
{
	const struct brought brought = {
		.fd = fd,
		.by = handover->by,
		.timeout_ms = request->timeout_ms ? request->timeout_ms : UINT64_MAX,
		.use = &use,
		.arg = handover,
	};
	struct connection *connection;

	handover->deadline = sd_event_source_disable_unref(handover->deadline);
	connection = connection_bring(handover->service, &brought);
	if (connection)
		handover->connection = connection; /* else @handover has gone with it */
}

static void refuse_brought(struct handover *handover, int error)
{
	enum end_reason end = END_BAD_REQUEST;

	if (error == -EPIPE)
		end = END_RESET;
	else if (error == -EOPNOTSUPP)
		end = END_KTLS;
	refuse(handover, end, error == -EPIPE ? EBADMSG : -error, brought_problem(error));
}

static int on_io(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct handover *handover = arg;
	struct qkdtls_handover_request request = { 0 };
	int brought = -1, ret;

	/* The request is all that it has to say. */
	if (handover->connection) {
		connection_abort(handover->connection, END_RESET,
				 "the program has gone, or says more than it may");
		return 0;
	}
	ret = brought_receive(fd, &request, &brought);
	if (ret == -EAGAIN)
		return 0;
	if (!ret)
		ret = brought_check(brought);
	if (!ret) {
		begin(handover, &request, brought);
		return 0;
	}
	if (brought >= 0)
		brought_close(brought);
	refuse_brought(handover, ret);
	return 0;
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *arg)
{
	refuse(arg, END_TIMEOUT, ETIMEDOUT, "no request in time");
	return 0;
}

/* ---- Accepting ---- */

static void describe(int fd, char by[ADDRESS_TEXT_LEN])
{
	struct ucred ucred = { 0 };
	socklen_t len = sizeof(ucred);

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &ucred, &len))
		snprintf(by, ADDRESS_TEXT_LEN, "unknown");
	else
		snprintf(by, ADDRESS_TEXT_LEN, "pid:%d,uid:%u,gid:%u", ucred.pid, ucred.uid,
			 ucred.gid);
}

static int watch(struct handover *handover)
{
	const struct service *service = handover->service;
	int ret = sd_event_add_io(service->event, &handover->io, handover->fd, EPOLLIN, on_io,
				  handover);

	if (ret >= 0)
		ret = sd_event_add_time_relative(
			service->event, &handover->deadline, CLOCK_MONOTONIC,
			service->config->handshake_timeout_s * US_PER_S, 0, on_deadline, handover);
	return ret;
}

int handover_accept(struct service *service, int fd)
{
	const int accepted = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	struct handover *handover;
	int ret;

	if (accepted < 0)
		return -errno;
	handover = calloc(1, sizeof(*handover));
	if (!handover) {
		log_error("service=%s out of memory", service->config->name);
		close(accepted);
		return 0;
	}
	handover->service = service;
	handover->fd = accepted;
	describe(accepted, handover->by);
	link_in(handover);
	/* Each costs descriptors, before there is a connection to count. */
	if (service->handover_count > service->config->max_connections) {
		refuse(handover, END_BUSY, EBUSY, "as many programs as max-connections allows");
		return 0;
	}
	ret = watch(handover);
	if (ret < 0)
		refuse(handover, END_INTERNAL, EIO, strerror(-ret));
	return 0;
}

void handover_stop(struct handover *handover)
{
	refuse(handover, END_STOPPED, ECANCELED, "the service was stopped");
}
