// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * After X. Ma, B. Qi, Y. Zhao, H.-K. Lo, "Practical decoy state for quantum key distribution", Physical
 * Review A 72, 012326 (2005), arXiv:quant-ph/0503005. With mu the mean photon number of a signal pulse,
 * eta the transmittance of fibre and receiver, Y0 the background yield, of which half is errors (e0 =
 * 1/2), e_d the misalignment and H2 the binary entropy:
 *
 *	eta  = 10^(-attenuation length / 10) * efficiency
 *	Y1   = Y0 + eta - Y0 eta		yield of one photon
 *	e1   = (e0 Y0 + e_d eta) / Y1		its error rate
 *	Q1   = Y1 mu e^-mu			gain of pulses with one photon
 *	Q    = Y0 + 1 - e^(-eta mu)		gain of all
 *	E    = (e0 Y0 + e_d (1 - e^(-eta mu))) / Q	their error rate, the QBER
 *	R   >= q (-Q f H2(E) + Q1 (1 - H2(e1)))	secret bits per pulse
 */
#include <math.h>
#include <stdbool.h>

#include "qkdctl/physics.h"

#define BACKGROUND_ERROR 0.5
#define MU_STEPS	 100 /* the optimum is looked for in steps first */
#define MU_ROUNDS	 40 /* then between two steps, in thirds */
#define REACH_ROUNDS	 50

static double entropy(double p)
{
	if (p <= 0 || p >= 1)
		return 0;
	return -p * log2(p) - (1 - p) * log2(1 - p);
}

/* Where nothing is ever detected there is nothing to be right or wrong about. */
static double error_rate(double background, double wrong, double detected)
{
	return detected > 0 ? (BACKGROUND_ERROR * background + wrong) / detected : BACKGROUND_ERROR;
}

/* Secret bits per pulse, negative if error correction gives away more than there is. */
static double compute_with(const struct physics_setup *setup, double mu,
			   struct physics_yield *yield)
{
	const double y0 = setup->dark_count;
	const double eta =
		pow(10, -setup->attenuation * setup->length / 10) * setup->detector_efficiency;
	const double y1 = y0 + eta - y0 * eta;
	const double signal = -expm1(-eta * mu);

	yield->mean_photon_number = mu;
	yield->transmittance = eta;
	yield->gain = y0 + signal;
	yield->qber = error_rate(y0, setup->misalignment * signal, yield->gain);
	yield->single_photon_gain = y1 * mu * exp(-mu);
	yield->single_photon_error = error_rate(y0, setup->misalignment * eta, y1);
	return setup->sifting *
	       (yield->single_photon_gain * (1 - entropy(yield->single_photon_error)) -
		yield->gain * setup->error_correction * entropy(yield->qber));
}

/* One rise and one fall between 0 and 1, above which single photons become fewer again. */
static double optimal_mu(const struct physics_setup *setup)
{
	struct physics_yield yield;
	double best = 1, most = compute_with(setup, best, &yield);
	double low, high;

	for (int i = 1; i < MU_STEPS; i++) {
		const double bits = compute_with(setup, (double)i / MU_STEPS, &yield);

		if (bits > most) {
			most = bits;
			best = (double)i / MU_STEPS;
		}
	}
	low = best - 1.0 / MU_STEPS;
	high = best + 1.0 / MU_STEPS;
	for (int i = 0; i < MU_ROUNDS; i++) {
		const double third = (high - low) / 3;

		if (compute_with(setup, low + third, &yield) <
		    compute_with(setup, high - third, &yield))
			low += third;
		else
			high -= third;
	}
	return (low + high) / 2;
}

/* Secret bits per pulse, as above, with the mean photon number asked for. */
static double compute(const struct physics_setup *setup, struct physics_yield *yield)
{
	const bool given = setup->mean_photon_number > 0;

	return compute_with(setup, given ? setup->mean_photon_number : optimal_mu(setup), yield);
}

static bool has_secret(const struct physics_setup *setup, double length)
{
	struct physics_setup other = *setup;
	struct physics_yield yield;

	other.length = length;
	return compute(&other, &yield) > 0;
}

static double find_reach(const struct physics_setup *setup)
{
	double low = 0, high = PHYSICS_LENGTH_MAX;

	if (!has_secret(setup, low))
		return low;
	if (has_secret(setup, high))
		return high;
	for (int i = 0; i < REACH_ROUNDS; i++) {
		const double middle = (low + high) / 2;

		if (has_secret(setup, middle))
			low = middle;
		else
			high = middle;
	}
	return low;
}

void physics_compute(const struct physics_setup *setup, struct physics_yield *yield)
{
	yield->per_pulse = fmax(compute(setup, yield), 0);
	yield->rate = yield->per_pulse * setup->pulse_rate;
	yield->reach = find_reach(setup);
}
