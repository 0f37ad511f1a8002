// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A peer of GnuTLS' that imports its key by RFC 9258, which gnutls-cli and gnutls-serv cannot. It copies standard input
 * and output over one connection:
 *
 *	gnutls_peer client PORT ...	connects to 127.0.0.1
 *	gnutls_peer server PORT ...	accepts one connection there, after printing the port (0: any)
 *
 *	... PRIORITY IDENTITY CONTEXT HASH KEY-FILE [one-share]
 *
 * IDENTITY, CONTEXT and what is in KEY-FILE are hexadecimal. HASH, sha256 or sha384, is what the key is imported for; the
 * key's own is SHA-256. one-share has a client send one key share only. Exit status: 0 both ends closed in order, 1 not
 * so, 2 wrong usage.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <gnutls/gnutls.h>

#include "common/file.h"
#include "common/hex.h"

#define KEY_MAX	 64
#define TEXT_MAX 512

struct peer {
	gnutls_session_t session;
	gnutls_datum_t imported_identity;
	uint8_t key[KEY_MAX];
	unsigned int key_len;
};

static void complain(const char *what, const char *why)
{
	fprintf(stderr, "gnutls_peer: %s: %s\n", what, why);
}

/* ---- the key, which GnuTLS imports when it is told so ---- */

/* What GnuTLS gets from a callback it frees by itself. */
static int copy_out(gnutls_datum_t *to, const void *data, unsigned int len)
{
	to->data = gnutls_malloc(len);
	if (!to->data)
		return -1;
	memcpy(to->data, data, len);
	to->size = len;
	return 0;
}

static int client_key(gnutls_session_t session, gnutls_datum_t *username, gnutls_datum_t *key,
		      gnutls_psk_key_flags *flags)
{
	const struct peer *peer = gnutls_session_get_ptr(session);

	*flags = GNUTLS_PSK_KEY_EXT;
	if (copy_out(username, peer->imported_identity.data, peer->imported_identity.size))
		return -1;
	return copy_out(key, peer->key, peer->key_len);
}

/* 1 is for a name that nobody has. */
static int server_key(gnutls_session_t session, const gnutls_datum_t *username, gnutls_datum_t *key,
		      gnutls_psk_key_flags *flags)
{
	const struct peer *peer = gnutls_session_get_ptr(session);

	*flags = GNUTLS_PSK_KEY_RAW;
	if (username->size != peer->imported_identity.size ||
	    memcmp(username->data, peer->imported_identity.data, username->size))
		return 1;
	*flags = GNUTLS_PSK_KEY_EXT;
	return copy_out(key, peer->key, peer->key_len);
}

static int read_key(struct peer *peer, const char *path)
{
	size_t text_len;
	char *text;
	int len, ret = file_read_secret(path, TEXT_MAX, &text, &text_len);

	if (ret) {
		complain(path, file_problem(ret));
		return -1;
	}
	len = hex_decode(text, strcspn(text, "\n"), peer->key, sizeof(peer->key));
	file_free(text, text_len);
	if (len <= 0) {
		complain(path, "does not hold a key");
		return -1;
	}
	peer->key_len = (unsigned int)len;
	return 0;
}

static int import_identity(struct peer *peer, const char *identity, const char *context,
			   gnutls_digest_algorithm_t hash)
{
	uint8_t bytes[2][TEXT_MAX];
	const int identity_len = hex_decode(identity, strlen(identity), bytes[0], sizeof(bytes[0]));
	const int context_len = hex_decode(context, strlen(context), bytes[1], sizeof(bytes[1]));
	const gnutls_datum_t identity_datum = { bytes[0], (unsigned int)identity_len };
	const gnutls_datum_t context_datum = { bytes[1], (unsigned int)context_len };

	if (identity_len <= 0 || context_len < 0) {
		complain("identity or context", "not hexadecimal");
		return -1;
	}
	return gnutls_psk_format_imported_identity(&identity_datum, &context_datum, GNUTLS_TLS1_3,
						   hash, &peer->imported_identity);
}

/* ---- the connection ---- */

static int accept_one(int listener)
{
	struct sockaddr_in address;
	socklen_t len = sizeof(address);

	if (listen(listener, 1) || getsockname(listener, (struct sockaddr *)&address, &len))
		return -1;
	printf("listening: 127.0.0.1:%d\n", ntohs(address.sin_port));
	fflush(stdout);
	return accept4(listener, NULL, NULL, SOCK_CLOEXEC);
}

