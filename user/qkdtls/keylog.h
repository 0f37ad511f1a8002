/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The SSLKEYLOGFILE of --keylog: whoever reads it reads the connections. */
#ifndef _QKDTLS_KEYLOG_H
#define _QKDTLS_KEYLOG_H

#include <stdio.h>

/* Appends to a file closed to group and others, made if absent. NULL: standard error says why. */
FILE *keylog_open(const char *path);

/* A qkdtls_keylog_cb; @arg is the FILE. */
void keylog_line(void *arg, const char *line);

#endif /* _QKDTLS_KEYLOG_H */
