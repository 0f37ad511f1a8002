// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The socket of an established connection: by the engine's own records over a pair of sockets, and by a kernel that the
 * test plays: what it hands up, and what it is given. Data goes past it, over the same pair in the clear.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "site.h"
#include "tls/internal.h"
#include "tls/ktls.h"

#define MESSAGE	    "eight by"
#define RECORDS_MAX 64

/* ---- The kernel ---- */

struct record {
	uint8_t type;
	const void *data;
	size_t len;
	int error; /* instead of a record */
};

static struct {
	const struct record *coming;
	size_t count, at, offset;
	struct {
		uint8_t type;
		uint8_t data[8];
		size_t len;
	} sent[RECORDS_MAX];
	size_t sent_count;
	int send_error;
	int key_error;
	unsigned int keys[2]; /* how many have followed the first, by role */
	uint64_t records[2]; /* what it counts, by role */
} kernel;

ssize_t __wrap_qkdtls_ktls_receive(int fd, struct iovec *buffers, size_t count, uint8_t *type);
ssize_t __wrap_qkdtls_ktls_receive(int fd, struct iovec *buffers, size_t count, uint8_t *type)
{
	const struct record *record = &kernel.coming[kernel.at];
	size_t got = 0;

	*type = 0;
	if (kernel.at == kernel.count)
		return -EAGAIN;
	*type = record->type;
	for (size_t i = 0; i < count && !record->error; i++) {
		const size_t left = record->len - kernel.offset;
		const size_t part = left < buffers[i].iov_len ? left : buffers[i].iov_len;

		if (part)
			memcpy(buffers[i].iov_base, (const uint8_t *)record->data + kernel.offset,
			       part);
		kernel.offset += part;
		got += part;
	}
	if (record->error || kernel.offset == record->len) {
		kernel.at++;
		kernel.offset = 0;
	}
	return record->error ? record->error : (ssize_t)got;
}

int __wrap_qkdtls_ktls_send_record(int fd, uint8_t type, const void *data, size_t len);
int __wrap_qkdtls_ktls_send_record(int fd, uint8_t type, const void *data, size_t len)
{
	if (kernel.send_error)
		return kernel.send_error;
	assert_true(kernel.sent_count < RECORDS_MAX);
	assert_true(len <= sizeof(kernel.sent[0].data));
	kernel.sent[kernel.sent_count].type = type;
	kernel.sent[kernel.sent_count].len = len;
	memcpy(kernel.sent[kernel.sent_count].data, data, len);
	kernel.sent_count++;
	return 0;
}

int __wrap_qkdtls_ktls_send_alert(int fd, enum qkdtls_alert alert);
int __wrap_qkdtls_ktls_send_alert(int fd, enum qkdtls_alert alert)
{
	uint8_t body[QKDTLS_ALERT_LEN];

	qkdtls_alert_write(alert, body);
	return __wrap_qkdtls_ktls_send_record(fd, QKDTLS_CONTENT_ALERT, body, sizeof(body));
}

int __wrap_qkdtls_ktls_next_key(struct qkdtls_conn *conn, int fd, enum qkdtls_role sender);
int __wrap_qkdtls_ktls_next_key(struct qkdtls_conn *conn, int fd, enum qkdtls_role sender)
{
	kernel.keys[sender]++;
	kernel.records[sender] = 0;
	return kernel.key_error;
}

uint64_t __wrap_qkdtls_ktls_records(const struct qkdtls_conn *conn, int fd,
				    enum qkdtls_role sender);
uint64_t __wrap_qkdtls_ktls_records(const struct qkdtls_conn *conn, int fd, enum qkdtls_role sender)
{
	return kernel.records[sender];
}

static void kernel_hands_up(const struct record *records, size_t count)
{
	kernel.coming = records;
	kernel.count = count;
	kernel.at = 0;
	kernel.offset = 0;
}

#define HANDS_UP(records) kernel_hands_up(records, sizeof(records) / sizeof((records)[0]))

