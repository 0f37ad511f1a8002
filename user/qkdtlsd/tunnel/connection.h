/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The life of one connection: a client service connects to its peer, then shakes hands; a server service
 * shakes hands, then connects to its application, which so never hears of strangers. Then the tunnel runs
 * until both streams have ended. Owned by its service's list; frees itself when it ends.
 */
#ifndef QKDTLSD_CONNECTION_H
#define QKDTLSD_CONNECTION_H

#include <netdb.h>
#include <systemd/sd-event.h>

#include "common/handshake_io.h"
#include "qkdtlsd/tunnel/claim.h"
#include "qkdtlsd/tunnel/keys.h"
#include "qkdtlsd/tunnel/pump.h"
#include "qkdtlsd/tunnel/report.h"
#include "qkdtlsd/process/signature.h"

struct service;
struct connection;

/**
 * struct connection_use - what is done with a socket that somebody has brought, instead of a tunnel
 * @on_end: called once, with brought.arg, when all has happened to the connection that will, as its report says:
 *	END_HANDED_OVER, and the kernel protects the socket's records; else the handshake has failed, and the socket is shut
 *	down, unless it had not begun (@connection->handshake.conn is NULL). What @connection has, its descriptor of the
 *	socket included, goes when this returns; the log is written afterwards. NULL: no memory for one.
 */
struct connection_use {
	void (*on_end)(void *arg, struct connection *connection);
};

/**
 * struct brought - a connected TCP socket that comes from elsewhere
 * @fd: a descriptor of it. Others have it too: nothing here depends on its flags, nor changes them.
 * @by: who has brought it, for the log
 * @timeout_ms: for the handshake, if that is less than handshake-timeout
 * @use: what for, with @arg
 * @arg: see @use
 */
struct brought {
	int fd;
	const char *by;
	uint64_t timeout_ms;
	const struct connection_use *use;
	void *arg;
};

/**
 * struct connection
 * @prev: in the service's list, as @next
 * @next: see @prev
 * @service: outlives the connection
 * @use: of a socket that was brought, with @use_arg; NULL: there will be a tunnel
 * @use_arg: see @use
 * @step: place in the order of steps for its service's mode, or for @use
 * @fd: sockets by enum pump_side, -1: not yet
 * @io: their event sources
 * @claim: what it takes of the service's limits
 * @deadline: until the tunnel runs
 * @idle: then: when the time without a byte is up; NULL: there is no limit
 * @moved_ms: when the last byte moved
 * @key_io: the key device, while waiting for an outbound key
 * @retry: when to ask again for a key, or for a pipe
 * @target: address that is being tried, or the one to be tried next
 * @keys: where the key comes from
 * @handshake: its conn is NULL before the handshake
 * @signature: its CertificateVerify
 * @pump: the tunnel
 * @pumping: @pump is in use
 * @report: for the log
 */
struct connection {
	struct connection *prev;
	struct connection *next;
	struct service *service;
	const struct connection_use *use;
	void *use_arg;
	unsigned int step;
	int fd[2];
	sd_event_source *io[2];
	struct claim claim;
	sd_event_source *deadline;
	sd_event_source *idle;
	uint64_t moved_ms;
	sd_event_source *key_io;
	sd_event_source *retry;
	const struct addrinfo *target;
	struct keys keys;
	struct handshake_io handshake;
	struct signature signature;
	struct pump pump;
	bool pumping;
	struct report report;
};

/* Takes over the accepted socket @fd. What goes wrong is in the log and the counters. */
void connection_start(struct service *service, int fd);

/*
 * A handshake on a socket that somebody has brought, by the configuration of @service, which is client or server by its mode.
 * Takes @brought->fd over. The end is in the log and the counters and told by @brought->use, maybe before this returns: then
 * NULL.
 */
struct connection *connection_bring(struct service *service, const struct brought *brought);

/* End it before its time; @text says why. */
void connection_abort(struct connection *connection, enum end_reason reason, const char *text);
void connection_stop(struct connection *connection);

#endif /* QKDTLSD_CONNECTION_H */
