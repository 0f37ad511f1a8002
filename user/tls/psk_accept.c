// SPDX-License-Identifier: GPL-2.0-or-later
/* Server: from the identities on offer to a key of the source whose binder is right */
#include <errno.h>
#include <string.h>

#include "tls/internal.h"

/* All of it must be what this link's client would write for this hash, with nothing behind it. */
static bool identity_matches(const struct qkdtls_conn *conn, struct qkdtls_cursor identity,
			     enum qkdtls_hash hash, struct qkdtls_cursor *external_id)
{
	const struct qkdtls_config *config = conn->config;
	struct qkdtls_cursor context;
	uint16_t protocol, kdf;

	if (config->psk_mode == QKDTLS_PSK_MODE_EXTERNAL) {
		*external_id = identity;
		return hash == config->psk_hash &&
		       qkdtls_cursor_left(&identity) <= QKDTLS_PSK_ID_MAX;
	}
	return qkdtls_get_vec16(&identity, 1, QKDTLS_PSK_ID_MAX, external_id) &&
	       qkdtls_get_vec16(&identity, sizeof(config->context), sizeof(config->context),
				&context) &&
	       qkdtls_get_u16(&identity, &protocol) && qkdtls_get_u16(&identity, &kdf) &&
	       qkdtls_cursor_empty(&identity) && protocol == QKDTLS_TLS13 &&
	       kdf == qkdtls_psk_kdf(hash) &&
	       !memcmp(context.pos, config->context, sizeof(config->context));
}

static struct qkdtls_cursor binder_at(struct qkdtls_cursor list, size_t index)
{
	struct qkdtls_cursor binder = list;

	for (size_t i = 0; i <= index; i++)
		if (!qkdtls_get_vec8(&list, 0, UINT8_MAX, &binder))
			break;
	return binder;
}

static bool names_same_key(const struct qkdtls_candidate *a, const struct qkdtls_cursor *id)
{
	const size_t len = qkdtls_cursor_left(id);

	return qkdtls_cursor_left(&a->external_id) == len &&
	       !memcmp(a->external_id.pos, id->pos, len);
}

/* At most two keys are looked up for a hello, however many it lists. */
bool qkdtls_psk_match(struct qkdtls_conn *conn, enum qkdtls_hash hash)
{
	struct qkdtls_handshake *hs = conn->hs;
	struct qkdtls_cursor list = hs->hello.identities;
	struct qkdtls_cursor identity, external_id;

	hs->candidate_count = 0;
	for (size_t i = 0;
	     hs->candidate_count < QKDTLS_KEYS_MAX && qkdtls_identity_next(&list, &identity); i++) {
		if (!identity_matches(conn, identity, hash, &external_id) ||
		    (hs->candidate_count && names_same_key(&hs->candidates[0], &external_id)))
			continue;
		hs->candidates[hs->candidate_count++] = (struct qkdtls_candidate){
			.index = (uint16_t)i,
			.identity = identity,
			.external_id = external_id,
			.binder = binder_at(hs->hello.binders, i),
		};
	}
	return hs->candidate_count;
}

void qkdtls_psk_release(struct qkdtls_conn *conn, enum qkdtls_psk_release why)
{
	const struct qkdtls_candidate *held = conn->hs ? conn->hs->held : NULL;

	if (!held)
		return;
	conn->hs->held = NULL;
	if (!conn->hs->held_sealed)
		conn->psk_ops->release(conn->psk_arg, held->external_id.pos,
				       qkdtls_cursor_left(&held->external_id), why);
}

static int psk_find_one(struct qkdtls_conn *conn, const struct qkdtls_candidate *candidate)
{
	const size_t len = qkdtls_cursor_left(&candidate->external_id);
	struct qkdtls_handshake *hs = conn->hs;
	int ret;

	ret = conn->psk_ops->find(conn->psk_arg, candidate->external_id.pos, len, &hs->psk);
	if (ret != QKDTLS_PSK_FOUND)
		return ret;
	hs->held = candidate;
	hs->held_sealed = hs->psk.seal_ops;
	hs->psk_index = candidate->index;
	qkdtls_psk_note(conn, candidate->external_id.pos, len);
	/* The ID it was asked for is the ID it is; what the source wrote there does not matter. */
	memcpy(hs->psk.id, candidate->external_id.pos, len);
	hs->psk.id_len = len;
	if (!qkdtls_psk_well_formed(conn)) {
		qkdtls_psk_release(conn, QKDTLS_PSK_UNUSED);
		qkdtls_psk_wipe(conn);
		return -EINVAL;
	}
	return QKDTLS_PSK_FOUND;
}

