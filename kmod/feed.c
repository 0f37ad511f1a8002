// SPDX-License-Identifier: GPL-2.0-only
/*
 * Provider "feed": a link's keys come from a process, by a file of its own. <uapi/linux/qkd.h> says what
 * that reads and writes.
 *
 * Nothing queues here but IDs that are wanted, each once and no more of them than may be waited for: what
 * else a reader is told, he is told of how things are when he looks.
 */
#include <linux/anon_inodes.h>
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "qkd.h"
#include "trace.h"

#define WANTS_MAX QKD_WAITERS_MAX
#define STUCK	  HZ /* how long not to try again what found no room, though the link has some */

static_assert(sizeof(struct qkd_feed_request) == 32);
static_assert(sizeof(struct qkd_feed_message) == 96);

/* An ID whose key is wanted. Times are jiffies, 0 for none. */
struct want {
	struct list_head node;
	u8 id[QKD_KEY_ID_LEN];
	u64 linger_until; /* wanted by who does not wait until then, */
	u64 said_until; /* the feed knows of it, */
	u64 refused_until; /* and @err is the answer to who asks */
	int err;
};

/*
 * What is wanted of the feed of one link, whether there is one or not. References: the link, until it is
 * closed, and the feed's file, which has one on the link too. @lock covers what follows it; @news, which
 * counts what a reader may wait for, is read without.
 */
struct qkd_feed {
	refcount_t ref;
	struct qkd_link *link;
	wait_queue_head_t wq;
	struct delayed_work wake_work;

	struct mutex lock;
	unsigned int news;
	bool open; /* there is a feed */
	bool closed; /* the link has been */
	bool close_said;
	bool keys_due; /* outbound keys are wanted and this has not been said */
	u64 stuck_until;
	u64 wake_at; /* that @wake_work is armed for */
	struct list_head wants; /* the oldest first */
	struct list_head free;
	struct want slots[WANTS_MAX];
};

static void feed_put(struct qkd_feed *feed)
{
	if (refcount_dec_and_test(&feed->ref))
		kvfree(feed);
}

static void tell(struct qkd_feed *feed)
{
	lockdep_assert_held(&feed->lock);
	WRITE_ONCE(feed->news, feed->news + 1);
	wake_up_interruptible(&feed->wq);
}

/* Has who waits look again at this time. */
static void wake_at(struct qkd_feed *feed, u64 at)
{
	u64 now = get_jiffies_64();

	if (feed->closed || (feed->wake_at && feed->wake_at <= at))
		return;
	feed->wake_at = at;
	mod_delayed_work(feed->link->provider->wq, &feed->wake_work, at > now ? at - now : 0);
}

static void wake_work(struct work_struct *work)
{
	struct qkd_feed *feed = container_of(to_delayed_work(work), struct qkd_feed, wake_work);
	u64 now = get_jiffies_64();
	const struct want *want;

	mutex_lock(&feed->lock);
	feed->wake_at = 0;
	list_for_each_entry(want, &feed->wants, node) {
		if (want->said_until > now)
			wake_at(feed, want->said_until);
	}
	if (feed->stuck_until > now)
		wake_at(feed, feed->stuck_until);
	tell(feed);
	mutex_unlock(&feed->lock);
}

/* What is wanted */

static struct want *find_want(struct qkd_feed *feed, const u8 *id)
{
	struct want *want;

	list_for_each_entry(want, &feed->wants, node) {
		if (!memcmp(want->id, id, sizeof(want->id)))
			return want;
	}
	return NULL;
}

static void drop_want(struct qkd_feed *feed, struct want *want)
{
	list_move(&want->node, &feed->free);
}

static bool is_refused(const struct want *want, u64 now)
{
	return want && want->refused_until > now;
}

/*
 * For how many milliseconds, rounded up, the key of an ID is wanted, of which @want is what is known here or
 * NULL. 0: it is not; or -EEXIST, -ENODEV.
 */
static int time_wanted(struct qkd_feed *feed, const u8 *id, const struct want *want, u64 now)
{
	int ms = qkd_link_wanted(feed->link, id);

	if (ms < 0)
		return ms;
	if (is_refused(want, now))
		return 0;
	if (want && want->linger_until > now)
		ms = max_t(int, ms, jiffies_to_msecs(want->linger_until - now));
	return ms;
}

