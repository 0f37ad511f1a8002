// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <qkd/libqkd.h>

#include "qkdtls/spent_file.h"

#define LINE_LEN (QKD_ID_TEXT_LEN + 1)

static int line_read(struct spent_file *spent, const char line[LINE_LEN])
{
	char text[LINE_LEN];
	uint8_t id[QKD_KEY_ID_LEN];

	if (line[QKD_ID_TEXT_LEN] != '\n')
		return -EINVAL;
	memcpy(text, line, QKD_ID_TEXT_LEN);
	text[QKD_ID_TEXT_LEN] = '\0';
	if (qkd_id_parse(text, id))
		return -EINVAL;
	spent->mark(spent->arg, id);
	return 0;
}

/* A line cut short, by a full disk perhaps, is -EINVAL too: what it meant to mark is unknown. */
static int read_on(struct spent_file *spent)
{
	char line[LINE_LEN];
	ssize_t n;
	int ret;

	while ((n = pread(spent->fd, line, sizeof(line), spent->read)) > 0) {
		if ((size_t)n < sizeof(line))
			return -EINVAL;
		ret = line_read(spent, line);
		if (ret)
			return ret;
		spent->read += n;
	}
	return n < 0 ? -errno : 0;
}

/* A new file must not vanish with the power: its folder has to be on the disk too. */
static int sync_folder(const char *path)
{
	char *copy = strdup(path);
	int fd, ret = 0;

	if (!copy)
		return -ENOMEM;
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fsync(fd))
		ret = -errno;
	if (fd >= 0)
		close(fd);
	free(copy);
	return ret;
}

static int check(int fd, const char *path)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (st.st_uid != geteuid() || st.st_mode & (S_IWGRP | S_IWOTH))
		return -EPERM;
	return st.st_size ? 0 : sync_folder(path);
}

int spent_file_open(struct spent_file *spent, const char *path)
{
	int ret;

	spent->read = 0;
	spent->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
			 S_IRUSR | S_IWUSR);
	if (spent->fd < 0)
		return -errno;
	ret = check(spent->fd, path);
	if (!ret)
		ret = spent_file_lock(spent);
	if (!ret)
		spent_file_unlock(spent);
	else
		spent_file_close(spent);
	return ret;
}

void spent_file_close(struct spent_file *spent)
{
	close(spent->fd);
	spent->fd = -1;
}

int spent_file_lock(struct spent_file *spent)
{
	int ret;

	do {
		ret = flock(spent->fd, LOCK_EX);
	} while (ret && errno == EINTR);
	if (ret)
		return -errno;
	ret = read_on(spent);
	if (ret)
		spent_file_unlock(spent);
	return ret;
}

void spent_file_unlock(struct spent_file *spent)
{
	flock(spent->fd, LOCK_UN);
}

int spent_file_add(struct spent_file *spent, const uint8_t id[QKD_KEY_ID_LEN])
{
	char line[LINE_LEN + 1];
	ssize_t n;

	qkd_id_format(id, line);
	line[QKD_ID_TEXT_LEN] = '\n';
	n = write(spent->fd, line, LINE_LEN);
	if (n < 0)
		return -errno;
	if (n != LINE_LEN)
		return -ENOSPC;
	if (fdatasync(spent->fd))
		return -errno;
	return 0;
}
