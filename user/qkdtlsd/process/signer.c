// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "qkdtlsd/counters.h"
#include "qkdtlsd/process/signer.h"

/* @keys: by place of the service in the configuration; NULL: it has no certificate */
struct signer {
	size_t count;
	struct {
		struct qkdtls_config *keys;
		enum qkdtls_role role;
	} services[];
};

static int load(struct qkdtls_config *keys, const struct service_config *config)
{
	int ret = qkdtls_config_set_certificate(keys, config->certificate, config->private_key);

	if (!ret && config->signatures)
		ret = qkdtls_config_set_signatures(keys, config->signatures);
	return ret;
}

static int add_service(struct signer *signer, const struct service_config *config, char *message)
{
	struct qkdtls_config *keys = NULL;
	int ret = -ENOMEM;

	if (config->certificate) {
		keys = qkdtls_config_new();
		if (keys)
			ret = load(keys, config);
		if (ret) {
			snprintf(message, SETTINGS_MESSAGE_LEN, "service \"%s\": %s", config->name,
				 keys ? qkdtls_config_message(keys) : "out of memory");
			qkdtls_config_unref(keys);
			return ret;
		}
	}
	signer->services[signer->count].keys = keys;
	signer->services[signer->count].role = config->mode;
	signer->count++;
	return 0;
}

struct signer *signer_new(const struct config *config, char *message)
{
	const struct service_config *service;
	struct signer *signer;
	size_t count = 0;

	for (service = config->services; service; service = service->next)
		count++;
	signer = calloc(1, sizeof(*signer) + count * sizeof(signer->services[0]));
	if (!signer) {
		snprintf(message, SETTINGS_MESSAGE_LEN, "out of memory");
		return NULL;
	}
	for (service = config->services; service; service = service->next) {
		if (add_service(signer, service, message)) {
			signer_free(signer);
			return NULL;
		}
	}
	return signer;
}

void signer_free(struct signer *signer)
{
	if (!signer)
		return;
	for (size_t i = 0; i < signer->count; i++)
		qkdtls_config_unref(signer->services[i].keys);
	free(signer);
}

static int answer(const struct signer *signer, const struct sign_request *request, size_t len,
		  struct sign_reply *reply)
{
	size_t size = sizeof(reply->signature);
	int ret;

	if (len != sizeof(*request) || request->len > sizeof(request->data) ||
	    request->service >= signer->count || !signer->services[request->service].keys)
		return -EINVAL;
	ret = qkdtls_config_sign(signer->services[request->service].keys,
				 signer->services[request->service].role, request->scheme,
				 request->data, request->len, reply->signature, &size);
	reply->len = ret ? 0 : (uint32_t)size;
	return ret;
}

/* One request, so that each worker has its turn. false: it was empty, or there is none and never will be. */
static bool serve(const struct signer *signer, int fd)
{
	struct sign_request request = { 0 };
	struct sign_reply reply;
	ssize_t n = recv(fd, &request, sizeof(request), MSG_DONTWAIT);

	if (n <= 0)
		return n < 0;
	memset(&reply, 0, SIGN_REPLY_HEAD);
	reply.error = answer(signer, &request, (size_t)n, &reply);
	reply.id = request.id;
	/* Who does not read his replies does without. */
	(void)send(fd, &reply, SIGN_REPLY_HEAD + reply.len, MSG_DONTWAIT | MSG_NOSIGNAL);
	return true;
}

int signer_run(struct signer *signer, const int *fds, size_t count)
{
	struct pollfd pfds[WORKERS_MAX];
	size_t left = count;

	if (count > WORKERS_MAX)
		return -EINVAL;
	for (size_t i = 0; i < count; i++)
		pfds[i] = (struct pollfd){ .fd = fds[i], .events = POLLIN };
	while (left) {
		if (poll(pfds, count, -1) < 0 && errno != EINTR)
			return -errno;
		for (size_t i = 0; i < count; i++) {
			if (pfds[i].fd < 0 || !pfds[i].revents || serve(signer, pfds[i].fd))
				continue;
			/* An empty request, which a worker that was taken over may send, costs those after it nothing. */
			if (!(pfds[i].revents & POLLHUP))
				continue;
			pfds[i].fd = -1;
			left--;
		}
	}
	return 0;
}
