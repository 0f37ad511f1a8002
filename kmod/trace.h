/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Tracepoints. IDs, names and results only: no byte of a key, and nothing that one could be made
 * of, is ever an argument of them.
 */
#undef TRACE_SYSTEM
#define TRACE_SYSTEM qkd

#if !defined(_QKD_TRACE_H) || defined(TRACE_HEADER_MULTI_READ)
#define _QKD_TRACE_H

#include <linux/string.h>
#include <linux/tracepoint.h>

#include "qkd.h"

/* Tracepoints are laid out as everywhere in the kernel. */
/* clang-format off */

#define show_direction(dir) \
	__print_symbolic(dir, { QKD_OUTBOUND, "outbound" }, { QKD_INBOUND, "inbound" })

#define show_outcome(outcome) \
	__print_symbolic(outcome, { QKD_AUDIT_EXPIRED, "expired" }, { QKD_AUDIT_PURGED, "purged" }, \
			 { QKD_AUDIT_WIPED, "wiped" }, { QKD_AUDIT_LAPSED, "lapsed" })

#define show_state(state) \
	__print_symbolic(state, { QKD_LINK_UP, "up" }, { QKD_LINK_DOWN, "down" }, \
			 { QKD_LINK_DEGRADED, "degraded" })

/* What was done about a key, and what came of it; the ID is zero where none is known. */
DECLARE_EVENT_CLASS(qkd_key,
	TP_PROTO(const struct qkd_link *link, const u8 *id, unsigned int dir, int ret),
	TP_ARGS(link, id, dir, ret),
	TP_STRUCT__entry(
		__array(char, link, QKD_LINK_NAME_LEN)
		__array(u8, id, QKD_KEY_ID_LEN)
		__field(unsigned int, dir)
		__field(int, ret)
	),
	TP_fast_assign(
		memcpy(__entry->link, link->name, QKD_LINK_NAME_LEN);
		if (id)
			memcpy(__entry->id, id, QKD_KEY_ID_LEN);
		else
			memset(__entry->id, 0, QKD_KEY_ID_LEN);
		__entry->dir = dir;
		__entry->ret = ret;
	),
	TP_printk("link=%s id=%pUb dir=%s ret=%d", __entry->link, __entry->id,
		  show_direction(__entry->dir), __entry->ret)
);

#define QKD_KEY_EVENT(name) \
	DEFINE_EVENT(qkd_key, name, \
		TP_PROTO(const struct qkd_link *link, const u8 *id, unsigned int dir, int ret), \
		TP_ARGS(link, id, dir, ret))

QKD_KEY_EVENT(key_deliver);
QKD_KEY_EVENT(key_take);
QKD_KEY_EVENT(key_reserve);
QKD_KEY_EVENT(key_commit);
QKD_KEY_EVENT(key_release);
QKD_KEY_EVENT(provider_fetch);

TRACE_EVENT(key_gone,
	TP_PROTO(const struct qkd_link *link, const u8 *id, unsigned int dir, unsigned int why),
	TP_ARGS(link, id, dir, why),
	TP_STRUCT__entry(
		__array(char, link, QKD_LINK_NAME_LEN)
		__array(u8, id, QKD_KEY_ID_LEN)
		__field(unsigned int, dir)
		__field(unsigned int, why)
	),
	TP_fast_assign(
		memcpy(__entry->link, link->name, QKD_LINK_NAME_LEN);
		memcpy(__entry->id, id, QKD_KEY_ID_LEN);
		__entry->dir = dir;
		__entry->why = why;
	),
	TP_printk("link=%s id=%pUb dir=%s why=%s", __entry->link, __entry->id,
		  show_direction(__entry->dir), show_outcome(__entry->why))
);

DECLARE_EVENT_CLASS(qkd_link,
	TP_PROTO(const struct qkd_link *link, int ret),
	TP_ARGS(link, ret),
	TP_STRUCT__entry(
		__array(char, link, QKD_LINK_NAME_LEN)
		__array(char, provider, QKD_LINK_NAME_LEN)
		__field(int, ret)
	),
	TP_fast_assign(
		memcpy(__entry->link, link->name, QKD_LINK_NAME_LEN);
		memcpy(__entry->provider, link->provider_name, QKD_LINK_NAME_LEN);
		__entry->ret = ret;
	),
	TP_printk("link=%s provider=%s ret=%d", __entry->link, __entry->provider, __entry->ret)
);

DEFINE_EVENT(qkd_link, link_add,
	TP_PROTO(const struct qkd_link *link, int ret),
	TP_ARGS(link, ret));
DEFINE_EVENT(qkd_link, link_delete,
	TP_PROTO(const struct qkd_link *link, int ret),
	TP_ARGS(link, ret));

TRACE_EVENT(link_state,
	TP_PROTO(const struct qkd_link *link, unsigned int state),
	TP_ARGS(link, state),
	TP_STRUCT__entry(
		__array(char, link, QKD_LINK_NAME_LEN)
		__field(unsigned int, state)
	),
	TP_fast_assign(
		memcpy(__entry->link, link->name, QKD_LINK_NAME_LEN);
		__entry->state = state;
	),
	TP_printk("link=%s state=%s", __entry->link, show_state(__entry->state))
);

DECLARE_EVENT_CLASS(qkd_provider,
	TP_PROTO(const char *name, int ret),
	TP_ARGS(name, ret),
	TP_STRUCT__entry(
		__array(char, name, QKD_LINK_NAME_LEN)
		__field(int, ret)
	),
	TP_fast_assign(
		strscpy(__entry->name, name, QKD_LINK_NAME_LEN);
		__entry->ret = ret;
	),
	TP_printk("provider=%s ret=%d", __entry->name, __entry->ret)
);

DEFINE_EVENT(qkd_provider, provider_register,
	TP_PROTO(const char *name, int ret),
	TP_ARGS(name, ret));
DEFINE_EVENT(qkd_provider, provider_unregister,
	TP_PROTO(const char *name, int ret),
	TP_ARGS(name, ret));

/* clang-format on */

#endif /* _QKD_TRACE_H */

/* This part must be outside the guard. */
#undef TRACE_INCLUDE_PATH
#define TRACE_INCLUDE_PATH .
#undef TRACE_INCLUDE_FILE
#define TRACE_INCLUDE_FILE trace
#include <trace/define_trace.h>
