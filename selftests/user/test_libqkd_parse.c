// SPDX-License-Identifier: GPL-2.0-or-later
/* Messages as the kernel sends them, and as it should not, fed from memory. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include <netlink/attr.h>
#include <netlink/genl/genl.h>
#include <netlink/msg.h>

#include "libqkd/private.h"

#define FAMILY 0x1c

static struct nl_msg *message(uint8_t cmd)
{
	struct nl_msg *msg = nlmsg_alloc();

	assert_non_null(msg);
	assert_non_null(genlmsg_put(msg, 0, 1, FAMILY, 0, 0, cmd, QKD_GENL_VERSION));
	return msg;
}

/* What a test does to one attribute of an otherwise good message */
struct change {
	int type;
	enum { MISSING, OTHER_LENGTH } how;
	int len;
};

static void put(struct nl_msg *msg, const struct change *change, int type, const void *data,
		int len)
{
	static const char filler[300] = "";

	if (!change || change->type != type)
		assert_int_equal(nla_put(msg, type, len, data), 0);
	else if (change->how == OTHER_LENGTH)
		assert_int_equal(nla_put(msg, type, change->len, filler), 0);
}

static void put_u32(struct nl_msg *msg, const struct change *change, int type, uint32_t value)
{
	put(msg, change, type, &value, sizeof(value));
}

static void put_u8(struct nl_msg *msg, const struct change *change, int type, uint8_t value)
{
	put(msg, change, type, &value, sizeof(value));
}

static void put_text(struct nl_msg *msg, const struct change *change, int type, const char *text)
{
	put(msg, change, type, text, (int)strlen(text) + 1);
}

static void put_stats_as(struct nl_msg *msg, int type, int length)
{
	struct nlattr *nest = nla_nest_start(msg, type);

	assert_non_null(nest);
	for (int i = QKD_A_STATS_PAD + 1; i <= QKD_A_STATS_MAX; i++) {
		uint64_t value = 0x100000000ULL + (uint64_t)i;

		assert_int_equal(nla_put(msg, i, length, &value), 0);
	}
	nla_nest_end(msg, nest);
}

static void put_stats(struct nl_msg *msg, int length)
{
	put_stats_as(msg, QKD_A_LINK_STATS, length);
}

static void put_config(struct nl_msg *msg)
{
	struct nlattr *nest = nla_nest_start(msg, QKD_A_LINK_CONFIG);

	assert_non_null(nest);
	put_u32(msg, NULL, QKD_A_SIM_RATE, 65536);
	nla_nest_end(msg, nest);
}

static struct nl_msg *link_message(const struct change *change, const char *provider)
{
	struct nl_msg *msg = message(QKD_CMD_LINK_GET);

	put_text(msg, change, QKD_A_LINK_NAME, "alpha");
	put_text(msg, change, QKD_A_LINK_PROVIDER, provider);
	put_text(msg, change, QKD_A_LINK_LOCAL_SAE, "geneva");
	put_text(msg, change, QKD_A_LINK_REMOTE_SAE, "zurich");
	put_u8(msg, change, QKD_A_LINK_ROLE, QKD_ROLE_B);
	put_u32(msg, change, QKD_A_LINK_CAPACITY, 1024);
	put_u32(msg, change, QKD_A_LINK_TTL, 60);
	put_u32(msg, change, QKD_A_LINK_LOW, 7);
	put_u8(msg, change, QKD_A_LINK_STATE, QKD_LINK_DOWN);
	put_u32(msg, change, QKD_A_LINK_FLAGS, QKD_LINK_F_SIMULATED);
	put_u32(msg, change, QKD_A_LINK_KEY_LEN, 32);
	if (!change || change->type != QKD_A_LINK_STATS)
		put_stats(msg, sizeof(uint64_t));
	put_config(msg);
	put_u32(msg, change, QKD_A_LINK_QBER_MAX, 110000);
	put_u32(msg, change, QKD_A_LINK_QBER, 25000);
	put_u32(msg, change, QKD_A_LINK_RATE, 64000);
	put_u32(msg, change, QKD_A_LINK_LEASE, 30);
	put_u32(msg, change, QKD_A_LINK_DEGRADE_AFTER, 4);
	put_u32(msg, change, QKD_A_LINK_QUOTA_RATE, 11);
	put_u32(msg, change, QKD_A_LINK_QUOTA_BURST, 12);
	put_u32(msg, change, QKD_A_LINK_RESERVE, 13);
	put_u32(msg, change, QKD_A_LINK_PRIORITY_GID, 14);
	put_u32(msg, change, QKD_A_LINK_RAW, 0);
	return msg;
}

