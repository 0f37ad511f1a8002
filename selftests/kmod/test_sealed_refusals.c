// SPDX-License-Identifier: GPL-2.0-or-later
/* What sealed sessions refuse: calls out of order, sockets that are none, values that cannot be; and what outlives what. */
#include "sealed.h"

#include <sys/un.h>
#include <sys/wait.h>

#define SUITE  (&suites[1])
#define OTHER  (&suites[0]) /* of another hash */
#define RACERS 8

FIXTURE(refusals)
{
	struct pair pair;
};

FIXTURE_SETUP(refusals)
{
	ASSERT_EQ(0, pair_begin(&self->pair));
}

FIXTURE_TEARDOWN(refusals)
{
	pair_end(&self->pair);
}

/* ---- Order ---- */

enum step {
	BINDER,
	HANDSHAKE,
	APPLICATION,
	EXPORT,
	INSTALL,
	UPDATE,
	STEPS,
};

static int step(struct pair *pair, struct side *side, enum step step)
{
	uint8_t hash[QKD_HASH_LEN_MAX], bytes[QKD_HASH_LEN_MAX];

	pattern(hash, sizeof(hash), 2);
	switch (step) {
	case BINDER:
		return side == &pair->client
			       ? qkd_session_binder(side->session, SUITE->kdf, hash, bytes)
			       : qkd_session_check_binder(side->session, SUITE->kdf, hash, hash);
	case HANDSHAKE:
		return side_handshake(side, SUITE);
	case APPLICATION:
		return side_application(side, SUITE);
	case EXPORT:
		return side_export(side, SUITE, bytes, sizeof(bytes));
	case INSTALL:
		return side_install(side);
	default:
		return qkd_session_update(side->session, QKD_UPDATE_F_TX);
	}
}

/* Each step that may follow, of a client that has come so far */
TEST_F(refusals, any_other_order)
{
	static const bool may[STEPS][STEPS] = {
		[BINDER] = { [HANDSHAKE] = true, [BINDER] = true },
		[HANDSHAKE] = { [APPLICATION] = true },
		[APPLICATION] = { [EXPORT] = true, [INSTALL] = true },
		[INSTALL] = { [EXPORT] = true, [UPDATE] = true },
	};
	static const enum step path[] = { BINDER, HANDSHAKE, APPLICATION, INSTALL };
	struct pair *pair = &self->pair;

	ASSERT_EQ(0, pair_open(pair, SUITE->kdf));
	for (enum step s = HANDSHAKE; s < STEPS; s++)
		EXPECT_EQ(-EINVAL, step(pair, &pair->client, s));
	for (size_t i = 0; i < sizeof(path) / sizeof(path[0]); i++) {
		ASSERT_EQ(0, step(pair, &pair->client, path[i]));
		for (enum step s = BINDER; s < STEPS; s++) {
			if (may[path[i]][s])
				continue;
			EXPECT_EQ(-EINVAL, step(pair, &pair->client, s))
			{
				TH_LOG("%d behind %d", s, path[i]);
			}
		}
	}
	EXPECT_EQ(0, step(pair, &pair->client, EXPORT));
	EXPECT_EQ(0, step(pair, &pair->client, UPDATE));
}

TEST_F(refusals, a_server_checks_one_binder)
{
	struct pair *pair = &self->pair;

	ASSERT_EQ(0, pair_open(pair, SUITE->kdf));
	ASSERT_EQ(0, pair_binder(pair, SUITE->kdf));
	EXPECT_EQ(-EINVAL, step(pair, &pair->server, BINDER));
	EXPECT_EQ(0, side_handshake(&pair->server, SUITE));
}

/* Behind a wrong one it is over. */
TEST_F(refusals, a_session_that_is_over)
{
	struct pair *pair = &self->pair;

	ASSERT_EQ(0, pair_open(pair, SUITE->kdf));
	ASSERT_EQ(-EBADMSG, step(pair, &pair->server, BINDER));
	for (enum step s = BINDER; s < STEPS; s++)
		EXPECT_EQ(-EINVAL, step(pair, &pair->server, s));
}

