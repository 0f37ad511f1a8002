// SPDX-License-Identifier: GPL-2.0-only
/*
 * Traffic keys and the kernel's TLS: the module's only file that knows SOL_TLS and struct tls_context.
 *
 * The kernel's TLS keeps what an option brought, and gives it back to whoever asks for the option: a key that came this
 * way would be anybody's who has the socket, until it is wiped there. So it never comes this way. The option brings a
 * random key, for the moment; then, under the socket's lock, the cipher gets the true one, and the other is wiped from
 * where the option left it. What a thread sends or receives between the two goes under a key that the peer has not:
 * nothing is in the clear, and nothing but that thread's own connection is lost.
 */
#include <crypto/aead.h>
#include <linux/err.h>
#include <linux/net.h>
#include <linux/random.h>
#include <linux/string.h>
#include <linux/tcp.h>
#include <linux/uaccess.h>
#include <net/tcp.h>
#include <net/tls.h>

#include "../compat.h"
#include "sealed.h"

#define SEQ_LEN 8

#define SUITE(NUMBER, KDF, CIPHER, TYPE)                                                \
	{                                                                               \
		.number = NUMBER, .kdf = KDF, .cipher = TLS_CIPHER_##CIPHER,            \
		.size = sizeof(struct TYPE), .key_len = TLS_CIPHER_##CIPHER##_KEY_SIZE, \
		.key = offsetof(struct TYPE, key),                                      \
	}

static const struct qkd_suite suites[] = {
	SUITE(0x1301, QKD_KDF_SHA256, AES_GCM_128, tls12_crypto_info_aes_gcm_128),
	SUITE(0x1302, QKD_KDF_SHA384, AES_GCM_256, tls12_crypto_info_aes_gcm_256),
	SUITE(0x1303, QKD_KDF_SHA256, CHACHA20_POLY1305, tls12_crypto_info_chacha20_poly1305),
};

/* NULL: no suite of ours */
const struct qkd_suite *qkd_suite_find(unsigned int number)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(suites); i++) {
		if (suites[i].number == number)
			return &suites[i];
	}
	return NULL;
}

/* -ENOTCONN: it is not connected (any more); -EEXIST: it has a ULP; -ENOENT: there is no TLS. Then nothing has changed. */
int qkd_ktls_attach(struct socket *sock)
{
	char name[] = "tls";

	return sock->ops->setsockopt(sock, SOL_TCP, TCP_ULP, KERNEL_SOCKPTR(name), sizeof(name));
}

/*
 * A random key for one direction. The kernel's TLS takes it from the caller's memory only: from the kernel's, as Linux 7.3
 * sees it, it would be written over the end of a field. What becomes of it there does not matter.
 */
static int set_stand_in(struct socket *sock, const struct qkd_suite *suite, int direction,
			void __user *scratch)
{
	union tls_crypto_context context = {
		.info = { .version = TLS_1_3_VERSION, .cipher_type = suite->cipher },
	};

	get_random_bytes((u8 *)&context + suite->key, suite->key_len);
	BUILD_BUG_ON(sizeof(context) > QKD_SCRATCH_LEN);
	if (copy_to_user(scratch, &context, suite->size))
		return -EFAULT;
	return sock->ops->setsockopt(sock, SOL_TLS, direction, USER_SOCKPTR(scratch), suite->size);
}

static int set_stand_ins(struct socket *sock, const struct qkd_suite *suite, void __user *scratch)
{
	int err = set_stand_in(sock, suite, TLS_TX, scratch)
			  ?: set_stand_in(sock, suite, TLS_RX, scratch);

	/* The caller's structure is as it was. */
	if (!err && clear_user(scratch, QKD_SCRATCH_LEN))
		err = -EFAULT;
	return err;
}

static bool is_of_suite(const union tls_crypto_context *option, const struct qkd_suite *suite)
{
	return option->info.version == TLS_1_3_VERSION && option->info.cipher_type == suite->cipher;
}

/* The socket's, if it is still as it was installed: in software. With its lock held. */
static struct tls_context *software_context(const struct sock *sk, const struct qkd_suite *suite)
{
	struct tls_context *ctx = tls_get_ctx(sk);

