// SPDX-License-Identifier: GPL-2.0-or-later
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <qkd/libqkd.h>

#include "bench/proxy/proxy.h"
#include "common/handshake_io.h"

#define SERVER_NAME "zurich.example"
/* The SAE IDs of the links that tools/bench/links.sh sets up */
#define CLIENT_SAE  "geneva"
#define SERVER_SAE  "zurich"
#define GROUP	    "X25519MLKEM768"
#define SUITE	    "TLS_AES_256_GCM_SHA384"
#define BACKLOG	    4096
#define CHUNK	    (64 * 1024)
#define PATIENCE_MS 60000

static int configure(struct qkdtls_config *config, enum qkdtls_role role, bool keyed)
{
	uint8_t context[QKDTLS_LINK_CONTEXT_LEN];
	int ret = qkdtls_config_set_policy(config, keyed ? QKDTLS_REQUIRE : QKDTLS_PREFER);

	if (!ret)
		ret = qkdtls_config_set_groups(config, GROUP, false);
	if (!ret)
		ret = qkdtls_config_set_ciphers(config, SUITE);
	if (!ret && keyed)
		ret = qkdtls_link_context(CLIENT_SAE, SERVER_SAE, context);
	if (!ret && keyed)
		ret = qkdtls_config_set_psk_imported(config, context);
	if (!ret && role == QKDTLS_SERVER)
		return qkdtls_config_set_certificate(config, "server.pem", "server.key");
	if (!ret)
		ret = qkdtls_config_set_trust(config, "ca.pem");
	return ret ? ret : qkdtls_config_set_peer_name(config, SERVER_NAME);
}

struct qkdtls_config *end_config(enum qkdtls_role role, bool keyed)
{
	struct qkdtls_config *config = qkdtls_config_new();

	if (config && !configure(config, role, keyed))
		return config;
	fprintf(stderr, "bench: %s\n", config ? qkdtls_config_message(config) : "out of memory");
	qkdtls_config_unref(config);
	return NULL;
}

static struct sockaddr_in loopback(uint16_t port)
{
	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
}

int end_listen(uint16_t port)
{
	const struct sockaddr_in in = loopback(port);
	const int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0 && !setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) &&
	    !bind(fd, (const struct sockaddr *)&in, sizeof(in)) && !listen(fd, BACKLOG))
		return fd;
	fprintf(stderr, "bench: port %u: %s\n", port, strerror(errno));
	return -1;
}

static bool failed(const char *what, const char *why)
{
	fprintf(stderr, "bench: %s: %s\n", what, why);
	return false;
}

/* ---- Handshake ---- */

static bool wait_for(int fd, short events)
{
	struct pollfd pollfd = { .fd = fd, .events = events };

	return poll(&pollfd, 1, PATIENCE_MS) == 1;
}

static bool shake(struct end *end)
{
	struct handshake_io io = { .conn = end->tls, .fd = end->fd };
	char text[256];

	for (;;) {
		switch (handshake_io_step(&io)) {
		case QKDTLS_DONE:
			return true;
		case QKDTLS_WANT_READ:
			if (!wait_for(end->fd, POLLIN))
				return failed("handshake", "no answer");
			break;
		case QKDTLS_WANT_WRITE:
			if (!wait_for(end->fd, POLLOUT))
				return failed("handshake", "nobody reads");
			break;
		case QKDTLS_WANT_PSK:
			if (!wait_for(end->qkd.fd, POLLIN))
				return failed("handshake", "no key");
			break;
		default:
			handshake_io_describe(&io, text, sizeof(text));
			return failed("handshake", text);
		}
	}
}

static bool secure(struct end *end, struct qkdtls_config *config, enum qkdtls_role role,
		   const struct qkdtls_psk_ops *psk)
{
	int ret;

	end->tls = qkdtls_conn_new(config, role, psk, psk ? &end->qkd : NULL);
	if (!end->tls)
		return failed("handshake", "no connection");
	if (!shake(end))
		return false;
	ret = qkdtls_ktls_install(end->tls, end->fd);
	/* Without TLS in the kernel records are the engine's. */
	return !ret || ret == -EOPNOTSUPP || failed("kTLS", strerror(-ret));
}

