// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <systemd/sd-daemon.h>

#include "common/address.h"
#include "common/log.h"
#include "qkdtlsd/activation.h"
#include "qkdtlsd/daemon.h"
#include "qkdtlsd/door.h"

/**
 * struct given - one of the sockets
 * @name: FileDescriptorName= of its unit, by default the unit's name
 * @used: by a service of the configuration that was bound last
 */
struct given {
	char *name;
	bool used;
};

static struct given given[LISTENERS_MAX];
static unsigned int count;

static int fd_of(unsigned int i)
{
	return SD_LISTEN_FDS_START + (int)i;
}

/* They are accepted from in an event loop. */
static int set_nonblocking(int fd)
{
	const int flags = fcntl(fd, F_GETFL);

	return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
}

static int keep(char **names, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		int ret = set_nonblocking(fd_of(i));

		if (ret) {
			log_error("socket \"%s\" of systemd: %s", names[i], strerror(-ret));
			return ret;
		}
		given[i].name = names[i];
		names[i] = NULL;
		count++;
	}
	return 0;
}

int activation_take(void)
{
	char **names = NULL;
	int n = sd_listen_fds_with_names(1, &names);
	int ret;

	if (n <= 0) {
		if (n)
			log_error("cannot take the sockets of systemd over: %s", strerror(-n));
		return n;
	}
	if (n > LISTENERS_MAX) {
		log_error(
			"systemd gives %d sockets, of which only %d can be taken: remove some from the "
			"socket units",
			n, LISTENERS_MAX);
		ret = -E2BIG;
	} else {
		ret = keep(names, (unsigned int)n);
	}
	for (int i = 0; i < n; i++)
		free(names[i]);
	free(names);
	return ret;
}

void activation_begin(void)
{
	for (unsigned int i = 0; i < count; i++)
		given[i].used = false;
}

static bool fits(int fd, bool hand_over)
{
	return (hand_over ? sd_is_socket(fd, AF_UNIX, SOCK_SEQPACKET, 1)
			  : sd_is_socket_inet(fd, AF_UNSPEC, SOCK_STREAM, 1, 0)) > 0;
}

static int use(unsigned int i, bool hand_over)
{
	if (given[i].used) {
		log_error("socket \"%s\" of systemd is two services': give each its own",
			  given[i].name);
		return -EADDRINUSE;
	}
	given[i].used = true;
	if (fits(fd_of(i), hand_over))
		return fd_of(i);
	log_error(
		"socket \"%s\" of systemd is not a listening %s one: have its unit say %s= and Accept=no",
		given[i].name, hand_over ? "UNIX sequential-packet" : "TCP",
		hand_over ? "ListenSequentialPacket" : "ListenStream");
	return -EPROTOTYPE;
}

int activation_named(const struct service_config *service, unsigned int n)
{
	for (unsigned int i = 0; i < count; i++) {
		if (!strcmp(given[i].name, service->name) && !n--)
			return use(i, service->hand_over);
	}
	return -ENOENT;
}

int activation_at(const struct addrinfo *ai)
{
	for (unsigned int i = 0; i < count; i++) {
		if (address_is_of(fd_of(i), ai))
			return use(i, ai->ai_family == AF_UNIX);
	}
	return -ENOENT;
}

int activation_check(void)
{
	for (unsigned int i = 0; i < count; i++) {
		if (given[i].used)
			continue;
		log_error(
			"socket \"%s\" of systemd is no service's: have its unit say FileDescriptorName= with "
			"a service's name or listen at the service's address, or remove the unit",
			given[i].name);
		return -ENOENT;
	}
	return 0;
}

bool activation_has(const struct service_config *service)
{
	struct door_address address;

	for (unsigned int i = 0; i < count; i++) {
		if (!strcmp(given[i].name, service->name))
			return true;
	}
	door_address(service, &address);
	for (unsigned int i = 0; i < count; i++) {
		if (address_is_of(fd_of(i), &address.ai))
			return true;
	}
	return false;
}
