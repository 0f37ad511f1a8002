// SPDX-License-Identifier: GPL-2.0-or-later
/* What the programs share: everything from outside is refused unless it is exactly right */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/address.h"
#include "common/clock.h"
#include "common/file.h"
#include "common/hex.h"
#include "common/log.h"
#include "common/number.h"
#include "common/process.h"
#include "common/tcp.h"

static void number_is_digits_in_range(void **state)
{
	uint32_t value = 7;

	assert_int_equal(number_parse("0", 0, 10, &value), 0);
	assert_int_equal(value, 0);
	assert_int_equal(number_parse("4294967295", 0, UINT32_MAX, &value), 0);
	assert_int_equal(value, UINT32_MAX);
	assert_int_equal(number_parse("0010", 10, 10, &value), 0);
	assert_int_equal(value, 10);
}

static void number_may_have_64_bits(void **state)
{
	uint64_t value = 7;

	assert_int_equal(number_parse_u64("18446744073709551615", 0, UINT64_MAX, &value), 0);
	assert_true(value == UINT64_MAX);
	assert_int_equal(number_parse_u64("18446744073709551616", 0, UINT64_MAX, &value), -ERANGE);
	assert_int_equal(number_parse_u64("184467440737095516150", 0, UINT64_MAX, &value), -ERANGE);
	assert_int_equal(number_parse_u64("4", 5, UINT64_MAX, &value), -ERANGE);
	assert_true(value == UINT64_MAX);
}

static void number_refuses_anything_else(void **state)
{
	static const char *const malformed[] = { "", " 1", "1 ", "+1", "-1", "0x1", "1s", "1.0" };
	static const char *const outside[] = {
		"4", "11", "4294967296", "18446744073709551626", "99999999999999999999999999",
	};
	uint32_t value = 7;

	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++)
		assert_int_equal(number_parse(malformed[i], 0, 10, &value), -EINVAL);
	for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++)
		assert_int_equal(number_parse(outside[i], 5, 10, &value), -ERANGE);
	assert_int_equal(value, 7);
}

static void number_may_be_real(void **state)
{
	static const char *const malformed[] = {
		"",  " 1", "1 ",  "+1",	 "-1",	"0x1", "1km",	"1.",	 ".5",
		"e", "1e", "1e-", "1,5", "inf", "nan", "1.5.5", "1e1.5",
	};
	double value = 7;

	assert_int_equal(number_parse_real("50", 0, 100, &value), 0);
	assert_true(value == 50);
	assert_int_equal(number_parse_real("0.25", 0, 1, &value), 0);
	assert_true(value == 0.25);
	assert_int_equal(number_parse_real("1.7e-6", 0, 1, &value), 0);
	assert_true(value == 1.7e-6);
	assert_int_equal(number_parse_real("1E+3", 1000, 1000, &value), 0);
	assert_true(value == 1000);
	for (size_t i = 0; i < sizeof(malformed) / sizeof(malformed[0]); i++)
		assert_int_equal(number_parse_real(malformed[i], 0, 10, &value), -EINVAL);
	assert_int_equal(number_parse_real("0.9", 1, 2, &value), -ERANGE);
	assert_int_equal(number_parse_real("2.1", 1, 2, &value), -ERANGE);
	assert_int_equal(number_parse_real("1e999", 1, 2, &value), -ERANGE);
	assert_true(value == 1000);
}

static void hex_is_read_in_either_case(void **state)
{
	uint8_t out[4];

	assert_int_equal(hex_decode("00fFA9", 6, out, sizeof(out)), 3);
	assert_memory_equal(out, "\x00\xff\xa9", 3);
	assert_int_equal(hex_decode("", 0, out, sizeof(out)), 0);
}

