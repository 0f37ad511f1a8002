/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the engine can negotiate, as constant tables: cipher suites, groups, signature schemes.
 * A new one is a new row.
 */
#ifndef QKDTLS_SUITE_H
#define QKDTLS_SUITE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include "tls/crypto_aead.h"
#include "tls/crypto_hash.h"

/**
 * struct qkdtls_suite - a cipher suite
 * @number: IANA number
 * @name: IANA name
 * @hash: of transcript and key schedule
 * @aead: of the records
 * @record_limit: records that may be sent under one key
 */
struct qkdtls_suite {
	uint16_t number;
	const char *name;
	enum qkdtls_hash hash;
	enum qkdtls_aead aead;
	uint64_t record_limit;
};

struct qkdtls_kex_part;

#define QKDTLS_KEX_PARTS_MAX  2
#define QKDTLS_KEX_SHARE_MAX  1665 /* SecP384r1MLKEM1024 */
#define QKDTLS_KEX_SECRET_MAX 80

/**
 * struct qkdtls_group - a key-exchange group
 * @number: IANA number
 * @name: IANA name
 * @hybrid: has a post-quantum part
 * @client_share: bytes of the client's key_exchange
 * @server_share: bytes of the server's
 * @secret: bytes of the shared secret
 * @parts: its one or two algorithms in the order of their bytes
 */
struct qkdtls_group {
	uint16_t number;
	const char *name;
	bool hybrid;
	size_t client_share;
	size_t server_share;
	size_t secret;
	const struct qkdtls_kex_part *parts[QKDTLS_KEX_PARTS_MAX];
};

/**
 * struct qkdtls_scheme - a signature scheme
 * @number: IANA number
 * @name: IANA name
 * @key_type: libcrypto's name of the key type
 * @curve: of an EC key, or NULL
 * @digest: libcrypto's name, or NULL if the algorithm has its own
 * @pss: RSASSA-PSS, with MGF1 and a salt as long as the digest
 * @x509: libcrypto's name of the algorithm in the signature of a certificate
 * @chain_only: for certificates alone, never for CertificateVerify
 */
struct qkdtls_scheme {
	uint16_t number;
	const char *name;
	const char *key_type;
	const char *curve;
	const char *digest;
	bool pss;
	const char *x509;
	bool chain_only;
};

#define QKDTLS_LIST_MAX 16
#define QKDTLS_NAME_MAX 64

/* In order of preference, no item twice */
struct qkdtls_suite_list {
	const struct qkdtls_suite *item[QKDTLS_LIST_MAX];
	size_t count;
};

struct qkdtls_group_list {
	const struct qkdtls_group *item[QKDTLS_LIST_MAX];
	size_t count;
};

struct qkdtls_scheme_list {
	const struct qkdtls_scheme *item[QKDTLS_LIST_MAX];
	size_t count;
};

/* NULL: none of ours */
const struct qkdtls_suite *qkdtls_suite_find(uint16_t number);
const struct qkdtls_group *qkdtls_group_find(uint16_t number);
const struct qkdtls_scheme *qkdtls_scheme_find(uint16_t number);

/* Does this libcrypto have it? */
bool qkdtls_suite_available(const struct qkdtls_suite *suite);
bool qkdtls_group_available(const struct qkdtls_group *group);
bool qkdtls_scheme_available(const struct qkdtls_scheme *scheme);

/*
 * Names separated by colons, ASCII case ignored. -EINVAL: unknown, doubled or empty; -EOPNOTSUPP:
 * not in this libcrypto; -EPERM: a group without post-quantum part and not @allow_classical. @bad
 * then has the name at fault (cut to its size), and the list is empty.
 */
int qkdtls_suite_list_parse(struct qkdtls_suite_list *list, const char *names,
			    char bad[QKDTLS_NAME_MAX]);
int qkdtls_group_list_parse(struct qkdtls_group_list *list, const char *names, bool allow_classical,
			    char bad[QKDTLS_NAME_MAX]);
/* @chain: for the signatures of certificates; otherwise names of chain-only schemes are unknown */
int qkdtls_scheme_list_parse(struct qkdtls_scheme_list *list, const char *names, bool chain,
			     char bad[QKDTLS_NAME_MAX]);

/*
 * The defaults, as far as this libcrypto has them (an empty list is possible): every suite; every group
 * with a post-quantum part; every signature scheme but the chain-only ones.
 */
void qkdtls_suite_list_default(struct qkdtls_suite_list *list);
void qkdtls_group_list_default(struct qkdtls_group_list *list);
void qkdtls_scheme_list_default(struct qkdtls_scheme_list *list);

/* The item of this number, or NULL */
const struct qkdtls_suite *qkdtls_suite_list_find(const struct qkdtls_suite_list *list,
						  uint16_t number);
const struct qkdtls_group *qkdtls_group_list_find(const struct qkdtls_group_list *list,
						  uint16_t number);
const struct qkdtls_scheme *qkdtls_scheme_list_find(const struct qkdtls_scheme_list *list,
						    uint16_t number);

#endif /* QKDTLS_SUITE_H */
