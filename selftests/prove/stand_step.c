// SPDX-License-Identifier: GPL-2.0-or-later
/* Stands for what message.c asks of steps.c and others: any order of messages, any random. */
#include "prove.h"

bool qkdtls_step_expects(const struct qkdtls_conn *conn, uint8_t type)
{
	return nondet_bool();
}

bool qkdtls_step_ends_flight(const struct qkdtls_conn *conn, enum qkdtls_message type)
{
	return nondet_bool();
}

bool qkdtls_hello_is_retry(const uint8_t *random)
{
	check(__CPROVER_r_ok(random, QKDTLS_RANDOM_LEN), "a random is there");
	return nondet_bool();
}

int qkdtls_alert_recv(struct qkdtls_conn *conn, const uint8_t *data, size_t len)
{
	check(__CPROVER_r_ok(data, len), "an alert is there");
	return nondet_bool() ? 0 : QKDTLS_ERROR;
}
