// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * That a process which shakes hands with a sealed key has no secret of it: its whole memory is searched, again and again
 * while it does. The same search finds them all in one whose key is not sealed.
 *
 * The helper is stopped behind each step of its key schedule, and this process, which may read its memory, keeps a copy.
 * This process is also the helper's peer, with the same key in the clear: so it learns what to look for, in the end.
 */
#include "engine.h"

#include <pthread.h>

#include "tls/crypto_hash.h"
#include "tls/schedule.h"

#define SNAPSHOTS_MAX 64
#define SECRETS_MAX   32
#define FRAGMENT      16 /* bytes of a secret that must not be there */

/* ---- What both processes pass through: the helper stops there, its peer takes notes ---- */

struct secret {
	const char *what;
	uint8_t bytes[QKDTLS_HASH_MAX];
	size_t len;
	bool is_found;
};

static bool is_helper;
static struct secret secrets[SECRETS_MAX];
static size_t secret_count;
/* The handshake's traffic secrets, which a sealed helper has too */
static uint8_t known[2][QKDTLS_HASH_MAX];

static void note(const char *what, const uint8_t *bytes, size_t len)
{
	struct secret *secret = &secrets[secret_count];

	if (is_helper) {
		raise(SIGSTOP);
		return;
	}
	if (secret_count == SECRETS_MAX || len > sizeof(secret->bytes))
		abort();
	*secret = (struct secret){ .what = what, .len = len };
	memcpy(secret->bytes, bytes, len);
	secret_count++;
}

static void stop(void)
{
	if (is_helper)
		raise(SIGSTOP);
}

int __real_qkdtls_schedule_import(struct qkdtls_schedule *schedule, enum qkdtls_hash epsk_hash,
				  const uint8_t *epsk, size_t epsk_len, const uint8_t *identity,
				  size_t identity_len);
int __wrap_qkdtls_schedule_import(struct qkdtls_schedule *schedule, enum qkdtls_hash epsk_hash,
				  const uint8_t *epsk, size_t epsk_len, const uint8_t *identity,
				  size_t identity_len);
int __wrap_qkdtls_schedule_import(struct qkdtls_schedule *schedule, enum qkdtls_hash epsk_hash,
				  const uint8_t *epsk, size_t epsk_len, const uint8_t *identity,
				  size_t identity_len)
{
	note("QKD key", epsk, epsk_len);
	return __real_qkdtls_schedule_import(schedule, epsk_hash, epsk, epsk_len, identity,
					     identity_len);
}

/* Every secret of a schedule comes by here when something is derived from it. */
int __real_qkdtls_hkdf_set_prk(struct qkdtls_hkdf *hkdf, const uint8_t *prk, size_t len);
int __wrap_qkdtls_hkdf_set_prk(struct qkdtls_hkdf *hkdf, const uint8_t *prk, size_t len);
int __wrap_qkdtls_hkdf_set_prk(struct qkdtls_hkdf *hkdf, const uint8_t *prk, size_t len)
{
	const int ret = __real_qkdtls_hkdf_set_prk(hkdf, prk, len);

	note("secret", prk, len);
	return ret;
}

int __real_qkdtls_schedule_seal(struct qkdtls_schedule *schedule, struct qkdtls_seal *seal);
int __wrap_qkdtls_schedule_seal(struct qkdtls_schedule *schedule, struct qkdtls_seal *seal);
int __wrap_qkdtls_schedule_seal(struct qkdtls_schedule *schedule, struct qkdtls_seal *seal)
{
	const int ret = __real_qkdtls_schedule_seal(schedule, seal);

	stop();
	return ret;
}

int __real_qkdtls_schedule_handshake(struct qkdtls_schedule *schedule, const uint8_t *kex_secret,
				     size_t len, const uint8_t *transcript_hash);
int __wrap_qkdtls_schedule_handshake(struct qkdtls_schedule *schedule, const uint8_t *kex_secret,
				     size_t len, const uint8_t *transcript_hash);
