// SPDX-License-Identifier: GPL-2.0-or-later
#include "hellos.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

void take_client_hello(const struct loopback *lb, struct forged_message *hello)
{
	const uint8_t *data;
	size_t len;

	assert_int_equal(qkdtls_handshake(lb->end[QKDTLS_CLIENT]), QKDTLS_WANT_WRITE);
	data = qkdtls_output(lb->end[QKDTLS_CLIENT], &len);
	assert_int_equal(forge_read_plain(data, len, hello), len);
	qkdtls_output_sent(lb->end[QKDTLS_CLIENT], len);
}

void assert_alert(const struct qkdtls_conn *conn, const char *what, enum qkdtls_alert alert)
{
	const struct qkdtls_error *error = qkdtls_error(conn);

	if (error->sent != alert)
		print_message("# %s: %s (%s) instead of %s\n", what, qkdtls_alert_name(error->sent),
			      error->reason, qkdtls_alert_name(alert));
	assert_int_equal(error->sent, alert);
}

void judge_client_hello(struct loopback *lb, struct forged_message *hello,
			const struct bad_hello *bad)
{
	struct qkdtls_conn *server = lb->end[QKDTLS_SERVER];
	const struct keyring *ring = &lb->ring[QKDTLS_SERVER];

	if (bad->alert == QKDTLS_ALERT_NONE) {
		forge_bind(hello, lb->end[QKDTLS_CLIENT], server);
		assert_int_equal(forge_feed_plain(server, hello), QKDTLS_WANT_READ);
		assert_int_equal(ring->committed, 1);
	} else {
		assert_int_equal(forge_feed_plain(server, hello), QKDTLS_FAILED);
		/* Only a hello in which all else is right may make the source look up a key. */
		if (bad->alert != QKDTLS_ALERT_DECRYPT_ERROR)
			assert_int_equal(ring->found, 0);
		assert_int_equal(ring->committed, 0);
	}
	assert_alert(server, bad->what, bad->alert);
	assert_int_equal(ring->found, ring->released + ring->committed);
}