static int parse_link(const struct change *change, struct qkd_link_info *info)
{
	struct nl_msg *msg = link_message(change, "sim");
	int ret = qkd_parse_link(nlmsg_hdr(msg), info);

	nlmsg_free(msg);
	return ret;
}

static void link_is_read_whole(void **state)
{
	struct qkd_link_info info;

	assert_int_equal(parse_link(NULL, &info), 0);
	assert_string_equal(info.name, "alpha");
	assert_string_equal(info.provider, "sim");
	assert_string_equal(info.local_sae, "geneva");
	assert_string_equal(info.remote_sae, "zurich");
	assert_int_equal(info.role, QKD_ROLE_B);
	assert_int_equal(info.state, QKD_LINK_DOWN);
	assert_int_equal(info.flags, QKD_LINK_F_SIMULATED);
	assert_int_equal(info.key_len, 32);
	assert_int_equal(info.capacity, 1024);
	assert_int_equal(info.ttl_s, 60);
	assert_int_equal(info.low, 7);
	assert_int_equal(info.qber_max, 110000);
	assert_int_equal(info.qber, 25000);
	assert_int_equal(info.rate, 64000);
	assert_int_equal(info.sim.given, 1 << QKD_A_SIM_RATE);
	assert_int_equal(info.sim.value[QKD_A_SIM_RATE], 65536);
	assert_int_equal(info.lease_s, 30);
	assert_int_equal(info.degrade_after, 4);
	assert_int_equal(info.quota_rate, 11);
	assert_int_equal(info.quota_burst, 12);
	assert_int_equal(info.reserve, 13);
	assert_int_equal(info.priority_gid, 14);
	assert_int_equal(info.raw, 0);
	for (int i = QKD_A_STATS_PAD + 1; i <= QKD_A_STATS_MAX; i++)
		assert_true(info.stats.value[i] == 0x100000000ULL + (uint64_t)i);
}

static void link_with_an_attribute_missing_is_refused(void **state)
{
	for (int type = QKD_A_LINK_NAME; type <= QKD_A_LINK_STATS; type++) {
		const struct change change = { .type = type, .how = MISSING };
		struct qkd_link_info info;

		assert_int_equal(parse_link(&change, &info), -EPROTO);
	}
}

static void link_of_an_older_kernel_is_read(void **state)
{
	static const int late[] = {
		QKD_A_LINK_LEASE,	QKD_A_LINK_DEGRADE_AFTER, QKD_A_LINK_QUOTA_RATE,
		QKD_A_LINK_QUOTA_BURST, QKD_A_LINK_RESERVE,	  QKD_A_LINK_PRIORITY_GID,
		QKD_A_LINK_RAW,
	};
	struct qkd_link_info info;

	for (size_t i = 0; i < sizeof(late) / sizeof(late[0]); i++) {
		const struct change change = { .type = late[i], .how = MISSING };

		assert_int_equal(parse_link(&change, &info), 0);
	}
	assert_int_equal(info.raw, 1);
}

