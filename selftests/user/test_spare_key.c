// SPDX-License-Identifier: GPL-2.0-or-later
/* A second key in the client's hello, for a server that does not have the first */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "site.h"
#include "tls/internal.h"

#define FIRST 1 /* seeds of the two keys */
#define SPARE 101

/* A client with both keys and a spare on offer; the server gets the keys of @seeds. */
static void link_spare(struct pki *pki, struct loopback *lb, const struct site_options *client,
		       const struct site_options *server, const uint8_t *seeds, size_t count)
{
	struct qkdtls_config *c = site_config(pki, QKDTLS_CLIENT, client);
	struct qkdtls_config *s = site_config(pki, QKDTLS_SERVER, server);

	assert_int_equal(qkdtls_config_set_spare_key(c, true), 0);
	loopback_init(lb, c, s);
	qkdtls_config_unref(c);
	qkdtls_config_unref(s);
	memset(lb->ring, 0, sizeof(lb->ring));
	keyring_add(&lb->ring[QKDTLS_CLIENT], FIRST, 16);
	keyring_add(&lb->ring[QKDTLS_CLIENT], SPARE, 16);
	for (size_t i = 0; i < count; i++)
		keyring_add(&lb->ring[QKDTLS_SERVER], seeds[i], 16);
}

static void assert_agreed_on(struct loopback *lb, const struct qkdtls_psk *key)
{
	uint8_t a[32], b[32];

	for (int role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++) {
		const struct qkdtls_info *info = qkdtls_info(lb->end[role]);

		assert_int_equal(lb->want[role], QKDTLS_DONE);
		assert_true(info->psk);
		assert_int_equal(info->psk_id_len, 16);
		assert_memory_equal(info->psk_id, key->id, 16);
	}
	assert_int_equal(qkdtls_export(lb->end[0], "test", NULL, 0, a, sizeof(a)), 0);
	assert_int_equal(qkdtls_export(lb->end[1], "test", NULL, 0, b, sizeof(b)), 0);
	assert_memory_equal(a, b, sizeof(a));
}

/* What each of the server's keys leads to */
static const struct {
	const char *what;
	uint8_t seeds[2];
	size_t count;
	size_t agreed; /* index of the client's key */
	unsigned int asked;
	const char *groups; /* of the server */
	const char *ciphers;
} rows[] = {
	{ "both", { SPARE, FIRST }, 2, 0, 1, NULL, NULL },
	{ "the first only", { FIRST }, 1, 0, 1, NULL, NULL },
	{ "the spare only", { SPARE }, 1, 1, 2, NULL, NULL },
	{ "the spare only, SHA-256", { SPARE }, 1, 1, 2, NULL, "TLS_AES_128_GCM_SHA256" },
	{ "the first, behind a retry", { FIRST }, 1, 0, 1, "secp256r1", NULL },
	{ "the spare, behind a retry", { SPARE }, 1, 1, 2, "secp256r1", NULL },
	{ "the spare, behind a retry, SHA-256",
	  { SPARE },
	  1,
	  1,
	  2,
	  "secp256r1",
	  "TLS_AES_128_GCM_SHA256" },
};

static void run_row(struct pki *pki, size_t i)
{
	const struct site_options client = { .groups = "x25519:secp256r1" };
	const struct site_options server = { .groups = rows[i].groups, .ciphers = rows[i].ciphers };
	struct loopback lb;

	link_spare(pki, &lb, &client, &server, rows[i].seeds, rows[i].count);
	assert_true(loopback_run(&lb));
	assert_agreed_on(&lb, &lb.ring[QKDTLS_CLIENT].key[rows[i].agreed]);
	/* A retry costs no further key, nor does the second KDF. */
	assert_int_equal(lb.ring[QKDTLS_CLIENT].taken, 2);
	assert_int_equal(lb.ring[QKDTLS_SERVER].asked, rows[i].asked);
	assert_int_equal(lb.ring[QKDTLS_SERVER].committed, 1);
	assert_int_equal(lb.ring[QKDTLS_SERVER].released, 0);
	assert_false(lb.ring[QKDTLS_SERVER].misused);
	assert_int_equal(qkdtls_info(lb.end[0])->retried, rows[i].groups != NULL);
	loopback_free(&lb);
}

static void server_takes_the_first_key_that_it_has(void **state)
{
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		print_message("# %s\n", rows[i].what);
		run_row(*state, i);
	}
}

static void neither_key_is_refused_like_any_unknown_one(void **state)
{
	static const struct site_options plain;
	struct loopback lb;

	link_spare(*state, &lb, &plain, &plain, NULL, 0);
	assert_true(loopback_run(&lb));
	assert_int_equal(qkdtls_error(lb.end[QKDTLS_SERVER])->sent, QKDTLS_ALERT_DECRYPT_ERROR);
	assert_int_equal(qkdtls_to_errno(lb.end[QKDTLS_SERVER]), -ENOKEY);
	assert_int_equal(lb.ring[QKDTLS_SERVER].asked, 2);
	assert_int_equal(lb.ring[QKDTLS_SERVER].found, 0);
	loopback_free(&lb);
}

