// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <sys/random.h>

#include "common/address.h"
#include "common/clock.h"
#include "common/log.h"
#include "common/pause.h"
#include "common/tcp.h"
#include "qkdtlsd/activation.h"
#include "qkdtlsd/tunnel/connection.h"
#include "qkdtlsd/door.h"
#include "qkdtlsd/handover/handover.h"
#include "qkdtlsd/service.h"

/* Connections taken from the queue before others have their turn */
#define ACCEPT_BATCH 16

/**
 * struct listener - one listening socket of a service, which owns it
 * @next: next of the service
 * @service: the owner
 * @fd: the socket
 * @io: its event source
 * @pause: after a failure, when to try again
 */
struct listener {
	struct listener *next;
	struct service *service;
	int fd;
	sd_event_source *io;
	sd_event_source *pause;
};

/* Engine configuration */

static int revocation_setup(struct qkdtls_config *tls, const struct service_config *config)
{
	int ret = 0;

	if (config->ocsp_staple)
		ret = qkdtls_config_set_ocsp_staple(tls, config->ocsp_staple);
	if (!ret && config->crl)
		ret = qkdtls_config_set_crl(tls, config->crl);
	return ret ? ret : qkdtls_config_set_ocsp_required(tls, config->ocsp_required);
}

static int stream_setup(struct qkdtls_config *tls, const struct service_config *config)
{
	const struct qkdtls_key_limits limits = {
		.records = config->key_update_records,
		.bytes = config->key_update_bytes,
		.seconds = config->key_update_seconds,
	};
	int ret = qkdtls_config_set_key_limits(tls, &limits);

	if (!ret)
		ret = qkdtls_config_set_record_size_limit(tls, config->record_size_limit);
	if (!ret && config->alpn)
		ret = qkdtls_config_set_alpn(tls, config->alpn);
	return ret ? ret : qkdtls_config_set_spare_key(tls, config->spare_key);
}

static int tls_setup(struct qkdtls_config *tls, const struct service_config *config)
{
	int ret = qkdtls_config_set_policy(tls, config->policy);

	if (!ret && config->certificate)
		ret = qkdtls_config_set_certificate_chain(tls, config->certificate);
	if (!ret && config->trust)
		ret = qkdtls_config_set_trust(tls, config->trust);
	if (!ret)
		ret = revocation_setup(tls, config);
	if (!ret && config->peer_name)
		ret = qkdtls_config_set_peer_name(tls, config->peer_name);
	if (!ret && config->mode == QKDTLS_SERVER)
		ret = qkdtls_config_set_verify_client(tls, config->verify_client);
	if (!ret && config->groups)
		ret = qkdtls_config_set_groups(tls, config->groups, config->allow_classical_groups);
	if (!ret && config->ciphers)
		ret = qkdtls_config_set_ciphers(tls, config->ciphers);
	if (!ret && config->signatures)
		ret = qkdtls_config_set_signatures(tls, config->signatures);
	if (!ret && config->chain_signatures)
		ret = qkdtls_config_set_chain_signatures(tls, config->chain_signatures);
	return ret ? ret : stream_setup(tls, config);
}

static struct qkdtls_config *tls_new(const struct service_config *config, char *message)
{
	struct qkdtls_config *tls = qkdtls_config_new();
	uint8_t context[QKDTLS_LINK_CONTEXT_LEN];
	int ret = -ENOMEM;

	if (!tls)
		goto err_free;
	if (getrandom(context, sizeof(context), 0) != sizeof(context)) {
		ret = -EIO;
		goto err_free;
	}
	ret = tls_setup(tls, config);
	if (!ret)
		ret = qkdtls_config_set_psk_imported(tls, context);
	if (!ret)
		ret = qkdtls_config_check(tls, config->mode);
	if (!ret)
		return tls;
err_free:
	snprintf(message, SETTINGS_MESSAGE_LEN, "service \"%s\": %s", config->name,
		 tls && *qkdtls_config_message(tls) ? qkdtls_config_message(tls) : strerror(-ret));
	qkdtls_config_unref(tls);
	return NULL;
}

struct service *service_new(const struct service_config *config, uint32_t place, char *message)
{
	struct service *service = calloc(1, sizeof(*service));

	if (!service) {
		snprintf(message, SETTINGS_MESSAGE_LEN, "out of memory");
		return NULL;
	}
	service->config = config;
	service->place = place;
	service->counters = counters_of(config->name);
	if (!service->counters) {
		snprintf(
			message, SETTINGS_MESSAGE_LEN,
			"service \"%s\": more names of services since the start than are counted; restart",
			config->name);
		service_free(service);
		return NULL;
	}
	service->keyed = tls_new(config, message);
	if (service->keyed)
		service->keyless = tls_new(config, message);
	if (service->keyless)
		return service;
	service_free(service);
	return NULL;
}

