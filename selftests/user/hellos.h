/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tables of bad hellos: what is changed, and what comes of it */
#ifndef _QKD_SELFTESTS_HELLOS_H
#define _QKD_SELFTESTS_HELLOS_H

#include "forge.h"
#include "loopback.h"

#define ALERT(name) QKDTLS_ALERT_##name
#define CHANGES_MAX 4

/* Extensions by number */
#define SNI	  0
#define STATUS	  5
#define GROUPS	  10
#define SIGALGS	  13
#define PADDING	  21
#define BOTH	  33
#define PSK	  41
#define EARLY	  42
#define VERSIONS  43
#define COOKIE	  44
#define MODES	  45
#define CHAINALGS 50
#define SHARE	  51
#define UNKNOWN	  0x2a2a

struct bad_hello {
	const char *what;
	enum qkdtls_alert alert;
	struct forge change[CHANGES_MAX];
};

/* Of a client */
#define SESSION_ID_AT	34
#define COMPRESSION_LEN 2
#define SUITES_LEN	8 /* three, with their length */

/* The client's first, which nobody has seen yet */
void take_client_hello(const struct loopback *lb, struct forged_message *hello);

/* What comes of a hello at the server, its binders made right, and that it touched no key that it did not use */
void judge_client_hello(struct loopback *lb, struct forged_message *hello,
			const struct bad_hello *bad);

void assert_alert(const struct qkdtls_conn *conn, const char *what, enum qkdtls_alert alert);

#endif /* _QKD_SELFTESTS_HELLOS_H */
