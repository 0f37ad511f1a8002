/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The controller's view of the pairs: their namespaces, links and closing accounts. */
#ifndef _QKD_TORTURE_SITES_H
#define _QKD_TORTURE_SITES_H

#include "torture.h"

/* One end: what the controller holds of its namespace */
struct site {
	int ns;
	struct qkd_nl *nl, *events;
};

struct sites {
	struct board *board;
	int home;
	int lives; /* begun */
	unsigned int failures; /* of the controller's own calls */
	bool provider;
	struct site site[PAIRS][2];
};

int sites_open(struct sites *sites, struct board *board);
void sites_close(struct sites *sites);
void pair_begin(struct sites *sites, int pair, uint32_t capacity);
void pair_end(struct sites *sites, int pair, bool first);
void pair_destroy(struct sites *sites, int pair);
void provider_unload(struct sites *sites);
void provider_load(struct sites *sites);
void sites_listen(struct sites *sites);
int unload_module(const char *module);

/* Counts what must not happen. */
void sites_expect(struct sites *sites, bool held, const char *what);

#endif /* _QKD_TORTURE_SITES_H */
