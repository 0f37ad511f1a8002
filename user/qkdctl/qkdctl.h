/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef _QKDCTL_H
#define _QKDCTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <qkd/libqkd.h>

/* Exit statuses */
enum {
	EXIT_OK = 0,
	EXIT_FAILED = 1,
	EXIT_USAGE = 2,
};

/**
 * struct options - what stands before, between or behind the words of a command
 * @json: -j
 * @show_secret: --show-secret
 * @prometheus: --prometheus
 */
struct options {
	bool json;
	bool show_secret;
	bool prometheus;
};

/* Each gets the words behind its own and returns an exit status. */
int cmd_provider_list(const struct options *options, int argc, char **argv);
int cmd_link_add(const struct options *options, int argc, char **argv);
int cmd_link_list(const struct options *options, int argc, char **argv);
int cmd_link_show(const struct options *options, int argc, char **argv);
int cmd_link_delete(const struct options *options, int argc, char **argv);
int cmd_link_resync(const struct options *options, int argc, char **argv);
int cmd_link_purge(const struct options *options, int argc, char **argv);
int cmd_link_set(const struct options *options, int argc, char **argv);
int cmd_sim_physics(const struct options *options, int argc, char **argv);
int cmd_sim_set(const struct options *options, int argc, char **argv);
int cmd_key_get(const struct options *options, int argc, char **argv);
int cmd_stats(const struct options *options, int argc, char **argv);
int cmd_session(const struct options *options, int argc, char **argv);
int cmd_audit_verify(const struct options *options, int argc, char **argv);
int cmd_monitor(const struct options *options, int argc, char **argv);

/* bare.c: for a command that takes no words. @run gets an open handle; an exit status. */
int run_bare(const struct options *options, int argc, char **argv,
	     int (*run)(struct qkd_nl *nl, bool json));

/* fail.c: what was tried, to say what a refusal means and what to do about it */
enum attempt {
	TRY_NETLINK,
	TRY_PROVIDER_LIST,
	TRY_LINK_LIST,
	TRY_LINK,
	TRY_LINK_ADD,
	TRY_DEVICE,
	TRY_KEY,
	TRY_KEY_ID,
	TRY_SESSION_LIST,
	TRY_EVENTS,
	TRY_AUDIT,
	TRY_AUDIT_FILE,
	TRY_FILE,
	TRY_DAEMON,
};

/* @error is a negative errno, @name a link's name, key's ID, a path or NULL, @nl NULL where no netlink. */
int fail(enum attempt attempt, const char *name, int error, const struct qkd_nl *nl);
/* EXIT_USAGE, having said @problem about the words of a command */
int fail_usage(const char *problem);
int fail_output(void);

#endif /* _QKDCTL_H */
