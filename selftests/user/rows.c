// SPDX-License-Identifier: GPL-2.0-or-later
#include "rows.h"

#include <stdio.h>
#include <stdlib.h>

#include "site.h"

#define NAME_MAX_LEN 160

static struct CMUnitTest *all;
static size_t all_count;
static void *pki;

static struct CMUnitTest *add(void)
{
	all = realloc(all, (all_count + 1) * sizeof(*all));
	if (!all)
		abort();
	all[all_count] = (struct CMUnitTest){ .name = NULL };
	return &all[all_count++];
}

void rows_add(CMUnitTestFunction test, const char *table, const char *what, int alert,
	      const void *row)
{
	struct CMUnitTest *unit = add();
	char *name = malloc(NAME_MAX_LEN);

	if (!name)
		abort();
	/* What is no alert is no refusal (the record layer says -EAGAIN for "go on"). */
	snprintf(name, NAME_MAX_LEN, "%s: %s: %s", table, what,
		 alert > 0 ? qkdtls_alert_name((enum qkdtls_alert)alert) : "none");
	unit->name = name;
	unit->test_func = test;
	unit->initial_state = (void *)(uintptr_t)row;
}

/* cmocka would give the group's state to rows as well, so there is none. */
static int group_setup(void **state)
{
	(void)state;
	return site_setup(&pki);
}

static int group_teardown(void **state)
{
	(void)state;
	return site_teardown(&pki);
}

static int give_pki(void **state)
{
	*state = pki;
	return 0;
}

struct pki *rows_pki(void)
{
	return pki;
}

static int list_names(void)
{
	for (size_t i = 0; i < all_count; i++)
		puts(all[i].name);
	return 0;
}

int rows_run(const struct CMUnitTest *tests, size_t count)
{
	const size_t rows = all_count;
	int failed;

	for (size_t i = 0; i < count; i++) {
		struct CMUnitTest *unit = add();

		*unit = tests[i];
		if (!unit->setup_func)
			unit->setup_func = give_pki;
	}
	if (getenv("ROWS_LIST"))
		failed = list_names();
	else
		failed = _cmocka_run_group_tests("tests", all, all_count, group_setup,
						 group_teardown);
	for (size_t i = 0; i < rows; i++)
		free((void *)(uintptr_t)all[i].name);
	free(all);
	return failed;
}
