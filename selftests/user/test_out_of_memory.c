// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Memory that is not there: each allocation of the engine and of libcrypto fails once, in every kind of handshake,
 * and never is anything worse the result than a connection that has failed on its own. Also: how much memory a
 * handshake takes. The Makefile links this program with an engine that allocates by the functions below.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/crypto.h>

#include "site.h"

/* ---- Allocators ---- */

struct account {
	size_t live, peak;
};

static struct account engine, libcrypto;
static unsigned long countdown; /* allocations until one fails; 0: none does */
static unsigned long counted;

static bool fails(void)
{
	counted++;
	return countdown && !--countdown;
}

static void *book(struct account *account, void *p)
{
	if (p)
		account->live += malloc_usable_size(p);
	if (account->live > account->peak)
		account->peak = account->live;
	return p;
}

static void unbook(struct account *account, void *p)
{
	account->live -= malloc_usable_size(p);
}

void *oom_malloc(size_t size);
void *oom_calloc(size_t count, size_t size);
void *oom_realloc(void *old, size_t size);
void oom_free(void *p);

void *oom_malloc(size_t size)
{
	return fails() ? NULL : book(&engine, malloc(size));
}

void *oom_calloc(size_t count, size_t size)
{
	return fails() ? NULL : book(&engine, calloc(count, size));
}

static void *resize(struct account *account, void *old, size_t size)
{
	const size_t before = malloc_usable_size(old);
	void *p = realloc(old, size);

	if (!p)
		return NULL;
	account->live -= before;
	return book(account, p);
}

void *oom_realloc(void *old, size_t size)
{
	return fails() ? NULL : resize(&engine, old, size);
}

void oom_free(void *p)
{
	unbook(&engine, p);
	free(p);
}

static void *crypto_malloc(size_t size, const char *file, int line)
{
	return fails() ? NULL : book(&libcrypto, malloc(size));
}

static void *crypto_realloc(void *old, size_t size, const char *file, int line)
{
	if (!size) {
		unbook(&libcrypto, old);
		free(old);
		return NULL;
	}
	return fails() ? NULL : resize(&libcrypto, old, size);
}

static void crypto_free(void *p, const char *file, int line)
{
	unbook(&libcrypto, p);
	free(p);
}

/* ---- Handshakes ---- */

/**
 * struct kind - of handshake
 * @client, @server: options of each end
 */
struct kind {
	const char *name;
	struct site_options client, server;
};

#define WITH_CLIENT_CERT .verify_client = true

static const struct kind kinds[] = {
	{ "PSK and certificate", { .groups = "x25519" }, { .groups = "x25519" } },
	{ "hybrid group", { .groups = SITE_HYBRID }, { .groups = SITE_HYBRID } },
	{ "HelloRetryRequest", { .groups = "x25519:secp256r1" }, { .groups = "secp256r1" } },
	{ "client certificate",
	  { .groups = "x25519", WITH_CLIENT_CERT },
	  { .groups = "x25519", WITH_CLIENT_CERT } },
	{ "PSK alone",
	  { .groups = "x25519", .policy = QKDTLS_PSK_ONLY },
	  { .groups = "x25519", .policy = QKDTLS_PSK_ONLY } },
	{ "certificate alone",
	  { .groups = SITE_HYBRID, .policy = QKDTLS_PREFER, .psk = SITE_NO_PSK },
	  { .groups = SITE_HYBRID, .policy = QKDTLS_PREFER, .psk = SITE_NO_PSK } },
};

struct ends {
	struct qkdtls_config *config[2];
};

static bool open_ends(struct loopback *lb, const struct ends *ends)
{
	loopback_init(lb, NULL, NULL);
	for (int role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++) {
		lb->end[role] =
			qkdtls_conn_new(ends->config[role], role, &keyring_ops, &lb->ring[role]);
		if (!lb->end[role])
			return false;
	}
	return true;
}

