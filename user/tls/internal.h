/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The connection and its handshake, private to the engine. Prototypes are grouped by file.
 *
 * Functions of the handshake return 0, QKDTLS_PENDING, or QKDTLS_ERROR after qkdtls_fail() has noted
 * why: whoever sees an error only passes it up.
 */
#ifndef QKDTLS_INTERNAL_H
#define QKDTLS_INTERNAL_H

#include <qkd/qkdtls.h>
#include "tls/buf.h"
#include "tls/crypto_hash.h"
#include "tls/crypto_pki.h"
#include "tls/kex.h"
#include "tls/known.h"
#include "tls/record.h"
#include "tls/schedule.h"
#include "tls/seal.h"
#include "tls/suite.h"
#include "tls/transcript.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

#define QKDTLS_ERROR   (-1)
#define QKDTLS_PENDING 1

#define QKDTLS_RANDOM_LEN     32
#define QKDTLS_SESSION_ID_LEN 32
#define QKDTLS_LEGACY_VERSION 0x0303
#define QKDTLS_TLS13	      0x0304

/* What an unauthenticated peer may make this end keep or read */
#define QKDTLS_CLIENT_HELLO_MAX 16384
#define QKDTLS_MESSAGE_MAX	65536
#define QKDTLS_HANDSHAKE_MAX	(256 * 1024)

/* Handshake messages by their number; HelloRetryRequest has none of its own. */
enum qkdtls_message {
	QKDTLS_MSG_NONE = 0,
	QKDTLS_MSG_CLIENT_HELLO = 1,
	QKDTLS_MSG_SERVER_HELLO = 2,
	QKDTLS_MSG_NEW_SESSION_TICKET = 4,
	QKDTLS_MSG_ENCRYPTED_EXTENSIONS = 8,
	QKDTLS_MSG_CERTIFICATE = 11,
	QKDTLS_MSG_CERTIFICATE_REQUEST = 13,
	QKDTLS_MSG_CERTIFICATE_VERIFY = 15,
	QKDTLS_MSG_FINISHED = 20,
	QKDTLS_MSG_KEY_UPDATE = 24,
	QKDTLS_MSG_HELLO_RETRY = 0x100 | QKDTLS_MSG_SERVER_HELLO,
};

enum qkdtls_state {
	QKDTLS_C_START,
	QKDTLS_C_HELLO,
	QKDTLS_C_SERVER_HELLO,
	QKDTLS_C_SECOND_HELLO,
	QKDTLS_C_SERVER_HELLO_AGAIN,
	QKDTLS_C_KEYS,
	QKDTLS_C_EXTENSIONS,
	QKDTLS_C_REQUEST_OR_CERT,
	QKDTLS_C_CERT,
	QKDTLS_C_VERIFY,
	QKDTLS_C_FINISHED,
	QKDTLS_C_APPLICATION,
	QKDTLS_C_OWN_CERT,
	QKDTLS_C_OWN_VERIFY,
	QKDTLS_C_OWN_FINISHED,
	QKDTLS_S_HELLO,
	QKDTLS_S_RETRY,
	QKDTLS_S_SECOND_HELLO,
	QKDTLS_S_KEX,
	QKDTLS_S_PSK,
	QKDTLS_S_OWN_HELLO,
	QKDTLS_S_KEYS,
	QKDTLS_S_OWN_EXTENSIONS,
	QKDTLS_S_REQUEST,
	QKDTLS_S_OWN_CERT,
	QKDTLS_S_OWN_VERIFY,
	QKDTLS_S_OWN_FINISHED,
	QKDTLS_S_APPLICATION,
	QKDTLS_S_CERT,
	QKDTLS_S_VERIFY,
	QKDTLS_S_FINISHED,
	QKDTLS_COMPLETE,
	QKDTLS_UP,
};

enum qkdtls_psk_mode {
	QKDTLS_PSK_MODE_NONE,
	QKDTLS_PSK_MODE_IMPORTED,
	QKDTLS_PSK_MODE_EXTERNAL,
};

#define QKDTLS_NAME_LEN_MAX   253
#define QKDTLS_CONFIG_MESSAGE 512

#define QKDTLS_ALPN_MAX 1024 /* of the names with their commas: one less than their lengths take */

/* Application protocols as a ProtocolNameList without its length */
struct qkdtls_alpn {
	uint8_t list[QKDTLS_ALPN_MAX + 1];
	size_t len;
};

