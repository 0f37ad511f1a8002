// SPDX-License-Identifier: GPL-2.0-or-later
/* Chains that were found good: when a second handshake may go without the check, and when it must not */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <pthread.h>
#include <string.h>
#include <time.h>

#include "authority.h"
#include "site.h"
#include "tls/internal.h"

#define DAY 86400L

/* Connections in turn, of configurations that both ends keep */
struct sites {
	struct pki *pki;
	struct qkdtls_config *client, *server;
};

static void sites_init(struct sites *sites, struct pki *pki, const struct site_options *options)
{
	sites->pki = pki;
	sites->client = site_config(pki, QKDTLS_CLIENT, options);
	sites->server = site_config(pki, QKDTLS_SERVER, options);
}

static void sites_free(struct sites *sites)
{
	qkdtls_config_unref(sites->client);
	qkdtls_config_unref(sites->server);
}

/* The alert with which the client ended a handshake; QKDTLS_ALERT_NONE: it succeeded */
static enum qkdtls_alert shake(const struct sites *sites)
{
	enum qkdtls_alert alert;
	struct loopback lb;

	loopback_init(&lb, sites->client, sites->server);
	assert_true(loopback_run(&lb));
	alert = qkdtls_error(lb.end[QKDTLS_CLIENT])->sent;
	assert_int_equal(lb.want[QKDTLS_CLIENT],
			 alert == QKDTLS_ALERT_NONE ? QKDTLS_DONE : QKDTLS_FAILED);
	loopback_free(&lb);
	return alert;
}

static size_t count_known(const struct qkdtls_config *config)
{
	size_t count = 0, i;

	for (i = 0; i < QKDTLS_KNOWN_MAX; i++)
		count += config->known.chain[i].chain != NULL;
	return count;
}

static void chain_is_decoded_and_checked_once(void **state)
{
	const struct site_options options = { .verify_client = true };
	const struct qkdtls_chain *chain;
	struct loopback lb;
	struct sites sites;
	int role;

	sites_init(&sites, *state, &options);
	assert_int_equal(shake(&sites), QKDTLS_ALERT_NONE);
	assert_int_equal(count_known(sites.client), 1);
	assert_int_equal(count_known(sites.server), 1);
	loopback_init(&lb, sites.client, sites.server);
	assert_true(loopback_run(&lb));
	for (role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++) {
		chain = lb.end[role]->config->known.chain[0].chain;
		assert_int_equal(lb.want[role], QKDTLS_DONE);
		assert_ptr_equal(lb.end[role]->chain, chain);
		assert_true(strlen(qkdtls_info(lb.end[role])->peer) > 0);
	}
	loopback_free(&lb);
	sites_free(&sites);
}

static void refused_chain_is_not_known(void **state)
{
	const struct site_options options = { .certificate = "stranger" };
	struct sites sites;

	sites_init(&sites, *state, &options);
	assert_int_equal(shake(&sites), QKDTLS_ALERT_UNKNOWN_CA);
	assert_int_equal(count_known(sites.client), 0);
	assert_int_equal(shake(&sites), QKDTLS_ALERT_UNKNOWN_CA);
	sites_free(&sites);
}

/* The time moves under a configuration that nobody sets. */
static void known_chain_expires(void **state)
{
	const struct site_options options = { .verify_client = false };
	struct sites sites;

	sites_init(&sites, *state, &options);
	assert_int_equal(qkdtls_config_set_time(sites.client, time(NULL)), 0);
	assert_int_equal(shake(&sites), QKDTLS_ALERT_NONE);
	sites.client->time += 9 * DAY;
	assert_int_equal(shake(&sites), QKDTLS_ALERT_CERTIFICATE_EXPIRED);
	sites.client->time -= 18 * DAY;
	assert_int_equal(shake(&sites), QKDTLS_ALERT_CERTIFICATE_EXPIRED);
	sites.client->time += 9 * DAY;
	assert_int_equal(shake(&sites), QKDTLS_ALERT_NONE);
	sites_free(&sites);
}

