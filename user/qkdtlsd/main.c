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
#include "qkdtlsd/counters.h"
#include "qkdtlsd/process/generation.h"
#include "qkdtlsd/process/master.h"
#include "qkdtlsd/confine/privileges.h"
#include "qkdtlsd/tunnel/sources.h"

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

/* As far as keys: whether all is right */
static int check(const char *file)
{
	struct generation *generation = generation_load(file, NULL);

	if (!generation)
		return -EINVAL;
	generation_free(generation);
	printf("%s: no mistakes found\n", file);
	return 0;
}

int main(int argc, char **argv)
{
	struct options options = { .config = DEFAULT_CONFIG };
	int ret = options_parse(argc, argv, &options);

	if (ret >= 0)
		return ret;
	log_init("qkdtlsd");
	ret = process_harden();
	if (ret) {
		log_error("cannot protect the process's memory: %s", strerror(-ret));
		return 1;
	}
	ret = counters_init();
	if (!ret)
		ret = sources_init();
	if (ret)
		log_error("no memory to count in: %s", strerror(-ret));
	else if (options.check)
		ret = check(options.config);
	else
		ret = privileges_check(options.user);
	if (!ret && !options.check)
		ret = master_run(options.config, options.user);
	return ret ? 1 : 0;
}