static void hex_refuses_anything_else(void **state)
{
	uint8_t out[2];

	assert_int_equal(hex_decode("0", 1, out, sizeof(out)), -EINVAL);
	assert_int_equal(hex_decode("0g", 2, out, sizeof(out)), -EINVAL);
	assert_int_equal(hex_decode("/:", 2, out, sizeof(out)), -EINVAL);
	assert_int_equal(hex_decode("@G", 2, out, sizeof(out)), -EINVAL);
	assert_int_equal(hex_decode("`g", 2, out, sizeof(out)), -EINVAL);
	assert_int_equal(hex_decode("0011", 4, out, 1), -EMSGSIZE);
}

static void hex_leaves_nothing_of_what_it_refuses(void **state)
{
	uint8_t out[2] = { 0 };

	assert_int_equal(hex_decode("abx0", 4, out, sizeof(out)), -EINVAL);
	assert_int_equal(out[0], 0);
}

static void hex_is_written_in_lower_case(void **state)
{
	char text[7];

	hex_encode((const uint8_t *)"\x00\xfa\x9b", 3, text);
	assert_string_equal(text, "00fa9b");
}

static void address_has_host_and_port(void **state)
{
	static const struct {
		const char *text, *host, *port;
	} good[] = {
		{ "zurich.example:443", "zurich.example", "443" },
		{ "192.0.2.1:1", "192.0.2.1", "1" },
		{ "[2001:db8::1]:65535", "2001:db8::1", "65535" },
		{ ":0443", "", "443" },
		{ ":0", "", "0" },
	};
	struct address address;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(address_parse(good[i].text, &address), 0);
		assert_string_equal(address.host, good[i].host);
		assert_string_equal(address.port, good[i].port);
	}
}

static void address_refuses_anything_else(void **state)
{
	static const char *const bad[] = {
		"",	    "host",    "host:",	     "host:x",	   "host:65536",
		"host:-1",  "host:1 ", "::1:443",    "[::1]",	   "[::1:443",
		"::1]:443", "[]:443",  "a[::1]:443", "[::1]x:443",
	};
	char text[ADDRESS_HOST_LEN + 8];
	struct address address;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(address_parse(bad[i], &address), -EINVAL);
	memset(text, 'a', ADDRESS_HOST_LEN);
	strcpy(text + ADDRESS_HOST_LEN, ":443");
	assert_int_equal(address_parse(text, &address), -EINVAL);
	assert_int_equal(address_parse(text + 1, &address), 0);
}

static void address_to_connect_to_is_complete(void **state)
{
	struct addrinfo *list;
	struct address address;

	assert_int_equal(address_parse(":443", &address), 0);
	assert_int_not_equal(address_resolve(&address, false, &list), 0);
	assert_int_equal(address_parse("127.0.0.1:0", &address), 0);
	assert_int_not_equal(address_resolve(&address, false, &list), 0);
}

static void address_is_written_as_it_is_read(void **state)
{
	struct sockaddr_storage sa = { .ss_family = AF_INET6 };
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&sa;
	struct sockaddr_in *in = (struct sockaddr_in *)&sa;
	char text[ADDRESS_TEXT_LEN];

	assert_int_equal(inet_pton(AF_INET6, "2001:db8::1", &in6->sin6_addr), 1);
	in6->sin6_port = htons(443);
	address_format(&sa, sizeof(*in6), text);
	assert_string_equal(text, "[2001:db8::1]:443");
	memset(&sa, 0, sizeof(sa));
	in->sin_family = AF_INET;
	assert_int_equal(inet_pton(AF_INET, "192.0.2.1", &in->sin_addr), 1);
	in->sin_port = htons(80);
	address_format(&sa, sizeof(*in), text);
	assert_string_equal(text, "192.0.2.1:80");
	address_format(&sa, 0, text);
	assert_string_equal(text, "unknown");
}

