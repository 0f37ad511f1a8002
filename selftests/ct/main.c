// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Constant time by the method of ctgrind: secrets are marked as undefined memory, and valgrind's memcheck reports
 * each branch and each address that depends on one. What becomes public is marked as defined where it does.
 *
 *	ct CASE		under valgrind; selftests/ct/run runs them all
 *	ct --list	their names; those that begin with "leak-" must be caught
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <valgrind/memcheck.h>

#include "../user/site.h"
#include "tls/crypto_aead.h"
#include "tls/crypto_random.h"
#include "tls/kex.h"
#include "tls/schedule.h"

#define ARRAY_SIZE(a)	  (sizeof(a) / sizeof((a)[0]))
#define SECRET(data, len) ((void)VALGRIND_MAKE_MEM_UNDEFINED(data, len))
#define PUBLIC(data, len) ((void)VALGRIND_MAKE_MEM_DEFINED(data, len))

#define must(ok)                                                                               \
	do {                                                                                   \
		if (!(ok)) {                                                                   \
			fprintf(stderr, "%s:%d: %s does not hold\n", __FILE__, __LINE__, #ok); \
			exit(1);                                                               \
		}                                                                              \
	} while (0)

/* Did the mark get here? A case that computes with public bytes would show nothing. */
static bool is_secret(const void *data, size_t len)
{
	uint8_t bits[QKDTLS_HASH_MAX];

	must(len <= sizeof(bits) && VALGRIND_GET_VBITS(data, bits, len) == 1);
	for (size_t i = 0; i < len; i++)
		if (bits[i] != 0xff)
			return false;
	return true;
}

/* ---- Where secrets come in and results become public: the linker puts these in between ---- */

int __real_qkdtls_kex_finish(const struct qkdtls_kex *kex, const uint8_t *server_share, size_t len,
			     uint8_t *secret);
int __wrap_qkdtls_kex_finish(const struct qkdtls_kex *kex, const uint8_t *server_share, size_t len,
			     uint8_t *secret);
int __real_qkdtls_kex_respond(const struct qkdtls_group *group, const uint8_t *client_share,
			      size_t len, uint8_t *server_share, uint8_t *secret);
int __wrap_qkdtls_kex_respond(const struct qkdtls_group *group, const uint8_t *client_share,
			      size_t len, uint8_t *server_share, uint8_t *secret);
bool __real_qkdtls_equal(const void *a, const void *b, size_t len);
bool __wrap_qkdtls_equal(const void *a, const void *b, size_t len);
int __real_qkdtls_schedule_binder(struct qkdtls_schedule *schedule, enum qkdtls_binder label,
				  const uint8_t *transcript_hash, uint8_t *binder);
int __wrap_qkdtls_schedule_binder(struct qkdtls_schedule *schedule, enum qkdtls_binder label,
				  const uint8_t *transcript_hash, uint8_t *binder);
int __real_qkdtls_schedule_finished(const struct qkdtls_schedule *schedule, enum qkdtls_role sender,
				    const uint8_t *transcript_hash, uint8_t *mac);
int __wrap_qkdtls_schedule_finished(const struct qkdtls_schedule *schedule, enum qkdtls_role sender,
				    const uint8_t *transcript_hash, uint8_t *mac);
int __real_qkdtls_aead_new(struct qkdtls_aead_key **aead_key, enum qkdtls_aead aead,
			   const uint8_t *key);
int __wrap_qkdtls_aead_new(struct qkdtls_aead_key **aead_key, enum qkdtls_aead aead,
			   const uint8_t *key);
int __real_qkdtls_aead_seal(struct qkdtls_aead_key *aead_key, const uint8_t *nonce,
			    const uint8_t *aad, size_t aad_len, const uint8_t *in, size_t len,
			    uint8_t *out);
int __wrap_qkdtls_aead_seal(struct qkdtls_aead_key *aead_key, const uint8_t *nonce,
			    const uint8_t *aad, size_t aad_len, const uint8_t *in, size_t len,
			    uint8_t *out);
int __real_qkdtls_aead_open(struct qkdtls_aead_key *aead_key, const uint8_t *nonce,
			    const uint8_t *aad, size_t aad_len, const uint8_t *in, size_t len,
			    uint8_t *out);
int __wrap_qkdtls_aead_open(struct qkdtls_aead_key *aead_key, const uint8_t *nonce,
			    const uint8_t *aad, size_t aad_len, const uint8_t *in, size_t len,
			    uint8_t *out);

static unsigned int secrets_in, secret_keys; /* seen on the way, so that a lost mark is noticed */

int __wrap_qkdtls_kex_finish(const struct qkdtls_kex *kex, const uint8_t *server_share, size_t len,
			     uint8_t *secret)
{
	const int ret = __real_qkdtls_kex_finish(kex, server_share, len, secret);

	SECRET(secret, qkdtls_kex_group(kex)->secret);
	secrets_in++;
	return ret;
}

int __wrap_qkdtls_kex_respond(const struct qkdtls_group *group, const uint8_t *client_share,
			      size_t len, uint8_t *server_share, uint8_t *secret)
{
	const int ret = __real_qkdtls_kex_respond(group, client_share, len, server_share, secret);

	SECRET(secret, group->secret);
	secrets_in++;
	return ret;
}

/* Whether a MAC is right, the peer sees from what happens next. */
bool __wrap_qkdtls_equal(const void *a, const void *b, size_t len)
{
	bool same = __real_qkdtls_equal(a, b, len);

	PUBLIC(&same, sizeof(same));
	return same;
}

/* Binder and Finished go over the wire. */
int __wrap_qkdtls_schedule_binder(struct qkdtls_schedule *schedule, enum qkdtls_binder label,
				  const uint8_t *transcript_hash, uint8_t *binder)
{
	const int ret = __real_qkdtls_schedule_binder(schedule, label, transcript_hash, binder);

	PUBLIC(binder, qkdtls_hash_len(qkdtls_schedule_hash(schedule)));
	return ret;
}

int __wrap_qkdtls_schedule_finished(const struct qkdtls_schedule *schedule, enum qkdtls_role sender,
				    const uint8_t *transcript_hash, uint8_t *mac)
{
	const int ret = __real_qkdtls_schedule_finished(schedule, sender, transcript_hash, mac);

	PUBLIC(mac, qkdtls_hash_len(qkdtls_schedule_hash(schedule)));
	return ret;
}

/* From here on the key is libcrypto's, which is not under test: it gets a copy without the mark. */
int __wrap_qkdtls_aead_new(struct qkdtls_aead_key **aead_key, enum qkdtls_aead aead,
			   const uint8_t *key)
{
	uint8_t copy[QKDTLS_AEAD_KEY_MAX];

	memcpy(copy, key, qkdtls_aead_key_len(aead));
	secret_keys += is_secret(copy, qkdtls_aead_key_len(aead));
	PUBLIC(copy, sizeof(copy));
	return __real_qkdtls_aead_new(aead_key, aead, copy);
}

int __wrap_qkdtls_aead_seal(struct qkdtls_aead_key *aead_key, const uint8_t *nonce,
			    const uint8_t *aad, size_t aad_len, const uint8_t *in, size_t len,
			    uint8_t *out)
{
	uint8_t copy[QKDTLS_AEAD_NONCE_LEN];

	memcpy(copy, nonce, sizeof(copy));
	PUBLIC(copy, sizeof(copy));
	return __real_qkdtls_aead_seal(aead_key, copy, aad, aad_len, in, len, out);
}

int __wrap_qkdtls_aead_open(struct qkdtls_aead_key *aead_key, const uint8_t *nonce,
			    const uint8_t *aad, size_t aad_len, const uint8_t *in, size_t len,
			    uint8_t *out)
{
	uint8_t copy[QKDTLS_AEAD_NONCE_LEN];

	memcpy(copy, nonce, sizeof(copy));
	PUBLIC(copy, sizeof(copy));
	return __real_qkdtls_aead_open(aead_key, copy, aad, aad_len, in, len, out);
}

/* ---- Key schedule ---- */

static const uint8_t transcript[QKDTLS_HASH_MAX] = { 3 };

static struct qkdtls_schedule *schedule_new(enum qkdtls_hash hash, bool imported)
{
	static const uint8_t identity[] = "identity";
	struct qkdtls_schedule *s;
	uint8_t psk[32] = { 1 };

	must(!qkdtls_schedule_new(&s, hash));
	SECRET(psk, sizeof(psk));
	if (imported)
		must(!qkdtls_schedule_import(s, QKDTLS_SHA256, psk, sizeof(psk), identity,
					     sizeof(identity)));
	else
		must(!qkdtls_schedule_early(s, psk, sizeof(psk)));
	return s;
}

static void check_binder(struct qkdtls_schedule *s, bool imported)
{
	const enum qkdtls_binder label = imported ? QKDTLS_BINDER_IMPORTED : QKDTLS_BINDER_EXTERNAL;
	const size_t len = qkdtls_hash_len(qkdtls_schedule_hash(s));
	uint8_t binder[QKDTLS_HASH_MAX];

	must(!__real_qkdtls_schedule_binder(s, label, transcript, binder));
	must(is_secret(binder, len));
	PUBLIC(binder, len);
	must(!qkdtls_schedule_check_binder(s, label, transcript, binder, len));
	binder[len - 1] ^= 1;
	must(qkdtls_schedule_check_binder(s, label, transcript, binder, len));
}

static void check_finished(struct qkdtls_schedule *s)
{
	const size_t len = qkdtls_hash_len(qkdtls_schedule_hash(s));
	uint8_t mac[QKDTLS_HASH_MAX];

	for (int role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++) {
		must(!__real_qkdtls_schedule_finished(s, role, transcript, mac));
		must(is_secret(mac, len));
		PUBLIC(mac, len);
		must(!qkdtls_schedule_check_finished(s, role, transcript, mac, len));
		mac[0] ^= 1;
		must(qkdtls_schedule_check_finished(s, role, transcript, mac, len));
	}
}

static void check_traffic_keys(struct qkdtls_schedule *s, enum qkdtls_epoch epoch)
{
	const bool sha384 = qkdtls_schedule_hash(s) == QKDTLS_SHA384;
	const struct qkdtls_suite *suite =
		qkdtls_suite_find(sha384 ? QKDTLS_AES_256_GCM_SHA384 : QKDTLS_AES_128_GCM_SHA256);
	struct qkdtls_traffic_key key;

	for (int role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++) {
		must(!qkdtls_schedule_traffic_key(s, epoch, role, suite, &key));
		must(is_secret(key.key, key.key_len) && is_secret(key.iv, sizeof(key.iv)));
	}
}

static void run_schedule(enum qkdtls_hash hash, bool imported)
{
	struct qkdtls_schedule *s = schedule_new(hash, imported);
	uint8_t kex[64] = { 2 }, out[32];

	check_binder(s, imported);
	SECRET(kex, sizeof(kex));
	must(!qkdtls_schedule_handshake(s, kex, sizeof(kex), transcript));
	check_traffic_keys(s, QKDTLS_EPOCH_HANDSHAKE);
	must(!qkdtls_schedule_application(s, transcript));
	check_finished(s);
	check_traffic_keys(s, QKDTLS_EPOCH_APPLICATION);
	must(!qkdtls_schedule_complete(s));
	must(!qkdtls_schedule_update(s, QKDTLS_CLIENT));
	check_traffic_keys(s, QKDTLS_EPOCH_APPLICATION);
	must(!qkdtls_schedule_hand_over(s));
	must(!qkdtls_schedule_export(s, "label", transcript, 5, out, sizeof(out)));
	must(is_secret(out, sizeof(out)));
	qkdtls_schedule_free(s);
}

static void schedule_external_sha256(void)
{
	run_schedule(QKDTLS_SHA256, false);
}

static void schedule_external_sha384(void)
{
	run_schedule(QKDTLS_SHA384, false);
}

static void schedule_imported_sha256(void)
{
	run_schedule(QKDTLS_SHA256, true);
}

static void schedule_imported_sha384(void)
{
	run_schedule(QKDTLS_SHA384, true);
}

static void comparison(void)
{
	uint8_t a[48] = { 1 }, b[48] = { 1 };

	SECRET(a, sizeof(a));
	must(qkdtls_equal(a, b, sizeof(a)));
	b[47] = 1;
	must(!qkdtls_equal(a, b, sizeof(a)));
}

/* ---- Whole handshakes: PSK and key exchange secret of both ends are secret ---- */

struct ends {
	struct pki *pki;
	struct loopback lb;
};

/* Both ends, all their keys secret */
static void open_ends(struct ends *ends, const struct site_options *client,
		      const struct site_options *server, bool spare)
{
	struct qkdtls_config *config[2];

	ends->pki = pki_new();
	config[QKDTLS_CLIENT] = site_config(ends->pki, QKDTLS_CLIENT, client);
	config[QKDTLS_SERVER] = site_config(ends->pki, QKDTLS_SERVER, server);
	must(!qkdtls_config_set_spare_key(config[QKDTLS_CLIENT], spare));
	loopback_init(&ends->lb, config[QKDTLS_CLIENT], config[QKDTLS_SERVER]);
	if (spare) {
		keyring_add(&ends->lb.ring[QKDTLS_CLIENT], 50, 16);
		ends->lb.ring[QKDTLS_SERVER].key[0] = ends->lb.ring[QKDTLS_CLIENT].key[1];
	}
	for (int role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++) {
		struct keyring *ring = &ends->lb.ring[role];

		for (size_t i = 0; i < ring->count; i++)
			SECRET(ring->key[i].secret, ring->key[i].secret_len);
		qkdtls_config_unref(config[role]);
	}
}

static void free_ends(struct ends *ends)
{
	loopback_free(&ends->lb);
	pki_free(ends->pki);
}

static void run_handshake(const struct site_options *client, const struct site_options *server,
			  bool spare)
{
	static const char data[] = "data";
	uint8_t exported[2][32];
	struct ends ends;
	struct loopback *lb = &ends.lb;

	open_ends(&ends, client, server, spare);
	must(loopback_run(lb));
	for (int role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++) {
		must(lb->want[role] == QKDTLS_DONE);
		must(!qkdtls_export(lb->end[role], "label", NULL, 0, exported[role],
				    sizeof(exported[role])));
		must(is_secret(exported[role], sizeof(exported[role])));
		PUBLIC(exported[role], sizeof(exported[role]));
	}
	must(!memcmp(exported[0], exported[1], sizeof(exported[0])));
	must(loopback_echo(lb, QKDTLS_CLIENT, data, sizeof(data)));
	must(!qkdtls_key_update(lb->end[QKDTLS_CLIENT], true));
	must(loopback_echo(lb, QKDTLS_CLIENT, data, sizeof(data)));
	must(loopback_echo(lb, QKDTLS_SERVER, data, sizeof(data)));
	must(secrets_in == 2 && secret_keys >= 12);
	free_ends(&ends);
}

static void handshake_imported(void)
{
	static const struct site_options plain;

	run_handshake(&plain, &plain, false);
}

static void handshake_external(void)
{
	static const struct site_options external = { .psk = SITE_EXTERNAL };

	run_handshake(&external, &external, false);
}

static void handshake_hybrid(void)
{
	const struct site_options hybrid = {
		.groups = site_has_group(SITE_HYBRID) ? SITE_HYBRID : NULL,
	};

	run_handshake(&hybrid, &hybrid, false);
}

static void handshake_retry(void)
{
	static const struct site_options client = { .groups = "x25519:secp256r1" };
	static const struct site_options server = { .groups = "secp256r1" };

	run_handshake(&client, &server, false);
}

static void handshake_client_certificate(void)
{
	static const struct site_options asking = { .verify_client = true };

	run_handshake(&asking, &asking, false);
}

static void handshake_psk_only(void)
{
	static const struct site_options bare = { .policy = QKDTLS_PSK_ONLY };

	run_handshake(&bare, &bare, false);
}

static void handshake_spare_key(void)
{
	static const struct site_options plain;

	run_handshake(&plain, &plain, true);
}

/* What a key that differs, or one that is not there, leads to may be seen; not where the difference is. */
static void run_refusal(bool there, int failure)
{
	static const struct site_options plain;
	struct ends ends;
	struct keyring *ring = &ends.lb.ring[QKDTLS_SERVER];

	open_ends(&ends, &plain, &plain, false);
	ring->key[0].secret[31] ^= 1;
	if (!there)
		ring->count = 0;
	must(loopback_run(&ends.lb));
	must(qkdtls_error(ends.lb.end[QKDTLS_SERVER])->sent == QKDTLS_ALERT_DECRYPT_ERROR);
	must(qkdtls_to_errno(ends.lb.end[QKDTLS_SERVER]) == failure);
	must(ends.lb.want[QKDTLS_CLIENT] == QKDTLS_FAILED);
	free_ends(&ends);
}

static void refused_binder(void)
{
	run_refusal(true, -EKEYREJECTED);
}

static void unknown_identity(void)
{
	run_refusal(false, -ENOKEY);
}

/* ---- Controls: what valgrind must catch ---- */

static volatile uint8_t sink;

static void leak_comparison(void)
{
	static const volatile uint8_t expected[32] = { 1 };
	volatile uint8_t mac[32] = { 1 };

	SECRET((void *)mac, sizeof(mac));
	for (size_t i = 0; i < sizeof(mac); i++)
		if (mac[i] != expected[i])
			return;
	sink = 1;
}

static void leak_index(void)
{
	static const volatile uint8_t table[256] = { 1 };
	volatile uint8_t key = 5;

	SECRET((void *)&key, sizeof(key));
	sink = table[key];
}

static void leak_of_a_derived_secret(void)
{
	struct qkdtls_schedule *s = schedule_new(QKDTLS_SHA256, true);
	uint8_t binder[QKDTLS_HASH_MAX];

	must(!__real_qkdtls_schedule_binder(s, QKDTLS_BINDER_IMPORTED, transcript, binder));
	if (binder[0] & 1)
		sink = 1;
	qkdtls_schedule_free(s);
}

static const struct {
	const char *name;
	void (*run)(void);
} cases[] = {
	{ "schedule-external-sha256", schedule_external_sha256 },
	{ "schedule-external-sha384", schedule_external_sha384 },
	{ "schedule-imported-sha256", schedule_imported_sha256 },
	{ "schedule-imported-sha384", schedule_imported_sha384 },
	{ "comparison", comparison },
	{ "handshake-imported", handshake_imported },
	{ "handshake-external", handshake_external },
	{ "handshake-hybrid", handshake_hybrid },
	{ "handshake-retry", handshake_retry },
	{ "handshake-client-certificate", handshake_client_certificate },
	{ "handshake-psk-only", handshake_psk_only },
	{ "handshake-spare-key", handshake_spare_key },
	{ "refused-binder", refused_binder },
	{ "unknown-identity", unknown_identity },
	{ "leak-comparison", leak_comparison },
	{ "leak-index", leak_index },
	{ "leak-of-a-derived-secret", leak_of_a_derived_secret },
};

int main(int argc, char **argv)
{
	const bool list = argc == 2 && !strcmp(argv[1], "--list");

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		if (list)
			puts(cases[i].name);
		if (argc != 2 || strcmp(argv[1], cases[i].name))
			continue;
		must(RUNNING_ON_VALGRIND);
		cases[i].run();
		return 0;
	}
	return list ? 0 : 2;
}
