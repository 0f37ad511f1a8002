// SPDX-License-Identifier: GPL-2.0-or-later
/* A link's requests to its KMEs, and what becomes of their answers. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/clock.h"
#include "common/log.h"
#include "qkdkmed/link.h"

#define WHO_LEN (2 * CONFIG_NAME_MAX + 32)

/**
 * struct flight - a request under way
 * @link: whose
 * @next: of its flights
 * @prev: likewise, where the pointer to this one is
 * @config: where @kme lives; a reference
 * @kme: who was asked
 * @generation: of the link when it was started
 * @call: what for
 * @source: the KME's number, if @generation is still the link's
 * @number: keys asked for
 * @batch: dec_keys: which
 * @exchange: the request
 */
struct flight {
	struct link *link;
	struct flight *next, **prev;
	struct config *config;
	const struct kme_config *kme;
	unsigned int generation;
	enum etsi014_call call;
	size_t source;
	size_t number;
	struct lookup_batch batch;
	struct exchange *exchange;
};

static void flight_free(struct flight *flight)
{
	*flight->prev = flight->next;
	if (flight->next)
		flight->next->prev = flight->prev;
	config_put(flight->config);
	free(flight);
}

/* Are the link's KMEs still those it had when this was started? */
static bool current(const struct flight *flight)
{
	return flight->generation == flight->link->generation;
}

static void who(const struct flight *flight, char text[WHO_LEN])
{
	snprintf(text, WHO_LEN, "link \"%s\": kme \"%s\"", flight->link->settings->name,
		 flight->kme->name);
}

/* What an answer says of the KME */

static void failed(struct flight *flight, const struct exchange_result *result)
{
	struct link *link = flight->link;
	char text[WHO_LEN];

	link->counters.failures++;
	who(flight, text);
	if (!current(flight)) {
		log_warning("%s: %s", text, result->text);
		return;
	}
	complaint_about(&link->complaints[flight->source][flight->call], text, result->text);
	/* Of keys asked for by ID the refusal is about the keys, not about the KME. */
	if (flight->call == ETSI014_DEC_KEYS && result->outcome != OUTCOME_RETRY)
		return;
	failover_failed(&link->failover, flight->source, flight->call, clock_ms(),
			result->outcome != OUTCOME_RETRY);
	/* Is it down? */
	if (flight->call != ETSI014_STATUS)
		link->failover.sources[flight->source].status_due_ms = 0;
}

static void worked(struct flight *flight)
{
	struct link *link = flight->link;
	char text[WHO_LEN];

	if (!current(flight))
		return;
	who(flight, text);
	complaint_over(&link->complaints[flight->source][flight->call], text);
	failover_worked(&link->failover, flight->source, flight->call);
}

/* Status */

static void status_done(struct flight *flight, const struct exchange_result *result)
{
	struct link *link = flight->link;
	struct source *source;

	if (!current(flight))
		return;
	source = &link->failover.sources[flight->source];
	source->status_asked = false;
	source->status_due_ms = clock_ms() + link->settings->status_interval_s * 1000ULL;
	if (result->outcome != OUTCOME_OK) {
		failed(flight, result);
		source->status_due_ms =
			link->failover.sources[flight->source].backoff[ETSI014_STATUS].until_ms;
		return;
	}
	source->status = result->status;
	source->status_known = true;
	worked(flight);
}

/* Outbound keys */

/* How many the kernel took. *@full: it has no room for more. */
static size_t deliver_outbound(struct link *link, const struct key_list *keys, bool *full)
{
	char id[QKD_ID_TEXT_LEN + 1];
	size_t taken = 0;
	int ret;

	for (size_t i = 0; i < keys->count && !*full; i++) {
		ret = feed_key(&link->feed, QKD_DIR_OUTBOUND, &keys->keys[i]);
		if (!ret) {
			taken++;
		} else if (ret == -ENOSPC) {
			*full = true;
		} else {
			qkd_id_format(keys->keys[i].id, id);
			log_warning("link \"%s\": the kernel does not take key %s: %s",
				    link->settings->name, id, strerror(-ret));
		}
	}
	link->counters.outbound += taken;
	link->counters.dropped += keys->count - taken;
	return taken;
}

