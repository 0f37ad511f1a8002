// SPDX-License-Identifier: GPL-2.0-or-later
/* Sealed sessions as they should be: what they compute, against the engine's own key schedule, and what their sockets do. */
#include "sealed.h"

#include "tls/schedule.h"
#include "tls/suite.h"

FIXTURE(sealed)
{
	struct pair pair;
};

FIXTURE_SETUP(sealed)
{
	ASSERT_EQ(0, pair_begin(&self->pair));
}

FIXTURE_TEARDOWN(sealed)
{
	pair_end(&self->pair);
}

FIXTURE_VARIANT(sealed)
{
	int suite;
};

FIXTURE_VARIANT_ADD(sealed, aes_128){
	.suite = 0,
};
FIXTURE_VARIANT_ADD(sealed, aes_256){
	.suite = 1,
};
FIXTURE_VARIANT_ADD(sealed, chacha20){
	.suite = 2,
};

#define SUITE (&suites[variant->suite])

/* The engine's schedule of the same key, as far as the application secrets; and its binder */
static int shake_hands_in_user_space(const struct pair *pair, const struct qkd_key_get *key,
				     const struct suite *suite, struct qkdtls_schedule **schedule,
				     uint8_t binder[QKD_HASH_LEN_MAX])
{
	uint8_t identity[2 + QKD_KEY_ID_LEN + 2 + QKD_CONTEXT_LEN + 4] = { 0, QKD_KEY_ID_LEN };
	uint8_t hash[QKD_HASH_LEN_MAX], kex[KEX_LEN];
	const bool sha256 = suite->kdf == QKD_KDF_SHA256;
	uint8_t *p = identity + 2;
	int ret;

	memcpy(p, key->key_id, QKD_KEY_ID_LEN);
	p[QKD_KEY_ID_LEN + 1] = QKD_CONTEXT_LEN;
	memcpy(p + QKD_KEY_ID_LEN + 2, pair->context, QKD_CONTEXT_LEN);
	p += QKD_KEY_ID_LEN + 2 + QKD_CONTEXT_LEN;
	memcpy(p, (uint8_t[]){ 3, 4, 0, (uint8_t)suite->kdf }, 4);
	ret = qkdtls_schedule_new(schedule, sha256 ? QKDTLS_SHA256 : QKDTLS_SHA384);
	if (!ret)
		ret = qkdtls_schedule_import(*schedule, QKDTLS_SHA256, key->key, key->key_len,
					     identity, sizeof(identity));
	pattern(hash, sizeof(hash), 2);
	if (!ret)
		ret = qkdtls_schedule_binder(*schedule, QKDTLS_BINDER_IMPORTED, hash, binder);
	pattern(hash, sizeof(hash), 3);
	pattern(kex, sizeof(kex), 4);
	if (!ret)
		ret = qkdtls_schedule_handshake(*schedule, kex, sizeof(kex), hash);
	pattern(hash, sizeof(hash), 5);
	return ret ? ret : qkdtls_schedule_application(*schedule, hash);
}

/* Keys onto a socket as an ordinary program has them */
static int install_openly(struct qkdtls_schedule *schedule, const struct suite *suite, int fd,
			  enum qkdtls_role role)
{
	const struct qkdtls_suite *as = qkdtls_suite_find(suite->number);
	struct qkdtls_traffic_key key;
	uint8_t bytes[sizeof(struct tls12_crypto_info_aes_gcm_256)];
	const size_t salt_len = suite->number == 0x1303 ? 0 : 4;

