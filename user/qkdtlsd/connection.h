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
#include "qkdtlsd/keys.h"
#include "qkdtlsd/pump.h"
#include "qkdtlsd/report.h"
#include "qkdtlsd/signature.h"

struct service;

/**
 * struct connection
 * @prev: in the service's list, as @next
 * @next: see @prev
 * @service: outlives the connection
 * @step: place in the order of steps for its service's mode
 * @fd: sockets by enum pump_side, -1: not yet
 * @io: their event sources
 * @deadline: until the tunnel runs
 * @key_io: the key device, while waiting for an outbound key
 * @key_retry: when to ask for the key again
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
	unsigned int step;
	int fd[2];
	sd_event_source *io[2];
	sd_event_source *deadline;
	sd_event_source *key_io;
	sd_event_source *key_retry;
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

/* Ends it before its time. */
void connection_stop(struct connection *connection);

#endif /* QKDTLSD_CONNECTION_H */
