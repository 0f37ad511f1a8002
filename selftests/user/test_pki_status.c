// SPDX-License-Identifier: GPL-2.0-or-later
/* status_request in Certificate and CertificateRequest: when it stands there, and in which form it is taken */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "authority.h"
#include "rows.h"
#include "stage.h"
#include "tls/internal.h"

#define ALERT(name) QKDTLS_ALERT_##name

static const struct site_options asking[] = {
	[QKDTLS_CLIENT] = { .verify_client = true, .ocsp_required = { true, false } },
	[QKDTLS_SERVER] = { .verify_client = true, .ocsp_required = { false, true } },
};
static const struct site_options silent = { .verify_client = true };

static struct forged_message *find(struct stage *stage, uint8_t type)
{
	for (size_t i = 0; i < stage->flight.count; i++)
		if (stage->flight.message[i].type == type)
			return &stage->flight.message[i];
	fail_msg("no message of type %u", type);
	return NULL;
}

static size_t get24(const uint8_t *at)
{
	return (size_t)(at[0] << 16 | at[1] << 8 | at[2]);
}

static void put24(uint8_t *at, size_t value)
{
	at[0] = (uint8_t)(value >> 16);
	at[1] = (uint8_t)(value >> 8);
	at[2] = (uint8_t)value;
}

/* Context, list, certificate, all behind their lengths: then the first entry's extensions */
static size_t first_extensions(const struct forged_message *certificate)
{
	return 4 + 3 + get24(certificate->body + 4);
}

/* The leaf of our sites has no extensions; @block becomes them. */
static void set_extensions(struct forged_message *certificate, const uint8_t *block, size_t len)
{
	const size_t at = first_extensions(certificate);

	assert_int_equal(at + 2, certificate->len);
	certificate->body[at] = (uint8_t)(len >> 8);
	certificate->body[at + 1] = (uint8_t)len;
	memcpy(certificate->body + at + 2, block, len);
	certificate->len += len;
	put24(certificate->body + 1, get24(certificate->body + 1) + len);
}

/* A second entry, the same certificate again, with such extensions */
static void add_entry(struct forged_message *certificate, const uint8_t *block, size_t len)
{
	const size_t entry = 3 + get24(certificate->body + 4), at = certificate->len;

	memcpy(certificate->body + at, certificate->body + 4, entry);
	certificate->body[at + entry] = (uint8_t)(len >> 8);
	certificate->body[at + entry + 1] = (uint8_t)len;
	memcpy(certificate->body + at + entry + 2, block, len);
	certificate->len += entry + 2 + len;
	put24(certificate->body + 1, get24(certificate->body + 1) + entry + 2 + len);
}

#define BLOCK(...) \
	.block = (const uint8_t[]){ __VA_ARGS__ }, .len = sizeof((const uint8_t[]){ __VA_ARGS__ })

static const struct status_row {
	const char *what;
	enum qkdtls_alert alert;
	bool asked;
	bool second;
	const uint8_t *block;
	size_t len;
} status_rows[] = {
	{ "not asked for", ALERT(UNSUPPORTED_EXTENSION), false, BLOCK(0, 5, 0, 5, 1, 0, 0, 1, 7) },
	{ "not asked for, beside the second certificate", ALERT(UNSUPPORTED_EXTENSION), false, true,
	  BLOCK(0, 5, 0, 5, 1, 0, 0, 1, 7) },
	{ "of another type", ALERT(DECODE_ERROR), true, BLOCK(0, 5, 0, 5, 2, 0, 0, 1, 7) },
	{ "without content", ALERT(DECODE_ERROR), true, BLOCK(0, 5, 0, 0) },
	{ "without a response", ALERT(DECODE_ERROR), true, BLOCK(0, 5, 0, 1, 1) },
	{ "with an empty response", ALERT(DECODE_ERROR), true, BLOCK(0, 5, 0, 4, 1, 0, 0, 0) },
	{ "with half a response", ALERT(DECODE_ERROR), true, BLOCK(0, 5, 0, 5, 1, 0, 0, 2, 7) },
	{ "with a byte behind it", ALERT(DECODE_ERROR), true, BLOCK(0, 5, 0, 6, 1, 0, 0, 1, 7, 7) },
	{ "twice", ALERT(ILLEGAL_PARAMETER), true,
	  BLOCK(0, 5, 0, 5, 1, 0, 0, 1, 7, 0, 5, 0, 5, 1, 0, 0, 1, 7) },
	{ "malformed beside the second certificate", ALERT(DECODE_ERROR), true, true,
	  BLOCK(0, 5, 0, 1, 1) },
	{ "only beside the second certificate", ALERT(BAD_CERTIFICATE_STATUS_RESPONSE), true, true,
	  BLOCK(0, 5, 0, 5, 1, 0, 0, 1, 7) },
	{ "that is no response", ALERT(BAD_CERTIFICATE_STATUS_RESPONSE), true,
	  BLOCK(0, 5, 0, 5, 1, 0, 0, 1, 7) },
};

