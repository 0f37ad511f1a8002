/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Key schedule of one connection (RFC 9846 section 7.1). Its Early, Handshake and Main Secret never
 * leave it: a second implementation keeps them in the kernel.
 *
 *	new -> early or import -> [binder] -> handshake -> application -> complete -> [update]
 *	-> [hand over] -> [export]
 *
 * Every function returns 0, or -EINVAL (out of order, or a length that cannot be: nothing changed),
 * -EIO, -ENOMEM. Each secret is wiped as soon as the following ones exist.
 *
 * A client that offers one key for two hashes has one schedule for each and frees the one that the
 * server did not choose; if it chose none, a new schedule without a PSK takes their place.
 */
#ifndef QKDTLS_SCHEDULE_H
#define QKDTLS_SCHEDULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "qkd/qkdtls.h"
#include "tls/seal.h"
#include "tls/suite.h"

struct qkdtls_schedule;

enum qkdtls_epoch {
	QKDTLS_EPOCH_HANDSHAKE,
	QKDTLS_EPOCH_APPLICATION,
};

/* Which kind of PSK a binder is for: the label "ext binder" or "imp binder" */
enum qkdtls_binder {
	QKDTLS_BINDER_EXTERNAL,
	QKDTLS_BINDER_IMPORTED,
};

int qkdtls_schedule_new(struct qkdtls_schedule **schedule, enum qkdtls_hash hash);
void qkdtls_schedule_free(struct qkdtls_schedule *schedule); /* wipes; NULL does nothing */
enum qkdtls_hash qkdtls_schedule_hash(const struct qkdtls_schedule *schedule);

/* The PSK as it is (external); NULL and 0: none */
int qkdtls_schedule_early(struct qkdtls_schedule *schedule, const uint8_t *psk, size_t len);

/*
 * The PSK imported by RFC 9258: @epsk of hash @epsk_hash, the whole serialised ImportedIdentity,
 * whose target_kdf is that of this schedule's hash (not checked here).
 */
int qkdtls_schedule_import(struct qkdtls_schedule *schedule, enum qkdtls_hash epsk_hash,
			   const uint8_t *epsk, size_t epsk_len, const uint8_t *identity,
			   size_t identity_len);

/*
 * A schedule that is elsewhere (struct qkdtls_seal_ops): this one asks it, and has itself no more than the handshake
 * traffic secrets. What would show another secret answers -EPERM: traffic_key and reveal of the application epoch.
 */
int qkdtls_schedule_seal(struct qkdtls_schedule *schedule, struct qkdtls_seal *seal);

/*
 * The end of one that is elsewhere, and complete: for update and export. Takes its own reference of @seal. 0, -ENOMEM, -EIO
 */
int qkdtls_schedule_resume(struct qkdtls_schedule **schedule, enum qkdtls_hash hash,
			   struct qkdtls_seal *seal);

/* NULL: it is not sealed. */
struct qkdtls_seal *qkdtls_schedule_sealed_by(const struct qkdtls_schedule *schedule);

/* The binder (hash_len bytes) over qkdtls_transcript_binder(); after early or import with a PSK
 * only */
int qkdtls_schedule_binder(struct qkdtls_schedule *schedule, enum qkdtls_binder label,
			   const uint8_t *transcript_hash, uint8_t *binder);

/* The same as a server: in constant time; -EBADMSG if it is wrong or its length is */
int qkdtls_schedule_check_binder(struct qkdtls_schedule *schedule, enum qkdtls_binder label,
				 const uint8_t *transcript_hash, const uint8_t *binder, size_t len);

/* Before handshake: the suite, which a sealed schedule wants to know */
void qkdtls_schedule_suite(struct qkdtls_schedule *schedule, const struct qkdtls_suite *suite);

/* @transcript_hash: up to and with ServerHello; then the handshake epoch has its keys. */
int qkdtls_schedule_handshake(struct qkdtls_schedule *schedule, const uint8_t *kex_secret,
			      size_t len, const uint8_t *transcript_hash);

/* @transcript_hash: up to and with the server's Finished; then application epoch and exporter have
 * theirs */
int qkdtls_schedule_application(struct qkdtls_schedule *schedule, const uint8_t *transcript_hash);

/* Both Finished are done: wipes what only the handshake needed. */
int qkdtls_schedule_complete(struct qkdtls_schedule *schedule);

/* Finished's MAC (hash_len bytes) of the side @sender; from handshake on, before complete */
int qkdtls_schedule_finished(const struct qkdtls_schedule *schedule, enum qkdtls_role sender,
			     const uint8_t *transcript_hash, uint8_t *mac);
/* In constant time; -EBADMSG if it is wrong or its length is */
int qkdtls_schedule_check_finished(const struct qkdtls_schedule *schedule, enum qkdtls_role sender,
				   const uint8_t *transcript_hash, const uint8_t *mac, size_t len);

/* The key with which @sender protects records; number 0. @suite's hash must be the schedule's. */
int qkdtls_schedule_traffic_key(const struct qkdtls_schedule *schedule, enum qkdtls_epoch epoch,
				enum qkdtls_role sender, const struct qkdtls_suite *suite,
				struct qkdtls_traffic_key *key);

/* KeyUpdate: @sender's application secret becomes the next; only when complete */
int qkdtls_schedule_update(struct qkdtls_schedule *schedule, enum qkdtls_role sender);

/*
 * The traffic keys have gone to somebody else: wipes the application secrets, from which they could be
 * made again. Only the exporter is left; only when complete
 */
int qkdtls_schedule_hand_over(struct qkdtls_schedule *schedule);

/* Exporter (RFC 9846 section 7.5); only when complete or handed over. NULL @context is an empty one. */
int qkdtls_schedule_export(const struct qkdtls_schedule *schedule, const char *label,
			   const uint8_t *context, size_t context_len, uint8_t *out,
			   size_t out_len);

/*
 * For a key log and for tests: @sender's traffic secret of an epoch, or the exporter secret
 * (hash_len bytes), while the schedule has it.
 */
int qkdtls_schedule_reveal(const struct qkdtls_schedule *schedule, enum qkdtls_epoch epoch,
			   enum qkdtls_role sender, uint8_t *secret);
int qkdtls_schedule_reveal_exporter(const struct qkdtls_schedule *schedule, uint8_t *secret);

#endif /* QKDTLS_SCHEDULE_H */
