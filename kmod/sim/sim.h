/* SPDX-License-Identifier: GPL-2.0-only */
/* The simulator's private header. */
#ifndef _QKD_SIM_H
#define _QKD_SIM_H

#include <crypto/hash.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/workqueue.h>
#include <linux/qkd_provider.h>
#include <uapi/linux/qkd_netlink.h>

#define QKD_SIM_KEY_LEN 32

/* The domain, two SAE IDs with a length byte each, a label, a block number or tag. */
#define QKD_SIM_MSG_MAX (16 + 2 * (1 + QKD_SAE_ID_LEN_MAX) + 4 + 8)

/* prf.c: what a seed and two SAE IDs give for each block. @msg is scratch: one caller at a time. */
struct qkd_sim_prf {
	struct crypto_shash *hmac;
	size_t prefix_len;
	u8 msg[QKD_SIM_MSG_MAX];
};

int qkd_sim_prf_init(struct qkd_sim_prf *prf, const u8 *seed, size_t seed_len, const char *sae_a,
		     const char *sae_b);
void qkd_sim_prf_exit(struct qkd_sim_prf *prf);
int qkd_sim_prf_key(struct qkd_sim_prf *prf, u64 block, u8 key[QKD_SIM_KEY_LEN]);
int qkd_sim_prf_id(struct qkd_sim_prf *prf, u64 block, u8 id[QKD_KEY_ID_LEN]);
int qkd_sim_prf_block(struct qkd_sim_prf *prf, const u8 id[QKD_KEY_ID_LEN], u64 *block);

/* stream.c: one link's two streams of blocks. */
struct qkd_sim_link;

extern struct workqueue_struct *qkd_sim_wq;

struct qkd_sim_link *qkd_sim_link_start(struct qkd_link *link, const u8 *seed, size_t seed_len,
					u32 rate);
void qkd_sim_link_stop(struct qkd_sim_link *sim);
int qkd_sim_link_seek(struct qkd_sim_link *sim, const u8 id[QKD_KEY_ID_LEN]);
void qkd_sim_link_set_rate(struct qkd_sim_link *sim, u32 rate);
u32 qkd_sim_link_rate(const struct qkd_sim_link *sim);

#endif /* _QKD_SIM_H */
