// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <string.h>
#include <strings.h>
#include "qkd/qkdtls.h"
#include "tls/crypto_kex.h"
#include "tls/crypto_lib.h"
#include "tls/suite.h"

#define ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))

/*
 * RFC 9846 section 5.5 allows 2^24.5 full records of AES-GCM; one power below leaves room to change keys.
 * ChaCha20-Poly1305 has no such limit, but a key for ever is no good either.
 */
#define GCM_RECORD_LIMIT (UINT64_C(1) << 24)

/* Each table is in our order of preference. */
static const struct qkdtls_suite suites[] = {
	{ QKDTLS_AES_256_GCM_SHA384, "TLS_AES_256_GCM_SHA384", QKDTLS_SHA384, QKDTLS_AES_256_GCM,
	  GCM_RECORD_LIMIT },
	{ QKDTLS_AES_128_GCM_SHA256, "TLS_AES_128_GCM_SHA256", QKDTLS_SHA256, QKDTLS_AES_128_GCM,
	  GCM_RECORD_LIMIT },
	{ QKDTLS_CHACHA20_POLY1305_SHA256, "TLS_CHACHA20_POLY1305_SHA256", QKDTLS_SHA256,
	  QKDTLS_CHACHA20_POLY1305, GCM_RECORD_LIMIT },
};

static const struct qkdtls_group groups[] = {
	{
		.number = QKDTLS_GROUP_X25519MLKEM768,
		.name = "X25519MLKEM768",
		.hybrid = true,
		.client_share = 1184 + 32,
		.server_share = 1088 + 32,
		.secret = 32 + 32,
		.parts = { &qkdtls_part_mlkem768, &qkdtls_part_x25519 },
	},
	{
		.number = QKDTLS_GROUP_SECP384R1MLKEM1024,
		.name = "SecP384r1MLKEM1024",
		.hybrid = true,
		.client_share = 97 + 1568,
		.server_share = 97 + 1568,
		.secret = 48 + 32,
		.parts = { &qkdtls_part_p384, &qkdtls_part_mlkem1024 },
	},
	{
		.number = QKDTLS_GROUP_SECP256R1MLKEM768,
		.name = "SecP256r1MLKEM768",
		.hybrid = true,
		.client_share = 65 + 1184,
		.server_share = 65 + 1088,
		.secret = 32 + 32,
		.parts = { &qkdtls_part_p256, &qkdtls_part_mlkem768 },
	},
	{
		.number = QKDTLS_GROUP_X25519,
		.name = "x25519",
		.client_share = 32,
		.server_share = 32,
		.secret = 32,
		.parts = { &qkdtls_part_x25519 },
	},
	{
		.number = QKDTLS_GROUP_SECP256R1,
		.name = "secp256r1",
		.client_share = 65,
		.server_share = 65,
		.secret = 32,
		.parts = { &qkdtls_part_p256 },
	},
	{
		.number = QKDTLS_GROUP_SECP384R1,
		.name = "secp384r1",
		.client_share = 97,
		.server_share = 97,
		.secret = 48,
		.parts = { &qkdtls_part_p384 },
	},
};

static const struct qkdtls_scheme schemes[] = {
	{
		.number = QKDTLS_SIG_MLDSA65,
		.name = "mldsa65",
		.key_type = "ML-DSA-65",
		.x509 = "ML-DSA-65",
	},
	{
		.number = QKDTLS_SIG_MLDSA87,
		.name = "mldsa87",
		.key_type = "ML-DSA-87",
		.x509 = "ML-DSA-87",
	},
	{
		.number = QKDTLS_SIG_MLDSA44,
		.name = "mldsa44",
		.key_type = "ML-DSA-44",
		.x509 = "ML-DSA-44",
	},
	{
		.number = QKDTLS_SIG_ECDSA_P256_SHA256,
		.name = "ecdsa_secp256r1_sha256",
		.key_type = "EC",
		.curve = "prime256v1",
		.digest = "SHA2-256",
		.x509 = "ecdsa-with-SHA256",
	},
	{
		.number = QKDTLS_SIG_ECDSA_P384_SHA384,
		.name = "ecdsa_secp384r1_sha384",
		.key_type = "EC",
		.curve = "secp384r1",
		.digest = "SHA2-384",
		.x509 = "ecdsa-with-SHA384",
	},
	{
		.number = QKDTLS_SIG_ED25519,
		.name = "ed25519",
		.key_type = "ED25519",
		.x509 = "ED25519",
	},
	{
		.number = QKDTLS_SIG_RSA_PSS_RSAE_SHA256,
		.name = "rsa_pss_rsae_sha256",
		.key_type = "RSA",
		.digest = "SHA2-256",
		.pss = true,
		.x509 = "RSASSA-PSS",
	},
	{
		.number = QKDTLS_SIG_RSA_PSS_RSAE_SHA384,
		.name = "rsa_pss_rsae_sha384",
		.key_type = "RSA",
		.digest = "SHA2-384",
		.pss = true,
		.x509 = "RSASSA-PSS",
	},
	{
		.number = QKDTLS_SIG_RSA_PSS_RSAE_SHA512,
		.name = "rsa_pss_rsae_sha512",
		.key_type = "RSA",
		.digest = "SHA2-512",
		.pss = true,
		.x509 = "RSASSA-PSS",
	},
	{
		.number = QKDTLS_SIG_RSA_PKCS1_SHA256,
		.name = "rsa_pkcs1_sha256",
		.key_type = "RSA",
		.digest = "SHA2-256",
		.x509 = "RSA-SHA256",
		.chain_only = true,
	},
	{
		.number = QKDTLS_SIG_RSA_PKCS1_SHA384,
		.name = "rsa_pkcs1_sha384",
		.key_type = "RSA",
		.digest = "SHA2-384",
		.x509 = "RSA-SHA384",
		.chain_only = true,
	},
	{
		.number = QKDTLS_SIG_RSA_PKCS1_SHA512,
		.name = "rsa_pkcs1_sha512",
		.key_type = "RSA",
		.digest = "SHA2-512",
		.x509 = "RSA-SHA512",
		.chain_only = true,
	},
};

