// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * Each call with its first chance to fail made to fail, then its second, and so on until it has no more:
 * memory that is not to be had (failslab, fail_page_alloc) and copies between user and kernel (fail_usercopy).
 * A call that failed has changed nothing, but for a key that may have been seen; the same call without a
 * fault succeeds.
 *
 * For the debug kernel, whose KASAN, lockdep and kmemleak see what goes wrong beside.
 */
#include <stdio.h>
#include <sys/mount.h>
#include <sys/syscall.h>

#include "faults.h"

#define LINK	  "alpha"
#define TIMEOUT_S 1200

FIXTURE(faults)
{
	struct end a, b;
	unsigned int errors[4096]; /* how often a call answered each errno */
};

FIXTURE_SETUP(faults)
{
	const struct link_spec a = { .name = LINK, .role = QKD_ROLE_A, .seed = 's' };
	const struct link_spec b = { .name = LINK, .role = QKD_ROLE_B, .seed = 's' };

	nth_file = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, nth_file);
	ASSERT_EQ(0, prepare_faults());
	ASSERT_EQ(0, end_open(&self->a, &a));
	ASSERT_EQ(0, end_open(&self->b, &b));
	ASSERT_TRUE(poll_until(self->a.fd, POLLIN));
}

FIXTURE_TEARDOWN(faults)
{
	end_close(&self->a);
	end_close(&self->b);
	close(nth_file);
}

typedef int (*call_fn)(FIXTURE_DATA(faults) * self, void *arg);

/*
 * Makes the call with a fault at its @nth chance. Return: whether there was such a chance; *ret is the
 * call's answer.
 */
static bool with_fault(FIXTURE_DATA(faults) * self, unsigned int nth, call_fn fn, void *arg,
		       int *ret)
{
	bool injected;

	if (set_nth(nth))
		exit(KSFT_FAIL);
	*ret = fn(self, arg);
	injected = was_injected();
	disarm();
	if (*ret < 0)
		self->errors[-*ret]++;
	return injected;
}

/*
 * Each chance of @fn in turn. @check looks at what came of it, with the answer, and returns false if it is wrong. Return:
 * how many chances there were, or -1.
 */
static int sweep(FIXTURE_DATA(faults) * self, call_fn fn,
		 bool (*check)(FIXTURE_DATA(faults) * self, void *arg, int ret), void *arg)
{
	int ret;

	memset(self->errors, 0, sizeof(self->errors));
	for (unsigned int nth = 1; nth < NTH_MAX; nth++) {
		const bool injected = with_fault(self, nth, fn, arg, &ret);

		if (!check(self, arg, ret)) {
			printf("# chance %u: answer %d, and then not as it should be\n", nth, ret);
			return -1;
		}
		if (!injected) {
			printf("# %u chances\n", nth - 1);
			return (int)nth - 1;
		}
	}
	return -1;
}

static uint64_t outbound_spent(const struct end *end)
{
	return stat_of(end->nl, LINK, QKD_A_STATS_OUTBOUND_SPENT);
}

static uint64_t reserved(const struct end *end)
{
	return stat_of(end->nl, LINK, QKD_A_STATS_INBOUND_RESERVED);
}

/*
 * The ioctls of keys allocate nothing, and read and write structures of today's length between user_access_begin() and
 * user_access_end(), where fail_usercopy has no hook: they have no chance to fail here (test_usermem has memory that is
 * not there). A structure of a later version is read by copy_from_user(), which has one.
 */
static int call_later(int fd, unsigned long request, void *arg)
{
	const __u32 size = *(__u32 *)arg;
	char later[256] = "";
	int ret;

	memcpy(later, arg, size);
	*(__u32 *)later = size + 8;
	ret = call(fd, request, later);
	memcpy(arg, later, size);
	*(__u32 *)arg = size;
	return ret;
}

/* Outbound keys */

struct taking {
	uint64_t spent;
	struct qkd_key_get get, last;
};

static int do_get(FIXTURE_DATA(faults) * self, void *arg)
{
	struct taking *taking = arg;

	return call_later(self->a.fd, QKD_IOC_GET_KEY, &taking->get);
}

