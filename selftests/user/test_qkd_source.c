// SPDX-License-Identifier: GPL-2.0-or-later
/* The PSK source over /dev/qkd, with a device whose answers the test gives: ioctl() is this file's. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>
#include <linux/qkd.h>
#include <qkd/qkdtls.h>

#define FD 77

static const uint8_t id[QKD_KEY_ID_LEN] = "0123456789abcde";

static struct {
	int error; /* what the next call fails with, 0: succeed */
	unsigned long request;
	uint8_t key_id[QKD_KEY_ID_LEN];
	uint32_t key_len;
	uint32_t timeout_ms;
	uint32_t flags;
	unsigned int calls;
} device;

int ioctl(int fd, unsigned long request, ...);

int ioctl(int fd, unsigned long request, ...)
{
	struct qkd_key_get *get;
	va_list args;

	va_start(args, request);
	get = va_arg(args, void *);
	va_end(args);
	assert_int_equal(fd, FD);
	device.calls++;
	device.request = request;
	if (device.error) {
		errno = device.error;
		return -1;
	}
	if (request == QKD_IOC_COMMIT || request == QKD_IOC_RELEASE) {
		memcpy(device.key_id, ((struct qkd_key_ref *)get)->key_id, QKD_KEY_ID_LEN);
		device.flags = ((struct qkd_key_ref *)get)->flags;
		return 0;
	}
	device.timeout_ms = get->timeout_ms;
	memcpy(device.key_id, get->key_id, QKD_KEY_ID_LEN);
	memcpy(get->key_id, id, QKD_KEY_ID_LEN);
	get->key_len = device.key_len;
	memset(get->key, 0x5a, device.key_len);
	return 0;
}

static struct qkdtls_qkd source;
static struct qkdtls_psk psk;

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

static int setup(void **state)
{
	memset(&device, 0, sizeof(device));
	memset(&psk, 0, sizeof(psk));
	device.key_len = 32;
	source = (struct qkdtls_qkd){ .fd = FD };
	return 0;
}

static int take(void)
{
	return qkdtls_qkd_ops.take(&source, &psk);
}

static int find(void)
{
	return qkdtls_qkd_ops.find(&source, id, sizeof(id), &psk);
}

static void assert_psk(void)
{
	uint8_t bytes[32];

	memset(bytes, 0x5a, sizeof(bytes));
	assert_int_equal(psk.id_len, QKD_KEY_ID_LEN);
	assert_memory_equal(psk.id, id, QKD_KEY_ID_LEN);
	assert_int_equal(psk.secret_len, 32);
	assert_memory_equal(psk.secret, bytes, 32);
}

static void take_gives_the_next_outbound_key(void **state)
{
	assert_int_equal(take(), QKDTLS_PSK_FOUND);
	assert_int_equal(device.request, QKD_IOC_GET_KEY);
	assert_int_equal(device.timeout_ms, 0);
	assert_psk();
}

static void find_reserves_the_key_of_the_id(void **state)
{
	assert_int_equal(find(), QKDTLS_PSK_FOUND);
	assert_int_equal(device.request, QKD_IOC_GET_KEY_BY_ID);
	assert_int_equal(device.timeout_ms, 0);
	assert_memory_equal(device.key_id, id, QKD_KEY_ID_LEN);
	assert_psk();
}

static void find_asks_for_no_id_of_another_length(void **state)
{
	assert_int_equal(qkdtls_qkd_ops.find(&source, id, 15, &psk), QKDTLS_PSK_NONE);
	assert_int_equal(qkdtls_qkd_ops.find(&source, id, 0, &psk), QKDTLS_PSK_NONE);
	assert_int_equal(device.calls, 0);
	assert_int_equal(source.error, ENOKEY);
}

static void no_key_is_pending_until_the_deadline(void **state)
{
	device.error = EAGAIN;
	source.deadline_ms = now_ms() + 3600 * 1000;
	assert_int_equal(take(), QKDTLS_PSK_PENDING);
	source.deadline_ms = 1;
	assert_int_equal(take(), QKDTLS_PSK_NONE);
	assert_int_equal(source.error, EAGAIN);
}

static void no_deadline_is_no_waiting(void **state)
{
	device.error = EAGAIN;
	assert_int_equal(take(), QKDTLS_PSK_NONE);
	device.error = ENOKEY;
	assert_int_equal(find(), QKDTLS_PSK_NONE);
	assert_int_equal(source.error, ENOKEY);
}

