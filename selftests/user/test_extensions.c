// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Each extension that the engine knows in each message where it has no place (the table of RFC 9846 section
 * 4.3, RFC 9973 section 5). All are in Documentation/conformance.md.
 */
#include "rows.h"

#include <errno.h>
#include <string.h>

#include "stage.h"
#include "tls/internal.h"

#define ALERT(name) QKDTLS_ALERT_##name

enum place {
	IN_SH,
	IN_HRR,
	IN_EE,
	IN_CR,
	IN_CT,
	IN_NST,
};

struct place_row {
	const char *what;
	enum qkdtls_alert alert;
	enum place place;
	uint16_t type;
};

static const struct place_row places[] = {
	{ "server_name in ServerHello", ALERT(ILLEGAL_PARAMETER), IN_SH, 0 },
	{ "server_name in HelloRetryRequest", ALERT(ILLEGAL_PARAMETER), IN_HRR, 0 },
	{ "server_name in CertificateRequest", ALERT(ILLEGAL_PARAMETER), IN_CR, 0 },
	{ "server_name in Certificate", ALERT(ILLEGAL_PARAMETER), IN_CT, 0 },
	{ "server_name in NewSessionTicket", ALERT(ILLEGAL_PARAMETER), IN_NST, 0 },

	{ "status_request in ServerHello", ALERT(ILLEGAL_PARAMETER), IN_SH, 5 },
	{ "status_request in HelloRetryRequest", ALERT(ILLEGAL_PARAMETER), IN_HRR, 5 },
	{ "status_request in EncryptedExtensions", ALERT(ILLEGAL_PARAMETER), IN_EE, 5 },
	{ "status_request in NewSessionTicket", ALERT(ILLEGAL_PARAMETER), IN_NST, 5 },
	{ "status_request in Certificate, not asked for", ALERT(UNSUPPORTED_EXTENSION), IN_CT, 5 },

	{ "supported_groups in ServerHello", ALERT(ILLEGAL_PARAMETER), IN_SH, 10 },
	{ "supported_groups in HelloRetryRequest", ALERT(ILLEGAL_PARAMETER), IN_HRR, 10 },
	{ "supported_groups in CertificateRequest", ALERT(ILLEGAL_PARAMETER), IN_CR, 10 },
	{ "supported_groups in Certificate", ALERT(ILLEGAL_PARAMETER), IN_CT, 10 },
	{ "supported_groups in NewSessionTicket", ALERT(ILLEGAL_PARAMETER), IN_NST, 10 },

	{ "signature_algorithms in ServerHello", ALERT(ILLEGAL_PARAMETER), IN_SH, 13 },
	{ "signature_algorithms in HelloRetryRequest", ALERT(ILLEGAL_PARAMETER), IN_HRR, 13 },
	{ "signature_algorithms in EncryptedExtensions", ALERT(ILLEGAL_PARAMETER), IN_EE, 13 },
	{ "signature_algorithms in Certificate", ALERT(ILLEGAL_PARAMETER), IN_CT, 13 },
	{ "signature_algorithms in NewSessionTicket", ALERT(ILLEGAL_PARAMETER), IN_NST, 13 },

	{ "ALPN in ServerHello", ALERT(ILLEGAL_PARAMETER), IN_SH, 16 },
	{ "ALPN in HelloRetryRequest", ALERT(ILLEGAL_PARAMETER), IN_HRR, 16 },
	{ "ALPN in CertificateRequest", ALERT(ILLEGAL_PARAMETER), IN_CR, 16 },
	{ "ALPN in Certificate", ALERT(ILLEGAL_PARAMETER), IN_CT, 16 },
	{ "ALPN in NewSessionTicket", ALERT(ILLEGAL_PARAMETER), IN_NST, 16 },

	{ "padding in ServerHello", ALERT(ILLEGAL_PARAMETER), IN_SH, 21 },
	{ "padding in HelloRetryRequest", ALERT(ILLEGAL_PARAMETER), IN_HRR, 21 },
	{ "padding in EncryptedExtensions", ALERT(ILLEGAL_PARAMETER), IN_EE, 21 },
	{ "padding in CertificateRequest", ALERT(ILLEGAL_PARAMETER), IN_CR, 21 },
	{ "padding in Certificate", ALERT(ILLEGAL_PARAMETER), IN_CT, 21 },
	{ "padding in NewSessionTicket", ALERT(ILLEGAL_PARAMETER), IN_NST, 21 },

	{ "record_size_limit in ServerHello", ALERT(ILLEGAL_PARAMETER), IN_SH, 28 },
	{ "record_size_limit in HelloRetryRequest", ALERT(ILLEGAL_PARAMETER), IN_HRR, 28 },
	{ "record_size_limit in CertificateRequest", ALERT(ILLEGAL_PARAMETER), IN_CR, 28 },
	{ "record_size_limit in Certificate", ALERT(ILLEGAL_PARAMETER), IN_CT, 28 },
	{ "record_size_limit in NewSessionTicket", ALERT(ILLEGAL_PARAMETER), IN_NST, 28 },

	{ "extension 33 in HelloRetryRequest", ALERT(ILLEGAL_PARAMETER), IN_HRR, 33 },
	{ "extension 33 in EncryptedExtensions", ALERT(ILLEGAL_PARAMETER), IN_EE, 33 },
	{ "extension 33 in CertificateRequest", ALERT(ILLEGAL_PARAMETER), IN_CR, 33 },
	{ "extension 33 in Certificate", ALERT(ILLEGAL_PARAMETER), IN_CT, 33 },
	{ "extension 33 in NewSessionTicket", ALERT(ILLEGAL_PARAMETER), IN_NST, 33 },

	{ "pre_shared_key in HelloRetryRequest", ALERT(ILLEGAL_PARAMETER), IN_HRR, 41 },
	{ "pre_shared_key in EncryptedExtensions", ALERT(ILLEGAL_PARAMETER), IN_EE, 41 },
	{ "pre_shared_key in CertificateRequest", ALERT(ILLEGAL_PARAMETER), IN_CR, 41 },
	{ "pre_shared_key in Certificate", ALERT(ILLEGAL_PARAMETER), IN_CT, 41 },
	{ "pre_shared_key in NewSessionTicket", ALERT(ILLEGAL_PARAMETER), IN_NST, 41 },

	{ "early_data in ServerHello", ALERT(ILLEGAL_PARAMETER), IN_SH, 42 },
	{ "early_data in HelloRetryRequest", ALERT(ILLEGAL_PARAMETER), IN_HRR, 42 },
	{ "early_data in CertificateRequest", ALERT(ILLEGAL_PARAMETER), IN_CR, 42 },
	{ "early_data in Certificate", ALERT(ILLEGAL_PARAMETER), IN_CT, 42 },

	{ "supported_versions in EncryptedExtensions", ALERT(ILLEGAL_PARAMETER), IN_EE, 43 },
	{ "supported_versions in CertificateRequest", ALERT(ILLEGAL_PARAMETER), IN_CR, 43 },
	{ "supported_versions in Certificate", ALERT(ILLEGAL_PARAMETER), IN_CT, 43 },
	{ "supported_versions in NewSessionTicket", ALERT(ILLEGAL_PARAMETER), IN_NST, 43 },

	{ "cookie in ServerHello", ALERT(ILLEGAL_PARAMETER), IN_SH, 44 },
	{ "cookie in EncryptedExtensions", ALERT(ILLEGAL_PARAMETER), IN_EE, 44 },
	{ "cookie in CertificateRequest", ALERT(ILLEGAL_PARAMETER), IN_CR, 44 },
	{ "cookie in Certificate", ALERT(ILLEGAL_PARAMETER), IN_CT, 44 },
	{ "cookie in NewSessionTicket", ALERT(ILLEGAL_PARAMETER), IN_NST, 44 },

	{ "psk_key_exchange_modes in ServerHello", ALERT(ILLEGAL_PARAMETER), IN_SH, 45 },
	{ "psk_key_exchange_modes in HelloRetryRequest", ALERT(ILLEGAL_PARAMETER), IN_HRR, 45 },
	{ "psk_key_exchange_modes in EncryptedExtensions", ALERT(ILLEGAL_PARAMETER), IN_EE, 45 },
	{ "psk_key_exchange_modes in CertificateRequest", ALERT(ILLEGAL_PARAMETER), IN_CR, 45 },
	{ "psk_key_exchange_modes in Certificate", ALERT(ILLEGAL_PARAMETER), IN_CT, 45 },
	{ "psk_key_exchange_modes in NewSessionTicket", ALERT(ILLEGAL_PARAMETER), IN_NST, 45 },

	{ "signature_algorithms_cert in ServerHello", ALERT(ILLEGAL_PARAMETER), IN_SH, 50 },
	{ "signature_algorithms_cert in HelloRetryRequest", ALERT(ILLEGAL_PARAMETER), IN_HRR, 50 },
	{ "signature_algorithms_cert in EncryptedExtensions", ALERT(ILLEGAL_PARAMETER), IN_EE, 50 },
	{ "signature_algorithms_cert in Certificate", ALERT(ILLEGAL_PARAMETER), IN_CT, 50 },
	{ "signature_algorithms_cert in NewSessionTicket", ALERT(ILLEGAL_PARAMETER), IN_NST, 50 },

	{ "key_share in EncryptedExtensions", ALERT(ILLEGAL_PARAMETER), IN_EE, 51 },
	{ "key_share in CertificateRequest", ALERT(ILLEGAL_PARAMETER), IN_CR, 51 },
	{ "key_share in Certificate", ALERT(ILLEGAL_PARAMETER), IN_CT, 51 },
	{ "key_share in NewSessionTicket", ALERT(ILLEGAL_PARAMETER), IN_NST, 51 },

	{ "unknown extension in ServerHello", ALERT(UNSUPPORTED_EXTENSION), IN_SH, 0x2a2a },
	{ "unknown extension in HelloRetryRequest", ALERT(UNSUPPORTED_EXTENSION), IN_HRR, 0x2a2a },
	{ "unknown extension in EncryptedExtensions", ALERT(UNSUPPORTED_EXTENSION), IN_EE, 0x2a2a },
	{ "unknown extension in Certificate", ALERT(UNSUPPORTED_EXTENSION), IN_CT, 0x2a2a },
	{ "early_data in EncryptedExtensions", ALERT(UNSUPPORTED_EXTENSION), IN_EE, 42 },
	{ "unknown extension in NewSessionTicket", ALERT(NONE), IN_NST, 0x2a2a },
	{ "early_data in NewSessionTicket", ALERT(NONE), IN_NST, 42 },
};