void service_free(struct service *service)
{
	if (!service)
		return;
	service_stop_listening(service);
	service_stop(service);
	if (service->pace.withheld)
		log_warning("service=%s not-logged=%llu", service->config->name,
			    (unsigned long long)service->pace.withheld);
	if (service->target)
		freeaddrinfo(service->target);
	qkdtls_config_unref(service->keyed);
	qkdtls_config_unref(service->keyless);
	free(service);
}

struct qkdtls_config *service_tls(struct service *service, struct keys *keys)
{
	if (keys->problem)
		return service->keyless;
	/* No connection has used @keyed before its context is known, so it may still be changed. */
	if (!service->context_set) {
		if (qkdtls_config_set_psk_imported(service->keyed, keys->context)) {
			keys_refuse(keys, "the link's context was not accepted");
			return service->keyless;
		}
		memcpy(service->context, keys->context, sizeof(service->context));
		service->context_set = true;
	}
	if (!memcmp(service->context, keys->context, sizeof(service->context)))
		return service->keyed;
	keys_refuse(keys,
		    "the link has come back with other SAE IDs; restart qkdtlsd if that is right");
	return service->keyless;
}

/* Connections */

unsigned int service_open(const struct service *service)
{
	return service->counters->open[service->worker] + service->handover_count;
}

void service_idle(const struct service *service)
{
	if (!service_open(service) && service->on_idle)
		service->on_idle(service->on_idle_arg);
}

void service_add(struct service *service, struct connection *connection)
{
	connection->next = service->connections;
	if (connection->next)
		connection->next->prev = connection;
	service->connections = connection;
	service->counters->open[service->worker]++;
}

void service_remove(struct service *service, struct connection *connection)
{
	if (connection->prev)
		connection->prev->next = connection->next;
	else
		service->connections = connection->next;
	if (connection->next)
		connection->next->prev = connection->prev;
	service->counters->open[service->worker]--;
	service_idle(service);
}

void service_stop(struct service *service)
{
	while (service->connections)
		connection_stop(service->connections);
	while (service->handovers)
		handover_stop(service->handovers);
}

void service_report_end(struct service *service, struct report *report)
{
	/* One who never gets through can come as often as he likes. */
	if (!report->established && !pace_allows(&service->pace, clock_ms()))
		return;
	report->withheld = pace_withheld(&service->pace);
	report_end(report, service->config->name);
}

/* Listeners */

/* One connection: 0 or a negative errno */
static int listener_accept(const struct listener *listener)
{
	int fd;

	if (listener->service->config->hand_over)
		return handover_accept(listener->service, listener->fd);
	fd = tcp_accept(listener->fd);
	if (fd >= 0)
		connection_start(listener->service, fd);
	return fd < 0 ? fd : 0;
}

static int on_accept(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct listener *listener = arg;
	int ret;

	for (int i = 0; i < ACCEPT_BATCH; i++) {
		ret = listener_accept(listener);
		if (ret == -EAGAIN)
			break;
		if (pause_helps(-ret)) {
			log_warning("service=%s accepting paused: %s",
				    listener->service->config->name, strerror(-ret));
			pause_listener(listener->io, &listener->pause);
			break;
		}
	}
	return 0;
}

static void listener_free(struct listener *listener)
{
	sd_event_source_disable_unref(listener->pause);
	sd_event_source_disable_unref(listener->io);
	if (listener->fd >= 0)
		close(listener->fd);
	free(listener);
}

static void listener_announce(const struct listener *listener)
{
	struct sockaddr_storage sa = { 0 };
	socklen_t len = sizeof(sa);
	char text[ADDRESS_TEXT_LEN];

	if (getsockname(listener->fd, (struct sockaddr *)&sa, &len))
		len = 0;
	address_format(&sa, len, text);
	log_info("service=%s listening=%s", listener->service->config->name,
		 sa.ss_family == AF_UNIX ? ((struct sockaddr_un *)&sa)->sun_path : text);
}

static const struct listener *find_listener(const struct service *services,
					    const struct addrinfo *ai)
{
	for (const struct service *s = services; s; s = s->next)
		for (const struct listener *l = s->listeners; l; l = l->next)
			if (address_is_of(l->fd, ai))
				return l;
	return NULL;
}

