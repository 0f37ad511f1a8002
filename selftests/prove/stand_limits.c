// SPDX-License-Identifier: GPL-2.0-or-later
/* Stands for ext_record_limit.c: the limits may come into effect or fail. */
#include "prove.h"

int qkdtls_record_limits_start(struct qkdtls_conn *conn)
{
	return nondet_u8() ? 0 : QKDTLS_ERROR;
}
