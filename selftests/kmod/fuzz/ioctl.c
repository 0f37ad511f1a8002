// SPDX-License-Identifier: GPL-2.0-or-later
/* Files of /dev/qkd: structures of any size and content, IDs that exist, memory that does not. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <qkd/libqkd.h>
#include "fuzz.h"

#define FILES 4
#define IDS   8
#define CALLS 24 /* of one input */
#define ROOM  8192

const char target_name[] = "ioctl";

static int files[FILES];
static int feed = -1;
static int session = -1;
static uint8_t ids[IDS][QKD_KEY_ID_LEN];
static uint8_t *room; /* for structures; an unmapped page follows */

static int seed_file(void)
{
	char bytes[QKD_SIM_SEED_LEN_MIN] = "fuzz";
	int fd = memfd_create("seed", MFD_CLOEXEC);

	if (fd < 0 || write(fd, bytes, sizeof(bytes)) != sizeof(bytes))
		exit(1);
	return fd;
}

static void add(struct qkd_nl *nl, const char *name, uint8_t role)
{
	const uint32_t capacity = 64, rate = 1000000, ttl = 2;
	const struct qkd_link_request request = {
		.name = name,
		.provider = "sim",
		.local_sae = role ? "b" : "a",
		.remote_sae = role ? "a" : "b",
		.role = role,
		.capacity = &capacity,
		.ttl_s = &ttl,
		.sim_seed_fd = seed_file(),
		.sim_rate = &rate,
	};

	if (qkd_nl_link_add(nl, &request))
		exit(1);
	close(request.sim_seed_fd);
}

static void add_fed(struct qkd_nl *nl)
{
	const uint32_t capacity = 16, low = 4;
	const struct qkd_link_request request = {
		.name = "fed",
		.provider = "feed",
		.local_sae = "a",
		.remote_sae = "b",
		.capacity = &capacity,
		.low = &low,
		.sim_seed_fd = -1,
	};

	if (qkd_nl_link_add(nl, &request))
		exit(1);
}

static int open_file(unsigned int which)
{
	static const char *const names[] = { "alpha", "fed", NULL, "beta" };

	return qkd_open(names[which % 4], which & 4 ? O_NONBLOCK : 0);
}

