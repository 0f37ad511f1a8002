// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Every ioctl and every netlink command with every field wrong, one at a time: of every length, of values that are
 * too small, too large or nonsense. By the machine's administrator, by a user who is none, by one who is in a
 * user namespace of his own, and by several at once. Each is refused with an errno that is documented, or was
 * right after all; what is refused changes nothing.
 */
#include "qkd_test.h"

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>

#define LINK	  "alpha"
#define NOBODY	  65534
#define CROWD	  3
#define TIMEOUT_S 300

struct message {
	struct nlmsghdr hdr;
	struct genlmsghdr genl;
	uint8_t attrs[2048];
};

/* Who asks, and with what */
struct asker {
	int sock, seed;
	uint16_t family;
	bool is_admin;
	unsigned int refused, taken;
};

static void put(struct message *m, uint16_t type, const void *data, size_t len)
{
	uint8_t *to = (uint8_t *)m + m->hdr.nlmsg_len;
	const struct nlattr attr = { .nla_len = (uint16_t)(NLA_HDRLEN + len), .nla_type = type };

	memcpy(to, &attr, sizeof(attr));
	memcpy(to + NLA_HDRLEN, data, len);
	m->hdr.nlmsg_len += (uint32_t)(NLA_HDRLEN + NLA_ALIGN(len));
}

static void put_text(struct message *m, uint16_t type, const char *text)
{
	put(m, type, text, strlen(text) + 1);
}

static int transact(const struct asker *asker, struct message *m)
{
	char answer[16384];

	m->hdr.nlmsg_flags |= NLM_F_REQUEST | NLM_F_ACK;
	m->hdr.nlmsg_type = asker->family;
	m->genl.version = QKD_GENL_VERSION;
	if (send(asker->sock, m, m->hdr.nlmsg_len, 0) < 0)
		return -errno;
	for (;;) {
		ssize_t len = recv(asker->sock, answer, sizeof(answer), 0);
		struct nlmsghdr *hdr = (struct nlmsghdr *)answer;

		if (len <= 0)
			return -ETIME;
		for (; NLMSG_OK(hdr, len); hdr = NLMSG_NEXT(hdr, len)) {
			if (hdr->nlmsg_type == NLMSG_ERROR)
				return ((struct nlmsgerr *)NLMSG_DATA(hdr))->error;
			if (hdr->nlmsg_type == NLMSG_DONE)
				return *(int *)NLMSG_DATA(hdr);
		}
	}
}

static int open_asker(struct asker *asker, bool is_admin)
{
	const struct timeval limit = { .tv_sec = DEADLINE_MS / 1000 };
	struct nl_sock *nl = nl_socket_alloc();
	int family = -1;

	if (nl && !genl_connect(nl))
		family = genl_ctrl_resolve(nl, QKD_GENL_NAME);
	nl_socket_free(nl);
	*asker = (struct asker){
		.sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC),
		.seed = memory_file('r', SEED_LEN),
		.family = (uint16_t)family,
		.is_admin = is_admin,
	};
	if (family < 0 || asker->sock < 0 || asker->seed < 0)
		return -1;
	return setsockopt(asker->sock, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
}

static void put_seed(struct message *m, int seed)
{
	const struct {
		struct nlattr attr;
		int32_t fd;
	} nest = { { sizeof(nest), QKD_A_SIM_SEED_FD }, seed };

	put(m, QKD_A_LINK_CONFIG | NLA_F_NESTED, &nest, sizeof(nest));
}