/* What could not be read spends no key. None is had twice. */
static bool check_get(FIXTURE_DATA(faults) * self, void *arg, int ret)
{
	struct taking *taking = arg;
	const uint64_t spent = outbound_spent(&self->a) - taking->spent;
	const bool twice = !ret && same_key(&taking->get, &taking->last);

	taking->spent += spent;
	if (!ret)
		taking->last = taking->get;
	taking->get =
		(struct qkd_key_get){ .size = sizeof(taking->get), .timeout_ms = DEADLINE_MS };
	if (ret)
		return ret == -EFAULT && !spent;
	return spent == 1 && !twice;
}

TEST_F_TIMEOUT(faults, get_key, TIMEOUT_S)
{
	struct taking taking = {
		.get = { .size = sizeof(taking.get), .timeout_ms = DEADLINE_MS },
		.spent = outbound_spent(&self->a),
	};

	EXPECT_LT(0, sweep(self, do_get, check_get, &taking));
	EXPECT_LT(0, self->errors[EFAULT]);
}

struct reading {
	uint64_t spent;
	struct qkd_record records[4];
};

static int do_read(FIXTURE_DATA(faults) * self, void *arg)
{
	struct reading *reading = arg;
	ssize_t got = read(self->a.fd, reading->records, sizeof(reading->records));

	return got < 0 ? -errno : (int)got;
}

static bool check_read(FIXTURE_DATA(faults) * self, void *arg, int ret)
{
	struct reading *reading = arg;
	const uint64_t spent = outbound_spent(&self->a) - reading->spent;
	const uint64_t got = ret > 0 ? (uint64_t)ret / sizeof(reading->records[0]) : 0;

	reading->spent += spent;
	if (ret < 0 && ret != -EFAULT)
		return false;
	/* The key whose copy failed is spent too. */
	return spent == got || spent == got + 1;
}

TEST_F_TIMEOUT(faults, read, TIMEOUT_S)
{
	struct reading reading = { .spent = outbound_spent(&self->a) };

	EXPECT_LT(0, sweep(self, do_read, check_read, &reading));
	EXPECT_LT(0, self->errors[EFAULT]);
}

/* Inbound keys */

struct looking {
	struct qkd_key_get out, in;
	uint32_t timeout_ms;
};

static int next_key(FIXTURE_DATA(faults) * self, struct looking *looking)
{
	return get_key(self->a.fd, DEADLINE_MS, &looking->out);
}

static int do_get_by_id(FIXTURE_DATA(faults) * self, void *arg)
{
	struct looking *looking = arg;

	looking->in = (struct qkd_key_get){ .size = sizeof(looking->in) };
	memcpy(looking->in.key_id, looking->out.key_id, QKD_KEY_ID_LEN);
	return call_later(self->b.fd, QKD_IOC_GET_KEY_BY_ID, &looking->in);
}

/* Whatever happened, the key is there, unharmed and for whoever asks next. */
static bool check_get_by_id(FIXTURE_DATA(faults) * self, void *arg, int ret)
{
	struct looking *looking = arg;
	const int64_t end = now_ms() + DEADLINE_MS;

	if (!ret && release(self->b.fd, looking->out.key_id))
		return false;
	/* A provider that found no memory for the key does not have it at once. */
	if (ret && ret != -EFAULT && ret != -ENOKEY)
		return false;
	if (reserved(&self->b))
		return false;
	do
		ret = do_get_by_id(self, arg);
	while (ret == -ENOKEY && now_ms() < end);
	if (ret || !same_key(&looking->in, &looking->out) ||
	    commit(self->b.fd, looking->out.key_id))
		return false;
	return !next_key(self, looking);
}

TEST_F_TIMEOUT(faults, get_key_by_id, TIMEOUT_S)
{
	struct looking looking = {};

	ASSERT_EQ(0, next_key(self, &looking));
	ASSERT_SOON(stat_of(self->b.nl, LINK, QKD_A_STATS_INBOUND_FRESH) > 100);
	EXPECT_LT(0, sweep(self, do_get_by_id, check_get_by_id, &looking));
	EXPECT_LT(0, self->errors[EFAULT]);
}

