// SPDX-License-Identifier: GPL-2.0-or-later
/* The daemon's configuration file: what is read, what is refused, and in which words. */
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

#include "qkdtlsd/config.h"

#define FILE_TEMPLATE "/tmp/qkdtlsd-config-XXXXXX"

#define A32  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define A256 A32 A32 A32 A32 A32 A32 A32 A32

#define BASE	    "mode = server\nlisten = 127.0.0.1:4433\nconnect = 127.0.0.1:80\nlink = l\n"
#define CERTIFICATE "certificate = c.pem\nprivate-key = k.pem\n"
#define SERVER	    "[service web]\n" BASE CERTIFICATE
#define GOOD	    SERVER "trust = ca.pem\npeer-name = geneva.example\n"

static int load(const char *text, size_t len, struct config **config, char *message)
{
	char path[] = FILE_TEMPLATE;
	int fd = mkstemp(path);
	int ret;

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	close(fd);
	ret = config_load(path, config, message);
	unlink(path);
	/* The name differs from run to run; what follows it does not. */
	if (ret) {
		assert_int_equal(strncmp(message, path, strlen(path)), 0);
		memmove(message, message + strlen(path), strlen(message + strlen(path)) + 1);
	}
	return ret;
}

static struct config *load_good(const char *text)
{
	char message[SETTINGS_MESSAGE_LEN];
	struct config *config;

	assert_int_equal(load(text, strlen(text), &config, message), 0);
	assert_string_equal(message, "");
	assert_non_null(config);
	return config;
}

static void has_defaults(void **state)
{
	struct config *config = load_good(GOOD);
	const struct service_config *s = config->services;

	assert_int_equal(config->drain_timeout_s, 30);
	assert_string_equal(s->name, "web");
	assert_int_equal(s->mode, QKDTLS_SERVER);
	assert_string_equal(s->listen.host, "127.0.0.1");
	assert_string_equal(s->listen.port, "4433");
	assert_string_equal(s->connect.port, "80");
	assert_string_equal(s->link, "l");
	assert_int_equal(s->policy, QKDTLS_REQUIRE);
	assert_true(s->verify_client);
	assert_false(s->allow_simulated);
	assert_false(s->allow_classical_groups);
	assert_int_equal(s->handshake_timeout_s, 10);
	assert_int_equal(s->key_timeout_s, 2);
	assert_int_equal(s->max_connections, 256);
	assert_int_equal(s->max_handshakes, 256);
	assert_int_equal(s->max_connections_per_source, 256);
	assert_int_equal(s->max_handshakes_per_source, 128);
	assert_int_equal(s->idle_timeout_s, 0);
	assert_int_equal(s->max_bytes, 0);
	assert_null(s->groups);
	assert_null(s->ciphers);
	assert_null(s->alpn);
	assert_int_equal(s->record_size_limit, 16385);
	assert_int_equal(s->key_update_records, QKDTLS_KEY_RECORDS_MAX);
	assert_int_equal(s->key_update_bytes, 0);
	assert_int_equal(s->key_update_seconds, 0);
	assert_false(s->spare_key);
	assert_null(s->signatures);
	assert_null(s->chain_signatures);
	assert_null(s->local_sae);
	assert_null(s->crl);
	assert_null(s->ocsp_staple);
	assert_false(s->ocsp_required);
	assert_null(s->next);
	config_free(config);
}

