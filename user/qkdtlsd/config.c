// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <ini.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <qkd/libqkd.h>

#include "common/number.h"
#include "common/unix_socket.h"
#include "qkdtlsd/config.h"

#define SERVICE_PREFIX "service "
#define DAEMON_SECTION "daemon"
#define PAGE	       "qkdtlsd.conf(5)"

/* As much as struct sockaddr_un takes, with its NUL */

#define DEFAULT_HANDSHAKE_TIMEOUT_S 10
#define DEFAULT_KEY_TIMEOUT_S	    2
#define DEFAULT_MAX_CONNECTIONS	    256
#define DEFAULT_DRAIN_TIMEOUT_S	    30
#define CONNECTIONS_MAX		    10000

/**
 * struct loader - one run of config_load()
 * @settings: the reading of the file
 * @config: what has been read so far
 * @service: section being read, or NULL
 * @last: where the next section is linked in
 * @daemon_seen: settings of the daemon that were given
 */
struct loader {
	struct settings settings;
	struct config *config;
	struct service_config *service;
	struct service_config **last;
	uint64_t daemon_seen;
};

/* More than any connection moves, so that the message has a bound to name */
#define BYTES_MAX (1ULL << 50)

static int set_volume(struct settings *settings, const struct setting *setting, const char *value,
		      void *field)
{
	if (!number_parse_u64(value, setting->min, BYTES_MAX, field))
		return 0;
	return settings_mistake(settings, settings->line,
				"\"%s = %s\": give a whole number from %u to %llu", setting->name,
				value, setting->min, BYTES_MAX);
}

static int set_address(struct settings *settings, const struct setting *setting, const char *value,
		       void *field)
{
	struct address *address = field;

	if (address_parse(value, address) || (setting->min && !strcmp(address->port, "0")))
		return settings_mistake(
			settings, settings->line,
			"\"%s = %s\": give HOST:PORT, ADDRESS:PORT or [IPV6-ADDRESS]:PORT",
			setting->name, value);
	if (!address->host[0])
		return settings_mistake(
			settings, settings->line,
			"\"%s = %s\": give the address too, 0.0.0.0 or [::] for all of this machine",
			setting->name, value);
	return 0;
}

/* As chmod(1) takes it, in digits: who may connect to a UNIX socket may write to it. */
static int set_access(struct settings *settings, const struct setting *setting, const char *value,
		      void *field)
{
	const size_t len = strlen(value);

	if (len >= 3 && len <= 4 && strspn(value, "01234567") == len &&
	    strtoul(value, NULL, 8) <= 0777) {
		*(uint32_t *)field = (uint32_t)strtoul(value, NULL, 8);
		return 0;
	}
	return settings_mistake(settings, settings->line,
				"\"%s = %s\": give three octal digits, 660 for owner and group",
				setting->name, value);
}

static int set_prefixes(struct settings *settings, const struct setting *setting, const char *value,
			void *field)
{
	if (!prefixes_parse(value, field))
		return 0;
	return settings_mistake(
		settings, settings->line,
		"\"%s = %s\": give IP addresses or prefixes such as 192.0.2.0/24, at most %d, "
		"separated by commas",
		setting->name, value, PREFIXES_MAX);
}

static const char *const mode_words[] = {
	[QKDTLS_CLIENT] = "client",
	[QKDTLS_SERVER] = "server",
	NULL,
};

static const char *const from_words[] = {
	[FROM_NETWORK] = "network",
	[FROM_KERNEL] = "kernel",
	NULL,
};

static const char *const policy_words[] = {
	[QKDTLS_REQUIRE] = "require",
	[QKDTLS_PREFER] = "prefer",
	NULL,
};

static const char *const sealing_words[] = {
	[SEALED_NO] = "no",
	[SEALED_PREFER] = "prefer",
	[SEALED_YES] = "yes",
	NULL,
};

_Static_assert(sizeof(enum qkdtls_role) == sizeof(int) &&
		       sizeof(enum qkdtls_policy) == sizeof(int) &&
		       sizeof(enum origin) == sizeof(int) && sizeof(enum sealing) == sizeof(int),
	       "settings_word() sets an int");

