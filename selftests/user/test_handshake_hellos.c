// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Bad hellos, each with the alert it must get (RFC 9846 section 4.2 and 4.3, RFC 9973 section 5). All are in
 * Documentation/conformance.md.
 */
#include "rows.h"

#include <string.h>

#include "hellos.h"
#include "site.h"

/* As long as one of x25519, and good: its base point */
#define GOOD_SHARE SHARE_OF(0x1d)
#define SHARE_OF(group)                                                                          \
	0, group, 0, 32, 9, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, \
		0, 0, 0, 0, 0, 0, 0, 0

/* What the server must say to a client's changed hello, whose binders are made right; NONE: it is accepted. */
static const struct bad_hello client_hellos[] = {
	{ "legacy_version 0x0302", ALERT(PROTOCOL_VERSION), { HEAD(0, 3, 2) } },
	{ "unchanged", ALERT(NONE), { { 0 } } },
	{ "legacy_version 0x0304", ALERT(PROTOCOL_VERSION), { HEAD(0, 3, 4) } },
	{ "legacy_version 0x0300", ALERT(PROTOCOL_VERSION), { HEAD(0, 3, 0) } },
	{ "no session ID", ALERT(NONE), { NO_SESSION_ID } },
	{ "no supported_versions", ALERT(PROTOCOL_VERSION), { DROP(VERSIONS) } },
	{ "only TLS 1.2", ALERT(PROTOCOL_VERSION), { SET(VERSIONS, 2, 3, 3) } },
	{ "no extensions", ALERT(PROTOCOL_VERSION), { NO_EXTENSIONS } },
	{ "more versions", ALERT(NONE), { SET(VERSIONS, 6, 0x7f, 0x1c, 3, 3, 3, 4) } },
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
	  ALERT(NONE),
	  { TAIL(SUITES_LEN + COMPRESSION_LEN, 0, 4, 0x2a, 0x2a, 0x13, 0x02, 1, 0) } },
	{ "truncated", ALERT(DECODE_ERROR), { SHORT(1) } },
	{ "a byte behind the end", ALERT(DECODE_ERROR), { BEHIND(0) } },

	{ "doubled extension", ALERT(ILLEGAL_PARAMETER), { TWICE(GROUPS) } },
	{ "doubled unknown extension",
	  ALERT(ILLEGAL_PARAMETER),
	  { FIRST_EMPTY(UNKNOWN), FIRST_EMPTY(UNKNOWN) } },
	{ "unknown extension", ALERT(NONE), { FIRST(UNKNOWN, 1, 2, 3) } },
	{ "unknown extensions of every size",
	  ALERT(NONE),
	  { FIRST_EMPTY(0x0a0a), FIRST(0xfafa, 0), FIRST(0xff01, 0) } },
	{ "extensions of TLS 1.2",
	  ALERT(NONE),
	  { FIRST_EMPTY(23), FIRST(17, 0, 7, 2, 0, 4, 0, 0, 0, 0), FIRST(11, 1, 0),
	    FIRST_EMPTY(35) } },
	{ "post_handshake_auth", ALERT(NONE), { FIRST_EMPTY(49) } },
	{ "extensions in another order",
	  ALERT(NONE),
	  { DROP(SNI), FIRST(SNI, 0, 4, 0, 0, 1, 'a') } },
	{ "padding", ALERT(NONE), { FIRST(PADDING, 0, 0) } },
	{ "cookie", ALERT(ILLEGAL_PARAMETER), { FIRST(COOKIE, 0, 1, 7) } },

	{ "server_name of no name", ALERT(DECODE_ERROR), { SET(SNI, 0, 3, 0, 0, 0) } },
	{ "server_name of another type", ALERT(DECODE_ERROR), { SET(SNI, 0, 4, 1, 0, 1, 'a') } },
	{ "server_name of another server", ALERT(NONE), { SET(SNI, 0, 4, 0, 0, 1, 'a') } },

	{ "status_request", ALERT(NONE), { FIRST(STATUS, 1, 0, 0, 0, 0) } },
	{ "status_request with responders and extensions",
	  ALERT(NONE),
	  { FIRST(STATUS, 1, 0, 7, 0, 1, 7, 0, 2, 7, 7, 0, 1, 7) } },
	{ "status_request of another type", ALERT(NONE), { FIRST(STATUS, 2, 7) } },
	{ "status_request without a type", ALERT(DECODE_ERROR), { FIRST_EMPTY(STATUS) } },
	{ "status_request without extensions", ALERT(DECODE_ERROR), { FIRST(STATUS, 1, 0, 0) } },
	{ "status_request with an empty responder",
	  ALERT(DECODE_ERROR),
	  { FIRST(STATUS, 1, 0, 2, 0, 0, 0, 0) } },
	{ "status_request with half a responder",
	  ALERT(DECODE_ERROR),
	  { FIRST(STATUS, 1, 0, 3, 0, 2, 7, 0, 0) } },
	{ "a byte behind status_request",
	  ALERT(DECODE_ERROR),
	  { FIRST(STATUS, 1, 0, 0, 0, 0, 0) } },

	{ "no server_name", ALERT(NONE), { DROP(SNI) } },
	{ "empty server_name", ALERT(DECODE_ERROR), { SET(SNI) } },

	{ "no supported_groups", ALERT(MISSING_EXTENSION), { DROP(GROUPS) } },
	{ "no key_share", ALERT(MISSING_EXTENSION), { DROP(SHARE) } },
	{ "no signature_algorithms", ALERT(MISSING_EXTENSION), { DROP(SIGALGS) } },
	{ "no psk_key_exchange_modes", ALERT(MISSING_EXTENSION), { DROP(MODES) } },
	{ "extension 33 without pre_shared_key", ALERT(MISSING_EXTENSION), { DROP(PSK) } },
	{ "only psk_ke", ALERT(ILLEGAL_PARAMETER), { SET(MODES, 1, 0) } },
	{ "psk_ke beside psk_dhe_ke", ALERT(NONE), { SET(MODES, 2, 0, 1) } },
	{ "unknown mode beside psk_dhe_ke", ALERT(NONE), { SET(MODES, 2, 0x2a, 1) } },
	{ "unknown mode alone", ALERT(ILLEGAL_PARAMETER), { SET(MODES, 1, 0x2a) } },
	{ "no modes", ALERT(DECODE_ERROR), { SET(MODES, 0) } },
	{ "a byte behind the modes", ALERT(DECODE_ERROR), { GROW(MODES, 0) } },
	{ "extension 33 with content", ALERT(DECODE_ERROR), { SET(BOTH, 0) } },
	{ "extension 33 with early_data", ALERT(ILLEGAL_PARAMETER), { FIRST_EMPTY(EARLY) } },
	{ "early_data with content", ALERT(DECODE_ERROR), { FIRST(EARLY, 0) } },
	{ "early_data without extension 33",
	  ALERT(HANDSHAKE_FAILURE),
	  { DROP(BOTH), FIRST_EMPTY(EARLY) } },
	{ "early_data without pre_shared_key",
	  ALERT(ILLEGAL_PARAMETER),
	  { DROP(BOTH), DROP(PSK), DROP(MODES), FIRST_EMPTY(EARLY) } },
	{ "no extension 33", ALERT(INSUFFICIENT_SECURITY), { DROP(BOTH) } },
	{ "no PSK at all", ALERT(INSUFFICIENT_SECURITY), { DROP(BOTH), DROP(PSK), DROP(MODES) } },

	{ "unknown groups",
	  ALERT(INSUFFICIENT_SECURITY),
	  { SET(GROUPS, 0, 2, 0x2a, 0x2a), SET(SHARE, 0, 0) } },
	{ "unknown groups beside a known one",
	  ALERT(NONE),
	  { SET(GROUPS, 0, 6, 0x2a, 0x2a, 0, 0x1d, 0xfe, 0x03) } },
	{ "a group twice",
	  ALERT(ILLEGAL_PARAMETER),
	  { SET(GROUPS, 0, 6, 0, 0x1d, 0, 0x18, 0, 0x1d) } },
	{ "empty groups", ALERT(DECODE_ERROR), { SET(GROUPS, 0, 0) } },
	{ "a byte behind the groups", ALERT(DECODE_ERROR), { GROW(GROUPS, 0) } },
	{ "odd groups", ALERT(DECODE_ERROR), { SET(GROUPS, 0, 3, 0, 0x1d, 0) } },
	{ "share of a group not supported",
	  ALERT(ILLEGAL_PARAMETER),
	  { SET(GROUPS, 0, 2, 0, 0x17) } },
	{ "two shares of one group",
	  ALERT(ILLEGAL_PARAMETER),
	  { SET(SHARE, 0, 72, GOOD_SHARE, GOOD_SHARE) } },
	{ "two shares of an unknown group",
	  ALERT(ILLEGAL_PARAMETER),
	  { SET(GROUPS, 0, 4, 0, 0x1d, 0x2a, 0x2a),
	    SET(SHARE, 0, 46, GOOD_SHARE, 0x2a, 0x2a, 0, 1, 1, 0x2a, 0x2a, 0, 1, 1) } },
	{ "one share", ALERT(NONE), { SET(SHARE, 0, 36, GOOD_SHARE) } },
	{ "share too short", ALERT(ILLEGAL_PARAMETER), { SET(SHARE, 0, 5, 0, 0x1d, 0, 1, 1) } },
	{ "share of zeros",
	  ALERT(ILLEGAL_PARAMETER),
	  { SET(SHARE, 0, 36, 0, 0x1d, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) } },
	{ "empty share", ALERT(DECODE_ERROR), { SET(SHARE, 0, 4, 0, 0x1d, 0, 0) } },
	{ "share too long",
	  ALERT(ILLEGAL_PARAMETER),
	  { SET(SHARE, 0, 37, 0, 0x1d, 0, 33, 9, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1,
		1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1) } },
	{ "a byte behind the shares", ALERT(DECODE_ERROR), { GROW(SHARE, 0) } },
	{ "truncated share", ALERT(DECODE_ERROR), { CUT(SHARE, 1) } },
	{ "odd signature schemes", ALERT(DECODE_ERROR), { SET(SIGALGS, 0, 3, 4, 3, 4) } },
	{ "half a signature scheme", ALERT(DECODE_ERROR), { SET(SIGALGS, 0, 1, 4) } },
	{ "empty signature schemes", ALERT(DECODE_ERROR), { SET(SIGALGS, 0, 0) } },
	{ "a byte behind the signature schemes", ALERT(DECODE_ERROR), { GROW(SIGALGS, 0) } },
	{ "unknown signature schemes beside a known one",
	  ALERT(NONE),
	  { SET(SIGALGS, 0, 6, 0x2a, 0x2a, 4, 3, 2, 1) } },
	{ "only signature schemes for certificates",
	  ALERT(HANDSHAKE_FAILURE),
	  { SET(SIGALGS, 0, 4, 4, 1, 2, 3) } },
	{ "unknown signature schemes",
	  ALERT(HANDSHAKE_FAILURE),
	  { SET(SIGALGS, 0, 2, 0x2a, 0x2a) } },

	{ "signature_algorithms_cert", ALERT(NONE), { FIRST(CHAINALGS, 0, 2, 2, 1) } },
	{ "odd signature schemes for chains",
	  ALERT(DECODE_ERROR),
	  { FIRST(CHAINALGS, 0, 3, 4, 3, 4) } },
	{ "empty signature schemes for chains", ALERT(DECODE_ERROR), { FIRST(CHAINALGS, 0, 0) } },
	{ "a byte behind the signature schemes for chains",
	  ALERT(DECODE_ERROR),
	  { FIRST(CHAINALGS, 0, 2, 4, 3, 4) } },

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

