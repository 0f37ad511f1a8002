// SPDX-License-Identifier: GPL-2.0-or-later
#include "site.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void must(struct qkdtls_config *config, int ret)
{
	if (!ret)
		return;
	fprintf(stderr, "site: %s\n", qkdtls_config_message(config));
	abort();
}

static void set_certificate(struct pki *pki, struct qkdtls_config *config, const char *name)
{
	char chain[64], key[64];

	snprintf(chain, sizeof(chain), "%s.pem", name);
	snprintf(key, sizeof(key), "%s.key", name);
	must(config,
	     qkdtls_config_set_certificate(config, pki_path(pki, chain), pki_path(pki, key)));
}

static void set_psk(struct qkdtls_config *config, enum site_psk psk)
{
	uint8_t context[QKDTLS_LINK_CONTEXT_LEN];

	must(config, qkdtls_link_context("geneva", "zurich", context));
	if (psk == SITE_IMPORTED)
		must(config, qkdtls_config_set_psk_imported(config, context));
	else if (psk != SITE_NO_PSK)
		must(config, qkdtls_config_set_psk_external(config, psk == SITE_EXTERNAL_SHA384));
}

static void set_identities(struct pki *pki, struct qkdtls_config *config, enum qkdtls_role role,
			   const struct site_options *options)
{
	const char *name = options->peer_name ? options->peer_name : PKI_SERVER_NAME;

	must(config, qkdtls_config_set_ocsp_required(config, options->ocsp_required[role]));
	if (role == QKDTLS_CLIENT) {
		must(config, qkdtls_config_set_trust(config, pki_path(pki, "ca.pem")));
		must(config, qkdtls_config_set_peer_name(config, name));
		if (options->verify_client && !options->bare_client)
			set_certificate(pki, config,
					options->client_certificate ? options->client_certificate
								    : "client");
		return;
	}
	set_certificate(pki, config, options->certificate ? options->certificate : "server");
	if (options->verify_client) {
		must(config, qkdtls_config_set_verify_client(config, true));
		must(config, qkdtls_config_set_trust(config, pki_path(pki, "ca.pem")));
		must(config, qkdtls_config_set_peer_name(config, PKI_CLIENT_NAME));
	}
}

struct qkdtls_config *site_config(struct pki *pki, enum qkdtls_role role,
				  const struct site_options *options)
{
	struct qkdtls_config *config = qkdtls_config_new();

	if (!config)
		abort();
	must(config, qkdtls_config_set_policy(config, options->policy));
	must(config, qkdtls_config_set_groups(
			     config, options->groups ? options->groups : SITE_CLASSICAL, true));
	if (options->ciphers)
		must(config, qkdtls_config_set_ciphers(config, options->ciphers));
	if (options->alpn)
		must(config, qkdtls_config_set_alpn(config, options->alpn));
	if (options->record_limit)
		must(config, qkdtls_config_set_record_size_limit(config, options->record_limit));
	if (options->key_limits)
		must(config, qkdtls_config_set_key_limits(config, options->key_limits));
	set_psk(config, options->psk);
	if (options->policy != QKDTLS_PSK_ONLY)
		set_identities(pki, config, role, options);
	return config;
}

void site_link(struct pki *pki, struct loopback *lb, const struct site_options *client,
	       const struct site_options *server)
{
	struct qkdtls_config *c = site_config(pki, QKDTLS_CLIENT, client);
	struct qkdtls_config *s = site_config(pki, QKDTLS_SERVER, server);

	loopback_init(lb, c, s);
	/* Each connection holds its own reference. */
	qkdtls_config_unref(c);
	qkdtls_config_unref(s);
}

bool site_has_group(const char *name)
{
	struct qkdtls_config *config = qkdtls_config_new();
	const int ret = qkdtls_config_set_groups(config, name, true);

	qkdtls_config_unref(config);
	return ret != -EOPNOTSUPP;
}

int site_setup(void **state)
{
	*state = pki_new();
	return 0;
}

int site_teardown(void **state)
{
	pki_free(*state);
	return 0;
}
