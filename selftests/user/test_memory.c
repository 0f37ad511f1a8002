// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * How much memory a handshake takes: with a peer as it should be, and with one that makes the other end keep all that
 * it can. Documentation/tls.md states the figures.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <string.h>

#include <openssl/x509v3.h>

#include "authority.h"
#include "forge.h"
#include "memory.h"
#include "site.h"
#include "stage.h"
#include "tls/internal.h"

/* Each of one end */
#define ENGINE_MAX	      (96 * 1024)
#define LIBCRYPTO_MAX	      (32 * 1024)
#define REST_ENGINE_MAX	      (3 * 1024)
#define REST_LIBCRYPTO_MAX    (3 * 1024)
#define HOSTILE_ENGINE_MAX    (224 * 1024)
#define HOSTILE_LIBCRYPTO_MAX (3 * 1024 * 1024)

/* From here on */
struct usage {
	size_t engine, libcrypto;
};

static struct usage usage_start(void)
{
	memory_engine.peak = memory_engine.live;
	memory_libcrypto.peak = memory_libcrypto.live;
	return (struct usage){ memory_engine.live, memory_libcrypto.live };
}

static struct usage usage_peak(const struct usage *start)
{
	return (struct usage){ memory_engine.peak - start->engine,
			       memory_libcrypto.peak - start->libcrypto };
}

/* ---- A good peer ---- */

static const struct kind {
	const char *name;
	struct site_options client, server;
} kinds[] = {
	{ "PSK and certificate", { .groups = "x25519" }, { .groups = "x25519" } },
	{ "hybrid group", { .groups = SITE_HYBRID }, { .groups = SITE_HYBRID } },
	{ "HelloRetryRequest", { .groups = "x25519:secp256r1" }, { .groups = "secp256r1" } },
	{ "client certificate",
	  { .groups = "x25519", .verify_client = true },
	  { .groups = "x25519", .verify_client = true } },
	{ "PSK alone",
	  { .groups = "x25519", .policy = QKDTLS_PSK_ONLY },
	  { .groups = "x25519", .policy = QKDTLS_PSK_ONLY } },
	{ "certificate alone",
	  { .groups = SITE_HYBRID, .policy = QKDTLS_PREFER, .psk = SITE_NO_PSK },
	  { .groups = SITE_HYBRID, .policy = QKDTLS_PREFER, .psk = SITE_NO_PSK } },
};

static void run(struct qkdtls_config *client, struct qkdtls_config *server)
{
	struct loopback lb;

	loopback_init(&lb, client, server);
	assert_true(loopback_run(&lb));
	assert_int_equal(lb.want[QKDTLS_CLIENT], QKDTLS_DONE);
	assert_int_equal(lb.want[QKDTLS_SERVER], QKDTLS_DONE);
	loopback_free(&lb);
	/* A chain that is known costs less than one that is checked. */
	qkdtls_known_clear(&client->known);
	qkdtls_known_clear(&server->known);
}

static void measure(struct pki *pki, const struct kind *kind)
{
	struct qkdtls_config *client = site_config(pki, QKDTLS_CLIENT, &kind->client);
	struct qkdtls_config *server = site_config(pki, QKDTLS_SERVER, &kind->server);
	struct usage start, peak;

	run(client, server); /* what is fetched once is fetched */
	start = usage_start();
	run(client, server);
	peak = usage_peak(&start);
	print_message("# %s: engine %zu, libcrypto %zu bytes at most, both ends\n", kind->name,
		      peak.engine, peak.libcrypto);
	assert_in_range(peak.engine, 1, 2 * ENGINE_MAX);
	assert_in_range(peak.libcrypto, 1, 2 * LIBCRYPTO_MAX);
	assert_int_equal(memory_engine.live, start.engine);
	qkdtls_config_unref(client);
	qkdtls_config_unref(server);
}

static void a_handshake_takes_bounded_memory(void **state)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (site_has_group(kinds[i].client.groups))
			measure(*state, &kinds[i]);
}

