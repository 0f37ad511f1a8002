// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <linux/qkd_netlink.h>

#include "qkdctl/args.h"
#include "qkdctl/seed.h"

#define MAKE_ONE "head -c 32 /dev/urandom > FILE; chmod 600 FILE"

static int check_size(const char *path, off_t size, char *problem)
{
	if (size >= QKD_SIM_SEED_LEN_MIN && size <= QKD_SIM_SEED_LEN_MAX)
		return 0;
	snprintf(problem, PROBLEM_LEN,
		 "seed file '%s' has %lld bytes, %d to %d are wanted; make one: " MAKE_ONE, path,
		 (long long)size, QKD_SIM_SEED_LEN_MIN, QKD_SIM_SEED_LEN_MAX);
	return -1;
}

static int check(const char *path, const struct stat *st, char *problem)
{
	if (!S_ISREG(st->st_mode)) {
		snprintf(problem, PROBLEM_LEN, "seed file '%s' is not a regular file", path);
		return -1;
	}
	if (st->st_uid && st->st_uid != geteuid()) {
		snprintf(problem, PROBLEM_LEN,
			 "seed file '%s' belongs to user %u, who knows the seed: use one of "
			 "your own or root's",
			 path, st->st_uid);
		return -1;
	}
	if (st->st_mode & (S_IRWXG | S_IRWXO)) {
		snprintf(problem, PROBLEM_LEN,
			 "seed file '%s' has mode %04o, others may have read it: make a new "
			 "seed, or if none did: chmod 600 '%s'",
			 path, st->st_mode & 07777, path);
		return -1;
	}
	return check_size(path, st->st_size, problem);
}

static const char *open_problem(int error)
{
	switch (error) {
	case ELOOP:
		return "is a symbolic link: name the file itself";
	case ENOENT:
		return "does not exist; make one: " MAKE_ONE;
	default:
		return strerror(error);
	}
}

int seed_open(const char *path, char *problem)
{
	struct stat st;
	int fd;

	/* O_NONBLOCK: opening a FIFO must not hang before it is refused */
	fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0) {
		snprintf(problem, PROBLEM_LEN, "seed file '%s': %s", path, open_problem(errno));
		return -1;
	}
	if (fstat(fd, &st)) {
		snprintf(problem, PROBLEM_LEN, "seed file '%s': %s", path, strerror(errno));
		close(fd);
		return -1;
	}
	if (check(path, &st, problem)) {
		close(fd);
		return -1;
	}
	return fd;
}