static void assert_sent(size_t i, uint8_t type, const char *data, size_t len)
{
	assert_true(i < kernel.sent_count);
	assert_int_equal(kernel.sent[i].type, type);
	assert_int_equal(kernel.sent[i].len, len);
	assert_memory_equal(kernel.sent[i].data, data, len);
}

#define ASSERT_ALERT(i, data)  assert_sent(i, QKDTLS_CONTENT_ALERT, data, 2)
#define ASSERT_UPDATE(i, asks) assert_sent(i, QKDTLS_CONTENT_HANDSHAKE, "\x18\0\0\1" asks, 5)

/* ---- The ends ---- */

/* With the kernel's records */
#define OURS QKDTLS_CLIENT
#define PEER QKDTLS_SERVER

/* All by role */
struct ends {
	struct pki *pki;
	struct loopback lb;
	int fd[2];
};

static struct qkdtls_conn *conn_of(const struct ends *ends, enum qkdtls_role role)
{
	return ends->lb.end[role];
}

static void open_limited(struct ends *ends, const struct qkdtls_key_limits *limits)
{
	static const struct site_options plain;
	const struct site_options limited = { .key_limits = limits };

	memset(&kernel, 0, sizeof(kernel));
	memset(&ends->lb, 0, sizeof(ends->lb));
	site_link(ends->pki, &ends->lb, &limited, &plain);
	assert_true(loopback_run(&ends->lb));
	assert_int_equal(ends->lb.want[QKDTLS_SERVER], QKDTLS_DONE);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends->fd), 0);
}

/* @rekeys: keys may be followed by others */
static struct qkdtls_conn *open_kernel(struct ends *ends, const struct qkdtls_key_limits *limits,
				       bool rekeys)
{
	struct qkdtls_conn *conn;
	struct qkdtls_traffic_key tx, rx;

	open_limited(ends, limits);
	conn = conn_of(ends, OURS);
	assert_int_equal(
		(rekeys ? qkdtls_lend_traffic_keys : qkdtls_take_traffic_keys)(conn, &tx, &rx), 0);
	return conn;
}

static void close_ends(struct ends *ends)
{
	close(ends->fd[0]);
	close(ends->fd[1]);
	loopback_free(&ends->lb);
}

static ssize_t recv_at(struct ends *ends, enum qkdtls_role role, void *buf, size_t len)
{
	return qkdtls_sock_recv(conn_of(ends, role), ends->fd[role], buf, len);
}

static ssize_t send_at(struct ends *ends, enum qkdtls_role role, const void *data, size_t len)
{
	return qkdtls_sock_send(conn_of(ends, role), ends->fd[role], data, len);
}

static int close_at(struct ends *ends, enum qkdtls_role role)
{
	return qkdtls_sock_close(conn_of(ends, role), ends->fd[role]);
}

static int set_up(void **state)
{
	struct ends *ends = calloc(1, sizeof(*ends));

	assert_non_null(ends);
	ends->pki = *state;
	*state = ends;
	return 0;
}

static int tear_down(void **state)
{
	free(*state);
	return 0;
}

/* ---- Own records ---- */

static void own_data_and_ends_go_both_ways(void **state)
{
	struct ends *ends = *state;
	char buf[32];

	open_limited(ends, NULL);
	for (int role = 0; role < 2; role++) {
		assert_int_equal(recv_at(ends, !role, buf, sizeof(buf)), -EAGAIN);
		assert_int_equal(send_at(ends, role, MESSAGE, sizeof(MESSAGE)), sizeof(MESSAGE));
		assert_int_equal(recv_at(ends, !role, buf, 3), 3);
		assert_int_equal(recv_at(ends, !role, buf + 3, sizeof(buf)), sizeof(MESSAGE) - 3);
		assert_string_equal(buf, MESSAGE);
	}
	for (int role = 0; role < 2; role++) {
		assert_int_equal(close_at(ends, role), 0);
		assert_int_equal(send_at(ends, role, MESSAGE, 1), -EPIPE);
		assert_int_equal(recv_at(ends, !role, buf, sizeof(buf)), 0);
		assert_int_equal(recv_at(ends, !role, buf, sizeof(buf)), 0);
	}
	close_ends(ends);
}

