// SPDX-License-Identifier: GPL-2.0-or-later
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "common/log.h"
#include "qkdtlsd/process/signature.h"
#include "qkdtlsd/process/signer.h"

static void unlink_waiting(struct signature *signature)
{
	struct signature **place = &signature->signing->waiting;

	while (*place && *place != signature)
		place = &(*place)->next;
	if (*place)
		*place = signature->next;
}

static void come(struct signature *signature, int error)
{
	unlink_waiting(signature);
	signature->has_come = true;
	signature->error = error;
	signature->on_ready(signature->arg);
}

static struct signature *find(const struct signing *signing, uint64_t id)
{
	struct signature *signature = signing->waiting;

	while (signature && signature->id != id)
		signature = signature->next;
	return signature;
}

static int keep(struct signature *signature, const struct sign_reply *reply, size_t len)
{
	if (reply->error)
		return reply->error < 0 ? reply->error : -EIO;
	if (!reply->len || reply->len > QKDTLS_SIGNATURE_MAX || reply->len != len - SIGN_REPLY_HEAD)
		return -EIO;
	signature->bytes = malloc(reply->len);
	if (!signature->bytes)
		return -ENOMEM;
	memcpy(signature->bytes, reply->signature, reply->len);
	signature->len = reply->len;
	return 0;
}

/* Nobody signs any more: those that wait need not. */
static void signer_gone(struct signing *signing)
{
	log_error("the process that signs has gone: no handshake until there is another");
	signing->io = sd_event_source_disable_unref(signing->io);
	close(signing->fd);
	signing->fd = -1;
	while (signing->waiting)
		come(signing->waiting, -EPIPE);
}

static int on_reply(sd_event_source *source, int fd, uint32_t events, void *arg)
{
	struct signing *signing = arg;
	struct signature *signature;
	struct sign_reply reply;
	const ssize_t n = recv(fd, &reply, sizeof(reply), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) {
		signer_gone(signing);
		return 0;
	}
	if ((size_t)n < SIGN_REPLY_HEAD)
		return 0;
	/* A reply to a connection that has ended, or to a worker before this, is nobody's. */
	signature = find(signing, reply.id);
	if (signature)
		come(signature, keep(signature, &reply, (size_t)n));
	return 0;
}

int signing_begin(struct signing *signing, int fd, sd_event *event)
{
	const uint64_t worker = (uint64_t)getpid();
	int ret;

	*signing = (struct signing){ .fd = fd, .last = worker << 32 };
	ret = sd_event_add_io(event, &signing->io, fd, EPOLLIN, on_reply, signing);
	return ret < 0 ? ret : 0;
}

void signing_end(struct signing *signing)
{
	sd_event_source_disable_unref(signing->io);
	if (signing->fd >= 0)
		close(signing->fd);
	*signing = (struct signing){ .fd = -1 };
}

static int request(struct signature *signature, uint16_t scheme, const uint8_t *data, size_t len)
{
	struct signing *signing = signature->signing;
	struct sign_request request = {
		.id = ++signing->last,
		.service = signature->service,
		.scheme = scheme,
		.len = (uint16_t)len,
	};

	if (signing->fd < 0)
		return -EPIPE;
	if (len > sizeof(request.data))
		return -EINVAL;
	memcpy(request.data, data, len);
	if (send(signing->fd, &request, sizeof(request), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return errno == EAGAIN ? -EBUSY : -errno;
	signature->id = request.id;
	signature->next = signing->waiting;
	signing->waiting = signature;
	return QKDTLS_SIGN_PENDING;
}

int signature_ask(void *arg, uint16_t scheme, const uint8_t *data, size_t data_len, uint8_t *bytes,
		  size_t *len)
{
	struct signature *signature = arg;

	if (!signature->id)
		return request(signature, scheme, data, data_len);
	if (!signature->has_come)
		return QKDTLS_SIGN_PENDING;
	if (signature->error)
		return signature->error;
	memcpy(bytes, signature->bytes, signature->len);
	*len = signature->len;
	return QKDTLS_SIGN_DONE;
}

void signature_drop(struct signature *signature)
{
	if (signature->id && !signature->has_come)
		unlink_waiting(signature);
	free(signature->bytes);
	signature->bytes = NULL;
}
