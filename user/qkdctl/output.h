/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What commands print, as text or as one JSON document. */
#ifndef _QKDCTL_OUTPUT_H
#define _QKDCTL_OUTPUT_H

#include <stdbool.h>
#include <json-c/json.h>
#include <qkd/libqkd.h>

/* An exit status: was all of the output written? */
int output_end(void);

/* Prints @doc on a line of its own and gives it back. An exit status. */
int output_json(struct json_object *doc);

/* What a command without output of its own did to a link; as text nothing. An exit status. */
int output_done(bool json, const char *link, const char *done);

struct json_object *output_provider_json(const struct qkd_provider_info *info);
void output_provider(const struct qkd_provider_info *info);

struct json_object *output_link_json(const struct qkd_link_info *info);
void output_link(const struct qkd_link_info *info);

struct json_object *output_stats_json(const struct qkd_link_info *info);
void output_stats(const struct qkd_link_info *info);

/* The name of one of the counters, QKD_A_STATS_... */
const char *output_stats_name(int stat);

/* Counters of the daemon's services, of daemon_stats_read() */
void output_services(struct json_object *services);

struct json_object *output_session_json(const struct qkd_session_info *info);
void output_session(const struct qkd_session_info *info);

struct json_object *output_event_json(const struct qkd_event *event);
void output_event(const struct qkd_event *event);

#endif /* _QKDCTL_OUTPUT_H */