static void link_with_a_wrong_length_is_refused(void **state)
{
	static const struct change changes[] = {
		{ QKD_A_LINK_NAME, OTHER_LENGTH, 0 },
		{ QKD_A_LINK_NAME, OTHER_LENGTH, QKD_LINK_NAME_LEN + 1 },
		{ QKD_A_LINK_PROVIDER, OTHER_LENGTH, QKD_LINK_NAME_LEN + 1 },
		{ QKD_A_LINK_LOCAL_SAE, OTHER_LENGTH, QKD_SAE_ID_LEN_MAX + 2 },
		{ QKD_A_LINK_REMOTE_SAE, OTHER_LENGTH, QKD_SAE_ID_LEN_MAX + 2 },
		{ QKD_A_LINK_ROLE, OTHER_LENGTH, 0 },
		{ QKD_A_LINK_ROLE, OTHER_LENGTH, 4 },
		{ QKD_A_LINK_STATE, OTHER_LENGTH, 2 },
		{ QKD_A_LINK_CAPACITY, OTHER_LENGTH, 3 },
		{ QKD_A_LINK_CAPACITY, OTHER_LENGTH, 8 },
		{ QKD_A_LINK_TTL, OTHER_LENGTH, 8 },
		{ QKD_A_LINK_LOW, OTHER_LENGTH, 0 },
		{ QKD_A_LINK_FLAGS, OTHER_LENGTH, 8 },
		{ QKD_A_LINK_KEY_LEN, OTHER_LENGTH, 1 },
		{ QKD_A_LINK_QBER_MAX, MISSING, 0 },
		{ QKD_A_LINK_QBER_MAX, OTHER_LENGTH, 1 },
		{ QKD_A_LINK_QBER, OTHER_LENGTH, 8 },
		{ QKD_A_LINK_RATE, OTHER_LENGTH, 8 },
		{ QKD_A_LINK_LEASE, OTHER_LENGTH, 8 },
		{ QKD_A_LINK_DEGRADE_AFTER, OTHER_LENGTH, 2 },
		{ QKD_A_LINK_QUOTA_RATE, OTHER_LENGTH, 8 },
		{ QKD_A_LINK_QUOTA_BURST, OTHER_LENGTH, 8 },
		{ QKD_A_LINK_RESERVE, OTHER_LENGTH, 8 },
		{ QKD_A_LINK_PRIORITY_GID, OTHER_LENGTH, 8 },
		{ QKD_A_LINK_RAW, OTHER_LENGTH, 1 },
	};

	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		struct qkd_link_info info;

		assert_int_equal(parse_link(&changes[i], &info), -EPROTO);
	}
}

static void what_was_not_measured_is_unknown(void **state)
{
	static const struct change changes[] = {
		{ QKD_A_LINK_QBER, MISSING, 0 },
		{ QKD_A_LINK_RATE, MISSING, 0 },
	};
	struct qkd_link_info info;

	assert_int_equal(parse_link(&changes[0], &info), 0);
	assert_int_equal(info.qber, QKD_UNKNOWN);
	assert_int_equal(info.rate, 64000);
	assert_int_equal(parse_link(&changes[1], &info), 0);
	assert_int_equal(info.qber, 25000);
	assert_int_equal(info.rate, QKD_UNKNOWN);
}

static void simulator_settings_of_another_width_are_refused(void **state)
{
	struct nl_msg *msg = message(QKD_CMD_LINK_GET);
	struct qkd_sim_settings sim = { 0 };
	struct nlattr *nest = nla_nest_start(msg, QKD_A_LINK_CONFIG);

	assert_int_equal(nla_put_u8(msg, QKD_A_SIM_RATE, 1), 0);
	nla_nest_end(msg, nest);
	assert_int_equal(qkd_sim_parse(nest, &sim), -EPROTO);
	nlmsg_free(msg);
}

static void simulator_settings_are_read_as_they_are_written(void **state)
{
	struct nl_msg *msg = message(QKD_CMD_LINK_SET);
	struct qkd_sim_settings out = { 0 }, in = { 0 };

	assert_int_equal(qkd_sim_put(msg, -1, &out), 0);
	assert_int_equal(genlmsg_attrlen(genlmsg_hdr(nlmsg_hdr(msg)), 0), 0);
	qkd_sim_give(&out, QKD_A_SIM_RATE, 300);
	qkd_sim_give(&out, QKD_A_SIM_QBER, 500000);
	qkd_sim_give(&out, QKD_A_SIM_OUTAGE, 1);
	qkd_sim_give(&out, QKD_A_SIM_FLIP, 0);
	assert_int_equal(qkd_sim_put(msg, -1, &out), 0);
	assert_int_equal(qkd_sim_parse(genlmsg_attrdata(genlmsg_hdr(nlmsg_hdr(msg)), 0), &in), 0);
	assert_memory_equal(&in, &out, sizeof(in));
	nlmsg_free(msg);
}