static void nothing_goes_before_the_handshake(void **state)
{
	static const struct site_options plain;
	struct ends *ends = *state;
	char buf[8];

	memset(&ends->lb, 0, sizeof(ends->lb));
	site_link(ends->pki, &ends->lb, &plain, &plain);
	assert_int_equal(recv_at(ends, QKDTLS_CLIENT, buf, sizeof(buf)), -EPERM);
	assert_int_equal(send_at(ends, QKDTLS_CLIENT, buf, sizeof(buf)), -EPERM);
	assert_int_equal(close_at(ends, QKDTLS_CLIENT), -EPERM);
	assert_int_equal(qkdtls_sock_flush(conn_of(ends, QKDTLS_CLIENT), -1), -EPERM);
	assert_int_equal(qkdtls_sock_update(conn_of(ends, QKDTLS_CLIENT), -1, false), -EPERM);
	loopback_free(&ends->lb);
}

/* An application that only reads answers all the same. */
static void own_update_is_answered_by_the_reader(void **state)
{
	struct ends *ends = *state;
	struct qkdtls_conn *client;
	char buf[32];

	open_limited(ends, NULL);
	client = conn_of(ends, QKDTLS_CLIENT);
	assert_int_equal(qkdtls_sock_update(client, ends->fd[QKDTLS_CLIENT], true), 0);
	assert_true(client->update_asked);
	assert_int_equal(recv_at(ends, QKDTLS_SERVER, buf, sizeof(buf)), -EAGAIN);
	assert_false(qkdtls_sock_pending(conn_of(ends, QKDTLS_SERVER)));
	assert_int_equal(recv_at(ends, QKDTLS_CLIENT, buf, sizeof(buf)), -EAGAIN);
	assert_false(client->update_asked);
	close_ends(ends);
}

static void own_full_socket_holds_back(void **state)
{
	static uint8_t data[4096];
	struct ends *ends = *state;
	size_t sent = 0, received = 0;
	uint8_t buf[4096];
	ssize_t n;

	open_limited(ends, NULL);
	while ((n = send_at(ends, QKDTLS_CLIENT, data, sizeof(data))) > 0)
		sent += (size_t)n;
	assert_int_equal(n, -EAGAIN);
	assert_true(qkdtls_sock_pending(conn_of(ends, QKDTLS_CLIENT)));
	do {
		while ((n = recv_at(ends, QKDTLS_SERVER, buf, sizeof(buf))) > 0)
			received += (size_t)n;
		assert_int_equal(n, -EAGAIN);
	} while (qkdtls_sock_flush(conn_of(ends, QKDTLS_CLIENT), ends->fd[QKDTLS_CLIENT]) ==
			 -EAGAIN ||
		 received < sent);
	assert_int_equal(received, sent);
	assert_false(qkdtls_sock_pending(conn_of(ends, QKDTLS_CLIENT)));
	close_ends(ends);
}

/* Whoever stops in the middle must not seem to have ended. */
static void own_end_in_the_middle_is_told(void **state)
{
	struct ends *ends = *state;
	char buf[32];

	open_limited(ends, NULL);
	qkdtls_sock_abort(conn_of(ends, QKDTLS_SERVER), ends->fd[QKDTLS_SERVER],
			  QKDTLS_ALERT_INTERNAL_ERROR, "given up");
	assert_int_equal(recv_at(ends, QKDTLS_CLIENT, buf, sizeof(buf)), -ECONNRESET);
	assert_int_equal(qkdtls_error(conn_of(ends, QKDTLS_CLIENT))->received,
			 QKDTLS_ALERT_INTERNAL_ERROR);
	assert_int_equal(send_at(ends, QKDTLS_SERVER, buf, 1), -ECANCELED);
	close_ends(ends);

	open_limited(ends, NULL);
	assert_int_equal(shutdown(ends->fd[QKDTLS_SERVER], SHUT_WR), 0);
	assert_int_equal(recv_at(ends, QKDTLS_CLIENT, buf, sizeof(buf)), -ECONNRESET);
	assert_int_equal(qkdtls_error(conn_of(ends, QKDTLS_CLIENT))->received, QKDTLS_ALERT_NONE);
	close_ends(ends);
}