/* The key is not there yet: the provider is asked, and makes it in the middle of the faults. */
static bool check_fetch(FIXTURE_DATA(faults) * self, void *arg, int ret)
{
	struct looking *looking = arg;

	if (!check_get_by_id(self, arg, ret))
		return false;
	/* Beyond what the other end has made by itself */
	for (int i = 0; i < 40; i++)
		if (next_key(self, looking))
			return false;
	return true;
}

TEST_F_TIMEOUT(faults, get_key_by_id_of_a_provider, TIMEOUT_S)
{
	const struct link_spec spec = {
		.name = "slow", .role = QKD_ROLE_B, .seed = 's', .rate = QKD_SIM_RATE_MIN
	};
	struct looking looking = {};

	ASSERT_EQ(0, qkd_nl_link_delete(self->b.nl, LINK));
	end_close(&self->b);
	ASSERT_EQ(0, end_open(&self->b, &(struct link_spec){ .name = LINK,
							     .role = spec.role,
							     .seed = spec.seed,
							     .rate = spec.rate }));
	for (int i = 0; i < 100; i++)
		ASSERT_EQ(0, next_key(self, &looking));
	EXPECT_LT(0, sweep(self, do_get_by_id, check_fetch, &looking));
}

/* The end of a reservation */

static int end_reservation(FIXTURE_DATA(faults) * self, unsigned long request,
			   const struct looking *looking)
{
	struct qkd_key_ref ref = { .size = sizeof(ref) };

	memcpy(ref.key_id, looking->out.key_id, sizeof(ref.key_id));
	return call_later(self->b.fd, request, &ref);
}

static int do_commit(FIXTURE_DATA(faults) * self, void *arg)
{
	return end_reservation(self, QKD_IOC_COMMIT, arg);
}

static int do_release(FIXTURE_DATA(faults) * self, void *arg)
{
	return end_reservation(self, QKD_IOC_RELEASE, arg);
}

static int reserve_next(FIXTURE_DATA(faults) * self, struct looking *looking)
{
	return next_key(self, looking)
		       ?: get_by_id(self->b.fd, looking->out.key_id, DEADLINE_MS, &looking->in);
}

/* One that failed has not ended it. */
static bool check_commit(FIXTURE_DATA(faults) * self, void *arg, int ret)
{
	if (ret && (ret != -EFAULT || reserved(&self->b) != 1 || do_commit(self, arg)))
		return false;
	return !reserved(&self->b) && do_commit(self, arg) == -ENOKEY && !reserve_next(self, arg);
}

static bool check_release(FIXTURE_DATA(faults) * self, void *arg, int ret)
{
	struct looking *looking = arg;

	if (ret && (ret != -EFAULT || reserved(&self->b) != 1 || do_release(self, arg)))
		return false;
	return !reserved(&self->b) && !do_get_by_id(self, arg) &&
	       same_key(&looking->in, &looking->out);
}

TEST_F_TIMEOUT(faults, commit, TIMEOUT_S)
{
	struct looking looking = {};

	ASSERT_EQ(0, reserve_next(self, &looking));
	EXPECT_LT(0, sweep(self, do_commit, check_commit, &looking));
	EXPECT_LT(0, self->errors[EFAULT]);
}

TEST_F_TIMEOUT(faults, release, TIMEOUT_S)
{
	struct looking looking = {};

	ASSERT_EQ(0, reserve_next(self, &looking));
	EXPECT_LT(0, sweep(self, do_release, check_release, &looking));
	EXPECT_LT(0, self->errors[EFAULT]);
}

/* Files */

static int do_open(FIXTURE_DATA(faults) * self, void *arg)
{
	int *fd = arg;

	*fd = open("/dev/qkd", O_RDWR | O_CLOEXEC);
	return *fd < 0 ? -errno : 0;
}

static bool check_open(FIXTURE_DATA(faults) * self, void *arg, int ret)
{
	int *fd = arg;

	if (ret)
		return ret == -ENOMEM || ret == -ENFILE || ret == -EFAULT;
	close(*fd);
	return true;
}

TEST_F_TIMEOUT(faults, open, TIMEOUT_S)
{
	int fd;

	EXPECT_LT(0, sweep(self, do_open, check_open, &fd));
	EXPECT_LT(0, self->errors[ENOMEM]);
}

