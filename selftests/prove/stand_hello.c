// SPDX-License-Identifier: GPL-2.0-or-later
/* Stands for what a hello leads to: choice, lists, key exchange. */
#include "prove.h"

int qkdtls_hello_select(struct qkdtls_conn *conn)
{
	check(sound(&conn->hs->hello.suites) && sound(&conn->hs->hello.session_id),
	      "the hello is sound");
	return nondet_bool() ? 0 : QKDTLS_ERROR;
}
