// SPDX-License-Identifier: GPL-2.0-or-later
/* Generic netlink: requests by hand, so that bad ones can be made, and what comes back. */
#include "qkd_test.h"

#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>

#define LINK	    "alpha"
#define BUFFER_LEN  65536
#define LINKS_TRIED 4096
#define KEYS	    16
#define SECRET_LEN  8 /* bytes of a secret that must not be in a message */

/* A request, and whether what it says is right */
struct request {
	struct nlmsghdr hdr;
	struct genlmsghdr genl;
	char attrs[2048];
};

FIXTURE(netlink)
{
	struct qkd_nl *nl;
	int fd; /* raw netlink socket */
	uint16_t family;
	uint32_t seq;
	struct request request;
	char answer[BUFFER_LEN];
	size_t answer_len;
	char text[256]; /* of the last extended ACK */
	int seed;
};

static uint16_t resolve_family(void)
{
	struct nl_sock *sock = nl_socket_alloc();
	int family = -1;

	if (sock && !genl_connect(sock))
		family = genl_ctrl_resolve(sock, QKD_GENL_NAME);
	nl_socket_free(sock);
	return family < 0 ? 0 : family;
}

static int raw_socket(void)
{
	const struct timeval limit = { .tv_sec = DEADLINE_MS / 1000 };
	int one = 1, fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);

	if (fd < 0 || setsockopt(fd, SOL_NETLINK, NETLINK_EXT_ACK, &one, sizeof(one)) ||
	    setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one)) ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)))
		return -1;
	return fd;
}

FIXTURE_SETUP(netlink)
{
	ASSERT_EQ(0, new_namespace(&self->nl));
	self->family = resolve_family();
	ASSERT_NE(0, self->family);
	self->fd = raw_socket();
	ASSERT_LE(0, self->fd);
	self->seed = memory_file('s', SEED_LEN);
	ASSERT_LE(0, self->seed);
	self->seq = 0;
}

FIXTURE_TEARDOWN(netlink)
{
	close(self->seed);
	close(self->fd);
	qkd_nl_close(self->nl);
}

static void start(FIXTURE_DATA(netlink) * self, uint8_t cmd)
{
	memset(&self->request, 0, sizeof(self->request));
	self->request.hdr.nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN);
	self->request.hdr.nlmsg_type = self->family;
	self->request.hdr.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
	self->request.genl.cmd = cmd;
	self->request.genl.version = QKD_GENL_VERSION;
}

static void put(FIXTURE_DATA(netlink) * self, uint16_t type, const void *data, size_t len)
{
	char *to = (char *)&self->request + self->request.hdr.nlmsg_len;
	const struct nlattr attr = { .nla_len = NLA_HDRLEN + len, .nla_type = type };

	memcpy(to, &attr, sizeof(attr));
	memcpy(to + NLA_HDRLEN, data, len);
	self->request.hdr.nlmsg_len += NLA_ALIGN(NLA_HDRLEN + len);
}

static void put_text(FIXTURE_DATA(netlink) * self, uint16_t type, const char *text)
{
	put(self, type, text, strlen(text) + 1);
}

static void put_u32(FIXTURE_DATA(netlink) * self, uint16_t type, uint32_t value)
{
	put(self, type, &value, sizeof(value));
}

/* The nest for provider sim; what is -1 is left out. */
static void put_config(FIXTURE_DATA(netlink) * self, int seed, int64_t rate)
{
	struct {
		struct nlattr seed_attr;
		int32_t seed;
		struct nlattr rate_attr;
		uint32_t rate;
	} nest = {
		{ NLA_HDRLEN + 4, QKD_A_SIM_SEED_FD },
		seed,
		{ NLA_HDRLEN + 4, QKD_A_SIM_RATE },
		(uint32_t)rate,
	};

	if (seed == -1)
		put(self, QKD_A_LINK_CONFIG | NLA_F_NESTED, &nest.rate_attr, sizeof(nest) / 2);
	else
		put(self, QKD_A_LINK_CONFIG | NLA_F_NESTED, &nest,
		    rate < 0 ? sizeof(nest) / 2 : sizeof(nest));
}

