// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "common/process.h"
#include "common/version.h"
#include "qkdkmed/daemon.h"
#include "qkdkmed/wiping.h"

#define DEFAULT_CONFIG "/etc/qkdkmed.conf"

#define EXIT_USAGE 2

struct options {
	const char *config;
	bool check;
};

static void usage(FILE *out)
{
	fputs("usage: qkdkmed [-c FILE] [--check]\n"
	      "Feeds QKD links with keys from KMEs, by ETSI GS QKD 014.\n"
	      "\n"
	      "  -c, --config FILE  configuration, qkdkmed.conf(5) (default " DEFAULT_CONFIG ")\n"
	      "      --check        read the configuration and the files it names, and stop\n"
	      "  -h, --help         show this text\n"
	      "      --version      show the version\n",
	      out);
}

/* -1: go on; otherwise the exit status */
static int options_parse(int argc, char **argv, struct options *options)
{
	enum { OPT_CHECK = 256, OPT_VERSION };
	static const struct option longs[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "check", no_argument, NULL, OPT_CHECK },
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
		case 'h':
			usage(stdout);
			return 0;
		case OPT_VERSION:
			puts("qkdkmed " QKD_VERSION);
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

int main(int argc, char **argv)
{
	struct options options = { .config = DEFAULT_CONFIG };
	struct daemon daemon = { 0 };
	int ret = options_parse(argc, argv, &options);

	if (ret >= 0)
		return ret;
	log_init("qkdkmed");
	ret = process_harden();
	if (!ret)
		ret = wiping_init();
	if (ret) {
		log_error("cannot protect the process's memory: %s", strerror(-ret));
		return 1;
	}
	ret = daemon_load(&daemon, options.config);
	if (!ret && options.check)
		printf("%s: no mistakes found\n", options.config);
	else if (!ret)
		ret = daemon_run(&daemon);
	daemon_release(&daemon);
	return ret ? 1 : 0;
}
