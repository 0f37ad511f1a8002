// SPDX-License-Identifier: GPL-2.0-or-later
/* Feeds that are opened, die and come again, and what goes under them: links, namespaces, the module, memory. */
#include "feed.h"

#include <linux/capability.h>
#include <linux/userfaultfd.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>

/* Opening */

TEST_F(feed, is_one_per_link)
{
	struct qkd_feed_request request;
	int other = dup(self->feed);

	EXPECT_EQ(-EBUSY, qkd_feed_open(self->fd, 0));
	close(self->feed);
	EXPECT_EQ(-EBUSY, qkd_feed_open(self->fd, 0));
	close(other);
	self->feed = qkd_feed_open(self->fd, 0);
	ASSERT_LE(0, self->feed);
	EXPECT_EQ(FD_CLOEXEC, fcntl(self->feed, F_GETFD));
	EXPECT_FALSE(fcntl(self->feed, F_GETFL) & O_NONBLOCK);
	EXPECT_EQ(1, qkd_feed_read(self->feed, &request, 1));
	close(self->feed);
	self->feed = qkd_feed_open(self->fd, QKD_FEED_F_NONBLOCK);
	ASSERT_LE(0, self->feed);
	EXPECT_TRUE(fcntl(self->feed, F_GETFL) & O_NONBLOCK);
}

/* The file it was opened by may go; what it was bound to stays. */
TEST_F(feed, outlives_the_file_it_was_opened_by)
{
	struct qkd_key_get get;

	close(self->fd);
	EXPECT_EQ(0, put_key(self->feed, QKD_DIR_OUTBOUND, 1));
	self->fd = qkd_open(LINK, 0);
	ASSERT_LE(0, self->fd);
	ASSERT_EQ(0, get_key(self->fd, 0, &get));
	EXPECT_TRUE(is_key(&get, 1));
}

TEST_F(feed, is_opened_by_a_structure_that_is_right)
{
	struct {
		struct qkd_feed_open open;
		uint8_t more[4096];
	} arg = {};
	static const uint32_t too_short[] = { 0, 1, 4, 7 };

	close(self->feed);
	for (size_t i = 0; i < sizeof(too_short) / sizeof(too_short[0]); i++) {
		arg.open.size = too_short[i];
		EXPECT_EQ(-EINVAL, call(self->fd, QKD_IOC_OPEN_FEED, &arg));
	}
	arg.open.size = 4097;
	EXPECT_EQ(-E2BIG, call(self->fd, QKD_IOC_OPEN_FEED, &arg));
	arg.open.size = sizeof(arg.open) + 8;
	arg.more[7] = 1;
	EXPECT_EQ(-E2BIG, call(self->fd, QKD_IOC_OPEN_FEED, &arg));
	arg.more[7] = 0;
	for (unsigned int bit = 1; bit < 32; bit++) {
		arg.open.flags = 1U << bit | (bit & 1);
		EXPECT_EQ(-EOPNOTSUPP, call(self->fd, QKD_IOC_OPEN_FEED, &arg));
	}
	EXPECT_EQ(-EFAULT, call(self->fd, QKD_IOC_OPEN_FEED, (void *)8));
	arg.open.flags = QKD_FEED_F_NONBLOCK;
	self->feed = ioctl(self->fd, QKD_IOC_OPEN_FEED, &arg);
	EXPECT_LE(0, self->feed);
}

TEST_F(feed, is_for_links_of_its_provider)
{
	const struct link_spec spec = { .name = "beta", .role = QKD_ROLE_A, .seed = 's' };
	int fd;

	ASSERT_EQ(0, add_link(self->nl, &spec));
	fd = qkd_open("beta", 0);
	EXPECT_EQ(-EOPNOTSUPP, qkd_feed_open(fd, 0));
	close(fd);
	fd = qkd_open(NULL, 0);
	EXPECT_EQ(-EDESTADDRREQ, qkd_feed_open(fd, 0));
	ASSERT_EQ(0, qkd_nl_link_delete(self->nl, "beta"));
	/* Where there is just one link it is that one's. */
	EXPECT_EQ(-EBUSY, qkd_feed_open(fd, 0));
	close(fd);
	ASSERT_EQ(0, qkd_nl_link_delete(self->nl, LINK));
	fd = qkd_open(NULL, 0);
	EXPECT_EQ(-ENODEV, qkd_feed_open(fd, 0));
	EXPECT_EQ(-ENODEV, qkd_feed_open(self->fd, 0));
	close(fd);
}

