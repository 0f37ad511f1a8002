// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <openssl/evp.h>

#include "common/hex.h"
#include "qkdctl/chain.h"

#define HEX_LEN (2 * CHAIN_HASH_LEN)

/* What stands around a line's hash */
static const struct form {
	const char *before, *after;
} forms[] = {
	[false] = { " hash ", "" },
	[true] = { ",\"hash\":\"", "\"}" },
};

bool chain_split(const char *line, size_t len, size_t *text_len, uint8_t hash[CHAIN_HASH_LEN])
{
	const struct form *form = &forms[len && line[0] == '{'];
	const size_t before = strlen(form->before), after = strlen(form->after);
	const size_t tail = before + HEX_LEN + after;

	if (len <= tail || memchr(line, '\0', len))
		return false;
	*text_len = len - tail;
	line += *text_len;
	return !memcmp(line, form->before, before) &&
	       !memcmp(line + before + HEX_LEN, form->after, after) &&
	       hex_decode(line + before, HEX_LEN, hash, CHAIN_HASH_LEN) == CHAIN_HASH_LEN;
}

int chain_next(uint8_t hash[CHAIN_HASH_LEN], const char *text, size_t len)
{
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool done = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) == 1 &&
		    EVP_DigestUpdate(ctx, hash, CHAIN_HASH_LEN) == 1 &&
		    EVP_DigestUpdate(ctx, text, len) == 1 &&
		    EVP_DigestFinal_ex(ctx, hash, NULL) == 1;

	EVP_MD_CTX_free(ctx);
	return done ? 0 : -ENOMEM;
}

/* The hash of the last of @len bytes' lines */
static int last_hash(const char *bytes, size_t len, uint8_t hash[CHAIN_HASH_LEN])
{
	const char *line;
	size_t text_len;

	if (bytes[len - 1] != '\n')
		return -EBADMSG;
	line = memrchr(bytes, '\n', len - 1);
	line = line ? line + 1 : bytes;
	return chain_split(line, (size_t)(bytes + len - 1 - line), &text_len, hash) ? 0 : -EBADMSG;
}

static int go_on(struct chain *chain)
{
	char tail[CHAIN_LINE_MAX];
	struct stat st;
	off_t from;
	ssize_t n;

	if (fstat(chain->fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EINVAL;
	if (flock(chain->fd, LOCK_EX | LOCK_NB))
		return errno == EWOULDBLOCK ? -EBUSY : -errno;
	if (!st.st_size)
		return 0;
	from = st.st_size > (off_t)sizeof(tail) ? st.st_size - (off_t)sizeof(tail) : 0;
	n = pread(chain->fd, tail, sizeof(tail), from);
	if (n <= 0)
		return n ? -errno : -EBADMSG;
	return last_hash(tail, (size_t)n, chain->hash);
}

/* A file that is new is lost with its folder's entry. */
static int sync_folder(const char *path)
{
	char *copy = strdup(path);
	int fd, ret;

	if (!copy)
		return -ENOMEM;
	fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	ret = fd < 0 || fsync(fd) ? -errno : 0;
	if (fd >= 0)
		close(fd);
	free(copy);
	return ret;
}

int chain_open(struct chain *chain, const char *path)
{
	const int flags = O_RDWR | O_APPEND | O_CREAT | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK;
	int ret;

	memset(chain, 0, sizeof(*chain));
	chain->fd = open(path, flags, 0600);
	if (chain->fd < 0)
		return -errno;
	ret = go_on(chain);
	if (!ret)
		ret = sync_folder(path);
	if (ret)
		chain_close(chain);
	return ret;
}

/* Half a line would end the chain; where the file may only grow (chattr +a) it stays. */
static void take_back(int fd, off_t size)
{
	if (size >= 0 && ftruncate(fd, size) && fdatasync(fd))
		return;
}

static int write_batch(struct chain *chain)
{
	size_t done = 0;

	while (done < chain->len) {
		ssize_t n = write(chain->fd, chain->batch + done, chain->len - done);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0)
			done += (size_t)n;
	}
	return fdatasync(chain->fd) ? -errno : 0;
}

int chain_flush(struct chain *chain)
{
	off_t size = lseek(chain->fd, 0, SEEK_END);
	int ret;

	if (!chain->len)
		return 0;
	ret = write_batch(chain);
	if (ret)
		take_back(chain->fd, size);
	chain->len = 0;
	return ret;
}

int chain_append(struct chain *chain, const char *text, bool json)
{
	/* The hash takes the place of an object's closing brace. */
	const size_t len = strlen(text) - (json ? 1 : 0);
	char hex[HEX_LEN + 1];
	int ret = 0, n;

	if (len + HEX_LEN + 32 > CHAIN_LINE_MAX)
		return -EMSGSIZE;
	if (chain->len + CHAIN_LINE_MAX > sizeof(chain->batch))
		ret = chain_flush(chain);
	if (!ret)
		ret = chain_next(chain->hash, text, len);
	if (ret)
		return ret;
	hex_encode(chain->hash, sizeof(chain->hash), hex);
	n = snprintf(chain->batch + chain->len, sizeof(chain->batch) - chain->len, "%.*s%s%s%s\n",
		     (int)len, text, forms[json].before, hex, forms[json].after);
	chain->len += (size_t)n;
	return 0;
}

void chain_close(struct chain *chain)
{
	if (chain->fd >= 0)
		close(chain->fd);
	chain->fd = -1;
}
