// SPDX-License-Identifier: GPL-2.0-or-later
/* Bad messages under protection, each with the alert it must get. All are in Documentation/conformance.md. */
#include "hkdf.h"
#include "rows.h"

#include <stdlib.h>
#include <string.h>

#include "stage.h"

#define ALERT(name) QKDTLS_ALERT_##name

struct bad_flight {
	const char *what;
	enum qkdtls_alert alert;
	struct change change;
	bool one_record;
	bool again; /* make the change twice */
};

#define BYTES FORGE_BYTES

static void refuse_flight(struct stage *stage, enum qkdtls_role role, const struct bad_flight *bad)
{
	struct qkdtls_conn *conn = stage->lb.end[role];
	const uint8_t *secret =
		role == QKDTLS_CLIENT ? stage->secrets.server : stage->secrets.client;
	const struct qkdtls_error *error = qkdtls_error(conn);
	enum qkdtls_want want;

	stage_change(&stage->flight, &bad->change);
	if (bad->again)
		stage_change(&stage->flight, &bad->change);
	want = forge_feed_flight(conn, stage->suite, secret, &stage->flight, bad->one_record);
	if (error->sent != bad->alert)
		print_message("# %s: %s (%s) instead of %s\n", bad->what,
			      qkdtls_alert_name(error->sent), error->reason,
			      qkdtls_alert_name(bad->alert));
	assert_int_equal(error->sent, bad->alert);
	assert_int_equal(want, bad->alert == QKDTLS_ALERT_NONE ? QKDTLS_DONE : QKDTLS_FAILED);
	loopback_free(&stage->lb);
}

/* ---- The server's flight ---- */

#define CHANGE(...)   .change = { __VA_ARGS__ }
#define EMPTY_REQUEST 0, 0, 0
#define REQUEST	      0, 0, 8, 0, 13, 0, 4, 0, 2, 4, 3

