// SPDX-License-Identifier: GPL-2.0-or-later
/* Traffic keys onto a socket, with each of the kernel's answers in turn */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <linux/tls.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <cmocka.h>

#include "tls/ktls.h"

#define FD		   77
#define SOL_TLS_VALUE	   282
#define FULL		   16384
#define TX_MAX_PAYLOAD_LEN 5

enum step {
	STEP_ULP,
	STEP_PROBE,
	STEP_TAKE,
	STEP_TX,
	STEP_LIMIT,
	STEP_RX,
	STEP_SHUTDOWN,
	STEP_COUNT,
};

static struct {
	int fail[STEP_COUNT]; /* errno that the step is to fail with, 0: succeed */
	enum step calls[8];
	size_t count;
	uint8_t tx[64];
	uint8_t rx[64];
	socklen_t tx_len;
	socklen_t rx_len;
	uint16_t payload_max;
	struct qkdtls_traffic_key key_tx;
	struct qkdtls_traffic_key key_rx;
} fake;

static int answer(enum step step)
{
	assert_true(fake.count < sizeof(fake.calls) / sizeof(fake.calls[0]));
	fake.calls[fake.count++] = step;
	errno = fake.fail[step];
	return fake.fail[step] ? -1 : 0;
}

static int fake_setsockopt(int fd, int level, int option, const void *value, socklen_t len)
{
	assert_int_equal(fd, FD);
	if (level == IPPROTO_TCP) {
		assert_int_equal(option, TCP_ULP);
		assert_int_equal(len, 3);
		assert_memory_equal(value, "tls", 3);
		return answer(STEP_ULP);
	}
	assert_int_equal(level, SOL_TLS_VALUE);
	if (option == TX_MAX_PAYLOAD_LEN) {
		assert_int_equal(len, sizeof(fake.payload_max));
		memcpy(&fake.payload_max, value, len);
		return answer(fake.payload_max == FULL ? STEP_PROBE : STEP_LIMIT);
	}
	assert_true(len <= sizeof(fake.tx));
	if (option == TLS_TX) {
		memcpy(fake.tx, value, len);
		fake.tx_len = len;
		return answer(STEP_TX);
	}
	assert_int_equal(option, TLS_RX);
	memcpy(fake.rx, value, len);
	fake.rx_len = len;
	return answer(STEP_RX);
}

static int fake_shutdown(int fd, int how)
{
	assert_int_equal(fd, FD);
	assert_int_equal(how, SHUT_RDWR);
	return answer(STEP_SHUTDOWN);
}

static int fake_take(struct qkdtls_conn *conn, struct qkdtls_traffic_key *tx,
		     struct qkdtls_traffic_key *rx)
{
	*tx = fake.key_tx;
	*rx = fake.key_rx;
	return answer(STEP_TAKE) ? -fake.fail[STEP_TAKE] : 0;
}

static const struct ktls_calls calls = {
	.setsockopt = fake_setsockopt,
	.shutdown = fake_shutdown,
	.take_keys = fake_take,
};

static void key_make(struct qkdtls_traffic_key *key, uint16_t suite, uint8_t first, uint64_t seq)
{
	key->suite = suite;
	key->key_len = suite == QKDTLS_AES_128_GCM_SHA256 ? 16 : 32;
	for (size_t i = 0; i < key->key_len; i++)
		key->key[i] = (uint8_t)(first + i);
	for (size_t i = 0; i < sizeof(key->iv); i++)
		key->iv[i] = (uint8_t)(first + 0x40 + i);
	key->seq = seq;
}

static void fake_reset(uint16_t suite)
{
	memset(&fake, 0, sizeof(fake));
	key_make(&fake.key_tx, suite, 0x10, 0);
	key_make(&fake.key_rx, suite, 0x80, 0x0102030405060708);
}

static int setup(void **state)
{
	fake_reset(QKDTLS_AES_256_GCM_SHA384);
	return 0;
}

static int install_limited(size_t payload_max)
{
	return qkdtls_ktls_install_by(NULL, fake.key_tx.suite, payload_max, FD, &calls);
}

static int install(void)
{
	return install_limited(FULL);
}

static void assert_calls(const enum step *steps, size_t count)
{
	assert_int_equal(fake.count, count);
	for (size_t i = 0; i < count; i++)
		assert_int_equal(fake.calls[i], steps[i]);
}

#define ASSERT_CALLS(...)                                              \
	do {                                                           \
		static const enum step steps[] = { __VA_ARGS__ };      \
		assert_calls(steps, sizeof(steps) / sizeof(steps[0])); \
	} while (0)

