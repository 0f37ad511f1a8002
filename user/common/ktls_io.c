// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <linux/tls.h>
#include <string.h>
#include <sys/socket.h>

#include "common/ktls_io.h"

#ifndef SOL_TLS
#define SOL_TLS 282
#endif

#define ALERT_LEVEL_WARNING 1
#define ALERT_LEVEL_FATAL   2

union record_type_cmsg {
	struct cmsghdr align;
	char bytes[CMSG_SPACE(sizeof(uint8_t))];
};

ssize_t ktls_receive(int fd, void *buf, size_t len, uint8_t *type)
{
	struct iovec iov = { .iov_base = buf, .iov_len = len };
	union record_type_cmsg control = { 0 };
	struct msghdr msg = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
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
		*type = n ? KTLS_RECORD_DATA : 0;
	return n;
}

int ktls_send_alert(int fd, enum qkdtls_alert alert)
{
	const uint8_t body[] = {
		alert == QKDTLS_ALERT_CLOSE_NOTIFY ? ALERT_LEVEL_WARNING : ALERT_LEVEL_FATAL,
		(uint8_t)alert,
	};

	return qkdtls_ktls_send_record(fd, KTLS_RECORD_ALERT, body, sizeof(body));
}
