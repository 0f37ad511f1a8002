// SPDX-License-Identifier: GPL-2.0-or-later
/* Data under keys that change, through the kernel's TLS and the engine's calls on a socket */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include "bench/sealed/sealed.h"

#define RECORD_LEN  256
#define RECORDS	    65536 /* of a round */
#define UPDATES	    1000 /* of a round */
#define BYTE_EACH   16 /* updates: a peer may not say much without data */
#define RECORD_FULL 16384
#define PER_ROUND   5 /* rounds of handshakes to one of these, which take long */

enum {
	NEVER,
	SEALED,
	SEALED_OFTEN,
	UNSEALED,
	UNSEALED_OFTEN,
	MODES,
};

static const struct qkdtls_key_limits each_65536 = { .records = 65536 };
static const struct qkdtls_key_limits each_1024 = { .records = 1024 };

static struct mode {
	const char *name;
	struct bench_ours ours;
	struct bench_stack *stack;
	struct qkdtls_conn *conn[2];
	int fd[2];
	double mib[BENCH_ROUNDS_MAX]; /* a second */
	double updates[BENCH_ROUNDS_MAX]; /* a second */
} modes[MODES] = {
	[NEVER] = { "keys never change" },
	[SEALED] = { "sealed, after 65536 records",
		     .ours = { .sealed = true, .limits = &each_65536 } },
	[SEALED_OFTEN] = { "sealed, after 1024", .ours = { .sealed = true, .limits = &each_1024 } },
	[UNSEALED] = { "not sealed, after 65536", .ours = { .limits = &each_65536 } },
	[UNSEALED_OFTEN] = { "not sealed, after 1024", .ours = { .limits = &each_1024 } },
};

static bool mode_open(struct mode *mode, const struct bench_files *files, char **links)
{
	struct bench_cost cost = { .nsec = { 0, 0 } };

	mode->ours.policy = QKDTLS_REQUIRE;
	mode->ours.links[QKDTLS_CLIENT] = links[0];
	mode->ours.links[QKDTLS_SERVER] = links[1];
	mode->stack = bench_ours_new(files, &mode->ours);
	return mode->stack && sealed_sockets(mode->fd) &&
	       bench_ours_connect(mode->stack, mode->fd, mode->conn, &cost);
}

static void mode_close(struct mode *mode)
{
	struct bench_cost cost = { .nsec = { 0, 0 } };

	if (!mode->stack)
		return;
	bench_ours_end(mode->stack, mode->conn, &cost);
	sealed_sockets_close(mode->fd);
	mode->stack->free(mode->stack);
}

static bool failed(const struct mode *mode, const char *what, ssize_t ret)
{
	fprintf(stderr, "bench: %s: %s: %s\n", mode->name, what, strerror((int)-ret));
	return false;
}

static ssize_t client_sends(struct mode *mode, const void *data, size_t len)
{
	return qkdtls_sock_send(mode->conn[QKDTLS_CLIENT], mode->fd[QKDTLS_CLIENT], data, len);
}

/* All that has come: bytes, or a negative errno other than -EAGAIN */
static ssize_t server_receives(struct mode *mode)
{
	static uint8_t data[RECORD_FULL];
	ssize_t all = 0, n;

	while ((n = qkdtls_sock_recv(mode->conn[QKDTLS_SERVER], mode->fd[QKDTLS_SERVER], data,
				     sizeof(data))) > 0)
		all += n;
	return n == -EAGAIN ? all : n ? n : -ECONNRESET;
}

/* Whole records into the socket as long as there is room, then out of it */
static bool stream_round(struct mode *mode, uint32_t round)
{
	static const uint8_t data[RECORD_LEN];
	const size_t len = (size_t)RECORDS * RECORD_LEN;
	const uint64_t start = bench_clock();
	size_t sent = 0, received = 0;
	ssize_t n;

	while (received < len) {
		n = sent < len ? client_sends(mode, data, RECORD_LEN) : -EAGAIN;
		if (n > 0) {
			sent += (size_t)n;
			continue;
		}
		if (n != -EAGAIN)
			return failed(mode, "send", n);
		n = server_receives(mode);
		if (n < 0)
			return failed(mode, "receive", n);
		received += (size_t)n;
	}
	mode->mib[round] = (double)len / (1 << 20) / ((double)(bench_clock() - start) / 1e9);
	return true;
}

