// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Calls of /dev/qkd whose structure is cut off, at each of its bytes in turn, by a page that cannot be read, or one that
 * can be read and not written. A call that could not read has changed nothing at all; a key that could not be written,
 * wholly or in part, is spent if it was outbound and put back if it was inbound, and none is lost, doubled, or
 * counted wrongly.
 *
 * The kernel's fault injection (debug/test_faults.c) does not get here: keys are copied between user_access_begin()
 * and user_access_end(), where fail_usercopy has no hook.
 */
#include <stddef.h>
#include <stdio.h>

#include "qkd_test.h"

#define LINK	   "alpha"
#define CAPACITY   1024
#define STRUCT_MAX 4096

FIXTURE(usermem)
{
	struct end a, b;
	long page;
	char *pages; /* two */
};

/* Structures of another length than the kernel's go another way through it. */
FIXTURE_VARIANT(usermem)
{
	size_t more; /* what a later version of the structure has */
};

FIXTURE_VARIANT_ADD(usermem, of_this_version){
	.more = 0,
};

FIXTURE_VARIANT_ADD(usermem, of_a_later_version){
	.more = 8,
};

/* All keys there are at both ends; more do not come. */
static bool is_full(const struct end *end)
{
	return stat_of(end->nl, LINK, QKD_A_STATS_OUTBOUND_FRESH) == CAPACITY &&
	       stat_of(end->nl, LINK, QKD_A_STATS_INBOUND_FRESH) == CAPACITY;
}

static int cut(const struct end *end)
{
	struct qkd_link_change change = { .name = LINK };

	qkd_sim_give(&change.sim, QKD_A_SIM_OUTAGE, 1);
	return qkd_nl_link_set(end->nl, &change);
}

FIXTURE_SETUP(usermem)
{
	const struct link_spec a = {
		.name = LINK, .role = QKD_ROLE_A, .seed = 's', .capacity = CAPACITY
	};
	const struct link_spec b = {
		.name = LINK, .role = QKD_ROLE_B, .seed = 's', .capacity = CAPACITY
	};

	ASSERT_EQ(0, end_open(&self->a, &a));
	ASSERT_EQ(0, end_open(&self->b, &b));
	ASSERT_SOON(is_full(&self->a) && is_full(&self->b));
	ASSERT_EQ(0, cut(&self->a));
	ASSERT_EQ(0, cut(&self->b));
	self->page = sysconf(_SC_PAGESIZE);
	self->pages = mmap(NULL, 2 * self->page, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, self->pages);
}

FIXTURE_TEARDOWN(usermem)
{
	munmap(self->pages, 2 * self->page);
	end_close(&self->a);
	end_close(&self->b);
}

/*
 * Makes the call with a copy of @arg of whose @size bytes the first @split are usual memory and the rest has the protection
 * @prot; @arg is then what the call made of the whole.
 */
static int split_call(FIXTURE_DATA(usermem) * self, int fd, unsigned long request, void *arg,
		      size_t size, size_t split, int prot)
{
	char *second = self->pages + self->page;
	char *place = second - split;
	int ret;

	memcpy(place, arg, size);
	if (mprotect(second, self->page, prot))
		return -ENOTRECOVERABLE;
	ret = call(fd, request, place);
	if (mprotect(second, self->page, PROT_READ | PROT_WRITE))
		return -ENOTRECOVERABLE;
	memcpy(arg, place, size);
	return ret;
}

/* Accounts */

struct account {
	uint64_t stats[QKD_A_STATS_MAX + 1];
};

static void add_up(const struct end *end, struct account *account)
{
	struct qkd_link_info info;

	memset(account, 0xff, sizeof(*account));
	if (qkd_nl_link_get(end->nl, LINK, &info))
		return;
	for (int i = 0; i <= QKD_A_STATS_MAX; i++)
		account->stats[i] = info.stats.value[i];
	if (accounted(&info) != info.stats.value[QKD_A_STATS_DELIVERED])
		memset(account, 0xff, sizeof(*account));
}

