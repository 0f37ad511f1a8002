// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <string.h>
#include <time.h>
#include <sys/resource.h>
#include <systemd/sd-id128.h>

#include "common/log.h"
#include "qkdtlsd/confine/filter.h"
#include "qkdtlsd/confine/landlock.h"
#include "qkdtlsd/confine/sandbox.h"

static void check_memory(void)
{
	struct rlimit limit;

	if (!getrlimit(RLIMIT_MEMLOCK, &limit) && limit.rlim_cur != RLIM_INFINITY)
		log_warning("keys in memory may go to swap: memory cannot be locked without "
			    "LimitMEMLOCK=infinity");
}

int sandbox_check(void)
{
	const int version = landlock_version();

	if (!filter_supported()) {
		log_error(
			"this kernel has no seccomp filters (CONFIG_SECCOMP_FILTER), without which "
			"no process here reads what strangers send");
		return -EOPNOTSUPP;
	}
	check_memory();
	if (version)
		log_info("workers and signer are confined by seccomp and Landlock (ABI %d)",
			 version);
	else
		log_warning(
			"workers and signer are confined by seccomp only: without Landlock "
			"(CONFIG_SECURITY_LANDLOCK, and in lsm=) a worker that is taken over can "
			"open what its user may read and write");
	return 0;
}

/* What libraries read once, when they first need it: the time zone, and for timers of the event loop the boot's ID */
static void read_ahead(void)
{
	sd_id128_t boot;

	tzset();
	(void)sd_id128_get_boot(&boot); /* does without */
}

static int enter(const struct landlock_reach *reach, enum filter_process process)
{
	int ret = landlock_confine(reach);

	if (ret) {
		log_error("cannot confine the process by Landlock: %s", strerror(-ret));
		return ret;
	}
	ret = filter_install(process, landlock_version() > 0);
	if (ret)
		log_error("cannot confine the process by seccomp: %s", strerror(-ret));
	return ret;
}

int sandbox_enter_worker(const uint16_t *ports, size_t count)
{
	/* The node of the key device comes and goes with its module. What it makes of others there ioctl() must do. */
	static const struct landlock_path paths[] = {
		{ "/dev", LANDLOCK_DEVICE },
		{ "/proc/net", LANDLOCK_READ },
	};
	const struct landlock_reach reach = {
		.paths = paths,
		.path_count = sizeof(paths) / sizeof(paths[0]),
		.ports = ports,
		.port_count = count,
	};

	read_ahead();
	return enter(&reach, FILTER_WORKER);
}

int sandbox_enter_signer(void)
{
	const struct landlock_reach nothing = { 0 };

	return enter(&nothing, FILTER_SIGNER);
}

void sandbox_explain(const char *who)
{
	log_error(
		"%s has asked the kernel for what its seccomp filter does not allow: somebody has "
		"taken it over, or a library does what this version does not know. The kernel's log "
		"names the call (journalctl -k, type=1326, syscall=)",
		who);
}
