// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <fcntl.h>
#include <qkd/libqkd.h>

#include "common/log.h"
#include "qkdtls/endpoint.h"
#include "qkdtls/keylog.h"
#include "qkdtls/keys_file.h"
#include "qkdtls/static_psk.h"

struct saes {
	char local[QKD_SAE_ID_LEN_MAX + 1];
	char peer[QKD_SAE_ID_LEN_MAX + 1];
};

static const char *link_problem(int error)
{
	switch (error) {
	case ENOENT:
	case ENXIO:
		return "the kernel has no /dev/qkd: modprobe qkd and a provider";
	case EACCES:
		return "no permission for /dev/qkd: be root or in its group";
	case ENODEV:
		return "there is no such link: see qkdctl link list";
	case EINVAL:
		return "that is no name of a link";
	default:
		return strerror(error);
	}
}

/* The SAE IDs of the link; a warning if it is simulated */
static int link_saes(const char *link, struct saes *saes)
{
	int fd = qkd_open(link, O_NONBLOCK);
	struct qkd_info info;
	int ret;

	if (fd < 0)
		return fd;
	ret = qkd_info(fd, &info);
	close(fd);
	if (ret)
		return ret;
	if (info.flags & QKD_LINK_F_SIMULATED)
		log_warning("link %s is simulated: its keys are no secret, use it for tests only",
			    link);
	memcpy(saes->local, info.local_sae, sizeof(saes->local));
	memcpy(saes->peer, info.remote_sae, sizeof(saes->peer));
	return 0;
}

static int sae_set(char sae[QKD_SAE_ID_LEN_MAX + 1], const char *option, const char *value)
{
	size_t len = value ? strlen(value) : 0;

	if (!value)
		return 0;
	if (len > QKD_SAE_ID_LEN_MAX) {
		log_error("%s: longer than %d bytes", option, QKD_SAE_ID_LEN_MAX);
		return -1;
	}
	memcpy(sae, value, len + 1);
	return 0;
}

static int saes_find(const struct options *o, struct saes *saes)
{
	int ret = o->link ? link_saes(o->link, saes) : 0;

	if (ret && o->policy != QKDTLS_PREFER) {
		log_error("link %s: %s", o->link, link_problem(-ret));
		return -1;
	}
	if (ret)
		log_warning("link %s: %s", o->link, link_problem(-ret));
	if (sae_set(saes->local, "--local-sae", o->local_sae) ||
	    sae_set(saes->peer, "--peer-sae", o->peer_sae))
		return -1;
	return 0;
}

static int source_open(struct endpoint *e, const struct saes *saes)
{
	const struct options *o = e->options;

	if (o->keys) {
		e->keys = keys_file_open(o->keys);
		e->ops = &keys_file_ops;
		return e->keys ? 0 : -1;
	}
	if (o->psk_file) {
		e->psk = static_psk_open(o->psk_file, o->psk_identity);
		e->ops = &static_psk_ops;
		return e->psk ? 0 : -1;
	}
	/* A link that prefer found missing, and whose ends are unknown therefore, can give no key. */
	if (o->link && saes->local[0] && saes->peer[0])
		e->ops = &qkdtls_qkd_ops;
	return 0;
}

static int psk_mode_set(struct endpoint *e, const struct saes *saes)
{
	bool client = e->options->role == QKDTLS_CLIENT;
	uint8_t context[QKDTLS_LINK_CONTEXT_LEN];

	if (!e->ops)
		return 0;
	if (e->options->psk_mode == PSK_MODE_EXTERNAL)
		return qkdtls_config_set_psk_external(e->config, e->options->psk_sha384);
	if (qkdtls_link_context(client ? saes->local : saes->peer,
				client ? saes->peer : saes->local, context))
		return -EINVAL;
	return qkdtls_config_set_psk_imported(e->config, context);
}

/* Whom the peer's certificate must name */
static const char *peer_name(const struct options *o, const struct saes *saes)
{
	if (o->name)
		return o->name;
	return saes->peer[0] ? saes->peer : o->address.host;
}

static int revocation_set(struct qkdtls_config *config, const struct options *o)
{
	int ret = 0;

	if (o->ocsp_staple && o->policy != QKDTLS_PSK_ONLY)
		ret = qkdtls_config_set_ocsp_staple(config, o->ocsp_staple);
	if (!ret && o->crl)
		ret = qkdtls_config_set_crl(config, o->crl);
	return ret ? ret : qkdtls_config_set_ocsp_required(config, o->ocsp_required);
}

static int identity_set(struct endpoint *e, const struct saes *saes)
{
	const struct options *o = e->options;
	bool check = o->policy != QKDTLS_PSK_ONLY && (o->role == QKDTLS_CLIENT || o->verify_client);
	int ret = 0;

	if (o->cert && o->policy != QKDTLS_PSK_ONLY)
		ret = qkdtls_config_set_certificate(e->config, o->cert, o->key);
	if (!ret && check)
		ret = qkdtls_config_set_trust(e->config, o->ca);
	if (!ret && check)
		ret = qkdtls_config_set_peer_name(e->config, peer_name(o, saes));
	if (!ret && o->verify_client)
		ret = qkdtls_config_set_verify_client(e->config, true);
	return ret ? ret : revocation_set(e->config, o);
}

