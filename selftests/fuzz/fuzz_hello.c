// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The first bytes of a stranger, as they are.
 *
 *	SCENE ROLE, then the body of a ClientHello (to a server) or ServerHello (to a client)
 */
#include <string.h>

#include "puppet.h"

/* With FUZZ_SEEDS=DIR: what genuine ends say in each scene, as inputs */
static void write_seeds(const char *dir)
{
	static struct forged_message message;
	struct puppet p;
	char path[256];
	FILE *file;

	for (uint8_t i = 0; i < 2 * FUZZ_SCENES; i++) {
		const uint8_t head[] = { i / 2, i & 1 };

		puppet_init(&p, head[0], head[1]);
		if (puppet_next(&p, &message)) {
			snprintf(path, sizeof(path), "%s/scene-%u-%s", dir, head[0],
				 head[1] ? "client-hello" : "server-hello");
			file = fopen(path, "we");
			FUZZ_CHECK(file && fwrite(head, 1, 2, file) == 2 &&
				   fwrite(message.body, 1, message.len, file) == message.len &&
				   !fclose(file));
		}
		puppet_free(&p);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct forged_message message;
	struct fuzz_input in = fuzz_begin(data, size);
	const uint8_t scene = fuzz_u8(&in);
	const enum qkdtls_role role = fuzz_u8(&in) & 1;
	struct puppet p;
	const uint8_t *bytes;

	if (!size && getenv("FUZZ_SEEDS"))
		write_seeds(getenv("FUZZ_SEEDS"));
	puppet_init(&p, scene, role);
	message.type = role == QKDTLS_SERVER ? QKDTLS_MSG_CLIENT_HELLO : QKDTLS_MSG_SERVER_HELLO;
	bytes = fuzz_bytes(&in, sizeof(message.body), &message.len);
	memcpy(message.body, bytes, message.len);
	puppet_give_message(&p, &message, QKDTLS_RECORD_PLAIN_MAX);
	/* Nobody else's hello may end in a connection: there is no Finished to it. */
	FUZZ_CHECK(p.victim->state != QKDTLS_UP);
	puppet_free(&p);
	return 0;
}
