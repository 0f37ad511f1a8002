// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Key shares that are none, in a handshake at either end (RFC 9846 section 4.3.8, RFC 10024 section 3). All are
 * in Documentation/conformance.md.
 */
#include "rows.h"

#include <stdio.h>
#include <string.h>

#include "stage.h"
#include "tls/internal.h"

#define ALERT(name) QKDTLS_ALERT_##name

/**
 * struct share_row - a share that is changed on its way
 * @at, @count, @value: so many bytes there become @value; @value 1: a bit of each is flipped
 */
struct share_row {
	const char *what;
	enum qkdtls_alert alert;
	uint16_t group;
	enum qkdtls_role receiver;
	size_t at;
	size_t count;
	uint8_t value;
};

#define X25519	  QKDTLS_GROUP_X25519
#define P256	  QKDTLS_GROUP_SECP256R1
#define P384	  QKDTLS_GROUP_SECP384R1
#define X768	  QKDTLS_GROUP_X25519MLKEM768
#define P256_768  QKDTLS_GROUP_SECP256R1MLKEM768
#define P384_1024 QKDTLS_GROUP_SECP384R1MLKEM1024
#define SERVER	  QKDTLS_SERVER
#define CLIENT	  QKDTLS_CLIENT
#define BAD	  ALERT(ILLEGAL_PARAMETER)

static const struct share_row shares[] = {
	{ "server: x25519 of zeros", BAD, X25519, SERVER, 0, 32, 0 },
	{ "client: x25519 of zeros", BAD, X25519, CLIENT, 0, 32, 0 },
	{ "server: secp256r1, compressed", BAD, P256, SERVER, 0, 1, 2 },
	{ "client: secp256r1, compressed", BAD, P256, CLIENT, 0, 1, 2 },
	{ "server: secp256r1, infinity", BAD, P256, SERVER, 0, 65, 0 },
	{ "client: secp256r1, infinity", BAD, P256, CLIENT, 0, 65, 0 },
	{ "server: secp256r1, off its curve", BAD, P256, SERVER, 64, 1, 1 },
	{ "client: secp256r1, off its curve", BAD, P256, CLIENT, 64, 1, 1 },
	{ "server: secp256r1, coordinate out of range", BAD, P256, SERVER, 1, 64, 255 },
	{ "client: secp256r1, coordinate out of range", BAD, P256, CLIENT, 1, 64, 255 },
	{ "server: secp384r1, off its curve", BAD, P384, SERVER, 96, 1, 1 },
	{ "client: secp384r1, off its curve", BAD, P384, CLIENT, 96, 1, 1 },

	{ "server: X25519MLKEM768, key out of range", BAD, X768, SERVER, 0, 3, 255 },
	{ "server: X25519MLKEM768, x25519 of zeros", BAD, X768, SERVER, 1184, 32, 0 },
	{ "client: X25519MLKEM768, x25519 of zeros", BAD, X768, CLIENT, 1088, 32, 0 },
	{ "server: SecP256r1MLKEM768, key out of range", BAD, P256_768, SERVER, 65, 3, 255 },
	{ "server: SecP256r1MLKEM768, point off its curve", BAD, P256_768, SERVER, 64, 1, 1 },
	{ "client: SecP256r1MLKEM768, point off its curve", BAD, P256_768, CLIENT, 64, 1, 1 },
	{ "server: SecP384r1MLKEM1024, key out of range", BAD, P384_1024, SERVER, 97, 3, 255 },
	{ "server: SecP384r1MLKEM1024, point off its curve", BAD, P384_1024, SERVER, 96, 1, 1 },
	{ "client: SecP384r1MLKEM1024, point off its curve", BAD, P384_1024, CLIENT, 96, 1, 1 },
	/* Rejection is implicit: another secret, and nothing that follows can be read. */
	{ "client: X25519MLKEM768, another ciphertext", ALERT(BAD_RECORD_MAC), X768, CLIENT, 0, 1,
	  1 },
	{ "client: x25519, another point", ALERT(BAD_RECORD_MAC), X25519, CLIENT, 0, 1, 1 },
};

/* A share in a hello stands behind its group and length. */
static uint8_t *find_share(struct forged_message *hello, uint16_t group, size_t len)
{
	const uint8_t head[] = { (uint8_t)(group >> 8), (uint8_t)group, (uint8_t)(len >> 8),
				 (uint8_t)len };
	uint8_t *at = memmem(hello->body, hello->len, head, sizeof(head));

	assert_non_null(at);
	return at + sizeof(head);
}

static void spoil(struct forged_message *hello, const struct share_row *row)
{
	const struct qkdtls_group *group = qkdtls_group_find(row->group);
	uint8_t *share =
		find_share(hello, row->group,
			   row->receiver == SERVER ? group->client_share : group->server_share);

	for (size_t i = row->at; i < row->at + row->count; i++)
		share[i] = row->value == 1 ? share[i] ^ 1 : row->value;
}

/* The server's hello goes to the client changed, the rest as it is. */
static void feed_server(struct loopback *lb, const struct share_row *row,
			struct forged_message *hello)
{
	const uint8_t *data;
	size_t len, at;

	stage_move(lb->end[CLIENT], lb->end[SERVER]);
	assert_int_equal(qkdtls_handshake(lb->end[SERVER]), QKDTLS_WANT_WRITE);
	data = qkdtls_output(lb->end[SERVER], &len);
	forge_read_plain(data, len, hello);
	at = 5 + (size_t)(data[3] << 8 | data[4]);
	spoil(hello, row);
	forge_feed_record(lb->end[CLIENT], hello);
	forge_feed(lb->end[CLIENT], data + at, len - at);
	(void)qkdtls_handshake(lb->end[CLIENT]);
}

