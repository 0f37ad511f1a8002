// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <string.h>
#include <arpa/inet.h>
#include <netinet/in.h>

#include "common/number.h"
#include "common/prefix.h"

#define ADDRESS_BITS  128
#define IPV4_BITS     32
#define IPV4_MAPPED   12 /* bytes before the IPv4 address */
#define TEXT_MAX      64
#define BITS_PER_BYTE 8

static const uint8_t mapped[IPV4_MAPPED] = { [10] = 0xff, [11] = 0xff };

static void set_ipv4(uint8_t address[16], const void *ipv4)
{
	memcpy(address, mapped, IPV4_MAPPED);
	memcpy(address + IPV4_MAPPED, ipv4, 4);
}

/* The byte that says of byte @i of an address which of its bits are in the prefix */
static uint8_t mask(unsigned int bits, unsigned int i)
{
	const unsigned int before = i * BITS_PER_BYTE;

	if (bits <= before)
		return 0;
	if (bits - before >= BITS_PER_BYTE)
		return 0xff;
	return (uint8_t)(0xff << (BITS_PER_BYTE - (bits - before)));
}

static int parse_address(const char *text, struct prefix *prefix, unsigned int *bits)
{
	struct in_addr ipv4;

	*bits = ADDRESS_BITS;
	if (inet_pton(AF_INET6, text, prefix->address) == 1)
		return 0;
	if (inet_pton(AF_INET, text, &ipv4) != 1)
		return -EINVAL;
	set_ipv4(prefix->address, &ipv4);
	*bits = IPV4_BITS;
	return 0;
}

static int parse_prefix(char *text, struct prefix *prefix)
{
	char *slash = strchr(text, '/');
	unsigned int width;
	uint32_t bits;

	if (slash)
		*slash = '\0';
	if (parse_address(text, prefix, &width))
		return -EINVAL;
	bits = width;
	if (slash && number_parse(slash + 1, 0, width, &bits))
		return -EINVAL;
	prefix->bits = ADDRESS_BITS - width + bits;
	for (unsigned int i = 0; i < sizeof(prefix->address); i++) {
		if (prefix->address[i] & ~mask(prefix->bits, i))
			return -EINVAL;
	}
	return 0;
}

int prefixes_parse(const char *text, struct prefixes *prefixes)
{
	char one[TEXT_MAX];
	const char *begin = text + strspn(text, " ");
	size_t len;

	prefixes->count = 0;
	for (;;) {
		len = strcspn(begin, ", ");
		if (!len || len >= sizeof(one))
			return -EINVAL;
		if (prefixes->count == PREFIXES_MAX)
			return -E2BIG;
		memcpy(one, begin, len);
		one[len] = '\0';
		if (parse_prefix(one, &prefixes->list[prefixes->count++]))
			return -EINVAL;
		begin += len;
		begin += strspn(begin, " ");
		if (!*begin)
			return 0;
		if (*begin != ',')
			return -EINVAL;
		begin++;
		begin += strspn(begin, " ");
	}
}

static bool address_of(const struct sockaddr_storage *sa, uint8_t address[16])
{
	if (sa->ss_family == AF_INET)
		set_ipv4(address, &((const struct sockaddr_in *)sa)->sin_addr);
	else if (sa->ss_family == AF_INET6)
		memcpy(address, &((const struct sockaddr_in6 *)sa)->sin6_addr, 16);
	else
		return false;
	return true;
}

static bool has(const struct prefix *prefix, const uint8_t address[16])
{
	for (unsigned int i = 0; i < sizeof(prefix->address); i++) {
		if ((address[i] ^ prefix->address[i]) & mask(prefix->bits, i))
			return false;
	}
	return true;
}

bool prefixes_have(const struct prefixes *prefixes, const struct sockaddr_storage *sa)
{
	uint8_t address[16];

	if (!address_of(sa, address))
		return false;
	for (size_t i = 0; i < prefixes->count; i++) {
		if (has(&prefixes->list[i], address))
			return true;
	}
	return false;
}