static void keys_go_on_after_the_ulp(void **state)
{
	assert_int_equal(install(), 0);
	ASSERT_CALLS(STEP_ULP, STEP_TAKE, STEP_TX, STEP_RX);
}

static void aes_128_has_the_kernels_layout(void **state)
{
	struct tls12_crypto_info_aes_gcm_128 tx, rx;

	fake_reset(QKDTLS_AES_128_GCM_SHA256);
	assert_int_equal(install(), 0);
	assert_int_equal(fake.tx_len, 40);
	assert_int_equal(fake.rx_len, 40);
	memcpy(&tx, fake.tx, sizeof(tx));
	memcpy(&rx, fake.rx, sizeof(rx));
	assert_int_equal(tx.info.version, 0x0304);
	assert_int_equal(tx.info.cipher_type, 51);
	assert_memory_equal(tx.key, fake.key_tx.key, 16);
	assert_memory_equal(tx.salt, "\x50\x51\x52\x53", 4);
	assert_memory_equal(tx.iv, "\x54\x55\x56\x57\x58\x59\x5a\x5b", 8);
	assert_memory_equal(tx.rec_seq, "\0\0\0\0\0\0\0\0", 8);
	assert_memory_equal(rx.key, fake.key_rx.key, 16);
	assert_memory_equal(rx.rec_seq, "\1\2\3\4\5\6\7\x08", 8);
}

static void aes_256_has_the_kernels_layout(void **state)
{
	struct tls12_crypto_info_aes_gcm_256 tx, rx;

	assert_int_equal(install(), 0);
	assert_int_equal(fake.tx_len, 56);
	assert_int_equal(fake.rx_len, 56);
	memcpy(&tx, fake.tx, sizeof(tx));
	memcpy(&rx, fake.rx, sizeof(rx));
	assert_int_equal(rx.info.version, 0x0304);
	assert_int_equal(rx.info.cipher_type, 52);
	assert_memory_equal(rx.key, fake.key_rx.key, 32);
	assert_memory_equal(rx.salt, "\xc0\xc1\xc2\xc3", 4);
	assert_memory_equal(rx.iv, "\xc4\xc5\xc6\xc7\xc8\xc9\xca\xcb", 8);
	assert_memory_equal(rx.rec_seq, "\1\2\3\4\5\6\7\x08", 8);
	assert_memory_equal(tx.key, fake.key_tx.key, 32);
}

/* Here the whole write IV is the kernel's IV, and there is no salt. */
static void chacha20_has_the_kernels_layout(void **state)
{
	struct tls12_crypto_info_chacha20_poly1305 tx, rx;

	fake_reset(QKDTLS_CHACHA20_POLY1305_SHA256);
	assert_int_equal(install(), 0);
	assert_int_equal(fake.tx_len, 56);
	assert_int_equal(fake.rx_len, 56);
	memcpy(&tx, fake.tx, sizeof(tx));
	memcpy(&rx, fake.rx, sizeof(rx));
	assert_int_equal(rx.info.version, 0x0304);
	assert_int_equal(rx.info.cipher_type, 54);
	assert_memory_equal(tx.key, fake.key_tx.key, 32);
	assert_memory_equal(rx.key, fake.key_rx.key, 32);
	assert_memory_equal(rx.iv, fake.key_rx.iv, 12);
	assert_memory_equal(rx.rec_seq, "\1\2\3\4\5\6\7\x08", 8);
}

/* Then the engine must keep its keys and the socket stay as it is. */
static void kernel_without_tls_changes_nothing(void **state)
{
	static const int errors[] = { ENOENT, ENOPROTOOPT, EOPNOTSUPP, ENOTCONN };

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		fake_reset(QKDTLS_AES_256_GCM_SHA384);
		fake.fail[STEP_ULP] = errors[i];
		assert_int_equal(install(), -EOPNOTSUPP);
		ASSERT_CALLS(STEP_ULP);
	}
}

static void unknown_cipher_changes_nothing(void **state)
{
	assert_int_equal(qkdtls_ktls_install_by(NULL, 0x1399, FULL, FD, &calls), -EOPNOTSUPP);
	assert_int_equal(fake.count, 0);
}

static void other_ulp_failure_shuts_down(void **state)
{
	static const int errors[] = { EEXIST, EPERM, ENOMEM };

	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		fake_reset(QKDTLS_AES_256_GCM_SHA384);
		fake.fail[STEP_ULP] = errors[i];
		assert_int_equal(install(), -errors[i]);
		ASSERT_CALLS(STEP_ULP, STEP_SHUTDOWN);
	}
}