static void reads_every_setting(void **state)
{
	struct config *config = load_good(
		"# comment\n[daemon]\ndrain-timeout = 5\nworkers = 64\n\n"
		"[service a]\nmode = client\nlisten = [::1]:1\nconnect = zurich.example:65535\n"
		"link = l\nlocal-sae = geneva\nremote-sae = zurich\npolicy = prefer\n"
		"certificate = /c\nprivate-key = /k\ntrust = /t\npeer-name = p\n"
		"crl = /l\nocsp-staple = /o\nocsp-required = yes\n"
		"groups = X25519MLKEM768:x25519\nciphers = TLS_AES_128_GCM_SHA256\n"
		"alpn = h2,http/1.1\nrecord-size-limit = 64\nkey-update-records = 1\n"
		"key-update-bytes = 5000000000\nkey-update-seconds = 60\nspare-key = yes\n"
		"signatures = mldsa65\nchain-signatures = ed25519:rsa_pkcs1_sha256\n"
		"allow-classical-groups = yes\nallow-simulated = yes\nhandshake-timeout = 600\n"
		"key-timeout = 0\nmax-connections = 100\nmax-handshakes = 20\n"
		"max-connections-per-source = 50\nmax-handshakes-per-source = 7\n"
		"idle-timeout = 600\nmax-bytes = 5000000000\n[service b]\n" BASE CERTIFICATE
		"verify-client = no\n");
	const struct service_config *s = config->services;

	assert_int_equal(config->drain_timeout_s, 5);
	assert_int_equal(config->workers, 64);
	assert_string_equal(s->name, "a");
	assert_int_equal(s->mode, QKDTLS_CLIENT);
	assert_string_equal(s->listen.host, "::1");
	assert_string_equal(s->connect.host, "zurich.example");
	assert_string_equal(s->local_sae, "geneva");
	assert_string_equal(s->remote_sae, "zurich");
	assert_int_equal(s->policy, QKDTLS_PREFER);
	assert_string_equal(s->certificate, "/c");
	assert_string_equal(s->private_key, "/k");
	assert_string_equal(s->trust, "/t");
	assert_string_equal(s->crl, "/l");
	assert_string_equal(s->ocsp_staple, "/o");
	assert_true(s->ocsp_required);
	assert_string_equal(s->peer_name, "p");
	assert_string_equal(s->groups, "X25519MLKEM768:x25519");
	assert_string_equal(s->ciphers, "TLS_AES_128_GCM_SHA256");
	assert_string_equal(s->alpn, "h2,http/1.1");
	assert_int_equal(s->record_size_limit, 64);
	assert_int_equal(s->key_update_records, 1);
	assert_int_equal(s->key_update_bytes, 5000000000);
	assert_int_equal(s->key_update_seconds, 60);
	assert_true(s->spare_key);
	assert_string_equal(s->signatures, "mldsa65");
	assert_string_equal(s->chain_signatures, "ed25519:rsa_pkcs1_sha256");
	assert_true(s->allow_classical_groups);
	assert_true(s->allow_simulated);
	assert_int_equal(s->handshake_timeout_s, 600);
	assert_int_equal(s->key_timeout_s, 0);
	assert_int_equal(s->max_connections, 100);
	assert_int_equal(s->max_handshakes, 20);
	assert_int_equal(s->max_connections_per_source, 50);
	assert_int_equal(s->max_handshakes_per_source, 7);
	assert_int_equal(s->idle_timeout_s, 600);
	assert_int_equal(s->max_bytes, 5000000000);
	assert_string_equal(s->next->name, "b");
	assert_false(s->next->verify_client);
	assert_null(s->next->trust);
	config_free(config);
}

static void takes_the_peers_name_from_the_sae(void **state)
{
	struct config *config = load_good(SERVER "trust = ca.pem\nremote-sae = geneva.example\n");

	assert_string_equal(config->services->peer_name, "geneva.example");
	config_free(config);
}

static void client_needs_no_certificate(void **state)
{
	struct config *config = load_good("[service c]\nmode = client\nlisten = 127.0.0.1:1\n"
					  "connect = h:2\nlink = l\ntrust = t\npeer-name = p\n");

	assert_null(config->services->certificate);
	config_free(config);
}

/* Limits that were not given follow from those that were. */
static void limits_follow_from_each_other(void **state)
{
	struct config *config = load_good(GOOD "max-connections = 9\nmax-handshakes = 4\n");

	assert_int_equal(config->services->max_handshakes, 4);
	assert_int_equal(config->services->max_connections_per_source, 9);
	assert_int_equal(config->services->max_handshakes_per_source, 2);
	config_free(config);

	config = load_good(GOOD "max-connections = 1\n");
	assert_int_equal(config->services->max_handshakes, 1);
	assert_int_equal(config->services->max_handshakes_per_source, 1);
	config_free(config);

	/* What could never be reached is as good as the least of those above it. */
	config = load_good(GOOD "max-handshakes = 10000\n");
	assert_int_equal(config->services->max_handshakes, 256);
	config_free(config);

	/* A client's sources are the programs of its own site. */
	config = load_good("[service c]\nmode = client\nlisten = 127.0.0.1:1\n"
			   "connect = h:2\nlink = l\ntrust = t\npeer-name = p\n");
	assert_int_equal(config->services->max_handshakes_per_source, 256);
	config_free(config);
}

