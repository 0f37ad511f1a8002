/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ETSI GS QKD 014 V1.1.1: requests as text, answers taken apart. Nothing here opens a connection; all that comes from a
 * KME is hostile until these functions have said yes, and what they refuse they refuse with a message that starts with
 * the field's name.
 */
#ifndef QKDKMED_ETSI014_H
#define QKDKMED_ETSI014_H

#include <stddef.h>
#include <stdint.h>

#include "qkdkmed/key_list.h"

#define ETSI014_TEXT_LEN     160 /* of messages */
#define ETSI014_URL_LEN	     1024
#define ETSI014_NUMBER_MAX   1024 /* keys in one request */
#define ETSI014_BODY_BASE    16384 /* what an answer may have beside its keys */
#define ETSI014_BODY_PER_KEY 1024

enum etsi014_call {
	ETSI014_STATUS,
	ETSI014_ENC_KEYS,
	ETSI014_DEC_KEYS,
};

/* "status", "enc_keys", "dec_keys" */
const char *etsi014_call_name(enum etsi014_call call);

/*
 * Requests. @base is the KME's URL without "/api", @sae the other end's SAE ID, written with percent signs where a
 * path needs it. 0, or -EMSGSIZE: does not fit @url.
 */
int etsi014_url(char url[ETSI014_URL_LEN], const char *base, const char *sae,
		enum etsi014_call call);

/* What to add to the URL of a GET */
int etsi014_enc_query(char url[ETSI014_URL_LEN], size_t number, unsigned int bits);
int etsi014_dec_query(char url[ETSI014_URL_LEN], const uint8_t id[QKD_KEY_ID_LEN]);

/* Bodies of a POST, for free(), or NULL */
char *etsi014_enc_body(size_t number, unsigned int bits);
char *etsi014_dec_body(const uint8_t (*ids)[QKD_KEY_ID_LEN], size_t count);

/* Most characters of an answer that brings @number keys */
size_t etsi014_body_max(size_t number);

/**
 * struct etsi014_status - what a KME says of a pair of SAEs; 0: it does not say
 * @key_size: bits of a key when none are asked for
 * @stored_key_count: keys in its pool
 * @max_key_count: as many it can hold
 * @max_key_per_request: most keys in one request
 * @max_key_size: bits
 * @min_key_size: bits
 */
struct etsi014_status {
	uint32_t key_size;
	uint32_t stored_key_count;
	uint32_t max_key_count;
	uint32_t max_key_per_request;
	uint32_t max_key_size;
	uint32_t min_key_size;
};

/* 0, or -EBADMSG and a @message; -ENOMEM. Neither an unknown member nor one that is missing is a mistake. */
int etsi014_status(const char *text, size_t len, struct etsi014_status *status,
		   char message[ETSI014_TEXT_LEN]);

/* 0 if keys of @bits can be had there, or -EBADMSG and a @message */
int etsi014_status_check(const struct etsi014_status *status, unsigned int bits,
			 char message[ETSI014_TEXT_LEN]);

/**
 * struct etsi014_wanted - what was asked for
 * @number: keys; an answer may have fewer, not more
 * @key_len: bytes of each, exactly
 * @ids: the only ones that may come, @number of them; NULL: any
 */
struct etsi014_wanted {
	size_t number;
	size_t key_len;
	const uint8_t (*ids)[QKD_KEY_ID_LEN];
};

/*
 * 0 and *@keys, for key_list_free(); or -EBADMSG and a @message; -ENOMEM. All or nothing: an answer with one fault in
 * it is refused as a whole. @text is not changed; it holds keys, so wiping it is the caller's.
 */
int etsi014_keys(const char *text, size_t len, const struct etsi014_wanted *wanted,
		 struct key_list **keys, char message[ETSI014_TEXT_LEN]);

/* What an answer of 400 or 503 says, cut to fit, printable; "" if it says nothing that can be read */
void etsi014_error(const char *text, size_t len, char message[ETSI014_TEXT_LEN]);

#endif /* QKDKMED_ETSI014_H */