static const struct site_options plain;

static void judges_client_hello(void **state)
{
	static struct forged_message hello;
	const struct bad_hello *bad = *state;
	struct loopback lb;

	site_link(rows_pki(), &lb, &plain, &plain);
	take_client_hello(&lb, &hello);
	forge_hello(&hello, bad->change, CHANGES_MAX);
	judge_client_hello(&lb, &hello, bad);
	loopback_free(&lb);
}

/* Any change without the key shows in the binder. */
static void a_hello_changed_on_the_way_is_refused(void **state)
{
	static const struct forge change = FIRST_EMPTY(UNKNOWN);
	static struct forged_message hello;
	struct loopback lb;

	site_link(*state, &lb, &plain, &plain);
	take_client_hello(&lb, &hello);
	forge_hello(&hello, &change, 1);
	assert_int_equal(forge_feed_plain(lb.end[QKDTLS_SERVER], &hello), QKDTLS_FAILED);
	assert_alert(lb.end[QKDTLS_SERVER], "changed on the way", ALERT(DECRYPT_ERROR));
	loopback_free(&lb);
}

/* ---- ServerHello and HelloRetryRequest ---- */

#define SUITE_COMPRESSION_LEN 3
#define RETRY_RANDOM                                                                              \
	0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, \
		0x91, 0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2,     \
		0xc8, 0xa8, 0x33, 0x9c

