/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One request of ETSI GS QKD 014 to one KME, and what its answer means. */
#ifndef QKDKMED_EXCHANGE_H
#define QKDKMED_EXCHANGE_H

#include "qkdkmed/etsi014.h"
#include "qkdkmed/http.h"

#define EXCHANGE_TEXT_LEN 320

enum outcome {
	OUTCOME_OK,
	OUTCOME_RETRY, /* no answer, 503, or one that was refused */
	OUTCOME_WRONG, /* the KME does not understand or allow the request: again, but not soon */
	OUTCOME_ABSENT, /* dec_keys: one or more of the keys are not there */
	OUTCOME_DENIED, /* this SAE may not have them */
};

/**
 * struct exchange_result
 * @outcome: what it means
 * @keys: OUTCOME_OK of enc_keys and dec_keys; freed after the callback
 * @status: OUTCOME_OK of status
 * @text: why not OUTCOME_OK: "dec_keys: keys[0].key: not base64"
 */
struct exchange_result {
	enum outcome outcome;
	struct key_list *keys;
	struct etsi014_status status;
	char text[EXCHANGE_TEXT_LEN];
};

typedef void (*exchange_done)(const struct exchange_result *result, void *arg);

/**
 * struct exchange_request
 * @kme: whom to ask; must outlive the exchange
 * @call: what for
 * @remote_sae: SAE ID of the link's other end
 * @number: keys, not for status
 * @ids: dec_keys: which; must outlive the exchange
 * @timeout_ms: longest time it may take, beside the KME's own
 * @done: called once, never before exchange_start() returns
 * @arg: for @done
 */
struct exchange_request {
	const struct kme_config *kme;
	enum etsi014_call call;
	const char *remote_sae;
	size_t number;
	const uint8_t (*ids)[QKD_KEY_ID_LEN];
	uint32_t timeout_ms;
	exchange_done done;
	void *arg;
};

struct exchange;

/* 0, or -ENOMEM, -EMSGSIZE (the URL is too long) */
int exchange_start(struct http *http, const struct exchange_request *request,
		   struct exchange **exchange);

/* Ends it; done is not called. */
void exchange_cancel(struct exchange *exchange);

#endif /* QKDKMED_EXCHANGE_H */
