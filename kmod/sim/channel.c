// SPDX-License-Identifier: GPL-2.0-only
/* The quantum channel: whether keys come out of it, and what the equipment would measure. */
#include "sim.h"

/* Measuring in a basis that is wrong half the time makes half of those wrong that were right or wrong before. */
static u32 qber(const struct qkd_sim_settings *settings)
{
	return settings->eavesdropper ? QKD_PPM / 4 + settings->qber / 2 : settings->qber;
}

/* A key of which too much may be known is never made. */
bool qkd_sim_channel_works(const struct qkd_sim_settings *settings)
{
	return !settings->outage && qber(settings) <= QKD_SIM_QBER_ABORT;
}

void qkd_sim_channel_report(struct qkd_link *link, const struct qkd_sim_settings *settings)
{
	const bool works = qkd_sim_channel_works(settings);
	const struct qkd_link_report report = {
		.state = works ? QKD_LINK_UP : QKD_LINK_DOWN,
		.qber = settings->outage ? QKD_REPORT_UNKNOWN : qber(settings),
		.rate = works ? settings->rate : 0,
	};

	qkd_link_report(link, &report);
}
