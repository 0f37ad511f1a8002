/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What all fuzz targets share: the input taken apart, sites whose configurations are made once, and randomness
 * that every input sees from its beginning, so that a finding happens again.
 */
#ifndef _QKD_SELFTESTS_FUZZ_H
#define _QKD_SELFTESTS_FUZZ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <qkd/qkdtls.h>
#include "../user/loopback.h"
#include "../user/pki.h"
#include "../user/site.h"
#include "tls/internal.h"

/* libFuzzer's entries. Each target defines the second; fuzz_start() is its part of the first. */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A property that no input may break */
#define FUZZ_CHECK(holds)                                                                   \
	do {                                                                                \
		if (!(holds)) {                                                             \
			fprintf(stderr, "%s:%d: broken: %s\n", __FILE__, __LINE__, #holds); \
			abort();                                                            \
		}                                                                           \
	} while (0)

/* ---- Input: what is behind its end reads as zeros ---- */

struct fuzz_input {
	const uint8_t *pos;
	size_t left;
};

/* Begins a run: randomness starts again. */
struct fuzz_input fuzz_begin(const uint8_t *data, size_t size);
uint8_t fuzz_u8(struct fuzz_input *in);
uint16_t fuzz_u16(struct fuzz_input *in);
/* At most @max bytes, *@len of them; never NULL */
const uint8_t *fuzz_bytes(struct fuzz_input *in, size_t max, size_t *len);
/* As many as the next two bytes say */
const uint8_t *fuzz_vec(struct fuzz_input *in, size_t *len);
/* All that is left, as a string on the heap */
char *fuzz_text(struct fuzz_input *in);

/* ---- Files: in the certificates' folder, readable by the owner alone ---- */

struct pki *fuzz_pki(void);
const char *fuzz_file(const char *name, const void *data, size_t len);

/* ---- Scenes: what two sites agree on, or not ---- */

/* Their number; any byte chooses one. */
#define FUZZ_SCENES 13

/* A client and a server of scene @number, each with the key that the scene gives it */
void fuzz_link(struct loopback *lb, unsigned int number);

/* Does it end in a connection if nobody interferes? */
bool fuzz_scene_completes(unsigned int number);

void fuzz_scenes_make(void);
void fuzz_scenes_drop(void);

/* What the connection @role derived last, as its key log says it; by sender */
struct fuzz_secrets {
	uint8_t handshake[2][QKDTLS_HASH_MAX];
	uint8_t application[2][QKDTLS_HASH_MAX];
	bool known; /* of the handshake */
	bool applied; /* of application data */
};
const struct fuzz_secrets *fuzz_secrets(enum qkdtls_role role);

/* Whatever happened: what an error must say, what a policy must have got, and every key accounted for */
void fuzz_check_conn(const struct qkdtls_conn *conn);
void fuzz_check_keys(const struct loopback *lb);
/* Frees both, which must give back every key. */
void fuzz_unlink(struct loopback *lb);

#endif /* _QKD_SELFTESTS_FUZZ_H */
