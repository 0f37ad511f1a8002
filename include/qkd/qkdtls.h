/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libqkdtls: a TLS 1.3 engine (RFC 9846) without I/O, whose handshake mixes an external pre-shared key,
 * such as a QKD key, with a certificate and a hybrid ephemeral key exchange (RFC 9973).
 *
 * Three objects:
 *
 *   configuration	what is wanted: certificate, trust, groups, suites, policy. Built once, then
 *			constant; any number of connections on any threads may use it.
 *   PSK source		two or three functions of the caller through which keys come and are spent.
 *   connection		one handshake, then its keys. One thread at a time.
 *
 * The engine never reads, writes, waits, prints or exits. A caller moves bytes:
 *
 *	while ((want = qkdtls_handshake(conn)) != QKDTLS_DONE) {
 *		if (want == QKDTLS_WANT_WRITE)
 *			... write qkdtls_output(), say how much went with qkdtls_output_sent()
 *		else if (want == QKDTLS_WANT_READ)
 *			... read at most qkdtls_wanted() bytes, give them to qkdtls_input()
 *		else if (want == QKDTLS_WANT_PSK)
 *			... wait until the PSK source may have an answer (or set its deadline), then call again
 *		else if (want == QKDTLS_WANT_SIGNATURE)
 *			... the same for the signer, if the private key is somebody else's
 *		else
 *			... QKDTLS_FAILED: qkdtls_error() says why; the alert has been written already
 *	}
 *
 * qkdtls_wanted() never reaches past the record in hand, so that after QKDTLS_DONE every byte that was not
 * asked for is still in the socket, and the kernel's TLS can take over exactly there.
 *
 * Functions that can fail return 0 or a negative errno unless something else is said; the text of a
 * configuration failure is in qkdtls_config_message().
 */
#ifndef _QKD_QKDTLS_H
#define _QKD_QKDTLS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