static const struct bad_hello server_hellos[] = {
	{ "unchanged", ALERT(NONE), { { 0 } } },
	{ "extensions in another order", ALERT(NONE), { DROP(PSK), FIRST(PSK, 0, 0) } },
	{ "legacy_version 0x0302", ALERT(PROTOCOL_VERSION), { HEAD(0, 3, 2) } },
	{ "no session ID", ALERT(ILLEGAL_PARAMETER), { NO_SESSION_ID } },
	{ "session ID too long", ALERT(DECODE_ERROR), { HEAD(SESSION_ID_AT, 33) } },
	{ "version of a draft", ALERT(ILLEGAL_PARAMETER), { SET(VERSIONS, 0x7f, 0x1c) } },
	{ "TLS 1.2 and no mark",
	  ALERT(PROTOCOL_VERSION),
	  { DROP(VERSIONS), HEAD(26, 'D', 'O', 'W', 'N', 'G', 'R', 'D', 2) } },
	{ "legacy_version 0x0304", ALERT(PROTOCOL_VERSION), { HEAD(0, 3, 4) } },
	{ "no supported_versions", ALERT(PROTOCOL_VERSION), { DROP(VERSIONS) } },
	{ "no extensions", ALERT(PROTOCOL_VERSION), { NO_EXTENSIONS } },
	{ "marked downgrade to TLS 1.2",
	  ALERT(ILLEGAL_PARAMETER),
	  { DROP(VERSIONS), HEAD(26, 'D', 'O', 'W', 'N', 'G', 'R', 'D', 1) } },
	{ "TLS 1.2 and half a mark",
	  ALERT(PROTOCOL_VERSION),
	  { DROP(VERSIONS), HEAD(26, 'D', 'O', 'W', 'N', 'G', 'R', 'E', 1) } },
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
	  { TAIL(SUITE_COMPRESSION_LEN, 0x13, 0x04, 0) } },
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
	{ "share of another group", ALERT(ILLEGAL_PARAMETER), { SET(SHARE, SHARE_OF(0x17)) } },
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
	{ "legacy_version", ALERT(PROTOCOL_VERSION), { DROP(SHARE), HEAD(0, 3, 4) } },
	{ "other session ID",
	  ALERT(ILLEGAL_PARAMETER),
	  { DROP(SHARE), FIRST(COOKIE, 0, 1, 7),
	    HEAD(SESSION_ID_AT + 1, 0, 1, 2, 3, 4, 5, 6, 7) } },
	{ "compression",
	  ALERT(ILLEGAL_PARAMETER),
	  { DROP(SHARE), FIRST(COOKIE, 0, 1, 7), TAIL(1, 1) } },
	{ "another version",
	  ALERT(ILLEGAL_PARAMETER),
	  { DROP(SHARE), FIRST(COOKIE, 0, 1, 7), SET(VERSIONS, 3, 3) } },
	{ "doubled extension", ALERT(ILLEGAL_PARAMETER), { TWICE(VERSIONS) } },
	{ "truncated", ALERT(DECODE_ERROR), { SHORT(1) } },
	{ "a byte behind the end", ALERT(DECODE_ERROR), { DROP(SHARE), BEHIND(0) } },
	{ "a byte behind the cookie",
	  ALERT(DECODE_ERROR),
	  { DROP(SHARE), FIRST(COOKIE, 0, 1, 7, 7) } },
	{ "no extensions", ALERT(PROTOCOL_VERSION), { NO_EXTENSIONS } },
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
	  { DROP(SHARE), FIRST(COOKIE, 0, 1, 7), TAIL(SUITE_COMPRESSION_LEN, 0x13, 0x04, 0) } },
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