#define KERNEL "[service nfs]\nmode = client\nfrom = kernel\nlink = l\ntrust = t\npeer-name = p\n"

static void reads_services_of_the_kernel(void **state)
{
	struct config *config =
		load_good("[daemon]\nhandshake-agent = yes\n" KERNEL
			  "peer-address = 192.0.2.0/24, 2001:db8::1\n" GOOD "from = network\n");
	const struct service_config *s = config->services;

	assert_true(config->handshake_agent);
	assert_int_equal(s->from, FROM_KERNEL);
	assert_int_equal(s->peer_address.count, 2);
	assert_int_equal(s->peer_address.list[0].bits, 96 + 24);
	assert_int_equal(s->peer_address.list[1].bits, 128);
	assert_int_equal(s->next->from, FROM_NETWORK);
	assert_int_equal(s->next->peer_address.count, 0);
	config_free(config);
}

static const struct bad {
	const char *text;
	const char *message;
} bad[] = {
	{ "", ":0: no service; add a section \"[service NAME]\", see qkdtlsd.conf(5)" },
	{ "# only this\n",
	  ":1: no service; add a section \"[service NAME]\", see qkdtlsd.conf(5)" },
	{ "mode = server\n", ":1: \"mode\" stands in no section; put \"[service NAME]\" above it" },
	{ "[services web]\nmode = server\n",
	  ":2: section \"[services web]\" is unknown; settings stand under \"[service NAME]\" or "
	  "\"[daemon]\"" },
	{ "[service ]\nmode = server\n",
	  ":2: section \"[service ]\": a name is 1 to 31 letters, digits, \"-\", \"_\" and \".\"" },
	{ "[service a b]\nmode = server\n",
	  ":2: section \"[service a b]\": a name is 1 to 31 letters, "
	  "digits, \"-\", \"_\" and \".\"" },
	{ "[service " A32 "]\nmode = server\n",
	  ":2: section \"[service " A32 "]\": a name is 1 to 31 letters, digits, \"-\", \"_\" and "
	  "\".\"" },
	{ "[service " A256 "]\nmode = server\n",
	  ":1: line is longer than 198 characters; shorten it" },
	{ GOOD "[service b]\nmode = client\n[service web]\nmode = client\n",
	  ":13: section \"[service web]\" is there twice, first at line 2; give each service its own "
	  "name" },
	{ "[service a]\ncolour = red\n",
	  ":2: unknown setting \"colour\" in service a; qkdtlsd.conf(5) lists what there is" },
	{ "[service a]\nMode = server\n",
	  ":2: unknown setting \"Mode\" in service a; qkdtlsd.conf(5) lists what there is" },
	{ "[daemon]\nmode = server\n",
	  ":2: unknown setting \"mode\" in daemon; qkdtlsd.conf(5) lists what there is" },
	{ "[daemon]\ndrain-timeout = 1\ndrain-timeout = 1\n",
	  ":3: \"drain-timeout\" is given twice in daemon; remove one" },
	{ "[daemon]\nworkers = 0\n", ":2: \"workers = 0\": give a whole number from 1 to 64" },
	{ "[daemon]\ndrain-timeout = soon\n",
	  ":2: \"drain-timeout = soon\": give a whole number from 0 to 86400" },
	{ "[service a]\nmode = server\nmode = server\n",
	  ":3: \"mode\" is given twice in service a; remove one" },
	{ "[service a]\nmode = both\n", ":2: \"mode = both\": give \"client\" or \"server\"" },
	{ "[service a]\npolicy = psk-only\n",
	  ":2: \"policy = psk-only\": give \"require\" or \"prefer\"" },
	{ "[service a]\nallow-simulated = true\n",
	  ":2: \"allow-simulated = true\": give \"no\" or \"yes\"" },
	{ "[service a]\nmax-connections = 0\n",
	  ":2: \"max-connections = 0\": give a whole number from 1 to 10000" },
	{ "[service a]\nmax-connections = 4294967297\n",
	  ":2: \"max-connections = 4294967297\": give a whole number from 1 to 10000" },
	{ "[service a]\nhandshake-timeout = -1\n",
	  ":2: \"handshake-timeout = -1\": give a whole number from 1 to 600" },
	{ "[service a]\nkey-timeout = 601\n",
	  ":2: \"key-timeout = 601\": give a whole number from 0 to 600" },
	{ "[service a]\nrecord-size-limit = 63\n",
	  ":2: \"record-size-limit = 63\": give a whole number from 64 to 16385" },
	{ "[service a]\nkey-update-records = 16776193\n",
	  ":2: \"key-update-records = 16776193\": give a whole number from 1 to 16776192" },
	{ "[service a]\nkey-update-bytes = 16383\n",
	  ":2: \"key-update-bytes = 16383\": give a whole number from 16384 to 1125899906842624" },
	{ "[service a]\nkey-update-seconds = 0\n",
	  ":2: \"key-update-seconds = 0\": give a whole number from 1 to 31536000" },
	{ "[service a]\nmax-handshakes = 0\n",
	  ":2: \"max-handshakes = 0\": give a whole number from 1 to 10000" },
	{ "[service a]\nmax-connections-per-source = 10001\n",
	  ":2: \"max-connections-per-source = 10001\": give a whole number from 1 to 10000" },
	{ "[service a]\nmax-handshakes-per-source = few\n",
	  ":2: \"max-handshakes-per-source = few\": give a whole number from 1 to 10000" },
	{ "[service a]\nidle-timeout = 0\n",
	  ":2: \"idle-timeout = 0\": give a whole number from 1 to 604800" },
	{ "[service a]\nmax-bytes = 1125899906842625\n",
	  ":2: \"max-bytes = 1125899906842625\": give a whole number from 1 to 1125899906842624" },
	{ SERVER "trust = t\npeer-name = p\nspare-key = no\n",
	  ":2: service \"web\" is a server: \"spare-key\" is for clients; remove it" },
	{ "[service a]\nlisten = 127.0.0.1\n",
	  ":2: \"listen = 127.0.0.1\": give HOST:PORT, ADDRESS:PORT or [IPV6-ADDRESS]:PORT" },
	{ "[service a]\nlisten = ::1:443\n",
	  ":2: \"listen = ::1:443\": give HOST:PORT, ADDRESS:PORT or [IPV6-ADDRESS]:PORT" },
	{ "[service a]\nlisten = :443\n",
	  ":2: \"listen = :443\": give the address too, 0.0.0.0 or [::] "
	  "for all of this machine" },
	{ "[service a]\nconnect = h:65536\n",
	  ":2: \"connect = h:65536\": give HOST:PORT, ADDRESS:PORT or [IPV6-ADDRESS]:PORT" },
	{ "[service a]\nlink =\n", ":2: \"link\" is empty; give it a value or remove the line" },
	{ "[service a]\nlink = " A32 "\n",
	  ":2: \"link\" is longer than 31 characters; shorten it" },
	{ "[service a]\nlink = " A256 "\n", ":2: line is longer than 198 characters; shorten it" },
	{ "[service a]\nmode\n", ":2: not understood; lines are \"[SECTION]\", \"NAME = VALUE\" or "
				 "\"# COMMENT\"" },
	{ "[service a\nmode = server\n",
	  ":2: \"mode\" stands in no section; put \"[service NAME]\" above it" },
	{ "[service a]\nmode = client\nhand-over = /s\n",
	  ":2: service \"a\" has no \"link\": give the QKD link's name (qkdctl link list)" },
	{ "[service a]\nmode = client\nhand-over = /s\nconnect = h:1\n",
	  ":2: service \"a\": \"hand-over\" is for sockets that programs bring; remove it or \"connect\"" },
	{ "[service a]\nmode = client\nhand-over = /s\nidle-timeout = 1\n",
	  ":2: service \"a\": \"idle-timeout\" is for connections that are forwarded; remove it" },
	{ "[service a]\nmode = client\nhand-over-group = g\n",
	  ":2: service \"a\" has no \"hand-over\": give the path of the UNIX socket, or remove what "
	  "belongs to it" },
	{ "[service a]\nmode = client\nhand-over = s\n",
	  ":2: service \"a\": \"hand-over = s\": give a path that begins with /" },
	{ "[service a]\nhand-over-mode = 1777\n",
	  ":2: \"hand-over-mode = 1777\": give three octal digits, 660 for owner and group" },
	{ "[service a]\nhand-over-mode = 66\n",
	  ":2: \"hand-over-mode = 66\": give three octal digits, "
	  "660 for owner and group" },
	{ "[service a]\nlisten = h:1\n", ":2: service \"a\" has no \"mode\": give \"server\" or "
					 "\"client\"" },
	{ "[service a]\nmode = server\n",
	  ":2: service \"a\" has no \"listen\": give the address to accept connections at, "
	  "or \"hand-over\"" },
	{ "[service a]\nmode = server\nlisten = h:1\n",
	  ":2: service \"a\" has no \"connect\": give the address to forward connections to, "
	  "or \"hand-over\"" },
	{ "[service a]\nmode = server\nlisten = h:1\nconnect = h:2\n",
	  ":2: service \"a\" has no \"link\": give the QKD link's name (qkdctl link list)" },
	{ "[service web]\n" BASE,
	  ":2: service \"web\" has no \"certificate\": give the file of this "
	  "end's certificate chain (PEM)" },
	{ "[service web]\n" BASE "certificate = c\n",
	  ":2: service \"web\" has no \"private-key\": give the file of the certificate's private key "
	  "(PEM)" },
	{ SERVER,
	  ":2: service \"web\" has no \"trust\": give the file of the CA certificates or public "
	  "keys that the peer is checked against (PEM)" },
	{ SERVER "trust = t\n",
	  ":2: service \"web\" has no \"peer-name\": give the name in the peer's "
	  "certificate, or \"remote-sae\" if that is the name" },
	{ "[service c]\nmode = client\nlisten = h:1\nconnect = h:2\nlink = l\ntrust = t\n"
	  "peer-name = p\nverify-client = yes\n",
	  ":2: service \"c\" is a client: \"verify-client\" is for servers; remove it" },
	{ "[service c]\nmode = client\nlisten = h:1\nconnect = h:2\nlink = l\ntrust = t\n"
	  "peer-name = p\nprivate-key = k\n",
	  ":2: service \"c\" has no \"certificate\": give the file of this end's certificate chain "
	  "(PEM)" },
	{ SERVER "verify-client = no\ncrl = l\n",
	  ":2: service \"web\": \"crl\" is for peers that are checked; remove it or "
	  "\"verify-client = no\"" },
	{ SERVER "verify-client = no\nocsp-required = yes\n",
	  ":2: service \"web\": \"ocsp-required\" is for peers that are checked; remove it or "
	  "\"verify-client = no\"" },
	{ "[service c]\nmode = client\nlisten = h:1\nconnect = h:2\nlink = l\ntrust = t\n"
	  "peer-name = p\nocsp-staple = o\n",
	  ":2: service \"c\" has no \"certificate\": give the file of the certificate that "
	  "\"ocsp-staple\" is about (PEM)" },
	{ "[daemon]\nhandshake-agent = maybe\n",
	  ":2: \"handshake-agent = maybe\": give \"no\" or \"yes\"" },
	{ "[daemon]\nhandshake-agent = yes\n" GOOD,
	  ":11: \"handshake-agent = yes\", and no service has \"from = kernel\"; add one or remove it" },
	{ KERNEL, ":2: service \"nfs\" has \"from = kernel\", and nobody asks the kernel: add "
		  "\"handshake-agent = yes\" under \"[daemon]\"" },
	{ KERNEL "listen = h:1\n[daemon]\nhandshake-agent = yes\n",
	  ":2: service \"nfs\": the kernel connects and listens by itself; remove \"listen\" or "
	  "\"from = kernel\"" },
	{ KERNEL "connect = h:1\n[daemon]\nhandshake-agent = yes\n",
	  ":2: service \"nfs\": the kernel connects and listens by itself; remove \"connect\" or "
	  "\"from = kernel\"" },
	{ KERNEL "max-bytes = 1\n[daemon]\nhandshake-agent = yes\n",
	  ":2: service \"nfs\": \"max-bytes\" is for connections that are forwarded; remove it" },
	{ "[service a]\nfrom = space\n", ":2: \"from = space\": give \"network\" or \"kernel\"" },
	{ "[service a]\npeer-address = h\n",
	  ":2: \"peer-address = h\": give IP addresses or prefixes such as 192.0.2.0/24, at most 16, "
	  "separated by commas" },
	{ GOOD "peer-address = ::1\n",
	  ":2: service \"web\": \"peer-address\" is for \"from = kernel\"; remove it" },
	{ "[service c]\nmode = client\nlisten = h:1\nconnect = h:0\n",
	  ":4: \"connect = h:0\": give HOST:PORT, ADDRESS:PORT or [IPV6-ADDRESS]:PORT" },
};