/* A command that would be right, but for the attribute @without */
static void compose(struct message *m, const struct asker *asker, uint8_t cmd, uint16_t without)
{
	const bool is_new = cmd == QKD_CMD_LINK_NEW;
	const uint8_t role = QKD_ROLE_A;

	*m = (struct message){ .hdr.nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN), .genl.cmd = cmd };
	if (without != QKD_A_LINK_NAME)
		put_text(m, QKD_A_LINK_NAME,
			 cmd == QKD_CMD_PROVIDER_GET ? "sim"
			 : is_new		     ? "new"
						     : LINK);
	if (cmd == QKD_CMD_LINK_SET && without != QKD_A_LINK_TTL)
		put(m, QKD_A_LINK_TTL, &(uint32_t){ 0 }, 4);
	if (!is_new)
		return;
	if (without != QKD_A_LINK_PROVIDER)
		put_text(m, QKD_A_LINK_PROVIDER, "sim");
	if (without != QKD_A_LINK_LOCAL_SAE)
		put_text(m, QKD_A_LINK_LOCAL_SAE, SITE_A);
	if (without != QKD_A_LINK_REMOTE_SAE)
		put_text(m, QKD_A_LINK_REMOTE_SAE, SITE_B);
	if (without != QKD_A_LINK_ROLE)
		put(m, QKD_A_LINK_ROLE, &role, 1);
	if (without != QKD_A_LINK_CONFIG)
		put_seed(m, asker->seed);
}

static bool is_documented(int ret)
{
	static const int documented[] = {
		EINVAL, ERANGE, EOPNOTSUPP, EPERM, ENODEV, EEXIST, EBADF, ENOMEM,
	};

	for (size_t i = 0; i < sizeof(documented) / sizeof(documented[0]); i++)
		if (ret == -documented[i])
			return true;
	return !ret;
}

static bool is_for_administrators(uint8_t cmd)
{
	return cmd != QKD_CMD_PROVIDER_GET && cmd != QKD_CMD_LINK_GET;
}

/* Links that come of a value that was right after all go again, and those that go come again. */
static int put_right(const struct asker *asker, uint8_t cmd)
{
	struct message m;
	int ret;

	if (cmd == QKD_CMD_LINK_NEW) {
		compose(&m, asker, QKD_CMD_LINK_DEL, QKD_A_LINK_NAME);
		put_text(&m, QKD_A_LINK_NAME, "new");
		ret = transact(asker, &m);
		return ret == -ENODEV ? 0 : ret;
	}
	if (cmd == QKD_CMD_LINK_DEL) {
		compose(&m, asker, QKD_CMD_LINK_NEW, QKD_A_LINK_NAME);
		put_text(&m, QKD_A_LINK_NAME, LINK);
		ret = transact(asker, &m);
		return ret == -EEXIST ? 0 : ret;
	}
	return 0;
}

/* One attribute of a command, of one length, all bytes the same */
static int ask(struct asker *asker, uint8_t cmd, uint16_t attr, size_t len, int byte)
{
	struct message m;
	uint8_t bytes[300];
	int ret;

	memset(bytes, byte, sizeof(bytes));
	compose(&m, asker, cmd, attr & ~NLA_F_NESTED);
	put(&m, attr, bytes, len);
	ret = transact(asker, &m);
	if (!asker->is_admin && is_for_administrators(cmd) ? ret != -EPERM : !is_documented(ret))
		return -1;
	if (ret)
		asker->refused++;
	else
		asker->taken++;
	return ret ? 0 : put_right(asker, cmd);
}

static const uint8_t commands[] = {
	QKD_CMD_PROVIDER_GET, QKD_CMD_LINK_GET, QKD_CMD_LINK_NEW,
	QKD_CMD_LINK_DEL,     QKD_CMD_LINK_SET, QKD_CMD_LINK_PURGE,
};

static int ask_all_of(struct asker *asker, uint8_t cmd)
{
	static const size_t lengths[] = { 0, 1, 2, 3, 4, 5, 8, 32, 33, 257 };
	static const int fills[] = { 0x00, 0x01, 0x80, 0xff };

	for (uint16_t attr = 1; attr <= QKD_A_LINK_MAX + 2; attr++) {
		for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
			/* A million IDs are memory enough for once. */
			const size_t n = attr == QKD_A_LINK_CAPACITY && lengths[i] == 4
						 ? 0
						 : sizeof(fills) / sizeof(fills[0]);

			for (size_t j = 0; j < n; j++) {
				if (!ask(asker, cmd, attr, lengths[i], fills[j]) &&
				    (j || !ask(asker, cmd, attr | NLA_F_NESTED, lengths[i], 0)))
					continue;
				dprintf(1, "# command %u, attribute %u, %zu bytes of %d\n", cmd,
					attr, lengths[i], fills[j]);
				return 1;
			}
		}
	}
	return 0;
}

