// SPDX-License-Identifier: GPL-2.0-or-later
/* The key file of the tool: what it refuses, and that a key is used once, whoever asks */
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
#include <cmocka.h>
#include <qkd/libqkd.h>

#include "common/log.h"
#include "qkdtls/keys_file.h"

#define ID_1  "11111111-1111-1111-1111-111111111111"
#define ID_2  "22222222-2222-2222-2222-222222222222"
#define KEY_1 "101112131415161718191a1b1c1d1e1f101112131415161718191a1b1c1d1e1f"
#define KEY_2 "202122232425262728292A2B2C2D2E2F"
#define TWO   "# comment\n\n" ID_1 " " KEY_1 " # first\n  " ID_2 "\t" KEY_2 "\n"

static char dir[] = "/tmp/test_qkdtls_keysfile.XXXXXX";
static char path[64], spent[64];

static int group_setup(void **state)
{
	log_init("test");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof(path), "%s/keys", dir);
	snprintf(spent, sizeof(spent), "%s/keys.spent", dir);
	return 0;
}

static int group_teardown(void **state)
{
	return rmdir(dir);
}

static void file_write(const char *name, const char *text, mode_t mode)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, mode);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(close(fd), 0);
}

static int setup(void **state)
{
	file_write(path, TWO, 0600);
	return 0;
}

static int teardown(void **state)
{
	unlink(path);
	unlink(spent);
	return 0;
}

static struct keys_file *keys_open(void)
{
	struct keys_file *keys = keys_file_open(path);

	assert_non_null(keys);
	return keys;
}

static void assert_id(const struct qkdtls_psk *psk, const char *text)
{
	uint8_t id[QKD_KEY_ID_LEN];

	assert_int_equal(qkd_id_parse(text, id), 0);
	assert_int_equal(psk->id_len, sizeof(id));
	assert_memory_equal(psk->id, id, sizeof(id));
}

static int find(struct keys_file *keys, const char *text, struct qkdtls_psk *psk)
{
	uint8_t id[QKD_KEY_ID_LEN];

	assert_int_equal(qkd_id_parse(text, id), 0);
	return keys_file_ops.find(keys, id, sizeof(id), psk);
}

static void client_takes_keys_in_the_files_order(void **state)
{
	struct keys_file *keys = keys_open();
	struct qkdtls_psk psk;

	assert_int_equal(keys_file_ops.take(keys, &psk), QKDTLS_PSK_FOUND);
	assert_id(&psk, ID_1);
	assert_int_equal(psk.secret_len, 32);
	assert_int_equal(psk.secret[0], 0x10);
	assert_int_equal(keys_file_ops.take(keys, &psk), QKDTLS_PSK_FOUND);
	assert_id(&psk, ID_2);
	assert_int_equal(psk.secret_len, 16);
	assert_int_equal(psk.secret[15], 0x2f);
	assert_int_equal(keys_file_ops.take(keys, &psk), QKDTLS_PSK_NONE);
	assert_int_equal(keys_file_error(keys), -EAGAIN);
	keys_file_close(keys);
}

