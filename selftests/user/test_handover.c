// SPDX-License-Identifier: GPL-2.0-or-later
/* A program's side of <qkd/handover.h>, against a daemon that is played and need not be honest */
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
#include <sys/un.h>
#include <sys/wait.h>
#include <cmocka.h>
#include <qkd/handover.h>
#include <qkd/qkdtls.h>

/**
 * struct scene - a daemon that answers once
 * @dir: of its socket
 * @path: of the socket
 * @listener: its socket
 * @pair: stands for the TCP connection: what is handed over is the daemon's affair
 * @child: the process that plays it, or 0
 */
struct scene {
	char dir[32];
	char path[64];
	int listener;
	int pair[2];
	pid_t child;
};

static int setup(void **state)
{
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	struct scene *scene = calloc(1, sizeof(*scene));

	assert_non_null(scene);
	strcpy(scene->dir, "/tmp/test-handover-XXXXXX");
	assert_non_null(mkdtemp(scene->dir));
	snprintf(scene->path, sizeof(scene->path), "%s/socket", scene->dir);
	strcpy(sa.sun_path, scene->path);
	scene->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	assert_true(scene->listener >= 0);
	assert_int_equal(bind(scene->listener, (struct sockaddr *)&sa, sizeof(sa)), 0);
	assert_int_equal(listen(scene->listener, 1), 0);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, scene->pair), 0);
	*state = scene;
	return 0;
}

static int teardown(void **state)
{
	struct scene *scene = *state;

	close(scene->listener);
	close(scene->pair[0]);
	close(scene->pair[1]);
	unlink(scene->path);
	rmdir(scene->dir);
	free(scene);
	return 0;
}

/* ---- The daemon ---- */

/* The request is what it should be, with one descriptor: it is written to, and the test reads that. */
static int take_request(int fd, unsigned int timeout_ms)
{
	struct qkdtls_handover_request request = { 0 };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(4 * sizeof(int))];
	} control = { 0 };
	struct iovec iov = { .iov_base = &request, .iov_len = sizeof(request) };
	struct msghdr msg = { .msg_iov = &iov,
			      .msg_iovlen = 1,
			      .msg_control = &control,
			      .msg_controllen = sizeof(control) };
	const struct cmsghdr *cmsg;
	int brought;

	if (recvmsg(fd, &msg, 0) != sizeof(request) || (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)))
		return 1;
	cmsg = CMSG_FIRSTHDR(&msg);
	if (!cmsg || cmsg->cmsg_type != SCM_RIGHTS || cmsg->cmsg_len != CMSG_LEN(sizeof(int)))
		return 2;
	memcpy(&brought, CMSG_DATA(cmsg), sizeof(brought));
	if (request.version != QKDTLS_HANDOVER_VERSION || request.flags || request.reserved ||
	    request.timeout_ms != timeout_ms)
		return 3;
	return write(brought, "x", 1) == 1 ? 0 : 4;
}

static int answer(int fd, const void *data, size_t len, const int *fds, size_t count)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(4 * sizeof(int))];
	} control = { 0 };
	struct iovec iov = { .iov_base = (void *)data, .iov_len = len };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *cmsg;

	if (count) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(count * sizeof(int));
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(count * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, count * sizeof(int));
	}
	return sendmsg(fd, &msg, 0) == (ssize_t)len ? 0 : 5;
}

/* Plays it in a process of its own: @len bytes of @data, with @count descriptors; without data it closes, @silent: it waits. */
static void play(struct scene *scene, const void *data, size_t len, size_t count, bool silent)
{
	const int fds[] = { STDERR_FILENO, STDERR_FILENO, STDERR_FILENO, STDERR_FILENO };
	int fd, ret;

	/* What was refused without an answer is shut down. */
	close(scene->pair[0]);
	close(scene->pair[1]);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, scene->pair), 0);
	scene->child = fork();
	assert_true(scene->child >= 0);
	if (scene->child)
		return;
	fd = accept(scene->listener, NULL, NULL);
	ret = take_request(fd, silent ? 50 : 0);
	if (!ret && len)
		ret = answer(fd, data, len, fds, count);
	/* Until the program has gone */
	while (silent && read(fd, &ret, sizeof(ret)) > 0)
		;
	_exit(ret);
}

