// SPDX-License-Identifier: GPL-2.0-or-later
/* Bad hellos, each with the alert it must get (RFC 9846 section 4.2 and 4.3, RFC 9973 section 5) */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include "forge.h"
#include "site.h"

#define ALERT(name) QKDTLS_ALERT_##name
#define CHANGES_MAX 3

/* Extensions by number */
#define SNI	 0
#define GROUPS	 10
#define SIGALGS	 13
#define PADDING	 21
#define BOTH	 33
#define PSK	 41
#define EARLY	 42
#define VERSIONS 43
#define COOKIE	 44
#define MODES	 45
#define SHARE	 51
#define UNKNOWN	 0x2a2a

struct bad_hello {
	const char *what;
	enum qkdtls_alert alert;
	struct forge change[CHANGES_MAX];
};

#define SESSION_ID_AT	34
#define COMPRESSION_LEN 2
#define SUITES_LEN	8 /* three, with their length */

/*
 * What the server must say to a client's changed hello. DECRYPT_ERROR: nothing was wrong but that the
 * binder covers the change, so the hello was accepted up to there.
 */
static const struct bad_hello client_hellos[] = {
	{ "legacy_version 0x0302", ALERT(PROTOCOL_VERSION), { HEAD(0, 3, 2) } },
	{ "no supported_versions", ALERT(PROTOCOL_VERSION), { DROP(VERSIONS) } },
	{ "only TLS 1.2", ALERT(PROTOCOL_VERSION), { SET(VERSIONS, 2, 3, 3) } },
	{ "no extensions", ALERT(PROTOCOL_VERSION), { NO_EXTENSIONS } },
	{ "more versions", ALERT(DECRYPT_ERROR), { SET(VERSIONS, 6, 0x7f, 0x1c, 3, 3, 3, 4) } },
	{ "odd versions", ALERT(DECODE_ERROR), { SET(VERSIONS, 3, 3, 4, 3) } },
	{ "empty versions", ALERT(DECODE_ERROR), { SET(VERSIONS, 0) } },
	{ "compression", ALERT(ILLEGAL_PARAMETER), { TAIL(COMPRESSION_LEN, 1, 1) } },
	{ "two compressions", ALERT(ILLEGAL_PARAMETER), { TAIL(COMPRESSION_LEN, 2, 0, 1) } },
	{ "no compression", ALERT(DECODE_ERROR), { TAIL(COMPRESSION_LEN, 0) } },
	{ "session ID too long", ALERT(DECODE_ERROR), { HEAD(SESSION_ID_AT, 33) } },
	{ "odd suites",
	  ALERT(DECODE_ERROR),
	  { TAIL(SUITES_LEN + COMPRESSION_LEN, 0, 3, 0x13, 0x01, 0x13, 1, 0) } },
	{ "no suites", ALERT(DECODE_ERROR), { TAIL(SUITES_LEN + COMPRESSION_LEN, 0, 0, 1, 0) } },
	{ "unknown suites",
	  ALERT(HANDSHAKE_FAILURE),
	  { TAIL(SUITES_LEN + COMPRESSION_LEN, 0, 4, 0x13, 0x04, 0x00, 0xff, 1, 0) } },
	{ "unknown suite beside a known one",
	  ALERT(DECRYPT_ERROR),
	  { TAIL(SUITES_LEN + COMPRESSION_LEN, 0, 4, 0x2a, 0x2a, 0x13, 0x02, 1, 0) } },
	{ "truncated", ALERT(DECODE_ERROR), { SHORT(1) } },
	{ "a byte behind the end", ALERT(DECODE_ERROR), { BEHIND(0) } },

	{ "doubled extension", ALERT(ILLEGAL_PARAMETER), { TWICE(GROUPS) } },
	{ "doubled unknown extension",
	  ALERT(ILLEGAL_PARAMETER),
	  { FIRST_EMPTY(UNKNOWN), FIRST_EMPTY(UNKNOWN) } },
	{ "unknown extension", ALERT(DECRYPT_ERROR), { FIRST(UNKNOWN, 1, 2, 3) } },
	{ "padding", ALERT(DECRYPT_ERROR), { FIRST(PADDING, 0, 0) } },
	{ "cookie", ALERT(ILLEGAL_PARAMETER), { FIRST(COOKIE, 0, 1, 7) } },

	{ "server_name of no name", ALERT(DECODE_ERROR), { SET(SNI, 0, 3, 0, 0, 0) } },
	{ "server_name of another type", ALERT(DECODE_ERROR), { SET(SNI, 0, 4, 1, 0, 1, 'a') } },
	{ "server_name of another server", ALERT(DECRYPT_ERROR), { SET(SNI, 0, 4, 0, 0, 1, 'a') } },

	{ "no supported_groups", ALERT(MISSING_EXTENSION), { DROP(GROUPS) } },
	{ "no key_share", ALERT(MISSING_EXTENSION), { DROP(SHARE) } },
	{ "no signature_algorithms", ALERT(MISSING_EXTENSION), { DROP(SIGALGS) } },
	{ "no psk_key_exchange_modes", ALERT(MISSING_EXTENSION), { DROP(MODES) } },
	{ "extension 33 without pre_shared_key", ALERT(MISSING_EXTENSION), { DROP(PSK) } },
	{ "only psk_ke", ALERT(ILLEGAL_PARAMETER), { SET(MODES, 1, 0) } },
	{ "psk_ke beside psk_dhe_ke", ALERT(DECRYPT_ERROR), { SET(MODES, 2, 0, 1) } },
	{ "no modes", ALERT(DECODE_ERROR), { SET(MODES, 0) } },
	{ "a byte behind the modes", ALERT(DECODE_ERROR), { GROW(MODES, 0) } },
	{ "extension 33 with content", ALERT(DECODE_ERROR), { SET(BOTH, 0) } },
	{ "extension 33 with early_data", ALERT(ILLEGAL_PARAMETER), { FIRST_EMPTY(EARLY) } },
	{ "early_data without extension 33",
	  ALERT(HANDSHAKE_FAILURE),
	  { DROP(BOTH), FIRST_EMPTY(EARLY) } },
	{ "no extension 33", ALERT(INSUFFICIENT_SECURITY), { DROP(BOTH) } },
	{ "no PSK at all", ALERT(INSUFFICIENT_SECURITY), { DROP(BOTH), DROP(PSK), DROP(MODES) } },

	{ "unknown groups",
	  ALERT(INSUFFICIENT_SECURITY),
	  { SET(GROUPS, 0, 2, 0x2a, 0x2a), SET(SHARE, 0, 0) } },
	{ "odd groups", ALERT(DECODE_ERROR), { SET(GROUPS, 0, 3, 0, 0x1d, 0) } },
	{ "share of a group not supported",
	  ALERT(ILLEGAL_PARAMETER),
	  { SET(GROUPS, 0, 2, 0, 0x17) } },
	{ "two shares of one group",
	  ALERT(ILLEGAL_PARAMETER),
	  { SET(SHARE, 0, 10, 0, 0x1d, 0, 1, 1, 0, 0x1d, 0, 1, 1) } },
	{ "share too short", ALERT(ILLEGAL_PARAMETER), { SET(SHARE, 0, 5, 0, 0x1d, 0, 1, 1) } },
	{ "share of zeros",
	  ALERT(ILLEGAL_PARAMETER),
	  { SET(SHARE, 0, 36, 0, 0x1d, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) } },
	{ "empty share", ALERT(DECODE_ERROR), { SET(SHARE, 0, 4, 0, 0x1d, 0, 0) } },
	{ "truncated share", ALERT(DECODE_ERROR), { CUT(SHARE, 1) } },
	{ "odd signature schemes", ALERT(DECODE_ERROR), { SET(SIGALGS, 0, 1, 4) } },
	{ "unknown signature schemes",
	  ALERT(HANDSHAKE_FAILURE),
	  { SET(SIGALGS, 0, 2, 0x2a, 0x2a) } },

	{ "pre_shared_key not last", ALERT(ILLEGAL_PARAMETER), { LAST_EMPTY(PADDING) } },
	{ "pre_shared_key before an unknown one",
	  ALERT(ILLEGAL_PARAMETER),
	  { LAST_EMPTY(UNKNOWN) } },
	{ "pre_shared_key truncated", ALERT(DECODE_ERROR), { CUT(PSK, 1) } },
	{ "a byte behind pre_shared_key", ALERT(DECODE_ERROR), { GROW(PSK, 0) } },
	{ "empty identity", ALERT(DECODE_ERROR), { SET(PSK, 0, 7, 0, 0, 0, 0, 0, 0, 0) } },
	{ "no binders", ALERT(DECODE_ERROR), { SET(PSK, 0, 7, 0, 1, 'x', 0, 0, 0, 0, 0, 0) } },
	{ "short binder",
	  ALERT(DECODE_ERROR),
	  { SET(PSK, 0, 7, 0, 1, 'x', 0, 0, 0, 0, 0, 33, 31, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) } },
	{ "more identities than binders",
	  ALERT(ILLEGAL_PARAMETER),
	  { SET(PSK, 0, 14, 0, 1, 'x', 0, 0, 0, 0, 0, 1, 'y', 0, 0, 0, 0, 0, 33, 32, 0, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0) } },
	{ "an identity that is none of ours",
	  ALERT(DECRYPT_ERROR),
	  { SET(PSK, 0, 7, 0, 1, 'x', 0, 0, 0, 0, 0, 33, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) } },
};