static int set_effective(bool net_admin)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct caps[2];

	if (syscall(SYS_capget, &header, caps))
		return -errno;
	caps[0].effective &= ~(1U << CAP_NET_ADMIN);
	if (net_admin)
		caps[0].effective |= 1U << CAP_NET_ADMIN;
	return syscall(SYS_capset, &header, caps) ? -errno : 0;
}

/* Of who calls, and of who opened the file and handed it to him. */
TEST_F(feed, is_for_administrators)
{
	int fd;

	close(self->feed);
	ASSERT_EQ(0, set_effective(false));
	EXPECT_EQ(-EPERM, qkd_feed_open(self->fd, 0));
	fd = qkd_open(LINK, 0);
	ASSERT_LE(0, fd);
	EXPECT_EQ(-EPERM, qkd_feed_open(fd, 0));
	ASSERT_EQ(0, set_effective(true));
	EXPECT_EQ(-EPERM, qkd_feed_open(fd, 0));
	self->feed = qkd_feed_open(self->fd, 0);
	EXPECT_LE(0, self->feed);
	close(fd);
}

TEST_F(feed, may_be_opened_later_if_there_is_no_descriptor)
{
	struct rlimit limit, none;
	int free;

	close(self->feed);
	ASSERT_EQ(0, getrlimit(RLIMIT_NOFILE, &limit));
	none = limit;
	free = dup(self->fd);
	none.rlim_cur = (rlim_t)free;
	close(free);
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &none));
	EXPECT_EQ(-EMFILE, qkd_feed_open(self->fd, 0));
	ASSERT_EQ(0, setrlimit(RLIMIT_NOFILE, &limit));
	self->feed = qkd_feed_open(self->fd, 0);
	EXPECT_LE(0, self->feed);
}

#define RACERS 8
#define RACES  50

struct race {
	pthread_barrier_t start, stop;
	int fd;
	atomic_int won, lost, odd;
};

static void *race_to_open(void *arg)
{
	struct race *race = arg;

	for (int i = 0; i < RACES; i++) {
		int feed;

		pthread_barrier_wait(&race->start);
		feed = qkd_feed_open(race->fd, 0);
		if (feed >= 0)
			race->won++;
		else if (feed == -EBUSY)
			race->lost++;
		else
			race->odd++;
		pthread_barrier_wait(&race->stop);
		if (feed >= 0)
			close(feed);
	}
	return NULL;
}

TEST_F(feed, of_many_that_are_opened_at_once_is_one)
{
	struct race race = { .fd = self->fd };
	pthread_t threads[RACERS];

	close(self->feed);
	pthread_barrier_init(&race.start, NULL, RACERS);
	pthread_barrier_init(&race.stop, NULL, RACERS);
	for (int i = 0; i < RACERS; i++)
		ASSERT_EQ(0, pthread_create(&threads[i], NULL, race_to_open, &race));
	for (int i = 0; i < RACERS; i++)
		ASSERT_EQ(0, pthread_join(threads[i], NULL));
	EXPECT_EQ(0, race.odd);
	EXPECT_EQ(RACES, race.won);
	EXPECT_EQ(RACES * RACERS, race.won + race.lost);
	self->feed = qkd_feed_open(self->fd, 0);
	EXPECT_LE(0, self->feed);
}

/* Death */

/* A feed in a process of its own, which delivers three keys, reads a request and is killed. */
static int feed_and_die(int fd)
{
	struct qkd_feed_request request;
	pid_t pid = fork();
	int status;

	if (!pid) {
		int feed = qkd_feed_open(fd, 0);

		if (feed >= 0 && !put_keys(feed, QKD_DIR_OUTBOUND, 0, 3) &&
		    !qkd_feed_report(feed, QKD_LINK_UP, 1, 2) &&
		    qkd_feed_read(feed, &request, 1) == 1)
			kill(getpid(), SIGKILL);
		_exit(1);
	}
	status = pid < 0 ? -1 : await(pid);
	return status >= 0 && WIFSIGNALED(status) ? 0 : -ECHILD;
}

