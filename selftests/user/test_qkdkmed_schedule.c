// SPDX-License-Identifier: GPL-2.0-or-later
/* When and whom the daemon asks, and for how much: backoff, failover, pool, lookup, by a clock of the test's. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "qkdkmed/lookup.h"
#include "qkdkmed/pool.h"

#define T0 1000000ULL

static uint32_t dice;

static uint32_t roll(void)
{
	return dice;
}

/* Backoff */

static void delays_double_up_to_a_bound(void **state)
{
	static const uint64_t most[] = { 200, 400, 800, 1600, 3200, 5000, 5000, 5000 };
	struct backoff backoff = { 0 };

	assert_true(backoff_due(&backoff, 0));
	for (size_t i = 0; i < sizeof(most) / sizeof(most[0]); i++) {
		backoff_fail(&backoff, T0, 5000, (uint32_t)(most[i] - most[i] / 2));
		assert_int_equal(backoff.until_ms, T0 + most[i]);
		assert_false(backoff_due(&backoff, T0 + most[i] - 1));
		assert_true(backoff_due(&backoff, T0 + most[i]));
	}
	backoff_reset(&backoff);
	assert_true(backoff_due(&backoff, 0));
	backoff_fail(&backoff, T0, 5000, 0);
	assert_int_equal(backoff.until_ms, T0 + 100);
}

static void jitter_stays_between_half_and_all(void **state)
{
	for (uint32_t random = 0; random < 100000; random += 7) {
		struct backoff backoff = { 0 };

		backoff_fail(&backoff, T0, 60000, random * 40503U);
		assert_in_range(backoff.until_ms, T0 + 100, T0 + 200);
	}
}

static void lasting_failures_wait_long_at_once(void **state)
{
	struct backoff backoff = { 0 };

	backoff_fail_long(&backoff, T0, 5000, 0);
	assert_int_equal(backoff.until_ms, T0 + 2500);
	backoff = (struct backoff){ .failures = UINT32_MAX };
	backoff_fail(&backoff, T0, UINT32_MAX, 0);
	assert_int_equal(backoff.failures, UINT32_MAX);
}

/* Failover */

static const struct kme_config kme_config = { .name = (char *)"k" };

static void set_up(struct failover *failover, size_t count)
{
	struct link_config config = { .kme_count = count, .retry_max_s = 5 };

	for (size_t i = 0; i < count; i++)
		config.kmes[i] = &kme_config;
	dice = 0;
	failover_init(failover, &config, roll);
	for (size_t i = 0; i < count; i++)
		failover->sources[i].status_known = true;
}

static int pick(const struct failover *failover, uint64_t now, unsigned int but)
{
	uint64_t when = UINT64_MAX;

	return failover_pick(failover, ETSI014_DEC_KEYS, now, but, &when);
}

static void the_first_that_works_is_asked(void **state)
{
	struct failover failover;
	uint64_t when = UINT64_MAX;

	set_up(&failover, 3);
	assert_int_equal(pick(&failover, T0, 0), 0);
	failover_failed(&failover, 0, ETSI014_DEC_KEYS, T0, false);
	assert_int_equal(pick(&failover, T0, 0), 1);
	failover_failed(&failover, 1, ETSI014_DEC_KEYS, T0 + 20, false);
	assert_int_equal(pick(&failover, T0, 0), 2);
	failover_failed(&failover, 2, ETSI014_DEC_KEYS, T0 + 30, true);
	assert_int_equal(failover_pick(&failover, ETSI014_DEC_KEYS, T0 + 50, 0, &when),
			 FAILOVER_NONE);
	assert_int_equal(when, T0 + 100);
	/* Back to the preferred one as soon as it may be tried */
	assert_int_equal(pick(&failover, T0 + 100, 0), 0);
	assert_int_equal(pick(&failover, T0 + 130, 1), 1);
	/* Other requests are another matter */
	assert_int_equal(failover_pick(&failover, ETSI014_ENC_KEYS, T0, 0, &when), 0);
	failover_worked(&failover, 2, ETSI014_DEC_KEYS);
	assert_int_equal(pick(&failover, T0, 3), 2);
	assert_int_equal(pick(&failover, T0, failover_all(&failover)), FAILOVER_NONE);
}

