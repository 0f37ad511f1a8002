// SPDX-License-Identifier: GPL-2.0-or-later
/* The order of the handshake, as a table. A message that has no row in a state is unexpected there. */
#include <errno.h>

#include "tls/internal.h"

static bool server_proves(const struct qkdtls_conn *conn)
{
	return conn->info.certificate;
}

static bool retries(const struct qkdtls_conn *conn)
{
	return conn->hs->retry;
}

static bool was_asked(const struct qkdtls_conn *conn)
{
	return conn->hs->cert_requested;
}

static bool signs(const struct qkdtls_conn *conn)
{
	return conn->hs->cert_sent;
}

/* psk_ke aside, which nobody negotiates, a client is asked only beside the server's certificate. */
static bool asks(const struct qkdtls_conn *conn)
{
	return conn->info.certificate && conn->config->verify_client;
}

static bool is_client(const struct qkdtls_conn *conn)
{
	return conn->role == QKDTLS_CLIENT;
}

/**
 * struct step - one row
 * @state: where it stands
 * @message: that is awaited, or NONE for something to do
 * @recv: handles the message; behind it the message enters the transcript
 * @action: what to do, if there is no message
 * @next: state afterwards
 * @applies: NULL: always. A state none of whose rows applies is passed over to its first row's @next
 * @ends: the message is the last of its sender's flight or before a change of keys
 */
struct step {
	enum qkdtls_state state;
	enum qkdtls_message message;
	qkdtls_recv_fn recv;
	qkdtls_action_fn action;
	enum qkdtls_state next;
	bool (*applies)(const struct qkdtls_conn *conn);
	bool ends;
};

/* Rows name states and messages without their prefix. */
#define ROW(state, message, recv, action, next, applies, ends)                                   \
	{                                                                                        \
		QKDTLS_##state, QKDTLS_MSG_##message, recv, action, QKDTLS_##next, applies, ends \
	}
#define RECV(state, message, recv, next, applies) \
	ROW(state, message, recv, NULL, next, applies, false)
#define LAST(state, message, recv, next, applies) \
	ROW(state, message, recv, NULL, next, applies, true)
#define ACT(state, action, next, applies) ROW(state, NONE, NULL, action, next, applies, false)

/* clang-format off */
static const struct step steps[] = {
	/* Client */
	ACT(C_START, qkdtls_psk_take, C_HELLO, NULL),
	ACT(C_HELLO, qkdtls_client_hello_send, C_SERVER_HELLO, NULL),
	LAST(C_SERVER_HELLO, SERVER_HELLO, qkdtls_server_hello_recv, C_KEYS, NULL),
	LAST(C_SERVER_HELLO, HELLO_RETRY, qkdtls_hello_retry_recv, C_SECOND_HELLO, NULL),
	ACT(C_SECOND_HELLO, qkdtls_client_hello_send, C_SERVER_HELLO_AGAIN, NULL),
	LAST(C_SERVER_HELLO_AGAIN, SERVER_HELLO, qkdtls_server_hello_recv, C_KEYS, NULL),
	ACT(C_KEYS, qkdtls_keys_handshake, C_EXTENSIONS, NULL),
	RECV(C_EXTENSIONS, ENCRYPTED_EXTENSIONS,
	     qkdtls_encrypted_extensions_recv, C_REQUEST_OR_CERT, NULL),
	RECV(C_REQUEST_OR_CERT, CERTIFICATE_REQUEST,
	     qkdtls_certificate_request_recv, C_CERT, server_proves),
	RECV(C_REQUEST_OR_CERT, CERTIFICATE, qkdtls_certificate_recv, C_VERIFY, server_proves),
	RECV(C_CERT, CERTIFICATE, qkdtls_certificate_recv, C_VERIFY, server_proves),
	RECV(C_VERIFY, CERTIFICATE_VERIFY,
	     qkdtls_certificate_verify_recv, C_FINISHED, server_proves),
	LAST(C_FINISHED, FINISHED, qkdtls_finished_recv, C_APPLICATION, NULL),
	ACT(C_APPLICATION, qkdtls_keys_application, C_OWN_CERT, NULL),
	ACT(C_OWN_CERT, qkdtls_certificate_send, C_OWN_VERIFY, was_asked),
	ACT(C_OWN_VERIFY, qkdtls_certificate_verify_send, C_OWN_FINISHED, signs),
	ACT(C_OWN_FINISHED, qkdtls_finished_send, COMPLETE, NULL),

	/* Server */
	LAST(S_HELLO, CLIENT_HELLO, qkdtls_client_hello_recv, S_RETRY, NULL),
	ACT(S_RETRY, qkdtls_hello_retry_send, S_SECOND_HELLO, retries),
	LAST(S_SECOND_HELLO, CLIENT_HELLO, qkdtls_second_hello_recv, S_KEX, retries),
	ACT(S_KEX, qkdtls_kex_accept, S_PSK, NULL),
	ACT(S_PSK, qkdtls_psk_accept, S_OWN_HELLO, NULL),
	ACT(S_OWN_HELLO, qkdtls_server_hello_send, S_KEYS, NULL),
	ACT(S_KEYS, qkdtls_keys_handshake, S_OWN_EXTENSIONS, NULL),
	ACT(S_OWN_EXTENSIONS, qkdtls_encrypted_extensions_send, S_REQUEST, NULL),
	ACT(S_REQUEST, qkdtls_certificate_request_send, S_OWN_CERT, asks),
	ACT(S_OWN_CERT, qkdtls_certificate_send, S_OWN_VERIFY, server_proves),
	ACT(S_OWN_VERIFY, qkdtls_certificate_verify_send, S_OWN_FINISHED, server_proves),
	ACT(S_OWN_FINISHED, qkdtls_finished_send, S_APPLICATION, NULL),
	ACT(S_APPLICATION, qkdtls_keys_application, S_CERT, NULL),
	RECV(S_CERT, CERTIFICATE, qkdtls_certificate_recv, S_VERIFY, asks),
	RECV(S_VERIFY, CERTIFICATE_VERIFY, qkdtls_certificate_verify_recv, S_FINISHED, asks),
	LAST(S_FINISHED, FINISHED, qkdtls_finished_recv, COMPLETE, NULL),

	/* Both */
	ACT(COMPLETE, qkdtls_keys_complete, UP, NULL),
	RECV(UP, NEW_SESSION_TICKET, qkdtls_ticket_recv, UP, is_client),
	LAST(UP, KEY_UPDATE, qkdtls_key_update_recv, UP, NULL),
};
/* clang-format on */