static void judge_status(const struct status_row *row, enum qkdtls_role judge)
{
	static struct stage stage;
	struct forged_message *certificate;
	const struct qkdtls_error *error;
	const struct site_options *options = row->asked ? &asking[judge] : &silent;
	struct qkdtls_conn *conn;

	if (judge == QKDTLS_CLIENT)
		stage_server_flight(rows_pki(), &stage, options);
	else
		stage_client_flight(rows_pki(), &stage, options);
	conn = stage.lb.end[judge];
	certificate = find(&stage, QKDTLS_MSG_CERTIFICATE);
	if (row->second)
		add_entry(certificate, row->block, row->len);
	else
		set_extensions(certificate, row->block, row->len);
	assert_int_equal(forge_feed_flight(conn, stage.suite,
					   judge == QKDTLS_CLIENT ? stage.secrets.server
								  : stage.secrets.client,
					   &stage.flight, false),
			 QKDTLS_FAILED);
	error = qkdtls_error(conn);
	if (error->sent != row->alert)
		fail_msg("%s (%s)", qkdtls_alert_name(error->sent), error->reason);
	loopback_free(&stage.lb);
}

static void both_judge_status(void **state)
{
	judge_status(*state, QKDTLS_CLIENT);
	judge_status(*state, QKDTLS_SERVER);
}

/* ---- Asking ---- */

static const struct request_row {
	const char *what;
	enum qkdtls_alert alert;
	const uint8_t *block;
	size_t len;
} request_rows[] = {
	/* What is taken fails at Finished only: the transcript is another. */
	{ "empty", ALERT(DECRYPT_ERROR), BLOCK(0, 5, 0, 0) },
	{ "a whole request", ALERT(DECRYPT_ERROR), BLOCK(0, 5, 0, 5, 1, 0, 0, 0, 0) },
	{ "of another type", ALERT(DECRYPT_ERROR), BLOCK(0, 5, 0, 1, 2) },
	{ "half a request", ALERT(DECODE_ERROR), BLOCK(0, 5, 0, 3, 1, 0, 0) },
	{ "a byte behind the request", ALERT(DECODE_ERROR), BLOCK(0, 5, 0, 6, 1, 0, 0, 0, 0, 0) },
};

static void client_judges_request(void **state)
{
	const struct request_row *row = *state;
	struct forged_message *request;
	const struct qkdtls_error *error;
	static struct stage stage;
	size_t block;

	stage_server_flight(rows_pki(), &stage, &silent);
	request = find(&stage, QKDTLS_MSG_CERTIFICATE_REQUEST);
	memcpy(request->body + request->len, row->block, row->len);
	request->len += row->len;
	block = request->len - 3;
	request->body[1] = (uint8_t)(block >> 8);
	request->body[2] = (uint8_t)block;
	assert_int_equal(forge_feed_flight(stage.lb.end[QKDTLS_CLIENT], stage.suite,
					   stage.secrets.server, &stage.flight, false),
			 QKDTLS_FAILED);
	error = qkdtls_error(stage.lb.end[QKDTLS_CLIENT]);
	if (error->sent != row->alert)
		fail_msg("%s (%s)", qkdtls_alert_name(error->sent), error->reason);
	loopback_free(&stage.lb);
}

/* ---- Both honest ---- */

static void make_stapled(struct pki *pki)
{
	struct authority root = authority_make_ca("Staple root", NULL);
	struct authority leaf = authority_make_leaf("Stapled", &root);
	const struct authority_answer answer = { .about = &leaf, .issuer = &root };
	const X509 *certs[] = { leaf.cert, root.cert };

	authority_write_chain(pki, "stapled.pem", certs, 1, false);
	authority_write_chain(pki, "staple-root.pem", &certs[1], 1, false);
	authority_write_key(pki, "stapled.key", &leaf);
	authority_write_answer(pki, "staple", &answer);
	authority_free(&root);
	authority_free(&leaf);
}

