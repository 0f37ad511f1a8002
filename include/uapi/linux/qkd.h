/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * /dev/qkd: quantum-key-distribution keys for user space.
 *
 * An open file belongs to the network namespace its opener was in, and works on one link of that
 * namespace: the one it was bound to with QKD_IOC_BIND or, where the namespace has exactly one
 * link, that one, chosen by the first call that needs it. An ioctl that finds no link answers
 * ENODEV; one that would have to choose between several answers EDESTADDRREQ. A file whose link
 * has gone (deleted, provider unplugged, namespace ended) answers ENODEV for ever, and poll() says
 * EPOLLHUP; open a new one.
 *
 * A key has a 16-byte ID (a UUID in RFC 9562 byte order) and 16..64 bytes of material, belongs to
 * one direction, and is used once:
 *
 *   outbound	QKD_IOC_GET_KEY takes the next one (the TLS client's side). Taking it spends it.
 *   inbound	QKD_IOC_GET_KEY_BY_ID looks one up by the ID that the peer sent (the TLS server's
 *		side) and *reserves* it for this file. QKD_IOC_COMMIT spends it; QKD_IOC_RELEASE,
 *		closing the file, or the death of the process puts it back, and so does the end of
 *		the reservation's lease, a setting of the link (QKD_A_LINK_LEASE, 60 seconds unless
 *		set). What QKD_IOC_GET_KEY_BY_ID copied out must be wiped by the caller after any.
 *
 * A key may be used only once QKD_IOC_COMMIT has answered 0: until then it may have gone back, and
 * another file may hold or have spent it. What needs no more than the key's bytes to find out whether
 * the peer has the same, as a TLS binder, is done before; nothing else is. A holder that does not
 * commit in time gets ENOKEY and must not use the key.
 *
 * read() on a file returns whole struct qkd_record of outbound keys, spent by being read; a buffer
 * too short for one answers EMSGSIZE and takes nothing. read() waits unless O_NONBLOCK is set.
 * poll() says EPOLLIN while an outbound key is there that the caller could take, EPOLLERR on a file for which no link can be
 * chosen. A key whose copy to the caller's memory fails (EFAULT) is spent if it was outbound, since
 * part of it may have been seen, and put back if it was inbound.
 *
 * Every structure starts with its size, set by the caller to sizeof(the structure it was compiled
 * with), and may grow at its end in later versions: a kernel that knows a longer structure takes
 * the missing fields as zero, one that knows a shorter structure refuses non-zero bytes it does not
 * know with E2BIG. A size below the first version's answers EINVAL, above 4096 E2BIG. Reserved
 * fields and unknown flags must be zero: EINVAL and EOPNOTSUPP respectively. Where output grows,
 * the kernel writes no more than the caller's size. The ioctl numbers therefore carry no size.
 *
 * Errors of every call that has a link, beside those listed with it: EFAULT, EINVAL, EINTR (a
 * signal while waiting; nothing was taken), ENODEV, EDESTADDRREQ. An unknown number answers ENOTTY.
 */
#ifndef _UAPI_LINUX_QKD_H
#define _UAPI_LINUX_QKD_H

#include <linux/ioctl.h>
#include <linux/types.h>

#define QKD_KEY_ID_LEN		16	/* bytes of a key ID */
#define QKD_KEY_LEN_MIN		16	/* bytes of key material */
#define QKD_KEY_LEN_MAX		64
#define QKD_LINK_NAME_LEN	32	/* a link's or provider's name, with its NUL */
#define QKD_SAE_ID_LEN_MAX	255	/* a SAE ID, without NUL */
#define QKD_TIMEOUT_MS_MAX	600000	/* longest wait a call may ask for */

/* Roles of the two ends of a link whose ends see one stream of blocks: which parity is outbound. */
#define QKD_ROLE_A		0	/* even blocks outbound, odd inbound */
#define QKD_ROLE_B		1	/* odd blocks outbound, even inbound */

