// SPDX-License-Identifier: GPL-2.0-or-later
/* The configuration file of the daemon: the input is the file. */
#include <string.h>

#include "fuzz.h"
#include "qkdtlsd/config.h"

static void check_service(const struct service_config *service)
{
	FUZZ_CHECK(service->name && strlen(service->name) <= CONFIG_NAME_MAX);
	FUZZ_CHECK(service->listen.host[0] && service->connect.port[0] && service->link);
	FUZZ_CHECK(service->mode == QKDTLS_CLIENT || service->certificate);
	FUZZ_CHECK(!service->verify_client || (service->trust && service->peer_name));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *file = fuzz_file("fuzzed.conf", data, size);
	char message[SETTINGS_MESSAGE_LEN];
	struct config *config;
	int ret;

	memset(message, 'x', sizeof(message));
	ret = config_load(file, &config, message);
	FUZZ_CHECK(memchr(message, '\0', sizeof(message)));
	FUZZ_CHECK(ret <= 0 && !ret == !message[0] && !ret == !!config);
	if (config) {
		FUZZ_CHECK(config->services);
		for (struct service_config *s = config->services; s; s = s->next)
			check_service(s);
	}
	config_free(config);
	return 0;
}
