// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The table of extensions. Here alone it is decided whether one may stand where it stands: doubled, in
 * the wrong message, not asked for, not last (RFC 9846 section 4.3).
 */
#include "tls/internal.h"

/**
 * struct ext_rule - one extension
 * @type: its number
 * @places: messages it may stand in
 * @unasked: of those, answers that may carry it although it was not offered
 * @ops: reading and writing; NULL: nothing to know, never sent
 */
struct ext_rule {
	uint16_t type;
	unsigned int places;
	unsigned int unasked;
	const struct qkdtls_ext_ops *ops;
};

/* Written in this order; pre_shared_key must come last (RFC 9846 section 4.3.11). */
static const struct ext_rule ext_rules[] = {
	{ QKDTLS_EXT_SUPPORTED_VERSIONS, QKDTLS_IN_CH | QKDTLS_IN_SH | QKDTLS_IN_HRR, 0,
	  &qkdtls_ext_supported_versions },
	{ QKDTLS_EXT_SERVER_NAME, QKDTLS_IN_CH | QKDTLS_IN_EE, 0, &qkdtls_ext_server_name },
	{ QKDTLS_EXT_STATUS_REQUEST, QKDTLS_IN_CH | QKDTLS_IN_CR | QKDTLS_IN_CT, 0,
	  &qkdtls_ext_status_request },
	{ QKDTLS_EXT_SUPPORTED_GROUPS, QKDTLS_IN_CH | QKDTLS_IN_EE, 0,
	  &qkdtls_ext_supported_groups },
	{ QKDTLS_EXT_SIGNATURE_ALGORITHMS, QKDTLS_IN_CH | QKDTLS_IN_CR, 0,
	  &qkdtls_ext_signature_algorithms },
	{ QKDTLS_EXT_SIGNATURE_ALGORITHMS_CERT, QKDTLS_IN_CH | QKDTLS_IN_CR, 0,
	  &qkdtls_ext_signature_algorithms_cert },
	{ QKDTLS_EXT_ALPN, QKDTLS_IN_CH | QKDTLS_IN_EE, 0, &qkdtls_ext_alpn },
	{ QKDTLS_EXT_RECORD_SIZE_LIMIT, QKDTLS_IN_CH | QKDTLS_IN_EE, 0,
	  &qkdtls_ext_record_size_limit },
	{ QKDTLS_EXT_COOKIE, QKDTLS_IN_CH | QKDTLS_IN_HRR, QKDTLS_IN_HRR, &qkdtls_ext_cookie },
	{ QKDTLS_EXT_KEY_SHARE, QKDTLS_IN_CH | QKDTLS_IN_SH | QKDTLS_IN_HRR, 0,
	  &qkdtls_ext_key_share },
	{ QKDTLS_EXT_PSK_KEY_EXCHANGE_MODES, QKDTLS_IN_CH, 0, &qkdtls_ext_psk_modes },
	{ QKDTLS_EXT_CERT_WITH_EXTERN_PSK, QKDTLS_IN_CH | QKDTLS_IN_SH, 0,
	  &qkdtls_ext_cert_with_psk },
	{ QKDTLS_EXT_EARLY_DATA, QKDTLS_IN_CH | QKDTLS_IN_EE | QKDTLS_IN_NST, QKDTLS_IN_NST,
	  &qkdtls_ext_early_data },
	{ QKDTLS_EXT_PADDING, QKDTLS_IN_CH, 0, NULL },
	{ QKDTLS_EXT_PRE_SHARED_KEY, QKDTLS_IN_CH | QKDTLS_IN_SH, 0, &qkdtls_ext_pre_shared_key },
};

/* In these an extension of nobody's asking is ignored; in all others it answers one of ours. */
#define EXT_REQUESTS (QKDTLS_IN_CH | QKDTLS_IN_CR | QKDTLS_IN_NST)

/* Its row in the table; ARRAY_SIZE(ext_rules): it has none */
static size_t ext_row(uint16_t type)
{
	size_t row = 0;

	while (row < ARRAY_SIZE(ext_rules) && ext_rules[row].type != type)
		row++;
	return row;
}

static uint32_t ext_bit(size_t row)
{
	return UINT32_C(1) << row;
}

bool qkdtls_ext_seen(const struct qkdtls_hello *hello, enum qkdtls_ext_type type)
{
	return hello->seen & ext_bit(ext_row(type));
}

