// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <curl/curl.h>
#include "bench/kme/kme.h"
#include "qkdkmed/etsi014.h"

#define KEY_BITS  256
#define TIMEOUT_S 60L
#define PATH_LEN  64

struct client {
	CURL *easy;
	struct curl_slist *headers;
	char urls[2][ETSI014_URL_LEN]; /* enc_keys, dec_keys */
	char *body;
	size_t len, max;
};

static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
	struct client *client = arg;
	size_t len = size * count;

	if (len > client->max - client->len)
		return 0;
	memcpy(client->body + client->len, bytes, len);
	client->len += len;
	return len;
}

static bool set_files(CURL *easy, const char *own)
{
	char certificate[PATH_LEN], key[PATH_LEN];

	snprintf(certificate, sizeof(certificate), "%s.pem", own);
	snprintf(key, sizeof(key), "%s.key", own);
	return !curl_easy_setopt(easy, CURLOPT_SSLCERT, certificate) &&
	       !curl_easy_setopt(easy, CURLOPT_SSLKEY, key) &&
	       !curl_easy_setopt(easy, CURLOPT_CAINFO, "ca.pem");
}

static bool set_up(struct client *client, const char *url, const char *own, const char *peer)
{
	CURL *easy = client->easy;

	return easy && client->headers && client->body &&
	       curl_slist_append(client->headers, "Expect:") &&
	       !etsi014_url(client->urls[0], url, peer, ETSI014_ENC_KEYS) &&
	       !etsi014_url(client->urls[1], url, peer, ETSI014_DEC_KEYS) && set_files(easy, own) &&
	       !curl_easy_setopt(easy, CURLOPT_HTTPHEADER, client->headers) &&
	       !curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1) &&
	       !curl_easy_setopt(easy, CURLOPT_PROXY, "") &&
	       !curl_easy_setopt(easy, CURLOPT_TIMEOUT, TIMEOUT_S) &&
	       !curl_easy_setopt(easy, CURLOPT_WRITEFUNCTION, on_body) &&
	       !curl_easy_setopt(easy, CURLOPT_WRITEDATA, client) &&
	       !curl_easy_setopt(easy, CURLOPT_POST, 1L);
}

bool client_new(struct client **out, const char *url, const char *own, const char *peer)
{
	struct client *client = calloc(1, sizeof(*client));

	if (!client)
		return kme_failed("a client", "out of memory");
	client->max = etsi014_body_max(KME_BATCH_MAX);
	client->body = malloc(client->max);
	client->easy = curl_easy_init();
	client->headers = curl_slist_append(NULL, "Content-Type: application/json");
	if (!set_up(client, url, own, peer)) {
		client_free(client);
		return kme_failed("a client", "libcurl takes no options");
	}
	*out = client;
	return true;
}

void client_free(struct client *client)
{
	if (!client)
		return;
	curl_easy_cleanup(client->easy);
	curl_slist_free_all(client->headers);
	if (client->body)
		explicit_bzero(client->body, client->max);
	free(client->body);
	free(client);
}

/* Frees @request. */
static bool post(struct client *client, const char *url, char *request, uint64_t *nsec)
{
	long status = 0;
	uint64_t begin;
	CURLcode ret;

	client->len = 0;
	curl_easy_setopt(client->easy, CURLOPT_URL, url);
	curl_easy_setopt(client->easy, CURLOPT_POSTFIELDS, request);
	begin = kme_now();
	ret = curl_easy_perform(client->easy);
	*nsec = kme_now() - begin;
	free(request);
	if (ret)
		return kme_failed(url, curl_easy_strerror(ret));
	curl_easy_getinfo(client->easy, CURLINFO_RESPONSE_CODE, &status);
	return status == 200 || kme_failed(url, "the status is not 200");
}

bool client_draw(struct client *client, size_t number, uint64_t *nsec)
{
	return post(client, client->urls[0], etsi014_enc_body(number, KEY_BITS), nsec);
}

bool client_fetch(struct client *client, const uint8_t id[QKD_KEY_ID_LEN], uint64_t *nsec)
{
	uint8_t ids[1][QKD_KEY_ID_LEN];

	memcpy(ids[0], id, sizeof(ids[0]));
	return post(client, client->urls[1], etsi014_dec_body(ids, 1), nsec);
}

bool client_ids(struct client *client, size_t number, uint8_t (*ids)[QKD_KEY_ID_LEN])
{
	const struct etsi014_wanted wanted = { .number = number, .key_len = KEY_BITS / 8 };
	char message[ETSI014_TEXT_LEN] = "out of memory";
	struct key_list *keys;
	uint64_t nsec;
	bool enough;

	if (!client_draw(client, number, &nsec))
		return false;
	if (etsi014_keys(client->body, client->len, &wanted, &keys, message))
		return kme_failed("keys", message);
	enough = keys->count == number;
	for (size_t i = 0; i < keys->count; i++)
		memcpy(ids[i], keys->keys[i].id, sizeof(ids[i]));
	key_list_free(keys);
	return enough || kme_failed("keys", "too few came");
}