/* Whether exactly this has changed since @account, which is brought up to date: @n of @from went to @to. */
static bool moved(const struct end *end, struct account *account, int from, int to, uint64_t n)
{
	struct account want = *account;

	want.stats[from] -= n;
	want.stats[to] += n;
	add_up(end, account);
	return !memcmp(account, &want, sizeof(want));
}

static bool nothing_changed(const struct end *end, struct account *account)
{
	return moved(end, account, QKD_A_STATS_DELIVERED, QKD_A_STATS_DELIVERED, 0);
}

static bool one_spent(const struct end *end, struct account *account)
{
	return moved(end, account, QKD_A_STATS_OUTBOUND_FRESH, QKD_A_STATS_OUTBOUND_SPENT, 1);
}

/* One key has been given back, which changes no level. */
static bool one_released(const struct end *end, struct account *account)
{
	account->stats[QKD_A_STATS_RELEASED]++;
	return nothing_changed(end, account);
}

/* Whether each reading of a structure of @size bytes that does not get to its end fails and changes nothing. */
static bool unreadable(FIXTURE_DATA(usermem) * self, const struct end *end, int fd,
		       unsigned long request, const void *arg, size_t size, size_t more)
{
	char copy[STRUCT_MAX] = "";
	struct account account;

	add_up(end, &account);
	for (size_t split = 0; split < size + more; split++) {
		memset(copy, 0, sizeof(copy));
		memcpy(copy, arg, size);
		*(__u32 *)copy = size + more;
		if (split_call(self, fd, request, copy, size + more, split, PROT_NONE) != -EFAULT ||
		    !nothing_changed(end, &account)) {
			printf("# %zu of %zu bytes can be read\n", split, size + more);
			return false;
		}
	}
	return true;
}

/* As split_call(), for a key; what the call made of the structure is in @get. */
static int get_with(FIXTURE_DATA(usermem) * self, int fd, unsigned long request,
		    struct qkd_key_get *get, size_t more, size_t split, int prot)
{
	char copy[sizeof(*get) + 8] = "";
	int ret;

	get->size = sizeof(*get) + more;
	memcpy(copy, get, sizeof(*get));
	ret = split_call(self, fd, request, copy, sizeof(*get) + more, split, prot);
	memcpy(get, copy, sizeof(*get));
	return ret;
}

/* As far as a key of 32 bytes is written */
#define WRITTEN (offsetof(struct qkd_key_get, key) + 32)

/* Of a key that could not be written there is at most what lies in front of the page. */
static bool is_cut_off(const struct qkd_key_get *get, size_t split)
{
	const size_t outputs = offsetof(struct qkd_key_get, key_len);
	const size_t from = split > outputs ? split : outputs;

	return all_zero((const char *)get + from, sizeof(*get) - from);
}

TEST_F(usermem, get_key_that_cannot_be_read)
{
	const struct qkd_key_get get = { .size = sizeof(get) };

	EXPECT_TRUE(unreadable(self, &self->a, self->a.fd, QKD_IOC_GET_KEY, &get, sizeof(get),
			       variant->more));
}

