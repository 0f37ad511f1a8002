// SPDX-License-Identifier: GPL-2.0-or-later
/* When keys change: from the schedule into the record layer, and into a key log if there is one */
#include <stdio.h>

#include "tls/crypto_random.h"
#include "tls/internal.h"

static int fail_keys(struct qkdtls_conn *conn, int ret)
{
	return qkdtls_fail_code(conn, ret, "cannot derive or set traffic keys");
}

/* What has been written so far still goes under the key before. */
static int end_key(struct qkdtls_conn *conn, enum qkdtls_role sender)
{
	return sender == conn->role ? qkdtls_message_flush(conn) : 0;
}

static int set_handshake_key(struct qkdtls_conn *conn, enum qkdtls_role sender)
{
	struct qkdtls_traffic_key key;
	int ret = end_key(conn, sender);

	if (ret)
		return ret;
	ret = qkdtls_schedule_traffic_key(conn->schedule, QKDTLS_EPOCH_HANDSHAKE, sender,
					  conn->suite, &key);
	if (!ret)
		ret = sender == conn->role ? qkdtls_record_writer_key(&conn->writer, &key)
					   : qkdtls_record_reader_key(&conn->reader, &key);
	qkdtls_wipe(&key, sizeof(key));
	return ret ? fail_keys(conn, ret) : 0;
}

static int own_key(void *arg, struct qkdtls_traffic_key *key)
{
	const struct qkdtls_conn *conn = arg;

	return qkdtls_schedule_traffic_key(conn->schedule, QKDTLS_EPOCH_APPLICATION, conn->role,
					   conn->suite, key);
}

static int peer_key(void *arg, struct qkdtls_traffic_key *key)
{
	const struct qkdtls_conn *conn = arg;

	return qkdtls_schedule_traffic_key(conn->schedule, QKDTLS_EPOCH_APPLICATION,
					   qkdtls_peer_of(conn), conn->suite, key);
}

/* Derived with their first record: those of a connection that the kernel takes over are only ever used there. */
int qkdtls_keys_set_application(struct qkdtls_conn *conn, enum qkdtls_role sender)
{
	int ret = end_key(conn, sender);

	if (ret)
		return ret;
	if (sender == conn->role) {
		qkdtls_record_writer_key_from(&conn->writer, conn->suite, own_key, conn);
		qkdtls_key_age_start(conn);
		return 0;
	}
	ret = qkdtls_record_reader_key_from(&conn->reader, conn->suite, peer_key, conn);
	return ret ? fail_keys(conn, ret) : 0;
}

/* ---- Key log (SSLKEYLOGFILE) ---- */

#define LOG_LABEL_MAX 40
#define LOG_LINE_MAX  (LOG_LABEL_MAX + 2 * (QKDTLS_RANDOM_LEN + QKDTLS_HASH_MAX) + 3)

static size_t put_hex(char *line, size_t at, const uint8_t *data, size_t len)
{
	for (size_t i = 0; i < len; i++)
		at += (size_t)snprintf(line + at, LOG_LINE_MAX - at, "%02x", data[i]);
	return at;
}

static void log_line(const struct qkdtls_conn *conn, const char *label, const uint8_t *secret)
{
	char line[LOG_LINE_MAX];
	size_t at;

	at = (size_t)snprintf(line, sizeof(line), "%.*s ", LOG_LABEL_MAX, label);
	at = put_hex(line, at, conn->hs->client_random, QKDTLS_RANDOM_LEN);
	line[at++] = ' ';
	put_hex(line, at, secret, qkdtls_hash_len(conn->suite->hash));
	conn->config->keylog(conn->config->keylog_arg, line);
	qkdtls_wipe(line, sizeof(line));
}

static const struct {
	enum qkdtls_epoch epoch;
	enum qkdtls_role sender;
	const char *label;
} log_labels[] = {
	{ QKDTLS_EPOCH_HANDSHAKE, QKDTLS_CLIENT, "CLIENT_HANDSHAKE_TRAFFIC_SECRET" },
	{ QKDTLS_EPOCH_HANDSHAKE, QKDTLS_SERVER, "SERVER_HANDSHAKE_TRAFFIC_SECRET" },
	{ QKDTLS_EPOCH_APPLICATION, QKDTLS_CLIENT, "CLIENT_TRAFFIC_SECRET_0" },
	{ QKDTLS_EPOCH_APPLICATION, QKDTLS_SERVER, "SERVER_TRAFFIC_SECRET_0" },
};

static void log_secrets(const struct qkdtls_conn *conn, enum qkdtls_epoch epoch)
{
	uint8_t secret[QKDTLS_HASH_MAX];

	if (!conn->config->keylog)
		return;
	for (size_t i = 0; i < ARRAY_SIZE(log_labels); i++)
		if (log_labels[i].epoch == epoch &&
		    !qkdtls_schedule_reveal(conn->schedule, epoch, log_labels[i].sender, secret))
			log_line(conn, log_labels[i].label, secret);
	if (epoch == QKDTLS_EPOCH_APPLICATION &&
	    !qkdtls_schedule_reveal_exporter(conn->schedule, secret))
		log_line(conn, "EXPORTER_SECRET", secret);
	qkdtls_wipe(secret, sizeof(secret));
}

/* ---- Changes ---- */

/* Behind ServerHello */
int qkdtls_keys_handshake(struct qkdtls_conn *conn)
{
	struct qkdtls_handshake *hs = conn->hs;
	uint8_t hash[QKDTLS_HASH_MAX];
	int ret;

	conn->suite = hs->suite;
	conn->info.suite = hs->suite->number;
	conn->info.group = hs->group->number;
	ret = qkdtls_transcript_start(&hs->transcript, hs->suite->hash);
	if (!ret)
		ret = qkdtls_transcript_hash(&hs->transcript, hash);
	qkdtls_schedule_suite(conn->schedule, hs->suite);
	if (!ret)
		ret = qkdtls_schedule_handshake(conn->schedule, hs->kex_secret, hs->group->secret,
						hash);
	qkdtls_wipe(hs->kex_secret, sizeof(hs->kex_secret));
	if (ret)
		return fail_keys(conn, ret);
	log_secrets(conn, QKDTLS_EPOCH_HANDSHAKE);
	ret = set_handshake_key(conn, conn->role);
	return ret ? ret : set_handshake_key(conn, qkdtls_peer_of(conn));
}

/* Behind the server's Finished: it has no more to say under the handshake key. */
int qkdtls_keys_application(struct qkdtls_conn *conn)
{
	uint8_t hash[QKDTLS_HASH_MAX];
	int ret = qkdtls_transcript_hash(&conn->hs->transcript, hash);

	if (!ret)
		ret = qkdtls_schedule_application(conn->schedule, hash);
	if (ret)
		return fail_keys(conn, ret);
	log_secrets(conn, QKDTLS_EPOCH_APPLICATION);
	if (conn->role == QKDTLS_CLIENT)
		conn->reader.allow_ccs = false;
	return qkdtls_keys_set_application(conn, QKDTLS_SERVER);
}

/* Behind the client's Finished */
int qkdtls_keys_complete(struct qkdtls_conn *conn)
{
	int ret = qkdtls_keys_set_application(conn, QKDTLS_CLIENT);

	if (ret)
		return ret;
	ret = qkdtls_schedule_complete(conn->schedule);
	if (ret)
		return fail_keys(conn, ret);
	conn->reader.allow_ccs = false;
	qkdtls_handshake_free(conn);
	qkdtls_conn_rest(conn);
	return 0;
}
