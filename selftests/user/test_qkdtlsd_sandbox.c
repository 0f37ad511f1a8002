// SPDX-License-Identifier: GPL-2.0-or-later
/* What workers and the signer may still do, tried by processes that have been confined as they are */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <cmocka.h>

#include "qkdtlsd/confine/filter.h"
#include "qkdtlsd/confine/landlock.h"
#include "qkdtlsd/confine/sandbox.h"
#include "qkdtlsd/confine/sanitizer.h"

#define ALLOWED_PORT 4433
#define OTHER_PORT   4434

/* A sanitizer looks for its program's file, in vain (user/qkdtlsd/confine/sanitizer.h). */
#ifdef __SANITIZE_ADDRESS__
#define SIGNER_OPENS EACCES
#else
#define SIGNER_OPENS KILLED
#endif

#define KILLED	  (-SIGSYS)
#define ABORTED	  (-SIGABRT)
#define BY_PATHS  1 /* version of Landlock */
#define BY_PORTS  4
#define CALL(...) (syscall(__VA_ARGS__) < 0 ? errno : 0)

/* What was there before */
static struct {
	char secret[sizeof("/tmp/qkdtlsd-sandbox.XXXXXX")];
	int null;
	int pair[2];
	pid_t parent;
} given;

/* ---- What is tried: 0 or an errno ---- */

static int open_as(const char *path, int flags)
{
	const int fd = open(path, flags | O_CLOEXEC, 0600);

	return fd < 0 ? errno : 0;
}

static int read_secret(void)
{
	return open_as(given.secret, O_RDONLY);
}

static int change_secret(void)
{
	return open_as(given.secret, O_RDWR);
}

static int write_secret(void)
{
	return open_as(given.secret, O_WRONLY);
}

static int empty_secret(void)
{
	return open_as(given.secret, O_RDWR | O_TRUNC);
}

static int make_file(void)
{
	return open_as("/dev/shm/qkdtlsd-sandbox", O_RDWR | O_CREAT);
}

static int make_unnamed_file(void)
{
	return open_as("/dev/shm", O_RDWR | O_TMPFILE);
}

static int open_directory(void)
{
	return open_as("/dev", O_RDONLY | O_DIRECTORY);
}

static int read_directory(void)
{
	return open_as("/dev", O_RDONLY);
}

static int open_device(void)
{
	return open_as("/dev/null", O_RDWR);
}

static int read_device(void)
{
	return open_as("/dev/zero", O_RDONLY);
}

static int read_own_memory(void)
{
	return open_as("/proc/self/mem", O_RDONLY);
}

static int write_own_memory(void)
{
	return open_as("/proc/self/mem", O_RDWR);
}

static int read_counters(void)
{
	char text[64];
	FILE *file = fopen("/proc/net/dev", "re");
	int ret = errno;

	if (file) {
		ret = fread(text, 1, sizeof(text), file) == sizeof(text) ? 0 : EIO;
		fclose(file);
	}
	return ret;
}

static int see_counters(void)
{
	return access("/proc/net/dev", F_OK) ? errno : 0;
}

static int execute(void)
{
	char *args[] = { (char *)"true", NULL };

	return execve("/bin/true", args, NULL) ? errno : 0;
}

static int make_process(void)
{
	return CALL(SYS_clone, SIGCHLD, 0, 0, 0, 0);
}

static int make_process_anew(void)
{
	return CALL(SYS_clone3, NULL, 0);
}

static int look_for_parent(void)
{
	return kill(given.parent, 0) ? errno : 0;
}

static int abort_parent(void)
{
	return CALL(SYS_tgkill, given.parent, given.parent, SIGABRT);
}

static int kill_self(void)
{
	return CALL(SYS_tgkill, getpid(), getpid(), SIGKILL);
}

static int give_up(void)
{
	abort();
}

static int signal_parent_by_file(void)
{
	return fcntl(given.pair[0], F_SETOWN, given.parent) ? errno : 0;
}

static int choose_signal_of_file(void)
{
	return fcntl(given.pair[0], F_SETSIG, SIGKILL) ? errno : 0;
}

static int trace(void)
{
	return CALL(SYS_ptrace, 16 /* PTRACE_ATTACH */, given.parent, 0, 0);
}

static int read_parent(void)
{
	return CALL(SYS_process_vm_readv, given.parent, NULL, 0, NULL, 0, 0);
}

static int limit_parent(void)
{
	return CALL(SYS_prlimit64, given.parent, 0, NULL, NULL);
}

static int open_parent(void)
{
	return CALL(SYS_pidfd_open, given.parent, 0);
}

