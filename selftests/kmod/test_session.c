// SPDX-License-Identifier: GPL-2.0-or-later
/* Which connection was made with which key: what COMMIT with a socket says and what it refuses. */
#include "qkd_test.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#define LINK	     "alpha"
#define SUITE	     0x1302
#define SPENT	     8 /* keys that a file remembers */
#define SESSIONS_MAX 4096 /* of a namespace */
#define MORE	     5 /* than these */
#define LISTED_MAX   16

struct listed {
	struct qkd_session_info list[LISTED_MAX];
	size_t count;
};

FIXTURE(session)
{
	struct end end; /* of role a */
	int client, server;
};

/* A connection over loopback: both ends, or a negative errno */
static int connect_tcp(int family, int *client, int *server)
{
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	struct sockaddr *sa = family == AF_INET ? (struct sockaddr *)&in : (struct sockaddr *)&in6;
	socklen_t len = family == AF_INET ? sizeof(in) : sizeof(in6);
	int listener = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	*client = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 || *client < 0 || bind(listener, sa, len) || listen(listener, 1) ||
	    getsockname(listener, sa, &len) || connect(*client, sa, len))
		return -errno;
	*server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	close(listener);
	return *server < 0 ? -errno : 0;
}

FIXTURE_SETUP(session)
{
	const struct link_spec spec = { .name = LINK, .role = QKD_ROLE_A, .seed = 's' };

	ASSERT_EQ(0, end_open(&self->end, &spec));
	ASSERT_EQ(0, system("ip link set lo up"));
	ASSERT_EQ(0, connect_tcp(AF_INET, &self->client, &self->server));
	ASSERT_TRUE(poll_until(self->end.fd, POLLIN));
}

FIXTURE_TEARDOWN(session)
{
	close(self->client);
	close(self->server);
	end_close(&self->end);
}

static int keep(const struct qkd_session_info *info, void *arg)
{
	struct listed *listed = arg;

	if (listed->count == LISTED_MAX)
		return -E2BIG;
	listed->list[listed->count++] = *info;
	return 0;
}

static size_t count_of(FIXTURE_DATA(session) * self, struct listed *listed)
{
	listed->count = 0;
	return qkd_nl_session_list(self->end.nl, keep, listed) ? SIZE_MAX : listed->count;
}

static size_t sessions(FIXTURE_DATA(session) * self)
{
	struct listed listed;

	return count_of(self, &listed);
}

static int local_port(int fd)
{
	struct sockaddr_in6 sa;
	socklen_t len = sizeof(sa);

	return getsockname(fd, (struct sockaddr *)&sa, &len) ? -1 : ntohs(sa.sin6_port);
}

static uint64_t cookie_of(int fd)
{
	uint64_t cookie = 0;
	socklen_t len = sizeof(cookie);

	return getsockopt(fd, SOL_SOCKET, SO_COOKIE, &cookie, &len) ? 0 : cookie;
}

TEST_F(session, shows_the_connection_of_a_key_that_was_taken)
{
	const uint8_t loopback[4] = { 127, 0, 0, 1 };
	const struct qkd_session_info *info;
	struct qkd_key_get get;
	struct listed listed;

	ASSERT_EQ(0, get_key(self->end.fd, 0, &get));
	EXPECT_EQ(0, sessions(self));
	ASSERT_EQ(0, qkd_commit_socket(self->end.fd, get.key_id, self->client, SUITE));
	ASSERT_EQ(1, count_of(self, &listed));
	info = &listed.list[0];
	EXPECT_STREQ(LINK, info->link);
	EXPECT_EQ(0, memcmp(info->id, get.key_id, sizeof(info->id)));
	EXPECT_EQ(QKD_DIR_OUTBOUND, info->direction);
	EXPECT_EQ(SUITE, info->suite);
	EXPECT_GT(DEADLINE_MS, info->age_ms);
	EXPECT_EQ(cookie_of(self->client), info->cookie);
	EXPECT_EQ(4, info->address_len);
	EXPECT_EQ(0, memcmp(info->local, loopback, 4));
	EXPECT_EQ(0, memcmp(info->remote, loopback, 4));
	EXPECT_EQ(local_port(self->client), info->local_port);
	EXPECT_EQ(local_port(self->server), info->remote_port);
}

TEST_F(session, commits_a_reserved_key_with_its_socket)
{
	uint8_t id[QKD_KEY_ID_LEN];
	struct qkd_key_get get;
	struct listed listed;

	ASSERT_EQ(0, inbound_id('s', id));
	ASSERT_EQ(0, get_by_id(self->end.fd, id, DEADLINE_MS, &get));
	ASSERT_EQ(0, qkd_commit_socket(self->end.fd, id, self->server, SUITE));
	EXPECT_EQ(-EKEYREVOKED, get_by_id(self->end.fd, id, 0, &get));
	EXPECT_EQ(1, stat_of(self->end.nl, LINK, QKD_A_STATS_INBOUND_SPENT));
	ASSERT_EQ(1, count_of(self, &listed));
	EXPECT_EQ(QKD_DIR_INBOUND, listed.list[0].direction);
	EXPECT_EQ(local_port(self->server), listed.list[0].local_port);
}