static void text_without_its_end_is_refused(void **state)
{
	struct nl_msg *msg = message(QKD_CMD_EVENT);
	struct qkd_event event;

	put_u8(msg, NULL, QKD_A_EVENT_TYPE, QKD_EVENT_LINK_UP);
	put(msg, NULL, QKD_A_EVENT_LINK, "alpha", 5);
	put_u32(msg, NULL, QKD_A_EVENT_OUTBOUND, 1);
	assert_int_equal(qkd_parse_event(nlmsg_hdr(msg), &event), -EPROTO);
	nlmsg_free(msg);
}

static void statistics_of_another_width_are_refused(void **state)
{
	const struct change without = { .type = QKD_A_LINK_STATS, .how = MISSING };
	struct nl_msg *msg = link_message(&without, "sim");
	struct qkd_link_info info;

	put_stats(msg, 4);
	assert_int_equal(qkd_parse_link(nlmsg_hdr(msg), &info), -EPROTO);
	nlmsg_free(msg);
}

static void configuration_of_another_provider_is_left_alone(void **state)
{
	struct nl_msg *msg = link_message(NULL, "card");
	struct qkd_link_info info;

	assert_int_equal(qkd_parse_link(nlmsg_hdr(msg), &info), 0);
	assert_int_equal(info.sim.given, 0);
	nlmsg_free(msg);
}

static void attributes_of_later_versions_are_passed_over(void **state)
{
	struct nl_msg *msg = link_message(NULL, "sim");
	struct qkd_link_info info;

	put_u32(msg, NULL, QKD_A_LINK_MAX + 5, 1);
	assert_int_equal(qkd_parse_link(nlmsg_hdr(msg), &info), 0);
	assert_string_equal(info.name, "alpha");
	nlmsg_free(msg);
}

static void another_command_is_refused(void **state)
{
	struct nl_msg *msg = link_message(NULL, "sim");
	struct qkd_provider_info provider;
	struct qkd_event event;

	assert_int_equal(qkd_parse_provider(nlmsg_hdr(msg), &provider), -EPROTO);
	assert_int_equal(qkd_parse_event(nlmsg_hdr(msg), &event), -EPROTO);
	nlmsg_free(msg);
}

/* A copy of exactly that length, so that a sanitizer sees any byte read beyond it. */
static void parse_cut(const struct nlmsghdr *whole, uint32_t len)
{
	struct nlmsghdr *cut = malloc(len);
	struct qkd_link_info info;

	assert_non_null(cut);
	memcpy(cut, whole, len);
	cut->nlmsg_len = len;
	assert_int_equal(qkd_parse_link(cut, &info), -EPROTO);
	free(cut);
}

static void cut_messages_are_refused(void **state)
{
	const struct change without = { .type = QKD_A_LINK_STATS, .how = MISSING };
	struct nl_msg *msg = link_message(&without, "sim");
	const struct nlmsghdr *hdr = nlmsg_hdr(msg);

	for (uint32_t len = sizeof(*hdr); len < hdr->nlmsg_len; len++)
		parse_cut(hdr, len);
	nlmsg_free(msg);
}

static void provider_is_read(void **state)
{
	struct nl_msg *msg = message(QKD_CMD_PROVIDER_GET);
	struct qkd_provider_info info;

	put_text(msg, NULL, QKD_A_PROVIDER_NAME, "sim");
	put_u32(msg, NULL, QKD_A_PROVIDER_FLAGS, QKD_LINK_F_SIMULATED);
	assert_int_equal(qkd_parse_provider(nlmsg_hdr(msg), &info), -EPROTO);
	put_u32(msg, NULL, QKD_A_PROVIDER_LINKS, 3);
	assert_int_equal(qkd_parse_provider(nlmsg_hdr(msg), &info), 0);
	assert_string_equal(info.name, "sim");
	assert_int_equal(info.flags, QKD_LINK_F_SIMULATED);
	assert_int_equal(info.links, 3);
	nlmsg_free(msg);
}