static struct qkdtls_config *stapling(struct pki *pki, enum qkdtls_role role, bool ask, bool staple)
{
	const struct site_options options = { .verify_client = true,
					      .ocsp_required = { ask, ask } };
	struct qkdtls_config *config = site_config(pki, role, &options);

	assert_int_equal(qkdtls_config_set_trust(config, pki_path(pki, "staple-root.pem")), 0);
	assert_int_equal(qkdtls_config_set_certificate(config, pki_path(pki, "stapled.pem"),
						       pki_path(pki, "stapled.key")),
			 0);
	if (staple)
		assert_int_equal(qkdtls_config_set_ocsp_staple(config, pki_path(pki, "staple")), 0);
	return config;
}

/* Bytes on both wires, to see whether a staple went */
static bool handshake(struct pki *pki, const bool ask[2], const bool staple[2], size_t sent[2])
{
	struct qkdtls_config *client = stapling(pki, QKDTLS_CLIENT, ask[0], staple[0]);
	struct qkdtls_config *server = stapling(pki, QKDTLS_SERVER, ask[1], staple[1]);
	struct loopback lb;
	bool done;

	loopback_init(&lb, client, server);
	assert_true(loopback_run(&lb));
	done = lb.want[0] == QKDTLS_DONE && lb.want[1] == QKDTLS_DONE;
	if (done)
		assert_true(loopback_echo(&lb, QKDTLS_CLIENT, "x", 1));
	sent[0] = lb.wire[0].len;
	sent[1] = lb.wire[1].len;
	loopback_free(&lb);
	qkdtls_config_unref(client);
	qkdtls_config_unref(server);
	return done;
}

static void a_staple_goes_to_whom_asks_only(void **state)
{
	/* Signatures vary by a few bytes, a staple has some hundred. */
	const size_t slack = 40, staple = 150;
	size_t none[2], some[2];

	make_stapled(*state);
	assert_true(handshake(*state, (bool[]){ false, false }, (bool[]){ false, false }, none));
	assert_true(handshake(*state, (bool[]){ false, false }, (bool[]){ true, true }, some));
	assert_in_range(some[0], none[0] - slack, none[0] + slack);
	assert_in_range(some[1], none[1] - slack, none[1] + slack);
	assert_true(handshake(*state, (bool[]){ true, false }, (bool[]){ true, true }, some));
	assert_in_range(some[0], none[0] - slack, none[0] + slack);
	assert_true(some[1] > none[1] + staple);
	assert_true(handshake(*state, (bool[]){ false, true }, (bool[]){ true, true }, some));
	assert_true(some[0] > none[0] + staple);
	assert_in_range(some[1], none[1] - slack, none[1] + slack);
	assert_true(handshake(*state, (bool[]){ true, true }, (bool[]){ true, true }, some));
}

static void whoever_asks_gets_one_or_no_connection(void **state)
{
	size_t sent[2];

	make_stapled(*state);
	assert_false(handshake(*state, (bool[]){ true, false }, (bool[]){ true, false }, sent));
	assert_false(handshake(*state, (bool[]){ false, true }, (bool[]){ false, true }, sent));
}

/* The second hello must not forget what the first asked. */
static void a_staple_comes_after_a_retry_too(void **state)
{
	struct qkdtls_config *client, *server;
	struct loopback lb;

	make_stapled(*state);
	client = stapling(*state, QKDTLS_CLIENT, true, false);
	server = stapling(*state, QKDTLS_SERVER, false, true);
	assert_int_equal(qkdtls_config_set_groups(client, "x25519:secp256r1", true), 0);
	assert_int_equal(qkdtls_config_set_groups(server, "secp256r1", true), 0);
	loopback_init(&lb, client, server);
	assert_true(loopback_run(&lb));
	assert_int_equal(lb.want[QKDTLS_CLIENT], QKDTLS_DONE);
	assert_true(qkdtls_info(lb.end[QKDTLS_CLIENT])->retried);
	loopback_free(&lb);
	qkdtls_config_unref(client);
	qkdtls_config_unref(server);
}

