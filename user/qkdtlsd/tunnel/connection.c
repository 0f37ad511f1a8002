// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/tcp.h"
#include "qkdtlsd/handover/brought.h"
#include "qkdtlsd/tunnel/connection.h"
#include "qkdtlsd/service.h"

#define MS_PER_S  1000ULL
#define US_PER_MS 1000ULL

#define DISCARD_READS	 16
#define STARVED_RETRY_MS 100

enum outcome {
	STEP_WAIT, /* an event goes on with it */
	STEP_NEXT, /* done: the next step begins */
	STEP_END, /* the connection is over; its report says why */
};

typedef enum outcome (*step_fn)(struct connection *connection);

static bool advance(struct connection *connection);

static bool is_client(const struct connection *connection)
{
	return connection->service->config->mode == QKDTLS_CLIENT;
}

static const char *service_name(const struct connection *connection)
{
	return connection->service->config->name;
}

/* A client service accepts applications and dials its peer; a server service the other way round. */
static enum pump_side dialled_side(const struct connection *connection)
{
	return is_client(connection) ? PUMP_TLS : PUMP_PLAIN;
}

/* The end */

static enum outcome end(struct connection *connection, enum end_reason reason, const char *text)
{
	connection->report.end = reason;
	snprintf(connection->report.text, sizeof(connection->report.text), "%s", text);
	return STEP_END;
}

/* An application must not take a broken stream for a complete one. */
static void reset_on_close(int fd)
{
	const struct linger now = { .l_onoff = 1, .l_linger = 0 };

	(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now)); /* closed either way */
}

/* close() with input unread sends a reset, which can overtake the alert that says why. */
static void discard_input(int fd)
{
	uint8_t data[4096];

	for (int i = 0; i < DISCARD_READS; i++) {
		if (recv(fd, data, sizeof(data), MSG_DONTWAIT) <= 0)
			return;
	}
}

static void release(struct connection *connection)
{
	for (int side = 0; side < 2; side++) {
		sd_event_source_disable_unref(connection->io[side]);
		if (connection->fd[side] >= 0)
			close(connection->fd[side]);
	}
	sd_event_source_disable_unref(connection->deadline);
	sd_event_source_disable_unref(connection->idle);
	sd_event_source_disable_unref(connection->key_io);
	sd_event_source_disable_unref(connection->retry);
	if (connection->pumping)
		pump_release(&connection->pump);
	qkdtls_conn_free(connection->handshake.conn);
	signature_drop(&connection->signature);
	keys_close(&connection->keys);
	free(connection);
}

/*
 * Who has brought the socket has it still. After a handshake that failed he must not go on with it in the clear, even if he does
 * not look at the answer.
 */
static void give_back(struct connection *connection)
{
	const int fd = connection->fd[PUMP_TLS];

	if (connection->report.end != END_HANDED_OVER && connection->handshake.conn) {
		discard_input(fd);
		shutdown(fd, SHUT_RDWR);
	}
	connection->use->on_end(connection->use_arg, connection);
	if (connection->report.end == END_HANDED_OVER)
		return;
	/* Nobody may have been there to take it, either. */
	if (connection->report.established)
		shutdown(fd, SHUT_RDWR);
	brought_do_not_linger(fd);
}

static void finish(struct connection *connection)
{
	struct service *service = connection->service;
	struct report *report = &connection->report;

	if (connection->pumping) {
		report->bytes_out = connection->pump.out.bytes;
		report->bytes_in = connection->pump.in.bytes;
	}
	if (report->end != END_CLOSED && connection->fd[PUMP_PLAIN] >= 0)
		reset_on_close(connection->fd[PUMP_PLAIN]);
	if (connection->use)
		give_back(connection);
	else if (!report->established && connection->fd[PUMP_TLS] >= 0)
		discard_input(connection->fd[PUMP_TLS]);
	service->counters->ends[report->end]++;
	service_report_end(service, report);
	claim_drop(&connection->claim);
	service_remove(service, connection);
	release(connection);
}

/* Events */

