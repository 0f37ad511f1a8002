/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A record of what became of a key, as a line of text or JSON, and back as far as gaps need it */
#ifndef _QKDCTL_AUDIT_H
#define _QKDCTL_AUDIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <qkd/libqkd.h>

/* Both write a line without its end to @line, of CHAIN_LINE_MAX bytes. 0 or -ENOMEM */
int audit_line(const struct qkd_audit_record *record, bool json, char *line);

/* A line about the list itself: that it begins, or that records were lost. */
int audit_note(const char *what, uint64_t time_ns, bool json, char *line);

/**
 * struct audit_place - where in which list a record belongs
 * @link: the link's name
 * @serial: the link's serial number
 * @seq: the record's number
 */
struct audit_place {
	char link[QKD_LINK_NAME_LEN];
	uint64_t serial;
	uint64_t seq;
};

/* Of a line's text, up to its hash. False if the line is not about a key. */
bool audit_parse(const char *text, size_t len, struct audit_place *place);

#endif /* _QKDCTL_AUDIT_H */