static void own_forgery_is_answered(void **state)
{
	static const uint8_t forged[5 + 32] = { 23, 3, 3, 0, 32 };
	struct ends *ends = *state;
	char buf[32];

	open_limited(ends, NULL);
	assert_int_equal(send(ends->fd[QKDTLS_CLIENT], forged, sizeof(forged), 0), sizeof(forged));
	assert_int_equal(recv_at(ends, QKDTLS_SERVER, buf, sizeof(buf)), -EPROTO);
	assert_int_equal(recv_at(ends, QKDTLS_CLIENT, buf, sizeof(buf)), -ECONNRESET);
	assert_int_equal(qkdtls_error(conn_of(ends, QKDTLS_CLIENT))->received,
			 QKDTLS_ALERT_BAD_RECORD_MAC);
	close_ends(ends);
}

/* ---- The kernel's: reading ---- */

static const uint8_t update[] = { 24, 0, 0, 1, 0 }, asking_update[] = { 24, 0, 0, 1, 1 };
static const uint8_t close_notify[] = { 1, 0 }, fatal[] = { 2, 80 };

/* Whatever the buffer: what is no data never comes into it, and data comes whole. */
static void control_and_data_in_buffers_of_any_size(void **state)
{
	static const uint8_t ticket[] = "\4\0\0\x48\0\0\0\1\0\0\0\0\1\0\0\x3a"
					"0123456789012345678901234567890123456789012345678901234567"
					"\0";
	const struct record records[] = {
		{ 23, "one", 3, 0 },
		{ 22, update, 5, 0 },
		{ 22, ticket, sizeof(ticket), 0 },
		{ 23, "", 0, 0 },
		{ 23, "two and three", 13, 0 },
		{ 21, close_notify, 2, 0 },
	};
	struct ends *ends = *state;

	for (size_t size = 1; size < 100; size++) {
		struct qkdtls_conn *conn = open_kernel(ends, NULL, true);
		char text[64] = "", buf[100];
		size_t len = 0;
		ssize_t n;

		HANDS_UP(records);
		while ((n = recv_at(ends, OURS, buf, size)) > 0) {
			assert_true((size_t)n <= size);
			memcpy(text + len, buf, (size_t)n);
			len += (size_t)n;
		}
		assert_int_equal(n, 0);
		assert_true(conn->peer_closed);
		assert_int_equal(len, 16);
		assert_string_equal(text, "onetwo and three");
		assert_int_equal(kernel.keys[PEER], 1);
		assert_int_equal(kernel.keys[OURS], 0);
		assert_int_equal(kernel.sent_count, 0);
		close_ends(ends);
	}
}

