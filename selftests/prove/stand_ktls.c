// SPDX-License-Identifier: GPL-2.0-or-later
/* Stands for the kernel's TLS: it hands up records of any type and content, as many as the harness says, or any error. */
#include <errno.h>
#include "prove.h"
#include "tls/ktls.h"

extern int records_left;

ssize_t qkdtls_ktls_receive(int fd, struct iovec *buffers, size_t count, uint8_t *type)
{
	const size_t got = nondet_size();
	const int error = nondet_int();
	size_t room = 0;

	for (size_t i = 0; i < count; i++) {
		check(__CPROVER_w_ok(buffers[i].iov_base, buffers[i].iov_len),
		      "there is room for what the kernel may write");
		room += buffers[i].iov_len;
	}
	if (!records_left || error) {
		assume(error > -4096 && error < 0);
		return error;
	}
	records_left--;
	*type = nondet_u8();
	assume(got <= room);
	return (ssize_t)got;
}

int qkdtls_ktls_send_record(int fd, uint8_t type, const void *data, size_t len)
{
	check(__CPROVER_r_ok(data, len), "what is sent is there");
	return nondet_bool() ? 0 : -EAGAIN;
}

int qkdtls_ktls_send_alert(int fd, enum qkdtls_alert alert)
{
	return nondet_bool() ? 0 : -EAGAIN;
}

int qkdtls_ktls_next_key(struct qkdtls_conn *conn, int fd, enum qkdtls_role sender)
{
	return nondet_bool() ? 0 : -ENOMEM;
}

uint64_t qkdtls_ktls_records(const struct qkdtls_conn *conn, int fd, enum qkdtls_role sender)
{
	return nondet_u64();
}
