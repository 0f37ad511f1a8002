// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "common/log.h"
#include "common/process.h"
#include "qkdtls/client.h"
#include "qkdtls/endpoint.h"
#include "qkdtls/options.h"
#include "qkdtls/server.h"

#define EXIT_USAGE 2

/* SIGINT and SIGTERM from now on make this readable instead of killing. */
static int stop_fd_open(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGTERM);
	if (sigprocmask(SIG_BLOCK, &signals, NULL))
		return -1;
	return signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* A socket that got the number of a closed standard stream would be written to as that stream. */
static int standard_streams_open(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR);
	} while (fd >= 0 && fd <= STDERR_FILENO);
	return fd < 0 ? -1 : close(fd);
}

static int run(const struct options *options)
{
	struct endpoint endpoint;
	int status = EXIT_FAILURE;
	int stop_fd = stop_fd_open();

	if (stop_fd < 0) {
		log_error("signalfd: %s", strerror(errno));
		return EXIT_FAILURE;
	}
	if (!endpoint_open(&endpoint, options))
		status = options->role == QKDTLS_CLIENT ? client_run(&endpoint, stop_fd)
							: server_run(&endpoint, stop_fd);
	endpoint_close(&endpoint);
	close(stop_fd);
	return status;
}

int main(int argc, char **argv)
{
	struct options options;

	log_init("qkdtls");
	if (standard_streams_open() || process_harden()) {
		log_error("cannot start safely: %s", strerror(errno));
		return EXIT_FAILURE;
	}
	switch (options_parse(argc, argv, &options)) {
	case OPTIONS_RUN:
		return run(&options);
	case OPTIONS_ANSWERED:
		return EXIT_SUCCESS;
	default:
		return EXIT_USAGE;
	}
}
