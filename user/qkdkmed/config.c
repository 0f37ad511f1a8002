// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "qkdkmed/config.h"
#include "qkdkmed/etsi014.h"

#define KME_PREFIX  "kme "
#define LINK_PREFIX "link "
#define PAGE	    "qkdkmed.conf(5)"

/**
 * struct loader - one run of config_load()
 * @settings: the reading of the file
 * @config: what has been read so far
 * @kme: section being read, or NULL
 * @link: section being read, or NULL
 * @last_kme: where the next is linked in
 * @last_link: likewise
 */
struct loader {
	struct settings settings;
	struct config *config;
	struct kme_config *kme;
	struct link_config *link;
	struct kme_config **last_kme;
	struct link_config **last_link;
};

static const char *const tls_words[] = { [TLS_1_2] = "1.2", [TLS_1_3] = "1.3", NULL };
static const char *const method_words[] = { [METHOD_POST] = "post", [METHOD_GET] = "get", NULL };

#define KME(field)  offsetof(struct kme_config, field)
#define LINK(field) offsetof(struct link_config, field)

enum {
	K_URL,
	K_CERTIFICATE,
	K_PRIVATE_KEY,
	K_TRUST,
	K_PIN,
	K_TLS_MIN,
	K_METHOD,
	K_CONNECT_TIMEOUT,
	K_REQUEST_TIMEOUT,
	K_COUNT,
};

static const struct setting kme_rows[K_COUNT] = {
	[K_URL] = { "url", settings_text, KME(url), 1, 255 },
	[K_CERTIFICATE] = { "certificate", settings_text, KME(certificate), 1, CONFIG_PATH_MAX },
	[K_PRIVATE_KEY] = { "private-key", settings_text, KME(private_key), 1, CONFIG_PATH_MAX },
	[K_TRUST] = { "trust", settings_text, KME(trust), 1, CONFIG_PATH_MAX },
	[K_PIN] = { "pin", settings_text, KME(pin), 1, 1024 },
	[K_TLS_MIN] = { "tls-min", settings_word, KME(tls_min), .words = tls_words },
	[K_METHOD] = { "method", settings_word, KME(method), .words = method_words },
	[K_CONNECT_TIMEOUT] = { "connect-timeout", settings_number, KME(connect_timeout_ms), 50,
				60000 },
	[K_REQUEST_TIMEOUT] = { "request-timeout", settings_number, KME(request_timeout_ms), 100,
				120000 },
};

enum {
	L_KMES,
	L_REMOTE_SAE,
	L_HIGH,
	L_BATCH,
	L_STATUS_INTERVAL,
	L_RETRY_MAX,
	L_COUNT,
};

static const struct setting link_rows[L_COUNT] = {
	[L_KMES] = { "kme", settings_text, LINK(kme_names), 1, 512 },
	[L_REMOTE_SAE] = { "remote-sae", settings_text, LINK(remote_sae), 1, QKD_SAE_ID_LEN_MAX },
	[L_HIGH] = { "high", settings_number, LINK(high), 1, 1048576 },
	[L_BATCH] = { "batch", settings_number, LINK(batch), 1, ETSI014_NUMBER_MAX },
	[L_STATUS_INTERVAL] = { "status-interval", settings_number, LINK(status_interval_s), 1,
				86400 },
	[L_RETRY_MAX] = { "retry-max", settings_number, LINK(retry_max_s), 1, 3600 },
};

/* Sections */

static int twice(struct loader *loader, const char *prefix, const char *name, unsigned int line)
{
	return settings_mistake(
		&loader->settings, loader->settings.line,
		"section \"[%s%s]\" is there twice, first at line %u; make them one", prefix, name,
		line);
}

static int kme_begin(struct loader *loader, const char *name)
{
	struct kme_config *kme;

	if (settings_name(&loader->settings, KME_PREFIX, name, CONFIG_NAME_MAX))
		return -EINVAL;
	for (kme = loader->config->kmes; kme; kme = kme->next) {
		if (!strcmp(kme->name, name))
			return twice(loader, KME_PREFIX, name, kme->line);
	}
	kme = calloc(1, sizeof(*kme));
	if (!kme)
		return settings_no_memory(&loader->settings);
	kme->line = loader->settings.line;
	kme->connect_timeout_ms = 2000;
	kme->request_timeout_ms = 5000;
	*loader->last_kme = kme;
	loader->last_kme = &kme->next;
	loader->kme = kme;
	kme->name = strdup(name);
	return kme->name ? 0 : settings_no_memory(&loader->settings);
}

