// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <openssl/crypto.h>
#include <qkd/libqkd.h>

#include "common/file.h"
#include "common/hex.h"
#include "common/log.h"
#include "qkdtls/keys_file.h"
#include "qkdtls/spent_file.h"

#define FILE_MAX (4U << 20)
#define SPACE	 " \t\r"

struct file_key {
	struct qkd_key key;
	bool reserved;
	bool spent; /* by this run, or marked in FILE.spent: then the bytes are gone */
};

struct keys_file {
	char *path; /* without symbolic links */
	struct file_key *keys; /* in the file's order */
	size_t count;
	size_t allocated;
	struct file_key **by_id; /* sorted */
	struct spent_file spent;
	int error;
};

static int compare_ids(const void *a, const void *b)
{
	const struct file_key *const *left = a, *const *right = b;

	return memcmp((*left)->key.id, (*right)->key.id, QKD_KEY_ID_LEN);
}

static struct file_key *key_find(const struct keys_file *keys, const uint8_t *id)
{
	struct file_key wanted, *pointer = &wanted, **found;

	memcpy(wanted.key.id, id, QKD_KEY_ID_LEN);
	found = bsearch(&pointer, keys->by_id, keys->count, sizeof(*keys->by_id), compare_ids);
	return found ? *found : NULL;
}

static void key_spend(struct file_key *key)
{
	key->spent = true;
	key->reserved = false;
	OPENSSL_cleanse(key->key.bytes, sizeof(key->key.bytes));
}

static void mark_spent(void *arg, const uint8_t id[QKD_KEY_ID_LEN])
{
	struct file_key *key = key_find(arg, id);

	if (key)
		key_spend(key);
}

/* "UUID HEX"; what is wrong with it, or NULL */
static const char *line_parse(char *line, struct qkd_key *key)
{
	char *save, *id = strtok_r(line, SPACE, &save);
	char *hex = strtok_r(NULL, SPACE, &save);
	int len;

	if (!hex || strtok_r(NULL, SPACE, &save))
		return "is not \"UUID HEX\"";
	if (qkd_id_parse(id, key->id))
		return "does not start with a UUID";
	len = hex_decode(hex, strlen(hex), key->bytes, sizeof(key->bytes));
	if (len == -EINVAL)
		return "has a key that is not hexadecimal";
	if (len < QKD_KEY_LEN_MIN)
		return "has a key that has not 16 to 64 bytes";
	key->len = (size_t)len;
	return NULL;
}

static int lines_parse(struct keys_file *keys, char *text)
{
	size_t number = 0;
	char *line;

	while ((line = strsep(&text, "\n"))) {
		const char *problem;

		number++;
		line[strcspn(line, "#")] = '\0';
		if (!line[strspn(line, SPACE)])
			continue;
		problem = line_parse(line, &keys->keys[keys->count].key);
		if (problem) {
			log_error("%s: line %zu %s", keys->path, number, problem);
			return -EINVAL;
		}
		keys->count++;
	}
	if (keys->count)
		return 0;
	log_error("%s: has no keys", keys->path);
	return -ENOKEY;
}