void target_reset(void)
{
	struct qkd_nl *nl;

	for (int i = 0; room && i < FILES; i++)
		close(files[i]);
	close(feed);
	close(session);
	feed = session = -1;
	if (unshare(CLONE_NEWNET) || qkd_nl_open(&nl)) {
		perror("no namespace with qkd");
		exit(1);
	}
	add(nl, "alpha", QKD_ROLE_A);
	add(nl, "beta", QKD_ROLE_B);
	add_fed(nl);
	qkd_nl_close(nl);
	for (unsigned int i = 0; i < FILES; i++)
		files[i] = open_file(i);
	if (room)
		return;
	room = mmap(NULL, 2 * ROOM, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (room == MAP_FAILED || munmap(room + ROOM, ROOM))
		exit(1);
}

static unsigned long take_number(struct input *in)
{
	static const unsigned long numbers[] = {
		QKD_IOC_BIND,	QKD_IOC_GET_INFO, QKD_IOC_GET_KEY,   QKD_IOC_GET_KEY_BY_ID,
		QKD_IOC_COMMIT, QKD_IOC_RELEASE,  QKD_IOC_OPEN_FEED, QKD_IOC_OPEN_SESSION,
	};
	const uint8_t which = take_byte(in);

	if (which < 224)
		return numbers[which % (sizeof(numbers) / sizeof(numbers[0]))];
	return which < 240 ? _IO(QKD_IOC_MAGIC, take_byte(in)) : take_u32(in);
}

/* A structure as the call wants it, and then as the input does */
static void *take_structure(struct input *in, unsigned long number)
{
	union {
		struct qkd_bind bind;
		struct qkd_info info;
		struct qkd_key_get get;
		struct qkd_key_ref ref;
		struct qkd_feed_open open;
		struct qkd_session_open session;
		uint8_t bytes[ROOM / 2];
	} arg = {};
	const uint8_t how = take_byte(in);
	size_t size = sizeof(arg.info), place = ROOM / 2;

	if (number == QKD_IOC_BIND) {
		size = sizeof(arg.bind);
		strcpy(arg.bind.link, how & 32 ? "alpha" : "beta");
	} else if (number == QKD_IOC_GET_KEY || number == QKD_IOC_GET_KEY_BY_ID) {
		size = sizeof(arg.get);
		arg.get.timeout_ms = how & 32 ? 1 : 0;
		if (number == QKD_IOC_GET_KEY_BY_ID)
			memcpy(arg.get.key_id, ids[take_byte(in) % IDS], QKD_KEY_ID_LEN);
	} else if (number == QKD_IOC_OPEN_FEED) {
		size = sizeof(arg.open);
		arg.open.flags = QKD_FEED_F_NONBLOCK; /* or a read would wait for ever */
	} else if (number == QKD_IOC_OPEN_SESSION) {
		size = sizeof(arg.session);
		arg.session.kdfs = 2 + how / 64 % 4;
		arg.session.flags = how & 32 ? QKD_SESSION_F_SERVER : 0;
		if (how & 32)
			memcpy(arg.session.key_id, ids[take_byte(in) % IDS], QKD_KEY_ID_LEN);
	} else if (number != QKD_IOC_GET_INFO) {
		size = sizeof(arg.ref);
		memcpy(arg.ref.key_id, ids[take_byte(in) % IDS], QKD_KEY_ID_LEN);
	}
	arg.bind.size = how & 1 ? take_u32(in) : (uint32_t)size;
	if (how & 2) /* somewhere something else */
		arg.bytes[take_u32(in) % (size + 8)] ^= take_byte(in);
	if (number == QKD_IOC_GET_KEY_BY_ID && arg.get.timeout_ms > 5)
		arg.get.timeout_ms |= QKD_TIMEOUT_MS_MAX << 1; /* refused rather than waited for */
	if (number == QKD_IOC_GET_KEY && arg.get.timeout_ms > 5)
		arg.get.timeout_ms |= QKD_TIMEOUT_MS_MAX << 1;
	if (number == QKD_IOC_OPEN_SESSION && arg.session.timeout_ms > 5)
		arg.session.timeout_ms |= QKD_TIMEOUT_MS_MAX << 1;
	if (how & 4) /* its end is not there */
		place = ROOM - take_byte(in) % (size + 1);
	memcpy(room + place, arg.bytes, ROOM - place < sizeof(arg) ? ROOM - place : sizeof(arg));
	if (how & 8 && how & 16)
		return (void *)(unsigned long)take_u32(in);
	return room + place;
}

static void remember(const uint8_t *id)
{
	static unsigned int next;

	memcpy(ids[next++ % IDS], id, QKD_KEY_ID_LEN);
}

static void do_ioctl(struct input *in, int fd)
{
	const unsigned long number = take_number(in);
	void *arg = take_structure(in, number);
	int ret = ioctl(fd, number, arg);

	if (ret > 0 && number == QKD_IOC_OPEN_SESSION) {
		close(session);
		session = ret;
	} else if (ret > 0) { /* a feed */
		close(feed);
		feed = ret;
		fcntl(feed, F_SETFL, O_NONBLOCK);
	}
	if (ret || number != QKD_IOC_GET_KEY)
		return;
	remember(((struct qkd_key_get *)arg)->key_id);
}

/* A call as it should be, and then as the input has it */
static void do_session(struct input *in)
{
	static const struct {
		unsigned long number;
		size_t size;
	} calls[] = {
		{ QKD_IOC_BINDER, sizeof(struct qkd_session_binder) },
		{ QKD_IOC_HANDSHAKE, sizeof(struct qkd_session_handshake) },
		{ QKD_IOC_APPLICATION, sizeof(struct qkd_session_application) },
		{ QKD_IOC_INSTALL, sizeof(struct qkd_session_install) },
		{ QKD_IOC_UPDATE, sizeof(struct qkd_session_update) },
		{ QKD_IOC_EXPORT, sizeof(struct qkd_session_export) },
	};
	union {
		uint32_t size;
		struct qkd_session_binder binder;
		struct qkd_session_handshake handshake;
		struct qkd_session_install install;
		struct qkd_session_update update;
		struct qkd_session_export export;
		uint8_t bytes[ROOM / 2];
	} arg = {};
	const unsigned int which = take_byte(in) % (sizeof(calls) / sizeof(calls[0]));
	const uint8_t how = take_byte(in);
	const size_t size = calls[which].size;

	switch (calls[which].number) {
	case QKD_IOC_BINDER:
		arg.binder.kdf = 1 + how / 32 % 2;
		break;
	case QKD_IOC_HANDSHAKE:
		arg.handshake.suite = 0x1301 + how / 32 % 4;
		arg.handshake.kex_len = 1 + how % 128;
		break;
	case QKD_IOC_INSTALL:
		arg.install.socket = files[how % FILES];
		break;
	case QKD_IOC_UPDATE:
		arg.update.flags = 1 + how / 32 % 2;
		break;
	case QKD_IOC_EXPORT:
		arg.export.len = how * 5U;
		arg.export.label[0] = 'x';
		break;
	}
	arg.size = how & 1 ? take_u32(in) : (uint32_t)size;
	if (how & 2)
		arg.bytes[take_u32(in) % (size + 8)] ^= take_byte(in);
	memcpy(room + ROOM - size, arg.bytes, size);
	/* Its end may not be there. */
	ioctl(session, calls[which].number, room + ROOM - size + (how & 4 ? take_byte(in) : 0));
}

static void do_read(struct input *in, int fd)
{
	const uint32_t len = take_u32(in);
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	/* A read that finds no key waits for ever. */
	if (poll(&pfd, 1, 0) == 1 && pfd.revents == POLLIN && len <= sizeof(struct qkd_record))
		if (read(fd, room, len) == sizeof(struct qkd_record))
			remember(room);
}

/* Messages as they should be, and then as the input has them, as many as there is room for before the hole */
static void do_feed_write(struct input *in)
{
	const uint8_t how = take_byte(in);
	const size_t count = 1 + how % 3;
	size_t len = count * sizeof(struct qkd_feed_message);
	struct qkd_feed_message *message = (void *)(room + ROOM - len);

	memset(message, 0, len);
	for (size_t i = 0; i < count; i++) {
		message[i].type = take_byte(in) % 4;
		memcpy(message[i].key_id, ids[take_byte(in) % IDS], QKD_KEY_ID_LEN);
		if (message[i].type == QKD_FEED_KEY) {
			message[i].direction = take_byte(in) % 2;
			message[i].len = QKD_FEED_KEY_LEN;
			message[i].key[0] = 1;
			message[i].key_id[15] ^= take_byte(in);
		} else if (message[i].type == QKD_FEED_REFUSE) {
			message[i].value = take_byte(in) % 2 ? ENOKEY : EACCES;
		} else {
			memset(message[i].key_id, 0, QKD_KEY_ID_LEN);
			message[i].value = take_byte(in) % 2;
			message[i].report.qber = take_u32(in) % 2000000;
		}
	}
	if (how & 32)
		((uint8_t *)message)[take_u32(in) % len] ^= take_byte(in);
	if (how & 64)
		len += take_byte(in);
	if (write(feed, message, len) > 0)
		remember(message->key_id);
}

static void do_feed_read(struct input *in)
{
	const size_t len = take_byte(in) * 2U;
	uint8_t *place = room + ROOM - take_byte(in) * 2U;

	if (read(feed, place, len) > 0)
		remember(((struct qkd_feed_request *)place)->key_id);
}

static void do_feed(struct input *in)
{
	struct pollfd pfd = { .fd = feed, .events = POLLIN | POLLOUT };

	switch (take_byte(in) % 8) {
	case 0:
		close(feed);
		feed = -1;
		break;
	case 1:
		poll(&pfd, 1, 0);
		break;
	case 2 ... 4:
		do_feed_read(in);
		break;
	default:
		do_feed_write(in);
	}
}

void target_run(struct input *in)
{
	for (int i = 0; i < CALLS && in->at < in->end; i++) {
		const uint8_t what = take_byte(in);
		int *fd = &files[what % FILES];
		struct pollfd pfd = { .fd = *fd, .events = take_byte(in) };

		switch (what / FILES % 8) {
		case 0:
			close(*fd);
			*fd = open_file(take_byte(in));
			break;
		case 1:
			do_read(in, *fd);
			break;
		case 2:
			poll(&pfd, 1, 0);
			break;
		case 3:
			do_feed(in);
			break;
		case 4:
			do_session(in);
			break;
		default:
			do_ioctl(in, *fd);
		}
	}
}