/* A key's direction at this end */
#define QKD_DIR_OUTBOUND	0	/* taken here, by the TLS client */
#define QKD_DIR_INBOUND		1	/* looked up here, by the TLS server */

/* Link states */
#define QKD_LINK_UP		0	/* the provider delivers */
#define QKD_LINK_DOWN		1	/* the provider says that no keys come */
#define QKD_LINK_DEGRADED	2	/* it delivers, but the last keys did not match the peer's */

/* Link flags */
#define QKD_LINK_F_SIMULATED	(1U << 0)	/* keys come from a simulator: no secrecy */

/**
 * struct qkd_bind - QKD_IOC_BIND: tie this file to a link
 * @size: sizeof(struct qkd_bind)
 * @flags: must be 0
 * @link: name, NUL-terminated, the rest zero
 *
 * EBUSY: this file has its link already. ENODEV: no link of that name in the file's namespace.
 * EINVAL: name empty or not terminated.
 */
struct qkd_bind {
	__u32 size;
	__u32 flags;
	char link[QKD_LINK_NAME_LEN];
};

/**
 * struct qkd_info - QKD_IOC_GET_INFO: the file's link
 * @size: sizeof(struct qkd_info)
 * @flags: must be 0 on entry; QKD_LINK_F_* on return
 * @link: its name
 * @provider: its provider's name
 * @role: QKD_ROLE_*
 * @state: QKD_LINK_UP, QKD_LINK_DOWN or QKD_LINK_DEGRADED
 * @key_len: bytes of material of the keys it carries
 * @capacity: most keys kept per direction
 * @low: an event is raised when fewer outbound keys than this are left
 * @ttl_s: seconds a key may wait, 0 for ever
 * @outbound_fresh: outbound keys ready
 * @inbound_fresh: inbound keys ready
 * @inbound_reserved: inbound keys reserved by any file
 * @reserved: zero
 * @local_sae: SAE ID of this end, NUL-terminated
 * @remote_sae: SAE ID of the other end, NUL-terminated
 */
struct qkd_info {
	__u32 size;
	__u32 flags;
	char link[QKD_LINK_NAME_LEN];
	char provider[QKD_LINK_NAME_LEN];
	__u32 role;
	__u32 state;
	__u32 key_len;
	__u32 capacity;
	__u32 low;
	__u32 ttl_s;
	__u32 outbound_fresh;
	__u32 inbound_fresh;
	__u32 inbound_reserved;
	__u32 reserved;
	char local_sae[QKD_SAE_ID_LEN_MAX + 1];
	char remote_sae[QKD_SAE_ID_LEN_MAX + 1];
};

/*
 * Who may take outbound keys, and how fast, are settings of the link (QKD_A_LINK_QUOTA_RATE, _QUOTA_BURST,
 * _RESERVE, _PRIORITY_GID). They look at who calls, not at who opened the file: at his real user ID, his
 * groups, and whether he has CAP_NET_ADMIN in the user namespace of the link's network namespace. To who
 * has no priority the last _RESERVE keys are not there: EAGAIN, or waiting, and no EPOLLIN. To who is over
 * his quota poll() says nothing until he may take one again, and wakes him then.
 */

/**
 * struct qkd_key_get - QKD_IOC_GET_KEY and QKD_IOC_GET_KEY_BY_ID
 * @size: sizeof(struct qkd_key_get)
 * @flags: must be 0
 * @timeout_ms: longest wait; 0, or O_NONBLOCK on the file, means none. Above QKD_TIMEOUT_MS_MAX:
 *	EINVAL
 * @key_len: in: must be 0. Out: bytes used of @key
 * @key_id: GET_KEY: out (zero on entry). GET_KEY_BY_ID: in
 * @key: out (zero on entry): the material, the rest zero
 *
 * QKD_IOC_GET_KEY:
 *   EAGAIN	no key now and no waiting asked for
 *   ETIMEDOUT	none came in time
 *   EDQUOT	the caller's user has had as many as the link's quota allows him; at once, whatever the
 *		timeout, and from read() too
 * QKD_IOC_GET_KEY_BY_ID:
 *   ENOKEY	no inbound key has this ID (nor came in time, where waiting was asked for)
 *   EKEYREVOKED	it was spent (or withdrawn) already
 *   EKEYEXPIRED	it was here and grew older than the link's ttl
 *   EBUSY	it is reserved by a file now; or too many IDs that no key has were asked for of late, and
 *		it is not here
 *   EACCES	its provider was refused it: another SAE's key, as a KME sees it
 * Both:
 *   EBUSY	too many waiters for keys of this direction of the link
 *   EACCES	the link gives its keys to sealed sessions only (QKD_A_LINK_RAW); so does read()
 */
