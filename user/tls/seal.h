/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A key whose schedule is its source's (struct qkdtls_seal_ops), shared by the schedules of the hashes that it is offered for */
#ifndef QKDTLS_SEAL_H
#define QKDTLS_SEAL_H

#include <qkd/qkdtls.h>

struct qkdtls_seal {
	unsigned int refs;
	const struct qkdtls_seal_ops *ops;
	void *arg;
};

/* Takes @arg over; NULL: no memory, and it is the caller's still. */
struct qkdtls_seal *qkdtls_seal_new(const struct qkdtls_seal_ops *ops, void *arg);
struct qkdtls_seal *qkdtls_seal_ref(struct qkdtls_seal *seal);
void qkdtls_seal_unref(struct qkdtls_seal *seal); /* NULL does nothing */

/* One that is a session of the kernel's, whose descriptor it takes over; NULL: no memory, and it is the caller's still. */
struct qkdtls_seal *qkdtls_qkd_seal(int session, enum qkdtls_role role);

#endif /* QKDTLS_SEAL_H */
