/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libcurl and OpenSSL receive keys into buffers that they free unwiped, or keep for the next: records, decrypted in
 * place, and what was read of an answer. Both let a program bring its own allocator, and this one wipes whatever is given
 * back; and OpenSSL cleanses a record that has been read, if it is asked to.
 */
#ifndef QKDKMED_WIPING_H
#define QKDKMED_WIPING_H

#include <curl/curl.h>

/* Before anything else of either library. 0 or a negative errno. */
int wiping_init(void);

/* For CURLOPT_SSL_CTX_FUNCTION */
CURLcode wiping_ssl_ctx(CURL *easy, void *ssl_ctx, void *arg);

#endif /* QKDKMED_WIPING_H */
