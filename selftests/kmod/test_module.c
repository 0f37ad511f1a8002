// SPDX-License-Identifier: GPL-2.0-or-later
/* The modules come and go. Whatever happens, they are back at the end of each test. */
#include "qkd_test.h"

#include <sys/syscall.h>

#define LINK "alpha"

static int unload(const char *module)
{
	return syscall(SYS_delete_module, module, O_NONBLOCK) ? -errno : 0;
}

FIXTURE(module)
{
	struct end end;
};

FIXTURE_SETUP(module)
{
	const struct link_spec spec = { .name = LINK, .role = QKD_ROLE_A, .seed = 's' };

	ASSERT_EQ(0, end_open(&self->end, &spec));
	ASSERT_TRUE(poll_until(self->end.fd, POLLIN));
}

FIXTURE_TEARDOWN(module)
{
	end_close(&self->end);
	EXPECT_EQ(0, load_module("qkd_sim"));
}

TEST_F(module, in_use_stays)
{
	EXPECT_EQ(-EWOULDBLOCK, unload("qkd"));
	ASSERT_SOON(!unload("qkd_sim"));
	EXPECT_EQ(-EWOULDBLOCK, unload("qkd"));
}

TEST_F(module, of_a_provider_takes_its_links_along)
{
	struct qkd_link_info info;
	struct qkd_key_get get;

	ASSERT_SOON(!unload("qkd_sim"));
	EXPECT_TRUE(poll_now(self->end.fd) & POLLHUP);
	EXPECT_EQ(-ENODEV, get_key(self->end.fd, SHORT_MS, &get));
	EXPECT_EQ(-ENODEV, qkd_nl_link_get(self->end.nl, LINK, &info));
}

TEST_F(module, wakes_who_waits_when_it_goes)
{
	pid_t pid = fork();
	struct qkd_key_get get;
	int status, ret = 0;

	ASSERT_LE(0, pid);
	if (!pid) {
		while (!ret)
			ret = get_key(self->end.fd, QKD_TIMEOUT_MS_MAX, &get);
		_exit(-ret);
	}
	ASSERT_SOON(!unload("qkd_sim"));
	status = await(pid);
	ASSERT_TRUE(WIFEXITED(status));
	EXPECT_EQ(ENODEV, WEXITSTATUS(status));
}

TEST_F(module, without_users_can_be_unloaded_and_loaded_again)
{
	const struct link_spec spec = { .name = LINK, .role = QKD_ROLE_A, .seed = 's' };
	struct qkd_key_get get;
	struct qkd_nl *nl;

	ASSERT_SOON(!unload("qkd_sim"));
	end_close(&self->end);
	ASSERT_SOON(!unload("qkd"));
	EXPECT_EQ(-ENOENT, qkd_open(NULL, 0));
	ASSERT_EQ(0, load_module("qkd_sim"));
	ASSERT_EQ(0, qkd_nl_open(&nl));
	EXPECT_EQ(-ENODEV, qkd_nl_link_delete(nl, LINK));
	qkd_nl_close(nl);
	ASSERT_EQ(0, end_open(&self->end, &spec));
	EXPECT_EQ(0, get_key(self->end.fd, DEADLINE_MS, &get));
}

TEST_HARNESS_MAIN
