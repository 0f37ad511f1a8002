// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * A device that is plugged in, with each chance to fail on the way made to fail in turn, in the driver core and in
 * devm_qkd_provider_register(): the provider is there if the device is bound, and else nothing of it.
 */
#include <sys/syscall.h>

#include "faults.h"

#define PUPPET	  "/sys/kernel/debug/qkd_puppet/"
#define BOUND	  "/sys/bus/platform/drivers/qkd_puppet/qkd_puppet"
#define TIMEOUT_S 1200

static int puppet; /* opened before, since opening it has chances of its own */

static int order(const char *what)
{
	return write(puppet, what, strlen(what)) < 0 ? -errno : 0;
}

static bool is_bound(void)
{
	return !access(BOUND, F_OK);
}

/* Whether a provider of the puppet's name is registered */
static bool is_registered(void)
{
	if (order("register") == -EEXIST)
		return true;
	return order("unregister") != 0;
}

FIXTURE(device)
{
	bool unused;
};

FIXTURE_SETUP(device)
{
	nth_file = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
	ASSERT_LE(0, nth_file);
	ASSERT_EQ(0, prepare_faults());
	ASSERT_EQ(0, load_module("qkd_puppet", NULL));
	puppet = open(PUPPET "do", O_WRONLY | O_CLOEXEC);
	ASSERT_LE(0, puppet);
	ASSERT_EQ(0, order("unregister"));
}

FIXTURE_TEARDOWN(device)
{
	close(puppet);
	close(nth_file);
	ASSERT_SOON(!syscall(SYS_delete_module, "qkd_puppet", O_NONBLOCK));
}

TEST_F_TIMEOUT(device, is_bound_or_nothing_is_left, TIMEOUT_S)
{
	unsigned int bound = 0, unbound = 0, nth = 0;
	bool injected;
	int ret;

	do {
		ASSERT_EQ(0, set_nth(++nth));
		ret = order("plug");
		injected = was_injected();
		disarm();
		if (is_bound())
			bound++;
		else
			unbound++;
		ASSERT_EQ(is_bound(), is_registered())
		{
			TH_LOG("chance %u, answer %d", nth, ret);
		}
		ASSERT_EQ(0, order("unplug"));
		ASSERT_FALSE(is_registered());
	} while (injected && nth < NTH_MAX);
	printf("# %u chances: bound %u times, %u times not\n", nth - 1, bound, unbound);
	EXPECT_FALSE(injected);
	EXPECT_EQ(0, ret);
	EXPECT_LT(0, unbound);
}

TEST_HARNESS_MAIN
