// SPDX-License-Identifier: GPL-2.0-or-later
#include <inttypes.h>
#include <stdio.h>

#include "qkdctl/daemon_stats.h"
#include "qkdctl/output.h"
#include "qkdctl/qkdctl.h"

static const char *const stats_names[QKD_A_STATS_MAX + 1] = {
	[QKD_A_STATS_OUTBOUND_FRESH] = "outbound_fresh",
	[QKD_A_STATS_INBOUND_FRESH] = "inbound_fresh",
	[QKD_A_STATS_INBOUND_RESERVED] = "inbound_reserved",
	[QKD_A_STATS_WAITERS] = "waiters",
	[QKD_A_STATS_DELIVERED] = "delivered",
	[QKD_A_STATS_DROPPED] = "dropped",
	[QKD_A_STATS_REFUSED] = "refused",
	[QKD_A_STATS_OUTBOUND_SPENT] = "outbound_spent",
	[QKD_A_STATS_INBOUND_SPENT] = "inbound_spent",
	[QKD_A_STATS_RELEASED] = "released",
	[QKD_A_STATS_EXPIRED] = "expired",
	[QKD_A_STATS_PURGED] = "purged",
	[QKD_A_STATS_UNKNOWN] = "unknown",
	[QKD_A_STATS_REPLAYED] = "replayed",
	[QKD_A_STATS_SESSIONS_DROPPED] = "sessions_dropped",
	[QKD_A_STATS_LAPSED] = "lapsed",
	[QKD_A_STATS_MISMATCHED] = "mismatched",
	[QKD_A_STATS_OVER_QUOTA] = "over_quota",
	[QKD_A_STATS_LIMITED] = "limited",
};

static const char *const event_names[] = {
	[QKD_EVENT_UNSPEC] = "unknown",
	[QKD_EVENT_LINK_UP] = "link-up",
	[QKD_EVENT_LINK_DOWN] = "link-down",
	[QKD_EVENT_LINK_GONE] = "link-gone",
	[QKD_EVENT_KEY_LOW] = "key-low",
	[QKD_EVENT_KEY_AVAILABLE] = "key-available",
	[QKD_EVENT_QBER_ALARM] = "qber-alarm",
	[QKD_EVENT_KEY_EMPTY] = "key-empty",
	[QKD_EVENT_LINK_DEGRADED] = "link-degraded",
	[QKD_EVENT_BINDER_FAILURES] = "binder-failures",
	[QKD_EVENT_KEYS_EXPIRED] = "keys-expired",
	[QKD_EVENT_PROVIDER_GONE] = "provider-gone",
};

static const char *event_name(uint8_t type)
{
	return event_names[type < sizeof(event_names) / sizeof(event_names[0]) ? type : 0];
}

static const char *role_name(uint8_t role)
{
	return role == QKD_ROLE_A ? "a" : "b";
}

static const char *state_name(uint8_t state)
{
	switch (state) {
	case QKD_LINK_UP:
		return "up";
	case QKD_LINK_DEGRADED:
		return "degraded";
	default:
		return "down";
	}
}

int output_end(void)
{
	return fflush(stdout) || ferror(stdout) ? fail_output() : EXIT_OK;
}

int output_json(struct json_object *doc)
{
	const char *text;

	text = json_object_to_json_string_ext(doc, JSON_C_TO_STRING_PLAIN |
							   JSON_C_TO_STRING_NOSLASHESCAPE);
	if (text)
		printf("%s\n", text);
	json_object_put(doc);
	return text ? output_end() : fail_output();
}

static void add_text(struct json_object *doc, const char *name, const char *value)
{
	json_object_object_add(doc, name, json_object_new_string(value));
}

static void add_number(struct json_object *doc, const char *name, uint64_t value)
{
	json_object_object_add(doc, name, json_object_new_uint64(value));
}

static void add_bool(struct json_object *doc, const char *name, bool value)
{
	json_object_object_add(doc, name, json_object_new_boolean(value));
}

int output_done(bool json, const char *link, const char *done)
{
	struct json_object *doc;

	if (!json)
		return EXIT_OK;
	doc = json_object_new_object();
	add_text(doc, "link", link);
	add_text(doc, "result", done);
	return output_json(doc);
}