static int on_io(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct connection *connection = arg;
	const enum pump_side side = fd == connection->fd[PUMP_PLAIN] ? PUMP_PLAIN : PUMP_TLS;
	uint32_t wanted = 0;

	sd_event_source_get_io_events(source, &wanted);
	/* Nothing was awaited of this side; it has broken down. */
	if (!wanted) {
		end(connection, END_RESET,
		    side == PUMP_PLAIN ? "the application has gone" : "the peer has gone");
		finish(connection);
		return 0;
	}
	if (connection->pumping)
		pump_wake(&connection->pump, side);
	advance(connection);
	return 0;
}

/* Waits for @events of one side; 0: for its breakdown only. */
static enum outcome watch(struct connection *connection, enum pump_side side, uint32_t events)
{
	sd_event_source **io = &connection->io[side];
	int ret;

	if (!*io)
		ret = sd_event_add_io(connection->service->event, io, connection->fd[side], events,
				      on_io, connection);
	else
		ret = sd_event_source_set_io_events(*io, events);
	if (ret >= 0)
		ret = sd_event_source_set_enabled(*io, SD_EVENT_ON);
	return ret < 0 ? end(connection, END_INTERNAL, strerror(-ret)) : STEP_WAIT;
}

/* In the tunnel a side of which nothing is awaited may be shut down both ways: that would spin. */
static enum outcome watch_or_rest(struct connection *connection, enum pump_side side)
{
	uint32_t events = pump_interest(&connection->pump, side);
	int ret;

	if (events || !connection->io[side])
		return watch(connection, side, events);
	ret = sd_event_source_set_enabled(connection->io[side], SD_EVENT_OFF);
	return ret < 0 ? end(connection, END_INTERNAL, strerror(-ret)) : STEP_WAIT;
}

static void give_up(struct connection *connection, const char *reason)
{
	if (!connection->handshake.conn || connection->report.established)
		return;
	handshake_io_abort(&connection->handshake, QKDTLS_ALERT_GENERAL_ERROR, reason);
	report_alerts(&connection->report, qkdtls_error(connection->handshake.conn));
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *arg)
{
	struct connection *connection = arg;

	connection_abort(connection, END_TIMEOUT,
			 connection->handshake.conn ? "the handshake took too long"
						    : "no connection in time");
	return 0;
}

/* Connecting */

/* A peer that is cut off or switched off says nothing: find out within two minutes. */
static void keep_alive(int fd)
{
	static const struct {
		int level, option, value;
	} options[] = {
		{ SOL_SOCKET, SO_KEEPALIVE, 1 },
		{ IPPROTO_TCP, TCP_KEEPIDLE, 60 },
		{ IPPROTO_TCP, TCP_KEEPINTVL, 10 },
		{ IPPROTO_TCP, TCP_KEEPCNT, 6 },
	};

	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		(void)setsockopt(fd, options[i].level, options[i].option, &options[i].value,
				 sizeof(options[i].value)); /* without it only later */
}

static enum outcome dial_next(struct connection *connection)
{
	enum pump_side side = dialled_side(connection);
	int ret = -EHOSTUNREACH;

	for (; connection->target; connection->target = connection->target->ai_next) {
		ret = tcp_connect(connection->target);
		if (ret < 0)
			continue;
		connection->fd[side] = ret;
		return watch(connection, side, EPOLLOUT);
	}
	return end(connection, END_CONNECT, strerror(-ret));
}

static void socket_connected(struct connection *connection, enum pump_side side)
{
	keep_alive(connection->fd[side]);
	address_format_peer(connection->fd[side],
			    side == PUMP_TLS ? connection->report.peer : connection->report.app);
}

static enum outcome step_connect(struct connection *connection)
{
	enum pump_side side = dialled_side(connection);
	struct pollfd pollfd = { .fd = connection->fd[side], .events = POLLOUT };
	int ret;