static void event_is_read(void **state)
{
	struct nl_msg *msg = message(QKD_CMD_EVENT);
	struct qkd_event event;

	put_u8(msg, NULL, QKD_A_EVENT_TYPE, QKD_EVENT_KEY_LOW);
	put_text(msg, NULL, QKD_A_EVENT_LINK, "alpha");
	assert_int_equal(qkd_parse_event(nlmsg_hdr(msg), &event), -EPROTO);
	put_u32(msg, NULL, QKD_A_EVENT_OUTBOUND, 9);
	assert_int_equal(qkd_parse_event(nlmsg_hdr(msg), &event), 0);
	assert_int_equal(event.type, QKD_EVENT_KEY_LOW);
	assert_string_equal(event.link, "alpha");
	assert_int_equal(event.outbound, 9);
	assert_false(event.has_stats);
	put_stats_as(msg, QKD_A_EVENT_STATS, sizeof(uint64_t));
	assert_int_equal(qkd_parse_event(nlmsg_hdr(msg), &event), 0);
	assert_true(event.has_stats);
	assert_int_equal(event.stats.value[QKD_A_STATS_PURGED],
			 0x100000000ULL + QKD_A_STATS_PURGED);
	nlmsg_free(msg);
}

static void event_with_statistics_of_another_width_is_refused(void **state)
{
	struct nl_msg *msg = message(QKD_CMD_EVENT);
	struct qkd_event event;

	put_u8(msg, NULL, QKD_A_EVENT_TYPE, QKD_EVENT_LINK_GONE);
	put_text(msg, NULL, QKD_A_EVENT_LINK, "alpha");
	put_u32(msg, NULL, QKD_A_EVENT_OUTBOUND, 0);
	put_stats_as(msg, QKD_A_EVENT_STATS, 4);
	assert_int_equal(qkd_parse_event(nlmsg_hdr(msg), &event), -EPROTO);
	nlmsg_free(msg);
}

/* An error message: header, error, the request's header and payload, then the text. */
struct error_message {
	struct nlmsghdr hdr;
	struct nlmsgerr err;
	char rest[96];
};

static size_t error_message(struct error_message *m, uint16_t flags, uint32_t request_len,
			    const char *text)
{
	size_t echoed = flags & NLM_F_CAPPED ? 0 : NLMSG_ALIGN(request_len) - NLMSG_HDRLEN;
	struct nlattr attr = {
		.nla_len = (uint16_t)(NLA_HDRLEN + strlen(text) + 1),
		.nla_type = NLMSGERR_ATTR_MSG,
	};

	memset(m, 0, sizeof(*m));
	m->hdr.nlmsg_flags = flags;
	m->err.error = -EEXIST;
	m->err.msg.nlmsg_len = request_len;
	memcpy(m->rest + echoed, &attr, sizeof(attr));
	memcpy(m->rest + echoed + NLA_HDRLEN, text, strlen(text) + 1);
	return sizeof(m->err) + echoed + NLMSG_ALIGN(attr.nla_len);
}

static void kernel_text_is_found(void **state)
{
	static const uint16_t flags[] = { NLM_F_ACK_TLVS | NLM_F_CAPPED, NLM_F_ACK_TLVS };

	for (size_t i = 0; i < 2; i++) {
		struct error_message m;
		size_t len = error_message(&m, flags[i], 30, "name is taken");
		char text[QKD_NL_MESSAGE_LEN];

		assert_int_equal(qkd_nl_error_message(&m.err, len, text, sizeof(text)), -EEXIST);
		assert_string_equal(text, "name is taken");
	}
}

static void kernel_text_that_is_not_there_is_empty(void **state)
{
	static const struct {
		uint16_t flags;
		uint32_t request_len;
	} cases[] = {
		{ 0, 16 },
		{ NLM_F_ACK_TLVS, 0 },
		{ NLM_F_ACK_TLVS, 15 },
		{ NLM_F_ACK_TLVS, 4000 },
		{ NLM_F_ACK_TLVS, UINT32_MAX },
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct error_message m;
		size_t len = error_message(&m, cases[i].flags | NLM_F_CAPPED, 16, "text");
		char text[QKD_NL_MESSAGE_LEN] = "old";

		m.hdr.nlmsg_flags = cases[i].flags;
		m.err.msg.nlmsg_len = cases[i].request_len;
		assert_int_equal(qkd_nl_error_message(&m.err, len, text, sizeof(text)), -EEXIST);
		assert_string_equal(text, "");
	}
}

