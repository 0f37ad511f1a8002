// SPDX-License-Identifier: GPL-2.0-only
/* /dev/qkd. <uapi/linux/qkd.h> says what each call does. */
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/nsproxy.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "qkd.h"

#define ARG_SIZE_MAX 4096 /* longest structure a caller may hand in */

/* Lengths of the first versions, the least that a caller may hand in. */
#define BIND_SIZE_V1	40
#define INFO_SIZE_V1	624
#define KEY_GET_SIZE_V1 96
#define KEY_REF_SIZE_V1 24
static_assert(sizeof(struct qkd_bind) >= BIND_SIZE_V1);
static_assert(sizeof(struct qkd_info) >= INFO_SIZE_V1);
static_assert(sizeof(struct qkd_key_get) >= KEY_GET_SIZE_V1);
static_assert(sizeof(struct qkd_key_ref) >= KEY_REF_SIZE_V1);

/*
 * An open file. It does not keep its namespace, only our record of it. @link is set once, under
 * @lock, and keeps its reference until the file is released, when its reservations are given back.
 * @lock covers nothing else: holder.keys is covered by the link's.
 */
struct qkd_file {
	struct qkd_net *net;
	struct mutex lock; /* the choice of @link */
	struct qkd_link *link;
	struct qkd_holder holder;
};

union qkd_arg {
	__u32 size;
	struct qkd_bind bind;
	struct qkd_info info;
	struct qkd_key_get get;
	struct qkd_key_ref ref;
};

static void set_link(struct qkd_file *qf, struct qkd_link *link)
{
	smp_store_release(&qf->link, link); /* for file_link(), which looks without the lock */
}

/* The file's link, chosen now if it has none yet and there is just one to choose. */
static struct qkd_link *file_link(struct qkd_file *qf)
{
	struct qkd_link *link = smp_load_acquire(&qf->link); /* pairs with set_link() */

	if (link)
		return link;
	mutex_lock(&qf->lock);
	link = qf->link;
	if (!link) {
		link = qkd_net_get_only_link(qf->net);
		if (!IS_ERR(link))
			set_link(qf, link);
	}
	mutex_unlock(&qf->lock);
	return link;
}

static long wait_jiffies(const struct file *file, u32 timeout_ms)
{
	if (!timeout_ms || file->f_flags & O_NONBLOCK)
		return 0;
	return msecs_to_jiffies(timeout_ms) + 1; /* the first tick may be a short one */
}

static int ioc_bind(struct file *file, union qkd_arg *arg)
{
	struct qkd_file *qf = file->private_data;
	struct qkd_bind *bind = &arg->bind;
	size_t len = strnlen(bind->link, sizeof(bind->link));
	struct qkd_link *link;
	int err = 0;

	if (bind->flags)
		return -EOPNOTSUPP;
	if (!len || len == sizeof(bind->link) ||
	    memchr_inv(bind->link + len, 0, sizeof(bind->link) - len))
		return -EINVAL;

	mutex_lock(&qf->lock);
	if (qf->link) {
		err = -EBUSY;
	} else {
		link = qkd_net_get_link(qf->net, bind->link);
		if (link)
			set_link(qf, link);
		else
			err = -ENODEV;
	}
	mutex_unlock(&qf->lock);
	return err;
}

static int ioc_get_info(struct file *file, union qkd_arg *arg)
{
	struct qkd_info *info = &arg->info;
	struct qkd_levels levels;
	u32 size = info->size;
	struct qkd_link *link;
	int err;

	if (info->flags)
		return -EOPNOTSUPP;
	if (info->reserved)
		return -EINVAL;
	link = file_link(file->private_data);
	if (IS_ERR(link))
		return PTR_ERR(link);
	err = qkd_link_levels(link, &levels);
	if (err)
		return err;

	memset(info, 0, sizeof(*info));
	info->size = size;
	info->flags = link->flags;
	strscpy(info->link, link->name, sizeof(info->link));
	strscpy(info->provider, link->provider_name, sizeof(info->provider));
	info->role = link->role;
	info->state = levels.report.state;
	info->key_len = link->key_len;
	info->capacity = link->capacity;
	info->low = levels.settings.low;
	info->ttl_s = levels.settings.ttl_s;
	info->outbound_fresh = levels.outbound_fresh;
	info->inbound_fresh = levels.inbound_fresh;
	info->inbound_reserved = levels.inbound_reserved;
	strscpy(info->local_sae, link->local_sae, sizeof(info->local_sae));
	strscpy(info->remote_sae, link->remote_sae, sizeof(info->remote_sae));
	return 0;
}

