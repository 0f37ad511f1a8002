/* SPDX-License-Identifier: GPL-2.0 WITH Linux-syscall-note */
/*
 * Generic netlink family "qkd": providers and links, for the caller's network namespace.
 *
 * No key byte is ever in a message. A simulated link's seed, which is as good as its keys, is
 * therefore named by an open file descriptor of the caller (QKD_A_SIM_SEED_FD), from which the
 * kernel reads it while it handles the request. The file must be in memory, a memfd or on tmpfs:
 * the kernel waits for no disk, server or daemon then.
 *
 * Policies are strict: unknown attributes, wrong lengths and values out of range are refused, with
 * the attribute and a text in the extended ACK. A dump that saw a change midway carries
 * NLM_F_DUMP_INTR.
 *
 * QKD_CMD_PROVIDER_GET (do, dump)
 *   do request:	QKD_A_PROVIDER_NAME
 *   reply:		QKD_A_PROVIDER_NAME, QKD_A_PROVIDER_FLAGS, QKD_A_PROVIDER_LINKS
 *   errors:		ENODEV, no such provider
 *
 * QKD_CMD_LINK_GET (do, dump)
 *   do request:	QKD_A_LINK_NAME
 *   reply:		every QKD_A_LINK_* but QKD_A_LINK_CONFIG's secrets
 *   errors:		ENODEV, no such link
 *
 * QKD_CMD_LINK_NEW (do, CAP_NET_ADMIN in the namespace's user namespace)
 *   request:		QKD_A_LINK_NAME, _PROVIDER, _LOCAL_SAE, _REMOTE_SAE, _ROLE; optional _CAPACITY
 *			(default QKD_CAPACITY_DEFAULT), _TTL (0), _LOW (0), _QBER_MAX
 *			(QKD_QBER_MAX_DEFAULT), _LEASE (QKD_LEASE_DEFAULT), _DEGRADE_AFTER
 *			(QKD_DEGRADE_AFTER_DEFAULT), _QUOTA_RATE (0), _QUOTA_BURST (0), _RESERVE (0),
 *			_PRIORITY_GID (QKD_GID_NONE), _RAW (1), _CONFIG (provider's own nest)
 *   errors:		EEXIST, the name is taken; ENODEV, no such provider; EINVAL, with text;
 *			EPERM, its keys are not simulated, or its rate is above QKD_SIM_RATE_DEFAULT or its
 *			capacity above QKD_CAPACITY_USER_MAX, and the caller is not the machine's
 *			administrator (CAP_NET_ADMIN in the initial user namespace), or it has a _CONFIG and
 *			the caller is, but who opened the socket was not; ENOMEM, its memory of
 *			IDs, which the caller's memory group is charged for; ENOSPC, too many links in this namespace, or in all those together
 *			that belong to other user namespaces than the initial one; what the provider says
 *
 * QKD_CMD_LINK_DEL (do, CAP_NET_ADMIN): QKD_A_LINK_NAME. Wipes its keys, wakes its waiters.
 * QKD_CMD_LINK_PURGE (do, CAP_NET_ADMIN): QKD_A_LINK_NAME. Withdraws and wipes every key it holds now,
 *   reserved ones included (their COMMIT answers EKEYREVOKED), and remembers their IDs as spent. The
 *   provider goes on delivering new ones.
 *
 * QKD_CMD_LINK_RESYNC (do, CAP_NET_ADMIN): QKD_A_LINK_NAME, _BLOCK. For a link whose ends are out of
 *   step: the provider goes on at that block, or at the first of each direction after it, and the keys
 *   of blocks before are withdrawn and wiped as by QKD_CMD_LINK_PURGE. The administrators of the two
 *   ends agree on the block, one that both have yet to make. A direction that is beyond the block, as an
 *   inbound one that has followed the other end there, stays where it is.
 *   errors:		ENODEV, no such link; EINVAL, both directions are beyond it: a block is never made
 *			twice; or it is too large; EOPNOTSUPP, the provider's keys are not numbered
 *
 * QKD_CMD_LINK_SET (do, CAP_NET_ADMIN): QKD_A_LINK_NAME and what is to change of _TTL, _LOW, _QBER_MAX,
 *   _LEASE, _DEGRADE_AFTER, _QUOTA_RATE, _QUOTA_BURST, _RESERVE, _PRIORITY_GID, _RAW and _CONFIG. All of it
 *   changes or nothing; what is not named stays. A ttl holds for the keys that wait
 *   already, a lease for those that are reserved.
 *   errors:		ENODEV, no such link; EINVAL, with text, also if nothing is named; EOPNOTSUPP, the
 *			provider's settings cannot change; EPERM as for QKD_CMD_LINK_NEW, and for
 *			QKD_A_SIM_UNPLUG if the caller is not the machine's administrator; what the provider
 *			says
 *
 * QKD_CMD_EVENT (multicast group "events"): QKD_A_EVENT_TYPE, QKD_A_EVENT_LINK,
 *   QKD_A_EVENT_OUTBOUND (outbound keys left then). QKD_EVENT_LINK_GONE has QKD_A_EVENT_STATS too: every key that
 *   was ever delivered is spent, expired or purged by then, the last of them with the link, so that
 *   DELIVERED = OUTBOUND_SPENT + INBOUND_SPENT + EXPIRED + PURGED.
 *   A level is low below "low", and no more once there are a quarter of "low" (at least one key) above
 *   it, or as many as the capacity lets in; after none, too, keys are available only then. Of levels
 *   that change fast one hears once a second: which low ones there have been, then the present one.
 *
 * QKD_CMD_SESSION_GET (dump): each connection that a program has named with the key that it was made with
 *   (QKD_COMMIT_F_SOCKET), or that a sealed session's keys went to (QKD_IOC_INSTALL), until it is closed. The former have
 *   QKD_A_SESSION_* up to _REMOTE_PORT, the latter all. One that comes or goes midway may be missing.
 *
 * QKD_CMD_AUDIT (multicast group "audit", which only CAP_NET_ADMIN may join): QKD_A_AUDIT_LINK, _SERIAL and
 *   one or more _RECORD, each what became of one key: that it was handed out (QKD_A_RECORD_UID, _PID, _COMM say
 *   to whom), or that it ended. Made only while somebody listens, but the numbers QKD_A_RECORD_SEQ count on:
 *   one that is missing is a record that is missing, because nobody listened, it found no room, or the
 *   listener's queue was full (ENOBUFS). A record is made where the key changes hands, so in the
 *   order in which that happened, and sent a little later. Process IDs are those of the initial PID
 *   namespace; of a link in a namespace that another user namespace owns, the process's own.
 */
