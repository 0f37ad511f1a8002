// SPDX-License-Identifier: GPL-2.0-or-later
/* What a link may take of the machine's memory, who pays for it, and how far its own memory of IDs goes. */
#include "qkd_test.h"

#include <stdio.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define LINK	 "alpha"
#define CAPACITY 8
#define KEPT	 (4 * CAPACITY) /* IDs of gone keys remembered at least */
#define ENTRIES	 (6 * CAPACITY) /* IDs known at most, those of the keys that are there included */
#define TAKEN	 200
#define ID_BYTES 24 /* memory of one entry */
#define GROUP	 "/tmp/cgroup/qkd-test"

/* The two ends of one link, each in its namespace */
FIXTURE(ids)
{
	struct end a, b;
	uint8_t id[TAKEN][QKD_KEY_ID_LEN];
};

FIXTURE_SETUP(ids)
{
	const struct link_spec a = {
		.name = LINK, .role = QKD_ROLE_A, .seed = 's', .capacity = CAPACITY
	};
	const struct link_spec b = {
		.name = LINK, .role = QKD_ROLE_B, .seed = 's', .capacity = CAPACITY
	};

	ASSERT_EQ(0, end_open(&self->a, &a));
	ASSERT_EQ(0, end_open(&self->b, &b));
}

FIXTURE_TEARDOWN(ids)
{
	end_close(&self->a);
	end_close(&self->b);
}

/* Spends the keys of self->id at b, in order. */
static int spend_all(FIXTURE_DATA(ids) * self)
{
	struct qkd_key_get out, in;
	int ret = 0;

	for (int i = 0; !ret && i < TAKEN; i++) {
		ret = get_key(self->a.fd, DEADLINE_MS, &out);
		memcpy(self->id[i], out.key_id, QKD_KEY_ID_LEN);
		if (!ret)
			ret = get_by_id(self->b.fd, out.key_id, DEADLINE_MS, &in);
		if (!ret)
			ret = commit(self->b.fd, out.key_id);
	}
	return ret;
}

TEST_F(ids, of_the_last_keys_are_remembered)
{
	struct qkd_key_get in;

	ASSERT_EQ(0, spend_all(self));
	for (int i = TAKEN - KEPT; i < TAKEN; i++)
		EXPECT_EQ(-EKEYREVOKED, get_by_id(self->b.fd, self->id[i], 0, &in));
}

TEST_F(ids, that_went_first_are_forgotten_first)
{
	struct qkd_key_get in;
	int i = TAKEN - KEPT - 1, ret;

	ASSERT_EQ(0, spend_all(self));
	/* Backwards, from the first that need not be known any more to the last that is not. */
	while ((ret = get_by_id(self->b.fd, self->id[i], 0, &in)) == -EKEYREVOKED)
		i--;
	EXPECT_EQ(-ENOKEY, ret);
	EXPECT_LE(TAKEN - ENTRIES - 1, i);
	EXPECT_EQ(-ENOKEY, get_by_id(self->b.fd, self->id[i - 1], 0, &in));
	EXPECT_EQ(-ENOKEY, get_by_id(self->b.fd, self->id[0], 0, &in));
}

/* Nothing is lost or doubled while IDs are forgotten. */
TEST_F(ids, that_are_forgotten_leave_the_count_right)
{
	struct qkd_link_info info;
	const uint64_t *stats = info.stats.value;

	ASSERT_EQ(0, spend_all(self));
	ASSERT_EQ(0, qkd_nl_link_get(self->b.nl, LINK, &info));
	EXPECT_EQ(TAKEN, stats[QKD_A_STATS_INBOUND_SPENT]);
	EXPECT_EQ(stats[QKD_A_STATS_DELIVERED],
		  stats[QKD_A_STATS_OUTBOUND_FRESH] + stats[QKD_A_STATS_INBOUND_FRESH] +
			  stats[QKD_A_STATS_INBOUND_RESERVED] + stats[QKD_A_STATS_OUTBOUND_SPENT] +
			  stats[QKD_A_STATS_INBOUND_SPENT] + stats[QKD_A_STATS_EXPIRED] +
			  stats[QKD_A_STATS_PURGED]);
	EXPECT_EQ(0, stats[QKD_A_STATS_REFUSED]);
}

FIXTURE(memory)
{
	struct qkd_nl *nl;
};

