// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SOURCES: tls/ext_hello.c tls/ext_share.c tls/ext_psk.c tls/ext_status.c tls/ext_record_limit.c tls/buf.c
 * SOURCES: stand_engine.c stand_conn.c stand_u16_set.c stand_pki.c stand_memchr.c
 * UNWIND: 17
 * FLAGS: --unwindset qkdtls_list_has.0:25,client_shares_read.0:11,read_request.0:16
 * BOUND: a body of up to 48 bytes in any message
 * VARIANTS: supported_versions server_name status_request supported_groups signature_algorithms
 * VARIANTS: signature_algorithms_cert record_size_limit cookie key_share psk_modes cert_with_psk early_data
 */
#include "prove.h"

#define BODY_MAX 48

#define GLUE2(a, b) a##b
#define GLUE(a, b)  GLUE2(a, b)
#define OPS	    GLUE(qkdtls_ext_, VARIANT)

void harness(void)
{
	struct qkdtls_conn *conn = any_conn();
	struct qkdtls_cursor body = any_input(BODY_MAX);
	struct qkdtls_hello *hello = &conn->hs->hello;
	const unsigned int shift = nondet_u8();

	conn->hs->status = qkdtls_cursor(NULL, 0);
	assume(shift <= 5);
	if (OPS.read(conn, 1 << shift, &body))
		return;
	check(sound(&body), "what is left is sound");
	check(sound(&hello->share) && sound(&hello->shares) && sound(&hello->groups) &&
		      sound(&hello->schemes) && sound(&hello->cookie) && sound(&conn->hs->status),
	      "what is kept is sound");
	check(qkdtls_cursor_left(&hello->groups) % 2 == 0 &&
		      qkdtls_cursor_left(&hello->schemes) % 2 == 0,
	      "lists of numbers have whole numbers");
	check(!hello->record_limit || (hello->record_limit >= QKDTLS_RECORD_LIMIT_MIN &&
				       hello->record_limit <= QKDTLS_RECORD_INNER_MAX),
	      "a limit is one that records can have");
	REACHED(qkdtls_cursor_empty(&body), "a body is taken");
}