static void what_is_wrong_is_answered(void **state)
{
	static const struct {
		struct record record;
		int ret;
		enum qkdtls_alert sent, received;
	} rows[] = {
		{ { 21, fatal, 2, 0 }, -ECONNRESET, QKDTLS_ALERT_NONE, 80 },
		{ { 21, fatal, 1, 0 }, -EPROTO, QKDTLS_ALERT_DECODE_ERROR, QKDTLS_ALERT_NONE },
		{ { 21, "\1\0\0", 3, 0 }, -EPROTO, QKDTLS_ALERT_DECODE_ERROR, QKDTLS_ALERT_NONE },
		{ { 22, "\1\0\0\0", 4, 0 },
		  -EPROTO,
		  QKDTLS_ALERT_UNEXPECTED_MESSAGE,
		  QKDTLS_ALERT_NONE },
		{ { 22, "", 0, 0 }, -EPROTO, QKDTLS_ALERT_UNEXPECTED_MESSAGE, QKDTLS_ALERT_NONE },
		{ { 77, "x", 1, 0 }, -EPROTO, QKDTLS_ALERT_UNEXPECTED_MESSAGE, QKDTLS_ALERT_NONE },
		{ { 0, NULL, 0, 0 }, -ECONNRESET, QKDTLS_ALERT_NONE, QKDTLS_ALERT_NONE },
		{ { 0, NULL, 0, -EBADMSG },
		  -EPROTO,
		  QKDTLS_ALERT_BAD_RECORD_MAC,
		  QKDTLS_ALERT_NONE },
		{ { 0, NULL, 0, -EMSGSIZE },
		  -EPROTO,
		  QKDTLS_ALERT_RECORD_OVERFLOW,
		  QKDTLS_ALERT_NONE },
		{ { 0, NULL, 0, -EINVAL }, -EPROTO, QKDTLS_ALERT_DECODE_ERROR, QKDTLS_ALERT_NONE },
	};
	struct ends *ends = *state;
	char buf[256];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct qkdtls_conn *conn = open_kernel(ends, NULL, true);

		kernel_hands_up(&rows[i].record, 1);
		assert_int_equal(recv_at(ends, OURS, buf, sizeof(buf)), rows[i].ret);
		assert_int_equal(qkdtls_error(conn)->sent, rows[i].sent);
		assert_int_equal(qkdtls_error(conn)->received, rows[i].received);
		assert_int_equal(kernel.sent_count, rows[i].sent != QKDTLS_ALERT_NONE);
		if (kernel.sent_count) {
			const char alert[] = { 2, (char)rows[i].sent };

			ASSERT_ALERT(0, alert);
		}
		/* It stays so, and nothing more is said. */
		assert_int_equal(recv_at(ends, OURS, buf, sizeof(buf)), rows[i].ret);
		assert_int_equal(send_at(ends, OURS, buf, 1), rows[i].ret);
		qkdtls_sock_abort(conn, ends->fd[OURS], QKDTLS_ALERT_INTERNAL_ERROR, "x");
		assert_int_equal(kernel.sent_count, rows[i].sent != QKDTLS_ALERT_NONE);
		assert_null(conn->schedule);
		close_ends(ends);
	}
}

/* The socket's own errors are not the peer's: who cannot write may still read why. */
static void socket_errors_are_passed_on(void **state)
{
	const struct record records[] = { { 0, NULL, 0, -ETIMEDOUT }, { 21, fatal, 2, 0 } };
	struct ends *ends = *state;
	struct qkdtls_conn *conn = open_kernel(ends, NULL, true);
	char buf[256];

	HANDS_UP(records);
	close(ends->fd[PEER]);
	ends->fd[PEER] = -1;
	assert_int_equal(send_at(ends, OURS, "x", 1), -EPIPE);
	assert_int_equal(recv_at(ends, OURS, buf, sizeof(buf)), -ETIMEDOUT);
	assert_int_equal(qkdtls_to_errno(conn), 0);
	assert_int_equal(recv_at(ends, OURS, buf, sizeof(buf)), -ECONNRESET);
	assert_int_equal(qkdtls_error(conn)->received, 80);
	close_ends(ends);
}

/* ---- The kernel's: the peer's key ---- */

