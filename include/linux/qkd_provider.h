/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Provider API: how a driver puts quantum-key-distribution keys into the kernel.
 *
 * A provider is registered once per device (or once per module); links are added by an
 * administrator and each names a provider. The core owns links and keys; the provider delivers keys
 * to links.
 */
#ifndef _LINUX_QKD_PROVIDER_H
#define _LINUX_QKD_PROVIDER_H

#include <linux/types.h>
#include <net/netlink.h>
#include <uapi/linux/qkd.h>

struct device;
struct module;
struct net;
struct qkd_link;
struct qkd_provider;

/**
 * enum qkd_direction - which end may use a key
 * @QKD_OUTBOUND: taken by this end as TLS client
 * @QKD_INBOUND: looked up by this end as TLS server, by the ID the peer sent
 */
enum qkd_direction {
	QKD_OUTBOUND,
	QKD_INBOUND,
};

/**
 * struct qkd_provider_ops - what a provider does for the core
 * @owner: the provider's module
 * @name: its name, unique on the machine, 1..31 bytes
 * @flags: QKD_LINK_F_SIMULATED or 0, for every link of it
 * @key_len: bytes of material of its keys, QKD_KEY_LEN_MIN..QKD_KEY_LEN_MAX
 * @config_policy: policy of QKD_A_LINK_CONFIG's nest, or NULL if it takes none
 * @config_max: its highest attribute
 * @link_open: a link was added. @config is the parsed nest (config_max + 1 pointers; NULL entries
 *	where absent; the array is NULL if the provider takes no configuration). May sleep, runs in
 *	the context of the task that asked. After 0 the provider may deliver. Errors go to the
 *	administrator, with the extended ACK's text.
 * @link_close: the link goes. Called once for each successful @link_open, may sleep; after it
 *	returns the provider must not touch the link.
 * @configure: optional; change what @config names of a link's configuration, all of it or nothing; what
 *	it does not name stays. @config is as for @link_open, never NULL. May sleep, runs in the context
 *	of the task that asked. Errors go to the administrator, with the extended ACK's text.
 * @resync: optional, for a provider whose blocks have numbers that both ends see: go on at @block, or at
 *	the first of each direction after it. The keys of blocks before it are given up: call
 *	qkd_link_discard() for each direction that moves, after its last block of before and before its
 *	first of after. A block is never made twice: what is beyond @block stays, and if all is,
 *	-EINVAL. May sleep, runs in the context of the task that asked. Errors, after which nothing has
 *	changed, go to the administrator, with the extended ACK's text.
 * @fill_config: optional; put the nest's readable attributes (never a secret) into @skb. May sleep.
 *	0 or -EMSGSIZE.
 * @fetch: optional; an inbound key of this ID is wanted and is not in the store. Deliver it when it
 *	comes, at once if it is at hand: a caller that may not wait asks too, so do not wait for it
 *	here; qkd_link_wanted() says how long somebody waits. May sleep; 0; 1, it has been asked for
 *	already, so that this call has made no work, and does not count among those that a link may make;
 *	or what the caller is told at once: -ENOKEY when the provider knows that it will never come,
 *	-EACCES when it may not have it. What it learns later it says by qkd_link_refuse().
 * @demand: optional, for a provider that brings outbound keys when they are wanted. They have been taken
 *	or have gone: the direction has room again after it was full or, @low, fewer than the link's low
 *	mark are left, or none, and it was not so before. Said each time that comes to be so, soon after,
 *	several at once maybe: qkd_link_room() says how things are now. May sleep.
 *
 * No callback is made under a spinlock or while the core's registry is locked. What the core does
 * later for a provider's links is done by a workqueue of that provider's own, shared with no other.
 * Callbacks of one link are serialised against each other except @fetch and @demand, which may run at any
 * time between the return of @link_open and the call of @link_close.
 */
struct qkd_provider_ops {
	struct module *owner;
	const char *name;
	u32 flags;
	unsigned int key_len;
	const struct nla_policy *config_policy;
	unsigned int config_max;
	int (*link_open)(struct qkd_link *link, struct nlattr **config,
			 struct netlink_ext_ack *extack);
	void (*link_close)(struct qkd_link *link);
	int (*configure)(struct qkd_link *link, struct nlattr **config,
			 struct netlink_ext_ack *extack);
	int (*resync)(struct qkd_link *link, u64 block, struct netlink_ext_ack *extack);
	int (*fill_config)(struct qkd_link *link, struct sk_buff *skb);
	int (*fetch)(struct qkd_link *link, const u8 key_id[QKD_KEY_ID_LEN]);
	void (*demand)(struct qkd_link *link, bool low);
};

