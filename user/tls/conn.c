// SPDX-License-Identifier: GPL-2.0-or-later
/* The connection's public calls up to and around the handshake; stream.c has those after it. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tls/crypto_random.h"
#include "tls/internal.h"

/* A handshake message in hand and one record behind what is missing of it */
#define MESSAGES_MAX (QKDTLS_MESSAGE_MAX + 4 + QKDTLS_RECORD_PLAIN_MAX)
#define FLIGHT_MAX   (2 * QKDTLS_MESSAGE_MAX)
#define OUT_MAX	     (4 * QKDTLS_MESSAGE_MAX)

static bool has_ops(const struct qkdtls_config *config, enum qkdtls_role role,
		    const struct qkdtls_psk_ops *psk)
{
	if (!psk)
		return config->policy == QKDTLS_PREFER;
	return role == QKDTLS_CLIENT ? psk->take != NULL : psk->find && psk->commit && psk->release;
}

struct qkdtls_conn *qkdtls_conn_alloc(struct qkdtls_config *config, enum qkdtls_role role)
{
	struct qkdtls_conn *conn = calloc(1, sizeof(*conn));

	if (!conn)
		return NULL;
	conn->config = qkdtls_config_ref(config);
	conn->role = role;
	conn->error.sent = QKDTLS_ALERT_NONE;
	conn->error.received = QKDTLS_ALERT_NONE;
	conn->error.reason = "";
	qkdtls_record_reader_init(&conn->reader);
	qkdtls_record_writer_init(&conn->writer);
	conn->kernel.payload_max = QKDTLS_RECORD_PLAIN_MAX;
	qkdtls_buf_init(&conn->messages, MESSAGES_MAX);
	qkdtls_buf_init(&conn->flight, FLIGHT_MAX);
	qkdtls_buf_init(&conn->out, OUT_MAX);
	return conn;
}

struct qkdtls_conn *qkdtls_conn_new(struct qkdtls_config *config, enum qkdtls_role role,
				    const struct qkdtls_psk_ops *psk, void *psk_arg)
{
	struct qkdtls_conn *conn;

	if (qkdtls_config_problem(config, role) || !has_ops(config, role, psk))
		return NULL;
	conn = qkdtls_conn_alloc(config, role);
	if (!conn)
		return NULL;
	conn->psk_ops = psk;
	conn->psk_arg = psk_arg;
	conn->state = role == QKDTLS_CLIENT ? QKDTLS_C_START : QKDTLS_S_HELLO;
	if (qkdtls_handshake_new(conn)) {
		qkdtls_conn_free(conn);
		return NULL;
	}
	return conn;
}

/* Nothing but output is left to a connection that has failed. */
void qkdtls_conn_wipe(struct qkdtls_conn *conn)
{
	qkdtls_handshake_free(conn);
	qkdtls_schedule_free(conn->schedule);
	conn->schedule = NULL;
	conn->plain = qkdtls_cursor(NULL, 0);
	qkdtls_record_reader_free(&conn->reader);
	qkdtls_record_writer_free(&conn->writer);
	qkdtls_buf_free(&conn->messages);
}

void qkdtls_conn_rest(struct qkdtls_conn *conn)
{
	qkdtls_buf_rest(&conn->reader.body);
	qkdtls_buf_rest(&conn->messages);
	qkdtls_buf_rest(&conn->flight);
	qkdtls_buf_rest(&conn->out);
}

void qkdtls_conn_free(struct qkdtls_conn *conn)
{
	if (!conn)
		return;
	qkdtls_conn_wipe(conn);
	qkdtls_seal_unref(conn->late_seal);
	qkdtls_chain_free(conn->chain);
	qkdtls_buf_free(&conn->flight);
	qkdtls_buf_free(&conn->out);
	qkdtls_config_unref(conn->config);
	qkdtls_wipe(conn, sizeof(*conn));
	free(conn);
}

void qkdtls_conn_set_signer(struct qkdtls_conn *conn, qkdtls_sign_fn sign, void *arg)
{
	conn->sign = sign;
	conn->sign_arg = arg;
}

enum qkdtls_want qkdtls_handshake(struct qkdtls_conn *conn)
{
	const enum qkdtls_want want = qkdtls_step_run(conn);

	if (want == QKDTLS_FAILED)
		qkdtls_conn_wipe(conn);
	return conn->out.len ? QKDTLS_WANT_WRITE : want;
}

size_t qkdtls_wanted(const struct qkdtls_conn *conn)
{
	if (conn->failed || conn->keys_taken || conn->peer_closed ||
	    !qkdtls_cursor_empty(&conn->plain) || !qkdtls_step_reads(conn))
		return 0;
	return qkdtls_record_reader_wanted(&conn->reader);
}

