// SPDX-License-Identifier: GPL-2.0-or-later
/* The hash-chained file of "monitor --audit": what is written, what goes on, and every way to break it. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "qkdctl/audit.h"
#include "qkdctl/chain.h"
#include "qkdctl/qkdctl.h"

#include <cmocka.h> /* last: its fail() is not ours */

#define TIME_NS	 UINT64_C(1795905601000000123) /* 2026-11-28T22:40:01.000000123Z */
#define FILE_MAX 65536

struct place {
	char dir[64], path[96];
	struct chain chain;
};

static int setup(void **state)
{
	struct place *place = calloc(1, sizeof(*place));

	strcpy(place->dir, "/tmp/qkdctl-audit-XXXXXX");
	if (!mkdtemp(place->dir))
		return -1;
	snprintf(place->path, sizeof(place->path), "%s/audit", place->dir);
	place->chain.fd = -1;
	*state = place;
	return 0;
}

static int teardown(void **state)
{
	struct place *place = *state;

	chain_close(&place->chain);
	unlink(place->path);
	rmdir(place->dir);
	free(place);
	return 0;
}

static const struct qkd_audit_record example = {
	.link = "alpha",
	.serial = 3,
	.seq = 1,
	.time_ns = TIME_NS,
	.id = { 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab,
		0xcd, 0xef },
	.direction = QKD_DIR_OUTBOUND,
	.outcome = QKD_AUDIT_TAKEN,
	.by_process = true,
	.uid = 1000,
	.pid = 4321,
	.comm = "a \"b\\\n",
};

static void append(struct place *place, uint64_t seq, bool json)
{
	struct qkd_audit_record record = example;
	char line[CHAIN_LINE_MAX];

	record.seq = seq;
	assert_int_equal(audit_line(&record, json, line), 0);
	assert_int_equal(chain_append(&place->chain, line, json), 0);
}

/* A file of @count records, from number @first on */
static void write_file(struct place *place, uint64_t first, int count, bool json)
{
	assert_int_equal(chain_open(&place->chain, place->path), 0);
	for (int i = 0; i < count; i++)
		append(place, first + (uint64_t)i, json);
	assert_int_equal(chain_flush(&place->chain), 0);
	chain_close(&place->chain);
}

static size_t load(const struct place *place, char *text)
{
	FILE *file = fopen(place->path, "r");
	size_t len;

	assert_non_null(file);
	len = fread(text, 1, FILE_MAX - 1, file);
	fclose(file);
	text[len] = '\0';
	return len;
}

static void store(const struct place *place, const char *text, size_t len)
{
	FILE *file = fopen(place->path, "w");

	assert_non_null(file);
	assert_int_equal(fwrite(text, 1, len, file), len);
	fclose(file);
}

/* Its output is not of interest, and none of ours. */
static int verify(const struct place *place, const char *hash)
{
	const struct options options = { .json = true };
	char *words[] = { (char *)place->path, (char *)"hash", (char *)hash };
	int kept = dup(STDOUT_FILENO), null = open("/dev/null", O_WRONLY), ret;

	fflush(stdout);
	assert_true(kept >= 0 && null >= 0 && dup2(null, STDOUT_FILENO) >= 0);
	ret = cmd_audit_verify(&options, hash ? 3 : 1, words);
	assert_true(dup2(kept, STDOUT_FILENO) >= 0);
	close(kept);
	close(null);
	return ret;
}

static void a_record_is_a_line_of_text(void **state)
{
	char line[CHAIN_LINE_MAX];
	struct qkd_audit_record record = example;

	assert_int_equal(audit_line(&record, false, line), 0);
	assert_string_equal(line, "2026-11-28T22:40:01.000000123Z link alpha serial 3 seq 1 id "
				  "01234567-89ab-cdef-0123-456789abcdef direction outbound outcome "
				  "taken uid 1000 pid 4321 comm \"a \\x22b\\x5c\\x0a\"");
	record.by_process = false;
	record.outcome = QKD_AUDIT_EXPIRED;
	record.direction = QKD_DIR_INBOUND;
	assert_int_equal(audit_line(&record, false, line), 0);
	assert_string_equal(line, "2026-11-28T22:40:01.000000123Z link alpha serial 3 seq 1 id "
				  "01234567-89ab-cdef-0123-456789abcdef direction inbound outcome "
				  "expired");
}

