// SPDX-License-Identifier: GPL-2.0-or-later
/* What one user could do to others, and other things that a review of the modules found. */
#include <sys/mount.h>
#include <sys/syscall.h>

#include "qkd_test.h"

#define LINK	 "alpha"
#define MAX_KEYS "262144" /* as the module has it unless told otherwise */

/* The limit of all links together */
static int set_max_keys(const char *value)
{
	int fd = open("/sys/module/qkd/parameters/max_keys", O_WRONLY | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : write(fd, value, strlen(value));

	close(fd);
	return len == (ssize_t)strlen(value) ? 0 : -1;
}

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
	EXPECT_EQ(0, set_max_keys(MAX_KEYS));
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

/* Keys that a link cannot take now */

/* The peer has the key already: that it found no memory here once must not lose it. */
TEST_F(review, a_key_that_found_no_room_is_found_later)
{
	const struct link_spec a = { .name = LINK, .role = QKD_ROLE_A, .seed = 's' };
	const struct link_spec b = { .name = LINK, .role = QKD_ROLE_B, .seed = 's' };
	struct qkd_key_get out, in;
	struct end from, to;

	ASSERT_EQ(0, end_open(&from, &a));
	for (int i = 0; i < 100; i++)
		ASSERT_EQ(0, get_key(from.fd, DEADLINE_MS, &out));
	ASSERT_EQ(0, set_max_keys("0"));
	EXPECT_EQ(0, end_open(&to, &b));
	EXPECT_EQ(-ENOKEY, get_by_id(to.fd, out.key_id, 0, &in));
	ASSERT_EQ(0, set_max_keys(MAX_KEYS));
	EXPECT_EQ(0, get_by_id(to.fd, out.key_id, 0, &in));
	EXPECT_TRUE(same_key(&out, &in));
	end_close(&from);
	end_close(&to);
}

/* Many keys of one file, and keys in limbo: what is done in batches is done to the end. */

#define MANY 300

TEST_F(review, a_file_gives_back_as_many_keys_as_it_holds)
{
	const struct link_spec a = { .name = LINK, .role = QKD_ROLE_A, .seed = 's' };
	const struct link_spec b = { .name = LINK, .role = QKD_ROLE_B, .seed = 's' };
	struct qkd_key_get out[MANY], in;
	struct end from, to;
	int file;

	ASSERT_EQ(0, end_open(&from, &a));
	ASSERT_EQ(0, end_open(&to, &b));
	file = end_file(&to, 0);
	ASSERT_LE(0, file);
	for (int i = 0; i < MANY; i++) {
		ASSERT_EQ(0, get_key(from.fd, DEADLINE_MS, &out[i]));
		ASSERT_EQ(0, get_by_id(file, out[i].key_id, DEADLINE_MS, &in));
	}
	EXPECT_EQ(MANY, stat_of(to.nl, LINK, QKD_A_STATS_INBOUND_RESERVED));
	close(file);
	EXPECT_EQ(0, stat_of(to.nl, LINK, QKD_A_STATS_INBOUND_RESERVED));
	EXPECT_EQ(MANY, stat_of(to.nl, LINK, QKD_A_STATS_RELEASED));
	for (int i = 0; i < MANY; i++) {
		EXPECT_EQ(0, get_by_id(to.fd, out[i].key_id, 0, &in));
		EXPECT_TRUE(same_key(&out[i], &in));
	}
	end_close(&from);
	end_close(&to);
}

/* It has left the queue of fresh keys by its age, but its holder might still have committed it. */
TEST_F(review, a_purge_withdraws_a_reserved_key_that_grew_too_old)
{
	const struct link_spec a = { .name = LINK, .role = QKD_ROLE_A, .seed = 's' };
	const struct link_spec b = { .name = LINK, .role = QKD_ROLE_B, .seed = 's', .ttl_s = 1 };
	struct qkd_key_get out, in;
	struct end from, to;

	ASSERT_EQ(0, end_open(&from, &a));
	ASSERT_EQ(0, end_open(&to, &b));
	ASSERT_EQ(0, get_key(from.fd, DEADLINE_MS, &out));
	ASSERT_EQ(0, get_by_id(to.fd, out.key_id, DEADLINE_MS, &in));
	ASSERT_SOON(stat_of(to.nl, LINK, QKD_A_STATS_EXPIRED) > MANY);
	EXPECT_EQ(1, stat_of(to.nl, LINK, QKD_A_STATS_INBOUND_RESERVED));
	ASSERT_EQ(0, qkd_nl_link_purge(to.nl, LINK));
	ASSERT_EQ(0, qkd_nl_link_purge(to.nl, LINK));
	EXPECT_EQ(1, stat_of(to.nl, LINK, QKD_A_STATS_INBOUND_RESERVED));
	EXPECT_EQ(-EKEYREVOKED, commit(to.fd, out.key_id));
	EXPECT_EQ(0, stat_of(to.nl, LINK, QKD_A_STATS_INBOUND_RESERVED));
	EXPECT_EQ(-EKEYREVOKED, get_by_id(to.fd, out.key_id, 0, &in));
	end_close(&from);
	end_close(&to);
}

/* Events */

#define ROUNDS 100

struct life {
	bool there;
	int lives;
	bool mixed_up;
};

static int follow(const struct qkd_event *event, void *arg)
{
	struct life *life = arg;
	const bool up = event->type == QKD_EVENT_LINK_UP;

	if (!up && event->type != QKD_EVENT_LINK_GONE)
		return 0;
	if (up == life->there)
		life->mixed_up = true;
	life->there = up;
	life->lives += up;
	return 0;
}

static int delete_again_and_again(void)
{
	struct qkd_nl *nl;
	int ret = qkd_nl_open(&nl);

	while (!ret || ret == -ENODEV)
		ret = qkd_nl_link_delete(nl, LINK);
	return -ret;
}

/* One deletes while another adds: still each of them ends before the next one of its name begins. */
TEST_F(review, events_of_links_of_one_name_are_in_order)
{
	const struct link_spec spec = { .name = LINK, .role = QKD_ROLE_A, .seed = 's' };
	const int64_t end = now_ms() + 3 * DEADLINE_MS;
	struct life life = {};
	struct qkd_nl *events;
	pid_t pid;

	ASSERT_EQ(0, qkd_nl_open(&events));
	ASSERT_EQ(0, qkd_nl_event_subscribe(events));
	pid = fork();
	ASSERT_LE(0, pid);
	if (!pid)
		_exit(delete_again_and_again());
	while (life.lives < ROUNDS && !life.mixed_up && now_ms() < end) {
		int ret = add_link(self->nl, &spec);

		EXPECT_TRUE(!ret || ret == -EEXIST);
		EXPECT_EQ(0, qkd_nl_event_read(events, follow, &life));
	}
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	EXPECT_FALSE(life.mixed_up);
	EXPECT_LE(ROUNDS, life.lives);
	qkd_nl_close(events);
}

/* Guests: any user may be administrator of namespaces of his own. */

/* Of a guest's process */
static int rates_of_a_guest(void)
{
	const struct link_spec slow = {
		.name = LINK, .role = QKD_ROLE_A, .seed = 's', .rate = QKD_SIM_RATE_DEFAULT
	};
	const struct link_spec fast = {
		.name = "fast", .role = QKD_ROLE_A, .seed = 's', .rate = QKD_SIM_RATE_DEFAULT + 1
	};
	const int64_t end = now_ms() + DEADLINE_MS;
	struct qkd_nl *nl;
	int ret;

	if (unshare(CLONE_NEWUSER) || new_namespace(&nl))
		return 1;
	/* Guests' namespaces that are still going may hold all the links there can be. */
	while ((ret = add_link(nl, &slow)) == -ENOSPC && now_ms() < end)
		poll(NULL, 0, TICK_MS);
	if (ret)
		return 2;
	return add_link(nl, &fast) != -EPERM ? 3 : 0;
}

/* Adds up to @want links in a new namespace, which lives on with @nl. The number, or -1. */
static int fill_namespace(struct qkd_nl **nl, int want)
{
	char name[QKD_LINK_NAME_LEN];
	const struct link_spec spec = {
		.name = name, .role = QKD_ROLE_A, .seed = 's', .rate = QKD_SIM_RATE_MIN
	};
	int added, ret = 0;

	if (new_namespace(nl))
		return -1;
	for (added = 0; added < want; added++) {
		snprintf(name, sizeof(name), "guest-%d", added);
		ret = add_link(*nl, &spec);
		if (ret)
			break;
	}
	return !ret || ret == -ENOSPC ? added : -1;
}

static int links_of_a_guest(void)
{
	struct qkd_nl *one, *other;
	int first, second;

	if (unshare(CLONE_NEWUSER))
		return 1;
	first = fill_namespace(&one, 40);
	second = fill_namespace(&other, 40);
	if (first < 1 || second < 0)
		return 2;
	return first + second > 64 ? 3 : 0;
}

static int as_a_guest(int (*run)(void))
{
	pid_t pid = fork();

	if (!pid)
		_exit(run());
	return pid < 0 ? -1 : await(pid);
}

TEST_F(review, guests_links_are_no_faster_than_the_default)
{
	EXPECT_EQ(0, as_a_guest(rates_of_a_guest));
}

TEST_F(review, guests_links_are_few_in_all_their_namespaces_together)
{
	EXPECT_EQ(0, as_a_guest(links_of_a_guest));
}

/* Any user may ask for a netlink family by its name. */
TEST_F(review, asking_for_the_family_loads_no_module)
{
	struct qkd_nl *nl;

	ASSERT_SOON(!unload_module("qkd_sim"));
	ASSERT_SOON(!unload_module("qkd"));
	EXPECT_EQ(-EOPNOTSUPP, qkd_nl_open(&nl));
	EXPECT_NE(0, access("/sys/module/qkd", F_OK));
}

TEST_HARNESS_MAIN
