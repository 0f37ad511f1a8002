// SPDX-License-Identifier: GPL-2.0-only
/* A sealed session's descriptor: its calls, and in which order they may come. <uapi/linux/qkd.h> has the contract. */
#include <crypto/algapi.h>
#include <linux/anon_inodes.h>
#include <linux/bits.h>
#include <linux/ctype.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/net.h>
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "../qkd.h"
#include "sealed.h"

#define KDFS	    (BIT(QKD_KDF_SHA256) | BIT(QKD_KDF_SHA384))
#define KDFS_END    (QKD_KDF_SHA384 + 1)
#define BINDERS_MAX 2 /* of each hash: behind a HelloRetryRequest there is another hello */

/* What has been done last. */
enum stage {
	STAGE_OPEN,
	STAGE_BINDER,
	STAGE_HANDSHAKE,
	STAGE_APPLICATION,
	STAGE_INSTALLED,
	STAGE_OVER,
};

/*
 * An open session, owned by its file. @lock covers all of it but @holder, which the link's does, and what never changes:
 * @link, of which there is a reference, @server and @key_id.
 */
struct qkd_sealed {
	struct mutex lock;
	struct qkd_link *link;
	struct qkd_holder holder; /* server: the key, until it is spent or given back */
	struct qkd_spent spent; /* nobody is told of it but by this session */
	bool server;
	u8 key_id[QKD_KEY_ID_LEN];
	enum stage stage;
	struct qkd_schedule
		schedules[KDFS_END]; /* those that were asked for; from the handshake on one */
	u8 binders[KDFS_END]; /* how many there have been */
	const struct qkd_suite *suite; /* from the handshake on */
	struct qkd_session *
		session; /* once installed: the connection, and its socket, of which this is a reference */
};

static enum qkd_sender own(const struct qkd_sealed *sealed)
{
	return sealed->server ? QKD_SENDER_SERVER : QKD_SENDER_CLIENT;
}

static enum qkd_sender peers(const struct qkd_sealed *sealed)
{
	return sealed->server ? QKD_SENDER_CLIENT : QKD_SENDER_SERVER;
}

static struct qkd_schedule *schedule_of(struct qkd_sealed *sealed)
{
	return &sealed->schedules[sealed->suite->kdf];
}

static void wipe(struct qkd_sealed *sealed)
{
	int i;

	for (i = 0; i < KDFS_END; i++)
		qkd_schedule_exit(&sealed->schedules[i]);
}

/* Nothing more can be done with it. */
static int end(struct qkd_sealed *sealed, int err)
{
	wipe(sealed);
	sealed->stage = STAGE_OVER;
	return err;
}

static bool is_zero(const void *bytes, size_t len)
{
	return !memchr_inv(bytes, 0, len);
}

/* A hash of this KDF's length, and zeros behind it */
static bool fits(const struct qkd_schedule *schedule, const u8 hash[QKD_HASH_LEN_MAX])
{
	return is_zero(hash + schedule->hkdf.len, QKD_HASH_LEN_MAX - schedule->hkdf.len);
}

/* ---- Calls: each with the lock held, on a copy of the caller's structure ---- */

static int make_binder(struct qkd_sealed *sealed, struct qkd_session_binder *arg)
{
	int err;

	if (!is_zero(arg->binder, sizeof(arg->binder)) || sealed->stage > STAGE_BINDER ||
	    sealed->binders[arg->kdf] >= BINDERS_MAX)
		return -EINVAL;
	err = qkd_schedule_binder(&sealed->schedules[arg->kdf], arg->transcript_hash, arg->binder);
	if (err)
		return err;
	sealed->binders[arg->kdf]++;
	sealed->stage = STAGE_BINDER;
	return 0;
}

static int check_binder(struct qkd_sealed *sealed, const struct qkd_session_binder *arg)
{
	struct qkd_schedule *schedule = &sealed->schedules[arg->kdf];
	u8 expected[QKD_HASH_LEN_MAX] = {};
	int err;

	if (sealed->stage != STAGE_OPEN || !fits(schedule, arg->binder))
		return -EINVAL;
	err = qkd_schedule_binder(schedule, arg->transcript_hash, expected);
	if (err)
		return err;
	if (crypto_memneq(expected, arg->binder, sizeof(expected)))
		err = -EBADMSG;
	memzero_explicit(expected, sizeof(expected));
	if (err)
		qkd_link_release(sealed->link, &sealed->holder, sealed->key_id, true);
	else
		err = qkd_link_commit(sealed->link, &sealed->holder, NULL, sealed->key_id);
	if (err)
		return end(sealed, err);
	sealed->binders[arg->kdf]++;
	sealed->stage = STAGE_BINDER;
	return 0;
}