/* Between any two keys that come through is the one that did not. */
TEST_F(usermem, get_key_that_cannot_be_written_spends_it)
{
	const size_t end = sizeof(struct qkd_key_get) + variant->more;
	struct qkd_key_get get, whole, in;
	struct account account, other;

	add_up(&self->a, &account);
	for (size_t split = 0; split <= end; split++) {
		get = (struct qkd_key_get){ .size = sizeof(get) };
		ASSERT_EQ(split < WRITTEN ? -EFAULT : 0,
			  get_with(self, self->a.fd, QKD_IOC_GET_KEY, &get, variant->more, split,
				   PROT_READ));
		ASSERT_TRUE(one_spent(&self->a, &account))
		{
			TH_LOG("with %zu bytes that can be written", split);
		}
		EXPECT_TRUE(split >= WRITTEN || is_cut_off(&get, split));
		ASSERT_EQ(0, get_key(self->a.fd, 0, &whole));
		ASSERT_TRUE(one_spent(&self->a, &account));
		EXPECT_NE(0, memcmp(get.key_id, whole.key_id, sizeof(get.key_id)));
		EXPECT_EQ(0, get_by_id(self->b.fd, whole.key_id, 0, &in));
		EXPECT_TRUE(same_key(&whole, &in));
		EXPECT_EQ(0, commit(self->b.fd, whole.key_id));
		/* That a peer has seen no more than its ID takes nothing from this end. */
		if (split < offsetof(struct qkd_key_get, key))
			continue;
		EXPECT_EQ(0, get_by_id(self->b.fd, get.key_id, 0, &in));
		EXPECT_EQ(0, release(self->b.fd, get.key_id));
	}
	/* The peer has every key that did not come through, and each of the others has been used once. */
	add_up(&self->b, &other);
	EXPECT_EQ(CAPACITY - (end + 1), other.stats[QKD_A_STATS_INBOUND_FRESH]);
	EXPECT_EQ(end + 1, other.stats[QKD_A_STATS_INBOUND_SPENT]);
	EXPECT_EQ(2 * (end + 1), account.stats[QKD_A_STATS_OUTBOUND_SPENT]);
}

TEST_F(usermem, get_key_by_id_that_cannot_be_read)
{
	struct qkd_key_get out, get = { .size = sizeof(get) };

	ASSERT_EQ(0, get_key(self->a.fd, 0, &out));
	memcpy(get.key_id, out.key_id, sizeof(get.key_id));
	EXPECT_TRUE(unreadable(self, &self->b, self->b.fd, QKD_IOC_GET_KEY_BY_ID, &get, sizeof(get),
			       variant->more));
	EXPECT_EQ(0, get_by_id(self->b.fd, out.key_id, 0, &get));
	EXPECT_TRUE(same_key(&out, &get));
}

/* Its ID lies in memory that can be read, and is written again. */
TEST_F(usermem, get_key_by_id_that_cannot_be_written_puts_it_back)
{
	struct qkd_key_get out, get;
	struct account account;

	ASSERT_EQ(0, get_key(self->a.fd, 0, &out));
	add_up(&self->b, &account);
	for (size_t split = 0; split < WRITTEN; split++) {
		get = (struct qkd_key_get){ .size = sizeof(get) };
		memcpy(get.key_id, out.key_id, sizeof(get.key_id));
		ASSERT_EQ(-EFAULT, get_with(self, self->b.fd, QKD_IOC_GET_KEY_BY_ID, &get,
					    variant->more, split, PROT_READ));
		ASSERT_TRUE(one_released(&self->b, &account))
		{
			TH_LOG("with %zu bytes that can be written", split);
		}
		EXPECT_EQ(-ENOKEY, commit(self->b.fd, out.key_id));
		EXPECT_EQ(-ENOKEY, release(self->b.fd, out.key_id));
		/* It is there for another file, and whole. */
		EXPECT_EQ(0, get_by_id(self->b.fd, out.key_id, 0, &get));
		EXPECT_TRUE(same_key(&out, &get));
		EXPECT_EQ(0, release(self->b.fd, out.key_id));
		ASSERT_TRUE(one_released(&self->b, &account));
	}
	EXPECT_EQ(0, get_by_id(self->b.fd, out.key_id, 0, &get));
	EXPECT_EQ(0, commit(self->b.fd, out.key_id));
	EXPECT_TRUE(
		moved(&self->b, &account, QKD_A_STATS_INBOUND_FRESH, QKD_A_STATS_INBOUND_SPENT, 1));
}

/* A reservation that could not be ended goes on. */
static bool holds_on(FIXTURE_DATA(usermem) * self, unsigned long request, __u32 flags, size_t size,
		     size_t more)
{
	struct qkd_key_ref ref = { .size = size, .flags = flags };
	struct qkd_key_get out, in;

	if (get_key(self->a.fd, 0, &out) || get_by_id(self->b.fd, out.key_id, 0, &in))
		return false;
	memcpy(ref.key_id, out.key_id, sizeof(ref.key_id));
	return unreadable(self, &self->b, self->b.fd, request, &ref, size, more) &&
	       stat_of(self->b.nl, LINK, QKD_A_STATS_INBOUND_RESERVED) == 1 &&
	       !commit(self->b.fd, out.key_id);
}