static int link_begin(struct loader *loader, const char *name)
{
	struct link_config *link;

	if (settings_name(&loader->settings, LINK_PREFIX, name, QKD_LINK_NAME_LEN - 1))
		return -EINVAL;
	for (link = loader->config->links; link; link = link->next) {
		if (!strcmp(link->name, name))
			return twice(loader, LINK_PREFIX, name, link->line);
	}
	link = calloc(1, sizeof(*link));
	if (!link)
		return settings_no_memory(&loader->settings);
	link->line = loader->settings.line;
	link->high = 256;
	link->batch = 64;
	link->status_interval_s = 30;
	link->retry_max_s = 10;
	*loader->last_link = link;
	loader->last_link = &link->next;
	loader->link = link;
	link->name = strdup(name);
	return link->name ? 0 : settings_no_memory(&loader->settings);
}

static int on_kme(struct loader *loader, const char *section, const char *name, const char *value)
{
	const char *kme_name = section + strlen(KME_PREFIX);
	int ret = 0;

	loader->link = NULL;
	if (!loader->kme || strcmp(loader->kme->name, kme_name))
		ret = kme_begin(loader, kme_name);
	if (ret)
		return ret;
	return settings_apply(&loader->settings, kme_rows, K_COUNT, &loader->kme->seen, loader->kme,
			      section, PAGE, name, value);
}

static int on_link(struct loader *loader, const char *section, const char *name, const char *value)
{
	const char *link_name = section + strlen(LINK_PREFIX);
	int ret = 0;

	loader->kme = NULL;
	if (!loader->link || strcmp(loader->link->name, link_name))
		ret = link_begin(loader, link_name);
	if (ret)
		return ret;
	return settings_apply(&loader->settings, link_rows, L_COUNT, &loader->link->seen,
			      loader->link, section, PAGE, name, value);
}

static int on_value(struct settings *settings, const char *section, const char *name,
		    const char *value)
{
	struct loader *loader = settings->arg;

	if (!strncmp(section, KME_PREFIX, strlen(KME_PREFIX)))
		return on_kme(loader, section, name, value);
	if (!strncmp(section, LINK_PREFIX, strlen(LINK_PREFIX)))
		return on_link(loader, section, name, value);
	if (!*section)
		return settings_mistake(settings, settings->line,
					"\"%s\" stands in no section; put \"[" KME_PREFIX
					"NAME]\" or \"[" LINK_PREFIX "NAME]\" above it",
					name);
	return settings_mistake(settings, settings->line,
				"section \"[%s]\" is unknown; settings stand under \"[" KME_PREFIX
				"NAME]\" or \"[" LINK_PREFIX "NAME]\"",
				section);
}

/* What a section needs beyond what each setting says for itself */

static int check_url(struct loader *loader, struct kme_config *kme)
{
	static const char scheme[] = "https://";
	size_t len = strlen(kme->url);

	if (strncmp(kme->url, scheme, strlen(scheme)) || len == strlen(scheme) ||
	    strpbrk(kme->url + strlen(scheme), " ?#@\\\"") || kme->url[strlen(scheme)] == '/')
		return settings_mistake(
			&loader->settings, kme->line,
			"kme \"%s\": \"url = %s\": give https://HOST[:PORT][/PATH], "
			"without \"/api\" and what follows it",
			kme->name, kme->url);
	while (kme->url[len - 1] == '/')
		kme->url[--len] = '\0';
	return 0;
}

static int check_pin(struct loader *loader, const struct kme_config *kme)
{
	static const char prefix[] = "sha256//";
	const char *pin = kme->pin;

	while (pin && !strncmp(pin, prefix, strlen(prefix))) {
		pin += strlen(prefix);
		/* 32 bytes in base64 */
		if (strcspn(pin, ";") != 44 || pin[43] != '=')
			break;
		pin = pin[44] ? pin + 45 : NULL;
	}
	if (!pin)
		return 0;
	return settings_mistake(&loader->settings, kme->line,
				"kme \"%s\": \"pin = %s\": give sha256//BASE64 of the KME's public "
				"key, several with \";\" between, see " PAGE,
				kme->name, kme->pin);
}

static int check_kme(struct loader *loader, struct kme_config *kme)
{
	static const struct {
		int row;
		const char *remedy;
	} needs[] = {
		{ K_URL, "give https://HOST:PORT of the KME" },
		{ K_CERTIFICATE, "give the file of this SAE's certificate chain (PEM)" },
		{ K_PRIVATE_KEY, "give the file of the certificate's private key (PEM)" },
	};

	for (size_t i = 0; i < sizeof(needs) / sizeof(needs[0]); i++) {
		if (!(kme->seen & (1ULL << needs[i].row)))
			return settings_mistake(&loader->settings, kme->line,
						"kme \"%s\" has no \"%s\": %s", kme->name,
						kme_rows[needs[i].row].name, needs[i].remedy);
	}
	if (!kme->trust && !kme->pin)
		return settings_mistake(
			&loader->settings, kme->line,
			"kme \"%s\" has neither \"trust\" nor \"pin\": give the file "
			"of the CA certificates or the hash of the KME's public key",
			kme->name);
	return check_url(loader, kme) ?: check_pin(loader, kme);
}

