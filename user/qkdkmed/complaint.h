/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What goes wrong again and again is said once, and that it is over. One cause may show in several ways: a KME that
 * does not like our certificate ends the connection with an alert, or has reset it before that is read.
 */
#ifndef QKDKMED_COMPLAINT_H
#define QKDKMED_COMPLAINT_H

#define COMPLAINT_LEN	320
#define COMPLAINT_TEXTS 4

/**
 * struct complaint - all zero: nothing is wrong
 * @texts: what was said since it worked last
 * @said: how many that were; @texts has the last of them
 * @times: how often it has gone wrong
 */
struct complaint {
	char texts[COMPLAINT_TEXTS][COMPLAINT_LEN];
	unsigned int said;
	unsigned int times;
};

/* Logs "@who: @text" as a warning, unless @texts has it. */
void complaint_about(struct complaint *complaint, const char *who, const char *text);

/* Logs that it works again, if anything was wrong. */
void complaint_over(struct complaint *complaint, const char *who);

#endif /* QKDKMED_COMPLAINT_H */
