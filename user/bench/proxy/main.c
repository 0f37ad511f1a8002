// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What it costs to have qkdtlsd between a TLS client and a server, beside other proxies and beside a server with kernel TLS of
 * its own. See Documentation/performance.md.
 *
 *	bench-proxy [-c | -n] [-l LINK] BACKEND-PORT TLS-PORT ROUNDS BULK-KIB IDLE NAME:PORT:IDLE-PORT:PID...
 *
 * Proxies with these names, the first of which is qkdtlsd, run with a first process PID; each forwards from its ports to
 * BACKEND-PORT, where this program serves. At TLS-PORT it has TLS itself. Certificates are in the current folder. -l: connections to
 * qkdtlsd have keys of this link. -n: there is no TLS in the kernel. -c: the machine's clocks count instructions
 * (tools/vm/run -c). IDLE connections are held: 0 for none.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/proxy/proxy.h"
#include "common/number.h"

#define PORT_MAX  65535
#define IDLE_MAX  10000
#define CHUNK_MAX (4 * 1024 * 1024) /* KiB */

uint64_t bench_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

bool proxy_connect(const struct bench *bench, const struct proxy *proxy, uint16_t port,
		   struct end *end)
{
	if (proxy->keyed)
		return end_connect(end, port, bench->keyed, bench->link);
	return end_connect(end, port, bench->keyless, NULL);
}

static bool parse_port(const char *text, uint16_t *port)
{
	uint32_t value;

	if (number_parse(text, 1, PORT_MAX, &value))
		return false;
	*port = (uint16_t)value;
	return true;
}

static bool parse_proxy(char *text, struct proxy *proxy)
{
	char *rest = text, *words[4];
	uint32_t pid;

	for (int i = 0; i < 4; i++) {
		words[i] = strsep(&rest, ":");
		if (!words[i])
			return false;
	}
	proxy->name = words[0];
	return !rest && parse_port(words[1], &proxy->port) &&
	       parse_port(words[2], &proxy->idle_port) &&
	       !number_parse(words[3], 1, INT32_MAX, &pid) &&
	       processes_find(&proxy->processes, (pid_t)pid);
}

static bool parse_options(int argc, char **argv, struct bench *bench)
{
	int c;

	*bench = (struct bench){ .unit = "", .own_name = "raw_ktls", .ticks = "microseconds" };
	while ((c = getopt(argc, argv, "cnl:")) != -1) {
		if (c == 'c') {
			bench->unit = "instructions.";
			bench->ticks = "thousands of instructions";
		} else if (c == 'n') {
			bench->unit = "native.";
			bench->own_name = "direct";
		} else if (c == 'l') {
			bench->link = optarg;
		} else {
			return false;
		}
	}
	return argc - optind >= 6 && argc - optind < 5 + PROXIES_MAX;
}

static bool parse(int argc, char **argv, struct bench *bench, uint16_t ports[2])
{
	uint32_t kib;

	if (!parse_options(argc, argv, bench))
		return false;
	argv += optind;
	if (!parse_port(argv[0], &ports[0]) || !parse_port(argv[1], &ports[1]) ||
	    number_parse(argv[2], 1, BENCH_ROUNDS_MAX, &bench->rounds) ||
	    number_parse(argv[3], 1, CHUNK_MAX, &kib) ||
	    number_parse(argv[4], 0, IDLE_MAX, &bench->idle))
		return false;
	bench->chunk = (uint64_t)kib * 1024;
	for (argv += 5; *argv; argv++)
		if (!parse_proxy(*argv, &bench->proxies[bench->count++]))
			return false;
	bench->proxies[0].keyed = bench->link;
	bench->proxies[bench->count++] = (struct proxy){
		.name = bench->own_name,
		.port = ports[1],
		.idle_port = ports[1],
		.own = true,
	};
	return true;
}

static bool run(struct bench *bench)
{
	bool ok;

	bench->keyless = end_config(QKDTLS_CLIENT, false);
	bench->keyed = end_config(QKDTLS_CLIENT, true);
	/* Idle ones first: nothing that was freed before is there for them. */
	ok = bench->keyless && bench->keyed && (!bench->idle || idle_run(bench)) &&
	     turns_run(bench);
	qkdtls_config_unref(bench->keyless);
	qkdtls_config_unref(bench->keyed);
	return ok;
}

int main(int argc, char **argv)
{
	static struct bench bench;
	uint16_t ports[2];
	pid_t backend;
	bool ok;

	if (!parse(argc, argv, &bench, ports)) {
		fprintf(stderr,
			"usage: %s [-c | -n] [-l LINK] BACKEND-PORT TLS-PORT ROUNDS BULK-KIB IDLE NAME:PORT:IDLE-PORT:PID...\n",
			argv[0]);
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	backend = backend_start(ports[0], ports[1]);
	if (backend < 0)
		return 1;
	ok = run(&bench);
	kill(backend, SIGKILL);
	waitpid(backend, NULL, 0);
	return ok ? 0 : 1;
}
