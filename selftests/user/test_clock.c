// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Clocks that jump, while configurations and connections live on: what is dated is judged by the time of the day at the
 * moment of the check, and what has an age or a deadline does not notice.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "authority.h"
#include "common/clock.h"
#include "site.h"
#include "stage.h"
#include "tls/internal.h"

#define HOUR	    3600L
#define DAY	    (24 * HOUR)
#define ALERT(name) QKDTLS_ALERT_##name

/* ---- The clocks, for libcrypto too ---- */

static struct {
	long real, monotonic; /* seconds ahead of the kernel's */
} jumped;

#define SEEN_BY_LIBRARIES __attribute__((visibility("default")))

SEEN_BY_LIBRARIES int clock_gettime(clockid_t clock, struct timespec *now)
{
	const int ret = (int)syscall(SYS_clock_gettime, clock, now);

	now->tv_sec += clock == CLOCK_REALTIME ? jumped.real : jumped.monotonic;
	return ret;
}

SEEN_BY_LIBRARIES time_t time(time_t *where)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (where)
		*where = now.tv_sec;
	return now.tv_sec;
}

static int start_over(void **state)
{
	(void)state;
	jumped.real = 0;
	jumped.monotonic = 0;
	return 0;
}

/* ---- What is dated ---- */

struct sites {
	struct qkdtls_config *config[2];
	enum qkdtls_role judge;
};

/* Both show a certificate; only the judge looks at the clock that jumps. */
static struct sites sites_new(struct pki *pki, enum qkdtls_role judge)
{
	const struct site_options options = { .verify_client = true };
	struct sites sites = {
		.config = { site_config(pki, QKDTLS_CLIENT, &options),
			    site_config(pki, QKDTLS_SERVER, &options) },
		.judge = judge,
	};

	assert_int_equal(qkdtls_config_set_time(sites.config[!judge], time(NULL)), 0);
	return sites;
}

static void sites_free(struct sites *sites)
{
	qkdtls_config_unref(sites->config[QKDTLS_CLIENT]);
	qkdtls_config_unref(sites->config[QKDTLS_SERVER]);
}

static void assert_judged(const struct sites *sites, long jump, enum qkdtls_alert alert)
{
	struct loopback lb;

	jumped.real = jump;
	loopback_init(&lb, sites->config[QKDTLS_CLIENT], sites->config[QKDTLS_SERVER]);
	assert_true(loopback_run(&lb));
	assert_int_equal(qkdtls_error(lb.end[sites->judge])->sent, alert);
	assert_int_equal(lb.want[sites->judge], alert == ALERT(NONE) ? QKDTLS_DONE : QKDTLS_FAILED);
	loopback_free(&lb);
}

static void certificates_are_judged_at_the_time_of_the_handshake(void **state)
{
	for (int judge = QKDTLS_CLIENT; judge <= QKDTLS_SERVER; judge++) {
		struct sites sites = sites_new(*state, judge);

		assert_judged(&sites, 0, ALERT(NONE));
		assert_judged(&sites, 9 * DAY, ALERT(CERTIFICATE_EXPIRED));
		assert_judged(&sites, -9 * DAY, ALERT(CERTIFICATE_EXPIRED));
		assert_judged(&sites, HOUR, ALERT(NONE));
		assert_judged(&sites, -HOUR, ALERT(NONE));
		sites_free(&sites);
		start_over(NULL);
	}
}

/* A leaf for a month, and a list and a response for an hour each way */
static void write_dated(struct pki *pki)
{
	const struct authority_plan root = {
		.subject = "Dated",
		.not_before = -30 * DAY,
		.not_after = 30 * DAY,
		.ext = { AUTHORITY_CA },
	};
	struct authority ca = authority_make(&root), leaf;
	const struct authority_plan plan = {
		.subject = "Leaf",
		.issuer = &ca,
		.not_before = -30 * DAY,
		.not_after = 30 * DAY,
		.ext = { AUTHORITY_LEAF },
	};
	const struct authority_list list = { .issuer = &ca, .from = -HOUR, .until = HOUR };
	struct authority_answer answer = { .issuer = &ca, .from = -HOUR, .until = HOUR };
	const X509 *chain[2];

	leaf = authority_make(&plan);
	answer.about = &leaf;
	chain[0] = leaf.cert;
	chain[1] = ca.cert;
	authority_write_chain(pki, "dated.pem", chain, 2, false);
	authority_write_key(pki, "dated.key", &leaf);
	authority_write_chain(pki, "dated-ca.pem", &chain[1], 1, false);
	authority_write_list(pki, "dated.crl", &list, false);
	authority_write_answer(pki, "dated.ocsp", &answer);
	authority_free(&leaf);
	authority_free(&ca);
}

