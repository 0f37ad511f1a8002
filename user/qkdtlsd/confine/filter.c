// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <stdint.h>
#include <unistd.h>
#include <linux/qkd.h>
#include <linux/seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <netinet/in.h>

#include "qkdtlsd/confine/filter.h"
#include "qkdtlsd/confine/sanitizer.h"

#define WORKER FILTER_WORKER
#define SIGNER FILTER_SIGNER
#define BOTH   (FILTER_WORKER | FILTER_SIGNER)

#define ARGS_MAX 3

/**
 * struct rule - a system call that is left
 * @call: which one
 * @to: processes, of enum filter_process
 * @args: what its arguments must be, as far as there are rows; more rules with one call are alternatives
 * @error: it is not made, and answers this errno
 * @error_unconfined: the same where there is no Landlock
 */
struct rule {
	int call;
	unsigned int to;
	struct scmp_arg_cmp args[ARGS_MAX];
	int error;
	int error_unconfined;
};

/* Argument @n, an int, whose register may have anything above; all of it, or these bits */
#define INT(n, value) BITS(n, 0xffffffffU, value)
#define BITS(n, mask, value)                                                                \
	{                                                                                   \
		.arg = (n), .op = SCMP_CMP_MASKED_EQ, .datum_a = (mask), .datum_b = (value) \
	}

/* Flags that make no difference to what open() may do. It must not make a file, empty it, or open a directory. */
#define OPEN_FREELY(mode) \
	BITS(2, 0xffffffffU & ~(O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW), mode)

#define SOCKET_TYPE(type) BITS(1, 0xffffffffU & ~(SOCK_NONBLOCK | SOCK_CLOEXEC), type)

#define SOCKET(family, type, protocol)                              \
	SCMP_SYS(socket), WORKER,                                   \
	{                                                           \
		INT(0, family), SOCKET_TYPE(type), INT(2, protocol) \
	}

#define FCNTL(command)           \
	SCMP_SYS(fcntl), WORKER, \
	{                        \
		INT(1, command)  \
	}
#define IOCTL(command)           \
	SCMP_SYS(ioctl), WORKER, \
	{                        \
		INT(1, command)  \
	}