struct qkd_key_get {
	__u32 size;
	__u32 flags;
	__u32 timeout_ms;
	__u32 key_len;
	__u8 key_id[QKD_KEY_ID_LEN];
	__u8 key[QKD_KEY_LEN_MAX];
};

/* Flags of QKD_IOC_COMMIT */
#define QKD_COMMIT_F_SOCKET	(1U << 0)	/* @socket and @suite say where the key went */

/* Flags of QKD_IOC_RELEASE */
#define QKD_RELEASE_F_MISMATCH	(1U << 1)	/* the peer's binder was wrong under this key */

/**
 * struct qkd_key_ref - QKD_IOC_COMMIT and QKD_IOC_RELEASE: end a reservation of this file
 * @size: sizeof(struct qkd_key_ref), or 24: up to @key_id
 * @flags: QKD_IOC_COMMIT: 0 or QKD_COMMIT_F_SOCKET. QKD_IOC_RELEASE: 0 or QKD_RELEASE_F_MISMATCH
 * @key_id: the reserved key
 * @socket: with QKD_COMMIT_F_SOCKET: a connected TCP socket of this process; else must be 0
 * @suite: with QKD_COMMIT_F_SOCKET: the TLS cipher suite, 1..0xffff; else must be 0
 *
 * Both: ENOKEY, this file has no reservation of that ID, or has it no more, its lease being over
 * (another file's is none of its business).
 * QKD_IOC_COMMIT, beside: EKEYREVOKED, the key was withdrawn (purge) meanwhile and is not to be
 * used. The reservation is over then. The link's ttl does not run out on a
 * reserved key; one put back later than that is expired. Neither lengthens a lease, nor does asking
 * for the key again, which answers EBUSY to its own holder too.
 *
 * QKD_RELEASE_F_MISMATCH says that what the peer proved its knowledge of the key with, as a TLS binder,
 * was wrong, and nothing else: no timeout, no connection that broke off. It is how a link finds out that
 * its two ends hold different bytes under one ID: so many in a row (QKD_A_LINK_DEGRADE_AFTER) make it
 * QKD_LINK_DEGRADED until a key is committed, many in a short time raise an event.
 *
 * With QKD_COMMIT_F_SOCKET the connection that the key went into is shown by QKD_CMD_SESSION_GET
 * until it is closed. That may be told with the commit or, once for each key, after it; and, once,
 * of an outbound key that this file has taken: the file remembers the last 8 keys that it has
 * spent. Of a namespace 4096 connections are remembered; the oldest is forgotten first. Errors,
 * after which nothing has changed: EBADF, no open file; ENOTSOCK, no socket; EINVAL, no TCP socket,
 * one of another namespace than the file's, or the suite; ENOTCONN, not connected; ENOMEM; ENOKEY,
 * beside the above, if the file does not remember that it has spent the key.
 */
struct qkd_key_ref {
	__u32 size;
	__u32 flags;
	__u8 key_id[QKD_KEY_ID_LEN];
	__s32 socket;
	__u32 suite;
};

/**
 * struct qkd_record - what read() returns, one or more, back to back
 * @key_id: the key's ID
 * @key_len: bytes used of @key, host byte order
 * @reserved: zero
 * @key: the material, the rest zero
 */
