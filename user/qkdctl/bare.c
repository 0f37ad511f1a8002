// SPDX-License-Identifier: GPL-2.0-or-later
/* Commands without words of their own: only netlink to talk to */
#include "qkdctl/args.h"
#include "qkdctl/qkdctl.h"

int run_bare(const struct options *options, int argc, char **argv,
	     int (*run)(struct qkd_nl *nl, bool json))
{
	char problem[PROBLEM_LEN];
	struct qkd_nl *nl;
	int ret;

	if (args_none(argc, argv, problem))
		return fail_usage(problem);
	ret = qkd_nl_open(&nl);
	if (ret)
		return fail(TRY_NETLINK, NULL, ret, NULL);
	ret = run(nl, options->json);
	qkd_nl_close(nl);
	return ret;
}
