// SPDX-License-Identifier: GPL-2.0-or-later
/* Application protocols (RFC 7301): what is offered, chosen, refused. Rows are in Documentation/conformance.md. */
#include "rows.h"

#include <errno.h>
#include <string.h>

#include "stage.h"
#include "tls/internal.h"

#define ALERT(name) QKDTLS_ALERT_##name
#define ALPN	    QKDTLS_EXT_ALPN

/* ---- The configuration ---- */

static void names_are_checked(void **state)
{
	static const char *const bad[] = { "", ",", "h2,", ",h2", "h2,,h3", "h2,h3,h2" };
	struct qkdtls_config *config = qkdtls_config_new();
	char name[258] = { 0 };

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(qkdtls_config_set_alpn(config, bad[i]), -EINVAL);
		assert_string_not_equal(qkdtls_config_message(config), "");
	}
	assert_int_equal(qkdtls_config_set_alpn(config, "h2,http/1.1,h,h2c"), 0);
	memset(name, 'a', 256);
	assert_int_equal(qkdtls_config_set_alpn(config, name), -EINVAL);
	name[255] = '\0';
	assert_int_equal(qkdtls_config_set_alpn(config, name), 0);
	qkdtls_config_unref(config);
}

/* @len characters of names of two characters and a comma each */
static void fill_names(char *names, size_t len)
{
	for (size_t i = 0; i < len; i++)
		names[i] = (char)(i % 3 == 2 ? ',' : 'A' + i / 3 % 21 + (i % 3 ? i / 63 : 0));
	names[len] = '\0';
}

static void their_list_is_bounded(void **state)
{
	struct qkdtls_config *config = qkdtls_config_new();
	char names[1100];

	fill_names(names, 1024);
	assert_int_equal(qkdtls_config_set_alpn(config, names), 0);
	fill_names(names, 1025);
	assert_int_equal(qkdtls_config_set_alpn(config, names), -EINVAL);
	qkdtls_config_unref(config);
}

/* ---- The choice ---- */

#define RETRIED	     "secp256r1"
#define SHARES_FIRST "x25519:secp256r1"

static const struct choice {
	const char *what;
	enum qkdtls_alert alert; /* of the server */
	const char *client, *server;
	const char *chosen;
} choices[] = {
	{ "the only one", ALERT(NONE), "qkd/1", "qkd/1", "qkd/1" },
	{ "the server's first that is offered", ALERT(NONE), "a,b,c", "d,c,b,a", "c" },
	{ "a server without names", ALERT(NONE), "a,b", NULL, "" },
	{ "a client without an offer", ALERT(NONE), NULL, "a,b", "" },
	{ "none in common", ALERT(NO_APPLICATION_PROTOCOL), "a,b", "c,d", "" },
	{ "part of a name", ALERT(NO_APPLICATION_PROTOCOL), "http", "http/1.1", "" },
	{ "another case", ALERT(NO_APPLICATION_PROTOCOL), "H2", "h2", "" },
};

static void choose(const struct choice *choice, bool retry)
{
	const struct site_options client = {
		.alpn = choice->client,
		.groups = retry ? SHARES_FIRST : NULL,
	};
	const struct site_options server = {
		.alpn = choice->server,
		.groups = retry ? RETRIED : NULL,
	};
	struct loopback lb;

	site_link(rows_pki(), &lb, &client, &server);
	assert_true(loopback_run(&lb));
	assert_int_equal(qkdtls_error(lb.end[QKDTLS_SERVER])->sent, choice->alert);
	assert_int_equal(qkdtls_error(lb.end[QKDTLS_CLIENT])->received, choice->alert);
	if (choice->alert == QKDTLS_ALERT_NONE) {
		assert_int_equal(lb.want[QKDTLS_CLIENT], QKDTLS_DONE);
		assert_int_equal(qkdtls_info(lb.end[QKDTLS_CLIENT])->retried, retry);
	} else {
		assert_int_equal(lb.ring[QKDTLS_SERVER].asked, 0);
	}
	for (int role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++)
		assert_string_equal(qkdtls_info(lb.end[role])->alpn, choice->chosen);
	loopback_free(&lb);
}

static void chooses(void **state)
{
	choose(*state, false);
	choose(*state, true);
}

/* ---- The offer ---- */

struct bad_offer {
	const char *what;
	enum qkdtls_alert alert;
	struct forge change;
};

static const struct site_options speaks = { .alpn = "a,b" };

