/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef _QKDTLS_SERVER_H
#define _QKDTLS_SERVER_H

#include "qkdtls/endpoint.h"

/* The exit status */
int server_run(struct endpoint *endpoint, int stop_fd);

#endif /* _QKDTLS_SERVER_H */
