// SPDX-License-Identifier: GPL-2.0-or-later
/* A KME's answer: the first byte says what was asked, the rest is the body. */
#include <errno.h>
#include <string.h>

#include "fuzz.h"
#include "qkdkmed/etsi014.h"
#include "qkdkmed/veil.h"

static const uint8_t ids[][QKD_KEY_ID_LEN] = {
	{ 0xc0, 0x69, 0x8e, 0x3f, 0xc2, 0xd1, 0x45, 0x69, 0x89, 0xc1, 0xa1, 0x2a, 0x24, 0x65, 0x0d,
	  0x38 },
	{ 0 },
};

static void check_message(int ret, const char message[ETSI014_TEXT_LEN])
{
	FUZZ_CHECK(ret == 0 || ret == -EBADMSG);
	FUZZ_CHECK(memchr(message, '\0', ETSI014_TEXT_LEN));
	FUZZ_CHECK(!ret == !message[0]);
}

static void check_keys(const char *text, size_t len, bool by_id)
{
	const struct etsi014_wanted wanted = {
		.number = 2,
		.key_len = 32,
		.ids = by_id ? ids : NULL,
	};
	char message[ETSI014_TEXT_LEN] = "";
	struct key_list *keys;
	int ret = etsi014_keys(text, len, &wanted, &keys, message);

	check_message(ret, message);
	FUZZ_CHECK(!ret == !!keys);
	if (!keys)
		return;
	FUZZ_CHECK(keys->count <= wanted.number);
	for (size_t i = 0; i < keys->count; i++) {
		FUZZ_CHECK(keys->keys[i].len == 32);
		FUZZ_CHECK(!by_id || !memcmp(keys->keys[i].id, ids[0], QKD_KEY_ID_LEN) ||
			   !memcmp(keys->keys[i].id, ids[1], QKD_KEY_ID_LEN));
		FUZZ_CHECK(key_list_find(keys, keys->keys[i].id) == &keys->keys[i]);
	}
	key_list_free(keys);
}

static void check_status(const char *text, size_t len)
{
	struct etsi014_status status;
	char message[ETSI014_TEXT_LEN] = "";

	check_message(etsi014_status(text, len, &status, message), message);
}

static void check_error(const char *text, size_t len)
{
	char message[ETSI014_TEXT_LEN];

	etsi014_error(text, len, message);
	for (const char *c = message; *c; c++)
		FUZZ_CHECK(*c >= ' ' && *c <= '~');
	FUZZ_CHECK(strlen(message) < ETSI014_TEXT_LEN);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	/* On the heap and without an end, as it comes from the connection */
	char *text = malloc(size + 1);
	const size_t len = size ? size - 1 : 0;

	if (!text)
		return 0;
	if (len)
		memcpy(text, data + 1, len);
	switch (size ? data[0] % 4 : 0) {
	case 0:
		check_keys(text, len, false);
		break;
	case 1:
		check_keys(text, len, true);
		break;
	case 2:
		check_status(text, len);
		break;
	default:
		check_error(text, len);
		break;
	}
	free(text);
	return 0;
}