static void a_source_without_a_second_key_is_enough(void **state)
{
	static const struct site_options plain;
	static const uint8_t seeds[] = { FIRST };
	struct loopback lb;

	link_spare(*state, &lb, &plain, &plain, seeds, 1);
	lb.ring[QKDTLS_CLIENT].count = 1;
	assert_true(loopback_run(&lb));
	assert_agreed_on(&lb, &lb.ring[QKDTLS_CLIENT].key[0]);
	assert_int_equal(lb.ring[QKDTLS_CLIENT].taken, 1);
	loopback_free(&lb);
}

static void one_key_is_taken_unless_a_spare_is_wanted(void **state)
{
	static const struct site_options plain;
	struct loopback lb;

	site_link(*state, &lb, &plain, &plain);
	keyring_add(&lb.ring[QKDTLS_CLIENT], SPARE, 16);
	assert_true(loopback_run(&lb));
	assert_agreed_on(&lb, &lb.ring[QKDTLS_CLIENT].key[0]);
	assert_int_equal(lb.ring[QKDTLS_CLIENT].taken, 1);
	loopback_free(&lb);
}

static void external_keys_can_have_a_spare(void **state)
{
	static const struct site_options external = { .psk = SITE_EXTERNAL_SHA384 };
	static const uint8_t seeds[] = { SPARE };
	struct loopback lb;

	link_spare(*state, &lb, &external, &external, seeds, 1);
	assert_true(loopback_run(&lb));
	assert_agreed_on(&lb, &lb.ring[QKDTLS_CLIENT].key[1]);
	loopback_free(&lb);
}

/* ---- A source that may yet get one of the keys ---- */

struct slow_source {
	struct keyring *ring;
	uint8_t pending_id; /* first byte of the key's ID */
	unsigned int pending;
	bool fails; /* for any other key */
};

static int slow_find(void *arg, const uint8_t *id, size_t id_len, struct qkdtls_psk *psk)
{
	struct slow_source *slow = arg;

	if (slow->pending && id[0] == slow->pending_id) {
		slow->pending--;
		return QKDTLS_PSK_PENDING;
	}
	if (slow->fails && id[0] != slow->pending_id)
		return -EIO;
	return keyring_ops.find(slow->ring, id, id_len, psk);
}

static int slow_commit(void *arg, const uint8_t *id, size_t id_len)
{
	return keyring_ops.commit(((struct slow_source *)arg)->ring, id, id_len);
}

static void slow_release(void *arg, const uint8_t *id, size_t id_len, enum qkdtls_psk_release why)
{
	keyring_ops.release(((struct slow_source *)arg)->ring, id, id_len, why);
}

static const struct qkdtls_psk_ops slow_ops = {
	.find = slow_find,
	.commit = slow_commit,
	.release = slow_release,
};

static void run_slow(struct pki *pki, const uint8_t *seeds, size_t count, uint8_t pending_id,
		     size_t agreed, unsigned int left, bool fails)
{
	static const struct site_options plain;
	struct slow_source slow;
	struct loopback lb;

	link_spare(pki, &lb, &plain, &plain, seeds, count);
	slow = (struct slow_source){ &lb.ring[QKDTLS_SERVER], pending_id, 3, fails };
	lb.end[QKDTLS_SERVER]->psk_ops = &slow_ops;
	lb.end[QKDTLS_SERVER]->psk_arg = &slow;
	assert_true(loopback_run(&lb));
	assert_agreed_on(&lb, &lb.ring[QKDTLS_CLIENT].key[agreed]);
	assert_int_equal(slow.pending, left);
	assert_int_equal(lb.ring[QKDTLS_SERVER].committed, 1);
	assert_false(lb.ring[QKDTLS_SERVER].misused);
	loopback_free(&lb);
}

static void a_spare_that_is_there_is_not_kept_waiting(void **state)
{
	static const uint8_t seeds[] = { FIRST, SPARE };

	run_slow(*state, seeds, 2, FIRST, 1, 2, false);
}

static void a_key_that_may_come_is_waited_for(void **state)
{
	static const uint8_t first[] = { FIRST }, spare[] = { SPARE };

	run_slow(*state, first, 1, FIRST, 0, 0, false);
	run_slow(*state, spare, 1, SPARE, 1, 0, false);
	/* Even if the other cannot be asked for */
	run_slow(*state, first, 1, FIRST, 0, 0, true);
	run_slow(*state, spare, 1, SPARE, 1, 0, true);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(server_takes_the_first_key_that_it_has),
		cmocka_unit_test(neither_key_is_refused_like_any_unknown_one),
		cmocka_unit_test(a_source_without_a_second_key_is_enough),
		cmocka_unit_test(one_key_is_taken_unless_a_spare_is_wanted),
		cmocka_unit_test(external_keys_can_have_a_spare),
		cmocka_unit_test(a_spare_that_is_there_is_not_kept_waiting),
		cmocka_unit_test(a_key_that_may_come_is_waited_for),
	};

	return cmocka_run_group_tests(tests, site_setup, site_teardown);
}