/* The server's real answer to a hello; both may be in one place. */
static void answer_client_hello(struct loopback *lb, const struct forged_message *client,
				struct forged_message *hello)
{
	const uint8_t *data;
	size_t len;

	forge_feed_record(lb->end[QKDTLS_SERVER], client);
	assert_int_equal(qkdtls_handshake(lb->end[QKDTLS_SERVER]), QKDTLS_WANT_WRITE);
	data = qkdtls_output(lb->end[QKDTLS_SERVER], &len);
	forge_read_plain(data, len, hello);
}

static void take_server_hello(struct loopback *lb, struct forged_message *hello)
{
	take_client_hello(lb, hello);
	answer_client_hello(lb, hello, hello);
}

static void judge_server_hello(const struct bad_hello *bad, const struct forge *base,
			       size_t base_count)
{
	static struct forged_message hello;
	struct loopback lb;

	site_link(rows_pki(), &lb, &plain, &plain);
	take_server_hello(&lb, &hello);
	forge_hello(&hello, base, base_count);
	forge_hello(&hello, bad->change, CHANGES_MAX);
	assert_int_equal(forge_feed_plain(lb.end[QKDTLS_CLIENT], &hello),
			 bad->alert == ALERT(NONE) ? QKDTLS_WANT_READ : QKDTLS_FAILED);
	assert_alert(lb.end[QKDTLS_CLIENT], bad->what, bad->alert);
	loopback_free(&lb);
}

