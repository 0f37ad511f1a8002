// SPDX-License-Identifier: GPL-2.0-or-later
/* Tracepoints: what each says, and what none says. */
#include "qkd_test.h"

#include <stdio.h>
#include <sys/syscall.h>

#define TRACING	  "/sys/kernel/tracing/"
#define LINK	  "traced"
#define TRACE_LEN (4 << 20)
#define KEYS	  8

FIXTURE(trace)
{
	struct end end;
	char *text; /* of the trace, as last read */
};

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	ssize_t len = fd < 0 ? -1 : write(fd, text, strlen(text));

	close(fd);
	return len == (ssize_t)strlen(text) ? 0 : -errno;
}

FIXTURE_SETUP(trace)
{
	const struct link_spec spec = { .name = LINK, .role = QKD_ROLE_A, .seed = 't' };

	if (access(TRACING "events", F_OK))
		SKIP(return, "no tracing in this kernel");
	self->text = malloc(TRACE_LEN + 1);
	ASSERT_NE(NULL, self->text);
	ASSERT_EQ(0, load_module("qkd_sim", NULL));
	ASSERT_EQ(0, write_file(TRACING "trace", ""));
	ASSERT_EQ(0, write_file(TRACING "events/qkd/enable", "1"));
	ASSERT_EQ(0, end_open(&self->end, &spec));
	ASSERT_TRUE(poll_until(self->end.fd, POLLIN));
}

FIXTURE_TEARDOWN(trace)
{
	if (!self->text)
		return;
	EXPECT_EQ(0, write_file(TRACING "events/qkd/enable", "0"));
	end_close(&self->end);
	free(self->text);
}

