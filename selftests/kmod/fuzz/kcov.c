// SPDX-License-Identifier: GPL-2.0-or-later
/* Which code of the modules a run has reached. */
#include <fcntl.h>
#include <linux/types.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include "fuzz.h"

#define KCOV_INIT_TRACE _IOR('c', 1, unsigned long)
#define KCOV_ENABLE	_IO('c', 100)
#define KCOV_DISABLE	_IO('c', 101)
#define KCOV_TRACE_PC	0
#define ENTRIES		(64 << 10)
#define SEEN		(1 << 16)

static int kcov = -1;
static unsigned long *trace;
static uint8_t seen[SEEN]; /* by a hash of two places that were reached one after the other */
static unsigned int places;

bool coverage_open(void)
{
	kcov = open("/sys/kernel/debug/kcov", O_RDWR | O_CLOEXEC);
	if (kcov < 0 || ioctl(kcov, KCOV_INIT_TRACE, (unsigned long)ENTRIES))
		return false;
	trace = mmap(NULL, ENTRIES * sizeof(*trace), PROT_READ | PROT_WRITE, MAP_SHARED, kcov, 0);
	return trace != MAP_FAILED && !ioctl(kcov, KCOV_ENABLE, KCOV_TRACE_PC);
}

void coverage_begin(void)
{
	if (trace)
		__atomic_store_n(&trace[0], 0, __ATOMIC_RELAXED);
}

unsigned int coverage_end(void)
{
	unsigned long n = trace ? __atomic_load_n(&trace[0], __ATOMIC_RELAXED) : 0;
	unsigned int found = 0;
	uint64_t last = 0;

	for (unsigned long i = 1; i <= n && i < ENTRIES; i++) {
		const uint64_t place = trace[i] * 0x9e3779b97f4a7c15;
		uint8_t *slot = &seen[(place ^ last >> 1) >> 48];

		last = place;
		if (*slot)
			continue;
		*slot = 1;
		found++;
	}
	places += found;
	return found;
}

unsigned int coverage_places(void)
{
	return places;
}
