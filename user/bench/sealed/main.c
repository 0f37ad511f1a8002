// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * What it costs that the kernel has the key schedule of a connection, beside one that has it in the process, and that keys
 * of the kernel's TLS change. See Documentation/performance.md.
 *
 *	bench-sealed [-c] ROUNDS CLIENT-LINK SERVER-LINK
 *
 * The links are the two ends of one that holds a key for each handshake, five for each round and mode. With -c the machine's
 * clocks count instructions (tools/vm/run -c).
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>
#include "../../selftests/user/pki.h"
#include "bench/sealed/sealed.h"

static clockid_t bench_clock_id = CLOCK_THREAD_CPUTIME_ID;

uint64_t bench_clock(void)
{
	struct timespec now;

	clock_gettime(bench_clock_id, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

bool sealed_sockets(int fd[2])
{
	struct sockaddr_in in = { .sin_family = AF_INET,
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t len = sizeof(in);

	fd[QKDTLS_SERVER] = -1;
	fd[QKDTLS_CLIENT] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (!bind(listener, (struct sockaddr *)&in, len) && !listen(listener, 1) &&
	    !getsockname(listener, (struct sockaddr *)&in, &len) &&
	    !connect(fd[QKDTLS_CLIENT], (struct sockaddr *)&in, len))
		fd[QKDTLS_SERVER] = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd[QKDTLS_SERVER] < 0)
		perror("bench: no connection");
	close(listener);
	return fd[QKDTLS_SERVER] >= 0 && !fcntl(fd[QKDTLS_CLIENT], F_SETFL, O_NONBLOCK);
}

/* By a reset: many connections leave nothing behind. */
void sealed_sockets_close(const int fd[2])
{
	const struct linger reset = { .l_onoff = 1 };

	for (int role = 0; role < 2; role++) {
		(void)setsockopt(fd[role], SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		close(fd[role]);
	}
}

int main(int argc, char **argv)
{
	struct bench_rounds rounds;
	struct bench_files files;
	struct pki *pki;
	int ret = bench_rounds_begin(argc, argv, true, &rounds);

	if (ret)
		return ret;
	/* The processor's own time is not told where its clocks count instructions; nothing else runs there. */
	if (rounds.counted)
		bench_clock_id = CLOCK_MONOTONIC;
	pki = pki_new();
	files = bench_files_of(pki);
	ret = sealed_handshakes(&files, &rounds) && sealed_streams(&files, &rounds) ? 0 : 1;
	pki_free(pki);
	return ret;
}