	if (connection->fd[side] < 0)
		return dial_next(connection);
	if (poll(&pollfd, 1, 0) != 1)
		return STEP_WAIT;
	ret = tcp_connect_result(connection->fd[side]);
	if (!ret) {
		socket_connected(connection, side);
		return watch(connection, side, 0) == STEP_WAIT ? STEP_NEXT : STEP_END;
	}
	connection->io[side] = sd_event_source_disable_unref(connection->io[side]);
	close(connection->fd[side]);
	connection->fd[side] = -1;
	connection->target = connection->target->ai_next;
	if (!connection->target)
		return end(connection, END_CONNECT, strerror(-ret));
	return dial_next(connection);
}

/* The handshake */

static enum end_reason refusal(const struct connection *connection)
{
	if (qkdtls_error(connection->handshake.conn)->received != QKDTLS_ALERT_NONE)
		return END_PEER_ALERT;
	if (connection->handshake.error)
		return END_RESET;
	switch (qkdtls_to_errno(connection->handshake.conn)) {
	case -ENOKEY:
		return connection->keys.problem ? END_NO_LINK : END_NO_KEY;
	case -EKEYREJECTED:
		return END_KEY_REJECTED;
	case -EACCES:
		return END_CERTIFICATE;
	case -ECONNRESET:
		return END_RESET;
	default:
		return END_PROTOCOL;
	}
}

static enum outcome handshake_failed(struct connection *connection)
{
	enum end_reason reason = refusal(connection);
	char text[REPORT_TEXT_LEN];

	report_negotiated(&connection->report, qkdtls_info(connection->handshake.conn));
	report_alerts(&connection->report, qkdtls_error(connection->handshake.conn));
	if (reason == END_NO_LINK || reason == END_NO_KEY)
		keys_describe(&connection->keys, text, sizeof(text));
	else
		handshake_io_describe(&connection->handshake, text, sizeof(text));
	return end(connection, reason, text);
}

static void established(struct connection *connection)
{
	struct report *report = &connection->report;
	char text[REPORT_TEXT_LEN];

	report_negotiated(report, qkdtls_info(connection->handshake.conn));
	report->established = true;
	if (report->keyed) {
		connection->service->counters->keyed++;
	} else {
		connection->service->counters->fallback++;
		keys_describe(&connection->keys, text, sizeof(text));
		log_warning("service=%s peer=%s falls back to a handshake without QKD key: %s",
			    service_name(connection), report->peer, text);
	}
	connection->key_io = sd_event_source_disable_unref(connection->key_io);
	connection->retry = sd_event_source_disable_unref(connection->retry);
	keys_tell(&connection->keys, qkdtls_info(connection->handshake.conn),
		  connection->fd[PUMP_TLS]);
	/* Who brought the socket may ask the link yet, and it is over then. */
	if (!connection->use)
		keys_close(&connection->keys);
}

static void warn_own_records(void)
{
	if (counters_warn_own_records())
		log_warning(
			"no TLS in this kernel (modprobe tls), one that cannot keep the peer's record "
			"size limit, or the peer closed early: records are protected in user space");
}

/*
 * Somebody who speaks RPC with TLS must not go on with a peer that does not say that it does, too (RFC 9289); and
 * the kernel does not look.
 */
static bool lacks_protocol(const struct connection *connection)
{
	const struct service_config *config = connection->service->config;

	return config->from == FROM_KERNEL && config->alpn &&
	       !qkdtls_info(connection->handshake.conn)->alpn[0];
}

static enum outcome handshake_done(struct connection *connection)
{
	int ret;

	if (lacks_protocol(connection)) {
		handshake_io_abort(&connection->handshake, QKDTLS_ALERT_NO_APPLICATION_PROTOCOL,
				   "the peer has agreed to no application protocol");
		return handshake_failed(connection);
	}
	established(connection);
	ret = qkdtls_ktls_install(connection->handshake.conn, connection->fd[PUMP_TLS]);
	/* Records of this process are no use to somebody else's socket. */
	if (ret == -EOPNOTSUPP && !connection->use)
		warn_own_records();
	else if (ret)
		return end(connection, END_KTLS, strerror(-ret));
	connection->report.records = ret ? PUMP_OWN : PUMP_KERNEL;
	return watch(connection, PUMP_TLS, 0) == STEP_WAIT ? STEP_NEXT : STEP_END;
}