static void enc_done(struct flight *flight, const struct exchange_result *result)
{
	struct exchange_result none = { .outcome = OUTCOME_RETRY };
	struct link *link = flight->link;
	bool full = false;
	size_t taken = 0;

	if (result->outcome == OUTCOME_OK && link->feed.fd >= 0)
		taken = deliver_outbound(link, result->keys, &full);
	link->pool_asked = false;
	pool_done(&link->pool, flight->number, taken, full);
	if (result->outcome != OUTCOME_OK) {
		failed(flight, result);
	} else if (taken || full) {
		worked(flight);
		if (!link->pool.wanted && !full && link->feed.fd >= 0)
			link_fill(link, false);
	} else {
		snprintf(none.text, sizeof(none.text), "enc_keys: %zu keys, none of use",
			 result->keys->count);
		failed(flight, &none);
	}
}

/* Inbound keys */

static void refuse(struct link *link, const uint8_t *id, int err)
{
	int ret;

	if (!err || link->feed.fd < 0)
		return;
	link->counters.refused++;
	ret = feed_refuse(&link->feed, id, err);
	if (ret && ret != -ENOENT)
		log_warning("link \"%s\": the kernel does not take a refusal: %s",
			    link->settings->name, strerror(-ret));
}

static void deliver_inbound(struct link *link, const struct qkd_key *key)
{
	char id[QKD_ID_TEXT_LEN + 1];
	int ret = link->feed.fd < 0 ? -ENODEV : feed_key(&link->feed, QKD_DIR_INBOUND, key);

	lookup_found(&link->lookup, key->id);
	if (!ret) {
		link->counters.inbound++;
		return;
	}
	link->counters.dropped++;
	qkd_id_format(key->id, id);
	log_warning("link \"%s\": the kernel does not take key %s: %s", link->settings->name, id,
		    strerror(-ret));
	/* The KME has let go of it: who waits waits in vain. */
	refuse(link, key->id, ENOKEY);
}

/* Those of the batch that @keys (or NULL: none) does not have are refused. */
static void refuse_missing(struct flight *flight, const struct key_list *keys, bool access)
{
	struct link *link = flight->link;
	const struct lookup_batch *batch = &flight->batch;

	for (size_t i = 0; i < batch->count; i++) {
		if (keys && key_list_find(keys, batch->ids[i]))
			continue;
		refuse(link, batch->ids[i],
		       lookup_refused(&link->lookup, batch->ids[i], flight->source, access,
				      failover_all(&link->failover)));
	}
}

static void dec_refused(struct flight *flight, const struct exchange_result *result)
{
	struct link *link = flight->link;

	if (flight->batch.count > 1)
		lookup_split(&link->lookup, &flight->batch);
	else
		refuse_missing(flight, NULL, result->outcome == OUTCOME_DENIED);
}

static void dec_done(struct flight *flight, const struct exchange_result *result)
{
	struct link *link = flight->link;

	lookup_landed(&link->lookup);
	if (result->outcome == OUTCOME_OK) {
		for (size_t i = 0; i < result->keys->count; i++)
			deliver_inbound(link, &result->keys->keys[i]);
		worked(flight);
	} else {
		failed(flight, result);
	}
	if (result->outcome == OUTCOME_RETRY || !current(flight))
		lookup_again(&link->lookup, &flight->batch);
	else if (result->outcome == OUTCOME_OK)
		refuse_missing(flight, result->keys, false);
	else
		dec_refused(flight, result);
}

/* All */

static void on_done(const struct exchange_result *result, void *arg)
{
	static void (*const done[FAILOVER_KINDS])(struct flight *,
						  const struct exchange_result *) = {
		[ETSI014_STATUS] = status_done,
		[ETSI014_ENC_KEYS] = enc_done,
		[ETSI014_DEC_KEYS] = dec_done,
	};
	struct flight *flight = arg;
	struct link *link = flight->link;

	done[flight->call](flight, result);
	flight_free(flight);
	link_advance(link);
}

static struct flight *flight_new(struct link *link, enum etsi014_call call, size_t source)
{
	struct flight *flight = calloc(1, sizeof(*flight));

	if (!flight)
		return NULL;
	flight->link = link;
	flight->config = config_get(link->config);
	flight->kme = link->failover.sources[source].kme;
	flight->generation = link->generation;
	flight->call = call;
	flight->source = source;
	flight->prev = &link->flights;
	flight->next = link->flights;
	if (flight->next)
		flight->next->prev = &flight->next;
	link->flights = flight;
	return flight;
}