FIXTURE_SETUP(memory)
{
	ASSERT_EQ(0, new_namespace(&self->nl));
}

FIXTURE_TEARDOWN(memory)
{
	qkd_nl_close(self->nl);
}

static int add_large(struct qkd_nl *nl, uint32_t capacity)
{
	const struct link_spec spec = {
		.name = LINK,
		.role = QKD_ROLE_A,
		.seed = 's',
		.rate = QKD_SIM_RATE_MIN,
		.capacity = capacity,
	};

	return add_link(nl, &spec);
}

TEST_F(memory, of_the_largest_link_is_the_administrators_to_give)
{
	EXPECT_EQ(0, add_large(self->nl, QKD_CAPACITY_MAX));
	EXPECT_EQ(0, qkd_nl_link_delete(self->nl, LINK));
	EXPECT_EQ(-ERANGE, add_large(self->nl, QKD_CAPACITY_MAX + 1));
}

/* Of a guest's process */
static int capacities_of_a_guest(void)
{
	const int64_t end = now_ms() + DEADLINE_MS;
	struct qkd_nl *nl;
	int ret;

	if (unshare(CLONE_NEWUSER) || new_namespace(&nl))
		return 1;
	if (add_large(nl, QKD_CAPACITY_USER_MAX + 1) != -EPERM ||
	    !strstr(qkd_nl_message(nl), "administrator"))
		return 2;
	if (add_large(nl, QKD_CAPACITY_MAX) != -EPERM)
		return 3;
	/* Guests' namespaces that are still going may hold all the links there can be. */
	while ((ret = add_large(nl, QKD_CAPACITY_USER_MAX)) == -ENOSPC && now_ms() < end)
		poll(NULL, 0, TICK_MS);
	return ret ? 4 : 0;
}

TEST_F(memory, of_a_guests_link_is_bounded)
{
	pid_t pid = fork();

	ASSERT_LE(0, pid);
	if (!pid)
		_exit(capacities_of_a_guest());
	EXPECT_EQ(0, await(pid));
}

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : write(fd, text, strlen(text));

	if (fd >= 0)
		close(fd);
	return len == (ssize_t)strlen(text) ? 0 : -1;
}

static int64_t read_number(const char *path)
{
	FILE *file = fopen(path, "re");
	long long value = -1;

	if (file && fscanf(file, "%lld", &value) != 1)
		value = -1;
	if (file)
		fclose(file);
	return value;
}

/* Puts this process into a group of its own whose memory is counted. */
static int enter_group(void)
{
	if (unshare(CLONE_NEWNS) || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL))
		return -errno;
	mkdir("/tmp/cgroup", 0700);
	if (mount("cgroup2", "/tmp/cgroup", "cgroup2", 0, NULL))
		return -errno;
	if (write_file("/tmp/cgroup/cgroup.subtree_control", "+memory"))
		return -errno;
	if (mkdir(GROUP, 0700) && errno != EEXIST)
		return -errno;
	return write_file(GROUP "/cgroup.procs", "0");
}

#define NO_GROUPS 77

/* Of a process in a group */
static int charges(void)
{
	const int64_t least = 6LL * QKD_CAPACITY_USER_MAX * ID_BYTES;
	struct qkd_nl *nl;
	int64_t before;
	int ret = enter_group();

	if (ret == -ENODEV)
		return NO_GROUPS;
	if (ret || new_namespace(&nl))
		return 1;
	before = read_number(GROUP "/memory.current");
	if (before < 0 || add_large(nl, QKD_CAPACITY_USER_MAX))
		return 2;
	if (read_number(GROUP "/memory.current") - before < least)
		return 3;
	if (qkd_nl_link_delete(nl, LINK) || write_file(GROUP "/memory.max", "4M"))
		return 4;
	/* Refused, and nobody is killed for it. */
	return add_large(nl, QKD_CAPACITY_USER_MAX) != -ENOMEM ? 5 : 0;
}

TEST_F(memory, of_ids_is_charged_to_who_makes_the_link)
{
	pid_t pid = fork();
	int status;

	ASSERT_LE(0, pid);
	if (!pid)
		_exit(charges());
	status = await(pid);
	if (status >= 0 && WIFEXITED(status) && WEXITSTATUS(status) == NO_GROUPS)
		SKIP(return, "no groups in this kernel");
	EXPECT_EQ(0, status);
}

TEST_HARNESS_MAIN
