// SPDX-License-Identifier: GPL-2.0-or-later
/* The process with the private keys, asked by workers that may have been taken over; and a worker whose signer lies */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "pki.h"
#include "qkdtlsd/process/signature.h"
#include "qkdtlsd/process/signer.h"
#include "site.h"

#define SCHEME QKDTLS_SIG_ECDSA_P256_SHA256
#define PREFIX "TLS 1.3, server CertificateVerify"

/* ---- The signer ---- */

struct stage {
	struct service_config services[2];
	struct config config;
	struct signer *signer;
	int near[2], far[2];
	pthread_t thread;
	int ret;
};

static void *serve(void *arg)
{
	struct stage *stage = arg;

	stage->ret = signer_run(stage->signer, stage->far, 2);
	return NULL;
}

/* A server's service, and one without certificate */
static void stage_open(struct stage *stage, struct pki *pki)
{
	char message[SETTINGS_MESSAGE_LEN];
	int pair[2];

	memset(stage, 0, sizeof(*stage));
	stage->services[0] = (struct service_config){
		.next = &stage->services[1],
		.name = (char *)"with",
		.mode = QKDTLS_SERVER,
		.certificate = strdup(pki_path(pki, "server.pem")),
		.private_key = strdup(pki_path(pki, "server.key")),
	};
	stage->services[1] = (struct service_config){ .name = (char *)"without" };
	stage->config.services = stage->services;
	stage->signer = signer_new(&stage->config, message);
	assert_non_null(stage->signer);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
		stage->near[i] = pair[0];
		stage->far[i] = pair[1];
	}
	assert_int_equal(pthread_create(&stage->thread, NULL, serve, stage), 0);
}

static void stage_close(struct stage *stage)
{
	close(stage->near[0]);
	close(stage->near[1]);
	pthread_join(stage->thread, NULL);
	assert_int_equal(stage->ret, 0);
	close(stage->far[0]);
	close(stage->far[1]);
	signer_free(stage->signer);
	free(stage->services[0].certificate);
	free(stage->services[0].private_key);
}

static struct sign_request good_request(uint64_t id)
{
	struct sign_request request = {
		.id = id,
		.scheme = SCHEME,
		.len = 64 + sizeof(PREFIX) + 48,
	};

	memset(request.data, ' ', 64);
	memcpy(request.data + 64, PREFIX, sizeof(PREFIX));
	return request;
}

/* The reply to @len bytes of it */
static struct sign_reply ask(const struct stage *stage, int worker,
			     const struct sign_request *request, size_t len)
{
	struct sign_reply reply;
	ssize_t n;

	assert_int_equal(send(stage->near[worker], request, len, 0), len);
	n = recv(stage->near[worker], &reply, sizeof(reply), 0);
	assert_true(n >= (ssize_t)SIGN_REPLY_HEAD);
	assert_int_equal(n, SIGN_REPLY_HEAD + reply.len);
	return reply;
}

static void signs_for_each_worker(void **state)
{
	struct sign_request request = good_request(5);
	struct sign_reply reply;
	struct stage stage;

	stage_open(&stage, *state);
	for (int worker = 0; worker < 2; worker++) {
		reply = ask(&stage, worker, &request, sizeof(request));
		assert_int_equal(reply.id, 5);
		assert_int_equal(reply.error, 0);
		assert_true(reply.len > 60 && reply.len < 80);
	}
	stage_close(&stage);
}

static void refuses_what_no_worker_would_ask(void **state)
{
	struct sign_request request;
	struct sign_reply reply;
	struct stage stage;

	stage_open(&stage, *state);
	for (size_t len = 1; len < sizeof(request); len += 7) {
		request = good_request(6);
		reply = ask(&stage, 0, &request, len);
		assert_int_equal(reply.error, -EINVAL);
		assert_int_equal(reply.len, 0);
	}
	for (uint32_t service = 1; service < 100; service++) {
		request = good_request(7);
		request.service = service == 99 ? UINT32_MAX : service;
		reply = ask(&stage, 0, &request, sizeof(request));
		assert_int_equal(reply.error, -EINVAL);
	}
	request = good_request(8);
	request.len = QKDTLS_SIGNED_MAX + 1;
	assert_int_equal(ask(&stage, 0, &request, sizeof(request)).error, -EINVAL);
	request = good_request(9);
	request.scheme = QKDTLS_SIG_MLDSA44;
	assert_int_equal(ask(&stage, 0, &request, sizeof(request)).error, -EINVAL);
	request = good_request(10);
	request.data[70] ^= 1; /* another role's, or nobody's */
	assert_int_equal(ask(&stage, 0, &request, sizeof(request)).error, -EINVAL);
	/* All that has harmed nobody. */
	request = good_request(11);
	assert_int_equal(ask(&stage, 1, &request, sizeof(request)).error, 0);
	stage_close(&stage);
}

