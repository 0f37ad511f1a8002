// SPDX-License-Identifier: GPL-2.0-or-later
/* Answers of a KME, taken apart. */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <json-c/json.h>

#include "qkdkmed/base64.h"
#include "qkdkmed/etsi014.h"
#include "qkdkmed/veil.h"

/* Deeper than any answer: container, array, key, extension, and what a vendor puts there */
#define DEPTH_MAX 16

__attribute__((format(printf, 2, 3))) static int refuse(char *message, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(message, ETSI014_TEXT_LEN, format, args);
	va_end(args);
	return -EBADMSG;
}

static bool only_space(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (!strchr(" \t\r\n", text[i]) || !text[i])
			return false;
	}
	return true;
}

/* 0 and *@object, an object, for json_object_put(); or a negative errno and @message */
static int parse(const char *text, size_t len, struct json_object **object, char *message)
{
	struct json_tokener *tokener = json_tokener_new_ex(DEPTH_MAX);
	enum json_tokener_error error;
	size_t end;

	*object = NULL;
	if (!tokener)
		return -ENOMEM;
	if (!len) {
		json_tokener_free(tokener);
		return refuse(message, "answer: empty");
	}
	json_tokener_set_flags(tokener, JSON_TOKENER_STRICT | JSON_TOKENER_ALLOW_TRAILING_CHARS |
						JSON_TOKENER_VALIDATE_UTF8);
	*object = json_tokener_parse_ex(tokener, text, (int)len);
	error = json_tokener_get_error(tokener);
	end = json_tokener_get_parse_end(tokener);
	json_tokener_free(tokener);
	if (error == json_tokener_continue)
		refuse(message, "answer: JSON that ends early");
	else if (error != json_tokener_success)
		refuse(message, "answer: no JSON: %s at character %zu",
		       json_tokener_error_desc(error), end);
	else if (!json_object_is_type(*object, json_type_object))
		refuse(message, "answer: JSON, but no object");
	else if (!only_space(text + end, len - end))
		refuse(message, "answer: more than one JSON object");
	else
		return 0;
	json_object_put(*object);
	*object = NULL;
	return -EBADMSG;
}

/* Status */

static int get_number(struct json_object *object, const char *name, uint32_t *number, char *message)
{
	struct json_object *value;
	int64_t n;

	*number = 0;
	if (!json_object_object_get_ex(object, name, &value))
		return 0;
	if (!json_object_is_type(value, json_type_int))
		return refuse(message, "%s: not a whole number", name);
	n = json_object_get_int64(value);
	if (n < 0 || n > UINT32_MAX)
		return refuse(message, "%s: %lld is out of range", name, (long long)n);
	*number = (uint32_t)n;
	return 0;
}

int etsi014_status(const char *text, size_t len, struct etsi014_status *status,
		   char message[ETSI014_TEXT_LEN])
{
	const struct {
		const char *name;
		uint32_t *number;
	} fields[] = {
		{ "key_size", &status->key_size },
		{ "stored_key_count", &status->stored_key_count },
		{ "max_key_count", &status->max_key_count },
		{ "max_key_per_request", &status->max_key_per_request },
		{ "max_key_size", &status->max_key_size },
		{ "min_key_size", &status->min_key_size },
	};
	struct json_object *object;
	int ret = parse(text, len, &object, message);

	for (size_t i = 0; !ret && i < sizeof(fields) / sizeof(fields[0]); i++)
		ret = get_number(object, fields[i].name, fields[i].number, message);
	json_object_put(object);
	return ret;
}

int etsi014_status_check(const struct etsi014_status *status, unsigned int bits,
			 char message[ETSI014_TEXT_LEN])
{
	if (status->max_key_size && status->max_key_size < bits)
		return refuse(message, "max_key_size: %u bits, keys of %u are needed",
			      status->max_key_size, bits);
	if (status->min_key_size > bits)
		return refuse(message, "min_key_size: %u bits, keys of %u are needed",
			      status->min_key_size, bits);
	return 0;
}

/* Keys */

/**
 * struct container - an answer with keys
 * @text: as it came
 * @len: its characters
 * @veiled: the same without key text, which is what json-c sees
 * @wanted: what was asked for
 * @keys: what has been found
 */
struct container {
	const char *text;
	size_t len;
	char *veiled;
	const struct etsi014_wanted *wanted;
	struct key_list *keys;
};

static bool was_asked_for(const struct etsi014_wanted *wanted, const uint8_t *id)
{
	if (!wanted->ids)
		return true;
	for (size_t i = 0; i < wanted->number; i++) {
		if (!memcmp(wanted->ids[i], id, QKD_KEY_ID_LEN))
			return true;
	}
	return false;
}

static int get_id(const struct container *container, struct json_object *entry, size_t index,
		  struct qkd_key *key, char *message)
{
	struct json_object *value;
	const char *text;

