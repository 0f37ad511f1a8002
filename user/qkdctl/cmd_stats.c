// SPDX-License-Identifier: GPL-2.0-or-later
#include "qkdctl/args.h"
#include "qkdctl/output.h"
#include "qkdctl/qkdctl.h"

static int print_text(const struct qkd_link_info *info, void *arg)
{
	output_stats(info);
	return 0;
}

static int append_json(const struct qkd_link_info *info, void *arg)
{
	json_object_array_add(arg, output_stats_json(info));
	return 0;
}

static int all(struct qkd_nl *nl, bool json)
{
	struct json_object *doc = json ? json_object_new_array() : NULL;
	int ret;

	ret = qkd_nl_link_list(nl, json ? append_json : print_text, doc);
	if (!ret)
		return json ? output_json(doc) : output_end();
	json_object_put(doc);
	return fail(TRY_LINK_LIST, NULL, ret, nl);
}

static int one(struct qkd_nl *nl, const char *name, bool json)
{
	struct qkd_link_info info;
	int ret = qkd_nl_link_get(nl, name, &info);

	if (ret)
		return fail(TRY_LINK, name, ret, nl);
	if (json)
		return output_json(output_stats_json(&info));
	output_stats(&info);
	return output_end();
}

int cmd_stats(const struct options *options, int argc, char **argv)
{
	char problem[PROBLEM_LEN];
	const char *name = NULL;
	struct qkd_nl *nl;
	int ret;

	if (argc && args_link(argc, argv, &name, problem))
		return fail_usage(problem);
	ret = qkd_nl_open(&nl);
	if (ret)
		return fail(TRY_NETLINK, NULL, ret, NULL);
	ret = name ? one(nl, name, options->json) : all(nl, options->json);
	qkd_nl_close(nl);
	return ret;
}