static const struct site_options plain;
static const struct site_options certified = { .verify_client = true };

static void judge(const struct qkdtls_conn *conn, enum qkdtls_alert alert)
{
	const struct qkdtls_error *error = qkdtls_error(conn);

	if (error->sent != alert)
		print_message("# %s (%s)\n", qkdtls_alert_name(error->sent), error->reason);
	assert_int_equal(error->sent, alert);
}

static const struct forge retry[] = {
	HEAD(2, 0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65,
	     0xb8, 0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2,
	     0xc8, 0xa8, 0x33, 0x9c),
	DROP(41),
	DROP(33),
	DROP(51),
	FIRST(44, 0, 1, 7),
};

/* ServerHello or, by its random, HelloRetryRequest */
static void judge_hello(const struct place_row *row)
{
	const struct forge change = FIRST_EMPTY(row->type);
	static struct forged_message hello;
	const uint8_t *data;
	struct loopback lb;
	size_t len;

	site_link(rows_pki(), &lb, &plain, &plain);
	stage_move(lb.end[QKDTLS_CLIENT], lb.end[QKDTLS_SERVER]);
	assert_int_equal(qkdtls_handshake(lb.end[QKDTLS_SERVER]), QKDTLS_WANT_WRITE);
	data = qkdtls_output(lb.end[QKDTLS_SERVER], &len);
	forge_read_plain(data, len, &hello);
	if (row->place == IN_HRR)
		forge_hello(&hello, retry, sizeof(retry) / sizeof(retry[0]));
	forge_hello(&hello, &change, 1);
	assert_int_equal(forge_feed_plain(lb.end[QKDTLS_CLIENT], &hello), QKDTLS_FAILED);
	judge(lb.end[QKDTLS_CLIENT], row->alert);
	loopback_free(&lb);
}

