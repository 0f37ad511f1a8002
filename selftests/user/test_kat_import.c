// SPDX-License-Identifier: GPL-2.0-or-later
/* HKDF (RFC 5869), imported PSKs (RFC 9258) and the context that names a link */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>
#include <cmocka.h>
#include "hkdf.h"
#include "qkd/qkdtls.h"
#include "tls/schedule.h"
#include "vectors.h"

static void hkdf_case(struct json_object *json)
{
	enum qkdtls_hash hash = vectors_hash(json, "hash");
	struct blob ikm = vectors_blob(json, "ikm"), salt = vectors_blob(json, "salt");
	struct blob info = vectors_blob(json, "info"), prk = vectors_blob(json, "prk");
	struct blob okm = vectors_blob(json, "okm");
	uint8_t out[256];

	assert_int_equal(hkdf_extract(hash, salt.data, salt.len, ikm.data, ikm.len, out), 0);
	assert_blob(prk, out, qkdtls_hash_len(hash));
	assert_int_equal(hkdf_expand(hash, prk.data, prk.len, info.data, info.len, out, okm.len),
			 0);
	assert_blob(okm, out, okm.len);
	prk.data[0] ^= 1;
	assert_int_equal(hkdf_expand(hash, prk.data, prk.len, info.data, info.len, out, okm.len),
			 0);
	assert_memory_not_equal(okm.data, out, okm.len);
}

static void hkdf(void **state)
{
	struct json_object *cases = vectors_get(vectors_open("hkdf"), "cases");
	size_t i;

	assert_int_equal(json_object_array_length(cases), 6);
	for (i = 0; i < json_object_array_length(cases); i++)
		hkdf_case(vectors_item(cases, i));
	vectors_close();
}

static struct qkdtls_schedule *import(struct json_object *json, struct blob epsk,
				      struct blob identity)
{
	struct qkdtls_schedule *s;

	assert_int_equal(qkdtls_schedule_new(&s, vectors_hash(json, "target_hash")), 0);
	assert_int_equal(qkdtls_schedule_import(s, vectors_hash(json, "epsk_hash"), epsk.data,
						epsk.len, identity.data, identity.len),
			 0);
	return s;
}

/* Both binders of an imported key, from whatever schedule has it */
static void check_binders(struct json_object *json, struct qkdtls_schedule *s)
{
	enum qkdtls_hash hash = vectors_hash(json, "target_hash");
	struct blob hello = vectors_blob(json, "transcript");
	uint8_t hashed[QKDTLS_HASH_MAX], binder[QKDTLS_HASH_MAX];

	assert_int_equal(qkdtls_hash(hash, hello.data, hello.len, hashed), 0);
	assert_int_equal(qkdtls_schedule_binder(s, QKDTLS_BINDER_IMPORTED, hashed, binder), 0);
	assert_blob(vectors_blob(json, "binder"), binder, qkdtls_hash_len(hash));
	assert_int_equal(qkdtls_schedule_binder(s, QKDTLS_BINDER_EXTERNAL, hashed, binder), 0);
	assert_blob(vectors_blob(json, "ext_binder"), binder, qkdtls_hash_len(hash));
}

static bool same_binder(struct json_object *json, struct blob epsk, struct blob identity)
{
	struct qkdtls_schedule *s = import(json, epsk, identity);
	struct blob hello = vectors_blob(json, "transcript"), want = vectors_blob(json, "binder");
	uint8_t hashed[QKDTLS_HASH_MAX];
	int err;

	assert_int_equal(
		qkdtls_hash(vectors_hash(json, "target_hash"), hello.data, hello.len, hashed), 0);
	err = qkdtls_schedule_check_binder(s, QKDTLS_BINDER_IMPORTED, hashed, want.data, want.len);
	qkdtls_schedule_free(s);
	assert_true(!err || err == -EBADMSG);
	return !err;
}