static void a_record_is_an_object_of_json(void **state)
{
	char line[CHAIN_LINE_MAX];

	assert_int_equal(audit_line(&example, true, line), 0);
	assert_string_equal(line, "{\"time\":\"2026-11-28T22:40:01.000000123Z\",\"link\":\"alpha\","
				  "\"serial\":3,\"seq\":1,\"id\":"
				  "\"01234567-89ab-cdef-0123-456789abcdef\",\"direction\":"
				  "\"outbound\",\"outcome\":\"taken\",\"uid\":1000,\"pid\":4321,"
				  "\"comm\":\"a \\\\x22b\\\\x5c\\\\x0a\"}");
}

static void an_outcome_of_a_later_kernel_is_unknown(void **state)
{
	struct qkd_audit_record record = example;
	char line[CHAIN_LINE_MAX];

	record.outcome = 255;
	assert_int_equal(audit_line(&record, false, line), 0);
	assert_non_null(strstr(line, "outcome unknown"));
}

/* Hashes by sha256sum(1), over 32 zeros and the first text, over that hash and the second */
static void the_chain_is_what_its_description_says(void **state)
{
	static const char expected[] =
		"one hash 4e233ba6ac7032d3894ecea5974fd96176e564b024af45747eb46357af8d2401\n"
		"{\"two\":2,\"hash\":"
		"\"8f0515043e9268fa17b5c46330c0827b0d56bc8d0a670d0a5d644e2c7575c50e\"}\n";
	struct place *place = *state;
	char text[FILE_MAX];

	assert_int_equal(chain_open(&place->chain, place->path), 0);
	assert_int_equal(chain_append(&place->chain, "one", false), 0);
	assert_int_equal(chain_append(&place->chain, "{\"two\":2}", true), 0);
	assert_int_equal(chain_flush(&place->chain), 0);
	load(place, text);
	assert_string_equal(text, expected);
	assert_int_equal(verify(place, NULL), EXIT_OK);
}