/* ---- Afterwards ---- */

static void rest(struct loopback *lb, struct qkdtls_config *client, struct qkdtls_config *server)
{
	struct qkdtls_traffic_key tx, rx;

	loopback_init(lb, client, server);
	assert_true(loopback_run(lb));
	for (int role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++)
		assert_int_equal(qkdtls_take_traffic_keys(lb->end[role], &tx, &rx), 0);
}

/* A daemon has thousands that do nothing, whose peer is known. */
static void an_end_that_rests_keeps_little(void **state)
{
	const struct site_options options = { .verify_client = true };
	struct qkdtls_config *client = site_config(*state, QKDTLS_CLIENT, &options);
	struct qkdtls_config *server = site_config(*state, QKDTLS_SERVER, &options);
	struct loopback first, other;
	struct usage start;

	rest(&first, client, server);
	start = usage_start();
	rest(&other, client, server);
	print_message("# at rest: engine %zu, libcrypto %zu bytes, both ends\n",
		      memory_engine.live - start.engine, memory_libcrypto.live - start.libcrypto);
	assert_in_range(memory_engine.live - start.engine, 1, 2 * REST_ENGINE_MAX);
	assert_in_range(memory_libcrypto.live - start.libcrypto, 1, 2 * REST_LIBCRYPTO_MAX);
	loopback_free(&first);
	loopback_free(&other);
	qkdtls_config_unref(client);
	qkdtls_config_unref(server);
}

/* ---- One that sends as much as it may, and never the last byte ---- */

static uint8_t records[80 * 1024];

/**
 * struct victim - one end, which the test feeds, and what it takes meanwhile
 * @lb: both ends; the other serves to make what is fed
 * @start: before it was there
 * @most: while it was fed
 */
struct victim {
	struct loopback lb;
	struct qkdtls_conn *conn;
	struct usage start, most;
};

static void victim_open(struct pki *pki, struct victim *victim, enum qkdtls_role role)
{
	const struct site_options options = { .verify_client = true };
	struct qkdtls_config *config[] = {
		[QKDTLS_CLIENT] = site_config(pki, QKDTLS_CLIENT, &options),
		[QKDTLS_SERVER] = site_config(pki, QKDTLS_SERVER, &options),
	};

	memset(victim, 0, sizeof(*victim));
	run(config[QKDTLS_CLIENT], config[QKDTLS_SERVER]); /* what is fetched once is fetched */
	loopback_init(&victim->lb, role == QKDTLS_CLIENT ? NULL : config[QKDTLS_CLIENT],
		      role == QKDTLS_CLIENT ? config[QKDTLS_SERVER] : NULL);
	victim->start = usage_start();
	victim->conn = qkdtls_conn_new(config[role], role, &keyring_ops, &victim->lb.ring[role]);
	assert_non_null(victim->conn);
	victim->lb.end[role] = victim->conn;
	qkdtls_config_unref(config[QKDTLS_CLIENT]);
	qkdtls_config_unref(config[QKDTLS_SERVER]);
}

/* @len bytes of @records, behind which it waits for more. Nothing of the test's own is allocated meanwhile. */
static void victim_feed(struct victim *victim, size_t len)
{
	enum qkdtls_want want;
	struct usage peak;
	size_t unsent;

	memory_engine.peak = memory_engine.live;
	memory_libcrypto.peak = memory_libcrypto.live;
	assert_int_equal(forge_feed(victim->conn, records, len), len);
	while ((want = qkdtls_handshake(victim->conn)) == QKDTLS_WANT_WRITE) {
		(void)qkdtls_output(victim->conn, &unsent);
		qkdtls_output_sent(victim->conn, unsent);
	}
	assert_int_equal(want, QKDTLS_WANT_READ);
	peak = usage_peak(&victim->start);
	if (peak.engine > victim->most.engine)
		victim->most.engine = peak.engine;
	if (peak.libcrypto > victim->most.libcrypto)
		victim->most.libcrypto = peak.libcrypto;
}