static void judge_dated(struct pki *pki, enum qkdtls_role judge, bool list)
{
	const enum qkdtls_alert alert =
		list ? ALERT(CERTIFICATE_UNKNOWN) : ALERT(BAD_CERTIFICATE_STATUS_RESPONSE);
	struct sites sites = sites_new(pki, judge);
	struct qkdtls_config *judging = sites.config[judge], *judged = sites.config[!judge];

	assert_int_equal(qkdtls_config_set_certificate(judged, pki_path(pki, "dated.pem"),
						       pki_path(pki, "dated.key")),
			 0);
	assert_int_equal(qkdtls_config_set_ocsp_staple(judged, pki_path(pki, "dated.ocsp")), 0);
	assert_int_equal(qkdtls_config_set_trust(judging, pki_path(pki, "dated-ca.pem")), 0);
	if (list)
		assert_int_equal(qkdtls_config_set_crl(judging, pki_path(pki, "dated.crl")), 0);
	else
		assert_int_equal(qkdtls_config_set_ocsp_required(judging, true), 0);
	assert_judged(&sites, 0, ALERT(NONE));
	assert_judged(&sites, 2 * HOUR, alert);
	assert_judged(&sites, -2 * HOUR, alert);
	assert_judged(&sites, 0, ALERT(NONE));
	sites_free(&sites);
	start_over(NULL);
}

static void lists_and_responses_are_judged_at_the_time_of_the_handshake(void **state)
{
	write_dated(*state);
	for (int judge = QKDTLS_CLIENT; judge <= QKDTLS_SERVER; judge++) {
		judge_dated(*state, judge, true);
		judge_dated(*state, judge, false);
	}
}

/* Between its hello and the peer's certificate */
static void a_jump_within_a_handshake_counts(void **state)
{
	static const struct site_options options = { .verify_client = true };
	static struct stage stage;

	stage_server_flight(*state, &stage, &options);
	jumped.real = 9 * DAY;
	assert_int_equal(forge_feed_flight(stage.lb.end[QKDTLS_CLIENT], stage.suite,
					   stage.secrets.server, &stage.flight, false),
			 QKDTLS_FAILED);
	assert_int_equal(qkdtls_error(stage.lb.end[QKDTLS_CLIENT])->sent,
			 ALERT(CERTIFICATE_EXPIRED));
	loopback_free(&stage.lb);

	jumped.real = 0;
	stage_client_flight(*state, &stage, &options);
	jumped.real = -9 * DAY;
	assert_int_equal(forge_feed_flight(stage.lb.end[QKDTLS_SERVER], stage.suite,
					   stage.secrets.client, &stage.flight, false),
			 QKDTLS_FAILED);
	assert_int_equal(qkdtls_error(stage.lb.end[QKDTLS_SERVER])->sent,
			 ALERT(CERTIFICATE_EXPIRED));
	loopback_free(&stage.lb);
}

/* ---- What has an age ---- */

/* Does a key change before a byte is sent? */
static bool key_changes(struct loopback *lb)
{
	assert_true(loopback_echo(lb, QKDTLS_CLIENT, "x", 1));
	return lb->end[QKDTLS_CLIENT]->writer.protection.seq == 1;
}

static void keys_age_by_the_monotonic_clock(void **state)
{
	static const struct qkdtls_key_limits limits = { .records = 1000, .seconds = 600 };
	struct sites sites = sites_new(*state, QKDTLS_CLIENT);
	struct loopback lb;

	assert_int_equal(qkdtls_config_set_key_limits(sites.config[QKDTLS_CLIENT], &limits), 0);
	loopback_init(&lb, sites.config[QKDTLS_CLIENT], sites.config[QKDTLS_SERVER]);
	assert_true(loopback_run(&lb));
	assert_true(key_changes(&lb)); /* the first record of the first key */
	jumped.real = 300 * DAY;
	assert_false(key_changes(&lb));
	jumped.real = -300 * DAY;
	assert_false(key_changes(&lb));
	jumped.monotonic = 500;
	assert_false(key_changes(&lb));
	jumped.monotonic = 601;
	assert_true(key_changes(&lb));
	assert_false(key_changes(&lb));
	loopback_free(&lb);
	sites_free(&sites);
}

/* ---- What has a deadline ---- */

static void deadlines_go_by_the_monotonic_clock(void **state)
{
	struct qkdtls_qkd link = { .fd = -EAGAIN, .deadline_ms = clock_ms() + 60000 };
	const uint64_t deadline = link.deadline_ms;
	struct qkdtls_psk psk;

	(void)state;
	for (int i = -1; i <= 1; i++) {
		jumped.real = i * 300 * DAY;
		assert_in_range(clock_left_ms(deadline), 30000, 60000);
		assert_int_equal(qkdtls_qkd_ops.take(&link, &psk), QKDTLS_PSK_PENDING);
	}
	jumped.monotonic = 61;
	assert_int_equal(clock_left_ms(deadline), 0);
	assert_int_equal(qkdtls_qkd_ops.take(&link, &psk), QKDTLS_PSK_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(certificates_are_judged_at_the_time_of_the_handshake,
					  start_over),
		cmocka_unit_test_teardown(
			lists_and_responses_are_judged_at_the_time_of_the_handshake, start_over),
		cmocka_unit_test_teardown(a_jump_within_a_handshake_counts, start_over),
		cmocka_unit_test_teardown(keys_age_by_the_monotonic_clock, start_over),
		cmocka_unit_test_teardown(deadlines_go_by_the_monotonic_clock, start_over),
	};

	return cmocka_run_group_tests(tests, site_setup, site_teardown);
}
