/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libqkd: C access to /dev/qkd and to the kernel's generic netlink family "qkd".
 *
 * Functions return 0 (or what is said) or a negative errno; the library never prints and never exits.
 * What an errno of a device call means stands in <linux/qkd.h>, of a netlink call in
 * <linux/qkd_netlink.h>. Nothing here is locked: one thread at a time per file or handle.
 */
#ifndef _QKD_LIBQKD_H
#define _QKD_LIBQKD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <linux/qkd.h>
#include <linux/qkd_netlink.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Key IDs as text: 36 characters, 8-4-4-4-12 lower-case hexadecimal digits */

#define QKD_ID_TEXT_LEN 36

/* 0, or -EINVAL; either case is read. The whole string must be the ID. */
int qkd_id_parse(const char *text, uint8_t id[QKD_KEY_ID_LEN]);
void qkd_id_format(const uint8_t id[QKD_KEY_ID_LEN], char text[QKD_ID_TEXT_LEN + 1]);

/* The device */

/**
 * struct qkd_key - a key in user space; wipe it with qkd_key_wipe() when done
 * @id: its ID
 * @len: bytes used of @bytes
 * @bytes: the material
 */
struct qkd_key {
	uint8_t id[QKD_KEY_ID_LEN];
	size_t len;
	uint8_t bytes[QKD_KEY_LEN_MAX];
};

void qkd_key_wipe(struct qkd_key *key);

/*
 * Opens /dev/qkd (close-on-exec) and binds it to @link, or leaves it unbound with NULL. Returns a file
 * descriptor for poll() and the calls below, to be closed with close(), or: -ENOENT, -ENXIO (module not
 * loaded), -EACCES, -ENODEV (no such link), -EINVAL (name). @flags: 0 or O_NONBLOCK.
 */
int qkd_open(const char *link, int flags);

int qkd_info(int fd, struct qkd_info *info);

/* QKD_IOC_GET_KEY: the next outbound key, spent by being taken */
int qkd_get_key(int fd, unsigned int timeout_ms, struct qkd_key *key);

/*
 * QKD_IOC_GET_KEY_BY_ID: an inbound key, reserved for @fd until commit, release, close or the end of its
 * lease. It may be used only once qkd_commit() has returned 0.
 */
int qkd_get_key_by_id(int fd, const uint8_t id[QKD_KEY_ID_LEN], unsigned int timeout_ms,
		      struct qkd_key *key);
int qkd_commit(int fd, const uint8_t id[QKD_KEY_ID_LEN]);

/*
 * The same as qkd_commit() for a key that @fd has reserved, and for one that it has spent already, outbound or
 * inbound: says that it went into the connected TCP socket @socket with TLS cipher suite @suite, so that
 * qkd_nl_session_list() shows it. Once for each key.
 */
int qkd_commit_socket(int fd, const uint8_t id[QKD_KEY_ID_LEN], int socket, uint16_t suite);
int qkd_release(int fd, const uint8_t id[QKD_KEY_ID_LEN], uint32_t flags); /* QKD_RELEASE_F_* */

/*
 * Sealed sessions: a TLS key schedule in the kernel; <linux/qkd.h> has the whole contract, and which call may follow which.
 * Hashes are named by QKD_KDF_* and have qkd_kdf_len() bytes; @hash_len is that of the session's suite. All but the two
 * that open one return 0 or a negative errno. What a session hands out, the handshake's secrets, the caller wipes.
 */

size_t qkd_kdf_len(unsigned int kdf); /* 0: no such hash */

/* Does the module behind @fd, from qkd_open(), know sealed sessions? */
bool qkd_session_known(int fd);

/* With an outbound key of @fd, from qkd_open(), imported for these hashes: a set of 1 << QKD_KDF_*. Return: the session's
 * descriptor, to be closed with close(), and the key's ID in @id; or a negative errno */
