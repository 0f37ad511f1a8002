/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records on a socket that the kernel's TLS protects. Plain data goes by send(), sendfile() and
 * splice(). */
#ifndef _QKD_COMMON_KTLS_IO_H
#define _QKD_COMMON_KTLS_IO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <qkd/qkdtls.h>

/* TLS content types */
#define KTLS_RECORD_ALERT     21
#define KTLS_RECORD_HANDSHAKE 22
#define KTLS_RECORD_DATA      23

/* A buffer of this size takes any record whole. */
#define KTLS_RECORD_MAX 16384

/*
 * What the next record holds, of one type, which @type tells: KTLS_RECORD_DATA, or another for
 * qkdtls_control(). Returns its bytes; 0 for both an empty record (@type set) and the end of the
 * stream
 * (@type 0: without close_notify before it, the peer was cut off); or a negative errno: -EAGAIN:
 * nothing yet; -EBADMSG: forged or garbled; -EKEYEXPIRED: the peer has changed its key.
 */
ssize_t ktls_receive(int fd, void *buf, size_t len, uint8_t *type);

/* An alert as a record: close_notify with level warning, others fatal. Errors as qkdtls_ktls_send_record(). */
int ktls_send_alert(int fd, enum qkdtls_alert alert);

#endif /* _QKD_COMMON_KTLS_IO_H */
