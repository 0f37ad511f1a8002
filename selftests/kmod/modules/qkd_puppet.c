// SPDX-License-Identifier: GPL-2.0-only
/*
 * Provider "puppet", for tests: it does what is written to /sys/kernel/debug/qkd_puppet/do, where write() answers
 * as the core did:
 *
 *	deliver LINK out|in task|softirq|hardirq ID LENGTH BYTE COUNT
 *		COUNT keys, of LENGTH bytes that are all BYTE (hexadecimal). ID is 32 hexadecimal digits; the
 *		following keys have the following numbers in its last four bytes. Stops at the first error.
 *	again LINK out|in CONTEXT ID LENGTH BYTE COUNT
 *		The same, but goes on: the file "accepted" tells how many of them the core took.
 *	slow open|close|fetch MILLISECONDS
 *		What that callback sleeps from now on, before it does anything else.
 *	refuse LINK task|softirq|hardirq ID ERRNO
 *		Say that the inbound key of that ID will not come.
 *	wanted LINK ID
 *		Ask whether somebody waits for it: "wanted" tells for how many milliseconds.
 *	fetch none|deliver|other|error|denied
 *		What fetch does: nothing; deliver the key, all 0xfe; deliver one of another ID; say ENOKEY; say EACCES.
 *	open ERRNO
 *		What link_open answers, 0 for success.
 *	unregister, register
 *	plug, unplug
 *		The device "qkd_puppet" comes, and its driver of that name registers the provider as the device's; the
 *		device goes. "plug" answers as the driver's probe did; the device is there in any case.
 *	probe ERRNO
 *		What probe answers once it has registered, 0 for success.
 *
 * Each link delivers a key, all 0xee, as it opens, with the ID 0xee..., and tries to deliver one as it closes: "parting"
 * tells what the core answered to the last such try. "opened" counts the calls of link_open, "demanded" those of demand
 * and "ran_low" those of them that said so. "left" tells how many links
 * were open when the device gave back what it had before its provider.
 */
#include <linux/atomic.h>
#include <linux/completion.h>
#include <linux/debugfs.h>
#include <linux/delay.h>
#include <linux/interrupt.h>
#include <linux/irq_work.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/qkd_provider.h>

#define KEY_LEN	  32
#define BYTES_MAX 128 /* longer than any key */

enum where { TASK, SOFTIRQ, HARDIRQ };

/* A link between its opening and its closing. Covered by @puppets_lock. */
struct puppet {
	struct list_head node;
	struct qkd_link *link;
};

struct order {
	struct qkd_link *link;
	enum qkd_direction dir;
	u8 id[QKD_KEY_ID_LEN];
	u8 bytes[BYTES_MAX];
	unsigned int len;
	unsigned int count;
	bool go_on;
	u32 refusal; /* instead of keys */
	int err;
	struct completion done;
};

static DEFINE_MUTEX(puppets_lock);
static LIST_HEAD(puppets);
static DEFINE_MUTEX(provider_lock); /* covers @provider and @order */
static struct qkd_provider *provider;
static struct order order;

static u32 slow_open, slow_close, slow_fetch;
static u32 open_error;
static u32 probe_error;
static u32 accepted;
static u32 parting;
static u32 left;
static u32 wanted;
static atomic_t opened = ATOMIC_INIT(0);
static atomic_t demanded = ATOMIC_INIT(0);
static atomic_t ran_low = ATOMIC_INIT(0);
static enum { FETCH_NONE, FETCH_DELIVER, FETCH_OTHER, FETCH_ERROR, FETCH_DENIED } fetch_mode;

static void pause_for(u32 ms)
{
	if (ms)
		msleep(ms);
}

static int deliver_byte(struct qkd_link *link, enum qkd_direction dir, const u8 *id, u8 byte)
{
	u8 bytes[KEY_LEN];

	memset(bytes, byte, sizeof(bytes));
	return qkd_link_deliver(link, dir, id, bytes, sizeof(bytes));
}

static int puppet_open(struct qkd_link *link, struct nlattr **config,
		       struct netlink_ext_ack *extack)
{
	struct puppet *puppet;
	u8 id[QKD_KEY_ID_LEN];