TEST_F(feed, that_dies_leaves_its_keys_and_who_waits_for_the_next)
{
	struct qkd_link_info info;
	struct waiter waiter;
	struct qkd_key_get get;
	int ms;

	close(self->feed);
	/* Nobody is there to bring it yet. */
	ASSERT_EQ(0, start_waiter(&waiter, self->fd, 7, DEADLINE_MS));
	ASSERT_SOON(stat_now(self, QKD_A_STATS_WAITERS) == 1);
	ASSERT_EQ(0, feed_and_die(self->fd));
	ASSERT_SOON(!qkd_nl_link_get(self->nl, LINK, &info) && info.state == QKD_LINK_DOWN);
	EXPECT_EQ(QKD_UNKNOWN, info.qber);
	EXPECT_EQ(1, stat_now(self, QKD_A_STATS_WAITERS));

	self->feed = qkd_feed_open(self->fd, QKD_FEED_F_NONBLOCK);
	ASSERT_LE(0, self->feed);
	ms = asks_id(self->feed, 7);
	EXPECT_LT(0, ms);
	EXPECT_GE(DEADLINE_MS, ms);
	EXPECT_TRUE(asks_keys(self->feed, CAPACITY - 3));
	ASSERT_EQ(0, put_key(self->feed, QKD_DIR_INBOUND, 7));
	ASSERT_EQ(0, end_waiter(&waiter));
	EXPECT_TRUE(is_key(&waiter.get, 7));
	for (unsigned int nr = 0; nr < 3; nr++) {
		ASSERT_EQ(0, get_key(self->fd, 0, &get));
		EXPECT_TRUE(is_key(&get, nr));
	}
	EXPECT_TRUE(balances(self, 4));
}

TEST_F(feed, that_is_not_there_does_not_keep_anybody_beyond_his_time)
{
	struct qkd_key_get get;
	struct waiter waiter;

	close(self->feed);
	self->feed = -1;
	ASSERT_EQ(0, start_waiter(&waiter, self->fd, 7, SHORT_MS));
	EXPECT_EQ(-ENOKEY, end_waiter(&waiter));
	EXPECT_EQ(-ENOKEY, ask_once(self->fd, 7, &get));
	EXPECT_EQ(-EAGAIN, get_key(self->fd, 0, &get));
	EXPECT_EQ(-ETIMEDOUT, get_key(self->fd, SHORT_MS, &get));
	EXPECT_EQ(0, stat_now(self, QKD_A_STATS_WAITERS));
}

/* Ends */

/* Who reads a feed, in a thread */
struct reader {
	pthread_t thread;
	int feed;
	atomic_int tid;
	int ret;
	struct qkd_feed_request request;
};

static void *read_feed(void *arg)
{
	struct reader *reader = arg;

	reader->tid = (int)syscall(SYS_gettid);
	reader->ret = qkd_feed_read(reader->feed, &reader->request, 1);
	return NULL;
}

static bool sleeps(int tid)
{
	char path[64], state = 0;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
	file = tid ? fopen(path, "r") : NULL;
	if (!file)
		return false;
	if (fscanf(file, "%*d %*s %c", &state) != 1)
		state = 0;
	fclose(file);
	return state == 'S';
}

/* A reader that waits, on a feed of which nothing is wanted */
static int start_reader(struct reader *reader, int feed)
{
	const int64_t end = now_ms() + DEADLINE_MS;

	*reader = (struct reader){ .feed = feed };
	if (fcntl(feed, F_SETFL, 0) || pthread_create(&reader->thread, NULL, read_feed, reader))
		return -errno;
	while (!sleeps(reader->tid))
		if (poll(NULL, 0, TICK_MS) || now_ms() > end)
			return -ETIMEDOUT;
	return 0;
}

/* The link is gone: the reader was told, and nothing else happens on the feed. */
static void expect_closed(struct __test_metadata *const _metadata, struct reader *reader)
{
	const int feed = reader->feed;
	struct qkd_feed_request request;

	ASSERT_EQ(0, pthread_join(reader->thread, NULL));
	ASSERT_EQ(1, reader->ret);
	EXPECT_EQ(QKD_FEED_CLOSE, reader->request.type);
	EXPECT_TRUE(poll_now(feed) & POLLHUP);
	EXPECT_TRUE(poll_now(feed) & POLLIN);
	EXPECT_EQ(0, qkd_feed_read(feed, &request, 1));
	EXPECT_EQ(0, qkd_feed_read(feed, &request, 1));
	EXPECT_EQ(-ENODEV, put_key(feed, QKD_DIR_OUTBOUND, 100));
	EXPECT_EQ(-ENODEV, put_key(feed, QKD_DIR_INBOUND, 101));
	EXPECT_EQ(-ENODEV, refuse(feed, 7, ENOKEY));
	EXPECT_EQ(-ENODEV, qkd_feed_report(feed, QKD_LINK_UP, 1, 1));
}

