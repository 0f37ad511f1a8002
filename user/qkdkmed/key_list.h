/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keys on their way from a KME to the kernel. */
#ifndef QKDKMED_KEY_LIST_H
#define QKDKMED_KEY_LIST_H

#include <stddef.h>
#include <qkd/libqkd.h>

struct key_list {
	size_t count;
	size_t max;
	struct qkd_key keys[];
};

/* Room for @max keys, or NULL */
struct key_list *key_list_new(size_t max);

/* Is a key with this ID there? */
const struct qkd_key *key_list_find(const struct key_list *list, const uint8_t id[QKD_KEY_ID_LEN]);

/* Wipes and frees. NULL does nothing. */
void key_list_free(struct key_list *list);

#endif /* QKDKMED_KEY_LIST_H */
