// SPDX-License-Identifier: GPL-2.0-or-later
/* /dev/qkd: numbers, structures, memory, and which link a file works on. */
#include "qkd_test.h"

#define LATER_LEN 64 /* bytes that a later version might have added */

FIXTURE(device)
{
	struct end end;
};

FIXTURE_SETUP(device)
{
	const struct link_spec spec = { .name = "alpha", .role = QKD_ROLE_A, .seed = 's' };

	ASSERT_EQ(0, end_open(&self->end, &spec));
	ASSERT_TRUE(poll_until(self->end.fd, POLLIN));
}

FIXTURE_TEARDOWN(device)
{
	end_close(&self->end);
}

TEST_F(device, refuses_unknown_numbers)
{
	static const unsigned long numbers[] = {
		_IO(QKD_IOC_MAGIC, 8),
		QKD_IOC_BINDER, /* of a session's descriptor */
		_IO(QKD_IOC_MAGIC, 255),
		_IO('q', 2),
		_IOR(QKD_IOC_MAGIC, 1, int),
		_IOW(QKD_IOC_MAGIC, 2, int),
		0,
		0xffffffffUL,
	};
	char buffer[4096] = "";

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		EXPECT_EQ(-ENOTTY, call(self->end.fd, numbers[i], buffer));
}

TEST_F(device, shows_its_link)
{
	struct qkd_info info = { .size = sizeof(info) };

	ASSERT_EQ(0, call(self->end.fd, QKD_IOC_GET_INFO, &info));
	EXPECT_EQ(sizeof(info), info.size);
	EXPECT_EQ(QKD_LINK_F_SIMULATED, info.flags);
	EXPECT_STREQ("alpha", info.link);
	EXPECT_STREQ("sim", info.provider);
	EXPECT_STREQ(SITE_A, info.local_sae);
	EXPECT_STREQ(SITE_B, info.remote_sae);
	EXPECT_EQ(QKD_ROLE_A, info.role);
	EXPECT_EQ(QKD_LINK_UP, info.state);
	EXPECT_EQ(32, info.key_len);
	EXPECT_EQ(QKD_CAPACITY_DEFAULT, info.capacity);
	EXPECT_EQ(0, info.low);
	EXPECT_EQ(0, info.ttl_s);
	EXPECT_LT(0, info.outbound_fresh);
	EXPECT_EQ(0, info.reserved);
}

TEST_F(device, is_not_for_everybody)
{
	ASSERT_EQ(0, setresgid(65534, 65534, 65534));
	ASSERT_EQ(0, setresuid(65534, 65534, 65534));
	EXPECT_EQ(-EACCES, qkd_open(NULL, 0));
}

/* One test for each call that takes a structure. */
FIXTURE(structure)
{
	struct end end;
	union {
		__u32 size;
		struct qkd_info info;
		char bytes[4096 + LATER_LEN];
	} arg;
};

FIXTURE_VARIANT(structure)
{
	unsigned long number;
	__u32 size;
	__u32 min; /* its size in the first version */
	__u32 flags; /* those it knows */
	int good; /* what the call answers to a good one with all else zero */
};

#define STRUCTURE(VARIANT, NUMBER, TYPE, MIN, FLAGS, GOOD)                                       \
	FIXTURE_VARIANT_ADD(structure, VARIANT)                                                  \
	{                                                                                        \
		.number = (NUMBER), .size = sizeof(struct TYPE), .min = (MIN), .flags = (FLAGS), \
		.good = (GOOD),                                                                  \
	}

STRUCTURE(bind, QKD_IOC_BIND, qkd_bind, 40, 0, -EINVAL);
STRUCTURE(get_info, QKD_IOC_GET_INFO, qkd_info, 624, 0, 0);
STRUCTURE(get_key, QKD_IOC_GET_KEY, qkd_key_get, 96, 0, 0);
STRUCTURE(get_key_by_id, QKD_IOC_GET_KEY_BY_ID, qkd_key_get, 96, 0, -ENOKEY);
STRUCTURE(commit, QKD_IOC_COMMIT, qkd_key_ref, 24, QKD_COMMIT_F_SOCKET, -ENOKEY);
STRUCTURE(release, QKD_IOC_RELEASE, qkd_key_ref, 24, QKD_RELEASE_F_MISMATCH, -ENOKEY);

FIXTURE_SETUP(structure)
{
	const struct link_spec spec = { .name = "alpha", .role = QKD_ROLE_A, .seed = 's' };

	memset(&self->arg, 0, sizeof(self->arg));
	ASSERT_EQ(0, end_open(&self->end, &spec));
	ASSERT_TRUE(poll_until(self->end.fd, POLLIN));
}

FIXTURE_TEARDOWN(structure)
{
	end_close(&self->end);
}

TEST_F(structure, is_taken_at_its_size)
{
	self->arg.size = variant->size;
	EXPECT_EQ(variant->good, call(self->end.fd, variant->number, &self->arg));
}