TEST_F(session, takes_the_socket_after_the_commit_too)
{
	uint8_t id[QKD_KEY_ID_LEN];
	struct qkd_key_get get;

	ASSERT_EQ(0, inbound_id('s', id));
	ASSERT_EQ(0, get_by_id(self->end.fd, id, DEADLINE_MS, &get));
	ASSERT_EQ(0, commit(self->end.fd, id));
	ASSERT_EQ(0, qkd_commit_socket(self->end.fd, id, self->server, SUITE));
	EXPECT_EQ(1, sessions(self));
}

TEST_F(session, shows_ipv6)
{
	struct qkd_key_get get;
	struct listed listed;
	int client, server;

	ASSERT_EQ(0, connect_tcp(AF_INET6, &client, &server));
	ASSERT_EQ(0, get_key(self->end.fd, 0, &get));
	ASSERT_EQ(0, qkd_commit_socket(self->end.fd, get.key_id, client, SUITE));
	ASSERT_EQ(1, count_of(self, &listed));
	EXPECT_EQ(16, listed.list[0].address_len);
	EXPECT_EQ(0, memcmp(listed.list[0].remote, &in6addr_loopback, 16));
	close(client);
	close(server);
}

TEST_F(session, is_for_one_socket_and_the_file_that_spent_the_key)
{
	struct qkd_key_get get;
	int other = end_file(&self->end, 0);

	ASSERT_EQ(0, get_key(self->end.fd, 0, &get));
	EXPECT_EQ(-ENOKEY, qkd_commit_socket(other, get.key_id, self->client, SUITE));
	ASSERT_EQ(0, qkd_commit_socket(self->end.fd, get.key_id, self->client, SUITE));
	EXPECT_EQ(-ENOKEY, qkd_commit_socket(self->end.fd, get.key_id, self->server, SUITE));
	EXPECT_EQ(1, sessions(self));
	close(other);
}

TEST_F(session, remembers_a_few_keys_of_a_file)
{
	struct qkd_key_get first, get;

	ASSERT_EQ(0, get_key(self->end.fd, 0, &first));
	for (int i = 0; i < SPENT; i++)
		ASSERT_EQ(0, get_key(self->end.fd, DEADLINE_MS, &get));
	EXPECT_EQ(-ENOKEY, qkd_commit_socket(self->end.fd, first.key_id, self->client, SUITE));
	EXPECT_EQ(0, qkd_commit_socket(self->end.fd, get.key_id, self->client, SUITE));
}

TEST_F(session, ends_with_its_connection)
{
	struct qkd_key_get get;

	ASSERT_EQ(0, get_key(self->end.fd, 0, &get));
	ASSERT_EQ(0, qkd_commit_socket(self->end.fd, get.key_id, self->client, SUITE));
	ASSERT_EQ(1, sessions(self));
	/* The other end's file is not ours. */
	shutdown(self->server, SHUT_RDWR);
	close(self->client);
	self->client = -1;
	EXPECT_EQ(0, sessions(self));
}

static int find_oldest(const struct qkd_session_info *info, void *arg)
{
	struct listed *listed = arg;

	if (!listed->count++)
		listed->list[0] = *info;
	return 0;
}

TEST_F(session, is_forgotten_if_there_are_too_many_and_it_is_the_oldest)
{
	const struct link_spec spec = { .name = "fast",
					.role = QKD_ROLE_A,
					.seed = 'f',
					.rate = QKD_SIM_RATE_MAX,
					.capacity = SESSIONS_MAX };
	struct listed listed = { .count = 0 };
	uint8_t oldest[QKD_KEY_ID_LEN];
	struct qkd_key_get get;
	int fd;

	ASSERT_EQ(0, add_link(self->end.nl, &spec));
	fd = qkd_open("fast", 0);
	ASSERT_LE(0, fd);
	for (int i = 0; i < SESSIONS_MAX + MORE; i++) {
		ASSERT_EQ(0, get_key(fd, DEADLINE_MS, &get));
		ASSERT_EQ(0, qkd_commit_socket(fd, get.key_id, self->client, SUITE));
		if (i == MORE)
			memcpy(oldest, get.key_id, sizeof(oldest));
	}
	ASSERT_EQ(0, qkd_nl_session_list(self->end.nl, find_oldest, &listed));
	EXPECT_EQ(SESSIONS_MAX, listed.count);
	EXPECT_EQ(0, memcmp(oldest, listed.list[0].id, sizeof(oldest)));
	EXPECT_EQ(MORE, stat_of(self->end.nl, "fast", QKD_A_STATS_SESSIONS_DROPPED));
	EXPECT_EQ(0, stat_of(self->end.nl, LINK, QKD_A_STATS_SESSIONS_DROPPED));
	close(fd);
}

