// SPDX-License-Identifier: GPL-2.0-or-later
/* Pre-shared keys: from the source into offers (client), from an offer to the source (server) */
#include <errno.h>
#include <string.h>

#include "tls/crypto_random.h"
#include "tls/internal.h"

/* TLS KDF identifiers (RFC 9258 section 4) */
#define KDF_HKDF_SHA256 1
#define KDF_HKDF_SHA384 2

static uint16_t kdf_of(enum qkdtls_hash hash)
{
	return hash == QKDTLS_SHA256 ? KDF_HKDF_SHA256 : KDF_HKDF_SHA384;
}

static enum qkdtls_binder binder_label(const struct qkdtls_conn *conn)
{
	return conn->config->psk_mode == QKDTLS_PSK_MODE_IMPORTED ? QKDTLS_BINDER_IMPORTED
								  : QKDTLS_BINDER_EXTERNAL;
}

static void psk_wipe(struct qkdtls_conn *conn)
{
	qkdtls_wipe(&conn->hs->psk, sizeof(conn->hs->psk));
}

static bool psk_well_formed(const struct qkdtls_psk *psk)
{
	return psk->secret_len >= QKDTLS_PSK_LEN_MIN && psk->secret_len <= QKDTLS_PSK_LEN_MAX &&
	       psk->id_len && psk->id_len <= QKDTLS_PSK_ID_MAX;
}

static void note_id(struct qkdtls_conn *conn, const uint8_t *id, size_t len)
{
	memcpy(conn->info.psk_id, id, len);
	conn->info.psk_id_len = len;
}

/* A schedule that starts with this key, as the configuration says. */
static int psk_schedule(const struct qkdtls_conn *conn, enum qkdtls_hash hash,
			const struct qkdtls_psk *psk, const uint8_t *identity, size_t identity_len,
			struct qkdtls_schedule **schedule)
{
	int ret = qkdtls_schedule_new(schedule, hash);

	if (ret)
		return ret;
	if (conn->config->psk_mode == QKDTLS_PSK_MODE_IMPORTED)
		ret = qkdtls_schedule_import(*schedule, QKDTLS_SHA256, psk->secret, psk->secret_len,
					     identity, identity_len);
	else
		ret = qkdtls_schedule_early(*schedule, psk->secret, psk->secret_len);
	if (ret) {
		qkdtls_schedule_free(*schedule);
		*schedule = NULL;
	}
	return ret;
}

/* ---- Client ---- */

static bool write_identity(const struct qkdtls_conn *conn, enum qkdtls_hash hash,
			   struct qkdtls_offer *offer)
{
	const struct qkdtls_psk *psk = &conn->hs->psk;
	struct qkdtls_writer w;
	struct qkdtls_mark mark;

	qkdtls_writer_init(&w, offer->identity, sizeof(offer->identity));
	if (conn->config->psk_mode == QKDTLS_PSK_MODE_EXTERNAL) {
		qkdtls_put_bytes(&w, psk->id, psk->id_len);
	} else {
		mark = qkdtls_put_open(&w, 2);
		qkdtls_put_bytes(&w, psk->id, psk->id_len);
		qkdtls_put_close(&w, mark);
		mark = qkdtls_put_open(&w, 2);
		qkdtls_put_bytes(&w, conn->config->context, sizeof(conn->config->context));
		qkdtls_put_close(&w, mark);
		qkdtls_put_u16(&w, QKDTLS_TLS13);
		qkdtls_put_u16(&w, kdf_of(hash));
	}
	offer->identity_len = w.len;
	return qkdtls_writer_ok(&w);
}

static int psk_add_offer(struct qkdtls_conn *conn, enum qkdtls_hash hash)
{
	struct qkdtls_handshake *hs = conn->hs;
	struct qkdtls_offer *offer = &hs->offers[hs->offer_count];
	int ret;

	for (size_t i = 0; i < hs->offer_count; i++)
		if (qkdtls_schedule_hash(hs->offers[i].schedule) == hash)
			return 0;
	if (hs->offer_count == QKDTLS_OFFERS_MAX || !write_identity(conn, hash, offer))
		return qkdtls_fail_code(conn, -EMSGSIZE, "cannot write a PSK identity");
	ret = psk_schedule(conn, hash, &hs->psk, offer->identity, offer->identity_len,
			   &offer->schedule);
	if (ret)
		return qkdtls_fail_code(conn, ret, "cannot start a key schedule");
	hs->offer_count++;
	return 0;
}

static int psk_make_offers(struct qkdtls_conn *conn)
{
	struct qkdtls_handshake *hs = conn->hs;
	int ret = 0;

	if (conn->config->psk_mode == QKDTLS_PSK_MODE_EXTERNAL)
		return psk_add_offer(conn, conn->config->psk_hash);
	for (size_t i = 0; i < hs->suites.count && !ret; i++)
		ret = psk_add_offer(conn, hs->suites.item[i]->hash);
	return ret;
}