/* There are as many wants as there may be waiters, one of whom brings another: for one nobody waits. */
static void make_room(struct qkd_feed *feed)
{
	struct want *want;

	list_for_each_entry(want, &feed->wants, node) {
		if (qkd_link_wanted(feed->link, want->id) <= 0)
			break;
	}
	if (list_entry_is_head(want, &feed->wants, node))
		want = list_first_entry(&feed->wants, struct want, node);
	drop_want(feed, want);
}

static struct want *add_want(struct qkd_feed *feed, const u8 *id)
{
	struct want *want;

	if (list_empty(&feed->free))
		make_room(feed);
	want = list_first_entry(&feed->free, struct want, node);
	list_move_tail(&want->node, &feed->wants);
	memcpy(want->id, id, sizeof(want->id));
	want->linger_until = 0;
	want->said_until = 0;
	want->refused_until = 0;
	return want;
}

/* The feed has been told of it, or will be, or has refused it not long ago. */
static bool is_asked(const struct want *want, u64 now)
{
	if (!want)
		return false;
	return want->refused_until ? want->refused_until > now
				   : !want->said_until || want->said_until > now;
}

/*
 * Somebody wants the key for @wait milliseconds, or for a while without waiting for it. Return: whether that
 * makes the feed no work.
 */
static bool want_key(struct qkd_feed *feed, const u8 *id, int wait)
{
	struct want *want = find_want(feed, id);
	u64 now = get_jiffies_64();
	bool asked = is_asked(want, now);

	if (is_refused(want, now)) {
		qkd_link_refuse(feed->link, id, want->err);
		return true;
	}
	if (!want)
		want = add_want(feed, id);
	want->refused_until = 0;
	if (!wait) {
		wait = QKD_FEED_LINGER_MS;
		want->linger_until = now + msecs_to_jiffies(wait);
	}
	if (want->said_until <= now)
		tell(feed);
	else if (want->said_until < now + msecs_to_jiffies(wait))
		wake_at(feed, want->said_until);
	return asked;
}

/* The next ID to say to the feed, and for how long it is wanted; NULL if there is none. */
static struct want *next_want(struct qkd_feed *feed, u64 now, int *ms)
{
	struct want *want, *next;

	list_for_each_entry_safe(want, next, &feed->wants, node) {
		if (want->said_until > now || is_refused(want, now))
			continue;
		*ms = time_wanted(feed, want->id, want, now);
		if (*ms > 0)
			return want;
		drop_want(feed, want);
	}
	return NULL;
}

/* How many outbound keys to say are wanted, 0 if that is not to be said. */
static unsigned int keys_wanted(struct qkd_feed *feed, u64 now)
{
	unsigned int room;

	if (!feed->keys_due || feed->stuck_until > now)
		return 0;
	room = qkd_link_room(feed->link, QKD_OUTBOUND);
	if (!room)
		feed->keys_due = false;
	return room;
}

/* Reading */

/* -EAGAIN, nothing is wanted; -ENODEV, nor ever will be. */
static int take_request(struct qkd_feed *feed, struct qkd_feed_request *req)
{
	u64 now = get_jiffies_64();
	struct want *want;
	int ms;

	memset(req, 0, sizeof(*req));
	if (feed->closed) {
		if (feed->close_said)
			return -ENODEV;
		feed->close_said = true;
		req->type = QKD_FEED_CLOSE;
		return 0;
	}
	want = next_want(feed, now, &ms);
	if (want) {
		want->said_until = now + msecs_to_jiffies(ms);
		req->type = QKD_FEED_ID;
		req->timeout_ms = ms;
		memcpy(req->key_id, want->id, sizeof(req->key_id));
		return 0;
	}
	req->count = keys_wanted(feed, now);
	if (!req->count)
		return -EAGAIN;
	feed->keys_due = false;
	req->type = QKD_FEED_KEYS;
	return 0;
}

/* The reader's memory would not take it. */
static void give_back(struct qkd_feed *feed, const struct qkd_feed_request *req)
{
	struct want *want;

	mutex_lock(&feed->lock);
	switch (req->type) {
	case QKD_FEED_CLOSE:
		feed->close_said = false;
		break;
	case QKD_FEED_KEYS:
		feed->keys_due = true;
		break;
	case QKD_FEED_ID:
		want = find_want(feed, req->key_id);
		if (want)
			want->said_until = 0;
		break;
	}
	tell(feed);
	mutex_unlock(&feed->lock);
}

