// SPDX-License-Identifier: GPL-2.0-only
/* /dev/qkd. <uapi/linux/qkd.h> says what each call does. */
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/jiffies.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/nospec.h>
#include <linux/nsproxy.h>
#include <linux/poll.h>
#include <linux/sched.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/user_namespace.h>

#include "qkd.h"

#define ARG_SIZE_MAX 4096 /* longest structure a caller may hand in */

/* Lengths of the first versions, the least that a caller may hand in. */
#define BIND_SIZE_V1	40
#define INFO_SIZE_V1	624
#define KEY_GET_SIZE_V1 96
#define KEY_REF_SIZE_V1 24
#define FEED_SIZE_V1	8
#define SESSION_SIZE_V1 64
static_assert(sizeof(struct qkd_bind) >= BIND_SIZE_V1);
static_assert(sizeof(struct qkd_info) >= INFO_SIZE_V1);
static_assert(sizeof(struct qkd_key_get) >= KEY_GET_SIZE_V1);
static_assert(sizeof(struct qkd_key_ref) >= KEY_REF_SIZE_V1);
static_assert(sizeof(struct qkd_feed_open) >= FEED_SIZE_V1);
static_assert(sizeof(struct qkd_session_open) >= SESSION_SIZE_V1);

/*
 * An open file. It does not keep its namespace, only our record of it. @link is set once, under
 * @lock, and keeps its reference until the file is released, when its reservations are given back.
 * @lock covers nothing else: holder.keys and spent are covered by the link's.
 */
