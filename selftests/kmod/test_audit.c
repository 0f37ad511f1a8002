// SPDX-License-Identifier: GPL-2.0-or-later
/* The audit group: what becomes of each key, who may hear it, and that what is missing is missed. */
#include "qkd_test.h"

#include <sys/socket.h>

#define LINK	"alpha"
#define RECORDS 4096
#define FEW	20 /* keys */
#define NOBODY	65534
#define SMALL	1 /* bytes asked of a queue, for the least that the kernel gives */

/* What was heard, in the order in which it was */
struct heard {
	struct qkd_audit_record records[RECORDS];
	size_t count;
};

FIXTURE(audit)
{
	struct end end; /* of role a */
	struct qkd_nl *nl;
	struct heard *heard;
};

static int hear(const struct qkd_audit_record *record, void *arg)
{
	struct heard *heard = arg;

	if (heard->count == RECORDS)
		return -E2BIG;
	heard->records[heard->count++] = *record;
	return 0;
}

FIXTURE_SETUP(audit)
{
	const struct link_spec spec = { .name = LINK, .role = QKD_ROLE_A, .seed = 's' };

	self->heard = calloc(1, sizeof(*self->heard));
	ASSERT_NE(NULL, self->heard);
	ASSERT_EQ(0, end_open(&self->end, &spec));
	ASSERT_EQ(0, qkd_nl_open(&self->nl));
	ASSERT_EQ(0, qkd_nl_audit_subscribe(self->nl));
	ASSERT_TRUE(poll_until(self->end.fd, POLLIN));
}

FIXTURE_TEARDOWN(audit)
{
	qkd_nl_close(self->nl);
	end_close(&self->end);
	free(self->heard);
}

/* Records are sent a little later than they are made. */
static bool has_heard(FIXTURE_DATA(audit) * self, size_t count)
{
	return !qkd_nl_audit_read(self->nl, hear, self->heard) && self->heard->count >= count;
}

static size_t heard_of(const struct heard *heard, uint8_t outcome, uint8_t direction)
{
	size_t n = 0;

	for (size_t i = 0; i < heard->count; i++)
		n += heard->records[i].outcome == outcome &&
		     heard->records[i].direction == direction;
	return n;
}

/* The records' numbers go up by one. */
static bool is_whole(const struct heard *heard)
{
	for (size_t i = 1; i < heard->count; i++)
		if (heard->records[i].seq != heard->records[i - 1].seq + 1 ||
		    heard->records[i].serial != heard->records[0].serial)
			return false;
	return heard->count > 0;
}

static uint64_t real_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

TEST_F(audit, tells_who_took_which_key_and_when)
{
	const uint64_t before = real_ns();
	const struct qkd_audit_record *record = self->heard->records;
	struct qkd_key_get get;

	ASSERT_EQ(0, get_key(self->end.fd, 0, &get));
	ASSERT_SOON(has_heard(self, 1));
	EXPECT_STREQ(LINK, record->link);
	EXPECT_EQ(0, memcmp(record->id, get.key_id, sizeof(get.key_id)));
	EXPECT_EQ(QKD_DIR_OUTBOUND, record->direction);
	EXPECT_EQ(QKD_AUDIT_TAKEN, record->outcome);
	EXPECT_TRUE(record->by_process);
	EXPECT_EQ(0, record->uid);
	EXPECT_EQ(getpid(), record->pid);
	EXPECT_STREQ("test_audit", record->comm);
	EXPECT_LE(before, record->time_ns);
	EXPECT_GE(real_ns(), record->time_ns);
	EXPECT_EQ(1, record->seq);
}

TEST_F(audit, tells_the_effective_user)
{
	struct qkd_key_get get;
	pid_t pid = fork();

	ASSERT_LE(0, pid);
	if (!pid)
		_exit(seteuid(NOBODY) || get_key(self->end.fd, 0, &get));
	ASSERT_TRUE(exited_with_0(await(pid)));
	ASSERT_SOON(has_heard(self, 1));
	EXPECT_EQ(NOBODY, self->heard->records[0].uid);
	EXPECT_EQ(pid, self->heard->records[0].pid);
}