struct qkdtls_config {
	unsigned int refs; /* atomic */
	char message[QKDTLS_CONFIG_MESSAGE];
	enum qkdtls_policy policy;
	struct qkdtls_identity *identity;
	struct qkdtls_staple *staple; /* about identity */
	struct qkdtls_trust *trust;
	struct qkdtls_crls *crls;
	bool ocsp_required;
	char peer_name[QKDTLS_NAME_LEN_MAX + 1];
	bool verify_client;
	struct qkdtls_alpn alpn;
	uint16_t record_limit; /* content, type and padding that this end takes */
	struct qkdtls_suite_list suites;
	struct qkdtls_group_list groups;
	struct qkdtls_scheme_list schemes;
	struct qkdtls_scheme_list chain_schemes; /* empty: any */
	enum qkdtls_psk_mode psk_mode;
	enum qkdtls_hash psk_hash; /* of external PSKs */
	uint8_t context[QKDTLS_LINK_CONTEXT_LEN];
	bool spare_key;
	struct qkdtls_key_limits key_limits;
	bool has_time;
	time_t time;
	qkdtls_keylog_cb keylog;
	void *keylog_arg;
	struct qkdtls_known known; /* alone changes while connections use it */
};

/* What a peer's hello says; cursors point into the message. */
struct qkdtls_hello {
	const uint8_t *random;
	struct qkdtls_cursor session_id;
	struct qkdtls_cursor suites;
	struct qkdtls_cursor extensions;
	uint32_t seen; /* one bit for each row of the extension table */
	uint16_t suite;
	uint16_t selected_identity;
	uint16_t share_group;
	struct qkdtls_cursor share;
	struct qkdtls_cursor shares;
	struct qkdtls_cursor groups;
	struct qkdtls_cursor schemes;
	struct qkdtls_cursor protocols;
	uint16_t record_limit;
	struct qkdtls_cursor cookie;
	struct qkdtls_cursor identities;
	struct qkdtls_cursor binders;
	size_t binders_len; /* with their length */
	bool tls13;
	bool psk_dhe_ke;
};

#define QKDTLS_IDENTITY_MAX (QKDTLS_PSK_ID_MAX + QKDTLS_LINK_CONTEXT_LEN + 8)
#define QKDTLS_KEYS_MAX	    2 /* in one hello: a key and a spare */
#define QKDTLS_OFFERS_MAX   (QKDTLS_KEYS_MAX * 2) /* for each hash */

/* Client: an identity on offer, with the schedule that goes on if the server picks it */
struct qkdtls_offer {
	uint8_t identity[QKDTLS_IDENTITY_MAX];
	size_t identity_len;
	struct qkdtls_cursor external_id; /* in identity */
	struct qkdtls_schedule *schedule;
};

/* Server: an identity that this end could use; cursors point into the hello */
struct qkdtls_candidate {
	uint16_t index;
	struct qkdtls_cursor identity;
	struct qkdtls_cursor external_id;
	struct qkdtls_cursor binder;
};

/* What only the handshake needs; gone when it is over. */
struct qkdtls_handshake {
	uint8_t *scratch; /* the message being written */
	struct qkdtls_transcript transcript;
	struct qkdtls_suite_list suites;
	struct qkdtls_group_list groups;
	const struct qkdtls_suite *suite;
	const struct qkdtls_group *group;
	const struct qkdtls_scheme *scheme; /* with which this end signs */
	uint8_t random[QKDTLS_RANDOM_LEN];
	uint8_t client_random[QKDTLS_RANDOM_LEN];
	uint8_t session_id[QKDTLS_SESSION_ID_LEN];
	size_t session_id_len;
	uint32_t sent; /* extensions in the last hello sent, bits as in struct qkdtls_hello */
	struct qkdtls_hello hello;
	struct qkdtls_hello first; /* server, retried: points into first_raw */
	struct qkdtls_buf first_raw;
	struct qkdtls_buf hello_raw; /* the peer's hello, while hello points into it */
	struct qkdtls_buf cookie;
	bool retry;
	bool cert_requested;
	bool cert_sent;
	bool status_asked; /* the peer takes an OCSP response beside our certificate */
	struct qkdtls_cursor status; /* the peer's, in its Certificate */
	bool ccs_sent;

	struct qkdtls_kex *kex;
	uint8_t share[QKDTLS_KEX_SHARE_MAX];
	uint8_t kex_secret[QKDTLS_KEX_SECRET_MAX];

