// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <linux/qkd_netlink.h>

#include "qkdctl/args.h"
#include "qkdctl/seed.h"

/* From <linux/memfd.h> of Linux 6.3 */
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 0x0008U
#endif

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

static int open_file(const char *path, char *problem)
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

/* The length, or a negative errno. Reads one byte more than a seed may have, to see that it ends. */
static ssize_t read_all(int fd, uint8_t seed[QKD_SIM_SEED_LEN_MAX + 1])
{
	size_t len = 0;
	ssize_t ret;

	while (len < QKD_SIM_SEED_LEN_MAX + 1) {
		ret = read(fd, seed + len, QKD_SIM_SEED_LEN_MAX + 1 - len);
		if (!ret)
			break;
		if (ret < 0 && errno != EINTR)
			return -errno;
		if (ret > 0)
			len += ret;
	}
	return len;
}

static int make_memfd(void)
{
	int fd = memfd_create("seed", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);

	/* Linux before 6.3 does not know that it is not to be run. */
	if (fd < 0 && errno == EINVAL)
		fd = memfd_create("seed", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	return fd;
}

/* A sealed memfd with @len bytes of @seed, or a negative errno. */
static int seal(const uint8_t *seed, size_t len)
{
	const int seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE;
	int fd = make_memfd();
	ssize_t ret;
	int err;

	if (fd < 0)
		return -errno;
	ret = pwrite(fd, seed, len, 0);
	if (ret == (ssize_t)len && !fcntl(fd, F_ADD_SEALS, seals))
		return fd;
	err = ret < 0 || ret == (ssize_t)len ? -errno : -ENOSPC;
	close(fd);
	return err;
}

static int copy(const char *path, int file, char *problem)
{
	uint8_t seed[QKD_SIM_SEED_LEN_MAX + 1];
	ssize_t len = read_all(file, seed);
	int fd = -1;

	if (len < 0) {
		snprintf(problem, PROBLEM_LEN, "seed file '%s': %s", path, strerror(-len));
	} else if (!check_size(path, len, problem)) {
		fd = seal(seed, len);
		if (fd < 0)
			snprintf(problem, PROBLEM_LEN, "the seed cannot be kept in memory: %s",
				 strerror(-fd));
	}
	explicit_bzero(seed, sizeof(seed));
	return fd < 0 ? -1 : fd;
}

int seed_open(const char *path, char *problem)
{
	int file = open_file(path, problem);
	int fd;

	if (file < 0)
		return -1;
	fd = copy(path, file, problem);
	close(file);
	return fd;
}
