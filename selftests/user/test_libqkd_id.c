// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <qkd/libqkd.h>

static const uint8_t id[QKD_KEY_ID_LEN] = {
	0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef,
	0xfe, 0xdc, 0xba, 0x98, 0x76, 0x54, 0x32, 0x10,
};

static const char text[] = "01234567-89ab-cdef-fedc-ba9876543210";

static void format_gives_groups_of_lower_case(void **state)
{
	char out[QKD_ID_TEXT_LEN + 1];

	memset(out, 'x', sizeof(out));
	qkd_id_format(id, out);
	assert_string_equal(out, text);
}

static void parse_reads_either_case(void **state)
{
	static const char *const good[] = {
		text,
		"01234567-89AB-CDEF-FEDC-BA9876543210",
		"01234567-89Ab-cDEF-fedc-bA9876543210",
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		uint8_t out[QKD_KEY_ID_LEN] = { 0 };

		assert_int_equal(qkd_id_parse(good[i], out), 0);
		assert_memory_equal(out, id, sizeof(id));
	}
}

static void parse_refuses_anything_else(void **state)
{
	static const char *const bad[] = {
		"",
		"-",
		"0123456789abcdeffedcba9876543210",
		"01234567-89ab-cdef-fedc-ba987654321",
		"01234567-89ab-cdef-fedc-ba98765432100",
		"01234567-89ab-cdef-fedc-ba9876543210 ",
		" 01234567-89ab-cdef-fedc-ba987654321",
		"01234567-89ab-cdef-fedc-ba987654321g",
		"01234567-89ab-cdef-fedcba9876543210--",
		"0123456-789ab-cdef-fedc-ba9876543210",
		"01234567:89ab:cdef:fedc:ba9876543210",
		"{1234567-89ab-cdef-fedc-ba987654321}",
		"0x234567-89ab-cdef-fedc-ba9876543210",
		"01234567-89ab-cdef-fedc-ba987654\xc3\xa9",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint8_t out[QKD_KEY_ID_LEN] = { 0 };
		const uint8_t untouched[QKD_KEY_ID_LEN] = { 0 };

		assert_int_equal(qkd_id_parse(bad[i], out), -EINVAL);
		assert_memory_equal(out, untouched, sizeof(out));
	}
}

static void every_byte_comes_back(void **state)
{
	for (int value = 0; value < 256; value++) {
		uint8_t in[QKD_KEY_ID_LEN], out[QKD_KEY_ID_LEN];
		char buffer[QKD_ID_TEXT_LEN + 1];

		for (size_t i = 0; i < sizeof(in); i++)
			in[i] = (uint8_t)(value + (int)i);
		qkd_id_format(in, buffer);
		assert_int_equal(qkd_id_parse(buffer, out), 0);
		assert_memory_equal(in, out, sizeof(in));
	}
}

static void wiping_leaves_nothing(void **state)
{
	const struct qkd_key nothing = { 0 };
	struct qkd_key key;

	memset(&key, 0xa5, sizeof(key));
	qkd_key_wipe(&key);
	assert_memory_equal(&key, &nothing, sizeof(key));
}

static void open_refuses_bad_names_and_flags(void **state)
{
	assert_int_equal(qkd_open("", 0), -EINVAL);
	assert_int_equal(qkd_open("a-name-of-32-bytes-that-is-too-lo", 0), -EINVAL);
	assert_int_equal(qkd_open(NULL, 1), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(format_gives_groups_of_lower_case),
		cmocka_unit_test(parse_reads_either_case),
		cmocka_unit_test(parse_refuses_anything_else),
		cmocka_unit_test(every_byte_comes_back),
		cmocka_unit_test(wiping_leaves_nothing),
		cmocka_unit_test(open_refuses_bad_names_and_flags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
