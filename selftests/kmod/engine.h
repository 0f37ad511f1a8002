/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What tests share that have the engine shake hands over a pair of sealed.h, sealed or not, and give its keys to the kernel. */
#ifndef _QKD_TEST_ENGINE_H
#define _QKD_TEST_ENGINE_H

#include "sealed.h"

#include "common/handshake_io.h"

/* A connection of this role, whose keys come by @qkd; NULL on an error */
static inline struct qkdtls_conn *engine_new(const struct pair *pair, enum qkdtls_role role,
					     const char *suite, struct qkdtls_qkd *qkd)
{
	struct qkdtls_config *config = qkdtls_config_new();
	struct qkdtls_conn *conn = NULL;

	if (config && !qkdtls_config_set_policy(config, QKDTLS_PSK_ONLY) &&
	    !qkdtls_config_set_ciphers(config, suite) &&
	    !qkdtls_config_set_psk_imported(config, pair->context))
		conn = qkdtls_conn_new(config, role, &qkdtls_qkd_ops, qkd);
	qkdtls_config_unref(config);
	return conn;
}

/* 0 or a negative errno */
static inline int engine_shake_hands(struct handshake_io *io)
{
	struct pollfd pfd = { .fd = io->fd };
	enum qkdtls_want want;

	while ((want = handshake_io_step(io)) != QKDTLS_DONE) {
		const bool for_key = want == QKDTLS_WANT_PSK;

		if (want == QKDTLS_FAILED)
			return -EPROTO;
		pfd.events = want == QKDTLS_WANT_WRITE ? POLLOUT : POLLIN;
		if (poll(&pfd, !for_key, for_key ? TICK_MS : -1) < 0 && errno != EINTR)
			return -errno;
	}
	return 0;
}

/*
 * The whole of it: an established connection over this side's socket, which does not block from here on, with the
 * kernel's records; NULL and @error, a negative errno
 */
static inline struct qkdtls_conn *engine_connect(const struct pair *pair, enum qkdtls_role role,
						 const char *suite, bool sealed, int *error)
{
	const struct side *side = role == QKDTLS_CLIENT ? &pair->client : &pair->server;
	struct qkdtls_qkd qkd = { .fd = side->end.fd, .deadline_ms = UINT64_MAX, .sealed = sealed };
	struct handshake_io io = { .fd = side->socket };

	memcpy(qkd.context, pair->context, sizeof(qkd.context));
	fcntl(io.fd, F_SETFL, O_NONBLOCK);
	io.conn = engine_new(pair, role, suite, &qkd);
	*error = io.conn ? engine_shake_hands(&io) : -ENOMEM;
	if (!*error)
		*error = qkdtls_ktls_install(io.conn, io.fd);
	if (!*error)
		return io.conn;
	qkdtls_conn_free(io.conn);
	return NULL;
}

#endif /* _QKD_TEST_ENGINE_H */