static bool take_key_from(struct end *end, const char *link)
{
	end->qkd = (struct qkdtls_qkd){ .fd = qkd_open(link, O_NONBLOCK), .sealed = true };
	return end->qkd.fd >= 0 && !qkdtls_link_context(CLIENT_SAE, SERVER_SAE, end->qkd.context);
}

static bool connect_to(struct end *end, uint16_t port)
{
	const struct sockaddr_in in = loopback(port);
	const int on = 1;

	end->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return end->fd >= 0 && !connect(end->fd, (const struct sockaddr *)&in, sizeof(in)) &&
	       !setsockopt(end->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

bool end_connect(struct end *end, uint16_t port, struct qkdtls_config *config, const char *link)
{
	bool ok;

	*end = (struct end){ .qkd.fd = -1 };
	if (!connect_to(end, port)) {
		fprintf(stderr, "bench: port %u: %s\n", port, strerror(errno));
		end_free(end);
		return false;
	}
	if (!config)
		return true;
	if (link && !take_key_from(end, link))
		ok = failed(link, "cannot be opened");
	else
		ok = !fcntl(end->fd, F_SETFL, O_NONBLOCK) &&
		     secure(end, config, QKDTLS_CLIENT, link ? &qkdtls_qkd_ops : NULL) &&
		     !fcntl(end->fd, F_SETFL, 0);
	if (end->qkd.fd >= 0)
		close(end->qkd.fd);
	end->qkd.fd = -1;
	if (!ok)
		end_free(end);
	return ok;
}

bool end_accept(struct end *end, struct qkdtls_config *config)
{
	return secure(end, config, QKDTLS_SERVER, NULL);
}

/* ---- Bytes ---- */

ssize_t end_recv(struct end *end, void *buf, size_t len)
{
	ssize_t n;

	if (end->tls)
		return qkdtls_sock_recv(end->tls, end->fd, buf, len);
	n = recv(end->fd, buf, len, 0);
	return n < 0 ? -errno : n;
}

ssize_t end_send(struct end *end, const void *data, size_t len)
{
	ssize_t n;

	if (end->tls)
		return qkdtls_sock_send(end->tls, end->fd, data, len);
	n = send(end->fd, data, len, MSG_NOSIGNAL);
	return n < 0 ? -errno : n;
}

static ssize_t move(struct end *end, bool out, uint8_t *data, uint64_t len)
{
	const size_t part = len < CHUNK ? (size_t)len : CHUNK;

	return out ? end_send(end, data, part) : end_recv(end, data, part);
}

bool end_ask(struct end *end, uint64_t up, uint64_t down)
{
	static uint8_t data[CHUNK];
	const struct request request = { .up = up, .down = down };
	ssize_t n;

	/* With what follows it, if that is not much, as an application would */
	memcpy(data, &request, sizeof(request));
	for (up += sizeof(request); up; up -= (uint64_t)n) {
		n = move(end, true, data, up);
		if (n <= 0)
			return failed("sending", strerror((int)-n));
	}
	for (; down; down -= (uint64_t)n) {
		n = move(end, false, data, down);
		if (n <= 0)
			return failed("receiving", n ? strerror((int)-n) : "the stream ended");
	}
	return true;
}

/* ---- The end ---- */

void end_close(struct end *end)
{
	uint8_t byte;

	if (end->tls)
		(void)qkdtls_sock_close(end->tls, end->fd);
	(void)shutdown(end->fd, SHUT_WR);
	(void)end_recv(end, &byte, sizeof(byte));
	end_free(end);
}

void end_free(struct end *end)
{
	qkdtls_conn_free(end->tls);
	if (end->fd >= 0)
		close(end->fd);
	*end = (struct end){ .fd = -1, .qkd.fd = -1 };
}