static void reads_a_service_without_addresses(void **state)
{
	struct config *config =
		load_good("[service a]\nmode = server\nlink = l\nhand-over = /run/s\n"
			  "hand-over-mode = 0660\nhand-over-group = g\n" CERTIFICATE
			  "trust = ca.pem\npeer-name = p\n");
	const struct service_config *s = config->services;

	assert_string_equal(s->hand_over, "/run/s");
	assert_int_equal(s->hand_over_mode, 0660);
	assert_string_equal(s->hand_over_group, "g");
	assert_null(s->hand_over_owner);
	config_free(config);
}

static void refuses_with_file_line_and_remedy(void **state)
{
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		char message[SETTINGS_MESSAGE_LEN];
		struct config *config;

		assert_int_equal(load(bad[i].text, strlen(bad[i].text), &config, message), -EINVAL);
		assert_null(config);
		assert_string_equal(message, bad[i].message);
	}
}

static void refuses_a_nul_character(void **state)
{
	static const char text[] = "[service a]\nmode = server\0\nmode = server\n";
	char message[SETTINGS_MESSAGE_LEN];
	struct config *config;

	assert_int_equal(load(text, sizeof(text) - 1, &config, message), -EINVAL);
	assert_string_equal(message, ":2: line holds a NUL character; remove it");
}