static int socket_of(int family, int type, int protocol)
{
	return socket(family, type | SOCK_CLOEXEC, protocol) < 0 ? errno : 0;
}

static int tcp_socket(void)
{
	return socket_of(AF_INET6, SOCK_STREAM | SOCK_NONBLOCK, IPPROTO_TCP);
}

static int udp_socket(void)
{
	return socket_of(AF_INET, SOCK_DGRAM, 0);
}

static int mptcp_socket(void)
{
	return socket_of(AF_INET, SOCK_STREAM, 262);
}

static int raw_socket(void)
{
	return socket_of(AF_INET, SOCK_RAW, IPPROTO_TCP);
}

static int netlink_socket(void)
{
	return socket_of(AF_NETLINK, SOCK_RAW, 0);
}

static int unix_socket(void)
{
	return socket_of(AF_UNIX, SOCK_STREAM, 0);
}

static int connect_to(uint16_t port)
{
	const struct sockaddr_in sa = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	};
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, IPPROTO_TCP);

	if (fd < 0 || !connect(fd, (const struct sockaddr *)&sa, sizeof(sa)))
		return fd < 0 ? EBADF : 0;
	/* Nobody need be there, nor a way there. */
	return errno == EACCES || errno == EPERM ? errno : 0;
}

static int connect_to_allowed(void)
{
	return connect_to(ALLOWED_PORT);
}

static int connect_to_other(void)
{
	return connect_to(OTHER_PORT);
}

static int bind_socket(void)
{
	const struct sockaddr_in sa = { .sin_family = AF_INET };
	const int fd = socket(AF_INET, SOCK_STREAM, IPPROTO_TCP);

	return bind(fd, (const struct sockaddr *)&sa, sizeof(sa)) ? errno : 0;
}

static int listen_at_socket(void)
{
	return listen(socket(AF_INET, SOCK_STREAM, IPPROTO_TCP), 1) ? errno : 0;
}

static int map_code(void)
{
	return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) ==
			       MAP_FAILED
		       ? errno
		       : 0;
}

static int make_code(void)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	return mprotect(page, 4096, PROT_READ | PROT_EXEC) ? errno : 0;
}

static int type_at_terminal(void)
{
	return ioctl(given.null, TIOCSTI, "x") ? errno : 0;
}

static int provide_keys(void)
{
	return ioctl(given.null, _IO(0xBE, 6), NULL) ? errno : 0; /* QKD_IOC_OPEN_FEED */
}

static int ask_for_key(void)
{
	return ioctl(given.null, _IO(0xBE, 2), NULL) ? errno
						     : 0; /* QKD_IOC_GET_KEY, of another device */
}

static int remove_secret(void)
{
	return unlink(given.secret) ? errno : 0;
}

static int publish_secret(void)
{
	return chmod(given.secret, 0644) ? errno : 0;
}

static int list_directory(void)
{
	char text[512];

	return CALL(SYS_getdents64, given.null, text, sizeof(text));
}

static int become_dumpable(void)
{
	return prctl(PR_SET_DUMPABLE, 1, 0, 0, 0) ? errno : 0;
}

static int use_bpf(void)
{
	return CALL(SYS_bpf, 0, NULL, 0);
}

static int use_rings(void)
{
	return CALL(SYS_io_uring_setup, 1, NULL);
}

static int use_keyring(void)
{
	return CALL(SYS_keyctl, 0, 0, 0, 0, 0);
}

static int new_namespace(void)
{
	return unshare(CLONE_NEWUSER) ? errno : 0;
}

static int other_architecture(void)
{
#ifdef __x86_64__
	return CALL(0x40000000 | SYS_getpid); /* x32 */
#else
	return CALL(-1);
#endif
}

static int talk(void)
{
	char byte = 1;

	if (send(given.pair[0], &byte, 1, MSG_NOSIGNAL) != 1 ||
	    recv(given.pair[1], &byte, 1, 0) != 1)
		return errno;
	return 0;
}

static int send_descriptor(void)
{
	char control[CMSG_SPACE(sizeof(int))] = { 0 }, byte = 1;
	struct iovec iov = { .iov_base = &byte, .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(header), &given.null, sizeof(int));
	if (sendmsg(given.pair[0], &message, 0) != 1 || recvmsg(given.pair[1], &message, 0) != 1)
		return errno;
	return 0;
}

static int splice_through_pipe(void)
{
	int pipe[2];

	if (pipe2(pipe, O_NONBLOCK | O_CLOEXEC) || send(given.pair[0], "x", 1, 0) != 1 ||
	    splice(given.pair[1], NULL, pipe[1], NULL, 1, SPLICE_F_NONBLOCK) != 1)
		return errno;
	return 0;
}

