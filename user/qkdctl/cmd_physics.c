// SPDX-License-Identifier: GPL-2.0-or-later
/* What fibre and equipment yield, and a simulated link that yields the same */
#include <math.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "qkdctl/args.h"
#include "qkdctl/output.h"
#include "qkdctl/qkdctl.h"

#define NUMBER_LEN 32

static const struct result {
	const char *text;
	const char *json;
	size_t field;
} results[] = {
	{ "mean-photon-number", "mean_photon_number",
	  offsetof(struct physics_yield, mean_photon_number) },
	{ "transmittance", "transmittance", offsetof(struct physics_yield, transmittance) },
	{ "gain", "gain", offsetof(struct physics_yield, gain) },
	{ "qber", "qber", offsetof(struct physics_yield, qber) },
	{ "single-photon-gain", "single_photon_gain",
	  offsetof(struct physics_yield, single_photon_gain) },
	{ "single-photon-error", "single_photon_error",
	  offsetof(struct physics_yield, single_photon_error) },
	{ "bits-per-pulse", "bits_per_pulse", offsetof(struct physics_yield, per_pulse) },
	{ "rate", "rate", offsetof(struct physics_yield, rate) },
	{ "reach", "reach", offsetof(struct physics_yield, reach) },
};

#define RESULTS (sizeof(results) / sizeof(results[0]))

static const char *format(const struct result *result, const struct physics_yield *yield,
			  char text[NUMBER_LEN])
{
	double value;

	memcpy(&value, (const char *)yield + result->field, sizeof(value));
	snprintf(text, NUMBER_LEN, "%.6g", value);
	return text;
}

static int print_json(const struct physics_yield *yield, const char *link)
{
	struct json_object *doc = json_object_new_object();
	char text[NUMBER_LEN];

	for (size_t i = 0; i < RESULTS; i++) {
		format(&results[i], yield, text);
		json_object_object_add(doc, results[i].json,
				       json_object_new_double_s(strtod(text, NULL), text));
	}
	if (link)
		json_object_object_add(doc, "link", json_object_new_string(link));
	return output_json(doc);
}

static int print(const struct physics_yield *yield)
{
	char text[NUMBER_LEN];

	for (size_t i = 0; i < RESULTS; i++)
		printf("%s %s\n", results[i].text, format(&results[i], yield, text));
	return output_end();
}

/* The nearest rate that the simulator has. */
static uint32_t simulated_rate(double rate)
{
	if (rate < QKD_SIM_RATE_MIN) {
		log_warning("%g bits per second are fewer than the simulator's least, %d", rate,
			    QKD_SIM_RATE_MIN);
		return QKD_SIM_RATE_MIN;
	}
	if (rate > QKD_SIM_RATE_MAX) {
		log_warning("%g bits per second are more than the simulator's most, %d", rate,
			    QKD_SIM_RATE_MAX);
		return QKD_SIM_RATE_MAX;
	}
	return (uint32_t)rate;
}

static int set(const char *link, const struct physics_yield *yield)
{
	struct qkd_link_change change = { .name = link };
	struct qkd_nl *nl;
	int ret = qkd_nl_open(&nl);

	if (ret)
		return fail(TRY_NETLINK, NULL, ret, NULL);
	if (yield->per_pulse > 0)
		qkd_sim_give(&change.sim, QKD_A_SIM_RATE, simulated_rate(yield->rate));
	else
		log_warning("no secret key comes out: %s has an outage", link);
	qkd_sim_give(&change.sim, QKD_A_SIM_OUTAGE, !(yield->per_pulse > 0));
	qkd_sim_give(&change.sim, QKD_A_SIM_QBER, (uint64_t)lround(yield->qber * QKD_PPM));
	ret = qkd_nl_link_set(nl, &change);
	ret = ret ? fail(TRY_LINK, link, ret, nl) : EXIT_OK;
	qkd_nl_close(nl);
	return ret;
}

int cmd_sim_physics(const struct options *options, int argc, char **argv)
{
	char problem[PROBLEM_LEN];
	struct sim_physics_args args;
	struct physics_yield yield;

	if (args_sim_physics(argc, argv, &args, problem))
		return fail_usage(problem);
	physics_compute(&args.setup, &yield);
	if (args.link && set(args.link, &yield))
		return EXIT_FAILED;
	return options->json ? print_json(&yield, args.link) : print(&yield);
}
