// SPDX-License-Identifier: GPL-2.0-or-later
/* Records on a socket that the kernel's TLS protects. Plain data goes by send(), sendfile() and splice(). */
#include <errno.h>
#include <linux/tls.h>
#include <string.h>
#include <sys/socket.h>

#include "tls/internal.h"
#include "tls/ktls.h"

#ifndef SOL_TLS
#define SOL_TLS 282
#endif

union record_type_cmsg {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(uint8_t))];
};

static int send_record(int fd, uint8_t type, const void *data, size_t len, int flags)
{
	union record_type_cmsg control = { 0 };
	struct iovec iov = { .iov_base = (void *)data, .iov_len = len };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
	ssize_t n;

	cmsg->cmsg_level = SOL_TLS;
	cmsg->cmsg_type = TLS_SET_RECORD_TYPE;
	cmsg->cmsg_len = CMSG_LEN(sizeof(type));
	*CMSG_DATA(cmsg) = type;
	do {
		n = sendmsg(fd, &msg, MSG_NOSIGNAL | flags);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	return (size_t)n == len ? 0 : -EIO;
}

int qkdtls_ktls_send_record(int fd, uint8_t type, const void *data, size_t len)
{
	return send_record(fd, type, data, len, 0);
}

int qkdtls_ktls_send_alert(int fd, enum qkdtls_alert alert)
{
	uint8_t body[QKDTLS_ALERT_LEN];

	qkdtls_alert_write(alert, body);
	return qkdtls_ktls_send_record(fd, QKDTLS_CONTENT_ALERT, body, sizeof(body));
}

int qkdtls_ktls_send_alert_now(int fd, enum qkdtls_alert alert)
{
	uint8_t body[QKDTLS_ALERT_LEN];

	qkdtls_alert_write(alert, body);
	return send_record(fd, QKDTLS_CONTENT_ALERT, body, sizeof(body), MSG_DONTWAIT);
}

ssize_t qkdtls_ktls_receive(int fd, struct iovec *buffers, size_t count, uint8_t *type)
{
	union record_type_cmsg control = { 0 };
	struct msghdr msg = {
		.msg_iov = buffers,
		.msg_iovlen = count,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *cmsg;
	ssize_t n;

	do {
		n = recvmsg(fd, &msg, 0);
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	cmsg = CMSG_FIRSTHDR(&msg);
	if (cmsg && cmsg->cmsg_level == SOL_TLS && cmsg->cmsg_type == TLS_GET_RECORD_TYPE &&
	    cmsg->cmsg_len >= CMSG_LEN(sizeof(uint8_t)))
		*type = *CMSG_DATA(cmsg);
	else
		*type = n ? QKDTLS_CONTENT_DATA : 0;
	return n;
}