/* The chain of RFC 9258 section 5.1 and RFC 9846 section 7.1 by the primitives, value by value */
static void check_steps(struct json_object *json)
{
	enum qkdtls_hash hash = vectors_hash(json, "epsk_hash");
	enum qkdtls_hash target = vectors_hash(json, "target_hash");
	struct blob epsk = vectors_blob(json, "epsk");
	struct blob identity = vectors_blob(json, "imported_identity");
	size_t len = qkdtls_hash_len(hash), target_len = qkdtls_hash_len(target);
	uint8_t a[QKDTLS_HASH_MAX], b[QKDTLS_HASH_MAX], hashed[QKDTLS_HASH_MAX];

	assert_int_equal(hkdf_extract(hash, NULL, 0, epsk.data, epsk.len, a), 0);
	assert_blob(vectors_blob(json, "epskx"), a, len);
	assert_int_equal(qkdtls_hash(hash, identity.data, identity.len, hashed), 0);
	assert_int_equal(hkdf_expand_label(hash, a, "derived psk", hashed, len, b, target_len), 0);
	assert_blob(vectors_blob(json, "ipskx"), b, target_len);
	assert_int_equal(hkdf_extract(target, NULL, 0, b, target_len, a), 0);
	assert_blob(vectors_blob(json, "early_secret"), a, target_len);
	assert_int_equal(qkdtls_hash(target, "", 0, hashed), 0);
	assert_int_equal(
		hkdf_expand_label(target, a, "imp binder", hashed, target_len, b, target_len), 0);
	assert_blob(vectors_blob(json, "imp_binder_key"), b, target_len);
	assert_int_equal(
		hkdf_expand_label(target, a, "ext binder", hashed, target_len, hashed, target_len),
		0);
	assert_blob(vectors_blob(json, "ext_binder_key"), hashed, target_len);
	assert_int_equal(hkdf_expand_label(target, b, "finished", NULL, 0, a, target_len), 0);
	assert_blob(vectors_blob(json, "finished_key"), a, target_len);
}

static void import_case(struct json_object *json)
{
	struct blob epsk = vectors_blob(json, "epsk");
	struct blob identity = vectors_blob(json, "imported_identity");
	struct blob ipskx = vectors_blob(json, "ipskx");
	struct qkdtls_schedule *s = import(json, epsk, identity);

	check_steps(json);
	check_binders(json, s);
	qkdtls_schedule_free(s);

	/* The imported key itself, used as it is, gives the same Early Secret. */
	assert_int_equal(qkdtls_schedule_new(&s, vectors_hash(json, "target_hash")), 0);
	assert_int_equal(qkdtls_schedule_early(s, ipskx.data, ipskx.len), 0);
	check_binders(json, s);
	qkdtls_schedule_free(s);
}

static void imported_keys(void **state)
{
	struct json_object *cases = vectors_get(vectors_open("importer"), "cases");
	size_t i;

	assert_int_equal(json_object_array_length(cases), 8);
	for (i = 0; i < json_object_array_length(cases); i++)
		import_case(vectors_item(cases, i));
	vectors_close();
}

static void every_bit_counts(void **state)
{
	struct json_object *json = vectors_item(vectors_get(vectors_open("importer"), "cases"), 0);
	struct blob inputs[] = {
		vectors_blob(json, "epsk"),
		vectors_blob(json, "imported_identity"),
	};
	size_t i, bit;

	assert_true(same_binder(json, inputs[0], inputs[1]));
	for (i = 0; i < 2; i++) {
		for (bit = 0; bit < 8 * inputs[i].len; bit++) {
			inputs[i].data[bit / 8] ^= (uint8_t)(1 << bit % 8);
			assert_false(same_binder(json, inputs[0], inputs[1]));
			inputs[i].data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
	}
	assert_true(same_binder(json, inputs[0], inputs[1]));
	vectors_close();
}

static void link_contexts(void **state)
{
	struct json_object *links = vectors_get(vectors_open("importer"), "links");
	uint8_t context[QKDTLS_LINK_CONTEXT_LEN];
	size_t i;

	assert_int_equal(json_object_array_length(links), 3);
	for (i = 0; i < json_object_array_length(links); i++) {
		struct json_object *json = vectors_item(links, i);

		assert_int_equal(qkdtls_link_context(vectors_text(json, "client_sae"),
						     vectors_text(json, "server_sae"), context),
				 0);
		assert_blob(vectors_blob(json, "context"), context, sizeof(context));
	}
	vectors_close();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hkdf),
		cmocka_unit_test(imported_keys),
		cmocka_unit_test(every_bit_counts),
		cmocka_unit_test(link_contexts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