	struct qkdtls_psk psk;
	struct qkdtls_seal *seal; /* psk's, once a schedule has asked for it; it is psk's no more */
	struct qkdtls_offer offers[QKDTLS_OFFERS_MAX];
	size_t offer_count;
	bool psk_tried; /* server: the hello offers a PSK in a way that the policy accepts */
	struct qkdtls_candidate candidates[QKDTLS_KEYS_MAX]; /* server */
	size_t candidate_count;
	const struct qkdtls_candidate *held; /* server: reserved at the source */
	bool held_sealed; /* which its schedule will tell */
	uint16_t psk_index; /* server: of the identity that it picked */
	uint8_t binder_hash[QKDTLS_HASH_MAX];
};

#define QKDTLS_SPARE_LEN 64

/* A connection whose traffic keys are at its socket: for socket.c */
struct qkdtls_kernel {
	bool rekeys; /* they may be followed by others */
	bool peer_updated; /* the peer has changed its key, since qkdtls_control() last looked */
	bool update_due; /* this end's KeyUpdate, before it sends more */
	bool ask_peer; /* for the peer's, by that */
	uint64_t sent; /* records under this end's key, at most */
	uint64_t received; /* the same under the peer's */
	size_t payload_max; /* of this end's records */
	uint8_t spare[QKDTLS_SPARE_LEN]; /* what came beyond a small buffer */
};

struct qkdtls_conn {
	struct qkdtls_config *config;
	enum qkdtls_role role;
	const struct qkdtls_psk_ops *psk_ops;
	void *psk_arg;
	qkdtls_sign_fn sign; /* NULL: the configuration has the private key */
	void *sign_arg;
	enum qkdtls_state state;
	struct qkdtls_info info;

	bool failed;
	int failure; /* negative errno */
	struct qkdtls_error error;
	char abort_reason[128];

	struct qkdtls_record_reader reader;
	struct qkdtls_record_writer writer;
	struct qkdtls_buf messages; /* handshake bytes that came */
	struct qkdtls_buf flight; /* handshake messages to go, not in a record yet */
	struct qkdtls_buf out; /* records to go */
	size_t input_total; /* bytes of the handshake */

	struct qkdtls_handshake *hs; /* NULL once it is over */
	struct qkdtls_schedule *schedule;
	struct qkdtls_seal
		*late_seal; /* failed: that of an alert which only the kernel can protect */
	const struct qkdtls_suite *suite; /* from the schedule's handshake epoch on */
	struct qkdtls_chain *chain; /* the peer's */

	struct qkdtls_cursor plain; /* application data of the record in hand */
	unsigned int idle_records; /* since the last application data */
	struct {
		uint64_t bytes; /* of plain text */
		time_t since; /* CLOCK_MONOTONIC, if the configuration limits the age */
	} key_age; /* of this end's key */
	bool update_asked; /* of the peer, which has not answered */
	size_t update_unsent; /* output up to and with this end's last KeyUpdate */
	bool keys_taken;
	struct qkdtls_kernel kernel; /* if they are there */
	bool peer_closed;
	bool closed;
};

static inline enum qkdtls_role qkdtls_peer_of(const struct qkdtls_conn *conn)
{
	return conn->role == QKDTLS_CLIENT ? QKDTLS_SERVER : QKDTLS_CLIENT;
}

static inline size_t qkdtls_smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* ---- conn.c ---- */

/* One without a handshake, nor a state yet; NULL: no memory */
struct qkdtls_conn *qkdtls_conn_alloc(struct qkdtls_config *config, enum qkdtls_role role);

/* May the traffic keys be taken now? 0, -EPERM, -EAGAIN as qkdtls_take_traffic_keys() says */
int qkdtls_traffic_keys_ready(const struct qkdtls_conn *conn);

/* As qkdtls_take_traffic_keys(), but the secrets stay, for the keys that follow. */
int qkdtls_lend_traffic_keys(struct qkdtls_conn *conn, struct qkdtls_traffic_key *tx,
			     struct qkdtls_traffic_key *rx);

/* ---- error.c ---- */

/* Each returns QKDTLS_ERROR; only the first failure counts, and its alert is queued. */
int qkdtls_fail(struct qkdtls_conn *conn, enum qkdtls_alert alert, const char *reason);
int qkdtls_fail_errno(struct qkdtls_conn *conn, enum qkdtls_alert alert, int failure,
		      const char *reason);
