/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How a program hands a connected TCP socket over to qkdtlsd(8), which does the TLS handshake on it by one of its services
 * (hand-over in qkdtlsd.conf(5)) and gives the records to the kernel's TLS. In C there is qkdtls_handover() of <qkd/qkdtls.h>;
 * this is for who writes it in another language, and for the two ends of it.
 *
 * The program connects to the service's UNIX socket, of type SOCK_SEQPACKET, and sends one struct qkdtls_handover_request with
 * the socket's descriptor (SCM_RIGHTS, one). It gets one struct qkdtls_handover_reply, and the daemon closes. What it
 * sends besides, or closing before the reply, ends the handshake. Numbers are in the machine's byte order; texts are
 * NUL-terminated, the rest is zero.
 *
 * Meanwhile the socket may be blocking or not, but nobody must read from it, write to it or set its options. Behind a reply
 * with error 0 what is written to it is protected, and what is read from it was. Behind any other, and without a reply, it must
 * be closed: once the handshake had begun the daemon has shut it down both ways, so that nothing can go on in the clear. One that
 * was killed meanwhile could not: without a reply the program does it (qkdtls_handover() does).
 */
#ifndef _QKD_HANDOVER_H
#define _QKD_HANDOVER_H

#include <stdint.h>

#define QKDTLS_HANDOVER_VERSION	 1
#define QKDTLS_HANDOVER_TEXT_LEN 256
#define QKDTLS_HANDOVER_KEY_LEN	 16

/**
 * struct qkdtls_handover_request
 * @version: QKDTLS_HANDOVER_VERSION
 * @flags: must be 0
 * @timeout_ms: until the handshake must be done; 0: as long as the service allows (handshake-timeout), which is the most
 * @reserved: must be 0
 */
struct qkdtls_handover_request {
	uint32_t version;
	uint32_t flags;
	uint32_t timeout_ms;
	uint32_t reserved;
};

/* Flags of the reply */
#define QKDTLS_HANDOVER_F_SERVER  (1U << 0) /* this end was the TLS server */
#define QKDTLS_HANDOVER_F_QKD	  (1U << 1) /* a QKD key is in the connection's keys: key_id */
#define QKDTLS_HANDOVER_F_SEALED  (1U << 2) /* which no program has ever seen */
#define QKDTLS_HANDOVER_F_SESSION (1U << 3) /* a descriptor comes along: the sealed session's */

/**
 * struct qkdtls_handover_reply
 * @version: QKDTLS_HANDOVER_VERSION; of a reply to another version nothing but @version and @error is to be read
 * @error: 0, or an errno:
 *
 *	EPROTONOSUPPORT	another version than this daemon's
 *	EBADMSG		the request has another length, or there are several
 *	EINVAL		@flags or @reserved of the request is not 0; the socket listens
 *	EBADF		no descriptor came with it, or several
 *	ENOTSOCK	it is no socket
 *	EPROTOTYPE	no TCP socket
 *	ENOTCONN	not connected (any more)
 *	EEXIST		it has an upper-layer protocol (TCP_ULP) already
 *	EXDEV		it is of another network namespace than the daemon
 *	EOPNOTSUPP	this kernel has no TLS: nothing was sent, no key spent. Or, behind a handshake, it cannot keep the
 *			peer's record size limit, or lacks the cipher
 *	EBUSY		as many connections or handshakes as the service's limits allow
 *	ETIMEDOUT	not done in time
 *	ENODEV		the link cannot be used; @reason says why
 *	ENOKEY		no key
 *	EKEYREJECTED	the peer has another key under this ID, or none
 *	EACCES		the peer's certificate is not trusted
 *	EPROTO		the peer does not speak this profile of TLS
 *	ECONNRESET	the peer has gone, or has refused: then @alert_received says how
 *	ECANCELED	the daemon was stopped
 *	EIO, ENOMEM	this end
 *
 *	From ETIMEDOUT on, the handshake may have begun.
 * @flags: QKDTLS_HANDOVER_F_*; a receiver ignores those that it does not know
 * @suite: TLS cipher suite, likewise @group and @signature, as IANA numbers them; 0: not negotiated
 * @group: key-exchange group
 * @signature: see qkdtls_info.signature
 * @alert_sent: alert that went to the peer, or 256: none
 * @alert_received: alert that came from it, likewise
 * @reserved: zero
 * @key_id: the QKD key that was used; if there was none or an error, the one that was named, or zeros
 * @peer: the name that was verified in the peer's certificate (peer-name in qkdtlsd.conf(5)); "" without a certificate
 * @subject: the certificate's subject, in RFC 2253 form
 * @sae: the peer's SAE ID; "" if no QKD key was used
 * @alpn: the application protocol; "": none
 * @reason: what went wrong, as a sentence, for a log
 */
struct qkdtls_handover_reply {
	uint32_t version;
	uint32_t error;
	uint32_t flags;
	uint16_t suite;
	uint16_t group;
	uint16_t signature;
	uint16_t alert_sent;
	uint16_t alert_received;
	uint16_t reserved;
	uint8_t key_id[QKDTLS_HANDOVER_KEY_LEN];
	char peer[QKDTLS_HANDOVER_TEXT_LEN];
	char subject[QKDTLS_HANDOVER_TEXT_LEN];
	char sae[QKDTLS_HANDOVER_TEXT_LEN];
	char alpn[QKDTLS_HANDOVER_TEXT_LEN];
	char reason[QKDTLS_HANDOVER_TEXT_LEN];
};

#endif /* _QKD_HANDOVER_H */
