// SPDX-License-Identifier: GPL-2.0-or-later
/* Stands for what every handler calls: failing, wiping, comparing. Each checks what it is given. */
#include "prove.h"
#include "tls/crypto_random.h"

int qkdtls_fail(struct qkdtls_conn *conn, enum qkdtls_alert alert, const char *reason)
{
	check(reason, "a failure has a reason");
	conn->failed = true;
	return QKDTLS_ERROR;
}

int qkdtls_fail_errno(struct qkdtls_conn *conn, enum qkdtls_alert alert, int failure,
		      const char *reason)
{
	return qkdtls_fail(conn, alert, reason);
}

int qkdtls_fail_code(struct qkdtls_conn *conn, int code, const char *reason)
{
	check(code, "a failure has a code");
	return qkdtls_fail(conn, QKDTLS_ALERT_INTERNAL_ERROR, reason);
}

int qkdtls_fail_received(struct qkdtls_conn *conn, enum qkdtls_alert alert, const char *reason)
{
	return qkdtls_fail(conn, alert, reason);
}

void qkdtls_wipe(void *data, size_t len)
{
	check(!len || __CPROVER_w_ok(data, len), "what is wiped is there");
}

bool qkdtls_equal(const void *a, const void *b, size_t len)
{
	check(__CPROVER_r_ok(a, len) && __CPROVER_r_ok(b, len), "what is compared is there");
	return nondet_bool();
}

int qkdtls_random(void *out, size_t len)
{
	check(__CPROVER_w_ok(out, len), "there is room for randomness");
	return nondet_bool() ? 0 : -1;
}
