// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <ini.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <qkd/libqkd.h>

#include "common/number.h"
#include "qkdtlsd/config.h"

#define SERVICE_PREFIX "service "
#define DAEMON_SECTION "daemon"

#define DEFAULT_HANDSHAKE_TIMEOUT_S 10
#define DEFAULT_KEY_TIMEOUT_S	    2
#define DEFAULT_MAX_CONNECTIONS	    256
#define DEFAULT_DRAIN_TIMEOUT_S	    30

/**
 * struct loader - one run of config_load()
 * @file: its name, for messages
 * @stream: the open file
 * @line: line being read
 * @config: what has been read so far
 * @service: section being read, or NULL
 * @last: where the next section is linked in
 * @drain_seen: drain-timeout was given
 * @error: negative errno of the first mistake
 * @message: what it was
 */
struct loader {
	const char *file;
	FILE *stream;
	unsigned int line;
	struct config *config;
	struct service_config *service;
	struct service_config **last;
	bool drain_seen;
	int error;
	char *message;
};

/* The first mistake is the one that is reported. Returns -EINVAL. */
__attribute__((format(printf, 3, 4))) static int mistake(struct loader *loader, unsigned int line,
							 const char *format, ...)
{
	va_list args;
	int n;

	if (loader->error)
		return -EINVAL;
	loader->error = -EINVAL;
	n = snprintf(loader->message, CONFIG_MESSAGE_LEN, "%s:%u: ", loader->file, line);
	if (n < 0 || n >= CONFIG_MESSAGE_LEN)
		return -EINVAL;
	va_start(args, format);
	vsnprintf(loader->message + n, CONFIG_MESSAGE_LEN - n, format, args);
	va_end(args);
	return -EINVAL;
}

static int no_memory(struct loader *loader)
{
	mistake(loader, loader->line, "out of memory");
	loader->error = -ENOMEM;
	return -ENOMEM;
}

/* Settings */

struct setting;
typedef int (*set_fn)(struct loader *loader, const struct setting *setting, const char *value,
		      void *field);

/**
 * struct setting - one row of the table
 * @name: as in the file
 * @set: reads the value into the field
 * @offset: of the field in struct service_config
 * @min: smallest number, length or port
 * @max: largest number or length
 * @words: for set_word(): values by their number
 */
struct setting {
	const char *name;
	set_fn set;
	size_t offset;
	uint32_t min;
	uint32_t max;
	const char *const *words;
};

static int set_text(struct loader *loader, const struct setting *setting, const char *value,
		    void *field)
{
	size_t len = strlen(value);

	if (len < setting->min)
		return mistake(loader, loader->line,
			       "\"%s\" is empty; give it a value or remove the line",
			       setting->name);
	if (len > setting->max)
		return mistake(loader, loader->line,
			       "\"%s\" is longer than %u characters; shorten it", setting->name,
			       setting->max);
	*(char **)field = strdup(value);
	return *(char **)field ? 0 : no_memory(loader);
}

static int set_number(struct loader *loader, const struct setting *setting, const char *value,
		      void *field)
{
	if (!number_parse(value, setting->min, setting->max, field))
		return 0;
	return mistake(loader, loader->line, "\"%s = %s\": give a whole number from %u to %u",
		       setting->name, value, setting->min, setting->max);
}

/* More than any connection moves, so that the message has a bound to name */
#define KEY_BYTES_MAX (1ULL << 50)

static int set_volume(struct loader *loader, const struct setting *setting, const char *value,
		      void *field)
{
	if (!number_parse_u64(value, setting->min, KEY_BYTES_MAX, field))
		return 0;
	return mistake(loader, loader->line, "\"%s = %s\": give a whole number from %u to %llu",
		       setting->name, value, setting->min, KEY_BYTES_MAX);
}

static int set_address(struct loader *loader, const struct setting *setting, const char *value,
		       void *field)
{
	struct address *address = field;

	if (address_parse(value, address) || (setting->min && !strcmp(address->port, "0")))
		return mistake(loader, loader->line,
			       "\"%s = %s\": give HOST:PORT, ADDRESS:PORT or [IPV6-ADDRESS]:PORT",
			       setting->name, value);
	if (!address->host[0])
		return mistake(
			loader, loader->line,
			"\"%s = %s\": give the address too, 0.0.0.0 or [::] for all of this machine",
			setting->name, value);
	return 0;
}

/* The number of @value among @setting's words, or a negative errno */
static int find_word(struct loader *loader, const struct setting *setting, const char *value)
{
	for (int i = 0; setting->words[i]; i++) {
		if (!strcmp(setting->words[i], value))
			return i;
	}
	return mistake(loader, loader->line, "\"%s = %s\": give \"%s\" or \"%s\"", setting->name,
		       value, setting->words[0], setting->words[1]);
}

