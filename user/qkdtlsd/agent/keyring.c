// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <unistd.h>
#include <linux/keyctl.h>
#include <sys/syscall.h>

#include "qkdtlsd/agent/keyring.h"

#define DESCRIPTION_LEN 64
#define FINGERPRINT_LEN 64

static int32_t add_key(const char *type, const char *description, const uint8_t *der, size_t len)
{
	const long serial =
		syscall(SYS_add_key, type, description, der, len, KEY_SPEC_PROCESS_KEYRING);

	return serial < 0 ? -errno : (int32_t)serial;
}

int32_t keyring_put_certificate(const char *name, const uint8_t *der, size_t len)
{
	char description[DESCRIPTION_LEN];
	int32_t serial;

	snprintf(description, sizeof(description), "qkdtlsd:%s", name);
	serial = add_key("asymmetric", description, der, len);
	if (serial >= 0)
		return serial;
	/* Of a kind that the kernel does not know: the end of its signature tells it from others and fits into any quota. */
	if (len > FINGERPRINT_LEN) {
		der += len - FINGERPRINT_LEN;
		len = FINGERPRINT_LEN;
	}
	return add_key("user", description, der, len);
}