static int wait_for_timer(void)
{
	const struct itimerspec soon = { .it_value.tv_nsec = 1 };
	const int fd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
	uint64_t times;

	if (fd < 0 || timerfd_settime(fd, 0, &soon, NULL) || read(fd, &times, sizeof(times)) < 0)
		return errno;
	return 0;
}

static int allocate(void)
{
	char *memory = malloc(64 << 20);

	if (!memory)
		return ENOMEM;
	memset(memory, 1, 64 << 20);
	free(memory);
	return 0;
}

/* ---- The tables ---- */

/**
 * struct attempt
 * @what: for messages
 * @try: it
 * @outcome: what comes of it: an errno, KILLED, ABORTED
 * @version: only with this version of Landlock; 0: always
 */
struct attempt {
	const char *what;
	int (*try)(void);
	int outcome;
	int version;
};

static const struct attempt by_worker[] = {
	{ "opens a key to read", read_secret, EACCES },
	{ "opens a key to change", change_secret, EACCES, BY_PATHS },
	{ "opens a key to write", write_secret, KILLED },
	{ "empties a key", empty_secret, KILLED },
	{ "removes a key", remove_secret, KILLED },
	{ "publishes a key", publish_secret, KILLED },
	{ "makes a file", make_file, KILLED },
	{ "makes a file without name", make_unnamed_file, KILLED },
	{ "opens a directory", open_directory, KILLED },
	{ "opens a directory as a file", read_directory, EACCES },
	{ "lists a directory", list_directory, KILLED },
	{ "opens a device", open_device, 0 },
	{ "opens a device to read", read_device, 0, BY_PATHS },
	{ "opens its memory", read_own_memory, EACCES },
	{ "opens its memory to write", write_own_memory, EACCES, BY_PATHS },
	{ "reads counters", read_counters, 0, BY_PATHS },
	{ "sees counters", see_counters, 0 },
	{ "executes", execute, KILLED },
	{ "forks", make_process, KILLED },
	{ "forks anew", make_process_anew, KILLED },
	{ "looks for the master", look_for_parent, KILLED },
	{ "aborts the master", abort_parent, KILLED },
	{ "kills itself", kill_self, KILLED },
	{ "aborts", give_up, ABORTED },
	{ "signals by a file", signal_parent_by_file, KILLED },
	{ "chooses a file's signal", choose_signal_of_file, KILLED },
	{ "traces", trace, KILLED },
	{ "reads the master's memory", read_parent, KILLED },
	{ "limits the master", limit_parent, KILLED },
	{ "opens the master", open_parent, KILLED },
	{ "makes a TCP socket", tcp_socket, 0 },
	{ "makes a UDP socket", udp_socket, EAFNOSUPPORT },
	{ "makes an MPTCP socket", mptcp_socket, KILLED },
	{ "makes a raw socket", raw_socket, KILLED },
	{ "makes a netlink socket", netlink_socket, KILLED },
	{ "makes a UNIX socket", unix_socket, EAFNOSUPPORT },
	{ "connects to its service", connect_to_allowed, 0 },
	{ "connects to another", connect_to_other, EACCES, BY_PORTS },
	{ "binds", bind_socket, KILLED },
	{ "listens", listen_at_socket, KILLED },
	{ "maps code", map_code, KILLED },
	{ "makes code of data", make_code, KILLED },
	{ "types at a terminal", type_at_terminal, KILLED },
	{ "provides keys", provide_keys, KILLED },
	{ "asks for a key", ask_for_key, ENOTTY },
	{ "becomes dumpable", become_dumpable, KILLED },
	{ "uses bpf()", use_bpf, KILLED },
	{ "uses io_uring", use_rings, KILLED },
	{ "uses a keyring", use_keyring, KILLED },
	{ "makes a namespace", new_namespace, KILLED },
	{ "calls as another architecture", other_architecture, KILLED },
	{ "talks", talk, 0 },
	{ "passes a descriptor", send_descriptor, 0 },
	{ "splices", splice_through_pipe, 0 },
	{ "waits for a timer", wait_for_timer, 0 },
	{ "allocates", allocate, 0 },
};