/* Both ends change the client's key, one after the other. */
static bool update_round(struct mode *mode, uint32_t round)
{
	const uint64_t start = bench_clock();
	ssize_t ret;

	for (int i = 0; i < UPDATES; i++) {
		ret = qkdtls_sock_update(mode->conn[QKDTLS_CLIENT], mode->fd[QKDTLS_CLIENT], false);
		if (ret)
			return failed(mode, "update", ret);
		if (i % BYTE_EACH == 0 && client_sends(mode, "", 1) != 1)
			return failed(mode, "send", -EIO);
		ret = server_receives(mode);
		if (ret < 0)
			return failed(mode, "receive", ret);
	}
	mode->updates[round] = UPDATES / ((double)(bench_clock() - start) / 1e9);
	return true;
}

/* What comes first in a process costs more. */
static bool warm_up(void)
{
	for (size_t i = 0; i < MODES; i++)
		if (!update_round(&modes[i], 0))
			return false;
	return true;
}

static bool run_all(uint32_t rounds)
{
	for (uint32_t round = 0; round < rounds; round++) {
		for (size_t i = 0; i < MODES; i++)
			if (!stream_round(&modes[i], round))
				return false;
		if (!update_round(&modes[SEALED], round) || !update_round(&modes[UNSEALED], round))
			return false;
	}
	return true;
}

static void report(uint32_t rounds, bool counted)
{
	const char *unit = counted ? "instructions." : "";
	double ratios[MODES], rates[2];

	for (size_t i = 0; i < MODES; i++)
		ratios[i] = bench_ratio(modes[i].mib, modes[NEVER].mib, rounds);
	rates[0] = bench_median(modes[SEALED].updates, rounds);
	rates[1] = bench_median(modes[UNSEALED].updates, rounds);
	printf("%-42s %12s\n", "records of 256 bytes, both ends",
	       counted ? "MiB per 10^9 instructions" : "MiB per second of CPU");
	for (size_t i = 0; i < MODES; i++)
		printf("%-42s %12.1f\n", modes[i].name, bench_median(modes[i].mib, rounds));
	printf("%-42s %12s\n", "KeyUpdates, both ends",
	       counted ? "per 10^9 instructions" : "per second of CPU");
	printf("%-42s %12.0f\n%-42s %12.0f\n", "sealed", rates[0], "not sealed", rates[1]);
	printf("bench keyupdate.throughput.%sratio %.4f\n", unit, ratios[SEALED]);
	printf("bench keyupdate.throughput.often.%sratio %.4f\n", unit, ratios[SEALED_OFTEN]);
	printf("bench keyupdate.throughput.unsealed.%sratio %.4f\n", unit, ratios[UNSEALED]);
	printf("bench keyupdate.throughput.unsealed.often.%sratio %.4f\n", unit,
	       ratios[UNSEALED_OFTEN]);
	printf("bench keyupdate.%srate %.0f\n", unit, rates[0]);
	printf("bench keyupdate.unsealed.%srate %.0f\n", unit, rates[1]);
}

bool sealed_streams(const struct bench_files *files, const struct bench_rounds *handshakes)
{
	const uint32_t rounds = (handshakes->count + PER_ROUND - 1) / PER_ROUND;
	bool ok = true;

	for (size_t i = 0; ok && i < MODES; i++)
		ok = mode_open(&modes[i], files, handshakes->links);
	ok = ok && warm_up() && run_all(rounds);
	if (ok)
		report(rounds, handshakes->counted);
	for (size_t i = 0; i < MODES; i++)
		mode_close(&modes[i]);
	return ok;
}
