// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The ClientHello behind a HelloRetryRequest, each with the alert it must get (RFC 9846 section 4.2.2). All are in
 * Documentation/conformance.md.
 */
#include "rows.h"

#include <string.h>

#include "hellos.h"
#include "site.h"

static const struct site_options plain;

/* The second hello against the first, whose share was taken out so that the server asks again. */
static const struct bad_hello second_hellos[] = {
	{ "unchanged but for the share", ALERT(NONE), { { 0 } } },
	{ "binders of the first hello", ALERT(DECRYPT_ERROR), { { 0 } } },
	{ "legacy_version", ALERT(PROTOCOL_VERSION), { HEAD(0, 3, 2) } },
	{ "compression", ALERT(ILLEGAL_PARAMETER), { TAIL(COMPRESSION_LEN, 1, 1) } },
	{ "no session ID any more", ALERT(ILLEGAL_PARAMETER), { NO_SESSION_ID } },
	{ "other versions", ALERT(ILLEGAL_PARAMETER), { SET(VERSIONS, 4, 3, 4, 3, 3) } },
	{ "other groups", ALERT(ILLEGAL_PARAMETER), { SET(GROUPS, 0, 4, 0, 0x1d, 0, 0x17) } },
	{ "other signature schemes",
	  ALERT(ILLEGAL_PARAMETER),
	  { SET(SIGALGS, 0, 4, 4, 3, 0x2a, 0x2a) } },
	{ "other modes", ALERT(ILLEGAL_PARAMETER), { SET(MODES, 2, 1, 0) } },
	{ "server_name dropped", ALERT(ILLEGAL_PARAMETER), { DROP(SNI) } },
	{ "pre_shared_key dropped", ALERT(MISSING_EXTENSION), { DROP(PSK) } },
	{ "pre_shared_key not last", ALERT(ILLEGAL_PARAMETER), { LAST_EMPTY(PADDING) } },
	{ "share of another group",
	  ALERT(ILLEGAL_PARAMETER),
	  { SET(SHARE, 0, 5, 0, 0x17, 0, 1, 1) } },
	{ "share of zeros",
	  ALERT(ILLEGAL_PARAMETER),
	  { SET(SHARE, 0, 36, 0, 0x1d, 0, 32, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) } },
	{ "truncated", ALERT(DECODE_ERROR), { SHORT(1) } },
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
	{ "padding may change", ALERT(NONE), { FIRST_EMPTY(PADDING) } },
	{ "another order of extensions", ALERT(NONE), { DROP(MODES), FIRST(MODES, 1, 1) } },
	{ "another order and content",
	  ALERT(ILLEGAL_PARAMETER),
	  { DROP(MODES), FIRST(MODES, 2, 1, 0) } },
	{ "another order, one replaced",
	  ALERT(ILLEGAL_PARAMETER),
	  { DROP(SNI), DROP(MODES), FIRST(MODES, 1, 1), FIRST_EMPTY(UNKNOWN) } },
};

static const struct forge no_share = SET(SHARE, 0, 0);

static void judges_second_hello(void **state)
{
	static struct forged_message hello, first;
	const struct bad_hello *bad = *state;
	struct loopback lb;

	site_link(rows_pki(), &lb, &plain, &plain);
	take_client_hello(&lb, &hello);
	first = hello;
	forge_hello(&first, &no_share, 1);
	assert_int_equal(forge_feed_plain(lb.end[QKDTLS_SERVER], &first), QKDTLS_WANT_READ);
	assert_int_equal(lb.ring[QKDTLS_SERVER].found, 0);
	forge_hello(&hello, bad->change, CHANGES_MAX);
	judge_client_hello(&lb, &hello, bad);
	loopback_free(&lb);
}

