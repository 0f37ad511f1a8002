/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One [service] of the configuration: its listeners, its certificates, its connections. Owned by the
 * daemon; owns its connections.
 */
#ifndef QKDTLSD_SERVICE_H
#define QKDTLSD_SERVICE_H

#include <netdb.h>
#include <systemd/sd-event.h>
#include <qkd/qkdtls.h>

#include "qkdtlsd/config.h"
#include "qkdtlsd/tunnel/keys.h"
#include "qkdtlsd/pace.h"
#include "qkdtlsd/tunnel/report.h"
#include "qkdtlsd/process/signature.h"

struct connection;
struct handover;
struct listener;

/**
 * struct service
 * @next: next service of the daemon
 * @config: its section; the daemon's
 * @place: which of the daemon's services it is, from 0
 * @event: the worker's loop
 * @signing: the worker's way to the private key
 * @worker: which one this is
 * @on_idle: called when the last connection has ended, with @on_idle_arg
 * @keyed: engine configuration for connections over the link, without the private key; its context is set when the link is
 *	first seen
 * @keyless: the same with a context that nobody has, while there is no link
 * @context_set: @keyed has its context, which is @context
 * @target: addresses to connect to
 * @listeners: open sockets
 * @connections: all that have not ended
 * @handovers: programs that bring a socket and have no answer yet, @handover_count of them
 * @handover_count: see @handovers
 * @counters: since the start, of all workers; among them how many are open here
 * @pace: of this worker's lines about connections that were never established
 */
struct service {
	struct service *next;
	const struct service_config *config;
	uint32_t place;
	sd_event *event;
	struct signing *signing;
	unsigned int worker;
	void (*on_idle)(void *arg);
	void *on_idle_arg;
	struct qkdtls_config *keyed;
	struct qkdtls_config *keyless;
	bool context_set;
	uint8_t context[QKDTLS_LINK_CONTEXT_LEN];
	struct addrinfo *target;
	struct listener *listeners;
	struct connection *connections;
	struct handover *handovers;
	unsigned int handover_count;
	struct counters *counters;
	struct pace pace;
};

/*
 * Reads certificates and checks that they are enough; private keys are the signer's. NULL: failed, and @message, of
 * SETTINGS_MESSAGE_LEN characters, says why in one line.
 */
struct service *service_new(const struct service_config *config, uint32_t place, char *message);
void service_free(struct service *service); /* NULL does nothing; ends connections */

/*
 * Looks addresses up and binds them, in the master. Sockets of @old, services of the configuration before or NULL, that listen at
 * the same addresses are used on, with who waits there; at one where another of @all listens there is nothing to be had. 0, or a negative errno after a message in the log.
 */
int service_bind(struct service *service, const struct service *all, const struct service *old);

/* Says in the log how a connection has ended; those that were never established at a bounded rate. */
void service_report_end(struct service *service, struct report *report);

/* The sockets that are bound, in @fds, unless that is NULL; how many */
size_t service_sockets(const struct service *service, int *fds);

/* Accepts connections, in a worker. 0 or a negative errno */
int service_serve(struct service *service, sd_event *event, struct signing *signing,
		  unsigned int worker);
void service_stop_listening(struct service *service);

/* Ends what is still open. */
void service_stop(struct service *service);

/*
 * The engine configuration for a connection with @keys. Where the link is not the one that the service
 * began with, no key comes from it.
 */
struct qkdtls_config *service_tls(struct service *service, struct keys *keys);

/* Connections of this worker that have not ended, and programs that wait for one */
unsigned int service_open(const struct service *service);

/* For who has just ended one: has @on_idle called if there is none left. */
void service_idle(const struct service *service);

/* For connections: enter and leave the service's list. */
void service_add(struct service *service, struct connection *connection);
void service_remove(struct service *service, struct connection *connection);

#endif /* QKDTLSD_SERVICE_H */