static void take_client_hello(const struct loopback *lb, struct forged_message *hello)
{
	const uint8_t *data;
	size_t len;

	assert_int_equal(qkdtls_handshake(lb->end[QKDTLS_CLIENT]), QKDTLS_WANT_WRITE);
	data = qkdtls_output(lb->end[QKDTLS_CLIENT], &len);
	assert_int_equal(forge_read_plain(data, len, hello), len);
	qkdtls_output_sent(lb->end[QKDTLS_CLIENT], len);
}

static void assert_alert(const struct qkdtls_conn *conn, const char *what, enum qkdtls_alert alert)
{
	const struct qkdtls_error *error = qkdtls_error(conn);

	if (error->sent != alert)
		print_message("# %s: %s (%s) instead of %s\n", what, qkdtls_alert_name(error->sent),
			      error->reason, qkdtls_alert_name(alert));
	assert_int_equal(error->sent, alert);
}

static const struct site_options plain;

static void unchanged_hello_is_accepted(void **state)
{
	static struct forged_message hello;
	struct loopback lb;

	site_link(*state, &lb, &plain, &plain);
	take_client_hello(&lb, &hello);
	forge_hello(&hello, NULL, 0);
	assert_int_equal(forge_feed_plain(lb.end[QKDTLS_SERVER], &hello), QKDTLS_WANT_READ);
	assert_int_equal(lb.ring[QKDTLS_SERVER].committed, 1);
	loopback_free(&lb);
}

