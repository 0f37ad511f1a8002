// SPDX-License-Identifier: GPL-2.0-or-later
/* What lives only as long as the handshake */
#include <errno.h>
#include <stdlib.h>

#include "tls/crypto_random.h"
#include "tls/internal.h"

#define COOKIE_MAX 4096
#define HELLO_MAX  (4 + QKDTLS_CLIENT_HELLO_MAX) /* with its header */

int qkdtls_handshake_new(struct qkdtls_conn *conn)
{
	struct qkdtls_handshake *hs = calloc(1, sizeof(*hs));

	if (!hs)
		return -ENOMEM;
	hs->scratch = malloc(QKDTLS_MESSAGE_MAX);
	if (!hs->scratch) {
		free(hs);
		return -ENOMEM;
	}
	qkdtls_transcript_init(&hs->transcript);
	qkdtls_buf_init(&hs->hello_raw, HELLO_MAX);
	qkdtls_buf_init(&hs->first_raw, HELLO_MAX);
	qkdtls_buf_init(&hs->cookie, COOKIE_MAX);
	hs->suites = conn->config->suites;
	hs->groups = conn->config->groups;
	conn->hs = hs;
	return 0;
}

void qkdtls_handshake_free(struct qkdtls_conn *conn)
{
	struct qkdtls_handshake *hs = conn->hs;

	if (!hs)
		return;
	qkdtls_psk_release(conn, QKDTLS_PSK_UNUSED);
	qkdtls_psk_wipe(conn);
	conn->hs = NULL;
	for (size_t i = 0; i < hs->offer_count; i++)
		qkdtls_schedule_free(hs->offers[i].schedule);
	qkdtls_kex_free(hs->kex);
	qkdtls_transcript_free(&hs->transcript);
	qkdtls_buf_free(&hs->hello_raw);
	qkdtls_buf_free(&hs->first_raw);
	qkdtls_buf_free(&hs->cookie);
	free(hs->scratch); /* all that was in it went over the wire */
	qkdtls_wipe(hs, sizeof(*hs));
	free(hs);
}