TEST_F(audit, follows_a_reservation_to_its_end)
{
	const uint8_t outcomes[] = { QKD_AUDIT_RESERVED, QKD_AUDIT_RELEASED, QKD_AUDIT_RESERVED,
				     QKD_AUDIT_RELEASED, QKD_AUDIT_RESERVED, QKD_AUDIT_COMMITTED };
	uint8_t id[QKD_KEY_ID_LEN];
	struct qkd_key_get get;
	int other;

	ASSERT_EQ(0, inbound_id('s', id));
	ASSERT_EQ(0, get_by_id(self->end.fd, id, DEADLINE_MS, &get));
	ASSERT_EQ(0, release(self->end.fd, id));
	other = end_file(&self->end, 0);
	ASSERT_LE(0, other);
	ASSERT_EQ(0, get_by_id(other, id, 0, &get));
	close(other); /* which gives it back */
	ASSERT_EQ(0, get_by_id(self->end.fd, id, 0, &get));
	ASSERT_EQ(0, commit(self->end.fd, id));
	ASSERT_SOON(has_heard(self, 6));
	ASSERT_EQ(6, self->heard->count);
	for (int i = 0; i < 6; i++) {
		EXPECT_EQ(outcomes[i], self->heard->records[i].outcome);
		EXPECT_EQ(QKD_DIR_INBOUND, self->heard->records[i].direction);
		EXPECT_EQ(0, memcmp(self->heard->records[i].id, id, sizeof(id)));
	}
	EXPECT_TRUE(is_whole(self->heard));
}

TEST_F(audit, tells_of_every_key_of_a_purge)
{
	uint64_t purged;

	ASSERT_EQ(0, qkd_nl_link_purge(self->end.nl, LINK));
	purged = stat_of(self->end.nl, LINK, QKD_A_STATS_PURGED);
	ASSERT_LT(0, purged);
	ASSERT_SOON(has_heard(self, purged));
	EXPECT_EQ(purged, heard_of(self->heard, QKD_AUDIT_PURGED, QKD_DIR_OUTBOUND) +
				  heard_of(self->heard, QKD_AUDIT_PURGED, QKD_DIR_INBOUND));
	EXPECT_TRUE(is_whole(self->heard));
	EXPECT_FALSE(self->heard->records[0].by_process);
}

TEST_F(audit, tells_of_keys_that_expire)
{
	const struct link_spec spec = {
		.name = "brief", .role = QKD_ROLE_A, .seed = 'b', .ttl_s = 1
	};

	ASSERT_EQ(0, add_link(self->end.nl, &spec));
	ASSERT_SOON(has_heard(self, 1));
	EXPECT_EQ(QKD_AUDIT_EXPIRED, self->heard->records[0].outcome);
	EXPECT_STREQ("brief", self->heard->records[0].link);
	EXPECT_FALSE(self->heard->records[0].by_process);
}

/* Which keys there are when it goes is not known, but those are all told. */
TEST_F(audit, tells_of_keys_that_go_with_their_link)
{
	const uint64_t held = stat_of(self->end.nl, LINK, QKD_A_STATS_OUTBOUND_FRESH) +
			      stat_of(self->end.nl, LINK, QKD_A_STATS_INBOUND_FRESH);

	ASSERT_EQ(0, qkd_nl_link_delete(self->end.nl, LINK));
	ASSERT_SOON(has_heard(self, held));
	EXPECT_EQ(self->heard->count,
		  heard_of(self->heard, QKD_AUDIT_WIPED, QKD_DIR_OUTBOUND) +
			  heard_of(self->heard, QKD_AUDIT_WIPED, QKD_DIR_INBOUND));
	EXPECT_TRUE(is_whole(self->heard));
}