static void known_chain_is_checked_for_a_new_name(void **state)
{
	const struct site_options options = { .verify_client = false };
	struct sites sites;

	sites_init(&sites, *state, &options);
	assert_int_equal(shake(&sites), QKDTLS_ALERT_NONE);
	assert_int_equal(qkdtls_config_set_peer_name(sites.client, "bern.example"), 0);
	assert_int_equal(shake(&sites), QKDTLS_ALERT_BAD_CERTIFICATE);
	sites_free(&sites);
}

static void known_chain_is_checked_for_new_anchors(void **state)
{
	const struct site_options options = { .verify_client = false };
	struct sites sites;

	sites_init(&sites, *state, &options);
	assert_int_equal(shake(&sites), QKDTLS_ALERT_NONE);
	assert_int_equal(qkdtls_config_set_trust(sites.client, pki_path(*state, "other-ca.pem")),
			 0);
	assert_int_equal(shake(&sites), QKDTLS_ALERT_UNKNOWN_CA);
	sites_free(&sites);
}

static void known_chain_says_nothing_of_another(void **state)
{
	const struct site_options good = { .verify_client = false };
	const struct site_options bad = { .certificate = "stranger" };
	struct sites sites;

	sites_init(&sites, *state, &good);
	assert_int_equal(shake(&sites), QKDTLS_ALERT_NONE);
	qkdtls_config_unref(sites.server);
	sites.server = site_config(*state, QKDTLS_SERVER, &bad);
	assert_int_equal(shake(&sites), QKDTLS_ALERT_UNKNOWN_CA);
	sites_free(&sites);
}

static void chain_with_revocation_lists_is_never_known(void **state)
{
	struct authority root = authority_make_ca("Root", NULL);
	struct authority leaf = authority_make_leaf("Leaf", &root);
	const struct authority_list list = { .issuer = &root };
	const X509 *chain[] = { leaf.cert, root.cert };
	const struct site_options options = { .certificate = "known" };
	struct sites sites;

	authority_write_chain(*state, "known.pem", chain, 1, false);
	authority_write_chain(*state, "known-root.pem", &chain[1], 1, false);
	authority_write_key(*state, "known.key", &leaf);
	authority_write_list(*state, "known.crl", &list, false);
	sites_init(&sites, *state, &options);
	assert_int_equal(qkdtls_config_set_trust(sites.client, pki_path(*state, "known-root.pem")),
			 0);
	assert_int_equal(shake(&sites), QKDTLS_ALERT_NONE);
	assert_int_equal(count_known(sites.client), 1);
	assert_int_equal(qkdtls_config_set_crl(sites.client, pki_path(*state, "known.crl")), 0);
	assert_int_equal(shake(&sites), QKDTLS_ALERT_NONE);
	assert_int_equal(count_known(sites.client), 0);
	sites_free(&sites);
	authority_free(&leaf);
	authority_free(&root);
}

#define THREADS	   4
#define HANDSHAKES 25

static void *shake_often(void *arg)
{
	const struct sites *sites = arg;
	uintptr_t failed = 0;
	struct loopback lb;
	int i;

	for (i = 0; i < HANDSHAKES; i++) {
		loopback_init(&lb, sites->client, sites->server);
		failed += !loopback_run(&lb) || lb.want[QKDTLS_CLIENT] != QKDTLS_DONE ||
			  lb.want[QKDTLS_SERVER] != QKDTLS_DONE;
		loopback_free(&lb);
	}
	return (void *)failed;
}

static void threads_share_known_chains(void **state)
{
	const struct site_options options = { .verify_client = true };
	pthread_t thread[THREADS];
	struct sites sites;
	void *failed;
	int i;

	sites_init(&sites, *state, &options);
	for (i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, shake_often, &sites), 0);
	for (i = 0; i < THREADS; i++) {
		assert_int_equal(pthread_join(thread[i], &failed), 0);
		assert_null(failed);
	}
	assert_int_equal(count_known(sites.client), 1);
	assert_int_equal(count_known(sites.server), 1);
	sites_free(&sites);
}

/* ---- The list itself ---- */

