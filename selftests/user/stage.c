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

/* ---- Changes to a flight ---- */

size_t stage_find(const struct forged_flight *flight, uint8_t type)
{
	for (size_t i = 0; i < flight->count; i++)
		if (flight->message[i].type == type)
			return i;
	fail_msg("message %u is not in the flight", type);
	return 0;
}

static void insert_message(struct forged_flight *flight, size_t at, uint8_t type,
			   const uint8_t *bytes, size_t len)
{
	struct forged_message *message = &flight->message[at];

	assert_in_range(flight->count, 0, FORGE_FLIGHT_MAX - 1);
	memmove(message + 1, message, (flight->count - at) * sizeof(*message));
	flight->count++;
	message->type = type;
	message->len = len;
	if (len)
		memcpy(message->body, bytes, len);
}

static void take_message(struct forged_flight *flight, size_t at)
{
	flight->count--;
	memmove(&flight->message[at], &flight->message[at + 1],
		(flight->count - at) * sizeof(flight->message[0]));
}

static void extend_entry(struct forged_message *message, const struct change *change)
{
	const size_t list = (size_t)(message->body[2] << 8 | message->body[3]) + change->len;

	assert_int_equal(message->body[message->len - 1], 0);
	assert_in_range(list, 0, 0xffff);
	message->body[2] = (uint8_t)(list >> 8);
	message->body[3] = (uint8_t)list;
	message->body[message->len - 1] = (uint8_t)change->len;
	memcpy(message->body + message->len, change->bytes, change->len);
	message->len += change->len;
}

static void change_body(struct forged_message *message, const struct change *change)
{
	switch (change->op) {
	case REPLACE:
	case APPEND:
		if (change->op == REPLACE)
			message->len = 0;
		memcpy(message->body + message->len, change->bytes, change->len);
		message->len += change->len;
		break;
	case EXTEND:
		extend_entry(message, change);
		break;
	case CUT_OFF:
		message->len -= (size_t)change->at;
		break;
	default:
		message->body[change->at < 0 ? message->len - (size_t)-change->at
					     : (size_t)change->at] ^= 1;
	}
}

void stage_change(struct forged_flight *flight, const struct change *change)
{
	static struct forged_message copy;
	size_t at;

	if (change->op == KEEP)
		return;
	at = stage_find(flight, change->type);
	switch (change->op) {
	case TAKE_OUT:
		take_message(flight, at);
		break;
	case DOUBLE:
		copy = flight->message[at];
		insert_message(flight, at, copy.type, copy.body, copy.len);
		break;
	case BEFORE:
		insert_message(flight, at, change->other, change->bytes, change->len);
		break;
	case AFTER:
		insert_message(flight, at + 1, change->other, change->bytes, change->len);
		break;
	default:
		change_body(&flight->message[at], change);
	}
}
