// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which connection was made with which key, as the programs that made them say. A session keeps its
 * socket, and with it the namespace, so one that is closed is forgotten soon: by work, and whenever
 * somebody looks.
 */
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/net.h>
#include <linux/slab.h>
#include <linux/sock_diag.h>
#include <linux/string.h>
#include <linux/timekeeping.h>
#include <net/sock.h>
#include <net/tcp_states.h>

#include "qkd.h"

#define SESSIONS_MAX   4096 /* of one namespace */
#define PRUNE_INTERVAL (5 * HZ)

/*
 * The list of its namespace has a reference, and so has a sealed session's file, by whose calls alone @generation changes.
 * All else is const once it is in the list.
 */
struct qkd_session {
	refcount_t refs;
	struct list_head node;
	struct sock *sk;
	u64 serial;
	u64 since; /* boot-time clock, ns */
	u16 suite;
	u16 group;
	bool sealed;
	u8 dir;
	u8 id[QKD_KEY_ID_LEN];
	u32 generation[2]; /* of keys, by direction: received, sent */
	char link[QKD_LINK_NAME_LEN];
	struct sockaddr_storage local;
	struct sockaddr_storage remote;
	char peer[QKD_PEER_LEN_MAX + 1];
};

/* With the link's lock held. @dir: the key's direction, which goes with its ID. */
void qkd_spent_note(struct qkd_spent *spent, const u8 *id, enum qkd_direction dir)
{
	memcpy(spent->keys[spent->next].id, id, QKD_KEY_ID_LEN);
	spent->keys[spent->next].dir = dir;
	spent->keys[spent->next].set = true;
	spent->next = (spent->next + 1) % QKD_SPENT_MAX;
}

/* A key is for one connection. Return: its direction, or -ENOKEY: not noted, or asked for already. */
static int take_spent(struct qkd_link *link, struct qkd_spent *spent, const u8 *id)
{
	int dir = -ENOKEY;
	int i;

	spin_lock_irq(&link->lock);
	for (i = 0; i < QKD_SPENT_MAX; i++) {
		if (spent->keys[i].set && !memcmp(spent->keys[i].id, id, QKD_KEY_ID_LEN)) {
			spent->keys[i].set = false;
			dir = spent->keys[i].dir;
			break;
		}
	}
	spin_unlock_irq(&link->lock);
	return dir;
}

void qkd_session_put(struct qkd_session *session)
{
	if (!refcount_dec_and_test(&session->refs))
		return;
	sock_put(session->sk);
	kfree(session);
}

struct sock *qkd_session_sock(const struct qkd_session *session)
{
	return session->sk;
}

/* One direction has its next key. */
void qkd_session_updated(struct qkd_session *session, bool tx)
{
	WRITE_ONCE(session->generation[tx], session->generation[tx] + 1);
}

/* A connected TCP socket of this namespace: 0, -EINVAL, -ENOTCONN. */
static int read_socket(struct qkd_session *session, struct socket *sock, const struct net *net)
{
	int len;

	if (!net_eq(sock_net(sock->sk), net) || !sk_is_tcp(sock->sk))
		return -EINVAL;
	len = kernel_getpeername(sock, (struct sockaddr *)&session->remote);
	if (len >= 0)
		len = kernel_getsockname(sock, (struct sockaddr *)&session->local);
	return len < 0 ? len : 0;
}

/* A session that is not in a list yet. ERR_PTR: -EINVAL, -ENOTCONN (the socket), -ENOMEM. */
struct qkd_session *qkd_session_new(const struct qkd_link *link, struct socket *sock,
				    const struct qkd_session_about *about)
{
	struct qkd_session *session = kzalloc(sizeof(*session), GFP_KERNEL_ACCOUNT);
	int err = session ? read_socket(session, sock, link->net->net) : -ENOMEM;

	if (err) {
		kfree(session);
		return ERR_PTR(err);
	}
	refcount_set(&session->refs, 1);
	session->sk = sock->sk;
	sock_hold(session->sk);
	session->suite = about->suite;
	session->group = about->group;
	session->sealed = about->sealed;
	session->dir = about->dir;
	memcpy(session->id, about->id, sizeof(session->id));
	strscpy(session->link, link->name, sizeof(session->link));
	if (about->peer)
		strscpy(session->peer, about->peer, sizeof(session->peer));
	session->since = ktime_get_boottime_ns();
	return session;
}

