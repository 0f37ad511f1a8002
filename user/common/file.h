/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whole small files in memory, and the rule for files that hold secrets. */
#ifndef _QKD_COMMON_FILE_H
#define _QKD_COMMON_FILE_H

#include <stddef.h>

/*
 * Reads the regular file @path, at most @max bytes, into a new buffer with a NUL behind it, to be
 * given back with file_free(). A file with a NUL inside is refused. Returns 0 or a negative errno,
 * in particular -EINVAL: not a regular file, or NUL inside; -EFBIG: longer than @max, or growing.
 */
int file_read(const char *path, size_t max, char **text, size_t *len);

/* The same for a file with secrets: -EPERM unless it is closed to group and others. */
int file_read_secret(const char *path, size_t max, char **text, size_t *len);

/* Wipes and frees. NULL does nothing. */
void file_free(char *text, size_t len);

/* What to tell a user about an errno of the above, as "is not a regular file"; never NULL. */
const char *file_problem(int error);

#endif /* _QKD_COMMON_FILE_H */
