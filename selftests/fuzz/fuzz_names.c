// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Texts of a configuration: WHICH, then the text. What is refused says why; what is taken makes a connection or a
 * complaint, never a surprise.
 */
#include <string.h>

#include "common/address.h"
#include "common/hex.h"
#include "common/number.h"
#include "fuzz.h"
#include "qkd/libqkd.h"

typedef int (*set_fn)(struct qkdtls_config *config, const char *text);

static int set_groups(struct qkdtls_config *config, const char *text)
{
	return qkdtls_config_set_groups(config, text, true);
}

static int set_hybrid_groups(struct qkdtls_config *config, const char *text)
{
	const int ret = qkdtls_config_set_groups(config, text, false);

	for (size_t i = 0; !ret && i < config->groups.count; i++)
		FUZZ_CHECK(config->groups.item[i]->hybrid);
	return ret;
}

static const set_fn setters[] = {
	set_groups,
	set_hybrid_groups,
	qkdtls_config_set_ciphers,
	qkdtls_config_set_peer_name,
	qkdtls_config_set_signatures,
	qkdtls_config_set_alpn,
};

static void parse_other(const char *text, uint8_t which)
{
	uint8_t context[QKDTLS_LINK_CONTEXT_LEN], bytes[64];
	struct address address;
	uint32_t number;

	switch (which % 5) {
	case 0:
		(void)qkdtls_link_context(text, "zurich", context);
		break;
	case 1:
		if (!address_parse(text, &address))
			FUZZ_CHECK(strlen(address.port) < sizeof(address.port));
		break;
	case 2:
		if (!number_parse(text, 3, 70000, &number))
			FUZZ_CHECK(number >= 3 && number <= 70000);
		break;
	case 3:
		FUZZ_CHECK(hex_decode(text, strlen(text), bytes, sizeof(bytes)) <= 64);
		break;
	default:
		if (!qkd_id_parse(text, bytes))
			FUZZ_CHECK(strlen(text) == QKD_ID_TEXT_LEN);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_input in = fuzz_begin(data, size);
	const uint8_t which = fuzz_u8(&in);
	struct qkdtls_config *config;
	char *text = fuzz_text(&in);
	int ret;

	if (which & 0x80) {
		parse_other(text, which & 0x7f);
	} else {
		config = qkdtls_config_new();
		FUZZ_CHECK(config);
		ret = setters[which % ARRAY_SIZE(setters)](config, text);
		FUZZ_CHECK(ret <= 0 && !ret == !qkdtls_config_message(config)[0]);
		qkdtls_config_unref(config);
	}
	free(text);
	return 0;
}