/* A good LINK_NEW but for the attribute @without */
static void start_link_new(FIXTURE_DATA(netlink) * self, int without)
{
	const uint8_t role = QKD_ROLE_A;

	start(self, QKD_CMD_LINK_NEW);
	if (without != QKD_A_LINK_NAME)
		put_text(self, QKD_A_LINK_NAME, LINK);
	if (without != QKD_A_LINK_PROVIDER)
		put_text(self, QKD_A_LINK_PROVIDER, "sim");
	if (without != QKD_A_LINK_LOCAL_SAE)
		put_text(self, QKD_A_LINK_LOCAL_SAE, SITE_A);
	if (without != QKD_A_LINK_REMOTE_SAE)
		put_text(self, QKD_A_LINK_REMOTE_SAE, SITE_B);
	if (without != QKD_A_LINK_ROLE)
		put(self, QKD_A_LINK_ROLE, &role, sizeof(role));
	if (without != QKD_A_LINK_CONFIG)
		put_config(self, self->seed, -1);
}

static void take_text(FIXTURE_DATA(netlink) * self, const struct nlmsghdr *hdr)
{
	const char *at = (const char *)NLMSG_DATA(hdr) + sizeof(struct nlmsgerr);
	const char *end = (const char *)hdr + hdr->nlmsg_len;

	while (hdr->nlmsg_flags & NLM_F_ACK_TLVS && end - at >= (ssize_t)sizeof(struct nlattr)) {
		const struct nlattr *attr = (const struct nlattr *)at;

		if (attr->nla_type == NLMSGERR_ATTR_MSG)
			snprintf(self->text, sizeof(self->text), "%s", at + NLA_HDRLEN);
		at += NLA_ALIGN(attr->nla_len);
	}
}

/* Sends the request and keeps the answer. Its error number, or 1 if no end of it came. */
static int transact(FIXTURE_DATA(netlink) * self)
{
	self->request.hdr.nlmsg_seq = ++self->seq;
	self->answer_len = 0;
	self->text[0] = '\0';
	if (send(self->fd, &self->request, self->request.hdr.nlmsg_len, 0) < 0)
		return -errno;
	for (;;) {
		char *at = self->answer + self->answer_len;
		ssize_t len = recv(self->fd, at, sizeof(self->answer) - self->answer_len, 0);
		struct nlmsghdr *hdr = (struct nlmsghdr *)at;

		if (len <= 0)
			return 1;
		self->answer_len += NLMSG_ALIGN(len);
		for (; NLMSG_OK(hdr, len); hdr = NLMSG_NEXT(hdr, len)) {
			if (hdr->nlmsg_seq != self->seq)
				return 1;
			if (hdr->nlmsg_type == NLMSG_ERROR) {
				take_text(self, hdr);
				return ((struct nlmsgerr *)NLMSG_DATA(hdr))->error;
			}
			if (hdr->nlmsg_type == NLMSG_DONE)
				return *(int *)NLMSG_DATA(hdr);
		}
	}
}

static int dump(FIXTURE_DATA(netlink) * self, uint8_t cmd)
{
	start(self, cmd);
	self->request.hdr.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
	return transact(self);
}

static int link_command(FIXTURE_DATA(netlink) * self, uint8_t cmd, const char *name)
{
	start(self, cmd);
	put_text(self, QKD_A_LINK_NAME, name);
	return transact(self);
}

/* Requests */

TEST_F(netlink, link_new_is_taken_by_hand_too)
{
	start_link_new(self, 0);
	ASSERT_EQ(0, transact(self));
	EXPECT_EQ(0, link_command(self, QKD_CMD_LINK_GET, LINK));
	EXPECT_LT(NLMSG_HDRLEN, self->answer_len);
}

TEST_F(netlink, link_new_needs_its_attributes)
{
	static const int needed[] = {
		QKD_A_LINK_NAME,       QKD_A_LINK_PROVIDER, QKD_A_LINK_LOCAL_SAE,
		QKD_A_LINK_REMOTE_SAE, QKD_A_LINK_ROLE,	    QKD_A_LINK_CONFIG,
	};

	for (size_t i = 0; i < sizeof(needed) / sizeof(needed[0]); i++) {
		start_link_new(self, needed[i]);
		EXPECT_EQ(-EINVAL, transact(self))
		{
			TH_LOG("without attribute %d", needed[i]);
		}
	}
}

