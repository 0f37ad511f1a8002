/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Configuration files: sections of "NAME = VALUE", read by libinih, each value by the row of a table. The first
 * mistake is the one that is reported, in one line with file, line and remedy.
 */
#ifndef _QKD_COMMON_SETTINGS_H
#define _QKD_COMMON_SETTINGS_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define SETTINGS_MESSAGE_LEN 512

struct settings;

/**
 * struct setting - one row of a table
 * @name: as in the file
 * @set: reads the value into the field; 0, or a negative errno after settings_mistake()
 * @offset: of the field in the structure that the table is about
 * @min: smallest number or length
 * @max: largest number or length
 * @words: for settings_word(): values by their number, at least two, then NULL
 */
struct setting {
	const char *name;
	int (*set)(struct settings *settings, const struct setting *setting, const char *value,
		   void *field);
	size_t offset;
	uint32_t min;
	uint32_t max;
	const char *const *words;
};

/**
 * struct settings - one reading of a file
 * @file: its name, for messages
 * @line: line being read
 * @on_value: called for each "NAME = VALUE"; 0 or a negative errno
 * @arg: for @on_value
 * @message: what the first mistake was, SETTINGS_MESSAGE_LEN characters
 * @error: negative errno of it
 * @stream: the open file
 */
struct settings {
	const char *file;
	unsigned int line;
	int (*on_value)(struct settings *settings, const char *section, const char *name,
			const char *value);
	void *arg;
	char *message;
	int error;
	FILE *stream;
};

/* Reads the whole file. 0, or the negative errno of the first mistake with its message. */
int settings_read(struct settings *settings);

/* Says what is wrong at @line and how it is put right; returns -EINVAL. */
int settings_mistake(struct settings *settings, unsigned int line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
int settings_no_memory(struct settings *settings); /* -ENOMEM */

/* Whether a section "[PREFIX NAME]" may have this name; @prefix has its blank. 0, or -EINVAL after it was said. */
int settings_name(struct settings *settings, const char *prefix, const char *name, size_t max);

/*
 * Finds @name among @count rows, refuses it if its bit of *@seen (at most 64 rows) says that it was given before,
 * and has it read into @base. @section and @page are for messages: "kme zurich", "qkdkmed.conf(5)".
 */
int settings_apply(struct settings *settings, const struct setting *rows, size_t count,
		   uint64_t *seen, void *base, const char *section, const char *page,
		   const char *name, const char *value);

/* For @set: char * (given back with free()), uint32_t, an int with the word's number, a bool */
int settings_text(struct settings *settings, const struct setting *setting, const char *value,
		  void *field);
int settings_number(struct settings *settings, const struct setting *setting, const char *value,
		    void *field);
int settings_word(struct settings *settings, const struct setting *setting, const char *value,
		  void *field);
int settings_flag(struct settings *settings, const struct setting *setting, const char *value,
		  void *field);

#endif /* _QKD_COMMON_SETTINGS_H */
