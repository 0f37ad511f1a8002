// SPDX-License-Identifier: GPL-2.0-or-later
/* Answers of a KME: what is understood, what is refused, and in which words. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "qkdkmed/base64.h"
#include "qkdkmed/etsi014.h"
#include "qkdkmed/veil.h"

#define ID_A	       "c0698e3f-c2d1-4569-89c1-a12a24650d38"
#define ID_B	       "00000000-0000-0000-0000-00000000000b"
/* 32 bytes: 0, 1, 2, ... and 0xff, 0xfe, ... */
#define KEY_A	       "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define KEY_B	       "//79/Pv6+fj39vX08/Lx8O/u7ezr6uno5+bl5OPi4eA="
#define ENTRY(id, key) "{\"key_ID\":\"" id "\",\"key\":\"" key "\"}"
#define KEYS(entries)  "{\"keys\":[" entries "]}"

static struct etsi014_wanted any = { .number = 4, .key_len = 32 };

static int keys(const char *text, const struct etsi014_wanted *wanted, struct key_list **list,
		char *message)
{
	const size_t len = strlen(text);
	/* Nothing may be read behind the answer. */
	char *exact = malloc(len);
	int ret;

	assert_non_null(exact);
	memcpy(exact, text, len);
	memset(message, 0, ETSI014_TEXT_LEN);
	ret = etsi014_keys(exact, len, wanted, list, message);
	free(exact);
	return ret;
}

static void two_keys(void **state)
{
	char message[ETSI014_TEXT_LEN];
	struct key_list *list;
	uint8_t id[QKD_KEY_ID_LEN];

	assert_int_equal(
		keys(KEYS(ENTRY(ID_A, KEY_A) "," ENTRY(ID_B, KEY_B)), &any, &list, message), 0);
	assert_int_equal(list->count, 2);
	for (int i = 0; i < 32; i++) {
		assert_int_equal(list->keys[0].bytes[i], i);
		assert_int_equal(list->keys[1].bytes[i], 0xff - i);
	}
	assert_int_equal(list->keys[0].len, 32);
	assert_int_equal(qkd_id_parse(ID_B, id), 0);
	assert_ptr_equal(key_list_find(list, id), &list->keys[1]);
	id[0] = 1;
	assert_null(key_list_find(list, id));
	key_list_free(list);
}

/* What differs between KMEs and is no mistake */
static void variants(void **state)
{
	static const char *const texts[] = {
		"{\"Keys\":[" ENTRY(ID_A, KEY_A) "]}",
		" \r\n\t{ \"keys\" : [ { \"key\" : \"" KEY_A "\" , \"key_ID\" : \"" ID_A
		"\" } ] } \n",
		KEYS(ENTRY("C0698E3F-C2D1-4569-89C1-A12A24650D38", KEY_A)),
		"{\"keys\":[{\"key_ID\":\"" ID_A "\",\"key\":\"" KEY_A
		"\",\"key_ID_extension\":{\"x\":[1]},\"key_extension\":null}],\"key_container_extension\":{\"key\":\"v\"}}",
	};
	char message[ETSI014_TEXT_LEN];
	struct key_list *list;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(keys(texts[i], &any, &list, message), 0);
		assert_int_equal(list->count, 1);
		assert_int_equal(list->keys[0].id[0], 0xc0);
		assert_int_equal(list->keys[0].bytes[31], 31);
		key_list_free(list);
	}
	assert_int_equal(keys(KEYS(""), &any, &list, message), 0);
	assert_int_equal(list->count, 0);
	key_list_free(list);
}

static void escaped_base64(void **state)
{
	char message[ETSI014_TEXT_LEN];
	struct key_list *list;

	assert_int_equal(
		keys(KEYS(ENTRY(
			     ID_A,
			     "\\/\\/79\\/Pv6\\u002Bfj39vX08\\u002fLx8O/u7ezr6uno5\\u002bbl5OPi4eA=")),
		     &any, &list, message),
		0);
	for (int i = 0; i < 32; i++)
		assert_int_equal(list->keys[0].bytes[i], 0xff - i);
	key_list_free(list);
}

