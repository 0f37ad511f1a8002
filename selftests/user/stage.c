// SPDX-License-Identifier: GPL-2.0-or-later
#include "stage.h"

#include <setjmp.h>
#include <stdarg.h>
#include <cmocka.h>

#include <stdio.h>
#include <string.h>

static void unhex(const char *hex, uint8_t *out)
{
	unsigned int byte;

	for (size_t i = 0; i < QKDTLS_HASH_MAX && sscanf(hex + 2 * i, "%2x", &byte) == 1; i++)
		out[i] = (uint8_t)byte;
}

static void note_secret(void *arg, const char *line)
{
	struct secrets *secrets = arg;
	const char *secret = strrchr(line, ' ') + 1;

	if (!strncmp(line, "CLIENT_HANDSHAKE_TRAFFIC_SECRET ", 32))
		unhex(secret, secrets->client);
	else if (!strncmp(line, "SERVER_HANDSHAKE_TRAFFIC_SECRET ", 32))
		unhex(secret, secrets->server);
}

void stage_note(struct stage *stage, const struct forged_message *message)
{
	uint8_t *at = stage->before + stage->before_len;

	assert_in_range(stage->before_len + 4 + message->len, 0, sizeof(stage->before));
	at[0] = message->type;
	at[1] = (uint8_t)(message->len >> 16);
	at[2] = (uint8_t)(message->len >> 8);
	at[3] = (uint8_t)message->len;
	memcpy(at + 4, message->body, message->len);
	stage->before_len += 4 + message->len;
}

/* The first message of the output */
static void note_output(struct stage *stage, const struct qkdtls_conn *conn)
{
	static struct forged_message message;
	const uint8_t *data;
	size_t len;

	data = qkdtls_output(conn, &len);
	forge_read_plain(data, len, &message);
	stage_note(stage, &message);
}

static size_t record_len(const uint8_t *record)
{
	return 5 + (size_t)(record[3] << 8 | record[4]);
}

void stage_move(struct qkdtls_conn *from, struct qkdtls_conn *to)
{
	const uint8_t *data;
	size_t len;

	assert_int_equal(qkdtls_handshake(from), QKDTLS_WANT_WRITE);
	data = qkdtls_output(from, &len);
	assert_int_equal(forge_feed(to, data, len), len);
	qkdtls_output_sent(from, len);
}

void stage_server_flight(struct pki *pki, struct stage *stage, const struct site_options *options)
{
	struct qkdtls_config *client = site_config(pki, QKDTLS_CLIENT, options);
	struct qkdtls_config *server = site_config(pki, QKDTLS_SERVER, options);
	const uint8_t *data;
	size_t len, hello;

	memset(stage, 0, sizeof(*stage));
	assert_int_equal(qkdtls_config_set_keylog(server, note_secret, &stage->secrets), 0);
	loopback_init(&stage->lb, client, server);
	qkdtls_config_unref(client);
	qkdtls_config_unref(server);
	assert_int_equal(qkdtls_handshake(stage->lb.end[QKDTLS_CLIENT]), QKDTLS_WANT_WRITE);
	note_output(stage, stage->lb.end[QKDTLS_CLIENT]);
	stage_move(stage->lb.end[QKDTLS_CLIENT], stage->lb.end[QKDTLS_SERVER]);
	assert_int_equal(qkdtls_handshake(stage->lb.end[QKDTLS_SERVER]), QKDTLS_WANT_WRITE);
	note_output(stage, stage->lb.end[QKDTLS_SERVER]);
	data = qkdtls_output(stage->lb.end[QKDTLS_SERVER], &len);
	hello = record_len(data);
	stage->suite = qkdtls_suite_find(qkdtls_info(stage->lb.end[QKDTLS_SERVER])->suite);
	forge_open_flight(stage->suite, stage->secrets.server, data + hello, len - hello,
			  &stage->flight);
	assert_int_equal(forge_feed(stage->lb.end[QKDTLS_CLIENT], data, hello), hello);
}

void stage_client_flight(struct pki *pki, struct stage *stage, const struct site_options *options)
{
	const uint8_t *data;
	size_t len;

	stage_server_flight(pki, stage, options);
	for (size_t i = 0; i < stage->flight.count; i++)
		stage_note(stage, &stage->flight.message[i]);
	data = qkdtls_output(stage->lb.end[QKDTLS_SERVER], &len);
	assert_int_equal(forge_feed(stage->lb.end[QKDTLS_CLIENT], data + record_len(data),
				    len - record_len(data)),
			 len - record_len(data));
	qkdtls_output_sent(stage->lb.end[QKDTLS_SERVER], len);
	assert_int_equal(qkdtls_handshake(stage->lb.end[QKDTLS_CLIENT]), QKDTLS_WANT_WRITE);
	data = qkdtls_output(stage->lb.end[QKDTLS_CLIENT], &len);
	forge_open_flight(stage->suite, stage->secrets.client, data, len, &stage->flight);
}