/* The same, of a descriptor. Beside: -EBADF, -ENOTSOCK, and -EINVAL, the suite */
static struct qkd_session *session_of_ref(const struct qkd_link *link,
					  const struct qkd_key_ref *ref)
{
	const struct qkd_session_about about = { .id = ref->key_id, .suite = ref->suite };
	struct qkd_session *session;
	struct socket *sock;
	int err;

	if (!ref->suite || ref->suite > U16_MAX)
		return ERR_PTR(-EINVAL);
	sock = sockfd_lookup(ref->socket, &err);
	if (!sock)
		return ERR_PTR(err);
	session = qkd_session_new(link, sock, &about);
	sockfd_put(sock);
	return session;
}

static void forget(struct qkd_sessions *sessions, struct qkd_session *session)
{
	list_del(&session->node);
	sessions->count--;
	qkd_session_put(session);
}

static bool is_closed(const struct sock *sk)
{
	return sock_flag(sk, SOCK_DEAD) || READ_ONCE(sk->sk_state) == TCP_CLOSE;
}

static void prune(struct qkd_sessions *sessions)
{
	struct qkd_session *session, *next;

	lockdep_assert_held(&sessions->lock);
	list_for_each_entry_safe(session, next, &sessions->list, node) {
		if (is_closed(session->sk))
			forget(sessions, session);
	}
}

static void prune_work(struct work_struct *work)
{
	struct qkd_sessions *sessions =
		container_of(to_delayed_work(work), struct qkd_sessions, work);

	mutex_lock(&sessions->lock);
	prune(sessions);
	if (sessions->count)
		schedule_delayed_work(&sessions->work, PRUNE_INTERVAL);
	mutex_unlock(&sessions->lock);
}

/* Takes the caller's reference over; the oldest makes room. Return: whether one had to. */
static bool add(struct qkd_sessions *sessions, struct qkd_session *session)
{
	bool dropped = false;

	mutex_lock(&sessions->lock);
	if (sessions->ended) {
		qkd_session_put(session);
		goto out;
	}
	if (sessions->count >= SESSIONS_MAX)
		prune(sessions);
	if (sessions->count >= SESSIONS_MAX) {
		forget(sessions, list_first_entry(&sessions->list, struct qkd_session, node));
		dropped = true;
	}
	session->serial = ++sessions->last_serial;
	list_add_tail(&session->node, &sessions->list);
	sessions->count++;
	schedule_delayed_work(&sessions->work, PRUNE_INTERVAL);
out:
	mutex_unlock(&sessions->lock);
	return dropped;
}

static void add_to_link(struct qkd_link *link, struct qkd_session *session)
{
	if (add(&link->net->sessions, session))
		qkd_link_count(link, QKD_A_STATS_SESSIONS_DROPPED);
}

/*
 * Commits a key that @holder has reserved, or takes one that @spent says it has spent, and notes the
 * socket that it goes into. The socket is looked at first: -EBADF, -ENOTSOCK, -ENOTCONN, -EINVAL,
 * -ENOMEM, and nothing has changed. Else what qkd_link_commit() answers.
 */
int qkd_session_commit(struct qkd_link *link, struct qkd_holder *holder, struct qkd_spent *spent,
		       const struct qkd_key_ref *ref)
{
	struct qkd_session *session = session_of_ref(link, ref);
	int dir;

	if (IS_ERR(session))
		return PTR_ERR(session);
	dir = qkd_link_commit(link, holder, NULL, ref->key_id) ?: QKD_INBOUND;
	if (dir == -ENOKEY)
		dir = take_spent(link, spent, ref->key_id);
	if (dir < 0) {
		qkd_session_put(session);
		return dir;
	}
	session->dir = dir;
	add_to_link(link, session);
	return 0;
}

/* One that the caller goes on to have a reference of */
void qkd_session_add(struct qkd_link *link, struct qkd_session *session)
{
	refcount_inc(&session->refs);
	add_to_link(link, session);
}

void qkd_sessions_init(struct qkd_sessions *sessions)
{
	mutex_init(&sessions->lock);
	INIT_LIST_HEAD(&sessions->list);
	INIT_DELAYED_WORK(&sessions->work, prune_work);
}

/* The namespace ends, or this module: files that are still open add no more. */
void qkd_sessions_end(struct qkd_sessions *sessions)
{
	struct qkd_session *session, *next;

	mutex_lock(&sessions->lock);
	sessions->ended = true;
	list_for_each_entry_safe(session, next, &sessions->list, node)
		forget(sessions, session);
	mutex_unlock(&sessions->lock);
	cancel_delayed_work_sync(&sessions->work);
}