static const char *const mode_words[] = {
	[QKDTLS_CLIENT] = "client",
	[QKDTLS_SERVER] = "server",
	NULL,
};

static int set_mode(struct loader *loader, const struct setting *setting, const char *value,
		    void *field)
{
	int i = find_word(loader, setting, value);

	if (i >= 0)
		*(enum qkdtls_role *)field = i;
	return i < 0 ? i : 0;
}

static const char *const policy_words[] = {
	[QKDTLS_REQUIRE] = "require",
	[QKDTLS_PREFER] = "prefer",
	NULL,
};

static int set_policy(struct loader *loader, const struct setting *setting, const char *value,
		      void *field)
{
	int i = find_word(loader, setting, value);

	if (i >= 0)
		*(enum qkdtls_policy *)field = i;
	return i < 0 ? i : 0;
}

static const char *const bool_words[] = { "no", "yes", NULL };

static int set_bool(struct loader *loader, const struct setting *setting, const char *value,
		    void *field)
{
	int i = find_word(loader, setting, value);

	if (i >= 0)
		*(bool *)field = i;
	return i < 0 ? i : 0;
}

#define FIELD(field) offsetof(struct service_config, field)

enum {
	S_MODE,
	S_LISTEN,
	S_CONNECT,
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
	S_HANDSHAKE_TIMEOUT,
	S_KEY_TIMEOUT,
	S_MAX_CONNECTIONS,
	S_COUNT,
};

static const struct setting settings[S_COUNT] = {
	[S_MODE] = { "mode", set_mode, FIELD(mode), .words = mode_words },
	[S_LISTEN] = { "listen", set_address, FIELD(listen) },
	[S_CONNECT] = { "connect", set_address, FIELD(connect), 1 },
	[S_LINK] = { "link", set_text, FIELD(link), 1, QKD_LINK_NAME_LEN - 1 },
	[S_CERTIFICATE] = { "certificate", set_text, FIELD(certificate), 1, INI_MAX_LINE },
	[S_PRIVATE_KEY] = { "private-key", set_text, FIELD(private_key), 1, INI_MAX_LINE },
	[S_TRUST] = { "trust", set_text, FIELD(trust), 1, INI_MAX_LINE },
	[S_CRL] = { "crl", set_text, FIELD(crl), 1, INI_MAX_LINE },
	[S_OCSP_STAPLE] = { "ocsp-staple", set_text, FIELD(ocsp_staple), 1, INI_MAX_LINE },
	[S_OCSP_REQUIRED] = { "ocsp-required", set_bool, FIELD(ocsp_required),
			      .words = bool_words },
	[S_PEER_NAME] = { "peer-name", set_text, FIELD(peer_name), 1, 253 },
	[S_LOCAL_SAE] = { "local-sae", set_text, FIELD(local_sae), 1, QKD_SAE_ID_LEN_MAX },
	[S_REMOTE_SAE] = { "remote-sae", set_text, FIELD(remote_sae), 1, QKD_SAE_ID_LEN_MAX },
	[S_POLICY] = { "policy", set_policy, FIELD(policy), .words = policy_words },
	[S_GROUPS] = { "groups", set_text, FIELD(groups), 1, INI_MAX_LINE },
	[S_CIPHERS] = { "ciphers", set_text, FIELD(ciphers), 1, INI_MAX_LINE },
	[S_SIGNATURES] = { "signatures", set_text, FIELD(signatures), 1, INI_MAX_LINE },
	[S_CHAIN_SIGNATURES] = { "chain-signatures", set_text, FIELD(chain_signatures), 1,
				 INI_MAX_LINE },
	[S_ALLOW_CLASSICAL_GROUPS] = { "allow-classical-groups", set_bool,
				       FIELD(allow_classical_groups), .words = bool_words },
	[S_ALLOW_SIMULATED] = { "allow-simulated", set_bool, FIELD(allow_simulated),
				.words = bool_words },
	[S_VERIFY_CLIENT] = { "verify-client", set_bool, FIELD(verify_client),
			      .words = bool_words },
	[S_ALPN] = { "alpn", set_text, FIELD(alpn), 1, INI_MAX_LINE },
	[S_RECORD_SIZE_LIMIT] = { "record-size-limit", set_number, FIELD(record_size_limit), 64,
				  16385 },
	[S_KEY_UPDATE_RECORDS] = { "key-update-records", set_number, FIELD(key_update_records), 1,
				   QKDTLS_KEY_RECORDS_MAX },
	[S_KEY_UPDATE_BYTES] = { "key-update-bytes", set_volume, FIELD(key_update_bytes),
				 QKDTLS_KEY_BYTES_MIN },
	[S_KEY_UPDATE_SECONDS] = { "key-update-seconds", set_number, FIELD(key_update_seconds), 1,
				   31536000 },
	[S_SPARE_KEY] = { "spare-key", set_bool, FIELD(spare_key), .words = bool_words },
	[S_HANDSHAKE_TIMEOUT] = { "handshake-timeout", set_number, FIELD(handshake_timeout_s), 1,
				  600 },
	[S_KEY_TIMEOUT] = { "key-timeout", set_number, FIELD(key_timeout_s), 0, 600 },
	[S_MAX_CONNECTIONS] = { "max-connections", set_number, FIELD(max_connections), 1, 10000 },
};

