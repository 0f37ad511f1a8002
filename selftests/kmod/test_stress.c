// SPDX-License-Identifier: GPL-2.0-or-later
/* Many at once: no key is had twice, nothing is lost, nothing hangs. */
#include "qkd_test.h"

#define LINK	  "alpha"
#define WORKERS	  4
#define KEYS_EACH 250
#define KEYS	  (WORKERS * KEYS_EACH)
#define ROUNDS	  40
#define TIMEOUT_S 300
#define RATE	  10000000

/* What the workers share */
struct board {
	unsigned int taken;
	struct qkd_key_get keys[KEYS];
	unsigned int won[KEYS];
	int stop;
};

FIXTURE(stress)
{
	struct end a, b;
	struct board *board;
};

FIXTURE_SETUP(stress)
{
	const struct link_spec a = { .name = LINK, .role = QKD_ROLE_A, .seed = 's', .rate = RATE };
	const struct link_spec b = { .name = LINK, .role = QKD_ROLE_B, .seed = 's', .rate = RATE };

	ASSERT_EQ(0, end_open(&self->a, &a));
	ASSERT_EQ(0, end_open(&self->b, &b));
	self->board = mmap(NULL, sizeof(*self->board), PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->board);
}

FIXTURE_TEARDOWN(stress)
{
	munmap(self->board, sizeof(*self->board));
	end_close(&self->a);
	end_close(&self->b);
}

/* Puts KEYS_EACH keys of @fd on the board. */
static int take_keys(int fd, struct board *board)
{
	for (int i = 0; i < KEYS_EACH; i++) {
		unsigned int at = __atomic_fetch_add(&board->taken, 1, __ATOMIC_RELAXED);

		if (at >= KEYS || get_key(fd, 2 * DEADLINE_MS, &board->keys[at]))
			return 1;
	}
	return 0;
}

/*
 * Goes for every key on the board until it is spent: commits it, or gives it back first, by a call or by
 * closing the file, as it happens.
 */
static int win_keys(const struct end *end, struct board *board, unsigned int worker)
{
	int fd = end_file(end, 0);

	for (unsigned int i = 0; fd >= 0 && i < KEYS;) {
		const unsigned int at = (i + worker * KEYS_EACH) % KEYS;
		const struct qkd_key_get *key = &board->keys[at];
		struct qkd_key_get get;
		int ret = get_by_id(fd, key->key_id, 2 * DEADLINE_MS, &get);

		if (ret == -EBUSY)
			continue;
		if (ret == -EKEYREVOKED) {
			i++;
			continue;
		}
		if (ret || !same_key(key, &get))
			return 1;
		switch (rand() % 4) {
		case 0:
			if (release(fd, key->key_id))
				return 1;
			break;
		case 1:
			close(fd);
			fd = end_file(end, 0);
			break;
		default:
			if (commit(fd, key->key_id))
				return 1;
			__atomic_fetch_add(&board->won[at], 1, __ATOMIC_RELAXED);
		}
	}
	return fd < 0;
}

/* Whether all children, of which there are @n, ended well. */
static bool all_well(const pid_t *pids, int n)
{
	bool well = true;

	for (int i = 0; i < n; i++) {
		int status;

		if (pids[i] < 0 || waitpid(pids[i], &status, 0) < 0 || !exited_with_0(status))
			well = false;
	}
	return well;
}

static bool take_all(const struct end *end, struct board *board)
{
	pid_t pids[WORKERS];

	board->taken = 0;
	for (int i = 0; i < WORKERS; i++) {
		pids[i] = fork();
		if (!pids[i]) {
			int fd = i % 2 ? end->fd : end_file(end, 0); /* shared files and own */

			_exit(fd < 0 || take_keys(fd, board));
		}
	}
	return all_well(pids, WORKERS);
}

static bool win_all(const struct end *end, struct board *board)
{
	pid_t pids[WORKERS];

	memset(board->won, 0, sizeof(board->won));
	for (int i = 0; i < WORKERS; i++) {
		pids[i] = fork();
		if (!pids[i]) {
			srand(i);
			_exit(win_keys(end, board, i));
		}
	}
	return all_well(pids, WORKERS);
}

static int compare_ids(const void *one, const void *other)
{
	return memcmp(((const struct qkd_key_get *)one)->key_id,
		      ((const struct qkd_key_get *)other)->key_id, QKD_KEY_ID_LEN);
}

static unsigned int twins(struct board *board)
{
	unsigned int count = 0;

	qsort(board->keys, KEYS, sizeof(board->keys[0]), compare_ids);
	for (int i = 1; i < KEYS; i++)
		count += !compare_ids(&board->keys[i - 1], &board->keys[i]);
	return count;
}

