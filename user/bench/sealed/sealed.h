/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What it costs that the kernel has the key schedule, and that keys change */
#ifndef QKD_BENCH_SEALED_H
#define QKD_BENCH_SEALED_H

#include "bench/bench.h"

/* ---- handshake.c ---- */

/* false: one failed */
bool sealed_handshakes(const struct bench_files *files, const struct bench_rounds *rounds);

/* ---- stream.c ---- */

/* Throughput with keys that change, and how many can in a second */
bool sealed_streams(const struct bench_files *files, const struct bench_rounds *handshakes);

/* ---- main.c ---- */

/* A connection over loopback, whose ends do not block, by role of the engine's ends */
bool sealed_sockets(int fd[2]);
void sealed_sockets_close(const int fd[2]);

#endif /* QKD_BENCH_SEALED_H */