bool qkdtls_ext_sent(const struct qkdtls_conn *conn, enum qkdtls_ext_type type)
{
	return conn->hs->sent & ext_bit(ext_row(type));
}

static int ext_admit(struct qkdtls_conn *conn, enum qkdtls_ext_place place, size_t row)
{
	if (row == ARRAY_SIZE(ext_rules))
		return place & EXT_REQUESTS ? 0
					    : qkdtls_fail(conn, QKDTLS_ALERT_UNSUPPORTED_EXTENSION,
							  "extension that was not offered");
	if (!(ext_rules[row].places & place))
		return qkdtls_fail(conn, QKDTLS_ALERT_ILLEGAL_PARAMETER,
				   "extension in the wrong message");
	if (!((EXT_REQUESTS | ext_rules[row].unasked) & place) && !(conn->hs->sent & ext_bit(row)))
		return qkdtls_fail(conn, QKDTLS_ALERT_UNSUPPORTED_EXTENSION,
				   "extension that was not offered");
	return 0;
}

static int ext_read_one(struct qkdtls_conn *conn, enum qkdtls_ext_place place, uint16_t type,
			struct qkdtls_cursor *body)
{
	const size_t row = ext_row(type);
	int ret = ext_admit(conn, place, row);

	if (ret || row == ARRAY_SIZE(ext_rules) || place == QKDTLS_IN_NST)
		return ret;
	conn->hs->hello.seen |= ext_bit(row);
	if (!ext_rules[row].ops)
		return 0;
	ret = ext_rules[row].ops->read(conn, place, body);
	if (!ret && !qkdtls_cursor_empty(body))
		ret = qkdtls_fail(conn, QKDTLS_ALERT_DECODE_ERROR,
				  "bytes behind the end of an extension");
	return ret;
}

int qkdtls_ext_read(struct qkdtls_conn *conn, enum qkdtls_ext_place place,
		    struct qkdtls_cursor *body)
{
	struct qkdtls_cursor block, content;
	struct qkdtls_u16_set types;
	uint16_t type;
	int ret;

	if (!qkdtls_get_vec16(body, 0, UINT16_MAX, &block))
		return qkdtls_fail(conn, QKDTLS_ALERT_DECODE_ERROR, "malformed extensions");
	qkdtls_u16_set_init(&types);
	if (conn->hs) {
		conn->hs->hello.seen = 0;
		conn->hs->hello.extensions = block;
	}
	while (!qkdtls_cursor_empty(&block)) {
		if (!qkdtls_get_u16(&block, &type) ||
		    !qkdtls_get_vec16(&block, 0, UINT16_MAX, &content))
			return qkdtls_fail(conn, QKDTLS_ALERT_DECODE_ERROR, "malformed extension");
		/* Binders cover all before them, so nothing may stand behind them. */
		if (place == QKDTLS_IN_CH && qkdtls_u16_set_has(&types, QKDTLS_EXT_PRE_SHARED_KEY))
			return qkdtls_fail(conn, QKDTLS_ALERT_ILLEGAL_PARAMETER,
					   "pre_shared_key is not the last extension");
		if (!qkdtls_u16_set_add(&types, type))
			return qkdtls_fail(conn, QKDTLS_ALERT_ILLEGAL_PARAMETER,
					   "extension that is there twice");
		ret = ext_read_one(conn, place, type, &content);
		if (ret)
			return ret;
	}
	return 0;
}

void qkdtls_ext_write(struct qkdtls_conn *conn, enum qkdtls_ext_place place,
		      struct qkdtls_writer *w)
{
	const struct qkdtls_mark block = qkdtls_put_open(w, 2);
	const struct ext_rule *rule;
	struct qkdtls_mark content;
	uint32_t sent = 0;

	for (size_t row = 0; row < ARRAY_SIZE(ext_rules); row++) {
		rule = &ext_rules[row];
		if (!(rule->places & place) || !rule->ops || !rule->ops->want ||
		    !rule->ops->want(conn, place))
			continue;
		qkdtls_put_u16(w, rule->type);
		content = qkdtls_put_open(w, 2);
		if (rule->ops->write)
			rule->ops->write(conn, place, w);
		qkdtls_put_close(w, content);
		sent |= ext_bit(row);
	}
	qkdtls_put_close(w, block);
	if (place & EXT_REQUESTS)
		conn->hs->sent = sent;
}
