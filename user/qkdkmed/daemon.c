// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <string.h>
#include <systemd/sd-daemon.h>

#include "common/clock.h"
#include "common/log.h"
#include "common/signals.h"
#include "qkdkmed/daemon.h"

#define US_PER_MS 1000

static int load(const char *file, struct config **config)
{
	char message[SETTINGS_MESSAGE_LEN];
	int ret = config_load(file, config, message);

	if (!ret) {
		ret = config_check_files(*config, file, message);
		if (ret)
			config_put(*config);
	}
	if (ret)
		log_error("%s", message);
	return ret;
}

int daemon_load(struct daemon *daemon, const char *file)
{
	struct config *config;
	int ret = load(file, &config);

	if (ret)
		return ret;
	daemon->file = file;
	daemon->config = config;
	return 0;
}

static struct link *find_link(const struct daemon *daemon, const char *name)
{
	struct link *link = daemon->links;

	while (link && strcmp(link->settings->name, name))
		link = link->next;
	return link;
}

/* Links by the sections of @daemon->config: new ones come, those without a section go, changed ones go on changed. */

static void remove_links(struct daemon *daemon)
{
	struct link *link, **at = &daemon->links;

	while ((link = *at)) {
		if (config_find_link(daemon->config, link->settings->name)) {
			at = &link->next;
			continue;
		}
		log_info("link \"%s\": not configured any more", link->settings->name);
		*at = link->next;
		link_free(link);
	}
}

static int add_link(struct daemon *daemon, const struct link_config *settings)
{
	struct link *link;
	int ret = link_new(&link, daemon->config, settings, daemon->event, daemon->http);

	if (ret) {
		log_error("link \"%s\": %s", settings->name, strerror(-ret));
		return ret;
	}
	link->next = daemon->links;
	daemon->links = link;
	link_advance(link);
	return 0;
}

static int update_links(struct daemon *daemon)
{
	const struct link_config *settings;
	struct link *link;
	int ret = 0;

	remove_links(daemon);
	for (settings = daemon->config->links; settings && !ret; settings = settings->next) {
		link = find_link(daemon, settings->name);
		if (!link) {
			ret = add_link(daemon, settings);
		} else if (!config_same_link(link->settings, settings)) {
			link_configure(link, daemon->config, settings);
			link_advance(link);
		}
	}
	return ret;
}

/* Signals */

static int on_stop(sd_event_source *source, const struct signalfd_siginfo *info, void *arg)
{
	struct daemon *daemon = arg;

	(void)sd_notify(0, "STOPPING=1"); /* nobody may listen */
	sd_event_exit(daemon->event, 0);
	return 0;
}

static int on_report(sd_event_source *source, const struct signalfd_siginfo *info, void *arg)
{
	const struct daemon *daemon = arg;

	for (const struct link *link = daemon->links; link; link = link->next)
		link_report_counters(link);
	return 0;
}

/* A link whose settings are the same keeps the old configuration; the old one goes with its last user. */
static int on_reload(sd_event_source *source, const struct signalfd_siginfo *info, void *arg)
{
	struct daemon *daemon = arg;
	struct config *config;

	(void)sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, clock_ms() * US_PER_MS);
	if (load(daemon->file, &config)) {
		log_error("going on with the configuration as it was");
	} else {
		config_put(daemon->config);
		daemon->config = config;
		(void)update_links(daemon); /* said in the log */
		log_info("configuration read again");
	}
	(void)sd_notify(0, "READY=1");
	return 0;
}

static int add_signals(struct daemon *daemon)
{
	static const struct signal_event signals[] = {
		{ SIGTERM, on_stop },
		{ SIGINT, on_stop },
		{ SIGHUP, on_reload },
		{ SIGUSR1, on_report },
	};

	return signals_add(daemon->event, signals, sizeof(signals) / sizeof(signals[0]), daemon);
}

static int set_up(struct daemon *daemon)
{
	int ret = sd_event_default(&daemon->event);

	if (ret >= 0)
		ret = add_signals(daemon);
	if (ret >= 0)
		ret = sd_event_set_watchdog(daemon->event, true);
	if (ret >= 0)
		ret = http_new(&daemon->http, daemon->event);
	if (ret < 0)
		log_error("cannot set up the event loop: %s", strerror(-ret));
	return ret < 0 ? ret : 0;
}

int daemon_run(struct daemon *daemon)
{
	int ret = set_up(daemon);

	if (!ret)
		ret = update_links(daemon);
	if (ret)
		return ret;
	(void)sd_notify(0, "READY=1"); /* nobody may listen */
	ret = sd_event_loop(daemon->event);
	if (ret)
		log_error("the event loop failed: %s", strerror(-ret));
	for (const struct link *link = daemon->links; link; link = link->next)
		link_report_counters(link);
	return ret;
}

void daemon_release(struct daemon *daemon)
{
	struct link *next;

	for (struct link *link = daemon->links; link; link = next) {
		next = link->next;
		link_free(link);
	}
	http_free(daemon->http);
	config_put(daemon->config);
	sd_event_unref(daemon->event);
	*daemon = (struct daemon){ 0 };
}
