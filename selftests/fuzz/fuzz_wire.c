// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Our client against our server, and a wire between them that knows no key: record by record the input says what
 * becomes of it. Both see the same connection, or there is none.
 *
 *	SCENE, then one operation with its arguments for each record as it is written; records behind the input pass.
 */
#include <string.h>

#include "fuzz.h"

#define HEADER	    QKDTLS_RECORD_HEADER
#define RECORD_MAX  (HEADER + QKDTLS_RECORD_BODY_MAX)
#define WIRE_MAX    (1U << 20)
#define RECORDS_MAX 200

enum operation {
	PASS,
	FLIP,
	SPLICE, /* with the lengths of record and message kept right */
	SPLICE_RAW,
	SPLIT,
	LOSE,
	TWICE,
	DELAY, /* until behind the next record */
	CUT, /* the stream ends here */
	CHANGE_EXTENSION, /* of a hello, with all lengths right */
	OPERATIONS,
};

struct direction {
	struct qkdtls_buf written; /* by one end */
	struct qkdtls_buf arriving; /* at the other */
	struct qkdtls_buf delayed;
	bool cut;
};

struct wire_run {
	struct loopback lb;
	struct direction from[2];
	struct fuzz_input in;
	unsigned int records;
	bool changed; /* something does not arrive as it was written */
	uint8_t record[RECORD_MAX + UINT16_MAX];
	size_t len;
};

