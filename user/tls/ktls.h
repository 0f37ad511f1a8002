/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's TLS: keys (ktls.c) and records (ktls_record.c) of a socket. What it is good for is in socket.c. */
#ifndef _QKD_TLS_KTLS_H
#define _QKD_TLS_KTLS_H

#include <qkd/qkdtls.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* What qkdtls_ktls_install() calls, so that a test can fail each. */
struct ktls_calls {
	int (*setsockopt)(int fd, int level, int option, const void *value, socklen_t len);
	int (*shutdown)(int fd, int how);
	int (*take_keys)(struct qkdtls_conn *conn, struct qkdtls_traffic_key *tx,
			 struct qkdtls_traffic_key *rx);
};

/* @conn is only handed to take_keys; @suite and @payload_max (of a record's content) are what it negotiated. */
int qkdtls_ktls_install_by(struct qkdtls_conn *conn, uint16_t suite, size_t payload_max, int fd,
			   const struct ktls_calls *calls);

/* The next key of @sender, in the schedule and at the socket. On an error the socket has been shut down. */
int qkdtls_ktls_next_key(struct qkdtls_conn *conn, int fd, enum qkdtls_role sender);

/* Records under the key of @sender, as the kernel counts them; UINT64_MAX if it does not say */
uint64_t qkdtls_ktls_records(const struct qkdtls_conn *conn, int fd, enum qkdtls_role sender);

/* The most that goes into a record of this socket; full records where the kernel has no limit */
size_t qkdtls_ktls_payload_max(int fd);

/* A record of another type than data, whole: 0, or a negative errno */
int qkdtls_ktls_send_record(int fd, uint8_t type, const void *data, size_t len);

/* close_notify and user_canceled as warnings, others fatal; errors as above */
int qkdtls_ktls_send_alert(int fd, enum qkdtls_alert alert);
int qkdtls_ktls_send_alert_now(int fd, enum qkdtls_alert alert); /* -EAGAIN instead of waiting */

/*
 * Of the next record, or several of data, what these buffers take; @type tells which type. Returns its bytes; 0 for both an
 * empty record (@type set) and the end of the stream (@type 0); or a negative errno.
 */
ssize_t qkdtls_ktls_receive(int fd, struct iovec *buffers, size_t count, uint8_t *type);

#endif /* _QKD_TLS_KTLS_H */