static void every_setting_may_stand_once_only(void **state)
{
	static const char *const names[] = { "listen = h:1",
					     "connect = h:1",
					     "from = kernel",
					     "peer-address = ::1",
					     "link = l",
					     "certificate = c",
					     "private-key = k",
					     "trust = t",
					     "crl = l",
					     "ocsp-staple = o",
					     "ocsp-required = no",
					     "peer-name = p",
					     "local-sae = s",
					     "remote-sae = s",
					     "policy = prefer",
					     "groups = g",
					     "ciphers = c",
					     "signatures = s",
					     "chain-signatures = s",
					     "allow-classical-groups = no",
					     "allow-simulated = no",
					     "verify-client = no",
					     "alpn = a",
					     "record-size-limit = 64",
					     "key-update-records = 1",
					     "key-update-bytes = 16384",
					     "key-update-seconds = 1",
					     "spare-key = no",
					     "handshake-timeout = 1",
					     "key-timeout = 1",
					     "max-connections = 1",
					     "max-handshakes = 1",
					     "max-connections-per-source = 1",
					     "max-handshakes-per-source = 1",
					     "idle-timeout = 1",
					     "max-bytes = 1",
					     "hand-over = /s",
					     "hand-over-mode = 660",
					     "hand-over-owner = o",
					     "hand-over-group = g" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char text[256], message[SETTINGS_MESSAGE_LEN];
		struct config *config;

		snprintf(text, sizeof(text), "[service a]\n%s\n%s\n", names[i], names[i]);
		assert_int_equal(load(text, strlen(text), &config, message), -EINVAL);
		assert_non_null(strstr(message, ":3: "));
		assert_non_null(strstr(message, "is given twice in service a; remove one"));
	}
}

