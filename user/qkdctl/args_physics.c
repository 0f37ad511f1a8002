// SPDX-License-Identifier: GPL-2.0-or-later
/* The words of sim physics: numbers with a fraction, of which some have a usual value. */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "common/number.h"
#include "qkdctl/args.h"

#define TINY 1e-12 /* stands for "above 0" */

/* The defaults are those of the experiment that Ma et al. compute with (physics.c): GYS. */
static const struct quantity {
	const char *name;
	size_t field;
	double min, max;
	const char *absent; /* NULL: must be given */
} quantities[] = {
	{ "length", offsetof(struct physics_setup, length), 0, PHYSICS_LENGTH_MAX, NULL },
	{ "attenuation", offsetof(struct physics_setup, attenuation), 0, 100, NULL },
	{ "detector-efficiency", offsetof(struct physics_setup, detector_efficiency), TINY, 1,
	  NULL },
	{ "dark-count", offsetof(struct physics_setup, dark_count), 0, 1, NULL },
	{ "pulse-rate", offsetof(struct physics_setup, pulse_rate), 1, 1e12, NULL },
	{ "mean-photon-number", offsetof(struct physics_setup, mean_photon_number), TINY, 10,
	  "optimal" },
	{ "misalignment", offsetof(struct physics_setup, misalignment), 0, 0.5, "0.033" },
	{ "error-correction", offsetof(struct physics_setup, error_correction), 1, 10, "1.22" },
	{ "sifting", offsetof(struct physics_setup, sifting), TINY, 1, "0.5" },
};

#define QUANTITIES (sizeof(quantities) / sizeof(quantities[0]))

static int understand(const struct quantity *quantity, const char *text,
		      struct physics_setup *setup, char *problem)
{
	double *value = (double *)((char *)setup + quantity->field);

	if (!text)
		return refuse(problem, "'--%s' is missing", quantity->name);
	/* The one word among the numbers, of the one quantity that can be worked out */
	if (quantity->absent && !strcmp(quantity->absent, "optimal") && !strcmp(text, "optimal")) {
		*value = 0;
		return 0;
	}
	if (number_parse_real(text, quantity->min, quantity->max, value))
		return refuse(problem, "'--%s %s': a number from %g to %g is wanted",
			      quantity->name, text, quantity->min, quantity->max);
	return 0;
}

int args_sim_physics(int argc, char **argv, struct sim_physics_args *args, char *problem)
{
	struct word words[QUANTITIES] = { 0 };

	memset(args, 0, sizeof(*args));
	for (size_t i = 0; i < QUANTITIES; i++)
		words[i].name = quantities[i].name;
	/* Everything else comes in pairs. */
	if (argc % 2) {
		args->link = argv[0];
		argc--;
		argv++;
	}
	if (args_words(argc, argv, words, QUANTITIES, problem))
		return -EINVAL;
	for (size_t i = 0; i < QUANTITIES; i++)
		if (understand(&quantities[i], words[i].text ? words[i].text : quantities[i].absent,
			       &args->setup, problem))
			return -EINVAL;
	return args->link ? args_link_name(args->link, problem) : 0;
}
