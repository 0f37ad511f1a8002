// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <qkd/libqkd.h>

#define DEVICE "/dev/qkd"

void qkd_key_wipe(struct qkd_key *key)
{
	explicit_bzero(key, sizeof(*key));
}

static int call(int fd, unsigned long request, void *arg)
{
	return ioctl(fd, request, arg) < 0 ? -errno : 0;
}

static int bind_link(int fd, const char *link)
{
	struct qkd_bind bind = { .size = sizeof(bind) };

	strncpy(bind.link, link, sizeof(bind.link) - 1);
	return call(fd, QKD_IOC_BIND, &bind);
}

int qkd_open(const char *link, int flags)
{
	int fd, ret;

	if (flags & ~O_NONBLOCK)
		return -EINVAL;
	if (link && (!*link || strnlen(link, QKD_LINK_NAME_LEN) == QKD_LINK_NAME_LEN))
		return -EINVAL;
	fd = open(DEVICE, O_RDWR | O_CLOEXEC | flags);
	if (fd < 0)
		return -errno;
	ret = link ? bind_link(fd, link) : 0;
	if (ret) {
		close(fd);
		return ret;
	}
	return fd;
}

static bool terminated(const char *text, size_t size)
{
	return memchr(text, '\0', size) != NULL;
}

static bool key_len_valid(uint32_t len)
{
	return len >= QKD_KEY_LEN_MIN && len <= QKD_KEY_LEN_MAX;
}

int qkd_info(int fd, struct qkd_info *info)
{
	int ret;

	memset(info, 0, sizeof(*info));
	info->size = sizeof(*info);
	ret = call(fd, QKD_IOC_GET_INFO, info);
	if (ret)
		return ret;
	if (!terminated(info->link, sizeof(info->link)) ||
	    !terminated(info->provider, sizeof(info->provider)) ||
	    !terminated(info->local_sae, sizeof(info->local_sae)) ||
	    !terminated(info->remote_sae, sizeof(info->remote_sae)) ||
	    !key_len_valid(info->key_len))
		return -EPROTO;
	return 0;
}

static int get(int fd, unsigned long request, const uint8_t *id, unsigned int timeout_ms,
	       struct qkd_key *key)
{
	struct qkd_key_get args = { .size = sizeof(args), .timeout_ms = timeout_ms };
	int ret;

	if (id)
		memcpy(args.key_id, id, sizeof(args.key_id));
	memset(key, 0, sizeof(*key));
	ret = call(fd, request, &args);
	if (!ret && !key_len_valid(args.key_len))
		ret = -EPROTO;
	if (!ret) {
		memcpy(key->id, args.key_id, sizeof(key->id));
		memcpy(key->bytes, args.key, args.key_len);
		key->len = args.key_len;
	}
	explicit_bzero(&args, sizeof(args));
	return ret;
}

int qkd_get_key(int fd, unsigned int timeout_ms, struct qkd_key *key)
{
	return get(fd, QKD_IOC_GET_KEY, NULL, timeout_ms, key);
}

int qkd_get_key_by_id(int fd, const uint8_t id[QKD_KEY_ID_LEN], unsigned int timeout_ms,
		      struct qkd_key *key)
{
	return get(fd, QKD_IOC_GET_KEY_BY_ID, id, timeout_ms, key);
}

static int end_reservation(int fd, unsigned long request, const uint8_t *id, uint32_t flags)
{
	struct qkd_key_ref ref = { .size = sizeof(ref), .flags = flags };

	memcpy(ref.key_id, id, sizeof(ref.key_id));
	return call(fd, request, &ref);
}

int qkd_commit(int fd, const uint8_t id[QKD_KEY_ID_LEN])
{
	return end_reservation(fd, QKD_IOC_COMMIT, id, 0);
}

int qkd_commit_socket(int fd, const uint8_t id[QKD_KEY_ID_LEN], int socket, uint16_t suite)
{
	struct qkd_key_ref ref = {
		.size = sizeof(ref),
		.flags = QKD_COMMIT_F_SOCKET,
		.socket = socket,
		.suite = suite,
	};

	memcpy(ref.key_id, id, sizeof(ref.key_id));
	return call(fd, QKD_IOC_COMMIT, &ref);
}

int qkd_release(int fd, const uint8_t id[QKD_KEY_ID_LEN], uint32_t flags)
{
	return end_reservation(fd, QKD_IOC_RELEASE, id, flags);
}