static int wait_request(struct qkd_feed *feed, bool wait, struct qkd_feed_request *req)
{
	unsigned int seen;
	int err;

	for (;;) {
		seen = READ_ONCE(feed->news);
		mutex_lock(&feed->lock);
		err = take_request(feed, req);
		mutex_unlock(&feed->lock);
		if (err != -EAGAIN || !wait)
			return err;
		if (wait_event_interruptible(feed->wq, READ_ONCE(feed->news) != seen))
			return -EINTR;
	}
}

static ssize_t feed_read(struct file *file, char __user *ubuf, size_t count, loff_t *pos)
{
	struct qkd_feed *feed = file->private_data;
	bool wait = !(file->f_flags & O_NONBLOCK);
	struct qkd_feed_request req;
	size_t done = 0;
	int err = 0;

	if (count < sizeof(req))
		return -EMSGSIZE;
	while (count - done >= sizeof(req)) {
		err = wait_request(feed, wait && !done, &req);
		if (err)
			break;
		if (copy_to_user(ubuf + done, &req, sizeof(req))) {
			give_back(feed, &req);
			err = -EFAULT;
			break;
		}
		done += sizeof(req);
	}
	if (done || err == -ENODEV)
		return done;
	return err;
}

/* Writing */

/* There is room in the link, yet not for its key: not before a while may there be some. */
static void note_stuck(struct qkd_feed *feed)
{
	mutex_lock(&feed->lock);
	if (!feed->closed && qkd_link_room(feed->link, QKD_OUTBOUND)) {
		feed->stuck_until = get_jiffies_64() + STUCK;
		feed->keys_due = true;
		wake_at(feed, feed->stuck_until);
	}
	mutex_unlock(&feed->lock);
}

static int put_outbound(struct qkd_feed *feed, const struct qkd_feed_message *msg)
{
	int err = qkd_link_deliver(feed->link, QKD_OUTBOUND, msg->key_id, msg->key, msg->len);

	if (err == -ENOSPC || err == -ENOMEM)
		note_stuck(feed);
	return err;
}

static int put_wanted(struct qkd_feed *feed, const struct qkd_feed_message *msg)
{
	struct want *want = find_want(feed, msg->key_id);
	int err = time_wanted(feed, msg->key_id, want, get_jiffies_64());

	if (err <= 0) {
		err = err ?: -ENOENT;
		qkd_link_count(feed->link, QKD_A_STATS_REFUSED);
		trace_key_deliver(feed->link, msg->key_id, QKD_INBOUND, err);
		return err;
	}
	if (!qkd_link_room(feed->link, QKD_INBOUND))
		qkd_link_make_room(feed->link, 1);
	err = qkd_link_deliver(feed->link, QKD_INBOUND, msg->key_id, msg->key, msg->len);
	if (!err && want)
		drop_want(feed, want);
	return err;
}

static int put_inbound(struct qkd_feed *feed, const struct qkd_feed_message *msg)
{
	int err;

	mutex_lock(&feed->lock);
	err = put_wanted(feed, msg);
	mutex_unlock(&feed->lock);
	return err;
}

static int take_key(struct qkd_feed *feed, const struct qkd_feed_message *msg)
{
	if (msg->value || msg->len != QKD_FEED_KEY_LEN ||
	    memchr_inv(msg->key + QKD_FEED_KEY_LEN, 0, sizeof(msg->key) - QKD_FEED_KEY_LEN))
		return -EINVAL;
	switch (msg->direction) {
	case QKD_DIR_OUTBOUND:
		return put_outbound(feed, msg);
	case QKD_DIR_INBOUND:
		return put_inbound(feed, msg);
	default:
		return -EINVAL;
	}
}

static int refuse_wanted(struct qkd_feed *feed, const u8 *id, int err)
{
	struct want *want = find_want(feed, id);
	u64 now = get_jiffies_64();
	int ret = qkd_link_refuse(feed->link, id, err);

	/* Who asked without waiting for it is told when he asks again. */
	if (ret == -ENOENT && time_wanted(feed, id, want, now) > 0)
		ret = 0;
	if (ret)
		return ret;
	if (!want)
		want = add_want(feed, id);
	want->linger_until = 0;
	want->said_until = 0;
	want->refused_until = now + msecs_to_jiffies(QKD_FEED_REFUSED_MS);
	want->err = err;
	return 0;
}

