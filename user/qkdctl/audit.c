// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <json-c/json.h>

#include "qkdctl/audit.h"
#include "qkdctl/chain.h"

#define NS_PER_S UINT64_C(1000000000)
#define TIME_LEN 48
#define COMM_LEN (4 * sizeof(((struct qkd_audit_record *)NULL)->comm))

static const char *outcome_name(uint8_t outcome)
{
	static const char *const names[] = {
		[QKD_AUDIT_UNSPEC] = "unknown",	   [QKD_AUDIT_TAKEN] = "taken",
		[QKD_AUDIT_RESERVED] = "reserved", [QKD_AUDIT_COMMITTED] = "committed",
		[QKD_AUDIT_RELEASED] = "released", [QKD_AUDIT_LAPSED] = "lapsed",
		[QKD_AUDIT_EXPIRED] = "expired",   [QKD_AUDIT_PURGED] = "purged",
		[QKD_AUDIT_WIPED] = "wiped",
	};

	return names[outcome < sizeof(names) / sizeof(names[0]) ? outcome : 0];
}

static const char *direction_name(uint8_t direction)
{
	return direction == QKD_DIR_OUTBOUND ? "outbound" : "inbound";
}

/* As "2026-11-28T22:40:01.000000123Z" */
static void format_time(uint64_t time_ns, char text[TIME_LEN])
{
	const time_t seconds = (time_t)(time_ns / NS_PER_S);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	snprintf(text, TIME_LEN, "%04d-%02d-%02dT%02d:%02d:%02d.%09" PRIu64 "Z", tm.tm_year + 1900,
		 tm.tm_mon + 1, tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, time_ns % NS_PER_S);
}

/* A process calls itself as it likes: it must not fake a line, nor be anything but ASCII. */
static void escape(const char *comm, char text[COMM_LEN])
{
	for (; *comm; comm++) {
		if (*comm < ' ' || *comm > '~' || *comm == '"' || *comm == '\\')
			text += sprintf(text, "\\x%02x", (unsigned char)*comm);
		else
			*text++ = *comm;
	}
	*text = '\0';
}

static void print_text(const struct qkd_audit_record *record, const char *time, const char *id,
		       const char *comm, char *line)
{
	int n = snprintf(line, CHAIN_LINE_MAX,
			 "%s link %s serial %" PRIu64 " seq %" PRIu64 " id %s direction %s "
			 "outcome %s",
			 time, record->link, record->serial, record->seq, id,
			 direction_name(record->direction), outcome_name(record->outcome));

	if (record->by_process)
		snprintf(line + n, CHAIN_LINE_MAX - (size_t)n,
			 " uid %" PRIu32 " pid %" PRIu32 " comm \"%s\"", record->uid, record->pid,
			 comm);
}

/* Gives @doc back. */
static int print_json(struct json_object *doc, char *line)
{
	const char *text = json_object_to_json_string_ext(
		doc, JSON_C_TO_STRING_PLAIN | JSON_C_TO_STRING_NOSLASHESCAPE);

	if (text)
		snprintf(line, CHAIN_LINE_MAX, "%s", text);
	json_object_put(doc);
	return text ? 0 : -ENOMEM;
}

static void add_text(struct json_object *doc, const char *name, const char *value)
{
	json_object_object_add(doc, name, json_object_new_string(value));
}

static void add_number(struct json_object *doc, const char *name, uint64_t value)
{
	json_object_object_add(doc, name, json_object_new_uint64(value));
}

int audit_line(const struct qkd_audit_record *record, bool json, char *line)
{
	char time[TIME_LEN], id[QKD_ID_TEXT_LEN + 1], comm[COMM_LEN];
	struct json_object *doc;

	format_time(record->time_ns, time);
	qkd_id_format(record->id, id);
	escape(record->comm, comm);
	if (!json) {
		print_text(record, time, id, comm, line);
		return 0;
	}
	doc = json_object_new_object();
	add_text(doc, "time", time);
	add_text(doc, "link", record->link);
	add_number(doc, "serial", record->serial);
	add_number(doc, "seq", record->seq);
	add_text(doc, "id", id);
	add_text(doc, "direction", direction_name(record->direction));
	add_text(doc, "outcome", outcome_name(record->outcome));
	if (record->by_process) {
		add_number(doc, "uid", record->uid);
		add_number(doc, "pid", record->pid);
		add_text(doc, "comm", comm);
	}
	return print_json(doc, line);
}

int audit_note(const char *what, uint64_t time_ns, bool json, char *line)
{
	char time[TIME_LEN];
	struct json_object *doc;

	format_time(time_ns, time);
	if (!json) {
		snprintf(line, CHAIN_LINE_MAX, "%s %s", time, what);
		return 0;
	}
	doc = json_object_new_object();
	add_text(doc, "time", time);
	add_text(doc, "note", what);
	return print_json(doc, line);
}

bool audit_parse(const char *text, size_t len, struct audit_place *place)
{
	char copy[CHAIN_LINE_MAX];

	if (!len || len >= sizeof(copy))
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (*copy == '{')
		return sscanf(copy,
			      "{\"time\":%*[^,],\"link\":\"%31[^\"]\",\"serial\":%" SCNu64
			      ",\"seq\":%" SCNu64 ",",
			      place->link, &place->serial, &place->seq) == 3;
	return sscanf(copy, "%*s link %31s serial %" SCNu64 " seq %" SCNu64 " ", place->link,
		      &place->serial, &place->seq) == 3;
}
