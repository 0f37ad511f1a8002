// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/process.h"
#include "common/version.h"
#include "qkdtlsd/daemon.h"
#include "qkdtlsd/privileges.h"

#define DEFAULT_CONFIG "/etc/qkdtlsd.conf"

#define EXIT_USAGE 2

struct options {
	const char *config;
	const char *user;
	bool check;
};

static void usage(FILE *out)
{
	fputs("usage: qkdtlsd [-c FILE] [--user NAME] [--check]\n"
	      "TLS tunnels whose handshake carries a QKD key, for programs that speak plain TCP.\n"
	      "\n"
	      "  -c, --config FILE  configuration, qkdtlsd.conf(5) (default " DEFAULT_CONFIG ")\n"
	      "      --check        read the configuration with its certificates and keys, and stop\n"
	      "      --user NAME    started as root: serve as this user\n"
	      "  -h, --help         show this text\n"
	      "      --version      show the version\n",
	      out);
}

/* -1: go on; otherwise the exit status */
static int options_parse(int argc, char **argv, struct options *options)
{
	enum { OPT_CHECK = 256, OPT_USER, OPT_VERSION };
	static const struct option longs[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "check", no_argument, NULL, OPT_CHECK },
		{ "user", required_argument, NULL, OPT_USER },
		{ "help", no_argument, NULL, 'h' },
		{ "version", no_argument, NULL, OPT_VERSION },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "c:h", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			options->config = optarg;
			break;
		case OPT_CHECK:
			options->check = true;
			break;
		case OPT_USER:
			options->user = optarg;
			break;
		case 'h':
			usage(stdout);
			return 0;
		case OPT_VERSION:
			puts("qkdtlsd " QKD_VERSION);
			return 0;
		default:
			usage(stderr);
			return EXIT_USAGE;
		}
	}
	if (optind == argc)
		return -1;
	usage(stderr);
	return EXIT_USAGE;
}

static int serve(struct daemon *daemon, const struct options *options)
{
	int ret = privileges_check(options->user);

	if (!ret)
		ret = daemon_listen(daemon);
	if (!ret)
		ret = privileges_drop(options->user);
	if (!ret)
		ret = daemon_run(daemon);
	return ret;
}

int main(int argc, char **argv)
{
	struct options options = { .config = DEFAULT_CONFIG };
	struct daemon daemon = { 0 };
	int ret = options_parse(argc, argv, &options);

	if (ret >= 0)
		return ret;
	log_init("qkdtlsd");
	ret = process_harden();
	if (ret) {
		log_error("cannot protect the process's memory: %s", strerror(-ret));
		return 1;
	}
	ret = daemon_load(&daemon, options.config);
	if (!ret && options.check)
		printf("%s: no mistakes found\n", options.config);
	else if (!ret)
		ret = serve(&daemon, &options);
	daemon_release(&daemon);
	return ret ? 1 : 0;
}
