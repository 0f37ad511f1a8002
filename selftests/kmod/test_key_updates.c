// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Keys that change at random moments while both ends send as fast as they can, with the kernel's TLS: of all records
 * none is lost, doubled or altered, and nobody stands still. Each byte tells its place in the stream.
 *
 * RECORDS in the environment: how many each end sends (262144).
 */
#include "engine.h"

#include <stdatomic.h>

#include "tls/ktls.h"

#define RECORDS	     (1 << 18)
#define RECORDS_SLOW (1 << 14) /* in a kernel that watches each step of its own */
#define CHUNK_MAX    16384
#define SMALL_MAX    64
#define LONG_EACH    64 /* one record in so many is long */
#define UPDATE_EACH  256 /* and before one in so many the key changes */
#define TIME_MAX     1800

/* ---- How many keys have followed the first, by whose connection and sender ---- */

static atomic_uint keys[2][2];

int __real_qkdtls_ktls_next_key(struct qkdtls_conn *conn, int fd, enum qkdtls_role sender);
int __wrap_qkdtls_ktls_next_key(struct qkdtls_conn *conn, int fd, enum qkdtls_role sender);

static _Thread_local enum qkdtls_role own_role;

int __wrap_qkdtls_ktls_next_key(struct qkdtls_conn *conn, int fd, enum qkdtls_role sender)
{
	keys[own_role][sender]++;
	return __real_qkdtls_ktls_next_key(conn, fd, sender);
}

/* ---- One end ---- */

struct sender {
	enum qkdtls_role role;
	pthread_t thread;
	const struct pair *pair;
	const char *suite;
	bool sealed;
	unsigned int records; /* to send */

	struct qkdtls_conn *conn;
	int fd;
	uint64_t chance;
	uint64_t sent, received; /* bytes */
	unsigned int sent_records;
	size_t pending; /* of the record in hand */
	bool has_closed, peer_has_closed;
	const char *problem;
	int error;
};

static uint32_t draw(struct sender *s)
{
	s->chance ^= s->chance << 13;
	s->chance ^= s->chance >> 7;
	s->chance ^= s->chance << 17;
	return (uint32_t)(s->chance >> 32);
}

/* Byte number @at of what @role sends */
static uint8_t byte_at(enum qkdtls_role role, uint64_t at)
{
	const uint64_t word = (at / 8 + 1 + (uint64_t)role) * 0x9e3779b97f4a7c15u;

	return (uint8_t)(word >> (56 - 8 * (at % 8)));
}

static int failed(struct sender *s, const char *problem, int error)
{
	s->problem = problem;
	s->error = error;
	return -1;
}

/* 1: something went, 0: it would block, -1 */
static int send_some(struct sender *s)
{
	uint8_t chunk[CHUNK_MAX];
	ssize_t n;

	if (s->has_closed)
		return 0;
	if (s->sent_records == s->records) {
		n = qkdtls_sock_close(s->conn, s->fd);
		if (n && n != -EAGAIN)
			return failed(s, "close", (int)n);
		s->has_closed = !n;
		return !n;
	}
	if (draw(s) % UPDATE_EACH == 0) {
		n = qkdtls_sock_update(s->conn, s->fd, draw(s) & 1);
		if (n && n != -EAGAIN)
			return failed(s, "update", (int)n);
	}
	if (!s->pending)
		s->pending = 1 + draw(s) % (draw(s) % LONG_EACH ? SMALL_MAX : CHUNK_MAX);
	for (size_t i = 0; i < s->pending; i++)
		chunk[i] = byte_at(s->role, s->sent + i);
	n = qkdtls_sock_send(s->conn, s->fd, chunk, s->pending);
	if (n == -EAGAIN)
		return 0;
	if (n <= 0)
		return failed(s, "send", (int)n);
	s->sent += (uint64_t)n;
	s->pending -= (size_t)n;
	s->sent_records++;
	return 1;
}

static int receive_some(struct sender *s)
{
	uint8_t chunk[CHUNK_MAX];
	const size_t len = 1 + draw(s) % sizeof(chunk);
	ssize_t n;

	if (s->peer_has_closed)
		return 0;
	n = qkdtls_sock_recv(s->conn, s->fd, chunk, len);
	if (n == -EAGAIN)
		return 0;
	if (n < 0)
		return failed(s, "receive", (int)n);
	for (ssize_t i = 0; i < n; i++)
		if (chunk[i] != byte_at(!s->role, s->received + (uint64_t)i))
			return failed(s, "other bytes came than were sent", 0);
	s->received += (uint64_t)n;
	s->peer_has_closed = !n;
	return 1;
}

