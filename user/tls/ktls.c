// SPDX-License-Identifier: GPL-2.0-or-later
/* Traffic keys onto a socket; its records are in ktls_record.c. */
#include <errno.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <openssl/crypto.h>

#include "tls/internal.h"
#include "tls/ktls.h"

#ifndef SOL_TLS
#define SOL_TLS 282
#endif
#ifndef TCP_ULP
#define TCP_ULP 31
#endif

/* Linux 6.19; older headers lack it. */
#ifndef TLS_TX_MAX_PAYLOAD_LEN
#define TLS_TX_MAX_PAYLOAD_LEN 5
#endif

#define IV_LEN	12
#define SEQ_LEN 8

static const char tls_ulp[] = "tls";

union ktls_crypto {
	struct tls_crypto_info info;
	struct tls12_crypto_info_aes_gcm_128 aes_128;
	struct tls12_crypto_info_aes_gcm_256 aes_256;
	struct tls12_crypto_info_chacha20_poly1305 chacha20;
	uint8_t bytes[sizeof(struct tls12_crypto_info_aes_gcm_256)];
};

/*
 * Where the kernel's structure of each cipher holds what TLS 1.3 derives. The kernel names the
 * write IV's first bytes the salt and the others the IV, as TLS 1.2 had them.
 */
static const struct ktls_cipher {
	uint16_t suite;
	uint16_t type;
	size_t size;
	size_t key_len;
	size_t key;
	size_t salt_len;
	size_t salt;
	size_t iv;
	size_t seq;
} ktls_ciphers[] = {
	{
		.suite = QKDTLS_AES_128_GCM_SHA256,
		.type = TLS_CIPHER_AES_GCM_128,
		.size = sizeof(struct tls12_crypto_info_aes_gcm_128),
		.key_len = TLS_CIPHER_AES_GCM_128_KEY_SIZE,
		.key = offsetof(struct tls12_crypto_info_aes_gcm_128, key),
		.salt_len = TLS_CIPHER_AES_GCM_128_SALT_SIZE,
		.salt = offsetof(struct tls12_crypto_info_aes_gcm_128, salt),
		.iv = offsetof(struct tls12_crypto_info_aes_gcm_128, iv),
		.seq = offsetof(struct tls12_crypto_info_aes_gcm_128, rec_seq),
	},
	{
		.suite = QKDTLS_AES_256_GCM_SHA384,
		.type = TLS_CIPHER_AES_GCM_256,
		.size = sizeof(struct tls12_crypto_info_aes_gcm_256),
		.key_len = TLS_CIPHER_AES_GCM_256_KEY_SIZE,
		.key = offsetof(struct tls12_crypto_info_aes_gcm_256, key),
		.salt_len = TLS_CIPHER_AES_GCM_256_SALT_SIZE,
		.salt = offsetof(struct tls12_crypto_info_aes_gcm_256, salt),
		.iv = offsetof(struct tls12_crypto_info_aes_gcm_256, iv),
		.seq = offsetof(struct tls12_crypto_info_aes_gcm_256, rec_seq),
	},
	{
		.suite = QKDTLS_CHACHA20_POLY1305_SHA256,
		.type = TLS_CIPHER_CHACHA20_POLY1305,
		.size = sizeof(struct tls12_crypto_info_chacha20_poly1305),
		.key_len = TLS_CIPHER_CHACHA20_POLY1305_KEY_SIZE,
		.key = offsetof(struct tls12_crypto_info_chacha20_poly1305, key),
		.salt_len = 0,
		.salt = offsetof(struct tls12_crypto_info_chacha20_poly1305, salt),
		.iv = offsetof(struct tls12_crypto_info_chacha20_poly1305, iv),
		.seq = offsetof(struct tls12_crypto_info_chacha20_poly1305, rec_seq),
	},
};

static const struct ktls_cipher *ktls_cipher_find(uint16_t suite)
{
	for (size_t i = 0; i < sizeof(ktls_ciphers) / sizeof(ktls_ciphers[0]); i++) {
		if (ktls_ciphers[i].suite == suite)
			return &ktls_ciphers[i];
	}
	return NULL;
}

static void crypto_fill(const struct ktls_cipher *cipher, const struct qkdtls_traffic_key *key,
			union ktls_crypto *crypto)
{
	crypto->info.version = TLS_1_3_VERSION;
	crypto->info.cipher_type = cipher->type;
	memcpy(crypto->bytes + cipher->key, key->key, cipher->key_len);
	memcpy(crypto->bytes + cipher->salt, key->iv, cipher->salt_len);
	memcpy(crypto->bytes + cipher->iv, key->iv + cipher->salt_len, IV_LEN - cipher->salt_len);
	for (size_t i = 0; i < SEQ_LEN; i++)
		crypto->bytes[cipher->seq + i] = (uint8_t)(key->seq >> (8 * (SEQ_LEN - 1 - i)));
}

