/* SPDX-License-Identifier: GPL-2.0-only */
/* The simulator's private header. */
#ifndef _QKD_SIM_H
#define _QKD_SIM_H

#include <crypto/hash.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/workqueue.h>
#include <net/netlink.h>
#include <linux/qkd_provider.h>
#include <uapi/linux/qkd_netlink.h>

#define QKD_SIM_KEY_LEN 32

/* seed.c */
struct qkd_sim_seed {
	u8 bytes[QKD_SIM_SEED_LEN_MAX];
	size_t len;
};

int qkd_sim_seed_read(struct nlattr *attr, struct qkd_sim_seed *seed,
		      struct netlink_ext_ack *extack);

/* config.c: all of them may change while a link is in use. Numbers as of QKD_A_SIM_*. */
struct qkd_sim_settings {
	u32 rate;
	u32 qber;
	u8 outage;
	u8 eavesdropper;
	u32 jitter;
	u32 fetch_delay;
	u32 loss;
	u32 duplicate;
	u32 reorder;
	u32 flip;
};

extern const struct nla_policy qkd_sim_policy[QKD_A_SIM_MAX + 1];
extern const struct qkd_sim_settings qkd_sim_defaults;

int qkd_sim_settings_read(struct nlattr **attrs, struct qkd_sim_settings *settings,
			  struct netlink_ext_ack *extack);
int qkd_sim_settings_fill(const struct qkd_sim_settings *settings, struct sk_buff *skb);

/* channel.c */
bool qkd_sim_channel_works(const struct qkd_sim_settings *settings);
void qkd_sim_channel_report(struct qkd_link *link, const struct qkd_sim_settings *settings);

#define QKD_SIM_LABEL_LEN 4

/* The domain, two SAE IDs with a length byte each, a label, a block number or tag. */
#define QKD_SIM_MSG_MAX (16 + 2 * (1 + QKD_SAE_ID_LEN_MAX) + QKD_SIM_LABEL_LEN + 8)

/* prf.c: what a seed and two SAE IDs give for each block. @msg is scratch: one caller at a time. */
struct qkd_sim_prf {
	struct crypto_shash *hmac;
	size_t prefix_len;
	u8 msg[QKD_SIM_MSG_MAX];
};

int qkd_sim_prf_init(struct qkd_sim_prf *prf, const struct qkd_sim_seed *seed, const char *sae_a,
		     const char *sae_b);
void qkd_sim_prf_exit(struct qkd_sim_prf *prf);
int qkd_sim_prf_key(struct qkd_sim_prf *prf, u64 block, u8 key[QKD_SIM_KEY_LEN]);
int qkd_sim_prf_id(struct qkd_sim_prf *prf, u64 block, u8 id[QKD_KEY_ID_LEN]);
int qkd_sim_prf_draw(struct qkd_sim_prf *prf, const char label[QKD_SIM_LABEL_LEN], u64 block,
		     u64 *draw);
int qkd_sim_prf_block(struct qkd_sim_prf *prf, const u8 id[QKD_KEY_ID_LEN], u64 *block);

/* faults.c: what befalls a block at this end. */
struct qkd_sim_fate {
	bool lost;
	bool late; /* its pair comes the wrong way round, and it is the first of it */
	bool twice;
	bool flipped;
	u8 bit; /* of the key, that is flipped */
	u64 delay; /* ns */
};

int qkd_sim_fate(struct qkd_sim_prf *prf, const struct qkd_sim_settings *settings, u64 block,
		 struct qkd_sim_fate *fate);

/* flight.c: blocks of one direction that have been made and have yet to be delivered, in that order. */
struct qkd_sim_flight {
	struct list_head blocks;
	unsigned int count;
	u64 last_due;
	struct qkd_sim_block *held; /* comes after the next one, if there is one; not counted */
};

struct qkd_sim_block {
	struct list_head node;
	u64 number;
	u64 due; /* boot-time clock, ns */
	struct qkd_sim_fate fate;
};

void qkd_sim_flight_init(struct qkd_sim_flight *flight);
void qkd_sim_flight_exit(struct qkd_sim_flight *flight);
int qkd_sim_flight_add(struct qkd_sim_flight *flight, u64 number, u64 due,
		       const struct qkd_sim_fate *fate);
void qkd_sim_flight_unhold(struct qkd_sim_flight *flight);
bool qkd_sim_flight_has(const struct qkd_sim_flight *flight, u64 number);
struct qkd_sim_block *qkd_sim_flight_first(struct qkd_sim_flight *flight);
void qkd_sim_flight_drop_first(struct qkd_sim_flight *flight);

/* stream.c: one link's two streams of blocks. */
struct qkd_sim_link;

extern struct workqueue_struct *qkd_sim_wq;

struct qkd_sim_link *qkd_sim_link_start(struct qkd_link *link, const struct qkd_sim_seed *seed,
					const struct qkd_sim_settings *settings);
void qkd_sim_link_stop(struct qkd_sim_link *sim);
int qkd_sim_link_seek(struct qkd_sim_link *sim, const u8 id[QKD_KEY_ID_LEN]);
void qkd_sim_link_set(struct qkd_sim_link *sim, const struct qkd_sim_settings *settings);
int qkd_sim_link_resync(struct qkd_sim_link *sim, u64 block, struct netlink_ext_ack *extack);
u64 qkd_sim_link_block(struct qkd_sim_link *sim);
const struct qkd_sim_settings *qkd_sim_link_settings(const struct qkd_sim_link *sim);

/* selftest.c */
#ifdef QKD_SELFTEST
int qkd_sim_selftest(void);
#else
static inline int qkd_sim_selftest(void)
{
	return 0;
}
#endif

#endif /* _QKD_SIM_H */