/* Suites of another hash could not be used with the key, so a policy that insists on it leaves them out. */
static void drop_unfit_suites(struct qkdtls_conn *conn)
{
	struct qkdtls_suite_list *suites = &conn->hs->suites;
	size_t kept = 0;

	if (conn->config->psk_mode != QKDTLS_PSK_MODE_EXTERNAL ||
	    conn->config->policy == QKDTLS_PREFER)
		return;
	for (size_t i = 0; i < suites->count; i++)
		if (suites->item[i]->hash == conn->config->psk_hash)
			suites->item[kept++] = suites->item[i];
	suites->count = kept;
}

/* Without a key there is nothing but the key exchange to withstand a quantum computer. */
static int psk_go_without(struct qkdtls_conn *conn, const char *reason)
{
	struct qkdtls_group_list *groups = &conn->hs->groups;
	size_t kept = 0;

	if (conn->config->policy != QKDTLS_PREFER)
		return qkdtls_fail_errno(conn, QKDTLS_ALERT_NONE, -ENOKEY, reason);
	for (size_t i = 0; i < groups->count; i++)
		if (groups->item[i]->hybrid)
			groups->item[kept++] = groups->item[i];
	groups->count = kept;
	if (!kept)
		return qkdtls_fail_errno(conn, QKDTLS_ALERT_NONE, -ENOKEY,
					 "no key, and no hybrid group to go on without one");
	return 0;
}

int qkdtls_psk_take(struct qkdtls_conn *conn)
{
	struct qkdtls_psk *psk = &conn->hs->psk;
	int ret = QKDTLS_PSK_NONE;

	if (conn->psk_ops && conn->config->psk_mode != QKDTLS_PSK_MODE_NONE)
		ret = conn->psk_ops->take(conn->psk_arg, psk);
	if (ret == QKDTLS_PSK_PENDING)
		return QKDTLS_PENDING;
	if (ret == QKDTLS_PSK_NONE)
		return psk_go_without(conn, "no key to offer");
	if (ret != QKDTLS_PSK_FOUND || !psk_well_formed(psk)) {
		psk_wipe(conn);
		return psk_go_without(conn, "the key source failed");
	}
	note_id(conn, psk->id, psk->id_len);
	drop_unfit_suites(conn);
	ret = psk_make_offers(conn);
	psk_wipe(conn);
	return ret;
}

void qkdtls_psk_keep_hash(struct qkdtls_conn *conn, enum qkdtls_hash hash)
{
	struct qkdtls_handshake *hs = conn->hs;
	size_t kept = 0;

	for (size_t i = 0; i < hs->offer_count; i++) {
		if (qkdtls_schedule_hash(hs->offers[i].schedule) == hash)
			hs->offers[kept++] = hs->offers[i];
		else
			qkdtls_schedule_free(hs->offers[i].schedule);
	}
	for (size_t i = kept; i < hs->offer_count; i++)
		hs->offers[i].schedule = NULL;
	hs->offer_count = kept;
}

static size_t binders_len(const struct qkdtls_handshake *hs)
{
	size_t len = sizeof(uint16_t);

	for (size_t i = 0; i < hs->offer_count; i++)
		len += 1 + qkdtls_hash_len(qkdtls_schedule_hash(hs->offers[i].schedule));
	return len;
}

int qkdtls_psk_write_binders(struct qkdtls_conn *conn, const struct qkdtls_writer *w)
{
	struct qkdtls_handshake *hs = conn->hs;
	const size_t truncated = w->len - binders_len(hs);
	struct qkdtls_writer binders;
	uint8_t hash[QKDTLS_HASH_MAX];
	uint8_t *binder;
	int ret = 0;

	qkdtls_writer_init(&binders, w->data + truncated, w->len - truncated);
	qkdtls_put_u16(&binders, (uint16_t)(binders.size - sizeof(uint16_t)));
	for (size_t i = 0; i < hs->offer_count && !ret; i++) {
		const enum qkdtls_hash psk_hash = qkdtls_schedule_hash(hs->offers[i].schedule);

		ret = qkdtls_transcript_binder(&hs->transcript, psk_hash, w->data, truncated, hash);
		qkdtls_put_u8(&binders, (uint8_t)qkdtls_hash_len(psk_hash));
		binder = qkdtls_put_room(&binders, qkdtls_hash_len(psk_hash));
		if (!ret)
			ret = binder ? qkdtls_schedule_binder(hs->offers[i].schedule,
							      binder_label(conn), hash, binder)
				     : -EMSGSIZE;
	}
	return ret ? qkdtls_fail_code(conn, ret, "cannot compute a PSK binder") : 0;
}

int qkdtls_psk_chosen(struct qkdtls_conn *conn, bool none, uint16_t index)
{
	struct qkdtls_handshake *hs = conn->hs;
	int ret = 0;

	if (!none) {
		conn->schedule = hs->offers[index].schedule;
		hs->offers[index].schedule = NULL;
	} else {
		ret = qkdtls_schedule_new(&conn->schedule, hs->suite->hash);
		if (!ret)
			ret = qkdtls_schedule_early(conn->schedule, NULL, 0);
	}
	for (size_t i = 0; i < hs->offer_count; i++) {
		qkdtls_schedule_free(hs->offers[i].schedule);
		hs->offers[i].schedule = NULL;
	}
	return ret ? qkdtls_fail_code(conn, ret, "cannot start a key schedule") : 0;
}