static const struct bad_flight server_flights[] = {
	{ .what = "unchanged", .alert = ALERT(NONE) },
	{ "unchanged, in one record", ALERT(NONE), .one_record = true },

	{ "no EncryptedExtensions", ALERT(UNEXPECTED_MESSAGE), CHANGE(.op = TAKE_OUT, .type = EE) },
	{ "EncryptedExtensions twice", ALERT(UNEXPECTED_MESSAGE),
	  CHANGE(.op = DOUBLE, .type = EE) },
	{ "EncryptedExtensions late", ALERT(UNEXPECTED_MESSAGE),
	  CHANGE(.op = AFTER, .type = CT, .other = EE, BYTES(0, 0)) },
	{ "EncryptedExtensions too short", ALERT(DECODE_ERROR),
	  CHANGE(.op = CUT_OFF, .type = EE, .at = 1) },
	{ "a byte behind EncryptedExtensions", ALERT(DECODE_ERROR),
	  CHANGE(.op = APPEND, .type = EE, BYTES(0)) },
	{ "unknown extension", ALERT(UNSUPPORTED_EXTENSION),
	  CHANGE(.op = REPLACE, .type = EE, BYTES(0, 4, 0x2a, 0x2a, 0, 0)) },
	{ "ALPN that nobody asked for", ALERT(UNSUPPORTED_EXTENSION),
	  CHANGE(.op = REPLACE, .type = EE, BYTES(0, 4, 0, 16, 0, 0)) },
	{ "early_data that nobody offered", ALERT(UNSUPPORTED_EXTENSION),
	  CHANGE(.op = REPLACE, .type = EE, BYTES(0, 4, 0, 42, 0, 0)) },
	{ "extension 33 in EncryptedExtensions", ALERT(ILLEGAL_PARAMETER),
	  CHANGE(.op = REPLACE, .type = EE, BYTES(0, 4, 0, 33, 0, 0)) },
	{ "key_share in EncryptedExtensions", ALERT(ILLEGAL_PARAMETER),
	  CHANGE(.op = REPLACE, .type = EE, BYTES(0, 4, 0, 51, 0, 0)) },
	{ "supported_versions in EncryptedExtensions", ALERT(ILLEGAL_PARAMETER),
	  CHANGE(.op = REPLACE, .type = EE, BYTES(0, 6, 0, 43, 0, 2, 3, 4)) },
	{ "server_name with content", ALERT(DECODE_ERROR),
	  CHANGE(.op = REPLACE, .type = EE, BYTES(0, 5, 0, 0, 0, 1, 0)) },
	{ "server_name twice", ALERT(ILLEGAL_PARAMETER),
	  CHANGE(.op = REPLACE, .type = EE, BYTES(0, 8, 0, 0, 0, 0, 0, 0, 0, 0)) },
	/* These are in order, so that only the server's signature shows the change. */
	{ "server_name acknowledged", ALERT(DECRYPT_ERROR),
	  CHANGE(.op = REPLACE, .type = EE, BYTES(0, 4, 0, 0, 0, 0)) },
	{ "supported_groups as a hint", ALERT(DECRYPT_ERROR),
	  CHANGE(.op = REPLACE, .type = EE, BYTES(0, 8, 0, 10, 0, 4, 0, 2, 0, 0x1d)) },
	{ "CertificateRequest", ALERT(DECRYPT_ERROR),
	  CHANGE(.op = AFTER, .type = EE, .other = CR, BYTES(REQUEST)) },
	{ "CertificateRequest with an unknown extension", ALERT(DECRYPT_ERROR),
	  CHANGE(.op = AFTER, .type = EE, .other = CR,
		 BYTES(0, 0, 12, 0, 13, 0, 4, 0, 2, 4, 3, 0x2a, 0x2a, 0, 0)) },

	{ "CertificateRequest without signature_algorithms", ALERT(MISSING_EXTENSION),
	  CHANGE(.op = AFTER, .type = EE, .other = CR, BYTES(EMPTY_REQUEST)) },
	{ "CertificateRequest with a context", ALERT(ILLEGAL_PARAMETER),
	  CHANGE(.op = AFTER, .type = EE, .other = CR,
		 BYTES(1, 7, 0, 8, 0, 13, 0, 4, 0, 2, 4, 3)) },
	{ "CertificateRequest with extension 33", ALERT(ILLEGAL_PARAMETER),
	  CHANGE(.op = AFTER, .type = EE, .other = CR,
		 BYTES(0, 0, 12, 0, 13, 0, 4, 0, 2, 4, 3, 0, 33, 0, 0)) },
	{ "CertificateRequest twice", ALERT(UNEXPECTED_MESSAGE),
	  CHANGE(.op = AFTER, .type = EE, .other = CR, BYTES(REQUEST)), .again = true },
	{ "CertificateRequest with an extension twice", ALERT(ILLEGAL_PARAMETER),
	  CHANGE(.op = AFTER, .type = EE, .other = CR,
		 BYTES(0, 0, 16, 0, 13, 0, 4, 0, 2, 4, 3, 0, 13, 0, 4, 0, 2, 4, 3)) },
	{ "CertificateRequest with empty signature_algorithms", ALERT(DECODE_ERROR),
	  CHANGE(.op = AFTER, .type = EE, .other = CR, BYTES(0, 0, 6, 0, 13, 0, 2, 0, 0)) },
	{ "CertificateRequest for what we cannot sign", ALERT(DECRYPT_ERROR),
	  CHANGE(.op = AFTER, .type = EE, .other = CR,
		 BYTES(0, 0, 8, 0, 13, 0, 4, 0, 2, 0x2a, 0x2a)) },
	{ "CertificateRequest of nothing", ALERT(DECODE_ERROR),
	  CHANGE(.op = AFTER, .type = EE, .other = CR) },
	{ "a byte behind CertificateRequest", ALERT(DECODE_ERROR),
	  CHANGE(.op = AFTER, .type = EE, .other = CR, BYTES(REQUEST, 0)) },
	{ "CertificateRequest behind Certificate", ALERT(UNEXPECTED_MESSAGE),
	  CHANGE(.op = AFTER, .type = CT, .other = CR, BYTES(REQUEST)) },
	{ "CertificateRequest before EncryptedExtensions", ALERT(UNEXPECTED_MESSAGE),
	  CHANGE(.op = BEFORE, .type = EE, .other = CR, BYTES(REQUEST)) },

	{ "no Certificate", ALERT(UNEXPECTED_MESSAGE), CHANGE(.op = TAKE_OUT, .type = CT) },
	{ "Certificate twice", ALERT(UNEXPECTED_MESSAGE), CHANGE(.op = DOUBLE, .type = CT) },
	{ "Certificate of none", ALERT(DECODE_ERROR),
	  CHANGE(.op = REPLACE, .type = CT, BYTES(0, 0, 0, 0)) },
	{ "Certificate with a context", ALERT(ILLEGAL_PARAMETER),
	  CHANGE(.op = REPLACE, .type = CT, BYTES(1, 7, 0, 0, 0)) },
	{ "Certificate of no bytes", ALERT(DECODE_ERROR),
	  CHANGE(.op = REPLACE, .type = CT, BYTES(0, 0, 0, 5, 0, 0, 0, 0, 0)) },
	{ "Certificate of rubbish", ALERT(BAD_CERTIFICATE),
	  CHANGE(.op = REPLACE, .type = CT, BYTES(0, 0, 0, 7, 0, 0, 2, 1, 2, 0, 0)) },
	{ "a byte behind Certificate", ALERT(DECODE_ERROR),
	  CHANGE(.op = APPEND, .type = CT, BYTES(0)) },
	{ "unknown extension of a certificate", ALERT(UNSUPPORTED_EXTENSION),
	  CHANGE(.op = EXTEND, .type = CT, BYTES(0x2a, 0x2a, 0, 0)) },
	{ "signed_certificate_timestamp that nobody asked for", ALERT(UNSUPPORTED_EXTENSION),
	  CHANGE(.op = EXTEND, .type = CT, BYTES(0, 18, 0, 0)) },
	{ "extension 33 of a certificate", ALERT(ILLEGAL_PARAMETER),
	  CHANGE(.op = EXTEND, .type = CT, BYTES(0, 33, 0, 0)) },
	{ "truncated extension of a certificate", ALERT(DECODE_ERROR),
	  CHANGE(.op = EXTEND, .type = CT, BYTES(0, 33, 0, 1)) },
	{ "Certificate cut off", ALERT(DECODE_ERROR), CHANGE(.op = CUT_OFF, .type = CT, .at = 1) },
	{ "a flipped bit in the certificate's signature", ALERT(BAD_CERTIFICATE),
	  CHANGE(.op = FLIP, .type = CT, .at = -10) },

	{ "no CertificateVerify", ALERT(UNEXPECTED_MESSAGE), CHANGE(.op = TAKE_OUT, .type = CV) },
	{ "CertificateVerify twice", ALERT(UNEXPECTED_MESSAGE), CHANGE(.op = DOUBLE, .type = CV) },
	{ "CertificateVerify of another scheme", ALERT(ILLEGAL_PARAMETER),
	  CHANGE(.op = REPLACE, .type = CV, BYTES(0x08, 0x04, 0, 1, 0)) },
	{ "CertificateVerify with SHA-1", ALERT(ILLEGAL_PARAMETER),
	  CHANGE(.op = REPLACE, .type = CV, BYTES(0x02, 0x03, 0, 1, 0)) },
	{ "CertificateVerify with PKCS 1", ALERT(ILLEGAL_PARAMETER),
	  CHANGE(.op = REPLACE, .type = CV, BYTES(0x04, 0x01, 0, 1, 0)) },
	{ "empty signature", ALERT(DECRYPT_ERROR),
	  CHANGE(.op = REPLACE, .type = CV, BYTES(4, 3, 0, 0)) },
	{ "wrong signature", ALERT(DECRYPT_ERROR), CHANGE(.op = FLIP, .type = CV, .at = -1) },
	{ "a byte behind CertificateVerify", ALERT(DECODE_ERROR),
	  CHANGE(.op = APPEND, .type = CV, BYTES(0)) },

	{ "wrong Finished", ALERT(DECRYPT_ERROR), CHANGE(.op = FLIP, .type = FIN, .at = 0) },
	{ "Finished wrong in its last byte", ALERT(DECRYPT_ERROR),
	  CHANGE(.op = FLIP, .type = FIN, .at = -1) },
	{ "short Finished", ALERT(DECODE_ERROR), CHANGE(.op = CUT_OFF, .type = FIN, .at = 1) },
	{ "long Finished", ALERT(DECODE_ERROR), CHANGE(.op = APPEND, .type = FIN, BYTES(0)) },
	{ "empty Finished", ALERT(DECODE_ERROR), CHANGE(.op = CUT_OFF, .type = FIN, .at = 48) },
	{ "Finished first", ALERT(UNEXPECTED_MESSAGE),
	  CHANGE(.op = BEFORE, .type = EE, .other = FIN) },

	{ "a ticket before Finished", ALERT(UNEXPECTED_MESSAGE),
	  CHANGE(.op = BEFORE, .type = FIN, .other = NST, BYTES(0)) },
	{ "KeyUpdate before Finished", ALERT(UNEXPECTED_MESSAGE),
	  CHANGE(.op = BEFORE, .type = FIN, .other = KU, BYTES(0)) },
	{ "EndOfEarlyData", ALERT(UNEXPECTED_MESSAGE),
	  CHANGE(.op = BEFORE, .type = FIN, .other = EOED) },
	{ "ServerHello again", ALERT(UNEXPECTED_MESSAGE),
	  CHANGE(.op = BEFORE, .type = EE, .other = SH, BYTES(3, 3)) },
	{ "ClientHello", ALERT(UNEXPECTED_MESSAGE),
	  CHANGE(.op = BEFORE, .type = EE, .other = CH, BYTES(3, 3)) },
	{ "KeyUpdate in Finished's record", ALERT(UNEXPECTED_MESSAGE),
	  CHANGE(.op = AFTER, .type = FIN, .other = KU, BYTES(0)), .one_record = true },
};

