// SPDX-License-Identifier: GPL-2.0-or-later
/* Requests. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "qkdkmed/etsi014.h"

const char *etsi014_call_name(enum etsi014_call call)
{
	static const char *const names[] = {
		[ETSI014_STATUS] = "status",
		[ETSI014_ENC_KEYS] = "enc_keys",
		[ETSI014_DEC_KEYS] = "dec_keys",
	};

	return names[call];
}

/* Characters that stand for themselves in a segment of a path (RFC 3986 section 2.3) */
static const char unreserved[] =
	"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~";

int etsi014_url(char url[ETSI014_URL_LEN], const char *base, const char *sae,
		enum etsi014_call call)
{
	char segment[3 * QKD_SAE_ID_LEN_MAX + 1];
	size_t len = 0;
	int n;

	for (; *sae; sae++) {
		if (len + 3 >= sizeof(segment))
			return -EMSGSIZE;
		if (strchr(unreserved, *sae))
			segment[len++] = *sae;
		else
			len += (size_t)snprintf(segment + len, sizeof(segment) - len, "%%%02X",
						(unsigned char)*sae);
	}
	segment[len] = '\0';
	n = snprintf(url, ETSI014_URL_LEN, "%s/api/v1/keys/%s/%s", base, segment,
		     etsi014_call_name(call));
	return n > 0 && n < ETSI014_URL_LEN ? 0 : -EMSGSIZE;
}

int etsi014_enc_query(char url[ETSI014_URL_LEN], size_t number, unsigned int bits)
{
	const size_t len = strlen(url);
	int n = snprintf(url + len, ETSI014_URL_LEN - len, "?number=%zu&size=%u", number, bits);

	return n > 0 && (size_t)n < ETSI014_URL_LEN - len ? 0 : -EMSGSIZE;
}

int etsi014_dec_query(char url[ETSI014_URL_LEN], const uint8_t id[QKD_KEY_ID_LEN])
{
	const size_t len = strlen(url);
	char text[QKD_ID_TEXT_LEN + 1];
	int n;

	qkd_id_format(id, text);
	n = snprintf(url + len, ETSI014_URL_LEN - len, "?key_ID=%s", text);
	return n > 0 && (size_t)n < ETSI014_URL_LEN - len ? 0 : -EMSGSIZE;
}

char *etsi014_enc_body(size_t number, unsigned int bits)
{
	char *body;

	return asprintf(&body, "{\"number\":%zu,\"size\":%u}", number, bits) < 0 ? NULL : body;
}

char *etsi014_dec_body(const uint8_t (*ids)[QKD_KEY_ID_LEN], size_t count)
{
	char text[QKD_ID_TEXT_LEN + 1], *body;
	size_t size;
	FILE *out = open_memstream(&body, &size);

	if (!out)
		return NULL;
	fputs("{\"key_IDs\":[", out);
	for (size_t i = 0; i < count; i++) {
		qkd_id_format(ids[i], text);
		fprintf(out, "%s{\"key_ID\":\"%s\"}", i ? "," : "", text);
	}
	fputs("]}", out);
	if (!fclose(out))
		return body;
	free(body);
	return NULL;
}

size_t etsi014_body_max(size_t number)
{
	return ETSI014_BODY_BASE + number * ETSI014_BODY_PER_KEY;
}