#define FIELD(field) offsetof(struct service_config, field)

enum {
	S_MODE,
	S_LISTEN,
	S_CONNECT,
	S_HAND_OVER,
	S_HAND_OVER_MODE,
	S_HAND_OVER_OWNER,
	S_HAND_OVER_GROUP,
	S_FROM,
	S_PEER_ADDRESS,
	S_LINK,
	S_CERTIFICATE,
	S_PRIVATE_KEY,
	S_TRUST,
	S_CRL,
	S_OCSP_STAPLE,
	S_OCSP_REQUIRED,
	S_PEER_NAME,
	S_LOCAL_SAE,
	S_REMOTE_SAE,
	S_POLICY,
	S_GROUPS,
	S_CIPHERS,
	S_SIGNATURES,
	S_CHAIN_SIGNATURES,
	S_ALLOW_CLASSICAL_GROUPS,
	S_ALLOW_SIMULATED,
	S_VERIFY_CLIENT,
	S_ALPN,
	S_RECORD_SIZE_LIMIT,
	S_KEY_UPDATE_RECORDS,
	S_KEY_UPDATE_BYTES,
	S_KEY_UPDATE_SECONDS,
	S_SPARE_KEY,
	S_SEALED,
	S_HANDSHAKE_TIMEOUT,
	S_KEY_TIMEOUT,
	S_MAX_CONNECTIONS,
	S_MAX_HANDSHAKES,
	S_MAX_CONNECTIONS_PER_SOURCE,
	S_MAX_HANDSHAKES_PER_SOURCE,
	S_IDLE_TIMEOUT,
	S_MAX_BYTES,
	S_COUNT,
};