struct json_object *output_provider_json(const struct qkd_provider_info *info)
{
	struct json_object *doc = json_object_new_object();

	add_text(doc, "name", info->name);
	add_bool(doc, "simulated", info->flags & QKD_LINK_F_SIMULATED);
	add_number(doc, "links", info->links);
	return doc;
}

void output_provider(const struct qkd_provider_info *info)
{
	printf("%s: links %" PRIu32 "%s\n", info->name, info->links,
	       info->flags & QKD_LINK_F_SIMULATED ? " simulated" : "");
}

static struct json_object *stats_json(const struct qkd_link_stats *stats)
{
	struct json_object *doc = json_object_new_object();

	for (int i = QKD_A_STATS_PAD + 1; i <= QKD_A_STATS_MAX; i++)
		add_number(doc, stats_names[i], stats->value[i]);
	return doc;
}

static const char *const sim_names[QKD_A_SIM_MAX + 1] = {
	[QKD_A_SIM_RATE] = "rate",	 [QKD_A_SIM_QBER] = "qber",
	[QKD_A_SIM_OUTAGE] = "outage",	 [QKD_A_SIM_EAVESDROPPER] = "eavesdropper",
	[QKD_A_SIM_JITTER] = "jitter",	 [QKD_A_SIM_FETCH_DELAY] = "fetch-delay",
	[QKD_A_SIM_LOSS] = "loss",	 [QKD_A_SIM_DUPLICATE] = "duplicate",
	[QKD_A_SIM_REORDER] = "reorder", [QKD_A_SIM_FLIP] = "flip",
	[QKD_A_SIM_BLOCK] = "block",
};

static bool is_switch(int attr)
{
	return attr == QKD_A_SIM_OUTAGE || attr == QKD_A_SIM_EAVESDROPPER;
}

static struct json_object *sim_json(const struct qkd_sim_settings *sim)
{
	struct json_object *doc = json_object_new_object();

	for (int i = 0; i <= QKD_A_SIM_MAX; i++) {
		if (!sim_names[i] || !qkd_sim_has(sim, i))
			continue;
		if (is_switch(i))
			add_bool(doc, sim_names[i], sim->value[i]);
		else
			add_number(doc, i == QKD_A_SIM_FETCH_DELAY ? "fetch_delay" : sim_names[i],
				   sim->value[i]);
	}
	return doc;
}

static void print_sim(const struct qkd_sim_settings *sim)
{
	printf("\n    sim");
	for (int i = 0; i <= QKD_A_SIM_MAX; i++) {
		if (!sim_names[i] || !qkd_sim_has(sim, i))
			continue;
		if (is_switch(i))
			printf(" %s %s", sim_names[i], sim->value[i] ? "on" : "off");
		else
			printf(" %s %" PRIu64, sim_names[i], sim->value[i]);
	}
}

struct json_object *output_link_json(const struct qkd_link_info *info)
{
	struct json_object *doc = json_object_new_object();

	add_text(doc, "name", info->name);
	add_text(doc, "provider", info->provider);
	add_text(doc, "local", info->local_sae);
	add_text(doc, "remote", info->remote_sae);
	add_text(doc, "role", role_name(info->role));
	add_text(doc, "state", state_name(info->state));
	add_bool(doc, "simulated", info->flags & QKD_LINK_F_SIMULATED);
	add_number(doc, "key_length", info->key_len);
	add_number(doc, "capacity", info->capacity);
	add_number(doc, "ttl", info->ttl_s);
	add_number(doc, "low", info->low);
	add_number(doc, "lease", info->lease_s);
	add_number(doc, "degrade_after", info->degrade_after);
	add_number(doc, "quota_rate", info->quota_rate);
	add_number(doc, "quota_burst", info->quota_burst);
	add_number(doc, "reserve", info->reserve);
	if (info->priority_gid != QKD_GID_NONE)
		add_number(doc, "priority_gid", info->priority_gid);
	add_bool(doc, "raw", info->raw);
	add_number(doc, "qber_max", info->qber_max);
	if (info->qber != QKD_UNKNOWN)
		add_number(doc, "qber", info->qber);
	if (info->rate != QKD_UNKNOWN)
		add_number(doc, "rate", info->rate);
	if (info->sim.given)
		json_object_object_add(doc, "sim", sim_json(&info->sim));
	json_object_object_add(doc, "stats", stats_json(&info->stats));
	return doc;
}

