// SPDX-License-Identifier: GPL-2.0-or-later
#include "qkdctl/args.h"
#include "qkdctl/output.h"
#include "qkdctl/qkdctl.h"

static int print_text(const struct qkd_provider_info *info, void *arg)
{
	output_provider(info);
	return 0;
}

static int append_json(const struct qkd_provider_info *info, void *arg)
{
	json_object_array_add(arg, output_provider_json(info));
	return 0;
}

static int list(struct qkd_nl *nl, bool json)
{
	struct json_object *doc = json ? json_object_new_array() : NULL;
	int ret;

	ret = qkd_nl_provider_list(nl, json ? append_json : print_text, doc);
	if (!ret)
		return json ? output_json(doc) : output_end();
	json_object_put(doc);
	return fail(TRY_PROVIDER_LIST, NULL, ret, nl);
}

int cmd_provider_list(const struct options *options, int argc, char **argv)
{
	char problem[PROBLEM_LEN];
	struct qkd_nl *nl;
	int ret;

	if (args_none(argc, argv, problem))
		return fail_usage(problem);
	ret = qkd_nl_open(&nl);
	if (ret)
		return fail(TRY_NETLINK, NULL, ret, NULL);
	ret = list(nl, options->json);
	qkd_nl_close(nl);
	return ret;
}
