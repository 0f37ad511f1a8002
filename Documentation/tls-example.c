// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libqkdtls in a hundred lines: a client and a server shake hands over two buffers in memory.
 *
 *	cc tls-example.c -lqkdtls -lcrypto
 *	./a.out CHAIN.pem KEY.pem CA.pem NAME
 *
 * Over a socket only move() changes: write what qkdtls_output() has, read what qkdtls_wanted() asks for.
 */
#include <stdio.h>
#include <string.h>

#include <qkd/qkdtls.h>

/* One key that both ends have. A real source asks /dev/qkd: qkdtls_qkd_ops. */
static const struct qkdtls_psk shared = {
	.id = "sixteen bytes id",
	.id_len = 16,
	.secret = "a key of thirty-two secret bytes",
	.secret_len = 32,
};

static int take(void *arg, struct qkdtls_psk *psk)
{
	*psk = shared;
	return QKDTLS_PSK_FOUND;
}

static int find(void *arg, const uint8_t *id, size_t id_len, struct qkdtls_psk *psk)
{
	if (id_len != shared.id_len || memcmp(id, shared.id, id_len))
		return QKDTLS_PSK_NONE;
	return take(arg, psk);
}

static int commit(void *arg, const uint8_t *id, size_t id_len)
{
	return 0; /* mark the key as spent */
}

static void release(void *arg, const uint8_t *id, size_t id_len, enum qkdtls_psk_release why)
{
	/* the key may be used again */
}

static const struct qkdtls_psk_ops source = { take, find, commit, release };

/* What one end has written goes to the other, as far as that wants it. */
static bool move(struct qkdtls_conn *from, struct qkdtls_conn *to)
{
	size_t len, wanted = qkdtls_wanted(to);
	const uint8_t *data = qkdtls_output(from, &len);

	if (len > wanted)
		len = wanted;
	if (!len || qkdtls_input(to, data, len))
		return false;
	qkdtls_output_sent(from, len);
	return true;
}

static int report(struct qkdtls_conn *conn, const char *who)
{
	const struct qkdtls_info *info = qkdtls_info(conn);
	const struct qkdtls_error *error = qkdtls_error(conn);

	if (qkdtls_handshake(conn) != QKDTLS_DONE) {
		fprintf(stderr, "%s: %s (sent %s, received %s)\n", who, error->reason,
			qkdtls_alert_name(error->sent), qkdtls_alert_name(error->received));
		return 1;
	}
	printf("%s: %s, %s, PSK %s, certificate %s, peer \"%s\"\n", who,
	       qkdtls_suite_name(info->suite), qkdtls_group_name(info->group),
	       info->psk ? "yes" : "no", info->certificate ? "yes" : "no", info->peer);
	return 0;
}

int main(int argc, char **argv)
{
	struct qkdtls_config *cc = qkdtls_config_new(), *sc = qkdtls_config_new();
	struct qkdtls_conn *client = NULL, *server = NULL;
	uint8_t context[QKDTLS_LINK_CONTEXT_LEN];
	int ret = 1;

	if (argc != 5 || !cc || !sc || qkdtls_link_context("geneva", "zurich", context))
		goto out;
	/* The default groups need OpenSSL 3.5; with an older one only this can be shown. */
	if (qkdtls_config_set_groups(cc, "X25519MLKEM768", false) &&
	    (qkdtls_config_set_groups(cc, "x25519", true) ||
	     qkdtls_config_set_groups(sc, "x25519", true)))
		goto out;
	if (qkdtls_config_set_psk_imported(cc, context) || qkdtls_config_set_trust(cc, argv[3]) ||
	    qkdtls_config_set_peer_name(cc, argv[4]) ||
	    qkdtls_config_set_psk_imported(sc, context) ||
	    qkdtls_config_set_certificate(sc, argv[1], argv[2]))
		goto out;
	client = qkdtls_conn_new(cc, QKDTLS_CLIENT, &source, NULL);
	server = qkdtls_conn_new(sc, QKDTLS_SERVER, &source, NULL);
	if (!client || !server)
		goto out;
	do {
		qkdtls_handshake(client);
		qkdtls_handshake(server);
	} while (move(client, server) || move(server, client));
	ret = report(client, "client") | report(server, "server");
out:
	if (ret && cc && sc)
		fprintf(stderr, "%s%s\n", qkdtls_config_message(cc), qkdtls_config_message(sc));
	qkdtls_conn_free(client);
	qkdtls_conn_free(server);
	qkdtls_config_unref(cc);
	qkdtls_config_unref(sc);
	return ret;
}