static struct change change_of(const struct place_row *row, uint8_t *bytes)
{
	const uint8_t ext[] = { (uint8_t)(row->type >> 8), (uint8_t)row->type, 0, 0 };
	static const uint8_t ee[] = { 0, 4 };
	static const uint8_t cr[] = { 0, 0, 12, 0, 13, 0, 4, 0, 2, 4, 3 };
	struct change change = { .bytes = bytes };

	if (row->place == IN_EE) {
		change.op = REPLACE;
		change.type = EE;
		memcpy(bytes, ee, sizeof(ee));
		change.len = sizeof(ee);
	} else if (row->place == IN_CR) {
		change.op = AFTER;
		change.type = EE;
		change.other = CR;
		memcpy(bytes, cr, sizeof(cr));
		change.len = sizeof(cr);
	} else {
		change.op = EXTEND;
		change.type = CT;
	}
	memcpy(bytes + change.len, ext, sizeof(ext));
	change.len += sizeof(ext);
	return change;
}

static void judge_flight(const struct place_row *row, enum qkdtls_role role)
{
	static struct stage stage;
	uint8_t bytes[32];
	const struct change change = change_of(row, bytes);

	if (role == QKDTLS_CLIENT)
		stage_server_flight(rows_pki(), &stage, &plain);
	else
		stage_client_flight(rows_pki(), &stage, &certified);
	stage_change(&stage.flight, &change);
	assert_int_equal(forge_feed_flight(stage.lb.end[role], stage.suite,
					   role == QKDTLS_CLIENT ? stage.secrets.server
								 : stage.secrets.client,
					   &stage.flight, false),
			 QKDTLS_FAILED);
	judge(stage.lb.end[role], row->alert);
	loopback_free(&stage.lb);
}