static void server_refuses_bad_client_hellos(void **state)
{
	static struct forged_message hello;
	struct loopback lb;

	for (size_t i = 0; i < sizeof(client_hellos) / sizeof(client_hellos[0]); i++) {
		const struct bad_hello *bad = &client_hellos[i];

		site_link(*state, &lb, &plain, &plain);
		take_client_hello(&lb, &hello);
		forge_hello(&hello, bad->change, CHANGES_MAX);
		assert_int_equal(forge_feed_plain(lb.end[QKDTLS_SERVER], &hello), QKDTLS_FAILED);
		assert_alert(lb.end[QKDTLS_SERVER], bad->what, bad->alert);
		/* Only a hello in which all else is right may make the source look up a key. */
		if (bad->alert != QKDTLS_ALERT_DECRYPT_ERROR)
			assert_int_equal(lb.ring[QKDTLS_SERVER].found, 0);
		assert_int_equal(lb.ring[QKDTLS_SERVER].committed, 0);
		assert_int_equal(lb.ring[QKDTLS_SERVER].found, lb.ring[QKDTLS_SERVER].released);
		loopback_free(&lb);
	}
}

/* The second hello against the first, whose share was taken out so that the server asks again. */
static const struct bad_hello second_hellos[] = {
	{ "unchanged but for the share", ALERT(DECRYPT_ERROR), { { 0 } } },
	{ "still no share", ALERT(ILLEGAL_PARAMETER), { SET(SHARE, 0, 0) } },
	{ "two shares",
	  ALERT(ILLEGAL_PARAMETER),
	  { SET(GROUPS, 0, 4, 0, 0x1d, 0, 0x17),
	    SET(SHARE, 0, 10, 0, 0x1d, 0, 1, 1, 0, 0x17, 0, 1, 1) } },
	{ "other random", ALERT(ILLEGAL_PARAMETER), { HEAD(2, 0, 1, 2, 3, 4, 5, 6, 7) } },
	{ "other session ID",
	  ALERT(ILLEGAL_PARAMETER),
	  { HEAD(SESSION_ID_AT + 1, 0, 1, 2, 3, 4, 5, 6, 7) } },
	{ "other suites",
	  ALERT(ILLEGAL_PARAMETER),
	  { TAIL(SUITES_LEN + COMPRESSION_LEN, 0, 4, 0x13, 0x02, 0x13, 0x01, 1, 0) } },
	{ "extension 33 dropped", ALERT(ILLEGAL_PARAMETER), { DROP(BOTH) } },
	{ "pre_shared_key and extension 33 dropped",
	  ALERT(ILLEGAL_PARAMETER),
	  { DROP(PSK), DROP(BOTH) } },
	{ "another extension", ALERT(ILLEGAL_PARAMETER), { FIRST_EMPTY(UNKNOWN) } },
	{ "other server_name", ALERT(ILLEGAL_PARAMETER), { SET(SNI, 0, 4, 0, 0, 1, 'a') } },
	{ "early_data", ALERT(ILLEGAL_PARAMETER), { FIRST_EMPTY(EARLY) } },
	{ "cookie of nobody's", ALERT(ILLEGAL_PARAMETER), { FIRST(COOKIE, 0, 1, 7) } },
	{ "other identities",
	  ALERT(ILLEGAL_PARAMETER),
	  { SET(PSK, 0, 7, 0, 1, 'x', 0, 0, 0, 0, 0, 33, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) } },
	{ "padding may change", ALERT(DECRYPT_ERROR), { FIRST_EMPTY(PADDING) } },
};

