// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "qkdtlsd/config.h"
#include "qkdtlsd/counters.h"

static struct shared {
	atomic_flag warned;
	struct counters all[COUNTED_SERVICES_MAX];
} * shared;

/* Whose they are is the master's own affair. */
static char names[COUNTED_SERVICES_MAX][CONFIG_NAME_MAX + 1];
static size_t count;

int counters_init(void)
{
	void *memory = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED)
		return -errno;
	shared = memory;
	return 0;
}

struct counters *counters_of(const char *name)
{
	for (size_t i = 0; i < count; i++) {
		if (!strcmp(names[i], name))
			return &shared->all[i];
	}
	if (count == COUNTED_SERVICES_MAX)
		return NULL;
	snprintf(names[count], sizeof(names[count]), "%s", name);
	return &shared->all[count++];
}

uint32_t counters_place(const struct counters *counters)
{
	return (uint32_t)(counters - shared->all);
}

static uint32_t sum(const _Atomic uint32_t by_worker[WORKERS_MAX])
{
	uint32_t all = 0;

	for (size_t i = 0; i < WORKERS_MAX; i++)
		all += by_worker[i];
	return all;
}

uint32_t counters_open(const struct counters *counters)
{
	return sum(counters->open);
}

uint32_t counters_handshakes(const struct counters *counters)
{
	return sum(counters->handshakes);
}

void counters_forget(unsigned int worker)
{
	for (size_t i = 0; i < count; i++)
		shared->all[i].open[worker] = shared->all[i].handshakes[worker] = 0;
}

bool counters_warn_own_records(void)
{
	return !atomic_flag_test_and_set(&shared->warned);
}