/* A positive @code is an alert: the peer is at fault; a negative one an errno of this end. */
int qkdtls_fail_code(struct qkdtls_conn *conn, int code, const char *reason);
/* The peer's alert, or the end of its stream: nothing is answered. */
int qkdtls_fail_received(struct qkdtls_conn *conn, enum qkdtls_alert alert, const char *reason);

/* ---- alert.c ---- */

#define QKDTLS_ALERT_LEN 2

/* With the level that it has always: warning for close_notify and user_canceled, fatal for others */
void qkdtls_alert_write(enum qkdtls_alert alert, uint8_t body[QKDTLS_ALERT_LEN]);
int qkdtls_alert_queue(struct qkdtls_conn *conn, enum qkdtls_alert alert);
int qkdtls_alert_recv(struct qkdtls_conn *conn, const uint8_t *data, size_t len);

/* ---- config.c ---- */

/* NULL: enough for @role; else what is missing */
const char *qkdtls_config_problem(const struct qkdtls_config *config, enum qkdtls_role role);

/* ---- handshake.c ---- */

int qkdtls_handshake_new(struct qkdtls_conn *conn); /* 0, -ENOMEM */
void qkdtls_handshake_free(struct qkdtls_conn *conn); /* wipes, releases a reserved key */

/* ---- conn.c ---- */

void qkdtls_conn_wipe(struct qkdtls_conn *conn); /* all secrets; what is to be written stays */
void qkdtls_conn_rest(struct qkdtls_conn *conn); /* nothing moves: frees queues that are empty */

/* ---- message.c ---- */

struct qkdtls_incoming {
	enum qkdtls_message type;
	const uint8_t *raw; /* with its header */
	size_t raw_len;
	struct qkdtls_cursor body;
};

/* 0; QKDTLS_PENDING: not whole yet */
int qkdtls_message_peek(struct qkdtls_conn *conn, struct qkdtls_incoming *msg);
/* The same, taking records as far as there are any */
int qkdtls_message_next(struct qkdtls_conn *conn, struct qkdtls_incoming *msg);
void qkdtls_message_done(struct qkdtls_conn *conn, const struct qkdtls_incoming *msg);
/* Handshake bytes of a record */
int qkdtls_message_add(struct qkdtls_conn *conn, const uint8_t *data, size_t len);

/* begin, write the body, end: then the message is in scratch; send adds it to transcript and flight. */
struct qkdtls_mark qkdtls_message_begin(struct qkdtls_conn *conn, struct qkdtls_writer *w,
					enum qkdtls_message type);
int qkdtls_message_end(struct qkdtls_conn *conn, struct qkdtls_writer *w, struct qkdtls_mark mark);
int qkdtls_message_send(struct qkdtls_conn *conn, const struct qkdtls_writer *w);
/* The flight so far becomes records under the present key. */
int qkdtls_message_flush(struct qkdtls_conn *conn);
/* change_cipher_spec for middleboxes, once and only if there is a session ID */
int qkdtls_message_ccs(struct qkdtls_conn *conn);

/* ---- steps.c ---- */

/* Does a message of this type have a place in this state? */
bool qkdtls_step_expects(const struct qkdtls_conn *conn, uint8_t type);
/* Is it the last before its sender changes keys or waits? */
bool qkdtls_step_ends_flight(const struct qkdtls_conn *conn, enum qkdtls_message type);
/* Is it the peer's turn (nothing to do meanwhile)? */
bool qkdtls_step_reads(const struct qkdtls_conn *conn);
/* Goes on until something is missing. QKDTLS_FAILED and QKDTLS_DONE regardless of output */
enum qkdtls_want qkdtls_step_run(struct qkdtls_conn *conn);
/* Handles one message. */
int qkdtls_step_message(struct qkdtls_conn *conn, const struct qkdtls_incoming *msg);

typedef int (*qkdtls_recv_fn)(struct qkdtls_conn *conn, const struct qkdtls_incoming *msg);
typedef int (*qkdtls_action_fn)(struct qkdtls_conn *conn);

/* ---- stream.c ---- */

/**
 * enum qkdtls_control - what a record that the kernel handed up means
 * @QKDTLS_CONTROL_IGNORE: nothing (a session ticket, user_canceled, application data)
 * @QKDTLS_CONTROL_CLOSE: the peer's close_notify: it sends no more
 * @QKDTLS_CONTROL_KEY_UPDATE: the peer changed its key: what follows cannot be read without a new one
 * @QKDTLS_CONTROL_FAILED: fatal; qkdtls_error() says which alert came or is to be sent
 */