static void victim_close(struct victim *victim, const char *what)
{
	print_message("# %s: engine %zu, libcrypto %zu bytes at most\n", what, victim->most.engine,
		      victim->most.libcrypto);
	assert_in_range(victim->most.engine, QKDTLS_MESSAGE_MAX, HOSTILE_ENGINE_MAX);
	assert_in_range(victim->most.libcrypto, 1, LIBCRYPTO_MAX);
	loopback_free(&victim->lb);
}

/* One plain record with this message; its length */
static size_t put_plain(const struct forged_message *message)
{
	const size_t len = 4 + message->len;

	memcpy(records, (uint8_t[]){ 22, 3, 3, (uint8_t)(len >> 8), (uint8_t)len }, 5);
	memcpy(records + 5,
	       (uint8_t[]){ message->type, 0, (uint8_t)(message->len >> 8), (uint8_t)message->len },
	       4);
	memcpy(records + 9, message->body, message->len);
	return 5 + len;
}

/* A message of 64 KiB but for its last byte, under @sender's handshake key; its records' length */
static size_t put_endless(const struct qkdtls_conn *conn, enum qkdtls_role sender, uint8_t type)
{
	static uint8_t message[4 + QKDTLS_MESSAGE_MAX - 1];
	struct qkdtls_record_writer writer;
	struct qkdtls_traffic_key key;
	struct qkdtls_buf out;
	size_t len;

	message[0] = type;
	message[1] = QKDTLS_MESSAGE_MAX >> 16;
	qkdtls_record_writer_init(&writer);
	qkdtls_buf_init(&out, sizeof(records));
	assert_int_equal(qkdtls_schedule_traffic_key(conn->schedule, QKDTLS_EPOCH_HANDSHAKE, sender,
						     conn->suite, &key),
			 0);
	assert_int_equal(qkdtls_record_writer_key(&writer, &key), 0);
	assert_int_equal(qkdtls_record_write(&writer, QKDTLS_CONTENT_HANDSHAKE, message,
					     sizeof(message), &out),
			 0);
	len = out.len;
	memcpy(records, qkdtls_buf_data(&out), len);
	qkdtls_record_writer_free(&writer);
	qkdtls_buf_free(&out);
	return len;
}

static void take_plain(struct qkdtls_conn *conn, struct forged_message *message)
{
	const uint8_t *data;
	size_t len;

	assert_int_equal(qkdtls_handshake(conn), QKDTLS_WANT_WRITE);
	data = qkdtls_output(conn, &len);
	forge_read_plain(data, len, message);
	qkdtls_output_sent(conn, len);
}

#define LARGE(n)                                                                     \
	{                                                                            \
		.op = FORGE_FIRST, .type = 0x2a2a + (n), .bytes = zeros, .len = 5200 \
	}

static const uint8_t zeros[5200];
static const struct forge larger[] = { LARGE(0), LARGE(1), LARGE(2) };
static const struct forge no_share = SET(51, 0, 0);

/* Two hellos of 16 KiB, then a Certificate of 64 KiB that does not end */
static void a_hostile_client_makes_a_server_keep_no_more(void **state)
{
	static struct forged_message hello, first;
	struct victim victim;

	victim_open(*state, &victim, QKDTLS_SERVER);
	take_plain(victim.lb.end[QKDTLS_CLIENT], &hello);
	forge_hello(&hello, larger, 3);
	assert_in_range(hello.len, 15800, QKDTLS_CLIENT_HELLO_MAX);
	first = hello;
	forge_hello(&first, &no_share, 1);
	victim_feed(&victim, put_plain(&first));
	forge_bind(&hello, victim.lb.end[QKDTLS_CLIENT], victim.conn);
	victim_feed(&victim, put_plain(&hello));
	victim_feed(&victim, put_endless(victim.conn, QKDTLS_CLIENT, CT));
	victim_close(&victim, "server");
}