int __wrap_qkdtls_schedule_handshake(struct qkdtls_schedule *schedule, const uint8_t *kex_secret,
				     size_t len, const uint8_t *transcript_hash)
{
	const int ret =
		__real_qkdtls_schedule_handshake(schedule, kex_secret, len, transcript_hash);

	for (int role = 0; !is_helper && role < 2; role++)
		(void)qkdtls_schedule_reveal(schedule, QKDTLS_EPOCH_HANDSHAKE,
					     (enum qkdtls_role)role, known[role]);
	stop();
	return ret;
}

int __real_qkdtls_schedule_application(struct qkdtls_schedule *schedule,
				       const uint8_t *transcript_hash);
int __wrap_qkdtls_schedule_application(struct qkdtls_schedule *schedule,
				       const uint8_t *transcript_hash);
int __wrap_qkdtls_schedule_application(struct qkdtls_schedule *schedule,
				       const uint8_t *transcript_hash)
{
	const int ret = __real_qkdtls_schedule_application(schedule, transcript_hash);

	stop();
	return ret;
}

int __real_qkdtls_schedule_traffic_key(const struct qkdtls_schedule *schedule,
				       enum qkdtls_epoch epoch, enum qkdtls_role sender,
				       const struct qkdtls_suite *suite,
				       struct qkdtls_traffic_key *key);
int __wrap_qkdtls_schedule_traffic_key(const struct qkdtls_schedule *schedule,
				       enum qkdtls_epoch epoch, enum qkdtls_role sender,
				       const struct qkdtls_suite *suite,
				       struct qkdtls_traffic_key *key);
int __wrap_qkdtls_schedule_traffic_key(const struct qkdtls_schedule *schedule,
				       enum qkdtls_epoch epoch, enum qkdtls_role sender,
				       const struct qkdtls_suite *suite,
				       struct qkdtls_traffic_key *key)
{
	const int ret = __real_qkdtls_schedule_traffic_key(schedule, epoch, sender, suite, key);

	if (!ret && epoch == QKDTLS_EPOCH_APPLICATION)
		note("traffic key", key->key, key->key_len);
	return ret;
}

/* ---- Copies of the helper's memory ---- */

struct snapshot {
	uint8_t *bytes;
	size_t len;
};

static struct snapshot snapshots[SNAPSHOTS_MAX];
static size_t snapshot_count;

static void add_region(struct snapshot *snapshot, int memory, unsigned long from, unsigned long to)
{
	uint8_t *bytes = realloc(snapshot->bytes, snapshot->len + (to - from));
	ssize_t got;

	if (!bytes)
		abort();
	snapshot->bytes = bytes;
	got = pread(memory, bytes + snapshot->len, to - from, (off_t)from);
	if (got > 0)
		snapshot->len += (size_t)got;
}

/* All that the process may have written */
static bool take_snapshot(pid_t pid)
{
	struct snapshot *snapshot = &snapshots[snapshot_count];
	char path[64], line[512], perms[8];
	unsigned long from, to;
	FILE *maps;
	int memory;

	if (snapshot_count == SNAPSHOTS_MAX)
		return false;
	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	memory = open(path, O_RDONLY | O_CLOEXEC);
	snprintf(path, sizeof(path), "/proc/%d/maps", pid);
	maps = fopen(path, "re");
	if (memory < 0 || !maps)
		return false;
	while (fgets(line, sizeof(line), maps))
		if (sscanf(line, "%lx-%lx %7s", &from, &to, perms) == 3 && perms[1] == 'w')
			add_region(snapshot, memory, from, to);
	fclose(maps);
	close(memory);
	snapshot_count++;
	return snapshot->len > 0;
}

static bool has(const struct snapshot *snapshot, const uint8_t *bytes, size_t len)
{
	return memmem(snapshot->bytes, snapshot->len, bytes, len);
}

static bool is_anywhere(const uint8_t *bytes, size_t len)
{
	for (size_t i = 0; i < snapshot_count; i++)
		if (has(&snapshots[i], bytes, FRAGMENT) ||
		    has(&snapshots[i], bytes + len - FRAGMENT, FRAGMENT))
			return true;
	return false;
}

/* ---- The two ends ---- */

