// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "common/address.h"
#include "common/clock.h"
#include "common/log.h"
#include "qkdtlsd/agent/watch.h"

#define LOOK_US 1000000

/* The place of tcpi_bytes_acked in the kernel's structure, which goes on where that of older C libraries ends */
#define BYTES_ACKED_AT 120

union tcp_state {
	struct tcp_info info;
	uint8_t bytes[BYTES_ACKED_AT + sizeof(uint64_t)];
};

#define MS_PER_S 1000ULL

/**
 * struct watched - one connection
 * @next: in the list
 * @service: by whose limits
 * @fd: a descriptor of its socket; the kernel's user has the socket, too
 * @suite: its cipher suite
 * @since: CLOCK_MONOTONIC in milliseconds
 */
struct watched {
	struct watched *next;
	const struct service *service;
	int fd;
	uint16_t suite;
	uint64_t since;
};

static uint64_t bytes_sent(const union tcp_state *state)
{
	uint64_t bytes;

	memcpy(&bytes, state->bytes + BYTES_ACKED_AT, sizeof(bytes));
	return bytes;
}

/* NULL, or which limit has been reached */
static const char *limit_of(const struct watched *watched, const union tcp_state *state)
{
	const struct service_config *config = watched->service->config;
	const uint64_t age_ms = clock_ms() - watched->since;

	if (config->key_update_seconds && age_ms >= config->key_update_seconds * MS_PER_S)
		return "key-update-seconds";
	if (config->key_update_bytes && bytes_sent(state) >= config->key_update_bytes)
		return "key-update-bytes";
	if (qkdtls_ktls_count(watched->fd, watched->suite, true) >= config->key_update_records)
		return "key-update-records";
	if (qkdtls_ktls_count(watched->fd, watched->suite, false) >= QKDTLS_KEY_RECORDS_MAX)
		return "as many records as a key may protect, from the peer";
	return NULL;
}

/* Whoever uses it sees a connection that has broken down, and makes another. */
static void cut_off(const struct watched *watched, const char *limit)
{
	char peer[ADDRESS_TEXT_LEN];

	address_format_peer(watched->fd, peer);
	log_info("service=%s peer=%s the key has reached its limit (%s): the connection is cut off",
		 watched->service->config->name, peer, limit);
	shutdown(watched->fd, SHUT_RDWR);
}

static bool is_over(const struct watched *watched)
{
	union tcp_state state = { 0 };
	socklen_t len = sizeof(state);
	const char *limit;

	if (getsockopt(watched->fd, IPPROTO_TCP, TCP_INFO, &state, &len) ||
	    state.info.tcpi_state != TCP_ESTABLISHED)
		return true;
	limit = limit_of(watched, &state);
	if (limit)
		cut_off(watched, limit);
	return limit != NULL;
}

static int set_timer(struct watch *watch)
{
	int ret = sd_event_source_set_time_relative(watch->timer, LOOK_US);

	if (ret >= 0)
		ret = sd_event_source_set_enabled(watch->timer, SD_EVENT_ONESHOT);
	return ret < 0 ? ret : 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *arg)
{
	struct watch *watch = arg;
	struct watched **place = &watch->list;

	while (*place) {
		struct watched *watched = *place;

		if (!is_over(watched)) {
			place = &watched->next;
			continue;
		}
		*place = watched->next;
		close(watched->fd);
		free(watched);
	}
	if (watch->list)
		return set_timer(watch);
	watch->on_empty(watch->arg);
	return 0;
}

int watch_begin(struct watch *watch, sd_event *event, void (*on_empty)(void *arg), void *arg)
{
	int ret;

	*watch = (struct watch){ .event = event, .on_empty = on_empty, .arg = arg };
	ret = sd_event_add_time_relative(event, &watch->timer, CLOCK_MONOTONIC, LOOK_US, 0,
					 on_timer, watch);
	if (ret >= 0)
		ret = sd_event_source_set_enabled(watch->timer, SD_EVENT_OFF);
	return ret < 0 ? ret : 0;
}

void watch_end(struct watch *watch)
{
	struct watched *next;

	for (struct watched *watched = watch->list; watched; watched = next) {
		next = watched->next;
		close(watched->fd);
		free(watched);
	}
	sd_event_source_disable_unref(watch->timer);
	*watch = (struct watch){ 0 };
}

int watch_add(struct watch *watch, const struct service *service, int fd, uint16_t suite)
{
	struct watched *watched = malloc(sizeof(*watched));
	int ret = watched ? 0 : -ENOMEM;

	if (!ret && !watch->list)
		ret = set_timer(watch);
	if (ret) {
		free(watched);
		return ret;
	}
	*watched = (struct watched){
		.next = watch->list,
		.service = service,
		.fd = fd,
		.suite = suite,
		.since = clock_ms(),
	};
	watch->list = watched;
	return 0;
}

bool watch_is_empty(const struct watch *watch)
{
	return !watch->list;
}

unsigned int watch_count(const struct watch *watch, const struct service *service)
{
	unsigned int count = 0;

	for (const struct watched *w = watch->list; w; w = w->next)
		count += w->service == service;
	return count;
}