/* One end of a connection, of either family: @attr its address, the next one its port. */
static int put_end(struct sk_buff *skb, int attr, const struct sockaddr_storage *end)
{
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)end;
	const struct sockaddr_in *in = (const struct sockaddr_in *)end;

	if (end->ss_family == AF_INET6)
		return nla_put(skb, attr, sizeof(in6->sin6_addr), &in6->sin6_addr)
			       ?: nla_put_u16(skb, attr + 1, ntohs(in6->sin6_port));
	return nla_put(skb, attr, sizeof(in->sin_addr), &in->sin_addr)
		       ?: nla_put_u16(skb, attr + 1, ntohs(in->sin_port));
}

/* What only the kernel's own sessions have */
static int put_sealed(struct sk_buff *skb, const struct qkd_session *session)
{
	return nla_put_flag(skb, QKD_A_SESSION_SEALED) ?:
	       nla_put_u16(skb, QKD_A_SESSION_GROUP, session->group) ?:
	       nla_put_string(skb, QKD_A_SESSION_PEER, session->peer) ?:
	       nla_put_u32(skb, QKD_A_SESSION_TX_GENERATION, READ_ONCE(session->generation[true])) ?:
	       nla_put_u32(skb, QKD_A_SESSION_RX_GENERATION, READ_ONCE(session->generation[false]));
}

static int put_session(struct sk_buff *skb, const struct qkd_session *session)
{
	u32 cookie[2];
	u64 age = div_u64(ktime_get_boottime_ns() - session->since, NSEC_PER_MSEC);

	BUILD_BUG_ON(QKD_A_SESSION_LOCAL_PORT != QKD_A_SESSION_LOCAL_ADDR + 1);
	BUILD_BUG_ON(QKD_A_SESSION_REMOTE_PORT != QKD_A_SESSION_REMOTE_ADDR + 1);
	sock_diag_save_cookie(session->sk, cookie);
	return nla_put_string(skb, QKD_A_SESSION_LINK, session->link) ?:
	       nla_put(skb, QKD_A_SESSION_ID, sizeof(session->id), session->id) ?:
	       nla_put_u8(skb, QKD_A_SESSION_DIRECTION, session->dir) ?:
	       nla_put_u16(skb, QKD_A_SESSION_SUITE, session->suite) ?:
	       nla_put_u64_64bit(skb, QKD_A_SESSION_AGE, age, QKD_A_SESSION_PAD) ?:
	       nla_put_u64_64bit(skb, QKD_A_SESSION_COOKIE, (u64)cookie[1] << 32 | cookie[0],
				 QKD_A_SESSION_PAD) ?:
	       put_end(skb, QKD_A_SESSION_LOCAL_ADDR, &session->local) ?:
	       put_end(skb, QKD_A_SESSION_REMOTE_ADDR, &session->remote) ?:
	       (session->sealed ? put_sealed(skb, session) : 0);
}

static int dump_one(struct sk_buff *skb, struct netlink_callback *cb,
		    const struct qkd_session *session)
{
	void *hdr = genlmsg_put(skb, NETLINK_CB(cb->skb).portid, cb->nlh->nlmsg_seq, &qkd_family,
				NLM_F_MULTI, QKD_CMD_SESSION_GET);

	if (!hdr)
		return -EMSGSIZE;
	if (put_session(skb, session)) {
		genlmsg_cancel(skb, hdr);
		return -EMSGSIZE;
	}
	genlmsg_end(skb, hdr);
	return 0;
}

/* Sessions come and go all the time, so no dump is called inconsistent because of that. */
int qkd_netlink_session_dump(struct sk_buff *skb, struct netlink_callback *cb)
{
	struct qkd_sessions *sessions = &qkd_net_of(sock_net(skb->sk))->sessions;
	u64 *last = (u64 *)cb->ctx;
	struct qkd_session *session;
	int err = 0;

	mutex_lock(&sessions->lock);
	prune(sessions);
	list_for_each_entry(session, &sessions->list, node) {
		if (session->serial <= *last)
			continue;
		err = dump_one(skb, cb, session);
		if (err)
			break;
		*last = session->serial;
	}
	mutex_unlock(&sessions->lock);
	return skb->len ?: err;
}
