// SPDX-License-Identifier: GPL-2.0-or-later
/* Stands for the connection that a handler is given. */
#include "prove.h"

/* A list of any length; that its items are one and the same item, of any content, is no matter for memory. */
#define ANY_ITEMS(list)                                               \
	do {                                                          \
		void *any_item = any_bytes(sizeof(*(list)->item[0])); \
                                                                      \
		assume((list)->count <= QKDTLS_LIST_MAX);             \
		for (size_t i = 0; i < QKDTLS_LIST_MAX; i++)          \
			(list)->item[i] = any_item;                   \
	} while (0)

static struct qkdtls_config *any_config(void)
{
	struct qkdtls_config *config = (struct qkdtls_config *)any_bytes(sizeof(*config));

	assume(config->policy <= QKDTLS_PSK_ONLY && config->psk_mode <= QKDTLS_PSK_MODE_EXTERNAL);
	assume(config->psk_hash <= QKDTLS_SHA384);
	ANY_ITEMS(&config->suites);
	ANY_ITEMS(&config->groups);
	ANY_ITEMS(&config->schemes);
	return config;
}

struct qkdtls_conn *any_conn(void)
{
	const struct qkdtls_buf empty = { .limit = QKDTLS_MESSAGE_MAX };
	struct qkdtls_conn *conn = (struct qkdtls_conn *)any_bytes(sizeof(*conn));
	struct qkdtls_handshake *hs = (struct qkdtls_handshake *)any_bytes(sizeof(*hs));
	struct qkdtls_suite *suite = (struct qkdtls_suite *)any_bytes(sizeof(*suite));
	struct qkdtls_group *group = (struct qkdtls_group *)any_bytes(sizeof(*group));

	assume(suite->hash <= QKDTLS_SHA384);
	conn->config = any_config();
	conn->hs = hs;
	conn->suite = suite;
	conn->chain = NULL;
	conn->failed = false;
	assume(conn->role == QKDTLS_CLIENT || conn->role == QKDTLS_SERVER);
	conn->messages = empty;
	hs->suite = suite;
	hs->group = group;
	hs->suites = conn->config->suites;
	hs->groups = conn->config->groups;
	hs->offer_count = 0;
	assume(hs->session_id_len <= QKDTLS_SESSION_ID_LEN);
	memset(&hs->hello, 0, sizeof(hs->hello));
	hs->hello_raw = empty;
	hs->first_raw = empty;
	hs->cookie = empty;
	return conn;
}

struct qkdtls_incoming any_message(size_t max)
{
	const struct qkdtls_cursor raw = any_input(max);
	const size_t len = qkdtls_cursor_left(&raw), header = 4;

	assume(header <= len);
	return (struct qkdtls_incoming){
		.raw = raw.pos,
		.raw_len = len,
		.body = qkdtls_cursor(raw.pos + header, len - header),
	};
}
