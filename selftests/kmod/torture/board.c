// SPDX-License-Identifier: GPL-2.0-or-later
/* What all see: accounts, the set of spent IDs, mail between the ends. Nobody holds a lock when killed. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "torture.h"

struct board *board_new(void)
{
	struct board *board = mmap(NULL, sizeof(*board), PROT_READ | PROT_WRITE,
				   MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (board == MAP_FAILED)
		return NULL;
	board->controller = getpid();
	for (int i = 0; i < PAIRS; i++)
		atomic_store(&board->pairs[i].life, -1);
	return board;
}

bool board_is_full(const struct board *board)
{
	return board->spent_count > (3UL << SPENT_BITS) / 4;
}

static uint64_t mix(uint64_t x)
{
	x ^= x >> 32;
	x *= 0xd6e8feb86659fd93;
	return x ^ x >> 32;
}

/* 64 bits that stand for the spending of an ID at one end */
static uint64_t tag_of(const uint8_t *id, int end)
{
	uint64_t half[2];

	memcpy(half, id, sizeof(half));
	return mix(mix(half[0]) + half[1] + (uint64_t)end) | 1;
}

/* Whether @tag was not there yet */
static bool insert(struct board *board, uint64_t tag)
{
	const uint64_t mask = (1UL << SPENT_BITS) - 1;

	for (uint64_t at = tag >> 1 & mask;; at = (at + 1) & mask) {
		uint64_t there = 0;

		if (atomic_compare_exchange_strong(&board->spent[at], &there, tag))
			return true;
		if (there == tag)
			return false;
	}
}

/* Whether a feed of @end has not given out the inbound key of this ID yet; it has now. */
bool board_once(struct board *board, int end, const uint8_t *id)
{
	atomic_fetch_add(&board->spent_count, 1);
	return insert(board, tag_of(id, end + 2));
}

/* A key has been spent at @end: taken there, or reserved and committed. */
void board_spend(struct board *board, int life, int end, const uint8_t *id, bool committed)
{
	struct account *account = &board->lives[life].end[end];

	atomic_fetch_add(committed ? &account->committed : &account->taken, 1);
	atomic_fetch_add(&board->spent_count, 1);
	if (!insert(board, tag_of(id, end)))
		atomic_fetch_add(&board->twice, 1);
}

static uint64_t sum_of(const struct letter *letter)
{
	uint64_t words[(QKD_KEY_ID_LEN + QKD_KEY_LEN_MAX) / 8], sum = (uint64_t)letter->life + 1;

	memcpy(words, letter->id, QKD_KEY_ID_LEN);
	memcpy(words + QKD_KEY_ID_LEN / 8, letter->key, QKD_KEY_LEN_MAX);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		sum = mix(sum + words[i]);
	return sum;
}

void board_post(struct board *board, int pair, int end, int life, const uint8_t *id,
		const uint8_t *key)
{
	struct mail *mail = &board->pairs[pair].mail[end];
	struct letter letter = { .life = life };

	memcpy(letter.id, id, sizeof(letter.id));
	memcpy(letter.key, key, sizeof(letter.key));
	letter.sum = sum_of(&letter);
	mail->letters[atomic_fetch_add(&mail->next, 1) % LETTERS] = letter;
}

bool board_letter(struct board *board, int pair, int end, unsigned int which, struct letter *letter)
{
	*letter = board->pairs[pair].mail[end].letters[which % LETTERS];
	return letter->sum && letter->sum == sum_of(letter);
}

static void strange(struct board *board, enum op op, int ret)
{
	static const char *const names[] = {
		"take", "read", "reserve", "commit", "release",
		"look", "open", "feed",	   "answer", "close",
	};

	if (!atomic_fetch_add(&board->strange, 1))
		snprintf(board->first_strange, sizeof(board->first_strange), "%s: %s", names[op],
			 strerror(-ret));
}

/* Notes an answer, which must be 0 or one of the @n expected. */
int board_note(struct board *board, enum op op, int ret, const int *expected, int n)
{
	atomic_fetch_add(&board->ops[op], 1);
	if (ret >= 0) {
		atomic_fetch_add(&board->done[op], 1);
		return ret;
	}
	for (int i = 0; i < n; i++)
		if (ret == -expected[i])
			return ret;
	strange(board, op, ret);
	return ret;
}

/* A process has been killed: what its threads were doing may have been done, or not. */
void board_land(struct board *board, int process)
{
	for (int i = 0; i < THREADS; i++) {
		struct flight *flight = &board->flights[process][i];
		struct account *account = &board->lives[flight->life].end[flight->end];

		atomic_fetch_add(&account->maybe_taken, flight->takes);
		atomic_fetch_add(&account->maybe_committed, flight->commits);
		flight->takes = 0;
		flight->commits = 0;
	}
}
