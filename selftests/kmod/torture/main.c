// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * usage: torture [-t SECONDS] [-n LIVES] [-s SEED]
 *
 * Tortures the modules for SECONDS (default 10), or until LIVES pairs of links (default and most 4096) have
 * come and gone or the memory of spent IDs is full, then holds the kernel's accounts against its own.
 * Prints TAP and figures. SEED makes the same rolls of the dice; threads race all the same.
 */
#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include "sites.h"

#define PAUSE_MS    20 /* between two deeds */
#define DEADLINE_MS 60000

struct torture {
	struct board *board;
	struct sites sites;
	pid_t pids[PROCESSES + 2]; /* the last are the feeds */
	unsigned int seed;
	int lives_max;
	uint64_t deeds, kills, unloads, destroyed, purges, changes;
	unsigned int bad_ends; /* of processes that were not killed */
};

static int64_t now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static unsigned int roll(struct torture *t, unsigned int n)
{
	return (unsigned int)rand_r(&t->seed) % n;
}

static void start(struct torture *t, int process)
{
	const unsigned int seed = roll(t, RAND_MAX);

	t->pids[process] = fork();
	if (!t->pids[process] && process < PROCESSES)
		worker_run(t->board, process, seed);
	if (!t->pids[process])
		feeder_run(t->board, process - PROCESSES, seed);
	sites_expect(&t->sites, t->pids[process] > 0, "cannot start a process");
}

/* In the middle of whatever its threads are doing */
static void kill_one(struct torture *t)
{
	const int process = (int)roll(t, PROCESSES + 2);
	int status = 0;

	kill(t->pids[process], SIGKILL);
	waitpid(t->pids[process], &status, 0);
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		t->bad_ends++;
	if (process < PROCESSES)
		board_land(t->board, process);
	t->kills++;
	start(t, process);
}

static void begin(struct torture *t, int pair)
{
	static const uint32_t capacities[] = { 16, 256, 4096 };

	if (t->sites.lives < t->lives_max)
		pair_begin(&t->sites, pair, capacities[roll(t, 3)]);
}

/* Settings that let keys grow too old, few come, or events be raised, and that take it back */
static void change(struct torture *t, struct qkd_nl *nl, bool fed)
{
	static const uint32_t ttls[] = { 0, 0, 1 }, lows[] = { 0, 1, 16 };
	static const uint32_t rates[] = { 65536, 10000000, 100000000 };
	struct qkd_link_change change = {
		.name = LINK,
		.ttl_s = &ttls[roll(t, 3)],
		.low = &lows[roll(t, 3)],
	};

	if (!fed)
		qkd_sim_give(&change.sim, QKD_A_SIM_RATE, rates[roll(t, 3)]);
	sites_expect(&t->sites, !qkd_nl_link_set(nl, &change), "cannot change a link");
	t->changes++;
}

static int count_link(const struct qkd_link_info *info, void *arg)
{
	++*(unsigned int *)arg;
	return 0;
}

static void look(struct torture *t, struct qkd_nl *nl)
{
	unsigned int links = 0;

	sites_expect(&t->sites, !qkd_nl_link_list(nl, count_link, &links) && links == 1,
		     "cannot list the link");
}

static void unplug(struct torture *t)
{
	provider_unload(&t->sites);
	t->unloads++;
	provider_load(&t->sites);
	for (int pair = 0; pair < FED; pair++)
		begin(t, pair);
}

/* Each deed once, so that a short run on a slow machine has them all; then as the dice fall */
static const unsigned int first_deeds[] = { 9, 8, 9, 0, 6, 31, 13, 18, 0 };
#define FIRST_DEEDS (sizeof(first_deeds) / sizeof(first_deeds[0]))

static unsigned int next_deed(struct torture *t)
{
	const uint64_t n = t->deeds++;

	return n < FIRST_DEEDS ? first_deeds[n] : roll(t, 32);
}

/* What happens to a pair that has its links. */
static void disturb(struct torture *t, int pair)
{
	struct qkd_nl *nl = t->sites.site[pair][roll(t, 2)].nl;

	switch (next_deed(t)) {
	case 0 ... 5:
		pair_end(&t->sites, pair, roll(t, 2));
		begin(t, pair);
		break;
	case 6 ... 7:
		pair_destroy(&t->sites, pair);
		t->destroyed++;
		begin(t, pair);
		break;
	case 8:
		unplug(t);
		break;
	case 9 ... 12:
		kill_one(t);
		break;
	case 13 ... 17:
		change(t, nl, pair == FED);
		break;
	case 18 ... 21:
		look(t, nl);
		break;
	default:
		sites_expect(&t->sites, !qkd_nl_link_purge(nl, LINK), "cannot purge");
		t->purges++;
	}
}

