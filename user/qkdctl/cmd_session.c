// SPDX-License-Identifier: GPL-2.0-or-later
#include "qkdctl/output.h"
#include "qkdctl/qkdctl.h"

static int print_text(const struct qkd_session_info *info, void *arg)
{
	output_session(info);
	return 0;
}

static int append_json(const struct qkd_session_info *info, void *arg)
{
	json_object_array_add(arg, output_session_json(info));
	return 0;
}

static int list(struct qkd_nl *nl, bool json)
{
	struct json_object *doc = json ? json_object_new_array() : NULL;
	int ret;

	ret = qkd_nl_session_list(nl, json ? append_json : print_text, doc);
	if (!ret)
		return json ? output_json(doc) : output_end();
	json_object_put(doc);
	return fail(TRY_SESSION_LIST, NULL, ret, nl);
}

int cmd_session(const struct options *options, int argc, char **argv)
{
	return run_bare(options, argc, argv, list);
}
