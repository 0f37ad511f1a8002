// SPDX-License-Identifier: GPL-2.0-or-later
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include "bench/keys/keys.h"

bool memory_free(uint64_t *bytes)
{
	FILE *file = fopen("/proc/meminfo", "re");
	char line[128];
	uint64_t kib = 0;

	while (file && !kib && fgets(line, sizeof(line), file))
		if (sscanf(line, "MemFree: %" SCNu64 " kB", &kib) != 1)
			kib = 0;
	if (file)
		fclose(file);
	if (!kib)
		fprintf(stderr, "bench: /proc/meminfo does not tell how much is free\n");
	*bytes = kib * 1024;
	return kib;
}

void memory_print_caches(void)
{
	FILE *file = fopen("/proc/slabinfo", "re");
	unsigned long active, objects, size;
	char line[256], name[64];

	while (file && fgets(line, sizeof(line), file))
		if (!strncmp(line, "qkd", 3) &&
		    sscanf(line, "%63s %lu %lu %lu", name, &active, &objects, &size) == 4)
			printf("cache %s: %lu keys of %lu bytes\n", name, active, size);
	if (file)
		fclose(file);
}