static void keys_are_drawn_only_after_a_status(void **state)
{
	struct failover failover;
	uint64_t when = UINT64_MAX;

	set_up(&failover, 2);
	failover.sources[0].status_known = false;
	/* The preferred one's answer is waited for, but not if it has failed. */
	assert_int_equal(failover_pick(&failover, ETSI014_ENC_KEYS, T0, 0, &when), FAILOVER_NONE);
	assert_int_equal(failover_pick(&failover, ETSI014_ENC_KEYS, T0, 1, &when), 1);
	assert_int_equal(failover_pick(&failover, ETSI014_DEC_KEYS, T0, 0, &when), 0);
	failover_failed(&failover, 0, ETSI014_STATUS, T0, false);
	assert_int_equal(failover_pick(&failover, ETSI014_ENC_KEYS, T0, 0, &when), 1);
	failover.sources[1].status_known = false;
	assert_int_equal(failover_pick(&failover, ETSI014_ENC_KEYS, T0, 0, &when), FAILOVER_NONE);
	assert_int_equal(when, UINT64_MAX);
}

static void up_while_one_answers(void **state)
{
	struct failover failover;

	set_up(&failover, 2);
	assert_int_equal(failover_state(&failover), FAILOVER_UP);
	failover_failed(&failover, 0, ETSI014_STATUS, T0, false);
	assert_int_equal(failover_state(&failover), FAILOVER_UP);
	failover.sources[1].status_known = false;
	assert_int_equal(failover_state(&failover), FAILOVER_UNKNOWN);
	failover_failed(&failover, 1, ETSI014_STATUS, T0, false);
	assert_int_equal(failover_state(&failover), FAILOVER_DOWN);
	failover_worked(&failover, 0, ETSI014_STATUS);
	assert_int_equal(failover_state(&failover), FAILOVER_UP);
	/* No keys to give is not down. */
	failover_failed(&failover, 0, ETSI014_ENC_KEYS, T0, false);
	assert_int_equal(failover_state(&failover), FAILOVER_UP);
}

static void limits_of_a_kme_are_kept(void **state)
{
	struct failover failover;

	set_up(&failover, 2);
	assert_int_equal(failover_limit(&failover, 0, 64), 64);
	failover.sources[0].status.max_key_per_request = 10;
	failover.sources[1].status.max_key_per_request = 128;
	assert_int_equal(failover_limit(&failover, 0, 64), 10);
	assert_int_equal(failover_limit(&failover, 1, 64), 64);
}

/* Pool */

static void fills_from_level_to_high_in_batches(void **state)
{
	struct pool pool = { .high = 100 };

	pool_fill(&pool, 10, 1000);
	assert_int_equal(pool_take(&pool, 64), 64);
	assert_int_equal(pool_take(&pool, 64), 26);
	assert_int_equal(pool_take(&pool, 64), 0);
	pool_done(&pool, 64, 64, false);
	pool_done(&pool, 26, 20, false);
	/* What did not come is still owed. */
	assert_int_equal(pool_take(&pool, 64), 6);
	assert_int_equal(pool.asked, 6);
}

static void asks_for_no_more_than_has_room(void **state)
{
	struct pool pool = { .high = 100 };

	pool_fill(&pool, 0, 30);
	assert_int_equal(pool.wanted, 30);
	assert_int_equal(pool_take(&pool, 20), 20);
	/* What is on its way has its place. */
	pool_fill(&pool, 5, 25);
	assert_int_equal(pool.wanted, 5);
	pool_fill(&pool, 100, 25);
	assert_int_equal(pool.wanted, 0);
	pool_fill(&pool, 500, 0);
	assert_int_equal(pool.wanted, 0);
	pool_fill(&pool, 5, 25);
	pool_done(&pool, 20, 3, true);
	assert_int_equal(pool.wanted, 0);
	assert_int_equal(pool.asked, 0);
}

