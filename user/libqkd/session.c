// SPDX-License-Identifier: GPL-2.0-or-later
/* Sealed sessions: the calls of their descriptors */
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <qkd/libqkd.h>

static int call(int fd, unsigned long request, void *arg)
{
	const int ret = ioctl(fd, request, arg);

	return ret < 0 ? -errno : ret;
}

size_t qkd_kdf_len(unsigned int kdf)
{
	return kdf == QKD_KDF_SHA256 ? 32 : kdf == QKD_KDF_SHA384 ? 48 : 0;
}

static int open_session(int fd, struct qkd_session_open *open, unsigned int kdfs,
			const uint8_t context[QKD_CONTEXT_LEN], unsigned int timeout_ms)
{
	open->size = sizeof(*open);
	open->kdfs = kdfs;
	open->timeout_ms = timeout_ms;
	memcpy(open->context, context, sizeof(open->context));
	return call(fd, QKD_IOC_OPEN_SESSION, open);
}

int qkd_session_open_client(int fd, unsigned int kdfs, const uint8_t context[QKD_CONTEXT_LEN],
			    unsigned int timeout_ms, uint8_t id[QKD_KEY_ID_LEN])
{
	struct qkd_session_open open = { 0 };
	const int ret = open_session(fd, &open, kdfs, context, timeout_ms);

	if (ret >= 0)
		memcpy(id, open.key_id, QKD_KEY_ID_LEN);
	return ret;
}

int qkd_session_open_server(int fd, unsigned int kdfs, const uint8_t context[QKD_CONTEXT_LEN],
			    const uint8_t id[QKD_KEY_ID_LEN], unsigned int timeout_ms)
{
	struct qkd_session_open open = { .flags = QKD_SESSION_F_SERVER };

	memcpy(open.key_id, id, sizeof(open.key_id));
	return open_session(fd, &open, kdfs, context, timeout_ms);
}

bool qkd_session_known(int fd)
{
	struct qkd_session_open none = { 0 };

	/* Too short for it, or no such call */
	return call(fd, QKD_IOC_OPEN_SESSION, &none) == -EINVAL;
}

int qkd_session_binder(int session, unsigned int kdf, const uint8_t *transcript_hash,
		       uint8_t *binder)
{
	struct qkd_session_binder args = { .size = sizeof(args), .kdf = kdf };
	const size_t len = qkd_kdf_len(kdf);
	int ret;

	memcpy(args.transcript_hash, transcript_hash, len);
	ret = call(session, QKD_IOC_BINDER, &args);
	if (!ret)
		memcpy(binder, args.binder, len);
	explicit_bzero(&args, sizeof(args));
	return ret;
}

int qkd_session_check_binder(int session, unsigned int kdf, const uint8_t *transcript_hash,
			     const uint8_t *binder)
{
	struct qkd_session_binder args = { .size = sizeof(args), .kdf = kdf };
	const size_t len = qkd_kdf_len(kdf);

	memcpy(args.transcript_hash, transcript_hash, len);
	memcpy(args.binder, binder, len);
	return call(session, QKD_IOC_BINDER, &args);
}

int qkd_session_handshake(int session, uint16_t suite, size_t hash_len, const uint8_t *kex_secret,
			  size_t kex_len, const uint8_t *transcript_hash, uint8_t *client_secret,
			  uint8_t *server_secret)
{
	struct qkd_session_handshake args = {
		.size = sizeof(args),
		.suite = suite,
		.kex_len = (uint32_t)kex_len,
	};
	int ret;

	if (hash_len > QKD_HASH_LEN_MAX || kex_len > QKD_KEX_LEN_MAX)
		return -EINVAL;
	memcpy(args.kex_secret, kex_secret, kex_len);
	memcpy(args.transcript_hash, transcript_hash, hash_len);
	ret = call(session, QKD_IOC_HANDSHAKE, &args);
	if (!ret) {
		memcpy(client_secret, args.client_secret, hash_len);
		memcpy(server_secret, args.server_secret, hash_len);
	}
	explicit_bzero(&args, sizeof(args));
	return ret;
}

int qkd_session_application(int session, size_t hash_len, const uint8_t *transcript_hash)
{
	struct qkd_session_application args = { .size = sizeof(args) };

	if (hash_len > QKD_HASH_LEN_MAX)
		return -EINVAL;
	memcpy(args.transcript_hash, transcript_hash, hash_len);
	return call(session, QKD_IOC_APPLICATION, &args);
}

int qkd_session_install(int session, int socket, uint16_t group, const char *peer)
{
	struct qkd_session_install args = {
		.size = sizeof(args),
		.socket = socket,
		.group = group,
	};
	const size_t len = peer ? strlen(peer) : 0;

	if (len > QKD_PEER_LEN_MAX)
		return -EINVAL;
	memcpy(args.peer, peer ? peer : "", len);
	return call(session, QKD_IOC_INSTALL, &args);
}

int qkd_session_update(int session, unsigned int direction)
{
	struct qkd_session_update args = { .size = sizeof(args), .flags = direction };

	return call(session, QKD_IOC_UPDATE, &args);
}

int qkd_session_export(int session, const char *label, size_t hash_len, const uint8_t *context_hash,
		       uint8_t *out, size_t len)
{
	struct qkd_session_export args = { .size = sizeof(args), .len = (uint32_t)len };
	int ret;

	if (strlen(label) > QKD_LABEL_LEN_MAX || hash_len > QKD_HASH_LEN_MAX ||
	    len > QKD_EXPORT_LEN_MAX)
		return -EINVAL;
	memcpy(args.label, label, strlen(label));
	memcpy(args.context_hash, context_hash, hash_len);
	ret = call(session, QKD_IOC_EXPORT, &args);
	if (!ret)
		memcpy(out, args.out, len);
	explicit_bzero(&args, sizeof(args));
	return ret;
}
