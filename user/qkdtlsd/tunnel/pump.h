/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Moves bytes both ways between a TLS socket and a plain one after the handshake. Half-close is kept:
 * the end of one side's stream becomes a close_notify or a FIN on the other, and the other direction goes
 * on. An end that is not orderly is never passed on as an orderly one.
 *
 * Two mechanisms behind one state machine: the kernel's TLS with splice(), or the engine's own records.
 */
#ifndef QKDTLSD_PUMP_H
#define QKDTLSD_PUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <qkd/qkdtls.h>

#include "qkdtlsd/tunnel/pump_spare.h"

/* Bytes that one direction holds at most with the engine's own records */
#define PUMP_BUFFER_SIZE 16384

enum pump_side {
	PUMP_TLS,
	PUMP_PLAIN,
};

enum pump_records {
	PUMP_KERNEL,
	PUMP_OWN,
};

enum pump_end {
	PUMP_RUNNING,
	PUMP_CLOSED, /* both streams ended in order */
	PUMP_TRUNCATED, /* the TLS side ended without close_notify */
	PUMP_FAILED, /* an alert came, or the engine found fault: qkdtls_error() */
	PUMP_KEY_UPDATE, /* the peer changed its key, which this kernel cannot follow */
	PUMP_LIMIT, /* a key is worn out, which this kernel cannot change */
	PUMP_TLS_ERROR, /* error of the TLS socket: pump.error */
	PUMP_PLAIN_ERROR, /* error of the plain socket: pump.error */
};

enum flow_state {
	FLOW_FILL, /* wants to read from its source */
	FLOW_DRAIN, /* holds bytes for its destination */
	FLOW_FINISH, /* the source has ended; the destination is to be told */
	FLOW_DONE,
};

struct pump;

/*
 * fill: bytes now held, 0 at an orderly end of the source; may set flow.dry or .untold. drain: bytes that went; finish: 0 when done.
 * All: -EAGAIN to be called again when the socket is ready, or another negative errno, before which a
 * protocol failure has been recorded in pump.end.
 */
struct flow_ops {
	ssize_t (*fill)(struct pump *pump);
	ssize_t (*drain)(struct pump *pump);
	int (*finish)(struct pump *pump);
};

/**
 * struct flow - one direction; part of its pump
 * @ops: how it moves
 * @from: side that it reads
 * @state: what it does next
 * @held: bytes read and not yet written
 * @offset: where they start in @buffer (own records)
 * @used: bytes of @buffer that have been filled since it was taken
 * @bytes: written so far
 * @dry: its source had no more when it was last read
 * @untold: its source has more, of which no event tells
 * @asleep: it can do nothing before its socket says that it is ready
 * @starved: there is neither pipe nor buffer for it: it can do nothing before pump_feed()
 * @pipe: where the bytes are held (kernel), or none: there are none, and nothing moves
 * @buffer: where they are held (own records), or NULL: as with @pipe
 */
struct flow {
	const struct flow_ops *ops;
	enum pump_side from;
	enum flow_state state;
	size_t held;
	size_t offset;
	size_t used;
	uint64_t bytes;
	bool dry;
	bool untold;
	bool asleep;
	bool starved;
	struct pump_pipe pipe;
	uint8_t *buffer;
};

/**
 * struct pump - a pair of flows; owns its pipes and buffers, borrows sockets and connection
 * @fd: both sockets, non-blocking, by enum pump_side
 * @conn: the engine's connection, after its handshake
 * @records: who protects the records
 * @out: plain to TLS
 * @in: TLS to plain
 * @end: why it ended
 * @error: errno that goes with it
 */
struct pump {
	int fd[2];
	struct qkdtls_conn *conn;
	enum pump_records records;
	struct flow out;
	struct flow in;
	enum pump_end end;
	int error;
};

extern const struct flow_ops pump_kernel_out, pump_kernel_in;
extern const struct flow_ops pump_own_out, pump_own_in;

void pump_init(struct pump *pump, struct qkdtls_conn *conn, int tls, int plain,
	       enum pump_records records);
void pump_release(struct pump *pump);

/* What pump_interest() said of this side holds, or the side has broken down. */
void pump_wake(struct pump *pump, enum pump_side side);

/*
 * Moves what can be moved now, within a bound that keeps one connection from starving others. Call it
 * again when pump_interest() of either side holds, behind pump_wake().
 */
enum pump_end pump_step(struct pump *pump);

/*
 * True if a direction found neither pipe nor buffer, which is the process's or the machine's want: it waits for
 * pump_feed(), some time later, whatever its socket says.
 */
bool pump_is_starved(const struct pump *pump);
void pump_feed(struct pump *pump);

/* EPOLLIN and EPOLLOUT as the pump needs them of this side; 0: none */
uint32_t pump_interest(const struct pump *pump, enum pump_side side);

/* For the mechanisms: what one of the engine's calls has come to. If it ended the connection, pump.end is set. */
ssize_t pump_tls(struct pump *pump, ssize_t result);

/* Ends of both mechanisms' flows: flow_ops.finish */
int pump_tls_finish(struct pump *pump);
int pump_plain_finish(struct pump *pump);

#endif /* QKDTLSD_PUMP_H */
