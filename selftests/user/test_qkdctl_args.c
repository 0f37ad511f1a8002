// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "qkdctl/args.h"

#define WORDS_MAX    32
#define LINE_MAX_LEN 1024
#define GOOD	     "alpha provider sim local geneva remote zurich role a seed-file /etc/seed"
#define A32	     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A256	     A32 A32 A32 A32 A32 A32 A32 A32

/* A command line in words, "_" standing for an empty one. */
struct line {
	char text[LINE_MAX_LEN];
	char *argv[WORDS_MAX];
	int argc;
};

static void split(struct line *line, const char *text)
{
	char *save = NULL;

	assert_true(strlen(text) < sizeof(line->text));
	strcpy(line->text, text);
	line->argc = 0;
	for (char *word = strtok_r(line->text, " ", &save); word;
	     word = strtok_r(NULL, " ", &save)) {
		assert_true(line->argc < WORDS_MAX);
		line->argv[line->argc++] = strcmp(word, "_") ? word : word + 1;
	}
}

static int link_add(const char *text, struct line *line, struct link_add_args *args, char *problem)
{
	split(line, text);
	return args_link_add(line->argc, line->argv, args, problem);
}

static void link_add_needs_no_options(void **state)
{
	char problem[PROBLEM_LEN];
	struct link_add_args args;
	struct line line;

	assert_int_equal(link_add(GOOD, &line, &args, problem), 0);
	assert_string_equal(args.request.name, "alpha");
	assert_string_equal(args.request.provider, "sim");
	assert_string_equal(args.request.local_sae, "geneva");
	assert_string_equal(args.request.remote_sae, "zurich");
	assert_int_equal(args.request.role, QKD_ROLE_A);
	assert_string_equal(args.seed_file, "/etc/seed");
	assert_int_equal(args.request.sim_seed_fd, -1);
	assert_null(args.request.capacity);
	assert_null(args.request.ttl_s);
	assert_null(args.request.low);
	assert_null(args.request.sim_rate);
}

static void link_add_takes_all_options_in_any_order(void **state)
{
	char problem[PROBLEM_LEN];
	struct link_add_args args;
	struct line line;

	assert_int_equal(
		link_add(
			"x.y_z-9 low 3 ttl 0 lease 5 degrade-after 9 quota-rate 1048576 reserve 8 priority-gid 77 raw off capacity 1048576 rate 256 seed-file s role b "
			"remote r local l provider sim",
			&line, &args, problem),
		0);
	assert_string_equal(args.request.name, "x.y_z-9");
	assert_int_equal(args.request.role, QKD_ROLE_B);
	assert_int_equal(*args.request.low, 3);
	assert_int_equal(*args.request.ttl_s, 0);
	assert_int_equal(*args.request.lease_s, 5);
	assert_int_equal(*args.request.degrade_after, 9);
	assert_int_equal(*args.request.quota_rate, 1048576);
	assert_null(args.request.quota_burst);
	assert_int_equal(*args.request.reserve, 8);
	assert_int_equal(*args.request.priority_gid, 77);
	assert_int_equal(*args.request.raw, 0);
	assert_int_equal(*args.request.capacity, 1048576);
	assert_int_equal(*args.request.sim_rate, 256);
}

static void link_add_of_a_feed_needs_no_role(void **state)
{
	char problem[PROBLEM_LEN];
	struct link_add_args args;
	struct line line;

	assert_int_equal(
		link_add("alpha provider feed local geneva remote zurich", &line, &args, problem),
		0);
	assert_string_equal(args.request.provider, "feed");
	assert_int_equal(args.request.role, QKD_ROLE_A);
	assert_null(args.seed_file);
	assert_int_equal(
		link_add("alpha provider feed local l remote r role b", &line, &args, problem), 0);
	assert_int_equal(args.request.role, QKD_ROLE_B);
	assert_int_equal(
		link_add("alpha provider feed local l remote r seed-file s", &line, &args, problem),
		-EINVAL);
}

static void link_set_takes_what_is_named(void **state)
{
	char problem[PROBLEM_LEN];
	struct link_set_args args;
	struct line line;

	split(&line, "alpha low 3 lease 3600");
	assert_int_equal(args_link_set(line.argc, line.argv, &args, problem), 0);
	assert_int_equal(*args.change.lease_s, 3600);
	assert_string_equal(args.change.name, "alpha");
	assert_int_equal(*args.change.low, 3);
	assert_null(args.change.ttl_s);
	assert_int_equal(args.change.sim.given, 0);
	split(&line, "alpha rate 256");
	assert_int_equal(args_sim_set(line.argc, line.argv, &args, problem), 0);
	assert_int_equal(args.change.sim.value[QKD_A_SIM_RATE], 256);
	assert_null(args.change.low);
	assert_int_equal(args_link_set(line.argc, line.argv, &args, problem), -EINVAL);
	split(&line, "alpha");
	assert_int_equal(args_link_set(line.argc, line.argv, &args, problem), -EINVAL);
	assert_int_equal(args_sim_set(line.argc, line.argv, &args, problem), -EINVAL);
	assert_int_equal(args_sim_set(0, NULL, &args, problem), -EINVAL);
}

