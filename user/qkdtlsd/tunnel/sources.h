/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How many connections and handshakes there are now from each source address, over all workers: an IPv4 address, or the /64
 * of an IPv6 address, which is what one customer of a provider has.
 *
 * Each worker writes a table of its own, in memory that all processes of the daemon share, and reads everybody's: so no lock
 * is needed, and what a worker that died has left there, the master clears. A worker that was taken over can falsify its
 * table, and so make others refuse, or not refuse, what comes.
 */
#ifndef QKDTLSD_SOURCES_H
#define QKDTLSD_SOURCES_H

#include <stdint.h>
#include <sys/socket.h>

struct source; /* a place in this worker's table */

struct source_counts {
	uint32_t connections;
	uint32_t handshakes; /* of these connections, those in their handshake */
};

/* Before any process is forked: 0 or a negative errno */
int sources_init(void);

/*
 * One connection more to the service @service (struct counters.place), in its handshake, of this @worker. NULL: this worker
 * has as many sources as it can have, or the address is none of IPv4 or IPv6.
 */
struct source *source_enter(unsigned int worker, uint32_t service,
			    const struct sockaddr_storage *sa);

/* Its handshake is over. */
void source_shaken(struct source *source);

/* The connection is over, which was in its handshake or not. */
void source_leave(struct source *source, _Bool shaking);

/* All that this source has with this service, the connection included */
struct source_counts source_counts(const struct source *source);

/* @worker is no more. Master only */
void sources_forget(unsigned int worker);

#endif /* QKDTLSD_SOURCES_H */