static int another(int fd)
{
	const int ret = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	return ret < 0 ? -errno : ret;
}

/* Another descriptor of the socket that systemd or one of @old has there already, or a new socket; none that one of @all has */
static int listener_socket(const struct service *service, const struct service *all,
			   const struct service *old, const struct addrinfo *ai)
{
	const struct service_config *config = service->config;
	const int given = activation_at(ai);
	const struct listener *listener = find_listener(old, ai);

	if (find_listener(all, ai))
		return -EADDRINUSE;
	if (given != -ENOENT)
		return given < 0 ? given : another(given);
	if (listener && (!config->hand_over || door_is_there(config)))
		return another(listener->fd);
	return config->hand_over ? door_listen(config) : tcp_listen(ai);
}

/* @fd: of listener_socket() or another(), which it takes over */
static int listener_add(struct service *service, int fd)
{
	struct listener *listener = fd < 0 ? NULL : calloc(1, sizeof(*listener));

	if (fd < 0)
		return fd;
	if (!listener) {
		close(fd);
		return -ENOMEM;
	}
	listener->service = service;
	listener->fd = fd;
	listener->next = service->listeners;
	service->listeners = listener;
	listener_announce(listener);
	return 0;
}

static int resolve(const struct service *service, const struct address *address, bool passive,
		   struct addrinfo **list)
{
	int ret = address_resolve(address, passive, list);

	if (!ret)
		return 0;
	log_error("service=%s address \"%s\": %s", service->config->name, address->host,
		  gai_strerror(ret));
	*list = NULL;
	return -EADDRNOTAVAIL;
}

/* Sockets of systemd that have the service's name: how many, or a negative errno after a message in the log */
static int bind_named(struct service *service)
{
	unsigned int n = 0;
	int fd, ret;

	while ((fd = activation_named(service->config, n)) >= 0) {
		ret = listener_add(service, another(fd));
		if (ret) {
			log_error("service=%s cannot listen at a socket of systemd: %s",
				  service->config->name, strerror(-ret));
			return ret;
		}
		n++;
	}
	return fd == -ENOENT ? (int)n : fd;
}

static int bind_door(struct service *service, const struct service *all, const struct service *old)
{
	const struct service_config *config = service->config;
	struct door_address address;
	int ret;

	door_address(config, &address);
	ret = listener_add(service, listener_socket(service, all, old, &address.ai));
	if (!ret)
		return 0;
	log_error(
		"service=%s cannot listen at \"%s\": %s (its directory must be there, and this user's)",
		config->name, config->hand_over, strerror(-ret));
	return ret;
}

static int bind_addresses(struct service *service, const struct service *all,
			  const struct service *old)
{
	struct addrinfo *list;
	int ret = resolve(service, &service->config->listen, true, &list);

	if (ret)
		return ret;
	for (const struct addrinfo *ai = list; ai && !ret; ai = ai->ai_next)
		ret = listener_add(service, listener_socket(service, all, old, ai));
	freeaddrinfo(list);
	if (ret)
		log_error("service=%s cannot listen at \"%s\" port %s: %s", service->config->name,
			  service->config->listen.host, service->config->listen.port,
			  strerror(-ret));
	return ret;
}

int service_bind(struct service *service, const struct service *all, const struct service *old)
{
	const bool door = service->config->hand_over;
	int ret;

	if (service->config->from == FROM_KERNEL)
		return 0;
	ret = door ? 0 : resolve(service, &service->config->connect, false, &service->target);
	if (!ret)
		ret = bind_named(service);
	if (ret)
		return ret < 0 ? ret : 0;
	return door ? bind_door(service, all, old) : bind_addresses(service, all, old);
}

size_t service_sockets(const struct service *service, int *fds)
{
	size_t count = 0;

	for (const struct listener *l = service->listeners; l; l = l->next) {
		if (fds)
			fds[count] = l->fd;
		count++;
	}
	return count;
}

int service_serve(struct service *service, sd_event *event, struct signing *signing,
		  unsigned int worker)
{
	int ret = 0;

	service->event = event;
	service->signing = signing;
	service->worker = worker;
	for (struct listener *l = service->listeners; l && ret >= 0; l = l->next)
		ret = sd_event_add_io(event, &l->io, l->fd, EPOLLIN, on_accept, l);
	return ret < 0 ? ret : 0;
}

void service_stop_listening(struct service *service)
{
	struct listener *next;

	for (struct listener *listener = service->listeners; listener; listener = next) {
		next = listener->next;
		listener_free(listener);
	}
	service->listeners = NULL;
}