TEST_F(netlink, others_need_their_name)
{
	static const uint8_t commands[] = {
		QKD_CMD_PROVIDER_GET, QKD_CMD_LINK_GET, QKD_CMD_LINK_DEL,
		QKD_CMD_LINK_PURGE,   QKD_CMD_LINK_SET, QKD_CMD_LINK_RESYNC,
	};

	for (size_t i = 0; i < sizeof(commands); i++) {
		start(self, commands[i]);
		EXPECT_EQ(-EINVAL, transact(self));
	}
}

TEST_F(netlink, unknown_links_and_providers_are_said_so)
{
	EXPECT_EQ(-ENODEV, link_command(self, QKD_CMD_LINK_GET, "nobody"));
	EXPECT_STRNE("", self->text);
	EXPECT_EQ(-ENODEV, link_command(self, QKD_CMD_LINK_DEL, "nobody"));
	EXPECT_STRNE("", self->text);
	EXPECT_EQ(-ENODEV, link_command(self, QKD_CMD_LINK_PURGE, "nobody"));
	EXPECT_STRNE("", self->text);
	start(self, QKD_CMD_LINK_SET);
	put_text(self, QKD_A_LINK_NAME, "nobody");
	put_u32(self, QKD_A_LINK_TTL, 5);
	EXPECT_EQ(-ENODEV, transact(self));
	EXPECT_STRNE("", self->text);
	EXPECT_EQ(-ENODEV, link_command(self, QKD_CMD_PROVIDER_GET, "nobody"));
	EXPECT_STRNE("", self->text);
	start_link_new(self, QKD_A_LINK_PROVIDER);
	put_text(self, QKD_A_LINK_PROVIDER, "nobody");
	EXPECT_EQ(-ENODEV, transact(self));
	EXPECT_STRNE("", self->text);
}

TEST_F(netlink, names_are_taken_once)
{
	start_link_new(self, 0);
	ASSERT_EQ(0, transact(self));
	start_link_new(self, 0);
	EXPECT_EQ(-EEXIST, transact(self));
	EXPECT_STRNE("", self->text);
	ASSERT_EQ(0, link_command(self, QKD_CMD_LINK_DEL, LINK));
	start_link_new(self, 0);
	EXPECT_EQ(0, transact(self));
}

/* An attribute of LINK_NEW that is wrong, and what that is answered with */
struct bad_attr {
	uint16_t type;
	size_t len;
	const char *data;
};

#define X32  "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X256 X32 X32 X32 X32 X32 X32 X32 X32

