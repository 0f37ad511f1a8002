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
#include "qkdtlsd/keys.h"
#include "qkdtlsd/report.h"

struct connection;
struct listener;

/**
 * struct service
 * @next: next service of the daemon
 * @config: its section; the daemon's
 * @event: the daemon's loop
 * @on_idle: called when the last connection has ended, with @on_idle_arg
 * @keyed: engine configuration for connections over the link; its context is set when the link is first
 *	seen, which may be long after the private key can no longer be read
 * @keyless: the same with a context that nobody has, while there is no link
 * @context_set: @keyed has its context, which is @context
 * @target: addresses to connect to
 * @listeners: open sockets
 * @connections: all that have not ended
 * @open: how many
 * @counters: since the start
 */
struct service {
	struct service *next;
	const struct service_config *config;
	sd_event *event;
	void (*on_idle)(void *arg);
	void *on_idle_arg;
	struct qkdtls_config *keyed;
	struct qkdtls_config *keyless;
	bool context_set;
	uint8_t context[QKDTLS_LINK_CONTEXT_LEN];
	struct addrinfo *target;
	struct listener *listeners;
	struct connection *connections;
	unsigned int open;
	struct counters counters;
};

/*
 * Reads certificates and keys and checks that they are enough. NULL: failed, and @message, of
 * SETTINGS_MESSAGE_LEN characters, says why in one line.
 */
struct service *service_new(const struct service_config *config, char *message);
void service_free(struct service *service); /* NULL does nothing; ends connections */

/* Looks addresses up and binds. 0, or a negative errno after a message in the log. */
int service_listen(struct service *service, sd_event *event);
void service_stop_listening(struct service *service);

/* Ends what is still open. */
void service_stop(struct service *service);

/*
 * The engine configuration for a connection with @keys. Where the link is not the one that the service
 * began with, no key comes from it.
 */
struct qkdtls_config *service_tls(struct service *service, struct keys *keys);

/* For connections: enter and leave the service's list. */
void service_add(struct service *service, struct connection *connection);
void service_remove(struct service *service, struct connection *connection);

#endif /* QKDTLSD_SERVICE_H */
