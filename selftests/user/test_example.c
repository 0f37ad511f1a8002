// SPDX-License-Identifier: GPL-2.0-or-later
/* The example in Documentation/ is a program that works, and that fails with a status. */
int example_main(int argc, char **argv);
#define main example_main
#include "../../Documentation/tls-example.c"
#undef main

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "pki.h"

static char *arg(const char *text)
{
	return (char *)(uintptr_t)text;
}

static int run(struct pki *pki, const char *name)
{
	char *argv[] = { arg("tls-example"),
			 arg(pki_path(pki, "server.pem")),
			 arg(pki_path(pki, "server.key")),
			 arg(pki_path(pki, "ca.pem")),
			 arg(name),
			 NULL };

	return example_main(5, argv);
}

static void example_shakes_hands(void **state)
{
	assert_int_equal(run(*state, PKI_SERVER_NAME), 0);
}

static void example_refuses_another_name(void **state)
{
	assert_int_equal(run(*state, "basel.example"), 1);
}

static int setup(void **state)
{
	*state = pki_new();
	return 0;
}

static int teardown(void **state)
{
	pki_free(*state);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(example_shakes_hands),
		cmocka_unit_test(example_refuses_another_name),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
