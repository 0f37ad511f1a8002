// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <unistd.h>
#include "../../selftests/user/pki.h"
#include "../../selftests/user/site.h"
#include "bench/bench.h"
#include "common/number.h"

#define HEAP_KEPT (256 * 1024 * 1024)
#define HEAP_PAD  (1024 * 1024)

static bool parse(int argc, char **argv, bool needs_links, struct bench_rounds *rounds)
{
	bool known = true;
	int c;

	*rounds = (struct bench_rounds){ .counted = false };
	while ((c = getopt(argc, argv, "c")) != -1) {
		rounds->counted = c == 'c';
		known = known && rounds->counted;
	}
	argv += optind;
	argc -= optind;
	rounds->links = argv + 1;
	return known && (argc == 3 || (argc == 1 && !needs_links)) &&
	       !number_parse(argv[0], 1, BENCH_ROUNDS_MAX, &rounds->count);
}

int bench_rounds_begin(int argc, char **argv, bool needs_links, struct bench_rounds *rounds)
{
	if (!parse(argc, argv, needs_links, rounds)) {
		fprintf(stderr, "usage: %s [-c] ROUNDS %s\n", program_invocation_short_name,
			needs_links ? "CLIENT-LINK SERVER-LINK" : "[CLIENT-LINK SERVER-LINK]");
		return 2;
	}
	if (!site_has_group(SITE_HYBRID)) {
		fprintf(stderr, "bench: this libcrypto has no ML-KEM\n");
		return 1;
	}
	/* As a server of many connections sees it; see bench-handshake. */
	mallopt(M_TRIM_THRESHOLD, HEAP_KEPT);
	mallopt(M_TOP_PAD, HEAP_PAD);
	return 0;
}

struct bench_files bench_files_of(struct pki *pki)
{
	return (struct bench_files){
		.ca = pki_path(pki, "ca.pem"),
		.chain = pki_path(pki, "server.pem"),
		.key = pki_path(pki, "server.key"),
	};
}
