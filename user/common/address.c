// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "common/address.h"
#include "common/number.h"

static int host_copy(struct address *address, const char *host, size_t len)
{
	if (len >= sizeof(address->host))
		return -EINVAL;
	memcpy(address->host, host, len);
	address->host[len] = '\0';
	return 0;
}

int address_parse(const char *text, struct address *address)
{
	const char *colon = strrchr(text, ':');
	size_t host_len;
	uint32_t port;

	if (!colon || number_parse(colon + 1, 0, UINT16_MAX, &port))
		return -EINVAL;
	snprintf(address->port, sizeof(address->port), "%u", (unsigned int)port);
	host_len = (size_t)(colon - text);
	if (host_len >= 2 && text[0] == '[' && text[host_len - 1] == ']') {
		if (host_len == 2)
			return -EINVAL;
		return host_copy(address, text + 1, host_len - 2);
	}
	if (memchr(text, ':', host_len) || memchr(text, '[', host_len) ||
	    memchr(text, ']', host_len))
		return -EINVAL;
	return host_copy(address, text, host_len);
}

int address_resolve(const struct address *address, bool passive, struct addrinfo **list)
{
	struct addrinfo hints = {
		.ai_family = AF_UNSPEC,
		.ai_socktype = SOCK_STREAM,
		.ai_flags = AI_NUMERICSERV | (passive ? AI_PASSIVE : 0),
	};

	if (!address->host[0] && !passive)
		return EAI_NONAME;
	if (!strcmp(address->port, "0") && !passive)
		return EAI_SERVICE;
	return getaddrinfo(address->host[0] ? address->host : NULL, address->port, &hints, list);
}

void address_format(const struct sockaddr_storage *sa, socklen_t len, char text[ADDRESS_TEXT_LEN])
{
	char host[48], port[8];

	if (getnameinfo((const struct sockaddr *)sa, len, host, sizeof(host), port, sizeof(port),
			NI_NUMERICHOST | NI_NUMERICSERV))
		snprintf(text, ADDRESS_TEXT_LEN, "unknown");
	else if (sa->ss_family == AF_INET6)
		snprintf(text, ADDRESS_TEXT_LEN, "[%s]:%s", host, port);
	else
		snprintf(text, ADDRESS_TEXT_LEN, "%s:%s", host, port);
}

void address_format_peer(int fd, char text[ADDRESS_TEXT_LEN])
{
	struct sockaddr_storage sa = { 0 };
	socklen_t len = sizeof(sa);

	if (getpeername(fd, (struct sockaddr *)&sa, &len))
		len = 0;
	address_format(&sa, len, text);
}

bool address_is_of(int fd, const struct addrinfo *ai)
{
	struct sockaddr_storage sa = { 0 };
	socklen_t len = sizeof(sa);

	return !getsockname(fd, (struct sockaddr *)&sa, &len) && len == ai->ai_addrlen &&
	       !memcmp(&sa, ai->ai_addr, len);
}