static void judge_ticket(const struct place_row *row)
{
	const uint8_t ticket[] = { NST,
				   0,
				   0,
				   20,
				   0,
				   0,
				   0,
				   9,
				   1,
				   2,
				   3,
				   4,
				   1,
				   7,
				   0,
				   2,
				   8,
				   8,
				   0,
				   4,
				   (uint8_t)(row->type >> 8),
				   (uint8_t)row->type,
				   0,
				   0 };
	struct qkdtls_conn *client, *server;
	const uint8_t *data;
	struct loopback lb;
	size_t len, wanted;
	ssize_t ret = 0;
	uint8_t byte;

	site_link(rows_pki(), &lb, &plain, &plain);
	assert_true(loopback_run(&lb));
	client = lb.end[QKDTLS_CLIENT];
	server = lb.end[QKDTLS_SERVER];
	assert_int_equal(qkdtls_record_write(&server->writer, QKDTLS_CONTENT_HANDSHAKE, ticket,
					     sizeof(ticket), &server->out),
			 0);
	data = qkdtls_output(server, &len);
	for (size_t at = 0; at < len && !ret; at += wanted) {
		wanted = qkdtls_wanted(client);
		assert_int_equal(qkdtls_input(client, data + at, wanted), 0);
		ret = qkdtls_receive(client, &byte, sizeof(byte));
	}
	assert_int_equal(ret, row->alert == QKDTLS_ALERT_NONE ? 0 : -EPROTO);
	judge(client, row->alert);
	loopback_free(&lb);
}

static void judges_place(void **state)
{
	const struct place_row *row = *state;

	switch (row->place) {
	case IN_SH:
	case IN_HRR:
		judge_hello(row);
		break;
	case IN_NST:
		judge_ticket(row);
		break;
	case IN_CT: /* both ends send certificates */
		judge_flight(row, QKDTLS_SERVER);
		judge_flight(row, QKDTLS_CLIENT);
		break;
	default:
		judge_flight(row, QKDTLS_CLIENT);
	}
}

/* ---- What this end sends ---- */

#define SENT_MAX 24

struct sent {
	uint16_t type[SENT_MAX];
	struct qkdtls_cursor body[SENT_MAX];
	size_t count;
};

/* The extensions of the first plain message of an output; the cursors point into @hello. */
static void read_sent(struct qkdtls_conn *conn, struct forged_message *hello, struct sent *sent)
{
	struct qkdtls_cursor c, part, block;
	const uint8_t *data;
	size_t len;

	assert_int_equal(qkdtls_handshake(conn), QKDTLS_WANT_WRITE);
	data = qkdtls_output(conn, &len);
	forge_read_plain(data, len, hello);
	c = qkdtls_cursor(hello->body, hello->len);
	assert_true(qkdtls_get_sub(&c, 34, &part) && qkdtls_get_vec8(&c, 32, 32, &part));
	if (hello->type == CH)
		assert_true(qkdtls_get_vec16(&c, 2, 100, &part) &&
			    qkdtls_get_vec8(&c, 1, 1, &part) && !*part.pos);
	else
		assert_true(qkdtls_get_sub(&c, 3, &part) && !part.pos[2]);
	assert_true(qkdtls_get_vec16(&c, 0, UINT16_MAX, &block) && qkdtls_cursor_empty(&c));
	for (sent->count = 0; !qkdtls_cursor_empty(&block); sent->count++) {
		assert_in_range(sent->count, 0, SENT_MAX - 1);
		assert_true(qkdtls_get_u16(&block, &sent->type[sent->count]) &&
			    qkdtls_get_vec16(&block, 0, UINT16_MAX, &sent->body[sent->count]));
	}
}

