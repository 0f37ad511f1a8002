// SPDX-License-Identifier: GPL-2.0-or-later
/* The engine: two connections whose output goes straight to the other's input */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <fcntl.h>
#include <unistd.h>
#include <openssl/crypto.h>
#include <qkd/libqkd.h>
#include "../../selftests/user/pki.h"
#include "bench/bench.h"

#define LINK_CLIENT "geneva"
#define LINK_SERVER "zurich"

struct ours {
	struct bench_stack stack;
	struct qkdtls_config *config[2]; /* by role */
	bool psk;
	bool taken;
	const char *links[2];
	bool sealed;
	struct qkdtls_qkd qkd[2];
};

/* A source that always has the same key: what a key costs its source is not the engine's. */

static void fill_key(struct qkdtls_psk *psk)
{
	*psk = (struct qkdtls_psk){ .id_len = 16, .secret_len = 32 };
	memset(psk->id, 0x1d, psk->id_len);
	memset(psk->secret, 0x5e, psk->secret_len);
}

static int key_take(void *arg, struct qkdtls_psk *psk)
{
	fill_key(psk);
	return QKDTLS_PSK_FOUND;
}

static int key_find(void *arg, const uint8_t *id, size_t id_len, struct qkdtls_psk *psk)
{
	fill_key(psk);
	return QKDTLS_PSK_FOUND;
}

static int key_commit(void *arg, const uint8_t *id, size_t id_len)
{
	return 0;
}

static void key_release(void *arg, const uint8_t *id, size_t id_len, enum qkdtls_psk_release why)
{
}

static const struct qkdtls_psk_ops key_ops = {
	.take = key_take,
	.find = key_find,
	.commit = key_commit,
	.release = key_release,
};

/* ---- One handshake ---- */

/* What one end wrote and the other has not read yet; a whole flight fits. */
struct pipe {
	uint8_t data[64 * 1024];
	size_t start, end;
};

static bool pipe_write(struct pipe *pipe, struct qkdtls_conn *conn)
{
	const uint8_t *data;
	size_t len;

	if (pipe->start == pipe->end)
		pipe->start = pipe->end = 0;
	data = qkdtls_output(conn, &len);
	if (len > sizeof(pipe->data) - pipe->end)
		return false;
	memcpy(pipe->data + pipe->end, data, len);
	pipe->end += len;
	qkdtls_output_sent(conn, len);
	return true;
}

static bool pipe_read(struct pipe *pipe, struct qkdtls_conn *conn)
{
	size_t have = pipe->end - pipe->start, wanted = qkdtls_wanted(conn);
	const uint8_t *data = pipe->data + pipe->start;

	if (have > wanted)
		have = wanted;
	if (!have || qkdtls_input(conn, data, have))
		return false;
	pipe->start += have;
	return true;
}

/* Goes on until there is nothing more to do with what has come. */
static enum qkdtls_want advance(struct qkdtls_conn *conn, struct pipe *in, struct pipe *out)
{
	enum qkdtls_want want;
	bool moved;

	do {
		want = qkdtls_handshake(conn);
		if (want == QKDTLS_WANT_WRITE)
			moved = pipe_write(out, conn);
		else
			moved = want == QKDTLS_WANT_READ && pipe_read(in, conn);
	} while (moved);
	return want;
}

static bool take_keys(struct qkdtls_conn *conn)
{
	struct qkdtls_traffic_key tx, rx;
	const int ret = qkdtls_take_traffic_keys(conn, &tx, &rx);

	OPENSSL_cleanse(&tx, sizeof(tx));
	OPENSSL_cleanse(&rx, sizeof(rx));
	return !ret;
}

/* NULL: it would have no key */
static struct qkdtls_conn *conn_new(struct ours *ours, int role)
{
	const char *link = ours->links[role];
	struct qkd_info info;

	if (!ours->psk)
		return qkdtls_conn_new(ours->config[role], role, NULL, NULL);
	if (!link)
		return qkdtls_conn_new(ours->config[role], role, &key_ops, NULL);
	ours->qkd[role].fd = qkd_open(link, O_NONBLOCK);
	ours->qkd[role].sealed = ours->sealed;
	(void)qkdtls_link_context(LINK_CLIENT, LINK_SERVER, ours->qkd[role].context);
	if (qkd_info(ours->qkd[role].fd, &info))
		return NULL;
	return qkdtls_conn_new(ours->config[role], role, &qkdtls_qkd_ops, &ours->qkd[role]);
}

static void conn_free(struct ours *ours, int role, struct qkdtls_conn *conn)
{
	qkdtls_conn_free(conn);
	if (ours->qkd[role].fd >= 0)
		close(ours->qkd[role].fd);
	ours->qkd[role].fd = -1;
}

/* What becomes of its traffic keys */
static bool keys_go(struct ours *ours, struct qkdtls_conn *conn, int fd)
{
	if (fd >= 0)
		return !qkdtls_ktls_install(conn, fd);
	return !ours->taken || take_keys(conn);
}

