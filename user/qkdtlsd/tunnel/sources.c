// SPDX-License-Identifier: GPL-2.0-or-later
#include <endian.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <netinet/in.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "qkdtlsd/counters.h"
#include "qkdtlsd/tunnel/sources.h"

/* Thrice as many as a service may have connections: with so much room SOURCE_PROBES are enough. */
#define SOURCE_BITS   15
#define SOURCE_PLACES (1U << SOURCE_BITS)
#define SOURCE_PROBES 32

/* Before the first of IPv6's global addresses, so that no /64 is taken for an IPv4 address */
#define IPV4_PREFIX (0xffffULL << 32)

/**
 * struct source - one place of a table
 * @address: the /64, or IPV4_PREFIX and the address
 * @service: whose limits it is counted for
 * @connections: 0: the place is free. Both names of a place are changed only then, and counted up only behind that
 * @handshakes: of them
 */
struct source {
	_Atomic uint64_t address;
	_Atomic uint32_t service;
	_Atomic uint32_t connections;
	_Atomic uint32_t handshakes;
};

/* With what is behind the last, so that no sequence of probes needs to begin again at the first */
struct table {
	struct source places[SOURCE_PLACES + SOURCE_PROBES];
};

/**
 * struct shared - all that is shared, by worker
 * @connections: of all its places; side by side, for every connection looks at all of them
 * @tables: the places
 */
static struct shared {
	_Atomic uint32_t connections[WORKERS_MAX];
	struct table tables[WORKERS_MAX];
} * shared;

/* Odd and nobody's: who chooses addresses cannot choose where they fall. */
static uint64_t multiplier;

int sources_init(void)
{
	/* Most of it is never touched. */
	void *memory = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		return -errno;
	shared = memory;
	if (getrandom(&multiplier, sizeof(multiplier), 0) != sizeof(multiplier))
		return -EIO;
	multiplier |= 1;
	return 0;
}

/* false: not of the internet */
static bool name_of(const struct sockaddr_storage *sa, uint64_t *name)
{
	const struct sockaddr_in *in = (const void *)sa;
	const struct sockaddr_in6 *in6 = (const void *)sa;
	uint32_t low;

	if (sa->ss_family == AF_INET) {
		*name = IPV4_PREFIX | ntohl(in->sin_addr.s_addr);
		return true;
	}
	if (sa->ss_family != AF_INET6)
		return false;
	if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
		memcpy(&low, in6->sin6_addr.s6_addr + 12, sizeof(low));
		*name = IPV4_PREFIX | ntohl(low);
		return true;
	}
	memcpy(name, in6->sin6_addr.s6_addr, sizeof(*name));
	*name = be64toh(*name);
	return true;
}

static struct source *first_place(struct table *table, uint64_t address, uint32_t service)
{
	const uint64_t mixed = (address ^ (uint64_t)service << 48) * multiplier;

	return &table->places[mixed >> (64 - SOURCE_BITS)];
}

static bool is_of(const struct source *source, uint64_t address, uint32_t service)
{
	return source->address == address && source->service == service;
}

/* The place in this table that has the name, or else, if wanted, a free one that gets it */
static struct source *find(struct table *table, uint64_t address, uint32_t service, bool make)
{
	struct source *place = first_place(table, address, service), *room = NULL;

	for (int i = 0; i < SOURCE_PROBES; i++, place++) {
		if (place->connections && is_of(place, address, service))
			return place;
		if (!place->connections && !room)
			room = place;
	}
	if (!make || !room)
		return NULL;
	room->address = address;
	room->service = service;
	return room;
}

static size_t worker_of(const struct source *source)
{
	return (size_t)((const char *)source - (const char *)shared->tables) /
	       sizeof(shared->tables[0]);
}

struct source *source_enter(unsigned int worker, uint32_t service,
			    const struct sockaddr_storage *sa)
{
	struct source *source;
	uint64_t address;

	if (!name_of(sa, &address))
		return NULL;
	source = find(&shared->tables[worker], address, service, true);
	if (!source)
		return NULL;
	source->connections++;
	source->handshakes++;
	shared->connections[worker]++;
	return source;
}

void source_shaken(struct source *source)
{
	source->handshakes--;
}

void source_leave(struct source *source, bool shaking)
{
	if (shaking)
		source->handshakes--;
	source->connections--;
	shared->connections[worker_of(source)]--;
}

struct source_counts source_counts(const struct source *source)
{
	struct source_counts sum = { 0 }, one;
	const uint64_t address = source->address;
	const uint32_t service = source->service;
	const struct source *there;

	for (size_t i = 0; i < WORKERS_MAX; i++) {
		there = shared->connections[i] ? find(&shared->tables[i], address, service, false)
					       : NULL;
		if (!there)
			continue;
		one = (struct source_counts){ there->connections, there->handshakes };
		/* Its worker may have given the place to somebody else meanwhile. */
		if (!is_of(there, address, service))
			continue;
		sum.connections += one.connections;
		sum.handshakes += one.handshakes;
	}
	return sum;
}

void sources_forget(unsigned int worker)
{
	struct table *table = &shared->tables[worker];

	if (!shared->connections[worker])
		return;
	for (size_t i = 0; i < SOURCE_PLACES + SOURCE_PROBES; i++) {
		if (!table->places[i].connections)
			continue; /* most pages are not there */
		table->places[i].connections = 0;
		table->places[i].handshakes = 0;
	}
	shared->connections[worker] = 0;
}