static int on_key_io(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	/* Another connection may be faster; then the retry timer asks again. */
	sd_event_source_set_enabled(source, SD_EVENT_OFF);
	advance(arg);
	return 0;
}

static int on_retry(sd_event_source *source, uint64_t usec, void *arg)
{
	struct connection *connection = arg;

	connection->retry = sd_event_source_disable_unref(connection->retry);
	if (connection->pumping)
		pump_feed(&connection->pump);
	advance(connection);
	return 0;
}

static int retry_after(struct connection *connection, uint64_t wait_ms)
{
	if (connection->retry)
		return 0;
	return sd_event_add_time_relative(connection->service->event, &connection->retry,
					  CLOCK_MONOTONIC, wait_ms * US_PER_MS, 0, on_retry,
					  connection);
}

/*
 * A client is told by poll() that an outbound key is there; a server must ask for the key it needs. Both
 * ask in any case, so that the deadline for keys is noticed.
 */
static enum outcome wait_for_key(struct connection *connection)
{
	sd_event *event = connection->service->event;
	int ret = 0;

	if (is_client(connection) && connection->keys.qkd.fd >= 0 && !connection->key_io)
		ret = sd_event_add_io(event, &connection->key_io, connection->keys.qkd.fd, EPOLLIN,
				      on_key_io, connection);
	if (ret >= 0)
		ret = retry_after(connection, HANDSHAKE_PSK_RETRY_MS);
	if (ret < 0)
		return end(connection, END_INTERNAL, strerror(-ret));
	return watch(connection, PUMP_TLS, 0);
}

static void on_signature(void *arg)
{
	advance(arg);
}

static enum outcome handshake_begin(struct connection *connection)
{
	const struct service_config *config = connection->service->config;
	struct qkdtls_config *tls;

	keys_open(&connection->keys, config, clock_ms() + config->key_timeout_s * MS_PER_S);
	tls = service_tls(connection->service, &connection->keys);
	connection->handshake.fd = connection->fd[PUMP_TLS];
	connection->handshake.conn =
		qkdtls_conn_new(tls, config->mode, &qkdtls_qkd_ops, &connection->keys.qkd);
	if (!connection->handshake.conn)
		return end(connection, END_INTERNAL, "out of memory");
	connection->signature = (struct signature){
		.signing = connection->service->signing,
		.service = connection->service->place,
		.on_ready = on_signature,
		.arg = connection,
	};
	qkdtls_conn_set_signer(connection->handshake.conn, signature_ask, &connection->signature);
	return STEP_NEXT;
}

static enum outcome step_handshake(struct connection *connection)
{
	if (!connection->handshake.conn && handshake_begin(connection) == STEP_END)
		return STEP_END;
	switch (handshake_io_step(&connection->handshake)) {
	case QKDTLS_WANT_READ:
		return watch(connection, PUMP_TLS, EPOLLIN);
	case QKDTLS_WANT_WRITE:
		return watch(connection, PUMP_TLS, EPOLLOUT);
	case QKDTLS_WANT_PSK:
		return wait_for_key(connection);
	case QKDTLS_WANT_SIGNATURE:
		return watch(connection, PUMP_TLS, 0);
	case QKDTLS_DONE:
		return handshake_done(connection);
	case QKDTLS_FAILED:
		break;
	}
	return handshake_failed(connection);
}

/* The tunnel */

static enum outcome tunnel_failed(struct connection *connection)
{
	const struct pump *pump = &connection->pump;
	const struct qkdtls_error *error = qkdtls_error(pump->conn);

	if (pump->end != PUMP_FAILED)
		return end(connection, END_RESET, strerror(pump->error));
	if (error->received != QKDTLS_ALERT_NONE)
		return end(connection, END_PEER_ALERT, error->reason);
	return end(connection, qkdtls_to_errno(pump->conn) == -EPROTO ? END_PROTOCOL : END_INTERNAL,
		   error->reason);
}