	atomic_inc(&opened);
	pause_for(READ_ONCE(slow_open));
	if (READ_ONCE(open_error)) {
		NL_SET_ERR_MSG(extack, "as told");
		return -(int)READ_ONCE(open_error);
	}
	puppet = kzalloc(sizeof(*puppet), GFP_KERNEL);
	if (!puppet)
		return -ENOMEM;
	puppet->link = link;
	qkd_link_set_priv(link, puppet);
	mutex_lock(&puppets_lock);
	list_add(&puppet->node, &puppets);
	mutex_unlock(&puppets_lock);
	memset(id, 0xee, sizeof(id));
	return deliver_byte(link, QKD_OUTBOUND, id, 0xee);
}

static void puppet_close(struct qkd_link *link)
{
	struct puppet *puppet = qkd_link_priv(link);
	u8 id[QKD_KEY_ID_LEN];

	mutex_lock(&puppets_lock);
	list_del(&puppet->node);
	mutex_unlock(&puppets_lock);
	kfree(puppet);
	pause_for(READ_ONCE(slow_close));
	memset(id, 0xed, sizeof(id));
	WRITE_ONCE(parting, -deliver_byte(link, QKD_INBOUND, id, 0xed));
}

static int puppet_fetch(struct qkd_link *link, const u8 key_id[QKD_KEY_ID_LEN])
{
	u8 id[QKD_KEY_ID_LEN];

	pause_for(READ_ONCE(slow_fetch));
	memcpy(id, key_id, sizeof(id));
	switch (READ_ONCE(fetch_mode)) {
	case FETCH_DELIVER:
		return deliver_byte(link, QKD_INBOUND, id, 0xfe);
	case FETCH_OTHER:
		id[0] ^= 1;
		return deliver_byte(link, QKD_INBOUND, id, 0xfe);
	case FETCH_ERROR:
		return -ENOKEY;
	case FETCH_DENIED:
		return -EACCES;
	default:
		return 0;
	}
}

static void puppet_demand(struct qkd_link *link, bool low)
{
	atomic_inc(&demanded);
	if (low)
		atomic_inc(&ran_low);
}

static const struct qkd_provider_ops puppet_ops = {
	.owner = THIS_MODULE,
	.name = "puppet",
	.key_len = KEY_LEN,
	.link_open = puppet_open,
	.link_close = puppet_close,
	.fetch = puppet_fetch,
	.demand = puppet_demand,
};

static void number_id(u8 *id, u32 number)
{
	__be32 be = cpu_to_be32(number);

	memcpy(id + QKD_KEY_ID_LEN - sizeof(be), &be, sizeof(be));
}

static u32 number_of(const u8 *id)
{
	__be32 be;

	memcpy(&be, id + QKD_KEY_ID_LEN - sizeof(be), sizeof(be));
	return be32_to_cpu(be);
}

static void carry_out(struct order *o)
{
	u32 number = number_of(o->id);
	unsigned int i;

	accepted = 0;
	if (o->refusal)
		o->err = qkd_link_refuse(o->link, o->id, -(int)o->refusal);
	for (i = 0; i < o->count; i++) {
		number_id(o->id, number + i);
		o->err = qkd_link_deliver(o->link, o->dir, o->id, o->bytes, o->len);
		if (!o->err)
			accepted++;
		else if (!o->go_on)
			break;
	}
	complete(&o->done);
}

static void on_softirq(struct tasklet_struct *tasklet)
{
	carry_out(&order);
}

static void on_hardirq(struct irq_work *work)
{
	WARN_ON_ONCE(!in_hardirq());
	carry_out(&order);
}

static DECLARE_TASKLET(softirq_tasklet, on_softirq);
static DEFINE_IRQ_WORK(hardirq_work, on_hardirq);

static void run_order(enum where where)
{
	init_completion(&order.done);
	switch (where) {
	case SOFTIRQ:
		tasklet_schedule(&softirq_tasklet);
		break;
	case HARDIRQ:
		irq_work_queue(&hardirq_work);
		break;
	default:
		carry_out(&order);
	}
	wait_for_completion(&order.done);
}

static struct puppet *find_puppet(const char *name)
{
	struct puppet *puppet;

	list_for_each_entry(puppet, &puppets, node) {
		if (!strcmp(qkd_link_name(puppet->link), name))
			return puppet;
	}
	return NULL;
}

static int parse_where(const char *word, enum where *where)
{
	static const char *const words[] = { "task", "softirq", "hardirq" };
	int i = match_string(words, ARRAY_SIZE(words), word);

	*where = i;
	return i < 0 ? -EINVAL : 0;
}

