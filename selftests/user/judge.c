// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <stdio.h>

#include "judge.h"
#include "site.h"

static void must(struct qkdtls_config *config, int ret)
{
	if (ret)
		fail_msg("refused: %s", qkdtls_config_message(config));
}

static void set_judged(struct pki *pki, struct qkdtls_config *config,
		       const struct judge_case *judged)
{
	must(config, qkdtls_config_set_certificate(config, pki_path(pki, judged->chain),
						   pki_path(pki, judged->key)));
	if (judged->staple)
		must(config, qkdtls_config_set_ocsp_staple(config, pki_path(pki, judged->staple)));
}

static void set_judge(struct pki *pki, struct qkdtls_config *config,
		      const struct judge_case *judged)
{
	must(config, qkdtls_config_set_trust(config, pki_path(pki, judged->trust)));
	if (judged->crl)
		must(config, qkdtls_config_set_crl(config, pki_path(pki, judged->crl)));
	if (judged->peer_name)
		must(config, qkdtls_config_set_peer_name(config, judged->peer_name));
	must(config, qkdtls_config_set_ocsp_required(config, judged->ocsp_required));
}

static enum qkdtls_alert verdict(const struct loopback *lb, enum qkdtls_role role)
{
	const enum qkdtls_role other = role == QKDTLS_CLIENT ? QKDTLS_SERVER : QKDTLS_CLIENT;
	const struct qkdtls_error *error = qkdtls_error(lb->end[other]);

	if (lb->want[other] == QKDTLS_DONE) {
		assert_int_equal(lb->want[role], QKDTLS_DONE);
		return QKDTLS_ALERT_NONE;
	}
	assert_int_equal(lb->want[other], QKDTLS_FAILED);
	if (error->sent == QKDTLS_ALERT_NONE)
		fail_msg("the judged end itself failed: %s", qkdtls_error(lb->end[role])->reason);
	/* A client is done when the server judges it: then the alert comes to its stream. */
	if (lb->want[role] == QKDTLS_FAILED)
		assert_int_equal(qkdtls_error(lb->end[role])->received, error->sent);
	return error->sent;
}

enum qkdtls_alert judge(struct pki *pki, enum qkdtls_role role, const struct judge_case *judged,
			const char **reason)
{
	static char text[128];
	const struct site_options options = { .verify_client = true };
	struct qkdtls_config *config[] = {
		[QKDTLS_CLIENT] = site_config(pki, QKDTLS_CLIENT, &options),
		[QKDTLS_SERVER] = site_config(pki, QKDTLS_SERVER, &options),
	};
	struct loopback lb;
	enum qkdtls_alert alert;
	const char *why;

	set_judged(pki, config[role], judged);
	set_judge(pki, config[!role], judged);
	loopback_init(&lb, config[QKDTLS_CLIENT], config[QKDTLS_SERVER]);
	assert_true(loopback_run(&lb));
	alert = verdict(&lb, role);
	why = qkdtls_error(lb.end[!role])->reason;
	snprintf(text, sizeof(text), "%s", why ? why : "");
	if (reason)
		*reason = text;
	loopback_free(&lb);
	qkdtls_config_unref(config[QKDTLS_CLIENT]);
	qkdtls_config_unref(config[QKDTLS_SERVER]);
	return alert;
}

void judge_both(struct pki *pki, const struct judge_case *judged, enum qkdtls_alert alert)
{
	for (int role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++) {
		const char *reason;
		const enum qkdtls_alert got = judge(pki, role, judged, &reason);

		if (got != alert)
			fail_msg("%s: %s (%s) instead of %s",
				 role == QKDTLS_CLIENT ? "client" : "server",
				 qkdtls_alert_name(got), reason, qkdtls_alert_name(alert));
	}
}