static enum outcome tunnel_ended(struct connection *connection)
{
	struct pump *pump = &connection->pump;

	report_alerts(&connection->report, qkdtls_error(pump->conn));
	switch (pump->end) {
	case PUMP_CLOSED:
		return end(connection, END_CLOSED, "");
	case PUMP_TRUNCATED:
		return end(connection, END_TRUNCATED,
			   "the peer's stream was cut off without close_notify");
	case PUMP_KEY_UPDATE:
		return end(connection, END_KEY_UPDATE,
			   "the peer changed its key, which this kernel cannot follow");
	case PUMP_LIMIT:
		return end(connection, END_RECORD_LIMIT,
			   "a key is worn out, which this kernel cannot change; connect again");
	default:
		return tunnel_failed(connection);
	}
}

static int on_idle(sd_event_source *source, uint64_t usec, void *arg);

static int idle_after(struct connection *connection, uint64_t wait_ms)
{
	connection->idle = sd_event_source_disable_unref(connection->idle);
	return sd_event_add_time_relative(connection->service->event, &connection->idle,
					  CLOCK_MONOTONIC, wait_ms * US_PER_MS, 0, on_idle,
					  connection);
}

/* Bytes that move only say when: no timer is set anew for them. */
static int on_idle(sd_event_source *source, uint64_t usec, void *arg)
{
	struct connection *connection = arg;
	const uint64_t limit = connection->service->config->idle_timeout_s * MS_PER_S;
	const uint64_t since = clock_ms() - connection->moved_ms;

	if (since < limit && idle_after(connection, limit - since) >= 0)
		return 0;
	end(connection, END_IDLE, "nothing was sent for as long as idle-timeout allows");
	finish(connection);
	return 0;
}

static int tunnel_begin(struct connection *connection)
{
	const uint32_t idle_s = connection->service->config->idle_timeout_s;
	int ret;

	connection->deadline = sd_event_source_disable_unref(connection->deadline);
	claim_shaken(&connection->claim);
	connection->pumping = true;
	connection->moved_ms = clock_ms();
	pump_init(&connection->pump, connection->handshake.conn, connection->fd[PUMP_TLS],
		  connection->fd[PUMP_PLAIN], connection->report.records);
	ret = idle_s ? idle_after(connection, idle_s * MS_PER_S) : 0;
	return ret < 0 ? ret : 0;
}

static uint64_t moved(const struct pump *pump)
{
	return pump->out.bytes + pump->in.bytes;
}

/* What opened too many files is not this connection, which may be at rest the next moment: it is not ended for that. */
static int wait_for_pipe(struct connection *connection)
{
	struct service *service = connection->service;

	if (!connection->retry && pace_allows(&service->pace, clock_ms()))
		log_warning("service=%s peer=%s waits: there is no pipe or memory for its data",
			    service_name(connection), connection->report.peer);
	return retry_after(connection, STARVED_RETRY_MS);
}

static enum outcome step_tunnel(struct connection *connection)
{
	const uint64_t limit = connection->service->config->max_bytes;
	int ret = connection->pumping ? 0 : tunnel_begin(connection);
	uint64_t before;

	if (ret)
		return end(connection, END_INTERNAL, strerror(-ret));
	before = moved(&connection->pump);
	if (pump_step(&connection->pump) != PUMP_RUNNING)
		return tunnel_ended(connection);
	if (pump_is_starved(&connection->pump)) {
		ret = wait_for_pipe(connection);
		if (ret < 0)
			return end(connection, END_INTERNAL, strerror(-ret));
	}
	if (moved(&connection->pump) != before)
		connection->moved_ms = clock_ms();
	if (limit && moved(&connection->pump) > limit)
		return end(connection, END_BYTES, "more bytes than max-bytes allows");
	if (watch_or_rest(connection, PUMP_TLS) == STEP_END)
		return STEP_END;
	return watch_or_rest(connection, PUMP_PLAIN);
}