static int open_connection(bool client, uint16_t port)
{
	const struct sockaddr_in address = { .sin_family = AF_INET,
					     .sin_port = htons(port),
					     .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int connection = -1;

	if (fd >= 0 && client && !connect(fd, (const struct sockaddr *)&address, sizeof(address)))
		return fd;
	if (fd >= 0 && !client && !bind(fd, (const struct sockaddr *)&address, sizeof(address)))
		connection = accept_one(fd);
	if (connection < 0)
		complain("127.0.0.1", strerror(errno));
	if (fd >= 0)
		close(fd);
	return connection;
}

/* What came of a call of GnuTLS', with the alert if there was one */
static int report(const struct peer *peer, const char *what, int ret)
{
	if (ret >= 0)
		return ret;
	if (ret == GNUTLS_E_FATAL_ALERT_RECEIVED)
		fprintf(stderr, "alert received: %s\n",
			gnutls_alert_get_name(gnutls_alert_get(peer->session)));
	complain(what, gnutls_strerror(ret));
	return ret;
}

static int shake_hands(const struct peer *peer)
{
	int ret;
	char *description;

	do
		ret = gnutls_handshake(peer->session);
	while (ret < 0 && !gnutls_error_is_fatal(ret));
	if (ret < 0) {
		gnutls_alert_send_appropriate(peer->session, ret);
		return report(peer, "handshake", ret);
	}
	description = gnutls_session_get_desc(peer->session);
	fprintf(stderr, "session: %s\n", description);
	gnutls_free(description);
	return 0;
}

/* Less than nothing: an error; 0: the end */
static ssize_t pass_on_input(const struct peer *peer)
{
	char bytes[4096];
	const ssize_t len = read(STDIN_FILENO, bytes, sizeof(bytes));

	if (len > 0)
		return report(peer, "send",
			      (int)gnutls_record_send(peer->session, bytes, (size_t)len));
	if (!len)
		return report(peer, "close", gnutls_bye(peer->session, GNUTLS_SHUT_WR));
	complain("standard input", strerror(errno));
	return len;
}

static ssize_t pass_on_output(const struct peer *peer)
{
	char bytes[16384];
	const ssize_t len = gnutls_record_recv(peer->session, bytes, sizeof(bytes));

	if (len < 0)
		return gnutls_error_is_fatal((int)len) ? report(peer, "receive", (int)len) : 1;
	if (len > 0 && (fwrite(bytes, 1, (size_t)len, stdout) != (size_t)len || fflush(stdout))) {
		complain("standard output", strerror(errno));
		return -1;
	}
	return len;
}

/* Until both ends have closed; the end of the peer's data ends ours. */
static int copy(const struct peer *peer)
{
	struct pollfd fds[] = { { .fd = STDIN_FILENO, .events = POLLIN },
				{ .fd = gnutls_transport_get_int(peer->session),
				  .events = POLLIN } };
	ssize_t input = 1, output = 1;
	size_t pending;

	while (input >= 0 && output > 0) {
		pending = gnutls_record_check_pending(peer->session);
		if (poll(fds, 2, pending ? 0 : -1) < 0)
			return -1;
		if (fds[0].revents)
			input = pass_on_input(peer);
		if (!input)
			fds[0].fd = -1;
		if (input >= 0 && (fds[1].revents || pending))
			output = pass_on_output(peer);
	}
	if (input > 0 && !output)
		input = report(peer, "close", gnutls_bye(peer->session, GNUTLS_SHUT_WR));
	return input < 0 || output < 0 ? -1 : 0;
}

/* ---- the ends ---- */

static int talk(struct peer *peer, const char *priority)
{
	const char *unknown;

	if (gnutls_priority_set_direct(peer->session, priority, &unknown)) {
		complain("priority", unknown);
		return -1;
	}
	return shake_hands(peer) || copy(peer) ? -1 : 0;
}

/* An end of either kind has a key for both. */
static int be(struct peer *peer, unsigned int flags, int fd, const char *priority)
{
	gnutls_psk_client_credentials_t of_client = NULL;
	gnutls_psk_server_credentials_t of_server = NULL;
	void *credentials = NULL;
	int ret = -1;

	if (gnutls_psk_allocate_client_credentials(&of_client) ||
	    gnutls_psk_allocate_server_credentials(&of_server) ||
	    gnutls_init(&peer->session, flags))
		goto out;
	gnutls_psk_set_client_credentials_function3(of_client, client_key);
	gnutls_psk_set_server_credentials_function3(of_server, server_key);
	credentials = flags & GNUTLS_CLIENT ? (void *)of_client : (void *)of_server;
	gnutls_session_set_ptr(peer->session, peer);
	gnutls_transport_set_int(peer->session, fd);
	if (!gnutls_credentials_set(peer->session, GNUTLS_CRD_PSK, credentials))
		ret = talk(peer, priority);
	gnutls_deinit(peer->session);
out:
	if (of_server)
		gnutls_psk_free_server_credentials(of_server);
	if (of_client)
		gnutls_psk_free_client_credentials(of_client);
	return ret;
}

int main(int argc, char **argv)
{
	const bool client = argc > 1 && !strcmp(argv[1], "client");
	const gnutls_digest_algorithm_t hash =
		argc > 6 ? gnutls_digest_get_id(argv[6]) : GNUTLS_DIG_UNKNOWN;
	unsigned int flags = client ? GNUTLS_CLIENT : GNUTLS_SERVER;
	struct peer peer = { NULL };
	int fd, ret = -1;

	if (argc < 8 || (!client && strcmp(argv[1], "server"))) {
		fputs("usage: gnutls_peer client|server PORT PRIORITY IDENTITY CONTEXT HASH KEY-FILE [one-share]\n",
		      stderr);
		return 2;
	}
	if (argc > 8)
		flags |= GNUTLS_KEY_SHARE_TOP;
	signal(SIGPIPE, SIG_IGN);
	if (!read_key(&peer, argv[7]) && !import_identity(&peer, argv[4], argv[5], hash)) {
		fd = open_connection(client, (uint16_t)atoi(argv[2]));
		if (fd >= 0) {
			ret = be(&peer, flags, fd, argv[3]);
			close(fd);
		}
	}
	gnutls_free(peer.imported_identity.data);
	gnutls_memset(&peer, 0, sizeof(peer));
	return ret ? 1 : 0;
}
