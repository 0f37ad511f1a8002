/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A key schedule that is the source's, played by the engine's own: tests of the engine run over it if QKDTLS_TEST_SEALED is
 * set. Unlike the kernel it gives traffic keys away, so that records can be read.
 */
#ifndef _QKD_SELFTESTS_PLAYED_SEAL_H
#define _QKD_SELFTESTS_PLAYED_SEAL_H

#include "loopback.h"

/* Makes @psk, a key of @ring that was found or taken, a sealed one. */
void played_seal(struct keyring *ring, bool server, struct qkdtls_psk *psk);

#endif /* _QKD_SELFTESTS_PLAYED_SEAL_H */
