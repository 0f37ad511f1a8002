// SPDX-License-Identifier: GPL-2.0-or-later
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/proxy/proxy.h"

#define CLIENTS	    4 /* that connect at a time */
#define CONNECTIONS 25 /* of each in a round */
#define REQUESTS    500 /* of a round */
#define ASKED	    128 /* bytes of a request */
#define ANSWERED    1024 /* of its answer */

/* ---- What is done ---- */

static bool connect_some(const struct bench *bench, const struct proxy *proxy, uint32_t count)
{
	struct end end;

	while (count--) {
		if (!proxy_connect(bench, proxy, proxy->port, &end) || !end_ask(&end, 0, 1))
			return false;
		end_close(&end);
	}
	return true;
}

bool turns_connections(const struct bench *bench, const struct proxy *proxy, uint32_t count)
{
	pid_t clients[CLIENTS];
	bool ok = true;
	int status;

	for (int i = 0; i < CLIENTS; i++) {
		clients[i] = fork();
		if (!clients[i])
			_exit(connect_some(bench, proxy, count / CLIENTS) ? 0 : 1);
	}
	for (int i = 0; i < CLIENTS; i++)
		ok = clients[i] > 0 && waitpid(clients[i], &status, 0) > 0 && !status && ok;
	return ok;
}

static bool run_connections(const struct bench *bench, const struct proxy *proxy, struct end *end)
{
	return turns_connections(bench, proxy, CLIENTS * CONNECTIONS);
}

static bool run_requests(const struct bench *bench, const struct proxy *proxy, struct end *end)
{
	for (int i = 0; i < REQUESTS; i++)
		if (!end_ask(end, ASKED, ANSWERED))
			return false;
	return true;
}

static bool run_up(const struct bench *bench, const struct proxy *proxy, struct end *end)
{
	return end_ask(end, bench->chunk, 1);
}

static bool run_down(const struct bench *bench, const struct proxy *proxy, struct end *end)
{
	return end_ask(end, 0, bench->chunk);
}

/* ---- Turns ---- */

/**
 * struct kind - something that proxies do in turns
 * @name: in the table
 * @what: the unit there
 * @run: once, on a connection that is there already unless it makes its own
 * @scale: of these in one run
 */
struct kind {
	const char *name;
	const char *what;
	bool (*run)(const struct bench *bench, const struct proxy *proxy, struct end *end);
	double scale;
	double elapsed[PROXIES_MAX][BENCH_ROUNDS_MAX];
	double cpu[PROXIES_MAX][BENCH_ROUNDS_MAX];
};

enum {
	CONNECTION,
	REQUEST,
	UP,
	DOWN,
	KINDS,
};

static struct kind kinds[KINDS] = {
	[CONNECTION] = { "new connections", "connection", run_connections, CLIENTS *CONNECTIONS },
	[REQUEST] = { "requests, one after another", "request", run_requests, REQUESTS },
	[UP] = { "bulk, client to server", "MiB", run_up, 0 },
	[DOWN] = { "bulk, server to client", "MiB", run_down, 0 },
};

static bool time_one(const struct bench *bench, struct kind *kind, size_t i, uint32_t round,
		     struct end *end)
{
	const struct proxy *proxy = &bench->proxies[i];
	const uint64_t cpu = processes_cpu(&proxy->processes);
	const uint64_t start = bench_now();

	if (!kind->run(bench, proxy, end))
		return false;
	kind->elapsed[i][round] = (double)(bench_now() - start) / 1e3 / kind->scale;
	kind->cpu[i][round] = (double)(processes_cpu(&proxy->processes) - cpu) / 1e3 / kind->scale;
	return true;
}

static bool run_one(const struct bench *bench, struct kind *kind, size_t i, uint32_t round)
{
	const struct proxy *proxy = &bench->proxies[i];
	struct end end;
	/* The server has it, too, before the clock runs. */
	bool ok = proxy_connect(bench, proxy, proxy->port, &end);

	if (ok) {
		ok = end_ask(&end, 0, 1) && time_one(bench, kind, i, round, &end);
		end_close(&end);
	}
	if (!ok)
		fprintf(stderr, "bench: %s: %s\n", proxy->name, kind->name);
	return ok;
}

