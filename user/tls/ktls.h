/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What qkdtls_ktls_install() does, with the calls it makes as a table so that a test can fail each.
 */
#ifndef _QKD_TLS_KTLS_H
#define _QKD_TLS_KTLS_H

#include <qkd/qkdtls.h>
#include <sys/socket.h>

struct ktls_calls {
	int (*setsockopt)(int fd, int level, int option, const void *value, socklen_t len);
	int (*shutdown)(int fd, int how);
	int (*take_keys)(struct qkdtls_conn *conn, struct qkdtls_traffic_key *tx,
			 struct qkdtls_traffic_key *rx);
};

/* @conn is only handed to take_keys; @suite and @payload_max (of a record's content) are what it negotiated. */
int qkdtls_ktls_install_by(struct qkdtls_conn *conn, uint16_t suite, size_t payload_max, int fd,
			   const struct ktls_calls *calls);

#endif /* _QKD_TLS_KTLS_H */
