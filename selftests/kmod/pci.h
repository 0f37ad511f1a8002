/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the tests of qkd_pci.ko share: its device, which tools/qkdbox plays, and telling that what to do, over the third
 * serial port. Tests of a machine without the device are skipped.
 */
#ifndef _QKD_TEST_PCI_H
#define _QKD_TEST_PCI_H

#include <glob.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <termios.h>

#include "qkd_test.h"

#define BOX    "/dev/ttyS2"
#define SITE   "geneva"
#define LINK   "alpha"
#define DRIVER "/sys/bus/pci/drivers/qkd_pci/"
#define IDS    "0x1af4\n0x1110\n"
#define FAST   4000000 /* bits a second of the quantum channel */
#define ANSWER 1024

/* Says one line to the box. Its answer, or NULL */
static inline const char *box(const char *format, ...)
{
	static char answer[ANSWER];
	struct pollfd pfd = { .fd = open(BOX, O_RDWR | O_NOCTTY | O_CLOEXEC), .events = POLLIN };
	struct termios raw;
	size_t len = 0;
	va_list args;

	if (pfd.fd < 0 || tcgetattr(pfd.fd, &raw))
		return NULL;
	cfmakeraw(&raw);
	tcsetattr(pfd.fd, TCSAFLUSH, &raw);
	va_start(args, format);
	vdprintf(pfd.fd, format, args);
	va_end(args);
	dprintf(pfd.fd, "\n");
	while (len < ANSWER - 1 && (!len || answer[len - 1] != '\n') &&
	       poll(&pfd, 1, DEADLINE_MS) > 0) {
		ssize_t got = read(pfd.fd, answer + len, ANSWER - 1 - len);

		if (got <= 0)
			break;
		len += (size_t)got;
	}
	close(pfd.fd);
	answer[len] = '\0';
	return len && answer[len - 1] == '\n' ? answer : NULL;
}

#define ASSERT_DONE(...) ASSERT_STREQ("\"done\"\n", box(__VA_ARGS__))

/* A number of the box's account, of a list the one of @ring; 0 if it is not in it; -1: no answer */
static inline long box_ring_stat(const char *name, int ring)
{
	const char *answer = box("stats " SITE);
	char key[32];

	snprintf(key, sizeof(key), "\"%s\": ", name);
	if (!answer)
		return -1;
	answer = strstr(answer, key);
	answer = answer ? answer + strlen(key) : "0";
	if (*answer == '[')
		answer++;
	if (ring)
		answer += strcspn(answer, ",]") + 1;
	return strtol(answer, NULL, 0);
}

static inline long box_stat(const char *name)
{
	return box_ring_stat(name, 0);
}

static inline int block_id(unsigned long block, uint8_t id[QKD_KEY_ID_LEN])
{
	const char *answer = box("id %lu", block);

	for (int i = 0; i < QKD_KEY_ID_LEN; i++)
		if (!answer || sscanf(answer + 1 + 2 * i, "%2hhx", &id[i]) != 1)
			return -EPROTO;
	return 0;
}

/* Sysfs */

static inline int write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	int ret = 0;

	if (fd < 0)
		return -errno;
	if (write(fd, text, strlen(text)) != (ssize_t)strlen(text))
		ret = -errno;
	close(fd);
	return ret;
}

static inline bool has_text(const char *folder, const char *file, const char *text)
{
	char path[256], is[32] = "";
	int fd;

	snprintf(path, sizeof(path), "%s/%s", folder, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || read(fd, is, sizeof(is) - 1) < 0)
		is[0] = '\0';
	close(fd);
	return !strcmp(is, text);
}

/* The device's folder in sysfs; NULL: there is none */
static inline const char *device_folder(void)
{
	static char folder[128];
	glob_t found = {};

	folder[0] = '\0';
	glob("/sys/bus/pci/devices/*", 0, NULL, &found);
	for (size_t i = 0; i < found.gl_pathc; i++)
		if (has_text(found.gl_pathv[i], "vendor", "0x1af4\n") &&
		    has_text(found.gl_pathv[i], "device", "0x1110\n"))
			snprintf(folder, sizeof(folder), "%s", found.gl_pathv[i]);
	globfree(&found);
	return folder[0] ? folder : NULL;
}

