// SPDX-License-Identifier: GPL-2.0-or-later
/* qkdkmed's configuration file: what is read, what is refused, and in which words. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <openssl/pem.h>

#include "pki.h"
#include "qkdkmed/config.h"

#define FILE_TEMPLATE "/tmp/qkdkmed-config-XXXXXX"

#define PIN  "sha256//AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
#define BASE "url = https://kme:8443\ncertificate = c.pem\nprivate-key = k.pem\n"
#define KME  "[kme one]\n" BASE "trust = ca.pem\n"
#define LINK "[link zurich]\nkme = one\n"

static int load(const char *text, struct config **config, char *message)
{
	char path[] = FILE_TEMPLATE;
	int fd = mkstemp(path);
	size_t len = strlen(text);
	int ret;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	close(fd);
	ret = config_load(path, config, message);
	unlink(path);
	/* The name differs from run to run; what follows it does not. */
	if (ret) {
		assert_null(*config);
		assert_int_equal(strncmp(message, path, strlen(path)), 0);
		memmove(message, message + strlen(path), strlen(message + strlen(path)) + 1);
	}
	return ret;
}

static struct config *load_good(const char *text)
{
	char message[SETTINGS_MESSAGE_LEN];
	struct config *config;

	if (load(text, &config, message))
		fail_msg("%s", message);
	assert_string_equal(message, "");
	return config;
}

static void has_defaults(void **state)
{
	/* A link may stand before its KME. */
	struct config *config = load_good(LINK KME);
	const struct link_config *link = config->links;

	assert_string_equal(link->name, "zurich");
	assert_int_equal(link->kme_count, 1);
	assert_ptr_equal(link->kmes[0], config->kmes);
	assert_null(link->remote_sae);
	assert_int_equal(link->high, 256);
	assert_int_equal(link->batch, 64);
	assert_int_equal(link->status_interval_s, 30);
	assert_int_equal(link->retry_max_s, 10);
	assert_string_equal(config->kmes->url, "https://kme:8443");
	assert_string_equal(config->kmes->trust, "ca.pem");
	assert_null(config->kmes->pin);
	assert_int_equal(config->kmes->tls_min, TLS_1_2);
	assert_int_equal(config->kmes->method, METHOD_POST);
	assert_int_equal(config->kmes->connect_timeout_ms, 2000);
	assert_int_equal(config->kmes->request_timeout_ms, 5000);
	config_put(config);
}

static void reads_every_setting(void **state)
{
	struct config *config = load_good(
		"[kme one]\n" BASE "pin = " PIN ";" PIN "\ntls-min = 1.3\nmethod = get\n"
		"connect-timeout = 50\nrequest-timeout = 120000\n"
		"[kme two]\nurl = https://[::1]:1/a/b//\ncertificate = c\nprivate-key = k\n"
		"trust = t\npin = " PIN "\n"
		"[link l]\nkme = two, one\nremote-sae = bob's SAE\nhigh = 1\nbatch = 1024\n"
		"status-interval = 86400\nretry-max = 1\n[link m]\nkme = one\n");
	const struct link_config *link = config_find_link(config, "l");

	assert_int_equal(link->kme_count, 2);
	assert_string_equal(link->kmes[0]->name, "two");
	assert_string_equal(link->kmes[0]->url, "https://[::1]:1/a/b");
	assert_int_equal(link->kmes[1]->tls_min, TLS_1_3);
	assert_int_equal(link->kmes[1]->method, METHOD_GET);
	assert_int_equal(link->kmes[1]->connect_timeout_ms, 50);
	assert_int_equal(link->kmes[1]->request_timeout_ms, 120000);
	assert_string_equal(link->remote_sae, "bob's SAE");
	assert_int_equal(link->high, 1);
	assert_int_equal(link->batch, 1024);
	assert_int_equal(link->status_interval_s, 86400);
	assert_int_equal(link->retry_max_s, 1);
	assert_null(config_find_link(config, "n"));
	assert_string_equal(config_find_link(config, "m")->name, "m");
	config_put(config_get(config));
	config_put(config);
}

