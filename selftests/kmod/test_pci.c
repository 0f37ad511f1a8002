// SPDX-License-Identifier: GPL-2.0-or-later
/* qkd_pci.ko and a device that holds to the interface. */
#include "pci.h"

#define CAPACITY 64
#define RING	 256 /* entries of the box's rings */

FIXTURE(pci)
{
	struct site site;
};

FIXTURE_SETUP(pci)
{
	SITE_SETUP(&self->site);
}

FIXTURE_TEARDOWN(pci)
{
	site_end(&self->site);
}

static bool is_full(struct site *site, uint64_t capacity)
{
	return site_stat(site, QKD_A_STATS_OUTBOUND_FRESH) == capacity &&
	       site_stat(site, QKD_A_STATS_INBOUND_FRESH) == capacity;
}

/* The next outbound key is of @block or, if that has been passed, of one of the blocks after it. */
static int next_is_of(struct site *site, unsigned long block, unsigned int tries)
{
	uint8_t id[QKD_KEY_ID_LEN];
	struct qkd_key_get get;
	int ret = get_key(site->fd, DEADLINE_MS, &get);

	for (; !ret && tries; tries--, block += 2) {
		ret = block_id(block, id);
		if (!ret && !memcmp(id, get.key_id, sizeof(id)))
			return 0;
	}
	return ret ? ret : -ENOKEY;
}

TEST_F(pci, a_link_is_filled_and_the_device_holds_back)
{
	long reset = box_stat("reset");

	ASSERT_EQ(0, site_link(&self->site, QKD_ROLE_A, CAPACITY));
	ASSERT_SOON(is_full(&self->site, CAPACITY));
	ASSERT_SOON(box_stat("ring") == RING);
	EXPECT_EQ(2 * CAPACITY, site_stat(&self->site, QKD_A_STATS_DELIVERED));
	EXPECT_EQ(0, site_stat(&self->site, QKD_A_STATS_DROPPED));
	EXPECT_EQ(0, site_stat(&self->site, QKD_A_STATS_REFUSED));
	EXPECT_EQ(QKD_LINK_UP, site_state(&self->site));
	EXPECT_EQ(reset, box_stat("reset"));
	EXPECT_NE(NULL, strstr(box("stats " SITE), "\"wiped\": true"));
}

TEST_F(pci, keys_that_are_taken_are_replaced)
{
	struct qkd_key_get get;

	ASSERT_EQ(0, site_link(&self->site, QKD_ROLE_A, CAPACITY));
	for (int i = 0; i < 4 * CAPACITY; i++) {
		ASSERT_EQ(0, get_key(self->site.fd, DEADLINE_MS, &get));
		ASSERT_EQ(32, get.key_len);
		ASSERT_FALSE(all_zero(get.key, get.key_len));
	}
	ASSERT_SOON(is_full(&self->site, CAPACITY));
}

TEST_F(pci, the_role_says_which_ring_is_outbound)
{
	ASSERT_EQ(0, site_link(&self->site, QKD_ROLE_A, CAPACITY));
	ASSERT_SOON(is_full(&self->site, CAPACITY));
	EXPECT_EQ(0, qkd_nl_link_purge(self->site.nl, LINK));
	ASSERT_SOON(is_full(&self->site, CAPACITY));
	/* Where the ring stands the box tells: it has all blocks before that but for those in the kernel and the ring. */
	EXPECT_EQ(0, next_is_of(&self->site,
				(unsigned long)box_stat("next") - 2 * (RING + CAPACITY), 4));
	close(self->site.fd);
	ASSERT_EQ(0, qkd_nl_link_delete(self->site.nl, LINK));
	ASSERT_EQ(0, site_link(&self->site, QKD_ROLE_B, CAPACITY));
	ASSERT_SOON(is_full(&self->site, CAPACITY));
	EXPECT_EQ(-ENOKEY, next_is_of(&self->site,
				      (unsigned long)box_stat("next") - 2 * (RING + CAPACITY), 4));
}

TEST_F(pci, a_device_has_one_link)
{
	ASSERT_EQ(0, site_link(&self->site, QKD_ROLE_A, 0));
	EXPECT_EQ(-EBUSY, add_pci_link(self->site.nl, "beta", QKD_ROLE_B, 0));
	ASSERT_EQ(0, qkd_nl_link_delete(self->site.nl, LINK));
	EXPECT_EQ(0, add_pci_link(self->site.nl, LINK, QKD_ROLE_B, 0));
}

TEST_F(pci, a_key_comes_once_whatever_links_come_and_go)
{
	static uint8_t seen[600][QKD_KEY_ID_LEN];
	struct qkd_key_get get;
	int count = 0;

	for (int round = 0; round < 6; round++) {
		ASSERT_EQ(0, site_link(&self->site, QKD_ROLE_A, CAPACITY));
		for (int i = 0; i < 100; i++) {
			ASSERT_EQ(0, get_key(self->site.fd, DEADLINE_MS, &get));
			for (int k = 0; k < count; k++)
				ASSERT_NE(0, memcmp(seen[k], get.key_id, QKD_KEY_ID_LEN));
			memcpy(seen[count++], get.key_id, QKD_KEY_ID_LEN);
		}
		close(self->site.fd);
		ASSERT_EQ(0, qkd_nl_link_delete(self->site.nl, LINK));
		if (round % 2) {
			ASSERT_EQ(0, unbind_driver());
			ASSERT_EQ(0, bind_driver());
		}
	}
	ASSERT_EQ(0, site_link(&self->site, QKD_ROLE_A, CAPACITY));
}