static void sim_set_takes_numbers_switches_and_words_alone(void **state)
{
	static const char *const wrong[][2] = {
		{ "alpha outage yes", "on or off" },
		{ "alpha outage", "nothing follows" },
		{ "alpha outage on outage off", "twice" },
		{ "alpha unplug on", "unknown word 'on'" },
		{ "alpha unplug unplug", "twice" },
		{ "alpha loss 1000001", "0 to 1000000" },
		{ "alpha jitter 60001", "0 to 60000" },
		{ "alpha qber 500001", "0 to 500000" },
		{ "alpha seed x", "seed-file" },
	};
	char problem[PROBLEM_LEN];
	struct link_set_args args;
	struct line line;

	split(&line, "alpha unplug outage on eavesdropper off jitter 60000 flip 0");
	assert_int_equal(args_sim_set(line.argc, line.argv, &args, problem), 0);
	assert_true(args.change.sim.given ==
		    (1U << QKD_A_SIM_UNPLUG | 1U << QKD_A_SIM_OUTAGE |
		     1U << QKD_A_SIM_EAVESDROPPER | 1U << QKD_A_SIM_JITTER | 1U << QKD_A_SIM_FLIP));
	assert_int_equal(args.change.sim.value[QKD_A_SIM_UNPLUG], 1);
	assert_int_equal(args.change.sim.value[QKD_A_SIM_OUTAGE], 1);
	assert_int_equal(args.change.sim.value[QKD_A_SIM_EAVESDROPPER], 0);
	assert_int_equal(args.change.sim.value[QKD_A_SIM_JITTER], 60000);
	assert_int_equal(args.change.sim.value[QKD_A_SIM_FLIP], 0);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		split(&line, wrong[i][0]);
		assert_int_equal(args_sim_set(line.argc, line.argv, &args, problem), -EINVAL);
		if (!strstr(problem, wrong[i][1]))
			fail_msg("'%s' said '%s'", wrong[i][0], problem);
	}
}

static void link_add_says_what_is_wrong(void **state)
{
	static const struct {
		const char *line;
		const char *says;
	} cases[] = {
		{ "", "name of a link" },
		{ "alpha", "'provider' is missing" },
		{ "alpha provider sim remote r role a seed-file s", "'local' is missing" },
		{ "alpha provider sim local l role a seed-file s", "'remote' is missing" },
		{ "alpha provider sim local l remote r seed-file s", "'role' is missing" },
		{ "alpha provider card local l remote r", "'role' is missing" },
		{ "alpha provider sim local l remote r role a", "needs 'seed-file FILE'" },
		{ "alpha provider card local l remote r role a seed-file s",
		  "for provider sim only" },
		{ "alpha provider card local l remote r role a rate 256", "for provider sim only" },
		{ "alpha provider", "nothing follows 'provider'" },
		{ GOOD " rate", "nothing follows 'rate'" },
		{ GOOD " colour blue", "unknown word 'colour'" },
		{ GOOD " Rate 256", "unknown word 'Rate'" },
		{ GOOD " role b", "'role' is given twice" },
		{ GOOD " rate 255", "256 to 100000000" },
		{ GOOD " rate 100000001", "256 to 100000000" },
		{ GOOD " rate 4294967552", "256 to 100000000" },
		{ GOOD " rate 1000bps", "256 to 100000000" },
		{ GOOD " rate 0x1000", "256 to 100000000" },
		{ GOOD " rate +1000", "256 to 100000000" },
		{ GOOD " rate 1e6", "256 to 100000000" },
		{ GOOD " rate _", "256 to 100000000" },
		{ GOOD " capacity 0", "1 to 1048576" },
		{ GOOD " capacity 1048577", "1 to 1048576" },
		{ GOOD " ttl -1", "0 to 604800" },
		{ GOOD " ttl 604801", "0 to 604800" },
		{ GOOD " low 1048577", "0 to 1048576" },
		{ GOOD " lease 0", "1 to 3600" },
		{ GOOD " lease 3601", "1 to 3600" },
		{ GOOD " degrade-after -1", "0 to 4294967295" },
		{ GOOD " quota-rate 1048577", "0 to 1048576" },
		{ GOOD " quota-burst 1048577", "0 to 1048576" },
		{ GOOD " priority-gid users", "0 to 4294967295" },
		{ GOOD " raw 1", "on or off" },
		{ "alpha provider sim local l remote r role c seed-file s", "'role c'" },
		{ "alpha provider sim local l remote r role ab seed-file s", "'role ab'" },
		{ "alpha provider sim local l remote r role A seed-file s", "'role A'" },
		{ "alpha provider sim local same remote same role a seed-file s", "must differ" },
		{ "alpha provider sim local _ remote r role a seed-file s", "1 to 255" },
		{ "alpha provider sim local l remote " A256 " role a seed-file s", "1 to 255" },
		{ "alpha provider sim local l\x01 remote r role a seed-file s", "printable" },
		{ "alpha provider sim local l remote z\xc3\xbcrich role a seed-file s",
		  "printable" },
		{ A32 " provider sim local l remote r role a seed-file s", "no name for a link" },
		{ "al/pha provider sim local l remote r role a seed-file s", "no name for a link" },
		{ "_ provider sim local l remote r role a seed-file s", "no name for a link" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char problem[PROBLEM_LEN] = "";
		struct link_add_args args;
		struct line line;

		assert_int_equal(link_add(cases[i].line, &line, &args, problem), -EINVAL);
		if (!strstr(problem, cases[i].says))
			fail_msg("'%s' said '%s', not '%s'", cases[i].line, problem, cases[i].says);
	}
}

static void a_seed_is_refused_and_not_repeated(void **state)
{
	static const char *const lines[] = {
		GOOD " seed deadbeef",
		GOOD " seed=deadbeef",
		"alpha provider sim seed deadbeef local l remote r role a",
	};

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		char problem[PROBLEM_LEN] = "";
		struct link_add_args args;
		struct line line;

		assert_int_equal(link_add(lines[i], &line, &args, problem), -EINVAL);
		assert_non_null(strstr(problem, "seed-file FILE"));
		assert_null(strstr(problem, "deadbeef"));
	}
}