static void a_request_is_answered_once_there_is_room(void **state)
{
	const struct record records[] = { { 22, asking_update, 5, 0 } };
	struct ends *ends = *state;
	struct qkdtls_conn *conn = open_kernel(ends, NULL, true);
	const int fd = ends->fd[OURS];
	char buf[256];

	HANDS_UP(records);
	kernel.send_error = -EAGAIN;
	assert_int_equal(recv_at(ends, OURS, buf, sizeof(buf)), -EAGAIN);
	assert_int_equal(kernel.keys[PEER], 1);
	assert_true(qkdtls_sock_pending(conn));
	/* Before it nothing goes. */
	assert_int_equal(send_at(ends, OURS, "x", 1), -EAGAIN);
	assert_int_equal(qkdtls_sock_flush(conn, fd), -EAGAIN);
	assert_int_equal(kernel.keys[OURS], 0);
	kernel.send_error = 0;
	assert_int_equal(send_at(ends, OURS, "x", 1), 1);
	assert_int_equal(kernel.sent_count, 1);
	ASSERT_UPDATE(0, "\0");
	assert_int_equal(kernel.keys[OURS], 1);
	assert_false(qkdtls_sock_pending(conn));
	close_ends(ends);
}

static void no_request_is_answered_behind_close_notify(void **state)
{
	const struct record records[] = { { 22, asking_update, 5, 0 }, { 23, "x", 1, 0 } };
	struct ends *ends = *state;
	struct qkdtls_conn *conn = open_kernel(ends, NULL, true);
	char buf[256];

	assert_int_equal(close_at(ends, OURS), 0);
	HANDS_UP(records);
	assert_int_equal(recv_at(ends, OURS, buf, sizeof(buf)), 1);
	assert_int_equal(kernel.keys[PEER], 1);
	assert_int_equal(kernel.sent_count, 1);
	ASSERT_ALERT(0, "\1\0");
	assert_false(qkdtls_sock_pending(conn));
	assert_int_equal(close_at(ends, OURS), 0);
	assert_int_equal(kernel.sent_count, 1);
	close_ends(ends);
}

/* Older kernels, and those that give up on a KeyUpdate: closed in order. The kernel's own word for it stays here. */
static void a_key_that_cannot_be_followed_ends_it(void **state)
{
	static const struct record records[] = { { 22, update, 5, 0 },
						 { 0, NULL, 0, -EKEYEXPIRED } };
	struct ends *ends = *state;
	char buf[256];

	for (int i = 0; i < 2; i++) {
		struct qkdtls_conn *conn = open_kernel(ends, NULL, i == 1);

		kernel_hands_up(&records[i], 1);
		assert_int_equal(recv_at(ends, OURS, buf, sizeof(buf)), -EOPNOTSUPP);
		assert_int_equal(qkdtls_to_errno(conn), -EOPNOTSUPP);
		assert_int_equal(kernel.sent_count, 1);
		ASSERT_ALERT(0, "\1\0");
		assert_int_equal(kernel.keys[PEER], 0);
		assert_int_equal(send_at(ends, OURS, "x", 1), -EOPNOTSUPP);
		close_ends(ends);
	}
}

static void a_key_that_cannot_be_set_ends_it(void **state)
{
	static const struct record records[] = { { 22, update, 5, 0 } };
	struct ends *ends = *state;
	struct qkdtls_conn *conn = open_kernel(ends, NULL, true);
	char buf[256];

	HANDS_UP(records);
	kernel.key_error = -ENOMEM;
	assert_int_equal(recv_at(ends, OURS, buf, sizeof(buf)), -EIO);
	assert_int_equal(qkdtls_to_errno(conn), -EIO);
	assert_null(conn->schedule);
	close_ends(ends);

	conn = open_kernel(ends, NULL, true);
	kernel.key_error = -EAGAIN; /* not to be taken for a full socket */
	assert_int_equal(qkdtls_sock_update(conn, ends->fd[OURS], false), -EIO);
	assert_int_equal(recv_at(ends, OURS, buf, sizeof(buf)), -EIO);
	close_ends(ends);
}