static void refuses(void **state)
{
	static const struct {
		const char *text;
		const char *message;
	} bad[] = {
		{ "", ":0: no link; add a section \"[link NAME]\", see qkdkmed.conf(5)" },
		{ KME, ":5: no link; add a section \"[link NAME]\", see qkdkmed.conf(5)" },
		{ "url = x\n",
		  ":1: \"url\" stands in no section; put \"[kme NAME]\" or \"[link NAME]\" "
		  "above it" },
		{ "[kmes]\nurl = x\n", ":2: section \"[kmes]\" is unknown; settings stand under "
				       "\"[kme NAME]\" or \"[link NAME]\"" },
		{ "[kme a b]\nurl = x\n", ":2: section \"[kme a b]\": a name is 1 to 31 letters, "
					  "digits, \"-\", \"_\" and \".\"" },
		{ "[link ]\nkme = x\n",
		  ":2: section \"[link ]\": a name is 1 to 31 letters, digits, "
		  "\"-\", \"_\" and \".\"" },
		{ "[link 12345678901234567890123456789012]\nkme = x\n",
		  ":2: section \"[link 12345678901234567890123456789012]\": a name is 1 to 31 letters, "
		  "digits, \"-\", \"_\" and \".\"" },
		{ KME LINK "[kme one]\nurl = https://x\n",
		  ":9: section \"[kme one]\" is there twice, first at line 2; make them one" },
		{ KME LINK "[kme two]\n" BASE "trust = x\n" LINK,
		  ":14: section \"[link zurich]\" is there twice, first at line 7; make them one" },
		{ KME LINK "colour = red\n",
		  ":8: unknown setting \"colour\" in link zurich; qkdkmed.conf(5) lists what there is" },
		{ KME "url = https://x\n", ":6: \"url\" is given twice in kme one; remove one" },
		{ KME LINK "high = 0\n",
		  ":8: \"high = 0\": give a whole number from 1 to 1048576" },
		{ KME LINK "batch = 1025\n",
		  ":8: \"batch = 1025\": give a whole number from 1 to 1024" },
		{ KME LINK "remote-sae =\n",
		  ":8: \"remote-sae\" is empty; give it a value or remove the line" },
		{ KME "tls-min = 1.1\n", ":6: \"tls-min = 1.1\": give \"1.2\" or \"1.3\"" },
		{ KME "method = put\n", ":6: \"method = put\": give \"post\" or \"get\"" },
		{ "[kme one]\nurl = https://x\ncertificate = c\ntrust = t\n" LINK,
		  ":2: kme \"one\" has no \"private-key\": give the file of the certificate's private "
		  "key (PEM)" },
		{ "[kme one]\n" BASE LINK,
		  ":2: kme \"one\" has neither \"trust\" nor \"pin\": give the file of the CA "
		  "certificates or the hash of the KME's public key" },
		{ "[kme one]\n" BASE "pin = sha256//AAAA\n" LINK,
		  ":2: kme \"one\": \"pin = sha256//AAAA\": give sha256//BASE64 of the KME's public "
		  "key, several with \";\" between, see qkdkmed.conf(5)" },
		{ "[kme one]\nurl = http://x\ncertificate = c\nprivate-key = k\ntrust = t\n" LINK,
		  ":2: kme \"one\": \"url = http://x\": give https://HOST[:PORT][/PATH], without "
		  "\"/api\" and what follows it" },
		{ KME "[link l]\nkme = two\n",
		  ":7: link \"l\": no section \"[kme two]\"; add it or change \"kme\"" },
		{ KME "[link l]\nkme = on\n",
		  ":7: link \"l\": no section \"[kme on]\"; add it or change \"kme\"" },
		{ KME "[link l]\nkme = one one\n",
		  ":7: link \"l\": \"one\" is named twice; remove one" },
		{ KME "[link l]\nhigh = 3\n",
		  ":7: link \"l\" has no \"kme\": give the names of one or more sections "
		  "\"[kme NAME]\", the preferred one first" },
		{ KME "[link l]\nkme = ,\n",
		  ":7: link \"l\" has no \"kme\": give the names of one or more sections "
		  "\"[kme NAME]\", the preferred one first" },
		{ KME "nonsense\n",
		  ":6: not understood; lines are \"[SECTION]\", \"NAME = VALUE\" or "
		  "\"# COMMENT\"" },
	};
	char message[SETTINGS_MESSAGE_LEN];
	struct config *config;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(load(bad[i].text, &config, message), -EINVAL);
		assert_string_equal(message, bad[i].message);
	}
}

static void nine_kmes_are_too_many(void **state)
{
	char text[4096] = "[link l]\nkme = a b c d e f g h i\n", message[SETTINGS_MESSAGE_LEN];
	struct config *config;

	for (char name = 'a'; name <= 'i'; name++)
		snprintf(text + strlen(text), sizeof(text) - strlen(text),
			 "[kme %c]\n" BASE "trust = t\n", name);
	assert_int_equal(load(text, &config, message), -EINVAL);
	assert_string_equal(message, ":2: link \"l\": more than 8 KMEs; remove some");
	memcpy(strstr(text, " i\n"), "  \n", 3);
	config_put(load_good(text));
}

static void missing_file(void **state)
{
	char message[SETTINGS_MESSAGE_LEN];
	struct config *config;

	assert_int_equal(config_load("/nonexistent/file", &config, message), -ENOENT);
	assert_string_equal(message, "/nonexistent/file: No such file or directory; name the "
				     "configuration with -c FILE");
	assert_null(config);
}