static const struct forge no_share = SET(SHARE, 0, 0);

static void server_refuses_bad_second_hellos(void **state)
{
	static struct forged_message hello, first;
	struct loopback lb;

	for (size_t i = 0; i < sizeof(second_hellos) / sizeof(second_hellos[0]); i++) {
		const struct bad_hello *bad = &second_hellos[i];

		site_link(*state, &lb, &plain, &plain);
		take_client_hello(&lb, &hello);
		first = hello;
		forge_hello(&first, &no_share, 1);
		assert_int_equal(forge_feed_plain(lb.end[QKDTLS_SERVER], &first), QKDTLS_WANT_READ);
		assert_int_equal(lb.ring[QKDTLS_SERVER].found, 0);
		forge_hello(&hello, bad->change, CHANGES_MAX);
		assert_int_equal(forge_feed_plain(lb.end[QKDTLS_SERVER], &hello), QKDTLS_FAILED);
		assert_alert(lb.end[QKDTLS_SERVER], bad->what, bad->alert);
		assert_int_equal(lb.ring[QKDTLS_SERVER].found, lb.ring[QKDTLS_SERVER].released);
		loopback_free(&lb);
	}
}

/* ---- ServerHello and HelloRetryRequest ---- */

#define SUITE_COMPRESSION_LEN 3
#define RETRY_RANDOM                                                                              \
	0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, \
		0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2,     \
		0xc8, 0xa8, 0x33, 0x9c

