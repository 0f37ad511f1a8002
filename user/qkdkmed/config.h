/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The configuration file, qkdkmed.conf(5). Constant once read. Whoever works by it holds a reference: requests that
 * are under way when it is read again end as they began.
 */
#ifndef QKDKMED_CONFIG_H
#define QKDKMED_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <qkd/libqkd.h>

#include "common/settings.h"

#define CONFIG_NAME_MAX 31 /* characters of a section's name */
#define CONFIG_KMES_MAX 8 /* KMEs of one link */
#define CONFIG_PATH_MAX 4096

enum kme_method {
	METHOD_POST,
	METHOD_GET, /* where one will do */
};

enum kme_tls {
	TLS_1_2,
	TLS_1_3,
};

/**
 * struct kme_config - a section "[kme NAME]"
 * @next: the next section of the file
 * @name: NAME
 * @line: where the section's first setting stands
 * @seen: settings that were given, by their row in the table of config.c
 *
 * The others are the settings of qkdkmed.conf(5); NULL where one may be left out and was.
 */
struct kme_config {
	struct kme_config *next;
	char *name;
	unsigned int line;
	uint64_t seen;

	char *url;
	char *certificate;
	char *private_key;
	char *trust;
	char *pin;
	int tls_min; /* enum kme_tls */
	int method; /* enum kme_method */
	uint32_t connect_timeout_ms;
	uint32_t request_timeout_ms;
};

/**
 * struct link_config - a section "[link NAME]"
 * @next: the next section of the file
 * @name: NAME, which is the link's
 * @line: where the section's first setting stands
 * @seen: settings that were given
 * @kme_names: as in the file
 * @kmes: the same, looked up, in order of preference
 * @kme_count: how many
 */
struct link_config {
	struct link_config *next;
	char *name;
	unsigned int line;
	uint64_t seen;

	char *kme_names;
	const struct kme_config *kmes[CONFIG_KMES_MAX];
	size_t kme_count;
	char *remote_sae;
	uint32_t high;
	uint32_t batch;
	uint32_t status_interval_s;
	uint32_t retry_max_s;
};

struct config {
	unsigned int references;
	struct kme_config *kmes;
	struct link_config *links; /* in the order of the file; at least one */
};

/*
 * 0 and *@config, for config_put(); or a negative errno and one line in @message that names file, line and remedy.
 */
int config_load(const char *file, struct config **config, char message[SETTINGS_MESSAGE_LEN]);

/*
 * The files that it names: there, readable, private keys by their owner alone; each holds what it should, and the
 * private key belongs to the certificate. As above.
 */
int config_check_files(const struct config *config, const char *file,
		       char message[SETTINGS_MESSAGE_LEN]);

struct config *config_get(struct config *config);
void config_put(struct config *config); /* NULL does nothing */

const struct link_config *config_find_link(const struct config *config, const char *name);

/* Would a link work by both in the same way? */
bool config_same_link(const struct link_config *a, const struct link_config *b);

#endif /* QKDKMED_CONFIG_H */
