// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include "common/process.h"

static bool memlock_unlimited(void)
{
	struct rlimit limit = { .rlim_cur = RLIM_INFINITY, .rlim_max = RLIM_INFINITY };

	if (!setrlimit(RLIMIT_MEMLOCK, &limit))
		return true;
	return !getrlimit(RLIMIT_MEMLOCK, &limit) && limit.rlim_cur == RLIM_INFINITY;
}

uint64_t process_allow_files(uint64_t need)
{
	struct rlimit limit = { 0 };
	struct rlimit more;

	if (getrlimit(RLIMIT_NOFILE, &limit) || limit.rlim_cur >= need)
		return limit.rlim_cur;
	more = limit;
	more.rlim_cur = need < limit.rlim_max ? need : limit.rlim_max;
	return setrlimit(RLIMIT_NOFILE, &more) ? limit.rlim_cur : more.rlim_cur;
}

int process_harden(void)
{
	const struct rlimit none = { 0 };

	if (setrlimit(RLIMIT_CORE, &none) || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0))
		return -errno;
	/* Under a limit MCL_FUTURE would make a later malloc() fail, so it is not asked for then.
	 */
	if (memlock_unlimited())
		(void)mlockall(MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT);
	else
		(void)mlockall(MCL_CURRENT | MCL_ONFAULT);
	if (signal(SIGPIPE, SIG_IGN) == SIG_ERR)
		return -errno;
	return 0;
}