static int wait_for_it(struct sender *s)
{
	struct pollfd pfd = { .fd = s->fd };

	if (!s->peer_has_closed)
		pfd.events |= POLLIN;
	if (!s->has_closed || qkdtls_sock_pending(s->conn))
		pfd.events |= POLLOUT;
	return poll(&pfd, 1, DEADLINE_MS) == 1 ? 0 : failed(s, "nothing moves", 0);
}

static void *run(void *arg)
{
	struct sender *s = arg;
	int sent, received;

	own_role = s->role;
	s->conn = engine_connect(s->pair, s->role, s->suite, s->sealed, &s->error);
	if (!s->conn) {
		s->problem = "handshake";
		return NULL;
	}
	while (!s->has_closed || !s->peer_has_closed) {
		sent = send_some(s);
		received = sent < 0 ? -1 : receive_some(s);
		if (received < 0 || (!sent && !received && wait_for_it(s)))
			break;
	}
	/* Its peer waits for what does not come any more. */
	if (s->problem)
		shutdown(s->fd, SHUT_RDWR);
	return NULL;
}

/* ---- Both ---- */

FIXTURE(updates)
{
	struct pair pair;
};

FIXTURE_SETUP(updates)
{
	ASSERT_EQ(0, pair_begin(&self->pair));
}

FIXTURE_TEARDOWN(updates)
{
	pair_end(&self->pair);
}

FIXTURE_VARIANT(updates)
{
	const char *suite;
	bool sealed[2]; /* by role */
};

FIXTURE_VARIANT_ADD(updates, sealed_aes_256){
	.suite = "TLS_AES_256_GCM_SHA384",
	.sealed = { true, true },
};
FIXTURE_VARIANT_ADD(updates, sealed_client_aes_128){
	.suite = "TLS_AES_128_GCM_SHA256",
	.sealed = { true, false },
};
FIXTURE_VARIANT_ADD(updates, unsealed_chacha20){
	.suite = "TLS_CHACHA20_POLY1305_SHA256",
	.sealed = { false, false },
};

static bool kernel_can_rekey(void)
{
	return !system("grep -q TlsRxRekeyOk /proc/net/tls_stat");
}

/* KASAN, lockdep, kmemleak */
static bool kernel_is_slow(void)
{
	return !access("/proc/lockdep_stats", F_OK);
}

static unsigned int records_each(void)
{
	const char *wanted = getenv("RECORDS");

	if (wanted)
		return (unsigned int)strtoul(wanted, NULL, 10);
	return kernel_is_slow() ? RECORDS_SLOW : RECORDS;
}

TEST_F_TIMEOUT(updates, at_random_moments, TIME_MAX)
{
	struct sender senders[2];

	if (!(variant->sealed[0] && variant->sealed[1]) && !kernel_can_rekey())
		SKIP(return, "this kernel changes no keys that are not sealed");
	for (int role = 0; role < 2; role++) {
		const struct side *side =
			role == QKDTLS_CLIENT ? &self->pair.client : &self->pair.server;

		senders[role] = (struct sender){
			.role = (enum qkdtls_role)role,
			.pair = &self->pair,
			.suite = variant->suite,
			.sealed = variant->sealed[role],
			.records = records_each(),
			.fd = side->socket,
			.chance = 0x853c49e6748fea9bu + (uint64_t)role,
		};
		ASSERT_EQ(0, pthread_create(&senders[role].thread, NULL, run, &senders[role]));
	}
	for (int role = 0; role < 2; role++)
		pthread_join(senders[role].thread, NULL);
	for (int role = 0; role < 2; role++) {
		const struct sender *s = &senders[role];
		const char *reason = s->conn ? qkdtls_error(s->conn)->reason : "";

		EXPECT_EQ(NULL, s->problem)
		{
			TH_LOG("%s: %s %d, %s; %u records, %llu bytes sent, %llu received",
			       role ? "server" : "client", s->problem, s->error, reason,
			       s->sent_records, (unsigned long long)s->sent,
			       (unsigned long long)s->received);
		}
		EXPECT_EQ(s->sent, senders[!role].received);
		/* Each key that one end sent under the other has read under. */
		EXPECT_EQ(keys[role][role], keys[!role][role]);
		EXPECT_LT(s->records / UPDATE_EACH / 2, keys[role][role]);
		TH_LOG("%s sent %u records, %llu bytes, under %u keys", role ? "server" : "client",
		       s->sent_records, (unsigned long long)s->sent, 1 + keys[role][role]);
	}
	for (int role = 0; role < 2; role++)
		qkdtls_conn_free(senders[role].conn);
}

TEST_HARNESS_MAIN
