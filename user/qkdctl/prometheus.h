/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Counters as Prometheus reads them (text format 0.0.4): each metric with all of its samples. Names of links and services have no
 * character that would need an escape in a label.
 */
#ifndef _QKDCTL_PROMETHEUS_H
#define _QKDCTL_PROMETHEUS_H

#include <stddef.h>
#include <json-c/json.h>
#include <qkd/libqkd.h>

void prometheus_links(const struct qkd_link_info *links, size_t count);

/* @services: of daemon_stats_read() */
void prometheus_services(struct json_object *services);

#endif /* _QKDCTL_PROMETHEUS_H */