static const struct bad_hello server_hellos[] = {
	{ "legacy_version 0x0304", ALERT(PROTOCOL_VERSION), { HEAD(0, 3, 4) } },
	{ "no supported_versions", ALERT(PROTOCOL_VERSION), { DROP(VERSIONS) } },
	{ "no extensions", ALERT(PROTOCOL_VERSION), { NO_EXTENSIONS } },
	{ "marked downgrade to TLS 1.2",
	  ALERT(ILLEGAL_PARAMETER),
	  { DROP(VERSIONS), HEAD(26, 'D', 'O', 'W', 'N', 'G', 'R', 'D', 1) } },
	{ "marked downgrade to TLS 1.1",
	  ALERT(ILLEGAL_PARAMETER),
	  { NO_EXTENSIONS, HEAD(26, 'D', 'O', 'W', 'N', 'G', 'R', 'D', 0) } },
	{ "another version", ALERT(ILLEGAL_PARAMETER), { SET(VERSIONS, 3, 3) } },
	{ "long version", ALERT(DECODE_ERROR), { SET(VERSIONS, 3, 4, 0) } },
	{ "other session ID",
	  ALERT(ILLEGAL_PARAMETER),
	  { HEAD(SESSION_ID_AT + 1, 0, 1, 2, 3, 4, 5, 6, 7) } },
	{ "suite not offered",
	  ALERT(ILLEGAL_PARAMETER),
	  { TAIL(SUITE_COMPRESSION_LEN, 0x13, 0x03, 0) } },
	{ "suite of another hash than the PSK chosen",
	  ALERT(ILLEGAL_PARAMETER),
	  { TAIL(SUITE_COMPRESSION_LEN, 0x13, 0x01, 0) } },
	{ "compression", ALERT(ILLEGAL_PARAMETER), { TAIL(1, 1) } },
	{ "truncated", ALERT(DECODE_ERROR), { SHORT(1) } },
	{ "a byte behind the end", ALERT(DECODE_ERROR), { BEHIND(0) } },
	{ "doubled extension", ALERT(ILLEGAL_PARAMETER), { TWICE(SHARE) } },
	{ "unknown extension", ALERT(UNSUPPORTED_EXTENSION), { FIRST_EMPTY(UNKNOWN) } },
	{ "supported_groups", ALERT(ILLEGAL_PARAMETER), { FIRST(GROUPS, 0, 2, 0, 0x1d) } },
	{ "cookie", ALERT(ILLEGAL_PARAMETER), { FIRST(COOKIE, 0, 1, 7) } },
	{ "early_data", ALERT(ILLEGAL_PARAMETER), { FIRST_EMPTY(EARLY) } },
	{ "no key_share", ALERT(ILLEGAL_PARAMETER), { DROP(SHARE) } },
	{ "share of another group", ALERT(ILLEGAL_PARAMETER), { SET(SHARE, 0, 0x17, 0, 1, 1) } },
	{ "share too short", ALERT(ILLEGAL_PARAMETER), { SET(SHARE, 0, 0x1d, 0, 1, 1) } },
	{ "share of zeros",
	  ALERT(ILLEGAL_PARAMETER),
	  { SET(SHARE, 0, 0x1d, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) } },
	{ "share in the form of HelloRetryRequest", ALERT(DECODE_ERROR), { SET(SHARE, 0, 0x1d) } },
	{ "a byte behind the share", ALERT(DECODE_ERROR), { GROW(SHARE, 0) } },
	{ "extension 33 without pre_shared_key", ALERT(ILLEGAL_PARAMETER), { DROP(PSK) } },
	{ "pre_shared_key without extension 33", ALERT(HANDSHAKE_FAILURE), { DROP(BOTH) } },
	{ "neither", ALERT(HANDSHAKE_FAILURE), { DROP(BOTH), DROP(PSK) } },
	{ "extension 33 with content", ALERT(DECODE_ERROR), { SET(BOTH, 0) } },
	{ "identity not offered", ALERT(ILLEGAL_PARAMETER), { SET(PSK, 0, 2) } },
	{ "identity of the other hash", ALERT(ILLEGAL_PARAMETER), { SET(PSK, 0, 1) } },
	{ "long identity", ALERT(DECODE_ERROR), { SET(PSK, 0, 0, 0) } },
};

/* Made from a ServerHello by its random; the other extensions go by a first change of their own. */
static const struct bad_hello retries[] = {
	{ "group that was sent already", ALERT(ILLEGAL_PARAMETER), { SET(SHARE, 0, 0x1d) } },
	{ "group not offered", ALERT(ILLEGAL_PARAMETER), { SET(SHARE, 0, 0x17) } },
	{ "changes nothing", ALERT(ILLEGAL_PARAMETER), { DROP(SHARE) } },
	{ "share in the form of ServerHello", ALERT(DECODE_ERROR), { { 0 } } },
	{ "empty cookie", ALERT(DECODE_ERROR), { DROP(SHARE), FIRST(COOKIE, 0, 0) } },
	{ "extension 33", ALERT(ILLEGAL_PARAMETER), { DROP(SHARE), FIRST_EMPTY(BOTH) } },
	{ "pre_shared_key", ALERT(ILLEGAL_PARAMETER), { DROP(SHARE), FIRST(PSK, 0, 0) } },
	{ "unknown extension",
	  ALERT(UNSUPPORTED_EXTENSION),
	  { DROP(SHARE), FIRST_EMPTY(UNKNOWN) } },
	{ "no supported_versions", ALERT(PROTOCOL_VERSION), { DROP(SHARE), DROP(VERSIONS) } },
	{ "suite not offered",
	  ALERT(ILLEGAL_PARAMETER),
	  { DROP(SHARE), TAIL(SUITE_COMPRESSION_LEN, 0x13, 0x03, 0) } },
};

