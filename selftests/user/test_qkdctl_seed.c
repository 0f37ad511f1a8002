// SPDX-License-Identifier: GPL-2.0-or-later
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>
#include <cmocka.h>
#include <linux/magic.h>
#include <linux/qkd_netlink.h>

#include "qkdctl/args.h"
#include "qkdctl/seed.h"

#define PATH_LEN 256

struct folder {
	char path[PATH_LEN];
	char file[PATH_LEN + 8];
	char link[PATH_LEN + 8];
};

static int make_folder(void **state)
{
	struct folder *folder = calloc(1, sizeof(*folder));
	const char *base = getenv("TMPDIR");

	if (!folder)
		return -1;
	snprintf(folder->path, sizeof(folder->path), "%s/qkd-seed-XXXXXX", base ? base : "/tmp");
	if (!mkdtemp(folder->path)) {
		free(folder);
		return -1;
	}
	snprintf(folder->file, sizeof(folder->file), "%s/seed", folder->path);
	snprintf(folder->link, sizeof(folder->link), "%s/link", folder->path);
	*state = folder;
	return 0;
}

static int remove_folder(void **state)
{
	struct folder *folder = *state;

	unlink(folder->file);
	unlink(folder->link);
	if (rmdir(folder->path))
		return -1;
	free(folder);
	return 0;
}

static void make_seed(char bytes[QKD_SIM_SEED_LEN_MAX + 1])
{
	for (int i = 0; i <= QKD_SIM_SEED_LEN_MAX; i++)
		bytes[i] = (char)(i + 1);
}

static void write_file(const struct folder *folder, size_t len, mode_t mode)
{
	char bytes[QKD_SIM_SEED_LEN_MAX + 1];
	int fd = open(folder->file, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	make_seed(bytes);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, len), len);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(close(fd), 0);
}

static void assert_refused(const char *path, const char *says)
{
	char problem[PROBLEM_LEN] = "";
	int fd = seed_open(path, problem);

	if (fd >= 0)
		fail_msg("'%s' was taken, '%s' was expected", path, says);
	if (!strstr(problem, says))
		fail_msg("said '%s', not '%s'", problem, says);
}

/* Of the kind that the kernel takes: in memory, and with the file's bytes from its start */
static void assert_sealed_copy(int fd, size_t len)
{
	const int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
	char wanted[QKD_SIM_SEED_LEN_MAX + 1], got[QKD_SIM_SEED_LEN_MAX + 1];
	struct statfs fs;

	make_seed(wanted);
	assert_int_equal(fstatfs(fd, &fs), 0);
	assert_int_equal(fs.f_type, TMPFS_MAGIC);
	assert_int_equal(fcntl(fd, F_GET_SEALS) & seals, seals);
	assert_int_equal(lseek(fd, 0, SEEK_CUR), 0);
	assert_int_equal(read(fd, got, sizeof(got)), len);
	assert_memory_equal(got, wanted, len);
	assert_true(pwrite(fd, wanted, 1, 0) < 0);
}

static void lengths_in_range_are_taken(void **state)
{
	static const size_t lengths[] = { QKD_SIM_SEED_LEN_MIN, 33, QKD_SIM_SEED_LEN_MAX };
	static const mode_t modes[] = { 0600, 0400, 0700 };
	struct folder *folder = *state;

	for (size_t i = 0; i < 3; i++) {
		char problem[PROBLEM_LEN];
		int fd;

		write_file(folder, lengths[i], modes[i]);
		fd = seed_open(folder->file, problem);
		assert_true(fd >= 0);
		assert_int_equal(fcntl(fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
		assert_sealed_copy(fd, lengths[i]);
		assert_int_equal(close(fd), 0);
		assert_int_equal(unlink(folder->file), 0);
	}
}

static void lengths_out_of_range_are_refused(void **state)
{
	static const size_t lengths[] = { 0, 1, QKD_SIM_SEED_LEN_MIN - 1,
					  QKD_SIM_SEED_LEN_MAX + 1 };
	struct folder *folder = *state;

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		write_file(folder, lengths[i], 0600);
		assert_refused(folder->file, "32 to 64 are wanted");
	}
}

static void any_bit_for_others_is_refused(void **state)
{
	struct folder *folder = *state;

	for (mode_t bit = 1; bit <= S_IRWXG; bit <<= 1) {
		write_file(folder, QKD_SIM_SEED_LEN_MIN, 0600 | bit);
		assert_refused(folder->file, "chmod 600");
	}
}

static void a_missing_file_is_refused(void **state)
{
	struct folder *folder = *state;

	assert_refused(folder->file, "does not exist");
	assert_refused("", "does not exist");
}

static void a_symbolic_link_is_refused(void **state)
{
	struct folder *folder = *state;

	write_file(folder, QKD_SIM_SEED_LEN_MIN, 0600);
	assert_int_equal(symlink(folder->file, folder->link), 0);
	assert_refused(folder->link, "is a symbolic link");
}

static void what_is_no_file_is_refused(void **state)
{
	struct folder *folder = *state;

	assert_refused(folder->path, "not a regular file");
	assert_refused("/dev/urandom", "not a regular file");
	assert_int_equal(mkfifo(folder->file, 0600), 0);
	assert_refused(folder->file, "not a regular file");
}

static void a_stranger_s_file_is_refused(void **state)
{
	struct folder *folder = *state;

	if (geteuid()) {
		print_message("only root can give a file away\n");
		skip();
	}
	write_file(folder, QKD_SIM_SEED_LEN_MIN, 0600);
	assert_int_equal(chown(folder->file, 65534, (gid_t)-1), 0);
	assert_refused(folder->file, "belongs to user 65534");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(lengths_in_range_are_taken, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(lengths_out_of_range_are_refused, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(any_bit_for_others_is_refused, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(a_missing_file_is_refused, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(a_symbolic_link_is_refused, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(what_is_no_file_is_refused, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(a_stranger_s_file_is_refused, make_folder,
						remove_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