#ifndef _UAPI_LINUX_QKD_NETLINK_H
#define _UAPI_LINUX_QKD_NETLINK_H

#define QKD_GENL_NAME		"qkd"
#define QKD_GENL_VERSION	1
#define QKD_GENL_MCGRP_EVENTS	"events"
#define QKD_GENL_MCGRP_AUDIT	"audit"

#define QKD_CAPACITY_DEFAULT	1024	/* keys per direction */
#define QKD_CAPACITY_USER_MAX	65536	/* without CAP_NET_ADMIN in the initial user namespace */
#define QKD_CAPACITY_MAX	1048576
#define QKD_TTL_MAX		604800	/* seconds: one week */
#define QKD_PPM			1000000	/* the whole, in parts per million */
#define QKD_QBER_MAX_DEFAULT	110000	/* parts per million: above 11 % BB84 yields no secret key */
#define QKD_LEASE_DEFAULT	60	/* seconds */
#define QKD_LEASE_MAX		3600
#define QKD_DEGRADE_AFTER_DEFAULT 3	/* binder failures in a row */
#define QKD_QUOTA_RATE_MAX	1048576	/* keys per second */
#define QKD_QUOTA_BURST_MAX	1048576	/* keys */
#define QKD_GID_NONE		0xffffffff	/* no group */
#define QKD_SIM_SEED_LEN_MIN	32	/* bytes */
#define QKD_SIM_SEED_LEN_MAX	64
#define QKD_SIM_RATE_MIN	256		/* bits per second */
#define QKD_SIM_RATE_MAX	100000000
#define QKD_SIM_RATE_DEFAULT	65536
#define QKD_SIM_QBER_MAX	500000	/* parts per million: nothing but chance */
#define QKD_SIM_QBER_ABORT	110000	/* above it no keys come */
#define QKD_SIM_QBER_DEFAULT	20000
#define QKD_SIM_DELAY_MAX	60000	/* milliseconds */

enum qkd_cmd {
	QKD_CMD_UNSPEC,
	QKD_CMD_PROVIDER_GET,
	QKD_CMD_LINK_GET,
	QKD_CMD_LINK_NEW,
	QKD_CMD_LINK_DEL,
	QKD_CMD_LINK_PURGE,
	QKD_CMD_EVENT,
	QKD_CMD_LINK_SET,
	QKD_CMD_AUDIT,
	QKD_CMD_SESSION_GET,
	QKD_CMD_LINK_RESYNC,
	__QKD_CMD_MAX,
};
#define QKD_CMD_MAX (__QKD_CMD_MAX - 1)