struct hostile {
	const char *text;
	const char *message;
};

static const struct hostile hostile[] = {
	{ "", "answer: empty" },
	{ "<html>", "answer: no JSON: " },
	{ "{\"keys\":[", "answer: JSON that ends early" },
	{ "{\"keys\":[{\"key_ID\":\"" ID_A "\",\"key\":\"AAEC", "answer: JSON that ends early" },
	{ "[]", "answer: JSON, but no object" },
	{ "null ", "answer: JSON, but no object" },
	{ KEYS("") KEYS(""), "answer: more than one JSON object" },
	{ KEYS("") "x", "answer: more than one JSON object" },
	{ "{\"keys\":[[[[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]]]]}",
	  "answer: no JSON: nesting too deep" },
	{ "{\"keys\":\"\xff\xfe\"}", "answer: no JSON: " },
	{ "{}", "keys: missing" },
	{ "{\"KEYS\":[]}", "keys: missing" },
	{ "{\"keys\":[],\"Keys\":[]}", "keys: there beside \"Keys\"" },
	{ "{\"keys\":{}}", "keys: not an array" },
	{ "{\"keys\":null}", "keys: not an array" },
	{ KEYS("1"), "keys[0]: not an object" },
	{ KEYS("null"), "keys[0]: not an object" },
	{ KEYS("{}"), "keys[0].key_ID: missing" },
	{ KEYS("{\"key_ID\":7,\"key\":\"" KEY_A "\"}"), "keys[0].key_ID: not a string" },
	{ KEYS(ENTRY("", KEY_A)), "keys[0].key_ID: not a UUID" },
	{ KEYS(ENTRY("c0698e3fc2d1456989c1a12a24650d38", KEY_A)), "keys[0].key_ID: not a UUID" },
	{ KEYS(ENTRY(ID_A "0", KEY_A)), "keys[0].key_ID: not a UUID" },
	{ KEYS(ENTRY("{" ID_A "}", KEY_A)), "keys[0].key_ID: not a UUID" },
	{ KEYS(ENTRY(ID_A "\\u0000", KEY_A)), "keys[0].key_ID: not a UUID" },
	{ KEYS(ENTRY(ID_A, KEY_A) "," ENTRY(ID_A, KEY_B)), "keys[1].key_ID: the same ID twice" },
	{ KEYS("{\"key_ID\":\"" ID_A "\"}"), "keys[0].key: missing" },
	{ KEYS("{\"key_ID\":\"" ID_A "\",\"key\":null}"), "keys[0].key: not a string" },
	{ KEYS("{\"key_ID\":\"" ID_A "\",\"key\":[\"" KEY_A "\"]}"), "keys[0].key: not a string" },
	{ KEYS("{\"key_ID\":\"" ID_A "\",\"k\\u0065y\":\"" KEY_A "\"}"),
	  "keys[0].key: no key of 256 bits" },
	{ KEYS(ENTRY(ID_A, "")), "keys[0].key: no key of 256 bits" },
	{ KEYS(ENTRY(ID_A, "AAEC")), "keys[0].key: no key of 256 bits" },
	{ KEYS(ENTRY(ID_A, "AAECAwQFBgcICQoLDA0ODw==")),
	  "keys[0].key: 128 bits, 256 were asked for" },
	{ KEYS(ENTRY(ID_A, KEY_A) "," ENTRY(ID_B, KEY_A KEY_A)), "keys[1].key: not base64" },
	{ KEYS(ENTRY(ID_A, "*AECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")),
	  "keys[0].key: not base64" },
	{ KEYS(ENTRY(ID_A, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8")),
	  "keys[0].key: not base64" },
	{ KEYS(ENTRY(ID_A, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9=")),
	  "keys[0].key: not base64" },
	{ KEYS(ENTRY(ID_A, " AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=")),
	  "keys[0].key: not base64" },
	{ KEYS(ENTRY(ID_A, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\\n")),
	  "keys[0].key: not base64" },
	{ KEYS(ENTRY(ID_A, "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8gISIjJCUmJygpKissLS4v"
			   "MDEyMzQ1Njc4OTo7PD0+P0A=")),
	  "keys[0].key: more than 256 bits" },
	{ KEYS(ENTRY(ID_A, KEY_A) "," ENTRY(ID_A, KEY_A) "," ENTRY(ID_A, KEY_A) "," ENTRY(
		  ID_A, KEY_A) "," ENTRY(ID_A, KEY_A)),
	  "keys: 5 of them, 4 were asked for" },
};

static void hostile_answers(void **state)
{
	char message[ETSI014_TEXT_LEN];
	struct key_list *list;

	for (size_t i = 0; i < sizeof(hostile) / sizeof(hostile[0]); i++) {
		list = (struct key_list *)-1;
		assert_int_equal(keys(hostile[i].text, &any, &list, message), -EBADMSG);
		assert_null(list);
		/* json-c's own words follow some */
		if (strncmp(message, hostile[i].message, strlen(hostile[i].message)))
			fail_msg("\"%s\" for %s", message, hostile[i].text);
	}
}

static void nul_in_the_answer(void **state)
{
	static const char text[] = KEYS(ENTRY(ID_A, KEY_A)) "\0";
	char message[ETSI014_TEXT_LEN];
	struct key_list *list;

	assert_int_equal(etsi014_keys(text, sizeof(text) - 1, &any, &list, message), -EBADMSG);
	assert_string_equal(message, "answer: more than one JSON object");
}

static void never_asked_for(void **state)
{
	uint8_t ids[1][QKD_KEY_ID_LEN];
	const struct etsi014_wanted one = { .number = 1, .key_len = 32, .ids = ids };
	char message[ETSI014_TEXT_LEN];
	struct key_list *list;

	assert_int_equal(qkd_id_parse(ID_A, ids[0]), 0);
	assert_int_equal(keys(KEYS(ENTRY(ID_B, KEY_A)), &one, &list, message), -EBADMSG);
	assert_string_equal(message, "keys[0].key_ID: a key that was never asked for");
	assert_int_equal(keys(KEYS(ENTRY(ID_A, KEY_A)), &one, &list, message), 0);
	key_list_free(list);
}

/* json-c must not see a key's text, wherever in the answer it stands. */
static void keys_are_veiled(void **state)
{
	static const char text[] =
		"{\"key\" : \"" KEY_A "\",\"x\\\"key\":\"\",\"keys\":[" ENTRY(ID_B, KEY_B) "]";
	char veiled[sizeof(text)], *at;

	veil_make(text, sizeof(text), veiled);
	assert_null(memmem(veiled, sizeof(veiled), KEY_A, 8));
	assert_null(memmem(veiled, sizeof(veiled), KEY_B, 8));
	assert_non_null(strstr(veiled, ID_B));
	at = strchr(veiled, '@');
	assert_non_null(at);
	assert_ptr_equal(veil_lift(text, sizeof(text), veiled, at, strlen(KEY_A)),
			 text + (at - veiled));
	/* Not what a KME writes that knows how it is done */
	assert_null(veil_lift(text, sizeof(text), veiled, "@0000000000.....", 16));
	assert_null(veil_lift(text, sizeof(text), veiled, "@9999999999.....", 16));
	assert_null(veil_lift(text, sizeof(text), veiled, "@000000001......", 16));
}

/* Strings that do not end, at every length */
static void veil_of_anything(void **state)
{
	static const char text[] = "{\"key\":\"" KEY_A "\",\"key\" :\t\"a\\\"b\\\\\",\"key\":1}";

	for (size_t len = 0; len <= sizeof(text); len++) {
		char *exact = malloc(len + 1), *veiled = malloc(len + 1);

		assert_non_null(exact);
		assert_non_null(veiled);
		memcpy(exact, text, len);
		veil_make(exact, len, veiled);
		free(exact);
		free(veiled);
	}
}

static void base64_lengths(void **state)
{
	uint8_t out[3];

	assert_int_equal(base64_decode("", 0, out, sizeof(out)), 0);
	assert_int_equal(base64_decode("YQ==", 4, out, sizeof(out)), 1);
	assert_int_equal(base64_decode("YWI=", 4, out, sizeof(out)), 2);
	assert_int_equal(base64_decode("YWJj", 4, out, sizeof(out)), 3);
	assert_memory_equal(out, "abc", 3);
	assert_int_equal(base64_decode("YWJjZA==", 8, out, sizeof(out)), -EMSGSIZE);
	assert_memory_equal(out, "\0\0\0", 3);
	for (size_t i = 0; i < 4; i++) {
		static const char *const bad[] = { "YQ=", "YQ", "Y===", "====" };

		assert_int_equal(base64_decode(bad[i], strlen(bad[i]), out, 3), -EINVAL);
	}
	assert_int_equal(base64_decode("YQ==YQ==", 8, out, 3), -EINVAL);
	assert_int_equal(base64_decode("YR==", 4, out, 3), -EINVAL);
	assert_int_equal(base64_decode("Y\\u00", 5, out, 3), -EINVAL);
	assert_int_equal(base64_decode("Y\\u0159J", 8, out, 3), -EINVAL);
	assert_int_equal(base64_decode("YWJ\\", 4, out, 3), -EINVAL);
	assert_int_equal(base64_decode("-_JJ", 4, out, 3), -EINVAL);
}

static int status(const char *text, struct etsi014_status *status, char *message)
{
	memset(message, 0, ETSI014_TEXT_LEN);
	return etsi014_status(text, strlen(text), status, message);
}

static void status_is_read(void **state)
{
	char message[ETSI014_TEXT_LEN];
	struct etsi014_status s;

	assert_int_equal(status("{\"source_KME_ID\":\"AAAABBBBCCCCDDDD\",\"key_size\":352,"
				"\"stored_key_count\":25000,\"max_key_count\":100000,"
				"\"max_key_per_request\":128,\"max_key_size\":1024,"
				"\"min_key_size\":64,\"max_SAE_ID_count\":0}",
				&s, message),
			 0);
	assert_int_equal(s.key_size, 352);
	assert_int_equal(s.stored_key_count, 25000);
	assert_int_equal(s.max_key_count, 100000);
	assert_int_equal(s.max_key_per_request, 128);
	assert_int_equal(s.max_key_size, 1024);
	assert_int_equal(s.min_key_size, 64);
	assert_int_equal(etsi014_status_check(&s, 256, message), 0);
	s.max_key_size = 128;
	assert_int_equal(etsi014_status_check(&s, 256, message), -EBADMSG);
	assert_string_equal(message, "max_key_size: 128 bits, keys of 256 are needed");
	s.max_key_size = 1024;
	s.min_key_size = 512;
	assert_int_equal(etsi014_status_check(&s, 256, message), -EBADMSG);
	assert_string_equal(message, "min_key_size: 512 bits, keys of 256 are needed");
	assert_int_equal(status("{}", &s, message), 0);
	assert_int_equal(s.max_key_per_request, 0);
	assert_int_equal(etsi014_status_check(&s, 256, message), 0);
}

static void status_is_refused(void **state)
{
	static const struct hostile bad[] = {
		{ "{\"max_key_per_request\":\"many\"}", "max_key_per_request: not a whole number" },
		{ "{\"max_key_per_request\":1.5}", "max_key_per_request: not a whole number" },
		{ "{\"max_key_per_request\":true}", "max_key_per_request: not a whole number" },
		{ "{\"key_size\":-1}", "key_size: -1 is out of range" },
		{ "{\"key_size\":4294967296}", "key_size: 4294967296 is out of range" },
		{ "{\"key_size\":9223372036854775807}",
		  "key_size: 9223372036854775807 is out of range" },
		{ "{\"key_size\":null}", "key_size: not a whole number" },
		{ "{\"key_size\":256", "answer: JSON that ends early" },
	};
	char message[ETSI014_TEXT_LEN];
	struct etsi014_status s;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(status(bad[i].text, &s, message), -EBADMSG);
		assert_string_equal(message, bad[i].message);
	}
}

static void error_of(const char *body, char *message)
{
	etsi014_error(body, strlen(body), message);
}

static void error_text(void **state)
{
	char message[ETSI014_TEXT_LEN], text[4 * ETSI014_TEXT_LEN];

	error_of("{\"message\":\"size shall be a multiple of 8\",\"details\":[]}", message);
	assert_string_equal(message, "size shall be a multiple of 8");
	error_of("{\"message\":\"a\\nb\\u001b\"}", message);
	assert_string_equal(message, "a?b?");
	error_of("", message);
	assert_string_equal(message, "");
	error_of("{\"message\":5}", message);
	assert_string_equal(message, "");
	snprintf(text, sizeof(text), "{\"message\":\"%0400d\"}", 0);
	error_of(text, message);
	assert_int_equal(strlen(message), ETSI014_TEXT_LEN - 1);
}

static void requests(void **state)
{
	uint8_t ids[2][QKD_KEY_ID_LEN] = { { 0xab }, { 1 } };
	char url[ETSI014_URL_LEN], sae[2 * QKD_SAE_ID_LEN_MAX], *body;

	assert_int_equal(etsi014_url(url, "https://kme:1/p", "b ob/..?\xc3\xa4", ETSI014_ENC_KEYS),
			 0);
	assert_string_equal(url, "https://kme:1/p/api/v1/keys/b%20ob%2F..%3F%C3%A4/enc_keys");
	assert_int_equal(etsi014_enc_query(url, 3, 256), 0);
	assert_string_equal(
		url, "https://kme:1/p/api/v1/keys/b%20ob%2F..%3F%C3%A4/enc_keys?number=3&size=256");
	assert_int_equal(etsi014_url(url, "https://k", "a", ETSI014_DEC_KEYS), 0);
	assert_int_equal(etsi014_dec_query(url, ids[0]), 0);
	assert_string_equal(
		url,
		"https://k/api/v1/keys/a/dec_keys?key_ID=ab000000-0000-0000-0000-000000000000");
	memset(sae, '/', sizeof(sae));
	sae[QKD_SAE_ID_LEN_MAX + 1] = '\0';
	assert_int_equal(etsi014_url(url, "https://k", sae, ETSI014_STATUS), -EMSGSIZE);
	sae[QKD_SAE_ID_LEN_MAX] = '\0';
	assert_int_equal(etsi014_url(url, "https://k", sae, ETSI014_STATUS), 0);
	memset(url, 'u', sizeof(url));
	url[ETSI014_URL_LEN - 9] = '\0';
	assert_int_equal(etsi014_enc_query(url, 3, 256), -EMSGSIZE);
	body = etsi014_enc_body(7, 256);
	assert_string_equal(body, "{\"number\":7,\"size\":256}");
	free(body);
	body = etsi014_dec_body((const uint8_t(*)[QKD_KEY_ID_LEN])ids, 2);
	assert_string_equal(body,
			    "{\"key_IDs\":[{\"key_ID\":\"ab000000-0000-0000-0000-000000000000\"},"
			    "{\"key_ID\":\"01000000-0000-0000-0000-000000000000\"}]}");
	free(body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_keys),	     cmocka_unit_test(variants),
		cmocka_unit_test(escaped_base64),    cmocka_unit_test(hostile_answers),
		cmocka_unit_test(nul_in_the_answer), cmocka_unit_test(never_asked_for),
		cmocka_unit_test(keys_are_veiled),   cmocka_unit_test(veil_of_anything),
		cmocka_unit_test(base64_lengths),    cmocka_unit_test(status_is_read),
		cmocka_unit_test(status_is_refused), cmocka_unit_test(error_text),
		cmocka_unit_test(requests),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
