/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * FILE.spent: the IDs of the keys of a key file that have been used, so that no later run, and no other
 * process at the same time, uses one again. It is append-only: one ID a line, written and synced before
 * the key is used.
 */
#ifndef _QKDTLS_SPENT_FILE_H
#define _QKDTLS_SPENT_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <linux/qkd.h>

struct spent_file {
	int fd;
	off_t read; /* bytes of it that have been told to @mark */
	/* Told each ID in it, those that other processes add included. */
	void (*mark)(void *arg, const uint8_t id[QKD_KEY_ID_LEN]);
	void *arg;
};

/*
 * Opens or makes the file, readable by its owner only, and reads it. 0 or a negative errno; -EPERM: others
 * may write it or it is not ours; -EINVAL: it has a line that is no ID, or is no regular file.
 */
int spent_file_open(struct spent_file *spent, const char *path);
void spent_file_close(struct spent_file *spent);

/*
 * Between these no other process changes the file; the first brings @mark up to date. 0 or a negative
 * errno, then it is not locked.
 */
int spent_file_lock(struct spent_file *spent);
void spent_file_unlock(struct spent_file *spent);

/* Adds an ID, with the lock held. 0: it is on the disk. Otherwise the key may not be used. */
int spent_file_add(struct spent_file *spent, const uint8_t id[QKD_KEY_ID_LEN]);

#endif /* _QKDTLS_SPENT_FILE_H */