_Static_assert(S_COUNT <= 32, "service_config.seen has a bit for each setting");

static bool given(const struct service_config *service, int setting)
{
	return service->seen & (1U << setting);
}

/* Sections */

static const struct service_config service_default = {
	.policy = QKDTLS_REQUIRE,
	.verify_client = true,
	.record_size_limit = 16385,
	.key_update_records = QKDTLS_KEY_RECORDS_MAX,
	.handshake_timeout_s = DEFAULT_HANDSHAKE_TIMEOUT_S,
	.key_timeout_s = DEFAULT_KEY_TIMEOUT_S,
	.max_connections = DEFAULT_MAX_CONNECTIONS,
};

static bool name_valid(const char *name)
{
	size_t len =
		strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.");

	return len && len <= CONFIG_NAME_MAX && !name[len];
}

static int service_begin(struct loader *loader, const char *name)
{
	struct service_config *service;

	if (!name_valid(name))
		return mistake(loader, loader->line,
			       "section \"[" SERVICE_PREFIX
			       "%s]\": a name is 1 to %d letters, digits, "
			       "\"-\", \"_\" and \".\"",
			       name, CONFIG_NAME_MAX);
	for (service = loader->config->services; service; service = service->next) {
		if (!strcmp(service->name, name))
			return mistake(loader, loader->line,
				       "section \"[" SERVICE_PREFIX
				       "%s]\" is there twice, first at line "
				       "%u; give each service its own name",
				       name, service->line);
	}
	service = malloc(sizeof(*service));
	if (!service)
		return no_memory(loader);
	*service = service_default;
	service->line = loader->line;
	*loader->last = service;
	loader->last = &service->next;
	loader->service = service;
	service->name = strdup(name);
	return service->name ? 0 : no_memory(loader);
}

static int service_setting(struct loader *loader, const char *name, const char *value)
{
	struct service_config *service = loader->service;
	const struct setting *setting;
	int i;

	for (i = 0; i < S_COUNT && strcmp(settings[i].name, name); i++)
		;
	if (i == S_COUNT)
		return mistake(loader, loader->line,
			       "unknown setting \"%s\"; qkdtlsd.conf(5) lists those of a service",
			       name);
	if (given(service, i))
		return mistake(loader, loader->line,
			       "\"%s\" is given twice in service \"%s\"; remove one", name,
			       service->name);
	setting = &settings[i];
	service->seen |= 1U << i;
	return setting->set(loader, setting, value, (char *)service + setting->offset);
}

static int daemon_setting(struct loader *loader, const char *name, const char *value)
{
	static const struct setting drain = { "drain-timeout", set_number, 0, 0, 86400, NULL };

	if (strcmp(name, drain.name))
		return mistake(loader, loader->line,
			       "unknown setting \"%s\"; section \"[" DAEMON_SECTION
			       "]\" has \"%s\"",
			       name, drain.name);
	if (loader->drain_seen)
		return mistake(loader, loader->line, "\"%s\" is given twice; remove one", name);
	loader->drain_seen = true;
	return drain.set(loader, &drain, value, &loader->config->drain_timeout_s);
}

/* libinih's callback: 1 is success */
static int on_setting(void *arg, const char *section, const char *name, const char *value)
{
	const size_t prefix = strlen(SERVICE_PREFIX);
	struct loader *loader = arg;
	int ret = 0;

	if (loader->error)
		return 0;
	if (!*section) {
		mistake(loader, loader->line,
			"\"%s\" stands in no section; put \"[" SERVICE_PREFIX "NAME]\" above it",
			name);
		return 0;
	}
	if (!strcmp(section, DAEMON_SECTION)) {
		loader->service = NULL;
		return !daemon_setting(loader, name, value);
	}
	if (strncmp(section, SERVICE_PREFIX, prefix)) {
		mistake(loader, loader->line,
			"section \"[%s]\" is unknown; settings stand under \"[" SERVICE_PREFIX
			"NAME]\" or \"[" DAEMON_SECTION "]\"",
			section);
		return 0;
	}
	if (!loader->service || strcmp(loader->service->name, section + prefix))
		ret = service_begin(loader, section + prefix);
	return !ret && !service_setting(loader, name, value);
}

