// SPDX-License-Identifier: GPL-2.0-only
/* No key survives in memory that is about to be saved, kept powered or handed to another kernel. */
#include <linux/notifier.h>
#include <linux/reboot.h>
#include <linux/suspend.h>

#include "qkd.h"

/* Shut first: a key delivered after that is refused, one delivered before it is wiped. */
static void wipe_all(void)
{
	qkd_flow_shut(true);
	qkd_provider_purge_all();
}

static int on_reboot(struct notifier_block *nb, unsigned long event, void *data)
{
	wipe_all();
	return NOTIFY_DONE;
}

static int on_sleep(struct notifier_block *nb, unsigned long event, void *data)
{
	switch (event) {
	case PM_HIBERNATION_PREPARE:
	case PM_SUSPEND_PREPARE:
	case PM_RESTORE_PREPARE: /* a hibernated kernel is about to take over, but not all of the memory */
		wipe_all();
		break;
	case PM_POST_HIBERNATION:
	case PM_POST_SUSPEND:
	case PM_POST_RESTORE:
		qkd_flow_shut(false);
		break;
	}
	return NOTIFY_DONE;
}

static struct notifier_block reboot_nb = {
	.notifier_call = on_reboot,
};

static struct notifier_block sleep_nb = {
	.notifier_call = on_sleep,
};

int qkd_power_init(void)
{
	int err;

	err = register_reboot_notifier(&reboot_nb);
	if (err)
		return err;
	err = register_pm_notifier(&sleep_nb);
	if (err)
		unregister_reboot_notifier(&reboot_nb);
	return err;
}

void qkd_power_exit(void)
{
	unregister_pm_notifier(&sleep_nb);
	unregister_reboot_notifier(&reboot_nb);
}
