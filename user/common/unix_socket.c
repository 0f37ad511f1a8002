// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>
#include <sys/stat.h>

#include "common/unix_socket.h"

#define LISTEN_BACKLOG 128

int unix_address(const char *path, struct sockaddr_un *sa, socklen_t *len)
{
	const size_t size = strlen(path);

	if (!size)
		return -ENOENT;
	if (size > UNIX_PATH_MAX)
		return -ENAMETOOLONG;
	*sa = (struct sockaddr_un){ .sun_family = AF_UNIX };
	memcpy(sa->sun_path, path, size);
	*len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + size + 1);
	return 0;
}

bool unix_is_there(const char *path)
{
	struct stat stat;

	return !lstat(path, &stat) && S_ISSOCK(stat.st_mode);
}

int unix_connect(const char *path, int type)
{
	struct sockaddr_un sa;
	socklen_t len;
	int fd, ret = unix_address(path, &sa, &len);

	if (ret)
		return ret;
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (!connect(fd, (struct sockaddr *)&sa, len))
		return fd;
	ret = -errno;
	close(fd);
	return ret;
}

/* Does a socket file lie there that nobody listens at any more? */
static bool is_stale(const char *path, int type)
{
	const int fd = unix_is_there(path) ? unix_connect(path, type | SOCK_NONBLOCK) : -ENOENT;

	if (fd >= 0)
		close(fd);
	return fd == -ECONNREFUSED;
}

/* Nobody may connect before the mode is what it should be. */
static int bind_closed(int fd, const struct sockaddr_un *sa, socklen_t len)
{
	const mode_t mask = umask(0777);
	const int ret = bind(fd, (const struct sockaddr *)sa, len) ? -errno : 0;

	umask(mask);
	return ret;
}

int unix_listen(const char *path, int type)
{
	struct sockaddr_un sa;
	socklen_t len;
	int fd, ret = unix_address(path, &sa, &len);

	if (ret)
		return ret;
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	ret = bind_closed(fd, &sa, len);
	if (ret == -EADDRINUSE && is_stale(path, type) && !unlink(path))
		ret = bind_closed(fd, &sa, len);
	if (!ret && listen(fd, LISTEN_BACKLOG))
		ret = -errno;
	if (!ret)
		return fd;
	close(fd);
	return ret;
}