static const struct kme_config *find_kme(const struct config *config, const char *name, size_t len)
{
	for (const struct kme_config *kme = config->kmes; kme; kme = kme->next) {
		if (!strncmp(kme->name, name, len) && !kme->name[len])
			return kme;
	}
	return NULL;
}

static int add_kme(struct loader *loader, struct link_config *link, const char *name, size_t len)
{
	const struct kme_config *kme = find_kme(loader->config, name, len);

	if (!kme)
		return settings_mistake(&loader->settings, link->line,
					"link \"%s\": no section \"[" KME_PREFIX
					"%.*s]\"; add it or "
					"change \"kme\"",
					link->name, (int)len, name);
	if (link->kme_count == CONFIG_KMES_MAX)
		return settings_mistake(&loader->settings, link->line,
					"link \"%s\": more than %d KMEs; remove some", link->name,
					CONFIG_KMES_MAX);
	for (size_t i = 0; i < link->kme_count; i++) {
		if (link->kmes[i] == kme)
			return settings_mistake(&loader->settings, link->line,
						"link \"%s\": \"%s\" is named twice; remove one",
						link->name, kme->name);
	}
	link->kmes[link->kme_count++] = kme;
	return 0;
}

static int check_link(struct loader *loader, struct link_config *link)
{
	const char *name = link->kme_names;
	size_t len;

	while (name && *(name += strspn(name, " ,\t"))) {
		len = strcspn(name, " ,\t");
		if (add_kme(loader, link, name, len))
			return -EINVAL;
		name += len;
	}
	if (link->kme_count)
		return 0;
	return settings_mistake(
		&loader->settings, link->line,
		"link \"%s\" has no \"kme\": give the names of one or more sections "
		"\"[" KME_PREFIX "NAME]\", the preferred one first",
		link->name);
}

static int check(struct loader *loader)
{
	int ret = 0;

	if (!loader->config->links)
		return settings_mistake(&loader->settings, loader->settings.line,
					"no link; add a section \"[" LINK_PREFIX
					"NAME]\", see " PAGE);
	for (struct kme_config *kme = loader->config->kmes; kme && !ret; kme = kme->next)
		ret = check_kme(loader, kme);
	for (struct link_config *link = loader->config->links; link && !ret; link = link->next)
		ret = check_link(loader, link);
	return ret;
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
	loader.config->references = 1;
	loader.last_kme = &loader.config->kmes;
	loader.last_link = &loader.config->links;
	ret = settings_read(&loader.settings);
	if (!ret)
		ret = check(&loader);
	if (ret)
		config_put(loader.config);
	else
		*config = loader.config;
	return ret;
}

struct config *config_get(struct config *config)
{
	config->references++;
	return config;
}

static void free_texts(const struct setting *rows, size_t count, void *base)
{
	for (size_t i = 0; i < count; i++) {
		if (rows[i].set == settings_text)
			free(*(char **)((char *)base + rows[i].offset));
	}
}

void config_put(struct config *config)
{
	struct kme_config *next_kme;
	struct link_config *next_link;

	if (!config || --config->references)
		return;
	for (struct kme_config *kme = config->kmes; kme; kme = next_kme) {
		next_kme = kme->next;
		free_texts(kme_rows, K_COUNT, kme);
		free(kme->name);
		free(kme);
	}
	for (struct link_config *link = config->links; link; link = next_link) {
		next_link = link->next;
		free_texts(link_rows, L_COUNT, link);
		free(link->name);
		free(link);
	}
	free(config);
}

const struct link_config *config_find_link(const struct config *config, const char *name)
{
	for (const struct link_config *link = config->links; link; link = link->next) {
		if (!strcmp(link->name, name))
			return link;
	}
	return NULL;
}

static bool same_rows(const struct setting *rows, size_t count, const void *a, const void *b)
{
	for (size_t i = 0; i < count; i++) {
		const void *x = (const char *)a + rows[i].offset;
		const void *y = (const char *)b + rows[i].offset;

		if (rows[i].set == settings_text) {
			const char *s = *(char *const *)x, *t = *(char *const *)y;

			if (!s != !t || (s && strcmp(s, t)))
				return false;
		} else if (memcmp(x, y, sizeof(uint32_t))) {
			return false;
		}
	}
	return true;
}

_Static_assert(sizeof(int) == sizeof(uint32_t), "same_rows() compares numbers and words alike");

bool config_same_link(const struct link_config *a, const struct link_config *b)
{
	if (!same_rows(link_rows, L_COUNT, a, b) || a->kme_count != b->kme_count)
		return false;
	for (size_t i = 0; i < a->kme_count; i++) {
		if (strcmp(a->kmes[i]->name, b->kmes[i]->name) ||
		    !same_rows(kme_rows, K_COUNT, a->kmes[i], b->kmes[i]))
			return false;
	}
	return true;
}
