/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HTTPS requests to KMEs, any number at once, by libcurl's multi interface on an sd-event loop. Every one is bounded: in time,
 * in speed, in the size of headers and body. No redirect is followed, no proxy used, nothing but HTTP/1.1 over
 * TLS 1.2 or 1.3 spoken.
 */
#ifndef QKDKMED_HTTP_H
#define QKDKMED_HTTP_H

#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "qkdkmed/config.h"

#define HTTP_TEXT_LEN 256

struct http;
struct http_call;

/**
 * struct http_answer
 * @status: HTTP's status; 0: there is no whole answer, and @text says why
 * @body: wiped after the callback
 * @len: its bytes; 0 too where it would have been longer than allowed (then @status is 0)
 * @duration_ms: from request to answer
 * @text: one line, without secrets
 */
struct http_answer {
	long status;
	const char *body;
	size_t len;
	unsigned int duration_ms;
	char text[HTTP_TEXT_LEN];
};

typedef void (*http_done)(const struct http_answer *answer, void *arg);

/**
 * struct http_request
 * @kme: TLS settings and timeouts
 * @url: all of it
 * @body: JSON for a POST, or NULL: GET. Copied.
 * @timeout_ms: for all of it, if that is less than the KME's request-timeout
 * @body_max: longest answer
 * @done: called once, from the loop, never before http_start() returns
 * @arg: for @done
 */
struct http_request {
	const struct kme_config *kme;
	const char *url;
	const char *body;
	uint32_t timeout_ms;
	size_t body_max;
	http_done done;
	void *arg;
};

int http_new(struct http **http, sd_event *event);

/* Ends all calls without an answer. NULL does nothing. */
void http_free(struct http *http);

/* 0, or -ENOMEM; @call is valid until done has been called. @request->kme must outlive it. */
int http_start(struct http *http, const struct http_request *request, struct http_call **call);

/* Ends it without an answer */
void http_cancel(struct http_call *call);

#endif /* QKDKMED_HTTP_H */