/* Three quarters of what its key may protect have come: it is asked, once. */
static void a_peer_that_is_late_is_asked(void **state)
{
	const uint64_t late = QKDTLS_KEY_RECORDS_MAX / 4 * 3;
	static const struct record records[] = { { 23, "data", 4, 0 },
						 { 23, "data", 4, 0 },
						 { 22, update, 5, 0 },
						 { 23, "data", 4, 0 },
						 { 23, "data", 4, 0 } };
	struct ends *ends = *state;
	struct qkdtls_conn *conn = open_kernel(ends, NULL, true);
	char buf[256];

	HANDS_UP(records);
	/* By bytes there may have been too many; the kernel knows better. */
	conn->kernel.received = late;
	kernel.records[PEER] = late - 1;
	assert_int_equal(recv_at(ends, OURS, buf, sizeof(buf)), 4);
	assert_int_equal(kernel.sent_count, 0);
	kernel.records[PEER] = late;
	assert_int_equal(recv_at(ends, OURS, buf, sizeof(buf)), 4);
	assert_int_equal(kernel.sent_count, 1);
	ASSERT_UPDATE(0, "\1");
	assert_int_equal(qkdtls_sock_received(conn, ends->fd[OURS], 100), 0);
	assert_int_equal(kernel.sent_count, 1);
	assert_int_equal(recv_at(ends, OURS, buf, sizeof(buf)), 4);
	assert_false(conn->update_asked);
	/* As many as the key may protect */
	kernel.records[PEER] = QKDTLS_KEY_RECORDS_MAX;
	conn->kernel.received = QKDTLS_KEY_RECORDS_MAX;
	assert_int_equal(recv_at(ends, OURS, buf, sizeof(buf)), -EOVERFLOW);
	ASSERT_ALERT(1, "\1\0");
	close_ends(ends);
}

/* ---- The kernel's: this end's key ---- */

static void read_peer(struct ends *ends)
{
	char buf[65536];

	while (recv(ends->fd[PEER], buf, sizeof(buf), 0) > 0)
		;
}

static void a_worn_key_is_changed_before_more_is_sent(void **state)
{
	static const struct qkdtls_key_limits limits = { .records = 100 };
	struct ends *ends = *state;
	(void)open_kernel(ends, &limits, true);
	for (int i = 0; i < 1000; i++) {
		kernel.records[OURS]++;
		assert_int_equal(send_at(ends, OURS, MESSAGE, sizeof(MESSAGE)), sizeof(MESSAGE));
		assert_true(kernel.records[OURS] <= 100);
		read_peer(ends);
	}
	assert_int_equal(kernel.keys[OURS], kernel.sent_count);
	assert_int_equal(kernel.sent_count, 1000 / 100 - 1);
	ASSERT_UPDATE(0, "\0");
	close_ends(ends);
}

/* A peer that takes small records only has more of them. */
static void small_records_are_counted_as_such(void **state)
{
	static const struct qkdtls_key_limits limits = { .records = 100 };
	static uint8_t data[63 * 99];
	struct ends *ends = *state;
	struct qkdtls_conn *conn = open_kernel(ends, &limits, true);

	conn->kernel.payload_max = 63;
	kernel.records[OURS] = 100;
	assert_int_equal(send_at(ends, OURS, data, sizeof(data)), sizeof(data));
	assert_true(qkdtls_sock_pending(conn));
	close_ends(ends);
}

static void bytes_are_not_sent_beyond_their_limit(void **state)
{
	static const struct qkdtls_key_limits limits = { .records = 100000, .bytes = 20000 };
	static uint8_t data[50000];
	struct ends *ends = *state;
	struct qkdtls_conn *conn = open_kernel(ends, &limits, true);

	assert_int_equal(send_at(ends, OURS, data, sizeof(data)), 20000);
	assert_true(qkdtls_sock_pending(conn));
	read_peer(ends);
	assert_int_equal(send_at(ends, OURS, data, 19999), 19999);
	assert_int_equal(kernel.keys[OURS], 1);
	assert_false(qkdtls_sock_pending(conn));
	read_peer(ends);
	assert_int_equal(send_at(ends, OURS, data, 10), 1);
	/* By splice() what has gone has gone. */
	assert_int_equal(qkdtls_sock_flush(conn, ends->fd[OURS]), 0);
	assert_int_equal(kernel.keys[OURS], 2);
	qkdtls_sock_sent(conn, ends->fd[OURS], 65536);
	assert_true(qkdtls_sock_pending(conn));
	close_ends(ends);
}

