// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The device or its driver goes, at whatever moment: who waits is told, keys are wiped, and it works again when it is
 * back. The last test pulls the device for good.
 */
#include <sys/syscall.h>

#include "pci.h"

#define CAPACITY 64
#define TAKERS	 4

FIXTURE(gone)
{
	struct site site;
};

FIXTURE_SETUP(gone)
{
	SITE_SETUP_LINK(&self->site, CAPACITY);
}

FIXTURE_TEARDOWN(gone)
{
	site_end(&self->site);
}

/* Takes keys, or asks for one of this ID, until the link goes. 0 if that ended it */
static pid_t taker(const struct site *site, const uint8_t *id)
{
	struct qkd_key_get get;
	pid_t pid = fork();
	int ret = 0;

	if (pid)
		return pid;
	while (!ret || ret == -ETIMEDOUT || ret == -ENOKEY)
		ret = id ? get_by_id(site->fd, id, DEADLINE_MS, &get)
			 : get_key(site->fd, DEADLINE_MS, &get);
	_exit(ret == -ENODEV ? 0 : 1);
}

static void begin_takers(const struct site *site, pid_t pids[TAKERS])
{
	/* Of the ring that this end sends with: the device is asked each time, and the key refused. */
	uint8_t id[QKD_KEY_ID_LEN];

	if (block_id(0, id))
		return;
	for (int i = 0; i < TAKERS; i++)
		pids[i] = taker(site, i % 2 ? id : NULL);
}

static bool takers_were_told(const pid_t pids[TAKERS])
{
	bool told = true;

	for (int i = 0; i < TAKERS; i++)
		told &= exited_with_0(await(pids[i]));
	return told;
}

/* Back, with a link, it goes on. */
static int again(struct site *site)
{
	int ret;

	close(site->fd);
	ret = site_link(site, QKD_ROLE_A, CAPACITY);
	if (!ret)
		ret = came(site, 1000) ? 0 : -ENOKEY;
	return ret;
}

static int rescan(void)
{
	return write_text("/sys/bus/pci/rescan", "1");
}

TEST_F(gone, the_driver_is_unbound)
{
	pid_t pids[TAKERS];
	long stops = box_stat("stop");

	begin_takers(&self->site, pids);
	ASSERT_EQ(0, unbind_driver());
	EXPECT_TRUE(takers_were_told(pids));
	EXPECT_EQ(stops + 1, box_stat("stop"));
	ASSERT_EQ(0, bind_driver());
	EXPECT_EQ(0, again(&self->site));
}

TEST_F(gone, the_device_is_removed)
{
	pid_t pids[TAKERS];

	begin_takers(&self->site, pids);
	ASSERT_EQ(0, write_text(device_file("remove"), "1"));
	EXPECT_TRUE(takers_were_told(pids));
	EXPECT_EQ(NULL, device_folder());
	ASSERT_EQ(0, rescan());
	ASSERT_TRUE(is_bound());
	EXPECT_EQ(0, again(&self->site));
}

/* It does not answer any more when its driver is told. */
TEST_F(gone, the_device_is_removed_after_it_was_pulled)
{
	pid_t pids[TAKERS];
	int64_t begin;

	begin_takers(&self->site, pids);
	ASSERT_DONE("yank " SITE);
	begin = now_ms();
	ASSERT_EQ(0, write_text(device_file("remove"), "1"));
	EXPECT_TRUE(takers_were_told(pids));
	EXPECT_GT(DEADLINE_MS, now_ms() - begin);
	ASSERT_DONE("plug " SITE);
	ASSERT_EQ(0, rescan());
	ASSERT_TRUE(is_bound());
	EXPECT_EQ(0, again(&self->site));
}

TEST_F(gone, it_is_removed_while_a_command_is_under_way)
{
	uint8_t id[QKD_KEY_ID_LEN];
	pid_t pid;

	ASSERT_EQ(0, block_id((unsigned long)box_ring_stat("next", 1) + 2000, id));
	ASSERT_DONE("fault " SITE " mute");
	pid = taker(&self->site, id);
	ASSERT_SOON(site_stat(&self->site, QKD_A_STATS_WAITERS) == 1);
	ASSERT_EQ(0, write_text(device_file("remove"), "1"));
	EXPECT_TRUE(exited_with_0(await(pid)));
	ASSERT_DONE("clear " SITE);
	ASSERT_EQ(0, rescan());
	ASSERT_TRUE(is_bound());
	EXPECT_EQ(0, again(&self->site));
}

TEST_F(gone, the_function_is_reset)
{
	long resets = box_stat("reset");

	if (access(device_file("reset"), F_OK))
		SKIP(return, "this kernel cannot reset the device");
	ASSERT_EQ(0, write_text(device_file("reset"), "1"));
	EXPECT_TRUE(came(&self->site, 1000));
	EXPECT_LT(resets, box_stat("reset"));
	EXPECT_EQ(QKD_LINK_UP, site_state(&self->site));
}

/* As far as the devices, and back: what a real suspend does to them */
TEST_F(gone, the_machine_is_suspended)
{
	struct qkd_link_info info;
	long resets = box_stat("reset");

	if (write_text("/sys/power/pm_test", "devices"))
		SKIP(return, "this kernel has no test of suspending");
	ASSERT_SOON(site_stat(&self->site, QKD_A_STATS_OUTBOUND_FRESH) == CAPACITY &&
		    site_stat(&self->site, QKD_A_STATS_INBOUND_FRESH) == CAPACITY);
	ASSERT_EQ(0, write_text("/sys/power/state", "freeze"));
	ASSERT_EQ(0, write_text("/sys/power/pm_test", "none"));
	ASSERT_EQ(0, qkd_nl_link_get(self->site.nl, LINK, &info));
	EXPECT_LE(2 * CAPACITY, info.stats.value[QKD_A_STATS_PURGED]);
	EXPECT_TRUE(came(&self->site, 1000));
	EXPECT_LT(resets, box_stat("reset"));
}

