// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "common/log.h"
#include "qkdtlsd/activation.h"
#include "qkdtlsd/door.h"

#define LISTEN_BACKLOG 128

void door_address(const struct service_config *config, struct door_address *address)
{
	const size_t len = strlen(config->hand_over); /* the configuration sees to its length */

	*address = (struct door_address){ .sa.sun_family = AF_UNIX };
	memcpy(address->sa.sun_path, config->hand_over, len);
	address->ai.ai_family = AF_UNIX;
	address->ai.ai_addr = (struct sockaddr *)&address->sa;
	address->ai.ai_addrlen = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + 1);
}

bool door_is_there(const struct service_config *config)
{
	struct stat stat;

	return !lstat(config->hand_over, &stat) && S_ISSOCK(stat.st_mode);
}

/* Does a socket file lie there that nobody listens at any more? */
static bool is_stale(const struct service_config *config, const struct addrinfo *ai)
{
	int fd;
	bool refused;

	if (!door_is_there(config))
		return false;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	refused = connect(fd, ai->ai_addr, ai->ai_addrlen) && errno == ECONNREFUSED;
	close(fd);
	return refused;
}

/* Nobody may connect before the mode is what it should be. */
static int bind_closed(int fd, const struct addrinfo *ai)
{
	const mode_t mask = umask(0777);
	const int ret = bind(fd, ai->ai_addr, ai->ai_addrlen) ? -errno : 0;

	umask(mask);
	return ret;
}

int door_listen(const struct service_config *config)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	struct door_address address;
	int ret;

	if (fd < 0)
		return -errno;
	door_address(config, &address);
	ret = bind_closed(fd, &address.ai);
	if (ret == -EADDRINUSE && is_stale(config, &address.ai) && !unlink(config->hand_over))
		ret = bind_closed(fd, &address.ai);
	if (!ret && listen(fd, LISTEN_BACKLOG))
		ret = -errno;
	if (!ret)
		return fd;
	close(fd);
	return ret;
}

/* -1: none is given */
static int find_user(const char *name, uid_t *uid)
{
	const struct passwd *passwd = name ? getpwnam(name) : NULL;

	*uid = passwd ? passwd->pw_uid : (uid_t)-1;
	return !name || passwd ? 0 : -ENOENT;
}

static int find_group(const char *name, gid_t *gid)
{
	const struct group *group = name ? getgrnam(name) : NULL;

	*gid = group ? group->gr_gid : (gid_t)-1;
	return !name || group ? 0 : -ENOENT;
}

int door_set_access(const struct service_config *config)
{
	const char *path = config->hand_over;
	uid_t uid;
	gid_t gid;

	if (find_user(config->hand_over_owner, &uid)) {
		log_error("service=%s \"hand-over-owner = %s\": there is no such user",
			  config->name, config->hand_over_owner);
		return -ENOENT;
	}
	if (find_group(config->hand_over_group, &gid)) {
		log_error("service=%s \"hand-over-group = %s\": there is no such group",
			  config->name, config->hand_over_group);
		return -ENOENT;
	}
	/* The mode last: it is for this owner and group. */
	if (!lchown(path, uid, gid) && !chmod(path, config->hand_over_mode))
		return 0;
	log_error(
		"service=%s \"%s\" cannot be given mode %o, owner %s and group %s: %s (who is not root "
		"gives to groups of his own only)",
		config->name, path, config->hand_over_mode,
		config->hand_over_owner ? config->hand_over_owner : "as it is",
		config->hand_over_group ? config->hand_over_group : "as it is", strerror(errno));
	return -EPERM;
}

static bool has_door(const struct daemon *daemon, const char *path)
{
	for (const struct service *s = daemon ? daemon->services : NULL; s; s = s->next) {
		if (s->config->hand_over && !strcmp(s->config->hand_over, path))
			return true;
	}
	return false;
}

void doors_remove(const struct daemon *old, const struct daemon *new)
{
	for (const struct service *s = old->services; s; s = s->next) {
		const struct service_config *config = s->config;

		if (config->hand_over && !has_door(new, config->hand_over) &&
		    !activation_has(config) && door_is_there(config))
			unlink(config->hand_over);
	}
}