static void names_a_missing_file(void **state)
{
	char message[SETTINGS_MESSAGE_LEN];
	struct config *config;

	assert_int_equal(config_load("/nonexistent/qkdtlsd.conf", &config, message), -ENOENT);
	assert_null(config);
	assert_string_equal(message,
			    "/nonexistent/qkdtlsd.conf: No such file or directory; name the "
			    "configuration with -c FILE");
}

static void refuses_a_folder(void **state)
{
	char message[SETTINGS_MESSAGE_LEN];
	struct config *config;

	assert_int_not_equal(config_load("/tmp", &config, message), 0);
	assert_null(config);
	assert_string_not_equal(message, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(has_defaults),
		cmocka_unit_test(reads_every_setting),
		cmocka_unit_test(takes_the_peers_name_from_the_sae),
		cmocka_unit_test(client_needs_no_certificate),
		cmocka_unit_test(limits_follow_from_each_other),
		cmocka_unit_test(reads_a_service_without_addresses),
		cmocka_unit_test(reads_services_of_the_kernel),
		cmocka_unit_test(refuses_with_file_line_and_remedy),
		cmocka_unit_test(refuses_a_nul_character),
		cmocka_unit_test(every_setting_may_stand_once_only),
		cmocka_unit_test(names_a_missing_file),
		cmocka_unit_test(refuses_a_folder),
	};

	return cmocka_run_group_tests_name("qkdtlsd_config", tests, NULL, NULL);
}
