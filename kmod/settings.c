// SPDX-License-Identifier: GPL-2.0-only
/* What an administrator may change of a link: each setting's attribute, default and limits. */
#include <linux/stddef.h>
#include <net/netlink.h>

#include "qkd.h"

#define NUMBER(ATTR, FIELD)                                                                \
	{                                                                                  \
		.attr = QKD_A_LINK_##ATTR, .at = offsetof(struct qkd_link_settings, FIELD) \
	}

/* All of them are u32. */
static const struct {
	u16 attr;
	u16 at;
} numbers[] = {
	NUMBER(TTL, ttl_s),
	NUMBER(LOW, low),
	NUMBER(QBER_MAX, qber_max),
	NUMBER(LEASE, lease_s),
	NUMBER(DEGRADE_AFTER, degrade_after),
	NUMBER(QUOTA_RATE, quota_rate),
	NUMBER(QUOTA_BURST, quota_burst),
	NUMBER(RESERVE, reserve),
	NUMBER(PRIORITY_GID, priority_gid),
	NUMBER(RAW, raw),
};

static u32 *number_of(struct qkd_link_settings *settings, int i)
{
	return (u32 *)((u8 *)settings + numbers[i].at);
}

/* A new link's, but for what its request names. */
void qkd_settings_init(struct qkd_link_settings *settings, const struct qkd_link_params *params)
{
	*settings = (struct qkd_link_settings){
		.ttl_s = params->ttl_s,
		.low = params->low,
		.qber_max = params->qber_max ?: QKD_QBER_MAX_DEFAULT,
		.lease_s = QKD_LEASE_DEFAULT,
		.degrade_after = QKD_DEGRADE_AFTER_DEFAULT,
		.priority_gid = QKD_GID_NONE,
		.raw = 1,
	};
}

/* Takes what a request, whose attributes the policies have checked, names. @attrs may be NULL. */
void qkd_settings_apply(struct qkd_link_settings *settings, struct nlattr **attrs)
{
	int i;

	for (i = 0; attrs && i < ARRAY_SIZE(numbers); i++) {
		if (attrs[numbers[i].attr])
			*number_of(settings, i) = nla_get_u32(attrs[numbers[i].attr]);
	}
}

/* Does a request name any? */
bool qkd_settings_named(struct nlattr **attrs)
{
	int i;

	for (i = 0; i < ARRAY_SIZE(numbers); i++) {
		if (attrs[numbers[i].attr])
			return true;
	}
	return false;
}

/* -EINVAL, and @attr of a request is what it is about; @attrs is NULL without one. */
int qkd_settings_refuse(struct nlattr **attrs, unsigned int attr, struct netlink_ext_ack *extack)
{
	if (attrs)
		NL_SET_BAD_ATTR(extack, attrs[attr]);
	return -EINVAL;
}

/*
 * -EINVAL, with the reason in @extack; @attrs are the request's, NULL without one. Groups are those of
 * @user_ns.
 */
int qkd_settings_check(const struct qkd_link_settings *settings, u32 capacity,
		       struct user_namespace *user_ns, struct nlattr **attrs,
		       struct netlink_ext_ack *extack)
{
	if (settings->ttl_s > QKD_TTL_MAX) {
		NL_SET_ERR_MSG(extack, "ttl out of range");
		return qkd_settings_refuse(attrs, QKD_A_LINK_TTL, extack);
	}
	if (settings->low > capacity) {
		NL_SET_ERR_MSG(extack, "low is above the capacity");
		return qkd_settings_refuse(attrs, QKD_A_LINK_LOW, extack);
	}
	if (settings->qber_max > QKD_PPM) {
		NL_SET_ERR_MSG(extack, "qber-max out of range");
		return qkd_settings_refuse(attrs, QKD_A_LINK_QBER_MAX, extack);
	}
	if (settings->reserve > capacity) {
		NL_SET_ERR_MSG(extack, "the reserve is above the capacity");
		return qkd_settings_refuse(attrs, QKD_A_LINK_RESERVE, extack);
	}
	if (settings->priority_gid != QKD_GID_NONE &&
	    !gid_valid(make_kgid(user_ns, settings->priority_gid))) {
		NL_SET_ERR_MSG(extack, "no such group in the namespace's user namespace");
		return qkd_settings_refuse(attrs, QKD_A_LINK_PRIORITY_GID, extack);
	}
	return 0;
}

/* 0 or -EMSGSIZE */
int qkd_settings_put(const struct qkd_link_settings *settings, struct sk_buff *skb)
{
	struct qkd_link_settings copy = *settings;
	int i;

	for (i = 0; i < ARRAY_SIZE(numbers); i++) {
		if (nla_put_u32(skb, numbers[i].attr, *number_of(&copy, i)))
			return -EMSGSIZE;
	}
	return 0;
}