static const struct forge cookie[] = {
	DROP(SHARE),
	FIRST(COOKIE, 0, 3, 'a', 'b', 'c'),
};

static const struct forge other_suite[] = {
	DROP(SHARE),
	FIRST(COOKIE, 0, 1, 7),
	TAIL(SUITE_COMPRESSION_LEN, 0x13, 0x01, 0),
};

static const struct forge retry_base[] = {
	HEAD(2, RETRY_RANDOM),
	DROP(PSK),
	DROP(BOTH),
};

/* The server's real answer to the client's real hello */
static void take_server_hello(struct loopback *lb, struct forged_message *hello)
{
	const uint8_t *data;
	size_t len;

	take_client_hello(lb, hello);
	forge_feed_record(lb->end[QKDTLS_SERVER], hello);
	assert_int_equal(qkdtls_handshake(lb->end[QKDTLS_SERVER]), QKDTLS_WANT_WRITE);
	data = qkdtls_output(lb->end[QKDTLS_SERVER], &len);
	forge_read_plain(data, len, hello);
}

static void refuse_server_hello(struct pki *pki, const struct bad_hello *bad,
				const struct forge *base, size_t base_count)
{
	static struct forged_message hello;
	struct loopback lb;

	site_link(pki, &lb, &plain, &plain);
	take_server_hello(&lb, &hello);
	forge_hello(&hello, base, base_count);
	forge_hello(&hello, bad->change, CHANGES_MAX);
	assert_int_equal(forge_feed_plain(lb.end[QKDTLS_CLIENT], &hello), QKDTLS_FAILED);
	assert_alert(lb.end[QKDTLS_CLIENT], bad->what, bad->alert);
	loopback_free(&lb);
}

static void client_refuses_bad_server_hellos(void **state)
{
	for (size_t i = 0; i < sizeof(server_hellos) / sizeof(server_hellos[0]); i++)
		refuse_server_hello(*state, &server_hellos[i], NULL, 0);
}

static void client_refuses_bad_retries(void **state)
{
	for (size_t i = 0; i < sizeof(retries) / sizeof(retries[0]); i++)
		refuse_server_hello(*state, &retries[i], retry_base,
				    sizeof(retry_base) / sizeof(retry_base[0]));
}

static const struct forge no_psk[] = { DROP(BOTH), DROP(PSK) };

/* An answer without the PSK, in each policy: what it is refused for */
static void client_refuses_to_lose_its_key(void **state)
{
	static const struct {
		enum qkdtls_policy policy;
		const char *reason;
	} rows[] = {
		{ QKDTLS_REQUIRE, "the server dropped the PSK: downgrade refused" },
		{ QKDTLS_PREFER, "neither a PSK nor a hybrid group: downgrade refused" },
	};
	static struct forged_message hello;
	struct loopback lb;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct site_options options = { .policy = rows[i].policy };

		site_link(*state, &lb, &options, &options);
		take_server_hello(&lb, &hello);
		forge_hello(&hello, no_psk, 2);
		assert_int_equal(forge_feed_plain(lb.end[QKDTLS_CLIENT], &hello), QKDTLS_FAILED);
		assert_alert(lb.end[QKDTLS_CLIENT], "no PSK", ALERT(HANDSHAKE_FAILURE));
		assert_string_equal(qkdtls_error(lb.end[QKDTLS_CLIENT])->reason, rows[i].reason);
		loopback_free(&lb);
	}
}