static int do_bind(FIXTURE_DATA(faults) * self, void *arg)
{
	struct qkd_bind bind = { .size = sizeof(bind), .link = LINK };

	return call(*(int *)arg, QKD_IOC_BIND, &bind);
}

static bool check_bind(FIXTURE_DATA(faults) * self, void *arg, int ret)
{
	int *fd = arg;

	if (ret && (ret != -EFAULT || do_bind(self, arg)))
		return false;
	if (do_bind(self, arg) != -EBUSY)
		return false;
	close(*fd);
	return !do_open(self, arg);
}

TEST_F_TIMEOUT(faults, bind, TIMEOUT_S)
{
	int fd;

	ASSERT_EQ(0, do_open(self, &fd));
	EXPECT_LT(0, sweep(self, do_bind, check_bind, &fd));
	EXPECT_LT(0, self->errors[EFAULT]);
	close(fd);
}

static int do_info(FIXTURE_DATA(faults) * self, void *arg)
{
	return qkd_info(self->a.fd, arg);
}

static bool check_info(FIXTURE_DATA(faults) * self, void *arg, int ret)
{
	return !ret || ret == -EFAULT;
}

TEST_F_TIMEOUT(faults, get_info, TIMEOUT_S)
{
	struct qkd_info info;

	EXPECT_LT(0, sweep(self, do_info, check_info, &info));
	EXPECT_LT(0, self->errors[EFAULT]);
}

/*
 * Netlink. The kernel's answer may be what finds no memory: a request that failed for this program may have
 * been carried out. Each try has a handle of its own, since an answer may be left in the socket.
 */

struct talk {
	struct qkd_nl *nl;
	int fd; /* a seed */
	int (*fn)(struct talk *talk);
	bool (*check)(struct talk *talk, bool failed);
};

static int do_talk(FIXTURE_DATA(faults) * self, void *arg)
{
	struct talk *talk = arg;

	return talk->fn(talk);
}

static bool check_talk(FIXTURE_DATA(faults) * self, void *arg, int ret)
{
	struct talk *talk = arg;

	qkd_nl_close(talk->nl);
	return !qkd_nl_open(&talk->nl) && talk->check(talk, ret < 0);
}

static bool sweep_talk(FIXTURE_DATA(faults) * self, int (*fn)(struct talk *talk),
		       bool (*check)(struct talk *talk, bool failed))
{
	struct talk talk = { .fn = fn, .check = check, .fd = memory_file('t', SEED_LEN) };
	bool good = !qkd_nl_open(&talk.nl) && sweep(self, do_talk, check_talk, &talk) > 0;

	qkd_nl_close(talk.nl);
	close(talk.fd);
	return good;
}

static int nl_add(struct talk *talk)
{
	const struct qkd_link_request request = {
		.name = "beta",
		.provider = "sim",
		.local_sae = SITE_A,
		.remote_sae = SITE_B,
		.role = QKD_ROLE_A,
		.sim_seed_fd = talk->fd,
	};

	return qkd_nl_link_add(talk->nl, &request);
}

static bool check_add(struct talk *talk, bool failed)
{
	int ret = nl_add(talk);

	if (failed ? ret && ret != -EEXIST : ret != -EEXIST)
		return false;
	return !qkd_nl_link_delete(talk->nl, "beta");
}

static int nl_delete(struct talk *talk)
{
	return qkd_nl_link_delete(talk->nl, "beta");
}

static bool check_delete(struct talk *talk, bool failed)
{
	int ret = nl_add(talk);

	return failed ? !ret || ret == -EEXIST : !ret;
}

static int nl_set(struct talk *talk)
{
	const uint32_t ttl = 5;
	struct qkd_link_change change = { .name = "beta", .ttl_s = &ttl };

	qkd_sim_give(&change.sim, QKD_A_SIM_RATE, 4096);
	return qkd_nl_link_set(talk->nl, &change);
}