static void feed_client(struct loopback *lb, const struct share_row *row,
			struct forged_message *hello)
{
	const uint8_t *data;
	size_t len;

	assert_int_equal(qkdtls_handshake(lb->end[CLIENT]), QKDTLS_WANT_WRITE);
	data = qkdtls_output(lb->end[CLIENT], &len);
	forge_read_plain(data, len, hello);
	spoil(hello, row);
	forge_bind(hello, lb->end[CLIENT], lb->end[SERVER]);
	(void)forge_feed_plain(lb->end[SERVER], hello);
	/* It costs no key. */
	assert_int_equal(lb->ring[SERVER].asked, 0);
}

static void judges_share(void **state)
{
	const struct share_row *row = *state;
	const struct site_options options = { .groups = qkdtls_group_name(row->group) };
	static struct forged_message hello;
	struct loopback lb;

	if (!site_has_group(options.groups))
		site_skip("this libcrypto lacks the group");
	site_link(rows_pki(), &lb, &options, &options);
	if (row->receiver == SERVER)
		feed_client(&lb, row, &hello);
	else
		feed_server(&lb, row, &hello);
	assert_int_equal(qkdtls_error(lb.end[row->receiver])->sent, row->alert);
	loopback_free(&lb);
}

/* A share has one length (RFC 10024 section 3.1): each group, one byte less and one more, at both ends */
static void run_wrong_length(struct pki *pki, uint16_t number, int more)
{
	const struct qkdtls_group *group = qkdtls_group_find(number);
	const struct site_options options = { .groups = qkdtls_group_name(number) };
	static struct forged_message hello;
	static uint8_t bytes[QKDTLS_KEX_SHARE_MAX + 16];
	struct forge change = { .op = FORGE_SET, .type = 51, .bytes = bytes };
	const uint8_t *data;
	struct loopback lb;
	size_t len;

	if (!site_has_group(options.groups))
		return;
	for (int role = CLIENT; role <= SERVER; role++) {
		const size_t whole = role == SERVER ? group->client_share : group->server_share;
		const size_t share = whole + (size_t)more;
		const size_t head = role == SERVER ? 2 : 0;

		site_link(pki, &lb, &options, &options);
		if (role == CLIENT)
			stage_move(lb.end[CLIENT], lb.end[SERVER]);
		assert_int_equal(qkdtls_handshake(lb.end[!role]), QKDTLS_WANT_WRITE);
		data = qkdtls_output(lb.end[!role], &len);
		forge_read_plain(data, len, &hello);
		memset(bytes, 0, sizeof(bytes));
		bytes[0] = (uint8_t)((share + 4) >> 8);
		bytes[1] = (uint8_t)(share + 4);
		memcpy(bytes + head,
		       (uint8_t[]){ (uint8_t)(number >> 8), (uint8_t)number, (uint8_t)(share >> 8),
				    (uint8_t)share },
		       4);
		memcpy(bytes + head + 4, find_share(&hello, number, whole), whole);
		change.len = head + 4 + share;
		forge_hello(&hello, &change, 1);
		(void)forge_feed_plain(lb.end[role], &hello);
		assert_int_equal(qkdtls_error(lb.end[role])->sent, BAD);
		loopback_free(&lb);
	}
}

static void shares_have_one_length(void **state)
{
	static const uint16_t groups[] = { X25519, P256, P384, X768, P256_768, P384_1024 };

	for (size_t i = 0; i < sizeof(groups) / sizeof(groups[0]); i++) {
		run_wrong_length(*state, groups[i], -1);
		run_wrong_length(*state, groups[i], 1);
	}
}

/* A second offer of the same client makes a new share, and so does a second connection (RFC 9846 4.3.8). */
static void shares_are_used_once(void **state)
{
	const struct site_options options = { .groups = SITE_CLASSICAL };
	static struct forged_message first, second;
	struct loopback a, b;
	const uint8_t *data;
	size_t len;

	site_link(*state, &a, &options, &options);
	site_link(*state, &b, &options, &options);
	assert_int_equal(qkdtls_handshake(a.end[CLIENT]), QKDTLS_WANT_WRITE);
	data = qkdtls_output(a.end[CLIENT], &len);
	forge_read_plain(data, len, &first);
	assert_int_equal(qkdtls_handshake(b.end[CLIENT]), QKDTLS_WANT_WRITE);
	data = qkdtls_output(b.end[CLIENT], &len);
	forge_read_plain(data, len, &second);
	assert_memory_not_equal(find_share(&first, X25519, 32), find_share(&second, X25519, 32),
				32);
	/* Randoms and session IDs are new as well. */
	assert_memory_not_equal(first.body + 2, second.body + 2, 32);
	assert_memory_not_equal(first.body + 35, second.body + 35, 32);

	/* So it is with two servers, even for one and the same hello. */
	forge_feed_record(a.end[SERVER], &first);
	forge_feed_record(b.end[SERVER], &first);
	assert_int_equal(qkdtls_handshake(a.end[SERVER]), QKDTLS_WANT_WRITE);
	data = qkdtls_output(a.end[SERVER], &len);
	forge_read_plain(data, len, &first);
	assert_int_equal(qkdtls_handshake(b.end[SERVER]), QKDTLS_WANT_WRITE);
	data = qkdtls_output(b.end[SERVER], &len);
	forge_read_plain(data, len, &second);
	assert_memory_not_equal(find_share(&first, X25519, 32), find_share(&second, X25519, 32),
				32);
	assert_memory_not_equal(first.body + 2, second.body + 2, 32);
	loopback_free(&a);
	loopback_free(&b);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(shares_have_one_length),
		cmocka_unit_test(shares_are_used_once),
	};

	ROWS(judges_share, shares);
	return rows_run(tests, sizeof(tests) / sizeof(tests[0]));
}