int qkd_session_open_client(int fd, unsigned int kdfs, const uint8_t context[QKD_CONTEXT_LEN],
			    unsigned int timeout_ms, uint8_t id[QKD_KEY_ID_LEN]);

/* With the inbound key @id, which is reserved until its binder, for one of these hashes, has been checked. Return: the same */
int qkd_session_open_server(int fd, unsigned int kdfs, const uint8_t context[QKD_CONTEXT_LEN],
			    const uint8_t id[QKD_KEY_ID_LEN], unsigned int timeout_ms);

int qkd_session_binder(int session, unsigned int kdf, const uint8_t *transcript_hash,
		       uint8_t *binder);
int qkd_session_check_binder(int session, unsigned int kdf, const uint8_t *transcript_hash,
			     const uint8_t *binder);
int qkd_session_handshake(int session, uint16_t suite, size_t hash_len, const uint8_t *kex_secret,
			  size_t kex_len, const uint8_t *transcript_hash, uint8_t *client_secret,
			  uint8_t *server_secret);
int qkd_session_application(int session, size_t hash_len, const uint8_t *transcript_hash);

/* @group: the TLS group, or 0. @peer: its name, or NULL. Both are what qkd_nl_session_list() shows. */
int qkd_session_install(int session, int socket, uint16_t group, const char *peer);

/* @direction: QKD_UPDATE_F_TX or QKD_UPDATE_F_RX */
int qkd_session_update(int session, unsigned int direction);
int qkd_session_export(int session, const char *label, size_t hash_len, const uint8_t *context_hash,
		       uint8_t *out, size_t len);

/* Feeds: this process as the provider of a link of provider "feed"; <linux/qkd.h> has the whole contract */

/* QKD_IOC_OPEN_FEED on @fd, from qkd_open(). Returns another descriptor. @flags: 0 or QKD_FEED_F_NONBLOCK. */
int qkd_feed_open(int fd, unsigned int flags);

/* Up to @max requests. Returns how many, 0 when the link has gone and that has been said. */
int qkd_feed_read(int feed, struct qkd_feed_request *requests, size_t max);

/*
 * A key of @len bytes. @direction: QKD_DIR_*. -EINVAL, -EEXIST, -ENOSPC, -ENOENT, -ENOMEM, -ENODEV. The caller wipes
 * his own.
 */
int qkd_feed_key(int feed, uint8_t direction, const uint8_t id[QKD_KEY_ID_LEN], const uint8_t *key,
		 size_t len);

/* The inbound key @id will not come. @err: ENOKEY or EACCES. -EINVAL, -ENOENT (nobody wants it), -ENODEV. */
int qkd_feed_refuse(int feed, const uint8_t id[QKD_KEY_ID_LEN], int err);

/* @state: QKD_LINK_UP or QKD_LINK_DOWN. @qber in parts per million, @rate in bits per second, or QKD_UNKNOWN. */
int qkd_feed_report(int feed, uint32_t state, uint32_t qber, uint32_t rate);

/* Netlink */

struct qkd_nl;

/* -EOPNOTSUPP: the kernel has no family "qkd" (module not loaded) */
int qkd_nl_open(struct qkd_nl **nl);
void qkd_nl_close(struct qkd_nl *nl);

/* The kernel's text (extended ACK) for the last failure on @nl, or "" */
const char *qkd_nl_message(const struct qkd_nl *nl);

struct qkd_provider_info {
	char name[QKD_LINK_NAME_LEN];
	uint32_t flags; /* QKD_LINK_F_* */
	uint32_t links; /* in this network namespace */
};

/* Indexed by QKD_A_STATS_*; what the kernel did not send is 0 */
struct qkd_link_stats {
	uint64_t value[QKD_A_STATS_MAX + 1];
};

/**
 * struct qkd_sim_settings - what a simulated link does, indexed by QKD_A_SIM_*
 * @given: bit 1 << QKD_A_SIM_*: @value has it
 * @value: numbers; a switch is 0 or 1
 */
