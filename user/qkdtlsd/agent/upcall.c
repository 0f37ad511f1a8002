// SPDX-License-Identifier: GPL-2.0-or-later
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>

#include "qkdtlsd/agent/upcall.h"

/* As in <linux/handshake.h>, which older systems lack that this is built on */
#define FAMILY	       "handshake"
#define FAMILY_GROUP   "tlshd"
#define FAMILY_VERSION 1
#define CLASS_TLSHD    1

enum {
	CMD_ACCEPT = 2,
	CMD_DONE = 3,
};

enum {
	ACCEPT_SOCKFD = 1,
	ACCEPT_HANDLER_CLASS,
	ACCEPT_MESSAGE_TYPE,
	ACCEPT_TIMEOUT,
	ACCEPT_AUTH_MODE,
	ACCEPT_PEER_IDENTITY,
	ACCEPT_CERTIFICATE,
	ACCEPT_PEERNAME,
	ACCEPT_KEYRING,
	ACCEPT_COUNT,
};

enum {
	DONE_STATUS = 1,
	DONE_SOCKFD,
	DONE_REMOTE_AUTH,
};

enum {
	TYPE_CLIENTHELLO = 1,
	TYPE_SERVERHELLO,
};

enum {
	AUTH_UNAUTH = 1,
	AUTH_PSK,
	AUTH_X509,
};

/**
 * struct upcall
 * @news: where the kernel says that there are requests
 * @requests: by which they are got and answered
 * @family: number of the family
 */
struct upcall {
	struct nl_sock *news;
	struct nl_sock *requests;
	int family;
};

/* ---- What the kernel wants ---- */

static struct nla_policy policy[ACCEPT_COUNT] = {
	[ACCEPT_SOCKFD] = { .type = NLA_U32 },
	[ACCEPT_MESSAGE_TYPE] = { .type = NLA_U32 },
	[ACCEPT_TIMEOUT] = { .type = NLA_U32 },
	[ACCEPT_AUTH_MODE] = { .type = NLA_U32 },
};

/* The first descriptor in the message, whatever else is wrong with it: it is open in this process. */
static int find_fd(struct nlmsghdr *message)
{
	struct nlattr *attr;
	int rest;

	if (!genlmsg_valid_hdr(message, 0))
		return -1;
	nlmsg_for_each_attr(attr, message, GENL_HDRLEN, rest)
	{
		if (nla_type(attr) == ACCEPT_SOCKFD && nla_len(attr) == sizeof(uint32_t))
			return (int)nla_get_u32(attr);
	}
	return -1;
}

static bool may_repeat(int type)
{
	return type == ACCEPT_PEER_IDENTITY || type == ACCEPT_CERTIFICATE;
}

/* Which of two would be meant? */
static bool repeats(struct nlmsghdr *message)
{
	bool seen[ACCEPT_COUNT] = { false };
	struct nlattr *attr;
	int rest;

	nlmsg_for_each_attr(attr, message, GENL_HDRLEN, rest)
	{
		const int type = nla_type(attr);

		if (type >= ACCEPT_COUNT || may_repeat(type))
			continue;
		if (seen[type])
			return true;
		seen[type] = true;
	}
	return false;
}

/* It is compared with names in certificates, and stands in the log. */
static int copy_name(const struct nlattr *attr, char name[UPCALL_NAME_LEN])
{
	const int len = nla_len(attr);
	const char *text = nla_data(attr);

	if (len < 1 || len > UPCALL_NAME_LEN || memchr(text, '\0', (size_t)len) != text + len - 1)
		return -EBADMSG;
	for (int i = 0; i < len - 1; i++) {
		if (!isgraph((unsigned char)text[i]))
			return -EBADMSG;
	}
	memcpy(name, text, (size_t)len);
	return 0;
}

static enum upcall_proof proof_of(struct nlattr *const attrs[ACCEPT_COUNT])
{
	const uint32_t mode = nla_get_u32(attrs[ACCEPT_AUTH_MODE]);

	if (mode == AUTH_UNAUTH)
		return UPCALL_NOTHING;
	/* With a certificate of its own it wants no other. */
	if (mode == AUTH_X509 && !attrs[ACCEPT_CERTIFICATE])
		return UPCALL_CERTIFICATE;
	return UPCALL_OTHER;
}