/* In a process of its own, whoever it has become; 0 if all was well */
static int ask_everything(bool is_admin)
{
	struct asker asker;

	if (open_asker(&asker, is_admin))
		return 1;
	for (size_t i = 0; i < sizeof(commands); i++)
		if (ask_all_of(&asker, commands[i]))
			return 2;
	return asker.refused > 500 && (asker.taken || !is_admin) ? 0 : 3;
}

static int ask_as_administrator(void)
{
	return ask_everything(true);
}

static int ask_as_nobody(void)
{
	if (setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY))
		return 4;
	return ask_everything(false);
}

/* An administrator elsewhere, but not of this network namespace */
static int ask_from_another_user_namespace(void)
{
	return unshare(CLONE_NEWUSER) ? 4 : ask_everything(false);
}

/* In namespaces of his own, where he is administrator */
static int ask_as_owner(void)
{
	const struct link_spec spec = {
		.name = LINK, .role = QKD_ROLE_A, .seed = 's', .rate = QKD_SIM_RATE_DEFAULT
	};
	struct qkd_nl *nl;

	if (unshare(CLONE_NEWUSER) || new_namespace(&nl) || add_link(nl, &spec))
		return 4;
	return ask_everything(true);
}

FIXTURE(refusals)
{
	struct end end;
};

FIXTURE_SETUP(refusals)
{
	const struct link_spec spec = { .name = LINK, .role = QKD_ROLE_A, .seed = 's' };

	ASSERT_EQ(0, end_open(&self->end, &spec));
	ASSERT_TRUE(poll_until(self->end.fd, POLLIN));
}

FIXTURE_TEARDOWN(refusals)
{
	end_close(&self->end);
}

/* Only the exit status of the last @n to end with something else than 0 is kept. */
static int in_crowd(int (*run)(void), int n)
{
	int bad = 0, status;

	for (int i = 0; i < n; i++) {
		pid_t pid = fork();

		if (!pid)
			_exit(run());
		bad |= pid < 0;
	}
	for (int i = 0; i < n; i++)
		if (wait(&status) < 0 || !exited_with_0(status))
			bad = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	return bad;
}

static int count_link(const struct qkd_link_info *info, void *arg)
{
	*(int *)arg += strcmp(info->name, LINK) ? 100 : 1;
	return 0;
}

static int links_there(struct qkd_nl *nl)
{
	int links = 0;

	return qkd_nl_link_list(nl, count_link, &links) ?: links;
}

TEST_F_TIMEOUT(refusals, of_netlink_to_the_administrator, TIMEOUT_S)
{
	EXPECT_EQ(0, in_crowd(ask_as_administrator, 1));
	EXPECT_EQ(1, links_there(self->end.nl));
}

TEST_F_TIMEOUT(refusals, of_netlink_to_several_administrators_at_once, TIMEOUT_S)
{
	EXPECT_EQ(0, in_crowd(ask_as_administrator, CROWD));
	EXPECT_EQ(1, links_there(self->end.nl));
}

TEST_F_TIMEOUT(refusals, of_netlink_to_a_user, TIMEOUT_S)
{
	const uint64_t purged = stat_of(self->end.nl, LINK, QKD_A_STATS_PURGED);

	EXPECT_EQ(0, in_crowd(ask_as_nobody, 2));
	EXPECT_EQ(0, in_crowd(ask_from_another_user_namespace, 2));
	EXPECT_EQ(1, links_there(self->end.nl));
	EXPECT_EQ(purged, stat_of(self->end.nl, LINK, QKD_A_STATS_PURGED));
	EXPECT_TRUE(poll_now(self->end.fd) & POLLIN);
}

TEST_F_TIMEOUT(refusals, of_netlink_to_the_owner_of_a_namespace, TIMEOUT_S)
{
	EXPECT_EQ(0, in_crowd(ask_as_owner, 1));
}