static int take_refusal(struct qkd_feed *feed, const struct qkd_feed_message *msg)
{
	int err;

	if ((msg->value != ENOKEY && msg->value != EACCES) || msg->direction || msg->len ||
	    memchr_inv(msg->key, 0, sizeof(msg->key)))
		return -EINVAL;
	mutex_lock(&feed->lock);
	err = refuse_wanted(feed, msg->key_id, -(int)msg->value);
	mutex_unlock(&feed->lock);
	return err;
}

static int take_report(struct qkd_feed *feed, const struct qkd_feed_message *msg)
{
	const struct qkd_link_report report = {
		.state = msg->value,
		.qber = msg->report.qber,
		.rate = msg->report.rate,
	};
	const size_t len = sizeof(msg->report);
	int err = 0;

	BUILD_BUG_ON(QKD_FEED_UNKNOWN != QKD_REPORT_UNKNOWN);
	if (msg->value > QKD_LINK_DOWN || msg->direction || msg->len ||
	    memchr_inv(msg->key_id, 0, sizeof(msg->key_id)) ||
	    memchr_inv(msg->key + len, 0, sizeof(msg->key) - len) ||
	    (report.qber > 1000000 && report.qber != QKD_REPORT_UNKNOWN))
		return -EINVAL;
	mutex_lock(&feed->lock);
	if (feed->closed)
		err = -ENODEV;
	else
		qkd_link_report(feed->link, &report);
	mutex_unlock(&feed->lock);
	return err;
}

static int take_message(struct qkd_feed *feed, const struct qkd_feed_message *msg)
{
	switch (msg->type) {
	case QKD_FEED_KEY:
		return take_key(feed, msg);
	case QKD_FEED_REFUSE:
		return take_refusal(feed, msg);
	case QKD_FEED_REPORT:
		return take_report(feed, msg);
	default:
		return -EINVAL;
	}
}

static ssize_t feed_write(struct file *file, const char __user *ubuf, size_t count, loff_t *pos)
{
	struct qkd_feed *feed = file->private_data;
	struct qkd_feed_message msg;
	size_t done = 0;
	int err = 0;

	if (count < sizeof(msg))
		return -EINVAL;
	while (count - done >= sizeof(msg)) {
		err = -EFAULT;
		if (!copy_from_user(&msg, ubuf + done, sizeof(msg)))
			err = take_message(feed, &msg);
		if (err)
			break;
		done += sizeof(msg);
		if (signal_pending(current))
			break;
		cond_resched();
	}
	memzero_explicit(&msg, sizeof(msg));
	return done ?: err;
}

/* The file */

static __poll_t feed_poll(struct file *file, poll_table *wait)
{
	struct qkd_feed *feed = file->private_data;
	u64 now = get_jiffies_64();
	__poll_t mask = 0;
	int ms;

	poll_wait(file, &feed->wq, wait);
	mutex_lock(&feed->lock);
	if (feed->closed) {
		mask = EPOLLHUP | EPOLLIN | EPOLLRDNORM;
	} else {
		if (next_want(feed, now, &ms) || keys_wanted(feed, now))
			mask |= EPOLLIN | EPOLLRDNORM;
		if (feed->stuck_until <= now && qkd_link_room(feed->link, QKD_OUTBOUND))
			mask |= EPOLLOUT | EPOLLWRNORM;
	}
	mutex_unlock(&feed->lock);
	return mask;
}

static const struct qkd_link_report no_report = {
	.state = QKD_LINK_DOWN,
	.qber = QKD_REPORT_UNKNOWN,
	.rate = QKD_REPORT_UNKNOWN,
};

/* There is no feed any more; what is wanted the next one is told. */
static void end_feed(struct qkd_feed *feed)
{
	struct want *want;

	mutex_lock(&feed->lock);
	if (!feed->closed)
		qkd_link_report(feed->link, &no_report);
	list_for_each_entry(want, &feed->wants, node)
		want->said_until = 0;
	feed->stuck_until = 0;
	feed->open = false;
	mutex_unlock(&feed->lock);
	qkd_link_put(feed->link);
	feed_put(feed);
}