/* Nor does an empty request cost those their signatures that come after in its place. */
static void an_empty_request_is_not_the_end(void **state)
{
	struct sign_request request = good_request(12);
	struct stage stage;

	stage_open(&stage, *state);
	for (int i = 0; i < 3; i++)
		assert_int_equal(send(stage.near[0], "", 0, 0), 0);
	assert_int_equal(ask(&stage, 0, &request, sizeof(request)).error, 0);
	stage_close(&stage);
}

/* One that never reads its replies holds nobody up. */
static void a_worker_that_does_not_read_is_passed_over(void **state)
{
	const struct sign_request request = good_request(12);
	struct stage stage;

	stage_open(&stage, *state);
	while (send(stage.near[0], &request, sizeof(request), MSG_DONTWAIT) > 0)
		;
	for (int i = 0; i < 20; i++)
		assert_int_equal(ask(&stage, 1, &request, sizeof(request)).error, 0);
	stage_close(&stage);
}

static void keys_that_are_not_the_certificates_are_named(void **state)
{
	struct service_config service = {
		.name = (char *)"web",
		.certificate = strdup(pki_path(*state, "server.pem")),
		.private_key = strdup(pki_path(*state, "client.key")),
	};
	const struct config config = { .services = &service };
	char message[SETTINGS_MESSAGE_LEN] = "";

	assert_null(signer_new(&config, message));
	assert_non_null(strstr(message, "service \"web\": "));
	assert_non_null(strstr(message, "client.key: not the key of the first certificate"));
	free(service.certificate);
	free(service.private_key);
}

/* ---- The worker's end ---- */

struct asked {
	struct signing signing;
	struct signature signature;
	sd_event *event;
	int far;
	unsigned int ready;
	uint8_t bytes[QKDTLS_SIGNATURE_MAX];
	size_t len;
};

static void on_ready(void *arg)
{
	struct asked *asked = arg;

	asked->ready++;
}

static int ask_again(struct asked *asked)
{
	return signature_ask(&asked->signature, SCHEME, (const uint8_t *)"data", 4, asked->bytes,
			     &asked->len);
}

static void asked_open(struct asked *asked)
{
	int pair[2];

	memset(asked, 0, sizeof(*asked));
	assert_int_equal(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair), 0);
	assert_true(sd_event_new(&asked->event) >= 0);
	assert_int_equal(signing_begin(&asked->signing, pair[0], asked->event), 0);
	asked->far = pair[1];
	asked->signature = (struct signature){
		.signing = &asked->signing,
		.service = 3,
		.on_ready = on_ready,
		.arg = asked,
	};
}

static void asked_close(struct asked *asked)
{
	signature_drop(&asked->signature);
	signing_end(&asked->signing);
	close(asked->far);
	sd_event_unref(asked->event);
}

static struct sign_request heard(const struct asked *asked)
{
	struct sign_request request;

	assert_int_equal(recv(asked->far, &request, sizeof(request), 0), sizeof(request));
	return request;
}

static void tell(struct asked *asked, const struct sign_reply *reply, size_t len)
{
	assert_int_equal(send(asked->far, reply, len, 0), len);
	assert_true(sd_event_run(asked->event, UINT64_MAX) >= 0);
}

