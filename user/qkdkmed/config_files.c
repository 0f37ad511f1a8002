// SPDX-License-Identifier: GPL-2.0-or-later
/* The files that a configuration names, looked at before a connection needs them. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/file.h"
#include "qkdkmed/config.h"

#define PEM_MAX (1U << 20)

struct file_use {
	const char *setting;
	const char *path;
	const char *label; /* what stands in its first line */
	bool secret;
};

static int look(const struct kme_config *kme, const struct file_use *use, const char *file,
		char *message)
{
	char *text = NULL;
	size_t len = 0;
	int ret;

	ret = use->secret ? file_read_secret(use->path, PEM_MAX, &text, &len)
			  : file_read(use->path, PEM_MAX, &text, &len);
	if (ret) {
		snprintf(message, SETTINGS_MESSAGE_LEN, "%s:%u: kme \"%s\": \"%s\": %s: %s", file,
			 kme->line, kme->name, use->setting, use->path, file_problem(ret));
		return ret;
	}
	if (!strstr(text, "-----BEGIN ") || !strstr(text, use->label)) {
		snprintf(message, SETTINGS_MESSAGE_LEN,
			 "%s:%u: kme \"%s\": \"%s\": %s: holds no %s in PEM", file, kme->line,
			 kme->name, use->setting, use->path, use->label);
		ret = -EINVAL;
	}
	file_free(text, len);
	return ret;
}

static int look_kme(const struct kme_config *kme, const char *file, char *message)
{
	const struct file_use uses[] = {
		{ "certificate", kme->certificate, "CERTIFICATE", false },
		{ "private-key", kme->private_key, "PRIVATE KEY", true },
		{ "trust", kme->trust, "CERTIFICATE", false },
	};
	int ret = 0;

	for (size_t i = 0; !ret && i < sizeof(uses) / sizeof(uses[0]); i++) {
		if (uses[i].path)
			ret = look(kme, &uses[i], file, message);
	}
	return ret;
}

int config_check_files(const struct config *config, const char *file,
		       char message[SETTINGS_MESSAGE_LEN])
{
	int ret = 0;

	for (const struct kme_config *kme = config->kmes; kme && !ret; kme = kme->next)
		ret = look_kme(kme, file, message);
	return ret;
}
