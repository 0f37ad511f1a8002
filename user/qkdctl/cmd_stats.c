// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "qkdctl/args.h"
#include "qkdctl/daemon_stats.h"
#include "qkdctl/output.h"
#include "qkdctl/prometheus.h"
#include "qkdctl/qkdctl.h"

/**
 * struct collection - what there is to show
 * @links: of the kernel
 * @count: of them
 * @room: for so many
 * @services: of the daemon, an array; NULL: none runs
 */
struct collection {
	struct qkd_link_info *links;
	size_t count, room;
	struct json_object *services;
};

static int add_link(const struct qkd_link_info *info, void *arg)
{
	struct collection *all = arg;
	struct qkd_link_info *more;

	if (all->count == all->room) {
		all->room = all->room ? 2 * all->room : 8;
		more = reallocarray(all->links, all->room, sizeof(*more));
		if (!more)
			return -ENOMEM;
		all->links = more;
	}
	all->links[all->count++] = *info;
	return 0;
}

/* @name: of one, or NULL */
static int collect_links(struct collection *all, const char *name)
{
	struct qkd_link_info info;
	struct qkd_nl *nl;
	int ret = qkd_nl_open(&nl);

	if (ret)
		return fail(TRY_NETLINK, NULL, ret, NULL);
	if (!name)
		ret = qkd_nl_link_list(nl, add_link, all);
	else if (!(ret = qkd_nl_link_get(nl, name, &info)))
		ret = add_link(&info, all);
	if (ret)
		ret = fail(name ? TRY_LINK : TRY_LINK_LIST, name, ret, nl);
	qkd_nl_close(nl);
	return ret;
}

/* @path: NULL where the packages have it, if a daemon runs */
static int collect_services(struct collection *all, const char *path)
{
	const int ret = daemon_stats_read(path ? path : DAEMON_STATS_PATH, &all->services);

	if (!path && (ret == -ENOENT || ret == -ECONNREFUSED || ret == -EACCES))
		return EXIT_OK;
	return ret ? fail(TRY_DAEMON, path ? path : DAEMON_STATS_PATH, ret, NULL) : EXIT_OK;
}

static int print_json(struct collection *all)
{
	struct json_object *doc = json_object_new_array();

	for (size_t i = 0; i < all->count; i++)
		json_object_array_add(doc, output_stats_json(&all->links[i]));
	for (size_t i = 0; all->services && i < json_object_array_length(all->services); i++)
		json_object_array_add(doc,
				      json_object_get(json_object_array_get_idx(all->services, i)));
	return output_json(doc);
}

static int print(struct collection *all, const struct options *options, bool one)
{
	if (options->prometheus) {
		prometheus_links(all->links, all->count);
		if (all->services)
			prometheus_services(all->services);
		return output_end();
	}
	if (options->json)
		return one ? output_json(output_stats_json(all->links)) : print_json(all);
	for (size_t i = 0; i < all->count; i++)
		output_stats(&all->links[i]);
	if (all->services)
		output_services(all->services);
	return output_end();
}

int cmd_stats(const struct options *options, int argc, char **argv)
{
	const bool of_daemon = argc == 2 && !strcmp(argv[0], "daemon");
	struct collection all = { 0 };
	char problem[PROBLEM_LEN];
	const char *name = NULL;
	int ret = EXIT_OK, services = EXIT_OK;

	if (options->json && options->prometheus)
		return fail_usage("--json or --prometheus, not both");
	if (argc && !of_daemon && args_link(argc, argv, &name, problem))
		return fail_usage(problem);
	if (!of_daemon)
		ret = collect_links(&all, name);
	/* Those of the daemon are wanted most where there are no links. */
	if (!name)
		services = collect_services(&all, of_daemon ? argv[1] : NULL);
	if (!ret || all.services)
		ret = print(&all, options, name) ? EXIT_FAILED : ret;
	if (!ret)
		ret = services;
	free(all.links);
	json_object_put(all.services);
	return ret;
}
