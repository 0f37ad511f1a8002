// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <curl/curl.h>

#include "common/clock.h"
#include "common/version.h"
#include "qkdkmed/http.h"
#include "qkdkmed/wiping.h"

#define HEADERS_MAX   16384UL
/* Slower than this many bytes a second for so long is no connection any more. */
#define LOW_SPEED     64L
#define LOW_SPEED_S   5L
/* The least that libcurl takes, and what a request has is sent from: it is zeroed and wiped for each. */
#define UPLOAD_BUFFER 16384L
#define US_PER_MS     1000ULL
/*
 * sd-event waits to the end of what it is allowed: libcurl asks for "at once" with each request. 0 would be a quarter of
 * a second.
 */
#define ACCURACY_US   1

/**
 * struct http
 * @multi: libcurl's
 * @event: the loop
 * @timer: when libcurl wants to be called without a socket being ready
 * @headers: sent with each request
 * @calls: under way
 */
struct http {
	CURLM *multi;
	sd_event *event;
	sd_event_source *timer;
	struct curl_slist *headers;
	struct http_call *calls;
};

/**
 * struct http_call
 * @http: whose it is
 * @next: of its calls
 * @prev: likewise, where the pointer to this one is
 * @easy: libcurl's
 * @body: the answer's so far
 * @len: its bytes
 * @max: room for it
 * @header_len: bytes of headers so far
 * @too_long: what was too long, or NULL
 * @begin_ms: when it was started
 * @done: whom to tell
 * @arg: for @done
 * @error: libcurl's words
 */
struct http_call {
	struct http *http;
	struct http_call *next, **prev;
	CURL *easy;
	char *body;
	size_t len;
	size_t max;
	size_t header_len;
	const char *too_long;
	uint64_t begin_ms;
	http_done done;
	void *arg;
	char error[CURL_ERROR_SIZE];
};

/* What libcurl calls with an answer's bytes */

static size_t on_body(char *bytes, size_t size, size_t count, void *arg)
{
	struct http_call *call = arg;
	size_t len = size * count;

	if (len > call->max - call->len) {
		call->too_long = "body";
		len = 0;
	} else {
		memcpy(call->body + call->len, bytes, len);
		call->len += len;
	}
	/* This is libcurl's own buffer, which it keeps for the next connection. It does not read these bytes again. */
	explicit_bzero(bytes, size * count);
	return len;
}

static size_t on_header(char *bytes, size_t size, size_t count, void *arg)
{
	struct http_call *call = arg;

	call->header_len += size * count;
	if (call->header_len <= HEADERS_MAX)
		return size * count;
	call->too_long = "headers";
	return 0;
}

/* Calls */

static void call_free(struct http_call *call)
{
	*call->prev = call->next;
	if (call->next)
		call->next->prev = call->prev;
	curl_multi_remove_handle(call->http->multi, call->easy);
	curl_easy_cleanup(call->easy);
	if (call->body)
		explicit_bzero(call->body, call->len);
	free(call->body);
	free(call);
}

/* libcurl's own words where they say more than the kind of error, and not how many milliseconds it took. */
static const char *words(const struct http_call *call, CURLcode result)
{
	switch (result) {
	case CURLE_OPERATION_TIMEDOUT:
		return "no whole answer in time";
	case CURLE_COULDNT_CONNECT:
		return "cannot be reached";
	default:
		return call->error[0] ? call->error : curl_easy_strerror(result);
	}
}

static void fill_answer(struct http_call *call, CURLcode result, struct http_answer *answer)
{
	*answer = (struct http_answer){
		.duration_ms = (unsigned int)(clock_ms() - call->begin_ms),
	};
	if (call->too_long) {
		snprintf(answer->text, sizeof(answer->text), "answer: %s longer than %zu bytes",
			 call->too_long, call->header_len > HEADERS_MAX ? HEADERS_MAX : call->max);
		return;
	}
	if (result != CURLE_OK) {
		snprintf(answer->text, sizeof(answer->text), "%s", words(call, result));
		return;
	}
	curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &answer->status);
	answer->body = call->body;
	answer->len = call->len;
}

