// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The key file of qkdtls and its list of spent keys: a length in two bytes and the latter, then the former. No key
 * comes twice, nor one that the list has, and what the file then says of itself it takes again.
 */
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "fuzz.h"
#include "qkdtls/keys_file.h"

/* A disk that is told to be sure costs more than all else here; messages would be one a run. */
int fsync(int fd)
{
	return 0;
}

int fdatasync(int fd)
{
	return 0;
}

void log_init(const char *program)
{
}

void log_error(const char *format, ...)
{
}

void log_warning(const char *format, ...)
{
}

void log_info(const char *format, ...)
{
}

#define KEYS_MAX 8

static void use_keys(struct keys_file *keys)
{
	struct qkdtls_psk psk[KEYS_MAX], other;
	int count = 0;

	while (count < KEYS_MAX && keys_file_ops.take(keys, &psk[count]) == QKDTLS_PSK_FOUND) {
		FUZZ_CHECK(psk[count].secret_len >= QKDTLS_PSK_LEN_MIN &&
			   psk[count].secret_len <= QKDTLS_PSK_LEN_MAX);
		for (int i = 0; i < count; i++)
			FUZZ_CHECK(memcmp(psk[i].id, psk[count].id, psk[i].id_len));
		FUZZ_CHECK(keys_file_ops.find(keys, psk[count].id, psk[count].id_len, &other));
		count++;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = fuzz_begin(data, size);
	const char *path = pki_path(fuzz_pki(), "keys.spent");
	const uint8_t *bytes;
	struct keys_file *keys;
	size_t len;

	bytes = fuzz_vec(&in, &len);
	if (len)
		fuzz_file("keys.spent", bytes, len);
	else
		unlink(path);
	keys = keys_file_open(fuzz_file("keys", in.pos, in.left));
	if (!keys)
		return 0;
	use_keys(keys);
	keys_file_close(keys);
	keys = keys_file_open(pki_path(fuzz_pki(), "keys"));
	FUZZ_CHECK(keys);
	use_keys(keys);
	keys_file_close(keys);
	return 0;
}
