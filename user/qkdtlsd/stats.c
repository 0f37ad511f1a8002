// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <json-c/json.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "common/log.h"
#include "common/pause.h"
#include "common/unix_socket.h"
#include "qkdtlsd/daemon.h"
#include "qkdtlsd/tunnel/report.h"
#include "qkdtlsd/stats.h"

/* At a time; who comes when there are so many finds the stream ended. */
#define READERS_MAX 16

/* For one who asks and does not read */
#define READ_TIME_US 5000000

/**
 * struct reader - one who has asked
 * @next: of the others
 * @stats: whose
 * @fd: the way to him
 * @io: its event source
 * @deadline: when he has had his time
 * @text: for him
 * @len: of it
 * @sent: of these
 */
struct reader {
	struct reader *next;
	struct stats *stats;
	int fd;
	sd_event_source *io;
	sd_event_source *deadline;
	char *text;
	size_t len;
	size_t sent;
};

struct stats {
	char *path;
	int fd;
	sd_event *event;
	sd_event_source *io;
	sd_event_source *pause;
	const struct daemon *(*current)(void *arg);
	void *arg;
	struct reader *readers;
	unsigned int count;
};

/* ---- The document ---- */

static bool add_number(struct json_object *to, const char *name, uint64_t value)
{
	return !json_object_object_add(to, name, json_object_new_int64((int64_t)value));
}

static struct json_object *ends_json(const struct counters *counters)
{
	struct json_object *doc = json_object_new_object();

	for (int i = 0; i < END_REASONS; i++)
		add_number(doc, report_end_word(i), counters->ends[i]);
	return doc;
}

static struct json_object *service_json(const struct service *service)
{
	const struct counters *counters = service->counters;
	struct json_object *doc = json_object_new_object();

	json_object_object_add(doc, "service", json_object_new_string(service->config->name));
	json_object_object_add(doc, "mode",
			       json_object_new_string(service->config->mode == QKDTLS_SERVER
							      ? "server"
							      : "client"));
	add_number(doc, "open", counters_open(counters));
	add_number(doc, "handshakes", counters_handshakes(counters));
	add_number(doc, "accepted", counters->accepted);
	add_number(doc, "qkd", counters->keyed);
	add_number(doc, "fallback", counters->fallback);
	json_object_object_add(doc, "ends", ends_json(counters));
	return doc;
}

/* To be given back with free(); NULL: no memory */
static char *stats_text(const struct daemon *daemon)
{
	struct json_object *doc = json_object_new_array();
	const char *text;
	char *copy = NULL;

	for (const struct service *s = daemon->services; s; s = s->next)
		json_object_array_add(doc, service_json(s));
	text = json_object_to_json_string_ext(doc, JSON_C_TO_STRING_PLAIN);
	if (text)
		copy = strdup(text);
	json_object_put(doc);
	return copy;
}

/* ---- Readers ---- */

static void reader_free(struct reader *reader)
{
	struct reader **place = &reader->stats->readers;

	while (*place != reader)
		place = &(*place)->next;
	*place = reader->next;
	reader->stats->count--;
	sd_event_source_disable_unref(reader->io);
	sd_event_source_disable_unref(reader->deadline);
	close(reader->fd);
	free(reader->text);
	free(reader);
}

static int on_room(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct reader *reader = arg;
	const ssize_t n = send(fd, reader->text + reader->sent, reader->len - reader->sent,
			       MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n > 0)
		reader->sent += (size_t)n;
	if (n < 0 || reader->sent == reader->len)
		reader_free(reader);
	return 0;
}

static int on_deadline(sd_event_source *source, uint64_t usec, void *arg)
{
	reader_free(arg);
	return 0;
}

/* Takes @fd over. */
static void reader_begin(struct stats *stats, int fd)
{
	struct reader *reader = calloc(1, sizeof(*reader));

	if (!reader) {
		close(fd);
		return;
	}
	*reader = (struct reader){ .next = stats->readers, .stats = stats, .fd = fd };
	stats->readers = reader;
	stats->count++;
	reader->text = stats_text(stats->current(stats->arg));
	reader->len = reader->text ? strlen(reader->text) : 0;
	if (!reader->text ||
	    sd_event_add_io(stats->event, &reader->io, fd, EPOLLOUT, on_room, reader) < 0 ||
	    sd_event_add_time_relative(stats->event, &reader->deadline, CLOCK_MONOTONIC,
				       READ_TIME_US, 0, on_deadline, reader) < 0)
		reader_free(reader);
}

static int on_reader(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct stats *stats = arg;
	const int reader = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (reader < 0) {
		if (pause_helps(errno))
			pause_listener(stats->io, &stats->pause);
		return 0;
	}
	if (stats->count == READERS_MAX)
		close(reader);
	else
		reader_begin(stats, reader);
	return 0;
}

/* ---- The socket ---- */

static int begin(struct stats *stats, const char *path)
{
	int ret;

	stats->path = strdup(path);
	if (!stats->path)
		return -ENOMEM;
	stats->fd = unix_listen(path, SOCK_STREAM);
	if (stats->fd < 0)
		return stats->fd;
	if (chmod(path, STATS_MODE))
		return -errno;
	ret = sd_event_add_io(stats->event, &stats->io, stats->fd, EPOLLIN, on_reader, stats);
	return ret < 0 ? ret : 0;
}

int stats_begin(struct stats **stats, const char *path, sd_event *event,
		const struct daemon *(*current)(void *arg), void *arg)
{
	struct stats *made = calloc(1, sizeof(*made));
	int ret = -ENOMEM;

	*stats = NULL;
	if (made) {
		*made = (struct stats){ .fd = -1, .event = event, .current = current, .arg = arg };
		ret = begin(made, path);
	}
	if (!ret) {
		*stats = made;
		return 0;
	}
	log_error("\"stats = %s\": %s", path, strerror(-ret));
	stats_end(made);
	return ret;
}

const char *stats_path(const struct stats *stats)
{
	return stats->path;
}

void stats_end(struct stats *stats)
{
	if (!stats)
		return;
	while (stats->readers)
		reader_free(stats->readers);
	sd_event_source_disable_unref(stats->pause);
	sd_event_source_disable_unref(stats->io);
	if (stats->fd >= 0) {
		unlink(stats->path);
		close(stats->fd);
	}
	free(stats->path);
	free(stats);
}