static void unknown_and_reserved_keys_may_yet_come(void **state)
{
	static const int errors[] = { ENOKEY, EBUSY, EDQUOT };

	source.deadline_ms = now_ms() + 3600 * 1000;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		device.error = errors[i];
		assert_int_equal(find(), QKDTLS_PSK_PENDING);
	}
}

static void spent_and_expired_keys_will_not_come(void **state)
{
	static const int errors[] = { EKEYREVOKED, EKEYEXPIRED };

	source.deadline_ms = now_ms() + 3600 * 1000;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		device.error = errors[i];
		assert_int_equal(find(), QKDTLS_PSK_NONE);
		assert_int_equal(source.error, errors[i]);
	}
}

static void other_refusals_are_failures(void **state)
{
	static const int errors[] = { ENODEV, EACCES, EDESTADDRREQ, EINVAL };

	source.deadline_ms = now_ms() + 3600 * 1000;
	for (size_t i = 0; i < sizeof(errors) / sizeof(errors[0]); i++) {
		device.error = errors[i];
		assert_int_equal(take(), -errors[i]);
		assert_int_equal(find(), -errors[i]);
		assert_int_equal(source.error, errors[i]);
	}
}

static void key_of_impossible_length_is_a_failure(void **state)
{
	device.key_len = 0;
	assert_int_equal(take(), -EPROTO);
	device.key_len = 15;
	assert_int_equal(find(), -EPROTO);
	assert_int_equal(psk.secret_len, 0);
}

static void link_that_was_not_opened_answers_why(void **state)
{
	source.fd = -ENODEV;
	assert_int_equal(take(), -ENODEV);
	assert_int_equal(find(), -ENODEV);
	assert_int_equal(source.error, ENODEV);
	assert_int_equal(device.calls, 0);
}

static void commit_spends_and_release_puts_back(void **state)
{
	assert_int_equal(qkdtls_qkd_ops.commit(&source, id, sizeof(id)), 0);
	assert_int_equal(device.request, QKD_IOC_COMMIT);
	assert_memory_equal(device.key_id, id, QKD_KEY_ID_LEN);
	assert_int_equal(device.flags, 0);
	qkdtls_qkd_ops.release(&source, id, sizeof(id), QKDTLS_PSK_UNUSED);
	assert_int_equal(device.request, QKD_IOC_RELEASE);
	assert_int_equal(device.flags, 0);
}

static void release_says_that_the_binder_was_wrong(void **state)
{
	qkdtls_qkd_ops.release(&source, id, sizeof(id), QKDTLS_PSK_MISMATCH);
	assert_int_equal(device.request, QKD_IOC_RELEASE);
	assert_memory_equal(device.key_id, id, QKD_KEY_ID_LEN);
	assert_int_equal(device.flags, QKD_RELEASE_F_MISMATCH);
}

static void refused_commit_is_told(void **state)
{
	device.error = EKEYREVOKED;
	assert_int_equal(qkdtls_qkd_ops.commit(&source, id, sizeof(id)), -EKEYREVOKED);
	assert_int_equal(source.error, EKEYREVOKED);
	assert_int_equal(qkdtls_qkd_ops.commit(&source, id, 3), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(take_gives_the_next_outbound_key, setup),
		cmocka_unit_test_setup(find_reserves_the_key_of_the_id, setup),
		cmocka_unit_test_setup(find_asks_for_no_id_of_another_length, setup),
		cmocka_unit_test_setup(no_key_is_pending_until_the_deadline, setup),
		cmocka_unit_test_setup(no_deadline_is_no_waiting, setup),
		cmocka_unit_test_setup(unknown_and_reserved_keys_may_yet_come, setup),
		cmocka_unit_test_setup(spent_and_expired_keys_will_not_come, setup),
		cmocka_unit_test_setup(other_refusals_are_failures, setup),
		cmocka_unit_test_setup(key_of_impossible_length_is_a_failure, setup),
		cmocka_unit_test_setup(link_that_was_not_opened_answers_why, setup),
		cmocka_unit_test_setup(commit_spends_and_release_puts_back, setup),
		cmocka_unit_test_setup(release_says_that_the_binder_was_wrong, setup),
		cmocka_unit_test_setup(refused_commit_is_told, setup),
	};

	return cmocka_run_group_tests_name("qkd_source", tests, NULL, NULL);
}