#define REF_SIZE_V1 offsetof(struct qkd_key_ref, socket)

TEST_F(usermem, commit_that_cannot_be_read_holds_on)
{
	const size_t size = sizeof(struct qkd_key_ref), more = variant->more;

	EXPECT_TRUE(holds_on(self, QKD_IOC_COMMIT, 0, size, more));
	EXPECT_TRUE(holds_on(self, QKD_IOC_COMMIT, QKD_COMMIT_F_SOCKET, size, more));
	EXPECT_TRUE(holds_on(self, QKD_IOC_COMMIT, 0, REF_SIZE_V1, 0));
}

TEST_F(usermem, release_that_cannot_be_read_holds_on)
{
	const size_t size = sizeof(struct qkd_key_ref), more = variant->more;

	EXPECT_TRUE(holds_on(self, QKD_IOC_RELEASE, 0, size, more));
	EXPECT_TRUE(holds_on(self, QKD_IOC_RELEASE, QKD_RELEASE_F_MISMATCH, size, more));
	EXPECT_TRUE(holds_on(self, QKD_IOC_RELEASE, 0, REF_SIZE_V1, 0));
	/* None of them was taken for a binder that was wrong. */
	EXPECT_EQ(0, stat_of(self->b.nl, LINK, QKD_A_STATS_MISMATCHED));
}

TEST_F(usermem, bind_that_cannot_be_read_leaves_the_file_free)
{
	struct qkd_bind bind = { .size = sizeof(bind), .link = LINK };
	int fd = open("/dev/qkd", O_RDWR | O_CLOEXEC);

	ASSERT_LE(0, fd);
	EXPECT_TRUE(
		unreadable(self, &self->b, fd, QKD_IOC_BIND, &bind, sizeof(bind), variant->more));
	EXPECT_EQ(0, call(fd, QKD_IOC_BIND, &bind));
	EXPECT_EQ(-EBUSY, call(fd, QKD_IOC_BIND, &bind));
	close(fd);
}

TEST_F(usermem, get_info_that_cannot_be_copied_changes_nothing)
{
	struct qkd_info info = { .size = sizeof(info) };
	char copy[sizeof(info) + 8];
	struct account account;

	EXPECT_TRUE(unreadable(self, &self->a, self->a.fd, QKD_IOC_GET_INFO, &info, sizeof(info),
			       variant->more));
	add_up(&self->a, &account);
	for (size_t split = 0; split < sizeof(info); split++) {
		memset(copy, 0, sizeof(copy));
		*(__u32 *)copy = sizeof(info) + variant->more;
		ASSERT_EQ(-EFAULT, split_call(self, self->a.fd, QKD_IOC_GET_INFO, copy,
					      sizeof(info) + variant->more, split, PROT_READ));
		ASSERT_TRUE(nothing_changed(&self->a, &account));
	}
}

/* Whole records count; the one that was cut off is spent. */
TEST_F(usermem, read_that_cannot_be_written_spends_one_more)
{
	const size_t len = sizeof(struct qkd_record);
	struct account account;
	uint64_t spent;
	ssize_t got;

	add_up(&self->a, &account);
	for (size_t split = 0; split <= 2 * len; split++) {
		char *second = self->pages + self->page;

		ASSERT_EQ(0, mprotect(second, self->page, PROT_NONE));
		got = read(self->a.fd, second - split, 2 * len);
		ASSERT_EQ(0, mprotect(second, self->page, PROT_READ | PROT_WRITE));
		ASSERT_EQ(split < len ? -1 : (ssize_t)(split / len * len), got);
		spent = split < len ? 1 : 2;
		ASSERT_TRUE(moved(&self->a, &account, QKD_A_STATS_OUTBOUND_FRESH,
				  QKD_A_STATS_OUTBOUND_SPENT, spent))
		{
			TH_LOG("with %zu bytes that can be written", split);
		}
	}
}

TEST_HARNESS_MAIN
