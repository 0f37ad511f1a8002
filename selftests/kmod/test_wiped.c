// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * No key stays in memory when it is of no more use: all of the machine's memory is searched for it.
 *
 * What a link is going to hold is learnt from a teacher, a link of the same seed: a key that one holds is
 * what the other had. This program keeps it masked, so that the search does not find the searcher, and has
 * a seed of its own for each test: other programs leave keys of theirs in memory when they end. Each test
 * searches twice, first while the key is there: a search that cannot find it then proves nothing.
 */
#include <elf.h>
#include <stdio.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#include "qkd_test.h"

#define LINK	  "alpha"
#define TIMEOUT_S 600
#define WINDOW	  8 /* bytes of a key by which it is known */
#define CHUNK	  (1 << 18)
#define FILTER	  65536
#define KEYS	  4 /* that a test follows, the first of their direction */

/* Up to KEYS secrets, as the windows of WINDOW bytes that they have, each masked */
struct secrets {
	uint64_t mask;
	uint64_t windows[KEYS * QKD_KEY_LEN_MAX];
	uint8_t of[KEYS * QKD_KEY_LEN_MAX]; /* bit of the secret that the window is of */
	unsigned int count;
	uint8_t filter[FILTER]; /* by the low bits of a masked window */
};

static struct secrets *secrets_new(void)
{
	struct secrets *secrets = mmap(NULL, sizeof(*secrets), PROT_READ | PROT_WRITE,
				       MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (secrets == MAP_FAILED)
		return NULL;
	while (!secrets->mask)
		if (syscall(SYS_getrandom, &secrets->mask, sizeof(secrets->mask), 0) < 0)
			return NULL;
	return secrets;
}

/* Learns @len bytes, secret number @nr, and wipes them. */
static void learn(struct secrets *secrets, int nr, uint8_t *bytes, size_t len)
{
	uint64_t window;

	for (size_t i = 0; i + WINDOW <= len; i++) {
		memcpy(&window, bytes + i, sizeof(window));
		window ^= secrets->mask;
		secrets->of[secrets->count] = 1U << nr;
		secrets->windows[secrets->count++] = window;
		secrets->filter[window % FILTER] = 1;
	}
	explicit_bzero(bytes, len);
}

/*
 * Which secrets have a window among @len bytes, bit by bit. Wherever in memory fifteen bytes of a secret are, a window
 * of it is at a multiple of eight.
 */
static unsigned int find(const struct secrets *secrets, const uint8_t *bytes, size_t len)
{
	unsigned int found = 0;

	for (size_t at = 0; at + WINDOW <= len; at += WINDOW) {
		uint64_t window;

		memcpy(&window, bytes + at, sizeof(window));
		if (!window) /* most of memory */
			continue;
		window ^= secrets->mask;
		if (!secrets->filter[window % FILTER])
			continue;
		for (unsigned int i = 0; i < secrets->count; i++)
			if (secrets->windows[i] == window)
				found |= secrets->of[i];
	}
	return found;
}

/* One area of memory of /proc/kcore. Pages that cannot be read are holes: read as zeros, or not at all. */
static unsigned int search_area(const struct secrets *secrets, int kcore, const Elf64_Phdr *area,
				uint8_t *buf, uint64_t *searched)
{
	unsigned int found = 0;

	for (uint64_t at = 0; at < area->p_filesz; at += CHUNK) {
		const uint64_t left = area->p_filesz - at;
		ssize_t got = pread(kcore, buf, left < CHUNK ? left : CHUNK,
				    (off_t)(area->p_offset + at));

		if (got <= 0)
			continue;
		*searched += (uint64_t)got;
		found |= find(secrets, buf, (size_t)got);
	}
	/* What was found is in the buffer too, for the next search to find. */
	explicit_bzero(buf, CHUNK);
	return found;
}

static uint64_t memory_size(void)
{
	return (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
}

/*
 * Which secrets are in the machine's memory, bit by bit, as the kernel's direct map has it; -1 if it cannot be
 * searched.
 */
static int search(const struct secrets *secrets)
{
	uint8_t *buf =
		mmap(NULL, CHUNK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	int kcore = open("/proc/kcore", O_RDONLY | O_CLOEXEC);
	unsigned int found = 0;
	Elf64_Phdr areas[64];
	uint64_t searched = 0;
	Elf64_Ehdr elf;

	if (kcore < 0 || buf == MAP_FAILED || pread(kcore, &elf, sizeof(elf), 0) != sizeof(elf) ||
	    elf.e_phnum > sizeof(areas) / sizeof(areas[0]) ||
	    pread(kcore, areas, elf.e_phnum * sizeof(areas[0]), (off_t)elf.e_phoff) < 0)
		return -1;
	for (int i = 0; i < elf.e_phnum; i++) {
		/* What is no memory but a mapping of some has no physical address. */
		if (areas[i].p_type == PT_LOAD && areas[i].p_paddr != (Elf64_Addr)-1)
			found |= search_area(secrets, kcore, &areas[i], buf, &searched);
	}
	close(kcore);
	munmap(buf, CHUNK);
	return searched < memory_size() ? -1 : (int)found;
}

#define ALL  ((1 << KEYS) - 1)
#define NONE 0

FIXTURE(wiped)
{
	int seed; /* a file */
	struct secrets *secrets;
	uint8_t ids[KEYS][QKD_KEY_ID_LEN];
	struct end end;
};

static int random_seed(void)
{
	int fd = memory_file(0, SEED_LEN);
	uint8_t seed[SEED_LEN];

	if (fd >= 0 && (syscall(SYS_getrandom, seed, sizeof(seed), 0) != sizeof(seed) ||
			pwrite(fd, seed, sizeof(seed), 0) != sizeof(seed))) {
		close(fd);
		return -1;
	}
	return fd;
}

/* The first outbound keys of role a, which are the first inbound ones of role b, with their IDs */
static int learn_keys(FIXTURE_DATA(wiped) * self)
{
	const struct link_spec spec = {
		.name = LINK,
		.role = QKD_ROLE_A,
		.seed_fd = self->seed,
	};
	struct qkd_key_get get;
	struct end teacher;
	int ret = end_open(&teacher, &spec);

	for (int i = 0; !ret && i < KEYS; i++) {
		ret = get_key(teacher.fd, DEADLINE_MS, &get);
		memcpy(self->ids[i], get.key_id, sizeof(get.key_id));
		learn(self->secrets, i, get.key, get.key_len);
	}
	if (!ret)
		ret = qkd_nl_link_delete(teacher.nl, LINK);
	end_close(&teacher);
	return ret;
}

FIXTURE_SETUP(wiped)
{
	self->seed = random_seed();
	ASSERT_LE(0, self->seed);
	self->secrets = secrets_new();
	ASSERT_NE(NULL, self->secrets);
	ASSERT_EQ(0, learn_keys(self));
}

FIXTURE_TEARDOWN(wiped)
{
	munmap(self->secrets, sizeof(*self->secrets));
	close(self->seed);
}

/* Makes an end that holds the keys, outbound for role a, inbound for role b. */
static int hold(FIXTURE_DATA(wiped) * self, uint8_t role)
{
	const struct link_spec spec = { .name = LINK, .role = role, .seed_fd = self->seed };
	const int stat =
		role == QKD_ROLE_A ? QKD_A_STATS_OUTBOUND_FRESH : QKD_A_STATS_INBOUND_FRESH;
	const int64_t deadline = now_ms() + DEADLINE_MS;
	int ret = end_open(&self->end, &spec);

	while (!ret && stat_of(self->end.nl, LINK, stat) < KEYS)
		ret = now_ms() < deadline && !poll(NULL, 0, TICK_MS) ? 0 : -ETIMEDOUT;
	return ret;
}

static int reserve(FIXTURE_DATA(wiped) * self, int fd, int nr)
{
	struct qkd_key_get get;
	int ret = get_by_id(fd, self->ids[nr], DEADLINE_MS, &get);

	explicit_bzero(get.key, sizeof(get.key));
	return ret;
}

TEST_F_TIMEOUT(wiped, outbound_keys_are_gone_when_they_are_spent, TIMEOUT_S)
{
	struct qkd_record record;
	struct qkd_key_get get, *no_memory;

	ASSERT_EQ(0, hold(self, QKD_ROLE_A));
	ASSERT_EQ(ALL, search(self->secrets));
	ASSERT_EQ(0, get_key(self->end.fd, DEADLINE_MS, &get));
	EXPECT_EQ(0, memcmp(get.key_id, self->ids[0], sizeof(get.key_id)));
	explicit_bzero(get.key, sizeof(get.key));
	ASSERT_EQ(sizeof(record), read(self->end.fd, &record, sizeof(record)));
	EXPECT_EQ(0, memcmp(record.key_id, self->ids[1], sizeof(record.key_id)));
	explicit_bzero(record.key, sizeof(record.key));
	/* The third cannot be copied out. */
	no_memory =
		mmap(NULL, sizeof(get), PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, no_memory);
	no_memory->size = sizeof(get);
	ASSERT_EQ(0, mprotect(no_memory, sizeof(get), PROT_READ));
	ASSERT_EQ(-EFAULT, call(self->end.fd, QKD_IOC_GET_KEY, no_memory));
	EXPECT_EQ(1 << 3, search(self->secrets));
	end_close(&self->end);
}

/* Reserves a key in a process of its own, which is killed then. */
static int reserve_and_die(FIXTURE_DATA(wiped) * self, int nr)
{
	pid_t pid = fork();
	int status;

	if (!pid) {
		if (!reserve(self, end_file(&self->end, 0), nr))
			kill(getpid(), SIGKILL);
		_exit(1);
	}
	status = pid < 0 ? -1 : await(pid);
	return status >= 0 && WIFSIGNALED(status) ? 0 : -ECHILD;
}

/* Reserved keys, which must not grow too old, stay until their link is purged. */
TEST_F_TIMEOUT(wiped, inbound_keys_are_gone_when_they_have_left, TIMEOUT_S)
{
	const uint32_t ttl = 1;
	const struct qkd_link_change change = { .name = LINK, .ttl_s = &ttl };

	ASSERT_EQ(0, hold(self, QKD_ROLE_B));
	ASSERT_EQ(0, reserve(self, self->end.fd, 0));
	ASSERT_EQ(0, reserve_and_die(self, 1));
	ASSERT_EQ(0, reserve(self, self->end.fd, 2));
	ASSERT_EQ(0, release(self->end.fd, self->ids[2]));
	ASSERT_EQ(0, reserve(self, self->end.fd, 3));
	ASSERT_EQ(ALL, search(self->secrets));

	ASSERT_EQ(0, commit(self->end.fd, self->ids[0]));
	ASSERT_EQ(0, reserve(self, self->end.fd, 1));
	ASSERT_EQ(0, commit(self->end.fd, self->ids[1]));
	EXPECT_EQ(1 << 2 | 1 << 3, search(self->secrets));

	ASSERT_EQ(0, qkd_nl_link_set(self->end.nl, &change));
	ASSERT_SOON(stat_of(self->end.nl, LINK, QKD_A_STATS_EXPIRED) > KEYS);
	EXPECT_EQ(1 << 3, search(self->secrets));

	ASSERT_EQ(0, qkd_nl_link_purge(self->end.nl, LINK));
	EXPECT_EQ(NONE, search(self->secrets));
	EXPECT_EQ(-EKEYREVOKED, commit(self->end.fd, self->ids[3]));
	end_close(&self->end);
}

/* A file still refers to the link. */
TEST_F_TIMEOUT(wiped, the_keys_of_a_link_go_with_it, TIMEOUT_S)
{
	ASSERT_EQ(0, hold(self, QKD_ROLE_B));
	ASSERT_EQ(0, reserve(self, self->end.fd, 0));
	ASSERT_EQ(ALL, search(self->secrets));
	ASSERT_EQ(0, qkd_nl_link_delete(self->end.nl, LINK));
	EXPECT_EQ(NONE, search(self->secrets));
	end_close(&self->end);
}

TEST_F_TIMEOUT(wiped, the_keys_of_a_namespace_go_with_it, TIMEOUT_S)
{
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);

	ASSERT_LE(0, home);
	ASSERT_EQ(0, hold(self, QKD_ROLE_B));
	ASSERT_EQ(0, reserve(self, self->end.fd, 0));
	ASSERT_EQ(ALL, search(self->secrets));
	ASSERT_EQ(0, setns(home, CLONE_NEWNET));
	close(self->end.ns);
	qkd_nl_close(self->end.nl);
	ASSERT_SOON(poll_now(self->end.fd) & POLLHUP);
	EXPECT_EQ(NONE, search(self->secrets));
	close(self->end.fd);
	close(home);
}

TEST_F_TIMEOUT(wiped, the_keys_of_a_provider_go_with_it, TIMEOUT_S)
{
	ASSERT_EQ(0, hold(self, QKD_ROLE_B));
	ASSERT_EQ(0, reserve(self, self->end.fd, 0));
	ASSERT_EQ(ALL, search(self->secrets));
	ASSERT_SOON(!unload_module("qkd_sim"));
	EXPECT_EQ(NONE, search(self->secrets));
	end_close(&self->end);
	ASSERT_SOON(!unload_module("qkd"));
	EXPECT_EQ(NONE, search(self->secrets));
	ASSERT_EQ(0, load_module("qkd_sim", NULL));
}

/* Whoever has a simulated link's seed has its keys: none is left but what the link works with. */
TEST_F_TIMEOUT(wiped, a_seed_is_gone_once_it_is_in_use, TIMEOUT_S)
{
	struct qkd_link_request request = {
		.name = LINK,
		.provider = "sim",
		.local_sae = SITE_A,
		.remote_sae = SITE_B,
	};
	const uint8_t other[SEED_LEN] = {};
	struct secrets *secrets = secrets_new();
	uint8_t seed[SEED_LEN];
	struct qkd_nl *nl;

	ASSERT_NE(NULL, secrets);
	ASSERT_EQ(SEED_LEN, syscall(SYS_getrandom, seed, sizeof(seed), 0));
	request.sim_seed_fd = memfd_create("seed", MFD_CLOEXEC);
	ASSERT_EQ(SEED_LEN, pwrite(request.sim_seed_fd, seed, sizeof(seed), 0));
	learn(secrets, 0, seed, sizeof(seed));
	ASSERT_EQ(1, search(secrets));
	ASSERT_EQ(0, new_namespace(&nl));
	ASSERT_EQ(0, qkd_nl_link_add(nl, &request));
	ASSERT_EQ(SEED_LEN, pwrite(request.sim_seed_fd, other, sizeof(other), 0));
	EXPECT_EQ(NONE, search(secrets));
	close(request.sim_seed_fd);
	qkd_nl_close(nl);
	munmap(secrets, sizeof(*secrets));
}

/* What a feed brings; the bytes are masked but for the time that they are written. */
struct brought {
	struct secrets *secrets;
	int feed;
	uint8_t pad[QKD_FEED_KEY_LEN];
	uint8_t masked[KEYS][QKD_FEED_KEY_LEN];
	uint8_t *pages; /* two, of which the second cannot be read */
};

static void xor_pad(const struct brought *brought, uint8_t *to, const uint8_t *from)
{
	for (size_t i = 0; i < sizeof(brought->pad); i++)
		to[i] = from[i] ^ brought->pad[i];
}

static int make_keys(struct brought *brought)
{
	uint8_t key[QKD_FEED_KEY_LEN];

	brought->secrets = secrets_new();
	if (!brought->secrets ||
	    syscall(SYS_getrandom, brought->pad, sizeof(brought->pad), 0) != sizeof(brought->pad))
		return -1;
	for (int i = 0; i < KEYS; i++) {
		if (syscall(SYS_getrandom, key, sizeof(key), 0) != sizeof(key))
			return -1;
		xor_pad(brought, brought->masked[i], key);
		learn(brought->secrets, i, key, sizeof(key));
	}
	return 0;
}

/* Writes key number @nr under an ID of that number or another's, of which @len bytes can be read. */
static int bring(const struct brought *brought, uint8_t direction, int nr, uint8_t id, size_t len)
{
	const long page = sysconf(_SC_PAGESIZE);
	struct qkd_feed_message *message = (void *)(brought->pages + page - len);
	struct qkd_feed_message whole = {
		.type = QKD_FEED_KEY,
		.direction = direction,
		.len = QKD_FEED_KEY_LEN,
		.key_id = { id, 1, 2, 3 },
	};
	int ret;

	xor_pad(brought, whole.key, brought->masked[nr]);
	memcpy(message, &whole, len);
	explicit_bzero(&whole, sizeof(whole));
	ret = write(brought->feed, message, sizeof(*message)) < 0 ? -errno : 0;
	explicit_bzero(message, len);
	return ret;
}

TEST_F_TIMEOUT(wiped, what_a_feed_brings_is_gone_if_it_is_refused, TIMEOUT_S)
{
	const struct qkd_link_request request = {
		.name = LINK,
		.provider = "feed",
		.local_sae = SITE_A,
		.remote_sae = SITE_B,
		.sim_seed_fd = -1,
	};
	const size_t page = (size_t)sysconf(_SC_PAGESIZE), whole = sizeof(struct qkd_feed_message);
	struct brought brought = {};
	struct qkd_key_get get;
	struct qkd_nl *nl;
	int fd;

	brought.pages =
		mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_EQ(0, mprotect(brought.pages + page, page, PROT_NONE));
	ASSERT_EQ(0, make_keys(&brought));
	ASSERT_EQ(0, new_namespace(&nl));
	ASSERT_EQ(0, qkd_nl_link_add(nl, &request));
	fd = qkd_open(LINK, 0);
	brought.feed = qkd_feed_open(fd, 0);
	ASSERT_LE(0, brought.feed);

	ASSERT_EQ(0, bring(&brought, QKD_DIR_OUTBOUND, 0, 'o', whole));
	EXPECT_EQ(-ENOENT, bring(&brought, QKD_DIR_INBOUND, 1, 'i', whole));
	EXPECT_EQ(-EEXIST, bring(&brought, QKD_DIR_OUTBOUND, 2, 'o', whole));
	/* All of the key, and not all of the message */
	EXPECT_EQ(-EFAULT, bring(&brought, QKD_DIR_OUTBOUND, 3, 'f', whole - 8));
	EXPECT_EQ(1 << 0, search(brought.secrets));
	ASSERT_EQ(0, get_key(fd, 0, &get));
	explicit_bzero(get.key, sizeof(get.key));
	EXPECT_EQ(NONE, search(brought.secrets));
	close(brought.feed);
	close(fd);
	qkd_nl_close(nl);
	munmap(brought.secrets, sizeof(*brought.secrets));
}

TEST_HARNESS_MAIN
