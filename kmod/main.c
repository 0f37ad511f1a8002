// SPDX-License-Identifier: GPL-2.0-only
/* Start and stop. */
#include <linux/genetlink.h>
#include <linux/module.h>
#include <net/genetlink.h>

#include "qkd.h"

static int __init qkd_init(void)
{
	int err;

	err = qkd_key_init();
	if (err)
		return err;
	err = qkd_selftest() ?: qkd_schedule_selftest();
	if (err)
		goto err_key;
	err = qkd_net_init();
	if (err)
		goto err_key;
	err = qkd_power_init();
	if (err)
		goto err_net;
	err = genl_register_family(&qkd_family);
	if (err)
		goto err_power;
	err = qkd_feed_init();
	if (err)
		goto err_family;
	err = qkd_chardev_init();
	if (err)
		goto err_feed;
	return 0;

err_feed:
	qkd_feed_exit();
err_family:
	genl_unregister_family(&qkd_family);
err_power:
	qkd_power_exit();
err_net:
	qkd_net_exit();
err_key:
	qkd_key_exit();
	return err;
}

/*
 * Other providers use symbols of this module: none is registered any more, and with our own the last links
 * go, while there is still a family to say so.
 */
static void __exit qkd_exit(void)
{
	qkd_chardev_exit();
	qkd_feed_exit();
	genl_unregister_family(&qkd_family);
	qkd_power_exit();
	qkd_net_exit();
	qkd_key_exit();
}

module_init(qkd_init);
module_exit(qkd_exit);

MODULE_DESCRIPTION("Quantum-key-distribution keys: links, key store, /dev/qkd");
MODULE_LICENSE("GPL");
/*
 * No alias of the netlink family's name: any user may ask for that, and it is for the administrator to
 * load this.
 */
MODULE_SOFTDEP("pre: tls hmac sha256 sha512");
