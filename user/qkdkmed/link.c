// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/clock.h"
#include "common/log.h"
#include "qkdkmed/link.h"

#define REQUESTS	  64
#define US_PER_MS	  1000ULL
#define ACCURACY_US	  1000 /* 0 would be a quarter of a second */
#define FEED_RETRY_MAX_MS 5000

static uint32_t random_number(void)
{
	uint32_t number = 0;

	/* Only spreads retries: without it they come at the same time. */
	if (getrandom(&number, sizeof(number), GRND_NONBLOCK) != sizeof(number))
		return 0;
	return number;
}

/* The feed */

void link_close_feed(struct link *link)
{
	link->feed_source = sd_event_source_disable_unref(link->feed_source);
	feed_close(&link->feed);
	/* The kernel says to the next feed what is wanted then. What is under way may still be. */
	lookup_expire(&link->lookup, UINT64_MAX);
	link->pool.wanted = 0;
	link->reported = QKD_LINK_DOWN;
}

void link_fill(struct link *link, bool always)
{
	struct qkd_info info;
	int ret = feed_info(&link->feed, &info);

	if (ret) {
		log_warning("link \"%s\": the kernel does not tell how many keys it has: %s",
			    link->settings->name, strerror(-ret));
		return;
	}
	if (!always && info.outbound_fresh && info.outbound_fresh >= info.low)
		return;
	/* The kernel speaks up when its level falls below `low`; kept below that it would be silent. */
	link->pool.high = link->settings->high;
	if (link->pool.high < 2 * (size_t)info.low)
		link->pool.high = 2 * (size_t)info.low;
	pool_fill(&link->pool, info.outbound_fresh,
		  info.capacity > info.outbound_fresh ? info.capacity - info.outbound_fresh : 0);
}

static void on_request(struct link *link, const struct qkd_feed_request *request)
{
	switch (request->type) {
	case QKD_FEED_KEYS:
		link_fill(link, true);
		break;
	case QKD_FEED_ID:
		if (lookup_add(&link->lookup, request->key_id, clock_ms() + request->timeout_ms))
			log_warning("link \"%s\": more than %d keys wanted at once",
				    link->settings->name, LOOKUP_MAX);
		break;
	case QKD_FEED_CLOSE:
		log_info("link \"%s\": it has gone", link->settings->name);
		link_close_feed(link);
		break;
	default: /* of a later kernel */
		break;
	}
}

static void read_feed(struct link *link)
{
	struct qkd_feed_request requests[REQUESTS];
	int n;

	do {
		n = feed_read(&link->feed, requests, REQUESTS);
		for (int i = 0; i < n && link->feed.fd >= 0; i++)
			on_request(link, &requests[i]);
	} while (n == REQUESTS && link->feed.fd >= 0);
	if (link->feed.fd < 0 || n > 0 || n == -EAGAIN || n == -EINTR)
		return;
	if (n)
		log_warning("link \"%s\": cannot read its feed: %s", link->settings->name,
			    strerror(-n));
	link_close_feed(link);
}

static int on_feed(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct link *link = arg;

	read_feed(link);
	link_advance(link);
	return 0;
}

static int name_remote(struct link *link)
{
	struct qkd_info info;
	int ret = feed_info(&link->feed, &info);

	if (!ret)
		snprintf(link->remote_sae, sizeof(link->remote_sae), "%s",
			 link->settings->remote_sae ?: info.remote_sae);
	return ret;
}

static int open_feed(struct link *link)
{
	int ret = feed_open(&link->feed, link->settings->name);

	if (!ret)
		ret = name_remote(link);
	if (!ret)
		ret = sd_event_add_io(link->event, &link->feed_source, link->feed.fd, EPOLLIN,
				      on_feed, link);
	if (ret < 0)
		link_close_feed(link);
	return ret < 0 ? ret : 0;
}

static const char *why_closed(int error)
{
	switch (error) {
	case -ENOENT:
	case -ENXIO:
		return "there is no /dev/qkd: load the module qkd";
	case -ENODEV:
		return "there is no such link: qkdctl link add NAME provider feed ...";
	case -EOPNOTSUPP:
		return "it has another provider than \"feed\"";
	case -EBUSY:
		return "another process feeds it";
	case -EPERM:
		return "CAP_NET_ADMIN is needed to feed it";
	default:
		return strerror(-error);
	}
}