/* ---- Server ---- */

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
	       qkdtls_cursor_empty(&identity) && protocol == QKDTLS_TLS13 && kdf == kdf_of(hash) &&
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

/* The first that fits, and only that one: a hello makes the source look up one key. */
bool qkdtls_psk_match(struct qkdtls_conn *conn, enum qkdtls_hash hash)
{
	struct qkdtls_handshake *hs = conn->hs;
	struct qkdtls_cursor list = hs->hello.identities;
	struct qkdtls_cursor identity, external_id;

	for (size_t i = 0; qkdtls_identity_next(&list, &identity); i++) {
		if (!identity_matches(conn, identity, hash, &external_id))
			continue;
		hs->psk_candidate = true;
		hs->psk_index = (uint16_t)i;
		hs->identity = identity;
		hs->external_id = external_id;
		hs->binder = binder_at(hs->hello.binders, i);
		return true;
	}
	return false;
}

void qkdtls_psk_release(struct qkdtls_conn *conn)
{
	struct qkdtls_handshake *hs = conn->hs;

	if (!hs || !hs->psk_held)
		return;
	hs->psk_held = false;
	conn->psk_ops->release(conn->psk_arg, hs->external_id.pos,
			       qkdtls_cursor_left(&hs->external_id));
}

static int psk_find(struct qkdtls_conn *conn)
{
	struct qkdtls_handshake *hs = conn->hs;
	const size_t len = qkdtls_cursor_left(&hs->external_id);
	int ret;

	if (!hs->psk_candidate)
		return QKDTLS_PSK_NONE;
	note_id(conn, hs->external_id.pos, len);
	ret = conn->psk_ops->find(conn->psk_arg, hs->external_id.pos, len, &hs->psk);
	if (ret != QKDTLS_PSK_FOUND)
		return ret;
	hs->psk_held = true;
	/* The ID it was asked for is the ID it is; what the source wrote there does not matter. */
	memcpy(hs->psk.id, hs->external_id.pos, len);
	hs->psk.id_len = len;
	if (!psk_well_formed(&hs->psk)) {
		qkdtls_psk_release(conn);
		return -EINVAL;
	}
	return QKDTLS_PSK_FOUND;
}

static int psk_check_binder(struct qkdtls_conn *conn)
{
	struct qkdtls_handshake *hs = conn->hs;
	int ret;

	ret = psk_schedule(conn, hs->suite->hash, &hs->psk, hs->identity.pos,
			   qkdtls_cursor_left(&hs->identity), &conn->schedule);
	psk_wipe(conn);
	if (!ret)
		ret = qkdtls_schedule_check_binder(conn->schedule, binder_label(conn),
						   hs->binder_hash, hs->binder.pos,
						   qkdtls_cursor_left(&hs->binder));
	return ret;
}

/*
 * An identity that is not known gets the answer of a wrong binder, after the same work: what the engine
 * does tells nobody which identities there are. (A source that waits for a key takes its time, though.)
 */
static int psk_refuse_unknown(struct qkdtls_conn *conn, const char *reason)
{
	struct qkdtls_handshake *hs = conn->hs;

	if (!hs->psk_candidate) {
		hs->identity = qkdtls_cursor(hs->client_random, sizeof(hs->client_random));
		hs->binder = binder_at(hs->hello.binders, 0);
	}
	memset(hs->psk.secret, 0, QKDTLS_PSK_LEN_MIN);
	hs->psk.secret_len = QKDTLS_PSK_LEN_MIN;
	(void)psk_check_binder(conn);
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

static int psk_commit(struct qkdtls_conn *conn)
{
	struct qkdtls_handshake *hs = conn->hs;
	int ret;

	hs->psk_held = false;
	ret = conn->psk_ops->commit(conn->psk_arg, hs->external_id.pos,
				    qkdtls_cursor_left(&hs->external_id));
	/* Another connection was faster with the same key: to this one it is a key that is not there. */
	if (ret)
		return qkdtls_fail_errno(conn, QKDTLS_ALERT_DECRYPT_ERROR, -ENOKEY,
					 "the key may not be used any more");
	conn->info.psk = true;
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
		psk_wipe(conn);
		if (conn->config->policy == QKDTLS_PREFER)
			return psk_do_without(conn);
		return psk_refuse_unknown(conn, ret == QKDTLS_PSK_NONE ? "unknown PSK identity"
								       : "the key source failed");
	}
	ret = psk_check_binder(conn);
	if (!ret)
		return psk_commit(conn);
	qkdtls_psk_release(conn);
	if (ret == -EBADMSG)
		return qkdtls_fail_errno(conn, QKDTLS_ALERT_DECRYPT_ERROR, -EKEYREJECTED,
					 "wrong PSK binder");
	return qkdtls_fail_code(conn, ret, "cannot check a PSK binder");
}