static const struct site_options plain;
static const struct site_options certified = { .verify_client = true };
static const struct site_options uncertified = { .policy = QKDTLS_PSK_ONLY };

static void client_judges_flight(void **state)
{
	static struct stage stage;

	stage_server_flight(rows_pki(), &stage, &plain);
	refuse_flight(&stage, QKDTLS_CLIENT, *state);
}

static const struct bad_flight psk_flights[] = {
	{ .what = "unchanged", .alert = ALERT(NONE) },
	{ "CertificateRequest without certificates", ALERT(UNEXPECTED_MESSAGE),
	  CHANGE(.op = AFTER, .type = EE, .other = CR, BYTES(REQUEST)) },
	{ "CertificateVerify without certificates", ALERT(UNEXPECTED_MESSAGE),
	  CHANGE(.op = AFTER, .type = EE, .other = CV, BYTES(4, 3, 0, 0)) },
	{ "Certificate without certificates", ALERT(UNEXPECTED_MESSAGE),
	  CHANGE(.op = AFTER, .type = EE, .other = CT, BYTES(0, 0, 0, 0)) },
};

static void client_judges_psk_flight(void **state)
{
	static struct stage stage;

	stage_server_flight(rows_pki(), &stage, &uncertified);
	refuse_flight(&stage, QKDTLS_CLIENT, *state);
}

