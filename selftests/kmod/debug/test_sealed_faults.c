// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Calls of sealed sessions with each of their chances to fail, one after the other, as test_faults has it for the rest. A
 * call that failed has changed nothing, and succeeds when it is made again, unless it was only its answer that could not be
 * written; but for INSTALL, which once it has begun ends the session and shuts the socket down: it sends nothing.
 */
#include "sealed.h"

#include "faults.h"

#define TIMEOUT_S 1200
#define SUITE	  (&suites[1]) /* with the hash that is not the key's own */

enum step {
	OPEN_CLIENT,
	OPEN_SERVER,
	BINDER,
	CHECK_BINDER,
	HANDSHAKE,
	APPLICATION,
	EXPORT,
	INSTALL,
	UPDATE,
	STEPS,
};

FIXTURE(faults)
{
	struct pair pair;
	uint8_t binder[QKD_HASH_LEN_MAX];
};

FIXTURE_SETUP(faults)
{
	nth_file = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, nth_file);
	ASSERT_EQ(0, prepare_faults());
	ASSERT_EQ(0, pair_begin(&self->pair));
}

FIXTURE_TEARDOWN(faults)
{
	pair_end(&self->pair);
	close(nth_file);
}

static int open_side(struct side *side, int session)
{
	side->session = session;
	return session < 0 ? session : 0;
}

/* The client's part of it, or what only the server does */
static int make(FIXTURE_DATA(faults) * self, enum step step)
{
	struct pair *pair = &self->pair;
	uint8_t hash[QKD_HASH_LEN_MAX], out[16];

	pattern(hash, sizeof(hash), 2);
	switch (step) {
	case OPEN_CLIENT:
		return open_side(&pair->client,
				 qkd_session_open_client(pair->client.end.fd, 1U << SUITE->kdf,
							 pair->context, DEADLINE_MS, pair->id));
	case OPEN_SERVER:
		return open_side(&pair->server,
				 qkd_session_open_server(pair->server.end.fd, 1U << SUITE->kdf,
							 pair->context, pair->id, DEADLINE_MS));
	case BINDER:
		return qkd_session_binder(pair->client.session, SUITE->kdf, hash, self->binder);
	case CHECK_BINDER:
		return qkd_session_check_binder(pair->server.session, SUITE->kdf, hash,
						self->binder);
	case HANDSHAKE:
		return side_handshake(&pair->client, SUITE);
	case APPLICATION:
		return side_application(&pair->client, SUITE);
	case EXPORT:
		return side_export(&pair->client, SUITE, out, sizeof(out));
	case INSTALL:
		return side_install(&pair->client);
	case UPDATE:
		return qkd_session_update(pair->client.session, QKD_UPDATE_F_TX);
	case STEPS:
		break;
	}
	return -EINVAL;
}

/* What has to be before it */
static int prepare(const struct pair *pair, enum step step)
{
	if (step != UPDATE)
		return 0;
	return send_record(pair->client.socket, HANDSHAKE_RECORD, key_update, sizeof(key_update));
}

/* The server's part of it, behind the client's */
static int follow(struct pair *pair, enum step step)
{
	uint8_t got[sizeof(key_update)], type;

	switch (step) {
	case HANDSHAKE:
		return side_handshake(&pair->server, SUITE);
	case APPLICATION:
		return side_application(&pair->server, SUITE);
	case INSTALL:
		return side_install(&pair->server);
	case UPDATE:
		if (receive_record(pair->server.socket, &type, got, sizeof(got)) !=
		    (ssize_t)sizeof(got))
			return -EPROTO;
		return qkd_session_update(pair->server.session, QKD_UPDATE_F_RX);
	default:
		return 0;
	}
}

static int pass(FIXTURE_DATA(faults) * self, enum step from, enum step to)
{
	int ret = 0;

	for (enum step step = from; !ret && step < to; step++) {
		ret = prepare(&self->pair, step);
		if (!ret)
			ret = make(self, step);
		if (!ret)
			ret = follow(&self->pair, step);
	}
	return ret;
}

/* Nothing comes out of it, whatever goes in: with stand-in keys at it the kernel may find out only when it has encrypted. */
static bool is_shut(const struct pair *pair)
{
	char byte;

	if (send(pair->client.socket, "x", 1, MSG_NOSIGNAL) < 0 && errno != EPIPE)
		return false;
	return poll_until(pair->server.socket, POLLIN) &&
	       !recv(pair->server.socket, &byte, 1, MSG_DONTWAIT);
}

/* It failed: does the connection go on (1), is it over as it should be (0), or is something wrong (-1)? */
static int judge(FIXTURE_DATA(faults) * self, enum step step, int ret)
{
	if (step == INSTALL && ret == -EIO)
		return is_shut(&self->pair) ? 0 : -1;
	if (ret != -ENOMEM && ret != -EFAULT && ret != -ENFILE && ret != -EMFILE)
		return -1;
	switch (make(self, step)) {
	case 0:
		return 1;
	case -EINVAL: /* An answer that could not be written: it is done. */
		return ret == -EFAULT && (step == CHECK_BINDER || step == HANDSHAKE) ? 1 : -1;
	default:
		return -1;
	}
}

/* A connection with a fault at the @nth chance of @step: whether there was one, or -1 if it did not come out right */
static int try(FIXTURE_DATA(faults) * self, enum step step, unsigned int nth)
{
	struct pair *pair = &self->pair;
	int goes_on = 1, injected, ret;

	if (pass(self, OPEN_CLIENT, step) || prepare(pair, step) || set_nth(nth))
		return -1;
	ret = make(self, step);
	injected = was_injected();
	disarm();
	if (ret) {
		printf("# step %d, chance %u: %d\n", step, nth, ret);
		goes_on = judge(self, step, ret);
	}
	if (goes_on < 0)
		return -1;
	if (goes_on &&
	    (follow(pair, step) || pass(self, step + 1, STEPS) || !passes_both_ways(pair)))
		return -1;
	side_end(&pair->client);
	side_end(&pair->server);
	return connect_tcp(&pair->client.socket, &pair->server.socket) ? -1 : injected;
}

FIXTURE_VARIANT(faults)
{
	enum step step;
};

#define STEP(name, number)                \
	FIXTURE_VARIANT_ADD(faults, name) \
	{                                 \
		.step = number,           \
	}

STEP(open_of_a_client, OPEN_CLIENT);
STEP(open_of_a_server, OPEN_SERVER);
STEP(binder, BINDER);
STEP(check_of_a_binder, CHECK_BINDER);
STEP(handshake, HANDSHAKE);
STEP(application, APPLICATION);
STEP(exporter, EXPORT);
STEP(install, INSTALL);
STEP(update, UPDATE);

TEST_F_TIMEOUT(faults, each_chance, TIMEOUT_S)
{
	unsigned int nth = 1;
	int injected;

	while ((injected = try(self, variant->step, nth)) > 0 && nth < NTH_MAX)
		nth++;
	ASSERT_EQ(0, injected)
	{
		TH_LOG("chance %u did not come out right", nth);
	}
	TH_LOG("%u chances", nth - 1);
	EXPECT_LT(1, nth);
	EXPECT_EQ(0, stat_of(self->pair.client.end.nl, "beta", QKD_A_STATS_INBOUND_RESERVED));
}

TEST_HARNESS_MAIN