static void finish(struct http_call *call, CURLcode result)
{
	struct http_answer answer;

	fill_answer(call, result, &answer);
	call->done(&answer, call->arg);
	call_free(call);
}

static void reap(struct http *http)
{
	struct http_call *call;
	CURLMsg *message;
	int left;

	while ((message = curl_multi_info_read(http->multi, &left))) {
		CURLcode result = message->data.result;

		if (message->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &call);
		finish(call, result);
	}
}

/* libcurl on the loop */

static int on_io(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct http *http = arg;
	int running, mask = 0;

	if (events & EPOLLIN)
		mask |= CURL_CSELECT_IN;
	if (events & EPOLLOUT)
		mask |= CURL_CSELECT_OUT;
	if (events & (EPOLLERR | EPOLLHUP))
		mask |= CURL_CSELECT_ERR;
	curl_multi_socket_action(http->multi, fd, mask, &running);
	reap(http);
	return 0;
}

static int on_timer(sd_event_source *source, uint64_t usec, void *arg)
{
	struct http *http = arg;
	int running;

	curl_multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	reap(http);
	return 0;
}

static int want_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	static const uint32_t events[] = {
		[CURL_POLL_NONE] = 0,
		[CURL_POLL_IN] = EPOLLIN,
		[CURL_POLL_OUT] = EPOLLOUT,
		[CURL_POLL_INOUT] = EPOLLIN | EPOLLOUT,
	};
	struct http *http = arg;
	sd_event_source *source = socket_arg;

	if (what == CURL_POLL_REMOVE) {
		sd_event_source_disable_unref(source);
		return 0;
	}
	if (source)
		return sd_event_source_set_io_events(source, events[what]) < 0 ? -1 : 0;
	if (sd_event_add_io(http->event, &source, fd, events[what], on_io, http) < 0)
		return -1;
	curl_multi_assign(http->multi, fd, source);
	return 0;
}

static int want_timer(CURLM *multi, long timeout_ms, void *arg)
{
	struct http *http = arg;

	if (timeout_ms < 0)
		return sd_event_source_set_enabled(http->timer, SD_EVENT_OFF) < 0 ? -1 : 0;
	if (sd_event_source_set_time_relative(http->timer, (uint64_t)timeout_ms * US_PER_MS) < 0)
		return -1;
	return sd_event_source_set_enabled(http->timer, SD_EVENT_ONESHOT) < 0 ? -1 : 0;
}

int http_new(struct http **http_out, sd_event *event)
{
	struct http *http = calloc(1, sizeof(*http));
	int ret = -ENOMEM;

	*http_out = http;
	if (!http)
		return ret;
	http->event = sd_event_ref(event);
	http->multi = curl_multi_init();
	http->headers = curl_slist_append(NULL, "Content-Type: application/json");
	if (!http->multi || !http->headers || !curl_slist_append(http->headers, "Expect:"))
		return ret;
	ret = sd_event_add_time_relative(event, &http->timer, CLOCK_MONOTONIC, 0, ACCURACY_US,
					 on_timer, http);
	if (ret < 0)
		return ret;
	sd_event_source_set_enabled(http->timer, SD_EVENT_OFF);
	curl_multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, want_socket);
	curl_multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
	curl_multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, want_timer);
	curl_multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
	return 0;
}

void http_free(struct http *http)
{
	if (!http)
		return;
	while (http->calls)
		call_free(http->calls);
	if (http->multi)
		curl_multi_cleanup(http->multi);
	curl_slist_free_all(http->headers);
	sd_event_source_disable_unref(http->timer);
	sd_event_unref(http->event);
	free(http);
}

/* A request's options. Whatever fails is as if there were no memory: nothing else can. */

#define SET(call, option, value)                                                   \
	do {                                                                       \
		if (curl_easy_setopt((call)->easy, (option), (value)) != CURLE_OK) \
			return -ENOMEM;                                            \
	} while (0)