static void a_signature_comes_to_who_asked(void **state)
{
	struct sign_reply reply = { .len = 3, .signature = "sig" };
	struct sign_request request;
	struct asked asked;

	asked_open(&asked);
	assert_int_equal(ask_again(&asked), QKDTLS_SIGN_PENDING);
	assert_int_equal(ask_again(&asked), QKDTLS_SIGN_PENDING);
	request = heard(&asked);
	assert_int_equal(request.service, 3);
	assert_int_equal(request.scheme, SCHEME);
	assert_int_equal(request.len, 4);
	assert_memory_equal(request.data, "data", 4);
	/* Of another request, and of none */
	reply.id = request.id + 1;
	tell(&asked, &reply, SIGN_REPLY_HEAD + 3);
	tell(&asked, &reply, SIGN_REPLY_HEAD - 1);
	assert_int_equal(asked.ready, 0);
	reply.id = request.id;
	tell(&asked, &reply, SIGN_REPLY_HEAD + 3);
	assert_int_equal(asked.ready, 1);
	assert_int_equal(ask_again(&asked), QKDTLS_SIGN_DONE);
	assert_int_equal(asked.len, 3);
	assert_memory_equal(asked.bytes, "sig", 3);
	/* Once more is no more. */
	tell(&asked, &reply, SIGN_REPLY_HEAD + 3);
	assert_int_equal(asked.ready, 1);
	asked_close(&asked);
}

static void replies_that_cannot_be_are_failures(void **state)
{
	static const struct {
		int error;
		uint32_t len;
		size_t sent;
		int ret;
	} rows[] = {
		{ -EINVAL, 0, 0, -EINVAL },
		{ 5, 0, 0, -EIO },
		{ 0, 0, 0, -EIO },
		{ 0, 3, 2, -EIO },
		{ 0, 2, 3, -EIO },
		{ 0, UINT32_MAX, 3, -EIO },
		{ 0, QKDTLS_SIGNATURE_MAX + 1, QKDTLS_SIGNATURE_MAX, -EIO },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sign_reply reply = { .error = rows[i].error, .len = rows[i].len };
		struct asked asked;

		asked_open(&asked);
		assert_int_equal(ask_again(&asked), QKDTLS_SIGN_PENDING);
		reply.id = heard(&asked).id;
		tell(&asked, &reply, SIGN_REPLY_HEAD + rows[i].sent);
		assert_int_equal(asked.ready, 1);
		assert_int_equal(ask_again(&asked), rows[i].ret);
		asked_close(&asked);
	}
}

static void nobody_waits_for_a_signer_that_has_gone(void **state)
{
	struct asked asked;
	struct signature late;

	asked_open(&asked);
	assert_int_equal(ask_again(&asked), QKDTLS_SIGN_PENDING);
	late = asked.signature;
	late.id = 0;
	shutdown(asked.far, SHUT_RDWR);
	assert_true(sd_event_run(asked.event, UINT64_MAX) >= 0);
	assert_int_equal(asked.ready, 1);
	assert_int_equal(ask_again(&asked), -EPIPE);
	assert_int_equal(
		signature_ask(&late, SCHEME, (const uint8_t *)"data", 4, asked.bytes, &asked.len),
		-EPIPE);
	asked_close(&asked);
}

/* A connection that has ended waits for nothing any more. */
static void a_reply_that_nobody_waits_for_is_dropped(void **state)
{
	struct sign_reply reply = { .len = 3 };
	struct asked asked;

	asked_open(&asked);
	assert_int_equal(ask_again(&asked), QKDTLS_SIGN_PENDING);
	reply.id = heard(&asked).id;
	signature_drop(&asked.signature);
	asked.signature.id = 0;
	tell(&asked, &reply, SIGN_REPLY_HEAD + 3);
	assert_int_equal(asked.ready, 0);
	asked_close(&asked);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(signs_for_each_worker),
		cmocka_unit_test(refuses_what_no_worker_would_ask),
		cmocka_unit_test(an_empty_request_is_not_the_end),
		cmocka_unit_test(a_worker_that_does_not_read_is_passed_over),
		cmocka_unit_test(keys_that_are_not_the_certificates_are_named),
		cmocka_unit_test(a_signature_comes_to_who_asked),
		cmocka_unit_test(replies_that_cannot_be_are_failures),
		cmocka_unit_test(nobody_waits_for_a_signer_that_has_gone),
		cmocka_unit_test(a_reply_that_nobody_waits_for_is_dropped),
	};

	return cmocka_run_group_tests_name("qkdtlsd_signer", tests, site_setup, site_teardown);
}
