// SPDX-License-Identifier: GPL-2.0-or-later
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
#include "vectors.h"

struct kept {
	struct kept *next;
	uint8_t bytes[];
};

static struct json_object *file;
static struct kept *kept;

struct json_object *vectors_open(const char *name)
{
	char path[1024];

	vectors_close();
	snprintf(path, sizeof(path), "%s/%s.json", VECTORS_DIR, name);
	file = json_object_from_file(path);
	if (!file)
		fail_msg("%s", json_util_get_last_err());
	return file;
}

void vectors_close(void)
{
	struct kept *next;

	json_object_put(file);
	file = NULL;
	for (; kept; kept = next) {
		next = kept->next;
		free(kept);
	}
}

bool vectors_has(struct json_object *object, const char *key)
{
	return json_object_object_get_ex(object, key, NULL);
}

struct json_object *vectors_get(struct json_object *object, const char *key)
{
	struct json_object *value;

	if (!json_object_object_get_ex(object, key, &value))
		fail_msg("no \"%s\" in the vectors", key);
	return value;
}

const char *vectors_text(struct json_object *object, const char *key)
{
	return json_object_get_string(vectors_get(object, key));
}

static struct blob parse(const char *hex)
{
	size_t digits = strlen(hex), i;
	struct kept *k = malloc(sizeof(*k) + digits / 2 + 1);
	unsigned int byte;

	assert_non_null(k);
	assert_int_equal(digits % 2, 0);
	k->next = kept;
	kept = k;
	for (i = 0; i < digits / 2; i++) {
		assert_int_equal(sscanf(hex + 2 * i, "%2x", &byte), 1);
		k->bytes[i] = (uint8_t)byte;
	}
	return (struct blob){ .data = k->bytes, .len = digits / 2 };
}

struct blob vectors_blob(struct json_object *object, const char *key)
{
	return parse(vectors_text(object, key));
}

struct json_object *vectors_item(struct json_object *array, size_t index)
{
	struct json_object *item = json_object_array_get_idx(array, index);

	if (!item)
		fail_msg("no element %zu in the vectors", index);
	return item;
}

struct blob vectors_item_blob(struct json_object *array, size_t index)
{
	return parse(json_object_get_string(vectors_item(array, index)));
}

struct blob vectors_pair_blob(struct json_object *array, size_t index, const char **name)
{
	struct json_object *pair = vectors_item(array, index);

	*name = json_object_get_string(vectors_item(pair, 0));
	return vectors_item_blob(pair, 1);
}

enum qkdtls_hash vectors_hash(struct json_object *object, const char *key)
{
	const char *name = vectors_text(object, key);

	if (!strcmp(name, "sha384"))
		return QKDTLS_SHA384;
	assert_string_equal(name, "sha256");
	return QKDTLS_SHA256;
}
