// SPDX-License-Identifier: GPL-2.0-only
/*
 * Faults of the equipment at this end, each by a draw of its own for the block's number: with the same
 * seed the same blocks are hit, whenever and in whatever order they are made. The upper half of a draw
 * says whether, the lower half which bit.
 */
#include <linux/math64.h>

#include "sim.h"

#define PAIR_MASK \
	(~2ULL) /* a direction's blocks go by twos: its pairs are 0 and 2, 4 and 6; 1 and 3, ... */

static int draw_hit(struct qkd_sim_prf *prf, const char label[QKD_SIM_LABEL_LEN], u64 block,
		    u32 ppm, bool *hit, u32 *low)
{
	u64 draw;
	int err;

	*hit = false;
	if (!ppm)
		return 0;
	err = qkd_sim_prf_draw(prf, label, block, &draw);
	if (err)
		return err;
	*hit = (upper_32_bits(draw) * (u64)QKD_PPM) >> 32 < ppm;
	*low = lower_32_bits(draw);
	return 0;
}

static int draw_delay(struct qkd_sim_prf *prf, u64 block, u32 max_ms, u64 *delay)
{
	u64 draw;
	int err;

	*delay = 0;
	if (!max_ms)
		return 0;
	err = qkd_sim_prf_draw(prf, "jitt", block, &draw);
	if (!err)
		*delay = mul_u64_u32_shr((u64)max_ms * NSEC_PER_MSEC, upper_32_bits(draw), 32);
	return err;
}

int qkd_sim_fate(struct qkd_sim_prf *prf, const struct qkd_sim_settings *settings, u64 block,
		 struct qkd_sim_fate *fate)
{
	u32 bit = 0, unused;
	int err;

	err = draw_hit(prf, "loss", block, settings->loss, &fate->lost, &unused);
	if (!err)
		err = draw_hit(prf, "reor", block & PAIR_MASK, settings->reorder, &fate->late,
			       &unused);
	if (!err)
		err = draw_hit(prf, "dupl", block, settings->duplicate, &fate->twice, &unused);
	if (!err)
		err = draw_hit(prf, "flip", block, settings->flip, &fate->flipped, &bit);
	if (!err)
		err = draw_delay(prf, block, settings->jitter, &fate->delay);
	fate->late &= !(block & ~PAIR_MASK);
	fate->bit = bit % (8 * QKD_SIM_KEY_LEN);
	return err;
}