static bool read_trace(FIXTURE_DATA(trace) * self)
{
	int fd = open(TRACING "trace", O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n = fd < 0 ? -1 : 1;

	while (n > 0 && len < TRACE_LEN) {
		n = read(fd, self->text + len, TRACE_LEN - len);
		len += n > 0 ? (size_t)n : 0;
	}
	close(fd);
	self->text[len] = '\0';
	return !n;
}

/* Whether the trace has a line of @event with all of @what */
static bool traced(FIXTURE_DATA(trace) * self, const char *event, const char *what)
{
	char line[256];

	snprintf(line, sizeof(line), ": %s: %s", event, what);
	return read_trace(self) && strstr(self->text, line);
}

static bool traced_key(FIXTURE_DATA(trace) * self, const char *event, const uint8_t *id,
		       const char *rest)
{
	char text[QKD_ID_TEXT_LEN + 1], what[128];

	qkd_id_format(id, text);
	snprintf(what, sizeof(what), "link=" LINK " id=%s %s", text, rest);
	return traced(self, event, what);
}

TEST_F(trace, tells_of_a_key_that_is_delivered_and_taken)
{
	struct qkd_key_get get;

	ASSERT_EQ(0, get_key(self->end.fd, 0, &get));
	EXPECT_TRUE(traced_key(self, "key_deliver", get.key_id, "dir=outbound ret=0"));
	EXPECT_TRUE(traced_key(self, "key_take", get.key_id, "dir=outbound ret=0"));
}

TEST_F(trace, tells_of_reservations_and_their_ends)
{
	uint8_t id[QKD_KEY_ID_LEN];
	struct qkd_key_get get;

	ASSERT_EQ(0, inbound_id('t', id));
	ASSERT_EQ(0, get_by_id(self->end.fd, id, DEADLINE_MS, &get));
	EXPECT_TRUE(traced_key(self, "key_reserve", id, "dir=inbound ret=0"));
	ASSERT_EQ(0, release(self->end.fd, id));
	EXPECT_TRUE(traced_key(self, "key_release", id, "dir=inbound ret=0"));
	ASSERT_EQ(0, get_by_id(self->end.fd, id, DEADLINE_MS, &get));
	ASSERT_EQ(0, commit(self->end.fd, id));
	EXPECT_TRUE(traced_key(self, "key_commit", id, "dir=inbound ret=0"));
}

TEST_F(trace, names_each_state_of_a_link)
{
	const uint32_t once = 1;
	struct qkd_link_change change = { .name = LINK, .degrade_after = &once };
	uint8_t id[QKD_KEY_ID_LEN];
	struct qkd_key_get get;

	ASSERT_EQ(0, qkd_nl_link_set(self->end.nl, &change));
	ASSERT_EQ(0, inbound_id('t', id));
	ASSERT_EQ(0, get_by_id(self->end.fd, id, DEADLINE_MS, &get));
	ASSERT_EQ(0, qkd_release(self->end.fd, id, QKD_RELEASE_F_MISMATCH));
	EXPECT_TRUE(traced(self, "link_state", "link=" LINK " state=degraded"));
	qkd_sim_give(&change.sim, QKD_A_SIM_OUTAGE, 1);
	ASSERT_EQ(0, qkd_nl_link_set(self->end.nl, &change));
	EXPECT_TRUE(traced(self, "link_state", "link=" LINK " state=down"));
	qkd_sim_give(&change.sim, QKD_A_SIM_OUTAGE, 0);
	ASSERT_EQ(0, qkd_nl_link_set(self->end.nl, &change));
	ASSERT_EQ(0, get_by_id(self->end.fd, id, DEADLINE_MS, &get));
	ASSERT_EQ(0, commit(self->end.fd, id));
	EXPECT_TRUE(traced(self, "link_state", "link=" LINK " state=up"));
}

TEST_F(trace, tells_of_refusals)
{
	const uint8_t id[QKD_KEY_ID_LEN] = { 1, 2, 3 };
	struct qkd_key_get get;
	char what[64];

	EXPECT_EQ(-ENOKEY, get_by_id(self->end.fd, id, 0, &get));
	snprintf(what, sizeof(what), "dir=inbound ret=%d", -ENOKEY);
	EXPECT_TRUE(traced_key(self, "key_reserve", id, what));
	EXPECT_TRUE(traced_key(self, "provider_fetch", id, what));
	EXPECT_EQ(-ENOKEY, commit(self->end.fd, id));
	EXPECT_TRUE(traced_key(self, "key_commit", id, what));
	EXPECT_EQ(-ENOKEY, release(self->end.fd, id));
	EXPECT_TRUE(traced_key(self, "key_release", id, what));
}

TEST_F(trace, tells_of_a_link_that_comes_is_purged_and_goes)
{
	EXPECT_TRUE(traced(self, "link_add", "link=" LINK " provider=sim ret=0"));
	ASSERT_SOON(stat_of(self->end.nl, LINK, QKD_A_STATS_OUTBOUND_FRESH) &&
		    stat_of(self->end.nl, LINK, QKD_A_STATS_INBOUND_FRESH));
	ASSERT_EQ(0, qkd_nl_link_purge(self->end.nl, LINK));
	ASSERT_TRUE(read_trace(self));
	EXPECT_NE(NULL, strstr(self->text, "dir=outbound why=purged"));
	EXPECT_NE(NULL, strstr(self->text, "dir=inbound why=purged"));
	ASSERT_TRUE(poll_until(self->end.fd, POLLIN));
	ASSERT_EQ(0, qkd_nl_link_delete(self->end.nl, LINK));
	EXPECT_TRUE(traced(self, "link_delete", "link=" LINK " provider=sim ret=0"));
	EXPECT_NE(NULL, strstr(self->text, "why=wiped"));
}

TEST_F(trace, tells_of_a_provider_that_goes_and_comes)
{
	ASSERT_SOON(!syscall(SYS_delete_module, "qkd_sim", O_NONBLOCK));
	EXPECT_TRUE(traced(self, "provider_unregister", "provider=sim ret=0"));
	EXPECT_NE(NULL, strstr(self->text, ": link_delete: link=" LINK));
	ASSERT_EQ(0, load_module("qkd_sim", NULL));
	EXPECT_TRUE(traced(self, "provider_register", "provider=sim ret=0"));
}

/* As they are, and as hexadecimal digits */
static bool has_bytes(const char *text, const uint8_t *key)
{
	char hex[9];

	for (int i = 0; i + 4 <= 32; i++) {
		snprintf(hex, sizeof(hex), "%02x%02x%02x%02x", key[i], key[i + 1], key[i + 2],
			 key[i + 3]);
		if (strcasestr(text, hex))
			return true;
	}
	return memmem(text, strlen(text), key, 4);
}

TEST_F(trace, has_no_byte_of_a_key)
{
	struct qkd_key_get get[KEYS];

	for (int i = 0; i < KEYS; i++)
		ASSERT_EQ(0, get_key(self->end.fd, DEADLINE_MS, &get[i]));
	ASSERT_TRUE(read_trace(self));
	for (int i = 0; i < KEYS; i++) {
		EXPECT_TRUE(traced_key(self, "key_take", get[i].key_id, ""));
		EXPECT_FALSE(has_bytes(self->text, get[i].key));
	}
}

TEST_HARNESS_MAIN