/* EncryptedExtensions of 64 KiB that do not end, behind a ServerHello as it should be */
static void a_hostile_server_makes_a_client_keep_no_more(void **state)
{
	static struct forged_message hello;
	struct victim victim;

	victim_open(*state, &victim, QKDTLS_CLIENT);
	take_plain(victim.conn, &hello);
	forge_feed_record(victim.lb.end[QKDTLS_SERVER], &hello);
	take_plain(victim.lb.end[QKDTLS_SERVER], &hello);
	victim_feed(&victim, put_plain(&hello));
	victim_feed(&victim, put_endless(victim.conn, QKDTLS_SERVER, EE));
	victim_close(&victim, "client");
}

/* ---- A certificate that is small on the wire, and large once it is decoded ---- */

#define NAMES 28000
#define PARTS 5000

/* As many alternative names as there is room for, without a letter: two bytes each */
static void add_names(X509 *cert)
{
	GENERAL_NAMES *names = sk_GENERAL_NAME_new_null();

	for (int i = 0; i < NAMES; i++) {
		GENERAL_NAME *name = GENERAL_NAME_new();

		GENERAL_NAME_set0_value(name, GEN_DNS, ASN1_IA5STRING_new());
		assert_true(sk_GENERAL_NAME_push(names, name) > 0);
	}
	assert_int_equal(X509_add1_ext_i2d(cert, NID_subject_alt_name, names, 0, 0), 1);
	sk_GENERAL_NAME_pop_free(names, GENERAL_NAME_free);
}

/* A subject of as many parts */
static void add_parts(X509 *cert)
{
	X509_NAME *subject = X509_NAME_dup(X509_get_subject_name(cert));

	for (int i = 0; i < PARTS; i++)
		assert_int_equal(X509_NAME_add_entry_by_txt(subject, "C", MBSTRING_ASC,
							    (const uint8_t *)"CH", 2, -1, 0),
				 1);
	assert_int_equal(X509_set_subject_name(cert, subject), 1);
	X509_NAME_free(subject);
}

static void write_grown(struct pki *pki, void (*grow)(X509 *cert))
{
	struct authority ca = authority_make_ca("Stranger", NULL);
	struct authority leaf =
		authority_make(&(struct authority_plan){ .subject = "Leaf", .issuer = &ca });
	const X509 *chain[] = { leaf.cert };

	grow(leaf.cert);
	assert_true(X509_sign(leaf.cert, ca.key, EVP_sha256()) > 0);
	authority_write_chain(pki, "grown.pem", chain, 1, false);
	authority_write_key(pki, "grown.key", &leaf);
	authority_free(&leaf);
	authority_free(&ca);
}

static void a_certificate_grows_within_bounds(void **state)
{
	static const struct {
		const char *what;
		void (*grow)(X509 *cert);
	} rows[] = {
		{ "names", add_names },
		{ "parts of a subject", add_parts },
	};
	const struct site_options options = { .certificate = "grown" };
	struct usage start, peak;
	struct loopback lb;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		write_grown(*state, rows[i].grow);
		site_link(*state, &lb, &options, &options);
		start = usage_start();
		assert_true(loopback_run(&lb));
		assert_int_equal(qkdtls_error(lb.end[QKDTLS_CLIENT])->sent,
				 QKDTLS_ALERT_UNKNOWN_CA);
		peak = usage_peak(&start);
		print_message("# many %s: libcrypto %zu bytes at most\n", rows[i].what,
			      peak.libcrypto);
		assert_in_range(peak.libcrypto, LIBCRYPTO_MAX, HOSTILE_LIBCRYPTO_MAX);
		loopback_free(&lb);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_handshake_takes_bounded_memory),
		cmocka_unit_test(an_end_that_rests_keeps_little),
		cmocka_unit_test(a_hostile_client_makes_a_server_keep_no_more),
		cmocka_unit_test(a_hostile_server_makes_a_client_keep_no_more),
		cmocka_unit_test(a_certificate_grows_within_bounds),
	};

	if (!memory_init())
		return 1;
	return cmocka_run_group_tests(tests, site_setup, site_teardown);
}
