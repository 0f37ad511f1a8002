// SPDX-License-Identifier: GPL-2.0-or-later
#include "fuzz.h"

#include <string.h>

#include "../user/authority.h"

static const struct {
	struct site_options client, server;
	bool no_key; /* neither end has one */
	bool stranger; /* the server has another key of the same name */
	bool spare; /* the client offers two keys, and the server has the second alone */
	bool stapled; /* certificates with revocation lists and an OCSP response */
	bool refused; /* it comes to no connection */
} scenes[FUZZ_SCENES] = {
	{ .refused = false },
	{ .client = { .verify_client = true }, .server = { .verify_client = true } },
	{ .client = { .policy = QKDTLS_PSK_ONLY, .psk = SITE_EXTERNAL },
	  .server = { .policy = QKDTLS_PSK_ONLY, .psk = SITE_EXTERNAL } },
	/* HelloRetryRequest */
	{ .client = { .groups = "x25519:secp256r1" }, .server = { .groups = "secp256r1:x25519" } },
	/* Without a key, which asks for a hybrid group */
	{ .client = { .policy = QKDTLS_PREFER, .groups = SITE_HYBRID, .verify_client = true },
	  .server = { .policy = QKDTLS_PREFER, .groups = SITE_HYBRID, .verify_client = true },
	  .no_key = true },
	{ .client = { .policy = QKDTLS_PREFER }, .server = { .policy = QKDTLS_PREFER } },
	{ .client = { .psk = SITE_EXTERNAL_SHA384 }, .server = { .psk = SITE_EXTERNAL_SHA384 } },
	{ .client = { .verify_client = true,
		      .groups = "x25519:secp384r1",
		      .ciphers = "TLS_CHACHA20_POLY1305_SHA256:TLS_AES_256_GCM_SHA384" },
	  .server = { .verify_client = true,
		      .groups = "secp384r1",
		      .ciphers = "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256" } },
	{ .client = { .verify_client = true, .bare_client = true },
	  .server = { .verify_client = true },
	  .refused = true },
	{ .stranger = true, .refused = true },
	{ .client = { .alpn = "h2,http/1.1" }, .server = { .alpn = "http/1.1,dot" } },
	{ .spare = true },
	{ .stapled = true },
};

static struct qkdtls_config *configs[FUZZ_SCENES][2];
static struct fuzz_secrets secrets[2];

const struct fuzz_secrets *fuzz_secrets(enum qkdtls_role role)
{
	return &secrets[role];
}

static void note_secret(void *arg, const char *line)
{
	struct fuzz_secrets *s = arg;
	const struct {
		const char *label;
		uint8_t *secret;
		bool *known;
	} places[] = {
		{ "CLIENT_HANDSHAKE_TRAFFIC_SECRET ", s->handshake[QKDTLS_CLIENT], &s->known },
		{ "SERVER_HANDSHAKE_TRAFFIC_SECRET ", s->handshake[QKDTLS_SERVER], &s->known },
		{ "CLIENT_TRAFFIC_SECRET_0 ", s->application[QKDTLS_CLIENT], &s->applied },
		{ "SERVER_TRAFFIC_SECRET_0 ", s->application[QKDTLS_SERVER], &s->applied },
	};
	const char *hex = strrchr(line, ' ') + 1;
	unsigned int byte;

	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		if (strncmp(line, places[i].label, strlen(places[i].label)))
			continue;
		for (size_t at = 0; sscanf(hex + 2 * at, "%2x", &byte) == 1; at++)
			places[i].secret[at] = (uint8_t)byte;
		*places[i].known = true;
	}
}

static void must(struct qkdtls_config *config, int ret)
{
	if (ret)
		fprintf(stderr, "%s\n", qkdtls_config_message(config));
	FUZZ_CHECK(!ret);
}

/* A CA that revokes and answers, and a server whose certificate it has signed */
static void make_authority(struct pki *pki)
{
	struct authority ca = authority_make_ca("Revoking CA", NULL);
	struct authority leaf = authority_make_leaf(PKI_SERVER_NAME, &ca);
	const X509 *chain[] = { leaf.cert, ca.cert };
	const struct authority_list list = { .issuer = &ca };
	const struct authority_answer answer = { .about = &leaf, .issuer = &ca };

	authority_write_chain(pki, "stapled.pem", chain, 1, false);
	authority_write_chain(pki, "stapler.pem", &chain[1], 1, false);
	authority_write_key(pki, "stapled.key", &leaf);
	authority_write_list(pki, "revoked.pem", &list, false);
	authority_write_answer(pki, "staple.der", &answer);
	authority_free(&leaf);
	authority_free(&ca);
}

static void add_staple(struct pki *pki, struct qkdtls_config *config, enum qkdtls_role role)
{
	if (role == QKDTLS_CLIENT) {
		must(config, qkdtls_config_set_trust(config, pki_path(pki, "stapler.pem")));
		must(config, qkdtls_config_set_crl(config, pki_path(pki, "revoked.pem")));
		must(config, qkdtls_config_set_ocsp_required(config, true));
		return;
	}
	must(config, qkdtls_config_set_certificate(config, pki_path(pki, "stapled.pem"),
						   pki_path(pki, "stapled.key")));
	must(config, qkdtls_config_set_ocsp_staple(config, pki_path(pki, "staple.der")));
}

static void make_scene(int number)
{
	const struct site_options *options[] = { &scenes[number].client, &scenes[number].server };

	for (int role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++) {
		struct qkdtls_config *config = site_config(fuzz_pki(), role, options[role]);

		must(config, qkdtls_config_set_keylog(config, note_secret, &secrets[role]));
		must(config, qkdtls_config_set_spare_key(config, scenes[number].spare));
		if (scenes[number].stapled)
			add_staple(fuzz_pki(), config, role);
		configs[number][role] = config;
	}
}

void fuzz_scenes_make(void)
{
	make_authority(fuzz_pki());
	for (int i = 0; i < FUZZ_SCENES; i++)
		make_scene(i);
}

void fuzz_scenes_drop(void)
{
	for (int i = 0; i < FUZZ_SCENES; i++)
		for (int role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++)
			qkdtls_config_unref(configs[i][role]);
}

void fuzz_link(struct loopback *lb, unsigned int number)
{
	number %= FUZZ_SCENES;
	memset(secrets, 0, sizeof(secrets));
	loopback_init(lb, configs[number][QKDTLS_CLIENT], configs[number][QKDTLS_SERVER]);
	if (scenes[number].stranger)
		lb->ring[QKDTLS_SERVER].key[0].secret[0] ^= 1;
	if (scenes[number].spare) {
		lb->ring[QKDTLS_SERVER].count = 0;
		keyring_add(&lb->ring[QKDTLS_SERVER], 2, 16);
		keyring_add(&lb->ring[QKDTLS_CLIENT], 2, 16);
	}
	if (!scenes[number].no_key)
		return;
	lb->ring[QKDTLS_CLIENT].answer = QKDTLS_PSK_NONE;
	lb->ring[QKDTLS_SERVER].answer = QKDTLS_PSK_NONE;
}

bool fuzz_scene_completes(unsigned int number)
{
	return !scenes[number % FUZZ_SCENES].refused;
}
