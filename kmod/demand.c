// SPDX-License-Identifier: GPL-2.0-only
/* What is wanted of a link's provider: outbound keys when they get fewer, inbound keys that are waited for. */
#include <linux/export.h>
#include <linux/jiffies.h>
#include <linux/poll.h>
#include <linux/string.h>

#include "qkd.h"

static enum qkd_scarcity scarcity_of(const struct qkd_link *link)
{
	u32 left = link->store.count[QKD_OUTBOUND];

	if (!left)
		return QKD_SCARCITY_EMPTY;
	if (left < link->settings.low)
		return QKD_SCARCITY_LOW;
	return left < link->capacity ? QKD_SCARCITY_ROOM : QKD_SCARCITY_FULL;
}

/* When outbound keys may have come or gone, or the mark may have moved. */
void qkd_demand_note(struct qkd_link *link)
{
	enum qkd_scarcity now = scarcity_of(link), before = link->scarcity;

	lockdep_assert_held(&link->lock);
	link->scarcity = now;
	if (now <= before || link->dead || !link->provider->ops->demand)
		return;
	if (now >= QKD_SCARCITY_LOW)
		link->demand_low = true;
	queue_work(link->provider->wq, &link->demand_work);
}

static void demand_work(struct work_struct *work)
{
	struct qkd_link *link = container_of(work, struct qkd_link, demand_work);
	bool low;

	spin_lock_irq(&link->lock);
	low = link->demand_low;
	link->demand_low = false;
	spin_unlock_irq(&link->lock);

	down_read(&link->fetch_sem);
	if (!link->closed)
		link->provider->ops->demand(link, low);
	up_read(&link->fetch_sem);
}

void qkd_demand_init(struct qkd_link *link)
{
	INIT_LIST_HEAD(&link->askers);
	INIT_WORK(&link->demand_work, demand_work);
	link->scarcity = QKD_SCARCITY_EMPTY;
}

/* The link has been closed. */
void qkd_demand_end(struct qkd_link *link)
{
	cancel_work_sync(&link->demand_work);
}

static bool asks_for(const struct qkd_asker *asker, const u8 *id)
{
	return !asker->err && !memcmp(asker->id, id, QKD_KEY_ID_LEN);
}

static int longest_wait(const struct qkd_link *link, const u8 *id)
{
	const struct qkd_asker *asker;
	unsigned long now = jiffies;
	long left = 0;

	list_for_each_entry(asker, &link->askers, node) {
		if (asks_for(asker, id))
			left = max(left, (long)(asker->until - now));
	}
	return jiffies_to_msecs(left);
}

int qkd_link_wanted(struct qkd_link *link, const u8 *key_id)
{
	unsigned long irq;
	int ret;

	spin_lock_irqsave(&link->lock, irq);
	if (link->dead)
		ret = -ENODEV;
	else if (qkd_store_knows(&link->store, key_id))
		ret = -EEXIST;
	else
		ret = longest_wait(link, key_id);
	spin_unlock_irqrestore(&link->lock, irq);
	return ret;
}
EXPORT_SYMBOL_GPL(qkd_link_wanted);

static int refuse_all(struct qkd_link *link, const u8 *id, int err)
{
	struct qkd_asker *asker;
	int ret = -ENOENT;

	list_for_each_entry(asker, &link->askers, node) {
		if (asks_for(asker, id)) {
			WRITE_ONCE(asker->err,
				   err); /* its condition to go on looks without the lock */
			ret = 0;
		}
	}
	return ret;
}

int qkd_link_refuse(struct qkd_link *link, const u8 *key_id, int err)
{
	int ret = -ENODEV;
	unsigned long irq;

	if (err != -ENOKEY && err != -EACCES)
		return -EINVAL;
	spin_lock_irqsave(&link->lock, irq);
	if (!link->dead)
		ret = refuse_all(link, key_id, err);
	spin_unlock_irqrestore(&link->lock, irq);
	if (!ret)
		wake_up_interruptible_poll(&link->inbound_wq, EPOLLIN | EPOLLRDNORM);
	return ret;
}
EXPORT_SYMBOL_GPL(qkd_link_refuse);
