// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <string.h>
#include <qkd/libqkd.h>

#include "common/log.h"
#include "qkdtls/report.h"

const char *report_policy_name(enum qkdtls_policy policy)
{
	switch (policy) {
	case QKDTLS_REQUIRE:
		return "require";
	case QKDTLS_PREFER:
		return "prefer";
	default:
		return "psk-only";
	}
}

static void line(const char *word, const char *value)
{
	fprintf(stderr, "%s: ", word);
	/* Names may come from the peer: nothing of them may steer a terminal or fake a line. */
	for (const char *c = value; *c; c++)
		fputc(*c < ' ' || *c > '~' ? '?' : *c, stderr);
	fputc('\n', stderr);
}

static void key_line(const struct qkdtls_info *info, bool uuid)
{
	char text[QKDTLS_PSK_ID_MAX + sizeof(" (offered, not used)")] = "none";

	if (uuid && info->psk_id_len == QKD_KEY_ID_LEN)
		qkd_id_format(info->psk_id, text);
	else if (info->psk_id_len)
		snprintf(text, sizeof(text), "%.*s", (int)info->psk_id_len, info->psk_id);
	if (info->psk_id_len && !info->psk)
		strcat(text, " (offered, not used)");
	line("key id", text);
}

static const char *authentication(const struct qkdtls_info *info)
{
	if (info->certificate)
		return info->psk ? "certificate and PSK" : "certificate";
	return info->psk ? "PSK" : "none";
}

void report_negotiated(const struct qkdtls_info *info, enum qkdtls_policy policy,
		       const char *address, bool uuid)
{
	line("connected", address);
	line("policy", report_policy_name(policy));
	line("suite", qkdtls_suite_name(info->suite));
	line("group", qkdtls_group_name(info->group));
	line("authentication", authentication(info));
	line("signature", info->signature ? qkdtls_signature_name(info->signature) : "none");
	key_line(info, uuid);
	line("peer", info->peer[0] ? info->peer : "not certified");
	line("application protocol", info->alpn[0] ? info->alpn : "none");
	line("hello retry", info->retried ? "yes" : "no");
	if (!info->psk)
		log_warning("NO QKD KEY is in this connection: the policy is prefer");
}

void report_records(bool kernel)
{
	line("records", kernel ? "kernel (kTLS)" : "own");
}

void report_failure(const char *what, const char *reason, const struct qkdtls_error *error)
{
	log_error("%s: %s", what, reason);
	if (error && error->sent != QKDTLS_ALERT_NONE)
		line("alert sent", qkdtls_alert_name(error->sent));
	if (error && error->received != QKDTLS_ALERT_NONE)
		line("alert received", qkdtls_alert_name(error->received));
}