struct qkd_record {
	__u8 key_id[QKD_KEY_ID_LEN];
	__u32 key_len;
	__u32 reserved;
	__u8 key[QKD_KEY_LEN_MAX];
};

/*
 * Feeds: a process as a link's provider.
 *
 * A link of provider "feed" gets its keys from a process, which opens /dev/qkd, binds the file to the link and has
 * QKD_IOC_OPEN_FEED answer with another descriptor, the feed: it reads there what is wanted, and writes keys and what
 * it knows of the equipment. Keys are 32 bytes. Nothing needs to be said twice to who is slow: what is wanted waits
 * in the kernel, at most one request for outbound keys and one for each ID, and a key is in the link when write() has
 * taken its message. Documentation/feed.md shows how to write one.
 *
 * While no feed is open the link is QKD_LINK_DOWN, and it stays so until the feed reports QKD_LINK_UP. When the feed is
 * closed, or its process dies, the link goes down. Keys that it has delivered stay, and who waits goes on waiting,
 * until his time is over: all that is still wanted is asked of the next feed.
 */

/* Flags of QKD_IOC_OPEN_FEED */
#define QKD_FEED_F_NONBLOCK	(1U << 0)	/* as O_NONBLOCK, which fcntl() may change */

/**
 * struct qkd_feed_open - QKD_IOC_OPEN_FEED: provide this file's link with keys
 * @size: sizeof(struct qkd_feed_open)
 * @flags: 0 or QKD_FEED_F_NONBLOCK
 *
 * Answers with a file descriptor, close-on-exec. It is the link's for as long as it is open anywhere, whatever becomes
 * of the file that the call was made on.
 *
 *   EPERM	the caller, or who opened the file, has no CAP_NET_ADMIN in the user namespace of the link's
 *		network namespace
 *   EOPNOTSUPP	an unknown flag; or the link has another provider than "feed"
 *   EBUSY	the link has a feed
 *   EMFILE, ENFILE, ENOMEM	as open(2)
 */
struct qkd_feed_open {
	__u32 size;
	__u32 flags;
};

/* Types of struct qkd_feed_request */
#define QKD_FEED_KEYS		1	/* outbound keys are wanted */
#define QKD_FEED_ID		2	/* the inbound key of an ID is wanted */
#define QKD_FEED_CLOSE		3	/* the link has gone */

/**
 * struct qkd_feed_request - what read() on a feed returns, one or more, back to back
 * @type: one of
 *
 *	QKD_FEED_KEYS	@count outbound keys have room. Said to a new feed, and whenever fewer than the link's low mark
 *			(QKD_A_LINK_LOW) are left, or none, and that was not so when it was said last. The feed owes them
 *			until the link is full. Said again a second after one was not taken although the link has room
 *			(ENOSPC or ENOMEM: the machine has none).
 *	QKD_FEED_ID	the inbound key @key_id is wanted, for @timeout_ms. Once per ID until that time is over; then
 *			again, if somebody still wants it. Who may not wait wants a key for QKD_FEED_LINGER_MS, so that
 *			it is there when he asks again. Answered by QKD_FEED_KEY or QKD_FEED_REFUSE; a feed that has
 *			neither in time says nothing.
 *	QKD_FEED_CLOSE	the last request: the link was deleted, or its namespace or the module ends. After it read()
 *			answers 0.
 *
 *	and more in later versions, which a feed ignores
 * @count: QKD_FEED_KEYS: at least 1; else 0
 * @timeout_ms: QKD_FEED_ID: at least 1; else 0
 * @reserved: zero
 * @key_id: QKD_FEED_ID; else zero
 *
 * read() waits for one, unless O_NONBLOCK is set, and returns as many as wait and fit, IDs first.
 *
 *   EAGAIN	nothing is wanted now
 *   EMSGSIZE	not even one fits
 *   EFAULT	and the request waits still
 *   EINTR	a signal came first
 *
 * poll() says EPOLLIN while read() would not wait, EPOLLOUT while an outbound key has room, and EPOLLHUP when the
 * link has gone.
 */