/* What went well may be used, under keys that both have. */
static void assert_agreed(struct loopback *lb)
{
	uint8_t a[32], b[32];

	assert_int_equal(qkdtls_export(lb->end[0], "test", NULL, 0, a, sizeof(a)), 0);
	assert_int_equal(qkdtls_export(lb->end[1], "test", NULL, 0, b, sizeof(b)), 0);
	assert_memory_equal(a, b, sizeof(a));
	assert_true(loopback_echo(lb, QKDTLS_CLIENT, "there", 5));
	assert_true(loopback_echo(lb, QKDTLS_SERVER, "back", 4));
}

static void assert_sound(struct loopback *lb)
{
	const struct keyring *ring = &lb->ring[QKDTLS_SERVER];

	for (int role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++) {
		assert_in_set(lb->want[role],
			      ((const uintmax_t[]){ QKDTLS_DONE, QKDTLS_FAILED, QKDTLS_WANT_READ }),
			      3);
		if (lb->want[role] == QKDTLS_FAILED)
			assert_true(qkdtls_to_errno(lb->end[role]) < 0);
	}
	assert_false(ring->misused);
	assert_int_equal(ring->found, ring->committed + ring->released);
	if (lb->want[QKDTLS_CLIENT] == QKDTLS_DONE && lb->want[QKDTLS_SERVER] == QKDTLS_DONE)
		assert_agreed(lb);
}

/* An end that has no memory for its alert says nothing: the other hears of it by the end of the stream. */
static void end_streams(struct loopback *lb)
{
	assert_true(lb->want[QKDTLS_CLIENT] == QKDTLS_FAILED ||
		    lb->want[QKDTLS_SERVER] == QKDTLS_FAILED);
	for (int role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++) {
		if (lb->want[role] == QKDTLS_FAILED)
			continue;
		qkdtls_input_eof(lb->end[role]);
		lb->want[role] = qkdtls_handshake(lb->end[role]);
		assert_int_equal(lb->want[role], QKDTLS_FAILED);
	}
}

/* With the @n-th allocation failing; true: there are not so many, or none failed and all is well */
static bool run_failing(const struct ends *ends, unsigned long n)
{
	struct loopback lb;
	bool opened, over;

	countdown = n;
	opened = open_ends(&lb, ends);
	if (opened && !loopback_run(&lb))
		end_streams(&lb);
	over = countdown;
	countdown = 0;
	if (opened)
		assert_sound(&lb);
	if (over)
		assert_int_equal(lb.want[QKDTLS_SERVER], QKDTLS_DONE);
	loopback_free(&lb);
	return over;
}

static void run_whole(const struct ends *ends)
{
	struct loopback lb;

	assert_true(open_ends(&lb, ends));
	assert_true(loopback_run(&lb));
	assert_int_equal(lb.want[QKDTLS_CLIENT], QKDTLS_DONE);
	assert_int_equal(lb.want[QKDTLS_SERVER], QKDTLS_DONE);
	loopback_free(&lb);
}

static bool has_groups(const struct kind *kind)
{
	return site_has_group(kind->client.groups) && site_has_group(kind->server.groups);
}

static struct ends make_ends(struct pki *pki, const struct kind *kind)
{
	return (struct ends){ {
		site_config(pki, QKDTLS_CLIENT, &kind->client),
		site_config(pki, QKDTLS_SERVER, &kind->server),
	} };
}

static void free_ends(struct ends *ends)
{
	qkdtls_config_unref(ends->config[QKDTLS_CLIENT]);
	qkdtls_config_unref(ends->config[QKDTLS_SERVER]);
}

static void every_failed_allocation_ends_in_an_error(void **state)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		struct ends ends;
		unsigned long n;

		if (!has_groups(&kinds[i])) {
			print_message("# this libcrypto lacks the group of: %s\n", kinds[i].name);
			continue;
		}
		ends = make_ends(*state, &kinds[i]);
		run_whole(&ends); /* what is fetched once is fetched */
		for (n = 1; !run_failing(&ends, n); n++)
			assert_true(n < 100000);
		print_message("# %s: %lu allocations\n", kinds[i].name, n - 1);
		free_ends(&ends);
	}
}

/* ---- Configurations ---- */

static int set_certificate(struct qkdtls_config *config, struct pki *pki)
{
	return qkdtls_config_set_certificate(config, pki_path(pki, "server.pem"),
					     pki_path(pki, "server.key"));
}

