// SPDX-License-Identifier: GPL-2.0-or-later
/* What a connection is made from: set up once, then constant */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tls/crypto_random.h"
#include "tls/internal.h"

struct qkdtls_config *qkdtls_config_new(void)
{
	struct qkdtls_config *config = calloc(1, sizeof(*config));

	if (!config)
		return NULL;
	config->refs = 1;
	config->policy = QKDTLS_REQUIRE;
	qkdtls_known_init(&config->known);
	config->record_limit = QKDTLS_RECORD_INNER_MAX;
	config->key_limits.records = QKDTLS_KEY_RECORDS_MAX;
	qkdtls_suite_list_default(&config->suites);
	qkdtls_group_list_default(&config->groups);
	qkdtls_scheme_list_default(&config->schemes);
	return config;
}

struct qkdtls_config *qkdtls_config_ref(struct qkdtls_config *config)
{
	__atomic_fetch_add(&config->refs, 1, __ATOMIC_RELAXED);
	return config;
}

void qkdtls_config_unref(struct qkdtls_config *config)
{
	if (!config || __atomic_sub_fetch(&config->refs, 1, __ATOMIC_ACQ_REL))
		return;
	qkdtls_known_free(&config->known);
	qkdtls_identity_free(config->identity);
	qkdtls_staple_free(config->staple);
	qkdtls_trust_free(config->trust);
	qkdtls_crls_free(config->crls);
	qkdtls_wipe(config, sizeof(*config));
	free(config);
}

const char *qkdtls_config_message(const struct qkdtls_config *config)
{
	return config->message;
}

__attribute__((format(printf, 3, 4))) static int refuse(struct qkdtls_config *config, int error,
							const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(config->message, sizeof(config->message), format, args);
	va_end(args);
	return error;
}

static int accept_setting(struct qkdtls_config *config)
{
	qkdtls_known_clear(&config->known); /* what was good by other settings */
	config->message[0] = '\0';
	return 0;
}

static int set_identity(struct qkdtls_config *config, const char *chain_file, const char *key_file)
{
	char message[QKDTLS_PKI_MESSAGE_MAX] = "";
	struct qkdtls_identity *identity = NULL;
	const int ret = qkdtls_identity_load(&identity, chain_file, key_file, message);

	if (ret)
		return refuse(config, ret, "%s", message);
	qkdtls_identity_free(config->identity);
	qkdtls_staple_free(config->staple);
	config->identity = identity;
	config->staple = NULL; /* was about another certificate */
	return accept_setting(config);
}

int qkdtls_config_set_certificate(struct qkdtls_config *config, const char *chain_file,
				  const char *key_file)
{
	if (!key_file)
		return refuse(config, -EINVAL, "no private key is named");
	return set_identity(config, chain_file, key_file);
}

int qkdtls_config_set_certificate_chain(struct qkdtls_config *config, const char *chain_file)
{
	return set_identity(config, chain_file, NULL);
}

int qkdtls_config_set_trust(struct qkdtls_config *config, const char *file)
{
	char message[QKDTLS_PKI_MESSAGE_MAX] = "";
	struct qkdtls_trust *trust = NULL;
	const int ret = qkdtls_trust_load(&trust, file, message);

	if (ret)
		return refuse(config, ret, "%s", message);
	qkdtls_trust_free(config->trust);
	config->trust = trust;
	return accept_setting(config);
}

int qkdtls_config_set_crl(struct qkdtls_config *config, const char *file)
{
	char message[QKDTLS_PKI_MESSAGE_MAX] = "";
	struct qkdtls_crls *crls = NULL;
	const int ret = qkdtls_crls_load(&crls, file, message);

	if (ret)
		return refuse(config, ret, "%s", message);
	qkdtls_crls_free(config->crls);
	config->crls = crls;
	return accept_setting(config);
}

int qkdtls_config_set_ocsp_staple(struct qkdtls_config *config, const char *file)
{
	char message[QKDTLS_PKI_MESSAGE_MAX] = "";
	struct qkdtls_staple *staple = NULL;
	int ret;

	if (!config->identity)
		return refuse(config, -EINVAL, "%s: no certificate is set that it could be about",
			      file);
	ret = qkdtls_staple_load(&staple, file, config->identity, message);
	if (ret)
		return refuse(config, ret, "%s", message);
	qkdtls_staple_free(config->staple);
	config->staple = staple;
	return accept_setting(config);
}

int qkdtls_config_set_ocsp_required(struct qkdtls_config *config, bool required)
{
	config->ocsp_required = required;
	return accept_setting(config);
}