static size_t lines_count(const char *text)
{
	size_t n = 1;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

static int keys_index(struct keys_file *keys)
{
	char text[QKD_ID_TEXT_LEN + 1];

	for (size_t i = 0; i < keys->count; i++)
		keys->by_id[i] = &keys->keys[i];
	qsort(keys->by_id, keys->count, sizeof(*keys->by_id), compare_ids);
	for (size_t i = 1; i < keys->count; i++) {
		if (compare_ids(&keys->by_id[i - 1], &keys->by_id[i]))
			continue;
		qkd_id_format(keys->by_id[i]->key.id, text);
		log_error("%s: has key %s twice", keys->path, text);
		return -EEXIST;
	}
	return 0;
}

static int keys_read(struct keys_file *keys)
{
	size_t len;
	char *text;
	int ret = file_read_secret(keys->path, FILE_MAX, &text, &len);

	if (ret) {
		log_error("%s: %s", keys->path, file_problem(ret));
		return ret;
	}
	keys->allocated = lines_count(text);
	keys->keys = calloc(keys->allocated, sizeof(*keys->keys));
	keys->by_id = calloc(keys->allocated, sizeof(*keys->by_id));
	ret = keys->keys && keys->by_id ? lines_parse(keys, text) : -ENOMEM;
	if (!ret)
		ret = keys_index(keys);
	file_free(text, len);
	return ret;
}

static int spent_open(struct keys_file *keys)
{
	char *path;
	int ret;

	if (asprintf(&path, "%s.spent", keys->path) < 0)
		return -ENOMEM;
	keys->spent.mark = mark_spent;
	keys->spent.arg = keys;
	ret = spent_file_open(&keys->spent, path);
	if (ret == -EINVAL)
		log_error("%s: is damaged, so which keys were used is unknown: get new keys", path);
	else if (ret == -EPERM)
		log_error("%s: belongs to, or may be written by, somebody else", path);
	else if (ret)
		log_error("%s: %s; it must be writable, to remember used keys", path,
			  strerror(-ret));
	free(path);
	return ret;
}

/* Under a second name the file would have a second memory of used keys, and they would be used again. */
static int only_name(struct keys_file *keys, const char *path)
{
	struct stat st;

	keys->path = realpath(path, NULL);
	if (!keys->path || stat(keys->path, &st)) {
		log_error("%s: %s", path, strerror(errno));
		return -errno;
	}
	if (st.st_nlink == 1 || !S_ISREG(st.st_mode))
		return 0; /* what is no file is refused when it is read */
	log_error("%s: has several names (hard links), so used keys could not be told", path);
	return -EPERM;
}

struct keys_file *keys_file_open(const char *path)
{
	struct keys_file *keys = calloc(1, sizeof(*keys));

	if (!keys)
		return NULL;
	keys->spent.fd = -1;
	if (!only_name(keys, path) && !keys_read(keys) && !spent_open(keys))
		return keys;
	keys_file_close(keys);
	return NULL;
}

void keys_file_close(struct keys_file *keys)
{
	if (!keys)
		return;
	if (keys->spent.fd >= 0)
		spent_file_close(&keys->spent);
	if (keys->keys)
		OPENSSL_cleanse(keys->keys, keys->allocated * sizeof(*keys->keys));
	free(keys->keys);
	free(keys->by_id);
	free(keys->path);
	free(keys);
}

int keys_file_error(const struct keys_file *keys)
{
	return keys->error;
}

static int psk_set(struct qkdtls_psk *psk, const struct qkd_key *key)
{
	memcpy(psk->id, key->id, sizeof(key->id));
	psk->id_len = sizeof(key->id);
	memcpy(psk->secret, key->bytes, key->len);
	psk->secret_len = key->len;
	return QKDTLS_PSK_FOUND;
}

static int none(struct keys_file *keys, int error)
{
	keys->error = error;
	return QKDTLS_PSK_NONE;
}

static struct file_key *key_next(const struct keys_file *keys)
{
	for (size_t i = 0; i < keys->count; i++) {
		if (!keys->keys[i].spent && !keys->keys[i].reserved)
			return &keys->keys[i];
	}
	return NULL;
}

static int keys_take(void *arg, struct qkdtls_psk *psk)
{
	struct keys_file *keys = arg;
	struct file_key *key;
	int ret = spent_file_lock(&keys->spent);

	keys->error = ret;
	if (ret)
		return ret;
	key = key_next(keys);
	if (!key)
		ret = -EAGAIN;
	else
		ret = spent_file_add(&keys->spent, key->key.id);
	spent_file_unlock(&keys->spent);
	if (!key)
		return none(keys, ret);
	keys->error = ret;
	if (!ret)
		ret = psk_set(psk, &key->key);
	key_spend(key);
	return ret;
}

static int keys_find(void *arg, const uint8_t *id, size_t id_len, struct qkdtls_psk *psk)
{
	struct keys_file *keys = arg;
	struct file_key *key = id_len == QKD_KEY_ID_LEN ? key_find(keys, id) : NULL;
	int ret;

	if (!key)
		return none(keys, -ENOKEY);
	ret = spent_file_lock(&keys->spent);
	keys->error = ret;
	if (ret)
		return ret;
	spent_file_unlock(&keys->spent);
	if (key->spent)
		return none(keys, -EKEYREVOKED);
	if (key->reserved)
		return none(keys, -EBUSY);
	key->reserved = true;
	return psk_set(psk, &key->key);
}

static void put_back(struct keys_file *keys, const uint8_t *id, size_t id_len)
{
	struct file_key *key = id_len == QKD_KEY_ID_LEN ? key_find(keys, id) : NULL;

	if (key)
		key->reserved = false;
}

static void keys_release(void *arg, const uint8_t *id, size_t id_len, enum qkdtls_psk_release why)
{
	put_back(arg, id, id_len);
}

static int keys_commit(void *arg, const uint8_t *id, size_t id_len)
{
	struct keys_file *keys = arg;
	struct file_key *key = id_len == QKD_KEY_ID_LEN ? key_find(keys, id) : NULL;
	int ret;

	if (!key || !key->reserved)
		ret = key && key->spent ? -EKEYREVOKED : -ENOKEY;
	else
		ret = spent_file_lock(&keys->spent);
	keys->error = ret;
	if (ret) {
		/* Nobody else will: whoever failed to spend it does not put it back as well. */
		put_back(keys, id, id_len);
		return ret;
	}
	/* Another process may have spent it between our reservation and now. */
	ret = key->spent ? -EKEYREVOKED : spent_file_add(&keys->spent, id);
	spent_file_unlock(&keys->spent);
	key_spend(key);
	keys->error = ret;
	return ret;
}

const struct qkdtls_psk_ops keys_file_ops = {
	.take = keys_take,
	.find = keys_find,
	.commit = keys_commit,
	.release = keys_release,
};
