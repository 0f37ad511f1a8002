/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Two TCP sockets that are each other's peer, over loopback: what the kernel's TLS wants, which has none for others */
#ifndef _QKD_SELFTESTS_TCP_PAIR_H
#define _QKD_SELFTESTS_TCP_PAIR_H

/* Both block. For cmocka: what fails fails the test. */
void tcp_pair(int fd[2]);

#endif /* _QKD_SELFTESTS_TCP_PAIR_H */