static const struct bad_offer bad_offers[] = {
	{ "unchanged", ALERT(NONE), { 0 } },
	{ "empty extension", ALERT(DECODE_ERROR), SET(ALPN, ) },
	{ "empty list", ALERT(DECODE_ERROR), SET(ALPN, 0, 0) },
	{ "list of one byte", ALERT(DECODE_ERROR), SET(ALPN, 0, 1, 1) },
	{ "empty name", ALERT(DECODE_ERROR), SET(ALPN, 0, 3, 1, 'a', 0) },
	{ "name past the end", ALERT(DECODE_ERROR), SET(ALPN, 0, 4, 1, 'a', 2, 'b') },
	{ "list past the end", ALERT(DECODE_ERROR), SET(ALPN, 0, 3, 1, 'a') },
	{ "a byte behind the list", ALERT(DECODE_ERROR), GROW(ALPN, 0) },
	{ "twice", ALERT(ILLEGAL_PARAMETER), TWICE(ALPN) },
	{ "a name twice", ALERT(NONE), SET(ALPN, 0, 4, 1, 'a', 1, 'a') },
	{ "an unknown name", ALERT(NONE), SET(ALPN, 0, 5, 2, 0, 255, 1, 'b') },
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

static void judges_offer(void **state)
{
	static struct forged_message hello;
	const struct bad_offer *bad = *state;
	struct qkdtls_conn *server;
	struct loopback lb;

	site_link(rows_pki(), &lb, &speaks, &speaks);
	server = lb.end[QKDTLS_SERVER];
	take_client_hello(&lb, &hello);
	forge_hello(&hello, &bad->change, 1);
	forge_bind(&hello, lb.end[QKDTLS_CLIENT], server);
	assert_int_equal(forge_feed_plain(server, &hello),
			 bad->alert == QKDTLS_ALERT_NONE ? QKDTLS_WANT_READ : QKDTLS_FAILED);
	assert_int_equal(qkdtls_error(server)->sent, bad->alert);
	loopback_free(&lb);
}

static const struct forge no_share = SET(QKDTLS_EXT_KEY_SHARE, 0, 0);
static const struct forge others = SET(ALPN, 0, 2, 1, 'a');

static void a_second_hello_may_not_offer_others(void **state)
{
	static struct forged_message hello, first;
	struct loopback lb;

	site_link(*state, &lb, &speaks, &speaks);
	take_client_hello(&lb, &hello);
	first = hello;
	forge_hello(&first, &no_share, 1);
	assert_int_equal(forge_feed_plain(lb.end[QKDTLS_SERVER], &first), QKDTLS_WANT_READ);
	forge_hello(&hello, &others, 1);
	assert_int_equal(forge_feed_plain(lb.end[QKDTLS_SERVER], &hello), QKDTLS_FAILED);
	assert_int_equal(qkdtls_error(lb.end[QKDTLS_SERVER])->sent, ALERT(ILLEGAL_PARAMETER));
	loopback_free(&lb);
}

/* ---- The answer ---- */

struct bad_answer {
	const char *what;
	enum qkdtls_alert alert;
	struct change change;
	bool unasked;
};

#define EXTENSIONS(...) .change = { .op = REPLACE, .type = EE, FORGE_BYTES(__VA_ARGS__) }

static const struct bad_answer bad_answers[] = {
	{ "not offered", ALERT(ILLEGAL_PARAMETER), EXTENSIONS(0, 8, 0, 16, 0, 4, 0, 2, 1, 'c') },
	{ "two names", ALERT(ILLEGAL_PARAMETER),
	  EXTENSIONS(0, 10, 0, 16, 0, 6, 0, 4, 1, 'a', 1, 'b') },
	{ "empty extension", ALERT(DECODE_ERROR), EXTENSIONS(0, 4, 0, 16, 0, 0) },
	{ "empty list", ALERT(DECODE_ERROR), EXTENSIONS(0, 6, 0, 16, 0, 2, 0, 0) },
	{ "empty name", ALERT(DECODE_ERROR), EXTENSIONS(0, 7, 0, 16, 0, 3, 0, 1, 0) },
	{ "name past the end", ALERT(DECODE_ERROR), EXTENSIONS(0, 8, 0, 16, 0, 4, 0, 2, 2, 'a') },
	{ "a byte behind the list", ALERT(DECODE_ERROR),
	  EXTENSIONS(0, 9, 0, 16, 0, 5, 0, 2, 1, 'a', 0) },
	{ "twice", ALERT(ILLEGAL_PARAMETER),
	  EXTENSIONS(0, 16, 0, 16, 0, 4, 0, 2, 1, 'a', 0, 16, 0, 4, 0, 2, 1, 'a') },
	{ "unasked", ALERT(UNSUPPORTED_EXTENSION), EXTENSIONS(0, 8, 0, 16, 0, 4, 0, 2, 1, 'a'),
	  .unasked = true },
	{ "in Certificate", ALERT(ILLEGAL_PARAMETER),
	  .change = { .op = EXTEND, .type = CT, FORGE_BYTES(0, 16, 0, 4, 0, 2, 1, 'a') } },
};

static void judges_answer(void **state)
{
	static const struct site_options silent;
	const struct bad_answer *bad = *state;
	struct stage stage;

	stage_server_flight(rows_pki(), &stage, bad->unasked ? &silent : &speaks);
	stage_change(&stage.flight, &bad->change);
	assert_int_equal(forge_feed_flight(stage.lb.end[QKDTLS_CLIENT], stage.suite,
					   stage.secrets.server, &stage.flight, false),
			 QKDTLS_FAILED);
	assert_int_equal(qkdtls_error(stage.lb.end[QKDTLS_CLIENT])->sent, bad->alert);
	loopback_free(&stage.lb);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_checked),
		cmocka_unit_test(their_list_is_bounded),
		cmocka_unit_test(a_second_hello_may_not_offer_others),
	};

	ROWS(chooses, choices);
	ROWS(judges_offer, bad_offers);
	ROWS(judges_answer, bad_answers);
	return rows_run(tests, sizeof(tests) / sizeof(tests[0]));
}
