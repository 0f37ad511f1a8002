// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * As much of the kernel as qkdkmed needs for keys by their IDs, by the protocol of selftests/kmed/feed.c; no key is kept.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
#include "bench/kme/kme.h"

#define WAIT_MS 60000

/**
 * struct played
 * @store: what is measured
 * @calls: the daemon's connection for calls
 * @feed: and for requests
 * @wanted: ID that somebody waits for
 * @found: it has come
 * @up: as the daemon reports
 */
struct played {
	struct store store;
	int calls, feed;
	uint8_t wanted[QKD_KEY_ID_LEN];
	bool found;
	bool up;
};

static bool ready(int fd)
{
	struct pollfd pollfd = { .fd = fd, .events = POLLIN };

	return poll(&pollfd, 1, WAIT_MS) == 1 ||
	       kme_failed(KME_LINK, "the daemon says nothing any more");
}

static bool send_info(struct played *played)
{
	const struct qkd_info info = {
		.size = sizeof(info),
		.link = KME_LINK,
		.provider = "feed",
		.key_len = QKD_FEED_KEY_LEN,
		.capacity = 1,
		.low = 1,
		.outbound_fresh = 1,
		.local_sae = KME_LOCAL,
		.remote_sae = KME_REMOTE,
	};

	return send(played->calls, &info, sizeof(info), MSG_NOSIGNAL) == sizeof(info);
}

static bool answer(int fd, int ret)
{
	return send(fd, &ret, sizeof(ret), MSG_NOSIGNAL) == sizeof(ret);
}

static bool take_message(struct played *played, const struct qkd_feed_message *message)
{
	const uint8_t *id = message->key_id;

	if (message->type == QKD_FEED_REPORT)
		played->up = message->value == QKD_LINK_UP;
	else if (message->type == QKD_FEED_KEY && message->direction == QKD_DIR_OUTBOUND)
		return answer(played->calls, -ENOSPC);
	else if (message->type == QKD_FEED_KEY &&
		 !memcmp(id, played->wanted, sizeof(played->wanted)))
		played->found = true;
	else
		return kme_failed(KME_LINK, "a key that was not asked for, or none");
	return answer(played->calls, 0);
}

/* Waits for one call of the daemon and answers it. */
static bool serve(struct played *played)
{
	struct qkd_feed_message message;
	ssize_t n;
	bool ok;

	if (!ready(played->calls))
		return false;
	n = recv(played->calls, &message, sizeof(message), 0);
	if (n == sizeof(message))
		ok = take_message(played, &message);
	else
		ok = n == 4 && send_info(played);
	explicit_bzero(&message, sizeof(message));
	return ok || kme_failed(KME_LINK, "the daemon has gone");
}

static bool ask(struct played *played, const struct qkd_feed_request *request)
{
	return send(played->feed, request, sizeof(*request), MSG_NOSIGNAL) == sizeof(*request) ||
	       kme_failed(KME_LINK, "the daemon has gone");
}

static bool played_lookup(struct store *store, const uint8_t id[QKD_KEY_ID_LEN], uint64_t *nsec)
{
	struct qkd_feed_request request = { .type = QKD_FEED_ID, .timeout_ms = WAIT_MS };
	struct played *played = (struct played *)store;
	const uint64_t begin = kme_now();

	memcpy(request.key_id, id, sizeof(request.key_id));
	memcpy(played->wanted, id, sizeof(played->wanted));
	played->found = false;
	if (!ask(played, &request))
		return false;
	while (!played->found)
		if (!serve(played))
			return false;
	*nsec = kme_now() - begin;
	return true;
}

static void played_free(struct store *store)
{
	struct played *played = (struct played *)store;

	if (played->calls >= 0)
		close(played->calls);
	if (played->feed >= 0)
		close(played->feed);
	free(played);
}

static int listen_at(const char *folder)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s/" KME_LINK, folder);
	unlink(address.sun_path);
	if (fd >= 0 && !bind(fd, (struct sockaddr *)&address, sizeof(address)) && !listen(fd, 2))
		return fd;
	kme_failed(address.sun_path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return -1;
}

/* The next connection, which has to begin with @word; or -1. */
static int greet(int listener, const char *word)
{
	char said[8] = "";
	int fd = ready(listener) ? accept(listener, NULL, NULL) : -1;

	if (fd >= 0 && ready(fd) && recv(fd, said, sizeof(said) - 1, 0) > 0 && !strcmp(said, word))
		return fd;
	kme_failed(KME_LINK, "no daemon opens it");
	if (fd >= 0)
		close(fd);
	return -1;
}

static bool start(struct played *played, int listener)
{
	played->calls = greet(listener, "call");
	if (played->calls < 0 || !answer(played->calls, 0))
		return false;
	played->feed = greet(listener, "feed");
	if (played->feed < 0)
		return false;
	while (!played->up)
		if (!serve(played))
			return false;
	return true;
}

bool played_new(struct store **out, const char *folder)
{
	struct played *played = calloc(1, sizeof(*played));
	int listener = listen_at(folder);
	bool ok;

	if (!played || listener < 0) {
		free(played);
		return false;
	}
	*played = (struct played){
		.store = {
			.where = "native",
			.lookup = played_lookup,
			.free = played_free,
		},
		.calls = -1,
		.feed = -1,
	};
	ok = start(played, listener);
	close(listener);
	if (ok)
		*out = &played->store;
	else
		played_free(&played->store);
	return ok;
}
