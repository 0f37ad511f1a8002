// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "qkdtlsd/tunnel/keys.h"

static const char *open_problem(int error)
{
	switch (error) {
	case -ENOENT:
	case -ENXIO:
		return "there is no /dev/qkd (is the module qkd loaded?)";
	case -EACCES:
	case -EPERM:
		return "/dev/qkd may not be opened (is this user in the group qkd?)";
	case -ENODEV:
		return "the link does not exist (qkdctl link list)";
	default:
		return "/dev/qkd cannot be used";
	}
}

/* Sealed keys go nowhere but into the kernel's TLS, which has this file in each network namespace. */
static bool can_seal(int fd)
{
	return !access("/proc/net/tls_stat", F_OK) && qkd_session_known(fd);
}

/* NULL, or what is wrong with the link */
static const char *link_open(struct keys *keys, const struct service_config *service)
{
	const char *local, *remote;
	struct qkd_info info;
	bool client = service->mode == QKDTLS_CLIENT;

	keys->qkd.fd = qkd_open(service->link, O_NONBLOCK);
	keys->error = keys->qkd.fd < 0 ? keys->qkd.fd : qkd_info(keys->qkd.fd, &info);
	if (keys->error)
		return open_problem(keys->error);
	if ((info.flags & QKD_LINK_F_SIMULATED) && !service->allow_simulated)
		return "the link is simulated and \"allow-simulated = yes\" is not set";
	local = service->local_sae ? service->local_sae : info.local_sae;
	remote = service->remote_sae ? service->remote_sae : info.remote_sae;
	keys->error = qkdtls_link_context(client ? local : remote, client ? remote : local,
					  keys->context);
	keys->qkd.sealed = service->sealed == SEALED_YES ||
			   (service->sealed == SEALED_PREFER && can_seal(keys->qkd.fd));
	memcpy(keys->qkd.context, keys->context, sizeof(keys->qkd.context));
	return keys->error ? "the link has no proper SAE IDs" : NULL;
}

void keys_open(struct keys *keys, const struct service_config *service, uint64_t deadline_ms)
{
	const char *problem;

	*keys = (struct keys){ .qkd = { .fd = -ENODEV, .deadline_ms = deadline_ms } };
	problem = link_open(keys, service);
	if (problem)
		keys_refuse(keys, problem);
}

void keys_refuse(struct keys *keys, const char *problem)
{
	keys_close(keys);
	keys->problem = problem;
}

static const char *key_problem(int error)
{
	switch (error) {
	case 0:
		return "no key was agreed";
	case EAGAIN:
	case ETIMEDOUT:
		return "no key came in time";
	case ENOKEY:
		return "the peer named a key that is not here";
	case EKEYREVOKED:
		return "the peer named a key that has been used";
	case EKEYEXPIRED:
		return "the peer named a key that is too old";
	case EBUSY:
		return "the key is in use by another connection, or too many wait for keys";
	case EDQUOT:
		return "this user has had as many keys as the link's quota allows";
	case ENODEV:
		return "the link has gone";
	case EACCES:
		return "the link shows no program its keys (sealed = yes?), or this one is another's";
	case ENOTTY:
		return "the module qkd has no sealed sessions";
	default:
		return strerror(error);
	}
}

void keys_describe(const struct keys *keys, char *text, size_t size)
{
	snprintf(text, size, "%s", keys->problem ? keys->problem : key_problem(keys->qkd.error));
}

void keys_tell(const struct keys *keys, const struct qkdtls_info *info, int fd)
{
	static bool warned;
	int ret;

	/* Of a sealed session the kernel knows. */
	if (!info->psk || info->sealed || info->psk_id_len != QKD_KEY_ID_LEN)
		return;
	ret = qkd_commit_socket(keys->qkd.fd, info->psk_id, fd, info->suite);
	/* A peer that is gone again, or a link, leaves nothing to show. */
	if (!ret || ret == -ENOTCONN || ret == -ENODEV || warned)
		return;
	log_warning("qkdctl session will not show every connection: %s", strerror(-ret));
	warned = true;
}

void keys_peer_sae(const struct keys *keys, const struct service_config *service, char *text,
		   size_t size)
{
	struct qkd_info info = { 0 };

	if (!service->remote_sae && keys->qkd.fd >= 0 && qkd_info(keys->qkd.fd, &info))
		info.remote_sae[0] = '\0';
	snprintf(text, size, "%s", service->remote_sae ? service->remote_sae : info.remote_sae);
}

void keys_close(struct keys *keys)
{
	if (keys->qkd.fd >= 0)
		close(keys->qkd.fd);
	keys->qkd.fd = -ENODEV;
}