static void a_key_gets_old_by_use_only(void **state)
{
	static const struct qkdtls_key_limits limits = { .records = 100000, .seconds = 60 };
	struct ends *ends = *state;
	struct qkdtls_conn *conn = open_kernel(ends, &limits, true);
	const int fd = ends->fd[OURS];

	conn->key_age.since -= 61;
	assert_int_equal(qkdtls_sock_flush(conn, fd), 0);
	assert_int_equal(kernel.sent_count, 0);
	assert_int_equal(send_at(ends, OURS, MESSAGE, 1), 1);
	assert_int_equal(qkdtls_sock_flush(conn, fd), 0);
	assert_int_equal(kernel.sent_count, 1);
	ASSERT_UPDATE(0, "\0");
	assert_int_equal(send_at(ends, OURS, MESSAGE, 1), 1);
	conn->key_age.since -= 61;
	assert_int_equal(send_at(ends, OURS, MESSAGE, 1), 1);
	assert_int_equal(kernel.keys[OURS], 2);
	close_ends(ends);
}

static void a_worn_key_that_cannot_be_changed_ends_it(void **state)
{
	static const struct qkdtls_key_limits limits = { .records = 100 };
	struct ends *ends = *state;
	struct qkdtls_conn *conn = open_kernel(ends, &limits, false);

	assert_int_equal(qkdtls_sock_update(conn, ends->fd[OURS], false), -EOPNOTSUPP);
	assert_int_equal(qkdtls_to_errno(conn), 0);
	kernel.records[OURS] = 100;
	while (!qkdtls_sock_pending(conn))
		assert_int_equal(send_at(ends, OURS, MESSAGE, 1), 1);
	assert_int_equal(send_at(ends, OURS, MESSAGE, 1), -EOVERFLOW);
	assert_int_equal(kernel.sent_count, 1);
	ASSERT_ALERT(0, "\1\0");
	assert_int_equal(close_at(ends, OURS), -EOVERFLOW);
	assert_int_equal(kernel.sent_count, 1);
	close_ends(ends);
}

static void an_abort_says_what_it_is(void **state)
{
	struct ends *ends = *state;
	struct qkdtls_conn *conn = open_kernel(ends, NULL, true);

	qkdtls_sock_abort(conn, ends->fd[OURS], QKDTLS_ALERT_USER_CANCELED, "enough");
	assert_int_equal(kernel.sent_count, 2);
	ASSERT_ALERT(0, "\1\x5a");
	ASSERT_ALERT(1, "\1\0");
	assert_string_equal(qkdtls_error(conn)->reason, "enough");
	close_ends(ends);
}

#define TEST(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(own_data_and_ends_go_both_ways),
		TEST(nothing_goes_before_the_handshake),
		TEST(own_update_is_answered_by_the_reader),
		TEST(own_full_socket_holds_back),
		TEST(own_end_in_the_middle_is_told),
		TEST(own_forgery_is_answered),
		TEST(control_and_data_in_buffers_of_any_size),
		TEST(what_is_wrong_is_answered),
		TEST(socket_errors_are_passed_on),
		TEST(a_request_is_answered_once_there_is_room),
		TEST(no_request_is_answered_behind_close_notify),
		TEST(a_key_that_cannot_be_followed_ends_it),
		TEST(a_key_that_cannot_be_set_ends_it),
		TEST(a_peer_that_is_late_is_asked),
		TEST(a_worn_key_is_changed_before_more_is_sent),
		TEST(small_records_are_counted_as_such),
		TEST(bytes_are_not_sent_beyond_their_limit),
		TEST(a_key_gets_old_by_use_only),
		TEST(a_worn_key_that_cannot_be_changed_ends_it),
		TEST(an_abort_says_what_it_is),
	};

	return cmocka_run_group_tests_name("socket", tests, site_setup, site_teardown);
}
