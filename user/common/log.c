// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>

#include "common/log.h"

static struct {
	const char *program;
	bool journal;
} log_state;

void log_init(const char *program)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat st;

	log_state.program = program;
	log_state.journal = stream && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
			    !fstat(2, &st) && st.st_dev == device && st.st_ino == inode;
}

static void __attribute__((format(printf, 3, 0)))
log_line(const char *priority, const char *word, const char *format, va_list args)
{
	char line[1024];

	vsnprintf(line, sizeof(line), format, args);
	for (char *c = line; *c; c++) {
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	}
	if (log_state.journal)
		fprintf(stderr, "%s%s\n", priority, line);
	else
		fprintf(stderr, "%s: %s%s\n", log_state.program, word, line);
}

void log_error(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_line(SD_ERR, "error: ", format, args);
	va_end(args);
}

void log_warning(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_line(SD_WARNING, "warning: ", format, args);
	va_end(args);
}

void log_info(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	log_line(SD_INFO, "", format, args);
	va_end(args);
}
