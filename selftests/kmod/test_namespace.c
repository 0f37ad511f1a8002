// SPDX-License-Identifier: GPL-2.0-or-later
/* Links belong to a network namespace, files to the one they were opened in. */
#include "qkd_test.h"

#define LINK "alpha"

FIXTURE(namespace)
{
	struct end here;
};

FIXTURE_SETUP(namespace)
{
	const struct link_spec spec = { .name = LINK, .role = QKD_ROLE_A, .seed = 's' };

	ASSERT_EQ(0, end_open(&self->here, &spec));
}

FIXTURE_TEARDOWN(namespace)
{
	end_close(&self->here);
}

TEST_F(namespace, has_links_of_its_own)
{
	const struct link_spec spec = { .name = LINK, .role = QKD_ROLE_A, .seed = 't' };
	struct qkd_nl *there;
	struct qkd_link_info info;

	ASSERT_EQ(0, new_namespace(&there));
	EXPECT_EQ(-ENODEV, qkd_nl_link_get(there, LINK, &info));
	EXPECT_EQ(-ENODEV, qkd_nl_link_delete(there, LINK));
	EXPECT_EQ(-ENODEV, qkd_nl_link_purge(there, LINK));
	EXPECT_EQ(-ENODEV, qkd_open(LINK, 0));
	EXPECT_EQ(0, add_link(there, &spec));
	EXPECT_EQ(0, qkd_nl_link_delete(there, LINK));
	EXPECT_EQ(0, qkd_nl_link_get(self->here.nl, LINK, &info));
	qkd_nl_close(there);
}

TEST_F(namespace, of_the_opener_is_the_file_s)
{
	const struct link_spec spec = { .name = "beta", .role = QKD_ROLE_A, .seed = 't' };
	struct qkd_info info;
	struct qkd_nl *there;
	int fd;

	ASSERT_EQ(0, new_namespace(&there));
	ASSERT_EQ(0, add_link(there, &spec));
	ASSERT_EQ(0, qkd_info(self->here.fd, &info));
	EXPECT_STREQ(LINK, info.link);
	fd = qkd_open(NULL, 0);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, qkd_info(fd, &info));
	EXPECT_STREQ("beta", info.link);
	close(fd);
	qkd_nl_close(there);
}

/* One seed, so the same IDs; each end's keys are its own all the same. */
TEST_F(namespace, keeps_its_keys)
{
	const struct link_spec b = { .name = LINK, .role = QKD_ROLE_B, .seed = 's' };
	const struct link_spec other = { .name = LINK, .role = QKD_ROLE_B, .seed = 't' };
	struct qkd_key_get out, in;
	struct end right, wrong;

	ASSERT_EQ(0, end_open(&right, &b));
	ASSERT_EQ(0, end_open(&wrong, &other));
	ASSERT_EQ(0, get_key(self->here.fd, DEADLINE_MS, &out));
	EXPECT_EQ(-ENOKEY, get_by_id(wrong.fd, out.key_id, 0, &in));
	EXPECT_EQ(-ENOKEY, get_by_id(wrong.fd, out.key_id, SHORT_MS, &in));
	EXPECT_TRUE(all_zero(in.key, sizeof(in.key)));
	ASSERT_EQ(0, get_by_id(right.fd, out.key_id, DEADLINE_MS, &in));
	EXPECT_EQ(-ENOKEY, commit(wrong.fd, out.key_id));
	EXPECT_EQ(-ENOKEY, release(wrong.fd, out.key_id));
	EXPECT_EQ(0, commit(right.fd, out.key_id));
	end_close(&right);
	end_close(&wrong);
}

/* A file does not keep its namespace: with the last process that goes, and so do the keys. */
TEST_F(namespace, takes_its_links_along)
{
	const struct link_spec spec = { .name = "beta", .role = QKD_ROLE_A, .seed = 't' };
	struct qkd_key_get get;
	struct qkd_nl *nl;
	int fd;

	ASSERT_EQ(0, new_namespace(&nl));
	ASSERT_EQ(0, add_link(nl, &spec));
	fd = qkd_open("beta", 0);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, get_key(fd, DEADLINE_MS, &get));
	qkd_nl_close(nl);
	ASSERT_EQ(0, setns(self->here.ns, CLONE_NEWNET));
	ASSERT_TRUE(poll_until(fd, POLLHUP));
	EXPECT_EQ(-ENODEV, get_key(fd, SHORT_MS, &get));
	EXPECT_TRUE(all_zero(get.key, sizeof(get.key)));
	close(fd);
}

/* A file that had not chosen yet has nothing to choose from any more. */
TEST_F(namespace, that_has_gone_has_no_links_to_choose)
{
	const struct link_spec spec = { .name = "beta", .role = QKD_ROLE_A, .seed = 't' };
	struct qkd_bind bind = { .size = sizeof(bind), .link = "beta" };
	struct qkd_info info;
	struct qkd_nl *nl;
	int bound, fd;

	ASSERT_EQ(0, new_namespace(&nl));
	ASSERT_EQ(0, add_link(nl, &spec));
	bound = qkd_open("beta", 0);
	fd = qkd_open(NULL, 0);
	ASSERT_LE(0, bound);
	ASSERT_LE(0, fd);
	qkd_nl_close(nl);
	ASSERT_EQ(0, setns(self->here.ns, CLONE_NEWNET));
	ASSERT_TRUE(poll_until(bound, POLLHUP));
	EXPECT_EQ(-ENODEV, qkd_info(fd, &info));
	EXPECT_EQ(-ENODEV, call(fd, QKD_IOC_BIND, &bind));
	EXPECT_EQ(POLLERR, poll_now(fd));
	close(fd);
	close(bound);
}

TEST_HARNESS_MAIN