/* ---- Values ---- */

TEST_F(refusals, values_that_cannot_be)
{
	struct qkd_session_open open = { .size = sizeof(open), .kdfs = 1U << QKD_KDF_SHA384 };
	struct qkd_session_open opens[5];
	struct pair *pair = &self->pair;
	const int fd = pair->client.end.fd;
	const uint64_t spent = stat_of(pair->client.end.nl, LINK, QKD_A_STATS_OUTBOUND_SPENT);

	for (size_t i = 0; i < sizeof(opens) / sizeof(opens[0]); i++)
		opens[i] = open;
	opens[0].kdfs = 0;
	opens[1].kdfs |= 1;
	opens[2].kdfs |= 1U << 3;
	opens[3].key_id[15] = 1;
	opens[4].timeout_ms = QKD_TIMEOUT_MS_MAX + 1;
	for (size_t i = 0; i < sizeof(opens) / sizeof(opens[0]); i++)
		EXPECT_EQ(-EINVAL, call(fd, QKD_IOC_OPEN_SESSION, &opens[i]));
	open.flags = 2;
	EXPECT_EQ(-EOPNOTSUPP, call(fd, QKD_IOC_OPEN_SESSION, &open));
	open.flags = 0;
	open.size = sizeof(open) - 1;
	EXPECT_EQ(-EINVAL, call(fd, QKD_IOC_OPEN_SESSION, &open));
	open.size = 5000;
	EXPECT_EQ(-E2BIG, call(fd, QKD_IOC_OPEN_SESSION, &open));
	EXPECT_EQ(-EFAULT, call(fd, QKD_IOC_OPEN_SESSION, NULL));
	EXPECT_EQ(spent, stat_of(pair->client.end.nl, LINK, QKD_A_STATS_OUTBOUND_SPENT));
}