static void torment(struct torture *t, int64_t end)
{
	for (int i = 0; i < PAIRS; i++)
		begin(t, i);
	for (int i = 0; i < PROCESSES + 2; i++)
		start(t, i);
	while ((now_ms() < end || t->deeds < FIRST_DEEDS) && t->sites.lives < t->lives_max &&
	       !board_is_full(t->board)) {
		const int pair = (int)roll(t, PAIRS);

		if (atomic_load(&t->board->pairs[pair].life) >= 0)
			disturb(t, pair);
		sites_listen(&t->sites);
		poll(NULL, 0, (int)roll(t, PAUSE_MS));
	}
}

static void stop(struct torture *t)
{
	atomic_store(&t->board->stop, 1);
	for (int i = 0; i < PROCESSES + 2; i++) {
		int status = -1;

		waitpid(t->pids[i], &status, 0);
		if (status)
			t->bad_ends++;
	}
	for (int pair = 0; pair < PAIRS; pair++)
		if (atomic_load(&t->board->pairs[pair].life) >= 0)
			pair_end(&t->sites, pair, roll(t, 2));
}

/* Accounts */

/* Who waits for a key may not have left yet. */
static bool is_settled(const uint64_t *last)
{
	return !last[QKD_A_STATS_OUTBOUND_FRESH] && !last[QKD_A_STATS_INBOUND_FRESH] &&
	       !last[QKD_A_STATS_INBOUND_RESERVED] &&
	       last[QKD_A_STATS_DELIVERED] ==
		       last[QKD_A_STATS_OUTBOUND_SPENT] + last[QKD_A_STATS_INBOUND_SPENT] +
			       last[QKD_A_STATS_EXPIRED] + last[QKD_A_STATS_PURGED];
}

static bool within(uint64_t seen, uint64_t maybe, uint64_t told)
{
	return seen <= told && told <= seen + maybe;
}

/* What user space had is what the kernel says that it gave. */
static bool agrees(const struct account *a)
{
	return within(a->taken, a->maybe_taken, a->last[QKD_A_STATS_OUTBOUND_SPENT]) &&
	       within(a->committed, a->maybe_committed, a->last[QKD_A_STATS_INBOUND_SPENT]);
}

static void tell(int life, int end, const struct account *a)
{
	printf("# life %d end %d: taken %" PRIu64 " to %" PRIu64 ", committed %" PRIu64
	       " to %" PRIu64 "; delivered %" PRIu64 ", spent %" PRIu64 " and %" PRIu64
	       ", expired %" PRIu64 ", purged %" PRIu64 "\n",
	       life, end, a->taken, a->taken + a->maybe_taken, a->committed,
	       a->committed + a->maybe_committed, a->last[QKD_A_STATS_DELIVERED],
	       a->last[QKD_A_STATS_OUTBOUND_SPENT], a->last[QKD_A_STATS_INBOUND_SPENT],
	       a->last[QKD_A_STATS_EXPIRED], a->last[QKD_A_STATS_PURGED]);
}

static void result(bool good, int number, const char *what)
{
	printf("%sok %d %s\n", good ? "" : "not ", number, what);
}

static unsigned int check_accounts(struct torture *t, uint64_t *totals)
{
	unsigned int bad = 0;

	for (int life = 0; life < t->sites.lives; life++) {
		for (int end = 0; end < 2; end++) {
			const struct account *a = &t->board->lives[life].end[end];

			/* The kernel itself warns when such a link's keys are not accounted for. */
			if (t->board->lives[life].destroyed && !a->closed)
				continue;
			for (int i = 0; i <= QKD_A_STATS_MAX; i++)
				totals[i] += a->last[i];
			if (a->closed && is_settled(a->last) && agrees(a))
				continue;
			bad++;
			tell(life, end, a);
		}
	}
	return bad;
}

