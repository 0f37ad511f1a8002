// SPDX-License-Identifier: GPL-2.0-or-later
/* Links: the commands that read and end them. Adding one is cmd_link_add.c. */
#include "qkdctl/args.h"
#include "qkdctl/output.h"
#include "qkdctl/qkdctl.h"

static int print_text(const struct qkd_link_info *info, void *arg)
{
	output_link(info);
	return 0;
}

static int append_json(const struct qkd_link_info *info, void *arg)
{
	json_object_array_add(arg, output_link_json(info));
	return 0;
}

static int list(struct qkd_nl *nl, bool json)
{
	struct json_object *doc = json ? json_object_new_array() : NULL;
	int ret;

	ret = qkd_nl_link_list(nl, json ? append_json : print_text, doc);
	if (!ret)
		return json ? output_json(doc) : output_end();
	json_object_put(doc);
	return fail(TRY_LINK_LIST, NULL, ret, nl);
}

int cmd_link_list(const struct options *options, int argc, char **argv)
{
	return run_bare(options, argc, argv, list);
}

/* What the commands about one link do, once its name is known to be one. */
typedef int (*link_action)(struct qkd_nl *nl, const char *name, bool json);

static int on_link(const struct options *options, int argc, char **argv, link_action action)
{
	char problem[PROBLEM_LEN];
	const char *name;
	struct qkd_nl *nl;
	int ret;

	if (args_link(argc, argv, &name, problem))
		return fail_usage(problem);
	ret = qkd_nl_open(&nl);
	if (ret)
		return fail(TRY_NETLINK, NULL, ret, NULL);
	ret = action(nl, name, options->json);
	qkd_nl_close(nl);
	return ret;
}

static int show(struct qkd_nl *nl, const char *name, bool json)
{
	struct qkd_link_info info;
	int ret = qkd_nl_link_get(nl, name, &info);

	if (ret)
		return fail(TRY_LINK, name, ret, nl);
	if (json)
		return output_json(output_link_json(&info));
	output_link(&info);
	return output_end();
}

static int delete (struct qkd_nl *nl, const char *name, bool json)
{
	int ret = qkd_nl_link_delete(nl, name);

	return ret ? fail(TRY_LINK, name, ret, nl) : output_done(json, name, "deleted");
}

static int purge(struct qkd_nl *nl, const char *name, bool json)
{
	int ret = qkd_nl_link_purge(nl, name);

	return ret ? fail(TRY_LINK, name, ret, nl) : output_done(json, name, "purged");
}

int cmd_link_show(const struct options *options, int argc, char **argv)
{
	return on_link(options, argc, argv, show);
}

int cmd_link_delete(const struct options *options, int argc, char **argv)
{
	return on_link(options, argc, argv, delete);
}

int cmd_link_purge(const struct options *options, int argc, char **argv)
{
	return on_link(options, argc, argv, purge);
}

int cmd_link_resync(const struct options *options, int argc, char **argv)
{
	char problem[PROBLEM_LEN];
	const char *name;
	struct qkd_nl *nl;
	uint64_t block;
	int ret;

	if (args_link_resync(argc, argv, &name, &block, problem))
		return fail_usage(problem);
	ret = qkd_nl_open(&nl);
	if (ret)
		return fail(TRY_NETLINK, NULL, ret, NULL);
	ret = qkd_nl_link_resync(nl, name, block);
	ret = ret ? fail(TRY_LINK, name, ret, nl) : output_done(options->json, name, "resynced");
	qkd_nl_close(nl);
	return ret;
}