static void set_id(struct order *o, u64 high, u64 low)
{
	__be64 be[] = { cpu_to_be64(high), cpu_to_be64(low) };

	BUILD_BUG_ON(sizeof(be) != sizeof(o->id));
	memcpy(o->id, be, sizeof(o->id));
}

static int parse_order(struct order *o, char *name, enum where *where, const char *args)
{
	char dir[4], context[8];
	unsigned int byte;
	u64 id[2];

	if (sscanf(args, "%31s %3s %7s %16llx%16llx %u %x %u", name, dir, context, &id[0], &id[1],
		   &o->len, &byte, &o->count) != 8 ||
	    parse_where(context, where) || o->len > BYTES_MAX)
		return -EBADMSG;
	set_id(o, id[0], id[1]);
	o->dir = strcmp(dir, "out") ? QKD_INBOUND : QKD_OUTBOUND;
	o->err = 0;
	memset(o->bytes, byte, sizeof(o->bytes));
	return 0;
}

/* Has the order carried out by the link of this name, which the lock keeps from closing meanwhile. */
static int give_order(const char *name, enum where where)
{
	struct puppet *puppet;

	mutex_lock(&puppets_lock);
	puppet = find_puppet(name);
	if (puppet) {
		order.link = puppet->link;
		run_order(where);
	}
	mutex_unlock(&puppets_lock);
	return puppet ? order.err : -ENXIO;
}

static int do_deliver(const char *args, bool go_on)
{
	char name[QKD_LINK_NAME_LEN];
	enum where where;
	int err;

	err = parse_order(&order, name, &where, args);
	if (err)
		return err;
	order.go_on = go_on;
	order.refusal = 0;
	return give_order(name, where);
}

static int do_refuse(const char *args)
{
	char name[QKD_LINK_NAME_LEN], context[8];
	enum where where;
	u64 id[2];

	if (sscanf(args, "%31s %7s %16llx%16llx %u", name, context, &id[0], &id[1],
		   &order.refusal) != 5 ||
	    parse_where(context, &where))
		return -EBADMSG;
	set_id(&order, id[0], id[1]);
	order.count = 0;
	return give_order(name, where);
}

static int do_wanted(const char *args)
{
	char name[QKD_LINK_NAME_LEN];
	struct puppet *puppet;
	int ret = -ENXIO;
	u64 id[2];

	if (sscanf(args, "%31s %16llx%16llx", name, &id[0], &id[1]) != 3)
		return -EBADMSG;
	set_id(&order, id[0], id[1]);
	mutex_lock(&puppets_lock);
	puppet = find_puppet(name);
	if (puppet)
		ret = qkd_link_wanted(puppet->link, order.id);
	mutex_unlock(&puppets_lock);
	if (ret < 0)
		return ret;
	wanted = ret;
	return 0;
}

static int do_slow(const char *args)
{
	char what[8];
	u32 ms;

	if (sscanf(args, "%7s %u", what, &ms) != 2)
		return -EBADMSG;
	if (!strcmp(what, "open"))
		WRITE_ONCE(slow_open, ms);
	else if (!strcmp(what, "close"))
		WRITE_ONCE(slow_close, ms);
	else if (!strcmp(what, "fetch"))
		WRITE_ONCE(slow_fetch, ms);
	else
		return -EBADMSG;
	return 0;
}

static int do_fetch(const char *args)
{
	static const char *const modes[] = { "none", "deliver", "other", "error", "denied" };
	int i = match_string(modes, ARRAY_SIZE(modes), args);

	if (i < 0)
		return -EBADMSG;
	WRITE_ONCE(fetch_mode, i);
	return 0;
}

static int do_error(const char *args, u32 *which)
{
	u32 error;

	if (kstrtou32(args, 10, &error))
		return -EBADMSG;
	WRITE_ONCE(*which, error);
	return 0;
}

static int do_register(void)
{
	if (!IS_ERR_OR_NULL(provider))
		return -EEXIST;
	provider = qkd_provider_register(&puppet_ops);
	return PTR_ERR_OR_ZERO(provider);
}

static int do_unregister(void)
{
	qkd_provider_unregister(provider);
	provider = NULL;
	return 0;
}

/* The same provider as a device's, which it goes with. */

static struct platform_device *device; /* covered by provider_lock */
static int probed; /* what probe answered last */