static const struct attempt by_signer[] = {
	{ "opens a key to read", read_secret, SIGNER_OPENS },
	{ "opens a device", open_device, SIGNER_OPENS },
	{ "sees counters", see_counters, KILLED },
	{ "executes", execute, KILLED },
	{ "forks", make_process, KILLED },
	{ "aborts the master", abort_parent, KILLED },
	{ "aborts", give_up, ABORTED },
	{ "traces", trace, KILLED },
	{ "reads the master's memory", read_parent, KILLED },
	{ "makes a TCP socket", tcp_socket, KILLED },
	{ "passes a descriptor", send_descriptor, KILLED },
	{ "waits for a timer", wait_for_timer, KILLED },
	{ "asks for a key", ask_for_key, KILLED },
	{ "maps code", map_code, KILLED },
	{ "makes code of data", make_code, KILLED },
	{ "becomes dumpable", become_dumpable, KILLED },
	{ "calls as another architecture", other_architecture, KILLED },
	{ "talks", talk, 0 },
	{ "allocates", allocate, 0 },
};

/* A worker of a kernel without Landlock */
static const struct attempt by_worker_without_landlock[] = {
	{ "opens a key to read", read_secret, EACCES },
	{ "opens a key to change", change_secret, 0 },
	{ "opens a key to write", write_secret, KILLED },
	{ "empties a key", empty_secret, KILLED },
	{ "publishes a key", publish_secret, KILLED },
	{ "opens a device", open_device, 0 },
	{ "opens a device to read", read_device, EACCES },
	{ "reads counters", read_counters, EACCES },
	{ "sees counters", see_counters, 0 },
	{ "opens its memory", read_own_memory, EACCES },
	{ "connects to another", connect_to_other, 0 },
	{ "aborts the master", abort_parent, KILLED },
	{ "binds", bind_socket, KILLED },
};

/* ---- The test ---- */

#define ATTEMPTS(table) table, sizeof(table) / sizeof((table)[0])

static int enter_worker(void)
{
	const uint16_t port = ALLOWED_PORT;

	return sandbox_enter_worker(&port, 1);
}

static int enter_worker_without_landlock(void)
{
	return filter_install(FILTER_WORKER, false);
}

static _Noreturn void be_confined(int (*enter)(void), int (*try)(void))
{
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || enter())
		_exit(UINT8_MAX);
	_exit(try());
}

/* An errno, or a signal as a negative number */
static int outcome_of(int (*enter)(void), int (*try)(void))
{
	const pid_t pid = fork();
	int status;

	if (!pid)
		be_confined(enter, try);
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

static void try_all(int (*enter)(void), const struct attempt *attempts, size_t count)
{
	const int version = landlock_version();
	unsigned int wrong = 0;
	int outcome;

	for (size_t i = 0; i < count; i++) {
		if (version < attempts[i].version) {
			print_message(
				"# \"%s\" left out: Landlock's ABI is %d here, %d is needed\n",
				attempts[i].what, version, attempts[i].version);
			continue;
		}
		outcome = outcome_of(enter, attempts[i].try);
		if (outcome == attempts[i].outcome)
			continue;
		print_error("\"%s\": %d instead of %d\n", attempts[i].what, outcome,
			    attempts[i].outcome);
		wrong++;
	}
	assert_int_equal(wrong, 0);
}

static void a_worker_can_do_its_work_and_no_more(void **state)
{
	try_all(enter_worker, ATTEMPTS(by_worker));
}

static void a_signer_can_do_its_work_and_no_more(void **state)
{
	try_all(sandbox_enter_signer, ATTEMPTS(by_signer));
}

static void a_worker_without_landlock_opens_to_read_and_write(void **state)
{
	try_all(enter_worker_without_landlock, ATTEMPTS(by_worker_without_landlock));
}

/* What these tables hold against the sandbox is not so without it. */
static void nothing_of_it_is_so_by_itself(void **state)
{
	assert_int_equal(read_secret(), 0);
	assert_int_equal(change_secret(), 0);
	assert_int_equal(read_counters(), 0);
	assert_int_equal(unix_socket(), 0);
	assert_int_equal(connect_to_other(), 0);
	assert_int_equal(map_code(), 0);
}

static int set_up(void **state)
{
	int fd;

	strcpy(given.secret, "/tmp/qkdtlsd-sandbox.XXXXXX");
	fd = mkstemp(given.secret);
	given.null = open("/dev/null", O_RDWR | O_CLOEXEC);
	given.parent = getpid();
	if (fd < 0 || given.null < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, given.pair))
		return -1;
	close(fd);
	return 0;
}

static int tear_down(void **state)
{
	return unlink(given.secret);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_of_it_is_so_by_itself),
		cmocka_unit_test(a_worker_can_do_its_work_and_no_more),
		cmocka_unit_test(a_worker_without_landlock_opens_to_read_and_write),
		cmocka_unit_test(a_signer_can_do_its_work_and_no_more),
	};

	return cmocka_run_group_tests_name("qkdtlsd_sandbox", tests, set_up, tear_down);
}