static void print_figures(const struct torture *t, const uint64_t *totals, int64_t ms)
{
	static const char *const names[] = {
		"take", "read", "reserve", "commit", "release",
		"look", "open", "feed",	   "answer", "close",
	};
	uint64_t ops = 0;

	for (int i = 0; i < OPS; i++) {
		ops += t->board->ops[i];
		printf("# %-8s %10" PRIu64 ", of them good %10" PRIu64 "\n", names[i],
		       t->board->ops[i], t->board->done[i]);
	}
	printf("# %" PRIu64 " operations in %" PRId64 " s\n", ops, ms / 1000);
	printf("# keys: %" PRIu64 " delivered = %" PRIu64 " taken + %" PRIu64
	       " committed + %" PRIu64 " expired + %" PRIu64 " purged\n",
	       totals[QKD_A_STATS_DELIVERED], totals[QKD_A_STATS_OUTBOUND_SPENT],
	       totals[QKD_A_STATS_INBOUND_SPENT], totals[QKD_A_STATS_EXPIRED],
	       totals[QKD_A_STATS_PURGED]);
	printf("# pairs of links %d, of them gone with their namespaces %" PRIu64
	       "; provider unloaded %" PRIu64 ", processes killed %" PRIu64 ", purges %" PRIu64
	       ", changes %" PRIu64 ", IDs spent %" PRIu64 "\n",
	       t->sites.lives, t->destroyed, t->unloads, t->kills, t->purges, t->changes,
	       t->board->spent_count);
}

/* Once nobody uses them. Namespaces end in their own time. */
static bool unloads(const char *module)
{
	const int64_t end = now_ms() + DEADLINE_MS;
	int ret;

	while ((ret = unload_module(module)) && now_ms() < end)
		poll(NULL, 0, 10);
	return !ret;
}

static bool all_happened(const struct torture *t)
{
	const struct board *board = t->board;

	if (!t->kills || !t->unloads || !t->destroyed || !t->purges || !t->changes)
		return false;
	for (int i = 0; i < OPS; i++)
		if (!board->ops[i] || (i < OP_CLOSE && !board->done[i]))
			return false;
	return true;
}

static bool options(struct torture *t, int argc, char **argv, int *seconds)
{
	int option;

	*seconds = 10;
	t->seed = (unsigned int)time(NULL);
	t->lives_max = LIVES_MAX;
	while ((option = getopt(argc, argv, "t:n:s:")) != -1) {
		switch (option) {
		case 't':
			*seconds = atoi(optarg);
			break;
		case 'n':
			t->lives_max = atoi(optarg);
			break;
		case 's':
			t->seed = (unsigned int)atoi(optarg);
			break;
		default:
			return false;
		}
	}
	return *seconds > 0 && t->lives_max >= PAIRS && t->lives_max <= LIVES_MAX;
}

static unsigned int judge(struct torture *t, int64_t ms)
{
	uint64_t totals[QKD_A_STATS_MAX + 1] = {};
	const struct board *board = t->board;
	const unsigned int bad = check_accounts(t, totals);
	const bool good[] = {
		!t->sites.failures && !t->bad_ends,
		!board->strange,
		!board->twice,
		!board->mixed_up,
		!bad && t->sites.lives > 0,
		all_happened(t),
		unloads("qkd_sim") && unloads("qkd"),
	};
	static const char *const names[] = {
		"the controller had its way",
		"every answer is one of those documented",
		"no ID was spent twice",
		"both ends agree on every key",
		"every key is accounted for",
		"everything happened, and every operation succeeded at times",
		"the modules unload in the end",
	};
	const int n = sizeof(good) / sizeof(good[0]);
	unsigned int failed = 0;

	if (board->strange)
		printf("# %" PRIu64 " strange answers, the first: %s\n", board->strange,
		       board->first_strange);
	print_figures(t, totals, ms);
	printf("1..%d\n", n);
	for (int i = 0; i < n; i++) {
		result(good[i], i + 1, names[i]);
		failed += !good[i];
	}
	return failed;
}

int main(int argc, char **argv)
{
	struct torture t = {};
	int64_t begin_ms;
	unsigned int failed;
	int seconds;

	if (!options(&t, argc, argv, &seconds)) {
		fprintf(stderr, "usage: torture [-t SECONDS] [-n LIVES] [-s SEED]\n");
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	printf("# seed %u\n", t.seed);
	t.board = board_new();
	if (!t.board || sites_open(&t.sites, t.board)) {
		printf("Bail out! no board, or no sites\n");
		return 1;
	}
	begin_ms = now_ms();
	torment(&t, begin_ms + 1000LL * seconds);
	stop(&t);
	sites_close(&t.sites);
	failed = judge(&t, now_ms() - begin_ms);
	provider_load(&t.sites); /* for the tests that follow */
	return failed || t.sites.failures ? 1 : 0;
}