struct qkd_feed_request {
	__u32 type;
	__u32 count;
	__u32 timeout_ms;
	__u32 reserved;
	__u8 key_id[QKD_KEY_ID_LEN];
};

#define QKD_FEED_KEY_LEN	32	/* bytes of a feed's keys */
#define QKD_FEED_LINGER_MS	2000	/* how long a key is wanted by who may not wait for it */
#define QKD_FEED_REFUSED_MS	1000	/* how long a refusal answers who asks for the same ID */

/* Types of struct qkd_feed_message */
#define QKD_FEED_KEY		1	/* a key */
#define QKD_FEED_REFUSE		2	/* the inbound key of an ID will not come */
#define QKD_FEED_REPORT		3	/* how the quantum channel fares */

#define QKD_FEED_UNKNOWN	0xffffffffU	/* not measured */

/**
 * struct qkd_feed_report - what a feed knows of its equipment
 * @qber: quantum bit error rate in parts per million, 0..1000000, or QKD_FEED_UNKNOWN
 * @rate: secret bits per second, both directions together, or QKD_FEED_UNKNOWN
 */
struct qkd_feed_report {
	__u32 qber;
	__u32 rate;
};

/**
 * struct qkd_feed_message - what is written to a feed, one or more, back to back
 * @type: one of
 *
 *	QKD_FEED_KEY	the key @key of ID @key_id, of @len bytes, the rest zero. One of QKD_DIR_INBOUND is taken only if
 *			QKD_FEED_ID has asked for its ID, or would now: nobody comes for another, and it would only
 *			take up room. Where there is none for it, the oldest inbound key that nobody holds makes way.
 *	QKD_FEED_REFUSE	@value is ENOKEY, there is no such key, or EACCES, it is not for this SAE: who waits for
 *			@key_id is told so, and who asks for it in the next QKD_FEED_REFUSED_MS
 *	QKD_FEED_REPORT	@value is QKD_LINK_UP or QKD_LINK_DOWN, and @report; replaces the one before, and may be said
 *			as often as wanted
 *
 * @value: as said; for QKD_FEED_KEY 0
 * @direction: QKD_FEED_KEY: QKD_DIR_*; else 0
 * @len: QKD_FEED_KEY: QKD_FEED_KEY_LEN; else 0
 * @key_id: QKD_FEED_KEY and QKD_FEED_REFUSE; else zero
 * @key: QKD_FEED_KEY; for QKD_FEED_REFUSE zero
 * @report: QKD_FEED_REPORT, with zeros after it
 *
 * write() never waits. It takes whole messages in their order up to the first that has an error, and returns the bytes
 * that it took, or that error if it took none. The kernel's copies of key bytes are wiped, whatever the answer.
 *
 *   EINVAL	less than one message was given; an unknown type, direction or value; a field that should be zero;
 *		a key of another length, or of nothing but zeros
 *   EEXIST	the link holds or remembers a key of this ID
 *   ENOSPC	no room. For an outbound key poll() says EPOLLOUT when there is. An inbound one finds none only if files
 *		hold all there are
 *   ENOENT	an inbound key, or a refusal, of an ID that nobody wants (any more)
 *   ENOMEM	not taken for want of memory
 *   ENODEV	the link has gone
 *   EFAULT	@key and what else could not be read
 */
struct qkd_feed_message {
	__u32 type;
	__u32 value;
	__u32 direction;
	__u32 len;
	__u8 key_id[QKD_KEY_ID_LEN];
	union {
		__u8 key[QKD_KEY_LEN_MAX];
		struct qkd_feed_report report;
	};
};

