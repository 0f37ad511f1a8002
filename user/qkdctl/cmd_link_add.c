// SPDX-License-Identifier: GPL-2.0-or-later
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/process.h"
#include "qkdctl/args.h"
#include "qkdctl/output.h"
#include "qkdctl/qkdctl.h"
#include "qkdctl/seed.h"

static int add(const struct qkd_link_request *request, bool json)
{
	struct qkd_nl *nl;
	int ret;

	ret = qkd_nl_open(&nl);
	if (ret)
		return fail(TRY_NETLINK, NULL, ret, NULL);
	ret = qkd_nl_link_add(nl, request);
	ret = ret ? fail(TRY_LINK_ADD, request->name, ret, nl)
		  : output_done(json, request->name, "added");
	qkd_nl_close(nl);
	return ret;
}

/* A sealed copy of the seed, or -1 after saying what is wrong. */
static int take_seed(const char *path)
{
	char problem[PROBLEM_LEN];
	int ret = process_harden();
	int fd;

	if (ret) {
		log_error("this process cannot be closed to others: %s", strerror(-ret));
		return -1;
	}
	fd = seed_open(path, problem);
	if (fd < 0)
		log_error("%s", problem);
	return fd;
}

int cmd_link_add(const struct options *options, int argc, char **argv)
{
	char problem[PROBLEM_LEN];
	struct link_add_args args;
	int ret;

	if (args_link_add(argc, argv, &args, problem))
		return fail_usage(problem);
	if (args.seed_file) {
		args.request.sim_seed_fd = take_seed(args.seed_file);
		if (args.request.sim_seed_fd < 0)
			return EXIT_FAILED;
	}
	ret = add(&args.request, options->json);
	if (args.request.sim_seed_fd >= 0)
		close(args.request.sim_seed_fd);
	return ret;
}