TEST_F(structure, is_refused_when_short)
{
	const __u32 sizes[] = { 0, 1, 4, variant->min - 4, variant->min - 1 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		self->arg.size = sizes[i];
		EXPECT_EQ(-EINVAL, call(self->end.fd, variant->number, &self->arg));
	}
}

TEST_F(structure, of_the_first_version_is_taken)
{
	self->arg.size = variant->min;
	EXPECT_EQ(variant->good, call(self->end.fd, variant->number, &self->arg));
}

TEST_F(structure, is_refused_when_huge)
{
	static const __u32 sizes[] = { 4097, 65536, 0x80000000, UINT32_MAX };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		self->arg.size = sizes[i];
		EXPECT_EQ(-E2BIG, call(self->end.fd, variant->number, &self->arg));
	}
}

TEST_F(structure, of_a_later_version_is_taken_if_its_rest_is_zero)
{
	const __u32 sizes[] = { variant->size + 1, variant->size + LATER_LEN, 4096 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		/* Each round may take a key. */
		ASSERT_TRUE(poll_until(self->end.fd, POLLIN));
		memset(&self->arg, 0, sizeof(self->arg));
		self->arg.size = sizes[i];
		EXPECT_EQ(variant->good, call(self->end.fd, variant->number, &self->arg));
		EXPECT_EQ(sizes[i], self->arg.size);
		EXPECT_TRUE(all_zero(self->arg.bytes + variant->size,
				     sizeof(self->arg) - variant->size));
	}
}

TEST_F(structure, of_a_later_version_is_refused_if_its_rest_is_not_zero)
{
	const __u32 sizes[] = { variant->size + 1, variant->size + LATER_LEN, 4096 };

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		memset(&self->arg, 0, sizeof(self->arg));
		self->arg.size = sizes[i];
		self->arg.bytes[sizes[i] - 1] = 1;
		EXPECT_EQ(-E2BIG, call(self->end.fd, variant->number, &self->arg));
	}
}

TEST_F(structure, is_refused_with_unknown_flags)
{
	for (int bit = 0; bit < 32; bit++) {
		memset(&self->arg, 0, sizeof(self->arg));
		self->arg.size = variant->size;
		self->arg.info.flags = 1U << bit;
		if (variant->flags & 1U << bit)
			continue;
		EXPECT_EQ(-EOPNOTSUPP, call(self->end.fd, variant->number, &self->arg));
	}
}

/* Its last bytes, or all of it, are not there. */
TEST_F(structure, is_refused_beyond_the_memory_there_is)
{
	const long page = sysconf(_SC_PAGESIZE);
	char *pages =
		mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	__u32 *size;

	ASSERT_NE(MAP_FAILED, pages);
	ASSERT_EQ(0, munmap(pages + page, page));
	size = (__u32 *)(pages + page - sizeof(*size));
	*size = variant->size;
	EXPECT_EQ(-EFAULT, call(self->end.fd, variant->number, size));
	EXPECT_EQ(-EFAULT, call(self->end.fd, variant->number, pages + page - 2));
	EXPECT_EQ(-EFAULT, call(self->end.fd, variant->number, pages + page));
	EXPECT_EQ(-EFAULT, call(self->end.fd, variant->number, NULL));
	EXPECT_EQ(-EFAULT, call(self->end.fd, variant->number, (void *)-4096L));
}

TEST_F(device, refuses_reserved_fields)
{
	struct qkd_info info = { .size = sizeof(info), .reserved = 1 };
	struct qkd_key_get get = { .size = sizeof(get), .key_len = 1 };

	EXPECT_EQ(-EINVAL, call(self->end.fd, QKD_IOC_GET_INFO, &info));
	EXPECT_EQ(-EINVAL, call(self->end.fd, QKD_IOC_GET_KEY, &get));
	EXPECT_EQ(-EINVAL, call(self->end.fd, QKD_IOC_GET_KEY_BY_ID, &get));
	get = (struct qkd_key_get){ .size = sizeof(get), .timeout_ms = QKD_TIMEOUT_MS_MAX + 1 };
	EXPECT_EQ(-EINVAL, call(self->end.fd, QKD_IOC_GET_KEY, &get));
	EXPECT_EQ(-EINVAL, call(self->end.fd, QKD_IOC_GET_KEY_BY_ID, &get));
	get = (struct qkd_key_get){ .size = sizeof(get), .timeout_ms = UINT32_MAX };
	EXPECT_EQ(-EINVAL, call(self->end.fd, QKD_IOC_GET_KEY, &get));
	get = (struct qkd_key_get){ .size = sizeof(get) };
	get.key[QKD_KEY_LEN_MAX - 1] = 1;
	EXPECT_EQ(-EINVAL, call(self->end.fd, QKD_IOC_GET_KEY, &get));
	EXPECT_EQ(-EINVAL, call(self->end.fd, QKD_IOC_GET_KEY_BY_ID, &get));
	get = (struct qkd_key_get){ .size = sizeof(get) };
	get.key_id[0] = 1;
	EXPECT_EQ(-EINVAL, call(self->end.fd, QKD_IOC_GET_KEY, &get));
	EXPECT_EQ(0, stat_of(self->end.nl, "alpha", QKD_A_STATS_OUTBOUND_SPENT));
}