TEST_F(audit, counts_what_nobody_heard)
{
	struct qkd_key_get get;

	qkd_nl_close(self->nl);
	for (int i = 0; i < FEW; i++)
		ASSERT_EQ(0, get_key(self->end.fd, DEADLINE_MS, &get));
	ASSERT_EQ(0, qkd_nl_open(&self->nl));
	ASSERT_EQ(0, qkd_nl_audit_subscribe(self->nl));
	ASSERT_EQ(0, get_key(self->end.fd, DEADLINE_MS, &get));
	ASSERT_SOON(has_heard(self, 1));
	EXPECT_EQ(FEW + 1, self->heard->records[0].seq);
}

/* A listener who does not read loses records, is told so, and sees by the numbers which. */
TEST_F(audit, shows_a_gap_where_records_were_lost)
{
	struct qkd_key_get get;
	int size = SMALL, ret;

	ASSERT_EQ(0, setsockopt(qkd_nl_fd(self->nl), SOL_SOCKET, SO_RCVBUF, &size, sizeof(size)));
	ASSERT_SOON(stat_of(self->end.nl, LINK, QKD_A_STATS_INBOUND_FRESH) == 1024);
	ASSERT_EQ(0, qkd_nl_link_purge(self->end.nl, LINK));
	do {
		ret = qkd_nl_audit_read(self->nl, hear, self->heard);
	} while (!ret);
	EXPECT_EQ(-ENOBUFS, ret);
	/* What the queue had room for is still there. */
	ASSERT_EQ(0, qkd_nl_audit_read(self->nl, hear, self->heard));
	ASSERT_EQ(0, get_key(self->end.fd, DEADLINE_MS, &get));
	ASSERT_SOON(has_heard(self, 1) &&
		    heard_of(self->heard, QKD_AUDIT_TAKEN, QKD_DIR_OUTBOUND) == 1);
	EXPECT_FALSE(is_whole(self->heard));
	EXPECT_LT(1024, self->heard->records[self->heard->count - 1].seq);
}

TEST_F(audit, begins_anew_with_a_link_that_is_added_again)
{
	const struct link_spec spec = { .name = LINK, .role = QKD_ROLE_A, .seed = 't' };
	struct qkd_key_get get;
	uint64_t serial;
	int fd;

	ASSERT_EQ(0, get_key(self->end.fd, 0, &get));
	ASSERT_SOON(has_heard(self, 1));
	serial = self->heard->records[0].serial;
	ASSERT_EQ(0, qkd_nl_link_delete(self->end.nl, LINK));
	ASSERT_EQ(0, add_link(self->end.nl, &spec));
	fd = end_file(&self->end, 0);
	ASSERT_EQ(0, get_key(fd, DEADLINE_MS, &get));
	ASSERT_SOON(has_heard(self, 2) &&
		    heard_of(self->heard, QKD_AUDIT_TAKEN, QKD_DIR_OUTBOUND) == 2);
	EXPECT_NE(serial, self->heard->records[self->heard->count - 1].serial);
	EXPECT_EQ(1, self->heard->records[self->heard->count - 1].seq);
	close(fd);
}

TEST_F(audit, is_not_for_everybody)
{
	pid_t pid = fork();
	struct qkd_nl *nl;

	ASSERT_LE(0, pid);
	if (!pid) {
		if (setuid(NOBODY) || qkd_nl_open(&nl))
			_exit(1);
		_exit(qkd_nl_audit_subscribe(nl) == -EPERM && !qkd_nl_event_subscribe(nl) ? 0 : 2);
	}
	EXPECT_TRUE(exited_with_0(await(pid)));
}

/* Nor for the administrator of another user namespace. */
TEST_F(audit, is_not_for_root_elsewhere)
{
	pid_t pid = fork();
	struct qkd_nl *nl;

	ASSERT_LE(0, pid);
	if (!pid) {
		if (unshare(CLONE_NEWUSER) || qkd_nl_open(&nl))
			_exit(1);
		_exit(qkd_nl_audit_subscribe(nl) == -EPERM ? 0 : 2);
	}
	EXPECT_TRUE(exited_with_0(await(pid)));
}

TEST_HARNESS_MAIN
