// SPDX-License-Identifier: GPL-2.0-or-later
/* Client: keys from the source, the identities that they are offered as, and their binders */
#include <errno.h>
#include <string.h>

#include "tls/internal.h"

static bool write_identity(const struct qkdtls_conn *conn, enum qkdtls_hash hash,
			   struct qkdtls_offer *offer)
{
	const struct qkdtls_psk *psk = &conn->hs->psk;
	const bool imported = conn->config->psk_mode == QKDTLS_PSK_MODE_IMPORTED;
	struct qkdtls_writer w;
	struct qkdtls_mark mark;

	qkdtls_writer_init(&w, offer->identity, sizeof(offer->identity));
	offer->external_id =
		qkdtls_cursor(offer->identity + (imported ? sizeof(uint16_t) : 0), psk->id_len);
	if (!imported) {
		qkdtls_put_bytes(&w, psk->id, psk->id_len);
	} else {
		mark = qkdtls_put_open(&w, 2);
		qkdtls_put_bytes(&w, psk->id, psk->id_len);
		qkdtls_put_close(&w, mark);
		mark = qkdtls_put_open(&w, 2);
		qkdtls_put_bytes(&w, conn->config->context, sizeof(conn->config->context));
		qkdtls_put_close(&w, mark);
		qkdtls_put_u16(&w, QKDTLS_TLS13);
		qkdtls_put_u16(&w, qkdtls_psk_kdf(hash));
	}
	offer->identity_len = w.len;
	return qkdtls_writer_ok(&w);
}

static int psk_add_offer(struct qkdtls_conn *conn, enum qkdtls_hash hash)
{
	struct qkdtls_handshake *hs = conn->hs;
	struct qkdtls_offer *offer = &hs->offers[hs->offer_count];
	int ret;

	if (hs->offer_count == QKDTLS_OFFERS_MAX || !write_identity(conn, hash, offer))
		return qkdtls_fail_code(conn, -EMSGSIZE, "cannot write a PSK identity");
	ret = qkdtls_psk_schedule(conn, hash, offer->identity, offer->identity_len,
				  &offer->schedule);
	if (ret)
		return qkdtls_fail_code(conn, ret, "cannot start a key schedule");
	hs->offer_count++;
	return 0;
}

/* Has a suite before @index the same hash? */
static bool has_hash_before(const struct qkdtls_suite_list *suites, size_t index)
{
	for (size_t i = 0; i < index; i++)
		if (suites->item[i]->hash == suites->item[index]->hash)
			return true;
	return false;
}

static int psk_make_offers(struct qkdtls_conn *conn)
{
	struct qkdtls_handshake *hs = conn->hs;
	int ret = 0;

	if (conn->config->psk_mode == QKDTLS_PSK_MODE_EXTERNAL)
		return psk_add_offer(conn, conn->config->psk_hash);
	for (size_t i = 0; i < hs->suites.count && !ret; i++)
		if (!has_hash_before(&hs->suites, i))
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

/* A second key is a help, not a need: without one at once the first goes alone. */
static int psk_take_spare(struct qkdtls_conn *conn)
{
	struct qkdtls_psk *psk = &conn->hs->psk;
	int ret = 0;

	if (!conn->config->spare_key)
		return 0;
	if (conn->psk_ops->take(conn->psk_arg, psk) == QKDTLS_PSK_FOUND &&
	    qkdtls_psk_well_formed(conn))
		ret = psk_make_offers(conn);
	qkdtls_psk_wipe(conn);
	return ret;
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
	if (ret != QKDTLS_PSK_FOUND || !qkdtls_psk_well_formed(conn)) {
		qkdtls_psk_wipe(conn);
		return psk_go_without(conn, "the key source failed");
	}
	qkdtls_psk_note(conn, psk->id, psk->id_len);
	drop_unfit_suites(conn);
	ret = psk_make_offers(conn);
	qkdtls_psk_wipe(conn);
	return ret ? ret : psk_take_spare(conn);
}

/* Its cursor goes along with the bytes that it points to. */
static void offer_move(struct qkdtls_offer *to, const struct qkdtls_offer *from)
{
	const size_t at = (size_t)(from->external_id.pos - from->identity);
	const size_t len = qkdtls_cursor_left(&from->external_id);

	*to = *from;
	to->external_id = qkdtls_cursor(to->identity + at, len);
}

void qkdtls_psk_keep_hash(struct qkdtls_conn *conn, enum qkdtls_hash hash)
{
	struct qkdtls_handshake *hs = conn->hs;
	size_t kept = 0;

	for (size_t i = 0; i < hs->offer_count; i++) {
		if (qkdtls_schedule_hash(hs->offers[i].schedule) == hash)
			offer_move(&hs->offers[kept++], &hs->offers[i]);
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
							      qkdtls_psk_label(conn), hash, binder)
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
		conn->info.sealed = qkdtls_schedule_sealed_by(conn->schedule);
		qkdtls_psk_note(conn, hs->offers[index].external_id.pos,
				qkdtls_cursor_left(&hs->offers[index].external_id));
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
