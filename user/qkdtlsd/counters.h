/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The numbers of each service since the start, in memory that all processes of the daemon share: workers count, the master
 * tells. They outlive workers and configurations. A worker that was taken over can falsify them, and nothing else there.
 */
#ifndef QKDTLSD_COUNTERS_H
#define QKDTLSD_COUNTERS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Workers at a time, those included that only finish what they have */
#define WORKERS_MAX 256

#define COUNTED_SERVICES_MAX 256

/* Why a connection ended; the words are in report.c and qkdtlsd(8). */
enum end_reason {
	END_CLOSED,
	END_HANDED_OVER,
	END_BUSY,
	END_HANDSHAKES,
	END_SOURCE,
	END_BAD_REQUEST,
	END_CONNECT,
	END_TIMEOUT,
	END_NO_LINK,
	END_NO_KEY,
	END_KEY_REJECTED,
	END_CERTIFICATE,
	END_PROTOCOL,
	END_PEER_ALERT,
	END_RESET,
	END_TRUNCATED,
	END_IDLE,
	END_BYTES,
	END_KEY_UPDATE,
	END_RECORD_LIMIT,
	END_KTLS,
	END_STOPPED,
	END_INTERNAL,
	END_REASONS,
};

/**
 * struct counters - numbers of one service
 * @accepted: connections that came in
 * @keyed: established with a QKD key
 * @fallback: established without one, under policy "prefer"
 * @ends: ended connections by reason
 * @open: connections now, by worker: what a worker that died leaves, the master clears
 * @handshakes: of these, those in their handshake
 */
struct counters {
	_Atomic uint64_t accepted;
	_Atomic uint64_t keyed;
	_Atomic uint64_t fallback;
	_Atomic uint64_t ends[END_REASONS];
	_Atomic uint32_t open[WORKERS_MAX];
	_Atomic uint32_t handshakes[WORKERS_MAX];
};

/* Before any process is forked: 0 or a negative errno */
int counters_init(void);

/* Those of the service @name, which begin with zeros. NULL: as many services as there may be. Master only */
struct counters *counters_of(const char *name);

uint32_t counters_place(const struct counters *counters); /* which of the services', from 0 */

uint32_t counters_open(const struct counters *counters);
uint32_t counters_handshakes(const struct counters *counters);

/* false: some process of the daemon has asked before, and has warned of records of its own. */
bool counters_warn_own_records(void);

/* @worker is no more. Master only */
void counters_forget(unsigned int worker);

#endif /* QKDTLSD_COUNTERS_H */