/* Part of it may have been seen, so it is never handed out again. */
TEST_F(device, spends_a_key_that_it_cannot_write)
{
	const long page = sysconf(_SC_PAGESIZE);
	struct qkd_key_get *get =
		mmap(NULL, page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ASSERT_NE(MAP_FAILED, get);
	get->size = sizeof(*get);
	ASSERT_EQ(0, mprotect(get, page, PROT_READ));
	EXPECT_EQ(-EFAULT, call(self->end.fd, QKD_IOC_GET_KEY, get));
	EXPECT_EQ(1, stat_of(self->end.nl, "alpha", QKD_A_STATS_OUTBOUND_SPENT));
	EXPECT_TRUE(all_zero(get->key, sizeof(get->key)));
}

/* Which link */

TEST_F(device, is_bound_by_its_first_call)
{
	struct qkd_info info = { .size = sizeof(info) };
	struct qkd_bind bind = { .size = sizeof(bind), .link = "alpha" };

	ASSERT_EQ(0, call(self->end.fd, QKD_IOC_GET_INFO, &info));
	EXPECT_EQ(-EBUSY, call(self->end.fd, QKD_IOC_BIND, &bind));
}

TEST_F(device, binds_once)
{
	struct qkd_bind bind = { .size = sizeof(bind), .link = "alpha" };
	int fd = qkd_open(NULL, 0);

	ASSERT_LE(0, fd);
	EXPECT_EQ(0, call(fd, QKD_IOC_BIND, &bind));
	EXPECT_EQ(-EBUSY, call(fd, QKD_IOC_BIND, &bind));
	close(fd);
}

TEST_F(device, does_not_bind_to_what_is_no_name)
{
	struct qkd_bind bind = { .size = sizeof(bind) };
	int fd = qkd_open(NULL, 0);

	ASSERT_LE(0, fd);
	EXPECT_EQ(-EINVAL, call(fd, QKD_IOC_BIND, &bind));
	memset(bind.link, 'a', sizeof(bind.link));
	EXPECT_EQ(-EINVAL, call(fd, QKD_IOC_BIND, &bind));
	memset(bind.link, 0, sizeof(bind.link));
	memcpy(bind.link, "alpha\0x", 7);
	EXPECT_EQ(-EINVAL, call(fd, QKD_IOC_BIND, &bind));
	memset(bind.link, 0, sizeof(bind.link));
	memcpy(bind.link, "alph", 4);
	EXPECT_EQ(-ENODEV, call(fd, QKD_IOC_BIND, &bind));
	memcpy(bind.link, "alpha", 5);
	EXPECT_EQ(0, call(fd, QKD_IOC_BIND, &bind));
	close(fd);
	EXPECT_EQ(-ENODEV, qkd_open("beta", 0));
}

TEST_F(device, does_not_choose_between_links)
{
	const struct link_spec spec = { .name = "beta", .role = QKD_ROLE_B, .seed = 't' };
	struct qkd_info info = { .size = sizeof(info) };
	struct qkd_record record;
	struct qkd_key_get get;
	int fd;

	ASSERT_EQ(0, add_link(self->end.nl, &spec));
	fd = qkd_open(NULL, O_NONBLOCK);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EDESTADDRREQ, call(fd, QKD_IOC_GET_INFO, &info));
	EXPECT_EQ(-EDESTADDRREQ, get_key(fd, 0, &get));
	EXPECT_EQ(-EDESTADDRREQ, get_by_id(fd, get.key_id, 0, &get));
	EXPECT_EQ(-EDESTADDRREQ, commit(fd, get.key_id));
	EXPECT_EQ(-1, read(fd, &record, sizeof(record)));
	EXPECT_EQ(EDESTADDRREQ, errno);
	EXPECT_EQ(POLLERR, poll_now(fd));
	close(fd);

	fd = qkd_open("beta", 0);
	ASSERT_LE(0, fd);
	ASSERT_EQ(0, call(fd, QKD_IOC_GET_INFO, &info));
	EXPECT_STREQ("beta", info.link);
	EXPECT_EQ(QKD_ROLE_B, info.role);
	close(fd);
}

TEST_F(device, without_a_link_says_so)
{
	struct qkd_info info = { .size = sizeof(info) };
	struct qkd_nl *nl;
	struct qkd_key_get get;
	int fd;

	ASSERT_EQ(0, new_namespace(&nl));
	fd = qkd_open(NULL, 0);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-ENODEV, call(fd, QKD_IOC_GET_INFO, &info));
	EXPECT_EQ(-ENODEV, get_key(fd, 0, &get));
	EXPECT_EQ(POLLERR, poll_now(fd));
	close(fd);
	qkd_nl_close(nl);
}

TEST_HARNESS_MAIN