enum qkd_a_provider {
	QKD_A_PROVIDER_UNSPEC,
	QKD_A_PROVIDER_NAME,	/* string, 1..31 bytes */
	QKD_A_PROVIDER_FLAGS,	/* u32, QKD_LINK_F_SIMULATED if its links are simulated */
	QKD_A_PROVIDER_LINKS,	/* u32, its links in this namespace */
	__QKD_A_PROVIDER_MAX,
};
#define QKD_A_PROVIDER_MAX (__QKD_A_PROVIDER_MAX - 1)

enum qkd_a_link {
	QKD_A_LINK_UNSPEC,
	QKD_A_LINK_NAME,	/* string, 1..31 bytes of [A-Za-z0-9._-] */
	QKD_A_LINK_PROVIDER,	/* string, 1..31 bytes */
	QKD_A_LINK_LOCAL_SAE,	/* string, 1..255 bytes, printable ASCII */
	QKD_A_LINK_REMOTE_SAE,	/* string, 1..255 bytes, printable ASCII, differs from local */
	QKD_A_LINK_ROLE,	/* u8, QKD_ROLE_* of <linux/qkd.h> */
	QKD_A_LINK_CAPACITY,	/* u32, keys per direction, 1..QKD_CAPACITY_MAX */
	QKD_A_LINK_TTL,		/* u32, seconds, 0 for ever, to QKD_TTL_MAX */
	QKD_A_LINK_LOW,		/* u32, keys, 0 no event, to capacity */
	QKD_A_LINK_STATE,	/* u8, QKD_LINK_UP, _DOWN or _DEGRADED */
	QKD_A_LINK_FLAGS,	/* u32, QKD_LINK_F_* */
	QKD_A_LINK_KEY_LEN,	/* u32, bytes of material of its keys */
	QKD_A_LINK_STATS,	/* nest of QKD_A_STATS_* */
	QKD_A_LINK_CONFIG,	/* nest of the provider's own: QKD_A_SIM_* for "sim" */
	QKD_A_LINK_QBER_MAX,	/* u32, ppm, 1..QKD_PPM: a QBER above it raises an event */
	QKD_A_LINK_QBER,	/* u32, ppm, as the provider measured; absent if it did not */
	QKD_A_LINK_RATE,	/* u32, secret bits per second, as it measured; absent if it did not */
	QKD_A_LINK_LEASE,	/* u32, seconds a reservation may last, 1..QKD_LEASE_MAX */
	QKD_A_LINK_DEGRADE_AFTER, /* u32, binder failures in a row that degrade it, 0 never */
	QKD_A_LINK_QUOTA_RATE,	/* u32, outbound keys per second for each user ID, 0 no quota */
	QKD_A_LINK_QUOTA_BURST,	/* u32, how many of them at a time, 0 those of a second */
	QKD_A_LINK_RESERVE,	/* u32, the last outbound keys, for holders of priority, to capacity */
	QKD_A_LINK_PRIORITY_GID, /* u32, whose members have priority, beside CAP_NET_ADMIN, or QKD_GID_NONE */
	QKD_A_LINK_BLOCK,	/* u64, LINK_RESYNC only: where to go on */
	QKD_A_LINK_RAW,		/* u32, 1, or 0: its keys are given to no program, only to sealed sessions */
	__QKD_A_LINK_MAX,
};
#define QKD_A_LINK_MAX (__QKD_A_LINK_MAX - 1)