static inline const char *device_address(void)
{
	const char *folder = device_folder();

	return folder ? strrchr(folder, '/') + 1 : "";
}

static inline const char *device_file(const char *file)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", device_folder(), file);
	return path;
}

static inline bool is_bound(void)
{
	return device_folder() && !access(device_file("driver"), F_OK);
}

static inline int bind_driver(void)
{
	return write_text(DRIVER "bind", device_address());
}

static inline int unbind_driver(void)
{
	return write_text(DRIVER "unbind", device_address());
}

/* The device's link */

static inline int add_pci_link(struct qkd_nl *nl, const char *name, uint8_t role, uint32_t capacity)
{
	char provider[32];
	const struct qkd_link_request request = {
		.name = name,
		.provider = provider,
		.local_sae = role == QKD_ROLE_A ? SITE_A : SITE_B,
		.remote_sae = role == QKD_ROLE_A ? SITE_B : SITE_A,
		.role = role,
		.capacity = capacity ? &capacity : NULL,
		.sim_seed_fd = -1,
	};

	snprintf(provider, sizeof(provider), "pci-%s", device_address());
	return qkd_nl_link_add(nl, &request);
}

/**
 * struct site - the device's link, in a network namespace of its own
 * @nl: a netlink handle
 * @fd: /dev/qkd, or -1
 */
struct site {
	struct qkd_nl *nl;
	int fd;
};

/* The device as good as new, its driver bound to it, no link */
static inline int site_begin(struct site *site)
{
	site->fd = -1;
	if (!box("clear " SITE) || !box("set outage 0") || !box("set qber 20000") ||
	    !box("set key-length 32") || !box("set rate %d", FAST))
		return -EIO;
	if (access(DRIVER, F_OK) && load_module("qkd_pci", NULL))
		return -ENOENT;
	if ((is_bound() && unbind_driver()) || bind_driver())
		return -ENODEV;
	return new_namespace(&site->nl);
}

static inline int site_link(struct site *site, uint8_t role, uint32_t capacity)
{
	int ret = add_pci_link(site->nl, LINK, role, capacity);

	if (ret)
		return ret;
	site->fd = qkd_open(NULL, 0);
	return site->fd < 0 ? site->fd : 0;
}

static inline void site_end(struct site *site)
{
	box("clear " SITE);
	if (site->fd >= 0)
		close(site->fd);
	qkd_nl_link_delete(site->nl, LINK);
	qkd_nl_close(site->nl);
	/* Other tests have qkd.ko for themselves. */
	syscall(SYS_delete_module, "qkd_pci", O_NONBLOCK);
}

static inline uint32_t site_state(const struct site *site)
{
	struct qkd_link_info info;

	return qkd_nl_link_get(site->nl, LINK, &info) ? UINT32_MAX : info.state;
}

static inline uint64_t site_stat(const struct site *site, int stat)
{
	return stat_of(site->nl, LINK, stat);
}

/* @count keys come. */
static inline bool came(const struct site *site, int count)
{
	struct qkd_key_get get;
	int ret = 0;

	while (!ret && count--)
		ret = get_key(site->fd, DEADLINE_MS, &get);
	return !ret;
}

/* A fixture's beginning: nothing to be tested without the device */
#define SITE_SETUP(site)                                               \
	do {                                                           \
		if (!device_folder())                                  \
			SKIP(return, "no QKD device in this machine"); \
		ASSERT_EQ(0, site_begin(site));                        \
	} while (0)

/* The same, with a link that is up */
#define SITE_SETUP_LINK(site, capacity)                              \
	do {                                                         \
		SITE_SETUP(site);                                    \
		ASSERT_EQ(0, site_link(site, QKD_ROLE_A, capacity)); \
		ASSERT_SOON(site_state(site) == QKD_LINK_UP);        \
	} while (0)

#endif /* _QKD_TEST_PCI_H */
