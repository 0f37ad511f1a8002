// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "qkdkmed/exchange.h"

#define KEY_BITS (8 * QKD_FEED_KEY_LEN)

struct exchange {
	struct exchange_request request;
	struct http_call *call;
};

__attribute__((format(printf, 4, 5))) static void say(const struct exchange *exchange,
						      struct exchange_result *result,
						      enum outcome outcome, const char *format, ...)
{
	va_list args;
	int n;

	result->outcome = outcome;
	n = snprintf(result->text, sizeof(result->text),
		     "%s: ", etsi014_call_name(exchange->request.call));
	va_start(args, format);
	vsnprintf(result->text + n, sizeof(result->text) - (size_t)n, format, args);
	va_end(args);
}

static int read_status(const struct http_answer *answer, struct exchange_result *result,
		       char *message)
{
	int ret = etsi014_status(answer->body, answer->len, &result->status, message);

	return ret ?: etsi014_status_check(&result->status, KEY_BITS, message);
}

static int read_keys(const struct exchange *exchange, const struct http_answer *answer,
		     struct exchange_result *result, char *message)
{
	const struct etsi014_wanted wanted = {
		.number = exchange->request.number,
		.key_len = QKD_FEED_KEY_LEN,
		.ids = exchange->request.ids,
	};

	return etsi014_keys(answer->body, answer->len, &wanted, &result->keys, message);
}

static void read_answer(const struct exchange *exchange, const struct http_answer *answer,
			struct exchange_result *result)
{
	char message[ETSI014_TEXT_LEN] = "";
	int ret;

	if (exchange->request.call == ETSI014_STATUS)
		ret = read_status(answer, result, message);
	else
		ret = read_keys(exchange, answer, result, message);
	if (ret == -EBADMSG)
		say(exchange, result, OUTCOME_RETRY, "refused: %s", message);
	else if (ret)
		say(exchange, result, OUTCOME_RETRY, "out of memory");
}

static enum outcome meaning(const struct exchange *exchange, long status)
{
	const bool by_id = exchange->request.call == ETSI014_DEC_KEYS;

	switch (status) {
	case 400:
	case 404: /* not in the specification, but what some KMEs say of a key that they do not have */
		return by_id ? OUTCOME_ABSENT : OUTCOME_WRONG;
	case 401:
	case 403:
		return OUTCOME_DENIED;
	default:
		return OUTCOME_RETRY;
	}
}

static void read_error(const struct exchange *exchange, const struct http_answer *answer,
		       struct exchange_result *result)
{
	char message[ETSI014_TEXT_LEN];

	etsi014_error(answer->body, answer->len, message);
	say(exchange, result, meaning(exchange, answer->status), "status %ld%s%s", answer->status,
	    message[0] ? ": " : "", message);
}

static void on_answer(const struct http_answer *answer, void *arg)
{
	struct exchange_result result = { .outcome = OUTCOME_OK };
	struct exchange *exchange = arg;

	if (!answer->status)
		say(exchange, &result, OUTCOME_RETRY, "%s", answer->text);
	else if (answer->status == 200)
		read_answer(exchange, answer, &result);
	else
		read_error(exchange, answer, &result);
	exchange->request.done(&result, exchange->request.arg);
	key_list_free(result.keys);
	free(exchange);
}

static bool by_get(const struct exchange_request *request)
{
	if (request->call == ETSI014_STATUS)
		return true;
	return request->kme->method == METHOD_GET &&
	       (request->call == ETSI014_ENC_KEYS || request->number == 1);
}

static int make_query(const struct exchange_request *request, char *url)
{
	if (request->call == ETSI014_ENC_KEYS)
		return etsi014_enc_query(url, request->number, KEY_BITS);
	if (request->call == ETSI014_DEC_KEYS)
		return etsi014_dec_query(url, request->ids[0]);
	return 0;
}

static char *make_body(const struct exchange_request *request)
{
	return request->call == ETSI014_ENC_KEYS ? etsi014_enc_body(request->number, KEY_BITS)
						 : etsi014_dec_body(request->ids, request->number);
}

static int start(struct http *http, struct exchange *exchange, char *body)
{
	const struct exchange_request *request = &exchange->request;
	char url[ETSI014_URL_LEN];
	struct http_request http_request = {
		.kme = request->kme,
		.url = url,
		.body = body,
		.timeout_ms = request->timeout_ms,
		.body_max = etsi014_body_max(request->number),
		.done = on_answer,
		.arg = exchange,
	};
	int ret = etsi014_url(url, request->kme->url, request->remote_sae, request->call);

	if (!ret && !body)
		ret = make_query(request, url);
	return ret ?: http_start(http, &http_request, &exchange->call);
}

int exchange_start(struct http *http, const struct exchange_request *request, struct exchange **out)
{
	struct exchange *exchange = calloc(1, sizeof(*exchange));
	char *body = NULL;
	int ret = -ENOMEM;

	if (!exchange)
		return ret;
	exchange->request = *request;
	if (!by_get(request))
		body = make_body(request);
	if (body || by_get(request))
		ret = start(http, exchange, body);
	free(body);
	if (ret)
		free(exchange);
	else
		*out = exchange;
	return ret;
}

void exchange_cancel(struct exchange *exchange)
{
	http_cancel(exchange->call);
	free(exchange);
}