/* ---- The client's flight ---- */

static const struct bad_flight client_flights[] = {
	{ .what = "unchanged", .alert = ALERT(NONE) },
	{ "unchanged, in one record", ALERT(NONE), .one_record = true },
	{ "no Certificate", ALERT(UNEXPECTED_MESSAGE), CHANGE(.op = TAKE_OUT, .type = CT) },
	{ "Certificate of none", ALERT(CERTIFICATE_REQUIRED),
	  CHANGE(.op = REPLACE, .type = CT, BYTES(0, 0, 0, 0)) },
	{ "Certificate with a context", ALERT(ILLEGAL_PARAMETER),
	  CHANGE(.op = REPLACE, .type = CT, BYTES(1, 7, 0, 0, 0)) },
	{ "Certificate of rubbish", ALERT(BAD_CERTIFICATE),
	  CHANGE(.op = REPLACE, .type = CT, BYTES(0, 0, 0, 7, 0, 0, 2, 1, 2, 0, 0)) },
	{ "no CertificateVerify", ALERT(UNEXPECTED_MESSAGE), CHANGE(.op = TAKE_OUT, .type = CV) },
	{ "wrong signature", ALERT(DECRYPT_ERROR), CHANGE(.op = FLIP, .type = CV, .at = -1) },
	{ "wrong Finished", ALERT(DECRYPT_ERROR), CHANGE(.op = FLIP, .type = FIN, .at = 5) },
	{ "long Finished", ALERT(DECODE_ERROR), CHANGE(.op = APPEND, .type = FIN, BYTES(0)) },
	{ "short Finished", ALERT(DECODE_ERROR), CHANGE(.op = CUT_OFF, .type = FIN, .at = 1) },
	{ "a ticket before Finished", ALERT(UNEXPECTED_MESSAGE),
	  CHANGE(.op = BEFORE, .type = FIN, .other = NST, BYTES(0)) },
	{ "Certificate twice", ALERT(UNEXPECTED_MESSAGE), CHANGE(.op = DOUBLE, .type = CT) },
	{ "Certificate cut off", ALERT(DECODE_ERROR), CHANGE(.op = CUT_OFF, .type = CT, .at = 1) },
	{ "a byte behind Certificate", ALERT(DECODE_ERROR),
	  CHANGE(.op = APPEND, .type = CT, BYTES(0)) },
	{ "unknown extension of a certificate", ALERT(UNSUPPORTED_EXTENSION),
	  CHANGE(.op = EXTEND, .type = CT, BYTES(0x2a, 0x2a, 0, 0)) },
	{ "extension 33 of a certificate", ALERT(ILLEGAL_PARAMETER),
	  CHANGE(.op = EXTEND, .type = CT, BYTES(0, 33, 0, 0)) },
	{ "CertificateVerify twice", ALERT(UNEXPECTED_MESSAGE), CHANGE(.op = DOUBLE, .type = CV) },
	{ "CertificateVerify of a scheme not asked for", ALERT(ILLEGAL_PARAMETER),
	  CHANGE(.op = REPLACE, .type = CV, BYTES(0x2a, 0x2a, 0, 1, 0)) },
	{ "CertificateVerify of another kind of key", ALERT(ILLEGAL_PARAMETER),
	  CHANGE(.op = REPLACE, .type = CV, BYTES(0x08, 0x04, 0, 1, 0)) },
	{ "CertificateVerify with SHA-1", ALERT(ILLEGAL_PARAMETER),
	  CHANGE(.op = REPLACE, .type = CV, BYTES(0x02, 0x03, 0, 1, 0)) },
	{ "CertificateVerify with PKCS 1", ALERT(ILLEGAL_PARAMETER),
	  CHANGE(.op = REPLACE, .type = CV, BYTES(0x04, 0x01, 0, 1, 0)) },
	{ "empty signature", ALERT(DECRYPT_ERROR),
	  CHANGE(.op = REPLACE, .type = CV, BYTES(4, 3, 0, 0)) },
	{ "a byte behind CertificateVerify", ALERT(DECODE_ERROR),
	  CHANGE(.op = APPEND, .type = CV, BYTES(0)) },
	{ "Certificate of no bytes", ALERT(DECODE_ERROR),
	  CHANGE(.op = REPLACE, .type = CT, BYTES(0, 0, 0, 5, 0, 0, 0, 0, 0)) },
	{ "a flipped bit in the certificate's signature", ALERT(BAD_CERTIFICATE),
	  CHANGE(.op = FLIP, .type = CT, .at = -10) },
	{ "truncated extension of a certificate", ALERT(DECODE_ERROR),
	  CHANGE(.op = EXTEND, .type = CT, BYTES(0, 33, 0, 1)) },
	{ "empty Finished", ALERT(DECODE_ERROR), CHANGE(.op = CUT_OFF, .type = FIN, .at = 48) },
	{ "Finished wrong in its last byte", ALERT(DECRYPT_ERROR),
	  CHANGE(.op = FLIP, .type = FIN, .at = -1) },
	{ "Finished first", ALERT(UNEXPECTED_MESSAGE),
	  CHANGE(.op = BEFORE, .type = CT, .other = FIN) },
	{ "CertificateRequest", ALERT(UNEXPECTED_MESSAGE),
	  CHANGE(.op = BEFORE, .type = CT, .other = CR, BYTES(REQUEST)) },
	{ "ServerHello", ALERT(UNEXPECTED_MESSAGE),
	  CHANGE(.op = BEFORE, .type = CT, .other = SH, BYTES(3, 3)) },
	{ "ClientHello again", ALERT(UNEXPECTED_MESSAGE),
	  CHANGE(.op = BEFORE, .type = CT, .other = CH, BYTES(3, 3)) },
	{ "EndOfEarlyData", ALERT(UNEXPECTED_MESSAGE),
	  CHANGE(.op = BEFORE, .type = CT, .other = EOED) },
	{ "EncryptedExtensions", ALERT(UNEXPECTED_MESSAGE),
	  CHANGE(.op = BEFORE, .type = CT, .other = EE, BYTES(0, 0)) },
	{ "KeyUpdate before Finished", ALERT(UNEXPECTED_MESSAGE),
	  CHANGE(.op = BEFORE, .type = FIN, .other = KU, BYTES(0)) },
	{ "KeyUpdate in Finished's record", ALERT(UNEXPECTED_MESSAGE),
	  CHANGE(.op = AFTER, .type = FIN, .other = KU, BYTES(0)), .one_record = true },
};