/*
 * Sealed sessions: the key schedule of one TLS 1.3 connection (RFC 9846 section 7.1), in the kernel.
 *
 * QKD_IOC_OPEN_SESSION takes or reserves a key as QKD_IOC_GET_KEY and QKD_IOC_GET_KEY_BY_ID do, imports it (RFC 9258; the
 * key's own hash is SHA-256) and answers with another descriptor, the session. Neither the key, nor the Early, Handshake
 * or Main Secret, nor an application traffic secret or key is ever in user space: a process that is taken over by its peer
 * has no more to give away than the secrets of handshakes. Its calls, in this order; any other order, or one
 * of them once more, answers EINVAL and changes nothing:
 *
 *   QKD_IOC_BINDER		client: a binder; for each hash at most two (the second behind a HelloRetryRequest).
 *			server: checks one, once, and spends the key if it is right
 *   QKD_IOC_HANDSHAKE	the handshake traffic secrets
 *   QKD_IOC_APPLICATION	makes the application secrets
 *   QKD_IOC_INSTALL	gives them to a socket, by the kernel's own TLS
 *   QKD_IOC_UPDATE	any number of times: the next key of a direction, behind a KeyUpdate
 *   QKD_IOC_EXPORT	any number of times, from QKD_IOC_APPLICATION on: exporter (RFC 9846 section 7.5)
 *
 * A call that fails changes nothing either, unless its errors say that the session is over: then what it has is wiped,
 * and each further call answers EINVAL. EFAULT is the exception: a step whose answer could not be written is done all the
 * same. Closing the descriptor wipes what the session has and gives a reserved key back; the socket that the keys went to
 * goes on. The descriptor may be given to another process; who has it may use it. Calls of several threads come one after
 * the other.
 *
 * Hashes are named by their KDF (RFC 9258 section 10). A field for a hash has as many bytes as the longest; behind a shorter
 * one it is zero, in and out. A link that shows no program its keys (QKD_A_LINK_RAW) has sessions all the same.
 */

#define QKD_KDF_SHA256		1
#define QKD_KDF_SHA384		2
#define QKD_HASH_LEN_MAX	48
#define QKD_CONTEXT_LEN		32	/* bytes of the context that a key is imported in */
#define QKD_KEX_LEN_MAX		128	/* bytes of a key exchange's secret */
#define QKD_LABEL_LEN_MAX	249	/* bytes of an exporter's label, without NUL */
#define QKD_EXPORT_LEN_MAX	1024
#define QKD_PEER_LEN_MAX	255	/* bytes of a peer's name, without NUL */
#define QKD_SCRATCH_LEN		64

/* Flags of QKD_IOC_OPEN_SESSION */
#define QKD_SESSION_F_SERVER	(1U << 0)	/* the TLS server's; else the client's */

/**
 * struct qkd_session_open - QKD_IOC_OPEN_SESSION: begin a sealed session with a key of this file's link
 * @size: sizeof(struct qkd_session_open)
 * @flags: 0 or QKD_SESSION_F_SERVER
 * @timeout_ms: as in struct qkd_key_get
 * @kdfs: for which hashes the key is imported: a set of 1 << QKD_KDF_SHA256, 1 << QKD_KDF_SHA384
 * @key_id: client: out (zero on entry), the outbound key that was taken. Server: in, the inbound key that is reserved
 * @context: the context of the ImportedIdentity, whose external_identity is the key's ID
 *
 * Answers with a file descriptor, close-on-exec. Errors: those of QKD_IOC_GET_KEY for a client, of QKD_IOC_GET_KEY_BY_ID
 * for a server; EINVAL, no hash or an unknown one; EMFILE, ENFILE, ENOMEM, ENOENT (the kernel has not got the hash), after
 * which no key was taken.
 */
struct qkd_session_open {
	__u32 size;
	__u32 flags;
	__u32 timeout_ms;
	__u32 kdfs;
	__u8 key_id[QKD_KEY_ID_LEN];
	__u8 context[QKD_CONTEXT_LEN];
};

