// SPDX-License-Identifier: GPL-2.0-or-later
/* The state machine of a tunnel; what moves the bytes is in pump_kernel.c and pump_own.c. */
#include <errno.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "qkdtlsd/tunnel/pump.h"
#include "qkdtlsd/tunnel/pump_spare.h"

/* Steps of each direction per call: about 512 KiB, then the other connections have their turn. */
#define PUMP_ROUNDS 16

void pump_init(struct pump *pump, struct qkdtls_conn *conn, int tls, int plain,
	       enum pump_records records)
{
	*pump = (struct pump){
		.fd = { [PUMP_TLS] = tls, [PUMP_PLAIN] = plain },
		.conn = conn,
		.records = records,
		.out = { .from = PUMP_PLAIN, .pipe = PUMP_NO_PIPE },
		.in = { .from = PUMP_TLS, .pipe = PUMP_NO_PIPE },
	};
	pump->out.ops = records == PUMP_KERNEL ? &pump_kernel_out : &pump_own_out;
	pump->in.ops = records == PUMP_KERNEL ? &pump_kernel_in : &pump_own_in;
}

/* Something to be filled */
static int flow_open(struct flow *flow, enum pump_records records)
{
	if (flow->buffer || flow->pipe.end[0] >= 0)
		return 0;
	if (records == PUMP_KERNEL)
		return pump_pipe_take(&flow->pipe);
	flow->buffer = pump_buffer_take();
	return flow->buffer ? 0 : -ENOMEM;
}

/* It is empty, and nothing comes at once. */
static void flow_close(struct flow *flow)
{
	if (flow->pipe.end[0] >= 0)
		pump_pipe_give(&flow->pipe);
	pump_buffer_give(flow->buffer, flow->used);
	flow->buffer = NULL;
	flow->used = 0;
}

static void flow_release(struct flow *flow)
{
	pump_pipe_close(&flow->pipe);
	pump_buffer_give(flow->buffer, PUMP_BUFFER_SIZE);
	flow->buffer = NULL;
}

void pump_release(struct pump *pump)
{
	flow_release(&pump->out);
	flow_release(&pump->in);
}

static enum pump_end tls_end(const struct qkdtls_conn *conn)
{
	switch (qkdtls_to_errno(conn)) {
	case 0:
		return PUMP_TLS_ERROR; /* not the engine's error but the socket's */
	case -EOPNOTSUPP:
		return PUMP_KEY_UPDATE;
	case -EOVERFLOW:
		return PUMP_LIMIT;
	case -ECONNRESET:
		return qkdtls_error(conn)->received == QKDTLS_ALERT_NONE ? PUMP_TRUNCATED
									 : PUMP_FAILED;
	default:
		return PUMP_FAILED;
	}
}

ssize_t pump_tls(struct pump *pump, ssize_t result)
{
	if (result < 0 && result != -EAGAIN)
		pump->end = tls_end(pump->conn);
	return result;
}

int pump_tls_finish(struct pump *pump)
{
	return (int)pump_tls(pump, qkdtls_sock_close(pump->conn, pump->fd[PUMP_TLS]));
}

int pump_plain_finish(struct pump *pump)
{
	if (!shutdown(pump->fd[PUMP_PLAIN], SHUT_WR))
		return 0;
	/* Reset by its owner: the other direction finds out, if it has not ended already. */
	return errno == ENOTCONN ? 0 : -errno;
}

static enum pump_side flow_side(const struct flow *flow)
{
	if (flow->state == FLOW_FILL)
		return flow->from;
	return flow->from == PUMP_TLS ? PUMP_PLAIN : PUMP_TLS;
}

static ssize_t flow_fill(struct pump *pump, struct flow *flow)
{
	ssize_t n;

	flow->starved = flow_open(flow, pump->records);
	if (flow->starved)
		return -EAGAIN;
	flow->dry = flow->untold = false;
	n = flow->ops->fill(pump);
	if (n > 0) {
		flow->held = n;
		flow->used = (size_t)n > flow->used ? (size_t)n : flow->used;
		flow->state = FLOW_DRAIN;
		return n;
	}
	/* Behind an error something may have been left there. */
	if (n == 0 || n == -EAGAIN)
		flow_close(flow);
	else
		flow_release(flow);
	if (!n)
		flow->state = FLOW_FINISH;
	return n;
}

