/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TCP addresses as text: "host:port", "192.0.2.1:port", "[2001:db8::1]:port", and ":port" to
 * listen. */
#ifndef _QKD_COMMON_ADDRESS_H
#define _QKD_COMMON_ADDRESS_H

#include <netdb.h>
#include <stdbool.h>
#include <sys/socket.h>

#define ADDRESS_HOST_LEN 256
#define ADDRESS_TEXT_LEN 64

struct address {
	char host[ADDRESS_HOST_LEN]; /* "" where none was given */
	char port[6]; /* 1..65535, no leading zero */
};

/* -EINVAL: not of the forms above; a bare IPv6 address without brackets is refused as ambiguous. */
int address_parse(const char *text, struct address *address);

/*
 * Looks the host up (this may wait for name servers). @passive: to listen; no host means all
 * addresses, otherwise it is refused. 0 and a list for freeaddrinfo(), or a value for
 * gai_strerror().
 */
int address_resolve(const struct address *address, bool passive, struct addrinfo **list);

/* Whether the socket @fd is bound to this address */
bool address_is_of(int fd, const struct addrinfo *ai);

/* "192.0.2.1:443", "[2001:db8::1]:443" or "unknown" */
void address_format(const struct sockaddr_storage *sa, socklen_t len, char text[ADDRESS_TEXT_LEN]);

/* The other end of a connected socket, likewise */
void address_format_peer(int fd, char text[ADDRESS_TEXT_LEN]);

#endif /* _QKD_COMMON_ADDRESS_H */