/* All of it or nothing */
static bool check_set(struct talk *talk, bool failed)
{
	const uint32_t ttl = 0;
	struct qkd_link_change back = { .name = "beta", .ttl_s = &ttl };
	struct qkd_link_info info;

	qkd_sim_give(&back.sim, QKD_A_SIM_RATE, 65536);

	if (qkd_nl_link_get(talk->nl, "beta", &info) ||
	    (info.ttl_s == 5) != (info.sim.value[QKD_A_SIM_RATE] == 4096))
		return false;
	return (failed || info.ttl_s == 5) && !qkd_nl_link_set(talk->nl, &back);
}

static int nl_purge(struct talk *talk)
{
	return qkd_nl_link_purge(talk->nl, "beta");
}

static int nl_get(struct talk *talk)
{
	struct qkd_link_info info;

	return qkd_nl_link_get(talk->nl, "beta", &info);
}

static int count_link(const struct qkd_link_info *info, void *arg)
{
	++*(int *)arg;
	return 0;
}

static int nl_list(struct talk *talk)
{
	int links = 0, ret = qkd_nl_link_list(talk->nl, count_link, &links);

	return ret || links == 2 ? ret : -EBADMSG;
}

static int count_provider(const struct qkd_provider_info *info, void *arg)
{
	++*(int *)arg;
	return 0;
}

static int nl_providers(struct talk *talk)
{
	int n = 0, ret = qkd_nl_provider_list(talk->nl, count_provider, &n);

	return ret || n ? ret : -EBADMSG;
}

static bool check_there(struct talk *talk, bool failed)
{
	return !nl_get(talk) && !nl_list(talk);
}

static bool memory_failed(FIXTURE_DATA(faults) * self)
{
	return self->errors[ENOMEM] + self->errors[ENOBUFS] > 0;
}

TEST_F_TIMEOUT(faults, link_new_and_del, TIMEOUT_S)
{
	struct talk talk = { .fd = memory_file('t', SEED_LEN) };

	EXPECT_TRUE(sweep_talk(self, nl_add, check_add));
	EXPECT_TRUE(memory_failed(self));
	ASSERT_EQ(0, qkd_nl_open(&talk.nl));
	ASSERT_EQ(0, nl_add(&talk));
	EXPECT_TRUE(sweep_talk(self, nl_delete, check_delete));
	qkd_nl_close(talk.nl);
	close(talk.fd);
}

TEST_F_TIMEOUT(faults, link_get_set_and_purge, TIMEOUT_S)
{
	struct talk talk = { .fd = memory_file('t', SEED_LEN) };

	ASSERT_EQ(0, qkd_nl_open(&talk.nl));
	ASSERT_EQ(0, nl_add(&talk));
	EXPECT_TRUE(sweep_talk(self, nl_set, check_set));
	EXPECT_TRUE(sweep_talk(self, nl_get, check_there));
	EXPECT_TRUE(memory_failed(self));
	EXPECT_TRUE(sweep_talk(self, nl_list, check_there));
	EXPECT_EQ(0, self->errors[EBADMSG]);
	EXPECT_TRUE(sweep_talk(self, nl_providers, check_there));
	EXPECT_EQ(0, self->errors[EBADMSG]);
	EXPECT_TRUE(sweep_talk(self, nl_purge, check_there));
	qkd_nl_close(talk.nl);
	close(talk.fd);
}

/* A namespace, of whose many allocations those of the module are meant */

static int module_range(const char *module, char *start, char *end, size_t len)
{
	char line[256], name[64];
	FILE *f = fopen("/proc/modules", "re");
	unsigned long size, base;
	int ret = -ENOENT;

	while (f && fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%63s %lu %*s %*s %*s %lx", name, &size, &base) != 3 ||
		    strcmp(name, module))
			continue;
		snprintf(start, len, "0x%lx", base);
		snprintf(end, len, "0x%lx", base + size);
		ret = 0;
	}
	if (f)
		fclose(f);
	return ret;
}

static int only_of(const char *start, const char *end)
{
	static const char *const kinds[] = { "failslab", "fail_page_alloc" };
	int ret = 0;

	for (int i = 0; i < 2 && !ret; i++)
		ret = set(kinds[i], "stacktrace-depth", "32") ?:
		      set(kinds[i], "require-start", start) ?:
		      set(kinds[i], "require-end", end);
	return ret;
}

static int do_unshare(FIXTURE_DATA(faults) * self, void *arg)
{
	return unshare(CLONE_NEWNET) ? -errno : 0;
}