static int set_key(const struct ktls_cipher *cipher, const struct qkdtls_traffic_key *key, int fd,
		   int direction, const struct ktls_calls *calls)
{
	union ktls_crypto crypto = { 0 };
	int ret = 0;

	if (key->suite != cipher->suite || key->key_len != cipher->key_len)
		return -EINVAL;
	crypto_fill(cipher, key, &crypto);
	if (calls->setsockopt(fd, SOL_TLS, direction, crypto.bytes, (socklen_t)cipher->size))
		ret = -errno;
	OPENSSL_cleanse(&crypto, sizeof(crypto));
	return ret;
}

static int set_payload_max(size_t max, int fd, const struct ktls_calls *calls)
{
	const uint16_t value = (uint16_t)max;

	return calls->setsockopt(fd, SOL_TLS, TLS_TX_MAX_PAYLOAD_LEN, &value, sizeof(value))
		       ? -errno
		       : 0;
}

static int set_keys(struct qkdtls_conn *conn, const struct ktls_cipher *cipher, size_t payload_max,
		    int fd, const struct ktls_calls *calls)
{
	struct qkdtls_traffic_key tx = { 0 }, rx = { 0 };
	int ret = calls->take_keys(conn, &tx, &rx);

	if (!ret)
		ret = set_key(cipher, &tx, fd, TLS_TX, calls);
	/* The least that TLS 1.3 allows is taken only of a socket that knows its version. */
	if (!ret && payload_max < QKDTLS_RECORD_PLAIN_MAX)
		ret = set_payload_max(payload_max, fd, calls);
	if (!ret)
		ret = set_key(cipher, &rx, fd, TLS_RX, calls);
	OPENSSL_cleanse(&tx, sizeof(tx));
	OPENSSL_cleanse(&rx, sizeof(rx));
	return ret;
}

static int ulp_attach(int fd, const struct ktls_calls *calls)
{
	if (!calls->setsockopt(fd, IPPROTO_TCP, TCP_ULP, tls_ulp, sizeof(tls_ulp) - 1))
		return 0;
	switch (errno) {
	case ENOENT:
	case ENOPROTOOPT:
	case EOPNOTSUPP:
	case ENOTCONN: /* the peer has closed its side already: the ULP takes open sockets only */
		return -EOPNOTSUPP;
	default:
		return -errno;
	}
}

/*
 * Can it keep the peer's limit? Asked by setting what holds anyway, before a key is given away: a socket with
 * the ULP but without keys is still a plain one, which the engine's own records can go over.
 */
static bool keeps_payload_max(size_t payload_max, int fd, const struct ktls_calls *calls)
{
	return payload_max == QKDTLS_RECORD_PLAIN_MAX ||
	       !set_payload_max(QKDTLS_RECORD_PLAIN_MAX, fd, calls);
}

int qkdtls_ktls_install_by(struct qkdtls_conn *conn, uint16_t suite, size_t payload_max, int fd,
			   const struct ktls_calls *calls)
{
	const struct ktls_cipher *cipher = ktls_cipher_find(suite);
	int ret;

	if (!cipher)
		return -EOPNOTSUPP;
	/* The ULP first: where it is missing the engine keeps its keys and goes on by itself. */
	ret = ulp_attach(fd, calls);
	if (ret == -EOPNOTSUPP || (!ret && !keeps_payload_max(payload_max, fd, calls)))
		return -EOPNOTSUPP;
	if (!ret)
		ret = set_keys(conn, cipher, payload_max, fd, calls);
	if (!ret)
		return 0;
	/*
	 * A socket with the ULP but without keys sends what it is given in the clear, so nobody may
	 * write to it any more. -EOPNOTSUPP would say that it is still good.
	 */
	calls->shutdown(fd, SHUT_RDWR);
	return ret == -EOPNOTSUPP ? -EIO : ret;
}

/* The ULP goes on with the keys, by who has them. */
static int install_sealed(struct qkdtls_conn *conn, const struct qkdtls_seal *seal,
			  size_t payload_max, int fd, const struct ktls_calls *calls)
{
	int ret = seal->ops->install(seal->arg, fd, conn->info.group, conn->config->peer_name);

	if (!ret && payload_max < QKDTLS_RECORD_PLAIN_MAX)
		ret = set_payload_max(payload_max, fd, calls);
	if (ret) {
		calls->shutdown(fd, SHUT_RDWR);
		return ret == -EOPNOTSUPP || ret == -EAGAIN || ret == -EPERM ? -EIO : ret;
	}
	conn->keys_taken = true;
	conn->kernel.rekeys = true;
	qkdtls_record_reader_free(&conn->reader);
	qkdtls_record_writer_free(&conn->writer);
	qkdtls_conn_rest(conn);
	return 0;
}

/* From Linux 6.14 on a key may follow another; then there are counters for it. A kernel does not change its mind. */
static bool kernel_rekeys(void)
{
	static atomic_int answer =
		-1; /* none yet: there are no counters until the kernel's TLS is loaded */
	char text[4096];
	FILE *file;

	if (answer >= 0)
		return answer;
	file = fopen("/proc/net/tls_stat", "re");
	if (!file)
		return false;
	text[fread(text, 1, sizeof(text) - 1, file)] = '\0';
	fclose(file);
	answer = strstr(text, "TlsRxRekeyOk") != NULL;
	return answer;
}