static const struct qkdtls_cursor *find_sent(const struct sent *sent, uint16_t type)
{
	for (size_t i = 0; i < sent->count; i++)
		if (sent->type[i] == type)
			return &sent->body[i];
	return NULL;
}

static void assert_body(const struct sent *sent, uint16_t type, const void *bytes, size_t len)
{
	const struct qkdtls_cursor *body = find_sent(sent, type);

	assert_non_null(body);
	assert_int_equal(qkdtls_cursor_left(body), len);
	if (len)
		assert_memory_equal(body->pos, bytes, len);
}

static void assert_ages_are_zero(const struct qkdtls_cursor *offer)
{
	struct qkdtls_cursor body = *offer, list, identity;
	uint32_t age;

	assert_true(qkdtls_get_vec16(&body, 7, UINT16_MAX, &list));
	while (!qkdtls_cursor_empty(&list)) {
		assert_true(qkdtls_get_vec16(&list, 1, UINT16_MAX, &identity) &&
			    qkdtls_get_u32(&list, &age));
		assert_int_equal(age, 0);
	}
}

/* RFC 9846 section 9.2, RFC 9973 section 4 */
static void client_hello_carries_what_it_needs(void **state)
{
	static struct forged_message hello;
	struct loopback lb;
	struct sent sent;

	site_link(*state, &lb, &plain, &plain);
	read_sent(lb.end[QKDTLS_CLIENT], &hello, &sent);
	assert_memory_equal(hello.body, "\3\3", 2);
	assert_body(&sent, 43, "\2\3\4", 3);
	assert_body(&sent, 45, "\1\1", 2); /* psk_dhe_ke and nothing else */
	assert_body(&sent, 33, NULL, 0);
	assert_non_null(find_sent(&sent, 10));
	assert_non_null(find_sent(&sent, 13));
	assert_non_null(find_sent(&sent, 51));
	assert_non_null(find_sent(&sent, 0));
	assert_int_equal(sent.type[sent.count - 1], 41);
	assert_ages_are_zero(&sent.body[sent.count - 1]);
	assert_null(find_sent(&sent, 42)); /* early_data */
	assert_null(find_sent(&sent, 44)); /* cookie */
	assert_null(find_sent(&sent, 49)); /* post_handshake_auth */
	loopback_free(&lb);
}

/* An external PSK has one hash: whoever insists on it does not offer suites of the other. */
static void suites_fit_the_key_that_is_required(void **state)
{
	static const struct {
		struct site_options options;
		uint8_t suites[7], count;
	} rows[] = {
		{ { .psk = SITE_IMPORTED }, { 6, 0x13, 0x02, 0x13, 0x01, 0x13, 0x03 }, 7 },
		{ { .psk = SITE_EXTERNAL }, { 4, 0x13, 0x01, 0x13, 0x03 }, 5 },
		{ { .psk = SITE_EXTERNAL_SHA384 }, { 2, 0x13, 0x02 }, 3 },
		{ { .psk = SITE_EXTERNAL, .policy = QKDTLS_PREFER },
		  { 6, 0x13, 0x02, 0x13, 0x01, 0x13, 0x03 },
		  7 },
	};
	static struct forged_message hello;
	struct loopback lb;
	struct sent sent;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		site_link(*state, &lb, &rows[i].options, &rows[i].options);
		read_sent(lb.end[QKDTLS_CLIENT], &hello, &sent);
		assert_memory_equal(hello.body + 2 + 32 + 33 + 1, rows[i].suites, rows[i].count);
		loopback_free(&lb);
	}
}

