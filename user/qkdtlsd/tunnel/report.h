/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the log says about connections and services, and the numbers behind it. Never a secret. */
#ifndef QKDTLSD_REPORT_H
#define QKDTLSD_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <qkd/libqkd.h>
#include <qkd/qkdtls.h>

#include "common/address.h"
#include "qkdtlsd/counters.h"
#include "qkdtlsd/tunnel/pump.h"

#define REPORT_TEXT_LEN 256

/**
 * struct report - what is known of one connection; part of it
 * @peer: address of the TLS peer
 * @app: address of the plain side
 * @end: why it ended
 * @text: the same as a sentence, or ""
 * @established: the handshake was completed; those below are set
 * @keyed: with a QKD key
 * @sealed: which this process has never seen
 * @suite: negotiated; likewise @group and @signature
 * @key: ID of the key used or offered, or ""
 * @records: who protects the records
 * @sent: alert that went to the peer, or QKDTLS_ALERT_NONE
 * @received: alert that came from it, likewise
 * @bytes_out: plain to TLS
 * @bytes_in: TLS to plain
 * @withheld: lines like this one that the log was spared since the last
 */
struct report {
	char peer[ADDRESS_TEXT_LEN];
	char app[ADDRESS_TEXT_LEN];
	enum end_reason end;
	char text[REPORT_TEXT_LEN];
	bool established;
	bool keyed;
	bool sealed;
	uint16_t suite;
	uint16_t group;
	uint16_t signature;
	char key[QKD_ID_TEXT_LEN + 1];
	enum pump_records records;
	enum qkdtls_alert sent;
	enum qkdtls_alert received;
	uint64_t bytes_out;
	uint64_t bytes_in;
	uint64_t withheld;
};

void report_init(struct report *report);

/* Takes over what the engine says of the connection. */
void report_negotiated(struct report *report, const struct qkdtls_info *info);
void report_alerts(struct report *report, const struct qkdtls_error *error);

/* The word for @reason in the log and the counters */
const char *report_end_word(enum end_reason reason);

/* The line at the end of a connection */
void report_end(const struct report *report, const char *service);

/* The line about a service; @open: its connections now */
void report_counters(const struct counters *counters, const char *service, unsigned int open);

/* The same as text, for tests; cut off at @size */
void report_end_text(const struct report *report, const char *service, char *text, size_t size);
void report_counters_text(const struct counters *counters, const char *service, unsigned int open,
			  char *text, size_t size);

#endif /* QKDTLSD_REPORT_H */
