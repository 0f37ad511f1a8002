/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef _QKDTLS_CLIENT_H
#define _QKDTLS_CLIENT_H

#include "qkdtls/endpoint.h"

/* The exit status */
int client_run(struct endpoint *endpoint, int stop_fd);

#endif /* _QKDTLS_CLIENT_H */