#ifdef __cplusplus
extern "C" {
#endif

struct qkdtls_config;
struct qkdtls_conn;

enum qkdtls_role {
	QKDTLS_CLIENT,
	QKDTLS_SERVER,
};

/**
 * enum qkdtls_policy - what a connection must carry
 * @QKDTLS_REQUIRE: certificate and PSK (extension 33), or no connection. The default
 * @QKDTLS_PREFER: the same when both ends hold a key, otherwise the hybrid certificate handshake: without
 *	a key a classical group is refused even if qkdtls_config_set_groups() allowed it
 * @QKDTLS_PSK_ONLY: PSK with ephemeral key exchange and no certificate, for peers without RFC 9973
 *
 * psk_ke, a PSK without key exchange, is neither offered nor accepted by any configuration.
 */
enum qkdtls_policy {
	QKDTLS_REQUIRE,
	QKDTLS_PREFER,
	QKDTLS_PSK_ONLY,
};

enum qkdtls_want {
	QKDTLS_DONE,
	QKDTLS_WANT_READ,
	QKDTLS_WANT_WRITE,
	QKDTLS_WANT_PSK,
	QKDTLS_WANT_SIGNATURE,
	QKDTLS_FAILED,
};

/* Cipher suites, groups and signature schemes by their IANA numbers */
#define QKDTLS_AES_128_GCM_SHA256	0x1301
#define QKDTLS_AES_256_GCM_SHA384	0x1302
#define QKDTLS_CHACHA20_POLY1305_SHA256 0x1303
#define QKDTLS_GROUP_SECP256R1		0x0017
#define QKDTLS_GROUP_SECP384R1		0x0018
#define QKDTLS_GROUP_X25519		0x001d
#define QKDTLS_GROUP_SECP256R1MLKEM768	0x11eb
#define QKDTLS_GROUP_X25519MLKEM768	0x11ec
#define QKDTLS_GROUP_SECP384R1MLKEM1024 0x11ed
#define QKDTLS_SIG_RSA_PKCS1_SHA256	0x0401 /* PKCS#1 v1.5: in chains only */
#define QKDTLS_SIG_RSA_PKCS1_SHA384	0x0501
#define QKDTLS_SIG_RSA_PKCS1_SHA512	0x0601
#define QKDTLS_SIG_ECDSA_P256_SHA256	0x0403
#define QKDTLS_SIG_ECDSA_P384_SHA384	0x0503
#define QKDTLS_SIG_RSA_PSS_RSAE_SHA256	0x0804
#define QKDTLS_SIG_RSA_PSS_RSAE_SHA384	0x0805
#define QKDTLS_SIG_RSA_PSS_RSAE_SHA512	0x0806
#define QKDTLS_SIG_ED25519		0x0807
#define QKDTLS_SIG_MLDSA44		0x0904
#define QKDTLS_SIG_MLDSA65		0x0905
#define QKDTLS_SIG_MLDSA87		0x0906

/* Alerts (RFC 9846 section 6) */
enum qkdtls_alert {
	QKDTLS_ALERT_CLOSE_NOTIFY = 0,
	QKDTLS_ALERT_UNEXPECTED_MESSAGE = 10,
	QKDTLS_ALERT_BAD_RECORD_MAC = 20,
	QKDTLS_ALERT_RECORD_OVERFLOW = 22,
	QKDTLS_ALERT_HANDSHAKE_FAILURE = 40,
	QKDTLS_ALERT_BAD_CERTIFICATE = 42,
	QKDTLS_ALERT_UNSUPPORTED_CERTIFICATE = 43,
	QKDTLS_ALERT_CERTIFICATE_REVOKED = 44,
	QKDTLS_ALERT_CERTIFICATE_EXPIRED = 45,
	QKDTLS_ALERT_CERTIFICATE_UNKNOWN = 46,
	QKDTLS_ALERT_ILLEGAL_PARAMETER = 47,
	QKDTLS_ALERT_UNKNOWN_CA = 48,
	QKDTLS_ALERT_ACCESS_DENIED = 49,
	QKDTLS_ALERT_DECODE_ERROR = 50,
	QKDTLS_ALERT_DECRYPT_ERROR = 51,
	QKDTLS_ALERT_PROTOCOL_VERSION = 70,
	QKDTLS_ALERT_INSUFFICIENT_SECURITY = 71,
	QKDTLS_ALERT_INTERNAL_ERROR = 80,
	QKDTLS_ALERT_USER_CANCELED = 90,
	QKDTLS_ALERT_MISSING_EXTENSION = 109,
	QKDTLS_ALERT_UNSUPPORTED_EXTENSION = 110,
	QKDTLS_ALERT_UNRECOGNIZED_NAME = 112,
	QKDTLS_ALERT_BAD_CERTIFICATE_STATUS_RESPONSE = 113,
	QKDTLS_ALERT_UNKNOWN_PSK_IDENTITY = 115,
	QKDTLS_ALERT_CERTIFICATE_REQUIRED = 116,
	QKDTLS_ALERT_GENERAL_ERROR = 117,
	QKDTLS_ALERT_NO_APPLICATION_PROTOCOL = 120,
	QKDTLS_ALERT_NONE = 256, /* no alert */
};

/* "decrypt_error" etc., or "alert N" unknown ones; "none" for QKDTLS_ALERT_NONE */
const char *qkdtls_alert_name(enum qkdtls_alert alert);

/* ---- Configuration ---- */

/*
 * A configuration remembers up to four chains of peers that were found good, so that a peer that comes again is
 * not checked for what cannot have changed: the same bytes, from the same role, under settings that nobody has
 * touched since, within the validity of every certificate of the path. Where revocation lists or staples are
 * configured, nothing is remembered; CertificateVerify is checked each time. Connections on other threads
 * may use the configuration meanwhile.
 */
struct qkdtls_config *qkdtls_config_new(void); /* one reference; NULL: out of memory */
struct qkdtls_config *qkdtls_config_ref(struct qkdtls_config *config);
void qkdtls_config_unref(struct qkdtls_config *config); /* NULL does nothing */

/* Why the last qkdtls_config_*() call failed: "FILE: what is wrong", or "" */
const char *qkdtls_config_message(const struct qkdtls_config *config);

/*
 * Own certificate: a PEM chain, leaf first, and the leaf's private key (PEM). The key file must not be
 * readable by others (-EPERM). -EINVAL: unreadable, key does not belong to the leaf, algorithm unknown.
 * -EOPNOTSUPP: an algorithm the engine or this libcrypto lacks. A server needs it under every policy but
 * QKDTLS_PSK_ONLY.
 */
int qkdtls_config_set_certificate(struct qkdtls_config *config, const char *chain_file,
				  const char *key_file);

/*
 * The same without the private key, which somebody else has: each connection needs qkdtls_conn_set_signer(). Errors as above
 */
int qkdtls_config_set_certificate_chain(struct qkdtls_config *config, const char *chain_file);

/*
 * Trust anchors (PEM, one or more) for the peer's chain: certificates, and bare public keys ("PUBLIC KEY").
 * A bare key is an anchor without a name: the chain is good from the certificate that carries this key
 * downwards, so that a link can be pinned to its peer's own key or to its peer's CA. The peer must send that
 * certificate. Name, times, usage and signatures below it are checked as ever. -EOPNOTSUPP: a bare key of an
 * algorithm that this libcrypto lacks. What a pin does and does not say: Documentation/tls.md.
 */
int qkdtls_config_set_trust(struct qkdtls_config *config, const char *file);

/*
 * Certificate revocation lists (PEM, one or more) of the CAs in the peer's chain. With them every certificate
 * of the chain but the anchor must have a list that is in date: no list, certificate_unknown; an outdated
 * one, certificate_unknown; revoked, certificate_revoked. -EOPNOTSUPP: a delta CRL, an indirect one, or one
 * for some reasons only. The file is read once, as that of a staple.
 */
int qkdtls_config_set_crl(struct qkdtls_config *config, const char *file);

/*
 * An OCSP response (DER) about our own certificate, sent to a peer that asks by status_request (RFC 9846
 * section 4.5.2.1). -EINVAL: not a successful response, or not about the certificate set before; setting
 * another certificate drops it. The file is read once: whoever renews it makes a new configuration.
 */
int qkdtls_config_set_ocsp_staple(struct qkdtls_config *config, const char *file);

/*
 * The peer must staple a good OCSP response: asked for by status_request; none, one that is outdated, not
 * signed by the issuer or its delegate, or "unknown": bad_certificate_status_response; revoked:
 * certificate_revoked. Default: no, and then nothing is asked and an unasked staple is refused. A leaf that is
 * an anchor itself has no issuer to answer for it, so it fails.
 */
int qkdtls_config_set_ocsp_required(struct qkdtls_config *config, bool required);

/*
 * The name the peer's certificate must carry (subjectAltName dNSName, byte for byte but ASCII case, no
 * wildcards). A client with a certificate policy must set it: there is no way to check a chain without
 * a name.
 */
int qkdtls_config_set_peer_name(struct qkdtls_config *config, const char *name);

/* Server: ask for a client certificate and insist on it (RFC 9973 section 5.2). Default: no */
int qkdtls_config_set_verify_client(struct qkdtls_config *config, bool verify);

int qkdtls_config_set_policy(struct qkdtls_config *config, enum qkdtls_policy policy);

/*
 * Key-exchange groups and cipher suites in order of preference, names separated by colons
 * ("X25519MLKEM768:x25519", "TLS_AES_256_GCM_SHA384:TLS_AES_128_GCM_SHA256"). A group without a
 * post-quantum part is refused (-EPERM) unless @allow_classical. -EOPNOTSUPP: this libcrypto lacks it;
 * -EINVAL: unknown name, doubled, empty. Defaults: X25519MLKEM768:SecP384r1MLKEM1024:SecP256r1MLKEM768;
 * AES-256-GCM, AES-128-GCM, ChaCha20-Poly1305. The client's first hello carries a share for the first group only.
 */
int qkdtls_config_set_groups(struct qkdtls_config *config, const char *names, bool allow_classical);
int qkdtls_config_set_ciphers(struct qkdtls_config *config, const char *names);

/*
 * Signature schemes, as above ("mldsa65:ecdsa_secp256r1_sha256"): those of CertificateVerify
 * (signature_algorithms; default: all that this libcrypto has, ML-DSA first), and those in the peer's chain
 * (signature_algorithms_cert), where rsa_pkcs1_sha256, _sha384 and _sha512 may stand too. The latter is sent, and
 * the peer's chain held to it, only if it was set: a chain that is signed otherwise is unsupported_certificate.
 * The anchor's own signature does not count. Without it every signature of at least 112 bits will do (no SHA-1).
 * Keys are of the type rsaEncryption, not RSASSA-PSS, and have at least 2048 bits. What the peer says about our
 * own chain is not looked at: there is no other to send.
 */
int qkdtls_config_set_signatures(struct qkdtls_config *config, const char *names);
int qkdtls_config_set_chain_signatures(struct qkdtls_config *config, const char *names);

/*
 * Application protocols (RFC 7301), best first, names separated by commas, each of 1..255 bytes: the client
 * offers them; the server picks its first that is offered, and answers no_application_protocol if there is
 * none. A server without any ignores the offer, and one whose client offers nothing goes on; so does a client whose
 * offer is not answered. Then qkdtls_info.alpn is empty. -EINVAL: empty or doubled name, or more than 1024 bytes.
 */
int qkdtls_config_set_alpn(struct qkdtls_config *config, const char *names);

/*
 * The largest protected record (RFC 8449: content, type and padding, 64..16385 bytes) that this end takes, else
 * -EINVAL. Default 16385; a client then does not send the extension. A peer that knows the extension keeps the
 * limit, or it is record_overflow; one that does not know it, and what comes through kTLS, is not held to it.
 * The peer's own limit is always kept, by kTLS where the kernel can (since 6.19), otherwise
 * qkdtls_ktls_install() says -EOPNOTSUPP.
 */
int qkdtls_config_set_record_size_limit(struct qkdtls_config *config, unsigned int limit);

/* Bounds of struct qkdtls_key_limits: before AES-GCM's limit (RFC 9846 section 5.5); a full record */
#define QKDTLS_KEY_RECORDS_MAX ((1 << 24) - 1024)
#define QKDTLS_KEY_BYTES_MIN   16384

/**
 * struct qkdtls_key_limits - when this end's own records get a new key by KeyUpdate
 * @records: records under one key beside the KeyUpdate that ends it, 1..QKDTLS_KEY_RECORDS_MAX (the default)
 * @bytes: plain text under one key, at least QKDTLS_KEY_BYTES_MIN; 0: no limit
 * @seconds: age of the key, looked at when something is sent; 0: no limit
 */
struct qkdtls_key_limits {
	uint64_t records;
	uint64_t bytes;
	unsigned int seconds;
};

/*
 * -EINVAL: @records or @bytes is out of bounds. Behind qkdtls_take_traffic_keys() whoever took them counts, unless he uses
 * qkdtls_sock_send().
 */
int qkdtls_config_set_key_limits(struct qkdtls_config *config,
				 const struct qkdtls_key_limits *limits);

/*
 * Client: offer a second key of the source beside the first, for a server that does not have the first yet
 * or any more. It costs a key per connection: whichever the server does not pick is spent unused. Default: no.
 * A server looks up at most two keys for one hello, whatever it lists.
 */
int qkdtls_config_set_spare_key(struct qkdtls_config *config, bool spare);

#define QKDTLS_LINK_CONTEXT_LEN 32

/*
 * PSKs are imported (RFC 9258, binder label "imp binder"): the external identity is the key's ID, the
 * context is @context, the EPSK hash is SHA-256, and an identity is offered for each hash of the suites.
 */
int qkdtls_config_set_psk_imported(struct qkdtls_config *config,
				   const uint8_t context[QKDTLS_LINK_CONTEXT_LEN]);

/*
 * The context of a link: SHA-256 over "qkd-tls link v1", then the client's and the server's SAE ID, each
 * behind its length in one byte. SAE IDs have 1..255 bytes, else -EINVAL.
 */
int qkdtls_link_context(const char *client_sae, const char *server_sae,
			uint8_t context[QKDTLS_LINK_CONTEXT_LEN]);

/*
 * PSKs are used as they are (binder label "ext binder"), for foreign peers. @sha384: the PSK's hash is
 * SHA-384 instead of SHA-256; only suites of that hash can use it.
 */
int qkdtls_config_set_psk_external(struct qkdtls_config *config, bool sha384);

/* Certificates are checked at this time instead of now (tests). */
int qkdtls_config_set_time(struct qkdtls_config *config, time_t when);

/*
 * Receives each secret in SSLKEYLOGFILE form ("LABEL CLIENT_RANDOM SECRET", no newline). Whoever sees it
 * reads the connection; for debugging tools only. The engine itself writes it nowhere.
 */
typedef void (*qkdtls_keylog_cb)(void *arg, const char *line);
int qkdtls_config_set_keylog(struct qkdtls_config *config, qkdtls_keylog_cb cb, void *arg);

/* ---- PSK source ---- */

#define QKDTLS_PSK_ID_MAX  256
#define QKDTLS_PSK_LEN_MIN 16
#define QKDTLS_PSK_LEN_MAX 64

struct qkdtls_traffic_key;

/**
 * struct qkdtls_seal_ops - the key schedule of one connection, by who has the key and does not give it away
 * @binder: client: the binder of the key as imported for this hash (@hash_len: 32, SHA-256, or 48, SHA-384)
 * @check_binder: server: -EBADMSG, it is wrong, and the key goes back; 0, and the key is spent; any other errno, it may not
 *	be used (any more)
 * @handshake: the handshake traffic secrets
 * @application: the application secrets, which stay where they are
 * @install: gives them to the connected TCP socket @fd, by the kernel's TLS. @group and @peer, which may be NULL, are for
 *	the record
 * @update: the next application key of a sender (by role), at the socket too
 * @exporter: RFC 9846 section 7.5
 * @traffic_key: NULL, or the key of a sender (by role) after all: in tests
 * @close: wipes; a key that was reserved and not spent goes back
 *
 * Each returns 0 or a negative errno. They come in this order, @binder of a client up to twice for each hash, @update and
 * @exporter as often as wanted. Hashes have @hash_len bytes, which from @handshake on is that of the suite.
 */
struct qkdtls_seal_ops {
	int (*binder)(void *seal, size_t hash_len, const uint8_t *transcript_hash, uint8_t *binder);
	int (*check_binder)(void *seal, size_t hash_len, const uint8_t *transcript_hash,
			    const uint8_t *binder);
	int (*handshake)(void *seal, uint16_t suite, size_t hash_len, const uint8_t *kex_secret,
			 size_t kex_len, const uint8_t *transcript_hash, uint8_t *client_secret,
			 uint8_t *server_secret);
	int (*application)(void *seal, size_t hash_len, const uint8_t *transcript_hash);
	int (*install)(void *seal, int fd, uint16_t group, const char *peer);
	int (*update)(void *seal, int sender);
	int (*exporter)(void *seal, const char *label, size_t hash_len, const uint8_t *context_hash,
			uint8_t *out, size_t len);
	int (*traffic_key)(void *seal, int sender, struct qkdtls_traffic_key *key);
	void (*close)(void *seal);
};

/**
 * struct qkdtls_psk - a pre-shared key
 * @id: external identity (for QKD keys the 16 bytes of the key ID)
 * @id_len: 1..QKDTLS_PSK_ID_MAX
 * @secret: the key
 * @secret_len: QKDTLS_PSK_LEN_MIN..QKDTLS_PSK_LEN_MAX; 0 if the key is sealed
 * @seal_ops: NULL, or the key is sealed: only if PSKs are imported
 * @seal: the schedule, which the engine closes
 */
struct qkdtls_psk {
	uint8_t id[QKDTLS_PSK_ID_MAX];
	size_t id_len;
	uint8_t secret[QKDTLS_PSK_LEN_MAX];
	size_t secret_len;
	const struct qkdtls_seal_ops *seal_ops;
	void *seal;
};

/*
 * What a source answers, beside a negative errno for a failure. A failure is treated as QKDTLS_PSK_NONE:
 * under QKDTLS_PREFER the handshake goes on without a key; otherwise a client fails with -ENOKEY before it
 * has sent anything, and a server answers decrypt_error, as for a wrong binder, so that nobody learns
 * which identities there are.
 */
enum qkdtls_psk_answer {
	QKDTLS_PSK_FOUND,
	QKDTLS_PSK_NONE, /* no such key, or none left: final */
	QKDTLS_PSK_PENDING, /* not yet: qkdtls_handshake() returns QKDTLS_WANT_PSK and asks again */
};

/* Why a key that was found goes back */
enum qkdtls_psk_release {
	QKDTLS_PSK_UNUSED, /* the handshake ended before the binder was checked, or could not check it */
	QKDTLS_PSK_MISMATCH, /* the binder was wrong: the peer has other bytes under this ID, or none */
};

/**
 * struct qkdtls_psk_ops - where keys come from
 * @take: client: the next key to offer, spent by being taken. Asked once per connection, or twice if
 *	qkdtls_config_set_spare_key() says so (a HelloRetryRequest costs no further key)
 * @find: server: reserve the key of this external identity. Asked after everything else in the hello has
 *	been checked and no HelloRetryRequest is needed; at most for two identities of one hello. While the
 *	first is pending the second is asked for too, and whichever is found first is used
 * @commit: server: its binder was right; spend it. Not 0: the key may not be used, the handshake ends
 * @release: server: the binder was wrong or the handshake ended before @commit; put it back. @why is
 *	QKDTLS_PSK_MISMATCH if and only if the binder was wrong
 *
 * The engine copies the secret and wipes its copy; what the source keeps is the source's to wipe.
 * For each QKDTLS_PSK_FOUND of @find exactly one of @commit and @release follows, unless the key is sealed: then
 * neither does, as its schedule knows.
 */
struct qkdtls_psk_ops {
	int (*take)(void *arg, struct qkdtls_psk *psk);
	int (*find)(void *arg, const uint8_t *id, size_t id_len, struct qkdtls_psk *psk);
	int (*commit)(void *arg, const uint8_t *id, size_t id_len);
	void (*release)(void *arg, const uint8_t *id, size_t id_len, enum qkdtls_psk_release why);
};

/*
 * A source over /dev/qkd: @arg is a pointer to a struct qkdtls_qkd. Never blocks: while the caller's
 * deadline has not passed, a key that is not there yet is QKDTLS_PSK_PENDING (poll @fd for POLLIN as
 * a client; ask again after a short while as a server); afterwards QKDTLS_PSK_NONE.
 */
struct qkdtls_qkd {
	int fd; /* from qkd_open(link, O_NONBLOCK); its negative errno: no key */
	uint64_t deadline_ms; /* CLOCK_MONOTONIC in milliseconds; 0: do not wait */
	int error; /* errno of the last refusal, for the log */
	/*
	 * Keys stay in the kernel (QKD_IOC_OPEN_SESSION of <linux/qkd.h>), and so does all that is made of them but the
	 * handshake traffic secrets. Then nothing but qkdtls_ktls_install() makes a connection of the handshake.
	 */
	bool sealed;
	uint8_t context[QKDTLS_LINK_CONTEXT_LEN]; /* if sealed: that of the configuration */
};
extern const struct qkdtls_psk_ops qkdtls_qkd_ops;

/* ---- Connection ---- */

/*
 * NULL: out of memory, or the configuration is not enough for this role (qkdtls_config_check() says
 * why). @psk may be NULL only under QKDTLS_PREFER.
 */
struct qkdtls_conn *qkdtls_conn_new(struct qkdtls_config *config, enum qkdtls_role role,
				    const struct qkdtls_psk_ops *psk, void *psk_arg);
void qkdtls_conn_free(struct qkdtls_conn *conn); /* wipes; releases a reserved key */

/* 0, or -EINVAL with qkdtls_config_message() */
int qkdtls_config_check(struct qkdtls_config *config, enum qkdtls_role role);

/* Bounds of what is signed and of a signature: RFC 9846 section 4.5.3; ML-DSA-87 */
#define QKDTLS_SIGNED_MAX    146
#define QKDTLS_SIGNATURE_MAX 8192

/* Answers of a signer; also a negative errno, which ends the handshake with internal_error */
#define QKDTLS_SIGN_DONE 0
#define QKDTLS_SIGN_PENDING \
	1 /* not yet: the connection wants QKDTLS_WANT_SIGNATURE and asks again */

/**
 * typedef qkdtls_sign_fn - signs for a connection, with the private key of its certificate
 * @arg: of qkdtls_conn_set_signer()
 * @scheme: signature scheme
 * @data: what is to be signed, at most QKDTLS_SIGNED_MAX bytes; the same whenever it is asked again
 * @data_len: its length
 * @signature: room for QKDTLS_SIGNATURE_MAX bytes
 * @len: out: how many there are
 *
 * Called from within qkdtls_handshake(), once per connection until it is done; must not wait.
 */
typedef int (*qkdtls_sign_fn)(void *arg, uint16_t scheme, const uint8_t *data, size_t data_len,
			      uint8_t *signature, size_t *len);

/* Before the first qkdtls_handshake(). It takes the place of a private key of the configuration, too. */
void qkdtls_conn_set_signer(struct qkdtls_conn *conn, qkdtls_sign_fn sign, void *arg);

/*
 * For who has the private key and signs for others: signs as the certificate of @config, if @data is what the CertificateVerify of
 * this role stands for and nothing else (RFC 9846 section 4.5.3). @len in: room; out: bytes. 0, -EINVAL: @data is
 * something else, or @scheme not one of the configuration's or the key's; -EMSGSIZE, -EIO, -ENOMEM. Any thread
 */
int qkdtls_config_sign(const struct qkdtls_config *config, enum qkdtls_role role, uint16_t scheme,
		       const uint8_t *data, size_t data_len, uint8_t *signature, size_t *len);

enum qkdtls_want qkdtls_handshake(struct qkdtls_conn *conn);

/* Bytes that the engine needs next, never more than the record in hand; 0 if it needs none now */
size_t qkdtls_wanted(const struct qkdtls_conn *conn);

/*
 * @len at most qkdtls_wanted(), else -EMSGSIZE and nothing is taken. Any other error is the connection's
 * failure: the next qkdtls_handshake() or qkdtls_receive() says so too.
 */
int qkdtls_input(struct qkdtls_conn *conn, const void *data, size_t len);

/* The transport ended: the handshake, or the stream if there was no close_notify, has failed. */
void qkdtls_input_eof(struct qkdtls_conn *conn);

/* What is to be written; valid until the next call on @conn. NULL and 0: nothing */
const uint8_t *qkdtls_output(const struct qkdtls_conn *conn, size_t *len);
void qkdtls_output_sent(struct qkdtls_conn *conn, size_t len);

/*
 * The caller gives up (deadline, drain): queues this alert (behind user_canceled close_notify, too) and fails the
 * connection with -ECANCELED.
 * @reason is copied (at most 127 characters).
 */
void qkdtls_abort(struct qkdtls_conn *conn, enum qkdtls_alert alert, const char *reason);

/**
 * struct qkdtls_error - why a connection failed
 * @sent: alert that this end sent (or would have), or QKDTLS_ALERT_NONE
 * @received: alert that the peer sent, or QKDTLS_ALERT_NONE
 * @reason: a sentence without secrets, for logs
 */
struct qkdtls_error {
	enum qkdtls_alert sent;
	enum qkdtls_alert received;
	const char *reason;
};

/* After QKDTLS_FAILED, or after an error below; all empty otherwise. Lives as long as @conn. */
const struct qkdtls_error *qkdtls_error(const struct qkdtls_conn *conn);

/*
 * -EPROTO, -ECONNRESET (peer's alert or end of stream), -ENOKEY (no key, or an identity without one),
 * -EKEYREJECTED (binder), -EACCES (certificate), -ECANCELED (qkdtls_abort()), -EIO or -ENOMEM (this end),
 * -EOPNOTSUPP or -EOVERFLOW (keys at a socket, qkdtls_sock_recv()); 0 if nothing failed
 */
int qkdtls_to_errno(const struct qkdtls_conn *conn);

/**
 * struct qkdtls_info - what was negotiated; complete after QKDTLS_DONE
 * @suite: cipher suite
 * @group: key-exchange group
 * @signature: the peer's signature scheme (the server's own, at a server that checked no client), or 0
 * @psk: a PSK is part of the key schedule
 * @sealed: a sealed one: its keys are known to its source alone
 * @certificate: the server proved itself by certificate
 * @imported: the PSK was imported by RFC 9258
 * @retried: there was a HelloRetryRequest
 * @psk_id: external identity of the PSK used, or of the (first) one offered if it was not
 * @psk_id_len: 0 if none was offered
 * @alpn: the application protocol, NUL-terminated, "" without
 * @peer: the peer's certified name (subject in RFC 2253 form), "" without certificate
 */
struct qkdtls_info {
	uint16_t suite;
	uint16_t group;
	uint16_t signature;
	bool psk;
	bool sealed;
	bool certificate;
	bool imported;
	bool retried;
	uint8_t psk_id[QKDTLS_PSK_ID_MAX];
	size_t psk_id_len;
	char alpn[256];
	char peer[256];
};

const struct qkdtls_info *qkdtls_info(const struct qkdtls_conn *conn);
const char *qkdtls_suite_name(uint16_t suite); /* "TLS_AES_256_GCM_SHA384"; "unknown" */
const char *qkdtls_group_name(uint16_t group); /* "X25519MLKEM768" */
const char *qkdtls_signature_name(uint16_t scheme); /* "ecdsa_secp256r1_sha256" */

/* The peer's leaf certificate in DER, or NULL; lives as long as @conn */
const uint8_t *qkdtls_peer_certificate(const struct qkdtls_conn *conn, size_t *len);

/* Exporter (RFC 9846 section 7.5), after QKDTLS_DONE */
int qkdtls_export(struct qkdtls_conn *conn, const char *label, const void *context,
		  size_t context_len, uint8_t *out, size_t out_len);

/* ---- The two traffic keys, for kTLS ---- */

/**
 * struct qkdtls_traffic_key - one direction's key; wipe it after use
 * @suite: cipher suite
 * @key: write key
 * @key_len: 16 or 32
 * @iv: write IV
 * @seq: number of the next record
 */
struct qkdtls_traffic_key {
	uint16_t suite;
	uint8_t key[32];
	size_t key_len;
	uint8_t iv[12];
	uint64_t seq;
};

/*
 * Hands the record protection over to the caller, once, after QKDTLS_DONE and with no output left
 * (-EAGAIN): the engine wipes its own and qkdtls_send() and qkdtls_receive() are closed from then on
 * (-EPERM), so that no nonce can be used twice.
 */
int qkdtls_take_traffic_keys(struct qkdtls_conn *conn, struct qkdtls_traffic_key *tx,
			     struct qkdtls_traffic_key *rx);

/*
 * Puts both keys on the connected TCP socket @fd by the kernel's TLS. 0; nothing was changed: -EOPNOTSUPP,
 * this kernel has no TLS or lacks the cipher, cannot keep the peer's record size limit, or the peer has closed
 * its side already (the engine's own records can be used), -EAGAIN and -EPERM as qkdtls_take_traffic_keys();
 * any other errno: after the ULP was attached a key could not be set. Then the socket would send plain
 * text: it has been shut down and must be closed. The keys of a sealed schedule can go nowhere else: there -EOPNOTSUPP is not
 * answered, and after any error but -EAGAIN and -EPERM the connection must be closed.
 */
int qkdtls_ktls_install(struct qkdtls_conn *conn, int fd);

/*
 * Sends the alert of a handshake that has failed, if only the kernel can protect it: a server's with a sealed
 * schedule, behind its Finished. To be called after QKDTLS_FAILED, when all output is sent. 0: there was none, or it is
 * sent; else a negative errno: -EAGAIN instead of waiting for the socket.
 */
int qkdtls_ktls_alert(struct qkdtls_conn *conn, int fd);

/*
 * Records that the kernel's TLS has protected (@sent) or opened on the socket @fd under its present key, for who watches a
 * socket that others use; @suite: its cipher suite. UINT64_MAX: the kernel does not say, or @suite is none of these
 */
uint64_t qkdtls_ktls_count(int fd, uint16_t suite, bool sent);

/* ---- The socket of an established connection ---- */

/*
 * For an application that owns the socket: bytes in and out after QKDTLS_DONE, whoever protects the records, the kernel
 * (after qkdtls_ktls_install()) or the engine. What TLS says beside the data is dealt with on the way: a KeyUpdate of the
 * peer is followed, and answered if it asks; this end's own is sent when its key reaches a limit of the
 * configuration, or before the peer's is worn out; tickets are passed over; alerts end the connection. The kernel can change
 * keys from Linux 6.14 on, and those of a sealed schedule always. Where it cannot, a connection is closed in order when its
 * key reaches a limit, and when the peer changes its own.
 *
 * @fd is the connection's socket in every call. If it blocks, so do the calls; with poll(2) wait for POLLIN behind -EAGAIN
 * of qkdtls_sock_recv(), for POLLOUT behind that of any other call, and as long as qkdtls_sock_pending(). One thread at a
 * time, as ever.
 *
 * All answer, beside what recv(2) and send(2) do:
 *	-EAGAIN		not now
 *	-ECONNRESET	the peer cut the stream off, or ended it by an alert: qkdtls_error() tells which
 *	-EPROTO		what came is forged, garbled or against the protocol; the peer has been told
 *	-EOPNOTSUPP	the peer has changed its key, which cannot be followed here; the connection was closed
 *	-EOVERFLOW	a key is worn out, and cannot be changed here; the connection was closed
 *	-EIO		a key could not be changed; the socket has been shut down
 *	-EPERM		there was no handshake yet
 * After any but -EAGAIN nothing more can be sent, and after those of qkdtls_sock_recv() nothing more comes;
 * qkdtls_error() has the reason, but for errors of the socket.
 */

/*
 * Bytes that came, at most @len, which is not 0 (-EINVAL); 0: the peer's close_notify. An end without it, which anybody on
 * the way can bring about, is -ECONNRESET: what came may be incomplete.
 */
ssize_t qkdtls_sock_recv(struct qkdtls_conn *conn, int fd, void *buf, size_t len);

/* Bytes that were taken. -EPIPE: behind qkdtls_sock_close(), too */
ssize_t qkdtls_sock_send(struct qkdtls_conn *conn, int fd, const void *data, size_t len);

/* Sends what TLS has to say, and what the engine holds back; for who has nothing to send. 0: all of it */
int qkdtls_sock_flush(struct qkdtls_conn *conn, int fd);
bool qkdtls_sock_pending(
	const struct qkdtls_conn *conn); /* There is such, and it waits for POLLOUT. */

/*
 * A KeyUpdate of this end now; @peer_too asks the peer for its own, once at a time. -EAGAIN: it goes with the next call.
 * -EOPNOTSUPP: keys cannot be changed here, and nothing has changed. -EPIPE: behind qkdtls_sock_close()
 */
int qkdtls_sock_update(struct qkdtls_conn *conn, int fd, bool peer_too);

/*
 * close_notify: this end sends no more, and goes on receiving until the peer's. 0: the socket has taken it and all before
 * it, so that it may be closed; -EAGAIN: call again.
 */
int qkdtls_sock_close(struct qkdtls_conn *conn, int fd);

/* Gives the connection up: the peer gets this alert, as far as the socket takes it now. @reason as in qkdtls_abort() */
void qkdtls_sock_abort(struct qkdtls_conn *conn, int fd, enum qkdtls_alert alert,
		       const char *reason);

/*
 * For those who move data of the kernel's TLS past these calls, by splice(2) or sendfile(2): qkdtls_sock_flush() must have
 * answered 0 before, and afterwards the number of bytes is told here; as much as 1 MiB at once does no harm. When splice(2)
 * cannot read on (an error other than EAGAIN, or 0), qkdtls_sock_recv() takes what is in its way, or says what is wrong. Errors
 * as above: what came then must not be used.
 */
void qkdtls_sock_sent(struct qkdtls_conn *conn, int fd, size_t bytes);
int qkdtls_sock_received(struct qkdtls_conn *conn, int fd, size_t bytes);

/* ---- A socket that qkdtlsd(8) does the handshake on ---- */

/**
 * struct qkdtls_handover_info - what qkdtls_handover() has come to
 * @role: what this end was
 * @tls: what was negotiated; @tls.peer: the peer's certified subject
 * @peer: the name that was verified in the peer's certificate; "" without one
 * @sae: the peer's SAE ID; "" without a QKD key
 * @sent: alert that went to the peer, or QKDTLS_ALERT_NONE
 * @received: alert that came from it, likewise
 * @reason: "", or what went wrong, a sentence without secrets
 * @session: descriptor (close-on-exec) of the sealed session, whose owner is the caller, or -1: none
 */
struct qkdtls_handover_info {
	enum qkdtls_role role;
	struct qkdtls_info tls;
	char peer[256];
	char sae[256];
	enum qkdtls_alert sent;
	enum qkdtls_alert received;
	char reason[256];
	int session;
};

/*
 * Has the daemon that listens at the UNIX socket @path do a TLS handshake on the connected TCP socket @fd, by the configuration
 * of its service, and give its keys to the kernel. @timeout_ms: how long to wait, 0: as long as the daemon does. Waits;
 * any thread. Certificates, keys and the QKD link are the daemon's; the caller needs no more than leave to connect to @path.
 *
 * 0: what is written to @fd from now on, in whatever way, is protected by the kernel, and what is read from it was. @info,
 * which may be NULL, tells who the peer is; without it a session's descriptor is closed. What TLS says beside the data comes
 * up there, too (qkdtls_handover_conn(), and Documentation/handover.md).
 *
 * Else @fd must be closed: after a handshake that failed it has been shut down. @info->reason says what happened, and for what
 * the peer's alert says there is @info->received. Errors of the daemon are those of struct qkdtls_handover_reply in
 * <qkd/handover.h>; of the way there
 *	-EBADF, -EINVAL	@fd is no descriptor; @path is empty or longer than a UNIX socket's
 *	-ENOENT, -EACCES, -ECONNREFUSED, -EPROTOTYPE	there is no such socket; the caller may not connect; nobody listens; it is
 *			another kind of socket
 *	-ETIMEDOUT	no answer in time
 *	-ECONNABORTED	the daemon has gone without an answer
 *	-EBADMSG	what came is no answer
 *	-EPROTONOSUPPORT	the daemon is of another version
 *	-EBUSY		too many wait there
 *	-EMFILE, -ENFILE, -ENOMEM
 */
int qkdtls_handover(const char *path, int fd, unsigned int timeout_ms,
		    struct qkdtls_handover_info *info);

/*
 * A connection for qkdtls_sock_recv() and the other calls on the socket, behind a qkdtls_handover() that answered 0: they see
 * to what TLS says beside the data, and to the limits of keys, as documented there. With a sealed session, whose descriptor is
 * taken over (@info->session becomes -1), keys can be changed; without one a connection is closed in order when its keys are
 * worn out, or when the peer changes its own. @config, which may be NULL, has the limits of keys. Nothing must have been
 * read or written yet. There are no traffic keys to take, and no exporter without a session. NULL: no memory, or @info is of
 * no connection; it has its descriptor still.
 */
struct qkdtls_conn *qkdtls_handover_conn(struct qkdtls_config *config, int fd,
					 struct qkdtls_handover_info *info);

/*
 * Can the kernel's TLS take the connected TCP socket @fd? To be asked before a handshake costs a key; changes nothing. 0,
 * -EOPNOTSUPP (this kernel has no TLS, or it is not loaded), -EEXIST (the socket has an upper-layer protocol already), or what
 * getsockopt(2) says.
 */
int qkdtls_ktls_check(int fd);

/*
 * The descriptor of the sealed session that @conn has its keys from, by qkdtls_qkd_ops, which stays the connection's; or -ENOENT
 */
int qkdtls_qkd_session(const struct qkdtls_conn *conn);

/* ---- The engine's own records, without a socket ---- */

/*
 * Protects at most @len bytes into the output; returns how many (0: write the output first), or -EPERM,
 * -EPIPE after qkdtls_close().
 */
ssize_t qkdtls_send(struct qkdtls_conn *conn, const void *data, size_t len);

/*
 * Plain text that came: bytes copied, 0 if there is none yet (qkdtls_wanted(), qkdtls_input()),
 * -ENODATA after the peer's close_notify, -EPROTO etc. as qkdtls_to_errno(). KeyUpdates are answered
 * and tickets ignored on the way, so there may be output afterwards: an answer, or the alert of a failure.
 */
ssize_t qkdtls_receive(struct qkdtls_conn *conn, void *buf, size_t len);

/*
 * Queues a KeyUpdate and changes to the next key; @peer_too asks the peer for the same (once: nothing more is
 * asked until it has answered). Beside it the limits of the configuration work by themselves. -EPERM,
 * -EPROTO etc. as qkdtls_send(), -EPIPE after qkdtls_close(), -EAGAIN: write the output first.
 */
int qkdtls_key_update(struct qkdtls_conn *conn, bool peer_too);

/*
 * Queues close_notify: this end sends no more, not even an alert, but goes on receiving until the peer's
 * close_notify. After the peer's, this end may go on sending until it calls this; what the peer sends behind it is
 * never delivered. Again, or after both: 0. -EPERM etc. as qkdtls_send()
 */
int qkdtls_close(struct qkdtls_conn *conn);

#ifdef __cplusplus
}
#endif

#endif /* _QKD_QKDTLS_H */