static unsigned int not_won_once(const struct board *board)
{
	unsigned int count = 0;

	for (int i = 0; i < KEYS; i++)
		count += board->won[i] != 1;
	return count;
}

TEST_F_TIMEOUT(stress, every_key_is_had_once_at_each_end, TIMEOUT_S)
{
	const struct end *from[] = { &self->a, &self->b };

	for (int i = 0; i < 2; i++) {
		const struct end *to = from[!i];

		ASSERT_TRUE(take_all(from[i], self->board));
		EXPECT_EQ(KEYS, stat_of(from[i]->nl, LINK, QKD_A_STATS_OUTBOUND_SPENT));
		ASSERT_TRUE(win_all(to, self->board));
		EXPECT_EQ(0, not_won_once(self->board));
		EXPECT_EQ(KEYS, stat_of(to->nl, LINK, QKD_A_STATS_INBOUND_SPENT));
		EXPECT_EQ(0, stat_of(to->nl, LINK, QKD_A_STATS_INBOUND_RESERVED));
		EXPECT_EQ(0, twins(self->board));
	}
}

/* Takes, looks up and waits on links that go under its hands, until told to stop. */
static int use_links(const struct end *end, struct board *board)
{
	static const int fine[] = { 0, -ENODEV, -EDESTADDRREQ, -ETIMEDOUT, -EAGAIN };

	while (!__atomic_load_n(&board->stop, __ATOMIC_RELAXED)) {
		int fd = end_file(end, 0);
		struct qkd_key_get get;
		bool known = false;
		int ret = 0;

		if (fd < 0)
			return 1;
		for (int i = 0; i < 20 && !ret; i++)
			ret = get_key(fd, 10, &get);
		for (size_t i = 0; i < sizeof(fine) / sizeof(fine[0]); i++)
			known |= ret == fine[i];
		close(fd);
		if (!known)
			return 1;
	}
	return 0;
}

TEST_F_TIMEOUT(stress, links_can_go_at_any_time, TIMEOUT_S)
{
	const struct link_spec spec = {
		.name = LINK, .role = QKD_ROLE_A, .seed = 's', .rate = RATE
	};
	struct qkd_link_info info;
	pid_t pids[WORKERS];

	for (int i = 0; i < WORKERS; i++) {
		pids[i] = fork();
		ASSERT_LE(0, pids[i]);
		if (!pids[i])
			_exit(use_links(&self->a, self->board));
	}
	for (int i = 0; i < ROUNDS; i++) {
		EXPECT_EQ(0, qkd_nl_link_purge(self->a.nl, LINK));
		EXPECT_EQ(0, qkd_nl_link_get(self->a.nl, LINK, &info));
		EXPECT_EQ(0, qkd_nl_link_delete(self->a.nl, LINK));
		EXPECT_EQ(0, add_link(self->a.nl, &spec));
	}
	__atomic_store_n(&self->board->stop, 1, __ATOMIC_RELAXED);
	EXPECT_TRUE(all_well(pids, WORKERS));
	EXPECT_EQ(0, stat_of(self->a.nl, LINK, QKD_A_STATS_WAITERS));
}

/* A worker that reserves keys of the board without end, for somebody to kill */
static pid_t start_victim(const struct end *end, const struct board *board)
{
	pid_t pid = fork();
	struct qkd_key_get get;
	int fd;

	if (pid)
		return pid;
	fd = end_file(end, 0);
	for (unsigned int i = 0; fd >= 0; i = (i + 1) % KEYS) {
		get_by_id(fd, board->keys[i].key_id, 0, &get);
		release(fd, board->keys[i].key_id);
	}
	_exit(1);
}

TEST_F_TIMEOUT(stress, killed_processes_leave_nothing_reserved, TIMEOUT_S)
{
	ASSERT_TRUE(take_all(&self->a, self->board));
	for (int i = 0; i < ROUNDS; i++) {
		const uint64_t before = stat_of(self->b.nl, LINK, QKD_A_STATS_RELEASED);
		pid_t pid = start_victim(&self->b, self->board);

		ASSERT_LT(0, pid);
		ASSERT_SOON(stat_of(self->b.nl, LINK, QKD_A_STATS_RELEASED) > before);
		ASSERT_EQ(0, kill(pid, SIGKILL));
		ASSERT_EQ(pid, waitpid(pid, NULL, 0));
		ASSERT_EQ(0, stat_of(self->b.nl, LINK, QKD_A_STATS_INBOUND_RESERVED));
	}
	ASSERT_TRUE(win_all(&self->b, self->board));
	EXPECT_EQ(0, not_won_once(self->board));
}

TEST_HARNESS_MAIN