/* An unconnected socket is refused by the protocol itself, if there is one. */
static bool kernel_knows_tls(void)
{
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, IPPROTO_TCP);
	bool known;

	if (fd < 0)
		return false;
	known = setsockopt(fd, IPPROTO_TCP, TCP_ULP, tls_ulp, sizeof(tls_ulp) - 1) &&
		errno == ENOTCONN;
	close(fd);
	return known;
}

int qkdtls_ktls_check(int fd)
{
	char ulp[16] = "";
	socklen_t len = sizeof(ulp);

	if (getsockopt(fd, IPPROTO_TCP, TCP_ULP, ulp, &len))
		return errno == ENOPROTOOPT ? -EOPNOTSUPP : -errno;
	if (len && ulp[0])
		return -EEXIST;
	return kernel_knows_tls() ? 0 : -EOPNOTSUPP;
}

int qkdtls_ktls_alert(struct qkdtls_conn *conn, int fd)
{
	const enum qkdtls_alert alert = conn->error.sent;
	struct qkdtls_seal *seal = conn->late_seal;
	int ret;

	if (!seal)
		return 0;
	conn->late_seal = NULL;
	ret = seal->ops->install(seal->arg, fd, conn->info.group, conn->config->peer_name);
	if (!ret)
		ret = qkdtls_ktls_send_alert_now(fd, alert);
	qkdtls_seal_unref(seal);
	return ret;
}

int qkdtls_ktls_install(struct qkdtls_conn *conn, int fd)
{
	const struct ktls_calls calls = {
		.setsockopt = setsockopt,
		.shutdown = shutdown,
		.take_keys = kernel_rekeys() ? qkdtls_lend_traffic_keys : qkdtls_take_traffic_keys,
	};
	/* All that can be known beforehand, since nothing may fail once the ULP is attached. */
	const size_t payload_max = qkdtls_record_writer_max(&conn->writer, QKDTLS_CONTENT_DATA);
	const struct qkdtls_seal *seal = qkdtls_schedule_sealed_by(conn->schedule);
	const int ret = qkdtls_traffic_keys_ready(conn);

	if (ret)
		return ret;
	conn->kernel.payload_max = payload_max;
	if (seal)
		return install_sealed(conn, seal, payload_max, fd, &calls);
	return qkdtls_ktls_install_by(conn, qkdtls_info(conn)->suite, payload_max, fd, &calls);
}

/* ---- What goes on ---- */

static const struct ktls_calls plain_calls = { .setsockopt = setsockopt, .shutdown = shutdown };

static int direction(const struct qkdtls_conn *conn, enum qkdtls_role sender)
{
	return sender == conn->role ? TLS_TX : TLS_RX;
}

/* A sealed schedule sees to the socket, too. */
int qkdtls_ktls_next_key(struct qkdtls_conn *conn, int fd, enum qkdtls_role sender)
{
	const struct ktls_cipher *cipher = ktls_cipher_find(conn->info.suite);
	struct qkdtls_traffic_key key;
	int ret = qkdtls_schedule_update(conn->schedule, sender);

	if (!ret && !qkdtls_schedule_sealed_by(conn->schedule)) {
		ret = qkdtls_schedule_traffic_key(conn->schedule, QKDTLS_EPOCH_APPLICATION, sender,
						  conn->suite, &key);
		if (!ret)
			ret = set_key(cipher, &key, fd, direction(conn, sender), &plain_calls);
		OPENSSL_cleanse(&key, sizeof(key));
	}
	/* One end has a key that the other has not: nothing can be said any more. */
	if (ret)
		shutdown(fd, SHUT_RDWR);
	return ret;
}

uint64_t qkdtls_ktls_count(int fd, uint16_t suite, bool sent)
{
	const struct ktls_cipher *cipher = ktls_cipher_find(suite);
	union ktls_crypto crypto = { 0 };
	socklen_t len = cipher ? (socklen_t)cipher->size : 0;
	uint64_t records = 0;

	if (!cipher)
		return UINT64_MAX;
	crypto.info.version = TLS_1_3_VERSION;
	crypto.info.cipher_type = cipher->type;
	if (getsockopt(fd, SOL_TLS, sent ? TLS_TX : TLS_RX, crypto.bytes, &len))
		return UINT64_MAX;
	for (size_t i = 0; i < SEQ_LEN; i++)
		records = records << 8 | crypto.bytes[cipher->seq + i];
	OPENSSL_cleanse(&crypto, sizeof(crypto));
	return records;
}

uint64_t qkdtls_ktls_records(const struct qkdtls_conn *conn, int fd, enum qkdtls_role sender)
{
	return qkdtls_ktls_count(fd, conn->info.suite, sender == conn->role);
}

size_t qkdtls_ktls_payload_max(int fd)
{
	uint16_t max = 0;
	socklen_t len = sizeof(max);

	if (getsockopt(fd, SOL_TLS, TLS_TX_MAX_PAYLOAD_LEN, &max, &len) || !max)
		return QKDTLS_RECORD_PLAIN_MAX;
	return max;
}
