// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * libssl as a good server or client would run it: contexts made once, an SSL per connection, no tickets and
 * no session cache (we have neither), the chain and the name checked. A wire is a memory BIO that one end
 * writes and the other reads, so that no byte is copied more than once.
 */
#include <stdio.h>
#include <stdlib.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include "../../selftests/user/pki.h"
#include "bench/bench.h"

struct libssl {
	struct bench_stack stack;
	SSL_CTX *ctx[2]; /* by role */
	bool mutual;
};

static SSL *end_new(const struct libssl *libssl, int role, BIO *in, BIO *out)
{
	SSL *ssl = SSL_new(libssl->ctx[role]);

	if (!ssl)
		return NULL;
	BIO_up_ref(in);
	BIO_up_ref(out);
	SSL_set_bio(ssl, in, out);
	if (role == QKDTLS_SERVER) {
		SSL_set_accept_state(ssl);
	} else {
		SSL_set_connect_state(ssl);
		SSL_set_tlsext_host_name(ssl, PKI_SERVER_NAME);
	}
	if (role == QKDTLS_CLIENT || libssl->mutual) {
		SSL_set_hostflags(ssl, X509_CHECK_FLAG_NO_WILDCARDS);
		SSL_set1_host(ssl, PKI_SERVER_NAME);
	}
	return ssl;
}

static bool libssl_shake(struct bench_stack *stack, struct bench_cost *cost)
{
	struct libssl *libssl = (struct libssl *)stack;
	SSL *end[2] = { NULL, NULL };
	int done[2] = { 0, 0 };
	uint64_t start, now;
	int turn, role;
	BIO *wire[2]; /* by writer */

	start = bench_clock();
	wire[QKDTLS_CLIENT] = BIO_new(BIO_s_mem());
	wire[QKDTLS_SERVER] = BIO_new(BIO_s_mem());
	now = bench_clock();
	cost->nsec[QKDTLS_CLIENT] += (now - start) / 2;
	cost->nsec[QKDTLS_SERVER] += (now - start) / 2;
	if (!wire[QKDTLS_CLIENT] || !wire[QKDTLS_SERVER])
		return false;
	start = now;
	for (turn = 0; turn < 4; turn++) {
		role = turn % 2;
		if (!end[role])
			end[role] = end_new(libssl, role, wire[!role], wire[role]);
		if (end[role] && done[role] <= 0)
			done[role] = SSL_do_handshake(end[role]);
		if (turn >= 2)
			SSL_free(end[role]);
		now = bench_clock();
		cost->nsec[role] += now - start;
		start = now;
	}
	BIO_free(wire[QKDTLS_CLIENT]);
	BIO_free(wire[QKDTLS_SERVER]);
	return done[QKDTLS_CLIENT] == 1 && done[QKDTLS_SERVER] == 1;
}

/* ---- Set-up ---- */

static bool configure(SSL_CTX *ctx, int role, const struct bench_files *files, bool mutual)
{
	const bool proves = mutual || role == QKDTLS_SERVER;
	const bool checks = mutual || role == QKDTLS_CLIENT;

	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_mode(ctx, SSL_MODE_NO_AUTO_CHAIN); /* the file has the whole chain */
	if (checks)
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, NULL);
	return SSL_CTX_set_num_tickets(ctx, 0) == 1 &&
	       SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) == 1 &&
	       SSL_CTX_set1_groups_list(ctx, "X25519MLKEM768") == 1 &&
	       SSL_CTX_set_ciphersuites(ctx, "TLS_AES_256_GCM_SHA384") == 1 &&
	       (!proves || (SSL_CTX_use_certificate_chain_file(ctx, files->chain) == 1 &&
			    SSL_CTX_use_PrivateKey_file(ctx, files->key, SSL_FILETYPE_PEM) == 1)) &&
	       (!checks || SSL_CTX_load_verify_file(ctx, files->ca) == 1);
}

static void libssl_free(struct bench_stack *stack)
{
	struct libssl *libssl = (struct libssl *)stack;

	SSL_CTX_free(libssl->ctx[QKDTLS_CLIENT]);
	SSL_CTX_free(libssl->ctx[QKDTLS_SERVER]);
	free(libssl);
}

struct bench_stack *bench_libssl_new(const struct bench_files *files, bool mutual)
{
	struct libssl *libssl = calloc(1, sizeof(*libssl));
	int role;

	if (!libssl)
		return NULL;
	libssl->stack = (struct bench_stack){ .shake = libssl_shake, .free = libssl_free };
	libssl->mutual = mutual;
	for (role = QKDTLS_CLIENT; role <= QKDTLS_SERVER; role++) {
		libssl->ctx[role] = SSL_CTX_new(role == QKDTLS_SERVER ? TLS_server_method()
								      : TLS_client_method());
		if (libssl->ctx[role] && configure(libssl->ctx[role], role, files, mutual))
			continue;
		ERR_print_errors_fp(stderr);
		libssl_free(&libssl->stack);
		return NULL;
	}
	return &libssl->stack;
}
