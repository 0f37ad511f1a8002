/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a QKD link of given fibre and equipment yields: decoy-state BB84 with a weak coherent source,
 * infinitely many decoy states and infinitely long keys (the asymptotic case), no eavesdropper.
 */
#ifndef _QKDCTL_PHYSICS_H
#define _QKDCTL_PHYSICS_H

#define PHYSICS_LENGTH_MAX 10000 /* km */

/**
 * struct physics_setup - fibre and equipment
 * @length: of the fibre, km
 * @attenuation: of the fibre, dB/km
 * @detector_efficiency: of the whole receiver, its optics included, 0..1
 * @dark_count: probability that a pulse without any photon is detected (background yield, Y0)
 * @pulse_rate: signal pulses per second
 * @mean_photon_number: of a signal pulse; 0 for the one that yields most
 * @misalignment: probability that a photon hits the wrong detector
 * @error_correction: bits that error correction gives away, as a multiple of Shannon's limit
 * @sifting: part of the detections that is kept; 1/2 in BB84 with unbiased bases
 */
struct physics_setup {
	double length;
	double attenuation;
	double detector_efficiency;
	double dark_count;
	double pulse_rate;
	double mean_photon_number;
	double misalignment;
	double error_correction;
	double sifting;
};

/**
 * struct physics_yield - what comes out
 * @mean_photon_number: the one that was used
 * @transmittance: of fibre and receiver together
 * @gain: probability that a signal pulse is detected
 * @qber: of the detected pulses
 * @single_photon_gain: probability that a pulse has one photon and is detected
 * @single_photon_error: error rate of those
 * @per_pulse: secret bits per pulse, 0 if there is no secret
 * @rate: secret bits per second
 * @reach: length, km, up to which a secret key comes out, PHYSICS_LENGTH_MAX at most
 */
struct physics_yield {
	double mean_photon_number;
	double transmittance;
	double gain;
	double qber;
	double single_photon_gain;
	double single_photon_error;
	double per_pulse;
	double rate;
	double reach;
};

void physics_compute(const struct physics_setup *setup, struct physics_yield *yield);

#endif /* _QKDCTL_PHYSICS_H */