/* A handshake, the kernel's TLS, and a byte each way */
static int run_end(const struct pair *pair, enum qkdtls_role role, bool sealed)
{
	const struct side *side = role == QKDTLS_CLIENT ? &pair->client : &pair->server;
	struct qkdtls_conn *conn;
	char byte;
	int ret;

	conn = engine_connect(pair, role, "TLS_AES_256_GCM_SHA384", sealed, &ret);
	fcntl(side->socket, F_SETFL, 0);
	if (conn && (qkdtls_sock_send(conn, side->socket, "x", 1) != 1 ||
		     qkdtls_sock_recv(conn, side->socket, &byte, 1) != 1))
		ret = -EIO;
	stop();
	qkdtls_conn_free(conn);
	stop();
	return ret;
}

struct peer {
	pthread_t thread;
	const struct pair *pair;
	enum qkdtls_role role;
	int ret;
};

static void *be_peer(void *arg)
{
	struct peer *peer = arg;

	peer->ret = run_end(peer->pair, peer->role, false);
	return NULL;
}

FIXTURE(memory)
{
	struct pair pair;
};

FIXTURE_SETUP(memory)
{
	ASSERT_EQ(0, pair_begin(&self->pair));
}

FIXTURE_TEARDOWN(memory)
{
	pair_end(&self->pair);
}

FIXTURE_VARIANT(memory)
{
	enum qkdtls_role role;
	bool sealed;
};

FIXTURE_VARIANT_ADD(memory, of_a_sealed_client){
	.role = QKDTLS_CLIENT,
	.sealed = true,
};
FIXTURE_VARIANT_ADD(memory, of_a_sealed_server){
	.role = QKDTLS_SERVER,
	.sealed = true,
};
FIXTURE_VARIANT_ADD(memory, of_a_client){
	.role = QKDTLS_CLIENT,
	.sealed = false,
};
FIXTURE_VARIANT_ADD(memory, of_a_server){
	.role = QKDTLS_SERVER,
	.sealed = false,
};

/* How the helper ended; a copy of its memory is kept whenever it stops. */
static int watch_helper(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, WUNTRACED) == pid && WIFSTOPPED(status)) {
		if (!take_snapshot(pid) || kill(pid, SIGCONT)) {
			kill(pid, SIGKILL);
			waitpid(pid, &status, 0);
			return -1;
		}
	}
	return status;
}

TEST_F(memory, has_secrets_or_not)
{
	struct peer peer = { .pair = &self->pair,
			     .role = variant->role == QKDTLS_CLIENT ? QKDTLS_SERVER
								    : QKDTLS_CLIENT };
	size_t looked_for = 0;
	pid_t pid = fork();

	ASSERT_LE(0, pid);
	if (!pid) {
		is_helper = true;
		_exit(run_end(&self->pair, variant->role, variant->sealed) ? 1 : 0);
	}
	ASSERT_EQ(0, pthread_create(&peer.thread, NULL, be_peer, &peer));
	EXPECT_TRUE(exited_with_0(watch_helper(pid)));
	pthread_join(peer.thread, NULL);
	ASSERT_EQ(0, peer.ret);
	ASSERT_LT(5, snapshot_count);

	/* What it does have is found: the search works. */
	for (int role = 0; role < 2; role++)
		EXPECT_TRUE(is_anywhere(known[role], sizeof(known[role])));
	for (size_t i = 0; i < secret_count; i++) {
		const struct secret *secret = &secrets[i];

		if (!memcmp(secret->bytes, known[0], secret->len) ||
		    !memcmp(secret->bytes, known[1], secret->len))
			continue;
		looked_for++;
		EXPECT_EQ(!variant->sealed, is_anywhere(secret->bytes, secret->len))
		{
			TH_LOG("%s %zu", secret->what, i);
		}
	}
	/* The key, its two stages, binder key, Early, Handshake and Main Secret, both traffic secrets and keys */
	EXPECT_LE(9, looked_for);
	TH_LOG("%zu secrets in %zu copies of %zu KiB", looked_for, snapshot_count,
	       snapshots[0].len >> 10);
}

TEST_HARNESS_MAIN