struct qkd_sim_settings {
	uint64_t given;
	uint64_t value[QKD_A_SIM_MAX + 1];
};

static inline bool qkd_sim_has(const struct qkd_sim_settings *sim, int attr)
{
	return sim->given >> attr & 1;
}

static inline void qkd_sim_give(struct qkd_sim_settings *sim, int attr, uint64_t value)
{
	sim->given |= (uint64_t)1 << attr;
	sim->value[attr] = value;
}

/* What the provider has not measured */
#define QKD_UNKNOWN UINT32_MAX

struct qkd_link_info {
	char name[QKD_LINK_NAME_LEN];
	char provider[QKD_LINK_NAME_LEN];
	char local_sae[QKD_SAE_ID_LEN_MAX + 1];
	char remote_sae[QKD_SAE_ID_LEN_MAX + 1];
	uint8_t role;
	uint8_t state;
	uint32_t flags;
	uint32_t key_len;
	uint32_t capacity;
	uint32_t ttl_s;
	uint32_t low;
	uint32_t qber_max; /* parts per million; likewise below */
	uint32_t qber; /* or QKD_UNKNOWN */
	uint32_t rate; /* secret bits per second, or QKD_UNKNOWN */
	uint32_t lease_s;
	uint32_t degrade_after;
	uint32_t quota_rate;
	uint32_t quota_burst;
	uint32_t reserve;
	uint32_t priority_gid; /* or QKD_GID_NONE */
	uint32_t raw; /* 0: only sealed sessions have its keys; else 1 */
	struct qkd_sim_settings sim; /* nothing is given if it is not simulated */
	struct qkd_link_stats stats;
};

struct qkd_link_request {
	const char *name;
	const char *provider;
	const char *local_sae;
	const char *remote_sae;
	uint8_t role;
	const uint32_t *capacity; /* NULL: the kernel's default; likewise below */
	const uint32_t *ttl_s;
	const uint32_t *low;
	const uint32_t *qber_max;
	const uint32_t *lease_s;
	const uint32_t *degrade_after;
	const uint32_t *quota_rate;
	const uint32_t *quota_burst;
	const uint32_t *reserve;
	const uint32_t *priority_gid;
	const uint32_t *raw;
	int sim_seed_fd; /* memfd with the seed; -1: none */
	const uint32_t *sim_rate;
	const struct qkd_sim_settings *sim; /* more of them; NULL: none */
};

/* What is NULL stays as it is. */
struct qkd_link_change {
	const char *name;
	const uint32_t *ttl_s;
	const uint32_t *low;
	const uint32_t *qber_max;
	const uint32_t *lease_s;
	const uint32_t *degrade_after;
	const uint32_t *quota_rate;
	const uint32_t *quota_burst;
	const uint32_t *reserve;
	const uint32_t *priority_gid;
	const uint32_t *raw;
	struct qkd_sim_settings sim;
};

struct qkd_event {
	uint8_t type; /* enum qkd_event_type */
	char link[QKD_LINK_NAME_LEN];
	uint32_t outbound;
	bool has_stats; /* QKD_EVENT_LINK_GONE: the link's closing account */
	struct qkd_link_stats stats;
};

/**
 * struct qkd_audit_record - what became of a key
 * @link: its link
 * @serial: that of the link: a link that is added again is another
 * @seq: counts the link's records from 1; one that is missing is missing for ever
 * @time_ns: since 1970
 * @id: the key's ID
 * @direction: QKD_DIR_*
 * @outcome: enum qkd_audit_outcome
 * @by_process: somebody did it, whom the rest describes
 * @uid: effective user ID
 * @pid: process
 * @comm: its name, any bytes, NUL-terminated
 */
struct qkd_audit_record {
	char link[QKD_LINK_NAME_LEN];
	uint64_t serial;
	uint64_t seq;
	uint64_t time_ns;
	uint8_t id[QKD_KEY_ID_LEN];
	uint8_t direction;
	uint8_t outcome;
	bool by_process;
	uint32_t uid;
	uint32_t pid;
	char comm[16];
};