/* The whole offer is new, or only the key (as a plain PSK), or only extension 33 beside it */
static const struct {
	struct forge first[3], second[1];
} added[] = {
	{ { DROP(PSK), DROP(BOTH), SET(SHARE, 0, 0) }, { { 0 } } },
	{ { DROP(PSK), DROP(BOTH), SET(SHARE, 0, 0) }, { DROP(BOTH) } },
	{ { DROP(BOTH), SET(SHARE, 0, 0) }, { { 0 } } },
};

/* What the first hello did not offer, the second cannot. */
static void a_second_hello_may_not_add_a_psk(void **state)
{
	static const struct site_options prefers = { .policy = QKDTLS_PREFER,
						     .groups = SITE_HYBRID };
	static struct forged_message hello, first;
	struct loopback lb;

	if (!site_has_group(SITE_HYBRID))
		site_skip("this libcrypto has no ML-KEM");
	for (size_t i = 0; i < sizeof(added) / sizeof(added[0]); i++) {
		site_link(*state, &lb, &prefers, &prefers);
		take_client_hello(&lb, &hello);
		first = hello;
		forge_hello(&first, added[i].first, 3);
		assert_int_equal(forge_feed_plain(lb.end[QKDTLS_SERVER], &first), QKDTLS_WANT_READ);
		forge_hello(&hello, added[i].second, 1);
		forge_bind(&hello, lb.end[QKDTLS_CLIENT], lb.end[QKDTLS_SERVER]);
		assert_int_equal(forge_feed_plain(lb.end[QKDTLS_SERVER], &hello), QKDTLS_FAILED);
		assert_alert(lb.end[QKDTLS_SERVER], "PSK added", ALERT(ILLEGAL_PARAMETER));
		assert_int_equal(lb.ring[QKDTLS_SERVER].asked, 0);
		loopback_free(&lb);
	}
}

static const struct forge only_ticket[] = { DROP(BOTH), SET(SHARE, 0, 0) };
static const struct forge no_psk[] = { DROP(BOTH), DROP(PSK) };

/* A server that prefers a key asks for a retry of a hello with somebody's ticket; then comes @second. */
static enum qkdtls_want feed_second(void **state, struct loopback *lb, const struct forge *second)
{
	static const struct site_options prefers = { .policy = QKDTLS_PREFER,
						     .groups = SITE_HYBRID };
	static struct forged_message hello, first;

	if (!site_has_group(SITE_HYBRID))
		site_skip("this libcrypto has no ML-KEM");
	site_link(*state, lb, &prefers, &prefers);
	take_client_hello(lb, &hello);
	first = hello;
	forge_hello(&first, only_ticket, 2);
	assert_int_equal(forge_feed_plain(lb->end[QKDTLS_SERVER], &first), QKDTLS_WANT_READ);
	forge_hello(&hello, second, 2);
	return forge_feed_plain(lb->end[QKDTLS_SERVER], &hello);
}

/* The ticket does not fit the retry's suite, and with it goes the extension. */
static void a_second_hello_may_drop_a_psk(void **state)
{
	struct loopback lb;

	assert_int_equal(feed_second(state, &lb, no_psk), QKDTLS_WANT_READ);
	assert_false(qkdtls_info(lb.end[QKDTLS_SERVER])->psk);
	assert_int_equal(lb.ring[QKDTLS_SERVER].asked, 0);
	loopback_free(&lb);
}

static const struct forge early[] = { DROP(BOTH), FIRST_EMPTY(EARLY) };

/* Beside a plain PSK a first hello might have had it (RFC 9846 section 4.3.10); a second may not. */
static void a_second_hello_has_no_early_data(void **state)
{
	struct loopback lb;

	assert_int_equal(feed_second(state, &lb, early), QKDTLS_FAILED);
	assert_alert(lb.end[QKDTLS_SERVER], "early_data", ALERT(ILLEGAL_PARAMETER));
	loopback_free(&lb);
}

