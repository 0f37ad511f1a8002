// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

#include "common/log.h"
#include "qkdtlsd/confine/privileges.h"

int privileges_check(const char *user)
{
	if (!geteuid() && !user) {
		log_error("not as root: start it by systemd with User=, or give --user NAME");
		return -EPERM;
	}
	if (geteuid() && user) {
		log_error("only root can become another user: leave --user away");
		return -EPERM;
	}
	return 0;
}

#define NO_CAPABILITY (-1)

/* A filter of system calls may forbid capset(), where there is nothing to give up. */
static int keep_only(int capability)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct sets[_LINUX_CAPABILITY_U32S_3] = { 0 };
	struct __user_cap_data_struct now[_LINUX_CAPABILITY_U32S_3] = { 0 };

	if (capability != NO_CAPABILITY) {
		sets[CAP_TO_INDEX(capability)].effective = CAP_TO_MASK(capability);
		sets[CAP_TO_INDEX(capability)].permitted = CAP_TO_MASK(capability);
	}
	if (syscall(SYS_capget, &header, now))
		return -errno;
	if (!memcmp(now, sets, sizeof(sets)))
		return 0;
	return syscall(SYS_capset, &header, sets) ? -errno : 0;
}

/* Capabilities stay for now, so that one can be kept. */
static int become(const struct passwd *passwd)
{
	if (initgroups(passwd->pw_name, passwd->pw_gid) ||
	    setresgid(passwd->pw_gid, passwd->pw_gid, passwd->pw_gid) ||
	    prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0) ||
	    setresuid(passwd->pw_uid, passwd->pw_uid, passwd->pw_uid))
		return -errno;
	return 0;
}

static int change_user(const char *user)
{
	const struct passwd *passwd;

	errno = 0;
	passwd = getpwnam(user);
	if (!passwd)
		return errno ? -errno : -ENOENT;
	return passwd->pw_uid ? become(passwd) : -EPERM;
}

static int drop_but(const char *user, int capability)
{
	int ret = user ? change_user(user) : 0;

	if (ret)
		log_error("cannot become user \"%s\": %s", user,
			  ret == -ENOENT ? "there is no such user" : strerror(-ret));
	if (ret)
		return ret;
	ret = keep_only(capability);
	if (!ret && user && !setuid(0))
		ret = -EPERM; /* must not be possible any more */
	/* Changing the user may have made the process dumpable again. */
	if (!ret && (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)))
		ret = -errno;
	if (ret)
		log_error("cannot give privileges up: %s", strerror(-ret));
	return ret;
}

int privileges_drop(const char *user)
{
	return drop_but(user, NO_CAPABILITY);
}

int privileges_drop_but_net_admin(const char *user)
{
	return drop_but(user, CAP_NET_ADMIN);
}