static int call_binder(struct qkd_sealed *sealed, void *uncast, void __user *uarg)
{
	struct qkd_session_binder *arg = uncast;

	if (arg->reserved || arg->kdf >= KDFS_END)
		return -EINVAL;
	arg->kdf = array_index_nospec(arg->kdf, KDFS_END);
	if (!sealed->schedules[arg->kdf].hkdf.hmac ||
	    !fits(&sealed->schedules[arg->kdf], arg->transcript_hash))
		return -EINVAL;
	return sealed->server ? check_binder(sealed, arg) : make_binder(sealed, arg);
}

static bool handshake_is_sound(const struct qkd_session_handshake *arg)
{
	return arg->kex_len && arg->kex_len <= sizeof(arg->kex_secret) &&
	       is_zero(arg->kex_secret + arg->kex_len, sizeof(arg->kex_secret) - arg->kex_len) &&
	       is_zero(arg->client_secret, sizeof(arg->client_secret)) &&
	       is_zero(arg->server_secret, sizeof(arg->server_secret));
}

/* The other hash's schedule, if there is one, is of no use any more. */
static void keep_one(struct qkd_sealed *sealed, unsigned int kdf)
{
	int i;

	for (i = 0; i < KDFS_END; i++) {
		if (i != kdf)
			qkd_schedule_exit(&sealed->schedules[i]);
	}
}

static int call_handshake(struct qkd_sealed *sealed, void *uncast, void __user *uarg)
{
	struct qkd_session_handshake *arg = uncast;
	const struct qkd_suite *suite = qkd_suite_find(arg->suite);
	struct qkd_schedule *schedule;
	unsigned int kdf;
	int err;

	if (sealed->stage != STAGE_BINDER || !suite || !handshake_is_sound(arg))
		return -EINVAL;
	kdf = suite->kdf;
	schedule = &sealed->schedules[kdf];
	if (!sealed->binders[kdf] || !fits(schedule, arg->transcript_hash))
		return -EINVAL;
	err = qkd_schedule_handshake(schedule, arg->kex_secret, arg->kex_len, arg->transcript_hash,
				     arg->client_secret, arg->server_secret);
	if (err)
		return err;
	keep_one(sealed, kdf);
	sealed->suite = suite;
	sealed->stage = STAGE_HANDSHAKE;
	return 0;
}

static int call_application(struct qkd_sealed *sealed, void *uncast, void __user *uarg)
{
	const struct qkd_session_application *arg = uncast;
	int err;

	if (sealed->stage != STAGE_HANDSHAKE || !fits(schedule_of(sealed), arg->transcript_hash))
		return -EINVAL;
	err = qkd_schedule_application(schedule_of(sealed), arg->transcript_hash);
	if (!err)
		sealed->stage = STAGE_APPLICATION;
	return err;
}

static bool is_name(const char name[QKD_PEER_LEN_MAX + 1])
{
	const size_t len = strnlen(name, QKD_PEER_LEN_MAX + 1);
	size_t i;

	for (i = 0; i < len; i++) {
		if (!isascii(name[i]) || !isprint(name[i]) || strchr("\"\\", name[i]))
			return false;
	}
	return len <= QKD_PEER_LEN_MAX && is_zero(name + len, QKD_PEER_LEN_MAX + 1 - len);
}

static int give_keys(struct qkd_sealed *sealed, struct socket *sock,
		     struct qkd_session_install __user *uarg)
{
	const unsigned int key_len = sealed->suite->key_len;
	struct qkd_schedule *schedule = schedule_of(sealed);
	struct qkd_traffic_key tx, rx = {};
	int err = qkd_schedule_traffic_key(schedule, own(sealed), key_len, &tx)
			  ?: qkd_schedule_traffic_key(schedule, peers(sealed), key_len, &rx);

	if (!err && clear_user(uarg->scratch, sizeof(uarg->scratch)))
		err = -EFAULT;
	if (!err)
		err = qkd_ktls_attach(sock);
	/* From here on there is no way back. */
	if (!err) {
		err = qkd_ktls_install(sock, sealed->suite, &tx, &rx, uarg->scratch);
		if (err)
			end(sealed, err);
	}
	memzero_explicit(&tx, sizeof(tx));
	memzero_explicit(&rx, sizeof(rx));
	return err;
}

static int install(struct qkd_sealed *sealed, const struct qkd_session_install *arg,
		   struct qkd_session_install __user *uarg, struct socket *sock)
{
	const struct qkd_session_about about = {
		.id = sealed->key_id,
		.dir = sealed->server ? QKD_INBOUND : QKD_OUTBOUND,
		.suite = sealed->suite->number,
		.sealed = true,
		.group = arg->group,
		.peer = arg->peer,
	};
	struct qkd_session *session = qkd_session_new(sealed->link, sock, &about);
	int err;