/* The client's own offer but for its first identity (of the hash of the retry's suite), as @psk */
static size_t drop_first_identity(const struct forged_message *hello, uint8_t *psk, size_t size)
{
	/* pre_shared_key is the last extension: a list of two, each with its age, then two binders */
	static const size_t identity = 2 + 56 + 4, binder384 = 1 + 48, binder256 = 1 + 32;
	static const size_t len = 2 + 2 * identity + 2 + binder384 + binder256;
	const uint8_t *body = hello->body + hello->len - len;

	assert_memory_equal(body - 4, ((uint8_t[]){ 0, PSK, len >> 8, len & 0xff }), 4);
	assert_in_range(size, len, 4 * len);
	memcpy(psk, (uint8_t[]){ 0, identity }, 2);
	memcpy(psk + 2, body + 2 + identity, identity);
	memcpy(psk + 2 + identity, (uint8_t[]){ 0, binder256 }, 2);
	memcpy(psk + 4 + identity, body + len - binder256, binder256);
	return 4 + identity + binder256;
}

/* The suite of the retry stays, so the identity that is left fits it no more: nobody is asked for its key. */
static void a_second_hello_cannot_change_the_suite(void **state)
{
	static struct forged_message hello, first;
	static uint8_t psk[512];
	struct forge change = { .op = FORGE_SET, .type = PSK, .bytes = psk };
	struct loopback lb;

	site_link(*state, &lb, &plain, &plain);
	take_client_hello(&lb, &hello);
	first = hello;
	forge_hello(&first, &no_share, 1);
	assert_int_equal(forge_feed_plain(lb.end[QKDTLS_SERVER], &first), QKDTLS_WANT_READ);
	change.len = drop_first_identity(&hello, psk, sizeof(psk));
	forge_hello(&hello, &change, 1);
	assert_int_equal(forge_feed_plain(lb.end[QKDTLS_SERVER], &hello), QKDTLS_FAILED);
	assert_alert(lb.end[QKDTLS_SERVER], "identity dropped", ALERT(DECRYPT_ERROR));
	assert_int_equal(lb.ring[QKDTLS_SERVER].asked, 0);
	loopback_free(&lb);
}

#define MANY 100

/* Extensions that nobody knows, in an order */
static void add_many(struct forged_message *hello, bool backwards)
{
	struct forge changes[MANY];

	for (size_t i = 0; i < MANY; i++)
		changes[i] = (struct forge){
			.op = FORGE_FIRST,
			.type = (uint16_t)(0x2a00 + (backwards ? MANY - 1 - i : i)),
		};
	forge_hello(hello, changes, MANY);
}

/* Order says nothing, but to compare many in another order costs more than an honest hello is worth. */
static void many_extensions_keep_their_order(void **state)
{
	const struct {
		bool backwards;
		struct bad_hello judged;
	} rows[] = {
		{ false, { "in order", ALERT(NONE), { { 0 } } } },
		{ true, { "backwards", ALERT(ILLEGAL_PARAMETER), { { 0 } } } },
	};
	static struct forged_message hello, first;
	struct loopback lb;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		site_link(*state, &lb, &plain, &plain);
		take_client_hello(&lb, &hello);
		first = hello;
		forge_hello(&first, &no_share, 1);
		add_many(&first, false);
		assert_int_equal(forge_feed_plain(lb.end[QKDTLS_SERVER], &first), QKDTLS_WANT_READ);
		add_many(&hello, rows[i].backwards);
		judge_client_hello(&lb, &hello, &rows[i].judged);
		loopback_free(&lb);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_second_hello_may_not_add_a_psk),
		cmocka_unit_test(a_second_hello_may_drop_a_psk),
		cmocka_unit_test(a_second_hello_has_no_early_data),
		cmocka_unit_test(a_second_hello_cannot_change_the_suite),
		cmocka_unit_test(many_extensions_keep_their_order),
	};

	ROWS(judges_second_hello, second_hellos);
	return rows_run(tests, sizeof(tests) / sizeof(tests[0]));
}
