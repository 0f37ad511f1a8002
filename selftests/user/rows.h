/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Table-driven tests whose rows are tests of their own, each named "TABLE: WHAT: ALERT" in the output, so
 * that Documentation/conformance.md can name them and tools/conformance can see that they are there.
 *
 * A row's test finds its row in *state; all others find the certificates there, as with site_setup().
 */
#ifndef _QKD_SELFTESTS_ROWS_H
#define _QKD_SELFTESTS_ROWS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <qkd/qkdtls.h>
#include "pki.h"

/* One row; it must stay where it is until rows_run() is over. */
void rows_add(CMUnitTestFunction test, const char *table, const char *what, int alert,
	      const void *row);

/* All rows of an array of structures with members what and alert */
#define ROWS(test, table)                                                                    \
	do {                                                                                 \
		for (size_t row_ = 0; row_ < sizeof(table) / sizeof((table)[0]); row_++)     \
			rows_add(test, #table, (table)[row_].what, (int)(table)[row_].alert, \
				 &(table)[row_]);                                            \
	} while (0)

/* All rows, then the other tests; for main() to return. With ROWS_LIST in the environment: only their names */
int rows_run(const struct CMUnitTest *tests, size_t count);

struct pki *rows_pki(void);

#endif /* _QKD_SELFTESTS_ROWS_H */
