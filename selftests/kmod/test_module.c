// SPDX-License-Identifier: GPL-2.0-or-later
/* The modules come and go. Whatever happens, they are back at the end of each test. */
#include "qkd_test.h"

#include <stdio.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

#define LINK "alpha"

#define MAX_KEYS "262144" /* as the module has it unless told otherwise */

/* The limit of all links together */
static int set_max_keys(const char *value)
{
	int fd = open("/sys/module/qkd/parameters/max_keys", O_WRONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : write(fd, value, strlen(value));

	close(fd);
	return len == (ssize_t)strlen(value) ? 0 : -1;
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
	if (!access("/sys/module/qkd", F_OK))
		EXPECT_EQ(0, set_max_keys(MAX_KEYS));
	EXPECT_EQ(0, load_module("qkd_sim", NULL));
}

TEST_F(module, in_use_stays)
{
	EXPECT_EQ(-EWOULDBLOCK, unload_module("qkd"));
	ASSERT_SOON(!unload_module("qkd_sim"));
	EXPECT_EQ(-EWOULDBLOCK, unload_module("qkd"));
}

TEST_F(module, of_a_provider_takes_its_links_along)
{
	struct qkd_link_info info;
	struct qkd_key_get get;

	ASSERT_SOON(!unload_module("qkd_sim"));
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
	ASSERT_SOON(!unload_module("qkd_sim"));
	status = await(pid);
	ASSERT_TRUE(WIFEXITED(status));
	EXPECT_EQ(ENODEV, WEXITSTATUS(status));
}

TEST_F(module, without_users_can_be_unloaded_and_loaded_again)
{
	const struct link_spec spec = { .name = LINK, .role = QKD_ROLE_A, .seed = 's' };
	struct qkd_key_get get;
	struct qkd_nl *nl;

	ASSERT_SOON(!unload_module("qkd_sim"));
	end_close(&self->end);
	ASSERT_SOON(!unload_module("qkd"));
	EXPECT_EQ(-ENOENT, qkd_open(NULL, 0));
	ASSERT_EQ(0, load_module("qkd_sim", NULL));
	ASSERT_EQ(0, qkd_nl_open(&nl));
	EXPECT_EQ(-ENODEV, qkd_nl_link_delete(nl, LINK));
	qkd_nl_close(nl);
	ASSERT_EQ(0, end_open(&self->end, &spec));
	EXPECT_EQ(0, get_key(self->end.fd, DEADLINE_MS, &get));
}

/* Loads the file of a module, without what it depends on. */
static int load_file(const char *module, const char *parameters)
{
	char path[256];
	struct utsname name;
	int fd, ret;

	uname(&name);
	snprintf(path, sizeof(path), "/lib/modules/%s/extra/%s.ko", name.release, module);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	ret = syscall(SYS_finit_module, fd, parameters, 0) ? -errno : 0;
	close(fd);
	return ret;
}

/* With links in it every other time */
TEST_F_TIMEOUT(module, comes_and_goes_a_hundred_times, 600)
{
	ASSERT_SOON(!unload_module("qkd_sim"));
	end_close(&self->end);
	ASSERT_SOON(!unload_module("qkd"));
	for (int i = 0; i < 100; i++) {
		ASSERT_EQ(0, load_file("qkd", ""));
		ASSERT_EQ(0, load_file("qkd_sim", i % 2 ? "demo=1" : ""));
		ASSERT_EQ(-EWOULDBLOCK, unload_module("qkd"));
		ASSERT_SOON(!unload_module("qkd_sim"));
		ASSERT_SOON(!unload_module("qkd"));
	}
	ASSERT_EQ(0, load_module("qkd_sim", NULL));
	ASSERT_EQ(0, end_open(&self->end, &(struct link_spec){
						  .name = LINK, .role = QKD_ROLE_A, .seed = 's' }));
}

/* The pair of links that demo=1 makes, in the namespace of process 1 */
static int open_demo(struct end *a, struct end *b)
{
	a->ns = open("/proc/1/ns/net", O_RDONLY | O_CLOEXEC);
	b->ns = dup(a->ns);
	if (a->ns < 0 || setns(a->ns, CLONE_NEWNET) || qkd_nl_open(&a->nl) || qkd_nl_open(&b->nl))
		return -1;
	a->fd = qkd_open("demo-a", 0);
	b->fd = qkd_open("demo-b", 0);
	return a->fd < 0 || b->fd < 0 ? -1 : 0;
}

/* One key from @from to @to */
static int hand_over(const struct end *from, const struct end *to, struct qkd_key_get *out)
{
	struct qkd_key_get in;
	int ret = get_key(from->fd, DEADLINE_MS, out);

	if (!ret)
		ret = get_by_id(to->fd, out->key_id, DEADLINE_MS, &in);
	if (!ret)
		ret = same_key(out, &in) ? commit(to->fd, out->key_id) : -EBADMSG;
	return ret;
}

TEST_F(module, with_demo_links_has_keys_at_once_and_others_each_time)
{
	struct qkd_key_get first, second;
	struct end a, b;

	for (int i = 0; i < 2; i++) {
		ASSERT_SOON(!unload_module("qkd_sim"));
		ASSERT_EQ(0, load_module("qkd_sim", "demo=1"));
		ASSERT_EQ(0, open_demo(&a, &b));
		EXPECT_EQ(0, hand_over(&b, &a, &second));
		EXPECT_EQ(0, hand_over(&a, &b, i ? &second : &first));
		end_close(&a);
		end_close(&b);
	}
	EXPECT_NE(0, memcmp(first.key_id, second.key_id, QKD_KEY_ID_LEN));
	EXPECT_NE(0, memcmp(first.key, second.key, QKD_KEY_LEN_MAX));
	ASSERT_SOON(!unload_module("qkd_sim"));
}

static uint64_t keys_held(struct qkd_nl *nl, const char *link)
{
	return stat_of(nl, link, QKD_A_STATS_OUTBOUND_FRESH) +
	       stat_of(nl, link, QKD_A_STATS_INBOUND_FRESH);
}

TEST_F(module, bounds_the_keys_of_all_links_together)
{
	const struct link_spec beta = { .name = "beta", .role = QKD_ROLE_B, .seed = 't' };
	const struct link_spec gamma = { .name = "gamma", .role = QKD_ROLE_B, .seed = 'u' };
	struct qkd_nl *nl = self->end.nl;

	ASSERT_EQ(0, qkd_nl_link_delete(nl, LINK));
	ASSERT_EQ(0, set_max_keys("10"));
	ASSERT_EQ(0, add_link(nl, &beta));
	ASSERT_EQ(0, add_link(nl, &gamma));
	ASSERT_SOON(stat_of(nl, "beta", QKD_A_STATS_DROPPED) > 0);
	ASSERT_SOON(stat_of(nl, "gamma", QKD_A_STATS_DROPPED) > 0);
	EXPECT_GE(10, keys_held(nl, "beta") + keys_held(nl, "gamma"));
	ASSERT_EQ(0, set_max_keys(MAX_KEYS));
	ASSERT_SOON(keys_held(nl, "beta") > 10);
	ASSERT_SOON(keys_held(nl, "gamma") > 10);
}

/* In a user namespace of its own, where it is administrator: adds a link and counts what it gets. */
static int keys_of_a_guest(void)
{
	const struct link_spec spec = {
		.name = "guest", .role = QKD_ROLE_A, .seed = 'g', .rate = QKD_SIM_RATE_DEFAULT
	};
	const int64_t end = now_ms() + DEADLINE_MS;
	struct qkd_nl *nl;

	if (unshare(CLONE_NEWUSER) || new_namespace(&nl) || add_link(nl, &spec))
		return -1;
	/* At first the keys of namespaces that are still going may leave no room at all. */
	while ((!stat_of(nl, "guest", QKD_A_STATS_DROPPED) || !keys_held(nl, "guest")) &&
	       now_ms() < end)
		poll(NULL, 0, TICK_MS);
	return now_ms() < end ? (int)keys_held(nl, "guest") : -1;
}

TEST_F(module, gives_guests_a_part_of_them_only)
{
	int status;
	pid_t pid;

	ASSERT_EQ(0, qkd_nl_link_delete(self->end.nl, LINK));
	ASSERT_EQ(0, set_max_keys("40"));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(keys_of_a_guest());
	status = await(pid);
	ASSERT_TRUE(WIFEXITED(status));
	EXPECT_LT(0, WEXITSTATUS(status));
	EXPECT_GT(40, WEXITSTATUS(status));
}

TEST_HARNESS_MAIN