static void listening_on(const char *text, int *fd, struct sockaddr_in *sa)
{
	socklen_t len = sizeof(*sa);
	struct addrinfo *list;
	struct address address;

	assert_int_equal(address_parse(text, &address), 0);
	assert_int_equal(address_resolve(&address, true, &list), 0);
	*fd = tcp_listen(list);
	assert_true(*fd >= 0);
	freeaddrinfo(list);
	assert_int_equal(getsockname(*fd, (struct sockaddr *)sa, &len), 0);
}

static int connecting_to(struct sockaddr_in *sa)
{
	struct addrinfo ai = {
		.ai_family = AF_INET,
		.ai_addr = (struct sockaddr *)sa,
		.ai_addrlen = sizeof(*sa),
	};

	return tcp_connect(&ai);
}

static void tcp_sockets_do_not_block(void **state)
{
	struct pollfd pfd = { .events = POLLIN };
	struct sockaddr_in sa;
	int fds[3];

	listening_on("127.0.0.1:0", &fds[0], &sa);
	assert_int_equal(tcp_accept(fds[0]), -EAGAIN);
	fds[1] = connecting_to(&sa);
	assert_true(fds[1] >= 0);
	pfd.fd = fds[0];
	assert_int_equal(poll(&pfd, 1, 10000), 1);
	fds[2] = tcp_accept(fds[0]);
	assert_true(fds[2] >= 0);
	assert_int_equal(tcp_connect_result(fds[1]), 0);
	for (size_t i = 0; i < 3; i++) {
		assert_true(fcntl(fds[i], F_GETFL) & O_NONBLOCK);
		assert_true(fcntl(fds[i], F_GETFD) & FD_CLOEXEC);
		close(fds[i]);
	}
}

static void tcp_refusal_is_told(void **state)
{
	struct pollfd pfd = { .events = POLLOUT };
	struct sockaddr_in sa;
	int fd, ret;

	listening_on("127.0.0.1:0", &fd, &sa);
	close(fd);
	ret = connecting_to(&sa);
	if (ret >= 0) {
		pfd.fd = ret;
		assert_int_equal(poll(&pfd, 1, 10000), 1);
		ret = tcp_connect_result(pfd.fd);
		close(pfd.fd);
	}
	assert_int_equal(ret, -ECONNREFUSED);
}

static void deadline_counts_down(void **state)
{
	uint64_t now = clock_ms();

	assert_int_equal(clock_left_ms(now), 0);
	assert_int_equal(clock_left_ms(0), 0);
	assert_int_equal(clock_left_ms(CLOCK_NEVER), -1);
	assert_int_equal(clock_left_ms(CLOCK_NEVER - 1), INT_MAX);
	assert_in_range(clock_left_ms(now + 3600000), 1, 3600000);
}

static char dir[] = "/tmp/test_common.XXXXXX";
static char path[64];

static int file_setup(void **state)
{
	snprintf(path, sizeof(path), "%s/file", dir);
	return 0;
}

static int file_teardown(void **state)
{
	unlink(path);
	return 0;
}

static void file_write(const char *text, size_t len, mode_t mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, mode);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, len), len);
	assert_int_equal(fchmod(fd, mode), 0);
	assert_int_equal(close(fd), 0);
}

static void file_is_read_whole(void **state)
{
	char *text = NULL;
	size_t len = 0;

	file_write("content\n", 8, 0644);
	assert_int_equal(file_read(path, 8, &text, &len), 0);
	assert_int_equal(len, 8);
	assert_string_equal(text, "content\n");
	file_free(text, len);
	file_write("", 0, 0600);
	assert_int_equal(file_read_secret(path, 8, &text, &len), 0);
	assert_int_equal(len, 0);
	assert_string_equal(text, "");
	file_free(text, len);
}

static void file_with_secrets_is_closed_to_others(void **state)
{
	static const mode_t modes[] = { 0640, 0620, 0610, 0604, 0602, 0601, 0666 };
	char *text = NULL;
	size_t len = 0;

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++) {
		file_write("content\n", 8, modes[i]);
		assert_int_equal(file_read_secret(path, 8, &text, &len), -EPERM);
		assert_null(text);
	}
}