	if (IS_ERR(session))
		return PTR_ERR(session);
	err = give_keys(sealed, sock, uarg);
	if (err) {
		qkd_session_put(session);
		return err;
	}
	sealed->session = session;
	sealed->stage = STAGE_INSTALLED;
	qkd_session_add(sealed->link, session);
	return 0;
}

static int call_install(struct qkd_sealed *sealed, void *uncast, void __user *uarg)
{
	const struct qkd_session_install *arg = uncast;
	struct socket *sock;
	int err;

	if (sealed->stage != STAGE_APPLICATION || arg->group > U16_MAX || !is_name(arg->peer) ||
	    !is_zero(arg->scratch, sizeof(arg->scratch)))
		return -EINVAL;
	sock = sockfd_lookup(arg->socket, &err);
	if (!sock)
		return err;
	err = install(sealed, arg, uarg, sock);
	sockfd_put(sock);
	return err;
}

static int call_update(struct qkd_sealed *sealed, void *uncast, void __user *uarg)
{
	const struct qkd_session_update *arg = uncast;
	const bool tx = arg->flags == QKD_UPDATE_F_TX;
	const enum qkd_sender sender = tx ? own(sealed) : peers(sealed);
	struct qkd_traffic_key key;
	u8 next[QKD_HASH_LEN_MAX];
	int err;

	if (sealed->stage != STAGE_INSTALLED || (!tx && arg->flags != QKD_UPDATE_F_RX))
		return -EINVAL;
	err = qkd_schedule_next(schedule_of(sealed), sender, sealed->suite->key_len, next, &key);
	if (!err)
		err = qkd_ktls_update(qkd_session_sock(sealed->session), sealed->suite, tx, &key);
	if (!err) {
		qkd_schedule_advance(schedule_of(sealed), sender, next);
		qkd_session_updated(sealed->session, tx);
	}
	memzero_explicit(next, sizeof(next));
	memzero_explicit(&key, sizeof(key));
	return err;
}

static int call_export(struct qkd_sealed *sealed, void *uncast, void __user *uarg)
{
	struct qkd_session_export *arg = uncast;
	const size_t len = strnlen(arg->label, sizeof(arg->label));

	if (sealed->stage != STAGE_APPLICATION && sealed->stage != STAGE_INSTALLED)
		return -EINVAL;
	if (arg->reserved || !arg->len || arg->len > sizeof(arg->out) || !len ||
	    len > QKD_LABEL_LEN_MAX || !is_zero(arg->label + len, sizeof(arg->label) - len) ||
	    !fits(schedule_of(sealed), arg->context_hash) || !is_zero(arg->out, sizeof(arg->out)))
		return -EINVAL;
	return qkd_schedule_export(schedule_of(sealed), arg->label, arg->context_hash, arg->out,
				   arg->len);
}

/* ---- The descriptor ---- */

/*
 * @function: @arg is the kernel's copy of the structure at @uarg
 * @size: of the structure, in this, its first version; all begin with size and flags
 * @flags: that it knows
 * @answers: whether it says something
 */
static const struct call {
	int (*function)(struct qkd_sealed *sealed, void *arg, void __user *uarg);
	u16 size;
	u16 flags;
	bool answers;
} calls[] = {
	{ call_binder, sizeof(struct qkd_session_binder), 0, true },
	{ call_handshake, sizeof(struct qkd_session_handshake), 0, true },
	{ call_application, sizeof(struct qkd_session_application), 0, false },
	{ call_install, sizeof(struct qkd_session_install), 0, false },
	{ call_update, sizeof(struct qkd_session_update), QKD_UPDATE_F_TX | QKD_UPDATE_F_RX,
	  false },
	{ call_export, sizeof(struct qkd_session_export), 0, true },
};

struct head {
	__u32 size;
	__u32 flags;
};

static int run(struct qkd_sealed *sealed, const struct call *call, struct head *arg,
	       void __user *uarg)
{
	int err;

	if (arg->flags & ~(u32)call->flags)
		return -EOPNOTSUPP;
	mutex_lock(&sealed->lock);
	err = call->function(sealed, arg, uarg);
	mutex_unlock(&sealed->lock);
	return err;
}

static long sealed_ioctl(struct file *file, unsigned int cmd, unsigned long uaddr)
{
	unsigned int number = _IOC_NR(cmd) - _IOC_NR(QKD_IOC_BINDER);
	void __user *uarg = (void __user *)uaddr;
	const struct call *call;
	struct head *arg;
	u32 usize;
	int err;

	if (number >= ARRAY_SIZE(calls) || cmd != _IO(QKD_IOC_MAGIC, _IOC_NR(cmd)))
		return -ENOTTY;
	call = &calls[array_index_nospec(number, ARRAY_SIZE(calls))];
	arg = kzalloc(call->size, GFP_KERNEL);
	if (!arg)
		return -ENOMEM;
	err = qkd_copy_in(arg, call->size, call->size, uarg);
	usize = arg->size;
	if (!err)
		err = run(file->private_data, call, arg, uarg);
	if (!err && call->answers && copy_to_user(uarg, arg, min_t(size_t, usize, call->size)))
		err = -EFAULT;
	kfree_sensitive(arg);
	return err;
}