static void server_judges_flight(void **state)
{
	static struct stage stage;

	stage_client_flight(rows_pki(), &stage, &certified);
	refuse_flight(&stage, QKDTLS_SERVER, *state);
}

/* The server did not ask for a certificate. */
static const struct bad_flight unasked_flights[] = {
	{ .what = "unchanged", .alert = ALERT(NONE) },
	{ "Certificate", ALERT(UNEXPECTED_MESSAGE),
	  CHANGE(.op = BEFORE, .type = FIN, .other = CT, BYTES(0, 0, 0, 0)) },
	{ "CertificateVerify", ALERT(UNEXPECTED_MESSAGE),
	  CHANGE(.op = BEFORE, .type = FIN, .other = CV, BYTES(4, 3, 0, 0)) },
};

static void server_judges_unasked_flight(void **state)
{
	static struct stage stage;

	stage_client_flight(rows_pki(), &stage, &plain);
	refuse_flight(&stage, QKDTLS_SERVER, *state);
}

/* A client that cannot use the ServerHello has no keys for its alert: a server hears it all the same. */
static void server_hears_a_plain_alert_after_its_hello(void **state)
{
	static const uint8_t alert[] = { 21, 3, 3, 0, 2, 2, 47 };
	struct loopback lb;

	site_link(*state, &lb, &plain, &plain);
	stage_move(lb.end[QKDTLS_CLIENT], lb.end[QKDTLS_SERVER]);
	assert_int_equal(forge_feed(lb.end[QKDTLS_SERVER], alert, sizeof(alert)), sizeof(alert));
	assert_int_equal(qkdtls_handshake(lb.end[QKDTLS_SERVER]), QKDTLS_FAILED);
	assert_int_equal(qkdtls_error(lb.end[QKDTLS_SERVER])->received, 47);
	assert_int_equal(qkdtls_error(lb.end[QKDTLS_SERVER])->sent, QKDTLS_ALERT_NONE);
	loopback_free(&lb);
}

