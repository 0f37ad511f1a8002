// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The tunnel over the kernel's TLS: splice() through one pipe for each direction, no byte in user space
 * but those of control records. A pipe is filled only when it is empty, so that EAGAIN while filling
 * always speaks of the socket and never of the pipe.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <unistd.h>
#include <sys/socket.h>

#include "common/ktls_io.h"
#include "qkdtlsd/pump.h"

#define SPLICE_MAX (64 * 1024)

static ssize_t move(int from, int to, size_t len)
{
	ssize_t n = splice(from, NULL, to, NULL, len, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

	if (n >= 0)
		return n;
	return errno == EINTR ? -EAGAIN : -errno;
}

static ssize_t out_fill(struct pump *pump)
{
	return move(pump->fd[PUMP_PLAIN], pump->out.pipe[1], SPLICE_MAX);
}

/* A quarter of what its key may protect is left: it is asked for another. */
static bool peer_is_late(const struct pump *pump)
{
	return pump->records_received >= pump->record_limit - pump->record_limit / 4;
}

int pump_kernel_update(struct pump *pump)
{
	int ret = 0;

	if (!pump->update_due)
		return 0;
	/* Behind close_notify nothing is sent, and no key is needed. */
	if (!pump->out.close_sent)
		ret = qkdtls_ktls_update(pump->conn, pump->fd[PUMP_TLS], peer_is_late(pump));
	if (!ret)
		pump->update_due = false;
	return ret;
}

static ssize_t out_drain(struct pump *pump)
{
	int ret = pump_kernel_update(pump);
	ssize_t n;

	if (ret)
		return ret;
	n = move(pump->out.pipe[0], pump->fd[PUMP_TLS], pump->out.held);
	if (!n)
		return -EIO;
	if (n > 0 && qkdtls_ktls_rekeys(pump->conn))
		pump->update_due = qkdtls_ktls_wears(pump->conn, pump->fd[PUMP_TLS], n);
	else if (n > 0) /* the kernel fills records up, but may begin and end inside one */
		pump->records_sent += 2 + n / KTLS_RECORD_MAX;
	return n;
}

static void count_received(struct pump *pump, uint64_t records)
{
	const bool was_late = peer_is_late(pump);

	pump->records_received += records;
	pump->update_due |= qkdtls_ktls_rekeys(pump->conn) && !was_late && peer_is_late(pump);
}

/*
 * The kernel may still hold records behind a full send buffer when it has accepted the close_notify, and
 * close() would drop what does not fit then: done is when there is room again.
 */
static int out_finish(struct pump *pump)
{
	struct pollfd room = { .fd = pump->fd[PUMP_TLS], .events = POLLOUT };
	int ret;

	if (!pump->out.close_sent) {
		ret = ktls_send_alert(pump->fd[PUMP_TLS], QKDTLS_ALERT_CLOSE_NOTIFY);
		if (ret)
			return ret;
		pump->out.close_sent = true;
	}
	return poll(&room, 1, 0) == 1 ? 0 : -EAGAIN;
}

/* -EAGAIN: what follows is read under the peer's next key */
static int in_follow(struct pump *pump)
{
	int ret = qkdtls_ktls_follow(pump->conn, pump->fd[PUMP_TLS]);

	if (ret == -EOPNOTSUPP)
		return pump_fail(pump, PUMP_KEY_UPDATE);
	if (ret)
		return ret;
	pump->records_received = 0;
	pump->update_due |= qkdtls_ktls_owes_update(pump->conn);
	return -EAGAIN;
}

/* What a record comes to: bytes of data, -EAGAIN for none, 0 at the end, or another negative errno */
static ssize_t in_judge(struct pump *pump, uint8_t type, const uint8_t *data, size_t len)
{
	switch (qkdtls_control(pump->conn, type, data, len)) {
	case QKDTLS_CONTROL_IGNORE:
		return type == KTLS_RECORD_DATA && len ? (ssize_t)len : -EAGAIN;
	case QKDTLS_CONTROL_CLOSE:
		return 0;
	case QKDTLS_CONTROL_KEY_UPDATE:
		return in_follow(pump);
	case QKDTLS_CONTROL_FAILED:
		break;
	}
	return pump_fail(pump, PUMP_ALERT);
}

/* The next record is not one that splice() takes: a control record, an empty one, or the end. */
static ssize_t in_record(struct pump *pump)
{
	uint8_t record[KTLS_RECORD_MAX];
	int room = fcntl(pump->in.pipe[1], F_GETPIPE_SZ);
	uint8_t type;
	ssize_t n;

	if (room < 0)
		return -errno;
	/* Pipes are smaller than a record for a user who has very many of them. */
	n = ktls_receive(pump->fd[PUMP_TLS], record,
			 (size_t)room < sizeof(record) ? (size_t)room : sizeof(record), &type);
	if (n < 0)
		return n;
	count_received(pump, 1);
	if (!n && !type)
		return pump_fail(pump, PUMP_TRUNCATED);
	n = in_judge(pump, type, record, n);
	if (n <= 0)
		return n;
	return write(pump->in.pipe[1], record, n) == n ? n : -EIO;
}

static ssize_t in_fill(struct pump *pump)
{
	ssize_t n = move(pump->fd[PUMP_TLS], pump->in.pipe[1], SPLICE_MAX);

	if (n > 0) {
		count_received(pump, 1 + n / KTLS_RECORD_MAX);
		n = in_judge(pump, KTLS_RECORD_DATA, NULL, n);
	} else if (!n || n == -EINVAL) {
		n = in_record(pump);
	}
	return n == -EKEYEXPIRED ? pump_fail(pump, PUMP_KEY_UPDATE) : n;
}

static ssize_t in_drain(struct pump *pump)
{
	ssize_t n = move(pump->in.pipe[0], pump->fd[PUMP_PLAIN], pump->in.held);

	return n ? n : -EIO;
}

const struct flow_ops pump_kernel_out = {
	.fill = out_fill,
	.drain = out_drain,
	.finish = out_finish,
};

const struct flow_ops pump_kernel_in = {
	.fill = in_fill,
	.drain = in_drain,
	.finish = pump_plain_finish,
};

void pump_kernel_alert(struct pump *pump, enum qkdtls_alert alert)
{
	(void)ktls_send_alert(pump->fd[PUMP_TLS], alert); /* the socket is closed next */
}
