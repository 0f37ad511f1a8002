// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#include "common/log.h"
#include "common/unix_socket.h"
#include "qkdtlsd/activation.h"
#include "qkdtlsd/door.h"

void door_address(const struct service_config *config, struct door_address *address)
{
	*address = (struct door_address){ .ai.ai_family = AF_UNIX };
	address->ai.ai_addr = (struct sockaddr *)&address->sa;
	(void)unix_address(config->hand_over, &address->sa,
			   &address->ai.ai_addrlen); /* the configuration sees to its length */
}

bool door_is_there(const struct service_config *config)
{
	return unix_is_there(config->hand_over);
}

int door_listen(const struct service_config *config)
{
	return unix_listen(config->hand_over, SOCK_SEQPACKET);
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
	if (((uid == (uid_t)-1 && gid == (gid_t)-1) || !lchown(path, uid, gid)) &&
	    !chmod(path, config->hand_over_mode))
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

/* Removes the file of @config, unless @other has it too or systemd has bound it. */
static void remove_door(const struct service_config *config, const struct daemon *other)
{
	if (config->hand_over && !has_door(other, config->hand_over) && !activation_has(config) &&
	    door_is_there(config))
		unlink(config->hand_over);
}

void doors_withdraw(const struct daemon *new, const struct daemon *old)
{
	/* Where there is no listener the file is somebody else's. */
	for (const struct service *s = new->services; s; s = s->next) {
		if (service_sockets(s, NULL))
			remove_door(s->config, old);
	}
}

void doors_remove(const struct daemon *old, const struct daemon *new)
{
	for (const struct service *s = old->services; s; s = s->next)
		remove_door(s->config, new);
}
