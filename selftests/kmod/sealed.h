/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the tests of sealed sessions share: both ends of a connection, each with a session of one key, led through a
 * handshake whose messages are made up: any bytes are a transcript to a key schedule.
 */
#ifndef _QKD_TEST_SEALED_H
#define _QKD_TEST_SEALED_H

#include <arpa/inet.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <sys/socket.h>

#include "qkd_test.h"

#ifndef SOL_TLS
#define SOL_TLS 282
#endif
#ifndef TCP_ULP
#define TCP_ULP 31
#endif

#define LINK		 "alpha"
#define GROUP		 0x11ec
#define PEER		 "zurich.example"
#define KEX_LEN		 64
#define RECORD		 16384
#define HANDSHAKE_RECORD 22
#define DATA_RECORD	 23

static const struct suite {
	uint16_t number;
	unsigned int kdf;
	uint16_t cipher;
	socklen_t size;
	size_t key_at, key_len;
} suites[] = {
	{ 0x1301, QKD_KDF_SHA256, TLS_CIPHER_AES_GCM_128,
	  sizeof(struct tls12_crypto_info_aes_gcm_128),
	  offsetof(struct tls12_crypto_info_aes_gcm_128, key), 16 },
	{ 0x1302, QKD_KDF_SHA384, TLS_CIPHER_AES_GCM_256,
	  sizeof(struct tls12_crypto_info_aes_gcm_256),
	  offsetof(struct tls12_crypto_info_aes_gcm_256, key), 32 },
	{ 0x1303, QKD_KDF_SHA256, TLS_CIPHER_CHACHA20_POLY1305,
	  sizeof(struct tls12_crypto_info_chacha20_poly1305),
	  offsetof(struct tls12_crypto_info_chacha20_poly1305, key), 32 },
};

#define SUITES (sizeof(suites) / sizeof(suites[0]))

/* Hashes of three moments of a handshake, and other inputs; all that is not secret is a pattern */
static inline void pattern(uint8_t *bytes, size_t len, uint8_t first)
{
	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(first + i);
}

/**
 * struct side - one end of it: client or server
 * @end: its end of the link
 * @session: its session, or -1
 * @socket: its end of the connection
 * @client_secret, @server_secret: of the handshake
 */
struct side {
	struct end end;
	int session;
	int socket;
	uint8_t client_secret[QKD_HASH_LEN_MAX], server_secret[QKD_HASH_LEN_MAX];
};

struct pair {
	struct side client, server;
	uint8_t context[QKD_CONTEXT_LEN];
	uint8_t id[QKD_KEY_ID_LEN];
};

/* A connection over loopback in this namespace: both ends, or a negative errno */
static inline int connect_tcp(int *client, int *server)
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(in);

	*client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 || *client < 0 || bind(listener, (struct sockaddr *)&in, len) ||
	    listen(listener, 1) || getsockname(listener, (struct sockaddr *)&in, &len) ||
	    connect(*client, (struct sockaddr *)&in, len))
		return -errno;
	*server = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	close(listener);
	return *server < 0 ? -errno : 0;
}

/* Both ends of a link, of one namespace: their files are bound by name. */
static inline int pair_begin(struct pair *pair)
{
	const struct link_spec a = { .name = LINK, .role = QKD_ROLE_A, .seed = 's' };
	const struct link_spec b = { .name = "beta", .role = QKD_ROLE_B, .seed = 's' };
	int ret;

	memset(pair, 0, sizeof(*pair));
	pair->client.session = pair->server.session = -1;
	pair->client.socket = pair->server.socket = -1;
	pattern(pair->context, sizeof(pair->context), 1);
	ret = end_open(&pair->client.end, &a);
	if (!ret)
		ret = add_link(pair->client.end.nl, &b);
	if (ret)
		return ret;
	/* Opened while there was one link, and not bound yet */
	close(pair->client.end.fd);
	pair->client.end.fd = qkd_open(LINK, 0);
	pair->server.end = pair->client.end;
	pair->server.end.fd = qkd_open("beta", 0);
	if (pair->server.end.fd < 0)
		return pair->server.end.fd;
	if (system("ip link set lo up"))
		return -EIO;
	return connect_tcp(&pair->client.socket, &pair->server.socket);
}

static inline void side_end(struct side *side)
{
	if (side->session >= 0)
		close(side->session);
	if (side->socket >= 0)
		close(side->socket);
	side->session = side->socket = -1;
}

static inline void pair_end(struct pair *pair)
{
	side_end(&pair->client);
	side_end(&pair->server);
	close(pair->server.end.fd);
	end_close(&pair->client.end);
}

/* Sessions of one key at both ends, for this hash */
static inline int pair_open(struct pair *pair, unsigned int kdf)
{
	pair->client.session = qkd_session_open_client(pair->client.end.fd, 1U << kdf,
						       pair->context, DEADLINE_MS, pair->id);
	if (pair->client.session < 0)
		return pair->client.session;
	pair->server.session = qkd_session_open_server(pair->server.end.fd, 1U << kdf,
						       pair->context, pair->id, DEADLINE_MS);
	return pair->server.session < 0 ? pair->server.session : 0;
}

/* The steps, each at both ends */

static inline int pair_binder(struct pair *pair, unsigned int kdf)
{
	uint8_t hash[QKD_HASH_LEN_MAX], binder[QKD_HASH_LEN_MAX];
	int ret;

	pattern(hash, sizeof(hash), 2);
	ret = qkd_session_binder(pair->client.session, kdf, hash, binder);
	return ret ? ret : qkd_session_check_binder(pair->server.session, kdf, hash, binder);
}

