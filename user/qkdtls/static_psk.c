// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdlib.h>
#include <string.h>
#include <openssl/crypto.h>

#include "common/file.h"
#include "common/hex.h"
#include "common/log.h"
#include "qkdtls/static_psk.h"

#define FILE_MAX 4096

struct static_psk {
	struct qkdtls_psk psk;
};

static int secret_read(struct qkdtls_psk *psk, const char *path)
{
	size_t text_len;
	char *text;
	int len, ret = file_read_secret(path, FILE_MAX, &text, &text_len);

	if (ret) {
		log_error("%s: %s", path, file_problem(ret));
		return ret;
	}
	len = hex_decode(text, strcspn(text, " \t\r\n"), psk->secret, sizeof(psk->secret));
	if (text[strcspn(text, " \t\r\n") + strspn(text + strcspn(text, " \t\r\n"), " \t\r\n")])
		len = -1;
	file_free(text, text_len);
	if (len < QKDTLS_PSK_LEN_MIN) {
		log_error("%s: does not hold one key of 16 to 64 bytes in hexadecimal", path);
		return -1;
	}
	psk->secret_len = (size_t)len;
	return 0;
}

struct static_psk *static_psk_open(const char *path, const char *identity)
{
	struct static_psk *psk = calloc(1, sizeof(*psk));

	if (!psk)
		return NULL;
	psk->psk.id_len = strlen(identity);
	if (psk->psk.id_len > sizeof(psk->psk.id) || secret_read(&psk->psk, path)) {
		static_psk_close(psk);
		return NULL;
	}
	memcpy(psk->psk.id, identity, psk->psk.id_len);
	return psk;
}

void static_psk_close(struct static_psk *psk)
{
	if (!psk)
		return;
	OPENSSL_cleanse(psk, sizeof(*psk));
	free(psk);
}

static int static_take(void *arg, struct qkdtls_psk *psk)
{
	const struct static_psk *source = arg;

	*psk = source->psk;
	return QKDTLS_PSK_FOUND;
}

static int static_find(void *arg, const uint8_t *id, size_t id_len, struct qkdtls_psk *psk)
{
	const struct static_psk *source = arg;

	if (id_len != source->psk.id_len || CRYPTO_memcmp(id, source->psk.id, id_len))
		return QKDTLS_PSK_NONE;
	*psk = source->psk;
	return QKDTLS_PSK_FOUND;
}

static int static_commit(void *arg, const uint8_t *id, size_t id_len)
{
	return 0;
}

static void static_release(void *arg, const uint8_t *id, size_t id_len, enum qkdtls_psk_release why)
{
}

const struct qkdtls_psk_ops static_psk_ops = {
	.take = static_take,
	.find = static_find,
	.commit = static_commit,
	.release = static_release,
};
