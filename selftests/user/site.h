/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two sites with a link between them: configurations for tests, from one set of certificates */
#ifndef _QKD_SELFTESTS_SITE_H
#define _QKD_SELFTESTS_SITE_H

#include <qkd/qkdtls.h>
#include "loopback.h"
#include "pki.h"

enum site_psk {
	SITE_IMPORTED,
	SITE_EXTERNAL,
	SITE_EXTERNAL_SHA384,
	SITE_NO_PSK,
};

/**
 * struct site_options - what differs from the default: policy require, imported PSK, x25519
 * @groups, @ciphers, @alpn: NULL: the default
 * @record_limit: 0: the default
 * @certificate: server's, NULL: "server"
 * @verify_client: the server asks; the client has a certificate unless @bare_client
 * @key_limits: NULL: the default
 * @ocsp_required: by role: the peer must staple an OCSP response
 * @peer_name: that the client checks; NULL: the server's name
 */
struct site_options {
	enum qkdtls_policy policy;
	enum site_psk psk;
	const char *groups;
	const char *ciphers;
	const char *alpn;
	unsigned int record_limit;
	const struct qkdtls_key_limits *key_limits;
	const char *certificate;
	const char *client_certificate;
	const char *peer_name;
	bool verify_client;
	bool bare_client;
	bool ocsp_required[2];
};

/* Both abort the test program if a setting is refused. */
struct qkdtls_config *site_config(struct pki *pki, enum qkdtls_role role,
				  const struct site_options *options);
/* A loopback between a client of @client and a server of @server; free it with loopback_free(). */
void site_link(struct pki *pki, struct loopback *lb, const struct site_options *client,
	       const struct site_options *server);

/* Does this libcrypto have it? */
bool site_has_group(const char *name);

#define SITE_HYBRID    "X25519MLKEM768"
#define SITE_CLASSICAL "x25519"

/* For cmocka: group set-up and tear-down that keep the certificates in *state */
int site_setup(void **state);
int site_teardown(void **state);

/* cmocka reports a skip without a reason: say it, then skip. */
#define site_skip(reason)                              \
	do {                                           \
		print_message("# skip: %s\n", reason); \
		skip();                                \
	} while (0)

#endif /* _QKD_SELFTESTS_SITE_H */