/* ---- Signatures: whoever has the key of the session can make Finished right, but not these ---- */

static void make_finished_right(struct stage *stage, const uint8_t *secret)
{
	struct forged_message *finished = &stage->flight.message[stage->flight.count - 1];
	const enum qkdtls_hash algorithm = stage->suite->hash;
	const size_t len = qkdtls_hash_len(algorithm);
	uint8_t key[QKDTLS_HASH_MAX], hash[QKDTLS_HASH_MAX];

	assert_int_equal(finished->type, FIN);
	for (size_t i = 0; i + 1 < stage->flight.count; i++)
		stage_note(stage, &stage->flight.message[i]);
	assert_int_equal(qkdtls_hash(algorithm, stage->before, stage->before_len, hash), 0);
	assert_int_equal(hkdf_expand_label(algorithm, secret, "finished", NULL, 0, key, len), 0);
	assert_int_equal(hkdf_hmac(algorithm, key, len, hash, len, finished->body), 0);
}

/* A server that has all but its private key */
static const struct bad_flight server_signatures[] = {
	{ .what = "unchanged", .alert = ALERT(NONE) },
	{ "flipped bit", ALERT(DECRYPT_ERROR), CHANGE(.op = FLIP, .type = CV, .at = -1) },
	{ "no signature", ALERT(DECRYPT_ERROR),
	  CHANGE(.op = REPLACE, .type = CV, BYTES(4, 3, 0, 0)) },
	{ "another message signed", ALERT(DECRYPT_ERROR),
	  CHANGE(.op = REPLACE, .type = EE, BYTES(0, 4, 0, 0, 0, 0)) },
};

