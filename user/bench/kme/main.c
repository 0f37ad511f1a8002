// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What qkdkmed adds to the time that its KME takes. A plain client puts the same requests to the same KME, in
 * turns with the daemon, so that both meet the same machine. See Documentation/performance.md.
 *
 *	bench-kme URL fill BATCH KEYS ROUNDS
 *	bench-kme [-p FOLDER] URL lookup KEYS
 *
 * A daemon feeds the link "bench" from the KME at URL, and is configured for that BATCH and for KEYS as its
 * high mark. With -p it is the one whose kernel is played, at a socket in FOLDER.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include "bench/bench.h"
#include "bench/kme/kme.h"
#include "common/number.h"

#define ROUNDS_MAX   100
#define LOOKUPS_MAX  10000
#define WARM_UP	     20 /* lookups of each that do not count */
#define USEC	     1e3
#define NSEC_PER_SEC 1e9

uint64_t kme_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

bool kme_failed(const char *what, const char *why)
{
	fprintf(stderr, "bench: %s: %s\n", what, why);
	return false;
}

/* ---- Statistics ---- */

struct series {
	double *value;
	size_t count;
};

/* Sorts what it looks at. */
static double percentile(struct series *series, size_t percent)
{
	bench_sort(series->value, series->count);
	return series->value[(series->count - 1) * percent / 100];
}

/* ---- Filling ---- */

static bool draw_all(struct client *client, uint32_t batch, uint32_t keys, uint64_t *nsec)
{
	uint64_t took;

	*nsec = 0;
	for (uint32_t drawn = 0; drawn < keys; drawn += batch) {
		if (!client_draw(client, batch, &took))
			return false;
		*nsec += took;
	}
	return true;
}

static void report_fill(const struct store *store, uint32_t batch, uint32_t keys,
			struct series *ours, struct series *plain)
{
	const double fill = percentile(ours, 50), kme = percentile(plain, 50);

	printf("%-6s batches of %4u: %8.0f keys/s, its KME alone %8.0f, time over the KME's %5.2f\n",
	       store->where, batch, keys * NSEC_PER_SEC / fill, keys * NSEC_PER_SEC / kme,
	       fill / kme);
	printf("bench kme.%s.fill.rate.%u %.0f\n", store->where, batch, keys * NSEC_PER_SEC / fill);
	printf("bench kme.%s.fill.kme.rate.%u %.0f\n", store->where, batch,
	       keys * NSEC_PER_SEC / kme);
	printf("bench kme.%s.fill.ratio.%u %.3f\n", store->where, batch, fill / kme);
}

static bool fill(struct store *store, struct client *client, uint32_t batch, uint32_t keys,
		 uint32_t rounds)
{
	double values[2][ROUNDS_MAX];
	struct series ours = { values[0], rounds }, plain = { values[1], rounds };
	uint64_t nsec;

	/* Connections are made. */
	if (!store->fill(store, keys, &nsec) || !client_draw(client, batch, &nsec))
		return false;
	for (uint32_t i = 0; i < rounds; i++) {
		if (!store->fill(store, keys, &nsec))
			return false;
		ours.value[i] = (double)nsec;
		if (!draw_all(client, batch, keys, &nsec))
			return false;
		plain.value[i] = (double)nsec;
	}
	report_fill(store, batch, keys, &ours, &plain);
	return true;
}

/* ---- Looking up ---- */

struct lookups {
	uint8_t (*ids)[QKD_KEY_ID_LEN]; /* two for each: one is asked of the link, one of the KME */
	struct series ours, plain;
};

static bool make_ids(struct client *peer, uint8_t (*ids)[QKD_KEY_ID_LEN], size_t count)
{
	size_t number;

	for (; count; ids += number, count -= number) {
		number = count < KME_BATCH_MAX ? count : KME_BATCH_MAX;
		if (!client_ids(peer, number, ids))
			return false;
	}
	return true;
}

