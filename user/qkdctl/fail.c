// SPDX-License-Identifier: GPL-2.0-or-later
/* Failures in words: what was wrong, and what to do. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "qkdctl/qkdctl.h"

#define NO_MODULE     "the kernel module qkd is not loaded: modprobe qkd"
#define NO_CAPABILITY "CAP_NET_ADMIN in this network namespace is needed: run it as root"
#define NO_LINK	      "no such link in this network namespace: 'qkdctl link list' shows those there are"

static const struct reason {
	enum attempt attempt;
	int error;
	const char *text;
} reasons[] = {
	{ TRY_NETLINK, EOPNOTSUPP, NO_MODULE },
	{ TRY_NETLINK, EPROTONOSUPPORT, "this kernel has no generic netlink" },
	{ TRY_SESSION_LIST, EOPNOTSUPP, "the kernel module qkd is too old for this" },
	{ TRY_EVENTS, EOPNOTSUPP, NO_MODULE },
	{ TRY_AUDIT, EOPNOTSUPP, "the kernel module qkd is not loaded or too old: modprobe qkd" },
	{ TRY_AUDIT, EPERM, NO_CAPABILITY },
	{ TRY_AUDIT_FILE, EBUSY, "another qkdctl appends to this file" },
	{ TRY_AUDIT_FILE, EBADMSG,
	  "its last line is not one of 'qkdctl monitor --audit', or was torn: 'qkdctl audit verify' "
	  "says more; move it away to begin another" },
	{ TRY_AUDIT_FILE, EINVAL, "is not a regular file" },
	{ TRY_DAEMON, ENOENT, "no qkdtlsd has a socket there: \"stats\" in qkdtlsd.conf(5)" },
	{ TRY_DAEMON, ECONNREFUSED, "no qkdtlsd listens there any more" },
	{ TRY_DAEMON, EACCES,
	  "no permission: run it as root or as a member of the daemon's group" },
	{ TRY_DAEMON, EBADMSG, "what answers there is no qkdtlsd of this version" },
	{ TRY_DAEMON, ETIMEDOUT, "qkdtlsd does not answer" },
	{ TRY_PROVIDER_LIST, EAGAIN, "providers come and go too fast to be listed: try again" },
	{ TRY_LINK_LIST, EAGAIN, "links come and go too fast to be listed: try again" },
	{ TRY_LINK, ENODEV, NO_LINK },
	{ TRY_LINK, EPERM, NO_CAPABILITY },
	{ TRY_LINK_ADD, EPERM, NO_CAPABILITY },
	{ TRY_LINK_ADD, EEXIST,
	  "a link of that name exists: take another, or 'qkdctl link delete' it" },
	{ TRY_LINK_ADD, ENODEV,
	  "no such provider: 'qkdctl provider list' shows those there are; the simulator comes with "
	  "modprobe qkd_sim" },
	{ TRY_LINK_ADD, ENOSPC, "this network namespace has too many links: delete one" },
	{ TRY_DEVICE, ENOENT, "there is no /dev/qkd: " NO_MODULE },
	{ TRY_DEVICE, ENXIO, "/dev/qkd has no driver: " NO_MODULE },
	{ TRY_DEVICE, EACCES,
	  "no permission for /dev/qkd: run it as root or as a member of its group" },
	{ TRY_DEVICE, ENODEV, NO_LINK },
	{ TRY_KEY, EAGAIN,
	  "no outbound key is left: wait for the provider ('qkdctl stats' shows levels, 'qkdctl "
	  "monitor' says when there are more)" },
	{ TRY_KEY, EDQUOT,
	  "this user has had as many keys as the link's quota allows: wait a little" },
	{ TRY_KEY, EBUSY, "too many callers wait for a key of this link: try again" },
	{ TRY_KEY, ENODEV, "the link was deleted" },
	{ TRY_KEY_ID, ENOKEY,
	  "no inbound key has this ID: it has not come yet, belongs to another link, or is "
	  "outbound here" },
	{ TRY_KEY_ID, EKEYREVOKED, "this key was used or purged already: a key is used once" },
	{ TRY_KEY_ID, EKEYEXPIRED, "this key grew older than the link's ttl" },
	{ TRY_KEY_ID, EBUSY,
	  "this key is reserved by another program, too many wait, or too many unknown IDs were "
	  "asked for: try again" },
	{ TRY_KEY_ID, ENODEV, "the link was deleted" },
};

static const char *describe(enum attempt attempt, int error)
{
	for (size_t i = 0; i < sizeof(reasons) / sizeof(reasons[0]); i++)
		if (reasons[i].attempt == attempt && reasons[i].error == error)
			return reasons[i].text;
	return strerror(error);
}

int fail(enum attempt attempt, const char *name, int error, const struct qkd_nl *nl)
{
	const char *text = describe(attempt, -error);
	const char *kernel = nl ? qkd_nl_message(nl) : "";

	log_error("%s%s%s%s%s%s", name ? name : "", name ? ": " : "", text,
		  *kernel ? " (the kernel says: " : "", kernel, *kernel ? ")" : "");
	return EXIT_FAILED;
}

int fail_usage(const char *problem)
{
	log_error("%s", problem);
	return EXIT_USAGE;
}

int fail_output(void)
{
	log_error("the output could not be written");
	return EXIT_FAILED;
}
