// SPDX-License-Identifier: GPL-2.0-or-later
/* record_size_limit (RFC 8449): how large a protected record each end takes */
#include "tls/internal.h"

static int record_limit_read(struct qkdtls_conn *conn, enum qkdtls_ext_place place,
			     struct qkdtls_cursor *body)
{
	uint16_t limit;

	if (!qkdtls_get_u16(body, &limit))
		return qkdtls_fail(conn, QKDTLS_ALERT_DECODE_ERROR, "malformed record_size_limit");
	if (limit < QKDTLS_RECORD_LIMIT_MIN)
		return qkdtls_fail(conn, QKDTLS_ALERT_ILLEGAL_PARAMETER,
				   "record_size_limit below 64");
	/* A larger one may be meant for a later version, but of this one no record is larger. */
	conn->hs->hello.record_limit =
		limit < QKDTLS_RECORD_INNER_MAX ? limit : QKDTLS_RECORD_INNER_MAX;
	return 0;
}

/* Whoever takes records of any size need not ask; an answer says that the peer's limit is kept. */
static bool record_limit_want(const struct qkdtls_conn *conn, enum qkdtls_ext_place place)
{
	if (place == QKDTLS_IN_CH)
		return conn->config->record_limit < QKDTLS_RECORD_INNER_MAX;
	return qkdtls_ext_seen(&conn->hs->hello, QKDTLS_EXT_RECORD_SIZE_LIMIT);
}

static void record_limit_write(struct qkdtls_conn *conn, enum qkdtls_ext_place place,
			       struct qkdtls_writer *w)
{
	qkdtls_put_u16(w, conn->config->record_limit);
}

const struct qkdtls_ext_ops qkdtls_ext_record_size_limit = {
	.read = record_limit_read,
	.want = record_limit_want,
	.write = record_limit_write,
};

int qkdtls_record_limits_start(struct qkdtls_conn *conn)
{
	if (!qkdtls_ext_seen(&conn->hs->hello, QKDTLS_EXT_RECORD_SIZE_LIMIT))
		return 0;
	qkdtls_record_writer_limit(&conn->writer, conn->hs->hello.record_limit);
	if (qkdtls_record_reader_limit(&conn->reader, conn->config->record_limit))
		return 0;
	return qkdtls_fail(conn, QKDTLS_ALERT_RECORD_OVERFLOW,
			   "the record of EncryptedExtensions is above the limit");
}