static void judges_server_hello(void **state)
{
	judge_server_hello(*state, NULL, 0);
}

static void refuses_retry(void **state)
{
	judge_server_hello(*state, retry_base, sizeof(retry_base) / sizeof(retry_base[0]));
}

/* The ServerHello behind a retry that named the suite of SHA-256 and gave a cookie */
static const struct bad_hello after_retries[] = {
	{ "another suite", ALERT(ILLEGAL_PARAMETER), { { 0 } } },
	{ "another suite of the same hash",
	  ALERT(ILLEGAL_PARAMETER),
	  { TAIL(SUITE_COMPRESSION_LEN, 0x13, 0x03, 0) } },
	{ "another version",
	  ALERT(ILLEGAL_PARAMETER),
	  { TAIL(SUITE_COMPRESSION_LEN, 0x13, 0x01, 0), SET(VERSIONS, 3, 3) } },
	{ "no version",
	  ALERT(PROTOCOL_VERSION),
	  { TAIL(SUITE_COMPRESSION_LEN, 0x13, 0x01, 0), DROP(VERSIONS) } },
	{ "share of another group",
	  ALERT(ILLEGAL_PARAMETER),
	  { TAIL(SUITE_COMPRESSION_LEN, 0x13, 0x01, 0), SET(SHARE, SHARE_OF(0x17)) } },
	{ "an identity by its place in the first hello",
	  ALERT(ILLEGAL_PARAMETER),
	  { TAIL(SUITE_COMPRESSION_LEN, 0x13, 0x01, 0), SET(PSK, 0, 1) } },
	{ "extension 33 gone",
	  ALERT(HANDSHAKE_FAILURE),
	  { TAIL(SUITE_COMPRESSION_LEN, 0x13, 0x01, 0), DROP(BOTH) } },
	{ "another retry",
	  ALERT(UNEXPECTED_MESSAGE),
	  { TAIL(SUITE_COMPRESSION_LEN, 0x13, 0x01, 0), HEAD(2, RETRY_RANDOM) } },
};

static void refuses_after_retry(void **state)
{
	static struct forged_message hello, retry;
	const struct bad_hello *bad = *state;
	struct loopback lb;

	site_link(rows_pki(), &lb, &plain, &plain);
	take_server_hello(&lb, &hello);
	retry = hello;
	forge_hello(&retry, retry_base, sizeof(retry_base) / sizeof(retry_base[0]));
	forge_hello(&retry, other_suite, 3);
	assert_int_equal(forge_feed_plain(lb.end[QKDTLS_CLIENT], &retry), QKDTLS_WANT_READ);
	forge_hello(&hello, bad->change, CHANGES_MAX);
	assert_int_equal(forge_feed_plain(lb.end[QKDTLS_CLIENT], &hello), QKDTLS_FAILED);
	assert_alert(lb.end[QKDTLS_CLIENT], bad->what, bad->alert);
	loopback_free(&lb);
}

static const struct forge no_psk[] = { DROP(BOTH), DROP(PSK) };
static const struct forge ask_for_p256[] = { SET(SHARE, 0, 0x17) };

/* The first share is of no use any more when the retry has asked for another. */
static void client_holds_the_server_to_the_group_of_its_retry(void **state)
{
	static const struct site_options both = { .groups = "x25519:secp256r1" };
	static struct forged_message hello, retry;
	struct loopback lb;

	site_link(*state, &lb, &both, &both);
	take_server_hello(&lb, &hello);
	retry = hello;
	forge_hello(&retry, retry_base, sizeof(retry_base) / sizeof(retry_base[0]));
	forge_hello(&retry, ask_for_p256, 1);
	assert_int_equal(forge_feed_plain(lb.end[QKDTLS_CLIENT], &retry), QKDTLS_WANT_READ);
	assert_int_equal(forge_feed_plain(lb.end[QKDTLS_CLIENT], &hello), QKDTLS_FAILED);
	assert_alert(lb.end[QKDTLS_CLIENT], "group of the first hello", ALERT(ILLEGAL_PARAMETER));
	assert_string_equal(qkdtls_error(lb.end[QKDTLS_CLIENT])->reason,
			    "key share of another group");
	assert_int_equal(lb.ring[QKDTLS_CLIENT].taken, 1);
	loopback_free(&lb);
}

