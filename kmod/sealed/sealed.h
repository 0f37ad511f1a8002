/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Sealed sessions, private to this folder: what only the kernel knows of a TLS connection. Files, from below: hkdf.c,
 * schedule.c (the key schedule), ktls.c (traffic keys and the socket), file.c (the descriptor, its calls and their order).
 *
 * None of it is called with a spinlock held. Nobody but file.c has locks.
 */
#ifndef _QKD_SEALED_H
#define _QKD_SEALED_H

#include <crypto/hash.h>
#include <linux/types.h>
#include <uapi/linux/qkd.h>

struct sock;
struct socket;

/* ---- hkdf.c ---- */

/**
 * struct qkd_hkdf - HMAC and HKDF (RFC 5869) of one hash, with TLS 1.3's labels
 * @hmac: under the present key, which is that of the last call that had one
 * @hash: the name of its hash
 * @len: bytes of a hash
 * @empty: the hash of nothing
 */
struct qkd_hkdf {
	struct crypto_shash *hmac;
	const char *hash;
	unsigned int len;
	const u8 *empty;
};

int qkd_hkdf_init(struct qkd_hkdf *hkdf, unsigned int kdf);
void qkd_hkdf_exit(struct qkd_hkdf *hkdf);
int qkd_hkdf_key(struct qkd_hkdf *hkdf, const u8 *key);
void qkd_hkdf_forget(struct qkd_hkdf *hkdf);
int qkd_hkdf_hash(const struct qkd_hkdf *hkdf, const void *msg, size_t len, u8 *hash);
int qkd_hkdf_extract(struct qkd_hkdf *hkdf, const u8 *salt, const u8 *ikm, size_t len, u8 *prk);
int qkd_hkdf_expand(struct qkd_hkdf *hkdf, const u8 *info, size_t info_len, u8 *out, size_t len);
int qkd_hkdf_expand_label(struct qkd_hkdf *hkdf, const char *label, const u8 *context,
			  size_t context_len, u8 *out, size_t len);
int qkd_hkdf_mac(struct qkd_hkdf *hkdf, const u8 *key, const u8 *msg, size_t len, u8 *mac);

/* ---- schedule.c ---- */

/* Who protects what with a traffic secret. */
enum qkd_sender {
	QKD_SENDER_CLIENT,
	QKD_SENDER_SERVER,
};

/**
 * struct qkd_schedule - the key schedule of RFC 9846 section 7.1, from a key that was imported
 * @hkdf: of its hash; without transforms: there is no schedule here
 * @early: until the handshake secrets are made
 * @main: from then until the application secrets are
 * @application: by sender; each replaced by the next when that sender changes its key
 * @exporter: from then on
 *
 * In which order what is made of it is the caller's to see to. A step that fails leaves all as it was.
 */
struct qkd_schedule {
	struct qkd_hkdf hkdf;
	u8 early[QKD_HASH_LEN_MAX];
	u8 main[QKD_HASH_LEN_MAX];
	u8 application[2][QKD_HASH_LEN_MAX];
	u8 exporter[QKD_HASH_LEN_MAX];
};

#define QKD_TRAFFIC_KEY_LEN_MAX 32
#define QKD_TRAFFIC_IV_LEN	12

/* A key and the IV that goes with it; who has it wipes it */
struct qkd_traffic_key {
	u8 key[QKD_TRAFFIC_KEY_LEN_MAX];
	u8 iv[QKD_TRAFFIC_IV_LEN];
};

int qkd_schedule_init(struct qkd_schedule *schedule, unsigned int kdf);
void qkd_schedule_exit(struct qkd_schedule *schedule);
int qkd_schedule_import(struct qkd_schedule *schedule, const u8 *epsk, size_t epsk_len,
			const void *identity, size_t identity_len);
int qkd_schedule_begin(struct qkd_schedule *schedule, unsigned int kdf,
		       const struct qkd_record *key, const u8 context[QKD_CONTEXT_LEN]);
int qkd_schedule_binder(struct qkd_schedule *schedule, const u8 *transcript_hash, u8 *binder);
int qkd_schedule_handshake(struct qkd_schedule *schedule, const u8 *kex_secret, size_t len,
			   const u8 *transcript_hash, u8 *client_secret, u8 *server_secret);
int qkd_schedule_application(struct qkd_schedule *schedule, const u8 *transcript_hash);
int qkd_schedule_traffic_key(struct qkd_schedule *schedule, enum qkd_sender sender,
			     unsigned int key_len, struct qkd_traffic_key *key);
int qkd_schedule_next(struct qkd_schedule *schedule, enum qkd_sender sender, unsigned int key_len,
		      u8 *next, struct qkd_traffic_key *key);
void qkd_schedule_advance(struct qkd_schedule *schedule, enum qkd_sender sender, const u8 *next);
int qkd_schedule_export(struct qkd_schedule *schedule, const char *label, const u8 *context_hash,
			u8 *out, size_t len);

/* ---- ktls.c ---- */

/**
 * struct qkd_suite - a cipher suite of TLS 1.3
 * @number: its name on the wire
 * @cipher: the kernel's name for its AEAD
 * @kdf: of its hash
 * @size: bytes of the structure that the kernel's TLS takes
 * @key_len: bytes of a key
 * @key: where it stands in that structure; all else is said to the cipher's context
 */
struct qkd_suite {
	u16 number;
	u16 cipher;
	u8 kdf;
	u8 size;
	u8 key_len;
	u8 key;
};

const struct qkd_suite *qkd_suite_find(unsigned int number);
int qkd_ktls_attach(struct socket *sock);
int qkd_ktls_install(struct socket *sock, const struct qkd_suite *suite,
		     const struct qkd_traffic_key *tx, const struct qkd_traffic_key *rx,
		     void __user *scratch);
int qkd_ktls_update(struct sock *sk, const struct qkd_suite *suite, bool tx,
		    const struct qkd_traffic_key *key);

#endif /* _QKD_SEALED_H */
