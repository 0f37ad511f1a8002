/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One link: its feed, its KMEs, and what is under way between them. link.c has its life and its feed, flight.c the
 * requests. After each event link_advance() looks at everything and starts what is due; nothing else starts requests.
 */
#ifndef QKDKMED_LINK_H
#define QKDKMED_LINK_H

#include <systemd/sd-event.h>

#include "qkdkmed/complaint.h"
#include "qkdkmed/exchange.h"
#include "qkdkmed/failover.h"
#include "qkdkmed/feed.h"
#include "qkdkmed/lookup.h"
#include "qkdkmed/pool.h"

/**
 * struct link_counters - since the start
 * @outbound: keys given to the kernel
 * @inbound: likewise
 * @refused: IDs that all KMEs refused
 * @dropped: keys that came and that the kernel did not take
 * @requests: to KMEs
 * @failures: of them
 */
struct link_counters {
	uint64_t outbound;
	uint64_t inbound;
	uint64_t refused;
	uint64_t dropped;
	uint64_t requests;
	uint64_t failures;
};

struct flight;

/**
 * struct link
 * @next: of the daemon's
 * @config: where @settings live; a reference
 * @settings: the link's section
 * @generation: counts configurations, so that a request knows whether its KME is still the one of its number
 * @event: the loop
 * @http: the daemon's
 * @feed: the kernel's side
 * @feed_source: its events
 * @feed_backoff: tries to open it
 * @feed_complaint: why it could not be opened
 * @remote_sae: whom KMEs are asked about
 * @timer: when to look again
 * @failover: KMEs
 * @complaints: about each, by what was asked
 * @pool: outbound keys
 * @pool_asked: a request for some is under way
 * @lookup: inbound keys
 * @flights: requests under way
 * @reported: what the kernel was told last, QKD_LINK_*
 * @counters: for the log
 */
struct link {
	struct link *next;
	struct config *config;
	const struct link_config *settings;
	unsigned int generation;
	sd_event *event;
	struct http *http;
	struct feed feed;
	sd_event_source *feed_source;
	struct backoff feed_backoff;
	struct complaint feed_complaint;
	char remote_sae[QKD_SAE_ID_LEN_MAX + 1];
	sd_event_source *timer;
	struct failover failover;
	struct complaint complaints[CONFIG_KMES_MAX][FAILOVER_KINDS];
	struct pool pool;
	bool pool_asked;
	struct lookup lookup;
	struct flight *flights;
	uint32_t reported;
	struct link_counters counters;
};

/* 0 and *@link, or a negative errno. @settings is a section of @config. */
int link_new(struct link **link, struct config *config, const struct link_config *settings,
	     sd_event *event, struct http *http);

/* Ends its requests, closes its feed. */
void link_free(struct link *link);

/*
 * Goes on by other settings. The feed stays; requests under way end as they began, since what they ask for is in no KME
 * any more.
 */
void link_configure(struct link *link, struct config *config, const struct link_config *settings);

/* Starts what is due, and sets the timer. */
void link_advance(struct link *link);

void link_report_counters(const struct link *link);

/* flight.c */

/* Starts the requests that are due; moves *@when_ms to when the next will be, if that is earlier. */
void flights_start(struct link *link, uint64_t now_ms, uint64_t *when_ms);
void flights_cancel(struct link *link);

/* Asks the kernel for its level and wants what is missing; unless @always, only if that is below the link's `low`. */
void link_fill(struct link *link, bool always);
void link_close_feed(struct link *link);

#endif /* QKDKMED_LINK_H */
