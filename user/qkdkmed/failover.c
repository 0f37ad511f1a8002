// SPDX-License-Identifier: GPL-2.0-or-later
#include "qkdkmed/failover.h"

void failover_init(struct failover *failover, const struct link_config *config,
		   uint32_t (*random)(void))
{
	*failover = (struct failover){
		.count = config->kme_count,
		.retry_max_ms = config->retry_max_s * 1000,
		.random = random,
	};
	for (size_t i = 0; i < failover->count; i++)
		failover->sources[i].kme = config->kmes[i];
}

/* Keys are not drawn from a KME that has not said how many it gives at once. */
static bool ready(const struct source *source, enum etsi014_call call)
{
	return call != ETSI014_ENC_KEYS || source->status_known;
}

/* It may still say so: at the start a later one whose answer comes first is not preferred for that. */
static bool pending(const struct source *source)
{
	return !source->status_known && !source->backoff[ETSI014_STATUS].failures;
}

int failover_pick(const struct failover *failover, enum etsi014_call call, uint64_t now_ms,
		  unsigned int but, uint64_t *when_ms)
{
	for (size_t i = 0; i < failover->count; i++) {
		const struct source *source = &failover->sources[i];

		if (but & (1U << i))
			continue;
		if (!ready(source, call)) {
			if (pending(source))
				return FAILOVER_NONE;
			continue;
		}
		if (backoff_due(&source->backoff[call], now_ms))
			return (int)i;
		if (source->backoff[call].until_ms < *when_ms)
			*when_ms = source->backoff[call].until_ms;
	}
	return FAILOVER_NONE;
}

void failover_failed(struct failover *failover, size_t source, enum etsi014_call call,
		     uint64_t now_ms, bool lasting)
{
	struct backoff *backoff = &failover->sources[source].backoff[call];

	if (lasting)
		backoff_fail_long(backoff, now_ms, failover->retry_max_ms, failover->random());
	else
		backoff_fail(backoff, now_ms, failover->retry_max_ms, failover->random());
}

void failover_worked(struct failover *failover, size_t source, enum etsi014_call call)
{
	backoff_reset(&failover->sources[source].backoff[call]);
}

enum failover_state failover_state(const struct failover *failover)
{
	enum failover_state state = FAILOVER_DOWN;

	for (size_t i = 0; i < failover->count; i++) {
		const struct source *source = &failover->sources[i];

		if (source->backoff[ETSI014_STATUS].failures)
			continue;
		if (source->status_known)
			return FAILOVER_UP;
		state = FAILOVER_UNKNOWN;
	}
	return state;
}

size_t failover_limit(const struct failover *failover, size_t source, size_t batch)
{
	const uint32_t limit = failover->sources[source].status.max_key_per_request;

	return limit && limit < batch ? limit : batch;
}
