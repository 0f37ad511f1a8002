/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What proxies that end TLS cost: a client of theirs and a server behind them, which this program is, and what their processes
 * take for it.
 */
#ifndef QKD_BENCH_PROXY_H
#define QKD_BENCH_PROXY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <qkd/qkdtls.h>

#include "bench/bench.h"

/* ---- end.c: one end of a connection ---- */

/**
 * struct end
 * @fd: its socket; -1: none
 * @tls: NULL: plain TCP
 * @qkd: where @tls has its key from
 */
struct end {
	int fd;
	struct qkdtls_conn *tls;
	struct qkdtls_qkd qkd;
};

/* What a connection begins with: the client sends @up bytes behind it, and the server then @down. Another may follow. */
struct request {
	uint64_t up;
	uint64_t down;
};

/* Of all ends, in the current folder: ca.pem, server.pem, server.key. NULL: standard error has the reason */
struct qkdtls_config *end_config(enum qkdtls_role role, bool keyed);

/* A socket that listens at this port of the loopback device, or -1 after a message */
int end_listen(uint16_t port);

/* A connection to that port; TLS if there is @config, with a key of @link if that is not NULL. Its calls wait. */
bool end_connect(struct end *end, uint16_t port, struct qkdtls_config *config, const char *link);

/* Shakes hands at @end->fd, which does not block, as a server. */
bool end_accept(struct end *end, struct qkdtls_config *config);

/* As recv(2) and send(2), but with a negative errno */
ssize_t end_recv(struct end *end, void *buf, size_t len);
ssize_t end_send(struct end *end, const void *data, size_t len);

/* One request, to its last byte */
bool end_ask(struct end *end, uint64_t up, uint64_t down);

/* The client's, in order: with close_notify, and after the server's end */
void end_close(struct end *end);
void end_free(struct end *end); /* at once */

/* ---- backend.c ---- */

/* A process that answers requests at two ports, at the second with TLS: its ID, or -1 after a message. Ends with its parent */
pid_t backend_start(uint16_t plain, uint16_t tls);

/* ---- process.c ---- */

#define PROCESSES_MAX 64

/**
 * struct processes - a process and all that came of it
 * @count: how many
 */
struct processes {
	pid_t pid[PROCESSES_MAX];
	size_t count;
};

bool processes_find(struct processes *processes, pid_t first);

/* CPU time in nanoseconds, once it has come to rest */
uint64_t processes_cpu(const struct processes *processes);

/* Memory in bytes: what is shared counts by its part. Of user space, without what the kernel has for them */
double processes_memory(const struct processes *processes);

/* Memory in bytes that the kernel has for itself: slabs, its stacks, page tables, buffers of sockets */
double kernel_memory(void);

/* ---- main.c ---- */

#define PROXIES_MAX 4

/**
 * struct proxy - one of those that take turns; the first is qkdtlsd
 * @name: what it is called
 * @port: where it takes connections
 * @idle_port: where it takes those that will do nothing
 * @own: it is the server of this program itself, without anything between
 * @keyed: it wants a key
 */
struct proxy {
	const char *name;
	uint16_t port;
	uint16_t idle_port;
	bool own;
	bool keyed;
	struct processes processes;
};

/**
 * struct bench - all that is measured with
 * @unit: what comes between "bench proxy." and the name of a figure
 * @ticks: what the clocks count, in tables
 * @own_name: the server's of this program itself
 * @link: the client's, or NULL: no connection has a key
 * @keyless: the client's configuration, as @keyed
 * @rounds: how many
 * @chunk: bytes of a bulk transfer, each way
 * @idle: connections that are held
 */
struct bench {
	const char *unit;
	const char *ticks;
	const char *own_name;
	const char *link;
	struct qkdtls_config *keyless;
	struct qkdtls_config *keyed;
	struct proxy proxies[PROXIES_MAX];
	size_t count;
	uint32_t rounds;
	uint64_t chunk;
	uint32_t idle;
};

uint64_t bench_now(void); /* nanoseconds */

bool proxy_connect(const struct bench *bench, const struct proxy *proxy, uint16_t port,
		   struct end *end);

/* ---- turns.c: what proxies do in turns ---- */

bool turns_run(struct bench *bench);

/* @count new connections, four at a time, each with one request */
bool turns_connections(const struct bench *bench, const struct proxy *proxy, uint32_t count);

/* ---- idle.c ---- */

bool idle_run(struct bench *bench);

#endif /* QKD_BENCH_PROXY_H */