static inline int side_handshake(struct side *side, const struct suite *suite)
{
	uint8_t hash[QKD_HASH_LEN_MAX], kex[KEX_LEN];

	pattern(hash, sizeof(hash), 3);
	pattern(kex, sizeof(kex), 4);
	return qkd_session_handshake(side->session, suite->number, qkd_kdf_len(suite->kdf), kex,
				     sizeof(kex), hash, side->client_secret, side->server_secret);
}

static inline int side_application(struct side *side, const struct suite *suite)
{
	uint8_t hash[QKD_HASH_LEN_MAX];

	pattern(hash, sizeof(hash), 5);
	return qkd_session_application(side->session, qkd_kdf_len(suite->kdf), hash);
}

static inline int side_export(const struct side *side, const struct suite *suite, uint8_t *out,
			      size_t len)
{
	uint8_t hash[QKD_HASH_LEN_MAX];

	pattern(hash, sizeof(hash), 6);
	return qkd_session_export(side->session, "EXPORTER-test", qkd_kdf_len(suite->kdf), hash,
				  out, len);
}

/* As far as the application secrets */
static inline int pair_shake_hands(struct pair *pair, const struct suite *suite)
{
	int ret = pair_open(pair, suite->kdf);

	if (!ret)
		ret = pair_binder(pair, suite->kdf);
	if (!ret)
		ret = side_handshake(&pair->client, suite);
	if (!ret)
		ret = side_handshake(&pair->server, suite);
	if (!ret)
		ret = side_application(&pair->client, suite);
	return ret ? ret : side_application(&pair->server, suite);
}

static inline int side_install(struct side *side)
{
	return qkd_session_install(side->session, side->socket, GROUP, PEER);
}

static inline int pair_install(struct pair *pair)
{
	int ret = side_install(&pair->client);

	return ret ? ret : side_install(&pair->server);
}

/* Records */

static inline int send_record(int fd, uint8_t type, const void *bytes, size_t len)
{
	char control[CMSG_SPACE(1)] = { 0 };
	struct iovec iov = { .iov_base = (void *)bytes, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

	cmsg->cmsg_level = SOL_TLS;
	cmsg->cmsg_type = TLS_SET_RECORD_TYPE;
	cmsg->cmsg_len = CMSG_LEN(1);
	*CMSG_DATA(cmsg) = type;
	return sendmsg(fd, &msg, MSG_NOSIGNAL) == (ssize_t)len ? 0 : -errno;
}

/* One record, or as much of it as fits: bytes, or a negative errno */
static inline ssize_t receive_record(int fd, uint8_t *type, void *bytes, size_t size)
{
	char control[CMSG_SPACE(1)] = { 0 };
	struct iovec iov = { .iov_base = bytes, .iov_len = size };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	struct cmsghdr *cmsg;
	ssize_t got;

	if (poll(&pfd, 1, DEADLINE_MS) != 1)
		return -ETIMEDOUT;
	got = recvmsg(fd, &msg, MSG_DONTWAIT);
	cmsg = CMSG_FIRSTHDR(&msg);
	*type = cmsg ? *CMSG_DATA(cmsg) : 0;
	return got < 0 ? -errno : got;
}

/* Bytes go from one to the other, as they are. */
static inline bool passes(int from, int to, uint8_t first)
{
	uint8_t sent[1000], got[1000];
	size_t have = 0;
	ssize_t ret;
	uint8_t type;

	pattern(sent, sizeof(sent), first);
	if (send(from, sent, sizeof(sent), MSG_NOSIGNAL) != (ssize_t)sizeof(sent))
		return false;
	while (have < sizeof(got)) {
		ret = receive_record(to, &type, got + have, sizeof(got) - have);
		if (ret <= 0 || type != DATA_RECORD)
			return false;
		have += (size_t)ret;
	}
	return !memcmp(sent, got, sizeof(sent));
}

static inline bool passes_both_ways(const struct pair *pair)
{
	return passes(pair->client.socket, pair->server.socket, 10) &&
	       passes(pair->server.socket, pair->client.socket, 11);
}

static const uint8_t key_update[] = { 24, 0, 0, 1, 0 };

/* One side tells the other that it has another key, and both take it. */
static inline int update(struct side *from, struct side *to)
{
	uint8_t got[sizeof(key_update)], type;
	int ret = send_record(from->socket, HANDSHAKE_RECORD, key_update, sizeof(key_update));

	if (!ret)
		ret = qkd_session_update(from->session, QKD_UPDATE_F_TX);
	if (ret)
		return ret;
	if (receive_record(to->socket, &type, got, sizeof(got)) != (ssize_t)sizeof(got) ||
	    type != HANDSHAKE_RECORD || memcmp(got, key_update, sizeof(got)))
		return -EPROTO;
	return qkd_session_update(to->session, QKD_UPDATE_F_RX);
}

/* What the socket says of its key: the option's bytes, or a negative errno */
static inline int read_back(int fd, const struct suite *suite, int direction, uint8_t *bytes)
{
	struct tls_crypto_info *info = (struct tls_crypto_info *)bytes;
	socklen_t len = suite->size;

	memset(bytes, 0, suite->size);
	info->version = TLS_1_3_VERSION;
	info->cipher_type = suite->cipher;
	return getsockopt(fd, SOL_TLS, direction, bytes, &len) ? -errno : 0;
}

#endif /* _QKD_TEST_SEALED_H */