static void client_judges_signature(void **state)
{
	const struct bad_flight *bad = *state;
	static struct stage stage;

	stage_server_flight(rows_pki(), &stage, &plain);
	stage_change(&stage.flight, &bad->change);
	make_finished_right(&stage, stage.secrets.server);
	refuse_flight(&stage, QKDTLS_CLIENT,
		      &(struct bad_flight){ .what = bad->what, .alert = bad->alert });
}

/* A client likewise */
static const struct bad_flight client_signatures[] = {
	{ .what = "unchanged", .alert = ALERT(NONE) },
	{ "flipped bit", ALERT(DECRYPT_ERROR), CHANGE(.op = FLIP, .type = CV, .at = -1) },
	{ "no signature", ALERT(DECRYPT_ERROR),
	  CHANGE(.op = REPLACE, .type = CV, BYTES(4, 3, 0, 0)) },
};

static void server_judges_signature(void **state)
{
	const struct bad_flight *bad = *state;
	static struct stage stage;

	stage_client_flight(rows_pki(), &stage, &certified);
	stage_change(&stage.flight, &bad->change);
	make_finished_right(&stage, stage.secrets.client);
	refuse_flight(&stage, QKDTLS_SERVER,
		      &(struct bad_flight){ .what = bad->what, .alert = bad->alert });
}

/* The certificate of another end, good in itself, over a signature of the first's key */
static void a_certificate_of_somebody_else_is_refused(void **state)
{
	static struct stage stage, other;
	size_t at;

	pki_issue(*state, &(struct pki_leaf){ .file = "server",
					      .name = PKI_SERVER_NAME,
					      .not_before = -100,
					      .not_after = 1000 });
	stage_server_flight(*state, &other, &plain);
	pki_issue(*state, &(struct pki_leaf){ .file = "server",
					      .name = PKI_SERVER_NAME,
					      .not_before = -100,
					      .not_after = 1000 });
	stage_server_flight(*state, &stage, &plain);
	at = stage_find(&stage.flight, CT);
	stage.flight.message[at] = other.flight.message[at];
	make_finished_right(&stage, stage.secrets.server);
	refuse_flight(
		&stage, QKDTLS_CLIENT,
		&(struct bad_flight){ .what = "other certificate", .alert = ALERT(DECRYPT_ERROR) });
	loopback_free(&other.lb);
}

