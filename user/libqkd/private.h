/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of libqkd share among themselves, and show to its unit tests. */
#ifndef _LIBQKD_PRIVATE_H
#define _LIBQKD_PRIVATE_H

#include <linux/netlink.h>
#include <qkd/libqkd.h>

struct nl_msg;
struct nl_sock;

#define QKD_NL_MESSAGE_LEN 256

/**
 * struct qkd_nl - a generic netlink socket and what is known of the family
 * @sock: libnl's socket
 * @family: the family's number
 * @message: the kernel's text for the last failure
 */
struct qkd_nl {
	struct nl_sock *sock;
	int family;
	char message[QKD_NL_MESSAGE_LEN];
};

/* parse.c: one message of the kernel into a structure; 0 or -EPROTO */
int qkd_parse_provider(struct nlmsghdr *hdr, struct qkd_provider_info *info);
int qkd_parse_link(struct nlmsghdr *hdr, struct qkd_link_info *info);
int qkd_parse_event(struct nlmsghdr *hdr, struct qkd_event *event);
int qkd_parse_session(struct nlmsghdr *hdr, struct qkd_session_info *info);
/* Calls @cb for each record; what it returns ends it. Or -EPROTO, before any call. */
int qkd_parse_audit(struct nlmsghdr *hdr, qkd_audit_cb cb, void *arg);

/* sim.c: the nest QKD_A_LINK_CONFIG of provider "sim"; 0, -EPROTO or -EMSGSIZE */
int qkd_sim_parse(struct nlattr *nest, struct qkd_sim_settings *sim);
/* No nest if there is nothing to put. @seed_fd is -1 without one. */
int qkd_sim_put(struct nl_msg *msg, int seed_fd, const struct qkd_sim_settings *sim);

/* Called for each message of an answer; a negative errno makes the request fail with it. */
typedef int (*qkd_nl_answer_cb)(struct nlmsghdr *hdr, void *arg);

/* netlink.c */
struct nl_msg *qkd_nl_request(const struct qkd_nl *nl, uint8_t cmd, int flags);
/* Takes @msg, reads the whole answer. -EINTR: a dump saw a change midway, ask again. */
int qkd_nl_run(struct qkd_nl *nl, struct nl_msg *msg, qkd_nl_answer_cb cb, void *arg);
int qkd_nl_error_message(const struct nlmsgerr *err, size_t len, char *text, size_t size);
int qkd_nl_errno(int nle);

#endif /* _LIBQKD_PRIVATE_H */