TEST_F(pci, keys_have_the_devices_length)
{
	static const unsigned int lengths[] = { 16, 64, 48 };
	struct qkd_key_get get;
	long resets;

	for (int i = 0; i < 3; i++) {
		ASSERT_EQ(0, unbind_driver());
		ASSERT_DONE("set key-length %u", lengths[i]);
		ASSERT_EQ(0, bind_driver());
		ASSERT_EQ(0, site_link(&self->site, QKD_ROLE_A, CAPACITY));
		ASSERT_EQ(0, get_key(self->site.fd, DEADLINE_MS, &get));
		EXPECT_EQ(lengths[i], get.key_len);
		EXPECT_FALSE(all_zero(get.key + lengths[i] - 4, 4));
		close(self->site.fd);
		ASSERT_EQ(0, qkd_nl_link_delete(self->site.nl, LINK));
	}
	/* It has told the core how long its keys are. */
	ASSERT_EQ(0, site_link(&self->site, QKD_ROLE_A, CAPACITY));
	ASSERT_DONE("set key-length 32");
	resets = box_stat("reset");
	ASSERT_DONE("fail " SITE " 1");
	ASSERT_SOON(box_stat("reset") >= resets + 2);
	EXPECT_EQ(QKD_LINK_DOWN, site_state(&self->site));
	ASSERT_EQ(0, unbind_driver());
	ASSERT_EQ(0, bind_driver());
	EXPECT_EQ(0, add_pci_link(self->site.nl, LINK, QKD_ROLE_A, CAPACITY));
}

TEST_F(pci, a_key_that_the_peer_is_ahead_with_is_found)
{
	struct qkd_key_get get;
	uint8_t id[QKD_KEY_ID_LEN];
	unsigned long block;

	ASSERT_EQ(0, site_link(&self->site, QKD_ROLE_A, CAPACITY));
	ASSERT_SOON(is_full(&self->site, CAPACITY));
	/* In the ring; and in the device, so far that not all in between are delivered */
	for (int ahead = RING; ahead <= 8 * RING; ahead += 7 * RING) {
		ASSERT_SOON(box_ring_stat("ring", 1) == RING);
		block = (unsigned long)box_ring_stat("next", 1) - 2 * RING + ahead;
		ASSERT_EQ(0, block_id(block, id));
		EXPECT_EQ(0, get_by_id(self->site.fd, id, DEADLINE_MS, &get));
		EXPECT_EQ(0, commit(self->site.fd, id));
		EXPECT_EQ(-EKEYREVOKED, get_by_id(self->site.fd, id, 0, &get));
	}
	/* One that it leapt over is past. */
	ASSERT_EQ(0, block_id(block - 2 * 1000, id));
	EXPECT_EQ(-ENOKEY, get_by_id(self->site.fd, id, DEADLINE_MS, &get));
	ASSERT_SOON(is_full(&self->site, CAPACITY));
}

TEST_F(pci, an_id_that_no_device_makes_is_refused_at_once)
{
	uint8_t id[QKD_KEY_ID_LEN] = { 1, 2, 3, 4, 5, 6, 0x87, 8, 0x89 };
	struct qkd_key_get get;
	int64_t begin = now_ms();

	ASSERT_EQ(0, site_link(&self->site, QKD_ROLE_A, CAPACITY));
	EXPECT_EQ(-ENOKEY, get_by_id(self->site.fd, id, DEADLINE_MS, &get));
	EXPECT_GT(DEADLINE_MS, now_ms() - begin);
	EXPECT_LT(0, box_stat("find"));
	/* One of the other ring is none that a peer may send. */
	ASSERT_EQ(0, block_id((unsigned long)box_stat("next") & ~1UL, id));
	EXPECT_EQ(-ENOKEY, get_by_id(self->site.fd, id, DEADLINE_MS, &get));
}

TEST_F(pci, resync_goes_on_at_a_block)
{
	unsigned long block;

	ASSERT_EQ(0, site_link(&self->site, QKD_ROLE_A, CAPACITY));
	ASSERT_SOON(is_full(&self->site, CAPACITY));
	block = ((unsigned long)box_stat("next") & ~1UL) + 1000;
	ASSERT_EQ(0, qkd_nl_link_resync(self->site.nl, LINK, block));
	EXPECT_EQ(0, next_is_of(&self->site, block, 1));
	EXPECT_EQ(-EINVAL, qkd_nl_link_resync(self->site.nl, LINK, block - 1000));
	EXPECT_EQ(-EINVAL, qkd_nl_link_resync(self->site.nl, LINK, UINT64_MAX));
	EXPECT_EQ(0, next_is_of(&self->site, block + 2, 1));
}

TEST_F(pci, what_it_measures_is_told)
{
	struct qkd_link_info info;

	ASSERT_EQ(0, site_link(&self->site, QKD_ROLE_A, CAPACITY));
	ASSERT_SOON(site_state(&self->site) == QKD_LINK_UP);
	ASSERT_DONE("set qber 31000");
	ASSERT_DONE("set rate 123456");
	ASSERT_SOON(!qkd_nl_link_get(self->site.nl, LINK, &info) && info.qber == 31000 &&
		    info.rate == 123456);
	ASSERT_DONE("set qber 200000");
	ASSERT_SOON(site_state(&self->site) == QKD_LINK_DOWN);
	ASSERT_EQ(0, qkd_nl_link_get(self->site.nl, LINK, &info));
	EXPECT_EQ(200000, info.qber);
	ASSERT_DONE("set qber 20000");
	ASSERT_SOON(site_state(&self->site) == QKD_LINK_UP);
}

TEST_HARNESS_MAIN
