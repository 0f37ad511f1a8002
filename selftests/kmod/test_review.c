// SPDX-License-Identifier: GPL-2.0-or-later
/* What one user could do to others, and other things that a review of the modules found. */
#include <sys/mount.h>

#include "qkd_test.h"

#define LINK "alpha"

FIXTURE(review)
{
	struct qkd_nl *nl;
};

FIXTURE_SETUP(review)
{
	ASSERT_EQ(0, new_namespace(&self->nl));
}

FIXTURE_TEARDOWN(review)
{
	qkd_nl_close(self->nl);
	EXPECT_EQ(0, load_module("qkd_sim", NULL));
}

/* Seeds */

static int add_with_seed(struct qkd_nl *nl, int fd)
{
	const struct qkd_link_request request = {
		.name = LINK,
		.provider = "sim",
		.local_sae = SITE_A,
		.remote_sae = SITE_B,
		.role = QKD_ROLE_A,
		.sim_seed_fd = fd,
	};

	return qkd_nl_link_add(nl, &request);
}

/* A regular file of a good length in @folder, open for reading and without a name */
static int seed_file_in(const char *folder)
{
	char path[64], bytes[SEED_LEN] = "";
	int fd;

	snprintf(path, sizeof(path), "%s/seed-XXXXXX", folder);
	fd = mkostemp(path, O_CLOEXEC);
	if (fd >= 0 && (unlink(path) || write(fd, bytes, sizeof(bytes)) != sizeof(bytes))) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Puts this process where @type is mounted on @folder. */
static int mount_here(const char *type, const char *folder)
{
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
	    mount(type, folder, type, 0, NULL))
		return -errno;
	return 0;
}

/*
 * Reading a file may wait for a user's daemon, so it is not the kernel that reads it. Here ramfs stands
 * for all file systems but one.
 */
TEST_F(review, a_seed_file_that_is_no_memfd_is_refused)
{
	int fd;

	ASSERT_EQ(0, mount_here("ramfs", "/tmp"));
	fd = seed_file_in("/tmp");
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EINVAL, add_with_seed(self->nl, fd));
	close(fd);
}

TEST_F(review, a_seed_file_on_tmpfs_is_taken)
{
	int fd;

	ASSERT_EQ(0, mount_here("tmpfs", "/tmp"));
	fd = seed_file_in("/tmp");
	ASSERT_LE(0, fd);
	EXPECT_EQ(0, add_with_seed(self->nl, fd));
	close(fd);
}

TEST_HARNESS_MAIN
