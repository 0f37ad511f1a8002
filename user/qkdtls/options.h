/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The command line, checked: what points into it lives as long as argv. */
#ifndef _QKDTLS_OPTIONS_H
#define _QKDTLS_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>
#include <qkd/qkdtls.h>

#include "common/address.h"

enum records {
	RECORDS_AUTO,
	RECORDS_KERNEL,
	RECORDS_OWN,
};

enum psk_mode {
	PSK_MODE_DEFAULT,
	PSK_MODE_IMPORTED,
	PSK_MODE_EXTERNAL,
};

struct options {
	enum qkdtls_role role;
	struct address address;
	/* where the key comes from: one of these, or none under prefer */
	const char *link;
	const char *keys;
	const char *psk_file;
	const char *psk_identity;
	enum psk_mode psk_mode; /* never PSK_MODE_DEFAULT once parsed */
	bool psk_sha384;
	const char *local_sae;
	const char *peer_sae;
	/* who the ends are */
	const char *cert;
	const char *key;
	const char *ca;
	const char *crl;
	const char *ocsp_staple;
	bool ocsp_required;
	const char *name;
	bool verify_client;
	/* what is negotiated */
	enum qkdtls_policy policy;
	const char *groups;
	const char *ciphers;
	const char *signatures;
	const char *chain_signatures;
	bool allow_classical;
	const char *alpn;
	uint64_t record_size_limit; /* these four: 0 if they are not given */
	uint64_t key_records;
	uint64_t key_bytes;
	uint64_t key_seconds;
	bool spare_key;
	/* how it runs */
	enum records records;
	uint32_t timeout_s;
	const char *keylog;
	bool echo;
	bool once;
};

enum options_result {
	OPTIONS_RUN,
	OPTIONS_ANSWERED, /* --help, --version */
	OPTIONS_USAGE, /* wrong; standard error says what */
};

enum options_result options_parse(int argc, char **argv, struct options *options);

#endif /* _QKDTLS_OPTIONS_H */
