/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A file of lines that is only ever appended to, each line ending in a hash over the hash of the line
 * before it and its own text, so that a line that is changed, added in between or taken out shows. A
 * line is text, a space, "hash" and 64 hexadecimal digits, or a JSON object whose last member is "hash".
 */
#ifndef _QKDCTL_CHAIN_H
#define _QKDCTL_CHAIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CHAIN_HASH_LEN	32
#define CHAIN_LINE_MAX	1024 /* bytes of a line, with its end */
#define CHAIN_BATCH_LEN 65536 /* bytes that wait to be written */

/**
 * struct chain - a file that is open for appending
 * @fd: the file, locked; -1: none
 * @hash: of the last line; zeros before the first
 * @len: bytes used of @batch
 * @batch: lines yet to be written
 */
struct chain {
	int fd;
	uint8_t hash[CHAIN_HASH_LEN];
	size_t len;
	char batch[CHAIN_BATCH_LEN];
};

/*
 * Opens @path, made if need be (mode 0600), and goes on after its last line. 0 or a negative errno:
 * -EBUSY, another process appends to it; -EINVAL, it is no regular file; -EBADMSG, its last line is
 * none of a chain, as one that was torn is not.
 */
int chain_open(struct chain *chain, const char *path);

/*
 * Appends a line. @text has no line end; with @json it is an object of at least one member. 0 or a
 * negative errno: -EMSGSIZE, or that of chain_flush(), which it calls when it has no room.
 */
int chain_append(struct chain *chain, const char *text, bool json);

/* Writes what waits, and returns when it is on the disk. 0 or a negative errno. */
int chain_flush(struct chain *chain);

void chain_close(struct chain *chain);

/*
 * Takes the line at @line, @len bytes without its end, apart: its text, how long it is, and its hash.
 * Only the form is checked. False if it is none of a chain.
 */
bool chain_split(const char *line, size_t len, size_t *text_len, uint8_t hash[CHAIN_HASH_LEN]);

/* @hash, that of the line before, becomes that of the line of this text. 0 or -ENOMEM */
int chain_next(uint8_t hash[CHAIN_HASH_LEN], const char *text, size_t len);

#endif /* _QKDCTL_CHAIN_H */