enum qkdtls_control {
	QKDTLS_CONTROL_IGNORE,
	QKDTLS_CONTROL_CLOSE,
	QKDTLS_CONTROL_KEY_UPDATE,
	QKDTLS_CONTROL_FAILED,
};

/*
 * To be told of every record that is not application data, and how much data came between: content type 23, whose
 * @data is not looked at, @len bytes of one record or of several. Records in a row without data are bounded as in
 * qkdtls_receive().
 */
enum qkdtls_control qkdtls_control(struct qkdtls_conn *conn, uint8_t content_type, const void *data,
				   size_t len);

/* ---- u16_set.c ---- */

/* A set of 16-bit numbers, to see doubles and members in one pass */
struct qkdtls_u16_set {
	uint8_t bits[65536 / 8];
};

void qkdtls_u16_set_init(struct qkdtls_u16_set *set);
bool qkdtls_u16_set_has(const struct qkdtls_u16_set *set, uint16_t value);
/* false: it was there already */
bool qkdtls_u16_set_add(struct qkdtls_u16_set *set, uint16_t value);

/* ---- ext.c: the table of extensions, and what is common to all ---- */

/* Where an extension stands */
enum qkdtls_ext_place {
	QKDTLS_IN_CH = 1 << 0,
	QKDTLS_IN_SH = 1 << 1,
	QKDTLS_IN_HRR = 1 << 2,
	QKDTLS_IN_EE = 1 << 3,
	QKDTLS_IN_CR = 1 << 4,
	QKDTLS_IN_CT = 1 << 5,
	QKDTLS_IN_NST = 1 << 6,
};

/* Their numbers */
enum qkdtls_ext_type {
	QKDTLS_EXT_SERVER_NAME = 0,
	QKDTLS_EXT_STATUS_REQUEST = 5,
	QKDTLS_EXT_SUPPORTED_GROUPS = 10,
	QKDTLS_EXT_SIGNATURE_ALGORITHMS = 13,
	QKDTLS_EXT_ALPN = 16,
	QKDTLS_EXT_PADDING = 21,
	QKDTLS_EXT_RECORD_SIZE_LIMIT = 28,
	QKDTLS_EXT_CERT_WITH_EXTERN_PSK = 33,
	QKDTLS_EXT_PRE_SHARED_KEY = 41,
	QKDTLS_EXT_EARLY_DATA = 42,
	QKDTLS_EXT_SUPPORTED_VERSIONS = 43,
	QKDTLS_EXT_COOKIE = 44,
	QKDTLS_EXT_PSK_KEY_EXCHANGE_MODES = 45,
	QKDTLS_EXT_SIGNATURE_ALGORITHMS_CERT = 50,
	QKDTLS_EXT_KEY_SHARE = 51,
};

/* Reads the block (with its length) that ends @body; results are in hs->hello. */
int qkdtls_ext_read(struct qkdtls_conn *conn, enum qkdtls_ext_place place,
		    struct qkdtls_cursor *body);
/* Writes those that this end wants at @place. */
void qkdtls_ext_write(struct qkdtls_conn *conn, enum qkdtls_ext_place place,
		      struct qkdtls_writer *w);
bool qkdtls_ext_seen(const struct qkdtls_hello *hello, enum qkdtls_ext_type type);
bool qkdtls_ext_sent(const struct qkdtls_conn *conn, enum qkdtls_ext_type type);

/* Their contents, for the table: read consumes all of @body; want says whether this end sends it. */
struct qkdtls_ext_ops {
	int (*read)(struct qkdtls_conn *conn, enum qkdtls_ext_place place,
		    struct qkdtls_cursor *body);
	bool (*want)(const struct qkdtls_conn *conn, enum qkdtls_ext_place place);
	void (*write)(struct qkdtls_conn *conn, enum qkdtls_ext_place place,
		      struct qkdtls_writer *w);
};

