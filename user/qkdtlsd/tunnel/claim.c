// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdint.h>
#include <sys/socket.h>

#include "qkdtlsd/tunnel/claim.h"
#include "qkdtlsd/service.h"
#include "qkdtlsd/tunnel/sources.h"

static const struct refusal too_many_connections = {
	END_BUSY,
	"as many connections as max-connections allows",
};
static const struct refusal too_many_handshakes = {
	END_HANDSHAKES,
	"as many handshakes at a time as max-handshakes allows",
};
static const struct refusal too_many_connections_of_source = {
	END_SOURCE,
	"as many connections from there as max-connections-per-source allows",
};
static const struct refusal too_many_handshakes_of_source = {
	END_SOURCE,
	"as many handshakes at a time from there as max-handshakes-per-source allows",
};
static const struct refusal too_many_sources = {
	END_SOURCE,
	"connections from more addresses than can be counted",
};

static bool counts_sources(const struct service_config *config)
{
	return config->max_connections_per_source < config->max_connections ||
	       config->max_handshakes_per_source < config->max_handshakes;
}

static const struct refusal *take_of_source(struct claim *claim, int fd)
{
	const struct service *service = claim->service;
	struct sockaddr_storage sa = { 0 };
	socklen_t len = sizeof(sa);
	struct source_counts counts;

	/* Gone already: found out as soon as somebody reads. */
	if (getpeername(fd, (struct sockaddr *)&sa, &len))
		return NULL;
	claim->source = source_enter(service->worker, counters_place(service->counters), &sa);
	if (!claim->source)
		return &too_many_sources;
	counts = source_counts(claim->source);
	if (counts.connections > service->config->max_connections_per_source)
		return &too_many_connections_of_source;
	if (counts.handshakes > service->config->max_handshakes_per_source)
		return &too_many_handshakes_of_source;
	return NULL;
}

const struct refusal *claim_take(struct claim *claim, struct service *service, int fd)
{
	const struct service_config *config = service->config;
	const struct refusal *refusal = NULL;

	*claim = (struct claim){ .service = service, .shaking = true };
	service->counters->handshakes[service->worker]++;
	/* First what is its own doing: whoever is refused for all should not wonder about others. */
	if (counts_sources(config))
		refusal = take_of_source(claim, fd);
	if (refusal)
		return refusal;
	if (counters_open(service->counters) > config->max_connections)
		return &too_many_connections;
	if (counters_handshakes(service->counters) > config->max_handshakes)
		return &too_many_handshakes;
	return NULL;
}

void claim_shaken(struct claim *claim)
{
	if (!claim->shaking)
		return;
	claim->shaking = false;
	claim->service->counters->handshakes[claim->service->worker]--;
	if (claim->source)
		source_shaken(claim->source);
}

void claim_drop(struct claim *claim)
{
	if (!claim->service)
		return;
	if (claim->source)
		source_leave(claim->source, claim->shaking);
	if (claim->shaking)
		claim->service->counters->handshakes[claim->service->worker]--;
	*claim = (struct claim){ 0 };
}