_Static_assert(ARRAY_SIZE(suites) <= QKDTLS_LIST_MAX && ARRAY_SIZE(groups) <= QKDTLS_LIST_MAX &&
		       ARRAY_SIZE(schemes) <= QKDTLS_LIST_MAX,
	       "a list holds a whole table");

const struct qkdtls_suite *qkdtls_suite_find(uint16_t number)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(suites); i++) {
		if (suites[i].number == number)
			return &suites[i];
	}
	return NULL;
}

const struct qkdtls_group *qkdtls_group_find(uint16_t number)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(groups); i++) {
		if (groups[i].number == number)
			return &groups[i];
	}
	return NULL;
}

const struct qkdtls_scheme *qkdtls_scheme_find(uint16_t number)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(schemes); i++) {
		if (schemes[i].number == number)
			return &schemes[i];
	}
	return NULL;
}

const char *qkdtls_suite_name(uint16_t number)
{
	const struct qkdtls_suite *suite = qkdtls_suite_find(number);

	return suite ? suite->name : "unknown";
}

const char *qkdtls_group_name(uint16_t number)
{
	const struct qkdtls_group *group = qkdtls_group_find(number);

	return group ? group->name : "unknown";
}

const char *qkdtls_signature_name(uint16_t number)
{
	const struct qkdtls_scheme *scheme = qkdtls_scheme_find(number);

	return scheme ? scheme->name : "unknown";
}

bool qkdtls_suite_available(const struct qkdtls_suite *suite)
{
	return qkdtls_lib_md(suite->hash) && qkdtls_aead_available(suite->aead);
}

bool qkdtls_group_available(const struct qkdtls_group *group)
{
	size_t i;

	for (i = 0; i < QKDTLS_KEX_PARTS_MAX && group->parts[i]; i++) {
		if (!qkdtls_lib_has_key_type(group->parts[i]->key_type))
			return false;
	}
	return true;
}

bool qkdtls_scheme_available(const struct qkdtls_scheme *scheme)
{
	return qkdtls_lib_has_key_type(scheme->key_type);
}

/* ---- Lists of names ---- */

/* What a table must show to have its names looked up */
struct names {
	size_t count;
	const char *(*name)(size_t i);
	bool (*available)(size_t i);
};

static const char *suite_row_name(size_t i)
{
	return suites[i].name;
}

static bool suite_row_available(size_t i)
{
	return qkdtls_suite_available(&suites[i]);
}

static const char *group_row_name(size_t i)
{
	return groups[i].name;
}

static bool group_row_available(size_t i)
{
	return qkdtls_group_available(&groups[i]);
}

static const char *scheme_row_name(size_t i)
{
	return schemes[i].name;
}

static bool scheme_row_available(size_t i)
{
	return qkdtls_scheme_available(&schemes[i]);
}

static const struct names suite_names = { ARRAY_SIZE(suites), suite_row_name, suite_row_available };
static const struct names group_names = { ARRAY_SIZE(groups), group_row_name, group_row_available };
/* The rows that are for chains only come last in their table. */
#define SCHEME_CHAIN_ROWS 3

static const struct names scheme_names = { ARRAY_SIZE(schemes) - SCHEME_CHAIN_ROWS, scheme_row_name,
					   scheme_row_available };
static const struct names chain_scheme_names = { ARRAY_SIZE(schemes), scheme_row_name,
						 scheme_row_available };