/* ext_hello.c */
extern const struct qkdtls_ext_ops qkdtls_ext_server_name;
extern const struct qkdtls_ext_ops qkdtls_ext_supported_versions;
extern const struct qkdtls_ext_ops qkdtls_ext_signature_algorithms;
extern const struct qkdtls_ext_ops qkdtls_ext_signature_algorithms_cert;
extern const struct qkdtls_ext_ops qkdtls_ext_cookie;
/* ext_status.c */
extern const struct qkdtls_ext_ops qkdtls_ext_status_request;
/* ext_alpn.c */
extern const struct qkdtls_ext_ops qkdtls_ext_alpn;
/* ext_record_limit.c */
extern const struct qkdtls_ext_ops qkdtls_ext_record_size_limit;
/* ext_share.c */
extern const struct qkdtls_ext_ops qkdtls_ext_supported_groups;
extern const struct qkdtls_ext_ops qkdtls_ext_key_share;
/* ext_psk.c */
extern const struct qkdtls_ext_ops qkdtls_ext_psk_modes;
extern const struct qkdtls_ext_ops qkdtls_ext_cert_with_psk;
extern const struct qkdtls_ext_ops qkdtls_ext_pre_shared_key;
extern const struct qkdtls_ext_ops qkdtls_ext_early_data;

/* ext_alpn.c: names with commas between them; -EINVAL: empty, doubled, too long */
int qkdtls_alpn_parse(struct qkdtls_alpn *alpn, const char *names);
/* Server: the first of ours that is on offer; it fails if there is none. */
int qkdtls_alpn_select(struct qkdtls_conn *conn);

/* ext_record_limit.c: both ends have named their limits, if they have: they hold from here on. */
int qkdtls_record_limits_start(struct qkdtls_conn *conn);

/* ext_share.c: the client's share of a group; false: none */
bool qkdtls_share_find(const struct qkdtls_hello *hello, uint16_t group,
		       struct qkdtls_cursor *share);

/* ext_psk.c: the next identity; false at the end (the list has been checked) */
bool qkdtls_identity_next(struct qkdtls_cursor *list, struct qkdtls_cursor *identity);

/* ext_hello.c: is @number in a list of 16-bit numbers? */
bool qkdtls_list_has(struct qkdtls_cursor list, uint16_t number);

/* ---- hello_client.c, hello_server.c, hello_retry.c, hello_select.c ---- */

int qkdtls_client_hello_send(struct qkdtls_conn *conn);
int qkdtls_client_hello_recv(struct qkdtls_conn *conn, const struct qkdtls_incoming *msg);
int qkdtls_second_hello_recv(struct qkdtls_conn *conn, const struct qkdtls_incoming *msg);

int qkdtls_server_hello_send(struct qkdtls_conn *conn);
int qkdtls_server_hello_recv(struct qkdtls_conn *conn, const struct qkdtls_incoming *msg);
/* What ServerHello and HelloRetryRequest have in common */
int qkdtls_server_hello_read(struct qkdtls_conn *conn, enum qkdtls_ext_place place,
			     struct qkdtls_cursor body);
int qkdtls_server_hello_write(struct qkdtls_conn *conn, enum qkdtls_ext_place place,
			      const uint8_t random[QKDTLS_RANDOM_LEN]);
bool qkdtls_hello_is_retry(const uint8_t *random);

int qkdtls_hello_retry_send(struct qkdtls_conn *conn);
int qkdtls_hello_retry_recv(struct qkdtls_conn *conn, const struct qkdtls_incoming *msg);
/* Server: may @second follow the first hello? */
int qkdtls_hello_compare(struct qkdtls_conn *conn, const struct qkdtls_hello *first,
			 const struct qkdtls_hello *second);

/* Server: suite, group, signature scheme, PSK identity; sets hs->retry if there is no share. */
int qkdtls_hello_select(struct qkdtls_conn *conn);
int qkdtls_kex_accept(struct qkdtls_conn *conn);

/* ---- hello_ext.c: EncryptedExtensions ---- */

int qkdtls_encrypted_extensions_send(struct qkdtls_conn *conn);
int qkdtls_encrypted_extensions_recv(struct qkdtls_conn *conn, const struct qkdtls_incoming *msg);

/* ---- psk.c: what both sides do with a PSK ---- */