TEST_F(session, survives_its_link)
{
	struct qkd_key_get get;

	ASSERT_EQ(0, get_key(self->end.fd, 0, &get));
	ASSERT_EQ(0, qkd_commit_socket(self->end.fd, get.key_id, self->client, SUITE));
	ASSERT_EQ(0, qkd_nl_link_delete(self->end.nl, LINK));
	EXPECT_EQ(1, sessions(self));
}

/* A socket that is held keeps its namespace: both go soon after they are left. */
TEST_F(session, does_not_keep_a_namespace)
{
	struct qkd_key_get get;
	int other;

	ASSERT_EQ(0, get_key(self->end.fd, 0, &get));
	ASSERT_EQ(0, qkd_commit_socket(self->end.fd, get.key_id, self->client, SUITE));
	other = self->end.fd;
	close(self->client);
	close(self->server);
	self->client = self->server = -1;
	close(self->end.ns);
	self->end.ns = -1;
	qkd_nl_close(self->end.nl);
	self->end.nl = NULL;
	ASSERT_EQ(0, unshare(CLONE_NEWNET));
	/* A file does not keep the namespace; with it goes the link. */
	ASSERT_SOON(get_key(other, 0, &get) == -ENODEV);
}

static int commit_raw(int fd, const uint8_t *id, uint32_t flags, int32_t sock, uint32_t suite)
{
	struct qkd_key_ref ref = {
		.size = sizeof(ref), .flags = flags, .socket = sock, .suite = suite
	};

	memcpy(ref.key_id, id, sizeof(ref.key_id));
	return call(fd, QKD_IOC_COMMIT, &ref);
}

TEST_F(session, refuses_what_is_no_connection_and_changes_nothing)
{
	int unconnected = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int udp = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	int pair[2], file = memory_file('x', SEED_LEN);
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_port = htons(9),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	uint8_t id[QKD_KEY_ID_LEN];
	struct qkd_key_get get;
	const struct {
		int fd;
		uint32_t suite;
		int error;
	} bad[] = {
		{ -1, SUITE, -EBADF },
		{ 1000, SUITE, -EBADF },
		{ file, SUITE, -ENOTSOCK },
		{ self->end.fd, SUITE, -ENOTSOCK },
		{ unconnected, SUITE, -ENOTCONN },
		{ udp, SUITE, -EINVAL },
		{ qkd_nl_fd(self->end.nl), SUITE, -EINVAL },
		{ self->client, 0, -EINVAL },
		{ self->client, 0x10000, -EINVAL },
		{ self->client, UINT32_MAX, -EINVAL },
	};

	ASSERT_EQ(0, connect(udp, (struct sockaddr *)&in, sizeof(in)));
	ASSERT_EQ(0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair));
	ASSERT_EQ(0, inbound_id('s', id));
	ASSERT_EQ(0, get_by_id(self->end.fd, id, DEADLINE_MS, &get));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		EXPECT_EQ(bad[i].error, commit_raw(self->end.fd, id, QKD_COMMIT_F_SOCKET, bad[i].fd,
						   bad[i].suite))
		{
			TH_LOG("bad socket %zu", i);
		}
	}
	EXPECT_EQ(-EINVAL, commit_raw(self->end.fd, id, QKD_COMMIT_F_SOCKET, pair[0], SUITE));
	EXPECT_EQ(-EOPNOTSUPP, commit_raw(self->end.fd, id, 2, self->client, SUITE));
	EXPECT_EQ(-EINVAL, commit_raw(self->end.fd, id, 0, self->client, 0));
	EXPECT_EQ(-EINVAL, commit_raw(self->end.fd, id, 0, 0, SUITE));
	EXPECT_EQ(0, sessions(self));
	EXPECT_EQ(1, stat_of(self->end.nl, LINK, QKD_A_STATS_INBOUND_RESERVED));
	EXPECT_EQ(0, release(self->end.fd, id));
}

TEST_F(session, refuses_a_socket_of_another_namespace)
{
	struct qkd_key_get get;
	int client, server;

	ASSERT_EQ(0, get_key(self->end.fd, 0, &get));
	ASSERT_EQ(0, unshare(CLONE_NEWNET));
	ASSERT_EQ(0, system("ip link set lo up"));
	ASSERT_EQ(0, connect_tcp(AF_INET, &client, &server));
	EXPECT_EQ(-EINVAL, qkd_commit_socket(self->end.fd, get.key_id, client, SUITE));
	EXPECT_EQ(0, sessions(self));
	EXPECT_EQ(0, qkd_commit_socket(self->end.fd, get.key_id, self->client, SUITE));
	close(client);
	close(server);
}

TEST_HARNESS_MAIN