static void copy_name(char bad[QKDTLS_NAME_MAX], const char *name, size_t len)
{
	if (len > QKDTLS_NAME_MAX - 1)
		len = QKDTLS_NAME_MAX - 1;
	memcpy(bad, name, len);
	bad[len] = '\0';
}

static size_t find_row(const struct names *table, const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < table->count; i++) {
		if (strlen(table->name(i)) == len && !strncasecmp(table->name(i), name, len))
			break;
	}
	return i;
}

static bool has_row(const size_t *rows, size_t count, size_t row)
{
	while (count--) {
		if (rows[count] == row)
			return true;
	}
	return false;
}

/* The rows that @text names, in its order; their number, or a negative errno with @bad */
static int parse_names(const struct names *table, const char *text, size_t rows[QKDTLS_LIST_MAX],
		       char bad[QKDTLS_NAME_MAX])
{
	size_t count = 0, len, row;

	for (;; text += len + 1) {
		len = strcspn(text, ":");
		copy_name(bad, text, len);
		row = find_row(table, text, len);
		if (row == table->count || has_row(rows, count, row))
			return -EINVAL;
		if (!table->available(row))
			return -EOPNOTSUPP;
		rows[count++] = row;
		if (!text[len])
			break;
	}
	bad[0] = '\0';
	return (int)count;
}

int qkdtls_suite_list_parse(struct qkdtls_suite_list *list, const char *names,
			    char bad[QKDTLS_NAME_MAX])
{
	size_t rows[QKDTLS_LIST_MAX];
	int count, i;

	list->count = 0;
	count = parse_names(&suite_names, names, rows, bad);
	if (count < 0)
		return count;
	for (i = 0; i < count; i++)
		list->item[list->count++] = &suites[rows[i]];
	return 0;
}

int qkdtls_group_list_parse(struct qkdtls_group_list *list, const char *names, bool allow_classical,
			    char bad[QKDTLS_NAME_MAX])
{
	size_t rows[QKDTLS_LIST_MAX];
	int count, i;

	list->count = 0;
	count = parse_names(&group_names, names, rows, bad);
	if (count < 0)
		return count;
	for (i = 0; i < count; i++) {
		if (!groups[rows[i]].hybrid && !allow_classical) {
			copy_name(bad, groups[rows[i]].name, strlen(groups[rows[i]].name));
			list->count = 0;
			return -EPERM;
		}
		list->item[list->count++] = &groups[rows[i]];
	}
	return 0;
}

int qkdtls_scheme_list_parse(struct qkdtls_scheme_list *list, const char *names, bool chain,
			     char bad[QKDTLS_NAME_MAX])
{
	size_t rows[QKDTLS_LIST_MAX];
	int count, i;

	list->count = 0;
	count = parse_names(chain ? &chain_scheme_names : &scheme_names, names, rows, bad);
	if (count < 0)
		return count;
	for (i = 0; i < count; i++)
		list->item[list->count++] = &schemes[rows[i]];
	return 0;
}

void qkdtls_suite_list_default(struct qkdtls_suite_list *list)
{
	size_t i;

	list->count = 0;
	for (i = 0; i < ARRAY_SIZE(suites); i++) {
		if (qkdtls_suite_available(&suites[i]))
			list->item[list->count++] = &suites[i];
	}
}

void qkdtls_group_list_default(struct qkdtls_group_list *list)
{
	size_t i;

	list->count = 0;
	for (i = 0; i < ARRAY_SIZE(groups); i++) {
		if (groups[i].hybrid && qkdtls_group_available(&groups[i]))
			list->item[list->count++] = &groups[i];
	}
}

void qkdtls_scheme_list_default(struct qkdtls_scheme_list *list)
{
	size_t i;

	list->count = 0;
	for (i = 0; i < ARRAY_SIZE(schemes); i++) {
		if (!schemes[i].chain_only && qkdtls_scheme_available(&schemes[i]))
			list->item[list->count++] = &schemes[i];
	}
}

const struct qkdtls_suite *qkdtls_suite_list_find(const struct qkdtls_suite_list *list,
						  uint16_t number)
{
	size_t i;

	for (i = 0; i < list->count; i++) {
		if (list->item[i]->number == number)
			return list->item[i];
	}
	return NULL;
}

const struct qkdtls_group *qkdtls_group_list_find(const struct qkdtls_group_list *list,
						  uint16_t number)
{
	size_t i;

	for (i = 0; i < list->count; i++) {
		if (list->item[i]->number == number)
			return list->item[i];
	}
	return NULL;
}

const struct qkdtls_scheme *qkdtls_scheme_list_find(const struct qkdtls_scheme_list *list,
						    uint16_t number)
{
	size_t i;

	for (i = 0; i < list->count; i++) {
		if (list->item[i]->number == number)
			return list->item[i];
	}
	return NULL;
}