static void long_kernel_text_is_cut(void **state)
{
	struct error_message m;
	size_t len = error_message(&m, NLM_F_ACK_TLVS | NLM_F_CAPPED, 16, "a longer text");
	char text[5];

	assert_int_equal(qkd_nl_error_message(&m.err, len, text, sizeof(text)), -EEXIST);
	assert_string_equal(text, "a lo");
}

/* An audit message: @change of an attribute of the message, or of each of its records */
static struct nl_msg *audit_message(const struct change *change, const struct change *inner,
				    int records)
{
	const uint8_t id[QKD_KEY_ID_LEN] = { 1, 2, 3 };
	const uint64_t serial = 7, time_ns = 1000;
	struct nl_msg *msg = message(QKD_CMD_AUDIT);

	put_text(msg, change, QKD_A_AUDIT_LINK, "alpha");
	put(msg, change, QKD_A_AUDIT_SERIAL, &serial, sizeof(serial));
	for (int i = 0; i < records; i++) {
		const uint64_t seq = 40 + (uint64_t)i;
		struct nlattr *nest = nla_nest_start(msg, QKD_A_AUDIT_RECORD);

		assert_non_null(nest);
		put(msg, inner, QKD_A_RECORD_SEQ, &seq, sizeof(seq));
		put(msg, inner, QKD_A_RECORD_TIME, &time_ns, sizeof(time_ns));
		put(msg, inner, QKD_A_RECORD_ID, id, sizeof(id));
		put_u8(msg, inner, QKD_A_RECORD_DIRECTION, QKD_DIR_INBOUND);
		put_u8(msg, inner, QKD_A_RECORD_OUTCOME, QKD_AUDIT_COMMITTED);
		/* The first is nobody's. */
		if (i) {
			put_u32(msg, inner, QKD_A_RECORD_UID, 1000);
			put_u32(msg, inner, QKD_A_RECORD_PID, 4321);
			put_text(msg, inner, QKD_A_RECORD_COMM, "qkdtlsd");
		}
		nla_nest_end(msg, nest);
	}
	return msg;
}

struct records {
	struct qkd_audit_record list[4];
	size_t count;
	size_t stop_at;
};

static int keep_record(const struct qkd_audit_record *record, void *arg)
{
	struct records *records = arg;

	assert_true(records->count < 4);
	records->list[records->count++] = *record;
	return records->count == records->stop_at ? -ECANCELED : 0;
}

static int parse_audit(const struct change *change, const struct change *inner, int count,
		       struct records *records)
{
	struct nl_msg *msg = audit_message(change, inner, count);
	int ret = qkd_parse_audit(nlmsg_hdr(msg), keep_record, records);

	nlmsg_free(msg);
	return ret;
}

static void audit_records_are_read_whole(void **state)
{
	struct records records = { 0 };

	assert_int_equal(parse_audit(NULL, NULL, 3, &records), 0);
	assert_int_equal(records.count, 3);
	assert_string_equal(records.list[0].link, "alpha");
	assert_int_equal(records.list[0].serial, 7);
	assert_int_equal(records.list[0].seq, 40);
	assert_int_equal(records.list[0].time_ns, 1000);
	assert_int_equal(records.list[0].id[2], 3);
	assert_int_equal(records.list[0].direction, QKD_DIR_INBOUND);
	assert_int_equal(records.list[0].outcome, QKD_AUDIT_COMMITTED);
	assert_false(records.list[0].by_process);
	assert_int_equal(records.list[2].seq, 42);
	assert_true(records.list[2].by_process);
	assert_int_equal(records.list[2].uid, 1000);
	assert_int_equal(records.list[2].pid, 4321);
	assert_string_equal(records.list[2].comm, "qkdtlsd");
}

static void audit_ends_when_its_reader_says_so(void **state)
{
	struct records records = { .stop_at = 2 };

	assert_int_equal(parse_audit(NULL, NULL, 3, &records), -ECANCELED);
	assert_int_equal(records.count, 2);
}