/* Instead of a tunnel, for a socket that was brought */

static enum outcome step_hand_over(struct connection *connection)
{
	return end(connection, END_HANDED_OVER, "");
}

/* The whole life */

static const step_fn tunnel_steps[2][3] = {
	[QKDTLS_CLIENT] = { step_connect, step_handshake, step_tunnel },
	[QKDTLS_SERVER] = { step_handshake, step_connect, step_tunnel },
};

static const step_fn brought_steps[] = { step_handshake, step_hand_over };

static enum outcome take_step(struct connection *connection)
{
	const step_fn *steps = tunnel_steps[connection->service->config->mode];

	if (connection->use)
		steps = brought_steps;
	return steps[connection->step](connection);
}

/* Goes on as far as possible. false: @connection is gone. */
static bool advance(struct connection *connection)
{
	enum outcome outcome;

	while ((outcome = take_step(connection)) == STEP_NEXT)
		connection->step++;
	if (outcome == STEP_END)
		finish(connection);
	return outcome != STEP_END;
}

/* Counted as accepted, whatever comes of it. NULL: @fd is closed */
static struct connection *connection_new(struct service *service, int fd, enum pump_side side)
{
	struct connection *connection = calloc(1, sizeof(*connection));

	service->counters->accepted++;
	if (!connection) {
		service->counters->ends[END_INTERNAL]++;
		log_error("service=%s out of memory", service->config->name);
		close(fd);
		return NULL;
	}
	connection->service = service;
	connection->fd[PUMP_TLS] = -1;
	connection->fd[PUMP_PLAIN] = -1;
	connection->keys.qkd.fd = -ENODEV;
	connection->target = service->target;
	connection->fd[side] = fd;
	report_init(&connection->report);
	service_add(service, connection);
	return connection;
}

static enum outcome connection_begin(struct connection *connection, enum pump_side side,
				     uint64_t limit_ms)
{
	struct service *service = connection->service;
	const struct refusal *refused;
	int ret;

	refused = claim_take(&connection->claim, service, connection->fd[side]);
	if (refused)
		return end(connection, refused->reason, refused->text);
	ret = sd_event_add_time_relative(service->event, &connection->deadline, CLOCK_MONOTONIC,
					 limit_ms * US_PER_MS, 0, on_deadline, connection);
	if (ret < 0)
		return end(connection, END_INTERNAL, strerror(-ret));
	return watch(connection, side, 0);
}

void connection_start(struct service *service, int fd)
{
	const enum pump_side side = service->config->mode == QKDTLS_CLIENT ? PUMP_PLAIN : PUMP_TLS;
	struct connection *connection = connection_new(service, fd, side);

	if (!connection)
		return;
	socket_connected(connection, side);
	if (connection_begin(connection, side, service->config->handshake_timeout_s * MS_PER_S) ==
	    STEP_END)
		finish(connection);
	else
		advance(connection);
}

struct connection *connection_bring(struct service *service, const struct brought *brought)
{
	const uint64_t limit_ms = service->config->handshake_timeout_s * MS_PER_S;
	struct connection *connection = connection_new(service, brought->fd, PUMP_TLS);

	if (!connection) {
		brought->use->on_end(brought->arg, NULL);
		return NULL;
	}
	connection->use = brought->use;
	connection->use_arg = brought->arg;
	address_format_peer(brought->fd, connection->report.peer);
	snprintf(connection->report.app, sizeof(connection->report.app), "%s", brought->by);
	if (connection_begin(connection, PUMP_TLS,
			     brought->timeout_ms < limit_ms ? brought->timeout_ms : limit_ms) ==
	    STEP_END) {
		finish(connection);
		return NULL;
	}
	return advance(connection) ? connection : NULL;
}

void connection_abort(struct connection *connection, enum end_reason reason, const char *text)
{
	give_up(connection, text);
	end(connection, reason, text);
	finish(connection);
}

void connection_stop(struct connection *connection)
{
	connection_abort(connection, END_STOPPED, "the service was stopped");
}