static int key_get(const char *text, struct line *line, struct key_get_args *args, char *problem)
{
	split(line, text);
	return args_key_get(line->argc, line->argv, args, problem);
}

static void key_get_takes_a_link_and_an_id(void **state)
{
	char problem[PROBLEM_LEN];
	struct key_get_args args;
	struct line line;

	assert_int_equal(key_get("alpha", &line, &args, problem), 0);
	assert_string_equal(args.link, "alpha");
	assert_false(args.by_id);
	assert_int_equal(
		key_get("alpha id 01234567-89AB-cdef-0123-456789abcdef", &line, &args, problem), 0);
	assert_true(args.by_id);
	assert_int_equal(args.id[0], 0x01);
	assert_int_equal(args.id[15], 0xef);
}

static void key_get_says_what_is_wrong(void **state)
{
	static const struct {
		const char *line;
		const char *says;
	} cases[] = {
		{ "", "name of a link" },
		{ "al/pha", "no name for a link" },
		{ "alpha id", "nothing follows 'id'" },
		{ "alpha id 1234", "'id 1234'" },
		{ "alpha id 01234567-89ab-cdef-0123-456789abcdef0", "a key's ID is wanted" },
		{ "alpha 01234567-89ab-cdef-0123-456789abcdef", "unknown word" },
		{ "alpha id 01234567-89ab-cdef-0123-456789abcdef now", "unknown word 'now'" },
		{ "alpha seed x", "seed-file FILE" },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char problem[PROBLEM_LEN] = "";
		struct key_get_args args;
		struct line line;

		assert_int_equal(key_get(cases[i].line, &line, &args, problem), -EINVAL);
		if (!strstr(problem, cases[i].says))
			fail_msg("'%s' said '%s', not '%s'", cases[i].line, problem, cases[i].says);
	}
}

static void one_link_and_nothing_are_just_that(void **state)
{
	char problem[PROBLEM_LEN];
	const char *name;
	struct line line;

	split(&line, "alpha");
	assert_int_equal(args_link(line.argc, line.argv, &name, problem), 0);
	assert_string_equal(name, "alpha");
	assert_int_equal(args_none(line.argc, line.argv, problem), -EINVAL);
	assert_non_null(strstr(problem, "'alpha'"));
	split(&line, "alpha beta");
	assert_int_equal(args_link(line.argc, line.argv, &name, problem), -EINVAL);
	assert_non_null(strstr(problem, "'beta'"));
	split(&line, "");
	assert_int_equal(args_link(line.argc, line.argv, &name, problem), -EINVAL);
	assert_int_equal(args_none(line.argc, line.argv, problem), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(link_add_needs_no_options),
		cmocka_unit_test(link_add_takes_all_options_in_any_order),
		cmocka_unit_test(link_add_of_a_feed_needs_no_role),
		cmocka_unit_test(link_set_takes_what_is_named),
		cmocka_unit_test(sim_set_takes_numbers_switches_and_words_alone),
		cmocka_unit_test(link_add_says_what_is_wrong),
		cmocka_unit_test(a_seed_is_refused_and_not_repeated),
		cmocka_unit_test(key_get_takes_a_link_and_an_id),
		cmocka_unit_test(key_get_says_what_is_wrong),
		cmocka_unit_test(one_link_and_nothing_are_just_that),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
