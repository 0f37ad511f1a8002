// SPDX-License-Identifier: GPL-2.0-or-later
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "qkdtlsd/tunnel/report.h"

#define LINE_LEN 768

static const char *const end_words[END_REASONS] = {
	[END_CLOSED] = "closed",
	[END_HANDED_OVER] = "handed-over",
	[END_BUSY] = "too-many-connections",
	[END_HANDSHAKES] = "too-many-handshakes",
	[END_SOURCE] = "too-many-from-source",
	[END_BAD_REQUEST] = "bad-request",
	[END_CONNECT] = "connect-failed",
	[END_TIMEOUT] = "timeout",
	[END_NO_LINK] = "no-link",
	[END_NO_KEY] = "no-key",
	[END_KEY_REJECTED] = "key-rejected",
	[END_CERTIFICATE] = "certificate",
	[END_PROTOCOL] = "protocol",
	[END_PEER_ALERT] = "peer-alert",
	[END_RESET] = "reset",
	[END_TRUNCATED] = "truncated",
	[END_IDLE] = "idle",
	[END_BYTES] = "max-bytes",
	[END_KEY_UPDATE] = "key-update",
	[END_RECORD_LIMIT] = "record-limit",
	[END_KTLS] = "ktls",
	[END_STOPPED] = "stopped",
	[END_INTERNAL] = "internal",
};

const char *report_end_word(enum end_reason reason)
{
	return end_words[reason];
}

void report_init(struct report *report)
{
	*report = (struct report){
		.peer = "unknown",
		.app = "unknown",
		.end = END_INTERNAL,
		.sent = QKDTLS_ALERT_NONE,
		.received = QKDTLS_ALERT_NONE,
	};
}

void report_negotiated(struct report *report, const struct qkdtls_info *info)
{
	report->keyed = info->psk;
	report->sealed = info->sealed;
	report->suite = info->suite;
	report->group = info->group;
	report->signature = info->signature;
	if (info->psk_id_len == QKD_KEY_ID_LEN)
		qkd_id_format(info->psk_id, report->key);
}

void report_alerts(struct report *report, const struct qkdtls_error *error)
{
	report->sent = error->sent;
	report->received = error->received;
}

/* A line in the making; what does not fit is left out. */
struct line {
	char *text;
	size_t size;
	size_t len;
};

__attribute__((format(printf, 2, 3))) static void add(struct line *line, const char *format, ...)
{
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(line->text + line->len, line->size - line->len, format, args);
	va_end(args);
	if (n > 0)
		line->len +=
			(size_t)n < line->size - line->len ? (size_t)n : line->size - line->len - 1;
}

static const char *outcome(const struct report *report)
{
	if (!report->established)
		return "refused";
	return report->keyed ? "qkd" : "fallback";
}

static void add_established(struct line *line, const struct report *report)
{
	add(line, " suite=%s group=%s", qkdtls_suite_name(report->suite),
	    qkdtls_group_name(report->group));
	if (report->signature)
		add(line, " authentication=%s", qkdtls_signature_name(report->signature));
	add(line, " records=%s", report->records == PUMP_KERNEL ? "kernel" : "own");
	if (report->sealed)
		add(line, " sealed=yes");
	/* What goes over a socket of somebody else is his to count. */
	if (report->end != END_HANDED_OVER)
		add(line, " out=%" PRIu64 " in=%" PRIu64, report->bytes_out, report->bytes_in);
}

void report_end_text(const struct report *report, const char *service, char *text, size_t size)
{
	struct line line = { .text = text, .size = size };

	add(&line, "service=%s peer=%s app=%s end=%s outcome=%s", service, report->peer,
	    report->app, end_words[report->end], outcome(report));
	if (report->established)
		add_established(&line, report);
	if (report->key[0])
		add(&line, " %s=%s", report->established && !report->keyed ? "unused-key" : "key",
		    report->key);
	if (report->sent != QKDTLS_ALERT_NONE)
		add(&line, " alert-sent=%s", qkdtls_alert_name(report->sent));
	if (report->received != QKDTLS_ALERT_NONE)
		add(&line, " alert-received=%s", qkdtls_alert_name(report->received));
	if (report->text[0])
		add(&line, " reason=\"%s\"", report->text);
	if (report->withheld)
		add(&line, " not-logged=%" PRIu64, report->withheld);
}

void report_end(const struct report *report, const char *service)
{
	char text[LINE_LEN];

	report_end_text(report, service, text, sizeof(text));
	if (report->end == END_CLOSED || report->end == END_HANDED_OVER)
		log_info("%s", text);
	else
		log_warning("%s", text);
}

void report_counters_text(const struct counters *counters, const char *service, unsigned int open,
			  char *text, size_t size)
{
	struct line line = { .text = text, .size = size };

	add(&line,
	    "service=%s accepted=%" PRIu64 " open=%u qkd=%" PRIu64 " fallback=%" PRIu64
	    " closed=%" PRIu64,
	    service, counters->accepted, open, counters->keyed, counters->fallback,
	    counters->ends[END_CLOSED]);
	for (int i = END_CLOSED + 1; i < END_REASONS; i++) {
		if (counters->ends[i])
			add(&line, " %s=%" PRIu64, end_words[i], counters->ends[i]);
	}
}

void report_counters(const struct counters *counters, const char *service, unsigned int open)
{
	char text[LINE_LEN];

	report_counters_text(counters, service, open, text, sizeof(text));
	log_info("%s", text);
}
