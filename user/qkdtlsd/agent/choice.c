// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <string.h>
#include <strings.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "common/prefix.h"
#include "qkdtlsd/agent/choice.h"

/* Mounted by address, the peer's name is the service's to know. */
static bool is_name(const char *name)
{
	struct in6_addr address;

	return name[0] && inet_pton(AF_INET, name, &address) != 1 && !strchr(name, ':');
}

static bool has_name(const struct service_config *config, const char *name)
{
	return !is_name(name) || (config->peer_name && !strcasecmp(config->peer_name, name));
}

/* A server has a certificate in any case. */
static bool proves(const struct service_config *config, enum upcall_proof proof)
{
	return (config->certificate != NULL) == (proof == UPCALL_CERTIFICATE);
}

static bool fits(const struct service_config *config, const struct upcall_request *request,
		 const struct sockaddr_storage *peer)
{
	return config->from == FROM_KERNEL && config->mode == request->role &&
	       proves(config, request->proof) && has_name(config, request->name) &&
	       (!config->peer_address.count || prefixes_have(&config->peer_address, peer));
}

static int tcp_peer(int fd, struct sockaddr_storage *peer)
{
	socklen_t len = sizeof(*peer), protocol_len = sizeof(int);
	int protocol = 0;

	if (getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &protocol_len) ||
	    protocol != IPPROTO_TCP)
		return -EINVAL;
	return getpeername(fd, (struct sockaddr *)peer, &len) ? -errno : 0;
}

static void none(struct choice *choice, int error, const char *reason)
{
	*choice = (struct choice){ .error = error, .reason = reason };
}

void choose(struct service *services, const struct upcall_request *request, struct choice *choice)
{
	struct sockaddr_storage peer = { 0 };
	const int ret = tcp_peer(request->fd, &peer);

	if (ret == -EINVAL) {
		none(choice, -EINVAL, "it is no TCP socket");
		return;
	}
	if (ret) {
		none(choice, -ETIMEDOUT, "the connection has gone");
		return;
	}
	if (request->proof == UPCALL_OTHER) {
		none(choice, -EOPNOTSUPP,
		     "it is to use a PSK or a certificate of the kernel's keyrings, which is not served");
		return;
	}
	for (struct service *s = services; s; s = s->next) {
		if (fits(s->config, request, &peer)) {
			*choice = (struct choice){ .service = s };
			return;
		}
	}
	none(choice, -EACCES,
	     "no service with \"from = kernel\" has this mode, peer-name, peer-address and use of a "
	     "certificate");
}
