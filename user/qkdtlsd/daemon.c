// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>

#include "common/log.h"
#include "qkdtlsd/activation.h"
#include "qkdtlsd/daemon.h"
#include "qkdtlsd/door.h"

static int load_services(struct daemon *daemon, const char *file)
{
	struct service **last = &daemon->services;
	char message[SETTINGS_MESSAGE_LEN];
	uint32_t place = 0;

	for (const struct service_config *c = daemon->config->services; c; c = c->next) {
		*last = service_new(c, place++, message);
		if (!*last) {
			log_error("%s: %s", file, message);
			return -EINVAL;
		}
		last = &(*last)->next;
	}
	return 0;
}

int daemon_load(struct daemon *daemon, const char *file)
{
	char message[SETTINGS_MESSAGE_LEN];
	int ret = config_load(file, &daemon->config, message);

	if (!ret)
		return load_services(daemon, file);
	log_error("%s", message);
	return ret;
}

/* After all else has gone well, so that a mistake changes nothing */
static int set_access(const struct daemon *daemon)
{
	int ret = 0;

	for (const struct service *s = daemon->services; s && !ret; s = s->next) {
		if (s->config->hand_over && !activation_has(s->config))
			ret = door_set_access(s->config);
	}
	return ret;
}

int daemon_bind(struct daemon *daemon, const struct daemon *old)
{
	size_t count = 0;
	int ret = 0;

	activation_begin();
	for (struct service *s = daemon->services; s && !ret; s = s->next) {
		ret = service_bind(s, daemon->services, old ? old->services : NULL);
		count += service_sockets(s, NULL);
	}
	if (!ret)
		ret = activation_check();
	if (!ret && count > LISTENERS_MAX) {
		log_error("services listen at more than %d addresses", LISTENERS_MAX);
		ret = -E2BIG;
	}
	return ret ? ret : set_access(daemon);
}

size_t daemon_sockets(const struct daemon *daemon, int fds[LISTENERS_MAX])
{
	size_t count = 0;

	for (const struct service *s = daemon->services; s; s = s->next)
		count += service_sockets(s, fds + count);
	return count;
}

unsigned int daemon_open(const struct daemon *daemon)
{
	unsigned int open = 0;

	for (const struct service *s = daemon->services; s; s = s->next)
		open += service_open(s);
	return open;
}

void daemon_report(const struct daemon *daemon)
{
	for (const struct service *s = daemon->services; s; s = s->next)
		report_counters(s->counters, s->config->name, counters_open(s->counters));
}

void daemon_release(struct daemon *daemon)
{
	struct service *next;

	for (struct service *s = daemon->services; s; s = next) {
		next = s->next;
		s->on_idle = NULL;
		service_free(s);
	}
	config_free(daemon->config);
	*daemon = (struct daemon){ 0 };
}
