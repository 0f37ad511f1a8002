// SPDX-License-Identifier: GPL-2.0-or-later
/* The netlink handle: a socket, one request and its whole answer. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <netlink/genl/ctrl.h>
#include <netlink/genl/genl.h>
#include <netlink/netlink.h>
#include "private.h"

/* libnl's own errors; what the kernel answers is taken from its message unchanged. */
int qkd_nl_errno(int nle)
{
	static const struct {
		int nle, error;
	} map[] = {
		{ NLE_INTR, EINTR },	      { NLE_AGAIN, EAGAIN },
		{ NLE_NOMEM, ENOMEM },	      { NLE_PERM, EPERM },
		{ NLE_NOACCESS, EACCES },     { NLE_AF_NOSUPPORT, EAFNOSUPPORT },
		{ NLE_DUMP_INTR, EINTR },     { NLE_MSGSIZE, EMSGSIZE },
		{ NLE_MSG_TRUNC, EPROTO },    { NLE_MSG_TOOSHORT, EPROTO },
		{ NLE_PARSE_ERR, EPROTO },    { NLE_SEQ_MISMATCH, EPROTO },
		{ NLE_MSG_OVERFLOW, EPROTO },
	};

	if (nle >= 0)
		return 0;
	for (size_t i = 0; i < sizeof(map) / sizeof(map[0]); i++)
		if (map[i].nle == -nle)
			return -map[i].error;
	return -EIO;
}

static int set_option(int fd, int option)
{
	int one = 1;

	return setsockopt(fd, SOL_NETLINK, option, &one, sizeof(one)) < 0 ? -errno : 0;
}

static int connect_family(struct qkd_nl *nl)
{
	int ret;

	ret = qkd_nl_errno(genl_connect(nl->sock));
	if (!ret)
		ret = set_option(nl_socket_get_fd(nl->sock), NETLINK_EXT_ACK);
	if (!ret)
		ret = set_option(nl_socket_get_fd(nl->sock), NETLINK_GET_STRICT_CHK);
	if (ret)
		return ret;
	nl->family = genl_ctrl_resolve(nl->sock, QKD_GENL_NAME);
	if (nl->family == -NLE_OBJ_NOTFOUND)
		return -EOPNOTSUPP;
	return nl->family < 0 ? qkd_nl_errno(nl->family) : 0;
}

int qkd_nl_open(struct qkd_nl **nlp)
{
	struct qkd_nl *nl;
	int ret;

	*nlp = NULL;
	nl = calloc(1, sizeof(*nl));
	if (!nl)
		return -ENOMEM;
	nl->sock = nl_socket_alloc();
	ret = nl->sock ? connect_family(nl) : -ENOMEM;
	if (ret) {
		qkd_nl_close(nl);
		return ret;
	}
	*nlp = nl;
	return 0;
}

void qkd_nl_close(struct qkd_nl *nl)
{
	if (!nl)
		return;
	nl_socket_free(nl->sock);
	free(nl);
}

const char *qkd_nl_message(const struct qkd_nl *nl)
{
	return nl->message;
}

int qkd_nl_fd(const struct qkd_nl *nl)
{
	return nl_socket_get_fd(nl->sock);
}

struct nl_msg *qkd_nl_request(const struct qkd_nl *nl, uint8_t cmd, int flags)
{
	struct nl_msg *msg = nlmsg_alloc();

	if (!msg)
		return NULL;
	if (genlmsg_put(msg, NL_AUTO_PORT, NL_AUTO_SEQ, nl->family, 0, flags, cmd,
			QKD_GENL_VERSION))
		return msg;
	nlmsg_free(msg);
	return NULL;
}

/**
 * struct answer - what the callbacks of one request note down
 * @cb: for each message, or NULL where none is expected
 * @arg: its argument
 * @error: the first failure; the rest is read all the same, so that the next request finds its own
 * @done: the last message has come
 * @nl: for the kernel's text
 */
struct answer {
	qkd_nl_answer_cb cb;
	void *arg;
	int error;
	bool done;
	struct qkd_nl *nl;
};

static void note(struct answer *answer, int error)
{
	if (error && !answer->error)
		answer->error = error;
}

/* Another process with CAP_NET_ADMIN could send to this socket too. */
static int on_message(struct nl_msg *msg, void *arg)
{
	return nlmsg_get_src(msg)->nl_pid ? NL_SKIP : NL_OK;
}

