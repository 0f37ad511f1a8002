// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/hex.h"
#include "common/log.h"
#include "common/process.h"
#include "qkdctl/args.h"
#include "qkdctl/qkdctl.h"

#define LINE_LEN 512

static int write_all(const char *text, size_t len)
{
	while (len) {
		ssize_t n = write(STDOUT_FILENO, text, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail_output();
		text += n;
		len -= (size_t)n;
	}
	return EXIT_OK;
}

/*
 * Neither stdio nor json-c: their buffers could not be wiped. Nothing printed needs escaping: a link's
 * name and an ID have no character that JSON cares about.
 */
static int print(const struct options *options, const struct key_get_args *args,
		 const struct qkd_key *key)
{
	const char *how = args->by_id ? "reserved and committed" : "taken";
	const char *direction = args->by_id ? "inbound" : "outbound";
	char id[QKD_ID_TEXT_LEN + 1], hex[2 * QKD_KEY_LEN_MAX + 1] = "", line[LINE_LEN];
	const char *before = "", *after = "";
	int len, ret;

	qkd_id_format(key->id, id);
	if (options->show_secret) {
		hex_encode(key->bytes, key->len, hex);
		before = options->json ? ",\"key\":\"" : " key ";
		after = options->json ? "\"" : "";
	}
	if (options->json)
		len = snprintf(line, sizeof(line),
			       "{\"link\":\"%s\",\"id\":\"%s\",\"length\":%zu,"
			       "\"direction\":\"%s\",\"state\":\"spent\"%s%s%s}\n",
			       args->link, id, key->len, direction, before, hex, after);
	else
		len = snprintf(line, sizeof(line), "%s length %zu %s: %s, spent%s%s%s\n", id,
			       key->len, direction, how, before, hex, after);
	ret = write_all(line, (size_t)len);
	explicit_bzero(hex, sizeof(hex));
	explicit_bzero(line, sizeof(line));
	return ret;
}

static int take(int fd, const struct options *options, const struct key_get_args *args)
{
	struct qkd_key key;
	int ret;

	ret = qkd_get_key(fd, 0, &key);
	ret = ret ? fail(TRY_KEY, args->link, ret, NULL) : print(options, args, &key);
	qkd_key_wipe(&key);
	return ret;
}

static int look_up(int fd, const struct options *options, const struct key_get_args *args)
{
	char id[QKD_ID_TEXT_LEN + 1];
	struct qkd_key key;
	int ret;

	qkd_id_format(args->id, id);
	ret = qkd_get_key_by_id(fd, args->id, 0, &key);
	if (!ret)
		ret = qkd_commit(fd, args->id);
	ret = ret ? fail(TRY_KEY_ID, id, ret, NULL) : print(options, args, &key);
	qkd_key_wipe(&key);
	return ret;
}

int cmd_key_get(const struct options *options, int argc, char **argv)
{
	char problem[PROBLEM_LEN];
	struct key_get_args args;
	int fd, ret;

	if (args_key_get(argc, argv, &args, problem))
		return fail_usage(problem);
	ret = process_harden();
	if (ret) {
		log_error("this process cannot be closed to others: %s", strerror(-ret));
		return EXIT_FAILED;
	}
	fd = qkd_open(args.link, O_NONBLOCK);
	if (fd < 0)
		return fail(TRY_DEVICE, args.link, fd, NULL);
	ret = args.by_id ? look_up(fd, options, &args) : take(fd, options, &args);
	close(fd);
	return ret;
}