static const struct bad_attr bad_attrs[] = {
	{ QKD_A_LINK_NAME, 0, "" },
	{ QKD_A_LINK_NAME, 1, "" },
	{ QKD_A_LINK_NAME, 3, "abc" },
	{ QKD_A_LINK_NAME, 5, "a b c" },
	{ QKD_A_LINK_NAME, 4, "a/b" },
	{ QKD_A_LINK_NAME, 4, "a\nb" },
	{ QKD_A_LINK_NAME, 4, "a\xe9z" },
	{ QKD_A_LINK_NAME, 33, X32 },
	{ QKD_A_LINK_PROVIDER, 33, X32 },
	{ QKD_A_LINK_PROVIDER, 3, "sim" },
	{ QKD_A_LINK_LOCAL_SAE, 0, "" },
	{ QKD_A_LINK_LOCAL_SAE, 1, "" },
	{ QKD_A_LINK_LOCAL_SAE, 257, X256 },
	{ QKD_A_LINK_LOCAL_SAE, 3, "a\x01" },
	{ QKD_A_LINK_LOCAL_SAE, 3, "a\xff" },
	{ QKD_A_LINK_REMOTE_SAE, 1, "" },
	{ QKD_A_LINK_REMOTE_SAE, 257, X256 },
	{ QKD_A_LINK_REMOTE_SAE, 7, SITE_A },
	{ QKD_A_LINK_ROLE, 1, "\2" },
	{ QKD_A_LINK_ROLE, 1, "\377" },
	{ QKD_A_LINK_ROLE, 0, "" },
	{ QKD_A_LINK_ROLE, 4, "\0\0\0\0" },
	{ QKD_A_LINK_CAPACITY, 4, "\0\0\0\0" },
	{ QKD_A_LINK_CAPACITY, 4, "\1\0\20\0" },
	{ QKD_A_LINK_CAPACITY, 4, "\377\377\377\377" },
	{ QKD_A_LINK_CAPACITY, 2, "\1\0" },
	{ QKD_A_LINK_CAPACITY, 8, "\1\0\0\0\0\0\0\0" },
	{ QKD_A_LINK_TTL, 4, "\201\072\11\0" },
	{ QKD_A_LINK_TTL, 1, "\1" },
	{ QKD_A_LINK_LOW, 4, "\1\4\0\0" },
	{ QKD_A_LINK_LOW, 4, "\377\377\377\377" },
	{ QKD_A_LINK_LEASE, 4, "\0\0\0\0" },
	{ QKD_A_LINK_LEASE, 4, "\21\16\0\0" },
	{ QKD_A_LINK_LEASE, 2, "\1\0" },
	{ QKD_A_LINK_DEGRADE_AFTER, 2, "\1\0" },
	{ QKD_A_LINK_QUOTA_RATE, 4, "\1\0\20\0" },
	{ QKD_A_LINK_QUOTA_RATE, 8, "\1\0\0\0\0\0\0\0" },
	{ QKD_A_LINK_QUOTA_BURST, 4, "\377\377\377\377" },
	{ QKD_A_LINK_QUOTA_BURST, 1, "\1" },
	{ QKD_A_LINK_RESERVE, 4, "\1\4\0\0" },
	{ QKD_A_LINK_RESERVE, 4, "\377\377\377\377" },
	{ QKD_A_LINK_PRIORITY_GID, 2, "\1\0" },
	{ QKD_A_LINK_DEGRADE_AFTER, 8, "\1\0\0\0\0\0\0\0" },
	{ QKD_A_LINK_STATE, 1, "\0" },
	{ QKD_A_LINK_FLAGS, 4, "\0\0\0\0" },
	{ QKD_A_LINK_KEY_LEN, 4, "\20\0\0\0" },
	{ QKD_A_LINK_STATS, 0, "" },
	{ QKD_A_LINK_MAX + 1, 4, "\0\0\0\0" },
	{ 1000, 4, "\0\0\0\0" },
	{ QKD_A_LINK_CONFIG, 4, "\0\0\0\0" },
	{ QKD_A_LINK_CONFIG | NLA_F_NESTED, 3, "\0\0\0" },
	{ QKD_A_LINK_CONFIG | NLA_F_NESTED, 8, "\377\377\1\0\0\0\0\0" },
	{ QKD_A_LINK_CONFIG | NLA_F_NESTED, 8, "\10\0\3\0\0\0\0\0" },
};

/* The strict policies answer EINVAL or ERANGE, as the kernel's checks are; neither makes a link. */
TEST_F(netlink, link_new_refuses_bad_attributes)
{
	for (size_t i = 0; i < sizeof(bad_attrs) / sizeof(bad_attrs[0]); i++) {
		const struct bad_attr *bad = &bad_attrs[i];
		int ret;

		start_link_new(self, bad->type & ~NLA_F_NESTED);
		put(self, bad->type, bad->data, bad->len);
		ret = transact(self);
		EXPECT_TRUE(ret == -EINVAL || ret == -ERANGE)
		{
			TH_LOG("bad attribute %zu answered %d", i, ret);
		}
		EXPECT_EQ(-ENODEV, link_command(self, QKD_CMD_LINK_GET, LINK));
	}
}

TEST_F(netlink, a_number_out_of_range_is_said_so)
{
	static const uint32_t capacities[] = { 0, QKD_CAPACITY_MAX + 1, UINT32_MAX };
	static const uint32_t ttls[] = { QKD_TTL_MAX + 1, UINT32_MAX };

	for (size_t i = 0; i < sizeof(capacities) / sizeof(capacities[0]); i++) {
		start_link_new(self, 0);
		put_u32(self, QKD_A_LINK_CAPACITY, capacities[i]);
		EXPECT_EQ(-ERANGE, transact(self));
	}
	for (size_t i = 0; i < sizeof(ttls) / sizeof(ttls[0]); i++) {
		start_link_new(self, 0);
		put_u32(self, QKD_A_LINK_TTL, ttls[i]);
		EXPECT_EQ(-ERANGE, transact(self));
	}
}

