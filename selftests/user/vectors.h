/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Test vectors: JSON files of selftests/vectors with bytes in hexadecimal. Everything that these
 * functions return lives until vectors_close(); what is not there fails the test.
 */
#ifndef SELFTESTS_VECTORS_H
#define SELFTESTS_VECTORS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <json-c/json.h>
#include "tls/crypto_hash.h"

struct blob {
	uint8_t *data;
	size_t len;
};

/* One file may be open at a time. */
struct json_object *vectors_open(const char *name);
void vectors_close(void);

bool vectors_has(struct json_object *object, const char *key);
struct json_object *vectors_get(struct json_object *object, const char *key);
const char *vectors_text(struct json_object *object, const char *key);
struct blob vectors_blob(struct json_object *object, const char *key);

/* Element @index of an array, of bytes, of a pair {name, bytes} */
struct json_object *vectors_item(struct json_object *array, size_t index);
struct blob vectors_item_blob(struct json_object *array, size_t index);
struct blob vectors_pair_blob(struct json_object *array, size_t index, const char **name);

/* "sha256" or "sha384" */
enum qkdtls_hash vectors_hash(struct json_object *object, const char *key);

/* @blob has exactly these bytes */
#define assert_blob(blob, bytes, length)                               \
	do {                                                           \
		assert_int_equal((length), (blob).len);                \
		assert_memory_equal((bytes), (blob).data, (blob).len); \
	} while (0)

#endif /* SELFTESTS_VECTORS_H */