/* All u64. Levels first, then counters since the link was added. */
enum qkd_a_stats {
	QKD_A_STATS_UNSPEC,
	QKD_A_STATS_PAD,
	QKD_A_STATS_OUTBOUND_FRESH,	/* level: outbound keys ready */
	QKD_A_STATS_INBOUND_FRESH,	/* level: inbound keys ready */
	QKD_A_STATS_INBOUND_RESERVED,	/* level: inbound keys reserved */
	QKD_A_STATS_WAITERS,		/* level: callers waiting for a key */
	QKD_A_STATS_DELIVERED,		/* keys the provider delivered and the store took */
	QKD_A_STATS_DROPPED,		/* keys it delivered that found the store full */
	QKD_A_STATS_REFUSED,		/* keys it delivered that were malformed, all zero, or had a known ID */
	QKD_A_STATS_OUTBOUND_SPENT,
	QKD_A_STATS_INBOUND_SPENT,
	QKD_A_STATS_RELEASED,		/* reservations given back */
	QKD_A_STATS_EXPIRED,
	QKD_A_STATS_PURGED,		/* wiped by a purge or with the link */
	QKD_A_STATS_UNKNOWN,		/* look-ups by an ID never seen */
	QKD_A_STATS_REPLAYED,		/* look-ups by the ID of a spent key */
	QKD_A_STATS_SESSIONS_DROPPED,	/* sessions forgotten so that this link's could be noted */
	QKD_A_STATS_LAPSED,		/* reservations that outlasted their lease */
	QKD_A_STATS_MISMATCHED,		/* binders that failed on a key that was held */
	QKD_A_STATS_OVER_QUOTA,		/* keys refused to a user who had his */
	QKD_A_STATS_LIMITED,		/* look-ups by an ID never seen, refused since there were too many */
	__QKD_A_STATS_MAX,
};
#define QKD_A_STATS_MAX (__QKD_A_STATS_MAX - 1)

enum qkd_a_sim {
	QKD_A_SIM_UNSPEC,
	QKD_A_SIM_SEED_FD,	/* s32, LINK_NEW only: open memfd with the seed, QKD_SIM_SEED_LEN_* bytes */
	QKD_A_SIM_RATE,		/* u32, secret key rate in bits per second, both directions together */
	QKD_A_SIM_QBER,		/* u32, ppm, to QKD_SIM_QBER_MAX; above QKD_SIM_QBER_ABORT no keys come */
	QKD_A_SIM_OUTAGE,	/* u8, 1: nothing arrives */
	QKD_A_SIM_EAVESDROPPER,	/* u8, 1: somebody measures and resends, so a quarter more is wrong */
	QKD_A_SIM_JITTER,	/* u32, ms, to QKD_SIM_DELAY_MAX: most that a block comes late, in order */
	QKD_A_SIM_FETCH_DELAY,	/* u32, ms, likewise: how late a block comes that was looked up ahead */
	QKD_A_SIM_LOSS,		/* u32, ppm, to QKD_PPM: blocks that never come at this end */
	QKD_A_SIM_DUPLICATE,	/* u32, ppm: blocks that come twice */
	QKD_A_SIM_REORDER,	/* u32, ppm: pairs of a direction's blocks that come the wrong way round */
	QKD_A_SIM_FLIP,		/* u32, ppm: blocks with one bit of the key wrong, the ID right */
	QKD_A_SIM_UNPLUG,	/* flag, LINK_SET only: all links of "sim" end as if a device were pulled */
	QKD_A_SIM_PAD,
	QKD_A_SIM_BLOCK,	/* u64, LINK_GET only: no block from this one on has been made */
	__QKD_A_SIM_MAX,
};
#define QKD_A_SIM_MAX (__QKD_A_SIM_MAX - 1)

enum qkd_event_type {
	QKD_EVENT_UNSPEC,
	QKD_EVENT_LINK_UP,		/* added; or its provider delivers, its keys match, again */
	QKD_EVENT_LINK_DOWN,		/* its provider stopped delivering */
	QKD_EVENT_LINK_GONE,		/* deleted, with its keys; its name is free after this */
	QKD_EVENT_KEY_LOW,		/* outbound keys fell below "low" */
	QKD_EVENT_KEY_AVAILABLE,	/* after "low" or none, they are well above it again */
	QKD_EVENT_QBER_ALARM,		/* the QBER went above "qber-max"; next after it was 1/8 below */
	QKD_EVENT_KEY_EMPTY,		/* no outbound key is left */
	QKD_EVENT_LINK_DEGRADED,	/* its keys do not match the peer's, several on end */
	QKD_EVENT_BINDER_FAILURES,	/* many binders failed within 10 seconds; said once in that time */
	QKD_EVENT_KEYS_EXPIRED,		/* 16 keys or more grew too old since it was said last, 10 seconds ago or longer */
	QKD_EVENT_PROVIDER_GONE,	/* unplugged or unloaded; LINK_GONE follows */
	__QKD_EVENT_MAX,
};
#define QKD_EVENT_MAX (__QKD_EVENT_MAX - 1)

enum qkd_a_event {
	QKD_A_EVENT_UNSPEC,
	QKD_A_EVENT_TYPE,	/* u8, enum qkd_event_type */
	QKD_A_EVENT_LINK,	/* string */
	QKD_A_EVENT_OUTBOUND,	/* u32, outbound keys left */
	QKD_A_EVENT_STATS,	/* LINK_GONE: nest of QKD_A_STATS_*, the closing account */
	__QKD_A_EVENT_MAX,
};
#define QKD_A_EVENT_MAX (__QKD_A_EVENT_MAX - 1)