	if (setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", 3))
		return -errno;
	for (int i = 0; i < 2; i++) {
		const int direction = i ? TLS_RX : TLS_TX;
		const enum qkdtls_role sender =
			!i == (role == QKDTLS_CLIENT) ? QKDTLS_CLIENT : QKDTLS_SERVER;

		if (qkdtls_schedule_traffic_key(schedule, QKDTLS_EPOCH_APPLICATION, sender, as,
						&key))
			return -EIO;
		memset(bytes, 0, sizeof(bytes));
		((struct tls_crypto_info *)bytes)->version = TLS_1_3_VERSION;
		((struct tls_crypto_info *)bytes)->cipher_type = suite->cipher;
		/* iv, key, salt, rec_seq; of ChaCha20 the salt is empty */
		memcpy(bytes + 4, key.iv + salt_len, 12 - salt_len);
		memcpy(bytes + suite->key_at, key.key, suite->key_len);
		memcpy(bytes + suite->key_at + suite->key_len, key.iv, salt_len);
		if (setsockopt(fd, SOL_TLS, direction, bytes, suite->size))
			return -errno;
	}
	return 0;
}

/* A client in user space that has the key in the clear, and a session as its server, as far as the application secrets */
static int meet_in_the_clear(struct pair *pair, const struct suite *suite,
			     struct qkdtls_schedule **schedule)
{
	uint8_t hash[QKD_HASH_LEN_MAX], binder[QKD_HASH_LEN_MAX];
	struct qkd_key_get key;
	int ret = get_key(pair->client.end.fd, DEADLINE_MS, &key);