static const struct setting rows[S_COUNT] = {
	[S_MODE] = { "mode", settings_word, FIELD(mode), .words = mode_words },
	[S_LISTEN] = { "listen", set_address, FIELD(listen) },
	[S_CONNECT] = { "connect", set_address, FIELD(connect), 1 },
	[S_HAND_OVER] = { "hand-over", settings_text, FIELD(hand_over), 1, UNIX_PATH_MAX },
	[S_HAND_OVER_MODE] = { "hand-over-mode", set_access, FIELD(hand_over_mode) },
	[S_HAND_OVER_OWNER] = { "hand-over-owner", settings_text, FIELD(hand_over_owner), 1, 32 },
	[S_HAND_OVER_GROUP] = { "hand-over-group", settings_text, FIELD(hand_over_group), 1, 32 },
	[S_FROM] = { "from", settings_word, FIELD(from), .words = from_words },
	[S_PEER_ADDRESS] = { "peer-address", set_prefixes, FIELD(peer_address) },
	[S_LINK] = { "link", settings_text, FIELD(link), 1, QKD_LINK_NAME_LEN - 1 },
	[S_CERTIFICATE] = { "certificate", settings_text, FIELD(certificate), 1, INI_MAX_LINE },
	[S_PRIVATE_KEY] = { "private-key", settings_text, FIELD(private_key), 1, INI_MAX_LINE },
	[S_TRUST] = { "trust", settings_text, FIELD(trust), 1, INI_MAX_LINE },
	[S_CRL] = { "crl", settings_text, FIELD(crl), 1, INI_MAX_LINE },
	[S_OCSP_STAPLE] = { "ocsp-staple", settings_text, FIELD(ocsp_staple), 1, INI_MAX_LINE },
	[S_OCSP_REQUIRED] = { "ocsp-required", settings_flag, FIELD(ocsp_required) },
	[S_PEER_NAME] = { "peer-name", settings_text, FIELD(peer_name), 1, 253 },
	[S_LOCAL_SAE] = { "local-sae", settings_text, FIELD(local_sae), 1, QKD_SAE_ID_LEN_MAX },
	[S_REMOTE_SAE] = { "remote-sae", settings_text, FIELD(remote_sae), 1, QKD_SAE_ID_LEN_MAX },
	[S_POLICY] = { "policy", settings_word, FIELD(policy), .words = policy_words },
	[S_GROUPS] = { "groups", settings_text, FIELD(groups), 1, INI_MAX_LINE },
	[S_CIPHERS] = { "ciphers", settings_text, FIELD(ciphers), 1, INI_MAX_LINE },
	[S_SIGNATURES] = { "signatures", settings_text, FIELD(signatures), 1, INI_MAX_LINE },
	[S_CHAIN_SIGNATURES] = { "chain-signatures", settings_text, FIELD(chain_signatures), 1,
				 INI_MAX_LINE },
	[S_ALLOW_CLASSICAL_GROUPS] = { "allow-classical-groups", settings_flag,
				       FIELD(allow_classical_groups) },
	[S_ALLOW_SIMULATED] = { "allow-simulated", settings_flag, FIELD(allow_simulated) },
	[S_VERIFY_CLIENT] = { "verify-client", settings_flag, FIELD(verify_client) },
	[S_ALPN] = { "alpn", settings_text, FIELD(alpn), 1, INI_MAX_LINE },
	[S_RECORD_SIZE_LIMIT] = { "record-size-limit", settings_number, FIELD(record_size_limit),
				  64, 16385 },
	[S_KEY_UPDATE_RECORDS] = { "key-update-records", settings_number, FIELD(key_update_records),
				   1, QKDTLS_KEY_RECORDS_MAX },
	[S_KEY_UPDATE_BYTES] = { "key-update-bytes", set_volume, FIELD(key_update_bytes),
				 QKDTLS_KEY_BYTES_MIN },
	[S_KEY_UPDATE_SECONDS] = { "key-update-seconds", settings_number, FIELD(key_update_seconds),
				   1, 31536000 },
	[S_SPARE_KEY] = { "spare-key", settings_flag, FIELD(spare_key) },
	[S_SEALED] = { "sealed", settings_word, FIELD(sealed), .words = sealing_words },
	[S_HANDSHAKE_TIMEOUT] = { "handshake-timeout", settings_number, FIELD(handshake_timeout_s),
				  1, 600 },
	[S_KEY_TIMEOUT] = { "key-timeout", settings_number, FIELD(key_timeout_s), 0, 600 },
	[S_MAX_CONNECTIONS] = { "max-connections", settings_number, FIELD(max_connections), 1,
				CONNECTIONS_MAX },
	[S_MAX_HANDSHAKES] = { "max-handshakes", settings_number, FIELD(max_handshakes), 1,
			       CONNECTIONS_MAX },
	[S_MAX_CONNECTIONS_PER_SOURCE] = { "max-connections-per-source", settings_number,
					   FIELD(max_connections_per_source), 1, CONNECTIONS_MAX },
	[S_MAX_HANDSHAKES_PER_SOURCE] = { "max-handshakes-per-source", settings_number,
					  FIELD(max_handshakes_per_source), 1, CONNECTIONS_MAX },
	[S_IDLE_TIMEOUT] = { "idle-timeout", settings_number, FIELD(idle_timeout_s), 1, 604800 },
	[S_MAX_BYTES] = { "max-bytes", set_volume, FIELD(max_bytes), 1 },
};

_Static_assert(S_COUNT <= 64, "service_config.seen has a bit for each setting");

static bool given(const struct service_config *service, int setting)
{
	return service->seen & (1ULL << setting);
}

/* Sections */

static const struct service_config service_default = {
	.policy = QKDTLS_REQUIRE,
	.sealed = SEALED_PREFER,
	.verify_client = true,
	.record_size_limit = 16385,
	.key_update_records = QKDTLS_KEY_RECORDS_MAX,
	.handshake_timeout_s = DEFAULT_HANDSHAKE_TIMEOUT_S,
	.key_timeout_s = DEFAULT_KEY_TIMEOUT_S,
	.max_connections = DEFAULT_MAX_CONNECTIONS,
	.hand_over_mode = 0600,
};