static void file_that_is_none_or_long_or_binary_is_refused(void **state)
{
	char *text = NULL;
	size_t len = 0;

	assert_int_equal(file_read(path, 8, &text, &len), -ENOENT);
	assert_int_equal(file_read(dir, 8, &text, &len), -EINVAL);
	assert_int_equal(file_read("/dev/zero", 8, &text, &len), -EINVAL);
	file_write("content\nx", 9, 0600);
	assert_int_equal(file_read(path, 8, &text, &len), -EFBIG);
	file_write("con\0ent\n", 8, 0600);
	assert_int_equal(file_read(path, 8, &text, &len), -EINVAL);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(file_read(path, 8, &text, &len), -EINVAL);
	assert_null(text);
}

/* In a child, which keeps it from the other tests; its exit status is what failed */
static int hardened(void)
{
	struct rlimit core;

	if (process_harden())
		return 1;
	if (prctl(PR_GET_DUMPABLE))
		return 2;
	if (getrlimit(RLIMIT_CORE, &core) || core.rlim_cur || core.rlim_max)
		return 3;
	if (raise(SIGPIPE))
		return 4;
	return 0;
}

static void hardened_process_leaves_no_core(void **state)
{
	int status;
	pid_t child = fork();

	assert_true(child >= 0);
	if (!child)
		_exit(hardened());
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* A peer's words must neither steer the operator's terminal nor look like lines of ours. */
static void log_line_stays_one_line(void **state)
{
	int saved = dup(STDERR_FILENO), pipe_fds[2];
	char buf[128];
	ssize_t n;

	log_init("test");
	assert_int_equal(pipe(pipe_fds), 0);
	assert_int_equal(dup2(pipe_fds[1], STDERR_FILENO), STDERR_FILENO);
	log_error("peer says %s", "a\nb\x1b[2J\x7f");
	assert_int_equal(dup2(saved, STDERR_FILENO), STDERR_FILENO);
	n = read(pipe_fds[0], buf, sizeof(buf) - 1);
	assert_true(n > 0);
	buf[n] = '\0';
	assert_string_equal(buf, "test: error: peer says a?b?[2J?\n");
	close(saved);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}

static int group_setup(void **state)
{
	return mkdtemp(dir) ? 0 : -1;
}

static int group_teardown(void **state)
{
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(number_is_digits_in_range),
		cmocka_unit_test(number_may_have_64_bits),
		cmocka_unit_test(number_refuses_anything_else),
		cmocka_unit_test(number_may_be_real),
		cmocka_unit_test(hex_is_read_in_either_case),
		cmocka_unit_test(hex_refuses_anything_else),
		cmocka_unit_test(hex_leaves_nothing_of_what_it_refuses),
		cmocka_unit_test(hex_is_written_in_lower_case),
		cmocka_unit_test(address_has_host_and_port),
		cmocka_unit_test(address_refuses_anything_else),
		cmocka_unit_test(address_to_connect_to_is_complete),
		cmocka_unit_test(address_is_written_as_it_is_read),
		cmocka_unit_test(tcp_sockets_do_not_block),
		cmocka_unit_test(tcp_refusal_is_told),
		cmocka_unit_test(deadline_counts_down),
		cmocka_unit_test_setup_teardown(file_is_read_whole, file_setup, file_teardown),
		cmocka_unit_test_setup_teardown(file_with_secrets_is_closed_to_others, file_setup,
						file_teardown),
		cmocka_unit_test_setup_teardown(file_that_is_none_or_long_or_binary_is_refused,
						file_setup, file_teardown),
		cmocka_unit_test(hardened_process_leaves_no_core),
		cmocka_unit_test(log_line_stays_one_line),
	};

	return cmocka_run_group_tests_name("common", tests, group_setup, group_teardown);
}
