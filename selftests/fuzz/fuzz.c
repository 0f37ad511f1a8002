// SPDX-License-Identifier: GPL-2.0-or-later
#define OPENSSL_SUPPRESS_DEPRECATED
#include "fuzz.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <openssl/rand.h>

/* ---- Randomness: a counter through a mixer (splitmix64), the same from the start of each input ---- */

static uint64_t random_state;

static int random_bytes(unsigned char *out, int len)
{
	for (int i = 0; i < len; i++) {
		uint64_t z = random_state += 0x9e3779b97f4a7c15;

		z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
		z = (z ^ z >> 27) * 0x94d049bb133111eb;
		out[i] = (uint8_t)(z >> 56);
	}
	return 1;
}

static int random_status(void)
{
	return 1;
}

/* ---- Input ---- */

struct fuzz_input fuzz_begin(const uint8_t *data, size_t size)
{
	random_state = 1;
	return (struct fuzz_input){ .pos = data, .left = size };
}

const uint8_t *fuzz_bytes(struct fuzz_input *in, size_t max, size_t *len)
{
	static const uint8_t nothing;
	const uint8_t *bytes = in->left ? in->pos : &nothing;

	*len = in->left < max ? in->left : max;
	if (!*len)
		return bytes;
	in->pos += *len;
	in->left -= *len;
	return bytes;
}

uint8_t fuzz_u8(struct fuzz_input *in)
{
	size_t len;
	const uint8_t *byte = fuzz_bytes(in, 1, &len);

	return len ? *byte : 0;
}

uint16_t fuzz_u16(struct fuzz_input *in)
{
	const uint8_t high = fuzz_u8(in);

	return (uint16_t)(high << 8 | fuzz_u8(in));
}

const uint8_t *fuzz_vec(struct fuzz_input *in, size_t *len)
{
	const size_t max = fuzz_u16(in);

	return fuzz_bytes(in, max, len);
}

char *fuzz_text(struct fuzz_input *in)
{
	size_t len;
	const uint8_t *bytes = fuzz_bytes(in, in->left, &len);
	char *text = malloc(len + 1);

	FUZZ_CHECK(text);
	memcpy(text, bytes, len);
	text[len] = '\0';
	return text;
}

/* ---- Files ---- */

static struct pki *pki;

struct pki *fuzz_pki(void)
{
	return pki;
}

static void remove_pki(void)
{
	pki_free(pki);
}

const char *fuzz_file(const char *name, const void *data, size_t len)
{
	const char *path = pki_path(pki, name);
	FILE *file = fopen(path, "we");

	FUZZ_CHECK(file && !chmod(path, 0600));
	FUZZ_CHECK(fwrite(data, 1, len, file) == len && !fclose(file));
	return path;
}

/* ---- Properties ---- */

static void check_policy(const struct qkdtls_conn *conn)
{
	const struct qkdtls_info *info = qkdtls_info(conn);
	const struct qkdtls_config *config = conn->config;

	if (config->policy == QKDTLS_REQUIRE)
		FUZZ_CHECK(info->psk && info->certificate);
	if (config->policy == QKDTLS_PSK_ONLY)
		FUZZ_CHECK(info->psk && !info->certificate);
	if (config->policy == QKDTLS_PREFER)
		FUZZ_CHECK(info->certificate);
	FUZZ_CHECK(qkdtls_suite_list_find(&config->suites, info->suite));
	FUZZ_CHECK(qkdtls_group_list_find(&config->groups, info->group));
	FUZZ_CHECK(info->psk || qkdtls_group_find(info->group)->hybrid);
	if (info->certificate && (conn->role == QKDTLS_CLIENT || config->verify_client))
		FUZZ_CHECK(info->peer[0] && conn->chain);
}

void fuzz_check_conn(const struct qkdtls_conn *conn)
{
	const struct qkdtls_error *error = qkdtls_error(conn);
	size_t len;

	if (conn->failed) {
		FUZZ_CHECK(qkdtls_to_errno(conn) < 0 && error->reason[0]);
		FUZZ_CHECK(error->sent == QKDTLS_ALERT_NONE ||
			   error->received == QKDTLS_ALERT_NONE);
		FUZZ_CHECK(!qkdtls_wanted(conn));
		/* No input makes this end say that it is at fault itself. */
		FUZZ_CHECK(error->sent != QKDTLS_ALERT_INTERNAL_ERROR);
	} else {
		FUZZ_CHECK(!qkdtls_to_errno(conn) && error->sent == QKDTLS_ALERT_NONE);
		if (conn->state == QKDTLS_UP)
			check_policy(conn);
	}
	(void)qkdtls_output(conn, &len);
	FUZZ_CHECK(len <= conn->out.limit);
}

void fuzz_check_keys(const struct loopback *lb)
{
	const struct keyring *ring = &lb->ring[QKDTLS_SERVER];

	FUZZ_CHECK(!ring->misused && ring->found <= 2);
	FUZZ_CHECK(ring->found == ring->committed + ring->released + ring->held);
	FUZZ_CHECK(!ring->mismatched || qkdtls_to_errno(lb->end[QKDTLS_SERVER]) == -EKEYREJECTED);
	FUZZ_CHECK(lb->ring[QKDTLS_CLIENT].taken <= 2);
}

void fuzz_unlink(struct loopback *lb)
{
	struct keyring ring;

	for (int role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++)
		fuzz_check_conn(lb->end[role]);
	fuzz_check_keys(lb);
	/* loopback_free() forgets its keyrings, so the server ends before it. */
	qkdtls_conn_free(lb->end[QKDTLS_SERVER]);
	lb->end[QKDTLS_SERVER] = NULL;
	ring = lb->ring[QKDTLS_SERVER];
	FUZZ_CHECK(!ring.misused && !ring.held && ring.found == ring.committed + ring.released);
	loopback_free(lb);
}

/* ---- Start ---- */

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	static const RAND_METHOD method = {
		.bytes = random_bytes,
		.pseudorand = random_bytes,
		.status = random_status,
	};

	RAND_set_rand_method(&method);
	pki = pki_new();
	fuzz_scenes_make();
	/* Last registered, first called: configurations hold nothing in the folder. */
	atexit(remove_pki);
	atexit(fuzz_scenes_drop);
	return 0;
}