uint16_t qkdtls_psk_kdf(enum qkdtls_hash hash); /* TLS KDF identifier */
enum qkdtls_binder qkdtls_psk_label(const struct qkdtls_conn *conn);
bool qkdtls_psk_well_formed(const struct qkdtls_conn *conn); /* what is in hs->psk */
void qkdtls_psk_wipe(struct qkdtls_conn *conn);
void qkdtls_psk_note(struct qkdtls_conn *conn, const uint8_t *id, size_t len);
/* A schedule that starts with the key in hs->psk, as the configuration says. 0, -EINVAL, -EIO, -ENOMEM */
int qkdtls_psk_schedule(struct qkdtls_conn *conn, enum qkdtls_hash hash, const uint8_t *identity,
			size_t identity_len, struct qkdtls_schedule **schedule);

/* ---- psk_offer.c ---- */

/* A key from the source, or two, and what they are offered as. QKDTLS_PENDING */
int qkdtls_psk_take(struct qkdtls_conn *conn);
/* After HelloRetryRequest, offers of another hash go. */
void qkdtls_psk_keep_hash(struct qkdtls_conn *conn, enum qkdtls_hash hash);
/* Binders of all offers, over the hello in scratch, into its last bytes */
int qkdtls_psk_write_binders(struct qkdtls_conn *conn, const struct qkdtls_writer *w);
/* The server's choice becomes the connection's schedule; @none: a new one without a PSK */
int qkdtls_psk_chosen(struct qkdtls_conn *conn, bool none, uint16_t index);

/* ---- psk_accept.c ---- */

/* Is there an offer for suites of this hash? Notes it, and the next that names another key. */
bool qkdtls_psk_match(struct qkdtls_conn *conn, enum qkdtls_hash hash);
/* Find, check, commit. QKDTLS_PENDING */
int qkdtls_psk_accept(struct qkdtls_conn *conn);
void qkdtls_psk_release(struct qkdtls_conn *conn, enum qkdtls_psk_release why);

/* ---- keys.c ---- */

int qkdtls_keys_handshake(struct qkdtls_conn *conn);
int qkdtls_keys_application(struct qkdtls_conn *conn);
int qkdtls_keys_complete(struct qkdtls_conn *conn);
/* @sender's application traffic key of its present generation protects what comes next. */
int qkdtls_keys_set_application(struct qkdtls_conn *conn, enum qkdtls_role sender);

/* ---- cert.c, cert_verify.c, cert_request.c, finished.c: the same for both sides ---- */

int qkdtls_certificate_send(struct qkdtls_conn *conn);
int qkdtls_certificate_recv(struct qkdtls_conn *conn, const struct qkdtls_incoming *msg);
int qkdtls_certificate_verify_send(struct qkdtls_conn *conn);
int qkdtls_certificate_verify_recv(struct qkdtls_conn *conn, const struct qkdtls_incoming *msg);
int qkdtls_certificate_request_send(struct qkdtls_conn *conn);
int qkdtls_certificate_request_recv(struct qkdtls_conn *conn, const struct qkdtls_incoming *msg);
int qkdtls_finished_send(struct qkdtls_conn *conn);
int qkdtls_finished_recv(struct qkdtls_conn *conn, const struct qkdtls_incoming *msg);

/* The scheme, of those that the peer takes, with which our certificate can sign; NULL: none */
const struct qkdtls_scheme *qkdtls_certificate_scheme(const struct qkdtls_conn *conn,
						      struct qkdtls_cursor peer_schemes);

/* ---- ticket.c ---- */

int qkdtls_ticket_recv(struct qkdtls_conn *conn, const struct qkdtls_incoming *msg);

/* ---- key_update.c ---- */

int qkdtls_key_update_recv(struct qkdtls_conn *conn, const struct qkdtls_incoming *msg);
/* @peer_too: asks for the peer's as well, unless that has been asked for already */
int qkdtls_key_update_send(struct qkdtls_conn *conn, bool peer_too);

#define QKDTLS_KEY_UPDATE_LEN 5

/* The message; and that it is on its way. For those who send it themselves. */
void qkdtls_key_update_write(const struct qkdtls_conn *conn, bool peer_too,
			     uint8_t message[QKDTLS_KEY_UPDATE_LEN]);
void qkdtls_key_update_sent(struct qkdtls_conn *conn, const uint8_t message[QKDTLS_KEY_UPDATE_LEN]);

/* This end has a new key; it has protected @bytes more; may it not protect @bytes more? */
void qkdtls_key_age_start(struct qkdtls_conn *conn);
void qkdtls_key_age_add(struct qkdtls_conn *conn, size_t bytes);
bool qkdtls_key_age_over(const struct qkdtls_conn *conn, size_t bytes);

#endif /* QKDTLS_INTERNAL_H */
