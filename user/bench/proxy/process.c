// SPDX-License-Identifier: GPL-2.0-or-later
/* What processes take, by proc(5) and their clocks */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "bench/proxy/proxy.h"

#define KIB	  1024.0
#define PAGE	  4096.0
#define REST_MS	  20
#define RESTS_MAX 100
#define NS_PER_S  1000000000ULL
#define NS_PER_MS 1000000L

/* ---- Who they are ---- */

static pid_t parent_of(const char *pid)
{
	char path[64], line[512];
	const char *end = NULL;
	int parent = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%.20s/stat", pid);
	file = fopen(path, "re");
	if (!file)
		return 0;
	/* A name may have any characters in it. */
	if (fgets(line, sizeof(line), file))
		end = strrchr(line, ')');
	if (end && sscanf(end, ") %*c %d", &parent) != 1)
		parent = 0;
	fclose(file);
	return parent;
}

static bool add_children(struct processes *processes, pid_t parent)
{
	DIR *proc = opendir("/proc");
	const struct dirent *entry;
	bool ok = proc;

	while (ok && (entry = readdir(proc))) {
		const pid_t pid = atoi(entry->d_name);

		if (pid <= 0 || parent_of(entry->d_name) != parent)
			continue;
		ok = processes->count < PROCESSES_MAX;
		if (ok)
			processes->pid[processes->count++] = pid;
	}
	if (proc)
		closedir(proc);
	return ok;
}

bool processes_find(struct processes *processes, pid_t first)
{
	processes->pid[0] = first;
	processes->count = 1;
	for (size_t i = 0; i < processes->count; i++)
		if (!add_children(processes, processes->pid[i]))
			return false;
	return true;
}

/* ---- Time ---- */

static uint64_t cpu_now(const struct processes *processes)
{
	struct timespec time;
	uint64_t sum = 0;
	clockid_t clock;

	for (size_t i = 0; i < processes->count; i++)
		if (!clock_getcpuclockid(processes->pid[i], &clock) && !clock_gettime(clock, &time))
			sum += (uint64_t)time.tv_sec * NS_PER_S + (uint64_t)time.tv_nsec;
	return sum;
}

uint64_t processes_cpu(const struct processes *processes)
{
	const struct timespec rest = { .tv_nsec = REST_MS * NS_PER_MS };
	uint64_t before, now = cpu_now(processes);

	/* What is left to do after the client has all it wanted belongs to it, too. */
	for (int i = 0; i < RESTS_MAX; i++) {
		before = now;
		nanosleep(&rest, NULL);
		now = cpu_now(processes);
		if (now == before)
			break;
	}
	return now;
}

/* ---- Memory ---- */

/* The number behind @key in a file of such lines, or 0 */
static double number_in(const char *path, const char *key)
{
	char line[256];
	double value = 0;
	FILE *file = fopen(path, "re");

	if (!file)
		return 0;
	while (fgets(line, sizeof(line), file)) {
		const char *found = strstr(line, key);

		if (found) {
			value = strtod(found + strlen(key), NULL);
			break;
		}
	}
	fclose(file);
	return value;
}

double processes_memory(const struct processes *processes)
{
	double sum = 0;
	char path[64];

	for (size_t i = 0; i < processes->count; i++) {
		snprintf(path, sizeof(path), "/proc/%d/smaps_rollup", processes->pid[i]);
		sum += number_in(path, "Pss:") * KIB;
	}
	return sum;
}

double kernel_memory(void)
{
	static const char *const kinds[] = { "Slab:", "KernelStack:", "PageTables:", "Percpu:" };
	double sum = number_in("/proc/net/sockstat", " mem ") * PAGE;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		sum += number_in("/proc/meminfo", kinds[i]) * KIB;
	return sum;
}