static struct qkdtls_cursor bytes(const char *text)
{
	return qkdtls_cursor((const uint8_t *)text, strlen(text));
}

/* A chain that was found good in a handshake; whoever calls gives its reference up. */
static struct qkdtls_chain *good_chain(struct pki *pki)
{
	const struct site_options options = { .verify_client = false };
	struct qkdtls_chain *chain;
	struct sites sites;

	sites_init(&sites, pki, &options);
	assert_int_equal(shake(&sites), QKDTLS_ALERT_NONE);
	chain = qkdtls_chain_ref(sites.client->known.chain[0].chain);
	sites_free(&sites);
	return chain;
}

static bool finds(struct qkdtls_known *known, enum qkdtls_role sender, const char *list)
{
	struct qkdtls_chain *chain = qkdtls_known_find(known, sender, bytes(list), time(NULL));

	qkdtls_chain_free(chain);
	return chain;
}

static void list_compares_all_bytes_and_the_sender(void **state)
{
	struct qkdtls_chain *chain = good_chain(*state);
	struct qkdtls_known known;

	qkdtls_known_init(&known);
	qkdtls_known_add(&known, QKDTLS_SERVER, bytes("list"), time(NULL), chain);
	assert_true(finds(&known, QKDTLS_SERVER, "list"));
	assert_false(finds(&known, QKDTLS_CLIENT, "list"));
	assert_false(finds(&known, QKDTLS_SERVER, "lisT"));
	assert_false(finds(&known, QKDTLS_SERVER, "lis"));
	assert_false(finds(&known, QKDTLS_SERVER, "list!"));
	qkdtls_known_clear(&known);
	assert_false(finds(&known, QKDTLS_SERVER, "list"));
	qkdtls_known_free(&known);
	qkdtls_chain_free(chain);
}

static void list_is_bounded_and_forgets_the_oldest(void **state)
{
	static const char *const lists[] = { "1", "2", "3", "4", "5" };
	struct qkdtls_chain *chain = good_chain(*state);
	struct qkdtls_known known;
	size_t i;

	qkdtls_known_init(&known);
	for (i = 0; i < QKDTLS_KNOWN_MAX + 1; i++) {
		qkdtls_known_add(&known, QKDTLS_SERVER, bytes(lists[i]), time(NULL), chain);
		qkdtls_known_add(&known, QKDTLS_SERVER, bytes(lists[i]), time(NULL), chain);
	}
	assert_false(finds(&known, QKDTLS_SERVER, lists[0]));
	for (i = 1; i < QKDTLS_KNOWN_MAX + 1; i++)
		assert_true(finds(&known, QKDTLS_SERVER, lists[i]));
	qkdtls_known_free(&known);
	qkdtls_chain_free(chain);
}

static void list_takes_no_chain_that_was_not_checked(void **state)
{
	struct qkdtls_chain *chain;
	struct qkdtls_known known;

	assert_int_equal(qkdtls_chain_new(&chain), 0);
	qkdtls_known_init(&known);
	qkdtls_known_add(&known, QKDTLS_SERVER, bytes("list"), time(NULL), chain);
	assert_false(finds(&known, QKDTLS_SERVER, "list"));
	qkdtls_known_free(&known);
	qkdtls_chain_free(chain);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(chain_is_decoded_and_checked_once),
		cmocka_unit_test(refused_chain_is_not_known),
		cmocka_unit_test(known_chain_expires),
		cmocka_unit_test(known_chain_is_checked_for_a_new_name),
		cmocka_unit_test(known_chain_is_checked_for_new_anchors),
		cmocka_unit_test(known_chain_says_nothing_of_another),
		cmocka_unit_test(chain_with_revocation_lists_is_never_known),
		cmocka_unit_test(threads_share_known_chains),
		cmocka_unit_test(list_compares_all_bytes_and_the_sender),
		cmocka_unit_test(list_is_bounded_and_forgets_the_oldest),
		cmocka_unit_test(list_takes_no_chain_that_was_not_checked),
	};

	return cmocka_run_group_tests_name("known", tests, site_setup, site_teardown);
}