TEST_F(netlink, a_wrong_rate_is_refused)
{
	static const int64_t rates[] = { 0, QKD_SIM_RATE_MIN - 1, QKD_SIM_RATE_MAX + 1,
					 UINT32_MAX };

	for (size_t i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		start_link_new(self, QKD_A_LINK_CONFIG);
		put_config(self, self->seed, rates[i]);
		EXPECT_EQ(-ERANGE, transact(self));
	}
	start_link_new(self, QKD_A_LINK_CONFIG);
	put_config(self, self->seed, QKD_SIM_RATE_MIN);
	EXPECT_EQ(0, transact(self));
}

/* What LINK_SET does not take beside what it does not take in LINK_NEW */
static const uint16_t fixed_attrs[] = {
	QKD_A_LINK_PROVIDER, QKD_A_LINK_LOCAL_SAE, QKD_A_LINK_REMOTE_SAE,
	QKD_A_LINK_ROLE,     QKD_A_LINK_CAPACITY,
};

static void start_link_set(FIXTURE_DATA(netlink) * self)
{
	start(self, QKD_CMD_LINK_SET);
	put_text(self, QKD_A_LINK_NAME, LINK);
}

TEST_F(netlink, link_set_refuses_what_it_cannot_change)
{
	struct qkd_link_info info;

	start_link_new(self, 0);
	ASSERT_EQ(0, transact(self));
	start_link_set(self);
	EXPECT_EQ(-EINVAL, transact(self));
	EXPECT_STRNE("", self->text);
	for (size_t i = 0; i < sizeof(fixed_attrs) / sizeof(fixed_attrs[0]); i++) {
		start_link_set(self);
		put_u32(self, QKD_A_LINK_TTL, 5);
		put_u32(self, fixed_attrs[i], 1);
		EXPECT_EQ(-EINVAL, transact(self));
	}
	start_link_set(self);
	put_u32(self, QKD_A_LINK_TTL, QKD_TTL_MAX + 1);
	EXPECT_EQ(-ERANGE, transact(self));
	start_link_set(self);
	put_u32(self, QKD_A_LINK_LOW, QKD_CAPACITY_DEFAULT + 1);
	EXPECT_EQ(-EINVAL, transact(self));
	EXPECT_STRNE("", self->text);
	ASSERT_EQ(0, qkd_nl_link_get(self->nl, LINK, &info));
	EXPECT_EQ(0, info.ttl_s);
	EXPECT_EQ(0, info.low);
}

/* Not even what comes before the part that is refused */
TEST_F(netlink, link_set_changes_all_or_nothing)
{
	struct qkd_link_info info;

	start_link_new(self, 0);
	ASSERT_EQ(0, transact(self));
	start_link_set(self);
	put_u32(self, QKD_A_LINK_TTL, 5);
	put_config(self, self->seed, -1);
	EXPECT_EQ(-EINVAL, transact(self));
	EXPECT_STRNE("", self->text);
	start_link_set(self);
	put_config(self, -1, QKD_SIM_RATE_MIN);
	put_u32(self, QKD_A_LINK_LOW, QKD_CAPACITY_DEFAULT + 1);
	EXPECT_EQ(-EINVAL, transact(self));
	ASSERT_EQ(0, qkd_nl_link_get(self->nl, LINK, &info));
	EXPECT_EQ(0, info.ttl_s);
	EXPECT_EQ(QKD_SIM_RATE_DEFAULT, info.sim.value[QKD_A_SIM_RATE]);
	start_link_set(self);
	put_u32(self, QKD_A_LINK_TTL, 5);
	put_config(self, -1, QKD_SIM_RATE_MIN);
	EXPECT_EQ(0, transact(self));
	ASSERT_EQ(0, qkd_nl_link_get(self->nl, LINK, &info));
	EXPECT_EQ(5, info.ttl_s);
	EXPECT_EQ(QKD_SIM_RATE_MIN, info.sim.value[QKD_A_SIM_RATE]);
}

TEST_F(netlink, unknown_commands_and_attributes_are_refused)
{
	static const uint8_t commands[] = { 0, QKD_CMD_EVENT, QKD_CMD_MAX + 1, 255 };

	for (size_t i = 0; i < sizeof(commands); i++) {
		start(self, commands[i]);
		EXPECT_EQ(-EOPNOTSUPP, transact(self));
	}
	start(self, QKD_CMD_LINK_GET);
	put_text(self, QKD_A_LINK_NAME, LINK);
	put_text(self, QKD_A_LINK_PROVIDER, "sim");
	EXPECT_EQ(-EINVAL, transact(self));
	start(self, QKD_CMD_LINK_DEL);
	put_text(self, QKD_A_LINK_NAME, LINK);
	put_u32(self, QKD_A_LINK_MAX + 1, 0);
	EXPECT_EQ(-EINVAL, transact(self));
}