TEST_F(refusals, binders_that_cannot_be)
{
	struct qkd_session_binder good = { .size = sizeof(good), .kdf = QKD_KDF_SHA256 }, args;
	struct pair *pair = &self->pair;

	pair->client.session = qkd_session_open_client(pair->client.end.fd, 1U << QKD_KDF_SHA256,
						       pair->context, DEADLINE_MS, pair->id);
	ASSERT_LE(0, pair->client.session);
#define REFUSED(ERRNO, CHANGE)                                                      \
	do {                                                                        \
		args = good;                                                        \
		CHANGE;                                                             \
		EXPECT_EQ(ERRNO, call(pair->client.session, QKD_IOC_BINDER, &args)) \
		{                                                                   \
			TH_LOG("%s", #CHANGE);                                      \
		}                                                                   \
	} while (0)
	REFUSED(-EINVAL, args.kdf = 0);
	REFUSED(-EINVAL, args.kdf = QKD_KDF_SHA384); /* not asked for */
	REFUSED(-EINVAL, args.kdf = 3);
	REFUSED(-EINVAL, args.kdf = UINT32_MAX);
	REFUSED(-EINVAL, args.reserved = 1);
	REFUSED(-EINVAL, args.binder[47] = 1);
	REFUSED(-EINVAL, args.transcript_hash[32] = 1); /* longer than the hash */
	REFUSED(-EOPNOTSUPP, args.flags = 1);
	REFUSED(-EINVAL, args.size = sizeof(args) - 1);
	REFUSED(-E2BIG, args.size = 4097);
	REFUSED(0, (void)0);
#undef REFUSED
	EXPECT_EQ(-ENOTTY, call(pair->client.session, QKD_IOC_GET_KEY, &args));
	EXPECT_EQ(-ENOTTY, call(pair->client.session, _IO(QKD_IOC_MAGIC, 22), &args));
	EXPECT_EQ(-ENOTTY, call(pair->client.session, _IO(QKD_IOC_MAGIC + 1, 16), &args));
	EXPECT_EQ(-ENOTTY, call(pair->client.end.fd, QKD_IOC_BINDER, &args));
	EXPECT_EQ(-EFAULT, call(pair->client.session, QKD_IOC_BINDER, NULL));
}

TEST_F(refusals, handshakes_that_cannot_be)
{
	struct qkd_session_handshake good = { .size = sizeof(good),
					      .suite = 0x1302,
					      .kex_len = KEX_LEN },
				     args;
	struct pair *pair = &self->pair;

	ASSERT_EQ(0, pair_open(pair, SUITE->kdf));
	ASSERT_EQ(0, step(pair, &pair->client, BINDER));
#define REFUSED(ERRNO, CHANGE)                                                         \
	do {                                                                           \
		args = good;                                                           \
		CHANGE;                                                                \
		EXPECT_EQ(ERRNO, call(pair->client.session, QKD_IOC_HANDSHAKE, &args)) \
		{                                                                      \
			TH_LOG("%s", #CHANGE);                                         \
		}                                                                      \
	} while (0)
	REFUSED(-EINVAL, args.suite = 0);
	REFUSED(-EINVAL, args.suite = 0x1304);
	REFUSED(-EINVAL, args.suite = 0x1301); /* of the other hash */
	REFUSED(-EINVAL, args.suite = 0x11302);
	REFUSED(-EINVAL, args.kex_len = 0);
	REFUSED(-EINVAL, args.kex_len = QKD_KEX_LEN_MAX + 1);
	REFUSED(-EINVAL, args.kex_len = UINT32_MAX);
	REFUSED(-EINVAL, args.kex_secret[KEX_LEN] = 1);
	REFUSED(-EINVAL, args.client_secret[0] = 1);
	REFUSED(-EINVAL, args.server_secret[47] = 1);
	REFUSED(-EOPNOTSUPP, args.flags = 1);
	REFUSED(0, (void)0);
#undef REFUSED
}

TEST_F(refusals, exports_and_updates_that_cannot_be)
{
	struct qkd_session_export good = { .size = sizeof(good), .len = 1, .label = "x" }, args;
	struct pair *pair = &self->pair;

	ASSERT_EQ(0, pair_shake_hands(pair, OTHER));
#define REFUSED(ERRNO, CHANGE)                                                      \
	do {                                                                        \
		args = good;                                                        \
		CHANGE;                                                             \
		EXPECT_EQ(ERRNO, call(pair->client.session, QKD_IOC_EXPORT, &args)) \
		{                                                                   \
			TH_LOG("%s", #CHANGE);                                      \
		}                                                                   \
	} while (0)
	REFUSED(-EINVAL, args.len = 0);
	REFUSED(-EINVAL, args.len = QKD_EXPORT_LEN_MAX + 1);
	REFUSED(-EINVAL, args.label[0] = '\0');
	REFUSED(-EINVAL, memset(args.label, 'x', sizeof(args.label)));
	REFUSED(-EINVAL, memset(args.label, 'x', QKD_LABEL_LEN_MAX + 1));
	REFUSED(-EINVAL, args.label[2] = 'x');
	REFUSED(-EINVAL, args.context_hash[32] = 1);
	REFUSED(-EINVAL, args.reserved = 1);
	REFUSED(-EINVAL, args.out[1] = 1);
	REFUSED(0, memset(args.label, 'x', QKD_LABEL_LEN_MAX));
	REFUSED(0, args.len = QKD_EXPORT_LEN_MAX);
#undef REFUSED
	ASSERT_EQ(0, pair_install(pair));
	EXPECT_EQ(-EINVAL, qkd_session_update(pair->client.session, 0));
	EXPECT_EQ(-EINVAL,
		  qkd_session_update(pair->client.session, QKD_UPDATE_F_TX | QKD_UPDATE_F_RX));
	EXPECT_EQ(-EOPNOTSUPP, qkd_session_update(pair->client.session, 4));
	EXPECT_TRUE(passes_both_ways(pair));
}

/* ---- Memory ---- */

/* INSTALL writes to the caller's structure for a moment: where it cannot, nothing has begun. */
TEST_F(refusals, an_installation_in_memory_that_cannot_be_written)
{
	struct pair *pair = &self->pair;
	struct qkd_session_install *arg =
		mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, arg);
	ASSERT_EQ(0, pair_shake_hands(pair, SUITE));
	arg->size = sizeof(*arg);
	arg->socket = pair->client.socket;
	arg->scratch[QKD_SCRATCH_LEN - 1] = 1;
	EXPECT_EQ(-1, ioctl(pair->client.session, QKD_IOC_INSTALL, arg));
	EXPECT_EQ(EINVAL, errno);
	arg->scratch[QKD_SCRATCH_LEN - 1] = 0;
	ASSERT_EQ(0, mprotect(arg, 4096, PROT_READ));
	EXPECT_EQ(-1, ioctl(pair->client.session, QKD_IOC_INSTALL, arg));
	EXPECT_EQ(EFAULT, errno);
	ASSERT_EQ(0, mprotect(arg, 4096, PROT_READ | PROT_WRITE));
	ASSERT_EQ(0, ioctl(pair->client.session, QKD_IOC_INSTALL, arg));
	/* Nothing stays in it. */
	for (size_t i = 0; i < QKD_SCRATCH_LEN; i++)
		EXPECT_EQ(0, arg->scratch[i]);
	ASSERT_EQ(0, side_install(&pair->server));
	EXPECT_TRUE(passes_both_ways(pair));
	munmap(arg, 4096);
}

/* ---- Devices that protect records ---- */

#define TLSDEV "qkd_tlsdev"

static unsigned int keys_of_the_device(void)
{
	unsigned int keys = 0;
	FILE *file = fopen("/sys/module/" TLSDEV "/parameters/taken", "re");

	if (file) {
		if (fscanf(file, "%u", &keys) != 1)
			keys = 0;
		fclose(file);
	}
	return keys;
}

static int tls12_key(int fd)
{
	struct tls12_crypto_info_aes_gcm_128 key = {
		.info = { .version = TLS_1_2_VERSION, .cipher_type = TLS_CIPHER_AES_GCM_128 },
	};

	if (setsockopt(fd, IPPROTO_TCP, TCP_ULP, "tls", 3) ||
	    setsockopt(fd, SOL_TLS, TLS_TX, &key, sizeof(key)))
		return -errno;
	return 0;
}

static void expect_software(struct __test_metadata *_metadata, struct pair *pair)
{
	EXPECT_EQ(0, side_install(&pair->server));
	EXPECT_TRUE(passes_both_ways(pair));
}

static void expect_refused(struct __test_metadata *_metadata, struct pair *pair)
{
	uint8_t out[16];
	char byte;

	EXPECT_EQ(-1, send(pair->client.socket, "x", 1, MSG_NOSIGNAL));
	EXPECT_EQ(EPIPE, errno);
	EXPECT_EQ(0, recv(pair->server.socket, &byte, 1, 0));
	EXPECT_GT(0, side_export(&pair->client, SUITE, out, sizeof(out)));
}

/*
 * Up to Linux 7.3 a device gets keys of TLS 1.2 only, so the connection stays in software. Where it gets others it has had
 * the stand-in, and nobody a connection.
 */
TEST_F(refusals, a_device_that_would_take_the_key)
{
	struct pair *pair = &self->pair;
	int client, server, ret;

	if (load_module(TLSDEV, NULL))
		SKIP(return, "the kernel's TLS knows no devices");
	EXPECT_EQ(0, connect_tcp(&client, &server));
	EXPECT_EQ(0, tls12_key(client));
	EXPECT_EQ(1, keys_of_the_device());
	close(client);
	close(server);

	EXPECT_EQ(0, pair_shake_hands(pair, SUITE));
	ret = side_install(&pair->client);
	if (keys_of_the_device() == 1) {
		EXPECT_EQ(0, ret);
		expect_software(_metadata, pair);
	} else {
		EXPECT_EQ(-EOPNOTSUPP, ret);
		expect_refused(_metadata, pair);
	}
	side_end(&pair->client);
	side_end(&pair->server);
	/* What is given back late is waited for. */
	ASSERT_SOON(!unload_module(TLSDEV));
}

/* ---- Sockets ---- */

static int tcp_socket(void)
{
	return socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
}

static int install_at(struct pair *pair, int fd)
{
	return qkd_session_install(pair->client.session, fd, GROUP, PEER);
}

TEST_F(refusals, sockets_that_cannot_be)
{
	struct pair *pair = &self->pair;
	int pipes[2], unix_fd, udp_fd, unconnected, client, server, listener;

	ASSERT_EQ(0, pair_shake_hands(pair, SUITE));
	ASSERT_EQ(0, pipe(pipes));
	unix_fd = socket(AF_UNIX, SOCK_STREAM, 0);
	udp_fd = socket(AF_INET, SOCK_DGRAM, 0);
	unconnected = tcp_socket();
	listener = tcp_socket();
	ASSERT_EQ(0, listen(listener, 1));
	EXPECT_EQ(-EBADF, install_at(pair, -1));
	EXPECT_EQ(-EBADF, install_at(pair, 1000));
	EXPECT_EQ(-ENOTSOCK, install_at(pair, pipes[0]));
	EXPECT_EQ(-ENOTSOCK, install_at(pair, pair->client.session));
	EXPECT_EQ(-EINVAL, install_at(pair, unix_fd));
	EXPECT_EQ(-EINVAL, install_at(pair, udp_fd));
	EXPECT_EQ(-ENOTCONN, install_at(pair, unconnected));
	EXPECT_EQ(-ENOTCONN, install_at(pair, listener));
	/* With the ULP already, with keys or without */
	ASSERT_EQ(0, connect_tcp(&client, &server));
	ASSERT_EQ(0, setsockopt(client, IPPROTO_TCP, TCP_ULP, "tls", 3));
	EXPECT_EQ(-EEXIST, install_at(pair, client));
	/* Of another namespace */
	ASSERT_EQ(0, unshare(CLONE_NEWNET));
	ASSERT_EQ(0, system("ip link set lo up"));
	close(client);
	close(server);
	ASSERT_EQ(0, connect_tcp(&client, &server));
	EXPECT_EQ(-EINVAL, install_at(pair, client));
	EXPECT_EQ(-EINVAL,
		  qkd_session_install(pair->client.session, pair->client.socket, GROUP, "a\nb"));
	EXPECT_EQ(-EINVAL,
		  qkd_session_install(pair->client.session, pair->client.socket, GROUP, "a\"b"));
	/* Nothing has changed. */
	ASSERT_EQ(0, setns(pair->client.end.ns, CLONE_NEWNET));
	ASSERT_EQ(0, pair_install(pair));
	EXPECT_TRUE(passes_both_ways(pair));
}

/* The peer has gone: the ULP takes connected sockets only. */
TEST_F(refusals, a_socket_whose_peer_has_gone)
{
	struct pair *pair = &self->pair;
	char byte;

	ASSERT_EQ(0, pair_shake_hands(pair, SUITE));
	close(pair->server.socket);
	pair->server.socket = -1;
	ASSERT_EQ(0, recv(pair->client.socket, &byte, 1, 0));
	EXPECT_EQ(-ENOTCONN, side_install(&pair->client));
}

/* A cipher that is built in is in /proc/crypto once somebody has used it, and stays there. */
static int use_chacha20(struct pair *pair)
{
	const int ret = pair_shake_hands(pair, &suites[2]) ?: pair_install(pair);

	pair_end(pair);
	return pair_begin(pair) ?: ret;
}

/* Whether there is no such module, or no more: the sockets that used it give it back a little later. */
static bool chacha20_is_out(void)
{
	bool out;

	for (int i = 0; i < DEADLINE_MS / SHORT_MS; i++) {
		out = system("grep -q '^chacha20poly1305 ' /proc/modules") ||
		      !system("modprobe -r chacha20poly1305 2>/dev/null");
		if (out)
			break;
		usleep(SHORT_MS * 1000);
	}
	return out;
}

/* No cipher: the ULP is on the socket by then, and a socket without keys would send in the clear. */
TEST_F(refusals, a_socket_that_gets_no_key_sends_nothing)
{
	struct pair *pair = &self->pair;
	char byte;

	ASSERT_EQ(0, use_chacha20(pair));
	if (!chacha20_is_out())
		SKIP(return, "this kernel's ChaCha20-Poly1305 cannot be taken out");
	if (!system("grep -q 'rfc7539(chacha20' /proc/crypto"))
		SKIP(return, "this kernel has its ChaCha20-Poly1305 built in");
	ASSERT_EQ(0, system("cp /proc/sys/kernel/modprobe /tmp/modprobe.was && "
			    "echo /nonexistent >/proc/sys/kernel/modprobe"));
	ASSERT_EQ(0, pair_shake_hands(pair, &suites[2]));
	EXPECT_EQ(-EIO, side_install(&pair->client));
	ASSERT_EQ(0, system("cat /tmp/modprobe.was >/proc/sys/kernel/modprobe"));
	EXPECT_EQ(-1, send(pair->client.socket, "clear", 5, MSG_NOSIGNAL));
	EXPECT_EQ(0, recv(pair->server.socket, &byte, 1, 0));
	EXPECT_EQ(-EINVAL, side_install(&pair->client));
	EXPECT_EQ(-EINVAL, step(pair, &pair->client, EXPORT));
}

/* ---- What outlives what ---- */

TEST_F(refusals, a_link_that_goes_before_the_binder)
{
	struct pair *pair = &self->pair;

	ASSERT_EQ(0, pair_open(pair, SUITE->kdf));
	ASSERT_EQ(0, qkd_nl_link_delete(pair->client.end.nl, "beta"));
	EXPECT_EQ(-ENODEV, pair_binder(pair, SUITE->kdf));
	EXPECT_EQ(-EINVAL, side_handshake(&pair->server, SUITE));
	/* The client's key was its own already. */
	EXPECT_EQ(0, side_handshake(&pair->client, SUITE));
}

TEST_F(refusals, a_key_that_is_withdrawn_before_the_binder)
{
	struct pair *pair = &self->pair;

	ASSERT_EQ(0, pair_open(pair, SUITE->kdf));
	ASSERT_EQ(0, qkd_nl_link_purge(pair->client.end.nl, "beta"));
	EXPECT_EQ(-EKEYREVOKED, pair_binder(pair, SUITE->kdf));
	EXPECT_EQ(-EINVAL, side_handshake(&pair->server, SUITE));
}

/* Links, their provider and their names go; the connection and its sessions stay. */
TEST_F(refusals, a_session_outlives_its_link)
{
	struct pair *pair = &self->pair;

	ASSERT_EQ(0, pair_shake_hands(pair, SUITE));
	ASSERT_EQ(0, qkd_nl_link_delete(pair->client.end.nl, LINK));
	ASSERT_EQ(0, pair_install(pair));
	ASSERT_EQ(0, qkd_nl_link_delete(pair->client.end.nl, "beta"));
	EXPECT_TRUE(passes_both_ways(pair));
	EXPECT_EQ(0, update(&pair->client, &pair->server));
	EXPECT_EQ(0, update(&pair->server, &pair->client));
	EXPECT_TRUE(passes_both_ways(pair));
}

static int count(const struct qkd_session_info *info, void *arg)
{
	++*(int *)arg;
	return 0;
}

/* A descriptor is whoever's has it. */
TEST_F(refusals, another_process_goes_on_with_it)
{
	struct pair *pair = &self->pair;
	int number = 0;
	pid_t pid;

	ASSERT_EQ(0, pair_shake_hands(pair, SUITE));
	pid = fork();
	if (!pid) {
		/* Not even of the same namespace any more */
		if (unshare(CLONE_NEWNET) || pair_install(pair) ||
		    update(&pair->client, &pair->server) || !passes_both_ways(pair))
			_exit(1);
		_exit(0);
	}
	EXPECT_TRUE(exited_with_0(await(pid)));
	EXPECT_EQ(0, update(&pair->server, &pair->client));
	EXPECT_TRUE(passes_both_ways(pair));
	ASSERT_EQ(0, qkd_nl_session_list(pair->client.end.nl, count, &number));
	EXPECT_EQ(2, number);
}

/* ---- Several at once ---- */

struct racer {
	pthread_t thread;
	struct pair *pair;
	enum step step;
	int ret;
};

static void *race(void *arg)
{
	struct racer *racer = arg;

	racer->ret = step(racer->pair, &racer->pair->client, racer->step);
	return NULL;
}

/* Of several that do the same one does it. */
TEST_F(refusals, the_same_call_by_several_threads)
{
	static const enum step path[] = { HANDSHAKE, APPLICATION, INSTALL };
	struct racer racers[RACERS];
	struct pair *pair = &self->pair;

	ASSERT_EQ(0, pair_open(pair, SUITE->kdf));
	ASSERT_EQ(0, pair_binder(pair, SUITE->kdf));
	for (size_t i = 0; i < sizeof(path) / sizeof(path[0]); i++) {
		int done = 0;

		for (int r = 0; r < RACERS; r++) {
			racers[r] = (struct racer){ .pair = pair, .step = path[i] };
			ASSERT_EQ(0, pthread_create(&racers[r].thread, NULL, race, &racers[r]));
		}
		for (int r = 0; r < RACERS; r++) {
			pthread_join(racers[r].thread, NULL);
			done += !racers[r].ret;
			EXPECT_TRUE(!racers[r].ret || racers[r].ret == -EINVAL);
		}
		EXPECT_EQ(1, done);
	}
	ASSERT_EQ(0, side_handshake(&pair->server, SUITE));
	ASSERT_EQ(0, side_application(&pair->server, SUITE));
	ASSERT_EQ(0, side_install(&pair->server));
	EXPECT_TRUE(passes_both_ways(pair));
}

/* ---- A link that shows no program its keys ---- */

TEST_F(refusals, keys_in_the_clear_of_a_link_that_gives_none)
{
	const uint32_t off = 0, on = 1;
	const struct qkd_link_change change = { .name = LINK, .raw = &off },
				     back = { .name = LINK, .raw = &on },
				     beta = { .name = "beta", .raw = &off };
	struct pair *pair = &self->pair;
	struct qkd_link_info info;
	struct qkd_record record;
	struct qkd_key_get get;

	ASSERT_EQ(0, qkd_nl_link_set(pair->client.end.nl, &change));
	ASSERT_EQ(0, qkd_nl_link_set(pair->client.end.nl, &beta));
	ASSERT_EQ(0, qkd_nl_link_get(pair->client.end.nl, LINK, &info));
	EXPECT_EQ(0, info.raw);
	EXPECT_EQ(-EACCES, get_key(pair->client.end.fd, 0, &get));
	EXPECT_EQ(-1, read(pair->client.end.fd, &record, sizeof(record)));
	EXPECT_EQ(EACCES, errno);
	EXPECT_EQ(0, stat_of(pair->client.end.nl, LINK, QKD_A_STATS_OUTBOUND_SPENT));
	ASSERT_EQ(0, pair_shake_hands(pair, SUITE));
	EXPECT_EQ(-EACCES, get_by_id(pair->server.end.fd, pair->id, 0, &get));
	ASSERT_EQ(0, pair_install(pair));
	EXPECT_TRUE(passes_both_ways(pair));
	ASSERT_EQ(0, qkd_nl_link_set(pair->client.end.nl, &back));
	EXPECT_EQ(0, get_key(pair->client.end.fd, DEADLINE_MS, &get));
}

TEST_HARNESS_MAIN
