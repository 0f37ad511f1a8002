/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's net/handshake upcall, generic netlink family "handshake": in-kernel users of TCP sockets, such as NFS, ask a
 * program for the handshake that puts TLS on them. Needs CAP_NET_ADMIN, when it is opened and whenever it is asked; is about
 * the network namespace it was opened in.
 */
#ifndef QKDTLSD_UPCALL_H
#define QKDTLSD_UPCALL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <qkd/qkdtls.h>

#define UPCALL_NAME_LEN 256

struct nlmsghdr;
struct upcall;

/* How the kernel's user wants this end to prove who it is */
enum upcall_proof {
	UPCALL_NOTHING, /* not at all */
	UPCALL_CERTIFICATE, /* by the certificate of this program's configuration */
	UPCALL_OTHER, /* in a way that is not served: a PSK or certificate of a kernel keyring, or one that is not known here */
};

/**
 * struct upcall_request - a handshake that the kernel wants
 * @fd: the connected socket, close-on-exec, the caller's from now on, or -1: what came had none
 * @given_up: there is no socket, since the kernel could not give it; it has refused this request itself, and there may be others
 * @role: which end this is
 * @proof: see there
 * @timeout_ms: for the handshake; 0: the kernel does not say
 * @name: of the peer, as whoever wanted the connection named it; "" if the kernel does not say
 */
struct upcall_request {
	int fd;
	bool given_up;
	enum qkdtls_role role;
	enum upcall_proof proof;
	uint32_t timeout_ms;
	char name[UPCALL_NAME_LEN];
};

/* The kernel asks from now on. 0; -EOPNOTSUPP: this kernel has no such upcall; -EPERM; or another negative errno */
int upcall_open(struct upcall **upcall);
void upcall_close(struct upcall *upcall); /* NULL does nothing */

/* Readable when there may be requests: then upcall_heard(), and upcall_accept() until -EAGAIN. */
int upcall_fd(const struct upcall *upcall);
void upcall_heard(struct upcall *upcall);

/*
 * The next request, for which upcall_done() is due on its descriptor. 0; -EAGAIN: there is none; -EBADMSG: it cannot be
 * understood, and is to be refused all the same if it has a descriptor; or another negative errno, without a descriptor.
 */
int upcall_accept(struct upcall *upcall, struct upcall_request *request);

/*
 * The handshake on the socket @fd has come to its end: @error is 0, and the socket has its keys, or a negative errno. @peer: serial
 * number of a key with the peer's certificate, 0: it has proved nothing. 0; -EBUSY: the kernel wants it no more; or
 * another negative errno. Does not close @fd.
 */
int upcall_done(struct upcall *upcall, int fd, int error, int32_t peer);

/* Takes the kernel's answer apart, for upcall_accept(): 0 or -EBADMSG. @request->fd is set whenever the message has one. */
int upcall_parse(struct nlmsghdr *message, struct upcall_request *request);

#endif /* QKDTLSD_UPCALL_H */