/**
 * struct qkd_session_binder - QKD_IOC_BINDER
 * @size: sizeof(struct qkd_session_binder)
 * @flags: must be 0
 * @kdf: QKD_KDF_*, one of those the session was opened with
 * @reserved: must be 0
 * @transcript_hash: of the hellos up to and with the last one, truncated before its binders
 * @binder: client: out (zero on entry). Server: in
 *
 * Of a server's, beside EINVAL, each of which ends the session:
 *   EBADMSG	it is wrong: the key was given back, as by QKD_RELEASE_F_MISMATCH
 *   EKEYREVOKED	it is right, but the key was withdrawn meanwhile
 *   ENOKEY	it is right, but the reservation has outlasted its lease
 *   ENODEV	it is right, but the link has gone
 */
struct qkd_session_binder {
	__u32 size;
	__u32 flags;
	__u32 kdf;
	__u32 reserved;
	__u8 transcript_hash[QKD_HASH_LEN_MAX];
	__u8 binder[QKD_HASH_LEN_MAX];
};

/**
 * struct qkd_session_handshake - QKD_IOC_HANDSHAKE
 * @size: sizeof(struct qkd_session_handshake)
 * @flags: must be 0
 * @suite: the TLS cipher suite: 0x1301, 0x1302 or 0x1303; its hash is one that a binder was made of, or right for
 * @kex_len: bytes of @kex_secret, 1..QKD_KEX_LEN_MAX
 * @kex_secret: what the key exchange gave, the rest zero
 * @transcript_hash: up to and with ServerHello
 * @client_secret: out (zero on entry): the client's handshake traffic secret
 * @server_secret: out (zero on entry): the server's
 */
struct qkd_session_handshake {
	__u32 size;
	__u32 flags;
	__u32 suite;
	__u32 kex_len;
	__u8 kex_secret[QKD_KEX_LEN_MAX];
	__u8 transcript_hash[QKD_HASH_LEN_MAX];
	__u8 client_secret[QKD_HASH_LEN_MAX];
	__u8 server_secret[QKD_HASH_LEN_MAX];
};

/**
 * struct qkd_session_application - QKD_IOC_APPLICATION
 * @size: sizeof(struct qkd_session_application)
 * @flags: must be 0
 * @transcript_hash: up to and with the server's Finished
 */
struct qkd_session_application {
	__u32 size;
	__u32 flags;
	__u8 transcript_hash[QKD_HASH_LEN_MAX];
};

/**
 * struct qkd_session_install - QKD_IOC_INSTALL: the kernel's TLS protects a connection from here on
 * @size: sizeof(struct qkd_session_install)
 * @flags: must be 0
 * @socket: a connected TCP socket of this process, without ULP, of the namespace of the session's link
 * @group: the group of the key exchange, as TLS numbers it, or 0: for QKD_CMD_SESSION_GET, which takes your word for it
 * @peer: the same: the peer's name, NUL-terminated, printable ASCII but for " and \, the rest zero; may be empty
 * @scratch: zero on entry and afterwards; meanwhile the kernel writes to it, what is of no meaning and no secret
 *
 * Both directions begin with record 0. The connection is shown by QKD_CMD_SESSION_GET until the socket is closed. Nobody
 * can read the keys back: getsockopt() of TLS_TX and TLS_RX gives zeros in their place, and IV and record number as ever.
 * Only the kernel's own implementation is used, not one of the network device.
 *
 *   EBADF, ENOTSOCK, EINVAL, ENOTCONN	as for QKD_COMMIT_F_SOCKET
 *   EFAULT	the structure cannot be written to
 *   EEXIST	the socket has an ULP
 *   ENOENT	the kernel has no TLS, or the caller may not load it
 *   ENOMEM
 * and, each of which ends the session and shuts both directions of the socket down, since it would send in the clear,
 *   EOPNOTSUPP	the socket's device would do it
 *   EIO	the kernel's TLS would not: it lacks the cipher, say, or somebody else has set a key meanwhile
 */
