// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "qkdkmed/complaint.h"

void complaint_about(struct complaint *complaint, const char *who, const char *text)
{
	if (!complaint->times || strncmp(complaint->text, text, sizeof(complaint->text) - 1)) {
		snprintf(complaint->text, sizeof(complaint->text), "%s", text);
		complaint->times = 0;
		log_warning("%s: %s", who, text);
	}
	complaint->times++;
}

void complaint_over(struct complaint *complaint, const char *who)
{
	if (complaint->times)
		log_info("%s: works again, after %u times \"%s\"", who, complaint->times,
			 complaint->text);
	complaint->times = 0;
}