/* A cookie alone is reason enough for a retry; a second one is not. */
static void client_returns_a_cookie_once(void **state)
{
	static struct forged_message hello, second;
	struct loopback lb;
	const uint8_t *data;
	size_t len;

	site_link(*state, &lb, &plain, &plain);
	take_server_hello(&lb, &hello);
	forge_hello(&hello, retry_base, sizeof(retry_base) / sizeof(retry_base[0]));
	forge_hello(&hello, cookie, 2);
	forge_feed_record(lb.end[QKDTLS_CLIENT], &hello);
	assert_int_equal(qkdtls_handshake(lb.end[QKDTLS_CLIENT]), QKDTLS_WANT_WRITE);
	data = qkdtls_output(lb.end[QKDTLS_CLIENT], &len);
	assert_true(len > 6 && data[0] == 20); /* change_cipher_spec first */
	forge_read_plain(data + 6, len - 6, &second);
	assert_non_null(memmem(second.body, second.len, "\0\x2c\0\5\0\3abc", 9));
	assert_int_equal(lb.ring[QKDTLS_CLIENT].taken, 1);

	assert_int_equal(forge_feed_plain(lb.end[QKDTLS_CLIENT], &hello), QKDTLS_FAILED);
	assert_alert(lb.end[QKDTLS_CLIENT], "second retry", ALERT(UNEXPECTED_MESSAGE));
	loopback_free(&lb);
}

/* After a retry only the suite it named will do. */
static void client_refuses_another_suite_after_a_retry(void **state)
{
	static struct forged_message hello, retry;
	struct loopback lb;

	site_link(*state, &lb, &plain, &plain);
	take_server_hello(&lb, &hello);
	retry = hello;
	forge_hello(&retry, retry_base, sizeof(retry_base) / sizeof(retry_base[0]));
	forge_hello(&retry, other_suite, 3);
	assert_int_equal(forge_feed_plain(lb.end[QKDTLS_CLIENT], &retry), QKDTLS_WANT_READ);
	assert_int_equal(forge_feed_plain(lb.end[QKDTLS_CLIENT], &hello), QKDTLS_FAILED);
	assert_alert(lb.end[QKDTLS_CLIENT], "other suite", ALERT(ILLEGAL_PARAMETER));
	assert_string_equal(qkdtls_error(lb.end[QKDTLS_CLIENT])->reason,
			    "cipher suite of HelloRetryRequest changed");
	loopback_free(&lb);
}

/* Messages that cannot be the first */
static void strange_first_messages_are_unexpected(void **state)
{
	static struct forged_message message;
	static const uint8_t types[] = { 0, 2, 4, 5, 8, 11, 13, 15, 20, 24, 254, 255 };
	struct loopback lb;

	for (size_t i = 0; i < sizeof(types); i++) {
		site_link(*state, &lb, &plain, &plain);
		message.type = types[i];
		message.len = 100;
		assert_int_equal(forge_feed_plain(lb.end[QKDTLS_SERVER], &message), QKDTLS_FAILED);
		assert_alert(lb.end[QKDTLS_SERVER], "first message", ALERT(UNEXPECTED_MESSAGE));
		loopback_free(&lb);
	}
}

/* A length that no hello may have is refused before it is waited for. */
static void too_long_a_hello_is_refused_by_its_header(void **state)
{
	static const uint8_t record[] = { 22, 3, 1, 0, 4, 1, 0, 0x40, 1 };
	struct loopback lb;

	site_link(*state, &lb, &plain, &plain);
	forge_feed(lb.end[QKDTLS_SERVER], record, sizeof(record));
	assert_int_equal(qkdtls_handshake(lb.end[QKDTLS_SERVER]), QKDTLS_WANT_WRITE);
	assert_alert(lb.end[QKDTLS_SERVER], "long hello", ALERT(DECODE_ERROR));
	loopback_free(&lb);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(unchanged_hello_is_accepted),
		cmocka_unit_test(server_refuses_bad_client_hellos),
		cmocka_unit_test(server_refuses_bad_second_hellos),
		cmocka_unit_test(client_refuses_bad_server_hellos),
		cmocka_unit_test(client_refuses_bad_retries),
		cmocka_unit_test(client_refuses_to_lose_its_key),
		cmocka_unit_test(client_returns_a_cookie_once),
		cmocka_unit_test(client_refuses_another_suite_after_a_retry),
		cmocka_unit_test(strange_first_messages_are_unexpected),
		cmocka_unit_test(too_long_a_hello_is_refused_by_its_header),
	};

	return cmocka_run_group_tests(tests, site_setup, site_teardown);
}