#define QKD_ADDRESS_LEN_MAX 16

/**
 * struct qkd_session_info - a connection and the key that it was made with
 * @link: the key's link
 * @id: its ID
 * @direction: QKD_DIR_*
 * @suite: TLS cipher suite
 * @age_ms: since it was told
 * @cookie: the socket's, as SO_COOKIE has it
 * @address_len: bytes used of the addresses: 4 (IPv4) or 16 (IPv6)
 * @local: address of this end
 * @remote: address of the other
 * @local_port: port of this end
 * @remote_port: port of the other
 * @sealed: its keys are in the kernel only; else what follows is zero
 * @group: TLS group of the key exchange, as told; 0: it was not
 * @peer: the peer's name, as told: printable ASCII, may be empty
 * @tx_generation: how often what this end sends has got another key
 * @rx_generation: the same of what it receives
 */
struct qkd_session_info {
	char link[QKD_LINK_NAME_LEN];
	uint8_t id[QKD_KEY_ID_LEN];
	uint8_t direction;
	uint16_t suite;
	uint64_t age_ms;
	uint64_t cookie;
	size_t address_len;
	uint8_t local[QKD_ADDRESS_LEN_MAX];
	uint8_t remote[QKD_ADDRESS_LEN_MAX];
	uint16_t local_port;
	uint16_t remote_port;
	bool sealed;
	uint16_t group;
	char peer[QKD_PEER_LEN_MAX + 1];
	uint32_t tx_generation;
	uint32_t rx_generation;
};

/* Callbacks return 0 to go on; anything else stops and is returned. */
typedef int (*qkd_provider_cb)(const struct qkd_provider_info *info, void *arg);
typedef int (*qkd_link_cb)(const struct qkd_link_info *info, void *arg);
typedef int (*qkd_session_cb)(const struct qkd_session_info *info, void *arg);
typedef int (*qkd_event_cb)(const struct qkd_event *event, void *arg);
typedef int (*qkd_audit_cb)(const struct qkd_audit_record *record, void *arg);

int qkd_nl_provider_list(struct qkd_nl *nl, qkd_provider_cb cb, void *arg);
int qkd_nl_link_list(struct qkd_nl *nl, qkd_link_cb cb, void *arg);
int qkd_nl_session_list(struct qkd_nl *nl, qkd_session_cb cb, void *arg);
int qkd_nl_link_get(struct qkd_nl *nl, const char *name, struct qkd_link_info *info);
int qkd_nl_link_add(struct qkd_nl *nl, const struct qkd_link_request *request);
int qkd_nl_link_set(struct qkd_nl *nl, const struct qkd_link_change *change);
int qkd_nl_link_delete(struct qkd_nl *nl, const char *name);
int qkd_nl_link_purge(struct qkd_nl *nl, const char *name);
int qkd_nl_link_resync(struct qkd_nl *nl, const char *name, uint64_t block);

/*
 * Events need a handle of their own: subscribe, poll qkd_nl_fd(), then qkd_nl_event_read() delivers all
 * that are waiting and returns 0. -ENOBUFS: some were lost, go on reading.
 */
int qkd_nl_event_subscribe(struct qkd_nl *nl);
int qkd_nl_fd(const struct qkd_nl *nl);
int qkd_nl_event_read(struct qkd_nl *nl, qkd_event_cb cb, void *arg);

/*
 * The same for what becomes of each key, on another handle of its own. Subscribing needs CAP_NET_ADMIN: -EPERM.
 */
int qkd_nl_audit_subscribe(struct qkd_nl *nl);
int qkd_nl_audit_read(struct qkd_nl *nl, qkd_audit_cb cb, void *arg);

#ifdef __cplusplus
}
#endif

#endif /* _QKD_LIBQKD_H */
