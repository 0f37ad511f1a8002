// SPDX-License-Identifier: GPL-2.0-or-later
/* Stands for ext_*.c to ext.c: of each body any number of bytes is read, or it is refused. */
#include "prove.h"

int bodies_read;

static int any_read(struct qkdtls_conn *conn, enum qkdtls_ext_place place,
		    struct qkdtls_cursor *body)
{
	const size_t left = qkdtls_cursor_left(body), len = nondet_size();

	check(conn->hs, "there is a handshake");
	check(sound(body), "a body is a sound cursor");
	if (nondet_bool())
		return qkdtls_fail(conn, QKDTLS_ALERT_DECODE_ERROR, "any");
	assume(len <= left);
	*body = qkdtls_cursor(body->pos + len, left - len);
	bodies_read++;
	return 0;
}

const struct qkdtls_ext_ops qkdtls_ext_server_name = { .read = any_read };
const struct qkdtls_ext_ops qkdtls_ext_supported_versions = { .read = any_read };
const struct qkdtls_ext_ops qkdtls_ext_signature_algorithms = { .read = any_read };
const struct qkdtls_ext_ops qkdtls_ext_signature_algorithms_cert = { .read = any_read };
const struct qkdtls_ext_ops qkdtls_ext_cookie = { .read = any_read };
const struct qkdtls_ext_ops qkdtls_ext_status_request = { .read = any_read };
const struct qkdtls_ext_ops qkdtls_ext_alpn = { .read = any_read };
const struct qkdtls_ext_ops qkdtls_ext_record_size_limit = { .read = any_read };
const struct qkdtls_ext_ops qkdtls_ext_supported_groups = { .read = any_read };
const struct qkdtls_ext_ops qkdtls_ext_key_share = { .read = any_read };
const struct qkdtls_ext_ops qkdtls_ext_psk_modes = { .read = any_read };
const struct qkdtls_ext_ops qkdtls_ext_cert_with_psk = { .read = any_read };
const struct qkdtls_ext_ops qkdtls_ext_pre_shared_key = { .read = any_read };
const struct qkdtls_ext_ops qkdtls_ext_early_data = { .read = any_read };