static int check_get(const struct qkd_key_get *get)
{
	if (get->flags)
		return -EOPNOTSUPP;
	if (get->timeout_ms > QKD_TIMEOUT_MS_MAX || get->key_len ||
	    memchr_inv(get->key, 0, sizeof(get->key)))
		return -EINVAL;
	return 0;
}

/* Moves a key to where the caller will see it. */
static void answer_get(struct qkd_key_get *get, struct qkd_record *rec)
{
	memcpy(get->key_id, rec->key_id, sizeof(get->key_id));
	memcpy(get->key, rec->key, sizeof(get->key));
	get->key_len = rec->key_len;
	memzero_explicit(rec, sizeof(*rec));
}

static int ioc_get_key(struct file *file, union qkd_arg *arg)
{
	struct qkd_link *link;
	struct qkd_key_get *get = &arg->get;
	struct qkd_record rec;
	int err = check_get(get);

	if (!err && memchr_inv(get->key_id, 0, sizeof(get->key_id)))
		err = -EINVAL;
	if (err)
		return err;
	link = file_link(file->private_data);
	if (IS_ERR(link))
		return PTR_ERR(link);
	err = qkd_link_take(link, wait_jiffies(file, get->timeout_ms), &rec);
	if (!err)
		answer_get(get, &rec);
	return err;
}

static int ioc_get_key_by_id(struct file *file, union qkd_arg *arg)
{
	struct qkd_file *qf = file->private_data;
	struct qkd_link *link;
	struct qkd_key_get *get = &arg->get;
	struct qkd_record rec;
	int err = check_get(get);

	if (err)
		return err;
	link = file_link(qf);
	if (IS_ERR(link))
		return PTR_ERR(link);
	err = qkd_link_reserve(link, &qf->holder, get->key_id, wait_jiffies(file, get->timeout_ms),
			       &rec);
	if (!err)
		answer_get(get, &rec);
	return err;
}

/* The caller's memory could not take the key that was reserved for it. */
static void undo_get_key_by_id(struct file *file, union qkd_arg *arg)
{
	struct qkd_file *qf = file->private_data;

	qkd_link_release(qf->link, &qf->holder, arg->get.key_id);
}

static int end_reservation(struct file *file, const struct qkd_key_ref *ref,
			   int (*end)(struct qkd_link *link, struct qkd_holder *holder,
				      const u8 *id))
{
	struct qkd_file *qf = file->private_data;
	struct qkd_link *link;

	if (ref->flags)
		return -EOPNOTSUPP;
	link = file_link(qf);
	if (IS_ERR(link))
		return PTR_ERR(link);
	return end(link, &qf->holder, ref->key_id);
}

static int ioc_commit(struct file *file, union qkd_arg *arg)
{
	return end_reservation(file, &arg->ref, qkd_link_commit);
}

static int ioc_release(struct file *file, union qkd_arg *arg)
{
	return end_reservation(file, &arg->ref, qkd_link_release);
}

/* @size is the structure's length now, @min its first version's; @undo takes an answer back. */
struct qkd_ioc {
	unsigned int cmd;
	size_t min;
	size_t size;
	bool answers;
	int (*run)(struct file *file, union qkd_arg *arg);
	void (*undo)(struct file *file, union qkd_arg *arg);
};

static const struct qkd_ioc iocs[] = {
	{ QKD_IOC_BIND, BIND_SIZE_V1, sizeof(struct qkd_bind), false, ioc_bind, NULL },
	{ QKD_IOC_GET_INFO, INFO_SIZE_V1, sizeof(struct qkd_info), true, ioc_get_info, NULL },
	{ QKD_IOC_GET_KEY, KEY_GET_SIZE_V1, sizeof(struct qkd_key_get), true, ioc_get_key, NULL },
	{ QKD_IOC_GET_KEY_BY_ID, KEY_GET_SIZE_V1, sizeof(struct qkd_key_get), true,
	  ioc_get_key_by_id, undo_get_key_by_id },
	{ QKD_IOC_COMMIT, KEY_REF_SIZE_V1, sizeof(struct qkd_key_ref), false, ioc_commit, NULL },
	{ QKD_IOC_RELEASE, KEY_REF_SIZE_V1, sizeof(struct qkd_key_ref), false, ioc_release, NULL },
};