static int service_begin(struct loader *loader, const char *name)
{
	struct service_config *service;

	if (settings_name(&loader->settings, SERVICE_PREFIX, name, CONFIG_NAME_MAX))
		return -EINVAL;
	for (service = loader->config->services; service; service = service->next) {
		if (!strcmp(service->name, name))
			return settings_mistake(&loader->settings, loader->settings.line,
						"section \"[" SERVICE_PREFIX
						"%s]\" is there twice, first at line "
						"%u; give each service its own name",
						name, service->line);
	}
	service = malloc(sizeof(*service));
	if (!service)
		return settings_no_memory(&loader->settings);
	*service = service_default;
	service->line = loader->settings.line;
	*loader->last = service;
	loader->last = &service->next;
	loader->service = service;
	service->name = strdup(name);
	return service->name ? 0 : settings_no_memory(&loader->settings);
}

static int on_service(struct loader *loader, const char *section, const char *name,
		      const char *value)
{
	const char *service_name = section + strlen(SERVICE_PREFIX);
	int ret = 0;

	if (!loader->service || strcmp(loader->service->name, service_name))
		ret = service_begin(loader, service_name);
	if (ret)
		return ret;
	return settings_apply(&loader->settings, rows, S_COUNT, &loader->service->seen,
			      loader->service, section, PAGE, name, value);
}

static int on_daemon(struct loader *loader, const char *section, const char *name,
		     const char *value)
{
	static const struct setting daemon_rows[] = {
		{ "drain-timeout", settings_number, offsetof(struct config, drain_timeout_s), 0,
		  86400 },
		{ "workers", settings_number, offsetof(struct config, workers), 1,
		  CONFIG_WORKERS_MAX },
		{ "handshake-agent", settings_flag, offsetof(struct config, handshake_agent) },
		{ "stats", settings_text, offsetof(struct config, stats), 1, UNIX_PATH_MAX },
	};

	loader->service = NULL;
	return settings_apply(&loader->settings, daemon_rows, 4, &loader->daemon_seen,
			      loader->config, section, PAGE, name, value);
}

static int on_value(struct settings *settings, const char *section, const char *name,
		    const char *value)
{
	struct loader *loader = settings->arg;

	if (!strncmp(section, SERVICE_PREFIX, strlen(SERVICE_PREFIX)))
		return on_service(loader, section, name, value);
	if (!strcmp(section, DAEMON_SECTION))
		return on_daemon(loader, section, name, value);
	if (!*section)
		return settings_mistake(settings, settings->line,
					"\"%s\" stands in no section; put \"[" SERVICE_PREFIX
					"NAME]\" above it",
					name);
	return settings_mistake(settings, settings->line,
				"section \"[%s]\" is unknown; settings stand under "
				"\"[" SERVICE_PREFIX "NAME]\" or \"[" DAEMON_SECTION "]\"",
				section);
}

static uint32_t lesser(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

/*
 * Limits that were not given follow from those that were. Strangers reach a server: no address may have all its handshakes
 * unless that is asked for.
 */
static void set_limits(struct service_config *service)
{
	const bool server = service->mode == QKDTLS_SERVER;

	if (!given(service, S_MAX_HANDSHAKES))
		service->max_handshakes = service->max_connections;
	service->max_handshakes = lesser(service->max_handshakes, service->max_connections);
	if (!given(service, S_MAX_CONNECTIONS_PER_SOURCE))
		service->max_connections_per_source = service->max_connections;
	if (!given(service, S_MAX_HANDSHAKES_PER_SOURCE))
		service->max_handshakes_per_source =
			server ? (service->max_handshakes + 1) / 2 : service->max_handshakes;
}

/* What a service needs beyond what each setting says for itself */

struct need {
	int setting;
	const char *remedy;
};

static int need(struct loader *loader, const struct service_config *service,
		const struct need *needs, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (!given(service, needs[i].setting))
			return settings_mistake(&loader->settings, service->line,
						"service \"%s\" has no \"%s\": %s", service->name,
						rows[needs[i].setting].name, needs[i].remedy);
	}
	return 0;
}

#define NEED(loader, service, needs) \
	need(loader, service, needs, sizeof(needs) / sizeof((needs)[0]))

static const struct need every_service[] = {
	{ S_MODE, "give \"server\" or \"client\"" },
};

static const struct need with_link[] = {
	{ S_LINK, "give the QKD link's name (qkdctl link list)" },
};