/* What would choose among them must not be taken as if it had chosen. */
TEST_F(netlink, dumps_take_no_attribute)
{
	static const struct {
		uint8_t cmd;
		uint16_t attr;
	} all[] = {
		{ QKD_CMD_PROVIDER_GET, QKD_A_PROVIDER_NAME },
		{ QKD_CMD_LINK_GET, QKD_A_LINK_NAME },
		{ QKD_CMD_SESSION_GET, QKD_A_SESSION_PAD },
		{ QKD_CMD_SESSION_GET, QKD_A_SESSION_LINK },
		{ QKD_CMD_SESSION_GET, 100 },
	};

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		EXPECT_EQ(0, dump(self, all[i].cmd));
		start(self, all[i].cmd);
		put_text(self, all[i].attr, LINK);
		self->request.hdr.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP;
		EXPECT_EQ(-EINVAL, transact(self))
		{
			TH_LOG("command %d, attribute %d", all[i].cmd, all[i].attr);
		}
	}
}

TEST_F(netlink, the_reserved_header_field_must_be_zero)
{
	start(self, QKD_CMD_LINK_GET);
	put_text(self, QKD_A_LINK_NAME, LINK);
	self->request.genl.reserved = 1;
	EXPECT_EQ(-EINVAL, transact(self));
}

TEST_F(netlink, links_of_a_namespace_are_bounded)
{
	struct link_spec spec = { .role = QKD_ROLE_A, .seed = 's', .rate = QKD_SIM_RATE_MIN };
	char name[QKD_LINK_NAME_LEN];
	int i, ret = 0;

	for (i = 0; i < LINKS_TRIED && !ret; i++) {
		snprintf(name, sizeof(name), "link-%d", i);
		spec.name = name;
		ret = add_link(self->nl, &spec);
	}
	EXPECT_EQ(-ENOSPC, ret);
	EXPECT_LE(2, i);
	EXPECT_EQ(0, dump(self, QKD_CMD_LINK_GET));
	EXPECT_EQ(0, link_command(self, QKD_CMD_LINK_DEL, "link-0"));
	EXPECT_EQ(0, add_link(self->nl, &spec));
}

/* Seeds */

static int link_with_seed(FIXTURE_DATA(netlink) * self, int fd)
{
	start_link_new(self, QKD_A_LINK_CONFIG);
	put_config(self, fd, -1);
	return transact(self);
}

TEST_F(netlink, a_seed_that_is_not_open_is_refused)
{
	EXPECT_EQ(-EBADF, link_with_seed(self, 4000));
	EXPECT_STRNE("", self->text);
	EXPECT_GT(0, link_with_seed(self, -2));
	EXPECT_GT(0, link_with_seed(self, INT32_MIN));
	EXPECT_EQ(-ENODEV, link_command(self, QKD_CMD_LINK_GET, LINK));
}

TEST_F(netlink, a_seed_of_the_wrong_length_is_refused)
{
	static const size_t lengths[] = { 0, 1, QKD_SIM_SEED_LEN_MIN - 1,
					  QKD_SIM_SEED_LEN_MAX + 1 };

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		int fd = memory_file('s', lengths[i]);

		ASSERT_LE(0, fd);
		EXPECT_EQ(-EINVAL, link_with_seed(self, fd));
		EXPECT_STRNE("", self->text);
		close(fd);
	}
	EXPECT_EQ(-ENODEV, link_command(self, QKD_CMD_LINK_GET, LINK));
}

TEST_F(netlink, a_seed_of_either_bound_is_taken)
{
	static const size_t lengths[] = { QKD_SIM_SEED_LEN_MIN, QKD_SIM_SEED_LEN_MAX };

	for (size_t i = 0; i < 2; i++) {
		int fd = memory_file('s', lengths[i]);

		ASSERT_LE(0, fd);
		EXPECT_EQ(0, link_with_seed(self, fd));
		EXPECT_EQ(0, link_command(self, QKD_CMD_LINK_DEL, LINK));
		close(fd);
	}
}

