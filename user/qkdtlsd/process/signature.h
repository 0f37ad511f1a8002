/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a worker has signed: the other end of signer.h. Nothing here waits. */
#ifndef QKDTLSD_SIGNATURE_H
#define QKDTLSD_SIGNATURE_H

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>
#include <qkd/qkdtls.h>

struct signature;

/**
 * struct signing - a worker's way to the signer
 * @fd: the socket; -1: the signer has gone
 * @io: its event source
 * @last: id of the last request
 * @waiting: what has been asked for
 */
struct signing {
	int fd;
	sd_event_source *io;
	uint64_t last;
	struct signature *waiting;
};

/**
 * struct signature - one connection's, part of it. All zero: nothing asked for yet
 * @signing: where it is asked for, as @service, its place in the configuration
 * @on_ready: called with @arg when an answer, good or bad, has come
 * @id: of the request; 0: not asked yet
 * @error: the answer: 0 or a negative errno, once @has_come
 * @bytes: if it was good; the owner's
 * @next: also waiting
 */
struct signature {
	struct signing *signing;
	uint32_t service;
	void (*on_ready)(void *arg);
	void *arg;
	uint64_t id;
	bool has_come;
	int error;
	uint8_t *bytes;
	size_t len;
	struct signature *next;
};

int signing_begin(struct signing *signing, int fd,
		  sd_event *event); /* takes @fd; 0 or a negative errno */
void signing_end(struct signing *signing);

/* qkdtls_sign_fn, whose @arg is a struct signature */
int signature_ask(void *arg, uint16_t scheme, const uint8_t *data, size_t data_len,
		  uint8_t *signature, size_t *len);

/* It is not wanted (any more). */
void signature_drop(struct signature *signature);

#endif /* QKDTLSD_SIGNATURE_H */