/* What became of a key. Up to QKD_AUDIT_RELEASED somebody did it. */
enum qkd_audit_outcome {
	QKD_AUDIT_UNSPEC,
	QKD_AUDIT_TAKEN,		/* outbound: handed out and thereby spent */
	QKD_AUDIT_RESERVED,		/* inbound: handed out, to be committed or given back */
	QKD_AUDIT_COMMITTED,		/* a reserved one was spent */
	QKD_AUDIT_RELEASED,		/* a reserved one was given back, or its file was closed */
	QKD_AUDIT_LAPSED,		/* a reserved one was taken back: its time was over */
	QKD_AUDIT_EXPIRED,		/* wiped: too old, or the peer is past it */
	QKD_AUDIT_PURGED,		/* wiped by QKD_CMD_LINK_PURGE, or before the machine sleeps */
	QKD_AUDIT_WIPED,		/* wiped with its link */
};

enum qkd_a_audit {
	QKD_A_AUDIT_UNSPEC,
	QKD_A_AUDIT_PAD,
	QKD_A_AUDIT_LINK,	/* string */
	QKD_A_AUDIT_SERIAL,	/* u64, the link's: another whenever a link is added */
	QKD_A_AUDIT_RECORD,	/* nest of QKD_A_RECORD_*, one or more */
	__QKD_A_AUDIT_MAX,
};
#define QKD_A_AUDIT_MAX (__QKD_A_AUDIT_MAX - 1)

enum qkd_a_record {
	QKD_A_RECORD_UNSPEC,
	QKD_A_RECORD_PAD,
	QKD_A_RECORD_SEQ,	/* u64, counts the link's records from 1 */
	QKD_A_RECORD_TIME,	/* u64, ns since 1970 */
	QKD_A_RECORD_ID,	/* binary, QKD_KEY_ID_LEN bytes */
	QKD_A_RECORD_DIRECTION,	/* u8, QKD_DIR_* of <linux/qkd.h> */
	QKD_A_RECORD_OUTCOME,	/* u8, enum qkd_audit_outcome */
	QKD_A_RECORD_UID,	/* u32, effective user ID of who did it, in the namespace's user namespace */
	QKD_A_RECORD_PID,	/* u32, its process */
	QKD_A_RECORD_COMM,	/* string, its name, to 15 bytes of any kind */
	__QKD_A_RECORD_MAX,
};
#define QKD_A_RECORD_MAX (__QKD_A_RECORD_MAX - 1)

enum qkd_a_session {
	QKD_A_SESSION_UNSPEC,
	QKD_A_SESSION_PAD,
	QKD_A_SESSION_LINK,		/* string */
	QKD_A_SESSION_ID,		/* binary, QKD_KEY_ID_LEN bytes, of the key */
	QKD_A_SESSION_DIRECTION,	/* u8, QKD_DIR_* of <linux/qkd.h>: outbound at the TLS client */
	QKD_A_SESSION_SUITE,		/* u16, TLS cipher suite */
	QKD_A_SESSION_AGE,		/* u64, ms since it was noted */
	QKD_A_SESSION_COOKIE,		/* u64, the socket's, as SO_COOKIE and ss(8) have it */
	QKD_A_SESSION_LOCAL_ADDR,	/* binary, 4 bytes IPv4 or 16 bytes IPv6 */
	QKD_A_SESSION_LOCAL_PORT,	/* u16 */
	QKD_A_SESSION_REMOTE_ADDR,	/* binary, as many bytes */
	QKD_A_SESSION_REMOTE_PORT,	/* u16 */
	QKD_A_SESSION_SEALED,		/* flag: its keys are in the kernel only (QKD_IOC_OPEN_SESSION); what follows too */
	QKD_A_SESSION_GROUP,		/* u16, TLS group of the key exchange, as told; 0: it was not */
	QKD_A_SESSION_PEER,		/* string, the peer's name, as told; may be empty */
	QKD_A_SESSION_TX_GENERATION,	/* u32, how often what this end sends has got another key */
	QKD_A_SESSION_RX_GENERATION,	/* u32, the same of what it receives */
	__QKD_A_SESSION_MAX,
};
#define QKD_A_SESSION_MAX (__QKD_A_SESSION_MAX - 1)

#endif /* _UAPI_LINUX_QKD_NETLINK_H */