int upcall_parse(struct nlmsghdr *message, struct upcall_request *request)
{
	struct nlattr *attrs[ACCEPT_COUNT];
	uint32_t type;

	*request = (struct upcall_request){ .fd = find_fd(message) };
	if (request->fd < 0 || genlmsg_parse(message, 0, attrs, ACCEPT_COUNT - 1, policy) < 0 ||
	    repeats(message) || !attrs[ACCEPT_MESSAGE_TYPE] || !attrs[ACCEPT_AUTH_MODE])
		return -EBADMSG;
	type = nla_get_u32(attrs[ACCEPT_MESSAGE_TYPE]);
	if (type != TYPE_CLIENTHELLO && type != TYPE_SERVERHELLO)
		return -EBADMSG;
	request->role = type == TYPE_CLIENTHELLO ? QKDTLS_CLIENT : QKDTLS_SERVER;
	request->proof = proof_of(attrs);
	if (attrs[ACCEPT_TIMEOUT])
		request->timeout_ms = nla_get_u32(attrs[ACCEPT_TIMEOUT]);
	return attrs[ACCEPT_PEERNAME] ? copy_name(attrs[ACCEPT_PEERNAME], request->name) : 0;
}

/* ---- Netlink ---- */

static int to_errno(int nle)
{
	switch (-nle) {
	case NLE_NOMEM:
		return -ENOMEM;
	case NLE_PERM:
		return -EPERM;
	case NLE_OBJ_NOTFOUND:
	case NLE_PROTO_MISMATCH:
		return -EOPNOTSUPP;
	default:
		return -EIO;
	}
}

/**
 * struct exchange - a request and what the kernel answers
 * @on_answer: for a message with data, with @arg
 * @arg: see @on_answer
 * @result: 0 or a negative errno, once it @is_over
 * @is_over: the acknowledgement or an error has come
 */
struct exchange {
	void (*on_answer)(struct nlmsghdr *message, void *arg);
	void *arg;
	int result;
	bool is_over;
};

static int on_valid(struct nl_msg *message, void *arg)
{
	struct exchange *exchange = arg;

	if (exchange->on_answer)
		exchange->on_answer(nlmsg_hdr(message), exchange->arg);
	return NL_OK;
}

static int on_ack(struct nl_msg *message, void *arg)
{
	struct exchange *exchange = arg;

	exchange->is_over = true;
	return NL_STOP;
}

static int on_error(struct sockaddr_nl *from, struct nlmsgerr *error, void *arg)
{
	struct exchange *exchange = arg;

	exchange->result = error->error;
	exchange->is_over = true;
	return NL_STOP;
}

/* The kernel has answered by the time that the request is sent: nothing here waits. */
static int receive(struct nl_sock *sock, struct exchange *exchange)
{
	struct nl_cb *cb = nl_cb_alloc(NL_CB_DEFAULT);
	int ret = cb ? 0 : -NLE_NOMEM;

	if (cb) {
		nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, on_valid, exchange);
		nl_cb_set(cb, NL_CB_ACK, NL_CB_CUSTOM, on_ack, exchange);
		nl_cb_err(cb, NL_CB_CUSTOM, on_error, exchange);
	}
	while (ret >= 0 && !exchange->is_over)
		ret = nl_recvmsgs(sock, cb);
	nl_cb_put(cb);
	return exchange->is_over ? exchange->result : to_errno(ret);
}

static int talk(struct upcall *upcall, struct nl_msg *message, struct exchange *exchange)
{
	int ret = nl_send_auto(upcall->requests, message);

	nlmsg_free(message);
	return ret < 0 ? to_errno(ret) : receive(upcall->requests, exchange);
}

static struct nl_msg *message_new(const struct upcall *upcall, uint8_t command)
{
	struct nl_msg *message = nlmsg_alloc();

	if (message && !genlmsg_put(message, NL_AUTO_PORT, NL_AUTO_SEQ, upcall->family, 0,
				    NLM_F_ACK, command, FAMILY_VERSION)) {
		nlmsg_free(message);
		return NULL;
	}
	return message;
}

/**
 * struct accepted - what has come for upcall_accept()
 * @request: where it goes
 * @result: of upcall_parse(), once @has_come
 * @has_come: there was an answer
 */
