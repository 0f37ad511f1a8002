// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "common/unix_socket.h"
#include "qkdctl/daemon_stats.h"

#define WAIT_S 10

const char *const daemon_stats_numbers[DAEMON_STATS_NUMBERS] = {
	"open", "handshakes", "accepted", "qkd", "fallback",
};

/* Up to the end of the stream: its length, or a negative errno */
static ssize_t read_all(int fd, char *text, size_t size)
{
	size_t len = 0;
	ssize_t n;

	while (len < size) {
		n = recv(fd, text + len, size - len, 0);
		if (!n)
			return (ssize_t)len;
		if (n > 0)
			len += (size_t)n;
		else if (errno != EINTR)
			return errno == EAGAIN ? -ETIMEDOUT : -errno;
	}
	return -EBADMSG;
}

/* A name of a service or a reason, which goes to terminals and into metrics as it is */
static bool is_name(const char *text)
{
	return *text && !text[strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
					   "0123456789._-")];
}

static bool is_number(struct json_object *doc, const char *name)
{
	struct json_object *value;

	return json_object_object_get_ex(doc, name, &value) &&
	       json_object_is_type(value, json_type_int);
}

static bool is_service(struct json_object *doc)
{
	struct json_object *value;

	if (!json_object_is_type(doc, json_type_object) ||
	    !json_object_object_get_ex(doc, "service", &value) ||
	    !json_object_is_type(value, json_type_string) ||
	    !is_name(json_object_get_string(value)))
		return false;
	for (size_t i = 0; i < DAEMON_STATS_NUMBERS; i++) {
		if (!is_number(doc, daemon_stats_numbers[i]))
			return false;
	}
	if (!json_object_object_get_ex(doc, "ends", &value) ||
	    !json_object_is_type(value, json_type_object))
		return false;
	json_object_object_foreach(value, reason, count)
	{
		if (!is_name(reason) || !json_object_is_type(count, json_type_int))
			return false;
	}
	return true;
}

static bool are_services(struct json_object *doc)
{
	if (!json_object_is_type(doc, json_type_array))
		return false;
	for (size_t i = 0; i < json_object_array_length(doc); i++) {
		if (!is_service(json_object_array_get_idx(doc, i)))
			return false;
	}
	return true;
}

static int parse(const char *text, size_t len, struct json_object **services)
{
	struct json_tokener *tokener = json_tokener_new();
	struct json_object *doc;
	bool whole;

	if (!tokener)
		return -ENOMEM;
	doc = json_tokener_parse_ex(tokener, text, (int)len);
	whole = json_tokener_get_error(tokener) == json_tokener_success;
	json_tokener_free(tokener);
	if (whole && are_services(doc)) {
		*services = doc;
		return 0;
	}
	json_object_put(doc);
	return -EBADMSG;
}

int daemon_stats_read(const char *path, struct json_object **services)
{
	const struct timeval wait = { .tv_sec = WAIT_S };
	const int fd = unix_connect(path, SOCK_STREAM);
	char *text;
	ssize_t n;
	int ret;

	if (fd < 0)
		return fd;
	text = malloc(DAEMON_STATS_MAX);
	n = setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait)) ? -errno : 0;
	if (!n)
		n = text ? read_all(fd, text, DAEMON_STATS_MAX) : -ENOMEM;
	ret = n < 0 ? (int)n : parse(text, (size_t)n, services);
	free(text);
	close(fd);
	return ret;
}
