// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * usage: handover SOCKET HOST PORT <WHAT-TO-SEND >WHAT-COMES
 *	  handover -l SOCKET PORT   <WHAT-TO-SEND >WHAT-COMES
 *
 * A TCP connection, made or (-l) accepted, on which qkdtlsd does the TLS handshake, by its service at the UNIX socket SOCKET. Who
 * makes it sends first. Says on standard error who the peer is.
 *
 *	cc -o handover handover.c -lqkdtls -lqkd -lcrypto -lnl-genl-3 -lnl-3
 */
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <qkd/qkdtls.h>

static int connect_to(const char *host, const char *port)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM };
	struct addrinfo *list;
	int fd = -1;

	if (getaddrinfo(host, port, &hints, &list))
		return -1;
	for (struct addrinfo *ai = list; ai && fd < 0; ai = ai->ai_next) {
		fd = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd >= 0 && connect(fd, ai->ai_addr, ai->ai_addrlen)) {
			close(fd);
			fd = -1;
		}
	}
	freeaddrinfo(list);
	return fd;
}

static int accept_at(const char *port)
{
	const struct addrinfo hints = { .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE };
	const int on = 1;
	struct addrinfo *ai;
	int listener, fd = -1;

	if (getaddrinfo("0.0.0.0", port, &hints, &ai))
		return -1;
	listener = socket(ai->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener >= 0 && !setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) &&
	    !bind(listener, ai->ai_addr, ai->ai_addrlen) && !listen(listener, 1))
		fd = accept(listener, NULL, NULL);
	if (listener >= 0)
		close(listener);
	freeaddrinfo(ai);
	return fd;
}

static void show(const struct qkdtls_handover_info *info)
{
	fprintf(stderr,
		"peer=%s subject=%s sae=%s suite=%s group=%s sealed=%s session=%s alpn=%s key=",
		info->peer, info->tls.peer, info->sae, qkdtls_suite_name(info->tls.suite),
		qkdtls_group_name(info->tls.group), info->tls.sealed ? "yes" : "no",
		info->session >= 0 ? "yes" : "no", info->tls.alpn);
	for (size_t i = 0; info->tls.psk && i < info->tls.psk_id_len; i++)
		fprintf(stderr, "%02x", info->tls.psk_id[i]);
	fputs("\n", stderr);
}

/* Standard input to the peer, to its end, and then ours */
static int send_all(struct qkdtls_conn *conn, int fd)
{
	char buf[16384];
	ssize_t n, sent;

	while ((n = read(STDIN_FILENO, buf, sizeof(buf))) > 0) {
		for (ssize_t done = 0; done < n; done += sent) {
			sent = qkdtls_sock_send(conn, fd, buf + done, (size_t)(n - done));
			if (sent < 0)
				return (int)sent;
		}
	}
	return qkdtls_sock_close(conn, fd);
}

/* What the peer sends, to its close_notify */
static int receive_all(struct qkdtls_conn *conn, int fd)
{
	char buf[16384];
	ssize_t n;

	while ((n = qkdtls_sock_recv(conn, fd, buf, sizeof(buf))) > 0) {
		if (fwrite(buf, 1, (size_t)n, stdout) != (size_t)n)
			return -1;
	}
	return fflush(stdout) ? -1 : (int)n;
}

int main(int argc, char **argv)
{
	const int server = argc == 4 && !strcmp(argv[1], "-l");
	const char *path = argc == 4 ? argv[1 + server] : NULL;
	struct qkdtls_handover_info info;
	struct qkdtls_conn *conn;
	int fd, ret;

	if (!path) {
		fputs("usage: handover SOCKET HOST PORT\n       handover -l SOCKET PORT\n", stderr);
		return 2;
	}
	fd = server ? accept_at(argv[3]) : connect_to(argv[2], argv[3]);
	if (fd < 0) {
		perror("no connection");
		return 1;
	}
	ret = qkdtls_handover(path, fd, 30000, &info);
	if (ret) {
		fprintf(stderr, "not handed over: %s: %s\n", strerror(-ret), info.reason);
		return 1;
	}
	show(&info);
	conn = qkdtls_handover_conn(NULL, fd, &info);
	if (!conn)
		return 1;
	ret = server ? receive_all(conn, fd) : send_all(conn, fd);
	if (!ret)
		ret = server ? send_all(conn, fd) : receive_all(conn, fd);
	if (ret)
		fprintf(stderr, "broken off: %s\n", qkdtls_error(conn)->reason);
	qkdtls_conn_free(conn);
	close(fd);
	return ret ? 1 : 0;
}