	if (!ret)
		ret = shake_hands_in_user_space(pair, &key, suite, schedule, binder);
	if (ret)
		return ret;
	pair->server.session = qkd_session_open_server(pair->server.end.fd, 1U << suite->kdf,
						       pair->context, key.key_id, DEADLINE_MS);
	if (pair->server.session < 0)
		return pair->server.session;
	pattern(hash, sizeof(hash), 2);
	ret = qkd_session_check_binder(pair->server.session, suite->kdf, hash, binder);
	if (!ret)
		ret = side_handshake(&pair->server, suite);
	return ret ? ret : side_application(&pair->server, suite);
}

TEST_F(sealed, understands_who_has_the_key_in_the_clear)
{
	const enum qkdtls_hash hash = SUITE->kdf == QKD_KDF_SHA256 ? QKDTLS_SHA256 : QKDTLS_SHA384;
	const size_t len = qkd_kdf_len(SUITE->kdf);
	struct pair *pair = &self->pair;
	uint8_t exported[100], expected[100], secret[QKD_HASH_LEN_MAX];
	struct qkdtls_schedule *schedule;

	ASSERT_EQ(0, meet_in_the_clear(pair, SUITE, &schedule));
	ASSERT_EQ(0,
		  qkdtls_schedule_reveal(schedule, QKDTLS_EPOCH_HANDSHAKE, QKDTLS_CLIENT, secret));
	EXPECT_EQ(0, memcmp(secret, pair->server.client_secret, len));
	ASSERT_EQ(0,
		  qkdtls_schedule_reveal(schedule, QKDTLS_EPOCH_HANDSHAKE, QKDTLS_SERVER, secret));
	EXPECT_EQ(0, memcmp(secret, pair->server.server_secret, len));
	EXPECT_TRUE(all_zero(pair->server.client_secret + len, QKD_HASH_LEN_MAX - len));
	ASSERT_EQ(0, install_openly(schedule, SUITE, pair->client.socket, QKDTLS_CLIENT));
	ASSERT_EQ(0, side_install(&pair->server));
	EXPECT_TRUE(passes_both_ways(pair));

	ASSERT_EQ(0, qkdtls_schedule_complete(schedule));
	ASSERT_EQ(0, qkdtls_schedule_export(schedule, "EXPORTER-test", NULL, 0, expected,
					    sizeof(expected)));
	ASSERT_EQ(0, qkd_session_export(pair->server.session, "EXPORTER-test", len,
					qkdtls_hash_empty(hash), exported, sizeof(exported)));
	EXPECT_EQ(0, memcmp(exported, expected, sizeof(expected)));
	ASSERT_EQ(0, side_export(&pair->server, SUITE, exported, sizeof(exported)));
	EXPECT_NE(0, memcmp(exported, expected, sizeof(expected)));
	qkdtls_schedule_free(schedule);
}

#define ROUNDS 20

struct spy {
	pthread_t thread;
	const struct suite *suite;
	int fd;
	bool ends;
	bool has_seen;
	uint8_t key[32];
};

/* Reads the key of the option as often as it can. */
static void *look(void *arg)
{
	uint8_t bytes[sizeof(struct tls12_crypto_info_aes_gcm_256)];
	struct spy *spy = arg;

	while (!__atomic_load_n(&spy->ends, __ATOMIC_RELAXED)) {
		if (read_back(spy->fd, spy->suite, TLS_TX, bytes) ||
		    all_zero(bytes + spy->suite->key_at, spy->suite->key_len))
			continue;
		memcpy(spy->key, bytes + spy->suite->key_at, spy->suite->key_len);
		spy->has_seen = true;
	}
	return NULL;
}

/* A thread that looks all the time may see something for a moment, but not the key. */
TEST_F(sealed, who_looks_all_the_time_sees_no_key)
{
	struct pair *pair = &self->pair;
	int seen = 0;

	for (int i = 0; i < ROUNDS; i++) {
		struct qkdtls_schedule *schedule;
		struct qkdtls_traffic_key key;
		struct spy spy = { .suite = SUITE };

		ASSERT_EQ(0, meet_in_the_clear(pair, SUITE, &schedule));
		ASSERT_EQ(0, qkdtls_schedule_traffic_key(schedule, QKDTLS_EPOCH_APPLICATION,
							 QKDTLS_SERVER,
							 qkdtls_suite_find(SUITE->number), &key));
		spy.fd = pair->server.socket;
		ASSERT_EQ(0, pthread_create(&spy.thread, NULL, look, &spy));
		EXPECT_EQ(0, side_install(&pair->server));
		__atomic_store_n(&spy.ends, true, __ATOMIC_RELAXED);
		pthread_join(spy.thread, NULL);
		EXPECT_NE(0, memcmp(spy.key, key.key, SUITE->key_len));
		seen += spy.has_seen;
		qkdtls_schedule_free(schedule);
		side_end(&pair->client);
		side_end(&pair->server);
		ASSERT_EQ(0, connect_tcp(&pair->client.socket, &pair->server.socket));
	}
	TH_LOG("something was seen %d times of %d", seen, ROUNDS);
}

TEST_F(sealed, carries_data_and_keys_are_not_read_back)
{
	uint8_t bytes[sizeof(struct tls12_crypto_info_aes_gcm_256)];
	struct pair *pair = &self->pair;
	static const int directions[] = { TLS_TX, TLS_RX };

	ASSERT_EQ(0, pair_shake_hands(pair, SUITE));
	ASSERT_EQ(0, pair_install(pair));
	EXPECT_TRUE(passes_both_ways(pair));
	for (int i = 0; i < 4; i++) {
		ASSERT_EQ(0, read_back(i / 2 ? pair->client.socket : pair->server.socket, SUITE,
				       directions[i % 2], bytes));
		EXPECT_TRUE(all_zero(bytes + SUITE->key_at, SUITE->key_len));
		/* IV and record number are there: one record went each way. */
		EXPECT_FALSE(all_zero(bytes + 4, 8));
		EXPECT_EQ(1, bytes[SUITE->size - 1]);
	}
}

/* So that the test before would see one */
TEST_F(sealed, a_key_that_is_not_sealed_is_read_back)
{
	uint8_t bytes[sizeof(struct tls12_crypto_info_aes_gcm_256)];
	struct pair *pair = &self->pair;
	struct qkdtls_schedule *schedule;
	struct qkdtls_traffic_key traffic;

	ASSERT_EQ(0, meet_in_the_clear(pair, SUITE, &schedule));
	ASSERT_EQ(0, install_openly(schedule, SUITE, pair->client.socket, QKDTLS_CLIENT));
	ASSERT_EQ(0, qkdtls_schedule_traffic_key(schedule, QKDTLS_EPOCH_APPLICATION, QKDTLS_CLIENT,
						 qkdtls_suite_find(SUITE->number), &traffic));
	ASSERT_EQ(0, read_back(pair->client.socket, SUITE, TLS_TX, bytes));
	EXPECT_EQ(0, memcmp(bytes + SUITE->key_at, traffic.key, SUITE->key_len));
	qkdtls_schedule_free(schedule);
}

TEST_F(sealed, both_directions_change_their_keys)
{
	uint8_t bytes[sizeof(struct tls12_crypto_info_aes_gcm_256)], before[sizeof(bytes)];
	struct pair *pair = &self->pair;

	ASSERT_EQ(0, pair_shake_hands(pair, SUITE));
	ASSERT_EQ(0, pair_install(pair));
	for (int i = 0; i < 20; i++) {
		ASSERT_EQ(0, read_back(pair->client.socket, SUITE, TLS_TX, before));
		ASSERT_EQ(0, update(&pair->client, &pair->server));
		ASSERT_EQ(0, read_back(pair->client.socket, SUITE, TLS_TX, bytes));
		EXPECT_TRUE(all_zero(bytes + SUITE->key_at, SUITE->key_len));
		EXPECT_NE(0, memcmp(before + 4, bytes + 4, 8));
		EXPECT_EQ(0, bytes[SUITE->size - 1]);
		ASSERT_TRUE(passes_both_ways(pair));
		if (i % 3)
			ASSERT_EQ(0, update(&pair->server, &pair->client));
		ASSERT_TRUE(passes_both_ways(pair));
	}
}

/* Who does not follow a KeyUpdate understands nothing more. */
TEST_F(sealed, a_key_is_another_one_after_an_update)
{
	struct pair *pair = &self->pair;
	uint8_t got[100], type;

	ASSERT_EQ(0, pair_shake_hands(pair, SUITE));
	ASSERT_EQ(0, pair_install(pair));
	ASSERT_EQ(0, qkd_session_update(pair->client.session, QKD_UPDATE_F_TX));
	ASSERT_EQ(5, send(pair->client.socket, "hello", 5, MSG_NOSIGNAL));
	EXPECT_EQ(-EBADMSG, receive_record(pair->server.socket, &type, got, sizeof(got)));
}

static int keep(const struct qkd_session_info *info, void *arg)
{
	struct qkd_session_info *kept = arg;

	if (info->direction == QKD_DIR_OUTBOUND)
		*kept = *info;
	return 0;
}

static int count(const struct qkd_session_info *info, void *arg)
{
	++*(int *)arg;
	return 0;
}

static int listed(struct qkd_nl *nl)
{
	int number = 0;

	return qkd_nl_session_list(nl, count, &number) ? -1 : number;
}

TEST_F(sealed, is_shown_until_its_socket_is_closed)
{
	struct pair *pair = &self->pair;
	struct qkd_session_info info = { 0 };

	ASSERT_EQ(0, pair_shake_hands(pair, SUITE));
	EXPECT_EQ(0, listed(pair->client.end.nl));
	ASSERT_EQ(0, pair_install(pair));
	ASSERT_EQ(0, update(&pair->client, &pair->server));
	ASSERT_EQ(0, update(&pair->client, &pair->server));
	ASSERT_EQ(0, update(&pair->server, &pair->client));
	ASSERT_EQ(2, listed(pair->client.end.nl));
	ASSERT_EQ(0, qkd_nl_session_list(pair->client.end.nl, keep, &info));
	EXPECT_STREQ(LINK, info.link);
	EXPECT_EQ(0, memcmp(info.id, pair->id, sizeof(info.id)));
	EXPECT_EQ(SUITE->number, info.suite);
	EXPECT_TRUE(info.sealed);
	EXPECT_EQ(GROUP, info.group);
	EXPECT_STREQ(PEER, info.peer);
	EXPECT_EQ(2, info.tx_generation);
	EXPECT_EQ(1, info.rx_generation);
	/* Without its session a connection goes on, and is shown. */
	close(pair->client.session);
	pair->client.session = -1;
	EXPECT_TRUE(passes_both_ways(pair));
	EXPECT_EQ(2, listed(pair->client.end.nl));
	/* Without its socket a session is not, even if it is open. */
	close(pair->server.socket);
	pair->server.socket = -1;
	ASSERT_SOON(listed(pair->client.end.nl) == 1);
	close(pair->client.socket);
	pair->client.socket = -1;
	ASSERT_SOON(listed(pair->client.end.nl) == 0);
	EXPECT_EQ(-ENOTCONN, qkd_session_update(pair->server.session, QKD_UPDATE_F_TX));
}

/* Its key is spent as any other, and told of. */
TEST_F(sealed, keys_are_spent_once)
{
	struct pair *pair = &self->pair;
	struct qkd_key_get get;
	uint8_t hash[QKD_HASH_LEN_MAX], binder[QKD_HASH_LEN_MAX];

	ASSERT_EQ(0, pair_open(pair, SUITE->kdf));
	EXPECT_EQ(1, stat_of(pair->client.end.nl, LINK, QKD_A_STATS_OUTBOUND_SPENT));
	EXPECT_EQ(1, stat_of(pair->client.end.nl, "beta", QKD_A_STATS_INBOUND_RESERVED));
	EXPECT_EQ(-EBUSY, get_by_id(pair->server.end.fd, pair->id, 0, &get));
	EXPECT_EQ(-EBUSY, qkd_session_open_server(pair->server.end.fd, 1U << SUITE->kdf,
						  pair->context, pair->id, 0));
	ASSERT_EQ(0, pair_binder(pair, SUITE->kdf));
	EXPECT_EQ(1, stat_of(pair->client.end.nl, "beta", QKD_A_STATS_INBOUND_SPENT));
	EXPECT_EQ(-EKEYREVOKED, qkd_session_open_server(pair->server.end.fd, 1U << SUITE->kdf,
							pair->context, pair->id, 0));
	/* One that is not proved goes back, and may be had again. */
	close(pair->server.session);
	close(pair->client.session);
	ASSERT_EQ(0, pair_open(pair, SUITE->kdf));
	pattern(hash, sizeof(hash), 2);
	ASSERT_EQ(0, qkd_session_binder(pair->client.session, SUITE->kdf, hash, binder));
	binder[qkd_kdf_len(SUITE->kdf) - 1] ^= 1;
	EXPECT_EQ(-EBADMSG,
		  qkd_session_check_binder(pair->server.session, SUITE->kdf, hash, binder));
	EXPECT_EQ(1, stat_of(pair->client.end.nl, "beta", QKD_A_STATS_MISMATCHED));
	EXPECT_EQ(0, stat_of(pair->client.end.nl, "beta", QKD_A_STATS_INBOUND_RESERVED));
	binder[qkd_kdf_len(SUITE->kdf) - 1] ^= 1;
	EXPECT_EQ(-EINVAL,
		  qkd_session_check_binder(pair->server.session, SUITE->kdf, hash, binder));
	close(pair->server.session);
	pair->server.session = qkd_session_open_server(pair->server.end.fd, 1U << SUITE->kdf,
						       pair->context, pair->id, 0);
	ASSERT_LE(0, pair->server.session);
	EXPECT_EQ(0, qkd_session_check_binder(pair->server.session, SUITE->kdf, hash, binder));
	/* So does one whose session is closed. */
	close(pair->client.session);
	close(pair->server.session);
	ASSERT_EQ(0, pair_open(pair, SUITE->kdf));
	close(pair->server.session);
	EXPECT_EQ(0, stat_of(pair->client.end.nl, "beta", QKD_A_STATS_INBOUND_RESERVED));
	pair->server.session = qkd_session_open_server(pair->server.end.fd, 1U << SUITE->kdf,
						       pair->context, pair->id, 0);
	EXPECT_LE(0, pair->server.session);
}

/* A client of two hashes, and a second hello */
TEST_F(sealed, a_client_makes_binders_for_both_hashes_and_two_hellos)
{
	struct pair *pair = &self->pair;
	uint8_t hash[QKD_HASH_LEN_MAX], binder[QKD_HASH_LEN_MAX];

	pair->client.session = qkd_session_open_client(pair->client.end.fd,
						       1U << QKD_KDF_SHA256 | 1U << QKD_KDF_SHA384,
						       pair->context, DEADLINE_MS, pair->id);
	ASSERT_LE(0, pair->client.session);
	pattern(hash, sizeof(hash), 2);
	for (int i = 0; i < 2; i++) {
		hash[0] = (uint8_t)i;
		ASSERT_EQ(0,
			  qkd_session_binder(pair->client.session, QKD_KDF_SHA256, hash, binder));
		ASSERT_EQ(0,
			  qkd_session_binder(pair->client.session, QKD_KDF_SHA384, hash, binder));
	}
	EXPECT_EQ(-EINVAL, qkd_session_binder(pair->client.session, QKD_KDF_SHA256, hash, binder));
	EXPECT_EQ(-EINVAL, qkd_session_binder(pair->client.session, QKD_KDF_SHA384, hash, binder));
	EXPECT_EQ(0, side_handshake(&pair->client, SUITE));
}

TEST_HARNESS_MAIN