struct qkd_session_install {
	__u32 size;
	__u32 flags;
	__s32 socket;
	__u32 group;
	char peer[QKD_PEER_LEN_MAX + 1];
	__u8 scratch[QKD_SCRATCH_LEN];
};

/* Flags of QKD_IOC_UPDATE: one of them */
#define QKD_UPDATE_F_TX		(1U << 0)	/* what this end sends */
#define QKD_UPDATE_F_RX		(1U << 1)	/* what the peer sends */

/**
 * struct qkd_session_update - QKD_IOC_UPDATE: the next key of one direction
 * @size: sizeof(struct qkd_session_update)
 * @flags: QKD_UPDATE_F_TX or QKD_UPDATE_F_RX
 *
 * For QKD_UPDATE_F_TX the KeyUpdate has been sent, under the old key; for QKD_UPDATE_F_RX it has been read, and nothing
 * behind it. (From Linux 6.14 on the kernel sees to the latter, and reading answers EKEYEXPIRED until this is called.)
 *
 *   ENOTCONN	the connection is over
 */
struct qkd_session_update {
	__u32 size;
	__u32 flags;
};

/**
 * struct qkd_session_export - QKD_IOC_EXPORT
 * @size: sizeof(struct qkd_session_export)
 * @flags: must be 0
 * @len: bytes wanted, 1..QKD_EXPORT_LEN_MAX
 * @reserved: must be 0
 * @label: NUL-terminated, at most QKD_LABEL_LEN_MAX bytes, the rest zero; not "tls13 ..." itself
 * @context_hash: the hash, that of the session's suite, of the context
 * @out: out (zero on entry)
 */
struct qkd_session_export {
	__u32 size;
	__u32 flags;
	__u32 len;
	__u32 reserved;
	char label[QKD_LABEL_LEN_MAX + 7];
	__u8 context_hash[QKD_HASH_LEN_MAX];
	__u8 out[QKD_EXPORT_LEN_MAX];
};

#define QKD_IOC_MAGIC		0xBE

#define QKD_IOC_BIND		_IO(QKD_IOC_MAGIC, 0)	/* struct qkd_bind */
#define QKD_IOC_GET_INFO	_IO(QKD_IOC_MAGIC, 1)	/* struct qkd_info */
#define QKD_IOC_GET_KEY		_IO(QKD_IOC_MAGIC, 2)	/* struct qkd_key_get */
#define QKD_IOC_GET_KEY_BY_ID	_IO(QKD_IOC_MAGIC, 3)	/* struct qkd_key_get */
#define QKD_IOC_COMMIT		_IO(QKD_IOC_MAGIC, 4)	/* struct qkd_key_ref */
#define QKD_IOC_RELEASE		_IO(QKD_IOC_MAGIC, 5)	/* struct qkd_key_ref */
#define QKD_IOC_OPEN_FEED	_IO(QKD_IOC_MAGIC, 6)	/* struct qkd_feed_open; answers with a descriptor */
#define QKD_IOC_OPEN_SESSION	_IO(QKD_IOC_MAGIC, 7)	/* struct qkd_session_open; answers with a descriptor */

/* Of a session's descriptor */
#define QKD_IOC_BINDER		_IO(QKD_IOC_MAGIC, 16)	/* struct qkd_session_binder */
#define QKD_IOC_HANDSHAKE	_IO(QKD_IOC_MAGIC, 17)	/* struct qkd_session_handshake */
#define QKD_IOC_APPLICATION	_IO(QKD_IOC_MAGIC, 18)	/* struct qkd_session_application */
#define QKD_IOC_INSTALL		_IO(QKD_IOC_MAGIC, 19)	/* struct qkd_session_install */
#define QKD_IOC_UPDATE		_IO(QKD_IOC_MAGIC, 20)	/* struct qkd_session_update */
#define QKD_IOC_EXPORT		_IO(QKD_IOC_MAGIC, 21)	/* struct qkd_session_export */

#endif /* _UAPI_LINUX_QKD_H */
