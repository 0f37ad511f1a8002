// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "common/number.h"
#include "common/settings.h"

int settings_mistake(struct settings *settings, unsigned int line, const char *format, ...)
{
	va_list args;
	int n;

	if (settings->error)
		return -EINVAL;
	settings->error = -EINVAL;
	n = snprintf(settings->message, SETTINGS_MESSAGE_LEN, "%s:%u: ", settings->file, line);
	if (n < 0 || n >= SETTINGS_MESSAGE_LEN)
		return -EINVAL;
	va_start(args, format);
	vsnprintf(settings->message + n, SETTINGS_MESSAGE_LEN - (size_t)n, format, args);
	va_end(args);
	return -EINVAL;
}

int settings_no_memory(struct settings *settings)
{
	settings_mistake(settings, settings->line, "out of memory");
	settings->error = -ENOMEM;
	return -ENOMEM;
}

int settings_name(struct settings *settings, const char *prefix, const char *name, size_t max)
{
	size_t len =
		strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");

	if (len && len <= max && !name[len])
		return 0;
	return settings_mistake(settings, settings->line,
				"section \"[%s%s]\": a name is 1 to %zu letters, digits, \"-\", "
				"\"_\" and \".\"",
				prefix, name, max);
}

int settings_text(struct settings *settings, const struct setting *setting, const char *value,
		  void *field)
{
	const size_t len = strlen(value);

	if (len < setting->min)
		return settings_mistake(settings, settings->line,
					"\"%s\" is empty; give it a value or remove the line",
					setting->name);
	if (len > setting->max)
		return settings_mistake(settings, settings->line,
					"\"%s\" is longer than %u characters; shorten it",
					setting->name, setting->max);
	*(char **)field = strdup(value);
	return *(char **)field ? 0 : settings_no_memory(settings);
}

int settings_number(struct settings *settings, const struct setting *setting, const char *value,
		    void *field)
{
	if (!number_parse(value, setting->min, setting->max, field))
		return 0;
	return settings_mistake(settings, settings->line,
				"\"%s = %s\": give a whole number from %u to %u", setting->name,
				value, setting->min, setting->max);
}

int settings_word(struct settings *settings, const struct setting *setting, const char *value,
		  void *field)
{
	for (int i = 0; setting->words[i]; i++) {
		if (!strcmp(setting->words[i], value)) {
			*(int *)field = i;
			return 0;
		}
	}
	return settings_mistake(settings, settings->line, "\"%s = %s\": give \"%s\" or \"%s\"",
				setting->name, value, setting->words[0], setting->words[1]);
}

int settings_flag(struct settings *settings, const struct setting *setting, const char *value,
		  void *field)
{
	*(bool *)field = !strcmp(value, "yes");
	if (*(bool *)field || !strcmp(value, "no"))
		return 0;
	return settings_mistake(settings, settings->line, "\"%s = %s\": give \"no\" or \"yes\"",
				setting->name, value);
}

int settings_apply(struct settings *settings, const struct setting *rows, size_t count,
		   uint64_t *seen, void *base, const char *section, const char *page,
		   const char *name, const char *value)
{
	size_t i;

	for (i = 0; i < count && strcmp(rows[i].name, name); i++)
		;
	if (i == count)
		return settings_mistake(settings, settings->line,
					"unknown setting \"%s\" in %s; %s lists what there is",
					name, section, page);
	if (*seen & (1ULL << i))
		return settings_mistake(settings, settings->line,
					"\"%s\" is given twice in %s; remove one", name, section);
	*seen |= 1ULL << i;
	return rows[i].set(settings, &rows[i], value, (char *)base + rows[i].offset);
}

/* libinih's callback: 1 is success */
static int on_value(void *arg, const char *section, const char *name, const char *value)
{
	struct settings *settings = arg;

	return !settings->error && !settings->on_value(settings, section, name, value);
}

/* libinih's reader: counts lines and refuses what it would cut or misread in silence. */
static char *on_line(char *line, int size, void *arg)
{
	struct settings *settings = arg;
	size_t len;

	if (settings->error || !fgets(line, size, settings->stream))
		return NULL;
	settings->line++;
	len = strlen(line);
	if (len && line[len - 1] == '\n')
		return line;
	if (feof(settings->stream) && len)
		return line;
	if ((int)len + 1 >= size)
		settings_mistake(settings, settings->line,
				 "line is longer than %d characters; shorten it", size - 2);
	else
		settings_mistake(settings, settings->line, "line holds a NUL character; remove it");
	return NULL;
}

int settings_read(struct settings *settings)
{
	int line;

	settings->message[0] = '\0';
	settings->stream = fopen(settings->file, "re");
	if (!settings->stream) {
		settings->error = -errno;
		snprintf(settings->message, SETTINGS_MESSAGE_LEN,
			 "%s: %s; name the configuration with -c FILE", settings->file,
			 strerror(errno));
		return settings->error;
	}
	line = ini_parse_stream(on_line, settings, on_value, settings);
	/* What libinih itself stumbles over has no message yet. */
	if (line == -2)
		settings_no_memory(settings);
	else if (line)
		settings_mistake(settings, (unsigned int)line,
				 "not understood; lines are \"[SECTION]\", \"NAME = VALUE\" or "
				 "\"# COMMENT\"");
	if (!settings->error && ferror(settings->stream)) {
		settings_mistake(settings, settings->line, "cannot be read further");
		settings->error = -EIO;
	}
	fclose(settings->stream);
	settings->stream = NULL;
	return settings->error;
}
