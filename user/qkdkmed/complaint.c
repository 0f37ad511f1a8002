// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "qkdkmed/complaint.h"

static bool was_said(const struct complaint *complaint, const char *text)
{
	const unsigned int known =
		complaint->said < COMPLAINT_TEXTS ? complaint->said : COMPLAINT_TEXTS;

	for (unsigned int i = 0; i < known; i++) {
		if (!strncmp(complaint->texts[i], text, COMPLAINT_LEN - 1))
			return true;
	}
	return false;
}

void complaint_about(struct complaint *complaint, const char *who, const char *text)
{
	complaint->times++;
	if (was_said(complaint, text))
		return;
	snprintf(complaint->texts[complaint->said++ % COMPLAINT_TEXTS], COMPLAINT_LEN, "%s", text);
	log_warning("%s: %s", who, text);
}

void complaint_over(struct complaint *complaint, const char *who)
{
	if (complaint->times)
		log_info("%s: works again, after %u times \"%s\"", who, complaint->times,
			 complaint->texts[(complaint->said - 1) % COMPLAINT_TEXTS]);
	complaint->said = 0;
	complaint->times = 0;
}