int qkdtls_config_set_peer_name(struct qkdtls_config *config, const char *name)
{
	const size_t len = strlen(name);

	if (!len || len > QKDTLS_NAME_LEN_MAX)
		return refuse(config, -EINVAL, "peer name: must have 1 to %d characters",
			      QKDTLS_NAME_LEN_MAX);
	for (size_t i = 0; i < len; i++)
		if (name[i] <= ' ' || name[i] > '~' || name[i] == '*')
			return refuse(config, -EINVAL,
				      "peer name: character %zu cannot stand in a name", i + 1);
	memcpy(config->peer_name, name, len + 1);
	return accept_setting(config);
}

int qkdtls_config_set_verify_client(struct qkdtls_config *config, bool verify)
{
	config->verify_client = verify;
	return accept_setting(config);
}

int qkdtls_config_set_policy(struct qkdtls_config *config, enum qkdtls_policy policy)
{
	switch (policy) {
	case QKDTLS_REQUIRE:
	case QKDTLS_PREFER:
	case QKDTLS_PSK_ONLY:
		config->policy = policy;
		return accept_setting(config);
	default:
		return refuse(config, -EINVAL, "policy: %d is none", (int)policy);
	}
}

static int refuse_name(struct qkdtls_config *config, int error, const char *what, const char *bad)
{
	switch (error) {
	case -EPERM:
		return refuse(
			config, error,
			"%s: %s has no post-quantum part and classical groups are not allowed",
			what, bad);
	case -EOPNOTSUPP:
		return refuse(config, error, "%s: this libcrypto lacks %s", what, bad);
	default:
		return refuse(config, error, "%s: \"%s\" is unknown, empty or there twice", what,
			      bad);
	}
}

int qkdtls_config_set_groups(struct qkdtls_config *config, const char *names, bool allow_classical)
{
	char bad[QKDTLS_NAME_MAX] = "";
	struct qkdtls_group_list groups;
	const int ret = qkdtls_group_list_parse(&groups, names, allow_classical, bad);

	if (ret)
		return refuse_name(config, ret, "groups", bad);
	config->groups = groups;
	return accept_setting(config);
}

int qkdtls_config_set_ciphers(struct qkdtls_config *config, const char *names)
{
	char bad[QKDTLS_NAME_MAX] = "";
	struct qkdtls_suite_list suites;
	const int ret = qkdtls_suite_list_parse(&suites, names, bad);

	if (ret)
		return refuse_name(config, ret, "ciphers", bad);
	config->suites = suites;
	return accept_setting(config);
}

int qkdtls_config_set_signatures(struct qkdtls_config *config, const char *names)
{
	char bad[QKDTLS_NAME_MAX] = "";
	struct qkdtls_scheme_list schemes;
	const int ret = qkdtls_scheme_list_parse(&schemes, names, false, bad);

	if (ret)
		return refuse_name(config, ret, "signatures", bad);
	config->schemes = schemes;
	return accept_setting(config);
}

int qkdtls_config_set_chain_signatures(struct qkdtls_config *config, const char *names)
{
	char bad[QKDTLS_NAME_MAX] = "";
	struct qkdtls_scheme_list schemes;
	const int ret = qkdtls_scheme_list_parse(&schemes, names, true, bad);

	if (ret)
		return refuse_name(config, ret, "chain-signatures", bad);
	config->chain_schemes = schemes;
	return accept_setting(config);
}

int qkdtls_config_set_alpn(struct qkdtls_config *config, const char *names)
{
	struct qkdtls_alpn alpn = { 0 };

	if (qkdtls_alpn_parse(&alpn, names))
		return refuse(config, -EINVAL,
			      "application protocols: a name is empty, longer than 255 bytes or "
			      "there twice, or the list is longer than %d bytes",
			      QKDTLS_ALPN_MAX);
	config->alpn = alpn;
	return accept_setting(config);
}

int qkdtls_config_set_record_size_limit(struct qkdtls_config *config, unsigned int limit)
{
	if (limit < QKDTLS_RECORD_LIMIT_MIN || limit > QKDTLS_RECORD_INNER_MAX)
		return refuse(config, -EINVAL, "record size limit: from %d to %d",
			      QKDTLS_RECORD_LIMIT_MIN, QKDTLS_RECORD_INNER_MAX);
	config->record_limit = (uint16_t)limit;
	return accept_setting(config);
}

int qkdtls_config_set_psk_imported(struct qkdtls_config *config,
				   const uint8_t context[QKDTLS_LINK_CONTEXT_LEN])
{
	memcpy(config->context, context, sizeof(config->context));
	config->psk_mode = QKDTLS_PSK_MODE_IMPORTED;
	return accept_setting(config);
}