static void next_run_does_not_take_a_key_again(void **state)
{
	struct keys_file *keys = keys_open();
	struct qkdtls_psk psk;
	struct stat st;

	assert_int_equal(keys_file_ops.take(keys, &psk), QKDTLS_PSK_FOUND);
	keys_file_close(keys);
	assert_int_equal(stat(spent, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	keys = keys_open();
	assert_int_equal(keys_file_ops.take(keys, &psk), QKDTLS_PSK_FOUND);
	assert_id(&psk, ID_2);
	keys_file_close(keys);
	keys = keys_open();
	assert_int_equal(keys_file_ops.take(keys, &psk), QKDTLS_PSK_NONE);
	keys_file_close(keys);
}

/* Else each name would have a memory of its own. */
static void another_name_does_not_give_a_key_again(void **state)
{
	struct keys_file *keys = keys_open();
	struct qkdtls_psk psk;
	char name[80];

	assert_int_equal(keys_file_ops.take(keys, &psk), QKDTLS_PSK_FOUND);
	keys_file_close(keys);
	snprintf(name, sizeof(name), "%s.other", path);
	assert_int_equal(symlink(path, name), 0);
	keys = keys_file_open(name);
	assert_non_null(keys);
	assert_int_equal(keys_file_ops.take(keys, &psk), QKDTLS_PSK_FOUND);
	assert_id(&psk, ID_2);
	keys_file_close(keys);
	assert_int_equal(unlink(name), 0);
	assert_int_equal(link(path, name), 0);
	assert_null(keys_file_open(name));
	assert_null(keys_file_open(path));
	assert_int_equal(unlink(name), 0);
}

static void two_processes_do_not_take_one_key(void **state)
{
	struct keys_file *one = keys_open(), *two = keys_open();
	struct qkdtls_psk psk;

	assert_int_equal(keys_file_ops.take(one, &psk), QKDTLS_PSK_FOUND);
	assert_id(&psk, ID_1);
	assert_int_equal(keys_file_ops.take(two, &psk), QKDTLS_PSK_FOUND);
	assert_id(&psk, ID_2);
	assert_int_equal(keys_file_ops.take(one, &psk), QKDTLS_PSK_NONE);
	keys_file_close(one);
	keys_file_close(two);
}

static void server_spends_at_commit(void **state)
{
	struct keys_file *keys = keys_open();
	struct qkdtls_psk psk;

	assert_int_equal(find(keys, ID_2, &psk), QKDTLS_PSK_FOUND);
	assert_id(&psk, ID_2);
	assert_int_equal(keys_file_ops.commit(keys, psk.id, psk.id_len), 0);
	assert_int_equal(find(keys, ID_2, &psk), QKDTLS_PSK_NONE);
	assert_int_equal(keys_file_error(keys), -EKEYREVOKED);
	keys_file_close(keys);
	keys = keys_open();
	assert_int_equal(find(keys, ID_2, &psk), QKDTLS_PSK_NONE);
	assert_int_equal(keys_file_error(keys), -EKEYREVOKED);
	keys_file_close(keys);
}

static void released_key_can_be_found_again(void **state)
{
	struct keys_file *keys = keys_open();
	struct qkdtls_psk psk;

	assert_int_equal(find(keys, ID_1, &psk), QKDTLS_PSK_FOUND);
	assert_int_equal(find(keys, ID_1, &psk), QKDTLS_PSK_NONE);
	assert_int_equal(keys_file_error(keys), -EBUSY);
	keys_file_ops.release(keys, psk.id, psk.id_len, QKDTLS_PSK_UNUSED);
	assert_int_equal(find(keys, ID_1, &psk), QKDTLS_PSK_FOUND);
	assert_int_equal(psk.secret[0], 0x10);
	keys_file_close(keys);
}

static void key_spent_elsewhere_meanwhile_cannot_be_committed(void **state)
{
	struct keys_file *one = keys_open(), *two = keys_open();
	struct qkdtls_psk psk;

	assert_int_equal(find(one, ID_1, &psk), QKDTLS_PSK_FOUND);
	assert_int_equal(find(two, ID_1, &psk), QKDTLS_PSK_FOUND);
	assert_int_equal(keys_file_ops.commit(two, psk.id, psk.id_len), 0);
	assert_int_equal(keys_file_ops.commit(one, psk.id, psk.id_len), -EKEYREVOKED);
	keys_file_close(one);
	keys_file_close(two);
}

/* While the memory of used keys cannot be read none is spent, and none stays reserved for a connection that is over. */
static void key_that_could_not_be_committed_is_put_back(void **state)
{
	struct keys_file *keys = keys_open();
	struct qkdtls_psk psk;

	assert_int_equal(find(keys, ID_1, &psk), QKDTLS_PSK_FOUND);
	file_write(spent, "rubbish", 0600);
	assert_int_equal(keys_file_ops.commit(keys, psk.id, psk.id_len), -EINVAL);
	file_write(spent, "", 0600);
	assert_int_equal(find(keys, ID_1, &psk), QKDTLS_PSK_FOUND);
	assert_int_equal(keys_file_ops.commit(keys, psk.id, psk.id_len), 0);
	assert_int_equal(find(keys, ID_1, &psk), QKDTLS_PSK_NONE);
	assert_int_equal(keys_file_error(keys), -EKEYREVOKED);
	keys_file_close(keys);
}

static void key_that_was_not_reserved_cannot_be_committed(void **state)
{
	struct keys_file *keys = keys_open();
	struct qkdtls_psk psk;

	assert_int_equal(find(keys, ID_1, &psk), QKDTLS_PSK_FOUND);
	keys_file_ops.release(keys, psk.id, psk.id_len, QKDTLS_PSK_UNUSED);
	assert_int_equal(keys_file_ops.commit(keys, psk.id, psk.id_len), -ENOKEY);
	keys_file_close(keys);
}

static void unknown_and_short_ids_find_nothing(void **state)
{
	struct keys_file *keys = keys_open();
	struct qkdtls_psk psk;

	assert_int_equal(find(keys, "33333333-3333-3333-3333-333333333333", &psk), QKDTLS_PSK_NONE);
	assert_int_equal(keys_file_error(keys), -ENOKEY);
	assert_int_equal(keys_file_ops.find(keys, (const uint8_t *)"\x11\x11", 2, &psk),
			 QKDTLS_PSK_NONE);
	keys_file_close(keys);
}

static void file_open_to_others_is_refused(void **state)
{
	static const mode_t modes[] = { 0640, 0604, 0620, 0601 };

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		assert_int_equal(chmod(path, modes[i]), 0);
		assert_null(keys_file_open(path));
	}
}

static void malformed_file_is_refused(void **state)
{
	static const char *const bad[] = {
		"",
		"# nothing\n",
		ID_1 "\n",
		KEY_1 "\n",
		ID_1 " " KEY_1 " " KEY_1 "\n",
		"1111111-11111-1111-1111-111111111111 " KEY_1 "\n",
		ID_1 " 00112233\n",
		ID_1 " " KEY_1 KEY_1 "00\n",
		ID_1 " " KEY_1 "1\n",
		ID_1 " 0x" KEY_1 "\n",
		ID_1 " " KEY_1 "\n" ID_2 " xyz\n",
		ID_1 " " KEY_1 "\n" ID_1 " " KEY_2 "\n",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		file_write(path, bad[i], 0600);
		assert_null(keys_file_open(path));
	}
}

static void file_without_last_newline_is_read(void **state)
{
	struct keys_file *keys;
	struct qkdtls_psk psk;

	file_write(path, ID_1 " " KEY_1, 0600);
	keys = keys_open();
	assert_int_equal(keys_file_ops.take(keys, &psk), QKDTLS_PSK_FOUND);
	keys_file_close(keys);
}

static void missing_file_and_other_things_are_refused(void **state)
{
	assert_null(keys_file_open(dir));
	assert_int_equal(unlink(path), 0);
	assert_null(keys_file_open(path));
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_null(keys_file_open(path));
}

/* What was used before is not known then, so nothing may be used. */
static void damaged_memory_is_refused(void **state)
{
	static const char *const bad[] = {
		"x\n",
		ID_1,
		ID_1 "\n" ID_2,
		ID_1 "\nnonsense",
		"11111111-1111-1111-1111-11111111111\n\n",
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		file_write(spent, bad[i], 0600);
		assert_null(keys_file_open(path));
	}
	file_write(spent, ID_1 "\n", 0620);
	assert_null(keys_file_open(path));
	assert_int_equal(unlink(spent), 0);
	assert_int_equal(symlink("/dev/null", spent), 0);
	assert_null(keys_file_open(path));
}

static void memory_may_name_keys_of_elsewhere(void **state)
{
	struct keys_file *keys;
	struct qkdtls_psk psk;

	file_write(spent, "33333333-3333-3333-3333-333333333333\n" ID_1 "\n", 0600);
	keys = keys_open();
	assert_int_equal(keys_file_ops.take(keys, &psk), QKDTLS_PSK_FOUND);
	assert_id(&psk, ID_2);
	keys_file_close(keys);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(client_takes_keys_in_the_files_order),
		TEST(next_run_does_not_take_a_key_again),
		TEST(another_name_does_not_give_a_key_again),
		TEST(two_processes_do_not_take_one_key),
		TEST(server_spends_at_commit),
		TEST(released_key_can_be_found_again),
		TEST(key_spent_elsewhere_meanwhile_cannot_be_committed),
		TEST(key_that_could_not_be_committed_is_put_back),
		TEST(key_that_was_not_reserved_cannot_be_committed),
		TEST(unknown_and_short_ids_find_nothing),
		TEST(file_open_to_others_is_refused),
		TEST(malformed_file_is_refused),
		TEST(file_without_last_newline_is_read),
		TEST(missing_file_and_other_things_are_refused),
		TEST(damaged_memory_is_refused),
		TEST(memory_may_name_keys_of_elsewhere),
	};

	return cmocka_run_group_tests_name("qkdtls_keysfile", tests, group_setup, group_teardown);
}