static const struct need with_tunnel[] = {
	{ S_LISTEN, "give the address to accept connections at, or \"hand-over\"" },
	{ S_CONNECT, "give the address to forward connections to, or \"hand-over\"" },
};

static const struct need with_hand_over[] = {
	{ S_HAND_OVER, "give the path of the UNIX socket, or remove what belongs to it" },
};

static const struct need with_certificate[] = {
	{ S_CERTIFICATE, "give the file of this end's certificate chain (PEM)" },
	{ S_PRIVATE_KEY, "give the file of the certificate's private key (PEM)" },
};

static const struct need with_verified_peer[] = {
	{ S_TRUST, "give the file of the CA certificates or public keys that the peer is checked "
		   "against (PEM)" },
};

static const struct need with_staple[] = {
	{ S_CERTIFICATE, "give the file of the certificate that \"ocsp-staple\" is about (PEM)" },
};

/* A check of the peer that would never be made must not look as if it were. */
static int unchecked_peer(struct loader *loader, const struct service_config *service)
{
	if (!service->crl && !service->ocsp_required)
		return 0;
	return settings_mistake(
		&loader->settings, service->line,
		"service \"%s\": \"%s\" is for peers that are checked; remove it or "
		"\"verify-client = no\"",
		service->name, rows[service->crl ? S_CRL : S_OCSP_REQUIRED].name);
}

/* Settings of the other side would do nothing. */
static int check_side(struct loader *loader, const struct service_config *service)
{
	const bool server = service->mode == QKDTLS_SERVER;
	const int setting = server ? S_SPARE_KEY : S_VERIFY_CLIENT;

	if (!given(service, setting))
		return 0;
	return settings_mistake(&loader->settings, service->line,
				"service \"%s\" is a %s: \"%s\" is for %ss; remove it",
				service->name, mode_words[service->mode], rows[setting].name,
				mode_words[!service->mode]);
}

/* Either it forwards connections, or programs bring theirs. */
static int check_ways_in(struct loader *loader, const struct service_config *service)
{
	if (!given(service, S_HAND_OVER) && !given(service, S_HAND_OVER_MODE) &&
	    !given(service, S_HAND_OVER_OWNER) && !given(service, S_HAND_OVER_GROUP))
		return NEED(loader, service, with_tunnel);
	if (given(service, S_LISTEN) || given(service, S_CONNECT))
		return settings_mistake(
			&loader->settings, service->line,
			"service \"%s\": \"hand-over\" is for sockets that programs bring; remove it or "
			"\"%s\"",
			service->name, rows[given(service, S_LISTEN) ? S_LISTEN : S_CONNECT].name);
	if (service->hand_over && service->hand_over[0] != '/')
		return settings_mistake(
			&loader->settings, service->line,
			"service \"%s\": \"hand-over = %s\": give a path that begins with /",
			service->name, service->hand_over);
	return NEED(loader, service, with_hand_over);
}

/* Either connections come from elsewhere, or the kernel has them already. */
static int check_origin(struct loader *loader, const struct service_config *service)
{
	static const int of_others[] = { S_LISTEN, S_CONNECT, S_HAND_OVER };

	if (service->from == FROM_NETWORK && given(service, S_PEER_ADDRESS))
		return settings_mistake(
			&loader->settings, service->line,
			"service \"%s\": \"peer-address\" is for \"from = kernel\"; remove it",
			service->name);
	if (service->from == FROM_NETWORK)
		return check_ways_in(loader, service);
	for (size_t i = 0; i < sizeof(of_others) / sizeof(of_others[0]); i++) {
		if (given(service, of_others[i]))
			return settings_mistake(
				&loader->settings, service->line,
				"service \"%s\": the kernel connects and listens by itself; remove \"%s\" or "
				"\"from = kernel\"",
				service->name, rows[of_others[i]].name);
	}
	if (loader->config->handshake_agent)
		return 0;
	return settings_mistake(
		&loader->settings, service->line,
		"service \"%s\" has \"from = kernel\", and nobody asks the kernel: add "
		"\"handshake-agent = yes\" under \"[" DAEMON_SECTION "]\"",
		service->name);
}