/* Lookup */

static struct lookup lookup;
static struct lookup_batch batch;

static const uint8_t *id(uint8_t n)
{
	static uint8_t ids[256][QKD_KEY_ID_LEN];

	ids[n][QKD_KEY_ID_LEN - 1] = n;
	return ids[n];
}

static int empty_lookup(void **state)
{
	memset(&lookup, 0, sizeof(lookup));
	return 0;
}

static bool take(const struct failover *failover, size_t max)
{
	uint64_t when = UINT64_MAX;

	return lookup_take(&lookup, failover, max, T0, &batch, &when);
}

static void wanted_at_once_asked_for_together(void **state)
{
	struct failover failover;

	set_up(&failover, 1);
	for (uint8_t n = 0; n < 5; n++)
		assert_int_equal(lookup_add(&lookup, id(n), T0 + 100 + n), 0);
	assert_true(take(&failover, 3));
	assert_int_equal(batch.count, 3);
	assert_int_equal(batch.deadline_ms, T0 + 102);
	assert_memory_equal(batch.ids[2], id(2), QKD_KEY_ID_LEN);
	assert_true(take(&failover, 3));
	assert_int_equal(batch.count, 2);
	assert_false(take(&failover, 3));
	/* Asked for again by the kernel, but under way */
	assert_int_equal(lookup_add(&lookup, id(4), T0 + 500), 0);
	assert_false(take(&failover, 3));
	assert_int_equal(lookup.count, 5);
}

static void four_requests_at_once(void **state)
{
	struct failover failover;

	set_up(&failover, 1);
	for (uint8_t n = 0; n < 10; n++) {
		assert_int_equal(lookup_add(&lookup, id(n), T0 + 100), 0);
		assert_int_equal(take(&failover, 64), n < LOOKUP_FLIGHTS);
	}
	lookup_landed(&lookup);
	lookup_found(&lookup, id(0));
	assert_true(take(&failover, 64));
	assert_int_equal(batch.count, 10 - LOOKUP_FLIGHTS);
}

static void deadlines_end_what_waits(void **state)
{
	struct failover failover;

	set_up(&failover, 1);
	assert_int_equal(lookup_add(&lookup, id(0), T0 + 10), 0);
	assert_true(take(&failover, 1));
	assert_int_equal(lookup_add(&lookup, id(1), T0 + 20), 0);
	assert_int_equal(lookup_next(&lookup), T0 + 20);
	lookup_expire(&lookup, T0 + 19);
	assert_int_equal(lookup.count, 2);
	lookup_expire(&lookup, T0 + 20);
	assert_int_equal(lookup.count, 1);
	assert_int_equal(lookup_next(&lookup), UINT64_MAX);
	lookup_landed(&lookup);
	lookup_again(&lookup, &batch);
	lookup_expire(&lookup, T0 + 20);
	assert_int_equal(lookup.count, 0);
}

static void a_bound_of_ids(void **state)
{
	uint8_t any[QKD_KEY_ID_LEN] = { 1 };

	for (unsigned int n = 0; n < LOOKUP_MAX; n++)
		assert_int_equal(lookup_add(&lookup, id((uint8_t)n), T0), 0);
	assert_int_equal(lookup_add(&lookup, any, T0), -ENOSPC);
}

/* One foreign ID among many: the others come, it alone is refused. */
static void refused_requests_are_halved(void **state)
{
	struct failover failover;
	unsigned int requests = 0, found = 0;
	int err = 0;

	set_up(&failover, 1);
	for (uint8_t n = 0; n < 32; n++)
		assert_int_equal(lookup_add(&lookup, id(n), T0 + 100), 0);
	while (take(&failover, 64)) {
		bool foreign = false;

		requests++;
		lookup_landed(&lookup);
		for (size_t i = 0; i < batch.count; i++)
			foreign |= !memcmp(batch.ids[i], id(13), QKD_KEY_ID_LEN);
		for (size_t i = 0; !foreign && i < batch.count; i++, found++)
			lookup_found(&lookup, batch.ids[i]);
		if (foreign && batch.count > 1)
			lookup_split(&lookup, &batch);
		else if (foreign)
			err = lookup_refused(&lookup, batch.ids[0], batch.source, false,
					     failover_all(&failover));
	}
	assert_int_equal(err, ENOKEY);
	assert_int_equal(found, 31);
	assert_int_equal(lookup.count, 0);
	assert_in_range(requests, 2, 2 * 5 + 1);
}