static bool run_round(const struct bench *bench, uint32_t round)
{
	for (size_t k = 0; k < KINDS; k++)
		for (size_t i = 0; i < bench->count; i++)
			if (!run_one(bench, &kinds[k], i, round))
				return false;
	return true;
}

/* ---- Report ---- */

static double median_of(const double *values, uint32_t count)
{
	double sorted[BENCH_ROUNDS_MAX];

	memcpy(sorted, values, count * sizeof(*values));
	return bench_median(sorted, count);
}

static void show(const struct bench *bench, const struct kind *kind)
{
	char title[80];

	snprintf(title, sizeof(title), "%s, %s", kind->name, bench->ticks);
	printf("%-56s %12s %12s\n", title, "elapsed", "its CPU");
	for (size_t i = 0; i < bench->count; i++)
		printf("  per %-11s %-38s %12.1f %12.1f\n", kind->what, bench->proxies[i].name,
		       median_of(kind->elapsed[i], bench->rounds),
		       median_of(kind->cpu[i], bench->rounds));
}

/* How many times as much qkdtlsd does as the other in the same time, of the clock or of its processors */
static void figure(const struct bench *bench, const char *name,
		   const double (*values)[BENCH_ROUNDS_MAX], const char *what)
{
	for (size_t i = 1; i < bench->count; i++) {
		/* What has no processes of its own has no CPU time that could be told from its client's. */
		if (*what && bench->proxies[i].own)
			continue;
		printf("bench proxy.%s%s%s.vs_%s %.4f\n", bench->unit, name, what,
		       bench->proxies[i].name, bench_ratio(values[i], values[0], bench->rounds));
	}
}

/* The same of the server without anything between: what no proxy surpasses */
static void bound(const struct bench *bench, const char *name,
		  const double (*values)[BENCH_ROUNDS_MAX])
{
	const size_t own = bench->count - 1; /* comes behind the proxies */

	for (size_t i = 1; i < own; i++)
		printf("bench proxy.%s%s.%s.vs_%s %.4f\n", bench->unit, name,
		       bench->proxies[own].name, bench->proxies[i].name,
		       bench_ratio(values[i], values[own], bench->rounds));
}

/* As much each way */
static void add_ways(double (*sum)[BENCH_ROUNDS_MAX], const double (*up)[BENCH_ROUNDS_MAX],
		     const double (*down)[BENCH_ROUNDS_MAX])
{
	for (size_t i = 0; i < PROXIES_MAX; i++)
		for (size_t round = 0; round < BENCH_ROUNDS_MAX; round++)
			sum[i][round] = up[i][round] + down[i][round];
}

static void figures(const struct bench *bench)
{
	static double both[PROXIES_MAX][BENCH_ROUNDS_MAX];

	figure(bench, "connections", kinds[CONNECTION].elapsed, "");
	figure(bench, "connections", kinds[CONNECTION].cpu, ".cpu");
	figure(bench, "requests", kinds[REQUEST].elapsed, "");
	figure(bench, "requests", kinds[REQUEST].cpu, ".cpu");
	add_ways(both, kinds[UP].elapsed, kinds[DOWN].elapsed);
	figure(bench, "bulk", both, "");
	bound(bench, "bulk", both);
	add_ways(both, kinds[UP].cpu, kinds[DOWN].cpu);
	figure(bench, "bulk", both, ".cpu");
}

bool turns_run(struct bench *bench)
{
	kinds[UP].scale = kinds[DOWN].scale = (double)bench->chunk / (1 << 20);
	/* What comes first costs more. */
	if (!run_round(bench, 0))
		return false;
	for (uint32_t round = 0; round < bench->rounds; round++)
		if (!run_round(bench, round))
			return false;
	for (size_t k = 0; k < KINDS; k++)
		show(bench, &kinds[k]);
	figures(bench);
	return true;
}
