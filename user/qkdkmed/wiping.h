/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libcurl and OpenSSL receive keys into buffers that they free unwiped: records, decrypted in place, and what was read of
 * an answer. Both let a program bring its own allocator, and this one wipes whatever is given back.
 */
#ifndef QKDKMED_WIPING_H
#define QKDKMED_WIPING_H

/* Before anything else of either library. 0 or a negative errno. */
int wiping_init(void);

#endif /* QKDKMED_WIPING_H */