/* Answers to what a client did not offer */
static const struct {
	struct site_options options;
	struct forge change;
} unasked[] = {
	{ { .policy = QKDTLS_PSK_ONLY }, FIRST_EMPTY(BOTH) },
	{ { .policy = QKDTLS_PREFER, .psk = SITE_NO_PSK, .groups = SITE_HYBRID },
	  FIRST_EMPTY(BOTH) },
	{ { .policy = QKDTLS_PREFER, .psk = SITE_NO_PSK, .groups = SITE_HYBRID },
	  FIRST(PSK, 0, 0) },
};

static void client_refuses_what_it_did_not_offer(void **state)
{
	static struct forged_message hello;
	struct loopback lb;

	for (size_t i = 0; i < sizeof(unasked) / sizeof(unasked[0]); i++) {
		if (unasked[i].options.groups && !site_has_group(unasked[i].options.groups))
			continue;
		site_link(*state, &lb, &unasked[i].options, &unasked[i].options);
		take_server_hello(&lb, &hello);
		forge_hello(&hello, &unasked[i].change, 1);
		assert_int_equal(forge_feed_plain(lb.end[QKDTLS_CLIENT], &hello), QKDTLS_FAILED);
		assert_alert(lb.end[QKDTLS_CLIENT], "not offered", ALERT(UNSUPPORTED_EXTENSION));
		loopback_free(&lb);
	}
}

/* What a hello lacks it lacks, even for a server that has no use for it. */
static void extension_33_needs_schemes_without_a_certificate_too(void **state)
{
	static const struct site_options bare = { .policy = QKDTLS_PSK_ONLY };
	static const struct forge no_schemes = DROP(SIGALGS);
	static struct forged_message hello;
	struct loopback lb;

	site_link(*state, &lb, &plain, &bare);
	take_client_hello(&lb, &hello);
	forge_hello(&hello, &no_schemes, 1);
	assert_int_equal(forge_feed_plain(lb.end[QKDTLS_SERVER], &hello), QKDTLS_FAILED);
	assert_alert(lb.end[QKDTLS_SERVER], "no schemes", ALERT(MISSING_EXTENSION));
	assert_int_equal(lb.ring[QKDTLS_SERVER].asked, 0);
	loopback_free(&lb);
}

/* What no other end would do, which a policy alone refuses */
static const struct {
	const char *what;
	struct site_options server;
	struct forge change[3];
} useless[] = {
	{ "a plain PSK without key exchange",
	  { .policy = QKDTLS_PSK_ONLY },
	  { DROP(BOTH), SET(MODES, 1, 0) } },
	{ "modes for a PSK that is not there",
	  { .policy = QKDTLS_PSK_ONLY },
	  { DROP(BOTH), DROP(PSK) } },
};

static void a_server_of_psks_takes_only_usable_ones(void **state)
{
	static struct forged_message hello;
	struct loopback lb;

	for (size_t i = 0; i < sizeof(useless) / sizeof(useless[0]); i++) {
		site_link(*state, &lb, &plain, &useless[i].server);
		take_client_hello(&lb, &hello);
		forge_hello(&hello, useless[i].change, 3);
		assert_int_equal(forge_feed_plain(lb.end[QKDTLS_SERVER], &hello), QKDTLS_FAILED);
		assert_alert(lb.end[QKDTLS_SERVER], useless[i].what, ALERT(INSUFFICIENT_SECURITY));
		assert_int_equal(lb.ring[QKDTLS_SERVER].asked, 0);
		loopback_free(&lb);
	}
}

/* A server that prefers keys and has no source of them passes every offer over. */
static void a_server_without_a_source_asks_none(void **state)
{
	static const struct site_options prefers = { .policy = QKDTLS_PREFER,
						     .groups = SITE_HYBRID };
	struct qkdtls_config *server;
	struct loopback lb;

	if (!site_has_group(SITE_HYBRID))
		site_skip("this libcrypto has no ML-KEM");
	server = site_config(*state, QKDTLS_SERVER, &prefers);
	site_link(*state, &lb, &prefers, &prefers);
	qkdtls_conn_free(lb.end[QKDTLS_SERVER]);
	lb.end[QKDTLS_SERVER] = qkdtls_conn_new(server, QKDTLS_SERVER, NULL, NULL);
	assert_true(loopback_run(&lb));
	for (int role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++) {
		assert_int_equal(lb.want[role], QKDTLS_DONE);
		assert_false(qkdtls_info(lb.end[role])->psk);
		assert_true(qkdtls_info(lb.end[role])->certificate);
	}
	loopback_free(&lb);
	qkdtls_config_unref(server);
}