/* @fd: NULL, or sockets whose kernel gets the keys */
static bool connect_ends(struct ours *ours, const int *fd, struct qkdtls_conn **conn,
			 struct bench_cost *cost)
{
	enum qkdtls_want want[2] = { QKDTLS_WANT_READ, QKDTLS_WANT_READ };
	static struct pipe pipes[2]; /* by writer */
	uint64_t start, now;
	int turn, role;

	for (role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++) {
		pipes[role].start = pipes[role].end = 0;
		conn[role] = NULL;
	}
	start = bench_clock();
	/* Client, server, client, server: then all flights are over. */
	for (turn = 0; turn < 4; turn++) {
		role = turn % 2;
		if (!conn[role])
			conn[role] = conn_new(ours, role);
		if (conn[role])
			want[role] = advance(conn[role], &pipes[!role], &pipes[role]);
		if (want[role] == QKDTLS_DONE && !keys_go(ours, conn[role], fd ? fd[role] : -1))
			return false;
		now = bench_clock();
		cost->nsec[role] += now - start;
		start = now;
	}
	return want[QKDTLS_CLIENT] == QKDTLS_DONE && want[QKDTLS_SERVER] == QKDTLS_DONE;
}

bool bench_ours_connect(struct bench_stack *stack, const int *fd, struct qkdtls_conn **conn,
			struct bench_cost *cost)
{
	return connect_ends((struct ours *)stack, fd, conn, cost);
}

void bench_ours_end(struct bench_stack *stack, struct qkdtls_conn **conn, struct bench_cost *cost)
{
	for (int role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++) {
		const uint64_t start = bench_clock();

		conn_free((struct ours *)stack, role, conn[role]);
		cost->nsec[role] += bench_clock() - start;
	}
}

static bool ours_shake(struct bench_stack *stack, struct bench_cost *cost)
{
	struct qkdtls_conn *conn[2];
	const bool ok = bench_ours_connect(stack, NULL, conn, cost);

	bench_ours_end(stack, conn, cost);
	return ok;
}

/* ---- Set-up ---- */

static int configure(struct qkdtls_config *config, enum qkdtls_role role,
		     const struct bench_files *files, const struct bench_ours *how)
{
	const bool proves = how->mutual || role == QKDTLS_SERVER;
	const bool checks = how->mutual || role == QKDTLS_CLIENT;
	uint8_t context[QKDTLS_LINK_CONTEXT_LEN];
	int ret;

	ret = qkdtls_config_set_policy(config, how->policy);
	if (!ret)
		ret = qkdtls_config_set_groups(config, "X25519MLKEM768", false);
	if (!ret && !how->suites)
		ret = qkdtls_config_set_ciphers(config, "TLS_AES_256_GCM_SHA384");
	if (!ret && how->limits)
		ret = qkdtls_config_set_key_limits(config, how->limits);
	if (!ret && how->policy != QKDTLS_PREFER) {
		ret = qkdtls_link_context(LINK_CLIENT, LINK_SERVER, context);
		if (!ret)
			ret = qkdtls_config_set_psk_imported(config, context);
	}
	if (how->policy == QKDTLS_PSK_ONLY)
		return ret;
	if (!ret && proves)
		ret = qkdtls_config_set_certificate(config, files->chain, files->key);
	if (!ret && checks)
		ret = qkdtls_config_set_trust(config, files->ca);
	if (!ret && checks)
		ret = qkdtls_config_set_peer_name(config, PKI_SERVER_NAME);
	if (!ret && how->mutual && role == QKDTLS_SERVER)
		ret = qkdtls_config_set_verify_client(config, true);
	return ret;
}

static void ours_free(struct bench_stack *stack)
{
	struct ours *ours = (struct ours *)stack;

	qkdtls_config_unref(ours->config[QKDTLS_CLIENT]);
	qkdtls_config_unref(ours->config[QKDTLS_SERVER]);
	free(ours);
}

struct bench_stack *bench_ours_new(const struct bench_files *files, const struct bench_ours *how)
{
	struct ours *ours = calloc(1, sizeof(*ours));
	int role;

	if (!ours)
		return NULL;
	ours->stack = (struct bench_stack){ .shake = ours_shake, .free = ours_free };
	ours->psk = how->policy != QKDTLS_PREFER;
	ours->taken = how->taken;
	ours->sealed = how->sealed;
	for (role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++) {
		ours->links[role] = how->links[role];
		ours->qkd[role].fd = -1;
		ours->config[role] = qkdtls_config_new();
		if (ours->config[role] && !configure(ours->config[role], role, files, how))
			continue;
		fprintf(stderr, "bench: %s\n",
			ours->config[role] ? qkdtls_config_message(ours->config[role])
					   : "out of memory");
		ours_free(&ours->stack);
		return NULL;
	}
	return &ours->stack;
}