static const struct qkd_ioc *find_ioc(unsigned int cmd)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(iocs); i++) {
		if (iocs[i].cmd == cmd)
			return &iocs[i];
	}
	return NULL;
}

static int copy_in(union qkd_arg *arg, const struct qkd_ioc *ioc, void __user *uarg, u32 *usize)
{
	int err;

	if (get_user(*usize, (u32 __user *)uarg))
		return -EFAULT;
	if (*usize > ARG_SIZE_MAX)
		return -E2BIG;
	if (*usize < ioc->min)
		return -EINVAL;
	err = copy_struct_from_user(arg, ioc->size, uarg, *usize);
	if (err)
		return err;
	arg->size = *usize; /* the caller may have changed it since it was read */
	return 0;
}

static long qkd_ioctl(struct file *file, unsigned int cmd, unsigned long uaddr)
{
	const struct qkd_ioc *ioc = find_ioc(cmd);
	void __user *uarg = (void __user *)uaddr;
	union qkd_arg arg = {};
	u32 usize;
	int err;

	if (!ioc)
		return -ENOTTY;
	err = copy_in(&arg, ioc, uarg, &usize);
	if (!err)
		err = ioc->run(file, &arg);
	if (!err && ioc->answers && copy_to_user(uarg, &arg, min_t(size_t, usize, ioc->size))) {
		err = -EFAULT;
		if (ioc->undo)
			ioc->undo(file, &arg);
	}
	memzero_explicit(&arg, sizeof(arg));
	return err;
}

/* Whole records; waits for the first only. What was read before an error is what counts. */
static ssize_t qkd_read(struct file *file, char __user *ubuf, size_t count, loff_t *pos)
{
	long timeout = file->f_flags & O_NONBLOCK ? 0 : MAX_SCHEDULE_TIMEOUT;
	struct qkd_link *link = file_link(file->private_data);
	struct qkd_record rec;
	size_t done = 0;
	int err = 0;

	if (IS_ERR(link))
		return PTR_ERR(link);
	if (count < sizeof(rec))
		return -EMSGSIZE;
	while (count - done >= sizeof(rec)) {
		err = qkd_link_take(link, done ? 0 : timeout, &rec);
		if (err)
			break;
		if (copy_to_user(ubuf + done, &rec, sizeof(rec))) {
			err = -EFAULT;
			break;
		}
		done += sizeof(rec);
		if (signal_pending(current))
			break;
		cond_resched();
	}
	memzero_explicit(&rec, sizeof(rec));
	return done ?: err;
}

static __poll_t qkd_poll(struct file *file, poll_table *wait)
{
	struct qkd_link *link = file_link(file->private_data);
	struct qkd_levels levels;

	if (IS_ERR(link))
		return EPOLLERR;
	poll_wait(file, &link->outbound_wq, wait);
	if (qkd_link_levels(link, &levels))
		return EPOLLHUP;
	return levels.outbound_fresh ? EPOLLIN | EPOLLRDNORM : 0;
}

static int qkd_open(struct inode *inode, struct file *file)
{
	struct qkd_file *qf = kzalloc(sizeof(*qf), GFP_KERNEL_ACCOUNT);

	if (!qf)
		return -ENOMEM;
	mutex_init(&qf->lock);
	INIT_LIST_HEAD(&qf->holder.keys);
	qf->net = qkd_net_get(qkd_net_of(current->nsproxy->net_ns));
	file->private_data = qf;
	return nonseekable_open(inode, file);
}

static int qkd_release(struct inode *inode, struct file *file)
{
	struct qkd_file *qf = file->private_data;

	if (qf->link) {
		qkd_link_release_all(qf->link, &qf->holder);
		qkd_link_put(qf->link);
	}
	qkd_net_put(qf->net);
	kfree(qf);
	return 0;
}

static const struct file_operations qkd_fops = {
	.owner = THIS_MODULE,
	.open = qkd_open,
	.release = qkd_release,
	.read = qkd_read,
	.poll = qkd_poll,
	.unlocked_ioctl = qkd_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice qkd_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "qkd",
	.fops = &qkd_fops,
	.mode = 0660,
};

int qkd_chardev_init(void)
{
	return misc_register(&qkd_misc);
}

void qkd_chardev_exit(void)
{
	misc_deregister(&qkd_misc);
}