static int take_off(struct flight *flight, uint64_t timeout_ms)
{
	const struct exchange_request request = {
		.kme = flight->kme,
		.call = flight->call,
		.remote_sae = flight->link->remote_sae,
		.number = flight->number,
		.ids = flight->call == ETSI014_DEC_KEYS ? flight->batch.ids : NULL,
		.timeout_ms = timeout_ms < UINT32_MAX ? (uint32_t)timeout_ms : UINT32_MAX,
		.done = on_done,
		.arg = flight,
	};

	flight->link->counters.requests++;
	return exchange_start(flight->link->http, &request, &flight->exchange);
}

/* A request that could not be made has failed: its source backs off, so that this is not tried for ever. */
static void crash(struct flight *flight, int error)
{
	struct exchange_result result = { .outcome = OUTCOME_WRONG };

	snprintf(result.text, sizeof(result.text), "%s: cannot be asked: %s",
		 etsi014_call_name(flight->call), strerror(-error));
	failed(flight, &result);
	if (flight->call == ETSI014_DEC_KEYS)
		failover_failed(&flight->link->failover, flight->source, flight->call, clock_ms(),
				true);
	flight_free(flight);
}

static void start_status(struct link *link, size_t number)
{
	struct source *source = &link->failover.sources[number];
	struct flight *flight = flight_new(link, ETSI014_STATUS, number);
	int ret;

	if (!flight)
		return;
	source->status_asked = true;
	ret = take_off(flight, UINT64_MAX);
	if (!ret)
		return;
	source->status_asked = false;
	crash(flight, ret);
	source->status_due_ms = source->backoff[ETSI014_STATUS].until_ms;
}

static void start_enc(struct link *link, size_t source)
{
	struct flight *flight = flight_new(link, ETSI014_ENC_KEYS, source);
	int ret;

	if (!flight)
		return;
	flight->number = pool_take(&link->pool,
				   failover_limit(&link->failover, source, link->settings->batch));
	link->pool_asked = true;
	ret = take_off(flight, UINT64_MAX);
	if (!ret)
		return;
	link->pool_asked = false;
	pool_done(&link->pool, flight->number, 0, false);
	crash(flight, ret);
}

static int start_dec(struct link *link, const struct lookup_batch *batch, uint64_t now_ms)
{
	struct flight *flight = flight_new(link, ETSI014_DEC_KEYS, batch->source);
	int ret;

	if (!flight) {
		lookup_landed(&link->lookup);
		lookup_again(&link->lookup, batch);
		return -ENOMEM;
	}
	flight->batch = *batch;
	flight->number = batch->count;
	ret = take_off(flight, batch->deadline_ms > now_ms ? batch->deadline_ms - now_ms : 1);
	if (!ret)
		return 0;
	lookup_landed(&link->lookup);
	lookup_again(&link->lookup, batch);
	crash(flight, ret);
	return ret;
}

static void start_statuses(struct link *link, uint64_t now_ms, uint64_t *when_ms)
{
	for (size_t i = 0; i < link->failover.count; i++) {
		struct source *source = &link->failover.sources[i];
		uint64_t due = source->status_due_ms;

		if (source->status_asked)
			continue;
		if (due < source->backoff[ETSI014_STATUS].until_ms)
			due = source->backoff[ETSI014_STATUS].until_ms;
		if (due <= now_ms)
			start_status(link, i);
		else if (due < *when_ms)
			*when_ms = due;
	}
}

void flights_start(struct link *link, uint64_t now_ms, uint64_t *when_ms)
{
	struct lookup_batch batch;
	int source;

	while (lookup_take(&link->lookup, &link->failover, link->settings->batch, now_ms, &batch,
			   when_ms)) {
		if (start_dec(link, &batch, now_ms))
			break;
	}
	start_statuses(link, now_ms, when_ms);
	if (!link->pool.wanted || link->pool_asked)
		return;
	source = failover_pick(&link->failover, ETSI014_ENC_KEYS, now_ms, 0, when_ms);
	if (source != FAILOVER_NONE)
		start_enc(link, (size_t)source);
}

void flights_cancel(struct link *link)
{
	while (link->flights) {
		exchange_cancel(link->flights->exchange);
		flight_free(link->flights);
	}
}
