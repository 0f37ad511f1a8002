/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What becomes of a handshake in which one end shows a certificate and the other judges it */
#ifndef _QKD_SELFTESTS_JUDGE_H
#define _QKD_SELFTESTS_JUDGE_H

#include <stdbool.h>
#include <qkd/qkdtls.h>
#include "pki.h"

/**
 * struct judge_case - files in the tests' directory
 * @chain, @key: of the end that is judged
 * @staple: its OCSP response, or NULL
 * @trust: the other end's
 * @crl: its revocation lists, or NULL
 * @ocsp_required: it wants a staple
 * @peer_name: the name it expects; NULL: the right one
 */
struct judge_case {
	const char *chain;
	const char *key;
	const char *staple;
	const char *trust;
	const char *crl;
	bool ocsp_required;
	const char *peer_name;
};

/*
 * @role shows the certificate. Both ends agree on the alert that comes back: QKDTLS_ALERT_NONE if both succeed.
 * @reason, if not NULL, receives the judge's, valid until the next call.
 */
enum qkdtls_alert judge(struct pki *pki, enum qkdtls_role role, const struct judge_case *judged,
			const char **reason);

/* The same answer in both roles, or the test fails. */
void judge_both(struct pki *pki, const struct judge_case *judged, enum qkdtls_alert alert);

#endif /* _QKD_SELFTESTS_JUDGE_H */
