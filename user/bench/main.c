// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Handshakes of a client and a server in one process, without any wire: what a QKD key costs beside the
 * certificate and the key exchange. Modes take turns, so that they meet the same machine.
 */
#include <stdint.h>
#include <stdio.h>
#include <time.h>

#include "../../selftests/user/site.h"

#define ROUNDS	      40
#define PER_ROUND     25
#define NSEC_PER_USEC 1e3
#define USEC_PER_SEC  1e6

struct bench_mode {
	const char *name;
	struct site_options options;
	struct qkdtls_config *client, *server;
	uint64_t nsec;
	unsigned int count;
};

static struct bench_mode modes[] = {
	{ .name = "hybrid-psk", .options = { .groups = SITE_HYBRID } },
	{ .name = "hybrid",
	  .options = { .groups = SITE_HYBRID, .policy = QKDTLS_PREFER, .psk = SITE_NO_PSK } },
	{ .name = "hybrid-psk-only",
	  .options = { .groups = SITE_HYBRID, .policy = QKDTLS_PSK_ONLY } },
	{ .name = "hybrid-psk-mutual",
	  .options = { .groups = SITE_HYBRID, .verify_client = true } },
	{ .name = "classical-psk", .options = { .groups = SITE_CLASSICAL } },
	{ .name = "classical-psk-only",
	  .options = { .groups = SITE_CLASSICAL, .policy = QKDTLS_PSK_ONLY } },
};

#define MODES (sizeof(modes) / sizeof(modes[0]))

static uint64_t now_nsec(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static bool shake_hands(const struct bench_mode *mode)
{
	struct loopback lb;
	bool done;

	loopback_init(&lb, mode->client, mode->server);
	done = loopback_run(&lb) && lb.want[QKDTLS_CLIENT] == QKDTLS_DONE &&
	       lb.want[QKDTLS_SERVER] == QKDTLS_DONE;
	loopback_free(&lb);
	return done;
}

static bool run_round(struct bench_mode *mode)
{
	const uint64_t start = now_nsec();

	for (int i = 0; i < PER_ROUND; i++)
		if (!shake_hands(mode))
			return false;
	mode->nsec += now_nsec() - start;
	mode->count += PER_ROUND;
	return true;
}

static bool run_all(void)
{
	for (int round = 0; round < ROUNDS; round++)
		for (size_t i = 0; i < MODES; i++)
			if (modes[i].client && !run_round(&modes[i])) {
				fprintf(stderr, "bench: %s: handshake failed\n", modes[i].name);
				return false;
			}
	return true;
}

static void report(void)
{
	printf("%-20s %12s %12s\n", "handshake", "per second", "microseconds");
	for (size_t i = 0; i < MODES; i++) {
		const double usec =
			modes[i].count ? (double)modes[i].nsec / NSEC_PER_USEC / modes[i].count : 0;

		if (!modes[i].client)
			printf("%-20s %12s (this libcrypto lacks the group)\n", modes[i].name, "-");
		else
			printf("%-20s %12.0f %12.1f\n", modes[i].name, USEC_PER_SEC / usec, usec);
	}
	for (size_t i = 0; i < MODES; i++)
		if (modes[i].count)
			printf("bench handshake-%s-usec %.1f\n", modes[i].name,
			       (double)modes[i].nsec / NSEC_PER_USEC / modes[i].count);
}

int main(void)
{
	struct pki *pki = pki_new();
	bool ok;

	for (size_t i = 0; i < MODES; i++) {
		if (!site_has_group(modes[i].options.groups))
			continue;
		modes[i].client = site_config(pki, QKDTLS_CLIENT, &modes[i].options);
		modes[i].server = site_config(pki, QKDTLS_SERVER, &modes[i].options);
	}
	ok = run_all();
	if (ok)
		report();
	for (size_t i = 0; i < MODES; i++) {
		qkdtls_config_unref(modes[i].client);
		qkdtls_config_unref(modes[i].server);
	}
	pki_free(pki);
	return ok ? 0 : 1;
}