struct qkd_file {
	struct qkd_net *net;
	struct mutex lock; /* the choice of @link */
	struct qkd_link *link;
	struct qkd_holder holder;
	struct qkd_spent spent;
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

/* The caller's structure as one of @size bytes, of which the first version had @min. */
int qkd_copy_in(void *arg, size_t size, size_t min, const void __user *uarg)
{
	u32 usize;
	int err;

	if (get_user(usize, (const u32 __user *)uarg))
		return -EFAULT;
	if (usize > ARG_SIZE_MAX)
		return -E2BIG;
	if (usize < min)
		return -EINVAL;
	err = copy_struct_from_user(arg, size, uarg, usize);
	if (!err)
		*(u32 *)arg = usize; /* the caller may have changed it since it was read */
	return err;
}

static int bind_file(struct qkd_file *qf, const char *name)
{
	struct qkd_link *link;
	int err = 0;

	mutex_lock(&qf->lock);
	if (qf->link) {
		err = -EBUSY;
	} else {
		link = qkd_net_get_link(qf->net, name);
		if (link)
			set_link(qf, link);
		else
			err = -ENODEV;
	}
	mutex_unlock(&qf->lock);
	return err;
}

static int ioc_bind(struct file *file, void __user *uarg)
{
	struct qkd_bind bind;
	int err = qkd_copy_in(&bind, sizeof(bind), BIND_SIZE_V1, uarg);
	size_t len;

	if (err)
		return err;
	if (bind.flags)
		return -EOPNOTSUPP;
	len = strnlen(bind.link, sizeof(bind.link));
	if (!len || len == sizeof(bind.link) ||
	    memchr_inv(bind.link + len, 0, sizeof(bind.link) - len))
		return -EINVAL;
	return bind_file(file->private_data, bind.link);
}

static int fill_info(struct qkd_link *link, struct qkd_info *info)
{
	struct qkd_levels levels;
	int err = qkd_link_levels(link, &levels);

	if (err)
		return err;
	info->flags = link->flags;
	strscpy(info->link, link->name, sizeof(info->link));
	strscpy(info->provider, link->provider_name, sizeof(info->provider));
	info->role = link->role;
	info->state = levels.state;
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

static int ioc_get_info(struct file *file, void __user *uarg)
{
	struct qkd_info info;
	int err = qkd_copy_in(&info, sizeof(info), INFO_SIZE_V1, uarg);
	struct qkd_link *link;
	u32 usize;

	if (err)
		return err;
	if (info.flags)
		return -EOPNOTSUPP;
	if (info.reserved)
		return -EINVAL;
	link = file_link(file->private_data);
	if (IS_ERR(link))
		return PTR_ERR(link);
	usize = info.size;
	memset(&info, 0, sizeof(info));
	info.size = usize;
	err = fill_info(link, &info);
	if (!err && copy_to_user(uarg, &info, min_t(size_t, usize, sizeof(info))))
		err = -EFAULT;
	return err;
}

/* What a struct qkd_key_get says before its @key, which must be zero. */
union get_head {
	struct {
		__u32 size;
		__u32 flags;
		__u32 timeout_ms;
		__u32 key_len;
		__u8 key_id[QKD_KEY_ID_LEN];
	};
	u64 words[4];
};
static_assert(sizeof(union get_head) == offsetof(struct qkd_key_get, key));

/*
 * The words of a structure of the usual length, those of the key, which must be zero, put together.
 * To open user memory costs more than to read a few words of it, so it is opened once, and what has
 * been read is looked at afterwards.
 */
static int read_get(union get_head *head, u64 *key, const struct qkd_key_get __user *uget)
{
	const u64 __user *from = (const u64 __user *)uget;
	u64 *to = head->words;
	u64 word;
	unsigned int i;

	*key = 0;
	if (!user_read_access_begin(from, sizeof(*uget)))
		return -EFAULT;
	for (i = 0; i < sizeof(*head) / sizeof(*from); i++)
		unsafe_get_user(to[i], from + i, fault);
	for (; i < sizeof(*uget) / sizeof(*from); i++) {
		unsafe_get_user(word, from + i, fault);
		*key |= word;
	}
	user_read_access_end();
	return 0;

fault:
	user_read_access_end();
	return -EFAULT;
}

/* The caller's structure has another length than ours, or cannot be read as far as that. */
static int copy_in_odd_get(union get_head *head, u64 *key, struct qkd_key_get __user *uget)
{
	struct qkd_key_get get;
	int err = qkd_copy_in(&get, sizeof(get), KEY_GET_SIZE_V1, uget);

	if (err)
		return err;
	memcpy(head, &get, sizeof(*head));
	*key = !!memchr_inv(get.key, 0, sizeof(get.key));
	return 0;
}

static int copy_in_get(union get_head *head, struct qkd_key_get __user *uget)
{
	u64 key;
	int err = read_get(head, &key, uget);

	if (err || head->size != sizeof(*uget))
		err = copy_in_odd_get(head, &key, uget);
	if (err)
		return err;
	if (head->flags)
		return -EOPNOTSUPP;
	if (key || head->key_len || head->timeout_ms > QKD_TIMEOUT_MS_MAX)
		return -EINVAL;
	return 0;
}

/* Shows the caller a key; where none comes to lie, @uget is zero already. */
static int show_key(struct qkd_key_get __user *uget, const struct qkd_record *rec)
{
	if (!user_write_access_begin(uget, sizeof(*uget)))
		return -EFAULT;
	unsafe_put_user(rec->key_len, &uget->key_len, fault);
	unsafe_copy_to_user(uget->key_id, rec->key_id, sizeof(rec->key_id), fault);
	unsafe_copy_to_user(uget->key, rec->key, rec->key_len, fault);
	user_write_access_end();
	return 0;

fault:
	user_write_access_end();
	return -EFAULT;
}

static int answer_get(struct qkd_key_get __user *uget, struct qkd_record *rec)
{
	int err = show_key(uget, rec);

	memzero_explicit(rec, sizeof(*rec));
	return err;
}

/* The file's link, if its keys may be shown. */
static struct qkd_link *raw_link(struct qkd_file *qf)
{
	struct qkd_link *link = file_link(qf);

	return IS_ERR(link) || READ_ONCE(link->raw) ? link : ERR_PTR(-EACCES);
}

static int ioc_get_key(struct file *file, void __user *uarg)
{
	struct qkd_file *qf = file->private_data;
	struct qkd_link *link;
	struct qkd_record rec;
	union get_head head;
	int err = copy_in_get(&head, uarg);

	if (err)
		return err;
	if (head.words[2] | head.words[3]) /* the ID */
		return -EINVAL;
	link = raw_link(qf);
	if (IS_ERR(link))
		return PTR_ERR(link);
	err = qkd_link_take(link, &qf->spent, wait_jiffies(file, head.timeout_ms), &rec);
	return err ?: answer_get(uarg, &rec);
}

static int ioc_get_key_by_id(struct file *file, void __user *uarg)
{
	struct qkd_file *qf = file->private_data;
	struct qkd_link *link;
	struct qkd_record rec;
	union get_head head;
	int err = copy_in_get(&head, uarg);

	if (err)
		return err;
	link = raw_link(qf);
	if (IS_ERR(link))
		return PTR_ERR(link);
	err = qkd_link_reserve(link, &qf->holder, head.key_id, wait_jiffies(file, head.timeout_ms),
			       &rec);
	if (err)
		return err;
	err = answer_get(uarg, &rec);
	if (err)
		qkd_link_release(link, &qf->holder, head.key_id, false);
	return err;
}

union ref_words {
	struct qkd_key_ref ref;
	u64 words[sizeof(struct qkd_key_ref) / sizeof(u64)];
};
static_assert(sizeof(union ref_words) == sizeof(struct qkd_key_ref));

static int read_ref(union ref_words *arg, const void __user *uarg)
{
	const u64 __user *from = uarg;
	u64 *to = arg->words;
	unsigned int i;

	if (!user_read_access_begin(from, sizeof(*arg)))
		return -EFAULT;
	for (i = 0; i < sizeof(*arg) / sizeof(*from); i++)
		unsafe_get_user(to[i], from + i, fault);
	user_read_access_end();
	return 0;

fault:
	user_read_access_end();
	return -EFAULT;
}

static int copy_in_ref(union ref_words *arg, const void __user *uarg)
{
	int err = read_ref(arg, uarg);

	if (err || arg->ref.size != sizeof(arg->ref))
		err = qkd_copy_in(&arg->ref, sizeof(arg->ref), KEY_REF_SIZE_V1, uarg);
	return err;
}

static int ioc_commit(struct file *file, void __user *uarg)
{
	struct qkd_file *qf = file->private_data;
	union ref_words arg;
	const struct qkd_key_ref *ref = &arg.ref;
	int err = copy_in_ref(&arg, uarg);
	struct qkd_link *link;

	if (err)
		return err;
	if (ref->flags & ~QKD_COMMIT_F_SOCKET)
		return -EOPNOTSUPP;
	if (!(ref->flags & QKD_COMMIT_F_SOCKET) && (ref->socket || ref->suite))
		return -EINVAL;
	link = file_link(qf);
	if (IS_ERR(link))
		return PTR_ERR(link);
	if (ref->flags & QKD_COMMIT_F_SOCKET)
		return qkd_session_commit(link, &qf->holder, &qf->spent, ref);
	return qkd_link_commit(link, &qf->holder, &qf->spent, ref->key_id);
}

static int ioc_release(struct file *file, void __user *uarg)
{
	struct qkd_file *qf = file->private_data;
	union ref_words arg;
	int err = copy_in_ref(&arg, uarg);
	struct qkd_link *link;

	if (err)
		return err;
	if (arg.ref.flags & ~QKD_RELEASE_F_MISMATCH)
		return -EOPNOTSUPP;
	if (arg.ref.socket || arg.ref.suite)
		return -EINVAL;
	link = file_link(qf);
	if (IS_ERR(link))
		return PTR_ERR(link);
	return qkd_link_release(link, &qf->holder, arg.ref.key_id,
				arg.ref.flags & QKD_RELEASE_F_MISMATCH);
}

/* As for netlink: whoever opened the file, and handed it to a program with more rights, must have them too. */
static bool is_admin(const struct file *file, struct user_namespace *ns)
{
	return file_ns_capable(file, ns, CAP_NET_ADMIN) && ns_capable(ns, CAP_NET_ADMIN);
}

static int ioc_open_feed(struct file *file, void __user *uarg)
{
	struct qkd_feed_open feed;
	int err = qkd_copy_in(&feed, sizeof(feed), FEED_SIZE_V1, uarg);
	struct qkd_link *link;

	if (err)
		return err;
	if (feed.flags & ~QKD_FEED_F_NONBLOCK)
		return -EOPNOTSUPP;
	link = file_link(file->private_data);
	if (IS_ERR(link))
		return PTR_ERR(link);
	if (!is_admin(file, link->user_ns))
		return -EPERM;
	return qkd_feed_open(link, feed.flags);
}

static int ioc_open_session(struct file *file, void __user *uarg)
{
	struct qkd_session_open open;
	int err = qkd_copy_in(&open, sizeof(open), SESSION_SIZE_V1, uarg);
	struct qkd_link *link;

	if (!err)
		err = qkd_sealed_check(&open);
	if (err)
		return err;
	link = file_link(file->private_data);
	if (IS_ERR(link))
		return PTR_ERR(link);
	return qkd_sealed_open(link, &open, wait_jiffies(file, open.timeout_ms), uarg);
}

static int (*const iocs[])(struct file *file, void __user *uarg) = {
	[_IOC_NR(QKD_IOC_BIND)] = ioc_bind,
	[_IOC_NR(QKD_IOC_GET_INFO)] = ioc_get_info,
	[_IOC_NR(QKD_IOC_GET_KEY)] = ioc_get_key,
	[_IOC_NR(QKD_IOC_GET_KEY_BY_ID)] = ioc_get_key_by_id,
	[_IOC_NR(QKD_IOC_COMMIT)] = ioc_commit,
	[_IOC_NR(QKD_IOC_RELEASE)] = ioc_release,
	[_IOC_NR(QKD_IOC_OPEN_FEED)] = ioc_open_feed,
	[_IOC_NR(QKD_IOC_OPEN_SESSION)] = ioc_open_session,
};

static long qkd_ioctl(struct file *file, unsigned int cmd, unsigned long uaddr)
{
	unsigned int number = _IOC_NR(cmd);

	if (number >= ARRAY_SIZE(iocs) || cmd != _IO(QKD_IOC_MAGIC, number))
		return -ENOTTY;
	return iocs[array_index_nospec(number, ARRAY_SIZE(iocs))](file, (void __user *)uaddr);
}

/* Whole records; waits for the first only. What was read before an error is what counts. */
static ssize_t qkd_read(struct file *file, char __user *ubuf, size_t count, loff_t *pos)
{
	long timeout = file->f_flags & O_NONBLOCK ? 0 : MAX_SCHEDULE_TIMEOUT;
	struct qkd_file *qf = file->private_data;
	struct qkd_link *link = raw_link(qf);
	struct qkd_record rec;
	size_t done = 0;
	int err = 0;

	if (IS_ERR(link))
		return PTR_ERR(link);
	if (count < sizeof(rec))
		return -EMSGSIZE;
	while (count - done >= sizeof(rec)) {
		err = qkd_link_take(link, &qf->spent, done ? 0 : timeout, &rec);
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

	if (IS_ERR(link))
		return EPOLLERR;
	poll_wait(file, &link->outbound_wq, wait);
	return qkd_link_poll(link);
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
