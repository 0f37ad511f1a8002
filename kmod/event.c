// SPDX-License-Identifier: GPL-2.0-only
/*
 * What a link says of itself to those who listen: its state, and how many outbound keys are left.
 *
 * A state is told at once, and replaces one that has not been told yet. A level is told at once too if
 * the last was told some time ago, else when that time is over: a level that flaps is told of once in a
 * while, all it has fallen to since then, and where it is last. So no low level is lost, the last word is
 * the true one, and however fast keys come and go there are few events. Plenty that was over before it was
 * told is not: who was told last that there is none has not been told wrong.
 */
#include <linux/jiffies.h>
#include <linux/ktime.h>
#include <linux/minmax.h>

#include "qkd.h"
#include "trace.h"

#define LEVEL_INTERVAL HZ
#define EXPIRED_BULK   16 /* keys */
#define EXPIRED_TIME   (10 * NSEC_PER_SEC)

#define STATE_EVENTS \
	(BIT(QKD_EVENT_LINK_UP) | BIT(QKD_EVENT_LINK_DOWN) | BIT(QKD_EVENT_LINK_DEGRADED))

/* By QKD_LINK_*: what is said when it begins */
static const enum qkd_event_type state_events[] = {
	[QKD_LINK_UP] = QKD_EVENT_LINK_UP,
	[QKD_LINK_DOWN] = QKD_EVENT_LINK_DOWN,
	[QKD_LINK_DEGRADED] = QKD_EVENT_LINK_DEGRADED,
};

/* By enum qkd_level: what is said when it is reached */
static const enum qkd_event_type level_events[] = {
	[QKD_LEVEL_PLENTY] = QKD_EVENT_KEY_AVAILABLE,
	[QKD_LEVEL_LOW] = QKD_EVENT_KEY_LOW,
	[QKD_LEVEL_EMPTY] = QKD_EVENT_KEY_EMPTY,
};

/* With the link's lock held: has an event told at once, once however often it is raised until then. */
void qkd_event_raise(struct qkd_link *link, enum qkd_event_type type)
{
	lockdep_assert_held(&link->lock);
	link->events |= BIT(type);
	if (link->announced && !link->dead)
		mod_delayed_work(link->provider->wq, &link->event_work, 0);
}

static void raise_state(struct qkd_link *link)
{
	link->events &= ~STATE_EVENTS;
	qkd_event_raise(link, state_events[link->state]);
}

/* With the link's lock held. A change of state is an event. */
void qkd_event_state(struct qkd_link *link, u32 state)
{
	if (state == link->state)
		return;
	link->state = state;
	trace_link_state(link, state);
	raise_state(link);
}

/* Outbound keys with which there are enough again, after there were too few */
static u32 high_water(const struct qkd_link *link)
{
	u32 low = link->settings.low;

	return min(link->capacity, low + max(1U, low / 4));
}

/* Between the marks a level stays what it was: that is what keeps it from flapping. */
static enum qkd_level level_of(const struct qkd_link *link)
{
	u32 left = qkd_store_outbound(&link->store);

	if (!left)
		return QKD_LEVEL_EMPTY;
	if (left >= high_water(link))
		return QKD_LEVEL_PLENTY;
	if (left < link->settings.low && link->level == QKD_LEVEL_PLENTY)
		return QKD_LEVEL_LOW;
	return link->level;
}

/* Jiffies until a level may be told. They may have come round since the last was, which is not to delay it. */
static unsigned long level_delay(const struct qkd_link *link)
{
	const unsigned long now = jiffies, next = link->level_told_at + LEVEL_INTERVAL;

	return time_in_range_open(now, link->level_told_at, next) ? next - now : 0;
}

/* Keys that nobody takes are told of in bulk, and now and then. */
static void tell_expired(struct qkd_link *link)
{
	u64 expired = link->store.stats[QKD_A_STATS_EXPIRED];
	u64 now;

	if (expired - link->expired_told < EXPIRED_BULK)
		return;
	now = ktime_get_coarse_boottime_ns();
	if (link->expired_told && now - link->expired_told_at < EXPIRED_TIME)
		return;
	link->expired_told = expired;
	link->expired_told_at = now;
	qkd_event_raise(link, QKD_EVENT_KEYS_EXPIRED);
}

static void tell_levels_in_time(struct qkd_link *link)
{
	if (link->announced && !link->dead)
		queue_delayed_work(link->provider->wq, &link->event_work, level_delay(link));
}

/* With the link's lock held, when outbound keys may have come or gone, or any have grown too old. */
void qkd_event_level(struct qkd_link *link)
{
	enum qkd_level level = level_of(link);

	tell_expired(link);
	if (level == link->level)
		return;
	/* Who falls from plenty to nothing was low on the way. */
	if (level == QKD_LEVEL_EMPTY && link->level == QKD_LEVEL_PLENTY)
		link->level_left[QKD_LEVEL_LOW] = 0;
	link->level = level;
	link->level_left[level] = qkd_store_outbound(&link->store);
	link->level_worst = max(link->level_worst, level);
	tell_levels_in_time(link);
}