static void try_feed(struct link *link, uint64_t now_ms, uint64_t *when_ms)
{
	char who[QKD_LINK_NAME_LEN + 16];
	int ret;

	if (link->feed.fd >= 0)
		return;
	snprintf(who, sizeof(who), "link \"%s\"", link->settings->name);
	if (backoff_due(&link->feed_backoff, now_ms)) {
		ret = open_feed(link);
		if (!ret) {
			complaint_over(&link->feed_complaint, who);
			backoff_reset(&link->feed_backoff);
			log_info("%s: feeding it with keys for SAE \"%s\"", who, link->remote_sae);
			return;
		}
		complaint_about(&link->feed_complaint, who, why_closed(ret));
		backoff_fail(&link->feed_backoff, now_ms, FEED_RETRY_MAX_MS, random_number());
	}
	if (link->feed_backoff.until_ms < *when_ms)
		*when_ms = link->feed_backoff.until_ms;
}

static void report(struct link *link)
{
	const enum failover_state kmes = failover_state(&link->failover);
	const uint32_t state = kmes == FAILOVER_UP ? QKD_LINK_UP : QKD_LINK_DOWN;
	int ret;

	if (link->feed.fd < 0 || state == link->reported || kmes == FAILOVER_UNKNOWN)
		return;
	ret = feed_report(&link->feed, state);
	if (ret) {
		log_warning("link \"%s\": the kernel does not take a report: %s",
			    link->settings->name, strerror(-ret));
		return;
	}
	link->reported = state;
	if (state == QKD_LINK_UP)
		log_info("link \"%s\": up", link->settings->name);
	else
		log_warning("link \"%s\": down: none of its KMEs answers", link->settings->name);
}

/* Going on */

static int on_timer(sd_event_source *source, uint64_t usec, void *arg)
{
	link_advance(arg);
	return 0;
}

void link_advance(struct link *link)
{
	const uint64_t now = clock_ms();
	uint64_t when = UINT64_MAX, deadline;

	lookup_expire(&link->lookup, now);
	try_feed(link, now, &when);
	if (link->feed.fd >= 0)
		flights_start(link, now, &when);
	report(link);
	deadline = lookup_next(&link->lookup);
	if (deadline < when)
		when = deadline;
	sd_event_source_set_enabled(link->timer,
				    when == UINT64_MAX ? SD_EVENT_OFF : SD_EVENT_ONESHOT);
	if (when != UINT64_MAX)
		sd_event_source_set_time(link->timer, when * US_PER_MS);
}

void link_configure(struct link *link, struct config *config, const struct link_config *settings)
{
	config_get(config);
	config_put(link->config);
	link->config = config;
	link->settings = settings;
	link->generation++;
	failover_init(&link->failover, settings, random_number);
	memset(link->complaints, 0, sizeof(link->complaints));
	lookup_reset(&link->lookup);
	if (link->feed.fd < 0)
		return;
	name_remote(link);
	link_fill(link, true);
}

int link_new(struct link **out, struct config *config, const struct link_config *settings,
	     sd_event *event, struct http *http)
{
	struct link *link = calloc(1, sizeof(*link));
	int ret;

	if (!link)
		return -ENOMEM;
	link->event = event;
	link->http = http;
	link->feed = FEED_CLOSED;
	link->reported = QKD_LINK_DOWN;
	ret = sd_event_add_time(event, &link->timer, CLOCK_MONOTONIC, 0, ACCURACY_US, on_timer,
				link);
	if (ret < 0) {
		free(link);
		return ret;
	}
	link_configure(link, config, settings);
	*out = link;
	return 0;
}

void link_free(struct link *link)
{
	flights_cancel(link);
	link_close_feed(link);
	sd_event_source_disable_unref(link->timer);
	config_put(link->config);
	free(link);
}

void link_report_counters(const struct link *link)
{
	const struct link_counters *c = &link->counters;

	log_info("link=%s outbound=%" PRIu64 " inbound=%" PRIu64 " refused=%" PRIu64
		 " dropped=%" PRIu64 " requests=%" PRIu64 " failures=%" PRIu64,
		 link->settings->name, c->outbound, c->inbound, c->refused, c->dropped, c->requests,
		 c->failures);
}
