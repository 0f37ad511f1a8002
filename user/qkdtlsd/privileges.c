// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>
#include <sys/prctl.h>

#include "common/log.h"
#include "qkdtlsd/privileges.h"

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

static int become(const struct passwd *passwd)
{
	if (initgroups(passwd->pw_name, passwd->pw_gid) ||
	    setresgid(passwd->pw_gid, passwd->pw_gid, passwd->pw_gid) ||
	    setresuid(passwd->pw_uid, passwd->pw_uid, passwd->pw_uid))
		return -errno;
	return setuid(0) ? 0 : -EPERM; /* must not be possible any more */
}

static int drop(const char *user)
{
	const struct passwd *passwd;

	errno = 0;
	passwd = getpwnam(user);
	if (!passwd)
		return errno ? -errno : -ENOENT;
	return passwd->pw_uid ? become(passwd) : -EPERM;
}

int privileges_drop(const char *user)
{
	int ret = user ? drop(user) : 0;

	if (ret)
		log_error("cannot become user \"%s\": %s", user,
			  ret == -ENOENT ? "there is no such user" : strerror(-ret));
	/* Changing the user may have made the process dumpable again. */
	if (!ret &&
	    (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))) {
		ret = -errno;
		log_error("cannot give privileges up: %s", strerror(-ret));
	}
	return ret;
}