static void broken_audit_messages_are_refused_whole(void **state)
{
	static const struct change outer[] = {
		{ QKD_A_AUDIT_LINK, MISSING, 0 },
		{ QKD_A_AUDIT_LINK, OTHER_LENGTH, QKD_LINK_NAME_LEN + 1 },
		{ QKD_A_AUDIT_SERIAL, MISSING, 0 },
		{ QKD_A_AUDIT_SERIAL, OTHER_LENGTH, 4 },
	};
	static const struct change inner[] = {
		{ QKD_A_RECORD_SEQ, MISSING, 0 },	 { QKD_A_RECORD_SEQ, OTHER_LENGTH, 4 },
		{ QKD_A_RECORD_TIME, MISSING, 0 },	 { QKD_A_RECORD_TIME, OTHER_LENGTH, 9 },
		{ QKD_A_RECORD_ID, MISSING, 0 },	 { QKD_A_RECORD_ID, OTHER_LENGTH, 15 },
		{ QKD_A_RECORD_ID, OTHER_LENGTH, 17 },	 { QKD_A_RECORD_DIRECTION, MISSING, 0 },
		{ QKD_A_RECORD_OUTCOME, MISSING, 0 },	 { QKD_A_RECORD_UID, MISSING, 0 },
		{ QKD_A_RECORD_PID, OTHER_LENGTH, 8 },	 { QKD_A_RECORD_COMM, MISSING, 0 },
		{ QKD_A_RECORD_COMM, OTHER_LENGTH, 17 },
	};
	struct records records = { 0 };

	for (size_t i = 0; i < sizeof(outer) / sizeof(outer[0]); i++)
		assert_int_equal(parse_audit(&outer[i], NULL, 2, &records), -EPROTO);
	for (size_t i = 0; i < sizeof(inner) / sizeof(inner[0]); i++)
		assert_int_equal(parse_audit(NULL, &inner[i], 2, &records), -EPROTO);
	assert_int_equal(parse_audit(NULL, NULL, 0, &records), -EPROTO);
	assert_int_equal(records.count, 0);
}

static int parse_any_session(const struct change *change, int remote_len, bool sealed,
			     struct qkd_session_info *info)
{
	const uint8_t id[QKD_KEY_ID_LEN] = { 9 }, local[16] = { 10, 0, 0, 1 },
		      remote[16] = { 10, 0, 0, 2 };
	const uint64_t age = 1500, cookie = 0x100000001;
	const uint16_t suite = 0x1302, port = 4433, group = 0x11ec;
	struct nl_msg *msg = message(QKD_CMD_SESSION_GET);
	int ret;

	put_text(msg, change, QKD_A_SESSION_LINK, "alpha");
	put(msg, change, QKD_A_SESSION_ID, id, sizeof(id));
	put_u8(msg, change, QKD_A_SESSION_DIRECTION, QKD_DIR_INBOUND);
	put(msg, change, QKD_A_SESSION_SUITE, &suite, sizeof(suite));
	put(msg, change, QKD_A_SESSION_AGE, &age, sizeof(age));
	put(msg, change, QKD_A_SESSION_COOKIE, &cookie, sizeof(cookie));
	put(msg, change, QKD_A_SESSION_LOCAL_ADDR, local, remote_len);
	put(msg, change, QKD_A_SESSION_LOCAL_PORT, &port, sizeof(port));
	put(msg, change, QKD_A_SESSION_REMOTE_ADDR, remote, remote_len);
	put(msg, change, QKD_A_SESSION_REMOTE_PORT, &port, sizeof(port));
	if (sealed) {
		put(msg, change, QKD_A_SESSION_SEALED, NULL, 0);
		put(msg, change, QKD_A_SESSION_GROUP, &group, sizeof(group));
		put_text(msg, change, QKD_A_SESSION_PEER, "zurich.example");
		put_u32(msg, change, QKD_A_SESSION_TX_GENERATION, 3);
		put_u32(msg, change, QKD_A_SESSION_RX_GENERATION, 4);
	}
	ret = qkd_parse_session(nlmsg_hdr(msg), info);
	nlmsg_free(msg);
	return ret;
}

static int parse_session(const struct change *change, int remote_len, struct qkd_session_info *info)
{
	return parse_any_session(change, remote_len, false, info);
}

