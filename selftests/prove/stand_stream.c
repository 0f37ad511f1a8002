// SPDX-License-Identifier: GPL-2.0-or-later
/* Stands for stream.c, key_update.c and conn.c, as the socket calls them. */
#include <errno.h>
#include "prove.h"

enum qkdtls_control qkdtls_control(struct qkdtls_conn *conn, uint8_t content_type, const void *data,
				   size_t len)
{
	const uint8_t answer = nondet_u8();

	check(content_type == QKDTLS_CONTENT_DATA || __CPROVER_r_ok(data, len),
	      "a record that is judged is there");
	assume(answer <= QKDTLS_CONTROL_FAILED);
	conn->peer_closed |= answer == QKDTLS_CONTROL_CLOSE;
	return (enum qkdtls_control)answer;
}

bool qkdtls_key_age_over(const struct qkdtls_conn *conn, size_t bytes)
{
	return nondet_bool();
}

void qkdtls_key_age_start(struct qkdtls_conn *conn)
{
}

void qkdtls_key_update_write(const struct qkdtls_conn *conn, bool peer_too,
			     uint8_t message[QKDTLS_KEY_UPDATE_LEN])
{
	for (size_t i = 0; i < QKDTLS_KEY_UPDATE_LEN; i++)
		message[i] = nondet_u8();
}

void qkdtls_key_update_sent(struct qkdtls_conn *conn, const uint8_t message[QKDTLS_KEY_UPDATE_LEN])
{
}

void qkdtls_conn_wipe(struct qkdtls_conn *conn)
{
	conn->plain = qkdtls_cursor(NULL, 0);
}

void qkdtls_conn_rest(struct qkdtls_conn *conn)
{
	check(false, "the engine's queues have never had anything");
}

/* The engine's own records are not there: the harness is about the kernel's. */

ssize_t qkdtls_receive(struct qkdtls_conn *conn, void *buf, size_t len)
{
	check(false, "the engine has no keys");
	return -EPERM;
}

size_t qkdtls_wanted(const struct qkdtls_conn *conn)
{
	return 0;
}

int qkdtls_input(struct qkdtls_conn *conn, const void *data, size_t len)
{
	return -EMSGSIZE;
}

void qkdtls_input_eof(struct qkdtls_conn *conn)
{
}

const uint8_t *qkdtls_output(const struct qkdtls_conn *conn, size_t *len)
{
	*len = 0;
	return NULL;
}

void qkdtls_output_sent(struct qkdtls_conn *conn, size_t len)
{
}
