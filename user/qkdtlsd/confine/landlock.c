// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include <linux/landlock.h>
#include <sys/syscall.h>

#include "qkdtlsd/confine/landlock.h"

/* What headers of Linux 6.1, Debian 12's, do not have yet */
#define FS_TRUNCATE	    (1ULL << 14)
#define FS_IOCTL_DEV	    (1ULL << 15)
#define FS_RESOLVE_UNIX	    (1ULL << 16)
#define NET_BIND_TCP	    (1ULL << 0)
#define NET_CONNECT_TCP	    (1ULL << 1)
#define NET_BIND_UDP	    (1ULL << 2)
#define NET_SEND_UDP	    (1ULL << 3)
#define SCOPE_ABSTRACT_UNIX (1ULL << 0)
#define SCOPE_SIGNAL	    (1ULL << 1)
#define RULE_NET_PORT	    2

/* The kernel's structures; an older one takes them if it knows all that is not 0. */
struct ruleset_attr {
	uint64_t fs;
	uint64_t net;
	uint64_t scoped;
};

struct net_port_attr {
	uint64_t access;
	uint64_t port;
};

/* What each version of the interface can forbid beside those before */
static const struct ruleset_attr versions[] = {
	[1] = { .fs = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_WRITE_FILE |
		      LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR |
		      LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE |
		      LANDLOCK_ACCESS_FS_MAKE_CHAR | LANDLOCK_ACCESS_FS_MAKE_DIR |
		      LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK |
		      LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_MAKE_BLOCK |
		      LANDLOCK_ACCESS_FS_MAKE_SYM },
	[2] = { .fs = LANDLOCK_ACCESS_FS_REFER },
	[3] = { .fs = FS_TRUNCATE },
	[4] = { .net = NET_BIND_TCP | NET_CONNECT_TCP },
	[5] = { .fs = FS_IOCTL_DEV },
	[6] = { .scoped = SCOPE_ABSTRACT_UNIX | SCOPE_SIGNAL },
	[9] = { .fs = FS_RESOLVE_UNIX },
	[10] = { .net = NET_BIND_UDP | NET_SEND_UDP },
};

#define VERSION_MAX (int)(sizeof(versions) / sizeof(versions[0]) - 1)

static const uint64_t uses[] = {
	[LANDLOCK_READ] = LANDLOCK_ACCESS_FS_READ_FILE,
	[LANDLOCK_DEVICE] =
		LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE | FS_IOCTL_DEV,
};

int landlock_version(void)
{
	const long version =
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	return version < 0 ? 0 : (int)version;
}

static struct ruleset_attr all_of(int version)
{
	struct ruleset_attr all = { 0 };

	for (int i = 1; i <= version && i <= VERSION_MAX; i++) {
		all.fs |= versions[i].fs;
		all.net |= versions[i].net;
		all.scoped |= versions[i].scoped;
	}
	return all;
}

/*
 * Landlock knows a directory by its inode, and that of /proc/net is made anew when it is needed, unless somebody has it open:
 * so it stays open.
 */
static int add_path(int ruleset, const struct landlock_path *path, uint64_t handled)
{
	struct landlock_path_beneath_attr attr = { .allowed_access = uses[path->use] & handled };

	attr.parent_fd = open(path->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (attr.parent_fd < 0)
		return errno == ENOENT ? 0 : -errno;
	return syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &attr, 0)
		       ? -errno
		       : 0;
}

static int add_port(int ruleset, uint16_t port)
{
	const struct net_port_attr attr = { .access = NET_CONNECT_TCP, .port = port };

	return syscall(SYS_landlock_add_rule, ruleset, RULE_NET_PORT, &attr, 0) ? -errno : 0;
}

static int add_all(int ruleset, const struct landlock_reach *reach,
		   const struct ruleset_attr *handled)
{
	int ret = 0;

	for (size_t i = 0; i < reach->path_count && !ret; i++)
		ret = add_path(ruleset, &reach->paths[i], handled->fs);
	for (size_t i = 0; i < reach->port_count && !ret && handled->net; i++)
		ret = add_port(ruleset, reach->ports[i]);
	return ret;
}

int landlock_confine(const struct landlock_reach *reach)
{
	const struct ruleset_attr handled = all_of(landlock_version());
	int ruleset, ret;

	if (!handled.fs)
		return 0;
	ruleset = (int)syscall(SYS_landlock_create_ruleset, &handled, sizeof(handled), 0);
	if (ruleset < 0)
		return -errno;
	ret = add_all(ruleset, reach, &handled);
	if (!ret && syscall(SYS_landlock_restrict_self, ruleset, 0))
		ret = -errno;
	close(ruleset);
	return ret;
}
