// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * SOURCES: tls/psk_accept.c tls/psk.c tls/buf.c stand_engine.c stand_memcmp.c
 * UNWIND: 5
 * BOUND: up to 3 identities of up to 64 (imported) or 264 bytes each, binders of up to 16
 * VARIANTS: IMPORTED EXTERNAL
 */
#include "prove.h"

#define GLUE2(a, b) a##b
#define GLUE(a, b)  GLUE2(a, b)

static int identities_left = 3;

/* In ext_psk.c; where in the list they stand does not matter here. */
bool qkdtls_identity_next(struct qkdtls_cursor *list, struct qkdtls_cursor *identity)
{
	check(sound(list), "identities are a sound cursor");
	if (!identities_left || nondet_bool())
		return false;
	identities_left--;
	*identity = any_part(*list);
	return !qkdtls_cursor_empty(identity);
}

static void check_candidate(const struct qkdtls_candidate *candidate)
{
	check(sound(&candidate->identity) && sound(&candidate->external_id) &&
		      sound(&candidate->binder),
	      "what is kept is sound");
	check(qkdtls_cursor_left(&candidate->external_id) <= QKDTLS_PSK_ID_MAX,
	      "an ID is not too long");
}

void harness(void)
{
	struct qkdtls_config config;
	struct qkdtls_handshake hs;
	struct qkdtls_conn conn = { .config = &config, .hs = &hs };

	config.psk_mode = GLUE(QKDTLS_PSK_MODE_, VARIANT);
	hs.hello.identities = any_input(config.psk_mode == QKDTLS_PSK_MODE_IMPORTED ? 64 : 264);
	hs.hello.binders = any_input(16);
	if (!qkdtls_psk_match(&conn, nondet_bool() ? QKDTLS_SHA256 : QKDTLS_SHA384))
		return;
	check_candidate(&hs.candidates[0]);
	if (hs.candidate_count == 1)
		return;
	check(hs.candidate_count == QKDTLS_KEYS_MAX, "candidates are not too many");
	check_candidate(&hs.candidates[1]);
	REACHED(hs.candidates[1].index == 2, "a second key is found, and is not the next");
}