	if (!json_object_object_get_ex(entry, "key_ID", &value))
		return refuse(message, "keys[%zu].key_ID: missing", index);
	if (!json_object_is_type(value, json_type_string))
		return refuse(message, "keys[%zu].key_ID: not a string", index);
	text = json_object_get_string(value);
	if (strlen(text) != (size_t)json_object_get_string_len(value) ||
	    qkd_id_parse(text, key->id))
		return refuse(message, "keys[%zu].key_ID: not a UUID", index);
	if (!was_asked_for(container->wanted, key->id))
		return refuse(message, "keys[%zu].key_ID: a key that was never asked for", index);
	if (key_list_find(container->keys, key->id))
		return refuse(message, "keys[%zu].key_ID: the same ID twice", index);
	return 0;
}

static int get_material(const struct container *container, struct json_object *entry, size_t index,
			struct qkd_key *key, char *message)
{
	const size_t wanted = container->wanted->key_len;
	struct json_object *value;
	const char *text;
	size_t len;
	int ret;

	if (!json_object_object_get_ex(entry, "key", &value))
		return refuse(message, "keys[%zu].key: missing", index);
	if (!json_object_is_type(value, json_type_string))
		return refuse(message, "keys[%zu].key: not a string", index);
	len = (size_t)json_object_get_string_len(value);
	text = veil_lift(container->text, container->len, container->veiled,
			 json_object_get_string(value), len);
	if (!text)
		return refuse(message, "keys[%zu].key: no key of %zu bits", index, 8 * wanted);
	ret = base64_decode(text, len, key->bytes, sizeof(key->bytes));
	if (ret == -EINVAL)
		return refuse(message, "keys[%zu].key: not base64", index);
	if (ret < 0)
		return refuse(message, "keys[%zu].key: more than %zu bits", index, 8 * wanted);
	if ((size_t)ret != wanted)
		return refuse(message, "keys[%zu].key: %d bits, %zu were asked for", index, 8 * ret,
			      8 * wanted);
	key->len = (size_t)ret;
	return 0;
}

static int get_key(struct container *container, struct json_object *entry, size_t index,
		   char *message)
{
	struct qkd_key *key = &container->keys->keys[index];
	int ret;

	if (!json_object_is_type(entry, json_type_object))
		return refuse(message, "keys[%zu]: not an object", index);
	ret = get_id(container, entry, index, key, message);
	if (!ret)
		ret = get_material(container, entry, index, key, message);
	if (!ret)
		container->keys->count++;
	return ret;
}

/* The examples of the specification write "keys", its table 11 "Keys". */
static int find_array(struct json_object *object, struct json_object **array, char *message)
{
	struct json_object *other;
	bool small = json_object_object_get_ex(object, "keys", array);
	bool capital = json_object_object_get_ex(object, "Keys", &other);

	if (small && capital)
		return refuse(message, "keys: there beside \"Keys\"");
	if (!small && !capital)
		return refuse(message, "keys: missing");
	if (capital)
		*array = other;
	if (!json_object_is_type(*array, json_type_array))
		return refuse(message, "keys: not an array");
	return 0;
}

static int get_keys(struct container *container, struct json_object *object, char *message)
{
	struct json_object *array;
	size_t count;
	int ret = find_array(object, &array, message);

	if (ret)
		return ret;
	count = json_object_array_length(array);
	if (count > container->wanted->number)
		return refuse(message, "keys: %zu of them, %zu were asked for", count,
			      container->wanted->number);
	container->keys = key_list_new(count);
	if (!container->keys)
		return -ENOMEM;
	for (size_t i = 0; !ret && i < count; i++)
		ret = get_key(container, json_object_array_get_idx(array, i), i, message);
	return ret;
}

int etsi014_keys(const char *text, size_t len, const struct etsi014_wanted *wanted,
		 struct key_list **keys, char message[ETSI014_TEXT_LEN])
{
	struct container container = { .text = text, .len = len, .wanted = wanted };
	struct json_object *object = NULL;
	int ret;

	*keys = NULL;
	container.veiled = malloc(len + 1);
	if (!container.veiled)
		return -ENOMEM;
	veil_make(text, len, container.veiled);
	ret = parse(container.veiled, len, &object, message);
	if (!ret)
		ret = get_keys(&container, object, message);
	json_object_put(object);
	free(container.veiled);
	if (ret)
		key_list_free(container.keys);
	else
		*keys = container.keys;
	return ret;
}

/* Errors */

void etsi014_error(const char *text, size_t len, char message[ETSI014_TEXT_LEN])
{
	struct json_object *object, *value;

	if (parse(text, len, &object, message)) {
		message[0] = '\0';
		return;
	}
	message[0] = '\0';
	if (json_object_object_get_ex(object, "message", &value) &&
	    json_object_is_type(value, json_type_string))
		snprintf(message, ETSI014_TEXT_LEN, "%s", json_object_get_string(value));
	for (char *c = message; *c; c++) {
		if (*c < ' ' || *c > '~')
			*c = '?';
	}
	json_object_put(object);
}