/* Messages across records, several in one record, one byte in each */
static void fragments_are_put_together(void **state)
{
	static const size_t sizes[] = { 1, 2, 3, 5, 50, 333, 16384 };
	static struct stage stage;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		stage_server_flight(*state, &stage, &certified);
		assert_int_equal(forge_feed_fragments(stage.lb.end[QKDTLS_CLIENT], stage.suite,
						      stage.secrets.server, &stage.flight,
						      sizes[i]),
				 QKDTLS_DONE);
		loopback_free(&stage.lb);
		stage_client_flight(*state, &stage, &certified);
		assert_int_equal(forge_feed_fragments(stage.lb.end[QKDTLS_SERVER], stage.suite,
						      stage.secrets.client, &stage.flight,
						      sizes[i]),
				 QKDTLS_DONE);
		loopback_free(&stage.lb);
	}
}

/* A record of another type between the parts of a message: of the hellos here; test_stream has those of the stream. */
static void nothing_may_come_inside_a_message(void **state)
{
	static const uint8_t part[2][10] = {
		[QKDTLS_CLIENT] = { 22, 3, 3, 0, 5, 2, 0, 1, 0, 3 },
		[QKDTLS_SERVER] = { 22, 3, 1, 0, 5, 1, 0, 1, 0, 3 },
	};
	static const uint8_t alerts[][7] = {
		{ 21, 3, 3, 0, 2, 1, 90 }, /* user_canceled */
		{ 21, 3, 3, 0, 2, 1, 0 }, /* close_notify */
	};
	struct loopback lb;
	size_t len;

	for (size_t i = 0; i < sizeof(alerts) / sizeof(alerts[0]); i++) {
		site_link(*state, &lb, &plain, &plain);
		assert_int_equal(qkdtls_handshake(lb.end[QKDTLS_CLIENT]), QKDTLS_WANT_WRITE);
		(void)qkdtls_output(lb.end[QKDTLS_CLIENT], &len);
		qkdtls_output_sent(lb.end[QKDTLS_CLIENT], len);
		for (int role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++) {
			forge_feed(lb.end[role], part[role], sizeof(part[role]));
			forge_feed(lb.end[role], alerts[i], sizeof(alerts[i]));
			(void)qkdtls_handshake(lb.end[role]);
			assert_int_equal(qkdtls_error(lb.end[role])->sent,
					 ALERT(UNEXPECTED_MESSAGE));
			assert_string_equal(qkdtls_error(lb.end[role])->reason,
					    "alert inside a handshake message");
		}
		loopback_free(&lb);
	}
}

/* change_cipher_spec is dropped, but not for ever; nor do records of one byte come for ever. */
static void a_handshake_is_bounded(void **state)
{
	static const uint8_t ccs[] = { 20, 3, 3, 0, 1, 1 };
	struct loopback lb;
	size_t sent;

	for (int role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++) {
		struct qkdtls_conn *conn;

		site_link(*state, &lb, &plain, &plain);
		conn = lb.end[role];
		if (role == QKDTLS_SERVER)
			stage_move(lb.end[QKDTLS_CLIENT], conn);
		for (sent = 0; forge_feed(conn, ccs, sizeof(ccs)) == sizeof(ccs);)
			sent += sizeof(ccs);
		assert_in_range(sent, 200000, 300000);
		(void)qkdtls_handshake(conn);
		assert_int_equal(qkdtls_error(conn)->sent, ALERT(DECODE_ERROR));
		assert_string_equal(qkdtls_error(conn)->reason, "the handshake is too long");
		loopback_free(&lb);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(server_hears_a_plain_alert_after_its_hello),
		cmocka_unit_test(a_certificate_of_somebody_else_is_refused),
		cmocka_unit_test(fragments_are_put_together),
		cmocka_unit_test(nothing_may_come_inside_a_message),
		cmocka_unit_test(a_handshake_is_bounded),
	};

	ROWS(client_judges_flight, server_flights);
	ROWS(client_judges_psk_flight, psk_flights);
	ROWS(server_judges_flight, client_flights);
	ROWS(server_judges_unasked_flight, unasked_flights);
	ROWS(client_judges_signature, server_signatures);
	ROWS(server_judges_signature, client_signatures);
	return rows_run(tests, sizeof(tests) / sizeof(tests[0]));
}