void output_link(const struct qkd_link_info *info)
{
	const uint64_t *level = info->stats.value;

	printf("%s: provider %s state %s%s\n", info->name, info->provider, state_name(info->state),
	       info->flags & QKD_LINK_F_SIMULATED ? " simulated" : "");
	printf("    local %s remote %s role %s\n", info->local_sae, info->remote_sae,
	       role_name(info->role));
	printf("    key-length %" PRIu32 " capacity %" PRIu32 " ttl %" PRIu32 " low %" PRIu32
	       " lease %" PRIu32,
	       info->key_len, info->capacity, info->ttl_s, info->low, info->lease_s);
	printf("\n    qber-max %" PRIu32, info->qber_max);
	if (info->qber != QKD_UNKNOWN)
		printf(" qber %" PRIu32, info->qber);
	if (info->rate != QKD_UNKNOWN)
		printf(" rate %" PRIu32, info->rate);
	if (info->sim.given)
		print_sim(&info->sim);
	printf("\n    degrade-after %" PRIu32 " quota-rate %" PRIu32 " quota-burst %" PRIu32
	       " reserve %" PRIu32,
	       info->degrade_after, info->quota_rate, info->quota_burst, info->reserve);
	if (info->priority_gid != QKD_GID_NONE)
		printf(" priority-gid %" PRIu32, info->priority_gid);
	printf(" raw %s", info->raw ? "on" : "off");
	printf("\n    outbound %" PRIu64 " inbound %" PRIu64 " reserved %" PRIu64 "\n",
	       level[QKD_A_STATS_OUTBOUND_FRESH], level[QKD_A_STATS_INBOUND_FRESH],
	       level[QKD_A_STATS_INBOUND_RESERVED]);
}

struct json_object *output_stats_json(const struct qkd_link_info *info)
{
	struct json_object *doc = json_object_new_object();

	add_text(doc, "link", info->name);
	json_object_object_add(doc, "stats", stats_json(&info->stats));
	return doc;
}

void output_stats(const struct qkd_link_info *info)
{
	printf("%s:\n", info->name);
	for (int i = QKD_A_STATS_PAD + 1; i <= QKD_A_STATS_MAX; i++)
		printf("    %s %" PRIu64 "\n", stats_names[i], info->stats.value[i]);
}

const char *output_stats_name(int stat)
{
	return stats_names[stat];
}

/* Reasons that have not occurred are left out. */
static void output_ends(struct json_object *ends)
{
	json_object_object_foreach(ends, reason, count)
	{
		if (json_object_get_int64(count))
			printf("    %s %" PRId64 "\n", reason, json_object_get_int64(count));
	}
}

void output_services(struct json_object *services)
{
	for (size_t i = 0; i < json_object_array_length(services); i++) {
		struct json_object *service = json_object_array_get_idx(services, i);

		printf("service %s:\n",
		       json_object_get_string(json_object_object_get(service, "service")));
		for (size_t n = 0; n < DAEMON_STATS_NUMBERS; n++)
			printf("    %s %" PRId64 "\n", daemon_stats_numbers[n],
			       json_object_get_int64(
				       json_object_object_get(service, daemon_stats_numbers[n])));
		output_ends(json_object_object_get(service, "ends"));
	}
}

struct json_object *output_event_json(const struct qkd_event *event)
{
	struct json_object *doc = json_object_new_object();

	add_text(doc, "event", event_name(event->type));
	add_number(doc, "type", event->type);
	add_text(doc, "link", event->link);
	add_number(doc, "outbound", event->outbound);
	if (event->has_stats)
		json_object_object_add(doc, "stats", stats_json(&event->stats));
	return doc;
}

void output_event(const struct qkd_event *event)
{
	printf("%s: %s outbound %" PRIu32 "\n", event->link, event_name(event->type),
	       event->outbound);
}