static void put_u16(uint8_t *at, size_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

static size_t get_u16(const uint8_t *at)
{
	return (size_t)at[0] << 8 | at[1];
}

static void splice(struct wire_run *run, size_t at, size_t cut, const uint8_t *bytes, size_t len)
{
	if (at > run->len)
		at = run->len;
	if (cut > run->len - at)
		cut = run->len - at;
	if (run->len - cut + len > RECORD_MAX)
		len = 0;
	memmove(run->record + at + len, run->record + at + cut, run->len - at - cut);
	memcpy(run->record + at, bytes, len);
	run->len += len - cut;
}

static bool is_handshake(const struct wire_run *run)
{
	return run->record[0] == QKDTLS_CONTENT_HANDSHAKE && run->len >= HEADER + 4;
}

static void fix_lengths(struct wire_run *run)
{
	if (run->len < HEADER)
		return;
	put_u16(run->record + 3, run->len - HEADER);
	if (!is_handshake(run))
		return;
	run->record[HEADER + 1] = 0;
	put_u16(run->record + HEADER + 2, run->len - HEADER - 4);
}

/* Where the extensions' length stands in a plain hello, or 0 */
static size_t find_block(const struct wire_run *run)
{
	struct qkdtls_cursor c = qkdtls_cursor(run->record, run->len), part;
	bool ok = is_handshake(run) && qkdtls_get_sub(&c, HEADER + 4 + 34, &part) &&
		  qkdtls_get_vec8(&c, 0, 32, &part);

	if (ok && run->record[HEADER] == QKDTLS_MSG_CLIENT_HELLO)
		ok = qkdtls_get_vec16(&c, 0, UINT16_MAX, &part) &&
		     qkdtls_get_vec8(&c, 0, UINT8_MAX, &part);
	else
		ok = ok && qkdtls_get_sub(&c, 3, &part);
	return ok && qkdtls_cursor_left(&c) >= 2 ? (size_t)(c.pos - run->record) : 0;
}

/* HOW: two bits for drop, replace, insert, move to the front; the others the extension's place */
static void change_extension(struct wire_run *run)
{
	const uint8_t how = fuzz_u8(&run->in);
	const size_t block = find_block(run), before = run->len;
	unsigned int index = how >> 2;
	struct qkdtls_cursor c, body;
	uint8_t copy[RECORD_MAX];
	const uint8_t *bytes;
	size_t at, len, cut;
	uint16_t type;

	if (!block)
		return;
	c = qkdtls_cursor(run->record + block + 2, run->len - block - 2);
	do {
		at = (size_t)(c.pos - run->record);
	} while (qkdtls_get_u16(&c, &type) && qkdtls_get_vec16(&c, 0, UINT16_MAX, &body) &&
		 index--);
	cut = (size_t)(c.pos - run->record) - at;
	memcpy(copy, run->record + at, cut);
	switch (how & 3) {
	case 0:
		splice(run, at, cut, copy, 0);
		break;
	case 1:
		bytes = fuzz_vec(&run->in, &len);
		if (!cut || len > 8192)
			return;
		splice(run, at + 4, cut - 4, bytes, len);
		put_u16(run->record + at + 2, run->len - before + cut - 4);
		break;
	case 2:
		put_u16(copy, fuzz_u16(&run->in));
		bytes = fuzz_vec(&run->in, &len);
		if (len > 8192)
			return;
		put_u16(copy + 2, len);
		memcpy(copy + 4, bytes, len);
		splice(run, at, 0, copy, 4 + len);
		break;
	default:
		splice(run, at, cut, copy, 0);
		splice(run, block + 2, 0, copy, cut);
	}
	put_u16(run->record + block, get_u16(run->record + block) + run->len - before);
	fix_lengths(run);
}

static void arrive(struct direction *d, const uint8_t *data, size_t len)
{
	if (!d->cut && len)
		(void)qkdtls_buf_add(&d->arriving, data, len);
}

/* Two records of one: nothing is lost, and in plain text nothing is even changed. */
static void split(struct wire_run *run, struct direction *d, size_t at)
{
	uint8_t header[HEADER];

	if (run->len < HEADER + 2 || run->record[0] != QKDTLS_CONTENT_HANDSHAKE) {
		arrive(d, run->record, run->len);
		return;
	}
	at = 1 + at % (run->len - HEADER - 1);
	memcpy(header, run->record, HEADER);
	put_u16(header + 3, at);
	arrive(d, header, HEADER);
	arrive(d, run->record + HEADER, at);
	put_u16(header + 3, run->len - HEADER - at);
	arrive(d, header, HEADER);
	arrive(d, run->record + HEADER + at, run->len - HEADER - at);
}

static void change(struct wire_run *run, struct direction *d, enum operation op)
{
	const uint8_t *bytes;
	size_t at, cut, len;

	switch (op) {
	case FLIP:
		at = fuzz_u16(&run->in) % run->len;
		run->record[at] ^= fuzz_u8(&run->in);
		break;
	case SPLICE:
	case SPLICE_RAW:
		at = fuzz_u16(&run->in);
		cut = fuzz_u8(&run->in);
		bytes = fuzz_vec(&run->in, &len);
		splice(run, at, cut, bytes, len);
		if (op == SPLICE)
			fix_lengths(run);
		break;
	case TWICE:
		arrive(d, run->record, run->len);
		break;
	case CHANGE_EXTENSION:
		change_extension(run);
		break;
	default:
		run->len = 0;
	}
	arrive(d, run->record, run->len);
}

/* One record of what @d's end has written */
static void carry(struct wire_run *run, struct direction *d)
{
	const enum operation op = run->in.left ? fuzz_u8(&run->in) % OPERATIONS : PASS;
	const uint8_t *data = qkdtls_buf_data(&d->written);

	run->len = HEADER + get_u16(data + 3);
	FUZZ_CHECK(run->len <= d->written.len && run->len <= RECORD_MAX);
	memcpy(run->record, data, run->len);
	qkdtls_buf_drop(&d->written, run->len);
	run->changed |= op != PASS && op != SPLIT;
	if (op == DELAY) {
		(void)qkdtls_buf_add(&d->delayed, run->record, run->len);
		return;
	}
	if (op == CUT) {
		d->cut = true;
		return;
	}
	if (op == PASS)
		arrive(d, run->record, run->len);
	else if (op == SPLIT)
		split(run, d, fuzz_u16(&run->in));
	else
		change(run, d, op);
	arrive(d, qkdtls_buf_data(&d->delayed), d->delayed.len);
	qkdtls_buf_drop(&d->delayed, d->delayed.len);
}

/* One step of one end; false: it can do nothing now */
static bool step(struct wire_run *run, enum qkdtls_role role)
{
	struct qkdtls_conn *conn = run->lb.end[role];
	struct direction *in = &run->from[!role], *out = &run->from[role];
	const enum qkdtls_want want = qkdtls_handshake(conn);
	const uint8_t *data;
	size_t len;

	run->lb.want[role] = want;
	if (want == QKDTLS_WANT_WRITE) {
		data = qkdtls_output(conn, &len);
		FUZZ_CHECK(!qkdtls_buf_add(&out->written, data, len));
		qkdtls_output_sent(conn, len);
		while (out->written.len && run->records++ < RECORDS_MAX)
			carry(run, out);
		return true;
	}
	if (want != QKDTLS_WANT_READ)
		return false;
	len = qkdtls_wanted(conn);
	FUZZ_CHECK(len);
	if (len > in->arriving.len)
		len = in->arriving.len;
	if (!len)
		return false;
	if (qkdtls_input(conn, qkdtls_buf_data(&in->arriving), len))
		FUZZ_CHECK(conn->failed);
	qkdtls_buf_drop(&in->arriving, len);
	return true;
}

static bool over(const struct wire_run *run, enum qkdtls_role role)
{
	return run->lb.want[role] == QKDTLS_DONE || run->lb.want[role] == QKDTLS_FAILED;
}

static void run_both(struct wire_run *run)
{
	bool moved;

	do {
		moved = step(run, QKDTLS_CLIENT);
		moved |= step(run, QKDTLS_SERVER);
	} while (moved);
}

/* Who waits, waits for what the wire or the other's failure took; then its transport ends. */
static void run_to_the_end(struct wire_run *run)
{
	run_both(run);
	for (int role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++) {
		if (over(run, role))
			continue;
		FUZZ_CHECK(run->changed || run->lb.want[!role] == QKDTLS_FAILED);
		qkdtls_input_eof(run->lb.end[role]);
	}
	run_both(run);
	FUZZ_CHECK(over(run, QKDTLS_CLIENT) && over(run, QKDTLS_SERVER));
}

static void check_same_view(const struct wire_run *run)
{
	struct qkdtls_conn *const *end = run->lb.end;
	const struct qkdtls_info *a = qkdtls_info(end[0]), *b = qkdtls_info(end[1]);
	uint8_t exported[2][32];

	FUZZ_CHECK(a->suite == b->suite && a->group == b->group && a->psk == b->psk);
	FUZZ_CHECK(a->certificate == b->certificate && a->imported == b->imported);
	FUZZ_CHECK(a->retried == b->retried && !strcmp(a->alpn, b->alpn));
	if (a->psk)
		FUZZ_CHECK(a->psk_id_len == b->psk_id_len &&
			   !memcmp(a->psk_id, b->psk_id, a->psk_id_len));
	for (int role = 0; role < 2; role++)
		FUZZ_CHECK(!qkdtls_export(end[role], "test", "", 0, exported[role], 32));
	FUZZ_CHECK(!memcmp(exported[0], exported[1], 32));
	if (a->certificate)
		FUZZ_CHECK(!strcmp(a->peer, "CN=" PKI_SERVER_NAME));
	if (b->peer[0])
		FUZZ_CHECK(!strcmp(b->peer, "CN=" PKI_CLIENT_NAME));
}

static void check(const struct wire_run *run, uint8_t scene)
{
	const struct fuzz_secrets *client = fuzz_secrets(QKDTLS_CLIENT);
	const struct fuzz_secrets *server = fuzz_secrets(QKDTLS_SERVER);
	const bool client_up = run->lb.want[QKDTLS_CLIENT] == QKDTLS_DONE;
	const bool server_up = run->lb.want[QKDTLS_SERVER] == QKDTLS_DONE;

	/* A server is done by the client's Finished, a client by the server's. */
	FUZZ_CHECK(client_up || !server_up);
	if (client_up) {
		FUZZ_CHECK(client->applied && server->applied);
		FUZZ_CHECK(!memcmp(client->application, server->application,
				   sizeof(client->application)));
		if (qkdtls_info(run->lb.end[QKDTLS_CLIENT])->psk)
			FUZZ_CHECK(run->lb.ring[QKDTLS_SERVER].committed == 1);
		FUZZ_CHECK(scene % FUZZ_SCENES != 9);
	}
	if (server_up)
		check_same_view(run);
	if (!run->changed && fuzz_scene_completes(scene))
		FUZZ_CHECK(client_up && server_up);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct wire_run run;
	uint8_t scene;

	memset(&run, 0, sizeof(run));
	run.in = fuzz_begin(data, size);
	scene = fuzz_u8(&run.in);
	fuzz_link(&run.lb, scene);
	for (int role = 0; role < 2; role++) {
		qkdtls_buf_init(&run.from[role].written, WIRE_MAX);
		qkdtls_buf_init(&run.from[role].arriving, WIRE_MAX);
		qkdtls_buf_init(&run.from[role].delayed, WIRE_MAX);
	}
	run_to_the_end(&run);
	check(&run, scene);
	fuzz_unlink(&run.lb);
	for (int role = 0; role < 2; role++) {
		qkdtls_buf_free(&run.from[role].written);
		qkdtls_buf_free(&run.from[role].arriving);
		qkdtls_buf_free(&run.from[role].delayed);
	}
	return 0;
}