static int set_tls(struct http_call *call, const struct kme_config *kme)
{
	const long tls =
		kme->tls_min == TLS_1_3 ? CURL_SSLVERSION_TLSv1_3 : CURL_SSLVERSION_TLSv1_2;

	SET(call, CURLOPT_SSLVERSION, tls);
	SET(call, CURLOPT_SSL_CTX_FUNCTION, wiping_ssl_ctx);
	SET(call, CURLOPT_SSLCERT, kme->certificate);
	SET(call, CURLOPT_SSLKEY, kme->private_key);
	/* The system's store vouches for no KME: it is "trust", "pin", or both. */
	SET(call, CURLOPT_CAPATH, NULL);
	SET(call, CURLOPT_CAINFO, kme->trust);
	SET(call, CURLOPT_SSL_VERIFYPEER, kme->trust ? 1L : 0L);
	SET(call, CURLOPT_SSL_VERIFYHOST, kme->trust ? 2L : 0L);
	SET(call, CURLOPT_PINNEDPUBLICKEY, kme->pin);
	return 0;
}

static int set_limits(struct http_call *call, const struct http_request *request)
{
	const struct kme_config *kme = request->kme;
	long timeout = request->timeout_ms < kme->request_timeout_ms ? request->timeout_ms
								     : kme->request_timeout_ms;

	SET(call, CURLOPT_NOSIGNAL, 1L);
	SET(call, CURLOPT_PROTOCOLS_STR, "https");
	SET(call, CURLOPT_PROXY, "");
	SET(call, CURLOPT_FOLLOWLOCATION, 0L);
	SET(call, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(call, CURLOPT_TIMEOUT_MS, timeout ? timeout : 1L);
	SET(call, CURLOPT_CONNECTTIMEOUT_MS, (long)kme->connect_timeout_ms);
	SET(call, CURLOPT_LOW_SPEED_LIMIT, LOW_SPEED);
	SET(call, CURLOPT_LOW_SPEED_TIME, LOW_SPEED_S);
	return 0;
}

static int set_request(struct http_call *call, const struct http_request *request)
{
	SET(call, CURLOPT_PRIVATE, call);
	SET(call, CURLOPT_ERRORBUFFER, call->error);
	SET(call, CURLOPT_URL, request->url);
	SET(call, CURLOPT_USERAGENT, "qkdkmed/" QKD_VERSION);
	SET(call, CURLOPT_HTTPHEADER, call->http->headers);
	SET(call, CURLOPT_WRITEFUNCTION, on_body);
	SET(call, CURLOPT_WRITEDATA, call);
	SET(call, CURLOPT_HEADERFUNCTION, on_header);
	SET(call, CURLOPT_HEADERDATA, call);
	SET(call, CURLOPT_UPLOAD_BUFFERSIZE, UPLOAD_BUFFER);
	if (!request->body)
		return 0;
	SET(call, CURLOPT_POST, 1L);
	SET(call, CURLOPT_POSTFIELDSIZE, (long)strlen(request->body));
	SET(call, CURLOPT_COPYPOSTFIELDS, request->body);
	return 0;
}

int http_start(struct http *http, const struct http_request *request, struct http_call **out)
{
	struct http_call *call = calloc(1, sizeof(*call));
	int ret;

	if (!call)
		return -ENOMEM;
	call->http = http;
	call->done = request->done;
	call->arg = request->arg;
	call->max = request->body_max;
	call->begin_ms = clock_ms();
	call->prev = &http->calls;
	call->next = http->calls;
	if (call->next)
		call->next->prev = &call->next;
	http->calls = call;
	call->body = malloc(call->max);
	call->easy = curl_easy_init();
	ret = call->body && call->easy ? 0 : -ENOMEM;
	if (!ret)
		ret = set_request(call, request);
	if (!ret)
		ret = set_limits(call, request);
	if (!ret)
		ret = set_tls(call, request->kme);
	if (!ret && curl_multi_add_handle(http->multi, call->easy))
		ret = -ENOMEM;
	if (ret)
		call_free(call);
	else
		*out = call;
	return ret;
}

void http_cancel(struct http_call *call)
{
	call_free(call);
}
