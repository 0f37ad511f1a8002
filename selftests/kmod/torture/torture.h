/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Torture: pairs of links, both ends here, whose keys are taken, looked up, committed and given back by the
 * threads of two processes. All pairs but one are simulated; that one's ends have feeds, a process each. The
 * controller (main.c) kills all these processes, purges, changes, deletes and adds the links, unloads the
 * simulator and destroys their namespaces all the while.
 *
 * What user space saw is put on a board in shared memory, which outlives who is killed. In the end the
 * kernel's closing account of each link is held against it.
 */
#ifndef _QKD_TORTURE_H
#define _QKD_TORTURE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <qkd/libqkd.h>

#define LINK	   "torture"
#define PAIRS	   4
#define FED	   (PAIRS - 1) /* the pair that has feeds */
#define PROCESSES  2
#define THREADS	   8 /* of each process */
#define LIVES_MAX  4096 /* of all pairs together */
#define LETTERS	   128
#define SPENT_BITS 23
#define BATCH	   4 /* keys of one read() */

/* What came of one link: as user space counted, and as the kernel said last */
struct account {
	_Atomic uint64_t taken, committed;
	_Atomic uint64_t maybe_taken, maybe_committed; /* by who was killed before he could say */
	bool closed;
	uint64_t last[QKD_A_STATS_MAX + 1];
};

/* A pair from the day its two links are added, with a seed of their own, until they are gone */
struct life {
	struct account end[2];
	_Atomic uint64_t fed[2]; /* outbound keys that an end's feeds have made */
	bool destroyed; /* with its namespaces, whose events nobody can hear */
};

/* A key that was taken at one end, for the other. Torn ones, whose sum is wrong, are not read. */
struct letter {
	int life;
	uint8_t id[QKD_KEY_ID_LEN];
	uint8_t key[QKD_KEY_LEN_MAX];
	uint64_t sum;
};

struct mail {
	_Atomic uint32_t next;
	struct letter letters[LETTERS];
};

struct pair {
	_Atomic int life; /* -1: none now */
	_Atomic int ns[2]; /* the controller's descriptors of the ends' namespaces */
	struct mail mail[2]; /* by the end where the keys were taken */
};

/* What a thread is in the middle of */
struct flight {
	_Atomic int takes, commits;
	_Atomic int life, end;
};

enum op {
	OP_TAKE,
	OP_READ,
	OP_RESERVE,
	OP_COMMIT,
	OP_RELEASE,
	OP_LOOK,
	OP_OPEN,
	OP_FEED,
	OP_ANSWER,
	OP_CLOSE,
	OPS,
};

struct board {
	pid_t controller;
	_Atomic int stop;
	struct pair pairs[PAIRS];
	struct life lives[LIVES_MAX];
	struct flight flights[PROCESSES][THREADS];
	_Atomic uint64_t ops[OPS], done[OPS]; /* all, and those that succeeded */
	_Atomic uint64_t twice, mixed_up, strange;
	char first_strange[128];
	_Atomic uint64_t spent_count;
	_Atomic uint64_t spent[1UL << SPENT_BITS];
};

/* board.c */
struct board *board_new(void);
bool board_is_full(const struct board *board);
void board_spend(struct board *board, int life, int end, const uint8_t *id, bool committed);
void board_post(struct board *board, int pair, int end, int life, const uint8_t *id,
		const uint8_t *key);
bool board_letter(struct board *board, int pair, int end, unsigned int which,
		  struct letter *letter);
bool board_once(struct board *board, int end, const uint8_t *id);
int board_note(struct board *board, enum op op, int ret, const int *expected, int n);
void board_land(struct board *board, int process);

#define NOTE(BOARD, OP, RET, ...)                                      \
	board_note((BOARD), (OP), (RET), (const int[]){ __VA_ARGS__ }, \
		   sizeof((const int[]){ __VA_ARGS__ }) / sizeof(int))

/* open.c */
int open_home(void);
int open_at(struct board *board, int pair, int end, int flags, int *life);

/* worker.c: a process; does not return */
void worker_run(struct board *board, int process, unsigned int seed);

/* feeder.c: the same, the feed of an end of pair FED */
void feeder_run(struct board *board, int end, unsigned int seed);

#endif /* _QKD_TORTURE_H */
