/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sets of IP addresses as text: "192.0.2.1", "192.0.2.0/24", "2001:db8::/32", several of them separated by commas. */
#ifndef _QKD_COMMON_PREFIX_H
#define _QKD_COMMON_PREFIX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define PREFIXES_MAX 16

/* IPv4 addresses are kept as ::ffff:192.0.2.1, as which they come to IPv6 sockets. */
struct prefix {
	uint8_t address[16];
	unsigned int bits;
};

struct prefixes {
	size_t count;
	struct prefix list[PREFIXES_MAX];
};

/* 0; -EINVAL: not of the forms above, or bits behind the prefix are set; -E2BIG: more than PREFIXES_MAX */
int prefixes_parse(const char *text, struct prefixes *prefixes);

/* Is the IP address in one of them? */
bool prefixes_have(const struct prefixes *prefixes, const struct sockaddr_storage *sa);

#endif /* _QKD_COMMON_PREFIX_H */
