// SPDX-License-Identifier: GPL-2.0-or-later
/* The example of a feed in Documentation/ is a program that works: two of them bring two ends the same keys. */
int example_main(int argc, char **argv);
#define main example_main
#include "../../Documentation/examples/feed.c"
#undef main

#include "qkd_test.h"

#include <stdio.h>
#include <sys/random.h>

#define LINK	"alpha"
#define RECORDS 48

/* One end: a link in a namespace of its own, its copy of the file, and the process that feeds it from that */
struct site {
	struct end end;
	char path[32];
	const char *role;
	pid_t feed;
};

FIXTURE(example)
{
	struct site a, b;
};

static int write_file(struct site *site, const struct record *records)
{
	int fd;

	strcpy(site->path, "/tmp/keys-XXXXXX");
	fd = mkstemp(site->path);
	if (fd < 0 ||
	    write(fd, records, RECORDS * sizeof(*records)) != (ssize_t)(RECORDS * sizeof(*records)))
		return -EIO;
	return close(fd);
}

static int open_site(struct site *site, const char *role, const struct record *records)
{
	const struct qkd_link_request request = {
		.name = LINK,
		.provider = "feed",
		.local_sae = *role == 'a' ? SITE_A : SITE_B,
		.remote_sae = *role == 'a' ? SITE_B : SITE_A,
		.capacity = &(uint32_t){ 4 },
		.low = &(uint32_t){ 2 },
		.sim_seed_fd = -1,
	};
	int ret = new_namespace(&site->end.nl) ?: qkd_nl_link_add(site->end.nl, &request);

	if (ret)
		return ret;
	site->role = role;
	site->end.ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	site->end.fd = qkd_open(NULL, 0);
	return site->end.fd < 0 ? site->end.fd : write_file(site, records);
}

static int run(const char *link, const char *role, const char *path)
{
	char *argv[] = { (char *)"feed", (char *)(uintptr_t)link, (char *)(uintptr_t)role,
			 (char *)(uintptr_t)path, NULL };

	return example_main(4, argv);
}

static bool is_in_state(const struct site *site, uint8_t state)
{
	struct qkd_link_info info;

	return !qkd_nl_link_get(site->end.nl, LINK, &info) && info.state == state;
}

static int start_feed(struct site *site)
{
	const int64_t limit = now_ms() + DEADLINE_MS;

	if (setns(site->end.ns, CLONE_NEWNET))
		return -errno;
	site->feed = fork();
	if (!site->feed)
		_exit(run(LINK, site->role, site->path));
	while (!is_in_state(site, QKD_LINK_UP))
		if (poll(NULL, 0, TICK_MS) || now_ms() > limit)
			return -ETIMEDOUT;
	return 0;
}

static bool stop_feed(struct site *site)
{
	return !kill(site->feed, SIGKILL) && WIFSIGNALED(await(site->feed));
}

FIXTURE_SETUP(example)
{
	struct record records[RECORDS];

	ASSERT_EQ(sizeof(records), getrandom(records, sizeof(records), 0));
	ASSERT_EQ(0, open_site(&self->a, "a", records));
	ASSERT_EQ(0, open_site(&self->b, "b", records));
	ASSERT_EQ(0, start_feed(&self->a));
	ASSERT_EQ(0, start_feed(&self->b));
}

FIXTURE_TEARDOWN(example)
{
	unlink(self->a.path);
	unlink(self->b.path);
	end_close(&self->a.end);
	end_close(&self->b.end);
}

/* One key from @from to @to. Its ID */
static int carry(const struct site *from, const struct site *to, uint8_t *id)
{
	struct qkd_key_get out, in;
	int ret = get_key(from->end.fd, DEADLINE_MS, &out);

	if (!ret)
		ret = get_by_id(to->end.fd, out.key_id, DEADLINE_MS, &in);
	if (!ret)
		ret = commit(to->end.fd, out.key_id);
	if (!ret && (!same_key(&out, &in) || all_zero(out.key, out.key_len)))
		ret = -EBADMSG;
	memcpy(id, out.key_id, sizeof(out.key_id));
	return ret;
}

TEST_F(example, brings_both_ends_the_same_keys)
{
	uint8_t id[QKD_KEY_ID_LEN];

	for (int i = 0; i < RECORDS / 2; i++) {
		ASSERT_EQ(0, carry(&self->a, &self->b, id));
		ASSERT_EQ(0, carry(&self->b, &self->a, id));
	}
	/* Then it has no more, and says so. */
	ASSERT_SOON(is_in_state(&self->a, QKD_LINK_DOWN) && is_in_state(&self->b, QKD_LINK_DOWN));
	EXPECT_EQ(-EAGAIN, get_key(self->a.end.fd, 0, &(struct qkd_key_get){}));
	EXPECT_TRUE(stop_feed(&self->a));
	EXPECT_TRUE(stop_feed(&self->b));
}

TEST_F(example, uses_no_key_twice_if_it_is_killed)
{
	uint8_t ids[RECORDS / 2][QKD_KEY_ID_LEN];
	int n = 0;

	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, carry(&self->a, &self->b, ids[n++]));
		ASSERT_TRUE(stop_feed(&self->a));
		ASSERT_TRUE(stop_feed(&self->b));
		/* All that the kernel knew of keys goes, too. */
		ASSERT_EQ(0, qkd_nl_link_purge(self->a.end.nl, LINK));
		ASSERT_SOON(is_in_state(&self->a, QKD_LINK_DOWN));
		ASSERT_EQ(0, start_feed(&self->a));
		ASSERT_EQ(0, start_feed(&self->b));
	}
	for (int i = 0; i < n; i++)
		for (int j = 0; j < i; j++)
			EXPECT_NE(0, memcmp(ids[i], ids[j], QKD_KEY_ID_LEN));
	EXPECT_TRUE(stop_feed(&self->a));
	EXPECT_TRUE(stop_feed(&self->b));
}

TEST_F(example, says_at_once_that_there_is_no_such_key)
{
	const uint8_t id[QKD_KEY_ID_LEN] = { 1, 2, 3 };
	const int64_t before = now_ms();
	struct qkd_key_get get;

	EXPECT_EQ(-ENOKEY, get_by_id(self->b.end.fd, id, QKD_TIMEOUT_MS_MAX, &get));
	EXPECT_GT(DEADLINE_MS, now_ms() - before);
	EXPECT_TRUE(stop_feed(&self->a));
	EXPECT_TRUE(stop_feed(&self->b));
}

TEST_F(example, ends_with_its_link)
{
	ASSERT_EQ(0, qkd_nl_link_delete(self->a.end.nl, LINK));
	EXPECT_TRUE(exited_with_0(await(self->a.feed)));
	ASSERT_EQ(0, qkd_nl_link_delete(self->b.end.nl, LINK));
	EXPECT_TRUE(exited_with_0(await(self->b.feed)));
}

TEST_F(example, says_what_it_wants)
{
	const int out = dup(2), null = open("/dev/null", O_WRONLY);

	ASSERT_EQ(2, dup2(null, 2));
	EXPECT_EQ(2, run(LINK, "c", self->a.path));
	EXPECT_EQ(1, run("beta", "a", self->a.path));
	EXPECT_EQ(1, run(LINK, "a", "/tmp/no such file"));
	EXPECT_EQ(1, run(LINK, "b", self->b.path)); /* it has a feed */
	ASSERT_EQ(2, dup2(out, 2));
	EXPECT_TRUE(stop_feed(&self->a));
	EXPECT_TRUE(stop_feed(&self->b));
}

TEST_HARNESS_MAIN