/* And it was content. */
static void played(struct scene *scene)
{
	char byte;
	int status;

	assert_int_equal(waitpid(scene->child, &status, 0), scene->child);
	assert_int_equal(status, 0);
	assert_int_equal(read(scene->pair[1], &byte, 1), 1);
}

static int open_files(void)
{
	int count = 0;

	for (int fd = 0; fd < 256; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static const struct qkdtls_handover_reply good = {
	.version = QKDTLS_HANDOVER_VERSION,
	.flags = QKDTLS_HANDOVER_F_SERVER | QKDTLS_HANDOVER_F_QKD | QKDTLS_HANDOVER_F_SEALED,
	.suite = QKDTLS_AES_256_GCM_SHA384,
	.group = QKDTLS_GROUP_X25519MLKEM768,
	.signature = QKDTLS_SIG_ED25519,
	.alert_sent = QKDTLS_ALERT_NONE,
	.alert_received = QKDTLS_ALERT_NONE,
	.key_id = { 1, 2, 3 },
	.peer = "geneva.example",
	.subject = "CN=geneva.example",
	.sae = "geneva",
	.alpn = "h2",
};

/* ---- Tests ---- */

static void tells_who_the_peer_is(void **state)
{
	struct scene *scene = *state;
	struct qkdtls_handover_info info;
	const int before = open_files();

	play(scene, &good, sizeof(good), 1, false);
	assert_int_equal(qkdtls_handover(scene->path, scene->pair[0], 0, &info), 0);
	played(scene);
	assert_int_equal(info.role, QKDTLS_SERVER);
	assert_true(info.tls.psk && info.tls.sealed && info.tls.certificate && info.tls.imported);
	assert_int_equal(info.tls.suite, QKDTLS_AES_256_GCM_SHA384);
	assert_int_equal(info.tls.group, QKDTLS_GROUP_X25519MLKEM768);
	assert_int_equal(info.tls.signature, QKDTLS_SIG_ED25519);
	assert_int_equal(info.tls.psk_id_len, sizeof(good.key_id));
	assert_memory_equal(info.tls.psk_id, good.key_id, sizeof(good.key_id));
	assert_string_equal(info.peer, "geneva.example");
	assert_string_equal(info.tls.peer, "CN=geneva.example");
	assert_string_equal(info.sae, "geneva");
	assert_string_equal(info.tls.alpn, "h2");
	assert_string_equal(info.reason, "");
	assert_int_equal(info.sent, QKDTLS_ALERT_NONE);
	assert_true(info.session >= 0);
	assert_true(fcntl(info.session, F_GETFD) & FD_CLOEXEC);
	close(info.session);
	assert_int_equal(open_files(), before);
}

static void tells_what_went_wrong(void **state)
{
	struct scene *scene = *state;
	struct qkdtls_handover_reply reply = good;
	struct qkdtls_handover_info info;

	reply.error = ECONNRESET;
	reply.alert_received = QKDTLS_ALERT_UNKNOWN_CA;
	strcpy(reply.reason, "the peer refused");
	memset(reply.key_id, 0, sizeof(reply.key_id));
	play(scene, &reply, sizeof(reply), 1, false);
	assert_int_equal(qkdtls_handover(scene->path, scene->pair[0], 0, &info), -ECONNRESET);
	played(scene);
	assert_int_equal(info.received, QKDTLS_ALERT_UNKNOWN_CA);
	assert_string_equal(info.reason, "the peer refused");
	assert_int_equal(info.tls.psk_id_len, 0);
	/* A descriptor that comes along all the same is none of ours. */
	assert_int_equal(info.session, -1);
}

static void what_nobody_asked_for_is_closed(void **state)
{
	struct scene *scene = *state;
	const int before = open_files();
	struct qkdtls_handover_info info;

	play(scene, &good, sizeof(good), 1, false);
	assert_int_equal(qkdtls_handover(scene->path, scene->pair[0], 0, NULL), 0);
	played(scene);
	assert_int_equal(open_files(), before);
	play(scene, &good, sizeof(good), 4, false);
	assert_int_equal(qkdtls_handover(scene->path, scene->pair[0], 0, &info), -EBADMSG);
	played(scene);
	assert_int_equal(info.session, -1);
	assert_int_equal(open_files(), before);
}

static void garbled_answers_are_refused(void **state)
{
	struct scene *scene = *state;
	struct {
		struct qkdtls_handover_reply reply;
		char more;
	} long_one = { .reply = good };
	struct qkdtls_handover_reply reply = good;
	struct qkdtls_handover_info info;

	play(scene, &good, sizeof(good) - 1, 0, false);
	assert_int_equal(qkdtls_handover(scene->path, scene->pair[0], 0, &info), -EBADMSG);
	played(scene);
	play(scene, &long_one, sizeof(good) + 1, 0, false);
	assert_int_equal(qkdtls_handover(scene->path, scene->pair[0], 0, &info), -EBADMSG);
	played(scene);
	reply.error = UINT32_MAX;
	play(scene, &reply, sizeof(reply), 0, false);
	assert_int_equal(qkdtls_handover(scene->path, scene->pair[0], 0, &info), -EBADMSG);
	played(scene);
	reply.error = 0;
	reply.version = 2;
	play(scene, &reply, sizeof(reply), 0, false);
	assert_int_equal(qkdtls_handover(scene->path, scene->pair[0], 0, &info), -EPROTONOSUPPORT);
	played(scene);
	assert_string_equal(info.peer, "");
	/* Texts without their end */
	reply = good;
	memset(reply.peer, 'a', sizeof(reply.peer));
	memset(reply.reason, 'b', sizeof(reply.reason));
	play(scene, &reply, sizeof(reply), 0, false);
	assert_int_equal(qkdtls_handover(scene->path, scene->pair[0], 0, &info), 0);
	played(scene);
	assert_int_equal(strlen(info.peer), 255);
	assert_int_equal(strlen(info.reason), 255);
}

static void no_answer_is_an_error(void **state)
{
	struct scene *scene = *state;
	struct qkdtls_handover_info info;
	char byte;

	play(scene, NULL, 0, 0, false);
	assert_int_equal(qkdtls_handover(scene->path, scene->pair[0], 0, &info), -ECONNABORTED);
	played(scene);
	/* Nothing goes on in the clear, since nobody is left to see to that. */
	assert_int_equal(read(scene->pair[1], &byte, 1), 0);
	play(scene, NULL, 0, 0, true);
	assert_int_equal(qkdtls_handover(scene->path, scene->pair[0], 50, &info), -ETIMEDOUT);
	played(scene);
	assert_int_equal(read(scene->pair[1], &byte, 1), 0);
	assert_int_equal(info.session, -1);
}

static void the_way_there_has_errors_of_its_own(void **state)
{
	struct scene *scene = *state;
	struct qkdtls_handover_info info;
	char path[200];

	assert_int_equal(qkdtls_handover(scene->path, -1, 0, &info), -EBADF);
	assert_int_equal(info.session, -1);
	assert_int_equal(qkdtls_handover("", scene->pair[0], 0, &info), -EINVAL);
	memset(path, 'a', sizeof(path) - 1);
	path[sizeof(path) - 1] = '\0';
	assert_int_equal(qkdtls_handover(path, scene->pair[0], 0, &info), -EINVAL);
	assert_int_equal(qkdtls_handover("/nonexistent/socket", scene->pair[0], 0, &info), -ENOENT);
	close(scene->listener);
	assert_int_equal(qkdtls_handover(scene->path, scene->pair[0], 0, &info), -ECONNREFUSED);
	scene->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	unlink(scene->path);
	assert_int_equal(bind(scene->listener,
			      (struct sockaddr *)&(struct sockaddr_un){ .sun_family = AF_UNIX }, 2),
			 0);
	assert_int_equal(qkdtls_handover(scene->path, scene->pair[0], 0, &info), -ENOENT);
}

static void a_full_queue_is_not_waited_for(void **state)
{
	struct scene *scene = *state;
	struct sockaddr_un sa = { .sun_family = AF_UNIX };
	int fds[8], count = 0, fd;

	strcpy(sa.sun_path, scene->path);
	for (;;) {
		fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		assert_true(count < 8);
		fds[count++] = fd;
		if (connect(fd, (struct sockaddr *)&sa, sizeof(sa)))
			break;
	}
	assert_int_equal(qkdtls_handover(scene->path, scene->pair[0], 0, NULL), -EBUSY);
	while (count)
		close(fds[--count]);
}

/* What the calls on the socket need to know of it; they themselves are in selftests/e2e. */
static void becomes_a_connection(void **state)
{
	struct qkdtls_handover_info info = {
		.role = QKDTLS_CLIENT,
		.tls = { .suite = QKDTLS_AES_128_GCM_SHA256, .alpn = "h2", .certificate = true },
		.session = -1,
	};
	struct qkdtls_traffic_key tx, rx;
	struct qkdtls_conn *conn;
	uint8_t out[16];
	int pipes[2];

	conn = qkdtls_handover_conn(NULL, STDERR_FILENO, &info);
	assert_non_null(conn);
	assert_string_equal(qkdtls_info(conn)->alpn, "h2");
	/* Keys and records are the kernel's. */
	assert_int_equal(qkdtls_take_traffic_keys(conn, &tx, &rx), -EPERM);
	assert_int_equal(qkdtls_send(conn, "x", 1), -EPERM);
	assert_int_equal(qkdtls_export(conn, "label", NULL, 0, out, sizeof(out)), -EINVAL);
	assert_int_equal(qkdtls_sock_update(conn, STDERR_FILENO, false), -EOPNOTSUPP);
	assert_int_equal(qkdtls_qkd_session(conn), -ENOENT);
	qkdtls_conn_free(conn);
	/* A session, here the end of a pipe, is the connection's. */
	assert_int_equal(pipe(pipes), 0);
	info.session = pipes[0];
	info.role = QKDTLS_SERVER;
	conn = qkdtls_handover_conn(NULL, STDERR_FILENO, &info);
	assert_non_null(conn);
	assert_int_equal(info.session, -1);
	assert_int_equal(qkdtls_qkd_session(conn), pipes[0]);
	qkdtls_conn_free(conn);
	assert_int_equal(fcntl(pipes[0], F_GETFD), -1);
	close(pipes[1]);
	/* Of no connection there is none. */
	info = (struct qkdtls_handover_info){ .session = -1 };
	assert_null(qkdtls_handover_conn(NULL, STDERR_FILENO, &info));
}

static void a_socket_is_asked_for_tls(void **state)
{
	const int tcp = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int pair[2];

	assert_true(tcp >= 0);
	assert_int_equal(qkdtls_ktls_check(tcp),
			 access("/proc/net/tls_stat", F_OK) ? -EOPNOTSUPP : 0);
	assert_int_equal(qkdtls_ktls_check(-1), -EBADF);
	assert_int_equal(pipe(pair), 0);
	assert_int_equal(qkdtls_ktls_check(pair[0]), -ENOTSOCK);
	close(pair[0]);
	close(pair[1]);
	close(tcp);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(tells_who_the_peer_is, setup, teardown),
		cmocka_unit_test_setup_teardown(tells_what_went_wrong, setup, teardown),
		cmocka_unit_test_setup_teardown(what_nobody_asked_for_is_closed, setup, teardown),
		cmocka_unit_test_setup_teardown(garbled_answers_are_refused, setup, teardown),
		cmocka_unit_test_setup_teardown(no_answer_is_an_error, setup, teardown),
		cmocka_unit_test_setup_teardown(the_way_there_has_errors_of_its_own, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_full_queue_is_not_waited_for, setup, teardown),
		cmocka_unit_test(becomes_a_connection),
		cmocka_unit_test(a_socket_is_asked_for_tls),
	};

	return cmocka_run_group_tests_name("handover", tests, NULL, NULL);
}