TEST_F(feed, is_told_that_its_link_is_deleted)
{
	struct reader reader;
	struct waiter waiter;

	ASSERT_EQ(0, put_key(self->feed, QKD_DIR_OUTBOUND, 1));
	ASSERT_EQ(0, start_waiter(&waiter, self->fd, 7, DEADLINE_MS));
	EXPECT_LT(0, asks_id(self->feed, 7));
	ASSERT_EQ(0, start_reader(&reader, self->feed));
	ASSERT_EQ(0, qkd_nl_link_delete(self->nl, LINK));
	EXPECT_EQ(-ENODEV, end_waiter(&waiter));
	expect_closed(_metadata, &reader);
	EXPECT_EQ(-ENODEV, qkd_feed_open(self->fd, 0));
}

/* One that is read later only has the same to read. */
TEST_F(feed, of_a_link_that_has_gone_does_not_hinder_the_next)
{
	struct qkd_feed_request request[2];
	struct qkd_key_get get;
	int fd, feed;

	ASSERT_EQ(-ENOKEY, ask_once(self->fd, 7, &get));
	ASSERT_EQ(0, qkd_nl_link_delete(self->nl, LINK));
	ASSERT_EQ(0, add_feed_link(self->nl, LINK, CAPACITY, LOW));
	fd = qkd_open(LINK, 0);
	feed = qkd_feed_open(fd, QKD_FEED_F_NONBLOCK);
	ASSERT_LE(0, feed);
	EXPECT_TRUE(asks_keys(feed, CAPACITY));
	EXPECT_TRUE(asks_nothing(feed));
	EXPECT_EQ(0, put_key(feed, QKD_DIR_OUTBOUND, 1));
	EXPECT_EQ(-ENODEV, put_key(self->feed, QKD_DIR_OUTBOUND, 2));
	EXPECT_EQ(1, qkd_feed_read(self->feed, request, 2));
	EXPECT_EQ(QKD_FEED_CLOSE, request[0].type);
	close(self->feed);
	self->feed = feed;
	EXPECT_EQ(0, put_key(feed, QKD_DIR_OUTBOUND, 3));
	EXPECT_TRUE(balances(self, 2));
	close(fd);
}

TEST_F(feed, is_told_that_its_namespace_ends)
{
	int home = open("/proc/1/ns/net", O_RDONLY | O_CLOEXEC);
	struct reader reader;

	ASSERT_LE(0, home);
	ASSERT_EQ(0, put_key(self->feed, QKD_DIR_OUTBOUND, 1));
	ASSERT_EQ(0, setns(home, CLONE_NEWNET));
	ASSERT_EQ(0, start_reader(&reader, self->feed));
	qkd_nl_close(self->nl);
	expect_closed(_metadata, &reader);
	ASSERT_EQ(0, qkd_nl_open(&self->nl));
	close(home);
}

static int note_event(const struct qkd_event *event, void *arg)
{
	if (event->type == QKD_EVENT_LINK_GONE)
		*(struct qkd_event *)arg = *event;
	return 0;
}

/* A feed keeps the module, its link does not. */
TEST_F(feed, keeps_the_module_until_it_is_closed)
{
	struct qkd_event gone = {};
	struct qkd_nl *listener;

	ASSERT_EQ(0, put_keys(self->feed, QKD_DIR_OUTBOUND, 0, 5));
	ASSERT_EQ(0, qkd_nl_open(&listener));
	ASSERT_EQ(0, qkd_nl_event_subscribe(listener));
	ASSERT_SOON(access("/sys/module/qkd_sim", F_OK) || !unload_module("qkd_sim"));
	close(self->fd);
	EXPECT_EQ(-EWOULDBLOCK, unload_module("qkd"));
	EXPECT_TRUE(asks_nothing(self->feed));
	close(self->feed);
	ASSERT_SOON(!unload_module("qkd"));
	ASSERT_EQ(0, qkd_nl_event_read(listener, note_event, &gone));
	EXPECT_STREQ(LINK, gone.link);
	EXPECT_TRUE(gone.has_stats);
	EXPECT_EQ(5, gone.stats.value[QKD_A_STATS_DELIVERED]);
	EXPECT_EQ(5, gone.stats.value[QKD_A_STATS_PURGED]);
	qkd_nl_close(listener);
	ASSERT_EQ(0, load_module("qkd_sim", NULL));
	self->fd = -1;
	self->feed = -1;
}

/* Memory that does not answer */

struct slow_memory {
	int uffd;
	long page;
	char *place;
};