/* The leaf's status, put beside another certificate, is none of the leaf's; nor is another one in its way. */
static void a_status_counts_beside_the_leaf_only(void **state)
{
	static const uint8_t nonsense[] = { 0, 5, 0, 5, 1, 0, 0, 1, 7 };
	uint8_t secret[QKDTLS_HASH_MAX], block[QKDTLS_STAPLE_MAX];
	struct forged_message *certificate;
	static struct stage stage;
	const uint8_t *data;
	size_t len, hello, at;

	make_stapled(*state);
	for (int moved = 0; moved <= 1; moved++) {
		struct qkdtls_config *client = stapling(*state, QKDTLS_CLIENT, true, false);
		struct qkdtls_config *server = stapling(*state, QKDTLS_SERVER, false, true);
		struct qkdtls_conn *conn;

		loopback_init(&stage.lb, client, server);
		stage_move(stage.lb.end[QKDTLS_CLIENT], stage.lb.end[QKDTLS_SERVER]);
		conn = stage.lb.end[QKDTLS_SERVER];
		assert_int_equal(qkdtls_handshake(conn), QKDTLS_WANT_WRITE);
		data = qkdtls_output(conn, &len);
		hello = 5 + (size_t)(data[3] << 8 | data[4]);
		assert_int_equal(qkdtls_schedule_reveal(conn->schedule, QKDTLS_EPOCH_HANDSHAKE,
							QKDTLS_SERVER, secret),
				 0);
		forge_open_flight(conn->suite, secret, data + hello, len - hello, &stage.flight);
		forge_feed(stage.lb.end[QKDTLS_CLIENT], data, hello);

		certificate = find(&stage, QKDTLS_MSG_CERTIFICATE);
		at = 4 + 3 + get24(certificate->body + 4);
		len = (size_t)(certificate->body[at] << 8 | certificate->body[at + 1]);
		assert_in_range(len, 100, sizeof(block));
		memcpy(block, certificate->body + at + 2, len);
		if (moved) {
			certificate->len -= len;
			put24(certificate->body + 1, get24(certificate->body + 1) - len);
			memset(certificate->body + at, 0, 2);
			add_entry(certificate, block, len);
		} else {
			add_entry(certificate, nonsense, sizeof(nonsense));
		}
		assert_int_equal(forge_feed_flight(stage.lb.end[QKDTLS_CLIENT], conn->suite, secret,
						   &stage.flight, false),
				 QKDTLS_FAILED);
		/* Only the signature shows the change if the status was good. */
		assert_int_equal(qkdtls_error(stage.lb.end[QKDTLS_CLIENT])->sent,
				 moved ? QKDTLS_ALERT_BAD_CERTIFICATE_STATUS_RESPONSE
				       : QKDTLS_ALERT_DECRYPT_ERROR);
		loopback_free(&stage.lb);
		qkdtls_config_unref(client);
		qkdtls_config_unref(server);
	}
}

static void another_certificate_drops_the_staple(void **state)
{
	struct qkdtls_config *client, *server;
	struct loopback lb;

	make_stapled(*state);
	client = stapling(*state, QKDTLS_CLIENT, true, false);
	server = stapling(*state, QKDTLS_SERVER, false, true);
	assert_int_equal(qkdtls_config_set_certificate(server, pki_path(*state, "stapled.pem"),
						       pki_path(*state, "stapled.key")),
			 0);
	loopback_init(&lb, client, server);
	assert_true(loopback_run(&lb));
	assert_int_equal(qkdtls_error(lb.end[QKDTLS_CLIENT])->sent,
			 QKDTLS_ALERT_BAD_CERTIFICATE_STATUS_RESPONSE);
	assert_int_equal(qkdtls_to_errno(lb.end[QKDTLS_CLIENT]), -EACCES);
	loopback_free(&lb);
	qkdtls_config_unref(client);
	qkdtls_config_unref(server);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_staple_goes_to_whom_asks_only),
		cmocka_unit_test(whoever_asks_gets_one_or_no_connection),
		cmocka_unit_test(a_staple_comes_after_a_retry_too),
		cmocka_unit_test(a_status_counts_beside_the_leaf_only),
		cmocka_unit_test(another_certificate_drops_the_staple),
	};

	ROWS(both_judge_status, status_rows);
	ROWS(client_judges_request, request_rows);
	return rows_run(tests, sizeof(tests) / sizeof(tests[0]));
}