static void keys_that_cannot_be_taken_shut_down(void **state)
{
	fake.fail[STEP_TAKE] = EPERM;
	assert_int_equal(install(), -EPERM);
	ASSERT_CALLS(STEP_ULP, STEP_TAKE, STEP_SHUTDOWN);
}

static void tx_failure_shuts_down(void **state)
{
	fake.fail[STEP_TX] = ENOENT;
	assert_int_equal(install(), -ENOENT);
	ASSERT_CALLS(STEP_ULP, STEP_TAKE, STEP_TX, STEP_SHUTDOWN);
}

static void rx_failure_shuts_down(void **state)
{
	fake.fail[STEP_RX] = EBUSY;
	assert_int_equal(install(), -EBUSY);
	ASSERT_CALLS(STEP_ULP, STEP_TAKE, STEP_TX, STEP_RX, STEP_SHUTDOWN);
}

/* -EOPNOTSUPP would make a caller go on with a socket that sends plain text. */
static void late_failure_never_says_unsupported(void **state)
{
	static const enum step steps[] = { STEP_TAKE, STEP_TX, STEP_RX };

	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		fake_reset(QKDTLS_AES_256_GCM_SHA384);
		fake.fail[steps[i]] = EOPNOTSUPP;
		assert_int_equal(install(), -EIO);
		assert_int_equal(fake.calls[fake.count - 1], STEP_SHUTDOWN);
	}
}

static void key_of_another_suite_is_refused(void **state)
{
	key_make(&fake.key_rx, QKDTLS_AES_128_GCM_SHA256, 0x80, 0);
	assert_int_equal(install(), -EINVAL);
	ASSERT_CALLS(STEP_ULP, STEP_TAKE, STEP_TX, STEP_SHUTDOWN);
}

static void key_of_wrong_length_is_refused(void **state)
{
	fake.key_tx.key_len = 31;
	assert_int_equal(install(), -EINVAL);
	ASSERT_CALLS(STEP_ULP, STEP_TAKE, STEP_SHUTDOWN);
}

/* The peer's record_size_limit, without the byte for the type, known to the kernel before it could be broken */
static void peers_limit_goes_on_before_the_way_in(void **state)
{
	assert_int_equal(install_limited(63), 0);
	ASSERT_CALLS(STEP_ULP, STEP_PROBE, STEP_TAKE, STEP_TX, STEP_LIMIT, STEP_RX);
	assert_int_equal(fake.payload_max, 63);
}

static void kernel_that_knows_no_limit_gets_no_key(void **state)
{
	fake.fail[STEP_PROBE] = ENOPROTOOPT;
	assert_int_equal(install_limited(FULL - 1), -EOPNOTSUPP);
	ASSERT_CALLS(STEP_ULP, STEP_PROBE);
}

static void limit_failure_shuts_down(void **state)
{
	fake.fail[STEP_LIMIT] = EBUSY;
	assert_int_equal(install_limited(1000), -EBUSY);
	ASSERT_CALLS(STEP_ULP, STEP_PROBE, STEP_TAKE, STEP_TX, STEP_LIMIT, STEP_SHUTDOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(keys_go_on_after_the_ulp, setup),
		cmocka_unit_test_setup(aes_128_has_the_kernels_layout, setup),
		cmocka_unit_test_setup(aes_256_has_the_kernels_layout, setup),
		cmocka_unit_test_setup(chacha20_has_the_kernels_layout, setup),
		cmocka_unit_test_setup(kernel_without_tls_changes_nothing, setup),
		cmocka_unit_test_setup(unknown_cipher_changes_nothing, setup),
		cmocka_unit_test_setup(other_ulp_failure_shuts_down, setup),
		cmocka_unit_test_setup(keys_that_cannot_be_taken_shut_down, setup),
		cmocka_unit_test_setup(tx_failure_shuts_down, setup),
		cmocka_unit_test_setup(rx_failure_shuts_down, setup),
		cmocka_unit_test_setup(late_failure_never_says_unsupported, setup),
		cmocka_unit_test_setup(peers_limit_goes_on_before_the_way_in, setup),
		cmocka_unit_test_setup(kernel_that_knows_no_limit_gets_no_key, setup),
		cmocka_unit_test_setup(limit_failure_shuts_down, setup),
		cmocka_unit_test_setup(key_of_another_suite_is_refused, setup),
		cmocka_unit_test_setup(key_of_wrong_length_is_refused, setup),
	};

	return cmocka_run_group_tests_name("ktls", tests, NULL, NULL);
}