static void the_file_is_for_its_owner(void **state)
{
	struct place *place = *state;
	struct stat st;

	write_file(place, 1, 1, false);
	assert_int_equal(stat(place->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void what_was_written_is_intact(void **state)
{
	struct place *place = *state;

	write_file(place, 1, 5, false);
	assert_int_equal(verify(place, NULL), EXIT_OK);
	/* A restart goes on, in the other form too. */
	write_file(place, 6, 5, true);
	write_file(place, 11, 1, false);
	assert_int_equal(verify(place, NULL), EXIT_OK);
}

static void more_than_a_batch_is_written(void **state)
{
	struct place *place = *state;

	write_file(place, 1, 1000, false);
	assert_int_equal(verify(place, NULL), EXIT_OK);
}

/* Each byte of a small file, one at a time */
static void every_changed_byte_is_seen(void **state)
{
	struct place *place = *state;
	char text[FILE_MAX];
	size_t len;

	for (int json = 0; json < 2; json++) {
		unlink(place->path);
		write_file(place, 1, 3, json);
		len = load(place, text);
		for (size_t i = 0; i < len; i++) {
			const char was = text[i];

			text[i] ^= 1;
			store(place, text, len);
			if (verify(place, NULL) != EXIT_FAILED)
				fail_msg("byte %zu, '%c' for '%c'", i, text[i], was);
			text[i] = was;
		}
	}
}

static void lines_that_are_gone_or_moved_are_seen(void **state)
{
	struct place *place = *state;
	char text[FILE_MAX], *second, *third;
	size_t len, line;

	write_file(place, 1, 3, false);
	len = load(place, text);
	second = strchr(text, '\n') + 1;
	third = strchr(second, '\n') + 1;
	line = (size_t)(third - second);
	store(place, second, len - (size_t)(second - text));
	assert_int_equal(verify(place, NULL), EXIT_FAILED);
	memmove(second, third, line);
	store(place, text, len - line);
	assert_int_equal(verify(place, NULL), EXIT_FAILED);
}

static void a_cut_end_is_seen_by_a_noted_hash(void **state)
{
	struct place *place = *state;
	char text[FILE_MAX], noted[2 * CHAIN_HASH_LEN + 1];
	size_t len;

	write_file(place, 1, 3, false);
	len = load(place, text);
	memcpy(noted, text + len - sizeof(noted), sizeof(noted) - 1);
	noted[sizeof(noted) - 1] = '\0';
	assert_int_equal(verify(place, noted), EXIT_OK);
	write_file(place, 4, 1, false);
	assert_int_equal(verify(place, noted), EXIT_OK);
	len = (size_t)(strchr(strchr(text, '\n') + 1, '\n') + 1 - text);
	store(place, text, len);
	assert_int_equal(verify(place, NULL), EXIT_OK);
	assert_int_equal(verify(place, noted), EXIT_FAILED);
	assert_int_equal(verify(place, "12"), EXIT_USAGE);
}

static void an_alien_end_is_not_gone_on_from(void **state)
{
	static const char *const ends[] = { "text\n", "\n", "torn", " hash 00\n",
					    "{\"hash\":\"00\"}\n" };
	struct place *place = *state;
	char text[FILE_MAX];
	size_t len;

	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		store(place, ends[i], strlen(ends[i]));
		assert_int_equal(chain_open(&place->chain, place->path), -EBADMSG);
	}
	unlink(place->path);
	write_file(place, 1, 2, false);
	len = load(place, text);
	store(place, text, len - 1);
	assert_int_equal(chain_open(&place->chain, place->path), -EBADMSG);
	assert_int_equal(verify(place, NULL), EXIT_FAILED);
}

static void one_at_a_time_appends(void **state)
{
	static struct chain other;
	struct place *place = *state;

	assert_int_equal(chain_open(&place->chain, place->path), 0);
	assert_int_equal(chain_open(&other, place->path), -EBUSY);
	chain_close(&place->chain);
	assert_int_equal(chain_open(&other, place->path), 0);
	chain_close(&other);
	assert_int_equal(chain_open(&other, place->dir), -EISDIR);
	assert_int_equal(symlink("elsewhere", place->path) ? errno : 0, EEXIST);
	unlink(place->path);
	assert_int_equal(symlink("elsewhere", place->path), 0);
	assert_int_equal(chain_open(&other, place->path), -ELOOP);
}

static void a_line_says_where_it_belongs(void **state)
{
	struct audit_place where;
	char line[CHAIN_LINE_MAX];

	for (int json = 0; json < 2; json++) {
		memset(&where, 0, sizeof(where));
		assert_int_equal(audit_line(&example, json, line), 0);
		assert_true(audit_parse(line, strlen(line), &where));
		assert_string_equal(where.link, "alpha");
		assert_int_equal(where.serial, 3);
		assert_int_equal(where.seq, 1);
		assert_int_equal(audit_note("records lost", TIME_NS, json, line), 0);
		assert_false(audit_parse(line, strlen(line), &where));
	}
}

static void a_line_has_its_bound(void **state)
{
	struct place *place = *state;
	char line[CHAIN_LINE_MAX];

	memset(line, 'x', sizeof(line) - 1);
	line[sizeof(line) - 1] = '\0';
	assert_int_equal(chain_open(&place->chain, place->path), 0);
	assert_int_equal(chain_append(&place->chain, line, false), -EMSGSIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_record_is_a_line_of_text),
		cmocka_unit_test(a_record_is_an_object_of_json),
		cmocka_unit_test(an_outcome_of_a_later_kernel_is_unknown),
		cmocka_unit_test_setup_teardown(the_chain_is_what_its_description_says, setup,
						teardown),
		cmocka_unit_test_setup_teardown(the_file_is_for_its_owner, setup, teardown),
		cmocka_unit_test_setup_teardown(what_was_written_is_intact, setup, teardown),
		cmocka_unit_test_setup_teardown(more_than_a_batch_is_written, setup, teardown),
		cmocka_unit_test_setup_teardown(every_changed_byte_is_seen, setup, teardown),
		cmocka_unit_test_setup_teardown(lines_that_are_gone_or_moved_are_seen, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_cut_end_is_seen_by_a_noted_hash, setup, teardown),
		cmocka_unit_test_setup_teardown(an_alien_end_is_not_gone_on_from, setup, teardown),
		cmocka_unit_test_setup_teardown(one_at_a_time_appends, setup, teardown),
		cmocka_unit_test(a_line_says_where_it_belongs),
		cmocka_unit_test_setup_teardown(a_line_has_its_bound, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