/* What an action that cannot go on waits for */
static enum qkdtls_want step_wants(const struct step *step)
{
	return step->action == qkdtls_certificate_verify_send ? QKDTLS_WANT_SIGNATURE
							      : QKDTLS_WANT_PSK;
}

static bool step_applies(const struct qkdtls_conn *conn, const struct step *step)
{
	return !step->applies || step->applies(conn);
}

static const struct step *step_find(const struct qkdtls_conn *conn, enum qkdtls_message message)
{
	for (size_t i = 0; i < ARRAY_SIZE(steps); i++)
		if (steps[i].state == conn->state && steps[i].message == message &&
		    step_applies(conn, &steps[i]))
			return &steps[i];
	return NULL;
}

/* The first row of the present state, if none of its rows applies */
static const struct step *step_to_pass(const struct qkdtls_conn *conn)
{
	const struct step *first = NULL;

	for (size_t i = 0; i < ARRAY_SIZE(steps); i++) {
		if (steps[i].state != conn->state)
			continue;
		if (step_applies(conn, &steps[i]))
			return NULL;
		if (!first)
			first = &steps[i];
	}
	return first;
}

static void step_enter(struct qkdtls_conn *conn, enum qkdtls_state state)
{
	const struct step *pass;

	conn->state = state;
	while ((pass = step_to_pass(conn)))
		conn->state = pass->next;
}

bool qkdtls_step_expects(const struct qkdtls_conn *conn, uint8_t type)
{
	return step_find(conn, type) ||
	       (type == QKDTLS_MSG_SERVER_HELLO && step_find(conn, QKDTLS_MSG_HELLO_RETRY));
}

bool qkdtls_step_ends_flight(const struct qkdtls_conn *conn, enum qkdtls_message type)
{
	const struct step *step = step_find(conn, type);

	return step && step->ends;
}

int qkdtls_step_message(struct qkdtls_conn *conn, const struct qkdtls_incoming *msg)
{
	const struct step *step = step_find(conn, msg->type);
	int ret;

	if (!step)
		return qkdtls_fail(conn, QKDTLS_ALERT_UNEXPECTED_MESSAGE,
				   "handshake message out of order");
	ret = step->recv(conn, msg);
	if (ret)
		return ret;
	if (conn->hs) {
		ret = qkdtls_transcript_add(&conn->hs->transcript, msg->raw, msg->raw_len);
		if (ret)
			return qkdtls_fail_code(conn, ret, "cannot hash a handshake message");
	}
	qkdtls_message_done(conn, msg);
	step_enter(conn, step->next);
	return 0;
}

static int step_read(struct qkdtls_conn *conn)
{
	struct qkdtls_incoming msg;
	int ret = qkdtls_message_flush(conn);

	if (!ret)
		ret = qkdtls_message_next(conn, &msg);
	if (!ret)
		ret = qkdtls_step_message(conn, &msg);
	return ret;
}

bool qkdtls_step_reads(const struct qkdtls_conn *conn)
{
	return !step_find(conn, QKDTLS_MSG_NONE);
}

enum qkdtls_want qkdtls_step_run(struct qkdtls_conn *conn)
{
	const struct step *step;
	int ret;

	while (!conn->failed && conn->state != QKDTLS_UP) {
		step = step_find(conn, QKDTLS_MSG_NONE);
		ret = step ? step->action(conn) : step_read(conn);
		if (ret == QKDTLS_PENDING)
			return step ? step_wants(step) : QKDTLS_WANT_READ;
		if (!ret && step)
			step_enter(conn, step->next);
	}
	return conn->failed ? QKDTLS_FAILED : QKDTLS_DONE;
}
