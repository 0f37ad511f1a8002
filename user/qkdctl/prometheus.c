// SPDX-License-Identifier: GPL-2.0-or-later
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

#include "qkdctl/output.h"
#include "qkdctl/prometheus.h"

static void begin(const char *name, const char *suffix, bool gauge, const char *help)
{
	printf("# HELP %s%s %s\n# TYPE %s%s %s\n", name, suffix, help, name, suffix,
	       gauge ? "gauge" : "counter");
}

/* ---- Links ---- */

/* These go down, too. */
static bool is_level(int stat)
{
	return stat == QKD_A_STATS_OUTBOUND_FRESH || stat == QKD_A_STATS_INBOUND_FRESH ||
	       stat == QKD_A_STATS_INBOUND_RESERVED || stat == QKD_A_STATS_WAITERS;
}

static void link_metric(const struct qkd_link_info *links, size_t count, int stat)
{
	const char *suffix = is_level(stat) ? "" : "_total";
	char name[64];

	snprintf(name, sizeof(name), "qkd_link_%s", output_stats_name(stat));
	begin(name, suffix, is_level(stat), "see qkdctl(8), stats");
	for (size_t i = 0; i < count; i++)
		printf("%s%s{link=\"%s\"} %" PRIu64 "\n", name, suffix, links[i].name,
		       links[i].stats.value[stat]);
}

void prometheus_links(const struct qkd_link_info *links, size_t count)
{
	for (int stat = QKD_A_STATS_PAD + 1; count && stat <= QKD_A_STATS_MAX; stat++)
		link_metric(links, count, stat);
}

/* ---- Services ---- */

static const struct metric {
	const char *name;
	const char *field;
	bool gauge;
	const char *labels; /* beside the service's */
	const char *help;
	bool goes_on; /* with the metric of the row before */
} metrics[] = {
	{ "qkdtlsd_connections_open", "open", true, "", "Connections now" },
	{ "qkdtlsd_handshakes_open", "handshakes", true, "", "Of these, those in their handshake" },
	{ "qkdtlsd_connections_accepted", "accepted", false, "", "Connections that came in" },
	{ "qkdtlsd_connections_established", "qkd", false, ",outcome=\"qkd\"",
	  "Handshakes completed with a QKD key, or without" },
	{ "qkdtlsd_connections_established", "fallback", false, ",outcome=\"fallback\"", "",
	  .goes_on = true },
};

static const char *service_name(struct json_object *service)
{
	return json_object_get_string(json_object_object_get(service, "service"));
}

static void service_metric(struct json_object *services, const struct metric *metric)
{
	const char *suffix = metric->gauge ? "" : "_total";

	if (!metric->goes_on)
		begin(metric->name, suffix, metric->gauge, metric->help);
	for (size_t i = 0; i < json_object_array_length(services); i++) {
		struct json_object *service = json_object_array_get_idx(services, i);

		printf("%s%s{service=\"%s\"%s} %" PRId64 "\n", metric->name, suffix,
		       service_name(service), metric->labels,
		       json_object_get_int64(json_object_object_get(service, metric->field)));
	}
}

static void ends(struct json_object *services)
{
	static const char name[] = "qkdtlsd_connections_ended";

	begin(name, "_total", false, "Connections that are over, by reason, see qkdtlsd(8)");
	for (size_t i = 0; i < json_object_array_length(services); i++) {
		struct json_object *service = json_object_array_get_idx(services, i);

		json_object_object_foreach(json_object_object_get(service, "ends"), reason, value)
			printf("%s_total{service=\"%s\",reason=\"%s\"} %" PRId64 "\n", name,
			       service_name(service), reason, json_object_get_int64(value));
	}
}

void prometheus_services(struct json_object *services)
{
	if (!json_object_array_length(services))
		return;
	for (size_t i = 0; i < sizeof(metrics) / sizeof(metrics[0]); i++)
		service_metric(services, &metrics[i]);
	ends(services);
}