static bool check_unshare(FIXTURE_DATA(faults) * self, void *arg, int ret)
{
	return !ret || ret == -ENOMEM;
}

TEST_F_TIMEOUT(faults, a_new_namespace, TIMEOUT_S)
{
	char start[32], end[32];
	bool good;

	ASSERT_EQ(0, module_range("qkd", start, end, sizeof(start)));
	ASSERT_EQ(0, only_of(start, end));
	good = sweep(self, do_unshare, check_unshare, NULL) > 0;
	ASSERT_EQ(0, only_of("0x0", "0xffffffffffffffff"));
	EXPECT_TRUE(good);
	EXPECT_LT(0, self->errors[ENOMEM]);
}

/*
 * The provider's own work and the events, in whose context no call of ours can be counted: one in four
 * allocations that the modules make fails, while keys go from end to end.
 */
#define DROPS "1000000" /* more than there are allocations */

static int rain(const char *probability)
{
	return set("failslab", "probability", probability);
}

/* How many of them have fallen */
static int fallen(void)
{
	char text[16] = "";
	int fd = open(FAULTS "failslab/times", O_RDONLY | O_CLOEXEC);
	ssize_t len;

	if (fd < 0)
		return -1;
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	return len > 0 ? atoi(DROPS) - atoi(text) : -1;
}

TEST_F_TIMEOUT(faults, keys_come_through_the_rain, TIMEOUT_S)
{
	struct looking looking = {};
	char start[32], end[32];
	int good = 0;

	ASSERT_EQ(0, module_range("qkd", start, end, sizeof(start)));
	ASSERT_EQ(0, only_of(start, end));
	ASSERT_EQ(0, set("failslab", "times", DROPS));
	ASSERT_EQ(0, rain("25"));
	for (int i = 0; i < 200; i++) {
		if (get_key(self->a.fd, DEADLINE_MS, &looking.out))
			continue;
		for (int j = 0; j < 100; j++) {
			if (do_get_by_id(self, &looking))
				continue;
			good += same_key(&looking.in, &looking.out) &&
				!commit(self->b.fd, looking.out.key_id);
			break;
		}
	}
	ASSERT_EQ(0, rain("0"));
	ASSERT_EQ(0, only_of("0x0", "0xffffffffffffffff"));
	EXPECT_EQ(200, good);
	EXPECT_LT(0, fallen());
	EXPECT_EQ(200, stat_of(self->b.nl, LINK, QKD_A_STATS_INBOUND_SPENT));
}

/* What has no chance to fail by itself: the simulator's cryptography, by fail_function */

static int fail_function(const char *name)
{
	return set("fail_function", "verbose", "0") ?:
	       set("fail_function", "inject", name) ?:
	       set("fail_function", "times", "-1") ?:
	       set("fail_function", "probability", "50");
}

static bool one_key_comes(FIXTURE_DATA(faults) * self)
{
	struct looking looking = {};
	const int64_t end = now_ms() + DEADLINE_MS;
	int ret;

	if (next_key(self, &looking))
		return false;
	do
		ret = do_get_by_id(self, &looking);
	while (ret == -ENOKEY && now_ms() < end);
	return !ret && same_key(&looking.in, &looking.out) &&
	       !commit(self->b.fd, looking.out.key_id);
}

TEST_F_TIMEOUT(faults, the_simulators_cryptography, TIMEOUT_S)
{
	static const char *const functions[] = { "qkd_sim_prf_id", "qkd_sim_prf_key" };
	static const char *const takes_back[] = { "!qkd_sim_prf_id", "!qkd_sim_prf_key" };
	bool good = true;

	for (int i = 0; i < 2; i++) {
		ASSERT_EQ(0, fail_function(functions[i]));
		for (int j = 0; j < 100 && good; j++)
			good = one_key_comes(self);
		ASSERT_EQ(0, set("fail_function", "probability", "0"));
		ASSERT_EQ(0, set("fail_function", "inject", takes_back[i]));
		EXPECT_TRUE(good)
		{
			TH_LOG("with %s failing", functions[i]);
		}
	}
}

TEST_HARNESS_MAIN