static void given_up_when_all_kmes_refuse(void **state)
{
	struct failover failover;

	set_up(&failover, 2);
	assert_int_equal(lookup_add(&lookup, id(1), T0 + 100), 0);
	assert_true(take(&failover, 64));
	assert_int_equal(batch.source, 0);
	lookup_landed(&lookup);
	assert_int_equal(lookup_refused(&lookup, id(1), 0, true, failover_all(&failover)), 0);
	/* The second is asked, though the first has recovered from whatever it had. */
	assert_true(take(&failover, 64));
	assert_int_equal(batch.source, 1);
	lookup_landed(&lookup);
	assert_int_equal(lookup_refused(&lookup, id(1), 1, false, failover_all(&failover)), EACCES);
	assert_int_equal(lookup.count, 0);
	assert_int_equal(lookup_refused(&lookup, id(1), 1, false, failover_all(&failover)), 0);
}

/* A KME that does not answer may have the key: no refusal until it has been asked. */
static void waits_for_a_kme_that_is_away(void **state)
{
	struct failover failover;
	uint64_t when = UINT64_MAX;

	set_up(&failover, 2);
	failover_failed(&failover, 1, ETSI014_DEC_KEYS, T0, false);
	assert_int_equal(lookup_add(&lookup, id(1), T0 + 1000), 0);
	assert_true(take(&failover, 64));
	lookup_landed(&lookup);
	assert_int_equal(lookup_refused(&lookup, id(1), 0, false, failover_all(&failover)), 0);
	assert_false(lookup_take(&lookup, &failover, 64, T0, &batch, &when));
	assert_int_equal(when, T0 + 100);
	assert_true(lookup_take(&lookup, &failover, 64, T0 + 100, &batch, &when));
	assert_int_equal(batch.source, 1);
}

static void other_kmes_have_refused_nothing(void **state)
{
	struct failover failover;

	set_up(&failover, 2);
	assert_int_equal(lookup_add(&lookup, id(1), T0 + 1000), 0);
	assert_int_equal(lookup_refused(&lookup, id(1), 0, true, 3), 0);
	lookup_reset(&lookup);
	assert_true(take(&failover, 64));
	assert_int_equal(batch.source, 0);
	assert_int_equal(lookup_refused(&lookup, id(1), 0, false, 1), ENOKEY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(delays_double_up_to_a_bound),
		cmocka_unit_test(jitter_stays_between_half_and_all),
		cmocka_unit_test(lasting_failures_wait_long_at_once),
		cmocka_unit_test(the_first_that_works_is_asked),
		cmocka_unit_test(keys_are_drawn_only_after_a_status),
		cmocka_unit_test(up_while_one_answers),
		cmocka_unit_test(limits_of_a_kme_are_kept),
		cmocka_unit_test(fills_from_level_to_high_in_batches),
		cmocka_unit_test(asks_for_no_more_than_has_room),
		cmocka_unit_test_setup(wanted_at_once_asked_for_together, empty_lookup),
		cmocka_unit_test_setup(four_requests_at_once, empty_lookup),
		cmocka_unit_test_setup(deadlines_end_what_waits, empty_lookup),
		cmocka_unit_test_setup(a_bound_of_ids, empty_lookup),
		cmocka_unit_test_setup(refused_requests_are_halved, empty_lookup),
		cmocka_unit_test_setup(given_up_when_all_kmes_refuse, empty_lookup),
		cmocka_unit_test_setup(waits_for_a_kme_that_is_away, empty_lookup),
		cmocka_unit_test_setup(other_kmes_have_refused_nothing, empty_lookup),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
