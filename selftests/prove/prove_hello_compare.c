// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SOURCES: tls/hello_retry.c tls/ext_psk.c stand_cursor.c stand_engine.c stand_ext.c stand_memcmp.c
 * UNWIND: 4
 * BOUND: two hellos with up to 12 bytes of extensions, which may be 3, or up to 21 of identities, which may be 3
 * VARIANTS: extensions identities
 */
#include "prove.h"

static void any_constants(struct qkdtls_hello *hello)
{
	hello->random = any_bytes(QKDTLS_RANDOM_LEN);
	hello->session_id = any_input(QKDTLS_SESSION_ID_LEN);
	hello->suites = any_input(8);
	hello->shares = any_input(16);
}

static void extensions(struct qkdtls_hello *hello)
{
	hello->extensions = any_input(12);
}

static void identities(struct qkdtls_hello *hello)
{
	hello->identities = any_input(21);
}

void harness(void)
{
	struct qkdtls_group group;
	struct qkdtls_handshake hs = { .group = &group };
	struct qkdtls_conn conn = { .hs = &hs };
	struct qkdtls_hello first = { .seen = nondet_u32() }, second = { .seen = nondet_u32() };

	any_constants(&first);
	any_constants(&second);
	VARIANT(&first);
	VARIANT(&second);
	REACHED(!qkdtls_hello_compare(&conn, &first, &second), "a second hello is taken");
}
