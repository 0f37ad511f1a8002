// SPDX-License-Identifier: GPL-2.0-or-later
/* What qkdctl takes from a socket that should be a qkdtlsd's. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <cmocka.h>

#include "common/unix_socket.h"
#include "qkdctl/daemon_stats.h"

#define SERVICE(name, ends)                                                  \
	"{\"service\":\"" name                                               \
	"\",\"mode\":\"server\",\"open\":1,\"handshakes\":0,\"accepted\":7," \
	"\"qkd\":4,\"fallback\":1,\"ends\":" ends "}"

static char path[64];

/* Somebody who says this, and is then gone. */
static int read_from(const char *text, size_t len, struct json_object **services)
{
	const int fd = unix_listen(path, SOCK_STREAM);
	int ret, status;
	pid_t pid;

	assert_true(fd >= 0);
	pid = fork();
	assert_true(pid >= 0);
	if (!pid) {
		const int reader = fcntl(fd, F_SETFL, 0) ? -1 : accept(fd, NULL, NULL);

		for (ssize_t n; len; text += n, len -= (size_t)n) {
			n = send(reader, text, len, MSG_NOSIGNAL);
			if (n <= 0)
				break;
		}
		_exit(0);
	}
	*services = NULL;
	/* Made with nobody's permission, which root does not mind; others are given theirs. */
	assert_int_equal(chmod(path, 0600), 0);
	ret = daemon_stats_read(path, services);
	close(fd);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	unlink(path);
	return ret;
}

static void takes_services(void **state)
{
	static const char text[] = "[" SERVICE("web", "{\"closed\":3,\"no-key\":0}") "," SERVICE(
		"nfs-1.a_b", "{}") "]";
	struct json_object *services, *service;

	assert_int_equal(read_from(text, strlen(text), &services), 0);
	assert_int_equal(json_object_array_length(services), 2);
	service = json_object_array_get_idx(services, 0);
	assert_string_equal(json_object_get_string(json_object_object_get(service, "service")),
			    "web");
	assert_int_equal(json_object_get_int64(json_object_object_get(service, "accepted")), 7);
	json_object_put(services);
	assert_int_equal(read_from("[]", 2, &services), 0);
	assert_int_equal(json_object_array_length(services), 0);
	json_object_put(services);
}

static const char *const bad[] = {
	"",
	"[",
	"{}",
	"7",
	"null",
	"[7]",
	"[null]",
	"[{}]",
	"[" SERVICE("", "{}") "]",
	"[" SERVICE("web\\u001b[2J", "{}") "]",
	"[" SERVICE("a\\\"b", "{}") "]",
	"[" SERVICE("a b", "{}") "]",
	"[" SERVICE("web", "[]") "]",
	"[" SERVICE("web", "null") "]",
	"[" SERVICE("web", "{\"closed\":\"3\"}") "]",
	"[" SERVICE("web", "{\"closed\":null}") "]",
	"[" SERVICE("web", "{\"clo\\nsed\":3}") "]",
	"[" SERVICE("web", "{}"),
	"[{\"service\":7,\"open\":1,\"handshakes\":0,\"accepted\":7,\"qkd\":4,\"fallback\":1,\"ends\":{}}]",
	"[{\"service\":\"web\",\"handshakes\":0,\"accepted\":7,\"qkd\":4,\"fallback\":1,\"ends\":{}}]",
	("[{\"service\":\"web\",\"open\":1,\"handshakes\":0,\"accepted\":7.5,\"qkd\":4,\"fallback\":1,"
	 "\"ends\":{}}]"),
};

static void refuses_everything_else(void **state)
{
	struct json_object *services;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(read_from(bad[i], strlen(bad[i]), &services), -EBADMSG);
		assert_null(services);
	}
}

/* Deeper than anybody needs, and longer */
static void refuses_what_has_no_end(void **state)
{
	char *text = malloc(2 * DAEMON_STATS_MAX);
	struct json_object *services;

	assert_non_null(text);
	memset(text, '[', 2 * DAEMON_STATS_MAX);
	assert_int_equal(read_from(text, 2 * DAEMON_STATS_MAX, &services), -EBADMSG);
	assert_int_equal(read_from(text, 1000, &services), -EBADMSG);
	memset(text, ' ', 2 * DAEMON_STATS_MAX);
	assert_int_equal(read_from(text, 2 * DAEMON_STATS_MAX, &services), -EBADMSG);
	free(text);
}

static void says_that_nobody_is_there(void **state)
{
	char long_path[200];
	struct json_object *services;
	int fd;

	assert_int_equal(daemon_stats_read(path, &services), -ENOENT);
	assert_int_equal(daemon_stats_read("", &services), -ENOENT);
	memset(long_path, 'a', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = '\0';
	assert_int_equal(daemon_stats_read(long_path, &services), -ENAMETOOLONG);
	fd = unix_listen(path, SOCK_STREAM);
	assert_true(fd >= 0);
	assert_int_equal(unix_listen(path, SOCK_STREAM), -EADDRINUSE);
	close(fd);
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(daemon_stats_read(path, &services), -ECONNREFUSED);
	/* A file that nobody listens at gives way, another does not. */
	fd = unix_listen(path, SOCK_STREAM);
	assert_true(fd >= 0);
	close(fd);
	unlink(path);
	fd = creat(path, 0600);
	assert_true(fd >= 0);
	close(fd);
	assert_int_equal(unix_listen(path, SOCK_STREAM), -EADDRINUSE);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_services),
		cmocka_unit_test(refuses_everything_else),
		cmocka_unit_test(refuses_what_has_no_end),
		cmocka_unit_test(says_that_nobody_is_there),
	};

	snprintf(path, sizeof(path), "/tmp/qkdctl-stats-%d", (int)getpid());
	return cmocka_run_group_tests(tests, NULL, NULL);
}