/* The peer's name, if it can stand there (RFC 6066 section 3): a DNS name, and no address */
static void server_name_is_a_host_name(void **state)
{
#define LABEL_63 "a23456789-123456789-123456789-123456789-123456789-123456789-123"
	static const struct {
		const char *name;
		bool sent;
	} rows[] = {
		{ "zurich.example", true },    { "ZURICH", true },
		{ "a-b.c--d.1e", true },       { "1.2.3.com", true },
		{ LABEL_63 ".example", true }, { LABEL_63 "x.example", false },
		{ "192.0.2.1", false },	       { "2001:db8::1", false },
		{ "fe80::a", false },	       { "7", false },
		{ ".example", false },	       { "zurich..example", false },
		{ "zurich.example.", false },  { "-zurich.example", false },
		{ "zurich-.example", false },  { "zurich.-example", false },
		{ "zu_rich.example", false },  { "zurich/example", false },
		{ "CN=zurich", false },
	};
	static struct forged_message hello;
	struct loopback lb;
	struct sent sent;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct site_options options = { .peer_name = rows[i].name };
		const size_t len = strlen(rows[i].name);
		uint8_t body[128] = { 0, (uint8_t)(len + 3), 0, 0, (uint8_t)len };

		site_link(*state, &lb, &options, &options);
		read_sent(lb.end[QKDTLS_CLIENT], &hello, &sent);
		memcpy(body + 5, rows[i].name, len);
		if (!rows[i].sent != !find_sent(&sent, 0))
			fail_msg("server_name for %s", rows[i].name);
		if (rows[i].sent)
			assert_body(&sent, 0, body, 5 + len);
		loopback_free(&lb);
	}
}

/* Without a certificate there is neither extension 33 nor a signature scheme. */
static void client_hello_without_certificate_asks_for_none(void **state)
{
	static const struct site_options bare = { .policy = QKDTLS_PSK_ONLY };
	static struct forged_message hello;
	struct loopback lb;
	struct sent sent;

	site_link(*state, &lb, &bare, &bare);
	read_sent(lb.end[QKDTLS_CLIENT], &hello, &sent);
	assert_body(&sent, 45, "\1\1", 2);
	assert_null(find_sent(&sent, 33));
	assert_null(find_sent(&sent, 13));
	assert_non_null(find_sent(&sent, 51));
	assert_int_equal(sent.type[sent.count - 1], 41);
	loopback_free(&lb);
}

/* RFC 9846 section 4.2.3: what the key schedule and the version need, nothing else */
static void server_hello_carries_only_what_it_may(void **state)
{
	static const uint16_t expected[] = { 43, 51, 33, 41 };
	static struct forged_message hello;
	struct loopback lb;
	struct sent sent;

	site_link(*state, &lb, &plain, &plain);
	stage_move(lb.end[QKDTLS_CLIENT], lb.end[QKDTLS_SERVER]);
	read_sent(lb.end[QKDTLS_SERVER], &hello, &sent);
	assert_memory_equal(hello.body, "\3\3", 2);
	assert_body(&sent, 43, "\3\4", 2);
	assert_body(&sent, 33, NULL, 0);
	assert_body(&sent, 41, "\0\0", 2);
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		assert_non_null(find_sent(&sent, expected[i]));
	assert_int_equal(sent.count, sizeof(expected) / sizeof(expected[0]));
	loopback_free(&lb);
}

/* The same for HelloRetryRequest: version and group */
static void retry_carries_only_what_it_may(void **state)
{
	static const struct site_options client = { .groups = "secp256r1:x25519" };
	static struct forged_message hello;
	struct loopback lb;
	struct sent sent;

	site_link(*state, &lb, &client, &plain);
	stage_move(lb.end[QKDTLS_CLIENT], lb.end[QKDTLS_SERVER]);
	read_sent(lb.end[QKDTLS_SERVER], &hello, &sent);
	assert_memory_equal(hello.body + 2, "\xcf\x21\xad\x74", 4);
	assert_body(&sent, 43, "\3\4", 2);
	assert_body(&sent, 51, "\0\x1d", 2);
	assert_int_equal(sent.count, 2);
	assert_int_equal(lb.ring[QKDTLS_SERVER].asked, 0);
	loopback_free(&lb);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(client_hello_carries_what_it_needs),
		cmocka_unit_test(suites_fit_the_key_that_is_required),
		cmocka_unit_test(server_name_is_a_host_name),
		cmocka_unit_test(client_hello_without_certificate_asks_for_none),
		cmocka_unit_test(server_hello_carries_only_what_it_may),
		cmocka_unit_test(retry_carries_only_what_it_may),
	};

	ROWS(judges_place, places);
	return rows_run(tests, sizeof(tests) / sizeof(tests[0]));
}