int qkdtls_config_set_psk_external(struct qkdtls_config *config, bool sha384)
{
	config->psk_hash = sha384 ? QKDTLS_SHA384 : QKDTLS_SHA256;
	config->psk_mode = QKDTLS_PSK_MODE_EXTERNAL;
	return accept_setting(config);
}

int qkdtls_config_set_spare_key(struct qkdtls_config *config, bool spare)
{
	config->spare_key = spare;
	return accept_setting(config);
}

int qkdtls_config_set_key_limits(struct qkdtls_config *config,
				 const struct qkdtls_key_limits *limits)
{
	if (!limits->records || limits->records > QKDTLS_KEY_RECORDS_MAX)
		return refuse(config, -EINVAL, "key limits: 1 to %d records",
			      QKDTLS_KEY_RECORDS_MAX);
	if (limits->bytes && limits->bytes < QKDTLS_KEY_BYTES_MIN)
		return refuse(config, -EINVAL, "key limits: at least %d bytes, or 0",
			      QKDTLS_KEY_BYTES_MIN);
	config->key_limits = *limits;
	return accept_setting(config);
}

int qkdtls_config_set_time(struct qkdtls_config *config, time_t when)
{
	config->time = when;
	config->has_time = true;
	return accept_setting(config);
}

int qkdtls_config_set_keylog(struct qkdtls_config *config, qkdtls_keylog_cb cb, void *arg)
{
	config->keylog = cb;
	config->keylog_arg = arg;
	return accept_setting(config);
}

/* ---- Is it enough? ---- */

static bool has_suite_of_psk_hash(const struct qkdtls_config *config)
{
	for (size_t i = 0; i < config->suites.count; i++)
		if (config->suites.item[i]->hash == config->psk_hash)
			return true;
	return false;
}

static const char *psk_problem(const struct qkdtls_config *config)
{
	if (config->psk_mode == QKDTLS_PSK_MODE_NONE)
		return config->policy == QKDTLS_PREFER
			       ? NULL
			       : "the policy needs PSKs and none are set up";
	if (config->psk_mode == QKDTLS_PSK_MODE_EXTERNAL && !has_suite_of_psk_hash(config))
		return "no cipher suite has the hash of the PSKs";
	return NULL;
}

static const char *certificate_problem(const struct qkdtls_config *config, enum qkdtls_role role)
{
	if (config->policy == QKDTLS_PSK_ONLY)
		return role == QKDTLS_SERVER && config->verify_client
			       ? "client certificates cannot be asked for under policy psk-only"
			       : NULL;
	if (!config->schemes.count)
		return "this libcrypto has no signature scheme";
	if (role == QKDTLS_SERVER && !config->identity)
		return "a server needs a certificate under this policy";
	if (role == QKDTLS_CLIENT && !config->peer_name[0])
		return "a client needs a peer name under this policy";
	if ((role == QKDTLS_CLIENT || config->verify_client) && !config->trust)
		return "trust anchors are needed to check the peer's certificate";
	return NULL;
}

const char *qkdtls_config_problem(const struct qkdtls_config *config, enum qkdtls_role role)
{
	const char *problem;

	if (!config->suites.count)
		return "this libcrypto has no cipher suite";
	if (!config->groups.count)
		return "no key-exchange group: this libcrypto has no ML-KEM and no other is allowed";
	problem = psk_problem(config);
	return problem ? problem : certificate_problem(config, role);
}

int qkdtls_config_check(struct qkdtls_config *config, enum qkdtls_role role)
{
	const char *problem = qkdtls_config_problem(config, role);

	return problem ? refuse(config, -EINVAL, "%s", problem) : accept_setting(config);
}

/* ---- The context of a link (design: labels, then each SAE ID behind its length) ---- */

#define SAE_MAX 255

static bool put_sae(struct qkdtls_writer *w, const char *sae)
{
	const size_t len = strlen(sae);
	struct qkdtls_mark mark;

	if (!len || len > SAE_MAX)
		return false;
	mark = qkdtls_put_open(w, 1);
	qkdtls_put_bytes(w, sae, len);
	qkdtls_put_close(w, mark);
	return true;
}

int qkdtls_link_context(const char *client_sae, const char *server_sae,
			uint8_t context[QKDTLS_LINK_CONTEXT_LEN])
{
	static const char label[] = "qkd-tls link v1";
	uint8_t bytes[sizeof(label) + 2 * (1 + SAE_MAX)];
	struct qkdtls_writer w;

	qkdtls_writer_init(&w, bytes, sizeof(bytes));
	qkdtls_put_bytes(&w, label, sizeof(label) - 1);
	if (!put_sae(&w, client_sae) || !put_sae(&w, server_sae) || !qkdtls_writer_ok(&w))
		return -EINVAL;
	return qkdtls_hash(QKDTLS_SHA256, bytes, w.len, context);
}
