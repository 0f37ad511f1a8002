/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What goes wrong again and again is said once, and that it is over. */
#ifndef QKDKMED_COMPLAINT_H
#define QKDKMED_COMPLAINT_H

#define COMPLAINT_LEN 320

/**
 * struct complaint - all zero: nothing is wrong
 * @text: what was said last
 * @times: how often it has been so
 */
struct complaint {
	char text[COMPLAINT_LEN];
	unsigned int times;
};

/* Logs "@who: @text" as a warning, unless that was said last. */
void complaint_about(struct complaint *complaint, const char *who, const char *text);

/* Logs that it works again, if anything was wrong. */
void complaint_over(struct complaint *complaint, const char *who);

#endif /* QKDKMED_COMPLAINT_H */
