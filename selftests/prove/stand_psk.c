// SPDX-License-Identifier: GPL-2.0-or-later
/* Stands for psk.c, as a client's hellos use it. */
#include "prove.h"

void qkdtls_psk_keep_hash(struct qkdtls_conn *conn, enum qkdtls_hash hash)
{
	const size_t kept = nondet_size();

	assume(kept <= conn->hs->offer_count);
	conn->hs->offer_count = kept;
}

int qkdtls_psk_chosen(struct qkdtls_conn *conn, bool none, uint16_t index)
{
	check(none || index < conn->hs->offer_count, "a choice is one of the offers");
	return nondet_bool() ? 0 : QKDTLS_ERROR;
}