/* libinih's reader: counts lines and refuses what it would cut or misread in silence. */
static char *on_line(char *line, int size, void *arg)
{
	struct loader *loader = arg;
	size_t len;

	if (loader->error || !fgets(line, size, loader->stream))
		return NULL;
	loader->line++;
	len = strlen(line);
	if (len && line[len - 1] == '\n')
		return line;
	if (feof(loader->stream) && len)
		return line;
	if ((int)len + 1 >= size)
		mistake(loader, loader->line, "line is longer than %d characters; shorten it",
			size - 2);
	else
		mistake(loader, loader->line, "line holds a NUL character; remove it");
	return NULL;
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
			return mistake(loader, service->line, "service \"%s\" has no \"%s\": %s",
				       service->name, settings[needs[i].setting].name,
				       needs[i].remedy);
	}
	return 0;
}

#define NEED(loader, service, needs) \
	need(loader, service, needs, sizeof(needs) / sizeof((needs)[0]))

static const struct need every_service[] = {
	{ S_MODE, "give \"server\" or \"client\"" },
	{ S_LISTEN, "give the address to accept connections at" },
	{ S_CONNECT, "give the address to forward connections to" },
	{ S_LINK, "give the QKD link's name (qkdctl link list)" },
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
	return mistake(loader, service->line,
		       "service \"%s\": \"%s\" is for peers that are checked; remove it or "
		       "\"verify-client = no\"",
		       service->name, settings[service->crl ? S_CRL : S_OCSP_REQUIRED].name);
}

/* Settings of the other side would do nothing. */
static int check_side(struct loader *loader, const struct service_config *service)
{
	const bool server = service->mode == QKDTLS_SERVER;
	const int setting = server ? S_SPARE_KEY : S_VERIFY_CLIENT;

	if (!given(service, setting))
		return 0;
	return mistake(loader, service->line,
		       "service \"%s\" is a %s: \"%s\" is for %ss; remove it", service->name,
		       mode_words[service->mode], settings[setting].name,
		       mode_words[!service->mode]);
}

static int service_check(struct loader *loader, struct service_config *service)
{
	bool server = service->mode == QKDTLS_SERVER;
	int ret = NEED(loader, service, every_service);

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
		return mistake(loader, service->line,
			       "service \"%s\" has no \"peer-name\": give the name in the peer's "
			       "certificate, or \"remote-sae\" if that is the name",
			       service->name);
	service->peer_name = strdup(service->remote_sae);
	return service->peer_name ? 0 : no_memory(loader);
}

static int config_check(struct loader *loader)
{
	struct service_config *service;
	int ret;

	if (!loader->config->services)
		return mistake(loader, loader->line,
			       "no service; add a section \"[" SERVICE_PREFIX
			       "NAME]\", see qkdtlsd.conf(5)");
	for (service = loader->config->services; service; service = service->next) {
		ret = service_check(loader, service);
		if (ret)
			return ret;
	}
	return 0;
}

static void parse(struct loader *loader)
{
	int line = ini_parse_stream(on_line, loader, on_setting, loader);

	/* What libinih itself stumbles over has no message yet. */
	if (line == -2)
		no_memory(loader);
	else if (line)
		mistake(loader, line,
			"not understood; lines are \"[SECTION]\", \"NAME = VALUE\" or "
			"\"# COMMENT\"");
	if (!loader->error && ferror(loader->stream)) {
		mistake(loader, loader->line, "cannot be read further");
		loader->error = -EIO;
	}
	if (!loader->error)
		config_check(loader);
}

int config_load(const char *file, struct config **config, char message[CONFIG_MESSAGE_LEN])
{
	struct loader loader = { .file = file, .message = message };

	*config = NULL;
	message[0] = '\0';
	loader.config = calloc(1, sizeof(*loader.config));
	if (!loader.config)
		return no_memory(&loader);
	loader.config->drain_timeout_s = DEFAULT_DRAIN_TIMEOUT_S;
	loader.last = &loader.config->services;
	loader.stream = fopen(file, "re");
	if (!loader.stream) {
		loader.error = -errno;
		snprintf(message, CONFIG_MESSAGE_LEN, "%s: %s; name the configuration with -c FILE",
			 file, strerror(errno));
	} else {
		parse(&loader);
		fclose(loader.stream);
	}
	if (loader.error)
		config_free(loader.config);
	else
		*config = loader.config;
	return loader.error;
}

static void service_free(struct service_config *service)
{
	free(service->name);
	for (int i = 0; i < S_COUNT; i++) {
		if (settings[i].set == set_text)
			free(*(char **)((char *)service + settings[i].offset));
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
	free(config);
}