static void sealed_free(struct qkd_sealed *sealed)
{
	wipe(sealed);
	qkd_link_release_all(sealed->link, &sealed->holder);
	qkd_link_put(sealed->link);
	if (sealed->session)
		qkd_session_put(sealed->session);
	kfree_sensitive(sealed);
}

static int sealed_release(struct inode *inode, struct file *file)
{
	sealed_free(file->private_data);
	return 0;
}

static const struct file_operations sealed_fops = {
	.owner = THIS_MODULE,
	.release = sealed_release,
	.unlocked_ioctl = sealed_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
	.llseek = noop_llseek,
};

/* A session without a key */
static struct qkd_sealed *sealed_new(struct qkd_link *link, const struct qkd_session_open *open)
{
	struct qkd_sealed *sealed = kzalloc(sizeof(*sealed), GFP_KERNEL_ACCOUNT);
	int err = 0;
	int i;

	if (!sealed)
		return ERR_PTR(-ENOMEM);
	mutex_init(&sealed->lock);
	sealed->link = qkd_link_get(link);
	INIT_LIST_HEAD(&sealed->holder.keys);
	sealed->server = open->flags & QKD_SESSION_F_SERVER;
	for (i = 0; i < KDFS_END && !err; i++) {
		if (open->kdfs & BIT(i))
			err = qkd_schedule_init(&sealed->schedules[i], i);
	}
	if (!err)
		return sealed;
	sealed_free(sealed);
	return ERR_PTR(err);
}

static int import(struct qkd_sealed *sealed, const struct qkd_record *key, const u8 *context)
{
	int err = 0;
	int i;

	memcpy(sealed->key_id, key->key_id, sizeof(sealed->key_id));
	for (i = 0; i < KDFS_END && !err; i++) {
		if (sealed->schedules[i].hkdf.hmac)
			err = qkd_schedule_begin(&sealed->schedules[i], i, key, context);
	}
	return err;
}

static int take_key(struct qkd_sealed *sealed, const struct qkd_session_open *open, long timeout)
{
	struct qkd_record key;
	int err = sealed->server ? qkd_link_reserve(sealed->link, &sealed->holder, open->key_id,
						    timeout, &key)
				 : qkd_link_take(sealed->link, &sealed->spent, timeout, &key);

	if (err)
		return err;
	err = import(sealed, &key, open->context);
	memzero_explicit(&key, sizeof(key));
	return err;
}

static struct file *make_file(struct qkd_link *link, struct qkd_session_open *open, long timeout)
{
	struct qkd_sealed *sealed = sealed_new(link, open);
	struct file *file;
	int err;

	if (IS_ERR(sealed))
		return ERR_CAST(sealed);
	file = anon_inode_getfile("[qkd_session]", &sealed_fops, sealed, O_RDWR);
	if (IS_ERR(file)) {
		sealed_free(sealed);
		return file;
	}
	err = take_key(sealed, open, timeout);
	if (err) {
		fput(file);
		return ERR_PTR(err);
	}
	memcpy(open->key_id, sealed->key_id, sizeof(open->key_id));
	return file;
}

/* All that may be missing is there before a key is taken. */
int qkd_sealed_open(struct qkd_link *link, struct qkd_session_open *open, long timeout,
		    void __user *uarg)
{
	int fd = get_unused_fd_flags(O_CLOEXEC);
	struct file *file;
	int err;

	if (fd < 0)
		return fd;
	file = make_file(link, open, timeout);
	err = PTR_ERR_OR_ZERO(file);
	if (!err && copy_to_user(uarg, open, min_t(size_t, open->size, sizeof(*open)))) {
		fput(file);
		err = -EFAULT;
	}
	if (err) {
		put_unused_fd(fd);
		return err;
	}
	fd_install(fd, file);
	return fd;
}

/* -EOPNOTSUPP, -EINVAL; or 0, and the structure may be used. */
int qkd_sealed_check(const struct qkd_session_open *open)
{
	if (open->flags & ~QKD_SESSION_F_SERVER)
		return -EOPNOTSUPP;
	if (!open->kdfs || open->kdfs & ~(u32)KDFS || open->timeout_ms > QKD_TIMEOUT_MS_MAX)
		return -EINVAL;
	if (!(open->flags & QKD_SESSION_F_SERVER) && !is_zero(open->key_id, sizeof(open->key_id)))
		return -EINVAL;
	return 0;
}