/* What the stream is to be like once it is there */
static int stream_set(struct endpoint *e)
{
	const struct options *o = e->options;
	const struct qkdtls_key_limits limits = {
		.records = o->key_records ? o->key_records : QKDTLS_KEY_RECORDS_MAX,
		.bytes = o->key_bytes,
		.seconds = (unsigned int)o->key_seconds,
	};
	int ret = qkdtls_config_set_key_limits(e->config, &limits);

	if (!ret && o->alpn)
		ret = qkdtls_config_set_alpn(e->config, o->alpn);
	if (!ret && o->record_size_limit)
		ret = qkdtls_config_set_record_size_limit(e->config,
							  (unsigned int)o->record_size_limit);
	return ret;
}

static int config_set(struct endpoint *e, const struct saes *saes)
{
	const struct options *o = e->options;
	int ret = qkdtls_config_set_policy(e->config, o->policy);

	if (!ret)
		ret = psk_mode_set(e, saes);
	if (!ret)
		ret = identity_set(e, saes);
	if (!ret && o->groups)
		ret = qkdtls_config_set_groups(e->config, o->groups, o->allow_classical);
	if (!ret && o->ciphers)
		ret = qkdtls_config_set_ciphers(e->config, o->ciphers);
	if (!ret && o->signatures)
		ret = qkdtls_config_set_signatures(e->config, o->signatures);
	if (!ret && o->chain_signatures)
		ret = qkdtls_config_set_chain_signatures(e->config, o->chain_signatures);
	if (!ret)
		ret = stream_set(e);
	if (!ret)
		ret = qkdtls_config_set_spare_key(e->config, o->spare_key);
	if (!ret && e->keylog)
		ret = qkdtls_config_set_keylog(e->config, keylog_line, e->keylog);
	if (!ret)
		ret = qkdtls_config_check(e->config, o->role);
	if (ret) {
		const char *message = qkdtls_config_message(e->config);

		log_error("%s", message[0] ? message : strerror(-ret));
	}
	return ret ? -1 : 0;
}

int endpoint_open(struct endpoint *endpoint, const struct options *options)
{
	struct saes saes = { 0 };

	*endpoint = (struct endpoint){ .options = options, .link.fd = -ENODEV };
	endpoint->config = qkdtls_config_new();
	if (!endpoint->config) {
		log_error("out of memory");
		return -1;
	}
	if (saes_find(options, &saes) || source_open(endpoint, &saes))
		return -1;
	if (options->keylog) {
		endpoint->keylog = keylog_open(options->keylog);
		if (!endpoint->keylog)
			return -1;
	}
	return config_set(endpoint, &saes);
}

void endpoint_close(struct endpoint *endpoint)
{
	qkdtls_config_unref(endpoint->config);
	keys_file_close(endpoint->keys);
	static_psk_close(endpoint->psk);
	if (endpoint->keylog)
		fclose(endpoint->keylog);
}

struct qkdtls_conn *endpoint_connection(struct endpoint *endpoint, uint64_t key_deadline_ms)
{
	void *arg = endpoint->keys  ? (void *)endpoint->keys
		    : endpoint->psk ? (void *)endpoint->psk
				    : (void *)&endpoint->link;

	if (endpoint->ops == &qkdtls_qkd_ops) {
		endpoint->link = (struct qkdtls_qkd){
			.fd = qkd_open(endpoint->options->link, O_NONBLOCK),
			.deadline_ms = key_deadline_ms,
		};
	}
	return qkdtls_conn_new(endpoint->config, endpoint->options->role, endpoint->ops, arg);
}

void endpoint_tell(const struct endpoint *endpoint, const struct qkdtls_info *info, int fd)
{
	int ret;

	if (endpoint->link.fd < 0 || !info->psk || info->psk_id_len != QKD_KEY_ID_LEN)
		return;
	ret = qkd_commit_socket(endpoint->link.fd, info->psk_id, fd, info->suite);
	/* A peer that is gone again, or a link, leaves nothing to show. */
	if (ret && ret != -ENOTCONN && ret != -ENODEV)
		log_warning("qkdctl session will not show this connection: %s", strerror(-ret));
}

void endpoint_release(struct endpoint *endpoint)
{
	if (endpoint->link.fd >= 0)
		close(endpoint->link.fd);
	endpoint->link.fd = -ENODEV;
}

const char *endpoint_key_problem(const struct endpoint *endpoint)
{
	int error = endpoint->keys ? -keys_file_error(endpoint->keys) : endpoint->link.error;

	switch (error) {
	case 0:
		return NULL;
	case EAGAIN:
	case ETIMEDOUT:
		return endpoint->keys ? "every key of the file has been used"
				      : "the link has no outbound key left and none came in time";
	case ENOKEY:
		return "this end has no key of the ID that the peer named";
	case EKEYREVOKED:
		return "the key that the peer named has been used already";
	case EKEYEXPIRED:
		return "the key that the peer named is too old";
	case EBUSY:
		return "the key that the peer named is reserved by another handshake";
	case EDQUOT:
		return "this user has had as many keys as the link's quota allows";
	default:
		return endpoint->keys ? strerror(error) : link_problem(error);
	}
}