/* One call more is one row more. Calls of other architectures, which this one does not have, are passed over. */
static const struct rule rules[] = {
	/* The C library: memory, never to be executed; locks; clocks where the kernel's page cannot tell the time; the end */
	{ SCMP_SYS(brk), BOTH },
	{ SCMP_SYS(mmap), BOTH, { BITS(2, PROT_EXEC, 0) } },
	{ SCMP_SYS(mprotect), BOTH, { BITS(2, PROT_EXEC, 0) } },
	{ SCMP_SYS(mremap), BOTH },
	{ SCMP_SYS(munmap), BOTH },
	{ SCMP_SYS(madvise), BOTH },
	{ SCMP_SYS(futex), BOTH },
	{ SCMP_SYS(clock_gettime), BOTH },
	{ SCMP_SYS(gettimeofday), BOTH },
	{ SCMP_SYS(time), BOTH },
	{ SCMP_SYS(getpid), BOTH },
	{ SCMP_SYS(gettid), BOTH },
	{ SCMP_SYS(getrandom), BOTH },
	{ SCMP_SYS(restart_syscall), BOTH },
	{ SCMP_SYS(rt_sigaction), BOTH },
	{ SCMP_SYS(rt_sigprocmask), BOTH },
	{ SCMP_SYS(rt_sigreturn), BOTH },
	{ SCMP_SYS(exit), BOTH },
	{ SCMP_SYS(exit_group), BOTH },
	/* qsort() asks how much memory there is, before it sorts a revocation list or the certificates that are trusted. */
	{ SCMP_SYS(sysinfo), WORKER },

	/* What is open; standard error is the log, also abort()'s. */
	{ SCMP_SYS(read), WORKER },
	{ SCMP_SYS(write), BOTH },
	{ SCMP_SYS(writev), BOTH },
	{ SCMP_SYS(close), BOTH },
	{ SCMP_SYS(poll), BOTH },
	{ SCMP_SYS(ppoll), BOTH },
	{ SCMP_SYS(lseek), WORKER },
	{ SCMP_SYS(fstat), WORKER },
	{ SCMP_SYS(newfstatat), WORKER },
	{ SCMP_SYS(splice), WORKER },
	{ SCMP_SYS(pipe2), WORKER },
	/* Not F_SETOWN and F_SETSIG, which send any signal to anybody. */
	{ FCNTL(F_GETFD) },
	{ FCNTL(F_SETFD) },
	{ FCNTL(F_GETFL) },
	{ FCNTL(F_SETFL) },
	{ FCNTL(F_DUPFD_CLOEXEC) },
	{ FCNTL(F_GETPIPE_SZ) },

	/* Whether a pipe that is used again is empty */
	{ IOCTL(FIONREAD) },

	/* The event loop */
	{ SCMP_SYS(epoll_ctl), WORKER },
	{ SCMP_SYS(epoll_wait), WORKER },
	{ SCMP_SYS(epoll_pwait), WORKER },
	{ SCMP_SYS(epoll_pwait2), WORKER },
	{ SCMP_SYS(timerfd_create), WORKER },
	{ SCMP_SYS(timerfd_settime), WORKER },
	{ SCMP_SYS(signalfd4), WORKER },

	/* Sockets that are there; new ones only to dial */
	{ SCMP_SYS(recvfrom), BOTH },
	{ SCMP_SYS(sendto), BOTH },
	{ SCMP_SYS(recvmsg), WORKER },
	{ SCMP_SYS(sendmsg), WORKER },
	{ SCMP_SYS(accept4), WORKER },
	{ SCMP_SYS(connect), WORKER },
	{ SCMP_SYS(shutdown), WORKER },
	{ SCMP_SYS(getsockname), WORKER },
	{ SCMP_SYS(getpeername), WORKER },
	{ SCMP_SYS(getsockopt), WORKER },
	{ SCMP_SYS(setsockopt), WORKER },
	{ SOCKET(AF_INET, SOCK_STREAM, IPPROTO_TCP) },
	{ SOCKET(AF_INET6, SOCK_STREAM, IPPROTO_TCP) },
	/* By these getnameinfo() would ask for the name of a link-local peer's interface; it takes its number instead. */
	{ SCMP_SYS(socket), WORKER, { INT(0, AF_UNIX) }, .error = EAFNOSUPPORT },
	{ SOCKET(AF_INET, SOCK_DGRAM, 0), .error = EAFNOSUPPORT },
	{ SOCKET(AF_INET6, SOCK_DGRAM, 0), .error = EAFNOSUPPORT },

	/* The key device, opened for each handshake; the kernel's counters of TLS, which are read */
	{ SCMP_SYS(access), WORKER },
	{ SCMP_SYS(faccessat), WORKER },
	{ SCMP_SYS(openat), WORKER, { OPEN_FREELY(O_RDWR) } },
	{ SCMP_SYS(openat), WORKER, { OPEN_FREELY(O_RDONLY) }, .error_unconfined = EACCES },
	{ IOCTL(QKD_IOC_BIND) },
	{ IOCTL(QKD_IOC_GET_INFO) },
	{ IOCTL(QKD_IOC_GET_KEY) },
	{ IOCTL(QKD_IOC_GET_KEY_BY_ID) },
	{ IOCTL(QKD_IOC_COMMIT) },
	{ IOCTL(QKD_IOC_RELEASE) },
	{ IOCTL(QKD_IOC_OPEN_SESSION) },
	{ IOCTL(QKD_IOC_BINDER) },
	{ IOCTL(QKD_IOC_HANDSHAKE) },
	{ IOCTL(QKD_IOC_APPLICATION) },
	{ IOCTL(QKD_IOC_INSTALL) },
	{ IOCTL(QKD_IOC_UPDATE) },
	{ IOCTL(QKD_IOC_EXPORT) },

	SANITIZER_CALLS
};

bool filter_supported(void)
{
	const uint32_t action = SECCOMP_RET_KILL_PROCESS;

	return !syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &action);
}

static unsigned int args_of(const struct rule *rule)
{
	unsigned int count = 0;

	while (count < ARGS_MAX && rule->args[count].op)
		count++;
	return count;
}

static int add_rule(scmp_filter_ctx filter, const struct rule *rule, bool confined)
{
	const int error =
		!confined && rule->error_unconfined ? rule->error_unconfined : rule->error;

	return seccomp_rule_add_array(filter, error ? SCMP_ACT_ERRNO(error) : SCMP_ACT_ALLOW,
				      rule->call, args_of(rule), rule->args);
}

/* abort() signals to itself. Nobody else is to be signalled to. */
static int add_abort(scmp_filter_ctx filter)
{
	const struct rule rule = {
		SCMP_SYS(tgkill),
		BOTH,
		{ INT(0, (uint32_t)getpid()), INT(1, (uint32_t)gettid()), INT(2, SIGABRT) },
	};

	return add_rule(filter, &rule, true);
}

static int fill(scmp_filter_ctx filter, enum filter_process process, bool confined)
{
	int ret = seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS);

	/* A tree of comparisons instead of a chain */
	if (!ret)
		ret = seccomp_attr_set(filter, SCMP_FLTATR_CTL_OPTIMIZE, 2);
	if (!ret)
		ret = add_abort(filter);
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]) && !ret; i++) {
		if (rules[i].to & process)
			ret = add_rule(filter, &rules[i], confined);
	}
	return ret;
}

int filter_install(enum filter_process process, bool confined)
{
	scmp_filter_ctx filter = seccomp_init(SCMP_ACT_KILL_PROCESS);
	int ret = -ENOMEM;

	if (!filter)
		return ret;
	sanitizer_prepare();
	ret = fill(filter, process, confined);
	if (!ret)
		ret = seccomp_load(filter);
	seccomp_release(filter);
	return ret;
}