/* Whose socket it is, the kernel or a program, moves its data, too. */
static int check_limits(struct loader *loader, const struct service_config *service)
{
	static const int of_tunnels[] = { S_IDLE_TIMEOUT, S_MAX_BYTES };

	if (service->from == FROM_NETWORK && !service->hand_over)
		return 0;
	for (size_t i = 0; i < sizeof(of_tunnels) / sizeof(of_tunnels[0]); i++) {
		if (given(service, of_tunnels[i]))
			return settings_mistake(
				&loader->settings, service->line,
				"service \"%s\": \"%s\" is for connections that are forwarded; "
				"remove it",
				service->name, rows[of_tunnels[i]].name);
	}
	return 0;
}

static int service_check(struct loader *loader, struct service_config *service)
{
	bool server = service->mode == QKDTLS_SERVER;
	int ret = NEED(loader, service, every_service);

	if (!ret)
		ret = check_origin(loader, service);
	if (!ret)
		ret = check_limits(loader, service);
	if (!ret)
		ret = NEED(loader, service, with_link);
	if (!ret && (server || given(service, S_CERTIFICATE) || given(service, S_PRIVATE_KEY)))
		ret = NEED(loader, service, with_certificate);
	if (!ret)
		ret = check_side(loader, service);
	if (!ret && service->ocsp_staple)
		ret = NEED(loader, service, with_staple);
	if (ret)
		return ret;
	if (server && !service->verify_client)
		return unchecked_peer(loader, service);
	ret = NEED(loader, service, with_verified_peer);
	if (ret || service->peer_name)
		return ret;
	if (!service->remote_sae)
		return settings_mistake(
			&loader->settings, service->line,
			"service \"%s\" has no \"peer-name\": give the name in the peer's "
			"certificate, or \"remote-sae\" if that is the name",
			service->name);
	service->peer_name = strdup(service->remote_sae);
	return service->peer_name ? 0 : settings_no_memory(&loader->settings);
}

/* An agent that refuses everybody would keep another from serving them. */
static int check_agent(struct loader *loader)
{
	const struct service_config *service = loader->config->services;

	while (service && service->from != FROM_KERNEL)
		service = service->next;
	if (service || !loader->config->handshake_agent)
		return 0;
	return settings_mistake(
		&loader->settings, loader->settings.line,
		"\"handshake-agent = yes\", and no service has \"from = kernel\"; add one or "
		"remove it");
}

static int config_check(struct loader *loader)
{
	struct service_config *service;
	int ret;

	if (!loader->config->services)
		return settings_mistake(&loader->settings, loader->settings.line,
					"no service; add a section \"[" SERVICE_PREFIX
					"NAME]\", see " PAGE);
	for (service = loader->config->services; service; service = service->next) {
		ret = service_check(loader, service);
		if (ret)
			return ret;
		set_limits(service);
	}
	return check_agent(loader);
}

int config_load(const char *file, struct config **config, char message[SETTINGS_MESSAGE_LEN])
{
	struct loader loader = {
		.settings = { .file = file, .on_value = on_value, .message = message },
	};
	int ret;

	*config = NULL;
	message[0] = '\0';
	loader.settings.arg = &loader;
	loader.config = calloc(1, sizeof(*loader.config));
	if (!loader.config)
		return settings_no_memory(&loader.settings);
	loader.config->drain_timeout_s = DEFAULT_DRAIN_TIMEOUT_S;
	loader.last = &loader.config->services;
	ret = settings_read(&loader.settings);
	if (!ret)
		ret = config_check(&loader);
	if (ret)
		config_free(loader.config);
	else
		*config = loader.config;
	return ret;
}

static void service_free(struct service_config *service)
{
	free(service->name);
	for (int i = 0; i < S_COUNT; i++) {
		if (rows[i].set == settings_text)
			free(*(char **)((char *)service + rows[i].offset));
	}
	free(service);
}

void config_free(struct config *config)
{
	struct service_config *next;

	if (!config)
		return;
	for (struct service_config *s = config->services; s; s = next) {
		next = s->next;
		service_free(s);
	}
	free(config->stats);
	free(config);
}
