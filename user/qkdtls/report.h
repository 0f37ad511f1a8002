/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What standard error says about a connection: "word: value" lines that scripts may rely on; qkdtls(1)
 * lists them.
 */
#ifndef _QKDTLS_REPORT_H
#define _QKDTLS_REPORT_H

#include <qkd/qkdtls.h>

const char *report_policy_name(enum qkdtls_policy policy);

/* @uuid: keys are named by UUIDs, not by text */
void report_negotiated(const struct qkdtls_info *info, enum qkdtls_policy policy,
		       const char *address, bool uuid);
void report_records(bool kernel);

/* @reason for humans; @error the engine's, for the alerts, or NULL */
void report_failure(const char *what, const char *reason, const struct qkdtls_error *error);

#endif /* _QKDTLS_REPORT_H */