	if (!ctx || ctx->tx_conf != TLS_SW || ctx->rx_conf != TLS_SW ||
	    !is_of_suite(&ctx->crypto_send, suite) || !is_of_suite(&ctx->crypto_recv, suite))
		return NULL;
	return ctx;
}

static struct crypto_aead *cipher_of(const struct tls_context *ctx, bool tx)
{
	return tx ? tls_sw_ctx_tx(ctx)->aead_send : tls_sw_ctx_rx(ctx)->aead_recv;
}

/* With the socket's lock held: from record 0 on the cipher has this key, and the option none. */
static int set_key(struct tls_context *ctx, const struct qkd_suite *suite, bool tx,
		   const struct qkd_traffic_key *key)
{
	union tls_crypto_context *option = tx ? &ctx->crypto_send : &ctx->crypto_recv;
	struct cipher_context *cipher = tx ? &ctx->tx : &ctx->rx;
	int err = crypto_aead_setkey(cipher_of(ctx, tx), key->key, suite->key_len);

	if (err)
		return err;
	memzero_explicit((u8 *)option + suite->key, suite->key_len);
	/* Salt and IV, as the kernel's TLS names the parts of an IV, are side by side. */
	memcpy(cipher->iv, key->iv, sizeof(key->iv));
	memset(cipher->rec_seq, 0, SEQ_LEN);
	return 0;
}

static int set_true_keys(struct sock *sk, const struct qkd_suite *suite,
			 const struct qkd_traffic_key *tx, const struct qkd_traffic_key *rx)
{
	struct tls_context *ctx;
	int err = -EOPNOTSUPP;

	lock_sock(sk);
	ctx = software_context(sk, suite);
	if (ctx)
		err = set_key(ctx, suite, true, tx) ?: set_key(ctx, suite, false, rx);
	release_sock(sk);
	return err;
}

/**
 * qkd_ktls_install() - have the kernel's TLS protect a connection
 * @sock: a TCP socket to which qkd_ktls_attach() has just attached it
 * @suite: the connection's
 * @tx: with which this end protects its records, from number 0 on
 * @rx: with which the peer does
 * @scratch: QKD_SCRATCH_LEN bytes of the caller's, which could be written to just now
 *
 * Context: process; takes the socket's lock.
 *
 * Return: 0; -EOPNOTSUPP, its device would have had the key; -EIO, the kernel's TLS would not. Then both directions of the
 * socket are shut down, since one with the ULP and without keys sends in the clear.
 */
int qkd_ktls_install(struct socket *sock, const struct qkd_suite *suite,
		     const struct qkd_traffic_key *tx, const struct qkd_traffic_key *rx,
		     void __user *scratch)
{
	int err = set_stand_ins(sock, suite, scratch) ?: set_true_keys(sock->sk, suite, tx, rx);

	if (!err)
		return 0;
	kernel_sock_shutdown(sock, SHUT_RDWR);
	return err == -EOPNOTSUPP ? err : -EIO;
}

/**
 * qkd_ktls_update() - the next key of one direction, whose records begin with number 0 again
 * @sk: the socket
 * @suite: the connection's
 * @tx: that of what this end sends
 * @key: the key
 *
 * What the kernel's own option does from Linux 6.14 on, but for the key, which goes nowhere but into the cipher. Before
 * 6.14 nothing keeps a thread that receives from going on, under the old key, behind a KeyUpdate that was read but not
 * yet followed by this: whoever has read it calls this before anybody reads on.
 *
 * Context: process; takes the socket's lock.
 *
 * Return: 0; -ENOTCONN, the connection is over; or why the cipher refused the key.
 */
int qkd_ktls_update(struct sock *sk, const struct qkd_suite *suite, bool tx,
		    const struct qkd_traffic_key *key)
{
	struct tls_context *ctx;
	int err = -ENOTCONN;

	lock_sock(sk);
	ctx = sk->sk_state == TCP_CLOSE ? NULL : software_context(sk, suite);
	if (ctx)
		err = set_key(ctx, suite, tx, key);
	if (!err && !tx)
		qkd_tls_rx_goes_on(sk, tls_sw_ctx_rx(ctx));
	release_sock(sk);
	return err;
}
