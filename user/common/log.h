/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages to standard error, one line each, never a secret. Where standard error is the journal
 * each line starts with its priority, "<3>" and so on (sd-daemon(3)); elsewhere with the program's
 * name.
 */
#ifndef _QKD_COMMON_LOG_H
#define _QKD_COMMON_LOG_H

void log_init(const char *program);

/* Control characters in what is printed, which may come from a peer, become '?'. */
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif /* _QKD_COMMON_LOG_H */