/* What a driver would have taken before it registered: no callback may run any more when it is given back. */
static void give_back(void *unused)
{
	const struct puppet *puppet;

	mutex_lock(&puppets_lock);
	left = 0;
	list_for_each_entry(puppet, &puppets, node)
		left++;
	mutex_unlock(&puppets_lock);
}

static int probe(struct device *dev)
{
	int err;

	left = U32_MAX;
	err = devm_add_action_or_reset(dev, give_back, NULL);
	if (!err)
		err = PTR_ERR_OR_ZERO(devm_qkd_provider_register(dev, &puppet_ops));
	return err ?: -(int)READ_ONCE(probe_error);
}

static int puppet_probe(struct platform_device *pdev)
{
	int err = probe(&pdev->dev);

	WRITE_ONCE(probed, err);
	return err;
}

static struct platform_driver puppet_driver = {
	.probe = puppet_probe,
	.driver = {
		.name = "qkd_puppet",
		.probe_type = PROBE_FORCE_SYNCHRONOUS,
	},
};

static int do_plug(void)
{
	struct platform_device *pdev;

	if (device)
		return -EBUSY;
	/* The driver core keeps for itself why a device got no driver. */
	WRITE_ONCE(probed, -ENXIO);
	pdev = platform_device_register_simple("qkd_puppet", PLATFORM_DEVID_NONE, NULL, 0);
	if (IS_ERR(pdev))
		return PTR_ERR(pdev);
	device = pdev;
	return READ_ONCE(probed);
}

static int do_unplug(void)
{
	platform_device_unregister(device);
	device = NULL;
	return 0;
}

static int do_order(char *line)
{
	char *word = strsep(&line, " ");

	if (!strcmp(word, "register"))
		return do_register();
	if (!strcmp(word, "unregister"))
		return do_unregister();
	if (!strcmp(word, "plug"))
		return do_plug();
	if (!strcmp(word, "unplug"))
		return do_unplug();
	if (!line)
		return -EBADMSG;
	if (!strcmp(word, "deliver"))
		return do_deliver(line, false);
	if (!strcmp(word, "again"))
		return do_deliver(line, true);
	if (!strcmp(word, "refuse"))
		return do_refuse(line);
	if (!strcmp(word, "wanted"))
		return do_wanted(line);
	if (!strcmp(word, "slow"))
		return do_slow(line);
	if (!strcmp(word, "fetch"))
		return do_fetch(line);
	if (!strcmp(word, "open"))
		return do_error(line, &open_error);
	if (!strcmp(word, "probe"))
		return do_error(line, &probe_error);
	return -EBADMSG;
}

static ssize_t do_write(struct file *file, const char __user *ubuf, size_t len, loff_t *pos)
{
	char *line = memdup_user_nul(ubuf, min_t(size_t, len, 256));
	int err;

	if (IS_ERR(line))
		return PTR_ERR(line);
	mutex_lock(&provider_lock);
	err = do_order(strim(line));
	mutex_unlock(&provider_lock);
	kfree(line);
	return err ?: len;
}

static const struct file_operations do_fops = {
	.owner = THIS_MODULE,
	.open = nonseekable_open,
	.write = do_write,
};

static struct dentry *dir;

static int __init puppet_init(void)
{
	int err = do_register();

	if (err)
		return err;
	err = platform_driver_register(&puppet_driver);
	if (err) {
		do_unregister();
		return err;
	}
	dir = debugfs_create_dir("qkd_puppet", NULL);
	debugfs_create_file("do", 0200, dir, NULL, &do_fops);
	debugfs_create_u32("accepted", 0400, dir, &accepted);
	debugfs_create_u32("parting", 0400, dir, &parting);
	debugfs_create_u32("left", 0400, dir, &left);
	debugfs_create_u32("wanted", 0400, dir, &wanted);
	debugfs_create_atomic_t("opened", 0400, dir, &opened);
	debugfs_create_atomic_t("demanded", 0400, dir, &demanded);
	debugfs_create_atomic_t("ran_low", 0400, dir, &ran_low);
	return 0;
}

static void __exit puppet_exit(void)
{
	debugfs_remove(dir);
	do_unplug();
	platform_driver_unregister(&puppet_driver);
	do_unregister();
	tasklet_kill(&softirq_tasklet);
	irq_work_sync(&hardirq_work);
}

module_init(puppet_init);
module_exit(puppet_exit);

MODULE_DESCRIPTION("Provider for tests of the key store");
MODULE_LICENSE("GPL");
