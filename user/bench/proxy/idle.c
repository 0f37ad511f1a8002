// SPDX-License-Identifier: GPL-2.0-or-later
/* What connections take that do nothing, and what others notice of them */
#include <stdio.h>
#include <stdlib.h>

#include "bench/proxy/proxy.h"

#define SERVED 200 /* new connections beside those that are held */

/* Of those that are only for comparison: so many times fewer */
#define FEWER 10

/**
 * struct held - what one proxy has taken
 * @count: connections
 * @user: bytes of user space each
 * @kernel: of the kernel, with all the sockets of both ends
 */
struct held {
	uint32_t count;
	double user;
	double kernel;
};

static bool hold(const struct bench *bench, const struct proxy *proxy, struct end *ends,
		 struct held *held)
{
	double user, kernel;

	(void)processes_cpu(&proxy->processes);
	user = processes_memory(&proxy->processes);
	kernel = kernel_memory();
	for (uint32_t i = 0; i < held->count; i++) {
		if (proxy_connect(bench, proxy, proxy->idle_port, &ends[i]) &&
		    end_ask(&ends[i], 0, 1))
			continue;
		fprintf(stderr, "bench: %s: connection %u\n", proxy->name, i);
		return false;
	}
	(void)processes_cpu(&proxy->processes);
	held->user = (processes_memory(&proxy->processes) - user) / held->count;
	held->kernel = (kernel_memory() - kernel) / held->count;
	return true;
}

/* Microseconds for each of some new connections, or negative */
static double serve(const struct bench *bench)
{
	const uint64_t start = bench_now();

	if (!turns_connections(bench, &bench->proxies[0], SERVED))
		return -1;
	return (double)(bench_now() - start) / 1e3 / SERVED;
}

static bool all_answer(struct end *ends, uint32_t count)
{
	for (uint32_t i = 0; i < count; i++)
		if (!end_ask(&ends[i], 1, 1))
			return false;
	return true;
}

static void show(const struct bench *bench, const struct held *held, const double served[2])
{
	char title[80];

	printf("%-56s %12s %12s\n", "bytes per idle connection", "its own", "kernel");
	for (size_t i = 0; i < bench->count; i++)
		printf("  %6u of %-44s %12.0f %12.0f\n", held[i].count, bench->proxies[i].name,
		       held[i].user, held[i].kernel);
	snprintf(title, sizeof(title), "new connections meanwhile, %s", bench->ticks);
	printf("%-56s %12s %12s\n", title, "without", "with");
	printf("  %-54s %12.1f %12.1f\n", bench->proxies[0].name, served[0], served[1]);
	printf("bench proxy.%sidle.connections %u\n", bench->unit, held[0].count);
	printf("bench proxy.%sidle.bytes %.0f\n", bench->unit, held[0].user);
	printf("bench proxy.%sidle.kernel.bytes %.0f\n", bench->unit, held[0].kernel);
	printf("bench proxy.%sidle.serving.ratio %.4f\n", bench->unit, served[1] / served[0]);
	for (size_t i = 1; i < bench->count; i++)
		if (!bench->proxies[i].own)
			printf("bench proxy.%sidle.%s.bytes %.0f\n", bench->unit,
			       bench->proxies[i].name, held[i].user);
}

bool idle_run(struct bench *bench)
{
	struct end *ends = calloc(bench->idle, sizeof(*ends));
	struct held held[PROXIES_MAX];
	double served[2] = { 0, 0 };
	bool ok = ends;

	for (size_t i = 0; ok && i < bench->count; i++) {
		held[i].count = i ? (bench->idle + FEWER - 1) / FEWER : bench->idle;
		if (!i)
			served[0] = serve(bench);
		ok = served[0] >= 0 && hold(bench, &bench->proxies[i], ends, &held[i]);
		if (ok && !i)
			served[1] = serve(bench);
		ok = ok && served[1] >= 0 && all_answer(ends, held[i].count);
		for (uint32_t n = 0; ok && n < held[i].count; n++)
			end_close(&ends[n]);
	}
	if (ok)
		show(bench, held, served);
	free(ends);
	return ok;
}
