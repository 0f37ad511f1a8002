// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/log.h"
#include "qkdtls/keylog.h"

static const char *problem(int fd)
{
	struct stat st;

	if (fd < 0 || fstat(fd, &st))
		return strerror(errno);
	if (!S_ISREG(st.st_mode))
		return "is not a regular file";
	if (st.st_uid != geteuid() || st.st_mode & (S_IRWXG | S_IRWXO))
		return "is open to others";
	return NULL;
}

FILE *keylog_open(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK,
		      S_IRUSR | S_IWUSR);
	const char *why = problem(fd);
	FILE *file = why ? NULL : fdopen(fd, "a");

	if (!file) {
		log_error("%s: %s", path, why ? why : strerror(errno));
		if (fd >= 0)
			close(fd);
		return NULL;
	}
	/* Unbuffered: no copy of the secrets stays in this process. */
	setbuf(file, NULL);
	log_warning(
		"--keylog: THE SECRETS OF EVERY CONNECTION ARE WRITTEN TO %s. Whoever has that "
		"file can read and forge the traffic. For debugging only; delete it afterwards.",
		path);
	return file;
}

void keylog_line(void *arg, const char *line)
{
	if (fprintf(arg, "%s\n", line) < 0)
		log_warning("--keylog: cannot write");
}