static int on_valid(struct nl_msg *msg, void *arg)
{
	struct answer *answer = arg;

	note(answer, answer->cb ? answer->cb(nlmsg_hdr(msg), answer->arg) : -EPROTO);
	return NL_OK;
}

static int on_interrupted(struct nl_msg *msg, void *arg)
{
	note(arg, -EINTR);
	return NL_OK;
}

static int on_finish(struct nl_msg *msg, void *arg)
{
	struct nlmsghdr *hdr = nlmsg_hdr(msg);
	struct answer *answer = arg;
	int error;

	if (hdr->nlmsg_len >= NLMSG_LENGTH(sizeof(error))) {
		memcpy(&error, nlmsg_data(hdr), sizeof(error));
		note(answer, error < 0 ? error : 0);
	}
	answer->done = true;
	return NL_STOP;
}

static int on_ack(struct nl_msg *msg, void *arg)
{
	struct answer *answer = arg;

	answer->done = true;
	return NL_STOP;
}

/**
 * qkd_nl_error_message() - find the kernel's text in an error message
 * @err: the error
 * @len: bytes from @err to the end of its message
 * @text: here, or "" if there is none
 * @size: its size
 *
 * Return: the error's number, negative.
 */
int qkd_nl_error_message(const struct nlmsgerr *err, size_t len, char *text, size_t size)
{
	const struct nlmsghdr *hdr = (const struct nlmsghdr *)err - 1;
	struct nlattr *attr;
	size_t skip = sizeof(*err);

	*text = '\0';
	if (!(hdr->nlmsg_flags & NLM_F_ACK_TLVS))
		return err->error;
	/* The request comes back, its payload too unless the kernel says that it is cut off. */
	if (!(hdr->nlmsg_flags & NLM_F_CAPPED)) {
		if (err->msg.nlmsg_len < sizeof(err->msg))
			return err->error;
		skip += NLMSG_ALIGN((size_t)err->msg.nlmsg_len) - sizeof(err->msg);
	}
	if (skip >= len)
		return err->error;
	attr = nla_find((struct nlattr *)((char *)err + skip), (int)(len - skip),
			NLMSGERR_ATTR_MSG);
	if (attr && nla_len(attr) > 0)
		nla_strlcpy(text, attr, size);
	return err->error;
}

static int on_error(struct sockaddr_nl *from, struct nlmsgerr *err, void *arg)
{
	const struct nlmsghdr *hdr = (const struct nlmsghdr *)err - 1;
	struct answer *answer = arg;
	int error;

	error = qkd_nl_error_message(err, hdr->nlmsg_len - NLMSG_HDRLEN, answer->nl->message,
				     sizeof(answer->nl->message));
	note(answer, error < 0 ? error : -EPROTO);
	answer->done = true;
	return NL_SKIP; /* NL_STOP would have nl_recvmsgs() fail with libnl's own number */
}

static struct nl_cb *answer_callbacks(struct answer *answer)
{
	struct nl_cb *cb = nl_cb_alloc(NL_CB_DEFAULT);

	if (!cb)
		return NULL;
	nl_cb_set(cb, NL_CB_MSG_IN, NL_CB_CUSTOM, on_message, answer);
	nl_cb_set(cb, NL_CB_VALID, NL_CB_CUSTOM, on_valid, answer);
	nl_cb_set(cb, NL_CB_DUMP_INTR, NL_CB_CUSTOM, on_interrupted, answer);
	nl_cb_set(cb, NL_CB_FINISH, NL_CB_CUSTOM, on_finish, answer);
	nl_cb_set(cb, NL_CB_ACK, NL_CB_CUSTOM, on_ack, answer);
	nl_cb_err(cb, NL_CB_CUSTOM, on_error, answer);
	return cb;
}

static int exchange(struct qkd_nl *nl, struct nl_msg *msg, struct answer *answer)
{
	struct nl_cb *cb = answer_callbacks(answer);
	int ret;

	if (!cb)
		return -ENOMEM;
	ret = nl_send_auto(nl->sock, msg);
	while (ret >= 0 && !answer->done)
		ret = nl_recvmsgs(nl->sock, cb);
	nl_cb_put(cb);
	return ret < 0 ? qkd_nl_errno(ret) : 0;
}

int qkd_nl_run(struct qkd_nl *nl, struct nl_msg *msg, qkd_nl_answer_cb cb, void *arg)
{
	struct answer answer = { .cb = cb, .arg = arg, .nl = nl };
	int ret;

	nl->message[0] = '\0';
	ret = exchange(nl, msg, &answer);
	nlmsg_free(msg);
	return ret ? ret : answer.error;
}