TEST_F(netlink, a_seed_that_is_no_file_is_refused)
{
	int ends[2], fd;

	ASSERT_EQ(0, pipe(ends));
	EXPECT_GT(0, link_with_seed(self, ends[0]));
	fd = open("/", O_RDONLY | O_DIRECTORY);
	ASSERT_LE(0, fd);
	EXPECT_GT(0, link_with_seed(self, fd));
	close(fd);
	fd = open("/dev/zero", O_RDONLY);
	ASSERT_LE(0, fd);
	EXPECT_GT(0, link_with_seed(self, fd));
	close(fd);
	fd = open("/proc/self/exe", O_PATH);
	ASSERT_LE(0, fd);
	EXPECT_GT(0, link_with_seed(self, fd));
	close(fd);
	EXPECT_GT(0, link_with_seed(self, self->fd));
}

TEST_F(netlink, a_seed_that_may_not_be_read_is_refused)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", self->seed);
	fd = open(path, O_WRONLY);
	ASSERT_LE(0, fd);
	EXPECT_GT(0, link_with_seed(self, fd));
	close(fd);
}

/* Permission */

TEST_F(netlink, administration_is_for_administrators)
{
	start_link_new(self, 0);
	ASSERT_EQ(0, transact(self));
	close(self->fd);
	ASSERT_EQ(0, setresuid(65534, 65534, 65534));
	self->fd = raw_socket();
	ASSERT_LE(0, self->fd);
	EXPECT_EQ(-EPERM, link_command(self, QKD_CMD_LINK_DEL, LINK));
	EXPECT_EQ(-EPERM, link_command(self, QKD_CMD_LINK_PURGE, LINK));
	start_link_new(self, QKD_A_LINK_NAME);
	put_text(self, QKD_A_LINK_NAME, "beta");
	EXPECT_EQ(-EPERM, transact(self));
	EXPECT_EQ(0, link_command(self, QKD_CMD_LINK_GET, LINK));
	EXPECT_EQ(0, dump(self, QKD_CMD_LINK_GET));
	EXPECT_EQ(0, dump(self, QKD_CMD_PROVIDER_GET));
}

/* A netlink socket that was opened in a user namespace, and the network namespace that goes with it */
static int socket_of_somebody_else(void)
{
	int report[2], theirs = -1, fd, pidfd;
	pid_t pid;

	if (pipe(report))
		return -1;
	pid = fork();
	if (!pid) {
		fd = unshare(CLONE_NEWUSER | CLONE_NEWNET) ? -1 : raw_socket();
		if (write(report[1], &fd, sizeof(fd)) == sizeof(fd))
			pause();
		_exit(0);
	}
	if (read(report[0], &theirs, sizeof(theirs)) != sizeof(theirs))
		theirs = -1;
	pidfd = syscall(SYS_pidfd_open, pid, 0);
	fd = syscall(SYS_pidfd_getfd, pidfd, theirs, 0);
	close(pidfd);
	kill(pid, SIGKILL);
	await(pid);
	return fd;
}

/* As if a program with more rights had been made to write to the socket */
TEST_F(netlink, who_opens_a_socket_borrows_no_rights_of_who_writes_to_it)
{
	close(self->fd);
	self->fd = socket_of_somebody_else();
	ASSERT_LE(0, self->fd);
	start_link_new(self, QKD_A_LINK_CONFIG);
	put_config(self, self->seed, QKD_SIM_RATE_MAX);
	EXPECT_EQ(-EPERM, transact(self));
	EXPECT_NE('\0', self->text[0]);
	EXPECT_EQ(-ENODEV, link_command(self, QKD_CMD_LINK_GET, LINK));
}

/* Whoever owns the namespace administrates it: in his own user namespace that is anybody. */
TEST_F(netlink, the_owner_of_a_namespace_is_its_administrator)
{
	close(self->fd);
	ASSERT_EQ(0, unshare(CLONE_NEWUSER | CLONE_NEWNET));
	self->fd = raw_socket();
	ASSERT_LE(0, self->fd);
	start_link_new(self, 0);
	EXPECT_EQ(0, transact(self));
	EXPECT_EQ(0, link_command(self, QKD_CMD_LINK_DEL, LINK));
}

/* Answers */