int qkdtls_input(struct qkdtls_conn *conn, const void *data, size_t len)
{
	int ret;

	if (len > qkdtls_wanted(conn))
		return -EMSGSIZE;
	if (!len)
		return 0; /* a record in hand stays in hand */
	ret = qkdtls_record_reader_input(&conn->reader, data, len);
	if (ret) {
		qkdtls_fail_code(conn, ret, "no memory for a record");
		return conn->failure;
	}
	if (conn->state == QKDTLS_UP)
		return 0;
	conn->input_total += len;
	if (conn->input_total <= QKDTLS_HANDSHAKE_MAX)
		return 0;
	qkdtls_fail(conn, QKDTLS_ALERT_DECODE_ERROR, "the handshake is too long");
	return conn->failure;
}

void qkdtls_input_eof(struct qkdtls_conn *conn)
{
	if (conn->peer_closed || conn->keys_taken)
		return;
	qkdtls_fail_received(conn, QKDTLS_ALERT_NONE,
			     conn->state == QKDTLS_UP ? "the stream was cut off"
						      : "the peer ended the handshake");
}

const uint8_t *qkdtls_output(const struct qkdtls_conn *conn, size_t *len)
{
	*len = conn->out.len;
	return qkdtls_buf_data(&conn->out);
}

void qkdtls_output_sent(struct qkdtls_conn *conn, size_t len)
{
	qkdtls_buf_drop(&conn->out, len < conn->out.len ? len : conn->out.len);
	conn->update_unsent -= len < conn->update_unsent ? len : conn->update_unsent;
}

void qkdtls_abort(struct qkdtls_conn *conn, enum qkdtls_alert alert, const char *reason)
{
	if (conn->failed)
		return;
	snprintf(conn->abort_reason, sizeof(conn->abort_reason), "%s", reason);
	qkdtls_fail_errno(conn, alert, -ECANCELED, conn->abort_reason);
}

const struct qkdtls_info *qkdtls_info(const struct qkdtls_conn *conn)
{
	return &conn->info;
}

const uint8_t *qkdtls_peer_certificate(const struct qkdtls_conn *conn, size_t *len)
{
	*len = 0;
	return conn->chain ? qkdtls_chain_leaf(conn->chain, len) : NULL;
}

int qkdtls_export(struct qkdtls_conn *conn, const char *label, const void *context,
		  size_t context_len, uint8_t *out, size_t out_len)
{
	if (conn->failed || conn->state != QKDTLS_UP || !conn->schedule)
		return -EINVAL;
	return qkdtls_schedule_export(conn->schedule, label, context, context_len, out, out_len);
}

/* ---- Traffic keys ---- */

static int traffic_key(const struct qkdtls_conn *conn, enum qkdtls_role sender,
		       struct qkdtls_traffic_key *key)
{
	const int ret = qkdtls_schedule_traffic_key(conn->schedule, QKDTLS_EPOCH_APPLICATION,
						    sender, conn->suite, key);

	if (!ret)
		key->seq = sender == conn->role ? conn->writer.protection.seq
						: conn->reader.protection.seq;
	return ret;
}

int qkdtls_traffic_keys_ready(const struct qkdtls_conn *conn)
{
	if (conn->failed || conn->keys_taken || conn->closed || conn->peer_closed ||
	    conn->state != QKDTLS_UP)
		return -EPERM;
	if (conn->out.len || conn->messages.len || !qkdtls_cursor_empty(&conn->plain) ||
	    qkdtls_record_reader_busy(&conn->reader))
		return -EAGAIN;
	return 0;
}

static int give_traffic_keys(struct qkdtls_conn *conn, struct qkdtls_traffic_key *tx,
			     struct qkdtls_traffic_key *rx, bool for_good)
{
	const enum qkdtls_role peer = qkdtls_peer_of(conn);
	int ret = qkdtls_traffic_keys_ready(conn);

	if (ret)
		return ret;
	ret = traffic_key(conn, conn->role, tx);
	if (!ret)
		ret = traffic_key(conn, peer, rx);
	if (!ret && for_good)
		ret = qkdtls_schedule_hand_over(conn->schedule);
	if (ret) {
		qkdtls_wipe(tx, sizeof(*tx));
		qkdtls_wipe(rx, sizeof(*rx));
		return ret;
	}
	conn->keys_taken = true;
	qkdtls_record_reader_free(&conn->reader);
	qkdtls_record_writer_free(&conn->writer);
	qkdtls_conn_rest(conn);
	return 0;
}

int qkdtls_take_traffic_keys(struct qkdtls_conn *conn, struct qkdtls_traffic_key *tx,
			     struct qkdtls_traffic_key *rx)
{
	return give_traffic_keys(conn, tx, rx, true);
}

int qkdtls_lend_traffic_keys(struct qkdtls_conn *conn, struct qkdtls_traffic_key *tx,
			     struct qkdtls_traffic_key *rx)
{
	const int ret = give_traffic_keys(conn, tx, rx, false);

	conn->kernel.rekeys = !ret;
	return ret;
}