static const struct forge chacha20[] = { TAIL(SUITE_COMPRESSION_LEN, 0x13, 0x03, 0) };

/* A suite that this end knows, and left out */
static void client_refuses_a_suite_that_it_left_out(void **state)
{
	static const struct site_options one = { .ciphers = "TLS_AES_128_GCM_SHA256" };
	static struct forged_message hello;
	struct loopback lb;

	site_link(*state, &lb, &one, &plain);
	take_server_hello(&lb, &hello);
	forge_hello(&hello, chacha20, 1);
	assert_int_equal(forge_feed_plain(lb.end[QKDTLS_CLIENT], &hello), QKDTLS_FAILED);
	assert_alert(lb.end[QKDTLS_CLIENT], "suite left out", ALERT(ILLEGAL_PARAMETER));
	loopback_free(&lb);
}

/* Without a PSK it is an extension that is missing (RFC 9846 section 9.2). */
static void client_misses_a_share_beside_a_certificate(void **state)
{
	static const struct site_options keyless = { .policy = QKDTLS_PREFER,
						     .psk = SITE_NO_PSK,
						     .groups = SITE_HYBRID };
	static const struct forge change = DROP(SHARE);
	static struct forged_message hello;
	struct loopback lb;

	if (!site_has_group(SITE_HYBRID))
		site_skip("this libcrypto has no ML-KEM");
	site_link(*state, &lb, &keyless, &keyless);
	take_server_hello(&lb, &hello);
	forge_hello(&hello, &change, 1);
	assert_int_equal(forge_feed_plain(lb.end[QKDTLS_CLIENT], &hello), QKDTLS_FAILED);
	assert_alert(lb.end[QKDTLS_CLIENT], "no share", ALERT(MISSING_EXTENSION));
	loopback_free(&lb);
}

/* A server without certificates has no extension 33 to give. */
static void a_server_without_certificate_does_not_answer_extension_33(void **state)
{
	static const struct site_options bare = { .policy = QKDTLS_PSK_ONLY };
	static struct forged_message hello;
	struct loopback lb;

	site_link(*state, &lb, &plain, &bare);
	take_server_hello(&lb, &hello);
	assert_null(memmem(hello.body, hello.len, "\0\x21\0\0", 4));
	assert_int_equal(forge_feed_plain(lb.end[QKDTLS_CLIENT], &hello), QKDTLS_FAILED);
	assert_alert(lb.end[QKDTLS_CLIENT], "no certificate", ALERT(HANDSHAKE_FAILURE));
	loopback_free(&lb);
}

static const struct forge suite_of_sha384[] = {
	DROP(SHARE),
	FIRST(COOKIE, 0, 1, 7),
	TAIL(SUITE_COMPRESSION_LEN, 0x13, 0x02, 0),
};

/* The only PSK is one of SHA-256, and the retry names a suite of SHA-384. */
static void client_keeps_extension_33_over_a_retry(void **state)
{
	static const struct site_options external = { .policy = QKDTLS_PREFER,
						      .psk = SITE_EXTERNAL,
						      .groups = SITE_HYBRID };
	static struct forged_message hello;
	struct loopback lb;
	size_t len;

	if (!site_has_group(SITE_HYBRID))
		site_skip("this libcrypto has no ML-KEM");
	site_link(*state, &lb, &external, &external);
	take_server_hello(&lb, &hello);
	forge_hello(&hello, retry_base, sizeof(retry_base) / sizeof(retry_base[0]));
	forge_hello(&hello, suite_of_sha384, 3);
	forge_feed_record(lb.end[QKDTLS_CLIENT], &hello);
	assert_int_equal(qkdtls_handshake(lb.end[QKDTLS_CLIENT]), QKDTLS_WANT_WRITE);
	assert_alert(lb.end[QKDTLS_CLIENT], "suite of another hash", ALERT(HANDSHAKE_FAILURE));
	(void)qkdtls_output(lb.end[QKDTLS_CLIENT], &len);
	assert_int_equal(len, 7); /* the alert alone: no second hello */
	loopback_free(&lb);
}

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

