/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A handshake on a socket of the kernel's, on its way from the agent (agent.h), which may speak with the kernel, to a worker,
 * which may read what strangers send, and back. Each worker has a socket of type SOCK_SEQPACKET for them; with a job come two
 * descriptors, the kernel's socket and one for the result: it is closed without one if the worker dies.
 */
#ifndef QKDTLSD_JOB_H
#define QKDTLSD_JOB_H

#include <stddef.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "qkdtlsd/service.h"

/* As much as a Certificate message may have */
#define JOB_CERTIFICATE_MAX 65536

struct job {
	uint32_t service; /* its place in the configuration, from 0 */
	uint32_t timeout_ms;
};

struct job_result {
	int32_t error; /* 0, and the kernel protects the socket's records; or a negative errno for upcall_done() */
	uint16_t suite;
	uint16_t unused; /* 0 */
	uint8_t certificate
		[JOB_CERTIFICATE_MAX]; /* of the peer, DER; as much as was sent, which may be nothing */
};

#define JOB_RESULT_HEAD offsetof(struct job_result, certificate)

/* ---- The agent's side ---- */

/*
 * Gives a job about the socket @fd, which stays the caller's, to the worker behind @worker. The descriptor at which the result
 * will come, or a negative errno: -EAGAIN, the worker has enough to do.
 */
int job_give(int worker, const struct job *job, int fd);

/* The result at @reply, which has @certificate_len bytes of a certificate: 0; -EAGAIN; -EPIPE: none will come; -EBADMSG */
int job_take_result(int reply, struct job_result *result, size_t *certificate_len);

/* ---- The worker's side ---- */

/**
 * struct jobs - where a worker's jobs come from
 * @fd: the socket, or -1
 * @io: its event source
 * @services: whom they are for
 */
struct jobs {
	int fd;
	sd_event_source *io;
	struct service *services;
};

/* Takes @fd, or -1: there are no jobs. 0 or a negative errno */
int jobs_begin(struct jobs *jobs, int fd, struct service *services, sd_event *event);

/* Begins with those that have been given and takes no more. */
void jobs_end(struct jobs *jobs);

#endif /* QKDTLSD_JOB_H */