struct accepted {
	struct upcall_request *request;
	int result;
	bool has_come;
};

static void on_request(struct nlmsghdr *message, void *arg)
{
	struct accepted *accepted = arg;

	/* There is one answer; another would hide the descriptor of the first. */
	if (!accepted->has_come)
		accepted->result = upcall_parse(message, accepted->request);
	accepted->has_come = true;
}

int upcall_accept(struct upcall *upcall, struct upcall_request *request)
{
	struct accepted accepted = { .request = request };
	struct exchange exchange = { .on_answer = on_request, .arg = &accepted };
	struct nl_msg *message = message_new(upcall, CMD_ACCEPT);
	int ret;

	*request = (struct upcall_request){ .fd = -1 };
	if (!message)
		return -ENOMEM;
	if (nla_put_u32(message, ACCEPT_HANDLER_CLASS, CLASS_TLSHD)) {
		nlmsg_free(message);
		return -ENOMEM;
	}
	ret = talk(upcall, message, &exchange);
	if (accepted.has_come)
		return accepted.result;
	request->given_up = exchange.is_over && ret && ret != -EAGAIN && ret != -EPERM;
	return ret ? ret : -EBADMSG;
}

static int put_done(struct nl_msg *message, int fd, int error, int32_t peer)
{
	if (nla_put_u32(message, DONE_STATUS, (uint32_t)-error) ||
	    nla_put_u32(message, DONE_SOCKFD, (uint32_t)fd))
		return -ENOMEM;
	return peer && nla_put_u32(message, DONE_REMOTE_AUTH, (uint32_t)peer) ? -ENOMEM : 0;
}

int upcall_done(struct upcall *upcall, int fd, int error, int32_t peer)
{
	struct nl_msg *message = message_new(upcall, CMD_DONE);
	struct exchange exchange = { 0 };

	if (!message)
		return -ENOMEM;
	if (put_done(message, fd, error, peer)) {
		nlmsg_free(message);
		return -ENOMEM;
	}
	return talk(upcall, message, &exchange);
}

static int connect_to(struct nl_sock **sock)
{
	int ret;

	*sock = nl_socket_alloc();
	if (!*sock)
		return -ENOMEM;
	ret = genl_connect(*sock);
	return ret < 0 ? to_errno(ret) : 0;
}

static int find_family(struct upcall *upcall)
{
	upcall->family = genl_ctrl_resolve(upcall->requests, FAMILY);
	return upcall->family < 0 ? to_errno(upcall->family) : 0;
}

static int subscribe(struct upcall *upcall)
{
	const int group = genl_ctrl_resolve_grp(upcall->requests, FAMILY, FAMILY_GROUP);
	int ret = group < 0 ? group : nl_socket_add_membership(upcall->news, group);

	if (ret >= 0)
		ret = nl_socket_set_nonblocking(upcall->news);
	if (ret >= 0)
		ret = nl_socket_set_nonblocking(upcall->requests);
	return ret < 0 ? to_errno(ret) : 0;
}

int upcall_open(struct upcall **opened)
{
	struct upcall *upcall = calloc(1, sizeof(*upcall));
	int ret;

	*opened = NULL;
	if (!upcall)
		return -ENOMEM;
	ret = connect_to(&upcall->requests);
	if (!ret)
		ret = connect_to(&upcall->news);
	if (!ret)
		ret = find_family(upcall);
	if (!ret)
		ret = subscribe(upcall);
	if (ret) {
		upcall_close(upcall);
		return ret;
	}
	*opened = upcall;
	return 0;
}

void upcall_close(struct upcall *upcall)
{
	if (!upcall)
		return;
	nl_socket_free(upcall->news);
	nl_socket_free(upcall->requests);
	free(upcall);
}

int upcall_fd(const struct upcall *upcall)
{
	return nl_socket_get_fd(upcall->news);
}

/* What is in the news is not looked at: there are requests or there are none, and some news may have been lost. */
void upcall_heard(struct upcall *upcall)
{
	char bytes[256];
	ssize_t n;

	do {
		n = recv(upcall_fd(upcall), bytes, sizeof(bytes), MSG_DONTWAIT);
	} while (n >= 0 || errno == ENOBUFS || errno == EINTR);
}