/**
 * qkd_provider_register() - make a provider available to administrators
 * @ops: its operations; must stay until qkd_provider_unregister() has returned
 *
 * Context: process, may sleep.
 * Return: the provider, or ERR_PTR: -EINVAL (name, key length or a mandatory callback missing),
 * -EEXIST (name taken), -ENOMEM.
 */
struct qkd_provider *qkd_provider_register(const struct qkd_provider_ops *ops);

/**
 * qkd_provider_unregister() - withdraw a provider
 * @provider: from qkd_provider_register(), or an ERR_PTR or NULL, which do nothing
 *
 * At any moment, whoever uses its links: the equipment may have been pulled out. Its links are closed
 * and deleted: their keys are wiped, their waiters and files get ENODEV. It waits for callbacks that
 * run, so these must end although the equipment is gone. After return no callback runs and none will
 * start, and no work of the core for its links is left.
 *
 * Context: process, may sleep. Not from a callback of this provider.
 */
void qkd_provider_unregister(struct qkd_provider *provider);

/**
 * devm_qkd_provider_register() - the same, until a device goes
 * @dev: the device; when it is unbound from its driver, or probing it fails, the provider is
 *	unregistered, before whatever its driver had managed earlier and after what it did later
 * @ops: as for qkd_provider_register(); must stay as long
 *
 * So register last in probe(), when interrupts and memory are there: they are then given back only
 * when no callback runs any more. Not to be passed to qkd_provider_unregister().
 *
 * Context: process, may sleep.
 * Return: as qkd_provider_register().
 */
struct qkd_provider *devm_qkd_provider_register(struct device *dev,
						const struct qkd_provider_ops *ops);

/**
 * struct qkd_link_params - a link that a provider brings with it
 * @name: its name
 * @local_sae: SAE ID of this end
 * @remote_sae: SAE ID of the other end
 * @role: QKD_ROLE_*
 * @capacity: keys per direction, 0 for the default
 * @ttl_s: seconds a key may wait, 0 for ever
 * @low: outbound keys below which an event is raised, 0 for none
 * @qber_max: QBER in parts per million above which an event is raised, 0 for the default
 */
struct qkd_link_params {
	const char *name;
	const char *local_sae;
	const char *remote_sae;
	u8 role;
	u32 capacity;
	u32 ttl_s;
	u32 low;
	u32 qber_max;
};

/**
 * qkd_link_add() - add a link on a provider's own behalf
 * @net: its network namespace, which the caller keeps alive during the call
 * @provider: the provider
 * @params: copied
 * @priv: handed to @link_open through qkd_link_priv(), with a NULL @config
 *
 * Context: process, may sleep. Not from a callback.
 * Return: 0 or the errors of QKD_CMD_LINK_NEW.
 */
int qkd_link_add(struct net *net, struct qkd_provider *provider,
		 const struct qkd_link_params *params, void *priv);

/**
 * qkd_link_deliver() - a key for one direction has arrived
 * @link: the link
 * @dir: its direction at this end
 * @key_id: its ID
 * @key: its material; copied, the caller wipes its own
 * @len: the length announced in @key_len of the operations
 *
 * Context: any that a driver has, hard interrupts included; does not sleep.
 * Return: 0; -EINVAL (length, or nothing but zeros) and -EEXIST (an ID the store holds or remembers), counted
 * as refused; -ENOSPC (store or memory limit reached) and -ENOMEM, counted as dropped; -ENODEV (the link is
 * going).
 */
int qkd_link_deliver(struct qkd_link *link, enum qkd_direction dir, const u8 key_id[QKD_KEY_ID_LEN],
		     const u8 *key, size_t len);

/**
 * qkd_link_wanted() - how long somebody will still wait for an inbound key
 * @link: the link
 * @key_id: its ID, of QKD_KEY_ID_LEN bytes
 *
 * Who may not wait, and asks again later, does not count: @fetch has been told of him.
 *
 * Context: any.
 * Return: milliseconds, of who waits longest; 0 if nobody waits; -EEXIST, the link holds or remembers a key of
 * this ID; -ENODEV, it is going.
 */
int qkd_link_wanted(struct qkd_link *link, const u8 *key_id);

/**
 * qkd_link_refuse() - an inbound key that is wanted will not come
 * @link: the link
 * @key_id: its ID, of QKD_KEY_ID_LEN bytes
 * @err: what those who wait for it are told, now: -ENOKEY, there is none; -EACCES, it is not for this end
 *
 * Who asks for it afterwards has @fetch called again.
 *
 * Context: any; does not sleep.
 * Return: 0; -ENOENT, nobody waits for it; -EINVAL, another @err; -ENODEV, the link is going.
 */
int qkd_link_refuse(struct qkd_link *link, const u8 *key_id, int err);

