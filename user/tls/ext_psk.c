// SPDX-License-Identifier: GPL-2.0-or-later
/* Contents of psk_key_exchange_modes, tls_cert_with_extern_psk, pre_shared_key and early_data */
#include <string.h>

#include "tls/internal.h"

static bool offers_psk(const struct qkdtls_conn *conn)
{
	return conn->hs->offer_count;
}

/* Server: the PSK that it picked is in use */
static bool uses_psk(const struct qkdtls_conn *conn)
{
	return conn->info.psk;
}

/* ---- psk_key_exchange_modes ---- */

#define PSK_DHE_KE 1

static int modes_read(struct qkdtls_conn *conn, enum qkdtls_ext_place place,
		      struct qkdtls_cursor *body)
{
	struct qkdtls_cursor list;

	if (!qkdtls_get_vec8(body, 1, UINT8_MAX, &list))
		return qkdtls_fail(conn, QKDTLS_ALERT_DECODE_ERROR,
				   "malformed psk_key_exchange_modes");
	conn->hs->hello.psk_dhe_ke = memchr(list.pos, PSK_DHE_KE, qkdtls_cursor_left(&list));
	return 0;
}

static bool modes_want(const struct qkdtls_conn *conn, enum qkdtls_ext_place place)
{
	return place == QKDTLS_IN_CH && offers_psk(conn);
}

static void modes_write(struct qkdtls_conn *conn, enum qkdtls_ext_place place,
			struct qkdtls_writer *w)
{
	qkdtls_put_u8(w, 1);
	qkdtls_put_u8(w, PSK_DHE_KE);
}

const struct qkdtls_ext_ops qkdtls_ext_psk_modes = {
	.read = modes_read,
	.want = modes_want,
	.write = modes_write,
};

/* ---- tls_cert_with_extern_psk (RFC 9973 section 5): a flag ---- */

static int flag_read(struct qkdtls_conn *conn, enum qkdtls_ext_place place,
		     struct qkdtls_cursor *body)
{
	return 0;
}

static bool cert_with_psk_want(const struct qkdtls_conn *conn, enum qkdtls_ext_place place)
{
	if (conn->config->policy == QKDTLS_PSK_ONLY)
		return false;
	return place == QKDTLS_IN_CH ? offers_psk(conn) : uses_psk(conn);
}

const struct qkdtls_ext_ops qkdtls_ext_cert_with_psk = {
	.read = flag_read,
	.want = cert_with_psk_want,
};

/* ---- early_data: never offered, never accepted ---- */

const struct qkdtls_ext_ops qkdtls_ext_early_data = {
	.read = flag_read,
};

/* ---- pre_shared_key ---- */

#define IDENTITIES_MIN 7
#define BINDERS_MIN    33
#define BINDER_MIN     32

bool qkdtls_identity_next(struct qkdtls_cursor *list, struct qkdtls_cursor *identity)
{
	uint32_t age; /* says nothing of an external PSK (RFC 9973 section 5.1) */

	return qkdtls_get_vec16(list, 1, UINT16_MAX, identity) && qkdtls_get_u32(list, &age);
}

static bool identities_count(struct qkdtls_cursor list, size_t *count)
{
	struct qkdtls_cursor identity;

	for (*count = 0; !qkdtls_cursor_empty(&list); (*count)++)
		if (!qkdtls_identity_next(&list, &identity))
			return false;
	return true;
}

static bool binders_count(struct qkdtls_cursor list, size_t *count)
{
	struct qkdtls_cursor binder;

	for (*count = 0; !qkdtls_cursor_empty(&list); (*count)++)
		if (!qkdtls_get_vec8(&list, BINDER_MIN, UINT8_MAX, &binder))
			return false;
	return true;
}

static int offer_read(struct qkdtls_conn *conn, struct qkdtls_cursor *body)
{
	struct qkdtls_hello *hello = &conn->hs->hello;
	size_t identities, binders;

	if (!qkdtls_get_vec16(body, IDENTITIES_MIN, UINT16_MAX, &hello->identities))
		return qkdtls_fail(conn, QKDTLS_ALERT_DECODE_ERROR, "malformed PSK identities");
	hello->binders_len = qkdtls_cursor_left(body);
	if (!qkdtls_get_vec16(body, BINDERS_MIN, UINT16_MAX, &hello->binders) ||
	    !identities_count(hello->identities, &identities) ||
	    !binders_count(hello->binders, &binders))
		return qkdtls_fail(conn, QKDTLS_ALERT_DECODE_ERROR, "malformed PSK binders");
	if (identities != binders)
		return qkdtls_fail(conn, QKDTLS_ALERT_ILLEGAL_PARAMETER,
				   "PSK identities and binders do not pair");
	return 0;
}

static int pre_shared_key_read(struct qkdtls_conn *conn, enum qkdtls_ext_place place,
			       struct qkdtls_cursor *body)
{
	if (place == QKDTLS_IN_CH)
		return offer_read(conn, body);
	if (!qkdtls_get_u16(body, &conn->hs->hello.selected_identity))
		return qkdtls_fail(conn, QKDTLS_ALERT_DECODE_ERROR, "malformed pre_shared_key");
	return 0;
}

static bool pre_shared_key_want(const struct qkdtls_conn *conn, enum qkdtls_ext_place place)
{
	return place == QKDTLS_IN_CH ? offers_psk(conn) : uses_psk(conn);
}

/* Binders cover all before them, so they stand as zeros until the hello is whole. */
static void offer_write(struct qkdtls_conn *conn, struct qkdtls_writer *w)
{
	static const uint8_t zeros[QKDTLS_HASH_MAX];
	const struct qkdtls_handshake *hs = conn->hs;
	struct qkdtls_mark list, entry;
	size_t len;

	list = qkdtls_put_open(w, 2);
	for (size_t i = 0; i < hs->offer_count; i++) {
		entry = qkdtls_put_open(w, 2);
		qkdtls_put_bytes(w, hs->offers[i].identity, hs->offers[i].identity_len);
		qkdtls_put_close(w, entry);
		qkdtls_put_u32(w, 0);
	}
	qkdtls_put_close(w, list);
	list = qkdtls_put_open(w, 2);
	for (size_t i = 0; i < hs->offer_count; i++) {
		len = qkdtls_hash_len(qkdtls_schedule_hash(hs->offers[i].schedule));
		entry = qkdtls_put_open(w, 1);
		qkdtls_put_bytes(w, zeros, len);
		qkdtls_put_close(w, entry);
	}
	qkdtls_put_close(w, list);
}

static void pre_shared_key_write(struct qkdtls_conn *conn, enum qkdtls_ext_place place,
				 struct qkdtls_writer *w)
{
	if (place == QKDTLS_IN_CH)
		offer_write(conn, w);
	else
		qkdtls_put_u16(w, conn->hs->psk_index);
}

const struct qkdtls_ext_ops qkdtls_ext_pre_shared_key = {
	.read = pre_shared_key_read,
	.want = pre_shared_key_want,
	.write = pre_shared_key_write,
};