TEST_F(gone, the_module_goes_under_traffic)
{
	for (int i = 0; i < 3; i++) {
		pid_t pids[TAKERS];

		begin_takers(&self->site, pids);
		ASSERT_TRUE(came(&self->site, 100));
		ASSERT_SOON(!syscall(SYS_delete_module, "qkd_pci", O_NONBLOCK));
		EXPECT_TRUE(takers_were_told(pids));
		ASSERT_EQ(0, load_module("qkd_pci", NULL));
		ASSERT_EQ(0, again(&self->site));
	}
}

/* A device whose registers say what cannot be is none. */
TEST_F(gone, geometry_that_cannot_be_is_refused)
{
	static const struct {
		const char *reg;
		const char *value;
	} wrong[] = {
		{ "MAGIC", "0" },
		{ "MAGIC", "0xffffffff" },
		{ "VERSION", "0x20000" },
		{ "KEY_LEN", "15" },
		{ "KEY_LEN", "65" },
		{ "RING_ENTRIES", "0" },
		{ "RING_ENTRIES", "4" },
		{ "RING_ENTRIES", "255" },
		{ "RING_ENTRIES", "1024" }, /* does not fit */
		{ "RING_ENTRIES", "0x80000000" },
		{ "RING_OFFSET0", "0" }, /* the registers */
		{ "RING_OFFSET0", "0x2001" },
		{ "RING_OFFSET0", "0x20000" }, /* behind the window */
		{ "RING_OFFSET0", "0xfffff000" },
		{ "RING_OFFSET1", "0x2080" }, /* in the other ring */
		{ "HEALTH_OFFSET", "0x2000" },
		{ "HEALTH_OFFSET", "0x1fff0" },
		{ "HEALTH_OFFSET", "0" },
		{ "GENERATION", "0" },
		{ "GENERATION", "7" }, /* and stays */
	};

	ASSERT_EQ(0, unbind_driver());
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		ASSERT_DONE("poke " SITE " %s %s", wrong[i].reg, wrong[i].value);
		EXPECT_GT(0, bind_driver())
		{
			TH_LOG("%s %s", wrong[i].reg, wrong[i].value);
		}
		ASSERT_DONE("clear " SITE);
	}
	ASSERT_DONE("poke " SITE " VERSION 0x1ffff");
	EXPECT_EQ(0, bind_driver());
	EXPECT_EQ(0, again(&self->site));
}

#define SLOT_CONTROL	   0x18
#define SLOT_INTERRUPTS	   (1 << 5)
#define SLOT_INDICATOR_OFF (3 << 8)
#define SLOT_POWER_OFF	   (1 << 10)
#define CAPABILITIES	   0x34
#define CAPABILITY_EXPRESS 0x10

static int write_control(int fd, unsigned int at, uint16_t control)
{
	return pwrite(fd, &control, sizeof(control), at + SLOT_CONTROL) == sizeof(control) ? 0
											   : -errno;
}

/*
 * Without its power QEMU takes the device out of the slot at once, whatever the driver does. The slot's driver is told
 * when the power is back, so that it does not take it for its own doing.
 */
static int pull(void)
{
	uint8_t config[256];
	char path[256];
	unsigned int at;
	uint16_t control;
	int fd, ret;

	snprintf(path, sizeof(path), "%s/../config", device_folder());
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0 || pread(fd, config, sizeof(config), 0) != sizeof(config))
		return -errno;
	for (at = config[CAPABILITIES]; at && config[at] != CAPABILITY_EXPRESS; at = config[at + 1])
		;
	memcpy(&control, config + at + SLOT_CONTROL, sizeof(control));
	ret = write_control(fd, at,
			    (control & ~SLOT_INTERRUPTS) | SLOT_INDICATOR_OFF | SLOT_POWER_OFF);
	if (!ret)
		ret = write_control(fd, at, control);
	close(fd);
	return ret;
}

TEST_F_TIMEOUT(gone, the_device_is_pulled, 120)
{
	pid_t pids[TAKERS];

	/* Whoever looks for deadlocks finds one in the slot's driver, between a surprise and a reset of the slot. */
	if (!access("/proc/lockdep_stats", F_OK))
		SKIP(return, "lockdep objects to this kernel's own pciehp");
	begin_takers(&self->site, pids);
	ASSERT_TRUE(came(&self->site, 100));
	/* QEMU does not survive it when the other processor rings the doorbell meanwhile: no keys, no bell. */
	ASSERT_DONE("set outage 1");
	ASSERT_SOON(box_stat("ring") == 0);
	ASSERT_SOON(!site_stat(&self->site, QKD_A_STATS_OUTBOUND_FRESH));
	ASSERT_EQ(0, pull());
	EXPECT_TRUE(takers_were_told(pids));
	ASSERT_SOON(!device_folder());
	EXPECT_EQ(-ENODEV, qkd_nl_link_delete(self->site.nl, LINK) ?: -ENODEV);
}

TEST_HARNESS_MAIN
