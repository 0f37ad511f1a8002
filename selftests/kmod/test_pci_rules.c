// SPDX-License-Identifier: GPL-2.0-or-later
/* What qkd_pci.ko does with a device that breaks a rule of the interface: the table at the end of its page, row by row. */
#include "pci.h"

#define CAPACITY 64
#define RING	 256 /* entries of the box's rings */

FIXTURE(rules)
{
	struct site site;
	long resets;
};

FIXTURE_SETUP(rules)
{
	SITE_SETUP_LINK(&self->site, CAPACITY);
	self->resets = box_stat("reset");
}

FIXTURE_TEARDOWN(rules)
{
	site_end(&self->site);
}

/* Keys go on coming: more than are anywhere now. */
#define ASSERT_CAME() ASSERT_TRUE(came(&self->site, 1000))

FIXTURE_VARIANT(rules)
{
	const char *fault;
};

/* An entry that is wrong is left out: what the kernel was given is less by so many. */
FIXTURE_VARIANT_ADD(rules, corrupt){
	.fault = "corrupt",
};
FIXTURE_VARIANT_ADD(rules, sequence){
	.fault = "sequence",
};
FIXTURE_VARIANT_ADD(rules, length){
	.fault = "length",
};
FIXTURE_VARIANT_ADD(rules, order){
	.fault = "order",
};
FIXTURE_VARIANT_ADD(rules, parity){
	.fault = "parity",
};
FIXTURE_VARIANT_ADD(rules, beyond){
	.fault = "beyond",
};
FIXTURE_VARIANT_ADD(rules, reserved){
	.fault = "reserved",
};

TEST_F(rules, wrong_entries_are_left_out)
{
	long consumed;

	ASSERT_DONE("fault " SITE " %s times=3", variant->fault);
	ASSERT_CAME();
	ASSERT_DONE("set outage 1");
	EXPECT_EQ(self->resets, box_stat("reset"));
	consumed = box_stat("consumed");
	EXPECT_LE(3, consumed - (long)site_stat(&self->site, QKD_A_STATS_DELIVERED));
	EXPECT_EQ(0, site_stat(&self->site, QKD_A_STATS_REFUSED));
	ASSERT_DONE("set outage 0");
	/* Too many of them, and it is the device. */
	ASSERT_DONE("fault " SITE " %s times=600", variant->fault);
	ASSERT_CAME();
	EXPECT_LT(self->resets, box_stat("reset"));
	ASSERT_SOON(site_state(&self->site) == QKD_LINK_UP);
}

/* Full, with nothing under way */
static bool is_still(const struct site *site)
{
	return site_stat(site, QKD_A_STATS_OUTBOUND_FRESH) == CAPACITY &&
	       site_stat(site, QKD_A_STATS_INBOUND_FRESH) == CAPACITY &&
	       box_ring_stat("ring", 0) == RING && box_ring_stat("ring", 1) == RING;
}

FIXTURE(device)
{
	struct site site;
	long resets;
};

FIXTURE_SETUP(device)
{
	SITE_SETUP_LINK(&self->site, CAPACITY);
	ASSERT_SOON(is_still(&self->site));
	self->resets = box_stat("reset");
}

FIXTURE_TEARDOWN(device)
{
	site_end(&self->site);
}

static bool was_reset(FIXTURE_DATA(device) * self)
{
	return box_stat("reset") > self->resets;
}

TEST_F(device, what_is_written_late_is_waited_for)
{
	const long more =
		box_stat("consumed") - (long)site_stat(&self->site, QKD_A_STATS_DELIVERED);

	ASSERT_DONE("fault " SITE " torn=5 times=8");
	ASSERT_CAME();
	EXPECT_FALSE(was_reset(self));
	ASSERT_DONE("set outage 1");
	ASSERT_SOON(box_stat("consumed") - (long)site_stat(&self->site, QKD_A_STATS_DELIVERED) ==
		    more);
}

TEST_F(device, what_is_written_again_is_one_key_or_the_other)
{
	ASSERT_DONE("fault " SITE " rewrite=0");
	ASSERT_CAME();
	EXPECT_FALSE(was_reset(self));
	EXPECT_EQ(0, site_stat(&self->site, QKD_A_STATS_REFUSED));
}

TEST_F(device, duplicate_ids_and_keys_of_zeros_are_refused)
{
	ASSERT_DONE("fault " SITE " duplicate times=1");
	ASSERT_CAME();
	EXPECT_EQ(1, site_stat(&self->site, QKD_A_STATS_REFUSED));
	ASSERT_DONE("fault " SITE " zero times=3");
	ASSERT_CAME();
	EXPECT_EQ(4, site_stat(&self->site, QKD_A_STATS_REFUSED));
	EXPECT_FALSE(was_reset(self));
}

TEST_F(device, a_producer_that_cannot_be_ends_in_a_reset)
{
	static const char *const values[] = { "0x10000", "-0x10000" };
	struct qkd_key_get get;

	for (int i = 0; i < 2; i++) {
		long resets = box_stat("reset");

		ASSERT_DONE("fault " SITE " producer=%s", values[i]);
		ASSERT_SOON((get_key(self->site.fd, 0, &get), box_stat("reset") > resets));
		ASSERT_DONE("clear " SITE);
		ASSERT_CAME();
	}
}

TEST_F(device, a_fault_that_it_reports_ends_in_a_reset)
{
	ASSERT_DONE("fail " SITE " 0x77");
	ASSERT_SOON(was_reset(self));
	ASSERT_SOON(site_state(&self->site) == QKD_LINK_UP);
	ASSERT_CAME();
}

