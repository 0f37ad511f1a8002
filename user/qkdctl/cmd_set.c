// SPDX-License-Identifier: GPL-2.0-or-later
/* Changing a link that is there: its own settings, or its simulator's */
#include "qkdctl/args.h"
#include "qkdctl/output.h"
#include "qkdctl/qkdctl.h"

static int set(const struct options *options, int argc, char **argv,
	       int (*understand)(int argc, char **argv, struct link_set_args *args, char *problem))
{
	char problem[PROBLEM_LEN];
	struct link_set_args args;
	struct qkd_nl *nl;
	int ret;

	if (understand(argc, argv, &args, problem))
		return fail_usage(problem);
	ret = qkd_nl_open(&nl);
	if (ret)
		return fail(TRY_NETLINK, NULL, ret, NULL);
	ret = qkd_nl_link_set(nl, &args.change);
	ret = ret ? fail(TRY_LINK, args.change.name, ret, nl)
		  : output_done(options->json, args.change.name, "set");
	qkd_nl_close(nl);
	return ret;
}

int cmd_link_set(const struct options *options, int argc, char **argv)
{
	return set(options, argc, argv, args_link_set);
}

int cmd_sim_set(const struct options *options, int argc, char **argv)
{
	return set(options, argc, argv, args_sim_set);
}
