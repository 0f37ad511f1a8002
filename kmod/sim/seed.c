// SPDX-License-Identifier: GPL-2.0-only
/* A link's seed, out of a file that the administrator has open. */
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/magic.h>
#include <linux/string.h>

#include "sim.h"

/*
 * Files in memory only, a memfd or on tmpfs: reading must end, and wait for nobody. Any user may ask,
 * and generic netlink's families cannot change meanwhile, so a daemon of his own behind the file
 * (FUSE), or a server that is gone (NFS), would hold up the machine.
 */
static bool is_seed_file(const struct file *file)
{
	const struct inode *inode = file_inode(file);

	return S_ISREG(inode->i_mode) && inode->i_sb->s_magic == TMPFS_MAGIC &&
	       file->f_mode & FMODE_READ;
}

static int read_seed_file(struct file *file, struct qkd_sim_seed *seed,
			  struct netlink_ext_ack *extack)
{
	u8 buf[QKD_SIM_SEED_LEN_MAX + 1];
	loff_t pos = 0;
	ssize_t len;

	if (!is_seed_file(file)) {
		NL_SET_ERR_MSG(extack, "the seed must be a memfd, or on tmpfs, open for reading");
		return -EINVAL;
	}
	len = kernel_read(file, buf, sizeof(buf), &pos);
	if (len >= QKD_SIM_SEED_LEN_MIN && len <= QKD_SIM_SEED_LEN_MAX) {
		memcpy(seed->bytes, buf, len);
		seed->len = len;
	}
	memzero_explicit(buf, sizeof(buf));
	if (len < 0) {
		NL_SET_ERR_MSG(extack, "cannot read the seed");
		return len;
	}
	if (!seed->len) {
		NL_SET_ERR_MSG(extack, "a seed is 32 to 64 bytes");
		return -EINVAL;
	}
	return 0;
}

/* What is read is the caller's to wipe, on failure too. */
int qkd_sim_seed_read(struct nlattr *attr, struct qkd_sim_seed *seed,
		      struct netlink_ext_ack *extack)
{
	struct file *file;
	int err;

	if (!attr) {
		NL_SET_ERR_MSG(extack, "a simulated link needs a seed");
		return -EINVAL;
	}
	file = fget(nla_get_s32(attr));
	if (!file) {
		NL_SET_ERR_MSG_ATTR(extack, attr, "the seed's file descriptor is not open");
		return -EBADF;
	}
	err = read_seed_file(file, seed, extack);
	fput(file);
	if (err)
		NL_SET_BAD_ATTR(extack, attr);
	return err;
}