/* The device: each byte of each structure, on a file that was opened before by who may */

struct structure {
	unsigned long number;
	size_t size;
};

static const struct structure structures[] = {
	{ QKD_IOC_BIND, sizeof(struct qkd_bind) },
	{ QKD_IOC_GET_INFO, sizeof(struct qkd_info) },
	{ QKD_IOC_GET_KEY, sizeof(struct qkd_key_get) },
	{ QKD_IOC_GET_KEY_BY_ID, sizeof(struct qkd_key_get) },
	{ QKD_IOC_COMMIT, sizeof(struct qkd_key_ref) },
	{ QKD_IOC_RELEASE, sizeof(struct qkd_key_ref) },
	{ QKD_IOC_OPEN_FEED, sizeof(struct qkd_feed_open) },
	{ QKD_IOC_OPEN_SESSION, sizeof(struct qkd_session_open) },
};

static int device; /* for the processes that this one starts */

static bool is_answer(int ret)
{
	static const int documented[] = {
		EINVAL, E2BIG, EOPNOTSUPP, EBUSY, EAGAIN, ETIMEDOUT, ENOKEY, EFAULT, ENODEV, EPERM,
	};

	for (size_t i = 0; i < sizeof(documented) / sizeof(documented[0]); i++)
		if (ret == -documented[i])
			return true;
	return !ret;
}

/* Field @at, of four bytes, is @value, all else zero but the size. */
static int call_with(const struct structure *s, size_t at, uint32_t value)
{
	union {
		uint32_t size;
		struct qkd_key_get get;
		uint8_t bytes[4096];
	} arg = { .size = (uint32_t)s->size };

	memcpy(arg.bytes + at, &value, sizeof(value));
	/* What would be waited for long is not the point here. */
	if (at == offsetof(struct qkd_key_get, timeout_ms) && value <= QKD_TIMEOUT_MS_MAX)
		arg.get.timeout_ms = value & 7;
	return call(device, s->number, &arg);
}

static int call_everything(void)
{
	static const uint32_t values[] = {
		0, 1, 0x100, 4095, 4096, 4097, 600001, 0x7fffffff, 0x80000000, 0xffffffff,
	};
	unsigned int refused = 0;

	for (size_t i = 0; i < sizeof(structures) / sizeof(structures[0]); i++) {
		for (size_t at = 0; at + 4 <= structures[i].size; at++) {
			for (size_t j = 0; j < sizeof(values) / sizeof(values[0]); j++) {
				int ret = call_with(&structures[i], at, values[j]);

				if (!is_answer(ret)) {
					dprintf(1, "# ioctl %zu, byte %zu, value %x: %d\n", i, at,
						values[j], ret);
					return 2;
				}
				refused += ret < 0;
			}
		}
	}
	return refused > 1000 ? 0 : 3;
}

static int call_as_nobody(void)
{
	if (setresgid(NOBODY, NOBODY, NOBODY) || setresuid(NOBODY, NOBODY, NOBODY))
		return 4;
	return call_everything();
}

static int call_from_another_user_namespace(void)
{
	return unshare(CLONE_NEWUSER) ? 4 : call_everything();
}

TEST_F_TIMEOUT(refusals, of_the_device_to_anybody, TIMEOUT_S)
{
	device = end_file(&self->end, O_NONBLOCK);
	ASSERT_LE(0, device);
	EXPECT_EQ(0, in_crowd(call_everything, 1));
	EXPECT_EQ(0, in_crowd(call_as_nobody, 1));
	EXPECT_EQ(0, in_crowd(call_from_another_user_namespace, 1));
	EXPECT_EQ(0, in_crowd(call_everything, CROWD));
	EXPECT_EQ(0, stat_of(self->end.nl, LINK, QKD_A_STATS_INBOUND_RESERVED));
	EXPECT_EQ(0, stat_of(self->end.nl, LINK, QKD_A_STATS_INBOUND_SPENT));
	close(device);
}

TEST_HARNESS_MAIN
