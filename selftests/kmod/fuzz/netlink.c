// SPDX-License-Identifier: GPL-2.0-or-later
/* Messages of the family: attributes that are right, wrong, missing, doubled, nested, cut. */
#include <linux/genetlink.h>
#include <linux/netlink.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>
#include <qkd/libqkd.h>
#include "fuzz.h"

#define MESSAGES 8 /* of one input */
#define ATTRS	 14

const char target_name[] = "netlink";

struct message {
	struct nlmsghdr hdr;
	struct genlmsghdr genl;
	uint8_t attrs[4096];
};

static int sock = -1, seed = -1;
static uint16_t family;

static void find_family(void)
{
	struct nl_sock *nl = nl_socket_alloc();
	int found = -1;

	if (nl && !genl_connect(nl))
		found = genl_ctrl_resolve(nl, QKD_GENL_NAME);
	nl_socket_free(nl);
	if (found < 0) {
		fprintf(stderr, "no family qkd\n");
		exit(1);
	}
	family = (uint16_t)found;
}

void target_reset(void)
{
	const char bytes[QKD_SIM_SEED_LEN_MIN] = "fuzz";

	close(sock);
	close(seed);
	find_family();
	seed = memfd_create("seed", MFD_CLOEXEC);
	if (unshare(CLONE_NEWNET) || write(seed, bytes, sizeof(bytes)) != sizeof(bytes))
		exit(1);
	sock = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_GENERIC);
	if (sock < 0)
		exit(1);
}

static void put(struct message *m, uint16_t type, const void *data, size_t len)
{
	uint8_t *to = (uint8_t *)m + m->hdr.nlmsg_len;
	const struct nlattr attr = { .nla_len = (uint16_t)(NLA_HDRLEN + len), .nla_type = type };

	if (m->hdr.nlmsg_len + NLA_HDRLEN + NLA_ALIGN(len) > sizeof(*m))
		return;
	memcpy(to, &attr, sizeof(attr));
	memcpy(to + NLA_HDRLEN, data, len);
	m->hdr.nlmsg_len += (uint32_t)(NLA_HDRLEN + NLA_ALIGN(len));
}

static void put_text(struct message *m, uint16_t type, const char *text)
{
	put(m, type, text, strlen(text) + 1);
}

static void put_u32(struct message *m, uint16_t type, uint32_t value)
{
	put(m, type, &value, sizeof(value));
}

/* The seed's descriptor, a rate, and what else the input wants */
static void put_config(struct message *m, struct input *in)
{
	struct message nest = { .hdr.nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN) };
	const uint8_t how = take_byte(in);

	if (!(how & 1))
		put_u32(&nest, QKD_A_SIM_SEED_FD, how & 8 ? take_u32(in) : (uint32_t)seed);
	if (how & 2)
		put_u32(&nest, QKD_A_SIM_RATE, take_u32(in));
	for (int i = 0; i < (how >> 4); i++)
		put_u32(&nest, take_byte(in) % (2 * QKD_A_SIM_MAX), take_u32(in));
	put(m, how & 4 ? QKD_A_LINK_CONFIG : QKD_A_LINK_CONFIG | NLA_F_NESTED, nest.attrs,
	    nest.hdr.nlmsg_len - NLMSG_LENGTH(GENL_HDRLEN));
}

/* A table of a million IDs for every link would leave this machine no memory. */
static uint32_t modest(uint32_t capacity)
{
	return capacity <= QKD_CAPACITY_MAX ? capacity & 0xfff : capacity;
}

static void put_good(struct message *m, struct input *in, uint16_t type)
{
	static const char *const names[] = { "alpha", "beta", "gamma", "delta" };
	const uint8_t byte = take_byte(in);

	switch (type) {
	case QKD_A_LINK_NAME:
		put_text(m, type, m->genl.cmd == QKD_CMD_PROVIDER_GET ? "sim" : names[byte % 4]);
		break;
	case QKD_A_LINK_PROVIDER:
		put_text(m, type, "sim");
		break;
	case QKD_A_LINK_LOCAL_SAE:
		put_text(m, type, "a");
		break;
	case QKD_A_LINK_REMOTE_SAE:
		put_text(m, type, "b");
		break;
	case QKD_A_LINK_ROLE:
		put(m, type, &(uint8_t){ byte & 1 }, 1);
		break;
	case QKD_A_LINK_CONFIG:
		put_config(m, in);
		break;
	case QKD_A_LINK_CAPACITY:
		put_u32(m, type, modest(take_u32(in)));
		break;
	default:
		put_u32(m, type, take_u32(in));
	}
}

static void put_any(struct message *m, struct input *in)
{
	uint8_t bytes[256];
	const uint8_t len = take_byte(in);
	const uint16_t type = (uint16_t)(take_byte(in) % (QKD_A_LINK_MAX + 3));

	take_bytes(in, bytes, len);
	if (type == QKD_A_LINK_CAPACITY)
		memset(bytes, bytes[0], sizeof(bytes));
	put(m, take_byte(in) & 1 ? type | NLA_F_NESTED : type, bytes, len);
}

static void put_attrs(struct message *m, struct input *in)
{
	static const uint16_t needed[] = {
		QKD_A_LINK_NAME,       QKD_A_LINK_PROVIDER, QKD_A_LINK_LOCAL_SAE,
		QKD_A_LINK_REMOTE_SAE, QKD_A_LINK_ROLE,	    QKD_A_LINK_CONFIG,
	};
	const size_t n = m->genl.cmd == QKD_CMD_LINK_NEW ? sizeof(needed) / sizeof(needed[0]) : 1;
	const uint8_t missing = take_byte(in);

	for (size_t i = 0; i < n; i++)
		if (missing < 128 || missing % n != i)
			put_good(m, in, needed[i]);
	for (unsigned int more = take_byte(in) % ATTRS; more > 6; more--)
		put_good(m, in, (uint16_t)(take_byte(in) % (QKD_A_LINK_MAX + 2)));
	for (unsigned int more = take_byte(in); more > 200; more -= 10)
		put_any(m, in);
}

static void drain(void)
{
	char answer[8192];

	while (recv(sock, answer, sizeof(answer), MSG_DONTWAIT) > 0)
		;
}

void target_run(struct input *in)
{
	for (int i = 0; i < MESSAGES && in->at < in->end; i++) {
		const uint8_t cmd = take_byte(in), how = take_byte(in);
		struct message m = {
			.hdr.nlmsg_len = NLMSG_LENGTH(GENL_HDRLEN),
			.hdr.nlmsg_type = family,
			.hdr.nlmsg_flags = NLM_F_REQUEST | (how & 1 ? NLM_F_ACK : 0),
			.genl.cmd = cmd % (QKD_CMD_MAX + 2),
			.genl.version = how & 32 ? how : QKD_GENL_VERSION,
		};

		if ((how & 6) == 6)
			m.hdr.nlmsg_flags |= NLM_F_DUMP;
		if ((how & 24) == 24)
			m.genl.reserved = take_byte(in);
		put_attrs(&m, in);
		if ((how & 192) == 192) /* cut */
			m.hdr.nlmsg_len -= take_byte(in) % (m.hdr.nlmsg_len - NLMSG_HDRLEN);
		send(sock, &m, m.hdr.nlmsg_len, 0);
		drain();
	}
}