TEST_F(device, commands_that_fail_end_in_a_reset)
{
	static const struct {
		const char *fault;
		int finds; /* that the box carries out */
	} cases[] = { { "mute", 1 }, { "result=77", 2 }, { "result=4", 2 }, { "late=5000", 2 } };
	struct qkd_key_get get;
	uint8_t id[QKD_KEY_ID_LEN];

	for (int i = 0; i < 4; i++) {
		const long resets = box_stat("reset"), finds = box_stat("find");

		ASSERT_SOON(is_still(&self->site));
		ASSERT_EQ(0, block_id((unsigned long)box_ring_stat("next", 1) + 200, id));
		ASSERT_DONE("fault " SITE " %s times=1", cases[i].fault);
		/* Asked again after the reset */
		EXPECT_EQ(0, get_by_id(self->site.fd, id, DEADLINE_MS, &get))
		{
			TH_LOG("%s", cases[i].fault);
		}
		EXPECT_EQ(0, commit(self->site.fd, id));
		EXPECT_LT(resets, box_stat("reset"));
		/* What comes late is nobody's answer. */
		ASSERT_SOON(box_stat("find") >= finds + cases[i].finds);
		ASSERT_CAME();
	}
}

TEST_F(device, a_reset_that_fails_is_tried_again)
{
	static const char *const faults[] = { "same-generation", "result=1", "refuse" };

	for (int i = 0; i < 3; i++) {
		ASSERT_DONE("fault " SITE " %s times=1", faults[i]);
		ASSERT_DONE("fail " SITE " 1");
		ASSERT_SOON(site_state(&self->site) == QKD_LINK_DOWN);
		ASSERT_SOON(site_state(&self->site) == QKD_LINK_UP);
		ASSERT_CAME();
	}
}

TEST_F(device, a_block_that_find_names_wrongly_is_none)
{
	uint8_t id[QKD_KEY_ID_LEN];
	struct qkd_key_get get;
	static const char *const blocks[] = { "0", "1", "1000000", "0x7fffffffffffffff" };

	ASSERT_EQ(0, block_id((unsigned long)box_ring_stat("next", 1) + 2000, id));
	for (int i = 0; i < 4; i++) {
		ASSERT_DONE("fault " SITE " find=%s times=1", blocks[i]);
		EXPECT_EQ(-ENOKEY, get_by_id(self->site.fd, id, DEADLINE_MS, &get));
	}
	EXPECT_FALSE(was_reset(self));
	ASSERT_CAME();
}

TEST_F(device, health_pages_that_are_wrong_are_not_believed)
{
	static const char *const faults[] = { "health-check", "health-torn", "health-odd" };
	struct qkd_link_info info;

	for (int i = 0; i < 3; i++) {
		ASSERT_DONE("fault " SITE " %s", faults[i]);
		ASSERT_DONE("set qber %d", 30000 + i);
		ASSERT_CAME();
		ASSERT_EQ(0, qkd_nl_link_get(self->site.nl, LINK, &info));
		EXPECT_NE(30000 + i, info.qber);
		ASSERT_DONE("clear " SITE);
		ASSERT_SOON(!qkd_nl_link_get(self->site.nl, LINK, &info) &&
			    info.qber == (uint32_t)(30000 + i));
	}
	EXPECT_FALSE(was_reset(self));
}

TEST_F_TIMEOUT(device, a_device_without_a_sign_of_life_is_down, 120)
{
	struct qkd_link_info info;
	int64_t begin = now_ms();

	ASSERT_DONE("fault " SITE " stall");
	ASSERT_SOON(site_state(&self->site) == QKD_LINK_DOWN);
	EXPECT_LT(4000, now_ms() - begin);
	ASSERT_EQ(0, qkd_nl_link_get(self->site.nl, LINK, &info));
	EXPECT_EQ(QKD_UNKNOWN, info.qber);
	ASSERT_DONE("clear " SITE);
	ASSERT_SOON(site_state(&self->site) == QKD_LINK_UP);
	EXPECT_FALSE(was_reset(self));
}

TEST_F_TIMEOUT(device, without_interrupts_keys_come_all_the_same, 120)
{
	ASSERT_DONE("fault " SITE " silent");
	ASSERT_TRUE(came(&self->site, 700));
	EXPECT_FALSE(was_reset(self));
}

TEST_F_TIMEOUT(device, a_storm_of_interrupts_is_weathered, 120)
{
	for (int vector = 0; vector < 3; vector++) {
		ASSERT_DONE("fault " SITE " storm=%d", vector * 1000000 + 50000);
		ASSERT_CAME();
		ASSERT_DONE("clear " SITE);
	}
	ASSERT_CAME();
	EXPECT_FALSE(was_reset(self));
}

TEST_F_TIMEOUT(device, one_that_was_pulled_and_put_back_goes_on, 120)
{
	struct qkd_key_get get;

	ASSERT_SOON(site_stat(&self->site, QKD_A_STATS_OUTBOUND_FRESH) == CAPACITY);
	ASSERT_DONE("yank " SITE);
	ASSERT_SOON(site_state(&self->site) == QKD_LINK_DOWN);
	/* What is in the kernel is good. */
	EXPECT_EQ(0, get_key(self->site.fd, 0, &get));
	ASSERT_DONE("plug " SITE);
	ASSERT_SOON(site_state(&self->site) == QKD_LINK_UP);
	ASSERT_CAME();
}

TEST_HARNESS_MAIN