static void a_session_is_read_whole(void **state)
{
	struct qkd_session_info info;

	assert_int_equal(parse_session(NULL, 4, &info), 0);
	assert_string_equal(info.link, "alpha");
	assert_int_equal(info.id[0], 9);
	assert_int_equal(info.direction, QKD_DIR_INBOUND);
	assert_int_equal(info.suite, 0x1302);
	assert_int_equal(info.age_ms, 1500);
	assert_true(info.cookie == 0x100000001);
	assert_int_equal(info.address_len, 4);
	assert_int_equal(info.local[3], 1);
	assert_int_equal(info.remote[3], 2);
	assert_int_equal(info.local_port, 4433);
	assert_int_equal(info.remote_port, 4433);
	assert_false(info.sealed);
	assert_int_equal(parse_session(NULL, 16, &info), 0);
	assert_int_equal(info.address_len, 16);
}

static void a_sealed_session_is_read_whole(void **state)
{
	struct qkd_session_info info;

	assert_int_equal(parse_any_session(NULL, 4, true, &info), 0);
	assert_true(info.sealed);
	assert_int_equal(info.group, 0x11ec);
	assert_string_equal(info.peer, "zurich.example");
	assert_int_equal(info.tx_generation, 3);
	assert_int_equal(info.rx_generation, 4);
	for (int i = QKD_A_SESSION_GROUP; i <= QKD_A_SESSION_MAX; i++) {
		const struct change missing = { i, MISSING, 0 }, longer = { i, OTHER_LENGTH, 300 };

		assert_int_equal(parse_any_session(&missing, 4, true, &info), -EPROTO);
		assert_int_equal(parse_any_session(&longer, 4, true, &info), -EPROTO);
	}
}

static void a_broken_session_is_refused(void **state)
{
	struct qkd_session_info info;

	for (int i = QKD_A_SESSION_LINK; i <= QKD_A_SESSION_REMOTE_PORT; i++) {
		const struct change missing = { i, MISSING, 0 }, longer = { i, OTHER_LENGTH, 40 };

		assert_int_equal(parse_session(&missing, 4, &info), -EPROTO);
		assert_int_equal(parse_session(&longer, 4, &info), -EPROTO);
	}
	for (int i = QKD_A_SESSION_LOCAL_ADDR; i <= QKD_A_SESSION_REMOTE_ADDR; i += 2) {
		const struct change other = { i, OTHER_LENGTH, 16 };

		assert_int_equal(parse_session(&other, 4, &info), -EPROTO);
	}
	assert_int_equal(parse_session(NULL, 5, &info), -EPROTO);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(link_is_read_whole),
		cmocka_unit_test(link_with_an_attribute_missing_is_refused),
		cmocka_unit_test(link_of_an_older_kernel_is_read),
		cmocka_unit_test(link_with_a_wrong_length_is_refused),
		cmocka_unit_test(what_was_not_measured_is_unknown),
		cmocka_unit_test(simulator_settings_of_another_width_are_refused),
		cmocka_unit_test(simulator_settings_are_read_as_they_are_written),
		cmocka_unit_test(text_without_its_end_is_refused),
		cmocka_unit_test(statistics_of_another_width_are_refused),
		cmocka_unit_test(configuration_of_another_provider_is_left_alone),
		cmocka_unit_test(attributes_of_later_versions_are_passed_over),
		cmocka_unit_test(another_command_is_refused),
		cmocka_unit_test(cut_messages_are_refused),
		cmocka_unit_test(provider_is_read),
		cmocka_unit_test(event_is_read),
		cmocka_unit_test(event_with_statistics_of_another_width_is_refused),
		cmocka_unit_test(kernel_text_is_found),
		cmocka_unit_test(kernel_text_that_is_not_there_is_empty),
		cmocka_unit_test(long_kernel_text_is_cut),
		cmocka_unit_test(audit_records_are_read_whole),
		cmocka_unit_test(audit_ends_when_its_reader_says_so),
		cmocka_unit_test(a_session_is_read_whole),
		cmocka_unit_test(a_sealed_session_is_read_whole),
		cmocka_unit_test(a_broken_session_is_refused),
		cmocka_unit_test(broken_audit_messages_are_refused_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