static void report_lookups(const struct store *store, struct lookups *lookups)
{
	static const struct {
		size_t percent;
		const char *name, *figure;
	} rows[] = { { 50, "median", "" }, { 95, "95 %", ".p95" } };
	double ours, plain;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ours = percentile(&lookups->ours, rows[i].percent) / USEC;
		plain = percentile(&lookups->plain, rows[i].percent) / USEC;
		printf("%-6s a key by its ID, %-6s: %8.0f usec, its KME alone %8.0f, added %7.0f\n",
		       store->where, rows[i].name, ours, plain, ours - plain);
		printf("bench kme.%s.lookup.usec%s %.0f\n", store->where, rows[i].figure, ours);
		printf("bench kme.%s.lookup.kme.usec%s %.0f\n", store->where, rows[i].figure,
		       plain);
		printf("bench kme.%s.lookup.added.usec%s %.0f\n", store->where, rows[i].figure,
		       ours - plain);
		printf("bench kme.%s.lookup.ratio%s %.3f\n", store->where, rows[i].figure,
		       ours / plain);
	}
}

static bool run_lookups(struct store *store, struct client *client, struct lookups *lookups)
{
	const size_t count = lookups->ours.count;
	uint64_t ours, plain;

	for (size_t i = 0; i < count + WARM_UP; i++) {
		if (!store->lookup(store, lookups->ids[2 * i], &ours) ||
		    !client_fetch(client, lookups->ids[2 * i + 1], &plain))
			return false;
		if (i < WARM_UP)
			continue;
		lookups->ours.value[i - WARM_UP] = (double)ours;
		lookups->plain.value[i - WARM_UP] = (double)plain;
	}
	report_lookups(store, lookups);
	return true;
}

static bool lookup(struct store *store, struct client *client, struct client *peer, uint32_t keys)
{
	struct lookups lookups = {
		.ids = calloc(2 * (keys + WARM_UP), QKD_KEY_ID_LEN),
		.ours = { calloc(keys, sizeof(double)), keys },
		.plain = { calloc(keys, sizeof(double)), keys },
	};
	bool ok = lookups.ids && lookups.ours.value && lookups.plain.value;

	if (!ok)
		kme_failed("keys", "out of memory");
	ok = ok && make_ids(peer, lookups.ids, 2 * (keys + WARM_UP)) &&
	     run_lookups(store, client, &lookups);
	free(lookups.ids);
	free(lookups.ours.value);
	free(lookups.plain.value);
	return ok;
}

/* ---- Arguments ---- */

struct options {
	const char *folder, *url;
	bool fill;
	uint32_t batch, keys, rounds;
};

static bool parse_fill(char **words, struct options *options)
{
	options->fill = true;
	return !number_parse(words[0], 1, KME_BATCH_MAX, &options->batch) &&
	       !number_parse(words[1], 1, KME_KEYS_MAX, &options->keys) &&
	       !number_parse(words[2], 1, ROUNDS_MAX, &options->rounds);
}

static bool parse(int argc, char **argv, struct options *options)
{
	int c;

	while ((c = getopt(argc, argv, "p:")) != -1) {
		if (c != 'p')
			return false;
		options->folder = optarg;
	}
	argv += optind;
	argc -= optind;
	if (argc < 3)
		return false;
	options->url = argv[0];
	if (argc == 5 && !options->folder && !strcmp(argv[1], "fill"))
		return parse_fill(argv + 2, options);
	return argc == 3 && !strcmp(argv[1], "lookup") &&
	       !number_parse(argv[2], 1, LOOKUPS_MAX, &options->keys);
}

static bool run(const struct options *options)
{
	struct client *client = NULL, *peer = NULL;
	struct store *store = NULL;
	bool ok = client_new(&client, options->url, KME_LOCAL, KME_REMOTE) &&
		  client_new(&peer, options->url, KME_REMOTE, KME_LOCAL);

	ok = ok && (options->folder ? played_new(&store, options->folder) : kernel_new(&store));
	if (ok && options->fill)
		ok = fill(store, client, options->batch, options->keys, options->rounds);
	else if (ok)
		ok = lookup(store, client, peer, options->keys);
	if (store)
		store->free(store);
	client_free(client);
	client_free(peer);
	return ok;
}

int main(int argc, char **argv)
{
	struct options options = { 0 };

	if (!parse(argc, argv, &options)) {
		fprintf(stderr, "usage: bench-kme URL fill BATCH KEYS ROUNDS\n"
				"       bench-kme [-p FOLDER] URL lookup KEYS\n");
		return 2;
	}
	return run(&options) ? 0 : 1;
}
