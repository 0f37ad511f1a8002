// SPDX-License-Identifier: GPL-2.0-only
/*
 * Whether a link is of use: its provider says whether keys come, and those who use the keys whether both
 * ends hold the same ones under one ID. A peer that proves nothing with a key that this end really holds
 * has other bytes under its ID, or is none: one such is nothing, several on end mean that the ends are
 * out of step, and many in a short time that somebody tries.
 *
 * This tells, and changes nothing: keys of a degraded link are handed out as before, since a stranger
 * who copies identities into hellos of his own could stop a link otherwise.
 */
#include <linux/ktime.h>

#include "qkd.h"

#define ALARM_TIME \
	(10 * NSEC_PER_SEC) /* in which QKD_ALARM_FAILURES alarm, and for which once is enough */

/*
 * All with the link's lock held: the provider's report or the settings may have changed. A provider that
 * does not deliver is worse than keys that do not match.
 */
void qkd_health_settle(struct qkd_link *link)
{
	u32 limit = link->settings.degrade_after;
	u32 state = link->report.state;

	lockdep_assert_held(&link->lock);
	if (state == QKD_LINK_UP && limit && link->health.in_a_row >= limit)
		state = QKD_LINK_DEGRADED;
	qkd_event_state(link, state);
}

/* A key has been committed: the peer has the same. */
void qkd_health_match(struct qkd_link *link)
{
	link->health.in_a_row = 0;
	qkd_health_settle(link);
}

static void note_failure(struct qkd_link *link)
{
	struct qkd_health *health = &link->health;
	u64 now = ktime_get_coarse_boottime_ns();
	u64 first;

	/* A ring: where the next one goes is the first of the last QKD_ALARM_FAILURES. */
	health->failures[health->next] = now;
	health->next = (health->next + 1) % QKD_ALARM_FAILURES;
	first = health->failures[health->next];
	if (!first || now - first >= ALARM_TIME ||
	    (health->alarmed && now - health->alarmed < ALARM_TIME))
		return;
	health->alarmed = now;
	qkd_event_raise(link, QKD_EVENT_BINDER_FAILURES);
}

/* A binder failed on a key that was held. */
void qkd_health_mismatch(struct qkd_link *link)
{
	link->store.stats[QKD_A_STATS_MISMATCHED]++;
	if (link->health.in_a_row < U32_MAX)
		link->health.in_a_row++;
	note_failure(link);
	qkd_health_settle(link);
}