/**
 * qkd_link_room() - how many keys a direction would take now
 * @link: the link
 * @dir: its direction at this end
 *
 * For a provider that can hold its stream back. Other keys may come or go before the next delivery.
 *
 * Context: any.
 * Return: places free, 0 when the link is going.
 */
unsigned int qkd_link_room(struct qkd_link *link, enum qkd_direction dir);

/**
 * qkd_link_make_room() - give up the oldest inbound keys
 * @link: the link
 * @want: places wanted
 *
 * For a provider that knows, from an ID that the peer sent, that the peer is past them: keys that
 * it took and that never came here would fill the store for ever. They count as expired, and their
 * IDs are remembered so. Reserved keys stay. One call looks at the 1024 oldest.
 *
 * Context: any.
 * Return: inbound places free now, which may be fewer or more than @want.
 */
unsigned int qkd_link_make_room(struct qkd_link *link, unsigned int want);

/**
 * qkd_link_discard() - give up all keys of a direction
 * @link: the link
 * @dir: the direction at this end
 *
 * For @resync: every key that was delivered is withdrawn and wiped, reserved ones too, and counts as
 * purged.
 *
 * Context: process, may sleep; from @resync.
 */
void qkd_link_discard(struct qkd_link *link, enum qkd_direction dir);

/**
 * qkd_link_block_direction() - the direction of a block that both ends see
 * @link: the link
 * @block: the block's number, the same at both ends
 *
 * Role a sends with even blocks, role b with odd ones, so the two ends can never both take one.
 *
 * Context: any.
 * Return: the direction at this end.
 */
enum qkd_direction qkd_link_block_direction(const struct qkd_link *link, u64 block);

#define QKD_REPORT_UNKNOWN U32_MAX /* not measured */

/**
 * struct qkd_link_report - what a provider knows of a link's quantum channel
 * @state: QKD_LINK_UP, or QKD_LINK_DOWN if no keys come. A new link is up.
 * @qber: quantum bit error rate in parts per million, or QKD_REPORT_UNKNOWN
 * @rate: secret bits per second, both directions together, or QKD_REPORT_UNKNOWN
 */
struct qkd_link_report {
	u32 state;
	u32 qber;
	u32 rate;
};

/**
 * qkd_link_report() - say how the quantum channel fares
 * @link: the link
 * @report: copied; replaces the one before
 *
 * For each measurement, however often they come. A change of @state raises an event, and so does
 * a QBER above what the administrator has set for the link; that one again only after the QBER has
 * been an eighth below it. An unknown QBER neither raises it nor makes it due again. Whether keys
 * may still be delivered at such a QBER is for the provider to know.
 *
 * Context: any; does not sleep.
 */
void qkd_link_report(struct qkd_link *link, const struct qkd_link_report *report);

/**
 * qkd_link_priv() - what a provider hung on a link
 * @link: the link
 *
 * Context: any.
 * Return: the pointer last set, that of qkd_link_add(), or NULL.
 */
void *qkd_link_priv(const struct qkd_link *link);

/**
 * qkd_link_set_priv() - hang something on a link
 * @link: the link
 * @priv: the provider's own, which it frees in @link_close
 *
 * Context: any; for use in @link_open: what reads it elsewhere is not locked against this.
 */
void qkd_link_set_priv(struct qkd_link *link, void *priv);

/**
 * qkd_link_ops() - which of its providers a driver is asked for
 * @link: the link
 *
 * For a driver that registers one for each of its devices: the device is around its operations (container_of()).
 *
 * Context: any.
 * Return: what was given to qkd_provider_register().
 */
const struct qkd_provider_ops *qkd_link_ops(const struct qkd_link *link);

/**
 * qkd_link_name() - a link's name, of local meaning only
 * @link: the link
 *
 * Context: any.
 * Return: the name, which lives as long as the link.
 */
const char *qkd_link_name(const struct qkd_link *link);

/**
 * qkd_link_local_sae() - SAE ID of this end
 * @link: the link
 *
 * Context: any.
 * Return: the ID, which lives as long as the link.
 */
const char *qkd_link_local_sae(const struct qkd_link *link);

/**
 * qkd_link_remote_sae() - SAE ID of the other end
 * @link: the link
 *
 * Context: any.
 * Return: the ID, which lives as long as the link.
 */
const char *qkd_link_remote_sae(const struct qkd_link *link);

/**
 * qkd_link_role() - which of the two ends this is
 * @link: the link
 *
 * Context: any.
 * Return: QKD_ROLE_A or QKD_ROLE_B.
 */
u8 qkd_link_role(const struct qkd_link *link);

#endif /* _LINUX_QKD_PROVIDER_H */