static int feed_release(struct inode *inode, struct file *file)
{
	end_feed(file->private_data);
	return 0;
}

static const struct file_operations feed_fops = {
	.owner = THIS_MODULE,
	.release = feed_release,
	.read = feed_read,
	.write = feed_write,
	.poll = feed_poll,
};

static int begin_feed(struct qkd_feed *feed)
{
	int err = 0;

	mutex_lock(&feed->lock);
	if (feed->open) {
		err = -EBUSY;
	} else {
		feed->open = true;
		feed->keys_due = true;
		refcount_inc(&feed->ref);
		qkd_link_get(feed->link);
	}
	mutex_unlock(&feed->lock);
	return err;
}

/* The provider */

static int feed_link_open(struct qkd_link *link, struct nlattr **config,
			  struct netlink_ext_ack *extack)
{
	struct qkd_feed *feed = kvzalloc(sizeof(*feed), GFP_KERNEL_ACCOUNT);
	int i;

	if (!feed)
		return -ENOMEM;
	refcount_set(&feed->ref, 1);
	feed->link = link;
	init_waitqueue_head(&feed->wq);
	INIT_DELAYED_WORK(&feed->wake_work, wake_work);
	mutex_init(&feed->lock);
	INIT_LIST_HEAD(&feed->wants);
	INIT_LIST_HEAD(&feed->free);
	for (i = 0; i < ARRAY_SIZE(feed->slots); i++)
		list_add_tail(&feed->slots[i].node, &feed->free);
	qkd_link_set_priv(link, feed);
	qkd_link_report(link, &no_report);
	return 0;
}

/* The feed's file may stay, and with it the link, which takes no more keys. */
static void feed_link_close(struct qkd_link *link)
{
	struct qkd_feed *feed = qkd_link_priv(link);

	mutex_lock(&feed->lock);
	feed->closed = true;
	tell(feed);
	mutex_unlock(&feed->lock);
	cancel_delayed_work_sync(&feed->wake_work);
	feed_put(feed);
}

static int feed_fetch(struct qkd_link *link, const u8 key_id[QKD_KEY_ID_LEN])
{
	struct qkd_feed *feed = qkd_link_priv(link);
	bool asked = false;
	int wait;

	mutex_lock(&feed->lock);
	wait = qkd_link_wanted(link, key_id);
	/* It may have come since it was looked for; keys come under the lock. */
	if (wait >= 0)
		asked = want_key(feed, key_id, wait);
	mutex_unlock(&feed->lock);
	return asked;
}

static void feed_demand(struct qkd_link *link, bool low)
{
	struct qkd_feed *feed = qkd_link_priv(link);

	mutex_lock(&feed->lock);
	if (low)
		feed->keys_due = true;
	tell(feed);
	mutex_unlock(&feed->lock);
}

static const struct qkd_provider_ops feed_ops = {
	.owner = THIS_MODULE,
	.name = "feed",
	.key_len = QKD_FEED_KEY_LEN,
	.link_open = feed_link_open,
	.link_close = feed_link_close,
	.fetch = feed_fetch,
	.demand = feed_demand,
};

/*
 * The link's provider: a file descriptor that end_feed() follows once, or -ENODEV, -EOPNOTSUPP, -EBUSY, or why
 * there is no descriptor.
 */
int qkd_feed_open(struct qkd_link *link, unsigned int flags)
{
	int nonblock = flags & QKD_FEED_F_NONBLOCK ? O_NONBLOCK : 0;
	struct qkd_feed *feed = NULL;
	int ret = -ENODEV;

	mutex_lock(&link->ops_lock);
	if (!link->closed) {
		ret = -EOPNOTSUPP;
		if (link->provider->ops == &feed_ops) {
			feed = qkd_link_priv(link);
			ret = begin_feed(feed);
		}
	}
	mutex_unlock(&link->ops_lock);
	if (ret)
		return ret;
	ret = anon_inode_getfd("[qkd_feed]", &feed_fops, feed, O_RDWR | O_CLOEXEC | nonblock);
	if (ret < 0)
		end_feed(feed);
	return ret;
}

static struct qkd_provider *provider;

int qkd_feed_init(void)
{
	provider = qkd_provider_register(&feed_ops);
	return PTR_ERR_OR_ZERO(provider);
}

void qkd_feed_exit(void)
{
	qkd_provider_unregister(provider);
}