/*
 * With the link's lock held, when the QBER or its threshold has changed. A QBER wavers: it has to come
 * down well below the threshold before it can be above it anew.
 */
void qkd_event_qber(struct qkd_link *link)
{
	u32 qber = link->report.qber;
	u32 max = link->settings.qber_max;

	if (qber == QKD_REPORT_UNKNOWN)
		return;
	if (qber > max && !link->is_noisy) {
		qkd_event_raise(link, QKD_EVENT_QBER_ALARM);
		link->is_noisy = true;
	} else if (qber <= max - max / 8) {
		link->is_noisy = false;
	}
}

/* One thing to be told, in its turn */
struct word {
	enum qkd_event_type type;
	u32 outbound;
};

#define WORDS_MAX (BITS_PER_LONG + 5) /* of levels: down, up, down again */

static unsigned int add_word(struct word *words, unsigned int n, enum qkd_event_type type,
			     u32 outbound)
{
	words[n] = (struct word){ .type = type, .outbound = outbound };
	return n + 1;
}

/* Each level below @from down to @to; without a low mark nothing is low. */
static unsigned int add_fall(struct qkd_link *link, struct word *words, unsigned int n,
			     enum qkd_level from, enum qkd_level to)
{
	enum qkd_level level;

	for (level = from + 1; level <= to; level++) {
		if (level != QKD_LEVEL_LOW || link->settings.low)
			n = add_word(words, n, level_events[level], link->level_left[level]);
	}
	return n;
}

/* From what was told last to the worst that has been since, and from there to what is now. */
static unsigned int add_levels(struct qkd_link *link, struct word *words, unsigned int n)
{
	enum qkd_level last = link->level_told;

	if (level_delay(link)) {
		if (link->level_worst != last || link->level != last)
			tell_levels_in_time(link);
		return n;
	}
	if (link->level_worst == last && link->level == last)
		return n;
	n = add_fall(link, words, n, last, link->level_worst);
	last = max(last, link->level_worst);
	if (link->level < last) {
		n = add_word(words, n, level_events[QKD_LEVEL_PLENTY],
			     link->level_left[QKD_LEVEL_PLENTY]);
		last = QKD_LEVEL_PLENTY;
	}
	n = add_fall(link, words, n, last, link->level);
	link->level_told = link->level;
	link->level_worst = link->level;
	link->level_told_at = jiffies;
	return n;
}

/* A state comes before levels: the link's coming before all it has to say. */
static unsigned int take_words(struct qkd_link *link, struct word *words)
{
	unsigned int type, n = 0;

	spin_lock_irq(&link->lock);
	for_each_set_bit(type, &link->events, BITS_PER_LONG)
		n = add_word(words, n, type, qkd_store_outbound(&link->store));
	link->events = 0;
	if (link->announced && !link->dead)
		n = add_levels(link, words, n);
	spin_unlock_irq(&link->lock);
	return n;
}

static void event_work(struct work_struct *work)
{
	struct qkd_link *link = container_of(to_delayed_work(work), struct qkd_link, event_work);
	struct word words[WORDS_MAX];
	unsigned int i, n = take_words(link, words);

	for (i = 0; i < n; i++)
		qkd_netlink_event(link->net->net, link->name, words[i].type, words[i].outbound);
}

/* A new link is up and has no keys, which need not be told: its first ones do. */
void qkd_event_init(struct qkd_link *link)
{
	INIT_DELAYED_WORK(&link->event_work, event_work);
	link->state = QKD_LINK_UP;
	link->level = QKD_LEVEL_EMPTY;
	link->level_worst = QKD_LEVEL_EMPTY;
	link->level_told = QKD_LEVEL_EMPTY;
	link->level_told_at = jiffies - LEVEL_INTERVAL;
}

/* The link has been published: let its events go, its coming first. */
void qkd_event_announce(struct qkd_link *link)
{
	spin_lock_irq(&link->lock);
	link->announced = true;
	raise_state(link);
	spin_unlock_irq(&link->lock);
}

/* With no lock of the link's held. */
void qkd_event_provider_gone(struct qkd_link *link)
{
	spin_lock_irq(&link->lock);
	qkd_event_raise(link, QKD_EVENT_PROVIDER_GONE);
	spin_unlock_irq(&link->lock);
}

/* Of a link that is dead: what it had to say has been said when this returns, and that it is gone. */
void qkd_event_end(struct qkd_link *link, struct qkd_levels *last)
{
	flush_delayed_work(&link->event_work); /* a life that was short was one, too */
	if (link->announced && !READ_ONCE(link->net->dead))
		qkd_netlink_link_gone(link->net->net, link->name, last);
}