static int set_trust(struct qkdtls_config *config, struct pki *pki)
{
	return qkdtls_config_set_trust(config, pki_path(pki, "ca.pem"));
}

static void settings_fail_without_memory(void **state)
{
	int (*const settings[])(struct qkdtls_config * config, struct pki * pki) = {
		set_certificate,
		set_trust,
	};

	for (size_t i = 0; i < sizeof(settings) / sizeof(settings[0]); i++) {
		struct qkdtls_config *config = qkdtls_config_new();
		bool over = false;

		for (unsigned long n = 1; !over; n++) {
			int ret;

			countdown = n;
			ret = settings[i](config, *state);
			over = countdown;
			countdown = 0;
			/* libcrypto gets over some of its failures itself. */
			assert_int_equal(qkdtls_config_message(config)[0] != 0, ret != 0);
			if (over)
				assert_int_equal(ret, 0);
		}
		qkdtls_config_unref(config);
	}
}

/* ---- The stream ---- */

/* Data both ways, new keys and the end; 0 or the first error */
static ssize_t use_stream(struct loopback *lb)
{
	uint8_t buf[8];
	ssize_t ret = 0;

	for (int role = QKDTLS_CLIENT; role <= QKDTLS_SERVER && ret >= 0; role++) {
		ret = qkdtls_send(lb->end[role], "data", 4);
		if (ret == 4)
			ret = qkdtls_key_update(lb->end[role], true);
		if (!ret)
			ret = loopback_deliver(lb, role, buf, sizeof(buf));
		if (ret == 4)
			ret = loopback_deliver(lb, role, buf, sizeof(buf));
	}
	if (ret >= 0)
		ret = qkdtls_close(lb->end[QKDTLS_CLIENT]);
	return ret;
}

static void streams_fail_without_memory(void **state)
{
	struct ends ends = make_ends(*state, &kinds[0]);
	bool over = false;

	for (unsigned long n = 1; !over; n++) {
		struct loopback lb;
		ssize_t ret;

		assert_true(open_ends(&lb, &ends));
		assert_true(loopback_run(&lb));
		countdown = n;
		ret = use_stream(&lb);
		over = countdown;
		countdown = 0;
		if (over)
			assert_int_equal(ret, 0);
		loopback_free(&lb);
	}
	free_ends(&ends);
}

/* ---- How much it takes ---- */

/* Of both ends together; Documentation/tls.md states it. */
#define ENGINE_PEAK_MAX	   (2 * 96 * 1024)
#define LIBCRYPTO_PEAK_MAX (2 * 32 * 1024)

static void a_handshake_takes_bounded_memory(void **state)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		size_t engine_before, libcrypto_before;
		struct ends ends;

		if (!has_groups(&kinds[i]))
			continue;
		ends = make_ends(*state, &kinds[i]);
		run_whole(&ends);
		engine_before = engine.peak = engine.live;
		libcrypto_before = libcrypto.peak = libcrypto.live;
		counted = 0;
		run_whole(&ends);
		print_message("# %s: engine %zu, libcrypto %zu bytes at most, both ends; %lu "
			      "allocations\n",
			      kinds[i].name, engine.peak - engine_before,
			      libcrypto.peak - libcrypto_before, counted);
		assert_in_range(engine.peak - engine_before, 1, ENGINE_PEAK_MAX);
		assert_in_range(libcrypto.peak - libcrypto_before, 1, LIBCRYPTO_PEAK_MAX);
		assert_int_equal(engine.live, engine_before);
		free_ends(&ends);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_failed_allocation_ends_in_an_error),
		cmocka_unit_test(settings_fail_without_memory),
		cmocka_unit_test(streams_fail_without_memory),
		cmocka_unit_test(a_handshake_takes_bounded_memory),
	};

	/* Before libcrypto has allocated anything */
	if (CRYPTO_set_mem_functions(crypto_malloc, crypto_realloc, crypto_free) != 1) {
		fputs("libcrypto does not take memory functions\n", stderr);
		return 1;
	}
	return cmocka_run_group_tests(tests, site_setup, site_teardown);
}