/* The first key that is there; one that may still come is waited for only while there is no other. */
static int psk_find(struct qkdtls_conn *conn)
{
	struct qkdtls_handshake *hs = conn->hs;
	int answer = QKDTLS_PSK_NONE, ret;

	if (hs->candidate_count)
		qkdtls_psk_note(conn, hs->candidates[0].external_id.pos,
				qkdtls_cursor_left(&hs->candidates[0].external_id));
	for (size_t i = 0; i < hs->candidate_count; i++) {
		ret = psk_find_one(conn, &hs->candidates[i]);
		if (ret == QKDTLS_PSK_FOUND)
			return ret;
		if (answer != QKDTLS_PSK_PENDING && ret != QKDTLS_PSK_NONE)
			answer = ret;
	}
	return answer;
}

static int psk_check_binder(struct qkdtls_conn *conn, struct qkdtls_cursor identity,
			    struct qkdtls_cursor binder)
{
	struct qkdtls_handshake *hs = conn->hs;
	int ret;

	ret = qkdtls_psk_schedule(conn, hs->suite->hash, identity.pos,
				  qkdtls_cursor_left(&identity), &conn->schedule);
	qkdtls_psk_wipe(conn);
	if (!ret)
		ret = qkdtls_schedule_check_binder(conn->schedule, qkdtls_psk_label(conn),
						   hs->binder_hash, binder.pos,
						   qkdtls_cursor_left(&binder));
	return ret;
}

/*
 * An identity that is not known gets the answer of a wrong binder, after the same work: what the engine
 * does tells nobody which identities there are. (A source that waits for a key takes its time, though.)
 */
static int psk_refuse_unknown(struct qkdtls_conn *conn, const char *reason)
{
	struct qkdtls_handshake *hs = conn->hs;
	struct qkdtls_cursor identity = qkdtls_cursor(hs->client_random, QKDTLS_RANDOM_LEN);

	if (hs->candidate_count)
		identity = hs->candidates[0].identity;
	memset(hs->psk.secret, 0, QKDTLS_PSK_LEN_MIN);
	hs->psk.secret_len = QKDTLS_PSK_LEN_MIN;
	(void)psk_check_binder(conn, identity, binder_at(hs->hello.binders, 0));
	return qkdtls_fail_errno(conn, QKDTLS_ALERT_DECRYPT_ERROR, -ENOKEY, reason);
}

/* Policy prefer: the certificate handshake, which must then hold on its own. */
static int psk_do_without(struct qkdtls_conn *conn)
{
	int ret;

	if (!conn->hs->group->hybrid)
		return qkdtls_fail(conn, QKDTLS_ALERT_INSUFFICIENT_SECURITY,
				   "no key, and no hybrid group to go on without one");
	ret = qkdtls_schedule_new(&conn->schedule, conn->hs->suite->hash);
	if (!ret)
		ret = qkdtls_schedule_early(conn->schedule, NULL, 0);
	return ret ? qkdtls_fail_code(conn, ret, "cannot start a key schedule") : 0;
}

/* Another connection was faster with the same key, say: to this one it is a key that is not there. */
static int psk_lost(struct qkdtls_conn *conn)
{
	return qkdtls_fail_errno(conn, QKDTLS_ALERT_DECRYPT_ERROR, -ENOKEY,
				 "the key may not be used any more");
}

static int psk_commit(struct qkdtls_conn *conn)
{
	const struct qkdtls_candidate *held = conn->hs->held;

	conn->hs->held = NULL;
	if (!conn->hs->held_sealed && conn->psk_ops->commit(conn->psk_arg, held->external_id.pos,
							    qkdtls_cursor_left(&held->external_id)))
		return psk_lost(conn);
	conn->info.psk = true;
	conn->info.sealed = conn->hs->held_sealed;
	conn->info.imported = conn->config->psk_mode == QKDTLS_PSK_MODE_IMPORTED;
	return 0;
}

int qkdtls_psk_accept(struct qkdtls_conn *conn)
{
	int ret;

	if (!conn->hs->psk_tried)
		return psk_do_without(conn);
	ret = psk_find(conn);
	if (ret == QKDTLS_PSK_PENDING)
		return QKDTLS_PENDING;
	if (ret != QKDTLS_PSK_FOUND) {
		qkdtls_psk_wipe(conn);
		if (conn->config->policy == QKDTLS_PREFER)
			return psk_do_without(conn);
		return psk_refuse_unknown(conn, ret == QKDTLS_PSK_NONE ? "unknown PSK identity"
								       : "the key source failed");
	}
	ret = psk_check_binder(conn, conn->hs->held->identity, conn->hs->held->binder);
	if (!ret)
		return psk_commit(conn);
	qkdtls_psk_release(conn, ret == -EBADMSG ? QKDTLS_PSK_MISMATCH : QKDTLS_PSK_UNUSED);
	if (ret == -EBADMSG)
		return qkdtls_fail_errno(conn, QKDTLS_ALERT_DECRYPT_ERROR, -EKEYREJECTED,
					 "wrong PSK binder");
	if (conn->hs->held_sealed && (ret == -ENOKEY || ret == -EKEYREVOKED || ret == -ENODEV))
		return psk_lost(conn);
	return qkdtls_fail_code(conn, ret, "cannot check a PSK binder");
}