static void same_links(void **state)
{
	static const char *const other[] = { KME LINK "high = 257\n",
					     KME LINK "remote-sae = x\n",
					     KME "method = get\n" LINK,
					     KME "pin = " PIN "\n" LINK,
					     "[kme two]\n" BASE
					     "trust = ca.pem\n[link zurich]\nkme = two\n",
					     KME "[kme two]\n" BASE
						 "trust = ca.pem\n[link zurich]\nkme = one two\n" };
	struct config *a = load_good(KME LINK), *b = load_good(LINK "\n# more\n" KME);

	assert_true(config_same_link(a->links, b->links));
	config_put(b);
	for (size_t i = 0; i < sizeof(other) / sizeof(other[0]); i++) {
		b = load_good(other[i]);
		assert_false(config_same_link(a->links, b->links));
		assert_false(config_same_link(b->links, a->links));
		config_put(b);
	}
	config_put(a);
}

/* Files of the folder of @pki; @expected is behind the link in the message. */
static int check_files(struct pki *pki, const char *certificate, const char *key, const char *trust,
		       const char *expected)
{
	char text[1024], wanted[SETTINGS_MESSAGE_LEN], message[SETTINGS_MESSAGE_LEN] = "";
	struct config *config;
	int ret;

	snprintf(
		text, sizeof(text),
		"[kme one]\nurl = https://kme\ncertificate = %s\nprivate-key = %s\ntrust = %s\n" LINK,
		pki_path(pki, certificate), pki_path(pki, key), pki_path(pki, trust));
	config = load_good(text);
	ret = config_check_files(config, "f", message);
	config_put(config);
	snprintf(wanted, sizeof(wanted), "%s%s", *expected ? "f:2: kme \"one\": " : "", expected);
	assert_string_equal(message, wanted);
	return ret;
}

static const char *about(const char *setting, struct pki *pki, const char *file,
			 const char *problem)
{
	static char text[SETTINGS_MESSAGE_LEN];

	snprintf(text, sizeof(text), "\"%s\": %s: %s", setting, pki_path(pki, file), problem);
	return text;
}

static void files_are_read(void **state)
{
	struct pki *pki = pki_new();
	char foreign[256];

	assert_int_equal(check_files(pki, "client.pem", "client.key", "ca.pem", ""), 0);
	assert_int_equal(
		check_files(pki, "none.pem", "client.key", "ca.pem",
			    about("certificate", pki, "none.pem", "No such file or directory")),
		-ENOENT);
	pki_write(pki, "bare", "-----BEGIN CERTIFICATE-----\n", 0644);
	assert_int_equal(
		check_files(pki, "bare", "client.key", "ca.pem",
			    about("certificate", pki, "bare", "holds no certificate in PEM")),
		-EINVAL);
	pki_write(pki, "text", "hello\n", 0644);
	assert_int_equal(check_files(pki, "client.pem", "client.key", "text",
				     about("trust", pki, "text", "holds no certificate in PEM")),
			 -EINVAL);
	assert_int_equal(check_files(pki, "client.pem", "ca.pem", "ca.pem",
				     about("private-key", pki, "ca.pem",
					   "may be read by others: chmod 600 it, and think whether "
					   "they did")),
			 -EPERM);
	snprintf(foreign, sizeof(foreign), "does not belong to the certificate %s",
		 pki_path(pki, "client.pem"));
	assert_int_equal(check_files(pki, "client.pem", "server.key", "ca.pem",
				     about("private-key", pki, "server.key", foreign)),
			 -EINVAL);
	pki_free(pki);
}

/* Nobody is asked for it. */
static void a_passphrase_is_refused(void **state)
{
	struct pki *pki = pki_new();
	EVP_PKEY *key = EVP_EC_gen("P-256");
	FILE *file = fopen(pki_write(pki, "locked", "", 0600), "w");

	assert_true(key && file);
	assert_true(PEM_write_PKCS8PrivateKey(file, key, EVP_aes_128_cbc(), "abcd", 4, NULL, NULL));
	assert_int_equal(fclose(file), 0);
	EVP_PKEY_free(key);
	assert_int_equal(check_files(pki, "client.pem", "locked", "ca.pem",
				     about("private-key", pki, "locked",
					   "holds no private key in PEM without a passphrase")),
			 -EINVAL);
	pki_free(pki);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(has_defaults),	  cmocka_unit_test(reads_every_setting),
		cmocka_unit_test(refuses),	  cmocka_unit_test(nine_kmes_are_too_many),
		cmocka_unit_test(missing_file),	  cmocka_unit_test(same_links),
		cmocka_unit_test(files_are_read), cmocka_unit_test(a_passphrase_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