#define X25519_LEN 32

static const uint8_t *find_share(const struct forged_message *hello)
{
	static const uint8_t head[] = { 0, SHARE, 0, 38, 0, 36, 0, 0x1d, 0, X25519_LEN };
	const uint8_t *at = memmem(hello->body, hello->len, head, sizeof(head));

	assert_non_null(at);
	return at + sizeof(head);
}

/* A cookie alone is reason enough for a retry; a second one is not. */
static void client_returns_a_cookie_once(void **state)
{
	static struct forged_message first, hello, second;
	struct loopback lb;
	const uint8_t *data;
	size_t len;

	site_link(*state, &lb, &plain, &plain);
	take_client_hello(&lb, &first);
	answer_client_hello(&lb, &first, &hello);
	forge_hello(&hello, retry_base, sizeof(retry_base) / sizeof(retry_base[0]));
	forge_hello(&hello, cookie, 2);
	forge_feed_record(lb.end[QKDTLS_CLIENT], &hello);
	assert_int_equal(qkdtls_handshake(lb.end[QKDTLS_CLIENT]), QKDTLS_WANT_WRITE);
	data = qkdtls_output(lb.end[QKDTLS_CLIENT], &len);
	assert_true(len > 6 && data[0] == 20); /* change_cipher_spec first */
	forge_read_plain(data + 6, len - 6, &second);
	assert_non_null(memmem(second.body, second.len, "\0\x2c\0\5\0\3abc", 9));
	/* Nobody asked for another share. */
	assert_memory_equal(find_share(&first), find_share(&second), X25519_LEN);
	assert_int_equal(lb.ring[QKDTLS_CLIENT].taken, 1);

	assert_int_equal(forge_feed_plain(lb.end[QKDTLS_CLIENT], &hello), QKDTLS_FAILED);
	assert_alert(lb.end[QKDTLS_CLIENT], "second retry", ALERT(UNEXPECTED_MESSAGE));
	loopback_free(&lb);
}

/* More than a cookie may hold here; an answer to it would not fit into a hello of ours. */
static void a_cookie_too_long_is_refused(void **state)
{
	static uint8_t bytes[4099] = { 4097 >> 8, 4097 & 0xff };
	const struct forge change[] = {
		DROP(SHARE),
		{ .op = FORGE_FIRST, .type = COOKIE, .bytes = bytes, .len = sizeof(bytes) },
	};
	static struct forged_message hello;
	struct loopback lb;

	site_link(*state, &lb, &plain, &plain);
	take_server_hello(&lb, &hello);
	forge_hello(&hello, retry_base, sizeof(retry_base) / sizeof(retry_base[0]));
	forge_hello(&hello, change, 2);
	assert_int_equal(forge_feed_plain(lb.end[QKDTLS_CLIENT], &hello), QKDTLS_FAILED);
	assert_alert(lb.end[QKDTLS_CLIENT], "long cookie", ALERT(HANDSHAKE_FAILURE));
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
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_hello_changed_on_the_way_is_refused),
		cmocka_unit_test(client_holds_the_server_to_the_group_of_its_retry),
		cmocka_unit_test(client_refuses_what_it_did_not_offer),
		cmocka_unit_test(a_server_of_psks_takes_only_usable_ones),
		cmocka_unit_test(a_server_without_a_source_asks_none),
		cmocka_unit_test(client_refuses_a_suite_that_it_left_out),
		cmocka_unit_test(client_misses_a_share_beside_a_certificate),
		cmocka_unit_test(extension_33_needs_schemes_without_a_certificate_too),
		cmocka_unit_test(a_server_without_certificate_does_not_answer_extension_33),
		cmocka_unit_test(client_keeps_extension_33_over_a_retry),
		cmocka_unit_test(client_refuses_to_lose_its_key),
		cmocka_unit_test(client_returns_a_cookie_once),
		cmocka_unit_test(a_cookie_too_long_is_refused),
		cmocka_unit_test(strange_first_messages_are_unexpected),
		cmocka_unit_test(too_long_a_hello_is_refused_by_its_header),
	};

	ROWS(judges_client_hello, client_hellos);
	ROWS(judges_server_hello, server_hellos);
	ROWS(refuses_retry, retries);
	ROWS(refuses_after_retry, after_retries);
	return rows_run(tests, sizeof(tests) / sizeof(tests[0]));
}