/* A page that is not there until answer() brings it; -ENOSYS on a kernel that cannot do that */
static int slow_memory(struct slow_memory *memory)
{
	struct uffdio_api api = { .api = UFFD_API };
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	memory->page = sysconf(_SC_PAGESIZE);
	memory->place = mmap(NULL, (size_t)memory->page, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	memory->uffd = (int)syscall(SYS_userfaultfd, O_CLOEXEC | O_NONBLOCK);
	if (memory->place == MAP_FAILED || memory->uffd < 0)
		return -errno;
	reg.range.start = (unsigned long)memory->place;
	reg.range.len = (unsigned long)memory->page;
	if (ioctl(memory->uffd, UFFDIO_API, &api) || ioctl(memory->uffd, UFFDIO_REGISTER, &reg))
		return -errno;
	return 0;
}

/* Somebody is waiting for the page now. */
static bool is_waited_for(const struct slow_memory *memory)
{
	struct pollfd pfd = { .fd = memory->uffd, .events = POLLIN };

	return poll(&pfd, 1, DEADLINE_MS) == 1 && pfd.revents == POLLIN;
}

static int answer(const struct slow_memory *memory, const void *bytes, size_t len)
{
	char page[65536] = {};
	struct uffdio_copy copy = {
		.dst = (unsigned long)memory->place,
		.src = (unsigned long)page,
		.len = (unsigned long)memory->page,
	};

	memcpy(page, bytes, len);
	return ioctl(memory->uffd, UFFDIO_COPY, &copy) ? -errno : 0;
}

struct job {
	pthread_t thread;
	int feed;
	void *place;
	ssize_t ret;
};

static void *write_job(void *arg)
{
	struct job *job = arg;

	job->ret = write(job->feed, job->place, MESSAGE);
	if (job->ret < 0)
		job->ret = -errno;
	return NULL;
}

static void *read_job(void *arg)
{
	struct job *job = arg;

	job->ret = read(job->feed, job->place, REQUEST);
	if (job->ret < 0)
		job->ret = -errno;
	return NULL;
}

/* Another thread writes meanwhile, and the link's end waits for neither. */
TEST_F(feed, that_is_stuck_in_writing_holds_up_nobody)
{
	const struct qkd_feed_message message = make_key(QKD_DIR_OUTBOUND, 1);
	struct slow_memory memory;
	struct qkd_key_get get;
	struct job job = { .feed = self->feed };
	int ret = slow_memory(&memory);

	if (ret == -ENOSYS)
		SKIP(return, "no userfaultfd");
	ASSERT_EQ(0, ret);
	job.place = memory.place;
	ASSERT_EQ(0, pthread_create(&job.thread, NULL, write_job, &job));
	ASSERT_TRUE(is_waited_for(&memory));
	EXPECT_EQ(0, put_key(self->feed, QKD_DIR_OUTBOUND, 2));
	EXPECT_EQ(-ENOKEY, ask_once(self->fd, 7, &get));
	EXPECT_LT(0, asks_id(self->feed, 7));
	ASSERT_EQ(0, get_key(self->fd, 0, &get));
	EXPECT_TRUE(is_key(&get, 2));
	ASSERT_EQ(0, qkd_nl_link_delete(self->nl, LINK));
	ASSERT_EQ(0, answer(&memory, &message, sizeof(message)));
	ASSERT_EQ(0, pthread_join(job.thread, NULL));
	EXPECT_EQ(-ENODEV, job.ret);
	close(memory.uffd);
}

TEST_F(feed, that_is_stuck_in_reading_holds_up_nobody)
{
	struct slow_memory memory;
	struct qkd_key_get get;
	struct job job = { .feed = self->feed };
	int ret = slow_memory(&memory);

	if (ret == -ENOSYS)
		SKIP(return, "no userfaultfd");
	ASSERT_EQ(0, ret);
	ASSERT_EQ(-ENOKEY, ask_once(self->fd, 7, &get));
	job.place = memory.place;
	ASSERT_EQ(0, pthread_create(&job.thread, NULL, read_job, &job));
	ASSERT_TRUE(is_waited_for(&memory));
	ASSERT_EQ(-ENOKEY, ask_once(self->fd, 8, &get));
	EXPECT_LT(0, asks_id(self->feed, 8));
	EXPECT_EQ(0, put_key(self->feed, QKD_DIR_INBOUND, 8));
	ASSERT_EQ(0, qkd_nl_link_delete(self->nl, LINK));
	ASSERT_EQ(0, answer(&memory, "", 0));
	ASSERT_EQ(0, pthread_join(job.thread, NULL));
	ASSERT_EQ(REQUEST, job.ret);
	EXPECT_EQ(QKD_FEED_ID, ((struct qkd_feed_request *)memory.place)->type);
	close(memory.uffd);
}

TEST_HARNESS_MAIN
