// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <openssl/crypto.h>

#include "common/file.h"

static int read_all(int fd, char *buf, size_t size, size_t *len)
{
	*len = 0;
	while (*len < size) {
		ssize_t n = read(fd, buf + *len, size - *len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!n)
			return 0;
		*len += (size_t)n;
	}
	return -EFBIG;
}

static int file_check(int fd, bool secret, size_t max, size_t *size)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (secret && (st.st_mode & (S_IRWXG | S_IRWXO)))
		return -EPERM;
	if (st.st_size < 0 || (size_t)st.st_size > max)
		return -EFBIG;
	*size = (size_t)st.st_size;
	return 0;
}

static int file_load(const char *path, bool secret, size_t max, char **text, size_t *len)
{
	char *buf = NULL;
	size_t size = 0;
	int ret, fd;

	/* O_NONBLOCK: opening a FIFO must not hang before it is refused */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -errno;
	ret = file_check(fd, secret, max, &size);
	if (ret)
		goto out;
	buf = calloc(1, size + 1);
	if (!buf) {
		ret = -ENOMEM;
		goto out;
	}
	ret = read_all(fd, buf, size + 1, len);
	if (!ret && memchr(buf, '\0', *len))
		ret = -EINVAL;
	if (!ret) {
		*text = buf;
		buf = NULL;
	}
out:
	file_free(buf, size + 1);
	close(fd);
	return ret;
}

int file_read(const char *path, size_t max, char **text, size_t *len)
{
	return file_load(path, false, max, text, len);
}

int file_read_secret(const char *path, size_t max, char **text, size_t *len)
{
	return file_load(path, true, max, text, len);
}

void file_free(char *text, size_t len)
{
	if (!text)
		return;
	OPENSSL_cleanse(text, len);
	free(text);
}

const char *file_problem(int error)
{
	switch (error < 0 ? -error : error) {
	case EPERM:
		return "may be read by others: chmod 600 it, and think whether they did";
	case EINVAL:
		return "is not a regular text file";
	case EFBIG:
		return "is too long";
	default:
		return strerror(error < 0 ? -error : error);
	}
}