static ssize_t flow_drain(struct pump *pump, struct flow *flow)
{
	const ssize_t n = flow->ops->drain(pump);

	if (n > 0) {
		flow->held -= n;
		flow->offset += n;
		flow->bytes += n;
	}
	if (n >= 0 && !flow->held) {
		flow->offset = 0;
		flow->state = FLOW_FILL;
		flow->asleep = flow->dry;
		if (flow->asleep)
			flow_close(flow);
	}
	return n;
}

/* One action of the state that @flow is in; what it returned */
static ssize_t flow_act(struct pump *pump, struct flow *flow)
{
	ssize_t n;

	switch (flow->state) {
	case FLOW_FILL:
		return flow_fill(pump, flow);
	case FLOW_DRAIN:
		return flow_drain(pump, flow);
	case FLOW_FINISH:
		n = flow->ops->finish(pump);
		if (!n)
			flow->state = FLOW_DONE;
		return n;
	case FLOW_DONE:
		break;
	}
	return -EAGAIN;
}

/* True if it can go on */
static bool flow_step(struct pump *pump, struct flow *flow)
{
	enum pump_side side = flow_side(flow);
	ssize_t n;

	if (flow->asleep || flow->starved)
		return false;
	n = flow_act(pump, flow);
	if (n >= 0)
		return !flow->asleep;
	if (n == -EAGAIN) {
		flow->asleep = true;
		return false;
	}
	if (pump->end == PUMP_RUNNING)
		pump->end = side == PUMP_TLS ? PUMP_TLS_ERROR : PUMP_PLAIN_ERROR;
	pump->error = -n;
	return false;
}

void pump_wake(struct pump *pump, enum pump_side side)
{
	if (flow_side(&pump->out) == side)
		pump->out.asleep = false;
	if (flow_side(&pump->in) == side)
		pump->in.asleep = false;
}

bool pump_is_starved(const struct pump *pump)
{
	return pump->out.starved || pump->in.starved;
}

void pump_feed(struct pump *pump)
{
	pump->out.starved = pump->in.starved = false;
	pump->out.asleep = pump->in.asleep = false;
}

enum pump_end pump_step(struct pump *pump)
{
	bool moved = true;
	int ret = (int)pump_tls(pump, qkdtls_sock_flush(pump->conn, pump->fd[PUMP_TLS]));

	pump->error = -ret;
	for (int round = 0; moved && pump->end == PUMP_RUNNING && round < PUMP_ROUNDS; round++) {
		moved = flow_step(pump, &pump->out);
		if (pump->end == PUMP_RUNNING)
			moved |= flow_step(pump, &pump->in);
	}
	/* Nobody would be woken for the rest. */
	while (pump->in.untold && pump->end == PUMP_RUNNING && flow_step(pump, &pump->in))
		;
	if (pump->end == PUMP_RUNNING && pump->out.state == FLOW_DONE &&
	    pump->in.state == FLOW_DONE)
		pump->end = PUMP_CLOSED;
	return pump->end;
}

static uint32_t flow_interest(const struct flow *flow, enum pump_side side)
{
	if (flow->state == FLOW_DONE || flow->starved || flow_side(flow) != side)
		return 0;
	return flow->state == FLOW_FILL ? EPOLLIN : EPOLLOUT;
}

uint32_t pump_interest(const struct pump *pump, enum pump_side side)
{
	uint32_t events = flow_interest(&pump->out, side) | flow_interest(&pump->in, side);

	/* An answer to a KeyUpdate may wait while both directions wait to read. */
	if (side == PUMP_TLS && qkdtls_sock_pending(pump->conn))
		events |= EPOLLOUT;
	return events;
}