static int keep_provider(const struct qkd_provider_info *info, void *arg)
{
	struct qkd_provider_info *sim = arg;

	if (!strcmp(info->name, "sim"))
		*sim = *info;
	return 0;
}

TEST_F(netlink, providers_are_listed)
{
	struct qkd_provider_info sim = { .links = 99 };

	ASSERT_EQ(0, qkd_nl_provider_list(self->nl, keep_provider, &sim));
	EXPECT_STREQ("sim", sim.name);
	EXPECT_EQ(QKD_LINK_F_SIMULATED, sim.flags);
	EXPECT_EQ(0, sim.links);
	start_link_new(self, 0);
	ASSERT_EQ(0, transact(self));
	ASSERT_EQ(0, qkd_nl_provider_list(self->nl, keep_provider, &sim));
	EXPECT_EQ(1, sim.links);
	EXPECT_EQ(0, link_command(self, QKD_CMD_PROVIDER_GET, "sim"));
}

TEST_F(netlink, what_is_left_out_has_its_default)
{
	struct qkd_link_info info;

	start_link_new(self, 0);
	ASSERT_EQ(0, transact(self));
	ASSERT_EQ(0, qkd_nl_link_get(self->nl, LINK, &info));
	EXPECT_EQ(QKD_CAPACITY_DEFAULT, info.capacity);
	EXPECT_EQ(0, info.ttl_s);
	EXPECT_EQ(0, info.low);
	EXPECT_EQ(QKD_SIM_RATE_DEFAULT, info.sim.value[QKD_A_SIM_RATE]);
}

/* No secret in any message */

/* What the kernel has sent so far: dumps, answers and events */
struct capture {
	char bytes[4 * BUFFER_LEN];
	size_t len;
};

static void capture(struct capture *capture, const char *bytes, size_t len)
{
	if (len > sizeof(capture->bytes) - capture->len)
		len = sizeof(capture->bytes) - capture->len;
	memcpy(capture->bytes + capture->len, bytes, len);
	capture->len += len;
}

static void capture_all(FIXTURE_DATA(netlink) * self, struct capture *to, int events)
{
	static char buffer[BUFFER_LEN];
	ssize_t len;

	dump(self, QKD_CMD_LINK_GET);
	capture(to, self->answer, self->answer_len);
	dump(self, QKD_CMD_PROVIDER_GET);
	capture(to, self->answer, self->answer_len);
	link_command(self, QKD_CMD_LINK_GET, LINK);
	capture(to, self->answer, self->answer_len);
	while ((len = recv(events, buffer, sizeof(buffer), MSG_DONTWAIT)) > 0)
		capture(to, buffer, len);
}

TEST_F(netlink, no_secret_is_in_any_message)
{
	const struct link_spec spec = {
		.name = LINK, .role = QKD_ROLE_A, .seed = 'S', .low = 1000
	};
	static struct capture messages;
	struct qkd_key_get keys[KEYS];
	struct qkd_nl *events;
	int fd;

	ASSERT_EQ(0, qkd_nl_open(&events));
	ASSERT_EQ(0, qkd_nl_event_subscribe(events));
	ASSERT_EQ(0, add_link(self->nl, &spec));
	fd = qkd_open(LINK, 0);
	ASSERT_LE(0, fd);
	ASSERT_TRUE(poll_until(fd, POLLIN));
	capture_all(self, &messages, qkd_nl_fd(events));
	for (int i = 0; i < KEYS; i++) {
		ASSERT_EQ(0, get_key(fd, DEADLINE_MS, &keys[i]));
		capture_all(self, &messages, qkd_nl_fd(events));
	}
	ASSERT_EQ(0, qkd_nl_link_purge(self->nl, LINK));
	capture_all(self, &messages, qkd_nl_fd(events));

	ASSERT_LT(0, messages.len);
	ASSERT_NE(NULL, memmem(messages.bytes, messages.len, LINK, strlen(LINK)));
	EXPECT_EQ(NULL, memmem(messages.bytes, messages.len, "SSSSSSSS", SECRET_LEN));
	for (int i = 0; i < KEYS; i++)
		for (int at = 0; at + SECRET_LEN <= 32; at++)
			EXPECT_EQ(NULL, memmem(messages.bytes, messages.len, keys[i].key + at,
					       SECRET_LEN));
	close(fd);
	qkd_nl_close(events);
}

TEST_HARNESS_MAIN
